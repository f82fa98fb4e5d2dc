# SPDX-License-Identifier: Apache-2.0
"""Exchanges, queues, bindings, messages, policies, definitions."""
import json
import os

from ctl import DATA, NO_INPUT, NO_OUTPUT, NOT_FOUND, REFUSED, USAGE, WithBroker


class Topology(WithBroker):
    def test_queues(self):
        self.assertEqual(self.good('declare', 'queue', 'name=q 1', 'queue_type=quorum',
                                   'arguments={"x-max-length": 5}'), 'queue "q 1" declared\n')
        row, = self.json('list_queues', 'name', 'durable', 'type', 'arguments')
        self.assertEqual(row, {'name': 'q 1', 'durable': True, 'type': 'quorum', 'arguments': {
            'x-max-length': 5, 'x-queue-type': 'quorum'}})
        self.bad(DATA, 'inequivalent arg', 'declare', 'queue', 'name=q 1', 'queue_type=classic')
        self.good('publish', 'routing_key=q 1', 'payload=x')
        self.bad(DATA, 'not empty', 'delete_queue', 'q 1', '--if-empty')
        self.good('purge_queue', 'q 1')
        self.good('delete_queue', 'q 1', '-e', '-u')
        self.bad(NOT_FOUND, 'no queue "q 1" in virtual host "/"', 'delete_queue', 'q 1')
        self.bad(NOT_FOUND, 'no queue "q 1" in virtual host "/"', 'delete', 'queue', 'name=q 1')
        self.bad(NOT_FOUND, 'no queue "x" in virtual host "no"', 'purge', 'queue', 'name=x', '-p', 'no')
        self.bad(DATA, 'JSON object', 'declare', 'queue', 'name=q', 'queue_type=quorum',
                 'arguments=[]')

    def test_columns_and_order(self):
        for name, count in (('a', 1), ('b', 3), ('c', 2)):
            self.good('declare', 'queue', f'name={name}')
            for _ in range(count):
                self.good('publish', f'routing_key={name}', 'payload=x')
        rows = self.json('list', 'queues', 'name', 'message_stats.publish', '--sort', 'messages',
                         '--sort-reverse')
        self.assertEqual(rows, [{'name': 'b', 'message_stats.publish': 3},
                                {'name': 'c', 'message_stats.publish': 2},
                                {'name': 'a', 'message_stats.publish': 1}])
        self.good('add_vhost', 'other')
        self.good('declare', 'queue', 'name=far', '-p', 'other')
        rows = self.json('list_queues', '--all-vhosts')
        self.assertIn({'vhost': 'other', 'name': 'far', 'messages': 0}, rows)
        self.assertEqual(len(rows), 4)
        for name in 'abc':
            self.good('delete_queue', name)
        self.good('delete_vhost', 'other')

    def test_exchanges_and_bindings(self):
        self.good('declare', 'exchange', 'name=e', 'type=topic', 'auto_delete=false')
        self.good('declare', 'exchange', 'name=f', 'type=fanout', 'durable=false')
        self.good('declare', 'queue', 'name=q')
        self.good('declare', 'binding', 'source=e', 'destination=q', 'routing_key=a.*')
        self.good('declare', 'binding', 'source=e', 'destination=q', 'routing_key=a.*',
                  'arguments={"x": 1}')
        self.good('declare', 'binding', 'source=e', 'destination=f', 'destination_type=exchange')
        rows = self.json('list_bindings', 'source_name', 'destination_name', 'destination_kind')
        self.assertIn({'source_name': 'e', 'destination_name': 'f', 'destination_kind': 'exchange'},
                      rows)
        self.assertEqual(len(rows), 4)
        self.bad(USAGE, 'queue or exchange', 'declare', 'binding', 'source=e', 'destination=f',
                 'destination_type=x')
        self.bad(NOT_FOUND, 'no exchange .*nothing', 'declare', 'binding', 'source=nothing',
                 'destination=q')
        self.bad(DATA, 'in use', 'delete', 'exchange', 'name=e', '--if-unused')
        self.bad(NOT_FOUND, 'no such binding', 'delete', 'binding', 'source=e', 'destination=q')
        self.good('delete', 'binding', 'source=e', 'destination=q', 'routing_key=a.*')
        self.good('delete', 'binding', 'source=e', 'destination=q', 'routing_key=a.*',
                  'arguments={"x": 1}')
        self.good('delete', 'binding', 'source=e', 'destination=f', 'destination_type=exchange')
        self.assertEqual(len(self.json('list_bindings')), 1)
        self.bad(DATA, 'inequivalent', 'declare', 'exchange', 'name=e', 'type=direct')
        for name in 'ef':
            self.good('delete', 'exchange', f'name={name}')
        self.good('delete_queue', 'q')

    def test_a_binding_by_its_key(self):
        self.good('declare', 'queue', 'name=q')
        self.good('declare', 'binding', 'source=amq.topic', 'destination=q', 'routing_key=a b/c~d')
        key, = [row['properties_key'] for row in
                self.json('list_bindings', 'source_name', 'properties_key')
                if row['source_name'] == 'amq.topic']
        self.good('delete', 'binding', 'source=amq.topic', 'destination=q', f'properties_key={key}')
        self.assertEqual(len(self.json('list_bindings')), 1)
        self.good('delete_queue', 'q')


