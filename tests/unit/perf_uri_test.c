/* SPDX-License-Identifier: Apache-2.0 */
/* AMQP addresses. */
#include "tools/perf_uri.h"

#include "base/check.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

struct example {
    const char *text;
    const char *parts; /* user password host port vhost, separated by spaces; NULL: refused */
};

static const struct example EXAMPLES[] = {
    {"amqp://", "guest guest localhost 5672 /"},
    {"amqps://", "guest guest localhost 5671 /"},
    {"amqp://host", "guest guest host 5672 /"},
    {"amqp://host:1/", "guest guest host 1 /"},
    {"amqp://u:p@host:10/v", "u p host 10 v"},
    {"amqp://u:p@/v", "u p localhost 5672 v"},
    {"amqp://u@host", "u  host 5672 /"},
    {"amqp://u:p%40%3a@host/a%2Fb", "u p@: host 5672 a/b"},
    {"amqp://u:p@q@host", "u p@q host 5672 /"},
    {"amqp://[::1]:5673/%2f", "guest guest ::1 5673 /"},
    {"amqp://[::1]", "guest guest ::1 5672 /"},
    {"amqp://host/v?heartbeat=5", "guest guest host 5672 v"},
    {"http://host", NULL},
    {"amqp:/host", NULL},
    {"amqp://host:0", NULL},
    {"amqp://host:65536", NULL},
    {"amqp://host:port", NULL},
    {"amqp://[::1]5672", NULL},
    {"amqp://u%4:p@host", NULL},
    {"amqp://host/%zz", NULL},
    {"amqp://host/%00", NULL},
};

START_TEST(parts_are_found)
{
    for (size_t i = 0; i < ARRAY_LEN(EXAMPLES); i++) {
        const struct example *example = &EXAMPLES[i];
        struct perf_uri uri;
        char error[200] = "";
        char parts[1300];
        bool good = perf_uri_parse(&uri, example->text, error, sizeof(error));
        ck_assert_msg(good == (example->parts != NULL), "%s", example->text);
        if (!good) {
            ck_assert_msg(strncmp(error, "--uri: ", 7) == 0, "%s", error);
            continue;
        }
        snprintf(parts, sizeof(parts), "%s %s %s %s %s", uri.user, uri.password, uri.host, uri.port,
                 uri.vhost);
        ck_assert_str_eq(parts, example->parts);
        ck_assert(uri.tls == (example->text[4] == 's'));
    }
}
END_TEST

START_TEST(long_parts_are_refused)
{
    struct perf_uri uri;
    char error[200];
    char text[700] = "amqp://";
    memset(text + 7, 'a', 600);
    text[607] = '\0';
    ck_assert(!perf_uri_parse(&uri, text, error, sizeof(error)));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {parts_are_found, long_parts_are_refused};
    return suite_run("perf_uri", NULL, NULL, tests, ARRAY_LEN(tests));
}
