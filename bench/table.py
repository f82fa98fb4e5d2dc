# SPDX-License-Identifier: Apache-2.0
"""The table, as Markdown that reads well on a terminal too."""
import os
import pathlib
import platform
import re

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
COLUMNS = ["workload", "RabbitMQ /s", "Bilby /s", "×", "RabbitMQ µs CPU", "Bilby µs CPU", "÷",
           "RabbitMQ p50 / p99", "Bilby p50 / p99", "RabbitMQ RSS", "Bilby RSS"]


def rate(value):
    if value is None:
        return "–"
    if value >= 1e6:
        return "%.2f M" % (value / 1e6)
    return "%.1f k" % (value / 1e3) if value >= 1e3 else "%.0f" % value


def micros(value):
    if value is None:
        return "–"
    if value >= 1e6:
        return "%.2f s" % (value / 1e6)
    if value >= 1e3:
        return "%.1f ms" % (value / 1e3)
    return "%.0f µs" % value


def number(value):
    return "–" if value is None else "%.2f" % value if value < 10 else "%.1f" % value


def ratio(above, below):
    if not above or not below:
        return "–"
    value = above / below
    return "%.1f" % value if value < 10 else "%.0f" % value


def both(figures):
    if figures.get("p50") is None:
        return "–"
    if figures.get("p99") is None:
        return micros(figures["p50"])
    return "%s / %s" % (micros(figures["p50"]), micros(figures["p99"]))


def memory(figures):
    if figures.get("rss") is None:
        return "–"
    text = "%.0f MiB" % (figures["rss"] / 1024)
    return text + (", %.1f KiB each" % figures["kib"] if figures.get("kib") is not None else "")


def line(cells):
    return "| " + " | ".join(cells) + " |"


def heading():
    return line(COLUMNS) + "\n" + line(["---"] * len(COLUMNS))


def row(name, figures):
    ours, theirs = figures.get("bilby", {}), figures.get("rabbitmq", {})
    return line([name, rate(theirs.get("rate")), rate(ours.get("rate")),
                 ratio(ours.get("rate"), theirs.get("rate")), number(theirs.get("cpu")),
                 number(ours.get("cpu")), ratio(theirs.get("cpu"), ours.get("cpu")),
                 both(theirs), both(ours), memory(theirs), memory(ours)])


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*:\s*(.*)$", text, re.M)
    return found.group(1) if found else platform.machine()


def machine(facts):
    memory_kib = int(re.search(r"MemTotal:\s*(\d+)",
                               pathlib.Path("/proc/meminfo").read_text()).group(1))
    return ("%s. %d cores (%s), %.0f GiB, Linux %s; writing 4 KiB and fdatasync took %.0f µs "
            "(median) in the directory of the data; the load average before was %.1f. %d s a "
            "workload%s, median of %d." % (
                " against ".join(facts["versions"]), os.cpu_count(), processor(),
                memory_kib / 2**20, platform.release().split("-")[0], facts["fdatasync"],
                facts["load"], facts["seconds"], ", shortened (--quick)" if facts["quick"] else "",
                facts["rounds"]))


def write(path, facts, rows, notes):
    """Replaces what is between the marks of the page."""
    text = path.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    body = [machine(facts), "", heading()]
    body += [row(name, figures) for name, figures in rows.items()]
    body += [""] + ["- " + note for note in notes] if notes else []
    path.write_text(before + BEGIN + "\n" + "\n".join(body) + "\n" + END + after)
