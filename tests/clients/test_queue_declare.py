# SPDX-License-Identifier: Apache-2.0
"""Declaring, deleting, binding and purging queues: what is allowed, what is refused and how."""
import unittest

import pika

import support
import wire
from support import ClientTest, wait_for
from wire import Typed


def wrong_type(kind):
    """The complaint where an integer is wanted; RabbitMQ's words have changed with 4.0."""
    if support.harness.is_external():
        return '"expected integer, got %s"' % kind
    return "{unacceptable_type,%s}" % kind


class Declare(ClientTest):
    def raw(self, **values):
        channel = self.wire().channel()
        channel.send("queue.declare", **values)
        return channel.closes()

    def test_declare_ok_says_name_and_counts(self):
        name = self.queue()
        self.publish(name, "a", "b", "c")
        self.wait_count(name, 3)
        self.consume(name, auto_ack=False)
        ok = self.ch.queue_declare(name).method
        self.assertEqual((ok.queue, ok.consumer_count), (name, 1))

    def test_server_named(self):
        names = {self.ch.queue_declare("", exclusive=True).method.queue for _ in range(20)}
        self.assertEqual(len(names), 20)
        for name in names:
            self.assertRegex(name, r"^amq\.gen-[A-Za-z0-9_-]{22}$")

    def test_passive_of_what_is_not_there(self):
        closed = self.raw(queue=self.name(), passive=True)
        self.assert_closed(closed, 404, "no " + self.of_queue(self.name()), 50, 10,
                           wire.ChannelClosed)

    def test_passive_does_not_look_at_the_rest(self):
        name = self.queue(durable=True)
        self.ch.queue_declare(name, passive=True, durable=False, auto_delete=True)

    def test_reserved_prefix(self):
        closed = self.raw(queue="amq.mine")
        self.assert_closed(closed, 403, "queue name 'amq.mine' contains reserved prefix 'amq.*'",
                           50, 10, wire.ChannelClosed)

    def test_reserved_prefix_of_a_queue_that_is_there(self):
        """Only the server names such queues: declaring one again under its name is refused too."""
        name = self.ch.queue_declare("", exclusive=True).method.queue
        with self.closes_channel(403, "queue name '%s' contains reserved prefix 'amq.*'" % name):
            self.ch.queue_declare(name, exclusive=True)

    def test_line_breaks_are_stripped_from_names(self):
        name = self.name()
        channel = self.wire().channel()  # pika waits for an answer with the name as it was
        ok = channel.call("queue.declare", queue="\r" + name + "\r\n")
        self.will_delete(name)
        self.assertEqual(ok.queue, name)

    def test_last_declared_queue_stands_for_the_empty_name(self):
        name = self.queue()
        self.ch.queue_bind("", "amq.direct", "key-" + name)
        self.publish("key-" + name, "x", exchange="amq.direct")
        self.wait_count(name, 1)
        self.assertEqual(self.ch.queue_purge("").method.message_count, 1)
        channel = self.wire().channel()
        channel.call("queue.declare", queue=name, passive=True)
        channel.call("basic.consume", queue="")
        self.publish(name, "y")
        self.assertEqual(channel.deliver().body, b"y")

    def test_empty_names_bind_by_the_queues_name(self):
        channel = self.wire().channel()
        name = channel.call("queue.declare", exclusive=True).queue
        channel.call("queue.bind", exchange="amq.direct")
        channel.publish("amq.direct", name, b"x")
        self.assertEqual(channel.call("basic.get", no_ack=True).body, b"x")

    def test_no_previously_declared_queue(self):
        for method, ids, values in (
                ("queue.bind", (50, 20), {"exchange": "amq.direct"}),
                ("queue.purge", (50, 30), {}), ("queue.delete", (50, 40), {}),
                ("basic.get", (60, 70), {}), ("basic.consume", (60, 20), {})):
            with self.subTest(method):
                channel = self.wire().channel()
                channel.send(method, **values)
                self.assert_closed(channel.closes(), 404, "no previously declared queue", *ids,
                                   wire.ChannelClosed)

    def test_passive_without_a_name_is_not_the_last_declared(self):
        self.assert_closed(self.raw(passive=True), 404, "no " + self.of_queue(""), 50, 10)

    def test_no_wait(self):
        channel = self.wire().channel()
        name = self.name()
        self.will_delete(name)
        channel.send("queue.declare", queue=name, nowait=True)
        channel.send("queue.bind", queue=name, exchange="amq.fanout", nowait=True)
        channel.send("queue.purge", queue=name, nowait=True)
        self.assertEqual(channel.call("queue.declare", queue=name).message_count, 0)
        channel.send("queue.delete", queue=name, nowait=True)
        channel.send("queue.declare", queue=name, passive=True)
        self.assertEqual(channel.closes().code, 404)

    def test_names_are_any_utf8(self):
        name = self.name("-ünïcödé 兎 🐇 /%'\"\\")
        self.ch.queue_declare(name)
        self.will_delete(name)
        self.publish(name, "x")
        self.assertEqual(self.texts(name, 1), ["x"])


