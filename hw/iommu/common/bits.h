/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bit fields of guest-visible words.  A field is declared once (shift and
 * width) and read and written through these helpers; compilers fold them to
 * a shift and a mask.
 */
#ifndef HW_IOMMU_COMMON_BITS_H
#define HW_IOMMU_COMMON_BITS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ViommuField {
    uint8_t shift;
    uint8_t width;      /* 1 .. 63 */
} ViommuField;

/** A mask of the bits @high to @low, both included. */
static inline uint64_t viommu_bits(unsigned high, unsigned low)
{
    return (UINT64_MAX >> (63 - high)) & (UINT64_MAX << low);
}

static inline uint64_t viommu_field_mask(ViommuField f)
{
    return viommu_bits(f.shift + f.width - 1, f.shift);
}

static inline uint64_t viommu_get(uint64_t word, ViommuField f)
{
    return (word & viommu_field_mask(f)) >> f.shift;
}

static inline uint64_t viommu_put(uint64_t word, ViommuField f, uint64_t value)
{
    return (word & ~viommu_field_mask(f)) |
           ((value << f.shift) & viommu_field_mask(f));
}

/** The largest power of two in @value, which is not 0. */
static inline uint64_t viommu_highest_bit(uint64_t value)
{
    return UINT64_C(1) << (63 - __builtin_clzll(value));
}

#endif
