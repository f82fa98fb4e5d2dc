# SPDX-License-Identifier: Apache-2.0
"""The breakdown of memory that the management port shows: under several kinds of load its parts add up to
what the process has, within a tenth, and the part that was loaded shows it."""
import socket
import ssl
import tempfile
import unittest

import pika

import wire
from certificates import Authority
from daemon import Daemon, instrumented
from test_login import ask

TOLERANCE = 0.10
MB = 1 << 20


@unittest.skipIf(instrumented(), 'sanitizers have a heap of their own')
class Breakdown(unittest.TestCase):
    def memory(self, broker):
        node = ask(broker, 'GET', 'nodes')[1][0]['name']
        parts = ask(broker, 'GET', f'nodes/{node}/memory')[1]['memory']
        resident = parts.pop('total')['rss']
        parts.pop('strategy')
        total = sum(parts.values())
        self.assertLess(abs(total - resident) / resident, TOLERANCE, (resident, parts))
        # What the process says of itself is what the kernel says.
        self.assertLess(abs(resident - broker.rss()) / resident, TOLERANCE)
        relative = ask(broker, 'GET', f'nodes/{node}/memory/relative')[1]['memory']
        self.assertEqual(sum(relative.values()) - relative['total'], 100)
        return parts, resident

    def channel(self, broker):
        channel = broker.connect().channel()
        channel.confirm_delivery()
        return channel

    def publish(self, broker, queue, count, size):
        """Transient messages; returns when all are in the queue."""
        self.channel(broker).queue_declare(queue)
        sock = wire.connect(broker.port)
        wire.open_channel(sock)
        one = wire.publish(1, queue.encode(), b'x' * size)
        for _ in range(count // 100):
            sock.sendall(one * 100)
        sock.sendall(wire.method(1, (50, 10), b'\0\0' + wire.short_string(queue.encode()) +
                                 b'\1' + wire.long_string(b'')))
        while wire.read_method(sock)[0] != (50, 11):
            pass
        return sock

    def test_idle(self):
        with Daemon() as broker:
            self.memory(broker)

    def test_large_messages(self):
        with Daemon() as broker:
            sock = self.publish(broker, 'q', 400, 100_000)
            parts, resident = self.memory(broker)
            self.assertGreater(parts['binary'], 38 * MB)
            self.assertLess(parts['other_system'], 0.25 * resident)
            sock.close()

    def test_small_messages(self):
        with Daemon('queue_memory=512MiB') as broker:
            sock = self.publish(broker, 'q', 150_000, 64)
            parts, resident = self.memory(broker)
            self.assertGreater(parts['binary'], 150_000 * 100)
            self.assertGreater(parts['queue_procs'], 150_000 * 60)
            self.assertLess(parts['other_system'], 0.25 * resident)
            sock.close()
            # All of it goes, and what is left still adds up.
            channel = self.channel(broker)
            channel.queue_delete('q')
            parts, _ = self.memory(broker)
            self.assertLess(parts['binary'], MB)

    def test_a_backlog_that_is_mostly_on_the_disk(self):
        with Daemon('queue_memory=1MiB') as broker:
            channel = self.channel(broker)
            channel.queue_declare('q', durable=True)
            for _ in range(60):
                channel.basic_publish('', 'q', b'x' * MB, pika.BasicProperties(delivery_mode=2))
            self.memory(broker)

    def test_deliveries_that_wait_to_be_acknowledged(self):
        with Daemon('queue_memory=256MiB') as broker:
            sock = self.publish(broker, 'q', 20_000, 500)
            channel = self.channel(broker)
            before, _ = self.memory(broker)
            got = []
            channel.basic_consume('q', lambda *_: got.append(1))
            while len(got) < 20_000:
                channel.connection.process_data_events(0.2)
            parts, _ = self.memory(broker)
            self.assertGreater(parts['connection_channels'],
                               before['connection_channels'] + 20_000 * 16)
            sock.close()

    def test_connections_and_channels(self):
        with Daemon() as broker:
            before, _ = self.memory(broker)
            socks = [wire.connect(broker.port) for _ in range(800)]
            for sock in socks:
                for number in range(1, 6):
                    wire.open_channel(sock, number)
            parts, resident = self.memory(broker)
            self.assertGreater(parts['connection_readers'], before['connection_readers'] + 800 * 500)
            self.assertGreater(parts['connection_channels'], 4000 * 200)
            self.assertLess(parts['other_system'], 0.4 * resident)
            for sock in socks:
                sock.close()

    def test_queues_and_bindings(self):
        with Daemon() as broker:
            before, _ = self.memory(broker)
            channel = broker.connect().channel()
            for i in range(2000):
                channel.queue_declare(f'queue-{i}')
                for key in ('a', 'b', 'c'):
                    channel.queue_bind(f'queue-{i}', 'amq.topic', f'{key}.{i}.#')
            parts, resident = self.memory(broker)
            self.assertGreater(parts['queue_procs'], before['queue_procs'] + 2000 * 300)
            self.assertGreater(parts['mnesia'], before['mnesia'] + 6000 * 100)
            self.assertLess(parts['other_system'], 0.4 * resident)

    def test_tls(self):
        with tempfile.TemporaryDirectory() as directory:
            ca = Authority(directory)
            ca.issue('server', '/CN=localhost', 'DNS:localhost')
            with Daemon(f'ssl_options.certfile={ca.certificate("server")}',
                        f'ssl_options.keyfile={ca.key("server")}', tls=True) as broker:
                before, _ = self.memory(broker)
                context = ssl.create_default_context(cafile=ca.certificate())
                socks = []
                for _ in range(300):
                    raw = socket.create_connection(('127.0.0.1', broker.tls_port), 10)
                    socks.append(context.wrap_socket(raw, server_hostname='localhost'))
                    socks[-1].sendall(wire.HEADER)
                    wire.expect(socks[-1], (10, 10))
                parts, resident = self.memory(broker)
                self.assertGreater(parts['connection_other'],
                                   before['connection_other'] + 300 * 5000)
                self.assertLess(parts['other_system'], 0.3 * resident)
                for sock in socks:
                    sock.close()


if __name__ == '__main__':
    unittest.main()
