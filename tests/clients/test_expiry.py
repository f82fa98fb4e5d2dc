# SPDX-License-Identifier: Apache-2.0
"""Time and length limits: message TTL, per-message expiration, queue expiry, max-length in all its ways, priorities."""
import time
import unittest

import pika

import support
import wire
from support import ClientTest, wait_for


class MessageTtl(ClientTest):
    def test_queue_ttl(self):
        queue = self.queue(x_message_ttl=150)
        self.publish(queue, "a", "b")
        self.wait_count(queue, 0)
        self.assertIsNone(self.get(queue, wait=0))

    def test_not_before_its_time(self):
        queue = self.queue(x_message_ttl=400)
        self.publish(queue, "a", "b")
        began = time.monotonic()
        seen = self.count(queue)[0]
        if time.monotonic() - began < 0.3:
            self.assertEqual(seen, 2)
        self.wait_count(queue, 0)
        self.assertGreater(time.monotonic() - began, 0.3)

    def test_per_message(self):
        queue = self.queue()
        self.publish(queue, "short", expiration="100")
        self.publish(queue, "long", expiration="60000")
        self.publish(queue, "none")
        self.wait_count(queue, 2)
        got = self.drain(queue, 2)
        self.assertEqual([m.text for m in got], ["long", "none"])
        self.assertEqual(got[0].properties.expiration, "60000")

    def test_the_shorter_one_wins(self):
        queue = self.queue(x_message_ttl=60000)
        self.publish(queue, "a", expiration="100")
        self.wait_count(queue, 0)
        queue = self.queue("2", x_message_ttl=100)
        self.publish(queue, "a", expiration="60000")
        self.wait_count(queue, 0)

    def test_zero_needs_a_waiting_consumer(self):
        queue = self.queue(x_message_ttl=0)
        self.publish(queue, "lost")
        self.wait_count(queue, 0)
        got, _ = self.consume(queue)
        self.publish(queue, "seen")
        self.wait_messages(got, 1)
        self.assertEqual(got[0].text, "seen")

    def test_zero_per_message(self):
        queue = self.queue()
        self.publish(queue, "lost", expiration="0")
        self.wait_count(queue, 0)
        got, _ = self.consume(queue)
        self.publish(queue, "seen", expiration="0")
        self.wait_messages(got, 1)

    def test_unacked_do_not_expire_but_requeued_do(self):
        queue = self.queue(x_message_ttl=200)
        got, tag = self.consume(queue)
        self.publish(queue, "a")
        self.wait_messages(got, 1)
        self.ch.basic_cancel(tag)
        time.sleep(0.4)
        self.ch.basic_nack(got[0].tag, requeue=True)
        self.wait_count(queue, 0)

    def test_expired_are_never_delivered(self):
        queue = self.queue(x_message_ttl=100)
        self.publish(queue, *["old"] * 50)
        time.sleep(0.3)
        got, _ = self.consume(queue)
        self.publish(queue, "new")
        self.wait_messages(got, 1)
        self.assertEqual(got[0].text, "new")

    @support.bilby_only
    def test_expires_wherever_it_stands(self):
        queue = self.queue()
        self.publish(queue, "keep")
        self.publish(queue, "drop", expiration="100")
        self.publish(queue, "keep too")
        self.wait_count(queue, 2)
        self.assertEqual(self.texts(queue, 2), ["keep", "keep too"])


class QueueExpiry(ClientTest):
    def goes(self, queue, seconds):
        """It goes when it isn't used so long; looking is use."""
        def rest():
            time.sleep(2 * seconds)
            return self.gone(queue)
        wait_for(rest, what="the end of the queue")

    def gone(self, queue):
        channel = self.wire().channel()
        channel.send("queue.declare", queue=queue, passive=True)
        try:
            channel.expect("queue.declare-ok")
        except wire.ChannelClosed as closed:
            return closed.code == 404
        channel.client.close()
        return False

    def test_unused_goes(self):
        queue = self.queue(x_expires=300)
        began = time.monotonic()
        time.sleep(0.1)
        gone = self.gone(queue)
        if time.monotonic() - began < 0.3:
            self.assertFalse(gone)
        self.goes(queue, 0.3)

    def test_messages_do_not_keep_it(self):
        queue = self.queue(x_expires=200)
        self.publish(queue, "x")
        self.goes(queue, 0.2)

    def test_a_consumer_keeps_it(self):
        queue = self.queue(x_expires=200)
        channel = self.wire().channel()
        channel.call("basic.consume", queue=queue)
        time.sleep(0.6)
        self.assertFalse(self.gone(queue))
        channel.client.close()
        self.goes(queue, 0.2)

    def test_get_renews(self):
        queue = self.queue(x_expires=2000)
        for _ in range(4):
            time.sleep(0.6)
            self.get(queue, wait=0)
        self.goes(queue, 2)

    def test_redeclaring_renews(self):
        queue = self.queue(x_expires=2000)
        self.publish(queue, "x")
        for _ in range(4):
            time.sleep(0.6)
            self.queue(x_expires=2000)
        self.assertEqual(self.count(queue)[0], 1)


