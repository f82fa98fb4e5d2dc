# SPDX-License-Identifier: Apache-2.0
"""Start, stop, signals, and what goes wrong at start."""
import base64
import hashlib
import json
import os
import signal
import socket
import sqlite3
import tempfile
import time
import unittest

import pika

import wire
from daemon import Daemon, instrumented


class Start(unittest.TestCase):
    def test_starts_fast_and_small(self):
        with Daemon() as broker:
            times = []
            for _ in range(3):
                broker.stop()
                broker.start()
                times.append(broker.cpu())
            if not instrumented():
                self.assertLess(min(times), 0.2)
                self.assertLess(broker.rss(), 15 << 20)

    def test_listens_on_ipv6_and_on_names(self):
        with Daemon() as broker:
            port = broker.port
            broker.stop()
            broker.sets.append(f'listeners.tcp.1=localhost:{port}')
            broker.start()
            addresses = {a[4][0] for a in socket.getaddrinfo('localhost', port,
                                                             type=socket.SOCK_STREAM)}
            for address in addresses:
                sock = socket.create_connection((address, port), 5)
                sock.sendall(wire.HEADER)
                wire.expect(sock, (10, 10))
                sock.close()

    def test_a_port_alone_means_all_addresses(self):
        with Daemon() as broker:
            broker.stop()
            broker.sets.append(f'listeners.tcp.1={broker.port}')
            broker.start()
            wire.connect(broker.port).close()
            try:
                socket.create_server(('::1', 0), family=socket.AF_INET6).close()
            except OSError:
                self.skipTest('no IPv6 here')
            socket.create_connection(('::1', broker.port), 5).close()

    def test_no_listener_at_all(self):
        with Daemon() as broker:
            broker.stop()
            broker.sets += ['listeners.tcp=none', 'management.tcp=none']
            broker.start(wait=False)
            broker.wait_for_log(r'msg="ready"[\s\S]*msg="ready"')
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(('127.0.0.1', broker.port), 5)
            self.assertEqual(broker.stop(), 0)

    def test_definitions_bring_the_users(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = os.path.join(scratch, 'definitions.json')
            with open(path, 'w') as file:
                json.dump({'vhosts': [{'name': '/'}]}, file)
            with Daemon('load_definitions=' + path) as broker:
                self.assertIn('there is no user', broker.log())
                with self.assertRaises(pika.exceptions.ProbableAuthenticationError):
                    broker.connect()
                broker.stop()
                broker.sets.pop()
                broker.start()
                broker.connect().close()

    def test_definitions_are_loaded(self):
        # The hash is RabbitMQ's for "secret" with the salt 00 01 02 03.
        salt = bytes(range(4))
        hashed = base64.b64encode(salt + hashlib.sha256(salt + b'secret').digest()).decode()
        with Daemon() as broker:
            broker.stop()
            path = os.path.join(broker.scratch, 'definitions.json')
            with open(path, 'w') as file:
                json.dump({'users': [{'name': 'ann', 'password_hash': hashed, 'tags': [],
                                      'hashing_algorithm': 'rabbit_password_hashing_sha256'}],
                           'vhosts': [{'name': 'shop'}],
                           'permissions': [{'user': 'ann', 'vhost': 'shop', 'configure': '',
                                            'write': '.*', 'read': '.*'}],
                           'queues': [{'name': 'orders', 'vhost': 'shop', 'durable': True,
                                       'auto_delete': False, 'arguments': {}}]}, file)
            broker.sets.append('load_definitions=' + path)
            broker.start()
            with broker.connect('ann', 'secret', 'shop') as connection:
                channel = connection.channel()
                channel.basic_publish('', 'orders', b'x')
                self.assertEqual(channel.basic_get('orders', auto_ack=True)[2], b'x')
            broker.stop()
            with open(path, 'w') as file:
                file.write('{"users": [')
            broker.start(wait=False)
            self.assertEqual(broker.wait(), 78)
            self.assertIn('cannot import the definitions of ' + path, broker.log())

    def test_the_port_is_taken(self):
        with Daemon() as first, Daemon() as second:
            second.stop()
            second.port = first.port
            second.start(wait=False)
            self.assertEqual(second.wait(), 69)
            self.assertIn(f'cannot listen on 127.0.0.1:{first.port}: Address already in use',
                          second.log())

    def test_the_data_directory_is_taken(self):
        with Daemon() as first:
            second = Daemon(data_dir=first.data_dir)
            second.start(wait=False)
            self.assertEqual(second.wait(), 75)
            self.assertIn(first.data_dir, second.log())

    def test_a_database_of_a_newer_version_is_refused_and_left_alone(self):
        with Daemon() as broker:
            broker.stop()
            path = os.path.join(broker.data_dir, 'node.db')
            database = sqlite3.connect(path)
            database.execute('PRAGMA user_version = 9999')
            database.close()
            with open(path, 'rb') as file:
                before = file.read()
            broker.start(wait=False)
            self.assertEqual(broker.wait(), 65)
            self.assertIn('newer', broker.log())
            with open(path, 'rb') as file:
                self.assertEqual(file.read(), before)

    def test_a_damaged_database_is_refused(self):
        with Daemon() as broker:
            broker.stop()
            with open(os.path.join(broker.data_dir, 'node.db'), 'r+b') as file:
                file.write(b'this is no database, but something else entirely')
            broker.start(wait=False)
            self.assertEqual(broker.wait(), 65)
            self.assertIn('node.db', broker.log())

    def test_durable_things_survive_kill_9(self):
        with Daemon() as broker:
            channel = broker.connect().channel()
            channel.queue_declare('kept', durable=True)
            channel.confirm_delivery()
            for i in range(10):
                channel.basic_publish('', 'kept', b'%d' % i,
                                      pika.BasicProperties(delivery_mode=2))
            broker.kill()
            broker.start()
            with broker.connect() as connection:
                channel = connection.channel()
                bodies = [channel.basic_get('kept', auto_ack=True)[2] for _ in range(10)]
                self.assertEqual(bodies, [b'%d' % i for i in range(10)])


class Stop(unittest.TestCase):
    def stop_by(self, number):
        with Daemon() as broker:
            connection = broker.connect()
            broker.signal(number)
            with self.assertRaises(pika.exceptions.ConnectionClosedByBroker) as caught:
                while True:
                    connection.process_data_events(5)
            self.assertEqual(caught.exception.reply_code, 320)
            self.assertEqual(caught.exception.reply_text, 'CONNECTION_FORCED - broker forced '
                             "connection closure with reason 'shutdown'")
            self.assertEqual(broker.wait(), 0)
            self.assertIn('msg="stopped"', broker.log())

    def test_sigterm(self):
        self.stop_by(signal.SIGTERM)

    def test_sigint(self):
        self.stop_by(signal.SIGINT)

    def test_a_client_that_does_not_answer_is_waited_for_but_not_forever(self):
        with Daemon('shutdown_timeout=700') as broker:
            sock = wire.connect(broker.port)
            began = time.monotonic()
            self.assertEqual(broker.stop(), 0)
            self.assertGreater(time.monotonic() - began, 0.6)
            self.assertEqual(wire.read_method(sock)[0], wire.CLOSE)
            self.assertIn('stopping without waiting any longer', broker.log())

    def test_a_second_signal_ends_the_waiting(self):
        with Daemon('shutdown_timeout=60000') as broker:
            sock = wire.connect(broker.port)
            broker.signal(signal.SIGTERM)
            wire.expect(sock, wire.CLOSE)
            broker.signal(signal.SIGTERM)
            self.assertEqual(broker.wait(5), 0)

    def test_clients_in_their_handshake_do_not_hold_it_up(self):
        with Daemon('shutdown_timeout=60000') as broker:
            sock = socket.create_connection(('127.0.0.1', broker.port))
            sock.sendall(wire.HEADER)
            wire.expect(sock, (10, 10))
            began = time.monotonic()
            self.assertEqual(broker.stop(), 0)
            self.assertLess(time.monotonic() - began, 50)

    def test_messages_on_their_way_to_the_disk_are_kept(self):
        with Daemon() as broker:
            connection = broker.connect()
            channel = connection.channel()
            channel.queue_declare('kept', durable=True)
            for i in range(2000):
                channel.basic_publish('', 'kept', b'x' * 500,
                                      pika.BasicProperties(delivery_mode=2))
            self.assertEqual(channel.queue_declare('kept', passive=True).method.message_count, 2000)
            self.assertEqual(broker.stop(), 0)
            broker.start()
            with broker.connect() as connection:
                declared = connection.channel().queue_declare('kept', passive=True)
                self.assertEqual(declared.method.message_count, 2000)


class Reload(unittest.TestCase):
    def test_sighup_changes_the_log(self):
        with Daemon() as broker:
            path = os.path.join(broker.scratch, 'bilby.conf')
            log = os.path.join(broker.scratch, 'bilby.log')
            broker.stop()
            broker.config = path
            with open(path, 'w') as file:
                file.write(f'log.file = {log}\nlog.level = info\n')
            broker.start()
            broker.connect().close()
            os.rename(log, log + '.1')
            with open(path, 'a') as file:
                file.write('log.level = debug\n')
            broker.signal(signal.SIGHUP)
            broker.wait_for_log('msg="reloaded"')
            broker.connect().close()
            broker.wait_for_log('level=debug')
            with open(log) as file:
                self.assertIn('connection opened', file.read())
            with open(log + '.1') as file:
                self.assertNotIn('level=debug', file.read())

    def test_a_wrong_file_changes_nothing(self):
        with Daemon() as broker:
            path = os.path.join(broker.scratch, 'bilby.conf')
            broker.stop()
            broker.config = path
            with open(path, 'w') as file:
                file.write('heartbeat = 60\n')
            broker.start()
            with open(path, 'w') as file:
                file.write('log.level = deafening\n')
            broker.signal(signal.SIGHUP)
            broker.wait_for_log('msg="not reloaded"')
            self.assertIn(f'{path}:1:', broker.log())
            broker.connect().close()


class Log(unittest.TestCase):
    def test_a_connections_life_is_two_lines_without_secrets(self):
        with Daemon('default_pass=hunter2') as broker:
            broker.connect('guest', 'hunter2').close()
            broker.wait_for_log('msg="connection closed"')
            log = broker.log()
            self.assertRegex(log, r'time=\S+Z level=info msg="connection opened".* user=guest '
                             r'vhost=/')
            self.assertNotIn('hunter2', log)


if __name__ == '__main__':
    unittest.main()
