/* SPDX-License-Identifier: BSD-3-Clause */
/* iommufd: page requests. */
#ifndef HW_IOMMU_HOST_IOMMUFD_FAULTS_H
#define HW_IOMMU_HOST_IOMMUFD_FAULTS_H

#include "hw/iommu/host/iommufd/objects.h"

/** Make sure that there is a fault queue.  0, or what the kernel says. */
int iommufd_faults_start(IommufdHost *host);
void iommufd_faults_stop(IommufdHost *host);
unsigned iommufd_fds(ViommuHost *host, struct pollfd *fds, unsigned max);
bool iommufd_next_fault(ViommuHost *host, ViommuHostFault *fault);
/** Requests of the device, with one PASID (or none) or all, have lost their
 *  table, and so have been answered: what has been read of them is not handed
 *  out, for their cookies are those of other groups from now on. */
void iommufd_faults_forget(IommufdDevice *device, bool all, uint32_t pasid);
int iommufd_respond(ViommuHostDevice *device,
                    const ViommuPageResponse *response, uint32_t cookie);

#endif
