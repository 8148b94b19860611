/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/smmu-ref.h"

#include <string.h>

#include "tests/lib/smmu-spec.h"

/* One translation regime of one transaction. */
typedef struct Tables {
    bool on;
    uint64_t base;
    unsigned granule;           /* log2 */
    unsigned input;             /* bits */
    unsigned start;             /* level */
    unsigned output;            /* bits */
    bool affd, ha, hd, had;
} Tables;

typedef struct Run {
    const SmmuRef *ref;
    const SmmuRefRequest *req;
    SmmuRefAnswer *a;
    bool priv, inst;            /* after the STE's overrides */
    bool s1, s2;
    bool wxn, pan;
    bool s1_stall, s1_record, s2_stall, s2_record;
    unsigned eats;              /* the effective value */
    uint64_t ste[8], cd[8];
    Tables upper, lower, second;
    bool tbi[2];
} Run;

/* What an access needs, or is granted. */
typedef struct Rights {
    bool r, w, x;
} Rights;

static uint64_t field(uint64_t word, unsigned low, unsigned width)
{
    return word >> low & ((UINT64_C(1) << width) - 1);
}

static bool bit(uint64_t word, unsigned n)
{
    return word >> n & 1;
}

static uint64_t below(unsigned n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

static bool get(const SmmuRef *ref, uint64_t addr, uint64_t *words,
                unsigned n)
{
    uint8_t bytes[64];

    if (!ref->read(ref->opaque, addr, bytes, 8 * n)) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        words[i] = 0;
        for (unsigned k = 8; k-- > 0;) {
            words[i] = words[i] << 8 | bytes[8 * i + k];
        }
    }
    return true;
}

static unsigned size_of(unsigned code)
{
    static const unsigned sizes[8] = { 32, 36, 40, 42, 44, 48, 52, 52 };

    return sizes[code & 7];
}

static unsigned oas(const SmmuRef *ref)
{
    return size_of(ref->idr5 & 7);
}

static unsigned lower_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* --- Events (7.3) ----------------------------------------------------- */

static bool config_event(Run *run, unsigned id)
{
    SmmuRefAnswer *a = run->a;
    const SmmuRefRequest *req = run->req;

    a->ok = false;
    a->event = id;
    a->recorded = req->kind == SMMU_REF_UNTRANSLATED &&
                  (id != SMMUV3_C_BAD_STREAMID || bit(run->ref->cr2, 1));
    a->word[0] = id | (uint64_t)req->sid << 32;
    if (req->ssv) {
        a->word[0] |= (uint64_t)req->ssid << 12;
        a->word[0] |= id == SMMUV3_C_BAD_SUBSTREAMID ? 0 : 1 << 11;
    }
    memset(a->known, 0xff, sizeof(a->known));
    return false;
}

static bool fetch_event(Run *run, unsigned id, uint64_t addr)
{
    config_event(run, id);
    run->a->word[3] = addr & ~UINT64_C(7);
    return false;
}

/* The class of what was being done. */
enum { CD = 0, TT = 1, IN = 2 };

static void attributes(Run *run, bool s2, unsigned class)
{
    SmmuRefAnswer *a = run->a;

    a->word[1] = (uint64_t)run->priv << 33 |
                 (uint64_t)(run->inst && !run->req->write) << 34 |
                 (uint64_t)!run->req->write << 35 | (uint64_t)s2 << 39 |
                 (uint64_t)class << 40;
    a->word[2] = run->req->addr;
}

/* F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION */
static bool fault(Run *run, unsigned id, bool s2, unsigned class,
                  uint64_t ipa)
{
    SmmuRefAnswer *a = run->a;
    bool record = s2 ? run->s2_record : run->s1_record;

    config_event(run, id);
    a->stall = (s2 ? run->s2_stall : run->s1_stall) &&
               run->req->kind == SMMU_REF_UNTRANSLATED;
    a->recorded = run->req->kind != SMMU_REF_TRANSLATION &&
                  (record || a->stall);
    attributes(run, s2, s2 ? class : IN);
    a->word[1] |= a->stall ? UINT64_C(1) << 31 : 0;
    /* STAG; TTRnW where it means nothing */
    a->known[1] = ~UINT64_C(0xffff);
    if (s2) {
        a->word[3] = ipa & below(52) & ~below(12);
    } else {
        a->known[3] = 0;
    }
    return false;
}

