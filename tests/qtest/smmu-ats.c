/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: ATS. What an endpoint is told that asks for translations, where
 * translated requests may go, and invalidation of device-TLBs.
 */
#include "tests/qtest/smmu.h"

#define VA   UINT64_C(0x7f1234567000)
#define IPA  UINT64_C(0x8123456000)
#define PA   (SMMU_RAM + UINT64_C(0x08000000))
#define PA2  (SMMU_RAM + UINT64_C(0x08001000))

#define R  TD_TRANS_R
#define W  TD_TRANS_W



static void start(SmmuBoard *b, unsigned kind, unsigned eats)
{
    smmu_start_stream(b, "stage=nested,ats=on,ssidsize=8",
                      ",ats=on,pasid-bits=8", kind);
    testdev_enable(&b->dev, 0);
    b->ste.eats = eats;
    smmu_put_ste(b);
}

static void control(SmmuBoard *b, uint32_t bits)
{
    testdev_set(&b->dev, TD_CONTROL, bits);
}

/* An answer, and no event. */
static TestdevTranslation ask(SmmuBoard *b, uint64_t addr, bool write,
                              uint32_t flags)
{
    TestdevTranslation t = testdev_translate(&b->dev, addr, write);
    uint64_t word[4];

    g_assert_cmpint(t.result.why, ==, TD_OK);
    g_assert_cmphex(t.flags, ==, TD_TRANS_ANSWER | flags);
    g_assert_false(smmu_event(b, word));
    return t;
}

static void refused(SmmuBoard *b, uint64_t addr, unsigned id)
{
    TestdevTranslation t = testdev_translate(&b->dev, addr, false);
    uint64_t word[4];

    g_assert_cmpint(t.result.why, ==, TD_BLOCKED);
    g_assert_cmphex(t.flags, ==, 0);
    g_assert_true(smmu_event(b, word));
    g_assert_cmphex(EVENT_ID(word), ==, id);
    g_assert_cmphex(EVENT_SID(word), ==, b->sid);
    g_assert_false(smmu_event(b, word));
}

static void atc_inv(SmmuBoard *b, uint64_t flags, uint64_t addr,
                    unsigned log2_pages)
{
    smmu_command(b, CMD_ATC_INV | CMD_SID(b->sid) | flags,
                 addr | log2_pages);
    smmu_sync(b);
}

