# SPDX-License-Identifier: Apache-2.0
"""The wire itself: protocol headers, the handshake, frames nobody should send, heartbeats."""
import struct
import time
import unittest

import harness
import support
import wire
from support import ClientTest, URL, reply


class ProtocolHeader(unittest.TestCase):
    def answer(self, data):
        sock = wire.Socket(URL)
        self.addCleanup(sock.close)
        sock.send_bytes(data)
        return sock.read_to_end(5)

    def test_other_revision_is_answered_with_ours(self):
        self.assertEqual(self.answer(b"AMQP\x00\x00\x09\x02"), b"AMQP\x00\x00\x09\x01")

    def test_unknown_headers_are_answered_with_ours(self):
        for header in (b"AMQP\x07\x07\x07\x07", b"AMQP\x00\x01\x00\x00",
                       b"AMQP\x03\x01\x00\x00", b"AMQP\x02\x01\x00\x00",
                       b"GET / HTTP/1.1\r\n\r\n"):
            with self.subTest(header):
                self.assertEqual(self.answer(header), b"AMQP\x00\x00\x09\x01")

    def test_amqp_0_9_header_starts_0_9_1(self):
        sock = wire.Socket(URL)
        self.addCleanup(sock.close)
        sock.send_bytes(b"AMQP\x01\x01\x00\x09")
        start = wire.decode_method(sock.read_frame().payload)
        self.assertEqual((start.name, start.version_major, start.version_minor),
                         ("connection.start", 0, 9))

    def test_header_in_eight_pieces(self):
        sock = wire.Socket(URL)
        self.addCleanup(sock.close)
        for octet in wire.HEADER:
            sock.send_bytes(bytes([octet]))
            time.sleep(0.01)
        self.assertEqual(wire.decode_method(sock.read_frame().payload).name, "connection.start")

    def test_broker_lives_on_after_junk(self):
        for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"\x00" * 64, b"AMQ", b"\xff" * 8):
            sock = wire.Socket(URL)
            sock.send_bytes(junk)
            sock.close()
        client = wire.Client(URL)
        client.channel()
        client.shut()


