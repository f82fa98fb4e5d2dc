# SPDX-License-Identifier: Apache-2.0
"""A bilbyd of our own for each test: started on free ports with a fresh data directory."""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import weakref

import pika

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'support'))
from ports import free_ports  # noqa: E402

BILBYD = os.environ.get('BILBYD', os.path.join(ROOT, 'build', 'bilbyd'))


# Seconds for what must come, but may take its time on a busy machine.
PATIENCE = 60

# A decorator for tests that take more than a second or two.
slow = unittest.skipIf(os.environ.get('QUICK'), 'slow')


def instrumented():
    """True for a daemon with sanitizers: its memory and its speed say nothing."""
    out = subprocess.run(['ldd', BILBYD], capture_output=True, text=True).stdout
    return 'libasan' in out or 'libtsan' in out or 'libubsan' in out


def run(*arguments, env=None, cwd=None):
    """Runs bilbyd to its end; gives exit code, standard output and standard error."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith('BILBY_')}
    environment.update(env or {})
    done = subprocess.run([BILBYD, *arguments], capture_output=True, text=True, env=environment,
                          cwd=cwd, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


class Daemon:
    """`with Daemon(...) as broker`: ready when entered, stopped and cleaned up when left."""

    def __init__(self, *sets, config=None, env=None, data_dir=None, files_max=None, tls=False):
        self.port, self.http_port, self.tls_port = free_ports(3)
        self.sets = list(sets)
        self.config = config
        self.env = env or {}
        self.files_max = files_max
        self.tls = tls
        self.scratch = tempfile.mkdtemp(prefix='bilby-test-')
        weakref.finalize(self, shutil.rmtree, self.scratch, True)  # also of one that was never entered
        self.data_dir = data_dir or os.path.join(self.scratch, 'data')
        self.log_path = os.path.join(self.scratch, 'log')
        self.process = None

    def arguments(self):
        arguments = [BILBYD, '--data-dir', self.data_dir]
        if self.config:
            arguments += ['--config', self.config]
        sets = [f'listeners.tcp.1=127.0.0.1:{self.port}', 'management.tcp.ip=127.0.0.1',
                f'management.tcp.port={self.http_port}']
        if self.tls:
            sets.append(f'listeners.ssl.1=127.0.0.1:{self.tls_port}')
        for assignment in sets + self.sets:
            arguments += ['--set', assignment]
        return arguments

    def limit_files(self):
        if self.files_max:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.files_max, self.files_max))

    def start(self, wait=True):
        environment = {k: v for k, v in os.environ.items() if not k.startswith('BILBY_')}
        environment.update(self.env)
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(self.arguments(), stderr=log, stdout=log,
                                            env=environment, preexec_fn=self.limit_files)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, patience=PATIENCE):
        deadline = time.time() + patience
        while time.time() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f'bilbyd ended with {self.process.returncode}:\n{self.log()}')
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                time.sleep(0.005)
        raise RuntimeError('bilbyd does not accept:\n' + self.log())

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, patience=PATIENCE):
        return self.process.wait(patience)

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as log:
            return log.read()

    def wait_for_log(self, pattern, patience=PATIENCE):
        deadline = time.time() + patience
        while time.time() < deadline:
            if re.search(pattern, self.log()):
                return
            time.sleep(0.02)
        raise AssertionError(f'no line matches {pattern!r} in\n{self.log()}')

    def connect(self, user='guest', password='guest', vhost='/', **parameters):
        credentials = parameters.pop('credentials', None) or pika.PlainCredentials(user, password)
        return pika.BlockingConnection(pika.ConnectionParameters(
            host='127.0.0.1', port=parameters.pop('port', self.port), virtual_host=vhost,
            credentials=credentials, **{'socket_timeout': PATIENCE, 'stack_timeout': PATIENCE, **parameters}))

    def cpu(self):
        """Seconds of processor time since its start: unlike the clock's, they don't depend on what else runs."""
        with open(f'/proc/{self.process.pid}/stat', encoding='utf-8') as stat:
            fields = stat.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def rss(self):
        """Resident bytes."""
        with open(f'/proc/{self.process.pid}/statm') as statm:
            return int(statm.read().split()[1]) * os.sysconf('SC_PAGESIZE')

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))
