# SPDX-License-Identifier: Apache-2.0
"""Who may ask what: every route of management/routes.def with every kind of user. rights.tsv has a line
for each; its last column says where it is from (`RECORD=1 BROKER=external …/run test_rights` prints what
another broker does).

A column is a user: `+` passes (whatever the answer is then), a letter is 401 with that reason. Requests
change nothing: they name what isn't there, or their body is refused."""
import os
import re

from target import EXTERNAL, HERE, RECORD, Target, bilby_only

TABLE = os.path.join(HERE, 'rights.tsv')
ROUTES = os.path.join(HERE, '..', '..', 'management', 'routes.def')
VHOST = 'rights'

# name: (tags, has permissions in the virtual host)
USERS = {
    'anonymous': None, 'wrong-password': None,
    'plain': ('', True),
    'management': ('management', True), 'management-out': ('management', False),
    'policymaker': ('policymaker', True), 'policymaker-out': ('policymaker', False),
    'monitoring': ('monitoring', True), 'monitoring-out': ('monitoring', False),
    'administrator': ('administrator', True), 'administrator-out': ('administrator', False),
}

REASONS = {
    '': 'L', 'Login failed': 'L', 'Not_Authorized': 'L', 'Not management user': 'M',
    'Not administrator user': 'A', 'Not monitor user': 'O', 'Not policymaker user': 'P',
    'User not authorised to access virtual host': 'V', 'User not authorised to access object': 'B',
}

SAMPLES = {
    'vhost': VHOST, 'port': '1', 'protocols': 'nosuch', 'kind': 'q', 'within': '1', 'unit': 'days',
    'limit': 'max-queues',
}

# What is in a list of the virtual host's, and to whom: management, policymaker, monitoring and
# administrator, each with and without permissions there.
LISTS = {
    '/api/vhosts': '+-+-++++', '/api/vhost-limits': '+-+-++++', '/api/queues': '+-+-+-++',
    '/api/exchanges': '+-+-+-++', '/api/bindings': '+-+-+-++', '/api/policies': '+-+-+-++',
    '/api/operator-policies': '+-+-+-++', '/api/parameters': 'xx+-xx++',
    '/api/connections': '----++++', '/api/channels': '----++++', '/api/consumers': '----++++',
    '/api/permissions': 'xxxxxx++',
}


def routes():
    with open(ROUTES, encoding='utf-8') as file:
        rows = re.findall(r'^ROUTE\("(\w+)",\s*"([^"]+)",\s*(\w+),', file.read(), re.M)
    assert len(rows) > 100
    return [(verb, pattern) for verb, pattern, _ in rows]


def table():
    """{(verb, pattern): one character a user}, as far as the broker under test is to know them."""
    with open(TABLE, encoding='utf-8') as file:
        rows = [line.split() for line in file if not line.startswith('#')]
    return {(verb, pattern): marks for verb, pattern, marks, source in rows
            if source == '3.10' or not EXTERNAL}


class Rights(Target):
    settings = ('login_failures.max_per_user=1000000', 'login_failures.max_per_address=1000000')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.good('PUT', f'/api/vhosts/{VHOST}')
        everything = {'configure': '.*', 'write': '.*', 'read': '.*'}
        for name, kind in USERS.items():
            if kind is None:
                continue
            cls.good('PUT', f'/api/users/{name}', {'password': name, 'tags': kind[0]})
            if kind[1]:
                cls.good('PUT', f'/api/permissions/{VHOST}/{name}', everything)
        cls.node = cls.good('GET', '/api/overview')['node']

    @classmethod
    def tearDownClass(cls):
        if EXTERNAL:
            cls.good('DELETE', f'/api/vhosts/{VHOST}')
            for name, kind in USERS.items():
                if kind is not None:
                    cls.good('DELETE', f'/api/users/{name}')
        super().tearDownClass()

    def mark(self, user, verb, path):
        headers = {'Content-Type': 'application/json'}
        body = '[]' if verb in ('PUT', 'POST') else None
        name, password = {'anonymous': (None, None),
                          'wrong-password': ('guest', 'wrong')}.get(user, (user, None))
        answer = self.ask(verb, path, body, user=name, password=password, headers=headers)
        if answer.status != 401:
            return '+'
        reason = answer.json()['reason'] if answer.text else ''
        return REASONS.get(reason, '?')

    def marks(self, verb, pattern):
        samples = dict(SAMPLES, node=self.node)
        if (verb, pattern) == ('DELETE', '/api/vhosts/{vhost}'):
            samples['vhost'] = 'nosuch'  # the one that the others are about must stay
        path = re.sub(r'{(\w+)}', lambda name: samples.get(name[1], 'nosuch'), pattern)
        return ''.join(self.mark(user, verb, path) for user in USERS)

    def test_every_route_with_every_kind_of_user(self):
        expected = table()
        differ = []
        for verb, pattern in routes():
            marks = self.marks(verb, pattern)
            if RECORD:
                print(f'{verb}\t{pattern}\t{marks}')
            elif expected.get((verb, pattern)) != marks and not (
                    EXTERNAL and (verb, pattern) not in expected):
                differ.append(f'{verb} {pattern}: {marks}, expected {expected.get((verb, pattern))}')
        self.assertEqual(differ, [])

    def fill(self):
        """Something of everything, and a client of the user without tags."""
        vhost = f'/{VHOST}'
        self.good('PUT', f'/api/queues{vhost}/q', {'durable': True})
        self.good('PUT', f'/api/policies{vhost}/p', {'pattern': '.*', 'definition': {'max-length': 9}})
        self.good('PUT', f'/api/operator-policies{vhost}/o',
                  {'pattern': '.*', 'definition': {'max-length': 9}, 'apply-to': 'queues'})
        self.good('PUT', f'/api/vhost-limits{vhost}/max-queues', {'value': 9})
        client = self.connect('plain', VHOST)
        self.addCleanup(client.close)
        client.channel().basic_consume('q', lambda *_: None)
        self.until(lambda: [c for c in self.good('GET', f'/api/consumers{vhost}')
                            if c.get('channel_details')])
        self.until(lambda: self.good('GET', '/api/channels'))

    def sees(self, user, path):
        """Has the list something of the virtual host? `x`: it is refused."""
        answer = self.ask('GET', path, user=user)
        if answer.status == 401:
            return 'x'
        return '+' if f'"{VHOST}"' in answer.text else '-'

    def test_what_lists_show_to_whom(self):
        self.fill()
        people = [name for name, kind in USERS.items() if kind and kind[0]]
        got = {path: ''.join(self.sees(user, path) for user in people) for path in LISTS}
        if RECORD:
            print(got)
        else:
            self.assertEqual(got, LISTS)

    @bilby_only
    def test_every_line_has_its_route(self):
        self.assertEqual(set(table()) - set(routes()), set())
