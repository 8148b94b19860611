/* SPDX-License-Identifier: BSD-3-Clause */
/* Decoders of stream table entries (5.2) and context descriptors (5.4). */
#include "hw/iommu/smmuv3/unit.h"

/* TG0 and S2TG; TG1 counts differently. */
static const uint8_t granule_of_tg0[4] = { 12, 16, 14, 0 };
static const uint8_t granule_of_tg1[4] = { 0, 14, 12, 16 };

/* Bits of the input address that one level of tables resolves. */
static unsigned level_bits(unsigned granule)
{
    return granule - 3;
}

static unsigned highest_input(const SmmuUnit *u, unsigned granule)
{
    return granule == 16 && u->cfg.oas_bits == 52 ? 52 : 48;
}

/* Bits that an address may have with this granule. */
static unsigned output_bits(unsigned granule, unsigned bits)
{
    return granule == 16 ? bits : MIN(bits, 48);
}

/* TTB bits beyond what addresses have; bits 51:48 stand in 5:2 only with
 * 52-bit addresses. */
static bool ttb_ok(uint64_t ttb, unsigned bits)
{
    return bits >= 52 || !(ttb >> bits);
}

/* --- Stage 2 ------------------------------------------------------------- */

/* The highest levels come with wide addresses only, as in VTCR_EL2. */
static bool start_level_ok(const SmmuUnit *u, const SmmuTable *t)
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

static bool decode_s2(const SmmuUnit *u, const uint64_t word[8],
                      SmmuContext *c)
{
    unsigned sl0 = viommu_get(word[2], SMMU_STE_S2SL0);
    unsigned tsz = viommu_get(word[2], SMMU_STE_S2T0SZ);
    SmmuTable table = { 0 }, *t = &table;
    unsigned bits, below, extra;

    t->granule = granule_of_tg0[viommu_get(word[2], SMMU_STE_S2TG)];
    if (!t->granule || !(word[2] & SMMU_STE_S2AA64) ||
        (word[2] & SMMU_STE_S2ENDI) || sl0 > 2) {
        return false;
    }
    if (((word[2] & SMMU_STE_S2S) && !u->cfg.stall) ||
        ((word[2] & SMMU_STE_S2HA) && u->cfg.httu < 1) ||
        ((word[2] & SMMU_STE_S2HD) && u->cfg.httu < 2)) {
        return false;
    }
    bits = smmu_size_bits(viommu_get(word[2], SMMU_STE_S2PS));
    t->out_bits = output_bits(t->granule, MIN(bits, u->cfg.oas_bits));
    /* The input is an address of stage 1's output (IPA). */
    if (tsz > 39 ||
        64 - tsz > MIN(highest_input(u, t->granule), u->cfg.oas_bits)) {
        return false;
    }
    t->input_bits = 64 - tsz;
    t->start_level = t->granule == 12 ? 2 - sl0 : 3 - sl0;
    t->ttb = word[3] & SMMU_STE_S2TTB;
    /* Up to 16 start tables side by side; the start level must be needed. */
    below = t->granule + level_bits(t->granule) *
            (SMMU_LAST_LEVEL - t->start_level);
    extra = below + level_bits(t->granule);
    if (t->input_bits <= below || t->input_bits > extra + 4 ||
        !start_level_ok(u, t)) {
        return false;
    }
    if (!ttb_ok(t->ttb, t->out_bits)) {
        return false;
    }
    c->base[SMMU_STAGE2] = smmu_table_pack(t);
    c->flags |= (word[2] & SMMU_STE_S2S ? SMMU_CTX_S2_STALL : 0) |
                (word[2] & SMMU_STE_S2R ? SMMU_CTX_S2_RECORD : 0) |
                (word[2] & SMMU_STE_S2AFFD ? SMMU_CTX_S2_AFFD : 0) |
                (word[2] & SMMU_STE_S2PTW ? SMMU_CTX_S2_PTW : 0) |
                (u->cfg.fwb && (word[1] & SMMU_STE_S2FWB) ? SMMU_CTX_S2_FWB
                                                          : 0);
    /* S2HD without S2HA does nothing. */
    if (word[2] & SMMU_STE_S2HA) {
        c->flags |= SMMU_CTX_S2_HA |
                    (word[2] & SMMU_STE_S2HD ? SMMU_CTX_S2_HD : 0);
    }
    return true;
}

/* --- Stream table entries ------------------------------------------------ */

