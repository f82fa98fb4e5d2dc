/* SPDX-License-Identifier: Apache-2.0 */
/* A mean that forgets: an eighth of each new wait, seven eighths of what was known. */
#include "server/patience.h"

#define SHARE 8       /* of which each new wait is one part */
#define CLIP_LIMITS 4 /* a wait counts for so many limits at most */

void patience_init(struct patience *patience, uint64_t limit_ns)
{
    *patience = (struct patience){.limit_ns = limit_ns, .mean_ns = limit_ns * CLIP_LIMITS};
}

uint64_t patience_look_ns(const struct patience *patience)
{
    return patience->mean_ns < patience->limit_ns ? patience->limit_ns : 0;
}

void patience_note(struct patience *patience, uint64_t waited_ns)
{
    uint64_t most_ns = patience->limit_ns * CLIP_LIMITS;
    uint64_t counted_ns = waited_ns < most_ns ? waited_ns : most_ns;
    patience->mean_ns -= patience->mean_ns / SHARE;
    patience->mean_ns += counted_ns / SHARE;
}
