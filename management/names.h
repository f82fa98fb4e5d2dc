/* SPDX-License-Identifier: Apache-2.0 */
/* Names that come in as JSON: their length, and lists of them (tags). */
#ifndef MANAGEMENT_NAMES_H
#define MANAGEMENT_NAMES_H

#include <jansson.h>
#include <stdbool.h>

#define NAME_LEN_MAX 255 /* bytes: what a short string of the protocol holds */

/* A text, or a list of texts. */
bool names_valid(const json_t *names);
/* Such a value as a comma-separated list on the heap. */
char *names_joined(const json_t *names) __attribute__((warn_unused_result));

#endif
