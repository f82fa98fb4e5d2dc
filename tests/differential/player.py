# SPDX-License-Identifier: Apache-2.0
"""Plays operations on one broker and says what came of each.

An operation is a tuple of plain values, so that it can be printed and played again:

    ("connect", c, user)           ("close", c)  politely    ("drop", c)  by resetting the socket
    ("send", c, ((ch, method, {field: value}), …))             pipelined methods; `content` makes a publish
    ("raw", c, bytes)              bytes as they are          ("sleep", ms)

In values a string that begins with "@" stands for what this broker made up: "@gen0" the first queue name,
"@ctag0" the first consumer tag, "@reply0" the first reply address; ("@tag", k) is the k-th oldest delivery
tag that the channel holds.  What is observed says "@gen0" again: two brokers can be compared.

 (1) An operation is over when nothing comes of it any more: every channel and every queue has answered
     since, twice, and the second time as the first.
 (2) The tags, names and states that a player keeps are taken from the broker's frames alone.
"""
import collections
import re
import select
import socket
import struct
import time

import wire

PROBE = 60  # the channel by which a connection's exclusive queues are asked for
ANSWER_SECONDS = 8.0
MADE_UP = re.compile(r"amq\.(gen|ctag|rabbitmq\.reply-to)[-.][A-Za-z0-9_=+/-]{15,}(?:\.[A-Za-z0-9_=+/-]+)?")
KINDS = {"gen": "gen", "ctag": "ctag", "rabbitmq.reply-to": "reply"}
ASYNCHRONOUS = {"basic.publish", "basic.ack", "basic.nack", "basic.reject", "basic.recover-async",
                "connection.close-ok", "channel.close-ok", "basic.cancel-ok", "channel.flow-ok"}
ODD_ANSWERS = {"exchange.unbind": ("exchange.unbind-ok",), "basic.get": ("basic.get-ok", "basic.get-empty")}


def answers_to(name, fields):
    """The methods one of which answers it; none where nothing does."""
    if name in ASYNCHRONOUS or fields.get("nowait") or name not in wire.BY_NAME:
        return ()
    wanted = ODD_ANSWERS.get(name, (name + "-ok",))
    return wanted if wanted[0] in wire.BY_NAME else ()


