/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: page requests, software's answers, and those in its place. */
#include "tests/qtest/smmu.h"

#define VA   UINT64_C(0x7f1234567000)
#define PA   (SMMU_RAM + UINT64_C(0x08000000))

/* What the endpoint sees of PRI_RESP's codes. */
enum { SEEN_SUCCESS = 0, SEEN_INVALID = 1, SEEN_FAILURE = 15 };

#define GOT_SID(w)   ((uint32_t)((w)[0]))
#define GOT_SSID(w)  ((unsigned)((w)[0] >> 32 & 0xfffff))
#define GOT_READ(w)  ((unsigned)((w)[0] >> 60 & 1))
#define GOT_WRITE(w) ((unsigned)((w)[0] >> 61 & 1))
#define GOT_LAST(w)  ((unsigned)((w)[0] >> 62 & 1))
#define GOT_SSV(w)   ((unsigned)((w)[0] >> 63))
#define GOT_GROUP(w) ((unsigned)((w)[1] & 0x1ff))
#define GOT_ADDR(w)  ((w)[1] & ~UINT64_C(0xfff))

static void start(SmmuBoard *b, const char *more, unsigned log2)
{
    g_autofree char *unit =
        g_strdup_printf("ats=on,pri=on,ssidsize=8%s", more);

    smmu_start_stream(b, unit, ",ats=on,pri=on,pasid-bits=8", SMMUV3_S1);
    smmu_priq(b, log2);
    testdev_enable(&b->dev, 32);
    b->ste.eats = EATS_FULL;
    smmu_put_ste(b);
    testdev_set(&b->dev, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
    sink_clear(b->q);
}

static void respond(SmmuBoard *b, uint64_t ssid, unsigned group,
                    unsigned code)
{
    smmu_command(b, CMD_PRI_RESP | CMD_SID(b->sid) | ssid,
                 CMD_PRI_CODE(code) | group);
    smmu_sync(b);
}

/* The response that the endpoint got last. */
static void expect_response(SmmuBoard *b, unsigned group, unsigned code)
{
    uint64_t response = testdev_get(&b->dev, TD_RESPONSE);

    g_assert_cmphex(response & TD_RESPONSE_CAME, !=, 0);
    g_assert_cmphex(response & 15, ==, code);
    g_assert_cmphex(response >> 16 & 0x1ff, ==, group);
    g_assert_cmphex(response & TD_RESPONSE_UNEXPECTED, ==, 0);
}

/* DMA to a page that is not there yet [SMMU 8] [PCIe 10.4.1]. */
static void test_dma(gconstpointer data)
{
    bool with_pasid = data != NULL;
    uint64_t value = UINT64_C(0xa5a5a5a5a5a5a5a5), word[2];
    SmmuBoard b;

    start(&b, "", 4);
    if (with_pasid) {
        b.ste.s1cdmax = 4;
        smmu_put_ste(&b);
        smmu_put_cd(&b, 5);
        testdev_set(&b.dev, TD_PASID, TD_PASID_ENABLE | 5);
    }
    g_assert_cmpint(testdev_dma_write(&b.dev, VA, &value, 8).why, ==,
                    TD_WAITS);
    smmu_expect_line(&b, LINE_PRIQ);
    g_assert_true(smmu_page_request(&b, word));
    g_assert_cmphex(GOT_SID(word), ==, b.sid);
    g_assert_cmphex(GOT_SSV(word), ==, with_pasid);
    g_assert_cmphex(GOT_SSID(word), ==, with_pasid ? 5 : 0);
    g_assert_cmphex(GOT_ADDR(word), ==, VA);
    g_assert_cmphex(GOT_WRITE(word), ==, 1);
    g_assert_cmphex(GOT_LAST(word), ==, 1);
    smmu_map(&b, VA, PA);
    g_assert_cmpint(testdev_result(&b.dev).why, ==, TD_WAITS);
    respond(&b, with_pasid ? CMD_WITH_SSID(5) : 0, GOT_GROUP(word),
            PRI_SUCCESS);
    g_assert_cmpint(testdev_finish(&b.dev).why, ==, TD_OK);
    g_assert_cmphex(smmu_get64(&b, PA), ==, value);
    g_assert_false(smmu_page_request(&b, word));
    g_assert_cmphex(smmu_reg(&b, SMMUV3_EVENTQ_PROD), ==, 0);
    smmu_end(&b);
}

/* The page cannot be had [SMMU 4.5.2] [PCIe 10.4.2]. */
static void test_codes(void)
{
    uint64_t word[2];
    SmmuBoard b;

    start(&b, "", 4);
    g_assert_cmpint(testdev_dma_read(&b.dev, VA, NULL, 8).why, ==, TD_WAITS);
    g_assert_true(smmu_page_request(&b, word));
    g_assert_cmphex(GOT_READ(word), ==, 1);
    g_assert_cmphex(GOT_WRITE(word), ==, 0);
    respond(&b, 0, GOT_GROUP(word), PRI_INVALID);
    g_assert_cmpint(testdev_finish(&b.dev).why, ==, TD_PAGE_INVALID);
    g_assert_cmpint(testdev_dma_read(&b.dev, VA, NULL, 8).why, ==, TD_WAITS);
    g_assert_true(smmu_page_request(&b, word));
    respond(&b, 0, GOT_GROUP(word), PRI_FAILURE);
    g_assert_cmpint(testdev_finish(&b.dev).why, ==, TD_PAGE_FAILURE);
    smmu_end(&b);
}

/* Requests by hand: groups of several, and their fields. */
static void test_groups(void)
{
    uint64_t word[2];
    SmmuBoard b;

    start(&b, "", 4);
    testdev_page_request(&b.dev, VA, TD_REQUEST_READ | TD_REQUEST_GROUP(7));
    testdev_page_request(&b.dev, VA + 0x1000,
                         TD_REQUEST_WRITE | TD_REQUEST_GROUP(7));
    testdev_page_request(&b.dev, VA + 0x2000,
                         TD_REQUEST_READ | TD_REQUEST_WRITE |
                         TD_REQUEST_LAST | TD_REQUEST_GROUP(7));
    for (unsigned i = 0; i < 3; i++) {
        g_assert_true(smmu_page_request(&b, word));
        g_assert_cmphex(GOT_ADDR(word), ==, VA + i * 0x1000);
        g_assert_cmphex(GOT_GROUP(word), ==, 7);
        g_assert_cmphex(GOT_LAST(word), ==, i == 2);
        g_assert_cmphex(GOT_READ(word), ==, i != 1);
        g_assert_cmphex(GOT_WRITE(word), ==, i != 0);
    }
    g_assert_cmphex(testdev_get(&b.dev, TD_PAGE_OUTSTANDING), ==, 3);
    respond(&b, 0, 7, PRI_SUCCESS);
    g_assert_true(qtest_wait(b.q, b.dev.base + TD_PAGE_OUTSTANDING, 8,
                             UINT64_MAX, 0));
    expect_response(&b, 7, SEEN_SUCCESS);
    smmu_end(&b);
}

/* No room: the last of a group gets Success and asks again later [SMMU 8.1]. */
static void test_overflow(void)
{
    uint64_t word[2];
    SmmuBoard b;

    start(&b, "", 1);
    for (unsigned i = 0; i < 3; i++) {
        testdev_page_request(&b.dev, VA, TD_REQUEST_READ | TD_REQUEST_LAST |
                                         TD_REQUEST_GROUP(i));
    }
    g_assert_cmphex(smmu_reg(&b, SMMUV3_PRIQ_PROD), ==, 0x80000002u);
    expect_response(&b, 2, SEEN_SUCCESS);
    /* Until it is acknowledged, nothing comes in. */
    g_assert_true(smmu_page_request(&b, word));
    g_assert_cmphex(GOT_GROUP(word), ==, 0);
    testdev_page_request(&b.dev, VA, TD_REQUEST_READ | TD_REQUEST_LAST |
                                     TD_REQUEST_GROUP(3));
    expect_response(&b, 3, SEEN_SUCCESS);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_PRIQ_PROD), ==, 0x80000002u);
    g_assert_true(smmu_page_request(&b, word));
    g_assert_cmphex(GOT_GROUP(word), ==, 1);
    smmu_set(&b, SMMUV3_PRIQ_CONS, 0x80000002u);
    testdev_page_request(&b.dev, VA, TD_REQUEST_READ | TD_REQUEST_LAST |
                                     TD_REQUEST_GROUP(4));
    g_assert_true(smmu_page_request(&b, word));
    g_assert_cmphex(GOT_GROUP(word), ==, 4);
    smmu_end(&b);
}

