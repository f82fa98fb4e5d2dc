# SPDX-License-Identifier: Apache-2.0
"""Requests that nobody means well: each gets the right status, a reason as JSON wherever HTTP itself is
understood, and the broker goes on without having grown."""
import base64
import json
import socket

from daemon import instrumented
from target import Target, bilby_only

LOGIN = b'Authorization: Basic ' + base64.b64encode(b'guest:guest')
QUEUE = '/api/queues/%2F/'


def request(verb, path, *headers, body=b'', version=b'1.1'):
    lines = [b'%s %s HTTP/%s' % (verb, path, version), b'Host: localhost', LOGIN, *headers]
    return b'\r\n'.join(lines) + b'\r\n\r\n' + body


def get(path, *headers, **more):
    return request(b'GET', path, *headers, **more)


def put(body, *headers):
    return request(b'PUT', b'/api/queues/%2F/hostile', *headers, body=body)


def length(number):
    return b'Content-Length: %s' % str(number).encode()


WHOAMI = b'/api/whoami'
CHUNKED = b'Transfer-Encoding: chunked'

# What is HTTP: (bytes, status, words of the reason)
UNDERSTOOD = {
    'a wrong verb': (request(b'POST', b'/api/queues', length(0)), 405, 'HEAD, GET, OPTIONS'),
    'PATCH': (request(b'PATCH', b'/api/queues', length(0)), 405, 'HEAD, GET, OPTIONS'),
    'TRACE': (request(b'TRACE', b'/api/queues'), 405, 'HEAD, GET, OPTIONS'),
    'OPTIONS *': (request(b'OPTIONS', b'*'), 400, 'slash'),
    'no such path': (get(b'/api/nosuch'), 404, 'Not Found'),
    'two slashes': (get(b'//api//whoami'), 404, 'Not Found'),
    'dots': (get(b'/api/../api/whoami'), 404, 'Not Found'),
    'dots in the page': (get(b'/page/../../../../etc/passwd'), 404, 'Not Found'),
    'quoted dots': (get(b'/page/..%2f..%2f..%2fetc/passwd'), 404, 'Not Found'),
    'a quoted NUL': (get(b'/api/queues/%00/x'), 400, 'percent'),
    'no hexadecimal': (get(b'/api/queues/%zz'), 400, 'percent'),
    'half a quote': (get(b'/api/queues/%2'), 400, 'percent'),
    'bytes that are no UTF-8': (get(b'/api/queues/%2F/\xff\xfe'), 404, 'Not Found'),
    'a login that is no base64': (b'GET /api/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Basic !!!\r\n\r\n',
                                  401, 'Not_Authorized'),
    'a long login': (b'GET /api/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ' + b'A' * 60000 +
                     b'\r\n\r\n', 401, 'Not_Authorized'),
    'another kind of login': (b'GET /api/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n',
                              401, 'Not_Authorized'),
    'two logins': (get(WHOAMI, b'Authorization: Basic eDp5'), 400, 'more than one Authorization'),
    'two hosts': (get(WHOAMI, b'Host: other'), 400, 'more than one Host'),
    'no JSON': (put(b'{', length(1)), 400, 'not_json'),
    'a list': (put(b'[]', length(2)), 400, 'not_json'),
    'JSON that is no UTF-8': (put(b'{"a":"\xff"}', length(9)), 400, 'not_json'),
    'deep JSON': (put(b'[' * 200000, length(200000)), 400, 'not_json'),
    'deep objects': (put(b'{"a":' * 50000, length(250000)), 400, 'not_json'),
    'a number too large': (put(b'{"durable":1e999999}', length(20)), 400, 'not_json'),
    'two lengths': (put(b'{}', length(2), length(20)), 400, 'more than one Content-Length'),
    'an unknown coding': (put(b'xx', b'Transfer-Encoding: gzip'), 400, 'chunked'),
}

# What is none, or too large; evhttp answers by itself, and closes.
REFUSED = {
    'an unknown verb': (request(b'FOO', WHOAMI), 501),
    'a verb in small letters': (request(b'get', WHOAMI), 501),
    'HTTP/2': (b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400),
    'a version to come': (get(WHOAMI, version=b'9.9'), 400),
    'bytes': (b'\x00\x01\x02\xff\r\n\r\n', 400),
    'a verb alone': (b'GET\r\n\r\n', 400),
    'a NUL in the path': (get(b'/api/whoami\x00x'), 400),
    'a long path': (get(b'/api/' + b'a' * 70000), 400),
    'a long header': (get(WHOAMI, b'X: ' + b'a' * 70000), 400),
    'many headers': (get(WHOAMI, *(b'X-%d: a' % n for n in range(20000))), 400),
    'a header without a colon': (get(WHOAMI, b'nothing'), 400),
    'a negative length': (put(b'{}', b'Content-Length: -1'), 400),
    'a length in words': (put(b'{}', b'Content-Length: two'), 400),
    'a length and chunks': (put(b'2\r\n{}\r\n0\r\n\r\n', length(2), CHUNKED), 400),
    'two codings': (put(b'0\r\n\r\n', CHUNKED, CHUNKED), 400),
    'a huge body': (put(b'{}', length(10 ** 11)), 413),
    'a length beyond numbers': (put(b'{}', length(10 ** 25)), 413),
    'a huge chunk': (put(b'7fffffff\r\n{}\r\n', CHUNKED), 413),
    'a chunk beyond numbers': (put(b'f' * 16 + b'\r\n{}\r\n', CHUNKED), 413),
    'a chunk in words': (put(b'two\r\n{}\r\n', CHUNKED), 413),
}


