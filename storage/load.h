/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a database back: records, lanes, messages. What is read is checked before it is believed. */
#ifndef STORAGE_LOAD_H
#define STORAGE_LOAD_H

#include "storage/database.h"

/* As store_load() and its sisters; the text of a failure is in database->message. */
enum err load_records(struct database *database, enum store_record_kind kind,
                      void (*each)(void *context, const struct store_record *record),
                      void *context) MUST_USE;
enum err load_lanes(struct database *database,
                    void (*each)(void *context, const struct store_lane *lane),
                    void *context) MUST_USE;
/* The lanes that messages belong to, in order: one step each, however many messages. */
enum err load_lanes_of_messages(struct database *database,
                                void (*each)(void *context, uint32_t lane), void *context) MUST_USE;
enum err load_messages(struct database *database, uint32_t lane,
                       void (*each)(void *context, const struct store_message *message),
                       void *context) MUST_USE;
/* As store_page_now(), on any connection. */
enum err load_page(struct database *database, const struct store_page *page,
                   void (*each)(void *context, const struct store_message *message),
                   void *context) MUST_USE;

#endif
