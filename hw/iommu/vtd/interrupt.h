/* SPDX-License-Identifier: BSD-3-Clause */
/* Interrupt remapping and posting. */
#ifndef HW_IOMMU_VTD_INTERRUPT_H
#define HW_IOMMU_VTD_INTERRUPT_H

#include "hw/iommu/vtd/unit.h"

ViommuMsiResult vtd_remap_msi(Viommu *unit, uint32_t source, bool ioapic,
                              const ViommuMsi *in, bool probe,
                              ViommuMsi *out);

#endif
