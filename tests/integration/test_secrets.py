# SPDX-License-Identifier: Apache-2.0
"""Secrets are planted wherever the broker takes some, it is made to talk as much as it can (the log at debug,
every answer of the API, its files), and none of them may be found in it."""
import base64
import os
import re
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

import wire
from certificates import Authority
from daemon import BILBYD, ROOT, Daemon
from test_login import ask, files_of

SECRETS = ['planted-default', 'planted-further', 'planted-key', 'planted-set', 'planted-wrong',
           'planted-wire', 'planted-update', 'planted-query', 'planted-basic', 'planted-import']


def shapes(secret):
    """A secret as it is, and in base64 at each of the three offsets."""
    yield secret
    for shift in range(3):
        yield base64.b64encode(b'\0' * shift + secret.encode())[4:-4].decode()
    yield secret.encode().hex()


def routes():
    """Every GET of the API, from its table."""
    with open(os.path.join(ROOT, 'management', 'routes.def')) as file:
        return re.findall(r'ROUTE\("GET",\s*"([^"]+)"', file.read())


def get(broker, path, user, password):
    request = urllib.request.Request(f'http://127.0.0.1:{broker.http_port}{path}')
    request.add_header('Authorization',
                       'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.ca = Authority(cls.directory.name)
        cls.ca.issue('locked', '/CN=localhost', 'DNS:localhost', password='planted-key')
        cls.config = os.path.join(cls.directory.name, 'bilby.conf')
        with open(cls.config, 'w') as file:
            file.write('default_pass = planted-default\n'
                       'default_users.ann.password = planted-further\n'
                       'default_users.ann.tags = monitoring\n'
                       f'ssl_options.certfile = {cls.ca.certificate("locked")}\n'
                       f'ssl_options.keyfile = {cls.ca.key("locked")}\n'
                       'ssl_options.password = planted-key\n'
                       'log.level = debug\n')
        os.chmod(cls.config, 0o600)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def check(self, where, text):
        for secret in SECRETS:
            for shape in shapes(secret):
                self.assertNotIn(shape, text, where)
        self.assertNotIn('PRIVATE KEY', text, where)

    def daemon(self):
        return Daemon(config=self.config, tls=True)

    def login(self, broker, password):
        sock = socket.create_connection(('127.0.0.1', broker.port), 10)
        sock.sendall(wire.HEADER)
        wire.expect(sock, (10, 10))
        sock.sendall(wire.start_ok(b'ann', password))
        sock.settimeout(0.5)
        try:
            sock.recv(1000)
        except OSError:
            pass
        sock.close()

    def use(self, broker):
        """Hands in all secrets that there are, well-formed and malformed."""
        admin = {'user': 'guest', 'password': 'planted-default'}
        ask(broker, 'PUT', 'users/bob', {'password': 'planted-set', 'tags': 'administrator'}, **admin)
        ask(broker, 'PUT', 'users/eve', {'password': 'planted-set', 'password_hash': 'x',
                                         'tags': ''}, **admin)
        ask(broker, 'PUT', 'users/eve', {'password': ['planted-set']}, **admin)
        ask(broker, 'POST', 'definitions', {'users': [
            {'name': 'imp', 'password': 'planted-import', 'tags': ''}]}, **admin)
        ask(broker, 'POST', 'definitions', {'users': [
            {'name': 'imp', 'password': {'no': 'planted-import'}, 'tags': 7}]}, **admin)
        ask(broker, 'GET', 'whoami', user='ann', password='planted-wrong')
        get(broker, '/api/overview?password=planted-query', 'guest', 'planted-basic')
        get(broker, '/api/nothing?secret=planted-query', **admin)
        self.login(broker, b'planted-wire')
        self.login(broker, b'planted-wire\0more')
        sock = wire.connect(broker.port, password=b'planted-default')
        wire.open_channel(sock)
        sock.sendall(wire.method(1, (50, 10), b'\0\0' + wire.short_string(b'q') + b'\0' +
                                 wire.long_string(b'')))
        wire.expect(sock, (50, 11))
        sock.sendall(wire.method(0, (10, 70), wire.long_string(b'planted-update') +
                                 wire.short_string(b'because')))
        wire.expect(sock, (10, 71))
        sock.close()
        broker.signal(signal.SIGHUP)
        broker.wait_for_log('msg="reloaded"')

    def test_the_log_tells_none(self):
        with self.daemon() as broker:
            self.use(broker)
            broker.stop()
            self.assertIn('login refused', broker.log())
            self.check('log', broker.log())

    def test_no_answer_tells_one(self):
        with self.daemon() as broker:
            self.use(broker)
            paths = routes()
            self.assertGreater(len(paths), 60)
            for pattern in paths:
                path = pattern.replace('{vhost}', '%2f').replace('{user}', 'bob')
                path = path.replace('{queue}', 'q').replace('{node}', 'rabbit@' +
                                                            socket.gethostname().split('.')[0])
                path = re.sub('{[^}]*}', 'nothing', path)
                self.check(path, get(broker, path, 'guest', 'planted-default'))

    def test_hashes_are_for_administrators(self):
        with self.daemon() as broker:
            for path in routes():
                path = re.sub('{[^}]*}', 'guest', path.replace('{vhost}', '%2f'))
                text = get(broker, path, 'ann', 'planted-further')
                self.assertNotRegex(text, '"password_hash": *"[^"]', path)

    def test_no_file_tells_one(self):
        with self.daemon() as broker:
            self.use(broker)
            broker.stop()
            for name, content in files_of(broker.data_dir):
                for secret in SECRETS:
                    self.assertNotIn(secret.encode(), content, name)

    def test_print_config_hides_them(self):
        done = subprocess.run([BILBYD, '--config', self.config, '--print-config'],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertIn('default_pass', done.stdout)
        self.check('--print-config', done.stdout + done.stderr)

    def test_errors_of_the_configuration_hide_them(self):
        for line in ("default_users..password = planted-further", "default_pas = planted-default",
                     "default_pass = 'planted-default"):
            path = os.path.join(self.directory.name, 'broken.conf')
            with open(path, 'w') as file:
                file.write(line + '\n')
            done = subprocess.run([BILBYD, '--config', path, '--check-config'],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 78)
            self.check(line, done.stdout + done.stderr)


if __name__ == '__main__':
    unittest.main()
