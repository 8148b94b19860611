/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device-TLB of an endpoint (chapter 4, section 6.5.2): what it keeps,
 * what each invalidation takes out of it, time-outs, and the capabilities as
 * PCI sees them.
 */
#include "tests/qtest/sm.h"

#define VA    UINT64_C(0x7f0000400000)
#define VA_2M (VA + (UINT64_C(4) << 20))

static const uint32_t pasids[] = { SM_PASID, SM_NONE };

static uint64_t counter(Sm *s, unsigned offset)
{
    return testdev_get(&s->b.dev, offset);
}

/* From now on DMA goes through the device-TLB, or not, or as CONTROL says. */
static void control(Sm *s, uint32_t bits)
{
    testdev_set(&s->b.dev, TD_CONTROL, bits);
}

/* --- Hits and invalidations ---------------------------------------------- */

static void test_hits(gconstpointer data)
{
    unsigned pgtt = GPOINTER_TO_UINT(data);
    uint64_t page;
    Sm s;

    sm_start_ats(&s, pgtt);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    sm_map(&s, VA_2M, 0x2000000, 2);
    control(&s, TD_CONTROL_ATS);
    sm_reads(&s, SM_PASID, VA, page);
    g_assert_cmpuint(counter(&s, TD_ATC_REQUESTS), ==, 1);
    g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 1);
    sm_reads(&s, SM_PASID, VA + 8, page + 8);
    g_assert_cmpuint(counter(&s, TD_ATC_HITS), ==, 1);
    g_assert_cmpuint(counter(&s, TD_ATC_REQUESTS), ==, 1);
    sm_writes(&s, SM_PASID, VA, page);
    sm_writes(&s, SM_PASID, VA + 16, page + 16);
    g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 1);
    /* one large page */
    sm_writes(&s, SM_PASID, VA_2M, 0x2000000);
    sm_writes(&s, SM_PASID, VA_2M + 0x1ffff8, 0x21ffff8);
    g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 2);
    /* without a PASID it is another address space */
    sm_reads(&s, SM_NONE, VA, page);
    g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 3);
    /* what is not there, is not kept */
    sm_use(&s, SM_PASID);
    g_assert_cmpint(testdev_dma_read(&s.b.dev, VA + 0x1000, NULL, 8).why, ==,
                    TD_NOT_PERMITTED);
    g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 3);
    sm_map(&s, VA + 0x1000, page, 1);
    sm_good(&s, SM_PASID, VA + 0x1000, page);
    g_assert_cmpuint(counter(&s, TD_STALE_USES), ==, 0);
    board_no_fault(&s.b);
    sm_end(&s);
}

/* What the endpoint keeps lives until its own invalidation, whatever the
 * unit's caches were told; then it is gone for good. */
static void test_stale(gconstpointer data)
{
    static const struct {
        const char *name;
        int64_t offset;
        uint64_t size;
    } ways[] = {
        { "page", 0, 4096 },
        { "4 pages", -0x3000, 0x4000 },
        { "2 MiB", 0, 2 << 20 },
        { "2^46", 0, UINT64_C(1) << 46 },
        { "all", 0, 0 },
    };
    uint64_t page[2];
    Sm s;

    sm_start_ats(&s, GPOINTER_TO_UINT(data));
    page[0] = board_pages(&s.b, 1);
    page[1] = board_pages(&s.b, 1);
    control(&s, TD_CONTROL_ATS);
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        for (size_t n = 0; n < G_N_ELEMENTS(pasids); n++) {
            uint64_t va = VA + 0x3000, size = ways[i].size;
            uint32_t pasid = pasids[n];

            g_test_message("%s", ways[i].name);
            sm_map(&s, va, page[0], 1);
            sm_flush(&s);
            sm_good(&s, pasid, va, page[0]);
            sm_map(&s, va, page[1], 1);
            sm_flush(&s);
            sm_good(&s, pasid, va, page[0]);
            sm_drop(&s, pasid, (va + ways[i].offset) & ~(size - 1), size);
            board_sync(&s.b);
            sm_good(&s, pasid, va, page[1]);
            g_assert_cmpuint(counter(&s, TD_STALE_USES), ==, 0);
            sm_drop(&s, pasid, va, 4096);
            board_sync(&s.b);
            g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 0);
        }
    }
    g_assert_cmpuint(counter(&s, TD_ATC_INVALIDATIONS), ==,
                     4 * G_N_ELEMENTS(ways));
    sm_end(&s);
}

