# SPDX-License-Identifier: Apache-2.0
"""Asking: explain, sql, environment, report; and what is refused with a reason."""
import json
import threading
import unittest

import sql_tables
from ctl import DATA, NOT_FOUND, REFUSED, USAGE, UNAVAILABLE, WithBroker, ctl, tables
from daemon import Daemon


class Explain(WithBroker):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prepare(('declare', 'exchange', 'name=x', 'type=topic',
                     'arguments={"alternate-exchange":"amq.fanout"}'),
                    ('declare', 'queue', 'name=eu', 'arguments={"x-message-ttl":5000}'),
                    ('declare', 'queue', 'name=rest'),
                    ('declare', 'binding', 'source=x', 'destination=eu', 'routing_key=orders.eu.*'),
                    ('declare', 'binding', 'source=amq.fanout', 'destination=rest'))

    def test_for_people(self):
        text = self.good('explain', 'exchange=x', 'routing_key=orders.eu.1')
        for line in ('Routed to 1 queue.', 'Queue eu', '    x --[orders.eu.*]--> eu',
                     'Exchange x, topic: 1 of 1 binding matches'):
            self.assertIn(line + '\n', text)
        self.assertIn("It expires 5000 ms after it came", text)
        text = self.good('explain', 'exchange=x', 'routing_key=orders.us.1')
        for line in ('  Nearly matched:', '  Nothing matches: on to the alternate exchange amq.fanout',
                     '    x --[orders.eu.*]--> eu: needs "eu" as word 2, the key has "us"',
                     '    amq.fanout --[]--> rest'):
            self.assertIn(line + '\n', text)

    def test_for_programs(self):
        answer = json.loads(self.good('explain', 'routing_key=eu', '--formatter', 'json'))
        self.assertEqual(answer['queues'][0]['name'], 'eu')
        answer = json.loads(self.good('explain', 'exchange=amq.headers', 'headers={"a":1}',
                                      'properties={"priority":3}', '--formatter', 'json'))
        self.assertEqual((answer['routed'], answer['headers']), (False, {'a': 1}))

    def test_what_makes_no_sense(self):
        self.bad(NOT_FOUND, 'there is no exchange "none"', 'explain', 'exchange=none')
        self.bad(DATA, '"headers" is not a JSON object', 'explain', 'headers=nonsense')

    def test_names_cannot_move_the_cursor(self):
        self.good('declare', 'queue', 'name=evil\033[2J')
        self.assertNotIn('\033', self.good('explain', 'routing_key=evil\033[2J'))


class Sql(WithBroker):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prepare(('declare', 'queue', 'name=orders'))
        for number in range(20):
            cls.prepare(('publish', 'routing_key=orders', 'properties={"delivery_mode":2}',
                         'payload=' + json.dumps({'paid': number % 2, 'number': number})))

    def test_ten_oldest_unpaid_orders(self):
        rows = json.loads(self.good(
            'sql', "SELECT payload ->> 'number' AS n FROM messages WHERE queue = 'orders' "
            "AND payload ->> 'paid' = 0 ORDER BY position LIMIT 10", '--formatter', 'json'))
        self.assertEqual([row['n'] for row in rows], list(range(0, 20, 2)))

    def test_tables_for_people(self):
        text = self.good('sql', 'SELECT name, messages AS "how many" FROM queues')
        self.assertEqual(text, 'name    how many\norders        20\n1 row\n')
        text = self.good('sql', stdin="SELECT 1, 'two', NULL, 1")
        self.assertEqual(text.splitlines()[1].split(), ['1', 'two', '1'])

    def test_more_rows_than_are_shown(self):
        status, out, err = self.run_ctl('sql', '--rows', '3', 'SELECT position FROM messages')
        self.assertEqual((status, len(out.splitlines())), (0, 5))
        self.assertIn('there is more', err)

    def test_refusals(self):
        self.bad(DATA, 'may not be modified', 'sql', 'DELETE FROM messages')
        self.bad(DATA, 'syntax error', 'sql', 'nonsense')
        self.bad(NOT_FOUND, 'no such virtual host', 'sql', '-p', 'none', 'SELECT 1')
        self.good('add_user', 'watcher', 'x', '--tags', 'monitoring')
        self.bad(REFUSED, 'Not administrator', 'sql', 'SELECT 1', '--username', 'watcher',
                 '--password', 'x')

    def test_the_page_lists_the_tables(self):
        columns = json.loads(self.good('sql_tables', '--formatter', 'json'))
        self.assertEqual(sql_tables.split()[1], sql_tables.section(columns),
                         'run tests/ctl/sql_tables.py')
        self.bad(NOT_FOUND, 'there is no table "users"', 'sql_tables', 'users')