/* PRIVCFG and INSTCFG: 2 and 3 override what the transaction says. */
static uint32_t override_flags(const uint64_t word[8])
{
    static const uint32_t priv[4] = { 0, 0, SMMU_CTX_FORCE_USER,
                                      SMMU_CTX_FORCE_PRIV };
    static const uint32_t inst[4] = { 0, 0, SMMU_CTX_FORCE_DATA,
                                      SMMU_CTX_FORCE_INST };

    return priv[viommu_get(word[1], SMMU_STE_PRIVCFG)] |
           inst[viommu_get(word[1], SMMU_STE_INSTCFG)];
}

static bool decode_ats(const SmmuUnit *u, const uint64_t word[8],
                       SmmuSte *ste)
{
    unsigned eats = viommu_get(word[1], SMMU_STE_EATS);
    unsigned both = SMMU_CONFIG_ON | SMMU_CONFIG_S1 | SMMU_CONFIG_S2;
    bool stalls = word[2] & SMMU_STE_S2S;

    if (!u->cfg.ats || ste->config == SMMU_CONFIG_ON) {
        return true;    /* ignored */
    }
    switch (eats) {
    case SMMU_EATS_FULL:
        ste->context.flags |= SMMU_CTX_ATS;
        return !stalls || !(ste->config & SMMU_CONFIG_S2);
    case SMMU_EATS_SPLIT:
        ste->context.flags |= SMMU_CTX_ATS_SPLIT;
        return !stalls && ste->config == both;
    default:
        /* 3 is as 0 without a device permission table. */
        return true;
    }
}

/*
 * The stream world: whose translations they are (STRW, CR2.E2H).  Only stage
 * 1 alone can be EL2's.
 */
static bool decode_world(const SmmuUnit *u, const uint64_t word[8],
                         SmmuSte *ste)
{
    unsigned strw = viommu_get(word[1], SMMU_STE_STRW);

    if (u->cfg.hyp && ste->config == (SMMU_CONFIG_ON | SMMU_CONFIG_S1)) {
        if (strw & SMMU_STRW_RESERVED) {
            return false;
        }
        if (strw == SMMU_STRW_EL2) {
            ste->context.flags |= SMMU_CTX_EL2;
            if (!(viommu_acquire(&u->cr2) & SMMU_CR2_E2H)) {
                ste->context.flags |= SMMU_CTX_ONE_TABLE;
            }
            return true;
        }
    }
    if (u->cfg.stage2) {
        /* Also tags what stage 1 alone translates. */
        ste->context.vmid = viommu_get(word[2], SMMU_STE_S2VMID);
    }
    return true;
}

bool smmu_decode_ste(const SmmuUnit *u, const uint64_t word[8], SmmuSte *ste)
{
    SmmuContext *c = &ste->context;

    *ste = (SmmuSte) { 0 };
    if (!(word[0] & SMMU_STE_V)) {
        return false;
    }
    ste->config = viommu_get(word[0], SMMU_STE_CONFIG);
    if (!(ste->config & SMMU_CONFIG_ON)) {
        /* Nothing else of the entry counts; 1 to 3 are as 0. */
        c->flags = SMMU_CTX_ABORT;
        return true;
    }
    c->flags = u->cfg.attr_perms_ovr ? override_flags(word) : 0;
    if (((ste->config & SMMU_CONFIG_S1) && !u->cfg.stage1) ||
        ((ste->config & SMMU_CONFIG_S2) && !u->cfg.stage2) ||
        !decode_ats(u, word, ste)) {
        return false;
    }
    c->flags |= (word[1] & SMMU_STE_PPAR ? SMMU_CTX_PPAR : 0) |
                (word[1] & SMMU_STE_MEV ? SMMU_CTX_MEV : 0);
    if (!decode_world(u, word, ste)) {
        return false;
    }
    if (ste->config & SMMU_CONFIG_S1) {
        ste->s1fmt = viommu_get(word[0], SMMU_STE_S1FMT);
        ste->s1cdmax = u->cfg.ssid_bits
                       ? viommu_get(word[0], SMMU_STE_S1CDMAX) : 0;
        ste->s1dss = viommu_get(word[1], SMMU_STE_S1DSS);
        ste->s1contextptr = word[0] & SMMU_STE_S1CONTEXTPTR;
        /* S1Fmt 3 and S1DSS 3 are as 0.  An IPA has as many bits as an
         * output address. */
        if (ste->s1cdmax > u->cfg.ssid_bits ||
            ((word[1] & SMMU_STE_S1STALLD) && !u->cfg.stall) ||
            !ttb_ok(ste->s1contextptr, u->cfg.oas_bits)) {
            return false;
        }
        c->flags |= SMMU_CTX_S1;
        if (word[1] & SMMU_STE_S1STALLD) {
            /* Cleared again by the descriptor's flag not being taken over. */
            c->flags |= SMMU_CTX_S1_STALL;
        }
    }
    if (ste->config & SMMU_CONFIG_S2) {
        c->flags |= SMMU_CTX_S2;
        return decode_s2(u, word, c);
    }
    return true;
}

