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

/* The store has handed a batch to its writer: the turns that are whole in it are with the writer. */
static void give(struct realm *realm)
{
    uint64_t last = peek_given(realm);
    if (realm->given || last <= realm->flushed)
        return;
    realm->given = true;
    realm->applied = false;
    realm->flushed = last;
    for (size_t i = 0; i < realm->turns.count; i++) {
        const struct node_turn *turn = realm->turns.at[i];
        if (turn->last <= last)
            realm->model->handed = turn->turn;
    }
}

void realm_settle(struct realm *realm)
{
    struct model *model = realm->model;
    if (!realm->db)
        return;
    struct node_turn *turn = ARENA_NEW(model->arena, struct node_turn);
    turn->turn = model->turn;
    turn->last = store_last(realm->db);
    vec_push(model->arena, &realm->turns, turn);
    give(realm);
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
    uint64_t durable = realm->db ? store_durable(realm->db) : 0;
    if (realm->given && (realm->applied || durable >= realm->flushed)) {
        realm->given = false;
        realm->written = realm->flushed;
    }
    /* Batches that have cancelled themselves out are done as soon as they are handed over. */
    if (durable > realm->written)
        realm->written = durable;
    note_written(realm);
    if (realm->db)
        give(realm);
}

void realm_reset(struct realm *realm)
{
    realm->turns.count = 0;
    realm->given = realm->applied = realm->refused = false;
    realm->flushed = realm->written = realm->db ? store_last(realm->db) : 0;
}
