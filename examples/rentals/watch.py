# SPDX-License-Identifier: Apache-2.0
"""Watch for rentals: watch.py PATTERN, for instance

    rentals.eu.france.bormes-les-mimosas   one village
    rentals.eu.france.*                    one country
    rentals.#                              the whole world
"""
import json
import os
import sys

import pika

left = int(os.environ.get("COUNT", "0"))
pattern = sys.argv[1] if len(sys.argv) > 1 else "rentals.#"


def on_rental(channel, method, properties, body):
    global left
    rental = json.loads(body)
    place = method.routing_key.split(".")[-1]
    print("%s: %s in %s, %d euros" % (pattern, rental["what"], place, rental["euros"]),
          flush=True)
    left -= 1
    if left == 0:
        channel.stop_consuming()


connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.exchange_declare("rentals", exchange_type="topic", durable=True)
queue = channel.queue_declare("", exclusive=True).method.queue
channel.queue_bind(queue, "rentals", routing_key=pattern)
channel.basic_consume(queue, on_rental, auto_ack=True)
print("waiting for rentals", flush=True)
channel.start_consuming()
connection.close()
