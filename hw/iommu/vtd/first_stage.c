/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first stage (3.6): tables in the format of a processor, alone or nested
 * (3.8).  When nested, each table's address, and the final one, is an input of
 * the second stage; what the paging-structure cache keeps of such tables is
 * where the second stage found them.
 */
#include <errno.h>

#include "hw/iommu/vtd/unit.h"

#define UPDATE_RETRIES 16
#define ADDR_MASK viommu_bits(51, VTD_PAGE_SHIFT)

typedef struct Walk {
    VtdUnit *u;
    const VtdContext *context;
    const VtdWanted *wanted;
    uint64_t addr;
    uint64_t stamp;
    bool nested;
    /* where it is */
    unsigned level;
    uint64_t table;         /* host address */
    bool table_writable;    /* by the second stage */
    uint16_t flags;         /* VTD_MAP_..., accumulated */
} Walk;

/* A nested walk's use of the second stage; @why when it gives nothing. */
static VtdReason through_second_stage(Walk *w, uint64_t addr, uint8_t access,
                                      VtdReason beyond, VtdReason why,
                                      VtdMapping *m)
{
    VtdWanted wanted = *w->wanted;
    unsigned width = MIN(vtd_levels_width(w->context->ss_levels),
                         w->u->cfg.aw_bits);
    VtdReason reason;

    if (addr >> width) {
        return beyond;
    }
    wanted.access = access;
    reason = vtd_second_stage(w->u, w->context, addr, &wanted, m);
    if (!reason && !(m->flags & (VIOMMU_READ | VIOMMU_WRITE))) {
        reason = VTD_FR_SS_NOT_PRESENT;
    }
    return !reason && !(m->flags & VIOMMU_READ) ? why : reason;
}

/* Go to the table at @addr, an address of the first stage's output. */
static VtdReason enter(Walk *w, uint64_t addr, unsigned level)
{
    bool top = level == w->context->fs_levels;
    VtdMapping m;
    VtdReason reason;

    w->level = level;
    w->table = addr;
    w->table_writable = true;
    if (!w->nested) {
        return VTD_FR_NONE;
    }
    /* Accessed and dirty bits are writes to the table's page. */
    reason = through_second_stage(w, addr, VIOMMU_READ | VIOMMU_WRITE,
                                  VTD_FR_FS_TABLE_BEYOND,
                                  top ? VTD_FR_FS_TOP_READ
                                      : VTD_FR_FS_TABLE_READ, &m);
    if (reason) {
        return reason;
    }
    w->table = m.page | (addr & viommu_bits(m.shift - 1, 0));
    w->table_writable = m.flags & VIOMMU_WRITE;
    return VTD_FR_NONE;
}

/* Low bits of the paging-structure cache's first word, besides flags. */
#define TABLE_WRITABLE (1u << 11)

static uint64_t table_key(uint64_t addr, unsigned level)
{
    return addr >> vtd_size_shift(level);
}

static VtdReason start(Walk *w)
{
    const VtdContext *c = w->context;
    ViommuCacheEntry e;

    for (unsigned level = 1; level <= 2; level++) {
        if (viommu_cache_find(&w->u->paging, table_key(w->addr, level),
                              vtd_pasid_key(c->did, c->pasid, level), &e) &&
            e.stamp == w->stamp && e.value[1] == c->fs_table) {
            w->level = level;
            w->table = e.value[0] & ~(VTD_PAGE_SIZE - 1);
            w->table_writable = e.value[0] & TABLE_WRITABLE;
            w->flags = e.value[0] & (VTD_PAGE_SIZE - 1) &
                       ~(uint64_t)TABLE_WRITABLE;
            return VTD_FR_NONE;
        }
    }
    w->flags = VTD_MAP_FIRST_STAGE;
    return enter(w, c->fs_table, c->fs_levels);
}

