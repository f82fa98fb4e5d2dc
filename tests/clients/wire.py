# SPDX-License-Identifier: Apache-2.0
"""AMQP 0-9-1 as bytes: a small blocking client that hides nothing.

The tests use it where a finished client library would get in the way: exact class and method ids of an
error, typed field tables, frames that no library would send.  The crash test uses it for its speed.

 (1) Nothing is retried, reconnected or answered behind the caller's back, but close with close-ok.
 (2) A close that the caller did not ask for is raised as ChannelClosed or ConnectionClosed.
 (3) Methods that arrive while another one is waited for are kept, in order, for their channel.
"""
import collections
import os
import socket
import struct
import time
import urllib.parse

DEFAULT_URL = "amqp://guest:guest@127.0.0.1:5672/"
# Seconds for what must come, but may take its time on a busy machine.
PATIENCE = 60.0
HEADER = b"AMQP\x00\x00\x09\x01"
METHOD, CONTENT, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_END = b"\xce"

# class, method, name, fields; o octet, h short, l long, q longlong, s shortstr, S longstr, T table, b bit
_METHODS = """
10 10 connection.start version_major:o version_minor:o server_properties:T mechanisms:S locales:S
10 11 connection.start-ok client_properties:T mechanism:s response:S locale:s
10 20 connection.secure challenge:S
10 21 connection.secure-ok response:S
10 30 connection.tune channel_max:h frame_max:l heartbeat:h
10 31 connection.tune-ok channel_max:h frame_max:l heartbeat:h
10 40 connection.open virtual_host:s reserved1:s reserved2:b
10 41 connection.open-ok reserved1:s
10 50 connection.close reply_code:h reply_text:s class_id:h method_id:h
10 51 connection.close-ok
10 60 connection.blocked reason:s
10 61 connection.unblocked
10 70 connection.update-secret new_secret:S reason:s
10 71 connection.update-secret-ok
20 10 channel.open reserved1:s
20 11 channel.open-ok reserved1:S
20 20 channel.flow active:b
20 21 channel.flow-ok active:b
20 40 channel.close reply_code:h reply_text:s class_id:h method_id:h
20 41 channel.close-ok
30 10 access.request realm:s exclusive:b passive:b active:b write:b read:b
30 11 access.request-ok ticket:h
40 10 exchange.declare ticket:h exchange:s type:s passive:b durable:b auto_delete:b internal:b nowait:b arguments:T
40 11 exchange.declare-ok
40 20 exchange.delete ticket:h exchange:s if_unused:b nowait:b
40 21 exchange.delete-ok
40 30 exchange.bind ticket:h destination:s source:s routing_key:s nowait:b arguments:T
40 31 exchange.bind-ok
40 40 exchange.unbind ticket:h destination:s source:s routing_key:s nowait:b arguments:T
40 51 exchange.unbind-ok
50 10 queue.declare ticket:h queue:s passive:b durable:b exclusive:b auto_delete:b nowait:b arguments:T
50 11 queue.declare-ok queue:s message_count:l consumer_count:l
50 20 queue.bind ticket:h queue:s exchange:s routing_key:s nowait:b arguments:T
50 21 queue.bind-ok
50 30 queue.purge ticket:h queue:s nowait:b
50 31 queue.purge-ok message_count:l
50 40 queue.delete ticket:h queue:s if_unused:b if_empty:b nowait:b
50 41 queue.delete-ok message_count:l
50 50 queue.unbind ticket:h queue:s exchange:s routing_key:s arguments:T
50 51 queue.unbind-ok
60 10 basic.qos prefetch_size:l prefetch_count:h global:b
60 11 basic.qos-ok
60 20 basic.consume ticket:h queue:s consumer_tag:s no_local:b no_ack:b exclusive:b nowait:b arguments:T
60 21 basic.consume-ok consumer_tag:s
60 30 basic.cancel consumer_tag:s nowait:b
60 31 basic.cancel-ok consumer_tag:s
60 40 basic.publish ticket:h exchange:s routing_key:s mandatory:b immediate:b
60 50 basic.return reply_code:h reply_text:s exchange:s routing_key:s
60 60 basic.deliver consumer_tag:s delivery_tag:q redelivered:b exchange:s routing_key:s
60 70 basic.get ticket:h queue:s no_ack:b
60 71 basic.get-ok delivery_tag:q redelivered:b exchange:s routing_key:s message_count:l
60 72 basic.get-empty cluster_id:s
60 80 basic.ack delivery_tag:q multiple:b
60 90 basic.reject delivery_tag:q requeue:b
60 100 basic.recover-async requeue:b
60 110 basic.recover requeue:b
60 111 basic.recover-ok
60 120 basic.nack delivery_tag:q multiple:b requeue:b
85 10 confirm.select nowait:b
85 11 confirm.select-ok
90 10 tx.select
90 11 tx.select-ok
90 20 tx.commit
90 21 tx.commit-ok
90 30 tx.rollback
90 31 tx.rollback-ok
"""

