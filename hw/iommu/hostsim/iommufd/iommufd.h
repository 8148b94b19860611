/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/iommu: how its ioctls are taken in, and who carries them out. */
#ifndef HW_IOMMU_HOSTSIM_IOMMUFD_IOMMUFD_H
#define HW_IOMMU_HOSTSIM_IOMMUFD_IOMMUFD_H

#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/hostsim/iommufd/objects.h"

/** Makes a file with one reference, or returns a negative errno. */
int sim_open_iommu(Hostsim *sim, unsigned number, SimFile **file);

/** One ioctl on its way. */
typedef struct SimCommand {
    SimContext *context;
    void *cmd;          /* the structure, with zeroes for what is missing */
    void *user;
    uint32_t user_size;
} SimCommand;

/** Give the structure back, as much of it as the caller knows: 0 or
 *  -EFAULT. */
static inline int sim_respond(const SimCommand *c, size_t size)
{
    return sim_copy_out(c->user, c->cmd, MIN(size, c->user_size));
}

int sim_ioas_alloc(SimCommand *c);
int sim_ioas_iova_ranges(SimCommand *c);
int sim_ioas_allow_iovas(SimCommand *c);
int sim_ioas_map(SimCommand *c);
int sim_ioas_map_file(SimCommand *c);
int sim_ioas_copy(SimCommand *c);
int sim_ioas_unmap(SimCommand *c);
int sim_ioas_change_process(SimCommand *c);
int sim_option(SimCommand *c);
int sim_vfio_ioas(SimCommand *c);
int sim_get_hw_info(SimCommand *c);
int sim_hwpt_alloc(SimCommand *c);
int sim_hwpt_invalidate(SimCommand *c);
int sim_hwpt_set_dirty(SimCommand *c);
int sim_hwpt_get_dirty(SimCommand *c);
int sim_fault_alloc(SimCommand *c);
int sim_viommu_alloc(SimCommand *c);
int sim_vdevice_alloc(SimCommand *c);
int sim_veventq_alloc(SimCommand *c);
int sim_hw_queue_alloc(SimCommand *c);

#endif
