# SPDX-License-Identifier: Apache-2.0
"""Counters, rates and metrics of a real broker match what real clients did."""
import base64
import json
import shutil
import subprocess
import time
import unittest
import urllib.error
import urllib.request

import pika

from daemon import Daemon, free_ports

INTERVAL = 1  # seconds between samples
BODIES = (10, 100, 101, 5000)  # bytes; the second is at the bound of the first bucket
ROUNDS = 25  # publishes of each


def fetch(port, path, user='guest:guest'):
    request = urllib.request.Request(f'http://127.0.0.1:{port}{path}')
    if user:
        request.add_header('Authorization', 'Basic ' + base64.b64encode(user.encode()).decode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()


def api(broker, path):
    return json.loads(fetch(broker.http_port, '/api' + path))


def metrics(text):
    """Value by name with labels."""
    lines = [line.rsplit(' ', 1) for line in text.splitlines() if not line.startswith('#')]
    values = {name: float(value) for name, value in lines}
    assert len(values) == len(lines), 'a line twice'
    return values


def by_name(values, name):
    """The sum over the labels."""
    return sum(v for k, v in values.items() if k.split('{')[0] == name)


class Traffic:
    """What the test does, and so what must be counted."""

    def __init__(self, broker):
        self.connection = broker.connect()
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()
        self.sent = self.bytes = 0

    def work(self):
        channel = self.channel
        channel.queue_declare('work', durable=True)
        channel.queue_declare('copy')
        for queue in ('work', 'copy'):
            channel.queue_bind(queue, 'amq.fanout')
        persistent = pika.BasicProperties(delivery_mode=2)
        for size in BODIES * ROUNDS:
            channel.basic_publish('amq.fanout', '', b'x' * size, persistent)
            self.sent += 1
            self.bytes += size
        channel.basic_publish('amq.direct', 'nowhere', b'lost')
        try:
            channel.basic_publish('amq.direct', 'nowhere', b'back', mandatory=True)
        except pika.exceptions.UnroutableError:
            pass
        self.consume()
        channel.basic_get('copy', auto_ack=True)
        tag = channel.basic_get('copy')[0].delivery_tag
        channel.basic_nack(tag, requeue=True)
        channel.basic_get('copy', auto_ack=True)  # the same again
        self.left = self.sent - 2  # in copy

    def consume(self):
        for method, _, _ in self.channel.consume('work'):
            self.channel.basic_ack(method.delivery_tag)
            if method.delivery_tag == self.sent:
                break
        self.channel.cancel()
        self.channel.queue_declare('work', passive=True)  # the acknowledgements are in


class Counters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = free_ports(1)[0]
        cls.broker = Daemon(f'collect_statistics_interval={INTERVAL * 1000}',
                            'prometheus.tcp.ip=127.0.0.1', f'prometheus.tcp.port={cls.port}')
        cls.broker.__enter__()
        cls.addClassCleanup(cls.broker.__exit__, None, None, None)
        time.sleep(INTERVAL * 1.5)  # a sample of nothing
        cls.traffic = Traffic(cls.broker)
        cls.traffic.work()
        cls.values = metrics(fetch(cls.port, '/metrics', user=None))

    def expect(self, name, value):
        self.assertEqual(by_name(self.values, name), value, name)

    def test_what_was_published(self):
        sent = self.traffic.sent
        self.expect('rabbitmq_global_messages_received_total', sent + 2)
        self.expect('rabbitmq_global_messages_received_confirm_total', sent + 2)
        self.expect('rabbitmq_global_messages_confirmed_total', sent + 2)
        self.expect('rabbitmq_global_messages_routed_total', 2 * sent)
        self.expect('rabbitmq_global_messages_unroutable_returned_total', 1)
        self.expect('rabbitmq_global_messages_unroutable_dropped_total', 1)
        self.expect('rabbitmq_global_publishers', 1)

    def test_what_was_delivered(self):
        sent = self.traffic.sent
        prefix = 'rabbitmq_global_messages_'
        self.expect(prefix + 'delivered_consume_manual_ack_total', sent)
        self.expect(prefix + 'delivered_get_auto_ack_total', 2)
        self.expect(prefix + 'delivered_get_manual_ack_total', 1)
        self.expect(prefix + 'delivered_total', sent + 3)
        self.expect(prefix + 'redelivered_total', 1)
        self.expect(prefix + 'acknowledged_total', sent)

    def test_what_is_left(self):
        self.expect('rabbitmq_queue_messages_ready', self.traffic.left)
        self.expect('rabbitmq_queue_messages_unacked', 0)
        self.expect('rabbitmq_queues', 2)
        self.expect('rabbitmq_connections', 1)
        self.expect('rabbitmq_channels', 1)
        self.expect('rabbitmq_queues_created_total', 2)

    def test_sizes(self):
        def bucket(le):
            return self.values['rabbitmq_message_size_bytes_bucket{le="%s"}' % le]
        self.assertEqual(bucket('100.0'), 2 * ROUNDS + 2)
        self.assertEqual(bucket('1000.0'), 3 * ROUNDS + 2)
        self.assertEqual(bucket('10000.0'), 4 * ROUNDS + 2)
        self.assertEqual(bucket('+Inf'), self.traffic.sent + 2)
        self.expect('rabbitmq_message_size_bytes_sum', self.traffic.bytes + 8)

    def test_the_store_has_written(self):
        commits = self.values['bilby_store_commit_seconds_count']
        self.assertGreaterEqual(commits, self.traffic.sent / len(BODIES))  # each was waited for
        self.assertEqual(self.values['bilby_store_batch_operations_count'], commits)
        self.assertGreaterEqual(self.values['bilby_store_batch_operations_sum'],
                                self.traffic.sent)
        self.assertGreater(self.values['bilby_store_commit_seconds_sum'], 0)
        self.assertGreater(self.values['bilby_loop_turn_seconds_count'], self.traffic.sent)

    def test_the_process(self):
        self.assertGreater(self.values['rabbitmq_process_open_fds'], 5)
        self.assertGreater(self.values['rabbitmq_process_resident_memory_bytes'], 1 << 20)
        self.assertGreater(self.values['rabbitmq_disk_space_available_bytes'], 0)
        self.assertEqual(by_name(self.values, 'rabbitmq_identity_info'), 1)

    def test_the_same_by_both_ports(self):
        other = metrics(fetch(self.broker.http_port, '/metrics'))
        self.assertEqual(set(other), set(self.values))
        with self.assertRaises(urllib.error.HTTPError) as refused:
            fetch(self.broker.http_port, '/metrics', user=None)
        self.assertEqual(refused.exception.code, 401)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            fetch(self.port, '/api/overview')
        self.assertEqual(refused.exception.code, 404)

    def test_objects(self):
        values = metrics(fetch(self.port, '/metrics/per-object', user=None))
        self.assertEqual(values['rabbitmq_queue_messages{vhost="/",queue="copy"}'],
                         self.traffic.left)
        self.assertEqual(values['rabbitmq_queue_messages_acked_total{vhost="/",queue="work"}'],
                         self.traffic.sent)
        self.assertGreater(by_name(values, 'rabbitmq_connection_incoming_bytes_total'),
                           self.traffic.bytes)
        detailed = metrics(fetch(self.port, '/metrics/detailed?family=queue_coarse_metrics&'
                                 'vhost=%2F', user=None))
        self.assertEqual(detailed['rabbitmq_detailed_queue_messages{vhost="/",queue="copy"}'],
                         self.traffic.left)

    @unittest.skipUnless(shutil.which('promtool'), 'promtool is not there')
    def test_promtool_is_content(self):
        for path in ('/metrics', '/metrics/per-object',
                     '/metrics/detailed?family=queue_metrics&family=exchange_metrics'):
            done = subprocess.run(['promtool', 'check', 'metrics'], text=True,
                                  input=fetch(self.port, path, user=None), capture_output=True)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ''))

    def test_the_api_says_the_same(self):
        stats = api(self.broker, '/overview')['message_stats']
        sent = self.traffic.sent
        self.assertEqual({k: stats[k] for k in ('publish', 'confirm', 'ack', 'deliver_get',
                                                'return_unroutable', 'drop_unroutable')},
                         {'publish': sent + 2, 'confirm': sent + 2, 'ack': sent,
                          'deliver_get': sent + 3, 'return_unroutable': 1, 'drop_unroutable': 1})


