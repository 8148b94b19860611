/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/pci.h"

/* Above RAM and below the I/O APIC; a multiple of each BAR's size. */
#define FIRST_BAR 0xe0000000

enum {
    PORT_ADDRESS = 0xcf8,
    PORT_DATA    = 0xcfc,
};

/* The host bridge's register that places the ECAM window. */
#define MCH_PCIEXBAR        0x60
#define MCH_PCIEXBAR_ENABLE 1
#define ECAM_BASE           0xb0000000u

enum {
    CFG_VENDOR       = 0x00,
    CFG_COMMAND      = 0x04,
    CFG_STATUS       = 0x06,
    CFG_HEADER_TYPE  = 0x0e,
    CFG_BAR0         = 0x10,
    CFG_BUSES        = 0x18,
    CFG_MEMORY       = 0x20,
    CFG_CAPABILITIES = 0x34,
    CFG_EXTENDED     = 0x100,

    COMMAND_MEMORY   = 1 << 1,
    COMMAND_MASTER   = 1 << 2,
    STATUS_CAP_LIST  = 1 << 4,

    BAR_IO           = 1 << 0,
    BAR_64BIT        = 1 << 2,

    CAP_MSI          = 0x05,
    CAP_MSIX         = 0x11,

    MSI_CONTROL      = 2,
    MSI_ENABLE       = 1 << 0,
    MSI_64BIT        = 1 << 7,

    MSIX_CONTROL     = 2,
    MSIX_TABLE       = 4,
    MSIX_PBA         = 8,
    MSIX_ENABLE      = 1 << 15,
    MSIX_MASK_ALL    = 1 << 14,
};

void pci_bus_init(PciBus *bus, QTest *q)
{
    pci_bus_init_at(bus, q, 0, FIRST_BAR);
}

void pci_bus_init_at(PciBus *bus, QTest *q, uint64_t ecam,
                     uint64_t first_bar)
{
    *bus = (PciBus) { .q = q, .ecam = ecam, .next_bar = first_bar };
}

static void select_register(PciDev *dev, unsigned offset)
{
    qtest_out(dev->q, PORT_ADDRESS,
              0x80000000u | dev->bus << 16 | dev->devfn << 8 |
              (offset & 0xfc), 4);
}

/* Where the ECAM window has this register. */
static uint64_t ecam_place(PciDev *dev, unsigned offset)
{
    if (!dev->ecam) {
        qtest_out(dev->q, PORT_ADDRESS, 0x80000000u | MCH_PCIEXBAR, 4);
        qtest_out(dev->q, PORT_DATA, ECAM_BASE | MCH_PCIEXBAR_ENABLE, 4);
    }
    return (dev->ecam ? dev->ecam : ECAM_BASE) + ((uint64_t)dev->bus << 20) +
           ((uint64_t)dev->devfn << 12) + offset;
}

uint32_t pci_config_read(PciDev *dev, unsigned offset, unsigned size)
{
    if (dev->ecam || offset >= CFG_EXTENDED) {
        return qtest_read(dev->q, ecam_place(dev, offset), size);
    }
    select_register(dev, offset);
    return qtest_in(dev->q, PORT_DATA + (offset & 3), size);
}

void pci_config_write(PciDev *dev, unsigned offset, uint32_t value,
                      unsigned size)
{
    if (dev->ecam || offset >= CFG_EXTENDED) {
        qtest_write(dev->q, ecam_place(dev, offset), value, size);
        return;
    }
    select_register(dev, offset);
    qtest_out(dev->q, PORT_DATA + (offset & 3), value, size);
}

unsigned pci_find_capability(PciDev *dev, uint8_t id)
{
    unsigned at;

    if (!(pci_config_read(dev, CFG_STATUS, 2) & STATUS_CAP_LIST)) {
        return 0;
    }
    at = pci_config_read(dev, CFG_CAPABILITIES, 1) & 0xfc;
    /* 192 bytes of capabilities, each of at least 4 */
    for (unsigned i = 0; at && i < 48; i++) {
        if (pci_config_read(dev, at, 1) == id) {
            return at;
        }
        at = pci_config_read(dev, at + 1, 1) & 0xfc;
    }
    return 0;
}

unsigned pci_find_extended(PciDev *dev, uint16_t id)
{
    unsigned at = CFG_EXTENDED;

    /* 3840 bytes of capabilities, each of at least 8 */
    for (unsigned i = 0; at && i < 480; i++) {
        uint32_t header = pci_config_read(dev, at, 4);

        if (header == 0 || header == UINT32_MAX) {
            return 0;
        }
        if ((header & 0xffff) == id) {
            return at;
        }
        at = header >> 20 & 0xffc;
    }
    return 0;
}

static bool present(PciDev *dev)
{
    return (pci_config_read(dev, CFG_VENDOR, 4) & 0xffff) != 0xffff;
}

bool pci_find(PciBus *bus, uint16_t vendor, uint16_t device, unsigned nth,
              PciDev *dev)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        *dev = (PciDev) { .q = bus->q, .ecam = bus->ecam, .devfn = devfn };
        if (!present(dev)) {
            /* without function 0 there are no others */
            devfn |= devfn % 8 ? 0 : 7;
            continue;
        }
        if (pci_config_read(dev, CFG_VENDOR, 4) ==
            ((uint32_t)device << 16 | vendor) && nth-- == 0) {
            return true;
        }
        if (devfn % 8 == 0 &&
            !(pci_config_read(dev, CFG_HEADER_TYPE, 1) & 0x80)) {
            devfn |= 7;
        }
    }
    return false;
}

