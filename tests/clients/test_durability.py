# SPDX-License-Identifier: Apache-2.0
"""What a restart must keep and what it must forget: after kill -9, after SIGTERM, and what a refused start says."""
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import time
import unittest

import harness
import support
import wire


@support.own_broker
class RestartTest(unittest.TestCase):
    """A broker of the test's own, that may be killed."""

    settings = {}

    def setUp(self):
        self.clients = []
        self.broker = harness.Broker(settings=self.settings)
        self.addCleanup(self.broker.close)
        self.addCleanup(self.leave)
        self.broker.start()
        self.ch = self.channel()

    def client(self, **options):
        self.clients.append(wire.Client(self.broker.url, **options))
        return self.clients[-1]

    def leave(self):
        """Drop all clients: a stop waits for those that are there."""
        while self.clients:
            self.clients.pop().close()

    def channel(self):
        return self.client().channel()

    def kill(self):
        self.broker.restart()
        self.ch = self.channel()

    def term(self):
        self.stop()
        self.broker.start()
        self.ch = self.channel()

    def stop(self, *arguments):
        self.leave()
        self.assertEqual(self.broker.stop(*arguments), 0)

    def barrier(self):
        """Whatever self.ch did so far is on disk: a later confirm says so."""
        self.ch.call("queue.declare", queue="barrier", durable=True)
        self.publish("barrier", "x")

    def publish(self, queue, *bodies, exchange="", **properties):
        """Publish persistently and wait for the confirms."""
        channel = self.channel()
        channel.call("confirm.select")
        properties.setdefault("delivery_mode", 2)
        for body in bodies:
            channel.publish(exchange, queue, body, **properties)
        done = 0
        while done < len(bodies):
            answer = channel.expect("basic.ack", "basic.nack")
            self.assertEqual(answer.name, "basic.ack")
            done = answer.delivery_tag if answer.multiple else done + 1
        channel.client.shut()

    def there(self, kind, **values):
        channel = self.channel()
        try:
            channel.call(kind + ".declare", passive=True, **values)
        except wire.ChannelClosed as closed:
            self.assertEqual(closed.code, 404)
            return False
        return True

    def messages(self, queue, **options):
        got = []
        while True:
            message = self.ch.call("basic.get", queue=queue, no_ack=options.get("no_ack", True))
            if message.name == "basic.get-empty":
                return got
            got.append(message)

    def bodies(self, queue):
        return [message.body.decode() for message in self.messages(queue)]


class Topology(RestartTest):
    def declare_all(self):
        call = self.ch.call
        for durable in (True, False):
            tag = "durable" if durable else "transient"
            call("queue.declare", queue="q-" + tag, durable=durable)
            for kind in ("direct", "fanout", "topic", "headers"):
                call("exchange.declare", exchange="x-%s-%s" % (kind, tag), type=kind,
                     durable=durable)
        call("queue.declare", queue="q-args", durable=True, arguments={
            "x-message-ttl": 100000, "x-max-length": 7, "x-max-priority": 5,
            "x-dead-letter-exchange": "x-fanout-durable", "x-overflow": "drop-head"})
        call("queue.bind", queue="q-durable", exchange="x-direct-durable", routing_key="k")
        call("queue.bind", queue="q-durable", exchange="x-headers-durable",
             arguments={"x-match": "any", "a": 1})
        call("exchange.bind", destination="x-direct-durable", source="x-topic-durable",
             routing_key="#")
        call("exchange.declare", exchange="x-ae", type="direct", durable=True,
             arguments={"alternate-exchange": "x-fanout-durable"})
        call("queue.declare", queue="q-exclusive", durable=True, exclusive=True)

    def check(self):
        for kind in ("direct", "fanout", "topic", "headers"):
            self.assertTrue(self.there("exchange", exchange="x-%s-durable" % kind))
            self.assertFalse(self.there("exchange", exchange="x-%s-transient" % kind))
        self.assertTrue(self.there("queue", queue="q-durable"))
        self.assertFalse(self.there("queue", queue="q-transient"))
        self.assertFalse(self.there("queue", queue="q-exclusive"))
        self.publish("k", b"e2e", exchange="x-topic-durable")
        self.publish("z", b"headers", exchange="x-headers-durable", headers={"a": 1})
        self.assertEqual(self.bodies("q-durable"), ["e2e", "headers"])
        self.ch.call("queue.declare", queue="q-args", durable=True, arguments={
            "x-message-ttl": 100000, "x-max-length": 7, "x-max-priority": 5,
            "x-dead-letter-exchange": "x-fanout-durable", "x-overflow": "drop-head"})
        self.ch.call("exchange.declare", exchange="x-ae", type="direct", durable=True,
                     arguments={"alternate-exchange": "x-fanout-durable"})
        self.ch.send("queue.declare", queue="q-args", durable=True)
        self.assertEqual(self.ch.closes().code, 406)

    def test_after_kill(self):
        self.declare_all()
        self.kill()
        self.check()

    def test_after_term(self):
        self.declare_all()
        self.term()
        self.check()

    def test_deleted_things_stay_deleted(self):
        self.declare_all()
        self.ch.call("queue.delete", queue="q-durable")
        self.ch.call("exchange.delete", exchange="x-topic-durable")
        self.kill()
        self.assertFalse(self.there("queue", queue="q-durable"))
        self.assertFalse(self.there("exchange", exchange="x-topic-durable"))
        self.assertTrue(self.there("queue", queue="q-args"))

    def test_unbound_stays_unbound(self):
        self.declare_all()
        self.ch.call("queue.unbind", queue="q-durable", exchange="x-direct-durable",
                     routing_key="k")
        self.kill()
        self.publish("k", b"x", exchange="x-direct-durable")
        self.assertEqual(self.bodies("q-durable"), [])


