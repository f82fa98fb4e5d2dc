# SPDX-License-Identifier: Apache-2.0
"""Declaring, deleting and binding exchanges: what is allowed, what is refused and how."""
import unittest

import support
import wire
from support import ClientTest


class Declare(ClientTest):
    def test_every_type(self):
        for kind in ("direct", "fanout", "topic", "headers"):
            self.exchange(kind, "-" + kind)
            self.exchange(kind, "-" + kind)  # again, the same

    def test_predeclared(self):
        for name in ("amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match",
                     "amq.rabbitmq.trace"):
            self.ch.exchange_declare(name, passive=True)

    def test_redeclaring_a_predeclared_one_alike(self):
        self.ch.exchange_declare("amq.direct", "direct", durable=True)
        self.ch.exchange_declare("amq.match", "headers", durable=True)

    def test_unknown_type(self):
        client = self.wire()
        client.channel().send("exchange.declare", exchange=self.name(), type="no-such-type")
        self.assert_closed(client.wait_close(), 503, "unknown exchange type 'no-such-type'",
                           40, 10, wire.ConnectionClosed)

    def raw(self, name, **values):
        channel = self.wire().channel()
        channel.send(name, **values)
        return channel.closes()

    def test_passive_of_what_is_not_there(self):
        name = self.name()
        closed = self.raw("exchange.declare", exchange=name, type="direct", passive=True)
        self.assert_closed(closed, 404, "no " + self.of_exchange(name), 40, 10,
                           wire.ChannelClosed)

    def test_passive_does_not_look_at_the_rest(self):
        name = self.exchange("fanout", durable=True)
        self.ch.exchange_declare(name, "direct", passive=True, auto_delete=True)

    def test_reserved_prefix(self):
        closed = self.raw("exchange.declare", exchange="amq.mine", type="direct")
        self.assert_closed(closed, 403, "exchange name 'amq.mine' contains reserved prefix"
                                        " 'amq.*'", 40, 10, wire.ChannelClosed)

    def test_the_default_exchange(self):
        for passive in (False, True):
            closed = self.raw("exchange.declare", exchange="", type="direct", durable=True,
                              passive=passive)
            self.assert_closed(closed, 403, "operation not permitted on the default exchange",
                               40, 10, wire.ChannelClosed)

    def inequivalent(self, argument, received, current, kind="direct", **options):
        text = "inequivalent arg '%s' for %s: received %s but current is %s" % (
            argument, self.of_exchange(self.name("-x")), received, current)
        with self.closes_channel(406, text):
            self.exchange(kind, **options)

    def test_inequivalent_type(self):
        self.exchange("direct")
        self.inequivalent("type", "'fanout'", "'direct'", kind="fanout")

    def test_inequivalent_durable(self):
        self.exchange("direct", durable=True)
        self.inequivalent("durable", "'false'", "'true'")

    def test_inequivalent_auto_delete(self):
        self.exchange("direct")
        self.inequivalent("auto_delete", "'true'", "'false'", auto_delete=True)

    def test_inequivalent_internal(self):
        self.exchange("direct")
        self.inequivalent("internal", "'true'", "'false'", internal=True)

    def test_inequivalent_type_comes_first(self):
        self.exchange("direct", durable=True)
        self.inequivalent("type", "'topic'", "'direct'", kind="topic", auto_delete=True)

    def test_inequivalent_alternate_exchange(self):
        self.exchange("direct", arguments={"alternate-exchange": "a"})
        self.inequivalent("alternate-exchange", "'b'", "'a'",
                          arguments={"alternate-exchange": "b"})

    def test_inequivalent_alternate_exchange_of_another_type(self):
        self.exchange("direct", arguments={"alternate-exchange": "a"})
        self.inequivalent("alternate-exchange", "'5'", "'a'", arguments={"alternate-exchange": 5})

    def test_inequivalent_alternate_exchange_absent(self):
        self.exchange("direct", arguments={"alternate-exchange": "a"})
        self.inequivalent("alternate-exchange", "none", "the value 'a' of type 'longstr'")

    def test_inequivalent_alternate_exchange_new(self):
        self.exchange("direct")
        self.inequivalent("alternate-exchange", "the value 'a' of type 'longstr'", "none",
                          arguments={"alternate-exchange": "a"})

    def test_alternate_exchange_of_wrong_type(self):
        closed = self.raw("exchange.declare", exchange=self.name(), type="direct",
                          arguments={"alternate-exchange": 5})
        self.assertEqual((closed.code, closed.class_id, closed.method_id), (406, 40, 10))
        self.assertEqual(closed.text, support.reply(
            406, "invalid type 'signedint' for arg 'alternate-exchange' in "
            + self.of_exchange(self.name())))

    def test_line_breaks_are_stripped_from_names(self):
        name = self.name()
        self.ch.exchange_declare("\r\n" + name + "\n", "fanout")
        self.will_delete(exchange=name)
        self.ch.exchange_declare(name, passive=True)

    def test_no_wait(self):
        channel = self.wire().channel()
        name = self.name()
        self.will_delete(exchange=name)
        channel.send("exchange.declare", exchange=name, type="fanout", nowait=True)
        channel.call("exchange.declare", exchange=name, type="fanout", passive=True)
        channel.send("exchange.delete", exchange=name, nowait=True)
        channel.send("exchange.declare", exchange=name, type="fanout", passive=True)
        self.assertEqual(channel.closes().code, 404)

    def test_unknown_arguments_are_kept_quiet(self):
        name = self.exchange("direct", arguments={"x-something": "else"})
        self.ch.exchange_declare(name, "direct")

    def test_longest_name(self):
        name = (self.name() + "x" * 255)[:255]
        self.ch.exchange_declare(name, "direct")
        self.will_delete(exchange=name)
        queue = self.queue()
        self.ch.queue_bind(queue, name, "k" * 255)
        self.publish("k" * 255, "x", exchange=name)
        self.assertEqual(self.texts(queue, 1), ["x"])


