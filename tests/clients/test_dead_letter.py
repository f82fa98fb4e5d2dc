# SPDX-License-Identifier: Apache-2.0
"""Dead-lettering: every reason, every header it leaves, cycles, and where the letters go."""
import time
import unittest

import support
import wire
from support import ClientTest
from wire import Typed


class DeadLetterTest(ClientTest):
    """A source queue with a dead-letter exchange (fanout) and a queue behind it."""

    def dead_queue(self, suffix="-dead"):
        return self.queue(suffix)

    def source(self, suffix="", **arguments):
        return self.queue(suffix, x_dead_letter_exchange="",
                          x_dead_letter_routing_key=self.name("-dead"), **arguments)

    def reject(self, queue, how="nack"):
        message = self.get(queue, auto_ack=False)
        self.assertIsNotNone(message, "nothing to reject in " + queue)
        if how == "nack":
            self.ch.basic_nack(message.tag, requeue=False)
        else:
            self.ch.basic_reject(message.tag, requeue=False)

    def deaths(self, message):
        return [(d["queue"], d["reason"], d["count"]) for d in message.headers["x-death"]]


class Reasons(DeadLetterTest):
    def test_nacked(self):
        dead, queue = self.dead_queue(), self.source()
        self.publish(queue, "x")
        self.reject(queue)
        self.assertEqual(self.deaths(self.drain(dead, 1)[0]), [(queue, "rejected", 1)])

    def test_rejected(self):
        dead, queue = self.dead_queue(), self.source()
        self.publish(queue, "x")
        self.reject(queue, "reject")
        self.assertEqual(self.deaths(self.drain(dead, 1)[0]), [(queue, "rejected", 1)])

    def test_nacked_multiple(self):
        dead, queue = self.dead_queue(), self.source()
        self.publish(queue, *"abc")
        self.wait_count(queue, 3)
        got = self.drain(queue, 3, auto_ack=False)
        self.ch.basic_nack(got[-1].tag, multiple=True, requeue=False)
        self.assertEqual(self.texts(dead, 3), ["a", "b", "c"])

    def test_expired_by_the_queue(self):
        dead, queue = self.dead_queue(), self.source(x_message_ttl=100)
        self.publish(queue, "x")
        message = self.drain(dead, 1)[0]
        self.assertEqual(self.deaths(message), [(queue, "expired", 1)])
        self.assertNotIn("original-expiration", message.headers["x-death"][0])

    def test_expired_by_itself(self):
        dead, queue = self.dead_queue(), self.source()
        self.publish(queue, "x", expiration="100")
        message = self.drain(dead, 1)[0]
        self.assertEqual(self.deaths(message), [(queue, "expired", 1)])
        self.assertEqual(message.headers["x-death"][0]["original-expiration"], "100")
        self.assertIsNone(message.properties.expiration)

    def test_max_length(self):
        dead, queue = self.dead_queue(), self.source(x_max_length=1)
        self.publish(queue, "a", "b")
        message = self.drain(dead, 1)[0]
        self.assertEqual((message.text, self.deaths(message)), ("a", [(queue, "maxlen", 1)]))

    def test_reject_publish_dlx(self):
        dead = self.dead_queue()
        queue = self.source(x_max_length=1, x_overflow="reject-publish-dlx")
        channel = self.wire().channel()
        channel.call("confirm.select")
        names = []
        for body in (b"a", b"b", b"c", b"d"):
            channel.publish("", queue, body)
            names.append(channel.expect("basic.ack", "basic.nack").name)
        self.assertEqual(names[-1], "basic.nack")
        letters = self.drain(dead, names.count("basic.nack"))
        self.assertEqual(letters[-1].text, "d")
        self.assertEqual(self.deaths(letters[-1]), [(queue, "maxlen", 1)])

    def test_not_by_purge_delete_or_ack(self):
        dead, queue = self.dead_queue(), self.source()
        self.publish(queue, "a", "b")
        self.wait_count(queue, 2)
        self.get(queue)
        self.ch.queue_purge(queue)
        self.publish(queue, "c")
        self.wait_count(queue, 1)
        self.ch.queue_delete(queue)
        self.assertIsNone(self.get(dead, wait=0.2))

    def test_expired_in_order(self):
        dead, queue = self.dead_queue(), self.source(x_message_ttl=200)
        self.publish(queue, *[str(i) for i in range(100)])
        self.wait_count(dead, 100)
        self.assertEqual(self.texts(dead, 100), [str(i) for i in range(100)])


