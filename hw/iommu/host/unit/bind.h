/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of host devices, and their invalidations, go to the host. */
#ifndef HW_IOMMU_HOST_UNIT_BIND_H
#define HW_IOMMU_HOST_UNIT_BIND_H

#include "hw/iommu/host/unit/bindings.h"

/* With the unit's work in hand: */

/** For ViommuForwardModel.look(): the device's requests with @pasid are behind
 *  @table from now on, and known by @domain and @tag. */
void viommu_forward_bind(ViommuHostDevice *device, uint32_t pasid,
                         const ViommuHostTable *table, uint32_t domain,
                         uint32_t tag);
/** Block what is bound. */
void viommu_binding_remove(ViommuHostDevice *device, ViommuBinding *binding);
/** Take all away. */
void viommu_bindings_drop(ViommuHostDevice *device);
/** Tell the host what it has still to hear of: false when that is nothing.
 *  What it refuses is left out, and the rest goes on behind it. */
bool viommu_binding_flush(ViommuHostDevice *device, ViommuBinding *binding);
/** Note what a shadow has still to look at: false when that is nothing. */
bool viommu_binding_take(ViommuHostDevice *device, ViommuBinding *binding);

#endif
