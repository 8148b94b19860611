/* SPDX-License-Identifier: BSD-3-Clause */
/* VFIO's containers: what requests are behind, and invalidations. */
#ifndef HW_IOMMU_HOST_TYPE1_TABLES_H
#define HW_IOMMU_HOST_TYPE1_TABLES_H

#include "hw/iommu/host/type1/state.h"

/** VFIO_IOMMU_BIND, in the kernel's form. */
int type1_bind_table(Type1Host *host, uint32_t pasid,
                     const ViommuHostTable *table);
/** The opposite.  Some errors pass, so that it is tried more than once. */
int type1_unbind_table(Type1Host *host, uint32_t pasid);
/** Everything, of everybody: does no harm. */
int type1_invalidate_all(Type1Host *host);

int type1_bind(ViommuHostDevice *device, uint32_t pasid,
               const ViommuHostTable *table);
void type1_unbind(ViommuHostDevice *device, uint32_t pasid);
int type1_shadow_map(ViommuHostDevice *device, uint32_t pasid, uint64_t iova,
                     uint64_t size, uint64_t addr, uint8_t access);
int type1_shadow_unmap(ViommuHostDevice *device, uint32_t pasid,
                       uint64_t iova, uint64_t size);
int type1_shadow_dirty(ViommuHostDevice *device, uint32_t pasid,
                       uint64_t iova, uint64_t size, uint64_t *bits);
int type1_invalidate(ViommuHostDevice *device,
                     const ViommuHostInvalidation *list, unsigned n,
                     unsigned *done);

#endif
