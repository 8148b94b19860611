/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: transactions that wait until software has looked at their event. */
#include "tests/qtest/smmu.h"

#define VA   UINT64_C(0x7f1234567000)
#define IPA  UINT64_C(0x8123456000)
#define PA   (SMMU_RAM + UINT64_C(0x08000000))

/* RESUME's Ac and Ab */

static void start(SmmuBoard *b, unsigned kind)
{
    smmu_start_stream(b, "stage=nested,stall=on", "", kind);
    b->cd.stall = kind == SMMUV3_S1;
    b->ste.s2stall = true;
    smmu_put_cd(b, 0);
    smmu_put_ste(b);
}

/* An access of 8 bytes that must wait; its tag. */
static unsigned wait_at(SmmuBoard *b, uint64_t addr, bool write)
{
    uint64_t value = UINT64_C(0xa5a5a5a5a5a5a5a5), word[4];
    TestdevResult result = write
        ? testdev_dma_write(&b->dev, addr, &value, sizeof(value))
        : testdev_dma_read(&b->dev, addr, NULL, sizeof(value));

    g_assert_cmpint(result.why, ==, TD_WAITS);
    g_assert_true(smmu_event(b, word));
    g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_TRANSLATION);
    g_assert_cmphex(EVENT_SID(word), ==, b->sid);
    g_assert_cmphex(EVENT_STALL(word), ==, 1);
    g_assert_cmphex(EVENT_READ(word), ==, !write);
    g_assert_cmphex(word[2], ==, addr);
    g_assert_false(smmu_event(b, word));
    return EVENT_STAG(word);
}

static void resume(SmmuBoard *b, uint32_t sid, unsigned tag, uint64_t action)
{
    smmu_command(b, CMD_RESUME | CMD_SID(sid) | action, tag);
    smmu_sync(b);
}

static void still_waits(SmmuBoard *b)
{
    g_usleep(2000);
    g_assert_cmpint(testdev_result(&b->dev).why, ==, TD_WAITS);
}

/* Software makes the page available, and the access goes on [SMMU 3.12.2]
 * [SMMU 4.7.1]. */
static void test_retry(gconstpointer data)
{
    unsigned kind = GPOINTER_TO_UINT(data), tag;
    uint64_t addr = kind == SMMUV3_S2 ? IPA : VA;
    SmmuBoard b;

    start(&b, kind);
    tag = wait_at(&b, addr, true);
    still_waits(&b);
    smmu_put64(&b, PA, 0);
    smmu_map(&b, addr, PA);
    still_waits(&b);
    /* another stream's tag, one that nobody has, then the right one */
    resume(&b, b.sid + 1, tag, CMD_RETRY);
    resume(&b, b.sid, tag + 1, CMD_RETRY);
    resume(&b, b.sid, 0xffff, CMD_RETRY);
    still_waits(&b);
    resume(&b, b.sid, tag, CMD_RETRY);
    g_assert_cmpint(testdev_finish(&b.dev).why, ==, TD_OK);
    g_assert_cmphex(smmu_get64(&b, PA), ==, UINT64_C(0xa5a5a5a5a5a5a5a5));
    smmu_dma_good(&b, addr, PA);
    smmu_end(&b);
}

/* Retried without a page, it waits again. */
static void test_again(void)
{
    SmmuBoard b;
    uint64_t word[4];
    unsigned tag;

    start(&b, SMMUV3_S1);
    tag = wait_at(&b, VA, false);
    for (unsigned i = 0; i < 5; i++) {
        resume(&b, b.sid, tag, CMD_RETRY);
        for (unsigned k = 0; k < 1000 && !smmu_event(&b, word); k++) {
            g_assert_cmpuint(k, <, 999);
            g_usleep(1000);
        }
        g_assert_cmphex(EVENT_STALL(word), ==, 1);
        tag = EVENT_STAG(word);
        still_waits(&b);
    }
    smmu_map(&b, VA, PA);
    resume(&b, b.sid, tag, CMD_RETRY);
    g_assert_cmpint(testdev_finish(&b.dev).why, ==, TD_OK);
    smmu_end(&b);
}

/* Ended by software: with an abort, whether it says so or not (IDR0.TERM_MODEL)
 * [SMMU 4.7.2]. */