class MaxLength(ClientTest):
    def test_drop_head_is_the_default(self):
        queue = self.queue(x_max_length=3)
        self.publish(queue, *"abcde")
        self.publish(queue, "f")
        time.sleep(0.1)
        self.assertEqual(self.texts(queue), ["d", "e", "f"])

    def test_drop_head(self):
        queue = self.queue(x_max_length=2, x_overflow="drop-head")
        self.publish(queue, *"abcd")
        time.sleep(0.1)
        self.assertEqual(self.texts(queue), ["c", "d"])

    def test_bytes(self):
        queue = self.queue(x_max_length_bytes=10)
        self.publish(queue, "aaaa", "bbbb", "cccc")
        time.sleep(0.1)
        self.assertEqual(self.texts(queue), ["bbbb", "cccc"])

    def test_one_too_large_for_all(self):
        queue = self.queue(x_max_length_bytes=10)
        self.publish(queue, "a" * 11)
        time.sleep(0.1)
        self.assertEqual(self.texts(queue), [])

    def test_both_limits_hold(self):
        queue = self.queue(x_max_length=3, x_max_length_bytes=10)
        self.publish(queue, "aaaa", "bbbb", "cccc")
        self.publish(queue, "d", "e", "f")
        time.sleep(0.1)
        self.assertEqual(self.texts(queue), ["d", "e", "f"])

    def test_zero(self):
        queue = self.queue(x_max_length=0)
        self.publish(queue, "a")
        time.sleep(0.1)
        self.assertEqual(self.texts(queue), [])

    def test_unacked_do_not_count(self):
        queue = self.queue(x_max_length=2)
        channel = self.wire().channel()
        channel.call("basic.consume", queue=queue)
        self.publish(queue, *"abcd")
        self.assertEqual([channel.deliver().body for _ in range(4)], [b"a", b"b", b"c", b"d"])
        channel.call("basic.cancel", consumer_tag="x")

    def test_requeued_above_the_limit_is_dropped_from_the_head(self):
        queue = self.queue(x_max_length=2)
        self.publish(queue, "a", "b")
        self.wait_count(queue, 2)
        got = self.get(queue, auto_ack=False)
        self.publish(queue, "c")
        self.wait_count(queue, 2)
        self.ch.basic_nack(got.tag, requeue=True)
        time.sleep(0.1)
        self.assertEqual(self.texts(queue), ["b", "c"])

    def test_reject_publish(self):
        queue = self.queue(x_max_length=2, x_overflow="reject-publish")
        channel = self.wire().channel()
        channel.call("confirm.select")
        answers = []
        for body in (b"a", b"b", b"c", b"d"):
            channel.publish("", queue, body)
            answers.append(channel.expect("basic.ack", "basic.nack").name)
        self.assertEqual(answers[:2], ["basic.ack"] * 2)
        self.assertEqual(answers[-1], "basic.nack")
        kept = self.texts(queue)
        self.assertEqual(kept[:2], ["a", "b"])
        self.assertEqual(len(kept), answers.count("basic.ack"))
        channel.publish("", queue, b"e")
        self.assertEqual(channel.expect("basic.ack", "basic.nack").name, "basic.ack")

    def test_reject_publish_bytes(self):
        queue = self.queue(x_max_length_bytes=5, x_overflow="reject-publish")
        channel = self.wire().channel()
        channel.call("confirm.select")
        names = []
        for _ in range(4):
            channel.publish("", queue, b"abcd")
            names.append(channel.expect("basic.ack", "basic.nack").name)
        self.assertEqual((names[0], names[-1]), ("basic.ack", "basic.nack"))

    def test_reject_publish_without_confirms_is_silent(self):
        queue = self.queue(x_max_length=1, x_overflow="reject-publish")
        self.publish(queue, *"abcde")
        time.sleep(0.1)
        kept = self.texts(queue)
        self.assertEqual(kept[0], "a")
        self.assertLess(len(kept), 5)

    def test_nacked_by_one_of_two(self):
        exchange = self.exchange("fanout")
        full, free = self.queue("full", x_max_length=0, x_overflow="reject-publish"), self.queue()
        self.ch.queue_bind(full, exchange)
        self.ch.queue_bind(free, exchange)
        self.ch.confirm_delivery()
        with self.assertRaises(pika.exceptions.NackError):
            self.ch.basic_publish(exchange, "", b"x")
        self.assertEqual(self.texts(free, 1), ["x"])

    def test_with_priorities_the_head_is_the_highest(self):
        queue = self.queue(x_max_length=2, x_max_priority=5)
        for body, priority in (("low", 1), ("high", 5), ("middle", 3)):
            self.publish(queue, body, priority=priority)
        time.sleep(0.1)
        self.assertEqual(self.texts(queue), ["middle", "low"])


