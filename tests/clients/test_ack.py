# SPDX-License-Identifier: Apache-2.0
"""Acknowledgements: ack, nack, reject, requeueing to the old place, redelivered, recover, prefetch."""
import socket
import unittest

import support
import wire
from support import ClientTest


class AckTest(ClientTest):
    """A queue with a..e, and a raw channel."""

    def setUp(self):
        super().setUp()
        self.q = self.queue()
        self.c = self.wire().channel()

    def fill(self, letters="abcde"):
        self.publish(self.q, *letters)
        self.wait_count(self.q, len(letters))

    def take(self, count):
        return [self.c.call("basic.get", queue=self.q) for _ in range(count)]

    def left(self):
        """Bodies and redelivered flags of what is ready, in order."""
        self.c.call("basic.qos", prefetch_count=0)  # whatever the channel sent has been done
        return [(m.text, m.redelivered) for m in self.drain(self.q)]


class Ack(AckTest):
    def test_single(self):
        self.fill("abc")
        a, b, c = self.take(3)
        self.c.send("basic.ack", delivery_tag=b.delivery_tag)
        self.c.call("channel.close")
        self.assertEqual([(m.text, m.redelivered) for m in self.drain(self.q, 2)],
                         [("a", True), ("c", True)])
        del a, c

    def test_multiple(self):
        self.fill("abcd")
        got = self.take(4)
        self.c.send("basic.ack", delivery_tag=got[2].delivery_tag, multiple=True)
        self.c.call("channel.close")
        self.assertEqual(self.texts(self.q, 1), ["d"])

    def test_multiple_zero_means_all(self):
        self.fill("abcd")
        self.take(4)
        self.c.send("basic.ack", delivery_tag=0, multiple=True)
        self.c.call("channel.close")
        self.assertIsNone(self.get(self.q, wait=0.1))

    def test_multiple_zero_with_nothing_to_ack(self):
        self.c.send("basic.ack", delivery_tag=0, multiple=True)
        self.c.call("basic.qos", prefetch_count=1)

    def closes(self, tag_or_none, name="basic.ack", ids=(60, 80), **values):
        self.c.send(name, delivery_tag=tag_or_none, **values)
        self.assert_closed(self.c.closes(), 406, "unknown delivery tag %d" % tag_or_none, *ids,
                           wire.ChannelClosed)

    def test_unknown_tag(self):
        self.closes(99)

    def test_zero_single_is_unknown(self):
        self.closes(0)

    def test_unknown_multiple(self):
        self.closes(99, multiple=True)

    def test_twice(self):
        self.fill("a")
        tag = self.take(1)[0].delivery_tag
        self.c.send("basic.ack", delivery_tag=tag)
        self.closes(tag)

    def test_of_a_no_ack_delivery(self):
        self.fill("a")
        got = self.c.call("basic.get", queue=self.q, no_ack=True)
        self.closes(got.delivery_tag)

    def test_unknown_nack_and_reject(self):
        self.closes(5, "basic.nack", (60, 120), requeue=True)
        self.c = self.wire().channel()
        self.closes(5, "basic.reject", (60, 90), requeue=True)

    def test_tags_are_the_channels_own(self):
        self.fill("a")
        self.take(1)
        other = self.c.client.channel()
        other.send("basic.ack", delivery_tag=1)
        self.assertEqual(other.closes().code, 406)

    def test_after_the_queue_is_gone(self):
        self.fill("a")
        got = self.take(1)[0]
        self.ch.queue_delete(self.q)
        self.c.send("basic.ack", delivery_tag=got.delivery_tag)
        self.c.call("basic.qos", prefetch_count=1)

    def test_very_many_out_of_order(self):
        letters = [str(i) for i in range(2000)]
        self.fill(letters)
        self.c.call("basic.consume", queue=self.q)
        tags = [self.c.deliver().delivery_tag for _ in letters]
        for tag in tags[1::2][::-1] + tags[0::2]:
            self.c.send("basic.ack", delivery_tag=tag)
        self.c.call("channel.close")
        self.assertIsNone(self.get(self.q, wait=0.1))


