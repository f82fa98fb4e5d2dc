# SPDX-License-Identifier: Apache-2.0
"""The broker of a scenario: harness.Broker of tests/clients, and what the fault tests ask of it."""
import base64
import json
import os
import pathlib
import subprocess
import time
import unittest
import urllib.error
import urllib.request

import pika

import harness
import wire

QUICK = bool(os.environ.get('QUICK'))
PATIENCE = 60.0  # seconds, for what must come but may be slow on a busy machine


# A decorator for scenarios that the short form does without.
slow = unittest.skipIf(QUICK, 'slow')


def rounds(quick, full):
    """How often a scenario is repeated; ROUNDS overrules both."""
    return int(os.environ.get('ROUNDS', quick if QUICK else full))


def report(name, **counts):
    print('\n    %s: %s' % (name, ', '.join('%s %s' % (key.replace('_', ' '), value)
                                            for key, value in counts.items())), flush=True)


def wait_until(what, condition, patience=PATIENCE):
    """The condition's first true value."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError('waited %g s in vain until %s' % (patience, what))
        time.sleep(0.02)


class Node(harness.Broker):
    """A broker with a data directory of choice. Used with `with`, it may have died on purpose."""

    def __init__(self, data=None, wrapper=(), **settings):
        super().__init__({key.replace('__', '.'): str(value) for key, value in settings.items()},
                         wrapper, users=False)
        if data:
            self.data = pathlib.Path(data)

    def __exit__(self, *error):
        if error[0] is None:
            self.close()
        else:
            print('---- the end of the log\n' + '\n'.join(self.log().splitlines()[-40:]))
            self.discard()

    # -- asking --

    def get(self, path):
        """(status, text)"""
        request = urllib.request.Request(self.management_url + path)
        request.add_header('Authorization',
                           'Basic ' + base64.b64encode(b'guest:guest').decode())
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def api(self, path):
        status, text = self.get('/api/' + path)
        assert status == 200, (path, status, text)
        return json.loads(text)

    def metric(self, name):
        for line in self.get('/metrics')[1].splitlines():
            if line.startswith(name + ' ') or line.startswith(name + '{'):
                return float(line.rsplit(' ', 1)[1])
        raise AssertionError('no metric ' + name)

    def depth(self, queue):
        client = wire.Client(self.url, timeout=PATIENCE)
        count = client.channel().call('queue.declare', queue=queue, passive=True).message_count
        client.shut()
        return count

    def descriptors(self):
        return len(os.listdir('/proc/%d/fd' % self.process.pid))

    def cpu_seconds(self):
        fields = pathlib.Path('/proc/%d/stat' % self.process.pid).read_text().rsplit(')', 1)[1]
        ticks = fields.split()[11:13]
        return sum(map(int, ticks)) / os.sysconf('SC_CLK_TCK')

    def signal(self, number):
        self.process.send_signal(number)

    # -- starting what must fail --

    def start_in_vain(self):
        """Exit status and what it said, of a broker that must not start."""
        done = subprocess.run(self.command(), capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout + done.stderr

    def connect(self, **parameters):
        """A pika connection."""
        return pika.BlockingConnection(pika.ConnectionParameters(
            host='127.0.0.1', port=self.port, **parameters))
