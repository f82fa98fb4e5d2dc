/* SPDX-License-Identifier: Apache-2.0 */
/* The tables and views of the two kinds of database, and the SQL that follows from records.def.
 *
 * (1) Tables are STRICT; records' tables are WITHOUT ROWID, so that a lookup by key is one descent.
 * (2) What is NULL in `messages` is the usual case: no exchange (the default one), no expiry, never
 *     delivered. A NULL costs one byte, so the usual row is little more than its properties and body.
 * (3) The index `expiring` has the messages that expire, lane by lane, in the order in which they do:
 *     finding those that are due takes no walk over the others. It is empty where nothing expires.
 * (4) `body` is the last column: reading any other never touches its overflow pages.
 */
#include "storage/schema.h"

static const struct schema_record records[] = {
#define COLUMN(type, name) {SCHEMA_##type, #name},
#define RECORD(kind, table, database, key_count, ...)                                              \
    [STORE_##kind] = {#table, SCHEMA_##database, key_count, {__VA_ARGS__}},
#include "storage/records.def"
#undef RECORD
#undef COLUMN
};

struct schema_object {
    const char *name;
    const char *sql;
};

static const struct schema_object common_objects[] = {
    {"meta", "CREATE TABLE meta (\n"
             "    name TEXT NOT NULL PRIMARY KEY,\n"
             "    value TEXT NOT NULL\n"
             ") STRICT, WITHOUT ROWID"},
};

static const struct schema_object vhost_objects[] = {
    {"lanes", "CREATE TABLE lanes (\n"
              "    id INTEGER PRIMARY KEY,\n"
              "    queue TEXT NOT NULL,\n"
              "    priority INTEGER NOT NULL,\n"
              "    delivered_upto INTEGER NOT NULL,\n"
              "    position_next INTEGER NOT NULL,\n"
              "    messages INTEGER NOT NULL,\n"
              "    bytes INTEGER NOT NULL\n"
              ") STRICT"},
    {"messages", "CREATE TABLE messages (\n"
                 "    id INTEGER PRIMARY KEY, -- lane << 43 | position\n"
                 "    exchange TEXT,\n"
                 "    routing_key TEXT,\n"
                 "    expires_at INTEGER, -- Unix time in milliseconds\n"
                 "    delivery_count INTEGER,\n"
                 "    redelivered INTEGER,\n"
                 "    properties BLOB,\n"
                 "    body BLOB\n"
                 ") STRICT"},
    {"expiring", "CREATE INDEX expiring ON messages (id >> 43, expires_at)\n"
                 "WHERE expires_at IS NOT NULL"},
    {"message_list",
     "CREATE VIEW message_list AS\n"
     "SELECT lanes.queue, lanes.priority, messages.id & 0x7ffffffffff AS position,\n"
     "    ifnull(messages.exchange, '') AS exchange,\n"
     "    ifnull(messages.routing_key, '') AS routing_key,\n"
     "    ifnull(length(messages.properties), 0) AS property_bytes,\n"
     "    ifnull(length(messages.body), 0) AS body_bytes,\n"
     "    strftime('%Y-%m-%d %H:%M:%f', messages.expires_at / 1000.0, 'unixepoch') AS expires_at,\n"
     "    ifnull(messages.delivery_count, 0) AS delivery_count,\n"
     "    messages.redelivered IS NOT NULL\n"
     "        OR (messages.id & 0x7ffffffffff) < lanes.delivered_upto AS redelivered,\n"
     "    messages.id, messages.body\n"
     "FROM lanes JOIN messages ON messages.id BETWEEN lanes.id << 43\n"
     "    AND (lanes.id << 43) + 0x7ffffffffff"},
    {"queue_list",
     "CREATE VIEW queue_list AS\n"
     "SELECT queues.name, queues.type, queues.auto_delete, queues.arguments_json AS arguments,\n"
     "    ifnull(sum(lanes.messages), 0) AS messages, ifnull(sum(lanes.bytes), 0) AS bytes\n"
     "FROM queues LEFT JOIN lanes ON lanes.queue = queues.name\n"
     "GROUP BY queues.name"},
    {"binding_list",
     "CREATE VIEW binding_list AS\n"
     "SELECT source, destination, destination_type, routing_key, arguments_json AS arguments\n"
     "FROM bindings"},
};

const struct schema_record *schema_record(enum store_record_kind kind)
{
    CHECK(kind < STORE_RECORD_KINDS);
    return &records[kind];
}

size_t schema_column_count(const struct schema_record *record)
{
    size_t count = 0;
    while (count < STORE_COLUMNS_MAX && record->columns[count].name)
        count++;
    return count;
}

const char *schema_database_name(enum schema_database database)
{
    return database == SCHEMA_NODE ? "node" : "vhost";
}

static const char *column_type_name(enum schema_column_type type)
{
    switch (type) {
    case SCHEMA_TEXT:
        return "TEXT";
    case SCHEMA_INTEGER:
        return "INTEGER";
    case SCHEMA_TABLE:
        return "BLOB";
    }
    UNREACHABLE();
}

/* The first `count` columns' names with `separator` between them. */
static void add_names(struct buf *sql, const struct schema_record *record, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(sql, "%s\"%s\"", i ? ", " : "", record->columns[i].name);
}

void schema_record_create_sql(struct buf *sql, const struct schema_record *record)
{
    size_t count = schema_column_count(record);
    buf_clear(sql);
    buf_printf(sql, "CREATE TABLE %s (\n", record->table);
    for (size_t i = 0; i < count; i++)
        buf_printf(sql, "    \"%s\" %s NOT NULL,\n", record->columns[i].name,
                   column_type_name(record->columns[i].type));
    for (size_t i = 0; i < count; i++)
        if (record->columns[i].type == SCHEMA_TABLE)
            buf_printf(sql, "    \"%s_json\" TEXT NOT NULL,\n", record->columns[i].name);
    buf_add_str(sql, "    PRIMARY KEY (");
    add_names(sql, record, record->key_count);
    buf_add_str(sql, ")\n) STRICT, WITHOUT ROWID");
}

void schema_record_put_sql(struct buf *sql, const struct schema_record *record)
{
    size_t count = schema_column_count(record);
    size_t parameters = count;
    buf_clear(sql);
    buf_printf(sql, "INSERT OR REPLACE INTO %s (", record->table);
    add_names(sql, record, count);
    for (size_t i = 0; i < count; i++)
        if (record->columns[i].type == SCHEMA_TABLE) {
            buf_printf(sql, ", \"%s_json\"", record->columns[i].name);
            parameters++;
        }
    buf_add_str(sql, ") VALUES (?");
    for (size_t i = 1; i < parameters; i++)
        buf_add_str(sql, ", ?");
    buf_add_str(sql, ")");
}

void schema_record_remove_sql(struct buf *sql, const struct schema_record *record)
{
    buf_clear(sql);
    buf_printf(sql, "DELETE FROM %s WHERE ", record->table);
    for (size_t i = 0; i < record->key_count; i++)
        buf_printf(sql, "%s\"%s\" = ?", i ? " AND " : "", record->columns[i].name);
}

void schema_record_load_sql(struct buf *sql, const struct schema_record *record)
{
    buf_clear(sql);
    buf_add_str(sql, "SELECT ");
    add_names(sql, record, schema_column_count(record));
    buf_printf(sql, " FROM %s ORDER BY ", record->table);
    add_names(sql, record, record->key_count);
}

static bool each_object(const struct schema_object *objects, size_t count,
                        bool (*each)(void *context, const char *name, const char *sql),
                        void *context)
{
    for (size_t i = 0; i < count; i++)
        if (!each(context, objects[i].name, objects[i].sql))
            return false;
    return true;
}

static bool each_record_table(enum schema_database database,
                              bool (*each)(void *context, const char *name, const char *sql),
                              void *context)
{
    struct buf sql = BUF_INIT;
    bool more = true;
    for (size_t i = 0; more && i < ARRAY_LEN(records); i++) {
        if (records[i].database != database)
            continue;
        schema_record_create_sql(&sql, &records[i]);
        more = each(context, records[i].table, buf_cstr(&sql));
    }
    buf_fini(&sql);
    return more;
}

bool schema_each(enum schema_database database,
                 bool (*each)(void *context, const char *name, const char *sql), void *context)
{
    return each_object(common_objects, ARRAY_LEN(common_objects), each, context) &&
           each_record_table(database, each, context) &&
           (database != SCHEMA_VHOST ||
            each_object(vhost_objects, ARRAY_LEN(vhost_objects), each, context));
}
