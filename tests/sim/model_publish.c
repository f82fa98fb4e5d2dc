/* SPDX-License-Identifier: Apache-2.0 */
/* The model's own routing, publishing and dead-lettering, by the book. */
#include "tests/sim/model.h"
#include "tests/sim/peek.h"

/* -- matching -- */

static const char *word_end(const char *at)
{
    while (*at && *at != '.')
        at++;
    return at;
}

/* Words from here on; `at` is NULL at the end. */
static const char *next_word(const char *at)
{
    const char *end = word_end(at);
    return *end ? end + 1 : NULL;
}

static bool same_word(const char *a, const char *b)
{
    size_t len = (size_t)(word_end(a) - a);
    return len == (size_t)(word_end(b) - b) && memcmp(a, b, len) == 0;
}

static bool is_word(const char *at, char what)
{
    return at[0] == what && word_end(at) == at + 1;
}

static bool topic_matches(const char *pattern, const char *key)
{
    if (!pattern)
        return !key;
    if (is_word(pattern, '#'))
        return topic_matches(next_word(pattern), key) ||
               (key && topic_matches(pattern, next_word(key)));
    if (!key)
        return false;
    if (!is_word(pattern, '*') && !same_word(pattern, key))
        return false;
    return topic_matches(next_word(pattern), next_word(key));
}

/* The empty key has no words at all. */
static const char *words_of(const char *key)
{
    return *key ? key : NULL;
}

static bool headers_match(const struct m_binding *binding, const struct m_message *message)
{
    bool wants_h = binding->header_h >= 0;
    bool wants_g = binding->header_g >= 0;
    bool h = wants_h && binding->header_h == message->header_h;
    bool g = wants_g && binding->header_g == message->header_g;
    if (binding->any)
        return h || g;
    return (h || !wants_h) && (g || !wants_g);
}

static bool key_matches(const struct m_binding *binding, const char *key)
{
    switch (binding->source->spec->kind) {
    case KIND_DIRECT:
        return !strcmp(binding->key, key);
    case KIND_FANOUT:
        return true;
    case KIND_TOPIC:
        return topic_matches(words_of(binding->key), words_of(key));
    case KIND_HEADERS:
    case KIND_COUNT:
        break;
    }
    return false;
}

static bool matches(const struct m_binding *binding, const struct m_message *message,
                    const char *const *keys, unsigned key_count)
{
    if (binding->source->spec->kind == KIND_HEADERS)
        return headers_match(binding, message);
    for (unsigned i = 0; i < key_count; i++)
        if (key_matches(binding, keys[i]))
            return true;
    return false;
}

/* -- routing -- */

struct walk {
    struct vec queues;
    struct vec exchanges;
};

static void add_queue(struct model *model, struct walk *walk, struct m_queue *queue)
{
    if (!vec_has(&walk->queues, queue))
        vec_push(model->arena, &walk->queues, queue);
}

static void add_exchange(struct model *model, struct walk *walk, struct m_exchange *exchange)
{
    if (!vec_has(&walk->exchanges, exchange))
        vec_push(model->arena, &walk->exchanges, exchange);
}

static bool visit(struct model *model, struct walk *walk, struct m_exchange *exchange,
                  const struct m_message *message, const char *const *keys, unsigned key_count)
{
    bool any = false;
    if (*exchange->spec->name == '\0') {
        for (unsigned i = 0; i < key_count; i++) {
            struct m_queue *queue = model_queue(model, keys[i]);
            if (!queue)
                continue;
            any = true;
            add_queue(model, walk, queue);
        }
        return any;
    }
    for (size_t i = 0; i < model->bindings.count; i++) {
        struct m_binding *binding = model->bindings.at[i];
        if (binding->source != exchange || !matches(binding, message, keys, key_count))
            continue;
        any = true;
        if (binding->queue)
            add_queue(model, walk, binding->queue);
        else
            add_exchange(model, walk, binding->exchange);
    }
    return any;
}

