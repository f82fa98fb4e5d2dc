/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP request and its response as values, without any I/O: the server reads and writes them,
 * the handlers in this room turn one into the other.
 */
#ifndef MANAGEMENT_HTTP_H
#define MANAGEMENT_HTTP_H

#include "base/buf.h"

struct login_result;

/* All slices are the server's and valid until management_end(). Headers that are absent are
 * empty. */
struct http_request {
    const char *method;         /* "GET", "PUT" … */
    struct slice path;          /* as it came, still percent-encoded, without the query */
    struct slice query;         /* what follows '?', still encoded; empty: none */
    struct slice authorization; /* headers, by their names */
    struct slice content_type;
    struct slice host;
    struct slice x_vhost;
    struct slice x_reason;
    struct slice x_requested_with;
    struct slice if_none_match;
    struct slice origin;
    struct slice cors_headers; /* Access-Control-Request-Headers */
    struct slice body;
    const char *malformed;    /* why it can't be answered; NULL: it can */
    const char *peer_address; /* "192.0.2.7" */
    const char *source;       /* what failed logins are counted by; NULL: they aren't */
    /* What management_authenticate() made of the credentials; NULL: they are looked at when the
     * request is begun. Used then only. */
    const struct login_result *login;
    bool loopback;     /* the peer is this machine */
    bool metrics_port; /* came by the port that serves metrics, to anyone, and nothing else */
};

#define HTTP_HEADERS_MAX 14 /* the page sets five, handlers four at most, cors.c six */

struct http_header {
    const char *name; /* static storage */
    char *value;      /* heap */
};

struct http_response {
    int status;
    bool begun;               /* status and headers stand */
    bool reads;               /* it tells of no change, whatever the method */
    const char *content_type; /* NULL: there is no body; static storage */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
    struct buf body; /* for HEAD too: the server leaves it out, its length counts */
};

void http_response_init(struct http_response *response);
void http_response_fini(struct http_response *response);
/* Copies the value; line ends in it are dropped. */
void http_response_add_header(struct http_response *response, const char *name, struct slice value);
/* "Not Found" and the like; static storage. */
const char *http_status_text(int status);

/* Appends `text` with %XX (and, in queries, '+') decoded. False when an escape is malformed, and for
 * a NUL, which no name can hold. */
bool http_decode(struct buf *out, struct slice text, bool plus_is_space);
/* Appends `text` with all but unreserved characters [RFC 3986 section 2.3] as %XX. */
void http_encode(struct buf *out, struct slice text);
/* The decoded value of a query's parameter into `out`; false when it isn't there. */
bool http_query(struct slice query, const char *name, struct buf *out);

#endif
