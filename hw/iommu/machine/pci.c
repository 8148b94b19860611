/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI configuration space: functions, their windows, and the two ways in.
 */
#include <string.h>

#include "hw/iommu/machine/pci.h"

#define PORT_CONFIG_ADDRESS 0xcf8
#define PORT_CONFIG_DATA    0xcfc
#define CONFIG_ENABLE       (1u << 31)
/* The conventional part, which is all that the ports reach. */
#define CONFIG_CONVENTIONAL 256

#define PCI_SLOTS           32
/* q35 has its ISA bridge, SATA and SMBus functions there. */
#define PCI_SLOT_CHIPSET    31

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

/* Map the BARs where the registers say. */
static void pci_function_map(PciFunction *fn)
{
    bool enabled = pci_command(fn) & PCI_COMMAND_MEMORY;

    for (unsigned i = 0; i < PCI_BARS; i++) {
        BusWindow *bar = &fn->bar[i];
        uint64_t base;

        if (!bar->size) {
            continue;
        }
        base = pci_get32(fn->config + PCI_BAR0 + 4 * i) & ~0xfull;
        bar->base = base;
        /* Neither a BAR that was never set nor one that is being sized. */
        bar->enabled = enabled && base && base + bar->size <= UINT32_MAX;
    }
}

static void pci_function_reset(PciFunction *fn)
{
    if (fn->reset) {
        fn->reset(fn);
    }
    memcpy(fn->config, fn->initial, sizeof(fn->config));
    pci_function_map(fn);
    if (fn->written) {
        fn->written(fn, 0, PCI_CONFIG_SIZE);
    }
}

/* Does all of an access concern what the function answers itself? */
static bool is_extended(unsigned offset, unsigned size)
{
    return offset >= PCI_EXTENDED &&
           offset + size <= PCI_EXTENDED + PCI_EXTENDED_SIZE;
}

/* The next part of an access there. */
static unsigned extended_part(unsigned rest)
{
    return rest >= 4 ? 4 : rest >= 2 ? 2 : 1;
}

static uint64_t extended_read(PciFunction *fn, unsigned offset, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0, n; i < size; i += n) {
        n = extended_part(size - i);
        value |= (uint64_t)fn->extended_read(fn, offset - PCI_EXTENDED + i, n)
                 << (8 * i);
    }
    return value;
}

static void extended_write(PciFunction *fn, unsigned offset, uint64_t value,
                           unsigned size)
{
    for (unsigned i = 0, n; i < size; i += n) {
        n = extended_part(size - i);
        fn->extended_write(fn, offset - PCI_EXTENDED + i,
                           value >> (8 * i) & (UINT64_MAX >> (64 - 8 * n)),
                           n);
    }
}

static uint64_t function_read(PciFunction *fn, unsigned offset,
                              unsigned size, unsigned limit)
{
    uint64_t value = 0;

    if (fn && fn->extended_read && is_extended(offset, size)) {
        return extended_read(fn, offset, size);
    }
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = fn && offset + i < limit ? fn->config[offset + i]
                                                : 0xff;

        value |= (uint64_t)byte << (8 * i);
    }
    return value;
}

static void function_write(PciFunction *fn, unsigned offset, uint64_t value,
                           unsigned size, unsigned limit)
{
    if (!fn) {
        return;
    }
    if (fn->extended_write && is_extended(offset, size)) {
        extended_write(fn, offset, value, size);
        return;
    }
    for (unsigned i = 0; i < size && offset + i < limit; i++) {
        uint8_t mask = fn->writable[offset + i];
        uint8_t *byte = &fn->config[offset + i];

        *byte = (*byte & ~mask) | ((value >> (8 * i)) & mask);
    }
    pci_function_map(fn);
    if (fn->written) {
        fn->written(fn, offset, size);
    }
}

/* ECAM: bus[27:20] devfn[19:12] register[11:0]; there is only bus 0. */
static PciFunction *ecam_function(PciRoot *root, uint64_t offset)
{
    return offset >> 20 ? NULL : root->function[offset >> 12 & 0xff];
}

static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned size)
{
    return function_read(ecam_function(opaque, offset),
                         offset & (PCI_CONFIG_SIZE - 1), size,
                         PCI_CONFIG_SIZE);
}

static void ecam_write(void *opaque, uint64_t offset, uint64_t value,
                       unsigned size)
{
    function_write(ecam_function(opaque, offset),
                   offset & (PCI_CONFIG_SIZE - 1), value, size,
                   PCI_CONFIG_SIZE);
}

/* The function that the address register selects. */
static PciFunction *port_function(const PciRoot *root)
{
    uint32_t address = root->config_address;

    return address >> 16 & 0xff ? NULL : root->function[address >> 8 & 0xff];
}