class SqlUnderPressure(unittest.TestCase):
    """Threads, time and memory: what only a whole process has."""

    FOREVER = ('WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) '
               'SELECT max(x) FROM n')

    def setUp(self):
        self.broker = Daemon('sql.time_limit=4000', 'sql.memory_limit=8000000').start()
        self.addCleanup(self.broker.__exit__)

    def ask(self, *arguments):
        return ctl('sql', '-H', '127.0.0.1', '-P', str(self.broker.http_port), *arguments)

    def test_memory_is_bounded(self):
        hungry = ('WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 1000) '
                  'SELECT hex(randomblob(20000)) || x AS y FROM n ORDER BY y')
        status, _, err = self.ask(hungry)
        self.assertEqual(status, DATA, err)
        self.assertIn('needs more than 7 MiB of memory', err)
        self.assertEqual(self.ask('SELECT 1')[0], 0)

    def test_two_at_a_time_and_the_broker_goes_on(self):
        results = []

        def ask_forever():
            answer = (0, '', 'running already')
            while 'running already' in answer[2]:
                answer = self.ask(self.FOREVER)
            results.append(answer)

        threads = [threading.Thread(target=ask_forever) for _ in range(2)]
        for thread in threads:
            thread.start()
        refused = (0, '', '')
        while 'running already' not in refused[2] and not results:
            refused = self.ask('SELECT 1')
        self.assertEqual(refused[0], UNAVAILABLE, refused)
        channel = self.broker.connect().channel()
        channel.queue_declare('q')
        channel.basic_publish('', 'q', b'x')
        self.assertEqual(channel.basic_get('q', auto_ack=True)[2], b'x')
        for thread in threads:
            thread.join()
        for status, _, err in results:
            self.assertEqual(status, DATA)
            self.assertIn('took longer than 4000 ms', err)
        self.assertEqual(self.ask('SELECT 1')[0], 0)

    def test_the_broker_stops_while_it_is_asked(self):
        asker = threading.Thread(target=lambda: self.ask(self.FOREVER))
        asker.start()
        while self.ask('SELECT 1')[0] != 0:
            pass
        self.assertEqual(self.broker.stop(), 0)
        asker.join()


class Environment(WithBroker):
    def test_settings_without_secrets(self):
        settings = json.loads(self.good('environment', '--formatter', 'json'))
        self.assertEqual(settings['management.tcp.port'], str(self.broker.http_port))
        self.assertEqual(settings['default_pass'], '(set, not shown)')
        self.assertIn('sql.time_limit', self.good('environment'))

    def test_administrators_only(self):
        self.good('add_user', 'watcher', 'x', '--tags', 'monitoring')
        self.bad(REFUSED, 'Not administrator', 'environment', '--username', 'watcher',
                 '--password', 'x')

    def test_report(self):
        text = self.good('report')
        for part in ('status', 'environment', 'list_queues', 'list_feature_flags'):
            self.assertIn(f'\n== {part} ==\n', text)


class OtherVerbs(WithBroker):
    def test_what_is_refused_says_why(self):
        refused = [c for c in tables()['commands'] if c['section'].startswith('Not here')]
        self.assertGreater(len(refused), 20)
        for command in refused:
            self.bad(USAGE, f'{command["name"]} is refused: ', command['name'])
        self.bad(USAGE, 'there is nothing to join', 'join_cluster', 'rabbit@other')

    def test_tags_of_a_virtual_host(self):
        self.good('add_vhost', 'tagged', '--description', 'kept')
        self.good('set_vhost_tags', 'tagged', 'one', 'two')
        rows = json.loads(self.good('list_vhosts', 'name', 'tags', 'description', '--formatter',
                                    'json'))
        tagged, = [row for row in rows if row['name'] == 'tagged']
        self.assertEqual((tagged['tags'], tagged['description']), (['one', 'two'], 'kept'))
        self.bad(NOT_FOUND, 'there is no', 'set_vhost_tags', 'none', 'one')

    def test_limits_as_rabbitmqadmin_has_them(self):
        self.good('declare', 'vhost_limit', 'name=max-queues', 'value=10')
        self.assertIn('{"max-queues":10}', self.good('list_vhost_limits'))
        self.good('delete', 'vhost_limit', 'name=max-queues')
        self.assertNotIn('max-queues', self.good('list_vhost_limits'))

    def test_the_cluster_is_one_node(self):
        self.assertEqual(len(json.loads(self.good('cluster_status', '--formatter', 'json'))), 1)
        self.good('wait')
        self.good('enable_feature_flag', 'quorum_queue')
        self.bad(DATA, 'unsupported', 'enable_feature_flag', 'stream_queue')
        flags = json.loads(self.good('list_feature_flags', '--formatter', 'json'))
        self.assertIn({'name': 'quorum_queue', 'state': 'enabled'}, flags)
