/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest-physical address space: RAM and register windows.
 */
#ifndef HW_IOMMU_MACHINE_BUS_H
#define HW_IOMMU_MACHINE_BUS_H

#include "hw/iommu/machine/options.h"

#define MACHINE_ERROR (machine_error_quark())

/* What the user asked for cannot be done; there is one code. */
enum { MACHINE_ERROR_OPTION };

GQuark machine_error_quark(void);

typedef struct Bus Bus;

/* A register window.  Whoever adds one keeps it; base and enabled may change
 * at any time. */
typedef struct BusWindow {
    uint64_t base;
    uint64_t size;
    bool enabled;
    /* offset + size (1 .. 8) stay inside the window */
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
    void (*write)(void *opaque, uint64_t offset, uint64_t value,
                  unsigned size);
    void *opaque;
} BusWindow;

/* An address space with @ram_size bytes of zeroed RAM, laid out as that
 * machine does. */
Bus *bus_new(MachineKind kind, uint64_t ram_size, GError **error);
void bus_free(Bus *bus);

/* Windows added earlier hide later ones; RAM hides all. */
void bus_add_window(Bus *bus, BusWindow *window);
void bus_remove_window(Bus *bus, BusWindow *window);

/* The RAM ranges, at most BUS_RAM_RANGES of them. */
#define BUS_RAM_RANGES 2
size_t bus_ram_ranges(const Bus *bus, ViommuRam ranges[BUS_RAM_RANGES]);

/* Where @addr is mapped when it is RAM, and how much follows; else NULL. */
void *bus_ram(const Bus *bus, uint64_t addr, uint64_t *size);

/*
 * Access @size bytes.  What nothing answers reads as zero.  Returns whether
 * everything was answered.
 */
bool bus_read(Bus *bus, uint64_t addr, void *buf, uint64_t size);
bool bus_write(Bus *bus, uint64_t addr, const void *buf, uint64_t size);

#endif
