# SPDX-License-Identifier: Apache-2.0
"""The brokers that are compared: each is started by itself, on free loopback ports, in a directory of
its own below a temporary one, and is gone with it.

 (1) `pid` is the process whose CPU time and memory count: bilbyd, or RabbitMQ's beam.
 (2) Nothing of an installed RabbitMQ's data, configuration or running node is touched.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/support"))
from ports import free_ports  # noqa: E402

START_SECONDS = 300  # RabbitMQ takes most of a minute over 10,000 queues
STOP_SECONDS = 60
RABBITMQ_SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # without Debian's change of user


class BrokerError(Exception):
    pass


def answers(port):
    """Whether an AMQP server is ready there: it says connection.start."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.settimeout(5)
            connection.sendall(b"AMQP\0\0\x09\x01")
            return connection.recv(7)[:1] == b"\x01"
    except OSError:
        return False


def wait_for_exit(process):
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def make_certificate(directory):
    """A self-signed one for localhost; (certificate, key)."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", str(key), "-out", str(certificate)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return certificate, key


class Broker:
    """What both have in common.  `start_seconds`: from the process's start to its first answer."""

    name = ""

    def __init__(self, directory, certificate):
        self.directory = directory / self.name
        self.directory.mkdir()
        self.certificate, self.key = certificate
        self.process = None
        self.pid = None
        self.start_seconds = 0.0
        self.port, self.tls_port, *self.other_ports = free_ports(4)

    @property
    def uri(self):
        return "amqp://guest:guest@127.0.0.1:%d/" % self.port

    @property
    def tls_uri(self):
        return "amqps://guest:guest@127.0.0.1:%d/" % self.tls_port

    def start(self):
        began = time.monotonic()
        with open(self.directory / "output", "ab") as output:
            self.process = self.launch(output)
        while not answers(self.port):
            if self.process.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise BrokerError("%s does not start:\n%s" % (self.name, self.output()))
            time.sleep(0.005)
        self.start_seconds = time.monotonic() - began
        self.pid = self.find_pid()
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            os.kill(self.pid or self.process.pid, signal.SIGTERM)
            wait_for_exit(self.process)
        self.process = self.pid = None

    def restart(self):
        self.stop()
        return self.start()

    def fresh(self):
        """Started anew on empty data: so that memory is comparable."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        return self.start()

    def close(self):
        self.stop()

    def output(self):
        return (self.directory / "output").read_text(errors="replace")[-3000:]

    def find_pid(self):
        return self.process.pid

    def disk_bytes(self):
        return sum(path.stat().st_size for path in self.data.rglob("*") if path.is_file())


class Bilby(Broker):
    name = "bilby"

    def __init__(self, directory, certificate, binary):
        super().__init__(directory, certificate)
        self.binary = binary
        self.data = self.directory / "data"

    def launch(self, output):
        settings = {
            "listeners.tcp.1": "127.0.0.1:%d" % self.port,
            "listeners.ssl.1": "127.0.0.1:%d" % self.tls_port,
            "ssl_options.certfile": self.certificate,
            "ssl_options.keyfile": self.key,
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": self.other_ports[0],
        }
        command = [str(self.binary), "--data-dir", str(self.data)]
        for key, value in settings.items():
            command += ["--set", "%s=%s" % (key, value)]
        return subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)

    def version(self):
        text = subprocess.run([str(self.binary), "--version"], stdout=subprocess.PIPE).stdout
        return text.decode().strip() or "bilbyd"


class RabbitMQ(Broker):
    name = "rabbitmq"

    def __init__(self, directory, certificate):
        super().__init__(directory, certificate)
        if not os.access(RABBITMQ_SERVER, os.X_OK):
            raise BrokerError("rabbitmq-server is not installed: ./bootstrap.sh bench does it")
        self.data = self.directory / "mnesia"
        distribution_port, epmd_port = self.other_ports[:2]
        config = self.directory / "rabbitmq.conf"
        config.write_text("\n".join([
            "listeners.tcp.default = 127.0.0.1:%d" % self.port,
            "listeners.ssl.default = 127.0.0.1:%d" % self.tls_port,
            "ssl_options.cacertfile = %s" % self.certificate,
            "ssl_options.certfile = %s" % self.certificate,
            "ssl_options.keyfile = %s" % self.key,
            "ssl_options.verify = verify_none", ""]))
        plugins = self.directory / "plugins"
        plugins.write_text("[].\n")
        self.environment = dict(
            os.environ, HOME=str(self.directory), RABBITMQ_NODENAME="bilby-bench@localhost",
            RABBITMQ_MNESIA_BASE=str(self.data), RABBITMQ_LOG_BASE=str(self.directory / "log"),
            RABBITMQ_CONFIG_FILE=str(config), RABBITMQ_ENABLED_PLUGINS_FILE=str(plugins),
            RABBITMQ_CONF_ENV_FILE="/dev/null", RABBITMQ_DIST_PORT=str(distribution_port),
            ERL_EPMD_PORT=str(epmd_port), ERL_EPMD_ADDRESS="127.0.0.1")
        self.epmd = subprocess.Popen(["epmd"], env=self.environment, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def launch(self, output):
        return subprocess.Popen([RABBITMQ_SERVER], env=self.environment, stdout=output,
                                stderr=output, stdin=subprocess.DEVNULL,
                                cwd=str(self.directory))

    def find_pid(self):
        """The launcher's child; the launcher itself where it has become beam."""
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                head, _, tail = path.read_text().rpartition(")")
                if head.endswith("(beam.smp") and int(tail.split()[1]) == self.process.pid:
                    return int(path.parent.name)
        return self.process.pid

    def close(self):
        super().close()
        self.epmd.terminate()
        wait_for_exit(self.epmd)

    def version(self):
        text = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "rabbitmq-server"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return "RabbitMQ " + (text.decode().strip() or "of an unknown version")
