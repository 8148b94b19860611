/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Power management of functions: D0 and D3hot [PCIe 5.3.1] [PCIe 7.5.2].  A
 * function comes back from D3hot as it went (No_Soft_Reset): an emulator loses
 * nothing, and the specification recommends it.
 */
#include "hw/iommu/machine/pci/pci.h"

#define CAP_POWER            0x01
/* Registers from the capability on. */
#define POWER_PMC            0x02
#define POWER_PMCSR          0x04

/* version 3; neither D1, D2 nor PME */
#define PMC_VERSION          0x0003
#define PMCSR_STATE          0x03
#define PMCSR_NO_SOFT_RESET  0x08

void pci_function_add_power(PciFunction *fn, unsigned offset)
{
    pci_function_add_cap(fn, offset, CAP_POWER);
    fn->power = offset;
    pci_set16(fn->initial + offset + POWER_PMC, PMC_VERSION);
    fn->initial[offset + POWER_PMCSR] = PMCSR_NO_SOFT_RESET;
    fn->writable[offset + POWER_PMCSR] = PMCSR_STATE;
}

unsigned pci_power_state(const PciFunction *fn)
{
    return fn->power ? fn->config[fn->power + POWER_PMCSR] & PMCSR_STATE : 0;
}

/* A write of a state that is not supported changes none [PCIe 7.5.2.2]. */
void pci_power_written(PciFunction *fn, unsigned state)
{
    unsigned now = pci_power_state(fn);

    if (now == 1 || now == 2) {
        fn->config[fn->power + POWER_PMCSR] ^= now ^ state;
    }
}

bool pci_is_awake(const PciFunction *fn)
{
    while (!pci_power_state(fn)) {
        if (!fn->bus->bridge) {
            return true;
        }
        fn = fn->bus->bridge;
    }
    return false;
}
