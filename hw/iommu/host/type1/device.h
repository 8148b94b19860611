/* SPDX-License-Identifier: BSD-3-Clause */
/* VFIO's containers: the device. */
#ifndef HW_IOMMU_HOST_TYPE1_DEVICE_H
#define HW_IOMMU_HOST_TYPE1_DEVICE_H

#include "hw/iommu/host/type1/state.h"

ViommuHostDevice *type1_device_new(ViommuHost *host, int fd, GError **error);
void type1_device_free(ViommuHostDevice *device);

#endif
