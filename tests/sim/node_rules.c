/* SPDX-License-Identifier: Apache-2.0 */
/* Setting rules at the node, and finding them after a start. */
#include "tests/sim/node.h"
#include "tests/sim/peek.h"
#include "tests/sim/tap.h"

#include "broker/access.h"
#include "broker/broker.h"
#include "broker/policy.h"
#include "broker/vhost.h"
#include "storage/store.h"

#include <limits.h>

#define VHOST "/"

static struct policy policy_of(const struct policy_spec *spec)
{
    return (struct policy){
        .vhost = slice_str(VHOST),
        .name = slice_str(spec->name),
        .of_operator = spec->of_operator,
        .pattern = slice_str(spec->names->pattern),
        .apply_to = slice_str(spec->apply_to),
        .priority = spec->priority,
        .definition = spec->definition,
    };
}

static void set_policy(struct node *node, const struct policy_spec *spec, bool on)
{
    struct policy policy = policy_of(spec);
    struct buf wrong = BUF_INIT;
    if (!policy_check(&policy, &wrong))
        model_fail(node->model, "policy %s is refused: %s", spec->name, buf_cstr(&wrong));
    buf_fini(&wrong);
    if (on)
        CHECK(policy_set(node->broker->policies, &policy, NULL) == ERR_OK);
    else
        policy_clear(node->broker->policies, &policy);
}

static struct user *second_user(const struct node *node)
{
    return access_find(node->broker->access, slice_str(WORLD_SECOND_USER));
}

static void set_permission(struct node *node, const struct permission_spec *spec)
{
    char message[200];
    if (!spec->configure) {
        access_clear_permission(node->broker->access, slice_str(WORLD_SECOND_USER),
                                slice_str(VHOST));
        return;
    }
    CHECK(access_set_permission(node->broker->access, slice_str(WORLD_SECOND_USER),
                                slice_str(VHOST), slice_str(spec->configure->pattern),
                                slice_str(spec->write->pattern), slice_str(spec->read->pattern),
                                message, sizeof message) == ERR_OK);
}

static void set_user_limit(struct node *node, const char *name, int64_t value)
{
    access_set_user_limit(node->broker->access, second_user(node), slice_str(name), value);
}

static void set_topic(struct node *node, const struct rule_spec *rule, unsigned state)
{
    const struct topic_spec *spec = &rule->topics[state];
    struct access *access = node->broker->access;
    struct slice user = slice_str(WORLD_SECOND_USER);
    struct slice exchange = slice_str(rule->exchange);
    char message[200];
    if (state == 0)
        access_clear_topic_permission(access, user, slice_str(VHOST), exchange);
    else
        CHECK(access_set_topic_permission(
                  access, user, slice_str(VHOST), exchange, slice_str(spec->write->pattern),
                  slice_str(spec->read->pattern), message, sizeof message) == ERR_OK);
}

static bool concerns_user(const struct rule_spec *rule)
{
    return rule->kind == RULE_PERMISSION || rule->kind == RULE_TOPIC ||
           rule->kind == RULE_USER_CONNECTIONS || rule->kind == RULE_USER_CHANNELS;
}

static void apply(struct node *node, const struct rule_spec *rule, unsigned state);

/* Who comes back gets what it had. */
static void set_user(struct node *node, const struct user_spec *spec)
{
    struct access *access = node->broker->access;
    struct slice name = slice_str(WORLD_SECOND_USER);
    bool known = second_user(node) != NULL;
    if (!spec->password) {
        access_delete_user(access, name);
        return;
    }
    access_set_user(access, name, slice_str(spec->password), slice_str(spec->tags));
    for (unsigned i = 0; i < node->world->rule_count && !known; i++)
        if (concerns_user(&node->world->rules[i]))
            apply(node, &node->world->rules[i], node->model->rules[i].state);
}

/* Of a user who is not there nothing can be set. */
static void apply(struct node *node, const struct rule_spec *rule, unsigned state)
{
    if (concerns_user(rule) && !second_user(node))
        return;
    struct vhost *vhost = vhost_find(node->broker, slice_str(VHOST));
    switch (rule->kind) {
    case RULE_POLICY:
        set_policy(node, &rule->policy, state);
        break;
    case RULE_USER:
        set_user(node, &rule->users[state]);
        break;
    case RULE_PERMISSION:
        set_permission(node, &rule->permissions[state]);
        break;
    case RULE_TOPIC:
        set_topic(node, rule, state);
        break;
    case RULE_VHOST_QUEUES:
        vhost_set_limit(vhost, slice_str("max-queues"), rule->values[state]);
        break;
    case RULE_VHOST_CONNECTIONS:
        vhost_set_limit(vhost, slice_str("max-connections"), rule->values[state]);
        break;
    case RULE_USER_CONNECTIONS:
        set_user_limit(node, "max-connections", rule->values[state]);
        break;
    case RULE_USER_CHANNELS:
        set_user_limit(node, "max-channels", rule->values[state]);
        break;
    }
}

void node_set_rule(struct node *node, unsigned index, unsigned state)
{
    const struct rule_spec *rule = &node->world->rules[index];
    apply(node, rule, state);
    if (rule->kind != RULE_USER) {
        model_set_rule(node->model, index, state);
        return;
    }
    tap_all(node);
    model_set_rule(node->model, index, state);
    if (!rule->users[state].password)
        model_user_deleted(node->model);
    model_phase_end(node->model);
}

