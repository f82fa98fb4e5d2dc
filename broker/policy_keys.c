/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of policies: a table, and what follows from it. */
#include "broker/policy_keys.h"

#include "base/check.h"
#include "proto/table.h"

#include <inttypes.h>

/* -- checks of values: true when good -- */

static bool text(const struct field_value *value)
{
    return value->type == FIELD_LONGSTR && value->bytes.len <= UINT8_MAX;
}

static bool integer(const struct field_value *value)
{
    return field_is_integer(value->type);
}

static bool count(const struct field_value *value)
{
    return integer(value) && value->integer >= 0;
}

static bool positive(const struct field_value *value)
{
    return integer(value) && value->integer > 0;
}

static bool version(const struct field_value *value)
{
    return integer(value) && (value->integer == 1 || value->integer == 2);
}

static bool one_of(const struct field_value *value, const char *const *words)
{
    for (; value->type == FIELD_LONGSTR && *words; words++)
        if (slice_equal_str(value->bytes, *words))
            return true;
    return false;
}

static bool mode(const struct field_value *value)
{
    static const char *const words[] = {"default", "lazy", NULL};
    return one_of(value, words);
}

static bool overflow(const struct field_value *value)
{
    static const char *const words[] = {"drop-head", "reject-publish", "reject-publish-dlx", NULL};
    return one_of(value, words);
}

static bool strategy(const struct field_value *value)
{
    static const char *const words[] = {"at-most-once", "at-least-once", NULL};
    return one_of(value, words);
}

static bool locator(const struct field_value *value)
{
    static const char *const words[] = {"client-local",  "balanced",    "random",
                                        "least-leaders", "min-masters", NULL};
    return one_of(value, words);
}

static bool mirroring(const struct field_value *value)
{
    static const char *const words[] = {"all", "exactly", "nodes", NULL};
    return one_of(value, words);
}

/* Digits and a unit: "7D". */
static bool age(const struct field_value *value)
{
    static const char units[] = "YMDhms";
    if (value->type != FIELD_LONGSTR || value->bytes.len < 2)
        return false;
    size_t unit = value->bytes.len - 1;
    for (size_t i = 0; i < unit; i++)
        if (value->bytes.data[i] < '0' || value->bytes.data[i] > '9')
            return false;
    return value->bytes.data[unit] && strchr(units, value->bytes.data[unit]);
}

static bool anything(const struct field_value *value)
{
    (void)value;
    return true;
}

/* -- the table -- */

#define CLASSIC POLICY_CLASSIC
#define QUORUM POLICY_QUORUM
#define STREAM POLICY_STREAM
#define QUEUES (CLASSIC | QUORUM)
#define ANY (QUEUES | STREAM)

struct policy_key {
    const char *name;
    bool (*good)(const struct field_value *value);
    const char *wrong;  /* what is said of a bad value, behind the value */
    unsigned kinds;     /* of queues that know it */
    bool for_operators; /* an operator's policy may hold it; the smaller value counts */
    bool idle;          /* it does nothing on one node */
};

