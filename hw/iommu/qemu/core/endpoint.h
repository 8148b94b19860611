/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: how a device that serves tests finds the unit before it, and
 * how the unit finds the device.
 */
#ifndef HW_VIOMMU_ENDPOINT_H
#define HW_VIOMMU_ENDPOINT_H

#include "hw/pci/pci.h"
#include <hw/iommu/viommu-testdev.h>

/**
 * The unit that translates DMA of @dev, with *@source what it knows it as;
 * NULL when there is none.  Under the BQL.
 */
typedef Viommu *ViommuOfDevice(PCIDevice *dev, uint32_t *source);

/*
 * Set by the machine's kind of unit.  A pointer, because the endpoint is
 * compiled once for all targets.
 */
extern ViommuOfDevice *viommu_of_device;

/**
 * viommu_translate() by the unit behind @as, the DMA address space of a device
 * that viommu_of_device knows; with what space.c keeps.  Any thread, in a
 * critical section of RCU that spans the access.
 */
typedef ViommuStatus ViommuTranslateFor(AddressSpace *as,
                                        const ViommuRequest *req,
                                        ViommuReply *reply);
extern ViommuTranslateFor *viommu_translate_for;

/* Requests may wait for software: ask for each of them, not QEMU's memory. */
extern bool viommu_can_stall;

/* What is inside @dev when it is a viommu-testdev, else NULL. */
ViommuTestdev *viommu_endpoint_core(PCIDevice *dev);

#endif
