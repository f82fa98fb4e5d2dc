/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/err.h. */
#include "base/err.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(no_error_is_zero)
{
    ck_assert_int_eq(ERR_OK, 0);
    ck_assert_str_eq(err_text(ERR_OK), "ok");
}
END_TEST

START_TEST(every_error_has_a_text_of_its_own)
{
    static const enum err all[] = {
#define X(name, text) ERR_##name,
        ERR_TABLE(X)
#undef X
    };
    size_t count = sizeof all / sizeof all[0];

    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_gt(strlen(err_text(all[i])), 0);
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(err_text(all[i]), err_text(all[j]));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("err");
    TCase *tests = tcase_create("err");
    tcase_add_test(tests, no_error_is_zero);
    tcase_add_test(tests, every_error_has_a_text_of_its_own);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
