/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decoders of stream table entries (STE) and context descriptors (CD).
 *
 * The specification calls values ILLEGAL that software must not write; the
 * event is C_BAD_STE or C_BAD_CD then.  These are all:
 *
 *   STE.V             0
 *   STE.Config        a stage that IDR0.S1P, S2P does not announce
 *   STE.EATS          with IDR0.ATS, unless all bypasses: full ATS with stage
 *                     2 and S2S; split-stage ATS unless nested, or with S2S
 *   STE.STRW          with IDR0.HYP, of stage 1 alone: 1, 3
 *   STE.S1CDMax       above IDR1.SSIDSIZE
 *   STE.S1STALLD      1 without the stall model
 *   STE.S1ContextPtr  beyond the output size
 *   STE.S2TG          3
 *   STE.S2AA64        0
 *   STE.S2ENDI        1
 *   STE.S2S           1 without the stall model
 *   STE.S2HA, S2HD    1 without what IDR0.HTTU announces
 *   STE.S2T0SZ        above 39; an input beyond the output size, or 48 bits
 *   STE.S2SL0         3; a start level that S2T0SZ does not need, or that
 *                     takes more than 16 start tables; one that there is not
 *   STE.S2TTB         beyond S2PS, or the output size
 *
 *   CD.V              0
 *   CD.AA64           0
 *   CD.A              0, because of IDR0.TERM_MODEL
 *   CD.ENDI           1, unless both halves are off
 *   CD.S              1 without the stall model, or with STE.S1STALLD
 *   CD.HA, HD         1 without what IDR0.HTTU announces
 *   of each half of the addresses that is on (EPD0, EPD1):
 *   CD.TG0, TG1       the reserved value
 *   CD.T0SZ, T1SZ     above 39; an input of more than 48 bits
 *   CD.TTB0, TTB1     beyond IPS, or the output size
 *
 * "48 bits" are 52 with pages of 64 KiB and IDR5.VAX.
 */
#include "hw/iommu/smmuv3/lookup.h"

/* Log2 of the page size by TG0 and S2TG, and by TG1; 0: reserved. */
static const uint8_t granule_of_tg0[4] = { 12, 16, 14, 0 };
static const uint8_t granule_of_tg1[4] = { 0, 14, 12, 16 };

/* The greatest T0SZ, T1SZ and S2T0SZ without small tables (IDR3.STT). */
#define TSZ_MAX 39

/* Log2 of the start tables of stage 2 that may lie side by side. */
#define SIDE_BY_SIDE 4

/* Bits of the input address that one level of tables resolves. */
static unsigned level_bits(unsigned granule)
{
    return granule - 3;
}

/* The widest input of a stage [SMMU 3.4.1]. */
static unsigned highest_input(const SmmuUnit *u, unsigned granule)
{
    return granule == 16 && u->cfg.oas_bits == 52 ? 52 : 48;
}

/* The width of a stage's output, where IPS or S2PS says @size [SMMU 3.4]. */
static unsigned output_bits(const SmmuUnit *u, unsigned granule,
                            unsigned size)
{
    unsigned bits = MIN(smmu_size_bits(size), u->cfg.oas_bits);

    return granule == 16 ? bits : MIN(bits, 48);
}

/* Whether a table's address has no bit beyond @bits; bits 51:48 stand in 5:2
 * only with 52-bit addresses. */
static bool is_within(uint64_t ttb, unsigned bits)
{
    return bits >= 52 || !(ttb >> bits);
}

/* [SMMU 5.2.2] [SMMU 5.4.2]: the stall model, and flags that the unit
 * updates, which it may not have. */
static bool features_exist(const SmmuUnit *u, bool stall, bool ha, bool hd)
{
    return (!stall || u->cfg.stall) && (!ha || u->cfg.httu >= 1) &&
           (!hd || u->cfg.httu >= 2);
}

/* --- Stage 2 ------------------------------------------------------------- */

/* The highest start levels come with wide addresses only, as VTCR_EL2.SL0 has
 * it [ARM D8.2]. */
