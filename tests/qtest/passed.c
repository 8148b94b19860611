/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/qtest/passed.h"

#define VA      PASSED_VA
#define LOW_VA  (PASSED_VA & UINT32_MAX)
#define PAGE    PASSED_PAGE
#define IOVA    UINT64_C(0x12345000)

/* How long a host may take, however slow its clock's ticks are. */
#define PATIENCE    (20 * G_USEC_PER_SEC)

static const uint32_t pasids[] = { 1, 63, 64, 0x155, 0x3fff };

void passed_start(Sm *s, const char *options, const char *more,
                  unsigned pgtt)
{
    sm_start_with(s, options, more, pgtt, 4);
    testdev_enable(&s->b.dev, 32);
    s->ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
    sm_put_context(s);
    sm_flush(s);
}

void passed_blocked(Sm *s, uint32_t pasid, uint64_t va, bool write)
{
    sm_use(s, pasid);
    board_dma_blocked(&s->b, va, write);
}

void passed_piotlb(Sm *s, uint32_t pasid, uint64_t va)
{
    guest_queue_piotlb(&s->b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, pasid, va,
                       0, false);
    board_sync(&s->b);
}

void passed_pasid_cache(Sm *s, uint32_t pasid)
{
    guest_queue_pasid_cache(&s->b.queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            pasid);
    board_sync(&s->b);
}

/* --- Legacy mode, second stage ------------------------------------------- */

void passed_legacy(Board *b)
{
    uint64_t page = board_pages(b, 4);

    board_dma_good(b, page, page);
    board_dma_good(b, page + 8, page + 8);
    board_translate(b, 4);
    board_dma_blocked(b, page, false);
    for (unsigned i = 0; i < 4; i++) {
        board_map(b, IOVA + i * 8 * PAGE, page + i * PAGE, BOARD_RW);
    }
    board_flush(b);
    for (unsigned i = 0; i < 4; i++) {
        board_dma_good(b, IOVA + i * 8 * PAGE, page + i * PAGE);
    }
    board_dma_blocked(b, IOVA + PAGE, false);
    board_put64(b, board_entry(b, IOVA, 1), 0);
    board_flush(b);
    board_dma_blocked(b, IOVA, true);
    board_dma_good(b, IOVA + 8 * PAGE, page + PAGE);
    /* pass-through, and off again */
    board_context(b, SPEC_CTX_P | SPEC_TT_PASS << SPEC_CTX_TT_SHIFT,
                  board_context_hi(b));
    board_flush(b);
    board_dma_good(b, page, page);
    board_context(b, 0, 0);
    board_flush(b);
    board_dma_blocked(b, page, true);
    board_command(b, 0, SPEC_GCMD_TE);
    board_dma_good(b, page, page);
}

static void iotlb_page(Sm *s, uint64_t va)
{
    guest_queue_iotlb(&s->b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, va, 0, false);
    board_sync(&s->b);
}

