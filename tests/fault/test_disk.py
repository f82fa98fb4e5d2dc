# SPDX-License-Identifier: Apache-2.0
"""A disk that becomes full under load, and has room again.

What must be true each time: publishers are told (connection.blocked) and held; the alarm shows in the API and
in the metrics; nothing is confirmed that the disk does not have; consumers go on; with room again all of it
ends by itself; and nothing confirmed is lost, whatever the broker goes through meanwhile.
"""
import unittest

import wire
from disk import SmallDisk, needs_disk
from load import Alarm, Publisher
from node import Node, PATIENCE, rounds, slow

MIB = 1 << 20
ROOMY = 128 * rounds(1, 5)  # MiB, so that the load of all rounds fits beside what others take


class Parked:
    """Messages that wait for a consumer, in a durable queue and a transient one.

    The durable one's consumer had a message before the disk got full: that a persistent message is delivered
    must be on the disk first, and the broker notes that for some thousand ahead.
    """
    COUNT = 200

    def __init__(self, broker):
        self.client = wire.Client(broker.url, timeout=PATIENCE)
        self.channel = self.client.channel()
        self.channel.call('queue.declare', queue='parked', durable=True)
        self.channel.call('queue.declare', queue='light', auto_delete=True)
        self.publish(broker)
        self.take('parked', 0)
        self.take('light', 0)

    def publish(self, broker):
        """On a connection of its own: one that publishes is held as a whole."""
        client = wire.Client(broker.url, timeout=PATIENCE)
        channel = client.channel()
        channel.call('confirm.select')
        for number in range(1 + self.COUNT):
            channel.publish('', 'parked', b'%d' % number, delivery_mode=2)
            channel.publish('', 'light', b'%d' % number)
        confirmed = 0
        while confirmed < 2 * (1 + self.COUNT):
            answer = channel.expect('basic.ack')
            confirmed = answer.delivery_tag if answer.multiple else confirmed + 1
        client.shut()

    def take(self, queue, number):
        message = self.channel.call('basic.get', queue=queue)
        assert message.body == b'%d' % number, (queue, number, message)
        self.channel.send('basic.ack', delivery_tag=message.delivery_tag)

    def drain(self):
        """Everything is taken, in order; gives how much that was."""
        for number in range(1, 1 + self.COUNT):
            self.take('parked', number)
            self.take('light', number)
        self.client.shut()
        return 2 * self.COUNT


@needs_disk
class Full(unittest.TestCase):
    def fill_and_free(self, disk, broker, name, leave):
        """Fills the disk under load and frees it, several times; all is compared at the end."""
        load = Alarm(broker, 'disk')
        load.start()
        times = rounds(1, 5)
        consumed = 0
        for _ in range(times):
            parked = Parked(broker)
            load.flow()
            disk.fill(leave)
            load.expect_blocked()
            consumed += parked.drain()
            self.assertIsNone(broker.process.poll())
            disk.clear()
            load.expect_unblocked()
        load.stop()
        broker.start()
        self.assertEqual(broker.depth('canaries'), load.canaries)
        self.assertEqual(broker.depth('parked'), 0)
        load.check(keep=True)
        load.report(name, times=times, consumed_meanwhile=consumed, false_confirms=0)

    @slow
    def test_below_the_limit(self):
        """disk_free_limit keeps some room: publishers are held before the disk is full."""
        with SmallDisk(ROOMY) as disk, Node(disk.data, disk_free_limit__absolute='48MiB') as broker:
            self.fill_and_free(disk, broker, 'disk below its limit', 24 * MIB)

    def test_to_the_last_byte(self):
        """Others leave nothing at all, and no limit warns: it is the writes that fail."""
        with SmallDisk(ROOMY) as disk, Node(disk.data, disk_free_limit__absolute=0) as broker:
            self.fill_and_free(disk, broker, 'disk full', 0)

    @slow
    def test_by_its_own_messages(self):
        """The broker itself fills what others left; then they make room."""
        with SmallDisk(96) as disk, Node(disk.data, disk_free_limit__absolute=0) as broker:
            load = Alarm(broker, 'disk')
            disk.fill(leave=20 * MIB)
            load.start()
            load.expect_blocked()
            disk.clear()
            load.expect_unblocked()
            load.stop()
            broker.start()
            load.check(keep=True)
            load.report('disk filled by the broker', times=1, false_confirms=0)

    def test_killed_while_full(self):
        """kill -9 on a full disk: it starts again there, tells publishers, and goes on with room."""
        with SmallDisk(96) as disk, Node(disk.data, disk_free_limit__absolute=0) as broker:
            load = Alarm(broker, 'disk')
            times = rounds(1, 5)
            for number in range(times):
                load.start()
                load.flow()
                disk.fill()
                load.expect_blocked()
                broker.kill()
                load.join()
                disk.fill()
                broker.start()
                self.assertEqual(broker.depth('canaries'), load.canaries)
                disk.clear()
                load.pika = Publisher(broker)
                load.canaries += 1
                load.check(keep=number % 3 != 2)
            load.report('kill -9 while the disk is full', kills=times, false_confirms=0)

    @slow
    def test_terminated_while_full(self):
        """SIGTERM on a full disk ends it in time, and says what it could not write."""
        with SmallDisk(96) as disk, Node(disk.data, disk_free_limit__absolute=0) as broker:
            load = Alarm(broker, 'disk')
            load.start()
            load.flow()
            disk.fill()
            load.expect_blocked()
            self.assertEqual(broker.stop(), 74)
            load.join()
            self.assertIn('closed with operations that could not be written', broker.log())
            disk.clear()
            broker.start()
            load.check(keep=True)
            load.report('SIGTERM while the disk is full', stops=1, false_confirms=0)


if __name__ == '__main__':
    unittest.main()
