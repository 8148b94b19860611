/* SPDX-License-Identifier: BSD-3-Clause */
/* What a function's configuration space has at first. */
#include "hw/iommu/machine/pci/pci.h"

#define SUBSYSTEM_VENDOR    0x1af4
#define SUBSYSTEM_DEVICE    0x1100

uint16_t pci_get16(const uint8_t *field)
{
    return field[0] | field[1] << 8;
}

uint32_t pci_get32(const uint8_t *field)
{
    return pci_get16(field) | (uint32_t)pci_get16(field + 2) << 16;
}

void pci_set16(uint8_t *field, uint16_t value)
{
    field[0] = value;
    field[1] = value >> 8;
}

void pci_set32(uint8_t *field, uint32_t value)
{
    pci_set16(field, value);
    pci_set16(field + 2, value >> 16);
}

void pci_function_init(PciFunction *fn, const char *type, uint16_t vendor,
                       uint16_t device, uint16_t class_code)
{
    fn->type = type;
    pci_set16(fn->initial + PCI_VENDOR_ID, vendor);
    pci_set16(fn->initial + PCI_DEVICE_ID, device);
    pci_set16(fn->initial + PCI_CLASS, class_code);
    pci_set16(fn->initial + PCI_SUBSYSTEM_VENDOR_ID, SUBSYSTEM_VENDOR);
    pci_set16(fn->initial + PCI_SUBSYSTEM_ID, SUBSYSTEM_DEVICE);
    pci_set16(fn->writable + PCI_COMMAND,
              PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
              PCI_COMMAND_SERR | PCI_COMMAND_NOINTX);
}

void pci_function_add_bar(PciFunction *fn, unsigned n, uint32_t size)
{
    fn->bar[n].size = size;
    pci_set32(fn->writable + PCI_BAR0 + 4 * n, ~(size - 1));
}

void pci_function_add_cap(PciFunction *fn, unsigned offset, uint8_t id)
{
    fn->initial[PCI_STATUS] |= PCI_STATUS_CAPS;
    fn->initial[offset] = id;
    fn->initial[offset + 1] = fn->initial[PCI_CAP_POINTER];
    fn->initial[PCI_CAP_POINTER] = offset;
}