class Inequivalent(ClientTest):
    def differs(self, argument, received, current, **second):
        text = "inequivalent arg '%s' for %s: received %s but current is %s" % (
            argument, self.of_queue(self.name()), received, current)
        with self.closes_channel(406, text):
            self.queue(**second)

    def test_durable(self):
        self.queue(durable=True)
        self.differs("durable", "'false'", "'true'")

    def test_durable_the_other_way(self):
        self.queue(durable=False)
        self.differs("durable", "'true'", "'false'", durable=True)

    def test_auto_delete(self):
        self.queue()
        self.differs("auto_delete", "'true'", "'false'", auto_delete=True)

    def test_durable_comes_before_auto_delete(self):
        self.queue()
        self.differs("durable", "'true'", "'false'", durable=True, auto_delete=True)

    def test_exclusive(self):
        name = self.queue()
        with self.closes_channel(405, "cannot obtain exclusive access to locked %s. It could be"
                                      " originally declared on another connection or the exclusive"
                                      " property value does not match that of the original"
                                      " declaration." % self.of_queue(name)):
            self.queue(exclusive=True)

    def test_value(self):
        self.queue(x_message_ttl=1000)
        self.differs("x-message-ttl", "'5000'", "'1000'", x_message_ttl=5000)

    def test_value_gone(self):
        self.queue(x_message_ttl=1000)
        self.differs("x-message-ttl", "none", "the value '1000' of type 'signedint'")

    def test_value_new(self):
        self.queue()
        self.differs("x-message-ttl", "the value '1000' of type 'signedint'", "none",
                     x_message_ttl=1000)

    def test_string_value_new(self):
        self.queue()
        self.differs("x-dead-letter-exchange", "the value 'dlx' of type 'longstr'", "none",
                     x_dead_letter_exchange="dlx")

    def test_integers_of_any_width_are_alike(self):
        channel = self.wire().channel()
        self.will_delete(self.name())
        for tag in "Isblui":
            value = 100 if tag in "bB" else 100
            channel.call("queue.declare", queue=self.name(),
                         arguments={"x-message-ttl": Typed(tag, value)})

    def test_each_checked_argument(self):
        table = {"x-expires": (10**6, 10**6 + 1), "x-message-ttl": (10**5, 10**5 + 1),
                 "x-dead-letter-exchange": ("a", "b"), "x-max-length": (5, 6),
                 "x-max-length-bytes": (500, 501), "x-max-priority": (5, 6),
                 "x-overflow": ("drop-head", "reject-publish")}
        for key, (old, new) in table.items():
            with self.subTest(key):
                name = self.name(key)
                self.ch.queue_declare(name, arguments={key: old})
                self.will_delete(name)
                self.ch.queue_declare(name, arguments={key: old})
                with self.closes_channel(406, "inequivalent arg '%s' for %s: received '%s' but"
                                              " current is '%s'" % (key, self.of_queue(name),
                                                                    new, old)):
                    self.ch.queue_declare(name, arguments={key: new})

    def test_single_active_consumer(self):
        name = self.queue(x_single_active_consumer=True)
        with self.closes_channel(406, "inequivalent arg 'x-single-active-consumer' for %s:"
                                      " received none but current is the value 'true' of type"
                                      " 'bool'" % self.of_queue(name)):
            self.queue()

    def test_dead_letter_routing_key(self):
        name = self.queue(x_dead_letter_exchange="a", x_dead_letter_routing_key="k")
        with self.closes_channel(406, "inequivalent arg 'x-dead-letter-routing-key' for %s:"
                                      " received 'l' but current is 'k'" % self.of_queue(name)):
            self.queue(x_dead_letter_exchange="a", x_dead_letter_routing_key="l")

    def test_unknown_argument_is_no_difference(self):
        self.queue(x_what_ever="a")
        self.queue()

    def test_absent_type_is_classic(self):
        self.queue(durable=True)
        self.queue(durable=True, x_queue_type="classic")

    def test_queue_type(self):
        self.queue(durable=True)
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as raised:
            self.queue(durable=True, x_queue_type="quorum")
        self.assertEqual(raised.exception.reply_code, 406)
        self.assertRegex(raised.exception.reply_text, "inequivalent arg 'x-queue-type' for .*quorum")


