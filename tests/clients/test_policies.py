# SPDX-License-Identifier: Apache-2.0
"""Policies set over HTTP while clients are at work: what changes for queues and exchanges, at once and after a restart."""
import base64
import json
import os
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import pika

import harness
import support
import wire
from support import ClientTest, wait_for

ADMINISTRATOR = "Basic " + base64.b64encode(b"guest:guest").decode()


class Api:
    """The management port, asked as guest."""

    def __init__(self, url):
        self.url = url

    def ask(self, method, path, body=None):
        """(status, document)"""
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Authorization": ADMINISTRATOR},
            data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=support.PATIENCE) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text else None

    def policy(self, name, pattern, definition, kind="policies", **options):
        status, answer = self.ask("PUT", "/api/%s/%%2F/%s" % (kind, urllib.parse.quote(name)),
                                  {"pattern": pattern, "definition": definition, **options})
        assert status in (201, 204), answer

    def clear(self, name, kind="policies"):
        return self.ask("DELETE", "/api/%s/%%2F/%s" % (kind, urllib.parse.quote(name)))[0]


@unittest.skipUnless(os.environ.get("MANAGEMENT_URL"), "needs MANAGEMENT_URL")
class PolicyTest(ClientTest):
    def setUp(self):
        super().setUp()
        self.api = Api(os.environ["MANAGEMENT_URL"])
        self.pattern = "^" + self.prefix

    def policy(self, definition, suffix="", **options):
        """A policy for the objects of this test, gone after it."""
        name = self.name(suffix)
        self.api.policy(name, options.pop("pattern", self.pattern), definition, **options)
        self.addCleanup(self.api.clear, name, options.get("kind", "policies"))
        return name

    def shows(self, queue, policy):
        return self.api.ask("GET", "/api/queues/%2F/" + queue)[1].get("policy") == policy


class Length(PolicyTest):
    def test_lower_limit_drops_at_once(self):
        queue = self.queue()
        self.publish(queue, "a", "b", "c")
        self.policy({"max-length": 1})
        self.wait_count(queue, 1)
        self.assertEqual(self.texts(queue, 1), ["c"])

    def test_limit_goes_with_the_policy(self):
        queue = self.queue()
        name = self.policy({"max-length": 1})
        self.publish(queue, "a", "b")
        self.wait_count(queue, 1)
        self.assertEqual(self.api.clear(name), 204)
        self.publish(queue, "c", "d")
        self.wait_count(queue, 3)

    def test_new_queues_have_it(self):
        self.policy({"max-length": 2})
        queue = self.queue()
        self.publish(queue, "a", "b", "c")
        self.wait_count(queue, 2)

    def test_stricter_of_argument_policy_and_operator(self):
        queue = self.queue(x_max_length=4)
        self.policy({"max-length": 6})
        self.publish(queue, *"abcdefg")
        self.wait_count(queue, 4)
        self.policy({"max-length": 3}, kind="operator-policies", **{"apply-to": "queues"})
        self.wait_count(queue, 3)
        self.policy({"max-length": 2})
        self.wait_count(queue, 2)

    def test_rejecting_keeps_what_is_there(self):
        queue = self.queue()
        self.policy({"overflow": "reject-publish"})
        self.publish(queue, "a", "b")
        self.policy({"max-length": 1, "overflow": "reject-publish"})
        self.ch.confirm_delivery()
        with self.assertRaises(pika.exceptions.NackError):
            self.publish(queue, "c")
        self.assertEqual(self.texts(queue, 2), ["a", "b"])

    def test_dropped_ones_are_dead_lettered(self):
        queue, dead = self.queue(), self.queue("!dead")
        self.publish(queue, "a", "b")
        self.policy({"max-length": 1, "dead-letter-exchange": "",
                     "dead-letter-routing-key": dead}, pattern=self.pattern + "$")
        self.wait_count(dead, 1)
        self.assertEqual(self.texts(dead, 1), ["a"])

    def test_redeclaring_is_not_affected(self):
        queue = self.queue()
        self.policy({"max-length": 1})
        self.assertEqual(self.queue(), queue)


