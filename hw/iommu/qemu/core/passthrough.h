/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: devices of the host behind a unit with nesting=auto or on.
 *
 *   passthrough.c   the library takes them over from VFIO
 *   capabilities.c  what the guest sees of their PASIDs, ATS and page requests
 */
#ifndef HW_VIOMMU_PASSTHROUGH_H
#define HW_VIOMMU_PASSTHROUGH_H

#include "hw/viommu/core/common.h"
#include <hw/iommu/viommu-host.h>

typedef struct IOMMUFDBackend IOMMUFDBackend;
typedef struct ViommuConnection ViommuConnection;

struct ViommuPassed {
    PCIDevice *dev;
    ViommuSpace *space;
    ViommuConnection *connection;
    ViommuHostDevice *device;
    unsigned number;
    uint32_t source;        /* where the unit has it */
    uint32_t wanted;        /* where it should be */
    QLIST_ENTRY(ViommuPassed) next;
};

/* The device at @dev, if the library has it, or NULL. */
ViommuPassed *viommu_passed_find(ViommuGlue *glue, const PCIDevice *dev);

/* --- What hw/vfio/pci.c calls, for any device ---------------------------- */

/* What VFIO shall follow for a device; @backend may be NULL. */
AddressSpace *viommu_vfio_address_space(PCIDevice *dev,
                                        IOMMUFDBackend *backend);
/* It has its capabilities; @emulated has a bit for each of the @size bytes of
 * configuration space that QEMU, not the device, answers for. */
void viommu_vfio_add_capabilities(PCIDevice *dev, uint8_t *emulated,
                                  unsigned size);

#endif
