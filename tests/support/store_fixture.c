/* SPDX-License-Identifier: Apache-2.0 */
/* Opening stores in tests, and printing what they hold. */
#include "tests/support/store_fixture.h"

#include <inttypes.h>

static void release(void *owner)
{
    struct store_owner *released = owner;
    if (released)
        released->released++;
}

static void count_line(void *context, enum log_level level, const char *line, size_t len)
{
    struct store_fixture *fixture = context;
    (void)level;
    (void)line;
    CHECK(len > 0);
    fixture->log_lines++;
}

void store_fixture_init(struct store_fixture *fixture, const char *vfs)
{
    *fixture = (struct store_fixture){
        .options = {.directory = vfs ? "/data" : NULL,
                    .vfs = vfs,
                    .manual = true,
                    .release = release,
                    .pending_bytes_max = 1 << 20},
        .log = {.level = LOG_DEBUG, .write = count_line},
    };
}

enum err store_fixture_open(struct store_fixture *fixture)
{
    fixture->log.context = fixture;
    fixture->options.log = &fixture->log;
    enum err error =
        store_open(&fixture->store, &fixture->options, fixture->message, sizeof(fixture->message));
    if (error != ERR_OK)
        return error;
    fixture->node = store_node(fixture->store);
    error = store_vhost_open(fixture->store, slice_str("/"), &fixture->vhost, fixture->message,
                             sizeof(fixture->message));
    if (error != ERR_OK)
        store_fixture_close(fixture);
    return error;
}

void store_fixture_close(struct store_fixture *fixture)
{
    store_close(fixture->store);
    fixture->store = NULL;
}

void store_fixture_crash(struct store_fixture *fixture)
{
    store_crash(fixture->store);
    fixture->store = NULL;
}

void store_fixture_settle(struct store_fixture *fixture)
{
    bool changed = true;
    while (changed) {
        store_flush(fixture->node);
        store_flush(fixture->vhost);
        store_write(fixture->node);
        store_write(fixture->vhost);
        store_collect(fixture->store);
        changed = (store_durable(fixture->vhost) < store_last(fixture->vhost) &&
                   store_status(fixture->vhost, NULL) == ERR_OK) ||
                  (store_durable(fixture->node) < store_last(fixture->node) &&
                   store_status(fixture->node, NULL) == ERR_OK);
    }
}

uint64_t store_fixture_put(struct store_fixture *fixture, uint32_t lane, uint64_t position,
                           struct store_owner *owner)
{
    static const char body[] = "the quick brown fox jumps over the lazy dog";
    struct store_message message = {
        .lane = lane,
        .position = position,
        .exchange = slice_str(position % 3 == 0 ? "" : "amq.topic"),
        .routing_key = slice_str(position % 5 == 0 ? "" : "stock.usd.nyse"),
        .properties = slice_of("\x10\x00\x02", 3),
        .body = slice_of(body, position % sizeof(body)),
        .expires_at_ms = position % 4 == 0 ? 1700000000000 + (int64_t)position : 0,
        .delivery_count = position % 7 == 0 ? 2 : 0,
        .redelivered = position % 7 == 0,
    };
    return store_message_put(fixture->vhost, &message, owner);
}

/* -- the content as text -- */

struct dump {
    struct store_fixture *fixture;
    struct buf *out;
    uint32_t lanes[64];
    size_t lane_count;
};

static void add_bytes(struct buf *out, struct slice bytes)
{
    buf_add_u8(out, '\'');
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] >= 0x20 && bytes.data[i] < 0x7f)
            buf_add_u8(out, bytes.data[i]);
        else
            buf_printf(out, "\\x%02x", bytes.data[i]);
    buf_add_u8(out, '\'');
}

static void dump_record(void *context, const struct store_record *record)
{
    struct dump *dump = context;
    buf_printf(dump->out, "record %u", record->kind);
    for (size_t i = 0; i < STORE_COLUMNS_MAX; i++) {
        buf_printf(dump->out, " %" PRId64 " ", record->values[i].integer);
        add_bytes(dump->out, record->values[i].bytes);
    }
    buf_add_str(dump->out, "\n");
}

static void dump_lane(void *context, const struct store_lane *lane)
{
    struct dump *dump = context;
    buf_printf(dump->out, "lane %u %.*s priority=%u delivered=%" PRIu64 " next=%" PRIu64, lane->id,
               SLICE_FMT(lane->queue), lane->priority, lane->delivered_upto, lane->position_next);
    buf_printf(dump->out, " messages=%" PRIu64 " bytes=%" PRIu64 "\n", lane->messages, lane->bytes);
    CHECK(dump->lane_count < ARRAY_LEN(dump->lanes));
    dump->lanes[dump->lane_count++] = lane->id;
}

static void dump_message(void *context, const struct store_message *message)
{
    struct dump *dump = context;
    buf_printf(dump->out, "message %u/%" PRIu64 " ", message->lane, message->position);
    add_bytes(dump->out, message->exchange);
    add_bytes(dump->out, message->routing_key);
    add_bytes(dump->out, message->properties);
    add_bytes(dump->out, message->body);
    buf_printf(dump->out, " expires=%" PRId64 " count=%u redelivered=%d\n", message->expires_at_ms,
               message->delivery_count, message->redelivered);
}

void store_fixture_dump(struct store_fixture *fixture, struct buf *out)
{
    static const enum store_record_kind kinds[] = {STORE_EXCHANGE, STORE_QUEUE, STORE_BINDING};
    struct dump dump = {.fixture = fixture, .out = out};
    buf_clear(out);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        CHECK(store_load(fixture->vhost, kinds[i], dump_record, &dump) == ERR_OK);
    CHECK(store_load_lanes(fixture->vhost, dump_lane, &dump) == ERR_OK);
    for (size_t i = 0; i < dump.lane_count; i++)
        CHECK(store_load_messages(fixture->vhost, dump.lanes[i], dump_message, &dump) == ERR_OK);
}
