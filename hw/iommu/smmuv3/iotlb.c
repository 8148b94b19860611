/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cached translations: tagged by VMID, those of stage 1 by ASID too.  A nested
 * translation is one entry, from stage 1's input to stage 2's output.  A
 * permission that an entry lacks is looked up in the tables again.
 */
#include "hw/iommu/smmuv3/lookup.h"

/* [SMMU 3.17] */
void smmu_iotlb_fill(SmmuUnit *u, const SmmuTags *tags, uint64_t addr,
                     const SmmuWanted *wanted, const SmmuMapping *m)
{
    if (m->cut && !(viommu_acquire(&u->cut_sizes) >> m->cut & 1)) {
        /* Before the fill: an invalidation that does not see the size yet has
         * advanced the epoch already, so that the fill loses. */
        __atomic_fetch_or(&u->cut_sizes, UINT64_C(1) << m->cut,
                          __ATOMIC_SEQ_CST);
    }
    if (wanted->probe) {
        return;     /* though the asker may keep the answer elsewhere, pieces
                     * of a page of stage 1 among it */
    }
    viommu_tlb_fill(&u->tlb, m->flags & SMMU_MAP_GLOBAL ? &tags->global
                                                        : &tags->own,
                    addr, m->shift, m->page | m->flags, 0, &wanted->seen);
}

static uint64_t own_key(const SmmuContext *c)
{
    return c->flags & SMMU_CTX_S1 ? smmu_stage1_key(c, false)
                                  : c->vmid | SMMU_KEY_STAGE2;
}

void smmu_tables_remove(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                        uint64_t size)
{
    viommu_tlb_remove_tables(&u->tlb, own_key(c), addr, size);
}

void smmu_iotlb_remove(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                       uint64_t size)
{
    viommu_tlb_remove(&u->tlb, own_key(c), addr, size);
    if (c->flags & SMMU_CTX_S1) {
        viommu_tlb_remove(&u->tlb, smmu_stage1_key(c, true), addr, size);
    }
}