class Delete(ClientTest):
    def test_delete(self):
        name = self.exchange("direct")
        self.ch.exchange_delete(name)
        with self.closes_channel(404, "no " + self.of_exchange(name)):
            self.ch.exchange_declare(name, passive=True)

    def test_delete_of_what_is_not_there_is_fine(self):
        self.ch.exchange_delete(self.name())

    def test_delete_of_a_system_exchange(self):
        with self.closes_channel(403, "deletion of system exchange 'amq.direct' in vhost '%s' not"
                                      " allowed" % support.VHOST):
            self.ch.exchange_delete("amq.direct")

    def test_delete_of_the_default_exchange(self):
        with self.closes_channel(403, "operation not permitted on the default exchange"):
            self.ch.exchange_delete("")

    def test_if_unused(self):
        name, queue = self.exchange("direct"), self.queue()
        self.ch.queue_bind(queue, name, "k")
        with self.closes_channel(406, self.of_exchange(name) + " in use"):
            self.ch.exchange_delete(name, if_unused=True)
        self.ch.queue_unbind(queue, name, "k")
        self.ch.exchange_delete(name, if_unused=True)

    def test_bindings_go_with_it(self):
        name, queue = self.exchange("direct"), self.queue()
        self.ch.queue_bind(queue, name, "k")
        self.ch.exchange_delete(name)
        self.exchange("direct")
        self.publish("k", "x", exchange=name)
        self.assertIsNone(self.get(queue, wait=0.1))

    def test_auto_delete_with_the_last_binding(self):
        name = self.exchange("direct", auto_delete=True)
        one, two = self.queue("1"), self.queue("2")
        self.ch.queue_bind(one, name, "k")
        self.ch.queue_bind(two, name, "k")
        self.ch.queue_unbind(one, name, "k")
        self.ch.exchange_declare(name, passive=True)
        self.ch.queue_delete(two)
        with self.closes_channel(404, "no " + self.of_exchange(name)):
            self.ch.exchange_declare(name, passive=True)

    def test_auto_delete_not_before_the_first_binding(self):
        name = self.exchange("direct", auto_delete=True)
        self.ch.exchange_declare(name, passive=True)

    def test_auto_delete_with_the_last_exchange_binding(self):
        source, target = self.exchange("direct", "-s", auto_delete=True), self.exchange("direct")
        self.ch.exchange_bind(target, source, "k")
        self.ch.exchange_unbind(target, source, "k")
        with self.closes_channel(404, "no " + self.of_exchange(source)):
            self.ch.exchange_declare(source, passive=True)


class Bind(ClientTest):
    def test_missing_source(self):
        target = self.exchange("fanout")
        with self.closes_channel(404, "no " + self.of_exchange("no-such")):
            self.ch.exchange_bind(target, "no-such", "k")

    def test_missing_destination(self):
        source = self.exchange("fanout")
        with self.closes_channel(404, "no " + self.of_exchange("no-such")):
            self.ch.exchange_bind("no-such", source, "k")

    def test_default_exchange_cannot_be_bound(self):
        target = self.exchange("fanout")
        for destination, source in ((target, ""), ("", target)):
            with self.closes_channel(403, "operation not permitted on the default exchange"):
                self.ch.exchange_bind(destination, source, "k")

    def test_unbind_what_is_not_there(self):
        one, two = self.exchange("direct", "1"), self.exchange("direct", "2")
        self.ch.exchange_unbind(one, two, "never")

    @support.bilby_only
    def test_unbind_exchanges_that_are_not_there(self):
        self.ch.exchange_unbind(self.name("a"), self.name("b"), "never")

    def test_unbind_ok_is_51(self):
        channel = self.wire().channel()
        one, two = self.exchange("direct", "1"), self.exchange("direct", "2")
        channel.call("exchange.bind", destination=one, source=two, routing_key="k")
        channel.call("exchange.unbind", destination=one, source=two, routing_key="k")


if __name__ == "__main__":
    unittest.main()
