# SPDX-License-Identifier: Apache-2.0
"""Queue jobs that will fail a number of times: publish.py NAME=FAILURES…"""
import os
import sys

import pika

import topology

connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
topology.declare(channel)
for argument in sys.argv[1:] or ["easy=0", "stubborn=2", "hopeless=99"]:
    name, _, failures = argument.partition("=")
    channel.basic_publish("", topology.JOBS, name, pika.BasicProperties(
        delivery_mode=2, headers={"failures": int(failures or 0)}))
    print("queued: %s" % argument)
connection.close()
