# SPDX-License-Identifier: Apache-2.0
"""A file that RabbitMQ 3.10 exported (make_definitions.py) goes in, over HTTP and at boot, and comes out
again with the same content."""
import json
import os
import unittest

from daemon import Daemon
from target import EXTERNAL, HERE, Target, quote

FILE = os.path.join(HERE, 'definitions-3.10.json')
SECTIONS = ('users', 'vhosts', 'permissions', 'topic_permissions', 'parameters', 'global_parameters',
            'policies', 'queues', 'exchanges', 'bindings')
OF_A_VHOST = ('policies', 'queues', 'exchanges', 'bindings', 'parameters')


def read():
    with open(FILE, encoding='utf-8') as file:
        definitions = json.load(file)
    for user in definitions['users']:  # a negative limit is none, and not kept
        user['limits'] = {name: value for name, value in user['limits'].items() if value >= 0}
    return definitions


def text(row):
    return json.dumps(row, sort_keys=True, ensure_ascii=False)


def like(row, keys):
    """A row's part that another one has too."""
    return {key: value for key, value in row.items() if key in keys}


class Definitions(Target):
    maxDiff = None

    def setUp(self):
        if EXTERNAL:
            self.skipTest('it is where the file is from')
        self.original = read()

    def compare(self, exported, original, sections=SECTIONS):
        """Each section as a set; rows may have more members than they had, none may have changed."""
        for section in sections:
            keys = set().union(*(row.keys() for row in original[section]))
            expected = {text(row) for row in original[section]}
            got = {text(like(row, keys)) for row in exported[section]}
            self.assertEqual(expected - got, set(), f'{section}: lost or changed')
            self.assertEqual(got - expected, set(), f'{section}: not in the file')
            self.assertEqual(len(exported[section]), len(original[section]), section)

    def test_the_file_is_large_enough(self):
        self.assertGreater(sum(len(self.original[section]) for section in SECTIONS), 500)

    def test_over_http_and_out_again(self):
        for round_trip in (1, 2):  # what is there already changes nothing
            self.good('POST', '/api/definitions', self.original)
            with self.subTest(round=round_trip):
                self.compare(self.good('GET', '/api/definitions'), self.original)
        exported = self.good('GET', '/api/definitions')
        with Daemon() as other:
            Other.broker = other
            Other.good('POST', '/api/definitions', exported)
            again = Other.good('GET', '/api/definitions')
        for section in SECTIONS:
            self.assertEqual({text(row) for row in again[section]},
                             {text(row) for row in exported[section]}, section)

    def test_at_boot_and_after_a_restart(self):
        with Daemon(f'load_definitions={FILE}') as broker:
            Other.broker = broker
            self.compare(Other.good('GET', '/api/definitions'), self.original)
            broker.stop()
            broker.start()
            self.compare(Other.good('GET', '/api/definitions'), self.original)

    def test_one_virtual_host(self):
        vhost = self.original['vhosts'][2]['name']
        with Daemon(f'load_definitions={FILE}') as broker:
            Other.broker = broker
            exported = Other.good('GET', f'/api/definitions/{quote(vhost)}')
            original = {section: [{key: value for key, value in row.items() if key != 'vhost'}
                                  for row in self.original[section] if row['vhost'] == vhost]
                        for section in OF_A_VHOST}
            self.compare(exported, original, OF_A_VHOST)
            Other.good('PUT', '/api/vhosts/copy')
            Other.good('POST', '/api/definitions/copy', exported)
            copied = Other.good('GET', '/api/definitions/copy')
            self.compare(copied, original, OF_A_VHOST)

    def test_hashes_log_in(self):
        with Daemon(f'load_definitions={FILE}') as broker:
            Other.broker = broker
            named = {user['name']: user for user in self.original['users']}
            tagged = [name for name, user in named.items()
                      if user['password_hash'] and 'administrator' in user['tags'] and name != 'guest']
            number = int(tagged[0].rsplit('.', 1)[1])
            self.assertEqual(Other.ask('GET', '/api/whoami', user=tagged[0],
                                       password=f'secret {number}').status, 200)
            self.assertEqual(Other.ask('GET', '/api/whoami', user=tagged[0], password='').status, 401)


class Other(Target):
    """Asks a broker that a test started by itself."""

    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest('for asking only')
