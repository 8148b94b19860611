/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the state of the device "arm-smmuv3".
 */
#ifndef HW_VIOMMU_ARM_SMMUV3_H
#define HW_VIOMMU_ARM_SMMUV3_H

#include "hw/viommu/core/common.h"
#include "hw/sysbus.h"
#include <hw/iommu/viommu-smmuv3.h>

#define TYPE_VIOMMU_SMMUV3 "arm-smmuv3"
OBJECT_DECLARE_SIMPLE_TYPE(SmmuState, VIOMMU_SMMUV3)

struct SmmuState {
    SysBusDevice parent;
    ViommuGlue *glue;           /* what units of all kinds have */
    MemoryRegion registers;
    qemu_irq irq[VIOMMU_SMMUV3_LINES];
    PCIBus *primary_bus;        /* a root bus */
    /* where it stands; SPI number of the first line */
    hwaddr base;
    uint32_t spi;
    uint32_t phandle;

    /* properties */
    char *stage;
    const char *machine_stage;  /* the machine's own default, or NULL */
    uint8_t sid_bits, ssid_bits, oas_bits, httu, bbml, iotlb_bits;
    OnOffAuto ats_option, ril_option, nesting;
    bool ats, pri, stall, ril, fwb, msi, accel, hyp, attr_perms_ovr;
    bool atos;
};

/* units.c */
/* Give @s what is below its primary bus. */
bool smmu_unit_add(SmmuState *s, const ViommuGlueKind *kind, Error **errp);
/* The unit now serves it. */
void smmu_unit_start(SmmuState *s);
/* Stop unless the unit still serves it. */
void smmu_check_kept(SmmuState *s);
/* The unit in front of a root bus, or NULL. */
SmmuState *smmu_unit_of(PCIBus *bus);
/* ViommuGlueKind.find_device */
PCIDevice *smmu_find_device(ViommuGlue *glue, uint32_t sid);

/* Warn about a device of the host whose messages the guest's firmware tables
 * cannot provide for. */
void smmu_check_told(PCIDevice *dev);

#endif
