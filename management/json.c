/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions between JSON and the broker's texts and tables. */
#include "management/json.h"

#include "management/management.h"
#include "proto/table.h"
#include "proto/utf8.h"

#include <math.h>

static json_t *text_replaced(struct slice text)
{
    struct buf clean = BUF_INIT;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x80)
            buf_add_u8(&clean, text.data[i]);
        else
            buf_add_str(&clean, "\xef\xbf\xbd");
    }
    json_t *string = json_stringn((const char *)clean.data, clean.len);
    buf_fini(&clean);
    return string;
}

json_t *json_text(struct slice text)
{
    if (text.len == 0)
        return json_string("");
    if (!utf8_valid(text))
        return text_replaced(text);
    return json_stringn((const char *)text.data, text.len);
}

json_t *json_text_or_null(const char *text)
{
    return text ? json_text(slice_str(text)) : json_null();
}

json_t *json_list(const char *joined)
{
    json_t *list = json_array();
    const char *at = joined ? joined : "";

    while (*at) {
        size_t len = strcspn(at, ",");
        if (len)
            json_array_append_new(list, json_text(slice_of(at, len)));
        at += at[len] ? len + 1 : len;
    }
    return list;
}

struct slice json_slice(const json_t *value)
{
    if (!json_is_string(value))
        return slice_of(NULL, 0);
    return slice_of(json_string_value(value), json_string_length(value));
}

static int write_part(const char *text, size_t len, void *context)
{
    buf_add(context, text, len);
    return 0;
}

void json_write(struct buf *out, const json_t *value)
{
    int failed = json_dump_callback(value, write_part, out, JSON_COMPACT | JSON_ENCODE_ANY);

    CHECK(failed == 0);
}

void json_put(json_t *object, const char *key, json_t *value)
{
    CHECK(value);
    CHECK(json_object_set_new(object, key, value) == 0);
}

void json_put_number(json_t *object, const char *key, uint64_t number)
{
    json_put(object, key, json_integer((json_int_t)number));
}

/* ---- tables to JSON ---- */

/* JSON has no infinities. */
static json_t *of_real(double real)
{
    return isfinite(real) ? json_real(real) : json_null();
}

static json_t *of_field(const struct field_value *value)
{
    switch (value->type) {
    case FIELD_BOOL:
        return json_boolean(value->boolean);
    case FIELD_INT8:
    case FIELD_UINT8:
    case FIELD_INT16:
    case FIELD_UINT16:
    case FIELD_INT32:
    case FIELD_UINT32:
    case FIELD_INT64:
    case FIELD_TIMESTAMP:
        return json_integer(value->integer);
    case FIELD_FLOAT:
    case FIELD_DOUBLE:
        return of_real(value->real);
    case FIELD_DECIMAL:
        return of_real(value->decimal.digits / pow(10, value->decimal.scale));
    case FIELD_LONGSTR:
    case FIELD_BYTES:
        return json_text(value->bytes);
    case FIELD_ARRAY:
        return json_of_array(value->bytes);
    case FIELD_TABLE:
        return json_of_table(value->bytes);
    case FIELD_VOID:
        return json_null();
    }
    UNREACHABLE();
}

json_t *json_of_table(struct slice table)
{
    json_t *object = json_object();
    struct field_iter iter = {.rest = table};
    struct field_value value;
    struct slice name;

    while (field_next(&iter, &name, &value)) {
        json_t *key = json_text(name);
        json_object_setn_new(object, json_string_value(key), json_string_length(key),
                             of_field(&value));
        json_decref(key);
    }
    return object;
}

json_t *json_of_array(struct slice array)
{
    json_t *list = json_array();
    struct field_iter iter = {.rest = array};
    struct field_value value;

    while (field_next(&iter, NULL, &value))
        json_array_append_new(list, of_field(&value));
    return list;
}

/* ---- JSON to tables ---- */

static enum err add_fields(struct buf *out, const json_t *object, int depth);
static enum err add_elements(struct buf *out, const json_t *array, int depth);

/* The scalar kinds; false for the others. */
static bool to_scalar(const json_t *json, struct field_value *value)
{
    if (json_is_boolean(json))
        *value = (struct field_value){.type = FIELD_BOOL, .boolean = json_is_true(json)};
    else if (json_is_integer(json))
        *value = (struct field_value){.type = FIELD_INT64, .integer = json_integer_value(json)};
    else if (json_is_real(json))
        *value = (struct field_value){.type = FIELD_DOUBLE, .real = json_real_value(json)};
    else if (json_is_string(json))
        *value = (struct field_value){.type = FIELD_LONGSTR, .bytes = json_slice(json)};
    else if (json_is_null(json))
        *value = (struct field_value){.type = FIELD_VOID};
    else
        return false;
    return true;
}

/* Any value; what a table or an array encodes to lies in `content`, which is the caller's. */
static enum err to_field(const json_t *json, int depth, struct buf *content,
                         struct field_value *value)
{
    if (to_scalar(json, value))
        return ERR_OK;
    if (depth >= TABLE_DEPTH_MAX)
        return ERR_LIMIT;
    bool table = json_is_object(json);
    enum err error =
        table ? add_fields(content, json, depth + 1) : add_elements(content, json, depth + 1);
    *value = (struct field_value){.type = table ? FIELD_TABLE : FIELD_ARRAY,
                                  .bytes = buf_slice(content)};
    return error;
}

static enum err add_elements(struct buf *out, const json_t *array, int depth)
{
    size_t index;
    json_t *element;

    json_array_foreach(array, index, element)
    {
        struct buf content = BUF_INIT;
        struct field_value value;
        enum err error = to_field(element, depth, &content, &value);
        if (error == ERR_OK)
            array_add(out, &value);
        buf_fini(&content);
        if (error != ERR_OK)
            return error;
    }
    return ERR_OK;
}

static enum err add_fields(struct buf *out, const json_t *object, int depth)
{
    /* jansson's walk takes no const object; nothing is changed through it. */
    json_t *walked = (json_t *)(uintptr_t)object;

    for (void *iter = json_object_iter(walked); iter; iter = json_object_iter_next(walked, iter)) {
        struct slice name = slice_of(json_object_iter_key(iter), json_object_iter_key_len(iter));
        struct buf content = BUF_INIT;
        struct field_value value;
        if (name.len > 255)
            return ERR_INVALID;
        enum err error = to_field(json_object_iter_value(iter), depth, &content, &value);
        if (error == ERR_OK)
            table_add(out, name, &value);
        buf_fini(&content);
        if (error != ERR_OK)
            return error;
    }
    return ERR_OK;
}

enum err json_to_table(struct buf *out, const json_t *object)
{
    size_t before = out->len;

    if (!object || json_is_null(object) || (json_is_array(object) && !json_array_size(object)))
        return ERR_OK;
    if (!json_is_object(object))
        return ERR_INVALID;
    enum err error = add_fields(out, object, 1);
    if (error != ERR_OK)
        out->len = before;
    return error;
}
