#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The lists in man/bilbyctl.1, made from the program's own tables. Run it after a change of
tools/bilbyctl_commands.def or bilbyctl_options.def to bring the page up to date; a test compares."""
import os
import sys

if __name__ == '__main__':
    sys.path.insert(1, os.path.join(sys.path[0], '..', 'integration'))

from ctl import tables
from daemon import ROOT

PAGE = os.path.join(ROOT, 'man', 'bilbyctl.1')


def escape(text):
    text = text.replace('\\', '\\\\').replace('-', '\\-').replace('…', '...')
    return '\\&' + text if text.startswith(('.', "'")) else text


def sentence(text):
    text = escape(text[0].upper() + text[1:])
    return text if text.endswith('?') else text + '.'


def option_names(option):
    short = f'\\fB\\-{option["short"]}\\fR, ' if option['short'] else ''
    argument = f' \\fI{escape(option["argument"])}\\fR' if option['argument'] else ''
    return f'.TP\n{short}\\fB\\-\\-{escape(option["name"])}\\fR{argument}\n{sentence(option["help"])}\n'


def options():
    return ''.join(option_names(o) for o in tables()['options'] if not o['named'])


def command_entry(command, named):
    arguments = f' \\fI{escape(command["arguments"])}\\fR' if command['arguments'] else ''
    lines = [f'.TP\n\\fB{escape(command["name"])}\\fR{arguments}', sentence(command['help'])]
    for name in command['options']:
        option = named[name]
        argument = f' \\fI{escape(option["argument"])}\\fR' if option['argument'] else ''
        if name == 'vhost':
            lines.append('Takes \\fB\\-\\-vhost\\fR.')
        else:
            lines.append(f'\\fB\\-\\-{escape(name)}\\fR{argument}: {escape(option["help"])}.')
    if command['columns']:
        lines.append(f'Columns: {escape(command["columns"])}.')
    return '\n'.join(lines) + '\n'


def commands():
    known = tables()
    named = {o['name']: o for o in known['options']}
    text, section = '', None
    for command in known['commands']:
        if command['section'] != section:
            section = command['section']
            text += f'.SS {escape(section)}\n'
        text += command_entry(command, named)
    return text


def statuses():
    return ''.join(f'.TP\n{s["status"]}\n{sentence(s["meaning"])}\n'
                   for s in tables()['statuses'])


SECTIONS = {'OPTIONS': options, 'COMMANDS': commands, 'STATUSES': statuses}


def marks(name):
    return f'.\\" BEGIN {name}\n', f'.\\" END {name}\n'


def split(page, name):
    """What stands before the list, the list, and what follows."""
    begin, end = marks(name)
    before, rest = page.split(begin)
    now, after = rest.split(end)
    return before + begin, now, end + after


def read():
    with open(PAGE, encoding='utf-8') as file:
        return file.read()


if __name__ == '__main__':
    text = read()
    for each, make in SECTIONS.items():
        first, _, last = split(text, each)
        text = first + make() + last
    with open(PAGE, 'w', encoding='utf-8') as page_file:
        page_file.write(text)
