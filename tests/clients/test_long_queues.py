# SPDX-License-Identifier: Apache-2.0
"""Queues longer than memory should hold: order, counts and bounded size while most of a queue is on disk."""
import unittest

import harness
import support
import wire

COUNT = 100000
BODY = b"x" * 1000
ROOM_BYTES = 100 << 20  # what the daemon may grow by while it holds COUNT messages of 1 kB


@support.own_broker
class LongQueueTest(unittest.TestCase):
    seconds = 300
    durable = True

    def setUp(self):
        self.broker = harness.Broker(users=False)
        self.addCleanup(self.broker.close)
        self.broker.start()
        self.connect()

    def connect(self):
        self.client = wire.Client(self.broker.url, timeout=60)
        self.addCleanup(self.client.close)
        self.ch = self.client.channel()

    def declare(self, **arguments):
        table = {key.replace("_", "-"): value for key, value in arguments.items()}
        self.ch.call("queue.declare", queue="long", durable=self.durable, arguments=table)

    def fill(self, count=COUNT, mode=2, **properties):
        """Publish `count` numbered messages and wait until the broker has confirmed all."""
        client = wire.Client(self.broker.url, timeout=60)
        channel = client.channel()
        channel.call("confirm.select")
        settled = 0
        for start in range(0, count, 1000):
            client.send_bytes(b"".join(
                channel.encode_publish("", "long", b"%07d" % n + BODY, delivery_mode=mode,
                                       **{k: v(n) for k, v in properties.items()})
                for n in range(start, min(start + 1000, count))))
            while settled < start - 5000:
                settled = self.settle(channel, settled)
        while settled < count:
            settled = self.settle(channel, settled)
        client.shut()

    def settle(self, channel, settled):
        answer = channel.expect("basic.ack", "basic.nack")
        self.assertEqual(answer.name, "basic.ack")
        return answer.delivery_tag if answer.multiple else settled + 1

    def numbers(self, count):
        return [int(self.ch.deliver().body[:7]) for _ in range(count)]

    def ready(self):
        return self.ch.call("queue.declare", queue="long", passive=True).message_count

    def check_size(self, before):
        grown = self.broker.rss_bytes() - before
        if harness.is_plain():
            self.assertLess(grown, ROOM_BYTES)


class Durable(LongQueueTest):
    def test_in_order_and_small(self):
        self.declare()
        before = self.broker.rss_bytes()
        self.fill()
        self.check_size(before)
        self.assertEqual(self.ready(), COUNT)
        self.ch.call("basic.consume", queue="long", no_ack=True)
        self.assertEqual(self.numbers(COUNT), list(range(COUNT)))
        self.assertEqual(self.ready(), 0)

    def test_after_a_kill(self):
        self.declare()
        self.fill()
        self.broker.restart()
        self.connect()
        self.assertEqual(self.ready(), COUNT)
        self.check_size(20 << 20)
        self.ch.call("basic.consume", queue="long", no_ack=True)
        self.assertEqual(self.numbers(COUNT), list(range(COUNT)))

    def test_requeued_go_back_to_the_front(self):
        self.declare()
        self.fill(30000)
        self.ch.call("basic.qos", prefetch_count=3000)
        self.ch.call("basic.consume", queue="long", consumer_tag="t")
        self.assertEqual(self.numbers(3000), list(range(3000)))
        self.ch.call("basic.cancel", consumer_tag="t")
        self.ch.send("basic.nack", delivery_tag=0, multiple=True, requeue=True)
        self.ch.call("basic.qos", prefetch_count=0)
        self.assertEqual(self.ready(), 30000)
        self.ch.call("basic.consume", queue="long", no_ack=True)
        self.assertEqual(self.numbers(30000), list(range(30000)))

    def test_consumed_while_published(self):
        self.declare()
        self.ch.call("basic.consume", queue="long", no_ack=True)
        self.fill(40000)
        self.assertEqual(self.numbers(40000), list(range(40000)))

    def test_purge_and_delete(self):
        self.declare()
        self.fill(40000)
        self.assertEqual(self.ch.call("queue.purge", queue="long").message_count, 40000)
        self.fill(20000)
        self.assertEqual(self.ch.call("queue.delete", queue="long").message_count, 20000)
        self.declare()
        self.assertEqual(self.ready(), 0)
        self.fill(10)
        self.ch.call("basic.consume", queue="long", no_ack=True)
        self.assertEqual(self.numbers(10), list(range(10)))

    def test_length_limit(self):
        self.declare(x_max_length=15000)
        self.fill(40000)
        self.assertEqual(self.ready(), 15000)
        self.ch.call("basic.consume", queue="long", no_ack=True)
        self.assertEqual(self.numbers(15000), list(range(25000, 40000)))

    def test_expiry_all_at_once(self):
        self.declare(x_message_ttl=100)
        self.fill(30000)
        support.wait_for(lambda: self.ready() == 0)

    def test_dead_letters_of_a_long_queue(self):
        self.ch.call("queue.declare", queue="dead", durable=True)
        self.declare(x_dead_letter_exchange="", x_dead_letter_routing_key="dead", x_max_length=10)
        self.fill(20000)
        self.assertEqual(self.ready(), 10)
        support.wait_for(lambda: self.ch.call("queue.declare", queue="dead", passive=True)
                         .message_count == 19990, 20)
        self.ch.call("basic.consume", queue="dead", no_ack=True)
        self.assertEqual(self.numbers(19990), list(range(19990)))

    def test_priorities(self):
        self.declare(x_max_priority=3)
        self.fill(30000, priority=lambda n: n % 4)
        self.ch.call("basic.consume", queue="long", no_ack=True)
        wanted = [n for level in (3, 2, 1, 0) for n in range(30000) if n % 4 == level]
        self.assertEqual(self.numbers(30000), wanted)


class Transient(LongQueueTest):
    durable = False

    def test_in_order_and_small(self):
        self.declare()
        before = self.broker.rss_bytes()
        self.fill(mode=1)
        self.check_size(before)
        self.assertEqual(self.ready(), COUNT)
        self.ch.call("basic.consume", queue="long", no_ack=True)
        self.assertEqual(self.numbers(COUNT), list(range(COUNT)))

    def test_mixed_in_a_durable_queue(self):
        self.ch.call("queue.declare", queue="long", durable=True)
        self.durable = True
        for mode in (1, 2, 1):
            self.fill(20000, mode=mode)
        self.broker.restart()
        self.connect()
        self.assertEqual(self.ready(), 20000)
        self.ch.call("basic.consume", queue="long", no_ack=True)
        self.assertEqual(self.numbers(20000), list(range(20000)))

    def test_large_bodies(self):
        self.declare()
        before = self.broker.rss_bytes()
        body = bytes(1 << 20)
        for number in range(200):
            self.ch.publish("", "long", b"%07d" % number + body, delivery_mode=1)
        support.wait_for(lambda: self.ready() == 200, 30)
        self.check_size(before)
        self.ch.call("basic.consume", queue="long", no_ack=True)
        self.assertEqual(self.numbers(200), list(range(200)))


if __name__ == "__main__":
    unittest.main()
