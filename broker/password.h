/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashes: OpenSSL's PBKDF2 for passwords that are set here, RabbitMQ's salted digests so
 * that its exported users work. All are base64 text:
 *
 *   RabbitMQ's   salt (4 bytes), digest over salt and password
 *   PBKDF2       iterations (4 bytes, big-endian), salt (16 bytes), key (64 bytes, HMAC-SHA-512)
 */
#ifndef BROKER_PASSWORD_H
#define BROKER_PASSWORD_H

#include "base/err.h"
#include "base/rng.h"
#include "base/slice.h"

/* algorithm, its name in definitions, bytes of: iterations, salt, digest */
#define PASSWORD_ALGORITHM_TABLE(X)                                                                \
    X(SHA256, "rabbit_password_hashing_sha256", 0, 4, 32)                                          \
    X(SHA512, "rabbit_password_hashing_sha512", 0, 4, 64)                                          \
    X(MD5, "rabbit_password_hashing_md5", 0, 4, 16)                                                \
    X(PBKDF2, "bilby_password_hashing_pbkdf2", 4, 16, 64)

enum password_algorithm {
#define X(name, text, iterations, salt, digest) PASSWORD_##name,
    PASSWORD_ALGORITHM_TABLE(X)
#undef X
};

/* What a hash is by when nothing says so: RabbitMQ's own. */
#define PASSWORD_DEFAULT PASSWORD_SHA256

/* A hash with more is refused: it would keep the thread that checks it busy for seconds. */
#define PASSWORD_ITERATIONS_MAX 2000000u

/* How new passwords are hashed. */
struct password_hashing {
    enum password_algorithm algorithm;
    uint32_t iterations; /* of PBKDF2 */
};

/* False when there is no such. */
bool password_algorithm_parse(struct slice name, enum password_algorithm *algorithm);
/* The name in definitions; static storage. */
const char *password_algorithm_name(enum password_algorithm algorithm);

/* The hash of a password with a fresh salt; heap memory, mem_free(). PBKDF2 takes its time. */
char *password_hash(const struct password_hashing *hashing, struct rng *rng, struct slice password);
/* A hash in the same form that no password is known to; takes no time. Heap memory. */
char *password_decoy(const struct password_hashing *hashing, struct rng *rng);
/* The text has the form of such a hash. */
bool password_hash_valid(enum password_algorithm algorithm, struct slice hash);
/* Does the hash belong to the password? Compares in constant time. A hash that is not valid (the
 * empty one too) belongs to none, and neither does the empty password. */
bool password_verify(enum password_algorithm algorithm, struct slice hash, struct slice password);

/* -- the slow part, apart from everything else, so that another thread can do it -- */

#define PASSWORD_SALT_MAX 16

/* One hash to make, or one to check. It owns all it needs. */
struct password_job {
    struct password_hashing hashing;   /* of the hash that is made; of the decoy */
    uint8_t salt[PASSWORD_SALT_MAX];   /* of the hash that is made */
    bool check;                        /* else: make */
    enum password_algorithm algorithm; /* CHECK: of `hash` */
    char *hash;                        /* CHECK: what is compared with; else the result */
    char *decoy; /* CHECK: what is tried as well when `hash` was quick to say no; NULL: nothing */
    char *password;
    size_t password_len;
    bool right; /* CHECK: the result */
};

/* Draws the salt; copies the password. */
void password_job_make(struct password_job *job, const struct password_hashing *hashing,
                       struct rng *rng, struct slice password);
/* `decoy` is a hash by `hashing`: whatever `hash` is, a wrong password costs what that costs. */
void password_job_check(struct password_job *job, enum password_algorithm algorithm,
                        struct slice hash, const struct password_hashing *hashing,
                        struct slice decoy, struct slice password);
/* Any thread; nobody else may touch the job meanwhile. */
void password_job_run(struct password_job *job);
/* Wipes the password. */
void password_job_fini(struct password_job *job);

#endif
