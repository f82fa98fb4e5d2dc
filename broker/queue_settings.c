/* SPDX-License-Identifier: Apache-2.0 */
/* Queue arguments: one table says which there are, which type of queue takes them, what values are
 * good, and which must agree when a queue is declared again. */
#include "broker/queue_settings.h"

#include "base/buf.h"
#include "base/check.h"
#include "broker/policy_keys.h"
#include "proto/reply.h"
#include "proto/table.h"

#include <inttypes.h>

/* -- validators: print what is wrong as RabbitMQ prints it, or nothing -- */

static bool integer(const struct field_value *value, struct buf *wrong)
{
    if (!field_is_integer(value->type)) {
        buf_printf(wrong, "{unacceptable_type,%s}", field_type_name(value->type));
        return false;
    }
    return true;
}

static void non_negative(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    (void)arguments;
    if (integer(value, wrong) && value->integer < 0)
        buf_printf(wrong, "{value_negative,%" PRId64 "}", value->integer);
}

static void duration(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    non_negative(value, arguments, wrong);
    if (wrong->len == 0 && value->integer > QUEUE_TIME_MAX_MS)
        buf_printf(wrong, "{value_too_large,%" PRId64 "}", value->integer);
}

static void positive_duration(const struct field_value *value, struct slice arguments,
                              struct buf *wrong)
{
    if (field_is_integer(value->type) && value->integer == 0)
        buf_add_str(wrong, "{value_zero,0}");
    else
        duration(value, arguments, wrong);
}

static void positive(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    if (field_is_integer(value->type) && value->integer == 0)
        buf_add_str(wrong, "{value_zero,0}");
    else
        non_negative(value, arguments, wrong);
}

static void any_integer(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    (void)arguments;
    (void)integer(value, wrong);
}

static void priority(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    non_negative(value, arguments, wrong);
    if (wrong->len == 0 && value->integer > UINT8_MAX)
        buf_printf(wrong, "{max_value_exceeded,%" PRId64 "}", value->integer);
}

static void text(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    (void)arguments;
    if (value->type != FIELD_LONGSTR)
        buf_printf(wrong, "{unacceptable_type,%s}", field_type_name(value->type));
    else if (value->bytes.len > UINT8_MAX)
        buf_printf(wrong, "{value_too_large,%zu}", value->bytes.len);
}

static void boolean(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    (void)arguments;
    if (value->type != FIELD_BOOL)
        buf_printf(wrong, "{unacceptable_type,%s}", field_type_name(value->type));
}

static bool one_of(struct slice value, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal_str(value, names[i]))
            return true;
    return false;
}

static void dead_letter_key(const struct field_value *value, struct slice arguments,
                            struct buf *wrong)
{
    struct field_value exchange;
    text(value, arguments, wrong);
    if (wrong->len == 0 && !table_find(arguments, "x-dead-letter-exchange", &exchange))
        buf_add_str(wrong, "routing_key_but_no_dlx_defined");
}

static void strategy(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    static const char *const names[] = {"at-most-once", "at-least-once"};
    text(value, arguments, wrong);
    if (wrong->len == 0 && !one_of(value->bytes, names, ARRAY_LEN(names)))
        buf_add_str(wrong, "invalid_dlx_strategy");
}

static void overflow(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    static const char *const names[] = {"drop-head", "reject-publish", "reject-publish-dlx"};
    text(value, arguments, wrong);
    if (wrong->len == 0 && !one_of(value->bytes, names, ARRAY_LEN(names)))
        buf_add_str(wrong, "invalid_overflow");
}

static void locator(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    static const char *const names[] = {"client-local", "balanced", "random", "least-leaders",
                                        "min-masters"};
    text(value, arguments, wrong);
    if (wrong->len == 0 && !one_of(value->bytes, names, ARRAY_LEN(names)))
        buf_add_str(wrong, "invalid_queue_locator_arg");
}

static void mode(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    static const char *const names[] = {"default", "lazy"};
    text(value, arguments, wrong);
    if (wrong->len == 0 && !one_of(value->bytes, names, ARRAY_LEN(names)))
        buf_printf(wrong, "\"unsupported queue mode '%.*s'\"", SLICE_FMT(value->bytes));
}

