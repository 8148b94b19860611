/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MSI and MSI-X of one function.
 */
#include <string.h>

#include "hw/iommu/machine/pci/msi.h"

#define CAP_MSI  0x05
#define CAP_MSIX 0x11

/* MSI: registers from the capability on */
#define MSI_CONTROL       0x02
#define MSI_ADDR          0x04
#define MSI_ADDR_HIGH     0x08
#define MSI_DATA          0x0c
#define MSI_MASK          0x10
#define MSI_PENDING       0x14
#define MSI_ENABLE        0x0001
#define MSI_MMC_SHIFT     1
#define MSI_MME_SHIFT     4
#define MSI_MME           0x0070
#define MSI_64BIT         0x0080
#define MSI_MASKABLE      0x0100

/* MSI-X */
#define MSIX_CONTROL      0x02
#define MSIX_TABLE        0x04
#define MSIX_PBA          0x08
#define MSIX_ENABLE       0x8000
#define MSIX_MASK_ALL     0x4000
#define MSIX_ENTRY_SIZE   16
#define MSIX_ENTRY_DATA   8
#define MSIX_ENTRY_VECTOR 12
#define MSIX_ENTRY_MASKED 0x01

static unsigned log2_of(unsigned n)
{
    unsigned log = 0;

    while (n > 1u << log) {
        log++;
    }
    return log;
}

void msi_init(Msi *msi, PciFunction *fn, unsigned cap, unsigned xcap,
              unsigned bar, unsigned vectors)
{
    uint8_t *initial = fn->initial, *writable = fn->writable;

    msi->fn = fn;
    msi->vectors = vectors;
    msi->cap = cap;
    msi->xcap = xcap;

    pci_function_add_cap(fn, cap, CAP_MSI);
    pci_set16(initial + cap + MSI_CONTROL,
              MSI_64BIT | MSI_MASKABLE | log2_of(vectors) << MSI_MMC_SHIFT);
    pci_set16(writable + cap + MSI_CONTROL, MSI_ENABLE | MSI_MME);
    pci_set32(writable + cap + MSI_ADDR, 0xfffffffc);
    pci_set32(writable + cap + MSI_ADDR_HIGH, 0xffffffff);
    pci_set16(writable + cap + MSI_DATA, 0xffff);
    pci_set32(writable + cap + MSI_MASK, (1ull << vectors) - 1);

    pci_function_add_cap(fn, xcap, CAP_MSIX);
    pci_set16(initial + xcap + MSIX_CONTROL, vectors - 1);
    pci_set16(writable + xcap + MSIX_CONTROL, MSIX_ENABLE | MSIX_MASK_ALL);
    pci_set32(initial + xcap + MSIX_TABLE, bar);
    pci_set32(initial + xcap + MSIX_PBA, MSIX_PBA_OFFSET | bar);

    msi_reset(msi);
}

void msi_reset(Msi *msi)
{
    memset(msi->table, 0, sizeof(msi->table));
    for (unsigned i = 0; i < msi->vectors; i++) {
        msi->table[i * MSIX_ENTRY_SIZE + MSIX_ENTRY_VECTOR] =
            MSIX_ENTRY_MASKED;
    }
    msi->pending = 0;
}

static uint16_t msi_control(const Msi *msi)
{
    return pci_get16(msi->fn->config + msi->cap + MSI_CONTROL);
}

static uint16_t msix_control(const Msi *msi)
{
    return pci_get16(msi->fn->config + msi->xcap + MSIX_CONTROL);
}

/*
 * In D3hot a function sends no message: each waits as behind a mask
 * [PCIe 5.3.1.4].
 */
static bool is_asleep(const Msi *msi)
{
    return pci_power_state(msi->fn) != 0;
}

static bool msi_masked(const Msi *msi, unsigned vector)
{
    const uint8_t *mask = msi->fn->config + msi->cap + MSI_MASK;

    return is_asleep(msi) || (pci_get32(mask) & 1u << vector);
}

static bool msix_masked(const Msi *msi, unsigned vector)
{
    const uint8_t *entry = msi->table + vector * MSIX_ENTRY_SIZE;

    return is_asleep(msi) || (msix_control(msi) & MSIX_MASK_ALL) ||
           (entry[MSIX_ENTRY_VECTOR] & MSIX_ENTRY_MASKED);
}

