# SPDX-License-Identifier: Apache-2.0
"""Who may come in, and what they may do: logins, virtual hosts, permissions, topic permissions."""
import socket
import time
import unittest

import pika
import pika.exceptions

import harness
import support
import wire
from support import ClientTest, URL, reply, url_for

REFUSED = ("Login was refused using authentication mechanism %s. For details see the broker"
           " logfile.")


def with_credentials(user, password):
    host, port, _, _, vhost = wire.parse_url(URL)
    return "amqp://%s:%s@%s:%d/%s" % (user, password, host, port, vhost.replace("/", "%2f"))


class Login(ClientTest):
    def refused(self, mechanism="PLAIN", **options):
        with self.assertRaises(wire.ConnectionClosed) as raised:
            wire.Client(mechanism=mechanism, **options)
        self.assert_closed(raised.exception, 403, REFUSED % mechanism, 0, 0)

    def test_wrong_password(self):
        self.refused(url=with_credentials("guest", "wrong"))

    def test_unknown_user(self):
        self.refused(url=with_credentials("nobody-here", "x"))

    def test_empty_password(self):
        self.refused(url=URL, response="\0guest\0")

    def test_wrong_password_by_amqplain(self):
        table = wire.encode_table({"LOGIN": "guest", "PASSWORD": "wrong"})[4:]
        self.refused("AMQPLAIN", url=URL, response=table)

    def test_without_the_capability_the_socket_just_ends(self):
        with self.assertRaises(wire.Dropped):
            wire.Client(with_credentials("guest", "wrong"), capabilities={})

    def test_pika_sees_an_authentication_error(self):
        with self.assertRaises(pika.exceptions.AMQPConnectionError):
            self.connect(with_credentials("guest", "wrong"))

    def test_unknown_vhost(self):
        with self.assertRaises(wire.ConnectionClosed) as raised:
            wire.Client(URL, vhost="no-such-vhost")
        self.assert_closed(raised.exception, 530, "vhost no-such-vhost not found", 10, 40)


