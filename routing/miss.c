/* SPDX-License-Identifier: Apache-2.0 */
/* Near misses by key: the direct and the topic exchange's. (The headers exchange's: headers_miss.c.) */
#include "routing/miss.h"

#include "routing/router.h"

#include <ctype.h>

#define WORDS_MAX 256 /* those of 255 bytes; a key of CC may have more: the rest is not looked at */

/* ---- direct ---- */

static size_t common_start(struct slice a, struct slice b, size_t most)
{
    size_t len = 0;

    while (len < most && a.data[len] == b.data[len])
        len++;
    return len;
}

static size_t common_end(struct slice a, struct slice b, size_t most)
{
    size_t len = 0;

    while (len < most && a.data[a.len - 1 - len] == b.data[b.len - 1 - len])
        len++;
    return len;
}

static bool same_letters(struct slice a, struct slice b)
{
    for (size_t i = 0; i < a.len; i++)
        if (tolower(a.data[i]) != tolower(b.data[i]))
            return false;
    return true;
}

/* How long the one stretch is in which the two differ; 1 where only the case does. */
static uint32_t key_distance(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    size_t longer = a.len < b.len ? b.len : a.len;

    if (a.len == b.len && same_letters(a, b))
        return 1;
    size_t start = common_start(a, b, shorter);
    size_t end = common_end(a, b, shorter - start);
    return (uint32_t)(longer - start - end) + 1;
}

/* The request's key that comes nearest, and how near. */
static uint32_t nearest_key(const struct route_request *request, struct slice wanted,
                            uint32_t (*distance)(struct slice key, struct slice wanted),
                            struct slice *nearest)
{
    uint32_t least = UINT32_MAX;

    *nearest = slice_str("");
    for (size_t i = 0; i < request->key_count; i++) {
        uint32_t found = distance(request->keys[i], wanted);
        if (found < least) {
            least = found;
            *nearest = request->keys[i];
        }
    }
    return least;
}

uint32_t direct_miss(const struct route_request *request, const struct binding *binding,
                     struct buf *reason)
{
    struct slice key;
    uint32_t distance = nearest_key(request, binding->key, key_distance, &key);

    if (!reason)
        return distance;
    buf_printf(reason, "needs the key \"%.*s\", the message has \"%.*s\"", SLICE_FMT(binding->key),
               SLICE_FMT(key));
    if (key.len == binding->key.len && same_letters(key, binding->key))
        buf_add_str(reason, ": upper and lower case differ");
    return distance;
}

/* ---- topic ---- */

struct words {
    struct slice word[WORDS_MAX];
    size_t count;
};

/* As the topic trie splits: an empty key has no words, everywhere else an empty word is one. */
static void split(struct words *words, struct slice key)
{
    words->count = 0;
    if (key.len == 0)
        return;
    size_t start = 0;
    for (size_t i = 0; i <= key.len && words->count < WORDS_MAX; i++) {
        if (i < key.len && key.data[i] != '.')
            continue;
        words->word[words->count++] = slice_of(key.data + start, i - start);
        start = i + 1;
    }
}

static bool is_many(struct slice word)
{
    return slice_equal_str(word, "#");
}

static bool word_fits(struct slice wanted, struct slice word)
{
    return slice_equal_str(wanted, "*") || slice_equal(wanted, word);
}

/* What stands between a pattern and a key. A pattern with a `#` has a start before the first one and
 * an end behind the last. */
struct gap {
    size_t least;      /* words that the pattern needs at least… */
    bool exact;        /* …and at most */
    size_t have;       /* words of the key */
    size_t differ;     /* words of start and end that differ */
    struct slice need; /* the first of them, */
    struct slice has;  /* and what the key has there: */
    size_t place;      /* its number, from 1; */
    bool from_end;     /* counted from the end */
};

static void note_word(struct gap *gap, struct slice need, struct slice has, size_t place,
                      bool from_end)
{
    if (word_fits(need, has))
        return;
    if (gap->differ++ > 0)
        return;
    gap->need = need;
    gap->has = has;
    gap->place = place;
    gap->from_end = from_end;
}

/* Where the first `#` is, counted from that end; all words when there is none. */
static size_t words_before_many(const struct words *pattern, bool from_end)
{
    size_t i = 0;

    while (i < pattern->count && !is_many(pattern->word[from_end ? pattern->count - 1 - i : i]))
        i++;
    return i;
}

static void measure(struct gap *gap, const struct words *pattern, const struct words *key)
{
    size_t start = words_before_many(pattern, false);
    size_t end = start < pattern->count ? words_before_many(pattern, true) : 0;

    *gap = (struct gap){.exact = start == pattern->count, .have = key->count};
    for (size_t i = 0; i < pattern->count; i++)
        gap->least += !is_many(pattern->word[i]);
    for (size_t i = 0; i < start && i < key->count; i++)
        note_word(gap, pattern->word[i], key->word[i], i + 1, false);
    for (size_t i = 0; i < end && i + start < key->count; i++)
        note_word(gap, pattern->word[pattern->count - 1 - i], key->word[key->count - 1 - i], i + 1,
                  true);
}

static size_t words_off(const struct gap *gap)
{
    if (gap->have < gap->least)
        return gap->least - gap->have;
    return gap->exact ? gap->have - gap->least : 0;
}

static void measure_keys(struct gap *gap, struct slice key, struct slice pattern)
{
    struct words key_words, pattern_words;

    split(&key_words, key);
    split(&pattern_words, pattern);
    measure(gap, &pattern_words, &key_words);
}

static uint32_t topic_distance(struct slice key, struct slice pattern)
{
    struct gap gap;

    measure_keys(&gap, key, pattern);
    size_t distance = words_off(&gap) + gap.differ;
    return distance ? (uint32_t)distance : 1;
}

static void explain_place(struct buf *reason, const struct gap *gap)
{
    if (!gap->from_end)
        buf_printf(reason, "as word %zu", gap->place);
    else if (gap->place == 1)
        buf_add_str(reason, "as the last word");
    else
        buf_printf(reason, "as word %zu from the end", gap->place);
}

static void explain_count(struct buf *reason, const struct gap *gap)
{
    if (gap->have == 0)
        buf_printf(reason, "needs %s%zu word%s, the key is empty", gap->exact ? "" : "at least ",
                   gap->least, gap->least == 1 ? "" : "s");
    else
        buf_printf(reason, "needs %s%zu word%s, the key has %zu", gap->exact ? "" : "at least ",
                   gap->least, gap->least == 1 ? "" : "s", gap->have);
}

static void explain_gap(struct buf *reason, const struct gap *gap)
{
    size_t off = words_off(gap);

    if (off)
        explain_count(reason, gap);
    if (gap->differ) {
        buf_printf(reason, "%s \"%.*s\" ", off ? "; and" : "needs", SLICE_FMT(gap->need));
        explain_place(reason, gap);
        buf_printf(reason, ", the key has \"%.*s\"", SLICE_FMT(gap->has));
    }
    if (gap->differ > 1)
        buf_printf(reason, " (%zu words differ)", gap->differ);
    if (!off && !gap->differ)
        buf_add_str(reason, "has words between two \"#\" that the key does not have there");
}

uint32_t topic_miss(const struct route_request *request, const struct binding *binding,
                    struct buf *reason)
{
    struct slice key;
    uint32_t distance = nearest_key(request, binding->key, topic_distance, &key);

    if (reason) {
        struct gap gap;
        measure_keys(&gap, key, binding->key);
        explain_gap(reason, &gap);
    }
    return distance;
}
