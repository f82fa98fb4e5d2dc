# SPDX-License-Identifier: Apache-2.0
"""Tell everyone who listens: a fanout exchange copies the message into every queue bound to it."""
import os
import sys

import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.exchange_declare("logs", exchange_type="fanout")

text = " ".join(sys.argv[1:]) or "info: the sun is down, come out"
channel.basic_publish(exchange="logs", routing_key="", body=text)
print("sent: %s" % text)
connection.close()
