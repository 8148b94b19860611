/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MSI and MSI-X of one function: the capabilities, the table, and who sends
 * what and when.
 */
#ifndef HW_IOMMU_MACHINE_PCI_MSI_H
#define HW_IOMMU_MACHINE_PCI_MSI_H

#include "hw/iommu/machine/pci/pci.h"

#define MSI_VECTORS_MAX  32
/* The window with the MSI-X table (at 0) and the pending bits. */
#define MSIX_WINDOW_SIZE 0x1000
#define MSIX_PBA_OFFSET  0x800

typedef struct Msi {
    PciFunction *fn;
    unsigned vectors;
    unsigned cap, xcap;
    uint8_t table[MSI_VECTORS_MAX * 16];
    uint32_t pending;
    /* the function writes @data at @addr */
    void (*send)(PciFunction *fn, uint64_t addr, uint32_t data);
} Msi;

/*
 * Declare an MSI capability at @cap (64-bit, maskable) and an MSI-X one at
 * @xcap, whose table is in BAR @bar, each with @vectors (a power of two).
 */
void msi_init(Msi *msi, PciFunction *fn, unsigned cap, unsigned xcap,
              unsigned bar, unsigned vectors);
void msi_reset(Msi *msi);
/*
 * To be called from PciFunction.written: a write that unmasks a vector, or that
 * brings the function back to D0, sends the messages that wait.
 */
void msi_config_written(Msi *msi);

/* Raise @vector: with MSI-X if it is enabled, else with MSI, else not. */
void msi_notify(Msi *msi, unsigned vector);

uint64_t msix_window_read(Msi *msi, uint64_t offset, unsigned size);
void msix_window_write(Msi *msi, uint64_t offset, uint64_t value,
                       unsigned size);

#endif
