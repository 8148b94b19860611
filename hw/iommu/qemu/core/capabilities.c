/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the capabilities for PASIDs, ATS and page requests of a
 * passed-through device, as the guest sees them: those that the device has, the
 * host can pass on and the unit has announced.
 *
 * The host switches them on and off in the device itself, and lets nobody else
 * do it.  What the guest writes stays here; it decides nothing, since the
 * guest's context entry says what the device may do.
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/passthrough.h"
#include "hw/pci/pci_device.h"
#include "qemu/error-report.h"

/* In front of the end, where no device has been seen to have anything. */
#define PASID_PLACE (PCIE_CONFIG_SPACE_SIZE - PCI_EXT_CAP_PASID_SIZEOF)

/* Let the word at @at be ours: @value, of which software may write @mask. */
static void own_word(PCIDevice *dev, uint8_t *emulated, unsigned at,
                     uint16_t value, uint16_t mask)
{
    pci_set_word(dev->config + at, value);
    pci_set_word(dev->wmask + at, mask);
    pci_set_word(emulated + at, UINT16_MAX);
}

/* Take the capability at @at out of the chain. */
static void hide(PCIDevice *dev, unsigned at)
{
    uint32_t next = pci_get_long(dev->config + at) & PCI_EXT_CAP_NEXT_MASK;
    unsigned before = PCI_CONFIG_SPACE_SIZE;
    uint32_t header;

    if (at == before) {
        /* The head stays, as one that means nothing. */
        pci_set_long(dev->config + at, next);
        return;
    }
    for (;;) {
        header = pci_get_long(dev->config + before);
        if (PCI_EXT_CAP_NEXT(header) == at) {
            break;
        }
        before = PCI_EXT_CAP_NEXT(header);
    }
    pci_set_long(dev->config + before,
                 (header & ~PCI_EXT_CAP_NEXT_MASK) | next);
}

static void set_ats(PCIDevice *dev, uint8_t *emulated, bool shown)
{
    unsigned at = pcie_find_capability(dev, PCI_EXT_CAP_ID_ATS);

    if (at && shown) {
        own_word(dev, emulated, at + PCI_ATS_CTRL, 0,
                 PCI_ATS_CTRL_ENABLE | PCI_ATS_CTRL_STU(~0));
    } else if (at) {
        hide(dev, at);
    }
}

static void set_page_requests(PCIDevice *dev, uint8_t *emulated, bool shown)
{
    unsigned at = pcie_find_capability(dev, PCI_EXT_CAP_ID_PRI);
    uint16_t status;

    if (at && shown) {
        status = pci_get_word(dev->config + at + PCI_PRI_STATUS);
        own_word(dev, emulated, at + PCI_PRI_CTRL, 0, PCI_PRI_CTRL_ENABLE);
        own_word(dev, emulated, at + PCI_PRI_STATUS,
                 PCI_PRI_STATUS_STOPPED | (status & PCI_PRI_STATUS_PASID), 0);
        own_word(dev, emulated, at + PCI_PRI_ALLOC_REQ, 0, UINT16_MAX);
        own_word(dev, emulated, at + PCI_PRI_ALLOC_REQ + 2, 0, UINT16_MAX);
    } else if (at) {
        hide(dev, at);
    }
}

/* Where a new capability goes: to the head of an empty chain.  0: nowhere. */
static unsigned pasid_place(const PCIDevice *dev)
{
    unsigned at = PCI_CONFIG_SPACE_SIZE;

    if (!pci_get_long(dev->config + at)) {
        return at;
    }
    for (; at; at = PCI_EXT_CAP_NEXT(pci_get_long(dev->config + at))) {
        if (at + 8 > PASID_PLACE) {
            return 0;
        }
    }
    return PASID_PLACE;
}

/* VFIO shows none of the device's own. */
static void add_pasids(PCIDevice *dev, uint8_t *emulated, unsigned bits,
                       const ViommuHostCaps *caps)
{
    unsigned at = pasid_place(dev);
    uint16_t features = (caps->pasid_exec ? PCI_PASID_CAP_EXEC : 0) |
                        (caps->pasid_priv ? PCI_PASID_CAP_PRIV : 0);

    if (!bits || pcie_find_capability(dev, PCI_EXT_CAP_ID_PASID)) {
        return;
    }
    if (!at) {
        warn_report("%s: no room for its PASID capability", dev->name);
        return;
    }
    pcie_add_capability(dev, PCI_EXT_CAP_ID_PASID, 1, at,
                        PCI_EXT_CAP_PASID_SIZEOF);
    memset(emulated + at, 0xff, PCI_EXT_CAP_PASID_SIZEOF);
    own_word(dev, emulated, at + PCI_PASID_CAP, features | bits << 8, 0);
    own_word(dev, emulated, at + PCI_PASID_CTRL, 0,
             PCI_PASID_CTRL_ENABLE | features);
}

void viommu_vfio_add_capabilities(PCIDevice *dev, uint8_t *emulated,
                                  unsigned size)
{
    ViommuSpace *space = viommu_space_of(dev);
    ViommuPassed *p = space ? viommu_passed_find(space->glue, dev) : NULL;
    ViommuAnnounced unit = { 0 };
    ViommuHostCaps caps;

    if (!p || !pci_is_express(dev) || size < PCIE_CONFIG_SPACE_SIZE ||
        !pci_bus_is_express(pci_get_bus(dev))) {
        return;
    }
    if (space->glue->kind->announced) {
        unit = space->glue->kind->announced(space->glue);
    }
    viommu_host_device_get_caps(p->device, &caps);
    /* At first, while the head of the chain is what it was. */
    add_pasids(dev, emulated, MIN(unit.pasid_bits, caps.pasid_bits), &caps);
    set_ats(dev, emulated, unit.ats && caps.ats);
    set_page_requests(dev, emulated,
                      unit.page_requests && caps.page_requests &&
                      viommu_host_device_nested(p->device));
}
