/* SPDX-License-Identifier: Apache-2.0 */
/* What of a virtual host is with its writer, turn by turn: the model counts durability in turns, the
 * store in operations. */
#include "tests/sim/node.h"

#include "tests/sim/peek.h"

#include <inttypes.h>

/* Turns whose last operation has been applied are durable. */
static void note_written(struct realm *realm)
{
    uint64_t durable = realm->model->durable;
    while (realm->turns.count > 0) {
        const struct node_turn *turn = realm->turns.at[0];
        if (turn->last > realm->written)
            break;
        durable = turn->turn;
        vec_remove_at(&realm->turns, 0);
    }
    if (durable > realm->model->durable)
        model_durable(realm->model, durable);
}

/* The store hands over what has piled up to the end of `turn` when its writer is idle. */
static void give(struct realm *realm, uint64_t turn)
{
    if (realm->given || store_last(realm->db) == realm->flushed)
        return;
    realm->given = true;
    realm->applied = false;
    realm->flushed = store_last(realm->db);
    realm->model->handed = turn;
}

void realm_settle(struct realm *realm)
{
    struct model *model = realm->model;
    if (!realm->db)
        return;
    struct node_turn *turn = ARENA_NEW(model->arena, struct node_turn);
    turn->turn = model->turn;
    turn->last = realm->settled = store_last(realm->db);
    vec_push(model->arena, &realm->turns, turn);
    give(realm, model->turn);
    note_written(realm);
}

void realm_write(struct realm *realm)
{
    struct trace *trace = realm->model->trace;
    if (!realm->db)
        return;
    store_write(realm->db);
    if (!realm->given || realm->applied)
        return;
    /* It is written, or had cancelled itself out; or the disk refused it. */
    realm->refused = !peek_applied(realm);
    if (realm->refused) {
        trace_line(trace, "disk: refused a batch of %s", realm->name);
        return;
    }
    realm->applied = true;
    realm->written = realm->flushed;
    note_written(realm);
    trace_line(trace, "disk: %s durable up to turn %" PRIu64, realm->name, realm->model->durable);
}

void realm_collected(struct realm *realm)
{
    /* A batch that has cancelled itself out is done as soon as it is handed over. */
    while (realm->given && (realm->applied || store_durable(realm->db) >= realm->flushed)) {
        realm->given = false;
        realm->written = realm->flushed;
        note_written(realm);
        /* Not in the middle of a turn, as when a client was lost since the last one ended. */
        if (store_last(realm->db) == realm->settled)
            give(realm, realm->model->turn - 1);
    }
}

void realm_reset(struct realm *realm)
{
    realm->turns.count = 0;
    realm->given = realm->applied = realm->refused = false;
    realm->flushed = realm->written = realm->settled = realm->db ? store_last(realm->db) : 0;
}
