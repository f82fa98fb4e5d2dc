/* SPDX-License-Identifier: Apache-2.0 */
/* The gate; see query_guard.h. */
#include "storage/query_guard.h"

#include <strings.h>
#include <time.h>

#define PROGRESS_STEPS 1000 /* of SQLite's machine between two looks at the clock: microseconds */

/* What only reads, and takes time in proportion to its arguments. */
static const char *const functions[] = {
    /* values */ "abs",
    "char",
    "coalesce",
    "glob",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "length",
    "like",
    "likelihood",
    "likely",
    "lower",
    "ltrim",
    "max",
    "min",
    "nullif",
    "quote",
    "random",
    "randomblob",
    "replace",
    "round",
    "rtrim",
    "sign",
    "sqlite_version",
    "substr",
    "substring",
    "trim",
    "typeof",
    "unicode",
    "unlikely",
    "upper",
    "zeroblob",
    /* aggregates */ "avg",
    "count",
    "group_concat",
    "sum",
    "total",
    "json_group_array",
    "json_group_object",
    /* windows */ "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
    /* times */ "date",
    "time",
    "datetime",
    "julianday",
    "unixepoch",
    "strftime",
    "current_date",
    "current_time",
    "current_timestamp",
    /* JSON */ "json",
    "json_array",
    "json_array_length",
    "json_extract",
    "json_object",
    "json_quote",
    "json_type",
    "json_valid",
    "->",
    "->>",
    /* mathematics */ "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "ceil",
    "ceiling",
    "cos",
    "cosh",
    "degrees",
    "exp",
    "floor",
    "ln",
    "log",
    "log10",
    "log2",
    "mod",
    "pi",
    "pow",
    "power",
    "radians",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
};

/* Tables of SQLite's that take apart a value. */
static const char *const table_functions[] = {"json_each", "json_tree"};

const char *store_query_function(size_t index)
{
    return index < ARRAY_LEN(functions) ? functions[index] : NULL;
}

int64_t query_guard_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool query_guard_over(struct query_guard *guard)
{
    if (atomic_load(&guard->cancelled))
        return true;
    guard->late = guard->late || query_guard_now_ms() >= guard->deadline_ms;
    return guard->late;
}

static int progress(void *context)
{
    return query_guard_over(context);
}

/* -- the gate -- */

