#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fills an empty RabbitMQ at HTTP_PORT with more than 500 objects of every kind and prints what it
exports: definitions-3.10.json was made so, of RabbitMQ 3.10. The names come from a seeded generator."""
import json
import os
import random
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'integration'))
from target import External, Target, quote  # noqa: E402

SEED = 20250131
VHOSTS = ['/', 'orders', 'shop/eu-1', 'ümläut', 'spaced out', 'empty']
TAGS = ['', 'management', 'monitoring', 'policymaker', 'administrator', 'impersonator',
        'management,policymaker', 'own-tag,another']
TYPES = ['direct', 'fanout', 'topic', 'headers']
WORDS = ['invoice', 'payment', 'parcel', 'customer', 'stock', 'mail', 'audit', 'retry', 'event', 'log']

# Every kind of argument that RabbitMQ 3.10's classic queues take; quorum's are below.
QUEUE_ARGUMENTS = [
    {}, {'x-message-ttl': 60000}, {'x-expires': 3600000}, {'x-max-length': 100},
    {'x-max-length-bytes': 1048576}, {'x-overflow': 'drop-head', 'x-max-length': 5},
    {'x-overflow': 'reject-publish', 'x-max-length': 5},
    {'x-dead-letter-exchange': 'amq.fanout', 'x-dead-letter-routing-key': 'dead.ü'},
    {'x-dead-letter-exchange': ''}, {'x-max-priority': 10}, {'x-queue-mode': 'lazy'},
    {'x-single-active-consumer': True}, {'x-queue-type': 'classic'}, {'x-queue-version': 2},
    {'x-overflow': 'reject-publish-dlx', 'x-max-length': 7},
    {'own': 'text', 'own-number': -7, 'own-real': 1.5, 'own-flag': False,
     'own-table': {'a': 1, 'b': {'c': 'd'}}, 'own-list': [1, 'two', True, {'three': 3}]},
    {'x-message-ttl': 0, 'x-max-length': 0, 'x-single-active-consumer': True,
     'x-dead-letter-exchange': 'nosuch', 'x-max-length-bytes': 4611686018427387904},
]
QUORUM_ARGUMENTS = [
    {}, {'x-delivery-limit': 5}, {'x-max-length': 100, 'x-overflow': 'reject-publish'},
    {'x-dead-letter-exchange': 'amq.topic', 'x-dead-letter-strategy': 'at-least-once',
     'x-overflow': 'reject-publish'}, {'x-single-active-consumer': True},
    {'x-quorum-initial-group-size': 3}, {'x-max-in-memory-length': 10, 'x-max-in-memory-bytes': 99},
]
BINDING_ARGUMENTS = [
    {'x-match': 'all', 'type': 'invoice', 'level': 3}, {'x-match': 'any', 'urgent': True, 'eu': False},
    {'x-match': 'any-with-x', 'x-special': 'yes', 'share': 0.25}, {'nested': {'a': [1, 2, {'b': 'c'}]}},
]
POLICIES = [
    {'max-length': 1000, 'overflow': 'drop-head'}, {'message-ttl': 5000, 'expires': 600000},
    {'dead-letter-exchange': 'amq.direct', 'dead-letter-routing-key': 'k'},
    {'max-length-bytes': 9999999}, {'queue-mode': 'lazy'}, {'delivery-limit': 4},
]
OPERATOR_POLICIES = [{'max-length': 100000}, {'message-ttl': 60000, 'expires': 7200000},
                     {'max-length-bytes': 99999999}]


class Maker(Target):
    broker = External()

    def __init__(self):
        self.random = random.Random(SEED)
        self.exchanges = {vhost: [] for vhost in VHOSTS}
        self.queues = {vhost: [] for vhost in VHOSTS}

    def put(self, *parts, **body):
        self.good('PUT', '/api/' + '/'.join(quote(part) for part in parts), body)

    def name(self, number):
        return '%s.%s.%03d' % (self.random.choice(WORDS), self.random.choice(WORDS), number)

    def vhosts(self):
        for number, vhost in enumerate(VHOSTS):
            self.put('vhosts', vhost, description=f'the {number}th', tags='one,two' if number % 2 else '')
            if number % 2:
                self.put('vhost-limits', vhost, 'max-connections', value=100 + number)
                self.put('vhost-limits', vhost, 'max-queues', value=1000 + number)

    def users(self):
        for number in range(60):
            user = self.name(number) if number else 'ünï cödé'
            if number % 3:
                self.put('users', user, password=f'secret {number}', tags=TAGS[number % len(TAGS)])
            else:
                self.put('users', user, password_hash='', tags=TAGS[number % len(TAGS)])
            if number % 10 == 1:
                self.put('user-limits', user, 'max-connections', value=number)
                self.put('user-limits', user, 'max-channels', value=-1)
            for vhost in VHOSTS[:number % 4]:
                self.put('permissions', vhost, user, configure=f'^{number}', write='.*', read='')
                if number % 5 == 0:
                    self.put('topic-permissions', vhost, user, exchange='amq.topic',
                             write='^a[.]', read='{username}-{vhost}')

    def topology(self, vhost):
        for number in range(18):
            name, arguments = self.name(number), {}
            if number % 3 == 0:
                arguments['alternate-exchange'] = 'amq.fanout'
            if number % 6 == 1:
                arguments['own'] = {'deep': [1, 'x', {'y': True}]}
            self.put('exchanges', vhost, name, type=TYPES[number % 4], durable=number % 5 != 0,
                     auto_delete=number % 7 == 3, internal=number % 4 == 1, arguments=arguments)
            self.exchanges[vhost].append((name, TYPES[number % 4]))
        for number, arguments in enumerate(QUEUE_ARGUMENTS + QUORUM_ARGUMENTS):
            name = self.name(100 + number) + self.random.choice(['', ' x', '/y', 'ä', '~', '%2F', '"'])
            quorum = number >= len(QUEUE_ARGUMENTS)
            if quorum:
                arguments = dict(arguments, **{'x-queue-type': 'quorum'})
            self.put('queues', vhost, name, durable=quorum or number % 4 != 3,
                     auto_delete=not quorum and number % 6 == 4, arguments=arguments)
            self.queues[vhost].append(name)

    def bind(self, vhost, number):
        source, kind = self.random.choice(self.exchanges[vhost])
        to_exchange = number % 5 == 0
        target = self.random.choice(self.exchanges[vhost])[0] if to_exchange else \
            self.random.choice(self.queues[vhost])
        arguments = self.random.choice(BINDING_ARGUMENTS) if kind == 'headers' or number % 9 == 0 else {}
        key = self.random.choice(['', '#', 'a.*.b', 'key %20', 'ü', self.name(number)])
        self.good('POST', '/api/bindings/%s/e/%s/%s/%s' % (
            quote(vhost), quote(source), 'e' if to_exchange else 'q', quote(target)),
            {'routing_key': key, 'arguments': arguments})

    def policies(self, vhost):
        for number, definition in enumerate(POLICIES):
            only_queues = set(definition) - {'alternate-exchange'}
            self.put('policies', vhost, f'policy {number}', pattern=f'^{WORDS[number]}[.]',
                     definition=definition, priority=number,
                     **{'apply-to': 'queues' if only_queues else 'all'})
        self.put('policies', vhost, 'both', pattern='x$', priority=-1, **{'apply-to': 'all'},
                 definition={'alternate-exchange': 'amq.fanout', 'max-length': 77})
        self.put('policies', vhost, 'exchanges', pattern='', **{'apply-to': 'exchanges'},
                 definition={'alternate-exchange': 'amq.headers'})
        for number, definition in enumerate(OPERATOR_POLICIES):
            self.put('operator-policies', vhost, f'cap {number}', pattern=f'{number}',
                     definition=definition, priority=number, **{'apply-to': 'queues'})

    def make(self):
        self.vhosts()
        self.users()
        for number, value in enumerate(['text', 5, {'a': {'b': [1, 2, None, True]}}, [], 1.5, False]):
            self.put('global-parameters', f'parameter-{number}', value=value)
        for vhost in VHOSTS[:-1]:
            self.topology(vhost)
            for number in range(40):
                self.bind(vhost, number)
            self.policies(vhost)
        return self.good('GET', '/api/definitions')


def one_a_line(definitions):
    """The document with an object a line."""
    parts = []
    for key, value in definitions.items():
        if isinstance(value, list):
            rows = [' ' + json.dumps(row, sort_keys=True, ensure_ascii=False) for row in value]
            parts.append('%s: [\n%s\n]' % (json.dumps(key), ',\n'.join(rows)))
        else:
            parts.append('%s: %s' % (json.dumps(key), json.dumps(value)))
    return '{\n%s\n}' % ',\n'.join(parts)


def main():
    definitions = Maker().make()
    print(one_a_line(definitions))
    print({key: len(value) for key, value in definitions.items() if isinstance(value, list)},
          file=sys.stderr)


if __name__ == '__main__':
    main()
