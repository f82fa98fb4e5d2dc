/* SPDX-License-Identifier: Apache-2.0 */
/* Runtime parameters, global parameters and policies as they were set: kept in the node's database
 * and handed out again. What they mean is decided elsewhere; here they are names with JSON text.
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

struct policy {
    struct slice vhost, name;
    bool of_operator; /* an operator's, of which there may be another of the same name */
    struct slice pattern;
    struct slice apply_to; /* "queues", "all" … */
    int64_t priority;
    struct slice definition; /* JSON object */
};

struct parameters *parameters_new(struct broker *broker);
void parameters_free(struct parameters *parameters);
/* From the node's database, before anything is appended to it. */
enum err parameters_load(struct parameters *parameters) MUST_USE;

/* Sets or replaces, in memory and store; everything is copied. ERR_LIMIT: PARAMETERS_MAX is
 * reached. `*created` may be NULL. */
enum err parameter_set(struct parameters *parameters, const struct parameter *parameter,
                       bool *created) MUST_USE;
enum err policy_set(struct parameters *parameters, const struct policy *policy,
                    bool *created) MUST_USE;
/* By vhost, component and name; false when there is none. */
bool parameter_clear(struct parameters *parameters, const struct parameter *key);
/* By vhost, name and kind. */
bool policy_clear(struct parameters *parameters, const struct policy *key);
/* The slices in it are valid until the next change. */
bool parameter_find(const struct parameters *parameters, const struct parameter *key,
                    struct parameter *found);
bool policy_find(const struct parameters *parameters, const struct policy *key,
                 struct policy *found);
/* All that belongs to a virtual host that is being deleted. */
void parameters_forget_vhost(struct parameters *parameters, struct slice vhost);

/* Walks in the order of setting; the callbacks must not change anything. */
void parameters_each(const struct parameters *parameters,
                     void (*each)(void *context, const struct parameter *parameter), void *context);
void policies_each(const struct parameters *parameters,
                   void (*each)(void *context, const struct policy *policy), void *context);

#endif
