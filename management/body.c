/* SPDX-License-Identifier: Apache-2.0 */
/* Reading parts of bodies. */
#include "management/body.h"

#include "management/names.h"

bool body_text(struct call *call, const json_t *body, const char *key, const char *fallback,
               struct slice *text)
{
    const json_t *value = json_object_get(body, key);

    *text = value ? json_slice(value) : slice_str(fallback);
    if (!value || json_is_string(value))
        return true;
    call_bad_term(call, "not_a_string", slice_str(key));
    return false;
}

static bool check_length(struct call *call, const char *key, struct slice text)
{
    if (text.len <= NAME_LEN_MAX)
        return true;
    call_error(call, 400, "bad_request", "%s is longer than %d bytes", key, NAME_LEN_MAX);
    return false;
}

bool body_short_text(struct call *call, const json_t *body, const char *key, const char *fallback,
                     struct slice *text)
{
    return body_text(call, body, key, fallback, text) && check_length(call, key, *text);
}

static bool parse_digits(struct slice text, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(*number, 10u, number) ||
            __builtin_add_overflow(*number, (uint64_t)(c - '0'), number))
            return false;
    }
    return text.len > 0;
}

bool body_count(struct call *call, const json_t *body, const char *key, uint64_t fallback,
                uint64_t *count)
{
    const json_t *value = json_object_get(body, key);

    *count = value ? (uint64_t)json_integer_value(value) : fallback;
    if (!value || (json_is_integer(value) && json_integer_value(value) >= 0) ||
        parse_digits(json_slice(value), count))
        return true;
    call_bad_term(call, "not_integer", json_slice(value));
    return false;
}

bool body_arguments(struct call *call, const json_t *body, struct buf *arguments)
{
    enum err error = json_to_table(arguments, json_object_get(body, "arguments"));

    if (error != ERR_OK)
        call_error(call, 400, "bad_request", "arguments: %s", err_text(error));
    return error == ERR_OK;
}

bool body_path_name(struct call *call, const char *capture)
{
    return check_length(call, capture, call_arg(call, capture));
}
