/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as they were set, what they match, and telling the objects when that changes.
 *
 * (1) A policy's slices lie in one allocation with it, and stay until no object points at it.
 * (2) Changes are applied in their order, one at a time; what a change replaced stays until it has been
 *     applied, since objects point at it until then.
 * (3) A pattern that takes too long to match counts as one that does not, and is not tried any more when
 *     that happens often: thousands of queues must not wait a millisecond each.
 */
#include "broker/policy.h"

#include "base/hmap.h"
#include "base/list.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/exchange.h"
#include "broker/pattern.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "proto/table.h"
#include "storage/store.h"

#define GAVE_UP_MAX 16 /* times that a pattern may take too long before it is left alone */
/* A turn's share: about half a millisecond. */
#define APPLY_TURN 1024
#define APPLY_WORK 8 /* of which an object takes 1, and one that a change concerns so many more */

struct policies {
    struct broker *broker;
    struct hmap by_vhost; /* struct policy_lists.node */
    struct list vhosts;   /* struct policy_lists.link, in the order of their making */
    size_t count;
    struct list changes;    /* struct change.link, not yet applied, oldest first */
    uint64_t change_number; /* of the latest */
};

/* One that went, one that came; either may be NULL. */
struct change {
    struct list link;
    uint64_t number;
    struct vhost *vhost; /* in its queues, then in its exchanges, it has come so far: */
    bool exchanges;
    uint64_t cursor;
    struct policy_entry *old; /* owned */
    struct policy_entry *new;
};

/* A virtual host's. */
struct policy_lists {
    struct hmap_node node;
    struct list link;
    char *vhost;
    struct list kinds[2]; /* struct policy_entry.link: users', operators' */
};

struct policy_entry {
    struct list link;
    struct policy policy;
    struct pattern *pattern; /* NULL: the database holds one that does not compile */
    unsigned kinds;          /* of objects that it may apply to */
    unsigned gave_up;        /* times that matching took too long */
    uint8_t bytes[];
};

struct policies *policies_new(struct broker *broker)
{
    struct policies *policies = MEM_NEW(struct policies);
    policies->broker = broker;
    list_init(&policies->vhosts);
    list_init(&policies->changes);
    return policies;
}

/* -- entries -- */

/* Copies to `*at`, which moves on. */
static struct slice keep(uint8_t **at, struct slice text)
{
    struct slice kept = slice_of(*at, text.len);
    if (text.len)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return kept;
}

/* The empty pattern matches everything, unlike that of a permission. */
static enum err compile(struct slice source, struct pattern **pattern, char *message, size_t size)
{
    return pattern_new(source.len ? source : slice_str(".*"), pattern, message, size);
}

static struct policy_entry *new_entry(const struct policy *given)
{
    char message[256];
    size_t len = given->vhost.len + given->name.len + given->pattern.len + given->apply_to.len +
                 given->definition.len;
    struct policy_entry *entry = mem_zalloc(sizeof *entry + len);
    uint8_t *at = entry->bytes;
    struct buf sorted = BUF_INIT;
    table_sort(&sorted, given->definition);
    entry->policy = (struct policy){
        .vhost = keep(&at, given->vhost),
        .name = keep(&at, given->name),
        .of_operator = given->of_operator,
        .pattern = keep(&at, given->pattern),
        .apply_to = keep(&at, given->apply_to),
        .priority = given->priority,
        .definition = keep(&at, buf_slice(&sorted)),
    };
    buf_fini(&sorted);
    list_init(&entry->link);
    entry->kinds =
        policy_kinds_named(given->apply_to) & policy_definition_kinds(entry->policy.definition);
    if (compile(given->pattern, &entry->pattern, message, sizeof message) != ERR_OK)
        entry->pattern = NULL;
    return entry;
}

static void free_entry(struct policy_entry *entry)
{
    CHECK(!list_linked(&entry->link));
    pattern_free(entry->pattern);
    mem_free(entry);
}

static bool precedes(const struct policy *a, const struct policy *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return slice_compare(a->name, b->name) < 0;
}

/* -- lists -- */

static uint64_t hash_of(const struct policies *policies, struct slice vhost)
{
    return hmap_hash(vhost, policies->broker->hash_seed);
}

static struct policy_lists *find_lists(const struct policies *policies, struct slice vhost)
{
    struct hmap_node *node = hmap_first(&policies->by_vhost, hash_of(policies, vhost));
    for (; node; node = hmap_next_same(node)) {
        struct policy_lists *lists = CONTAINER_OF(node, struct policy_lists, node);
        if (slice_equal_str(vhost, lists->vhost))
            return lists;
    }
    return NULL;
}

