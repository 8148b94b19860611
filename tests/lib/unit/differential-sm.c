/* SPDX-License-Identifier: BSD-3-Clause */
#include "differential-sm.h"

/* --- PASID, context and root entries ------------------------------------- */

static void write_broken(SmWorld *w, uint64_t at)
{
    uint64_t word[8] = { SPEC_PASID_P, SPEC_BITS(15, 8) };

    switch (sm_below(w, 4)) {
    case 0:
        word[0] |= SPEC_BIT(10 + sm_below(w, 2));
        break;
    case 1:
        word[3 + sm_below(w, 5)] = SPEC_BIT(sm_below(w, 64));
        break;
    case 2:
        word[0] |= (uint64_t)(5 + sm_below(w, 3)) << SPEC_PASID_PGTT_SHIFT;
        break;
    default:
        word[0] |= SPEC_PGTT_SECOND << SPEC_PASID_PGTT_SHIFT |
                   (uint64_t)(4 + sm_below(w, 4)) << SPEC_PASID_AW_SHIFT;
        break;
    }
    for (unsigned i = 8; i-- > 0;) {
        guest_write64(&w->f->mem, at + 8 * i, word[i]);
    }
}

static void write_slot(SmWorld *w, unsigned dir, unsigned i)
{
    SmSlot *slot = &w->slots[dir][i];
    const SmSpace *s = &w->spaces[i % SM_SPACES];
    uint64_t at = guest_pasid_addr(&w->config_alloc, w->dirs[dir],
                                   sm_pasids[i]);
    unsigned domain = slot->binding == SM_NESTED ? s->domain : slot->domain;
    const SmDomain *d = &w->domains[domain];
    GuestPasid p = { .flags2 = s->flags2 };

    g_assert_cmpuint(at, !=, 0);
    p.flags0 = sm_chance(w, 5) ? SPEC_PASID_FPD : 0;
    p.flags1 = s->flags1;
    if (slot->binding == SM_FIRST || slot->binding == SM_NESTED) {
        p.fs = s->table + (s->nested ? SM_WINDOW : 0);
        p.fs_levels = (uint8_t)s->levels;
    }
    if (slot->binding == SM_SECOND || slot->binding == SM_NESTED) {
        p.ss = d->table;
        p.ss_levels = (uint8_t)d->levels;
        p.flags0 |= d->bits ? SPEC_PASID_SSADE : 0;
    }
    slot->tag = 0;
    switch (slot->binding) {
    case SM_FIRST:
        p.pgtt = SPEC_PGTT_FIRST;
        p.domain = s->id;
        break;
    case SM_SECOND:
        p.pgtt = SPEC_PGTT_SECOND;
        p.domain = d->id;
        break;
    case SM_NESTED:
        p.pgtt = SPEC_PGTT_NESTED;
        p.domain = d->id;
        break;
    case SM_PASS:
        p.pgtt = SPEC_PGTT_PASS;
        p.domain = SM_PASS_DOMAIN;
        p.ss_levels = (uint8_t)((w->config.aw_bits - 12) / 9);
        break;
    case SM_BROKEN:
        write_broken(w, at);
        return;
    default:
        guest_write64(&w->f->mem, at, p.flags0);
        return;
    }
    slot->tag = p.domain;
    g_assert_true(guest_pasid_set(&w->config_alloc, w->dirs[dir],
                                  sm_pasids[i], &p));
}

static void draw_slot(SmWorld *w, SmSlot *slot, unsigned i)
{
    const SmSpace *s = &w->spaces[i % SM_SPACES];
    unsigned kind = sm_below(w, 30);
    bool second = !w->config.first_stage || w->config.nested;

    slot->domain = sm_below(w, SM_DOMAINS);
    if (kind < 2) {
        slot->binding = sm_chance(w, 50) ? SM_NOTHING : SM_BROKEN;
    } else if (kind < 4) {
        slot->binding = SM_PASS;
    } else if (second && (kind < 11 || !w->config.first_stage)) {
        slot->binding = SM_SECOND;
    } else {
        slot->binding = s->nested ? SM_NESTED : SM_FIRST;
    }
}

static void change_slot(SmWorld *w)
{
    unsigned dir = sm_below(w, SM_DIRS), i = sm_below(w, SM_SLOTS);
    SmSlot *slot = &w->slots[dir][i], old = *slot;

    w->last = "a PASID entry";
    sm_before(w);
    draw_slot(w, slot, i);
    write_slot(w, dir, i);
    if (old.binding <= SM_BROKEN && !w->config.caching_mode &&
        sm_chance(w, 70)) {
        w->last = "a first PASID entry";
        return;
    }
    sm_between(w);
    sm_flush_slot(w, i, &old, slot);
}

