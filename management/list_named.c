/* SPDX-License-Identifier: Apache-2.0 */
/* Queues and exchanges as items of lists. */
#include "management/list_named.h"

#include "broker/exchange.h"
#include "broker/queue.h"
#include "broker/vhost.h"

void list_add_queue(struct listing *listing, const struct queue *queue)
{
    list_add(listing, slice_str(queue->vhost->name), slice_str(queue->name), queue);
}

void list_add_exchange(struct listing *listing, const struct exchange *exchange)
{
    list_add(listing, slice_str(exchange->vhost->name), slice_str(exchange->name), exchange);
}

const void *list_find_queue(struct call *call, const struct list_item *item)
{
    struct vhost *vhost = vhost_find(call->broker, item->vhost);

    return vhost ? queue_find(vhost, item->name) : NULL;
}

const void *list_find_exchange(struct call *call, const struct list_item *item)
{
    struct vhost *vhost = vhost_find(call->broker, item->vhost);

    return vhost ? exchange_find(vhost, item->name) : NULL;
}
