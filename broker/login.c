/* SPDX-License-Identifier: Apache-2.0 */
/* Logins and new passwords, in a queue before the one who computes. The invariants are in login.h. */
#include "broker/login.h"

#include "base/mem.h"
#include "broker/password.h"
#include "broker/permission.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* More than clients can be checked within the patience of most of them, and no burden: some hundred
 * bytes each. */
#define WAITING_MAX 4096

/* A login whose password is looked at, or a password that gets its hash. */
struct login {
    struct list link; /* in logins->waiting; not linked: the worker has it */
    struct access *access;
    bool sets; /* a password was set: `user` gets the hash */
    bool cancelled;
    uint64_t number;   /* of a password that was set, from 1 */
    struct user *user; /* referenced; NULL: a login of nobody we know */
    char *name;
    char *password;
    size_t password_len;
    char *source;
    void (*done)(void *context, const struct login_result *result);
    void *context;
    struct password_job job; /* while it runs */
};

const char *login_verdict_text(enum login_verdict verdict)
{
    static const char *const texts[] = {
#define X(name, text) [LOGIN_##name] = text,
        LOGIN_VERDICT_TABLE(X)
#undef X
    };
    CHECK((size_t)verdict < ARRAY_LEN(texts));
    return texts[verdict];
}

/* ---- the password that a user is known to have ---- */

static void keyed_digest(const struct access *access, struct slice password,
                         uint8_t out[LOGIN_VERIFIER_SIZE])
{
    unsigned len = LOGIN_VERIFIER_SIZE;
    const uint8_t *bytes = password.len ? password.data : (const uint8_t *)"";

    CHECK(HMAC(EVP_sha256(), access->logins.verifier_key, sizeof(access->logins.verifier_key),
               bytes, password.len, out, &len));
    CHECK(len == LOGIN_VERIFIER_SIZE);
}

static void remember(struct user *user, struct slice password)
{
    if (!user->verifier)
        user->verifier = mem_alloc(LOGIN_VERIFIER_SIZE);
    keyed_digest(user->access, password, user->verifier);
}

static bool is_remembered(const struct user *user, struct slice password)
{
    uint8_t computed[LOGIN_VERIFIER_SIZE];

    if (!user || !user->verifier || password.len == 0)
        return false;
    keyed_digest(user->access, password, computed);
    return CRYPTO_memcmp(computed, user->verifier, sizeof(computed)) == 0;
}

void login_forget_password(struct user *user)
{
    mem_free(user->verifier);
    user->verifier = NULL;
}

/* ---- life of a login ---- */

static struct login *new_login(struct access *access, struct user *user, struct slice password)
{
    struct login *login = MEM_NEW(struct login);

    login->access = access;
    login->user = user;
    if (user)
        user_ref(user);
    login->password = slice_dup(password);
    login->password_len = password.len;
    list_init(&login->link);
    return login;
}

static void free_login(struct login *login)
{
    list_remove(&login->link);
    password_job_fini(&login->job);
    OPENSSL_cleanse(login->password, login->password_len);
    if (login->user)
        user_unref(login->user);
    mem_free(login->password);
    mem_free(login->name);
    mem_free(login->source);
    mem_free(login);
}

static struct slice password_of(const struct login *login)
{
    return slice_of(login->password, login->password_len);
}

void login_cancel(struct login *login)
{
    if (!login)
        return;
    login->cancelled = true;
    login->done = NULL;
    if (!list_linked(&login->link))
        return; /* the worker has it */
    login->access->logins.waiting_count--;
    free_login(login);
}

/* ---- verdicts ---- */

static struct login_result result_of(enum login_verdict verdict, struct user *user,
                                     struct slice name)
{
    return (struct login_result){
        .verdict = verdict, .user = verdict == LOGIN_ACCEPTED ? user : NULL, .name = name};
}

/* What can be said without work; LOGIN_PENDING when nothing can. */
static enum login_verdict judge(struct access *access, const struct user *user, const char *source,
                                struct slice name, struct slice password)
{
    struct throttle *throttle = &access->logins.throttle;

