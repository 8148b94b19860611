/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The paging-structure cache of both stages (6.2.5).
 *
 * A cached upper level is the address of the table below, with the
 * permissions that have accumulated on the way there; a walk starts
 * from the lowest one that is cached.  The cache is tagged as the IOTLB is, and
 * keeps two levels: the tables whose entries map 4 KiB (level 1), found by
 * address bits 63:21, and those that map 2 MiB (level 2), by bits 63:30.  With
 * these two, a walk that is near an earlier one reads one entry.
 *
 * An entry also says which top table it was found from, because a domain or a
 * PASID may be given another one while its translations stay.
 */
#include "hw/iommu/vtd/unit.h"

#define CACHED_LEVELS 2
#define FLAGS_MASK    (VTD_PAGE_SIZE - 1)

bool vtd_table_find(const VtdUnit *u, const VtdTag *tag, uint64_t addr,
                    uint64_t top, VtdTable *t)
{
    ViommuCacheEntry e;

    for (unsigned level = 1; level <= CACHED_LEVELS; level++) {
        if (viommu_cache_find(&u->paging, addr >> vtd_size_shift(level),
                              vtd_tag_key(tag, level), &e) &&
            e.stamp == tag->stamp && e.value[1] == top) {
            *t = (VtdTable) {
                .level = level,
                .addr = e.value[0] & ~FLAGS_MASK,
                .flags = e.value[0] & FLAGS_MASK,
            };
            return true;
        }
    }
    return false;
}

void vtd_table_fill(VtdUnit *u, const VtdTag *tag, uint64_t addr,
                    uint64_t top, const VtdWanted *wanted, const VtdTable *t)
{
    ViommuCacheEntry e = {
        .key = { addr >> vtd_size_shift(t->level),
                 vtd_tag_key(tag, t->level) },
        .value = { t->addr | t->flags, top },
        .stamp = tag->stamp,
    };

    /* A probe has not set accessed bits; who starts below would not. */
    if (t->level <= CACHED_LEVELS && !wanted->probe) {
        viommu_cache_fill(&u->paging, &e, wanted->seen.paging);
    }
}
