/* SPDX-License-Identifier: BSD-3-Clause */
/* From a source-id and a PASID to a context: the tables, and the cache. */
#include "hw/iommu/vtd/context_cache.h"

#include "hw/iommu/vtd/scalable.h"
#include "hw/iommu/vtd/tables.h"

static uint64_t table_of(uint64_t word)
{
    return viommu_get(word, VTD_CTX_TABLE) << VTD_PAGE_SHIFT;
}

VtdReason vtd_context_unpack(const ViommuCacheEntry *e, VtdContext *c)
{
    uint64_t w0 = e->value[0], w1 = e->value[1];
    unsigned flags = viommu_get(w1, VTD_CTX_FLAGS);

    /* One assignment for each member: clearing the whole structure first costs
     * time that a cached translation would feel. */
    c->scalable = viommu_get(w0, VTD_CTX_SCALABLE);
    c->entry_read = true;
    c->fpd = viommu_get(w0, VTD_CTX_FPD);
    c->ats = viommu_get(w0, VTD_CTX_ATS);
    c->pgtt = viommu_get(w0, VTD_CTX_PGTT);
    c->ss_levels = viommu_get(w0, VTD_CTX_SS_LEVELS);
    c->fs_levels = viommu_get(w0, VTD_CTX_FS_LEVELS);
    c->did = viommu_get(w1, VTD_CTX_DID);
    c->pasid = viommu_get(e->stamp, VTD_CTX_PASID);
    c->ss_table = table_of(w0);
    c->fs_table = table_of(w1);
    c->ssade = flags & 1;
    c->privileged = viommu_get(w0, VTD_CTX_PRIVILEGED);
    c->sre = flags & 2;
    c->ere = flags & 4;
    c->wpe = flags & 8;
    c->nxe = flags & 16;
    c->eafe = flags & 32;
    c->snoop = flags & 64;
    return viommu_get(w0, VTD_CTX_REASON);
}

static void pack(const VtdContext *c, VtdReason reason, uint64_t generation,
                 ViommuCacheEntry *e)
{
    unsigned flags = c->ssade | c->sre << 1 | c->ere << 2 | c->wpe << 3 |
                     c->nxe << 4 | c->eafe << 5 | c->snoop << 6;
    uint64_t word = viommu_put(0, VTD_CTX_TABLE,
                               c->ss_table >> VTD_PAGE_SHIFT);

    word = viommu_put(word, VTD_CTX_REASON, reason);
    word = viommu_put(word, VTD_CTX_PGTT, c->pgtt);
    word = viommu_put(word, VTD_CTX_SS_LEVELS, c->ss_levels);
    word = viommu_put(word, VTD_CTX_FS_LEVELS, c->fs_levels);
    word = viommu_put(word, VTD_CTX_PRIVILEGED, c->privileged);
    word = viommu_put(word, VTD_CTX_FPD, c->fpd);
    word = viommu_put(word, VTD_CTX_ATS, c->ats);
    e->value[0] = viommu_put(word, VTD_CTX_SCALABLE, c->scalable);
    word = viommu_put(0, VTD_CTX_TABLE, c->fs_table >> VTD_PAGE_SHIFT);
    word = viommu_put(word, VTD_CTX_DID, c->did);
    e->value[1] = viommu_put(word, VTD_CTX_FLAGS, flags);
    e->stamp = viommu_put(generation << VTD_CTX_PASID.width, VTD_CTX_PASID,
                          c->pasid);
}

/* Legacy mode: root entry, context entry [VTD 3.4.2]. */
static VtdReason legacy_context(VtdUnit *u, uint64_t root, uint16_t source,
                                VtdContext *c)
{
    uint64_t word[2], table;
    VtdReason reason;

    viommu_count(&u->common.stats.context_reads);
    if (viommu_load64(&u->common, (root & ~(VTD_PAGE_SIZE - 1)) +
                      (source >> 8) * 16, word, 2)) {
        return VTD_FR_ROOT_ACCESS;
    }
    reason = vtd_decode_root(u, word, &table);
    if (reason) {
        return reason;
    }
    if (viommu_load64(&u->common, table + (source & 0xff) * 16, word, 2)) {
        return VTD_FR_CONTEXT_ACCESS;
    }
    c->entry_read = true;
    return vtd_decode_context(u, word, c);
}

/* RTADDR.TTM says which tables there are [VTD 11.4.5].  In legacy mode, no
 * table says anything about a request with PASID [VTD 7.1.3]. */
VtdReason vtd_context_tables(VtdUnit *u, uint64_t root, uint16_t source,
                             uint32_t pasid, VtdContext *c)
{
    *c = (VtdContext) { 0 };
    switch (viommu_get(root, VTD_RTADDR_TTM)) {
    case VTD_TTM_SCALABLE:
        viommu_count(&u->common.stats.context_reads);
        return vtd_scalable_context(u, root, source, pasid, c);
    case VTD_TTM_LEGACY:
        break;
    default:
        return VTD_FR_TTM_RESERVED;
    }
    if (pasid != VIOMMU_NO_PASID) {
        return u->cfg.scalable_mode ? VTD_FR_LEGACY_PASID
                                    : VTD_FR_TYPE_BLOCKED;
    }
    return legacy_context(u, root, source, c);
}

static VtdReason read_context(VtdUnit *u, const ViommuSeen *seen,
                              uint64_t root, uint16_t source, uint32_t pasid,
                              VtdContext *c)
{
    uint64_t generation = vtd_context_stamp(u);
    VtdReason reason = vtd_context_tables(u, root, source, pasid, c);

    /* Entries that give a fault are cached in caching mode only [VTD 6.1]. */
    if (c->entry_read && (!reason || u->cfg.caching_mode)) {
        ViommuCacheEntry e = { .key = { source, pasid } };

        pack(c, reason, generation, &e);
        viommu_cache_fill(&u->contexts, &e, seen);
    }
    return reason;
}

VtdReason vtd_context_get(VtdUnit *u, const ViommuSeen *seen, uint64_t root,
                          uint16_t source, uint32_t pasid, VtdContext *c)
{
    ViommuCacheEntry e;

    return vtd_context_find(u, source, pasid, &e)
           ? vtd_context_unpack(&e, c)
           : read_context(u, seen, root, source, pasid, c);
}
