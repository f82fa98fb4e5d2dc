/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that works on passwords: hashing one takes tens of milliseconds on purpose, and the loop
 * must not wait for it. It has one job at a time (broker/login.h queues them).
 */
#ifndef SERVER_HASHER_H
#define SERVER_HASHER_H

#include "broker/login.h"

struct hasher;

/* Starts the thread; NULL when the system gives none (errno says why). `wake` is called by it, from
 * then on whenever a job is done. */
struct hasher *hasher_new(void (*wake)(void *context), void *context);
/* Waits for the job that runs; its owner may have it back then. NULL is fine. */
void hasher_free(struct hasher *hasher);
/* As the broker sees it. The loop's thread calls its functions. */
struct password_worker hasher_worker(struct hasher *hasher);

#endif