static struct policy_lists *lists_for(struct policies *policies, struct slice vhost)
{
    struct policy_lists *lists = find_lists(policies, vhost);
    if (lists)
        return lists;
    lists = MEM_NEW(struct policy_lists);
    lists->vhost = slice_dup(vhost);
    list_init(&lists->link);
    list_init(&lists->kinds[0]);
    list_init(&lists->kinds[1]);
    hmap_insert(&policies->by_vhost, &lists->node, hash_of(policies, vhost));
    list_push_back(&policies->vhosts, &lists->link);
    return lists;
}

static void enter(struct policies *policies, struct policy_entry *entry)
{
    const struct policy *policy = &entry->policy;
    struct list *head = &lists_for(policies, policy->vhost)->kinds[policy->of_operator];
    struct list *at = head->next;
    while (at != head && precedes(&CONTAINER_OF(at, struct policy_entry, link)->policy, policy))
        at = at->next;
    list_insert_before(&entry->link, at);
    policies->count++;
}

static void leave(struct policies *policies, struct policy_entry *entry)
{
    list_remove(&entry->link);
    policies->count--;
}

static struct policy_entry *find_entry(const struct policies *policies, const struct policy *key)
{
    struct policy_lists *lists = find_lists(policies, key->vhost);
    if (!lists)
        return NULL;
    LIST_EACH(&lists->kinds[key->of_operator], node) {
        struct policy_entry *entry = CONTAINER_OF(node, struct policy_entry, link);
        if (slice_equal(entry->policy.name, key->name))
            return entry;
    }
    return NULL;
}

static void free_lists(struct policies *policies, struct policy_lists *lists)
{
    for (size_t i = 0; i < ARRAY_LEN(lists->kinds); i++) {
        LIST_EACH(&lists->kinds[i], node) {
            struct policy_entry *entry = CONTAINER_OF(node, struct policy_entry, link);
            leave(policies, entry);
            free_entry(entry);
        }
    }
    hmap_remove(&policies->by_vhost, &lists->node);
    list_remove(&lists->link);
    mem_free(lists->vhost);
    mem_free(lists);
}

/* -- what applies -- */

static void note_gave_up(const struct policies *policies, struct policy_entry *entry)
{
    char quoted[300];
    if (++entry->gave_up == GAVE_UP_MAX)
        log_error(policies->broker->log,
                  "a policy's pattern takes too long to match: it matches nothing more", "name=%s",
                  log_quote(quoted, sizeof quoted, entry->policy.name));
}

static bool matches(const struct policies *policies, struct policy_entry *entry, struct slice name,
                    enum policy_kind kind)
{
    if (!(entry->kinds & kind) || !entry->pattern || entry->gave_up >= GAVE_UP_MAX)
        return false;
    enum pattern_result result = pattern_match(entry->pattern, name);
    if (result == PATTERN_GAVE_UP)
        note_gave_up(policies, entry);
    return result == PATTERN_MATCH;
}

static const struct policy *first_match(const struct policies *policies, struct list *entries,
                                        struct slice name, enum policy_kind kind)
{
    LIST_EACH(entries, node) {
        struct policy_entry *entry = CONTAINER_OF(node, struct policy_entry, link);
        if (matches(policies, entry, name, kind))
            return &entry->policy;
    }
    return NULL;
}

void policy_effect_init(struct policy_effect *effect, const struct policies *policies,
                        struct slice vhost, struct slice name, enum policy_kind kind)
{
    struct policy_lists *lists = find_lists(policies, vhost);
    *effect = (struct policy_effect){0};
    if (!lists)
        return;
    effect->policy = first_match(policies, &lists->kinds[0], name, kind);
    effect->operator_policy = first_match(policies, &lists->kinds[1], name, kind);
    policy_definition_merge(
        &effect->definition, effect->policy ? effect->policy->definition : slice_of(NULL, 0),
        effect->operator_policy ? effect->operator_policy->definition : slice_of(NULL, 0));
}

void policy_effect_fini(struct policy_effect *effect)
{
    buf_fini(&effect->definition);
    *effect = (struct policy_effect){0};
}

/* -- applying changes -- */

static void free_change(struct change *change)
{
    list_remove(&change->link);
    if (change->old)
        free_entry(change->old);
    mem_free(change);
}

