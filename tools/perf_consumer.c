/* SPDX-License-Identifier: Apache-2.0 */
/* Consuming. */
#include "tools/perf_consumer.h"

#include "proto/basic.h"
#include "tools/perf_publish.h"

void perf_consumer_init(struct perf_consumer *consumer, struct perf_run *run,
                        struct perf_link *link, struct perf_channel *channel, uint32_t index)
{
    *consumer = (struct perf_consumer){
        .run = run, .link = link, .channel = channel, .index = index, .answers_due = 1};
    consumer->queues = perf_share_count(run->plan.queues, run->plan.consumers, index);
}

static void send_qos(struct perf_consumer *consumer, uint64_t count, bool global)
{
    struct method method = {.kind = METHOD_BASIC_QOS,
                            .basic_qos = {.prefetch_count = (uint16_t)count, .global = global}};
    if (count == 0)
        return;
    perf_link_send(consumer->link, consumer->channel->number, &method);
    consumer->answers_due++;
}

static uint32_t queue_of(const struct perf_consumer *consumer, uint32_t i)
{
    const struct perf_plan *plan = &consumer->run->plan;
    return perf_share(plan->queues, plan->consumers, consumer->index, i);
}

static void send_consume(struct perf_consumer *consumer, uint32_t i)
{
    const struct perf_run *run = consumer->run;
    char name[PERF_NAME_SIZE];
    char tag[16];
    struct buf arguments = BUF_INIT;
    perf_plan_queue_name(&run->plan, queue_of(consumer, i), name);
    snprintf(tag, sizeof(tag), "%u", i);
    perf_pairs_add(&arguments, run->options->consumer_args);
    struct method method = {.kind = METHOD_BASIC_CONSUME,
                            .basic_consume = {.queue = slice_str(name),
                                              .consumer_tag = slice_str(tag),
                                              .no_ack = run->options->auto_ack,
                                              .arguments = buf_slice(&arguments)}};
    perf_link_send(consumer->link, consumer->channel->number, &method);
    consumer->answers_due++;
    buf_fini(&arguments);
}

void perf_consumer_start(struct perf_consumer *consumer)
{
    consumer->answers_due = 0;
    send_qos(consumer, consumer->run->options->prefetch, false);
    send_qos(consumer, consumer->run->options->channel_prefetch, true);
    for (uint32_t i = 0; i < consumer->queues; i++)
        send_consume(consumer, i);
    perf_link_wake(consumer->link);
}

void perf_consumer_method(struct perf_consumer *consumer, const struct method *method)
{
    if (method->kind == METHOD_BASIC_QOS_OK || method->kind == METHOD_BASIC_CONSUME_OK)
        consumer->answers_due--;
    else if (method->kind == METHOD_BASIC_CANCEL)
        perf_loop_fail(&consumer->run->loop, "the server cancelled a consumer");
}

bool perf_consumer_done(const struct perf_consumer *consumer)
{
    uint64_t target = consumer->run->options->consumer_messages;
    return target && consumer->received >= target;
}

static void ack(struct perf_consumer *consumer, uint64_t tag, bool multiple)
{
    uint8_t *out = outq_reserve(&consumer->link->out, BASIC_ACK_FRAME_SIZE);
    basic_ack_write(out, consumer->channel->number, tag, multiple);
    outq_commit(&consumer->link->out, BASIC_ACK_FRAME_SIZE);
    consumer->unacked = 0;
}

void perf_consumer_flush(struct perf_consumer *consumer)
{
    if (consumer->unacked == 0)
        return;
    ack(consumer, consumer->last_tag, true);
    perf_link_wake(consumer->link);
}

static void note(struct perf_consumer *consumer)
{
    struct perf_run *run = consumer->run;
    const struct perf_channel *channel = consumer->channel;
    struct perf_stamp stamp;
    if (!perf_stamp_read(&stamp, channel->head, channel->head_len)) {
        run->ledger.received++;
        run->ledger.foreign += run->options->size >= PERF_STAMP_SEQUENCE_SIZE;
        return;
    }
    uint32_t queue = queue_of(consumer, channel->consumer);
    struct perf_receipt receipt = {.queue = queue,
                                   .consumer = consumer->index,
                                   .shared = perf_plan_queue_consumers(&run->plan, queue) > 1,
                                   .redelivered = channel->redelivered};
    perf_ledger_note(&run->ledger, &receipt, &stamp);
    if (channel->head_len >= PERF_STAMP_SIZE)
        perf_run_latency(run, perf_stamp_age(&stamp, run->loop.now_ns));
}

void perf_consumer_message(struct perf_consumer *consumer)
{
    struct perf_run *run = consumer->run;
    const struct perf_options *o = run->options;
    if (perf_consumer_done(consumer))
        return;
    consumer->received++;
    run->counts.delivered++;
    run->delivered_ns = run->loop.now_ns;
    note(consumer);
    if (o->auto_ack)
        return;
    consumer->last_tag = consumer->channel->tag;
    consumer->unacked++;
    if (o->ack_every <= 1)
        ack(consumer, consumer->last_tag, false);
    else if (consumer->unacked == o->ack_every || perf_consumer_done(consumer))
        ack(consumer, consumer->last_tag, true);
}
