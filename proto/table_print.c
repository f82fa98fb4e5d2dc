/* SPDX-License-Identifier: Apache-2.0 */
/* Field values as texts of errors show them. */
#include "proto/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *field_type_name(enum field_type type)
{
    switch (type) {
#define X(name, letter, size, integer, text)                                                       \
    case FIELD_##name:                                                                             \
        return text;
        FIELD_TYPE_TABLE(X)
#undef X
    }
    UNREACHABLE();
}

/* The shortest form that reads back as the same number. */
static void print_real(struct buf *out, double real)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, real);
        double back = strtod(text, NULL);
        if (memcmp(&back, &real, sizeof(back)) == 0)
            break;
    }
    buf_add_str(out, text);
    if (strspn(text, "-0123456789") == strlen(text))
        buf_add_str(out, ".0");
}

void field_print(struct buf *out, const struct field_value *value)
{
    switch (value->type) {
    case FIELD_BOOL:
        buf_add_str(out, value->boolean ? "true" : "false");
        break;
    case FIELD_INT8:
    case FIELD_UINT8:
    case FIELD_INT16:
    case FIELD_UINT16:
    case FIELD_INT32:
    case FIELD_UINT32:
    case FIELD_INT64:
    case FIELD_TIMESTAMP:
        buf_printf(out, "%" PRId64, value->integer);
        break;
    case FIELD_FLOAT:
    case FIELD_DOUBLE:
        print_real(out, value->real);
        break;
    case FIELD_DECIMAL:
        buf_printf(out, "{%u,%" PRId32 "}", value->decimal.scale, value->decimal.digits);
        break;
    case FIELD_LONGSTR:
    case FIELD_BYTES:
        buf_add_slice(out, value->bytes);
        break;
    case FIELD_VOID:
        buf_add_str(out, "undefined");
        break;
    case FIELD_ARRAY:
    case FIELD_TABLE:
        buf_add_str(out, field_type_name(value->type));
        break;
    }
}
