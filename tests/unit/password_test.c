/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashes: RabbitMQ's documented example, all algorithms, and what must not pass. */
#include "broker/password.h"

#include "base/mem.h"

#include <check.h>
#include <stdlib.h>

#define ALGORITHMS 4

START_TEST(documented_hash_belongs_to_its_password)
{
    /* The worked example of RabbitMQ's guide on passwords: salt 908DC60A, password "test12". */
    struct slice hash = slice_str("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");

    ck_assert(password_verify(PASSWORD_SHA256, hash, slice_str("test12")));
    ck_assert(!password_verify(PASSWORD_SHA256, hash, slice_str("test13")));
    ck_assert(!password_verify(PASSWORD_SHA512, hash, slice_str("test12")));
}
END_TEST

START_TEST(own_hashes_verify)
{
    enum password_algorithm algorithm = (enum password_algorithm)_i;
    struct rng rng;
    rng_init_u64(&rng, 7);

    const struct password_hashing hashing = {.algorithm = algorithm, .iterations = 1000};
    char *hash = password_hash(&hashing, &rng, slice_str("s3cret"));
    char *other = password_hash(&hashing, &rng, slice_str("s3cret"));
    ck_assert_str_ne(hash, other); /* salted */
    ck_assert(password_hash_valid(algorithm, slice_str(hash)));
    ck_assert(password_verify(algorithm, slice_str(hash), slice_str("s3cret")));
    ck_assert(password_verify(algorithm, slice_str(other), slice_str("s3cret")));
    ck_assert(!password_verify(algorithm, slice_str(hash), slice_str("s3cre")));
    ck_assert(!password_verify(algorithm, slice_str(hash), slice_str("s3cret ")));
    mem_free(hash);
    mem_free(other);
}
END_TEST

START_TEST(names_go_both_ways)
{
    enum password_algorithm parsed;
    const char *name = password_algorithm_name((enum password_algorithm)_i);

    ck_assert(password_algorithm_parse(slice_str(name), &parsed));
    ck_assert_int_eq(parsed, _i);
    ck_assert(!password_algorithm_parse(slice_str("rabbit_password_hashing_sha1"), &parsed));
}
END_TEST

START_TEST(empty_password_and_empty_hash_log_nobody_in)
{
    struct rng rng;
    rng_init_u64(&rng, 7);
    const struct password_hashing hashing = {.algorithm = PASSWORD_SHA256};
    char *hash = password_hash(&hashing, &rng, slice_str(""));

    ck_assert(!password_verify(PASSWORD_SHA256, slice_str(hash), slice_str("")));
    ck_assert(!password_verify(PASSWORD_SHA256, slice_str(""), slice_str("")));
    ck_assert(!password_verify(PASSWORD_SHA256, slice_str(""), slice_str("x")));
    ck_assert(!password_hash_valid(PASSWORD_SHA256, slice_str("")));
    ck_assert(!password_hash_valid(PASSWORD_SHA256, slice_str("not base64")));
    ck_assert(!password_hash_valid(PASSWORD_SHA256, slice_str("Zm9vYmFy")));
    mem_free(hash);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("password");
    TCase *tests = tcase_create("password");

    tcase_add_test(tests, documented_hash_belongs_to_its_password);
    tcase_add_loop_test(tests, own_hashes_verify, 0, ALGORITHMS);
    tcase_add_loop_test(tests, names_go_both_ways, 0, ALGORITHMS);
    tcase_add_test(tests, empty_password_and_empty_hash_log_nobody_in);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
