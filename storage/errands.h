/* SPDX-License-Identifier: Apache-2.0 */
/* What is done for the store beside the loop: databases of virtual hosts are opened, or closed and
 * removed. For storage/ only; the loop's thread's. */
#ifndef STORAGE_ERRANDS_H
#define STORAGE_ERRANDS_H

struct store;

/* Takes back those that are done and that nobody asks for. */
void errands_collect(struct store *store);
/* Before the store goes: waits for all; what was opened and not asked for is closed. */
void errands_end(struct store *store);

#endif
