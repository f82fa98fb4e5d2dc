/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions that stay on in production, and the end of a process that has found a bug in itself.
 *
 * CHECK(condition) is for bugs only: conditions that no input can bring about. What an operator, a
 * disk or a peer can bring about is an enum err or a reply, never a CHECK.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

/* Prints file, line, function and the condition that did not hold to stderr and aborts. */
_Noreturn void check_failed(const char *file, int line, const char *function, const char *what);

/* Prints a formatted reason to stderr and aborts. For what cannot be gone on from (no memory for a
 * small fixed allocation). */
_Noreturn void check_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            check_failed(__FILE__, __LINE__, __func__, #condition);                                \
    } while (0)

#define UNREACHABLE() check_failed(__FILE__, __LINE__, __func__, "unreachable")

#define MUST_USE __attribute__((warn_unused_result))

/* The object that `pointer`, the address of its member `member`, is embedded in. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer) - __builtin_offsetof(type, member)))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#endif
