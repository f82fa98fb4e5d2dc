# SPDX-License-Identifier: Apache-2.0
"""Many clients, rude clients, slow clients: whatever one does, the others don't notice."""
import socket
import struct
import threading
import time
import unittest

import pika

import wire
from daemon import PATIENCE, Daemon, instrumented, slow


def latency(connection, rounds=20):
    """The longest of some round trips on a connection of its own."""
    channel = connection.channel()
    worst = 0
    for _ in range(rounds):
        began = time.monotonic()
        channel.queue_declare('probe')
        worst = max(worst, time.monotonic() - began)
    return worst


class Protocol(unittest.TestCase):
    def answer_to(self, data):
        with Daemon() as broker:
            sock = socket.create_connection(('127.0.0.1', broker.port), PATIENCE)
            sock.sendall(data)
            answer = b''
            while True:
                got = sock.recv(100)
                if not got:
                    return answer
                answer += got

    def test_another_revision(self):
        self.assertEqual(self.answer_to(b'AMQP\x00\x00\x09\x02'), b'AMQP\x00\x00\x09\x01')

    def test_http(self):
        self.assertEqual(self.answer_to(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')[:4], b'AMQP')

    def test_a_byte_at_a_time(self):
        with Daemon() as broker:
            sock = socket.create_connection(('127.0.0.1', broker.port), PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tune_ok = wire.method(0, wire.TUNE_OK, struct.pack('>HIH', 2047, 131072, 0))
            opening = wire.method(0, wire.OPEN, wire.short_string(b'/') + b'\x00\x00')
            for data in (wire.HEADER, wire.start_ok(), tune_ok + opening):
                for i in range(len(data)):
                    sock.sendall(data[i:i + 1])
                    time.sleep(0.0003)
            wire.expect(sock, (10, 10))
            wire.expect(sock, wire.TUNE)
            wire.expect(sock, wire.OPEN_OK)

    def test_a_frame_larger_than_the_shared_buffer(self):
        with Daemon('frame_max=4MiB') as broker:
            sock = wire.connect(broker.port)
            wire.open_channel(sock)
            sock.sendall(wire.method(1, (50, 10), struct.pack('>H', 0) + wire.short_string(b'big') +
                                     b'\x00' + struct.pack('>I', 0)))
            wire.expect(sock, (50, 11))
            body = bytes(range(256)) * (3 << 12)
            sock.sendall(wire.publish(1, b'big', body))
            sock.sendall(wire.method(1, (60, 70), struct.pack('>H', 0) + wire.short_string(b'big') +
                                     b'\x01'))
            wire.expect(sock, (60, 71))
            self.assertEqual(wire.read_frame(sock)[0], 2)
            self.assertEqual(wire.read_frame(sock)[2], body)

    def test_a_socket_closed_without_a_word(self):
        with Daemon() as broker:
            sock = wire.connect(broker.port)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            sock.close()
            broker.wait_for_log('msg="connection closed"')
            before = broker.descriptors()
            for _ in range(50):
                wire.connect(broker.port).close()
            time.sleep(0.3)
            self.assertLessEqual(broker.descriptors(), before + 1)

    def test_the_handshake_has_a_timeout(self):
        with Daemon('handshake_timeout=400') as broker:
            sock = socket.create_connection(('127.0.0.1', broker.port), PATIENCE)
            began = time.monotonic()
            self.assertEqual(sock.recv(10), b'')
            self.assertLess(time.monotonic() - began, 9)  # 10 unless configured


class Many(unittest.TestCase):
    @slow
    def test_a_thousand_idle_connections(self):
        with Daemon() as broker:
            warm = [wire.connect(broker.port) for _ in range(20)]
            before = broker.rss()
            idle = [wire.connect(broker.port) for _ in range(1000)]
            grown = (broker.rss() - before) / len(idle)
            print(f'{grown:.0f} bytes a connection ', end='', flush=True)
            if not instrumented():
                self.assertLess(grown, 10 << 10)
            with broker.connect() as connection:
                self.assertLess(latency(connection), 5)
            for sock in warm + idle:
                sock.close()
            deadline = time.monotonic() + PATIENCE
            while broker.log().count('msg="connection closed"') < 1020:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            self.assertEqual(broker.stop(), 0)

    @slow
    def test_no_descriptors_left(self):
        with Daemon(files_max=64) as broker:
            first = wire.connect(broker.port)
            crowd = []
            for _ in range(100):
                crowd.append(socket.create_connection(('127.0.0.1', broker.port), PATIENCE))
            broker.wait_for_log('accepting pauses.*Too many open files')
            wire.open_channel(first)
            for sock in crowd:
                sock.close()
            time.sleep(1.2)
            wire.connect(broker.port).close()
            wire.open_channel(first, 2)
            # Accepting did not spin: about a line a second.
            self.assertLess(broker.log().count('accepting pauses'), 10)


class Fairness(unittest.TestCase):
    def test_a_flood_of_publishes(self):
        with Daemon() as broker, broker.connect() as other:
            other.channel().queue_declare('flood', arguments={'x-max-length': 100})
            stop = threading.Event()
            sock = wire.connect(broker.port)
            wire.open_channel(sock)
            burst = wire.publish(1, b'flood', b'x' * 100) * 2000

            def flood():
                try:
                    while not stop.is_set():
                        sock.sendall(burst)
                except OSError:
                    pass
            thread = threading.Thread(target=flood)
            thread.start()
            try:
                time.sleep(0.3)
                # Sanitizers say nothing about speed, but an answer must come.
                self.assertLess(latency(other), 30)
            finally:
                stop.set()
                thread.join(20)

    @slow
    def test_a_consumer_that_does_not_read(self):
        with Daemon() as broker, broker.connect() as other:
            channel = other.channel()
            channel.queue_declare('slow')
            sock = wire.connect(broker.port)
            wire.open_channel(sock)
            sock.sendall(wire.method(1, (60, 20), struct.pack('>H', 0) + wire.short_string(b'slow') +
                                     wire.short_string(b'') + b'\x02' + struct.pack('>I', 0)))
            wire.expect(sock, (60, 21))
            channel.confirm_delivery()
            for _ in range(60):
                channel.basic_publish('', 'slow', b'x' * 1_000_000)
            # What does not fit into its socket stays in the queue, not in an output buffer.
            count = channel.queue_declare('slow', passive=True).method.message_count
            self.assertGreater(count, 40)
            self.assertLess(latency(other), 10)
            # And when it reads on, all of it comes.
            sock.settimeout(PATIENCE)
            bodies = 0
            while bodies < 60_000_000:
                kind, _, payload = wire.read_frame(sock)
                bodies += len(payload) if kind == 3 else 0
            self.assertEqual(bodies, 60_000_000)


class Alarms(unittest.TestCase):
    def blocked_by(self, reason, *sets):
        with Daemon(*sets) as broker:
            blocked = []
            connection = broker.connect()
            connection.add_on_connection_blocked_callback(
                lambda _, method: blocked.append(method.method.reason))
            channel = connection.channel()
            channel.queue_declare('q')
            channel.basic_publish('', 'q', b'x')
            deadline = time.monotonic() + PATIENCE
            while not blocked and time.monotonic() < deadline:
                connection.process_data_events(0.1)
            self.assertEqual(blocked, [reason])
            # Who does not publish goes on.
            with broker.connect() as other:
                other.channel().queue_declare('r')

    def test_memory(self):
        self.blocked_by('low on memory', 'vm_memory_high_watermark.absolute=1MB')

    def test_disk(self):
        self.blocked_by('low on disk', 'disk_free_limit.absolute=1000TiB')


if __name__ == '__main__':
    unittest.main()
