/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration space as vfio-pci shows it: BARs are emulated, the kernel
 * keeps MSI and MSI-X to itself, ATS and page requests can be looked at, and
 * PASIDs are hidden.
 */
#include <string.h>

#include "hw/iommu/hostsim/vfio/device.h"

#define COMMAND         0x04
#define COMMAND_MASTER  0x0004
#define COMMAND_BITS    0x0547  /* I/O, memory, master, parity, SERR, INTx */
#define STATUS          0x06
#define STATUS_CAPS     0x0010
#define CLASS           0x0a
#define BAR0            0x10
#define BAR1            0x14
#define CAP_POINTER     0x34
#define INTERRUPT_LINE  0x3c

#define EXPRESS         0x40
#define MSI             0x80
#define MSIX            0xa0
#define POWER           0xb0
#define CAP_POWER       0x01
#define CAP_EXPRESS     0x10
#define CAP_MSI         0x05
#define CAP_MSIX        0x11

#define EXPRESS_FLAGS   (EXPRESS + 2)
#define EXPRESS_DEVCAP  (EXPRESS + 4)
#define EXPRESS_DEVCTL  (EXPRESS + 8)
#define DEVCTL_FLR      0x8000
#define EXPRESS_DEVCAP2 (EXPRESS + 0x24)
#define MSI_CONTROL     (MSI + 2)
/* 64 bits, maskable, 8 vectors */
#define MSI_CONTROL_INIT    0x0186
#define MSI_ENABLE      0x0001
#define MSI_MME         0x0070
#define MSIX_CONTROL    (MSIX + 2)
#define MSIX_ENABLE     0x8000
#define MSIX_PBA        0x800

/* version 3; a device comes back from D3hot as it went */
#define POWER_PMC       0x0003
#define POWER_CONTROL   (POWER + 4)
#define POWER_STATE     0x03
#define POWER_NO_SOFT_RESET 0x08

#define EXTENDED_PASID  0x001b

static void put16(uint8_t *p, uint16_t value)
{
    p[0] = value;
    p[1] = value >> 8;
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value);
    put16(p + 2, value >> 16);
}

static uint16_t get16(const uint8_t *p)
{
    return p[0] | p[1] << 8;
}

static void add_capability(SimDevice *device, unsigned at, uint8_t id,
                           unsigned next)
{
    device->config[at] = id;
    device->config[at + 1] = next;
}

void sim_config_init(SimDevice *device)
{
    uint8_t *config = device->config, *writable = device->writable;

    put16(config, VIOMMU_TESTDEV_VENDOR_ID);
    put16(config + 2, VIOMMU_TESTDEV_DEVICE_ID);
    put16(config + STATUS, STATUS_CAPS);
    put16(config + CLASS, VIOMMU_TESTDEV_CLASS);
    config[CAP_POINTER] = EXPRESS;
    put16(writable + COMMAND, COMMAND_BITS);
    put32(writable + BAR0, ~(VIOMMU_TESTDEV_BAR0_SIZE - 1u));
    put32(writable + BAR1, ~(SIM_PAGE - 1u));
    writable[INTERRUPT_LINE] = 0xff;

    add_capability(device, EXPRESS, CAP_EXPRESS, MSI);
    put16(config + EXPRESS_FLAGS, 0x0092);
    /* role-based error reporting, function level reset */
    put32(config + EXPRESS_DEVCAP, 0x10008000);
    /* no time-out of completions, prefixes from end to end */
    put32(config + EXPRESS_DEVCAP2, 0x300010);
    add_capability(device, MSI, CAP_MSI, MSIX);
    put16(config + MSI_CONTROL, MSI_CONTROL_INIT);
    put16(writable + MSI_CONTROL, MSI_ENABLE | MSI_MME);
    put32(writable + MSI + 4, 0xfffffffc);
    put32(writable + MSI + 8, 0xffffffff);
    put16(writable + MSI + 12, 0xffff);
    put32(writable + MSI + 16, 0xff);
    add_capability(device, MSIX, CAP_MSIX, POWER);
    add_capability(device, POWER, CAP_POWER, 0);
    put16(config + POWER + 2, POWER_PMC);
    config[POWER_CONTROL] = POWER_NO_SOFT_RESET;
    writable[POWER_CONTROL] = POWER_STATE;
    put16(config + MSIX_CONTROL, SIM_VECTORS_MAX - 1);
    put32(config + MSIX + 4, 1);
    put32(config + MSIX + 8, MSIX_PBA | 1);
    device->ioeventfds = g_array_new(FALSE, FALSE, sizeof(SimIoeventfd));
}

