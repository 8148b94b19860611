/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IOTLB [VTD 6.2.4]: translations of both stages, tagged by domain, those
 * of a first stage by PASID, too [VTD 6.2.1].  A nested translation is one
 * entry, from the address of the first stage to that of the second.
 */
#include "hw/iommu/vtd/iotlb.h"

#include "hw/iommu/vtd/permissions.h"

/*
 * Whether a cached translation decides what is wanted.  Software may add
 * permissions without an invalidation, so that one which lacks a permission
 * does not decide [VTD 6.5.3].  In caching mode, software must invalidate then,
 * too, but for a first stage [VTD 6.1].  Nor does a translation decide about
 * a write when the tables do not call its page dirty yet: the write has to set
 * the bit.
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
        /* Faults are cached in caching mode only [VTD 6.1], a page at a time;
         * but not when a table could not be read or updated. */
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