static unsigned place_bar(PciBus *bus, PciDev *dev, unsigned n)
{
    unsigned at = CFG_BAR0 + 4 * n;
    uint32_t low = pci_config_read(dev, at, 4);
    bool wide = (low & (BAR_64BIT | BAR_IO)) == BAR_64BIT;
    uint64_t mask;

    if (low & BAR_IO) {
        return 1;
    }
    pci_config_write(dev, at, ~0u, 4);
    mask = pci_config_read(dev, at, 4) & ~0xfu;
    if (wide) {
        pci_config_write(dev, at + 4, ~0u, 4);
        mask |= (uint64_t)pci_config_read(dev, at + 4, 4) << 32;
    } else if (mask) {
        mask |= 0xffffffffull << 32;
    }
    if (mask) {
        dev->bar_size[n] = -mask;
        dev->bar[n] = (bus->next_bar - mask - 1) & mask;
        bus->next_bar = dev->bar[n] + dev->bar_size[n];
        pci_config_write(dev, at, dev->bar[n], 4);
        if (wide) {
            pci_config_write(dev, at + 4, dev->bar[n] >> 32, 4);
        }
    }
    return wide ? 2 : 1;
}

void pci_enable(PciBus *bus, PciDev *dev)
{
    for (unsigned n = 0; n < 6;) {
        n += place_bar(bus, dev, n);
    }
    pci_config_write(dev, CFG_COMMAND, COMMAND_MEMORY | COMMAND_MASTER, 2);
    dev->msi = pci_find_capability(dev, CAP_MSI);
    dev->msix = pci_find_capability(dev, CAP_MSIX);
    if (dev->msix) {
        uint32_t table = pci_config_read(dev, dev->msix + MSIX_TABLE, 4);
        uint32_t pba = pci_config_read(dev, dev->msix + MSIX_PBA, 4);

        g_assert_cmpuint(table & 7, <, 6);
        g_assert_cmpuint(pba & 7, <, 6);
        dev->msix_vectors =
            (pci_config_read(dev, dev->msix + MSIX_CONTROL, 2) & 0x7ff) + 1;
        dev->msix_table = dev->bar[table & 7] + (table & ~7u);
        dev->msix_pba = dev->bar[pba & 7] + (pba & ~7u);
    }
}

void pci_set_bridge(PciDev *bridge, unsigned secondary, unsigned subordinate,
                    uint64_t window)
{
    /* bits 31:20, in bits 15:4 */
    uint32_t first = window >> 16, last = first + 0xf0;

    pci_config_write(bridge, CFG_BUSES, subordinate << 16 | secondary << 8 |
                     bridge->bus, 4);
    pci_config_write(bridge, CFG_MEMORY, last << 16 | first, 4);
    pci_config_write(bridge, CFG_COMMAND, COMMAND_MEMORY | COMMAND_MASTER, 2);
}

void pci_set_bus_master(PciDev *dev, bool on)
{
    pci_config_write(dev, CFG_COMMAND,
                     COMMAND_MEMORY | (on ? COMMAND_MASTER : 0), 2);
}

uint16_t pci_source(const PciDev *dev)
{
    return dev->bus << 8 | dev->devfn;
}

void pci_msi_enable(PciDev *dev, uint64_t addr, uint16_t data,
                    unsigned log_vectors)
{
    uint16_t control = pci_config_read(dev, dev->msi + MSI_CONTROL, 2);
    unsigned at_data = dev->msi + 8;

    g_assert_cmpuint(dev->msi, !=, 0);
    pci_config_write(dev, dev->msi + 4, addr, 4);
    if (control & MSI_64BIT) {
        pci_config_write(dev, dev->msi + 8, addr >> 32, 4);
        at_data = dev->msi + 12;
    }
    pci_config_write(dev, at_data, data, 2);
    control &= ~0x70;
    control |= MSI_ENABLE | log_vectors << 4;
    pci_config_write(dev, dev->msi + MSI_CONTROL, control, 2);
}

void pci_msi_disable(PciDev *dev)
{
    pci_config_write(dev, dev->msi + MSI_CONTROL, 0, 2);
}

void pci_msix_enable(PciDev *dev)
{
    g_assert_cmpuint(dev->msix, !=, 0);
    for (unsigned i = 0; i < dev->msix_vectors; i++) {
        qtest_writel(dev->q, dev->msix_table + 16 * i + 12, 1);
    }
    pci_config_write(dev, dev->msix + MSIX_CONTROL, MSIX_ENABLE, 2);
}

void pci_msix_set(PciDev *dev, unsigned vector, uint64_t addr, uint32_t data)
{
    uint64_t entry = dev->msix_table + 16 * vector;

    g_assert_cmpuint(vector, <, dev->msix_vectors);
    qtest_writel(dev->q, entry, addr);
    qtest_writel(dev->q, entry + 4, addr >> 32);
    qtest_writel(dev->q, entry + 8, data);
    qtest_writel(dev->q, entry + 12, 0);
}

void pci_msix_disable(PciDev *dev)
{
    pci_config_write(dev, dev->msix + MSIX_CONTROL, MSIX_MASK_ALL, 2);
}
