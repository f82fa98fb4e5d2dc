/* SPDX-License-Identifier: Apache-2.0 */
/* ChaCha20 in counter mode [RFC 8439 §2.3], nonce zero.
 *
 * (1) state[0..3] are the constants, [4..11] the seed, [12..13] the block counter, low word first.
 * (2) block[used..63] has not been given out yet.
 */
#include "base/rng.h"

#include "base/check.h"

#include <string.h>

static uint32_t load_le32(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static void store_le32(uint8_t *out, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t rotate_left(uint32_t value, unsigned by)
{
    return value << by | value >> (32 - by);
}

static void quarter_round(uint32_t x[16], size_t a, size_t b, size_t c, size_t d)
{
    x[a] += x[b];
    x[d] = rotate_left(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = rotate_left(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = rotate_left(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = rotate_left(x[b] ^ x[c], 7);
}

static void double_round(uint32_t x[16])
{
    for (size_t i = 0; i < 4; i++)
        quarter_round(x, i, 4 + i, 8 + i, 12 + i);
    for (size_t i = 0; i < 4; i++)
        quarter_round(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
}

static void next_block(struct rng *rng)
{
    uint32_t x[16];

    memcpy(x, rng->state, sizeof x);
    for (int i = 0; i < 10; i++)
        double_round(x);
    for (size_t i = 0; i < 16; i++)
        store_le32(rng->block + 4 * i, x[i] + rng->state[i]);
    if (++rng->state[12] == 0)
        rng->state[13]++;
    rng->used = 0;
}

void rng_init(struct rng *rng, const uint8_t seed[32])
{
    static const uint8_t constants[16] = "expand 32-byte k";

    memset(rng, 0, sizeof *rng);
    for (size_t i = 0; i < 4; i++)
        rng->state[i] = load_le32(constants + 4 * i);
    for (size_t i = 0; i < 8; i++)
        rng->state[4 + i] = load_le32(seed + 4 * i);
    rng->used = sizeof rng->block;
}

void rng_init_u64(struct rng *rng, uint64_t seed)
{
    uint8_t bytes[32] = {0};

    for (size_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(seed >> (8 * i));
    rng_init(rng, bytes);
}

void rng_bytes(struct rng *rng, void *out, size_t len)
{
    uint8_t *to = out;

    while (len > 0) {
        if (rng->used == sizeof rng->block)
            next_block(rng);
        size_t left = sizeof rng->block - rng->used;
        size_t count = len < left ? len : left;
        memcpy(to, rng->block + rng->used, count);
        rng->used += count;
        to += count;
        len -= count;
    }
}

uint64_t rng_u64(struct rng *rng)
{
    uint8_t bytes[8];

    rng_bytes(rng, bytes, sizeof bytes);
    return (uint64_t)load_le32(bytes) | (uint64_t)load_le32(bytes + 4) << 32;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    CHECK(bound > 0);
    /* The lowest 2^64 mod bound values are thrown away, or the small results would be likelier. */
    uint64_t skip = (UINT64_MAX - bound + 1) % bound;
    uint64_t value;

    do
        value = rng_u64(rng);
    while (value < skip);
    return value % bound;
}

void rng_name22(struct rng *rng, char out[23])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[18] = {0}; /* two zero bytes pad the last group of six bits */

    rng_bytes(rng, bytes, 16);
    for (size_t i = 0; i < 22; i++) {
        size_t bit = 6 * i;
        unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
        out[i] = digits[pair >> (10 - bit % 8) & 63];
    }
    out[22] = '\0';
}
