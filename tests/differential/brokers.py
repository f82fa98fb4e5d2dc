# SPDX-License-Identifier: Apache-2.0
"""The two that are compared: a RabbitMQ and a Bilby of our own, or such as run already.

 (1) Both have the users of tests/clients/harness.py, and nothing else but what RabbitMQ begins with.
 (2) What was started here is gone when the `with` ends, its directory too.
"""
import contextlib
import http.client
import importlib.util
import json
import pathlib
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/clients"))
_spec = importlib.util.spec_from_file_location("bench_brokers", TOP / "bench/brokers.py")
bench = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bench)
import harness  # noqa: E402

HTTP_SECONDS = 120
AUTHORIZATION = {"Authorization": "Basic Z3Vlc3Q6Z3Vlc3Q="}  # guest:guest


class Address:
    """Where a broker answers; both on this machine."""

    def __init__(self, name, port, http_port):
        self.name, self.port, self.http_port = name, port, http_port


class ManagedRabbitMQ(bench.RabbitMQ):
    """bench's RabbitMQ with the management plugin."""

    def __init__(self, directory):
        super().__init__(directory, bench.make_certificate(directory))
        self.http_port = harness.free_port()
        with open(self.directory / "rabbitmq.conf", "a") as config:
            config.write("management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = %d\n"
                         "collect_statistics_interval = 1000\n" % self.http_port)
        (self.directory / "plugins").write_text("[rabbitmq_management].\n")


def wait_for_api(port):
    deadline = time.monotonic() + HTTP_SECONDS
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/api/overview", headers=AUTHORIZATION)
            if connection.getresponse().status == 200:
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def load_users(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/api/definitions", json.dumps(harness.definitions()),
                       {**AUTHORIZATION, "Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status >= 300:
        raise RuntimeError("definitions: %d %s" % (response.status, response.read()))


@contextlib.contextmanager
def rabbitmq(ports=None):
    """A RabbitMQ with our users; `ports` is AMQP's and HTTP's of one that runs already."""
    if ports:
        load_users(ports[1])
        yield Address("rabbitmq", *ports)
        return
    with tempfile.TemporaryDirectory(prefix="bilby-differential-") as directory:
        broker = ManagedRabbitMQ(pathlib.Path(directory))
        try:
            broker.start()
            wait_for_api(broker.http_port)
            load_users(broker.http_port)
            yield Address("rabbitmq", broker.port, broker.http_port)
        finally:
            broker.close()


@contextlib.contextmanager
def bilby(ports=None):
    """A Bilby with our users."""
    if ports:
        yield Address("bilby", *ports)
        return
    hashing = {"password_hashing_module": "rabbit_password_hashing_sha256"}
    with harness.Broker(settings=hashing) as broker:
        yield Address("bilby", broker.port, broker.management_port)


if __name__ == "__main__":
    with rabbitmq() as one:
        print(one.port, one.http_port, flush=True)
        while True:
            time.sleep(3600)
