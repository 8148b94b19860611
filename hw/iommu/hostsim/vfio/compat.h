/* SPDX-License-Identifier: BSD-3-Clause */
/* An iommufd in the place of a container. */
#ifndef HW_IOMMU_HOSTSIM_VFIO_COMPAT_H
#define HW_IOMMU_HOSTSIM_VFIO_COMPAT_H

#include "hw/iommu/hostsim/iommufd/ioas.h"

/** The address space that stands for the container's, or NULL. */
SimIoas *sim_compat_ioas(SimContext *context);
/** A group comes: make one, unless there is one.  False: no memory. */
bool sim_compat_ioas_need(SimContext *context);
/** An ioctl with a number that is not iommufd's. */
int sim_compat_ioctl(SimContext *context, unsigned long request, void *arg);

#endif
