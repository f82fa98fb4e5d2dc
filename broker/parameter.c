/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters and policies: two lists of what the node's database holds.
 *
 * (1) What is in memory and what was put to the store always agree.
 * (2) Keys are unique: vhost, component and name of a parameter; vhost, name and kind of a policy.
 * (3) The slices of an entry lie in one allocation with it.
 */
#include "broker/parameter.h"

#include "base/list.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "storage/store.h"

struct parameters {
    struct broker *broker;
    struct list parameters; /* struct parameter_entry.link */
    struct list policies;   /* struct policy_entry.link */
    size_t count;
};

struct parameter_entry {
    struct list link;
    struct parameter parameter;
    uint8_t bytes[];
};

struct policy_entry {
    struct list link;
    struct policy policy;
    uint8_t bytes[];
};

struct parameters *parameters_new(struct broker *broker)
{
    struct parameters *parameters = MEM_NEW(struct parameters);

    parameters->broker = broker;
    list_init(&parameters->parameters);
    list_init(&parameters->policies);
    return parameters;
}

static void remove_parameter(struct parameters *parameters, struct parameter_entry *entry)
{
    list_remove(&entry->link);
    mem_free(entry);
    parameters->count--;
}

static void remove_policy(struct parameters *parameters, struct policy_entry *entry)
{
    list_remove(&entry->link);
    mem_free(entry);
    parameters->count--;
}

void parameters_free(struct parameters *parameters)
{
    LIST_EACH(&parameters->parameters, link)
        remove_parameter(parameters, CONTAINER_OF(link, struct parameter_entry, link));
    LIST_EACH(&parameters->policies, link)
        remove_policy(parameters, CONTAINER_OF(link, struct policy_entry, link));
    CHECK(parameters->count == 0);
    mem_free(parameters);
}

/* ---- entries ---- */

/* Copies to `*at`, which moves on. */
static struct slice keep(uint8_t **at, struct slice text)
{
    struct slice kept = slice_of(*at, text.len);

    if (text.len)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return kept;
}

static void add_parameter(struct parameters *parameters, const struct parameter *given,
                          struct list *before)
{
    size_t len = given->vhost.len + given->component.len + given->name.len + given->value.len;
    struct parameter_entry *entry = mem_alloc(sizeof(*entry) + len);
    uint8_t *at = entry->bytes;

    entry->parameter = (struct parameter){
        .vhost = keep(&at, given->vhost),
        .component = keep(&at, given->component),
        .name = keep(&at, given->name),
        .value = keep(&at, given->value),
    };
    list_insert_before(&entry->link, before);
    parameters->count++;
}

static void add_policy(struct parameters *parameters, const struct policy *given,
                       struct list *before)
{
    size_t len = given->vhost.len + given->name.len + given->pattern.len + given->apply_to.len +
                 given->definition.len;
    struct policy_entry *entry = mem_alloc(sizeof(*entry) + len);
    uint8_t *at = entry->bytes;

    entry->policy = (struct policy){
        .vhost = keep(&at, given->vhost),
        .name = keep(&at, given->name),
        .of_operator = given->of_operator,
        .pattern = keep(&at, given->pattern),
        .apply_to = keep(&at, given->apply_to),
        .priority = given->priority,
        .definition = keep(&at, given->definition),
    };
    list_insert_before(&entry->link, before);
    parameters->count++;
}

static struct parameter_entry *find_parameter(const struct parameters *parameters,
                                              const struct parameter *key)
{
    LIST_EACH(&parameters->parameters, link) {
        struct parameter_entry *entry = CONTAINER_OF(link, struct parameter_entry, link);
        if (slice_equal(entry->parameter.name, key->name) &&
            slice_equal(entry->parameter.component, key->component) &&
            slice_equal(entry->parameter.vhost, key->vhost))
            return entry;
    }
    return NULL;
}

static struct policy_entry *find_policy(const struct parameters *parameters,
                                        const struct policy *key)
{
    LIST_EACH(&parameters->policies, link) {
        struct policy_entry *entry = CONTAINER_OF(link, struct policy_entry, link);
        if (slice_equal(entry->policy.name, key->name) &&
            slice_equal(entry->policy.vhost, key->vhost) &&
            entry->policy.of_operator == key->of_operator)
            return entry;
    }
    return NULL;
}

/* ---- the store ---- */

static struct store_db *node_db(const struct parameters *parameters)
{
    return store_node(parameters->broker->store);
}

static struct store_value text_value(struct slice text)
{
    return (struct store_value){.bytes = text};
}

/* Global parameters have a table of their own: their name is the whole key. */
static struct store_record parameter_record(const struct parameter *parameter)
{
    if (parameter->vhost.len == 0 && parameter->component.len == 0)
        return (struct store_record){
            .kind = STORE_GLOBAL_PARAMETER,
            .values = {text_value(parameter->name), text_value(parameter->value)},
        };
    return (struct store_record){
        .kind = STORE_PARAMETER,
        .values = {text_value(parameter->vhost), text_value(parameter->component),
                   text_value(parameter->name), text_value(parameter->value)},
    };
}

