/* SPDX-License-Identifier: BSD-3-Clause */
/* DMA requests. */
#ifndef HW_IOMMU_VTD_TRANSLATE_H
#define HW_IOMMU_VTD_TRANSLATE_H

#include "hw/iommu/vtd/unit.h"

ViommuStatus vtd_translate(Viommu *unit, const ViommuRequest *req,
                           ViommuReply *reply);
bool vtd_tables(Viommu *unit, uint32_t source, uint32_t pasid,
                ViommuTables *tables);

#endif
