/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device's file, as /dev/vfio/devices/vfioN or from a group.
 */
#ifndef HW_IOMMU_HOSTSIM_VFIO_DEVICE_H
#define HW_IOMMU_HOSTSIM_VFIO_DEVICE_H

#include "hw/iommu/hostsim/vfio/container.h"
#include "hw/iommu/hostsim/iommufd/hwpt.h"

typedef struct SimVfioFile {
    SimDevice *device;
    bool by_group;              /* else it is the device's own file */
    SimGroup *group;            /* which it keeps, in a container; or NULL */
    bool granted;               /* it may be used */
    SimIommufdDevice *bound;    /* of its own file, once bound */
} SimVfioFile;

/** A file without a descriptor.  With @group it can be used at once. */
int sim_vfio_device_open(SimDevice *device, SimGroup *group, SimFile **file);

/* cdev.c: with iommufd */
int sim_vfio_bind(SimVfioFile *f, void *arg);
void sim_vfio_unbind(SimVfioFile *f);
int sim_vfio_attach(SimVfioFile *f, void *arg);
int sim_vfio_detach(SimVfioFile *f, void *arg);

/** The device of a group that has an iommufd: bind and attach it. */
int sim_vfio_bind_compat(SimDevice *device, SimContext *context);
void sim_vfio_unbind_compat(SimDevice *device);

/** The device gets a user, or loses one. */
void sim_vfio_use(SimDevice *device);
void sim_vfio_unuse(SimDevice *device);

/* reset.c */
int sim_vfio_reset(SimDevice *device);
int sim_vfio_hot_reset_info(SimVfioFile *f, void *arg);
int sim_vfio_hot_reset(SimVfioFile *f, void *arg);

/* irq.c */
unsigned sim_irq_count(const SimDevice *device, unsigned index);
int sim_vfio_irq_info(SimDevice *device, void *arg);
int sim_vfio_set_irqs(SimDevice *device, void *arg);
/** A duplicate of the caller's eventfd; -EBADF, -EINVAL for other files. */
int sim_eventfd_get(Hostsim *sim, int fd);

/* feature.c */
int sim_vfio_ioeventfd(SimDevice *device, void *arg);
int sim_vfio_feature(SimDevice *device, void *arg);

#endif
