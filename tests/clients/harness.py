# SPDX-License-Identifier: Apache-2.0
"""A broker to test against: the freshly built bilbyd, or one that runs already.

With nothing set, Broker starts build/bilbyd (BILBYD names another binary) on free loopback ports with a
fresh data directory.  With BROKER=external it is the broker at AMQP_URL, and whatever would kill or
configure it is skipped by the tests (`Broker.external`).

 (1) A broker that this module started is gone when its Broker is closed, its directory with it.
 (2) Its whole log is kept in memory reach: Broker.log() has it after any end.
 (3) An exit that was not asked for is an error: stop() and kill() raise BrokerDied.
"""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import wire

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))
from ports import free_ports  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUILD_DIR", TOP / "build"))
START_SECONDS = float(os.environ.get("BROKER_START_SECONDS", wire.PATIENCE))
STOP_SECONDS = wire.PATIENCE
OTHER_VHOST = "tests-other"

# name: (tags, {vhost: (configure, write, read)}); the password is the name
USERS = {
    "tests-none": ([], {}),
    "tests-owner": ([], {"/": (r"^own\.", r"^own\.", r"^own\.")}),
    "tests-reader": ([], {"/": ("^$", "", ".*")}),
    "tests-writer": ([], {"/": ("", ".*", "")}),
    "tests-topic": ([], {"/": (".*", ".*", ".*")}),
    "tests-noamq": ([], {"/": (r"^(?!amq\.).*", r"^(?!amq\.).*", r"^(?!amq\.).*")}),
    "tests-actor": (["impersonator"], {"/": (".*", ".*", ".*")}),
    "guest": (["administrator"], {"/": (".*", ".*", ".*"), OTHER_VHOST: (".*", ".*", ".*")}),
}
TOPIC_PERMISSIONS = [("tests-topic", "/", "amq.topic", r"^open\.", r"^open\.")]


class BrokerDied(Exception):
    pass


