/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing. */
#include "tools/perf_producer.h"

#include "base/mem.h"

#define NS 1000000000

static uint64_t power_of_two(uint64_t least)
{
    uint64_t size = 1;
    while (size < least)
        size *= 2;
    return size;
}

static void on_due(struct perf_timer *timer, int64_t now_ns)
{
    struct perf_producer *producer = CONTAINER_OF(timer, struct perf_producer, due);
    (void)now_ns;
    perf_link_wake(producer->link);
}

static uint32_t priorities_of(const struct perf_options *options)
{
    return options->priorities ? (uint32_t)options->priorities : 1;
}

/* Its keys' streams, the priorities of a key side by side. */
static void make_streams(struct perf_producer *producer)
{
    const struct perf_plan *plan = &producer->run->plan;
    uint32_t priorities = priorities_of(plan->options);
    uint32_t keys = perf_plan_producer_keys(plan, producer->index);
    producer->streams = keys * priorities;
    producer->stream_sent = mem_zalloc(producer->streams * sizeof(*producer->stream_sent));
    producer->stream_template = mem_alloc(producer->streams * sizeof(*producer->stream_template));
    for (uint32_t i = 0; i < producer->streams; i++)
        producer->stream_template[i] =
            perf_plan_producer_key(plan, producer->index, i / priorities) * priorities +
            i % priorities;
}

void perf_producer_init(struct perf_producer *producer, struct perf_run *run,
                        struct perf_link *link, struct perf_channel *channel, uint32_t index,
                        uint32_t stream_first)
{
    *producer = (struct perf_producer){.run = run,
                                       .link = link,
                                       .channel = channel,
                                       .index = index,
                                       .stream_first = stream_first,
                                       .random = index * 0x9E3779B97F4A7C15u + 1,
                                       .next_tag = 1,
                                       .oldest = 1};
    perf_timer_init(&producer->due, on_due);
    make_streams(producer);
    if (run->options->confirm) {
        uint64_t size = power_of_two(run->options->confirm * 2);
        producer->times = mem_zalloc(size * sizeof(*producer->times));
        producer->times_mask = size - 1;
    }
}

void perf_producer_fini(struct perf_producer *producer)
{
    perf_timer_clear(&producer->run->loop, &producer->due);
    mem_free(producer->stream_sent);
    mem_free(producer->stream_template);
    mem_free(producer->times);
}

void perf_producer_select(struct perf_producer *producer)
{
    const struct perf_options *o = producer->run->options;
    struct method method = {.kind = o->confirm ? METHOD_CONFIRM_SELECT : METHOD_TX_SELECT};
    producer->selected = !o->confirm && !o->tx_size;
    if (!producer->selected)
        perf_link_send(producer->link, producer->channel->number, &method);
}

/* Producers with a rate begin one after the other, so that their messages are spread evenly. */
void perf_producer_start(struct perf_producer *producer, const struct perf_templates *templates)
{
    const struct perf_run *run = producer->run;
    producer->templates = templates;
    producer->rate_began_ns = run->started_ns;
    if (run->options->rate)
        producer->rate_began_ns +=
            (int64_t)(NS / run->options->rate) * producer->index / (int64_t)run->plan.producers;
    perf_link_wake(producer->link);
}

/* ---- how much may be published ---- */

static bool is_finished(const struct perf_producer *producer)
{
    uint64_t target = producer->run->options->producer_messages;
    return producer->run->stopping || (target && producer->sent >= target);
}

