/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of the operating errors, from the table in the header. */
#include "base/err.h"

#include "base/check.h"

#include <stddef.h>

const char *err_text(enum err error)
{
    static const char *const texts[] = {
#define X(name, text) [ERR_##name] = (text),
        ERR_TABLE(X)
#undef X
    };

    CHECK((size_t)error < ARRAY_LEN(texts));
    return texts[error];
}
