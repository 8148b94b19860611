/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A context: what a stream table entry and a context descriptor say about a
 * stream.
 */
#ifndef HW_IOMMU_SMMUV3_CONTEXT_H
#define HW_IOMMU_SMMUV3_CONTEXT_H

#include "hw/iommu/smmuv3/defs.h"

/* --- One translation table ----------------------------------------------- */

/**
 * Where the walk of a stage begins, and by which rules.
 *
 * A context keeps it as one word: the address of the table, aligned to 16
 * bytes and of up to 52 bits, with the other members in the bits around it.
 * So a cached context is a few words, a walk unpacks the table that it takes
 * and no other, and tables that differ in any member differ as words.
 */
typedef struct SmmuTable {
    uint64_t ttb;
    uint8_t granule;        /* log2 of the page size: 12, 14, 16; 0: no
                             * tables (CD.EPD0, EPD1) */
    uint8_t input_bits;
    uint8_t out_bits;       /* no descriptor may have a wider address */
    uint8_t start_level;
    bool tbi;               /* the top byte of an address is ignored */
    bool had;               /* table descriptors take away no permissions */
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
    /* in steps of 4 from 32 to 52; 7 is 42 */
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

/** Log2 of what a descriptor of @level maps [ARM D8.2]. */
static inline unsigned smmu_level_shift(const SmmuTable *t, unsigned level)
{
    return t->granule + (SMMU_LAST_LEVEL - level) * (t->granule - 3);
}

/** Log2 of what a table of @level maps [ARM D8.2]. */
static inline unsigned smmu_table_span(const SmmuTable *t, unsigned level)
{
    return smmu_level_shift(t, level) + t->granule - 3;
}

/* --- A context ----------------------------------------------------------- */

/** SmmuContext.flags */
enum {
    SMMU_CTX_S1 = 1 << 0,           /* stage 1 translates */
    SMMU_CTX_S2 = 1 << 1,           /* stage 2 translates */
    SMMU_CTX_ABORT = 1 << 2,        /* Config says abort, without an event */
    SMMU_CTX_EL2 = 1 << 3,          /* the EL2 or EL2-E2H regime: no VMID */
    SMMU_CTX_S1_STALL = 1 << 4,     /* CD.S */
    SMMU_CTX_S1_RECORD = 1 << 5,    /* CD.R */
    SMMU_CTX_S1_AFFD = 1 << 7,      /* CD.AFFD, HA and so on */
    SMMU_CTX_S1_HA = 1 << 8,
    SMMU_CTX_S1_HD = 1 << 9,
    SMMU_CTX_WXN = 1 << 10,
    SMMU_CTX_UWXN = 1 << 11,
    SMMU_CTX_PAN = 1 << 12,
    SMMU_CTX_S2_STALL = 1 << 13,    /* STE.S2S */
    SMMU_CTX_S2_RECORD = 1 << 14,   /* STE.S2R */
    SMMU_CTX_S2_AFFD = 1 << 15,     /* STE.S2AFFD, S2HA and so on */
    SMMU_CTX_S2_HA = 1 << 16,
    SMMU_CTX_S2_HD = 1 << 17,
    SMMU_CTX_S2_PTW = 1 << 18,      /* no tables of stage 1 in Device memory */
    SMMU_CTX_ATS = 1 << 19,         /* EATS: full */
    SMMU_CTX_ATS_SPLIT = 1 << 20,   /* EATS: split-stage */
    SMMU_CTX_PPAR = 1 << 21,
    SMMU_CTX_FORCE_PRIV = 1 << 22,  /* PRIVCFG */
    SMMU_CTX_FORCE_USER = 1 << 23,
    SMMU_CTX_FORCE_DATA = 1 << 24,  /* INSTCFG */
    SMMU_CTX_FORCE_INST = 1 << 25,
    SMMU_CTX_MEV = 1 << 26,         /* events may be merged */
    SMMU_CTX_ONE_TABLE = 1 << 27,   /* EL2 without E2H: one half, no ASID,
                                     * all is privileged */
    SMMU_CTX_S2_FWB = 1 << 28,      /* S2FWB: stage 2's MemAttr has other
                                     * codes */
};

/** SmmuContext.base: stage 1's two halves of the address space; stage 2. */
enum { SMMU_S1_LOWER, SMMU_S1_UPPER, SMMU_STAGE2, SMMU_BASES };

/**
 * Each member is one word.  (With smaller members, compilers copy two at once,
 * and a processor that has just written them one by one waits.)
 *
 * The VMID is STE.S2VMID in a unit that has stage 2, also of a stream that
 * only stage 1 translates.  It is 0 in the EL2 regimes, and in a unit without
 * stage 2 [SMMU 5.2].
 */
typedef struct SmmuContext {
    uint64_t vmid;
    uint64_t asid;                  /* of stage 1; else 0 */
    uint64_t flags;                 /* SMMU_CTX_... */
    uint64_t base[SMMU_BASES];      /* SmmuTable as a word, of each stage that
                                     * translates */
} SmmuContext;

#endif
