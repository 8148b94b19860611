/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ATS (chapter 4): what an endpoint is told that asks for translations, and
 * where translated requests may go.
 */
#include "tests/qtest/sm.h"

#define VA    UINT64_C(0x7f0000400000)
#define VA_2M (VA + (UINT64_C(4) << 20))
#define VA_1G UINT64_C(0x7f0080000000)
#define INTR  UINT64_C(0xfee01000)

#define R  TD_TRANS_R
#define W  TD_TRANS_W
#define RW (R | W)

static const uint32_t pasids[] = { SM_PASID, SM_NONE };

static void control(Sm *s, uint32_t bits)
{
    testdev_set(&s->b.dev, TD_CONTROL, bits);
}

/* --- Translation requests ------------------------------------------------ */

/* An answer, without a record. */
static TestdevTranslation ask(Sm *s, uint32_t pasid, uint64_t addr,
                              bool write, uint32_t flags)
{
    TestdevTranslation t;

    sm_use(s, pasid);
    t = testdev_translate(&s->b.dev, addr, write);
    g_assert_cmphex(t.result.reason, ==, 0);
    g_assert_cmpint(t.result.why, ==, TD_OK);
    g_assert_cmphex(t.flags, ==, TD_TRANS_ANSWER | flags);
    board_no_fault(&s->b);
    return t;
}

static void ask_range(Sm *s, uint32_t pasid, uint64_t addr, bool write,
                      uint32_t flags, uint64_t to, uint64_t size)
{
    TestdevTranslation t = ask(s, pasid, addr, write, flags);

    g_assert_cmphex(t.addr, ==, to);
    g_assert_cmphex(t.size, ==, size);
}

/* Refused, with this record, or without one when the reason is 0. */
static void ask_refused(Sm *s, uint32_t pasid, uint64_t addr, bool write,
                        uint8_t reason)
{
    SmRecord want = {
        .reason = reason, .write = write, .at = SPEC_AT_TRANSLATION,
        .execute = pasid != SM_NONE && (pasid & TD_PASID_EXEC),
        .privileged = pasid != SM_NONE && (pasid & TD_PASID_PRIV),
    };
    TestdevTranslation t;

    board_no_fault(&s->b);
    sm_use(s, pasid);
    t = testdev_translate(&s->b.dev, addr, write);
    g_assert_cmpint(t.result.why, ==, TD_BLOCKED);
    g_assert_cmphex(t.result.reason, ==, reason);
    g_assert_cmphex(t.flags, ==, 0);
    if (reason) {
        sm_take_record(s, pasid == SM_NONE ? pasid : pasid & 0xfffff, addr,
                       &want);
    }
    board_no_fault(&s->b);
}

/* [VTD 4.1.2] */
static void test_translate(gconstpointer data)
{
    unsigned pgtt = GPOINTER_TO_UINT(data);
    bool second = pgtt == SPEC_PGTT_SECOND;
    uint64_t page;
    Sm s;

    sm_start_ats(&s, pgtt);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    sm_map_flags(&s, VA + 0x1000, page, 1,
                 second ? SPEC_SS_R : SPEC_FS_P | SPEC_FS_US);
    sm_map(&s, VA_2M, 0x2000000, 2);
    for (unsigned n = 0; n < 2; n++) {
        for (size_t i = 0; i < G_N_ELEMENTS(pasids); i++) {
            uint32_t pasid = pasids[i];

            ask_range(&s, pasid, VA + 0x123, true, RW, page + 0x123, 4096);
            ask_range(&s, pasid, VA + 0x1000, true, R, page, 4096);
            ask_range(&s, pasid, VA_2M + 0x54321, true, RW, 0x2054321,
                      2 << 20);
            /* nothing there, which is no fault */
            ask(&s, pasid, VA + 0x2000, true, 0);
            ask(&s, pasid, UINT64_C(1) << 48, false, 0);
            ask_range(&s, SM_NONE, INTR, false, W | TD_TRANS_U, INTR, 4096);
        }
    }
    sm_end(&s);
}

static void test_huge(void)
{
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_SECOND);
    sm_map(&s, VA_1G, 0, 3);
    ask_range(&s, SM_PASID, VA_1G + 0x1234567, false, RW, 0x1234567,
              1 << 30);
    sm_tables(&s, SPEC_PGTT_FIRST, 4);
    sm_map(&s, VA_1G, 0, 3);
    /* it may write only when the tables say that it has */
    ask_range(&s, SM_NONE, VA_1G + 0x1234567, false, R, 0x1234567, 1 << 30);
    ask_range(&s, SM_NONE, VA_1G, true, RW, 0, 1 << 30);
    sm_tables(&s, SPEC_PGTT_PASS, 4);
    ask(&s, SM_NONE, VA, true, RW);
    g_assert_cmphex(ask(&s, SM_PASID, VA + 5, true, RW).addr, ==, VA + 5);
    ask(&s, SM_PASID, UINT64_C(1) << 48, true, 0);
    sm_end(&s);
}

