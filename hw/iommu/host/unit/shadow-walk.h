/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's tables are looked through. */
#ifndef HW_IOMMU_HOST_UNIT_SHADOW_WALK_H
#define HW_IOMMU_HOST_UNIT_SHADOW_WALK_H

#include "hw/iommu/host/unit/shadow.h"

/** Look at some.  1 when there is more, 0, or a negative errno. */
int viommu_shadow_step(ViommuShadow *shadow, uint8_t width);

#endif