class Handshake(ClientTest):
    def test_start_offers_mechanisms_and_locale(self):
        start = self.wire().start
        self.assertEqual((start.version_major, start.version_minor), (0, 9))
        self.assertEqual(start.locales, "en_US")
        self.assertLessEqual({"PLAIN", "AMQPLAIN"}, set(start.mechanisms.split()))

    def test_server_properties(self):
        properties = self.wire().start.server_properties
        self.assertEqual(properties["product"], "RabbitMQ")
        self.assertRegex(properties["version"], r"^3\.\d+\.\d+$")
        for key in ("capabilities", "cluster_name", "copyright", "information", "platform"):
            self.assertIn(key, properties)
        self.assertEqual(properties["capabilities"], dict.fromkeys(
            ["publisher_confirms", "exchange_exchange_bindings", "basic.nack",
             "consumer_cancel_notify", "connection.blocked", "consumer_priorities",
             "authentication_failure_close", "per_consumer_qos", "direct_reply_to"], True))

    @support.bilby_only
    def test_server_properties_say_who_it_is(self):
        properties = self.wire().start.server_properties
        self.assertEqual(properties["version"], "3.13.7")
        self.assertIn("Bilby", properties["platform"])
        self.assertIn("Bilby", properties["information"])

    def test_tune(self):
        tune = self.wire().tune
        self.assertEqual((tune.channel_max, tune.frame_max, tune.heartbeat), (2047, 131072, 60))

    def test_open_ok_comes(self):
        self.assertEqual(self.wire().channel().number, 1)

    def test_amqplain(self):
        _, _, user, password, _ = wire.parse_url(URL)
        table = wire.encode_table({"LOGIN": user, "PASSWORD": password})[4:]
        self.wire(mechanism="AMQPLAIN", response=table).channel()

    def test_plain_without_leading_nul_is_refused(self):
        with self.assertRaises((wire.Closed, wire.Dropped)):
            self.wire(response="nonsense")

    def test_frame_max_4096_is_accepted(self):
        client = self.wire(frame_max=4096)
        channel = client.channel()
        queue = channel.call("queue.declare", exclusive=True).queue
        body = bytes(range(256)) * 80
        channel.publish("", queue, body)
        self.assertEqual(channel.call("basic.get", queue=queue, no_ack=True).body, body)

    def test_bodies_are_cut_to_the_negotiated_frame_max(self):
        client = self.wire(frame_max=4096)
        channel = client.channel()
        queue = channel.call("queue.declare", exclusive=True).queue
        channel.publish("", queue, b"x" * 10000)
        got = channel.call("basic.get", queue=queue, no_ack=True)
        self.assertEqual([len(part) for part in got.parts], [4088, 4088, 1824])

    def test_frame_max_below_the_minimum(self):
        closed = self.tune_ok_closes(frame_max=4095, channel_max=2047)
        self.assertEqual((closed.code, closed.text), (530, reply(
            530, "negotiated frame_max = 4095 is lower than the minimum allowed value (4096)")))

    def test_frame_max_above_the_servers(self):
        closed = self.tune_ok_closes(frame_max=131073, channel_max=2047)
        self.assertEqual((closed.code, closed.text), (530, reply(
            530, "negotiated frame_max = 131073 is higher than the maximum allowed value"
            " (131072)")))

    def test_channel_max_none_is_above_the_servers(self):
        closed = self.tune_ok_closes(frame_max=131072, channel_max=0)
        self.assertEqual((closed.code, closed.text), (530, reply(
            530, "negotiated channel_max = 0 (no limit) is higher than the maximum allowed value"
            " (2047)")))

    def tune_ok_closes(self, **tune_ok):
        with self.assertRaises((wire.ConnectionClosed, wire.Dropped)) as raised:
            wire.Client(URL, **tune_ok)
        if isinstance(raised.exception, wire.Dropped) and harness.is_external():
            self.skipTest("it drops the socket without a word")
        return raised.exception

    def test_unknown_mechanism(self):
        with self.assertRaises((wire.ConnectionClosed, wire.Dropped)) as raised:
            self.wire(mechanism="SECRET")
        if isinstance(raised.exception, wire.ConnectionClosed):
            self.assertEqual((raised.exception.code, raised.exception.text), (503, reply(
                503, "unknown authentication mechanism 'SECRET'")))

    def test_channel_above_channel_max(self):
        client = self.wire(channel_max=3)
        for number in (1, 2, 3):
            client.channel(number)
        client.send_method(4, "channel.open")
        closed = client.wait_close()
        self.assert_closed(closed, 530, "number of channels opened (3) has reached the negotiated"
                           " channel_max (3)", 0, 0, wire.ConnectionClosed)

    def test_all_channels_up_to_channel_max(self):
        client = self.wire(channel_max=20)
        for number in range(1, 21):
            client.channel(number)

    def test_close_is_answered(self):
        client = self.wire()
        client.send_method(0, "connection.close", reply_code=200, reply_text="bye")
        client.expect(0, "connection.close-ok")

    def test_update_secret(self):
        client = self.wire()
        _, _, _, password, _ = wire.parse_url(URL)
        client.send_method(0, "connection.update-secret", new_secret=password, reason="test")
        client.expect(0, "connection.update-secret-ok")
        client.channel()

    def test_client_properties_of_every_type(self):
        client = self.wire(properties={
            "bool": True, "nested": {"a": [1, "b", None, {"c": wire.Typed("s", -3)}]},
            "float": wire.Typed("f", 1.5), "double": 2.5, "byte": wire.Typed("b", -7),
            "long": 2**40, "time": wire.Typed("T", 1700000000), "void": None,
            "bytes": wire.Typed("x", b"\x00\xff"), "decimal": wire.Typed("D", (2, 314)),
            "ubyte": wire.Typed("B", 255), "uint": wire.Typed("i", 2**32 - 1)})
        client.channel()


