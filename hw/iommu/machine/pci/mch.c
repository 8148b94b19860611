/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory controller hub of q35, as far as it concerns configuration
 * space: PCIEXBAR places the ECAM window.
 */
#include "hw/iommu/machine/pci/pci.h"

#define MCH_VENDOR   0x8086
#define MCH_DEVICE   0x29c0
#define MCH_REVISION 0x02
#define MCH_CLASS    0x0600

#define MCH_PCIEXBAR          0x60
#define MCH_PCIEXBAR_DEFAULT  0xb0000000u
#define MCH_PCIEXBAR_ENABLE   0x1
#define MCH_PCIEXBAR_LENGTH   0x6
/* base address bits 35:28; with smaller windows 27 and 26 too */
#define MCH_PCIEXBAR_BASE     0xff0000000ull

typedef struct Mch {
    PciFunction fn;
    BusWindow *ecam;
} Mch;

static void mch_written(PciFunction *fn, unsigned offset, unsigned size)
{
    Mch *mch = (Mch *)fn;
    uint64_t bar = pci_get32(fn->config + MCH_PCIEXBAR) |
                   (uint64_t)pci_get32(fn->config + MCH_PCIEXBAR + 4) << 32;
    unsigned length = (bar & MCH_PCIEXBAR_LENGTH) >> 1;
    uint64_t bytes = 0x10000000ull >> length;

    if (offset >= MCH_PCIEXBAR + 8 || offset + size <= MCH_PCIEXBAR) {
        return;
    }
    if (length == 3) {
        /* reserved: the window stays as it is */
        return;
    }
    mch->ecam->size = bytes;
    mch->ecam->base = bar & (MCH_PCIEXBAR_BASE | (0x10000000ull - bytes));
    mch->ecam->enabled = bar & MCH_PCIEXBAR_ENABLE;
}

static void mch_free(PciFunction *fn)
{
    g_free((Mch *)fn);
}

PciFunction *mch_new(PciRoot *root)
{
    Mch *mch = g_new0(Mch, 1);
    PciFunction *fn = &mch->fn;

    mch->ecam = &root->ecam;
    root->root.has_chipset = true;
    pci_function_init(fn, "mch", MCH_VENDOR, MCH_DEVICE, MCH_CLASS);
    fn->initial[PCI_REVISION] = MCH_REVISION;
    pci_set32(fn->initial + MCH_PCIEXBAR, MCH_PCIEXBAR_DEFAULT);
    pci_set32(fn->writable + MCH_PCIEXBAR,
              0xfc000000u | MCH_PCIEXBAR_LENGTH | MCH_PCIEXBAR_ENABLE);
    pci_set32(fn->writable + MCH_PCIEXBAR + 4, MCH_PCIEXBAR_BASE >> 32);
    fn->written = mch_written;
    fn->free = mch_free;
    return fn;
}