    if (!throttle_allows(throttle, access->broker->now_ms, source, name))
        return LOGIN_THROTTLED;
    if (!is_remembered(user, password))
        return LOGIN_PENDING;
    throttle_note_success(throttle, source, name);
    return LOGIN_ACCEPTED;
}

/* The worker, or ourselves, have looked at the password. */
static enum login_verdict judge_job(struct login *login)
{
    struct access *access = login->access;
    struct user *user = login->user;
    struct slice name = slice_str(login->name);
    /* The password may have been changed meanwhile: then what was right is wrong. */
    bool right = login->job.right && user && !user->deleted &&
                 strcmp(user->password_hash, login->job.hash) == 0 && !user->hash_pending;

    if (!right) {
        throttle_note_failure(&access->logins.throttle, access->broker->now_ms, login->source,
                              name);
        return LOGIN_REFUSED;
    }
    remember(user, password_of(login));
    throttle_note_success(&access->logins.throttle, login->source, name);
    return LOGIN_ACCEPTED;
}

static void tell(struct login *login, enum login_verdict verdict)
{
    struct login_result result = result_of(verdict, login->user, slice_str(login->name));

    if (!login->cancelled)
        login->done(login->context, &result);
    free_login(login);
}

/* ---- jobs ---- */

static void fill_job(struct login *login)
{
    struct access *access = login->access;
    struct logins *logins = &access->logins;
    const struct user *user = login->user;
    enum password_algorithm algorithm = logins->hashing.algorithm;
    struct slice hash = slice_str("");

    if (login->sets) {
        password_job_make(&login->job, &logins->hashing, &access->broker->rng, password_of(login));
        return;
    }
    /* While a new password has no hash yet, the old one is no longer right. */
    if (user && !user->hash_pending &&
        password_algorithm_parse(slice_str(user->hashing_algorithm), &algorithm))
        hash = slice_str(user->password_hash);
    password_job_check(&login->job, algorithm, hash, &logins->hashing,
                       slice_str(logins->decoy_hash), password_of(login));
}

/* The newest password's hash is the user's; those of older ones are late. */
static void take_hash(struct login *login)
{
    struct user *user = login->user;

    login->access->logins.passwords_stored = login->number;
    if (user->deleted || user->hash_pending != login->number)
        return;
    user->hash_pending = 0;
    access_take_hash(user, login->job.hash, login->job.hashing.algorithm);
    login->job.hash = NULL;
}

/* The user's password is known now: those who wait with the same one need wait no longer, wherever
 * they stand. That is what makes a thousand clients of one user come in at once. */
static void accept_waiting(struct access *access, const struct user *user)
{
    LIST_EACH(&access->logins.waiting, node) {
        struct login *login = CONTAINER_OF(node, struct login, link);
        if (login->sets || login->user != user ||
            judge(access, user, login->source, slice_str(login->name), password_of(login)) !=
                LOGIN_ACCEPTED)
            continue;
        list_remove(&login->link);
        access->logins.waiting_count--;
        tell(login, LOGIN_ACCEPTED);
    }
}

static void finish(struct login *login)
{
    struct access *access = login->access;
    struct user *user = login->user;

    if (login->sets) {
        take_hash(login);
        free_login(login);
        return;
    }
    enum login_verdict verdict = judge_job(login);
    if (verdict == LOGIN_ACCEPTED)
        accept_waiting(access, user);
    tell(login, verdict);
}

/* Decides what can be decided at once; hands the first of the others to the worker. */
static void next(struct access *access)
{
    struct logins *logins = &access->logins;

    while (!logins->running) {
        struct login *login = LIST_FIRST(&logins->waiting, struct login, link);
        if (!login)
            return;
        list_remove(&login->link);
        logins->waiting_count--;
        enum login_verdict verdict = LOGIN_PENDING;
        if (!login->sets)
            verdict = judge(access, login->user, login->source, slice_str(login->name),
                            password_of(login));
        if (verdict != LOGIN_PENDING) {
            tell(login, verdict);
            continue;
        }
        fill_job(login);
        logins->running = login;
        logins->worker.submit(logins->worker.context, &login->job);
    }
}

