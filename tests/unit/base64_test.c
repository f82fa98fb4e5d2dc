/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 against RFC 4648's vectors, and what must not be decoded. */
#include "base/base64.h"

#include <check.h>
#include <stdlib.h>

struct vector {
    const char *plain, *text;
};

static const struct vector vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

START_TEST(encodes_and_decodes_the_vectors)
{
    const struct vector *vector = &vectors[_i];
    struct buf text = BUF_INIT, plain = BUF_INIT;

    base64_encode(&text, slice_str(vector->plain));
    ck_assert_str_eq(buf_cstr(&text), vector->text);
    ck_assert_int_eq(base64_decode(&plain, slice_str(vector->text)), ERR_OK);
    ck_assert_str_eq(buf_cstr(&plain), vector->plain);
    buf_fini(&text);
    buf_fini(&plain);
}
END_TEST

START_TEST(every_byte_survives)
{
    uint8_t bytes[256];
    struct buf text = BUF_INIT, back = BUF_INIT;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        buf_clear(&text);
        buf_clear(&back);
        base64_encode(&text, slice_of(bytes, len));
        ck_assert_int_eq(base64_decode(&back, buf_slice(&text)), ERR_OK);
        ck_assert(slice_equal(buf_slice(&back), slice_of(bytes, len)));
    }
    buf_fini(&text);
    buf_fini(&back);
}
END_TEST

START_TEST(refuses_what_is_not_base64)
{
    static const char *const bad[] = {"Z",    "Zg",       "Zg=",  "Zg=a", "====", "Z===", "Zh==",
                                      "Zm9=", "Zg==Zg==", "Zm 9", "Zm-_", "=Zg=", "\nm9v"};
    struct buf out = BUF_INIT;

    buf_add_str(&out, "kept");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(base64_decode(&out, slice_str(bad[i])) == ERR_SYNTAX, "%s", bad[i]);
        ck_assert_str_eq(buf_cstr(&out), "kept");
    }
    buf_fini(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base64");
    TCase *tests = tcase_create("base64");

    tcase_add_loop_test(tests, encodes_and_decodes_the_vectors, 0, ARRAY_LEN(vectors));
    tcase_add_test(tests, every_byte_survives);
    tcase_add_test(tests, refuses_what_is_not_base64);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
