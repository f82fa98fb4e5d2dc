/* SPDX-License-Identifier: Apache-2.0 */
/* A seeded generator: the ChaCha20 block function as a counter-mode stream (RFC 8439 section 2.3).
 * From a secret seed its output can't be guessed (names of server-named queues, reply-to tokens,
 * salts); from a fixed seed a run replays to the bit.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint32_t state[16];
    uint8_t block[64];
    size_t used; /* bytes of block given out */
};

void rng_init(struct rng *rng, const uint8_t seed[32]);
/* For tests: a seed from one number. */
void rng_init_u64(struct rng *rng, uint64_t seed);
void rng_bytes(struct rng *rng, void *out, size_t len);
uint64_t rng_u64(struct rng *rng);
/* Uniform in [0, bound); bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
/* 22 characters of URL-safe base64 over 16 fresh bytes, and a NUL: RabbitMQ's form of generated
 * names. */
void rng_name22(struct rng *rng, char out[23]);

#endif
