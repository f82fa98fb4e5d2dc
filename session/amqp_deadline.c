/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines: one timer serves whatever the state has to wait for, and the heartbeats while running;
 * a second one does, in the next turn, what a callback of the broker may not.
 *
 * Heartbeats as in RabbitMQ: the sending side looks every half interval and beats if nothing was
 * sent since; the receiving side looks every whole interval and gives up at the second silence in
 * a row. While the connection is not read from, silence is not the client's; but if that is because it
 * does not read either, it must be seen to take something.
 */
#include "broker/broker.h"
#include "session/amqp.h"

#include <inttypes.h>

#define SILENT_LOOKS_MAX 2

static struct timers *timers_of(struct amqp_connection *amqp)
{
    return &amqp->base.broker->timers;
}

/* Not listened to for what waits to be written: it takes some of it, or is not offered any (the disk's
 * fault, not its own). */
static bool takes_output(const struct amqp_connection *amqp)
{
    return amqp->output.drained != amqp->looked_drained || outq_ready(&amqp->output) == 0;
}

static void look(struct amqp_connection *amqp)
{
    bool alive =
        amqp->received || connection_paused(&amqp->base) || (amqp->unread && takes_output(amqp));
    amqp->received = false;
    amqp->looked_drained = amqp->output.drained;
    amqp->silent_looks = alive ? 0 : (uint8_t)(amqp->silent_looks + 1);
    if (amqp->silent_looks < SILENT_LOOKS_MAX)
        return;
    log_warning(amqp->base.broker->log, "missed heartbeats from client",
                "conn=%" PRIu64 " timeout=%u", amqp->base.id, amqp->heartbeat_s);
    /* It is freed at the end of the turn: what it were given until then would come back as delivered. */
    connection_stop_deliveries(&amqp->base);
    amqp_set_state(amqp, AMQP_ABORTED);
}

static void beat(struct amqp_connection *amqp)
{
    struct outq *output = &amqp->output;
    if (output->added == amqp->beat_added && outq_len(output) == 0)
        amqp_send_bytes(amqp, FRAME_HEARTBEAT_BYTES, FRAME_OVERHEAD);
    amqp->beat_added = output->added;
    amqp->beat_odd = !amqp->beat_odd;
    if (!amqp->beat_odd)
        look(amqp);
}

static int64_t beat_interval_ms(const struct amqp_connection *amqp)
{
    return (int64_t)amqp->heartbeat_s * 1000 / 2;
}

/* The client's heartbeat interval, if it is short, also bounds how long it may take to agree to the
 * end. */
static int64_t closing_ms(const struct amqp_connection *amqp)
{
    int64_t interval = (int64_t)amqp->heartbeat_s * 1000;
    if (amqp->deaf)
        return AMQP_PENALTY_MS;
    return interval > 0 && interval < AMQP_CLOSING_MS ? interval : AMQP_CLOSING_MS;
}

static void run_deadline(struct timer *timer, int64_t now_ms)
{
    struct amqp_connection *amqp = CONTAINER_OF(timer, struct amqp_connection, deadline);
    switch (amqp->state) {
    case AMQP_RUNNING:
        timer_set(timers_of(amqp), timer, now_ms + beat_interval_ms(amqp));
        beat(amqp);
        break;
    case AMQP_REFUSED:
        amqp_set_state(amqp, AMQP_DONE);
        break;
    case AMQP_PREFACE:
    case AMQP_STARTING:
    case AMQP_SECURING:
    case AMQP_TUNING:
    case AMQP_OPENING:
        log_warning(amqp->base.broker->log, "handshake timeout", "conn=%" PRIu64 " state=%s",
                    amqp->base.id, amqp_state_name(amqp->state));
        amqp_set_state(amqp, AMQP_ABORTED);
        break;
    case AMQP_CLOSING:
    case AMQP_DONE:
        amqp_set_state(amqp, AMQP_ABORTED);
        break;
    case AMQP_ABORTED:
    case AMQP_STATE_COUNT:
        break;
    }
}

static void run_deferred(struct timer *timer, int64_t now_ms)
{
    struct amqp_connection *amqp = CONTAINER_OF(timer, struct amqp_connection, deferred);
    (void)now_ms;
    LIST_EACH(&amqp->base.channels, node) {
        struct amqp_channel *channel =
            CONTAINER_OF(node, struct amqp_channel, base.connection_link);
        if (channel->state == AMQP_CHANNEL_CLOSING)
            amqp_channel_end(channel);
    }
}

void amqp_deadline_init(struct amqp_connection *amqp)
{
    timer_init(&amqp->deadline, run_deadline);
    timer_init(&amqp->deferred, run_deferred);
}

void amqp_deadline_set(struct amqp_connection *amqp)
{
    int64_t now_ms = amqp->base.broker->now_ms;
    struct timers *timers = timers_of(amqp);
    switch (amqp->state) {
    case AMQP_PREFACE:
        timer_set(timers, &amqp->deadline,
                  now_ms + amqp->base.broker->options.handshake_timeout_ms);
        break;
    case AMQP_SECURING:
        timer_clear(timers, &amqp->deadline); /* it waits for us */
        break;
    case AMQP_STARTING:
    case AMQP_TUNING:
    case AMQP_OPENING:
        if (!timer_is_set(&amqp->deadline)) /* the handshake as a whole has one */
            timer_set(timers, &amqp->deadline,
                      now_ms + amqp->base.broker->options.handshake_timeout_ms);
        break;
    case AMQP_RUNNING:
        timer_clear(timers, &amqp->deadline);
        amqp->beat_added = amqp->output.added;
        if (amqp->heartbeat_s)
            timer_set(timers, &amqp->deadline, now_ms + beat_interval_ms(amqp));
        break;
    case AMQP_CLOSING:
        timer_set(timers, &amqp->deadline, now_ms + closing_ms(amqp));
        break;
    case AMQP_REFUSED:
        timer_set(timers, &amqp->deadline, now_ms + AMQP_PENALTY_MS);
        break;
    case AMQP_DONE:
        timer_set(timers, &amqp->deadline, now_ms + AMQP_FLUSH_MS);
        break;
    case AMQP_ABORTED:
    case AMQP_STATE_COUNT:
        timer_clear(timers, &amqp->deadline);
        break;
    }
}

void amqp_defer(struct amqp_connection *amqp)
{
    timer_set(timers_of(amqp), &amqp->deferred, amqp->base.broker->now_ms);
}

void amqp_deadline_fini(struct amqp_connection *amqp)
{
    timer_clear(timers_of(amqp), &amqp->deadline);
    timer_clear(timers_of(amqp), &amqp->deferred);
}
