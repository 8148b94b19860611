/* SPDX-License-Identifier: BSD-3-Clause */
#include "hw/iommu/common/tlb.h"

/* log2 of the entries for tables */
#define TABLE_BITS 13

void viommu_tlb_init(ViommuTlb *tlb, unsigned page_bits)
{
    viommu_cache_init(&tlb->pages, page_bits);
    viommu_cache_init(&tlb->tables, TABLE_BITS);
    tlb->sizes[0] = tlb->sizes[1] = 0;
    tlb->spans = 0;
}

void viommu_tlb_destroy(ViommuTlb *tlb)
{
    viommu_cache_destroy(&tlb->pages);
    viommu_cache_destroy(&tlb->tables);
}

/*
 * Before a generation: a request that sees the new generation, and yet uses
 * what it found before, then also sees that its epochs are old.
 */
void viommu_tlb_advance(ViommuTlb *tlb)
{
    viommu_cache_advance(&tlb->pages);
    viommu_cache_advance(&tlb->tables);
}

static void fill(ViommuCache *cache, uint64_t *sizes, const ViommuTag *tag,
                 uint64_t addr, unsigned shift, uint64_t value0,
                 uint64_t value1, const ViommuSeen *seen)
{
    ViommuCacheEntry e = {
        .key = { addr >> shift, tag->key | (uint64_t)shift << 16 },
        .value = { value0, value1 },
        .stamp = tag->stamp,
    };

    if (!(viommu_acquire(sizes) >> shift & 1)) {
        /* Before the fill, so that a removal either looks for this size or
         * has advanced the epoch before the fill checks it. */
        __atomic_fetch_or(sizes, UINT64_C(1) << shift, __ATOMIC_SEQ_CST);
    }
    viommu_cache_fill(cache, &e, seen);
}

void viommu_tlb_fill(ViommuTlb *tlb, const ViommuTag *tag, uint64_t addr,
                     unsigned shift, uint64_t value0, uint64_t value1,
                     const ViommuTlbSeen *seen)
{
    fill(&tlb->pages, &tlb->sizes[(tag->key & VIOMMU_TAG_GLOBAL) != 0], tag,
         addr, shift, value0, value1, &seen->pages);
}

void viommu_tlb_fill_table(ViommuTlb *tlb, const ViommuTag *tag,
                           uint64_t addr, uint64_t top, const ViommuTable *t,
                           const ViommuTlbSeen *seen)
{
    fill(&tlb->tables, &tlb->spans, tag, addr, t->span, t->addr | t->flags,
         top, &seen->tables);
}

static void remove_size(ViommuCache *cache, unsigned shift, uint64_t key,
                        uint64_t addr, uint64_t size)
{
    uint64_t last = (addr + size - 1) >> shift;

    for (uint64_t n = addr >> shift; n <= last; n++) {
        viommu_cache_remove(cache, n, key | (uint64_t)shift << 16);
    }
}

/*
 * Upper tables first, each size with a new epoch behind it: who found an old
 * table in the cache until then does not fill in what it found through that
 * table, another table or a page.
 */
void viommu_tlb_remove_tables(ViommuTlb *tlb, uint64_t key, uint64_t addr,
                              uint64_t size)
{
    /* After the epoch: a fill with a span that is not in here fails. */
    uint64_t spans = __atomic_load_n(&tlb->spans, __ATOMIC_SEQ_CST);

    while (spans) {
        uint64_t largest = viommu_highest_bit(spans);

        remove_size(&tlb->tables, __builtin_ctzll(largest), key, addr, size);
        viommu_tlb_advance(tlb);
        spans &= ~largest;
    }
}

void viommu_tlb_remove(ViommuTlb *tlb, uint64_t key, uint64_t addr,
                       uint64_t size)
{
    const uint64_t *met = &tlb->sizes[(key & VIOMMU_TAG_GLOBAL) != 0];
    uint64_t sizes = __atomic_load_n(met, __ATOMIC_SEQ_CST);

    for (; sizes; sizes &= sizes - 1) {
        remove_size(&tlb->pages, __builtin_ctzll(sizes), key, addr, size);
    }
}
