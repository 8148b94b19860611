/* SPDX-License-Identifier: BSD-3-Clause */
#include "differential.h"

/* Requests whose answers are not known, only bounded. */
static void disturb(World *w)
{
    unsigned n = below(w, 5);

    while (n--) {
        ViommuReply reply;

        fixture_request(w->f, w->sources[below(w, SOURCES)].id,
                        world_address(w), 1 + below(w, 2),
                        VIOMMU_UNTRANSLATED, true, &reply);
    }
}

/* --- Invalidating -------------------------------------------------------- */

typedef struct Inv {
    bool context;
    unsigned gran;
    uint16_t domain;
    uint16_t source;        /* context, device-selective */
    unsigned fm;
    uint64_t addr;          /* IOTLB, page-selective */
    unsigned am;
    bool ih;
} Inv;

static void invalidate(World *w, const Inv *inv)
{
    Fixture *f = w->f;
    unsigned actual = 0;

    if (chance(w, 50)) {
        if (inv->context) {
            g_assert_true(guest_ccmd(&f->regs, inv->gran, inv->domain,
                                     inv->source, inv->fm, &actual));
        } else {
            g_assert_true(guest_iotlb(&f->regs, inv->gran, inv->domain,
                                      inv->addr, inv->am, inv->ih, &actual));
        }
        /* may be broader than asked, never none */
        g_assert_cmpuint(actual, >=, 1);
        g_assert_cmpuint(actual, <=, inv->gran);
    } else if (inv->context) {
        guest_queue_context(&f->queue, inv->gran, inv->domain, inv->source,
                            inv->fm);
        fixture_wait(f);
    } else {
        guest_queue_iotlb(&f->queue, inv->gran, inv->domain, inv->addr,
                          inv->am, inv->ih);
        fixture_wait(f);
    }
}

static void invalidate_context(World *w, const Source *s, uint16_t tag)
{
    Inv inv = { .context = true, .domain = tag, .source = s->id };

    inv.gran = SPEC_GRAN_GLOBAL + below(w, 3);
    if (inv.gran == SPEC_GRAN_DEVICE && chance(w, 30)) {
        /* FM masks function bits 2, 2:1, 2:0 */
        inv.fm = below(w, 4);
        inv.source ^= inv.fm == 0 ? 0 : (uint16_t)(4 * below(w, 2));
    }
    invalidate(w, &inv);
}

static void invalidate_domain(World *w, uint16_t id)
{
    Inv inv = { .gran = SPEC_GRAN_GLOBAL + below(w, 2), .domain = id };

    invalidate(w, &inv);
}

/* An entry of level @level for @addr of @d has changed. */
static void invalidate_entry(World *w, const Domain *d, uint64_t addr,
                             unsigned level, bool leaf_only)
{
    uint64_t cap = w->ref.cap;
    unsigned mamv = (unsigned)((cap & SPEC_CAP_MAMV) >> SPEC_CAP_MAMV_SHIFT);
    unsigned am = 9 * (level - 1);
    Inv inv = { .domain = d->id };

    inv.gran = SPEC_GRAN_GLOBAL + below(w, 5);
    if (inv.gran > SPEC_GRAN_DOMAIN) {
        inv.gran = SPEC_GRAN_PAGE;
    }
    if (d->aliased || am > mamv || !(cap & SPEC_CAP_PSI)) {
        inv.gran = MIN(inv.gran, SPEC_GRAN_DOMAIN);
    }
    if (inv.gran == SPEC_GRAN_PAGE) {
        inv.am = am + (am < mamv && chance(w, 20) ? 1 : 0);
        inv.addr = addr & ~((UINT64_C(4096) << inv.am) - 1);
        inv.ih = leaf_only && chance(w, 50);
    }
    invalidate(w, &inv);
}

/* --- Updating ------------------------------------------------------------ */

static uint64_t draw_flags(World *w)
{
    uint64_t flags = SPEC_SS_R | SPEC_SS_W;
    unsigned kind = below(w, 20);

    if (kind < 4) {
        flags = below(w, 4);
    }
    if (chance(w, 20)) {
        flags |= SPEC_SS_SNP;
    }
    if (chance(w, 30)) {    /* ignored bits */
        flags |= rand64(w) & (SPEC_BITS(6, 2) | SPEC_BIT(10) |
                              SPEC_BITS(61, 52) | SPEC_BIT(63));
    }
    if (chance(w, 3)) {
        flags |= SPEC_SS_TM;
    }
    if (chance(w, 3)) {     /* beyond the host address width */
        flags |= SPEC_BIT(51);
    }
    return flags;
}

