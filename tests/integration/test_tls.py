# SPDX-License-Identifier: Apache-2.0
"""TLS: versions, verification, EXTERNAL, reload."""
import os
import signal
import socket
import ssl
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import pika

import wire
from certificates import Authority
from daemon import Daemon, free_ports


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.ca = Authority(cls.directory.name)
        cls.stranger = Authority(cls.directory.name, 'stranger')
        cls.ca.issue('server', '/CN=localhost', 'DNS:localhost,IP:127.0.0.1')
        cls.ca.issue('client', '/O=Bilby/CN=ann',
                     'DNS:ann.example,DNS:second.example,email:ann@example.org,IP:10.1.2.3')
        cls.ca.issue('comma', '/O=Inc, Ltd/CN=bob')
        cls.stranger.issue('forged', '/CN=ann')
        cls.ca.issue('locked', '/CN=localhost', 'DNS:localhost', password='opensesame')

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def daemon(self, *sets, certificate='server', peers=False, strict=False):
        keys = [f'ssl_options.certfile={self.ca.certificate(certificate)}',
                f'ssl_options.keyfile={self.ca.key(certificate)}']
        if peers:
            keys += [f'ssl_options.cacertfile={self.ca.certificate()}',
                     'ssl_options.verify=verify_peer', 'auth_mechanisms.1=EXTERNAL',
                     'auth_mechanisms.2=PLAIN']
        if strict:
            keys.append('ssl_options.fail_if_no_peer_cert=true')
        return Daemon(*keys, *sets, tls=True)

    def context(self, client=None):
        context = ssl.create_default_context(cafile=self.ca.certificate())
        if client:
            context.load_cert_chain(self.ca.certificate(client), self.ca.key(client))
        return context

    def connect(self, broker, client=None, context=None, **parameters):
        options = pika.SSLOptions(context or self.context(client), 'localhost')
        return broker.connect(port=broker.tls_port, ssl_options=options, **parameters)

    def external(self, broker, client='client'):
        return self.connect(broker, client, credentials=pika.credentials.ExternalCredentials())

    def test_messages_over_tls(self):
        with self.daemon() as broker, self.connect(broker) as connection:
            channel = connection.channel()
            channel.queue_declare('q')
            channel.confirm_delivery()
            body = os.urandom(3_000_000)
            for _ in range(3):
                channel.basic_publish('', 'q', body)
            for _ in range(3):
                self.assertEqual(channel.basic_get('q', auto_ack=True)[2], body)

    def test_versions(self):
        with self.daemon() as broker:
            for version, allowed in ((ssl.TLSVersion.TLSv1_1, False),
                                     (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
                context = self.context()
                context.set_ciphers('ALL:@SECLEVEL=0')
                context.minimum_version = context.maximum_version = version
                with socket.create_connection(('127.0.0.1', broker.tls_port)) as raw:
                    if allowed:
                        context.wrap_socket(raw, server_hostname='localhost').close()
                    else:
                        with self.assertRaises((ssl.SSLError, ConnectionError)):
                            context.wrap_socket(raw, server_hostname='localhost')

    def test_only_the_configured_version(self):
        with self.daemon('ssl_options.versions.1=tlsv1.2') as broker:
            raw = socket.create_connection(('127.0.0.1', broker.tls_port))
            with self.context().wrap_socket(raw, server_hostname='localhost') as sock:
                self.assertEqual(sock.version(), 'TLSv1.2')

    def test_external_by_distinguished_name(self):
        with self.daemon('default_user=CN=ann,O=Bilby', peers=True) as broker:
            self.external(broker).close()
            broker.wait_for_log('user="CN=ann,O=Bilby" ')

    def test_a_distinguished_name_is_escaped(self):
        with self.daemon(peers=True) as broker:
            self.assertRaises(Exception, self.external, broker, 'comma')
            broker.wait_for_log(r'CN=bob,O=Inc\\\\, Ltd')

    def test_external_by_common_name(self):
        with self.daemon('ssl_cert_login_from=common_name', 'default_users.ann.password=x',
                         peers=True) as broker:
            self.external(broker).close()
            broker.wait_for_log('user=ann .*mechanism=EXTERNAL tls=TLSv1.3')

    def test_external_by_alternative_name(self):
        for kind, index, name in (('dns', 1, 'second.example'), ('email', 0, 'ann@example.org'),
                                  ('ip', 0, '10.1.2.3')):
            with self.daemon('ssl_cert_login_from=subject_alternative_name',
                             f'ssl_cert_login_san_type={kind}', f'ssl_cert_login_san_index={index}',
                             peers=True) as broker:
                self.assertRaises(Exception, self.external, broker)
                broker.wait_for_log('login refused.*' + name.replace('.', '[.]'))

    def test_external_needs_a_certificate(self):
        with self.daemon('ssl_cert_login_from=common_name', 'default_users.ann.password=x',
                         peers=True) as broker:
            raw = socket.create_connection(('127.0.0.1', broker.tls_port))
            with self.context().wrap_socket(raw, server_hostname='localhost') as sock:
                sock.sendall(wire.HEADER)
                start = wire.expect(sock, (10, 10))
                self.assertNotIn(b'EXTERNAL', start)
                self.assertIn(b'PLAIN', start)

    def test_a_strangers_certificate_is_refused(self):
        with self.daemon(peers=True) as broker:
            context = self.context()
            context.load_cert_chain(self.ca.certificate('forged'), self.ca.key('forged'))
            with self.assertRaises(Exception):
                self.connect(broker, context=context)
            broker.wait_for_log('TLS handshake failed')

    def test_no_certificate_where_one_is_wanted(self):
        with self.daemon(peers=True, strict=True) as broker:
            with self.assertRaises(Exception):
                self.connect(broker)
            broker.wait_for_log('TLS handshake failed.*peer did not return a certificate')
            self.connect(broker, 'client').close()

    def test_an_encrypted_key(self):
        with self.daemon('ssl_options.password=opensesame', certificate='locked') as broker:
            self.connect(broker).close()
        with self.assertRaisesRegex(RuntimeError, '(?s)ended with 78.*cannot load the private key'):
            with self.daemon('ssl_options.password=wrong', certificate='locked'):
                pass

    def test_reload_keeps_connections(self):
        with self.daemon() as broker:
            old = self.connect(broker)
            before = ssl.get_server_certificate(('127.0.0.1', broker.tls_port))
            self.ca.issue('server', '/CN=localhost', 'DNS:localhost,IP:127.0.0.1')
            broker.signal(signal.SIGHUP)
            broker.wait_for_log('msg="reloaded"')
            after = ssl.get_server_certificate(('127.0.0.1', broker.tls_port))
            self.assertNotEqual(before, after)
            old.channel().queue_declare('still-here')
            old.close()

    def test_a_broken_certificate_is_not_taken_over(self):
        with self.daemon() as broker:
            path = self.ca.certificate('server')
            with open(path) as file:
                good = file.read()
            try:
                with open(path, 'w') as file:
                    file.write('nonsense')
                broker.signal(signal.SIGHUP)
                broker.wait_for_log('msg="not reloaded"')
                self.connect(broker).close()
            finally:
                with open(path, 'w') as file:
                    file.write(good)

    def test_a_silent_client_is_dropped(self):
        with self.daemon('ssl_handshake_timeout=300') as broker:
            began = time.monotonic()
            sock = socket.create_connection(('127.0.0.1', broker.tls_port), 10)
            self.assertEqual(sock.recv(10), b'')
            self.assertGreater(time.monotonic() - began, 0.25)
            broker.wait_for_log('TLS handshake timed out')

    def test_plain_bytes_on_the_tls_port(self):
        with self.daemon() as broker:
            sock = socket.create_connection(('127.0.0.1', broker.tls_port), 10)
            sock.sendall(wire.HEADER)
            try:
                while sock.recv(100):
                    pass
            except ConnectionError:
                pass
            broker.wait_for_log('TLS handshake failed')
            self.connect(broker).close()

    def test_the_management_port(self):
        port, = free_ports(1)
        with self.daemon(f'management.ssl.port={port}', 'management.ssl.ip=127.0.0.1') as broker:
            request = urllib.request.Request(f'https://localhost:{port}/api/whoami')
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, context=self.context(), timeout=60)
            self.assertEqual(caught.exception.code, 401)
            self.assertEqual(broker.process.poll(), None)


if __name__ == '__main__':
    unittest.main()
