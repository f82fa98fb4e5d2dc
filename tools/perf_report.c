/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for people and for programs. */
#include "tools/perf_report.h"

#include <stdio.h>

static double seconds_between(int64_t from_ns, int64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static double per_second(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

static double micros(uint64_t ns)
{
    return (double)ns / 1000;
}

/* ---- progress ---- */

static void progress_rate(const char *name, uint64_t now, uint64_t before, double seconds)
{
    if (now > 0)
        fprintf(stderr, "  %s %.0f/s", name, per_second(now - before, seconds));
}

void perf_report_progress(const struct perf_run *run)
{
    const struct perf_counts *now = &run->counts;
    const struct perf_counts *before = &run->shown;
    const struct perf_histogram *recent = &run->recent;
    double seconds = seconds_between(run->shown_ns, run->loop.now_ns);
    fprintf(stderr, "%6.1f s", seconds_between(run->started_ns, run->loop.now_ns));
    progress_rate(run->phase_count ? "done" : "published", now->published, before->published,
                  seconds);
    progress_rate("confirmed", now->confirmed, before->confirmed, seconds);
    progress_rate("refused", now->refused, before->refused, seconds);
    progress_rate("returned", now->returned, before->returned, seconds);
    progress_rate("received", now->delivered, before->delivered, seconds);
    if (recent->total)
        fprintf(stderr, "  latency p50 %.0f  p99 %.0f  max %.0f µs",
                micros(perf_histogram_quantile(recent, 0.5)),
                micros(perf_histogram_quantile(recent, 0.99)), micros(recent->most));
    fputc('\n', stderr);
}

/* ---- for people ---- */

static void print_times(const char *name, const struct perf_histogram *h)
{
    if (h->total == 0)
        return;
    printf("%-12s p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f  mean %.1f µs\n", name,
           micros(perf_histogram_quantile(h, 0.5)), micros(perf_histogram_quantile(h, 0.9)),
           micros(perf_histogram_quantile(h, 0.99)), micros(perf_histogram_quantile(h, 0.999)),
           micros(h->most), perf_histogram_mean(h) / 1000);
}

static void print_count(const char *name, uint64_t count, double seconds)
{
    if (count)
        printf("%-12s %llu in %.3f s: %.0f/s\n", name, (unsigned long long)count, seconds,
               per_second(count, seconds));
}

static double published_seconds(const struct perf_run *run)
{
    return seconds_between(run->started_ns, run->published_ns);
}

static double delivered_seconds(const struct perf_run *run)
{
    return seconds_between(run->started_ns, run->delivered_ns);
}

static double broker_cpu(const struct perf_run *run)
{
    return run->after.cpu_seconds - run->before.cpu_seconds;
}

static double self_cpu(const struct perf_run *run)
{
    return run->self_after.cpu_seconds - run->self_before.cpu_seconds;
}

static double micros_each(double seconds, uint64_t count)
{
    return count ? seconds * 1e6 / (double)count : 0;
}

static void print_broker(const struct perf_run *run)
{
    if (!run->options->broker_pid)
        return;
    double cpu = broker_cpu(run);
    printf("broker       CPU %.2f s", cpu);
    if (run->counts.published && !run->phase_count)
        printf(": %.3f µs per published", micros_each(cpu, run->counts.published));
    if (run->counts.delivered)
        printf(", %.3f µs per received", micros_each(cpu, run->counts.delivered));
    printf("; RSS %.1f MiB before, %.1f after, %.1f at most\n", (double)run->before.rss_kib / 1024,
           (double)run->after.rss_kib / 1024, (double)run->after.rss_peak_kib / 1024);
}

static double kib_each(const struct perf_run *run, const struct perf_phase *phase)
{
    double grown = (double)phase->broker.rss_kib - (double)run->before.rss_kib;
    return phase->count ? grown / (double)phase->count : 0;
}

static void print_phase(const struct perf_run *run, const struct perf_phase *phase)
{
    print_count(phase->name, phase->count, seconds_between(phase->began_ns, phase->ended_ns));
    print_times("", &phase->times);
    if (run->options->broker_pid)
        printf("%12s broker RSS %.1f MiB, %.2f KiB each since the start\n", "",
               (double)phase->broker.rss_kib / 1024, kib_each(run, phase));
}

void perf_report_summary(const struct perf_run *run)
{
    const struct perf_counts *counts = &run->counts;
    for (size_t i = 0; i < run->phase_count; i++)
        print_phase(run, &run->phases[i]);
    if (run->phase_count == 0) {
        print_count(run->options->rpc ? "requests" : "published", counts->published,
                    published_seconds(run));
        print_count("confirmed", counts->confirmed,
                    seconds_between(run->started_ns, run->ended_ns));
        print_count("refused", counts->refused, published_seconds(run));
        print_count("returned", counts->returned, published_seconds(run));
        print_count(run->options->rpc ? "replies" : "received", counts->delivered,
                    delivered_seconds(run));
    }
    print_times(run->options->rpc ? "round trip" : "latency", &run->latency);
    print_times(run->options->tx_size ? "commit" : "confirm", &run->confirm);
    print_broker(run);
    printf("generator    CPU %.2f s\n", self_cpu(run));
    if (run->ledger.foreign)
        printf("foreign      %llu messages of other runs\n",
               (unsigned long long)run->ledger.foreign);
}

/* ---- JSON ---- */

static void json_times(const char *name, const struct perf_histogram *h)
{
    printf("\"%s\": {\"count\": %llu", name, (unsigned long long)h->total);
    if (h->total)
        printf(", \"min\": %.3f, \"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"p999\": %.3f, "
               "\"max\": %.3f, \"mean\": %.3f",
               micros(h->least), micros(perf_histogram_quantile(h, 0.5)),
               micros(perf_histogram_quantile(h, 0.9)), micros(perf_histogram_quantile(h, 0.99)),
               micros(perf_histogram_quantile(h, 0.999)), micros(h->most),
               perf_histogram_mean(h) / 1000);
    printf("}");
}

static void json_number(const char *name, uint64_t value)
{
    printf("\"%s\": %llu, ", name, (unsigned long long)value);
}

static void json_real(const char *name, double value)
{
    printf("\"%s\": %.6f, ", name, value);
}

static void json_phase(const struct perf_run *run, const struct perf_phase *phase)
{
    double seconds = seconds_between(phase->began_ns, phase->ended_ns);
    printf("{\"name\": \"%s\", ", phase->name);
    json_number("count", phase->count);
    json_real("seconds", seconds);
    json_real("per_second", per_second(phase->count, seconds));
    if (run->options->broker_pid) {
        json_real("broker_cpu_seconds", phase->broker.cpu_seconds - run->before.cpu_seconds);
        json_number("broker_rss_kib", phase->broker.rss_kib);
        json_real("broker_kib_each", kib_each(run, phase));
    }
    json_times("us", &phase->times);
    printf("}");
}

static void json_phases(const struct perf_run *run)
{
    printf("\"phases\": [");
    for (size_t i = 0; i < run->phase_count; i++) {
        printf("%s", i ? ", " : "");
        json_phase(run, &run->phases[i]);
    }
    printf("], ");
}

static void json_broker(const struct perf_run *run)
{
    if (!run->options->broker_pid)
        return;
    printf("\"broker\": {");
    json_real("cpu_us_per_published", micros_each(broker_cpu(run), run->counts.published));
    json_real("cpu_us_per_received", micros_each(broker_cpu(run), run->counts.delivered));
    json_real("cpu_seconds", broker_cpu(run));
    json_number("rss_before_kib", run->before.rss_kib);
    json_number("rss_peak_kib", run->after.rss_peak_kib);
    printf("\"rss_after_kib\": %llu}, ", (unsigned long long)run->after.rss_kib);
}

static bool is_right(const struct perf_run *run)
{
    return run->missing == 0 && run->misrouted == 0 && run->ledger.duplicates == 0 &&
           run->ledger.disordered == 0;
}

void perf_report_json(const struct perf_run *run)
{
    const struct perf_counts *counts = &run->counts;
    printf("{");
    json_number("published", counts->published);
    json_number("confirmed", counts->confirmed);
    json_number("refused", counts->refused);
    json_number("returned", counts->returned);
    json_number("received", counts->delivered);
    json_real("seconds", seconds_between(run->started_ns, run->ended_ns));
    json_real("published_per_second", per_second(counts->published, published_seconds(run)));
    json_real("confirmed_per_second",
              per_second(counts->confirmed, seconds_between(run->started_ns, run->ended_ns)));
    json_real("received_per_second", per_second(counts->delivered, delivered_seconds(run)));
    json_times("latency_us", &run->latency);
    printf(", ");
    json_times("confirm_us", &run->confirm);
    printf(", ");
    json_phases(run);
    json_broker(run);
    json_real("generator_cpu_seconds", self_cpu(run));
    json_number("missing", run->missing);
    json_number("misrouted", run->misrouted);
    json_number("duplicates", run->ledger.duplicates);
    json_number("disordered", run->ledger.disordered);
    json_number("foreign", run->ledger.foreign);
    printf("\"ok\": %s}\n", run->options->no_verify || is_right(run) ? "true" : "false");
}

/* ---- the verdict ---- */

static void complain(uint64_t count, const char *what)
{
    if (count)
        fprintf(stderr, "bilby-perf: %llu %s\n", (unsigned long long)count, what);
}

bool perf_report_verdict(const struct perf_run *run)
{
    if (run->options->no_verify || is_right(run))
        return true;
    complain(run->missing, "messages are missing");
    complain(run->misrouted, "messages came where they don't belong");
    complain(run->ledger.duplicates, "messages came twice");
    complain(run->ledger.disordered, "messages came out of order");
    return false;
}