class Reply:
    def __init__(self, stream):
        self.status = int(stream.readline().split()[1])
        self.headers = {}
        for line in iter(stream.readline, b'\r\n'):
            if not line:
                break
            name, _, value = line.decode().partition(':')
            self.headers[name.lower()] = value.strip()
        self.body = stream.read(int(self.headers.get('content-length', 0)))


@bilby_only
class Hostile(Target):
    def setUp(self):
        self.sockets = []
        self.addCleanup(lambda: [sock.close() for sock in self.sockets])

    def tearDown(self):
        self.assertIsNone(self.broker.process.poll(), self.broker.log())
        self.assertEqual(self.good('GET', '/api/whoami')['name'], 'guest')

    def send(self, data):
        """A stream with what comes back."""
        sock = socket.create_connection(('127.0.0.1', self.broker.http_port), 30)
        self.sockets.append(sock)
        sock.sendall(data)
        return sock.makefile('rb')

    def ask_raw(self, data):
        return Reply(self.send(data))

    def test_what_is_http_gets_a_reason(self):
        for name, (data, status, words) in UNDERSTOOD.items():
            with self.subTest(name):
                reply = self.ask_raw(data)
                self.assertEqual(reply.status, status, reply.body)
                document = json.loads(reply.body)
                self.assertEqual(document.keys(), {'error', 'reason'})
                self.assertIn(words, document['reason'])
                if status == 405:
                    self.assertEqual(reply.headers['allow'], words)

    def test_what_is_none_is_refused_and_closed(self):
        for name, (data, status) in REFUSED.items():
            with self.subTest(name):
                stream = self.send(data)
                self.assertEqual(Reply(stream).status, status)
                try:
                    self.assertEqual(stream.read(), b'')
                except ConnectionResetError:
                    pass  # it was closed before all had been read

    def test_ambiguous_requests_end_the_connection(self):
        """What stands behind must not be taken for a request."""
        smuggled = request(b'DELETE', b'/api/vhosts/%2F')
        for headers in ((length(0), length(len(smuggled))), (b'Transfer-Encoding: identity',)):
            stream = self.send(put(smuggled, *headers))
            self.assertEqual(Reply(stream).status, 400)
            try:
                self.assertEqual(stream.read(), b'')
            except ConnectionResetError:
                pass
        self.assertEqual(self.ask('GET', '/api/vhosts/%2F').status, 200)

    def test_a_body_that_is_not_read_ends_the_connection(self):
        smuggled = request(b'DELETE', b'/api/vhosts/%2F')
        chunk = b'%x\r\n%s\r\n0\r\n\r\n' % (len(smuggled), smuggled)
        for method in (b'HEAD', b'TRACE'):
            for header, body in ((length(len(smuggled)), smuggled), (CHUNKED, chunk)):
                with self.subTest(method=method, header=header):
                    stream = self.send(request(method, WHOAMI, header, body=body))
                    try:
                        answers = stream.read()
                    except ConnectionResetError:
                        continue
                    self.assertEqual(answers.count(b'HTTP/1.1 400'), 1)
                    self.assertEqual(answers.count(b'HTTP/1.1'), 1)
        self.assertEqual(self.ask('GET', '/api/vhosts/%2F').status, 200)

    def test_pipelined_requests_are_answered_in_order(self):
        paths = [b'/api/whoami', b'/api/nosuch', b'/api/cluster-name', b'/api/queues'] * 25
        stream = self.send(b''.join(get(path) for path in paths))
        self.assertEqual([Reply(stream).status for _ in paths], [200, 404, 200, 200] * 25)

    def test_chunks_make_a_body(self):
        body = b''.join(b'1\r\n%c\r\n' % c for c in b'{"durable":true}') + b'0\r\n\r\n'
        self.assertEqual(self.ask_raw(request(b'PUT', b'/api/queues/%2F/chunked', CHUNKED,
                                              body=body)).status, 201)
        self.assertTrue(self.good('GET', QUEUE + 'chunked')['durable'])

    def test_names_of_any_bytes_come_back_as_utf8(self):
        self.assertEqual(self.ask_raw(request(b'PUT', b'/api/queues/%2F/%ff%fe', length(2),
                                              body=b'{}')).status, 201)
        names = [queue['name'] for queue in self.good('GET', '/api/queues/%2F')]
        self.assertIn('\ufffd\ufffd', names)
        self.assertEqual(self.ask_raw(request(b'DELETE', b'/api/queues/%2F/%ff%fe')).status, 204)

    def test_bodies_are_bounded_by_the_configuration(self):
        most = 10000000
        rows = b'{"x":"' + b'a' * (most - 8) + b'"}'
        self.assertEqual(self.ask_raw(request(b'POST', b'/api/definitions', length(most),
                                              body=rows)).status, 204)
        self.assertEqual(self.ask_raw(request(b'POST', b'/api/definitions', length(most + 1))).status,
                         413)

    def test_nothing_grows(self):
        """Ten rounds of everything, requests that are never finished among it."""
        def rounds(count):
            for _ in range(count):
                for data, *_ in [*UNDERSTOOD.values(), *REFUSED.values()]:
                    Reply(self.send(data))
                    self.send(data[:len(data) // 2])
                for sock in self.sockets:
                    sock.close()
                self.sockets.clear()
        rounds(3)
        before = self.broker.rss()
        rounds(10)
        self.until(lambda: self.broker.descriptors() < 60)
        if not instrumented():
            self.assertLess(self.broker.rss() - before, 16 << 20)

    def test_many_connections_at_once(self):
        streams = [self.send(b'GET /api/whoami HTTP/1.1\r\nHost: x\r\n') for _ in range(300)]
        self.assertEqual(self.good('GET', '/api/whoami')['name'], 'guest')
        for sock in self.sockets:
            sock.sendall(LOGIN + b'\r\n\r\n')
        self.assertEqual({Reply(stream).status for stream in streams}, {200})