static void iotlb_domain(Sm *s)
{
    guest_queue_iotlb(&s->b.queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    board_sync(&s->b);
}

void passed_second_stage(Sm *s)
{
    uint64_t page = board_pages(&s->b, 2), at;

    sm_map(s, LOW_VA, page, 1);
    iotlb_page(s, LOW_VA);
    sm_good(s, SM_NONE, LOW_VA, page);
    at = sm_ss_at(s, LOW_VA, 1);
    board_put64(&s->b, at, (page + PAGE) | BOARD_RW);
    iotlb_page(s, LOW_VA);
    sm_good(s, SM_NONE, LOW_VA, page + PAGE);
    board_put64(&s->b, at, 0);
    iotlb_domain(s);
    passed_blocked(s, SM_NONE, LOW_VA, false);
}

/* --- First stage --------------------------------------------------------- */

void passed_first_stage(Sm *s)
{
    const uint64_t far = VA + (UINT64_C(1) << 30);
    uint64_t page = board_pages(&s->b, 2);

    sm_map(s, VA, page, 1);
    sm_map(s, far, page + PAGE, 1);
    /* in caching mode, software tells of what it maps */
    for (unsigned i = 0; i < 2; i++) {
        passed_piotlb(s, i ? SM_PASID : 0, VA);
        passed_piotlb(s, i ? SM_PASID : 0, far);
    }
    sm_good(s, SM_NONE, VA, page);
    sm_good(s, SM_PASID, VA, page);
    sm_good(s, SM_NONE, far, page + PAGE);
    sm_good(s, SM_PASID, far, page + PAGE);
    passed_blocked(s, SM_NONE, VA + PAGE, false);
    passed_blocked(s, SM_PASID, VA + PAGE, true);
}

void passed_invalidation(Sm *s)
{
    uint64_t page = board_pages(&s->b, 2), at;

    sm_map(s, VA, page, 1);
    passed_piotlb(s, SM_PASID, VA);
    sm_good(s, SM_PASID, VA, page);
    at = sm_fs_at(s, VA, 1);
    board_put64(&s->b, at, (page + PAGE) | SM_LEAF);
    sm_either(s, SM_PASID, VA, page, page + PAGE);
    passed_piotlb(s, SM_PASID, VA);
    sm_good(s, SM_PASID, VA, page + PAGE);
    board_put64(&s->b, at, 0);
    passed_piotlb(s, SM_PASID, VA);
    passed_blocked(s, SM_PASID, VA, false);
    passed_blocked(s, SM_PASID, VA, true);
    board_put64(&s->b, at, page | SM_LEAF);
    passed_piotlb(s, SM_PASID, VA);
    sm_good(s, SM_PASID, VA, page);
    /* without PASID, by the domain's IOTLB invalidation */
    passed_piotlb(s, 0, VA);
    sm_good(s, SM_NONE, VA, page);
    board_put64(&s->b, at, (page + PAGE) | SM_LEAF);
    iotlb_domain(s);
    sm_good(s, SM_NONE, VA, page + PAGE);
    sm_good(s, SM_PASID, VA, page + PAGE);
    board_no_fault(&s->b);
}

static void one_page(Sm *s)
{
    sm_map(s, VA, board_pages(&s->b, 1), 1);
    passed_piotlb(s, SM_PASID, VA);
}

/* Where VA leads. */
static uint64_t the_page(Sm *s)
{
    return board_get64(&s->b, sm_fs_at(s, VA, 1)) & ~(PAGE - 1);
}

void passed_pasids_come(Sm *s, void (*bound)(Sm *s, unsigned n))
{
    one_page(s);
    sm_good(s, SM_PASID, VA, the_page(s));
    for (unsigned i = 0; i < G_N_ELEMENTS(pasids); i++) {
        passed_blocked(s, pasids[i], VA, false);
        sm_put_pasid(s, pasids[i]);
        passed_pasid_cache(s, pasids[i]);
        sm_good(s, pasids[i], VA, the_page(s));
        if (bound) {
            bound(s, i + 1);
        }
    }
}

void passed_pasids_go(Sm *s)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(pasids); i++) {
        board_put64(&s->b, guest_pasid_addr(&s->b.alloc, s->dir, pasids[i]),
                    0);
        passed_pasid_cache(s, pasids[i]);
        passed_blocked(s, pasids[i], VA, true);
        sm_good(s, SM_PASID, VA, the_page(s));
    }
}

/* --- Interrupts ---------------------------------------------------------- */

void passed_interrupt(Board *b)
{
    gint64 end = g_get_monotonic_time() + PATIENCE;
    SinkMessage msg = { 0 };

    pci_msix_enable(&b->dev.pci);
    pci_msix_set(&b->dev.pci, 3, 0xfee01000, 0x4321);
    testdev_interrupt(&b->dev, 3);
    /* a real host takes its time */
    while (!sink_pop(b->q, &msg) && g_get_monotonic_time() < end) {
        g_usleep(1000);
    }
    g_assert_cmphex(msg.addr, ==, 0xfee01000);
    g_assert_cmphex(msg.data, ==, 0x4321);
    g_assert_cmphex(msg.source, ==, b->source);
    g_assert_false(sink_pop(b->q, &msg));
}

