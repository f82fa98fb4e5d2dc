# SPDX-License-Identifier: Apache-2.0
"""Random sequences of AMQP operations, from a seed.

The next operation is chosen by what the first broker has answered so far (open channels, held tags), so
that most are legal; what is played on the other broker are the same operations.

 (1) The same seed and the same answers give the same operations.
 (2) Names begin with the sequence's own prefix, but for the few that everybody shares.
"""
import random

import wire
from wire import Typed

CONNECTIONS, CHANNELS = 2, 2
TYPES = ["direct", "fanout", "topic", "headers"]
# With content, from the server only: RabbitMQ waits for the content before it complains.
SERVERS = {"basic.return", "basic.deliver", "basic.get-ok"}
PREDECLARED = ["amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match"]
KEYS = ["a", "b", "a.b", "a.b.c", "", "#", "*", "a.#", "*.b", "#.c"]
USERS = ["guest"] * 8 + ["tests-owner", "tests-actor"]

# No limit is below a message's own size: with reject-publish RabbitMQ refuses it then even where a
# consumer would take it at once (docs/compatibility.md).
# name: values that are taken, then values that are refused or odd
QUEUE_ARGUMENTS = {
    "x-message-ttl": ([60000, Typed("l", 60000), Typed("s", 30000), 3600000],
                      [-1, "5", 2**33, Typed("t", True), 1.5, None, Typed("T", 5), 2**60]),
    "x-expires": ([60000, 3600000, Typed("l", 60000)], [0, -1, "5", 2**33, 2**60, Typed("d", 1.0)]),
    "x-max-length": ([1, 2, 3, Typed("l", 3)], [-1, "2", 2**40, Typed("t", False)]),
    "x-max-length-bytes": ([6000, 9000], [-1, "x", Typed("F", {})]),
    "x-overflow": (["drop-head", "reject-publish", "reject-publish-dlx"], ["sometimes", 5, ""]),
    "x-dead-letter-exchange": (["", "amq.fanout", "amq.direct", "%x0", "%x1", "%missing"], [5, None]),
    "x-dead-letter-routing-key": (["%q0", "%q1", "%q2", "a", "a.b"], [7, Typed("A", ["a"])]),
    "x-max-priority": ([1, 3, 10, 255, Typed("b", 5)], [0, 256, -1, "3"]),
    "x-single-active-consumer": ([True, False], ["yes", 1]),
    "x-queue-mode": (["default", "lazy"], ["idle", 1]),
    "x-queue-type": (["classic"], ["nonsense", 5]),
    "x-queue-version": ([1, 2], [3, "2"]),
    "x-queue-master-locator": (["client-local", "min-masters"], []),
    "x-nonsense": (["a", 5, True], [None, Typed("A", [1]), Typed("F", {"a": 1})]),
    "x-max-age": ([], ["1h", 5]),
    "x-cancel-on-ha-failover": ([True], []),
    "x-delivery-limit": ([], [3, "x"]),
    "alternate-exchange": ([], ["%x0"]),
}
COMMON_ARGUMENTS = ["x-message-ttl", "x-max-length", "x-overflow", "x-dead-letter-exchange",
                    "x-dead-letter-routing-key", "x-max-priority", "x-single-active-consumer"]
# What a sequence leans to: arguments that its queues have more often than not.
LEANINGS = {
    "none": {},
    "dead letters": {"x-dead-letter-exchange": ["", "", "amq.fanout", "%x0", "amq.topic"],
                     "x-dead-letter-routing-key": [None, "%q0", "%q1", "%q2", "a.b"],
                     "x-max-length": [None, None, 1, 2]},
    "priorities": {"x-max-priority": [2, 5, 10], "x-max-length": [None, 2]},
    "limits": {"x-max-length": [None, 1, 2], "x-max-length-bytes": [None, 6000],
               "x-overflow": ["drop-head", "reject-publish", "reject-publish-dlx"],
               "x-dead-letter-exchange": [None, "", "amq.fanout"]},
    "one consumer": {"x-single-active-consumer": [True, True, None]},
}
HEADER_VALUES = [1, 2, "v", "w", True, None, 1.5, Typed("l", 1), Typed("b", 1), Typed("s", 1),
                 Typed("T", 1), Typed("x", b"v"), Typed("F", {"k": "v"}), Typed("A", [1, "v"]),
                 Typed("D", (1, 5)), Typed("f", 0.5), Typed("i", 1), Typed("u", 1), Typed("B", 1)]