/* --- Context descriptors ------------------------------------------------- */

/* EL2 alone has its lower half always, and no upper one. */
static bool half_is_off(const SmmuContext *c, const uint64_t word[8],
                        unsigned half)
{
    return c->flags & SMMU_CTX_ONE_TABLE
           ? half : word[0] & (half ? SMMU_CD_EPD1 : SMMU_CD_EPD0);
}

static bool decode_table(const SmmuUnit *u, const uint64_t word[8],
                         unsigned half, SmmuContext *c)
{
    static const ViommuField tsz_field[2] = { { 0, 6 }, { 16, 6 } };
    unsigned ips = smmu_size_bits(viommu_get(word[0], SMMU_CD_IPS));
    uint64_t base = word[1 + half];
    unsigned tsz = viommu_get(word[0], tsz_field[half]);
    SmmuTable table = {
        .out_bits = 48,
        .tbi = word[0] & (half ? SMMU_CD_TBI1 : SMMU_CD_TBI0),
    }, *t = &table;
    unsigned bits;

    if (half_is_off(c, word, half)) {
        t->input_bits = 48;     /* only to tell the halves apart */
        c->base[half] = smmu_table_pack(t);
        return true;
    }
    t->granule = half ? granule_of_tg1[viommu_get(word[0], SMMU_CD_TG1)]
                      : granule_of_tg0[viommu_get(word[0], SMMU_CD_TG0)];
    if (!t->granule || tsz > 39 ||
        64 - tsz > highest_input(u, t->granule)) {
        return false;
    }
    t->input_bits = 64 - tsz;
    bits = level_bits(t->granule);
    t->start_level = SMMU_LAST_LEVEL + 1 -
                     (t->input_bits - t->granule + bits - 1) / bits;
    t->out_bits = output_bits(t->granule, MIN(ips, u->cfg.oas_bits));
    t->ttb = base & SMMU_CD_TTB;
    t->had = base & SMMU_CD_HAD;
    c->base[half] = smmu_table_pack(t);
    return ttb_ok(t->ttb, t->out_bits);
}

bool smmu_decode_cd(const SmmuUnit *u, const uint64_t word[8],
                    SmmuContext *c)
{
    bool stalld = c->flags & SMMU_CTX_S1_STALL;

    c->flags &= ~SMMU_CTX_S1_STALL;
    /* No AArch32, big-endian, or read-as-zero terminations are announced. */
    if (!(word[0] & SMMU_CD_V) || !(word[0] & SMMU_CD_AA64) ||
        !(word[0] & SMMU_CD_A) ||
        ((word[0] & SMMU_CD_ENDI) &&
         !(half_is_off(c, word, 0) && half_is_off(c, word, 1))) ||
        ((word[0] & SMMU_CD_S) && (!u->cfg.stall || stalld)) ||
        ((word[0] & SMMU_CD_HA) && u->cfg.httu < 1) ||
        ((word[0] & SMMU_CD_HD) && u->cfg.httu < 2)) {
        return false;
    }
    c->asid = c->flags & SMMU_CTX_ONE_TABLE
              ? 0 : viommu_get(word[0], SMMU_CD_ASID);
    if (!decode_table(u, word, 0, c) || !decode_table(u, word, 1, c)) {
        return false;
    }
    c->flags |= SMMU_CTX_S1_ABORT |
                (word[0] & SMMU_CD_S ? SMMU_CTX_S1_STALL : 0) |
                (word[0] & SMMU_CD_R ? SMMU_CTX_S1_RECORD : 0) |
                (word[0] & SMMU_CD_AFFD ? SMMU_CTX_S1_AFFD : 0) |
                (word[0] & SMMU_CD_WXN ? SMMU_CTX_WXN : 0) |
                (word[0] & SMMU_CD_UWXN ? SMMU_CTX_UWXN : 0) |
                (word[0] & SMMU_CD_PAN ? SMMU_CTX_PAN : 0);
    /* HD without HA does nothing. */
    if (word[0] & SMMU_CD_HA) {
        c->flags |= SMMU_CTX_S1_HA |
                    (word[0] & SMMU_CD_HD ? SMMU_CTX_S1_HD : 0);
    }
    return true;
}
