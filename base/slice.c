/* SPDX-License-Identifier: Apache-2.0 */
/* What does not fit into the header as an inline function. */
#include "base/slice.h"

#include "base/mem.h"

int slice_compare(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;

    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

char *slice_dup(struct slice a)
{
    return mem_strndup((const char *)a.data, a.len);
}