/* Invalidations of something else leave an entry alone [VTD 6.5.2.5]. */
static void test_kept(void)
{
    uint64_t page, hits;
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    control(&s, TD_CONTROL_ATS);
    sm_writes(&s, SM_PASID, VA, page);
    sm_writes(&s, SM_NONE, VA, page);
    hits = counter(&s, TD_ATC_HITS);
    sm_drop(&s, SM_PASID, VA + 0x1000, 4096);
    sm_drop(&s, SM_PASID + 1, VA, 4096);
    sm_drop(&s, SM_PASID + 1, 0, 0);
    sm_drop(&s, SM_NONE, VA + 0x1000, 4096);
    sm_drop(&s, SM_PASID, VA_2M, 2 << 20);
    board_sync(&s.b);
    g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 2);
    sm_writes(&s, SM_PASID, VA, page);
    sm_writes(&s, SM_NONE, VA, page);
    g_assert_cmpuint(counter(&s, TD_ATC_HITS), ==, hits + 2);
    /* each of the two by its own kind */
    sm_drop(&s, SM_PASID, VA, 4096);
    board_sync(&s.b);
    g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 1);
    sm_drop(&s, SM_NONE, VA, 4096);
    board_sync(&s.b);
    g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 0);
    sm_end(&s);
}

/* Global: a translation for each PASID, and an invalidation of them all. */
static void test_global(void)
{
    uint64_t page, requests;
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 1);
    sm_put_pasid(&s, SM_PASID + 1);
    sm_flush(&s);
    sm_map_flags(&s, VA, page, 1, SM_LEAF | SPEC_FS_G);
    sm_map(&s, VA + 0x1000, page, 1);
    control(&s, TD_CONTROL_ATS);
    sm_writes(&s, SM_PASID, VA, page);
    requests = counter(&s, TD_ATC_REQUESTS);
    sm_writes(&s, SM_PASID + 1, VA + 8, page + 8);
    g_assert_cmpuint(counter(&s, TD_ATC_REQUESTS), ==, requests);
    /* it belongs to no PASID, so that a PASID's invalidation leaves it */
    sm_drop(&s, SM_PASID, VA, 4096);
    board_sync(&s.b);
    g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 1);
    sm_writes(&s, SM_PASID, VA + 0x1000, page);
    sm_writes(&s, SM_PASID + 1, VA + 0x1000, page);
    g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 3);
    guest_queue_pdevtlb(&s.b.queue, s.b.source, 0, true, VA, 0x2000);
    board_sync(&s.b);
    g_assert_cmpuint(counter(&s, TD_ATC_ENTRIES), ==, 0);
    sm_end(&s);
}

/* Software takes ATS away: what the endpoint kept is of no use to it. */
static void test_revoked(void)
{
    SmRecord want = {
        .reason = SPEC_FR_SM_DTE, .write = true, .at = SPEC_AT_TRANSLATED,
    };
    uint64_t page, value = 0;
    TestdevResult result;
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    control(&s, TD_CONTROL_ATS);
    sm_good(&s, SM_PASID, VA, page);
    s.ctx[0] &= ~SPEC_SM_CTX_DTE;
    sm_put_context(&s);
    sm_flush(&s);
    result = testdev_dma_write(&s.b.dev, VA + 0x10, &value, 8);
    g_assert_cmpint(result.why, ==, TD_BLOCKED);
    /* the request carries no PASID and the translated address */
    sm_take_record(&s, SM_NONE, page + 0x10, &want);
    /* with the capability off it does plain DMA */
    control(&s, 0);
    sm_good(&s, SM_PASID, VA, page);
    sm_end(&s);
}

/* --- Time-outs and other mischief ---------------------------------------- */

