/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a translation table descriptor (VMSAv8-64 of the Arm architecture)
 * says, in either stage.  Nothing here reads or writes memory; walk.c does.
 */
#ifndef HW_IOMMU_SMMUV3_DESCRIPTOR_H
#define HW_IOMMU_SMMUV3_DESCRIPTOR_H

#include "hw/iommu/smmuv3/lookup.h"

/** Of the functions that each walk calls.  They shrink where the compiler
 *  knows which stage they are for. */
#define SMMU_INLINE inline __attribute__((always_inline))

/** The stage whose descriptors are read. */
typedef struct SmmuStage {
    SmmuTable table;
    uint64_t flags;         /* SmmuContext.flags */
    bool second;            /* stage 2 */
    bool one_table;         /* EL2 without E2H: no users */
    bool nested;            /* stage 1, over stage 2 */
    uint8_t class;          /* of stage 2: what the input is the address of, a
                             * context descriptor, a table, or data */
} SmmuStage;

/** The question to a stage. */
typedef struct SmmuAsked {
    uint64_t addr;
    const SmmuWanted *wanted;
} SmmuAsked;

/** The address in a descriptor [ARM D8.3]; with the 64 KiB granule, bits 51:48
 *  stand in bits 15:12. */
static inline uint64_t smmu_descriptor_addr(const SmmuTable *t, uint64_t word)
{
    uint64_t addr = word & viommu_bits(47, t->granule);

    return t->granule == 16
           ? addr | viommu_get(word, SMMU_PTE_ADDR_51_48) << 48 : addr;
}

/* --- Permissions --------------------------------------------------------- */

/* Whether STE.S2PTW keeps stage 1 from this page: with it, neither a table nor
 * a context descriptor may be in Device memory [SMMU 5.2].  STE.S2FWB changes
 * the codes of memory types. */
static inline bool smmu_is_protected(const SmmuStage *s, uint64_t word)
{
    return (s->flags & SMMU_CTX_S2_PTW) && s->class != SMMU_CLASS_IN &&
           !(word & (s->flags & SMMU_CTX_S2_FWB ? SMMU_PTE_S2_NORMAL_FWB
                                                : SMMU_PTE_S2_NORMAL));
}

/* What a leaf of stage 2 grants [ARM D8.4].  Two bits tell who may execute:
 * all, users, nobody, the privileged. */
static inline uint8_t smmu_s2_grants(const SmmuStage *s, uint64_t word,
                                     bool dirty_managed)
{
    static const uint8_t exec[4] = {
        SMMU_MAP_UX | SMMU_MAP_PX, SMMU_MAP_UX, 0, SMMU_MAP_PX,
    };
    bool write = (word & SMMU_PTE_S2_WRITE) || dirty_managed;

    if (smmu_is_protected(s, word)) {
        return 0;
    }
    return (word & SMMU_PTE_S2_READ ? SMMU_MAP_UR | SMMU_MAP_PR : 0) |
           (write ? SMMU_MAP_UW | SMMU_MAP_PW : 0) |
           exec[viommu_get(word, SMMU_PTE_S2_XN)];
}

/* What a leaf of stage 1 grants in the EL2 regime, where each transaction has
 * privilege [SMMU 3.3.3] [ARM D8.4]. */
static inline uint8_t smmu_el2_grants(const SmmuStage *s, uint64_t word,
                                      bool write)
{
    uint8_t flags = SMMU_MAP_UR | SMMU_MAP_PR;

    if (write) {
        flags |= SMMU_MAP_UW | SMMU_MAP_PW;
    }
    if (!(word & SMMU_PTE_UXN) && !(write && (s->flags & SMMU_CTX_WXN))) {
        flags |= SMMU_MAP_UX | SMMU_MAP_PX;
    }
    return flags;
}

/* What a leaf of stage 1 grants [ARM D8.4].  @limit is what the table
 * descriptors above leave: a permission that one of them takes away is as if
 * the leaf itself took it away. */
static inline uint8_t smmu_s1_grants(const SmmuStage *s, uint64_t word,
                                     bool dirty_managed, uint8_t limit)
{
    bool user = (word & SMMU_PTE_AP1) && (limit & SMMU_MAP_UR);
    bool write = (!(word & SMMU_PTE_AP2) || dirty_managed) &&
                 (limit & SMMU_MAP_PW);
    uint8_t flags = SMMU_MAP_PR | SMMU_MAP_PX | SMMU_MAP_UX |
                    (write ? SMMU_MAP_PW : 0);

    if (s->one_table) {
        return smmu_el2_grants(s, word, write) & limit;
    }
    if (user) {
        flags |= SMMU_MAP_UR | (write ? SMMU_MAP_UW : 0);
    }
    /* What users can write is never executed with privilege. */
    if ((word & SMMU_PTE_PXN) || (user && write)) {
        flags &= ~SMMU_MAP_PX;
    }
    if (word & SMMU_PTE_UXN) {
        flags &= ~SMMU_MAP_UX;
    }
    if ((s->flags & SMMU_CTX_WXN) && (flags & SMMU_MAP_PW)) {
        flags &= ~SMMU_MAP_PX;
    }
    if ((s->flags & SMMU_CTX_WXN) && (flags & SMMU_MAP_UW)) {
        flags &= ~SMMU_MAP_UX;
    }
    if ((s->flags & SMMU_CTX_UWXN) && (flags & SMMU_MAP_UW)) {
        flags &= ~SMMU_MAP_PX;
    }
    if ((s->flags & SMMU_CTX_PAN) && user) {
        /* PAN is about data, not about instructions. */
        flags &= ~(SMMU_MAP_PR | SMMU_MAP_PW);
    }
    return flags & limit;
}

