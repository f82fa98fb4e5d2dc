/* SPDX-License-Identifier: Apache-2.0 */
/* Pools give back what was freed last, keep no more than they may, and forget nothing. */
#include "base/pool.h"
#include "tests/support/suite.h"

#include <string.h>

START_TEST(gives_out_again_what_came_back)
{
    struct pool pool;
    pool_init(&pool, 64, 2);
    void *a = pool_take(&pool);
    void *b = pool_take(&pool);
    void *c = pool_take(&pool);
    memset(a, 1, 64);
    memset(b, 2, 64);
    memset(c, 3, 64);
    ck_assert(a != b && b != c && a != c);
    pool_give(&pool, a);
    pool_give(&pool, b);
    pool_give(&pool, c);
    ck_assert_uint_le(pool.kept, 2);
    if (pool.kept_max) {
        ck_assert_ptr_eq(pool_take(&pool), b);
        pool_give(&pool, b);
    }
    pool_fini(&pool);
}
END_TEST

START_TEST(works_without_keeping)
{
    struct pool pool;
    pool_init(&pool, sizeof(void *), 0);
    pool_give(&pool, pool_take(&pool));
    ck_assert_uint_eq(pool.kept, 0);
    pool_fini(&pool);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {gives_out_again_what_came_back, works_without_keeping};
    return suite_run("pool", NULL, NULL, tests, ARRAY_LEN(tests));
}
