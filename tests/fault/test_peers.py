# SPDX-License-Identifier: Apache-2.0
"""Peers that don't behave: they don't read, they speak a byte at a time, they fall silent, they vanish."""
import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import harness
import storm
import wire
from node import Node, PATIENCE, QUICK, report, slow, wait_until
from test_storms import Neighbour

MIB = 1 << 20
isolated = unittest.skipUnless(os.environ.get('FAULT_NAMESPACES') == 'yes',
                               'no network namespace of its own')


def numbered(number, size):
    return b'%08d' % number + b'.' * (size - 8)


def publish_numbered(broker, queue, count, size):
    client = wire.Client(broker.url, timeout=PATIENCE)
    channel = client.channel()
    channel.call('queue.declare', queue=queue, durable=True)
    channel.call('confirm.select')
    for number in range(count):
        channel.publish('', queue, numbered(number, size), delivery_mode=2)
    confirmed = 0
    while confirmed < count:
        answer = channel.expect('basic.ack')
        confirmed = answer.delivery_tag if answer.multiple else confirmed + 1
    client.shut()


class DoesNotRead(unittest.TestCase):
    """Each costs memory of a bounded size, whatever waits for it, and its neighbours nothing."""

    SIZE = 100000

    def bounded(self, name, act):
        with Node(queue_memory='8MiB') as broker:
            neighbour = Neighbour(broker)
            neighbour.start()
            act(broker, neighbour)
            report(name, neighbour_served=neighbour.end(), neighbours_messages_lost=0)

    def grow_less_than(self, broker, rss, bound):
        growth = broker.rss_bytes() - rss
        if harness.is_plain():
            self.assertLess(growth, bound)
        return growth

    def test_a_consumer(self):
        count = 300 if QUICK else 3000

        def act(broker, neighbour):
            publish_numbered(broker, 'slow', count, self.SIZE)
            rss = broker.rss_bytes()
            client = wire.Client(broker.url, timeout=PATIENCE)
            channel = client.channel()
            channel.call('basic.consume', queue='slow', no_ack=True)
            served = neighbour.served
            wait_until('neighbours are served', lambda: neighbour.served > served + 50)
            self.grow_less_than(broker, rss, 24 * MIB)
            for number in range(count):  # and when it reads, it gets everything
                self.assertEqual(channel.deliver().body[:8], b'%08d' % number)
            client.shut()

        self.bounded('a consumer that does not read', act)

    def test_many_consumers(self):
        """Each with a queue of its own bound to one fanout exchange."""
        count, messages = (10, 100) if QUICK else (100, 200)

        def act(broker, neighbour):
            rss = broker.rss_bytes()
            clients = []
            for _ in range(count):
                client = wire.Client(broker.url, timeout=PATIENCE)
                channel = client.channel()
                queue = channel.call('queue.declare', exclusive=True).queue
                channel.call('queue.bind', queue=queue, exchange='amq.fanout')
                channel.call('basic.consume', queue=queue, no_ack=True)
                clients.append((client, channel))
            publisher = wire.Client(broker.url, timeout=PATIENCE)
            channel = publisher.channel()
            channel.call('confirm.select')
            for number in range(messages):
                channel.publish('amq.fanout', '', numbered(number, self.SIZE))
            served = neighbour.served
            wait_until('neighbours are served', lambda: neighbour.served > served + 50)
            self.grow_less_than(broker, rss, 96 * MIB)
            for client, channel in clients:
                for number in range(messages):
                    self.assertEqual(channel.deliver().body[:8], b'%08d' % number)
                client.shut()
            publisher.shut()

        self.bounded('%d consumers that do not read' % count, act)

    def unread_answers(self, broker, neighbour, request):
        """Sends a request as long as the broker takes it, for a hundred megabytes of answers."""
        rss = broker.rss_bytes()
        client = wire.Client(broker.url, timeout=PATIENCE)
        client.channel()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.socket.settimeout(1)
        sent = 0
        try:
            while sent < 100 * MIB:
                client.send_bytes(request)
                sent += len(request)
        except TimeoutError:
            pass  # it is not read from any more
        self.assertLess(sent, 100 * MIB)
        served = neighbour.served
        wait_until('neighbours are served', lambda: neighbour.served > served + 50)
        self.grow_less_than(broker, rss, 48 * MIB)
        client.close()

    def test_a_publisher_of_returns(self):
        body = b'.' * 50000
        returned = (storm.method('basic.publish', channel=1, routing_key='nowhere', mandatory=True) +
                    wire.frame(wire.CONTENT, 1, wire.encode_header(len(body))) +
                    wire.frame(wire.BODY, 1, body))
        self.bounded('a publisher that does not read returns', lambda broker, neighbour:
                     self.unread_answers(broker, neighbour, returned))

    def test_a_client_that_only_asks(self):
        asked = storm.method('queue.declare', channel=1, queue='neighbour', passive=True) * 1000
        self.bounded('a client that does not read answers', lambda broker, neighbour:
                     self.unread_answers(broker, neighbour, asked))


