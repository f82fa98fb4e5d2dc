/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashes in RabbitMQ's forms, so that exported users work on both sides: the base64 text
 * of four bytes of salt and the digest over salt and password.
 */
#ifndef BROKER_PASSWORD_H
#define BROKER_PASSWORD_H

#include "base/err.h"
#include "base/rng.h"
#include "base/slice.h"

/* algorithm, RabbitMQ's name of it, digest's length in bytes */
#define PASSWORD_ALGORITHM_TABLE(X)                                                                \
    X(SHA256, "rabbit_password_hashing_sha256", 32)                                                \
    X(SHA512, "rabbit_password_hashing_sha512", 64)                                                \
    X(MD5, "rabbit_password_hashing_md5", 16)

enum password_algorithm {
#define X(name, text, len) PASSWORD_##name,
    PASSWORD_ALGORITHM_TABLE(X)
#undef X
};

#define PASSWORD_DEFAULT PASSWORD_SHA256

/* False when there is no such. */
bool password_algorithm_parse(struct slice name, enum password_algorithm *algorithm);
/* RabbitMQ's name; static storage. */
const char *password_algorithm_name(enum password_algorithm algorithm);

/* The hash of a password with a fresh salt; heap memory, mem_free(). */
char *password_hash(enum password_algorithm algorithm, struct rng *rng, struct slice password);
/* The text has the form of such a hash. */
bool password_hash_valid(enum password_algorithm algorithm, struct slice hash);
/* Does the hash belong to the password? Compares in constant time. A hash that is not valid (the
 * empty one too) belongs to none, and neither does the empty password; the time is the same. */
bool password_verify(enum password_algorithm algorithm, struct slice hash, struct slice password);

#endif
