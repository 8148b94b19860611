/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: the guest's commands. */
#ifndef HW_IOMMU_HOST_UNIT_COMMANDS_H
#define HW_IOMMU_HOST_UNIT_COMMANDS_H

#include "hw/iommu/host/unit/forward.h"

/** So many are gathered at most. */
#define VIOMMU_FORWARD_COMMANDS 256

/**
 * SMMUv3: a command for all nested tables; or one for each host device whose
 * StreamID is @source but for bits in @mask (or VIOMMU_ANY), which is put
 * into it.  False: there is no room before a step.
 */
bool viommu_forward_note_command(Viommu *unit, uint64_t low, uint64_t high);
bool viommu_forward_note_command_for(Viommu *unit, uint32_t source,
                                     uint32_t mask, uint64_t low,
                                     uint64_t high);

/** One for which there is always room, in place of the last such one.  It goes
 *  out before all that is gathered, but behind binds. */
void viommu_forward_note_command_first(Viommu *unit, uint64_t low,
                                       uint64_t high);

/** Hand what is gathered to the hosts, with work in hand; or drop it, with the
 *  lock. */
void viommu_commands_flush(ViommuForward *forward, const Viommu *unit);
void viommu_commands_forget(ViommuForward *forward);

#endif
