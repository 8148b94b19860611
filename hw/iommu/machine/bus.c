/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest-physical address space: RAM and register windows.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "hw/iommu/machine/bus.h"

/* With this much RAM or more, q35 leaves 2 GiB below the PCI hole ... */
#define Q35_SPLIT_SIZE  0xb0000000ull
#define Q35_LOW_SIZE    0x80000000ull
/* ... and the rest starts here. */
#define Q35_HIGH_BASE   0x100000000ull
/* virt has all of it here; with more, the devices above it would move. */
#define VIRT_RAM_BASE   0x40000000ull
#define VIRT_RAM_MAX    (255ull << 30)

struct Bus {
    uint8_t *ram;
    uint64_t ram_size;
    ViommuRam ranges[BUS_RAM_RANGES];
    size_t n_ranges;
    GPtrArray *windows;
};

G_DEFINE_QUARK(viommu-machine-error, machine_error)

Bus *bus_new(MachineKind kind, uint64_t ram_size, GError **error)
{
    bool split = kind == MACHINE_Q35 && ram_size >= Q35_SPLIT_SIZE;
    uint64_t low = split ? Q35_LOW_SIZE : ram_size;
    void *ram;
    Bus *bus;

    if (kind == MACHINE_VIRT && ram_size > VIRT_RAM_MAX) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "virt has 255G at most");
        return NULL;
    }
    ram = mmap(NULL, ram_size, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ram == MAP_FAILED) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "cannot get %" G_GUINT64_FORMAT " MiB of RAM: %s",
                    ram_size >> 20, g_strerror(errno));
        return NULL;
    }
    bus = g_new0(Bus, 1);
    bus->ram = ram;
    bus->ram_size = ram_size;
    bus->ranges[bus->n_ranges++] = (ViommuRam) {
        .addr = kind == MACHINE_VIRT ? VIRT_RAM_BASE : 0,
        .size = low,
        .host = ram,
    };
    if (low < ram_size) {
        bus->ranges[bus->n_ranges++] = (ViommuRam) {
            .addr = Q35_HIGH_BASE,
            .size = ram_size - low,
            .host = bus->ram + low,
        };
    }
    bus->windows = g_ptr_array_new();
    return bus;
}

void bus_free(Bus *bus)
{
    if (bus) {
        g_ptr_array_free(bus->windows, TRUE);
        munmap(bus->ram, bus->ram_size);
        g_free(bus);
    }
}

void bus_add_window(Bus *bus, BusWindow *window)
{
    g_ptr_array_add(bus->windows, window);
}

void bus_remove_window(Bus *bus, BusWindow *window)
{
    g_ptr_array_remove(bus->windows, window);
}

size_t bus_ram_ranges(const Bus *bus, ViommuRam ranges[BUS_RAM_RANGES])
{
    memcpy(ranges, bus->ranges, sizeof(bus->ranges));
    return bus->n_ranges;
}

void *bus_ram(const Bus *bus, uint64_t addr, uint64_t *size)
{
    for (size_t i = 0; i < bus->n_ranges; i++) {
        const ViommuRam *range = &bus->ranges[i];
        uint64_t offset = addr - range->addr;

        if (addr >= range->addr && offset < range->size) {
            *size = range->size - offset;
            return (uint8_t *)range->host + offset;
        }
    }
    return NULL;
}

/*
 * The window that answers at @addr, which is not RAM, or NULL.  *@size gets
 * the bytes from @addr on that this holds for.
 */
static BusWindow *bus_window(const Bus *bus, uint64_t addr, uint64_t *size)
{
    uint64_t rest = UINT64_MAX - addr;

    for (size_t i = 0; i < bus->n_ranges; i++) {
        if (bus->ranges[i].addr > addr) {
            rest = MIN(rest, bus->ranges[i].addr - addr);
        }
    }
    for (guint i = 0; i < bus->windows->len; i++) {
        BusWindow *window = g_ptr_array_index(bus->windows, i);

        if (!window->enabled) {
            continue;
        }
        if (addr >= window->base && addr - window->base < window->size) {
            *size = MIN(rest, window->size - (addr - window->base));
            return window;
        }
        if (window->base > addr) {
            /* it may hide a part of what comes later in the list */
            rest = MIN(rest, window->base - addr);
        }
    }
    /* the last byte of the address space counts as part of the gap */
    *size = rest == UINT64_MAX - addr && rest < UINT64_MAX ? rest + 1 : rest;
    return NULL;
}

/*
 * The size of the next access to a window.  What an instruction could do
 * goes through in one piece, the rest in naturally aligned ones.
 */
static unsigned access_size(uint64_t addr, uint64_t size, uint64_t whole)
{
    unsigned n = 8;

    if (size == whole && (size == 1 || size == 2 || size == 4 || size == 8)) {
        return size;
    }
    while (n > size || (addr & (n - 1))) {
        n /= 2;
    }
    return n;
}

bool bus_read(Bus *bus, uint64_t addr, void *buf, uint64_t size)
{
    uint64_t whole = size;
    uint8_t *out = buf;
    bool answered = true;

    while (size) {
        uint64_t n, at = addr;
        const void *ram = bus_ram(bus, addr, &n);
        BusWindow *window = ram ? NULL : bus_window(bus, addr, &n);

        n = MIN(n, size);
        if (ram) {
            memcpy(out, ram, n);
        } else if (window) {
            unsigned part = access_size(at - window->base, n, whole);
            uint64_t value = window->read(window->opaque, at - window->base,
                                          part);

            value = GUINT64_TO_LE(value);
            memcpy(out, &value, part);
            n = part;
        } else {
            memset(out, 0, n);
            answered = false;
        }
        out += n;
        addr += n;
        size -= n;
    }
    return answered;
}

bool bus_write(Bus *bus, uint64_t addr, const void *buf, uint64_t size)
{
    uint64_t whole = size;
    const uint8_t *in = buf;
    bool answered = true;

    while (size) {
        uint64_t n, at = addr;
        void *ram = bus_ram(bus, addr, &n);
        BusWindow *window = ram ? NULL : bus_window(bus, addr, &n);

        n = MIN(n, size);
        if (ram) {
            memcpy(ram, in, n);
        } else if (window) {
            unsigned part = access_size(at - window->base, n, whole);
            uint64_t value = 0;

            memcpy(&value, in, part);
            window->write(window->opaque, at - window->base,
                          GUINT64_FROM_LE(value), part);
            n = part;
        } else {
            answered = false;
        }
        in += n;
        addr += n;
        size -= n;
    }
    return answered;
}
