/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: guest RAM as units see it, and what they write there.
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/common.h"
#include "hw/viommu/core/ram.h"
#include "exec/memory.h"
#include "exec/address-spaces.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"

typedef struct ViommuRamListener {
    MemoryListener listener;
    Viommu *unit;
    GArray *ranges;             /* ViommuRam */
    GPtrArray *regions;         /* the MemoryRegion of each of them */
    GPtrArray *gone;            /* references to drop after the update */
    bool changed;
} ViommuRamListener;

static ViommuRam range_of(const MemoryRegionSection *section);

/*
 * RAM for the unit is what QEMU's own DMA reads and writes in place, however
 * it came there: of the machine, plugged, persistent, shared with another
 * machine, or read-only.  What is a device's (the BAR of one that is passed
 * through; flash, which changes what it is) answers each access itself, see
 * viommu_memory_read().  So does what atomic accesses cannot be made to.
 */
static bool is_ram(const MemoryRegionSection *section)
{
    MemoryRegion *mr = section->mr;
    ViommuRam range;

    if (!memory_region_is_ram(mr) || memory_region_is_ram_device(mr) ||
        memory_region_is_protected(mr)) {
        return false;
    }
    range = range_of(section);
    return (((uintptr_t)range.host ^ range.addr) & 7) == 0;
}

static ViommuRam range_of(const MemoryRegionSection *section)
{
    return (ViommuRam) {
        .addr = section->offset_within_address_space,
        .size = int128_get64(section->size),
        .host = (uint8_t *)memory_region_get_ram_ptr(section->mr) +
                section->offset_within_region,
        .readonly = section->readonly || section->mr->readonly,
    };
}

static void ram_add(MemoryListener *listener, MemoryRegionSection *section)
{
    ViommuRamListener *ram = container_of(listener, ViommuRamListener,
                                          listener);
    ViommuRam range;

    if (!is_ram(section)) {
        return;
    }
    range = range_of(section);
    memory_region_ref(section->mr);
    g_array_append_val(ram->ranges, range);
    g_ptr_array_add(ram->regions, section->mr);
    ram->changed = true;
}

static void ram_del(MemoryListener *listener, MemoryRegionSection *section)
{
    ViommuRamListener *ram = container_of(listener, ViommuRamListener,
                                          listener);

    for (unsigned i = 0; i < ram->ranges->len; i++) {
        ViommuRam *range = &g_array_index(ram->ranges, ViommuRam, i);

        if (range->addr == section->offset_within_address_space &&
            g_ptr_array_index(ram->regions, i) == section->mr) {
            g_ptr_array_add(ram->gone, section->mr);
            g_array_remove_index_fast(ram->ranges, i);
            g_ptr_array_remove_index_fast(ram->regions, i);
            ram->changed = true;
            return;
        }
    }
}

static void ram_commit(MemoryListener *listener)
{
    ViommuRamListener *ram = container_of(listener, ViommuRamListener,
                                          listener);

    if (!ram->changed) {
        return;
    }
    ram->changed = false;
    if (viommu_set_ram(ram->unit, (ViommuRam *)ram->ranges->data,
                       ram->ranges->len) < 0) {
        /* no machine has such a layout; the unit must not see old memory */
        error_report("viommu: guest RAM is laid out in a way that the "
                     "unit cannot use");
        viommu_set_ram(ram->unit, NULL, 0);
    }
    for (unsigned i = 0; i < ram->gone->len; i++) {
        memory_region_unref(g_ptr_array_index(ram->gone, i));
    }
    g_ptr_array_set_size(ram->gone, 0);
}

void viommu_ram_follow(Viommu *unit)
{
    ViommuRamListener *ram = g_new0(ViommuRamListener, 1);

    ram->unit = unit;
    ram->ranges = g_array_new(false, false, sizeof(ViommuRam));
    ram->regions = g_ptr_array_new();
    ram->gone = g_ptr_array_new();
    ram->listener = (MemoryListener) {
        .name = "viommu",
        .region_add = ram_add,
        .region_del = ram_del,
        .commit = ram_commit,
    };
    memory_listener_register(&ram->listener, &address_space_memory);
}

/*
 * Memory that is not in the list.  The unit's own registers, and another
 * unit's, are no place for tables: one would wait for the other.  Nor may a
 * thread without the BQL wait for it here, since whoever holds it may be
 * waiting for this thread's translation to end.
 */
static bool may_reach(const MemoryRegion *mr)
{
    return bql_locked() && !viommu_is_unit(memory_region_owner((void *)mr));
}

static int memory_access(uint64_t addr, void *buf, size_t size, bool write)
{
    const MemTxAttrs attrs = MEMTXATTRS_UNSPECIFIED;
    hwaddr at, length = size;
    MemoryRegion *mr;

    RCU_READ_LOCK_GUARD();
    mr = address_space_translate(&address_space_memory, addr, &at, &length,
                                 write, attrs);
    if (!write && length == size &&
        memory_access_is_direct(mr, false, attrs)) {
        memcpy(buf, (uint8_t *)memory_region_get_ram_ptr(mr) + at, size);
        return 0;
    }
    if (!may_reach(mr) ||
        address_space_rw(&address_space_memory, addr, attrs, buf, size,
                         write) != MEMTX_OK) {
        return -EFAULT;
    }
    return 0;
}

int viommu_memory_read(void *opaque, uint64_t addr, void *buf, size_t size)
{
    return memory_access(addr, buf, size, false);
}

int viommu_memory_write(void *opaque, uint64_t addr, const void *buf,
                        size_t size)
{
    return memory_access(addr, (void *)buf, size, true);
}

/*
 * Dirty logging, and dropping translated code that stood there.  QEMU does
 * both at the end of a mapping for DMA, so let it see the end of one.
 */
void viommu_ram_written_to(void *opaque, uint64_t addr, uint64_t size)
{
    RCU_READ_LOCK_GUARD();

    while (size > 0) {
        hwaddr at, length = size;
        MemoryRegion *mr = address_space_translate(&address_space_memory,
                                                   addr, &at, &length, true,
                                                   MEMTXATTRS_UNSPECIFIED);

        if (memory_region_is_ram(mr)) {
            uint8_t *host = memory_region_get_ram_ptr(mr);

            memory_region_ref(mr);
            address_space_unmap(&address_space_memory, host + at, length,
                                true, length);
        }
        addr += length;
        size -= length;
    }
}
