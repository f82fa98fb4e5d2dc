# SPDX-License-Identifier: Apache-2.0
"""Limits: each key of the configuration, each limit of a user or a virtual host, and what a client is told
that runs into it."""
import socket
import time
import unittest

import pika

import wire
from daemon import PATIENCE, Daemon
from test_login import ask

CLOSED = pika.exceptions.ConnectionClosedByBroker
CHANNEL = pika.exceptions.ChannelClosedByBroker
OPEN = pika.exceptions.ProbableAccessDeniedError


class Configured(unittest.TestCase):
    def told(self, kind, text, call, *arguments, **named):
        with self.assertRaises(kind) as caught:
            call(*arguments, **named)
        self.assertIn(text, str(caught.exception))

    def test_channels_of_the_node(self):
        with Daemon('channel_max_per_node=3', 'cluster_name=n') as broker:
            first, second = broker.connect(), broker.connect()
            channels = [first.channel(), first.channel(), second.channel()]
            self.told(CLOSED, "number of channels opened on node 'n' has reached the maximum "
                      "allowed limit of (3)", second.channel)
            channels[0].close()
            first.channel()

    def test_connections_a_second(self):
        # Two hundred come in from what has been saved up; a hundred more have to wait for half a
        # second at least, and then come in all the same.
        with Daemon('connection_rate_max=200') as broker:
            began = time.monotonic()
            for _ in range(300):
                socket.create_connection(('127.0.0.1', broker.port), 10).close()
            sock = socket.create_connection(('127.0.0.1', broker.port), 10)
            sock.sendall(wire.HEADER)
            wire.expect(sock, (10, 10))
            self.assertGreater(time.monotonic() - began, 0.4)

    def test_deliveries_of_a_channel(self):
        with Daemon('unacked_max_per_channel=5') as broker:
            channel = broker.connect().channel()
            channel.queue_declare('q')
            for _ in range(12):
                channel.basic_publish('', 'q', b'x')
            got = []
            channel.basic_consume('q', lambda c, method, p, body: got.append(method.delivery_tag))

            def expect(count):
                deadline = time.monotonic() + PATIENCE
                while len(got) < count and time.monotonic() < deadline:
                    channel.connection.process_data_events(0.1)
                channel.connection.process_data_events(0.3)
                self.assertEqual(len(got), count)
            expect(5)
            channel.basic_ack(got[-1], multiple=True)
            expect(10)

    def test_queues_of_the_node(self):
        with Daemon('cluster_queue_limit=1') as broker:
            channel = broker.connect().channel()
            channel.queue_declare('one')
            self.told(CHANNEL, "cannot declare queue 'two': queue limit in cluster (1) is reached",
                      channel.queue_declare, 'two')

    def test_exchanges_of_a_virtual_host(self):
        with Daemon('cluster_exchange_limit=9') as broker:
            channel = broker.connect().channel()
            with self.assertRaises(CHANNEL) as caught:
                for i in range(9):
                    channel.exchange_declare(f'x{i}')
            self.assertIn('exchange limit of 9 is reached', str(caught.exception))

    def test_virtual_hosts(self):
        with Daemon('vhost_max=1') as broker:
            code, answer = ask(broker, 'PUT', 'vhosts/two')
            self.assertEqual(code, 400)
            self.assertIn('limit of 1 is reached', str(answer['reason']))

    def test_depth_of_tables(self):
        deep = {}
        for _ in range(60):
            deep = {'d': deep}
        with Daemon() as broker:
            connection = broker.connect()
            channel = connection.channel()
            self.told(CLOSED, 'SYNTAX_ERROR', channel.queue_declare, 'q', arguments=deep)
            broker.connect().close()


class Set(unittest.TestCase):
    """By an operator, over the API."""

    def limit(self, broker, kind, name, limit, value):
        self.assertEqual(ask(broker, 'PUT', f'{kind}/{name}/{limit}', {'value': value})[0], 204)

    def test_connections_and_channels_of_a_user(self):
        with Daemon() as broker:
            self.limit(broker, 'user-limits', 'guest', 'max-connections', 1)
            self.limit(broker, 'user-limits', 'guest', 'max-channels', 2)
            connection = broker.connect()
            with self.assertRaisesRegex(
                    Exception, r"user connection limit \(1\) is reached"):
                broker.connect()
            connection.channel()
            connection.channel()
            with self.assertRaisesRegex(CLOSED, "number of channels opened for user 'guest' has "
                                        "reached the maximum allowed user limit of 2"):
                connection.channel()

    def test_connections_and_queues_of_a_virtual_host(self):
        with Daemon() as broker:
            self.limit(broker, 'vhost-limits', '%2f', 'max-connections', 1)
            self.limit(broker, 'vhost-limits', '%2f', 'max-queues', 1)
            connection = broker.connect()
            with self.assertRaisesRegex(Exception, r"connection limit \(1\) is reached"):
                broker.connect()
            channel = connection.channel()
            channel.queue_declare('one')
            with self.assertRaisesRegex(CHANNEL, r"queue limit in vhost '/' \(1\) is reached"):
                channel.queue_declare('two')


class Alarms(unittest.TestCase):
    """Each way to write a limit raises its alarm, and one that is far away doesn't."""

    def alarms(self, *sets):
        with Daemon(*sets) as broker:
            node = ask(broker, 'GET', 'nodes')[1][0]
            return node['mem_alarm'], node['disk_free_alarm']

    def test_memory(self):
        self.assertEqual(self.alarms('vm_memory_high_watermark.absolute=1MB'), (True, False))
        self.assertEqual(self.alarms('vm_memory_high_watermark.relative=0.000001'), (True, False))
        self.assertEqual(self.alarms('total_memory_available_override_value=2MB'), (True, False))
        self.assertEqual(self.alarms('vm_memory_high_watermark.absolute=64GB'), (False, False))

    def test_disk(self):
        self.assertEqual(self.alarms('disk_free_limit.absolute=8000TB'), (False, True))
        self.assertEqual(self.alarms('disk_free_limit.relative=100.0',
                                     'total_memory_available_override_value=900TB',
                                     'vm_memory_high_watermark.absolute=64GB'), (False, True))
        self.assertEqual(self.alarms('disk_free_limit.absolute=1'), (False, False))


if __name__ == '__main__':
    unittest.main()
