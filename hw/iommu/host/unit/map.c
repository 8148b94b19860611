/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory comes and goes, and the VMM asks what of it was written to: in
 * the parent address space, and in the shadows.
 */
#include <errno.h>

#include "hw/iommu/host/unit/forward.h"
#include "hw/iommu/host/unit/memory.h"
#include "hw/iommu/host/unit/shadow.h"

#define PAGE        (UINT64_C(1) << VIOMMU_DIRTY_SHIFT)

/* What a bitmap of one call may have. */
#define DIRTY_PAGES_MAX (UINT64_C(1) << 27)

/* Run the units whose shadows have something to do. */
static void wake_units(ViommuHost *host)
{
    g_autoptr(GPtrArray) units = g_ptr_array_new();

    /* A thread that detaches a device takes it: units stay. */
    pthread_mutex_lock(&host->run_lock);
    viommu_host_lock(host);
    for (guint i = 0; i < host->devices->len; i++) {
        const ViommuHostDevice *device = g_ptr_array_index(host->devices, i);

        if (device->unit && viommu_shadows_wait(host, device->unit) &&
            !g_ptr_array_find(units, device->unit, NULL)) {
            g_ptr_array_add(units, device->unit);
        }
    }
    viommu_host_unlock(host);
    for (guint i = 0; i < units->len; i++) {
        viommu_forward_wake(g_ptr_array_index(units, i));
    }
    pthread_mutex_unlock(&host->run_lock);
}

int viommu_host_map_file(ViommuHost *host, uint64_t addr, uint64_t size,
                         int fd, uint64_t offset, void *memory,
                         bool readonly)
{
    const ViommuHostMemory new = {
        .addr = addr, .size = size, .readonly = readonly,
    };
    bool wake;
    int ret = 0;
    guint at;

    viommu_outside_sections(__func__);
    if (!size || addr + (size - 1) < addr || (addr | size) % PAGE) {
        return -EINVAL;
    }
    viommu_host_lock(host);
    at = viommu_memory_position(host, addr);
    if (at < host->memory->len &&
        viommu_memory_nth(host, at)->addr <= addr + (size - 1)) {
        ret = -EEXIST;
    } else {
        ret = host->backend->map(host, addr, size, memory, fd, offset,
                                 readonly);
    }
    if (!ret) {
        g_array_insert_val(host->memory, at, new);
        host->memory_pages += readonly ? 0 : size / PAGE;
        viommu_shadows_note_memory(host, addr, size);
    }
    wake = viommu_shadows_wait(host, NULL);
    viommu_host_unlock(host);
    if (wake) {
        wake_units(host);
    }
    return ret;
}

int viommu_host_map(ViommuHost *host, uint64_t addr, uint64_t size,
                    void *memory, bool readonly)
{
    viommu_outside_sections(__func__);
    return viommu_host_map_file(host, addr, size, -1, 0, memory, readonly);
}

/* Shadows first: what they have of it keeps the pages alive in the host. */
static int unmap(ViommuHost *host, const ViommuHostMemory *m)
{
    int ret;

    if (m->readonly) {
        return 0;
    }
    viommu_shadows_drop_memory(host, m->addr, m->size);
    ret = host->backend->unmap(host, m->addr, m->size);
    if (ret) {
        viommu_shadows_note_memory(host, m->addr, m->size);
    } else {
        host->memory_pages -= m->size / PAGE;
    }
    return ret;
}

int viommu_host_unmap(ViommuHost *host, uint64_t addr, uint64_t size)
{
    uint64_t last = addr + (size - 1);
    int ret = -ENOENT;
    guint at, end;
    bool wake;

    viommu_outside_sections(__func__);
    if (!size || last < addr) {
        return -EINVAL;
    }
    viommu_host_lock(host);
    at = viommu_memory_position(host, addr);
    for (end = at; end < host->memory->len; end++) {
        const ViommuHostMemory *m = viommu_memory_nth(host, end);

        if (m->addr > last) {
            break;
        }
        ret = m->addr < addr || viommu_memory_last(m) > last
              ? -ENOENT : unmap(host, m);
        if (ret) {
            break;
        }
    }
    if (end > at) {
        g_array_remove_range(host->memory, at, end - at);
    }
    wake = viommu_shadows_wait(host, NULL);
    viommu_host_unlock(host);
    if (wake) {
        wake_units(host);
    }
    return ret;
}

