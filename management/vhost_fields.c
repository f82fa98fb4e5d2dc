/* SPDX-License-Identifier: Apache-2.0 */
/* Taking over a virtual host's description from JSON. */
#include "management/vhost_fields.h"

#include "base/mem.h"
#include "broker/vhost.h"
#include "management/json.h"
#include "management/names.h"
#include "management/object.h"

#define PROTECTED "protected_from_deletion"

static void replace(char **text, struct slice value)
{
    char *copy = slice_dup(value);

    mem_free(*text);
    *text = copy;
}

static void replace_metadata(struct vhost *vhost, const json_t *metadata)
{
    struct buf text = BUF_INIT;

    json_write(&text, metadata);
    replace(&vhost->metadata, buf_slice(&text));
    buf_fini(&text);
}

void vhost_fields_apply(struct vhost *vhost, const json_t *item)
{
    const json_t *metadata = json_object_get(item, "metadata");
    const json_t *description = json_object_get(item, "description");
    const json_t *tags = json_object_get(item, "tags");
    struct slice type = json_slice(json_object_get(item, "default_queue_type"));

    if (!description)
        description = json_object_get(metadata, "description");
    if (!tags)
        tags = json_object_get(metadata, "tags");
    if (!type.len)
        type = json_slice(json_object_get(metadata, "default_queue_type"));
    if (json_is_string(description))
        replace(&vhost->description, json_slice(description));
    if (names_valid(tags)) {
        char *joined = names_joined(tags);
        replace(&vhost->tags, slice_str(joined));
        mem_free(joined);
    }
    if (type.len && !slice_equal_str(type, "undefined"))
        replace(&vhost->default_queue_type, type);
    if (json_is_object(metadata))
        replace_metadata(vhost, metadata);
    vhost_save(vhost);
}

/* ---- protection: RabbitMQ keeps it in the metadata ---- */

bool vhost_fields_protected(const struct vhost *vhost)
{
    json_t *metadata = object_vhost_metadata(vhost);
    bool on = json_is_true(json_object_get(metadata, PROTECTED));

    json_decref(metadata);
    return on;
}

void vhost_fields_protect(struct vhost *vhost, bool on)
{
    json_t *metadata = object_vhost_metadata(vhost);

    if (on)
        json_put(metadata, PROTECTED, json_true());
    else
        json_object_del(metadata, PROTECTED);
    replace_metadata(vhost, metadata);
    json_decref(metadata);
    vhost_save(vhost);
}