static void enqueue(struct login *login)
{
    struct logins *logins = &login->access->logins;

    list_push_back(&logins->waiting, &login->link);
    logins->waiting_count++;
    next(login->access);
}

/* ---- the doors ---- */

void login_begin(struct access *access, const struct login_request *request,
                 struct login_result *result, struct login **out)
{
    struct logins *logins = &access->logins;
    struct user *user = access_find(access, request->name);
    enum login_verdict verdict =
        judge(access, user, request->source, request->name, request->password);

    *out = NULL;
    if (verdict == LOGIN_PENDING && logins->waiting_count >= WAITING_MAX)
        verdict = LOGIN_THROTTLED;
    *result = result_of(verdict, user, request->name);
    if (verdict != LOGIN_PENDING)
        return;
    struct login *login = new_login(access, user, request->password);
    login->name = slice_dup(request->name);
    login->source = request->source ? slice_dup(slice_str(request->source)) : NULL;
    login->done = request->done;
    login->context = request->context;
    if (logins->worker.submit) {
        *out = login;
        enqueue(login);
        return;
    }
    fill_job(login);
    password_job_run(&login->job);
    *result = result_of(judge_job(login), user, request->name);
    free_login(login);
}

struct user *access_login(struct access *access, struct slice name, struct slice password)
{
    const struct login_request request = {.name = name, .password = password};
    struct login_result result;
    struct login *login;

    CHECK(!access->logins.worker.submit);
    login_begin(access, &request, &result, &login);
    return result.user;
}

void login_set_password(struct user *user, struct slice password)
{
    struct access *access = user->access;
    struct login *login = new_login(access, user, password);

    login->sets = true;
    login->number = ++access->logins.passwords_set;
    user->hash_pending = login->number;
    if (password.len)
        remember(user, password);
    else
        login_forget_password(user);
    if (access->logins.worker.submit) {
        enqueue(login);
        return;
    }
    fill_job(login);
    password_job_run(&login->job);
    finish(login);
}

uint64_t login_passwords_set(const struct access *access)
{
    return access->logins.passwords_set;
}

bool login_passwords_stored(const struct access *access, uint64_t count)
{
    return access->logins.passwords_stored >= count;
}

/* ---- the worker ---- */

void logins_set_worker(struct access *access, const struct password_worker *worker)
{
    CHECK(list_empty(&access->logins.waiting));
    access->logins.worker = *worker;
}

void logins_collect(struct access *access)
{
    struct logins *logins = &access->logins;

    if (!logins->worker.collect || !logins->worker.collect(logins->worker.context))
        return;
    struct login *login = logins->running;
    CHECK(login);
    logins->running = NULL;
    finish(login);
    next(access);
}

void logins_stop(struct access *access)
{
    struct logins *logins = &access->logins;

    logins->worker = (struct password_worker){0};
    if (logins->running)
        free_login(logins->running);
    logins->running = NULL;
    struct login *login;
    while ((login = LIST_FIRST(&logins->waiting, struct login, link)) != NULL)
        free_login(login);
    logins->waiting_count = 0;
}

void logins_init(struct access *access)
{
    struct logins *logins = &access->logins;
    struct broker *broker = access->broker;
    const struct throttle_limits limits = {
        .window_ms = broker->options.login_failure_window_ms,
        .pair_max = broker->options.login_failures_per_user,
        .source_max = broker->options.login_failures_per_address,
    };

    list_init(&logins->waiting);
    logins->hashing = broker->options.password_hashing;
    logins->decoy_hash = password_decoy(&logins->hashing, &broker->rng);
    rng_bytes(&broker->rng, logins->verifier_key, sizeof(logins->verifier_key));
    throttle_init(&logins->throttle, &limits, broker->hash_seed);
}

void logins_fini(struct access *access)
{
    logins_stop(access);
    throttle_fini(&access->logins.throttle);
    mem_free(access->logins.decoy_hash);
}
