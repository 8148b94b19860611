/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/iommu: how its ioctls are taken in, and who carries them out. */
#ifndef HW_IOMMU_HOSTSIM_IOMMUFD_H
#define HW_IOMMU_HOSTSIM_IOMMUFD_H

#include "hw/iommu/host/iommufd-abi.h"
#include "hw/iommu/hostsim/objects.h"

/** One ioctl on its way. */
typedef struct SimCommand {
    SimContext *context;
    void *cmd;          /* the structure, with zeroes for what is missing */
    void *user;
    uint32_t user_size;
} SimCommand;

/** Give the structure back, as much of it as the caller knows: 0 or
 *  -EFAULT. */
int sim_respond(const SimCommand *c, size_t size);

/**
 * Copy a structure of a type-specific part in: @user_size bytes of the
 * caller's, of which @min are needed and @size are known.  -EINVAL when too
 * small, -E2BIG for unknown bytes that are not zero, -EFAULT.
 */
int sim_copy_struct(void *to, size_t size, size_t min, const void *user,
                    size_t user_size);

int sim_ioas_alloc(SimCommand *c);

#endif