def password_hash(password, salt=b"\x90\x8d\xc6\x0a"):
    """RabbitMQ's salted SHA-256, as it stands in definitions files."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def definitions():
    """The users and virtual hosts that the permission tests want."""
    return {
        "vhosts": [{"name": "/"}, {"name": OTHER_VHOST}],
        "users": [{"name": name, "password_hash": password_hash(name), "tags": tags,
                   "hashing_algorithm": "rabbit_password_hashing_sha256", "limits": {}}
                  for name, (tags, _) in USERS.items()],
        "permissions": [{"user": name, "vhost": vhost, "configure": c, "write": w, "read": r}
                        for name, (_, permissions) in USERS.items()
                        for vhost, (c, w, r) in permissions.items()],
        "topic_permissions": [{"user": u, "vhost": v, "exchange": x, "write": w, "read": r}
                              for u, v, x, w, r in TOPIC_PERMISSIONS],
        "parameters": [], "global_parameters": [], "policies": [],
        "queues": [], "exchanges": [], "bindings": [],
    }


def free_port():
    return free_ports(1)[0]


def is_external():
    return os.environ.get("BROKER") == "external"


def binary():
    return os.environ.get("BILBYD", str(BUILD / "bilbyd"))


def is_plain():
    """Is the daemon an ordinary build, whose speed and size mean something?"""
    return not {"sanitize", "tsan", "coverage"} & set(pathlib.Path(binary()).parts)


class ExternalBroker:
    """The broker at AMQP_URL; it can neither be killed nor configured."""

    external = True

    def __init__(self):
        self.url = os.environ.get("AMQP_URL", wire.DEFAULT_URL)
        self.management_url = os.environ.get("MANAGEMENT_URL")

    def start(self):
        return self

    def log(self):
        return ""

    def close(self):
        pass

    discard = close


class Broker:
    """One bilbyd process and its data directory.  Not for several threads."""

    external = False

    def __init__(self, settings=None, wrapper=(), users=True):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bilby-test-"))
        self.data = self.directory / "data"
        self.log_path = self.directory / "log"
        self.port, self.management_port = free_ports(2)
        self.url = "amqp://guest:guest@127.0.0.1:%d/" % self.port
        self.management_url = "http://127.0.0.1:%d" % self.management_port
        self.settings = dict(settings or {})
        self.wrapper = list(wrapper)
        self.process = None
        if users:
            path = self.directory / "definitions.json"
            path.write_text(json.dumps(definitions(), indent=1))
            self.settings.setdefault("load_definitions", str(path))

    def command(self):
        settings = {"listeners.tcp.1": "127.0.0.1:%d" % self.port,
                    "management.tcp.ip": "127.0.0.1",
                    "management.tcp.port": str(self.management_port), **self.settings}
        sets = [word for key, value in settings.items()
                for word in ("--set", "%s=%s" % (key, value))]
        return self.wrapper + [binary(), "--data-dir", str(self.data)] + sets

    def start(self):
        """Start, and return when the port accepts; the seconds it took are in start_seconds."""
        if not os.access(binary(), os.X_OK):
            raise BrokerDied("no broker to test: %s is not there (make it, or set BILBYD, or "
                             "BROKER=external with AMQP_URL)" % binary())
        began = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=str(self.directory))
        while not self._accepts():
            if self.process.poll() is not None:
                raise BrokerDied("the broker ended while starting, status %s\n%s"
                                 % (self.process.returncode, self.log()))
            if time.monotonic() - began > START_SECONDS:
                self._end(signal.SIGKILL)
                raise BrokerDied("no answer on port %d within %g s\n%s"
                                 % (self.port, START_SECONDS, self.log()))
            time.sleep(0.01)
        self.start_seconds = time.monotonic() - began
        return self

    def _accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def _end(self, number):
        self.process.send_signal(number)
        self.process.wait(STOP_SECONDS)

    def check_alive(self):
        if self.process is not None and self.process.poll() is not None:
            raise BrokerDied("the broker died by itself, status %s\n%s"
                             % (self.process.returncode, self.log()))

    def kill(self):
        """kill -9, wherever it is."""
        self.check_alive()
        self._end(signal.SIGKILL)
        self.process = None

    def stop(self, number=signal.SIGTERM):
        """Ask it to end; its exit status."""
        self.check_alive()
        self._end(number)
        status, self.process = self.process.returncode, None
        return status

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def restart(self):
        """kill -9 and start again on the same directory and ports."""
        self.kill()
        return self.start()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def cpu_seconds(self):
        """Processor time since its start: unlike the clock's, it doesn't depend on what else runs."""
        fields = pathlib.Path("/proc/%d/stat" % self.process.pid).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self):
        status = pathlib.Path("/proc/%d/status" % self.process.pid).read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def close(self):
        """End it if it runs and throw its directory away; BrokerDied if it had ended by itself."""
        try:
            if self.process is not None:
                self.check_alive()
                try:
                    self._end(signal.SIGTERM)
                except subprocess.TimeoutExpired:
                    self._end(signal.SIGKILL)
                    raise BrokerDied("the broker did not end within %g s of SIGTERM\n%s"
                                     % (STOP_SECONDS, self.log())) from None
                if self.process.returncode != 0:
                    raise BrokerDied("exit status %s after SIGTERM\n%s"
                                     % (self.process.returncode, self.log()))
        finally:
            self.process = None
            self._remove()

    def discard(self):
        """End it in whatever state it is, without a word, and throw its directory away."""
        if self.process is not None and self.process.poll() is None:
            self._end(signal.SIGKILL)
        self.process = None
        self._remove()

    def _remove(self):
        if not os.environ.get("KEEP_DATA"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BrokerDied:
            self.discard()
            raise

    def __exit__(self, *_):
        self.close()


def broker(**options):
    """The broker that the environment asks for, started."""
    return ExternalBroker() if is_external() else Broker(**options).start()


if __name__ == "__main__":
    # What a running broker must load for the permission tests not to be skipped on it.
    json.dump(definitions(), sys.stdout, indent=1)