static bool start_level_exists(const SmmuUnit *u, const SmmuTable *t)
{
    switch (t->granule) {
    case 12:
        return t->start_level > 0 || u->cfg.oas_bits > 42;
    case 14:
        return t->start_level > 1 ||
               (t->start_level == 1 && u->cfg.oas_bits > 40);
    default:
        return t->start_level > 1 ||
               (t->start_level == 1 && u->cfg.oas_bits > 42);
    }
}

/* Whether the start level is needed, and few enough tables of it side by side
 * are enough [ARM D8.2]. */
static bool start_level_fits(const SmmuTable *t)
{
    unsigned below = t->granule + level_bits(t->granule) *
                     (SMMU_LAST_LEVEL - t->start_level);

    return t->input_bits > below &&
           t->input_bits <= below + level_bits(t->granule) + SIDE_BY_SIDE;
}

/* [SMMU 5.2]; the start level is right if S2SL0 is legal. */
static SmmuTable s2_table(const SmmuUnit *u, const uint64_t word[8])
{
    unsigned granule = granule_of_tg0[viommu_get(word[2], SMMU_STE_S2TG)];

    return (SmmuTable) {
        .ttb = word[3] & SMMU_STE_S2TTB,
        .granule = granule,
        .input_bits = 64 - viommu_get(word[2], SMMU_STE_S2T0SZ),
        .out_bits = output_bits(u, granule,
                                viommu_get(word[2], SMMU_STE_S2PS)),
        .start_level = (granule == 12 ? 2 : 3) -
                       viommu_get(word[2], SMMU_STE_S2SL0),
    };
}

/* [SMMU 5.2.2], of the fields of stage 2. */
static bool s2_is_legal(const SmmuUnit *u, const uint64_t word[8],
                        const SmmuTable *t)
{
    if (!t->granule || !(word[2] & SMMU_STE_S2AA64) ||
        (word[2] & SMMU_STE_S2ENDI) ||
        viommu_get(word[2], SMMU_STE_S2SL0) == SMMU_SL0_RESERVED) {
        return false;
    }
    if (!features_exist(u, word[2] & SMMU_STE_S2S, word[2] & SMMU_STE_S2HA,
                        word[2] & SMMU_STE_S2HD)) {
        return false;
    }
    /* The input is an IPA, which is as wide as an output address. */
    return viommu_get(word[2], SMMU_STE_S2T0SZ) <= TSZ_MAX &&
           t->input_bits <= MIN(highest_input(u, t->granule),
                                u->cfg.oas_bits) &&
           start_level_fits(t) && start_level_exists(u, t) &&
           is_within(t->ttb, t->out_bits);
}

/* [SMMU 5.2].  S2FWB is reserved without IDR3.FWB, and S2HD does nothing
 * without S2HA [SMMU 3.13]. */
static uint64_t s2_flags(const SmmuUnit *u, const uint64_t word[8])
{
    bool fwb = u->cfg.fwb && (word[1] & SMMU_STE_S2FWB);
    bool ha = word[2] & SMMU_STE_S2HA;

    return SMMU_CTX_S2 |
           (word[2] & SMMU_STE_S2S ? SMMU_CTX_S2_STALL : 0) |
           (word[2] & SMMU_STE_S2R ? SMMU_CTX_S2_RECORD : 0) |
           (word[2] & SMMU_STE_S2AFFD ? SMMU_CTX_S2_AFFD : 0) |
           (word[2] & SMMU_STE_S2PTW ? SMMU_CTX_S2_PTW : 0) |
           (fwb ? SMMU_CTX_S2_FWB : 0) |
           (ha ? SMMU_CTX_S2_HA : 0) |
           (ha && (word[2] & SMMU_STE_S2HD) ? SMMU_CTX_S2_HD : 0);
}

static bool decode_s2(const SmmuUnit *u, const uint64_t word[8],
                      SmmuContext *c)
{
    const SmmuTable t = s2_table(u, word);

    if (!s2_is_legal(u, word, &t)) {
        return false;
    }
    c->base[SMMU_STAGE2] = smmu_table_pack(&t);
    c->flags |= s2_flags(u, word);
    return true;
}

