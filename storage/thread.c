/* SPDX-License-Identifier: Apache-2.0 */
/* Starting threads. */
#include "storage/thread.h"

#include <signal.h>
#include <time.h>

int thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *context), void *context)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, stack_bytes) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int result = pthread_create(thread, &attributes, run, context);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    CHECK(pthread_attr_destroy(&attributes) == 0);
    return result;
}

void thread_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(condition, &attributes) == 0);
    CHECK(pthread_condattr_destroy(&attributes) == 0);
}
