/* SPDX-License-Identifier: BSD-3-Clause */
/* Paging tables of test-differential-sm, and invalidations. */
#include "differential-sm.h"

/* --- Invalidating -------------------------------------------------------- */

void sm_flush(SmWorld *w)
{
    GuestQueue *q = &w->f->queue;

    guest_queue_context(q, SPEC_GRAN_GLOBAL, 0, 0, 0);
    guest_queue_pasid_cache(q, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    guest_queue_iotlb(q, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    fixture_wait(w->f);
}

static unsigned mamv(const SmWorld *w)
{
    return (unsigned)((w->ref.cap & SPEC_CAP_MAMV) >> SPEC_CAP_MAMV_SHIFT);
}

static void flush_domain(SmWorld *w, uint16_t id)
{
    guest_queue_iotlb(&w->f->queue, sm_chance(w, 80) ? SPEC_GRAN_DOMAIN
                                                     : SPEC_GRAN_GLOBAL,
                      id, 0, 0, false);
}

/* The mask and aligned address that cover an entry of @level. */
static uint64_t draw_mask(SmWorld *w, uint64_t addr, unsigned level,
                          unsigned *am)
{
    *am = 9 * (level - 1);
    if (*am < mamv(w) && sm_chance(w, 20)) {
        ++*am;
    }
    return addr & ~((UINT64_C(4096) << *am) - 1);
}

/* An entry of @level for @addr has changed in a first stage. */
static void flush_first(SmWorld *w, unsigned space, uint64_t addr,
                        unsigned level, bool leaf_only)
{
    const SmSpace *s = &w->spaces[space];
    uint16_t id = s->nested ? w->domains[s->domain].id : s->id;
    bool page = !w->aliased && 9 * (level - 1) <= mamv(w) &&
                (w->ref.cap & SPEC_CAP_PSI) && sm_chance(w, 60);
    bool pasid = page || sm_chance(w, 50);
    unsigned am;

    if (w->aliased) {
        guest_queue_iotlb(&w->f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    } else if (!pasid) {
        flush_domain(w, id);
    }
    for (unsigned slot = space; pasid && !w->aliased && slot < SM_SLOTS;
         slot += SM_SPACES) {
        uint64_t at = draw_mask(w, addr, level, &am);

        guest_queue_piotlb(&w->f->queue,
                           page ? SPEC_GRAN_PAGE : SPEC_GRAN_DOMAIN, id,
                           sm_pasids[slot], at, am,
                           page && leaf_only && sm_chance(w, 50));
    }
    fixture_wait(w->f);
}

/* The same in a second stage. */
static void flush_second(SmWorld *w, const SmDomain *d, uint64_t addr,
                         unsigned level, bool leaf_only)
{
    bool page = !w->aliased && 9 * (level - 1) <= mamv(w) &&
                (w->ref.cap & SPEC_CAP_PSI) && sm_chance(w, 60);
    unsigned am;
    uint64_t at = draw_mask(w, addr, level, &am);

    if (w->aliased) {
        guest_queue_iotlb(&w->f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    } else if (page) {
        guest_queue_iotlb(&w->f->queue, SPEC_GRAN_PAGE, d->id, at, am,
                          leaf_only && sm_chance(w, 50));
    } else {
        flush_domain(w, d->id);
    }
    fixture_wait(w->f);
}

/* A PASID table entry has changed, which was @old [VTD 6.5.3.3]. */
void sm_flush_slot(SmWorld *w, unsigned slot, const SmSlot *old,
                       const SmSlot *now)
{
    GuestQueue *q = &w->f->queue;
    bool was = old->binding > SM_BROKEN;
    uint16_t tag = was ? old->tag : now->tag;
    bool broken = old->binding == SM_BROKEN || now->binding == SM_BROKEN;

    switch (was && !broken ? sm_below(w, 3) : sm_below(w, 2) * 2) {
    case 1:
        guest_queue_pasid_cache(q, SPEC_INV_PASID_GRAN_DOMAIN, tag, 0);
        break;
    case 2:
        guest_queue_pasid_cache(q, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
        break;
    default:
        guest_queue_pasid_cache(q, SPEC_INV_PASID_GRAN_PASID, tag,
                                sm_pasids[slot]);
        break;
    }
    if ((old->binding == SM_FIRST || old->binding == SM_PASS) &&
        sm_chance(w, 60)) {
        guest_queue_piotlb(q, SPEC_GRAN_DOMAIN, tag, sm_pasids[slot], 0, 0,
                           false);
    } else {
        flush_domain(w, tag);
    }
    fixture_wait(w->f);
}

/* All that hangs on a directory. */
void sm_flush_dir(SmWorld *w, unsigned dir)
{
    GuestQueue *q = &w->f->queue;

    if (sm_chance(w, 50)) {
        guest_queue_pasid_cache(q, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
        guest_queue_iotlb(q, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
        fixture_wait(w->f);
        return;
    }
    if (w->config.caching_mode) {
        /* what was not present has no domain */
        guest_queue_pasid_cache(q, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    }
    for (unsigned i = 0; i < SM_SLOTS; i++) {
        const SmSlot *slot = &w->slots[dir][i];

        if (slot->binding > SM_BROKEN) {
            guest_queue_pasid_cache(q, SPEC_INV_PASID_GRAN_DOMAIN, slot->tag,
                                    0);
            guest_queue_iotlb(q, SPEC_GRAN_DOMAIN, slot->tag, 0, 0, false);
        }
    }
    fixture_wait(w->f);
}

/* --- Paging entries ------------------------------------------------------ */

static uint64_t new_table(SmWorld *w)
{
    uint64_t table;

    if (w->seen_n > 0 && sm_chance(w, 1)) {
        w->aliased = true;
        return w->seen[sm_below(w, w->seen_n)];
    }
    if (sm_chance(w, 1)) {
        return w->f->ram.size + sm_below(w, 16) * 4096;     /* no memory */
    }
    table = guest_alloc_pages(&w->f->alloc, 1);
    if (table && w->seen_n < SM_SEEN) {
        w->seen[w->seen_n++] = table;
    }
    return table;
}

/* A tree of either kind. */
typedef struct Tree {
    bool first;
    uint64_t table;
    unsigned levels;
    uint64_t bias;          /* of the addresses of tables in entries */
} Tree;

static Tree tree_of_space(const SmSpace *s)
{
    return (Tree) { true, s->table, s->levels, s->nested ? SM_WINDOW : 0 };
}

static Tree tree_of_domain(const SmDomain *d)
{
    return (Tree) { false, d->table, d->levels, 0 };
}

static bool present(const Tree *t, uint64_t entry)
{
    return entry & (t->first ? SPEC_FS_P : SPEC_SS_R | SPEC_SS_W);
}

static uint64_t table_entry(const Tree *t, uint64_t table)
{
    return (table + t->bias) |
           (t->first ? SPEC_FS_P | SPEC_FS_RW | SPEC_FS_US
                     : SPEC_SS_R | SPEC_SS_W);
}

/*
 * Where the entry of @level for @addr is; tables on the way are made, which
 * is a change from not-present.  0 when a large page or no memory is in the
 * way.  *made is the level of the first entry that was not present, or 0.
 */
static uint64_t entry_address(SmWorld *w, const Tree *t, uint64_t addr,
                              unsigned level, unsigned *made)
{
    const GuestMem *mem = &w->f->mem;
    uint64_t table = t->table;

    *made = 0;
    for (unsigned at = t->levels; ; at--) {
        uint64_t where = table + ((addr >> (12 + 9 * (at - 1))) & 511) * 8;
        uint64_t entry;

        if (where < FIXTURE_TABLES || where >= w->f->ram.size) {
            return 0;
        }
        if (at == level) {
            return where;
        }
        entry = guest_read64(mem, where);
        if (!present(t, entry)) {
            table = new_table(w);
            if (!table) {
                return 0;
            }
            guest_write64(mem, where, table_entry(t, table));
            if (!*made) {
                *made = at;
            }
        } else if (entry & SPEC_SS_PS) {
            return 0;
        } else {
            table = (entry & SPEC_SS_ADDR) - t->bias;
        }
    }
}

static uint64_t draw_leaf(SmWorld *w, const Tree *t, unsigned level)
{
    uint64_t mask = (UINT64_C(1) << w->ref.haw_bits) - 1;
    uint64_t page = UINT64_C(4096) << (9 * (level - 1));
    uint64_t pa = sm_rand64(w), flags;

    if (t->bias && sm_chance(w, 80)) {
        /* an address that the second stage is likely to have */
        pa = sm_chance(w, 60) ? w->addresses[sm_below(w, SM_ADDRESSES)]
                              : SM_WINDOW + (pa & 0x3fff000);
        mask = SPEC_SS_ADDR;
    }
    if (sm_chance(w, 3)) {
        pa = SPEC_MSI_BASE;
    }
    pa &= mask & ~(page - 1);
    pa |= level > 1 ? SPEC_SS_PS : 0;
    if (level > 1 && sm_chance(w, 3)) {
        pa |= SPEC_BIT(12 + sm_below(w, 8));    /* PAT, or reserved */
    }
    if (sm_chance(w, 3)) {
        pa |= SPEC_BIT(51);
    }
    if (t->first) {
        flags = SPEC_FS_P | SPEC_FS_RW | SPEC_FS_US;
        flags &= sm_chance(w, 20) ? sm_rand64(w) | SPEC_FS_P : flags;
        flags |= sm_chance(w, 10) ? SPEC_FS_XD : 0;
        flags |= sm_chance(w, 20) ? sm_rand64(w) & (SPEC_BITS(6, 3) |
                                    SPEC_BITS(11, 8) | SPEC_BITS(62, 52)) : 0;
        return pa | flags;
    }
    flags = sm_chance(w, 20) ? sm_below(w, 4) : SPEC_SS_R | SPEC_SS_W;
    flags |= sm_chance(w, 20) ? SPEC_SS_SNP : 0;
    flags |= sm_chance(w, 20) ? sm_rand64(w) & (SPEC_BITS(6, 2) |
                                SPEC_BITS(10, 8) | SPEC_BITS(61, 52) |
                                SPEC_BIT(63)) : 0;
    return pa | flags;
}

/* Another entry for @old at @level; *leaf_only when no table goes or comes. */
static uint64_t draw_entry(SmWorld *w, const Tree *t, uint64_t old,
                           unsigned level, bool *leaf_only)
{
    bool table = present(t, old) && level > 1 && !(old & SPEC_SS_PS);

    *leaf_only = !table;
    if (sm_chance(w, 8)) {
        w->last = "an unmapped entry";
        return 0;
    }
    if (level == 1 || (level <= 3 && sm_chance(w, 40))) {
        w->last = "a page";
        return draw_leaf(w, t, level);
    }
    *leaf_only = false;
    if (table && sm_chance(w, 50)) {
        w->last = "a table's rights";
        return t->first ? (old & ~UINT64_C(6)) | (sm_rand64(w) & 6) |
                          (sm_chance(w, 10) ? SPEC_FS_XD : 0)
                        : (old & ~UINT64_C(3)) | sm_below(w, 4);
    }
    w->last = "a table";
    return table_entry(t, new_table(w)) |
           (sm_chance(w, 5) ? SPEC_SS_PS & -(uint64_t)(level > 3) : 0);
}

static unsigned draw_level(SmWorld *w, unsigned levels)
{
    static const uint8_t likely[] = { 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5 };

    unsigned level = likely[sm_below(w, G_N_ELEMENTS(likely))];

    return MIN(level, levels);
}

/*
 * Change one entry.  Returns the level for which to invalidate, 0 for none:
 * what is not present is not cached without caching mode [VTD 6.1].
 */
static unsigned change_tree(SmWorld *w, const Tree *t, uint64_t addr,
                            bool *leaf_only)
{
    unsigned level = draw_level(w, t->levels), made;
    uint64_t where, old;

    sm_before(w);
    where = entry_address(w, t, addr, level, &made);
    *leaf_only = false;
    if (!where) {
        w->last = "tables on the way";
        return made;
    }
    old = guest_read64(&w->f->mem, where);
    guest_write64(&w->f->mem, where, draw_entry(w, t, old, level, leaf_only));
    if (!present(t, old) && !w->config.caching_mode && sm_chance(w, 70)) {
        w->olds = 0;
        return 0;
    }
    if (made) {
        w->olds = 0;            /* two entries have changed */
    }
    sm_between(w);
    if (made && w->config.caching_mode) {
        *leaf_only = false;
        return made;
    }
    return level;
}

void sm_change_space(SmWorld *w)
{
    unsigned i = sm_below(w, SM_SPACES);
    Tree t = tree_of_space(&w->spaces[i]);
    uint64_t addr = w->addresses[sm_below(w, SM_ADDRESSES)];
    bool leaf_only;
    unsigned level, shift;

    /* the tables know nothing of the bits above: make them canonical */
    shift = 64 - 12 - 9 * t.levels;
    addr = (uint64_t)((int64_t)(addr << shift) >> shift);
    level = change_tree(w, &t, addr, &leaf_only);
    if (level) {
        flush_first(w, i, addr, level, leaf_only);
    }
}

/* The window through which first-stage tables are seen. */
static void change_window(SmWorld *w, const SmDomain *d)
{
    Tree t = tree_of_domain(d);
    uint64_t at = FIXTURE_TABLES + sm_below(w, 8) * (UINT64_C(2) << 20);
    uint64_t addr = SM_WINDOW + at;
    unsigned made;
    uint64_t where = entry_address(w, &t, addr, 2, &made);
    uint64_t entry = at | SPEC_SS_PS;

    if (!where || made) {
        if (made) {
            flush_second(w, d, addr, made, false);
        }
        return;
    }
    w->last = "the window to first-stage tables";
    entry |= sm_chance(w, 75) ? 3 : sm_below(w, 4);
    sm_before(w);
    guest_write64(&w->f->mem, where, entry);
    sm_between(w);
    flush_second(w, d, addr, 2, false);
}

void sm_change_domain(SmWorld *w)
{
    const SmDomain *d = &w->domains[sm_below(w, SM_DOMAINS)];
    Tree t = tree_of_domain(d);
    uint64_t addr = w->addresses[sm_below(w, SM_ADDRESSES)] &
                    (SPEC_BIT(12 + 9 * d->levels) - 1);
    bool leaf_only;
    unsigned level;

    if (w->config.nested && sm_chance(w, 15)) {
        change_window(w, d);
        return;
    }
    level = change_tree(w, &t, addr, &leaf_only);
    if (level) {
        flush_second(w, d, addr, level, leaf_only);
    }
}

/* Map most of the addresses in new tables, before anybody sees them. */
static void populate(SmWorld *w, const Tree *t)
{
    for (unsigned i = 0; i < SM_ADDRESSES; i++) {
        unsigned level = sm_chance(w, 80) ? 1 : 2 + sm_below(w, 2);
        unsigned made;
        uint64_t where = entry_address(w, t, w->addresses[i], level, &made);

        if (where && sm_chance(w, 80)) {
            guest_write64(&w->f->mem, where, draw_leaf(w, t, level));
        }
    }
}

/* --- Spaces and domains -------------------------------------------------- */

void sm_draw_space(SmWorld *w, SmSpace *s)
{
    Tree t;

    s->nested = w->config.nested && sm_chance(w, 65);
    s->domain = sm_below(w, SM_DOMAINS);
    s->levels = (w->ref.cap & SPEC_CAP_FS5LP) && sm_chance(w, 50) ? 5 : 4;
    s->table = guest_alloc_pages(&w->f->alloc, 1);
    s->flags2 = 0;
    if (w->ref.ecap & SPEC_ECAP_SRS) {
        s->flags2 |= sm_chance(w, 80) ? SPEC_PASID2_SRE : 0;
    }
    if (w->ref.ecap & SPEC_ECAP_ERS) {
        s->flags2 |= sm_chance(w, 70) ? SPEC_PASID2_ERE : 0;
    }
    if (w->config.extended_access) {
        s->flags2 |= sm_chance(w, 50) ? SPEC_PASID2_EAFE : 0;
    }
    s->flags1 = sm_chance(w, w->config.snoop_control ? 20 : 4)
                    ? SPEC_PASID1_PGSNP : 0;
    s->flags2 |= sm_chance(w, 50) ? SPEC_PASID2_WPE : 0;
    s->flags2 |= sm_chance(w, 60) ? SPEC_PASID2_NXE : 0;
    t = tree_of_space(s);
    populate(w, &t);
}

void sm_draw_domain(SmWorld *w, SmDomain *d)
{
    Tree t;

    d->levels = 3 + sm_below(w, (w->config.aw_bits - 39) / 9 + 1u);
    d->table = guest_alloc_pages(&w->f->alloc, 1);
    d->bits = w->config.dirty_tracking && sm_chance(w, 60);
    t = tree_of_domain(d);
    for (uint64_t at = 0; w->config.nested && at < w->f->ram.size;
         at += 2 << 20) {
        g_assert_true(guest_ss_map(&w->f->alloc, d->table, d->levels,
                                   SM_WINDOW + at, at, 2,
                                   SPEC_SS_R | SPEC_SS_W));
    }
    populate(w, &t);
}
