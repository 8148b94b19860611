/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks of translation tables (VMSAv8-64): one walker for both stages.  When
 * nested, each address that stage 1 makes, of a table or of the page, is an
 * input of stage 2.
 *
 * Most walks are near an earlier one: the table of the last level is cached,
 * and its descriptor grants what is asked.  walk_nearby() does these.
 * walk_tables() does all others, among them each walk that ends in a fault.
 */
#include <errno.h>

#include "hw/iommu/common/span.h"
#include "hw/iommu/smmuv3/descriptor.h"

/* What a look at one descriptor leads to. */
typedef enum Step {
    STEP_DOWN,          /* the cursor is at a descriptor of the next level */
    STEP_DONE,          /* the answer is complete */
    STEP_FAULT,         /* Walk.fault says which */
    STEP_AGAIN,         /* the descriptor has changed: read it again */
    STEP_RESTART,       /* walk from the first table, without the cache */
} Step;

/* A descriptor on the way. */
typedef struct Cursor {
    unsigned level;
    uint64_t at;        /* its address in memory */
    uint64_t ipa;       /* when nested, its address before stage 2; NO_IPA when
                         * the cache has told only where it is in memory */
    uint8_t limit;      /* SMMU_MAP_... that the tables above leave */
} Cursor;

#define NO_IPA UINT64_MAX

typedef struct Walk {
    SmmuUnit *u;
    const SmmuContext *c;
    const SmmuWanted *wanted;
    SmmuFault *fault;
    SmmuStage stage;
    SmmuAsked asked;
    ViommuTag tag;      /* of the stage's tables in the cache, ... */
    uint64_t top;       /* ... and the id of the first of them */
    Cursor cursor;
} Walk;

static bool second_stage(SmmuUnit *u, const SmmuContext *c, uint64_t ipa,
                         const SmmuWanted *wanted, uint8_t class,
                         SmmuMapping *m, SmmuFault *fault);

/* A fault of the walk's stage.  @class is stage 1's; a fault of stage 2 has the
 * class of what stage 2 was asked for [SMMU 7.3]. */
static Step fail(const Walk *w, SmmuEventId id, uint8_t class)
{
    const SmmuStage *s = &w->stage;

    *w->fault = (SmmuFault) {
        .id = id, .class = s->second ? s->class : class, .s2 = s->second,
        .ipa = s->second ? w->asked.addr : 0,
        .table_read = id == SMMU_F_PERMISSION && s->second &&
                      s->class == SMMU_CLASS_TT &&
                      !(w->wanted->needs & SMMU_MAP_WRITE),
    };
    return STEP_FAULT;
}

/* The descriptor could not be read or written [SMMU 7.3.12]. */
static Step fail_fetch(const Walk *w)
{
    *w->fault = (SmmuFault) {
        .id = SMMU_F_WALK_EABT, .s2 = w->stage.second, .ipa = w->cursor.at,
        .class = w->stage.second ? w->stage.class : SMMU_CLASS_TT,
    };
    return STEP_FAULT;
}

static void remember_table(const Walk *w, uint64_t table, uint16_t flags)
{
    smmu_table_fill(w->u, &w->tag, &w->stage.table, w->top, w->asked.addr,
                    w->cursor.level, table, w->cursor.limit | flags,
                    w->wanted);
}

/* Move the cursor to the descriptor for the address in the table at @base,
 * through stage 2 when nested [SMMU 3.4] [ARM D8.2].  A table that is @fresh,
 * found by a descriptor and not in the cache, goes into the cache. */
static bool enter(Walk *w, uint64_t base, unsigned level, bool fresh)
{
    const SmmuTable *t = &w->stage.table;
    unsigned shift = smmu_level_shift(t, level);
    unsigned bits = level == t->start_level ? t->input_bits - shift
                                            : (unsigned)t->granule - 3;
    uint64_t size = (uint64_t)SMMU_PTE_SIZE << bits;
    const SmmuWanted reading = {
        .needs = SMMU_MAP_UR, .probe = w->wanted->probe,
        .seen = w->wanted->seen,
    };
    SmmuMapping m;

    w->cursor.level = level;
    w->cursor.ipa = (base & ~(size - 1)) |
                    ((w->asked.addr >> shift) & ((UINT64_C(1) << bits) - 1)) *
                    SMMU_PTE_SIZE;
    w->cursor.at = w->cursor.ipa;
    if (!w->stage.nested) {
        if (fresh) {
            remember_table(w, base, 0);
        }
        return true;
    }
    if (!second_stage(w->u, w->c, w->cursor.ipa, &reading, SMMU_CLASS_TT, &m,
                      w->fault)) {
        return false;
    }
    w->cursor.at = m.page | (w->cursor.ipa & viommu_bits(m.shift - 1, 0));
    if (fresh && m.shift >= t->granule) {
        remember_table(w, w->cursor.at & ~(size - 1), 0);
    } else if (fresh) {
        remember_table(w, base, SMMU_TABLE_IPA);
    }
    return true;
}

/* The address of the descriptor for @addr in a table that has been found in
 * the cache; it is none of the first level. */
