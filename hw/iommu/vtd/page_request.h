/* SPDX-License-Identifier: BSD-3-Clause */
/* The page request queue. */
#ifndef HW_IOMMU_VTD_PAGE_REQUEST_H
#define HW_IOMMU_VTD_PAGE_REQUEST_H

#include "hw/iommu/vtd/unit.h"

void vtd_page_request(Viommu *unit, const ViommuPageRequest *req,
                      const bool *over);
/** PRS was written.  Locked. */
void vtd_page_requests_seen(VtdUnit *u);

#endif
