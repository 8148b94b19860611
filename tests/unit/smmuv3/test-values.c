/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: which values of stream table entries and context descriptors are
 * errors.
 */
#include "tests/lib/unit/smmu.h"

typedef enum Need { ANY, NO_STALL, NO_HTTU, HTTU_1, NO_ATS, OAS_40 } Need;

static void as_needed(ViommuSmmuv3Config *config, Need need)
{
    config->stall = need != NO_STALL;
    config->httu = need == NO_HTTU ? 0 : need == HTTU_1 ? 1 : 2;
    config->ats = config->pri = need != NO_ATS;
    config->oas_bits = need == OAS_40 ? 40 : 48;
}

typedef struct Value {
    unsigned kind, word;
    uint64_t mask, value;
    Need need;
    bool legal;
} Value;

#define BITS(low, width, v) ((UINT64_C(1) << (width)) - 1) << (low), \
                            (uint64_t)(v) << (low)

static const Value ste_values[] = {
    { SMMUV3_S1, 0, BITS(0, 1, 0), ANY, false },        /* V */
    { SMMUV3_S1, 0, BITS(59, 5, 11), ANY, false },      /* S1CDMax */
    { SMMUV3_S1, 0, BITS(59, 5, 10), ANY, true },
    { SMMUV3_S1, 0, BITS(48, 1, 1), ANY, false },       /* S1ContextPtr */
    { SMMUV3_NESTED, 0, BITS(48, 1, 1), ANY, false },
    { SMMUV3_S1, 0, BITS(4, 2, 3), ANY, true },         /* S1Fmt */
    { SMMUV3_S1, 1, BITS(27, 1, 1), NO_STALL, false },  /* S1STALLD */
    { SMMUV3_S1, 1, BITS(27, 1, 1), ANY, true },
    { SMMUV3_S2, 1, BITS(27, 1, 1), NO_STALL, true },
    { SMMUV3_S1, 1, BITS(28, 2, 2), ANY, false },       /* EATS */
    { SMMUV3_S2, 1, BITS(28, 2, 2), ANY, false },
    { SMMUV3_NESTED, 1, BITS(28, 2, 2), ANY, true },
    { SMMUV3_S1, 1, BITS(28, 2, 3), ANY, true },
    { SMMUV3_S1, 1, BITS(28, 2, 2), NO_ATS, true },
    { SMMUV3_S1, 1, BITS(30, 2, 1), ANY, true },        /* STRW, no EL2 */
    { SMMUV3_S2, 2, BITS(32, 6, 15), ANY, false },      /* S2T0SZ */
    { SMMUV3_S2, 2, BITS(32, 6, 40), ANY, false },
    { SMMUV3_S2, 2, BITS(38, 2, 0), ANY, false },       /* S2SL0 */
    { SMMUV3_S2, 2, BITS(38, 2, 3), ANY, false },
    { SMMUV3_S2, 2, BITS(46, 2, 3), ANY, false },       /* S2TG */
    { SMMUV3_S2, 2, BITS(32, 8, 2 << 6 | 24), OAS_40, false },
    { SMMUV3_S2, 2, BITS(32, 8, 2 << 6 | 24), ANY, true },
    { SMMUV3_S2, 2, BITS(51, 1, 0), ANY, false },       /* S2AA64 */
    { SMMUV3_S2, 2, BITS(52, 1, 1), ANY, false },       /* S2ENDI */
    { SMMUV3_S2, 2, BITS(55, 2, 2), NO_HTTU, false },   /* S2HA */
    { SMMUV3_S2, 2, BITS(55, 2, 1), HTTU_1, false },    /* S2HD */
    { SMMUV3_S2, 2, BITS(55, 2, 2), HTTU_1, true },
    { SMMUV3_S2, 2, BITS(55, 2, 3), ANY, true },
    { SMMUV3_S2, 2, BITS(57, 1, 1), NO_STALL, false },  /* S2S */
    { SMMUV3_S2, 2, BITS(57, 1, 1), ANY, true },
    { SMMUV3_S1, 2, BITS(57, 1, 1), NO_STALL, true },   /* not looked at */
    { SMMUV3_S2, 3, BITS(48, 1, 1), ANY, false },       /* S2TTB */
};

