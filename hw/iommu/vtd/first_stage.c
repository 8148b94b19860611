/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first stage [VTD 3.6]: tables in the format of a processor, alone or
 * nested [VTD 3.8].  When nested, the address of each table, and that of the
 * page, are inputs of the second stage.  The paging-structure cache keeps the
 * output of the second stage for such a table: where the table really is.
 *
 * The steps of a walk; 2 to 5 are those of each table:
 *
 *   1. begin at the lowest table that is cached, or at the top   walk()
 *   2. nested: where is the table, and may it be read?           enter()
 *   3. the entry: present, reserved bits                         decode()
 *   4. the permissions of the entry                              accumulate()
 *   5. its accessed bits; nested: may the table be written to?   mark()
 *   6. the page: second stage, permissions, dirty bit            finish()
 */
#include <errno.h>

#include "hw/iommu/common/span.h"
#include "hw/iommu/vtd/address.h"
#include "hw/iommu/vtd/iotlb.h"
#include "hw/iommu/vtd/paging_cache.h"
#include "hw/iommu/vtd/permissions.h"
#include "hw/iommu/vtd/stages.h"
#include "hw/iommu/vtd/tables.h"

/* A table's flag besides VTD_MAP_...: the second stage lets the walk write to
 * the table, and its entry for the table's page already says "dirty". */
#define TABLE_WRITABLE (1u << 11)

/* The address of a table before the second stage, when the walk has begun at a
 * cached table and so has not seen it.  (No table has this address.) */
#define INNER_UNKNOWN UINT64_MAX

/** How a walk, or a step of it, ends. */
typedef enum Outcome {
    DONE,
    FAULT,                  /* Walk.reason */
    RESTART,                /* the walk begins anew at the top table */
} Outcome;

typedef struct Walk {
    VtdUnit *u;
    const VtdContext *context;
    const VtdWanted *wanted;
    uint64_t addr;
    ViommuTag tag;
    bool nested;
    /* The cursor: the table, with the flags that all entries above it grant. */
    VtdTable table;
    uint64_t inner;         /* nested: its address before the second stage */

    VtdReason reason;       /* of a FAULT */
    unsigned changes;       /* so often software was at an entry meanwhile */
    bool marked;            /* when DONE: the page's entry lacks no bit */
} Walk;

static Outcome fault(Walk *w, VtdReason reason)
{
    w->reason = reason;
    return FAULT;
}

/* Software has changed an entry during the walk: its new value counts. */
static Outcome changed(Walk *w)
{
    return ++w->changes > VIOMMU_UPDATE_RETRIES
           ? fault(w, VTD_FR_FS_UPDATE_FAILED) : RESTART;
}

/* The second stage's translation of a nested walk's address [VTD 3.8]; @beyond
 * is the reason for an address that is too wide.  m->shift is valid with each
 * reason. */
static VtdReason through_second_stage(Walk *w, uint64_t addr, uint8_t access,
                                      VtdReason beyond, VtdMapping *m)
{
    VtdWanted wanted = *w->wanted;
    unsigned width = vtd_second_width(&w->u->cfg, w->context->ss_levels);
    VtdReason reason;

    if (addr >> width) {
        /* All addresses with the same bits above the width are too wide. */
        m->shift = width;
        return beyond;
    }
    wanted.access = access;
    wanted.inner = true;
    reason = vtd_second_stage(w->u, w->context, addr, &wanted, m);
    if (!reason && !(m->flags & (VIOMMU_READ | VIOMMU_WRITE))) {
        reason = VTD_FR_SS_NOT_PRESENT;
    }
    return reason;
}

/* Go to the table at @addr, which is what the first stage says.  When nested,
 * the second stage must let the table be read [VTD 3.8]. */