static uint64_t draw_output(World *w, unsigned level)
{
    uint64_t mask = (UINT64_C(1) << w->ref.haw_bits) - 1;
    uint64_t page = UINT64_C(4096) << (9 * (level - 1));
    uint64_t pa = rand64(w) & mask & ~(page - 1);

    if (chance(w, 3)) {
        pa = SPEC_MSI_BASE & ~(page - 1);
    }
    if (level > 1 && chance(w, 3)) {
        pa |= 4096;         /* reserved in a large page */
    }
    return pa;
}

static uint64_t new_table(World *w, Domain *d)
{
    uint64_t table;

    if (d->seen_n > 0 && chance(w, 2)) {
        d->aliased = true;
        return d->seen[below(w, d->seen_n)];
    }
    if (chance(w, 2)) {
        return w->f->ram.size + below(w, 16) * 4096;    /* no memory */
    }
    table = guest_alloc_pages(&w->f->alloc, 1);
    if (table && d->seen_n < G_N_ELEMENTS(d->seen)) {
        d->seen[d->seen_n++] = table;
    }
    return table;
}

/*
 * Where the entry of @level for @addr is; tables on the way are made, which
 * is a change from not-present.  0 when a large page or no memory is in the
 * way.  *made is the level of the first entry that was not present, or 0.
 */
static uint64_t entry_address(World *w, Domain *d, uint64_t addr,
                              unsigned level, unsigned *made)
{
    const GuestMem *mem = &w->f->mem;
    uint64_t table = d->table;

    *made = 0;
    for (unsigned at = d->levels; at > level; at--) {
        uint64_t where = table + ((addr >> (12 + 9 * (at - 1))) & 511) * 8;
        uint64_t entry;

        if (where >= w->f->ram.size) {
            return 0;
        }
        entry = guest_read64(mem, where);
        if (!(entry & 3)) {
            table = new_table(w, d);
            if (!table) {
                return 0;
            }
            guest_write64(mem, where, table | SPEC_SS_R | SPEC_SS_W);
            if (!*made) {
                *made = at;
            }
        } else if (entry & SPEC_SS_PS) {
            return 0;
        } else {
            table = entry & SPEC_SS_ADDR;
        }
    }
    table += ((addr >> (12 + 9 * (level - 1))) & 511) * 8;
    return table < w->f->ram.size ? table : 0;
}

static void change_entry(World *w)
{
    Domain *d = &w->domains[below(w, DOMAINS)];
    uint64_t addr = w->addresses[below(w, ADDRESSES)] &
                    (SPEC_BIT(12 + 9 * d->levels) - 1);
    static const uint8_t levels[] = { 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5 };
    unsigned level = MIN(levels[below(w, G_N_ELEMENTS(levels))], d->levels);
    unsigned made;
    uint64_t where = entry_address(w, d, addr, level, &made);
    uint64_t old, entry = 0;
    bool leaf_only;

    if (!where) {
        if (made) {
            invalidate_entry(w, d, addr, made, false);
        }
        return;
    }
    old = guest_read64(&w->f->mem, where);
    leaf_only = level == 1 || !(old & 3) || (old & SPEC_SS_PS);
    if (level == 1 || (level <= 3 && chance(w, 40))) {
        entry = draw_output(w, level) | draw_flags(w);
        entry |= level > 1 ? SPEC_SS_PS : 0;
        w->last = "a page";
    } else if ((old & 3) && !(old & SPEC_SS_PS) && chance(w, 40)) {
        /* other rights over the same table */
        entry = (old & ~UINT64_C(3)) | below(w, 4);
        leaf_only = false;
        w->last = "a table's rights";
    } else if (level > 1 && chance(w, 60)) {
        entry = new_table(w, d) | SPEC_SS_R | SPEC_SS_W;
        entry |= chance(w, 5) ? SPEC_SS_PS & -(uint64_t)(level > 3) : 0;
        entry |= chance(w, 2) ? SPEC_SS_SNP : 0;
        leaf_only = false;
        w->last = "a table";
    }
    if (level == 1 && chance(w, 15)) {
        entry = 0;
        w->last = "an unmapped page";
    }
    guest_write64(&w->f->mem, where, entry);

    if (!made && !(old & 3) && !w->config.caching_mode && chance(w, 70)) {
        /* not-present entries are not cached [VTD 6.1] */
        w->last = "a first mapping";
        return;
    }
    disturb(w);
    /* the tables made on the way were not present before */
    if (made && w->config.caching_mode) {
        invalidate_entry(w, d, addr, made, false);
    } else {
        invalidate_entry(w, d, addr, level, leaf_only);
    }
}