class Rates(unittest.TestCase):
    def steady_load(self, broker, channel):
        """How many were sent, how many a second, and what the API says of that."""
        began = time.monotonic()
        sent = 0
        while time.monotonic() - began < 3.5 * INTERVAL:
            channel.basic_publish('', 'q', b'x' * 1000)
            sent += 1
            time.sleep(0.005)
        rate = sent / (time.monotonic() - began)
        queue = api(broker, '/queues/%2F/q')
        overview = api(broker, '/overview')
        connection = api(broker, '/connections')[0]
        return sent, rate, [queue['message_stats']['publish_details']['rate'],
                            queue['messages_details']['rate'],
                            overview['message_stats']['publish_details']['rate'],
                            connection['recv_oct_details']['rate'] / 1060]

    def test_rates_add_up(self):
        """The samples hold every message; a steady load has the rate that it has."""
        with Daemon(f'collect_statistics_interval={INTERVAL * 1000}') as broker:
            channel = broker.connect().channel()
            channel.queue_declare('q')
            time.sleep(INTERVAL * 1.5)
            sent = 0
            # A load is not steady on a machine that has other things to do: another try, then.
            for _ in range(10):
                count, rate, seen = self.steady_load(broker, channel)
                sent += count
                off = [one for one in seen if not 0.5 * rate < one < 1.5 * rate]
                if not off:
                    break
            self.assertEqual(off, [], f'sent {rate} a second')
            time.sleep(INTERVAL * 2.5)
            query = f'?msg_rates_age=60&msg_rates_incr={INTERVAL}'
            for path in ('/queues/%2F/q', '/overview', '/vhosts/%2F'):
                details = api(broker, path + query)['message_stats']['publish_details']
                samples = details['samples']
                self.assertEqual(samples[0]['sample'], sent, path)
                self.assertEqual(samples[-1]['sample'], 0, path)
                self.assertGreaterEqual(len(samples), 5, path)
                steps = [a['sample'] - b['sample'] for a, b in zip(samples, samples[1:])]
                self.assertEqual(sum(steps), sent, path)
                self.assertTrue(all(step >= 0 for step in steps), path)
            self.assertEqual(api(broker, '/queues/%2F/q')['messages_details']['rate'], 0)
