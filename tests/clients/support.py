# SPDX-License-Identifier: Apache-2.0
"""What the pika tests share: a connection a test, names of their own, exact errors, waiting.

 (1) Each test has a connection and a channel (self.conn, self.ch) and names nobody else uses (self.name()).
 (2) Durable things a test declares through its helpers are deleted after it.
 (3) Tests of points where Bilby differs from RabbitMQ on purpose carry @bilby_only.
"""
import contextlib
import os
import time
import unittest
import uuid

import pika
import pika.exceptions

import harness
import wire
from wire import PATIENCE

URL = os.environ.get("AMQP_URL", wire.DEFAULT_URL)
VHOST = wire.parse_url(URL)[4]
CODES = {311: "CONTENT_TOO_LARGE", 312: "NO_ROUTE", 320: "CONNECTION_FORCED",
         402: "INVALID_PATH", 403: "ACCESS_REFUSED", 404: "NOT_FOUND", 405: "RESOURCE_LOCKED",
         406: "PRECONDITION_FAILED", 501: "FRAME_ERROR", 502: "SYNTAX_ERROR",
         503: "COMMAND_INVALID", 504: "CHANNEL_ERROR", 505: "UNEXPECTED_FRAME",
         506: "RESOURCE_ERROR", 530: "NOT_ALLOWED", 540: "NOT_IMPLEMENTED",
         541: "INTERNAL_ERROR"}

slow = unittest.skipIf(os.environ.get("QUICK"), "not in the quick run")
bilby_only = unittest.skipIf(harness.is_external(), "Bilby decides differently here on purpose")
own_broker = unittest.skipIf(harness.is_external(), "an external broker is not ours to restart")


def reply(code, text):
    """The reply text as it goes over the wire."""
    return "%s - %s" % (CODES[code], text) if text else CODES[code]


def url_for(user, vhost=None):
    """The broker's address with the credentials of one of the users of harness.USERS."""
    host, port, _, _, own = wire.parse_url(URL)
    path = (own if vhost is None else vhost).replace("/", "%2f")
    return "amqp://%s:%s@%s:%d/%s" % (user, user, host, port, path)


def user_exists(user):
    try:
        client = wire.Client(url_for(user))
    except wire.ConnectionClosed as closed:
        return closed.code != 403
    except (OSError, wire.Dropped):
        return False
    client.shut()
    return True


