/* SPDX-License-Identifier: Apache-2.0 */
/* The table `messages`: each message of each queue once, from the disk and from memory. Its columns,
 * its plans and what SQLite calls.
 *
 * (1) A plan claims an order only where the walk brings it: see (1) in query_walk.c.
 * (2) A constraint narrows the walk only; SQLite checks it again for each row.
 */
#include "base/mem.h"
#include "storage/query_cursor.h"

/* -- columns -- */

static const struct store_query_column columns[] = {
#define X(name, text, type, help) {text, STORE_QUERY_##type, help},
    QUERY_MESSAGE_COLUMNS(X)
#undef X
};

const struct store_query_table store_query_messages = {
    .name = "messages",
    .help = "messages in queues, ready and unacknowledged",
    .columns = columns,
    .column_count = ARRAY_LEN(columns),
};

/* -- the plan -- */

static const struct {
    unsigned char operator;
    char letter;
} position_operators[] = {
    {SQLITE_INDEX_CONSTRAINT_EQ, QUERY_TAKES_EQUAL},
    {SQLITE_INDEX_CONSTRAINT_GE, QUERY_TAKES_LEAST},
    {SQLITE_INDEX_CONSTRAINT_GT, QUERY_TAKES_ABOVE},
    {SQLITE_INDEX_CONSTRAINT_LE, QUERY_TAKES_MOST},
    {SQLITE_INDEX_CONSTRAINT_LT, QUERY_TAKES_BELOW},
};

/* How a usable constraint is told to filter(); 0: not at all. */
static char letter_of(const struct sqlite3_index_constraint *constraint)
{
    if (!constraint->usable)
        return 0;
    if (constraint->iColumn == QUERY_COLUMN_QUEUE)
        return constraint->op == SQLITE_INDEX_CONSTRAINT_EQ ? QUERY_TAKES_QUEUE : 0;
    if (constraint->iColumn != QUERY_COLUMN_POSITION)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(position_operators); i++)
        if (position_operators[i].operator== constraint->op)
            return position_operators[i].letter;
    return 0;
}

static bool wants(const sqlite3_index_info *info, enum query_column column)
{
    return info->colUsed & (UINT64_C(1) << column);
}

/* Can the walk bring the rows in the order that is asked for? By queue, then by position; of one queue
 * by position either way. */
static bool in_order(const sqlite3_index_info *info, bool one_queue, bool *descending)
{
    bool by_queue = info->nOrderBy > 0 && info->aOrderBy[0].iColumn == QUERY_COLUMN_QUEUE;
    int at = by_queue ? 1 : 0;

    *descending = false;
    if (info->nOrderBy == 0 || (by_queue && info->aOrderBy[0].desc && !one_queue))
        return false;
    if (at == info->nOrderBy)
        return true;
    if (at + 1 != info->nOrderBy || info->aOrderBy[at].iColumn != QUERY_COLUMN_POSITION)
        return false;
    *descending = info->aOrderBy[at].desc;
    return one_queue || (by_queue && !*descending);
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    char letters[32];
    int count = 0;
    bool one_queue = false;
    bool descending;

    (void)base;
    for (int i = 0; i < info->nConstraint; i++) {
        char letter = letter_of(&info->aConstraint[i]);
        bool binary = letter && strcmp(sqlite3_vtab_collation(info, i), "BINARY") == 0;
        if (!binary || count + 1 == (int)sizeof(letters) ||
            (letter == QUERY_TAKES_QUEUE && one_queue))
            continue;
        one_queue = one_queue || letter == QUERY_TAKES_QUEUE;
        letters[count++] = letter;
        info->aConstraintUsage[i].argvIndex = count;
    }
    letters[count] = '\0';
    info->orderByConsumed = in_order(info, one_queue, &descending);
    info->idxNum =
        (info->orderByConsumed && descending ? QUERY_PLAN_DESCENDING : 0) |
        (wants(info, QUERY_COLUMN_PAYLOAD) || wants(info, QUERY_COLUMN_BODY) ? QUERY_PLAN_BODY : 0);
    info->idxStr = sqlite3_mprintf("%s", letters);
    info->needToFreeIdxStr = 1;
    info->estimatedRows = one_queue ? 10000 : 1000000;
    info->estimatedCost = (double)info->estimatedRows;
    return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

/* -- the table -- */

struct table {
    sqlite3_vtab base;
    struct query_source *source;
};

static struct query_cursor *cursor_of(sqlite3_vtab_cursor *base)
{
    return CONTAINER_OF(base, struct query_cursor, base);
}

static int connect_messages(sqlite3 *sql, void *context, int count, const char *const *arguments,
                            sqlite3_vtab **out, char **message)
{
    (void)count;
    (void)arguments;
    (void)message;
    int result = query_table_declare(context, sql, &store_query_messages);
    if (result != SQLITE_OK)
        return result;
    struct table *table = MEM_NEW(struct table);
    table->source = context;
    *out = &table->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base)
{
    mem_free(CONTAINER_OF(base, struct table, base));
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    struct query_cursor *cursor = MEM_NEW(struct query_cursor);

    cursor->source = CONTAINER_OF(base, struct table, base)->source;
    *out = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct query_cursor *cursor = cursor_of(base);

    query_walk_fini(cursor);
    mem_free(cursor);
    return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *letters, int count,
                  sqlite3_value **values)
{
    (void)count;
    return query_walk_begin(cursor_of(base), plan, letters, values);
}

static int next(sqlite3_vtab_cursor *base)
{
    return query_walk_next(cursor_of(base));
}

static int at_end(sqlite3_vtab_cursor *base)
{
    return cursor_of(base)->at_end;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index)
{
    query_tell(cursor_of(base), context, (enum query_column)index);
    return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    const struct query_cursor *cursor = cursor_of(base);

    *out = (sqlite3_int64)cursor->lane;
    return SQLITE_OK;
}

static const sqlite3_module module_methods = {
    .xConnect = connect_messages,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = row_id,
};

int query_messages_install(struct query_source *source, sqlite3 *sql)
{
    return sqlite3_create_module_v2(sql, store_query_messages.name, &module_methods, source, NULL);
}