static void expect_timeout(Sm *s, uint16_t source)
{
    Board *b = &s->b;
    uint32_t status = b->queue.status;

    g_assert_false(guest_queue_wait(&b->queue));
    g_assert_true(qtest_wait(b->q, BOARD_UNIT + SPEC_FSTS, 4, SPEC_FSTS_ITE,
                             SPEC_FSTS_ITE));
    g_assert_cmphex((board_reg64(b, SPEC_IQERCD) & SPEC_IQERCD_ITESID) >>
                    SPEC_IQERCD_ITESID_SHIFT, ==, source);
    /* the wait is dropped, and nothing is fetched until ITE is cleared */
    g_assert_cmphex(qtest_readl(b->q, status), !=, b->queue.sequence);
    guest_queue_wait(&b->queue);
    qtest_clock_step(b->q, 1000000);
    g_assert_cmphex(qtest_readl(b->q, status), !=, b->queue.sequence);
    board_set32(b, SPEC_FSTS, SPEC_FSTS_ITE);
    g_assert_true(qtest_wait(b->q, status, 4, UINT32_MAX,
                             b->queue.sequence));
    g_assert_cmphex(board_reg32(b, SPEC_FSTS) & 0xff, ==, 0);
}

/* [VTD 6.5.2.10] [PCIe 10.3] */
static void test_timeout(void)
{
    const uint32_t addr = 0xfee02000, data = 0x44;
    uint64_t page;
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    board_set32(&s.b, SPEC_FEDATA, data);
    board_set32(&s.b, SPEC_FEADDR, addr);
    board_set32(&s.b, SPEC_FECTL, 0);
    sink_clear(s.b.q);
    for (size_t i = 0; i < G_N_ELEMENTS(pasids); i++) {
        control(&s, TD_CONTROL_ATS | TD_CONTROL_IGNORE);
        sm_good(&s, pasids[i], VA, page);
        sm_drop(&s, pasids[i], VA, 4096);
        expect_timeout(&s, s.b.source);
        board_expect_event(&s.b, addr, data);
        /* the next is answered */
        control(&s, TD_CONTROL_ATS);
        sm_drop(&s, pasids[i], VA, 4096);
        board_sync(&s.b);
        g_assert_cmphex(board_reg32(&s.b, SPEC_FSTS) & 0xff, ==, 0);
    }
    g_assert_cmpuint(counter(&s, TD_STALE_USES), ==, 0);
    /* who has ATS off answers; who is not there does not */
    pci_config_write(&s.b.dev.pci, pci_find_extended(&s.b.dev.pci, TD_CAP_ATS)
                     + TD_ATS_CTRL, 0, 2);
    sm_drop(&s, SM_PASID, VA, 4096);
    board_sync(&s.b);
    g_assert_cmphex(board_reg32(&s.b, SPEC_FSTS) & 0xff, ==, 0);
    guest_queue_devtlb(&s.b.queue, 0x1234, VA, 4096);
    expect_timeout(&s, 0x1234);
    sm_end(&s);
}

/* An endpoint that answers but keeps what it has: the count tells. */
static void test_liar(void)
{
    uint64_t page[2];
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_FIRST);
    page[0] = board_pages(&s.b, 1);
    page[1] = board_pages(&s.b, 1);
    sm_map(&s, VA, page[0], 1);
    control(&s, TD_CONTROL_ATS | TD_CONTROL_KEEP);
    sm_good(&s, SM_PASID, VA, page[0]);
    sm_map(&s, VA, page[1], 1);
    sm_flush(&s);
    sm_drop(&s, SM_PASID, VA, 4096);
    board_sync(&s.b);
    g_assert_cmpuint(counter(&s, TD_STALE_USES), ==, 0);
    sm_good(&s, SM_PASID, VA, page[0]);
    g_assert_cmpuint(counter(&s, TD_STALE_USES), >, 0);
    control(&s, TD_CONTROL_ATS);
    sm_drop(&s, SM_PASID, VA, 4096);
    board_sync(&s.b);
    sm_good(&s, SM_PASID, VA, page[1]);
    sm_end(&s);
}

/* --- As PCI sees it ------------------------------------------------------ */

static uint32_t config(Board *b, unsigned at, unsigned size)
{
    return pci_config_read(&b->dev.pci, at, size);
}