# The properties of class basic in the order of their flag bits, from bit 15 down.
_PROPERTIES = [
    ("content_type", "s"), ("content_encoding", "s"), ("headers", "T"), ("delivery_mode", "o"),
    ("priority", "o"), ("correlation_id", "s"), ("reply_to", "s"), ("expiration", "s"),
    ("message_id", "s"), ("timestamp", "q"), ("type", "s"), ("user_id", "s"), ("app_id", "s"),
    ("cluster_id", "s"),
]

Spec = collections.namedtuple("Spec", "class_id method_id name fields")
Typed = collections.namedtuple("Typed", "tag value")
Frame = collections.namedtuple("Frame", "type channel payload")


def _parse_methods():
    by_name, by_id = {}, {}
    for line in _METHODS.strip().splitlines():
        class_id, method_id, name, *fields = line.split()
        spec = Spec(int(class_id), int(method_id), name,
                    [tuple(field.split(":")) for field in fields])
        by_name[name] = by_id[spec.class_id, spec.method_id] = spec
    return by_name, by_id


BY_NAME, BY_ID = _parse_methods()


class Closed(Exception):
    """The peer closed: the four fields of its close method."""

    def __init__(self, method):
        super().__init__("%d %s (%d,%d)" % (method.reply_code, method.reply_text,
                                            method.class_id, method.method_id))
        self.code, self.text = method.reply_code, method.reply_text
        self.class_id, self.method_id = method.class_id, method.method_id


class ChannelClosed(Closed):
    pass


class ConnectionClosed(Closed):
    pass


class Dropped(Exception):
    """The socket ended without a connection.close."""


class Method:
    """A decoded method; its fields are attributes, `properties` and `body` are there with content."""

    def __init__(self, spec, values):
        self.spec, self.name = spec, spec.name
        self.properties, self.body = None, None
        self.raw_header = None
        self.__dict__.update(values)

    def __repr__(self):
        hidden = ("spec", "name", "raw_header")
        return "%s(%s)" % (self.name, ", ".join(
            "%s=%r" % item for item in self.__dict__.items() if item[0] not in hidden))


# ---- encoding -----------------------------------------------------------------------------------

def encode_shortstr(text):
    data = text if isinstance(text, bytes) else text.encode()
    return bytes([len(data)]) + data