static void version(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    (void)arguments;
    if (integer(value, wrong) && value->integer != 1 && value->integer != 2)
        buf_printf(wrong, "\"unsupported queue version '%" PRId64 "'\"", value->integer);
}

static void type_name(const struct field_value *value, struct slice arguments, struct buf *wrong)
{
    (void)arguments;
    if (value->type != FIELD_LONGSTR)
        buf_printf(wrong, "{unacceptable_type,%s}", field_type_name(value->type));
}

/* -- the table -- */

#define CLASSIC (1u << QUEUE_CLASSIC)
#define QUORUM (1u << QUEUE_QUORUM)
#define STREAM (1u << QUEUE_TYPES) /* known to RabbitMQ, refused on the types that we have */

struct argument {
    const char *name;
    unsigned types;  /* that take it */
    bool equivalent; /* must agree when the queue is declared again */
    void (*check)(const struct field_value *value, struct slice arguments, struct buf *wrong);
};

/* Arguments with no effect on one node (locators, group sizes, in-memory limits, mode, version) are
 * checked and kept: they come back in listings. */
static const struct argument argument_table[] = {
    {"x-expires", CLASSIC | QUORUM, true, positive_duration},
    {"x-message-ttl", CLASSIC | QUORUM, true, duration},
    {"x-dead-letter-exchange", CLASSIC | QUORUM, true, text},
    {"x-dead-letter-routing-key", CLASSIC | QUORUM, true, dead_letter_key},
    {"x-dead-letter-strategy", QUORUM, true, strategy},
    {"x-max-length", CLASSIC | QUORUM, true, non_negative},
    {"x-max-length-bytes", CLASSIC | QUORUM | STREAM, true, non_negative},
    {"x-max-in-memory-length", QUORUM, true, non_negative},
    {"x-max-in-memory-bytes", QUORUM, true, non_negative},
    {"x-max-priority", CLASSIC | QUORUM, true, priority},
    {"x-overflow", CLASSIC | QUORUM, true, overflow},
    {"x-queue-mode", CLASSIC, true, mode},
    {"x-queue-version", CLASSIC, false, version},
    {"x-single-active-consumer", CLASSIC | QUORUM, true, boolean},
    {"x-queue-type", CLASSIC | QUORUM | STREAM, true, type_name},
    {"x-quorum-initial-group-size", QUORUM, true, positive},
    {"x-delivery-limit", QUORUM, true, any_integer},
    {"x-consumer-timeout", CLASSIC | QUORUM, true, non_negative},
    {"x-queue-leader-locator", CLASSIC | QUORUM | STREAM, false, locator},
    {"x-queue-master-locator", CLASSIC, false, text},
    {"x-max-age", STREAM, true, text},
    {"x-stream-max-segment-size-bytes", STREAM, true, non_negative},
    {"x-stream-filter-size-bytes", STREAM, true, non_negative},
    {"x-initial-cluster-size", STREAM, true, positive},
};

static const struct {
    const char *text;
    const char *module;
} types[] = {
#define X(name, text, module) {text, module},
    QUEUE_TYPE_TABLE(X)
#undef X
};

const char *queue_type_name(enum queue_type type)
{
    CHECK(type < QUEUE_TYPES);
    return types[type].text;
}

const char *queue_type_module(enum queue_type type)
{
    CHECK(type < QUEUE_TYPES);
    return types[type].module;
}

/* -- checks -- */

