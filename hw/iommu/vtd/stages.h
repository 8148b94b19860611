/* SPDX-License-Identifier: BSD-3-Clause */
/* The walks of both stages. */
#ifndef HW_IOMMU_VTD_STAGES_H
#define HW_IOMMU_VTD_STAGES_H

#include "hw/iommu/vtd/context.h"
#include "hw/iommu/vtd/translation.h"
#include "hw/iommu/vtd/unit.h"

/**
 * The second stage's translation of @addr, from the IOTLB or the tables; of a
 * nested walk, from the tables.  VTD_FR_NONE with a mapping, or a reason.  A
 * mapping that grants nothing is not present; its shift says for how many
 * addresses that holds.  Read-side section.
 */
VtdReason vtd_second_stage(VtdUnit *u, const VtdContext *context,
                           uint64_t addr, const VtdWanted *wanted,
                           VtdMapping *mapping);
/** The first stage's translation, through the second stage when nested. */
VtdReason vtd_first_stage(VtdUnit *u, const VtdContext *context,
                          uint64_t addr, const VtdWanted *wanted,
                          VtdMapping *mapping);

#endif
