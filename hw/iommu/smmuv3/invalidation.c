/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each invalidation removes from the caches.
 *
 * A broad one advances a generation number, so that each older stamp is void.
 * One by address removes the keys that can hold the addresses; where these are
 * many, or the ASID is not known, all of an ASID or VMID goes, as the
 * architecture allows.
 */
#include "hw/iommu/common/embedder.h"
#include "hw/iommu/common/work.h"
#include "hw/iommu/smmuv3/lookup.h"

/* Bytes above which a generation is the cheaper way. */
#define RANGE_MAX (UINT64_C(512) << 12)

void smmu_forget_all(SmmuUnit *u)
{
    viommu_tlb_advance(&u->tlb);
    viommu_advance(&u->context_gen);
    viommu_advance(&u->iotlb_gen);
}

void smmu_invalidate_all(SmmuUnit *u)
{
    ViommuInvalidation inv = viommu_everything(VIOMMU_INV_ALL);

    smmu_forget_all(u);
    viommu_unit_invalidate(&u->common, &inv);
}

/* [SMMU 4.3] [SMMU 3.21.3] */
void smmu_invalidate_config(SmmuUnit *u, uint32_t source, uint32_t mask)
{
    ViommuInvalidation inv = viommu_everything(VIOMMU_INV_CONTEXT);

    /* A walk that began with an old entry must not fill the cache any more. */
    viommu_tlb_advance(&u->tlb);
    viommu_advance(&u->context_gen);
    inv.source = source;
    inv.source_mask = mask;
    viommu_unit_invalidate(&u->common, &inv);
}

/* Pieces of one page above which all of a VMID's nested entries go. */
#define PIECES_MAX (UINT64_C(64) << 12)

/*
 * One address stands for the page of stage 1 that it is in [SMMU 4.4.1], and
 * stage 2 may have cut that page in pieces, each in an entry of its own.
 * False: the pieces are too many.
 */
static bool widen_to_pieces(SmmuUnit *u, uint64_t *addr, uint64_t *size)
{
    uint64_t cut = __atomic_load_n(&u->cut_sizes, __ATOMIC_SEQ_CST);
    uint64_t last = *addr + *size - 1, page;

    if (!cut) {
        return true;
    }
    page = viommu_highest_bit(cut);
    if (page + *size > PIECES_MAX) {
        return false;
    }
    *addr &= ~(page - 1);
    *size = (last | (page - 1)) - *addr + 1;
    return true;
}

/* A context with the tags that a TLBI names. */
static SmmuContext context_of(const SmmuTlbi *t)
{
    return (SmmuContext) {
        .flags = (t->stage2 ? SMMU_CTX_S2 : SMMU_CTX_S1) |
                 (t->el2 ? SMMU_CTX_EL2 : 0),
        .vmid = t->vmid, .asid = t->asid,
    };
}

/* [SMMU 4.4.1] [SMMU 3.17] */
static void remove_addresses(SmmuUnit *u, const SmmuTlbi *t)
{
    const SmmuContext c = context_of(t);
    uint64_t addr = t->addr, size = t->size;

    if (!t->stage2 && !t->by_asid) {
        /* Any ASID: its entries cannot be found by address alone. */
        viommu_advance(&u->vmid_gens[smmu_world(&c)]);
        return;
    }
    if (t->size > RANGE_MAX) {
        /* Global entries have no generation smaller than their VMID's. */
        viommu_advance(&u->vmid_gens[smmu_world(&c)]);
        return;
    }
    if (!t->leaf) {
        smmu_tables_remove(u, &c, addr, size);
    }
    if (!t->stage2 && !t->el2 && !widen_to_pieces(u, &addr, &size)) {
        viommu_advance(&u->nested_gens[t->vmid]);
    }
    smmu_iotlb_remove(u, &c, addr, size);
}

/* The smallest range around the addresses that a ViommuInvalidation can have:
 * a power of two, aligned. */
static void set_range(ViommuInvalidation *inv, uint64_t addr, uint64_t size)
{
    uint64_t differ = addr ^ (addr + (size - 1));

    inv->size = differ ? viommu_highest_bit(differ) << 1 : 1;
    inv->addr = inv->size ? addr & -inv->size : 0;
}

/* [SMMU 4.4] [SMMU 3.17] */
void smmu_invalidate_tlb(SmmuUnit *u, const SmmuTlbi *t)
{
    ViommuInvalidation inv = viommu_everything(VIOMMU_INV_IOTLB);
    const SmmuContext c = context_of(t);
    const uint32_t world = smmu_world(&c);

    viommu_tlb_advance(&u->tlb);
    if (t->by_addr) {
        remove_addresses(u, t);
        set_range(&inv, t->addr, t->size);
        inv.leaf_only = t->leaf;
        inv.stage = t->stage2 ? VIOMMU_STAGE_2 : VIOMMU_STAGE_1;
    } else if (t->by_asid) {
        viommu_advance(&u->asid_gens[smmu_asid_hash(world, t->asid)]);
    } else if (t->by_vmid) {
        viommu_advance(&u->vmid_gens[world]);
    } else {
        viommu_advance(&u->iotlb_gen);
    }
    if (t->stage2) {
        /* Nested translations are not found by stage 2's addresses. */
        viommu_advance(&u->nested_gens[t->vmid]);
    }
    viommu_unit_invalidate(&u->common, &inv);
}

/* [SMMU 4.7.3], CERROR_ATC_INV_SYNC */
void smmu_endpoint_silent(SmmuUnit *u)
{
    viommu_unit_lock(&u->common);
    if (viommu_work_wanted(&u->common)) {
        u->atc_timeout = true;
    }
    viommu_unit_unlock(&u->common);
}
