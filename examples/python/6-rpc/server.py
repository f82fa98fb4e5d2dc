# SPDX-License-Identifier: Apache-2.0
"""Answer questions about Fibonacci numbers: the answer goes where the question says, with its number on it."""
import os

import pika

left = int(os.environ.get("COUNT", "0"))


def fibonacci(n):
    one, two = 0, 1
    for _ in range(n):
        one, two = two, one + two
    return one


def on_question(channel, method, properties, body):
    global left
    n = int(body)
    print("asked: fibonacci(%d)" % n, flush=True)
    channel.basic_publish(exchange="", routing_key=properties.reply_to, body=str(fibonacci(n)),
                          properties=pika.BasicProperties(
                              correlation_id=properties.correlation_id))
    channel.basic_ack(method.delivery_tag)
    left -= 1
    if left == 0:
        channel.stop_consuming()


connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.queue_declare("rpc")
channel.basic_qos(prefetch_count=1)
channel.basic_consume("rpc", on_question)
print("waiting for questions", flush=True)
channel.start_consuming()
connection.close()