bool queue_type_from(struct slice arguments, enum queue_type fallback, struct slice name,
                     struct slice vhost, enum queue_type *type, struct reply *reply)
{
    struct field_value value;
    *type = fallback;
    if (!table_find(arguments, "x-queue-type", &value))
        return true;
    for (size_t i = 0; value.type == FIELD_LONGSTR && i < QUEUE_TYPES; i++) {
        *type = (enum queue_type)i;
        if (slice_equal_str(value.bytes, types[i].text))
            return true;
    }
    struct buf wrong = BUF_INIT;
    type_name(&value, arguments, &wrong);
    if (wrong.len == 0)
        buf_printf(&wrong, "\"unsupported queue type '%.*s'\"", SLICE_FMT(value.bytes));
    reply_set(reply, REPLY_PRECONDITION_FAILED,
              "invalid arg 'x-queue-type' for queue '%.*s' in vhost '%.*s': %s", SLICE_FMT(name),
              SLICE_FMT(vhost), buf_cstr(&wrong));
    buf_fini(&wrong);
    return false;
}

static bool check_one(const struct argument *argument, struct slice arguments, enum queue_type type,
                      struct slice name, struct slice vhost, struct reply *reply)
{
    struct field_value value;
    if (!table_find(arguments, argument->name, &value))
        return true;
    if (!(argument->types & 1u << type))
        return reply_set(reply, REPLY_PRECONDITION_FAILED,
                         "invalid arg '%s' for queue '%.*s' in vhost '%.*s' of queue type %s",
                         argument->name, SLICE_FMT(name), SLICE_FMT(vhost), types[type].module);
    struct buf wrong = BUF_INIT;
    argument->check(&value, arguments, &wrong);
    bool good = wrong.len == 0;
    if (!good)
        reply_set(reply, REPLY_PRECONDITION_FAILED,
                  "invalid arg '%s' for queue '%.*s' in vhost '%.*s': %s", argument->name,
                  SLICE_FMT(name), SLICE_FMT(vhost), buf_cstr(&wrong));
    buf_fini(&wrong);
    return good;
}

bool queue_arguments_check(struct slice arguments, enum queue_type type, struct slice name,
                           struct slice vhost, struct reply *reply)
{
    for (size_t i = 0; i < ARRAY_LEN(argument_table); i++)
        if (!check_one(&argument_table[i], arguments, type, name, vhost, reply))
            return false;
    return true;
}

/* Types that RabbitMQ takes for each other when it compares arguments. */
static bool same_class(const struct field_value *a, const struct field_value *b)
{
    if (field_is_integer(a->type) && field_is_integer(b->type))
        return true;
    return a->type == b->type;
}

/* The type is only told where one of the two is absent. */
static void add_argument(struct buf *text, const struct field_value *value, bool with_type)
{
    if (!value) {
        buf_add_str(text, "none");
        return;
    }
    buf_add_str(text, with_type ? "the value '" : "'");
    field_print(text, value);
    if (with_type)
        buf_printf(text, "' of type '%s'", field_type_name(value->type));
    else
        buf_add_str(text, "'");
}

static bool refuse_argument(const char *key, const struct field_value *current,
                            const struct field_value *received, const char *what, struct slice name,
                            struct slice vhost, struct reply *reply)
{
    struct buf text_received = BUF_INIT;
    struct buf text_current = BUF_INIT;
    bool with_type = !current || !received;
    add_argument(&text_received, received, with_type);
    add_argument(&text_current, current, with_type);
    reply_set(reply, REPLY_PRECONDITION_FAILED,
              "inequivalent arg '%s' for %s '%.*s' in vhost '%.*s': received %s but current is %s",
              key, what, SLICE_FMT(name), SLICE_FMT(vhost), buf_cstr(&text_received),
              buf_cstr(&text_current));
    buf_fini(&text_received);
    buf_fini(&text_current);
    return false;
}

bool argument_equivalent(const char *key, struct slice current, struct slice received,
                         const char *what, struct slice name, struct slice vhost,
                         struct reply *reply)
{
    struct field_value a;
    struct field_value b;
    bool has_a = table_find(current, key, &a);
    bool has_b = table_find(received, key, &b);
    if (!has_a && !has_b)
        return true;
    if (has_a && has_b && same_class(&a, &b) && field_equal(&a, &b))
        return true;
    return refuse_argument(key, has_a ? &a : NULL, has_b ? &b : NULL, what, name, vhost, reply);
}

