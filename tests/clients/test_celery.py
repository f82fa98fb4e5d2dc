# SPDX-License-Identifier: Apache-2.0
"""A real celery worker over amqp:// with rpc:// results, and kombu by itself."""
import datetime
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

import celery
import kombu
import kombu.pools

import celery_app
import support

TIMEOUT = 60


class Worker:
    """A celery worker process with a queue of its own."""

    def __init__(self, **environment):
        self.log = pathlib.Path(tempfile.mkstemp(prefix="bilby-celery-", suffix=".log")[1])
        self.queue = "celery-%s" % uuid.uuid4().hex[:8]
        celery_app.app.conf.task_default_queue = self.queue
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-c", "2", "-n",
                 "%s@%%h" % self.queue, "-l", "INFO"], cwd=str(pathlib.Path(__file__).parent),
                stdout=log, stderr=log, start_new_session=True,
                env=dict(os.environ, AMQP_URL=support.URL, C_FORCE_ROOT="1",
                         CELERY_QUEUE=self.queue, **environment))
        support.wait_for(lambda: "ready." in self.said() or self.process.poll() is not None, 40,
                         "the worker's ready")

    def said(self):
        return self.log.read_text(errors="replace")

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        print(self.said()[-2000:])
        self.log.unlink()
        with kombu.Connection(support.URL) as connection:
            connection.channel().queue_delete(self.queue)


class Tasks(unittest.TestCase):
    seconds = 300

    @classmethod
    def setUpClass(cls):
        cls.worker = Worker()
        cls.addClassCleanup(cls.worker.close)

    def test_a_thousand_tasks(self):
        results = [celery_app.add.delay(i, i) for i in range(1000)]
        self.assertEqual([r.get(timeout=TIMEOUT) for r in results], [2 * i for i in range(1000)])

    def test_group(self):
        result = celery.group(celery_app.add.s(i, 1) for i in range(50))()
        self.assertEqual(result.get(timeout=TIMEOUT), list(range(1, 51)))

    def test_chain(self):
        result = (celery_app.add.s(1, 2) | celery_app.add.s(10) | celery_app.add.s(100))()
        self.assertEqual(result.get(timeout=TIMEOUT), 113)

    def test_retries(self):
        result = celery_app.stubborn.delay(3)
        self.assertEqual(result.get(timeout=TIMEOUT), 3)

    def test_retries_run_out(self):
        result = celery_app.stubborn.delay(99)
        with self.assertRaises(celery.exceptions.MaxRetriesExceededError):
            result.get(timeout=TIMEOUT)

    def test_exception_comes_back(self):
        with self.assertRaisesRegex(ValueError, "on purpose"):
            celery_app.fails.delay().get(timeout=TIMEOUT)

    def test_countdown(self):
        began = time.time()
        done = celery_app.moment.apply_async(countdown=2).get(timeout=TIMEOUT)
        self.assertTrue(1.9 <= done - began <= 6, done - began)

    def test_eta(self):
        eta = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
        done = celery_app.moment.apply_async(eta=eta).get(timeout=TIMEOUT)
        self.assertGreaterEqual(done, eta.timestamp() - 0.1)

    def test_late_acknowledgement(self):
        results = [celery_app.late.delay(i) for i in range(100)]
        self.assertEqual([r.get(timeout=TIMEOUT) for r in results], list(range(100)))

    def test_ping_and_inspect(self):
        inspect = celery_app.app.control.inspect(timeout=3)
        self.assertTrue(inspect.ping())
        self.assertIn("celery_app.add", str(inspect.registered()))

    def test_revoke(self):
        result = celery_app.add.apply_async((1, 1), countdown=3)
        time.sleep(0.5)
        result.revoke()
        with self.assertRaises(celery.exceptions.TaskRevokedError):
            result.get(timeout=TIMEOUT)

    def test_priorities_of_tasks(self):
        results = [celery_app.add.apply_async((i, 0), priority=i % 10) for i in range(50)]
        self.assertEqual([r.get(timeout=TIMEOUT) for r in results], list(range(50)))


