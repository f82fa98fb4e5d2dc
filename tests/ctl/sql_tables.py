#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tables in docs/sql.md, made from what the broker tells of them. Run it after a change of a table's
columns to bring the page up to date; a test compares."""
import json
import os
import sys

if __name__ == '__main__':
    sys.path.insert(1, os.path.join(sys.path[0], '..', 'integration'))

from ctl import ctl
from daemon import ROOT, Daemon

PAGE = os.path.join(ROOT, 'docs', 'sql.md')
BEGIN, END = '<!-- BEGIN TABLES -->\n', '<!-- END TABLES -->\n'


def section(columns):
    """`columns` as `bilbyctl sql_tables` has them."""
    lines, table = [], None
    for column in columns:
        if column['table'] != table:
            table = column['table']
            lines += ['', f'`{table}`', '', '| column | type | what it is |', '|---|---|---|']
        lines.append(f'| {column["column"]} | {column["type"]} | {column["help"]} |')
    return '\n'.join(lines[1:]) + '\n'


def split():
    with open(PAGE, encoding='utf-8') as file:
        before, rest = file.read().split(BEGIN)
    now, after = rest.split(END)
    return before + BEGIN, now, END + after


if __name__ == '__main__':
    with Daemon() as broker:
        told = ctl('sql_tables', '--formatter', 'json', '-H', '127.0.0.1', '-P',
                   str(broker.http_port))[1]
    first, _, last = split()
    with open(PAGE, 'w', encoding='utf-8') as page:
        page.write(first + section(json.loads(told)) + last)