static bool walk_abort(Run *run, bool s2, unsigned class, uint64_t addr)
{
    fetch_event(run, SMMUV3_F_WALK_EABT, addr);
    run->a->recorded = run->req->kind != SMMU_REF_TRANSLATION;
    attributes(run, s2, s2 ? class : TT);
    return false;
}

/* --- Translation tables ----------------------------------------------- */

static bool second(Run *run, unsigned class, uint64_t ipa, Rights want,
                   uint64_t *out, Rights *granted);

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
    return get(run->ref, at, word, 1);
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
    if (second(run, TT, ipa, want, at, &got)) {
        return true;
    }
    if (run->a->event == SMMUV3_F_PERMISSION) {
        run->a->word[1] |= (uint64_t)!write << 44;
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
    unsigned xn = field(word, 53, 2);
    Rights g = { .r = bit(word, 6), .w = bit(word, 7) || writable };

    g.x = g.r && (run->priv ? priv_x[xn] : user_x[xn]);
    return g;
}

static Rights rights_s1(const Run *run, uint64_t word, bool writable,
                        const Above *above)
{
    bool ro = (bit(word, 7) && !writable) || above->ro;
    bool user = bit(word, 6) && !above->nouser;
    bool uw = user && !ro;
    Rights g;

    if (!run->priv) {
        g = (Rights) { .r = user, .w = uw };
        g.x = !(bit(word, 54) || above->uxn || (run->wxn && uw));
        return g;
    }
    g = (Rights) { .r = true, .w = !ro };
    g.x = !(bit(word, 53) || above->pxn || uw || (run->wxn && !ro));
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
    bool dirty = t->hd && bit(word, 51), af = bit(word, 10), any;

    if (t->granule == 16) {
        page |= field(word, 12, 4) << 48;
    }
    page &= ~below(shift);
    if (page & ~below(t->output)) {
        return fault(run, SMMUV3_F_ADDR_SIZE, s2, class, in);
    }
    if (!af && t->ha) {
        now |= 1 << 10;
    } else if (!af && !t->affd) {
        return fault(run, SMMUV3_F_ACCESS, s2, class, in);
    }
    *granted = s2 ? rights_s2(run, word, dirty)
                  : rights_s1(run, word, dirty, above);
    any = run->req->kind == SMMU_REF_TRANSLATION && class == IN;
    if (any) {
        /* It gets what there is. */
        want.r &= granted->r;
        want.w &= granted->w;
        want.x &= granted->x;
    } else if ((want.r && !granted->r) || (want.w && !granted->w) ||
               (want.x && !granted->x)) {
        return fault(run, SMMUV3_F_PERMISSION, s2, class, in);
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
           (level == 1 && t->granule == 16 && oas(run->ref) == 52);
}

static bool walk(Run *run, const Tables *t, bool s2, unsigned class,
                 uint64_t in, Rights want, uint64_t *out, Rights *granted)
{
    uint64_t base = t->base, at_ipa, at, word;
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
            return walk_abort(run, s2, class, at);
        }
        if (!bit(word, 0) || (level == 3 && !bit(word, 1)) ||
            (level < 3 && !bit(word, 1) && !block_allowed(run, t, level))) {
            return fault(run, SMMUV3_F_TRANSLATION, s2, class, in);
        }
        if (level == 3 || !bit(word, 1)) {
            return leaf(run, t, s2, class, in, want, at_ipa, at, word, shift,
                        &above, out, granted);
        }
        base = word & below(48) & ~below(t->granule);
        if (t->granule == 16) {
            base |= field(word, 12, 4) << 48;
        }
        if (base & ~below(t->output)) {
            return fault(run, SMMUV3_F_ADDR_SIZE, s2, class, in);
        }
        if (!s2 && !t->had) {
            above.pxn |= bit(word, 59);
            above.uxn |= bit(word, 60);
            above.nouser |= bit(word, 61);
            above.ro |= bit(word, 62);
        }
    }
}

