/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Translation tables (3.4, and VMSAv8-64 of the Arm architecture): one walker
 * for both stages.  When nested, each address that stage 1 makes, of a
 * table or of the page, is an input of stage 2, which remembers its own
 * translations in the IOTLB.
 */
#include <errno.h>

#include "hw/iommu/smmuv3/unit.h"

typedef struct Walk {
    SmmuUnit *u;
    const SmmuContext *c;
    const SmmuWanted *wanted;
    SmmuFault *fault;
    const SmmuTable *table;
    bool second;            /* stage 2's tables */
    bool nested;            /* stage 1's, over stage 2 */
    bool one_table;         /* EL2 alone */
    uint8_t class;          /* of what stage 2 is asked for */
    uint8_t out_bits;
    uint8_t needs;
    uint64_t addr;
    ViommuTag tag;          /* of its tables in the cache */
    uint64_t top;
    /* where it is */
    unsigned level;
    uint64_t at;            /* descriptor: host address */
    uint64_t at_ipa;        /* the same before stage 2; when nested, ... */
    bool ipa_known;         /* ... not of a table from the cache */
    bool restart;           /* without the cache */
    uint8_t limit;          /* what the levels above leave; SMMU_MAP_... */
} Walk;

static bool second_stage(SmmuUnit *u, const SmmuContext *c, uint64_t ipa,
                         const SmmuWanted *wanted, uint8_t class,
                         SmmuMapping *m, SmmuFault *fault);

static bool fail(const Walk *w, SmmuEventId id, uint8_t class)
{
    *w->fault = (SmmuFault) {
        .id = id, .class = w->second ? w->class : class, .s2 = w->second,
        .ipa = w->second ? w->addr : 0,
        .table_read = id == SMMU_F_PERMISSION && w->second &&
                      w->class == SMMU_CLASS_TT &&
                      !(w->needs & (SMMU_MAP_UW | SMMU_MAP_PW)),
    };
    return false;
}

/* The table at w->at_ipa could not be read or written. */
static bool fail_fetch(const Walk *w)
{
    *w->fault = (SmmuFault) {
        .id = SMMU_F_WALK_EABT, .s2 = w->second, .ipa = w->at,
        .class = w->second ? w->class : SMMU_CLASS_TT,
    };
    return false;
}

static void remember_table(const Walk *w, uint64_t table, uint16_t flags)
{
    smmu_table_fill(w->u, &w->tag, w->table, w->top, w->addr, w->level, table,
                    w->limit | flags, w->wanted);
}

/* Go to the descriptor for w->addr in the table at @base; @fresh, from a
 * descriptor. */
static bool enter(Walk *w, uint64_t base, unsigned level, bool fresh)
{
    const SmmuTable *t = w->table;
    unsigned shift = smmu_level_shift(t, level);
    unsigned bits = level == t->start_level ? t->input_bits - shift
                                            : (unsigned)t->granule - 3;
    uint64_t size = UINT64_C(8) << bits;
    const SmmuWanted reading = {
        .access = VIOMMU_READ, .probe = w->wanted->probe,
        .seen = w->wanted->seen,
    };
    SmmuMapping m;

    w->level = level;
    w->at_ipa = (base & ~(size - 1)) |
                ((w->addr >> shift) & ((UINT64_C(1) << bits) - 1)) * 8;
    w->at = w->at_ipa;
    w->ipa_known = true;
    if (!w->nested) {
        if (fresh) {
            remember_table(w, base, 0);
        }
        return true;
    }
    if (!second_stage(w->u, w->c, w->at_ipa, &reading, SMMU_CLASS_TT, &m,
                      w->fault)) {
        return false;
    }
    w->at = m.page | (w->at_ipa & viommu_bits(m.shift - 1, 0));
    if (fresh && m.shift >= t->granule) {
        remember_table(w, w->at & ~(size - 1), 0);
    } else if (fresh) {
        remember_table(w, base, SMMU_TABLE_IPA);
    }
    return true;
}

/* Go to where a walk can start: a cached table, or the first one. */
static bool start(Walk *w)
{
    const SmmuTable *t = w->table;
    ViommuTable found;
    unsigned level;

    if (w->restart ||
        !smmu_table_find(w->u, &w->tag, t, w->top, w->addr, &found, &level)) {
        w->restart = false;
        w->limit = SMMU_MAP_ALL;
        return enter(w, t->ttb, t->start_level, false);
    }
    w->limit = found.flags & SMMU_MAP_ALL;
    if (found.flags & SMMU_TABLE_IPA) {
        return enter(w, found.addr, level, false);
    }
    w->level = level;
    w->at = found.addr | ((w->addr >> smmu_level_shift(t, level)) &
                          viommu_bits(t->granule - 4, 0)) * 8;
    w->at_ipa = w->at;
    w->ipa_known = !w->nested;
    return true;
}

