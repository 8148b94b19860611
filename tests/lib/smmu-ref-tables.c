/* SPDX-License-Identifier: BSD-3-Clause */
/* Stream table entries and context descriptors. */
#include "tests/lib/smmu-ref-internal.h"

/* --- Stream table entry (5.2) ----------------------------------------- */

static bool decode_second(Run *run)
{
    static const unsigned granules[4] = { 12, 16, 14, 0 };
    const SmmuRef *ref = run->ref;
    uint64_t w = run->ste[2];
    unsigned tsz = field(w, 32, 6), sl0 = field(w, 38, 2), check;
    unsigned pa = smmu_ref_oas(ref), httu = field(ref->idr0, 6, 2), least;
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
    t->output = lower_of(pa, smmu_ref_size(field(w, 48, 3)));
    t->output = t->granule == 16 ? t->output : lower_of(t->output, 48);
    t->base = run->ste[3] & below(52) & ~below(4);
    run->s2_stall = bit(w, 57);
    run->s2_record = bit(w, 58);
    run->s2_ptw = bit(w, 54);
    run->s2_fwb = bit(ref->idr3, 8) && bit(run->ste[1], 25);
    return !(t->base & ~below(t->output));
}

bool smmu_ref_ste_legal(Run *run, unsigned config)
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
    if (bit(ref->idr0, 9) && config == 5) {
        unsigned strw = field(w[1], 30, 2);

        if (strw & 1) {
            return false;
        }
        run->alone = strw == 2 && !bit(ref->cr2, 0);
    }
    if (run->s1) {
        if ((bit(w[1], 27) && field(ref->idr0, 24, 2) != 0) ||
            (field(ref->idr1, 6, 5) && max > field(ref->idr1, 6, 5)) ||
            (w[0] & below(56) & ~below(smmu_ref_oas(ref)))) {
            return false;
        }
    }
    return !run->s2 || decode_second(run);
}

bool smmu_ref_fetch_ste(Run *run)
{
    const SmmuRef *ref = run->ref;
    uint32_t sid = run->req->sid;
    unsigned log2 = field(ref->strtab_cfg, 0, 6);
    unsigned split = field(ref->strtab_cfg, 6, 5), span;
    uint64_t base = ref->strtab_base & below(52) & ~below(6), at, l1;

    if (sid & ~below(lower_of(log2, field(ref->idr1, 0, 6)))) {
        return smmu_ref_config_event(run, SMMUV3_C_BAD_STREAMID);
    }
    if (split != 8 && split != 10) {
        split = 6;
    }
    if (field(ref->strtab_cfg, 16, 2) != 1) {
        at = (base & ~below(log2 + 6)) + sid * UINT64_C(64);
    } else {
        unsigned n = log2 > split ? log2 - split + 3 : 3;

        at = (base & ~below(n < 6 ? 6 : n)) + (sid >> split) * UINT64_C(8);
        if (!smmu_ref_get(ref, at, &l1, 1)) {
            return smmu_ref_fetch_event(run, SMMUV3_F_STE_FETCH, at);
        }
        span = field(l1, 0, 5);
        if (span == 0 || span > split + 1 ||
            field(sid, 0, split) >= UINT64_C(1) << (span - 1)) {
            return smmu_ref_config_event(run, SMMUV3_C_BAD_STREAMID);
        }
        at = (l1 & below(52) & ~below(span - 1 + 6)) +
             field(sid, 0, split) * 64;
    }
    if (!smmu_ref_get(ref, at, run->ste, 8)) {
        return smmu_ref_fetch_event(run, SMMUV3_F_STE_FETCH, at);
    }
    return true;
}

/* --- Context descriptor (5.3, 5.4) ------------------------------------ */

/* EPD, which EL2 alone ignores, as it has one half. */
static bool half_off(const Run *run, unsigned half)
{
    return run->alone ? half == 1 : bit(run->cd[0], 14 + 16 * half);
}

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
    if (half_off(run, half)) {
        return true;
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
    t->output = lower_of(smmu_ref_oas(run->ref),
                         smmu_ref_size(field(w, 32, 3)));
    t->output = t->granule == 16 ? t->output : lower_of(t->output, 48);
    t->base = base & below(52) & ~below(4);
    return !(t->base & ~below(t->output));
}

static bool cd_legal(Run *run)
{
    uint64_t w = run->cd[0];
    unsigned httu = field(run->ref->idr0, 6, 2);
    unsigned model = field(run->ref->idr0, 24, 2);

    if (!bit(w, 31) || !bit(w, 41) || !bit(w, 46) ||
        (bit(w, 15) && !(half_off(run, 0) && half_off(run, 1))) ||
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

/* S1CDMax, which is ignored where there are no substreams. */
static unsigned substreams(const Run *run)
{
    return field(run->ref->idr1, 6, 5) ? field(run->ste[0], 59, 5) : 0;
}

/* One read for a context descriptor; *again: only the address. */
static bool fetch_cd_words(Run *run, uint64_t at, uint64_t *words, unsigned n)
{
    Rights want = { .r = true }, got;

    if (run->s2 && !smmu_ref_second(run, CD, at, want, &at, &got)) {
        return false;
    }
    return smmu_ref_get(run->ref, at, words, n) ||
           smmu_ref_fetch_event(run, SMMUV3_F_CD_FETCH, at);
}

bool smmu_ref_fetch_cd(Run *run, uint32_t index)
{
    unsigned max = substreams(run), fmt = field(run->ste[0], 4, 2);
    unsigned split = fmt == 1 ? 6 : 10;
    uint64_t at = run->ste[0] & below(52) & ~below(6), l1;

    if (max && (fmt == 1 || fmt == 2)) {
        if (!fetch_cd_words(run, at + (index >> split) * 8, &l1, 1)) {
            return false;
        }
        at = l1 & below(56) & ~below(12);
        if (!bit(l1, 0) || (at & ~below(smmu_ref_oas(run->ref)))) {
            return smmu_ref_config_event(run, SMMUV3_C_BAD_SUBSTREAMID);
        }
        index &= below(split);
    }
    if (!fetch_cd_words(run, at + index * UINT64_C(64), run->cd, 8)) {
        return false;
    }
    return cd_legal(run) || smmu_ref_config_event(run, SMMUV3_C_BAD_CD);
}

/* Which descriptor; false with an event, or with run->s1 off: bypassed. */
bool smmu_ref_choose_cd(Run *run, uint32_t *index)
{
    unsigned max = substreams(run), dss = field(run->ste[1], 0, 2);
    const SmmuRefRequest *req = run->req;

    *index = 0;
    if (req->ssv) {
        *index = req->ssid;
        if (max == 0 || req->ssid & ~below(max)) {
            return smmu_ref_config_event(run, SMMUV3_C_BAD_SUBSTREAMID);
        }
        return req->ssid || dss != 2 ||
               smmu_ref_config_event(run, SMMUV3_F_STREAM_DISABLED);
    }
    if (max == 0 || dss == 2) {
        return true;
    }
    if (dss == 1) {
        run->s1 = false;
        return true;
    }
    return smmu_ref_config_event(run, SMMUV3_F_STREAM_DISABLED);
}
