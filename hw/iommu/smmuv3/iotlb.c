/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cached translations (3.17): tagged by VMID, those of stage 1 by ASID too.  A
 * nested translation is one entry from stage 1's input to stage 2's output.
 * Only what grants something is cached, so that a lacking permission is
 * always looked up again.
 */
#include "hw/iommu/smmuv3/unit.h"

/* Second part of a key. */
static uint64_t key_of(const SmmuContext *c, bool global, unsigned shift)
{
    uint64_t key = c->vmid | (uint64_t)shift << 48;

    if (!(c->flags & SMMU_CTX_S1)) {
        return key | UINT64_C(1) << 54;
    }
    if (c->flags & SMMU_CTX_EL2) {
        key |= UINT64_C(1) << 55;
    }
    if (global) {
        return key | UINT64_C(1) << 56;
    }
    return key | (uint64_t)c->asid << 16;
}

static uint64_t asid_gen(const SmmuUnit *u, const SmmuContext *c)
{
    return viommu_acquire(&u->asid_gens[smmu_asid_hash(c->vmid, c->asid)]);
}

/*
 * The counters only grow, so a sum stays the same only while none changes.
 * Global entries outlive their ASID (4.4.2).
 */
SmmuStamps smmu_iotlb_stamps(const SmmuUnit *u, const SmmuContext *c)
{
    SmmuStamps stamps;

    stamps.global = viommu_acquire(&u->iotlb_gen) +
                    viommu_acquire(&u->vmid_gens[c->vmid]) + 1;
    if ((c->flags & SMMU_CTX_S1) && (c->flags & SMMU_CTX_S2)) {
        stamps.global += viommu_acquire(&u->nested_gens[c->vmid]);
    }
    stamps.asid = stamps.global;
    if (c->flags & SMMU_CTX_S1) {
        stamps.asid += asid_gen(u, c);
    }
    return stamps;
}

static bool find(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                 bool global, uint64_t sizes, uint64_t stamp,
                 SmmuMapping *m)
{
    for (; sizes; sizes &= sizes - 1) {
        unsigned shift = __builtin_ctzll(sizes);
        ViommuCacheEntry e;

        if (viommu_cache_find(&u->iotlb, addr >> shift,
                              key_of(c, global, shift), &e) &&
            e.stamp == stamp) {
            m->flags = e.value[0] & 0xff;
            m->page = e.value[0] & ~UINT64_C(0xfff);
            m->shift = shift;
            return true;
        }
    }
    return false;
}

bool smmu_iotlb_find(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                     uint8_t needs, const SmmuStamps *stamps, SmmuMapping *m)
{
    return (find(u, c, addr, false, viommu_acquire(&u->sizes),
                 stamps->asid, m) ||
            find(u, c, addr, true, viommu_acquire(&u->global_sizes),
                 stamps->global, m)) && !(needs & ~m->flags);
}

void smmu_iotlb_fill(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                     const SmmuWanted *wanted, const SmmuStamps *stamps,
                     const SmmuMapping *m)
{
    bool global = m->flags & SMMU_MAP_GLOBAL;
    uint64_t *sizes = global ? &u->global_sizes : &u->sizes;
    ViommuCacheEntry e = {
        .key = { addr >> m->shift, key_of(c, global, m->shift) },
        .value = { m->page | m->flags, 0 },
        .stamp = global ? stamps->global : stamps->asid,
    };

    if (wanted->probe) {
        return;
    }
    if (!(viommu_acquire(sizes) >> m->shift & 1)) {
        /* Before the fill: a removal either looks for this size or has
         * advanced the epoch before the fill checks it. */
        __atomic_fetch_or(sizes, UINT64_C(1) << m->shift, __ATOMIC_SEQ_CST);
    }
    if (m->cut && !(viommu_acquire(&u->cut_sizes) >> m->cut & 1)) {
        __atomic_fetch_or(&u->cut_sizes, UINT64_C(1) << m->cut,
                          __ATOMIC_SEQ_CST);
    }
    viommu_cache_fill(&u->iotlb, &e, wanted->epoch);
}

static void remove_range(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                         uint64_t size, bool global, uint64_t sizes)
{
    for (; sizes; sizes &= sizes - 1) {
        unsigned shift = __builtin_ctzll(sizes);
        uint64_t first = addr >> shift;
        uint64_t last = (addr + size - 1) >> shift;

        for (uint64_t page = first; page <= last; page++) {
            viommu_cache_remove(&u->iotlb, page, key_of(c, global, shift));
        }
    }
}

void smmu_iotlb_remove(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                       uint64_t size)
{
    remove_range(u, c, addr, size, false,
                 __atomic_load_n(&u->sizes, __ATOMIC_SEQ_CST));
    remove_range(u, c, addr, size, true,
                 __atomic_load_n(&u->global_sizes, __ATOMIC_SEQ_CST));
}
