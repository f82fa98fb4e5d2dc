# SPDX-License-Identifier: Apache-2.0
"""Send a log message under its severity: emit_log.py SEVERITY TEXT…"""
import os
import sys

import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.exchange_declare("direct_logs", exchange_type="direct")

severity = sys.argv[1] if len(sys.argv) > 1 else "info"
text = " ".join(sys.argv[2:]) or "nothing to see here"
channel.basic_publish(exchange="direct_logs", routing_key=severity, body=text)
print("sent: %s: %s" % (severity, text))
connection.close()
