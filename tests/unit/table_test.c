/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables: every type, hostile lengths, depth, comparison, sorting, printing. */
#include "proto/table.h"

#include "base/check.h"
#include "proto/wire.h"
#include "tests/support/suite.h"

#include <stdlib.h>

static const enum field_type ALL_TYPES[] = {
    FIELD_BOOL,   FIELD_INT8,      FIELD_UINT8, FIELD_INT16,  FIELD_UINT16,  FIELD_INT32,
    FIELD_UINT32, FIELD_INT64,     FIELD_FLOAT, FIELD_DOUBLE, FIELD_DECIMAL, FIELD_LONGSTR,
    FIELD_ARRAY,  FIELD_TIMESTAMP, FIELD_TABLE, FIELD_VOID,   FIELD_BYTES,
};

static struct field_value sample(enum field_type type)
{
    struct field_value value = {.type = type};
    switch (type) {
    case FIELD_VOID:
        break;
    case FIELD_BOOL:
        value.boolean = true;
        break;
    case FIELD_INT8:
        value.integer = -128;
        break;
    case FIELD_UINT8:
        value.integer = 255;
        break;
    case FIELD_INT16:
        value.integer = -32768;
        break;
    case FIELD_UINT16:
        value.integer = 65535;
        break;
    case FIELD_INT32:
        value.integer = INT32_MIN;
        break;
    case FIELD_UINT32:
        value.integer = UINT32_MAX;
        break;
    case FIELD_INT64:
        value.integer = INT64_MIN;
        break;
    case FIELD_TIMESTAMP:
        value.integer = 1700000000;
        break;
    case FIELD_FLOAT:
        value.real = 1.5;
        break;
    case FIELD_DOUBLE:
        value.real = -0.1;
        break;
    case FIELD_DECIMAL:
        value.decimal.scale = 2;
        value.decimal.digits = -314;
        break;
    case FIELD_LONGSTR:
    case FIELD_BYTES:
        value.bytes = slice_of("a\0b", 3);
        break;
    case FIELD_ARRAY:
        value.bytes = slice_of("VI\0\0\0\7", 6);
        break;
    case FIELD_TABLE:
        value.bytes = slice_of("\1kt\1", 4);
        break;
    }
    return value;
}

static void add_all(struct buf *table)
{
    for (size_t i = 0; i < ARRAY_LEN(ALL_TYPES); i++) {
        struct field_value value = sample(ALL_TYPES[i]);
        char name = (char)value.type;
        table_add(table, slice_of(&name, 1), &value);
    }
}

START_TEST(every_type_survives_the_round_trip)
{
    struct buf table = BUF_INIT;
    add_all(&table);
    ck_assert_int_eq(table_validate(buf_slice(&table)), ERR_OK);
    struct field_iter iter = {buf_slice(&table)};
    struct slice name;
    struct field_value value;
    for (size_t i = 0; i < ARRAY_LEN(ALL_TYPES); i++) {
        struct field_value wanted = sample(ALL_TYPES[i]);
        ck_assert(field_next(&iter, &name, &value));
        ck_assert_int_eq(value.type, wanted.type);
        ck_assert_uint_eq(name.data[0], value.type);
        ck_assert_msg(field_equal(&value, &wanted), "%c", value.type);
    }
    ck_assert(!field_next(&iter, &name, &value));
    ck_assert(table_find(buf_slice(&table), "I", &value));
    ck_assert_int_eq(value.integer, INT32_MIN);
    ck_assert(!table_find(buf_slice(&table), "none", &value));
    buf_fini(&table);
}
END_TEST

START_TEST(every_cut_is_refused_or_ends_between_fields)
{
    struct buf table = BUF_INIT;
    add_all(&table);
    size_t whole = 0;
    for (size_t len = 0; len <= table.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        memcpy(cut, table.data, len);
        if (table_validate(slice_of(cut, len)) == ERR_OK) {
            struct field_iter iter = {slice_of(cut, len)};
            struct slice name;
            struct field_value value;
            while (field_next(&iter, &name, &value))
                ;
            whole++;
        }
        free(cut);
    }
    ck_assert_uint_eq(whole, ARRAY_LEN(ALL_TYPES) + 1);
    buf_fini(&table);
}
END_TEST