class Headers(DeadLetterTest):
    def test_exact_table(self):
        dead, queue = self.dead_queue(), self.source()
        began = int(time.time())
        self.publish(queue, "body", content_type="text/x", delivery_mode=2, correlation_id="c",
                     headers={"mine": 5}, expiration="60000")
        self.reject(queue)
        channel = self.wire().channel()
        self.wait_count(dead, 1)
        got = channel.call("basic.get", queue=dead, no_ack=True)
        _, properties = wire.decode_header(got.raw_header, typed=True)
        self.assertEqual((got.body, got.exchange, got.routing_key), (b"body", "", dead))
        headers = properties.pop("headers")
        self.assertEqual(properties, {"content_type": "text/x", "delivery_mode": 2,
                                      "correlation_id": "c"})
        death = headers.pop("x-death")
        self.assertEqual(headers, {
            "mine": headers.get("mine"), "x-first-death-queue": Typed("S", queue),
            "x-first-death-reason": Typed("S", "rejected"),
            "x-first-death-exchange": Typed("S", ""), **self.last_death(headers, queue)})
        self.assertEqual(headers["mine"].value, 5)
        self.assertEqual((death.tag, len(death.value), death.value[0].tag), ("A", 1, "F"))
        table = dict(death.value[0].value)
        moment = table.pop("time")
        self.assertEqual(moment.tag, "T")
        self.assertTrue(began - 1 <= moment.value <= time.time() + 1)
        self.assertEqual(table, {
            "count": Typed("l", 1), "reason": Typed("S", "rejected"), "queue": Typed("S", queue),
            "exchange": Typed("S", ""), "original-expiration": Typed("S", "60000"),
            "routing-keys": Typed("A", [Typed("S", queue)])})

    def last_death(self, headers, queue):
        """x-last-death-* came with RabbitMQ 3.13."""
        if support.harness.is_external() and "x-last-death-queue" not in headers:
            return {}
        return {"x-last-death-queue": Typed("S", queue),
                "x-last-death-reason": Typed("S", "rejected"),
                "x-last-death-exchange": Typed("S", "")}

    def test_counts_and_order_of_deaths(self):
        dead = self.queue("-dead", x_dead_letter_exchange="",
                          x_dead_letter_routing_key=self.name())
        queue = self.source()
        self.publish(queue, "x")
        for round_number in range(1, 4):
            self.reject(queue)
            message = self.get(dead, auto_ack=False)
            want = [(queue, "rejected", round_number)]
            if round_number > 1:
                want.append((dead, "rejected", round_number - 1))
            self.assertEqual(self.deaths(message), want)
            self.ch.basic_nack(message.tag, requeue=False)
            self.wait_count(queue, 1)
        headers = self.get(queue).headers
        self.assertEqual((headers["x-first-death-queue"], headers["x-first-death-reason"]),
                         (queue, "rejected"))
        self.assertEqual([(d["queue"], d["count"]) for d in headers["x-death"]],
                         [(dead, 3), (queue, 3)])

    @support.bilby_only
    def test_last_death_changes(self):
        dead = self.queue("-dead", x_dead_letter_exchange="",
                          x_dead_letter_routing_key=self.name())
        queue = self.source()
        self.publish(queue, "x")
        self.reject(queue)
        self.reject(dead)
        headers = self.drain(queue, 1)[0].headers
        self.assertEqual((headers["x-first-death-queue"], headers["x-last-death-queue"]),
                         (queue, dead))

    def test_two_reasons_in_one_queue_are_two_entries(self):
        dead = self.dead_queue()
        queue = self.source(x_message_ttl=400)
        self.publish(queue, "x")
        self.reject(queue)
        message = self.drain(dead, 1)[0]
        self.ch.basic_publish("", queue, message.body, message.properties)
        message = self.drain(dead, 1)[0]
        self.assertEqual(self.deaths(message), [(queue, "expired", 1), (queue, "rejected", 1)])

    def test_time_is_that_of_the_first(self):
        dead, queue = self.dead_queue(), self.source()
        self.publish(queue, "x")
        self.reject(queue)
        first = self.drain(dead, 1)[0]
        time.sleep(1.1)
        self.ch.basic_publish("", queue, first.body, first.properties)
        self.reject(queue)
        second = self.drain(dead, 1)[0]
        self.assertEqual(second.headers["x-death"][0]["count"], 2)
        self.assertEqual(second.headers["x-death"][0]["time"], first.headers["x-death"][0]["time"])

    def test_published_x_death_is_counted_on(self):
        dead, queue = self.dead_queue(), self.source()
        self.publish(queue, "x")
        for count in range(1, 5):
            self.reject(queue)
            message = self.drain(dead, 1)[0]
            self.assertEqual(self.deaths(message), [(queue, "rejected", count)])
            self.ch.basic_publish("", queue, message.body, message.properties)
        self.get(queue)

    def test_nonsense_in_a_published_x_death(self):
        for value in ("text", 5, [], ["text"], [{"queue": 5}], [{}], {"queue": "x"}, None):
            with self.subTest(value=value):
                dead = self.dead_queue()
                queue = self.source()
                self.publish(queue, "x", headers={"x-death": value})
                self.reject(queue)
                try:
                    message = self.get(dead, wait=1)
                except Exception:  # what the library does with such headers is its business
                    continue
                if support.harness.is_external():
                    break
                self.assertIsNotNone(message)

    def test_exchange_and_keys_of_the_publish(self):
        exchange = self.exchange("topic")
        dead, queue = self.dead_queue(), self.source()
        self.ch.queue_bind(queue, exchange, "a.*")
        self.publish("a.b", "x", exchange=exchange)
        self.reject(queue)
        message = self.drain(dead, 1)[0]
        death = message.headers["x-death"][0]
        self.assertEqual((death["exchange"], death["routing-keys"]), (exchange, ["a.b"]))
        self.assertEqual(message.headers["x-first-death-exchange"], exchange)

    def test_routing_keys_have_cc_but_not_bcc(self):
        dead, queue = self.dead_queue(), self.source()
        self.publish(queue, "x", headers={"CC": ["cc1", "cc2"], "BCC": ["bcc"]})
        self.reject(queue)
        message = self.drain(dead, 1)[0]
        self.assertEqual(message.headers["x-death"][0]["routing-keys"], [queue, "cc1", "cc2"])