static bool listed(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

static bool may_read(struct query_guard *guard, const char *table)
{
    if (listed(table_functions, ARRAY_LEN(table_functions), table))
        return true;
    for (size_t i = 0; i <= guard->table_count; i++) {
        const char *name =
            i < guard->table_count ? guard->tables[i].name : store_query_messages.name;
        if (strcasecmp(name, table) != 0)
            continue;
        guard->used[i] = true;
        return true;
    }
    return false;
}

/* `first` and `second` are what SQLite says of the action: a table and its column, or nothing and a
 * function. */
static int authorize(void *context, int action, const char *first, const char *second,
                     const char *database, const char *trigger)
{
    const struct query_guard *guard = context;
    bool allowed = guard->declaring;

    (void)database;
    (void)trigger;
    if (allowed)
        return SQLITE_OK;
    if (action == SQLITE_SELECT || action == SQLITE_RECURSIVE)
        allowed = true;
    else if (action == SQLITE_READ)
        /* Without a column: somebody's rows are counted, maybe those of a WITH. */
        allowed = may_read(context, first) || !*second;
    else if (action == SQLITE_FUNCTION)
        allowed = listed(functions, ARRAY_LEN(functions), second);
    return allowed ? SQLITE_OK : SQLITE_DENY;
}

/* -- functions in place of SQLite's -- */

static struct slice text_of(sqlite3_value *value)
{
    const void *data = sqlite3_value_text(value);

    return slice_of(data, data ? (size_t)sqlite3_value_bytes(value) : 0);
}

static const uint8_t *find(struct slice text, struct slice part)
{
    return text.len && part.len ? memmem(text.data, text.len, part.data, part.len) : NULL;
}

/* Bytes of a blob, letters of a text. */
static int64_t count_letters(struct slice text, bool bytes)
{
    int64_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += bytes || (text.data[i] & 0xc0) != 0x80;
    return count;
}

static bool any_null(int count, sqlite3_value **values)
{
    for (int i = 0; i < count; i++)
        if (sqlite3_value_type(values[i]) == SQLITE_NULL)
            return true;
    return false;
}

static void instr(sqlite3_context *context, int count, sqlite3_value **values)
{
    if (any_null(count, values))
        return;
    bool bytes = sqlite3_value_type(values[0]) == SQLITE_BLOB &&
                 sqlite3_value_type(values[1]) == SQLITE_BLOB;
    struct slice text = text_of(values[0]), part = text_of(values[1]);
    const uint8_t *found = part.len ? find(text, part) : text.data;
    int64_t place = found
                        ? 1 + count_letters(slice_of(text.data, (size_t)(found - text.data)), bytes)
                        : (part.len == 0);
    sqlite3_result_int64(context, place);
}

static void replace(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct buf out = BUF_INIT;

    if (any_null(count, values))
        return;
    struct slice text = text_of(values[0]), old = text_of(values[1]), new = text_of(values[2]);
    const uint8_t *found;
    while ((found = find(text, old)) && out.len <= STORE_QUERY_VALUE_MAX) {
        size_t before = (size_t)(found - text.data);
        buf_add(&out, text.data, before);
        buf_add_slice(&out, new);
        text = slice_of(found + old.len, text.len - before - old.len);
    }
    buf_add_slice(&out, text);
    if (out.len > STORE_QUERY_VALUE_MAX)
        sqlite3_result_error_toobig(context);
    else
        sqlite3_result_text64(context, out.len ? (const char *)out.data : "", out.len,
                              SQLITE_TRANSIENT, SQLITE_UTF8);
    buf_fini(&out);
}

static void refuse_letters(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    (void)values;
    sqlite3_result_error(context, "trim() takes one argument here", -1);
}

static int add_functions(sqlite3 *sql)
{
    static const struct {
        const char *name;
        int arguments;
        void (*call)(sqlite3_context *context, int count, sqlite3_value **values);
    } ours[] = {
        {"instr", 2, instr},          {"replace", 3, replace},      {"trim", 2, refuse_letters},
        {"ltrim", 2, refuse_letters}, {"rtrim", 2, refuse_letters},
    };
    int result = SQLITE_OK;

    for (size_t i = 0; result == SQLITE_OK && i < ARRAY_LEN(ours); i++)
        result = sqlite3_create_function_v2(sql, ours[i].name, ours[i].arguments,
                                            SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, ours[i].call,
                                            NULL, NULL, NULL);
    return result;
}

/* -- bounds -- */

static void set_limits(sqlite3 *sql)
{
    static const struct {
        int limit;
        int value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, STORE_QUERY_VALUE_MAX},
        {SQLITE_LIMIT_SQL_LENGTH, STORE_QUERY_TEXT_MAX},
        {SQLITE_LIMIT_COLUMN, 200},
        {SQLITE_LIMIT_EXPR_DEPTH, 100},
        {SQLITE_LIMIT_COMPOUND_SELECT, 20},
        {SQLITE_LIMIT_VDBE_OP, 25000},
        {SQLITE_LIMIT_FUNCTION_ARG, 20},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 128}, /* × a value's length: its time */
        {SQLITE_LIMIT_VARIABLE_NUMBER, 0},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 0},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        sqlite3_limit(sql, limits[i].limit, limits[i].value);
}

int query_guard_install(struct query_guard *guard, sqlite3 *sql)
{
    sqlite3_db_config(sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    set_limits(sql);
    sqlite3_progress_handler(sql, PROGRESS_STEPS, progress, guard);
    int result = add_functions(sql);
    if (result == SQLITE_OK)
        result = sqlite3_set_authorizer(sql, authorize, guard);
    return result;
}
