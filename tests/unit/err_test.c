/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/err.h. */
#include "base/err.h"
#include "tests/support/suite.h"

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
    const TTest *const tests[] = {
        no_error_is_zero,
        every_error_has_a_text_of_its_own,
    };
    return suite_run("err", NULL, NULL, tests, ARRAY_LEN(tests));
}
