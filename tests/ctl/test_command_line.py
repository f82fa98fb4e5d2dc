# SPDX-License-Identifier: Apache-2.0
"""What is said without a broker: usage, help, the manual page, settings."""
import os
import re
import tempfile
import unittest

import man_commands
from ctl import CONFIG, DATA, NO_INPUT, OK, REFUSED, UNAVAILABLE, USAGE, WithBroker, ctl, tables
from daemon import ROOT, free_ports


class Usage(unittest.TestCase):
    def check(self, status, pattern, *arguments, **more):
        code, out, err = ctl(*arguments, **more)
        self.assertEqual((code, out), (status, ''), arguments)
        self.assertRegex(err, pattern)

    def test_words_that_make_no_sense(self):
        self.check(USAGE, 'what shall it do')
        self.check(USAGE, 'no command frobnicate', 'frobnicate')
        self.check(USAGE, 'no option --frob', '--frob', 'ping')
        self.check(USAGE, 'no option -ho', '-ho', 'x', 'ping')
        self.check(USAGE, 'it wants user\nUsage: bilbyctl delete_user user', 'delete_user')
        self.check(USAGE, r'what is this\? y', 'delete_user', 'x', 'y')
        self.check(USAGE, 'ping takes no --vhost', 'ping', '-p', '/')
        self.check(USAGE, '--port wants a value', 'ping', '--port')
        self.check(USAGE, "port is a whole number, not 'x'", 'ping', '--port', 'x')
        self.check(USAGE, '--ssl takes no value', 'ping', '--ssl=1')
        self.check(USAGE, '--host is given twice', 'ping', '-H', 'a', '--host', 'b')
        self.check(USAGE, '--password-file is given twice', 'ping', '--password', 'a',
                   '--password-file', 'b')
        self.check(USAGE, 'this is no name=value: orders', 'declare', 'queue', 'orders')
        self.check(USAGE, 'no such argument: nam=x', 'declare', 'queue', 'nam=x')
        self.check(USAGE, 'given twice: name', 'declare', 'queue', 'name=x', 'name=y')
        self.check(USAGE, "no column 'frob'. There are: name messages", 'list_queues', 'frob')
        self.check(USAGE, "no column 'name_'", 'list_queues', 'name_')
        self.check(USAGE, '--formatter is table, json', 'list_queues', '--formatter', 'xml')
        self.check(USAGE, 'user must not be empty', 'delete_user', '')
        self.check(USAGE, "durable is true or false, not 'yes'", 'declare', 'queue', 'name=q',
                   'durable=yes')
        self.check(DATA, 'arguments is no JSON', 'declare', 'queue', 'name=q', 'arguments={')

    def test_eval_is_refused_with_a_reason(self):
        self.check(USAGE, 'eval is refused: the broker has no interpreter', 'eval', 'node().')

    def test_help_names_every_command_and_option(self):
        known = tables()
        code, out, err = ctl('--help')
        self.assertEqual((code, err), (OK, ''))
        for command in known['commands']:
            self.assertIn('  ' + command['name'] + ' ', out)
        for option in known['options']:
            if not option['named']:
                self.assertIn('--' + option['name'], out)
        self.assertEqual(ctl('help')[1], out)

    def test_help_about_a_command(self):
        by_option = ctl('declare', 'queue', '--help')[1]
        self.assertEqual(ctl('help', 'declare', 'queue')[1], by_option)
        self.assertIn('declare queue name= [queue_type=]', by_option)
        self.assertRegex(ctl('help', 'list_queues')[1], r'--sort COLUMN[\s\S]*Columns: name, messages')
        self.assertEqual(ctl('help', 'frob')[0], USAGE)

    def test_every_option_that_a_command_names_exists(self):
        known = tables()
        names = {option['name'] for option in known['options']}
        with open(os.path.join(ROOT, 'tools', 'bilbyctl_commands.def'), encoding='utf-8') as file:
            rows = re.findall(r'^    X\("([^"]*)", "[^"]*", "([^"]*)"', file.read(), re.M)
        self.assertEqual(len(rows), len(known['commands']))
        for name, options in rows:
            self.assertLessEqual(set(options.split()), names, name)

    def test_version(self):
        self.assertRegex(ctl('--version')[1], r'^bilbyctl \d+\.\d+\.\d+\n$')
        self.assertRegex(ctl('version')[1], r'^\d+\.\d+\.\d+\n$')


class ManualPage(unittest.TestCase):
    def test_the_page_says_what_the_tables_say(self):
        page = man_commands.read()
        for name, make in man_commands.SECTIONS.items():
            self.assertEqual(man_commands.split(page, name)[1], make(), name)