static struct store_record policy_record(const struct policy *policy)
{
    return (struct store_record){
        .kind = STORE_POLICY,
        .values = {text_value(policy->vhost), text_value(policy->name),
                   (struct store_value){.integer = policy->of_operator},
                   text_value(policy->pattern), text_value(policy->apply_to),
                   (struct store_value){.integer = policy->priority},
                   text_value(policy->definition)},
    };
}

static void load_parameter(void *context, const struct store_record *record)
{
    struct parameters *parameters = context;
    const struct store_value *values = record->values;
    const struct parameter loaded = {values[0].bytes, values[1].bytes, values[2].bytes,
                                     values[3].bytes};

    add_parameter(parameters, &loaded, &parameters->parameters);
}

static void load_global_parameter(void *context, const struct store_record *record)
{
    struct parameters *parameters = context;
    const struct parameter loaded = {.name = record->values[0].bytes,
                                     .value = record->values[1].bytes};

    add_parameter(parameters, &loaded, &parameters->parameters);
}

static void load_policy(void *context, const struct store_record *record)
{
    struct parameters *parameters = context;
    const struct store_value *values = record->values;
    const struct policy loaded = {
        .vhost = values[0].bytes,
        .name = values[1].bytes,
        .of_operator = values[2].integer != 0,
        .pattern = values[3].bytes,
        .apply_to = values[4].bytes,
        .priority = values[5].integer,
        .definition = values[6].bytes,
    };

    add_policy(parameters, &loaded, &parameters->policies);
}

enum err parameters_load(struct parameters *parameters)
{
    struct store_db *db = node_db(parameters);

    enum err error = store_load(db, STORE_PARAMETER, load_parameter, parameters);
    if (error == ERR_OK)
        error = store_load(db, STORE_GLOBAL_PARAMETER, load_global_parameter, parameters);
    if (error == ERR_OK)
        error = store_load(db, STORE_POLICY, load_policy, parameters);
    return error;
}

/* ---- changes ---- */

enum err parameter_set(struct parameters *parameters, const struct parameter *parameter,
                       bool *created)
{
    struct parameter_entry *old = find_parameter(parameters, parameter);
    struct store_record record = parameter_record(parameter);

    if (!old && parameters->count >= PARAMETERS_MAX)
        return ERR_LIMIT;
    if (created)
        *created = !old;
    add_parameter(parameters, parameter, old ? &old->link : &parameters->parameters);
    store_put(node_db(parameters), &record);
    if (old)
        remove_parameter(parameters, old);
    return ERR_OK;
}

enum err policy_set(struct parameters *parameters, const struct policy *policy, bool *created)
{
    struct policy_entry *old = find_policy(parameters, policy);
    struct store_record record = policy_record(policy);

    if (!old && parameters->count >= PARAMETERS_MAX)
        return ERR_LIMIT;
    if (created)
        *created = !old;
    add_policy(parameters, policy, old ? &old->link : &parameters->policies);
    store_put(node_db(parameters), &record);
    if (old)
        remove_policy(parameters, old);
    return ERR_OK;
}

bool parameter_clear(struct parameters *parameters, const struct parameter *key)
{
    struct parameter_entry *entry = find_parameter(parameters, key);

    if (!entry)
        return false;
    struct store_record record = parameter_record(key);
    store_remove(node_db(parameters), &record);
    remove_parameter(parameters, entry);
    return true;
}

bool policy_clear(struct parameters *parameters, const struct policy *key)
{
    struct policy_entry *entry = find_policy(parameters, key);

    if (!entry)
        return false;
    struct store_record record = policy_record(key);
    store_remove(node_db(parameters), &record);
    remove_policy(parameters, entry);
    return true;
}

bool parameter_find(const struct parameters *parameters, const struct parameter *key,
                    struct parameter *found)
{
    const struct parameter_entry *entry = find_parameter(parameters, key);

    if (entry)
        *found = entry->parameter;
    return entry;
}

bool policy_find(const struct parameters *parameters, const struct policy *key,
                 struct policy *found)
{
    const struct policy_entry *entry = find_policy(parameters, key);

    if (entry)
        *found = entry->policy;
    return entry;
}

void parameters_forget_vhost(struct parameters *parameters, struct slice vhost)
{
    CHECK(vhost.len > 0);
    LIST_EACH(&parameters->parameters, link) {
        struct parameter_entry *entry = CONTAINER_OF(link, struct parameter_entry, link);
        if (slice_equal(entry->parameter.vhost, vhost))
            parameter_clear(parameters, &entry->parameter);
    }
    LIST_EACH(&parameters->policies, link) {
        struct policy_entry *entry = CONTAINER_OF(link, struct policy_entry, link);
        if (slice_equal(entry->policy.vhost, vhost))
            policy_clear(parameters, &entry->policy);
    }
}

/* ---- walks ---- */

void parameters_each(const struct parameters *parameters,
                     void (*each)(void *context, const struct parameter *parameter), void *context)
{
    LIST_EACH(&parameters->parameters, link)
        each(context, &CONTAINER_OF(link, struct parameter_entry, link)->parameter);
}

void policies_each(const struct parameters *parameters,
                   void (*each)(void *context, const struct policy *policy), void *context)
{
    LIST_EACH(&parameters->policies, link)
        each(context, &CONTAINER_OF(link, struct policy_entry, link)->policy);
}
