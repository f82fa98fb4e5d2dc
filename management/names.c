/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of names. */
#include "management/names.h"

#include "base/buf.h"
#include "management/json.h"

bool names_valid(const json_t *names)
{
    size_t index;
    json_t *name;

    if (json_is_string(names))
        return true;
    if (!json_is_array(names))
        return false;
    json_array_foreach(names, index, name) if (!json_is_string(name)) return false;
    return true;
}

char *names_joined(const json_t *names)
{
    struct buf joined = BUF_INIT;
    size_t index;
    json_t *name;

    if (json_is_string(names))
        return slice_dup(json_slice(names));
    json_array_foreach(names, index, name)
    {
        if (index)
            buf_add_u8(&joined, ',');
        buf_add_slice(&joined, json_slice(name));
    }
    char *copy = slice_dup(buf_slice(&joined));
    buf_fini(&joined);
    return copy;
}
