# SPDX-License-Identifier: Apache-2.0
"""Queue a task for each argument.  The task is a text; every dot in it is a tenth of a second of work."""
import os
import sys

import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()

# A durable queue and persistent messages: the work survives a restart of the broker.
channel.queue_declare("tasks", durable=True)
for task in sys.argv[1:] or ["dig a burrow..."]:
    channel.basic_publish(exchange="", routing_key="tasks", body=task,
                          properties=pika.BasicProperties(delivery_mode=2))
    print("queued: %s" % task)
connection.close()
