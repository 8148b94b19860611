/* SPDX-License-Identifier: BSD-3-Clause */
/* The PCI Express capability [PCIe 7.5.3]; function-level reset [PCIe 6.6.2]. */
#include "hw/iommu/machine/pci/pci.h"

#define CAP_EXPRESS          0x10

/* Registers from the capability on. */
#define EXPRESS_FLAGS        0x02
#define EXPRESS_DEVCAP       0x04
#define EXPRESS_DEVCTL       0x08
#define EXPRESS_LNKCAP       0x0c
#define EXPRESS_LNKCTL       0x10
#define EXPRESS_LNKSTA       0x12
#define EXPRESS_DEVCAP2      0x24
#define EXPRESS_DEVCTL2      0x28
#define EXPRESS_LNKCAP2      0x2c
#define EXPRESS_LNKCTL2      0x30

#define EXPRESS_VERSION      0x0002
#define EXPRESS_TYPE_SHIFT   4

/* tags of 8 bits [PCIe 7.5.3.3], which a bit enables [PCIe 7.5.3.4] */
#define DEVCAP_TAG           0x00000020u
#define DEVCTL_TAG           0x0100
#define DEVCAP_RBER          0x00008000u
#define DEVCAP_FLR           0x10000000u
/*
 * Reports of errors.  Payloads have 128 bytes, requests are neither reordered
 * nor without snoop, so that these fields are read-only [PCIe 7.5.3.4].
 */
#define DEVCTL_REPORTS       0x000f
#define DEVCTL_READ_SIZE     0x7000
#define DEVCTL_READ_512      0x2000
/* reads 0 */
#define DEVCTL_FLR           0x8000

/* A function that sends requests can do without a completion's time-out
 * [PCIe 7.5.3.15]. */
#define DEVCAP2_NO_TIMEOUT   0x00000010u
/* Prefixes go end to end, PASIDs among them, four of them; that needs the
 * longer field Fmt [PCIe 7.5.3.15]. */
#define DEVCAP2_PREFIXES     0x00300000u
#define DEVCTL2_NO_TIMEOUT   0x0010

/* One lane of 2.5 GT/s, without states that save power. */
#define LNKCAP_SPEED_2_5     0x00000001u
#define LNKCAP_WIDTH_1       0x00000010u
/* the field for these states means what it says */
#define LNKCAP_ASPM_OPTIONAL 0x00400000u
/*
 * Software may set common clock and extended synch; the read completion
 * boundary of a root port is read-only [PCIe 7.5.3.7].
 */
#define LNKCTL_MASK          0x00c0
#define LNKCTL_RCB           0x0008
#define LNKSTA_SPEED_2_5     0x0001
#define LNKSTA_WIDTH_1       0x0010
#define LNKCAP2_SPEED_2_5    0x00000002u
#define LNKCTL2_SPEED_2_5    0x0001

static bool is_endpoint(PciExpressType type)
{
    return type == PCI_ENDPOINT || type == PCI_INTEGRATED_ENDPOINT;
}

/* What is integrated into the root complex has no link [PCIe 7.5.3.6]. */
static void add_link(PciFunction *fn, PciExpressType type, unsigned offset)
{
    uint16_t control = LNKCTL_MASK;

    if (type != PCI_ROOT_PORT) {
        control |= LNKCTL_RCB;
    }
    pci_set32(fn->initial + offset + EXPRESS_LNKCAP,
              LNKCAP_SPEED_2_5 | LNKCAP_WIDTH_1 | LNKCAP_ASPM_OPTIONAL);
    pci_set16(fn->writable + offset + EXPRESS_LNKCTL, control);
    pci_set16(fn->initial + offset + EXPRESS_LNKSTA,
              LNKSTA_SPEED_2_5 | LNKSTA_WIDTH_1);
    pci_set32(fn->initial + offset + EXPRESS_LNKCAP2, LNKCAP2_SPEED_2_5);
    pci_set16(fn->initial + offset + EXPRESS_LNKCTL2, LNKCTL2_SPEED_2_5);
}

void pci_function_add_express(PciFunction *fn, PciExpressType type,
                              unsigned offset)
{
    uint32_t devcap = DEVCAP_RBER, devcap2 = DEVCAP2_PREFIXES;
    uint16_t devctl = DEVCTL_REPORTS;

    pci_function_add_cap(fn, offset, CAP_EXPRESS);
    fn->express = offset;
    pci_set16(fn->initial + offset + EXPRESS_FLAGS,
              EXPRESS_VERSION | type << EXPRESS_TYPE_SHIFT);
    if (is_endpoint(type)) {
        devcap |= DEVCAP_TAG;
        devctl |= DEVCTL_TAG | DEVCTL_READ_SIZE;
        devcap2 |= DEVCAP2_NO_TIMEOUT;
        pci_set16(fn->initial + offset + EXPRESS_DEVCTL, DEVCTL_READ_512);
        pci_set16(fn->writable + offset + EXPRESS_DEVCTL2,
                  DEVCTL2_NO_TIMEOUT);
    }
    pci_set32(fn->initial + offset + EXPRESS_DEVCAP, devcap);
    pci_set16(fn->writable + offset + EXPRESS_DEVCTL, devctl);
    pci_set32(fn->initial + offset + EXPRESS_DEVCAP2, devcap2);
    if (type != PCI_INTEGRATED_ENDPOINT) {
        add_link(fn, type, offset);
    }
}

void pci_express_allow_reset(PciFunction *fn)
{
    uint8_t *cap = fn->initial + fn->express + EXPRESS_DEVCAP;
    uint8_t *control = fn->writable + fn->express + EXPRESS_DEVCTL;

    pci_set32(cap, pci_get32(cap) | DEVCAP_FLR);
    pci_set16(control, pci_get16(control) | DEVCTL_FLR);
}

bool pci_express_wants_reset(PciFunction *fn)
{
    return fn->express &&
           (pci_get16(fn->config + fn->express + EXPRESS_DEVCTL) &
            DEVCTL_FLR);
}

uint16_t pci_express_link(const PciFunction *fn)
{
    return pci_get16(fn->config + fn->express + EXPRESS_LNKCTL);
}

void pci_express_set_link(PciFunction *fn, uint16_t control)
{
    pci_set16(fn->config + fn->express + EXPRESS_LNKCTL, control);
}
