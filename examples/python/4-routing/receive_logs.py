# SPDX-License-Identifier: Apache-2.0
"""Listen to some severities only: receive_logs.py SEVERITY…  One queue, one binding for each."""
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
channel.exchange_declare("direct_logs", exchange_type="direct")
queue = channel.queue_declare("", exclusive=True).method.queue
for severity in sys.argv[1:] or ["info", "warning", "error"]:
    channel.queue_bind(queue, "direct_logs", routing_key=severity)
channel.basic_consume(queue, on_message, auto_ack=True)
print("waiting for logs", flush=True)
channel.start_consuming()
connection.close()
