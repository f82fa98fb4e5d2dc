# SPDX-License-Identifier: Apache-2.0
"""Ask the server, wait for the answer: client.py N…  Several questions are under way at once."""
import os
import sys
import uuid

import pika

questions = {str(uuid.uuid4()): int(n) for n in sys.argv[1:] or ["30"]}
answers = {}


def on_answer(channel, method, properties, body):
    # An answer to a question that we didn't ask is none of our business.
    if properties.correlation_id in questions:
        answers[properties.correlation_id] = int(body)
    if len(answers) == len(questions):
        channel.stop_consuming()


connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
replies = channel.queue_declare("", exclusive=True).method.queue
channel.basic_consume(replies, on_answer, auto_ack=True)
for number, n in questions.items():
    channel.basic_publish(exchange="", routing_key="rpc", body=str(n),
                          properties=pika.BasicProperties(reply_to=replies,
                                                          correlation_id=number))
channel.start_consuming()
for number, n in questions.items():
    print("fibonacci(%d) = %d" % (n, answers[number]))
connection.close()
