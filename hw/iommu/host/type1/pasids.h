/* SPDX-License-Identifier: BSD-3-Clause */
/* VFIO's containers: PASIDs that the kernel gives out. */
#ifndef HW_IOMMU_HOST_TYPE1_PASIDS_H
#define HW_IOMMU_HOST_TYPE1_PASIDS_H

#include "hw/iommu/host/type1/state.h"

int type1_alloc_pasid(ViommuHost *host, uint32_t min, uint32_t max,
                      uint32_t *pasid);
int type1_free_pasid(ViommuHost *host, uint32_t pasid);

#endif
