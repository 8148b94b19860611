/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host device behind the unit: the guest's tables, invalidations, page
 * requests and faults go through the host's user API to a simulated host, whose
 * physical IOMMU walks the guest's tables; the data are compared.
 */
#include <string.h>

#include "tests/qtest/pri.h"

#define VA          UINT64_C(0x7f0000400000)
#define PAGE        UINT64_C(0x1000)
#define CM          ",caching-mode=on"
#define ENDPOINT    ",id=d0,pasid-bits=20,ats=on,pri=on"

/* A number of what viommu-machine tells of the host. */
static uint64_t usage(Board *b, const char *name)
{
    g_autofree char *text = qtest_special(b->q, "viommu-host usage");
    g_autofree char *key = g_strdup_printf("%s=", name);
    const char *at = strstr(text, key);

    g_assert_nonnull(at);
    return g_ascii_strtoull(at + strlen(key), NULL, 0);
}

static void special(Board *b, const char *what)
{
    g_free(qtest_special(b->q, "viommu-host %s", what));
}

static void start_with(Sm *s, const char *more, unsigned pgtt)
{
    sm_start_with(s, SM_ATS_OPTIONS CM, more, pgtt, 4);
    testdev_enable(&s->b.dev, 32);
    s->ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
    sm_put_context(s);
    sm_flush(s);
}

static void start(Sm *s)
{
    start_with(s, ENDPOINT, SPEC_PGTT_FIRST);
}

/* DMA that the host's IOMMU refuses. */
static void blocked(Sm *s, uint32_t pasid, uint64_t va, bool write)
{
    sm_use(s, pasid);
    board_dma_blocked(&s->b, va, write);
}

static void piotlb(Sm *s, uint32_t pasid, uint64_t va)
{
    guest_queue_piotlb(&s->b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, pasid, va,
                       0, false);
    board_sync(&s->b);
}

/* Translation off: the endpoint reaches all of memory. */
static void test_off(void)
{
    Board b;
    uint64_t page;

    board_start_with(&b, "caching-mode=on", ",id=d0");
    page = board_pages(&b, 1);
    board_dma_good(&b, page, page);
    board_dma_good(&b, page + 8, page + 8);
    g_assert_cmpuint(usage(&b, "bound"), ==, 1);
    board_end(&b);
}

static void test_first_stage(void)
{
    Sm s;
    uint64_t page;

    start(&s);
    page = board_pages(&s.b, 2);
    sm_map(&s, VA, page, 1);
    sm_map(&s, VA + (UINT64_C(1) << 30), page + PAGE, 1);
    piotlb(&s, 0, VA);
    piotlb(&s, SM_PASID, VA);
    sm_good(&s, SM_NONE, VA, page);
    sm_good(&s, SM_PASID, VA, page);
    sm_good(&s, SM_PASID, VA + (UINT64_C(1) << 30), page + PAGE);
    g_assert_cmpuint(usage(&s.b, "bound"), ==, 2);
    sm_end(&s);
}

