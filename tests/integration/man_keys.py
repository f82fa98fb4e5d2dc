#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The list of keys in man/bilby.conf.5, made from `bilbyd --list-keys`. Run it after a change of
server/config_keys.def to bring the page up to date; a test compares them."""
import os

from daemon import ROOT, run

PAGE = os.path.join(ROOT, 'man', 'bilby.conf.5')
BEGIN, END = '.\\" BEGIN KEYS\n', '.\\" END KEYS\n'


def escape(text):
    return text.replace('\\', '\\\\').replace('-', '\\-')


def keys():
    """(pattern, type, default, help) of each key."""
    return [tuple(line.split('\t')) for line in run('--list-keys')[1].splitlines()]


def section():
    lines = []
    for pattern, kind, default, text in keys():
        default = f'default {default}' if default else 'no default'
        lines.append(f'.TP\n.B {escape(pattern)}\n{escape(text[0].upper() + text[1:])}.\n'
                     f'({escape(kind)}; {escape(default)})\n')
    return ''.join(lines)


def split():
    with open(PAGE) as file:
        before, rest = file.read().split(BEGIN)
    now, after = rest.split(END)
    return before, now, after


if __name__ == '__main__':
    before, _, after = split()
    with open(PAGE, 'w') as file:
        file.write(before + BEGIN + section() + END + after)