class Routes(DeadLetterTest):
    def test_keeps_the_routing_key(self):
        dlx, dead = self.exchange("direct", "-dlx"), self.queue("-dead")
        queue = self.queue(x_dead_letter_exchange=dlx)
        self.ch.queue_bind(dead, dlx, queue)
        self.publish(queue, "x")
        self.reject(queue)
        message = self.drain(dead, 1)[0]
        self.assertEqual((message.exchange, message.routing_key), (dlx, queue))

    def test_own_routing_key(self):
        dlx, dead = self.exchange("direct", "-dlx"), self.queue("-dead")
        queue = self.queue(x_dead_letter_exchange=dlx, x_dead_letter_routing_key="other")
        self.ch.queue_bind(dead, dlx, "other")
        self.publish(queue, "x")
        self.reject(queue)
        self.assertEqual(self.drain(dead, 1)[0].routing_key, "other")

    def test_cc_keys_are_used_again(self):
        dlx, dead = self.exchange("direct", "-dlx"), self.queue("-dead")
        queue = self.queue(x_dead_letter_exchange=dlx)
        self.ch.queue_bind(dead, dlx, "copy")
        self.publish(queue, "x", headers={"CC": ["copy"]})
        self.reject(queue)
        message = self.drain(dead, 1)[0]
        self.assertEqual(message.headers["CC"], ["copy"])

    def test_own_routing_key_ends_cc(self):
        dlx, dead, copy = self.exchange("direct", "-dlx"), self.queue("-dead"), self.queue("-cc")
        queue = self.queue(x_dead_letter_exchange=dlx, x_dead_letter_routing_key="only")
        self.ch.queue_bind(dead, dlx, "only")
        self.ch.queue_bind(copy, dlx, "copy")
        self.publish(queue, "x", headers={"CC": ["copy"]})
        self.reject(queue)
        message = self.drain(dead, 1)[0]
        self.assertNotIn("CC", message.headers)
        self.assertIsNone(self.get(copy, wait=0.1))

    def test_bcc_keys_are_used_again(self):
        dlx, dead, hidden = self.exchange("direct", "-dlx"), self.queue("-dead"), self.queue("-bcc")
        queue = self.queue(x_dead_letter_exchange=dlx)
        self.ch.queue_bind(dead, dlx, queue)
        self.ch.queue_bind(hidden, dlx, "hidden")
        self.publish(queue, "x", headers={"BCC": ["hidden"], "CC": ["copy"]})
        self.reject(queue)
        for target in (dead, hidden):
            message = self.drain(target, 1)[0]
            self.assertEqual(message.routing_key, queue)
            self.assertNotIn("BCC", message.headers)
            self.assertEqual(message.headers["CC"], ["copy"])
            self.assertEqual(message.headers["x-death"][0]["routing-keys"], [queue, "copy"])

    def test_bcc_keys_last_through_several_deaths(self):
        dlx, dead = self.exchange("direct", "-dlx"), self.queue("-dead")
        second = self.queue("-2", x_dead_letter_exchange=dlx)
        first = self.queue("-1", x_dead_letter_exchange=dlx)
        self.ch.queue_bind(second, dlx, first)
        self.ch.queue_bind(dead, dlx, "hidden")
        self.publish(first, "x", headers={"BCC": ["hidden"]})
        self.reject(first)
        self.drain(dead, 1)
        self.reject(second)
        message = self.drain(dead, 1)[0]
        self.assertEqual(self.deaths(message), [(second, "rejected", 1), (first, "rejected", 1)])
        self.assertEqual([death["routing-keys"] for death in message.headers["x-death"]],
                         [[first], [first]])

    def test_own_routing_key_ends_bcc(self):
        dlx, dead, hidden = self.exchange("direct", "-dlx"), self.queue("-dead"), self.queue("-bcc")
        second = self.queue("-2", x_dead_letter_exchange=dlx)
        first = self.queue(x_dead_letter_exchange=dlx, x_dead_letter_routing_key="only")
        self.ch.queue_bind(second, dlx, "only")
        self.ch.queue_bind(dead, dlx, "only")
        self.ch.queue_bind(hidden, dlx, "hidden")
        self.publish(first, "x", headers={"BCC": ["hidden"]})
        self.reject(first)
        self.assertEqual(self.texts(dead, 1), ["x"])
        self.reject(second)
        self.assertEqual(self.texts(dead, 1), ["x"])
        self.assertIsNone(self.get(hidden, wait=0.1))

    def test_missing_exchange_is_silence(self):
        queue = self.queue(x_dead_letter_exchange=self.name("-none"))
        self.publish(queue, "a", "b")
        self.reject(queue)
        self.assertEqual(self.texts(queue, 1), ["b"])

    def test_to_several_queues(self):
        dlx = self.exchange("fanout", "-dlx")
        targets = [self.queue("-t%d" % i) for i in range(3)]
        for target in targets:
            self.ch.queue_bind(target, dlx)
        queue = self.queue(x_dead_letter_exchange=dlx)
        self.publish(queue, "x")
        self.reject(queue)
        for target in targets:
            self.assertEqual(self.texts(target, 1), ["x"])

    def test_chain(self):
        third = self.queue("-3")
        second = self.queue("-2", x_message_ttl=50, x_dead_letter_exchange="",
                            x_dead_letter_routing_key=third)
        first = self.queue("-1", x_message_ttl=50, x_dead_letter_exchange="",
                           x_dead_letter_routing_key=second)
        self.publish(first, "x")
        message = self.drain(third, 1)[0]
        self.assertEqual(self.deaths(message), [(second, "expired", 1), (first, "expired", 1)])
        self.assertEqual(message.headers["x-first-death-queue"], first)

    def test_through_the_alternate_exchange(self):
        other, dead = self.exchange("fanout", "-ae"), self.queue("-dead")
        dlx = self.exchange("direct", "-dlx", arguments={"alternate-exchange": other})
        self.ch.queue_bind(dead, other)
        queue = self.queue(x_dead_letter_exchange=dlx)
        self.publish(queue, "x")
        self.reject(queue)
        self.assertEqual(self.texts(dead, 1), ["x"])


