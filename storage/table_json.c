/* SPDX-License-Identifier: Apache-2.0 */
/* Prints a field table as JSON.
 *
 * (1) The result is always valid JSON and valid UTF-8, whatever bytes the strings hold.
 * (2) The recursion is as deep as the table, which TABLE_DEPTH_MAX bounds.
 */
#include "storage/table_json.h"

#include "proto/table.h"

#include <inttypes.h>
#include <math.h>

static void add_value(struct buf *out, const struct field_value *value);

/* The length of the UTF-8 sequence that `text` begins with; 0 when it is none. */
static size_t utf8_length(struct slice text)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t extra = 0; extra < ARRAY_LEN(forms); extra++) {
        if ((text.data[0] & forms[extra].mask) != forms[extra].lead)
            continue;
        if (text.len <= extra)
            return 0;
        uint32_t code = text.data[0] & (uint32_t)(uint8_t)~forms[extra].mask;
        for (size_t i = 1; i <= extra; i++) {
            if ((text.data[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (text.data[i] & 0x3f);
        }
        bool surrogate = code >= 0xd800 && code < 0xe000;
        return code < forms[extra].least || code > 0x10ffff || surrogate ? 0 : extra + 1;
    }
    return 0;
}

/* How many bytes from here on need no second look. */
static size_t plain_length(struct slice text)
{
    size_t len = 0;
    while (len < text.len && text.data[len] >= 0x20 && text.data[len] < 0x7f &&
           text.data[len] != '"' && text.data[len] != '\\')
        len++;
    return len;
}

void table_json_add_string(struct buf *out, struct slice text)
{
    buf_add_u8(out, '"');
    while (text.len > 0) {
        size_t plain = plain_length(text);
        size_t len = plain ? plain : utf8_length(text);
        if (len == 0)
            buf_add_str(out, "\xef\xbf\xbd");
        else if (plain == 0 && (text.data[0] == '"' || text.data[0] == '\\'))
            buf_printf(out, "\\%c", text.data[0]);
        else if (plain == 0 && (text.data[0] < 0x20 || text.data[0] == 0x7f))
            buf_printf(out, "\\u%04x", text.data[0]);
        else
            buf_add(out, text.data, len);
        len = len ? len : 1;
        text = slice_of(text.data + len, text.len - len);
    }
    buf_add_u8(out, '"');
}

static void add_real(struct buf *out, double value)
{
    if (isfinite(value))
        buf_printf(out, "%.17g", value);
    else
        buf_add_str(out, "null"); /* JSON has no infinities */
}

static void add_fields(struct buf *out, struct slice content, bool named)
{
    struct field_iter iter = {.rest = content};
    struct field_value value;
    struct slice name;
    const char *separator = "";
    buf_add_u8(out, named ? '{' : '[');
    while (field_next(&iter, named ? &name : NULL, &value)) {
        buf_add_str(out, separator);
        separator = ",";
        if (named) {
            table_json_add_string(out, name);
            buf_add_u8(out, ':');
        }
        add_value(out, &value);
    }
    buf_add_u8(out, named ? '}' : ']');
}

static void add_decimal(struct buf *out, uint8_t scale, int32_t digits)
{
    if (scale)
        buf_printf(out, "%" PRId32 "e-%u", digits, (unsigned)scale);
    else
        buf_printf(out, "%" PRId32, digits);
}

static void add_value(struct buf *out, const struct field_value *value)
{
    switch (value->type) {
    case FIELD_BOOL:
        buf_add_str(out, value->boolean ? "true" : "false");
        return;
    case FIELD_INT8:
    case FIELD_UINT8:
    case FIELD_INT16:
    case FIELD_UINT16:
    case FIELD_INT32:
    case FIELD_UINT32:
    case FIELD_INT64:
    case FIELD_TIMESTAMP:
        buf_printf(out, "%" PRId64, value->integer);
        return;
    case FIELD_FLOAT:
    case FIELD_DOUBLE:
        add_real(out, value->real);
        return;
    case FIELD_DECIMAL:
        add_decimal(out, value->decimal.scale, value->decimal.digits);
        return;
    case FIELD_LONGSTR:
    case FIELD_BYTES:
        table_json_add_string(out, value->bytes);
        return;
    case FIELD_ARRAY:
        add_fields(out, value->bytes, false);
        return;
    case FIELD_TABLE:
        add_fields(out, value->bytes, true);
        return;
    case FIELD_VOID:
        buf_add_str(out, "null");
        return;
    }
    UNREACHABLE();
}

void table_json_add(struct buf *out, struct slice table)
{
    add_fields(out, table, true);
}
