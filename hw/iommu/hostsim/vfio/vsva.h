/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user API for guests' tables on top of a container (vSVA): PASIDs that
 * the host gives out, tables bound to them for all devices of the container,
 * invalidations, and faults through regions of the devices.
 */
#ifndef HW_IOMMU_HOSTSIM_VFIO_VSVA_H
#define HW_IOMMU_HOSTSIM_VFIO_VSVA_H

#include "hw/iommu/hostsim/vfio/container.h"

/** PASIDs that a process may have at a time.  All of hostsim's callers are
 *  one process; it loses them with its last container of this kind. */
#define SIM_VSVA_PASIDS_MAX     1000

struct SimVsva {
    SimType1 *type1;
    GHashTable *bindings;       /* PASID -> SimBinding */
};

/** A guest's table behind a PASID. */
typedef struct SimBinding {
    SimVsva *vsva;
    uint32_t pasid;
    SimDomain *domain;
} SimBinding;

/** Can the physical unit, and may the kernel? */
bool sim_vsva_possible(Hostsim *sim);
/** Or NULL. */
SimVsva *sim_vsva_new(Hostsim *sim, SimType1 *type1);
/** NULL is allowed. */
void sim_vsva_free(SimVsva *vsva);
/** The device joins the container: it gets what is bound, or an errno. */
int sim_vsva_attach(SimVsva *vsva, SimDevice *device);
/** The device leaves the container: it loses what is bound. */
void sim_vsva_detach(SimVsva *vsva, SimDevice *device);
int sim_vsva_ioctl(SimVsva *vsva, unsigned long request, void *arg);
/** That of the device's container, or NULL. */
SimVsva *sim_vsva_of(SimDevice *device);

/*
 * vsva-take.c: structures of either form, checked and brought into the merged
 * one.  @user is in the caller's memory, and begins with argsz.  -EFAULT or
 * -EINVAL.
 */

/** VsvaBind: *@bind, or unbind. */
int sim_vsva_take_bind(HostsimVsva form, const void *user, bool *bind,
                       VsvaBindData *data);
/** VsvaInvalidate. */
int sim_vsva_take_invalidate(HostsimVsva form, const void *user,
                             VsvaInvalidateInfo *info);
/** A response out of a ring, of our own memory. */
int sim_vsva_take_response(HostsimVsva form, const void *entry,
                           VsvaPageResponse *response);
uint32_t sim_vsva_response_size(HostsimVsva form);

/*
 * vsva-fault.c: faults and answers, for the device's own files.
 */

/** The first file of the device in a container with vSVA: 0 or -ENOMEM. */
int sim_vsva_faults_open(SimDevice *device);
/** The last one. */
void sim_vsva_faults_close(SimDevice *device);
/** Answer what waits for the user, of one PASID. */
void sim_vsva_faults_forget(SimDevice *device, uint32_t pasid);
/** SimDevice.dma_fault */
void sim_vsva_dma_fault(SimDevice *device, const SimFault *fault);
/** SimDomain.page_request */
bool sim_vsva_page_request(SimDomain *domain, SimDevice *device,
                           const ViommuPageRequest *req);

/** Regions beyond those of PCI devices: the faults', then the answers'. */
enum { SIM_VSVA_FAULTS, SIM_VSVA_RESPONSES, SIM_VSVA_REGIONS };
uint64_t sim_vsva_region_size(const SimDevice *device, unsigned region);
/** Its capabilities. */
void sim_vsva_region_caps(const SimDevice *device, unsigned region,
                          GByteArray *chain);
ssize_t sim_vsva_region_read(SimDevice *device, unsigned region, void *buf,
                             size_t size, uint64_t offset);
ssize_t sim_vsva_region_write(SimDevice *device, unsigned region,
                              const void *buf, size_t size, uint64_t offset);
int sim_vsva_region_mmap(SimDevice *device, unsigned region, void **map,
                         size_t size, int prot, int flags, uint64_t offset);

#endif
