/* SPDX-License-Identifier: Apache-2.0 */
/* Topic matching in the plainest way: a table over (words of the pattern, words of the key), filled
 * row by row. What the trie is compared with.
 */
#ifndef TESTS_UNIT_NAIVE_TOPIC_H
#define TESTS_UNIT_NAIVE_TOPIC_H

#include "base/slice.h"

#define NAIVE_WORDS_MAX 257

static inline size_t naive_split(struct slice key, struct slice *words)
{
    size_t count = 0;
    size_t start = 0;

    if (key.len == 0)
        return 0;
    for (size_t i = 0; i <= key.len; i++) {
        if (i < key.len && key.data[i] != '.')
            continue;
        words[count++] = slice_of(key.data + start, i - start);
        start = i + 1;
    }
    return count;
}

static inline bool naive_topic_match(struct slice pattern, struct slice key)
{
    struct slice pattern_words[NAIVE_WORDS_MAX];
    struct slice key_words[NAIVE_WORDS_MAX];
    size_t pattern_count = naive_split(pattern, pattern_words);
    size_t key_count = naive_split(key, key_words);
    bool row[NAIVE_WORDS_MAX] = {true}; /* row[k]: the pattern so far matches the first k words */

    for (size_t p = 0; p < pattern_count; p++) {
        bool next[NAIVE_WORDS_MAX] = {false};
        if (slice_equal_str(pattern_words[p], "#")) {
            bool any = false;
            for (size_t k = 0; k <= key_count; k++) {
                any = any || row[k];
                next[k] = any;
            }
        } else {
            for (size_t k = 1; k <= key_count; k++)
                next[k] = row[k - 1] && (slice_equal_str(pattern_words[p], "*") ||
                                         slice_equal(pattern_words[p], key_words[k - 1]));
        }
        memcpy(row, next, sizeof(row));
    }
    return row[key_count];
}

#endif
