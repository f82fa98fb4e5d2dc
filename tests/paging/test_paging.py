# SPDX-License-Identifier: Apache-2.0
"""Backlogs larger than the memory a queue may use: see README.md."""
import os
import random
import re
import threading
import time
import unittest

from bulk import Bulk
from daemon import Daemon, instrumented, slow

QUICK = bool(os.environ.get('QUICK'))
MANY = 100000 if QUICK else 1000000
MEMORY_MAX = 60 << 20
# Confirms of transient messages wait for nothing: their publishers are held only when messages take more
# than options.queue_memory, 64 MB; what waits for the disk then, and SQLite, come on top.
TRANSIENT_MAX = 160 << 20


def peak(broker):
    """The most bytes that the daemon ever had resident."""
    with open(f'/proc/{broker.process.pid}/status') as status:
        return int(re.search(r'VmHWM:\s*(\d+) kB', status.read()).group(1)) * 1024


class Paging(unittest.TestCase):
    def setUp(self):
        self.broker = Daemon()
        self.enterContext(self.broker)
        self.open = []

    def tearDown(self):
        for bulk in self.open:
            bulk.close()
        if self.broker.process.poll() is None:
            self.assertEqual(self.broker.stop(), 0, self.broker.log())
        for line in self.broker.log().splitlines():
            self.assertNotRegex(line, r'level=error|check failed')

    if not hasattr(unittest.TestCase, 'enterContext'):  # before Python 3.11
        def enterContext(self, manager):
            result = manager.__enter__()
            self.addCleanup(manager.__exit__, None, None, None)
            return result

    def bulk(self, confirms=True):
        bulk = Bulk(self.broker.port)
        self.open.append(bulk)
        if confirms:
            bulk.confirms()
        return bulk

    def declare(self, name='q', durable=True, **arguments):
        arguments = {key.replace('_', '-'): value for key, value in arguments.items()}
        connection = self.broker.connect()
        connection.channel().queue_declare(name, durable=durable, arguments=arguments)
        connection.close()

    def depth(self, name='q'):
        connection = self.broker.connect()
        count = connection.channel().queue_declare(name, passive=True).method.message_count
        connection.close()
        return count

    def delete(self, name='q'):
        connection = self.broker.connect()
        connection.channel().queue_delete(name)
        connection.close()

    def restart(self):
        """kill -9; gives the seconds of processor time from the start until it accepts."""
        self.broker.kill()
        for bulk in self.open:
            bulk.close()
        self.open.clear()
        self.broker.start()
        return self.broker.cpu()

    def expect(self, numbers, wanted):
        """Compares, and says in a word where they part."""
        wanted = list(wanted)
        for at, (number, want) in enumerate(zip(numbers, wanted)):
            if number != want:
                self.fail(f'number {number} at place {at}, not {want}')
        self.assertEqual(len(numbers), len(wanted))

    def expect_memory(self, most=MEMORY_MAX):
        if not instrumented():
            self.assertLessEqual(peak(self.broker), most)

    def drain(self, count, **options):
        bulk = self.bulk(confirms=False)
        bulk.consume('q', **options)
        return bulk.take(count, ack_every=0 if options.get('no_ack') else 100)


