/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory that devices may reach, and what they have written to.
 *
 * A device's IOMMU notes what is written, in the parent's tables or in those of
 * a shadow, whose addresses are not guest-physical.  All of it is gathered in a
 * bitmap of each range of memory, where it stays until the VMM asks for it:
 * tables that go away take nothing with them.
 */
#include "hw/iommu/common/sorted.h"
#include "hw/iommu/host/unit/memory.h"

#define PAGE        (UINT64_C(1) << VIOMMU_DIRTY_SHIFT)

static bool ends_before(const void *host, size_t i, uint64_t addr)
{
    return viommu_memory_last(viommu_memory_nth(host, i)) < addr;
}

guint viommu_memory_position(const ViommuHost *host, uint64_t addr)
{
    return viommu_sorted_position(host, host->memory->len, addr, ends_before);
}

const ViommuHostMemory *viommu_host_find_memory(const ViommuHost *host,
                                                uint64_t *addr,
                                                uint64_t *size)
{
    uint64_t last = *addr + (*size - 1);

    for (guint i = viommu_memory_position(host, *addr); i < host->memory->len;
         i++) {
        const ViommuHostMemory *m = viommu_memory_nth(host, i);
        uint64_t first = MAX(*addr, m->addr);

        if (m->addr > last) {
            return NULL;
        }
        if (!m->readonly) {
            *size = MIN(last, viommu_memory_last(m)) - first + 1;
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

/* --- What has been written to -------------------------------------------- */

uint64_t viommu_dirty_words(uint64_t size)
{
    return (size / PAGE + 63) / 64;
}

uint64_t *viommu_dirty_of(ViommuHostMemory *m)
{
    if (!m->dirty) {
        m->dirty = g_new0(uint64_t, viommu_dirty_words(m->size));
    }
    return m->dirty;
}

void viommu_dirty_set(uint64_t *bits, uint64_t first, uint64_t last)
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

    for (guint i = viommu_memory_position(host, addr); i < host->memory->len;
         i++) {
        ViommuHostMemory *m = viommu_memory_nth(host, i);

        if (m->addr > last) {
            break;
        }
        if (!m->readonly) {
            viommu_dirty_set(viommu_dirty_of(m),
                             (MAX(addr, m->addr) - m->addr) / PAGE,
                             (MIN(last, viommu_memory_last(m)) - m->addr) /
                             PAGE);
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
    guint at = viommu_memory_position(host, addr);
    uint64_t page, end = first + size / PAGE;
    ViommuHostMemory *m;

    if (at == host->memory->len || viommu_memory_nth(host, at)->addr > addr) {
        return;
    }
    m = viommu_memory_nth(host, at);
    page = (addr - m->addr) / PAGE;
    for (uint64_t bit = first; bit < end; bit++, page++) {
        if (!bits[bit / 64]) {
            /* none of this word */
            page += 63 - bit % 64;
            bit |= 63;
        } else if (viommu_dirty_is_set(bits, bit)) {
            viommu_dirty_set(viommu_dirty_of(m), page, page);
        }
    }
}