/* Nobody takes requests: the answer is a failure. */
static void test_off(gconstpointer data)
{
    bool whole = data != NULL;
    SmmuBoard b;

    start(&b, "", 4);
    smmu_set(&b, SMMUV3_CR0, smmu_reg(&b, SMMUV3_CR0) &
             ~(whole ? SMMUV3_CR0_SMMUEN : SMMUV3_CR0_PRIQEN));
    testdev_page_request(&b.dev, VA, TD_REQUEST_READ | TD_REQUEST_LAST |
                                     TD_REQUEST_GROUP(9));
    expect_response(&b, 9, SEEN_FAILURE);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_PRIQ_PROD), ==, 0);
    smmu_end(&b);
}

/* A queue where no memory is [SMMU 7.5]. */
static void test_abort(void)
{
    SmmuBoard b;
    uint32_t cr0;

    start(&b, "", 4);
    cr0 = smmu_reg(&b, SMMUV3_CR0);
    smmu_set(&b, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_PRIQEN);
    smmu_set64(&b, SMMUV3_PRIQ_BASE, SMMU_HOLE | 4);
    smmu_set(&b, SMMUV3_CR0, cr0);
    testdev_page_request(&b.dev, VA, TD_REQUEST_READ | TD_REQUEST_LAST |
                                     TD_REQUEST_GROUP(9));
    g_assert_cmphex(smmu_reg(&b, SMMUV3_GERROR), ==, 8);
    smmu_expect_line(&b, LINE_GERROR);
    expect_response(&b, 9, SEEN_FAILURE);
    smmu_end(&b);
}

