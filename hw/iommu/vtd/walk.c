/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The second stage (3.7): its cached translations, its walk, and the
 * paging-structure cache (6.2.5).
 *
 * A cached upper level is the address of the table below, with the
 * permissions that have accumulated on the way there; a walk starts
 * from the lowest one that is cached.  The cache is tagged by domain, as the
 * IOTLB is, and keeps two levels: the tables whose entries map 4 KiB
 * (level 1), found by address bits 63:21, and those that map 2 MiB (level 2),
 * by bits 63:30.  With these two, a walk that is near an earlier one reads one
 * entry.
 */
#include <errno.h>

#include "hw/iommu/vtd/unit.h"

/* Somebody else changes the same entry; each retry means that it did. */
#define UPDATE_RETRIES 16

typedef struct Cursor {
    unsigned level;         /* of the table */
    uint64_t table;
    uint8_t access;         /* what all levels above have granted */
} Cursor;

/* Address bits that select a table of @level. */
static uint64_t table_key(uint64_t addr, unsigned level)
{
    return addr >> vtd_size_shift(level);
}

static Cursor first_table(VtdUnit *u, const VtdContext *context,
                          uint64_t addr, uint64_t stamp)
{
    ViommuCacheEntry e;

    for (unsigned level = 1; level <= 2; level++) {
        if (viommu_cache_find(&u->paging, table_key(addr, level),
                              vtd_domain_key(context->did, level), &e) &&
            e.stamp == stamp && e.value[1] == context->ss_table) {
            return (Cursor) { level, e.value[0] & ~(VTD_PAGE_SIZE - 1),
                              e.value[0] & (VTD_PAGE_SIZE - 1) };
        }
    }
    return (Cursor) { context->ss_levels, context->ss_table,
                      VIOMMU_READ | VIOMMU_WRITE };
}

static void remember_table(VtdUnit *u, const VtdContext *context,
                           uint64_t addr, const Cursor *c, uint64_t stamp,
                           uint64_t epoch)
{
    ViommuCacheEntry e = {
        .key = { table_key(addr, c->level),
                 vtd_domain_key(context->did, c->level) },
        .value = { c->table | c->access, context->ss_table },
        .stamp = stamp,
    };

    viommu_cache_fill(&u->paging, &e, epoch);
}

/* Accessed and dirty bits that the entry still needs (3.7.2). */
static uint64_t bits_to_set(const VtdContext *context, const VtdWanted *wanted,
                            const VtdSsEntry *entry, uint8_t access,
                            uint64_t word)
{
    uint64_t bits = VTD_SS_A;

    if (!context->ssade || wanted->probe) {
        return 0;
    }
    if (entry->leaf && (wanted->access & access & VIOMMU_WRITE)) {
        bits |= VTD_SS_D;
    }
    return bits & ~word;
}

/* Read, decode and mark one entry. */
static VtdReason step(VtdUnit *u, const VtdContext *context, uint64_t at,
                      const Cursor *c, const VtdWanted *wanted,
                      VtdSsEntry *entry, uint64_t *word)
{
    VtdReason access_error = !context->scalable ? VTD_FR_PAGING_ACCESS :
                             c->level == context->ss_levels
                             ? VTD_FR_SS_POINTER : VTD_FR_SS_ACCESS;

    viommu_count_roughly(&u->common.stats.table_reads);
    if (viommu_load64(&u->common, at, word, 1)) {
        return access_error;
    }
    for (unsigned i = 0; i < UPDATE_RETRIES; i++) {
        VtdReason reason = vtd_decode_ss(u, context, c->level, *word, entry);
        uint64_t bits;
        int ret;

        if (reason || !entry->access) {
            return reason;
        }
        bits = bits_to_set(context, wanted, entry, c->access & entry->access,
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
                      const VtdWanted *wanted, uint64_t stamp, VtdMapping *m)
{
    Cursor c = first_table(u, context, addr, stamp);

    viommu_count_roughly(&u->common.stats.walks);
    /* At most VTD_MAX_LEVEL rounds: the level falls with each. */
    for (;;) {
        uint64_t index, word;
        VtdSsEntry entry;
        VtdReason reason;

        m->shift = vtd_size_shift(c.level - 1);
        index = (addr >> m->shift) & viommu_bits(VTD_LEVEL_BITS - 1, 0);
        reason = step(u, context, c.table + index * 8, &c, wanted, &entry,
                      &word);
        if (reason) {
            return reason;
        }
        c.access &= entry.access;
        if (entry.leaf || !entry.access) {
            m->page = entry.addr;
            m->flags = c.access | VTD_MAP_FIRST_STAGE |
                       (entry.snoop ? VTD_MAP_SNOOP : 0);
            if (!context->ssade || (word & VTD_SS_D)) {
                m->flags |= VTD_MAP_DIRTY;
            }
            return VTD_FR_NONE;
        }
        c.level--;
        c.table = entry.addr;
        /* A probe has not set accessed bits; who starts below would not. */
        if (c.level <= 2 && !wanted->probe) {
            remember_table(u, context, addr, &c, stamp, wanted->seen.paging);
        }
    }
}

VtdReason vtd_second_stage(VtdUnit *u, const VtdContext *context,
                           uint64_t addr, const VtdWanted *wanted,
                           VtdMapping *mapping)
{
    uint64_t stamp = vtd_ss_stamp(u, context);
    VtdTag tag = { .stamp = stamp, .did = context->did };
    VtdReason reason;

    if (vtd_iotlb_find(u, &tag, addr, wanted, context, mapping, &reason)) {
        return reason;
    }
    reason = walk(u, context, addr, wanted, stamp, mapping);
    if (reason) {
        mapping->flags = 0;
    }
    vtd_iotlb_fill(u, &tag, addr, wanted, mapping, reason);
    return reason;
}
