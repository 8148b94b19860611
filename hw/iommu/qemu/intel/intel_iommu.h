/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the device "intel-iommu".
 *
 * The build puts this file in place of QEMU's own include/hw/i386/
 * intel_iommu.h, because the machine code (q35, ACPI tables, KVM's MSI
 * routes) looks at the state of the stock model: the type's names, the
 * constants below and the members caching_mode and aw_bits are for it.
 */
#ifndef INTEL_IOMMU_H
#define INTEL_IOMMU_H

#include "hw/i386/x86-iommu.h"
#include "qemu/bitmap.h"
#include "qom/object.h"

#define TYPE_INTEL_IOMMU_DEVICE "intel-iommu"
OBJECT_DECLARE_SIMPLE_TYPE(IntelIOMMUState, INTEL_IOMMU_DEVICE)

#define TYPE_INTEL_IOMMU_MEMORY_REGION "intel-iommu-iommu-memory-region"

/* Where the register window of q35's unit stands. */
#define Q35_HOST_BRIDGE_IOMMU_ADDR  0xfed90000ULL

/* The two halves of a 64-bit message address. */
#define VTD_MSI_ADDR_HI_SHIFT       32
#define VTD_MSI_ADDR_LO_MASK        0xffffffffULL

typedef struct ViommuGlue ViommuGlue;

struct IntelIOMMUState {
    X86IOMMUState x86_iommu;

    /* properties, as the user gave them */
    uint32_t version;
    OnOffAuto eim;
    bool buggy_eim;
    uint8_t aw_bits;
    uint8_t haw_bits;
    uint16_t fault_records;
    uint8_t iotlb_bits;
    bool caching_mode;
    bool scalable_mode;
    bool first_stage;
    bool fs1gp;
    bool snoop_control;
    bool pasid_mode;
    bool svm;
    uint8_t pasid_bits;
    bool nested;
    bool dirty_tracking;
    bool extended_access;
    bool page_requests;
    bool virtual_commands;
    bool rid_pasid;
    bool memory_types;
    bool rid_priv;
    bool abort_dma;
    bool coherent;
    bool strict;
    bool dma_drain;
    bool dma_translation;
    bool stale_tm;
    bool posted_interrupts;
    bool protected_memory;
    bool enhanced_set_pointer;
    bool satc;
    bool atc_required;
    bool x2apic_opt_out;
    bool dma_control_opt_in;
    OnOffAuto nesting;
    char *reserved_regions;
    char *scope;

    ViommuGlue *glue;               /* what units of all kinds have */
    DECLARE_BITMAP(functions, 256); /* of the first root bus, with a scope */
    MemoryRegion registers;

    GPtrArray *regions;             /* ViommuReservedRegion */
    GByteArray *dmar;               /* the table that was built last */
};

/**
 * Is @dev one more unit beside @first, which may be NULL?  hw/i386/pc.c asks
 * before it refuses a second IOMMU.
 */
bool viommu_is_further_unit(DeviceState *first, DeviceState *dev);

/**
 * Append the DMAR table of the machine's units to @tables; hw/i386/acpi-build.c
 * calls it.
 */
void viommu_build_dmar(GArray *tables, const char *oem_id,
                       const char *oem_table_id);

#endif