class Requeue(AckTest):
    def test_nack_puts_it_back_in_its_place(self):
        self.fill()
        a, b, c = self.take(3)
        self.c.send("basic.nack", delivery_tag=b.delivery_tag, requeue=True)
        self.assertEqual(self.left(), [("b", True), ("d", False), ("e", False)])
        del a, c

    def test_in_whatever_order_they_come_back(self):
        self.fill()
        got = self.take(4)
        for index in (2, 0, 3, 1):
            self.c.send("basic.nack", delivery_tag=got[index].delivery_tag, requeue=True)
        self.assertEqual(self.left(), [("a", True), ("b", True), ("c", True), ("d", True),
                                       ("e", False)])

    def test_nack_multiple(self):
        self.fill()
        got = self.take(4)
        self.c.send("basic.nack", delivery_tag=got[2].delivery_tag, multiple=True, requeue=True)
        self.assertEqual(self.left(), [("a", True), ("b", True), ("c", True), ("e", False)])

    def test_nack_all(self):
        self.fill()
        self.take(3)
        self.c.send("basic.nack", delivery_tag=0, multiple=True, requeue=True)
        self.assertEqual([text for text, _ in self.left()], list("abcde"))

    def test_reject(self):
        self.fill("ab")
        a = self.take(1)[0]
        self.c.send("basic.reject", delivery_tag=a.delivery_tag, requeue=True)
        self.assertEqual(self.left(), [("a", True), ("b", False)])

    def test_channel_close_requeues_in_order(self):
        self.fill()
        self.take(4)
        self.c.call("channel.close")
        self.assertEqual([(m.text, m.redelivered) for m in self.drain(self.q, 5)],
                         [("a", True), ("b", True), ("c", True), ("d", True), ("e", False)])

    def test_lost_connection_requeues_in_order(self):
        self.fill()
        self.take(3)
        self.c.client.close()
        self.wait_count(self.q, 5)
        self.assertEqual(self.texts(self.q, 5), list("abcde"))

    def test_two_channels_give_back_in_order(self):
        self.fill("abcdef")
        other = self.wire().channel()
        for index in range(6):
            (self.c, other)[index % 2].call("basic.get", queue=self.q)
        other.call("channel.close")
        self.c.call("channel.close")
        self.assertEqual(self.texts(self.q, 6), list("abcdef"))

    def test_redelivered_to_the_same_consumer(self):
        self.c.call("basic.consume", queue=self.q)
        self.publish(self.q, "a")
        for redelivered in (False, True, True):
            got = self.c.deliver()
            self.assertEqual((got.body, got.redelivered), (b"a", redelivered))
            self.c.send("basic.nack", delivery_tag=got.delivery_tag, requeue=True)
        self.c.deliver()

    def test_to_another_consumer(self):
        self.c.call("basic.qos", prefetch_count=1)
        self.c.call("basic.consume", queue=self.q, consumer_tag="1")
        self.publish(self.q, "a")
        got = self.c.deliver()
        other = self.wire().channel()
        other.call("basic.consume", queue=self.q)
        self.c.call("basic.cancel", consumer_tag="1")
        self.c.send("basic.nack", delivery_tag=got.delivery_tag, requeue=True)
        self.assertTrue(other.deliver().redelivered)


class Discard(AckTest):
    def test_nack_and_reject_without_requeue(self):
        self.fill("abc")
        a, b, c = self.take(3)
        self.c.send("basic.nack", delivery_tag=a.delivery_tag, requeue=False)
        self.c.send("basic.reject", delivery_tag=b.delivery_tag, requeue=False)
        self.c.call("channel.close")
        self.assertEqual(self.texts(self.q, 1), ["c"])
        del c


class Recover(AckTest):
    def test_requeue(self):
        self.fill("abc")
        self.take(2)
        self.c.call("basic.recover", requeue=True)
        self.assertEqual(self.left(), [("a", True), ("b", True), ("c", False)])

    def test_async(self):
        self.fill("abc")
        self.take(2)
        self.c.send("basic.recover-async", requeue=True)
        self.assertEqual([text for text, _ in self.left()], list("abc"))

    def test_to_a_consumer(self):
        self.c.call("basic.consume", queue=self.q)
        self.publish(self.q, "a", "b")
        first = [self.c.deliver() for _ in range(2)]
        self.c.call("basic.recover", requeue=True)
        again = [self.c.deliver() for _ in range(2)]
        self.assertEqual([(m.body, m.redelivered) for m in again], [(b"a", True), (b"b", True)])
        self.assertEqual([m.delivery_tag for m in first + again], [1, 2, 3, 4])

    def test_without_requeue_is_not_implemented(self):
        for name, ids in (("basic.recover", (60, 110)), ("basic.recover-async", (60, 100))):
            client = self.wire()
            client.channel().send(name, requeue=False)
            self.assert_closed(client.wait_close(), 540, "requeue=false", *ids,
                               wire.ConnectionClosed)


