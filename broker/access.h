/* SPDX-License-Identifier: Apache-2.0 */
/* Users, passwords, tags and permissions of the node.
 *
 * (1) Patterns are PCRE2, compiled once, unanchored, matched under limits; '' is '^$'.
 * (2) `generation` rises with every change: cached decisions carry it.
 */
#ifndef BROKER_ACCESS_H
#define BROKER_ACCESS_H

#include "base/err.h"
#include "base/hmap.h"
#include "base/slice.h"

struct broker;
struct reply;

#define USER_TAG_TABLE(X)                                                                          \
    X(ADMINISTRATOR, "administrator")                                                              \
    X(MONITORING, "monitoring")                                                                    \
    X(POLICYMAKER, "policymaker")                                                                  \
    X(MANAGEMENT, "management")                                                                    \
    X(IMPERSONATOR, "impersonator")

enum user_tag {
#define X(name, text) USER_TAG_##name,
    USER_TAG_TABLE(X)
#undef X
};

struct user {
    struct hmap_node node; /* in access->users */
    struct access *access;
    char *name;
    char *password_hash;     /* base64, as RabbitMQ has it; "": no password logs in */
    char *hashing_algorithm; /* "rabbit_password_hashing_sha256" … */
    uint8_t *verifier;       /* keyed digest of the password once it is known; NULL: it isn't */
    uint64_t hash_pending;   /* the number of the password whose hash is being made; 0: none */
    char *tags;              /* comma-separated, own ones too */
    uint32_t tag_bits;       /* 1u << enum user_tag for the known ones */
    uint32_t refs;           /* connections keep a deleted user's object */
    bool deleted;
    uint32_t connection_count;
    uint32_t channel_count;
    int64_t connections_max; /* limits; negative: none */
    int64_t channels_max;
    struct hmap permissions; /* struct user_permission by virtual host; access's own */
};

enum permission { PERMISSION_CONFIGURE, PERMISSION_WRITE, PERMISSION_READ };

struct access *access_new(struct broker *broker);
void access_free(struct access *access);
/* Loads users and permissions from the node's database. */
enum err access_load(struct access *access) MUST_USE;
uint64_t access_generation(const struct access *access);

/* -- authentication -- */

/* The user whose password this is, or NULL; at once and unthrottled, for who may wait. Not while
 * there is a worker: login.h is the door that doesn't hold the loop. */
struct user *access_login(struct access *access, struct slice name, struct slice password);
struct user *access_find(struct access *access, struct slice name);
void user_ref(struct user *user);
void user_unref(struct user *user);
bool user_has_tag(const struct user *user, enum user_tag tag);
/* options.loopback_users names it. */
bool access_loopback_only(const struct access *access, const struct user *user);

/* -- authorisation -- */

/* The user has an entry of permissions in the virtual host. */
bool access_vhost(const struct user *user, struct slice vhost);
/* 403 "configure access to queue 'Q' in vhost 'V' refused for user 'U'"; `what` is "queue" or
 * "exchange", the empty name prints as 'amq.default'. */
bool access_check(const struct user *user, struct slice vhost, enum permission permission,
                  const char *what, struct slice name, struct reply *reply);
/* Without a reply: does the user have it? */
bool access_allows(const struct user *user, struct slice vhost, enum permission permission,
                   struct slice name);
/* Topic permissions: allowed unless an entry for the exchange says otherwise. */
bool access_check_topic(const struct user *user, struct slice vhost, enum permission permission,
                        struct slice exchange, struct slice key, struct reply *reply);
/* True when the user has any topic permission in the virtual host: else the check can be skipped. */
bool access_has_topic(const struct user *user, struct slice vhost);

/* -- administration: changes memory and store -- */

/* Creates or replaces; `password` is in force at once, hashed with a fresh salt by the node's
 * algorithm and stored as soon as that is done (login.h). */
struct user *access_set_user(struct access *access, struct slice name, struct slice password,
                             struct slice tags);
/* As above from an exported hash; ERR_INVALID when algorithm or hash are unusable. */
enum err access_set_user_hash(struct access *access, struct slice name, struct slice hash,
                              struct slice algorithm, struct slice tags,
                              struct user **user) MUST_USE;
/* Its connections are closed with 320 "user 'U' is deleted". False: no such user. */
bool access_delete_user(struct access *access, struct slice name);
/* ERR_SYNTAX with a message when a pattern does not compile. */
enum err access_set_permission(struct access *access, struct slice user, struct slice vhost,
                               struct slice configure, struct slice write, struct slice read,
                               char *message, size_t message_size) MUST_USE;
bool access_clear_permission(struct access *access, struct slice user, struct slice vhost);
enum err access_set_topic_permission(struct access *access, struct slice user, struct slice vhost,
                                     struct slice exchange, struct slice write, struct slice read,
                                     char *message, size_t message_size) MUST_USE;
bool access_clear_topic_permission(struct access *access, struct slice user, struct slice vhost,
                                   struct slice exchange);
bool access_set_user_limit(struct access *access, struct user *user, struct slice name,
                           int64_t value);
/* All permissions of a virtual host that is being deleted. */
void access_forget_vhost(struct access *access, struct slice vhost);

/* Walks, for listing; the callbacks must not change anything. */
void access_each_user(struct access *access, void (*each)(void *context, struct user *user),
                      void *context);
struct permission_row {
    struct slice user, vhost, configure, write, read;
};
void access_each_permission(struct access *access,
                            void (*each)(void *context, const struct permission_row *row),
                            void *context);
struct topic_permission_row {
    struct slice user, vhost, exchange, write, read;
};
void access_each_topic_permission(struct access *access,
                                  void (*each)(void *context,
                                               const struct topic_permission_row *row),
                                  void *context);

#endif
