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

enum field_type {
    FIELD_BOOL = 't',
    FIELD_INT8 = 'b',
    FIELD_UINT8 = 'B',
    FIELD_INT16 = 's',
    FIELD_UINT16 = 'u',
    FIELD_INT32 = 'I',
    FIELD_UINT32 = 'i',
    FIELD_INT64 = 'l', /* 'L' on the wire reads as the same */
    FIELD_FLOAT = 'f',
    FIELD_DOUBLE = 'd',
    FIELD_DECIMAL = 'D',
    FIELD_LONGSTR = 'S',
    FIELD_ARRAY = 'A',
    FIELD_TIMESTAMP = 'T',
    FIELD_TABLE = 'F',
    FIELD_VOID = 'V',
    FIELD_BYTES = 'x',
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