class Chords(unittest.TestCase):
    """Celery refuses chords with rpc:// results, so theirs are kept in files; the tasks go over AMQP."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="bilby-celery-")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.backend = "file://" + folder
        cls.worker = Worker(CELERY_BACKEND=cls.backend)
        cls.addClassCleanup(cls.worker.close)

    def setUp(self):
        self.app = celery.Celery("celery_app", broker=support.URL, backend=self.backend)
        self.app.conf.task_default_queue = self.worker.queue
        self.addCleanup(self.app.close)

    def task(self, name, *arguments):
        return self.app.signature("celery_app." + name, arguments)

    def test_chord(self):
        result = celery.chord([self.task("add", i, i) for i in range(20)],
                              app=self.app)(self.task("total"))
        self.assertEqual(result.get(timeout=TIMEOUT), 380)

    def test_chord_in_a_chain(self):
        chord = celery.chord([self.task("add", i, 1) for i in range(5)], self.task("total"),
                             app=self.app)
        result = (chord | self.task("add", 100)).apply_async()
        self.assertEqual(result.get(timeout=TIMEOUT), 115)

    def test_rpc_results_know_no_chords(self):
        with self.assertRaises(NotImplementedError):
            celery.chord([celery_app.add.s(1, 1)] * 2)(celery_app.total.s())


class Kombu(unittest.TestCase):
    def setUp(self):
        self.connection = kombu.Connection(support.URL)
        self.addCleanup(self.connection.release)
        self.name = "kombu-%s" % uuid.uuid4().hex[:8]

    def delete(self, queue):
        """Close the consumer first: it would be told of the deletion."""
        queue.close()
        self.connection.channel().queue_delete(self.name)

    def test_simple_queue(self):
        queue = self.connection.SimpleQueue(self.name)
        for index in range(20):
            queue.put({"index": index}, serializer="json", compression="zlib")
        for index in range(20):
            message = queue.get(timeout=5)
            self.assertEqual(message.payload, {"index": index})
            message.ack()
        self.assertEqual(queue.qsize(), 0)
        self.delete(queue)

    def test_producer_and_consumer(self):
        exchange = kombu.Exchange(self.name, "topic", durable=False, auto_delete=True)
        queue = kombu.Queue(self.name, exchange, "a.#", durable=False, auto_delete=True,
                            max_priority=5, message_ttl=30)
        got = []
        with self.connection.Producer() as producer, self.connection.Consumer(
                queue, callbacks=[lambda body, message: (got.append(body), message.ack())]):
            for key in ("a.b", "b.a", "a"):
                producer.publish({"key": key}, exchange=exchange, routing_key=key,
                                 declare=[queue], retry=True)
            while len(got) < 2:
                self.connection.drain_events(timeout=5)
        self.assertEqual(got, [{"key": "a.b"}, {"key": "a"}])

    def test_heartbeat(self):
        connection = kombu.Connection(support.URL, heartbeat=2)
        connection.connect()
        for _ in range(4):
            time.sleep(0.5)
            connection.heartbeat_check()
            try:
                connection.drain_events(timeout=0.1)
            except socket.timeout:
                pass
        self.assertTrue(connection.connected)
        connection.release()

    def test_confirm_publish(self):
        connection = kombu.Connection(support.URL, transport_options={"confirm_publish": True})
        queue = connection.SimpleQueue(self.name)
        for index in range(50):
            queue.put(index)
        self.assertEqual(queue.qsize(), 50)
        self.delete(queue)
        connection.release()

    def test_passive_declare_error_is_recoverable(self):
        channel = self.connection.channel()
        with self.assertRaises(self.connection.channel_errors) as raised:
            channel.queue_declare(self.name, passive=True)
        self.assertEqual(raised.exception.reply_code, 404)
        self.connection.channel().queue_declare(self.name, exclusive=True)


if __name__ == "__main__":
    unittest.main()