class Messages(WithBroker):
    def setUp(self):
        self.good('declare', 'queue', 'name=q')

    def tearDown(self):
        self.good('delete_queue', 'q')

    def test_publish_and_get(self):
        self.assertEqual(self.good('publish', 'routing_key=q', 'payload=h\u00e9', 'exchange=',
                                   'properties={"priority": 3}'), 'message published\n')
        self.assertRegex(self.good('publish', 'routing_key=none', 'payload=x'), 'no queue took it')
        self.assertEqual(self.json('publish', 'routing_key=none', 'payload=x'), {'routed': False})
        row, = self.json('get', 'queue=q')
        self.assertEqual((row['payload'], row['payload_encoding'], row['redelivered'],
                          row['properties']), ('h\u00e9', 'string', False, {'priority': 3}))
        row, = self.json('get', 'queue=q', 'count=5', 'ackmode=ack_requeue_false')
        self.assertTrue(row['redelivered'])
        self.assertEqual(self.json('get', 'queue=q'), [])
        self.bad(NOT_FOUND, 'no exchange .*nothing', 'publish', 'exchange=nothing', 'routing_key=q',
                 'payload=x')
        self.bad(DATA, 'unsupported_ackmode', 'get', 'queue=q', 'ackmode=maybe')
        self.bad(USAGE, 'count is a whole number', 'get', 'queue=q', 'count=x')

    def test_bytes_through_standard_input_and_a_file(self):
        payload = bytes(range(256))
        out = self.run_ctl('publish', 'routing_key=q', stdin=payload, text=False)[1]
        self.assertEqual(out, b'message published\n')
        path = self.path('payload')
        self.good('get', 'queue=q', f'payload_file={path}')
        with open(path, 'rb') as file:
            self.assertEqual(file.read(), payload)
        self.assertEqual(self.run_ctl('get', 'queue=q', 'payload_file=-', stdin=b'', text=False)[1],
                         payload)
        self.bad(USAGE, 'one message', 'get', 'queue=q', 'count=2', f'payload_file={path}')
        self.bad(NO_OUTPUT, 'No such file', 'get', 'queue=q', 'payload_file=/nonexistent/x')
        self.good('purge_queue', 'q')
        self.bad(NOT_FOUND, 'no message', 'get', 'queue=q', f'payload_file={path}')

    def test_full_device(self):
        self.good('publish', 'routing_key=q', 'payload=x')
        self.bad(NO_OUTPUT, 'No space left', 'get', 'queue=q', 'payload_file=/dev/full')