/* An IPA through stage 2. */
static bool second(Run *run, unsigned class, uint64_t ipa, Rights want,
                   uint64_t *out, Rights *granted)
{
    if (ipa & ~below(run->second.input)) {
        return fault(run, SMMUV3_F_TRANSLATION, true, class, ipa);
    }
    return walk(run, &run->second, true, class, ipa, want, out, granted);
}

static bool first(Run *run, uint64_t addr, Rights want, uint64_t *out,
                  Rights *granted)
{
    bool high = bit(addr, 55);
    const Tables *t = high ? &run->upper : &run->lower;
    unsigned top = run->tbi[high] ? 56 : 64;
    uint64_t outside = below(top) & ~below(t->input);

    if (!t->on || (addr & outside) != (high ? outside : 0)) {
        return fault(run, SMMUV3_F_TRANSLATION, false, IN, 0);
    }
    return walk(run, t, false, IN, addr, want, out, granted);
}

/* --- Stream table entry (5.2) ----------------------------------------- */

static bool decode_second(Run *run)
{
    static const unsigned granules[4] = { 12, 16, 14, 0 };
    const SmmuRef *ref = run->ref;
    uint64_t w = run->ste[2];
    unsigned tsz = field(w, 32, 6), sl0 = field(w, 38, 2), check;
    unsigned pa = oas(ref), httu = field(ref->idr0, 6, 2), least;
    Tables *t = &run->second;

    *t = (Tables) { .on = true, .granule = granules[field(w, 46, 2)],
                    .affd = bit(w, 53), .ha = bit(w, 56),
                    .hd = bit(w, 55) && bit(w, 56) };
    if (!t->granule || !bit(w, 51) || bit(w, 52) || sl0 == 3 ||
        (httu == 0 && (bit(w, 55) || bit(w, 56))) ||
        (httu == 1 && bit(w, 55)) ||
        (bit(w, 57) && field(ref->idr0, 24, 2) == 1)) {
        return false;
    }
    least = t->granule == 16 ? 12 : 16;
    least = least > 64 - pa ? least : 64 - pa;
    if (tsz < least || tsz > 39) {
        return false;
    }
    t->input = 64 - tsz;
    t->start = (t->granule == 12 ? 2 : 3) - sl0;
    /* As VTCR_EL2: start tables of 2 entries to 16 pages. */
    check = (3 - t->start) * (t->granule - 3) + t->granule;
    if (t->input < check + 1 || t->input > check + t->granule - 3 + 4 ||
        (t->granule == 12 && t->start == 0 && pa <= 42) ||
        (t->granule == 14 && t->start == 1 && pa <= 40) ||
        (t->granule == 16 && t->start == 1 && pa <= 42)) {
        return false;
    }
    t->output = lower_of(pa, size_of(field(w, 48, 3)));
    t->output = t->granule == 16 ? t->output : lower_of(t->output, 48);
    t->base = run->ste[3] & below(52) & ~below(4);
    run->s2_stall = bit(w, 57);
    run->s2_record = bit(w, 58);
    return !(t->base & ~below(t->output));
}

static bool ste_legal(Run *run, unsigned config)
{
    const SmmuRef *ref = run->ref;
    const uint64_t *w = run->ste;
    unsigned eats = field(w[1], 28, 2), max = field(w[0], 59, 5);
    bool s2s = bit(w[2], 57);

    run->s1 = config & 1;
    run->s2 = config & 2;
    if ((run->s1 && !bit(ref->idr0, 1)) || (run->s2 && !bit(ref->idr0, 0))) {
        return false;
    }
    if (bit(ref->idr0, 10) && config != 4) {
        if ((eats == 2 && (config != 7 || s2s)) ||
            (eats == 1 && s2s && run->s2)) {
            return false;
        }
        run->eats = eats == 3 ? 0 : eats;
        if (eats == 2 && !bit(ref->cr0, 4)) {
            run->eats = 0;
        }
    }
    if (run->s1) {
        if ((bit(w[1], 27) && field(ref->idr0, 24, 2) != 0) ||
            max > field(ref->idr1, 6, 5) ||
            (w[0] & below(56) & ~below(oas(ref)))) {
            return false;
        }
    }
    return !run->s2 || decode_second(run);
}