START_TEST(hostile_lengths_are_refused)
{
    ck_assert_int_eq(table_validate(slice_of("\xFFk", 2)), ERR_SYNTAX);
    ck_assert_int_eq(table_validate(slice_of("\1kS\xFF\xFF\xFF\xFFx", 8)), ERR_SYNTAX);
    ck_assert_int_eq(table_validate(slice_of("\1kF\0\0\0\2\1t", 9)), ERR_SYNTAX);
    ck_assert_int_eq(table_validate(slice_of("\1kA\0\0\0\1I", 8)), ERR_SYNTAX);
    ck_assert_int_eq(table_validate(slice_of("\1k?\1", 4)), ERR_SYNTAX);
    ck_assert_int_eq(table_validate(slice_of("\1k", 2)), ERR_SYNTAX);
    ck_assert_int_eq(table_validate(slice_of(NULL, 0)), ERR_OK);
    ck_assert_int_eq(array_validate(slice_of("t\1V", 3)), ERR_OK);
    ck_assert_int_eq(array_validate(slice_of("t", 1)), ERR_SYNTAX);
}
END_TEST

START_TEST(depth_is_limited)
{
    struct buf inner = BUF_INIT;
    for (unsigned depth = 1; depth <= TABLE_DEPTH_MAX; depth++) {
        ck_assert_int_eq(table_validate(buf_slice(&inner)), ERR_OK);
        struct buf outer = BUF_INIT;
        table_add_table(&outer, "t", buf_slice(&inner));
        buf_fini(&inner);
        inner = outer;
    }
    ck_assert_int_eq(table_validate(buf_slice(&inner)), ERR_LIMIT);
    buf_fini(&inner);
}
END_TEST

START_TEST(a_capital_l_reads_as_a_long)
{
    struct field_value value;
    struct slice table = slice_of("\1kL\0\0\0\0\0\0\0\x2A", 11);
    ck_assert_int_eq(table_validate(table), ERR_OK);
    ck_assert(table_find(table, "k", &value));
    ck_assert_int_eq(value.type, FIELD_INT64);
    ck_assert_int_eq(value.integer, 42);
}
END_TEST

START_TEST(integers_are_equal_by_number)
{
    struct field_value a = {FIELD_INT8, {.integer = 5}};
    struct field_value b = {FIELD_INT64, {.integer = 5}};
    struct field_value c = {FIELD_TIMESTAMP, {.integer = 5}};
    struct field_value d = {FIELD_LONGSTR, {.bytes = slice_str("5")}};
    struct field_value e = {FIELD_BYTES, {.bytes = slice_str("5")}};
    ck_assert(field_equal(&a, &b));
    ck_assert(!field_equal(&a, &c));
    ck_assert(!field_equal(&a, &d));
    ck_assert(!field_equal(&d, &e));
    b.integer = 6;
    ck_assert(!field_equal(&a, &b));
}
END_TEST

START_TEST(tables_are_equal_in_any_order)
{
    struct buf a = BUF_INIT;
    struct buf b = BUF_INIT;
    table_add_str(&a, "x", slice_str("1"));
    table_add_int32(&a, "y", 2);
    table_add_int64(&b, "y", 2);
    table_add_str(&b, "x", slice_str("1"));
    ck_assert(table_equal(buf_slice(&a), buf_slice(&b)));
    table_add_bool(&b, "z", false);
    ck_assert(!table_equal(buf_slice(&a), buf_slice(&b)));
    ck_assert(!table_equal(buf_slice(&b), buf_slice(&a)));
    buf_clear(&a);
    ck_assert(!table_equal(buf_slice(&a), buf_slice(&b)));
    buf_fini(&a);
    buf_fini(&b);
}
END_TEST

