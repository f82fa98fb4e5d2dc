/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/heap.h, the last one against a plain sorted scan. */
#include "base/heap.h"

#include "base/check.h"
#include "base/rng.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define NODES 500

static void assert_heap(const struct heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        ck_assert_uint_eq(heap->nodes[i]->index, i + 1);
        if (i > 0)
            ck_assert_int_le(heap->nodes[(i - 1) / 2]->key, heap->nodes[i]->key);
    }
}

START_TEST(the_earliest_comes_first)
{
    static const int64_t keys[] = {5, INT64_MAX, -3, 9, 0, INT64_MIN, 7};
    static const int64_t sorted[] = {INT64_MIN, -3, 0, 5, 7, 9, INT64_MAX};
    struct heap_node nodes[ARRAY_LEN(keys)] = {0};
    struct heap heap = HEAP_INIT;

    ck_assert_ptr_null(heap_first(&heap));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        heap_insert(&heap, &nodes[i], keys[i]);
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
        ck_assert_int_eq(heap_first(&heap)->key, sorted[i]);
        heap_remove(&heap, heap_first(&heap));
    }
    ck_assert_ptr_null(heap_first(&heap));
    heap_fini(&heap);
}
END_TEST

START_TEST(equal_deadlines_leave_in_order_of_insertion)
{
    struct heap_node nodes[100] = {0};
    struct heap heap = HEAP_INIT;

    for (size_t i = 0; i < 100; i++)
        heap_insert(&heap, &nodes[i], 42);
    heap_move(&heap, &nodes[0], 42); /* the last among its equals now */
    for (size_t i = 1; i <= 100; i++) {
        ck_assert_ptr_eq(heap_first(&heap), &nodes[i % 100]);
        heap_remove(&heap, heap_first(&heap));
    }
    heap_fini(&heap);
}
END_TEST

START_TEST(removing_what_is_not_there_is_harmless)
{
    struct heap_node node = {0};
    struct heap heap = HEAP_INIT;

    heap_remove(&heap, &node);
    heap_insert(&heap, &node, 1);
    ck_assert(heap_linked(&node));
    heap_remove(&heap, &node);
    heap_remove(&heap, &node);
    ck_assert(!heap_linked(&node));
    heap_fini(&heap);
}
END_TEST

START_TEST(move_inserts_too)
{
    struct heap_node node = {0};
    struct heap heap = HEAP_INIT;

    heap_move(&heap, &node, 8);
    ck_assert_int_eq(heap_first(&heap)->key, 8);
    heap_move(&heap, &node, 3);
    ck_assert_int_eq(heap_first(&heap)->key, 3);
    ck_assert_uint_eq(heap.count, 1);
    heap_fini(&heap);
}
END_TEST

static const struct heap_node *scan_for_first(const struct heap_node *nodes)
{
    const struct heap_node *first = NULL;

    for (size_t i = 0; i < NODES; i++) {
        const struct heap_node *node = &nodes[i];
        if (heap_linked(node) && (!first || node->key < first->key ||
                                  (node->key == first->key && node->sequence < first->sequence)))
            first = node;
    }
    return first;
}

START_TEST(agrees_with_a_scan_over_random_steps)
{
    static struct heap_node nodes[NODES];
    memset(nodes, 0, sizeof(nodes)); /* a loop test, which does not always fork */
    struct heap heap = HEAP_INIT;
    struct rng rng;

    rng_init_u64(&rng, (uint64_t)_i);
    for (int step = 0; step < 5000; step++) {
        struct heap_node *node = &nodes[rng_below(&rng, NODES)];
        int64_t key = (int64_t)rng_below(&rng, 50);
        if (rng_below(&rng, 3) == 0)
            heap_remove(&heap, node);
        else
            heap_move(&heap, node, key);
        ck_assert_ptr_eq(heap_first(&heap), scan_for_first(nodes));
    }
    assert_heap(&heap);
    heap_fini(&heap);
}
END_TEST

START_TEST(memory_follows_the_count)
{
    static struct heap_node nodes[10000];
    struct heap heap = HEAP_INIT;

    for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
        heap_insert(&heap, &nodes[i], (int64_t)i);
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
        heap_remove(&heap, &nodes[i]);
    ck_assert_uint_le(heap.capacity, 64);
    heap_fini(&heap);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap");
    TCase *tests = tcase_create("heap");
    tcase_add_test(tests, the_earliest_comes_first);
    tcase_add_test(tests, equal_deadlines_leave_in_order_of_insertion);
    tcase_add_test(tests, removing_what_is_not_there_is_harmless);
    tcase_add_test(tests, move_inserts_too);
    tcase_add_loop_test(tests, agrees_with_a_scan_over_random_steps, 0, 5);
    tcase_add_test(tests, memory_follows_the_count);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
