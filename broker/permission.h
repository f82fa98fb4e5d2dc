/* SPDX-License-Identifier: Apache-2.0 */
/* What one user may do in one virtual host; the inside of access.h, for access.c, access_check.c,
 * access_store.c, login.c and permission.c only.
 */
#ifndef BROKER_PERMISSION_H
#define BROKER_PERMISSION_H

#include "broker/access.h"
#include "broker/broker.h"
#include "broker/login.h"
#include "broker/password.h"
#include "broker/pattern.h"
#include "broker/throttle.h"

#define PERMISSIONS 3 /* of enum permission */

#define LOGIN_VERIFIER_SIZE 32

/* The inside of login.h. */
struct logins {
    struct password_hashing hashing; /* of new passwords */
    struct password_worker worker;   /* submit NULL: there is none */
    struct list waiting;             /* struct login.link, oldest first */
    uint32_t waiting_count;
    struct login *running; /* what the worker has */
    struct throttle throttle;
    char *decoy_hash;                          /* what unknown users' passwords are compared with */
    uint8_t verifier_key[LOGIN_VERIFIER_SIZE]; /* of remembered passwords; drawn at the start */
    uint64_t passwords_set;
    uint64_t passwords_stored;
};

struct access {
    struct broker *broker;
    struct hmap users;   /* struct user by name */
    uint64_t generation; /* of users and permissions */
    struct logins logins;
};

/* Rules for the topics of one exchange. */
struct topic_permission {
    struct topic_permission *next;
    char *exchange;
    char *sources[PERMISSIONS];            /* as given; WRITE and READ only */
    struct pattern *patterns[PERMISSIONS]; /* with {username} and {vhost} filled in */
};

struct user_permission {
    struct hmap_node node; /* in user->permissions */
    char *vhost;
    struct pattern *patterns[PERMISSIONS]; /* all NULL: topic permissions only, no access */
    struct topic_permission *topics;
};

#define USER_LIMIT_CONNECTIONS "max-connections"
#define USER_LIMIT_CHANNELS "max-channels"

/* The user of that name, made in memory when there is none. */
struct user *user_make(struct access *access, struct slice name);
/* From a comma-separated list, in memory. */
void user_set_tags(struct user *user, struct slice tags);

/* login.c: a new password, in force at once. */
void login_set_password(struct user *user, struct slice password);
/* What is known of the password holds no longer. */
void login_forget_password(struct user *user);
void logins_init(struct access *access);
void logins_fini(struct access *access);
/* The user's hash is made: takes it, and stores the user. */
void access_take_hash(struct user *user, char *hash, enum password_algorithm algorithm);

/* Put to and removed from the node's database; nothing else changes. */
/* A user whose password has no hash yet is stored when it has one. */
void access_store_user(const struct user *user);
void access_unstore_user(const struct user *user);
void access_store_permission(struct access *access, const struct permission_row *row);
void access_unstore_permission(struct access *access, const struct permission_row *row);
void access_store_topic(struct access *access, const struct topic_permission_row *row);
void access_unstore_topic(struct access *access, const struct topic_permission_row *row);

/* NULL when the user has nothing in that virtual host. */
struct user_permission *permission_find(const struct user *user, struct slice vhost);
struct topic_permission *permission_find_topic(const struct user_permission *permission,
                                               struct slice exchange);
/* Set in memory only; what was there is replaced. */
enum err permission_set(struct user *user, const struct permission_row *row, char *message,
                        size_t message_size) MUST_USE;
enum err permission_set_topic(struct user *user, const struct topic_permission_row *row,
                              char *message, size_t message_size) MUST_USE;
/* Removed in memory only; false when it was not there. */
bool permission_clear(struct user *user, struct slice vhost);
bool permission_clear_topic(struct user *user, struct slice vhost, struct slice exchange);
/* Frees all of a user's. */
void permission_clear_all(struct user *user);
/* One entry as a row; slices borrow from it. */
struct permission_row permission_row(const struct user *user,
                                     const struct user_permission *permission);
struct topic_permission_row permission_topic_row(const struct user *user,
                                                 const struct user_permission *permission,
                                                 const struct topic_permission *topic);

#endif
