# SPDX-License-Identifier: Apache-2.0
"""A disk that becomes full under load, and has room again.

What must be true each time: publishers are told (connection.blocked) and held; the alarm shows in the API and
in the metrics; nothing is confirmed that the disk does not have; consumers go on; with room again all of it
ends by itself; and nothing confirmed is lost, whatever the broker goes through meanwhile.
"""
import time
import unittest

import pika

import wire
from disk import SmallDisk, needs_disk
from load import Load
from node import Node, PATIENCE, QUICK, rounds, slow, wait_until

MIB = 1 << 20
ENOUGH = 500 if QUICK else 5000


class Publisher:
    """A pika publisher that has asked to be told."""

    def __init__(self, broker, queue):
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


class Trickle(Load):
    """The load, with a publisher of pika's beside it that sees alarms come and go."""

    def __init__(self, broker):
        super().__init__(broker)
        self.pika = Publisher(broker, 'canaries')
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
        self.pika.hears('blocked: low on disk')
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
            time.sleep(0.3)

    def expect_seen(self, on):
        broker = self.broker
        wait_until('the API shows it', lambda: broker.api('nodes')[0]['disk_free_alarm'] == on)
        assert broker.metric('rabbitmq_alarms_free_disk_space_watermark') == on
        assert broker.get('/api/health/checks/alarms')[0] == (503 if on else 200)

    def expect_unblocked(self):
        self.pika.hears('unblocked')
        self.expect_seen(False)
        self.pika.told.clear()
        self.flow()


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
        load = Trickle(broker)
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
        self.assertEqual(broker.stop(), 0)
        load.join()
        broker.start()
        self.assertEqual(broker.depth('canaries'), load.canaries)
        self.assertEqual(broker.depth('parked'), 0)
        load.check()
        load.report(name, times=times, consumed_meanwhile=consumed, false_confirms=0)

    @slow
    def test_below_the_limit(self):
        """disk_free_limit keeps some room: publishers are held before the disk is full."""
        with SmallDisk(128) as disk, Node(disk.data, disk_free_limit__absolute='48MiB') as broker:
            self.fill_and_free(disk, broker, 'disk below its limit', 24 * MIB)

    def test_to_the_last_byte(self):
        """Others leave nothing at all, and no limit warns: it is the writes that fail."""
        with SmallDisk(96) as disk, Node(disk.data, disk_free_limit__absolute=0) as broker:
            self.fill_and_free(disk, broker, 'disk full', 0)

    @slow
    def test_by_its_own_messages(self):
        """The broker itself fills what others left; then they make room."""
        with SmallDisk(96) as disk, Node(disk.data, disk_free_limit__absolute=0) as broker:
            load = Trickle(broker)
            disk.fill(leave=20 * MIB)
            load.start()
            load.expect_blocked()
            disk.clear()
            load.expect_unblocked()
            self.assertEqual(broker.stop(), 0)
            load.join()
            broker.start()
            load.check()
            load.report('disk filled by the broker', times=1, false_confirms=0)

    def test_killed_while_full(self):
        """kill -9 on a full disk: it starts again there, tells publishers, and goes on with room."""
        with SmallDisk(96) as disk, Node(disk.data, disk_free_limit__absolute=0) as broker:
            load = Trickle(broker)
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
                load.pika = Publisher(broker, 'canaries')
                load.canaries += 1
                load.check(keep=number % 3 != 2)
            load.report('kill -9 while the disk is full', kills=times, false_confirms=0)

    @slow
    def test_terminated_while_full(self):
        """SIGTERM on a full disk ends it in time, and says what it could not write."""
        with SmallDisk(96) as disk, Node(disk.data, disk_free_limit__absolute=0) as broker:
            load = Trickle(broker)
            load.start()
            load.flow()
            disk.fill()
            load.expect_blocked()
            self.assertEqual(broker.stop(), 74)
            load.join()
            self.assertIn('closed with operations that could not be written', broker.log())
            disk.clear()
            broker.start()
            load.check()
            load.report('SIGTERM while the disk is full', stops=1, false_confirms=0)


if __name__ == '__main__':
    unittest.main()