static bool fetch_ste(Run *run)
{
    const SmmuRef *ref = run->ref;
    uint32_t sid = run->req->sid;
    unsigned log2 = field(ref->strtab_cfg, 0, 6);
    unsigned split = field(ref->strtab_cfg, 6, 5), span;
    uint64_t base = ref->strtab_base & below(52) & ~below(6), at, l1;

    log2 = lower_of(log2, field(ref->idr1, 0, 6));
    if (sid & ~below(log2)) {
        return config_event(run, SMMUV3_C_BAD_STREAMID);
    }
    if (field(ref->strtab_cfg, 16, 2) == 0) {
        at = (base & ~below(log2 + 6)) + sid * UINT64_C(64);
    } else {
        unsigned n = log2 > split ? log2 - split + 3 : 3;

        at = (base & ~below(n < 6 ? 6 : n)) + (sid >> split) * UINT64_C(8);
        if (!get(ref, at, &l1, 1)) {
            return fetch_event(run, SMMUV3_F_STE_FETCH, at);
        }
        span = field(l1, 0, 5);
        if (span == 0 || span > split + 1 ||
            field(sid, 0, split) >= UINT64_C(1) << (span - 1)) {
            return config_event(run, SMMUV3_C_BAD_STREAMID);
        }
        at = (l1 & below(52) & ~below(span - 1 + 6)) +
             field(sid, 0, split) * 64;
    }
    if (!get(ref, at, run->ste, 8)) {
        return fetch_event(run, SMMUV3_F_STE_FETCH, at);
    }
    return true;
}

/* --- Context descriptor (5.3, 5.4) ------------------------------------ */

static bool decode_first(Run *run, unsigned half, Tables *t)
{
    static const unsigned tg0[4] = { 12, 16, 14, 0 };
    static const unsigned tg1[4] = { 0, 14, 12, 16 };
    uint64_t w = run->cd[0], base = run->cd[1 + half];
    unsigned tsz = field(w, 16 * half, 6), tg = field(w, 16 * half + 6, 2);
    unsigned least;

    *t = (Tables) { .affd = bit(w, 35), .ha = bit(w, 43),
                    .hd = bit(w, 42) && bit(w, 43), .had = bit(base, 1) };
    run->tbi[half] = bit(w, 38 + half);
    if (bit(w, 14 + 16 * half)) {
        return true;            /* EPD */
    }
    t->on = true;
    t->granule = half ? tg1[tg] : tg0[tg];
    least = t->granule == 16 && field(run->ref->idr5, 10, 2) == 1 ? 12 : 16;
    if (!t->granule || tsz < least || tsz > 39) {
        return false;
    }
    t->input = 64 - tsz;
    t->start = 3;
    while ((3 - t->start + 1) * (t->granule - 3) + t->granule < t->input) {
        t->start--;
    }
    t->output = lower_of(oas(run->ref), size_of(field(w, 32, 3)));
    t->output = t->granule == 16 ? t->output : lower_of(t->output, 48);
    t->base = base & below(52) & ~below(4);
    return !(t->base & ~below(t->output));
}

static bool cd_legal(Run *run)
{
    uint64_t w = run->cd[0];
    unsigned httu = field(run->ref->idr0, 6, 2);
    unsigned model = field(run->ref->idr0, 24, 2);

    if (!bit(w, 31) || !bit(w, 41) || bit(w, 15) || !bit(w, 46) ||
        (bit(w, 44) && (bit(run->ste[1], 27) || model == 1)) ||
        (httu == 0 && (bit(w, 42) || bit(w, 43))) ||
        (httu == 1 && bit(w, 42))) {
        return false;
    }
    run->s1_stall = bit(w, 44);
    run->s1_record = bit(w, 45);
    run->wxn = bit(w, 36);
    run->pan = bit(w, 40);
    return decode_first(run, 0, &run->lower) &&
           decode_first(run, 1, &run->upper);
}

