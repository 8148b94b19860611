/* SPDX-License-Identifier: BSD-3-Clause */
/* What random worlds of VT-d draw. */
#ifndef TESTS_LIB_UNIT_RANDOM_H
#define TESTS_LIB_UNIT_RANDOM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A random number below @n. */
static inline uint32_t random_below(GRand *rand, uint32_t n)
{
    return (uint32_t)g_rand_int(rand) % n;
}

static inline bool random_chance(GRand *rand, unsigned percent)
{
    return random_below(rand, 100) < percent;
}

static inline uint64_t random_u64(GRand *rand)
{
    return (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
}

/* The address of a page; few tables hold them all.  A few are beyond @bits,
 * the others inside. */
static inline uint64_t random_page(GRand *rand, unsigned bits)
{
    static const uint16_t indexes[] = { 0, 1, 2, 3, 256, 511 };
    uint64_t addr = 0;

    for (unsigned level = 5; level-- > 0;) {
        addr = addr << 9 | indexes[random_below(rand, level > 1 ? 2 : 6)];
    }
    addr <<= 12;
    return random_chance(rand, 5) ? addr : addr & ((UINT64_C(1) << bits) - 1);
}

/* Three beside and behind the interrupt range. */
static inline void random_near_interrupts(uint64_t addresses[3])
{
    addresses[0] = UINT64_C(0xfee00000) - 4096;
    addresses[1] = UINT64_C(0xfee00000) + 8192;
    addresses[2] = UINT64_C(0xfef00000);
}

#endif
