/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps a database's files small, outside of commits: checkpoints, and giving free pages back
 * to the disk. Done in steps of a few milliseconds, so that a batch never waits long for one.
 */
#ifndef STORAGE_MAINTAIN_H
#define STORAGE_MAINTAIN_H

#include "storage/database.h"

#define MAINTAIN_DROP_BEYOND 2000 /* a deleted lane with more messages goes little by little */

enum maintain_load {
    MAINTAIN_BUSY,  /* a batch is waiting: only what bounds the WAL */
    MAINTAIN_QUIET, /* none is */
    MAINTAIN_IDLE,  /* none came for a while: everything */
};

/* Does at most one step. Returns true when there is more to do at this load; false as well when the step
 * failed, so that nobody hammers a disk in trouble. */
bool maintain_step(struct database *database, enum maintain_load load);

#endif