class Time(PolicyTest):
    def test_ttl_is_for_messages_to_come(self):
        queue = self.queue()
        self.publish(queue, "early")
        self.policy({"message-ttl": 100})
        self.assertEqual(self.texts(queue, 1), ["early"])
        self.publish(queue, "late")
        self.wait_count(queue, 0)

    def test_ttl_and_argument(self):
        queue = self.queue(x_message_ttl=60000)
        self.policy({"message-ttl": 100})
        self.publish(queue, "a")
        self.wait_count(queue, 0)

    def test_expires(self):
        queue = self.queue()
        self.policy({"expires": 200})
        with self.assertRaises(pika.exceptions.ChannelClosedByBroker):
            for _ in range(5):
                time.sleep(0.6)
                self.ch.queue_declare(queue, passive=True)
        self.reopen()

    def test_no_expiry_when_it_goes(self):
        queue = self.queue()
        name = self.policy({"expires": 400})
        self.api.clear(name)
        time.sleep(0.8)
        self.assertEqual(self.count(queue)[0], 0)


class Routing(PolicyTest):
    def test_alternate_exchange(self):
        exchange, lost = self.exchange(), self.queue("!lost")
        other = self.exchange("fanout", "!ae")
        self.ch.queue_bind(lost, other)
        self.publish("nowhere", "one", exchange=exchange)
        name = self.policy({"alternate-exchange": other}, pattern=self.pattern + "-x$",
                           **{"apply-to": "exchanges"})
        self.publish("nowhere", "two", exchange=exchange)
        self.wait_count(lost, 1)
        self.api.clear(name)
        self.publish("nowhere", "three", exchange=exchange)
        self.assertEqual(self.texts(lost), ["two"])

    def test_dead_letter_exchange(self):
        queue, dead = self.queue(), self.queue("!dead")
        self.policy({"dead-letter-exchange": "", "dead-letter-routing-key": dead},
                    pattern=self.pattern + "$")
        self.publish(queue, "a")
        message = self.get(queue, auto_ack=False)
        self.ch.basic_reject(message.method.delivery_tag, requeue=False)
        self.assertEqual(self.texts(dead, 1), ["a"])


class Choice(PolicyTest):
    def test_highest_priority(self):
        queue = self.queue()
        self.publish(queue, *"abcde")
        self.policy({"max-length": 4}, "-1", priority=1)
        self.wait_count(queue, 4)
        high = self.policy({"max-length": 2}, "-9", priority=9)
        self.wait_count(queue, 2)
        self.assertEqual(self.api.clear(high), 204)
        self.publish(queue, *"fgh")
        self.wait_count(queue, 4)

    def test_listing(self):
        queue = self.queue()
        name = self.policy({"max-length": 4, "message-ttl": 60000})
        operator = self.policy({"max-length": 3}, kind="operator-policies", **{"apply-to": "queues"})
        wait_for(lambda: self.shows(queue, name), 10)
        shown = self.api.ask("GET", "/api/queues/%2F/" + queue)[1]
        self.assertEqual(shown["operator_policy"], operator)
        self.assertEqual(shown["effective_policy_definition"],
                         {"max-length": 3, "message-ttl": 60000})

    def test_refusals(self):
        status, answer = self.api.ask("PUT", "/api/policies/%2F/x",
                                      {"pattern": "a", "definition": {"max-length": -1}})
        self.assertEqual((status, answer["error"], answer["reason"]),
                         (400, "bad_request", "Validation failed\n\n-1 is not a valid maximum length\n"))
        self.assertEqual(self.api.clear("never-was"), 404)


@support.own_broker
class Restart(unittest.TestCase):
    def test_policies_are_there_before_messages(self):
        with_policies = harness.Broker()
        self.addCleanup(with_policies.close)
        with_policies.start()
        api = Api(with_policies.management_url)
        api.policy("p", "^q", {"max-length": 2})
        api.policy("o", "^q", {"max-length": 1}, kind="operator-policies")
        client = wire.Client(with_policies.url)
        channel = client.channel()
        channel.call("queue.declare", queue="q", durable=True)
        client.close()
        with_policies.restart()
        client = wire.Client(with_policies.url)
        self.addCleanup(client.close)
        channel = client.channel()
        for body in (b"a", b"b", b"c"):
            channel.publish("", "q", body)
        self.assertEqual(
            channel.call("queue.declare", queue="q", passive=True).message_count, 1)
        shown = api.ask("GET", "/api/queues/%2F/q")[1]
        self.assertEqual((shown["policy"], shown["operator_policy"]), ("p", "o"))
        self.assertEqual(api.clear("o", "operator-policies"), 204)
        for body in (b"d", b"e"):
            channel.publish("", "q", body)
        self.assertEqual(
            channel.call("queue.declare", queue="q", passive=True).message_count, 2)