void model_route(struct model *model, struct m_exchange *exchange, const struct m_message *message,
                 const char *const *keys, unsigned key_count, struct vec *queues)
{
    struct walk walk = {0};
    add_exchange(model, &walk, exchange);
    for (size_t i = 0; i < walk.exchanges.count; i++) {
        struct m_exchange *here = walk.exchanges.at[i];
        const char *name = model_alternate(model, here);
        if (visit(model, &walk, here, message, keys, key_count) || !name)
            continue;
        struct m_exchange *alternate = model_exchange(model, name);
        if (alternate)
            add_exchange(model, &walk, alternate);
    }
    *queues = walk.queues;
    if (queues->count > 1)
        peek_sort_queues(model, exchange, message, keys, key_count, queues);
}

/* -- publishing -- */

static unsigned keys_of(const struct m_message *message, bool with_bcc, const char **keys)
{
    unsigned count = 0;
    keys[count++] = message->key;
    for (unsigned i = 0; i < 2; i++)
        if (message->cc[i])
            keys[count++] = message->cc[i];
    if (with_bcc && message->bcc)
        keys[count++] = message->bcc;
    return count;
}

static struct m_publish *new_publish(struct model *model, struct m_channel *channel,
                                     const struct m_message *message)
{
    struct m_publish *publish = ARENA_NEW(model->arena, struct m_publish);
    publish->seq = channel->publish_next++;
    publish->id = message->id;
    vec_push(model->arena, &channel->publishes, publish);
    return publish;
}

void model_publish(struct model *model, struct m_channel *channel, struct m_op *op, bool *rejected)
{
    struct m_message *message = op->message;
    struct m_exchange *exchange = model_exchange(model, message->exchange);
    struct m_publish *publish = channel->confirming ? new_publish(model, channel, message) : NULL;
    if (model_reply_deliver(model, message))
        return;
    struct vec queues = {0};
    const char *keys[M_KEYS_MAX];
    unsigned key_count = keys_of(message, true, keys);
    if (exchange)
        model_route(model, exchange, message, keys, key_count, &queues);
    for (size_t i = 0; i < queues.count; i++) {
        if (model_append(model, queues.at[i], message, publish, NULL) == M_READY)
            continue;
        *rejected = true;
        if (publish)
            model_note(model, COVER_NACKED), publish->rejected = true;
    }
    if (queues.count == 0 && op->method.basic_publish.mandatory)
        model_expect(model, channel->connection, channel->number, METHOD_BASIC_RETURN)->message =
            message;
}

/* -- dead-lettering -- */

struct dead_letter {
    struct m_message *message;
    struct m_publish *origin;
    struct m_entry *root;
    const char *reason;
};

static void record_death(struct model *model, struct m_message *dead,
                         const struct m_message *message, const struct m_queue *queue,
                         const char *reason)
{
    struct m_death death = {.queue = queue->spec->name, .reason = reason};
    unsigned found = dead->death_count;
    for (unsigned i = 0; i < dead->death_count; i++)
        if (!strcmp(dead->deaths[i].queue, death.queue) && !strcmp(dead->deaths[i].reason, reason))
            found = i;
    if (found < dead->death_count) {
        death = dead->deaths[found];
        death.count++;
    } else {
        CHECK(dead->death_count < M_DEATHS_MAX);
        dead->death_count++;
        death.count = 1;
        death.time_s = model->wall_ms / 1000;
        death.exchange = message->exchange;
        death.key_count = keys_of(message, false, death.keys);
        death.original_expiration = message->expiration;
    }
    memmove(dead->deaths + 1, dead->deaths, found * sizeof *dead->deaths);
    dead->deaths[0] = death;
    dead->last = (struct m_death){
        .queue = queue->spec->name, .reason = reason, .exchange = message->exchange};
    if (!dead->first.queue)
        dead->first = dead->last;
}

