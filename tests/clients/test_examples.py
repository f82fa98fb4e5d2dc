# SPDX-License-Identifier: Apache-2.0
"""Every example, by the command its reader would use, and what it must have printed."""
import os
import shutil
import subprocess
import unittest

import harness
import support

EXAMPLES = harness.TOP / "examples"


def play(name):
    """(exit status, lines of output)"""
    done = subprocess.run([str(EXAMPLES / "run"), name], env=dict(os.environ, AMQP_URL=support.URL),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90, check=False)
    return done.returncode, done.stdout.decode().splitlines()


class Patterns:
    """Those that every language has."""

    language = None

    def play(self, name):
        status, lines = play("%s/%s" % (self.language, name))
        self.assertEqual(status, 0, "\n".join(lines))
        return lines

    def test_work_queues(self):
        lines = self.play("2-work-queues")
        done = sorted(line for line in lines if line.startswith("[worker] done"))
        self.assertEqual(done, ["[worker] done: " + task for task in
                                ("dig a burrow..", "eat grass..", "look around..", "sleep..")])

    def test_publish_subscribe(self):
        lines = self.play("3-publish-subscribe")
        got = "[receive_logs] received: info: the sun is down, come out"
        self.assertEqual(lines.count(got), 2)

    def test_topics(self):
        lines = self.play("5-topics")
        self.assertEqual(sorted(line for line in lines if "received" in line), [
            "[receive_logs #] received: kern.critical: a kernel error",
            "[receive_logs #] received: kern.info: booted",
            "[receive_logs #] received: mail.critical: no space",
            "[receive_logs *.critical] received: kern.critical: a kernel error",
            "[receive_logs *.critical] received: mail.critical: no space",
            "[receive_logs kern.*] received: kern.critical: a kernel error",
            "[receive_logs kern.*] received: kern.info: booted"])

    def test_rpc(self):
        lines = self.play("6-rpc")
        answers = [line for line in lines if "] fibonacci(" in line]
        self.assertEqual(answers, ["[client 1 10 30] fibonacci(1) = 1",
                                   "[client 1 10 30] fibonacci(10) = 55",
                                   "[client 1 10 30] fibonacci(30) = 832040"])


class Tutorials(Patterns):
    """All seven."""

    def test_hello(self):
        lines = self.play("1-hello")
        self.assertIn("[send] sent: Hello, marsupials!", lines)
        self.assertIn("[receive] received: Hello, marsupials!", lines)

    def test_routing(self):
        lines = self.play("4-routing")
        self.assertEqual(sorted(line for line in lines if "received" in line), [
            "[receive_logs error] received: error: a dingo!",
            "[receive_logs info warning error] received: error: a dingo!",
            "[receive_logs info warning error] received: info: all is quiet"])

    def test_publisher_confirms(self):
        lines = self.play("7-publisher-confirms")
        for way in ("one by one", "in transactions", "as they come"):
            self.assertTrue(any(line.startswith("[publish 500] %s: 500 messages in" % way)
                                for line in lines), lines)


class Python(Tutorials, unittest.TestCase):
    language = "python"


@unittest.skipUnless(shutil.which("make") and shutil.which("pkg-config"), "nothing to build C with")
class C(Tutorials, unittest.TestCase):
    language = "c"


@unittest.skipUnless(shutil.which("php") and os.path.exists("/usr/share/php/PhpAmqpLib"),
                     "no PHP, or php-amqplib is missing")
class Php(Patterns, unittest.TestCase):
    language = "php"


@unittest.skipUnless(subprocess.run(["ruby", "-e", "require %q(bunny)"], stderr=subprocess.DEVNULL,
                                    check=False).returncode == 0 if shutil.which("ruby") else False,
                     "no Ruby, or no Bunny")
class Ruby(Patterns, unittest.TestCase):
    language = "ruby"


@unittest.skipUnless(shutil.which("go") and os.path.exists(
    "/usr/share/gocode/src/github.com/rabbitmq/amqp091-go"), "no Go, or its client is missing")
class Go(Patterns, unittest.TestCase):
    language = "go"


@unittest.skipUnless(shutil.which("javac") and os.path.exists("/usr/share/java/amqp-client.jar"),
                     "no Java, or its client is missing")
class Java(Patterns, unittest.TestCase):
    language = "java"


class Stories(unittest.TestCase):
    def test_rentals(self):
        status, lines = play("rentals")
        self.assertEqual(status, 0, "\n".join(lines))
        village, country, world = (
            [line for line in lines if line.startswith("[watch %s] %s" % (pattern, pattern))]
            for pattern in ("rentals.eu.france.bormes-les-mimosas", "rentals.eu.france.*",
                            "rentals.#"))
        self.assertEqual((len(village), len(country), len(world)), (1, 3, 5))
        self.assertIn("stone house", village[0])
        self.assertFalse([line for line in country if "matera" in line])

    def test_retry(self):
        status, lines = play("retry")
        self.assertEqual(status, 0, "\n".join(lines))
        outcomes = {}
        for line in lines:
            name, _, rest = line.partition("[worker] ")[2].partition(": ")
            if rest.startswith("attempt"):
                outcomes.setdefault(name, []).append(rest.rsplit(": ", 1)[1])
        self.assertEqual(outcomes, {"easy": ["done"], "stubborn": ["failed", "failed", "done"],
                                    "hopeless": ["failed"] * 3 + ["given up"]})

    def test_list(self):
        done = subprocess.run([str(EXAMPLES / "run")], stdout=subprocess.PIPE, check=True)
        self.assertIn(b"retry", done.stdout)


if __name__ == "__main__":
    unittest.main()
