/* SPDX-License-Identifier: BSD-3-Clause */
/* iommufd: what (device, PASID) are behind, and invalidations. */
#ifndef HW_IOMMU_HOST_IOMMUFD_TABLES_H
#define HW_IOMMU_HOST_IOMMUFD_TABLES_H

#include "hw/iommu/host/iommufd/objects.h"

/** Attach requests with @pasid, or without, to an IOAS or HWPT. */
int iommufd_attach(IommufdDevice *device, uint32_t pasid, uint32_t id);
int iommufd_detach(IommufdDevice *device, uint32_t pasid);

int iommufd_bind(ViommuHostDevice *device, uint32_t pasid,
                 const ViommuHostTable *table);
void iommufd_unbind(ViommuHostDevice *device, uint32_t pasid);
int iommufd_shadow_map(ViommuHostDevice *device, uint32_t pasid,
                       uint64_t iova, uint64_t size, uint64_t addr,
                       uint8_t access);
int iommufd_shadow_unmap(ViommuHostDevice *device, uint32_t pasid,
                         uint64_t iova, uint64_t size);
int iommufd_shadow_dirty(ViommuHostDevice *device, uint32_t pasid,
                         uint64_t iova, uint64_t size, uint64_t *bits);
/** Dirty tracking of all shadows of the device. */
int iommufd_shadows_set_dirty(IommufdDevice *device, bool on);
int iommufd_invalidate(ViommuHostDevice *device,
                       const ViommuHostInvalidation *list, unsigned n,
                       unsigned *done);

#endif
