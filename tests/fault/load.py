# SPDX-License-Identifier: Apache-2.0
"""The load of the crash tests (tests/crash/crash.py: publishers, consumers, transactions on a dozen durable
queues, and six rules about what must be there afterwards), for other faults than kill -9."""
import random

import crash
import wire
from node import PATIENCE, report


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