class Backlog(Paging):
    def test_costs_the_disk_not_memory(self):
        self.declare()
        self.bulk().publish('q', 0, MANY)
        self.expect_memory()
        seconds = self.restart()
        self.assertEqual(self.depth(), MANY)
        began = self.broker.cpu()
        consumer = self.bulk(confirms=False)
        consumer.consume('q', prefetch=1000)
        numbers = consumer.take(1, ack_every=1)
        first = self.broker.cpu() - began
        if not instrumented():
            self.assertLess(seconds, 0.3)
            self.assertLess(first, 0.3)
            self.assertLess(self.broker.rss(), 30 << 20)
        consumer.close()
        numbers += self.drain(MANY - 1, prefetch=1000)
        self.expect(numbers, range(MANY))
        self.expect_memory()
        time.sleep(0.2)
        self.restart()
        self.assertEqual(self.depth(), 0)

    @slow
    def test_drains_without_acknowledgements(self):
        self.declare()
        self.bulk().publish('q', 0, MANY // 2, size=100)
        self.expect(self.drain(MANY // 2, no_ack=True), range(MANY // 2))
        self.expect_memory()
        self.assertEqual(self.depth(), 0)


    def test_a_publisher_that_outruns_the_disk_is_held(self):
        count = 50000 if QUICK else 150000
        for persistent in (True, False):
            self.declare('q', durable=persistent)
            publisher = self.bulk(confirms=False)
            publisher.publish('q', 0, count, size=2000, persistent=persistent)
            deadline = time.monotonic() + 120
            while self.depth() < count and time.monotonic() < deadline:
                time.sleep(0.05)
            self.expect(self.drain(count, prefetch=1000), range(count))
            if not instrumented():
                self.assertLessEqual(peak(self.broker), 4 * MEMORY_MAX)
            self.delete()


class Transient(Paging):
    """Messages that nobody wants back after a restart leave memory all the same."""

    def test_a_transient_backlog(self):
        self.declare(durable=False)
        self.bulk().publish('q', 0, MANY, persistent=False)
        self.assertEqual(self.depth(), MANY)
        self.expect_memory(TRANSIENT_MAX)
        self.expect(self.drain(MANY, prefetch=1000), range(MANY))
        self.expect_memory(TRANSIENT_MAX)

    def test_a_mixed_backlog(self):
        self.declare()
        publisher = self.bulk()
        for start in range(0, MANY, 1000):
            publisher.publish('q', start, 500, wait=False)
            publisher.publish('q', start + 500, 500, persistent=False, wait=False)
        publisher.publish('q', 0, 0)
        self.expect_memory(TRANSIENT_MAX)
        self.expect(self.drain(MANY // 2, prefetch=1000), range(MANY // 2))
        self.declare('gone', durable=False)
        publisher.publish('gone', 0, MANY // 2, persistent=False)
        time.sleep(0.5)
        seconds = self.restart()
        if not instrumented():
            self.assertLess(seconds, 0.3)
        rest = self.drain(self.depth(), prefetch=1000)
        self.assertEqual(self.depth(), 0)
        wanted = [n for n in range(MANY // 2, MANY) if n % 1000 < 500]
        self.expect(rest[-len(wanted):], wanted)
        self.assertLessEqual(len(rest), len(wanted) + 2000)  # acknowledged, but not yet on the disk

    @slow
    def test_a_queue_deleted_while_it_is_read(self):
        for _ in range(3):
            self.declare(durable=False)
            self.bulk().publish('q', 0, MANY // 2, persistent=False)
            consumer = self.bulk(confirms=False)
            consumer.consume('q', prefetch=300)
            self.expect(consumer.take(5000), range(5000))
            self.delete()


class Kills(Paging):
    def killing(self, seconds, act):
        """Does something until the daemon is killed under it."""
        timer = threading.Timer(seconds, self.broker.kill)
        timer.start()
        try:
            act()
        except (OSError, EOFError):
            pass
        timer.join()

    def fill(self, first):
        """Publishes until it is killed: how far it came, how far it was told."""
        bulk = self.bulk()
        self.killing(random.uniform(0.2, 0.8 if QUICK else 3),
                     lambda: bulk.publish('q', first, 10 * MANY))
        return first + bulk.confirmed, first + bulk.published

    def read_all(self):
        """All that is there, which then goes back."""
        bulk = self.bulk(confirms=False)
        count = self.depth()
        bulk.consume('q')
        numbers = bulk.take(count, ack_every=0)
        self.assertTrue(bulk.silence())
        bulk.close()
        return numbers

    def test_killed_while_filling(self):
        self.declare()
        numbers = []
        for _ in range(2 if QUICK else 5):
            told, sent = self.fill(len(numbers))
            self.restart_dead()
            numbers = self.read_all()
            self.assertGreaterEqual(len(numbers), told)
            self.assertLessEqual(len(numbers), sent)
            self.expect(numbers, range(len(numbers)))

    def restart_dead(self):
        for bulk in self.open:
            bulk.close()
        self.open.clear()
        self.broker.start()

    def test_killed_while_draining(self):
        self.declare()
        self.bulk().publish('q', 0, MANY)
        taken = []

        def drain():
            bulk = self.bulk(confirms=False)
            bulk.consume('q', prefetch=2000)
            while True:
                for number, tag, _ in bulk.deliveries():
                    taken.append(number)
                    if tag % 50 == 0:
                        bulk.ack(tag)

        next_number = 0
        for _ in range(2 if QUICK else 5):
            taken.clear()
            self.killing(random.uniform(0.1, 0.5 if QUICK else 2), drain)
            self.restart_dead()
            if taken:
                self.assertLessEqual(taken[0], next_number)
                self.expect(taken, range(taken[0], taken[0] + len(taken)))
                next_number = max(next_number, taken[-1] + 1)
        rest = self.drain(self.depth(), prefetch=1000)
        if rest:
            self.assertLessEqual(rest[0], next_number)
            self.expect(rest, range(rest[0], MANY))
        self.assertEqual(self.depth(), 0)


class Shapes(Paging):
    def test_many_queues(self):
        queues, each = (100 if QUICK else 1000), 1000
        connection = self.broker.connect()
        channel = connection.channel()
        for q in range(queues):
            channel.queue_declare(f'q{q}', durable=True)
        connection.close()
        publisher = self.bulk()
        for start in range(0, each, 100):
            for q in range(queues):
                publisher.publish(f'q{q}', q * each + start, 100, wait=False)
        publisher.publish('q0', 0, 0)
        seconds = self.restart()
        if not instrumented():
            self.assertLess(seconds, 0.5)
        consumer = self.bulk(confirms=False)
        for q in range(queues):
            consumer.consume(f'q{q}', prefetch=50 if q == 0 else 0, tag=f'c{q}')
        numbers = consumer.take(queues * each)
        following = [0] * queues
        for number in numbers:
            self.assertEqual(number % each, following[number // each])
            following[number // each] += 1
        self.expect(following, [each] * queues)

    def test_slow_consumer_while_publishing(self):
        self.declare()
        publisher, consumer = self.bulk(), self.bulk(confirms=False)
        consumer.consume('q', prefetch=100)
        numbers = []
        for start in range(0, MANY // 2, 2000):
            publisher.publish('q', start, 2000, wait=False)
            numbers += consumer.take(500)
        publisher.publish('q', MANY // 2, 0)
        self.expect_memory()
        numbers += consumer.take(MANY // 2 - len(numbers))
        self.expect(numbers, range(MANY // 2))

    def test_requeues(self):
        self.declare()
        count, back = MANY // 4, 5000
        self.bulk().publish('q', 0, count)
        for _ in range(2 if QUICK else 5):
            consumer = self.bulk(confirms=False)
            consumer.consume('q', prefetch=back)
            self.expect(consumer.take(back, ack_every=0), range(back))
            consumer.requeue(back)
            self.assertEqual(sorted(consumer.take(back, ack_every=0)), list(range(back)))
            consumer.close()
        consumer = self.bulk(confirms=False)
        consumer.consume('q', prefetch=1000)
        seen = []
        while len(seen) < count:
            for number, tag, redelivered in consumer.deliveries():
                seen.append(number)
                self.assertEqual(redelivered, number < back, number)
                if tag % 100 == 0 or tag == count:
                    consumer.ack(tag)
        self.expect(seen, range(count))

    def test_queue_wide_ttl(self):
        count = MANY // 4
        self.declare('dead')
        self.declare('q', x_message_ttl=1000 if QUICK else 2000, x_dead_letter_exchange='',
                     x_dead_letter_routing_key='dead')
        self.bulk().publish('q', 0, count)
        consumer = self.bulk(confirms=False)
        consumer.consume('dead', prefetch=1000)
        self.expect(consumer.take(count), range(count))
        self.assertEqual(self.depth(), 0)
        self.expect_memory()

    def test_delay_queue(self):
        """Nobody takes them: each waits for its own time, in any order, and goes to the queue of the dead."""
        count = MANY // 4
        self.declare('dead')
        self.declare('q', x_dead_letter_exchange='', x_dead_letter_routing_key='dead')
        publisher = self.bulk()
        brief = [n for n in range(count) if n // 50 % 3 == 0]
        for start in range(0, count, 50):
            life = 1 + start * 7919 % 3000 if start // 50 % 3 == 0 else 3600000 + start * 7919 % 3600000
            publisher.publish('q', start, 50, expiration=life, wait=False)
        publisher.publish('q', 0, 0)
        self.expect_memory(TRANSIENT_MAX)  # rows in any order: the disk is what is waited for
        self.restart()
        consumer = self.bulk(confirms=False)
        consumer.consume('dead', prefetch=1000)
        self.assertEqual(sorted(consumer.take(len(brief))), brief)
        self.assertEqual(self.depth(), count - len(brief))
        self.expect_memory()
        self.expect(self.drain(count - len(brief), prefetch=1000),
                    [n for n in range(count) if n // 50 % 3])
        self.assertTrue(consumer.silence())

    @slow
    def test_messages_that_expire_between_others(self):
        count = MANY // 10
        self.declare()
        publisher = self.bulk()
        for start in range(0, count, 100):
            publisher.publish('q', start, 90, wait=False)
            publisher.publish('q', start + 90, 10, expiration=1500, wait=False)
        publisher.publish('q', 0, 0)
        self.restart()
        deadline = time.monotonic() + 120
        while self.depth() > count * 9 // 10 and time.monotonic() < deadline:
            time.sleep(0.1)
        self.expect(self.drain(count * 9 // 10, prefetch=500),
                    [n for n in range(count) if n % 100 < 90])

    @slow
    def test_priorities(self):
        count = MANY // 8
        self.declare('q', x_max_priority=3)
        publisher = self.bulk()
        for start in range(0, count, 100):
            for priority in (0, 1, 2, 3):
                publisher.publish('q', priority * count + start, 100, priority=priority, wait=False)
        publisher.publish('q', 0, 0)
        self.restart()
        numbers = self.drain(4 * count, prefetch=1000)
        self.expect(numbers, [p * count + n for p in (3, 2, 1, 0) for n in range(count)])

    @slow
    def test_length_limit(self):
        count = MANY // 2
        for limit in (MANY // 10, count - 1000):
            self.declare('q', x_max_length=limit)
            self.bulk().publish('q', 0, count)
            self.assertEqual(self.depth(), limit)
            self.expect(self.drain(limit, prefetch=1000), range(count - limit, count))
            self.expect_memory()
            self.open.pop().close()
            self.delete()

    def test_get(self):
        self.declare()
        self.bulk().publish('q', 0, MANY // 4)
        count = 1000 if QUICK else 20000
        for first in (0, count):
            connection = self.broker.connect()
            channel = connection.channel()
            for n in range(first, first + count):
                _, _, body = channel.basic_get('q', auto_ack=True)
                self.assertEqual(int.from_bytes(body[:8], 'big'), n)
            connection.close()
            self.assertEqual(self.broker.stop(), 0)
            self.broker.start()
        self.assertEqual(self.depth(), MANY // 4 - 2 * count)

    @slow
    def test_purge(self):
        self.declare()
        publisher = self.bulk()
        for round_number in range(3):
            publisher.publish('q', 0, MANY // 10)
            connection = self.broker.connect()
            channel = connection.channel()
            self.assertEqual(channel.queue_purge('q').method.message_count, MANY // 10)
            connection.close()
            publisher.publish('q', 5, 20)
            consumer = self.bulk(confirms=False)
            consumer.consume('q')
            self.expect(consumer.take(20), range(5, 25))
            self.assertTrue(consumer.silence(0.1))
            consumer.close()

    def test_deleted_while_it_is_read(self):
        publisher = self.bulk()
        for round_number in range(4 if QUICK else 8):
            self.declare()
            publisher.publish('q', 0, MANY // 10)
            if round_number % 2:
                consumer = self.bulk(confirms=False)
                consumer.consume('q', prefetch=300)
                self.expect(consumer.take(2000 * round_number), range(2000 * round_number))
            self.delete()
        self.restart()
        self.declare()
        self.assertEqual(self.depth(), 0)
        self.bulk().publish('q', 0, 1000)
        self.expect(self.drain(1000), range(1000))
