/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions on PCRE2: compiled once, just in time where the machine allows it.
 *
 * (1) A match ends after MATCH_STEPS_MAX steps whatever the pattern: an evil one costs about a
 *     millisecond and is answered with PATTERN_GAVE_UP.
 * (2) Subjects are bytes: a name that is no UTF-8 can't make a match fail in an unforeseen way.
 */
#include "broker/pattern.h"

#include "base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

/* Backtracking steps: names hold at most 255 bytes, so honest patterns need a few hundred. */
#define MATCH_STEPS_MAX 100000u
/* KiB that the interpreter may use for backtracking when there is no just-in-time code. */
#define MATCH_HEAP_MAX 2048u

struct pattern {
    char *source;
    size_t source_len;
    bool everything;  /* '.*', the most frequent one: it is never compiled */
    pcre2_code *code; /* NULL when `everything`, as are the two below */
    pcre2_match_data *match_data;
    pcre2_match_context *limits;
};

static enum err explain(int error, size_t offset, char *message, size_t message_size)
{
    PCRE2_UCHAR text[128];

    pcre2_get_error_message(error, text, sizeof(text));
    snprintf(message, message_size, "%s at offset %zu", (const char *)text, offset);
    return ERR_SYNTAX;
}

/* What running it takes. */
static void prepare(struct pattern *pattern, pcre2_code *code)
{
    pattern->code = code;
    /* Where there is no executable memory to be had the interpreter serves. */
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    pattern->match_data = pcre2_match_data_create(1, NULL);
    pattern->limits = pcre2_match_context_create(NULL);
    CHECK(pattern->match_data);
    CHECK(pattern->limits);
    pcre2_set_match_limit(pattern->limits, MATCH_STEPS_MAX);
    pcre2_set_heap_limit(pattern->limits, MATCH_HEAP_MAX);
}

enum err pattern_new(struct slice source, struct pattern **pattern, char *message,
                     size_t message_size)
{
    struct slice text = source.len ? source : slice_str("^$");
    bool everything = slice_equal_str(source, ".*");
    pcre2_code *code = NULL;
    int error;
    size_t offset;

    if (source.len > PATTERN_LEN_MAX) {
        snprintf(message, message_size, "longer than %d bytes", PATTERN_LEN_MAX);
        return ERR_LIMIT;
    }
    if (!everything) {
        code = pcre2_compile(text.data, text.len, 0, &error, &offset, NULL);
        if (!code)
            return explain(error, offset, message, message_size);
    }
    struct pattern *made = MEM_NEW(struct pattern);
    made->source = slice_dup(source);
    made->source_len = source.len;
    made->everything = everything;
    if (code)
        prepare(made, code);
    *pattern = made;
    return ERR_OK;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_match_context_free(pattern->limits);
    pcre2_match_data_free(pattern->match_data);
    pcre2_code_free(pattern->code);
    mem_free(pattern->source);
    mem_free(pattern);
}

enum pattern_result pattern_match(const struct pattern *pattern, struct slice subject)
{
    const uint8_t *data = subject.data ? subject.data : (const uint8_t *)"";

    if (pattern->everything)
        return PATTERN_MATCH;
    int result =
        pcre2_match(pattern->code, data, subject.len, 0, 0, pattern->match_data, pattern->limits);
    if (result >= 0)
        return PATTERN_MATCH;
    return result == PCRE2_ERROR_NOMATCH ? PATTERN_NO_MATCH : PATTERN_GAVE_UP;
}

struct slice pattern_source(const struct pattern *pattern)
{
    return slice_of(pattern->source, pattern->source_len);
}
