/* SPDX-License-Identifier: BSD-3-Clause */
/* PASIDs that software asks the unit for. */
#ifndef HW_IOMMU_VTD_VIRTUAL_COMMAND_H
#define HW_IOMMU_VTD_VIRTUAL_COMMAND_H

#include "hw/iommu/vtd/unit.h"

/** Words of u->pasids; 0 without virtual commands. */
size_t vtd_pasid_words(const ViommuVtdConfig *cfg);
/** Make all PASIDs free.  Locked. */
void vtd_pasids_reset(VtdUnit *u);
/** Likewise; set a bit in @forgotten for each PASID that the guest had. */
void vtd_pasids_forget(VtdUnit *u, uint64_t *forgotten);
/** VCMD was written.  Locked. */
void vtd_virtual_command(VtdUnit *u);
/** Carry out a command that is in progress.  Locked; may unlock for a while. */
void vtd_virtual_command_go_on(VtdUnit *u);

#endif
