# SPDX-License-Identifier: Apache-2.0
"""SIGSTOP and SIGTERM under load. (kill -9 is tests/crash.)"""
import os
import signal
import threading
import time
import unittest

import wire
from load import Load
from node import Node, PATIENCE, QUICK, rounds, wait_until

ENOUGH = 1000 if QUICK else 5000  # confirms before something happens


class Heart(threading.Thread):
    """A peer that only beats, twice in its interval of a second."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.client = wire.Client(url, heartbeat=1, timeout=PATIENCE)
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.wait(0.5):
            self.client.send_frame(wire.HEARTBEAT, 0, b'')

    def alive(self):
        """The connection still answers."""
        self.client.channel()
        return True


class Stopped(unittest.TestCase):
    def test_a_stopped_broker_goes_on_as_if_nothing_had_been(self):
        with Node() as broker:
            load = Load(broker).start()
            hearts = [Heart(broker.url) for _ in range(3)]
            for heart in hearts:
                heart.start()
            times = rounds(1, 10)
            for _ in range(times):
                before = load.confirmed()
                wait_until('the load flows', lambda: load.confirmed() > before + 500)
                broker.signal(signal.SIGSTOP)
                os.waitid(os.P_PID, broker.process.pid, os.WSTOPPED | os.WNOWAIT)
                time.sleep(2.5 if QUICK else 4)  # more than two intervals of the hearts
                broker.signal(signal.SIGCONT)
                before = load.confirmed()
                wait_until('the load flows again', lambda: load.confirmed() > before + 500)
            for heart in hearts:
                heart.stopping.set()
                heart.join()
                self.assertTrue(heart.alive())
            self.assertEqual(broker.stop(), 0)
            load.join()
            broker.start()
            load.check()
            load.report('SIGSTOP under load', stops=times, beating_peers_closed=0)


class Terminated(unittest.TestCase):
    def test_nothing_confirmed_is_lost_and_everybody_is_told(self):
        with Node() as broker:
            load = Load(broker)
            told = untold = 0
            times = rounds(2, 30)
            for number in range(times):
                before = load.confirmed()
                load.start()
                wait_until('the load flows', lambda: load.confirmed() > before + ENOUGH)
                self.assertEqual(broker.stop(), 0)
                load.join()
                told, untold = (a + b for a, b in zip((told, untold), load.goodbyes()))
                broker.start()
                load.check(keep=number % 3 != 2)
            self.assertEqual(untold, 0)
            load.report('SIGTERM under load', stops=times, told_320=told, not_told=untold)


class Killed(unittest.TestCase):
    def test_a_broker_that_hangs_is_killed(self):
        """SIGSTOP, then kill -9 without going on: what an operator does to one that hangs."""
        with Node() as broker:
            load = Load(broker)
            times = rounds(2, 10)
            for number in range(times):
                before = load.confirmed()
                load.start()
                wait_until('the load flows', lambda: load.confirmed() > before + ENOUGH)
                broker.signal(signal.SIGSTOP)
                broker.kill()
                load.join()
                broker.start()
                load.check(keep=number % 3 != 2)
            load.report('SIGSTOP, then kill -9', kills=times)


if __name__ == '__main__':
    unittest.main()