/* [SMMU 3.9.1.2] */
static void test_translate(gconstpointer data)
{
    unsigned kind = GPOINTER_TO_UINT(data);
    uint64_t addr = kind == SMMUV3_S2 ? IPA : VA;
    TestdevTranslation t;
    SmmuBoard b;

    start(&b, kind, EATS_FULL);
    if (kind == SMMUV3_NESTED) {
        smmu_map(&b, addr, IPA);
        g_assert_true(guest_tables_map(&b.s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    } else {
        smmu_map(&b, addr, PA);
    }
    t = ask(&b, addr, true, R | W);
    g_assert_cmphex(t.addr, ==, PA);
    g_assert_cmphex(t.size, ==, 0x1000);
    /* Nothing there: an answer that permits nothing, without an event. */
    ask(&b, addr + 0x1000, false, 0);
    smmu_end(&b);
}

static void test_rights(void)
{
    TestdevTranslation t;
    SmmuBoard b;

    start(&b, SMMUV3_S1, EATS_FULL);
    g_assert_true(guest_tables_map(&b.s1, VA, PA, 3,
                                   SMMUV3_PAGE_S1 | SMMUV3_PTE_RDONLY));
    t = ask(&b, VA, true, R);
    g_assert_cmphex(t.addr, ==, PA);
    ask(&b, VA, false, R);
    g_assert_true(guest_tables_map(&b.s1, VA + 0x1000, PA, 3,
                                   SMMUV3_PAGE_S1 & ~SMMUV3_PTE_AF));
    ask(&b, VA + 0x1000, true, 0);
    /* a block tells its size */
    g_assert_true(guest_tables_map(&b.s1, VA & ~UINT64_C(0x1fffff), PA, 2,
                                   SMMUV3_PAGE_S1));
    smmu_command(&b, CMD_NSNH_ALL, 0);
    smmu_sync(&b);
    t = ask(&b, VA, true, R | W);
    g_assert_cmphex(t.size, ==, 0x200000);
    g_assert_cmphex(t.addr, ==, PA | (VA & 0x1fffff));
    smmu_end(&b);
}

/* Who may not ask at all [SMMU 7.3.6]. */
static void test_refused(void)
{
    SmmuBoard b;

    start(&b, SMMUV3_S1, EATS_NONE);
    smmu_map(&b, VA, PA);
    refused(&b, VA, SMMUV3_F_BAD_ATS_TREQ);
    b.ste.eats = EATS_FULL;
    b.ste.config = SMMUV3_BYPASS;
    smmu_put_ste(&b);
    refused(&b, VA, SMMUV3_F_BAD_ATS_TREQ);
    b.ste.config = SMMUV3_S1;
    smmu_put_ste(&b);
    ask(&b, VA, true, R | W);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_QUEUES);
    refused(&b, VA, SMMUV3_F_BAD_ATS_TREQ);
    smmu_end(&b);
}

/* Translated requests; CR0.ATSCHK says whether they are looked at
 * [SMMU 3.9.1.3] [SMMU 7.3.8]. */
static void test_translated(void)
{
    uint64_t word[4];
    SmmuBoard b;

    start(&b, SMMUV3_S1, EATS_FULL);
    control(&b, TD_CONTROL_RAW);
    smmu_dma_good(&b, PA, PA);
    b.ste.eats = EATS_NONE;
    smmu_put_ste(&b);
    smmu_dma_fault(&b, PA, true, SMMUV3_F_TRANSL_FORBIDDEN, word);
    g_assert_cmphex(word[2], ==, PA);
    smmu_set(&b, SMMUV3_CR0, smmu_reg(&b, SMMUV3_CR0) & ~SMMUV3_CR0_ATSCHK);
    smmu_dma_good(&b, PA, PA);
    smmu_end(&b);
}

/* EATS split: answers are stage 1's, and stage 2 looks at the accesses
 * [SMMU 13.6.3]. */
static void test_split(void)
{
    uint64_t word[4];
    TestdevTranslation t;
    SmmuBoard b;

    start(&b, SMMUV3_NESTED, EATS_SPLIT);
    smmu_map(&b, VA, IPA);
    g_assert_true(guest_tables_map(&b.s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    t = ask(&b, VA, true, R | W);
    g_assert_cmphex(t.addr, ==, IPA);
    control(&b, TD_CONTROL_ATS);
    smmu_dma_good(&b, VA, PA);
    /* The endpoint keeps its address; stage 2 takes the page away. */
    smmu_put64(&b, guest_tables_entry(&b.s2, IPA, 3), 0);
    smmu_command(&b, CMD_S2_IPA | CMD_VMID(SMMU_VMID), IPA);
    smmu_sync(&b);
    smmu_dma_fault(&b, VA, false, SMMUV3_F_TRANSLATION, word);
    g_assert_cmphex(EVENT_S2(word), ==, 1);
    g_assert_true(guest_tables_map(&b.s2, IPA, PA2, 3, SMMUV3_PAGE_S2));
    smmu_dma_good(&b, VA, PA2);
    smmu_end(&b);

    /* It needs both stages. */
    start(&b, SMMUV3_S1, EATS_SPLIT);
    smmu_dma_fault(&b, VA, false, SMMUV3_C_BAD_STE, word);
    smmu_end(&b);
}

/* DMA by way of the device-TLB, which keeps what is not invalidated
 * [SMMU 4.5.1]. */
static void test_invalidation(void)
{
    static const struct {
        uint64_t flags, addr;
        unsigned log2;
        bool hits;
    } cases[] = {
        { 0, VA, 0, true },
        { 0, VA + 0x1000, 0, false },
        { 0, VA & ~UINT64_C(0xffff), 4, true },
        { 0, VA & ~UINT64_C(0xffff), 2, false },
        { 0, 0, 52, true },
        { CMD_WITH_SSID(3), VA, 0, false },
        { CMD_WITH_SSID(3) | CMD_GLOBAL, VA, 0, true },
    };
    SmmuBoard b;

    start(&b, SMMUV3_S1, EATS_FULL);
    control(&b, TD_CONTROL_ATS);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        smmu_map(&b, VA, PA);
        smmu_command(&b, CMD_NSNH_ALL, 0);
        atc_inv(&b, 0, 0, 52);
        smmu_dma_good(&b, VA, PA);
        smmu_map(&b, VA, PA2);
        smmu_command(&b, CMD_NSNH_ALL, 0);
        smmu_sync(&b);
        smmu_dma_good(&b, VA, PA);
        atc_inv(&b, cases[i].flags, cases[i].addr, cases[i].log2);
        smmu_dma_good(&b, VA, cases[i].hits ? PA2 : PA);
    }
    g_assert_cmphex(testdev_get(&b.dev, TD_STALE_USES), ==, 0);
    smmu_end(&b);
}

/* The endpoint's PASID is in its requests and in invalidations. Translated
 * requests bear none, and S1DSS, which ends what has none, is not for them. */
static void test_pasid(void)
{
    SmmuBoard b;

    start(&b, SMMUV3_S1, EATS_FULL);
    smmu_map(&b, VA, PA);
    b.ste.s1cdmax = 4;
    smmu_put_ste(&b);
    smmu_put_cd(&b, 3);
    testdev_set(&b.dev, TD_PASID, TD_PASID_ENABLE | 3);
    control(&b, TD_CONTROL_ATS);
    smmu_dma_good(&b, VA, PA);
    smmu_map(&b, VA, PA2);
    smmu_command(&b, CMD_NSNH_ALL, 0);
    atc_inv(&b, 0, VA, 0);
    atc_inv(&b, CMD_WITH_SSID(4), VA, 0);
    smmu_dma_good(&b, VA, PA);
    atc_inv(&b, CMD_WITH_SSID(3), VA, 0);
    smmu_dma_good(&b, VA, PA2);
    smmu_end(&b);
}

/* An endpoint that does not complete: the CMD_SYNC behind it fails [SMMU 4.5.1]
 * [SMMU 4.7.3]. */
static void test_timeout(gconstpointer data)
{
    bool nobody = data != NULL;
    SmmuBoard b;
    uint32_t before, cons;

    start(&b, SMMUV3_S1, EATS_FULL);
    control(&b, nobody ? 0 : TD_CONTROL_IGNORE);
    sink_clear(b.q);
    smmu_command(&b, CMD_ATC_INV | CMD_SID(nobody ? 0xf8 : b.sid), CMD_ATC_ALL);
    before = smmu_reg(&b, SMMUV3_CMDQ_PROD);
    smmu_command(&b, CMD_SYNC, 0);
    cons = smmu_reg(&b, SMMUV3_CMDQ_CONS);
    g_assert_cmphex(SMMUV3_CONS_ERR(cons), ==, SMMUV3_CERROR_ATC);
    g_assert_cmphex(cons & SMMUV3_CONS_INDEX, ==, before);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_GERROR), ==, SMMUV3_GERROR_CMDQ);
    smmu_expect_line(&b, LINE_GERROR);
    /* Acknowledged, the CMD_SYNC is done again, and holds. */
    smmu_set(&b, SMMUV3_GERRORN, SMMUV3_GERROR_CMDQ);
    g_assert_true(guest_smmu_commands_done(&b.commands));
    control(&b, 0);
    atc_inv(&b, 0, 0, 52);
    smmu_end(&b);
}

