/* SPDX-License-Identifier: Apache-2.0 */
/* Policies, permissions and limits in the model: which policy applies, what comes of it, who may what. */
#include "tests/sim/model.h"
#include "tests/sim/node.h"

/* -- which policies apply -- */

static bool precedes(const struct policy_spec *a, const struct policy_spec *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return strcmp(a->name, b->name) < 0;
}

static bool concerns_queue(const struct policy_spec *policy, const struct queue_spec *queue)
{
    return (queue->quorum ? policy->quorum : policy->classic) &&
           name_rule_covers(policy->names, queue->name);
}

static bool concerns_exchange(const struct policy_spec *policy,
                              const struct exchange_spec *exchange)
{
    return policy->exchanges && name_rule_covers(policy->names, exchange->name);
}

/* Of users' or of operators' policies the one that applies to the queue, or to the exchange. */
static const struct policy_spec *applies(const struct model *model, const struct queue_spec *queue,
                                         const struct exchange_spec *exchange, bool of_operator)
{
    const struct policy_spec *best = NULL;
    for (unsigned i = 0; i < model->world->rule_count; i++) {
        const struct rule_spec *rule = &model->world->rules[i];
        const struct policy_spec *policy = &rule->policy;
        if (rule->kind != RULE_POLICY || !model->rules[i].state ||
            policy->of_operator != of_operator ||
            !(queue ? concerns_queue(policy, queue) : concerns_exchange(policy, exchange)))
            continue;
        if (!best || precedes(policy, best))
            best = policy;
    }
    return best;
}

/* -- what comes of them -- */

static void tighten(int64_t *limit, int64_t other)
{
    if (other >= 0 && (*limit < 0 || other < *limit))
        *limit = other;
}

static void add_policy(struct settings *settings, const struct policy_spec *policy)
{
    const struct settings *more = &policy->settings;
    tighten(&settings->ttl_ms, more->ttl_ms);
    tighten(&settings->expires_ms, more->expires_ms);
    tighten(&settings->length_max, more->length_max);
    tighten(&settings->bytes_max, more->bytes_max);
    tighten(&settings->delivery_limit, more->delivery_limit);
    if (!settings->has_overflow && more->has_overflow)
        settings->overflow = more->overflow;
    settings->has_overflow = settings->has_overflow || more->has_overflow;
    if (!settings->dead_exchange)
        settings->dead_exchange = more->dead_exchange;
    if (!settings->dead_key)
        settings->dead_key = more->dead_key;
}

void model_settle_queue(const struct model *model, struct m_queue *queue)
{
    queue->settings = queue->spec->settings;
    queue->policy = applies(model, queue->spec, NULL, false);
    queue->operator_policy = applies(model, queue->spec, NULL, true);
    if (queue->policy)
        add_policy(&queue->settings, queue->policy);
    if (queue->operator_policy)
        add_policy(&queue->settings, queue->operator_policy);
}

const char *model_alternate(const struct model *model, const struct m_exchange *exchange)
{
    const struct policy_spec *policy = applies(model, NULL, exchange->spec, false);
    if (*exchange->spec->name == '\0')
        return NULL; /* the default exchange has none, whatever a policy says */
    if (exchange->spec->alternate)
        return exchange->spec->alternate;
    return policy ? policy->alternate : NULL;
}

static void apply_policy(struct model *model, const struct policy_spec *policy, bool set)
{
    for (size_t i = 0; i < model->queues.count; i++) {
        struct m_queue *queue = model->queues.at[i];
        bool had = queue->policy == policy || queue->operator_policy == policy;
        if (!had && !(set && concerns_queue(policy, queue->spec)))
            continue;
        model_settle_queue(model, queue);
        model_touch(model, queue);
    }
}

void model_set_rule(struct model *model, unsigned index, unsigned state)
{
    const struct rule_spec *rule = &model->world->rules[index];
    model->rules[index].state = state;
    model->rules[index].possible |= 1u << state;
    trace_line(model->trace, "rule %u: state %u", index, state);
    if (rule->kind == RULE_POLICY)
        apply_policy(model, &rule->policy, state);
}

void model_rules_durable(struct model *model)
{
    for (unsigned i = 0; i < model->world->rule_count; i++)
        model->rules[i].possible = 1u << model->rules[i].state;
}

void model_find_rule(struct model *model, unsigned index, unsigned state)
{
    struct m_rule *rule = &model->rules[index];
    if (!(rule->possible >> state & 1))
        model_fail(model, "rule %u: is in state %u after the start, expected %u", index, state,
                   rule->state);
    rule->state = state;
    rule->possible = 1u << state;
}

/* -- permissions and limits -- */

static const struct rule_spec *rule_of(const struct model *model, enum rule_kind kind,
                                       unsigned *state)
{
    for (unsigned i = 0; i < model->world->rule_count; i++)
        if (model->world->rules[i].kind == kind) {
            *state = model->rules[i].state;
            return &model->world->rules[i];
        }
    return NULL;
}