static void write_source(SmWorld *w, SmSource *s)
{
    uint64_t word[4] = {
        w->dirs[s->dir] | SPEC_SM_CTX_P |
            SM_DIR_SIZE << SPEC_SM_CTX_PDTS_SHIFT,
    };

    if (w->config.pasid_bits && sm_chance(w, 95)) {
        word[0] |= SPEC_SM_CTX_PASIDE;
    }
    if (w->config.device_iotlb && sm_chance(w, 30)) {
        word[0] |= SPEC_SM_CTX_DTE;
    }
    word[0] |= sm_chance(w, 5) ? SPEC_SM_CTX_FPD : 0;
    if (sm_chance(w, w->config.rid_priv ? 15 : 2)) {
        word[1] |= SPEC_SM_CTX1_RID_PRIV;
    }
    s->bound = true;
    if (sm_chance(w, 4)) {
        switch (sm_below(w, 5)) {
        case 0:
            word[0] |= SPEC_BIT(5 + sm_below(w, 4));
            break;
        case 1:
            word[1 + sm_below(w, 3)] |= SPEC_BIT(21 + sm_below(w, 43));
            break;
        case 2:
            word[0] |= SPEC_SM_CTX_DIR & w->f->ram.size;
            break;
        default:
            word[0] &= SPEC_SM_CTX_FPD;
            s->bound = false;
            break;
        }
    }
    g_assert_true(guest_sm_context_set(&w->config_alloc, w->root, s->id,
                                       word));
}

