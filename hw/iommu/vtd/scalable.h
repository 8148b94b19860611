/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of scalable mode. */
#ifndef HW_IOMMU_VTD_SCALABLE_H
#define HW_IOMMU_VTD_SCALABLE_H

#include "hw/iommu/vtd/context.h"
#include "hw/iommu/vtd/unit.h"

/** The context of requests of @source with @pasid (or VIOMMU_NO_PASID), from
 *  the tables at @root, in the format of RTADDR. */
VtdReason vtd_scalable_context(VtdUnit *u, uint64_t root, uint16_t source,
                               uint32_t pasid, VtdContext *context);

typedef struct VtdScanned {
    unsigned n;
    uint32_t pasid[1u << VTD_PASID_TABLE_BITS];
} VtdScanned;

/** Find PASIDs from @first on that have an entry, of one table, within a bound
 *  on what is read.  Returns the PASID to go on with, or VIOMMU_NO_PASID at
 *  the end.  Read-side section. */
uint32_t vtd_scalable_scan(VtdUnit *u, uint16_t source, uint32_t first,
                           VtdScanned *scanned);
/** What the tables say about a page request; *@fpd is valid with each
 *  reason.  Read-side section. */
VtdReason vtd_page_request_context(VtdUnit *u, uint16_t source,
                                   uint32_t pasid, bool *fpd);

#endif
