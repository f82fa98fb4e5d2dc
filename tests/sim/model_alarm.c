/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms: who is held, and who has to be told of it. */
#include "tests/sim/model.h"

void model_set_alarm(struct model *model, enum m_alarm alarm, bool on)
{
    static const char *const names[] = {"memory", "disk", "store"};
    if (model->alarms[alarm] == on)
        return;
    model->alarms[alarm] = on;
    trace_line(model->trace, "alarm: %s %s", names[alarm], on ? "on" : "off");
}

bool model_alarmed(const struct model *model)
{
    return model->alarms[M_ALARM_MEMORY] || model->alarms[M_ALARM_DISK] ||
           model->alarms[M_ALARM_STORE];
}

static const char *reason(const struct model *model)
{
    bool disk = model->alarms[M_ALARM_DISK] || model->alarms[M_ALARM_STORE];
    if (!model->alarms[M_ALARM_MEMORY])
        return "low on disk";
    return disk ? "low on memory & disk" : "low on memory";
}

/* connection.blocked or connection.unblocked was sent. */
void model_told(struct model *model, struct m_connection *connection, const struct m_frame *frame)
{
    bool blocked = frame->method.kind == METHOD_CONNECTION_BLOCKED;
    const char *name = blocked ? "blocked" : "unblocked";
    if (!connection->understands_blocked)
        model_fail(model, "client %u: %s, which it does not understand", connection->client, name);
    if (!connection->may_publish)
        model_fail(model, "client %u: %s, though it never published", connection->client, name);
    if (connection->told_blocked == blocked || model_alarmed(model) != blocked)
        model_fail(model, "client %u: %s, which is not so", connection->client, name);
    if (blocked && !slice_equal_str(frame->method.connection_blocked.reason, reason(model)))
        model_fail(model, "client %u: blocked for a wrong reason: %.*s", connection->client,
                   SLICE_FMT(frame->method.connection_blocked.reason));
    connection->told_blocked = blocked;
}

bool model_held(const struct model *model, const struct m_connection *connection)
{
    return connection->published && connection->state == M_OPEN && model_alarmed(model);
}

void model_check_told(struct model *model)
{
    for (size_t i = 0; i < model->connections.count; i++) {
        const struct m_connection *connection = model->connections.at[i];
        if (connection->published && connection->understands_blocked &&
            connection->state == M_OPEN && connection->told_blocked != model_alarmed(model))
            model_fail(model, "client %u: is not told that it is %s", connection->client,
                       connection->told_blocked ? "free again" : "held");
    }
}
