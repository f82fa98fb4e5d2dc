# SPDX-License-Identifier: Apache-2.0
"""The queues of a retry with back-off, made of nothing but time-to-live and dead-lettering.

    publisher ──▶ jobs ──▶ worker ── first failure ──▶ jobs.wait.200 ── expired ──▶ jobs
                                  ── second ─────────▶ jobs.wait.400 ── expired ──▶ jobs
                                  ── third ──────────▶ jobs.wait.800 ── expired ──▶ jobs
                                  ── fourth ─────────▶ jobs.failed

A message that waits costs the worker nothing, survives a restart of the broker, and comes back by itself.
"""
WAITS_MS = [200, 400, 800]
JOBS, FAILED = "jobs", "jobs.failed"


def wait_queue(attempt):
    """Where a job goes after its attempt number `attempt` (from 1) has failed."""
    if attempt > len(WAITS_MS):
        return FAILED
    return "%s.wait.%d" % (JOBS, WAITS_MS[attempt - 1])


def declare(channel):
    channel.queue_declare(JOBS, durable=True)
    channel.queue_declare(FAILED, durable=True)
    for attempt, milliseconds in enumerate(WAITS_MS, 1):
        channel.queue_declare(wait_queue(attempt), durable=True, arguments={
            "x-message-ttl": milliseconds,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": JOBS})
