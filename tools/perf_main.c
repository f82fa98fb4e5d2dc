/* SPDX-License-Identifier: Apache-2.0 */
/* bilby-perf: load an AMQP 0-9-1 broker, measure it, check what it delivers. Exit status: 0 when all
 * went well, 1 when the broker did not do what it should, 64 for bad options.
 */
#include "base/mem.h"
#include "config.h"
#include "tools/perf_report.h"
#include "tools/perf_run.h"

#include <stdlib.h>

static bool work(struct perf_run *run)
{
    const struct perf_options *o = run->options;
    if (o->rpc)
        return perf_rpc(run);
    if (o->churn || o->idle)
        return perf_churn(run);
    if (o->declare)
        return perf_declare(run);
    return perf_load(run);
}

static bool report(const struct perf_run *run)
{
    if (run->options->json)
        perf_report_json(run);
    else
        perf_report_summary(run);
    return perf_report_verdict(run);
}

static int run_all(const struct perf_options *options)
{
    struct perf_run *run = MEM_NEW(struct perf_run);
    bool good = perf_run_init(run, options) && work(run);
    if (run->loop.failed)
        fprintf(stderr, "bilby-perf: %s\n", run->loop.failure);
    else if (run->interrupted)
        fputs("bilby-perf: interrupted\n", stderr);
    if (good)
        good = report(run);
    perf_run_fini(run);
    mem_free(run);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct perf_options options;
    char error[512];
    if (!perf_options_parse(&options, argc, argv, error, sizeof(error))) {
        fprintf(stderr, "bilby-perf: %s\n", error);
        return PERF_USAGE_STATUS;
    }
    if (options.help)
        perf_options_help(stdout);
    else if (options.version)
        puts("bilby-perf " PACKAGE_VERSION);
    else
        return run_all(&options);
    return EXIT_SUCCESS;
}