class Prefetch(AckTest):
    def deliveries(self, channel=None, timeout=0.25):
        channel, got = channel or self.c, []
        # The first answer says that the broker has seen what came before; it has dealt before the second.
        for _ in range(2):
            channel.call("channel.flow", active=True)
        try:
            while True:
                got.append(channel.deliver(timeout))
        except socket.timeout:
            return got

    def test_limits_the_unacked(self):
        self.fill()
        self.c.call("basic.qos", prefetch_count=2)
        self.c.call("basic.consume", queue=self.q)
        got = self.deliveries()
        self.assertEqual([m.body for m in got], [b"a", b"b"])
        self.c.send("basic.ack", delivery_tag=got[0].delivery_tag)
        self.assertEqual([m.body for m in self.deliveries()], [b"c"])
        self.c.send("basic.ack", delivery_tag=3, multiple=True)
        self.assertEqual([m.body for m in self.deliveries()], [b"d", b"e"])

    def test_nack_gives_credit_back(self):
        self.fill("ab")
        self.c.call("basic.qos", prefetch_count=1)
        self.c.call("basic.consume", queue=self.q)
        got = self.c.deliver()
        self.c.send("basic.nack", delivery_tag=got.delivery_tag, requeue=False)
        self.assertEqual(self.c.deliver().body, b"b")

    def test_is_per_consumer(self):
        self.fill()
        self.c.call("basic.qos", prefetch_count=1)
        for tag in "xy":
            self.c.call("basic.consume", queue=self.q, consumer_tag=tag)
        self.assertEqual(sorted(m.consumer_tag for m in self.deliveries()), ["x", "y"])

    def test_changes_count_for_later_consumers(self):
        self.fill("abcdefgh")
        self.c.call("basic.qos", prefetch_count=1)
        self.c.call("basic.consume", queue=self.q, consumer_tag="x")
        self.c.call("basic.qos", prefetch_count=3)
        self.c.call("basic.consume", queue=self.q, consumer_tag="y")
        tags = [m.consumer_tag for m in self.deliveries()]
        self.assertEqual((tags.count("x"), tags.count("y")), (1, 3))

    def test_global_is_shared_by_the_channels_consumers(self):
        self.fill()
        self.c.call("basic.qos", prefetch_count=2, **{"global": True})
        for tag in "xy":
            self.c.call("basic.consume", queue=self.q, consumer_tag=tag)
        got = self.deliveries()
        self.assertEqual(len(got), 2)
        self.c.send("basic.ack", delivery_tag=got[0].delivery_tag)
        self.assertEqual(len(self.deliveries()), 1)

    def test_global_counts_for_consumers_already_there(self):
        self.c.call("basic.consume", queue=self.q)
        self.c.call("basic.qos", prefetch_count=2, **{"global": True})
        self.publish(self.q, *"abcde")
        self.assertEqual(len(self.deliveries()), 2)
        self.c.call("basic.qos", prefetch_count=4, **{"global": True})
        self.assertEqual(len(self.deliveries()), 2)
        self.c.call("basic.qos", prefetch_count=0, **{"global": True})
        self.assertEqual(len(self.deliveries()), 1)

    def test_global_and_per_consumer_both_hold(self):
        self.fill("abcdefgh")
        self.c.call("basic.qos", prefetch_count=3)
        self.c.call("basic.qos", prefetch_count=5, **{"global": True})
        for tag in "xyz":
            self.c.call("basic.consume", queue=self.q, consumer_tag=tag)
        tags = [m.consumer_tag for m in self.deliveries()]
        self.assertEqual(len(tags), 5)
        self.assertLessEqual(max(tags.count(tag) for tag in "xyz"), 3)

    def test_zero_is_unlimited(self):
        self.fill("x" * 300)
        self.c.call("basic.qos", prefetch_count=0)
        self.c.call("basic.consume", queue=self.q)
        for _ in range(300):
            self.c.deliver()

    def test_no_ack_consumers_are_not_limited(self):
        self.fill()
        self.c.call("basic.qos", prefetch_count=1)
        self.c.call("basic.consume", queue=self.q, no_ack=True)
        self.assertEqual(len(self.deliveries()), 5)

    def test_get_is_not_limited(self):
        self.fill()
        self.c.call("basic.qos", prefetch_count=1)
        self.assertEqual(len(self.take(5)), 5)

    def test_prefetch_size_is_not_implemented(self):
        client = self.wire()
        client.channel().send("basic.qos", prefetch_size=10)
        self.assert_closed(client.wait_close(), 540, "prefetch_size!=0 (10)", 60, 10,
                           wire.ConnectionClosed)

    def test_largest(self):
        self.c.call("basic.qos", prefetch_count=65535)
        self.fill()
        self.c.call("basic.consume", queue=self.q)
        self.assertEqual(len(self.deliveries()), 5)


if __name__ == "__main__":
    unittest.main()