/* What the guest unmaps and invalidates is gone; what it maps is there. */
static void test_invalidation(void)
{
    Sm s;
    uint64_t page, at;

    start(&s);
    page = board_pages(&s.b, 2);
    sm_map(&s, VA, page, 1);
    piotlb(&s, SM_PASID, VA);
    sm_good(&s, SM_PASID, VA, page);
    at = sm_fs_at(&s, VA, 1);
    board_put64(&s.b, at, (page + PAGE) | SM_LEAF);
    sm_either(&s, SM_PASID, VA, page, page + PAGE);
    piotlb(&s, SM_PASID, VA);
    sm_good(&s, SM_PASID, VA, page + PAGE);
    board_put64(&s.b, at, 0);
    piotlb(&s, SM_PASID, VA);
    blocked(&s, SM_PASID, VA, false);
    blocked(&s, SM_PASID, VA, true);
    board_put64(&s.b, at, page | SM_LEAF);
    piotlb(&s, SM_PASID, VA);
    sm_good(&s, SM_PASID, VA, page);
    /* without PASID, by the domain's IOTLB invalidation */
    sm_good(&s, SM_NONE, VA, page);
    board_put64(&s.b, at, (page + PAGE) | SM_LEAF);
    guest_queue_iotlb(&s.b.queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    board_sync(&s.b);
    sm_good(&s, SM_NONE, VA, page + PAGE);
    sm_good(&s, SM_PASID, VA, page + PAGE);
    board_no_fault(&s.b);
    sm_end(&s);
}

static void pasid_cache(Sm *s, uint32_t pasid)
{
    guest_queue_pasid_cache(&s->b.queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            pasid);
    board_sync(&s->b);
}

/* Entries come and go with PASID-cache invalidations. */
static void test_pasids(void)
{
    uint32_t pasids[] = { 1, 63, 64, 0x155, 0x3fff };
    Sm s;
    uint64_t page, binds;

    start(&s);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    piotlb(&s, SM_PASID, VA);
    for (size_t i = 0; i < G_N_ELEMENTS(pasids); i++) {
        blocked(&s, pasids[i], VA, false);
        sm_put_pasid(&s, pasids[i]);
        pasid_cache(&s, pasids[i]);
        sm_good(&s, pasids[i], VA, page);
        g_assert_cmpuint(usage(&s.b, "bound"), ==, 3 + i);
    }
    /* nothing has changed: nothing is bound again */
    binds = usage(&s.b, "binds");
    pasid_cache(&s, SM_PASID);
    sm_flush(&s);
    g_assert_cmpuint(usage(&s.b, "binds"), ==, binds);
    for (size_t i = 0; i < G_N_ELEMENTS(pasids); i++) {
        uint64_t at = guest_pasid_addr(&s.b.alloc, s.dir, pasids[i]);

        board_put64(&s.b, at, 0);
        pasid_cache(&s, pasids[i]);
        blocked(&s, pasids[i], VA, true);
        sm_good(&s, SM_PASID, VA, page);
    }
    g_assert_cmpuint(usage(&s.b, "bound"), ==, 2);
    sm_end(&s);
}

/* A bind takes an allocation and an attachment; a batch, one call. */
static void test_counts(void)
{
    Sm s;
    uint64_t page, calls, ioctls;

    start(&s);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    piotlb(&s, SM_PASID, VA);
    ioctls = usage(&s.b, "ioctls");
    sm_put_pasid(&s, 0x77);
    pasid_cache(&s, 0x77);
    g_test_message("a bind: %u ioctls",
                   (unsigned)(usage(&s.b, "ioctls") - ioctls));
    g_assert_cmpuint(usage(&s.b, "ioctls"), ==, ioctls + 2);

    calls = usage(&s.b, "invalidation-calls");
    ioctls = usage(&s.b, "ioctls");
    for (unsigned i = 0; i < 50; i++) {
        guest_queue_piotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, 0x77,
                           VA + 4 * i * PAGE, 0, false);
    }
    board_sync(&s.b);
    g_test_message("50 invalidations: %u ioctls",
                   (unsigned)(usage(&s.b, "ioctls") - ioctls));
    g_assert_cmpuint(usage(&s.b, "invalidation-calls"), ==, calls + 1);
    g_assert_cmpuint(usage(&s.b, "ioctls"), ==, ioctls + 1);
    sm_end(&s);
}

static void start_pri(Pri *p)
{
    Board *b = &p->s.b;

    start(&p->s);
    g_assert_true(guest_page_queue_init(&p->queue, &b->alloc, &b->regs, 0));
    board_set32(b, SPEC_PEDATA, PRI_EVENT_DATA);
    board_set32(b, SPEC_PEADDR, PRI_EVENT_ADDR);
    board_set32(b, SPEC_PECTL, 0);
    sink_clear(b->q);
    p->page = board_pages(b, 1);
}

