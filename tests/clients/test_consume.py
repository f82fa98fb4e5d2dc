# SPDX-License-Identifier: Apache-2.0
"""Consumers: tags, fairness, exclusivity, priorities, single active consumer, cancellation, reply-to."""
import collections
import time
import unittest

import pika

import support
import wire
from support import ClientTest, wait_for


class Tags(ClientTest):
    def test_given(self):
        queue = self.queue()
        channel = self.wire().channel()
        self.assertEqual(channel.call("basic.consume", queue=queue, consumer_tag="mine")
                         .consumer_tag, "mine")
        self.publish(queue, "x")
        self.assertEqual(channel.deliver().consumer_tag, "mine")

    def test_made_by_the_server(self):
        queue = self.queue()
        channel = self.wire().channel()
        tags = {channel.call("basic.consume", queue=queue).consumer_tag for _ in range(5)}
        self.assertEqual(len(tags), 5)
        for tag in tags:
            self.assertRegex(tag, r"^amq\.ctag-[A-Za-z0-9_-]{22}$")

    def test_used_twice(self):
        queue = self.queue()
        client = self.wire()
        channel = client.channel()
        channel.call("basic.consume", queue=queue, consumer_tag="t")
        channel.send("basic.consume", queue=queue, consumer_tag="t")
        self.assert_closed(client.wait_close(), 530, "attempt to reuse consumer tag 't'", 60, 20,
                           wire.ConnectionClosed)

    def test_same_tag_on_two_channels(self):
        queue = self.queue()
        client = self.wire()
        for _ in range(2):
            client.channel().call("basic.consume", queue=queue, consumer_tag="t")

    def test_missing_queue(self):
        channel = self.wire().channel()
        channel.send("basic.consume", queue="no-such")
        self.assert_closed(channel.closes(), 404, "no " + self.of_queue("no-such"), 60, 20)

    def test_no_wait(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.send("basic.consume", queue=queue, consumer_tag="t", nowait=True)
        self.publish(queue, "x")
        self.assertEqual(channel.deliver().body, b"x")

    def test_delivery_tags_count_up_per_channel(self):
        queue = self.queue()
        client = self.wire()
        self.publish(queue, *"abc")
        self.wait_count(queue, 3)
        one = client.channel()
        one.call("basic.consume", queue=queue, no_ack=True)
        self.assertEqual([one.deliver().delivery_tag for _ in range(3)], [1, 2, 3])


class Cancel(ClientTest):
    def test_no_more_deliveries(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.call("basic.consume", queue=queue, consumer_tag="t")
        channel.call("basic.cancel", consumer_tag="t")
        self.publish(queue, "x")
        self.assertTrue(channel.nothing("basic.deliver"))
        self.assertEqual(self.count(queue), (1, 0))

    def test_unacked_stay_unacked(self):
        queue = self.queue()
        channel = self.wire().channel()
        self.publish(queue, "x")
        channel.call("basic.consume", queue=queue, consumer_tag="t")
        got = channel.deliver()
        channel.call("basic.cancel", consumer_tag="t")
        self.assertEqual(self.count(queue)[0], 0)
        channel.send("basic.ack", delivery_tag=got.delivery_tag)
        channel.call("channel.close")
        self.assertIsNone(self.get(queue, wait=0.1))

    def test_unknown_tag_is_fine(self):
        self.assertEqual(self.wire().channel().call("basic.cancel", consumer_tag="none")
                         .consumer_tag, "none")

    def test_no_wait(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.call("basic.consume", queue=queue, consumer_tag="t")
        channel.send("basic.cancel", consumer_tag="t", nowait=True)
        channel.call("basic.consume", queue=queue, consumer_tag="t")

    def test_pika_hands_back_what_it_held(self):
        queue = self.queue()
        self.publish(queue, *"abc")
        self.wait_count(queue, 3)
        for method, _, _ in self.ch.consume(queue, inactivity_timeout=support.PATIENCE):
            self.ch.basic_ack(method.delivery_tag)
            break
        self.ch.cancel()
        self.wait_count(queue, 2)


class Notification(ClientTest):
    def test_queue_deleted(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.call("basic.consume", queue=queue, consumer_tag="t")
        self.ch.queue_delete(queue)
        cancel = channel.expect("basic.cancel")
        self.assertEqual((cancel.consumer_tag, cancel.nowait), ("t", True))

    def test_own_delete_is_answered_first(self):
        queue = self.queue()
        channel = self.wire().channel()
        for _ in range(3):
            channel.call("queue.declare", queue=queue)
            channel.call("basic.consume", queue=queue)
            channel.send("queue.delete", queue=queue)
            names = [channel.client.read_method()[1].name for _ in range(2)]
            self.assertEqual(names, ["queue.delete-ok", "basic.cancel"])

    def test_each_consumer_is_told(self):
        queue = self.queue()
        channel = self.wire().channel()
        for tag in ("a", "b", "c"):
            channel.call("basic.consume", queue=queue, consumer_tag=tag)
        self.ch.queue_delete(queue)
        self.assertEqual(sorted(channel.expect("basic.cancel").consumer_tag for _ in range(3)),
                         ["a", "b", "c"])

    def test_not_without_the_capability(self):
        queue = self.queue()
        channel = self.wire(capabilities={}).channel()
        channel.call("basic.consume", queue=queue, consumer_tag="t")
        self.ch.queue_delete(queue)
        self.assertTrue(channel.nothing("basic.cancel"))

    def test_the_tag_is_free_again(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.call("basic.consume", queue=queue, consumer_tag="t")
        self.ch.queue_delete(queue)
        channel.expect("basic.cancel")
        channel.call("basic.consume", queue=self.queue(), consumer_tag="t")

    def test_pika_calls_back(self):
        queue = self.queue()
        told = []
        self.ch.add_on_cancel_callback(told.append)
        self.consume(queue)
        self.connect().channel().queue_delete(queue)
        wait_for(lambda: self.settle(0.02) or told)


class Exclusive(ClientTest):
    def in_use(self, queue):
        return self.of_queue(queue) + " in exclusive use"

    def test_nobody_after_it(self):
        queue = self.queue()
        self.consume(queue, exclusive=True)
        channel = self.wire().channel()
        channel.send("basic.consume", queue=queue)
        self.assert_closed(channel.closes(), 403, self.in_use(queue), 60, 20, wire.ChannelClosed)

    def test_not_after_others(self):
        queue = self.queue()
        self.consume(queue)
        channel = self.wire().channel()
        channel.send("basic.consume", queue=queue, exclusive=True)
        self.assert_closed(channel.closes(), 403, self.in_use(queue), 60, 20, wire.ChannelClosed)

    def test_free_again_after_cancel(self):
        queue = self.queue()
        _, tag = self.consume(queue, exclusive=True)
        self.ch.basic_cancel(tag)
        self.consume(queue, exclusive=True)

    def test_get_is_still_allowed(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.call("basic.consume", queue=queue, exclusive=True)
        self.assertIsNone(self.get(queue, wait=0))


class Sharing(ClientTest):
    def test_round_robin(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.call("basic.qos", prefetch_count=100)
        for tag in "abc":
            channel.call("basic.consume", queue=queue, consumer_tag=tag)
        self.publish(queue, *[str(i) for i in range(30)])
        got = [channel.deliver() for _ in range(30)]
        self.assertEqual(collections.Counter(m.consumer_tag for m in got),
                         {"a": 10, "b": 10, "c": 10})
        self.assertEqual([m.body for m in got], [b"%d" % i for i in range(30)])

    def test_by_credit(self):
        queue = self.queue()
        slow, fast = self.wire().channel(), self.wire().channel()
        slow.call("basic.qos", prefetch_count=1)
        slow.call("basic.consume", queue=queue)
        fast.call("basic.consume", queue=queue, no_ack=True)
        self.publish(queue, *["x"] * 20)
        for _ in range(19):
            fast.deliver()
        slow.deliver()
        self.assertTrue(fast.nothing("basic.deliver", timeout=0.1))

    def test_order_for_one_consumer(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.call("basic.consume", queue=queue, no_ack=True)
        self.publish(queue, *[str(i) for i in range(1000)])
        self.assertEqual([channel.deliver().body for _ in range(1000)],
                         [b"%d" % i for i in range(1000)])

    def test_priority(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.call("basic.qos", prefetch_count=5)
        for tag, priority in (("low", -3), ("normal", None), ("high", 10), ("middle", 3)):
            arguments = {} if priority is None else {"x-priority": priority}
            channel.call("basic.consume", queue=queue, consumer_tag=tag, arguments=arguments)
        self.publish(queue, *[str(i) for i in range(20)])
        tags = [channel.deliver().consumer_tag for _ in range(20)]
        self.assertEqual(tags, ["high"] * 5 + ["middle"] * 5 + ["normal"] * 5 + ["low"] * 5)

    def test_priority_of_the_wrong_type(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.send("basic.consume", queue=queue, arguments={"x-priority": "high"})
        closed = channel.closes()
        self.assertEqual((closed.code, closed.class_id, closed.method_id), (406, 60, 20))
        self.assertIn("x-priority", closed.text)

    def test_offsets_are_for_streams(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.send("basic.consume", queue=queue, arguments={"x-stream-offset": "first"})
        self.assert_closed(channel.closes(), 406, "invalid arg 'x-stream-offset' for %s of queue"
                           " type rabbit_classic_queue" % self.of_queue(queue), 60, 20)

    def test_equal_priorities_share(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.call("basic.qos", prefetch_count=100)
        for tag in "ab":
            channel.call("basic.consume", queue=queue, consumer_tag=tag,
                         arguments={"x-priority": 7})
        self.publish(queue, *["x"] * 20)
        self.assertEqual(collections.Counter(channel.deliver().consumer_tag for _ in range(20)),
                         {"a": 10, "b": 10})


class SingleActive(ClientTest):
    def setUp(self):
        super().setUp()
        self.q = self.queue(x_single_active_consumer=True)

    def consumer(self, tag, prefetch=10):
        channel = self.wire().channel()
        channel.call("basic.qos", prefetch_count=prefetch)
        channel.call("basic.consume", queue=self.q, consumer_tag=tag)
        return channel

    def test_only_the_first_gets_messages(self):
        one, two = self.consumer("1"), self.consumer("2")
        self.publish(self.q, *"abcd")
        self.assertEqual([one.deliver().body for _ in range(4)], [b"a", b"b", b"c", b"d"])
        self.assertTrue(two.nothing("basic.deliver"))

    def test_not_even_when_the_first_is_full(self):
        one, two = self.consumer("1", prefetch=1), self.consumer("2")
        self.publish(self.q, "a", "b")
        one.deliver()
        self.assertTrue(two.nothing("basic.deliver"))

    def test_the_next_takes_over_after_cancel(self):
        one, two, three = self.consumer("1"), self.consumer("2"), self.consumer("3")
        one.call("basic.cancel", consumer_tag="1")
        self.publish(self.q, "a")
        self.assertEqual(two.deliver().body, b"a")
        self.assertTrue(three.nothing("basic.deliver", timeout=0.1))

    def test_the_next_takes_over_after_a_loss(self):
        one, two = self.consumer("1"), self.consumer("2")
        self.publish(self.q, "a", "b")
        one.deliver()
        one.client.close()
        got = [two.deliver() for _ in range(2)]
        self.assertEqual([m.body for m in got], [b"a", b"b"])
        self.assertTrue(got[0].redelivered)

    def test_exclusive_is_refused(self):
        channel = self.wire().channel()
        channel.send("basic.consume", queue=self.q, exclusive=True)
        closed = channel.closes()
        self.assertEqual((closed.code, closed.class_id, closed.method_id), (403, 60, 20))

    def test_all_are_counted(self):
        channels = [self.consumer(str(i)) for i in range(3)]
        self.assertEqual(self.count(self.q)[1], len(channels))


class ReplyTo(ClientTest):
    NAME = "amq.rabbitmq.reply-to"

    def setUp(self):
        super().setUp()
        self.asker = self.wire().channel()

    def ask(self, queue, **properties):
        self.asker.call("basic.consume", queue=self.NAME, no_ack=True, consumer_tag="r")
        self.asker.publish("", queue, b"question", reply_to=self.NAME, **properties)
        return self.drain(queue, 1)[0]

    def test_round_trip(self):
        question = self.ask(self.queue(), correlation_id="7")
        reply_to = question.properties.reply_to
        self.assertRegex(reply_to, r"^amq\.rabbitmq\.reply-to\..+")
        self.publish(reply_to, "answer", correlation_id="7")
        got = self.asker.deliver()
        self.assertEqual((got.body, got.properties["correlation_id"], got.consumer_tag,
                          got.exchange, got.routing_key),
                         (b"answer", "7", "r", "", reply_to))
        self.publish(reply_to, "again")
        self.assertEqual(self.asker.deliver().body, b"again")

    def test_declare_tells_whether_the_asker_is_there(self):
        reply_to = self.ask(self.queue()).properties.reply_to
        for passive in (True, False):
            ok = self.ch.queue_declare(reply_to, passive=passive).method
            self.assertEqual((ok.queue, ok.message_count, ok.consumer_count), (reply_to, 0, 1))
        self.asker.call("channel.close")
        with self.closes_channel(404, "no " + self.of_queue(reply_to)):
            self.ch.queue_declare(reply_to, passive=True)

    def test_the_bare_name_is_always_there(self):
        """So clients (Spring's among them) ask whether the broker knows direct reply-to."""
        for passive in (True, False):
            ok = self.ch.queue_declare(self.NAME, passive=passive).method
            self.assertEqual((ok.queue, ok.message_count, ok.consumer_count), (self.NAME, 0, 1))

    def test_answer_to_one_who_left_is_dropped(self):
        reply_to = self.ask(self.queue()).properties.reply_to
        self.asker.client.shut()
        self.publish(reply_to, "too late")
        self.queue("2")

    def test_mandatory_counts_as_routed_while_the_asker_is_there(self):
        reply_to = self.ask(self.queue()).properties.reply_to
        other = self.wire().channel()
        other.publish("", reply_to, b"x", mandatory=True)
        if support.harness.is_external():
            self.skipTest("before RabbitMQ 4.2 it is returned")
        self.assertTrue(other.nothing("basic.return"))
        self.assertEqual(self.asker.deliver().body, b"x")

    def test_forged_names_lead_nowhere(self):
        self.publish(self.NAME + ".nonsense", "x")
        self.publish(self.NAME + "." + "g2dk" * 10 + "==", "x")
        self.queue()

    def test_needs_no_ack(self):
        self.asker.send("basic.consume", queue=self.NAME, no_ack=False)
        self.assert_closed(self.asker.closes(), 406, "reply consumer cannot acknowledge", 60, 20)

    def test_only_one(self):
        self.asker.call("basic.consume", queue=self.NAME, no_ack=True)
        self.asker.send("basic.consume", queue=self.NAME, no_ack=True)
        self.assert_closed(self.asker.closes(), 406, "reply consumer already set", 60, 20)

    def test_only_one_of_the_same_tag_either(self):
        self.asker.call("basic.consume", queue=self.NAME, no_ack=True, consumer_tag="r")
        self.asker.send("basic.consume", queue=self.NAME, no_ack=True, consumer_tag="r")
        self.assert_closed(self.asker.closes(), 406, "reply consumer already set", 60, 20)

    def test_consumer_comes_first(self):
        self.asker.publish("", self.queue(), b"x", reply_to=self.NAME)
        self.assert_closed(self.asker.closes(), 406, "fast reply consumer does not exist", 60, 40)

    def test_again_after_cancel(self):
        queue = self.queue()
        first = self.ask(queue).properties.reply_to
        self.asker.call("basic.cancel", consumer_tag="r")
        second = self.ask(queue).properties.reply_to
        self.publish(second, "x")
        self.assertEqual(self.asker.deliver().body, b"x")
        del first


class Get(ClientTest):
    def test_empty(self):
        self.assertEqual(self.wire().channel().call("basic.get", queue=self.queue()).name,
                         "basic.get-empty")

    def test_says_what_remains(self):
        queue = self.queue()
        self.publish(queue, *"abc")
        self.wait_count(queue, 3)
        channel = self.wire().channel()
        got = [channel.call("basic.get", queue=queue, no_ack=True) for _ in range(3)]
        self.assertEqual([(m.body, m.message_count, m.delivery_tag, m.redelivered) for m in got],
                         [(b"a", 2, 1, False), (b"b", 1, 2, False), (b"c", 0, 3, False)])

    def test_missing_queue(self):
        channel = self.wire().channel()
        channel.send("basic.get", queue="no-such")
        self.assert_closed(channel.closes(), 404, "no " + self.of_queue("no-such"), 60, 70)

    def test_unacked_comes_back_when_the_channel_closes(self):
        queue = self.queue()
        self.publish(queue, "x")
        channel = self.conn.channel()
        self.assertFalse(self.get(queue, ch=channel, auto_ack=False).redelivered)
        channel.close()
        self.assertTrue(self.get(queue).redelivered)

    def test_competes_with_a_consumer(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.call("basic.qos", prefetch_count=1)
        channel.call("basic.consume", queue=queue)
        self.publish(queue, "a", "b")
        self.assertEqual(channel.deliver().body, b"a")
        self.assertEqual(self.texts(queue, 1), ["b"])


class Rpc(ClientTest):
    def test_two_processes_worth_of_rpc(self):
        queue = self.queue()
        server = self.wire().channel()
        server.call("basic.consume", queue=queue, no_ack=True)
        client = self.wire().channel()
        own = client.call("queue.declare", exclusive=True).queue
        client.call("basic.consume", queue=own, no_ack=True)
        began = time.monotonic()
        for index in range(200):
            client.publish("", queue, b"%d" % index, reply_to=own, correlation_id=str(index))
            asked = server.deliver()
            server.publish("", asked.properties["reply_to"], asked.body * 2,
                           correlation_id=asked.properties["correlation_id"])
            answer = client.deliver()
            self.assertEqual((answer.body, answer.properties["correlation_id"]),
                             (b"%d" % index * 2, str(index)))
        self.assertLess(time.monotonic() - began, 20)


if __name__ == "__main__":
    unittest.main()
