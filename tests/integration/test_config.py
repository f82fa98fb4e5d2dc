# SPDX-License-Identifier: Apache-2.0
"""The command line and the configuration, as an operator meets them."""
import os
import re
import tempfile
import unittest

import man_keys
from daemon import ROOT, Daemon, run


class CommandLine(unittest.TestCase):
    def test_version(self):
        code, out, _ = run('--version')
        self.assertEqual(code, 0)
        self.assertRegex(out, r'^bilbyd \d+\.\d+\.\d+\n$')

    def test_help(self):
        code, out, _ = run('--help')
        self.assertEqual(code, 0)
        for option in ('--config', '--data-dir', '--set', '--check-config', '--print-config'):
            self.assertIn(option, out)

    def test_wrong_arguments(self):
        self.assertEqual(run('--nonsense')[0], 64)
        code, _, err = run('nonsense')
        self.assertEqual(code, 64)
        self.assertIn("unexpected argument 'nonsense'", err)


class Configuration(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, 'bilby.conf')

    def tearDown(self):
        self.directory.cleanup()

    def write(self, text):
        with open(self.path, 'w') as file:
            file.write(text)

    def test_errors_name_file_and_line(self):
        self.write('heartbeat = 60\nhartbeat = 60\nframe_max = 1\n')
        code, _, err = run('--check-config', '--config', self.path)
        self.assertEqual(code, 78)
        self.assertIn(f"{self.path}:2: unknown key 'hartbeat'; did you mean 'heartbeat'?", err)
        self.assertIn(f"{self.path}:3: 'frame_max' must be", err)
        self.assertEqual(run('--config', self.path)[0], 78)

    def test_a_missing_file(self):
        code, _, err = run('--config', self.path)
        self.assertEqual(code, 78)
        self.assertIn(self.path, err)

    def test_check_config(self):
        self.write('heartbeat = 30\nnum_acceptors.tcp = 4\n')
        code, out, err = run('--check-config', '--config', self.path)
        self.assertEqual((code, out), (0, 'the configuration is fine\n'))
        self.assertIn("'num_acceptors.tcp' has no effect here", err)

    def test_check_config_reads_certificates(self):
        code, _, err = run('--check-config', '--set', 'ssl_options.certfile=/nonexistent.pem',
                           '--set', 'ssl_options.keyfile=/nonexistent.key')
        self.assertEqual(code, 78)
        self.assertIn('cannot load the certificate /nonexistent.pem', err)

    def test_print_config_shows_what_holds(self):
        self.write('heartbeat = 1\nframe_max = 8192\nchannel_max = 7\ndefault_pass = hunter2\n')
        code, out, _ = run('--print-config', '--config', self.path, '--set', 'channel_max=9',
                           env={'BILBY_FRAME_MAX': '16384', 'BILBY_CHANNEL_MAX': '8'})
        self.assertEqual(code, 0)
        for line in ('heartbeat = 1', 'frame_max = 16384', 'channel_max = 9'):
            self.assertIn(f'\n{line}\n', out)
        self.assertNotIn('hunter2', out)
        self.write(out)
        self.assertEqual(run('--check-config', '--config', self.path)[0], 0)

    def test_the_file_may_come_from_the_environment(self):
        self.write('heartbeat = 17\n')
        _, out, _ = run('--print-config', env={'BILBY_CONFIG_FILE': self.path})
        self.assertIn('\nheartbeat = 17\n', out)


class Documents(unittest.TestCase):
    """What the table of keys says stands in the manual page, and nothing else."""

    def test_the_manual_page_lists_every_key(self):
        self.assertEqual(man_keys.split()[1], man_keys.section())

    def test_the_threat_model_names_tests_that_there_are(self):
        with open(os.path.join(ROOT, 'docs', 'security.md')) as file:
            named = set(re.findall('`((?:unit|integration|clients)/[a-z_]+)`', file.read()))
        self.assertGreater(len(named), 12)
        for name in named:
            found = [os.path.exists(os.path.join(ROOT, 'tests', name + end)) for end in ('.c', '.py')]
            self.assertTrue(any(found), name)

    def test_the_manual_page_lists_every_exit_code(self):
        with open(os.path.join(ROOT, 'man', 'bilbyd.8')) as file:
            page = file.read()
        with open(os.path.join(ROOT, 'server', 'daemon.h')) as file:
            table = re.findall(r'^ *X\(\w+, (\d+), "(.*)"\)', file.read(), re.M)
        self.assertEqual(re.findall(r'^\.IP (\d+) 4\n(.*)\.$', page, re.M), table)

    def test_the_example_is_a_valid_file(self):
        path = os.path.join(ROOT, 'examples', 'bilby.conf')
        self.assertEqual(run('--check-config', '--config', path)[0], 0)
        with open(path) as file:
            text = file.read()
        patterns = {re.sub(r'NAME', r'[^.=\\s]+', re.escape(p)) for p, *_ in man_keys.keys()}
        for line in text.splitlines():
            found = re.match(r'#?\s?([a-z_]+[\w.]*) = ', line)
            if found:
                self.assertTrue(any(re.fullmatch(p, found.group(1)) for p in patterns), line)


class Users(unittest.TestCase):
    def test_further_users_of_the_configuration(self):
        with Daemon('default_users.ann.password=secret', 'default_users.ann.read=^news',
                    'default_users.ann.write=', 'default_users.ann.configure=',
                    'default_users.ann.tags=monitoring') as broker:
            with broker.connect() as guest:
                guest.channel().queue_declare('news.today', durable=True)
                guest.channel().queue_declare('other', durable=True)
            ann = broker.connect('ann', 'secret')
            channel = ann.channel()
            self.assertEqual(channel.basic_get('news.today'), (None, None, None))
            with self.assertRaisesRegex(Exception, "read access to queue 'other'"):
                channel.basic_get('other')
            ann.close()
            with self.assertRaises(Exception):
                broker.connect('ann', 'wrong')
            # A later change of the file changes nothing of a user that is there.
            broker.stop()
            broker.sets[0] = 'default_users.ann.password=changed'
            broker.start()
            broker.connect('ann', 'secret').close()

    def test_a_pattern_that_does_not_compile(self):
        with self.assertRaisesRegex(RuntimeError, "(?s)ended with 78.*default_users.ann"):
            Daemon('default_users.ann.password=secret', 'default_users.ann.read=(').start()


if __name__ == '__main__':
    unittest.main()
