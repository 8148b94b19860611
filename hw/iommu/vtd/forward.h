/* SPDX-License-Identifier: BSD-3-Clause */
/* What the guest's tables and commands mean for host devices. */
#ifndef HW_IOMMU_VTD_FORWARD_H
#define HW_IOMMU_VTD_FORWARD_H

#include "hw/iommu/vtd/unit.h"

extern const struct ViommuForwardModel vtd_forward_model;

/*
 * Notes for host devices of what the guest invalidates.  vtd_host_settle()
 * carries them out.  Without host devices, each costs a load.  Not locked.
 */
void vtd_host_note_contexts(VtdUnit *u, bool all, uint16_t source,
                            uint16_t mask);
void vtd_host_note_pasid(VtdUnit *u, bool all, uint32_t pasid);
void vtd_host_note_iotlb(VtdUnit *u, const ViommuInvalidation *inv, bool paged);
void vtd_host_note_piotlb(VtdUnit *u, const ViommuInvalidation *inv);
/** False when the device of inv->source is not a host device. */
bool vtd_host_note_devtlb(VtdUnit *u, const ViommuInvalidation *inv);
/** After reset and load: all tables may be others.  With @later, the host is
 *  told in a later run. */
void vtd_host_reset(VtdUnit *u, bool later);
/** The guest has lost the PASIDs with a bit in @words.  Not locked. */
void vtd_host_pasids_gone(VtdUnit *u, const uint64_t *words, size_t n);
/** Whether there are notes that no step has carried out. */
bool vtd_host_busy(const VtdUnit *u);
/** Carry out a bounded part of the notes; the host has acknowledged them when
 *  this returns.  Returns whether none is left.  Not locked, outside of DMA
 *  sections. */
bool vtd_host_settle(VtdUnit *u);
/** ViommuModel.switch_began, switch_settle */
void vtd_host_switched(Viommu *unit);
bool vtd_host_switch_settle(Viommu *unit);

#endif
