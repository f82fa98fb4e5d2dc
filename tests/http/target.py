# SPDX-License-Identifier: Apache-2.0
"""The broker under test: a daemon of our own, or with BROKER=external the one that answers at HTTP_PORT
and AMQP_PORT of this machine, which the expectations were taken from."""
import base64
import http.client
import json
import os
import time
import unittest
import urllib.parse

import pika

from daemon import Daemon

EXTERNAL = os.environ.get('BROKER') == 'external'
RECORD = os.environ.get('RECORD')  # write the expectations down instead of comparing
HERE = os.path.dirname(os.path.abspath(__file__))

# For what concerns how Bilby is built, or where it differs on purpose (docs/compatibility.md).
bilby_only = unittest.skipIf(EXTERNAL, 'Bilby only')


def quote(name):
    return urllib.parse.quote(name, safe='')


class External:
    """Answers to what the tests ask of a Daemon."""
    port = int(os.environ.get('AMQP_PORT', '5672'))
    http_port = int(os.environ.get('HTTP_PORT', '15672'))

    def start(self):
        return self

    def __exit__(self, *_):
        pass


class Answer:
    def __init__(self, response, text):
        self.status, self.headers, self.text = response.status, response.headers, text

    def json(self):
        return json.loads(self.text)


class Target(unittest.TestCase):
    """One broker for all tests of the class."""
    settings = ()

    @classmethod
    def setUpClass(cls):
        hashing = ('password_hashing_module=rabbit_password_hashing_sha256',  # RabbitMQ's, and quick
                   'password_hashing_iterations=1000')
        cls.broker = External() if EXTERNAL else Daemon(*hashing, *cls.settings)
        cls.broker.start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.__exit__()

    @classmethod
    def ask(cls, method, path, body=None, user='guest', password=None, headers=()):
        """One request on a connection of its own; a body that is no text goes as JSON."""
        connection = http.client.HTTPConnection('127.0.0.1', cls.broker.http_port, timeout=60)
        wanted = {'Content-Type': 'application/json'} if body is not None else {}
        wanted.update(headers)
        if user is not None:
            secret = f'{user}:{user if password is None else password}'.encode()
            wanted['Authorization'] = 'Basic ' + base64.b64encode(secret).decode()
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        connection.request(method, path, body, wanted)
        response = connection.getresponse()
        answer = Answer(response, response.read().decode())
        connection.close()
        return answer

    @classmethod
    def good(cls, method, path, body=None, **more):
        """The status must be a good one; gives the JSON, if any."""
        answer = cls.ask(method, path, body, **more)
        if answer.status >= 300:
            raise AssertionError(f'{method} {path}: {answer.status} {answer.text}')
        return answer.json() if answer.text else None

    @classmethod
    def connect(cls, user='guest', vhost='/', **parameters):
        return pika.BlockingConnection(pika.ConnectionParameters(
            host='127.0.0.1', port=cls.broker.port, virtual_host=vhost,
            credentials=pika.PlainCredentials(user, user), **parameters))

    @staticmethod
    def until(condition, patience=60):
        """Waits until the condition gives something, which is returned."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError('it did not come true')
