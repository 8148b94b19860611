/* SPDX-License-Identifier: BSD-3-Clause */
/* The second stage [VTD 3.7]: its cached translations, and its walk. */
#include <errno.h>

#include "hw/iommu/vtd/address.h"
#include "hw/iommu/vtd/iotlb.h"
#include "hw/iommu/vtd/paging_cache.h"
#include "hw/iommu/vtd/stages.h"
#include "hw/iommu/vtd/tables.h"

/* The accessed and dirty bits that the walk has to set in the entry
 * [VTD 3.7.2]. */
static uint64_t bits_to_set(const VtdContext *context, const VtdWanted *wanted,
                            const VtdSsEntry *entry, uint8_t access,
                            uint64_t word)
{
    uint64_t bits = VTD_SS_A;

    if (!context->ssade || wanted->no_marks) {
        return 0;
    }
    /* A request that lacks a permission makes no page dirty. */
    if (entry->leaf && (wanted->access & VIOMMU_WRITE) &&
        !(wanted->access & ~access & (VIOMMU_READ | VIOMMU_WRITE))) {
        bits |= VTD_SS_D;
    }
    return bits & ~word;
}

/* Read one entry, decode it, and set its bits [VTD 3.7.2].  In scalable mode,
 * the top table's entry has a reason of its own [VTD 7.1.3]. */
static VtdReason step(VtdUnit *u, const VtdContext *context, uint64_t at,
                      const VtdTable *t, const VtdWanted *wanted,
                      VtdSsEntry *entry, uint64_t *word)
{
    VtdReason access_error = !context->scalable ? VTD_FR_PAGING_ACCESS :
                             t->level == context->ss_levels
                             ? VTD_FR_SS_POINTER : VTD_FR_SS_ACCESS;

    viommu_count_roughly(&u->common.stats.table_reads);
    if (viommu_load64(&u->common, at, word, 1)) {
        return access_error;
    }
    for (unsigned i = 0; i < VIOMMU_UPDATE_RETRIES; i++) {
        VtdReason reason = vtd_decode_ss(u, context, t->level, *word, entry);
        uint64_t bits;
        int ret;

        if (reason || !entry->access) {
            return reason;
        }
        bits = bits_to_set(context, wanted, entry, t->flags & entry->access,
                           *word);
        if (!bits) {
            return VTD_FR_NONE;
        }
        ret = viommu_cas64(&u->common, at, word, *word | bits);
        if (!ret) {
            *word |= bits;
            return VTD_FR_NONE;
        }
        if (ret != -EAGAIN) {
            return access_error;
        }
    }
    return access_error;
}

static VtdReason walk(VtdUnit *u, const VtdContext *context, uint64_t addr,
                      const VtdWanted *wanted, const ViommuTag *tag,
                      VtdMapping *m)
{
    VtdTable t;

    /* t.flags is what all levels above have granted: an access needs the
     * permission of each entry on its way [VTD 3.7.1].  The walk starts at the
     * lowest table that is cached [VTD 6.2.5]. */
    if (!vtd_table_find(u, tag, addr, context->ss_table, &t)) {
        t = (VtdTable) { context->ss_levels, context->ss_table,
                         VIOMMU_READ | VIOMMU_WRITE };
    }
    viommu_count_roughly(&u->common.stats.walks);
    /* At most VTD_MAX_LEVEL rounds: the level falls with each. */
    for (;;) {
        uint64_t index, word;
        VtdSsEntry entry;
        VtdReason reason;

        m->shift = vtd_level_shift(t.level - 1);
        index = (addr >> m->shift) & viommu_bits(VTD_LEVEL_BITS - 1, 0);
        reason = step(u, context, t.addr + index * 8, &t, wanted, &entry,
                      &word);
        if (reason) {
            return reason;
        }
        t.flags &= entry.access;
        if (entry.leaf || !entry.access) {
            m->page = entry.addr;
            m->flags = t.flags | VTD_MAP_FS_RIGHTS |
                       (entry.snoop ? VTD_MAP_SNOOP : 0);
            if (!context->ssade || (word & VTD_SS_D)) {
                m->flags |= VTD_MAP_DIRTY;
            }
            return VTD_FR_NONE;
        }
        t.level--;
        t.addr = entry.addr;
        vtd_table_fill(u, tag, addr, context->ss_table, wanted, &t);
    }
}

/* The IOTLB [VTD 6.2.4], else the tables [VTD 3.7]. */
VtdReason vtd_second_stage(VtdUnit *u, const VtdContext *context,
                           uint64_t addr, const VtdWanted *wanted,
                           VtdMapping *mapping)
{
    ViommuTag tag = vtd_second_tag(u, context->did);
    VtdReason reason;

    /*
     * A nested walk comes here for each page that it meets, and neither looks
     * into the IOTLB nor fills it.  To read one entry of a last-level table,
     * whose address is cached, costs no more than the IOTLB would; and the
     * IOTLB keeps the result of the whole walk.
     */
    if (!wanted->inner &&
        vtd_iotlb_find(u, &tag, addr, wanted, context, mapping, &reason)) {
        return reason;
    }
    reason = walk(u, context, addr, wanted, &tag, mapping);
    if (reason) {
        mapping->flags = 0;
    }
    if (!wanted->inner) {
        vtd_iotlb_fill(u, &tag, addr, wanted, mapping, reason);
    }
    return reason;
}
