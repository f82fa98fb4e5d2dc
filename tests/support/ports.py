# SPDX-License-Identifier: Apache-2.0
"""Ports for brokers under test.

A broker that is killed starts again on the port it had. Ports that the kernel gives to outgoing connections
won't do: a client's socket may sit on one in the meantime. So they are drawn from below those."""
import random
import socket

FIRST = 10000


def _first_outgoing():
    try:
        with open('/proc/sys/net/ipv4/ip_local_port_range') as file:
            return int(file.read().split()[0])
    except (OSError, ValueError):
        return 32768


def free_ports(count):
    """`count` different ports that nobody listens on now."""
    numbers = range(FIRST, max(_first_outgoing(), FIRST + 1000))
    ports = []
    for port in random.sample(numbers, len(numbers)):
        if len(ports) == count:
            break
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
        ports.append(port)
    return ports
