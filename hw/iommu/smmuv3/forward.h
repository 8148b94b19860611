/* SPDX-License-Identifier: BSD-3-Clause */
/* Host devices behind the unit, as the rest of the unit sees them. */
#ifndef HW_IOMMU_SMMUV3_FORWARD_H
#define HW_IOMMU_SMMUV3_FORWARD_H

#include "hw/iommu/smmuv3/unit.h"

extern const struct ViommuForwardModel smmu_forward_model;

/*
 * Notes of the guest's commands, which smmu_host_settle() carries out.  Without
 * host devices, each costs a load.  Not locked.
 */

/** A CMD_CFGI_... of the streams @source but for bits in @mask. */
void smmu_host_note_config(SmmuUnit *u, const uint64_t d[2], uint32_t source,
                           uint32_t mask);
/** A CMD_TLBI_.... */
void smmu_host_note_tlbi(SmmuUnit *u, const SmmuTlbi *tlbi);
/** A CMD_ATC_INV.  False: it is not for a host device. */
bool smmu_host_note_atc_inv(SmmuUnit *u, const uint64_t d[2]);

/** Carry out a bounded part of the notes; the host has acknowledged it then.
 *  Returns whether that was all.  Not locked. */
bool smmu_host_settle(SmmuUnit *u);
/** Reset or load: bind all devices anew, and drop all of the host's
 *  translations; with @later, in a run that the embedder is asked for. */
void smmu_host_reset(SmmuUnit *u, bool later);
/** ViommuModel.switch_began, switch_settle */
void smmu_host_switched(Viommu *unit);
bool smmu_host_switch_settle(Viommu *unit);

#endif
