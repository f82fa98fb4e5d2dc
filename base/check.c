/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a process that has found a bug in itself: one line to stderr, then abort(), so that a
 * core dump shows the objects. */
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *function, const char *what)
{
    fprintf(stderr, "%s:%d: %s: check failed: %s\n", file, line, function, what);
    abort();
}

_Noreturn void check_panic(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("panic: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}
