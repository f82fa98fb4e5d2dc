# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set by hours while messages with a time to live wait: none expires early or late for it.

In memory or on the disk alone, deadlines go by the monotonic clock while the broker runs. Over a restart
only the wall clock tells how long it took, so a message stored before the clock was set is off by as much.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import harness
import wire
from node import Node, PATIENCE, QUICK, report, wait_until

HOURS = 3600
LONG_MS = 600000  # nothing of this age expires while a test runs


@unittest.skipUnless(harness.is_plain(), 'a sanitizer wants to be loaded first')
class Clock(unittest.TestCase):
    COUNT = 4000 if QUICK else 40000
    SIZE = 1000

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='bilby-test-'))
        self.addCleanup(shutil.rmtree, self.directory)
        shim = self.directory / 'clock.so'
        source = pathlib.Path(__file__).with_name('clock_shim.c')
        subprocess.run(['gcc', '-shared', '-fPIC', '-O1', '-o', str(shim), str(source)], check=True)
        self.file = self.directory / 'seconds'
        self.set(0)
        self.wrapper = ['env', 'LD_PRELOAD=%s' % shim, 'CLOCK_FILE=%s' % self.file]

    def set(self, seconds):
        """The wall clock is off by so much from now on."""
        new = self.directory / 'new'
        new.write_text('%-16d' % seconds)
        os.rename(new, self.file)

    def node(self):
        return Node(wrapper=self.wrapper, queue_memory='1MiB')

    def open(self, broker):
        client = wire.Client(broker.url, timeout=PATIENCE)
        return client, client.channel()

    def publish(self, channel, queue, first, count, **properties):
        if first == 0:
            channel.call('confirm.select')
        for number in range(first, first + count):
            channel.publish('', queue, b'%08d' % number + b'.' * self.SIZE, delivery_mode=2,
                            **properties)
        confirmed = first
        while confirmed < first + count:
            answer = channel.expect('basic.ack')
            confirmed = answer.delivery_tag if answer.multiple else confirmed + 1

    def take(self, channel, queue, count):
        tag = channel.call('basic.consume', queue=queue, no_ack=True).consumer_tag
        numbers = [int(channel.deliver().body[:8]) for _ in range(count)]
        channel.call('basic.cancel', consumer_tag=tag)
        self.assertEqual(numbers, list(range(count)))

    def paged_out(self, broker):
        return broker.metric('rabbitmq_queue_messages_paged_out')

    def jump(self, by_hours):
        """Half before the jump, half after it; most on the disk alone; all are there, in order."""
        with self.node() as broker:
            client, channel = self.open(broker)
            channel.call('queue.declare', queue='aging', durable=True,
                         arguments={'x-message-ttl': LONG_MS})
            self.publish(channel, 'aging', 0, self.COUNT // 2)
            wait_until('they are paged out', lambda: self.paged_out(broker) > self.COUNT // 4)
            self.set(by_hours * HOURS)
            self.publish(channel, 'aging', self.COUNT // 2, self.COUNT // 2)
            paged = self.paged_out(broker)
            self.take(channel, 'aging', self.COUNT)
            client.shut()
            report('clock set by %+d h' % by_hours, messages=self.COUNT, on_disk_alone=round(paged),
                   expired_early=0)

    def test_forwards(self):
        self.jump(+5)

    def test_backwards(self):
        self.jump(-5)

    def test_expire_on_time_after_a_jump_backwards(self):
        """Set back by hours, messages on the disk alone do not live hours longer."""
        with self.node() as broker:
            client, channel = self.open(broker)
            channel.call('queue.declare', queue='brief', durable=True,
                         arguments={'x-message-ttl': 4000, 'x-dead-letter-exchange': '',
                                    'x-dead-letter-routing-key': 'dead'})
            channel.call('queue.declare', queue='dead', durable=True)
            self.publish(channel, 'brief', 0, 4000)
            self.set(-5 * HOURS)
            wait_until('all have expired', lambda: broker.depth('dead') == 4000)
            self.assertEqual(broker.depth('brief'), 0)
            self.take(channel, 'dead', 4000)
            client.shut()
            report('clock set back, then expiry', messages=4000, expired_late=0, lost=0)

    def test_a_restart_after_a_jump(self):
        """What was published after the jump keeps its time to live over a restart."""
        with self.node() as broker:
            client, channel = self.open(broker)
            channel.call('queue.declare', queue='aging', durable=True,
                         arguments={'x-message-ttl': LONG_MS})
            self.set(5 * HOURS)
            self.publish(channel, 'aging', 0, 1000)
            broker.kill()
            client.close()
            broker.start()
            client, channel = self.open(broker)
            self.take(channel, 'aging', 1000)
            client.shut()
            report('clock set, then a restart', messages=1000, expired_early=0)


if __name__ == '__main__':
    unittest.main()