static Outcome enter(Walk *w, uint64_t addr, unsigned level, uint16_t flags)
{
    VtdMapping m;
    VtdReason reason;

    w->table = (VtdTable) { level, addr, flags | TABLE_WRITABLE };
    if (!w->nested) {
        return DONE;
    }
    reason = through_second_stage(w, addr, VIOMMU_READ,
                                  VTD_FR_FS_TABLE_BEYOND, &m);
    if (reason) {
        return fault(w, reason);
    }
    if (!(m.flags & VIOMMU_READ)) {
        return fault(w, level == w->context->fs_levels
                        ? VTD_FR_FS_TOP_READ : VTD_FR_FS_TABLE_READ);
    }
    w->inner = addr;
    w->table.addr = m.page | (addr & viommu_bits(m.shift - 1, 0));
    if (!(m.flags & VIOMMU_WRITE) || !(m.flags & VTD_MAP_DIRTY)) {
        w->table.flags &= ~TABLE_WRITABLE;
    }
    return DONE;
}

static void remember_table(const Walk *w)
{
    vtd_table_fill(w->u, &w->tag, w->addr, w->context->fs_table, w->wanted,
                   &w->table);
}

/*
 * The walk sets an accessed or dirty bit in the table, which is a write to the
 * table's page: the second stage must allow it, and marks that page dirty
 * [VTD 3.8].
 */
static Outcome make_writable(Walk *w)
{
    VtdMapping m;
    VtdReason reason;

    if (w->inner == INNER_UNKNOWN) {
        return RESTART;
    }
    reason = through_second_stage(w, w->inner, VIOMMU_WRITE,
                                  VTD_FR_FS_TABLE_BEYOND, &m);
    if (reason) {
        return fault(w, reason);
    }
    if (!(m.flags & VIOMMU_WRITE)) {
        return fault(w, VTD_FR_FS_TABLE_WRITE);
    }
    if ((m.page | (w->inner & viommu_bits(m.shift - 1, 0))) !=
        w->table.addr) {
        return changed(w);      /* the table is somewhere else now */
    }
    w->table.flags |= TABLE_WRITABLE;
    remember_table(w);
    return DONE;
}

/* 1 GiB pages need CAP.FS1GP [VTD 11.4.2]. */
static bool is_leaf(const Walk *w, uint64_t word)
{
    return w->table.level == 1 ||
           ((word & VTD_FS_PS) && (w->table.level == 2 ||
                                   (w->table.level == 3 && w->u->cfg.fs1gp)));
}

/* Present, then reserved bits [VTD 9.7].  When nested, the second stage is
 * what limits an entry's address [VTD 3.8]. */
static VtdReason decode(const Walk *w, uint64_t word, bool *leaf)
{
    uint64_t reserved = w->nested ? 0 : vtd_beyond_haw(w->u) & VTD_ADDR;

    if (!(word & VTD_FS_P)) {
        return VTD_FR_FS_NOT_PRESENT;
    }
    *leaf = is_leaf(w, word);
    if (!*leaf && w->table.level > 2) {
        reserved |= VTD_FS_PS;
    }
    if (*leaf && w->table.level > 1) {
        reserved |= viommu_bits(vtd_level_shift(w->table.level - 1) - 1,
                                VTD_FS_LARGE_RESERVED);
    }
    return word & reserved ? VTD_FR_FS_RESERVED : VTD_FR_NONE;
}

/* Set those of the accessed, extended accessed and dirty bits in @bits that are
 * still clear [VTD 3.6.2]. */
static Outcome mark(Walk *w, uint64_t at, uint64_t *word, uint64_t bits)
{
    for (unsigned i = 0; i < VIOMMU_UPDATE_RETRIES; i++) {
        uint64_t before = *word;
        int ret;

        if (!(bits & ~before)) {
            return DONE;
        }
        if (!(w->table.flags & TABLE_WRITABLE)) {
            Outcome outcome = make_writable(w);

            if (outcome != DONE) {
                return outcome;
            }
        }
        if (w->wanted->no_marks) {
            return DONE;
        }
        ret = viommu_cas64(&w->u->common, at, word, before | bits);
        if (!ret) {
            *word = before | bits;
            return DONE;
        }
        if (ret != -EAGAIN) {
            return fault(w, VTD_FR_FS_UPDATE_FAILED);
        }
        /* Go on only if nothing but such bits has changed meanwhile. */
        if ((before ^ *word) & ~(VTD_FS_A | VTD_FS_D | VTD_FS_EA)) {
            return changed(w);
        }
    }
    return fault(w, VTD_FR_FS_UPDATE_FAILED);
}