static void remember_table(const Walk *w)
{
    const VtdContext *c = w->context;
    ViommuCacheEntry e = {
        .key = { table_key(w->addr, w->level),
                 vtd_pasid_key(c->did, c->pasid, w->level) },
        .value = { w->table | w->flags |
                   (w->table_writable ? TABLE_WRITABLE : 0), c->fs_table },
        .stamp = w->stamp,
    };

    /* A probe has not set accessed bits; who starts below would not either. */
    if (w->level <= 2 && !w->wanted->probe) {
        viommu_cache_fill(&w->u->paging, &e, w->wanted->seen.paging);
    }
}

static bool is_leaf(const Walk *w, uint64_t word)
{
    return w->level == 1 ||
           ((word & VTD_FS_PS) && (w->level == 2 ||
                                   (w->level == 3 && w->u->cfg.fs1gp)));
}

static VtdReason decode(const Walk *w, uint64_t word, bool *leaf)
{
    uint64_t reserved = w->nested ? 0 : vtd_beyond_haw(w->u) & ADDR_MASK;

    if (!(word & VTD_FS_P)) {
        return VTD_FR_FS_NOT_PRESENT;
    }
    *leaf = is_leaf(w, word);
    if (!*leaf && w->level > 2) {
        reserved |= VTD_FS_PS;
    }
    if (*leaf && w->level > 1) {
        /* Bit 12 is PAT. */
        reserved |= viommu_bits(vtd_size_shift(w->level - 1) - 1, 13);
    }
    if (!w->context->nxe) {
        reserved |= VTD_FS_XD;
    }
    return word & reserved ? VTD_FR_FS_RESERVED : VTD_FR_NONE;
}

/* Set accessed (extended accessed, dirty) bits that are still clear. */
static VtdReason mark(Walk *w, uint64_t at, uint64_t *word, uint64_t bits)
{
    for (unsigned i = 0; i < UPDATE_RETRIES; i++) {
        uint64_t before = *word;
        int ret;

        if (!(bits & ~before)) {
            return VTD_FR_NONE;
        }
        if (!w->table_writable) {
            return VTD_FR_FS_TABLE_WRITE;
        }
        if (w->wanted->probe) {
            return VTD_FR_NONE;
        }
        ret = viommu_cas64(&w->u->common, at, word, before | bits);
        if (!ret) {
            *word = before | bits;
            return VTD_FR_NONE;
        }
        /* Go on only if nothing but such bits has changed meanwhile. */
        if (ret != -EAGAIN ||
            ((before ^ *word) & ~(VTD_FS_A | VTD_FS_D | VTD_FS_EA))) {
            return VTD_FR_FS_UPDATE_FAILED;
        }
    }
    return VTD_FR_FS_UPDATE_FAILED;
}

static uint16_t accumulate(uint16_t flags, uint64_t word)
{
    if (!(word & VTD_FS_RW)) {
        flags &= ~VTD_MAP_RW;
    }
    if (!(word & VTD_FS_US)) {
        flags &= ~VTD_MAP_US;
    }
    return word & VTD_FS_XD ? flags | VTD_MAP_NX : flags;
}

