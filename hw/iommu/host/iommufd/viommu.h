/* SPDX-License-Identifier: BSD-3-Clause */
/* iommufd: the vIOMMUs of SMMUv3s. */
#ifndef HW_IOMMU_HOST_IOMMUFD_VIOMMU_H
#define HW_IOMMU_HOST_IOMMUFD_VIOMMU_H

#include "hw/iommu/host/iommufd/objects.h"

/** The vIOMMU of the device's parent.  0, or what the kernel says. */
int iommufd_viommu_start(IommufdDevice *device);
/** No device uses the parent any more. */
void iommufd_viommu_stop(IommufdHost *host, uint32_t parent);
/** The vIOMMU's ID, for a device that has its name there from now on. */
int iommufd_viommu_of(IommufdDevice *device, uint32_t *id);
void iommufd_detached(ViommuHostDevice *device);
int iommufd_commands(ViommuHost *host, const Viommu *unit,
                     const ViommuHostCommand *list, unsigned n, unsigned *bad,
                     unsigned *refused);
unsigned iommufd_event_fds(const IommufdHost *host, struct pollfd *fds,
                           unsigned max);
bool iommufd_next_event(IommufdHost *host, ViommuHostFault *fault);

#endif
