/* SPDX-License-Identifier: Apache-2.0 */
/* A row's request with the command line's values filled in, and sending it. */
#ifndef TOOLS_BILBYCTL_REQUEST_H
#define TOOLS_BILBYCTL_REQUEST_H

#include "tools/bilbyctl_client.h"
#include "tools/bilbyctl_command.h"

/* One run: the command line, and the broker. */
struct ctl {
    struct ctl_line line;
    struct ctl_client *client;
};

struct ctl_request {
    char method[8];
    struct buf path;
    struct buf about;   /* what the path names, for complaints */
    const char *vhost;  /* the path's; borrowed; NULL: none */
    json_t *body;       /* an object; NULL when the row has no fields */
    const char *reason; /* borrowed; NULL: none */
};

/* Fills the row's request in; complains about values that are no JSON, number, or true or false.
 * ctl_request_fini() in any case. */
enum ctl_status ctl_request_init(struct ctl_request *request, const struct ctl_line *line) MUST_USE;
void ctl_request_fini(struct ctl_request *request);

/* As ctl_client_call(). */
enum ctl_status ctl_request_send(struct ctl *ctl, struct ctl_request *request,
                                 json_t **document) MUST_USE;

/* All in one: fills in, sends, gives the answer. */
enum ctl_status ctl_fetch(struct ctl *ctl, json_t **document) MUST_USE;

/* Appends the text with each {name} replaced by its value as it is. */
void ctl_fill(struct buf *out, const char *text, const struct ctl_line *line);

/* Says what was done, in the row's words, unless --quiet or a format for programs was asked for. */
void ctl_say_done(const struct ctl *ctl);
/* The user wants to read what was done. */
bool ctl_talks(const struct ctl *ctl);

#endif
