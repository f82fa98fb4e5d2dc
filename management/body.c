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
