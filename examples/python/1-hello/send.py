# SPDX-License-Identifier: Apache-2.0
"""Put one message into the queue "hello" and go home."""
import os
import sys

import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()

# Whoever comes first makes the queue; to declare it again does no harm.
channel.queue_declare("hello")

text = " ".join(sys.argv[1:]) or "Hello, marsupials!"
channel.basic_publish(exchange="", routing_key="hello", body=text)
print("sent: %s" % text)
connection.close()
