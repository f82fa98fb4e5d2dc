/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's threads have in common: a small stack, no signals, monotonic deadlines. */
#ifndef STORAGE_THREAD_H
#define STORAGE_THREAD_H

#include "base/check.h"

#include <pthread.h>
#include <stddef.h>

/* Starts a thread that gets no signals: they are the loop's. Returns 0 or an error number; `*thread`
 * is to be joined. */
int thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *context),
                 void *context) MUST_USE;
/* A condition whose deadlines are of CLOCK_MONOTONIC. */
void thread_condition_init(pthread_cond_t *condition);

#endif