@unittest.skipUnless(support.user_exists("tests-owner"), "the users of the tests are not there")
class Permissions(ClientTest):
    def as_user(self, user, vhost=None):
        return self.connect(url_for(user, vhost)).channel()

    def refused(self, channel, text, action, *args, **options):
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as raised:
            action(channel, *args, **options)
            channel.queue_declare("", passive=True)  # a round trip for what has no answer
        seen = raised.exception.reply_text
        if harness.is_external() and " - access to " in seen:  # before 3.12 without the verb
            text = text.partition(" ")[2]
        self.assertEqual((raised.exception.reply_code, seen), (403, reply(403, text)))

    def test_no_permissions_no_vhost(self):
        with self.assertRaises(wire.ConnectionClosed) as raised:
            wire.Client(url_for("tests-none"))
        self.assert_closed(raised.exception, 530,
                           "access to vhost '%s' refused for user 'tests-none'" % support.VHOST,
                           10, 40)

    def test_vhosts_are_apart(self):
        other = self.connect(url_for("guest", harness.OTHER_VHOST)).channel()
        name = self.queue()
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as raised:
            other.queue_declare(name, passive=True)
        self.assertEqual(raised.exception.reply_text,
                         "NOT_FOUND - no queue '%s' in vhost '%s'" % (name, harness.OTHER_VHOST))

    def test_only_granted_vhosts(self):
        with self.assertRaises(wire.ConnectionClosed) as raised:
            wire.Client(url_for("tests-owner", harness.OTHER_VHOST))
        self.assertEqual(raised.exception.code, 530)

    def test_configure_queue(self):
        channel = self.as_user("tests-owner")
        channel.queue_declare("own.q", auto_delete=True)
        self.refused(channel, "configure access to queue 'foreign' in vhost '/' refused for user"
                     " 'tests-owner'", lambda c: c.queue_declare("foreign"))

    def test_configure_exchange(self):
        channel = self.as_user("tests-owner")
        self.refused(channel, "configure access to exchange 'foreign' in vhost '/' refused for"
                     " user 'tests-owner'", lambda c: c.exchange_declare("foreign", "fanout"))

    def test_configure_delete(self):
        self.queue(durable=False)
        channel = self.as_user("tests-owner")
        self.refused(channel, "configure access to queue '%s' in vhost '/' refused for user"
                     " 'tests-owner'" % self.name(), lambda c: c.queue_delete(self.name()))

    def test_write_to_exchange(self):
        self.refused(self.as_user("tests-owner"),
                     "write access to exchange 'amq.fanout' in vhost '/' refused for user"
                     " 'tests-owner'", lambda c: c.basic_publish("amq.fanout", "x", b""))

    def test_write_to_the_default_exchange(self):
        self.refused(self.as_user("tests-owner"),
                     "write access to exchange 'amq.default' in vhost '/' refused for user"
                     " 'tests-owner'", lambda c: c.basic_publish("", "x", b""))

    def test_write_refused_for_a_reader(self):
        self.refused(self.as_user("tests-reader"),
                     "write access to exchange 'amq.direct' in vhost '/' refused for user"
                     " 'tests-reader'", lambda c: c.basic_publish("amq.direct", "x", b""))

    def test_read_allowed_for_a_reader(self):
        name = self.queue()
        self.publish(name, "x")
        self.assertEqual(self.texts(name, 1, ch=self.as_user("tests-reader")), ["x"])

    def test_read_refused_for_a_writer(self):
        name = self.queue()
        text = "read access to queue '%s' in vhost '/' refused for user 'tests-writer'" % name
        self.refused(self.as_user("tests-writer"), text, lambda c: c.basic_get(name))
        self.refused(self.as_user("tests-writer"), text,
                     lambda c: c.basic_consume(name, lambda *_: None))
        self.refused(self.as_user("tests-writer"), text, lambda c: c.queue_purge(name))

    def test_bind_needs_write_to_the_queue_and_read_of_the_exchange(self):
        name = self.queue()
        self.refused(self.as_user("tests-reader"), "write access to queue '%s' in vhost '/'"
                     " refused for user 'tests-reader'" % name,
                     lambda c: c.queue_bind(name, "amq.direct", "k"))
        self.refused(self.as_user("tests-writer"), "read access to exchange 'amq.direct' in vhost"
                     " '/' refused for user 'tests-writer'",
                     lambda c: c.queue_bind(name, "amq.direct", "k"))

    def test_passive_declare_of_an_unreadable_queue(self):
        name = self.queue()
        channel = self.as_user("tests-reader")
        self.assertEqual(channel.queue_declare(name, passive=True).method.queue, name)

    def test_dead_letter_exchange_needs_write(self):
        channel = self.as_user("tests-owner")
        self.refused(channel, "write access to exchange 'foreign' in vhost '/' refused for user"
                     " 'tests-owner'", lambda c: c.queue_declare(
                         "own.dl", auto_delete=True,
                         arguments={"x-dead-letter-exchange": "foreign"}))

    def test_alternate_exchange_needs_write(self):
        channel = self.as_user("tests-owner")
        self.refused(channel, "write access to exchange 'foreign' in vhost '/' refused for user"
                     " 'tests-owner'", lambda c: c.exchange_declare(
                         "own.x", "fanout", auto_delete=True,
                         arguments={"alternate-exchange": "foreign"}))

    def test_look_ahead_in_a_pattern(self):
        channel = self.as_user("tests-noamq")
        name = self.name()
        channel.queue_declare(name, auto_delete=True)
        self.refused(channel, "write access to exchange 'amq.direct' in vhost '/' refused for"
                     " user 'tests-noamq'", lambda c: c.basic_publish("amq.direct", "x", b""))

    def test_topic_permission_on_publish(self):
        channel = self.as_user("tests-topic")
        name = self.queue()
        self.ch.queue_bind(name, "amq.topic", "open.#")
        channel.basic_publish("amq.topic", "open.x", b"1")
        self.wait_count(name, 1)
        self.refused(channel, "write access to topic 'shut.x' in exchange 'amq.topic' in vhost"
                     " '/' refused for user 'tests-topic'",
                     lambda c: c.basic_publish("amq.topic", "shut.x", b""))

    def test_topic_permission_on_bind(self):
        channel = self.as_user("tests-topic")
        name = self.queue()
        channel.queue_bind(name, "amq.topic", "open.#")
        self.refused(channel, "read access to topic 'shut.#' in exchange 'amq.topic' in vhost"
                     " '/' refused for user 'tests-topic'",
                     lambda c: c.queue_bind(name, "amq.topic", "shut.#"))

    def test_topic_permission_is_for_its_exchange_only(self):
        channel = self.as_user("tests-topic")
        exchange = self.exchange("topic")
        channel.basic_publish(exchange, "shut.x", b"")
        channel.queue_declare("", exclusive=True)

    def test_user_id_must_be_ones_own(self):
        name = self.queue()
        self.publish(name, "mine", user_id="guest")
        self.assertEqual(self.drain(name, 1)[0].properties.user_id, "guest")
        with self.closes_channel(406, "user_id property set to 'other' but authenticated user was"
                                      " 'guest'"):
            self.publish(name, "x", user_id="other")
            self.ch.queue_declare("", exclusive=True)

    def test_impersonator_may_use_any_user_id(self):
        name = self.queue()
        channel = self.as_user("tests-actor")
        channel.basic_publish("", name, b"x", pika.BasicProperties(user_id="someone"))
        self.assertEqual(self.drain(name, 1)[0].properties.user_id, "someone")


@support.own_broker
class HandshakeTimeout(unittest.TestCase):
    @support.slow
    def test_a_client_that_says_nothing_is_dropped(self):
        with harness.Broker(settings={"handshake_timeout": "1000"}) as broker:
            for opening in (b"", wire.HEADER):
                sock = wire.Socket(broker.url)
                sock.send_bytes(opening)
                began = time.monotonic()
                try:
                    sock.read_to_end()
                except socket.timeout:
                    self.fail("still connected")
                self.assertGreater(time.monotonic() - began, 0.5)
                sock.close()


if __name__ == "__main__":
    unittest.main()
