# SPDX-License-Identifier: Apache-2.0
"""Clients that take their time: a request has so long to arrive, its answer may take longer."""
import shutil
import socket
import ssl
import tempfile
import time

from certificates import Authority
from daemon import free_ports, slow
from target import Target, bilby_only
from test_hostile import LOGIN, Reply, get, length, put, request

PATIENCE = 60  # seconds, for what is to come at some time


# What stands at the beginning, and what comes after it, a piece now and then.
DRIPPING = {
    'a first line': (b'GET /', b'a'),
    'a header': (b'GET /api/whoami HTTP/1.1\r\nHost: x\r\nX: ', b'a'),
    'headers': (b'GET /api/whoami HTTP/1.1\r\nHost: x\r\n', b'X: a\r\n'),
    'a body': (put(b'{"a":"', length(9000000)), b'a'),
    'chunks': (put(b'', b'Transfer-Encoding: chunked'), b'1\r\n \r\n'),
}


class Slow(Target):
    def open(self):
        sock = socket.create_connection(('127.0.0.1', self.broker.http_port), PATIENCE)
        self.addCleanup(sock.close)
        return sock

    @staticmethod
    def ended(sock, piece):
        try:
            sock.sendall(piece)
            return sock.recv(1) == b''
        except TimeoutError:
            return False
        except OSError:
            return True

    def drip(self, left):
        """Pieces to each of the sockets (by name) until the broker has ended the connection."""
        deadline = time.monotonic() + PATIENCE
        for sock, _ in left.values():
            sock.settimeout(0.02)
        while left and time.monotonic() < deadline:
            left = {name: (sock, piece) for name, (sock, piece) in left.items()
                    if not self.ended(sock, piece)}
        self.assertEqual(left, {})

    def tearDown(self):
        self.assertEqual(self.good('GET', '/api/whoami')['name'], 'guest')


@slow
@bilby_only
class Requests(Slow):
    """Silence would be borne for much longer."""
    settings = ('management.tcp.request_timeout=2000', 'management.tcp.idle_timeout=600s')

    def test_requests_that_drip(self):
        socks = {}
        for name, (begin, piece) in DRIPPING.items():
            socks[name] = self.open(), piece
            socks[name][0].sendall(begin)
        self.drip(socks)
        self.broker.wait_for_log('a request took too long to arrive.*peer=127.0.0.1')

    def test_what_drips_behind_a_whole_one(self):
        first, second = self.open(), self.open()
        first.sendall(get(b'/api/whoami'))
        self.assertEqual(Reply(first.makefile('rb')).status, 200)
        first.sendall(b'GET /')
        second.sendall(get(b'/api/whoami') + b'GET /')
        self.assertEqual(Reply(second.makefile('rb')).status, 200)
        self.drip({'afterwards': (first, b'a'), 'at once': (second, b'a')})

    def test_no_request_at_all(self):
        sock = self.open()
        self.assertEqual(sock.recv(1), b'')

    def test_pauses_between_requests_are_no_matter(self):
        sock = self.open()
        stream = sock.makefile('rb')
        for _ in range(3):
            sock.sendall(get(b'/api/whoami'))
            self.assertEqual(Reply(stream).status, 200)
            time.sleep(2.7)

    def test_an_answer_that_is_read_slowly_arrives_whole(self):
        for part in range(20):
            self.good('POST', '/api/definitions', {'queues': [
                {'name': f'{"q" * 200}{part}-{number}', 'vhost': '/', 'durable': False,
                 'auto_delete': False, 'arguments': {}} for number in range(300)]})
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(PATIENCE)
        sock.connect(('127.0.0.1', self.broker.http_port))
        sock.sendall(request(b'GET', b'/api/definitions', b'Connection: close'))
        text = b''
        for _ in range(3):
            time.sleep(1.5)
            text += sock.recv(1000)
        while more := sock.recv(1 << 20):
            text += more
        self.assertEqual(text.count(b'"name":"q'), 6000)

    def test_many_of_them_leave_nothing(self):
        before = self.broker.descriptors()
        socks = [self.open() for _ in range(200)]
        for sock in socks:
            sock.sendall(b'GET /')
        for sock in socks:
            self.assertEqual(sock.recv(1), b'')
        self.until(lambda: self.broker.descriptors() <= before + 5, PATIENCE)


@slow
@bilby_only
class Silence(Slow):
    settings = ('management.tcp.request_timeout=600s', 'management.tcp.idle_timeout=2000')

    def test_between_two_requests(self):
        sock = self.open()
        sock.sendall(get(b'/api/whoami'))
        stream = sock.makefile('rb')
        self.assertEqual(Reply(stream).status, 200)
        self.assertEqual(stream.read(), b'')

    def test_within_a_request(self):
        sock = self.open()
        sock.sendall(b'GET /')
        self.assertEqual(sock.recv(1), b'')


@slow
@bilby_only
class Tls(Slow):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.mkdtemp(prefix='bilby-http-')
        cls.addClassCleanup(shutil.rmtree, directory)
        cls.authority = Authority(directory)
        cls.authority.issue('server', '/CN=localhost', 'DNS:localhost,IP:127.0.0.1', days=20)
        cls.port = free_ports(1)[0]
        cls.settings = ('management.ssl.ip=127.0.0.1', f'management.ssl.port={cls.port}',
                        'management.ssl.certfile=' + cls.authority.certificate('server'),
                        'management.ssl.keyfile=' + cls.authority.key('server'),
                        'management.ssl.request_timeout=3000', 'management.ssl.idle_timeout=600s')
        super().setUpClass()

    def connect_raw(self):
        sock = socket.create_connection(('127.0.0.1', self.port), PATIENCE)
        self.addCleanup(sock.close)
        return sock

    def test_a_handshake_that_never_comes(self):
        self.assertEqual(self.connect_raw().recv(1), b'')

    def test_headers_that_drip(self):
        context = ssl.create_default_context(cafile=self.authority.certificate())
        before = self.broker.descriptors()
        sock = context.wrap_socket(self.connect_raw(), server_hostname='localhost')
        self.addCleanup(sock.close)
        sock.sendall(b'GET /api/whoami HTTP/1.1\r\nHost: x\r\n' + LOGIN + b'\r\nX: ')
        self.drip({'a header': (sock, b'a')})
        self.until(lambda: self.broker.descriptors() <= before, PATIENCE)
