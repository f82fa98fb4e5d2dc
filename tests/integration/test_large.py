# SPDX-License-Identifier: Apache-2.0
"""The management port beside ten thousand queues: every list is right, goes out in parts, and no part works
much longer than it may, as the broker itself counts; a client that leaves is forgotten."""
import base64
import http.client
import json
import socket
import threading
import unittest

from daemon import Daemon
from test_metrics import by_name, metrics

QUEUES = 10000
PART_WORK = 65536  # MANAGEMENT_WORK
ROW_WORK = 16384  # what one object may take beyond it
AUTHORIZATION = 'Basic ' + base64.b64encode(b'guest:guest').decode()


def names(kind):
    return [f'{kind}-{i:05}' for i in range(QUEUES)]


def definitions():
    return {
        'queues': [{'name': name, 'vhost': '/', 'durable': True, 'auto_delete': False,
                    'arguments': {}} for name in names('queue')],
        'exchanges': [{'name': name, 'vhost': '/', 'type': 'direct', 'durable': True,
                       'auto_delete': False, 'internal': False, 'arguments': {}}
                      for name in names('exchange')],
        'bindings': [{'source': 'amq.direct', 'vhost': '/', 'destination': name,
                      'destination_type': 'queue', 'routing_key': 'k', 'arguments': {}}
                     for name in names('queue')],
    }


class Large(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = cls.enterClassContext(Daemon('collect_statistics_interval=60000'))
        status, _ = cls.ask('POST', '/api/definitions', json.dumps(definitions()))
        assert status == 204, status

    @classmethod
    def ask(cls, method, path, body=None):
        connection = http.client.HTTPConnection('127.0.0.1', cls.broker.http_port, timeout=60)
        connection.request(method, path, body=body, headers={'Authorization': AUTHORIZATION})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text.decode()

    def get(self, path):
        status, text = self.ask('GET', path)
        self.assertEqual(status, 200, text[:200])
        return json.loads(text)

    def check_parts(self):
        """The work of the costliest part since the start."""
        work = by_name(metrics(self.ask('GET', '/metrics')[1]), 'bilby_management_part_work')
        self.assertGreaterEqual(work, PART_WORK)
        self.assertLessEqual(work, PART_WORK + ROW_WORK)

    def test_lists_are_whole_and_in_order(self):
        self.assertEqual([q['name'] for q in self.get('/api/queues')], names('queue'))
        self.assertEqual([q['name'] for q in self.get('/api/queues/%2F?columns=name&sort=name'
                                                      '&sort_reverse=true')],
                         names('queue')[::-1])
        exchanges = [e['name'] for e in self.get('/api/exchanges')]
        self.assertEqual([name for name in exchanges if name.startswith('exchange-')],
                         names('exchange'))
        bound = [b['destination'] for b in self.get('/api/bindings') if b['source']]
        self.assertEqual(bound, names('queue'))
        bound = self.get('/api/exchanges/%2F/amq.direct/bindings/source')
        self.assertEqual([b['destination'] for b in bound], names('queue'))
        self.check_parts()

    def test_pages_are_parts_of_the_lists(self):
        for sort in ('', '&sort=messages', '&sort=message_stats.publish_details.rate'):
            page = self.get('/api/queues?page=7&page_size=100' + sort)
            self.assertEqual([q['name'] for q in page['items']], names('queue')[600:700])
            self.assertEqual((page['total_count'], page['page_count'], page['item_count']),
                             (QUEUES, QUEUES // 100, 100))
        page = self.get('/api/queues?page=1&name=77$&use_regex=true')
        self.assertEqual(page['filtered_count'], QUEUES // 100)
        self.check_parts()

    def test_definitions_and_metrics_are_whole(self):
        exported = self.get('/api/definitions')
        for section, rows in definitions().items():
            found = exported[section]
            self.assertEqual(len(found), QUEUES)
            for row in rows:
                row.pop('vhost')
            for row in found:
                row.pop('vhost')
                row.pop('type', None) if section == 'queues' else None
            self.assertEqual(found, rows)
        told = metrics(self.ask('GET', '/metrics/per-object')[1])
        self.assertEqual(sum(1 for name in told if name.startswith('rabbitmq_queue_messages{')),
                         QUEUES)
        self.check_parts()

    def test_policies_and_virtual_hosts_come_and_go(self):
        policy = {'pattern': '^queue-', 'definition': {'max-length': 10}, 'apply-to': 'queues'}
        self.assertEqual(self.ask('PUT', '/api/policies/%2F/all', json.dumps(policy))[0], 201)
        applied = self.get('/api/queues?columns=policy')
        self.assertEqual([q['policy'] for q in applied], ['all'] * QUEUES)
        self.assertEqual(self.ask('DELETE', '/api/policies/%2F/all')[0], 204)
        applied = self.get('/api/queues?columns=policy')
        self.assertEqual([q['policy'] for q in applied], [None] * QUEUES)

        self.assertEqual(self.ask('PUT', '/api/vhosts/large')[0], 201)
        document = definitions()
        for section in document.values():
            for row in section:
                row['vhost'] = 'large'
        self.assertEqual(self.ask('POST', '/api/definitions', json.dumps(document))[0], 204)
        self.assertEqual(len(self.get('/api/queues/large?columns=name')), QUEUES)
        self.assertEqual(self.ask('DELETE', '/api/vhosts/large')[0], 204)
        self.assertEqual(self.ask('GET', '/api/queues/large')[0], 404)
        self.assertEqual(self.ask('PUT', '/api/vhosts/large')[0], 201)
        self.assertEqual(self.get('/api/queues/large'), [])
        self.assertEqual(self.ask('DELETE', '/api/vhosts/large')[0], 204)
        self.check_parts()

    def test_many_ask_at_once(self):
        failures = []

        def ask():
            if [q['name'] for q in self.get('/api/queues?columns=name')] != names('queue'):
                failures.append('a list is wrong')

        threads = [threading.Thread(target=ask) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_who_leaves_or_does_not_read_is_no_burden(self):
        left = []
        for _ in range(60):  # more than are answered at the same time
            client = socket.create_connection(('127.0.0.1', self.broker.http_port))
            client.sendall(b'GET /api/queues HTTP/1.1\r\nHost: h\r\nAuthorization: '
                           + AUTHORIZATION.encode() + b'\r\n\r\n')
            client.recv(1000)  # the answer has begun; the rest is never read
            left.append(client)
            if len(left) == 40:
                for client in left[:20]:
                    client.close()
        self.assertEqual(len(self.get('/api/queues?columns=name')), QUEUES)
        for client in left:
            client.close()
        self.assertEqual(len(self.get('/api/queues?columns=name')), QUEUES)

    def test_heads_tell_the_length(self):
        connection = http.client.HTTPConnection('127.0.0.1', self.broker.http_port, timeout=60)
        connection.request('HEAD', '/api/queues', headers={'Authorization': AUTHORIZATION})
        answer = connection.getresponse()
        self.assertEqual(answer.read(), b'')
        length = int(answer.headers['Content-Length'])
        connection.close()
        self.assertEqual(length, len(self.ask('GET', '/api/queues')[1].encode()))


if __name__ == '__main__':
    unittest.main()
