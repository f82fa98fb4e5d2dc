/* SPDX-License-Identifier: Apache-2.0 */
/* Every route of the HTTP API × every kind of user: who is let in follows from the route's class alone,
 * and what changes users, rights and virtual hosts is the administrators'. */
#include "broker/access.h"
#include "management/route.h"
#include "tests/support/api_fixture.h"
#include "tests/support/suite.h"

#include <stdio.h>

static struct api api;

/* -- kinds of users, and what each class of routes says to them -- */

enum kind {
    NOBODY,
    TAGLESS,
    MANAGER,
    STRANGER, /* a manager with no right in the virtual host */
    POLICYMAKER,
    MONITOR,
    ADMINISTRATOR,
    KINDS
};

static const struct {
    const char *name;
    const char *tags;
    bool enters; /* the virtual host */
} users[KINDS] = {
    [TAGLESS] = {"tagless", "", true},
    [MANAGER] = {"manager", "management", true},
    [STRANGER] = {"stranger", "management", false},
    [POLICYMAKER] = {"policymaker", "policymaker", true},
    [MONITOR] = {"monitor", "monitoring", false},
    [ADMINISTRATOR] = {"administrator", "administrator", false},
};

static const bool lets_in[][KINDS] = {
    [ROUTE_ANYONE] = {true, true, true, true, true, true, true},
    [ROUTE_USER] = {false, false, true, true, true, true, true},
    [ROUTE_VHOST] = {false, false, true, false, true, false, true},
    [ROUTE_VISIBLE] = {false, false, true, false, true, true, true},
    [ROUTE_POLICYMAKER] = {false, false, false, false, true, false, true},
    [ROUTE_METRICS] = {false, false, false, false, false, true, true},
    [ROUTE_MONITORING] = {false, false, false, false, false, true, true},
    [ROUTE_ADMINISTRATOR] = {false, false, false, false, false, false, true},
};

static void open_world(void)
{
    char message[128];
    api = (struct api){0};
    api_open(&api);
    for (int kind = TAGLESS; kind < KINDS; kind++) {
        struct slice name = slice_str(users[kind].name);
        access_set_user(api.world.broker->access, name, slice_str("pw"),
                        slice_str(users[kind].tags));
        if (users[kind].enters)
            ck_assert_int_eq(access_set_permission(api.world.broker->access, name, slice_str("/"),
                                                   slice_str(""), slice_str(""), slice_str(""),
                                                   message, sizeof(message)),
                             ERR_OK);
    }
}

static void close_world(void)
{
    api_close(&api);
}

/* -- a route's path, with names that stand for nothing where it has captures -- */

static void fill_path(char out[256], const char *pattern)
{
    size_t len = 0;
    while (*pattern) {
        const char *end = *pattern == '{' ? strchr(pattern, '}') : NULL;
        if (end) {
            bool vhost = strncmp(pattern, "{vhost}", 7) == 0;
            len += (size_t)snprintf(out + len, 256 - len, vhost ? "%%2F" : "nothing");
            pattern = end + 1;
        } else {
            out[len++] = *pattern++;
        }
        ck_assert_uint_lt(len, 250);
    }
    out[len] = '\0';
}

/* The class, where it asks for a virtual host, means the one in the path; without one in the path
 * every user of the API is let in and sees what is theirs. */
static bool expected(const struct route *route, enum kind kind)
{
    bool names_vhost = strstr(route->pattern, "{vhost}") != NULL;
    if (!names_vhost && (route->access == ROUTE_VHOST || route->access == ROUTE_VISIBLE))
        return lets_in[ROUTE_USER][kind];
    return lets_in[route->access][kind];
}

START_TEST(tags_and_virtual_hosts_decide)
{
    const struct route *route;
    size_t asked = 0;
    for (size_t i = 0; (route = route_at(i)); i++) {
        if (strcmp(route->pattern, "/api/login") == 0)
            continue; /* logs in by its body */
        for (int kind = NOBODY; kind < KINDS; kind++, asked++) {
            char path[256], credentials[64];
            /* A handler may change the world, its user's own rights as well. */
            open_world();
            fill_path(path, route->pattern);
            snprintf(credentials, sizeof(credentials), "%s:pw", kind ? users[kind].name : "");
            api.credentials = kind == NOBODY ? NULL : credentials;
            int status = ask(&api, route->method, path, "{}");
            /* A handler may refuse too, for other reasons: then it doesn't name a class's reason. */
            bool refused = status == 401 &&
                           (kind == NOBODY || strstr(answer(&api), route_refusal(ROUTE_USER)) ||
                            strstr(answer(&api), route_refusal(route->access)));
            if (route->access == ROUTE_ANYONE)
                refused = status == 401;
            ck_assert_msg(refused != expected(route, (enum kind)kind), "%s %s as %s: %d %s",
                          route->method, route->pattern, kind ? users[kind].name : "nobody", status,
                          answer(&api));
            close_world();
        }
    }
    ck_assert_uint_gt(asked, 500);
}
END_TEST

/* -- what must be an administrator's, whatever the table says -- */

START_TEST(users_rights_and_virtual_hosts_are_the_administrators)
{
    static const char *const owned[] = {
        "/api/users",       "/api/permissions",  "/api/topic-permissions",
        "/api/user-limits", "/api/vhost-limits", "/api/vhosts/"};
    const struct route *route;
    for (size_t i = 0; (route = route_at(i)); i++) {
        if (strcmp(route->method, "GET") == 0)
            continue;
        ck_assert_msg(route->access != ROUTE_ANYONE, "%s %s", route->method, route->pattern);
        for (size_t k = 0; k < ARRAY_LEN(owned); k++)
            if (strncmp(route->pattern, owned[k], strlen(owned[k])) == 0)
                ck_assert_msg(route->access == ROUTE_ADMINISTRATOR, "%s %s", route->method,
                              route->pattern);
    }
}
END_TEST

/* What tells of hashes is theirs too. */
START_TEST(hashes_are_told_to_administrators_only)
{
    static const char *const owned[] = {"/api/users", "/api/definitions", "/api/permissions"};
    const struct route *route;
    for (size_t i = 0; (route = route_at(i)); i++)
        for (size_t k = 0; k < ARRAY_LEN(owned); k++)
            if (strcmp(route->pattern, owned[k]) == 0)
                ck_assert_msg(route->access == ROUTE_ADMINISTRATOR, "%s %s", route->method,
                              route->pattern);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        tags_and_virtual_hosts_decide,
        users_rights_and_virtual_hosts_are_the_administrators,
        hashes_are_told_to_administrators_only,
    };
    return suite_run("route_rights", NULL, NULL, tests, ARRAY_LEN(tests));
}
