/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules a world has. */
#include "tests/sim/world.h"

#include "proto/table.h"

#define CHANCE(percent) world_percent(world, percent)
#define BELOW(bound) ((unsigned)world_below(world, bound))

static const struct name_rule all_names = {".*", COVER_ALL, ""};
static const struct name_rule name_rules[] = {
    {".*", COVER_ALL, ""},        {"", COVER_NONE, ""},      {"^q", COVER_PREFIX, "q"},
    {"^x", COVER_PREFIX, "x"},    {"0$", COVER_SUFFIX, "0"}, {"amq", COVER_CONTAINS, "amq"},
    {"[1]", COVER_CONTAINS, "1"},
};

bool name_rule_covers(const struct name_rule *rule, const char *name)
{
    size_t len = strlen(rule->text);
    size_t size = strlen(name);
    switch (rule->cover) {
    case COVER_ALL:
        return true;
    case COVER_NONE: /* the empty pattern means "no name" in a permission */
        return *name == '\0';
    case COVER_PREFIX:
        return size >= len && memcmp(name, rule->text, len) == 0;
    case COVER_SUFFIX:
        return size >= len && memcmp(name + size - len, rule->text, len) == 0;
    case COVER_CONTAINS:
        return strstr(name, rule->text) != NULL;
    }
    UNREACHABLE();
}

/* Of routing keys. */
static const struct name_rule key_rules[] = {
    {".*", COVER_ALL, ""},
    {"", COVER_NONE, ""},
    {"^a", COVER_PREFIX, "a"},
    {"b$", COVER_SUFFIX, "b"},
    {"[.]", COVER_CONTAINS, "."},
    {"^({username}|b)", COVER_PREFIX, "b"}, /* no key begins with the name */
};

static const struct name_rule *any_names(struct world *world)
{
    return &name_rules[BELOW(ARRAY_LEN(name_rules))];
}

/* -- policies -- */

static const struct {
    const char *name;
    bool classic, quorum, exchanges;
} targets[] = {
    {"all", true, true, true},
    {"queues", true, true, false},
    {"classic_queues", true, false, false},
    {"quorum_queues", false, true, false},
    {"exchanges", false, false, true},
};

static void choose_limits(struct world *world, struct settings *settings, bool expiring)
{
    bool limits = !world->unlimited;
    if (CHANCE(40) && limits)
        settings->length_max = BELOW(6);
    if (CHANCE(20) && limits)
        settings->bytes_max = BELOW(400);
    if (CHANCE(30) && expiring)
        settings->ttl_ms = 10 * BELOW(40);
    if (CHANCE(15))
        settings->expires_ms = 100 + BELOW(2000);
    if (CHANCE(15))
        settings->delivery_limit = BELOW(4);
}

static void choose_rest(struct world *world, struct policy_spec *policy)
{
    struct settings *settings = &policy->settings;
    if (CHANCE(30)) {
        settings->has_overflow = true;
        settings->overflow = BELOW(3);
    }
    if (CHANCE(40))
        settings->dead_exchange = world->exchanges[BELOW(world->exchange_count)].name;
    if (CHANCE(30))
        settings->dead_key =
            CHANCE(50) ? world->queues[BELOW(world->queue_count)].name : world_key(world);
    if (CHANCE(40) && world->exchange_count > 1)
        policy->alternate = world->exchanges[1 + BELOW(world->exchange_count - 1)].name;
}

static void add_number(struct buf *table, const char *name, int64_t value)
{
    if (value >= 0)
        table_add_int64(table, name, value);
}

static void add_text(struct buf *table, const char *name, const char *text)
{
    if (text)
        table_add_str(table, name, slice_str(text));
}

static void write_definition(struct world *world, struct policy_spec *policy)
{
    static const char *const overflows[] = {"drop-head", "reject-publish", "reject-publish-dlx"};
    const struct settings *settings = &policy->settings;
    struct buf table = BUF_INIT;
    add_number(&table, "message-ttl", settings->ttl_ms);
    add_number(&table, "expires", settings->expires_ms);
    add_number(&table, "max-length", settings->length_max);
    add_number(&table, "max-length-bytes", settings->bytes_max);
    add_number(&table, "delivery-limit", settings->delivery_limit);
    add_text(&table, "dead-letter-exchange", settings->dead_exchange);
    add_text(&table, "dead-letter-routing-key", settings->dead_key);
    add_text(&table, "alternate-exchange", policy->alternate);
    if (settings->has_overflow)
        add_text(&table, "overflow", overflows[settings->overflow]);
    policy->definition = arena_copy(&world->arena, buf_slice(&table));
    buf_fini(&table);
}