/* Those of a virtual host, or all. */
static void drop_changes(struct policies *policies, const struct slice *vhost)
{
    LIST_EACH(&policies->changes, node) {
        struct change *change = CONTAINER_OF(node, struct change, link);
        if (!vhost || slice_equal_str(*vhost, change->vhost->name))
            free_change(change);
    }
}

static bool concerns(const struct policies *policies, const struct change *change,
                     const struct policy_effect *effect, struct slice name, enum policy_kind kind)
{
    const struct policy *old = change->old ? &change->old->policy : NULL;
    if (old && (effect->policy == old || effect->operator_policy == old))
        return true;
    return change->new &&matches(policies, change->new, name, kind);
}

/* What it took. */
static unsigned apply_to_queue(const struct policies *policies, const struct change *change,
                               struct queue *queue)
{
    if (!concerns(policies, change, &queue->policies, slice_str(queue->name),
                  queue_policy_kind(queue)))
        return 1;
    queue_apply_policies(queue);
    return 1 + APPLY_WORK;
}

static unsigned apply_to_exchange(const struct policies *policies, const struct change *change,
                                  struct exchange *exchange)
{
    if (!concerns(policies, change, &exchange->policies, slice_str(exchange->name),
                  POLICY_EXCHANGE))
        return 1;
    exchange_apply_policies(exchange);
    return 1 + APPLY_WORK;
}

/* A bucket of the map at which the change is; what it took. Nothing is delivered, dropped or deleted
 * in here: no object comes or goes. */
static unsigned apply_bucket(const struct policies *policies, struct change *change)
{
    struct hmap *map = change->exchanges ? &change->vhost->exchanges : &change->vhost->queues;
    unsigned took = 1;
    for (struct hmap_node *node = hmap_scan(map, change->cursor); node; node = node->next)
        took += change->exchanges
                    ? apply_to_exchange(policies, change, CONTAINER_OF(node, struct exchange, node))
                    : apply_to_queue(policies, change, CONTAINER_OF(node, struct queue, node));
    change->cursor = hmap_scan_next(map, change->cursor);
    return took;
}

/* True when the change is through; else the budget is used up. */
static bool apply_change(const struct policies *policies, struct change *change, unsigned *budget)
{
    for (;;) {
        if (*budget == 0)
            return false;
        unsigned took = apply_bucket(policies, change);
        *budget -= took < *budget ? took : *budget;
        if (change->cursor)
            continue;
        if (change->exchanges)
            return true;
        change->exchanges = true;
    }
}

bool policies_apply(struct policies *policies)
{
    unsigned budget = APPLY_TURN;
    struct change *change;
    while ((change = LIST_FIRST(&policies->changes, struct change, link))) {
        if (!apply_change(policies, change, &budget))
            return true;
        free_change(change);
    }
    return false;
}

uint64_t policies_latest(const struct policies *policies)
{
    return policies->change_number;
}

bool policies_applied(const struct policies *policies, uint64_t number)
{
    const struct change *first = LIST_FIRST(&policies->changes, struct change, link);
    return !first || first->number > number;
}

/* Takes `old`. The first part of it is done at once, so few objects are all done. */
static void add_change(struct policies *policies, struct slice vhost_name, struct policy_entry *old,
                       struct policy_entry *new)
{
    struct change *change = MEM_NEW(struct change);
    *change = (struct change){
        .number = ++policies->change_number,
        .vhost = vhost_find(policies->broker, vhost_name),
        .old = old,
        .new = new,
    };
    list_init(&change->link);
    if (!change->vhost) {
        free_change(change);
        return;
    }
    list_push_back(&policies->changes, &change->link);
    policies_apply(policies);
}

void policies_free(struct policies *policies)
{
    drop_changes(policies, NULL);
    LIST_EACH(&policies->vhosts, node)
        free_lists(policies, CONTAINER_OF(node, struct policy_lists, link));
    CHECK(policies->count == 0);
    hmap_fini(&policies->by_vhost);
    mem_free(policies);
}

/* -- the store -- */

static struct store_value text_value(struct slice text)
{
    return (struct store_value){.bytes = text};
}

static struct store_record record_of(const struct policy *policy)
{
    return (struct store_record){
        .kind = STORE_POLICY,
        .values = {text_value(policy->vhost), text_value(policy->name),
                   (struct store_value){.integer = policy->of_operator},
                   text_value(policy->pattern), text_value(policy->apply_to),
                   (struct store_value){.integer = policy->priority},
                   text_value(policy->definition)},
    };
}