class Slowloris(unittest.TestCase):
    """Handshakes a byte at a time: a timeout ends them, however busy they look (HTTP: when they fall silent),
    and descriptors return."""

    COUNT = 50 if QUICK else 500
    TIMEOUTS = dict(handshake_timeout=1500, ssl_handshake_timeout=1500)

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix='bilby-test-')
        self.addCleanup(shutil.rmtree, self.directory)

    def tls_settings(self):
        key, certificate = self.directory + '/key.pem', self.directory + '/certificate.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                        'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
                        '-keyout', key, '-out', certificate], check=True, capture_output=True)
        return {'ssl_options__certfile': certificate, 'ssl_options__keyfile': key}

    def drip(self, name, broker, port, said, patience=PATIENCE):
        """Each says its text byte by byte, for as long as the broker listens."""
        descriptors = broker.descriptors()
        socks = [storm.connect(port) for _ in range(self.COUNT)]
        stop = threading.Event()

        def speak():
            for byte in said:
                for sock in socks:
                    try:
                        sock.send(bytes([byte]), socket.MSG_DONTWAIT)
                    except OSError:
                        pass  # ended
                if stop.wait(0.1):
                    return

        speaker = threading.Thread(target=speak)
        speaker.start()
        left = storm.wait_closed(socks, patience)
        stop.set()
        speaker.join()
        for sock in socks:
            sock.close()
        self.assertEqual(left, 0)
        wait_until('descriptors are back', lambda: broker.descriptors() <= descriptors)
        client = wire.Client(broker.url)  # and it serves others
        client.channel()
        client.shut()
        report(name, handshakes=len(socks), not_ended=left, descriptors_left_open=0)

    def test_amqp(self):
        with Node(**self.TIMEOUTS) as broker:
            self.drip('slowloris, AMQP', broker, broker.port, b''.join(storm.STEPS))

    def test_tls(self):
        port = harness.free_port()
        hello = ssl.MemoryBIO()
        with self.assertRaises(ssl.SSLWantReadError):
            ssl._create_unverified_context().wrap_bio(ssl.MemoryBIO(), hello).do_handshake()
        with Node(listeners__ssl__1='127.0.0.1:%d' % port, **self.TIMEOUTS,
                  **self.tls_settings()) as broker:
            self.drip('slowloris, TLS', broker, port, hello.read())

    def test_amqp_over_tls(self):
        """TLS done at once, then AMQP never."""
        port = harness.free_port()
        with Node(listeners__ssl__1='127.0.0.1:%d' % port, **self.TIMEOUTS,
                  **self.tls_settings()) as broker:
            descriptors = broker.descriptors()
            context = ssl._create_unverified_context()
            socks = [context.wrap_socket(storm.connect(port)) for _ in range(self.COUNT // 5)]
            for sock in socks:
                self.assertEqual(sock.recv(100), b'')
                sock.close()
            wait_until('descriptors are back', lambda: broker.descriptors() <= descriptors)
            report('slowloris, AMQP over TLS', handshakes=len(socks), not_ended=0)

    @slow
    def test_http(self):
        """Half a request, then nothing: the API's patience is a minute of silence."""
        with Node() as broker:
            self.drip('half a request, HTTP', broker, broker.management_port,
                      b'GET /api/overview HTTP/1.1\r\nHost: ', patience=3 * PATIENCE)


class Vanishes(unittest.TestCase):
    """A consumer goes without a word: what it held goes to others, once, in order, marked as redelivered."""

    COUNT = 50
    FAR = '10.77.0.1'  # an address of the namespace's own

    def consume(self, url, heartbeat=1):
        client = wire.Client(url, heartbeat=heartbeat, timeout=PATIENCE)
        channel = client.channel()
        channel.call('basic.consume', queue='held')
        return client, channel

    def all_go_to_another(self, broker):
        client, channel = self.consume(broker.url, heartbeat=0)
        for number in range(self.COUNT):
            message = channel.deliver()
            self.assertEqual(message.body[:8], b'%08d' % number)
            self.assertTrue(message.redelivered)
            channel.send('basic.ack', delivery_tag=message.delivery_tag)
        self.assertTrue(channel.nothing('basic.deliver', timeout=0.1))
        client.shut()
        self.assertEqual(broker.depth('held'), 0)

    def hold(self, broker, url=None):
        publish_numbered(broker, 'held', self.COUNT, 100)
        client, channel = self.consume(url or broker.url)
        for _ in range(self.COUNT):
            channel.deliver()
        return client

    def test_silent_peer(self):
        """It neither speaks nor closes; its kernel still answers."""
        with Node() as broker:
            client = self.hold(broker)
            self.all_go_to_another(broker)
            self.assertIn('missed heartbeats', broker.log())
            client.close()
            report('a silent peer', messages=self.COUNT, lost=0, doubled=0)

    @isolated
    def test_cut_wire(self):
        """Nothing passes between the two any more: no FIN, no RST, no ACK."""
        port = harness.free_port()
        subprocess.run(['ip', 'addr', 'add', self.FAR + '/32', 'dev', 'lo'], check=True)
        with Node(listeners__tcp__2='%s:%d' % (self.FAR, port), loopback_users='none') as broker:
            far = self.hold(broker, 'amqp://guest:guest@%s:%d/' % (self.FAR, port))
            subprocess.run(['ip', 'addr', 'del', self.FAR + '/32', 'dev', 'lo'], check=True)
            far.close()  # its FIN goes nowhere
            self.all_go_to_another(broker)
            self.assertIn('missed heartbeats', broker.log())
            report('a cut wire', messages=self.COUNT, lost=0, doubled=0)

    def test_reset_in_the_middle_of_a_frame(self):
        """Publishers that end by RST at a random byte: whole messages are there once, halves never."""
        rng = random.Random(7)
        times = 100 if QUICK else 1000
        with Node() as broker:
            observer = wire.Client(broker.url, timeout=PATIENCE)
            channel = observer.channel()
            channel.call('queue.declare', queue='torn')
            descriptors = broker.descriptors()
            confirmed, sent = set(), set()
            for number in range(times):
                client = wire.Client(broker.url, timeout=PATIENCE)
                publisher = client.channel()
                publisher.call('confirm.select')
                bodies = [b'%d:%d' % (number, index) + b'.' * 300 for index in range(5)]
                text = b''.join(publisher.encode_publish('', 'torn', body, delivery_mode=2)
                                for body in bodies)
                client.send_bytes(text[:rng.randrange(len(text))])
                sent.update(bodies)
                if number % 2:
                    self.collect(publisher, bodies, confirmed)
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, storm.RST)
                client.close()
            wait_until('all are gone', lambda: broker.descriptors() <= descriptors)
            found = []
            while True:
                message = channel.call('basic.get', queue='torn', no_ack=True)
                if message.name == 'basic.get-empty':
                    break
                found.append(message.body)
            observer.shut()
            self.assertEqual(len(found), len(set(found)))
            self.assertLessEqual(set(found), sent)
            self.assertLessEqual(confirmed, set(found))
            report('resets within frames', resets=times, confirmed=len(confirmed), found=len(found),
                   lost=0, doubled=0, torn=0)

    def collect(self, publisher, bodies, confirmed):
        """Waits for some confirm, if any comes at once."""
        try:
            answer = publisher.expect('basic.ack', timeout=0.02)
        except (TimeoutError, socket.timeout):
            return
        first = 0 if answer.multiple else answer.delivery_tag - 1
        confirmed.update(bodies[first:answer.delivery_tag])


if __name__ == '__main__':
    unittest.main()
