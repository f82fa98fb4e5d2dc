/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration values: one parser a type, found through a table.
 *
 * (1) A parser accepts the whole text or nothing; no number wraps.
 */
#include "server/config_value.h"

#include "base/log.h"
#include "server/endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* As RabbitMQ reads them: "MB" counts in thousands, "M" and "MiB" in 1024s. */
static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"K", 1ll << 10},
    {"KiB", 1ll << 10},
    {"KB", 1000},
    {"M", 1ll << 20},
    {"MiB", 1ll << 20},
    {"MB", 1000000},
    {"G", 1ll << 30},
    {"GiB", 1ll << 30},
    {"GB", 1000000000},
    {"T", 1ll << 40},
    {"TiB", 1ll << 40},
    {"TB", 1000000000000},
    {NULL, 0},
};

static const struct unit duration_units[] = {
    {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};

const char *config_type_text(enum config_type type)
{
    static const char *const texts[] = {
#define X(name, text) text,
        CONFIG_TYPE_TABLE(X)
#undef X
    };
    return texts[type];
}

/* Digits, and where they end; false when there are none or they are too many. */
static bool parse_digits(const char *text, int64_t *number, const char **end)
{
    const char *p = text;
    int64_t value = 0;
    for (; isdigit((unsigned char)*p); p++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *p - '0', &value))
            return false;
    }
    *number = value;
    *end = p;
    return p != text;
}

static bool parse_with_unit(const char *text, const struct unit *units, int64_t *number)
{
    const char *end;
    if (!parse_digits(text, number, &end))
        return false;
    while (*end == ' ')
        end++;
    for (const struct unit *unit = units; unit->name; unit++) {
        if (strcasecmp(unit->name, end) == 0)
            return !__builtin_mul_overflow(*number, unit->factor, number);
    }
    return false;
}

static bool in_range(const struct config_range *range, int64_t number)
{
    return number >= range->min && number <= range->max;
}

static bool parse_integer(const struct config_range *range, const char *text, int64_t *number)
{
    const char *end;
    return parse_digits(text, number, &end) && *end == '\0' && in_range(range, *number);
}

static bool parse_limit(const struct config_range *range, const char *text, int64_t *number)
{
    if (strcmp(text, "infinity") != 0)
        return parse_integer(range, text, number);
    *number = 0;
    return true;
}

static bool parse_size(const struct config_range *range, const char *text, int64_t *number)
{
    return parse_with_unit(text, size_units, number) && in_range(range, *number);
}

static bool parse_duration(const struct config_range *range, const char *text, int64_t *number)
{
    return parse_with_unit(text, duration_units, number) && in_range(range, *number);
}

/* A decimal fraction with at most six places. */
static bool parse_ratio(const struct config_range *range, const char *text, int64_t *number)
{
    const char *end;
    int64_t fraction = 0;
    int places = 0;
    if (!parse_digits(text, number, &end) || *number > 1000000)
        return false;
    if (*end == '.') {
        for (end++; isdigit((unsigned char)*end) && places < 6; end++, places++)
            fraction = fraction * 10 + (*end - '0');
    }
    for (; places < 6; places++)
        fraction *= 10;
    *number = *number * 1000000 + fraction;
    return *end == '\0' && in_range(range, *number);
}

static bool parse_bool(const struct config_range *range, const char *text, int64_t *number)
{
    (void)range;
    *number = strcmp(text, "true") == 0 || strcmp(text, "on") == 0;
    return *number || strcmp(text, "false") == 0 || strcmp(text, "off") == 0;
}

static bool parse_text(const struct config_range *range, const char *text, int64_t *number)
{
    size_t len = strlen(text);
    *number = 0;
    return len >= (size_t)range->min && (range->max == 0 || len <= (size_t)range->max);
}

static bool parse_choice(const struct config_range *range, const char *text, int64_t *number)
{
    size_t len = strlen(text);
    *number = 0;
    for (const char *p = range->choices; *p; (*number)++) {
        size_t choice = strcspn(p, "|");
        if (choice == len && memcmp(p, text, len) == 0)
            return true;
        p += choice + (p[choice] == '|');
    }
    return false;
}

static bool parse_level(const struct config_range *range, const char *text, int64_t *number)
{
    enum log_level level;
    (void)range;
    if (!log_level_parse(text, &level))
        return false;
    *number = (int64_t)level;
    return true;
}

static bool parse_address(const struct config_range *range, const char *text, int64_t *number)
{
    uint8_t address[sizeof(struct in6_addr)];
    (void)range;
    *number = 0;
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool parse_endpoint(const struct config_range *range, const char *text, int64_t *number)
{
    struct endpoint endpoint;
    (void)range;
    *number = 0;
    return endpoint_parse(text, &endpoint);
}

static const struct {
    bool (*parse)(const struct config_range *range, const char *text, int64_t *number);
    const char *must_be; /* without bounds */
    bool bounded;        /* the bounds belong into the sentence */
} parsers[] = {
    [CONFIG_TYPE_INTEGER] = {parse_integer, "an integer", true},
    [CONFIG_TYPE_LIMIT] = {parse_limit, "infinity or an integer", true},
    [CONFIG_TYPE_SIZE] = {parse_size, "a size such as 65536, 50MB or 1GiB", true},
    [CONFIG_TYPE_DURATION] = {parse_duration, "milliseconds or a duration such as 10s or 30m",
                              true},
    [CONFIG_TYPE_RATIO] = {parse_ratio, "a number such as 0.4", false},
    [CONFIG_TYPE_BOOL] = {parse_bool, "true or false", false},
    [CONFIG_TYPE_TEXT] = {parse_text, "a text of allowed length", false},
    [CONFIG_TYPE_SECRET] = {parse_text, "a text of allowed length", false},
    [CONFIG_TYPE_CHOICE] = {parse_choice, NULL, false},
    [CONFIG_TYPE_LEVEL] = {parse_level, "none, error, warning, info or debug", false},
    [CONFIG_TYPE_ADDRESS] = {parse_address, "an IP address", false},
    [CONFIG_TYPE_ENDPOINT] = {parse_endpoint, "a port, or address:port ([address]:port for IPv6)",
                              false},
};

/* "must be an integer from 0 to 65535", "must be one of a|b". */
static void explain(const struct config_range *range, char *why, size_t why_size)
{
    const char *must_be = parsers[range->type].must_be;
    if (range->type == CONFIG_TYPE_CHOICE)
        snprintf(why, why_size, "must be %s%s", strchr(range->choices, '|') ? "one of " : "",
                 range->choices);
    else if (!parsers[range->type].bounded)
        snprintf(why, why_size, "must be %s", must_be);
    else if (range->max == INT64_MAX)
        snprintf(why, why_size, "must be %s, at least %" PRId64, must_be, range->min);
    else
        snprintf(why, why_size, "must be %s, from %" PRId64 " to %" PRId64, must_be, range->min,
                 range->max);
}

bool config_value_parse(const struct config_range *range, const char *text, int64_t *number,
                        char *why, size_t why_size)
{
    if (parsers[range->type].parse(range, text, number))
        return true;
    explain(range, why, why_size);
    return false;
}
