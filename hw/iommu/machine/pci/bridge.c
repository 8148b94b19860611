/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bridges, as far as source-ids and configuration accesses go through them: a
 * PCI Express root port, and a bridge to a conventional bus.  Their bus
 * numbers and memory windows work; interrupts, hot-plug and errors do not
 * exist.
 */
#include "hw/iommu/machine/pci/pci.h"

#define BRIDGE_VENDOR        0x1b36
#define ROOT_PORT_DEVICE     0x000c
#define PCI_BRIDGE_DEVICE    0x000e
#define BRIDGE_CLASS         0x0604
#define BRIDGE_HEADER        0x01

#define EXPRESS_OFFSET       0x40
#define POWER_OFFSET         0x80

typedef struct Bridge {
    PciFunction fn;
    PciBus bus;
    char *name;
} Bridge;

static void bridge_free(PciFunction *fn)
{
    Bridge *bridge = (Bridge *)fn;

    for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
        if (bridge->bus.function[i]) {
            bridge->bus.function[i]->free(bridge->bus.function[i]);
        }
    }
    g_free(bridge->name);
    g_free(bridge);
}

static PciFunction *bridge_new(const char *type, const char *name,
                               uint16_t device, PciExpressType express)
{
    Bridge *bridge = g_new0(Bridge, 1);
    PciFunction *fn = &bridge->fn;

    bridge->name = g_strdup(name ? name : "");
    bridge->bus.name = bridge->name;
    bridge->bus.bridge = fn;
    fn->secondary = &bridge->bus;

    pci_function_init(fn, type, BRIDGE_VENDOR, device, BRIDGE_CLASS);
    fn->initial[PCI_HEADER_TYPE] = BRIDGE_HEADER;
    /* what stands there in other headers */
    pci_set32(fn->initial + PCI_SUBSYSTEM_VENDOR_ID, 0);
    pci_set32(fn->writable + PCI_PRIMARY_BUS, 0x00ffffff);
    pci_set32(fn->writable + PCI_MEMORY_BASE, 0xfff0fff0);
    pci_function_add_power(fn, POWER_OFFSET);
    pci_function_add_express(fn, express, EXPRESS_OFFSET);
    fn->free = bridge_free;
    return fn;
}

PciFunction *root_port_new(const char *name)
{
    /* one device at the other end of the link */
    return bridge_new("pcie-root-port", name, ROOT_PORT_DEVICE,
                      PCI_ROOT_PORT);
}

PciFunction *pci_bridge_new(const char *name)
{
    PciFunction *fn = bridge_new("pcie-pci-bridge", name, PCI_BRIDGE_DEVICE,
                                 PCI_TO_PCI_BRIDGE);

    fn->secondary->conventional = true;
    /* slot 0 belongs to the bridge's hot-plug controller, as in QEMU */
    fn->secondary->first_slot = 1;
    fn->secondary->last_slot = 31;
    return fn;
}