/* The address in a descriptor; with the 64 KiB granule, bits 51:48 stand in
 * bits 15:12. */
static uint64_t descriptor_addr(const SmmuTable *t, uint64_t word)
{
    uint64_t addr = word & viommu_bits(47, t->granule);

    return t->granule == 16 ? addr | (word & viommu_bits(15, 12)) << 36
                            : addr;
}

static bool may_be_block(const Walk *w)
{
    return w->level == 2 ||
           (w->level == 1 && (w->table->granule == 12 ||
                              (w->table->granule == 16 &&
                               w->u->cfg.oas_bits == 52)));
}

/* --- Permissions --------------------------------------------------------- */

/* What stage 1 reads for itself is not to be Device memory (STE.S2PTW). */
static bool is_protected(const Walk *w, uint64_t word)
{
    return (w->c->flags & SMMU_CTX_S2_PTW) && w->class != SMMU_CLASS_IN &&
           !(word & (w->c->flags & SMMU_CTX_S2_FWB ? SMMU_PTE_S2_NORMAL_FWB
                                                   : SMMU_PTE_S2_NORMAL));
}

static uint8_t s2_flags(const Walk *w, uint64_t word, bool dirty_managed)
{
    static const uint8_t exec[4] = {
        SMMU_MAP_UX | SMMU_MAP_PX, SMMU_MAP_UX, 0, SMMU_MAP_PX,
    };
    bool write = (word & SMMU_PTE_S2_WRITE) || dirty_managed;

    if (is_protected(w, word)) {
        return 0;
    }
    return (word & SMMU_PTE_S2_READ ? SMMU_MAP_UR | SMMU_MAP_PR : 0) |
           (write ? SMMU_MAP_UW | SMMU_MAP_PW : 0) |
           (word & SMMU_PTE_S2_READ ? exec[word >> 53 & 3] : 0);
}

/* EL2 alone: there are no users, so whoever asks has privilege. */
static uint8_t one_table_flags(const Walk *w, uint64_t word, bool write)
{
    uint8_t flags = SMMU_MAP_UR | SMMU_MAP_PR;

    if (write) {
        flags |= SMMU_MAP_UW | SMMU_MAP_PW;
    }
    if (!(word & SMMU_PTE_UXN) && !(write && (w->c->flags & SMMU_CTX_WXN))) {
        flags |= SMMU_MAP_UX | SMMU_MAP_PX;
    }
    return flags & w->limit;
}

static uint8_t s1_flags(const Walk *w, uint64_t word, bool dirty_managed)
{
    uint32_t ctx = w->c->flags;
    /* What the tables above take away is as if the page did. */
    bool user = (word & SMMU_PTE_AP1) && (w->limit & SMMU_MAP_UR);
    bool write = (!(word & SMMU_PTE_AP2) || dirty_managed) &&
                 (w->limit & SMMU_MAP_PW);
    uint8_t flags = SMMU_MAP_PR | SMMU_MAP_PX | SMMU_MAP_UX |
                    (write ? SMMU_MAP_PW : 0);

    if (w->one_table) {
        return one_table_flags(w, word, write);
    }
    if (user) {
        flags |= SMMU_MAP_UR | (write ? SMMU_MAP_UW : 0);
    }
    /* What a user can write, nobody executes with privilege. */
    if ((word & SMMU_PTE_PXN) || (user && write)) {
        flags &= ~SMMU_MAP_PX;
    }
    if (word & SMMU_PTE_UXN) {
        flags &= ~SMMU_MAP_UX;
    }
    if ((ctx & SMMU_CTX_WXN) && (flags & SMMU_MAP_PW)) {
        flags &= ~SMMU_MAP_PX;
    }
    if ((ctx & SMMU_CTX_WXN) && (flags & SMMU_MAP_UW)) {
        flags &= ~SMMU_MAP_UX;
    }
    if ((ctx & SMMU_CTX_UWXN) && (flags & SMMU_MAP_UW)) {
        flags &= ~SMMU_MAP_PX;
    }
    if ((ctx & SMMU_CTX_PAN) && user) {
        /* Of data only: what is executed is decided by now. */
        flags &= ~(SMMU_MAP_PR | SMMU_MAP_PW);
    }
    return flags & w->limit;
}

