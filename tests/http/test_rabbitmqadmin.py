# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ's own rabbitmqadmin, unmodified, as Debian ships it: every command of its help, and what it
prints. rabbitmqadmin.txt holds the commands with what they printed against RabbitMQ 3.10; `RECORD=1
BROKER=external …/run test_rabbitmqadmin` writes it anew.

A line `$ …` is a command; `& …` opens or closes an AMQP client. What the environment decides (ports,
node names, versions, bytes) is printed as a capital word, and runs of spaces and dashes as one, so
that a table's width doesn't matter."""
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest

import pika

from daemon import ROOT
from target import EXTERNAL, HERE, RECORD, Target

CACHE = os.path.join(ROOT, 'build', 'cache')
TRANSCRIPT = os.path.join(HERE, 'rabbitmqadmin.txt')
# RabbitMQ's lists are as old as its statistics (give it collect_statistics_interval = 1000).
STATISTICS_SECONDS = 6
STATISTICS = re.compile(r' list (connections|channels|consumers|queues|vhosts)| show | get | purge ')

NORMAL = [
    (r'127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+', 'CONNECTION'),
    (r'\b[\w-]+@[\w.-]+', 'NODE'),
    (r'"127\.0\.0\.1"', 'HOST'),
    (r'\b\d+\.\d+\.\d+(-[\w.]+)?\b(?!:)', 'VERSION'),
    (r'(?<= )[\w/+]{48}(?= )', 'HASH'),
    (r'~[\w-]{6,8}(?= )', '~HASH'),
    (r'\b(configure|write|read) access to', 'access to'),  # which one is told since 3.11
    (r"should be (one of: )?'queues', .*", 'SOME LIST'),  # the list is longer since 3.12
    (r'&lt;&lt;|<<', '<<'), (r'&gt;&gt;|>>', '>>'),  # 3.10 quotes terms for HTML
    (r'"expected integer, got (\w+)"', r'{unacceptable_type,\1}'),
    (r'{"missing \)",1}', 'missing closing parenthesis at offset 1'),  # the libraries' own words
    (r'\b(disc \| )\d+', r'\1BYTES'),
    (r'("?peer_port"?[ :|=]*"?)\d+', r'\1PORT'),
    (r'(127\.0\.0\.1 +\| )\d{4,5}\b', r'\1PORT'),
    (r'-{2,}', '-'), (r' {2,}', ' '), (r'={2,}', '='),
]


def fetch():
    """The script alone, out of Debian's package: nobody needs to have the broker installed."""
    with tempfile.TemporaryDirectory(prefix='bilby-http-') as directory:
        for command in (['apt-get', '-q', 'download', 'rabbitmq-server'],
                        ['sh', '-c', 'dpkg-deb --fsys-tarfile *.deb | tar x ./usr/bin/rabbitmqadmin']):
            if subprocess.run(command, cwd=directory, capture_output=True).returncode:
                return
        os.makedirs(CACHE, exist_ok=True)
        shutil.move(os.path.join(directory, 'usr/bin/rabbitmqadmin'), CACHE)


def find_admin():
    """Where it is; None when it can't be had."""
    found = shutil.which('rabbitmqadmin')
    cached = os.path.join(CACHE, 'rabbitmqadmin')
    if not found and not os.path.exists(cached) and shutil.which('apt-get'):
        fetch()
    return found or (cached if os.path.exists(cached) else None)


ADMIN = find_admin()


def in_order(found):
    """A JSON object with its keys in order."""
    try:
        return json.dumps(json.loads(found[0]), sort_keys=True)
    except ValueError:
        return found[0]


def normal(text):
    text = re.sub(r'{"[^|\n]*}', in_order, text)
    for pattern, replacement in NORMAL:
        text = re.sub(pattern, replacement, text)
    return '\n'.join(line.rstrip() for line in text.splitlines()).rstrip('\n')


