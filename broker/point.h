/* SPDX-License-Identifier: Apache-2.0 */
/* A point in all databases at once: everything appended so far. For answers that tell of changes and
 * so must wait until these are on the disk, whichever databases they went to.
 */
#ifndef BROKER_POINT_H
#define BROKER_POINT_H

#include <stdbool.h>

struct broker;
struct broker_point;

/* NULL when everything is durable already. */
struct broker_point *broker_point_new(const struct broker *broker);
/* All that the point stands for is durable (or its virtual host is gone). */
bool broker_point_durable(struct broker *broker, struct broker_point *point);
void broker_point_free(struct broker_point *point);

#endif