static unsigned port_register(const PciRoot *root, uint16_t port)
{
    return (root->config_address & 0xfc) | (port & 3);
}

/* Bytes after the end of the data port belong to nobody. */
static unsigned port_limit(const PciRoot *root)
{
    unsigned end = (root->config_address & 0xfc) + 4;

    return MIN(end, CONFIG_CONVENTIONAL);
}

bool pci_root_port_read(PciRoot *root, uint16_t port, unsigned size,
                        uint32_t *value)
{
    if (port >= PORT_CONFIG_DATA && port < PORT_CONFIG_DATA + 4) {
        *value = UINT32_MAX;
        if (root->config_address & CONFIG_ENABLE) {
            *value = function_read(port_function(root),
                                   port_register(root, port), size,
                                   port_limit(root));
        }
        return true;
    }
    if (port >= PORT_CONFIG_ADDRESS && port < PORT_CONFIG_ADDRESS + 4) {
        *value = root->config_address >> (8 * (port & 3));
        return true;
    }
    return false;
}

bool pci_root_port_write(PciRoot *root, uint16_t port, unsigned size,
                         uint32_t value)
{
    if (port >= PORT_CONFIG_DATA && port < PORT_CONFIG_DATA + 4) {
        if (root->config_address & CONFIG_ENABLE) {
            function_write(port_function(root), port_register(root, port),
                           value, size, port_limit(root));
        }
        return true;
    }
    if (port >= PORT_CONFIG_ADDRESS && port < PORT_CONFIG_ADDRESS + 4) {
        /* Only a whole write reaches the register. */
        if (port == PORT_CONFIG_ADDRESS && size == 4) {
            root->config_address = value;
        }
        return true;
    }
    return false;
}

void pci_root_init(PciRoot *root, Bus *bus)
{
    root->bus = bus;
    root->ecam = (BusWindow) {
        .read = ecam_read,
        .write = ecam_write,
        .opaque = root,
    };
    bus_add_window(bus, &root->ecam);
}

void pci_root_clear(PciRoot *root)
{
    for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
        if (root->function[i]) {
            root->function[i]->free(root->function[i]);
            root->function[i] = NULL;
        }
    }
}

void pci_root_reset(PciRoot *root)
{
    root->config_address = 0;
    for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
        if (root->function[i]) {
            pci_function_reset(root->function[i]);
        }
    }
}

static int first_free_slot(const PciRoot *root)
{
    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        bool used = slot == PCI_SLOT_CHIPSET;

        for (unsigned i = 0; i < 8; i++) {
            used |= root->function[PCI_DEVFN(slot, i)] != NULL;
        }
        if (!used) {
            return PCI_DEVFN(slot, 0);
        }
    }
    return -1;
}

/* A slot with several functions must say so in its function 0. */
static bool check_multifunction(const PciRoot *root, unsigned devfn,
                                bool multifunction, GError **error)
{
    const PciFunction *first = root->function[devfn & ~7u];

    if (devfn & 7) {
        if (first && !(first->initial[PCI_HEADER_TYPE] & PCI_MULTIFUNCTION)) {
            g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                        "PCI: %x.0 has no multifunction=on, so %x.%x cannot "
                        "be used", devfn >> 3, devfn >> 3, devfn & 7);
            return false;
        }
        return true;
    }
    for (unsigned i = 1; i < 8 && !multifunction; i++) {
        if (root->function[devfn + i]) {
            g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                        "PCI: %x.%x is in use, so %x.0 needs "
                        "multifunction=on", devfn >> 3, i, devfn >> 3);
            return false;
        }
    }
    return true;
}

bool pci_root_add(PciRoot *root, PciFunction *fn, int devfn,
                  bool multifunction, GError **error)
{
    if (devfn < 0) {
        devfn = first_free_slot(root);
        if (devfn < 0) {
            g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                        "PCI: no slot available for %s, all are in use",
                        fn->type);
            return false;
        }
    }
    if (devfn >> 3 == PCI_SLOT_CHIPSET || root->function[devfn]) {
        const PciFunction *other = root->function[devfn];

        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "PCI: slot %x function %x not available for %s, in use "
                    "by %s", (unsigned)devfn >> 3, devfn & 7, fn->type,
                    other ? other->type : "the chipset");
        return false;
    }
    if (!check_multifunction(root, devfn, multifunction, error)) {
        return false;
    }
    if (multifunction) {
        fn->initial[PCI_HEADER_TYPE] |= PCI_MULTIFUNCTION;
    }
    fn->devfn = devfn;
    root->function[devfn] = fn;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (fn->bar[i].size) {
            bus_add_window(root->bus, &fn->bar[i]);
        }
    }
    pci_function_reset(fn);
    return true;
}
