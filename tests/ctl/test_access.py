# SPDX-License-Identifier: Apache-2.0
"""Users, permissions, virtual hosts, limits."""
import base64
import hashlib

from ctl import DATA, NOT_FOUND, REFUSED, USAGE, WithBroker


class Users(WithBroker):
    def user(self, name):
        rows = self.json('list_users', 'user', 'tags', 'password_hash')
        return next((row for row in rows if row['user'] == name), None)

    def test_a_life(self):
        self.assertEqual(self.good('add_user', 'ann', 'secret'), 'user "ann" added\n')
        self.assertEqual(self.user('ann')['tags'], [])
        self.good('authenticate_user', 'ann', 'secret')
        self.bad(REFUSED, 'not the password', 'authenticate_user', 'ann', 'wrong')
        self.good('set_user_tags', 'ann', 'monitoring', 'mine')
        self.assertEqual(self.user('ann')['tags'], ['monitoring', 'mine'])
        self.good('authenticate_user', 'ann', 'secret')
        self.good('change_password', 'ann', 'other')
        self.assertEqual(self.user('ann')['tags'], ['monitoring', 'mine'])
        self.good('authenticate_user', 'ann', 'other')
        self.good('clear_password', 'ann')
        self.bad(REFUSED, 'not the password', 'authenticate_user', 'ann', '')
        self.bad(REFUSED, 'not the password', 'authenticate_user', 'ann', 'other')
        self.good('set_user_tags', 'ann')
        self.assertEqual(self.user('ann')['tags'], [])
        self.good('delete_user', 'ann')
        self.assertIsNone(self.user('ann'))
        self.bad(NOT_FOUND, 'there is no user "ann"', 'delete_user', 'ann')
        self.bad(NOT_FOUND, 'there is no user "ann"', 'change_password', 'ann', 'x')

    def test_adding_twice_changes_nothing(self):
        self.good('add_user', 'twice', 'first')
        self.bad(DATA, 'there is a user "twice"', 'add_user', 'twice', 'second')
        self.good('authenticate_user', 'twice', 'first')

    def test_passwords_from_standard_input(self):
        self.good('add_user', 'typed', stdin='p w\n')
        self.good('authenticate_user', 'typed', 'p w')
        self.good('change_password', 'typed', stdin='n\u00e4chstes')
        self.good('authenticate_user', 'typed', stdin='n\u00e4chstes\n')
        self.bad(USAGE, 'standard input', 'add_user', 'silent')
        self.bad(DATA, 'must not be empty', 'add_user', 'silent', '')

    def test_names_with_everything_in_them(self):
        name = 'a/b c%d?e&f\u00fc'
        self.good('add_user', name, 'x', '--tags', 'management')
        self.good('set_permissions', name, '', '', '')
        self.assertEqual([row['user'] for row in self.json('list_permissions') if row['user'] == name],
                         [name])
        self.good('delete_user', name)

    def test_a_hash_is_the_servers(self):
        hashed = self.good('hash_password', 'secret').strip()
        raw = base64.b64decode(hashed)
        self.assertEqual(raw[4:], hashlib.sha256(raw[:4] + b'secret').digest())
        self.assertNotEqual(hashed, self.good('hash_password', 'secret').strip())

    def test_the_server_says_why_not(self):
        self.good('add_user', 'small', 'x', '--tags', 'management')
        self.good('add_user', 'none', 'x')
        as_small = ('--username', 'small', '--password', 'x')
        self.bad(REFUSED, 'user "small": Not administrator user', 'list_users', *as_small)
        self.bad(REFUSED, 'user "none": ', 'whoami', '--username', 'none', '--password', 'x')
        self.bad(REFUSED, 'login refused for user "guest"', 'whoami', '--password', 'x')


