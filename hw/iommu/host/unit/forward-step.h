/* SPDX-License-Identifier: BSD-3-Clause */
/* What is noted is carried out. */
#ifndef HW_IOMMU_HOST_UNIT_FORWARD_STEP_H
#define HW_IOMMU_HOST_UNIT_FORWARD_STEP_H

#include "hw/iommu/host/unit/forward.h"

/**
 * Carry out some of what was noted.  Returns whether there is more.  With
 * *@failed, the host has refused something of that source.  Not locked, and
 * not in a DMA section.
 */
bool viommu_forward_step(Viommu *unit, const ViommuForwardModel *model,
                         uint32_t *failed);
/** Forget what was noted: everything will be looked at, and bound anew. */
void viommu_forward_reset(Viommu *unit);

#endif
