# SPDX-License-Identifier: Apache-2.0
"""The JSON of the API has the members that RabbitMQ's has, but for those about its own insides. shapes.txt
holds what RabbitMQ 3.10 shows of the objects made below: `RECORD=1 BROKER=external …/run test_shapes`
writes it anew."""
import os
import re
import time

import pika

from target import EXTERNAL, HERE, RECORD, Target, quote

SHAPES = os.path.join(HERE, 'shapes.txt')

# Members of RabbitMQ's that have no meaning here, and why; patterns of the whole name.
LEFT_OUT = {
    r'.*(garbage_collection|gc_num|gc_bytes|reductions|metrics_gc_queue_length|erlang_).*': 'Erlang',
    r'.*(run_queue|context_switches|net_ticktime|applications\[\]|cowboy_opts).*': 'Erlang',
    r'.*(mnesia_|ra_open_file_metrics|pending_raft_commands|recoverable_slaves).*': 'its databases',
    r'.*(backing_queue_status|queue_index_|msg_store_|\bio_|disk_reads|disk_writes).*': 'its message store',
    r'.*(socket_opts|ssl_opts|ssl_hash|ssl_key_exchange|peer_cert_).*': 'its libraries',
    r'.*(consumer_capacity|consumer_utilisation|head_message_timestamp|persistent)': 'not kept',
    r'.*(acks_uncommitted|messages_uncommitted|user_who_performed_action)': 'not kept',
    r'.*(fd_used|sockets_used|proc_used)_details\.rate': 'not kept',
    r'vhosts(/s)? (\[\]\.)?(recv|send)_oct.*': 'not kept',
    r'.*(release_series_support_status|log_files\[\]|plugins\[\].*|config_files\[\]|javascript)': 'not so here',
    r'channels.*idle_since': 'channels of one connection share its time',
    r'definitions/s (policies|parameters)\[\]\.vhost': 'left out since 3.12, as all rows do',
}


def members(value, name=''):
    """Dotted names of everything in a document."""
    if isinstance(value, dict):
        return set().union(*(members(v, f'{name}.{k}' if name else k) for k, v in value.items()))
    if isinstance(value, list):
        return set().union(*(members(v, name + '[]') for v in value))
    return {name}


def left_out(path, name):
    return any(re.fullmatch(pattern, name) or re.fullmatch(pattern, f'{path} {name}')
               for pattern in LEFT_OUT)


class Shapes(Target):
    settings = ('collect_statistics_interval=1000',)
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make()
        cls.client = cls.connect(vhost='s', client_properties={'connection_name': 'me'})
        cls.channel = cls.client.channel()
        cls.work()

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        if EXTERNAL:
            cls.good('DELETE', '/api/vhosts/s')
        super().tearDownClass()

    @classmethod
    def make(cls):
        put = {
            'vhosts/s': {'description': 'd', 'tags': 'a'},
            'exchanges/s/x': {'type': 'topic', 'arguments': {'alternate-exchange': 'amq.fanout'}},
            'queues/s/q': {'durable': True, 'arguments': {'x-message-ttl': 600000}},
            'policies/s/p': {'pattern': '.*', 'definition': {'max-length': 99}, 'apply-to': 'queues'},
            'operator-policies/s/o': {'pattern': '.*', 'definition': {'max-length': 999},
                                      'apply-to': 'queues'},
            'vhost-limits/s/max-queues': {'value': 9},
            'user-limits/guest/max-channels': {'value': 99},
            'topic-permissions/s/guest': {'exchange': 'amq.topic', 'write': 'a', 'read': 'b'},
            'global-parameters/s': {'value': {'a': 1}},
        }
        for path, body in put.items():
            cls.good('PUT', '/api/' + path, body)
        cls.good('POST', '/api/bindings/s/e/x/q/q', {'routing_key': 'k', 'arguments': {'a': 1}})

    @classmethod
    def work(cls):
        """Until all that is counted has been counted, and shown with its rate."""
        channel = cls.channel
        channel.confirm_delivery()
        channel.basic_qos(prefetch_count=5)
        channel.basic_consume('q', lambda *_: None, consumer_tag='t')

        def shown():
            for _ in range(3):
                channel.basic_publish('x', 'k', b'x', pika.BasicProperties(delivery_mode=2))
                channel.basic_get('q', auto_ack=True)
            try:
                channel.basic_publish('x', 'none', b'x', mandatory=True)
            except pika.exceptions.UnroutableError:
                pass
            cls.client.process_data_events(0.2)
            if EXTERNAL:
                time.sleep(2)
            row = cls.good('GET', '/api/queues/s/q')
            return row.get('message_stats', {}).get('publish_details', {}).get('rate')
        for _ in range(5):
            cls.until(shown, 60)

    def paths(self):
        node = quote(self.good('GET', '/api/overview')['node'])
        mine = [row['name'] for row in self.good('GET', '/api/connections') if row.get('vhost') == 's']
        channel = [row['name'] for row in self.good('GET', '/api/channels') if row.get('vhost') == 's']
        named = {'NODE': node, 'CONNECTION': quote(mine[0]), 'CHANNEL': quote(channel[0])}
        samples = 'lengths_age=60&lengths_incr=5&msg_rates_age=60&msg_rates_incr=5'
        for path in ('overview', 'nodes', 'nodes/NODE', 'connections', 'connections/CONNECTION',
                     'connections/CONNECTION/channels', 'channels', 'channels/CHANNEL', 'consumers/s',
                     'exchanges/s', 'exchanges/s/x', 'exchanges/s/x/bindings/source', 'queues/s',
                     'queues/s/q', 'queues/s/q/bindings', 'queues/s/q?' + samples, 'overview?' + samples,
                     'bindings/s', 'bindings/s/e/x/q/q', 'vhosts', 'vhosts/s', 'vhosts/s/permissions',
                     'vhosts/s/topic-permissions', 'vhosts/s/connections', 'vhosts/s/channels', 'users',
                     'users/guest', 'users/guest/permissions', 'permissions', 'topic-permissions',
                     'policies/s', 'policies/s/p', 'operator-policies/s', 'operator-policies/s/o',
                     'parameters', 'global-parameters/s', 'vhost-limits', 'user-limits', 'definitions/s',
                     'whoami', 'cluster-name', 'feature-flags', 'connections/username/guest'):
            real = path
            for word, name in named.items():
                real = re.sub(r'\b%s\b' % word, lambda _, name=name: name, real)
            yield path, members(self.good('GET', '/api/' + real))

    @staticmethod
    def recorded():
        with open(SHAPES, encoding='utf-8') as file:
            rows = [line.split() for line in file]
        return {path: set(names) for path, *names in rows}

    def test_all_members_are_there(self):
        got = {path: {re.sub(r'cluster_state\..*', 'cluster_state.NODE', name) for name in names}
               for path, names in self.paths()}
        if RECORD:
            with open(SHAPES, 'w', encoding='utf-8') as file:
                file.writelines(' '.join([path, *sorted(names)]) + '\n' for path, names in got.items())
            return
        for path, names in self.recorded().items():
            with self.subTest(path):
                missing = {name for name in names - got[path] if not left_out(path, name)}
                self.assertEqual(missing, set())