class Permissions(WithBroker):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prepare(('add_user', 'ann', 'x'), ('add_vhost', 'shop'))

    def test_permissions(self):
        self.good('set_permissions', '-p', 'shop', 'ann', '^a', '', '.*')
        self.assertEqual(self.json('list_user_permissions', 'ann'),
                         [{'vhost': 'shop', 'configure': '^a', 'write': '', 'read': '.*'}])
        self.assertIn({'user': 'ann', 'read': '.*'},
                      self.json('list_permissions', '--vhost=shop', 'user', 'read'))
        self.bad(DATA, 'invalid_regexp', 'set_permissions', 'ann', '(', '', '')
        self.bad(DATA, 'vhost_or_user_not_found', 'set_permissions', 'bob', '', '', '')
        self.good('clear_permissions', '-p', 'shop', 'ann')
        self.assertEqual(self.json('list_user_permissions', 'ann'), [])
        self.bad(NOT_FOUND, 'no user "ann" in virtual host "shop"', 'clear_permissions', 'ann',
                 '-p', 'shop')

    def test_topic_permissions(self):
        self.good('set_topic_permissions', 'ann', 'amq.topic', '^w', '^r')
        self.good('set_topic_permissions', 'ann', 'other', '^w', '^r')
        self.assertEqual(self.json('list_user_topic_permissions', 'ann', 'exchange', 'write'),
                         [{'exchange': 'amq.topic', 'write': '^w'},
                          {'exchange': 'other', 'write': '^w'}])
        self.good('clear_topic_permissions', 'ann', 'other')
        self.assertEqual(len(self.json('list_topic_permissions')), 1)
        self.good('clear_topic_permissions', 'ann')
        self.assertEqual(self.json('list_topic_permissions'), [])


class VirtualHosts(WithBroker):
    def test_a_life(self):
        self.good('add_vhost', 'shop', '--description', 'a shop', '--tags', 'a,b',
                  '--default-queue-type', 'quorum')
        rows = self.json('list_vhosts', 'name', 'description', 'tags', 'default_queue_type')
        self.assertIn({'name': 'shop', 'description': 'a shop', 'tags': ['a', 'b'],
                       'default_queue_type': 'quorum'}, rows)
        self.good('update_vhost_metadata', 'shop', '--description', 'another')
        self.good('trace_on', '-p', 'shop')
        rows = self.json('list_vhosts', 'name', 'description', 'tracing')
        self.assertIn({'name': 'shop', 'description': 'another', 'tracing': True}, rows)
        self.good('trace_off', '-p', 'shop')
        self.assertNotIn(True, [row['tracing'] for row in self.json('list_vhosts', 'tracing')])
        self.bad(NOT_FOUND, 'no virtual host "none"', 'trace_on', '-p', 'none')
        self.good('delete_vhost', 'shop')
        self.assertEqual(self.json('list_vhosts'), [{'name': '/'}])
        self.bad(NOT_FOUND, 'no virtual host "shop"', 'delete_vhost', 'shop')
        self.bad(NOT_FOUND, 'no virtual host "shop"', 'list_queues', '-p', 'shop')

    def test_limits(self):
        self.good('set_vhost_limits', '{"max-queues": 1, "max-connections": 7}')
        limits = {'max-queues': 1, 'max-connections': 7}
        self.assertEqual(self.json('list_vhost_limits'), [{'vhost': '/', 'limits': limits}])
        self.good('add_vhost', 'free')
        self.assertEqual(len(self.json('list_vhost_limits', '--global')), 1)
        self.good('declare', 'queue', 'name=one')
        self.bad(DATA, 'queue limit', 'declare', 'queue', 'name=two')
        self.good('clear_vhost_limits')
        self.good('declare', 'queue', 'name=two')
        self.assertEqual(self.json('list_vhost_limits', '--global'), [])
        self.bad(DATA, 'Unrecognised terms', 'set_vhost_limits', '{"max-frogs": 1}')
        self.bad(DATA, 'no JSON object', 'set_vhost_limits', '[1]')

    def test_limits_of_users(self):
        self.good('add_user', 'ann', 'x')
        self.good('set_user_limits', 'ann', '{"max-channels": 3, "max-connections": 1}')
        self.assertEqual(self.json('list_user_limits', '--user', 'ann')[0]['limits'],
                         {'max-channels': 3, 'max-connections': 1})
        self.good('clear_user_limits', 'ann', 'max-channels')
        self.assertEqual(self.json('list_user_limits')[0]['limits'], {'max-connections': 1})
        self.good('clear_user_limits', 'ann', 'all')
        self.assertEqual(self.json('list_user_limits'), [])
