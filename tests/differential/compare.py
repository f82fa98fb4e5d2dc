# SPDX-License-Identifier: Apache-2.0
"""Plays sequences on both brokers, compares, and makes what differs short.

 (1) A difference counts when it comes again with five times the patience.
 (2) A sequence ends at its first difference: what follows says nothing.
"""
import collections
import pprint

import known
import player
import sequences
import wire


class Difference:
    def __init__(self, operations, step, ours, theirs):
        self.operations, self.step, self.ours, self.theirs = operations, step, ours, theirs

    def __str__(self):
        lines = ["after %s" % show(operation) for operation in self.operations[:self.step + 1]]
        lines += diff_lines("ours", self.ours, self.theirs) + diff_lines("theirs", self.theirs, self.ours)
        return "\n".join(lines)

    def signature(self):
        """What makes two differences the same one."""
        return str(diff_lines("", self.ours, self.theirs))[:80]


def show(operation):
    return pprint.pformat(operation, width=150, compact=True, sort_dicts=False)


def diff_lines(whose, one, other):
    events, counts = one
    lines = ["    %s: %s" % (whose, show(event)) for event in events if event not in other[0]]
    if not lines and events != other[0]:
        lines = ["    %s: %s" % (whose, show(event)) for event in events]
    return lines + ["    %s: queue %s has %s" % (whose, queue, count)
                    for queue, count in sorted(counts.items()) if other[1].get(queue) != count]


def record(seed, prefix, steps, address):
    """(operations, observations) of a random sequence on the first broker."""
    first = player.Player(address)
    try:
        chooser = sequences.Sequence(seed, first, prefix)
        operations, observations = [], []
        for _ in range(steps):
            operations.append(chooser.next())
            observations.append(first.play(operations[-1]))
            if not chooser.saw(operations[-1], *observations[-1]):
                break
        return operations, observations
    finally:
        first.close()


def play(operations, address, patience=1.0):
    one = player.Player(address, patience)
    try:
        return [one.play(operation) for operation in operations]
    finally:
        one.close()


def follow(operations, observations, address, patience=1.0):
    """The first Difference of the second broker from what the first one did, or None."""
    second = player.Player(address, patience)
    try:
        for step, (operation, ours) in enumerate(zip(operations, observations)):
            theirs = second.play(operation)
            if known.same(operations[:step + 1], ours, theirs):
                continue
            return Difference(operations, step, known.plain(ours), known.plain(theirs))
        return None
    finally:
        second.close()


def differs(operations, addresses, patience):
    observations = play(operations, addresses[0], patience)
    return follow(operations, observations, addresses[1], patience)


def shorten(difference, addresses):
    """Leaves out what the difference doesn't need."""
    operations = list(difference.operations[:difference.step + 1])
    best = difference
    size = max(1, len(operations) // 2)
    while size:
        at = len(operations) - 1
        while at > 0:
            start = max(0, at - size)
            shorter = operations[:start] + operations[at:]
            found = differs(shorter, addresses, 1.0)
            if found and found.signature() == best.signature():
                best, operations = found, list(found.operations[:found.step + 1])
                at = min(start, len(operations) - 1)
            else:
                at -= size
        size //= 2
    return best


def replay(path, addresses):
    """Plays the operations of a file that hunt() wrote; the number of differences."""
    operations = eval(path.read_text(), {"Typed": wire.Typed})  # a file of our own
    found = differs(operations, addresses, 3.0)
    print(found or "no difference")
    return 1 if found else 0


def keep(found, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pprint.pformat(found.operations[:found.step + 1], width=110, sort_dicts=False) + "\n")


def play_one(seed, arguments, addresses):
    """The Difference that the sequence of that seed shows, or None."""
    operations, observations = record(seed, "d%d." % seed, arguments.steps, addresses[0])
    found = follow(operations, observations, addresses[1])
    return found and differs(operations[:found.step + 1], addresses, 5.0)


def hunt(arguments, addresses):
    """Plays all sequences and prints each kind of difference once; the number of kinds."""
    seen = collections.Counter()
    for seed in range(arguments.seed, arguments.seed + arguments.sequences):
        found = play_one(seed, arguments, addresses)
        if not found:
            continue
        signature = found.signature().replace("d%d." % seed, "")
        seen[signature] += 1
        if seen[signature] > 1:
            print("seed %d: the same again" % seed, flush=True)
            continue
        found = shorten(found, addresses)
        print("==== seed %d\n%s" % (seed, found), flush=True)
        if arguments.out:
            keep(found, arguments.out / ("%d.txt" % seed))
    print("%d sequences, %d kinds of difference" % (arguments.sequences, len(seen)))
    return len(seen)