static void msix_send(Msi *msi, unsigned vector)
{
    const uint8_t *entry = msi->table + vector * MSIX_ENTRY_SIZE;

    msi->send(msi->fn,
              pci_get32(entry) | (uint64_t)pci_get32(entry + 4) << 32,
              pci_get32(entry + MSIX_ENTRY_DATA));
}

/* How many vectors software has allowed. */
static unsigned msi_enabled_vectors(const Msi *msi)
{
    unsigned log = (msi_control(msi) & MSI_MME) >> MSI_MME_SHIFT;

    return MIN(1u << log, msi->vectors);
}

static void msi_send(Msi *msi, unsigned vector)
{
    const uint8_t *cap = msi->fn->config + msi->cap;
    unsigned low = msi_enabled_vectors(msi) - 1;

    msi->send(msi->fn,
              pci_get32(cap + MSI_ADDR) |
              (uint64_t)pci_get32(cap + MSI_ADDR_HIGH) << 32,
              (pci_get16(cap + MSI_DATA) & ~low) | vector);
}

void msi_notify(Msi *msi, unsigned vector)
{
    if (msix_control(msi) & MSIX_ENABLE) {
        if (vector >= msi->vectors) {
            return;
        }
        if (msix_masked(msi, vector)) {
            msi->pending |= 1u << vector;
        } else {
            msix_send(msi, vector);
        }
    } else if (msi_control(msi) & MSI_ENABLE) {
        uint8_t *cap = msi->fn->config + msi->cap;

        /* With fewer vectors than wanted, some share one. */
        vector &= msi_enabled_vectors(msi) - 1;
        if (msi_masked(msi, vector)) {
            pci_set32(cap + MSI_PENDING,
                      pci_get32(cap + MSI_PENDING) | 1u << vector);
        } else {
            msi_send(msi, vector);
        }
    }
}

static void msix_send_pending(Msi *msi)
{
    for (unsigned i = 0; i < msi->vectors; i++) {
        if ((msi->pending & 1u << i) && !msix_masked(msi, i)) {
            msi->pending &= ~(1u << i);
            msix_send(msi, i);
        }
    }
}

void msi_config_written(Msi *msi)
{
    uint8_t *cap = msi->fn->config + msi->cap;

    if (msix_control(msi) & MSIX_ENABLE) {
        msix_send_pending(msi);
    } else if (msi_control(msi) & MSI_ENABLE) {
        for (unsigned i = 0; i < msi->vectors; i++) {
            uint32_t pending = pci_get32(cap + MSI_PENDING);
            uint32_t bit = 1u << i;

            if ((pending & bit) && !msi_masked(msi, i)) {
                pci_set32(cap + MSI_PENDING, pending & ~bit);
                msi_send(msi, i & (msi_enabled_vectors(msi) - 1));
            }
        }
    }
}

uint64_t msix_window_read(Msi *msi, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        uint64_t at = offset + i, byte = 0;

        if (at < msi->vectors * MSIX_ENTRY_SIZE) {
            byte = msi->table[at];
        } else if (at >= MSIX_PBA_OFFSET && at < MSIX_PBA_OFFSET + 4) {
            byte = msi->pending >> (8 * (at - MSIX_PBA_OFFSET)) & 0xff;
        }
        value |= byte << (8 * i);
    }
    return value;
}

void msix_window_write(Msi *msi, uint64_t offset, uint64_t value,
                       unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        uint64_t at = offset + i;
        uint8_t mask = 0xff;

        if (at >= msi->vectors * MSIX_ENTRY_SIZE) {
            break;
        }
        switch (at % MSIX_ENTRY_SIZE) {
        case MSIX_ENTRY_VECTOR:
            mask = MSIX_ENTRY_MASKED;
            break;
        case MSIX_ENTRY_VECTOR + 1:
        case MSIX_ENTRY_VECTOR + 2:
        case MSIX_ENTRY_VECTOR + 3:
            mask = 0;
            break;
        default:
            break;
        }
        msi->table[at] = value >> (8 * i) & mask;
    }
    if (msix_control(msi) & MSIX_ENABLE) {
        msix_send_pending(msi);
    }
}