static struct m_message *dead_message(struct model *model, const struct m_queue *queue,
                                      const struct m_message *message, const char *reason)
{
    struct m_message *dead = ARENA_NEW(model->arena, struct m_message);
    *dead = *message;
    record_death(model, dead, message, queue, reason);
    dead->expiration = NULL;
    dead->exchange = queue->settings.dead_exchange;
    if (queue->settings.dead_key) {
        dead->key = queue->settings.dead_key;
        dead->cc[0] = dead->cc[1] = dead->bcc = NULL;
    }
    return dead;
}

/* It died there before and nobody rejected it since: it would go round for ever by itself. */
static bool goes_round(const struct dead_letter *letter, const struct m_queue *target)
{
    if (!strcmp(letter->reason, "rejected"))
        return false;
    const struct m_message *message = letter->message;
    for (unsigned i = 0; i < message->death_count; i++) {
        if (!strcmp(message->deaths[i].reason, "rejected"))
            return false;
        if (!strcmp(message->deaths[i].queue, target->spec->name))
            return true;
    }
    return false;
}

static void send(struct model *model, const struct dead_letter *letter)
{
    struct m_exchange *exchange = model_exchange(model, letter->message->exchange);
    if (!exchange)
        return;
    const char *keys[M_KEYS_MAX];
    unsigned key_count = keys_of(letter->message, true, keys);
    struct vec queues = {0};
    model_route(model, exchange, letter->message, keys, key_count, &queues);
    for (size_t i = 0; i < queues.count; i++)
        if (!goes_round(letter, queues.at[i]))
            model_append(model, queues.at[i], letter->message, letter->origin, letter->root);
}

static void note_death(const struct model *model, const char *reason)
{
    model_note(model, !strcmp(reason, "expired")    ? COVER_EXPIRED
                      : !strcmp(reason, "maxlen")   ? COVER_MAXLEN
                      : !strcmp(reason, "rejected") ? COVER_REJECTED
                                                    : COVER_DELIVERY_LIMIT);
}

void model_dead_letter(struct model *model, struct m_queue *queue, struct m_entry *entry,
                       struct m_message *message, const char *reason)
{
    model->dead_lettered++;
    note_death(model, reason);
    trace_line(model->trace, "    %s: message %lu dies: %s", queue->spec->name,
               (unsigned long)message->id, reason);
    if (entry)
        model_entry_gone(model, entry);
    if (queue->settings.dead_exchange && !queue->gone &&
        model_exchange(model, queue->settings.dead_exchange)) {
        struct dead_letter *letter = ARENA_NEW(model->arena, struct dead_letter);
        letter->message = dead_message(model, queue, message, reason);
        letter->origin = entry ? entry->origin : NULL;
        letter->root = entry ? entry->root : NULL;
        letter->reason = reason;
        vec_push(model->arena, &model->deaths, letter);
    }
    if (model->dead_lettering)
        return;
    model->dead_lettering = true;
    while (model->deaths.count > 0) {
        struct dead_letter *letter = model->deaths.at[0];
        vec_remove_at(&model->deaths, 0);
        send(model, letter);
    }
    model->dead_lettering = false;
}

/* Among equal deadlines in the order of delivery. */
static bool expires_before(const struct m_entry *left, const struct m_entry *right)
{
    if (left->deadline_ms != right->deadline_ms)
        return left->deadline_ms < right->deadline_ms;
    return left->lane != right->lane ? left->lane > right->lane : left->position < right->position;
}

struct m_entry *model_first_to_expire(const struct m_queue *queue)
{
    struct m_entry *first = NULL;
    for (size_t i = 0; i < queue->ready.count; i++) {
        struct m_entry *entry = queue->ready.at[i];
        if (!entry->waits && entry->deadline_ms < INT64_MAX &&
            (!first || expires_before(entry, first)))
            first = entry;
    }
    return first;
}

void model_expire(struct model *model, struct m_queue *queue)
{
    while (!queue->gone) {
        struct m_entry *first = model_first_to_expire(queue);
        if (!first || first->deadline_ms > model->now_ms)
            return;
        model->expired++;
        model_dead_letter(model, queue, first, first->message, "expired");
    }
}
