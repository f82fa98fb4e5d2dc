# SPDX-License-Identifier: Apache-2.0
"""The management port with TLS, and pages of other origins."""
import shutil
import ssl
import subprocess
import tempfile
import urllib.request

from certificates import Authority
from daemon import free_ports
from target import Target, bilby_only
from test_rabbitmqadmin import ADMIN

ORIGIN = 'https://console.example.org'


@bilby_only
class Tls(Target):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.mkdtemp(prefix='bilby-http-')
        cls.addClassCleanup(shutil.rmtree, directory)
        cls.authority = Authority(directory)
        cls.authority.issue('server', '/CN=localhost', 'DNS:localhost,IP:127.0.0.1', days=20)
        cls.port = free_ports(1)[0]
        cls.settings = ('management.ssl.ip=127.0.0.1', f'management.ssl.port={cls.port}',
                        'management.ssl.certfile=' + cls.authority.certificate('server'),
                        'management.ssl.keyfile=' + cls.authority.key('server'))
        super().setUpClass()

    def test_the_api_is_there(self):
        context = ssl.create_default_context(cafile=self.authority.certificate())
        asked = urllib.request.Request(f'https://localhost:{self.port}/api/whoami')
        asked.add_header('Authorization', 'Basic Z3Vlc3Q6Z3Vlc3Q=')
        with urllib.request.urlopen(asked, context=context, timeout=60) as answer:
            self.assertIn(b'"guest"', answer.read())

    def test_rabbitmqadmin_uses_it(self):
        if not ADMIN:
            self.skipTest("Debian's package rabbitmq-server can't be had")
        done = subprocess.run(['/usr/bin/python3', ADMIN, '-s', '-H', 'localhost', '-P', str(self.port),
                               '--ssl-ca-cert-file', self.authority.certificate(),
                               '-f', 'tsv', 'list', 'users', 'name'],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stdout, done.returncode), ('name\nguest\n', 0), done.stderr)

    def test_its_listener_is_told(self):
        listeners = {row['protocol']: row['port'] for row in self.good('GET', '/api/overview')['listeners']}
        self.assertEqual(listeners['https'], self.port)
        self.assertEqual(self.good('GET', '/api/health/checks/protocol-listener/https'),
                         {'status': 'ok', 'protocol': 'https'})

    def test_the_end_of_its_certificate_is_told(self):
        path = '/api/health/checks/certificate-expiration/'
        self.assertEqual(self.good('GET', path + '19/days'), {'status': 'ok'})
        answer = self.ask('GET', path + '3/weeks')
        self.assertEqual(answer.status, 503)
        document = answer.json()
        self.assertEqual((document['status'], document['reason']), ('failed', 'Certificates expiring'))
        (row,) = document['expired']
        self.assertEqual((row['protocol'], row['port'], row['interface']),
                         ('https', self.port, '127.0.0.1'))
        self.assertRegex(row['certfile_expires_on'][0], r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$')


@bilby_only
class OtherOrigins(Target):
    settings = (f'management.cors.allow_origins.1={ORIGIN}',
                'management.cors.allow_origins.2=http://localhost:8080',
                'management.cors.max_age=600')

    def test_a_listed_origin_may_ask(self):
        answer = self.ask('GET', '/api/whoami', headers={'Origin': ORIGIN})
        self.assertEqual(answer.headers['Access-Control-Allow-Origin'], ORIGIN)
        self.assertEqual(answer.headers['Access-Control-Allow-Credentials'], 'true')

    def test_it_learns_why_it_is_refused(self):
        answer = self.ask('GET', '/api/whoami', user=None, headers={'Origin': ORIGIN})
        self.assertEqual((answer.status, answer.headers['Access-Control-Allow-Origin']), (401, ORIGIN))

    def test_browsers_ask_before(self):
        answer = self.ask('OPTIONS', '/api/queues/%2F/q', user=None, headers={
            'Origin': 'http://localhost:8080', 'Access-Control-Request-Method': 'PUT',
            'Access-Control-Request-Headers': 'authorization,content-type'})
        self.assertEqual(answer.status, 200)
        self.assertIn('PUT', answer.headers['Access-Control-Allow-Methods'])
        self.assertEqual(answer.headers['Access-Control-Allow-Headers'], 'authorization,content-type')
        self.assertEqual(answer.headers['Access-Control-Max-Age'], '600')

    def test_other_origins_stay_outside(self):
        for origin in ('https://evil.example', ORIGIN + '.evil', 'null', ORIGIN.upper()):
            answer = self.ask('GET', '/api/whoami', headers={'Origin': origin})
            self.assertNotIn('Access-Control-Allow-Origin', answer.headers)
            self.assertEqual(answer.headers['Vary'], 'Origin')


@bilby_only
class NoOtherOrigins(Target):
    def test_by_default_nothing_is_said(self):
        for verb in ('GET', 'OPTIONS'):
            headers = self.ask(verb, '/api/whoami', headers={'Origin': ORIGIN}).headers
            self.assertEqual([name for name in headers if name.startswith('Access-Control')], [])