void sim_config_free(SimDevice *device)
{
    if (device->ioeventfds) {
        g_array_unref(device->ioeventfds);
    }
}

void sim_config_reset(SimDevice *device)
{
    for (unsigned i = 0; i < SIM_CONFIG_SIZE; i++) {
        device->config[i] &= ~device->writable[i];
    }
    memset(device->bar1, 0, sizeof(device->bar1));
    __atomic_store_n(&device->master, false, __ATOMIC_RELEASE);
}

/** What is not in the copy: bits that tell of interrupts, and the endpoint's
 *  extended capabilities. */
static uint8_t config_byte(SimDevice *device, unsigned offset)
{
    unsigned extended = offset - VIOMMU_TESTDEV_CONFIG_BASE;
    uint8_t value = device->config[offset];

    if (offset == MSI_CONTROL && !device->irqs[SIM_IRQ_MSI].n) {
        value &= ~MSI_ENABLE;
    } else if (offset == MSIX_CONTROL + 1 && device->irqs[SIM_IRQ_MSIX].n) {
        value |= MSIX_ENABLE >> 8;
    } else if (offset >= VIOMMU_TESTDEV_CONFIG_BASE &&
               extended < VIOMMU_TESTDEV_CONFIG_SIZE) {
        uint32_t head = sim_endpoint_config_read(device, 0, 4);

        value = sim_endpoint_config_read(device, extended, 1);
        if ((head & 0xffff) == EXTENDED_PASID && extended < 16 &&
            extended != 2 && extended != 3) {
            value = 0;
        }
    }
    return value;
}

void sim_config_read(SimDevice *device, unsigned offset, void *buf,
                     unsigned size)
{
    uint8_t *bytes = buf;

    for (unsigned i = 0; i < size; i++) {
        bytes[i] = config_byte(device, offset + i);
    }
}

static unsigned power_state(const SimDevice *device)
{
    return device->config[POWER_CONTROL] & POWER_STATE;
}

bool sim_config_is_asleep(const SimDevice *device)
{
    return power_state(device) != 0;
}

/** As in Linux, where vfio-pci carries it out itself and gives the registers
 *  back. */
static bool wants_reset(unsigned offset, const uint8_t *bytes, unsigned size)
{
    unsigned at = EXPRESS_DEVCTL + 1;

    return offset <= at && at < offset + size &&
           (bytes[at - offset] & DEVCTL_FLR >> 8);
}

void sim_config_write(SimDevice *device, unsigned offset, const void *buf,
                      unsigned size)
{
    const uint8_t *bytes = buf;
    unsigned state = power_state(device);

    for (unsigned i = 0; i < size; i++) {
        uint8_t *byte = &device->config[offset + i];
        uint8_t mask = device->writable[offset + i];

        *byte = (*byte & ~mask) | (bytes[i] & mask);
    }
    /* a write of D1 or D2, which are not there, changes nothing */
    if (power_state(device) == 1 || power_state(device) == 2) {
        device->config[POWER_CONTROL] ^= power_state(device) ^ state;
    }
    if (wants_reset(offset, bytes, size)) {
        sim_endpoint_reset(device);
    }
    __atomic_store_n(&device->master, !device->gone &&
                     !sim_config_is_asleep(device) &&
                     (get16(device->config + COMMAND) & COMMAND_MASTER),
                     __ATOMIC_RELEASE);
}
