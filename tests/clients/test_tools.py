# SPDX-License-Identifier: Apache-2.0
"""librabbitmq's command line tools, as a shell script uses them."""
import shutil
import subprocess
import unittest
import uuid

import support
import wire


def tool(name, *arguments, stdin=None, timeout=support.PATIENCE):
    """Run amqp-NAME against the broker; (exit status, output, errors)"""
    done = subprocess.run(["amqp-" + name, "--url=" + url()] + list(arguments), input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def url():
    host, port, user, password, vhost = wire.parse_url(support.URL)
    return "amqp://%s:%s@%s:%d/%s" % (user, password, host, port,
                                      vhost.replace("/", "%2f") if vhost != "/" else "%2f")


@unittest.skipUnless(shutil.which("amqp-publish"), "amqp-tools are not installed")
class Tools(unittest.TestCase):
    def setUp(self):
        self.q = "tools-%s" % uuid.uuid4().hex[:8]
        status, out, err = tool("declare-queue", "-q", self.q)
        self.assertEqual((status, out.decode().strip()), (0, self.q), err)
        self.addCleanup(tool, "delete-queue", "-q", self.q)

    def test_publish_and_get(self):
        self.assertEqual(tool("publish", "-r", self.q, "-b", "hello")[0], 0)
        self.assertEqual(tool("get", "-q", self.q)[:2], (0, b"hello"))

    def test_get_of_nothing(self):
        status, out, _ = tool("get", "-q", self.q)
        self.assertEqual((status, out), (2, b""))

    def test_publish_from_stdin(self):
        body = bytes(range(256)) * 2000
        self.assertEqual(tool("publish", "-r", self.q, "-p", "-C", "application/octet-stream",
                              stdin=body)[0], 0)
        self.assertEqual(tool("get", "-q", self.q)[1], body)

    def test_a_message_for_each_line(self):
        lines = b"".join(b"line %d\n" % i for i in range(50))
        self.assertEqual(tool("publish", "-r", self.q, "-l", stdin=lines)[0], 0)
        status, out, err = tool("consume", "-q", self.q, "-c", "50", "cat")
        self.assertEqual((status, out.replace(b"\n", b"")), (0, lines.replace(b"\n", b"")), err)

    def test_consume_with_prefetch_and_acks(self):
        lines = b"".join(b"%d\n" % i for i in range(10))
        tool("publish", "-r", self.q, "-l", stdin=lines)
        status, out, err = tool("consume", "-q", self.q, "-c", "4", "-p", "2", "cat")
        self.assertEqual((status, out.split()), (0, [b"0", b"1", b"2", b"3"]), err)
        status, out, _ = tool("consume", "-q", self.q, "-c", "6", "cat")
        self.assertEqual(out.split(), [b"4", b"5", b"6", b"7", b"8", b"9"])

    def test_consume_bound_to_an_exchange(self):
        process = subprocess.Popen(
            ["amqp-consume", "--url=" + url(), "-e", "amq.topic", "-r", "tools.%s.#" % self.q,
             "-c", "1", "cat"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        client = wire.Client(support.URL)
        channel = client.channel()

        def routed():
            channel.publish("amq.topic", "tools.%s.a.b" % self.q, b"over topic", mandatory=True)
            return channel.nothing("basic.return", timeout=0.1)
        support.wait_for(routed, 10)
        self.assertEqual(process.wait(10), 0)
        self.assertEqual(process.stdout.read(), b"over topic")
        client.shut()

    def test_delete_says_how_many(self):
        tool("publish", "-r", self.q, "-b", "x")
        support.wait_for(lambda: self.deleted() == "1", 5)

    def deleted(self):
        _, out, _ = tool("delete-queue", "-q", self.q)
        return out.decode().strip() or None

    def test_delete_if_not_empty_is_refused(self):
        tool("publish", "-r", self.q, "-b", "x")
        client = wire.Client(support.URL)
        channel = client.channel()
        support.wait_for(lambda: channel.call("queue.declare", queue=self.q,
                                              passive=True).message_count == 1)
        status, _, err = tool("delete-queue", "-e", "-q", self.q)
        self.assertNotEqual(status, 0)
        self.assertIn("PRECONDITION_FAILED", err)
        client.shut()

    def test_errors_are_told(self):
        status, _, err = tool("get", "-q", "no-such-queue-" + self.q)
        self.assertNotEqual(status, 0)
        self.assertIn("NOT_FOUND", err)

    def test_wrong_password(self):
        host, port = wire.parse_url(support.URL)[:2]
        done = subprocess.run(["amqp-get", "--url=amqp://guest:wrong@%s:%d/" % (host, port), "-q",
                               self.q], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False, timeout=support.PATIENCE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"ACCESS_REFUSED", done.stderr)


if __name__ == "__main__":
    unittest.main()