/* A page request to the guest, and its answer back. */
static void test_page_requests(void)
{
    uint64_t word[4];
    Pri p;

    start_pri(&p);
    for (unsigned i = 0; i < 2; i++) {
        unsigned code = i ? 1 : 0;

        pri_ask(&p, SM_PASID, VA, TD_REQUEST_READ | TD_REQUEST_GROUP(5));
        pri_ask(&p, SM_PASID, VA + PAGE, TD_REQUEST_READ | TD_REQUEST_WRITE |
                TD_REQUEST_LAST | TD_REQUEST_GROUP(5));
        g_assert_true(guest_page_queue_pop(&p.queue, word));
        g_assert_cmphex(word[1] & SPEC_PREQ_HI_ADDR, ==, VA);
        g_assert_cmphex(word[1] & SPEC_PREQ_HI_LPIG, ==, 0);
        g_assert_true(guest_page_queue_pop(&p.queue, word));
        g_assert_cmphex(word[0], ==, SPEC_PREQ_TYPE_PAGE | SPEC_PREQ_PP |
                        (uint64_t)p.s.b.source << SPEC_PREQ_SID_SHIFT |
                        (uint64_t)SM_PASID << SPEC_PREQ_PASID_SHIFT);
        g_assert_cmphex(word[1], ==, (VA + PAGE) |
                        UINT64_C(5) << SPEC_PREQ_HI_PRGI_SHIFT |
                        SPEC_PREQ_HI_READ | SPEC_PREQ_HI_WRITE |
                        SPEC_PREQ_HI_LPIG);
        g_assert_false(guest_page_queue_pop(&p.queue, word));
        board_expect_event(&p.s.b, PRI_EVENT_ADDR, PRI_EVENT_DATA);
        board_set32(&p.s.b, SPEC_PRS, SPEC_PRS_PPR);
        pri_respond(&p, SM_PASID, 5, code);
        g_assert_cmphex(pri_get(&p, TD_RESPONSE), ==,
                        pri_response(SM_PASID, 5, code));
        g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 0);
        /* once: a second answer goes nowhere */
        pri_respond(&p, SM_PASID, 5, code);
        g_assert_cmpuint(pri_get(&p, TD_PAGE_UNEXPECTED), ==, 0);
    }
    sm_end(&p.s);
}

/* An access that waits until the guest has made the page available. */
static void test_demand(void)
{
    uint64_t word[4], value = 0;
    TestdevResult result;
    Pri p;

    start_pri(&p);
    board_put64(&p.s.b, p.page, 0x1122334455667788);
    sm_use(&p.s, SM_PASID);
    testdev_set(&p.s.b.dev, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
    result = testdev_dma_read(&p.s.b.dev, VA, &value, 8);
    g_assert_cmpint(result.why, ==, TD_WAITS);
    g_assert_true(guest_page_queue_pop(&p.queue, word));
    sm_map(&p.s, VA, p.page, 1);
    piotlb(&p.s, SM_PASID, VA);
    pri_respond(&p, SM_PASID,
                (word[1] >> SPEC_PREQ_HI_PRGI_SHIFT) & 0x1ff, 0);
    result = testdev_finish(&p.s.b.dev);
    g_assert_cmpint(result.why, ==, TD_OK);
    g_assert_cmphex(testdev_get(&p.s.b.dev, TD_BUFFER), ==,
                    0x1122334455667788);
    sm_end(&p.s);
}

/* Second stage only, and legacy mode: shadowed. */
static void test_second_stage(void)
{
    Sm s;
    uint64_t page, at;

    start_with(&s, ENDPOINT, SPEC_PGTT_SECOND);
    page = board_pages(&s.b, 2);
    sm_map(&s, VA & 0xffffffff, page, 1);
    guest_queue_iotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN,
                      VA & 0xffffffff, 0, false);
    board_sync(&s.b);
    sm_good(&s, SM_NONE, VA & 0xffffffff, page);
    at = sm_ss_at(&s, VA & 0xffffffff, 1);
    board_put64(&s.b, at, (page + PAGE) | BOARD_RW);
    guest_queue_iotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN,
                      VA & 0xffffffff, 0, false);
    board_sync(&s.b);
    sm_good(&s, SM_NONE, VA & 0xffffffff, page + PAGE);
    board_put64(&s.b, at, 0);
    guest_queue_iotlb(&s.b.queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    board_sync(&s.b);
    blocked(&s, SM_NONE, VA & 0xffffffff, false);
    sm_end(&s);
}

