/* SPDX-License-Identifier: Apache-2.0 */
/* See point.h. */
#include "broker/point.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/login.h"
#include "broker/vhost.h"
#include "storage/store.h"

struct part {
    char *vhost; /* NULL: the node's database */
    uint64_t seq;
};

struct broker_point {
    struct part *parts;
    size_t count;
    uint64_t passwords; /* that were set: their hashes come to the store later; 0: none or done */
};

static struct broker_point *make(struct broker_point **point)
{
    if (!*point)
        *point = MEM_NEW(struct broker_point);
    return *point;
}

static void add(struct broker_point **point, const struct store_db *db, const char *vhost)
{
    if (store_last(db) <= store_durable(db))
        return;
    struct broker_point *made = make(point);
    size_t count = ++made->count;
    made->parts = mem_realloc(made->parts, count * sizeof *made->parts);
    made->parts[count - 1] = (struct part){
        .vhost = vhost ? slice_dup(slice_str(vhost)) : NULL,
        .seq = store_last(db),
    };
}

struct broker_point *broker_point_new(const struct broker *broker)
{
    struct broker_point *point = NULL;
    uint64_t passwords = login_passwords_set(broker->access);
    if (!login_passwords_stored(broker->access, passwords))
        make(&point)->passwords = passwords;
    add(&point, store_node(broker->store), NULL);
    for (const struct list *node = broker->vhost_list.next; node != &broker->vhost_list;
         node = node->next) {
        const struct vhost *vhost = CONTAINER_OF(node, struct vhost, broker_link);
        add(&point, vhost->db, vhost->name);
    }
    return point;
}

static bool part_durable(struct broker *broker, const struct part *part)
{
    if (!part->vhost)
        return part->seq <= store_durable(store_node(broker->store));
    const struct vhost *vhost = vhost_find(broker, slice_str(part->vhost));
    bool gone = !vhost || part->seq > store_last(vhost->db); /* another one has its name now */
    return gone || part->seq <= store_durable(vhost->db);
}

/* Once the hashes are handed to the node's database, the point stands for that too. */
static bool passwords_stored(const struct broker *broker, struct broker_point *point)
{
    if (!point->passwords)
        return true;
    if (!login_passwords_stored(broker->access, point->passwords))
        return false;
    point->passwords = 0;
    add(&point, store_node(broker->store), NULL);
    return true;
}

bool broker_point_durable(struct broker *broker, struct broker_point *point)
{
    if (!passwords_stored(broker, point))
        return false;
    for (size_t i = 0; i < point->count; i++)
        if (!part_durable(broker, &point->parts[i]))
            return false;
    return true;
}

void broker_point_free(struct broker_point *point)
{
    if (!point)
        return;
    for (size_t i = 0; i < point->count; i++)
        mem_free(point->parts[i].vhost);
    mem_free(point->parts);
    mem_free(point);
}