static void test_capabilities(void)
{
    unsigned pasid, ats, pri;
    uint64_t ecap;
    Board b;

    board_start_with(&b, SM_ATS_OPTIONS, ",pasid-bits=17,ats=on,pri=on");
    ecap = board_reg64(&b, SPEC_ECAP);
    g_assert_cmphex(ecap & (SPEC_ECAP_DT | SPEC_ECAP_PRS | SPEC_ECAP_PDS |
                            SPEC_ECAP_PASID), ==,
                    SPEC_ECAP_DT | SPEC_ECAP_PRS | SPEC_ECAP_PDS |
                    SPEC_ECAP_PASID);
    pasid = pci_find_extended(&b.dev.pci, TD_CAP_PASID);
    ats = pci_find_extended(&b.dev.pci, TD_CAP_ATS);
    pri = pci_find_extended(&b.dev.pci, TD_CAP_PRI);
    g_assert_cmphex(pasid, >=, 0x100);
    g_assert_cmphex(ats, >=, 0x100);
    g_assert_cmphex(pri, >=, 0x100);
    /* width, privileged, execute */
    g_assert_cmphex(config(&b, pasid + TD_PASID_CAP, 2), ==, 17 << 8 | 6);
    /* page aligned, global invalidate */
    g_assert_cmphex(config(&b, ats + TD_ATS_CAP, 2), ==, 0x60);
    g_assert_cmphex(config(&b, pri + TD_PRI_CAPACITY, 4), ==, 64);
    g_assert_cmphex(config(&b, pri + TD_PRI_STATUS, 2), ==,
                    TD_PRI_PASID | TD_PRI_STOPPED);
    /* nothing is on after power-on, and only what is defined can be */
    g_assert_cmphex(config(&b, pasid + TD_PASID_CTRL, 2), ==, 0);
    g_assert_cmphex(config(&b, ats + TD_ATS_CTRL, 2), ==, 0);
    g_assert_cmphex(config(&b, pri + TD_PRI_CTRL, 2), ==, 0);
    pci_config_write(&b.dev.pci, pasid + TD_PASID_CAP, ~0u, 4);
    pci_config_write(&b.dev.pci, ats + TD_ATS_CAP, ~0u, 4);
    g_assert_cmphex(config(&b, pasid + TD_PASID_CAP, 4), ==,
                    7u << 16 | 17 << 8 | 6);
    g_assert_cmphex(config(&b, ats + TD_ATS_CAP, 4), ==, 0x801f0060);
    testdev_enable(&b.dev, 20);
    g_assert_cmphex(config(&b, pri + TD_PRI_ALLOCATION, 4), ==, 20);
    g_assert_cmphex(config(&b, pri + TD_PRI_CTRL, 2), ==, TD_PRI_ENABLE);
    board_reset(&b);
    g_assert_cmphex(config(&b, pasid + TD_PASID_CTRL, 2), ==, 0);
    g_assert_cmphex(config(&b, ats + TD_ATS_CTRL, 2), ==, 0);
    g_assert_cmphex(config(&b, pri + TD_PRI_CTRL, 2), ==, 0);
    board_end(&b);

    board_start(&b, SM_ATS_OPTIONS);
    g_assert_cmphex(pci_find_extended(&b.dev.pci, TD_CAP_PASID), ==, 0);
    g_assert_cmphex(pci_find_extended(&b.dev.pci, TD_CAP_ATS), ==, 0);
    g_assert_cmphex(pci_find_extended(&b.dev.pci, TD_CAP_PRI), ==, 0);
    g_assert_cmpint(testdev_translate(&b.dev, VA, false).result.why, ==,
                    TD_NOT_ENABLED);
    board_end(&b);
}

int main(int argc, char **argv)
{
    gpointer first = GUINT_TO_POINTER(SPEC_PGTT_FIRST);
    gpointer second = GUINT_TO_POINTER(SPEC_PGTT_SECOND);
    gpointer nested = GUINT_TO_POINTER(SPEC_PGTT_NESTED);

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/device-tlb/capabilities", test_capabilities);
    g_test_add_data_func("/device-tlb/hits/first", first, test_hits);
    g_test_add_data_func("/device-tlb/hits/nested", nested, test_hits);
    g_test_add_data_func("/device-tlb/stale/first", first, test_stale);
    g_test_add_data_func("/device-tlb/stale/second", second, test_stale);
    g_test_add_data_func("/device-tlb/stale/nested", nested, test_stale);
    g_test_add_func("/device-tlb/kept", test_kept);
    g_test_add_func("/device-tlb/global", test_global);
    g_test_add_func("/device-tlb/revoked", test_revoked);
    g_test_add_func("/device-tlb/timeout", test_timeout);
    g_test_add_func("/device-tlb/liar", test_liar);
    return g_test_run();
}
