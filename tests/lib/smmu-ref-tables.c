/* SPDX-License-Identifier: BSD-3-Clause */
/* Stream table entries and context descriptors. */
#include "tests/lib/smmu-ref-internal.h"

/* --- Stream table entry [SMMU 5.2] --------------------------------------- */

static bool decode_second(Run *run)
{
    static const unsigned granules[4] = { 12, 16, 14, 0 };
    const SmmuRef *ref = run->ref;
    uint64_t w = run->ste[2];
    unsigned tsz = field(w, STE_S2T0SZ), sl0 = field(w, STE_S2SL0), check;
    unsigned pa = smmu_ref_oas(ref), httu = field(ref->idr0, IDR0_HTTU), least;
    Tables *t = &run->second;

    *t = (Tables) { .on = true, .granule = granules[field(w, STE_S2TG)],
                    .affd = field(w, STE_S2AFFD), .ha = field(w, STE_S2HA),
                    .hd = field(w, STE_S2HD) && field(w, STE_S2HA) };
    if (!t->granule || !field(w, STE_S2AA64) || field(w, STE_S2ENDI) ||
        sl0 == 3 ||
        (httu == 0 && (field(w, STE_S2HD) || field(w, STE_S2HA))) ||
        (httu == 1 && field(w, STE_S2HD)) ||
        (field(w, STE_S2S) &&
         field(ref->idr0, IDR0_STALL_MODEL) == STALL_MODEL_NONE)) {
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
    t->output = lower_of(pa, smmu_ref_size(field(w, STE_S2PS)));
    t->output = t->granule == 16 ? t->output : lower_of(t->output, 48);
    t->base = run->ste[3] & below(52) & ~below(4);
    run->s2_stall = field(w, STE_S2S);
    run->s2_record = field(w, STE_S2R);
    run->s2_ptw = field(w, STE_S2PTW);
    run->s2_fwb = field(ref->idr3, IDR3_FWB) && field(run->ste[1], STE_S2FWB);
    return !(t->base & ~below(t->output));
}

bool smmu_ref_ste_legal(Run *run, unsigned config)
{
    const SmmuRef *ref = run->ref;
    const uint64_t *w = run->ste;
    unsigned eats = field(w[1], STE_EATS), max = field(w[0], STE_S1CDMAX);
    bool s2s = field(w[2], STE_S2S);

    run->s1 = config & 1;
    run->s2 = config & 2;
    if ((run->s1 && !field(ref->idr0, IDR0_S1P)) ||
        (run->s2 && !field(ref->idr0, IDR0_S2P))) {
        return false;
    }
    if (field(ref->idr0, IDR0_ATS) && config != SMMUV3_BYPASS) {
        if ((eats == EATS_SPLIT && (config != SMMUV3_NESTED || s2s)) ||
            (eats == EATS_FULL && s2s && run->s2)) {
            return false;
        }
        run->eats = eats == 3 ? 0 : eats;
        if (eats == EATS_SPLIT && !(ref->cr0 & SMMUV3_CR0_ATSCHK)) {
            run->eats = 0;
        }
    }
    if (field(ref->idr0, IDR0_HYP) && config == SMMUV3_S1) {
        unsigned strw = field(w[1], STE_STRW);

        if (strw & 1) {
            return false;
        }
        run->alone = strw == STRW_EL2 && !(ref->cr2 & SMMUV3_CR2_E2H);
    }
    if (run->s1) {
        unsigned most = field(ref->idr1, IDR1_SSIDSIZE);

        if ((field(w[1], STE_S1STALLD) &&
             field(ref->idr0, IDR0_STALL_MODEL) != STALL_MODEL_BOTH) ||
            (most && max > most) ||
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
    unsigned log2 = field(ref->strtab_cfg, STRTAB_LOG2SIZE);
    unsigned split = field(ref->strtab_cfg, STRTAB_SPLIT), span;
    uint64_t base = ref->strtab_base & below(52) & ~below(6), at, l1;

    if (sid & ~below(lower_of(log2, field(ref->idr1, IDR1_SIDSIZE)))) {
        return smmu_ref_config_event(run, SMMUV3_C_BAD_STREAMID);
    }
    if (split != 8 && split != 10) {
        split = 6;
    }
    if (field(ref->strtab_cfg, STRTAB_FMT) != 1) {
        at = (base & ~below(log2 + 6)) + sid * UINT64_C(64);
    } else {
        unsigned n = log2 > split ? log2 - split + 3 : 3;

        at = (base & ~below(n < 6 ? 6 : n)) + (sid >> split) * UINT64_C(8);
        if (!smmu_ref_get(ref, at, &l1, 1)) {
            return smmu_ref_fetch_event(run, SMMUV3_F_STE_FETCH, at);
        }
        span = field(l1, L1STD_SPAN);
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

/* --- Context descriptor [SMMU 5.3] [SMMU 5.4] ---------------------------- */

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

    *t = (Tables) { .affd = field(w, CD_AFFD), .ha = field(w, CD_HA),
                    .hd = field(w, CD_HD) && field(w, CD_HA),
                    .had = field(base, CD_HAD) };
    run->tbi[half] = bit(w, 38 + half);
    if (half_off(run, half)) {
        return true;
    }
    t->on = true;
    t->granule = half ? tg1[tg] : tg0[tg];
    least = t->granule == 16 && field(run->ref->idr5, IDR5_VAX) == 1 ? 12 : 16;
    if (!t->granule || tsz < least || tsz > 39) {
        return false;
    }
    t->input = 64 - tsz;
    t->start = 3;
    while ((3 - t->start + 1) * (t->granule - 3) + t->granule < t->input) {
        t->start--;
    }
    t->output = lower_of(smmu_ref_oas(run->ref),
                         smmu_ref_size(field(w, CD_IPS)));
    t->output = t->granule == 16 ? t->output : lower_of(t->output, 48);
    t->base = base & below(52) & ~below(4);
    return !(t->base & ~below(t->output));
}

static bool cd_legal(Run *run)
{
    uint64_t w = run->cd[0];
    unsigned httu = field(run->ref->idr0, IDR0_HTTU);
    unsigned model = field(run->ref->idr0, IDR0_STALL_MODEL);

    if (!field(w, CD_V) || !field(w, CD_AA64) || !field(w, CD_A) ||
        (field(w, CD_ENDI) && !(half_off(run, 0) && half_off(run, 1))) ||
        (field(w, CD_S) && (field(run->ste[1], STE_S1STALLD) ||
                            model == STALL_MODEL_NONE)) ||
        (httu == 0 && (field(w, CD_HD) || field(w, CD_HA))) ||
        (httu == 1 && field(w, CD_HD))) {
        return false;
    }
    run->s1_stall = field(w, CD_S);
    run->s1_record = field(w, CD_R);
    run->wxn = field(w, CD_WXN);
    run->pan = field(w, CD_PAN);
    return decode_first(run, 0, &run->lower) &&
           decode_first(run, 1, &run->upper);
}

/* S1CDMax, which is ignored where there are no substreams. */
static unsigned substreams(const Run *run)
{
    return field(run->ref->idr1, IDR1_SSIDSIZE)
           ? field(run->ste[0], STE_S1CDMAX) : 0;
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
    unsigned max = substreams(run), fmt = field(run->ste[0], STE_S1FMT);
    unsigned split = fmt == 1 ? 6 : 10;
    uint64_t at = run->ste[0] & below(52) & ~below(6), l1;

    if (max && (fmt == 1 || fmt == 2)) {
        if (!fetch_cd_words(run, at + (index >> split) * 8, &l1, 1)) {
            return false;
        }
        at = l1 & below(56) & ~below(12);
        if (!(l1 & SMMUV3_L1CD_V) || (at & ~below(smmu_ref_oas(run->ref)))) {
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
    unsigned max = substreams(run), dss = field(run->ste[1], STE_S1DSS);
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