/* --- Stream table entries ------------------------------------------------ */

/* PRIVCFG and INSTCFG: 2 and 3 override what the transaction says; they are
 * reserved without IDR1.ATTR_PERMS_OVR [SMMU 13.1.4]. */
static uint64_t override_flags(const SmmuUnit *u, const uint64_t word[8])
{
    static const uint32_t priv[4] = { 0, 0, SMMU_CTX_FORCE_USER,
                                      SMMU_CTX_FORCE_PRIV };
    static const uint32_t inst[4] = { 0, 0, SMMU_CTX_FORCE_DATA,
                                      SMMU_CTX_FORCE_INST };

    return u->cfg.attr_perms_ovr
           ? priv[viommu_get(word[1], SMMU_STE_PRIVCFG)] |
             inst[viommu_get(word[1], SMMU_STE_INSTCFG)] : 0;
}

/* EATS counts with ATS, of a stream that does not bypass; 3 is as 0 without a
 * device permission table [SMMU 5.2]. */
static unsigned effective_eats(const SmmuUnit *u, const uint64_t word[8])
{
    return u->cfg.ats &&
           viommu_get(word[0], SMMU_STE_CONFIG) != SMMU_CONFIG_ON
           ? viommu_get(word[1], SMMU_STE_EATS) : SMMU_EATS_ABORT;
}

/* Only stage 1 alone can be EL2's [SMMU 5.2]; of other streams, and without
 * HYP, STRW does not count. */
static unsigned effective_strw(const SmmuUnit *u, const uint64_t word[8])
{
    return u->cfg.hyp &&
           viommu_get(word[0], SMMU_STE_CONFIG) ==
           (SMMU_CONFIG_ON | SMMU_CONFIG_S1)
           ? viommu_get(word[1], SMMU_STE_STRW) : SMMU_STRW_EL1;
}

/* [SMMU 5.2.2], of the fields of stage 1.  S1Fmt 3 and S1DSS 3 are legal, and
 * as 0; the address is an IPA, which is as wide as an output address. */
static bool s1_is_legal(const SmmuUnit *u, const uint64_t word[8])
{
    return (!u->cfg.ssid_bits ||
            viommu_get(word[0], SMMU_STE_S1CDMAX) <= u->cfg.ssid_bits) &&
           features_exist(u, word[1] & SMMU_STE_S1STALLD, false, false) &&
           is_within(word[0] & SMMU_STE_S1CONTEXTPTR, u->cfg.oas_bits);
}

/* [SMMU 5.2.2], of a valid entry that does not abort; stage 2's fields are
 * s2_is_legal()'s. */
static bool ste_is_legal(const SmmuUnit *u, const uint64_t word[8])
{
    unsigned config = viommu_get(word[0], SMMU_STE_CONFIG);
    bool s1 = config & SMMU_CONFIG_S1, s2 = config & SMMU_CONFIG_S2;
    bool s2s = s2 && (word[2] & SMMU_STE_S2S);
    unsigned eats = effective_eats(u, word);

    if ((s1 && !u->cfg.stage1) || (s2 && !u->cfg.stage2)) {
        return false;
    }
    if ((eats == SMMU_EATS_FULL && s2s) ||
        (eats == SMMU_EATS_SPLIT && (!s1 || !s2 || s2s))) {
        return false;
    }
    if (effective_strw(u, word) & SMMU_STRW_RESERVED) {
        return false;
    }
    return !s1 || s1_is_legal(u, word);
}

/* Whose translations they are, and their tag [SMMU 3.3.3] [SMMU 5.2]: EL2's
 * have no VMID.  In a unit with stage 2, S2VMID also tags what stage 1 alone
 * translates. */
