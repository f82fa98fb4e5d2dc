/* SPDX-License-Identifier: Apache-2.0 */
/* Runtime parameters and global parameters as they were set: kept in the node's database and handed
 * out again. What they mean is decided elsewhere; here they are names with JSON text.
 */
#ifndef BROKER_PARAMETER_H
#define BROKER_PARAMETER_H

#include "base/err.h"
#include "base/slice.h"

struct broker;
struct parameters;

/* Of all kinds together: far more than anyone keeps, few enough to walk. */
#define PARAMETERS_MAX 100000u

/* A parameter of a virtual host's component; a global one has no virtual host and no component. */
struct parameter {
    struct slice vhost, component, name;
    struct slice value; /* JSON */
};

struct parameters *parameters_new(struct broker *broker);
void parameters_free(struct parameters *parameters);
/* From the node's database, before anything is appended to it. */
enum err parameters_load(struct parameters *parameters) MUST_USE;

/* Sets or replaces, in memory and store; everything is copied. ERR_LIMIT: PARAMETERS_MAX is
 * reached. `*created` may be NULL. */
enum err parameter_set(struct parameters *parameters, const struct parameter *parameter,
                       bool *created) MUST_USE;
/* By vhost, component and name; false when there is none. */
bool parameter_clear(struct parameters *parameters, const struct parameter *key);
/* The slices in it are valid until the next change. */
bool parameter_find(const struct parameters *parameters, const struct parameter *key,
                    struct parameter *found);
/* All that belongs to a virtual host that is being deleted. */
void parameters_forget_vhost(struct parameters *parameters, struct slice vhost);

/* Walks in the order of setting; the callback must not change anything. */
void parameters_each(const struct parameters *parameters,
                     void (*each)(void *context, const struct parameter *parameter), void *context);

#endif
