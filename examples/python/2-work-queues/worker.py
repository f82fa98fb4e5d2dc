# SPDX-License-Identifier: Apache-2.0
"""Work on tasks, one at a time; start as many workers as you like and they share the queue."""
import os
import time

import pika

left = int(os.environ.get("COUNT", "0"))


def on_task(channel, method, properties, body):
    global left
    print("working: %s" % body.decode(), flush=True)
    time.sleep(body.count(b".") / 10)
    print("done: %s" % body.decode(), flush=True)
    # Only now is the task off the books; had we died before, another worker would get it.
    channel.basic_ack(method.delivery_tag)
    left -= 1
    if left == 0:
        channel.stop_consuming()


connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.queue_declare("tasks", durable=True)

# No second task before the first is acknowledged: who is quick gets more.
channel.basic_qos(prefetch_count=1)
channel.basic_consume("tasks", on_task)
print("waiting for tasks", flush=True)
channel.start_consuming()
connection.close()
