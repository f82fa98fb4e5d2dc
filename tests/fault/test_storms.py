# SPDX-License-Identifier: Apache-2.0
"""Connections in great numbers: storms of short ones, many idle ones."""
import resource
import threading
import unittest

import pika

import harness
import storm
from node import Node, QUICK, report, wait_until

SHORT = 1000 if QUICK else 10000
IDLE = 2000 if QUICK else 10000
AT_ONCE = 200
BYTES_EACH = 15000


class Neighbour(threading.Thread):
    """A client that publishes, confirmed, and gets back, one message after the other."""

    def __init__(self, broker):
        super().__init__(daemon=True)
        self.connection = broker.connect()
        self.channel = self.connection.channel()
        self.channel.queue_declare('neighbour', durable=True)
        self.channel.confirm_delivery()
        self.stopping = False
        self.served = 0
        self.error = None

    def run(self):
        try:
            while not self.stopping:
                body = b'%d' % self.served
                self.channel.basic_publish('', 'neighbour', body,
                                           pika.BasicProperties(delivery_mode=2))
                got = self.channel.basic_get('neighbour', auto_ack=True)[2]
                if got != body:
                    raise AssertionError('%r came for %r' % (got, body))
                self.served += 1
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def end(self):
        self.stopping = True
        self.join()
        if self.error:
            raise self.error
        self.connection.close()
        return self.served


class Storm(unittest.TestCase):
    def test_short_connections_dropped_at_every_stage(self):
        with Node(log__level='error') as broker:
            neighbour = Neighbour(broker)
            neighbour.start()
            storm.cut(broker.port, 'channel', AT_ONCE, False)
            wait_until('they are gone', lambda: len(broker.api('connections')) == 1)
            descriptors, rss = broker.descriptors(), broker.rss_bytes()
            kinds = [(stage, reset) for stage in storm.STAGES for reset in (False, True)]
            done = 0
            while done < SHORT:
                stage, reset = kinds[done // AT_ONCE % len(kinds)] if not QUICK else kinds[
                    done // 40 % len(kinds)]
                count = 40 if QUICK else AT_ONCE
                storm.cut(broker.port, stage, count, reset)
                done += count
            wait_until('all descriptors are back', lambda: broker.descriptors() <= descriptors)
            wait_until('all connections are gone', lambda: len(broker.api('connections')) == 1)
            growth = broker.rss_bytes() - rss
            served = neighbour.end()
            self.assertGreater(served, 0)
            if harness.is_plain():
                self.assertLess(growth, 8 << 20)
            report('storm', connections=done, stages=len(kinds), descriptors_left_open=0,
                   growth_KiB=growth >> 10, neighbour_served=served, neighbours_messages_lost=0)

    def test_idle_connections_cost_little(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        count = min(IDLE, hard - 100)
        with Node(log__level='error') as broker:
            for sock in storm.opened(broker.port, 10):  # what the first ones need, the others share
                sock.close()
            rss = broker.rss_bytes()
            socks = storm.opened(broker.port, count)
            totals = broker.api('overview')['object_totals']
            self.assertEqual(totals['connections'], count)
            each = (broker.rss_bytes() - rss) / count
            cpu = broker.cpu_seconds()
            neighbour = Neighbour(broker)
            neighbour.start()
            wait_until('a neighbour is served', lambda: neighbour.served > 50)
            served = neighbour.end()
            cpu = broker.cpu_seconds() - cpu
            for sock in socks:
                sock.close()
            wait_until('all are gone', lambda: broker.descriptors() < 100)
            if harness.is_plain():
                self.assertLess(each, BYTES_EACH)
            report('idle connections', connections=count, bytes_each=round(each),
                   rss_MiB=round((rss + each * count) / (1 << 20), 1), neighbour_served=served,
                   cpu_ms_per_exchange=round(cpu * 1000 / served, 2))


if __name__ == '__main__':
    unittest.main()