/* One read for a context descriptor; *again: only the address. */
static bool fetch_cd_words(Run *run, uint64_t at, uint64_t *words, unsigned n)
{
    Rights want = { .r = true }, got;

    if (run->s2 && !second(run, CD, at, want, &at, &got)) {
        return false;
    }
    return get(run->ref, at, words, n) ||
           fetch_event(run, SMMUV3_F_CD_FETCH, at);
}

static bool fetch_cd(Run *run, uint32_t index)
{
    unsigned max = field(run->ste[0], 59, 5), fmt = field(run->ste[0], 4, 2);
    unsigned split = fmt == 1 ? 6 : 10;
    uint64_t at = run->ste[0] & below(52) & ~below(6), l1;

    if (max && (fmt == 1 || fmt == 2)) {
        if (!fetch_cd_words(run, at + (index >> split) * 8, &l1, 1)) {
            return false;
        }
        at = l1 & below(56) & ~below(12);
        if (!bit(l1, 0) || (at & ~below(oas(run->ref)))) {
            return config_event(run, SMMUV3_C_BAD_SUBSTREAMID);
        }
        index &= below(split);
    }
    if (!fetch_cd_words(run, at + index * UINT64_C(64), run->cd, 8)) {
        return false;
    }
    return cd_legal(run) || config_event(run, SMMUV3_C_BAD_CD);
}

/* Which descriptor; false with an event, or with run->s1 off: bypassed. */
static bool choose_cd(Run *run, uint32_t *index)
{
    unsigned max = field(run->ste[0], 59, 5), dss = field(run->ste[1], 0, 2);
    const SmmuRefRequest *req = run->req;

    *index = 0;
    if (req->ssv) {
        *index = req->ssid;
        if (max == 0 || req->ssid & ~below(max)) {
            return config_event(run, SMMUV3_C_BAD_SUBSTREAMID);
        }
        return req->ssid || dss != 2 ||
               config_event(run, SMMUV3_F_STREAM_DISABLED);
    }
    if (max == 0 || dss == 2) {
        return true;
    }
    if (dss == 1) {
        run->s1 = false;
        return true;
    }
    return config_event(run, SMMUV3_F_STREAM_DISABLED);
}

/* --- A transaction ---------------------------------------------------- */

static bool pass(Run *run, uint64_t addr)
{
    run->a->ok = true;
    run->a->addr = addr;
    run->a->read = run->a->write = run->a->exec = true;
    return true;
}

static bool denied_event(Run *run, unsigned id)
{
    const SmmuRefRequest *req = run->req;

    config_event(run, id);
    run->a->recorded = true;
    run->a->word[1] = (uint64_t)!req->write << 35;
    run->a->word[2] = req->addr;
    if (id == SMMUV3_F_BAD_ATS_TREQ) {
        run->a->known[1] = 0;       /* not looked at */
    }
    return false;
}

/* Too wide for a stage that does not translate: no CD says what then. */
static bool too_wide(Run *run)
{
    run->s1_record = true;
    run->s1_stall = false;
    return fault(run, SMMUV3_F_ADDR_SIZE, false, IN, 0);
}

static bool stages(Run *run)
{
    const SmmuRefRequest *req = run->req;
    Rights want = { .r = req->read, .w = req->write }, g1, g2;
    uint64_t addr = req->addr, ipa;
    bool split;

    if (req->kind == SMMU_REF_TRANSLATION) {
        want.x = run->inst;
    } else if (run->inst && !req->write) {
        /* An instruction fetch needs no right to read. */
        want.x = true;
        want.r = false;
    }
    if (!run->s1 && (addr & ~below(oas(run->ref)))) {
        return too_wide(run);
    }
    if (!run->s1 && !run->s2) {
        return pass(run, addr);
    }
    g1 = g2 = (Rights) { true, true, true };
    if (run->s1 && !first(run, addr, want, &addr, &g1)) {
        return false;
    }
    if (req->kind == SMMU_REF_TRANSLATION) {
        want = (Rights) { want.r && g1.r, want.w && g1.w, want.x && g1.x };
        if (!want.r && !want.w) {
            /* Stage 2 is not asked (3.9.1.2).  A completion has no way to
             * grant execution alone (PCIe 10.2.3). */
            run->a->ok = true;
            return true;
        }
    }
    ipa = addr;
    if (run->s2 && !second(run, IN, ipa, want, &addr, &g2)) {
        return false;
    }
    /* Split-stage: the address of between, with the rights of both. */
    split = run->eats == 2 && req->kind == SMMU_REF_TRANSLATION;
    run->a->ok = true;
    run->a->addr = split ? ipa : addr;
    run->a->read = g1.r && g2.r;
    run->a->write = g1.w && g2.w;
    run->a->exec = g1.x && g2.x &&
                   (req->kind != SMMU_REF_TRANSLATION ||
                    (run->a->read && run->inst));
    return true;
}

