/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ViommuTlb: what a unit remembers of translation tables, over cache.h: the
 * pages that were found, and the tables on the way to them (the
 * paging-structure cache, from whose lowest entry a walk starts).
 *
 * An entry is found by an address without the bits that it covers, and by a
 * tag: whose address space it is, and how many bits are covered.  The sizes
 * that were met are remembered, so that look-ups and removals try these and
 * no others.
 *
 * The race of a fill against an invalidation is cache.h's.  An invalidation advances both, then
 * a generation; or removes tables, then pages (viommu_tlb_remove_tables()).
 */
#ifndef HW_IOMMU_COMMON_TLB_H
#define HW_IOMMU_COMMON_TLB_H

#include "hw/iommu/common/bits.h"
#include "hw/iommu/common/cache.h"
#include "hw/iommu/common/word.h"

typedef struct ViommuTlb {
    ViommuCache pages;
    ViommuCache tables;
    uint64_t sizes[2];      /* bit n: pages of 2^n; by VIOMMU_TAG_GLOBAL */
    uint64_t spans;         /* bit n: tables that map 2^n */
} ViommuTlb;

/** An address space.  Of @key, bits 21:16 are 0: log2 of a size goes there.
 *  (Two words: smaller members make compilers' copies of it slow.) */
typedef struct ViommuTag {
    uint64_t stamp;         /* never 0 */
    uint64_t key;
} ViommuTag;

/** In a key: pages that more than one address space has.  Their sizes are
 *  kept apart; who has none does not look for them. */
#define VIOMMU_TAG_GLOBAL (UINT64_C(1) << 22)

/** A ViommuSeen of both. */
typedef struct ViommuTlbSeen {
    ViommuSeen pages;
    ViommuSeen tables;
} ViommuTlbSeen;

/** Room for 2^@page_bits pages, and for tables. */
void viommu_tlb_init(ViommuTlb *tlb, unsigned page_bits);
void viommu_tlb_destroy(ViommuTlb *tlb);

static inline ViommuTlbSeen viommu_tlb_look(const ViommuTlb *tlb)
{
    return (ViommuTlbSeen) {
        viommu_cache_look(&tlb->pages), viommu_cache_look(&tlb->tables),
    };
}

/** Make fills that began before fail: first part of each invalidation. */
void viommu_tlb_advance(ViommuTlb *tlb);

/**
 * The next entry for @addr among those of *@sizes, smallest first; *@sizes
 * loses the sizes that were looked at, the last one is *@shift.
 */
static inline bool viommu_tlb_next(const ViommuCache *cache, uint64_t *sizes,
                                   const ViommuTag *tag, uint64_t addr,
                                   ViommuCacheEntry *e, unsigned *shift)
{
    while (*sizes) {
        unsigned n = __builtin_ctzll(*sizes);

        *sizes &= *sizes - 1;
        if (viommu_cache_find(cache, addr >> n,
                              tag->key | (uint64_t)n << 16, e) &&
            e->stamp == tag->stamp) {
            *shift = n;
            return true;
        }
    }
    return false;
}

/** The page of @addr, of 2^*@shift bytes: e->value. */
static inline bool viommu_tlb_find(const ViommuTlb *tlb, const ViommuTag *tag,
                                   uint64_t addr, ViommuCacheEntry *e,
                                   unsigned *shift)
{
    const uint64_t *met = &tlb->sizes[(tag->key & VIOMMU_TAG_GLOBAL) != 0];
    uint64_t sizes = viommu_acquire(met);

    return viommu_tlb_next(&tlb->pages, &sizes, tag, addr, e, shift);
}

void viommu_tlb_fill(ViommuTlb *tlb, const ViommuTag *tag, uint64_t addr,
                     unsigned shift, uint64_t value0, uint64_t value1,
                     const ViommuTlbSeen *seen);

/** A table that a walk goes through. */
typedef struct ViommuTable {
    uint64_t addr;          /* a multiple of 4096 */
    uint16_t flags;         /* the walker's own, below 4096 */
    uint8_t span;           /* log2 of what it maps */
} ViommuTable;

/**
 * The lowest cached table on the way to @addr, of those with the spans in
 * @spans.  @top says from where it was found, because an address space may be
 * given other tables while its translations stay.
 */
static inline bool viommu_tlb_find_table(const ViommuTlb *tlb, uint64_t spans,
                                         const ViommuTag *tag, uint64_t addr,
                                         uint64_t top, ViommuTable *t)
{
    ViommuCacheEntry e;
    unsigned span;

    while (viommu_tlb_next(&tlb->tables, &spans, tag, addr, &e, &span)) {
        if (e.value[1] == top) {
            *t = (ViommuTable) {
                e.value[0] & ~UINT64_C(4095), e.value[0] & 4095,
                (uint8_t)span,
            };
            return true;
        }
    }
    return false;
}

void viommu_tlb_fill_table(ViommuTlb *tlb, const ViommuTag *tag,
                           uint64_t addr, uint64_t top, const ViommuTable *t,
                           const ViommuTlbSeen *seen);

/** Remove what lies in @size bytes at @addr, whose end is no more than 2^64;
 *  the caller bounds how many these are.  Tables before pages. */
void viommu_tlb_remove_tables(ViommuTlb *tlb, uint64_t key, uint64_t addr,
                              uint64_t size);
void viommu_tlb_remove(ViommuTlb *tlb, uint64_t key, uint64_t addr,
                       uint64_t size);

#endif