static void load_one(void *context, const struct store_record *record)
{
    struct policies *policies = context;
    const struct store_value *values = record->values;
    const struct policy loaded = {
        .vhost = values[0].bytes,
        .name = values[1].bytes,
        .of_operator = values[2].integer != 0,
        .pattern = values[3].bytes,
        .apply_to = values[4].bytes,
        .priority = values[5].integer,
        .definition = values[6].bytes,
    };
    char quoted[300];
    struct policy_entry *entry = new_entry(&loaded);
    if (!entry->pattern)
        log_error(policies->broker->log, "a policy's pattern does not compile: it matches nothing",
                  "name=%s", log_quote(quoted, sizeof quoted, loaded.name));
    enter(policies, entry);
}

enum err policies_load(struct policies *policies)
{
    return store_load(store_node(policies->broker->store), STORE_POLICY, load_one, policies);
}

/* -- changes -- */

bool policy_check(const struct policy *policy, struct buf *wrong)
{
    size_t before = wrong->len;
    struct pattern *pattern = NULL;
    char message[256];
    if (compile(policy->pattern, &pattern, message, sizeof message) != ERR_OK)
        buf_printf(wrong, "pattern should be regular expression but is invalid: %s\n", message);
    pattern_free(pattern);
    if (!policy_kinds_named(policy->apply_to))
        buf_printf(wrong,
                   "apply-to '%.*s' unrecognised; should be one of: 'queues', 'classic_queues', "
                   "'quorum_queues', 'streams', 'exchanges', or 'all'\n",
                   SLICE_FMT(policy->apply_to));
    size_t so_far = wrong->len;
    policy_definition_check(policy->definition, policy->of_operator, wrong);
    if (wrong->len > so_far)
        buf_add_u8(wrong, '\n');
    return wrong->len == before;
}

static void note_idle_keys(const struct policies *policies, const struct policy *policy)
{
    struct slice rest = policy->definition;
    struct slice key;
    char quoted[300];
    while ((key = policy_definition_idle_key(&rest)).len > 0)
        log_warning(policies->broker->log, "a policy's key is kept and has no effect here",
                    "policy=%s key=%.*s", log_quote(quoted, sizeof quoted, policy->name),
                    SLICE_FMT(key));
}

enum err policy_set(struct policies *policies, const struct policy *policy, bool *created)
{
    struct policy_entry *old = find_entry(policies, policy);
    if (!old && policies->count >= POLICIES_MAX)
        return ERR_LIMIT;
    if (created)
        *created = !old;
    struct policy_entry *entry = new_entry(policy);
    CHECK(entry->pattern);
    const struct store_record record = record_of(&entry->policy);
    if (old)
        leave(policies, old);
    enter(policies, entry);
    store_put(store_node(policies->broker->store), &record);
    note_idle_keys(policies, &entry->policy);
    add_change(policies, entry->policy.vhost, old, entry);
    return ERR_OK;
}

static void remove_stored(const struct policies *policies, const struct policy *policy)
{
    const struct store_record record = record_of(policy);
    store_remove(store_node(policies->broker->store), &record);
}

bool policy_clear(struct policies *policies, const struct policy *key)
{
    struct policy_entry *entry = find_entry(policies, key);
    if (!entry)
        return false;
    remove_stored(policies, &entry->policy);
    leave(policies, entry);
    add_change(policies, entry->policy.vhost, entry, NULL);
    return true;
}

const struct policy *policy_find(const struct policies *policies, const struct policy *key)
{
    const struct policy_entry *entry = find_entry(policies, key);
    return entry ? &entry->policy : NULL;
}

static void each_of(const struct policy_lists *lists,
                    void (*each)(void *context, const struct policy *policy), void *context)
{
    for (size_t i = 0; i < ARRAY_LEN(lists->kinds); i++)
        LIST_EACH(&lists->kinds[i], node)
            each(context, &CONTAINER_OF(node, struct policy_entry, link)->policy);
}

static void forget(void *context, const struct policy *policy)
{
    remove_stored(context, policy);
}

void policies_forget_vhost(struct policies *policies, struct slice vhost)
{
    struct policy_lists *lists = find_lists(policies, vhost);
    drop_changes(policies, &vhost);
    if (!lists)
        return;
    each_of(lists, forget, policies);
    free_lists(policies, lists);
}

void policies_each(const struct policies *policies,
                   void (*each)(void *context, const struct policy *policy), void *context)
{
    LIST_EACH(&policies->vhosts, node)
        each_of(CONTAINER_OF(node, struct policy_lists, link), each, context);
}