def wait_for(condition, seconds=PATIENCE, what="the condition"):
    """Wait until condition() is true; its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("%s did not come true within %g s" % (what, seconds))
        time.sleep(0.01)


class Message:
    """A message as pika hands it over, its parts by name."""

    def __init__(self, method, properties, body):
        self.method, self.properties, self.body = method, properties, body
        self.tag, self.redelivered = method.delivery_tag, method.redelivered
        self.exchange, self.routing_key = method.exchange, method.routing_key
        self.headers = properties.headers or {}

    @property
    def text(self):
        return self.body.decode()


class ClientTest(unittest.TestCase):
    """One connection and one channel of pika, and everything a test keeps saying."""

    maxDiff = None

    def setUp(self):
        self.prefix = "t-%s-%s" % (self.id().split(".")[-1][5:40], uuid.uuid4().hex[:8])
        self.conn = self.connect()
        self.ch = self.conn.channel()
        self._queues, self._exchanges = set(), set()

    def tearDown(self):
        self._delete_all()
        for connection in self._connections:
            with contextlib.suppress(pika.exceptions.AMQPError):
                connection.close()
        self._connections = []

    def _delete_all(self):
        if not self._queues and not self._exchanges:
            return
        with contextlib.suppress(pika.exceptions.AMQPError):
            connection = pika.BlockingConnection(pika.URLParameters(URL))
            for queue in self._queues:
                with contextlib.suppress(pika.exceptions.AMQPChannelError):
                    connection.channel().queue_delete(queue)
            for exchange in self._exchanges:
                with contextlib.suppress(pika.exceptions.AMQPChannelError):
                    connection.channel().exchange_delete(exchange)
            connection.close()

    # -- connections and channels

    _connections = []

    def connect(self, url=None, **parameters):
        """A new connection, closed after the test."""
        wanted = pika.URLParameters(url or URL)
        for key, value in parameters.items():
            setattr(wanted, key, value)
        wanted.socket_timeout = wanted.stack_timeout = PATIENCE
        wanted.blocked_connection_timeout = PATIENCE
        connection = pika.BlockingConnection(wanted)
        if not self._connections:
            self._connections = []
        self._connections.append(connection)
        return connection

    def wire(self, url=None, **options):
        """A raw client, closed after the test."""
        client = wire.Client(url or URL, **options)
        self.addCleanup(client.close)
        return client

    def reopen(self):
        """A fresh channel as self.ch, and a fresh connection if need be."""
        if not self.conn.is_open:
            self.conn = self.connect()
        self.ch = self.conn.channel()
        return self.ch

    # -- names and declarations

    def name(self, suffix=""):
        return self.prefix + suffix

    def queue(self, suffix="", ch=None, durable=False, exclusive=False, auto_delete=False,
              **arguments):
        """Declare a queue with x-arguments given as x_message_ttl=…; its name."""
        name = self.name(suffix)
        table = {key.replace("_", "-"): value for key, value in arguments.items()}
        (ch or self.ch).queue_declare(name, durable=durable, exclusive=exclusive,
                                      auto_delete=auto_delete, arguments=table or None)
        self._queues.add(name)
        return name

    def exchange(self, kind="direct", suffix="-x", ch=None, **options):
        name = self.name(suffix)
        (ch or self.ch).exchange_declare(name, kind, **options)
        self._exchanges.add(name)
        return name

    def will_delete(self, queue=None, exchange=None):
        if queue:
            self._queues.add(queue)
        if exchange:
            self._exchanges.add(exchange)

    def count(self, queue, ch=None):
        """(ready messages, consumers)"""
        ok = (ch or self.ch).queue_declare(queue, passive=True).method
        return ok.message_count, ok.consumer_count

    def wait_count(self, queue, ready, seconds=PATIENCE):
        seen = []

        def reached():
            seen[:] = [self.count(queue)[0]]
            return seen[0] == ready
        try:
            wait_for(reached, seconds)
        except AssertionError:
            self.fail("%s has %s ready messages, not %d" % (queue, seen, ready))

    # -- messages

    def publish(self, routing_key, *bodies, exchange="", ch=None, **properties):
        for body in bodies or ("",):
            (ch or self.ch).basic_publish(exchange, routing_key, body,
                                          pika.BasicProperties(**properties))

    def get(self, queue, ch=None, auto_ack=True, wait=PATIENCE):
        """The next message by basic.get, or None if there is none after a while."""
        deadline = time.monotonic() + wait
        while True:
            method, properties, body = (ch or self.ch).basic_get(queue, auto_ack)
            if method is not None:
                return Message(method, properties, body)
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.01)

    def drain(self, queue, count=None, ch=None, auto_ack=True, wait=PATIENCE, idle=0.1):
        """Exactly `count` messages by basic.get, or all until none came for `idle` seconds."""
        messages = []
        while count is None or len(messages) < count:
            message = self.get(queue, ch, auto_ack, wait if count is not None else idle)
            if message is None:
                break
            messages.append(message)
        if count is not None:
            self.assertEqual(len(messages), count, "messages in %s" % queue)
        return messages

    def texts(self, queue, count=None, **options):
        return [message.text for message in self.drain(queue, count, **options)]

    def consume(self, queue, ch=None, auto_ack=False, **options):
        """Start a consumer; the list that its messages are appended to, and its tag."""
        got = []
        tag = (ch or self.ch).basic_consume(
            queue, lambda _, method, properties, body: got.append(
                Message(method, properties, body)), auto_ack=auto_ack, **options)
        return got, tag

    def settle(self, seconds=0.2, conn=None):
        """Let whatever is on its way arrive."""
        (conn or self.conn).process_data_events(time_limit=seconds)

    def wait_messages(self, got, count, seconds=PATIENCE, conn=None):
        deadline = time.monotonic() + seconds
        while len(got) < count and time.monotonic() < deadline:
            (conn or self.conn).process_data_events(time_limit=0.05)
        self.assertEqual(len(got), count, "deliveries: %s" % [m.text for m in got])
        return got

    # -- errors

    def assert_reply(self, seen_code, seen_text, code, text):
        """Code and text are exact; a text that would be too long for a short string is cut."""
        wanted = reply(code, text)
        if len(wanted) > 255:
            wanted = wanted[:252] + "..."
        self.assertEqual((seen_code, seen_text), (code, wanted))

    @contextlib.contextmanager
    def closes_channel(self, code, text):
        """The block must end in channel.close with the code and, exactly, the text."""
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as raised:
            yield
        self.assert_reply(raised.exception.reply_code, raised.exception.reply_text, code, text)
        self.reopen()

    @contextlib.contextmanager
    def closes_connection(self, code, text):
        with self.assertRaises(pika.exceptions.ConnectionClosedByBroker) as raised:
            yield
        self.assert_reply(raised.exception.reply_code, raised.exception.reply_text, code, text)
        self.reopen()

    def assert_closed(self, closed, code, text, class_id, method_id, kind=None):
        """A wire close with everything in it exact."""
        self.assert_reply(closed.code, closed.text, code, text)
        self.assertEqual((closed.class_id, closed.method_id), (class_id, method_id))
        if kind is not None:
            self.assertIsInstance(closed, kind)

    def of_queue(self, name):
        return "queue '%s' in vhost '%s'" % (name, VHOST)

    def of_exchange(self, name):
        return "exchange '%s' in vhost '%s'" % (name, VHOST)
