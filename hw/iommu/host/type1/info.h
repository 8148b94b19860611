/* SPDX-License-Identifier: BSD-3-Clause */
/* VFIO's containers: what the kernel tells of itself. */
#ifndef HW_IOMMU_HOST_TYPE1_INFO_H
#define HW_IOMMU_HOST_TYPE1_INFO_H

#include "hw/iommu/host/type1/state.h"

/**
 * All that a "get info" call of @fd has to say: @head, of @head_size bytes,
 * goes in, and *@size bytes come out.  NULL when the kernel refuses.
 */
uint8_t *type1_get_info(Type1Host *host, int fd, unsigned long request,
                        const void *head, uint32_t head_size, uint32_t *size);
/** The capability @id in the chain that begins at @at, which has @need bytes,
 *  or NULL. */
const void *type1_capability(const uint8_t *info, uint32_t size, uint32_t at,
                             uint16_t id, uint32_t need);
/** Copy @size bytes of the capability @id of the container to @cap.  0;
 *  -ENOENT: there is none; -EIO: the kernel tells of nothing. */
int type1_iommu_capability(Type1Host *host, uint16_t id, void *cap,
                           uint32_t size);

#endif
