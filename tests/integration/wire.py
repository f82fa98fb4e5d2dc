# SPDX-License-Identifier: Apache-2.0
"""Just enough AMQP 0-9-1 by hand for what client libraries don't let one do: bytes at will, and a
thousand connections."""
import socket
import struct

HEADER = b'AMQP\x00\x00\x09\x01'
START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK = (10, 11), (10, 30), (10, 31), (10, 40), (10, 41)
CLOSE, CLOSE_OK = (10, 50), (10, 51)


def short_string(text):
    return struct.pack('B', len(text)) + text


def long_string(text):
    return struct.pack('>I', len(text)) + text


def frame(kind, channel, payload):
    return struct.pack('>BHI', kind, channel, len(payload)) + payload + b'\xce'


def method(channel, ids, arguments=b''):
    return frame(1, channel, struct.pack('>HH', *ids) + arguments)


def publish(channel, key, body, exchange=b''):
    header = struct.pack('>HHQH', 60, 0, len(body), 0)
    return (method(channel, (60, 40), struct.pack('>H', 0) + short_string(exchange) +
                   short_string(key) + b'\x00') +
            frame(2, channel, header) + frame(3, channel, body))


def start_ok(user=b'guest', password=b'guest'):
    return method(0, START_OK, long_string(b'') + short_string(b'PLAIN') +
                  long_string(b'\0' + user + b'\0' + password) + short_string(b'en_US'))


def read_exactly(sock, size):
    data = b''
    while len(data) < size:
        got = sock.recv(size - len(data))
        if not got:
            raise EOFError(f'the stream ended after {len(data)} of {size} bytes')
        data += got
    return data


def read_frame(sock):
    kind, channel, size = struct.unpack('>BHI', read_exactly(sock, 7))
    payload = read_exactly(sock, size)
    assert read_exactly(sock, 1) == b'\xce'
    return kind, channel, payload


def read_method(sock):
    """The next method frame's ids and arguments; heartbeats are passed over."""
    while True:
        kind, _, payload = read_frame(sock)
        if kind == 1:
            return struct.unpack('>HH', payload[:4]), payload[4:]


def expect(sock, ids):
    got, arguments = read_method(sock)
    assert got == ids, f'expected {ids}, got {got}'
    return arguments


def connect(port, heartbeat=0, timeout=60, password=b'guest'):
    """An open connection as a socket."""
    sock = socket.create_connection(('127.0.0.1', port), timeout)
    sock.sendall(HEADER)
    expect(sock, (10, 10))
    sock.sendall(start_ok(password=password))
    channel_max, frame_max, _ = struct.unpack('>HIH', expect(sock, TUNE))
    sock.sendall(method(0, TUNE_OK, struct.pack('>HIH', channel_max, frame_max, heartbeat)) +
                 method(0, OPEN, short_string(b'/') + b'\x00\x00'))
    expect(sock, OPEN_OK)
    return sock


def open_channel(sock, number=1):
    sock.sendall(method(number, (20, 10), b'\x00'))
    expect(sock, (20, 11))
