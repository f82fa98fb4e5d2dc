/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged databases: a small data directory in memory, of which the input changes what is in columns,
 * or bytes of a file. Either the start is refused with a text, or the broker works with what is there:
 * its queues' invariants hold, their messages can be taken, and it ends cleanly.
 *
 * The input is a row of changes: a byte that says where, one with the length, and the bytes. Where: a
 * column (in all its rows, or those with one remainder of their number), whose new value is an integer,
 * a text, a blob or NULL by the first byte; or the node's file or the virtual host's, at a place that the
 * first three bytes say.
 */
#include "base/check.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "management/definitions.h"
#include "management/management.h"
#include "storage/store.h"
#include "tests/support/memvfs.h"

#include <sqlite3.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VFS "store-fuzz"
#define NODE_FILE "/bilby/node.db"
#define VHOST_FILE "/bilby/vhost-%2F.db"
#define CHANGES_MAX 16
#define MESSAGES 12
#define WALL_MS INT64_C(1700000000000)

struct node {
    struct store *store;
    struct broker *broker;
};

/* -- a broker on the files -- */

static void end(struct node *node)
{
    broker_stop(node->broker);
    (void)store_close(node->store); /* false: a damaged file took no more writes */
    broker_free(node->broker);
}

static enum err start(struct node *node, char *message, size_t message_size)
{
    struct broker_options options;
    struct store_options store = {
        .directory = "/bilby", .vfs = VFS, .manual = true, .pending_bytes_max = 1 << 30};
    broker_options_init(&options);
    options.queue_memory = 0; /* messages are paged out, and read back */
    broker_store_options(&store);
    enum err error = store_open(&node->store, &store, message, message_size);
    if (error != ERR_OK)
        return error;
    node->broker = broker_new(&options, node->store);
    broker_set_time(node->broker, 0, WALL_MS);
    error = broker_start(node->broker, message, message_size);
    if (error != ERR_OK) {
        store_crash(node->store);
        broker_free(node->broker);
    }
    return error;
}

static void turn(struct node *node)
{
    struct broker *broker = node->broker;
    store_write(store_node(node->store));
    LIST_EACH(&broker->vhost_list, link) {
        struct vhost *vhost = CONTAINER_OF(link, struct vhost, broker_link);
        store_write(vhost->db);
        store_read(vhost->db);
        HMAP_EACH(&vhost->queues, queue)
            queue_assert(CONTAINER_OF(queue, struct queue, node));
    }
    broker_collect(broker);
    broker_run_timers(broker);
    broker_dispatch(broker);
    broker_settle(broker);
}

/* Asks as guest, whoever that is by now: what is answered isn't looked at. */
static void ask(struct node *node, const char *method, const char *target, const char *body)
{
    static const struct management_host nobody;
    struct management *management = management_new(node->broker, "9.9.9", &nobody);
    struct http_request request = {
        .method = method,
        .path = slice_str(target),
        .authorization = slice_str("Basic Z3Vlc3Q6Z3Vlc3Q="),
        .body = slice_str(body),
        .peer_address = "127.0.0.1",
        .loopback = true,
    };
    struct http_response response;
    http_response_init(&response);
    struct call *call = management_begin(management, &request, &response);
    /* A page that can't be read is asked for again and again: so many turns are enough. */
    for (unsigned i = 0; i < 64 && !management_work(call, MANAGEMENT_WORK); i++)
        turn(node);
    management_end(call);
    turn(node);
    http_response_fini(&response);
    management_free(management);
}

/* -- the directory before the damage -- */

static const char definitions[] =
    "{\"users\":[{\"name\":\"ann\",\"password\":\"x\",\"tags\":\"monitoring\"}],"
    "\"permissions\":[{\"user\":\"ann\",\"vhost\":\"/"
    "\",\"configure\":\"^a\",\"write\":\"\",\"read\":\".*\"}],"
    "\"policies\":[{\"vhost\":\"/"
    "\",\"name\":\"p\",\"pattern\":\"^q\",\"definition\":{\"max-length\":50}}],"
    "\"parameters\":[{\"component\":\"c\",\"vhost\":\"/\",\"name\":\"n\",\"value\":{\"a\":[1]}}],"
    "\"exchanges\":[{\"name\":\"x\",\"vhost\":\"/\",\"type\":\"topic\",\"durable\":true,"
    "\"auto_delete\":false,\"internal\":false,\"arguments\":{}}],"
    "\"queues\":[{\"name\":\"q\",\"vhost\":\"/\",\"durable\":true,\"auto_delete\":false,"
    "\"arguments\":{\"x-max-priority\":2,\"x-message-ttl\":600000,\"x-dead-letter-exchange\":\"x\"}"
    "},"
    "{\"name\":\"r\",\"vhost\":\"/\",\"durable\":true,\"auto_delete\":false,"
    "\"arguments\":{\"x-queue-type\":\"quorum\"}}],"
    "\"bindings\":[{\"source\":\"x\",\"vhost\":\"/\",\"destination\":\"q\","
    "\"destination_type\":\"queue\",\"routing_key\":\"a.#\",\"arguments\":{}},"
    "{\"source\":\"amq.headers\",\"vhost\":\"/"
    "\",\"destination\":\"r\",\"destination_type\":\"queue\","
    "\"routing_key\":\"\",\"arguments\":{\"x-match\":\"any\",\"k\":1}}]}";

