/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory: what devices may reach, in the parent address space and
 * through shadows, and what they have written to.
 *
 * A device's IOMMU notes what is written, in the parent's tables or in those of
 * a shadow, whose addresses are others.  All of it is gathered in a bitmap of
 * each range of memory, where it stays until somebody asks for it: tables that
 * go away take nothing with them.
 */
#include <errno.h>

#include "hw/iommu/host/unit/forward.h"

#define PAGE        (UINT64_C(1) << VIOMMU_DIRTY_SHIFT)

/* What a bitmap of one call may have. */
#define DIRTY_PAGES_MAX (UINT64_C(1) << 27)

static void lock(ViommuHost *host)
{
    pthread_mutex_lock(&host->lock);
}

static void unlock(ViommuHost *host)
{
    pthread_mutex_unlock(&host->lock);
}

static ViommuHostMemory *nth(const ViommuHost *host, guint i)
{
    return &g_array_index(host->memory, ViommuHostMemory, i);
}

static uint64_t last_of(const ViommuHostMemory *m)
{
    return m->addr + (m->size - 1);
}

static void memory_clear(gpointer memory)
{
    g_free(((ViommuHostMemory *)memory)->dirty);
}

void viommu_host_memory_init(ViommuHost *host)
{
    host->memory = g_array_new(FALSE, FALSE, sizeof(ViommuHostMemory));
    g_array_set_clear_func(host->memory, memory_clear);
    host->shadows = g_ptr_array_new();
}

void viommu_host_memory_destroy(ViommuHost *host)
{
    g_array_free(host->memory, TRUE);
    g_ptr_array_free(host->shadows, TRUE);
}

