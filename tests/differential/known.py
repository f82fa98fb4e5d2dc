# SPDX-License-Identifier: Apache-2.0
"""What may differ: each rule says why (docs/compatibility.md has the deliberate ones).  What is left is
compared as it is."""
import re

from wire import Typed




# (pattern, replacement, why): of reply texts, on both sides
TEXTS = [
    (r"(configure|write|read) access to (queue|exchange) ", r"access to \2 ",
     "3.10 doesn't say which access"),
    (r"(unknown|invalid) exchange type", r"unknown exchange type", "by chance it knows the word"),
    (r"\"expected integer, got (\w+)\"", r"{unacceptable_type,\1}", "3.10 words it another way"),
    (r"\s*\n\s*", "", "it breaks long terms at 80 columns"),
    (r".*cannot bind or unbind to a volatile .direct reply-to. queue|"
     r"NOT_FOUND - no queue 'amq.rabbitmq.reply-to' in vhost '/'", "no such queue", "4.2's text"),
]


def plain(observation):
    """An observation without what no two brokers, nor two runs, have alike."""
    events, counts = observation
    return cancels_in_order([plain_event(event) for event in events]), counts


def cancels_in_order(events):
    """The consumers of a queue that is gone are told so in any order."""
    cancels = iter(sorted(event for event in events if event[2] == "basic.cancel"))
    return [next(cancels) if event[2] == "basic.cancel" else event for event in events]


def plain_event(event):
    number, channel, name, fields = event
    return number, channel, name, tuple((key, plain_text(value) if key == "reply_text" else plain_value(value))
                                        for key, value in fields)


def plain_text(text):
    for pattern, replacement, _ in TEXTS:
        text = re.sub(pattern, replacement, text)
    return text


def is_last_death(item):
    return isinstance(item, tuple) and len(item) == 2 and str(item[0]).startswith("x-last-death-")


def plain_value(value):
    """The time of a death is when it was; 3.10 doesn't tell which death was the last."""
    if isinstance(value, Typed):
        return Typed(value.tag, plain_value(value.value))
    if isinstance(value, (tuple, list)):
        if len(value) == 2 and value[0] == "time" and isinstance(value[1], Typed):
            return "time", Typed(value[1].tag, "then")
        return tuple(plain_value(item) for item in value if not is_last_death(item))
    return value


def same(operations, ours, theirs):
    """Whether the last of the operations came out alike."""
    return settled(operations[-1], plain(ours)) == settled(operations[-1], plain(theirs))


def uncounted(event):
    """A queue.declare may be answered before what was published just now is counted."""
    number, channel, name, fields = event
    return number, channel, name, tuple(f for f in fields if name != "queue.declare-ok" or f[0] == "queue")


def settled(operation, observation):
    """Where several methods were sent at once and one of them was an error, RabbitMQ's writer may lose the
    answers to those before it, the error may be that of a later one, and it delivers before it reads on."""
    events, counts = observation
    closes = [(number, channel, name, fields[0]) for number, channel, name, fields in events
              if name in ("channel.close", "connection.close")]
    if operation[0] == "send" and len(operation[2]) > 1 and not closes:
        events = sorted((uncounted(event) for event in events),
                        key=lambda event: event[:3])  # some answers come from the queue's process
    elif operation[0] == "send" and len(operation[2]) > 1:
        return [event for event in events if event[0] != operation[1]], bool(closes)
    return events, counts