/* Messages that are due by the rate; when none is, sets the timer. */
static uint64_t due_now(struct perf_producer *producer)
{
    uint64_t rate = producer->run->options->rate;
    if (rate == 0)
        return UINT64_MAX;
    int64_t passed = producer->run->loop.now_ns - producer->rate_began_ns;
    uint64_t due = 0;
    if (passed >= 0)
        due = (uint64_t)passed / NS * rate + (uint64_t)passed % NS * rate / NS + 1;
    if (due > producer->sent)
        return due - producer->sent;
    int64_t next = (int64_t)(producer->sent / rate * NS + producer->sent % rate * NS / rate);
    perf_timer_set(&producer->run->loop, &producer->due, producer->rate_began_ns + next + 1);
    return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t allowance(struct perf_producer *producer)
{
    const struct perf_options *o = producer->run->options;
    uint64_t most = UINT64_MAX;
    if (!producer->templates || is_finished(producer) || producer->commit_sent_ns)
        return 0;
    if (o->producer_messages)
        most = o->producer_messages - producer->sent;
    if (o->confirm) {
        most = least(most, o->confirm - producer->unconfirmed);
        most = least(most, producer->times_mask + 1 - (producer->next_tag - producer->oldest));
    }
    if (o->tx_size)
        most = least(most, o->tx_size - producer->in_transaction);
    return most ? least(most, due_now(producer)) : 0;
}

/* ---- publishing ---- */

static uint64_t next_random(struct perf_producer *producer)
{
    producer->random ^= producer->random << 13;
    producer->random ^= producer->random >> 7;
    producer->random ^= producer->random << 17;
    return producer->random >> 11;
}

static uint32_t next_stream(struct perf_producer *producer)
{
    if (producer->streams == 1)
        return 0;
    if (producer->run->options->random_key)
        return (uint32_t)(next_random(producer) % producer->streams);
    uint32_t stream = producer->turn++;
    if (producer->turn == producer->streams)
        producer->turn = 0;
    return stream;
}

static void publish(struct perf_producer *producer, int64_t now_ns)
{
    uint32_t stream = next_stream(producer);
    struct perf_stamp stamp = {.run = producer->run->ledger.run,
                               .stream = producer->stream_first + stream,
                               .sequence = producer->stream_sent[stream]++,
                               .time_ns = (uint64_t)now_ns};
    perf_template_add(producer->templates, producer->stream_template[stream],
                      producer->channel->number, &stamp, &producer->link->out);
    if (producer->times) {
        producer->times[producer->next_tag++ & producer->times_mask] = (uint64_t)now_ns;
        producer->unconfirmed++;
    }
}

static void commit(struct perf_producer *producer, int64_t now_ns)
{
    struct method method = {.kind = METHOD_TX_COMMIT};
    perf_link_send(producer->link, producer->channel->number, &method);
    producer->commit_sent_ns = now_ns;
}

void perf_producer_fill(struct perf_producer *producer)
{
    struct perf_run *run = producer->run;
    int64_t now_ns = perf_clock_ns();
    uint64_t most = allowance(producer);
    uint64_t count = 0;
    while (count < most && outq_len(&producer->link->out) < PERF_FILL_BELOW) {
        publish(producer, now_ns);
        count++;
    }
    producer->sent += count;
    run->counts.published += count;
    if (count)
        run->published_ns = now_ns;
    if (!run->options->tx_size || producer->commit_sent_ns)
        return;
    producer->in_transaction += count;
    if (producer->in_transaction == run->options->tx_size ||
        (producer->in_transaction && is_finished(producer)))
        commit(producer, now_ns);
}

/* ---- answers ---- */

static void confirm_one(struct perf_producer *producer, uint64_t tag, bool positive)
{
    struct perf_run *run = producer->run;
    uint64_t *time = &producer->times[tag & producer->times_mask];
    if (*time == 0)
        return;
    perf_histogram_add(&run->confirm, (uint64_t)run->loop.now_ns - *time, 1);
    *time = 0;
    producer->unconfirmed--;
    if (positive)
        run->counts.confirmed++;
    else
        run->counts.refused++;
}

void perf_producer_confirm(struct perf_producer *producer, uint64_t tag, bool multiple,
                           bool positive)
{
    uint64_t last = multiple && tag == 0 ? producer->next_tag - 1 : tag;
    if (!producer->times || last < producer->oldest || last >= producer->next_tag) {
        perf_loop_fail(&producer->run->loop, "a confirm for %llu, which is not outstanding",
                       (unsigned long long)tag);
        return;
    }
    for (uint64_t i = multiple ? producer->oldest : last; i <= last; i++)
        confirm_one(producer, i, positive);
    while (producer->oldest < producer->next_tag &&
           producer->times[producer->oldest & producer->times_mask] == 0)
        producer->oldest++;
}

void perf_producer_method(struct perf_producer *producer, const struct method *method)
{
    struct perf_run *run = producer->run;
    if (method->kind == METHOD_TX_COMMIT_OK && producer->commit_sent_ns) {
        uint64_t time = (uint64_t)(run->loop.now_ns - producer->commit_sent_ns);
        perf_histogram_add(&run->confirm, time, 1);
        run->counts.confirmed += producer->in_transaction;
        producer->in_transaction = 0;
        producer->commit_sent_ns = 0;
    } else if (method->kind == METHOD_CONFIRM_SELECT_OK || method->kind == METHOD_TX_SELECT_OK) {
        producer->selected = true;
    }
}

bool perf_producer_done(const struct perf_producer *producer)
{
    return is_finished(producer) && producer->unconfirmed == 0 && producer->in_transaction == 0;
}