bool model_allows(const struct model *model, const struct m_connection *connection,
                  enum m_right right, const char *name)
{
    unsigned state;
    const struct rule_spec *rule = rule_of(model, RULE_PERMISSION, &state);
    if (!connection->second_user || !rule)
        return true;
    const struct permission_spec *permission = &rule->permissions[state];
    if (!permission->configure)
        return false;
    const struct name_rule *names = right == M_CONFIGURE ? permission->configure
                                    : right == M_WRITE   ? permission->write
                                                         : permission->read;
    return name_rule_covers(names, *name ? name : "amq.default");
}

bool model_allows_topic(const struct model *model, const struct m_connection *connection,
                        enum m_right right, const struct exchange_spec *exchange, const char *key)
{
    unsigned state;
    const struct rule_spec *rule = rule_of(model, RULE_TOPIC, &state);
    if (!connection->second_user || !rule || !state || exchange->kind != KIND_TOPIC ||
        strcmp(rule->exchange, exchange->name) != 0)
        return true;
    const struct topic_spec *topic = &rule->topics[state];
    bool covered = name_rule_covers(right == M_WRITE ? topic->write : topic->read, key);
    if (!covered)
        model_note(model, COVER_TOPIC_REFUSED);
    return covered;
}

const struct user_spec *model_user(const struct model *model)
{
    static const struct user_spec always = {WORLD_SECOND_USER, ""};
    unsigned state;
    const struct rule_spec *rule = rule_of(model, RULE_USER, &state);
    return rule ? &rule->users[state] : &always;
}

bool model_allows_user_id(const struct model *model, const struct m_connection *connection,
                          const char *user_id)
{
    const char *name = connection->second_user ? WORLD_SECOND_USER : "guest";
    return !user_id || !strcmp(user_id, name) ||
           (connection->second_user && !strcmp(model_user(model)->tags, "impersonator"));
}

static struct m_connection *oldest_running(const struct model *model)
{
    struct m_connection *oldest = NULL;
    for (size_t i = 0; i < model->connections.count; i++) {
        struct m_connection *connection = model->connections.at[i];
        if (connection->running && (!oldest || connection->entered < oldest->entered))
            oldest = connection;
    }
    return oldest;
}

/* What was held for a disk that is no longer there may go. */
static void let_go(const struct m_connection *connection)
{
    for (size_t i = 0; i < connection->releases.count; i++) {
        struct m_release *release = connection->releases.at[i];
        release->turn = 0;
        release->confirmed.count = 0;
    }
}

/* Who is given up is not told. */
static void send_away(struct model *model, struct m_connection *connection)
{
    if (connection->aborted)
        model_connection_end(model, connection);
    else if (connection->state == M_OPEN)
        model_end_hard(model, connection, 320);
}

void model_vhost_deleted(struct model *model)
{
    struct m_connection *connection;
    while ((connection = oldest_running(model))) {
        connection->running = false;
        model_note(model, COVER_VHOST_DELETED);
        let_go(connection);
        send_away(model, connection);
    }
}

void model_user_deleted(struct model *model)
{
    for (size_t i = 0; i < model->connections.count; i++) {
        struct m_connection *connection = model->connections.at[i];
        if (!connection->second_user)
            continue;
        connection->second_user = false;
        connection->refused = true;
        model_note(model, COVER_USER_DELETED);
        if (connection->running)
            send_away(model, connection);
        else
            model_connection_end(model, connection);
    }
}

int64_t model_limit(const struct model *model, enum rule_kind kind)
{
    unsigned state;
    const struct rule_spec *rule = rule_of(model, kind, &state);
    return rule ? rule->values[state] : -1;
}

/* Connections that are in the virtual host, of the second user only or of all. */
static int64_t count_connections(const struct model *model, bool second_user)
{
    int64_t count = 0;
    for (size_t i = 0; i < model->connections.count; i++) {
        const struct m_connection *connection = model->connections.at[i];
        count += connection->running && (connection->second_user || !second_user);
    }
    return count;
}

static bool is_full(int64_t limit, int64_t count)
{
    return limit >= 0 && count >= limit;
}

bool model_may_enter(const struct model *model, const struct m_connection *connection)
{
    if (model->realm->state != REALM_THERE)
        return false;
    unsigned state;
    const struct rule_spec *rule = rule_of(model, RULE_PERMISSION, &state);
    if (connection->second_user && rule && !rule->permissions[state].configure)
        return false;
    if (is_full(model_limit(model, RULE_VHOST_CONNECTIONS), count_connections(model, false)))
        return false;
    return !connection->second_user ||
           !is_full(model_limit(model, RULE_USER_CONNECTIONS), count_connections(model, true));
}

bool model_may_open_channel(const struct model *model, const struct m_connection *connection)
{
    int64_t count = 0;
    for (size_t i = 0; i < model->connections.count; i++) {
        const struct m_connection *other = model->connections.at[i];
        for (unsigned j = 1; j <= M_CHANNELS_MAX && other->second_user; j++)
            count += other->channels[j].state == M_OPEN;
    }
    return !connection->second_user || !is_full(model_limit(model, RULE_USER_CHANNELS), count);
}
