/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/arena.h. */
#include "base/arena.h"
#include "tests/support/suite.h"

#include <stdalign.h>
#include <stdint.h>

START_TEST(pieces_do_not_overlap)
{
    static uint8_t *pieces[5000];
    struct arena arena = ARENA_INIT;

    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        size_t size = i * 7 % 100 + 1;
        pieces[i] = arena_alloc(&arena, size);
        ck_assert_uint_eq((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)(i % 251), size);
        if (i % 3 == 0) {
            struct slice copy = arena_copy(&arena, slice_str("odd"));
            ck_assert(slice_equal_str(copy, "odd"));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        for (size_t byte = 0; byte < i * 7 % 100 + 1; byte++)
            ck_assert_uint_eq(pieces[i][byte], i % 251);
    arena_fini(&arena);
}
END_TEST

START_TEST(large_pieces_get_blocks_of_their_own)
{
    struct arena arena = ARENA_INIT;

    for (size_t i = 0; i < 10; i++)
        memset(arena_alloc(&arena, 1000000), 1, 1000000);
    arena_fini(&arena);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 1)); /* usable again */
    arena_fini(&arena);
}
END_TEST

START_TEST(nothing_copies_to_nothing)
{
    struct arena arena = ARENA_INIT;

    ck_assert_uint_eq(arena_copy(&arena, slice_of(NULL, 0)).len, 0);
    ck_assert_ptr_null(arena.blocks);
    arena_fini(&arena);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        pieces_do_not_overlap,
        large_pieces_get_blocks_of_their_own,
        nothing_copies_to_nothing,
    };
    return suite_run("arena", NULL, NULL, tests, ARRAY_LEN(tests));
}