class BadFrames(ClientTest):
    """What breaks the framing closes the connection, with the code the specification says."""

    def setUp(self):
        super().setUp()
        self.client = self.wire()

    def closes(self, code, contains="", class_id=None, method_id=None):
        closed = self.client.wait_close()
        self.assertIsInstance(closed, wire.ConnectionClosed)
        self.assertEqual(closed.code, code, closed)
        self.assertIn(contains, closed.text)
        self.assertTrue(closed.text.startswith(support.CODES[code]), closed)
        if class_id is not None:
            self.assertEqual((closed.class_id, closed.method_id), (class_id, method_id))
        self.assertEqual(self.client.read_to_end(5), b"")
        self.ch.queue_declare("", exclusive=True)  # the others live on

    def test_bad_frame_end(self):
        self.client.send_bytes(struct.pack(">BHI", 1, 1, 4) + b"\0\x14\0\x0a" + b"\x00")
        self.closes(501, "invalid_frame_end_marker")

    def test_unknown_frame_type(self):
        self.client.send_frame(7, 0, b"")
        self.closes(501, "unknown_frame")

    def test_frame_above_frame_max(self):
        self.client.send_bytes(struct.pack(">BHI", 1, 1, 131073 + 1024))
        self.closes(501, "frame_too_large")

    def test_undecodable_method(self):
        channel = self.client.channel()
        self.client.send_frame(wire.METHOD, channel.number, b"\x00\x32\x00\x0a\x00\x00\xff")
        closed = self.client.wait_close()
        self.assertIn(closed.code, (501, 502, 541), closed)

    @support.bilby_only
    def test_unknown_method(self):
        channel = self.client.channel()
        self.client.send_frame(wire.METHOD, channel.number, b"\x00\x3c\x03\xe7")
        closed = self.client.wait_close()
        self.assertIn(closed.code, (501, 502, 503, 540, 541), closed)

    def test_method_on_a_channel_never_opened(self):
        self.client.send_method(5, "queue.declare", queue="x")
        self.closes(504, "expected 'channel.open'")

    def test_second_channel_open(self):
        self.client.channel(1)
        self.client.send_method(1, "channel.open")
        self.closes(504, "second 'channel.open' seen", 20, 10)

    def test_heartbeat_on_a_channel(self):
        self.client.channel(1)
        self.client.send_frame(wire.HEARTBEAT, 1, b"")
        self.closes(505)

    def test_heartbeat_with_a_payload(self):
        self.client.send_frame(wire.HEARTBEAT, 0, b"x")
        self.closes(501, 'type 8, all octets = <<"x">>: unknown_frame')

    def test_content_header_without_publish(self):
        self.client.channel(1)
        self.client.send_frame(wire.CONTENT, 1, wire.encode_header(0))
        self.closes(505, "expected method frame, got non method frame instead")

    def test_body_without_header(self):
        channel = self.client.channel(1)
        channel.send("basic.publish", exchange="", routing_key="x")
        self.client.send_frame(wire.BODY, 1, b"x")
        self.closes(505, "expected content header for class 60, got non content header frame"
                         " instead", 60, 40)

    def test_method_between_publish_and_header(self):
        channel = self.client.channel(1)
        channel.send("basic.publish", exchange="", routing_key="x")
        channel.send("basic.qos", prefetch_count=1)
        self.closes(505, "expected content header for class 60, got non content header frame"
                         " instead")

    def test_header_of_another_class(self):
        channel = self.client.channel(1)
        channel.send("basic.publish", exchange="", routing_key="x")
        self.client.send_frame(wire.CONTENT, 1, wire.encode_header(0, class_id=85))
        self.closes(505, "expected content header for class 60, got one for class 85 instead")

    def test_method_between_header_and_body(self):
        channel = self.client.channel(1)
        channel.send("basic.publish", exchange="", routing_key="x")
        self.client.send_frame(wire.CONTENT, 1, wire.encode_header(5))
        channel.send("basic.qos", prefetch_count=1)
        self.closes(505, "expected content body, got non content body frame instead")

    @support.bilby_only
    def test_body_longer_than_announced(self):
        channel = self.client.channel(1)
        channel.send("basic.publish", exchange="", routing_key="x")
        self.client.send_frame(wire.CONTENT, 1, wire.encode_header(3))
        self.client.send_frame(wire.BODY, 1, b"12345")
        closed = self.client.wait_close()
        self.assertIsInstance(closed, wire.ConnectionClosed)
        self.assertEqual(closed.code, 501)

    @support.bilby_only
    def test_malformed_content_header(self):
        channel = self.client.channel(1)
        channel.send("basic.publish", exchange="", routing_key="x")
        self.client.send_frame(wire.CONTENT, 1, struct.pack(">HHQH", 60, 0, 0, 0x8000) + b"\xff")
        closed = self.client.wait_close()
        self.assertIsInstance(closed, wire.ConnectionClosed)
        self.assertIn(closed.code, (501, 502))

    @support.bilby_only
    def test_malformed_table_in_arguments(self):
        channel = self.client.channel(1)
        good = wire.encode_method("queue.declare", queue="x", arguments={"a": 1})
        self.client.send_frame(wire.METHOD, channel.number, good.replace(b"\x01aI", b"\x01a\xfe"))
        closed = self.client.wait_close()
        self.assertIn(closed.code, (501, 502))

    def test_deeply_nested_table_does_not_hurt(self):
        channel = self.client.channel(1)
        table = wire.encode_table({"x": 1})
        for _ in range(2000):
            item = b"\x01nF" + table
            table = struct.pack(">I", len(item)) + item
        plain = wire.encode_method("queue.declare", queue=self.name(), exclusive=True)
        self.client.send_frame(wire.METHOD, channel.number, plain[:-4] + table)
        try:
            self.client.expect(1, "queue.declare-ok")
        except wire.Closed as closed:
            self.assertIn(closed.code, (406, 501, 502))
        self.ch.queue_declare("", exclusive=True)

    def test_client_sends_a_servers_method(self):
        channel = self.client.channel(1)
        channel.send("queue.declare-ok", queue="x")
        closed = self.client.wait_close()
        self.assertIn(closed.code, (503, 505, 540))

    def test_tune_ok_out_of_turn(self):
        self.client.send_method(0, "connection.tune-ok", frame_max=131072)
        closed = self.client.wait_close()
        self.assertIsInstance(closed, wire.ConnectionClosed)
        self.assertIn(closed.code, (503, 504))

    def test_socket_dropped_in_a_frame(self):
        self.client.send_bytes(struct.pack(">BHI", 1, 1, 100) + b"\0\x14")
        self.client.close()
        self.ch.queue_declare("", exclusive=True)