class Cycles(DeadLetterTest):
    def test_expiry_into_itself_ends(self):
        queue = self.queue(x_message_ttl=50, x_dead_letter_exchange="")
        self.publish(queue, "x")
        self.wait_count(queue, 0)
        self.assertIsNone(self.get(queue, wait=0.2))

    def test_expiry_round_two_queues_ends(self):
        one = self.queue("1", x_message_ttl=50, x_dead_letter_exchange="",
                         x_dead_letter_routing_key=self.name("2"))
        two = self.queue("2", x_message_ttl=50, x_dead_letter_exchange="",
                         x_dead_letter_routing_key=self.name("1"))
        self.publish(one, "x")
        support.wait_for(lambda: (self.count(one)[0], self.count(two)[0]) == (0, 0))
        time.sleep(0.2)
        self.assertEqual((self.count(one)[0], self.count(two)[0]), (0, 0))

    def test_a_rejection_in_the_circle_keeps_it_going(self):
        work = self.queue("work", x_dead_letter_exchange="",
                          x_dead_letter_routing_key=self.name("wait"))
        wait = self.queue("wait", x_message_ttl=50, x_dead_letter_exchange="",
                          x_dead_letter_routing_key=work)
        self.publish(work, "x")
        for attempt in range(1, 5):
            message = self.get(work, auto_ack=False)
            self.assertIsNotNone(message, "attempt %d" % attempt)
            if attempt > 1:
                self.assertEqual(self.deaths(message), [(wait, "expired", attempt - 1),
                                                        (work, "rejected", attempt - 1)])
            self.ch.basic_nack(message.tag, requeue=False)

    def test_rejection_into_itself_goes_on(self):
        queue = self.queue(x_dead_letter_exchange="")
        self.publish(queue, "x")
        for count in range(1, 4):
            self.reject(queue)
            self.wait_count(queue, 1)
        self.assertEqual(self.deaths(self.get(queue)), [(queue, "rejected", count)])

    def test_maxlen_into_itself_ends(self):
        queue = self.queue(x_max_length=1, x_dead_letter_exchange="")
        self.publish(queue, "a", "b")
        time.sleep(0.2)
        self.assertEqual(self.texts(queue), ["b"])


