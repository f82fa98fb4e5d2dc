# SPDX-License-Identifier: Apache-2.0
"""Logins at the real daemon: password hashes on the disk, throttling, what others notice of it."""
import base64
import json
import os
import unittest
import urllib.error
import urllib.request

import pika

from daemon import Daemon

HASH = 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR'  # "test12", from RabbitMQ's guide


def ask(broker, method, path, body=None, user='guest', password='guest'):
    """Status and document of a request to the management port."""
    request = urllib.request.Request(
        f'http://127.0.0.1:{broker.http_port}/api/{path}', method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={'Authorization': 'Basic ' + base64.b64encode(
            f'{user}:{password}'.encode()).decode()})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read()
            return response.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text else None


def files_of(directory):
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), 'rb') as file:
            yield name, file.read()


class Passwords(unittest.TestCase):
    def test_what_is_stored_is_slow_to_guess(self):
        with Daemon() as broker:
            self.assertEqual(ask(broker, 'PUT', 'users/ann', {'password': 'pw', 'tags': ''})[0], 201)
            _, user = ask(broker, 'GET', 'users/ann')
            self.assertEqual(user['hashing_algorithm'], 'bilby_password_hashing_pbkdf2')
            raw = base64.b64decode(user['password_hash'])
            self.assertEqual((len(raw), int.from_bytes(raw[:4], 'big')), (84, 25000))
            broker.kill()  # the answer stands for what is on the disk
            broker.start()
            ask(broker, 'PUT', 'permissions/%2f/ann', {'configure': '', 'write': '', 'read': ''})
            broker.connect('ann', 'pw').close()
            self.assertRaises(pika.exceptions.ProbableAuthenticationError, broker.connect, 'ann', 'x')

    def test_rabbitmqs_hashes_go_in_and_out(self):
        with Daemon() as broker:
            user = {'name': 'old', 'password_hash': HASH, 'tags': ['management'],
                    'hashing_algorithm': 'rabbit_password_hashing_sha256', 'limits': {}}
            self.assertEqual(ask(broker, 'POST', 'definitions', {'users': [user]})[0], 204)
            self.assertEqual(ask(broker, 'GET', 'whoami', user='old', password='test12')[0], 200)
            self.assertEqual(ask(broker, 'GET', 'whoami', user='old', password='test13')[0], 401)
            exported = ask(broker, 'GET', 'definitions')[1]['users']
            self.assertIn(user, exported)

    def test_rabbitmqs_form_where_it_is_configured(self):
        with Daemon('password_hashing_module=rabbit_password_hashing_sha256') as broker:
            _, user = ask(broker, 'GET', 'users/guest')
            self.assertEqual(user['hashing_algorithm'], 'rabbit_password_hashing_sha256')
            self.assertEqual(len(base64.b64decode(user['password_hash'])), 36)

    def test_many_clients_of_one_user_come_in_after_a_restart(self):
        with Daemon() as broker:
            broker.connect().close()
            self.assertEqual(broker.stop(), 0)
            broker.start()
            connections = [broker.connect() for _ in range(50)]
            for connection in connections:
                connection.close()

    def test_no_trace_of_a_password_on_the_disk(self):
        with Daemon() as broker:
            ask(broker, 'PUT', 'users/ann', {'password': 'planted-secret-1', 'tags': ''})
            ask(broker, 'PUT', 'users/ann', {'password': 'planted-secret-2', 'tags': ''})
            self.assertEqual(broker.stop(), 0)
            for name, content in files_of(broker.data_dir):
                self.assertNotIn(b'planted-secret', content, name)


class Throttle(unittest.TestCase):
    def test_an_address_that_guesses_is_refused_for_that_user(self):
        with Daemon('login_failures.max_per_user=3', 'password_hashing_iterations=1000') as broker:
            ask(broker, 'PUT', 'users/ann', {'password': 'pw', 'tags': 'management'})
            for _ in range(3):
                self.assertEqual(ask(broker, 'GET', 'whoami', user='ann', password='x')[0], 401)
            code, answer = ask(broker, 'GET', 'whoami', user='ann', password='pw')
            self.assertEqual((code, answer['error']), (429, 'too_many_requests'))
            with self.assertRaisesRegex(pika.exceptions.ProbableAuthenticationError,
                                        'Too many logins have failed: try again later'):
                broker.connect('ann', 'pw')
            broker.wait_for_log('login refused.*user=ann .*have failed')
            self.assertEqual(ask(broker, 'GET', 'whoami')[0], 200)  # others are not touched

    def test_off(self):
        with Daemon('login_failures.max_per_user=infinity', 'password_hashing_iterations=1000',
                    'login_failures.max_per_address=infinity') as broker:
            for _ in range(250):
                self.assertEqual(ask(broker, 'GET', 'whoami', password='x')[0], 401)
            self.assertEqual(ask(broker, 'GET', 'whoami')[0], 200)


if __name__ == '__main__':
    unittest.main()
