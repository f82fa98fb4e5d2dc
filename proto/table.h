/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables and arrays [0-9-1 §4.2.5.5, with RabbitMQ's type letters]. A table is handled as its
 * encoded content, without the four length bytes in front: a slice that is validated once where it
 * enters and then walked in place.
 *
 * (1) All functions but table_validate() expect bytes that it has passed.
 */
#ifndef PROTO_TABLE_H
#define PROTO_TABLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* Tables in tables: far beyond any client's use, harmless to the stack. */
#define TABLE_DEPTH_MAX 32

#define FIELD_SIZE_BY_LENGTH 255 /* four bytes in front of the value say it */

/* name, letter on the wire, bytes of a value, whether RabbitMQ takes it for an integer, and RabbitMQ's
 * name of it. 'L' on the wire reads as 'l'. */
#define FIELD_TYPE_TABLE(X)                                                                        \
    X(BOOL, 't', 1, false, "bool")                                                                 \
    X(INT8, 'b', 1, true, "byte")                                                                  \
    X(UINT8, 'B', 1, true, "unsignedbyte")                                                         \
    X(INT16, 's', 2, true, "short")                                                                \
    X(UINT16, 'u', 2, true, "unsignedshort")                                                       \
    X(INT32, 'I', 4, true, "signedint")                                                            \
    X(UINT32, 'i', 4, true, "unsignedint")                                                         \
    X(INT64, 'l', 8, true, "long")                                                                 \
    X(FLOAT, 'f', 4, false, "float")                                                               \
    X(DOUBLE, 'd', 8, false, "double")                                                             \
    X(DECIMAL, 'D', 5, false, "decimal")                                                           \
    X(LONGSTR, 'S', FIELD_SIZE_BY_LENGTH, false, "longstr")                                        \
    X(ARRAY, 'A', FIELD_SIZE_BY_LENGTH, false, "array")                                            \
    X(TIMESTAMP, 'T', 8, false, "timestamp")                                                       \
    X(TABLE, 'F', FIELD_SIZE_BY_LENGTH, false, "table")                                            \
    X(VOID, 'V', 0, false, "void")                                                                 \
    X(BYTES, 'x', FIELD_SIZE_BY_LENGTH, false, "binary")

enum field_type {
#define X(name, letter, size, integer, text) FIELD_##name = (letter),
    FIELD_TYPE_TABLE(X)
#undef X
};

struct field_value {
    enum field_type type;
    union {
        bool boolean;
        int64_t integer;    /* all integer types, timestamps included */
        double real;        /* float and double */
        struct slice bytes; /* longstr, bytes; and the encoded content of table and array */
        struct {
            uint8_t scale;
            int32_t digits;
        } decimal;
    };
};

/* A walk over a table's (or array's) fields. */
struct field_iter {
    struct slice rest;
};

/* ERR_OK, or ERR_SYNTAX (lengths, types, UTF-8-free names are fine) or ERR_LIMIT (depth). */
enum err table_validate(struct slice table) MUST_USE;
enum err array_validate(struct slice array) MUST_USE;
/* A validated table may stand in `around` others: what that makes passes table_validate(). */
bool table_fits(struct slice table, unsigned around);

/* One field; false at the end. For arrays `name` is NULL. */
bool field_next(struct field_iter *iter, struct slice *name, struct field_value *value);

/* The first field of that name; false when there is none. */
bool table_find(struct slice table, const char *name, struct field_value *value);

/* True for the types that RabbitMQ treats as integers (byte … long, unsigned too; not timestamp). */
bool field_is_integer(enum field_type type);

/* Type and value; tables regardless of their fields' order. Integers of different widths and signs
 * are equal when their numbers are. */
bool field_equal(const struct field_value *a, const struct field_value *b);
bool table_equal(struct slice a, struct slice b);

/* RabbitMQ's name of a type in error texts: longstr, signedint, long, bool, … */
const char *field_type_name(enum field_type type);
/* A scalar value as RabbitMQ prints it in error texts ('5000', 'true', 'abc'); tables and arrays by
 * their type's name. */
void field_print(struct buf *out, const struct field_value *value);

/* Writing. A table in the making is just the fields appended to a buf. */
void table_add(struct buf *table, struct slice name, const struct field_value *value);
void table_add_str(struct buf *table, const char *name, struct slice value); /* as longstr */
void table_add_int64(struct buf *table, const char *name, int64_t value);    /* 'l' */
void table_add_int32(struct buf *table, const char *name, int32_t value);    /* 'I' */
void table_add_bool(struct buf *table, const char *name, bool value);
void table_add_timestamp(struct buf *table, const char *name, int64_t seconds);
void table_add_table(struct buf *table, const char *name, struct slice content);
void table_add_array(struct buf *table, const char *name, struct slice content);
/* Array elements. */
void array_add(struct buf *array, const struct field_value *value);
void array_add_str(struct buf *array, struct slice value);
void array_add_table(struct buf *array, struct slice content);

/* `out` gets the fields sorted by name (the last of equal names wins): the form in which arguments
 * are kept, compared and printed. */
void table_sort(struct buf *out, struct slice table);

#endif
