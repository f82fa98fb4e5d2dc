/* SPDX-License-Identifier: Apache-2.0 */
/* What connection.start tells a client about the broker. */
#ifndef SESSION_SERVER_PROPERTIES_H
#define SESSION_SERVER_PROPERTIES_H

struct broker;
struct buf;

/* Appends the fields of the server-properties table, in order of their names. */
void server_properties_write(struct buf *out, const struct broker *broker);

#endif
