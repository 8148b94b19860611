/* SPDX-License-Identifier: BSD-3-Clause */
/* PASIDs that a host gives out. */
#ifndef HW_IOMMU_HOST_UNIT_PASIDS_H
#define HW_IOMMU_HOST_UNIT_PASIDS_H

#include "hw/iommu/host/unit/forward.h"

/** Do PASIDs come from a host?  Any thread. */
bool viommu_forward_gives_pasids(const Viommu *unit);
/** One in [@min, @max]; there is such a host, or was.  0 or a negative errno.
 *  Not locked, and not in a DMA section. */
int viommu_forward_alloc_pasid(Viommu *unit, uint32_t min, uint32_t max,
                               uint32_t *pasid);
/** The opposite; what the host does not know is given back already. */
int viommu_forward_free_pasid(Viommu *unit, uint32_t pasid);
/** The guest has forgotten those with a bit in @words: they are given back
 *  later, by viommu_forward_step().  Not locked. */
void viommu_forward_note_dropped_pasids(Viommu *unit, const uint64_t *words,
                                        size_t n);

/** With the lock: devices have changed. */
void viommu_forward_find_giver(ViommuForward *forward);
/** With work in hand: nothing is left to look at. */
void viommu_forward_free_dropped(ViommuForward *forward);

#endif