static void decode_world(const SmmuUnit *u, const uint64_t word[8],
                         SmmuContext *c)
{
    if (effective_strw(u, word) == SMMU_STRW_EL2) {
        c->flags |= SMMU_CTX_EL2;
        if (!(viommu_acquire(&u->cr2) & SMMU_CR2_E2H)) {
            c->flags |= SMMU_CTX_ONE_TABLE;
        }
    } else if (u->cfg.stage2) {
        c->vmid = viommu_get(word[2], SMMU_STE_S2VMID);
    }
}

/* [SMMU 5.2].  The flag for STE.S1STALLD stands in the place of the
 * descriptor's stall flag until smmu_decode_cd() replaces it. */
static void decode_s1(const SmmuUnit *u, const uint64_t word[8], SmmuSte *ste)
{
    ste->s1fmt = viommu_get(word[0], SMMU_STE_S1FMT);
    ste->s1cdmax = u->cfg.ssid_bits ? viommu_get(word[0], SMMU_STE_S1CDMAX)
                                    : 0;
    ste->s1dss = viommu_get(word[1], SMMU_STE_S1DSS);
    ste->s1contextptr = word[0] & SMMU_STE_S1CONTEXTPTR;
    ste->context.flags |= SMMU_CTX_S1 |
                          (word[1] & SMMU_STE_S1STALLD ? SMMU_CTX_S1_STALL
                                                       : 0);
}

bool smmu_decode_ste(const SmmuUnit *u, const uint64_t word[8], SmmuSte *ste)
{
    SmmuContext *c = &ste->context;
    unsigned eats = effective_eats(u, word);

    *ste = (SmmuSte) { .config = viommu_get(word[0], SMMU_STE_CONFIG) };
    if (!(word[0] & SMMU_STE_V)) {
        return false;
    }
    if (!(ste->config & SMMU_CONFIG_ON)) {
        /* 1 to 3 are as 0, and nothing else counts [SMMU 5.2]. */
        c->flags = SMMU_CTX_ABORT;
        return true;
    }
    if (!ste_is_legal(u, word)) {
        return false;
    }
    c->flags = override_flags(u, word) |
               (eats == SMMU_EATS_FULL ? SMMU_CTX_ATS : 0) |
               (eats == SMMU_EATS_SPLIT ? SMMU_CTX_ATS_SPLIT : 0) |
               (word[1] & SMMU_STE_PPAR ? SMMU_CTX_PPAR : 0) |
               (word[1] & SMMU_STE_MEV ? SMMU_CTX_MEV : 0);
    decode_world(u, word, c);
    if (ste->config & SMMU_CONFIG_S1) {
        decode_s1(u, word, ste);
    }
    return !(ste->config & SMMU_CONFIG_S2) || decode_s2(u, word, c);
}

/* --- Context descriptors ------------------------------------------------- */

/* Whether a half of the addresses has no tables [SMMU 5.4]: EL2 without E2H
 * has its lower half always, and no upper one. */
static bool half_is_off(const SmmuContext *c, const uint64_t word[8],
                        unsigned half)
{
    return c->flags & SMMU_CTX_ONE_TABLE
           ? half : word[0] & (half ? SMMU_CD_EPD1 : SMMU_CD_EPD0);
}

static unsigned tsz_of(const uint64_t word[8], unsigned half)
{
    return viommu_get(word[0], half ? SMMU_CD_T1SZ : SMMU_CD_T0SZ);
}

/* The table of a half that is on [SMMU 5.4]. */
static SmmuTable s1_table(const SmmuUnit *u, const uint64_t word[8],
                          unsigned half)
{
    unsigned granule =
        half ? granule_of_tg1[viommu_get(word[0], SMMU_CD_TG1)]
             : granule_of_tg0[viommu_get(word[0], SMMU_CD_TG0)];
    unsigned input_bits = 64 - tsz_of(word, half);
    unsigned bits = granule ? level_bits(granule) : 1;

    return (SmmuTable) {
        .ttb = word[1 + half] & SMMU_CD_TTB,
        .granule = granule,
        .input_bits = input_bits,
        .out_bits = output_bits(u, granule, viommu_get(word[0],
                                                       SMMU_CD_IPS)),
        /* the highest level that the input needs [ARM D8.2] */
        .start_level = SMMU_LAST_LEVEL + 1 -
                       (input_bits - granule + bits - 1) / bits,
        .tbi = word[0] & (half ? SMMU_CD_TBI1 : SMMU_CD_TBI0),
        .had = word[1 + half] & SMMU_CD_HAD,
    };
}

