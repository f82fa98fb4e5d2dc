/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a large JSON document in parts: the members of its object, and the elements of those that are
 * arrays, one after another.
 */
#ifndef MANAGEMENT_JSON_READER_H
#define MANAGEMENT_JSON_READER_H

#include "base/slice.h"

#include <jansson.h>

#define JSON_READER_MESSAGE_MAX 256

struct json_reader {
    struct slice text; /* the caller's */
    size_t at;
    int expected;     /* what comes next, see json_reader.c */
    json_t *document; /* what is read so far; NULL before its brace */
    json_t *key;      /* of the member that is being read */
    json_t *array;    /* its value, while that is an array; borrowed from the document */
    char message[JSON_READER_MESSAGE_MAX];
};

enum json_read { JSON_READ_MORE, JSON_READ_DONE, JSON_READ_WRONG };

void json_reader_init(struct json_reader *reader, struct slice text);
void json_reader_fini(struct json_reader *reader);
/* Reads on, about `bytes` and one value at most. JSON_READ_WRONG leaves in `message` where and why; a
 * document that is no object is read in one piece. */
enum json_read json_reader_run(struct json_reader *reader, size_t bytes);

#endif