static void change_source(SmWorld *w)
{
    SmSource *s = &w->sources[sm_below(w, SM_SOURCES)];
    SmSource old = *s;

    w->last = "a context entry";
    sm_before(w);
    s->dir = sm_below(w, SM_DIRS);
    write_source(w, s);
    if (!old.bound && !w->config.caching_mode && sm_chance(w, 70)) {
        w->last = "a first context entry";
        return;
    }
    sm_between(w);
    if (sm_chance(w, 60)) {
        guest_queue_context(&w->f->queue, SPEC_GRAN_DEVICE, 0, s->id, 0);
    } else {
        guest_queue_context(&w->f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    }
    sm_flush_dir(w, old.dir);
}

/* A directory entry goes, and comes back. */
static void change_directory(SmWorld *w)
{
    unsigned dir = sm_below(w, SM_DIRS);
    uint64_t at = w->dirs[dir] + sm_pasids[sm_below(w, SM_SLOTS)] /
                                 SPEC_PASIDS_PER_TABLE * 8;
    uint64_t old = guest_read64(&w->f->mem, at), entry = old;

    w->last = "a directory entry";
    switch (sm_below(w, 4)) {
    case 0:
        entry |= SPEC_BIT(2 + sm_below(w, 10));
        break;
    case 1:
        entry = SPEC_DIR_P | w->f->ram.size;
        break;
    case 2:
        entry |= SPEC_DIR_FPD;
        break;
    default:
        entry = sm_chance(w, 50) ? SPEC_DIR_FPD : 0;
        break;
    }
    guest_write64(&w->f->mem, at, entry);
    sm_flush_dir(w, dir);
    sm_compare(w, 8);
    guest_write64(&w->f->mem, at, old);
    sm_flush_dir(w, dir);
}

/* Give a space another table: all that name it change at once. */
static void change_tables(SmWorld *w)
{
    bool first = w->config.first_stage && sm_chance(w, 60);
    unsigned n = first ? sm_below(w, SM_SPACES) : sm_below(w, SM_DOMAINS);

    w->last = first ? "a first stage" : "a second stage";
    if (first) {
        sm_draw_space(w, &w->spaces[n]);
    } else {
        sm_draw_domain(w, &w->domains[n]);
    }
    for (unsigned dir = 0; dir < SM_DIRS; dir++) {
        for (unsigned i = 0; i < SM_SLOTS; i++) {
            SmSlot old = w->slots[dir][i], *slot = &w->slots[dir][i];

            if (old.binding == SM_FIRST || old.binding == SM_NESTED) {
                slot->binding = w->spaces[i % SM_SPACES].nested ? SM_NESTED
                                                                : SM_FIRST;
            }
            if (old.binding <= SM_BROKEN || old.binding == SM_PASS ||
                (first && (old.binding == SM_SECOND || i % SM_SPACES != n))) {
                continue;
            }
            write_slot(w, dir, i);
            sm_flush_slot(w, i, &old, slot);
        }
    }
    if (w->aliased) {       /* pages of the new tree may be another's, too */
        sm_flush(w);
    }
}

static void new_root(SmWorld *w)
{
    w->root = guest_root_new(&w->config_alloc);
    g_assert_cmpuint(w->root, !=, 0);
    for (unsigned i = 0; i < SM_SOURCES; i++) {
        write_source(w, &w->sources[i]);
    }
    if (sm_chance(w, 10)) {     /* a broken root entry for one source */
        uint64_t at = w->root + (w->sources[0].id >> 7) * 8;
        static const uint64_t broken[] = { 0, SPEC_BIT(5), SPEC_BIT(11) };
        unsigned kind = sm_below(w, 4);

        guest_write64(&w->f->mem, at,
                      kind == 3 ? w->f->ram.size | SPEC_ROOT_P :
                      kind == 0 ? 0 :
                      guest_read64(&w->f->mem, at) | broken[kind]);
    }
    w->ref.rtaddr = w->root | SPEC_TTM_SCALABLE << SPEC_RTADDR_TTM_SHIFT;
    g_assert_true(guest_set_root(&w->f->regs, w->ref.rtaddr));
}

static void change_root(SmWorld *w)
{
    w->last = "the root table";
    sm_before(w);
    new_root(w);
    if (!w->config.enhanced_set_pointer) {
        sm_between(w);
        sm_flush(w);
    }
}

/*
 * A bit of a PASID table entry, but none by which two entries with the same
 * domain-id or PASID would name different tables or treat them differently:
 * that is an error of software.
 */
static uint64_t draw_pasid_bit(SmWorld *w, uint64_t entry, uint64_t *bit)
{
    static const uint64_t bits[3] = {
        3 | SPEC_BIT(5) | SPEC_BITS(11, 10) | SPEC_BITS(63, 52),
        SPEC_BITS(63, 25) | SPEC_BITS(22, 16),
        SPEC_BIT(6) | SPEC_BITS(11, 8) | SPEC_BITS(63, 52),
    };
    unsigned word = sm_below(w, 8);

    do {
        *bit = SPEC_BIT(sm_below(w, 64));
    } while (word < 3 && !(*bit & bits[word]));
    return entry + 8 * word;
}

/* A bit of some entry on some request's way, for a while. */
static void change_anything(SmWorld *w)
{
    bool was_aliased = w->aliased;
    VtdRefAnswer ref;
    SmRequest r;
    uint64_t at, old, bit = SPEC_BIT(sm_below(w, 64)), entry;

    sm_draw_request(w, &r);
    vtd_ref_request(&w->ref, r.source, r.pasid, r.addr, r.access, &ref);
    entry = guest_pasid_addr(&w->config_alloc, w->dirs[sm_below(w, SM_DIRS)],
                             sm_pasids[sm_below(w, SM_SLOTS)]);
    at = ref.touches && sm_chance(w, 70)
             ? ref.touch[sm_below(w, ref.touches)].addr
             : draw_pasid_bit(w, entry, &bit);
    if (at < w->config_first || at >= w->f->ram.size) {
        return;
    }
    w->last = "a random bit";
    w->aliased = true;
    old = guest_read64(&w->f->mem, at);
    guest_write64(&w->f->mem, at,
                  at < FIXTURE_TABLES || sm_chance(w, 90)
                      ? old ^ bit : sm_rand64(w));
    sm_flush(w);
    sm_compare(w, 10);
    guest_write64(&w->f->mem, at, old);
    sm_flush(w);
    w->aliased = was_aliased;
}

void sm_reprogram(SmWorld *w)
{
    w->last = "new tables";
    guest_alloc_init(&w->f->alloc, &w->f->mem, FIXTURE_TABLES,
                     16 << 20);
    w->config_alloc.next = w->config_first;
    w->seen_n = 0;
    w->aliased = false;
    for (unsigned i = 0; i < SM_DOMAINS; i++) {
        w->domains[i].id = (uint16_t)(i == 2 ? 0xffff : i + 1);
        sm_draw_domain(w, &w->domains[i]);
    }
    for (unsigned i = 0; i < SM_SPACES; i++) {
        w->spaces[i].id = (uint16_t)(0x100 + i);
        sm_draw_space(w, &w->spaces[i]);
    }
    for (unsigned dir = 0; dir < SM_DIRS; dir++) {
        w->dirs[dir] = guest_pasid_dir_new(&w->config_alloc, SM_DIR_SIZE);
        for (unsigned i = 0; i < SM_SLOTS; i++) {
            draw_slot(w, &w->slots[dir][i], i);
            write_slot(w, dir, i);
        }
    }
    for (unsigned i = 0; i < SM_SOURCES; i++) {
        w->sources[i].dir = i % SM_DIRS;
    }
    new_root(w);
    sm_flush(w);
}

void sm_change(SmWorld *w)
{
    unsigned kind = sm_below(w, 100);

    if (w->f->alloc.end - w->f->alloc.next < 512 * 4096 ||
        w->config_alloc.end - w->config_alloc.next < 64 * 4096 ||
        (w->aliased && sm_chance(w, 3))) {
        sm_reprogram(w);
    } else if (kind < 35 && w->config.first_stage) {
        sm_change_space(w);
    } else if (kind < 65) {
        sm_change_domain(w);
    } else if (kind < 78) {
        change_slot(w);
    } else if (kind < 85) {
        change_source(w);
    } else if (kind < 88) {
        change_directory(w);
    } else if (kind < 91) {
        change_tables(w);
    } else if (kind < 93) {
        change_root(w);
    } else {
        change_anything(w);
    }
}
