/* SPDX-License-Identifier: Apache-2.0 */
/* What a virtual host says of itself (description, tags, default queue type, metadata), as it comes
 * in over the API and in definitions. */
#ifndef MANAGEMENT_VHOST_FIELDS_H
#define MANAGEMENT_VHOST_FIELDS_H

#include <jansson.h>
#include <stdbool.h>

struct vhost;

/* Takes over what is there, from the object or from its "metadata", and stores it. */
void vhost_fields_apply(struct vhost *vhost, const json_t *item);

/* May it not be deleted? */
bool vhost_fields_protected(const struct vhost *vhost);
void vhost_fields_protect(struct vhost *vhost, bool on);

#endif