class Names:
    """What a broker made up, by the order in which it was first seen."""

    def __init__(self):
        self.known = {"gen": [], "ctag": [], "reply": []}

    def hide(self, value):
        """The value with made-up names replaced."""
        if isinstance(value, str):
            return MADE_UP.sub(self._hide_one, value)
        if isinstance(value, wire.Typed):
            return wire.Typed(value.tag, self.hide(value.value))
        if isinstance(value, dict):
            return tuple((self.hide(k), self.hide(v)) for k, v in value.items())
        if isinstance(value, (list, tuple)):
            return [self.hide(item) for item in value]
        return value

    def _hide_one(self, match):
        kind = KINDS[match.group(1)]
        known = self.known[kind]
        if match.group() not in known:
            known.append(match.group())
        return "@%s%d" % (kind, known.index(match.group()))

    def show(self, value):
        """The value with "@gen0" and the like resolved."""
        if isinstance(value, str) and value.startswith("@"):
            kind, number = value[1:].rstrip("0123456789"), value.lstrip("@abcdefghijklmnopqrstuvwxyz")
            known = self.known.get(kind, [])
            return known[int(number)] if number and int(number) < len(known) else "amq.none-" + kind
        if isinstance(value, wire.Typed):
            return wire.Typed(value.tag, self.show(value.value))
        if isinstance(value, dict):
            return {self.show(k): self.show(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.show(item) for item in value]
        return value


class ChannelState:
    """What of a channel can be seen from outside."""

    def __init__(self):
        self.tags = []  # held, oldest first
        self.confirming = False
        self.published = 0
        self.unconfirmed = set()
        self.automatic = set()  # consumer tags that don't acknowledge
        self.asked = collections.deque()  # no_ack of consumers whose tags the broker is to make up
        self.gets = collections.deque()  # no_ack of what was asked by basic.get

    def settle(self, tag, multiple):
        if multiple:
            self.tags = [t for t in self.tags if tag and t > tag]
        elif tag in self.tags:
            self.tags.remove(tag)


class Connection:
    """A socket with frames in and events out; open until the peer closed or the socket ended."""

    def __init__(self, player, number, user):
        self.player, self.number = player, number
        url = "amqp://%s:%s@127.0.0.1:%d/" % (user, user, player.port)
        self.client = wire.Client(url, timeout=ANSWER_SECONDS)
        self.socket = self.client.socket
        self.buffer = bytearray()
        self.partial = {}
        self.channels = {}
        self.events = []
        self.alive, self.closing = True, False

    # -- out

    def write(self, data):
        try:
            self.socket.settimeout(ANSWER_SECONDS)
            self.socket.sendall(data)
        except OSError:
            pass

    def send(self, channel, name, fields):
        fields = dict(fields)
        content = fields.pop("content", None)
        if content is not None:
            (begin, size), properties = content
            body = begin.ljust(size, b".")
        state = self.channels.get(channel)
        self._note_sent(channel, state, name, fields)
        data = wire.frame(wire.METHOD, channel, wire.encode_method(name, **fields))
        if content is not None:
            data += wire.frame(wire.CONTENT, channel, wire.encode_header(len(body), **properties))
            data += b"".join(wire.frame(wire.BODY, channel, body[at:at + 131064])
                             for at in range(0, len(body), 131064))
        return data

    def _note_sent(self, channel, state, name, fields):
        if name == "channel.open":
            if channel != PROBE:
                self.channels.setdefault(channel, ChannelState())
        elif name == "channel.close-ok":
            self.channels.pop(channel, None)
        elif state is None:
            return
        elif name == "basic.get":
            state.gets.append(bool(fields.get("no_ack")))
        elif name == "basic.publish" and state.confirming:
            state.published += 1
            state.unconfirmed.add(state.published)
        elif name == "confirm.select":
            state.confirming = True
        elif name == "basic.consume" and not fields.get("consumer_tag"):
            state.asked.append(fields.get("no_ack"))
        elif name == "basic.consume" and fields.get("no_ack"):
            state.automatic.add(fields["consumer_tag"])
        elif name == "basic.ack":
            state.settle(fields.get("delivery_tag", 0), fields.get("multiple"))
        elif name == "basic.nack":
            state.settle(fields.get("delivery_tag", 0), fields.get("multiple"))
        elif name == "basic.reject":
            state.settle(fields.get("delivery_tag", 0), False)
        elif name in ("basic.recover", "basic.recover-async"):
            state.tags = []

    def end(self):
        self.alive = False
        self.socket.close()

    # -- in

    def receive(self):
        try:
            data = self.socket.recv(262144)
        except OSError:
            data = b""
        if not data:
            self.end()
            if not self.closing:
                self.events.append((0, "end of stream", {}))
            return
        self.buffer += data
        while self.alive and self._take_frame():
            pass

    def _take_frame(self):
        if len(self.buffer) < 8:
            return False
        kind, channel, size = struct.unpack(">BHI", self.buffer[:7])
        if len(self.buffer) < size + 8:
            return False
        payload = bytes(self.buffer[7:7 + size])
        assert self.buffer[7 + size] == 0xce, "bad frame end"
        del self.buffer[:size + 8]
        if kind == wire.METHOD:
            self._method(channel, wire.decode_method(payload))
        elif kind != wire.HEARTBEAT:
            self._content(kind, channel, payload)
        return True

    def _content(self, kind, channel, payload):
        method = self.partial[channel]
        if kind == wire.CONTENT:
            method.size, method.properties = wire.decode_header(payload, typed=True)
            method.body = b""
        else:
            method.body += payload
        if len(method.body) >= method.size:
            del self.partial[channel]
            self._whole(channel, method)

    def _method(self, channel, method):
        if method.name in ("basic.deliver", "basic.return", "basic.get-ok"):
            self.partial[channel] = method
            return
        self._whole(channel, method)

    def _whole(self, channel, method):
        fields = {field: getattr(method, field) for field, _ in method.spec.fields}
        if method.properties is not None:
            begin = bytes(method.body).rstrip(b".")
            fields["properties"], fields["body"] = method.properties, (begin, len(method.body))
        self.events.append(self._note(channel, method.name, fields) or
                           (channel, method.name, fields))

    def _note(self, channel, name, fields):
        """Keeps the state; gives the event where it is another than the method."""
        state = self.channels.get(channel)
        if name == "connection.close":
            self.closing = True
            self.write(wire.frame(wire.METHOD, 0, wire.encode_method("connection.close-ok")))
        elif name == "channel.close":
            self.channels.pop(channel, None)
            self.write(wire.frame(wire.METHOD, channel, wire.encode_method("channel.close-ok")))
        elif name == "channel.close-ok":
            self.channels.pop(channel, None)
        elif state is None:
            return None
        elif name == "basic.consume-ok" and state.asked and state.asked.popleft():
            state.automatic.add(fields["consumer_tag"])
        elif name == "basic.deliver" and fields["consumer_tag"] not in state.automatic:
            state.tags.append(fields["delivery_tag"])
        elif name == "basic.get-ok" and not state.gets.popleft():
            state.tags.append(fields["delivery_tag"])
        elif name == "basic.get-empty":
            state.gets.popleft()
        elif name in ("basic.ack", "basic.nack"):
            return self._confirmed(channel, state, name, fields["delivery_tag"], fields["multiple"])
        return None

    @staticmethod
    def _confirmed(channel, state, name, tag, multiple):
        tags = {t for t in state.unconfirmed if t <= tag} if multiple else {tag}
        state.unconfirmed -= tags
        return channel, "confirmed by " + name, {"tags": sorted(tags)}


def confirms_at_end(events):
    """Confirms may come alone or together, sooner or later: of each channel they are one event."""
    others, confirms = [], {}
    for channel, name, fields in events:
        if name.startswith("confirmed by "):
            confirms.setdefault((channel, name), []).extend(fields["tags"])
        else:
            others.append((channel, name, fields))
    return others + [(channel, name, {"tags": sorted(tags)})
                     for (channel, name), tags in sorted(confirms.items())]


class Player:
    """One broker; its connections; the queues whose counts are looked at."""

    def __init__(self, address, patience=1.0):
        self.name, self.port = address.name, address.port
        self.patience = patience
        self.names = Names()
        self.connections = {}
        self.queues, self.owners, self.exchanges = {}, {}, set()
        self.hurried = False  # messages have expirations so short that they end at once
        self.admin = wire.Client("amqp://guest:guest@127.0.0.1:%d/" % self.port)
        self.admin_channel = self.admin.channel()

    # -- the operations

    def play(self, operation):
        """[(connection, channel, method, fields)…] and {queue: (ready, consumers)} that come of it."""
        getattr(self, "_do_" + operation[0])(*operation[1:])
        counts = self._quiesce()
        return self._collect(), counts

    def _do_connect(self, number, user):
        if number not in self.connections:
            connection = Connection(self, number, user)
            self.connections[number] = connection
            connection.write(connection.send(PROBE, "channel.open", {}))
            self._await(connection, PROBE, ("channel.open-ok",))
            connection.events.clear()

    def _do_close(self, number):
        connection = self._alive(number)
        if connection:
            connection.closing = True
            connection.write(connection.send(0, "connection.close", {"reply_code": 200}))
            self._pump(lambda: not connection.alive)
            self._sleep(20)

    def _do_drop(self, number):
        connection = self._alive(number)
        if connection:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.socket.close()
            connection.alive = False
            self._sleep(60)

    def _do_raw(self, number, data):
        connection = self._alive(number)
        if connection:
            connection.write(data)

    def _do_sleep(self, milliseconds):
        time.sleep(milliseconds / 1000)

    def _do_send(self, number, methods):
        connection = self._alive(number)
        if not connection:
            return
        data, waits = b"", []
        for channel, name, fields in methods:
            fields = self._resolve(connection, channel, fields)
            if name in ("queue.declare", "queue.delete", "queue.bind") and fields.get("queue"):
                self.queues[fields["queue"]] = None
                if fields.get("exclusive"):
                    self.owners.setdefault(fields["queue"], number)
            elif name == "exchange.declare":
                self.exchanges.add(fields.get("exchange", ""))
            elif name == "basic.publish":
                self.hurried |= fields["content"][1].get("expiration") in ("0", "1")
            data += connection.send(channel, name, fields)
            waits.append((channel, answers_to(name, fields)))
        connection.write(data)
        for channel, names in waits[-1:]:
            if names:
                self._await(connection, channel, names)

    def _resolve(self, connection, channel, fields):
        fields = self.names.show(fields)
        tag = fields.get("delivery_tag")
        if isinstance(tag, tuple):
            state = connection.channels.get(channel)
            held = state.tags if state else []
            fields["delivery_tag"] = held[tag[1]] if -len(held) <= tag[1] < len(held) else 4242
        return fields

    def _alive(self, number):
        connection = self.connections.get(number)
        return connection if connection and connection.alive else None

    # -- waiting

    def _sleep(self, milliseconds):
        time.sleep(milliseconds * self.patience / 1000)

    def _pump(self, done, seconds=ANSWER_SECONDS):
        """Reads what comes until done() or the time is over; whether it was done."""
        deadline = time.monotonic() + seconds * self.patience
        while not done():
            alive = {c.socket: c for c in self.connections.values() if c.alive}
            left = deadline - time.monotonic()
            if left <= 0 or not alive:
                return done()
            for ready in select.select(list(alive), [], [], left)[0]:
                alive[ready].receive()
        return True

    def _await(self, connection, channel, names):
        seen = len(connection.events)

        def done():
            return (not connection.alive or connection.closing or
                    any(event[0] == channel and event[1] in names + ("channel.close",)
                        for event in connection.events[max(0, seen - 64):]))
        if not self._pump(done):
            connection.events.append((channel, "no answer", {}))

    def _quiesce(self):
        last = None
        while True:
            if self.hurried:
                self._sleep(15)
            self._channels_answer()
            counts = self._count()
            now = (counts, [(n, len(c.events)) for n, c in self.connections.items()])
            if now == last:
                if self._confirms_due():
                    self._pump(lambda: not self._confirms_due(), 1.5)
                    if now[1] != [(n, len(c.events)) for n, c in self.connections.items()]:
                        continue
                return counts
            last = now
            self._sleep(2 if self.name == "rabbitmq" else 0)

    def _confirms_due(self):
        return any(state.unconfirmed
                   for c in self.connections.values() if c.alive and not c.closing
                   for state in c.channels.values())

    def _channels_answer(self):
        """A question through every open channel; its answer is no event."""
        asked = []
        for connection in self.connections.values():
            if connection.alive and not connection.closing:
                for channel in connection.channels:
                    connection.write(wire.frame(wire.METHOD, channel, wire.encode_method(
                        "exchange.declare", exchange="amq.direct", type="direct", passive=True)))
                    asked.append((connection, channel, len(connection.events)))
        answers = [self._channel_answers(*one) for one in asked]
        for connection in self.connections.values():
            connection.events = [event for event in connection.events
                                 if not any(event is answer for answer in answers)]
        for connection in self.connections.values():
            if connection.alive and connection.closing:
                if not self._pump(lambda c=connection: not c.alive, 0.2):
                    connection.end()  # a broken frame may have eaten the close-ok
                self._sleep(30)

    def _channel_answers(self, connection, channel, start):
        """The event that is the answer; None if there is none."""
        def answered():
            return [event for event in connection.events[start:]
                    if event[:2] == (channel, "exchange.declare-ok")]

        def done():
            return (not connection.alive or connection.closing or
                    channel not in connection.channels or answered())
        if not self._pump(done):
            connection.events.append((channel, "no answer to a question", {}))
        return answered()[-1] if answered() else None

    # -- looking

    def _count(self):
        """{name: (ready, consumers), or the code of the error} of all queues named so far."""
        for made_up in self.names.known["gen"]:
            self.queues.setdefault(made_up, None)
        return {self.names.hide(queue): self._count_one(queue) for queue in sorted(self.queues)}

    def _count_one(self, queue):
        answer = self._ask_admin(queue)
        if answer == 405:
            for number, connection in self.connections.items():
                if connection.alive and not connection.closing and \
                        self.owners.get(queue, number) == number:
                    answer = self._ask_owner(connection, queue)
                    if answer != 405:
                        break
        return answer

    def _ask_admin(self, queue):
        try:
            ok = self.admin_channel.call("queue.declare", queue=queue, passive=True)
            return ok.message_count, ok.consumer_count
        except wire.ChannelClosed as closed:
            self.admin_channel = self.admin.channel(self.admin_channel.number)
            return closed.code

    def _ask_owner(self, connection, queue):
        start = len(connection.events)
        connection.write(wire.frame(wire.METHOD, PROBE, wire.encode_method(
            "queue.declare", queue=queue, passive=True)))
        self._await_since(connection, start)
        found = [event for event in connection.events[start:] if event[0] == PROBE]
        for event in found:
            connection.events.remove(event)
        for _, name, fields in found:
            if name == "queue.declare-ok":
                return fields["message_count"], fields["consumer_count"]
            if name == "channel.close":
                connection.write(connection.send(PROBE, "channel.open", {}))
                self._await_since(connection, start)
                connection.events = [e for e in connection.events if e[0] != PROBE]
                return fields["reply_code"]
        return "no answer"

    def _await_since(self, connection, start):
        self._pump(lambda: not connection.alive or connection.closing or
                   any(event[0] == PROBE for event in connection.events[start:]))

    def _collect(self):
        """What came, connection by connection and channel by channel, in the order it came."""
        collected = []
        for number, connection in sorted(self.connections.items()):
            events = sorted(confirms_at_end(connection.events), key=lambda event: event[0])
            collected += [(number, channel, name, self.names.hide(fields))
                          for channel, name, fields in events if channel != PROBE]
            connection.events = []
            if not connection.alive:
                del self.connections[number]
        return collected

    # -- the end

    def close(self):
        """Ends all connections and removes what the operations may have left."""
        for connection in self.connections.values():
            if connection.alive:
                connection.socket.close()
        self.connections.clear()
        self._sleep(20)
        for queue in sorted(set(self.queues) | set(self.names.known["gen"])):
            self._remove("queue.delete", queue=queue)
        for exchange in sorted(self.exchanges):
            self._remove("exchange.delete", exchange=exchange)
        self.admin.shut()

    def _remove(self, name, **fields):
        for _ in range(20):
            try:
                self.admin_channel.call(name, **fields)
                return
            except wire.ChannelClosed as closed:
                self.admin_channel = self.admin.channel(self.admin_channel.number)
                if closed.code != 405:
                    return
                time.sleep(0.02)
