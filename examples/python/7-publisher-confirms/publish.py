# SPDX-License-Identifier: Apache-2.0
"""Three ways to be sure that the broker has the messages: publish.py [HOW MANY]"""
import os
import sys
import time

import pika

count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
persistent = pika.BasicProperties(delivery_mode=2)


def one_by_one():
    """Wait for each confirm before the next message: simple, and a disk's pace."""
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.confirm_delivery()
    for number in range(count):
        channel.basic_publish("", queue, "message %d" % number, persistent)
    connection.close()


def in_transactions(batch=100):
    """A hundred at a time: all of a batch are there, or none."""
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.tx_select()
    for number in range(count):
        channel.basic_publish("", queue, "message %d" % number, persistent)
        if (number + 1) % batch == 0 or number + 1 == count:
            channel.tx_commit()
    connection.close()


def as_they_come():
    """Publish on and tick off the confirms as they arrive: as safe as the first, and fast."""
    unconfirmed = set()

    def on_confirm(frame):
        tag = frame.method.delivery_tag
        if isinstance(frame.method, pika.spec.Basic.Nack):
            print("refused: %d" % tag)
        settled = {t for t in unconfirmed if t == tag or (frame.method.multiple and t <= tag)}
        unconfirmed.difference_update(settled)
        if not unconfirmed:
            channel.connection.close()

    def on_queue(frame):
        channel.confirm_delivery(on_confirm, callback=lambda _: publish(frame.method.queue))

    def publish(queue):
        unconfirmed.update(range(1, count + 1))
        for number in range(count):
            channel.basic_publish("", queue, "message %d" % number, persistent)

    def on_channel(opened):
        nonlocal channel
        channel = opened
        channel.queue_declare("", exclusive=True, callback=on_queue)

    channel = None
    connection = pika.SelectConnection(
        pika.URLParameters(os.environ["AMQP_URL"]),
        on_open_callback=lambda c: c.channel(on_open_callback=on_channel),
        on_close_callback=lambda c, _: c.ioloop.stop())
    connection.ioloop.start()


for way in (one_by_one, in_transactions, as_they_come):
    began = time.monotonic()
    way()
    print("%s: %d messages in %.2f s" % (way.__name__.replace("_", " "), count,
                                         time.monotonic() - began), flush=True)