/* What a table descriptor of stage 1 leaves to the levels below. */
static void limit_by_table(Walk *w, uint64_t word)
{
    if (w->second || w->table->had) {
        return;
    }
    if (word & SMMU_TABLE_AP1) {
        w->limit &= ~(SMMU_MAP_UW | SMMU_MAP_PW);
    }
    if (w->one_table) {
        /* The bits about users are none. */
        if (word & SMMU_TABLE_UXN) {
            w->limit &= ~(SMMU_MAP_UX | SMMU_MAP_PX);
        }
        return;
    }
    if (word & SMMU_TABLE_AP0) {
        w->limit &= ~(SMMU_MAP_UR | SMMU_MAP_UW);
    }
    if (word & SMMU_TABLE_UXN) {
        w->limit &= ~SMMU_MAP_UX;
    }
    if (word & SMMU_TABLE_PXN) {
        w->limit &= ~SMMU_MAP_PX;
    }
}

/* --- Access flag and dirty state (3.13) ---------------------------------- */

static bool has(const Walk *w, uint32_t s1, uint32_t s2)
{
    return w->c->flags & (w->second ? s2 : s1);
}

/* The table's page must be writable by stage 2. */
static bool table_writable(Walk *w)
{
    const SmmuWanted writing = {
        .access = VIOMMU_READ | VIOMMU_WRITE,
        .seen = w->wanted->seen,
    };
    SmmuMapping m;

    return !w->nested ||
           second_stage(w->u, w->c, w->at_ipa, &writing, SMMU_CLASS_TT, &m,
                        w->fault);
}

/* Change @word in memory.  1: done; 0: look again at *@word; -1: fault. */
static int update(Walk *w, uint64_t *word, uint64_t with)
{
    int ret;

    if (!w->ipa_known) {
        w->restart = true;
        return 0;
    }
    if (!table_writable(w)) {
        return -1;
    }
    ret = viommu_cas64(&w->u->common, w->at, word, with);
    if (!ret) {
        *word = with;
        return 1;
    }
    if (ret == -EAGAIN) {
        return 0;
    }
    fail_fetch(w);
    return -1;
}

/* The dirty bit that a write sets: stage 1 clears "read-only". */
static uint64_t made_dirty(const Walk *w, uint64_t word)
{
    return w->second ? word | SMMU_PTE_S2_WRITE
                     : word & ~(uint64_t)SMMU_PTE_AP2;
}

static bool is_clean(const Walk *w, uint64_t word)
{
    return has(w, SMMU_CTX_S1_HD, SMMU_CTX_S2_HD) && (word & SMMU_PTE_DBM) &&
           (w->second ? !(word & SMMU_PTE_S2_WRITE)
                      : (word & SMMU_PTE_AP2) != 0);
}

/* --- A leaf -------------------------------------------------------------- */

static unsigned contiguous_bits(const SmmuTable *t, unsigned level)
{
    return t->granule == 12 ? 4 : t->granule == 16 ? 5 :
           level == SMMU_LAST_LEVEL ? 7 : 5;
}

/* A contiguous run, when this descriptor stands where its address says. */
static void widen(const Walk *w, uint64_t word, SmmuMapping *m)
{
    unsigned shift = m->shift + contiguous_bits(w->table, w->level);
    uint64_t bits = viommu_bits(shift - 1, m->shift);

    if ((word & SMMU_PTE_CONTIGUOUS) && shift <= w->table->input_bits &&
        !((m->page ^ w->addr) & bits)) {
        m->page &= ~bits;
        m->shift = shift;
    }
}

/*
 * Decide about a leaf; *@again asks for another look at a changed word.
 * Priorities: address size, access flag, permission.
 */
