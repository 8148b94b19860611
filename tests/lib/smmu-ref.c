/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/smmu-ref-internal.h"

#include <string.h>

bool smmu_ref_get(const SmmuRef *ref, uint64_t addr, uint64_t *words,
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

unsigned smmu_ref_size(unsigned code)
{
    static const unsigned sizes[8] = { 32, 36, 40, 42, 44, 48, 52, 52 };

    return sizes[code & 7];
}

unsigned smmu_ref_oas(const SmmuRef *ref)
{
    return smmu_ref_size(ref->idr5 & 7);
}

/* --- Events [SMMU 7.3] --------------------------------------------------- */

bool smmu_ref_config_event(Run *run, unsigned id)
{
    SmmuRefAnswer *a = run->a;
    const SmmuRefRequest *req = run->req;

    a->ok = false;
    a->event = id;
    a->recorded = req->kind == SMMU_REF_UNTRANSLATED &&
                  (id != SMMUV3_C_BAD_STREAMID ||
                   (run->ref->cr2 & SMMUV3_CR2_RECINVSID));
    a->word[0] = EVENT_WORD0(id, req->sid);
    if (req->ssv) {
        a->word[0] |= EVENT_IN_SSID(req->ssid);
        a->word[0] |= id == SMMUV3_C_BAD_SUBSTREAMID ? 0 : EVENT_IN_SSV;
    }
    memset(a->known, 0xff, sizeof(a->known));
    return false;
}

bool smmu_ref_fetch_event(Run *run, unsigned id, uint64_t addr)
{
    smmu_ref_config_event(run, id);
    run->a->word[3] = addr & ~UINT64_C(7);
    return false;
}

static void attributes(Run *run, bool s2, unsigned class)
{
    SmmuRefAnswer *a = run->a;

    a->word[1] = (run->priv ? EVENT_IN_PNU : 0) |
                 (run->inst && !run->req->write ? EVENT_IN_IND : 0) |
                 (run->req->write ? 0 : EVENT_IN_RNW) |
                 (s2 ? EVENT_IN_S2 : 0) | EVENT_IN_CLASS(class);
    a->word[2] = run->req->addr;
}

/* F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION */
bool smmu_ref_fault(Run *run, unsigned id, bool s2, unsigned class,
                  uint64_t ipa)
{
    SmmuRefAnswer *a = run->a;
    bool record = s2 ? run->s2_record : run->s1_record;

    smmu_ref_config_event(run, id);
    a->stall = (s2 ? run->s2_stall : run->s1_stall) &&
               run->req->kind == SMMU_REF_UNTRANSLATED;
    a->recorded = run->req->kind != SMMU_REF_TRANSLATION &&
                  (record || a->stall);
    attributes(run, s2, s2 ? class : IN);
    a->word[1] |= a->stall ? EVENT_IN_STALL : 0;
    /* STAG; TTRnW where it means nothing */
    a->known[1] = ~EVENT_IN_STAG;
    if (s2) {
        a->word[3] = ipa & below(52) & ~below(12);
    } else {
        a->known[3] = 0;
    }
    return false;
}

bool smmu_ref_walk_abort(Run *run, bool s2, unsigned class, uint64_t addr)
{
    smmu_ref_fetch_event(run, SMMUV3_F_WALK_EABT, addr);
    run->a->recorded = run->req->kind != SMMU_REF_TRANSLATION;
    attributes(run, s2, s2 ? class : TT);
    return false;
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

    smmu_ref_config_event(run, id);
    run->a->recorded = true;
    run->a->word[1] = req->write ? 0 : EVENT_IN_RNW;
    run->a->word[2] = req->addr;
    if (id == SMMUV3_F_BAD_ATS_TREQ) {
        /* R, W, X, PRIV as asked for, and a span of one [SMMU 7.3.6] */
        run->a->word[1] = TREQ_R | (req->write ? TREQ_W : 0) |
                          (req->inst ? TREQ_X : 0) |
                          (req->priv ? TREQ_PRIV : 0) | TREQ_SPAN(1);
        run->a->word[2] = req->addr & ~below(12);
    }
    return false;
}

/* Too wide for a stage that does not translate: no CD says what then. */
static bool too_wide(Run *run)
{
    run->s1_record = true;
    run->s1_stall = false;
    return smmu_ref_fault(run, SMMUV3_F_ADDR_SIZE, false, IN, 0);
}

static unsigned inst_override(const Run *run)
{
    return field(run->ref->idr1, IDR1_ATTR_PERMS_OVR)
           ? field(run->ste[1], STE_INSTCFG) : 0;
}

/*
 * What a completion says of a page that grants @g at the effective privilege
 * by its pseudocode [SMMU 13.7.1].  False: nothing that could be used.
 */
static bool completion(Run *run, Rights g)
{
    unsigned instcfg = inst_override(run);
    bool exe = run->req->inst;
    SmmuRefAnswer *a = run->a;

    a->ok = true;
    a->priv = run->req->priv;
    a->write = g.w;
    switch (instcfg) {
    case 3:
        a->read = g.x;
        a->exec = exe && g.x;
        break;
    case 2:
        a->read = g.r;
        a->exec = exe && g.r;
        break;
    default:
        a->read = g.r;
        a->exec = exe && g.r && g.x;
        break;
    }
    return a->read || a->write;
}

static bool request_stages(Run *run)
{
    Rights want = { .w = run->req->write }, g1 = { true, true, true };
    Rights g2 = g1;
    uint64_t ipa = run->req->addr, addr;

    if (!run->s1 && (ipa & ~below(smmu_ref_oas(run->ref)))) {
        return too_wide(run);
    }
    if (run->s1 && !smmu_ref_first(run, ipa, want, &ipa, &g1)) {
        return false;
    }
    if (!completion(run, g1)) {
        /* Stage 2 is not asked [SMMU 3.9.1.2]. */
        return true;
    }
    addr = ipa;
    want.w &= g1.w;
    if (run->s2 && !smmu_ref_second(run, IN, ipa, want, &addr, &g2)) {
        return false;
    }
    /* Split-stage: the address of between, with the rights of both. */
    run->a->addr = run->eats == 2 ? ipa : addr;
    completion(run, (Rights) { g1.r && g2.r, g1.w && g2.w, g1.x && g2.x });
    return true;
}

/* What transactions of the stream may do: its reads are all fetches, or
 * none is. */
static void as_read(Run *run, Rights g)
{
    unsigned instcfg = inst_override(run);

    run->a->read = instcfg == 3 ? g.x : g.r;
    run->a->write = g.w;
    run->a->exec = instcfg == 2 ? g.r : g.x;
}

static bool stages(Run *run)
{
    const SmmuRefRequest *req = run->req;
    Rights want = { .r = req->read, .w = req->write }, g1, g2;
    uint64_t addr = req->addr;

    if (run->inst && !req->write) {
        /* An instruction fetch needs no right to read. */
        want.x = true;
        want.r = false;
    }
    if (!run->s1 && (addr & ~below(smmu_ref_oas(run->ref)))) {
        return too_wide(run);
    }
    if (!run->s1 && !run->s2) {
        return pass(run, addr);
    }
    g1 = g2 = (Rights) { true, true, true };
    if ((run->s1 && !smmu_ref_first(run, addr, want, &addr, &g1)) ||
        (run->s2 && !smmu_ref_second(run, IN, addr, want, &addr, &g2))) {
        return false;
    }
    run->a->ok = true;
    run->a->addr = addr;
    as_read(run, (Rights) { g1.r && g2.r, g1.w && g2.w, g1.x && g2.x });
    return true;
}

static void override(Run *run)
{
    unsigned priv = field(run->ste[1], STE_PRIVCFG);
    unsigned inst = field(run->ste[1], STE_INSTCFG);

    if (!field(run->ref->idr1, IDR1_ATTR_PERMS_OVR)) {
        return;
    }
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
        return run->req->addr & ~below(smmu_ref_oas(run->ref))
               ? false : pass(run, run->req->addr);
    }
    run->s1 = false;
    return stages(run);
}