ODD_VALUES = {"content_type": ["text/plain", "", "é"], "content_encoding": ["utf-8"],
              "correlation_id": ["c1", "x" * 255], "message_id": ["m"], "timestamp": [0, 1, 2**63, 2**64 - 1],
              "type": ["t"], "app_id": ["app"], "cluster_id": ["cl"], "priority": [0, 1, 3, 5, 255],
              "reply_to": ["there", "amq.rabbitmq.reply-to",
                                                            "amq.rabbitmq.reply-to.x"]}


class Sequence:
    """Chooses; `player` is the first broker's."""

    def __init__(self, seed, player, prefix):
        self.random = random.Random(seed)
        self.player, self.prefix = player, prefix
        self.queue_shapes, self.exchange_shapes = {}, {}
        self.bindings = []
        self.body = 0
        self.queues = []  # that are there
        self.expiration = self.random.choice([None] * 8 + ["0", "1", "100000", "4294967295"])
        self.odd = self.random.choice([0.02, 0.02, 0.1, 0.3])  # how often something is wrong on purpose
        self.leaning = self.random.choice(sorted(LEANINGS))
        if self.leaning != "none":
            self.odd = 0.01
            if self.expiration in ("0", "1"):
                self.expiration = None  # behind messages that stay, RabbitMQ's stay too
        self.weights = {choose: weight * self.random.choice([0, 1, 1, 3])
                        for choose, weight in self.CHOICES.items()}
        for name in ("queue_declare", "publish", "channel_open"):
            self.weights[name] = self.CHOICES[name]

    CHOICES = {
        "queue_declare": 14, "queue_bind": 7, "queue_unbind": 2, "queue_purge": 1, "queue_delete": 3,
        "exchange_declare": 7, "exchange_bind": 3, "exchange_unbind": 1, "exchange_delete": 2,
        "publish": 30, "consume": 9, "cancel": 3, "get": 7, "settle": 14, "recover": 2, "qos": 3,
        "confirm": 2, "tx": 4, "channel_open": 2, "channel_close": 1, "flow": 1, "access": 1,
        "reply_to": 2, "batch": 4, "odd_method": 1, "raw": 1, "end": 1, "sleep": 1, "secret": 1,
    }

    # -- what there is to choose from

    def pick(self, items):
        return self.random.choice(items)

    def chance(self, share):
        return self.random.random() < share

    def amiss(self):
        return self.chance(self.odd)

    def name(self, kind, count=3):
        return "%s%s%d" % (self.prefix, kind, self.random.randrange(count))

    def queue(self):
        if self.amiss():
            return self.pick(["", self.prefix + "missing", "amq.gen-nobody", "@gen0", "@gen1",
                              self.prefix + "\n\rq0", "Ünï", self.prefix + "x" * 150])
        if self.queues and self.chance(0.85):
            return self.pick(self.queues)
        return self.pick([self.name("q")] * 6 + ["", "@gen0"])

    def exchange(self, default=True):
        if self.amiss():
            return self.pick(["", self.prefix + "missing", "amq.nobody", "amq.rabbitmq.trace",
                              "amq.rabbitmq.log", self.prefix + "\n\rx0"])
        if self.exchange_shapes and self.chance(0.5):
            return self.pick(sorted(self.exchange_shapes))
        return self.pick([self.name("x")] * (not self.exchange_shapes) + [""] * 3 * default + PREDECLARED)

    def expand(self, value):
        if isinstance(value, str) and value.startswith("%"):
            return self.prefix + value[1:]
        return value

    def channels(self):
        """[(connection, channel)] that are open."""
        return [(number, channel) for number, connection in sorted(self.player.connections.items())
                if connection.alive for channel in sorted(connection.channels)]

    # -- the next operation

    def saw(self, operation, events, counts):
        """What came of the last operation; whether there may be a next one. After an error among pipelined
        methods RabbitMQ may close the channel twice, and has delivered what we had not yet."""
        self.queues = [name for name, count in sorted(counts.items()) if isinstance(count, tuple)]
        return operation[0] != "send" or len(operation[2]) == 1 or \
            not any(event[2].endswith(".close") for event in events)

    def next(self):
        missing = [n for n in range(CONNECTIONS) if n not in self.player.connections]
        if missing and (len(missing) == CONNECTIONS or self.chance(0.2)):
            return ("connect", missing[0], self.pick(USERS))
        channels = self.channels()
        if not channels or (len(channels) < 2 and self.chance(0.3)):
            number = self.pick(sorted(self.player.connections))
            free = [c for c in range(1, CHANNELS + 1) if (number, c) not in channels]
            return ("send", number, ((self.pick(free), "channel.open", {}),))
        number, channel = self.pick(channels)
        kind = self.random.choices(list(self.weights), list(self.weights.values()))[0]
        return getattr(self, kind)(number, channel)

    def one(self, number, channel, name, **fields):
        return ("send", number, ((channel, name, fields),))

    def nowait(self):
        return {"nowait": True} if self.chance(0.15) else {}

    # -- queues

    def arguments(self):
        arguments = {}
        if self.chance(0.8):
            chosen = {name: self.expand(self.pick(values)) for name, values in LEANINGS[self.leaning].items()}
            arguments = {name: value for name, value in chosen.items() if value is not None}
            if arguments:
                return arguments
        while self.chance(0.45) and len(arguments) < 4:
            name = self.pick(COMMON_ARGUMENTS if self.chance(0.7) else sorted(QUEUE_ARGUMENTS))
            good, bad = QUEUE_ARGUMENTS[name]
            values = bad if (self.amiss() or not good) and bad else good
            if good or self.amiss():
                arguments[name] = self.expand(self.pick(values))
        return arguments

    def queue_declare(self, number, channel):
        if self.chance(0.1):
            return self.one(number, channel, "queue.declare", queue=self.queue(), passive=True,
                            **self.nowait())
        name = self.pick([self.name("q")] * 8 + [""]) if not self.amiss() else self.queue()
        shape = self.queue_shapes.get(name)
        if shape is None or self.chance(0.25):
            shape = dict(durable=self.chance(0.3), exclusive=self.chance(0.15),
                         auto_delete=self.chance(0.2), arguments=self.arguments())
            if shape["durable"] is False and not self.chance(0.5):
                shape["durable"] = True
            self.queue_shapes[name] = shape
        elif self.chance(0.2):
            shape = dict(shape)
            flag = self.pick(["durable", "exclusive", "auto_delete"])
            shape[flag] = not shape[flag]
        return self.one(number, channel, "queue.declare", queue=name, **shape,
                        **(self.nowait() if name else {}))

    def match_arguments(self):
        if not self.chance(0.35):
            return {}
        arguments = {}
        for name in self.random.sample(["h", "i", "x-j", "k"], self.random.randrange(3)):
            arguments[name] = self.pick(HEADER_VALUES)
        if self.chance(0.6):
            arguments["x-match"] = self.pick(["all", "any", "all-with-x", "any-with-x"])
        if self.amiss():
            arguments["x-match"] = self.pick(["some", 5, "", None, True])
        return arguments

    def queue_bind(self, number, channel):
        fields = dict(queue=self.queue(), exchange=self.exchange(self.amiss()),
                      routing_key=self.pick(KEYS), arguments=self.match_arguments())
        self.bindings.append(fields)
        return self.one(number, channel, "queue.bind", **fields, **self.nowait())

    def queue_unbind(self, number, channel):
        fields = self.pick(self.bindings) if self.bindings and not self.amiss() else \
            dict(queue=self.queue(), exchange=self.exchange(), routing_key=self.pick(KEYS))
        if "queue" not in fields:
            return self.one(number, channel, "exchange.unbind", **fields)
        return self.one(number, channel, "queue.unbind", **fields)

    def queue_purge(self, number, channel):
        return self.one(number, channel, "queue.purge", queue=self.queue(), **self.nowait())

    def queue_delete(self, number, channel):
        return self.one(number, channel, "queue.delete", queue=self.queue(), if_unused=self.chance(0.3),
                        if_empty=self.chance(0.3), **self.nowait())

    # -- exchanges

    def exchange_declare(self, number, channel):
        if self.chance(0.15):
            return self.one(number, channel, "exchange.declare", exchange=self.exchange(), passive=True,
                            type=self.pick(["", "direct", "nonsense"]), **self.nowait())
        name = self.name("x") if not self.amiss() else self.exchange()
        shape = self.exchange_shapes.get(name)
        if shape is None or self.amiss():
            shape = dict(type=self.pick(TYPES), durable=self.chance(0.3), auto_delete=self.chance(0.15),
                         internal=self.chance(0.1), arguments={})
            if self.chance(0.3):
                shape["arguments"]["alternate-exchange"] = \
                    self.prefix + self.pick(["x0", "x1", "x2", "missing"])
            if self.amiss():
                shape["type"] = self.pick(["nonsense", "", "x-delayed-message", "Direct"])
            if self.amiss():
                shape["arguments"][self.pick(["alternate-exchange", "x-other"])] = self.pick(HEADER_VALUES)
            self.exchange_shapes.setdefault(name, shape)
        elif self.chance(0.15):
            shape = dict(shape)
            flag = self.pick(["durable", "auto_delete", "internal"])
            shape[flag] = not shape[flag]
        return self.one(number, channel, "exchange.declare", exchange=name, **shape, **self.nowait())

    def exchange_bind(self, number, channel):
        fields = dict(destination=self.exchange(self.amiss()), source=self.exchange(self.amiss()),
                      routing_key=self.pick(KEYS), arguments=self.match_arguments())
        if fields["destination"].startswith("amq.") and fields["source"].startswith("amq."):
            fields["source"] = self.name("x")  # nobody would remove it afterwards
        self.bindings.append(fields)
        return self.one(number, channel, "exchange.bind", **fields, **self.nowait())

    def exchange_unbind(self, number, channel):
        known = [b for b in self.bindings if "source" in b]
        fields = self.pick(known) if known and not self.amiss() else \
            dict(destination=self.exchange(), source=self.exchange(), routing_key=self.pick(KEYS))
        return self.one(number, channel, "exchange.unbind", **fields, **self.nowait())

    def exchange_delete(self, number, channel):
        return self.one(number, channel, "exchange.delete", exchange=self.exchange(self.amiss()),
                        if_unused=self.chance(0.4), **self.nowait())

    # -- messages

    def properties(self):
        properties = {}
        if self.chance(0.4):
            properties["delivery_mode"] = self.pick([1, 2])
        if self.chance(0.3):
            properties["priority"] = self.pick([0, 1, 2, 3, 9])
        while self.chance(0.2):
            name = self.pick(sorted(ODD_VALUES))
            properties[name] = self.pick(ODD_VALUES[name])
        if self.chance(0.3):
            properties["headers"] = self.headers()
        if self.expiration is not None:
            properties["expiration"] = self.expiration
        if self.amiss():
            properties["expiration"] = self.pick(["", "x", "-1", "5x", " 5", "4294967296", "1.5", "+70000",
                                                  "99999999999999999999", "315360000001", "007000000"])
        elif not properties.get("headers") and self.amiss():  # of two faults, versions find another first
            properties["user_id"] = self.pick(["guest", "tests-owner", "somebody", ""])
        return properties

    def headers(self):
        headers = {}
        for name in self.random.sample(["h", "i", "x-j", "k"], self.random.randrange(4)):
            headers[name] = self.pick(HEADER_VALUES)
        if self.chance(0.3):
            headers[self.pick(["CC", "BCC"])] = [self.pick([self.name("q"), "a", "b", "a.b"])
                                               for _ in range(self.random.randrange(3))]
        if self.amiss():
            headers[self.pick(["CC", "BCC", "x-death", "x-first-death-queue"])] = \
                self.pick(["a", 5, [5], ["a", 5], {}, None, True])
        return headers

    def publish_fields(self):
        self.body += 1
        exchange = self.exchange() if self.chance(0.6) else ""
        key = self.pick(KEYS) if exchange else self.pick([self.queue()] * 6 + ["@gen0", "@reply0", "nowhere"])
        size = self.pick([0, 1, 1, 1, 30, 30, 5000]) if not self.amiss() else 140000
        return dict(exchange=exchange, routing_key=key,
                    mandatory=self.chance(0.25) and key[0:1] != "@",  # to a reply address: 4.2's rule
                    immediate=self.chance(self.odd / 10),
                    content=((b"m%d" % self.body if size else b"", size), self.properties()))

    def publish(self, number, channel):
        return ("send", number, tuple((channel, "basic.publish", self.publish_fields())
                                      for _ in range(self.pick([1, 1, 1, 2, 3]))))

    def consume(self, number, channel):
        arguments = {}
        if self.chance(0.2):
            arguments["x-priority"] = self.pick([1, -1, 5, Typed("l", 7)])
        if self.amiss():
            arguments[self.pick(["x-priority", "x-priority", "x-stream-offset", "x-other"])] = \
                self.pick(HEADER_VALUES)
        tag = self.pick(["", "t0", "t1", "t2", "t3"])
        fields = {} if tag == "" else self.nowait()
        return self.one(number, channel, "basic.consume", queue=self.queue(), consumer_tag=tag,
                        no_ack=self.chance(0.25), exclusive=self.chance(0.1), no_local=self.chance(0.05),
                        arguments=arguments, **fields)

    def cancel(self, number, channel):
        return self.one(number, channel, "basic.cancel",
                        consumer_tag=self.pick(["t0", "t1", "t2", "t3", "@ctag0", "@ctag1"]), **self.nowait())

    def get(self, number, channel):
        return self.one(number, channel, "basic.get", queue=self.queue(), no_ack=self.chance(0.3))

    def settle(self, number, channel):
        held = self.player.connections[number].channels[channel].tags
        if not held and not self.amiss():
            return self.publish(number, channel)
        tag = ("@tag", self.pick([0, 0, 0, -1, -1, 1, -2])) if not self.amiss() else self.pick([0, 99, 2**40])
        if isinstance(tag, tuple) and not -len(held) <= tag[1] < len(held):
            tag = ("@tag", 0)
        name = self.pick(["basic.ack", "basic.ack", "basic.nack", "basic.nack", "basic.reject"])
        fields = {"delivery_tag": tag}
        if name != "basic.reject":
            fields["multiple"] = self.chance(0.25)
        if name != "basic.ack":
            fields["requeue"] = self.chance(0.5)
        return self.one(number, channel, name, **fields)

    def recover(self, number, channel):
        name = self.pick(["basic.recover", "basic.recover", "basic.recover-async"])
        return self.one(number, channel, name, requeue=not self.amiss())

    def qos(self, number, channel):
        return self.one(number, channel, "basic.qos", prefetch_count=self.pick([0, 1, 1, 2, 3, 65535]),
                        prefetch_size=self.pick([1, 2**32 - 1]) if self.amiss() else 0,
                        **{"global": self.chance(0.3)})

    def confirm(self, number, channel):
        return self.one(number, channel, "confirm.select", **self.nowait())

    def tx(self, number, channel):
        return self.one(number, channel, self.pick(["tx.select", "tx.commit", "tx.commit", "tx.rollback"]))

    # -- the rest

    def channel_open(self, number, _):
        channel = self.random.randrange(1, CHANNELS + 1)
        if channel in self.player.connections[number].channels and not self.amiss():
            return self.publish(number, channel)
        return self.one(number, channel, "channel.open")

    def channel_close(self, number, channel):
        return self.one(number, channel, "channel.close", reply_code=200, reply_text="bye")

    def flow(self, number, channel):
        return self.one(number, channel, "channel.flow", active=not self.amiss())

    def access(self, number, channel):
        return self.one(number, channel, "access.request", realm="/data", passive=True)

    def secret(self, number, _):
        return self.one(number, 0, "connection.update-secret", new_secret="guest", reason="")

    def reply_to(self, number, channel):
        if self.chance(0.4):
            return self.one(number, channel, "basic.consume", queue="amq.rabbitmq.reply-to",
                            consumer_tag=self.pick(["", "r"]), no_ack=not self.amiss())
        fields = self.publish_fields()
        if self.chance(0.5):
            fields["content"][1]["reply_to"] = "amq.rabbitmq.reply-to"
        else:
            fields.update(exchange="", routing_key="@reply%d" % self.random.randrange(2), mandatory=False)
        return ("send", number, ((channel, "basic.publish", fields),))

    def batch(self, number, channel):
        """Some operations on the same connection in one go; the last may be anything but tx.commit."""
        methods = []
        for _ in range(self.random.randrange(2, 5)):
            kind = self.pick(["publish", "publish", "consume", "cancel", "queue_declare",
                              "queue_bind", "qos"])
            operation = getattr(self, kind)(number, channel)
            if operation[0] == "send":
                methods += [(c, n, dict(f)) for c, n, f in operation[2]]
        return ("send", number, tuple(methods)) if methods else self.publish(number, channel)

    def odd_method(self, number, channel):
        """A method that no client sends there."""
        if not self.amiss():
            return self.get(number, channel)
        name = self.pick(sorted(set(wire.BY_NAME) - SERVERS))
        # RabbitMQ looks for the queue that has no name before it looks whether the channel is open.
        return self.one(number, self.pick([0, channel, channel, 9]), name,
                        **({"queue": "q"} if ("queue", "s") in wire.BY_NAME[name].fields else {}))

    def raw(self, number, channel):
        if not self.amiss():
            return self.settle(number, channel)
        publish = wire.frame(wire.METHOD, channel, wire.encode_method("basic.publish"))
        header = wire.frame(wire.CONTENT, channel, wire.encode_header(3))
        declare = wire.encode_method("queue.declare", queue=self.name("q"))
        return ("raw", number, self.pick([
            wire.frame(wire.CONTENT, channel, wire.encode_header(0)),
            wire.frame(wire.BODY, channel, b"abc"),
            publish + wire.frame(wire.BODY, channel, b"abc"),
            publish + publish,
            publish + header + header,
            publish + header + publish,
            publish + header + wire.frame(wire.BODY, channel, b"") + wire.frame(wire.BODY, channel, b"abc"),
            publish + wire.frame(wire.CONTENT, channel, wire.encode_header(3, class_id=50)),
            publish + wire.frame(wire.CONTENT, channel, wire.encode_header(2**40)),
            wire.frame(wire.HEARTBEAT, channel, b""),
            wire.frame(wire.HEARTBEAT, 0, b"") * 2,
            wire.frame(wire.HEARTBEAT, 0, b"x"),
            wire.frame(7, channel, b"abc"),
            wire.frame(wire.METHOD, channel, b"\0\x3c"),
            wire.frame(wire.METHOD, channel, declare[:-2]),
            wire.frame(wire.METHOD, channel, declare + b"xx"),
            wire.frame(wire.METHOD, channel, b""),
            wire.frame(wire.METHOD, channel, declare)[:-1] + b"\0",
            wire.frame(wire.METHOD, 2047, wire.encode_method("channel.open")),
            wire.frame(wire.METHOD, 2048, wire.encode_method("channel.open")),
            wire.frame(wire.METHOD, 65535, wire.encode_method("channel.open")),
            frame_too_large(channel),
        ]))

    def end(self, number, _):
        return (self.pick(["close", "drop"]), number)

    def sleep(self, *_):
        return ("sleep", 30 if self.expiration in ("0", "1") else 1)


def frame_too_large(channel):
    """The head of a frame beyond every frame_max; what would follow isn't sent."""
    return bytes([wire.METHOD]) + channel.to_bytes(2, "big") + (2**24).to_bytes(4, "big") + b"\0" * 64

