/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The paging-structure cache of both stages [VTD 6.2.5].
 *
 * An entry is the address of a table, with the permissions that all levels
 * above it grant.  A walk starts from the lowest table that is cached.  The
 * cache is tagged as the IOTLB is, and keeps two levels: the tables whose
 * entries map 4 KiB (level 1), found by address bits 63:21, and those whose
 * entries map 2 MiB (level 2), by bits 63:30.  With these two, a walk near an
 * earlier one reads one entry.
 *
 * An entry also says from which top table the walk came, because software may
 * give a domain or a PASID another top table while its translations stay.
 */
#include "hw/iommu/vtd/paging_cache.h"

#include "hw/iommu/vtd/address.h"

#define CACHED_LEVELS 2

bool vtd_table_find(const VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    uint64_t top, VtdTable *t)
{
    const uint64_t spans = UINT64_C(1) << vtd_level_shift(1) |
                           UINT64_C(1) << vtd_level_shift(CACHED_LEVELS);
    ViommuTable found;

    if (!viommu_tlb_find_table(&u->tlb, spans, tag, addr, top, &found)) {
        return false;
    }
    *t = (VtdTable) {
        .level = (found.span - VTD_PAGE_SHIFT) / VTD_LEVEL_BITS,
        .addr = found.addr, .flags = found.flags,
    };
    return true;
}

void vtd_table_fill(VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    uint64_t top, const VtdWanted *wanted, const VtdTable *t)
{
    const ViommuTable table = {
        .addr = t->addr, .flags = t->flags,
        .span = (uint8_t)vtd_level_shift(t->level),
    };

    /* A walk that sets no accessed bits keeps no table: a later walk that
     * starts there would not set them above [VTD 3.6.2] [VTD 3.7.2]. */
    if (t->level <= CACHED_LEVELS && !wanted->no_marks) {
        viommu_tlb_fill_table(&u->tlb, tag, addr, top, &table,
                              &wanted->seen);
    }
}