START_TEST(arrays_are_equal_in_order_only)
{
    struct buf a = BUF_INIT;
    struct buf b = BUF_INIT;
    array_add_str(&a, slice_str("1"));
    array_add_str(&a, slice_str("2"));
    array_add_str(&b, slice_str("2"));
    array_add_str(&b, slice_str("1"));
    struct field_value x = {FIELD_ARRAY, {.bytes = buf_slice(&a)}};
    struct field_value y = {FIELD_ARRAY, {.bytes = buf_slice(&b)}};
    ck_assert(!field_equal(&x, &y));
    ck_assert(field_equal(&x, &x));
    array_add_table(&b, slice_of(NULL, 0));
    y.bytes = slice_of(b.data + 6, b.len - 6); /* "1" and a table */
    ck_assert(!field_equal(&x, &y));
    buf_fini(&a);
    buf_fini(&b);
}
END_TEST

START_TEST(sorting_keeps_the_last_of_equal_names)
{
    struct buf table = BUF_INIT;
    struct buf sorted = BUF_INIT;
    struct field_value value;
    table_add_int32(&table, "b", 1);
    table_add_int32(&table, "ab", 2);
    table_add_int32(&table, "b", 3);
    table_add_int32(&table, "a", 4);
    table_add_timestamp(&table, "B", 5);
    table_sort(&sorted, buf_slice(&table));
    struct field_iter iter = {buf_slice(&sorted)};
    struct slice name;
    static const char *const names[] = {"B", "a", "ab", "b"};
    static const int64_t numbers[] = {5, 4, 2, 3};
    for (size_t i = 0; i < 4; i++) {
        ck_assert(field_next(&iter, &name, &value));
        ck_assert(slice_equal_str(name, names[i]));
        ck_assert_int_eq(value.integer, numbers[i]);
    }
    ck_assert(!field_next(&iter, &name, &value));
    buf_fini(&table);
    buf_fini(&sorted);
}
END_TEST

static void check_print(enum field_type type, const char *text, const char *name)
{
    struct buf out = BUF_INIT;
    struct field_value value = sample(type);
    field_print(&out, &value);
    ck_assert_str_eq(buf_cstr(&out), text);
    ck_assert_str_eq(field_type_name(type), name);
    buf_fini(&out);
}

START_TEST(values_print_as_rabbitmq_prints_them)
{
    check_print(FIELD_BOOL, "true", "bool");
    check_print(FIELD_INT8, "-128", "byte");
    check_print(FIELD_UINT8, "255", "unsignedbyte");
    check_print(FIELD_INT16, "-32768", "short");
    check_print(FIELD_UINT16, "65535", "unsignedshort");
    check_print(FIELD_INT32, "-2147483648", "signedint");
    check_print(FIELD_UINT32, "4294967295", "unsignedint");
    check_print(FIELD_INT64, "-9223372036854775808", "long");
    check_print(FIELD_FLOAT, "1.5", "float");
    check_print(FIELD_DOUBLE, "-0.1", "double");
    check_print(FIELD_DECIMAL, "{2,-314}", "decimal");
    check_print(FIELD_TIMESTAMP, "1700000000", "timestamp");
    check_print(FIELD_TABLE, "table", "table");
    check_print(FIELD_ARRAY, "array", "array");
    check_print(FIELD_VOID, "undefined", "void");
    ck_assert_str_eq(field_type_name(FIELD_LONGSTR), "longstr");
    ck_assert_str_eq(field_type_name(FIELD_BYTES), "binary");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        every_type_survives_the_round_trip,    every_cut_is_refused_or_ends_between_fields,
        hostile_lengths_are_refused,           depth_is_limited,
        a_capital_l_reads_as_a_long,           integers_are_equal_by_number,
        tables_are_equal_in_any_order,         arrays_are_equal_in_order_only,
        sorting_keeps_the_last_of_equal_names, values_print_as_rabbitmq_prints_them,
    };
    return suite_run("table", NULL, NULL, tests, ARRAY_LEN(tests));
}
