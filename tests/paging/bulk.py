# SPDX-License-Identifier: Apache-2.0
"""AMQP 0-9-1 in bulk: a connection with one channel that publishes numbered messages and takes them, fast
enough for a million."""
import collections
import socket
import struct
import time

import wire

CHANNEL_OPEN, CHANNEL_OPEN_OK = (20, 10), (20, 11)
QOS, QOS_OK, CONSUME, CONSUME_OK, PUBLISH, DELIVER = (60, 10), (60, 11), (60, 20), (60, 21), (60, 40), (60, 60)
ACK, NACK = (60, 80), (60, 120)
SELECT, SELECT_OK = (85, 10), (85, 11)
DELIVER_IDS, ACK_IDS = struct.pack('>HH', *DELIVER), struct.pack('>HH', *ACK)
OUTSTANDING = 20000  # unconfirmed messages at most
CHUNK = 200          # messages to a send


class Bulk:
    def __init__(self, port, patience=60):
        self.sock = wire.connect(port)
        self.sock.settimeout(patience)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.buffer = b''
        self.waiting = collections.deque()  # deliveries read but not taken
        self.published = self.confirmed = 0
        self.confirming = False
        self.call(CHANNEL_OPEN, b'\0', CHANNEL_OPEN_OK)

    def call(self, ids, arguments, answer):
        self.sock.sendall(wire.method(1, ids, arguments))
        wire.expect(self.sock, answer)

    def close(self):
        self.sock.close()

    def frames(self):
        """Reads once; gives (kind, payload) of each frame that is whole."""
        got = self.sock.recv(1 << 20)
        if not got:
            raise EOFError('the broker closed the connection')
        data = self.buffer + got
        at, end = 0, len(data)
        while end - at >= 8:
            size = int.from_bytes(data[at + 3:at + 7], 'big')
            if end - at < size + 8:
                break
            yield data[at], data[at + 7:at + 7 + size]
            at += size + 8
        self.buffer = data[at:]

    # -- publishing --

    def confirms(self):
        self.call(SELECT, b'\0', SELECT_OK)
        self.confirming = True

    def take_confirms(self):
        for kind, payload in self.frames():
            if kind == 1 and payload[:4] == ACK_IDS:
                tag, multiple = struct.unpack('>Q?', payload[4:13])
                self.confirmed = tag if multiple else max(self.confirmed, tag)
            elif kind == 1:
                raise AssertionError(f'unexpected method {payload[:60]!r}')

    def publish(self, queue, first, count, size=256, persistent=True, priority=None, expiration=None,
                wait=True):
        """Publishes the numbers from `first` on and waits for their confirms, if confirms() was called."""
        flags = 0x1000 | (0x0800 if priority is not None else 0) | (0x0100 if expiration else 0)
        properties = struct.pack('>HB', flags, 2 if persistent else 1)
        if priority is not None:
            properties += bytes([priority])
        if expiration:
            properties += wire.short_string(str(expiration).encode())
        head = (wire.method(1, PUBLISH, b'\0\0\0' + wire.short_string(queue.encode()) + b'\0') +
                wire.frame(2, 1, struct.pack('>HHQ', 60, 0, size) + properties) +
                struct.pack('>BHI', 3, 1, size))
        tail = b'.' * (size - 8) + b'\xce'
        for start in range(first, first + count, CHUNK):
            numbers = range(start, min(start + CHUNK, first + count))
            self.sock.sendall(b''.join(head + n.to_bytes(8, 'big') + tail for n in numbers))
            self.published += len(numbers)
            while self.confirming and self.published - self.confirmed > OUTSTANDING:
                self.take_confirms()
        while wait and self.confirming and self.confirmed < self.published:
            self.take_confirms()

    # -- consuming --

    def consume(self, queue, prefetch=0, no_ack=False, tag='c'):
        if prefetch:
            self.call(QOS, struct.pack('>IH?', 0, prefetch, False), QOS_OK)
        self.sock.sendall(wire.method(1, CONSUME, b'\0\0' + wire.short_string(queue.encode()) +
                                      wire.short_string(tag.encode()) + bytes([2 if no_ack else 0]) +
                                      b'\0\0\0\0'))

    def deliveries(self):
        """Reads once; gives (number, delivery tag, redelivered) of each message."""
        for kind, payload in self.frames():
            if kind == 1:
                if payload[:4] != DELIVER_IDS:
                    continue
                at = 5 + payload[4]
                self.tag = int.from_bytes(payload[at:at + 8], 'big')
                self.redelivered = payload[at + 8] != 0
            elif kind == 3:
                yield int.from_bytes(payload[:8], 'big'), self.tag, self.redelivered

    def ack(self, tag, multiple=True):
        self.sock.sendall(wire.method(1, ACK, struct.pack('>Q?', tag, multiple)))

    def requeue(self, tag):
        """The messages up to this one go back."""
        self.sock.sendall(wire.method(1, NACK, struct.pack('>QB', tag, 3)))

    def take(self, count, ack_every=100):
        """Takes that many messages, acknowledges them, and gives their numbers."""
        numbers = []
        tag = 0
        while len(numbers) < count:
            if not self.waiting:
                self.waiting.extend(self.deliveries())
                continue
            number, tag, _ = self.waiting.popleft()
            numbers.append(number)
            if ack_every and len(numbers) % ack_every == 0:
                self.ack(tag)
        if ack_every and numbers and len(numbers) % ack_every:
            self.ack(tag)
        return numbers

    def silence(self, seconds=0.3):
        """Whether nothing is delivered for so long."""
        until = time.monotonic() + seconds
        if self.waiting:
            return False
        self.sock.settimeout(seconds)
        try:
            while time.monotonic() < until:
                if list(self.deliveries()):
                    return False
        except TimeoutError:
            pass
        finally:
            self.sock.settimeout(120)
        return True