static void test_end(void)
{
    uint64_t word[4];
    TestdevResult result;
    SmmuBoard b;

    start(&b, SMMUV3_S1);
    resume(&b, b.sid, wait_at(&b, VA, false), 0);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_IDR0) >> 26 & 1, ==, 1);
    g_assert_cmpint(testdev_finish(&b.dev).why, ==, TD_BLOCKED);

    resume(&b, b.sid, wait_at(&b, VA, true), CMD_ABORT);
    result = testdev_finish(&b.dev);
    g_assert_cmpint(result.why, ==, TD_BLOCKED);
    g_assert_cmphex(result.fault_addr, ==, VA);
    g_assert_cmpint(result.write, ==, true);

    wait_at(&b, VA, false);
    smmu_command(&b, CMD_STALL_TERM | CMD_SID(b.sid + 1), 0);
    smmu_sync(&b);
    still_waits(&b);
    smmu_command(&b, CMD_STALL_TERM | CMD_SID(b.sid), 0);
    smmu_sync(&b);
    g_assert_cmpint(testdev_finish(&b.dev).why, ==, TD_BLOCKED);
    g_assert_false(smmu_event(&b, word));
    smmu_end(&b);
}

/* Switching the SMMU off ends all that wait [SMMU 3.12.2.2]. */
static void test_disable(void)
{
    SmmuBoard b;

    start(&b, SMMUV3_S1);
    wait_at(&b, VA, false);
    smmu_set(&b, SMMUV3_CR0, smmu_reg(&b, SMMUV3_CR0) & ~SMMUV3_CR0_SMMUEN);
    g_assert_cmpint(testdev_finish(&b.dev).why, ==, TD_BLOCKED);
    smmu_end(&b);
}

/* While the queue is full, the event waits with its transaction
 * [SMMU 7.2.1]. */
static void test_full_queue(void)
{
    uint64_t word[4];
    SmmuBoard b;

    start(&b, SMMUV3_S1);
    b.cd.stall = false;
    smmu_put_cd(&b, 0);
    smmu_events(&b, 1);
    smmu_dma_blocked(&b, VA, false);
    smmu_dma_blocked(&b, VA, false);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_EVENTQ_PROD), ==, 2);
    b.cd.stall = true;
    smmu_put_cd(&b, 0);
    g_assert_cmpint(testdev_dma_read(&b.dev, VA, NULL, 8).why, ==, TD_WAITS);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_EVENTQ_PROD), ==, 2);
    g_assert_true(smmu_event(&b, word));
    g_assert_cmphex(EVENT_STALL(word), ==, 0);
    g_assert_true(qtest_wait(b.q, SMMU_UNIT + SMMUV3_EVENTQ_PROD, 4, 3, 3));
    g_assert_true(smmu_event(&b, word));
    g_assert_true(smmu_event(&b, word));
    g_assert_cmphex(EVENT_STALL(word), ==, 1);
    smmu_map(&b, VA, PA);
    resume(&b, b.sid, EVENT_STAG(word), CMD_RETRY);
    g_assert_cmpint(testdev_finish(&b.dev).why, ==, TD_OK);
    smmu_end(&b);
}

/* Several endpoints wait at the same time, and end in another order. */
static void test_several(void)
{
    enum { DEVICES = 4 };
    uint64_t ste[8];
    unsigned tag[DEVICES];
    Testdev dev[DEVICES];
    SmmuBoard b;

    smmu_start_stream(&b, "stall=on",
                      "-device viommu-testdev,addr=4 -device viommu-testdev,"
                      "addr=5 -device viommu-testdev,addr=6", SMMUV3_S1);
    b.cd.stall = true;
    smmu_put_cd(&b, 0);
    guest_ste_encode(&b.ste, ste);
    dev[0] = b.dev;
    for (unsigned i = 0; i < DEVICES; i++) {
        if (i) {
            testdev_init(&dev[i], &b.bus, i);
        }
        b.dev = dev[i];
        b.sid = pci_source(&dev[i].pci);
        guest_write_words(&b.mem, b.strtab + b.sid * 64, ste, 8);
        smmu_put_ste(&b);
        tag[i] = wait_at(&b, VA + i * 0x1000, true);
        for (unsigned k = 0; k < i; k++) {
            g_assert_cmpuint(tag[i], !=, tag[k]);
        }
    }
    for (unsigned i = DEVICES; i-- > 0;) {
        smmu_map(&b, VA + i * 0x1000, PA + i * 0x1000);
        resume(&b, pci_source(&dev[i].pci), tag[i], CMD_RETRY);
        g_assert_cmpint(testdev_finish(&dev[i]).why, ==, TD_OK);
        for (unsigned k = 0; k < i; k++) {
            g_assert_cmpint(testdev_result(&dev[k]).why, ==, TD_WAITS);
        }
    }
    smmu_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/smmu-stall/retry", GUINT_TO_POINTER(SMMUV3_S1),
                         test_retry);
    g_test_add_data_func("/smmu-stall/retry-2", GUINT_TO_POINTER(SMMUV3_S2),
                         test_retry);
    g_test_add_func("/smmu-stall/again", test_again);
    g_test_add_func("/smmu-stall/end", test_end);
    g_test_add_func("/smmu-stall/disable", test_disable);
    g_test_add_func("/smmu-stall/full-queue", test_full_queue);
    g_test_add_func("/smmu-stall/several", test_several);
    return g_test_run();
}
