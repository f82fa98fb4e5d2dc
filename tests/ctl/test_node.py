# SPDX-License-Identifier: Apache-2.0
"""The node, connections, formats, completion, TLS."""
import csv
import io
import json
import os
import subprocess
import tempfile
import time
import unittest

import pika

import certificates
from ctl import BILBYCTL, NOT_FOUND, OK, UNAVAILABLE, WithBroker, ctl
from daemon import ROOT, Daemon, slow


class Node(WithBroker):
    def test_status(self):
        out = self.good('status')
        self.assertRegex(out, r'Version +Bilby \d')
        self.assertRegex(out, r'Memory +[\d.]+ MiB, alarm at')
        self.assertIn(f'http on 127.0.0.1 port {self.broker.http_port}', out)
        self.assertRegex(out, r'Totals +0 connections, 0 channels, 7 exchanges')
        self.assertEqual(self.json('status')['product_name'], 'Bilby')
        self.good('add_user', 'small', 'x', '--tags', 'management')
        out = self.good('status', '--username', 'small', '--password', 'x')
        self.assertNotIn('Memory', out)

    def test_small_questions(self):
        self.assertEqual(self.good('ping'), 'the broker answers\n')
        self.assertEqual(self.good('ping', '-q'), '')
        self.assertEqual(self.good('await_startup', '--formatter', 'json'), '')
        self.assertEqual(self.good('server_version'), self.good('version'))
        self.assertEqual(self.json('whoami'), {'name': 'guest', 'tags': ['administrator']})
        self.assertEqual(self.json('list_nodes', 'running'), [{'running': True}])
        self.assertIn({'protocol': 'amqp', 'ip_address': '127.0.0.1', 'port': self.broker.port},
                      self.json('listeners'))
        self.assertIn('cluster_name', self.json('show', 'overview'))
        self.good('set_cluster_name', 'our own')
        self.assertEqual(self.json('show', 'overview')['cluster_name'], 'our own')

    def test_checks(self):
        for check in ('alarms', 'local_alarms', 'running', 'virtual_hosts', 'aliveness'):
            self.good('check_' + check)
        for check in ('is_running', 'node_health_check', 'check_if_node_is_quorum_critical',
                      'check_if_node_is_mirror_sync_critical'):
            self.good(check)
        self.good('check_port_listener', str(self.broker.port))
        self.bad(UNAVAILABLE, 'No active listener', 'check_port_listener', '1')
        self.good('check_protocol_listener', 'amqp')
        self.bad(UNAVAILABLE, 'bilbyctl: .+', 'check_protocol_listener', 'amqp/ssl')


class Alarms(WithBroker):
    settings = ('vm_memory_high_watermark.absolute=1MB', 'disk_free_limit.absolute=1000TB')

    def test_they_are_named(self):
        for check in ('check_alarms', 'check_local_alarms', 'node_health_check'):
            self.bad(UNAVAILABLE, 'alarms in effect in the cluster: memory, disk$', check)
        self.assertIn('(the alarm is on)', self.good('status'))


class Connections(WithBroker):
    def setUp(self):
        self.clients = []

    def connect(self):
        self.clients.append(self.broker.connect())
        return self.clients[-1]

    def count(self):
        """How many there are, once our clients have answered what was said to them."""
        for client in filter(lambda each: each.is_open, self.clients):
            try:
                client.process_data_events()
            except pika.exceptions.AMQPError:
                pass
        return len(self.json('list_connections', 'name'))

    def wait_for(self, count):
        deadline = time.time() + 5
        while self.count() != count and time.time() < deadline:
            time.sleep(0.02)
        self.assertEqual(self.count(), count)

    def test_listing_and_closing(self):
        self.good('declare', 'queue', 'name=q')
        channel = self.connect().channel()
        channel.basic_qos(prefetch_count=7)
        channel.basic_consume('q', lambda *_: None, consumer_tag='tag')
        self.connect()
        self.wait_for(2)
        self.assertEqual(self.json('list_consumers', 'queue_name', 'consumer_tag', 'prefetch_count'),
                         [{'queue_name': 'q', 'consumer_tag': 'tag', 'prefetch_count': 7}])
        row, = self.json('list_channels', 'number', 'user', 'consumer_count', 'connection')
        self.assertEqual((row['number'], row['user'], row['consumer_count']), (1, 'guest', 1))
        self.good('close_connection', row['connection'], 'for a reason')
        self.wait_for(1)
        self.bad(NOT_FOUND, 'no connection "x"', 'close_connection', 'x')
        self.assertEqual(self.good('close_all_connections', '--global', 'bye'), '1 connection closed\n')
        self.wait_for(0)
        self.connect()
        self.good('close_all_user_connections', 'guest', 'bye')
        self.wait_for(0)
        self.good('delete_queue', 'q')

    def test_only_those_of_a_virtual_host(self):
        self.good('add_vhost', 'other')
        self.connect()
        self.wait_for(1)
        self.assertEqual(self.good('close_all_connections', '-p', 'other'), '0 connections closed\n')
        self.assertEqual(self.good('close_all_connections'), '1 connection closed\n')
        self.wait_for(0)


