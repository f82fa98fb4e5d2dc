# SPDX-License-Identifier: Apache-2.0
"""Print whatever arrives in the queue "hello"; stop after COUNT messages if COUNT is set."""
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
channel.queue_declare("hello")
channel.basic_consume("hello", on_message, auto_ack=True)
print("waiting for messages", flush=True)
channel.start_consuming()
connection.close()
