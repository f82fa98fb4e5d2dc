# SPDX-License-Identifier: Apache-2.0
"""Listen to all log messages from now on, with a queue that lives as long as this connection."""
import os

import pika

left = int(os.environ.get("COUNT", "0"))


def on_message(channel, method, properties, body):
    global left
    print("received: %s" % body.decode(), flush=True)
    left -= 1
    if left == 0:
        channel.stop_consuming()


connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.exchange_declare("logs", exchange_type="fanout")

# No name: the broker invents one.  Exclusive: nobody else's, and gone with us.
queue = channel.queue_declare("", exclusive=True).method.queue
channel.queue_bind(queue, "logs")
channel.basic_consume(queue, on_message, auto_ack=True)
print("waiting for logs", flush=True)
channel.start_consuming()
connection.close()