class Priorities(ClientTest):
    def test_highest_first_and_fifo_within(self):
        queue = self.queue(x_max_priority=9)
        for index, priority in enumerate((1, 5, None, 9, 5, 0, 1, 9)):
            self.publish(queue, "%s-%d" % (priority, index), priority=priority)
        self.wait_count(queue, 8)
        self.assertEqual(self.texts(queue, 8), ["9-3", "9-7", "5-1", "5-4", "1-0", "1-6",
                                                "None-2", "0-5"])

    def test_above_the_maximum_is_the_maximum(self):
        queue = self.queue(x_max_priority=3)
        for body, priority in (("three", 3), ("ten", 10), ("max", 255)):
            self.publish(queue, body, priority=priority)
        self.wait_count(queue, 3)
        got = self.drain(queue, 3)
        self.assertEqual([m.text for m in got], ["three", "ten", "max"])
        self.assertEqual([m.properties.priority for m in got], [3, 10, 255])

    def test_without_the_argument_it_is_fifo(self):
        queue = self.queue()
        for body, priority in (("a", 1), ("b", 9), ("c", 5)):
            self.publish(queue, body, priority=priority)
        self.assertEqual(self.texts(queue, 3), ["a", "b", "c"])

    def test_requeued_goes_back_to_its_place(self):
        queue = self.queue(x_max_priority=5)
        for body, priority in (("a", 5), ("b", 5), ("c", 1)):
            self.publish(queue, body, priority=priority)
        self.wait_count(queue, 3)
        got = self.drain(queue, 3, auto_ack=False)
        for message in reversed(got):
            self.ch.basic_nack(message.tag, requeue=True)
        self.wait_count(queue, 3)
        self.assertEqual(self.texts(queue, 3), ["a", "b", "c"])

    def test_by_consume(self):
        queue = self.queue(x_max_priority=5)
        for index in range(50):
            self.publish(queue, str(index % 6), priority=index % 6)
        self.wait_count(queue, 50)
        channel = self.wire().channel()
        channel.call("basic.consume", queue=queue, no_ack=True)
        got = [int(channel.deliver().body) for _ in range(50)]
        self.assertEqual(got, sorted(got, reverse=True))

    def test_counts_and_purge(self):
        queue = self.queue(x_max_priority=5)
        for priority in range(6):
            self.publish(queue, "x", priority=priority)
        self.wait_count(queue, 6)
        self.assertEqual(self.ch.queue_purge(queue).method.message_count, 6)

    @support.bilby_only
    def test_ttl_of_a_low_one_behind_a_high_one(self):
        queue = self.queue(x_max_priority=5)
        self.publish(queue, "low", priority=1, expiration="100")
        self.publish(queue, "high", priority=5)
        wait_for(lambda: self.count(queue)[0] == 1)
        self.assertEqual(self.texts(queue, 1), ["high"])


if __name__ == "__main__":
    unittest.main()
