/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords asked about and set, without ever holding the loop: what is slow (a key derivation takes
 * tens of milliseconds on purpose) is a job for somebody else's thread, one at a time.
 *
 *   login_begin() ─ refused by the throttle, or the queue is full ──────────────▶ LOGIN_THROTTLED
 *        │        ─ the password that this user is known to have ──────────────▶ LOGIN_ACCEPTED
 *        ▼
 *     waiting ─ next() ─ the same two questions again ─▶ verdict
 *        │
 *        ▼
 *     running on the worker ─ logins_collect() ─▶ LOGIN_ACCEPTED or LOGIN_REFUSED
 *
 * (1) Once a password was right, its keyed digest is kept in memory, with a key that exists there
 *     only: the next login with it costs microseconds. It goes when the password changes.
 * (2) A wrong password always costs one key derivation, whoever it was tried for and whether that
 *     user exists, unless the throttle refuses it; so time tells nothing about users.
 * (3) Failures are counted before the next password is looked at: a hundred logins at once are no
 *     more guesses than a hundred in a row.
 * (4) A password that was set is in force at once; its hash goes to the store when it is made, and
 *     login_passwords_stored() tells when that was. No weaker form of it is ever stored.
 * (5) Without a worker everything is done at once, where it is asked for: for tests and tools.
 *
 * Thread: the event loop's; only password_job_run() is called by the worker.
 */
#ifndef BROKER_LOGIN_H
#define BROKER_LOGIN_H

#include "base/slice.h"

struct access;
struct login;
struct password_job;
struct user;

/* Who runs jobs. One at a time is handed in; `collect` gives it back when it is done, else NULL, and
 * the loop is woken then: broker_collect() asks. */
struct password_worker {
    void (*submit)(void *context, struct password_job *job);
    struct password_job *(*collect)(void *context);
    void *context;
};

#define LOGIN_VERDICT_TABLE(X)                                                                     \
    X(PENDING, "is being checked")                                                                 \
    X(ACCEPTED, "accepted")                                                                        \
    X(REFUSED, "user or password are wrong")                                                       \
    X(THROTTLED, "too many logins from this address have failed, or wait")

enum login_verdict {
#define X(name, text) LOGIN_##name,
    LOGIN_VERDICT_TABLE(X)
#undef X
};

/* For the log; static storage. */
const char *login_verdict_text(enum login_verdict verdict);

struct login_result {
    enum login_verdict verdict;
    struct user *user; /* of LOGIN_ACCEPTED */
    struct slice name; /* as it was given; valid during the call */
};

struct login_request {
    struct slice name, password; /* copied when they are needed longer */
    const char *source;          /* where from, for the throttle: an address; NULL: not throttled */
    /* Called once for LOGIN_PENDING, in logins_collect(), unless it is cancelled. */
    void (*done)(void *context, const struct login_result *result);
    void *context;
};

/* The verdict, or LOGIN_PENDING and the `login` to cancel when nobody waits for it any more. */
void login_begin(struct access *access, const struct login_request *request,
                 struct login_result *result, struct login **login);
/* `done` will not be called. NULL is fine. */
void login_cancel(struct login *login);

/* From now on jobs go to this worker, which must outlive the access or its logins_stop(). */
void logins_set_worker(struct access *access, const struct password_worker *worker);
/* Takes note of what the worker has done, and hands it the next job. */
void logins_collect(struct access *access);
/* Drops what waits, without a word; the worker must have stopped and hold no job. */
void logins_stop(struct access *access);

/* How many passwords have been set so far, and whether the hashes of the first `count` of them are
 * handed to the store. */
uint64_t login_passwords_set(const struct access *access);
bool login_passwords_stored(const struct access *access, uint64_t count);

#endif