static bool with_ste(Run *run)
{
    const SmmuRefRequest *req = run->req;
    unsigned config = field(run->ste[0], STE_CONFIG);
    uint32_t index;

    if (!field(run->ste[0], STE_V)) {
        return smmu_ref_config_event(run, SMMUV3_C_BAD_STE);
    }
    if (config < 4) {
        return false;
    }
    if (!smmu_ref_ste_legal(run, config)) {
        return smmu_ref_config_event(run, SMMUV3_C_BAD_STE);
    }
    override(run);
    if (req->kind == SMMU_REF_TRANSLATED) {
        return translated(run, config);
    }
    if (req->kind == SMMU_REF_TRANSLATION && run->eats == 0) {
        return denied_event(run, SMMUV3_F_BAD_ATS_TREQ);
    }
    if (!run->s1 && req->ssv) {
        return smmu_ref_config_event(run, SMMUV3_C_BAD_SUBSTREAMID);
    }
    if (run->s1 && !smmu_ref_choose_cd(run, &index)) {
        return false;
    }
    if (run->s1 && !smmu_ref_fetch_cd(run, index)) {
        return false;
    }
    return req->kind == SMMU_REF_TRANSLATION ? request_stages(run)
                                             : stages(run);
}

void smmu_ref_translate(const SmmuRef *ref, const SmmuRefRequest *req,
                        SmmuRefAnswer *a)
{
    SmmuRefRequest plain = *req;
    Run run = { .ref = ref, .req = &plain, .a = a, .priv = req->priv,
                .inst = req->inst };

    memset(a, 0, sizeof(*a));
    if (req->kind == SMMU_REF_TRANSLATION && !req->ssv) {
        /* It has no word for these [SMMU 13.7]. */
        plain.priv = plain.inst = run.priv = run.inst = false;
    }
    if (!(ref->cr0 & SMMUV3_CR0_SMMUEN)) {
        if (req->kind == SMMU_REF_UNTRANSLATED) {
            if (!(ref->gbpa & SMMUV3_GBPA_ABORT) &&
                !(req->addr & ~below(smmu_ref_oas(ref)))) {
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
        /* Without IDR3.PASIDTT, as if there were no PASID [SMMU 3.9.1.3]. */
        plain.ssv = run.priv = run.inst = false;
        if (!(ref->cr0 & SMMUV3_CR0_ATSCHK)) {
            if (!(req->addr & ~below(smmu_ref_oas(ref)))) {
                pass(&run, req->addr);
            }
            return;
        }
    }
    if (smmu_ref_fetch_ste(&run)) {
        with_ste(&run);
    }
    if (req->kind == SMMU_REF_TRANSLATION &&
        a->event >= SMMUV3_F_TRANSLATION) {
        /* Success, with nothing granted [SMMU 3.9.1.2]. */
        memset(a, 0, sizeof(*a));
        a->ok = true;
        a->priv = plain.priv;
    }
}