/*
 * An access needs the permission of each entry on its way [VTD 3.6.1].
 * Software shares the processor's tables, where XD is common, without saying
 * so in the PASID entry: XD counts with NXE only [VTD 9.6].
 */
static uint16_t accumulate(const Walk *w, uint16_t flags, uint64_t word)
{
    if (!(word & VTD_FS_RW)) {
        flags &= ~VTD_MAP_RW;
    }
    if (!(word & VTD_FS_US)) {
        flags &= ~VTD_MAP_US;
    }
    return w->context->nxe && (word & VTD_FS_XD) ? flags | VTD_MAP_NX : flags;
}

/*
 * The second stage's part in a page that the first stage maps to @m.  The
 * smaller one of both pages counts.
 */
static VtdReason nest_page(Walk *w, uint16_t flags, VtdMapping *m)
{
    unsigned shift = m->shift;
    uint64_t out = m->page | (w->addr & viommu_bits(shift - 1, 0));
    /* A write that the first stage refuses does not make the page dirty in
     * the second stage [VTD 3.7.2]. */
    bool refused = vtd_check(w->context, w->wanted->access,
                             flags | VIOMMU_READ | VIOMMU_WRITE);
    VtdReason reason = through_second_stage(w, out, refused
                                            ? VIOMMU_READ : w->wanted->access,
                                            VTD_FR_SM_SS_BEYOND, m);

    if (m->shift > shift) {
        m->page |= out & viommu_bits(m->shift - 1, shift);
        m->shift = shift;
    }
    m->flags &= ~VTD_MAP_FS_RIGHTS;
    return reason;
}

/*
 * The walk has reached the page's entry.  In this order: the second stage when
 * nested, the permissions of both [VTD 3.8], the accessed and dirty bits of
 * the entry [VTD 3.6.2].
 */
static Outcome finish(Walk *w, uint64_t at, uint64_t word, uint64_t bits,
                      uint16_t flags, VtdMapping *m)
{
    unsigned shift = vtd_level_shift(w->table.level - 1);

    *m = (VtdMapping) {
        .page = word & VTD_ADDR & ~viommu_bits(shift - 1, 0), .shift = shift,
        .flags = VIOMMU_READ | VIOMMU_WRITE | VTD_MAP_DIRTY,
    };
    if (w->nested) {
        VtdReason reason = nest_page(w, flags, m);

        if (reason) {
            return fault(w, reason);
        }
    }
    m->flags |= flags | (word & VTD_FS_G ? VTD_MAP_GLOBAL : 0);
    if (w->context->snoop) {
        m->flags |= VTD_MAP_SNOOP;
    }
    /* A request that lacks a permission sets no bits. */
    if (!vtd_check(w->context, w->wanted->access, m->flags)) {
        Outcome outcome;

        if (w->wanted->access & VIOMMU_WRITE) {
            bits |= VTD_FS_D;
        }
        outcome = mark(w, at, &word, bits);
        if (outcome != DONE) {
            return outcome;
        }
    }
    w->marked = !(bits & ~word);
    if (!(word & VTD_FS_D)) {
        m->flags &= ~VTD_MAP_DIRTY;
    }
    return DONE;
}

