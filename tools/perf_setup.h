/* SPDX-License-Identifier: Apache-2.0 */
/* Declaring (and deleting) what a run needs, over a connection of its own, all requests at once. */
#ifndef TOOLS_PERF_SETUP_H
#define TOOLS_PERF_SETUP_H

#include "proto/method.h"
#include "tools/perf_run.h"

/* Exchange, queues and bindings of the plan (--clean deletes them first); nothing with
 * --predeclared. False when the run has failed. */
bool perf_setup_declare(struct perf_run *run);
/* --clean: deletes them. */
bool perf_setup_delete(struct perf_run *run);

/* queue.declare of a queue of the plan; `arguments` and `name` back its slices. */
struct method perf_setup_queue(const struct perf_plan *plan, uint32_t queue,
                               char name[PERF_NAME_SIZE], struct buf *arguments);

#endif
