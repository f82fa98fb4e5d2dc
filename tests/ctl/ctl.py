# SPDX-License-Identifier: Apache-2.0
"""Running bilbyctl: with an environment and a home of its own, so that nothing of the user's counts."""
import json
import os
import subprocess
import tempfile
import unittest

from daemon import ROOT, Daemon

BILBYCTL = os.environ.get('BILBYCTL', os.path.join(ROOT, 'build', 'bilbyctl'))

OK, USAGE, DATA, NO_INPUT, NOT_FOUND, UNAVAILABLE = 0, 64, 65, 66, 67, 69
NO_OUTPUT, REFUSED, CONFIG = 73, 77, 78


def ctl(*arguments, stdin='', env=None, text=True):
    """Gives exit status, standard output and standard error."""
    environment = {k: v for k, v in os.environ.items()
                   if not k.startswith(('BILBY', 'XDG_CONFIG'))}
    environment['HOME'] = '/nonexistent'
    environment.update(env or {})
    done = subprocess.run([BILBYCTL, *arguments], input=stdin, capture_output=True, text=text,
                          env=environment, timeout=60)
    return done.returncode, done.stdout, done.stderr


def tables():
    """The program's own tables: {"commands":[…],"options":[…],"statuses":[…]}."""
    return json.loads(ctl('help', '--formatter', 'json')[1])


class WithBroker(unittest.TestCase):
    """One daemon for all tests of the class; ctl() asks it."""
    settings = ()

    @classmethod
    def setUpClass(cls):
        cls.broker = Daemon(*cls.settings).start()
        cls.scratch = tempfile.TemporaryDirectory(prefix='bilbyctl-test-')

    @classmethod
    def tearDownClass(cls):
        cls.broker.__exit__()
        cls.scratch.cleanup()

    @classmethod
    def prepare(cls, *commands):
        for command in commands:
            cls('good').good(*command)

    def run_ctl(self, *arguments, **more):
        env = {'BILBYCTL_HOST': '127.0.0.1', 'BILBYCTL_PORT': str(self.broker.http_port)}
        env.update(more.pop('env', {}))
        return ctl(*arguments, env=env, **more)

    def good(self, *arguments, **more):
        """Standard output of a command that must succeed and complain about nothing."""
        status, out, err = self.run_ctl(*arguments, **more)
        self.assertEqual((status, err), (OK, '' if isinstance(err, str) else b''), arguments)
        return out

    def json(self, *arguments, **more):
        return json.loads(self.good(*arguments, '--formatter', 'json', **more))

    def bad(self, status, pattern, *arguments, **more):
        code, _, err = self.run_ctl(*arguments, **more)
        self.assertEqual(code, status, (arguments, err))
        self.assertRegex(err, '^bilbyctl: ')
        self.assertRegex(err, pattern)

    def path(self, name, content=None):
        path = os.path.join(self.scratch.name, name)
        if content is not None:
            with open(path, 'w', encoding='utf-8') as file:
                file.write(content)
        return path