class Formats(WithBroker):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.names = ['plain', 'com,ma', 'quo"te', 'tab\there', 'esc\x1b[2J', '\u00fc\u20ac']
        for name in cls.names:
            cls.prepare(('declare', 'queue', 'name=' + name))

    def test_csv(self):
        out = self.good('list_queues', 'name', 'messages', 'arguments', '--formatter', 'csv')
        rows = list(csv.reader(io.StringIO(out, newline='')))
        self.assertEqual(rows[0], ['name', 'messages', 'arguments'])
        self.assertEqual(sorted(rows[1:]), sorted([name, '0', ''] for name in self.names))

    def test_tsv_and_headers(self):
        lines = self.good('list_queues', 'messages', 'name', '--formatter', 'tsv').splitlines()
        self.assertEqual(lines[0], 'messages\tname')
        self.assertIn('0\ttab\\x09here', lines)
        for option in ('--no-table-headers', '--silent', '-s'):
            out = self.good('list_queues', 'name', '--formatter', 'tsv', option)
            self.assertEqual(len(out.splitlines()), len(self.names))

    def test_json(self):
        self.assertEqual({row['name'] for row in self.json('list_queues')}, set(self.names))
        self.assertEqual(self.good('list_queues', '-p', '/', '--formatter=json', 'name').count('\n'),
                         len(self.names) + 2)

    def test_table(self):
        lines = self.good('list_queues', 'name', 'messages', 'type').splitlines()
        self.assertEqual(lines[0], 'name         messages  type')
        self.assertIn('esc\\x1b[2J          0  classic', lines)
        self.assertIn('\u00fc\u20ac                  0  classic', lines)
        self.assertEqual(lines[-1], f'{len(self.names)} queues')
        self.assertEqual(len(self.good('list_queues', '-q').splitlines()), len(lines) - 1)
        self.assertEqual(self.good('list_vhosts').splitlines()[-1], '1 vhost')
        self.assertEqual(self.good('list_consumers'), 'no consumers\n')
        self.assertEqual(self.good('list_policies'), 'no policies\n')

    def test_output_that_fails(self):
        with open('/dev/full', 'w') as full:
            done = subprocess.run([BILBYCTL, 'list_queues', '-H', '127.0.0.1', '-P',
                                   str(self.broker.http_port)], stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 73)


class Top(WithBroker):
    @slow
    def test_once(self):
        for name in ('idle', 'busy'):
            self.good('declare', 'queue', 'name=' + name)
        watch = subprocess.Popen([BILBYCTL, 'top', '--once', '--interval', '2', '--formatter', 'json',
                                  '-H', '127.0.0.1', '-P', str(self.broker.http_port)],
                                 stdout=subprocess.PIPE, text=True)
        time.sleep(0.8)
        channel = self.broker.connect().channel()
        for _ in range(100):
            channel.basic_publish('', 'busy', b'x')
        picture = json.loads(watch.communicate(timeout=60)[0])
        busy, idle = picture['queues']
        self.assertEqual((busy['name'], idle['name']), ('busy', 'idle'))
        self.assertGreater(busy['publish/s'], 20)
        self.assertEqual((idle['publish/s'], busy['messages_ready']), (0, 100))
        connection, = picture['connections']
        self.assertGreater(connection['bytes_in/s'], 1000)
        self.assertEqual(picture['overview']['object_totals']['queues'], 2)
        self.assertGreater(picture['node']['mem_used'], 0)

    def test_top_is_a_picture_for_people(self):
        self.good('declare', 'queue', 'name=one')
        text = self.good('top', '--once', '--interval', '1')
        for part in ('Memory ', 'Messages ', 'Queues: publish 0/s', 'deliver/s', ' connections'):
            self.assertIn(part, text)
        self.assertNotIn('\033', text)
        lines = self.good('top', '--once', '--interval', '1', '--formatter', 'csv').splitlines()
        self.assertTrue(lines[0].startswith('name,publish/s'), lines)