static void override(Run *run)
{
    unsigned priv = field(run->ste[1], 48, 2);
    unsigned inst = field(run->ste[1], 50, 2);

    run->priv = priv & 2 ? priv & 1 : run->priv;
    /* It does not make a write an instruction's. */
    run->inst = inst != 2 &&
                (run->inst || (inst == 3 && !run->req->write));
}

static bool translated(Run *run, unsigned config)
{
    if (config == 4 || run->eats == 0) {
        return denied_event(run, SMMUV3_F_TRANSL_FORBIDDEN);
    }
    if (run->eats == 1) {
        return run->req->addr & ~below(oas(run->ref))
               ? false : pass(run, run->req->addr);
    }
    run->s1 = false;
    return stages(run);
}

static bool with_ste(Run *run)
{
    const SmmuRefRequest *req = run->req;
    unsigned config = field(run->ste[0], 1, 3);
    uint32_t index;

    if (!bit(run->ste[0], 0)) {
        return config_event(run, SMMUV3_C_BAD_STE);
    }
    if (config < 4) {
        return false;
    }
    if (!ste_legal(run, config)) {
        return config_event(run, SMMUV3_C_BAD_STE);
    }
    override(run);
    if (req->kind == SMMU_REF_TRANSLATED) {
        return translated(run, config);
    }
    if (req->kind == SMMU_REF_TRANSLATION && run->eats == 0) {
        return denied_event(run, SMMUV3_F_BAD_ATS_TREQ);
    }
    if (!run->s1 && req->ssv) {
        return config_event(run, SMMUV3_C_BAD_SUBSTREAMID);
    }
    if (run->s1 && !choose_cd(run, &index)) {
        return false;
    }
    if (run->s1 && !fetch_cd(run, index)) {
        return false;
    }
    return stages(run);
}

void smmu_ref_translate(const SmmuRef *ref, const SmmuRefRequest *req,
                        SmmuRefAnswer *a)
{
    SmmuRefRequest plain = *req;
    Run run = { .ref = ref, .req = &plain, .a = a, .priv = req->priv,
                .inst = req->inst };

    memset(a, 0, sizeof(*a));
    if (!bit(ref->cr0, 0)) {
        if (req->kind == SMMU_REF_UNTRANSLATED) {
            if (!bit(ref->gbpa, 20) && !(req->addr & ~below(oas(ref)))) {
                pass(&run, req->addr);
            }
        } else {
            denied_event(&run, req->kind == SMMU_REF_TRANSLATION
                               ? SMMUV3_F_BAD_ATS_TREQ
                               : SMMUV3_F_TRANSL_FORBIDDEN);
        }
        return;
    }
    if (req->kind == SMMU_REF_TRANSLATED) {
        /* Without IDR3.PASIDTT, as if there were no PASID (3.9.1.3). */
        plain.ssv = run.priv = run.inst = false;
        if (!bit(ref->cr0, 4)) {
            if (!(req->addr & ~below(oas(ref)))) {
                pass(&run, req->addr);
            }
            return;
        }
    }
    if (fetch_ste(&run)) {
        with_ste(&run);
    }
    if (req->kind == SMMU_REF_TRANSLATION &&
        a->event >= SMMUV3_F_TRANSLATION) {
        /* Success, with nothing granted (3.9.1.2). */
        memset(a, 0, sizeof(*a));
        a->ok = true;
    }
}