/* Map most of the addresses in new tables, before anybody sees them. */
static void populate(World *w, Domain *d)
{
    for (unsigned i = 0; i < ADDRESSES; i++) {
        uint64_t addr = w->addresses[i] & (SPEC_BIT(12 + 9 * d->levels) - 1);
        unsigned level = chance(w, 80) ? 1 : 2;
        unsigned made;
        uint64_t where = entry_address(w, d, addr, level, &made);

        if (where && chance(w, 80)) {
            guest_write64(&w->f->mem, where,
                          draw_output(w, level) | SPEC_SS_R | SPEC_SS_W |
                              (level > 1 ? SPEC_SS_PS : 0));
        }
    }
}

static void write_context(World *w, Source *s)
{
    const Domain *d = &w->domains[s->domain];
    uint64_t fpd = chance(w, 10) ? SPEC_CTX_FPD : 0;
    GuestContext ctx = { .fpd = fpd != 0 };
    unsigned widest = w->config.aw_bits == 39 ? 3 :
                      w->config.aw_bits == 48 ? 4 : 5;
    uint64_t lo = SPEC_CTX_P, hi = SPEC_AW_39;

    switch (s->binding) {
    case BIND_DOMAIN:
        ctx.table = d->table;
        ctx.levels = (uint8_t)d->levels;
        ctx.domain = d->id;
        ctx.tt = w->config.device_iotlb && chance(w, 30) ? SPEC_TT_DEVTLB
                                                         : SPEC_TT_MULTI;
        s->tag = d->id;
        break;
    case BIND_PASS:
        ctx.tt = SPEC_TT_PASS;
        ctx.levels = (uint8_t)widest;
        ctx.domain = 0x77;
        s->tag = w->config.pass_through ? 0x77 : 0;
        break;
    case BIND_BROKEN:
        s->tag = 0;
        switch (below(w, 4)) {
        case 0:
            lo |= UINT64_C(1) << (4 + below(w, 8));
            break;
        case 1:
            hi |= UINT64_C(1) << (24 + below(w, 40));
            break;
        case 2:
            lo |= SPEC_CTX_TT;
            break;
        default:
            hi = chance(w, 50) ? 0 : 4 + below(w, 4);
            break;
        }
        g_assert_true(guest_context_set_raw(&w->f->alloc, w->root, s->id,
                                            lo | fpd, hi));
        return;
    default:
        s->tag = 0;
        g_assert_true(guest_context_set_raw(&w->f->alloc, w->root, s->id,
                                            fpd, 0));
        return;
    }
    g_assert_true(guest_context_set(&w->f->alloc, w->root, s->id, &ctx));
}

static void draw_binding(World *w, Source *s)
{
    unsigned kind = below(w, 20);

    s->domain = below(w, DOMAINS);
    s->binding = kind < 15 ? BIND_DOMAIN :
                 kind < 17 ? BIND_PASS :
                 kind < 18 ? BIND_BROKEN : BIND_NONE;
}

static void change_context(World *w)
{
    Source *s = &w->sources[below(w, SOURCES)];
    Source old = *s;
    bool first = old.binding == BIND_NONE;

    w->last = "a context entry";
    draw_binding(w, s);
    write_context(w, s);
    if (first && !w->config.caching_mode && chance(w, 70)) {
        w->last = "a first context entry";
        return;
    }
    disturb(w);
    invalidate_context(w, s, old.tag);
    invalidate_domain(w, old.tag);
}

