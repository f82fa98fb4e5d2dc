/* SPDX-License-Identifier: Apache-2.0 */
/* See coverage.h. */
#include "tests/sim/coverage.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>

static enum cover_outcome outcome_of(uint16_t code, bool hard)
{
    if (hard)
        return COVER_HARD_OUTCOME;
    switch (code) {
    case 0:
        return COVER_DONE_OUTCOME;
    case 403:
        return COVER_REFUSED_OUTCOME;
    case 404:
        return COVER_MISSING_OUTCOME;
    case 405:
        return COVER_LOCKED_OUTCOME;
    default:
        return COVER_FAILED_OUTCOME;
    }
}

void coverage_note_method(struct coverage *coverage, enum method_kind kind, uint16_t code,
                          bool hard)
{
    CHECK(kind < METHOD_COUNT);
    coverage->methods[kind][outcome_of(code, hard)]++;
}

void coverage_add(struct coverage *sum, const struct coverage *coverage)
{
    for (size_t i = 0; i < METHOD_COUNT; i++)
        for (size_t j = 0; j < COVER_OUTCOMES; j++)
            sum->methods[i][j] += coverage->methods[i][j];
    for (size_t i = 0; i < COVER_EVENTS; i++)
        sum->events[i] += coverage->events[i];
}

static bool is_met(const uint64_t *outcomes)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < COVER_OUTCOMES; i++)
        sum += outcomes[i];
    return sum > 0;
}

static void print_heads(void)
{
    static const char *const heads[] = {
#define X(name, text) text,
        COVER_OUTCOME_TABLE(X)
#undef X
    };
    printf("%-24s", "per thousand worlds");
    for (size_t i = 0; i < COVER_OUTCOMES; i++)
        printf("%10s", heads[i]);
    printf("\n");
}

void coverage_print(const struct coverage *coverage, uint64_t worlds)
{
    static const char *const events[] = {
#define X(name, text) text,
        COVER_EVENT_TABLE(X)
#undef X
    };
    CHECK(worlds > 0);
    print_heads();
    for (unsigned i = 0; i < METHOD_COUNT; i++) {
        if (!is_met(coverage->methods[i]))
            continue;
        printf("%-24s", method_info((enum method_kind)i)->name);
        for (size_t j = 0; j < COVER_OUTCOMES; j++)
            printf("%10" PRIu64, coverage->methods[i][j] * 1000 / worlds);
        printf("\n");
    }
    for (size_t i = 0; i < COVER_EVENTS; i++)
        printf("%10" PRIu64 "  %s\n", coverage->events[i] * 1000 / worlds, events[i]);
}
