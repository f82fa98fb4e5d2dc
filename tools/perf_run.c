/* SPDX-License-Identifier: Apache-2.0 */
/* Beginning and end of a run, signals, and waiting. */
#include "tools/perf_run.h"

#include "base/mem.h"
#include "tools/perf_report.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void on_signal(struct perf_source *source)
{
    struct perf_run *run = CONTAINER_OF(source, struct perf_run, signals);
    struct signalfd_siginfo info;
    while (read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        run->interrupted = run->stopping; /* the second one ends at once */
        run->stopping = true;
    }
    source->readable = false;
}

static void watch_signals(struct perf_run *run)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    run->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    CHECK(run->signals.fd >= 0);
    run->signals.step = on_signal;
    perf_loop_add(&run->loop, &run->signals);
}

static uint16_t random_run(void)
{
    uint16_t run = 0;
    CHECK(getrandom(&run, sizeof(run), 0) == (ssize_t)sizeof(run));
    return run;
}

static void on_progress(struct perf_timer *timer, int64_t now_ns)
{
    struct perf_run *run = CONTAINER_OF(timer, struct perf_run, progress);
    if (!run->options->quiet)
        perf_report_progress(run);
    run->shown = run->counts;
    run->shown_ns = now_ns;
    perf_histogram_init(&run->recent);
    perf_timer_set(&run->loop, timer, now_ns + (int64_t)run->options->interval * 1000000000);
}

static void on_time(struct perf_timer *timer, int64_t now_ns)
{
    struct perf_run *run = CONTAINER_OF(timer, struct perf_run, stop);
    (void)now_ns;
    run->stopping = true;
}

static bool open_peer(struct perf_run *run)
{
    const struct perf_options *o = run->options;
    char *error = run->loop.failure;
    size_t size = sizeof(run->loop.failure);
    run->peer =
        (struct perf_peer){.frame_max = (uint32_t)o->frame_max, .external = o->sasl_external};
    if (!perf_uri_parse(&run->peer.uri, o->uri, error, size))
        return false;
    if (run->peer.uri.tls) {
        run->peer.tls = perf_tls_context_new(o->ca, o->cert, o->key, error, size);
        if (!run->peer.tls)
            return false;
    }
    return perf_peer_init(&run->peer, error, size);
}

bool perf_run_init(struct perf_run *run, const struct perf_options *options)
{
    *run = (struct perf_run){.options = options};
    perf_plan_init(&run->plan, options);
    perf_loop_init(&run->loop);
    perf_ledger_init(&run->ledger, random_run(), options->producers == 0);
    perf_histogram_init(&run->latency);
    perf_histogram_init(&run->recent);
    perf_histogram_init(&run->confirm);
    perf_timer_init(&run->progress, on_progress);
    perf_timer_init(&run->stop, on_time);
    run->phases = mem_zalloc(PERF_PHASES_MAX * sizeof(*run->phases));
    watch_signals(run);
    run->loop.failed = !open_peer(run);
    return !run->loop.failed;
}

void perf_run_fini(struct perf_run *run)
{
    perf_loop_remove(&run->loop, &run->signals);
    close(run->signals.fd);
    perf_timer_clear(&run->loop, &run->progress);
    perf_timer_clear(&run->loop, &run->stop);
    perf_peer_fini(&run->peer);
    perf_ledger_fini(&run->ledger);
    perf_loop_fini(&run->loop);
    mem_free(run->phases);
}

bool perf_run_until(struct perf_run *run, bool (*done)(void *owner), void *owner)
{
    while (!run->loop.failed && !run->interrupted && !done(owner))
        perf_loop_turn(&run->loop);
    return !run->loop.failed && !run->interrupted;
}

bool perf_run_until_closed(struct perf_run *run, bool (*done)(void *owner), void *owner)
{
    int64_t deadline_ns = perf_clock_ns() + (int64_t)run->options->wait * 1000000000;
    while (!run->loop.failed && !run->interrupted && !done(owner)) {
        perf_loop_turn(&run->loop);
        if (run->loop.now_ns > deadline_ns)
            perf_loop_fail(&run->loop, "connection.close was not answered within %llu seconds",
                           (unsigned long long)run->options->wait);
    }
    return !run->loop.failed && !run->interrupted;
}

static void sample(struct perf_run *run, struct perf_proc *broker, struct perf_proc *self)
{
    if (run->options->broker_pid && !perf_proc_read(broker, run->options->broker_pid))
        perf_loop_fail(&run->loop, "there is no process %llu (--broker-pid)",
                       (unsigned long long)run->options->broker_pid);
    if (!perf_proc_read(self, (uint64_t)getpid()))
        perf_loop_fail(&run->loop, "/proc can't be read");
}

void perf_run_start(struct perf_run *run)
{
    sample(run, &run->before, &run->self_before);
    int64_t now = perf_clock_ns();
    run->started_ns = run->shown_ns = run->published_ns = run->delivered_ns = now;
    perf_timer_set(&run->loop, &run->progress, now + (int64_t)run->options->interval * 1000000000);
    if (run->options->seconds)
        perf_timer_set(&run->loop, &run->stop, now + (int64_t)run->options->seconds * 1000000000);
}

void perf_run_end(struct perf_run *run)
{
    run->ended_ns = perf_clock_ns();
    perf_timer_clear(&run->loop, &run->progress);
    perf_timer_clear(&run->loop, &run->stop);
    sample(run, &run->after, &run->self_after);
}

struct perf_phase *perf_phase_begin(struct perf_run *run, const char *name)
{
    CHECK(run->phase_count < PERF_PHASES_MAX);
    struct perf_phase *phase = &run->phases[run->phase_count++];
    phase->name = name;
    phase->began_ns = perf_clock_ns();
    perf_histogram_init(&phase->times);
    return phase;
}

void perf_phase_end(struct perf_run *run, struct perf_phase *phase)
{
    phase->ended_ns = perf_clock_ns();
    if (run->options->broker_pid && !perf_proc_read(&phase->broker, run->options->broker_pid))
        perf_loop_fail(&run->loop, "the broker's process is gone");
}
