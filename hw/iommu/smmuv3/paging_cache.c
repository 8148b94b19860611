/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cached tables of both stages: a walk starts from the lowest one that is
 * cached.  Two levels are kept, those next to the pages; with these, a walk
 * that is near an earlier one reads one descriptor.
 *
 * Tables of stage 1 are tagged by ASID even where their pages are global, as
 * TLBI by address and ASID removes them.  When nested, the cache has the
 * address where stage 2 has put the table, so an invalidation of stage 2 voids
 * it with all that is nested.  A table that stage 2 may have put in pieces is
 * kept by its own address.
 */
#include "hw/iommu/smmuv3/lookup.h"

#define KEPT_LEVELS 2

/* [SMMU 3.17] [SMMU 4.4.2] */
bool smmu_table_find(const SmmuUnit *u, const ViommuTag *tag,
                     const SmmuTable *stage, uint64_t top, uint64_t addr,
                     ViommuTable *t, unsigned *level)
{
    unsigned last = smmu_table_span(stage, SMMU_LAST_LEVEL);
    uint64_t spans = UINT64_C(1) << last |
                     UINT64_C(1) << smmu_table_span(stage, SMMU_LAST_LEVEL - 1);

    if (!viommu_tlb_find_table(&u->tlb, spans, tag, addr, top, t)) {
        return false;
    }
    *level = t->span == last ? SMMU_LAST_LEVEL : SMMU_LAST_LEVEL - 1;
    return true;
}

/* [SMMU 3.17] */
void smmu_table_fill(SmmuUnit *u, const ViommuTag *tag,
                     const SmmuTable *stage, uint64_t top, uint64_t addr,
                     unsigned level, uint64_t table, uint16_t flags,
                     const SmmuWanted *wanted)
{
    const ViommuTable t = {
        .addr = table, .flags = flags, .span = smmu_table_span(stage, level),
    };

    /* A probe has not set stage 2's access flag for the table. */
    if (level > SMMU_LAST_LEVEL - KEPT_LEVELS && !wanted->probe) {
        viommu_tlb_fill_table(&u->tlb, tag, addr, top, &t, &wanted->seen);
    }
}
