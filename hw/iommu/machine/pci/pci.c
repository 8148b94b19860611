/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI configuration space: functions, their windows, and the two ways in.
 */
#include <string.h>

#include "hw/iommu/machine/pci/pci.h"

#define PORT_CONFIG_ADDRESS 0xcf8
#define PORT_CONFIG_DATA    0xcfc
#define CONFIG_ENABLE       (1u << 31)
/* The conventional part, which is all that the ports reach. */
#define CONFIG_CONVENTIONAL 256

#define PCI_SLOTS           32
/* q35 has its ISA bridge, SATA and SMBus functions there. */
#define PCI_SLOT_CHIPSET    31

/* Do the bridges above @bus let accesses to these addresses through? */
static bool forwarded(const PciBus *bus, uint64_t first, uint64_t last)
{
    for (; bus->bridge; bus = bus->bridge->bus) {
        const uint8_t *config = bus->bridge->config;
        /* bits 31:20 in bits 15:4 */
        uint64_t base = (pci_get16(config + PCI_MEMORY_BASE) & 0xfff0ull)
                        << 16;
        uint64_t limit = (pci_get16(config + PCI_MEMORY_LIMIT) & 0xfff0ull)
                         << 16;

        if (!(pci_command(bus->bridge) & PCI_COMMAND_MEMORY) ||
            pci_power_state(bus->bridge) || first < base ||
            last > (limit | 0xfffff)) {
            return false;
        }
    }
    return true;
}

/* Map the BARs where the registers say.  As deep as buses are nested. */
static void pci_function_map(PciFunction *fn)
{
    bool enabled = (pci_command(fn) & PCI_COMMAND_MEMORY) &&
                   !pci_power_state(fn);

    for (unsigned i = 0; fn->secondary && i < PCI_FUNCTIONS; i++) {
        if (fn->secondary->function[i]) {
            pci_function_map(fn->secondary->function[i]);
        }
    }
    for (unsigned i = 0; i < PCI_BARS; i++) {
        BusWindow *bar = &fn->bar[i];
        uint64_t base;

        if (!bar->size) {
            continue;
        }
        base = pci_get32(fn->config + PCI_BAR0 + 4 * i) & ~0xfull;
        bar->base = base;
        /* Neither a BAR that was never set nor one that is being sized. */
        bar->enabled = enabled && base && base + bar->size <= UINT32_MAX &&
                       forwarded(fn->bus, base, base + bar->size - 1);
    }
}

static void pci_bus_reset(PciBus *bus);

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
    if (fn->secondary) {
        pci_bus_reset(fn->secondary);
    }
}

static void pci_bus_reset(PciBus *bus)
{
    for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
        if (bus->function[i]) {
            pci_function_reset(bus->function[i]);
        }
    }
}

/* A function that software resets alone [PCIe 6.6.2].  It is no bridge. */
static void pci_function_level_reset(PciFunction *fn)
{
    uint16_t link = pci_express_link(fn);

    pci_function_reset(fn);
    pci_express_set_link(fn, link);
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

    if (fn && fn->bus->conventional) {
        limit = MIN(limit, CONFIG_CONVENTIONAL);
    } else if (fn && fn->extended_read && is_extended(offset, size)) {
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
    unsigned state;

    if (!fn) {
        return;
    }
    if (fn->bus->conventional) {
        limit = MIN(limit, CONFIG_CONVENTIONAL);
    } else if (fn->extended_write && is_extended(offset, size)) {
        extended_write(fn, offset, value, size);
        return;
    }
    state = pci_power_state(fn);
    for (unsigned i = 0; i < size && offset + i < limit; i++) {
        uint8_t mask = fn->writable[offset + i];
        uint8_t *byte = &fn->config[offset + i];

        *byte = (*byte & ~mask) | ((value >> (8 * i)) & mask);
    }
    pci_power_written(fn, state);
    if (pci_express_wants_reset(fn)) {
        pci_function_level_reset(fn);
        return;
    }
    pci_function_map(fn);
    if (fn->written) {
        fn->written(fn, offset, size);
    }
}

uint8_t pci_bus_number(const PciBus *bus)
{
    return bus->bridge ? bus->bridge->config[PCI_SECONDARY_BUS] : 0;
}

uint16_t pci_source(const PciFunction *fn)
{
    uint16_t source = pci_bus_number(fn->bus) << 8 | fn->devfn;

    /* A bridge to a conventional bus sends what comes from there as its own:
     * with its secondary bus number, device and function 0. */
    for (const PciBus *bus = fn->bus; bus->bridge; bus = bus->bridge->bus) {
        if (bus->conventional) {
            source = pci_bus_number(bus) << 8;
        }
    }
    return source;
}

const PciFunction *pci_root_function(const PciFunction *fn)
{
    while (fn->bus->bridge) {
        fn = fn->bus->bridge;
    }
    return fn;
}

/*
 * The bus that a configuration access to bus @number reaches by way of @bus,
 * or NULL.  Software numbers buses as it likes, but the way is always down.
 */
static PciBus *bus_by_number(PciBus *bus, uint8_t number)
{
    PciBus *next = bus;

    for (;;) {
        bus = next;
        if (pci_bus_number(bus) == number) {
            return bus;
        }
        next = NULL;
        for (unsigned i = 0; !next && i < PCI_FUNCTIONS; i++) {
            const PciFunction *fn = bus->function[i];

            if (fn && fn->secondary && !pci_power_state(fn) &&
                fn->config[PCI_SECONDARY_BUS] &&
                number >= fn->config[PCI_SECONDARY_BUS] &&
                number <= fn->config[PCI_SUBORDINATE_BUS]) {
                next = fn->secondary;
            }
        }
        if (!next) {
            return NULL;
        }
    }
}

static PciFunction *find_function(PciRoot *root, uint8_t number,
                                  uint8_t devfn)
{
    PciBus *bus = bus_by_number(&root->root, number);

    return bus ? bus->function[devfn] : NULL;
}

/* ECAM: bus[27:20] devfn[19:12] register[11:0]. */
static PciFunction *ecam_function(PciRoot *root, uint64_t offset)
{
    return find_function(root, offset >> 20, offset >> 12);
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
static PciFunction *port_function(PciRoot *root)
{
    return find_function(root, root->config_address >> 16,
                         root->config_address >> 8);
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
    root->root = (PciBus) { .name = "pcie.0", .last_slot = PCI_SLOTS - 1 };
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
        if (root->root.function[i]) {
            root->root.function[i]->free(root->root.function[i]);
            root->root.function[i] = NULL;
        }
    }
}

void pci_root_reset(PciRoot *root)
{
    root->config_address = 0;
    pci_bus_reset(&root->root);
}

static PciBus *bus_by_name(PciBus *bus, const char *name)
{
    PciBus *found = strcmp(bus->name, name) ? NULL : bus;

    for (unsigned i = 0; !found && i < PCI_FUNCTIONS; i++) {
        if (bus->function[i] && bus->function[i]->secondary) {
            found = bus_by_name(bus->function[i]->secondary, name);
        }
    }
    return found;
}

PciBus *pci_root_bus(PciRoot *root, const char *name, GError **error)
{
    PciBus *bus = name ? bus_by_name(&root->root, name) : &root->root;

    if (!bus) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "Bus '%s' not found (it is the id of a bridge that was "
                    "given before, or pcie.0)", name);
    }
    return bus;
}