/* A page of all ASIDs is none of all PASIDs [SMMU 3.9.1]: an endpoint that took
 * it for one would go on with it after its PASID's invalidation. */
static void test_global_page(void)
{
    const uint64_t page = SMMUV3_PAGE_S1 & ~SMMUV3_PTE_NG;
    SmmuBoard b;

    start(&b, SMMUV3_S1, EATS_FULL);
    b.ste.s1cdmax = 4;
    b.ste.s1dss = S1DSS_SSID0;
    smmu_put_ste(&b);
    smmu_put_cd(&b, 3);
    for (unsigned pasid = 0; pasid < 2; pasid++) {
        testdev_set(&b.dev, TD_PASID, pasid ? TD_PASID_ENABLE | 3 : 0);
        control(&b, TD_CONTROL_ATS);
        g_assert_true(guest_tables_map(&b.s1, VA, PA, 3, page));
        smmu_command(&b, CMD_NSNH_ALL, 0);
        smmu_sync(&b);
        ask(&b, VA, true, R | W);
        smmu_dma_good(&b, VA, PA);
        g_assert_true(guest_tables_map(&b.s1, VA, PA2, 3, page));
        smmu_command(&b, CMD_NSNH_ALL, 0);
        smmu_sync(&b);
        atc_inv(&b, pasid ? CMD_WITH_SSID(3) : 0, VA, 0);
        smmu_dma_good(&b, VA, PA2);
    }
    g_assert_cmphex(testdev_get(&b.dev, TD_STALE_USES), ==, 0);
    smmu_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/smmu-ats/translate-1", GUINT_TO_POINTER(SMMUV3_S1),
                         test_translate);
    g_test_add_data_func("/smmu-ats/translate-2", GUINT_TO_POINTER(SMMUV3_S2),
                         test_translate);
    g_test_add_data_func("/smmu-ats/translate-nested",
                         GUINT_TO_POINTER(SMMUV3_NESTED), test_translate);
    g_test_add_func("/smmu-ats/rights", test_rights);
    g_test_add_func("/smmu-ats/refused", test_refused);
    g_test_add_func("/smmu-ats/translated", test_translated);
    g_test_add_func("/smmu-ats/split", test_split);
    g_test_add_func("/smmu-ats/invalidation", test_invalidation);
    g_test_add_func("/smmu-ats/pasid", test_pasid);
    g_test_add_func("/smmu-ats/global-page", test_global_page);
    g_test_add_data_func("/smmu-ats/timeout", NULL, test_timeout);
    g_test_add_data_func("/smmu-ats/nobody", "nobody", test_timeout);
    return g_test_run();
}