class Unreachable(unittest.TestCase):
    def test_nobody_listens(self):
        port = str(free_ports(1)[0])
        code, _, err = ctl('ping', '-H', '127.0.0.1', '-P', port)
        self.assertEqual(code, UNAVAILABLE)
        self.assertIn(f'http://127.0.0.1:{port}', err)
        self.assertIn('does the broker run', err)

    def test_waiting_has_an_end(self):
        port = str(free_ports(1)[0])
        self.assertEqual(ctl('await_startup', '-P', port, '-t', '0')[0], UNAVAILABLE)


class Settings(WithBroker):
    """The broker's address comes from where each test says."""

    def write(self, text):
        return self.path('bilbyctl.conf', text.format(port=self.broker.http_port))

    def test_a_port_of_another_protocol(self):
        code, _, err = ctl('ping', '-H', '127.0.0.1', '-P', str(self.broker.port))
        self.assertEqual(code, UNAVAILABLE)
        self.assertIn('another than the one for AMQP', err)
        code, _, err = ctl('ping', '--ssl', '-H', '127.0.0.1', '-P', str(self.broker.http_port))
        self.assertEqual(code, UNAVAILABLE)
        self.assertIn('without --ssl', err)

    def test_options_before_environment_before_file(self):
        path = self.write('# ours\nhost = 127.0.0.1\nport = {port}\nusername=nobody\n')
        env = {'BILBYCTL_CONFIG': path}
        self.assertEqual(ctl('ping', env=env)[0], REFUSED)
        self.assertEqual(ctl('ping', '--username', 'guest', env=env)[0], OK)
        env['BILBYCTL_USERNAME'] = 'guest'
        self.assertEqual(ctl('ping', env=env)[0], OK)
        self.assertEqual(ctl('ping', '--username', 'nobody', env=env)[0], REFUSED)

    def test_sections_by_node(self):
        path = self.write('username = nobody\n[shop]\nhost = 127.0.0.1\nport = {port}\n'
                          'username = guest\n[other]\nport = 1\n')
        self.assertEqual(ctl('ping', '--config', path, '-n', 'shop')[0], OK)
        self.assertEqual(ctl('ping', '--config', path, '-n', 'other')[0], UNAVAILABLE)

    def test_a_node_that_is_no_section_is_a_host(self):
        port = str(self.broker.http_port)
        self.assertEqual(ctl('ping', '-n', 'rabbit@127.0.0.1', '-P', port)[0], OK)
        self.assertIn('http://127.0.0.2:1:', ctl('ping', '-n', '127.0.0.2', '-P', '1')[2])

    def test_the_home_file_may_be_there(self):
        with tempfile.TemporaryDirectory() as home:
            os.mkdir(os.path.join(home, '.config'))
            with open(os.path.join(home, '.config', 'bilbyctl.conf'), 'w') as file:
                file.write(f'host = 127.0.0.1\nport = {self.broker.http_port}\n')
            self.assertEqual(ctl('ping', env={'HOME': home})[0], OK)

    def test_a_wrong_file(self):
        for text, pattern in (('frob = 1\n', ":1: there is no setting 'frob'"),
                              ('\nhost\n', ":2: this is no 'key = value'"),
                              ('port = x\n', "port is a whole number"),
                              ('ssl = maybe\n', 'ssl is true or false')):
            code, _, err = ctl('ping', '--config', self.write(text))
            self.assertEqual(code, CONFIG, text)
            self.assertRegex(err, pattern)
        self.assertEqual(ctl('ping', '--config', '/nonexistent/file')[0], NO_INPUT)

    def test_passwords_out_of_files(self):
        self.good('add_user', 'filed', 'from a file', '--tags', 'management')
        path = self.path('password', 'from a file\nnot this\n')
        out = self.good('whoami', '--username', 'filed', '--password-file', path)
        self.assertIn('filed', out)
        # A file on the command line goes before a password in the environment.
        self.good('whoami', '--username', 'filed', '--password-file', path,
                  env={'BILBYCTL_PASSWORD': 'wrong'})
        self.bad(NO_INPUT, 'No such file', 'whoami', '--password-file', '/nonexistent')

    def test_the_virtual_host_of_the_environment(self):
        self.good('add_vhost', 'elsewhere')
        out = self.json('list_exchanges', 'vhost', env={'BILBYCTL_VHOST': 'elsewhere'})
        self.assertEqual({row['vhost'] for row in out}, {'elsewhere'})
        self.good('ping', env={'BILBYCTL_VHOST': 'elsewhere'})