class InvalidArguments(ClientTest):
    def invalid(self, key, value, term, **others):
        with self.subTest("%s = %r" % (key, value)):
            channel = self.wire().channel()
            arguments = {key: value}
            arguments.update(others)
            channel.send("queue.declare", queue=self.name(), arguments=arguments)
            self.assert_closed(channel.closes(), 406, "invalid arg '%s' for %s: %s" % (
                key, self.of_queue(self.name()), term), 50, 10, wire.ChannelClosed)

    def test_expires(self):
        self.invalid("x-expires", 0, "{value_zero,0}")
        self.invalid("x-expires", -1, "{value_negative,-1}")
        self.invalid("x-expires", "100", wrong_type("longstr"))
        self.invalid("x-expires", Typed("l", 315360000001), "{value_too_large,315360000001}")

    def test_message_ttl(self):
        self.invalid("x-message-ttl", -1, "{value_negative,-1}")
        self.invalid("x-message-ttl", "100", wrong_type("longstr"))
        self.invalid("x-message-ttl", Typed("l", 2**40), "{value_too_large,%d}" % 2**40)

    def test_max_length(self):
        for key in ("x-max-length", "x-max-length-bytes"):
            self.invalid(key, -1, "{value_negative,-1}")
            self.invalid(key, "5", wrong_type("longstr"))

    def test_max_priority(self):
        self.invalid("x-max-priority", 256, "{max_value_exceeded,256}")
        self.invalid("x-max-priority", -1, "{value_negative,-1}")
        self.invalid("x-max-priority", "5", wrong_type("longstr"))

    def test_dead_letter_exchange(self):
        channel = self.wire().channel()
        channel.send("queue.declare", queue=self.name(), arguments={"x-dead-letter-exchange": 5})
        closed = channel.closes()
        self.assertEqual((closed.code, closed.class_id, closed.method_id), (406, 50, 10))
        self.assertEqual(closed.text, support.reply(
            406, "invalid type 'signedint' for arg 'x-dead-letter-exchange' in "
            + self.of_queue(self.name())))

    def test_dead_letter_routing_key(self):
        self.invalid("x-dead-letter-routing-key", "k", "routing_key_but_no_dlx_defined")
        self.invalid("x-dead-letter-routing-key", 7, "{unacceptable_type,signedint}",
                     **{"x-dead-letter-exchange": "x"})

    def test_overflow(self):
        self.invalid("x-overflow", "explode", "invalid_overflow")
        self.invalid("x-overflow", 3, "{unacceptable_type,signedint}")

    def test_single_active_consumer(self):
        self.invalid("x-single-active-consumer", "yes", "{unacceptable_type,longstr}")

    def test_queue_type(self):
        channel = self.wire().channel()
        channel.send("queue.declare", queue=self.name(), durable=True,
                     arguments={"x-queue-type": "sieve"})
        closed = channel.closes()
        self.assertEqual((closed.code, closed.class_id, closed.method_id), (406, 50, 10))
        self.assertIn("sieve", closed.text)

    def test_float_is_no_integer(self):
        self.invalid("x-message-ttl", 1.5, wrong_type("double"))

    def test_nothing_is_declared_by_a_refused_declare(self):
        self.invalid("x-expires", 0, "{value_zero,0}")
        with self.closes_channel(404, "no " + self.of_queue(self.name())):
            self.ch.queue_declare(self.name(), passive=True)


