# SPDX-License-Identifier: Apache-2.0
"""What the configuration changes for clients: limits, timeouts, alarms, identity, users.  A broker of its own each."""
import os
import pathlib
import subprocess
import time
import unittest

import harness
import support
import wire
from support import reply


@support.own_broker
class SettingsTest(unittest.TestCase):
    def broker(self, settings=None, **options):
        """A broker with the settings; `auth.x` style keys as they stand in the file."""
        started = harness.Broker(settings=settings, users=False, **options)
        self.addCleanup(started.close)
        started.start()
        self.clients = []
        self.addCleanup(self.leave)
        self.url = started.url
        return started

    def leave(self):
        for client in self.clients:
            client.close()

    def client(self, url=None, **options):
        self.clients.append(wire.Client(url or self.url, **options))
        return self.clients[-1]

    def closes(self, closed, code, text):
        self.assertEqual((closed.code, closed.text), (code, reply(code, text)))


class Limits(SettingsTest):
    def test_max_message_size(self):
        self.broker({"max_message_size": "1000"})
        channel = self.client().channel()
        queue = channel.call("queue.declare", exclusive=True).queue
        channel.publish("", queue, b"x" * 1000)
        self.assertEqual(len(channel.call("basic.get", queue=queue).body), 1000)
        channel.publish("", queue, b"x" * 1001)
        self.closes(channel.closes(), 406,
                    "message size 1001 is larger than configured max size 1000")

    def test_tune(self):
        self.broker({"channel_max": "7", "frame_max": "8192", "heartbeat": "11"})
        client = self.client()
        self.assertEqual((client.tune.channel_max, client.tune.frame_max, client.tune.heartbeat),
                         (7, 8192, 11))
        for _ in range(7):
            client.channel()
        client.send_method(8, "channel.open")
        self.closes(client.wait_close(), 530,
                    "number of channels opened (7) has reached the negotiated channel_max (7)")

    def test_consumers_of_a_channel(self):
        self.broker({"consumer_max_per_channel": "2"})
        client = self.client()
        channel = client.channel()
        queue = channel.call("queue.declare", exclusive=True).queue
        for _ in range(2):
            channel.call("basic.consume", queue=queue)
        channel.send("basic.consume", queue=queue)
        self.closes(client.wait_close(), 530, "reached maximum (2) of consumers per channel")

    def test_connections(self):
        self.broker({"connection_max": "2"})
        for _ in range(2):
            self.client()
        with self.assertRaises((wire.Closed, wire.Dropped)):
            self.client()
        self.clients.pop().shut()
        support.wait_for(self.enters, 3)

    def enters(self):
        try:
            self.client()
        except (wire.Closed, wire.Dropped, OSError):
            return False
        return True


class ConsumerTimeout(SettingsTest):
    TEXT = ("delivery acknowledgement on channel 1 timed out. Timeout value used: %d ms. This"
            " timeout value can be configured, see consumers doc guide to learn more")

    def held(self, channel, queue_arguments=None, consumer_arguments=None):
        """Consume one message and never acknowledge it."""
        queue = channel.call("queue.declare", queue="q", durable=True,
                             arguments=queue_arguments).queue
        channel.publish("", queue, b"x")
        channel.call("basic.consume", queue=queue, arguments=consumer_arguments)
        channel.deliver()
        return channel.closes(8)

    def test_of_the_configuration(self):
        self.broker({"consumer_timeout": "1000"})
        closed = self.held(self.client(capabilities={}).channel())
        self.closes(closed, 406, self.TEXT % 1000)
        self.assertEqual((closed.class_id, closed.method_id), (0, 0))
        other = self.client().channel()
        got = other.call("basic.get", queue="q")
        self.assertEqual((got.body, got.redelivered), (b"x", True))

    def test_of_the_queue(self):
        self.broker()
        closed = self.held(self.client(capabilities={}).channel(), {"x-consumer-timeout": 800})
        self.closes(closed, 406, self.TEXT % 800)

    def test_of_the_consumer(self):
        self.broker()
        closed = self.held(self.client(capabilities={}).channel(), None,
                           {"x-consumer-timeout": 700})
        self.closes(closed, 406, self.TEXT % 700)

    def test_acknowledged_in_time(self):
        self.broker({"consumer_timeout": "3000"})
        channel = self.client().channel()
        queue = channel.call("queue.declare", exclusive=True).queue
        channel.call("basic.consume", queue=queue)
        for _ in range(5):
            channel.publish("", queue, b"x")
            got = channel.deliver()
            time.sleep(0.7)
            channel.send("basic.ack", delivery_tag=got.delivery_tag)
        channel.call("basic.qos", prefetch_count=1)


