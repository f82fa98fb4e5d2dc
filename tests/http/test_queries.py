# SPDX-License-Identifier: Apache-2.0
"""What the query of a URL changes: pages, filters, orders, columns, ranges of samples, no statistics."""
import json

from target import EXTERNAL, Target, bilby_only

RANGE = 'Invalid range parameters: age %s, incr %s'
PAGE = 'Invalid pagination parameters: page number %s, page size %s'

# (path, status, error and reason)
REFUSED = [
    ('/api/queues?page=0', 'invalid_pagination_parameters', PAGE % (0, 'undefined')),
    ('/api/queues?page=-1&page_size=5', 'invalid_pagination_parameters', PAGE % (-1, 5)),
    ('/api/queues?page=1&page_size=0', 'invalid_pagination_parameters', PAGE % (1, 0)),
    ('/api/queues?page=1&page_size=501', 'invalid_pagination_parameters', PAGE % (1, 501)),
    ('/api/queues?page=x', 'bad_request', 'Pagination parameters are invalid'),
    ('/api/queues?page=', 'bad_request', 'Pagination parameters are invalid'),
    ('/api/queues?page=1&page_size=x', 'bad_request', 'Pagination parameters are invalid'),
    ('/api/queues?page=1&name=(&use_regex=true', 'bad_request', 'Pagination parameters are invalid'),
    ('/api/queues/queries?page=9&page_size=5', 'page_out_of_range',
     'Page out of range, page: 9 page size: 5, len: 4'),
    ('/api/queues?lengths_age=60&lengths_incr=0', 'invalid_range_parameters', RANGE % (60, 0)),
    ('/api/queues?msg_rates_age=501&msg_rates_incr=1', 'invalid_range_parameters', RANGE % (501, 1)),
    ('/api/exchanges?data_rates_age=-5&data_rates_incr=5', 'invalid_range_parameters', RANGE % (-5, 5)),
    ('/api/vhosts?node_stats_age=0&node_stats_incr=5', 'invalid_range_parameters', RANGE % (0, 5)),
    ('/api/nodes?node_stats_age=60&node_stats_incr=0', 'bad_request', RANGE % (60, 0)),
    ('/api/overview?lengths_age=60&lengths_incr=0', 'bad_request', RANGE % (60, 0)),
    ('/api/connections?data_rates_age=60&data_rates_incr=0', 'bad_request', RANGE % (60, 0)),
    ('/api/channels?data_rates_age=60&data_rates_incr=0', 'bad_request', RANGE % (60, 0)),
    ('/api/queues/queries/b?lengths_age=100000&lengths_incr=1', 'bad_request', RANGE % (100000, 1)),
    ('/api/channels?disable_stats=true', 'bad_request',
     'Stats in management UI are disabled on this node'),
    ('/api/consumers?disable_stats=true', 'bad_request',
     'Stats in management UI are disabled on this node'),
]

NAMES = ['b', 'a.x', 'C', 'a.y']
BASIC = {'arguments', 'auto_delete', 'durable', 'exclusive', 'name', 'node', 'state', 'type', 'vhost'}
TOTALS = {'messages', 'messages_ready', 'messages_unacknowledged'}


