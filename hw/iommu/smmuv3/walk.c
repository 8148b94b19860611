/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Translation tables (3.4, and VMSAv8-64 of the Arm architecture): one walker
 * for both stages.  When nested, each address that stage 1 makes, of a
 * table or of the page, is an input of stage 2.
 *
 * Most walks are near an earlier one: the table of the last level is cached,
 * and its descriptor grants what is asked.  That is walk_nearby().  All else,
 * faults among it, is for walk_tables().
 */
#include <errno.h>

#include "hw/iommu/common/span.h"
#include "hw/iommu/smmuv3/descriptor.h"

typedef struct Walk {
    SmmuUnit *u;
    const SmmuContext *c;
    const SmmuWanted *wanted;
    SmmuFault *fault;
    SmmuStage stage;
    SmmuAsked asked;
    ViommuTag tag;          /* of its tables in the cache; and ... */
    uint64_t top;           /* ... where these are found from */
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
    const SmmuStage *s = &w->stage;

    *w->fault = (SmmuFault) {
        .id = id, .class = s->second ? s->class : class, .s2 = s->second,
        .ipa = s->second ? w->asked.addr : 0,
        .table_read = id == SMMU_F_PERMISSION && s->second &&
                      s->class == SMMU_CLASS_TT &&
                      !(w->wanted->needs & SMMU_MAP_WRITE),
    };
    return false;
}

/* The table at w->at_ipa could not be read or written. */
static bool fail_fetch(const Walk *w)
{
    *w->fault = (SmmuFault) {
        .id = SMMU_F_WALK_EABT, .s2 = w->stage.second, .ipa = w->at,
        .class = w->stage.second ? w->stage.class : SMMU_CLASS_TT,
    };
    return false;
}

static void remember_table(const Walk *w, uint64_t table, uint16_t flags)
{
    smmu_table_fill(w->u, &w->tag, &w->stage.table, w->top, w->asked.addr,
                    w->level, table, w->limit | flags, w->wanted);
}

/* Go to the descriptor for the address in the table at @base; @fresh, from a
 * descriptor. */
