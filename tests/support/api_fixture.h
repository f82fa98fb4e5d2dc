/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the management API of a broker in a test: asked as a user, answered as status and
 * text, which a test compares.
 */
#ifndef TESTS_SUPPORT_API_FIXTURE_H
#define TESTS_SUPPORT_API_FIXTURE_H

#include "management/management.h"
#include "tests/support/broker_fixture.h"

struct api {
    struct world world;
    struct management *management;
    struct management_host host; /* set before api_open() */
    const char *credentials;     /* "user:password"; NULL: none are sent. At first guest's */
    const char *x_reason;
    const char *x_requested_with;
    const char *if_none_match;
    size_t work; /* that a part of an answer may do; what it wrote leaves then; 0: as the server */
    bool remote; /* the peer is another machine */
    bool metrics_port;             /* it asks on the metrics' own port */
    struct http_response response; /* of the last request */
};

/* Opens the world with it; world.vfs may be set before. */
void api_open(struct api *api);
void api_close(struct api *api);
/* A clean end and a new start on the same files. Needs world.vfs. */
void api_restart(struct api *api);

/* Asks; `target` is the path with its query, `body` may be NULL. Returns the status; a turn passes
 * afterwards. Texts that differ only in quotes are easier to read with ' for ": a body's are turned
 * into " before it is sent, unless it holds a ". */
int ask(struct api *api, const char *method, const char *target, const char *body);
int ask_bytes(struct api *api, const char *method, const char *target, const char *content_type,
              struct slice body);
/* The last response's body. */
const char *answer(struct api *api);
/* The last response's header; NULL when it is absent. */
const char *answer_header(struct api *api, const char *name);
/* Asks, and checks status and body (with ' for "); `expected` NULL: any body. */
void expect(struct api *api, const char *method, const char *target, const char *body, int status,
            const char *expected);

#endif