class Completion(WithBroker):
    def offers(self, *words):
        return self.good('autocomplete', '--', *words).split('\n')[:-1]

    def test_commands(self):
        self.assertEqual(self.offers('list_q'), ['list_queues'])
        self.assertEqual(self.offers('decl'), ['declare'])
        self.assertIn('binding', self.offers('declare', ''))
        self.assertEqual(self.offers('-q', 'purge', 'q'), ['queue'])

    def test_arguments(self):
        self.good('add_user', 'someone', 'x')
        self.good('declare', 'queue', 'name=q 1')
        self.assertEqual(self.offers('delete_user', 'so'), ['someone'])
        self.assertEqual(self.offers('purge_queue', ''), ['q 1'])
        self.assertEqual(self.offers('list_queues', 'name', 'messages_r'), ['messages_ready'])
        self.assertEqual(self.offers('declare', 'queue', 'na'), ['name='])
        self.assertEqual(self.offers('help', 'list_q'), ['list_queues'])

    def test_options(self):
        self.assertEqual(self.offers('list_queues', '--sort'), ['--sort', '--sort-reverse'])
        self.assertEqual(self.offers('ping', '--sort'), [])
        self.assertEqual(self.offers('--formatter', 'j'), ['json'])
        self.assertEqual(self.offers('list_queues', '-p', ''), ['/'])

    def test_in_bash(self):
        script = f'''
            PATH={os.path.dirname(BILBYCTL)}:$PATH
            source {ROOT}/tools/bilbyctl.bash
            compopt() {{ :; }}
            COMP_WORDS=({BILBYCTL} purge_queue ""); COMP_CWORD=2; _bilbyctl
            printf '<%s>' "${{COMPREPLY[@]}}"'''
        self.good('declare', 'queue', 'name=q 1')
        done = subprocess.run(['bash', '-c', script], capture_output=True, text=True, check=True,
                              env={**os.environ, 'BILBYCTL_HOST': '127.0.0.1',
                                   'BILBYCTL_PORT': str(self.broker.http_port)})
        self.assertEqual(done.stdout, '<q\\ 1>')


class Tls(unittest.TestCase):
    def test_certificates(self):
        with tempfile.TemporaryDirectory() as directory, Daemon() as broker:
            authority = certificates.Authority(directory)
            certificate, key = authority.issue('server', '/CN=localhost', 'IP:127.0.0.1')
            broker.stop()
            port = broker.tls_port
            broker.sets += ['management.ssl.ip=127.0.0.1', f'management.ssl.port={port}',
                            f'management.ssl.certfile={certificate}',
                            f'management.ssl.keyfile={key}']
            broker.start()
            base = ('ping', '--ssl', '-P', str(port))
            trust = ('--cacert', authority.certificate())
            self.assertEqual(ctl(*base, '-H', '127.0.0.1', *trust)[0], OK)
            code, _, err = ctl(*base, '-H', '127.0.0.1')
            self.assertEqual(code, UNAVAILABLE)
            self.assertIn('--cacert', err)
            self.assertEqual(ctl(*base, '-H', 'localhost', *trust)[0], UNAVAILABLE)
            self.assertEqual(ctl(*base, '-H', '127.0.0.1', '--insecure')[0], OK)
            self.assertEqual(ctl(*base, '-H', '127.0.0.1', '--cacert', '/nonexistent')[0],
                             UNAVAILABLE)
