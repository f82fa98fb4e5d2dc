# SPDX-License-Identifier: Apache-2.0
"""Clients that want too much, answer too slowly or talk nonsense: the others must not notice."""
import random
import socket
import threading
import time
import unittest

import harness
import support
import wire
from support import ClientTest


class Many(ClientTest):
    seconds = 300

    def test_channels_opened_and_closed(self):
        client = self.wire(timeout=60)
        for name in ["channel.open", "channel.close"] * 50:
            client.send_bytes(b"".join(wire.frame(wire.METHOD, number, wire.encode_method(name))
                                       for number in range(1, 401)))
            for number in range(1, 401):
                client.expect(number, name + "-ok")

    def test_connections_at_once(self):
        clients = [self.wire() for _ in range(300)]
        for client in clients:
            client.channel().call("queue.declare", exclusive=True)

    def test_connections_one_after_the_other(self):
        for _ in range(300):
            wire.Client(support.URL).shut()

    def test_bindings(self):
        exchange, queue = self.exchange("topic"), self.queue()
        channel = self.wire(timeout=60).channel()
        began = time.monotonic()
        for number in range(10000):
            channel.send("queue.bind", queue=queue, exchange=exchange, nowait=True,
                         routing_key="a.%d.*.b.#" % number)
        channel.call("basic.qos", prefetch_count=1)
        channel.publish(exchange, "a.77.x.b.c", b"x")
        self.assertEqual(self.texts(queue, 1), ["x"])
        channel.call("queue.delete", queue=queue)
        if not harness.is_external() and harness.is_plain():
            self.assertLess(time.monotonic() - began, 30)

    def test_exclusive_queues_of_one_connection(self):
        client = self.wire(timeout=60)
        channel = client.channel()
        for _ in range(3000):
            channel.send("queue.declare", exclusive=True, nowait=False)
        names = [channel.expect("queue.declare-ok").queue for _ in range(3000)]
        self.assertEqual(len(set(names)), 3000)
        client.shut(timeout=60)
        with self.closes_channel(404, "no " + self.of_queue(names[-1])):
            self.ch.queue_declare(names[-1], passive=True)

    def test_requests_in_one_write(self):
        channel = self.wire().channel()
        one = wire.frame(wire.METHOD, channel.number, wire.encode_method(
            "queue.declare", queue=self.name(), exclusive=True))
        channel.client.send_bytes(one * 3000)
        for _ in range(3000):
            channel.expect("queue.declare-ok")

    def test_one_octet_at_a_time(self):
        channel = self.wire().channel()
        queue = channel.call("queue.declare", exclusive=True).queue
        for octet in channel.encode_publish("", queue, b"drop by drop", message_id="m"):
            channel.client.send_bytes(bytes([octet]))
        self.assertEqual(channel.call("basic.get", queue=queue).body, b"drop by drop")


class Nonsense(ClientTest):
    seconds = 300

    def alive(self):
        self.ch.queue_declare("", exclusive=True)

    def test_random_bytes(self):
        generator = random.Random(11)
        for _ in range(150):
            sock = wire.Socket(support.URL)
            try:
                if generator.random() < 0.5:
                    sock.send_bytes(wire.HEADER)
                sock.send_bytes(generator.randbytes(generator.randint(1, 2000)))
            except OSError:
                pass
            sock.close()
        self.alive()

    def test_spoiled_frames_after_the_handshake(self):
        generator = random.Random(12)
        spoiled = [wire.encode_method("queue.declare", queue="x", arguments={
            "x-max-length": 5, "t": {"a": [1, 2, {"b": None}]}}),
            wire.encode_method("basic.consume", queue="x", arguments={"x-priority": 1}),
            wire.encode_method("exchange.declare", exchange="x", type="headers"),
            wire.encode_method("queue.bind", queue="x", exchange="amq.headers", arguments={
                "x-match": "all", "k": 1.5}),
            wire.encode_method("basic.publish", exchange="", routing_key="x")]
        for _ in range(200):
            client = wire.Client(support.URL)
            channel = client.channel()
            payload = bytearray(generator.choice(spoiled))
            for _ in range(generator.randint(1, 4)):
                payload[generator.randrange(4, len(payload))] = generator.randrange(256)
            try:
                client.send_frame(wire.METHOD, channel.number, bytes(payload))
                client.send_frame(wire.CONTENT, channel.number,
                                  generator.randbytes(generator.randint(0, 40)))
            except OSError:
                pass
            client.close()
        self.alive()
        self.ch.queue_delete("x")

    def test_spoiled_content_headers(self):
        generator = random.Random(13)
        queue = self.queue()
        good = wire.encode_header(3, headers={"a": [1, {"b": "c"}], "CC": ["x"]}, expiration="9",
                                  content_type="text/plain", priority=3, timestamp=5)
        for _ in range(200):
            client = wire.Client(support.URL)
            channel = client.channel()
            header = bytearray(good)
            for _ in range(generator.randint(1, 3)):
                header[generator.randrange(12, len(header))] = generator.randrange(256)
            channel.send("basic.publish", exchange="", routing_key=queue)
            client.send_frame(wire.CONTENT, channel.number, bytes(header))
            client.send_frame(wire.BODY, channel.number, b"abc")
            client.close()
        self.alive()
        channel = self.wire().channel()
        while channel.call("basic.get", queue=queue, no_ack=True).name == "basic.get-ok":
            pass


class Slow(ClientTest):
    seconds = 300

    def test_a_consumer_that_does_not_read(self):
        """Its deliveries stop; those of others and the publisher's confirms do not."""
        queue = self.queue(durable=True)
        other = self.queue("-other")
        stuck = self.wire()
        stuck.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.channel().call("basic.consume", queue=queue, no_ack=True)
        channel = self.wire(timeout=60).channel()
        channel.call("confirm.select")
        body = b"x" * 100000
        for _ in range(300):
            channel.publish("", queue, body, delivery_mode=2)
        settled = 0
        while settled < 300:
            answer = channel.expect("basic.ack")
            settled = answer.delivery_tag if answer.multiple else settled + 1
        got, _ = self.consume(other, auto_ack=True)
        self.publish(other, "meanwhile")
        self.wait_messages(got, 1)
        stuck.close()

    def test_a_firehose_does_not_starve_the_others(self):
        queue = self.queue(x_max_length=1000)
        stop = threading.Event()
        client = self.wire(timeout=60)
        channel = client.channel()
        batch = channel.encode_publish("", queue, b"x" * 100) * 200

        def pour():
            try:
                while not stop.is_set():
                    client.send_bytes(batch)
            except OSError:
                pass
        thread = threading.Thread(target=pour)
        thread.start()
        try:
            slowest = 0.0
            for _ in range(50):
                began = time.monotonic()
                self.ch.queue_declare(queue, passive=True)
                slowest = max(slowest, time.monotonic() - began)
                time.sleep(0.01)
        finally:
            stop.set()
            thread.join(60)
        self.assertLess(slowest, 20)

    def test_a_publisher_in_the_middle_of_a_body(self):
        queue = self.queue()
        stuck = self.wire()
        channel = stuck.channel()
        channel.send("basic.publish", exchange="", routing_key=queue)
        stuck.send_frame(wire.CONTENT, channel.number, wire.encode_header(1000))
        stuck.send_frame(wire.BODY, channel.number, b"x" * 500)
        self.publish(queue, "whole")
        self.assertEqual(self.texts(queue, 1), ["whole"])
        stuck.close()
        self.assertIsNone(self.get(queue, wait=0.2))


if __name__ == "__main__":
    unittest.main()