/* Steps 3 to 6, from the table at the cursor down. */
static Outcome descend(Walk *w, VtdMapping *m)
{
    uint64_t bits = VTD_FS_A | (w->context->eafe ? VTD_FS_EA : 0);

    /* At most VTD_MAX_LEVEL rounds: the level falls with each. */
    for (;;) {
        uint64_t at, word;
        VtdReason reason;
        Outcome outcome;
        uint16_t flags;
        bool leaf = false;

        m->shift = vtd_level_shift(w->table.level - 1);
        at = w->table.addr + ((w->addr >> m->shift) &
                              viommu_bits(VTD_LEVEL_BITS - 1, 0)) * 8;
        viommu_count_roughly(&w->u->common.stats.table_reads);
        if (viommu_load64(&w->u->common, at, &word, 1)) {
            return fault(w, w->table.level == w->context->fs_levels
                            ? VTD_FR_FS_POINTER : VTD_FR_FS_ACCESS);
        }
        reason = decode(w, word, &leaf);
        if (reason) {
            return fault(w, reason);
        }
        flags = accumulate(w, w->table.flags & ~TABLE_WRITABLE, word);
        if (leaf) {
            return finish(w, at, word, bits, flags, m);
        }
        outcome = mark(w, at, &word, bits);
        if (outcome == DONE) {
            outcome = enter(w, word & VTD_ADDR, w->table.level - 1, flags);
        }
        if (outcome != DONE) {
            return outcome;
        }
        remember_table(w);
    }
}

static Outcome from_the_top(Walk *w, VtdMapping *m)
{
    Outcome outcome;

    /* If the top table cannot be read, no address of this half (with the same
     * highest bit) has a translation. */
    m->shift = vtd_levels_width(w->context->fs_levels) - 1;
    outcome = enter(w, w->context->fs_table, w->context->fs_levels,
                    VTD_MAP_FS_RIGHTS);
    return outcome == DONE ? descend(w, m) : outcome;
}

static Outcome walk(Walk *w, VtdMapping *m)
{
    Outcome outcome = RESTART;

    viommu_count_roughly(&w->u->common.stats.walks);
    w->inner = INNER_UNKNOWN;
    if (vtd_table_find(w->u, &w->tag, w->addr, w->context->fs_table,
                       &w->table)) {
        outcome = descend(w, m);
    }
    /* At most VIOMMU_UPDATE_RETRIES + 1 rounds: from the top, "inner" is known,
     * and changed() counts all other reasons for another round. */
    while (outcome == RESTART) {
        outcome = from_the_top(w, m);
    }
    return outcome;
}

/*
 * Whether the IOTLB may keep what the walk has found.  Not a page whose entry
 * lacks bits, because the access was refused: a later one that is granted must
 * set them [VTD 3.6.2].  Nor faults of the first stage, for which caching mode
 * does not hold: software makes its entries present without an invalidation
 * [VTD 6.1].
 */
static bool is_cacheable(const Walk *w, Outcome outcome)
{
    return outcome == DONE ? w->marked
                           : w->reason == VTD_FR_SS_NOT_PRESENT ||
                             w->reason == VTD_FR_SS_RESERVED;
}

/* Canonical or not [VTD 3.6], the IOTLB [VTD 6.2.4], else the tables. */
VtdReason vtd_first_stage(VtdUnit *u, const VtdContext *context,
                          uint64_t addr, const VtdWanted *wanted,
                          VtdMapping *mapping)
{
    Outcome outcome;
    VtdReason reason;
    Walk w;

    mapping->shift = VTD_PAGE_SHIFT;
    if (!vtd_is_canonical(context->fs_levels, addr)) {
        uint64_t half = UINT64_C(1) <<
                        (vtd_levels_width(context->fs_levels) - 1);

        mapping->shift = viommu_span_within(addr, half, ~half);
        return VTD_FR_SM_NOT_CANONICAL;
    }
    w.u = u;
    w.context = context;
    w.wanted = wanted;
    w.addr = addr;
    w.nested = context->pgtt == VTD_PGTT_NESTED;
    w.tag = vtd_first_tag(u, context->did, context->pasid);
    w.reason = VTD_FR_NONE;
    w.changes = 0;
    if (vtd_iotlb_find(u, &w.tag, addr, wanted, context, mapping, &reason)) {
        return reason;
    }
    outcome = walk(&w, mapping);
    if (outcome == FAULT) {
        mapping->flags = 0;
    }
    if (is_cacheable(&w, outcome)) {
        vtd_iotlb_fill(u, &w.tag, addr, wanted, mapping, w.reason);
    }
    return w.reason;
}
