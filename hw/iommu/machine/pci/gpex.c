/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host bridge of virt: configuration space is ECAM alone, at a fixed
 * place above RAM, or below it with room for 16 buses.
 */
#include "hw/iommu/machine/pci/pci.h"

#define GPEX_VENDOR    0x1b36
#define GPEX_DEVICE    0x0008
#define GPEX_CLASS     0x0600

#define ECAM_HIGH_BASE 0x4010000000ull
#define ECAM_HIGH_SIZE 0x10000000ull
#define ECAM_LOW_BASE  0x3f000000ull
#define ECAM_LOW_SIZE  0x01000000ull

static void gpex_free(PciFunction *fn)
{
    g_free(fn);
}

PciFunction *gpex_new(PciRoot *root, bool low_ecam)
{
    PciFunction *fn = g_new0(PciFunction, 1);

    pci_function_init(fn, "gpex-root", GPEX_VENDOR, GPEX_DEVICE, GPEX_CLASS);
    fn->free = gpex_free;
    root->ecam.base = low_ecam ? ECAM_LOW_BASE : ECAM_HIGH_BASE;
    root->ecam.size = low_ecam ? ECAM_LOW_SIZE : ECAM_HIGH_SIZE;
    root->ecam.enabled = true;
    return fn;
}