static void publish(struct node *node, unsigned number)
{
    char body[256];
    snprintf(body, sizeof(body),
             "{\"routing_key\":\"%s\",\"payload\":\"message %u\",\"payload_encoding\":\"string\","
             "\"properties\":{\"delivery_mode\":2,\"priority\":%u,\"headers\":{\"k\":%u}}}",
             number & 1 ? "q" : "r", number, number % 3, number);
    ask(node, "POST", "/api/exchanges/%2F/amq.default/publish", body);
}

static struct buf copy_of(struct memvfs *disk, const char *path)
{
    struct buf copy = BUF_INIT;
    buf_add_slice(&copy, memvfs_read(disk, path));
    CHECK(copy.len > 0);
    return copy;
}

struct files {
    struct buf node, vhost;
};

static struct files make_files(void)
{
    struct memvfs *disk = memvfs_new(VFS);
    struct node node = {0};
    char message[512] = "";
    CHECK(start(&node, message, sizeof(message)) == ERR_OK);
    CHECK(definitions_import_text(node.broker, NULL, slice_str(definitions), message,
                                  sizeof(message)) == ERR_OK);
    turn(&node);
    for (unsigned i = 0; i < MESSAGES; i++)
        publish(&node, i);
    CHECK(queue_find(vhost_find(node.broker, slice_str("/")), slice_str("q"))->ready_count > 0);
    end(&node);
    struct files files = {copy_of(disk, NODE_FILE), copy_of(disk, VHOST_FILE)};
    memvfs_free(disk);
    return files;
}

/* -- the damage -- */

static const struct {
    const char *file;
    const char *table;
    const char *column;
} columns[] = {
    {VHOST_FILE, "queues", "name"},
    {VHOST_FILE, "queues", "type"},
    {VHOST_FILE, "queues", "auto_delete"},
    {VHOST_FILE, "queues", "arguments"},
    {VHOST_FILE, "exchanges", "name"},
    {VHOST_FILE, "exchanges", "type"},
    {VHOST_FILE, "exchanges", "arguments"},
    {VHOST_FILE, "bindings", "source"},
    {VHOST_FILE, "bindings", "destination"},
    {VHOST_FILE, "bindings", "destination_type"},
    {VHOST_FILE, "bindings", "routing_key"},
    {VHOST_FILE, "bindings", "arguments"},
    {VHOST_FILE, "lanes", "id"},
    {VHOST_FILE, "lanes", "queue"},
    {VHOST_FILE, "lanes", "priority"},
    {VHOST_FILE, "lanes", "delivered_upto"},
    {VHOST_FILE, "lanes", "position_next"},
    {VHOST_FILE, "lanes", "messages"},
    {VHOST_FILE, "lanes", "bytes"},
    {VHOST_FILE, "messages", "id"},
    {VHOST_FILE, "messages", "exchange"},
    {VHOST_FILE, "messages", "routing_key"},
    {VHOST_FILE, "messages", "expires_at"},
    {VHOST_FILE, "messages", "delivery_count"},
    {VHOST_FILE, "messages", "redelivered"},
    {VHOST_FILE, "messages", "properties"},
    {VHOST_FILE, "messages", "body"},
    {VHOST_FILE, "meta", "value"},
    {NODE_FILE, "vhosts", "name"},
    {NODE_FILE, "vhosts", "metadata"},
    {NODE_FILE, "vhosts", "default_queue_type"},
    {NODE_FILE, "users", "name"},
    {NODE_FILE, "users", "password_hash"},
    {NODE_FILE, "users", "hashing_algorithm"},
    {NODE_FILE, "users", "tags"},
    {NODE_FILE, "users", "limits"},
    {NODE_FILE, "permissions", "vhost"},
    {NODE_FILE, "permissions", "configure"},
    {NODE_FILE, "parameters", "component"},
    {NODE_FILE, "parameters", "value"},
    {NODE_FILE, "policies", "pattern"},
    {NODE_FILE, "policies", "apply_to"},
    {NODE_FILE, "policies", "priority"},
    {NODE_FILE, "policies", "definition"},
};
#define POKE_VHOST 254
#define POKE_NODE 255

