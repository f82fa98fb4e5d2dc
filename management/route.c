/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of routes.def. */
#include "management/route.h"

#include "base/check.h"

static const struct route routes[] = {
#define ROUTE(verb, path, who, handler, line) {(verb), (path), ROUTE_##who, (handler), (line)},
#include "management/routes.def"
#undef ROUTE
};

const struct route *route_at(size_t index)
{
    return index < ARRAY_LEN(routes) ? &routes[index] : NULL;
}

const char *route_refusal(enum route_access access)
{
    static const char *const refusals[] = {
#define X(name, text) [ROUTE_##name] = (text),
        ROUTE_ACCESS_TABLE(X)
#undef X
    };

    CHECK((size_t)access < ARRAY_LEN(refusals));
    return refusals[access];
}
