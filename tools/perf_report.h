/* SPDX-License-Identifier: Apache-2.0 */
/* What a run tells: a line now and then (stderr), and a summary for people or as JSON (stdout). */
#ifndef TOOLS_PERF_REPORT_H
#define TOOLS_PERF_REPORT_H

#include "tools/perf_run.h"

/* The line for the time since the last one. */
void perf_report_progress(const struct perf_run *run);

/* After perf_run_end(). */
void perf_report_summary(const struct perf_run *run);
void perf_report_json(const struct perf_run *run);

/* Whether everything came once and in order; otherwise says on stderr what did not. */
bool perf_report_verdict(const struct perf_run *run);

#endif
