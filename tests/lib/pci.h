/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI for tests: configuration space through ports 0xcf8 and 0xcfc or through
 * memory (ECAM), BARs, MSI and MSI-X.  Does what firmware and drivers do in a
 * guest.
 */
#ifndef TESTS_LIB_PCI_H
#define TESTS_LIB_PCI_H

#include "tests/lib/qtest.h"

/** The bus of a machine, with the place where the next BAR goes. */
typedef struct PciBus {
    QTest *q;
    uint64_t ecam;          /* 0: through ports, as on q35 */
    uint64_t next_bar;
} PciBus;

typedef struct PciDev {
    QTest *q;
    uint64_t ecam;
    uint8_t bus;
    uint8_t devfn;
    uint64_t bar[6];        /* where it was put, 0 when there is none */
    uint64_t bar_size[6];
    unsigned msi;           /* offset of the capability, 0 without */
    unsigned msix;
    unsigned msix_vectors;
    uint64_t msix_table;
    uint64_t msix_pba;
} PciDev;

/** The bus of a Q35 board. */
void pci_bus_init(PciBus *bus, QTest *q);
/** The bus of a machine whose ECAM window is at @ecam; BARs go to @first_bar
 *  and above. */
void pci_bus_init_at(PciBus *bus, QTest *q, uint64_t ecam,
                     uint64_t first_bar);

/** Find function number @nth (from 0) on bus 0 with these IDs. */
bool pci_find(PciBus *bus, uint16_t vendor, uint16_t device, unsigned nth,
              PciDev *dev);

/** On a Q35 board, from 0x100 on through the ECAM window, which this puts at
 *  0xb0000000. */
uint32_t pci_config_read(PciDev *dev, unsigned offset, unsigned size);
void pci_config_write(PciDev *dev, unsigned offset, uint32_t value,
                      unsigned size);

/** Offset of the first capability with @id, or 0. */
unsigned pci_find_capability(PciDev *dev, uint8_t id);

/** Offset of the first extended capability with @id, or 0. */
unsigned pci_find_extended(PciDev *dev, uint16_t id);

/** Give each memory BAR an address; switch on memory and bus mastering. */
void pci_enable(PciBus *bus, PciDev *dev);

/** Bus numbers of a bridge, and 16 MiB of memory from @window on that it lets
 *  through; memory and bus mastering on. */
void pci_set_bridge(PciDev *bridge, unsigned secondary, unsigned subordinate,
                    uint64_t window);

void pci_set_bus_master(PciDev *dev, bool on);

/** Bus and devfn as a remapping unit sees them. */
uint16_t pci_source(const PciDev *dev);

/** Enable MSI with 2^@log_vectors messages from @addr and @data on. */
void pci_msi_enable(PciDev *dev, uint64_t addr, uint16_t data,
                    unsigned log_vectors);
void pci_msi_disable(PciDev *dev);

/** Enable MSI-X with all vectors masked; pci_msix_set() unmasks one. */
void pci_msix_enable(PciDev *dev);
void pci_msix_set(PciDev *dev, unsigned vector, uint64_t addr, uint32_t data);
void pci_msix_disable(PciDev *dev);

#endif
