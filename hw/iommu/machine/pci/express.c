/* SPDX-License-Identifier: BSD-3-Clause */
/* The PCI Express capability of an endpoint. */
#include "hw/iommu/machine/pci/pci.h"

#define CAP_EXPRESS          0x10

/* version 2; on the root bus a root complex integrated endpoint */
#define EXPRESS_FLAGS        0x02
#define EXPRESS_FLAGS_ROOT   0x0092
#define EXPRESS_FLAGS_PORT   0x0002
#define EXPRESS_DEVCAP       0x04
#define EXPRESS_DEVCAP_RBER  0x8000
#define EXPRESS_DEVCTL       0x08
/* error reporting, relaxed ordering, payload and request sizes, no-snoop */
#define EXPRESS_DEVCTL_MASK  0x78ff
/* what Linux wants to see before it switches PASIDs on */
#define EXPRESS_DEVCAP2      0x24
#define EXPRESS_DEVCAP2_EETLPP 0x200000

void pci_function_add_express(PciFunction *fn, const PciBus *bus,
                              unsigned offset)
{
    pci_function_add_cap(fn, offset, CAP_EXPRESS);
    pci_set16(fn->initial + offset + EXPRESS_FLAGS,
              bus->bridge ? EXPRESS_FLAGS_PORT : EXPRESS_FLAGS_ROOT);
    pci_set32(fn->initial + offset + EXPRESS_DEVCAP, EXPRESS_DEVCAP_RBER);
    pci_set16(fn->writable + offset + EXPRESS_DEVCTL, EXPRESS_DEVCTL_MASK);
    pci_set32(fn->initial + offset + EXPRESS_DEVCAP2,
              EXPRESS_DEVCAP2_EETLPP);
}