/* Give a domain another table: everything that names it changes at once. */
static void change_domain(World *w)
{
    Domain *d = &w->domains[below(w, DOMAINS)];
    unsigned levels = 3 + below(w, (w->config.aw_bits - 39) / 9 + 1u);
    uint64_t table = guest_ss_new(&w->f->alloc);

    if (!table) {
        return;
    }
    w->last = "a domain's table";
    d->table = table;
    d->levels = levels;
    d->seen_n = 0;
    d->aliased = false;
    populate(w, d);
    for (unsigned i = 0; i < SOURCES; i++) {
        if (w->sources[i].binding == BIND_DOMAIN &&
            &w->domains[w->sources[i].domain] == d) {
            write_context(w, &w->sources[i]);
        }
    }
    disturb(w);
    for (unsigned i = 0; i < SOURCES; i++) {
        if (w->sources[i].binding == BIND_DOMAIN &&
            &w->domains[w->sources[i].domain] == d) {
            invalidate_context(w, &w->sources[i], d->id);
        }
    }
    invalidate_domain(w, d->id);
}

static void change_root(World *w)
{
    uint64_t root = guest_root_new(&w->f->alloc);
    const Inv context = { .context = true, .gran = SPEC_GRAN_GLOBAL };
    const Inv iotlb = { .gran = SPEC_GRAN_GLOBAL };

    if (!root) {
        return;
    }
    w->last = "the root table";
    w->root = root;
    for (unsigned i = 0; i < SOURCES; i++) {
        if (chance(w, 20)) {
            draw_binding(w, &w->sources[i]);
        }
        write_context(w, &w->sources[i]);
    }
    if (chance(w, 15)) {    /* a broken root entry for one bus */
        uint64_t at = root + (w->sources[0].id >> 8) * 16;

        switch (below(w, 4)) {
        case 0:
            guest_write64(&w->f->mem, at + 8, 1);
            break;
        case 1:
            guest_write64(&w->f->mem, at,
                          guest_read64(&w->f->mem, at) | 0x800);
            break;
        case 2:
            guest_write64(&w->f->mem, at, w->f->ram.size | SPEC_ROOT_P);
            break;
        default:
            guest_write64(&w->f->mem, at, 0);
            break;
        }
    }
    g_assert_true(guest_set_root(&w->f->regs, root));
    w->ref.rtaddr = root;
    if (w->config.enhanced_set_pointer) {
        return;
    }
    disturb(w);
    invalidate(w, &context);
    invalidate(w, &iotlb);
}

static void change_enable(World *w)
{
    w->last = "translation off";
    g_assert_true(guest_command(&w->f->regs, 0, SPEC_GCMD_TE));
    w->ref.gsts = guest_reg32(&w->f->regs, SPEC_GSTS);
    world_compare(w, 4);
    w->last = "translation on";
    g_assert_true(guest_command(&w->f->regs, SPEC_GCMD_TE, 0));
    w->ref.gsts = guest_reg32(&w->f->regs, SPEC_GSTS);
}

/* Start again with empty tables in memory that was used before. */
void world_reprogram(World *w)
{
    const Inv context = { .context = true, .gran = SPEC_GRAN_GLOBAL };
    const Inv iotlb = { .gran = SPEC_GRAN_GLOBAL };

    w->last = "new tables";
    w->f->alloc.next = w->pages;
    for (unsigned i = 0; i < DOMAINS; i++) {
        Domain *d = &w->domains[i];

        d->id = (uint16_t)(i == 3 ? 0xffff : i + 1);
        d->levels = 3 + below(w, (w->config.aw_bits - 39) / 9 + 1u);
        d->table = guest_ss_new(&w->f->alloc);
        d->seen_n = 0;
        d->aliased = false;
        populate(w, d);
    }
    w->root = guest_root_new(&w->f->alloc);
    for (unsigned i = 0; i < SOURCES; i++) {
        draw_binding(w, &w->sources[i]);
        write_context(w, &w->sources[i]);
    }
    g_assert_true(guest_set_root(&w->f->regs, w->root));
    w->ref.rtaddr = w->root;
    invalidate(w, &context);
    invalidate(w, &iotlb);
}

void world_change(World *w)
{
    unsigned kind = below(w, 100);

    if (w->f->alloc.end - w->f->alloc.next < 256 * 4096) {
        world_reprogram(w);
    } else if (kind < 75) {
        change_entry(w);
    } else if (kind < 90) {
        change_context(w);
    } else if (kind < 95) {
        change_domain(w);
    } else if (kind < 98) {
        change_root(w);
    } else {
        change_enable(w);
    }
}

