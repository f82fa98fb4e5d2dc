/* SPDX-License-Identifier: Apache-2.0 */
/* What is on the disk, row by row, against what the model says that a turn left there. */
#include "tests/sim/peek.h"

#include "proto/properties.h"
#include "storage/store_db.h"
#include "tests/sim/node.h"

#include <inttypes.h>
#include <stdlib.h>

#define MESSAGES                                                                                   \
    "SELECT lanes.queue, lanes.priority, messages.properties,"                                     \
    " ifnull(messages.delivery_count, 0), length(messages.body)"                                   \
    " FROM lanes JOIN messages ON messages.id >> 43 = lanes.id ORDER BY messages.id"
#define BINDINGS "SELECT source, destination, destination_type, routing_key FROM bindings"

#define RIGHTS                                                                                     \
    "SELECT (SELECT count(*) FROM permissions WHERE user = ?1)"                                    \
    " + (SELECT count(*) FROM topic_permissions WHERE user = ?1)"

/* One look at a database. */
struct look {
    const struct model *model;
    uint64_t turn;
    sqlite3_stmt *statement;
    struct vec wanted; /* what the model says, in order; a row takes its own off */
    const char *why;
};

static struct slice text(const struct look *look, int column)
{
    const char *value = (const char *)sqlite3_column_text(look->statement, column);
    return slice_str(value ? value : "");
}

static struct slice blob(const struct look *look, int column)
{
    const void *value = sqlite3_column_blob(look->statement, column);
    return slice_of(value, (size_t)sqlite3_column_bytes(look->statement, column));
}

static bool fails(struct look *look, const char *format, const char *name, uint64_t id)
{
    look->why = arena_printf(look->model->arena, format, name, id);
    return false;
}

/* Every row has its place in `wanted`, and nothing of that is left. */
static bool compare(struct look *look, const char *sql, bool (*row)(struct look *look),
                    const char *kind)
{
    sqlite3 *database = look->model->realm->db->database.sql;
    bool good = true;
    CHECK(sqlite3_prepare_v2(database, sql, -1, &look->statement, NULL) == SQLITE_OK);
    while (good && sqlite3_step(look->statement) == SQLITE_ROW)
        good = row(look);
    CHECK(sqlite3_finalize(look->statement) == SQLITE_OK || !good);
    if (good && look->wanted.count > 0)
        return fails(look, "%s: %" PRIu64 " are missing", kind, look->wanted.count);
    look->wanted.count = 0;
    return good;
}

/* -- topology -- */

static bool queue_row(struct look *look)
{
    for (size_t i = 0; i < look->wanted.count; i++) {
        const struct m_queue *queue = look->wanted.at[i];
        if (!slice_equal_str(text(look, 0), queue->spec->name))
            continue;
        vec_remove_at(&look->wanted, i);
        return true;
    }
    return fails(look, "queue %s should not be there",
                 arena_text(look->model->arena, text(look, 0)), 0);
}

static void want_queues(struct look *look, const struct vec *queues)
{
    for (size_t i = 0; i < queues->count; i++)
        if (model_queue_survives(queues->at[i], look->turn))
            vec_push(look->model->arena, &look->wanted, queues->at[i]);
}

static bool exchange_row(struct look *look)
{
    for (size_t i = 0; i < look->wanted.count; i++) {
        const struct m_exchange *exchange = look->wanted.at[i];
        if (!slice_equal_str(text(look, 0), exchange->spec->name))
            continue;
        vec_remove_at(&look->wanted, i);
        return true;
    }
    return fails(look, "exchange %s should not be there",
                 arena_text(look->model->arena, text(look, 0)), 0);
}

static void want_exchanges(struct look *look, const struct vec *exchanges)
{
    for (size_t i = 0; i < exchanges->count; i++) {
        const struct m_exchange *exchange = exchanges->at[i];
        if (!exchange->spec->predeclared && model_exchange_survives(exchange, look->turn))
            vec_push(look->model->arena, &look->wanted, exchanges->at[i]);
    }
}

static bool binding_row(struct look *look)
{
    bool to_queue = slice_equal_str(text(look, 2), "queue");
    for (size_t i = 0; i < look->wanted.count; i++) {
        const struct m_binding *binding = look->wanted.at[i];
        const char *destination =
            binding->queue ? binding->queue->spec->name : binding->exchange->spec->name;
        if (to_queue != (binding->queue != NULL) ||
            !slice_equal_str(text(look, 0), binding->source->spec->name) ||
            !slice_equal_str(text(look, 1), destination) ||
            !slice_equal_str(text(look, 3), binding->key))
            continue;
        vec_remove_at(&look->wanted, i);
        return true;
    }
    return fails(look, "a binding from %s should not be there",
                 arena_text(look->model->arena, text(look, 0)), 0);
}

