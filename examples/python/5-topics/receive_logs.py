# SPDX-License-Identifier: Apache-2.0
"""Listen by pattern: receive_logs.py PATTERN…  In a pattern * is one word and # any number of words."""
import os
import sys

import pika

left = int(os.environ.get("COUNT", "0"))


def on_message(channel, method, properties, body):
    global left
    print("received: %s: %s" % (method.routing_key, body.decode()), flush=True)
    left -= 1
    if left == 0:
        channel.stop_consuming()


connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.exchange_declare("topic_logs", exchange_type="topic")
queue = channel.queue_declare("", exclusive=True).method.queue
for pattern in sys.argv[1:] or ["#"]:
    channel.queue_bind(queue, "topic_logs", routing_key=pattern)
channel.basic_consume(queue, on_message, auto_ack=True)
print("waiting for logs", flush=True)
channel.start_consuming()
connection.close()
