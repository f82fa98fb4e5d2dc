# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ's dashboard "RabbitMQ-Overview" shows this broker: a real Prometheus scrapes it under load, and
every metric that a panel is about, asked for in the panels' way, gives a series of the node."""
import json
import os
import shutil
import subprocess
import tempfile
import threading
import unittest
import urllib.parse
import urllib.request

from daemon import free_ports
from target import Target, bilby_only

# What the panels of the dashboard are about: of its editions for 3.8 and 3.9 (per channel), and since.
GAUGES = [
    'queue_messages_ready', 'queue_messages_unacked', 'channels', 'channel_consumers', 'connections',
    'queues', 'build_info', 'global_publishers', 'global_consumers', 'channel_messages_unconfirmed',
    'resident_memory_limit_bytes', 'process_resident_memory_bytes', 'disk_space_available_bytes',
    'process_max_fds', 'process_open_fds', 'process_max_tcp_sockets', 'process_open_tcp_sockets',
]
RATES = [
    'queues_declared_total', 'queues_created_total', 'queues_deleted_total', 'channels_opened_total',
    'channels_closed_total', 'connections_opened_total', 'connections_closed_total',
    'channel_messages_published_total', 'channel_messages_confirmed_total',
    'channel_messages_unroutable_dropped_total', 'channel_messages_unroutable_returned_total',
    'channel_messages_delivered_total', 'channel_messages_delivered_ack_total',
    'channel_messages_redelivered_total', 'channel_messages_acked_total', 'channel_get_total',
    'channel_get_ack_total', 'channel_get_empty_total', 'queue_messages_published_total',
    'global_messages_received_total', 'global_messages_received_confirm_total',
    'global_messages_confirmed_total', 'global_messages_routed_total',
    'global_messages_unroutable_dropped_total', 'global_messages_unroutable_returned_total',
    'global_messages_redelivered_total', 'global_messages_acknowledged_total',
    'global_messages_delivered_consume_auto_ack_total',
    'global_messages_delivered_consume_manual_ack_total',
    'global_messages_delivered_get_auto_ack_total', 'global_messages_delivered_get_manual_ack_total',
    'global_messages_get_empty_total',
]
# What the load below makes grow.
MOVING = {
    'channel_messages_published_total', 'channel_messages_confirmed_total',
    'channel_messages_delivered_ack_total', 'channel_messages_acked_total', 'channel_get_total',
    'channel_get_empty_total', 'queue_messages_published_total', 'global_messages_received_total',
    'global_messages_confirmed_total', 'global_messages_routed_total',
    'global_messages_acknowledged_total', 'global_messages_delivered_consume_manual_ack_total',
    'channels_opened_total', 'queues_declared_total',
}


class Load:
    """Publishes with confirms, consumes and fetches until it is stopped."""

    def __init__(self, connection):
        self.connection = connection
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        channel = self.connection.channel()
        channel.confirm_delivery()
        channel.queue_declare('load')
        channel.basic_qos(prefetch_count=100)
        channel.basic_consume('load', lambda c, m, *_: c.basic_ack(m.delivery_tag))
        while not self.stopped.is_set():
            for _ in range(10):
                channel.basic_publish('', 'load', b'x' * 100)
            other = self.connection.channel()
            other.queue_declare('side')
            other.basic_publish('', 'side', b'x')
            while other.basic_get('side', auto_ack=True)[0]:
                pass
            other.close()
            self.connection.process_data_events(0.05)
        self.connection.close()

    def stop(self):
        self.stopped.set()
        self.thread.join()


@unittest.skipUnless(shutil.which('prometheus'), 'needs prometheus')
class Dashboard(Target):
    settings = ('collect_statistics_interval=1000',)

    @classmethod
    def setUpClass(cls):
        metrics, cls.port = free_ports(2)
        cls.settings += ('prometheus.tcp.ip=127.0.0.1', f'prometheus.tcp.port={metrics}')
        super().setUpClass()
        cls.directory = tempfile.mkdtemp(prefix='bilby-http-')
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        config = os.path.join(cls.directory, 'prometheus.json')  # JSON is YAML
        with open(config, 'w', encoding='utf-8') as file:
            json.dump({'global': {'scrape_interval': '500ms', 'scrape_timeout': '500ms'},
                       'scrape_configs': [{'job_name': 'rabbitmq', 'static_configs': [
                           {'targets': [f'127.0.0.1:{metrics}']}]}]}, file)
        cls.prometheus = subprocess.Popen(
            ['prometheus', f'--config.file={config}', f'--storage.tsdb.path={cls.directory}/data',
             f'--web.listen-address=127.0.0.1:{cls.port}', '--log.level=error'])
        cls.addClassCleanup(cls.prometheus.wait)
        cls.addClassCleanup(cls.prometheus.kill)
        cls.load = Load(cls.connect())
        cls.cluster = cls.good('GET', '/api/cluster-name')['name']
        cls.until(lambda: cls.values('sum(rate(rabbitmq_channel_get_empty_total[60s])) > 0'), 60)

    @classmethod
    def tearDownClass(cls):
        cls.load.stop()
        super().tearDownClass()

    @classmethod
    def values(cls, expression):
        """The values of an instant query's series; none while Prometheus isn't ready."""
        query = urllib.parse.urlencode({'query': expression})
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{cls.port}/api/v1/query?{query}',
                                        timeout=60) as answer:
                return [float(series['value'][1]) for series in json.load(answer)['data']['result']]
        except OSError:
            return []

    def panel(self, value):
        """As the panels have it: joined with the node's identity, then summed by node."""
        identity = f'rabbitmq_identity_info{{rabbitmq_cluster="{self.cluster}", namespace=""}}'
        return self.values(f'sum({value} * on(instance) group_left(rabbitmq_cluster, rabbitmq_node) '
                           f'{identity}) by(rabbitmq_node)')

    @bilby_only
    def test_every_gauge_has_its_series(self):
        for name in GAUGES:
            with self.subTest(name):
                self.assertEqual(len(self.panel('rabbitmq_' + name)), 1)

    @bilby_only
    def test_every_rate_has_its_series(self):
        for name in RATES:
            with self.subTest(name):
                rates = self.panel(f'rate(rabbitmq_{name}[60s])')
                self.assertEqual(len(rates), 1)
                self.assertGreater(rates[0] + (name not in MOVING), 0)

    @bilby_only
    def test_the_newer_panels_join_by_endpoint_too(self):
        identity = ('rabbitmq_identity_info{rabbitmq_endpoint="aggregated", '
                    f'rabbitmq_cluster="{self.cluster}"}}')
        self.assertEqual(len(self.values(
            'sum(rabbitmq_queues * on(instance, job) group_left(rabbitmq_cluster, rabbitmq_endpoint) '
            + identity + ')')), 1)

    @bilby_only
    def test_differences_of_two(self):
        """Memory, descriptors and sockets that are left."""
        for most, used in (('resident_memory_limit_bytes', 'process_resident_memory_bytes'),
                           ('process_max_fds', 'process_open_fds'),
                           ('process_max_tcp_sockets', 'process_open_tcp_sockets')):
            left = self.values(f'rabbitmq_{most} - rabbitmq_{used}')
            self.assertEqual(len(left), 1)
            self.assertGreater(left[0], 0)
