/* SPDX-License-Identifier: BSD-3-Clause */
/* Translation tables (VMSAv8-64). */
#include "tests/lib/smmu-ref-internal.h"

/* --- Translation tables ----------------------------------------------- */

static void use_leaf(Run *run, uint64_t at, uint64_t value)
{
    SmmuRefAnswer *a = run->a;

    for (unsigned i = 0; i < a->leaves; i++) {
        if (a->leaf[i].addr == at) {
            a->leaf[i].value = value;
            return;
        }
    }
    if (a->leaves < SMMU_REF_LEAVES) {
        a->leaf[a->leaves++] = (SmmuRefLeaf) { at, value };
    }
}

/* The descriptor as it is by now. */
static bool get_descriptor(Run *run, uint64_t at, uint64_t *word)
{
    for (unsigned i = 0; i < run->a->leaves; i++) {
        if (run->a->leaf[i].addr == at) {
            *word = run->a->leaf[i].value;
            return true;
        }
    }
    return smmu_ref_get(run->ref, at, word, 1);
}

/* Stage 1's descriptor is at an IPA when there is a stage 2. */
static bool descriptor_place(Run *run, bool s2, uint64_t ipa, bool write,
                             uint64_t *at)
{
    Rights want = { .r = !write, .w = write }, got;

    if (s2 || !run->s2) {
        *at = ipa;
        return true;
    }
    if (smmu_ref_second(run, TT, ipa, want, at, &got)) {
        return true;
    }
    if (run->a->event == SMMUV3_F_PERMISSION) {
        run->a->word[1] |= write ? 0 : EVENT_IN_TTRNW;
    }
    return false;
}

typedef struct Above {
    bool ro, nouser, pxn, uxn;
} Above;

static Rights rights_s2(const Run *run, uint64_t word, bool writable)
{
    static const bool user_x[4] = { true, true, false, false };
    static const bool priv_x[4] = { true, false, false, true };
    unsigned xn = field(word, PTE_S2_XN);
    Rights g = { .r = word & SMMUV3_PTE_S2R,
                 .w = (word & SMMUV3_PTE_S2W) || writable };

    g.x = run->priv ? priv_x[xn] : user_x[xn];
    return g;
}

/*
 * MemAttr[3:0] is Device memory with 00 above; where S2FWB makes three bits of
 * it, with 0 above.
 */
static bool is_device(const Run *run, uint64_t word)
{
    return run->s2_fwb ? !bit(word, 4) : !bit(word, 4) && !bit(word, 5);
}

static Rights rights_s1(const Run *run, uint64_t word, bool writable,
                        const Above *above)
{
    bool ro = ((word & SMMUV3_PTE_RDONLY) && !writable) || above->ro;
    bool user = (word & SMMUV3_PTE_USER) && !above->nouser;
    bool uw = user && !ro;
    Rights g;

    if (run->alone) {
        /* Everything has privilege; nothing is said of users. */
        g = (Rights) { .r = true, .w = !ro };
        g.x = !((word & SMMUV3_PTE_UXN) || above->uxn || (run->wxn && !ro));
        return g;
    }
    if (!run->priv) {
        g = (Rights) { .r = user, .w = uw };
        g.x = !((word & SMMUV3_PTE_UXN) || above->uxn || (run->wxn && uw));
        return g;
    }
    g = (Rights) { .r = true, .w = !ro };
    g.x = !((word & SMMUV3_PTE_PXN) || above->pxn || uw || (run->wxn && !ro));
    if (run->pan && user) {
        g.r = g.w = false;
    }
    return g;
}

