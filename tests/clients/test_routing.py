# SPDX-License-Identifier: Apache-2.0
"""Where messages go: every exchange type, exchange-to-exchange bindings, alternates, CC and BCC."""
import random
import unittest

import pika

import support
import wire
from support import ClientTest
from wire import Typed


class Direct(ClientTest):
    def test_exact_key(self):
        exchange, one, two = self.exchange("direct"), self.queue("1"), self.queue("2")
        self.ch.queue_bind(one, exchange, "a")
        self.ch.queue_bind(two, exchange, "a")
        self.ch.queue_bind(two, exchange, "b")
        for key in ("a", "b", "A", "", "a.b", "*", "#"):
            self.publish(key, key, exchange=exchange)
        self.assertEqual(self.texts(one, 1), ["a"])
        self.assertEqual(self.texts(two), ["a", "b"])
        self.assertEqual(self.texts(one), [])

    def test_empty_key(self):
        exchange, queue = self.exchange("direct"), self.queue()
        self.ch.queue_bind(queue, exchange, "")
        self.publish("", "x", exchange=exchange)
        self.assertEqual(self.texts(queue, 1), ["x"])

    def test_default_exchange_by_queue_name(self):
        queue = self.queue()
        self.publish(queue, "x")
        message = self.drain(queue, 1)[0]
        self.assertEqual((message.exchange, message.routing_key), ("", queue))

    def test_order_is_kept(self):
        queue = self.queue()
        bodies = [str(i) for i in range(500)]
        self.publish(queue, *bodies)
        self.assertEqual(self.texts(queue, 500), bodies)


class Fanout(ClientTest):
    def test_all_get_it_whatever_the_key(self):
        exchange = self.exchange("fanout")
        queues = [self.queue(str(i)) for i in range(5)]
        for queue in queues:
            self.ch.queue_bind(queue, exchange, "ignored")
        self.publish("some.key", "x", exchange=exchange)
        for queue in queues:
            self.assertEqual(self.texts(queue, 1), ["x"])

    def test_twice_bound_once_delivered(self):
        exchange, queue = self.exchange("fanout"), self.queue()
        for key in "abc":
            self.ch.queue_bind(queue, exchange, key)
        self.publish("", "x", exchange=exchange)
        self.wait_count(queue, 1)
        self.assertEqual(self.texts(queue), ["x"])


def topic_matches(pattern, key):
    """The rule, said slowly: * is one word, # any number of words."""
    def match(p, k):
        if not p:
            return not k
        if p[0] == "#":
            return any(match(p[1:], k[i:]) for i in range(len(k) + 1))
        return bool(k) and p[0] in ("*", k[0]) and match(p[1:], k[1:])
    return match(words(pattern), words(key))


def words(key):
    """The empty key has no words at all, not one empty word."""
    return key.split(".") if key else []


