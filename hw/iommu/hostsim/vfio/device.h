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

/** Makes a file with one reference, or returns a negative errno. */
int sim_open_device(Hostsim *sim, unsigned number, SimFile **file);
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

/* --- Configuration space as VFIO shows it (config.c) --------------------- */

void sim_config_init(SimDevice *device);
void sim_config_free(SimDevice *device);
/** As after a reset; nothing but what software wrote is lost. */
void sim_config_reset(SimDevice *device);
void sim_config_read(SimDevice *device, unsigned offset, void *buf,
                     unsigned size);
void sim_config_write(SimDevice *device, unsigned offset, const void *buf,
                      unsigned size);
/** In D3hot: its BARs do not answer, and it sends nothing. */
bool sim_config_is_asleep(const SimDevice *device);

/* --- Eventfds that stand for writes (feature.c) -------------------------- */

void sim_ioeventfds_free(SimDevice *device);
/** Makes the writes whose eventfd has been signalled. */
void sim_ioeventfds_run(SimDevice *device);

/* --- Interrupts (irq.c) -------------------------------------------------- */

void sim_irqs_init(SimDevice *device);
/** No interrupt is enabled any more. */
void sim_irqs_reset(SimDevice *device);
/** Signal one that is not the endpoint's own, if somebody listens. */
void sim_irq_signal(SimDevice *device, unsigned index, unsigned vector);
/** The endpoint raises @vector.  Any thread. */
void sim_irq_raise(SimDevice *device, unsigned vector);

#endif
