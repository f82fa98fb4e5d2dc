/* SPDX-License-Identifier: Apache-2.0 */
/* The table of exchange types. */
#include "routing/exchange_type.h"

#include "base/check.h"

static const struct exchange_type *const types[] = {
#define X(symbol) &symbol##_exchange_type,
    EXCHANGE_TYPE_TABLE(X)
#undef X
};

const struct exchange_type *exchange_type_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i]->declarable && slice_equal_str(name, types[i]->name))
            return types[i];
    return NULL;
}

const struct exchange_type *exchange_type_at(size_t index)
{
    return index < ARRAY_LEN(types) ? types[index] : NULL;
}