static void want_bindings(struct look *look, const struct vec *bindings)
{
    for (size_t i = 0; i < bindings->count; i++)
        if (model_binding_survives(bindings->at[i], look->turn))
            vec_push(look->model->arena, &look->wanted, bindings->at[i]);
}

/* -- messages -- */

static uint64_t id_of(struct slice properties)
{
    struct slice id;
    char digits[32] = "";
    if (!properties_find(properties, PROPERTY_MESSAGE_ID, &id))
        return 0;
    memcpy(digits, id.data, id.len < sizeof digits ? id.len : sizeof digits - 1);
    return strtoull(digits, NULL, 10);
}

static uint32_t count_at(const struct m_entry *entry, uint64_t turn)
{
    const struct m_count *count = entry->counts;
    while (count && count->turn > turn)
        count = count->older;
    return count ? count->value : 0;
}

/* The first one wanted of the row's queue and lane: that must be it. */
static bool message_row(struct look *look)
{
    uint64_t id = id_of(blob(look, 2));
    for (size_t i = 0; i < look->wanted.count; i++) {
        const struct m_entry *entry = look->wanted.at[i];
        const char *queue = entry->queue->spec->name;
        if (!slice_equal_str(text(look, 0), queue) ||
            sqlite3_column_int(look->statement, 1) != entry->lane)
            continue;
        if (id != entry->message->id)
            return fails(look, "%s: message %" PRIu64 " is out of place", queue, id);
        if ((uint64_t)sqlite3_column_int64(look->statement, 3) != count_at(entry, look->turn))
            return fails(look, "%s: message %" PRIu64 " has a wrong delivery count", queue, id);
        if ((size_t)sqlite3_column_int64(look->statement, 4) != entry->message->body_len)
            return fails(look, "%s: message %" PRIu64 " has a wrong body", queue, id);
        vec_remove_at(&look->wanted, i);
        return true;
    }
    return fails(look, "%s: message %" PRIu64 " should not be there",
                 arena_text(look->model->arena, text(look, 0)), id);
}

static void want_messages(struct look *look)
{
    const struct model *model = look->model;
    for (size_t i = 0; i < model->stored.count; i++) {
        struct m_entry *entry = model->stored.at[i];
        size_t index = look->wanted.count;
        if (!model_entry_survives(entry, look->turn))
            continue;
        while (index > 0 &&
               ((struct m_entry *)look->wanted.at[index - 1])->position > entry->position)
            index--;
        vec_insert(model->arena, &look->wanted, index, entry);
    }
}

bool peek_stored(const struct model *model, uint64_t turn, const char **why)
{
    struct look look = {.model = model, .turn = turn};
    want_queues(&look, &model->queues);
    want_queues(&look, &model->dead_queues);
    bool good = compare(&look, "SELECT name FROM queues", queue_row, "queues");
    want_exchanges(&look, &model->exchanges);
    want_exchanges(&look, &model->dead_exchanges);
    good = good && compare(&look, "SELECT name FROM exchanges", exchange_row, "exchanges");
    want_bindings(&look, &model->bindings);
    want_bindings(&look, &model->dead_bindings);
    good = good && compare(&look, BINDINGS, binding_row, "bindings");
    want_messages(&look);
    good = good && compare(&look, MESSAGES, message_row, "messages");
    *why = look.why;
    return good;
}

int64_t peek_rights(const struct node *node, const char *user)
{
    sqlite3 *database = store_node(node->store)->database.sql;
    sqlite3_stmt *statement;
    memvfs_let_look(node->disk, true);
    CHECK(sqlite3_prepare_v2(database, RIGHTS, -1, &statement, NULL) == SQLITE_OK);
    CHECK(sqlite3_bind_text(statement, 1, user, -1, SQLITE_STATIC) == SQLITE_OK);
    CHECK(sqlite3_step(statement) == SQLITE_ROW);
    int64_t count = sqlite3_column_int64(statement, 0);
    CHECK(sqlite3_finalize(statement) == SQLITE_OK);
    memvfs_let_look(node->disk, false);
    return count;
}
