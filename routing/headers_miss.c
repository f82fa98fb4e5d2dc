/* SPDX-License-Identifier: Apache-2.0 */
/* Near misses of a headers exchange: which of the headers that a binding asks for are missing or
 * differ. */
#include "routing/headers_index.h"
#include "routing/headers_match.h"
#include "routing/miss.h"
#include "routing/router.h"

#define SHOWN_BYTES 60 /* of a value */
#define SHOWN_PAIRS 3

/* A pair that doesn't hold is nearer when the header is there at least. */
#define DISTANCE_MISSING 2
#define DISTANCE_OTHER_VALUE 1

static const struct header *find(const struct headers_pair *pair, const struct header_view *message)
{
    return header_view_find(message, pair->wanted.name, pair->wanted.name_hash);
}

static void add_value(struct buf *out, const struct field_value *value)
{
    struct buf printed = BUF_INIT;
    bool text = value->type == FIELD_LONGSTR || value->type == FIELD_BYTES;

    if (text)
        buf_add_slice(&printed, value->bytes);
    else
        field_print(&printed, value);
    size_t shown = printed.len < SHOWN_BYTES ? printed.len : SHOWN_BYTES;
    while (shown > 0 && shown < printed.len && (printed.data[shown] & 0xc0) == 0x80)
        shown--; /* not in the middle of a character */
    buf_printf(out, "%s%.*s%s%s", text ? "\"" : "", (int)shown,
               printed.len ? (const char *)printed.data : "", shown < printed.len ? "…" : "",
               text ? "\"" : "");
    buf_fini(&printed);
}

static void explain_pair(struct buf *reason, const struct headers_pair *pair,
                         const struct header_view *message)
{
    const struct header *header = find(pair, message);
    const struct header *wanted = &pair->wanted;

    buf_printf(reason, "\"%.*s\"", SLICE_FMT(wanted->name));
    if (wanted->value.type != FIELD_VOID) {
        buf_add_str(reason, " = ");
        add_value(reason, &wanted->value);
    }
    if (!header) {
        buf_add_str(reason, ", the message has no such header");
        return;
    }
    buf_add_str(reason, ", the message has ");
    add_value(reason, &header->value);
    if (header->value.type != wanted->value.type)
        buf_printf(reason, " (%s, not %s)", field_type_name(header->value.type),
                   field_type_name(wanted->value.type));
}

static void explain_pairs(struct buf *reason, const struct headers_match *match,
                          const struct header_view *message)
{
    size_t missed = 0;

    buf_add_str(reason, match->any && match->pair_count > 1 ? "needs one of " : "needs ");
    for (size_t i = 0; i < match->pair_count; i++) {
        if (headers_pair_holds(&match->pairs[i], message) || missed++ >= SHOWN_PAIRS)
            continue;
        if (missed > 1)
            buf_add_str(reason, match->any ? "; or " : "; and ");
        explain_pair(reason, &match->pairs[i], message);
    }
    if (missed > SHOWN_PAIRS)
        buf_printf(reason, " (and %zu more)", missed - SHOWN_PAIRS);
}

/* `any`: that of the nearest pair. `all`: of all together. */
static uint32_t distance_of(const struct headers_match *match, const struct header_view *message)
{
    uint32_t sum = 0;
    uint32_t least = UINT32_MAX;

    for (size_t i = 0; i < match->pair_count; i++) {
        const struct headers_pair *pair = &match->pairs[i];
        if (headers_pair_holds(pair, message))
            continue;
        uint32_t distance = find(pair, message) ? DISTANCE_OTHER_VALUE : DISTANCE_MISSING;
        sum += distance;
        least = distance < least ? distance : least;
    }
    return match->any ? least : sum;
}

uint32_t headers_miss(const struct route_request *request, const struct binding *binding,
                      struct buf *reason)
{
    const struct headers_index *index = binding->source->index;
    const struct headers_match *match = binding->place;

    (void)request; /* its headers are in the index's view: (1) of miss.h */
    if (match->pair_count == 0) {
        if (reason)
            buf_add_str(reason, "asks for any of its headers, and names none: it never matches");
        return UINT32_MAX;
    }
    if (reason)
        explain_pairs(reason, match, &index->message);
    return distance_of(match, &index->message);
}
