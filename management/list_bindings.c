/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings as items of lists. */
#include "management/list_bindings.h"

static struct binding_row keep_row(struct listing *listing, const struct binding_row *row)
{
    return (struct binding_row){
        .vhost = list_keep(listing, row->vhost),
        .source = list_keep(listing, row->source),
        .destination = list_keep(listing, row->destination),
        .to_exchange = row->to_exchange,
        .key = list_keep(listing, row->key),
        .arguments = list_keep(listing, row->arguments),
    };
}

/* What bindings of a virtual host are in order of: source, destination's kind and name, key, and the
 * rest of the properties key. */
static void add_order(struct buf *out, const struct binding_row *row)
{
    buf_add_slice(out, row->source);
    buf_add_u8(out, 0);
    buf_add_u8(out, row->to_exchange ? 'e' : 'q');
    buf_add_slice(out, row->destination);
    buf_add_u8(out, 0);
    buf_add_slice(out, row->key);
    buf_add_u8(out, 0);
    if (row->arguments.len)
        object_binding_key(out, row);
}

void list_add_binding(struct listing *listing, struct binding_row row)
{
    struct buf order = BUF_INIT;

    add_order(&order, &row);
    struct list_item *item = list_add(listing, row.vhost, buf_slice(&order), &row);
    buf_fini(&order);
    if (!item)
        return;
    struct binding_row *kept = list_keep_new(listing, sizeof(*kept));
    *kept = keep_row(listing, &row);
    item->copy = kept;
}

const void *list_find_binding(struct call *call, const struct list_item *item)
{
    (void)call;
    return item->copy;
}
