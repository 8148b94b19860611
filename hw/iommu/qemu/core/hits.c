/* SPDX-License-Identifier: GPL-2.0-or-later */
/* viommu in QEMU: see hits.h. */
#include "qemu/osdep.h"
#include "hw/viommu/core/hits.h"
#include "qemu/host-utils.h"
#include "qemu/main-loop.h"

bool viommu_hits_init(ViommuHits *hits)
{
    /* Untouched pages of zeroes, which are hits of no generation. */
    hits->table = mmap(NULL, VIOMMU_HITS * sizeof(ViommuHit),
                       PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    hits->trust = VIOMMU_HITS_TRUST;
    return hits->table != MAP_FAILED;
}

void viommu_hits_fill(ViommuHits *hits, uint32_t source, uint32_t pasid,
                      hwaddr addr, uint64_t generation, hwaddr to,
                      hwaddr mask, IOMMUAccessFlags perm)
{
    ViommuHit *hit = viommu_hit_of(hits, pasid, addr >> 12);
    uint64_t who = viommu_hit_who(source, pasid);
    uint64_t before = qatomic_read(&hit->who);

    /* One writer at a time; who translates without the BQL does without. */
    if (!bql_locked() || !viommu_hits_know(pasid) ||
        mask == UINT64_MAX) {
        return;
    }
    /*
     * DMA that runs through more pages than there are hits would replace each
     * before its next use; so most of the live ones stay.
     */
    if (hit->generation == generation &&
        (hit->page != addr >> 12 || (before & VIOMMU_HIT_WHO) != who) &&
        (++hits->replacements & 7)) {
        return;
    }
    qatomic_set(&hit->who, before | VIOMMU_HIT_SEQUENCE);
    smp_wmb();
    qatomic_set(&hit->page, addr >> 12);
    qatomic_set(&hit->generation, generation);
    qatomic_set(&hit->to, (to & VIOMMU_HIT_ADDR) |
                          (uint64_t)perm << VIOMMU_HIT_PERM |
                          ctpop64(mask));
    /* a later one, and even */
    before &= ~VIOMMU_HIT_WHO & ~VIOMMU_HIT_SEQUENCE;
    qatomic_store_release(&hit->who, (before + 2 * VIOMMU_HIT_SEQUENCE) | who);
}