static bool leaf(Walk *w, uint64_t *word, SmmuMapping *m, bool *again)
{
    unsigned shift = smmu_level_shift(w->table, w->level);
    bool writes = w->needs & (SMMU_MAP_UW | SMMU_MAP_PW), clean;
    uint64_t with = *word;

    *again = false;
    m->cut = 0;
    m->shift = shift;
    m->page = descriptor_addr(w->table, *word) & ~viommu_bits(shift - 1, 0);
    if (m->page >> w->out_bits) {
        return fail(w, SMMU_F_ADDR_SIZE, SMMU_CLASS_IN);
    }
    if (!(*word & SMMU_PTE_AF)) {
        if (has(w, SMMU_CTX_S1_HA, SMMU_CTX_S2_HA)) {
            with |= SMMU_PTE_AF;
        } else if (!has(w, SMMU_CTX_S1_AFFD, SMMU_CTX_S2_AFFD)) {
            return fail(w, SMMU_F_ACCESS, SMMU_CLASS_IN);
        }
    }
    clean = is_clean(w, *word);
    m->flags = w->second ? s2_flags(w, *word, clean)
                         : s1_flags(w, *word, clean);
    if (w->needs & ~m->flags) {
        return fail(w, SMMU_F_PERMISSION, SMMU_CLASS_IN);
    }
    if (clean && writes) {
        with = made_dirty(w, with);
    }
    if (with != *word && !w->wanted->probe) {
        int done = update(w, word, with);

        *again = done == 0;
        if (done <= 0) {
            return done == 0;
        }
        clean = is_clean(w, *word);
    }
    if (clean && !writes && !w->wanted->probe) {
        /* The first write must come here again. */
        m->flags &= ~(SMMU_MAP_UW | SMMU_MAP_PW);
    }
    if (!w->second && !w->one_table && !(*word & SMMU_PTE_NG)) {
        m->flags |= SMMU_MAP_GLOBAL;
    }
    widen(w, *word, m);
    return true;
}

/* One stage, from its first table to the page. */
static bool walk_tables(Walk *w, SmmuMapping *m)
{
    uint64_t word;
    unsigned tries = 0;

    if (!start(w)) {
        return false;
    }
    viommu_count_roughly(&w->u->common.stats.walks);
    /* At most four levels, again without the cache, and
     * VIOMMU_UPDATE_RETRIES looks at the last one. */
    for (;;) {
        bool again = false, table;

        viommu_count_roughly(&w->u->common.stats.table_reads);
        if (viommu_load64(&w->u->common, w->at, &word, 1)) {
            return fail_fetch(w);
        }
        table = word & SMMU_PTE_TABLE;
        if (!(word & SMMU_PTE_VALID) ||
            (!table && (w->level == SMMU_LAST_LEVEL || !may_be_block(w)))) {
            m->shift = smmu_level_shift(w->table, w->level);
            return fail(w, SMMU_F_TRANSLATION, SMMU_CLASS_IN);
        }
        if (table && w->level < SMMU_LAST_LEVEL) {
            uint64_t next = descriptor_addr(w->table, word);

            if (next >> w->out_bits) {
                return fail(w, SMMU_F_ADDR_SIZE, SMMU_CLASS_IN);
            }
            limit_by_table(w, word);
            if (!enter(w, next, w->level + 1, true)) {
                return false;
            }
            continue;
        }
        if (!leaf(w, &word, m, &again)) {
            return false;
        }
        if (!again) {
            return true;
        }
        if (++tries >= VIOMMU_UPDATE_RETRIES) {
            return fail_fetch(w);
        }
        if (w->restart && !start(w)) {
            return false;
        }
    }
}

/* --- Stages -------------------------------------------------------------- */

static bool second_stage(SmmuUnit *u, const SmmuContext *c, uint64_t ipa,
                         const SmmuWanted *wanted, uint8_t class,
                         SmmuMapping *m, SmmuFault *fault)
{
    Walk w = {
        .u = u, .c = c, .wanted = wanted, .fault = fault,
        .table = &c->s2, .second = true, .class = class,
        .out_bits = c->s2_out_bits, .needs = smmu_needs(wanted->access),
        .addr = ipa, .tag = smmu_stage2_tag(u, c->vmid), .top = c->s2.id,
    };

    /*
     * A nested walk comes here for each page that it meets.  A look at one
     * descriptor of a cached table costs no more than one at the IOTLB,
     * which keeps the whole of the walk.
     */
    m->shift = c->s2.granule;
    if (ipa >> c->s2.input_bits) {
        return fail(&w, SMMU_F_TRANSLATION, class);
    }
    return walk_tables(&w, m);
}

/* Which half of the address space; NULL when the address is in neither. */
static const SmmuTable *choose_table(const SmmuContext *c, uint64_t *addr)
{
    bool upper = *addr >> 55 & 1;
    const SmmuTable *t = &c->s1[upper];
    uint64_t top = viommu_bits(63, t->input_bits);

    *addr = smmu_effective(c, *addr);
    return (*addr & top) == (upper ? top : 0) ? t : NULL;
}

