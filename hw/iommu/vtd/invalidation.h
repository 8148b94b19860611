/* SPDX-License-Identifier: BSD-3-Clause */
/* What each invalidation removes from the caches. */
#ifndef HW_IOMMU_VTD_INVALIDATION_H
#define HW_IOMMU_VTD_INVALIDATION_H

#include "hw/iommu/vtd/unit.h"

/** Empty all caches.  Locked or not. */
void vtd_forget_translations(VtdUnit *u);
void vtd_forget_irtes(VtdUnit *u);

/* Not locked, and not in a read-side section.  Each of these also tells the
 * embedder. */
void vtd_invalidate_all(VtdUnit *u);
void vtd_invalidate_context(VtdUnit *u, unsigned granularity, uint16_t did,
                            uint16_t source, unsigned function_mask);
void vtd_invalidate_iotlb(VtdUnit *u, unsigned granularity, uint16_t did,
                          uint64_t addr, unsigned am, bool leaf_only);
void vtd_invalidate_pasid_cache(VtdUnit *u, unsigned granularity,
                                uint32_t pasid);
/** PASID-based: a whole address space, or with @paged 2^@am pages. */
void vtd_invalidate_piotlb(VtdUnit *u, uint16_t did, uint32_t pasid,
                           bool paged, uint64_t addr, unsigned am,
                           bool leaf_only);
void vtd_invalidate_irtes(VtdUnit *u, bool indexed, uint32_t index,
                          unsigned mask_bits);

#endif
