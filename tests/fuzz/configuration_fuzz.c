/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration file: every line is taken or complained about, and what is printed of
 * what was taken is a file that says the same. Secrets aside, which are not printed.
 */
#include "server/configuration.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct configuration *first = configuration_new();
    struct configuration *second = configuration_new();
    struct buf first_text = BUF_INIT;
    struct buf second_text = BUF_INIT;
    configuration_parse(first, "first", slice_of(data, size));
    configuration_check(first);
    configuration_print(first, &first_text);
    configuration_parse(second, "second", buf_slice(&first_text));
    CHECK(configuration_errors(second).len == 0);
    if (!strstr(buf_cstr(&first_text), "not shown")) {
        configuration_print(second, &second_text);
        CHECK(slice_equal(buf_slice(&first_text), buf_slice(&second_text)));
    }
    buf_fini(&first_text);
    buf_fini(&second_text);
    configuration_free(first);
    configuration_free(second);
    return 0;
}