/* Accessed when it is asked for, dirty when writing is. */
static void test_bits(void)
{
    uint64_t page, at;
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    at = sm_fs_at(&s, VA, 1);
    ask(&s, SM_PASID, VA, false, R);
    g_assert_cmphex(board_get64(&s.b, at), ==, page | SM_LEAF | SPEC_FS_A);
    ask(&s, SM_PASID, VA, true, RW);
    g_assert_cmphex(board_get64(&s.b, at), ==,
                    page | SM_LEAF | SPEC_FS_A | SPEC_FS_D);
    /* now it may be told even to who only reads */
    ask(&s, SM_PASID, VA, false, RW);
    sm_end(&s);
}

/* Priv, X, Global, N [VTD 4.1.2]. */
static void test_flags(void)
{
    const uint32_t priv = SM_PASID | TD_PASID_PRIV;
    const uint32_t exec = SM_PASID | TD_PASID_EXEC;
    uint64_t page;
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 1);
    ask_refused(&s, priv, VA, false, SPEC_FR_SM_SRE);
    ask_refused(&s, exec, VA, true, SPEC_FR_SM_ERE);
    s.entry.flags2 = SPEC_PASID2_SRE | SPEC_PASID2_ERE | SPEC_PASID2_NXE |
                     SPEC_PASID2_WPE;
    sm_put_pasid(&s, SM_PASID);
    sm_flush(&s);
    sm_map_flags(&s, VA, page, 1, SPEC_FS_P | SPEC_FS_RW);
    sm_map_flags(&s, VA + 0x1000, page, 1, SM_LEAF | SPEC_FS_XD);
    sm_map_flags(&s, VA + 0x2000, page, 1, SM_LEAF | SPEC_FS_G);
    sm_map(&s, VA + 0x3000, page, 1);
    ask(&s, SM_PASID, VA, true, 0);
    ask(&s, priv, VA, true, RW | TD_TRANS_PRIV);
    ask(&s, exec, VA + 0x1000, true, RW);
    ask(&s, exec, VA + 0x3000, true, RW | TD_TRANS_X);
    ask(&s, priv | exec, VA + 0x3000, true, RW | TD_TRANS_X | TD_TRANS_PRIV);
    ask(&s, SM_PASID, VA + 0x2000, false, R | TD_TRANS_GLOBAL);
    ask(&s, SM_NONE, VA + 0x2000, false, R);
    s.entry.flags1 = SPEC_PASID1_PGSNP;
    sm_put_pasid(&s, SM_PASID);
    sm_flush(&s);
    ask(&s, SM_PASID, VA + 0x3000, true, RW | TD_TRANS_N);
    ask(&s, SM_PASID, VA + 0x1000, true, RW | TD_TRANS_N);
    sm_end(&s);
}

/* What software cannot have meant is a fault for who asks, too. */
static void test_refused(void)
{
    uint64_t at, word, page;
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(pasids); i++) {
        uint32_t pasid = pasids[i];

        at = guest_pasid_addr(&s.b.alloc, s.dir, pasid == SM_NONE ? 0
                                                                  : pasid);
        word = board_get64(&s.b, at);
        board_put64(&s.b, at, 0);
        sm_flush(&s);
        ask_refused(&s, pasid, VA, true, SPEC_FR_SM_PASID_P);
        board_put64(&s.b, at, word | SPEC_BIT(10));
        sm_flush(&s);
        ask_refused(&s, pasid, VA, false, SPEC_FR_SM_PASID_RSVD);
        board_put64(&s.b, at, word);
        at = sm_fs_at(&s, VA, 4);
        word = board_get64(&s.b, at);
        board_put64(&s.b, at, word | SPEC_FS_PS);
        sm_flush(&s);
        ask_refused(&s, pasid, VA, false, SPEC_FR_SM_FS_RSVD);
        board_put64(&s.b, at, word);
        sm_flush(&s);
        ask(&s, pasid, VA, true, RW);
    }
    ask_refused(&s, 0x4000, VA, true, SPEC_FR_SM_PASID_RANGE);
    s.ctx[0] &= ~SPEC_SM_CTX_DTE;
    sm_put_context(&s);
    sm_flush(&s);
    ask_refused(&s, SM_PASID, VA, true, SPEC_FR_SM_DTE);
    ask_refused(&s, SM_NONE, VA, false, SPEC_FR_SM_DTE);
    /* the context entry is looked at before the PASID's */
    board_put64(&s.b, guest_pasid_addr(&s.b.alloc, s.dir, SM_PASID), 0);
    sm_flush(&s);
    ask_refused(&s, SM_PASID, VA, true, SPEC_FR_SM_DTE);
    ask_refused(&s, SM_PASID + 64, VA, true, SPEC_FR_SM_DTE);
    /* an unsupported request, which leaves no trace */
    sm_set_mode(&s, SPEC_TTM_ABORT);
    sm_flush(&s);
    ask_refused(&s, SM_PASID, VA, true, 0);
    board_command(&s.b, 0, SPEC_GCMD_TE);
    ask_refused(&s, SM_PASID, VA, true, 0);
    sm_end(&s);
}

