/* SPDX-License-Identifier: Apache-2.0 */
/* Patience: for how long to look for the next event before sleeping until it comes.
 *
 * Falling asleep and being woken costs a core ten to twenty microseconds, and the client that waits for
 * an answer the same time. Where one message follows the other's answer, the next is nearer than that,
 * and looking for it is cheaper for both.
 *
 * (1) It learns from the waits themselves: looking is worth it while the mean of the last ones is
 *     shorter than the limit.
 * (2) A wrong guess costs the limit at most; a few of them in a row and no more guesses are made until
 *     waits are short again. An idle broker sleeps.
 * (3) A wait counts for a few limits at most, so that a pause doesn't outweigh a conversation.
 */
#ifndef SERVER_PATIENCE_H
#define SERVER_PATIENCE_H

#include <stdint.h>

struct patience {
    uint64_t limit_ns; /* longest look; 0: never look */
    uint64_t mean_ns;  /* of the last waits, the newer the more */
};

/* A limit of 0 turns it off. */
void patience_init(struct patience *patience, uint64_t limit_ns);
/* How long to look before sleeping, in nanoseconds; 0: sleep at once. */
uint64_t patience_look_ns(const struct patience *patience);
/* After each wait: how long it took until something happened, looking and sleeping together. */
void patience_note(struct patience *patience, uint64_t waited_ns);

#endif
