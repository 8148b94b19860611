/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IOTLB (6.2.3): translations of both stages, tagged by domain, those
 * of a first stage by PASID too.  A nested translation is one entry from the
 * address of the first stage to that of the second.
 */
#include "hw/iommu/vtd/iotlb.h"

#include "hw/iommu/vtd/permissions.h"

/*
 * Software may add permissions without invalidating, so a cached
 * translation that lacks one is not the last word (6.2.3).  In caching mode it
 * must invalidate then too, but for a first stage (6.1).  A write through a translation whose tables do not
 * say "dirty" yet has to say so in the tables.
 */
static bool last_word(const VtdUnit *u, const VtdContext *context,
                      const VtdWanted *wanted, uint16_t flags)
{
    VtdReason lacking = vtd_check(context, wanted->access, flags);

    if (lacking) {
        return u->cfg.caching_mode && !vtd_has_first_stage(context);
    }
    return !(wanted->access & VIOMMU_WRITE) || (flags & VTD_MAP_DIRTY) ||
           wanted->no_marks;
}

bool vtd_iotlb_find(VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    const VtdWanted *wanted, const VtdContext *context,
                    VtdMapping *m, VtdReason *reason)
{
    return !wanted->missed && vtd_iotlb_lookup(u, tag, addr, m, reason) &&
           (*reason || last_word(u, context, wanted, m->flags));
}

void vtd_iotlb_fill(VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    const VtdWanted *wanted, const VtdMapping *m,
                    VtdReason reason)
{
    bool granting = !reason && (m->flags & (VIOMMU_READ | VIOMMU_WRITE));
    uint64_t value = m->page | m->flags;
    unsigned shift = m->shift;

    if (wanted->no_fill) {
        return;
    }
    if (!granting) {
        /* Faulting entries are cached in caching mode, a page at a time;
         * but not what memory failed to answer, nor what depends on bits
         * that other walks set without an invalidation. */
        if (!u->cfg.caching_mode || reason == VTD_FR_PAGING_ACCESS ||
            reason == VTD_FR_SS_ACCESS || reason == VTD_FR_SS_POINTER) {
            return;
        }
        shift = VTD_PAGE_SHIFT;
        value = 0;
    }
    viommu_tlb_fill(&u->tlb, tag, addr, shift, value,
                    viommu_put(0, VTD_TLB_REASON, reason), &wanted->seen);
}
