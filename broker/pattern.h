/* SPDX-License-Identifier: Apache-2.0 */
/* Users' regular expressions: permissions, topic permissions, filters of the management API. Perl
 * syntax (PCRE2), over bytes, unanchored; the empty pattern stands for '^$' as in RabbitMQ.
 */
#ifndef BROKER_PATTERN_H
#define BROKER_PATTERN_H

#include "base/err.h"
#include "base/slice.h"

#define PATTERN_LEN_MAX 16384 /* bytes: compiling costs time, and nobody reads a longer one */

struct pattern;

enum pattern_result { PATTERN_NO_MATCH, PATTERN_MATCH, PATTERN_GAVE_UP };

/* ERR_SYNTAX or ERR_LIMIT, with a message, when it does not compile. Free with pattern_free(). */
enum err pattern_new(struct slice source, struct pattern **pattern, char *message,
                     size_t message_size) MUST_USE;
/* NULL is allowed. */
void pattern_free(struct pattern *pattern);
/* PATTERN_GAVE_UP: the match took more steps than is reasonable; treat it as a refusal. */
enum pattern_result pattern_match(const struct pattern *pattern, struct slice subject);
/* As it was given. */
struct slice pattern_source(const struct pattern *pattern);

#endif
