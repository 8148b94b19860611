/* SPDX-License-Identifier: BSD-3-Clause */
/* The invalidation queue, and the register interface to invalidations. */
#ifndef HW_IOMMU_VTD_QUEUE_H
#define HW_IOMMU_VTD_QUEUE_H

#include "hw/iommu/vtd/unit.h"

/** Do a batch of work (viommu_work_run()).  Not locked. */
void vtd_run(Viommu *unit);
/** The work that the registers ask for; after reset and load.  Locked. */
unsigned vtd_work_wanted(VtdUnit *u);
void vtd_unexpected_completion(Viommu *unit, uint32_t source);

#endif