static inline uint64_t descriptor_in(const ViommuTable *found,
                                     const SmmuTable *t, unsigned level,
                                     uint64_t addr)
{
    return found->addr | ((addr >> smmu_level_shift(t, level)) &
                          viommu_bits(t->granule - 4, 0)) * SMMU_PTE_SIZE;
}

static bool start_at_first_table(Walk *w)
{
    const SmmuTable *t = &w->stage.table;

    w->cursor.limit = SMMU_MAP_ALL;
    return enter(w, t->ttb, t->start_level, false);
}

/* Move the cursor to the deepest table that is cached, or the first one. */
static bool start(Walk *w)
{
    const SmmuTable *t = &w->stage.table;
    ViommuTable found;
    unsigned level;

    if (!smmu_table_find(w->u, &w->tag, t, w->top, w->asked.addr, &found,
                         &level)) {
        return start_at_first_table(w);
    }
    w->cursor.limit = found.flags & SMMU_MAP_ALL;
    if (found.flags & SMMU_TABLE_IPA) {
        return enter(w, found.addr, level, false);
    }
    w->cursor.level = level;
    w->cursor.at = descriptor_in(&found, t, level, w->asked.addr);
    w->cursor.ipa = NO_IPA;
    return true;
}

/* The levels that have blocks [ARM D8.3]. */
static bool may_be_block(const Walk *w)
{
    unsigned granule = w->stage.table.granule, level = w->cursor.level;

    return level == 2 ||
           (level == 1 && (granule == 12 ||
                           (granule == 16 && w->u->cfg.oas_bits == 52)));
}

/* --- Access flag and dirty state ----------------------------------------- */

/* Whether stage 2 lets the table be written, whose page becomes dirty
 * [SMMU 3.13.5]. */
static bool table_writable(Walk *w)
{
    const SmmuWanted writing = {
        .needs = SMMU_MAP_UR | SMMU_MAP_UW, .dirties = SMMU_MAP_UW,
        .seen = w->wanted->seen,
    };
    SmmuMapping m;

    return second_stage(w->u, w->c, w->cursor.ipa, &writing, SMMU_CLASS_TT,
                        &m, w->fault);
}

/* Change the descriptor in memory from @word to @with, in one step
 * [SMMU 3.13]. */
static Step update(Walk *w, uint64_t word, uint64_t with)
{
    if (w->stage.nested && w->cursor.ipa == NO_IPA) {
        return STEP_RESTART;
    }
    if (w->stage.nested && !table_writable(w)) {
        return STEP_FAULT;
    }
    switch (viommu_cas64(&w->u->common, w->cursor.at, &word, with)) {
    case 0:
        return STEP_DONE;
    case -EAGAIN:
        return STEP_AGAIN;
    default:
        return fail_fetch(w);
    }
}

/* --- The walk ------------------------------------------------------------ */

/*
 * A look at the descriptor under the cursor [ARM D8.2]:
 *
 *   1. read it                                 F_WALK_EABT    [SMMU 7.3.12]
 *   2. it is invalid, or a block in a level without blocks
 *                                              F_TRANSLATION  [SMMU 7.3.13]
 *   3. of a table: the address is too wide     F_ADDR_SIZE    [SMMU 7.3.14]
 *      else take permissions away, and go down
 *   4. of a leaf: decide                       see smmu_leaf()
 *   5. set the access flag, or mark the page dirty
 */
static Step look_at_descriptor(Walk *w, SmmuMapping *m)
{
    const SmmuTable *t = &w->stage.table;
    uint64_t word, with, next;
    SmmuEventId id;
    bool table;

    /* 1 */
    viommu_count_roughly(&w->u->common.stats.table_reads);
    if (viommu_load64(&w->u->common, w->cursor.at, &word, 1)) {
        return fail_fetch(w);
    }
    /* 2 */
    table = word & SMMU_PTE_TABLE;      /* of the last level: a page */
    if (!(word & SMMU_PTE_VALID) ||
        (!table && (w->cursor.level == SMMU_LAST_LEVEL ||
                    !may_be_block(w)))) {
        return fail(w, SMMU_F_TRANSLATION, SMMU_CLASS_IN);
    }
    /* 3 */
    if (table && w->cursor.level < SMMU_LAST_LEVEL) {
        next = smmu_descriptor_addr(t, word);
        if (next >> t->out_bits) {
            return fail(w, SMMU_F_ADDR_SIZE, SMMU_CLASS_IN);
        }
        w->cursor.limit = smmu_limit_by_table(&w->stage, word,
                                              w->cursor.limit);
        return enter(w, next, w->cursor.level + 1, true) ? STEP_DOWN
                                                         : STEP_FAULT;
    }
    /* 4 */
    id = smmu_leaf(&w->stage, w->cursor.level, word, w->cursor.limit,
                   &w->asked, m, &with);
    if (id) {
        return fail(w, id, SMMU_CLASS_IN);
    }
    /* 5 */
    return with == word || w->wanted->probe ? STEP_DONE
                                            : update(w, word, with);
}

/* One stage, from the first table, or a cached one, to the page.  There are
 * at most four levels, and VIOMMU_UPDATE_RETRIES looks at a leaf.  With false,
 * m->shift tells how far the fault holds. */
