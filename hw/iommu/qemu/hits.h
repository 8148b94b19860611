/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: translations that a unit gave and has not taken back.
 *
 * What QEMU does around a translation leaves little time for the translation
 * itself, so each space keeps those that it has got, as a device-TLB would.
 * The unit says when to drop them, after it has dropped its own: whoever reads
 * the generation before the unit's answer has an answer that is not older.
 */
#ifndef HW_VIOMMU_HITS_H
#define HW_VIOMMU_HITS_H

#include "exec/memory.h"
#include "exec/address-spaces.h"
#include "qemu/atomic.h"

/*
 * Each has a cache line of its own.  A space has 1 MiB of them, of which it
 * uses as many pages as its DMA touches.
 */
#define VIOMMU_HITS 16384

typedef struct ViommuHit {
    uint32_t sequence;          /* odd while it is written */
    uint32_t source;
    uint32_t pasid;
    uint32_t perm;
    uint64_t generation;
    hwaddr page;
    hwaddr to;
    hwaddr mask;
} QEMU_ALIGNED(64) ViommuHit;

typedef struct ViommuHits {
    ViommuHit *table;           /* VIOMMU_HITS of them */
    unsigned replacements;      /* of live hits, wanted so far */
} ViommuHits;

/* False: no memory. */
bool viommu_hits_init(ViommuHits *hits);
/* Keep @entry, asked for after @generation was read.  Any thread. */
void viommu_hits_fill(ViommuHits *hits, uint32_t source, uint32_t pasid,
                      hwaddr addr, uint64_t generation,
                      const IOMMUTLBEntry *entry);

/* PASIDs start at different places, with nothing to add for none. */
static inline ViommuHit *viommu_hit_of(const ViommuHits *hits, uint32_t pasid,
                                       hwaddr page)
{
    return &hits->table[(page + (pasid + 1) * 0x9e5) % VIOMMU_HITS];
}

/* Any thread. */
static inline bool viommu_hits_find(const ViommuHits *hits, uint32_t source,
                                    uint32_t pasid, hwaddr addr,
                                    IOMMUAccessFlags flag,
                                    uint64_t generation, IOMMUTLBEntry *entry)
{
    hwaddr page = addr >> 12;
    ViommuHit *hit = viommu_hit_of(hits, pasid, page);
    uint32_t sequence = qatomic_load_acquire(&hit->sequence);
    uint32_t perm = qatomic_read(&hit->perm);

    if ((sequence & 1) || qatomic_read(&hit->page) != page ||
        qatomic_read(&hit->pasid) != pasid ||
        qatomic_read(&hit->generation) != generation ||
        qatomic_read(&hit->source) != source || (flag & ~perm)) {
        return false;
    }
    entry->target_as = &address_space_memory;
    entry->addr_mask = qatomic_read(&hit->mask);
    entry->translated_addr = qatomic_read(&hit->to);
    entry->iova = addr & ~entry->addr_mask;
    entry->perm = perm;
    smp_rmb();
    return qatomic_read(&hit->sequence) == sequence;
}

#endif
