/* SPDX-License-Identifier: BSD-3-Clause */
/* What a unit with given options announces in CAP and ECAP. */
#ifndef HW_IOMMU_VTD_CAPABILITIES_H
#define HW_IOMMU_VTD_CAPABILITIES_H

#include <hw/iommu/viommu-vtd.h>

/** The value of CAP. */
uint64_t vtd_capabilities(const ViommuVtdConfig *cfg);
/** The value of ECAP. */
uint64_t vtd_extended_capabilities(const ViommuVtdConfig *cfg);
/** Whether scalable mode has second-stage tables (ECAP.SSTS). */
bool vtd_second_stage_supported(const ViommuVtdConfig *cfg);

#endif