static const Value cd_values[] = {
    { SMMUV3_S1, 0, BITS(31, 1, 0), ANY, false },       /* V */
    { SMMUV3_S1, 0, BITS(0, 6, 15), ANY, false },       /* T0SZ */
    { SMMUV3_S1, 0, BITS(0, 6, 40), ANY, false },
    { SMMUV3_S1, 0, BITS(6, 2, 3), ANY, false },        /* TG0 */
    { SMMUV3_S1, 0, BITS(16, 6, 0), ANY, true },        /* T1SZ, with EPD1 */
    { SMMUV3_S1, 0, BITS(22, 9, 0), ANY, false },       /* TG1, without */
    { SMMUV3_S1, 0, BITS(15, 1, 1), ANY, false },       /* ENDI */
    { SMMUV3_S1, 0, BITS(41, 1, 0), ANY, false },       /* AA64 */
    { SMMUV3_S1, 0, BITS(42, 2, 2), NO_HTTU, false },   /* HA */
    { SMMUV3_S1, 0, BITS(42, 2, 1), HTTU_1, false },    /* HD */
    { SMMUV3_S1, 0, BITS(42, 2, 2), HTTU_1, true },
    { SMMUV3_S1, 0, BITS(44, 1, 1), NO_STALL, false },  /* S */
    { SMMUV3_S1, 0, BITS(46, 1, 0), ANY, false },       /* A */
    { SMMUV3_S1, 1, BITS(48, 1, 1), ANY, false },       /* TTB0 */
    { SMMUV3_S1, 2, BITS(48, 1, 1), ANY, true },        /* TTB1, with EPD1 */
};

static void try_value(const Value *v, unsigned id)
{
    ViommuSmmuv3Config config;
    uint64_t word[4], at, first;
    ViommuReply reply;
    Smmu *s;

    smmu_test_config(&config);
    as_needed(&config, v->need);
    s = smmu_test_new(&config, v->kind);
    at = id == SMMUV3_C_BAD_CD ? s->cds : smmu_test_ste_at(s);
    smmu_test_change(s, at + 8 * v->word, v->mask, v->value);
    smmu_test_dma(s, SMMU_TEST_VA, VIOMMU_READ, &reply);
    first = reply.reason;
    if (v->legal ? first == id : first != id) {
        g_error("entry of kind %u, word %u, %#lx: reason %#lx", v->kind,
                v->word, (unsigned long)v->value, (unsigned long)first);
    }
    if (!v->legal) {
        g_assert_true(smmu_test_event(s, word));
        g_assert_cmphex(word[0], ==, EVENT_WORD0(id, SMMU_TEST_SID));
        g_assert_cmphex(word[1] | word[2] | word[3], ==, 0);
    }
    smmu_test_free(s);
}

/* [SMMU 5.2.2] [SMMU 7.3.5] */
static void test_ste_values(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(ste_values); i++) {
        try_value(&ste_values[i], SMMUV3_C_BAD_STE);
    }
}

/* [SMMU 5.4.2] [SMMU 7.3.11] */
static void test_cd_values(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cd_values); i++) {
        try_value(&cd_values[i], SMMUV3_C_BAD_CD);
    }
}

static void only_stage1(ViommuSmmuv3Config *config)
{
    config->stage2 = false;
}

static void only_stage2(ViommuSmmuv3Config *config)
{
    config->stage1 = false;
    config->ssid_bits = 0;
}

/* Each Config; stages that there are not; stalls against ATS and S1STALLD
 * [SMMU 5.2.2] [SMMU 5.5]. */
static void test_ste_kinds(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);
    uint64_t word[4];

    for (unsigned config = 0; config < 4; config++) {
        smmu_test_change(s, smmu_test_ste_at(s), 7 << 1, (uint64_t)config << 1);
        smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED, 0, word);
        smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION, 0, word);
        smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATED, 0, word);
    }
    smmu_test_change(s, smmu_test_ste_at(s), 7 << 1, SMMUV3_S1 << 1);
    smmu_test_change(s, smmu_test_ste_at(s) + 8, FIELD_MASK(STE_S1STALLD),
                     FIELD_MASK(STE_S1STALLD));
    smmu_test_change(s, s->cds, FIELD_MASK(CD_S), FIELD_MASK(CD_S));
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_CD,
                      word);
    smmu_test_free(s);

    s = smmu_test_new_with(SMMUV3_S1, only_stage1);
    smmu_test_change(s, smmu_test_ste_at(s), 7 << 1, SMMUV3_S2 << 1);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_STE,
                      word);
    smmu_test_free(s);
    s = smmu_test_new_with(SMMUV3_BYPASS, only_stage2);
    smmu_test_change(s, smmu_test_ste_at(s), 7 << 1, SMMUV3_S1 << 1);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_STE,
                      word);
    smmu_test_free(s);

    s = smmu_test_new_with(SMMUV3_NESTED, NULL);
    for (unsigned eats = 1; eats < 3; eats++) {
        s->ste.eats = eats;
        s->ste.s2stall = true;
        smmu_test_put_ste(s);
        smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                          SMMUV3_C_BAD_STE, word);
    }
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-values/ste", test_ste_values);
    g_test_add_func("/smmu-values/cd", test_cd_values);
    g_test_add_func("/smmu-values/ste-kinds", test_ste_kinds);
    return g_test_run();
}
