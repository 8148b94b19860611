/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the state of the device "arm-smmuv3".
 */
#ifndef HW_VIOMMU_ARM_SMMUV3_H
#define HW_VIOMMU_ARM_SMMUV3_H

#include "hw/pci/pci.h"
#include "hw/sysbus.h"
#include "qemu/thread.h"
#include <hw/iommu/viommu-smmuv3.h>

#define TYPE_VIOMMU_SMMUV3 "arm-smmuv3"
OBJECT_DECLARE_SIMPLE_TYPE(SmmuState, VIOMMU_SMMUV3)

#define TYPE_SMMU_REGION "viommu-smmuv3-memory-region"

/* Messages that wait for the main loop; more are dropped: they are edges. */
#define SMMU_EVENTS_MAX 64

/* The DMA address space of one function. */
typedef struct SmmuSpace {
    SmmuState *smmu;
    PCIBus *bus;
    int devfn;
    AddressSpace as;
    IOMMUMemoryRegion region;
    bool notified;
    QLIST_ENTRY(SmmuSpace) next;
} SmmuSpace;

struct SmmuState {
    SysBusDevice parent;
    Viommu *unit;
    MemoryRegion registers;
    qemu_irq irq[VIOMMU_SMMUV3_LINES];
    PCIBus *primary_bus;
    GHashTable *buses;          /* PCIBus -> SmmuSpace *[PCI_DEVFN_MAX] */
    GPtrArray *spaces;
    QLIST_HEAD(, SmmuSpace) with_notifiers;

    /* what other threads leave to the main loop */
    QemuMutex lock;
    ViommuMsi msis[SMMU_EVENTS_MAX];
    unsigned msi_count;
    unsigned lines;             /* to be pulsed */
    bool all_changed;
    QEMUBH *events;
    QEMUBH *run;

    /* properties */
    char *stage;
    uint8_t sid_bits, ssid_bits, oas_bits, httu, iotlb_bits;
    bool ats, pri, stall, ril, msi;

    /* migration */
    uint8_t *saved;
    uint32_t saved_size;
};

/* smmu-dma.c */
void smmu_spaces_init(SmmuState *s);
/* Who keeps translations must drop those that @inv means.  Under the BQL. */
void smmu_notify(SmmuState *s, const ViommuInvalidation *inv);
/* The function with a StreamID, or NULL. */
PCIDevice *smmu_device(SmmuState *s, uint32_t sid);

#endif
