/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as JSON. */
#include "storage/query_result.h"

#include "storage/table_json.h"

#include <inttypes.h>
#include <math.h>

static void add_real(struct buf *out, double value)
{
    if (isfinite(value))
        buf_printf(out, "%.17g", value);
    else
        buf_add_str(out, "null");
}

static void add_blob(struct buf *out, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *to = buf_reserve(out, 2 * bytes.len + 5);
    size_t at = 0;

    to[at++] = '"';
    to[at++] = 'x';
    to[at++] = '\'';
    for (size_t i = 0; i < bytes.len; i++) {
        to[at++] = (uint8_t)digits[bytes.data[i] >> 4];
        to[at++] = (uint8_t)digits[bytes.data[i] & 15];
    }
    to[at++] = '\'';
    to[at++] = '"';
    out->len += at;
}

static struct slice bytes_of(sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);

    return slice_of(data, data ? (size_t)sqlite3_column_bytes(statement, column) : 0);
}

static void add_value(struct buf *out, sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        buf_printf(out, "%" PRId64, (int64_t)sqlite3_column_int64(statement, column));
        break;
    case SQLITE_FLOAT:
        add_real(out, sqlite3_column_double(statement, column));
        break;
    case SQLITE_TEXT:
        table_json_add_string(out, bytes_of(statement, column));
        break;
    case SQLITE_BLOB:
        add_blob(out, bytes_of(statement, column));
        break;
    default:
        buf_add_str(out, "null");
        break;
    }
}

static void add_columns(struct buf *out, sqlite3_stmt *statement)
{
    buf_add_u8(out, '[');
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        if (i)
            buf_add_u8(out, ',');
        table_json_add_string(out, slice_str(sqlite3_column_name(statement, i)));
    }
    buf_add_u8(out, ']');
}

static void add_row(struct buf *out, sqlite3_stmt *statement)
{
    buf_add_u8(out, '[');
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        if (i)
            buf_add_u8(out, ',');
        add_value(out, statement, i);
    }
    buf_add_u8(out, ']');
}

int query_result_read(struct store_query_result *result, sqlite3_stmt *statement, uint32_t rows_max,
                      uint64_t bytes_max)
{
    uint32_t count = 0;
    int step;

    add_columns(&result->columns, statement);
    buf_add_u8(&result->rows, '[');
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        size_t before = result->rows.len;
        if (count == rows_max) {
            result->truncated = true;
            break;
        }
        if (count++)
            buf_add_u8(&result->rows, ',');
        add_row(&result->rows, statement);
        if (result->rows.len > bytes_max) {
            result->rows.len = before;
            result->truncated = true;
            break;
        }
    }
    buf_add_u8(&result->rows, ']');
    return step == SQLITE_ROW || step == SQLITE_DONE ? SQLITE_OK : step;
}