static bool leaf(Run *run, const Tables *t, bool s2, unsigned class,
                 uint64_t in, Rights want, uint64_t at_ipa, uint64_t at,
                 uint64_t word, unsigned shift, const Above *above,
                 uint64_t *out, Rights *granted)
{
    uint64_t page = word & below(48) & ~below(t->granule), now = word;
    bool dirty = t->hd && (word & SMMUV3_PTE_DBM);
    bool af = word & SMMUV3_PTE_AF, any;
    bool clean = dirty && !!(word & SMMUV3_PTE_RDONLY) != s2;

    if (t->granule == 16) {
        page |= field(word, PTE_ADDR_51_48) << 48;
    }
    page &= ~below(shift);
    if (page & ~below(t->output)) {
        return smmu_ref_fault(run, SMMUV3_F_ADDR_SIZE, s2, class, in);
    }
    if (!af && t->ha) {
        now |= SMMUV3_PTE_AF;
    } else if (!af && !t->affd) {
        return smmu_ref_fault(run, SMMUV3_F_ACCESS, s2, class, in);
    }
    if (s2 && class != IN && run->s2_ptw && is_device(run, word)) {
        return smmu_ref_fault(run, SMMUV3_F_PERMISSION, s2, class, in);
    }
    *granted = s2 ? rights_s2(run, word, dirty)
                  : rights_s1(run, word, dirty, above);
    any = run->req->kind == SMMU_REF_TRANSLATION && class == IN;
    if (any) {
        /* It gets what there is: the right to write a clean page only with
         * the mark, which one that will not write does not make [SMMU 13.7]. */
        want.w &= granted->w;
        granted->w &= want.w || !clean;
    } else if ((want.r && !granted->r) || (want.w && !granted->w) ||
               (want.x && !granted->x)) {
        return smmu_ref_fault(run, SMMUV3_F_PERMISSION, s2, class, in);
    }
    if (want.w && dirty) {
        now = s2 ? now | 1 << 7 : now & ~UINT64_C(0x80);
    }
    if (now != word && !descriptor_place(run, s2, at_ipa, true, &at)) {
        return false;
    }
    use_leaf(run, at, now);
    *out = page | (in & below(shift));
    return true;
}

static bool block_allowed(const Run *run, const Tables *t, unsigned level)
{
    return level == 2 || (level == 1 && t->granule == 12) ||
           (level == 1 && t->granule == 16 && smmu_ref_oas(run->ref) == 52);
}

static bool walk(Run *run, const Tables *t, bool s2, unsigned class,
                 uint64_t in, Rights want, uint64_t *out, Rights *granted)
{
    uint64_t base = t->base, at_ipa, at, word;
    bool table;
    unsigned stride = t->granule - 3;
    Above above = { false };

    for (unsigned level = t->start;; level++) {
        unsigned shift = t->granule + (3 - level) * stride;
        unsigned bits = level == t->start ? t->input - shift : stride;

        at_ipa = (base & ~below(bits + 3)) | field(in, shift, bits) * 8;
        if (!descriptor_place(run, s2, at_ipa, false, &at)) {
            return false;
        }
        if (!get_descriptor(run, at, &word)) {
            return smmu_ref_walk_abort(run, s2, class, at);
        }
        table = word & SMMUV3_PTE_TABLE;
        if (!(word & SMMUV3_PTE_VALID) || (level == 3 && !table) ||
            (level < 3 && !table && !block_allowed(run, t, level))) {
            return smmu_ref_fault(run, SMMUV3_F_TRANSLATION, s2, class, in);
        }
        if (level == 3 || !table) {
            return leaf(run, t, s2, class, in, want, at_ipa, at, word, shift,
                        &above, out, granted);
        }
        base = word & below(48) & ~below(t->granule);
        if (t->granule == 16) {
            base |= field(word, PTE_ADDR_51_48) << 48;
        }
        if (base & ~below(t->output)) {
            return smmu_ref_fault(run, SMMUV3_F_ADDR_SIZE, s2, class, in);
        }
        if (!s2 && !t->had) {
            above.pxn |= !!(word & SMMUV3_TABLE_PXN);
            above.uxn |= !!(word & SMMUV3_TABLE_UXN);
            above.nouser |= !!(word & SMMUV3_TABLE_NO_USER);
            above.ro |= !!(word & SMMUV3_TABLE_RDONLY);
        }
    }
}

/* An IPA through stage 2. */
bool smmu_ref_second(Run *run, unsigned class, uint64_t ipa, Rights want,
                   uint64_t *out, Rights *granted)
{
    if (ipa & ~below(run->second.input)) {
        return smmu_ref_fault(run, SMMUV3_F_TRANSLATION, true, class, ipa);
    }
    return walk(run, &run->second, true, class, ipa, want, out, granted);
}

bool smmu_ref_first(Run *run, uint64_t addr, Rights want, uint64_t *out,
                  Rights *granted)
{
    bool high = bit(addr, 55);
    const Tables *t = high ? &run->upper : &run->lower;
    unsigned top = run->tbi[high] ? 56 : 64;
    uint64_t outside = below(top) & ~below(t->input);

    if (!t->on || (addr & outside) != (high ? outside : 0)) {
        return smmu_ref_fault(run, SMMUV3_F_TRANSLATION, false, IN, 0);
    }
    return walk(run, t, false, IN, addr, want, out, granted);
}
