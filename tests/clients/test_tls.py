# SPDX-License-Identifier: Apache-2.0
"""AMQP over TLS: versions, certificates of both sides, EXTERNAL, a new certificate without dropping anyone."""
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import pika

import harness
import support
import wire


class Certificates:
    """A little authority: ca.pem, and NAME.pem with NAME.key for whoever is asked for."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bilby-tls-"))
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                     "/CN=Bilby test authority", "-keyout", "ca.key", "-out", "ca.pem")

    def openssl(self, *arguments):
        subprocess.run(["openssl"] + list(arguments), cwd=str(self.folder), check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def issue(self, name, subject, alternative="DNS:localhost,IP:127.0.0.1"):
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout",
                     name + ".key", "-out", name + ".csr")
        (self.folder / (name + ".ext")).write_text("subjectAltName=%s\n" % alternative)
        self.openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", "2", "-extfile", name + ".ext", "-out",
                     name + ".pem")

    def path(self, name):
        return str(self.folder / name)


class TlsClient(wire.Client):
    """A wire client inside TLS; the context says how."""

    def __init__(self, port, context, **options):
        self.context, self.port = context, port
        super().__init__("amqp://guest:guest@127.0.0.1:%d/" % port, **options)

    @property
    def socket(self):
        return self._socket

    @socket.setter
    def socket(self, plain):
        self._socket = self.context.wrap_socket(plain, server_hostname="localhost")


@support.own_broker
@unittest.skipUnless(shutil.which("openssl"), "no openssl to make certificates with")
class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(shutil.rmtree, cls.made.folder)
        cls.made.issue("server", "/CN=localhost")
        cls.made.issue("wombat", "/O=marsupials/CN=wombat", "DNS:wombat.example,email:w@example")

    def broker(self, **settings):
        self.port = harness.free_port()
        wanted = {"listeners.ssl.1": "127.0.0.1:%d" % self.port,
                  "ssl_options.cacertfile": self.made.path("ca.pem"),
                  "ssl_options.certfile": self.made.path("server.pem"),
                  "ssl_options.keyfile": self.made.path("server.key"),
                  "default_users.wombat.password": "x", "default_users.wombat.configure": ".*",
                  "default_users.wombat.write": ".*", "default_users.wombat.read": ".*"}
        wanted.update({key.replace("__", "."): value for key, value in settings.items()})
        started = harness.Broker(settings=wanted, users=False)
        self.addCleanup(started.close)
        self.clients = []
        self.addCleanup(lambda: [client.close() for client in self.clients])
        return started.start()

    def context(self, certificate=None, **versions):
        context = ssl.create_default_context(cafile=self.made.path("ca.pem"))
        if certificate:
            context.load_cert_chain(self.made.path(certificate + ".pem"),
                                    self.made.path(certificate + ".key"))
        for key, value in versions.items():
            setattr(context, key, value)
        return context

    def client(self, context, **options):
        self.clients.append(TlsClient(self.port, context, **options))
        return self.clients[-1]

    def refused(self, context, **options):
        with self.assertRaises((ssl.SSLError, wire.Dropped, wire.Closed, OSError)):
            self.client(context, timeout=5, **options)


class Transport(TlsTest):
    def test_declare_publish_consume(self):
        self.broker()
        channel = self.client(self.context()).channel()
        queue = channel.call("queue.declare", exclusive=True).queue
        channel.call("basic.consume", queue=queue, no_ack=True)
        for body in (b"", b"x", b"y" * 1000000):
            channel.publish("", queue, body)
            self.assertEqual(channel.deliver().body, body)

    def test_versions(self):
        self.broker()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = self.client(self.context(minimum_version=version, maximum_version=version))
            client.channel()
            self.assertEqual(client.socket.version().replace(".", "_"), version.name)

    def test_older_versions_are_refused(self):
        self.broker()
        context = self.context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        self.refused(context)

    def test_pika(self):
        self.broker()
        connection = pika.BlockingConnection(pika.ConnectionParameters(
            "127.0.0.1", self.port, ssl_options=pika.SSLOptions(self.context(), "localhost")))
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_publish("", queue, b"z" * 500000)
        self.assertEqual(len(channel.basic_get(queue)[2]), 500000)
        connection.close()

    def test_plain_bytes_to_the_tls_port(self):
        self.broker()
        sock = wire.Socket("amqp://127.0.0.1:%d/" % self.port)
        sock.send_bytes(wire.HEADER)
        self.assertFalse(sock.read_to_end(8).startswith(b"AMQP"))
        self.client(self.context()).channel()

    def test_silence_on_the_tls_port(self):
        self.broker(ssl_handshake_timeout="1000")
        sock = socket.create_connection(("127.0.0.1", self.port))
        sock.settimeout(wire.PATIENCE)
        self.assertEqual(sock.recv(10), b"")
        sock.close()

    def test_certificate_of_another_name_fails_at_the_client(self):
        self.broker()
        context = self.context()
        with self.assertRaises(ssl.SSLCertVerificationError):
            sock = socket.create_connection(("127.0.0.1", self.port))
            self.addCleanup(sock.close)
            context.wrap_socket(sock, server_hostname="elsewhere.example")

    def test_new_certificate_on_hangup(self):
        self.made.issue("changing", "/CN=first")
        broker = self.broker(ssl_options__certfile=self.made.path("changing.pem"),
                             ssl_options__keyfile=self.made.path("changing.key"))
        old = self.client(self.context())
        channel = old.channel()
        self.assertIn("first", str(old.socket.getpeercert()["subject"]))
        self.made.issue("changing", "/CN=second")
        broker.reload()

        def changed():
            client = self.client(self.context())
            return "second" in str(client.socket.getpeercert()["subject"])
        support.wait_for(changed)
        channel.call("queue.declare", exclusive=True)  # the old connection lives on

    def test_bad_new_certificate_keeps_the_old(self):
        self.made.issue("spoiled", "/CN=good")
        broker = self.broker(ssl_options__certfile=self.made.path("spoiled.pem"),
                             ssl_options__keyfile=self.made.path("spoiled.key"))
        pathlib.Path(self.made.path("spoiled.pem")).write_text("no certificate")
        broker.reload()
        time.sleep(0.3)
        self.client(self.context()).channel()


class Peers(TlsTest):
    def test_a_certificate_is_demanded(self):
        self.broker(ssl_options__verify="verify_peer", ssl_options__fail_if_no_peer_cert="true")
        self.refused(self.context())
        self.client(self.context("wombat")).channel()

    def test_a_strangers_certificate_is_refused(self):
        self.broker(ssl_options__verify="verify_peer", ssl_options__fail_if_no_peer_cert="true")
        other = Certificates()
        self.addCleanup(shutil.rmtree, other.folder)
        other.issue("wombat", "/CN=wombat")
        context = self.context()
        context.load_cert_chain(other.path("wombat.pem"), other.path("wombat.key"))
        self.refused(context)

    def external(self, **settings):
        self.broker(ssl_options__verify="verify_peer", auth_mechanisms__1="EXTERNAL",
                    auth_mechanisms__2="PLAIN", **settings)
        return self.context("wombat")

    def check_user(self, context, user):
        client = self.client(context, mechanism="EXTERNAL", response="")
        channel = client.channel()
        queue = channel.call("queue.declare", exclusive=True).queue
        channel.publish("", queue, b"x", user_id=user)
        self.assertEqual(channel.call("basic.get", queue=queue).properties["user_id"], user)

    def test_external_by_common_name(self):
        self.check_user(self.external(ssl_cert_login_from="common_name"), "wombat")

    def test_external_by_alternative_name(self):
        context = self.external(
            ssl_cert_login_from="subject_alternative_name", ssl_cert_login_san_type="email",
            load_definitions=self.definitions("w@example"))
        self.check_user(context, "w@example")

    def definitions(self, user):
        path = self.made.folder / "definitions.json"
        path.write_text('{"users": [{"name": "%s", "password_hash": "", "tags": []}],'
                        ' "vhosts": [{"name": "/"}], "permissions": [{"user": "%s", "vhost": "/",'
                        ' "configure": ".*", "write": ".*", "read": ".*"}]}' % (user, user))
        return str(path)

    def test_external_of_an_unknown_user(self):
        context = self.external(ssl_cert_login_from="distinguished_name")
        with self.assertRaises(wire.ConnectionClosed) as raised:
            self.client(context, mechanism="EXTERNAL", response="")
        self.assertEqual(raised.exception.code, 403)

    def test_external_without_a_certificate(self):
        self.external(ssl_cert_login_from="common_name")
        self.refused(self.context(), mechanism="EXTERNAL", response="")

    def test_external_is_not_offered_without_tls(self):
        broker = self.broker(auth_mechanisms__1="EXTERNAL", auth_mechanisms__2="PLAIN")
        plain = wire.Client(broker.url)
        self.clients.append(plain)
        self.assertEqual(plain.start.mechanisms, "PLAIN")


if __name__ == "__main__":
    unittest.main()
