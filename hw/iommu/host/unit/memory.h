/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory that devices may reach, and which of it has been written to.
 * With the host's lock.
 */
#ifndef HW_IOMMU_HOST_UNIT_MEMORY_H
#define HW_IOMMU_HOST_UNIT_MEMORY_H

#include "hw/iommu/host/backend.h"

static inline ViommuHostMemory *viommu_memory_nth(const ViommuHost *host,
                                                  guint i)
{
    return &g_array_index(host->memory, ViommuHostMemory, i);
}

static inline uint64_t viommu_memory_last(const ViommuHostMemory *m)
{
    return m->addr + (m->size - 1);
}

/** The first one that ends at or behind @addr. */
guint viommu_memory_position(const ViommuHost *host, uint64_t addr);
/** The part of guest memory that begins in [*@addr, *@addr + *@size) first,
 *  and what it is a part of: NULL when there is none. */
const ViommuHostMemory *viommu_host_find_memory(const ViommuHost *host,
                                                uint64_t *addr,
                                                uint64_t *size);
/** Is all of that in one range of it? */
bool viommu_host_has_memory(const ViommuHost *host, uint64_t addr,
                            uint64_t size);

/** A bit of a bitmap of dirty pages stands for 4 KiB. */
#define VIOMMU_DIRTY_SHIFT  12
/** Guest memory was written to. */
void viommu_dirty_mark(ViommuHost *host, uint64_t addr, uint64_t size);
/** That which has a bit in @bits, of which bit @first is that of @addr.  All
 *  of it is in one range of memory. */
void viommu_dirty_mark_bits(ViommuHost *host, uint64_t addr, uint64_t size,
                            const uint64_t *bits, uint64_t first);
/** The bitmap of @m, which is made if there is none. */
uint64_t *viommu_dirty_of(ViommuHostMemory *m);
static inline bool viommu_dirty_is_set(const uint64_t *bits, uint64_t bit)
{
    return bits[bit / 64] >> bit % 64 & 1;
}
/** Bits @first to @last. */
void viommu_dirty_set(uint64_t *bits, uint64_t first, uint64_t last);

#endif
