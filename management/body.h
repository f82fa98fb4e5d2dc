/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of request bodies that several handlers read. */
#ifndef MANAGEMENT_BODY_H
#define MANAGEMENT_BODY_H

#include "management/call.h"

/* The text under a key; `fallback` when it is absent. False after answering 400. */
bool body_text(struct call *call, const json_t *body, const char *key, const char *fallback,
               struct slice *text);
/* A name or routing key: at most 255 bytes. */
bool body_short_text(struct call *call, const json_t *body, const char *key, const char *fallback,
                     struct slice *text);
/* A number that is not negative, also as a text of digits; `fallback` when it is absent. */
bool body_count(struct call *call, const json_t *body, const char *key, uint64_t fallback,
                uint64_t *count);
/* The table under "arguments", appended. False after answering 400. */
bool body_arguments(struct call *call, const json_t *body, struct buf *arguments);
/* The path's name of that capture fits into a short string, else 400 is answered. */
bool body_path_name(struct call *call, const char *capture);

#endif