static void bind_value(sqlite3_stmt *statement, struct slice bytes)
{
    struct slice rest = bytes.len ? slice_of(bytes.data + 1, bytes.len - 1) : bytes;
    int64_t integer = 0;
    switch (bytes.len ? bytes.data[0] & 3 : 3) {
    case 0:
        for (size_t i = 0; i < rest.len && i < 8; i++)
            integer = (int64_t)((uint64_t)integer << 8 | rest.data[i]);
        sqlite3_bind_int64(statement, 1, integer);
        break;
    case 1:
        sqlite3_bind_text(statement, 1, rest.len ? (const char *)rest.data : "", (int)rest.len,
                          SQLITE_TRANSIENT);
        break;
    case 2:
        sqlite3_bind_blob(statement, 1, rest.len ? (const void *)rest.data : "", (int)rest.len,
                          SQLITE_TRANSIENT);
        break;
    default:
        sqlite3_bind_null(statement, 1);
    }
}

/* What SQLite refuses (a wrong type, a second row with the same key) isn't changed. */
static void set_column(size_t which, struct slice bytes)
{
    char sql[160];
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    snprintf(sql, sizeof(sql), "UPDATE OR IGNORE %s SET %s = ?1", columns[which].table,
             columns[which].column);
    if (bytes.len && bytes.data[0] & 0x80) /* else all of them */
        snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql),
                 " WHERE length(%s) %% 2 = %d OR typeof(%s) = 'integer' AND %s %% 2 = %d",
                 columns[which].column, bytes.data[0] >> 2 & 1, columns[which].column,
                 columns[which].column, bytes.data[0] >> 2 & 1);
    int result = sqlite3_open_v2(columns[which].file, &database, SQLITE_OPEN_READWRITE, VFS);
    if (result == SQLITE_OK)
        result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        bind_value(statement, bytes);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    sqlite3_close(database);
}

static void poke(struct memvfs *disk, const char *path, struct slice bytes)
{
    struct buf file = copy_of(disk, path);
    if (bytes.len > 3) {
        size_t at = (size_t)(bytes.data[0] << 16 | bytes.data[1] << 8 | bytes.data[2]) % file.len;
        size_t len = bytes.len - 3 < file.len - at ? bytes.len - 3 : file.len - at;
        memcpy(file.data + at, bytes.data + 3, len);
        memvfs_write(disk, path, buf_slice(&file));
    }
    buf_fini(&file);
}

static void change(struct memvfs *disk, uint8_t where, struct slice bytes)
{
    if (where == POKE_VHOST)
        poke(disk, VHOST_FILE, bytes);
    else if (where == POKE_NODE)
        poke(disk, NODE_FILE, bytes);
    else
        set_column(where % ARRAY_LEN(columns), bytes);
}

static void apply(struct memvfs *disk, struct slice input)
{
    for (size_t i = 0; i < CHANGES_MAX && input.len >= 2; i++) {
        size_t len = input.data[1] < input.len - 2 ? input.data[1] : input.len - 2;
        change(disk, input.data[0], slice_of(input.data + 2, len));
        input = slice_of(input.data + 2 + len, input.len - 2 - len);
    }
}

/* -- the start after it -- */

static void use(struct node *node)
{
    static const char take[] =
        "{\"count\":100,\"ackmode\":\"ack_requeue_false\",\"encoding\":\"auto\"}";
    turn(node);
    ask(node, "GET", "/api/definitions", "");
    ask(node, "GET", "/api/queues", "");
    publish(node, 0);
    publish(node, 1);
    ask(node, "POST", "/api/queues/%2F/q/get", take);
    ask(node, "POST", "/api/queues/%2F/r/get", take);
    broker_set_time(node->broker, 1000000, WALL_MS + 1000000); /* what is left expires */
    for (unsigned i = 0; i < 8; i++)
        turn(node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct files files;
    struct node node = {0};
    char message[512] = "";
    if (!files.node.len)
        files = make_files();
    struct memvfs *disk = memvfs_new(VFS);
    memvfs_write(disk, NODE_FILE, buf_slice(&files.node));
    memvfs_write(disk, VHOST_FILE, buf_slice(&files.vhost));
    apply(disk, slice_of(data, size));
    if (start(&node, message, sizeof(message)) == ERR_OK) {
        use(&node);
        end(&node);
    } else {
        CHECK(message[0]);
    }
    memvfs_free(disk);
    return 0;
}