class Topic(ClientTest):
    KEYS = ["", "a", "b", "a.b", "a.b.c", "a.b.c.d", "..", ".", "a.", ".a", "a..b", "a.b.b.c",
            "b.b.b", "x.a.b", "c", "a.c", "a.b.a.b", "#", "*", "a.#", "a.*"]
    PATTERNS = ["", "a", "#", "*", "*.*", "#.#", "a.#", "#.a", "*.a", "a.*", "a.*.c", "a.#.c",
                "#.b.#", "*.#", "#.*", "*.*.*", "a.#.b.#", "#.#.#", "..", ".", "*.", ".*",
                "a..b", "#.a.#.b.#", "a.b", "a.b.c"]

    def check(self, patterns, keys):
        exchange = self.exchange("topic")
        queues = {}
        for index, pattern in enumerate(patterns):
            queues[pattern] = self.queue(str(index))
            self.ch.queue_bind(queues[pattern], exchange, pattern)
        confirming = self.conn.channel()
        confirming.confirm_delivery()
        for key in keys:
            self.publish(key, key, exchange=exchange, ch=confirming)
        for pattern, queue in queues.items():
            self.assertEqual(self.texts(queue, idle=0), [k for k in keys if topic_matches(pattern, k)],
                             "binding key %r" % pattern)

    def test_table(self):
        self.check(self.PATTERNS, self.KEYS)

    def test_many_random_patterns(self):
        generator = random.Random(7)
        word = lambda: generator.choice(["a", "b", "c", "*", "#", "*", "d"])
        patterns = {".".join(word() for _ in range(generator.randint(1, 5))) for _ in range(60)}
        keys = [".".join(generator.choice("abcd") for _ in range(generator.randint(1, 5)))
                for _ in range(60)]
        self.check(sorted(patterns), keys)

    def test_overlapping_bindings_deliver_once(self):
        exchange, queue = self.exchange("topic"), self.queue()
        for pattern in ("#", "*.*", "a.*", "a.b", "a.#", "#.b"):
            self.ch.queue_bind(queue, exchange, pattern)
        self.publish("a.b", "x", exchange=exchange)
        self.wait_count(queue, 1)
        self.assertEqual(self.texts(queue), ["x"])

    def test_unbinding_one_of_several(self):
        exchange, queue = self.exchange("topic"), self.queue()
        for pattern in ("a.*", "a.b", "#.b"):
            self.ch.queue_bind(queue, exchange, pattern)
        self.ch.queue_unbind(queue, exchange, "a.*")
        self.publish("a.c", "no", exchange=exchange)
        self.publish("a.b", "yes", exchange=exchange)
        self.publish("x.b", "too", exchange=exchange)
        self.assertEqual(self.texts(queue, 2), ["yes", "too"])

    def test_longest_key(self):
        exchange, queue = self.exchange("topic"), self.queue()
        key = ".".join(["w"] * 128)[:255]
        self.ch.queue_bind(queue, exchange, "#." + "w." * 20 + "w")
        self.publish(key, "x", exchange=exchange)
        self.assertEqual(self.texts(queue, 1), ["x"])

    @support.bilby_only
    def test_a_dozen_hashes_do_not_stall(self):
        exchange, queue = self.exchange("topic"), self.queue()
        self.ch.queue_bind(queue, exchange, ".".join(["#", "a"] * 12) + ".#.b")
        for _ in range(20):
            self.publish(".".join(["a"] * 120), "no", exchange=exchange)
        self.publish(".".join(["a"] * 120) + ".b", "yes", exchange=exchange)
        self.assertEqual(self.texts(queue, 1), ["yes"])


