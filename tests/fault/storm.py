# SPDX-License-Identifier: Apache-2.0
"""Connections by the thousand, cut off at a stage of the handshake of one's choice."""
import selectors
import socket
import struct

import wire

RST = struct.pack('ii', 1, 0)  # SO_LINGER: close() sends a reset


def method(name, channel=0, **values):
    return wire.frame(wire.METHOD, channel, wire.encode_method(name, **values))


START_OK = method('connection.start-ok', client_properties={}, mechanism='PLAIN',
                 response='\0guest\0guest', locale='en_US')
TUNE_OK = method('connection.tune-ok', channel_max=8, frame_max=131072, heartbeat=0)
OPEN = method('connection.open', virtual_host='/')
CHANNEL = method('channel.open', channel=1)
PUBLISH = (method('basic.publish', channel=1, exchange='', routing_key='nowhere') +
           wire.frame(wire.CONTENT, 1, wire.encode_header(1000)) +
           wire.frame(wire.BODY, 1, b'x' * 1000))

# What a client says, step by step; after each step but the last of a list it waits for an answer.
STEPS = [wire.HEADER, START_OK, TUNE_OK + OPEN, CHANNEL]
STAGES = {
    'nothing said': [],
    'half a header': [wire.HEADER[:4]],
    'header': [wire.HEADER],
    'half a start-ok': [wire.HEADER, START_OK[:20]],
    'start-ok': STEPS[:2],
    'tune-ok': STEPS[:2] + [TUNE_OK],
    'open': STEPS[:3],
    'channel': STEPS,
    'half a publish': STEPS + [PUBLISH[:20]],
    'half a body': STEPS + [PUBLISH[:-500]],
    'wrong header': [b'HTTP/1.1'],
    'wrong frame': STEPS + [b'\xff' * 30],
}


def connect(port, timeout=30):
    sock = socket.create_connection(('127.0.0.1', port), timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def cut(port, stage, count, reset):
    """Opens so many connections at once, brings each to the stage, and drops them all."""
    socks = [connect(port) for _ in range(count)]
    for number, step in enumerate(STAGES[stage]):
        for sock in socks:
            if number > 0:
                sock.recv(65536)
        for sock in socks:
            sock.sendall(step)
    for sock in socks:
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        sock.close()


def opened(port, count):
    """So many connections that have been opened and say nothing more."""
    socks = [connect(port) for _ in range(count)]
    for step in STEPS[:3]:
        for sock in socks:
            sock.sendall(step)
        for sock in socks:
            sock.recv(65536)
    return socks


def wait_closed(socks, patience):
    """Reads from all until the broker has ended them; gives how many it has not."""
    selector = selectors.DefaultSelector()
    for sock in socks:
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ)
    left = set(socks)
    while left:
        ready = selector.select(patience)
        if not ready:
            break
        for key, _ in ready:
            try:
                ended = not key.fileobj.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                ended = True
            if ended:
                selector.unregister(key.fileobj)
                left.discard(key.fileobj)
    selector.close()
    return len(left)
