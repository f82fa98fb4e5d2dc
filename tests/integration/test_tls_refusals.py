# SPDX-License-Identifier: Apache-2.0
"""Handshakes that must fail, tried with `openssl s_client` and with bytes by hand, as a scanner would; after
each of them the broker still serves."""
import os
import re
import socket
import ssl
import struct
import subprocess
import tempfile
import unittest

import pika

import wire
from certificates import Authority
from daemon import Daemon


def record(kind, version, payload, length=None):
    return struct.pack('>BHH', kind, version, len(payload) if length is None else length) + payload


def hello(version=0x0303, suites=b'\xc0\x2b\xc0\x2f', extensions=b''):
    """A ClientHello's bytes, without the record around it."""
    body = (struct.pack('>H', version) + bytes(32) + b'\0' + struct.pack('>H', len(suites)) + suites +
            b'\1\0' + struct.pack('>H', len(extensions)) + extensions)
    return b'\1' + struct.pack('>I', len(body))[1:] + body


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.ca = Authority(cls.directory.name)
        cls.stranger = Authority(cls.directory.name, 'stranger')
        cls.ca.issue('server', '/CN=localhost', 'DNS:localhost,IP:127.0.0.1')
        cls.ca.issue('rsa', '/CN=localhost', 'DNS:localhost', rsa=True)
        cls.ca.issue('good', '/CN=ann')
        cls.ca.issue('expired', '/CN=ann', days=-1)
        cls.ca.issue('wrong-usage', '/CN=ann', usage='serverAuth')
        cls.stranger.issue('forged', '/CN=ann')
        # An authority that ours never named, under our authority's name.
        cls.twin_directory = tempfile.TemporaryDirectory()
        cls.twin = Authority(cls.twin_directory.name, 'ca')
        cls.twin.issue('twin', '/CN=ann')

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()
        cls.twin_directory.cleanup()

    def daemon(self, *sets, strict=False, certificate='server'):
        keys = [f'ssl_options.certfile={self.ca.certificate(certificate)}',
                f'ssl_options.keyfile={self.ca.key(certificate)}', 'log.level=debug']
        if strict:
            keys += [f'ssl_options.cacertfile={self.ca.certificate()}',
                     'ssl_options.verify=verify_peer', 'ssl_options.fail_if_no_peer_cert=true']
        return Daemon(*keys, *sets, tls=True)

    def s_client(self, port, *arguments, say=''):
        """What s_client prints; it ends when its input does."""
        done = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{port}', *arguments],
                              input=say, capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def negotiated(self, output):
        """The suite that was agreed on, or None."""
        found = re.search(r'New, \S+, Cipher is (\S+)', output)
        return found.group(1) if found and found.group(1) != '(NONE)' else None

    def serves(self, broker, *certificate):
        context = ssl.create_default_context(cafile=self.ca.certificate())
        if certificate:
            context.load_cert_chain(*certificate)
        broker.connect(port=broker.tls_port,
                       ssl_options=pika.SSLOptions(context, 'localhost')).close()

    # -- versions and suites --

    def test_old_versions(self):
        with self.daemon() as broker:
            for version in ('-tls1', '-tls1_1'):
                out = self.s_client(broker.tls_port, version, '-cipher', 'ALL:@SECLEVEL=0')
                self.assertIn('alert protocol version', out, version)
            self.serves(broker)

    def test_only_suites_with_forward_secrecy_and_aead(self):
        good = ('AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305')
        for certificate, kind in (('server', 'ECDSA'), ('rsa', 'RSA')):
            names = [f'ECDHE-{kind}-{name}' for name in good]
            with self.daemon(certificate=certificate) as broker:
                for name in names:
                    out = self.s_client(broker.tls_port, '-tls1_2', '-cipher', name)
                    self.assertEqual(self.negotiated(out), name)
                # All others that there are, offered at once: not one of them is taken.
                rest = 'ALL:COMPLEMENTOFALL:' + ':'.join('!' + name for name in names)
                out = self.s_client(broker.tls_port, '-tls1_2', '-cipher', rest + ':@SECLEVEL=0')
                self.assertIsNone(self.negotiated(out))
                self.assertIn('alert handshake failure', out)

    def test_suites_of_the_configuration(self):
        with self.daemon('ssl_options.ciphers.1=ECDHE-ECDSA-AES256-GCM-SHA384',
                         'ssl_options.ciphers.2=ECDHE-ECDSA-AES128-SHA256') as broker:
            for name, taken in (('ECDHE-ECDSA-AES256-GCM-SHA384', True),
                                ('ECDHE-ECDSA-AES128-SHA256', True),
                                ('ECDHE-ECDSA-AES128-GCM-SHA256', False)):
                out = self.s_client(broker.tls_port, '-tls1_2', '-cipher', name)
                self.assertEqual(self.negotiated(out), name if taken else None)
                if not taken:
                    self.assertIn('alert handshake failure', out)

    def test_no_common_suite_of_1_3(self):
        with self.daemon() as broker:
            out = self.s_client(broker.tls_port, '-tls1_3', '-ciphersuites',
                                'TLS_AES_128_CCM_8_SHA256')
            self.assertIn('alert handshake failure', out)
            broker.wait_for_log('TLS handshake failed.*no shared cipher')
            self.serves(broker)

    def test_no_compression_and_no_early_data(self):
        with self.daemon() as broker:
            out = self.s_client(broker.tls_port, '-tls1_2', '-comp')
            self.assertIn('Compression: NONE', out)
            out = self.s_client(broker.tls_port, '-tls1_3')
            self.assertIn('Early data was not sent', out)

    def test_renegotiation(self):
        with self.daemon() as broker:
            out = self.s_client(broker.tls_port, '-tls1_2', say='R\n')
            self.assertRegex(out, '(?s)RENEGOTIATING.*no renegotiation')
            self.serves(broker)

    def test_any_server_name(self):
        with self.daemon() as broker:
            for name in ('localhost', 'elsewhere.example', 'x' * 255, "'; drop"):
                out = self.s_client(broker.tls_port, '-servername', name)
                self.assertIsNotNone(self.negotiated(out), name)
            self.serves(broker)

    # -- clients' certificates --

    def test_certificates_of_clients(self):
        cases = (('forged', self.stranger, 'verify failed: unable to get local issuer certificate'),
                 ('twin', self.twin, 'verify failed: certificate signature failure'),
                 ('expired', self.ca, 'verify failed: certificate has expired'),
                 ('wrong-usage', self.ca, 'verify failed: unsuitable certificate purpose'),
                 ('stranger', self.stranger, 'verify failed: self-signed certificate'),
                 (None, None, 'peer did not return a certificate'))
        good = self.ca.certificate('good'), self.ca.key('good')
        with self.daemon(strict=True) as broker:
            for name, authority, reason in cases:
                for version in ('-tls1_2', '-tls1_3'):
                    mine = [] if name is None else ['-cert', authority.certificate(name), '-key',
                                                    authority.key(name)]
                    seen = broker.log().count('TLS handshake failed')
                    # With 1.3 the client is done before the server has looked: it reads to hear.
                    self.s_client(broker.tls_port, version, '-ign_eof', *mine)
                    failed = [line for line in broker.log().splitlines()
                              if 'TLS handshake failed' in line]
                    self.assertEqual(len(failed), seen + 1, (name, version))
                    self.assertIn(reason, failed[-1], (name, version))
            self.serves(broker, *good)

    # -- bytes by hand --

    def test_garbage(self):
        cases = {
            'nothing': b'',
            'zeros': bytes(4096),
            'noise': os.urandom(65536),
            'plain AMQP': wire.HEADER,
            'HTTP': b'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
            'SSLv2': b'\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10' + bytes(64),
            'SSLv3': record(22, 0x0300, hello(0x0300)),
            'an alert first': record(21, 0x0303, b'\2\x28'),
            'data first': record(23, 0x0303, b'x' * 100),
            'a huge record': record(22, 0x0301, b'\1' * 70000, 0xffff),
            'a huge message': record(22, 0x0301, b'\1\xff\xff\xff' + bytes(16000)),
            'empty records': record(22, 0x0301, b'') * 1000,
            'an unknown suite': record(22, 0x0301, hello(suites=b'\xfa\xfa')),
            'lying lengths': record(22, 0x0301, hello(extensions=b'\x00\x00\xff\xff')),
            'half a hello': record(22, 0x0301, hello())[:20],
        }
        with self.daemon() as broker:
            for name, data in cases.items():
                sock = socket.create_connection(('127.0.0.1', broker.tls_port), 10)
                try:
                    sock.sendall(data)
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(4096):
                        pass
                except OSError:
                    pass
                sock.close()
                self.assertIsNone(broker.process.poll(), name)
            self.serves(broker)

    def test_half_handshakes_do_not_stay(self):
        with self.daemon('ssl_handshake_timeout=200') as broker:
            socks = [socket.create_connection(('127.0.0.1', broker.tls_port), 10) for _ in range(50)]
            for i, sock in enumerate(socks):
                sock.sendall(record(22, 0x0301, hello())[:i])
            for sock in socks:
                self.assertEqual(sock.recv(1000)[:0], b'')
                sock.close()
            self.serves(broker)

    def test_a_byte_at_a_time_is_still_a_handshake(self):
        with self.daemon() as broker:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            context = ssl.create_default_context(cafile=self.ca.certificate())
            tls = context.wrap_bio(incoming, outgoing, server_hostname='localhost')
            sock = socket.create_connection(('127.0.0.1', broker.tls_port), 10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    for byte in outgoing.read():
                        sock.sendall(bytes([byte]))
                    incoming.write(sock.recv(65536))
            self.assertEqual(tls.version(), 'TLSv1.3')

    def test_tls_on_the_plain_port(self):
        with self.daemon() as broker:
            out = self.s_client(broker.port)
            self.assertIsNone(self.negotiated(out))
            broker.wait_for_log('TLS on the port without TLS')
            broker.connect().close()


if __name__ == '__main__':
    unittest.main()
