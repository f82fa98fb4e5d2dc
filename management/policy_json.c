/* SPDX-License-Identifier: Apache-2.0 */
/* Policies out of JSON and back into it. */
#include "management/policy_json.h"

#include "management/json.h"
#include "proto/table.h"

void json_print_term(struct buf *out, const json_t *value)
{
    struct buf table = BUF_INIT;
    json_t *wrapped = json_object();
    struct field_value field;

    if (!value)
        buf_add_str(out, "undefined");
    json_object_set(wrapped, "v", (json_t *)value);
    if (json_to_table(&table, wrapped) == ERR_OK && table_find(buf_slice(&table), "v", &field))
        policy_print_value(out, &field);
    else if (value)
        json_write(out, value); /* too deep, or a name too long: as it came */
    json_decref(wrapped);
    buf_fini(&table);
}

/* What is there is no text: a line, and an empty slice. */
static struct slice read_text(const json_t *fields, const char *key, const char *fallback,
                              struct buf *wrong)
{
    const json_t *value = json_object_get(fields, key);

    if (!value && fallback)
        return slice_str(fallback);
    if (json_is_string(value))
        return json_slice(value);
    buf_printf(wrong, "%s should be a binary but was ", key);
    json_print_term(wrong, value);
    buf_add_u8(wrong, '\n');
    return slice_of(NULL, 0);
}

static int64_t read_priority(const json_t *fields, struct buf *wrong)
{
    const json_t *value = json_object_get(fields, "priority");

    if (!value || json_is_integer(value))
        return json_integer_value(value);
    buf_add_str(wrong, "priority should be a number, actually was ");
    json_print_term(wrong, value);
    buf_add_u8(wrong, '\n');
    return 0;
}

static void read_definition(const json_t *fields, struct buf *definition, struct buf *wrong)
{
    const json_t *value = json_object_get(fields, "definition");

    if (json_to_table(definition, value) == ERR_OK)
        return;
    buf_add_str(wrong, "definition must be a dictionary: ");
    json_print_term(wrong, value);
    buf_add_u8(wrong, '\n');
}

bool policy_from_json(struct policy *policy, const json_t *fields, struct buf *definition,
                      struct buf *wrong)
{
    struct buf unsorted = BUF_INIT;
    size_t before = wrong->len;

    policy->priority = read_priority(fields, wrong);
    policy->pattern = read_text(fields, "pattern", NULL, wrong);
    policy->apply_to = read_text(fields, "apply-to", "all", wrong);
    read_definition(fields, &unsorted, wrong);
    table_sort(definition, buf_slice(&unsorted));
    buf_fini(&unsorted);
    policy->definition = buf_slice(definition);
    return wrong->len == before && policy_check(policy, wrong);
}

json_t *policy_value_json(const struct policy *policy)
{
    json_t *value = json_object();

    json_put(value, "pattern", json_text(policy->pattern));
    json_put(value, "apply-to", json_text(policy->apply_to));
    json_put(value, "definition", json_of_table(policy->definition));
    json_put(value, "priority", json_integer(policy->priority));
    return value;
}
