/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters: a list of what the node's database holds.
 *
 * (1) What is in memory and what was put to the store always agree.
 * (2) Keys are unique: vhost, component and name.
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
    size_t count;
};

struct parameter_entry {
    struct list link;
    struct parameter parameter;
    uint8_t bytes[];
};

struct parameters *parameters_new(struct broker *broker)
{
    struct parameters *parameters = MEM_NEW(struct parameters);

    parameters->broker = broker;
    list_init(&parameters->parameters);
    return parameters;
}

static void remove_parameter(struct parameters *parameters, struct parameter_entry *entry)
{
    list_remove(&entry->link);
    mem_free(entry);
    parameters->count--;
}

void parameters_free(struct parameters *parameters)
{
    LIST_EACH(&parameters->parameters, link)
        remove_parameter(parameters, CONTAINER_OF(link, struct parameter_entry, link));
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

enum err parameters_load(struct parameters *parameters)
{
    struct store_db *db = node_db(parameters);

    enum err error = store_load(db, STORE_PARAMETER, load_parameter, parameters);
    if (error == ERR_OK)
        error = store_load(db, STORE_GLOBAL_PARAMETER, load_global_parameter, parameters);
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

bool parameter_find(const struct parameters *parameters, const struct parameter *key,
                    struct parameter *found)
{
    const struct parameter_entry *entry = find_parameter(parameters, key);

    if (entry)
        *found = entry->parameter;
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
}

/* ---- walks ---- */

void parameters_each(const struct parameters *parameters,
                     void (*each)(void *context, const struct parameter *parameter), void *context)
{
    LIST_EACH(&parameters->parameters, link)
        each(context, &CONTAINER_OF(link, struct parameter_entry, link)->parameter);
}