static void test_legacy(void)
{
    Board b;
    uint64_t page;

    board_start_with(&b, "caching-mode=on", ",id=d0");
    board_translate(&b, 4);
    page = board_pages(&b, 4);
    for (unsigned i = 0; i < 4; i++) {
        board_map(&b, 0x12345000 + i * 8 * PAGE, page + i * PAGE, BOARD_RW);
    }
    board_flush(&b);
    for (unsigned i = 0; i < 4; i++) {
        board_dma_good(&b, 0x12345000 + i * 8 * PAGE, page + i * PAGE);
    }
    board_dma_blocked(&b, 0x12346000, false);
    board_put64(&b, board_entry(&b, 0x12345000, 1), 0);
    board_flush(&b);
    board_dma_blocked(&b, 0x12345000, true);
    /* pass-through, and off again */
    board_context(&b, SPEC_CTX_P | SPEC_TT_PASS << SPEC_CTX_TT_SHIFT,
                  board_context_hi(&b));
    board_flush(&b);
    board_dma_good(&b, page, page);
    board_context(&b, 0, 0);
    board_flush(&b);
    board_dma_blocked(&b, page, true);
    board_command(&b, 0, SPEC_GCMD_TE);
    board_dma_good(&b, page, page);
    board_end(&b);
}

static void test_reset(void)
{
    Sm s;
    uint64_t page;

    start(&s);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    piotlb(&s, SM_PASID, VA);
    sm_good(&s, SM_PASID, VA, page);
    board_reset(&s.b);
    g_assert_cmpuint(usage(&s.b, "bound"), ==, 1);
    testdev_reinit(&s.b.dev, &s.b.bus, 0);
    sm_use(&s, SM_NONE);
    board_dma_good(&s.b, page, page);
    sm_end(&s);
}

/* An interrupt of the host's device is a message of the guest's. */
static void test_interrupt(void)
{
    SinkMessage msg;
    Board b;

    board_start_with(&b, "caching-mode=on", ",id=d0");
    pci_msix_enable(&b.dev.pci);
    pci_msix_set(&b.dev.pci, 3, 0xfee01000, 0x4321);
    testdev_interrupt(&b.dev, 3);
    g_assert_true(sink_pop(b.q, &msg));
    g_assert_cmphex(msg.addr, ==, 0xfee01000);
    g_assert_cmphex(msg.data, ==, 0x4321);
    g_assert_cmphex(msg.source, ==, b.source);
    g_assert_false(sink_pop(b.q, &msg));
    board_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (qtest_is_qemu()) {
        g_print("1..0 # SKIP host-testdev is viommu-machine's\n");
        return 0;
    }
    board_set_endpoint("host-testdev");
    g_test_add_func("/passthrough/off", test_off);
    g_test_add_func("/passthrough/first-stage", test_first_stage);
    g_test_add_func("/passthrough/invalidation", test_invalidation);
    g_test_add_func("/passthrough/pasids", test_pasids);
    g_test_add_func("/passthrough/counts", test_counts);
    g_test_add_func("/passthrough/page-requests", test_page_requests);
    g_test_add_func("/passthrough/demand", test_demand);
    g_test_add_func("/passthrough/second-stage", test_second_stage);
    g_test_add_func("/passthrough/legacy", test_legacy);
    g_test_add_func("/passthrough/reset", test_reset);
    g_test_add_func("/passthrough/interrupt", test_interrupt);
    (void)special;
    return g_test_run();
}
