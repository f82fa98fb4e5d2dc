/* SPDX-License-Identifier: Apache-2.0 */
/* Properties and bodies as JSON. */
#include "management/message_json.h"

#include "base/base64.h"
#include "management/json.h"
#include "management/names.h"
#include "proto/properties.h"
#include "proto/utf8.h"
#include "proto/wire.h"

/* ---- in ---- */

/* Where the bytes of numbers and tables lie until they are encoded. */
struct room {
    struct buf headers;
    uint8_t octets[PROPERTY_COUNT];
    uint8_t timestamp[8];
};

static bool read_octet(const json_t *value, uint8_t *octet, struct slice *bytes)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 0 || number > UINT8_MAX)
        return false;
    *octet = (uint8_t)number;
    *bytes = slice_of(octet, 1);
    return true;
}

static bool read_timestamp(const json_t *value, uint8_t room[8], struct slice *bytes)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    (void)wire_u64_write(room, (uint64_t)json_integer_value(value));
    *bytes = slice_of(room, 8);
    return true;
}

static bool read_property(enum property id, const json_t *value, struct room *room,
                          struct slice *bytes)
{
    switch (property_type(id)) {
    case PROPERTY_TYPE_SHORTSTR:
        *bytes = json_slice(value);
        return json_is_string(value) && bytes->len <= NAME_LEN_MAX;
    case PROPERTY_TYPE_TABLE:
        if (json_to_table(&room->headers, value) != ERR_OK)
            return false;
        *bytes = buf_slice(&room->headers);
        return true;
    case PROPERTY_TYPE_OCTET:
        return read_octet(value, &room->octets[id], bytes);
    case PROPERTY_TYPE_TIMESTAMP:
        return read_timestamp(value, room->timestamp, bytes);
    }
    UNREACHABLE();
}

enum err message_json_properties(struct buf *out, const json_t *object, const char **wrong)
{
    struct properties properties = {0};
    struct room room = {0};
    enum err error = ERR_OK;

    for (unsigned i = 0; i < PROPERTY_COUNT && error == ERR_OK; i++) {
        enum property id = (enum property)i;
        const json_t *value = json_object_get(object, property_name(id));
        struct slice bytes;
        if (!value || json_is_null(value))
            continue;
        if (read_property(id, value, &room, &bytes)) {
            properties_set(&properties, id, bytes);
        } else {
            *wrong = property_name(id);
            error = ERR_INVALID;
        }
    }
    if (error == ERR_OK)
        properties_encode(out, &properties);
    buf_fini(&room.headers);
    return error;
}

/* ---- out ---- */

static json_t *property_value(const struct properties *properties, enum property id)
{
    struct slice value = properties_get(properties, id);

    switch (property_type(id)) {
    case PROPERTY_TYPE_SHORTSTR:
        return json_text(value);
    case PROPERTY_TYPE_TABLE:
        return json_of_table(value);
    case PROPERTY_TYPE_OCTET:
        return json_integer(value.data[0]);
    case PROPERTY_TYPE_TIMESTAMP:
        return json_integer((json_int_t)properties_timestamp(properties, 0));
    }
    UNREACHABLE();
}

json_t *message_json_of_properties(struct slice bytes)
{
    struct properties properties;
    json_t *object = json_object();

    properties_map(&properties, bytes);
    for (unsigned i = 0; i < PROPERTY_COUNT; i++) {
        enum property id = (enum property)i;
        if (properties_has(&properties, id))
            json_put(object, property_name(id), property_value(&properties, id));
    }
    if (json_object_size(object) > 0)
        return object;
    json_decref(object);
    return json_array();
}

void message_json_put_body(json_t *object, struct slice body, bool base64, size_t truncate)
{
    struct slice shown = slice_of(body.data, body.len < truncate ? body.len : truncate);
    struct buf encoded = BUF_INIT;
    bool text = !base64 && utf8_valid(shown);

    if (!text)
        base64_encode(&encoded, shown);
    json_put(object, "payload", json_text(text ? shown : buf_slice(&encoded)));
    json_put(object, "payload_encoding", json_string(text ? "string" : "base64"));
    buf_fini(&encoded);
}
