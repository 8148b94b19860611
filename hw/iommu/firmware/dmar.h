/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The DMAR table (specification, chapter 8): what its files share.
 *
 *   dmar.c         writes the table
 *   dmar-check.c   says what is wrong with a description
 *   regions.c      reserved regions as users write them
 */
#ifndef HW_IOMMU_FIRMWARE_DMAR_H
#define HW_IOMMU_FIRMWARE_DMAR_H

#include "hw/iommu/firmware/acpi.h"

#define DMAR_PAGE 4096u

/* Can all of @dmar be written?  Lengths are looked at while writing. */
bool dmar_check(const ViommuDmar *dmar, GError **error);

/* Whole pages, at least one; the message starts with "BASE-LIMIT". */
bool dmar_check_region(uint64_t base, uint64_t limit, GError **error);

#endif
