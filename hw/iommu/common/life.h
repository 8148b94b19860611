/* SPDX-License-Identifier: BSD-3-Clause */
/* The common part of a unit is set up, reset, loaded and taken down. */
#ifndef HW_IOMMU_COMMON_LIFE_H
#define HW_IOMMU_COMMON_LIFE_H

#include "hw/iommu/common/unit.h"

/** A check of an option's number. */
bool viommu_config_range(const char *option, unsigned value, unsigned low,
                         unsigned high, GError **error);

/**
 * The common part of reset and load: registers have these values, which are
 * legal, or with NULL those after reset.  What is under way is void, all
 * caches are about to be empty, so that the next wait is for everybody, and
 * there is nothing to do: the model adds what the registers ask for.  Locked.
 */
void viommu_unit_replace(Viommu *unit, const uint64_t *values);

/** Set up the common part.  @ops are copied. */
void viommu_unit_init(Viommu *unit, const ViommuModel *model,
                      const ViommuOps *ops, void *opaque);
void viommu_unit_destroy(Viommu *unit);

#endif
