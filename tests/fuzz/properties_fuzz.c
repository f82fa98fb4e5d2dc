/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a content header: the three ways of reading properties agree, and what is encoded
 * again reads the same.
 */
#include "base/check.h"
#include "proto/properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_agree(const struct properties *properties, struct slice bytes)
{
    struct properties mapped;
    properties_map(&mapped, bytes);
    CHECK(mapped.flags == properties->flags);
    for (unsigned id = 0; id < PROPERTY_COUNT; id++) {
        struct slice found;
        bool there = properties_find(bytes, (enum property)id, &found);
        CHECK(there == properties_has(properties, (enum property)id));
        CHECK(!there || slice_equal(found, properties->values[id]));
        CHECK(!there || slice_equal(found, mapped.values[id]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct content_header header;
    struct properties properties;
    struct properties again;
    struct reply error;
    if (!content_header_parse(&header, slice_of(data, size), &error) ||
        !properties_parse(&properties, header.properties, &error)) {
        CHECK(reply_is_hard(error.code));
        return 0;
    }
    check_agree(&properties, header.properties);
    struct buf encoded = BUF_INIT;
    properties_encode(&encoded, &properties);
    bool parsed = properties_parse(&again, buf_slice(&encoded), &error);
    CHECK(parsed && again.flags == properties.flags);
    for (unsigned id = 0; id < PROPERTY_COUNT; id++)
        CHECK(slice_equal(properties_get(&again, (enum property)id),
                          properties_get(&properties, (enum property)id)));
    buf_fini(&encoded);
    return 0;
}
