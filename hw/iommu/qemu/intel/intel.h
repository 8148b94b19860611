/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: what the files of the VT-d glue share, besides core/common.h.
 *
 *   intel-iommu.c  the device: properties, configuration
 *   units.c        the units of a machine, and who is behind which
 *   interrupt.c    interrupt messages in and out
 *   dmar.c         the DMAR table and reserved regions
 *
 * Everything here runs under the BQL unless it says otherwise.
 */
#ifndef HW_VIOMMU_INTEL_INTEL_H
#define HW_VIOMMU_INTEL_INTEL_H

#include "hw/viommu/core/common.h"
#include "hw/i386/intel_iommu.h"

/* Interrupt messages: addresses that no DMA reaches as memory. */
#define VTD_INTERRUPT_FIRST 0xfee00000ULL
#define VTD_INTERRUPT_SIZE  0x100000ULL

/* How a requester that is no PCI function appears in firmware tables. */
#define VTD_IOAPIC_SOURCE   0xff00
/* Unit number 0 itself, in a list of messages; the others follow. */
#define VTD_UNIT_SOURCE     VIOMMU_SINK_UNIT

/* interrupt.c */
void vtd_interrupts_init(ViommuSpace *space);
void vtd_deliver_own_msi(ViommuGlue *glue, const ViommuMsi *msi);
int vtd_int_remap(X86IOMMUState *x86, MSIMessage *src, MSIMessage *dst,
                  uint16_t sid);
void vtd_notify_routes(ViommuGlue *glue, const ViommuInvalidation *inv);

/* units.c */
/* Register windows are as far apart; the sink follows behind the last. */
#define VTD_UNITS_MAX   4
#define VTD_UNIT_STRIDE 0x2000

extern IntelIOMMUState *vtd_units[VTD_UNITS_MAX];
extern unsigned vtd_unit_count;

static inline hwaddr vtd_unit_base(const IntelIOMMUState *s)
{
    return Q35_HOST_BRIDGE_IOMMU_ADDR + s->glue->index * VTD_UNIT_STRIDE;
}

/* Give @s its number and its functions. */
bool vtd_unit_add(IntelIOMMUState *s, const ViommuGlueKind *kind,
                  Error **errp);
/* The unit that @devfn of @bus is behind, or NULL. */
IntelIOMMUState *vtd_unit_of(PCIBus *bus, int devfn);
IntelIOMMUState *vtd_unit_of_device(PCIDevice *dev);
IntelIOMMUState *vtd_unit_of_ioapic(void);
/* The unit now serves its functions and the I/O APIC. */
void vtd_unit_start(IntelIOMMUState *s);
/* ViommuGlueKind.find_device; the unit does not matter. */
PCIDevice *vtd_find_device(ViommuGlue *unused, uint32_t source);

/* dmar.c */
/* Read the option and keep the guest's software off these regions. */
bool vtd_regions_init(IntelIOMMUState *s, Error **errp);

#endif