static bool is_chipset(const PciBus *bus, unsigned slot)
{
    return bus->has_chipset && slot == PCI_SLOT_CHIPSET;
}

static int first_free_slot(const PciBus *bus)
{
    for (unsigned slot = bus->first_slot; slot <= bus->last_slot; slot++) {
        bool used = is_chipset(bus, slot);

        for (unsigned i = 0; i < 8; i++) {
            used |= bus->function[PCI_DEVFN(slot, i)] != NULL;
        }
        if (!used) {
            return PCI_DEVFN(slot, 0);
        }
    }
    return -1;
}

/* A slot with several functions must say so in its function 0. */
static bool check_multifunction(const PciBus *bus, unsigned devfn,
                                bool multifunction, GError **error)
{
    const PciFunction *first = bus->function[devfn & ~7u];

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
        if (bus->function[devfn + i]) {
            g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                        "PCI: %x.%x is in use, so %x.0 needs "
                        "multifunction=on", devfn >> 3, i, devfn >> 3);
            return false;
        }
    }
    return true;
}

bool pci_root_add(PciRoot *root, PciBus *bus, PciFunction *fn, int devfn,
                  bool multifunction, GError **error)
{
    if (devfn < 0) {
        devfn = first_free_slot(bus);
        if (devfn < 0) {
            g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                        "PCI: no slot available for %s, all are in use",
                        fn->type);
            return false;
        }
    }
    if (devfn >> 3 < (int)bus->first_slot ||
        devfn >> 3 > (int)bus->last_slot) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "PCI: slot %x is not valid for %s on %s, which has %x to "
                    "%x", (unsigned)devfn >> 3, fn->type, bus->name,
                    bus->first_slot, bus->last_slot);
        return false;
    }
    if (is_chipset(bus, devfn >> 3) || bus->function[devfn]) {
        const PciFunction *other = bus->function[devfn];

        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "PCI: slot %x function %x not available for %s, in use "
                    "by %s", (unsigned)devfn >> 3, devfn & 7, fn->type,
                    other ? other->type : "the chipset");
        return false;
    }
    if (!check_multifunction(bus, devfn, multifunction, error)) {
        return false;
    }
    if (multifunction) {
        fn->initial[PCI_HEADER_TYPE] |= PCI_MULTIFUNCTION;
    }
    fn->devfn = devfn;
    fn->bus = bus;
    bus->function[devfn] = fn;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (fn->bar[i].size) {
            bus_add_window(root->bus, &fn->bar[i]);
        }
    }
    pci_function_reset(fn);
    return true;
}

void pci_root_remove(PciRoot *root, PciFunction *fn)
{
    fn->bus->function[fn->devfn] = NULL;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (fn->bar[i].size) {
            bus_remove_window(root->bus, &fn->bar[i]);
        }
    }
}
