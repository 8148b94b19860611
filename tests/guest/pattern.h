/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test data of the guest runs and its checksum.  Both ends, guest and
 * host, are built from this file; the data depends on a seed that is new in
 * each run, so that what an earlier run left behind cannot pass.
 */
#ifndef TESTS_GUEST_PATTERN_H
#define TESTS_GUEST_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* The initial value of the checksum below. */
#define PATTERN_SUM_START 0xcbf29ce484222325ull

/* Word number @index of the data that belongs to @seed. */
static inline uint64_t pattern_word(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93ull;
    return z ^ (z >> 29);
}

/* Fills @words words of @buf with the data from word @first on. */
static inline void pattern_fill(uint64_t *buf, size_t words, uint64_t seed,
                                uint64_t first)
{
    for (size_t i = 0; i < words; i++) {
        buf[i] = pattern_word(seed, first + i);
    }
}

/* How many of the words of @buf differ from the data. */
static inline uint64_t pattern_differences(const uint64_t *buf, size_t words,
                                           uint64_t seed, uint64_t first)
{
    uint64_t bad = 0;

    for (size_t i = 0; i < words; i++) {
        bad += buf[i] != pattern_word(seed, first + i);
    }
    return bad;
}

/* FNV-1a over 64-bit words: eight times cheaper in an emulated guest. */
static inline uint64_t pattern_sum(uint64_t sum, const uint64_t *buf,
                                   size_t words)
{
    for (size_t i = 0; i < words; i++) {
        sum = (sum ^ buf[i]) * 0x100000001b3ull;
        sum ^= sum >> 31;
    }
    return sum;
}

#endif