static bool walk_tables(Walk *w, SmmuMapping *m)
{
    Step step = start(w) ? STEP_DOWN : STEP_FAULT;
    unsigned tries = 0;

    if (step == STEP_DOWN) {
        viommu_count_roughly(&w->u->common.stats.walks);
    }
    while (step != STEP_FAULT) {
        step = look_at_descriptor(w, m);
        if (step == STEP_DONE) {
            return true;
        }
        if ((step == STEP_AGAIN || step == STEP_RESTART) &&
            ++tries >= VIOMMU_UPDATE_RETRIES) {
            step = fail_fetch(w);
        } else if (step == STEP_RESTART && !start_at_first_table(w)) {
            step = STEP_FAULT;
        }
    }
    m->shift = smmu_level_shift(&w->stage.table, w->cursor.level);
    return false;
}

/* The page, if the table of the last level is cached and its descriptor grants
 * what is asked as it stands: steps 1, 2 and 4 of look_at_descriptor(). */
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
        /* beyond S2T0SZ [SMMU 7.3.13] */
        m->shift = viommu_span_within(ipa, UINT64_C(1) <<
                                      w.stage.table.input_bits, UINT64_MAX);
        fail(&w, SMMU_F_TRANSLATION, class);
        return false;
    }
    return walk_tables(&w, m);
}

/*
 * A nested walk comes here for each page that it meets.  The IOTLB has no
 * entries for these: to look at one descriptor of a cached table costs no more
 * than to look into the IOTLB.
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

/* The same out of line, for what is rarer than pages. */
static bool second_stage(SmmuUnit *u, const SmmuContext *c, uint64_t ipa,
                         const SmmuWanted *wanted, uint8_t class,
                         SmmuMapping *m, SmmuFault *fault)
{
    return second_stage_inline(u, c, ipa, wanted, class, m, fault);
}

/* The half of the addresses that *@addr is in, which becomes the effective
 * address.  False: it is in neither half, or in one that is switched off
 * (EPD) [SMMU 3.4.1] [SMMU 5.4]. */
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
    /* The same base with stage 2 is another table than without: bit 63, which
     * a base leaves free. */
    *top = c->base[upper] | (uint64_t)s->nested << 63;
    above = viommu_bits(63, s->table.input_bits);
    return (*addr & above) == (upper ? above : 0) && s->table.granule;
}

/* How far the hole around @addr goes, which neither half translates.  Where a
 * half ignores the top byte, the hole comes again with each value of that. */
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
        fail(&w, SMMU_F_TRANSLATION, SMMU_CLASS_IN);
        return false;
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

/* --- Both stages --------------------------------------------------------- */

/* What stage 2 is asked for.  Where one permission is enough, these are those
 * that stage 1 grants, and a page that stage 1 does not let be written is not
 * marked dirty [SMMU 3.9.1.2] [SMMU 3.13.7.1]. */
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

/* Without stage 1, an address that is wider than the output size is a fault of
 * stage 1 [SMMU 3.4]. */
static bool is_within_output(const SmmuUnit *u, uint64_t addr, SmmuMapping *m,
                             SmmuFault *fault)
{
    if (!(addr >> u->cfg.oas_bits)) {
        return true;
    }
    m->shift = viommu_span_within(addr, UINT64_C(1) << u->cfg.oas_bits,
                                  UINT64_MAX);
    *fault = (SmmuFault) { .id = SMMU_F_ADDR_SIZE, .class = SMMU_CLASS_IN };
    return false;
}

/* 1. stage 1; 2. stage 2 of its output; 3. the smaller of the two pages, with
 * what both grant [SMMU 3.3.3]. */
bool smmu_walk(SmmuUnit *u, const SmmuContext *c, const SmmuTags *tags,
               uint64_t addr, const SmmuWanted *wanted, SmmuMapping *m,
               SmmuFault *fault)
{
    SmmuMapping second;
    SmmuWanted rest;
    uint64_t ipa;

    /* 1 */
    if (!(c->flags & SMMU_CTX_S1)) {
        return is_within_output(u, addr, m, fault) &&
               second_stage_inline(u, c, addr, wanted, SMMU_CLASS_IN, m,
                                   fault);
    }
    if (!first_stage(u, c, &tags->own, addr, wanted, m, fault)) {
        return false;
    }
    if (!(c->flags & SMMU_CTX_S2)) {
        return true;
    }
    /* 2 */
    ipa = m->page | (addr & viommu_bits(m->shift - 1, 0));
    if (!second_stage_inline(u, c, ipa, wanted_of_second(wanted, m->flags,
                                                         &rest),
                             SMMU_CLASS_IN, &second, fault)) {
        m->shift = MIN(m->shift, second.shift);
        return false;
    }
    /* 3 */
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

/* As smmu_walk(), but the answer is the address between the stages
 * [SMMU 13.6.3]. */
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
        if (!is_within_output(u, addr, m, fault)) {
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

/* A fetch of a context descriptor reads as a user does [SMMU 3.3.2]; its
 * faults have the class CD [SMMU 7.3]. */
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