class Definitions(WithBroker):
    def test_round_trip(self):
        self.good('add_vhost', 'shop')
        self.good('add_user', 'ann', 'x')
        self.good('declare', 'queue', 'name=q', '-p', 'shop')
        path = self.path('definitions.json')
        self.assertIn(path, self.good('export_definitions', path))
        with open(path, encoding='utf-8') as file:
            exported = json.load(file)
        self.assertEqual({v['name'] for v in exported['vhosts']}, {'/', 'shop'})
        self.good('delete_vhost', 'shop')
        self.good('delete_user', 'ann')
        self.good('import', path)
        self.good('authenticate_user', 'ann', 'x')
        self.assertEqual(self.json('list_queues', '-p', 'shop'), [{'name': 'q', 'messages': 0}])
        part = json.loads(self.good('export_definitions', '-', '-p', 'shop'))
        self.assertEqual([q['name'] for q in part['queues']], ['q'])
        self.good('import_definitions', '-p', '/', stdin=json.dumps(part))
        self.assertEqual(self.json('list_queues', 'name'), [{'name': 'q'}])

    def test_files_that_are_wrong(self):
        self.bad(DATA, ':2: no definitions', 'import_definitions', self.path('bad', '{\n,'))
        self.bad(DATA, 'no definitions', 'import_definitions', stdin='[]')
        self.bad(NO_INPUT, 'No such file', 'import_definitions', '/nonexistent/file')
        self.bad(NO_OUTPUT, 'No such file', 'export_definitions', '/nonexistent/file')
        self.bad(DATA, 'bilbyctl: .+', 'import_definitions', stdin='{"users": [{"name": 1}]}')
        self.assertFalse(os.path.exists('/nonexistent'))


class Policies(WithBroker):
    def test_policies(self):
        for kind, other in (('policy', 'policies'), ('operator_policy', 'operator_policies')):
            self.good(f'set_{kind}', 'short', '^q', '{"max-length": 2}', '--priority', '3',
                      '--apply-to', 'queues')
            self.assertEqual(self.json(f'list_{other}'), [{
                'vhost': '/', 'name': 'short', 'pattern': '^q', 'apply-to': 'queues',
                'definition': {'max-length': 2}, 'priority': 3}])
            self.good(f'clear_{kind}', 'short')
            self.assertEqual(self.json(f'list_{other}'), [])
            self.bad(NOT_FOUND, f'no {kind.replace("_", ".")} "short"', f'clear_{kind}', 'short')
            self.good('declare', kind, 'name=n', 'pattern=.', 'definition={"max-length": 2}')
            self.good('delete', kind, 'name=n')
        self.bad(DATA, 'no JSON', 'set_policy', 'bad', '.', '{')
        self.bad(DATA, 'bilbyctl: .+', 'set_policy', 'bad', '.', '{"no-such-key": 1}')
        self.bad(USAGE, 'priority is a whole number', 'set_policy', 'x', '.', '{}', '--priority=x')

    def test_a_policy_takes_effect(self):
        self.good('declare', 'queue', 'name=q')
        self.good('set_policy', 'short', '^q', '{"max-length": 1}')
        for payload in 'ab':
            self.good('publish', 'routing_key=q', f'payload={payload}')
        self.assertEqual([row['payload'] for row in self.json('get', 'queue=q', 'count=9')], ['b'])
        self.assertEqual(self.json('list_queues', 'policy'), [{'policy': 'short'}])

    def test_parameters(self):
        self.good('set_global_parameter', 'mine', '{"a": [1]}')
        self.assertIn({'name': 'mine', 'value': {'a': [1]}}, self.json('list_global_parameters'))
        self.good('clear_global_parameter', 'mine')
        self.bad(NOT_FOUND, 'mine', 'clear_global_parameter', 'mine')
        self.assertEqual(self.json('list_parameters'), [])

    def test_rights(self):
        self.good('add_user', 'small', 'x', '--tags', 'management')
        self.bad(REFUSED, 'user "small"', 'set_policy', 'x', '.', '{"max-length": 1}', '--username',
                 'small', '--password', 'x')