def steps():
    """(command, what it printed) in order; comments stand for themselves."""
    with open(TRANSCRIPT, encoding='utf-8') as file:
        parts = re.split(r'^(?=[$&#] )', file.read(), flags=re.M)
    for part in parts:
        command, _, printed = part.partition('\n')
        if command:
            yield command, normal(printed)


@unittest.skipUnless(ADMIN, "Debian's package rabbitmq-server can't be had")
class Transcript(Target):
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix='bilby-http-')
        self.connections = {}
        self.addCleanup(shutil.rmtree, self.directory)
        self.addCleanup(self.close_all)

    def close_all(self):
        for connection in self.connections.values():
            try:
                connection.close()
            except pika.exceptions.AMQPError:
                pass  # the transcript had it closed

    def admin(self, arguments):
        """rabbitmqadmin's output, errors behind it, and the status when it isn't 0."""
        for name, connection in self.connections.items():
            client = connection._impl._transport._sock.getsockname()
            arguments = arguments.replace(
                '{%s}' % name, '127.0.0.1:%d -> 127.0.0.1:%d' % (client[1], self.broker.port))
        command, _, given = arguments.partition(' <<< ')
        done = subprocess.run(
            ['/usr/bin/python3', ADMIN, '-H', '127.0.0.1', '-P', str(self.broker.http_port)] +
            shlex.split(command), input=given, cwd=self.directory, capture_output=True, text=True,
            env=dict(os.environ, HOME=self.directory), timeout=60)
        text = done.stdout + done.stderr
        return text + (f'status {done.returncode}\n' if done.returncode else '')

    def client(self, words):
        verb, name, *rest = words.split()
        if verb == 'open':
            self.connections[name] = connection = self.connect(vhost=rest[0])
            connection.channel()
        elif verb == 'consume':
            channel = self.connections[name].channel()
            channel.basic_qos(prefetch_count=7)
            channel.basic_consume(rest[0], lambda *_: None, consumer_tag=rest[1],
                                  exclusive='exclusive' in rest, arguments={'x-priority': 3})
        elif verb == 'cat':
            with open(os.path.join(self.directory, name), encoding='utf-8') as file:
                return file.read()
        elif verb == 'keys':
            with open(os.path.join(self.directory, name), encoding='utf-8') as file:
                return ' '.join(sorted(set(json.load(file)) & set(rest)))
        elif verb == 'closed':
            with self.assertRaises(pika.exceptions.ConnectionClosedByBroker) as closed:
                self.connections.pop(name).process_data_events(60)
            return '%d %s' % closed.exception.args
        else:
            self.connections.pop(name).close()
        return ''

    def run_step(self, command):
        if command.startswith('#'):
            return ''
        if command.startswith('&'):
            return normal(self.client(command[2:]))
        if EXTERNAL and STATISTICS.search(command):
            time.sleep(STATISTICS_SECONDS)
        return normal(self.admin(command[2:]))

    def test_all_commands_print_what_they_print_against_rabbitmq(self):
        printed = []
        differ = []
        for command, expected in steps():
            got = self.run_step(command)
            printed.append('\n'.join(line for line in (command, got) if line))
            if got != expected:
                differ.append('%s\n-- expected\n%s\n-- got\n%s' % (command, expected, got))
        if RECORD:
            with open(TRANSCRIPT, 'w', encoding='utf-8') as file:
                file.write('\n'.join(printed) + '\n')
        elif differ:
            self.fail('\n\n'.join(differ))

    def test_the_transcript_has_every_command_of_the_help(self):
        text = self.admin('help subcommands')
        commands = set(re.findall(r'^  (list \w+|show \w+|declare \w+|delete \w+|close \w+|purge \w+|'
                                  r'export|import|publish|get) ', text, re.M))
        self.assertGreater(len(commands), 40)
        with open(TRANSCRIPT, encoding='utf-8') as file:
            used = file.read()
        for command in sorted(commands):
            self.assertRegex(used, r'(?m)^\$ .*\b%s\b' % command, command)
