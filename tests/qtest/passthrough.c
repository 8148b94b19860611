/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host device behind the unit, on a simulated host: what only that tells, of
 * its calls and of what is bound, and a device that works by itself.  The rest
 * is in vfio.c, which runs on the simulated host, too.
 */
#include "tests/qtest/passed.h"

#define VA          PASSED_VA
#define PAGE        PASSED_PAGE
#define CM          ",caching-mode=on"
#define ENDPOINT    ",id=d0,pasid-bits=20,ats=on,pri=on"

/* A command that begins and ends in the silence after this one. */
static void testdev_later(Board *b, TestdevCommand command)
{
    g_free(qtest_special(b->q, "viommu-host late d0 50"));
    testdev_set(&b->dev, TD_COMMAND, command);
}

static void start(Sm *s)
{
    passed_start(s, SM_ATS_OPTIONS CM, ENDPOINT, SPEC_PGTT_FIRST);
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
    g_assert_cmpuint(qtest_usage(b.q, "bound"), ==, 1);
    board_end(&b);
}

static void test_first_stage(void)
{
    Sm s;

    start(&s);
    passed_first_stage(&s);
    g_assert_cmpuint(qtest_usage(s.b.q, "bound"), ==, 2);
    sm_end(&s);
}

static void come(Sm *s, unsigned n)
{
    g_assert_cmpuint(qtest_usage(s->b.q, "bound"), ==, 2 + n);
}

static void test_pasids(void)
{
    uint64_t binds;
    Sm s;

    start(&s);
    passed_pasids_come(&s, come);
    /* nothing has changed: nothing is bound again */
    binds = qtest_usage(s.b.q, "binds");
    passed_pasid_cache(&s, SM_PASID);
    sm_flush(&s);
    g_assert_cmpuint(qtest_usage(s.b.q, "binds"), ==, binds);
    passed_pasids_go(&s);
    g_assert_cmpuint(qtest_usage(s.b.q, "bound"), ==, 2);
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
    passed_piotlb(&s, SM_PASID, VA);
    ioctls = qtest_usage(s.b.q, "ioctls");
    sm_put_pasid(&s, 0x77);
    passed_pasid_cache(&s, 0x77);
    g_test_message("a bind: %u ioctls",
                   (unsigned)(qtest_usage(s.b.q, "ioctls") - ioctls));
    g_assert_cmpuint(qtest_usage(s.b.q, "ioctls"), ==, ioctls + 2);

    calls = qtest_usage(s.b.q, "invalidation-calls");
    ioctls = qtest_usage(s.b.q, "ioctls");
    for (unsigned i = 0; i < 50; i++) {
        guest_queue_piotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, 0x77,
                           VA + 4 * i * PAGE, 0, false);
    }
    board_sync(&s.b);
    g_test_message("50 invalidations: %u ioctls",
                   (unsigned)(qtest_usage(s.b.q, "ioctls") - ioctls));
    g_assert_cmpuint(qtest_usage(s.b.q, "invalidation-calls"), ==, calls + 1);
    g_assert_cmpuint(qtest_usage(s.b.q, "ioctls"), ==, ioctls + 1);
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

static void test_reset(void)
{
    Sm s;
    uint64_t page;

    start(&s);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    passed_piotlb(&s, SM_PASID, VA);
    sm_good(&s, SM_PASID, VA, page);
    board_reset(&s.b);
    g_assert_cmpuint(qtest_usage(s.b.q, "bound"), ==, 1);
    testdev_reinit(&s.b.dev, &s.b.bus, 0);
    sm_use(&s, SM_NONE);
    board_dma_good(&s.b, page, page);
    sm_end(&s);
}

static void ask_later(Pri *p)
{
    testdev_later(&p->s.b, TD_PAGE_REQUEST);
}

static void interrupt_later(Pri *p)
{
    sink_clear(p->s.b.q);
    testdev_later(&p->s.b, TD_INTERRUPT);
}

static bool interrupt_heard(Pri *p)
{
    return sink_count(p->s.b.q) == 1;
}

static void interrupt_undo(Pri *p)
{
    SinkMessage msg;

    while (!sink_pop(p->s.b.q, &msg)) {
        g_usleep(1000);
    }
}

/* What the device does by itself, while the client asks the machine nothing,
 * is there at the first question. */
static void test_silence(void)
{
    Pri p;
    Board *b = &p.s.b;

    start_pri(&p);
    pci_msix_enable(&b->dev.pci);
    pci_msix_set(&b->dev.pci, 3, 0xfee01000, 0x4321);
    sm_use(&p.s, SM_PASID);
    testdev_set(&b->dev, TD_SRC, VA);
    testdev_set(&b->dev, TD_REQUEST, TD_REQUEST_READ | TD_REQUEST_LAST);
    passed_silence(&p, ask_later, passed_page_heard, passed_page_undo);

    testdev_set(&b->dev, TD_CONTROL, 3 << 8);
    passed_silence(&p, interrupt_later, interrupt_heard, interrupt_undo);
    sm_end(&p.s);
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
    g_test_add_func("/passthrough/pasids", test_pasids);
    g_test_add_func("/passthrough/counts", test_counts);
    g_test_add_func("/passthrough/page-requests", test_page_requests);
    g_test_add_func("/passthrough/reset", test_reset);
    g_test_add_func("/passthrough/silence", test_silence);
    return g_test_run();
}
