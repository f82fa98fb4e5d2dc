# SPDX-License-Identifier: Apache-2.0
"""Transactions: nothing before the commit, everything with it, nothing after a rollback."""
import unittest

import support
import wire
from support import ClientTest


class Transactions(ClientTest):
    def setUp(self):
        super().setUp()
        self.q = self.queue(durable=True)
        self.tx = self.wire().channel()
        self.tx.call("tx.select")

    def test_publish_appears_with_the_commit(self):
        for body in (b"a", b"b"):
            self.tx.publish("", self.q, body, delivery_mode=2)
        self.tx.call("basic.qos", prefetch_count=1)  # a round trip
        self.assertEqual(self.count(self.q)[0], 0)
        self.tx.call("tx.commit")
        self.assertEqual(self.texts(self.q, 2), ["a", "b"])

    def test_rollback_of_publishes(self):
        self.tx.publish("", self.q, b"a")
        self.tx.call("tx.rollback")
        self.tx.publish("", self.q, b"b")
        self.tx.call("tx.commit")
        self.assertEqual(self.texts(self.q, 1), ["b"])
        self.assertEqual(self.count(self.q)[0], 0)

    def test_channel_closed_before_the_commit(self):
        self.tx.publish("", self.q, b"a")
        self.tx.call("channel.close")
        self.assertIsNone(self.get(self.q, wait=0.1))

    def test_connection_lost_before_the_commit(self):
        self.tx.publish("", self.q, b"a")
        self.tx.client.close()
        self.assertIsNone(self.get(self.q, wait=0.2))

    def test_acks_count_with_the_commit(self):
        self.publish(self.q, "a", "b")
        self.wait_count(self.q, 2)
        one = self.tx.call("basic.get", queue=self.q)
        self.tx.send("basic.ack", delivery_tag=one.delivery_tag)
        self.tx.call("tx.commit")
        two = self.tx.call("basic.get", queue=self.q)
        self.tx.send("basic.ack", delivery_tag=two.delivery_tag)
        self.tx.client.close()  # the second ack was never committed
        again = self.drain(self.q, 1)[0]
        self.assertEqual((again.text, again.redelivered), ("b", True))

    def test_acks_rolled_back_can_be_given_again(self):
        self.publish(self.q, "a")
        self.wait_count(self.q, 1)
        got = self.tx.call("basic.get", queue=self.q)
        self.tx.send("basic.ack", delivery_tag=got.delivery_tag)
        self.tx.call("tx.rollback")
        self.assertEqual(self.count(self.q)[0], 0)  # still unacknowledged
        self.tx.send("basic.ack", delivery_tag=got.delivery_tag)
        self.tx.call("tx.commit")
        self.tx.client.shut()
        self.assertIsNone(self.get(self.q, wait=0.2))

    def test_nack_waits_for_the_commit(self):
        self.publish(self.q, "a")
        self.wait_count(self.q, 1)
        got = self.tx.call("basic.get", queue=self.q)
        self.tx.send("basic.nack", delivery_tag=got.delivery_tag, requeue=True)
        self.tx.call("basic.qos", prefetch_count=1)
        self.assertEqual(self.count(self.q)[0], 0)
        self.tx.call("tx.commit")
        self.wait_count(self.q, 1)

    def test_mandatory_is_returned_at_the_commit(self):
        self.tx.publish("", "nowhere", b"x", mandatory=True)
        self.tx.call("basic.qos", prefetch_count=1)
        self.assertTrue(self.tx.nothing("basic.return", timeout=0.1))
        self.tx.send("tx.commit")
        self.assertEqual(self.tx.expect("basic.return").reply_code, 312)
        self.tx.expect("tx.commit-ok")

    def test_empty_commit_and_rollback(self):
        for _ in range(3):
            self.tx.call("tx.commit")
            self.tx.call("tx.rollback")
            self.tx.call("tx.select")

    def test_many_in_one(self):
        for index in range(1000):
            self.tx.publish("", self.q, b"%d" % index, delivery_mode=2)
        self.tx.call("tx.commit")
        self.assertEqual(self.texts(self.q, 1000), [str(i) for i in range(1000)])

    def test_order_with_what_others_publish(self):
        self.tx.publish("", self.q, b"later")
        self.tx.call("basic.qos", prefetch_count=1)
        self.publish(self.q, "sooner")
        self.wait_count(self.q, 1)
        self.tx.call("tx.commit")
        self.assertEqual(self.texts(self.q, 2), ["sooner", "later"])

    def test_commit_without_select(self):
        for method, ids in (("tx.commit", (90, 20)), ("tx.rollback", (90, 30))):
            channel = self.wire().channel()
            channel.send(method)
            self.assert_closed(channel.closes(), 406, "channel is not transactional", *ids,
                               wire.ChannelClosed)

    def test_not_on_a_confirming_channel(self):
        channel = self.wire().channel()
        channel.call("confirm.select")
        channel.send("tx.select")
        self.assert_closed(channel.closes(), 406, "cannot switch from confirm to tx mode", 90, 10,
                           wire.ChannelClosed)

    def test_publish_to_a_missing_exchange_closes_at_once(self):
        self.tx.publish("no-such", "x", b"x")
        self.assertEqual(self.tx.closes().code, 404)

    def test_unknown_delivery_tag(self):
        self.tx.send("basic.ack", delivery_tag=77)
        self.assert_closed(self.tx.closes(), 406, "unknown delivery tag 77", 60, 80)

    def test_pika(self):
        channel = self.connect().channel()
        channel.tx_select()
        channel.basic_publish("", self.q, b"x")
        channel.tx_rollback()
        channel.basic_publish("", self.q, b"y")
        channel.tx_commit()
        self.assertEqual(self.texts(self.q, 1), ["y"])

    @support.bilby_only
    def test_a_refused_publish_fails_the_commit(self):
        full = self.queue("full", x_max_length=0, x_overflow="reject-publish")
        self.tx.publish("", full, b"x")
        self.tx.send("tx.commit")
        self.assert_closed(self.tx.closes(), 406, "partial tx completion", 90, 20)


if __name__ == "__main__":
    unittest.main()