/* The page: its second stage when nested, permissions, then its bits. */
static VtdReason finish(Walk *w, uint64_t at, uint64_t word, uint64_t bits,
                        VtdMapping *m)
{
    unsigned shift = vtd_size_shift(w->level - 1);
    uint64_t page = word & ADDR_MASK & ~viommu_bits(shift - 1, 0);
    uint64_t out = page | (w->addr & viommu_bits(shift - 1, 0));
    VtdReason reason;

    *m = (VtdMapping) {
        .page = page, .shift = shift,
        .flags = VIOMMU_READ | VIOMMU_WRITE | VTD_MAP_DIRTY,
    };
    if (w->nested) {
        /* What the first stage refuses does not dirty the second. */
        bool refused = vtd_check(w->context, w->wanted->access,
                                 w->flags | VIOMMU_READ | VIOMMU_WRITE);

        reason = through_second_stage(w, out, refused ? VIOMMU_READ
                                                      : w->wanted->access,
                                      VTD_FR_SM_SS_BEYOND, VTD_FR_SM_READ, m);
        if (reason) {
            return reason;
        }
        if (m->shift > shift) {
            m->page |= out & viommu_bits(m->shift - 1, shift);
            m->shift = shift;
        }
        m->flags &= ~VTD_MAP_FIRST_STAGE;
    }
    m->flags |= w->flags | (word & VTD_FS_G ? VTD_MAP_GLOBAL : 0);
    if (w->context->snoop) {
        m->flags |= VTD_MAP_SNOOP;
    }
    reason = vtd_check(w->context, w->wanted->access, m->flags);
    if (!reason) {
        if (w->wanted->access & VIOMMU_WRITE) {
            bits |= VTD_FS_D;
        }
        reason = mark(w, at, &word, bits);
        if (reason) {
            return reason;
        }
    }
    if (!(word & VTD_FS_D)) {
        m->flags &= ~VTD_MAP_DIRTY;
    }
    return VTD_FR_NONE;
}

static VtdReason walk(Walk *w, VtdMapping *m)
{
    uint64_t bits = VTD_FS_A | (w->context->eafe ? VTD_FS_EA : 0);
    VtdReason reason;

    m->shift = VTD_PAGE_SHIFT;
    reason = start(w);
    if (reason) {
        return reason;
    }
    viommu_count_roughly(&w->u->common.stats.walks);
    /* At most VTD_MAX_LEVEL rounds: the level falls with each. */
    for (;;) {
        uint64_t at, word;
        bool leaf = false;

        m->shift = vtd_size_shift(w->level - 1);
        at = w->table + ((w->addr >> m->shift) &
                         viommu_bits(VTD_LEVEL_BITS - 1, 0)) * 8;
        viommu_count_roughly(&w->u->common.stats.table_reads);
        if (viommu_load64(&w->u->common, at, &word, 1)) {
            return w->level == w->context->fs_levels ? VTD_FR_FS_POINTER
                                                     : VTD_FR_FS_ACCESS;
        }
        reason = decode(w, word, &leaf);
        if (reason) {
            return reason;
        }
        w->flags = accumulate(w->flags, word);
        if (leaf) {
            return finish(w, at, word, bits, m);
        }
        reason = mark(w, at, &word, bits);
        if (!reason) {
            reason = enter(w, word & ADDR_MASK, w->level - 1);
        }
        if (reason) {
            return reason;
        }
        remember_table(w);
    }
}

static bool canonical(const VtdContext *context, uint64_t addr)
{
    unsigned width = vtd_levels_width(context->fs_levels);
    int64_t top = (int64_t)addr >> (width - 1);

    return top == 0 || top == -1;
}

VtdReason vtd_first_stage(VtdUnit *u, const VtdContext *context,
                          uint64_t addr, const VtdWanted *wanted,
                          VtdMapping *mapping)
{
    Walk w = {
        .u = u, .context = context, .wanted = wanted, .addr = addr,
        .stamp = vtd_fs_stamp(u, context),
        .nested = context->pgtt == VTD_PGTT_NESTED,
    };
    VtdTag tag = {
        .stamp = w.stamp, .did = context->did, .pasid = context->pasid,
        .first_stage = true,
    };
    VtdReason reason;

    mapping->shift = VTD_PAGE_SHIFT;
    if (!canonical(context, addr)) {
        return VTD_FR_SM_NOT_CANONICAL;
    }
    if (vtd_iotlb_find(u, &tag, addr, wanted, context, mapping, &reason)) {
        return reason;
    }
    reason = walk(&w, mapping);
    if (reason) {
        mapping->flags = 0;
    }
    vtd_iotlb_fill(u, &tag, addr, wanted, mapping, reason);
    return reason;
}
