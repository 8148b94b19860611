/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IOTLB (6.2.3): translations of both stages, tagged by domain, those
 * of a first stage by PASID too.  A nested translation is one entry from the
 * address of the first stage to that of the second.
 */
#include "hw/iommu/vtd/unit.h"

/*
 * Software may add permissions without invalidating, so a cached
 * translation that lacks one is not the last word (6.2.3).  In caching mode it
 * must invalidate then too.  A write through a translation whose tables do not
 * say "dirty" yet has to say so in the tables.
 */
static bool last_word(const VtdUnit *u, const VtdContext *context,
                      const VtdWanted *wanted, uint16_t flags)
{
    VtdReason lacking = vtd_check(context, wanted->access, flags);

    if (lacking) {
        return u->cfg.caching_mode;
    }
    return !(wanted->access & VIOMMU_WRITE) || (flags & VTD_MAP_DIRTY) ||
           wanted->probe;
}

bool vtd_iotlb_find(VtdUnit *u, const VtdTag *tag, uint64_t addr,
                    const VtdWanted *wanted, const VtdContext *context,
                    VtdMapping *m, VtdReason *reason)
{
    return !wanted->missed && vtd_iotlb_lookup(u, tag, addr, m, reason) &&
           (*reason || last_word(u, context, wanted, m->flags));
}

void vtd_iotlb_fill(VtdUnit *u, const VtdTag *tag, uint64_t addr,
                    const VtdWanted *wanted, const VtdMapping *m,
                    VtdReason reason)
{
    bool granting = !reason && (m->flags & (VIOMMU_READ | VIOMMU_WRITE));
    unsigned size = (m->shift - VTD_PAGE_SHIFT) / VTD_LEVEL_BITS;
    ViommuCacheEntry e = {
        .value = { m->page | m->flags,
                   viommu_put(0, VTD_TLB_REASON, reason) },
        .stamp = tag->stamp,
    };

    if (wanted->probe) {
        return;
    }
    if (!granting) {
        /* Faulting entries are cached in caching mode, a page at a time;
         * but not what memory failed to answer, nor what depends on bits
         * that other walks set without an invalidation. */
        if (!u->cfg.caching_mode || reason == VTD_FR_PAGING_ACCESS ||
            reason == VTD_FR_SS_ACCESS || reason == VTD_FR_FS_ACCESS ||
            reason == VTD_FR_SS_POINTER || reason == VTD_FR_FS_POINTER ||
            reason == VTD_FR_FS_TABLE_WRITE ||
            reason == VTD_FR_FS_UPDATE_FAILED) {
            return;
        }
        size = VTD_SIZE_4K;
        e.value[0] = 0;
    }
    e.key[0] = addr >> vtd_size_shift(size);
    e.key[1] = vtd_tag_key(tag, size);
    if (!(viommu_acquire(&u->sizes) & (1u << size))) {
        /* Before the fill, so that a removal either looks for this size or
         * has advanced the epoch before the fill checks it. */
        __atomic_fetch_or(&u->sizes, 1u << size, __ATOMIC_SEQ_CST);
    }
    viommu_cache_fill(&u->iotlb, &e, wanted->seen.iotlb);
}
