/* SPDX-License-Identifier: GPL-2.0-or-later */
/* viommu in QEMU: see hits.h. */
#include "qemu/osdep.h"
#include "hits.h"
#include "qemu/main-loop.h"

bool viommu_hits_init(ViommuHits *hits)
{
    /* Untouched pages of zeroes, which are hits of no generation. */
    hits->table = mmap(NULL, VIOMMU_HITS * sizeof(ViommuHit),
                       PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return hits->table != MAP_FAILED;
}

void viommu_hits_fill(ViommuHits *hits, uint32_t source, uint32_t pasid,
                      hwaddr addr, uint64_t generation,
                      const IOMMUTLBEntry *entry)
{
    ViommuHit *hit = viommu_hit_of(hits, pasid, addr >> 12);
    uint32_t sequence = qatomic_read(&hit->sequence);

    /* One writer at a time; who translates without the BQL does without. */
    if (!bql_locked()) {
        return;
    }
    /*
     * DMA that runs through more pages than there are hits would replace each
     * before its next use; so most of the live ones stay.
     */
    if (hit->generation == generation &&
        (hit->page != addr >> 12 || hit->pasid != pasid) &&
        (++hits->replacements & 7)) {
        return;
    }
    qatomic_set(&hit->sequence, sequence + 1);
    smp_wmb();
    qatomic_set(&hit->page, addr >> 12);
    qatomic_set(&hit->pasid, pasid);
    qatomic_set(&hit->generation, generation);
    qatomic_set(&hit->source, source);
    qatomic_set(&hit->perm, entry->perm);
    qatomic_set(&hit->to, entry->translated_addr);
    qatomic_set(&hit->mask, entry->addr_mask);
    qatomic_store_release(&hit->sequence, sequence + 2);
}
