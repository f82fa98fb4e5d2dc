/* SPDX-License-Identifier: Apache-2.0 */
/* A batch becomes one transaction. */
#ifndef STORAGE_APPLY_H
#define STORAGE_APPLY_H

#include "storage/batch.h"
#include "storage/database.h"

/* A run of messages of one lane that is to be deleted. */
struct apply_range {
    uint64_t first; /* rowids */
    uint64_t last;
    uint64_t rows;  /* that there should be */
    uint64_t bytes; /* of their bodies, or STORE_BODY_UNKNOWN */
    uint32_t lane;  /* index in the batch's lanes */
};

/* A message that is to be inserted. */
struct apply_put {
    uint64_t id;    /* its rowid */
    uint32_t index; /* in the batch's puts */
    uint32_t lane;  /* in the batch's lanes */
};

/* The writer's working memory, kept between batches. */
struct apply {
    struct apply_range *ranges;
    size_t range_count, range_capacity;
    struct apply_put *puts;
    size_t put_count, put_capacity;
    size_t dropped_before; /* in database->dropped when the transaction began */
};

void apply_fini(struct apply *apply);

/* Writes the batch in one transaction. When it fails (an SQLite result; text in database->message)
 * nothing of it is written, and it can be tried again. */
int apply_batch(struct apply *apply, struct database *database, struct batch *batch) MUST_USE;

#endif
