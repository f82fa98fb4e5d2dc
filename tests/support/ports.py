# SPDX-License-Identifier: Apache-2.0
"""Ports for brokers under test.

A broker that is killed starts again on the port it had. Ports that the kernel gives to outgoing connections
won't do: a client's socket may sit on one in the meantime. So they are drawn from below those.

Nobody listens on a port between its drawing and the broker's start, nor while a broker is down; so a port
that was drawn is taken until the process that drew it ends. A lock on one byte of a file tells other
processes."""
import contextlib
import fcntl
import os
import random
import socket
import tempfile

FIRST = 10000


def _first_outgoing():
    try:
        with open('/proc/sys/net/ipv4/ip_local_port_range') as file:
            return int(file.read().split()[0])
    except (OSError, ValueError):
        return 32768


def _open_locks():
    """The file of locks, one a user. In a namespace where we are root it may be that of root outside."""
    path = os.path.join(tempfile.gettempdir(), f'bilby-test-ports-{os.getuid()}')
    for suffix in ('', '-inner'):
        with contextlib.suppress(PermissionError):
            return os.open(path + suffix, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    raise PermissionError(f'{path} is not ours')


class _Drawn:
    """The ports that this process drew. They end with it: such locks aren't inherited, and are given up
    when any descriptor of the file is closed, so it is opened once and never closed."""

    def __init__(self):
        self.ports = set()
        self.file = _open_locks()

    def take(self, port):
        """Is it ours now? Not when somebody has it, ourselves included."""
        if port in self.ports:
            return False
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        self.ports.add(port)
        return True


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True


_drawn = _Drawn()
_numbers = range(FIRST, max(_first_outgoing(), FIRST + 1000))


def free_ports(count):
    """`count` different ports that nobody listens on now, and that nobody draws while this process lives."""
    ports = []
    for port in random.sample(_numbers, len(_numbers)):
        if len(ports) == count:
            break
        if _drawn.take(port) and _is_free(port):
            ports.append(port)
    return ports
