/* SPDX-License-Identifier: Apache-2.0 */
/* Tables whose rows are all in the snapshot. */
#include "base/mem.h"
#include "storage/query_tables.h"
#include "storage/table_json.h"

/* What a module is registered with: which table it is. */
struct module {
    struct query_source *source;
    size_t index;
};

struct rows_table {
    sqlite3_vtab base;
    struct module *module;
};

struct rows_cursor {
    sqlite3_vtab_cursor base;
    const struct snapshot *snapshot;
    const struct snapshot_rows *rows;
    size_t at; /* a row */
};

const char *store_query_type_name(enum store_query_type type)
{
    switch (type) {
    case STORE_QUERY_TEXT:
        return "text";
    case STORE_QUERY_INTEGER:
        return "integer";
    case STORE_QUERY_REAL:
        return "real";
    case STORE_QUERY_BOOLEAN:
        return "boolean";
    case STORE_QUERY_JSON:
        return "json";
    case STORE_QUERY_BLOB:
        return "blob";
    }
    UNREACHABLE();
}

static const char *declared_type(enum store_query_type type)
{
    switch (type) {
    case STORE_QUERY_TEXT:
    case STORE_QUERY_JSON:
        return "TEXT";
    case STORE_QUERY_INTEGER:
    case STORE_QUERY_BOOLEAN:
        return "INTEGER";
    case STORE_QUERY_REAL:
        return "REAL";
    case STORE_QUERY_BLOB:
        return "BLOB";
    }
    UNREACHABLE();
}

static void print_table(struct buf *out, const struct store_query_table *table)
{
    buf_printf(out, "CREATE TABLE \"%s\"(", table->name);
    for (size_t i = 0; i < table->column_count; i++)
        buf_printf(out, "%s\"%s\" %s", i ? ", " : "", table->columns[i].name,
                   declared_type(table->columns[i].type));
    buf_add_str(out, ")");
}

int query_table_declare(struct query_source *source, sqlite3 *sql,
                        const struct store_query_table *table)
{
    struct buf text = BUF_INIT;

    print_table(&text, table);
    source->guard->declaring = true;
    int result = sqlite3_declare_vtab(sql, buf_cstr(&text));
    source->guard->declaring = false;
    buf_fini(&text);
    return result;
}

static int connect_rows(sqlite3 *sql, void *context, int count, const char *const *arguments,
                        sqlite3_vtab **out, char **message)
{
    struct module *module = context;

    (void)count;
    (void)arguments;
    (void)message;
    int result = query_table_declare(module->source, sql, &module->source->tables[module->index]);
    if (result != SQLITE_OK)
        return result;
    struct rows_table *table = MEM_NEW(struct rows_table);
    table->module = module;
    *out = &table->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base)
{
    mem_free(CONTAINER_OF(base, struct rows_table, base));
    return SQLITE_OK;
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct module *module = CONTAINER_OF(base, struct rows_table, base)->module;

    if (!module->source->snapshot->planned)
        module->source->snapshot->rows[module->index].wanted |= info->colUsed;
    info->estimatedCost = 1000;
    info->estimatedRows = 1000;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    const struct module *module = CONTAINER_OF(base, struct rows_table, base)->module;
    struct rows_cursor *cursor = MEM_NEW(struct rows_cursor);

    cursor->snapshot = module->source->snapshot;
    cursor->rows = &module->source->snapshot->rows[module->index];
    *out = &cursor->base;
    return SQLITE_OK;
}

static struct rows_cursor *cursor_of(sqlite3_vtab_cursor *base)
{
    return CONTAINER_OF(base, struct rows_cursor, base);
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    mem_free(cursor_of(base));
    return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *text, int count,
                  sqlite3_value **values)
{
    (void)plan;
    (void)text;
    (void)count;
    (void)values;
    cursor_of(base)->at = 0;
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
    cursor_of(base)->at++;
    return SQLITE_OK;
}

static int at_end(sqlite3_vtab_cursor *base)
{
    const struct rows_cursor *cursor = cursor_of(base);

    return cursor->at >= cursor->rows->row_count;
}

static void result_json(sqlite3_context *context, struct slice table)
{
    struct buf json = BUF_INIT;

    table_json_add(&json, table);
    sqlite3_result_text64(context, (const char *)json.data, json.len, SQLITE_TRANSIENT,
                          SQLITE_UTF8);
    buf_fini(&json);
}

/* NULL: the column was not wanted. */
static const struct snapshot_cell *cell_at(const struct rows_cursor *cursor, int index)
{
    uint64_t wanted = cursor->rows->wanted;
    uint64_t bit = UINT64_C(1) << index;
    size_t width = (size_t)__builtin_popcountll(wanted);

    if (!(wanted & bit))
        return NULL;
    return &cursor->rows
                ->cells[cursor->at * width + (size_t)__builtin_popcountll(wanted & (bit - 1))];
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index)
{
    const struct rows_cursor *cursor = cursor_of(base);
    const struct snapshot_cell *cell = cell_at(cursor, index);
    struct slice text;

    if (!cell) {
        sqlite3_result_error(context, "the plan did not tell that it needs this column", -1);
        return SQLITE_OK;
    }

    switch (cell->kind) {
    case CELL_NULL:
        break;
    case CELL_TEXT:
        text = snapshot_slice(cursor->snapshot, cell->text);
        sqlite3_result_text64(context, text.len ? (const char *)text.data : "", text.len,
                              SQLITE_STATIC, SQLITE_UTF8);
        break;
    case CELL_INTEGER:
        sqlite3_result_int64(context, cell->integer);
        break;
    case CELL_REAL:
        sqlite3_result_double(context, cell->real);
        break;
    case CELL_JSON:
        result_json(context, snapshot_slice(cursor->snapshot, cell->text));
        break;
    }
    return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)cursor_of(base)->at;
    return SQLITE_OK;
}

static const sqlite3_module module_methods = {
    .xConnect = connect_rows,
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

static void free_module(void *context)
{
    mem_free(context);
}

int query_rows_install(struct query_source *source, sqlite3 *sql)
{
    int result = SQLITE_OK;

    for (size_t i = 0; result == SQLITE_OK && i < source->table_count; i++) {
        struct module *module = MEM_NEW(struct module);
        *module = (struct module){.source = source, .index = i};
        result = sqlite3_create_module_v2(sql, source->tables[i].name, &module_methods, module,
                                          free_module);
    }
    return result;
}
