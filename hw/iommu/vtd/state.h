/* SPDX-License-Identifier: BSD-3-Clause */
/* Reset, save and load. */
#ifndef HW_IOMMU_VTD_STATE_H
#define HW_IOMMU_VTD_STATE_H

#include "hw/iommu/vtd/unit.h"

void vtd_reset(Viommu *unit);
GBytes *vtd_save(Viommu *unit);
bool vtd_load_state(Viommu *unit, const void *data, size_t size,
                    GError **error);

#endif