class Quorum(ClientTest):
    def refused(self, code, text, **options):
        with self.closes_channel(code, text):
            self.ch.queue_declare(arguments={"x-queue-type": "quorum"}, **options)

    def test_declare_and_use(self):
        name = self.queue(durable=True, x_queue_type="quorum", x_delivery_limit=5)
        self.queue(durable=True, x_queue_type="quorum", x_delivery_limit=5)
        self.publish(name, "x")
        self.assertEqual(self.texts(name, 1), ["x"])

    def test_must_be_durable(self):
        self.refused(406, "invalid property 'non-durable' for " + self.of_queue(self.name()),
                     queue=self.name())

    def test_must_not_be_exclusive(self):
        self.refused(406, "invalid property 'exclusive-owner' for "
                     + self.of_queue(self.name()), queue=self.name(), durable=True,
                     exclusive=True)

    def test_must_not_be_auto_delete(self):
        self.refused(406, "invalid property 'auto-delete' for "
                     + self.of_queue(self.name()), queue=self.name(), durable=True,
                     auto_delete=True)

    def test_must_have_a_name(self):
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as raised:
            self.ch.queue_declare("", durable=True, arguments={"x-queue-type": "quorum"})
        self.assertEqual(raised.exception.reply_code, 406)

    @support.bilby_only
    def test_max_priority_is_accepted(self):
        self.queue(durable=True, x_queue_type="quorum", x_max_priority=5)

    def test_delivery_limit_is_not_for_classic_queues(self):
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as raised:
            self.ch.queue_declare(self.name(), durable=True,
                                  arguments={"x-delivery-limit": 3, "x-queue-type": "classic"})
        self.assertEqual(raised.exception.reply_code, 406)
        self.assertIn("invalid arg 'x-delivery-limit' for %s of queue type rabbit_classic_queue"
                      % self.of_queue(self.name()), raised.exception.reply_text)


class Exclusive(ClientTest):
    def locked(self, name):
        return ("cannot obtain exclusive access to locked %s. It could be originally declared on"
                " another connection or the exclusive property value does not match that of the"
                " original declaration." % self.of_queue(name))

    def test_other_connections_are_locked_out(self):
        name = self.queue(exclusive=True)
        other = self.wire()
        for method, ids, values in (
                ("queue.declare", (50, 10), {"passive": True}),
                ("queue.declare", (50, 10), {"exclusive": True}),
                ("queue.bind", (50, 20), {"exchange": "amq.direct"}),
                ("queue.purge", (50, 30), {}), ("queue.delete", (50, 40), {}),
                ("basic.get", (60, 70), {}), ("basic.consume", (60, 20), {})):
            with self.subTest(method, **values):
                channel = other.channel()
                channel.send(method, queue=name, **values)
                self.assert_closed(channel.closes(), 405, self.locked(name), *ids,
                                   wire.ChannelClosed)

    def test_other_connections_may_publish(self):
        name = self.queue(exclusive=True)
        self.publish(name, "x", ch=self.connect().channel())
        self.assertEqual(self.texts(name, 1), ["x"])

    def test_other_channels_may_use_it(self):
        name = self.queue(exclusive=True)
        self.conn.channel().queue_declare(name, exclusive=True)

    def test_gone_with_the_connection(self):
        other = self.connect()
        name = other.channel().queue_declare("", exclusive=True).method.queue
        other.close()
        with self.closes_channel(404, "no " + self.of_queue(name)):
            self.ch.queue_declare(name, passive=True)

    def test_gone_with_the_socket(self):
        other = self.wire()
        name = other.channel().call("queue.declare", exclusive=True).queue
        other.close()

        def gone():
            channel = self.wire().channel()
            channel.send("queue.declare", queue=name, passive=True)
            return channel.closes().code == 404
        wait_for(gone)

    def test_gone_before_close_ok(self):
        for _ in range(20):
            other = self.wire()
            other.channel().call("queue.declare", queue=self.name(), exclusive=True)
            other.shut()

    def test_others_may_unbind_what_is_not_bound_only(self):
        name = self.queue(exclusive=True)
        other = self.wire().channel()
        binding = {"queue": name, "exchange": "amq.direct", "routing_key": "k"}
        other.call("queue.unbind", **binding)
        self.ch.queue_bind(name, "amq.direct", "k")
        other.send("queue.unbind", **binding)
        self.assert_closed(other.closes(), 405, self.locked(name), 50, 50)

    def test_durable_and_exclusive_still_goes(self):
        other = self.connect()
        name = self.queue(ch=other.channel(), durable=True, exclusive=True)
        other.close()
        with self.closes_channel(404, "no " + self.of_queue(name)):
            self.ch.queue_declare(name, passive=True)


class AutoDelete(ClientTest):
    def gone(self, name):
        def is_gone():
            channel = self.wire().channel()
            channel.send("queue.declare", queue=name, passive=True)
            return channel.closes(1).code == 404
        wait_for(is_gone)

    def there(self, name):
        self.ch.queue_declare(name, passive=True)

    def test_goes_with_the_last_consumer(self):
        name = self.queue(auto_delete=True)
        _, one = self.consume(name)
        _, two = self.consume(name)
        self.ch.basic_cancel(one)
        self.there(name)
        self.ch.basic_cancel(two)
        self.gone(name)

    def test_goes_with_the_channel_of_the_last_consumer(self):
        name = self.queue(auto_delete=True)
        channel = self.conn.channel()
        self.consume(name, ch=channel)
        channel.close()
        self.gone(name)

    def test_stays_without_ever_a_consumer(self):
        name = self.queue(auto_delete=True)
        self.publish(name, "x")
        self.get(name)
        self.connect().close()
        self.there(name)