static bool enter(Walk *w, uint64_t base, unsigned level, bool fresh)
{
    const SmmuTable *t = &w->stage.table;
    unsigned shift = smmu_level_shift(t, level);
    unsigned bits = level == t->start_level ? t->input_bits - shift
                                            : (unsigned)t->granule - 3;
    uint64_t size = UINT64_C(8) << bits;
    const SmmuWanted reading = {
        .needs = SMMU_MAP_UR, .probe = w->wanted->probe,
        .seen = w->wanted->seen,
    };
    SmmuMapping m;

    w->level = level;
    w->at_ipa = (base & ~(size - 1)) |
                ((w->asked.addr >> shift) & ((UINT64_C(1) << bits) - 1)) * 8;
    w->at = w->at_ipa;
    w->ipa_known = true;
    if (!w->stage.nested) {
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

/* The address of the descriptor for @addr in a table, not of the first
 * level, that has been found in the cache. */
static inline uint64_t descriptor_in(const ViommuTable *found,
                                     const SmmuTable *t, unsigned level,
                                     uint64_t addr)
{
    return found->addr | ((addr >> smmu_level_shift(t, level)) &
                          viommu_bits(t->granule - 4, 0)) * 8;
}

/* Go to where a walk can start: a cached table, or the first one. */
static bool start(Walk *w)
{
    const SmmuTable *t = &w->stage.table;
    ViommuTable found;
    unsigned level;

    if (w->restart || !smmu_table_find(w->u, &w->tag, t, w->top,
                                       w->asked.addr, &found, &level)) {
        w->restart = false;
        w->limit = SMMU_MAP_ALL;
        return enter(w, t->ttb, t->start_level, false);
    }
    w->limit = found.flags & SMMU_MAP_ALL;
    if (found.flags & SMMU_TABLE_IPA) {
        return enter(w, found.addr, level, false);
    }
    w->level = level;
    w->at = descriptor_in(&found, t, level, w->asked.addr);
    w->at_ipa = w->at;
    w->ipa_known = !w->stage.nested;
    return true;
}

static bool may_be_block(const Walk *w)
{
    unsigned granule = w->stage.table.granule;

    return w->level == 2 ||
           (w->level == 1 && (granule == 12 ||
                              (granule == 16 && w->u->cfg.oas_bits == 52)));
}

/* --- Access flag and dirty state (3.13) ---------------------------------- */

/* The table's page must be writable by stage 2. */
static bool table_writable(Walk *w)
{
    const SmmuWanted writing = {
        .needs = SMMU_MAP_UR | SMMU_MAP_UW, .dirties = SMMU_MAP_UW,
        .seen = w->wanted->seen,
    };
    SmmuMapping m;

    return !w->stage.nested ||
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

/* --- The walk ------------------------------------------------------------ */

/* Decide about a leaf; *@again asks for another look at a changed word. */
static bool leaf(Walk *w, uint64_t *word, SmmuMapping *m, bool *again)
{
    uint64_t with;
    SmmuEventId id = smmu_leaf(&w->stage, w->level, *word, w->limit,
                               &w->asked, m, &with);
    int done;

    *again = false;
    if (id) {
        return fail(w, id, SMMU_CLASS_IN);
    }
    if (with == *word || w->wanted->probe) {
        return true;
    }
    done = update(w, word, with);
    *again = done == 0;
    return done >= 0;
}

/* One stage, from its first table, or a cached one, to the page. */
static bool walk_tables(Walk *w, SmmuMapping *m)
{
    const SmmuTable *t = &w->stage.table;
    uint64_t word;
    unsigned tries = 0;

    if (!start(w)) {
        m->shift = smmu_level_shift(t, w->level);
        return false;
    }
    viommu_count_roughly(&w->u->common.stats.walks);
    /* At most four levels, again without the cache, and
     * VIOMMU_UPDATE_RETRIES looks at the last one. */
    for (;;) {
        bool again = false, table;

        viommu_count_roughly(&w->u->common.stats.table_reads);
        m->shift = smmu_level_shift(t, w->level);
        if (viommu_load64(&w->u->common, w->at, &word, 1)) {
            return fail_fetch(w);
        }
        table = word & SMMU_PTE_TABLE;
        if (!(word & SMMU_PTE_VALID) ||
            (!table && (w->level == SMMU_LAST_LEVEL || !may_be_block(w)))) {
            return fail(w, SMMU_F_TRANSLATION, SMMU_CLASS_IN);
        }
        if (table && w->level < SMMU_LAST_LEVEL) {
            uint64_t next = smmu_descriptor_addr(t, word);

            if (next >> t->out_bits) {
                return fail(w, SMMU_F_ADDR_SIZE, SMMU_CLASS_IN);
            }
            w->limit = smmu_limit_by_table(&w->stage, word, w->limit);
            if (!enter(w, next, w->level + 1, true)) {
                m->shift = smmu_level_shift(t, w->level);
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

/* The page, if the last level's table is cached and its descriptor grants what
 * is asked as it stands. */
static SMMU_INLINE bool walk_nearby(SmmuUnit *u, const SmmuStage *s,
                                    const ViommuTag *tag, uint64_t top,
                                    const SmmuAsked *asked, SmmuMapping *m)
{
    const uint64_t page = SMMU_PTE_VALID | SMMU_PTE_TABLE;
    uint64_t word, with;
    ViommuTable found;

    if (!smmu_last_table_find(u, tag, &s->table, top, asked->addr, &found) ||
        (found.flags & SMMU_TABLE_IPA) ||
        viommu_load64(&u->common,
                      descriptor_in(&found, &s->table, SMMU_LAST_LEVEL,
                                    asked->addr), &word, 1) ||
        (word & page) != page ||
        smmu_leaf(s, SMMU_LAST_LEVEL, word, found.flags & SMMU_MAP_ALL,
                  asked, m, &with) ||
        (with != word && !asked->wanted->probe)) {
        return false;
    }
    viommu_count_roughly(&u->common.stats.walks);
    viommu_count_roughly(&u->common.stats.table_reads);
    return true;
}

/* --- Stages -------------------------------------------------------------- */

static inline SmmuStage stage2_of(const SmmuContext *c, uint8_t class)
{
    return (SmmuStage) {
        .table = smmu_table_unpack(c->base[SMMU_STAGE2]), .flags = c->flags,
        .second = true, .class = class,
    };
}

static G_GNUC_NO_INLINE bool
second_stage_slowly(SmmuUnit *u, const SmmuContext *c, uint64_t ipa,
                    const SmmuWanted *wanted, uint8_t class, SmmuMapping *m,
                    SmmuFault *fault)
{
    Walk w = {
        .u = u, .c = c, .wanted = wanted, .fault = fault,
        .stage = stage2_of(c, class),
        .asked = { ipa, wanted },
        .tag = smmu_stage2_tag(u, c->vmid), .top = c->base[SMMU_STAGE2],
    };

    if (ipa >> w.stage.table.input_bits) {
        m->shift = viommu_span_within(ipa, UINT64_C(1) <<
                                      w.stage.table.input_bits, UINT64_MAX);
        return fail(&w, SMMU_F_TRANSLATION, class);
    }
    return walk_tables(&w, m);
}

/*
 * A nested walk comes here for each page that it meets.  A look at one
 * descriptor of a cached table costs no more than one at the IOTLB, which
 * keeps the whole of the walk.
 */
static SMMU_INLINE bool second_stage_inline(SmmuUnit *u, const SmmuContext *c,
                                            uint64_t ipa,
                                            const SmmuWanted *wanted,
                                            uint8_t class, SmmuMapping *m,
                                            SmmuFault *fault)
{
    const SmmuStage s = stage2_of(c, class);
    const SmmuAsked asked = { ipa, wanted };
    const ViommuTag tag = smmu_stage2_tag(u, c->vmid);

    return (!(ipa >> s.table.input_bits) &&
            walk_nearby(u, &s, &tag, c->base[SMMU_STAGE2], &asked, m)) ||
           second_stage_slowly(u, c, ipa, wanted, class, m, fault);
}

/* The same for what is not done for each page. */
static bool second_stage(SmmuUnit *u, const SmmuContext *c, uint64_t ipa,
                         const SmmuWanted *wanted, uint8_t class,
                         SmmuMapping *m, SmmuFault *fault)
{
    return second_stage_inline(u, c, ipa, wanted, class, m, fault);
}

/* The half of *@addr, which becomes the effective one.  False: neither, or
 * one that is switched off (EPD). */
static inline bool stage1_of(const SmmuContext *c, uint64_t *addr,
                             SmmuStage *s, uint64_t *top)
{
    bool upper = *addr >> 55 & 1;
    uint64_t above;

    *s = (SmmuStage) {
        .table = smmu_table_unpack(c->base[upper]), .flags = c->flags,
        .one_table = c->flags & SMMU_CTX_ONE_TABLE,
        .nested = c->flags & SMMU_CTX_S2,
    };
    *addr = smmu_effective(c, *addr);
    /* An address before stage 2 is not one without it. */
    *top = c->base[upper] | (uint64_t)s->nested << 63;
    above = viommu_bits(63, s->table.input_bits);
    return (*addr & above) == (upper ? above : 0) && s->table.granule;
}

/* How far the addresses like @addr go that neither half translates.  Where a
 * half ignores the top byte, they come again with each value of it. */
static unsigned hole_span(const SmmuContext *c, uint64_t addr)
{
    const SmmuTable lower = smmu_table_unpack(c->base[SMMU_S1_LOWER]);
    const SmmuTable upper = smmu_table_unpack(c->base[SMMU_S1_UPPER]);
    const uint64_t half = lower.tbi || upper.tbi ? viommu_bits(54, 0)
                                                 : UINT64_MAX;
    uint64_t first = addr & ~half, last = addr | half;

    if (!first && lower.granule) {
        first = UINT64_C(1) << lower.input_bits;
    }
    if (last == UINT64_MAX && upper.granule) {
        last = (UINT64_MAX << upper.input_bits) - 1;
    }
    return viommu_span_within(addr, first, last);
}

static G_GNUC_NO_INLINE bool
first_stage_slowly(SmmuUnit *u, const SmmuContext *c, const ViommuTag *tag,
                   uint64_t addr, const SmmuWanted *wanted, SmmuMapping *m,
                   SmmuFault *fault)
{
    Walk w = {
        .u = u, .c = c, .wanted = wanted, .fault = fault,
        .asked = { addr, wanted },
        .tag = *tag,
    };

    if (!stage1_of(c, &w.asked.addr, &w.stage, &w.top)) {
        m->shift = hole_span(c, w.asked.addr);
        return fail(&w, SMMU_F_TRANSLATION, SMMU_CLASS_IN);
    }
    return walk_tables(&w, m);
}

static SMMU_INLINE bool first_stage(SmmuUnit *u, const SmmuContext *c,
                                    const ViommuTag *tag, uint64_t addr,
                                    const SmmuWanted *wanted, SmmuMapping *m,
                                    SmmuFault *fault)
{
    SmmuAsked asked = { addr, wanted };
    SmmuStage s;
    uint64_t top;

    return (stage1_of(c, &asked.addr, &s, &top) &&
            walk_nearby(u, &s, tag, top, &asked, m)) ||
           first_stage_slowly(u, c, tag, addr, wanted, m, fault);
}

/* Where one permission is enough, stage 2 is asked for those that stage 1
 * grants, and marks no page that stage 1 does not let be written (3.9.1.2,
 * 3.13.7.1). */
static inline const SmmuWanted *wanted_of_second(const SmmuWanted *wanted,
                                                 uint8_t flags,
                                                 SmmuWanted *rest)
{
    if (!wanted->any) {
        return wanted;
    }
    *rest = *wanted;
    rest->needs &= flags;
    rest->dirties &= flags;
    return rest;
}

bool smmu_walk(SmmuUnit *u, const SmmuContext *c, const SmmuTags *tags,
               uint64_t addr, const SmmuWanted *wanted, SmmuMapping *m,
               SmmuFault *fault)
{
    SmmuMapping second;
    SmmuWanted rest;
    uint64_t ipa;

    if (!(c->flags & SMMU_CTX_S1)) {
        if (addr >> u->cfg.oas_bits) {
            m->shift = viommu_span_within(addr, UINT64_C(1) <<
                                          u->cfg.oas_bits, UINT64_MAX);
            /* Of stage 1, which does not translate (3.4). */
            *fault = (SmmuFault) {
                .id = SMMU_F_ADDR_SIZE, .class = SMMU_CLASS_IN,
            };
            return false;
        }
        return second_stage_inline(u, c, addr, wanted, SMMU_CLASS_IN, m,
                                   fault);
    }
    if (!first_stage(u, c, &tags->own, addr, wanted, m, fault)) {
        return false;
    }
    if (!(c->flags & SMMU_CTX_S2)) {
        return true;
    }
    ipa = m->page | (addr & viommu_bits(m->shift - 1, 0));
    if (!second_stage_inline(u, c, ipa, wanted_of_second(wanted, m->flags,
                                                         &rest),
                             SMMU_CLASS_IN, &second, fault)) {
        m->shift = MIN(m->shift, second.shift);
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

    return first_stage(u, c, &tags.own, addr, wanted, m, fault);
}

bool smmu_walk_split(SmmuUnit *u, const SmmuContext *c, uint64_t addr,
                     const SmmuWanted *wanted, SmmuMapping *m,
                     SmmuFault *fault)
{
    SmmuMapping second;
    SmmuWanted rest;
    uint64_t ipa;

    if (!(c->flags & SMMU_CTX_S1)) {
        *m = (SmmuMapping) {
            .shift = u->cfg.oas_bits, .flags = SMMU_MAP_ALL,
        };
        if (addr >> u->cfg.oas_bits) {
            m->shift = viommu_span_within(addr, UINT64_C(1) <<
                                          u->cfg.oas_bits, UINT64_MAX);
            fault->id = SMMU_F_ADDR_SIZE;
            return false;
        }
    } else if (!smmu_walk_first(u, c, addr, wanted, m, fault)) {
        return false;
    }
    ipa = m->page | (addr & viommu_bits(m->shift - 1, 0));
    if (!second_stage(u, c, ipa, wanted_of_second(wanted, m->flags, &rest),
                      SMMU_CLASS_IN, &second, fault)) {
        m->shift = MIN(m->shift, second.shift);
        return false;
    }
    m->shift = MIN(m->shift, second.shift);
    m->page = ipa & ~viommu_bits(m->shift - 1, 0);
    m->flags &= (second.flags & SMMU_MAP_ALL) | SMMU_MAP_GLOBAL;
    return true;
}

bool smmu_walk_for_cd(SmmuUnit *u, const SmmuContext *c, uint64_t *addr,
                      const ViommuTlbSeen *seen, SmmuFault *fault)
{
    const SmmuWanted wanted = { .needs = SMMU_MAP_UR, .seen = *seen };
    SmmuMapping m;

    if (!second_stage(u, c, *addr, &wanted, SMMU_CLASS_CD, &m, fault)) {
        return false;
    }
    *addr = m.page | (*addr & viommu_bits(m.shift - 1, 0));
    return true;
}