/* --- Translated requests ------------------------------------------------- */

static void raw_blocked(Sm *s, uint64_t addr, bool write, uint8_t reason)
{
    SmRecord want = {
        .reason = reason, .write = write, .at = SPEC_AT_TRANSLATED,
    };

    board_no_fault(&s->b);
    board_dma_blocked(&s->b, addr, write);
    if (reason) {
        sm_take_record(s, SM_NONE, addr, &want);
    }
    board_no_fault(&s->b);
}

/* They go where they say, if the context entry lets them [VTD 4.2.4]. */
static void test_translated(void)
{
    uint64_t page;
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 1);
    control(&s, TD_CONTROL_RAW);
    sm_use(&s, SM_NONE);
    board_dma_good(&s.b, page, page);
    board_no_fault(&s.b);
    /* what PASID entry 0 says does not matter to them */
    board_put64(&s.b, guest_pasid_addr(&s.b.alloc, s.dir, 0), 0);
    sm_flush(&s);
    board_dma_good(&s.b, page, page);
    raw_blocked(&s, INTR, false, 0);
    s.ctx[0] &= ~SPEC_SM_CTX_DTE;
    sm_put_context(&s);
    sm_flush(&s);
    raw_blocked(&s, page, false, SPEC_FR_SM_DTE);
    raw_blocked(&s, page, true, SPEC_FR_SM_DTE);
    raw_blocked(&s, INTR, true, SPEC_FR_SM_DTE);
    sm_set_mode(&s, SPEC_TTM_ABORT);
    sm_flush(&s);
    raw_blocked(&s, page, true, 0);
    board_command(&s.b, 0, SPEC_GCMD_TE);
    raw_blocked(&s, page, false, 0);
    sm_end(&s);
}

/* Legacy tables: translation types 00 and 01. */
static void test_legacy(void)
{
    const uint64_t iova = 0x40000000;
    TestdevTranslation t;
    uint64_t page, lo;
    Board b;
    Sm s = { 0 };

    board_start_with(&b, "device-iotlb=on", ",ats=on");
    testdev_enable(&b.dev, 0);
    page = board_pages(&b, 1);
    board_translate(&b, 4);
    board_map(&b, iova, page, SPEC_SS_R);
    lo = board_context_lo(&b);
    for (unsigned i = 0; i < 2; i++) {
        unsigned at = i ? SPEC_AT_TRANSLATED : SPEC_AT_TRANSLATION;
        SmRecord want = { .reason = SPEC_FR_ATS_BLOCKED, .at = at };

        if (i) {
            testdev_set(&b.dev, TD_CONTROL, TD_CONTROL_RAW);
            board_dma_blocked(&b, page, false);
        } else {
            t = testdev_translate(&b.dev, iova, false);
            g_assert_cmpint(t.result.why, ==, TD_BLOCKED);
        }
        s.b = b;
        sm_take_record(&s, SM_NONE, i ? page : iova, &want);
    }
    board_context(&b, lo | SPEC_TT_DEVTLB << SPEC_CTX_TT_SHIFT,
                  board_context_hi(&b));
    board_flush(&b);
    board_dma_good(&b, page, page);
    t = testdev_translate(&b.dev, iova + 8, true);
    g_assert_cmphex(t.flags, ==, TD_TRANS_ANSWER | R);
    g_assert_cmphex(t.addr, ==, page + 8);
    testdev_set(&b.dev, TD_CONTROL, TD_CONTROL_ATS);
    board_dma_reads(&b, iova, page);
    g_assert_cmpint(testdev_dma_write(&b.dev, iova, &page, 8).why, ==,
                    TD_NOT_PERMITTED);
    board_no_fault(&b);
    board_end(&b);
}

int main(int argc, char **argv)
{
    gpointer first = GUINT_TO_POINTER(SPEC_PGTT_FIRST);
    gpointer second = GUINT_TO_POINTER(SPEC_PGTT_SECOND);
    gpointer nested = GUINT_TO_POINTER(SPEC_PGTT_NESTED);

    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/ats/translate/first", first, test_translate);
    g_test_add_data_func("/ats/translate/second", second, test_translate);
    g_test_add_data_func("/ats/translate/nested", nested, test_translate);
    g_test_add_func("/ats/huge", test_huge);
    g_test_add_func("/ats/bits", test_bits);
    g_test_add_func("/ats/flags", test_flags);
    g_test_add_func("/ats/refused", test_refused);
    g_test_add_func("/ats/translated", test_translated);
    g_test_add_func("/ats/legacy", test_legacy);
    return g_test_run();
}
