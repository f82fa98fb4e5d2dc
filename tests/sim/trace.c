/* SPDX-License-Identifier: Apache-2.0 */
/* See trace.h. */
#include "tests/sim/trace.h"

#include "base/slice.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S                                                                                 \
    30 /* of CPU time for one run, which takes about 0.02, or ten times that when sanitized */

/* style: a static, because a signal handler has no other way to its trace. */
static struct trace *current;

static void print_tail(const struct trace *trace)
{
    uint64_t first = trace->lines > TRACE_LINES ? trace->lines - TRACE_LINES : 0;
    if (!trace->request.live)
        for (uint64_t i = first; i < trace->lines; i++)
            fprintf(stderr, "%s\n", trace->ring[i % TRACE_LINES]);
    fprintf(stderr, "replay: build/tests/sim/sim --seed %" PRIu64, trace->request.seed);
    if (trace->request.crowd)
        fprintf(stderr, " --crowd");
    if (trace->request.sweep != SWEEP_NONE)
        fprintf(stderr, " --%s --at %" PRIu64, sim_sweep_name(trace->request.sweep),
                trace->request.at);
    fprintf(stderr, " --trace\n");
}

/* A CHECK of the broker's own failed (it has printed where), or it goes round for ever. */
static void aborted(int signal_number)
{
    if (current) {
        fprintf(stderr, "seed %" PRIu64 ": VIOLATION at step %" PRIu64 ": the broker %s\n",
                current->request.seed, current->step,
                signal_number == SIGABRT   ? "found a bug in itself"
                : signal_number == SIGPROF ? "does not end its turn"
                                           : "died of a bad address");
        print_tail(current);
    }
    _exit(1);
}

const char *sim_sweep_name(enum sim_sweep sweep)
{
    static const char *const names[] = {[SWEEP_NONE] = "none",
                                        [SWEEP_POWER] = "power",
                                        [SWEEP_FAULT] = "fault",
                                        [SWEEP_READ] = "read"};
    return names[sweep];
}

void trace_init(struct trace *trace, const struct sim_request *request)
{
    memset(trace, 0, sizeof *trace);
    trace->request = *request;
    trace->hash = 0xcbf29ce484222325u;
    current = trace;
    signal(SIGABRT, aborted);
    signal(SIGSEGV, aborted);
    signal(SIGPROF, aborted);
    struct itimerval patience = {.it_value.tv_sec = PATIENCE_S};
    setitimer(ITIMER_PROF, &patience, NULL);
}

void trace_fini(struct trace *trace)
{
    (void)trace;
    current = NULL;
}

void trace_line(struct trace *trace, const char *format, ...)
{
    char *line = trace->ring[trace->lines % TRACE_LINES];
    int prefix =
        snprintf(line, TRACE_WIDTH, "%5" PRIu64 " %6" PRId64 "ms ", trace->step, trace->now_ms);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + prefix, TRACE_WIDTH - (size_t)prefix, format, arguments);
    va_end(arguments);
    trace->lines++;
    for (const char *at = line; *at; at++)
        trace->hash = (trace->hash ^ (uint8_t)*at) * 0x100000001b3u;
    if (trace->request.live)
        fprintf(stderr, "%s\n", line);
}

_Noreturn void trace_violation(struct trace *trace, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "seed %" PRIu64 ": VIOLATION at step %" PRIu64 ": %s\n", trace->request.seed,
            trace->step, text);
    print_tail(trace);
    exit(1);
}
