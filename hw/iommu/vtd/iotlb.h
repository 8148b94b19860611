/* SPDX-License-Identifier: BSD-3-Clause */
/* Cached translations. */
#ifndef HW_IOMMU_VTD_IOTLB_H
#define HW_IOMMU_VTD_IOTLB_H

#include "hw/iommu/vtd/context.h"
#include "hw/iommu/vtd/tags.h"
#include "hw/iommu/vtd/translation.h"

/* In the second word of an IOTLB entry: a cached fault, in caching mode. */
static const ViommuField VTD_TLB_REASON = { 8, 8 };

/** The cached translation of @addr, a page of any size [VTD 6.2.4]. */
static inline bool vtd_iotlb_lookup(const VtdUnit *u, const ViommuTag *tag,
                                    uint64_t addr, VtdMapping *m,
                                    VtdReason *reason)
{
    ViommuCacheEntry e;
    unsigned shift;

    if (!viommu_tlb_find(&u->tlb, tag, addr, &e, &shift)) {
        return false;
    }
    m->page = e.value[0] & ~(VTD_PAGE_SIZE - 1);
    m->flags = e.value[0] & (VTD_PAGE_SIZE - 1);
    m->shift = shift;
    *reason = viommu_get(e.value[1], VTD_TLB_REASON);
    return true;
}

/** A cached translation of @addr that decides what is wanted; in caching mode
 *  perhaps a cached fault, in *@reason.  False: a walk is needed. */
bool vtd_iotlb_find(VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    const VtdWanted *wanted, const VtdContext *context,
                    VtdMapping *mapping, VtdReason *reason);
void vtd_iotlb_fill(VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    const VtdWanted *wanted, const VtdMapping *mapping,
                    VtdReason reason);

#endif
