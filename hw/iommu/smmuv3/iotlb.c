/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cached translations (3.17): tagged by VMID, those of stage 1 by ASID too.  A
 * nested translation is one entry from stage 1's input to stage 2's output.
 * Only what grants something is cached, so that a lacking permission is
 * always looked up again.
 */
#include "hw/iommu/smmuv3/unit.h"

#define KEY_EL2     (UINT64_C(1) << 23)
#define KEY_STAGE2  (UINT64_C(1) << 24)

static uint64_t key_of(const SmmuContext *c, bool global)
{
    uint64_t key = c->vmid;

    if (!(c->flags & SMMU_CTX_S1)) {
        return key | KEY_STAGE2;
    }
    if (c->flags & SMMU_CTX_EL2) {
        key |= KEY_EL2;
    }
    return global ? key | VIOMMU_TAG_GLOBAL : key | (uint64_t)c->asid << 32;
}

/*
 * The counters only grow, so a sum stays the same only while none changes.
 * Global entries outlive their ASID (4.4.2).
 */
SmmuTags smmu_tags(const SmmuUnit *u, const SmmuContext *c)
{
    uint64_t stamp = viommu_acquire(&u->iotlb_gen) +
                     viommu_acquire(&u->vmid_gens[smmu_world(c)]) + 1;
    SmmuTags tags;

    if ((c->flags & SMMU_CTX_S1) && (c->flags & SMMU_CTX_S2)) {
        stamp += viommu_acquire(&u->nested_gens[c->vmid]);
    }
    tags.global = (ViommuTag) { stamp, key_of(c, true) };
    if (c->flags & SMMU_CTX_S1) {
        stamp += viommu_acquire(&u->asid_gens[smmu_asid_hash(smmu_world(c),
                                                             c->asid)]);
    }
    tags.own = (ViommuTag) { stamp, key_of(c, false) };
    return tags;
}

bool smmu_iotlb_find(SmmuUnit *u, const SmmuTags *tags, uint64_t addr,
                     uint8_t needs, SmmuMapping *m)
{
    ViommuCacheEntry e;
    unsigned shift;

    if (!viommu_tlb_find(&u->tlb, &tags->own, addr, &e, &shift) &&
        ((tags->own.key & KEY_STAGE2) ||
         !viommu_tlb_find(&u->tlb, &tags->global, addr, &e, &shift))) {
        return false;
    }
    m->flags = e.value[0] & 0xff;
    m->page = e.value[0] & ~UINT64_C(0xfff);
    m->shift = shift;
    return !(needs & ~m->flags);
}

void smmu_iotlb_fill(SmmuUnit *u, const SmmuTags *tags, uint64_t addr,
                     const SmmuWanted *wanted, const SmmuMapping *m)
{
    if (wanted->probe) {
        return;
    }
    if (m->cut && !(viommu_acquire(&u->cut_sizes) >> m->cut & 1)) {
        /* Before the fill, as the TLB does it with sizes. */
        __atomic_fetch_or(&u->cut_sizes, UINT64_C(1) << m->cut,
                          __ATOMIC_SEQ_CST);
    }
    viommu_tlb_fill(&u->tlb, m->flags & SMMU_MAP_GLOBAL ? &tags->global
                                                        : &tags->own,
                    addr, m->shift, m->page | m->flags, 0, &wanted->seen);
}

void smmu_tables_remove(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                        uint64_t size)
{
    viommu_tlb_remove_tables(&u->tlb, key_of(c, false), addr, size);
}

void smmu_iotlb_remove(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                       uint64_t size)
{
    viommu_tlb_remove(&u->tlb, key_of(c, false), addr, size);
    if (c->flags & SMMU_CTX_S1) {
        viommu_tlb_remove(&u->tlb, key_of(c, true), addr, size);
    }
}
