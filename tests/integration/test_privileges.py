# SPDX-License-Identifier: Apache-2.0
"""What the process may do on its machine: giving up root, modes of files, the service manager."""
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

import pika

from daemon import BILBYD, ROOT, Daemon, run

root = unittest.skipUnless(os.geteuid() == 0, 'needs root')


def low_port():
    for port in range(1023, 600, -1):
        with socket.socket() as sock:
            try:
                sock.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass
    raise RuntimeError('no low port is free')


def status(pid, task):
    with open(f'/proc/{pid}/task/{task}/status') as file:
        return dict(re.findall(r'^(\w+):\s*(.*)$', file.read(), re.M))


class Root(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix='bilby-test-')
        self.addCleanup(shutil.rmtree, self.directory)
        os.chmod(self.directory, 0o755)
        self.data = os.path.join(self.directory, 'data')

    def refused(self, *sets):
        arguments = [word for pair in sets for word in ('--set', pair)]
        return run('--data-dir', self.data, '--set', 'management.tcp=none', '--set',
                   'listeners.tcp=none', *arguments)

    @root
    def test_root_is_given_up_once_the_ports_are_taken(self):
        low, nobody = low_port(), pwd.getpwnam('nobody')
        os.mkdir(self.data)
        os.chown(self.data, nobody.pw_uid, nobody.pw_gid)
        with Daemon('user=nobody', f'listeners.tcp.2=127.0.0.1:{low}', data_dir=self.data) as broker:
            broker.connect(port=low).close()
            broker.connect().close()
            pid = broker.process.pid
            tasks = os.listdir(f'/proc/{pid}/task')
            self.assertGreater(len(tasks), 1)
            for task in tasks:
                seen = status(pid, task)
                self.assertEqual(seen['Uid'].split(), [str(nobody.pw_uid)] * 4)
                self.assertEqual(seen['Gid'].split(), [str(nobody.pw_gid)] * 4)
                self.assertEqual(set(seen['Groups'].split()) - {str(nobody.pw_gid)}, set())
                for kind in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb'):
                    self.assertEqual(int(seen[kind], 16), 0, kind)
                self.assertEqual(seen['NoNewPrivs'], '1')
            for path in glob.glob(self.data + '/*'):
                self.assertEqual(os.stat(path).st_uid, nobody.pw_uid, path)
            self.assertNotIn('runs as root', broker.log())

    @root
    def test_a_directory_is_made_for_the_user(self):
        with Daemon('user=nobody', data_dir=self.data) as broker:
            broker.connect().close()
            info = os.stat(self.data)
            self.assertEqual(info.st_uid, pwd.getpwnam('nobody').pw_uid)
            self.assertEqual(stat.S_IMODE(info.st_mode), 0o700)

    @root
    def test_a_directory_of_somebody_else_is_left_alone(self):
        os.mkdir(self.data, 0o700)
        code, _, err = self.refused('user=nobody')
        self.assertNotEqual(code, 0)
        self.assertIn('Permission denied', err)
        self.assertEqual(os.stat(self.data).st_uid, 0)

    def test_a_user_that_is_not_there(self):
        code, _, err = self.refused('user=no-such-user')
        self.assertEqual(code, 78)
        self.assertIn("there is no user 'no-such-user'", err)

    @root
    def test_only_root_becomes_somebody(self):
        binary = shutil.copy(BILBYD, self.directory)
        done = subprocess.run(['setpriv', '--reuid=nobody', '--clear-groups', binary, '--data-dir',
                               self.data, '--set', 'user=root'], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 78)
        self.assertIn("only root can become 'root'", done.stderr)

    @root
    def test_root_is_warned(self):
        with Daemon() as broker:
            self.assertIn('the broker runs as root', broker.log())


class Files(unittest.TestCase):
    def test_nobody_else_reads_the_data(self):
        old = os.umask(0)
        try:
            with tempfile.TemporaryDirectory() as logs, \
                    Daemon('log.file=bilby.log', 'log.dir=' + logs) as broker:
                channel = broker.connect().channel()
                channel.queue_declare('q', durable=True)
                channel.confirm_delivery()
                channel.basic_publish('', 'q', b'x', pika.BasicProperties(delivery_mode=2))
                self.assertEqual(stat.S_IMODE(os.stat(broker.data_dir).st_mode), 0o700)
                names = os.listdir(broker.data_dir)
                self.assertIn('node.db', names)
                for name in names:
                    mode = os.stat(os.path.join(broker.data_dir, name)).st_mode
                    self.assertEqual(stat.S_IMODE(mode) & 0o077, 0, name)
                log = os.path.join(logs, 'bilby.log')
                self.assertEqual(stat.S_IMODE(os.stat(log).st_mode) & 0o077, 0)
        finally:
            os.umask(old)

    def check(self, mode, text):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'bilby.conf')
            with open(path, 'w') as file:
                file.write(text)
            os.chmod(path, mode)
            code, out, err = run('--config', path, '--data-dir', directory + '/data',
                                 '--check-config')
            return code, out + err

    def test_a_file_that_others_may_write_is_refused(self):
        code, text = self.check(0o666, 'heartbeat = 10\n')
        self.assertEqual(code, 78)
        self.assertIn('any user of this machine may change it: chmod o-w', text)

    def test_a_file_with_secrets_that_others_may_read_is_a_warning(self):
        code, text = self.check(0o644, 'default_pass = x\n')
        self.assertEqual(code, 0)
        self.assertIn('it holds passwords and any user of this machine may read it', text)
        for mode, content in ((0o640, 'default_pass = x\n'), (0o644, 'heartbeat = 10\n')):
            code, text = self.check(mode, content)
            self.assertEqual((code, 'may read it' in text), (0, False))

    def test_a_data_directory_that_others_may_enter_is_a_warning(self):
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            _, out, err = run('--data-dir', directory, '--check-config')
            self.assertIn('any user of this machine may look into the data directory', out + err)

    def test_definitions_that_others_may_read_are_a_warning(self):
        with tempfile.NamedTemporaryFile('w') as file:
            os.chmod(file.name, 0o644)
            _, out, err = run('--set', f'load_definitions={file.name}', '--check-config')
            self.assertIn("it holds users' password hashes and any user", out + err)


class Service(unittest.TestCase):
    def test_the_manager_is_told(self):
        for abstract in (False, True):
            with tempfile.TemporaryDirectory() as directory, \
                    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                path = os.path.join(directory, 'notify')
                manager.bind('\0' + path if abstract else path)
                manager.settimeout(20)
                name = '@' + path if abstract else path
                with Daemon(env={'NOTIFY_SOCKET': name}) as broker:
                    self.assertEqual(manager.recv(1000), b'READY=1')
                    broker.signal(signal.SIGTERM)
                    self.assertEqual(manager.recv(1000), b'STOPPING=1')
                    self.assertEqual(broker.wait(), 0)

    @unittest.skipUnless(shutil.which('systemd-analyze'), 'needs systemd-analyze')
    def test_the_unit_allows_little(self):
        done = subprocess.run(['systemd-analyze', 'security', '--offline=true', '--threshold=15',
                               os.path.join(ROOT, 'server', 'bilby.service')],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)
        self.assertIn('Overall exposure level', done.stdout)


if __name__ == '__main__':
    unittest.main()
