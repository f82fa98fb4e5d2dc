# SPDX-License-Identifier: Apache-2.0
"""Send a log message under a key such as "kern.critical": emit_log.py KEY TEXT…"""
import os
import sys

import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.exchange_declare("topic_logs", exchange_type="topic")

key = sys.argv[1] if len(sys.argv) > 1 else "anonymous.info"
text = " ".join(sys.argv[2:]) or "nothing to see here"
channel.basic_publish(exchange="topic_logs", routing_key=key, body=text)
print("sent: %s: %s" % (key, text))
connection.close()