/* The first one that ends at or behind @addr. */
static guint memory_position(const ViommuHost *host, uint64_t addr)
{
    guint low = 0, high = host->memory->len;

    while (low < high) {
        guint middle = (low + high) / 2;

        if (last_of(nth(host, middle)) < addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const ViommuHostMemory *viommu_host_find_memory(const ViommuHost *host,
                                                uint64_t *addr,
                                                uint64_t *size)
{
    uint64_t last = *addr + (*size - 1);

    for (guint i = memory_position(host, *addr); i < host->memory->len; i++) {
        const ViommuHostMemory *m = nth(host, i);
        uint64_t first = MAX(*addr, m->addr);

        if (m->addr > last) {
            return NULL;
        }
        if (!m->readonly) {
            *size = MIN(last, last_of(m)) - first + 1;
            *addr = first;
            return m;
        }
    }
    return NULL;
}

bool viommu_host_has_memory(const ViommuHost *host, uint64_t addr,
                            uint64_t size)
{
    uint64_t at = addr, found = size;

    return viommu_host_find_memory(host, &at, &found) && at == addr &&
           found == size;
}

/* --- It comes and goes --------------------------------------------------- */

/* Shadows have something to do, of which their units do not know yet. */
static void wake_units(ViommuHost *host)
{
    g_autoptr(GPtrArray) units = g_ptr_array_new();

    pthread_mutex_lock(&host->run_lock);    /* who detaches one, takes it */
    lock(host);
    for (guint i = 0; i < host->devices->len; i++) {
        const ViommuHostDevice *device = g_ptr_array_index(host->devices, i);

        if (device->unit && viommu_shadows_wait(host, device->unit) &&
            !g_ptr_array_find(units, device->unit, NULL)) {
            g_ptr_array_add(units, device->unit);
        }
    }
    unlock(host);
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
    lock(host);
    at = memory_position(host, addr);
    if (at < host->memory->len && nth(host, at)->addr <= addr + (size - 1)) {
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
    unlock(host);
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
    lock(host);
    at = memory_position(host, addr);
    for (end = at; end < host->memory->len; end++) {
        const ViommuHostMemory *m = nth(host, end);

        if (m->addr > last) {
            break;
        }
        ret = m->addr < addr || last_of(m) > last ? -ENOENT : unmap(host, m);
        if (ret) {
            break;
        }
    }
    if (end > at) {
        g_array_remove_range(host->memory, at, end - at);
    }
    wake = viommu_shadows_wait(host, NULL);
    unlock(host);
    if (wake) {
        wake_units(host);
    }
    return ret;
}

/* --- What has been written to -------------------------------------------- */

uint64_t viommu_dirty_words(uint64_t size)
{
    return (size / PAGE + 63) / 64;
}

static uint64_t *dirty_of(ViommuHostMemory *m)
{
    if (!m->dirty) {
        m->dirty = g_new0(uint64_t, viommu_dirty_words(m->size));
    }
    return m->dirty;
}

static bool is_set(const uint64_t *bits, uint64_t bit)
{
    return bits[bit / 64] >> bit % 64 & 1;
}

static void set_bits(uint64_t *bits, uint64_t first, uint64_t last)
{
    for (uint64_t i = first / 64; i <= last / 64; i++) {
        uint64_t from = i == first / 64 ? first % 64 : 0;
        uint64_t to = i == last / 64 ? last % 64 : 63;

        bits[i] |= UINT64_MAX >> (63 - to) & UINT64_MAX << from;
    }
}

void viommu_dirty_mark(ViommuHost *host, uint64_t addr, uint64_t size)
{
    uint64_t last = addr + (size - 1);

    for (guint i = memory_position(host, addr); i < host->memory->len; i++) {
        ViommuHostMemory *m = nth(host, i);

        if (m->addr > last) {
            break;
        }
        if (!m->readonly) {
            set_bits(dirty_of(m), (MAX(addr, m->addr) - m->addr) / PAGE,
                     (MIN(last, last_of(m)) - m->addr) / PAGE);
        }
    }
}

void viommu_dirty_mark_all(ViommuHost *host)
{
    if (host->dirty) {
        viommu_dirty_mark(host, 0, 0);      /* 2^64 bytes */
    }
}

void viommu_dirty_mark_bits(ViommuHost *host, uint64_t addr, uint64_t size,
                            const uint64_t *bits, uint64_t first)
{
    guint at = memory_position(host, addr);
    uint64_t page, end = first + size / PAGE;
    ViommuHostMemory *m;

    if (at == host->memory->len || nth(host, at)->addr > addr) {
        return;
    }
    m = nth(host, at);
    page = (addr - m->addr) / PAGE;
    for (uint64_t bit = first; bit < end; bit++, page++) {
        if (!bits[bit / 64]) {
            /* none of this word */
            page += 63 - bit % 64;
            bit |= 63;
        } else if (is_set(bits, bit)) {
            set_bits(dirty_of(m), page, page);
        }
    }
}

int viommu_host_set_dirty_tracking(ViommuHost *host, bool on)
{
    int ret;

    viommu_outside_sections(__func__);
    lock(host);
    ret = host->backend->set_dirty(host, on);
    if (!ret) {
        host->dirty = on;
        for (guint i = 0; i < host->memory->len; i++) {
            g_clear_pointer(&nth(host, i)->dirty, g_free);
        }
    }
    unlock(host);
    return ret;
}

/* All that the host knows of [@addr, @last], into the bitmaps. */
static int read_dirty(ViommuHost *host, uint64_t addr, uint64_t last)
{
    for (guint i = memory_position(host, addr); i < host->memory->len; i++) {
        ViommuHostMemory *m = nth(host, i);
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
        end = (MIN(last, last_of(m)) - m->addr) / PAGE + 1;
        ret = host->backend->get_dirty(host, m->addr + first * PAGE,
                                       (end - first) * PAGE, m,
                                       dirty_of(m) + first / 64);
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
    uint64_t end = (MIN(last, last_of(m)) - m->addr) / PAGE;

    for (; m->dirty && page <= end; page++) {
        uint64_t bit;

        if (!m->dirty[page / 64]) {
            page |= 63;
            continue;
        }
        if (is_set(m->dirty, page)) {
            bit = (m->addr + page * PAGE - addr) / page_size;
            set_bits(bitmap, bit, bit);
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
    lock(host);
    ret = host->dirty ? read_dirty(host, addr, last) : -EINVAL;
    for (guint i = memory_position(host, addr);
         !ret && i < host->memory->len && nth(host, i)->addr <= last; i++) {
        take(nth(host, i), addr, last, page_size, bitmap);
    }
    unlock(host);
    return ret;
}
