# SPDX-License-Identifier: Apache-2.0
"""The memory alarm raised and cleared under load: as test_disk.py, but nothing stops the disk."""
import unittest

import harness
import wire
from load import Alarm
from node import Node, PATIENCE, rounds, wait_until

MIB = 1 << 20
LIMIT = 96 * MIB


class Ballast:
    """Transient messages of a megabyte that fill the broker's memory until somebody takes them."""

    def __init__(self, broker):
        self.broker = broker
        self.client = wire.Client(broker.url, timeout=PATIENCE)
        self.channel = self.client.channel()
        self.channel.call('queue.declare', queue='ballast', auto_delete=True)
        self.sent = 0

    def load(self):
        """Publishes more than the limit, but sends no further once the broker reads no more."""
        publisher = wire.Client(self.broker.url, timeout=1)
        channel = publisher.channel()
        try:
            for _ in range(LIMIT // MIB):
                channel.publish('', 'ballast', b'.' * MIB)
        except TimeoutError:
            pass  # held
        wait_until('the alarm is on', lambda: self.broker.api('nodes')[0]['mem_alarm'])
        publisher.close()

    def drop(self):
        """A consumer takes all of it; gives how much that was."""
        count = self.channel.call('queue.declare', queue='ballast', passive=True).message_count
        tag = self.channel.call('basic.consume', queue='ballast', no_ack=True).consumer_tag
        for _ in range(count):
            assert len(self.channel.deliver().body) == MIB
        self.channel.call('basic.cancel', consumer_tag=tag)
        self.client.shut()
        return count


@unittest.skipUnless(harness.is_plain(), 'a sanitizer keeps memory that was freed')
class Memory(unittest.TestCase):
    def test_alarm_comes_and_goes(self):
        with Node(vm_memory_high_watermark__absolute=LIMIT, queue_memory='4GiB') as broker:
            load = Alarm(broker, 'memory').start()
            times, consumed, peak = rounds(1, 5), 0, 0
            for _ in range(times):
                load.flow()
                ballast = Ballast(broker)
                ballast.load()
                load.expect_blocked()
                peak = max(peak, broker.rss_bytes())
                consumed += ballast.drop()
                load.expect_unblocked()
            self.assertLess(peak, 2 * LIMIT)
            load.stop()
            broker.start()
            self.assertEqual(broker.depth('canaries'), load.canaries)
            load.check()
            load.report('memory alarm', times=times, consumed_meanwhile=consumed,
                        peak_rss_MiB=peak // MIB, limit_MiB=LIMIT // MIB, false_confirms=0)


if __name__ == '__main__':
    unittest.main()
