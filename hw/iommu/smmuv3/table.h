/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the walk of a stage begins, and by which rules: what a stream table
 * entry or a context descriptor says about one translation table.
 *
 * A context keeps each as one word: the address of the table, aligned to 16
 * bytes and of up to 52 bits, with the rest in the bits around it.  So a cached
 * context is a few words, a walk unpacks the table that it takes and no other,
 * and tables that differ in anything differ as words.
 */
#ifndef HW_IOMMU_SMMUV3_TABLE_H
#define HW_IOMMU_SMMUV3_TABLE_H

#include "hw/iommu/smmuv3/defs.h"

typedef struct SmmuTable {
    uint64_t ttb;
    uint8_t granule;        /* log2 of the page size: 12, 14, 16; 0: disabled */
    uint8_t input_bits;
    uint8_t out_bits;       /* of addresses that it may give */
    uint8_t start_level;
    bool tbi;               /* top byte ignored */
    bool had;               /* hierarchical permissions are off */
} SmmuTable;

static const ViommuField SMMU_BASE_GRANULE = { 0, 2 };
static const ViommuField SMMU_BASE_TBI = { 2, 1 };
static const ViommuField SMMU_BASE_HAD = { 3, 1 };
static const ViommuField SMMU_BASE_INPUT = { 52, 6 };
static const ViommuField SMMU_BASE_START = { 58, 2 };
static const ViommuField SMMU_BASE_OUT = { 60, 3 };
/* Bit 63 is always 0. */

static inline uint64_t smmu_table_pack(const SmmuTable *t)
{
    uint64_t word = t->ttb;

    word = viommu_put(word, SMMU_BASE_GRANULE,
                      t->granule ? (t->granule - 10) / 2 : 0);
    word = viommu_put(word, SMMU_BASE_TBI, t->tbi);
    word = viommu_put(word, SMMU_BASE_HAD, t->had);
    word = viommu_put(word, SMMU_BASE_INPUT, t->input_bits);
    word = viommu_put(word, SMMU_BASE_START, t->start_level);
    /* 32, 36, 40, 44, 48, 52; and 42 */
    return viommu_put(word, SMMU_BASE_OUT,
                      t->out_bits == 42 ? 7 : (t->out_bits - 32) / 4);
}

static inline SmmuTable smmu_table_unpack(uint64_t word)
{
    static const uint8_t granules[4] = { 0, 12, 14, 16 };
    static const uint8_t widths[8] = { 32, 36, 40, 44, 48, 52, 0, 42 };

    return (SmmuTable) {
        .ttb = word & viommu_bits(51, 4),
        .granule = granules[viommu_get(word, SMMU_BASE_GRANULE)],
        .input_bits = viommu_get(word, SMMU_BASE_INPUT),
        .out_bits = widths[viommu_get(word, SMMU_BASE_OUT)],
        .start_level = viommu_get(word, SMMU_BASE_START),
        .tbi = viommu_get(word, SMMU_BASE_TBI),
        .had = viommu_get(word, SMMU_BASE_HAD),
    };
}

/** Log2 of what a descriptor of @level maps. */
static inline unsigned smmu_level_shift(const SmmuTable *t, unsigned level)
{
    return t->granule + (SMMU_LAST_LEVEL - level) * (t->granule - 3);
}

/** Log2 of what a table of @level maps. */
static inline unsigned smmu_table_span(const SmmuTable *t, unsigned level)
{
    return smmu_level_shift(t, level) + t->granule - 3;
}

#endif