class Messages(RestartTest):
    def setUp(self):
        super().setUp()
        self.ch.call("queue.declare", queue="q", durable=True)

    def test_confirmed_persistent_ones_survive_in_order(self):
        bodies = [str(i) for i in range(500)]
        self.publish("q", *bodies)
        self.kill()
        self.assertEqual(self.bodies("q"), bodies)

    def test_twice_killed(self):
        self.publish("q", "a", "b")
        self.kill()
        self.publish("q", "c")
        self.kill()
        self.assertEqual(self.bodies("q"), ["a", "b", "c"])

    def test_transient_ones_are_gone(self):
        self.publish("q", "t", delivery_mode=1)
        self.publish("q", "p")
        self.kill()
        self.assertEqual(self.bodies("q"), ["p"])

    def test_acknowledged_ones_are_gone(self):
        self.publish("q", *"abcdef")
        for _ in range(3):
            got = self.ch.call("basic.get", queue="q")
            self.ch.send("basic.ack", delivery_tag=got.delivery_tag)
        self.barrier()
        self.kill()
        self.assertEqual(self.bodies("q"), ["d", "e", "f"])

    def test_unacknowledged_ones_are_back_and_redelivered(self):
        self.publish("q", "a", "b", "c")
        self.ch.call("basic.get", queue="q")
        self.ch.call("basic.get", queue="q")
        time.sleep(0.1)
        self.kill()
        got = self.messages("q")
        self.assertEqual([m.body for m in got], [b"a", b"b", b"c"])
        self.assertEqual([m.redelivered for m in got[:2]], [True, True])

    def test_everything_about_a_message(self):
        properties = dict(content_type="a/b", content_encoding="c", headers={"x": [1, {"y": 2}]},
                          priority=4, correlation_id="co", reply_to="r", message_id="m",
                          timestamp=123, type="ty", user_id="guest", app_id="ap")
        body = os.urandom(300000)
        self.publish("q", body, **properties)
        self.kill()
        got = self.messages("q")[0]
        self.assertEqual(got.body, body)
        self.assertEqual(got.properties, dict(properties, delivery_mode=2))
        self.assertEqual((got.exchange, got.routing_key), ("", "q"))

    def test_priorities(self):
        self.ch.call("queue.declare", queue="p", durable=True, arguments={"x-max-priority": 5})
        for priority in (1, 5, 3, 5, 0):
            self.publish("p", str(priority), priority=priority)
        self.kill()
        self.assertEqual(self.bodies("p"), ["5", "5", "3", "1", "0"])

    def test_expiry_goes_on_during_the_outage(self):
        self.publish("q", "short", expiration="400")
        self.publish("q", "long", expiration="60000")
        self.broker.kill()
        time.sleep(0.6)
        self.broker.start()
        self.ch = self.channel()
        time.sleep(0.2)
        self.assertEqual(self.bodies("q"), ["long"])

    def test_requeued_ones_keep_their_place(self):
        self.publish("q", *"abcd")
        got = [self.ch.call("basic.get", queue="q") for _ in range(3)]
        self.ch.send("basic.nack", delivery_tag=got[1].delivery_tag, requeue=True)
        self.ch.call("basic.qos", prefetch_count=1)
        self.kill()
        self.assertEqual(self.bodies("q"), ["a", "b", "c", "d"])

    def test_dead_letters(self):
        self.ch.call("queue.declare", queue="dead", durable=True)
        self.ch.call("queue.declare", queue="src", durable=True, arguments={
            "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
        self.publish("src", *[str(i) for i in range(50)])
        for _ in range(25):
            got = self.ch.call("basic.get", queue="src")
            self.ch.send("basic.nack", delivery_tag=got.delivery_tag, requeue=False)
        self.barrier()
        self.kill()
        dead = self.messages("dead")
        self.assertEqual([m.body.decode() for m in dead], [str(i) for i in range(25)])
        for message in dead:
            death = message.properties["headers"]["x-death"][0]
            self.assertEqual((death["queue"], death["reason"], death["count"]),
                             ("src", "rejected", 1))
        self.assertEqual(self.bodies("src"), [str(i) for i in range(25, 50)])

    def test_bcc_keys(self):
        """Nobody sees them, and they are there when the message dies after the restart."""
        for queue, arguments in (("src", {"x-dead-letter-exchange": "dlx"}), ("hidden", {})):
            self.ch.call("queue.declare", queue=queue, durable=True, arguments=arguments)
        self.ch.call("exchange.declare", exchange="dlx", type="direct", durable=True)
        self.ch.call("queue.bind", queue="hidden", exchange="dlx", routing_key="bcc")
        self.publish("src", b"x" * 100, headers={"BCC": ["nobody", "bcc"], "other": 1})
        self.ch.call("queue.purge", queue="hidden")
        self.kill()
        got = self.ch.call("basic.get", queue="src")
        self.assertEqual((got.properties["headers"], got.body), ({"other": 1}, b"x" * 100))
        self.ch.send("basic.nack", delivery_tag=got.delivery_tag, requeue=False)
        self.barrier()
        self.kill()
        (message,) = self.messages("hidden")
        self.assertEqual((message.body, message.routing_key), (b"x" * 100, "src"))
        self.assertNotIn("BCC", message.properties["headers"])
        self.assertEqual(message.properties["headers"]["x-death"][0]["routing-keys"], ["src"])

    def test_delivery_count_of_a_quorum_queue(self):
        self.ch.call("queue.declare", queue="quorum", durable=True,
                     arguments={"x-queue-type": "quorum", "x-delivery-limit": 10})
        self.publish("quorum", "x")
        for _ in range(3):
            got = self.ch.call("basic.get", queue="quorum")
            self.ch.send("basic.reject", delivery_tag=got.delivery_tag, requeue=True)
        self.barrier()
        self.kill()
        got = self.messages("quorum")[0]
        self.assertGreaterEqual(got.properties["headers"]["x-delivery-count"], 3)

    def test_purged_ones_stay_away(self):
        self.publish("q", "a", "b")
        self.ch.call("queue.purge", queue="q")
        self.publish("q", "c")  # confirmed, so the purge is on disk
        self.kill()
        self.assertEqual(self.bodies("q"), ["c"])

    def test_graceful_stop_keeps_the_unconfirmed_too(self):
        for index in range(2000):
            self.ch.publish("", "q", b"%d" % index, delivery_mode=2)
        self.ch.call("basic.qos", prefetch_count=1)
        self.term()
        self.assertEqual(self.bodies("q"), [str(i) for i in range(2000)])

    def test_many_in_a_long_queue(self):
        bodies = [b"%06d" % i + b"x" * 1000 for i in range(20000)]
        self.publish("q", *bodies)
        self.kill()
        if harness.is_plain():
            self.assertLess(self.broker.cpu_seconds(), 3)
        self.ch.call("basic.consume", queue="q", no_ack=True)
        self.assertEqual([self.ch.deliver().body for _ in bodies], bodies)

    def test_a_queue_expiry_starts_again(self):
        self.ch.call("queue.declare", queue="e", durable=True, arguments={"x-expires": 700})
        self.kill()
        self.assertTrue(self.there("queue", queue="e"))
        time.sleep(1.5)
        self.assertFalse(self.there("queue", queue="e"))


class Stop(RestartTest):
    def test_term_says_goodbye(self):
        self.leave()
        client = self.client()
        client.channel()
        self.broker.process.send_signal(signal.SIGTERM)
        closed = client.wait_close()
        self.assertIsInstance(closed, wire.ConnectionClosed)
        self.assertEqual((closed.code, closed.text), (320, support.reply(
            320, "broker forced connection closure with reason 'shutdown'")))
        self.assertEqual(self.broker.process.wait(wire.PATIENCE), 0)
        self.broker.process = None

    @support.slow
    def test_term_with_a_client_that_does_not_answer(self):
        client = self.client()
        client.channel()
        self.assertEqual(self.broker.stop(), 0)

    def test_interrupt_stops_too(self):
        self.stop(signal.SIGINT)

    def test_starts_fast_and_small(self):
        if harness.is_plain():
            self.assertLess(self.broker.cpu_seconds(), 1)
            self.assertLess(self.broker.rss_bytes(), 40 << 20)


class RefusedStart(RestartTest):
    def start_fails(self, *arguments):
        process = subprocess.run(self.broker.command() + list(arguments), timeout=wire.PATIENCE,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, check=False)
        self.assertNotEqual(process.returncode, 0)
        self.assertGreater(process.returncode, 0, "it must exit, not crash")
        return process.stdout.decode(errors="replace")

    def test_second_broker_on_the_same_directory(self):
        self.start_fails("--set", "listeners.tcp.1=127.0.0.1:%d" % harness.free_port(),
                         "--set", "management.tcp.port=%d" % harness.free_port())
        self.assertTrue(self.there("exchange", exchange="amq.direct"))

    def test_port_in_use(self):
        self.stop()
        taken = socket.socket()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", self.broker.port))
        taken.listen()
        self.addCleanup(taken.close)
        self.assertIn(str(self.broker.port), self.start_fails())

    def test_damaged_database_is_not_recreated(self):
        self.ch.call("queue.declare", queue="q", durable=True)
        self.stop()
        files = self.databases()
        self.assertTrue(files)
        for path in files:
            kept = path.read_bytes()
            with self.subTest(path.name):
                path.write_bytes(b"not a database at all" * 500)
                said = self.start_fails()
                self.assertIn(path.name, said)
                self.assertEqual(path.read_bytes(), b"not a database at all" * 500)
            path.write_bytes(kept)
        self.broker.start()
        self.assertTrue(self.there("queue", queue="q"))

    def databases(self):
        return [path for path in pathlib.Path(self.broker.data).rglob("*")
                if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"]

    def test_newer_database_is_left_alone(self):
        self.ch.call("queue.declare", queue="q", durable=True)
        self.stop()
        for path in self.databases():
            with self.subTest(path.name):
                self.set_version(path, 99)
                self.assertIn("99", self.start_fails())
                self.set_version(path, self.version)
        self.broker.start()
        self.assertTrue(self.there("queue", queue="q"))

    def set_version(self, path, number):
        connection = sqlite3.connect(path)
        self.version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute("PRAGMA user_version = %d" % number)
        connection.commit()
        connection.close()

    def test_queues_can_be_queried_while_it_runs(self):
        self.ch.call("queue.declare", queue="q", durable=True)
        self.publish("q", "a", "b", "c")
        counts = []
        for path in self.databases():
            connection = sqlite3.connect(path.as_uri() + "?mode=ro", uri=True)
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
            if "messages" in tables:
                counts.append(connection.execute("SELECT count(*) FROM messages").fetchone()[0])
            connection.close()
        self.assertEqual(sum(counts), 3)
        self.publish("q", "d")  # reading did not get in the way

    def test_unknown_key(self):
        self.stop()
        self.assertIn("no.such.key", self.start_fails("--set", "no.such.key=1"))

    def test_unwritable_directory(self):
        self.stop()
        self.broker.data = pathlib.Path("/proc/nowhere")
        self.start_fails()


if __name__ == "__main__":
    unittest.main()
