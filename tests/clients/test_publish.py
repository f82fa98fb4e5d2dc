# SPDX-License-Identifier: Apache-2.0
"""Publishing: properties through and through, bodies of all sizes, mandatory, immediate, confirms, refusals."""
import hashlib
import os
import unittest

import pika

import support
import wire
from support import ClientTest
from wire import Typed


class Properties(ClientTest):
    def test_all_come_back(self):
        queue = self.queue()
        sent = dict(content_type="text/plain", content_encoding="utf-8", delivery_mode=2,
                    priority=3, correlation_id="c-1", reply_to="r", expiration="60000",
                    message_id="m-1", timestamp=1700000000, type="t", user_id="guest",
                    app_id="app", cluster_id="cl", headers={"h": 1})
        self.publish(queue, "x", **sent)
        got = self.drain(queue, 1)[0].properties
        for key, value in sent.items():
            self.assertEqual(getattr(got, key), value, key)

    def test_none_stay_none(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.publish("", queue, b"x")
        got = channel.call("basic.get", queue=queue, no_ack=True)
        self.assertEqual(got.properties, {})

    def test_bytes_of_the_header_are_not_touched(self):
        queue = self.queue()
        headers = {"z": Typed("b", -1), "a": Typed("s", 300), "m": Typed("l", 1),
                   "t": Typed("T", 5), "f": Typed("f", 0.5), "d": 2.25, "v": None,
                   "x": Typed("x", b"\0\1\xff"), "D": Typed("D", (3, 12345)), "bool": False,
                   "table": {"b": 1, "a": [1, "two", None, {"deep": [True]}]}, "s": "ü",
                   "B": Typed("B", 200), "u": Typed("u", 60000), "i": Typed("i", 4000000000)}
        channel = self.wire().channel()
        header = wire.encode_header(4, headers=headers, content_type="a/b", priority=0)
        channel.send("basic.publish", exchange="", routing_key=queue)
        channel.client.send_frame(wire.CONTENT, channel.number, header)
        channel.client.send_frame(wire.BODY, channel.number, b"body")
        got = channel.call("basic.get", queue=queue, no_ack=True)
        self.assertEqual(got.body, b"body")
        want = wire.decode_header(header, typed=True)
        self.assertEqual(wire.decode_header(got.raw_header, typed=True), want)

    def test_empty_headers_table(self):
        queue = self.queue()
        self.publish(queue, "x", headers={})
        self.assertEqual(self.drain(queue, 1)[0].properties.headers, {})

    def test_long_header_values(self):
        queue = self.queue()
        headers = {"k%d" % i: "v" * 3000 for i in range(20)}
        self.publish(queue, "x", headers=headers)
        self.assertEqual(self.drain(queue, 1)[0].headers, headers)


class Bodies(ClientTest):
    def test_sizes(self):
        queue = self.queue()
        edge = 131072 - 8
        for size in (0, 1, 2, 4095, 4096, edge - 1, edge, edge + 1, 2 * edge, 1 << 20):
            body = os.urandom(size)
            self.ch.basic_publish("", queue, body)
            self.assertEqual(self.drain(queue, 1)[0].body, body)

    def test_empty_body_by_consume(self):
        queue = self.queue()
        got, _ = self.consume(queue)
        self.publish(queue, "", "", "x")
        self.wait_messages(got, 3)
        self.assertEqual([m.body for m in got], [b"", b"", b"x"])

    def test_sixteen_megabytes(self):
        queue = self.queue()
        body = os.urandom(1 << 20) * 16
        self.ch.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2))
        got = self.drain(queue, 1)[0].body
        self.assertEqual(hashlib.sha256(got).digest(), hashlib.sha256(body).digest())

    def test_many_body_frames_of_any_size(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.send("basic.publish", exchange="", routing_key=queue)
        channel.client.send_frame(wire.CONTENT, channel.number, wire.encode_header(1000))
        for _ in range(500):
            channel.client.send_frame(wire.BODY, channel.number, b"ab")
        self.assertEqual(channel.call("basic.get", queue=queue, no_ack=True).body, b"ab" * 500)

    def test_contents_of_two_channels_interleaved(self):
        queue = self.queue()
        client = self.wire()
        one, two = client.channel(), client.channel()
        for channel in (one, two):
            channel.send("basic.publish", exchange="", routing_key=queue)
        for channel in (two, one):
            client.send_frame(wire.CONTENT, channel.number, wire.encode_header(4))
        for part in (b"ab", b"cd"):
            for channel in (one, two):
                client.send_frame(wire.BODY, channel.number, part)
        one.call("basic.qos", prefetch_count=1)
        two.call("basic.qos", prefetch_count=1)
        self.assertEqual(self.texts(queue, 2), ["abcd", "abcd"])

    @support.bilby_only
    def test_absurdly_large_is_refused_before_its_body(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.send("basic.publish", exchange="", routing_key=queue)
        size = 600 * 1024 * 1024
        channel.client.send_frame(wire.CONTENT, channel.number, wire.encode_header(size))
        closed = channel.closes()
        self.assertIn(closed.code, (406, 501), closed)

    @support.bilby_only
    def test_above_the_configured_maximum_is_refused(self):
        queue = self.queue()
        size = 134217728 + 1
        client = self.wire(timeout=30)
        channel = client.channel()
        channel.send("basic.publish", exchange="", routing_key=queue)
        client.send_frame(wire.CONTENT, channel.number, wire.encode_header(size))
        chunk = bytes(131064)
        sent = 0
        while sent < size:
            part = chunk[:size - sent]
            client.send_frame(wire.BODY, channel.number, part)
            sent += len(part)
        self.assert_closed(channel.closes(30), 406, "message size %d is larger than configured max"
                           " size 134217728" % size, 60, 40, wire.ChannelClosed)


class Mandatory(ClientTest):
    def test_returned_before_the_confirm(self):
        channel = self.wire().channel()
        channel.call("confirm.select")
        channel.publish("amq.direct", "nowhere", b"body", mandatory=True, message_id="m")
        returned = channel.expect("basic.return", "basic.ack")
        self.assertEqual((returned.name, returned.reply_code, returned.reply_text,
                          returned.exchange, returned.routing_key, returned.body,
                          returned.properties), ("basic.return", 312, "NO_ROUTE", "amq.direct",
                                                 "nowhere", b"body", {"message_id": "m"}))
        ack = channel.expect("basic.ack")
        self.assertEqual((ack.delivery_tag, ack.multiple), (1, False))

    def test_routed_is_not_returned(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.publish("", queue, b"x", mandatory=True)
        self.assertTrue(channel.nothing("basic.return"))

    def test_not_mandatory_is_dropped(self):
        channel = self.wire().channel()
        channel.publish("", "nowhere", b"x")
        self.assertTrue(channel.nothing("basic.return"))

    def test_returned_body_of_many_frames(self):
        channel = self.wire().channel()
        body = os.urandom(300000)
        channel.publish("", "nowhere", body, mandatory=True)
        self.assertEqual(channel.expect("basic.return").body, body)

    def test_immediate_is_not_implemented(self):
        client = self.wire()
        client.channel().publish("", "x", b"x", immediate=True)
        self.assert_closed(client.wait_close(), 540, "immediate=true", 60, 40,
                           wire.ConnectionClosed)


class Refused(ClientTest):
    def test_missing_exchange(self):
        channel = self.wire().channel()
        channel.publish("no-such", "k", b"x")
        self.assert_closed(channel.closes(), 404, "no " + self.of_exchange("no-such"), 60, 40,
                           wire.ChannelClosed)

    def test_expiration(self):
        for value, term in (("foo", "no_integer"), ("", "no_integer"), ("-1", "{value_negative,-1}"),
                            ("12x", '{leftover_string,"x"}'), ("1.5", '{leftover_string,".5"}')):
            with self.subTest(value):
                channel = self.wire().channel()
                channel.publish("", "x", b"x", expiration=value)
                self.assert_closed(channel.closes(), 406, "invalid expiration '%s': %s"
                                   % (value, term), 60, 40, wire.ChannelClosed)


class Confirms(ClientTest):
    def acked(self, channel, last, timeout=wire.PATIENCE):
        """Collect acks until everything up to `last` is settled; the set of nacked tags."""
        open_tags, nacked = set(range(1, last + 1)), set()
        while open_tags:
            answer = channel.expect("basic.ack", "basic.nack", timeout=timeout)
            done = {tag for tag in open_tags
                    if tag == answer.delivery_tag
                    or (answer.multiple and tag <= answer.delivery_tag)}
            self.assertTrue(done, answer)
            open_tags -= done
            if answer.name == "basic.nack":
                nacked |= done
        return nacked

    def test_each_is_confirmed_once(self):
        queue = self.queue(durable=True)
        channel = self.wire().channel()
        channel.call("confirm.select")
        for index in range(300):
            channel.publish("", queue, b"%d" % index, delivery_mode=1 + index % 2)
        self.assertEqual(self.acked(channel, 300), set())
        self.assertTrue(channel.nothing("basic.ack", "basic.nack"))
        self.assertEqual(self.count(queue)[0], 300)

    def test_unroutable_is_acked(self):
        channel = self.wire().channel()
        channel.call("confirm.select")
        channel.publish("amq.direct", "nowhere", b"x")
        self.assertEqual(channel.expect("basic.ack").delivery_tag, 1)

    def test_numbers_are_the_channels_own(self):
        queue = self.queue()
        client = self.wire()
        for _ in range(2):
            channel = client.channel()
            channel.publish("", queue, b"before confirm.select: not counted")
            channel.call("confirm.select")
            channel.publish("", queue, b"x")
            self.assertEqual(channel.expect("basic.ack").delivery_tag, 1)

    def test_confirm_select_twice_and_nowait(self):
        channel = self.wire().channel()
        channel.send("confirm.select", nowait=True)
        channel.call("confirm.select")
        channel.publish("", "nowhere", b"x")
        self.assertEqual(channel.expect("basic.ack").delivery_tag, 1)

    def test_fanout_is_confirmed_once(self):
        exchange = self.exchange("fanout", durable=True)
        for index in range(5):
            queue = self.queue(str(index), durable=index % 2 == 0)
            self.ch.queue_bind(queue, exchange)
        channel = self.wire().channel()
        channel.call("confirm.select")
        for _ in range(20):
            channel.publish(exchange, "", b"x", delivery_mode=2)
        self.assertEqual(self.acked(channel, 20), set())
        self.assertTrue(channel.nothing("basic.ack"))

    def test_consumed_at_once_is_confirmed_too(self):
        queue = self.queue(durable=True)
        consumer = self.wire().channel()
        consumer.call("basic.consume", queue=queue, no_ack=True)
        channel = self.wire().channel()
        channel.call("confirm.select")
        for _ in range(50):
            channel.publish("", queue, b"x", delivery_mode=2)
        self.assertEqual(self.acked(channel, 50), set())
        for _ in range(50):
            consumer.deliver()

    def test_rejected_publish_is_nacked(self):
        queue = self.queue(x_max_length=1, x_overflow="reject-publish")
        channel = self.wire().channel()
        channel.call("confirm.select")
        for _ in range(5):
            channel.publish("", queue, b"x")
        nacked = self.acked(channel, 5)
        self.assertIn(5, nacked)
        self.assertNotIn(1, nacked)

    def test_pika_sees_a_nack(self):
        queue = self.queue(x_max_length=0, x_overflow="reject-publish")
        self.ch.confirm_delivery()
        with self.assertRaises(pika.exceptions.NackError):
            self.ch.basic_publish("", queue, b"x")

    def test_queue_deleted_meanwhile_is_acked(self):
        channel = self.wire().channel()
        channel.call("confirm.select")
        queue = self.queue(durable=True)
        for _ in range(100):
            channel.publish("", queue, b"x", delivery_mode=2)
        channel.send("queue.delete", queue=queue)
        self.assertEqual(self.acked(channel, 100), set())

    def test_not_on_a_transactional_channel(self):
        channel = self.wire().channel()
        channel.call("tx.select")
        channel.send("confirm.select")
        self.assert_closed(channel.closes(), 406, "cannot switch from tx to confirm mode", 85, 10,
                           wire.ChannelClosed)


if __name__ == "__main__":
    unittest.main()