static void test_message(void)
{
    SmmuBoard b;

    start(&b, ",msi=on", 4);
    smmu_set(&b, SMMUV3_IRQ_CTRL, 0);
    smmu_set64(&b, SMMUV3_PRIQ_IRQ_CFG0, SMMU_DOORBELL);
    smmu_set(&b, SMMUV3_PRIQ_IRQ_CFG1, 0x4c);
    smmu_set(&b, SMMUV3_IRQ_CTRL, 7);
    testdev_page_request(&b.dev, VA, TD_REQUEST_READ | TD_REQUEST_LAST);
    smmu_expect_msi(&b, SMMU_DOORBELL, 0x4c, LINE_PRIQ);
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    smmu_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/smmu-pri/dma", NULL, test_dma);
    g_test_add_data_func("/smmu-pri/dma-with-pasid", "pasid", test_dma);
    g_test_add_func("/smmu-pri/codes", test_codes);
    g_test_add_func("/smmu-pri/groups", test_groups);
    g_test_add_func("/smmu-pri/overflow", test_overflow);
    g_test_add_data_func("/smmu-pri/queue-off", NULL, test_off);
    g_test_add_data_func("/smmu-pri/unit-off", "unit", test_off);
    g_test_add_func("/smmu-pri/abort", test_abort);
    g_test_add_func("/smmu-pri/message", test_message);
    return g_test_run();
}
