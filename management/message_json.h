/* SPDX-License-Identifier: Apache-2.0 */
/* A message's properties and body as JSON, both ways. */
#ifndef MANAGEMENT_MESSAGE_JSON_H
#define MANAGEMENT_MESSAGE_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>

/* Appends the property bytes that an object describes; names that are no property's are ignored.
 * ERR_INVALID: `*wrong` is the one whose value has the wrong type or size. */
enum err message_json_properties(struct buf *out, const json_t *object,
                                 const char **wrong) MUST_USE;

/* Validated property bytes as an object of those that are there. */
json_t *message_json_of_properties(struct slice properties) MUST_USE;

/* Puts "payload" and "payload_encoding": a text when it is UTF-8 and `base64` is false. At most
 * `truncate` bytes of it. */
void message_json_put_body(json_t *object, struct slice body, bool base64, size_t truncate);

#endif
