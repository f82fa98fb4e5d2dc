/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of other origins that may use the API in a browser, as the configuration says.
 *
 * (1) Without such origins no header about them is sent: browsers then keep them away.
 */
#ifndef MANAGEMENT_CORS_H
#define MANAGEMENT_CORS_H

#include "management/http.h"

struct cors {
    char *origins;      /* heap, separated by spaces, "*" is any; NULL: none */
    uint64_t max_age_s; /* how long a browser may remember the answer to OPTIONS */
};

void cors_fini(struct cors *cors);

/* Adds the headers for the request's origin to the response. `methods` are those that the path knows,
 * of interest to OPTIONS only. */
void cors_add(const struct cors *cors, const struct http_request *request, struct slice methods,
              struct http_response *response);

#endif
