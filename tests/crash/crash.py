# SPDX-License-Identifier: Apache-2.0
"""kill -9 under confirmed load: what must be true of every queue afterwards.

Each round: publishers, consumers and transactions work on a dozen durable queues; at a random moment the
broker is killed; it starts again on the same directory; every queue is read and compared with what the
clients know.  A *family* is a set of queues among which each message must be in exactly one place: a
queue and the one behind its dead-letter exchange, or the two ends of a transactional move.

 (1) A confirmed message of which no acknowledgement was sent is in its family, once.
 (2) An unconfirmed one is there once or not at all; never twice, never with another body.
 (3) Within a queue the messages of one publisher are in the order of publishing, dead letters in the
     order in which they were given up.
 (4) What a client has seen delivered comes back as redelivered; in a queue that never was consumed
     from nothing does.
 (5) A transaction is there whole or not at all, and whole if its commit was answered.
 (6) What was taken out by an answered commit never comes back.
"""
import collections
import os
import pathlib
import random
import socket
import sys
import threading
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
sys.dont_write_bytecode = True
import harness  # noqa: E402
import wire  # noqa: E402

WINDOW = 200  # unconfirmed messages of a publisher
GROUP = 5     # messages of a transaction
LOST = (wire.Dropped, OSError, socket.timeout, wire.Closed)

# queue: arguments; all are durable
QUEUES = {
    "direct": {"x-dead-letter-exchange": "x.dead", "x-dead-letter-routing-key": "direct"},
    "dead.direct": {},
    "fan.0": {}, "fan.1": {}, "fan.2": {"x-queue-type": "quorum"},
    "expiry": {"x-message-ttl": 60, "x-dead-letter-exchange": "x.dead",
               "x-dead-letter-routing-key": "expiry"},
    "dead.expiry": {},
    "short": {"x-max-length": 50, "x-dead-letter-exchange": "x.dead",
              "x-dead-letter-routing-key": "short"},
    "dead.short": {},
    "tx.a": {}, "tx.b": {},
    "move.from": {}, "move.to": {},
}
FAMILIES = [["direct", "dead.direct"], ["fan.0"], ["fan.1"], ["fan.2"],
            ["expiry", "dead.expiry"], ["short", "dead.short"], ["tx.a"], ["tx.b"],
            ["move.from", "move.to"]]
EXCHANGES = {"x.direct": "direct", "x.fanout": "fanout", "x.dead": "direct", "x.tx": "fanout"}
BINDINGS = [("direct", "x.direct", "direct"), ("move.from", "x.direct", "move"),
            ("expiry", "x.direct", "expiry"), ("short", "x.direct", "short"),
            ("fan.0", "x.fanout", ""), ("fan.1", "x.fanout", ""), ("fan.2", "x.fanout", ""),
            ("dead.direct", "x.dead", "direct"), ("dead.expiry", "x.dead", "expiry"),
            ("dead.short", "x.dead", "short"), ("tx.a", "x.tx", ""), ("tx.b", "x.tx", "")]
# what a publisher publishes to, and the families that get it
FEEDS = {"direct": ("x.direct", "direct", ["direct"]), "move": ("x.direct", "move", ["move.from"]),
         "expiry": ("x.direct", "expiry", ["expiry"]), "short": ("x.direct", "short", ["short"]),
         "fan": ("x.fanout", "", ["fan.0", "fan.1", "fan.2"])}
CONSUMED = {"direct", "fan.1", "fan.2", "move.from"}


class Violation(Exception):
    pass


