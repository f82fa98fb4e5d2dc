# SPDX-License-Identifier: Apache-2.0
"""Work; what fails is tried again after 0.2, 0.4 and 0.8 seconds, then put aside.  Ends after COUNT jobs."""
import os
import time

import pika

import topology

left = int(os.environ.get("COUNT", "0"))
began = {}


def attempts_before(headers):
    """The broker has counted: each expiry in a waiting queue was an attempt that failed."""
    return sum(death["count"] for death in headers.get("x-death", [])
               if death["reason"] == "expired")


def on_job(channel, method, properties, body):
    global left
    name, attempt = body.decode(), attempts_before(properties.headers) + 1
    began.setdefault(name, time.monotonic())
    good = attempt > properties.headers["failures"]
    target = None if good else topology.wait_queue(attempt)
    # Put into the next queue and taken off this one in one transaction: never lost, never doubled.
    if target:
        channel.basic_publish("", target, body, properties)
    channel.basic_ack(method.delivery_tag)
    channel.tx_commit()
    outcome = "done" if good else "given up" if target == topology.FAILED else "failed"
    print("%s: attempt %d after %.1f s: %s" % (name, attempt, time.monotonic() - began[name],
                                                outcome), flush=True)
    if outcome != "failed":
        left -= 1
        if left == 0:
            channel.stop_consuming()


connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
topology.declare(channel)
channel.tx_select()
channel.basic_qos(prefetch_count=1)
channel.basic_consume(topology.JOBS, on_job)
print("waiting for jobs", flush=True)
channel.start_consuming()
connection.close()