/* --- Page requests ------------------------------------------------------- */

void passed_answered(Pri *p)
{
    gint64 end = g_get_monotonic_time() + PATIENCE;

    while (pri_get(p, TD_PAGE_OUTSTANDING) &&
           g_get_monotonic_time() < end) {
        g_usleep(1000);
    }
}

void passed_take_request(Pri *p, uint64_t word[4])
{
    Board *b = &p->s.b;

    /* a real host takes its time */
    g_assert_true(qtest_wait(b->q, b->unit + SPEC_PRS, 4, SPEC_PRS_PPR,
                             SPEC_PRS_PPR));
    g_assert_true(guest_page_queue_pop(&p->queue, word));
}

void passed_silence(Pri *p, void (*begin)(Pri *p), bool (*heard)(Pri *p),
                    void (*undo)(Pri *p))
{
    for (unsigned ms = 600; ; ms *= 2) {
        begin(p);
        g_usleep(ms * 1000ul);
        if (heard(p)) {
            return;
        }
        g_assert_cmpuint(ms, <, 20000);
        undo(p);
    }
}

bool passed_page_heard(Pri *p)
{
    return pri_prs(p) == SPEC_PRS_PPR;
}

void passed_page_undo(Pri *p)
{
    uint64_t word[4];

    passed_take_request(p, word);
    board_set32(&p->s.b, SPEC_PRS, SPEC_PRS_PPR);
    pri_respond(p, SM_PASID, word[1] >> SPEC_PREQ_HI_PRGI_SHIFT & 0x1ff, 0);
    passed_answered(p);
}

void passed_ask(Pri *p, uint32_t pasid, uint64_t va)
{
    uint64_t word[4];

    pri_ask(p, pasid, va, TD_REQUEST_READ | TD_REQUEST_WRITE |
            TD_REQUEST_LAST | TD_REQUEST_GROUP(5));
    passed_take_request(p, word);
    g_assert_cmphex(word[0], ==, SPEC_PREQ_TYPE_PAGE | SPEC_PREQ_PP |
                    (uint64_t)p->s.b.source << SPEC_PREQ_SID_SHIFT |
                    (uint64_t)pasid << SPEC_PREQ_PASID_SHIFT);
    g_assert_cmphex(word[1], ==, va | UINT64_C(5) << SPEC_PREQ_HI_PRGI_SHIFT |
                    SPEC_PREQ_HI_READ | SPEC_PREQ_HI_WRITE |
                    SPEC_PREQ_HI_LPIG);
    g_assert_false(guest_page_queue_pop(&p->queue, word));
}

void passed_demand(Pri *p)
{
    Board *b = &p->s.b;
    uint64_t word[4], page = board_pages(b, 1), value = 0;
    TestdevResult result;

    board_put64(b, page, 0x1122334455667788);
    sm_use(&p->s, SM_PASID);
    testdev_set(&b->dev, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
    result = testdev_dma_read(&b->dev, VA, &value, 8);
    g_assert_cmpint(result.why, ==, TD_WAITS);
    passed_take_request(p, word);
    sm_map(&p->s, VA, page, 1);
    passed_piotlb(&p->s, SM_PASID, VA);
    pri_respond(p, SM_PASID, (word[1] >> SPEC_PREQ_HI_PRGI_SHIFT) & 0x1ff, 0);
    result = testdev_finish(&b->dev);
    g_assert_cmpint(result.why, ==, TD_OK);
    g_assert_cmphex(testdev_get(&b->dev, TD_BUFFER), ==,
                    0x1122334455667788);
}
