/* SPDX-License-Identifier: BSD-3-Clause */
/* VFIO's containers: faults and answers. */
#ifndef HW_IOMMU_HOST_TYPE1_FAULTS_H
#define HW_IOMMU_HOST_TYPE1_FAULTS_H

#include "hw/iommu/host/type1/state.h"

/** Find and open what the device has for faults: 0, also when that is
 *  nothing; or what the kernel says. */
int type1_faults_start(Type1Device *device);
void type1_faults_stop(Type1Device *device);
unsigned type1_fds(ViommuHost *host, struct pollfd *fds, unsigned max);
/** Requests with @pasid have lost their table, and so have been answered: those
 *  in the ring are not handed out. */
void type1_faults_forget(Type1Device *device, uint32_t pasid);
bool type1_next_fault(ViommuHost *host, ViommuHostFault *fault);
int type1_respond(ViommuHostDevice *device,
                  const ViommuPageResponse *response, uint32_t cookie);

#endif