static const struct policy_key keys[] = {
    {"alternate-exchange", text, "is not a valid alternate exchange name", ANY, false, false},
    {"consumer-timeout", count, "is not a valid consumer timeout", QUEUES, false, false},
    {"dead-letter-exchange", text, "is not a valid dead letter exchange name", QUEUES, false,
     false},
    {"dead-letter-routing-key", text, "is not a valid dead letter routing key", QUEUES, false,
     false},
    {"dead-letter-strategy", strategy, "is not a valid dead letter strategy", QUORUM, false, true},
    {"delivery-limit", integer, "is not a valid delivery limit", QUORUM, true, false},
    {"expires", positive, "is not a valid queue expiry", QUEUES, true, false},
    {"federation-upstream", anything, "", ANY, false, true},
    {"federation-upstream-pattern", anything, "", ANY, false, true},
    {"federation-upstream-set", anything, "", ANY, false, true},
    {"ha-mode", mirroring, "is not a valid ha-mode value", CLASSIC, false, true},
    {"ha-params", anything, "", CLASSIC, false, true},
    {"ha-promote-on-failure", anything, "", CLASSIC, false, true},
    {"ha-promote-on-shutdown", anything, "", CLASSIC, false, true},
    {"ha-sync-batch-size", anything, "", CLASSIC, false, true},
    {"ha-sync-mode", anything, "", CLASSIC, false, true},
    {"initial-cluster-size", count, "is not a valid cluster size", STREAM, false, true},
    {"max-age", age, "is not a valid max age", STREAM, false, true},
    {"max-in-memory-bytes", count, "is not a valid maximum memory in bytes", QUEUES, true, true},
    {"max-in-memory-length", count, "is not a valid maximum memory in bytes", QUEUES, true, true},
    {"max-length", count, "is not a valid maximum length", QUEUES, true, false},
    {"max-length-bytes", count, "is not a valid maximum length in bytes", ANY, true, false},
    {"message-ttl", count, "is not a valid message TTL", QUEUES, true, false},
    {"overflow", overflow, "is not a valid overflow value", QUEUES, false, false},
    {"queue-leader-locator", locator, "is not a valid queue leader locator value", ANY, false,
     true},
    {"queue-master-locator", locator, "invalid queue-master-locator value", CLASSIC, false, true},
    {"queue-mode", mode, "is not a valid queue-mode value", CLASSIC, false, true},
    {"queue-version", version, "is not a valid queue-version value", CLASSIC, false, true},
    {"stream-filter-size-bytes", count, "is not a valid filter size", STREAM, false, true},
    {"stream-max-segment-size-bytes", count, "is not a valid segment size", STREAM, false, true},
    {"target-group-size", positive, "is not a valid target group size", QUORUM, true, true},
};

static const struct policy_key *find_key(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (slice_equal_str(name, keys[i].name))
            return &keys[i];
    return NULL;
}

static const struct {
    const char *name;
    unsigned kinds;
} targets[] = {
    {"all", ANY | POLICY_EXCHANGE}, {"queues", ANY},     {"classic_queues", CLASSIC},
    {"quorum_queues", QUORUM},      {"streams", STREAM}, {"exchanges", POLICY_EXCHANGE},
};

unsigned policy_kinds_named(struct slice apply_to)
{
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        if (slice_equal_str(apply_to, targets[i].name))
            return targets[i].kinds;
    return 0;
}

/* -- printing -- */

static void print_text(struct buf *out, struct slice bytes)
{
    buf_add_str(out, "<<\"");
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] == '"' || bytes.data[i] == '\\')
            buf_add_u8(out, '\\');
        buf_add_u8(out, bytes.data[i]);
    }
    buf_add_str(out, "\">>");
}

/* `arrow` stands between names and values; NULL for an array. */
static void print_fields(struct buf *out, struct slice fields, const char *arrow)
{
    struct field_iter iter = {fields};
    struct field_value value;
    struct slice name;
    for (bool more = false; field_next(&iter, arrow ? &name : NULL, &value); more = true) {
        if (more)
            buf_add_u8(out, ',');
        if (arrow) {
            print_text(out, name);
            buf_add_str(out, arrow);
        }
        policy_print_value(out, &value);
    }
}

void policy_print_value(struct buf *out, const struct field_value *value)
{
    if (value->type == FIELD_LONGSTR) {
        print_text(out, value->bytes);
    } else if (value->type == FIELD_ARRAY) {
        buf_add_u8(out, '[');
        print_fields(out, value->bytes, NULL);
        buf_add_u8(out, ']');
    } else if (value->type == FIELD_TABLE) {
        buf_add_str(out, "#{");
        print_fields(out, value->bytes, " => ");
        buf_add_u8(out, '}');
    } else if (value->type == FIELD_VOID) {
        buf_add_str(out, "null");
    } else {
        field_print(out, value);
    }
}