def body_of(name):
    """The body that belongs to a message's name, of a size that the name decides."""
    mark = zlib.crc32(name.encode())
    size = 150000 if mark % 997 == 0 else mark % 1500
    return name.encode() + b"|" + (b"%08x" % mark) * (size // 8)


class Family:
    """What the clients know about the messages of some queues."""

    def __init__(self, queues):
        self.queues = queues
        self.known = {}        # name -> is its presence certain (confirmed, or seen after a start)
        self.may_be_gone = set()   # an acknowledgement is on its way
        self.given_up = []     # names in the order they were rejected
        self.seen = set()      # (queue, name) that a client got

    def sent(self, name):
        self.known.setdefault(name, False)

    def confirmed(self, name):
        if name in self.known:
            self.known[name] = True


class World:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.families = {queues[0]: Family(queues) for queues in FAMILIES}
        self.groups = {}       # transactions of the publisher: id -> committed
        self.moves = {}        # transactions of the mover: tuple of names -> committed
        self.serial = 0
        self.untouched = set(QUEUES) - CONSUMED  # queues that nobody ever consumed from
        self.counts = collections.Counter()
        self.patience = 60  # seconds in which a client hears something

    def next_serial(self):
        self.serial += 1
        return self.serial


# ---- the load ---------------------------------------------------------------------------------

class Worker(threading.Thread):
    """A client in a thread that works until its connection is gone."""

    def __init__(self, world, url, seed):
        super().__init__(daemon=True)
        self.world, self.random = world, random.Random(seed)
        self.client = wire.Client(url, timeout=world.patience)
        self.channel = self.client.channel()
        self.end = None    # what ended its connection
        self.error = None  # what should not have happened
        self.stopping = False

    def run(self):
        try:
            while not self.stopping:
                self.step()
        except LOST as lost:
            self.end = lost
            if isinstance(lost, wire.Closed) and lost.code != 320:
                self.error = lost
        except Exception as error:  # pylint: disable=broad-except
            self.error = error
        self.client.close()


class Publisher(Worker):
    def __init__(self, world, url, seed, feed):
        super().__init__(world, url, seed)
        self.feed = feed
        self.exchange, self.key, targets = FEEDS[feed]
        self.targets = [world.families[target] for target in targets]
        self.id = "%s-%d" % (feed, world.next_serial())
        self.sequence = self.tag = 0
        self.open = collections.OrderedDict()
        self.channel.call("confirm.select")

    def step(self):
        batch = []
        for _ in range(self.random.randint(1, 30)):
            name = "%s:%d" % (self.id, self.sequence)
            self.sequence += 1
            self.tag += 1
            for family in self.targets:
                family.sent(name)
            self.open[self.tag] = name
            batch.append(self.channel.encode_publish(self.exchange, self.key, body_of(name),
                                                     delivery_mode=2, message_id=name))
        self.client.send_bytes(b"".join(batch))
        while len(self.open) > WINDOW:
            self.settle(self.channel.expect("basic.ack", "basic.nack"))

    def settle(self, answer):
        if answer.name != "basic.ack":
            raise Violation("%s was nacked" % self.open.get(answer.delivery_tag))
        tags = [answer.delivery_tag]
        if answer.multiple:
            tags = [tag for tag in self.open if tag <= answer.delivery_tag]
        for tag in tags:
            name = self.open.pop(tag)
            self.world.counts["confirmed"] += 1
            for family in self.targets:
                family.confirmed(name)


class Consumer(Worker):
    """Acknowledges some, gives some up, hands some back, sits on others."""

    def __init__(self, world, url, seed, queue, weights):
        super().__init__(world, url, seed)
        self.queue, self.weights = queue, weights
        self.family = next(f for f in world.families.values() if queue in f.queues)
        self.channel.call("basic.qos", prefetch_count=60)
        self.channel.call("basic.consume", queue=queue)

    def step(self):
        message = self.channel.deliver()
        name = message.properties["message_id"]
        self.family.seen.add((self.queue, name))
        action = self.random.choices(("ack", "give up", "requeue", "sit"), self.weights)[0]
        if action == "ack":
            self.family.may_be_gone.add(name)
            self.channel.send("basic.ack", delivery_tag=message.delivery_tag)
        elif action == "give up":
            self.family.given_up.append(name)
            self.channel.send("basic.nack", delivery_tag=message.delivery_tag, requeue=False)
        elif action == "requeue":
            self.channel.send("basic.nack", delivery_tag=message.delivery_tag, requeue=True)
        self.world.counts[action] += 1


class Committer(Worker):
    """Publishes groups in transactions, each group to two queues."""

    def __init__(self, world, url, seed):
        super().__init__(world, url, seed)
        self.channel.call("tx.select")
        self.id = "tx-%d" % world.next_serial()
        self.sequence = 0

    def step(self):
        group = "%s:%d" % (self.id, self.sequence)
        names = ["%s:%d" % (self.id, self.sequence + index) for index in range(GROUP)]
        self.sequence += GROUP
        self.world.groups[group] = names
        for name in names:
            for queue in ("tx.a", "tx.b"):
                self.world.families[queue].sent(name)
            self.channel.publish("x.tx", "", body_of(name), delivery_mode=2, message_id=name)
        if self.random.random() < 0.1:
            self.channel.call("tx.rollback")
            for name in names:
                for queue in ("tx.a", "tx.b"):
                    self.world.families[queue].known.pop(name)
            del self.world.groups[group]
            return
        self.channel.call("tx.commit")
        self.world.counts["committed"] += 1
        for name in names:
            for queue in ("tx.a", "tx.b"):
                self.world.families[queue].confirmed(name)


class Mover(Worker):
    """Moves messages from one queue to another, publish and ack in one transaction."""

    def __init__(self, world, url, seed):
        super().__init__(world, url, seed)
        self.family = world.families["move.from"]
        self.channel.call("tx.select")
        self.channel.call("basic.qos", prefetch_count=GROUP)
        self.channel.call("basic.consume", queue="move.from")

    def step(self):
        got = [self.channel.deliver() for _ in range(GROUP)]
        names = tuple(message.properties["message_id"] for message in got)
        for message, name in zip(got, names):
            self.family.seen.add(("move.from", name))
            self.channel.publish("", "move.to", message.body, delivery_mode=2, message_id=name)
        self.world.moves[names] = False
        self.channel.send("basic.ack", delivery_tag=got[-1].delivery_tag, multiple=True)
        self.channel.call("tx.commit")
        self.world.moves[names] = True
        self.world.counts["moved"] += GROUP


def start_load(world, url):
    seeds = iter([world.random.random() for _ in range(20)])
    workers = [Publisher(world, url, next(seeds), feed)
               for feed in ("direct", "direct", "fan", "move", "expiry", "short")]
    workers += [Consumer(world, url, next(seeds), "direct", (5, 3, 1, 1)),
                Consumer(world, url, next(seeds), "direct", (5, 3, 1, 1)),
                Consumer(world, url, next(seeds), "fan.1", (8, 0, 1, 1)),
                Consumer(world, url, next(seeds), "fan.2", (6, 0, 0, 4)),
                Committer(world, url, next(seeds)), Committer(world, url, next(seeds)),
                Mover(world, url, next(seeds))]
    for worker in workers:
        worker.start()
    return workers


# ---- the check --------------------------------------------------------------------------------

def declare(channel):
    for name, kind in EXCHANGES.items():
        channel.call("exchange.declare", exchange=name, type=kind, durable=True)
    for name, arguments in QUEUES.items():
        channel.call("queue.declare", queue=name, durable=True, arguments=arguments)
    for queue, exchange, key in BINDINGS:
        channel.call("queue.bind", queue=queue, exchange=exchange, routing_key=key)


def check_topology(channel):
    for name in EXCHANGES:
        channel.call("exchange.declare", exchange=name, passive=True)
    for name, arguments in QUEUES.items():
        channel.call("queue.declare", queue=name, durable=True, arguments=arguments)


def wait_empty(channel, queue, seconds=60):
    deadline = time.monotonic() + seconds
    while channel.call("queue.declare", queue=queue, passive=True).message_count:
        if time.monotonic() > deadline:
            raise Violation("%s does not run empty although its messages have expired" % queue)
        time.sleep(0.02)


def read_queue(channel, queue):
    """All messages of a queue, unacknowledged."""
    count = channel.call("queue.declare", queue=queue, passive=True).message_count
    tag = channel.call("basic.consume", queue=queue).consumer_tag
    got = []
    try:
        while len(got) < count:
            got.append(channel.deliver())
    except socket.timeout:
        raise Violation("%s says %d messages and delivers %d" % (queue, count, len(got))) from None
    channel.call("basic.cancel", consumer_tag=tag)
    return got


class Check:
    """One reading of all queues, against the world."""

    def __init__(self, world, channel):
        self.world, self.channel = world, channel
        self.found = {}
        self.violations = []

    def wrong(self, text, *values):
        self.violations.append(text % values)

    def run(self, keep):
        check_topology(self.channel)
        wait_empty(self.channel, "expiry")
        self.channel.call("tx.select")
        for queue in QUEUES:
            self.found[queue] = read_queue(self.channel, queue)
        for family in self.world.families.values():
            self.check_family(family)
        self.check_transactions()
        if self.violations:
            raise Violation("\n".join(self.violations[:20])
                            + "\n(%d in all)" % len(self.violations))
        self.settle(keep)

    def names(self, queue):
        return [message.properties.get("message_id") for message in self.found[queue]]

    def check_family(self, family):
        places = collections.defaultdict(list)
        for queue in family.queues:
            for message in self.found[queue]:
                name = message.properties.get("message_id")
                places[name].append(queue)
                self.check_message(family, queue, name, message)
            self.check_order(queue)
        for name, queues in places.items():
            if len(queues) > 1:
                self.wrong("%s is there %d times: %s", name, len(queues), queues)
        for name, certain in family.known.items():
            if certain and name not in places and name not in family.may_be_gone:
                self.wrong("%s was confirmed and is in none of %s", name, family.queues)
        self.check_given_up(family)

    def check_message(self, family, queue, name, message):
        if name not in family.known:
            self.wrong("%s in %s: nobody sent it, or it had been taken out", name, queue)
        elif message.body != body_of(name):
            self.wrong("%s in %s: another body", name, queue)
        if (queue, name) in family.seen and not message.redelivered:
            self.wrong("%s in %s was delivered before and does not say so", name, queue)
        if queue in self.world.untouched and message.redelivered:
            self.wrong("%s in %s says redelivered and never was delivered", name, queue)
        if queue.startswith("dead."):
            self.check_death(queue, name, message)

    def check_death(self, queue, name, message):
        source = queue[len("dead."):]
        reason = {"direct": "rejected", "expiry": "expired", "short": "maxlen"}[source]
        deaths = [(death["queue"], death["reason"], death["count"])
                  for death in message.properties.get("headers", {}).get("x-death", [])]
        if deaths != [(source, reason, 1)]:
            self.wrong("%s in %s has died of %s", name, queue, deaths)

    def check_order(self, queue):
        if queue == "dead.direct":
            return  # by the order of rejection, check_given_up
        last = {}
        for name in self.names(queue):
            publisher, _, sequence = (name or "?:0").rpartition(":")
            if int(sequence) < last.get(publisher, -1):
                self.wrong("%s in %s comes after %d", name, queue, last[publisher])
            last[publisher] = int(sequence)

    def check_given_up(self, family):
        """Two consumers reject, so the order is known for each publisher of theirs only as sent."""
        if family.queues[0] != "direct":
            return
        given_up = set(family.given_up)
        for name in self.names("dead.direct"):
            if name not in given_up:
                self.wrong("%s in dead.direct was not rejected", name)

    def check_transactions(self):
        a, b = set(self.names("tx.a")), set(self.names("tx.b"))
        for group, names in self.world.groups.items():
            there = [(name in a, name in b) for name in names]
            if len({flag for pair in there for flag in pair}) > 1:
                self.wrong("transaction %s is there in parts: %s", group, there)
        moved = set(self.names("move.to"))
        for names, committed in self.world.moves.items():
            there = {name in moved for name in names}
            if len(there) > 1 or (committed and there == {False}):
                self.wrong("move of %s is there in parts", names)

    def settle(self, keep):
        """Take everything out, surely; or leave it, and remember what is there."""
        self.world.untouched = set()
        self.world.counts["read"] += sum(len(found) for found in self.found.values())
        if not keep:
            self.channel.send("basic.ack", delivery_tag=0, multiple=True)
            self.channel.call("tx.commit")
        for family in self.world.families.values():
            there = [(queue, name) for queue in family.queues for name in self.names(queue)]
            family.known = {name: True for _, name in there} if keep else {}
            family.seen = set(there) if keep else set()
            family.may_be_gone = set()
            family.given_up = [n for n in family.given_up if n in family.known] if keep else []
        self.world.groups = {group: names for group, names in self.world.groups.items()
                             if keep and names[0] in self.world.families["tx.a"].known}
        self.world.moves = {names: True for names in self.world.moves
                            if keep and names[0] in set(self.names("move.to"))}


def check(world, broker, keep):
    client = wire.Client(broker.url, timeout=30)
    Check(world, client.channel()).run(keep)
    client.shut()


# ---- the rounds -------------------------------------------------------------------------------

def one_round(world, broker, number):
    workers = start_load(world, broker.url)
    time.sleep(world.random.uniform(0.05, 1.2))
    broker.kill()
    for worker in workers:
        worker.join(30)
        if worker.error:
            raise Violation("%s: %r" % (type(worker).__name__, worker.error))
    broker.start()
    check(world, broker, keep=number % 3 != 0)


def main():
    rounds = int(os.environ.get("ROUNDS", "5"))
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 31)))
    world = World(seed)
    if harness.is_external():
        print("an external broker is not ours to kill\n0 passed, 0 failed, 1 skipped")
        return 0
    print("seed %d, %d rounds" % (seed, rounds), flush=True)
    broker = harness.Broker(users=False)
    done, slowest = 0, 0.0
    try:
        broker.start()
        client = wire.Client(broker.url)
        declare(client.channel())
        client.shut()
        for number in range(1, rounds + 1):
            one_round(world, broker, number)
            slowest = max(slowest, broker.start_seconds)
            done += 1
        if broker.stop() != 0:
            raise Violation("SIGTERM did not end it with status 0")
        broker.start()
        check(world, broker, keep=False)
        broker.close()
    except (Violation, harness.BrokerDied, wire.Closed, wire.Dropped, OSError) as error:
        print("round %d, SEED=%d: %s: %s" % (done + 1, seed, type(error).__name__, error))
        print("---- the broker's log (its end)\n%s" % "\n".join(broker.log().splitlines()[-20:]))
        print("%d passed, 1 failed" % done)
        return 1
    finally:
        broker.discard()
    counts = world.counts
    print("killed %d times: %d messages confirmed, %d acknowledged, %d rejected, %d transactions, %d"
          " moved; slowest start %.2f s" % (done, counts["confirmed"], counts["ack"],
                                            counts["give up"], counts["committed"],
                                            counts["moved"], slowest))
    print("%d passed, 0 failed" % (done + 1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
