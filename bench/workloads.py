# SPDX-License-Identifier: Apache-2.0
"""What is measured: each workload is a row of the table, or a few.

A workload's `run(bench, broker)` returns {row name: figures}; figures are a dict of rate (1/s), cpu
(µs of the broker each), p50 and p99 (µs), rss (KiB), and kib (memory that each of the things costs);
what is not measured is left out.
"""
import time


def first(*values):
    return next((value for value in values if value is not None), None)


class Load:
    """One run of bilby-perf, one row.  `counts`: messages in place of a time, for brokers that would
    take minutes over what others do in seconds."""

    def __init__(self, name, options, per="received", times="latency_us", counts=None, tls=False):
        self.name, self.options, self.per, self.times = name, options, per, times
        self.counts, self.tls = counts or {}, tls

    def run(self, bench, broker):
        limit = ["-z", bench.seconds]
        if broker.name in self.counts:
            limit = ["-C", int(self.counts[broker.name] * bench.seconds)]
        result = bench.perf(broker, self.options.split() + limit + ["--clean"], tls=self.tls)
        times = result[self.times]
        return {self.name: {
            "rate": result["%s_per_second" % self.per],
            "cpu": result["broker"]["cpu_us_per_%s" % (
                "received" if self.per == "received" else "published")],
            "p50": times.get("p50"), "p99": times.get("p99"),
            "rss": result["broker"]["rss_after_kib"]}}


class Backlog:
    """Persistent messages published with nobody there, a restart over them, and draining them.
    `long`: only with --long, and for Bilby alone."""

    def __init__(self, title, count, rabbitmq_count=0, long=False):
        self.name = "backlog of " + title
        self.title, self.long = title, long
        self.counts = {"bilby": count, "rabbitmq": rabbitmq_count}

    def run(self, bench, broker):
        count = self.counts[broker.name] // (10 if bench.quick else 1)
        if count == 0:
            return {}
        broker.fresh()
        publish = bench.perf(broker, ["-y", 0, "-C", count, "-s", 256, "-f", "persistent", "-c",
                                      1000])
        rows = {"%s × 256 B persistent, confirm window 1,000, no consumer" % self.title: {
            "rate": publish["confirmed_per_second"],
            "cpu": publish["broker"]["cpu_us_per_published"],
            "p50": publish["confirm_us"]["p50"], "p99": publish["confirm_us"]["p99"],
            "rss": publish["broker"]["rss_after_kib"]}}
        full = broker.disk_bytes()
        broker.restart()
        began = time.monotonic()
        bench.perf(broker, ["-x", 0, "-f", "persistent", "-D", 1, "-q", 1])
        rows["restart over these %s (p50: until it answers; p99: until the first delivery)" %
             self.title] = {
            "p50": broker.start_seconds * 1e6,
            "p99": (broker.start_seconds + time.monotonic() - began) * 1e6}
        drain = bench.perf(broker, ["-x", 0, "-f", "persistent", "-D", count - 1, "-q", 1000,
                                    "-A", 100])
        rows["drain these %s, acks every 100" % self.title] = {
            "rate": drain["received_per_second"],
            "cpu": drain["broker"]["cpu_us_per_received"],
            "rss": drain["broker"]["rss_after_kib"]}
        time.sleep(1)
        bench.note("%s: %d messages took %.1f MiB of disk, %.1f a second after they were drained" % (
            broker.name, count, full / 2**20, broker.disk_bytes() / 2**20))
        return rows


class Connections:
    """Connections opened a few at a time and kept."""

    name = "connections"

    def run(self, bench, broker):
        broker.fresh()
        count = 200 if bench.quick else 1000
        result = bench.perf(broker, ["--idle", count, "--in-flight", 8, "-z", 1])
        phases = {phase["name"]: phase for phase in result["phases"]}
        return {"connections with a channel: opened, 8 at a time; kept": {
            "rate": phases["open"]["per_second"], "p50": phases["open"]["us"]["p50"],
            "p99": phases["open"]["us"]["p99"],
            "cpu": phases["open"]["broker_cpu_seconds"] * 1e6 / count,
            "kib": phases["keep"]["broker_kib_each"], "rss": phases["keep"]["broker_rss_kib"]}}


class Queues:
    """Durable queues declared and bound, one request in flight on each of four connections."""

    name = "queues"

    def run(self, bench, broker):
        broker.fresh()
        count = 1000 if bench.quick else 10000
        result = bench.perf(broker, ["--declare", count, "-qp", "bench-%d", "-x", 4, "-f",
                                     "persistent", "-t", "direct"])
        rows = {}
        for phase in result["phases"]:
            rows["durable queues, 4 connections, one request each: %s" % phase["name"]] = {
                "rate": phase["per_second"], "p50": phase["us"]["p50"], "p99": phase["us"]["p99"],
                "kib": phase["broker_kib_each"], "rss": phase["broker_rss_kib"]}
        broker.restart()
        rows["restart over these queues (p50: until it answers)"] = {
            "p50": broker.start_seconds * 1e6}
        broker.fresh()
        return rows


FAN_OUT = "-a -t fanout -qp fan-%d -qpt 50 -y 50"
TOPIC = "-a -t topic --keys 100 --matches 3 -qp topic-%d -qpt 3 --bindings "

WORKLOADS = [
    Load("transient 16 B, auto-ack", "-a"),
    Load("transient 1 KiB, auto-ack", "-a -s 1024"),
    Load("transient 16 B, acks every 100, prefetch 500", "-A 100 -q 500"),
    Load("persistent 1 KiB, confirm window 1,000, each acknowledged",
         "-s 1024 -f persistent -c 1000 -q 1000"),
    Load("persistent 256 B, confirms one at a time",
         "-s 256 -f persistent -c 1 -y 0", per="confirmed", times="confirm_us"),
    Load("the same, 100 publishers",
         "-s 256 -f persistent -c 1 -y 0 -x 100", per="confirmed", times="confirm_us"),
    Backlog("1 M", 1000000, rabbitmq_count=200000),
    Backlog("10 M", 10000000, long=True),
    Load("topic, 300 bindings, 100 keys, 3 matches; per delivery", TOPIC + "300"),
    Load("topic, 10,000 bindings, 100 keys, 3 matches; per delivery", TOPIC + "10000",
         counts={"rabbitmq": 4000}),
    Load("headers, 1,000 bindings (two headers, all)", "-a -t headers --bindings 1000 --keys 100",
         counts={"rabbitmq": 800}),
    Load("fan-out to 50 queues and 50 consumers; per delivery", FAN_OUT,
         counts={"rabbitmq": 2000, "bilby": 15000}),
    Load("RPC over direct reply-to, window 1", "--rpc -a"),
    Load("RPC over direct reply-to, window 100", "--rpc -a --in-flight 100"),
    Load("priority queue, 10 levels, each acknowledged",
         "--priorities 10 -qa x-max-priority=10 -q 500"),
    Load("100 connections, 2,000 messages a second in all",
         "-x 50 -y 50 -r 40 -qp quiet-%d -qpt 50"),
    Load("2,000 connections: 1,000 publish, persistent, confirms one at a time, 1,000 consume",
         "-s 256 -f persistent -c 1 -x 1000 -y 1000 -q 10 -qp crowd-%d -qpt 1000"),
    Load("TLS, transient 1 KiB, auto-ack", "-a -s 1024", tls=True),
    Connections(),
    Queues(),
]
