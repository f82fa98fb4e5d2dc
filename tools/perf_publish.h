/* SPDX-License-Identifier: Apache-2.0 */
/* Messages encoded once: the frames of a basic.publish with its content, as a template that is
 * copied for each message and patched (channel, stamp). What lies behind the first bytes of a large
 * body is the same for all messages and is borrowed by the output queue, not copied.
 */
#ifndef TOOLS_PERF_PUBLISH_H
#define TOOLS_PERF_PUBLISH_H

#include "base/outq.h"
#include "tools/perf_ledger.h"
#include "tools/perf_plan.h"

struct perf_template {
    uint8_t *head; /* method, content header, and the beginning of the body or all of it */
    uint32_t head_len;
    uint32_t header_at; /* of the content header's frame in `head` */
    uint32_t body_at;   /* of the first body frame; head_len when the body is empty */
};

/* The templates of a run: one for each key and priority. */
struct perf_templates {
    struct perf_template *list; /* [key * priorities + priority] */
    uint32_t count;
    uint32_t priorities; /* at least 1 */
    uint32_t stamp_len;  /* how much of a stamp the body has room for: 0, 10 or 16 */
    uint8_t **tails;     /* by channel, for bodies that are borrowed; NULL otherwise */
    size_t tail_len;
    uint16_t channels;
};

/* What a message of `options` looks like. `reply_to`: give it reply_to and correlation_id too, for
 * RPC. False when a message property is wrong, with a sentence in `error`. */
bool perf_templates_init(struct perf_templates *templates, const struct perf_plan *plan,
                         uint32_t frame_max, uint16_t channels, const char *reply_to, char *error,
                         size_t error_size);
void perf_templates_fini(struct perf_templates *templates);

/* Appends a message. */
void perf_template_add(const struct perf_templates *templates, uint32_t index, uint16_t channel,
                       const struct perf_stamp *stamp, struct outq *out);

/* Appends a "K=V,…" list as fields of a table; numbers, true and false as such. */
void perf_pairs_add(struct buf *table, const char *pairs);

#endif
