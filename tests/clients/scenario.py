# SPDX-License-Identifier: Apache-2.0
"""What the tests of test_java.py, test_php.py … share: programs in the languages that applications are
written in, with the client library they use.

The programs are in languages/ and all play the same scenario: topology, confirms, returns, headers of every
type, prefetch, direct reply-to, transactions, cancelled consumers, errors, big bodies, heartbeats, TLS,
connection.blocked, recovery after kill -9.  They say "restart" when the broker is to be killed and started
again.  For a broker that runs already, AMQPS_URL with CA_FILE, BLOCKED_URL (one that is low on disk) and
BROKER_RESTART (a command) let the last ones run.
"""
import os
import pathlib
import shutil
import subprocess
import threading
import unittest

import harness
import support
from test_tls import Certificates

LANGUAGES = pathlib.Path(__file__).resolve().parent / "languages"
CHECKS = ["topology", "confirms", "returns", "headers", "prefetch", "rpc", "transactions", "cancelled",
          "errors", "bodies", "heartbeats", "tls", "blocked", "recovery"]
SECONDS = 600  # there is no hurry


def exact(url):
    """Libraries differ in what an empty path means."""
    return url + "%2f" if url.endswith("/") else url


class Stage:
    """What a program needs: a broker with a TLS port that may be killed, one that is low on disk."""

    def __init__(self, folder):
        port = harness.free_port()
        self.broker = harness.Broker(settings={
            "listeners.ssl.1": "127.0.0.1:%d" % port,
            "ssl_options.certfile": str(folder / "server.pem"),
            "ssl_options.keyfile": str(folder / "server.key")}).start()
        try:
            self.full = harness.Broker(settings={"disk_free_limit.absolute": "1000TB"}).start()
        except harness.BrokerDied:
            self.broker.discard()
            raise
        self.environment = {"AMQP_URL": exact(self.broker.url),
                            "BLOCKED_URL": exact(self.full.url),
                            "AMQPS_URL": "amqps://guest:guest@localhost:%d/%%2f" % port,
                            "CA_FILE": str(folder / "ca.pem"), "CAN_RESTART": "1"}

    def restart(self):
        self.broker.restart()

    def close(self):
        try:
            self.broker.close()
        finally:
            self.full.close()


class ForeignStage:
    """A broker that runs already."""

    def __init__(self):
        self.command = os.environ.get("BROKER_RESTART", "")
        self.environment = {"AMQP_URL": exact(support.URL), "CAN_RESTART": self.command}

    def restart(self):
        subprocess.run(self.command, shell=True, check=True)

    def close(self):
        pass


@unittest.skipUnless(shutil.which("openssl"), "no openssl to make certificates with")
class Scenario(unittest.TestCase):
    seconds = SECONDS + 20

    @classmethod
    def setUpClass(cls):
        if not harness.is_external():
            cls.made = Certificates()
            cls.addClassCleanup(shutil.rmtree, cls.made.folder)
            cls.made.issue("server", "/CN=localhost")

    def play(self, command, checks=CHECKS, **environment):
        """Run the program; every check must have been there and gone well."""
        stage = ForeignStage() if harness.is_external() else Stage(self.made.folder)
        self.addCleanup(stage.close)
        process = subprocess.Popen(
            command, cwd=str(LANGUAGES), env=dict(os.environ, **stage.environment, **environment),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        end = threading.Timer(SECONDS, process.kill)
        self.addCleanup(end.cancel)
        end.start()
        lines = []
        for line in process.stdout:
            lines.append(line.decode(errors="replace").rstrip())
            if lines[-1] == "restart":
                stage.restart()
                process.stdin.write(b"\n")
                process.stdin.flush()
        process.wait()
        text = "\n".join(lines)
        self.assertEqual(process.returncode, 0, text)
        done = [line for line in lines if line.startswith(("ok ", "not ok ", "skip "))]
        wanted = ["ok " + check for check in checks]
        if harness.is_external():
            wanted = ["skip " + check if "skip " + check in done else "ok " + check
                      for check in checks]
        self.assertEqual(done, wanted, text)