class Delete(ClientTest):
    def test_says_how_many_messages_went(self):
        name = self.queue()
        self.publish(name, "a", "b")
        self.wait_count(name, 2)
        self.assertEqual(self.ch.queue_delete(name).method.message_count, 2)
        with self.closes_channel(404, "no " + self.of_queue(name)):
            self.ch.queue_declare(name, passive=True)

    def test_of_what_is_not_there_is_fine(self):
        self.assertEqual(self.ch.queue_delete(self.name()).method.message_count, 0)

    def test_if_empty(self):
        name = self.queue()
        self.publish(name, "a")
        self.wait_count(name, 1)
        with self.closes_channel(406, self.of_queue(name) + " not empty"):
            self.ch.queue_delete(name, if_empty=True)
        self.ch.queue_purge(name)
        self.ch.queue_delete(name, if_empty=True)

    def test_if_unused(self):
        name = self.queue()
        _, tag = self.consume(name)
        with self.closes_channel(406, self.of_queue(name) + " in use"):
            self.conn.channel().queue_delete(name, if_unused=True)
        self.ch.queue_delete(name)

    def test_if_unused_without_consumers(self):
        self.ch.queue_delete(self.queue(), if_unused=True)

    def test_bindings_go_with_it(self):
        name, exchange = self.queue(), self.exchange("direct")
        self.ch.queue_bind(name, exchange, "k")
        self.ch.queue_delete(name)
        self.ch.exchange_delete(exchange, if_unused=True)


class Bind(ClientTest):
    def test_missing_queue(self):
        with self.closes_channel(404, "no " + self.of_queue("no-such")):
            self.ch.queue_bind("no-such", "amq.direct", "k")

    def test_missing_exchange(self):
        name = self.queue()
        with self.closes_channel(404, "no " + self.of_exchange("no-such")):
            self.ch.queue_bind(name, "no-such", "k")

    def test_default_exchange(self):
        name = self.queue()
        with self.closes_channel(403, "operation not permitted on the default exchange"):
            self.ch.queue_bind(name, "", "k")
        with self.closes_channel(403, "operation not permitted on the default exchange"):
            self.ch.queue_unbind(name, "", "k")

    def test_twice_is_once(self):
        name, exchange = self.queue(), self.exchange("direct")
        self.ch.queue_bind(name, exchange, "k")
        self.ch.queue_bind(name, exchange, "k")
        self.publish("k", "x", exchange=exchange)
        self.assertEqual(self.texts(name), ["x"])
        self.ch.queue_unbind(name, exchange, "k")
        self.publish("k", "y", exchange=exchange)
        self.assertIsNone(self.get(name, wait=0.1))

    def test_arguments_make_another_binding(self):
        name, exchange = self.queue(), self.exchange("direct")
        self.ch.queue_bind(name, exchange, "k", {"a": 1})
        self.ch.queue_bind(name, exchange, "k", {"a": 2})
        self.ch.queue_unbind(name, exchange, "k", {"a": 1})
        self.publish("k", "x", exchange=exchange)
        self.assertEqual(self.texts(name, 1), ["x"])
        self.ch.queue_unbind(name, exchange, "k", {"a": 2})
        self.publish("k", "y", exchange=exchange)
        self.assertIsNone(self.get(name, wait=0.1))

    def test_unbind_what_is_not_there(self):
        self.ch.queue_unbind(self.queue(), "amq.direct", "never-bound")

    @support.bilby_only
    def test_unbind_queue_or_exchange_that_is_not_there(self):
        self.ch.queue_unbind(self.name(), "amq.direct", "k")
        self.ch.queue_unbind(self.queue(), self.name("-x"), "k")


class Purge(ClientTest):
    def test_counts_ready_messages_only(self):
        name = self.queue()
        self.publish(name, "a", "b", "c")
        self.wait_count(name, 3)
        first = self.get(name, auto_ack=False)
        self.assertEqual(self.ch.queue_purge(name).method.message_count, 2)
        self.ch.basic_nack(first.tag, requeue=True)
        self.assertEqual(self.texts(name, 1), ["a"])

    def test_missing_queue(self):
        with self.closes_channel(404, "no " + self.of_queue("no-such")):
            self.ch.queue_purge("no-such")


if __name__ == "__main__":
    unittest.main()