def encode_longstr(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack(">I", len(data)) + data


def encode_value(value):
    """A field value with its type octet; Typed forces the type, else Python's type chooses it."""
    if isinstance(value, Typed):
        return _encode_typed(value.tag, value.value)
    if value is None:
        return b"V"
    if isinstance(value, bool):
        return _encode_typed("t", value)
    if isinstance(value, int):
        return _encode_typed("I" if -2**31 <= value < 2**31 else "l", value)
    if isinstance(value, float):
        return _encode_typed("d", value)
    if isinstance(value, (str, bytes)):
        return _encode_typed("S", value)
    if isinstance(value, dict):
        return _encode_typed("F", value)
    if isinstance(value, (list, tuple)):
        return _encode_typed("A", value)
    raise TypeError("no field type for %r" % (value,))


_FIXED = {"t": ">?", "b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I",
          "l": ">q", "T": ">Q", "f": ">f", "d": ">d"}


def _encode_typed(tag, value):
    head = tag.encode()
    if tag in _FIXED:
        return head + struct.pack(_FIXED[tag], value)
    if tag in "Sx":
        return head + encode_longstr(value)
    if tag == "F":
        return head + encode_table(value)
    if tag == "A":
        data = b"".join(encode_value(item) for item in value)
        return head + struct.pack(">I", len(data)) + data
    if tag == "D":
        return head + struct.pack(">BI", *value)
    if tag == "V":
        return head
    raise TypeError("unknown field type %r" % tag)


def encode_table(table):
    data = b"".join(encode_shortstr(key) + encode_value(value)
                    for key, value in (table or {}).items())
    return struct.pack(">I", len(data)) + data


_SIMPLE = {"o": ">B", "h": ">H", "l": ">I", "q": ">Q"}


def _encode_field(kind, value):
    if kind in _SIMPLE:
        return struct.pack(_SIMPLE[kind], value or 0)
    if kind == "s":
        return encode_shortstr(value or "")
    if kind == "S":
        return encode_longstr(value or "")
    return encode_table(value)


def encode_method(name, **values):
    spec = BY_NAME[name]
    out = [struct.pack(">HH", spec.class_id, spec.method_id)]
    bits, count = 0, 0
    for field, kind in spec.fields:
        value = values.pop(field, None)
        if kind == "b":
            bits |= bool(value) << count
            count += 1
            continue
        if count:
            out.append(bytes([bits]))
            bits, count = 0, 0
        out.append(_encode_field(kind, value))
    if count:
        out.append(bytes([bits]))
    if values:
        raise TypeError("%s has no field %s" % (name, ", ".join(values)))
    return b"".join(out)


def encode_header(size, class_id=60, **properties):
    flags, out = 0, []
    for bit, (field, kind) in enumerate(_PROPERTIES):
        value = properties.pop(field, None)
        if value is not None:
            flags |= 1 << (15 - bit)
            out.append(_encode_field(kind, value))
    if properties:
        raise TypeError("no property %s" % ", ".join(properties))
    return struct.pack(">HHQH", class_id, 0, size, flags) + b"".join(out)


def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + FRAME_END


# ---- decoding -----------------------------------------------------------------------------------

class Reader:
    """A cursor over bytes; `typed` keeps the type octets of field values as Typed."""

    def __init__(self, data, typed=False):
        self.data, self.at, self.typed = data, 0, typed

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("short by %d bytes" % (self.at + count - len(self.data)))
        self.at += count
        return self.data[self.at - count:self.at]

    def unpack(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def shortstr(self):
        return self.take(self.unpack(">B")).decode("utf-8", "surrogateescape")

    def longstr(self):
        return self.take(self.unpack(">I")).decode("utf-8", "surrogateescape")

    def table(self):
        inner = Reader(self.take(self.unpack(">I")), self.typed)
        table = {}
        while inner.at < len(inner.data):
            key = inner.shortstr()
            table[key] = inner.value()
        return table

    def array(self):
        inner = Reader(self.take(self.unpack(">I")), self.typed)
        items = []
        while inner.at < len(inner.data):
            items.append(inner.value())
        return items

    def value(self):
        tag = self.take(1).decode("latin-1")
        value = self._value_of(tag)
        return Typed(tag, value) if self.typed else value

    def _value_of(self, tag):
        if tag in _FIXED:
            return self.unpack(_FIXED[tag])
        if tag == "S":
            return self.longstr()
        if tag == "x":
            return self.take(self.unpack(">I"))
        if tag == "F":
            return self.table()
        if tag == "A":
            return self.array()
        if tag == "D":
            return (self.unpack(">B"), self.unpack(">I"))
        if tag == "V":
            return None
        raise ValueError("unknown field type %r" % tag)

    def field(self, kind):
        if kind in _SIMPLE:
            return self.unpack(_SIMPLE[kind])
        if kind == "s":
            return self.shortstr()
        if kind == "S":
            return self.longstr()
        return self.table()


def decode_method(payload):
    reader = Reader(payload)
    spec = BY_ID[reader.unpack(">H"), reader.unpack(">H")]
    values, bits, left = {}, 0, 0
    for field, kind in spec.fields:
        if kind != "b":
            left = 0
            values[field] = reader.field(kind)
            continue
        if left == 0:
            bits, left = reader.unpack(">B"), 8
        values[field] = bool(bits & 1)
        bits, left = bits >> 1, left - 1
    return Method(spec, values)


def decode_header(payload, typed=False):
    """(body size, dict of the properties that are there)"""
    reader = Reader(payload, typed)
    reader.take(4)
    size, flags = reader.unpack(">Q"), reader.unpack(">H")
    return size, {field: reader.field(kind) for bit, (field, kind) in enumerate(_PROPERTIES)
                  if flags & (1 << (15 - bit))}


# ---- the client ---------------------------------------------------------------------------------

def parse_url(url=None):
    """(host, port, user, password, vhost) of an amqp:// address; AMQP_URL is the default."""
    parts = urllib.parse.urlsplit(url or os.environ.get("AMQP_URL", DEFAULT_URL))
    vhost = urllib.parse.unquote(parts.path[1:]) if len(parts.path) > 1 else "/"
    return (parts.hostname or "127.0.0.1", parts.port or 5672,
            urllib.parse.unquote(parts.username or "guest"),
            urllib.parse.unquote(parts.password or "guest"), vhost)


class Socket:
    """Frames over a TCP socket, no protocol state at all."""

    def __init__(self, url=None, timeout=PATIENCE):
        host, port = parse_url(url)[:2]
        self.timeout = timeout
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send_frame(self, kind, channel, payload):
        self.send_bytes(frame(kind, channel, payload))

    def send_method(self, channel, name, **values):
        self.send_frame(METHOD, channel, encode_method(name, **values))

    def _fill(self, count, deadline):
        while len(self.buffer) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise socket.timeout("nothing came")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(262144)
            except ConnectionResetError:
                data = b""
            finally:
                self.socket.settimeout(self.timeout)
            if not data:
                raise Dropped("the peer closed the socket, %d bytes left" % len(self.buffer))
            self.buffer += data

    def read(self, count, timeout=None):
        self._fill(count, time.monotonic() + (self.timeout if timeout is None else timeout))
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def read_frame(self, timeout=None):
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        self._fill(7, deadline)
        kind, channel, size = struct.unpack(">BHI", self.buffer[:7])
        self._fill(size + 8, deadline)
        payload = bytes(self.buffer[7:7 + size])
        if self.buffer[7 + size] != 0xce:
            raise ValueError("bad frame end")
        del self.buffer[:size + 8]
        return Frame(kind, channel, payload)

    def read_to_end(self, timeout=None):
        """All bytes up to the end of the stream."""
        try:
            while True:
                self._fill(len(self.buffer) + 1,
                           time.monotonic() + (self.timeout if timeout is None else timeout))
        except Dropped:
            data, self.buffer = bytes(self.buffer), bytearray()
            return data

    def close(self):
        self.socket.close()


class Client(Socket):
    """A connection that has shaken hands, or raised."""

    CAPABILITIES = {"authentication_failure_close": True, "basic.nack": True,
                    "connection.blocked": True, "consumer_cancel_notify": True,
                    "publisher_confirms": True}

    def __init__(self, url=None, *, heartbeat=0, frame_max=None, channel_max=None, vhost=None,
                 mechanism="PLAIN", response=None, properties=None, capabilities=None,
                 timeout=PATIENCE):
        super().__init__(url, timeout)
        self.backlog = collections.defaultdict(collections.deque)
        self.partial = {}
        self.heartbeats = 0
        self.next_channel = 1
        _, _, user, password, url_vhost = parse_url(url)
        self.send_bytes(HEADER)
        self.start = self.expect(0, "connection.start")
        table = {"capabilities": self.CAPABILITIES if capabilities is None else capabilities}
        table.update(properties or {})
        if response is None:
            response = "\0%s\0%s" % (user, password)
        self.send_method(0, "connection.start-ok", client_properties=table, mechanism=mechanism,
                         response=response, locale="en_US")
        self.tune = self.expect(0, "connection.tune")
        self.frame_max = self.tune.frame_max if frame_max is None else frame_max
        self.channel_max = self.tune.channel_max if channel_max is None else channel_max
        self.send_method(0, "connection.tune-ok", channel_max=self.channel_max,
                         frame_max=self.frame_max, heartbeat=heartbeat)
        self.send_method(0, "connection.open",
                         virtual_host=url_vhost if vhost is None else vhost)
        self.expect(0, "connection.open-ok")

    def read_method(self, timeout=None):
        """The next (channel, method) whole with its content; heartbeats are counted and skipped."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            kind, channel, payload = self.read_frame(deadline - time.monotonic())
            if kind == HEARTBEAT:
                self.heartbeats += 1
                continue
            method = self._assemble(kind, channel, payload)
            if method is not None:
                return channel, method

    def _assemble(self, kind, channel, payload):
        if kind == METHOD:
            method = decode_method(payload)
            if method.name in ("basic.deliver", "basic.return", "basic.get-ok"):
                self.partial[channel] = method
                return None
            return method
        method = self.partial[channel]
        if kind == CONTENT:
            method.raw_header = payload
            method.size, method.properties = decode_header(payload)
            method.body = b""
            method.parts = []
        else:
            method.parts.append(payload)
            method.size -= len(payload)
        if method.size:
            return None
        del self.partial[channel]
        method.body = b"".join(method.parts)
        return method

    def _close_seen(self, channel, method):
        if method.name == "connection.close":
            self.send_method(0, "connection.close-ok")
            raise ConnectionClosed(method)
        if method.name == "channel.close":
            self.send_method(channel, "channel.close-ok")
            if channel in self.backlog:
                self.backlog.pop(channel)
            raise ChannelClosed(method)

    def expect(self, channel, *names, timeout=None):
        """The next method of the channel that bears one of the names; others are kept."""
        kept = self.backlog[channel]
        for index, method in enumerate(kept):
            if method.name in names:
                del kept[index]
                return method
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            number, method = self.read_method(deadline - time.monotonic())
            if number == channel and method.name in names:
                return method
            self._close_seen(number, method)
            self.backlog[number].append(method)

    def channel(self, number=None):
        if number is None:
            number, self.next_channel = self.next_channel, self.next_channel + 1
        self.send_method(number, "channel.open")
        self.expect(number, "channel.open-ok")
        return Channel(self, number)

    def shut(self, timeout=PATIENCE):
        """A polite connection.close; errors on the way are nobody's business."""
        try:
            self.send_method(0, "connection.close", reply_code=200, reply_text="bye")
            self.expect(0, "connection.close-ok", timeout=timeout)
        except (OSError, Closed, Dropped):
            pass
        self.close()

    def wait_close(self, timeout=PATIENCE):
        """The ConnectionClosed or ChannelClosed that the broker must send now."""
        try:
            deadline = time.monotonic() + timeout
            while True:
                number, method = self.read_method(deadline - time.monotonic())
                self._close_seen(number, method)
        except Closed as closed:
            return closed


class Channel:
    """A channel of a Client; every method of the protocol by its name."""

    def __init__(self, client, number):
        self.client, self.number = client, number

    def send(self, name, **values):
        self.client.send_method(self.number, name, **values)

    def call(self, name, **values):
        """Send and wait for the method that answers it."""
        self.send(name, **values)
        answers = ("basic.get-ok", "basic.get-empty") if name == "basic.get" else (name + "-ok",)
        return self.client.expect(self.number, *answers)

    def expect(self, *names, timeout=None):
        return self.client.expect(self.number, *names, timeout=timeout)

    def publish(self, exchange, routing_key, body=b"", mandatory=False, immediate=False,
                **properties):
        self.client.send_bytes(self.encode_publish(exchange, routing_key, body, mandatory,
                                                   immediate, **properties))

    def encode_publish(self, exchange, routing_key, body=b"", mandatory=False, immediate=False,
                       **properties):
        body = body.encode() if isinstance(body, str) else body
        step = self.client.frame_max - 8 if self.client.frame_max else max(len(body), 1)
        frames = [frame(METHOD, self.number, encode_method(
            "basic.publish", exchange=exchange, routing_key=routing_key, mandatory=mandatory,
            immediate=immediate)),
            frame(CONTENT, self.number, encode_header(len(body), **properties))]
        frames += [frame(BODY, self.number, body[at:at + step])
                   for at in range(0, len(body), step)]
        return b"".join(frames)

    def deliver(self, timeout=None):
        return self.expect("basic.deliver", timeout=timeout)

    def nothing(self, *names, timeout=0.3):
        """True if none of the methods comes within the time."""
        try:
            self.expect(*names, timeout=timeout)
        except socket.timeout:
            return True
        return False

    def closes(self, timeout=PATIENCE):
        """The close that the broker must answer with."""
        return self.client.wait_close(timeout)
