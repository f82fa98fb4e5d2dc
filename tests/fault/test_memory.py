# SPDX-License-Identifier: Apache-2.0
"""The memory alarm raised and cleared under load: as test_disk.py, but nothing stops the disk."""
import contextlib
import socket
import threading
import time
import unittest

import harness
import wire
from load import Alarm
from node import Node, PATIENCE, rounds, wait_until

MIB = 1 << 20
LIMIT = 96 * MIB
QUIET = 2.5  # seconds without a message that show that the alarm, looked after each second, stays on


class Ballast:
    """Transient messages of a megabyte that fill the broker's memory until somebody takes them."""

    def __init__(self, broker):
        self.broker = broker
        self.client = wire.Client(broker.url, timeout=PATIENCE)
        self.channel = self.client.channel()
        self.channel.call('queue.declare', queue='ballast', auto_delete=True)
        self.publisher = wire.Client(broker.url, timeout=10 * PATIENCE)
        self.thread = threading.Thread(target=self.pour, daemon=True)

    def pour(self):
        """The limit, and then slowly more; the broker reads no further once the alarm is on."""
        channel = self.publisher.channel()
        with contextlib.suppress(OSError):
            for number in range(2 * LIMIT // MIB):
                channel.publish('', 'ballast', b'.' * MIB)
                time.sleep(0.2 if number > LIMIT // MIB else 0)

    def count(self):
        return self.channel.call('queue.declare', queue='ballast', passive=True).message_count

    def load(self):
        """Memory that messages need on their way and give back can end the first alarm: until one stays."""
        self.thread.start()
        seen = {'count': -1, 'since': 0}

        def stays():
            count = self.count()
            if count != seen['count'] or not self.broker.api('nodes')[0]['mem_alarm']:
                seen.update(count=count, since=time.monotonic())
            return time.monotonic() - seen['since'] > QUIET
        wait_until('the alarm stays on', stays)

    def drop(self):
        """A consumer takes all of it; gives how much that was."""
        self.publisher.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.publisher.close()
        count = self.count()
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
