/* SPDX-License-Identifier: BSD-3-Clause */
/* iommufd: devices, and the parents that they share. */
#ifndef HW_IOMMU_HOST_IOMMUFD_DEVICE_H
#define HW_IOMMU_HOST_IOMMUFD_DEVICE_H

#include "hw/iommu/host/iommufd/objects.h"

ViommuHostDevice *iommufd_device_new(ViommuHost *host, int fd,
                                     GError **error);
int iommufd_check_group(ViommuHostDevice *device, ViommuHostDevice *other);
int iommufd_attached(ViommuHostDevice *device, const Viommu *unit);
ViommuHostDevice *iommufd_device_adopt(ViommuHost *host, int fd, uint32_t id,
                                       GError **error);
void iommufd_device_free(ViommuHostDevice *device);

#endif