/* --- What has been written to -------------------------------------------- */

int viommu_host_set_dirty_tracking(ViommuHost *host, bool on)
{
    int ret;

    viommu_outside_sections(__func__);
    viommu_host_lock(host);
    ret = host->backend->set_dirty(host, on);
    if (!ret) {
        host->dirty = on;
        for (guint i = 0; i < host->memory->len; i++) {
            g_clear_pointer(&viommu_memory_nth(host, i)->dirty, g_free);
        }
    }
    viommu_host_unlock(host);
    return ret;
}

/* All that the host knows of [@addr, @last], into the bitmaps. */
static int read_dirty(ViommuHost *host, uint64_t addr, uint64_t last)
{
    for (guint i = viommu_memory_position(host, addr); i < host->memory->len;
         i++) {
        ViommuHostMemory *m = viommu_memory_nth(host, i);
        uint64_t first, end;
        int ret;

        if (m->addr > last) {
            break;
        }
        if (m->readonly) {
            continue;
        }
        /* whole words of the bitmap */
        first = (MAX(addr, m->addr) - m->addr) / PAGE & ~UINT64_C(63);
        end = (MIN(last, viommu_memory_last(m)) - m->addr) / PAGE + 1;
        ret = host->backend->get_dirty(host, m->addr + first * PAGE,
                                       (end - first) * PAGE, m,
                                       viommu_dirty_of(m) + first / 64);
        if (ret) {
            return ret;
        }
    }
    return viommu_shadows_read_dirty(host, addr, last);
}

void viommu_dirty_keep(ViommuHost *host)
{
    if (host->dirty && read_dirty(host, 0, UINT64_MAX)) {
        viommu_dirty_mark_all(host);
    }
}

/* Hand out what there is of @m, and forget it. */
static void take(ViommuHostMemory *m, uint64_t addr, uint64_t last,
                 uint64_t page_size, uint64_t *bitmap)
{
    uint64_t page = (MAX(addr, m->addr) - m->addr) / PAGE;
    uint64_t end = (MIN(last, viommu_memory_last(m)) - m->addr) / PAGE;

    for (; m->dirty && page <= end; page++) {
        uint64_t bit;

        if (!m->dirty[page / 64]) {
            page |= 63;
            continue;
        }
        if (viommu_dirty_is_set(m->dirty, page)) {
            bit = (m->addr + page * PAGE - addr) / page_size;
            viommu_dirty_set(bitmap, bit, bit);
            m->dirty[page / 64] &= ~(UINT64_C(1) << page % 64);
        }
    }
}

int viommu_host_get_dirty(ViommuHost *host, uint64_t addr, uint64_t size,
                          uint64_t page_size, uint64_t *bitmap)
{
    uint64_t last = addr + (size - 1);
    int ret;

    viommu_outside_sections(__func__);
    if (!size || last < addr || page_size < PAGE || (addr | size) % PAGE ||
        (page_size & (page_size - 1))) {
        return -EINVAL;
    }
    if (size / page_size > DIRTY_PAGES_MAX) {
        return -EOVERFLOW;
    }
    viommu_host_lock(host);
    ret = host->dirty ? read_dirty(host, addr, last) : -EINVAL;
    for (guint i = viommu_memory_position(host, addr);
         !ret && i < host->memory->len &&
         viommu_memory_nth(host, i)->addr <= last; i++) {
        take(viommu_memory_nth(host, i), addr, last, page_size, bitmap);
    }
    viommu_host_unlock(host);
    return ret;
}