/* -- after a start -- */

struct found_permission {
    const struct rule_spec *rule;
    unsigned state;
    bool any;
};

static void note_permission(void *context, const struct permission_row *row)
{
    struct found_permission *found = context;
    if (!slice_equal_str(row->user, WORLD_SECOND_USER))
        return;
    found->any = true;
    for (unsigned i = 0; i < found->rule->states; i++) {
        const struct permission_spec *spec = &found->rule->permissions[i];
        if (spec->configure && slice_equal_str(row->configure, spec->configure->pattern) &&
            slice_equal_str(row->write, spec->write->pattern) &&
            slice_equal_str(row->read, spec->read->pattern))
            found->state |= 1u << i;
    }
}

static unsigned found_permissions(const struct node *node, const struct rule_spec *rule)
{
    struct found_permission found = {.rule = rule};
    access_each_permission(node->broker->access, note_permission, &found);
    for (unsigned i = 0; i < rule->states && !found.any; i++)
        found.state |= (unsigned)!rule->permissions[i].configure << i;
    return found.state;
}

static void note_topic(void *context, const struct topic_permission_row *row)
{
    struct found_permission *found = context;
    found->any = true;
    for (unsigned i = 1; i < found->rule->states; i++) {
        const struct topic_spec *spec = &found->rule->topics[i];
        if (slice_equal_str(row->user, WORLD_SECOND_USER) &&
            slice_equal_str(row->exchange, found->rule->exchange) &&
            slice_equal_str(row->write, spec->write->pattern) &&
            slice_equal_str(row->read, spec->read->pattern))
            found->state |= 1u << i;
    }
}

static unsigned found_topics(const struct node *node, const struct rule_spec *rule)
{
    struct found_permission found = {.rule = rule};
    access_each_topic_permission(node->broker->access, note_topic, &found);
    return found.any ? found.state : 1;
}

static unsigned found_users(const struct node *node, const struct rule_spec *rule)
{
    const struct user *user = second_user(node);
    unsigned states = 0;
    for (unsigned i = 0; i < rule->states; i++) {
        const struct user_spec *spec = &rule->users[i];
        bool same = user && spec->password && !strcmp(user->tags, spec->tags) &&
                    access_login(node->broker->access, slice_str(WORLD_SECOND_USER),
                                 slice_str(spec->password));
        states |= (unsigned)(user ? same : !spec->password) << i;
    }
    return states;
}

static bool has_policy(const struct node *node, const struct policy_spec *spec)
{
    struct policy policy = policy_of(spec);
    return policy_find(node->broker->policies, &policy) != NULL;
}

/* The states that look like what is there: two permissions may be alike. */
static unsigned found_states(const struct node *node, const struct rule_spec *rule)
{
    const struct vhost *vhost = vhost_find(node->broker, slice_str(VHOST));
    int64_t value = 0;
    if (concerns_user(rule) && !second_user(node))
        return UINT_MAX; /* whatever it is, it holds for nobody */
    if (rule->kind == RULE_POLICY)
        return has_policy(node, &rule->policy) ? 2 : 1;
    if (rule->kind == RULE_USER)
        return found_users(node, rule);
    if (rule->kind == RULE_PERMISSION)
        return found_permissions(node, rule);
    if (rule->kind == RULE_TOPIC)
        return found_topics(node, rule);
    if (rule->kind == RULE_VHOST_QUEUES)
        value = vhost->queues_max;
    else if (rule->kind == RULE_VHOST_CONNECTIONS)
        value = vhost->connections_max;
    else if (rule->kind == RULE_USER_CONNECTIONS)
        value = second_user(node)->connections_max;
    else
        value = second_user(node)->channels_max;
    unsigned states = 0;
    for (unsigned i = 0; i < rule->states; i++)
        states |= (unsigned)(rule->values[i] == value) << i;
    return states;
}

static void make_second_user(struct node *node)
{
    struct rule_spec open = {.kind = RULE_PERMISSION};
    for (unsigned i = 0; i < node->world->rule_count; i++)
        if (node->world->rules[i].kind == RULE_PERMISSION)
            open = node->world->rules[i];
    if (second_user(node))
        return;
    access_set_user(node->broker->access, slice_str(WORLD_SECOND_USER),
                    slice_str(WORLD_SECOND_USER), slice_str(""));
    set_permission(node, &open.permissions[0]);
}

void node_find_rules(struct node *node)
{
    if (node->world->second_user && node->lives == 0)
        make_second_user(node);
    for (unsigned i = 0; i < node->world->rule_count; i++) {
        unsigned possible = node->model->rules[i].possible;
        unsigned found = found_states(node, &node->world->rules[i]);
        unsigned state = node->model->rules[i].state;
        for (unsigned j = 0; j < RULE_STATES_MAX && !((found & possible) >> state & 1); j++)
            state = j;
        model_find_rule(node->model, i, found & possible ? state : RULE_STATES_MAX);
    }
    if (!second_user(node) && peek_rights(node, WORLD_SECOND_USER) > 0)
        model_fail(node->model, "the user's rights are on the disk still");
}

bool node_rules_durable(const struct node *node)
{
    const struct store_db *db = store_node(node->store);
    return store_durable(db) == store_last(db);
}
