/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes over a socket pair, without TLS (the integration tests drive it with TLS): what is read,
 * what does not fit, how the end and a failure look. */
#include "server/transport.h"

#include "base/check.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static struct transport transport;
static int peer;

static void setup(void)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    transport_init(&transport, pair[0], NULL);
    peer = pair[1];
    signal(SIGPIPE, SIG_IGN);
}

static void teardown(void)
{
    transport_fini(&transport);
    if (peer >= 0)
        close(peer);
}

START_TEST(nothing_to_read)
{
    char byte;
    ck_assert_int_eq(transport_read(&transport, &byte, 1).status, TRANSPORT_WANT_READ);
    ck_assert(!transport_has_pending(&transport));
}
END_TEST

START_TEST(reads_what_there_is)
{
    char text[16];
    ck_assert_int_eq(write(peer, "wombat", 6), 6);
    struct transport_result result = transport_read(&transport, text, sizeof(text));
    ck_assert_int_eq(result.status, TRANSPORT_OK);
    ck_assert_uint_eq(result.count, 6);
    ck_assert_int_eq(memcmp(text, "wombat", 6), 0);
}
END_TEST

START_TEST(the_end_of_the_stream)
{
    char text[16];
    ck_assert_int_eq(write(peer, "x", 1), 1);
    ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
    ck_assert_int_eq(transport_read(&transport, text, sizeof(text)).status, TRANSPORT_OK);
    ck_assert_int_eq(transport_read(&transport, text, sizeof(text)).status, TRANSPORT_CLOSED);
}
END_TEST

START_TEST(runs_are_written_in_order)
{
    struct slice runs[100];
    char text[256];
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        runs[i] = slice_of(&"0123456789"[i % 10], 1);
    size_t written = 0;
    while (written < ARRAY_LEN(runs)) {
        struct transport_result result =
            transport_write(&transport, runs + written, ARRAY_LEN(runs) - written);
        ck_assert_int_eq(result.status, TRANSPORT_OK);
        ck_assert_uint_gt(result.count, 0);
        written += result.count;
    }
    ck_assert_int_eq(read(peer, text, sizeof(text)), (ssize_t)ARRAY_LEN(runs));
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        ck_assert_int_eq(text[i], "0123456789"[i % 10]);
}
END_TEST

START_TEST(a_full_socket)
{
    static const char block[65536];
    const struct slice run = slice_of(block, sizeof(block));
    struct transport_result result;
    int writes = 0;
    do {
        result = transport_write(&transport, &run, 1);
        ck_assert_int_lt(++writes, 10000);
    } while (result.status == TRANSPORT_OK);
    ck_assert_int_eq(result.status, TRANSPORT_WANT_WRITE);
    ck_assert_uint_eq(result.count, 0);
}
END_TEST

START_TEST(a_failure_has_a_reason)
{
    const struct slice run = slice_str("hello?");
    close(peer);
    peer = -1;
    ck_assert_int_eq(transport_write(&transport, &run, 1).status, TRANSPORT_FAILED);
    ck_assert_str_eq(transport_reason(&transport), strerror(EPIPE));
}
END_TEST

START_TEST(after_shutdown_the_peer_sees_the_end)
{
    char text[16];
    const struct slice run = slice_str("bye");
    ck_assert_int_eq(transport_write(&transport, &run, 1).status, TRANSPORT_OK);
    transport_shutdown(&transport);
    ck_assert_int_eq(read(peer, text, sizeof(text)), 3);
    ck_assert_int_eq(read(peer, text, sizeof(text)), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        nothing_to_read,
        reads_what_there_is,
        the_end_of_the_stream,
        runs_are_written_in_order,
        a_full_socket,
        a_failure_has_a_reason,
        after_shutdown_the_peer_sees_the_end,
    };
    return suite_run("transport", setup, teardown, tests, ARRAY_LEN(tests));
}
