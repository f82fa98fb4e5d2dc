# SPDX-License-Identifier: Apache-2.0
"""The load of the crash tests (tests/crash/crash.py: publishers, consumers, transactions on a dozen durable
queues, and six rules about what must be there afterwards), for other faults than kill -9."""
import random
import time

import pika

import crash
import wire
from node import PATIENCE, QUICK, report, wait_until

ENOUGH = 500 if QUICK else 2000  # confirms that show that it flows


class Load:
    def __init__(self, broker, seed=None):
        self.broker = broker
        self.seed = random.SystemRandom().randrange(1 << 31) if seed is None else seed
        self.world = crash.World(self.seed)
        self.world.patience = 3 * PATIENCE
        self.workers = []
        client = wire.Client(broker.url, timeout=PATIENCE)
        crash.declare(client.channel())
        client.shut()

    def start(self):
        self.workers = crash.start_load(self.world, self.broker.url)
        return self

    def confirmed(self):
        return self.world.counts['confirmed']

    def taken(self):
        """Messages that consumers have had."""
        return sum(self.world.counts[action] for action in ('ack', 'give up', 'requeue', 'sit'))

    def publishers(self):
        return [worker for worker in self.workers
                if isinstance(worker, (crash.Publisher, crash.Committer))]

    def heard(self, worker, name):
        """How often the broker has told the worker's connection so."""
        return sum(method.name == name for method in list(worker.client.backlog[0]))

    def join(self):
        """Waits until all workers have lost their broker; an error of theirs is the test's."""
        for worker in self.workers:
            worker.join(4 * PATIENCE)
            if worker.is_alive():
                raise crash.Violation('%s has not noticed the end' % type(worker).__name__)
            if worker.error:
                raise crash.Violation('%s: %r' % (type(worker).__name__, worker.error))

    def goodbyes(self):
        """How many workers were told 320, and how many saw their socket end without a word."""
        told = sum(isinstance(worker.end, wire.Closed) for worker in self.workers)
        return told, len(self.workers) - told

    def check(self, keep=False):
        """All queues against what the clients know: raises Violation for anything lost, doubled, invented,
        out of order or in parts."""
        crash.check(self.world, self.broker, keep)

    def report(self, name, **counts):
        known = self.world.counts
        report(name, **counts, confirmed=known['confirmed'], acknowledged=known['ack'],
               committed=known['committed'], read_back=known['read'], lost=0, doubled=0,
               seed=self.seed)


class Publisher:
    """A pika publisher that has asked to be told."""

    def __init__(self, broker, queue='canaries'):
        self.connection = broker.connect(blocked_connection_timeout=10 * PATIENCE)
        self.told = []
        self.connection.add_on_connection_blocked_callback(
            lambda _, frame: self.told.append('blocked: ' + frame.method.reason))
        self.connection.add_on_connection_unblocked_callback(lambda *_: self.told.append('unblocked'))
        self.channel = self.connection.channel()
        self.channel.queue_declare(queue, durable=True)
        self.channel.confirm_delivery()
        self.queue = queue
        self.publish()

    def publish(self):
        self.channel.basic_publish('', self.queue, b'canary',
                                   pika.BasicProperties(delivery_mode=2))

    def hears(self, what):
        wait_until('a publisher hears ' + what, lambda: (
            self.connection.process_data_events(0.05), what in self.told)[1])


class Alarm(Load):
    """The load while an alarm ('disk', 'memory') comes and goes, with a publisher of pika's beside it."""

    FIELDS = {'disk': ('disk_free_alarm', 'rabbitmq_alarms_free_disk_space_watermark'),
              'memory': ('mem_alarm', 'rabbitmq_alarms_memory_used_watermark')}

    def __init__(self, broker, alarm):
        super().__init__(broker)
        self.alarm = alarm
        self.field, self.metric = self.FIELDS[alarm]
        self.pika = Publisher(broker)
        self.canaries = 1

    def flow(self):
        before = self.confirmed()
        wait_until('the load flows', lambda: self.confirmed() > before + ENOUGH)
        self.pika.publish()
        self.canaries += 1

    def blocked(self):
        """Connections that are held; a worker may be stuck in a send and not see what it is told."""
        return sum(row['state'] == 'blocked' for row in self.broker.api('connections'))

    def expect_blocked(self):
        """Everybody has been told, nothing is confirmed any more, and it can be seen from outside."""
        self.pika.hears('blocked: low on ' + self.alarm)
        wait_until('all publishers are held', lambda: self.blocked() > len(self.publishers()))
        self.settle()
        before = self.confirmed(), self.world.counts['committed']
        self.expect_seen(True)
        time.sleep(0.5 if QUICK else 3)
        assert (self.confirmed(), self.world.counts['committed']) == before, 'confirmed while blocked'

    def settle(self):
        """Confirms of what had been written before are on their way; waits until none comes."""
        last = None
        while last != self.confirmed():
            last = self.confirmed()
            time.sleep(1)

    def expect_seen(self, on):
        broker = self.broker
        wait_until('the API shows it', lambda: broker.api('nodes')[0][self.field] == on)
        assert broker.metric(self.metric) == on
        assert broker.get('/api/health/checks/alarms')[0] == (503 if on else 200)

    def stop(self):
        """SIGTERM, when nothing is held any more; pika would not answer before it is called again."""
        self.pika.connection.close()
        assert self.broker.stop() == 0
        self.join()

    def expect_unblocked(self):
        self.pika.hears('unblocked')
        self.expect_seen(False)
        self.pika.told.clear()
        self.flow()
