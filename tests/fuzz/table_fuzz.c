/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a field table: what passes can be walked, printed, sorted, compared and written. */
#include "base/check.h"
#include "proto/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct slice fields, bool named, struct buf *copy)
{
    struct field_iter iter = {fields};
    struct slice name = {0};
    struct field_value value;
    struct buf text = BUF_INIT;
    while (field_next(&iter, named ? &name : NULL, &value)) {
        field_print(&text, &value);
        CHECK(field_equal(&value, &value));
        CHECK(field_type_name(value.type));
        struct buf inner = BUF_INIT;
        if (value.type == FIELD_TABLE || value.type == FIELD_ARRAY) {
            walk(value.bytes, value.type == FIELD_TABLE, &inner);
            value.bytes = buf_slice(&inner);
        }
        if (named)
            table_add(copy, name, &value);
        else
            array_add(copy, &value);
        buf_fini(&inner);
    }
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice table = slice_of(data, size);
    enum err as_array = array_validate(table);
    struct buf copy = BUF_INIT;
    struct buf sorted = BUF_INIT;
    struct buf twice = BUF_INIT;
    if (as_array == ERR_OK) {
        walk(table, false, &copy);
        buf_clear(&copy);
    }
    if (table_validate(table) == ERR_OK) {
        walk(table, true, &copy);
        CHECK(copy.len == size);
        CHECK(table_equal(table, buf_slice(&copy)));
        table_sort(&sorted, table);
        CHECK(table_validate(buf_slice(&sorted)) == ERR_OK);
        table_sort(&twice, buf_slice(&sorted));
        CHECK(slice_equal(buf_slice(&sorted), buf_slice(&twice)));
        CHECK(table_equal(table, buf_slice(&sorted)));
    }
    buf_fini(&copy);
    buf_fini(&sorted);
    buf_fini(&twice);
    return 0;
}
