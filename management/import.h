/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of definitions_import(): one function a section, called for each of its items twice:
 * first to check, then to do.
 *
 * (1) While import->checking is set nothing may change; afterwards an item must not fail for a
 *     reason that checking could have seen.
 */
#ifndef MANAGEMENT_IMPORT_H
#define MANAGEMENT_IMPORT_H

#include "base/err.h"
#include "management/json.h"

struct broker;
struct vhost;

struct import {
    struct broker *broker;
    struct vhost *vhost; /* of a single virtual host's document, or NULL */
    const json_t *users; /* names in the document, as keys */
    const json_t *vhosts;
    bool checking;
    char *message;
    size_t message_size;
};

/* Fills in the message ("queue 'q' in vhost '/': …"), and is ERR_INVALID. */
enum err import_fail(const struct import *import, const char *what, struct slice name,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The text under a key; `*text` is empty when it is absent and optional. */
enum err import_text(const struct import *import, const json_t *item, const char *what,
                     struct slice name, const char *key, bool required, struct slice *text);
enum err import_flag(const struct import *import, const json_t *item, const char *what,
                     struct slice name, const char *key, bool required, bool *flag);
/* The item's virtual host: it is there or will be made. While doing, *vhost is it. */
enum err import_vhost(const struct import *import, const json_t *item, const char *what,
                      struct slice name, struct slice *vhost_name, struct vhost **vhost);

enum err import_user(struct import *import, const json_t *item);
enum err import_virtual_host(struct import *import, const json_t *item);
/* Its database is open or can be had without waiting. */
bool import_virtual_host_ready(const struct import *import, const json_t *item);
enum err import_permission(struct import *import, const json_t *item);
enum err import_topic_permission(struct import *import, const json_t *item);
enum err import_parameter(struct import *import, const json_t *item);
enum err import_global_parameter(struct import *import, const json_t *item);
enum err import_policy(struct import *import, const json_t *item);
enum err import_queue(struct import *import, const json_t *item);
enum err import_exchange(struct import *import, const json_t *item);
enum err import_binding(struct import *import, const json_t *item);

#endif