class Alarms(SettingsTest):
    def blocked(self, settings, reason):
        self.broker(settings)
        client = self.client()
        channel = client.channel()
        queue = channel.call("queue.declare", exclusive=True).queue
        channel.publish("", queue, b"x")
        self.assertEqual(client.expect(0, "connection.blocked").reason, reason)
        # Who only consumes goes on.
        other = self.client().channel()
        other.call("queue.declare", exclusive=True)

    def test_disk(self):
        self.blocked({"disk_free_limit.absolute": "1000TB"}, "low on disk")

    def test_memory(self):
        self.blocked({"vm_memory_high_watermark.absolute": "1MB"}, "low on memory")


class Identity(SettingsTest):
    def test_own_name(self):
        self.broker({"server_identity": "bilby"})
        properties = self.client().start.server_properties
        self.assertEqual(properties["product"], "Bilby")
        self.assertTrue(properties["capabilities"]["publisher_confirms"])

    def test_mechanisms(self):
        self.broker({"auth_mechanisms.1": "AMQPLAIN"})
        table = wire.encode_table({"LOGIN": "guest", "PASSWORD": "guest"})[4:]
        client = self.client(mechanism="AMQPLAIN", response=table)
        self.assertEqual(client.start.mechanisms, "AMQPLAIN")
        with self.assertRaises((wire.Closed, wire.Dropped)):
            self.client()

    def test_users_of_the_configuration(self):
        broker = self.broker({"default_users.wombat.password": "burrow",
                              "default_users.wombat.configure": "^w",
                              "default_users.wombat.write": ".*",
                              "default_users.wombat.read": ".*"})
        channel = self.client("amqp://wombat:burrow@127.0.0.1:%d/" % broker.port).channel()
        channel.call("queue.declare", queue="w.1")
        channel.send("queue.declare", queue="x")
        self.closes(channel.closes(), 403, "configure access to queue 'x' in vhost '/' refused"
                                           " for user 'wombat'")

    def test_default_user(self):
        broker = self.broker({"default_user": "owner", "default_pass": "s3cret",
                              "default_vhost": "home"})
        self.client("amqp://owner:s3cret@127.0.0.1:%d/home" % broker.port).channel()
        with self.assertRaises(wire.ConnectionClosed) as raised:
            self.client()
        self.assertEqual(raised.exception.code, 403)


class CommandLine(SettingsTest):
    def run_daemon(self, *arguments, **environment):
        return subprocess.run([harness.binary()] + list(arguments), timeout=wire.PATIENCE, check=False,
                              env=dict(os.environ, **environment), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def written(self, text):
        path = pathlib.Path(self.id() + ".conf")
        path = pathlib.Path("/tmp") / ("bilby-test-%d-%s" % (os.getpid(), path.name))
        path.write_text(text)
        self.addCleanup(path.unlink)
        return str(path)

    def test_check_config(self):
        good = self.written("# a comment\nlisteners.tcp.1 = 127.0.0.1:5673\nheartbeat = 30\n")
        self.assertEqual(self.run_daemon("--config", good, "--check-config").returncode, 0)

    def test_check_config_says_file_and_line(self):
        bad = self.written("heartbeat = 30\n\nheartbeet = 30\nchannel_max = many\n")
        done = self.run_daemon("--config", bad, "--check-config")
        said = (done.stdout + done.stderr).decode()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("%s:3" % bad, said)
        self.assertIn("heartbeet", said)
        self.assertIn("%s:4" % bad, said)

    def test_print_config(self):
        path = self.written("heartbeat = 31\n")
        done = self.run_daemon("--config", path, "--set", "channel_max=99", "--print-config",
                               BILBY_FRAME_MAX="16384")
        said = done.stdout.decode()
        self.assertEqual(done.returncode, 0)
        for line in ("heartbeat = 31", "channel_max = 99", "frame_max = 16384"):
            self.assertIn(line, said)

    def test_version_and_help(self):
        self.assertIn(b"0.", self.run_daemon("--version").stdout)
        self.assertIn(b"--data-dir", self.run_daemon("--help").stdout)

    def test_unknown_option(self):
        self.assertGreater(self.run_daemon("--no-such-option").returncode, 0)

    def test_no_secrets_in_the_log(self):
        broker = self.broker({"default_pass": "v3rysecret", "log.level": "debug"})
        with self.assertRaises(wire.Closed):
            self.client("amqp://guest:0thersecret@127.0.0.1:%d/" % broker.port)
        self.client("amqp://guest:v3rysecret@127.0.0.1:%d/" % broker.port)
        self.assertNotIn("secret", broker.log())


if __name__ == "__main__":
    unittest.main()