/* -- definitions -- */

static void check_values(struct slice definition, bool of_operator, struct buf *wrong)
{
    struct field_iter iter = {definition};
    struct field_value value;
    struct slice name;
    while (wrong->len == 0 && field_next(&iter, &name, &value)) {
        const struct policy_key *key = find_key(name);
        if (!key || (of_operator && !key->for_operators) || key->good(&value))
            continue;
        policy_print_value(wrong, &value);
        buf_printf(wrong, " %s", key->wrong);
    }
}

static void check_names(struct slice definition, bool of_operator, struct buf *wrong)
{
    struct field_iter iter = {definition};
    struct field_value value;
    struct slice name;
    struct buf unknown = BUF_INIT;
    while (field_next(&iter, &name, &value)) {
        const struct policy_key *key = find_key(name);
        if (key && (!of_operator || key->for_operators))
            continue;
        buf_add_str(&unknown, unknown.len ? ",{" : "{");
        print_text(&unknown, name);
        buf_add_u8(&unknown, ',');
        policy_print_value(&unknown, &value);
        buf_add_u8(&unknown, '}');
    }
    if (unknown.len)
        buf_printf(wrong, "[%s] are not recognised policy settings", buf_cstr(&unknown));
    buf_fini(&unknown);
}

void policy_definition_check(struct slice definition, bool of_operator, struct buf *wrong)
{
    struct buf mine = BUF_INIT;
    if (definition.len == 0)
        buf_add_str(&mine, "no policy provided");
    check_values(definition, of_operator, &mine);
    if (mine.len == 0)
        check_names(definition, of_operator, &mine);
    buf_add_slice(wrong, buf_slice(&mine));
    buf_fini(&mine);
}

unsigned policy_definition_kinds(struct slice definition)
{
    unsigned kinds = ANY | POLICY_EXCHANGE;
    struct field_iter iter = {definition};
    struct field_value value;
    struct slice name;
    while (field_next(&iter, &name, &value)) {
        const struct policy_key *key = find_key(name);
        if (key)
            kinds &= key->kinds | POLICY_EXCHANGE;
    }
    return kinds;
}

struct slice policy_definition_idle_key(struct slice *rest)
{
    struct field_iter iter = {*rest};
    struct field_value value;
    struct slice name;
    while (field_next(&iter, &name, &value)) {
        const struct policy_key *key = find_key(name);
        *rest = iter.rest;
        if (!key || key->idle)
            return name;
    }
    return slice_of(NULL, 0);
}

int64_t policy_stricter(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

/* Two values of one key. Only numbers can be in both kinds of policy, unless a database holds what
 * this version would not take: then the operator's stands. */
static void merge_values(struct buf *out, struct slice name, const struct field_value *value,
                         const struct field_value *of_operator)
{
    struct field_value merged = *of_operator;
    if (integer(value) && integer(of_operator)) {
        merged.type = FIELD_INT64;
        merged.integer = policy_stricter(value->integer, of_operator->integer);
    }
    table_add(out, name, &merged);
}

struct reader {
    struct field_iter iter;
    struct slice name;
    struct field_value value;
    bool more;
};

static void read_next(struct reader *reader)
{
    reader->more = field_next(&reader->iter, &reader->name, &reader->value);
}

void policy_definition_merge(struct buf *out, struct slice definition,
                             struct slice operator_definition)
{
    struct reader a = {.iter = {definition}};
    struct reader b = {.iter = {operator_definition}};
    read_next(&a);
    read_next(&b);
    while (a.more || b.more) {
        int order = !b.more ? -1 : !a.more ? 1 : slice_compare(a.name, b.name);
        if (order == 0)
            merge_values(out, a.name, &a.value, &b.value);
        else
            table_add(out, order < 0 ? a.name : b.name, order < 0 ? &a.value : &b.value);
        if (order <= 0)
            read_next(&a);
        if (order >= 0)
            read_next(&b);
    }
}