bool queue_arguments_equivalent(struct slice current, struct slice received, struct slice name,
                                struct slice vhost, struct reply *reply)
{
    for (size_t i = 0; i < ARRAY_LEN(argument_table); i++)
        if (argument_table[i].equivalent &&
            strcmp(argument_table[i].name, "x-queue-type") != 0 && /* compared as a type */
            !argument_equivalent(argument_table[i].name, current, received, "queue", name, vhost,
                                 reply))
            return false;
    return true;
}

/* -- settings -- */

/* Where settings come from. */
struct sources {
    struct slice arguments; /* names with "x-" in front */
    struct slice policies;
};

/* An argument's name without "x-" is the policy's key. */
static const char *key_of(const char *argument)
{
    return argument + 2;
}

static int64_t integer_in(struct slice table, const char *name, int64_t absent)
{
    struct field_value value;
    return table_find(table, name, &value) && field_is_integer(value.type) ? value.integer : absent;
}

/* A limit: the stricter one; negative when there is none. */
static int64_t limit(const struct sources *sources, const char *name)
{
    return policy_stricter(integer_in(sources->arguments, name, -1),
                           integer_in(sources->policies, key_of(name), -1));
}

/* A policy's may be any number. */
static int64_t time_limit(const struct sources *sources, const char *name)
{
    int64_t ms = limit(sources, name);
    return ms < QUEUE_TIME_MAX_MS ? ms : QUEUE_TIME_MAX_MS;
}

static int64_t consumer_timeout(const struct sources *sources)
{
    static const char name[] = "x-consumer-timeout";
    int64_t ms =
        integer_in(sources->arguments, name, integer_in(sources->policies, key_of(name), -1));
    return ms < QUEUE_TIME_MAX_MS ? ms : QUEUE_TIME_MAX_MS;
}

/* A text: the argument if it is there. False when neither is. */
static bool text_of(const struct sources *sources, const char *name, struct slice *found)
{
    struct field_value value;
    if (!table_find(sources->arguments, name, &value) &&
        (!table_find(sources->policies, key_of(name), &value) || value.type != FIELD_LONGSTR))
        return false;
    *found = value.bytes;
    return true;
}

static enum overflow overflow_of(const struct sources *sources)
{
    struct slice value;
    if (!text_of(sources, "x-overflow", &value))
        return OVERFLOW_DROP_HEAD;
    if (slice_equal_str(value, "reject-publish"))
        return OVERFLOW_REJECT_PUBLISH;
    if (slice_equal_str(value, "reject-publish-dlx"))
        return OVERFLOW_REJECT_PUBLISH_DLX;
    return OVERFLOW_DROP_HEAD;
}

static uint8_t priority_of(struct slice arguments)
{
    struct field_value value;
    if (!table_find(arguments, "x-max-priority", &value))
        return 0;
    /* RabbitMQ makes 1 of 0: a queue with priorities has at least one above the lowest. */
    return value.integer > 0 ? (uint8_t)value.integer : 1;
}

void queue_settings_read(struct queue_settings *settings, struct slice arguments,
                         struct slice policies, enum queue_type type)
{
    const struct sources sources = {.arguments = arguments, .policies = policies};
    struct field_value value;
    *settings = (struct queue_settings){
        .message_ttl_ms = time_limit(&sources, "x-message-ttl"),
        .expires_ms = time_limit(&sources, "x-expires"),
        .length_max = limit(&sources, "x-max-length"),
        .bytes_max = limit(&sources, "x-max-length-bytes"),
        .delivery_limit = type == QUEUE_QUORUM ? limit(&sources, "x-delivery-limit") : -1,
        .consumer_timeout_ms = consumer_timeout(&sources),
        .overflow = overflow_of(&sources),
        .priority_max = priority_of(arguments),
    };
    if (table_find(arguments, "x-single-active-consumer", &value))
        settings->single_active_consumer = value.boolean;
    settings->has_dead_letter_exchange =
        text_of(&sources, "x-dead-letter-exchange", &settings->dead_letter_exchange);
    settings->has_dead_letter_key =
        text_of(&sources, "x-dead-letter-routing-key", &settings->dead_letter_key);
}