/** What a table descriptor leaves of @limit to the levels below [ARM D8.4],
 *  unless CD.HAD0, HAD1 say that it takes nothing away [SMMU 5.4]. */
static inline uint8_t smmu_limit_by_table(const SmmuStage *s, uint64_t word,
                                          uint8_t limit)
{
    if (s->second || s->table.had) {
        return limit;
    }
    if (word & SMMU_TABLE_AP1) {
        limit &= ~SMMU_MAP_WRITE;
    }
    if (s->one_table) {
        /* There are no users, so the bits about them say nothing. */
        return word & SMMU_TABLE_UXN ? limit & ~(SMMU_MAP_UX | SMMU_MAP_PX)
                                     : limit;
    }
    if (word & SMMU_TABLE_AP0) {
        limit &= ~(SMMU_MAP_UR | SMMU_MAP_UW);
    }
    if (word & SMMU_TABLE_UXN) {
        limit &= ~SMMU_MAP_UX;
    }
    if (word & SMMU_TABLE_PXN) {
        limit &= ~SMMU_MAP_PX;
    }
    return limit;
}

/* --- A leaf: a page or a block ------------------------------------------- */

/* The answer is for a run of descriptors when the Contiguous bit is set
 * [ARM D8.3], and the output address fits this one's place in the run. */
static inline void smmu_widen(const SmmuTable *t, unsigned level,
                              uint64_t addr, SmmuMapping *m)
{
    unsigned more = t->granule == 12 ? 4 : t->granule == 16 ? 5 :
                    level == SMMU_LAST_LEVEL ? 7 : 5;
    uint64_t bits = viommu_bits(m->shift + more - 1, m->shift);

    if (m->shift + more <= t->input_bits && !((m->page ^ addr) & bits)) {
        m->page &= ~bits;
        m->shift += more;
    }
}

/* Whether a leaf is writable-clean [SMMU 3.13.3] [ARM D8.5]: the page can be
 * written, and the first write has to mark it dirty. */
static inline bool smmu_is_clean(const SmmuStage *s, uint64_t word)
{
    bool managed = s->flags & (s->second ? SMMU_CTX_S2_HD : SMMU_CTX_S1_HD);

    return managed && (word & SMMU_PTE_DBM) &&
           (s->second ? !(word & SMMU_PTE_S2_WRITE)
                      : (word & SMMU_PTE_AP2) != 0);
}

/* A writable-clean leaf that is marked dirty: stage 2 sets "write", stage 1
 * clears "read-only" [ARM D8.5]. */
static inline uint64_t smmu_made_dirty(const SmmuStage *s, uint64_t word)
{
    return s->second ? word | SMMU_PTE_S2_WRITE
                     : word & ~(uint64_t)SMMU_PTE_AP2;
}

/**
 * What a leaf of @level answers: *@m, provided that @word in memory is *@with,
 * or the caller makes it so.  Or a fault, the first one that applies:
 *
 *   1. the output address is wider than the output size  F_ADDR_SIZE
 *      [SMMU 7.3.14]
 *   2. the access flag is clear, and neither the unit sets it (HA) nor does
 *      software ignore it (AFFD)                         F_ACCESS
 *      [SMMU 7.3.15] [SMMU 3.13.2]
 *   3. a permission is lacking                           F_PERMISSION
 *      [SMMU 7.3.16]
 *
 * Then, 4, a leaf that the answer lets be written becomes dirty
 * [SMMU 3.13.3].
 */
static SMMU_INLINE SmmuEventId smmu_leaf(const SmmuStage *s, unsigned level,
                                         uint64_t word, uint8_t limit,
                                         const SmmuAsked *asked,
                                         SmmuMapping *m, uint64_t *with)
{
    const SmmuWanted *wanted = asked->wanted;
    bool clean = smmu_is_clean(s, word);

    /* 1 */
    *with = word;
    m->cut = 0;
    m->shift = smmu_level_shift(&s->table, level);
    m->page = smmu_descriptor_addr(&s->table, word) &
              ~viommu_bits(m->shift - 1, 0);
    if (m->page >> s->table.out_bits) {
        return SMMU_F_ADDR_SIZE;
    }
    /* 2 */
    if (!(word & SMMU_PTE_AF)) {
        if (s->flags & (s->second ? SMMU_CTX_S2_HA : SMMU_CTX_S1_HA)) {
            *with |= SMMU_PTE_AF;
        } else if (!(s->flags & (s->second ? SMMU_CTX_S2_AFFD
                                           : SMMU_CTX_S1_AFFD))) {
            return SMMU_F_ACCESS;
        }
    }
    /* 3 */
    m->flags = s->second ? smmu_s2_grants(s, word, clean)
                         : smmu_s1_grants(s, word, clean, limit);
    if (!smmu_suffices(wanted, m->flags)) {
        return SMMU_F_PERMISSION;
    }
    /* 4 */
    if (clean && (wanted->dirties & m->flags)) {
        *with = smmu_made_dirty(s, *with);
    } else if (clean && (wanted->any || !wanted->probe)) {
        /* The answer is kept for reads only, so that the first write comes
         * here again. */
        m->flags &= ~SMMU_MAP_WRITE;
    }
    if (!s->second && !s->one_table && !(word & SMMU_PTE_NG)) {
        m->flags |= SMMU_MAP_GLOBAL;
    }
    if (word & SMMU_PTE_CONTIGUOUS) {
        smmu_widen(&s->table, level, asked->addr, m);
    }
    return SMMU_EVENT_NONE;
}

#endif