/* [SMMU 5.4.2], of one half that is on. */
static bool decode_table(const SmmuUnit *u, const uint64_t word[8],
                         unsigned half, SmmuContext *c)
{
    const SmmuTable t = s1_table(u, word, half);

    if (!t.granule || tsz_of(word, half) > TSZ_MAX ||
        t.input_bits > highest_input(u, t.granule) ||
        !is_within(t.ttb, t.out_bits)) {
        return false;
    }
    c->base[half] = smmu_table_pack(&t);
    return true;
}

static bool decode_half(const SmmuUnit *u, const uint64_t word[8],
                        unsigned half, SmmuContext *c)
{
    const SmmuTable off = {
        .input_bits = 48,       /* only to tell the halves apart */
        .out_bits = 48,
        .tbi = word[0] & (half ? SMMU_CD_TBI1 : SMMU_CD_TBI0),
    };

    if (!half_is_off(c, word, half)) {
        return decode_table(u, word, half, c);
    }
    c->base[half] = smmu_table_pack(&off);
    return true;
}

/* [SMMU 5.4.2], of the fields that are not about one half.  @stalld is
 * STE.S1STALLD. */
static bool cd_is_legal(const SmmuUnit *u, const uint64_t word[8],
                        const SmmuContext *c, bool stalld)
{
    if (!(word[0] & SMMU_CD_V) || !(word[0] & SMMU_CD_AA64) ||
        !(word[0] & SMMU_CD_A)) {
        return false;
    }
    if ((word[0] & SMMU_CD_ENDI) &&
        !(half_is_off(c, word, 0) && half_is_off(c, word, 1))) {
        return false;
    }
    if ((word[0] & SMMU_CD_S) && stalld) {
        return false;
    }
    return features_exist(u, word[0] & SMMU_CD_S, word[0] & SMMU_CD_HA,
                          word[0] & SMMU_CD_HD);
}

/* [SMMU 5.4] [SMMU 5.5].  HD does nothing without HA [SMMU 3.13]. */
static uint64_t cd_flags(const uint64_t word[8])
{
    bool ha = word[0] & SMMU_CD_HA;

    return (word[0] & SMMU_CD_S ? SMMU_CTX_S1_STALL : 0) |
           (word[0] & SMMU_CD_R ? SMMU_CTX_S1_RECORD : 0) |
           (word[0] & SMMU_CD_AFFD ? SMMU_CTX_S1_AFFD : 0) |
           (word[0] & SMMU_CD_WXN ? SMMU_CTX_WXN : 0) |
           (word[0] & SMMU_CD_UWXN ? SMMU_CTX_UWXN : 0) |
           (word[0] & SMMU_CD_PAN ? SMMU_CTX_PAN : 0) |
           (ha ? SMMU_CTX_S1_HA : 0) |
           (ha && (word[0] & SMMU_CD_HD) ? SMMU_CTX_S1_HD : 0);
}

bool smmu_decode_cd(const SmmuUnit *u, const uint64_t word[8],
                    SmmuContext *c)
{
    bool stalld = c->flags & SMMU_CTX_S1_STALL;

    c->flags &= ~(uint64_t)SMMU_CTX_S1_STALL;
    if (!cd_is_legal(u, word, c, stalld) || !decode_half(u, word, 0, c) ||
        !decode_half(u, word, 1, c)) {
        return false;
    }
    /* EL2 without E2H has no ASIDs [SMMU 5.4]. */
    c->asid = c->flags & SMMU_CTX_ONE_TABLE
              ? 0 : viommu_get(word[0], SMMU_CD_ASID);
    c->flags |= cd_flags(word);
    return true;
}
