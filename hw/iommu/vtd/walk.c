/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The second-stage walk (3.7), and the paging-structure cache (6.2.5).
 *
 * A cached upper level is the address of the table below, with the
 * permissions that have accumulated on the way there; a walk starts
 * from the lowest one that is cached.  The cache is tagged by domain, as the
 * IOTLB is, and keeps two levels: the tables whose entries map 4 KiB
 * (level 1), found by address bits 63:21, and those that map 2 MiB (level 2),
 * by bits 63:30.  With these two, a walk that is near an earlier one reads one
 * entry.
 */
#include "hw/iommu/vtd/unit.h"

typedef struct Cursor {
    unsigned level;         /* of the table */
    uint64_t table;
    uint8_t access;         /* what all levels above have granted */
} Cursor;

/* Address bits that select a table of @level. */
static uint64_t table_key(uint64_t iova, unsigned level)
{
    return iova >> vtd_size_shift(level);
}

static Cursor first_table(VtdUnit *u, const VtdContext *context,
                          uint64_t iova, uint64_t stamp)
{
    ViommuCacheEntry e;

    for (unsigned level = 1; level <= 2; level++) {
        if (viommu_cache_find(&u->paging, table_key(iova, level),
                              vtd_domain_key(context->did, level), &e) &&
            e.stamp == stamp && e.value[1] == context->table) {
            return (Cursor) { level, e.value[0] & ~(VTD_PAGE_SIZE - 1),
                              e.value[0] & (VTD_PAGE_SIZE - 1) };
        }
    }
    return (Cursor) { context->levels, context->table,
                      VIOMMU_READ | VIOMMU_WRITE };
}

static void remember(VtdUnit *u, const VtdContext *context, uint64_t iova,
                     const Cursor *c, uint64_t stamp, uint64_t epoch)
{
    ViommuCacheEntry e = {
        .key = { table_key(iova, c->level),
                 vtd_domain_key(context->did, c->level) },
        .value = { c->table | c->access, context->table },
        .stamp = stamp,
    };

    viommu_cache_fill(&u->paging, &e, epoch);
}

VtdReason vtd_walk(VtdUnit *u, const VtdContext *context, uint64_t iova,
                   const VtdSnapshot *seen, VtdMapping *mapping)
{
    uint64_t stamp = vtd_iotlb_stamp(u, context->did);
    Cursor c = first_table(u, context, iova, stamp);

    viommu_count_roughly(&u->common.stats.walks);
    /* At most VTD_MAX_LEVEL rounds: the level falls with each. */
    for (;;) {
        unsigned shift = vtd_size_shift(c.level - 1);
        uint64_t index = (iova >> shift) & viommu_bits(VTD_LEVEL_BITS - 1, 0);
        uint64_t word;
        VtdSsEntry entry;
        VtdReason reason;

        mapping->shift = shift;
        viommu_count_roughly(&u->common.stats.table_reads);
        if (viommu_load64(&u->common, c.table + index * 8, &word, 1)) {
            return VTD_FR_PAGING_ACCESS;
        }
        reason = vtd_decode_ss(u, c.level, word, &entry);
        if (reason) {
            return reason;
        }
        c.access &= entry.access;
        if (entry.leaf || !entry.access) {
            mapping->page = entry.addr;
            mapping->access = c.access;
            mapping->snoop = entry.snoop;
            return VTD_FR_NONE;
        }
        c.level--;
        c.table = entry.addr;
        if (c.level <= 2) {
            remember(u, context, iova, &c, stamp, seen->paging);
        }
    }
}
