/* SPDX-License-Identifier: Apache-2.0 */
/* What one binding asks of a message's headers: reading its arguments, and asking. */
#include "routing/headers_match.h"

#include "base/mem.h"
#include "routing/router.h"

static const struct mode {
    const char *name; /* the value of x-match */
    bool any;
    bool with_x;
} modes[] = {
    {"all", false, false}, /* also when there is no x-match */
    {"any", true, false},
    {"all-with-x", false, true},
    {"any-with-x", true, true},
};

/* RabbitMQ names the value as its language writes a binary. */
static void print_value(struct buf *out, const struct field_value *value)
{
    if (value->type != FIELD_LONGSTR) {
        field_print(out, value);
        return;
    }
    buf_add_str(out, "<<\"");
    buf_add_slice(out, value->bytes);
    buf_add_str(out, "\">>");
}

static void refuse(struct reply *error, const struct field_value *value)
{
    struct buf printed = BUF_INIT;

    print_value(&printed, value);
    if (value->type == FIELD_LONGSTR)
        reply_set(error, REPLY_PRECONDITION_FAILED,
                  "Invalid x-match field value %s; expected all, any, all-with-x, or any-with-x",
                  buf_cstr(&printed));
    else
        reply_set(error, REPLY_PRECONDITION_FAILED,
                  "Invalid x-match field type %s (value %s); expected longstr",
                  field_type_name(value->type), buf_cstr(&printed));
    buf_fini(&printed);
}

/* The mode that the arguments ask for, or NULL with *error filled in. */
static const struct mode *mode_of(struct slice arguments, struct reply *error)
{
    struct field_value value;

    if (!table_find(arguments, "x-match", &value))
        return &modes[0];
    if (value.type == FIELD_LONGSTR)
        for (size_t i = 0; i < ARRAY_LEN(modes); i++)
            if (slice_equal_str(value.bytes, modes[i].name))
                return &modes[i];
    refuse(error, &value);
    return NULL;
}

/* The next argument that a message's headers are asked for. */
static bool next_wanted(struct field_iter *iter, const struct mode *mode, struct slice *name,
                        struct field_value *value)
{
    while (field_next(iter, name, value)) {
        bool skip =
            mode->with_x ? slice_equal_str(*name, "x-match") : slice_starts_with(*name, "x-");
        if (!skip)
            return true;
    }
    return false;
}

static size_t count_wanted(struct slice arguments, const struct mode *mode)
{
    struct field_iter iter = {arguments};
    struct slice name;
    struct field_value value;
    size_t count = 0;

    while (next_wanted(&iter, mode, &name, &value))
        count++;
    return count;
}

static void pair_init(struct headers_pair *pair, struct headers_match *match, struct slice name,
                      const struct field_value *value, uint64_t seed)
{
    uint64_t name_hash = hmap_hash(name, seed);

    *pair = (struct headers_pair){
        .match = match,
        .wanted = {.name = name, .name_hash = name_hash, .value = *value},
        .hash = header_hash(name_hash, value),
    };
    list_init(&pair->in_group);
}

struct headers_match *headers_match_new(struct binding *binding, uint64_t seed, struct reply *error)
{
    const struct mode *mode = mode_of(binding->arguments, error);
    if (!mode)
        return NULL;
    size_t count = count_wanted(binding->arguments, mode);
    struct headers_match *match = mem_try_alloc(sizeof(*match) + count * sizeof(match->pairs[0]));
    if (!match) {
        reply_set(error, REPLY_RESOURCE_ERROR, "no memory for a binding's arguments");
        return NULL;
    }
    *match = (struct headers_match){.binding = binding, .any = mode->any, .pair_count = count};
    list_init(&match->in_always);

    struct field_iter iter = {binding->arguments};
    struct slice name;
    struct field_value value;
    for (size_t i = 0; next_wanted(&iter, mode, &name, &value); i++)
        pair_init(&match->pairs[i], match, name, &value, seed);
    return match;
}

void headers_match_free(struct headers_match *match)
{
    mem_free(match);
}

bool headers_pair_holds(const struct headers_pair *pair, const struct header_view *message)
{
    const struct header *wanted = &pair->wanted;
    const struct header *header = header_view_find(message, wanted->name, wanted->name_hash);

    if (!header)
        return false;
    return wanted->value.type == FIELD_VOID || header_value_equal(&wanted->value, &header->value);
}

bool headers_match_all_hold(const struct headers_match *match, const struct header_view *message)
{
    for (size_t i = 0; i < match->pair_count; i++)
        if (!headers_pair_holds(&match->pairs[i], message))
            return false;
    return true;
}