class Queries(Target):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.good('PUT', '/api/vhosts/queries')
        for number, name in enumerate(NAMES):
            cls.good('PUT', f'/api/queues/queries/{name}', {'durable': number % 2 == 0})
        cls.until(lambda: len([q for q in cls.good('GET', '/api/queues/queries')
                               if 'messages' in q]) == len(NAMES))

    @classmethod
    def tearDownClass(cls):
        if EXTERNAL:
            cls.good('DELETE', '/api/vhosts/queries')
        super().tearDownClass()

    def names(self, query):
        rows = self.good('GET', '/api/queues/queries?' + query)
        return [row['name'] for row in (rows['items'] if 'items' in rows else rows)]

    def test_what_is_refused(self):
        for path, error, reason in REFUSED:
            with self.subTest(path):
                answer = self.ask('GET', path)
                self.assertEqual((answer.status, answer.json()),
                                 (400, {'error': error, 'reason': reason}))

    def test_what_is_no_number_is_no_range(self):
        self.assertEqual(self.names('lengths_age=x&lengths_incr=5'), ['C', 'a.x', 'a.y', 'b'])
        self.assertEqual(self.names('lengths_age=60'), ['C', 'a.x', 'a.y', 'b'])

    def test_orders(self):
        self.assertEqual(self.names(''), ['C', 'a.x', 'a.y', 'b'])
        self.assertEqual(self.names('sort=name&sort_reverse=true'), ['b', 'a.y', 'a.x', 'C'])
        self.assertEqual(self.names('sort=durable'), ['a.x', 'a.y', 'C', 'b'])
        self.assertEqual(self.names('sort=durable&sort_reverse=true'), ['b', 'C', 'a.y', 'a.x'])
        self.assertEqual(self.names('sort=nosuch.at.all'), ['C', 'a.x', 'a.y', 'b'])

    def test_pages(self):
        page = self.good('GET', '/api/queues/queries?page=2&page_size=3&columns=name')
        self.assertEqual(page, {'filtered_count': 4, 'item_count': 1, 'items': [{'name': 'b'}],
                                'page': 2, 'page_count': 2, 'page_size': 3, 'total_count': 4})

    def test_filters_ignore_case(self):
        self.assertEqual(self.names('page=1&name=A.'), ['a.x', 'a.y'])
        self.assertEqual(self.names('page=1&name=c'), ['C'])
        self.assertEqual(self.names('page=1&name=.&use_regex=false'), ['a.x', 'a.y'])
        self.assertEqual(self.names('page=1&name=^[bC]$&use_regex=true'), ['C', 'b'])
        self.assertEqual(self.names('page=1&name=nosuch'), [])
        self.assertEqual(self.names('name=nosuch'), ['C', 'a.x', 'a.y', 'b'])  # without a page: none

    def test_columns(self):
        self.assertEqual(self.good('GET', '/api/queues/queries/b?columns=vhost,name,nosuch'),
                         {'vhost': 'queries', 'name': 'b'})
        self.assertEqual(self.good('GET', '/api/queues/queries?columns=name&sort=name')[0],
                         {'name': 'C'})
        self.assertEqual(self.good('GET', '/api/overview?columns=object_totals.queues,node.x').keys(),
                         {'object_totals', 'node'})

    def test_without_statistics(self):
        for row in self.good('GET', '/api/queues/queries?disable_stats=true'):
            self.assertEqual(row.keys() - {'policy'}, BASIC)
        for row in self.good('GET', '/api/queues/queries?disable_stats=true&enable_queue_totals=true'):
            self.assertEqual(row.keys() - {'policy'}, BASIC | TOTALS)
        for path in ('?disable_stats=true', '?disable_stats=true&enable_queue_totals=true'):
            row = self.good('GET', '/api/queues/queries/b' + path)
            self.assertEqual(row.keys() - {'policy'}, BASIC)
        self.assertEqual(self.good('GET', '/api/nodes?disable_stats=true')[0].keys(),
                         {'name', 'running', 'type'})
        overview = self.good('GET', '/api/overview?disable_stats=true')
        self.assertTrue(overview['disable_stats'])
        self.assertEqual(overview['object_totals'].keys(), {'queues', 'exchanges', 'connections'})
        self.assertNotIn('message_stats', overview)
        for row in self.good('GET', '/api/vhosts?disable_stats=true'):
            self.assertNotIn('messages', row)

    def test_a_header_chooses_the_virtual_host(self):
        header = {'X-Vhost': 'queries'}
        rows = self.good('GET', '/api/queues?columns=vhost', headers=header)
        self.assertEqual(rows, [{'vhost': 'queries'}] * 4)
        self.assertEqual(self.good('GET', '/api/exchanges', headers={'X-Vhost': '/'})[0]['vhost'], '/')
        self.assertGreater(len(self.good('GET', '/api/vhosts', headers=header)), 1)

    @bilby_only  # 3.10 answers a list of empty lists
    def test_empty_columns_are_all(self):
        self.assertIn('name', self.good('GET', '/api/queues/queries?columns=')[0])

    def test_heads_and_options(self):
        for path in ('/api/overview', '/api/queues/queries/b', '/api/nodes'):
            answer = self.ask('HEAD', path)
            self.assertEqual((answer.status, answer.text), (200, ''))
        for path, allowed in (('/api/queues', 'HEAD, GET, OPTIONS'),
                              ('/api/queues/queries/b', 'HEAD, GET, PUT, DELETE, OPTIONS'),
                              ('/api/queues/queries/b/get', 'POST, OPTIONS'),
                              ('/api/queues/queries/b/contents', 'DELETE, OPTIONS'),
                              ('/api/vhosts/queries', 'HEAD, GET, PUT, DELETE, OPTIONS'),
                              ('/api/definitions', 'HEAD, GET, POST, OPTIONS'),
                              ('/api/rebalance/queues', 'POST, OPTIONS')):
            answer = self.ask('OPTIONS', path, user=None)
            self.assertEqual(answer.status, 200, path)
            self.assertEqual(set(answer.headers['Allow'].split(', ')), set(allowed.split(', ')), path)

    @bilby_only
    def test_samples_are_numbers_with_times(self):
        def samples():
            details = self.good('GET', '/api/queues/queries/b?lengths_age=60&lengths_incr=5')
            return details.get('messages_details', {}).get('samples')
        found = self.until(samples)
        self.assertEqual(found[0].keys(), {'sample', 'timestamp'})
        self.assertLessEqual(len(json.dumps(found)), 2000)