static bool first_stage(SmmuUnit *u, const SmmuContext *c,
                        const SmmuTags *tags, uint64_t addr,
                        const SmmuWanted *wanted, SmmuMapping *m,
                        SmmuFault *fault)
{
    const SmmuTable *t = choose_table(c, &addr);
    Walk w = {
        .u = u, .c = c, .wanted = wanted, .fault = fault, .table = t,
        .nested = c->flags & SMMU_CTX_S2,
        .one_table = c->flags & SMMU_CTX_ONE_TABLE,
        .out_bits = c->ips_bits, .needs = smmu_needs(wanted->access),
        .addr = addr, .tag = tags->own,
    };

    m->shift = 12;
    /* Outside of both halves, or a half that EPD switches off. */
    if (!t || !t->granule) {
        return fail(&w, SMMU_F_TRANSLATION, SMMU_CLASS_IN);
    }
    /* An address before stage 2 is not one without it. */
    w.top = t->id | (uint64_t)w.nested << 63;
    return walk_tables(&w, m);
}

bool smmu_walk(SmmuUnit *u, const SmmuContext *c, const SmmuTags *tags,
               uint64_t addr, const SmmuWanted *wanted, SmmuMapping *m,
               SmmuFault *fault)
{
    SmmuMapping second;
    uint64_t ipa;

    *m = (SmmuMapping) { .shift = 12 };
    if (!(c->flags & SMMU_CTX_S1)) {
        if (addr >> u->cfg.oas_bits) {
            /* Of stage 1, which does not translate (3.4). */
            *fault = (SmmuFault) {
                .id = SMMU_F_ADDR_SIZE, .class = SMMU_CLASS_IN,
            };
            return false;
        }
        return second_stage(u, c, addr, wanted, SMMU_CLASS_IN, m, fault);
    }
    if (!first_stage(u, c, tags, addr, wanted, m, fault)) {
        return false;
    }
    if (!(c->flags & SMMU_CTX_S2)) {
        return true;
    }
    ipa = m->page | (addr & viommu_bits(m->shift - 1, 0));
    if (!second_stage(u, c, ipa, wanted, SMMU_CLASS_IN, &second, fault)) {
        return false;
    }
    /* The smaller of the two sizes, and what both grant. */
    if (second.shift >= m->shift) {
        m->page = second.page | (m->page & viommu_bits(second.shift - 1, 0));
    } else {
        m->page = second.page;
        m->cut = m->shift;
        m->shift = second.shift;
    }
    m->flags &= (second.flags & SMMU_MAP_ALL) | SMMU_MAP_GLOBAL;
    return true;
}

bool smmu_walk_first(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                     const SmmuWanted *wanted, SmmuMapping *m,
                     SmmuFault *fault)
{
    const SmmuTags tags = smmu_tags(u, c);

    return first_stage(u, c, &tags, addr, wanted, m, fault);
}

bool smmu_walk_split(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                     const SmmuWanted *wanted, SmmuMapping *m,
                     SmmuFault *fault)
{
    const SmmuTags tags = smmu_tags(u, c);
    SmmuMapping second;
    uint64_t ipa;

    if (!(c->flags & SMMU_CTX_S1)) {
        *m = (SmmuMapping) {
            .page = addr & ~viommu_bits(11, 0), .shift = 12,
            .flags = SMMU_MAP_ALL,
        };
        if (addr >> u->cfg.oas_bits) {
            fault->id = SMMU_F_ADDR_SIZE;
            return false;
        }
    } else if (!first_stage(u, c, &tags, addr, wanted, m, fault)) {
        return false;
    }
    ipa = m->page | (addr & viommu_bits(m->shift - 1, 0));
    if (!second_stage(u, c, ipa, wanted, SMMU_CLASS_IN, &second, fault)) {
        return false;
    }
    m->shift = MIN(m->shift, second.shift);
    m->page = ipa & ~viommu_bits(m->shift - 1, 0);
    m->flags &= (second.flags & SMMU_MAP_ALL) | SMMU_MAP_GLOBAL;
    return true;
}

bool smmu_walk_for_cd(SmmuUnit *u, const SmmuContext *c, uint64_t *addr,
                      SmmuFault *fault)
{
    const SmmuWanted wanted = {
        .access = VIOMMU_READ, .seen = viommu_tlb_epochs(&u->tlb),
    };
    SmmuMapping m;

    if (!second_stage(u, c, *addr, &wanted, SMMU_CLASS_CD, &m, fault)) {
        return false;
    }
    *addr = m.page | (*addr & viommu_bits(m.shift - 1, 0));
    return true;
}