class ServerChannelClose(ClientTest):
    """After the broker closed a channel, what is still under way on it is dropped until close-ok."""

    def test_channel_can_be_opened_again(self):
        client = self.wire()
        channel = client.channel(7)
        channel.send("queue.declare", queue="no-such-queue", passive=True)
        self.assert_closed(channel.closes(), 404,
                           "no queue 'no-such-queue' in vhost '%s'" % support.VHOST, 50, 10)
        client.channel(7).call("queue.declare", exclusive=True)

    def test_methods_under_way_are_ignored(self):
        client = self.wire()
        channel = client.channel(3)
        channel.send("queue.declare", queue="no-such-queue", passive=True)
        for _ in range(20):
            channel.publish("", "nowhere", b"x" * 100)
        channel.send("queue.declare", queue="no-such-queue", passive=True)
        self.assertIsInstance(channel.closes(), wire.ChannelClosed)
        client.channel(3).call("queue.declare", exclusive=True)

    def test_both_close_at_once(self):
        client = self.wire()
        channel = client.channel(3)
        channel.send("queue.declare", queue="no-such-queue", passive=True)
        channel.send("channel.close", reply_code=200, reply_text="mine")
        seen = [client.read_method()[1].name, client.read_method()[1].name]
        self.assertEqual(sorted(seen), ["channel.close", "channel.close-ok"])
        client.send_method(3, "channel.close-ok")
        client.channel(3).call("queue.declare", exclusive=True)


class Heartbeat(ClientTest):
    def test_server_sends_heartbeats(self):
        client = self.wire(heartbeat=1)
        deadline = time.monotonic() + wire.PATIENCE
        while client.heartbeats < 2 and time.monotonic() < deadline:
            client.send_frame(wire.HEARTBEAT, 0, b"")
            try:
                client.read_method(0.4)
            except OSError:
                pass
        self.assertGreaterEqual(client.heartbeats, 2)

    @support.slow
    def test_silent_client_is_dropped(self):
        client = self.wire(heartbeat=1)
        began = time.monotonic()
        with self.assertRaises(wire.Dropped):
            while True:
                client.read_method()
        self.assertGreaterEqual(time.monotonic() - began, 1.5)

    @support.slow
    def test_any_traffic_counts_as_a_heartbeat(self):
        client = self.wire(heartbeat=1)
        channel = client.channel()
        for _ in range(8):
            channel.call("basic.qos", prefetch_count=1)
            time.sleep(0.5)

    @support.slow
    def test_no_heartbeat_no_drop(self):
        client = self.wire(heartbeat=0)
        time.sleep(3)
        client.channel()
        self.assertEqual(client.heartbeats, 0)


class ChannelMethods(ClientTest):
    def test_flow_active(self):
        self.assertTrue(self.wire().channel().call("channel.flow", active=True).active)

    def test_flow_inactive_is_not_implemented(self):
        client = self.wire()
        channel = client.channel()
        channel.send("channel.flow", active=False)
        self.assert_closed(client.wait_close(), 540, "active=false", 20, 20,
                           wire.ConnectionClosed)

    def test_access_request_is_tolerated(self):
        channel = self.wire().channel()
        self.assertEqual(channel.call("access.request", realm="/data", active=True).ticket, 1)

    def test_close_of_one_channel_leaves_the_other(self):
        client = self.wire()
        one, two = client.channel(), client.channel()
        one.call("channel.close", reply_code=200, reply_text="done")
        two.call("queue.declare", exclusive=True)
        client.channel(one.number).call("basic.qos", prefetch_count=3)

    def test_channel_numbers_need_not_be_in_order(self):
        client = self.wire()
        for number in (2047, 3, 1000, 1):
            client.channel(number).call("basic.qos", prefetch_count=1)

    def test_many_opens_and_closes(self):
        client = self.wire()
        for _ in range(500):
            client.channel(9).call("channel.close", reply_code=200, reply_text="")


if __name__ == "__main__":
    unittest.main()