class DeliveryLimit(DeadLetterTest):
    def quorum(self, **arguments):
        return self.source(x_queue_type="quorum", **arguments)

    def source(self, suffix="", **arguments):
        return self.queue(suffix, durable=True, x_dead_letter_exchange="",
                          x_dead_letter_routing_key=self.name("-dead"), **arguments)

    def test_counts_deliveries(self):
        queue = self.quorum(x_delivery_limit=10)
        self.publish(queue, "x")
        for attempt in range(4):
            message = self.get(queue, auto_ack=False)
            self.assertEqual(message.headers.get("x-delivery-count", 0), attempt)
            self.ch.basic_reject(message.tag, requeue=True)
        self.get(queue)

    def test_past_the_limit_it_is_dead(self):
        dead, queue = self.dead_queue(), self.quorum(x_delivery_limit=2)
        self.publish(queue, "x")
        for _ in range(3):
            message = self.get(queue, auto_ack=False)
            self.assertIsNotNone(message)
            self.ch.basic_reject(message.tag, requeue=True)
        letter = self.drain(dead, 1)[0]
        self.assertEqual(self.deaths(letter), [(queue, "delivery_limit", 1)])
        self.assertIsNone(self.get(queue, wait=0.1))

    def test_without_dead_letter_exchange_it_is_dropped(self):
        queue = self.queue(durable=True, x_queue_type="quorum", x_delivery_limit=1)
        self.publish(queue, "x")
        for _ in range(2):
            self.ch.basic_reject(self.get(queue, auto_ack=False).tag, requeue=True)
        self.assertIsNone(self.get(queue, wait=0.2))

    def test_rejection_in_a_quorum_queue(self):
        dead, queue = self.dead_queue(), self.quorum()
        self.publish(queue, "x")
        self.reject(queue)
        self.assertEqual(self.deaths(self.drain(dead, 1)[0]), [(queue, "rejected", 1)])

    def test_lost_consumers_count_too(self):
        dead, queue = self.dead_queue(), self.quorum(x_delivery_limit=1)
        self.publish(queue, "x")
        for _ in range(2):
            channel = self.wire().channel()
            channel.call("basic.consume", queue=queue)
            channel.deliver()
            channel.client.close()
        self.assertEqual(self.deaths(self.drain(dead, 1)[0]),
                         [(queue, "delivery_limit", 1)])


if __name__ == "__main__":
    unittest.main()
