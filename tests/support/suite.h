/* SPDX-License-Identifier: Apache-2.0 */
/* Running one suite of Check tests. */
#ifndef TESTS_SUPPORT_SUITE_H
#define TESTS_SUPPORT_SUITE_H

#include "base/check.h" /* ARRAY_LEN() */

#include <check.h>
#include <stddef.h>

/* Runs the tests between `setup` and `teardown` (both may be NULL); main()'s exit status. */
int suite_run(const char *name, void (*setup)(void), void (*teardown)(void),
              const TTest *const *tests, size_t count);

#endif