static void make_policy(struct world *world, struct rule_spec *rule, unsigned number)
{
    struct policy_spec *policy = &rule->policy;
    unsigned target = BELOW(ARRAY_LEN(targets));
    rule->kind = RULE_POLICY;
    rule->states = 2;
    policy->name = arena_printf(&world->arena, "p%u", number);
    policy->of_operator = CHANCE(35);
    policy->names = CHANCE(40) ? &all_names : any_names(world);
    /* The empty pattern of a policy covers all. */
    if (policy->names->cover == COVER_NONE)
        policy->names = &all_names;
    policy->apply_to = targets[target].name;
    policy->priority = BELOW(3);
    policy->settings = (struct settings){-1, -1, -1, -1, -1, false, SPEC_DROP_HEAD, NULL, NULL};
    choose_limits(world, &policy->settings, world->queue_memory == 0);
    if (!policy->of_operator)
        choose_rest(world, policy);
    write_definition(world, policy);
    if (policy->definition.len == 0) {
        if (world->unlimited)
            policy->settings.expires_ms = 1000;
        else
            policy->settings.length_max = 3;
        write_definition(world, policy);
    }
    policy->classic = targets[target].classic && policy->settings.delivery_limit < 0;
    policy->quorum = targets[target].quorum;
    policy->exchanges = targets[target].exchanges;
}

/* -- users, permissions and limits -- */

static const struct user_spec users[] = {
    {WORLD_SECOND_USER, ""},
    {WORLD_OTHER_PASSWORD, ""},
    {WORLD_SECOND_USER, "impersonator"},
    {NULL, NULL},
};

static void make_user(struct rule_spec *rule)
{
    rule->kind = RULE_USER;
    rule->states = ARRAY_LEN(users);
    rule->users = users;
}

static const struct name_rule *any_keys(struct world *world)
{
    return &key_rules[BELOW(ARRAY_LEN(key_rules))];
}

/* NULL: the world has none. */
static const char *topic_exchange(struct world *world)
{
    for (unsigned i = 0; i < world->exchange_count; i++)
        if (world->exchanges[i].kind == KIND_TOPIC)
            return world->exchanges[i].name;
    return NULL;
}

static void make_topic(struct world *world, struct rule_spec *rule, const char *exchange)
{
    rule->kind = RULE_TOPIC;
    rule->exchange = exchange;
    rule->states = 2 + BELOW(RULE_STATES_MAX - 2);
    for (unsigned i = 1; i < rule->states; i++)
        rule->topics[i] = (struct topic_spec){any_keys(world), any_keys(world)};
}

static void make_permission(struct world *world, struct rule_spec *rule)
{
    rule->kind = RULE_PERMISSION;
    rule->states = 2 + BELOW(RULE_STATES_MAX - 2);
    rule->permissions[0] = (struct permission_spec){&all_names, &all_names, &all_names};
    for (unsigned i = 1; i < rule->states; i++)
        rule->permissions[i] = (struct permission_spec){CHANCE(50) ? &all_names : any_names(world),
                                                        CHANCE(50) ? &all_names : any_names(world),
                                                        CHANCE(50) ? &all_names : any_names(world)};
    if (CHANCE(30))
        rule->permissions[rule->states - 1] = (struct permission_spec){NULL, NULL, NULL};
}

static void make_limit(struct world *world, struct rule_spec *rule, enum rule_kind kind)
{
    rule->kind = kind;
    rule->states = 2 + BELOW(2);
    rule->values[0] = -1;
    for (unsigned i = 1; i < rule->states; i++)
        rule->values[i] = BELOW(4);
}

static struct rule_spec *new_rule(struct world *world)
{
    CHECK(world->rule_count < RULES_MAX);
    return &world->rules[world->rule_count++];
}

void world_make_rules(struct world *world)
{
    unsigned policies = CHANCE(35) ? 1 + BELOW(4) : 0;
    for (unsigned i = 0; i < policies; i++)
        make_policy(world, new_rule(world), i);
    world->second_user = CHANCE(35);
    if (world->second_user && CHANCE(50))
        make_user(new_rule(world));
    if (world->second_user)
        make_permission(world, new_rule(world));
    const char *topic = topic_exchange(world);
    if (world->second_user && topic && CHANCE(70))
        make_topic(world, new_rule(world), topic);
    if (CHANCE(15))
        make_limit(world, new_rule(world), RULE_VHOST_QUEUES);
    if (CHANCE(15))
        make_limit(world, new_rule(world), RULE_VHOST_CONNECTIONS);
    if (world->second_user && CHANCE(30))
        make_limit(world, new_rule(world), RULE_USER_CONNECTIONS);
    if (world->second_user && CHANCE(30))
        make_limit(world, new_rule(world), RULE_USER_CHANNELS);
    world->rule_permille = world->rule_count ? 5 + BELOW(60) : 0;
}
