/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Translation table descriptors (VMSAv8-64 of the Arm architecture; 3.13 for
 * the access flag and the dirty state): what one says, in either stage.
 * Nothing here reads or writes memory; walk.c does.
 */
#ifndef HW_IOMMU_SMMUV3_DESCRIPTOR_H
#define HW_IOMMU_SMMUV3_DESCRIPTOR_H

#include "hw/iommu/smmuv3/unit.h"

/** For the few functions of each walk, which shrink where it is known which
 *  stage they are for. */
#define SMMU_INLINE inline __attribute__((always_inline))

/** A stage, by whose rules its descriptors are read. */
typedef struct SmmuStage {
    SmmuTable table;
    uint64_t flags;         /* SmmuContext.flags */
    bool second;
    bool one_table;         /* EL2 alone: no users */
    bool nested;            /* stage 1, over stage 2 */
    uint8_t class;          /* what stage 2 is asked for */
} SmmuStage;

/** What is asked of it. */
typedef struct SmmuAsked {
    uint64_t addr;
    const SmmuWanted *wanted;
} SmmuAsked;

/** The address in a descriptor; with the 64 KiB granule, bits 51:48 stand in
 *  bits 15:12. */
static inline uint64_t smmu_descriptor_addr(const SmmuTable *t, uint64_t word)
{
    uint64_t addr = word & viommu_bits(47, t->granule);

    return t->granule == 16 ? addr | (word & viommu_bits(15, 12)) << 36
                            : addr;
}

/* --- Permissions --------------------------------------------------------- */

/* What stage 1 reads for itself is not to be Device memory (STE.S2PTW). */
static inline bool smmu_is_protected(const SmmuStage *s, uint64_t word)
{
    return (s->flags & SMMU_CTX_S2_PTW) && s->class != SMMU_CLASS_IN &&
           !(word & (s->flags & SMMU_CTX_S2_FWB ? SMMU_PTE_S2_NORMAL_FWB
                                                : SMMU_PTE_S2_NORMAL));
}

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
           exec[word >> 53 & 3];
}

/* EL2 alone: whoever asks has privilege. */
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

/* @limit is what the tables above leave: what they take away is as if the page
 * did. */
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
    /* What a user can write, nobody executes with privilege. */
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
        /* Of data only: what is executed is decided by now. */
        flags &= ~(SMMU_MAP_PR | SMMU_MAP_PW);
    }
    return flags & limit;
}

/** What a table descriptor leaves of @limit to the levels below. */
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
        /* The bits about users are none. */
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

/* A contiguous run, when this descriptor stands where its address says. */
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

/* A page that is writable, but for the dirty bit that a write sets: stage 1
 * clears "read-only". */
static inline bool smmu_is_clean(const SmmuStage *s, uint64_t word)
{
    bool managed = s->flags & (s->second ? SMMU_CTX_S2_HD : SMMU_CTX_S1_HD);

    return managed && (word & SMMU_PTE_DBM) &&
           (s->second ? !(word & SMMU_PTE_S2_WRITE)
                      : (word & SMMU_PTE_AP2) != 0);
}

static inline uint64_t smmu_made_dirty(const SmmuStage *s, uint64_t word)
{
    return s->second ? word | SMMU_PTE_S2_WRITE
                     : word & ~(uint64_t)SMMU_PTE_AP2;
}

/**
 * What a leaf of @level says: *@m, if in memory @word is, or becomes, *@with.
 * Or the fault; in the order of their priorities.
 */
static SMMU_INLINE SmmuEventId smmu_leaf(const SmmuStage *s, unsigned level,
                                         uint64_t word, uint8_t limit,
                                         const SmmuAsked *asked,
                                         SmmuMapping *m, uint64_t *with)
{
    const SmmuWanted *wanted = asked->wanted;
    bool clean = smmu_is_clean(s, word);

    *with = word;
    m->cut = 0;
    m->shift = smmu_level_shift(&s->table, level);
    m->page = smmu_descriptor_addr(&s->table, word) &
              ~viommu_bits(m->shift - 1, 0);
    if (m->page >> s->table.out_bits) {
        return SMMU_F_ADDR_SIZE;
    }
    if (!(word & SMMU_PTE_AF)) {
        if (s->flags & (s->second ? SMMU_CTX_S2_HA : SMMU_CTX_S1_HA)) {
            *with |= SMMU_PTE_AF;
        } else if (!(s->flags & (s->second ? SMMU_CTX_S2_AFFD
                                           : SMMU_CTX_S1_AFFD))) {
            return SMMU_F_ACCESS;
        }
    }
    m->flags = s->second ? smmu_s2_grants(s, word, clean)
                         : smmu_s1_grants(s, word, clean, limit);
    if (!smmu_suffices(wanted, m->flags)) {
        return SMMU_F_PERMISSION;
    }
    if (clean && (wanted->dirties & m->flags)) {
        *with = smmu_made_dirty(s, *with);
    } else if (clean && (wanted->any || !wanted->probe)) {
        /* The first write must come here again. */
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