class Headers(ClientTest):
    def bound(self, arguments):
        queue = self.queue(str(len(self._queues)))
        channel = self.wire().channel()
        channel.call("queue.bind", queue=queue, exchange="amq.headers", arguments=arguments)
        return queue

    def routed(self, queue, headers):
        channel = self.wire().channel()
        channel.call("confirm.select")
        channel.publish("amq.headers", "", b"x", headers=headers)
        channel.expect("basic.ack")
        return self.get(queue, wait=0) is not None

    def check(self, binding, yes=(), no=()):
        queue = self.bound(binding)
        for headers in yes:
            self.assertTrue(self.routed(queue, headers), (binding, headers))
        for headers in no:
            self.assertFalse(self.routed(queue, headers), (binding, headers))
        self.ch.queue_delete(queue)

    def test_all_is_the_default(self):
        self.check({"a": 1, "b": "two"},
                   [{"a": 1, "b": "two"}, {"a": 1, "b": "two", "c": 3}],
                   [{"a": 1}, {"b": "two"}, {"a": 1, "b": "TWO"}, {}, {"a": 2, "b": "two"}])

    def test_all(self):
        self.check({"x-match": "all", "a": 1, "b": "two"}, [{"a": 1, "b": "two"}], [{"a": 1}])

    def test_any(self):
        self.check({"x-match": "any", "a": 1, "b": "two"},
                   [{"a": 1}, {"b": "two"}, {"a": 1, "b": "x"}, {"a": 2, "b": "two"}],
                   [{}, {"a": 2}, {"c": 1}])

    def test_no_conditions(self):
        self.check({"x-match": "all"}, [{}, {"a": 1}])
        self.check({}, [{}, {"a": 1}])
        self.check({"x-match": "any"}, [], [{}, {"a": 1}])

    def test_void_means_presence(self):
        self.check({"a": None}, [{"a": 1}, {"a": "x"}, {"a": None}], [{}, {"b": 1}])
        self.check({"a": None, "x-match": "any"}, [{"a": 1}], [{}, {"b": 1}])

    def test_x_keys_are_ignored(self):
        self.check({"x-foo": 1, "a": 1}, [{"a": 1}, {"a": 1, "x-foo": 2}], [{"x-foo": 1}])

    def test_message_without_headers(self):
        queue = self.bound({"a": 1})
        self.publish("", "x", exchange="amq.headers")
        self.assertIsNone(self.get(queue, wait=0.1))

    def test_all_with_x(self):
        try:
            self.check({"x-match": "all-with-x", "x-test": self.prefix, "x-foo": 1},
                       [{"x-foo": 1, "x-test": self.prefix}],
                       [{"x-foo": 2, "x-test": self.prefix}, {}])
        except wire.ChannelClosed:
            self.skipTest("older than RabbitMQ 3.11")

    def test_any_with_x(self):
        try:
            self.check({"x-match": "any-with-x", "x-foo": 1, "a": 1},
                       [{"x-foo": 1}, {"a": 1}], [{"x-foo": 2}])
        except wire.ChannelClosed:
            self.skipTest("older than RabbitMQ 3.11")

    def test_type_matters_between_string_and_number(self):
        self.check({"a": "1"}, [{"a": "1"}], [{"a": 1}, {"a": True}])

    def test_width_of_integers_matters_not(self):
        self.check({"a": Typed("I", 5)}, [{"a": Typed("I", 5)}, {"a": Typed("l", 5)},
                                          {"a": Typed("b", 5)}])

    def test_bool(self):
        self.check({"a": True}, [{"a": True}], [{"a": False}, {"a": 1}])

    def test_invalid_x_match(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.send("queue.bind", queue=queue, exchange="amq.headers",
                     arguments={"x-match": "some"})
        closed = channel.closes()
        self.assertEqual((closed.code, closed.class_id, closed.method_id), (406, 50, 20))
        self.assertIn("Invalid x-match field value", closed.text)
        self.assertIn("some", closed.text)

    def test_invalid_x_match_type(self):
        queue = self.queue()
        channel = self.wire().channel()
        channel.send("queue.bind", queue=queue, exchange="amq.headers",
                     arguments={"x-match": 1})
        closed = channel.closes()
        self.assertEqual((closed.code, closed.class_id, closed.method_id), (406, 50, 20))
        self.assertIn("Invalid x-match field type", closed.text)


class ExchangeToExchange(ClientTest):
    def test_through_three(self):
        a, b, c = (self.exchange(kind, kind) for kind in ("direct", "topic", "fanout"))
        queue = self.queue()
        self.ch.exchange_bind(b, a, "k.1")
        self.ch.exchange_bind(c, b, "k.*")
        self.ch.queue_bind(queue, c, "")
        self.publish("k.1", "x", exchange=a)
        self.publish("k.2", "y", exchange=a)
        message = self.drain(queue)[0]
        self.assertEqual((message.text, message.exchange, message.routing_key), ("x", a, "k.1"))
        self.assertEqual(self.texts(queue), [])

    def test_cycle_delivers_once(self):
        a, b = self.exchange("fanout", "a"), self.exchange("fanout", "b")
        queue = self.queue()
        self.ch.exchange_bind(b, a)
        self.ch.exchange_bind(a, b)
        self.ch.exchange_bind(a, a)
        self.ch.queue_bind(queue, a)
        self.ch.queue_bind(queue, b)
        self.publish("", "x", exchange=a)
        self.publish("", "y", exchange=b)
        self.wait_count(queue, 2)
        self.assertEqual(self.texts(queue), ["x", "y"])

    def test_many_paths_deliver_once(self):
        top, queue = self.exchange("fanout", "top"), self.queue()
        for index in range(10):
            middle = self.exchange("fanout", "m%d" % index)
            self.ch.exchange_bind(middle, top)
            self.ch.queue_bind(queue, middle)
        self.publish("", "x", exchange=top)
        self.wait_count(queue, 1)
        self.assertEqual(self.texts(queue), ["x"])

    def test_unbind(self):
        a, b, queue = self.exchange("fanout", "a"), self.exchange("fanout", "b"), self.queue()
        self.ch.exchange_bind(b, a)
        self.ch.queue_bind(queue, b)
        self.ch.exchange_unbind(b, a)
        self.publish("", "x", exchange=a)
        self.assertIsNone(self.get(queue, wait=0.1))

    def test_deleting_the_middle(self):
        a, b, queue = self.exchange("fanout", "a"), self.exchange("fanout", "b"), self.queue()
        self.ch.exchange_bind(b, a)
        self.ch.queue_bind(queue, b)
        self.ch.exchange_delete(b)
        self.publish("", "x", exchange=a)
        self.assertIsNone(self.get(queue, wait=0.1))
        self.ch.exchange_delete(a, if_unused=True)


class Alternate(ClientTest):
    def test_unroutable_goes_there(self):
        other = self.exchange("fanout", "ae")
        exchange = self.exchange("direct", arguments={"alternate-exchange": other})
        queue, stray = self.queue("1"), self.queue("2")
        self.ch.queue_bind(queue, exchange, "k")
        self.ch.queue_bind(stray, other)
        self.publish("k", "routed", exchange=exchange)
        self.publish("l", "stray", exchange=exchange)
        self.assertEqual(self.texts(queue, 1), ["routed"])
        message = self.drain(stray, 1)[0]
        self.assertEqual((message.text, message.exchange, message.routing_key),
                         ("stray", exchange, "l"))

    def test_of_the_alternate(self):
        last = self.exchange("fanout", "last")
        middle = self.exchange("direct", "mid", arguments={"alternate-exchange": last})
        first = self.exchange("direct", "first", arguments={"alternate-exchange": middle})
        queue = self.queue()
        self.ch.queue_bind(queue, last)
        self.publish("k", "x", exchange=first)
        self.assertEqual(self.texts(queue, 1), ["x"])

    def test_circle_of_alternates(self):
        a, b = self.name("a"), self.name("b")
        self.exchange("direct", "a", arguments={"alternate-exchange": b})
        self.exchange("direct", "b", arguments={"alternate-exchange": a})
        self.publish("k", "x", exchange=a)
        self.queue()

    def test_missing_alternate(self):
        exchange = self.exchange("direct", arguments={"alternate-exchange": self.name("none")})
        self.ch.confirm_delivery()
        with self.assertRaises(pika.exceptions.UnroutableError):
            self.ch.basic_publish(exchange, "k", b"x", mandatory=True)

    def test_counts_as_routed_for_mandatory(self):
        other = self.exchange("fanout", "ae")
        exchange = self.exchange("direct", arguments={"alternate-exchange": other})
        self.ch.queue_bind(self.queue(), other)
        self.ch.confirm_delivery()
        self.ch.basic_publish(exchange, "k", b"x", mandatory=True)


class Internal(ClientTest):
    def test_cannot_publish(self):
        exchange = self.exchange("fanout", internal=True)
        with self.closes_channel(403, "cannot publish to internal %s"
                                 % self.of_exchange(exchange)):
            self.publish("", "x", exchange=exchange)
            self.ch.queue_declare("", exclusive=True)

    def test_can_be_bound_to(self):
        inner, outer = self.exchange("fanout", "in", internal=True), self.exchange("fanout")
        queue = self.queue()
        self.ch.exchange_bind(inner, outer)
        self.ch.queue_bind(queue, inner)
        self.publish("", "x", exchange=outer)
        self.assertEqual(self.texts(queue, 1), ["x"])


class CarbonCopies(ClientTest):
    def test_cc_and_bcc(self):
        one, two, three = self.queue("1"), self.queue("2"), self.queue("3")
        self.publish(one, "x", headers={"CC": [two], "BCC": [three], "other": 1})
        for queue in (one, two, three):
            message = self.drain(queue, 1)[0]
            self.assertEqual(message.headers, {"CC": [two], "other": 1})
            self.assertEqual(message.routing_key, one)

    def test_at_most_once_per_queue(self):
        one = self.queue("1")
        self.publish(one, "x", headers={"CC": [one, one], "BCC": [one]})
        self.wait_count(one, 1)
        self.assertEqual(self.texts(one), ["x"])

    def test_on_a_topic_exchange(self):
        exchange, queue = self.exchange("topic"), self.queue()
        self.ch.queue_bind(queue, exchange, "a.*")
        self.publish("b", "x", exchange=exchange, headers={"CC": ["a.b", "a.c"]})
        self.wait_count(queue, 1)
        self.assertEqual(self.texts(queue), ["x"])

    def test_what_is_no_string_is_no_key(self):
        one, two = self.queue(), self.queue()
        self.publish("nowhere", "x", headers={"CC": [5, one, True], "BCC": [None, two]})
        self.wait_count(one, 1)
        self.wait_count(two, 1)
        headers = self.ch.basic_get(one, auto_ack=True)[1].headers
        self.assertEqual(headers, {"CC": [5, one, True]})

    def test_wrong_type(self):
        for header in ("CC", "BCC"):
            with self.closes_channel(406, 'invalid message: {unacceptable_type_in_header,"%s",'
                                          'longstr}' % header):
                self.publish("x", "x", headers={header: "not an array"})
                self.ch.queue_declare("", exclusive=True)


if __name__ == "__main__":
    unittest.main()
