/* SPDX-License-Identifier: BSD-3-Clause */
/* VFIO's containers: the address space. */
#ifndef HW_IOMMU_HOST_TYPE1_CONTAINER_H
#define HW_IOMMU_HOST_TYPE1_CONTAINER_H

#include "hw/iommu/host/type1/state.h"

/** What the container holds from now on.  After an error it holds nothing, or
 *  host->space tells what may be left in it. */
int type1_set_space(Type1Host *host, Type1Space space);
int type1_map(Type1Host *host, uint64_t iova, uint64_t size, void *memory,
              uint32_t flags);
int type1_unmap(Type1Host *host, uint64_t iova, uint64_t size);
/** The bitmap of whole mappings, for the kernel gives no part of one. */
int type1_get_dirty(Type1Host *host, uint64_t iova, uint64_t size,
                    uint64_t *bits);

/** ViommuHostBackend.map, unmap */
int type1_map_memory(ViommuHost *host, uint64_t addr, uint64_t size,
                     void *memory, int fd, uint64_t offset, bool readonly);
int type1_unmap_memory(ViommuHost *host, uint64_t addr, uint64_t size);

#endif
