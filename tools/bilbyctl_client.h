/* SPDX-License-Identifier: Apache-2.0 */
/* Talking to the management API over HTTP, one request at a time on one connection. */
#ifndef TOOLS_BILBYCTL_CLIENT_H
#define TOOLS_BILBYCTL_CLIENT_H

#include "base/buf.h"
#include "tools/bilbyctl_options.h"

#include <jansson.h>

struct ctl_client;

struct ctl_question {
    const char *method;
    const char *path;   /* below /api, encoded: "/queues/%2F?page=1" */
    const json_t *body; /* NULL: none */
    const char *reason; /* the header X-Reason; NULL: none */
    const char *about;  /* "queue \"orders\" in virtual host \"/\"", for complaints */
};

struct ctl_answer {
    long status;      /* of HTTP */
    json_t *document; /* NULL: the answer has no body */
};

/* Sets *client in any case; complains when the password's file can't be read. */
enum ctl_status ctl_client_new(struct ctl_client **client,
                               const struct ctl_options *options) MUST_USE;
/* NULL is allowed. */
void ctl_client_free(struct ctl_client *client);
/* Who asks from now on. */
void ctl_client_login(struct ctl_client *client, const char *user, const char *password);
/* No answer may take longer, from now on. */
void ctl_client_timeout(struct ctl_client *client, long seconds);

/* Asks, and waits for the answer. False when there is none: ctl_client_failure() says why. The
 * caller drops answer->document. */
bool ctl_client_ask(struct ctl_client *client, const struct ctl_question *question,
                    struct ctl_answer *answer) MUST_USE;
/* A sentence; valid until the next question. */
const char *ctl_client_failure(const struct ctl_client *client);

/* The answer was not a good one: complains in the server's words. */
enum ctl_status ctl_client_explain(const struct ctl_client *client,
                                   const struct ctl_question *question,
                                   const struct ctl_answer *answer);

/* Both: asks, complains when it did not go well. The document is dropped when `document` is NULL;
 * it is NULL when there is none. */
enum ctl_status ctl_client_call(struct ctl_client *client, const struct ctl_question *question,
                                json_t **document) MUST_USE;

/* Appends `text` with all but unreserved characters [RFC 3986 section 2.3] as %XX. */
void ctl_encode(struct buf *out, const char *text);

#endif
