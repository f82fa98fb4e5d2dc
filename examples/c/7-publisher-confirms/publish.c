/* SPDX-License-Identifier: Apache-2.0 */
/* Three ways to be sure that the broker has the messages: publish [HOW MANY] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../common.h"

enum { BATCH = 100, WINDOW = 500 };

static void publish_one(amqp_connection_state_t connection, amqp_bytes_t queue, int number)
{
    amqp_basic_properties_t persistent = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
    };
    char text[32];
    (void)snprintf(text, sizeof text, "message %d", number);
    example_check_status(amqp_basic_publish(connection, CHANNEL, amqp_empty_bytes, queue, 0, 0,
                                            &persistent, amqp_cstring_bytes(text)),
                         "publishing");
}

/* Wait for one confirm. */
static amqp_basic_ack_t wait_confirm(amqp_connection_state_t connection)
{
    amqp_frame_t frame;
    amqp_maybe_release_buffers(connection);
    example_check_status(amqp_simple_wait_frame(connection, &frame), "waiting for a confirm");
    if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD) {
        (void)fprintf(stderr, "something else than a confirm came\n");
        exit(EXIT_FAILURE);
    }
    return *(const amqp_basic_ack_t *)frame.payload.method.decoded;
}

static void start_confirms(amqp_connection_state_t connection)
{
    amqp_confirm_select(connection, CHANNEL);
    example_check(amqp_get_rpc_reply(connection), "asking for confirms");
}

/* Wait for each confirm before the next message: simple, and a disk's pace. */
static void one_by_one(amqp_connection_state_t connection, amqp_bytes_t queue, int count)
{
    start_confirms(connection);
    for (int i = 0; i < count; i++) {
        publish_one(connection, queue, i);
        (void)wait_confirm(connection);
    }
}

/* A hundred at a time: all of a batch are there, or none. */
static void in_transactions(amqp_connection_state_t connection, amqp_bytes_t queue, int count)
{
    amqp_tx_select(connection, CHANNEL);
    example_check(amqp_get_rpc_reply(connection), "starting transactions");
    for (int i = 0; i < count; i++) {
        publish_one(connection, queue, i);
        if ((i + 1) % BATCH == 0 || i + 1 == count) {
            amqp_tx_commit(connection, CHANNEL);
            example_check(amqp_get_rpc_reply(connection), "committing");
        }
    }
}

struct ledger {
    bool *confirmed; /* by number, from 1; the one past the last is never set */
    uint64_t lowest; /* the first that is not */
    int open;        /* published and not confirmed */
};

/* Note what a confirm settles: one message, or all up to it. */
static void settle(struct ledger *ledger, amqp_basic_ack_t ack)
{
    uint64_t from = ack.multiple ? ledger->lowest : ack.delivery_tag;
    for (uint64_t tag = from; tag <= ack.delivery_tag; tag++) {
        ledger->open -= !ledger->confirmed[tag];
        ledger->confirmed[tag] = true;
    }
    while (ledger->confirmed[ledger->lowest])
        ledger->lowest++;
}

/* Publish on and tick off the confirms as they arrive: as safe as the first, and fast. Confirms may come
   for several messages at once and out of order, so each message is ticked off by its number. */
static void as_they_come(amqp_connection_state_t connection, amqp_bytes_t queue, int count)
{
    struct ledger ledger = {
        .confirmed = calloc((size_t)count + 2, sizeof *ledger.confirmed),
        .lowest = 1,
    };
    if (!ledger.confirmed)
        abort();
    start_confirms(connection);
    for (int i = 0; i < count; i++) {
        publish_one(connection, queue, i);
        ledger.open++;
        while (ledger.open >= WINDOW)
            settle(&ledger, wait_confirm(connection));
    }
    while (ledger.open > 0)
        settle(&ledger, wait_confirm(connection));
    free(ledger.confirmed);
}

static void measure(const char *name, int count,
                    void (*way)(amqp_connection_state_t, amqp_bytes_t, int))
{
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    amqp_connection_state_t connection = example_open();
    amqp_bytes_t queue = example_queue(connection, NULL, false);
    way(connection, queue, count);
    amqp_bytes_free(queue);
    example_close(connection);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double seconds =
        (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
    printf("%s: %d messages in %.2f s\n", name, count, seconds);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1000;
    measure("one by one", count, one_by_one);
    measure("in transactions", count, in_transactions);
    measure("as they come", count, as_they_come);
    return 0;
}
