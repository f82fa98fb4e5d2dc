/* SPDX-License-Identifier: Apache-2.0 */
/* The passwords' thread.
 *
 * (1) `job` is the thread's from submit() until `done` is set, the loop's afterwards.
 */
#include "server/hasher.h"

#include "base/mem.h"
#include "broker/password.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

struct hasher {
    pthread_t thread;
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t given; /* a job, or the order to stop */
    struct password_job *job;
    bool done;
    bool stop;
    void (*wake)(void *context);
    void *context;
};

static void *work(void *context)
{
    struct hasher *hasher = context;

    pthread_mutex_lock(&hasher->lock);
    for (;;) {
        while (!hasher->stop && (!hasher->job || hasher->done))
            pthread_cond_wait(&hasher->given, &hasher->lock);
        if (hasher->stop)
            break;
        struct password_job *job = hasher->job;
        pthread_mutex_unlock(&hasher->lock);
        password_job_run(job);
        pthread_mutex_lock(&hasher->lock);
        hasher->done = true;
        hasher->wake(hasher->context);
    }
    pthread_mutex_unlock(&hasher->lock);
    return NULL;
}

/* Signals are the loop's: a new thread inherits a mask that leaves it none. */
static int start_thread(struct hasher *hasher)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&hasher->thread, NULL, work, hasher);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

struct hasher *hasher_new(void (*wake)(void *context), void *context)
{
    struct hasher *hasher = MEM_NEW(struct hasher);

    hasher->wake = wake;
    hasher->context = context;
    pthread_mutex_init(&hasher->lock, NULL);
    pthread_cond_init(&hasher->given, NULL);
    int error = start_thread(hasher);
    if (error == 0)
        return hasher;
    pthread_cond_destroy(&hasher->given);
    pthread_mutex_destroy(&hasher->lock);
    mem_free(hasher);
    errno = error;
    return NULL;
}

void hasher_free(struct hasher *hasher)
{
    if (!hasher)
        return;
    pthread_mutex_lock(&hasher->lock);
    hasher->stop = true;
    pthread_cond_signal(&hasher->given);
    pthread_mutex_unlock(&hasher->lock);
    pthread_join(hasher->thread, NULL);
    pthread_cond_destroy(&hasher->given);
    pthread_mutex_destroy(&hasher->lock);
    mem_free(hasher);
}

static void submit(void *context, struct password_job *job)
{
    struct hasher *hasher = context;

    pthread_mutex_lock(&hasher->lock);
    CHECK(!hasher->job);
    hasher->job = job;
    hasher->done = false;
    pthread_cond_signal(&hasher->given);
    pthread_mutex_unlock(&hasher->lock);
}

static struct password_job *collect(void *context)
{
    struct hasher *hasher = context;
    struct password_job *job = NULL;

    pthread_mutex_lock(&hasher->lock);
    if (hasher->job && hasher->done) {
        job = hasher->job;
        hasher->job = NULL;
    }
    pthread_mutex_unlock(&hasher->lock);
    return job;
}

struct password_worker hasher_worker(struct hasher *hasher)
{
    return (struct password_worker){.submit = submit, .collect = collect, .context = hasher};
}
