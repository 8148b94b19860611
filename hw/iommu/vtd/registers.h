/* SPDX-License-Identifier: BSD-3-Clause */
/* The registers: their table, and what follows from their values. */
#ifndef HW_IOMMU_VTD_REGISTERS_H
#define HW_IOMMU_VTD_REGISTERS_H

#include "hw/iommu/vtd/unit.h"

void vtd_registers_init(VtdUnit *u, uint64_t cap, uint64_t ecap);
/** The value that u->root takes when SRTP is set and RTADDR is @rtaddr. */
uint64_t vtd_latched_root(const VtdUnit *u, uint64_t rtaddr);
/** All registers have got new values, by a reset or a load: update what follows
 *  from them, go on with a switch that was under way, and publish.  Locked. */
void vtd_registers_derive(VtdUnit *u);
/** Copy registers to the words that endpoints' threads read.  Locked. */
void vtd_registers_publish(VtdUnit *u);
/** A switch has ended: GSTS and PMEN show it.  Locked. */
void vtd_switched(VtdUnit *u);
uint64_t vtd_mmio_size(const Viommu *unit);

#endif
