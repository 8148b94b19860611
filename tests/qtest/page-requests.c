/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page requests [VTD 7.4] between an endpoint and the software
 * that serves them: the queue and its event, responses, and what the unit
 * answers when nobody can be asked.
 */
#include "tests/qtest/pri.h"

#define VA         UINT64_C(0x7f0000400000)
#define ENTRIES    128u         /* in a page */
#define ALLOCATION 32u

#define RD   TD_REQUEST_READ
#define WR   TD_REQUEST_WRITE
#define LAST TD_REQUEST_LAST
#define DATA TD_REQUEST_DATA

/* The next request in the queue; words 2 and 3 are @data or zero. */
static void expect(Pri *p, uint32_t pasid, uint64_t addr, uint32_t request,
                   const uint64_t *data)
{
    uint64_t lo = SPEC_PREQ_TYPE_PAGE |
                  (uint64_t)p->s.b.source << SPEC_PREQ_SID_SHIFT;
    uint64_t hi = (addr & SPEC_PREQ_HI_ADDR) |
                  (uint64_t)(request >> 16) << SPEC_PREQ_HI_PRGI_SHIFT |
                  (request & RD ? SPEC_PREQ_HI_READ : 0) |
                  (request & WR ? SPEC_PREQ_HI_WRITE : 0) |
                  (request & LAST ? SPEC_PREQ_HI_LPIG : 0);
    uint64_t word[4];

    if (pasid != SM_NONE) {
        lo |= SPEC_PREQ_PP |
              (uint64_t)(pasid & 0xfffff) << SPEC_PREQ_PASID_SHIFT |
              (pasid & TD_PASID_EXEC ? SPEC_PREQ_EXE : 0) |
              (pasid & TD_PASID_PRIV ? SPEC_PREQ_PRIV : 0);
    }
    if (data) {
        lo |= SPEC_PREQ_PDP;
    }
    g_assert_true(guest_page_queue_pop(&p->queue, word));
    g_assert_cmphex(word[0], ==, lo);
    g_assert_cmphex(word[1], ==, hi);
    g_assert_cmphex(word[2], ==, data ? data[0] : 0);
    g_assert_cmphex(word[3], ==, data ? data[1] : 0);
}

static void expect_empty(Pri *p)
{
    uint64_t word[4];

    g_assert_false(guest_page_queue_pop(&p->queue, word));
}

/* What the endpoint was told last. */
static void expect_response(Pri *p, uint32_t pasid, unsigned group,
                            unsigned code, bool unexpected)
{
    g_assert_cmphex(pri_get(p, TD_RESPONSE), ==,
                    pri_response(pasid, group, code) |
                    (unexpected ? TD_RESPONSE_UNEXPECTED : 0));
}

static void expect_event(Pri *p)
{
    board_expect_event(&p->s.b, PRI_EVENT_ADDR, PRI_EVENT_DATA);
}

static void expect_no_event(Pri *p)
{
    g_assert_cmpuint(sink_count(p->s.b.q), ==, 0);
}

static void clear_prs(Pri *p, uint32_t bits)
{
    board_set32(&p->s.b, SPEC_PRS, bits);
}

/* Two endpoints with one address space, and one queue without an event. */
static void start_two(Pri *p, Testdev devs[2])
{
    Board *b = &p->s.b;

    sm_start_with(&p->s, SM_ATS_OPTIONS, ",pasid-bits=20,ats=on,pri=on "
                  "-device viommu-testdev,addr=4,pasid-bits=20,ats=on,pri=on",
                  SPEC_PGTT_FIRST, 4);
    devs[0] = b->dev;
    testdev_init(&devs[1], &b->bus, 1);
    p->s.ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
    for (unsigned i = 0; i < 2; i++) {
        testdev_enable(&devs[i], ALLOCATION);
        b->source = pci_source(&devs[i].pci);
        sm_put_context(&p->s);
    }
    sm_flush(&p->s);
    g_assert_true(guest_page_queue_init(&p->queue, &b->alloc, &b->regs, 0));
}

/* --- The queue ----------------------------------------------------------- */

/* [VTD 7.4.1] */
static void test_descriptors(void)
{
    static const uint64_t data[2] = { 0x1122334455667788, 0x99aabbcc };
    const uint32_t modes[] = {
        SM_NONE, SM_PASID, SM_PASID | TD_PASID_PRIV, SM_PASID | TD_PASID_EXEC,
    };
    Pri p;

    pri_start(&p, SPEC_PGTT_FIRST, 0);
    testdev_set(&p.s.b.dev, TD_PAGE_DATA0, data[0]);
    testdev_set(&p.s.b.dev, TD_PAGE_DATA1, data[1]);
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        uint32_t group = 7 * i + 3, pasid = modes[i];

        pri_ask(&p, pasid, VA + 0x123, RD | TD_REQUEST_GROUP(group));
        expect(&p, pasid, VA, RD | TD_REQUEST_GROUP(group), NULL);
        pri_ask(&p, pasid, VA, WR | DATA | TD_REQUEST_GROUP(group));
        expect(&p, pasid, VA, WR | TD_REQUEST_GROUP(group), data);
        pri_ask(&p, pasid, ~0ull, RD | WR | LAST | TD_REQUEST_GROUP(group));
        expect(&p, pasid, ~0ull, RD | WR | LAST | TD_REQUEST_GROUP(group),
               NULL);
        expect_empty(&p);
        g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 3);
        pri_respond(&p, pasid == SM_NONE ? pasid : SM_PASID, group, 0);
        expect_response(&p, pasid == SM_NONE ? pasid : SM_PASID, group, 0,
                        false);
        g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 0);
    }
    /* a stop marker, which nobody answers */
    pri_ask(&p, SM_PASID, 0, LAST);
    expect(&p, SM_PASID, 0, LAST, NULL);
    g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 0);
    board_no_fault(&p.s.b);
    sm_end(&p.s);
}

/* Several times around queues of two sizes [VTD 11.4.11.3]. */
static void test_wrap(void)
{
    for (unsigned pqs = 0; pqs < 2; pqs++) {
        uint64_t at = 0;
        Pri p;

        pri_start(&p, SPEC_PGTT_FIRST, pqs);
        for (unsigned i = 0; i < (ENTRIES << pqs) * 2 + 7; i++) {
            uint64_t va = VA + 0x1000ull * i;

            g_assert_cmphex(board_reg64(&p.s.b, SPEC_PQT), ==, at);
            pri_ask(&p, SM_PASID, va, RD | LAST | TD_REQUEST_GROUP(i % 512));
            at = (at + SPEC_PREQ_SIZE) % (4096u << pqs);
            expect(&p, SM_PASID, va, RD | LAST | TD_REQUEST_GROUP(i % 512),
                   NULL);
            g_assert_cmphex(board_reg64(&p.s.b, SPEC_PQH), ==, at);
            pri_respond(&p, SM_PASID, i % 512, 0);
        }
        g_assert_cmphex(pri_prs(&p), ==, SPEC_PRS_PPR);
        sm_end(&p.s);
    }
}

/* PPR raises the event once; IM holds it back [VTD 7.5] [VTD 11.4.11.5]. */
static void test_event(void)
{
    Pri p;

    pri_start(&p, SPEC_PGTT_FIRST, 0);
    g_assert_cmphex(pri_prs(&p), ==, 0);
    pri_ask(&p, SM_PASID, VA, RD | LAST);
    g_assert_cmphex(pri_prs(&p), ==, SPEC_PRS_PPR);
    expect_event(&p);
    pri_ask(&p, SM_PASID, VA, RD | LAST | TD_REQUEST_GROUP(1));
    expect_no_event(&p);
    clear_prs(&p, SPEC_PRS_PPR);
    g_assert_cmphex(pri_prs(&p), ==, 0);
    expect_no_event(&p);
    pri_ask(&p, SM_PASID, VA, RD | LAST | TD_REQUEST_GROUP(2));
    expect_event(&p);
    clear_prs(&p, SPEC_PRS_PPR);

    board_set32(&p.s.b, SPEC_PECTL, SPEC_ECTL_IM);
    pri_ask(&p, SM_PASID, VA, RD | LAST | TD_REQUEST_GROUP(3));
    expect_no_event(&p);
    g_assert_cmphex(board_reg32(&p.s.b, SPEC_PECTL), ==,
                    SPEC_ECTL_IM | SPEC_ECTL_IP);
    board_set32(&p.s.b, SPEC_PECTL, 0);
    expect_event(&p);
    g_assert_cmphex(board_reg32(&p.s.b, SPEC_PECTL), ==, 0);
    clear_prs(&p, SPEC_PRS_PPR);
    /* served while it was masked: nothing is left to tell */
    board_set32(&p.s.b, SPEC_PECTL, SPEC_ECTL_IM);
    pri_ask(&p, SM_PASID, VA, RD | LAST | TD_REQUEST_GROUP(4));
    clear_prs(&p, SPEC_PRS_PPR);
    board_set32(&p.s.b, SPEC_PECTL, 0);
    expect_no_event(&p);
    sm_end(&p.s);
}

/* --- DMA that waits for its page ----------------------------------------- */

static const uint32_t pasids[] = { SM_PASID, SM_NONE };

/* A read or write of one word that waits; returns the request's group. */
static unsigned dma_waits(Pri *p, uint32_t pasid, uint64_t va, bool write)
{
    Testdev *dev = &p->s.b.dev;
    unsigned group;

    sm_use(&p->s, pasid);
    testdev_set(dev, write ? TD_DST : TD_SRC, va);
    testdev_set(dev, TD_LENGTH, 8);
    g_assert_cmpint(testdev_run(dev, write ? TD_WRITE : TD_READ).why, ==,
                    TD_WAITS);
    g_assert_cmphex(pri_get(p, TD_PAGE_WAIT) & 1, ==, 1);
    g_assert_cmphex(pri_get(p, TD_PAGE_WAIT) & ~0xfffull, ==, va & ~0xfffull);
    group = pri_get(p, TD_PAGE_WAIT) >> 1 & 0x1ff;
    expect(p, pasid, va, (write ? WR : RD) | LAST | TD_REQUEST_GROUP(group),
           NULL);
    return group;
}

static TestdevResult finish(Pri *p)
{
    return testdev_finish(&p->s.b.dev);
}

static void test_resume(gconstpointer data)
{
    Pri p;

    pri_start(&p, GPOINTER_TO_UINT(data), 0);
    testdev_set(&p.s.b.dev, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
    for (unsigned i = 0; i < 8; i++) {
        uint32_t pasid = pasids[i % 2];
        uint64_t page = board_pages(&p.s.b, 1), va = VA + 0x1000 * i;
        uint64_t value = 0x1234567800000000 + i, got = 0;
        bool write = i & 2;
        unsigned group;

        board_put64(&p.s.b, page, write ? 0 : value);
        got = GUINT64_TO_LE(value);
        qtest_memwrite(p.s.b.q, p.s.b.dev.base + TD_BUFFER, &got, 8);
        group = dma_waits(&p, pasid, va, write);
        /* nothing has moved, and a fault it is not */
        g_assert_cmphex(board_get64(&p.s.b, page), ==, write ? 0 : value);
        board_no_fault(&p.s.b);
        sm_map(&p.s, va, page, 1);
        pri_respond(&p, pasid, group, SPEC_PRESP_SUCCESS);
        g_assert_cmpint(finish(&p).why, ==, TD_OK);
        expect_response(&p, pasid, group, SPEC_PRESP_SUCCESS, false);
        g_assert_cmphex(board_get64(&p.s.b, page), ==, value);
        qtest_memread(p.s.b.q, p.s.b.dev.base + TD_BUFFER, &got, 8);
        g_assert_cmphex(GUINT64_FROM_LE(got), ==, value);
        expect_empty(&p);
        /* the page is there to stay */
        sm_good(&p.s, pasid, va, page);
    }
    g_assert_cmpuint(pri_get(&p, TD_STALE_USES), ==, 0);
    g_assert_cmpuint(pri_get(&p, TD_PAGE_UNEXPECTED), ==, 0);
    sm_end(&p.s);
}

/* One command, many pages, each of them missing. */
static void test_many_pages(void)
{
    const unsigned n = 16;
    const uint64_t seed = 0xfeed;
    uint64_t pages;
    Testdev *dev;
    Pri p;

    pri_start(&p, SPEC_PGTT_FIRST, 0);
    dev = &p.s.b.dev;
    pages = board_pages(&p.s.b, n);
    testdev_set(dev, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
    sm_use(&p.s, SM_PASID);
    g_assert_cmpint(testdev_fill(dev, VA + 0x10, n * 4096 - 0x20, seed).why,
                    ==, TD_WAITS);
    for (unsigned i = 0; i < n; i++) {
        uint64_t va = VA + 4096 * i;
        unsigned group = pri_get(&p, TD_PAGE_WAIT) >> 1 & 0x1ff;

        expect(&p, SM_PASID, va, WR | LAST | TD_REQUEST_GROUP(group), NULL);
        sm_map(&p.s, va, pages + 4096 * i, 1);
        pri_respond(&p, SM_PASID, group, SPEC_PRESP_SUCCESS);
        if (i + 1 < n) {
            g_assert_true(qtest_wait(p.s.b.q, dev->base + TD_PAGE_WAIT, 8,
                                     ~0xfffull, va + 4096));
        }
    }
    g_assert_cmpint(finish(&p).why, ==, TD_OK);
    for (unsigned i = 0; i < n * 512 - 4; i += 61) {
        g_assert_cmphex(board_get64(&p.s.b, pages + 0x10 + 8 * i), ==,
                        testdev_pattern(seed, i));
    }
    g_assert_cmphex(board_get64(&p.s.b, pages + 8), ==, 0);
    expect_empty(&p);
    sm_end(&p.s);
}

/* A command that waits keeps nobody from anything, and can be given up; its
 * answer is then one that nobody expects a command to go on with. */
static void test_waiting(void)
{
    uint64_t page[2];
    unsigned groups[2];
    Testdev devs[2];
    Pri p;

    start_two(&p, devs);
    for (unsigned i = 0; i < 2; i++) {
        page[i] = board_pages(&p.s.b, 1);
        testdev_set(&devs[i], TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
    }
    sm_map(&p.s, VA, page[0], 1);
    for (unsigned i = 0; i < 2; i++) {
        p.s.b.dev = devs[i];
        p.s.b.source = pci_source(&devs[i].pci);
        groups[i] = dma_waits(&p, SM_PASID, VA + 0x1000 * (i + 1), true);
        p.s.b.dev = devs[!i];
        if (i == 0) {
            sm_good(&p.s, SM_PASID, VA, page[0]);
        }
    }
    /* what is written to a waiting endpoint starts nothing */
    testdev_set(&devs[1], TD_COMMAND, TD_READ);
    g_assert_cmpuint(testdev_get(&devs[1], TD_REFUSED), ==, 1);
    /* answers in the other order; the first one is given up */
    g_assert_cmpint(testdev_run(&devs[0], TD_ABORT).why, ==, TD_ABORTED);
    sm_map(&p.s, VA + 0x2000, page[1], 1);
    p.s.b.dev = devs[1];
    pri_respond(&p, SM_PASID, groups[1], SPEC_PRESP_SUCCESS);
    g_assert_cmpint(finish(&p).why, ==, TD_OK);
    p.s.b.dev = devs[0];
    p.s.b.source = pci_source(&devs[0].pci);
    pri_respond(&p, SM_PASID, groups[0], SPEC_PRESP_SUCCESS);
    g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(pri_get(&p, TD_PAGE_UNEXPECTED), ==, 0);
    sm_good(&p.s, SM_PASID, VA, page[0]);
    /* a reset forgets who waits; nothing of it is left */
    dma_waits(&p, SM_PASID, VA + 0x5000, true);
    board_reset(&p.s.b);
    g_assert_cmphex(pri_get(&p, TD_STATUS), ==, 0);
    g_assert_cmphex(pri_prs(&p), ==, 0);
    g_assert_cmphex(board_reg64(&p.s.b, SPEC_PQT), ==, 0);
    sm_end(&p.s);
}

/* More rights for a page that is there; a response that has not helped. */
static void test_again(void)
{
    uint64_t page;
    unsigned group;
    Pri p;

    pri_start(&p, SPEC_PGTT_FIRST, 0);
    page = board_pages(&p.s.b, 1);
    sm_map_flags(&p.s, VA, page, 1, SPEC_FS_P | SPEC_FS_US);
    testdev_set(&p.s.b.dev, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
    sm_reads(&p.s, SM_PASID, VA, page);
    group = dma_waits(&p, SM_PASID, VA, true);
    sm_map(&p.s, VA, page, 1);
    pri_respond(&p, SM_PASID, group, SPEC_PRESP_SUCCESS);
    g_assert_cmpint(finish(&p).why, ==, TD_OK);

    group = dma_waits(&p, SM_PASID, VA + 0x1000, true);
    for (unsigned i = 0; i < 7; i++) {
        unsigned next;

        pri_respond(&p, SM_PASID, group, SPEC_PRESP_SUCCESS);
        /* it asks again, in another group */
        g_assert_true(qtest_wait(p.s.b.q, BOARD_UNIT + SPEC_PQT, 8, ~0ull,
                                 (board_reg64(&p.s.b, SPEC_PQH) + 32) %
                                 4096));
        next = pri_get(&p, TD_PAGE_WAIT) >> 1 & 0x1ff;
        g_assert_cmpuint(next, !=, group);
        group = next;
        expect(&p, SM_PASID, VA + 0x1000, WR | LAST | TD_REQUEST_GROUP(group),
               NULL);
    }
    pri_respond(&p, SM_PASID, group, SPEC_PRESP_SUCCESS);
    g_assert_cmpint(finish(&p).why, ==, TD_TRIES);
    board_no_fault(&p.s.b);
    sm_end(&p.s);
}

static void test_refused(void)
{
    static const struct {
        unsigned code, why;
    } table[] = {
        { SPEC_PRESP_INVALID, TD_PAGE_INVALID },
        { SPEC_PRESP_FAILURE, TD_PAGE_FAILURE },
        { 7, TD_PAGE_FAILURE },         /* a reserved code */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        bool failed = table[i].why == TD_PAGE_FAILURE;
        unsigned group, pri, value;
        TestdevResult result;
        Pri p;

        pri_start(&p, SPEC_PGTT_FIRST, 0);
        testdev_set(&p.s.b.dev, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
        group = dma_waits(&p, SM_PASID, VA, true);
        pri_respond(&p, SM_PASID, group, table[i].code);
        result = finish(&p);
        g_assert_cmpint(result.why, ==, table[i].why);
        g_assert_cmphex(result.fault_addr, ==, VA);
        pri = pci_find_extended(&p.s.b.dev.pci, TD_CAP_PRI);
        value = pci_config_read(&p.s.b.dev.pci, pri + TD_PRI_STATUS, 2);
        g_assert_cmphex(value & TD_PRI_RF, ==, failed ? TD_PRI_RF : 0);
        board_no_fault(&p.s.b);
        if (failed) {
            /* no more requests before software has looked */
            sm_use(&p.s, SM_PASID);
            g_assert_cmpint(testdev_page_request(&p.s.b.dev, VA,
                                                 RD | LAST).why, ==,
                            TD_PAGE_FAILURE);
            pci_config_write(&p.s.b.dev.pci, pri + TD_PRI_STATUS, TD_PRI_RF,
                             2);
        }
        dma_waits(&p, SM_PASID, VA, false);
        sm_end(&p.s);
    }
}

/* --- Groups and responses ------------------------------------------------ */

/* A group of four, one response [VTD 7.6.1]. */
static void test_group(void)
{
    Pri p;

    pri_start(&p, SPEC_PGTT_FIRST, 0);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t request = RD | TD_REQUEST_GROUP(0x99) | (i == 3 ? LAST : 0);

        pri_ask(&p, SM_PASID, VA + 0x1000 * i, request);
        expect(&p, SM_PASID, VA + 0x1000 * i, request, NULL);
    }
    g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 4);
    g_assert_cmphex(pri_get(&p, TD_RESPONSE), ==, 0);
    pri_respond(&p, SM_PASID, 0x99, SPEC_PRESP_SUCCESS);
    g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(pri_get(&p, TD_PAGE_RESPONSES), ==, 1);
    sm_end(&p.s);
}

/* Private data comes back with the response. */
static void test_private_data(void)
{
    const uint64_t data[2] = { 0xaabbccdd00112233, 0x4455667788 };
    uint64_t word[4] = {
        SPEC_INV_PAGE_RESPONSE | SPEC_INV_PRESP_PP | SPEC_INV_PRESP_PDP |
            (uint64_t)SM_PASID << SPEC_INV_PRESP_PASID_SHIFT,
        SPEC_INV_PRESP_HI_LPIG | UINT64_C(5) << SPEC_INV_PRESP_HI_PRGI_SHIFT,
        data[0], data[1],
    };
    Pri p;

    pri_start(&p, SPEC_PGTT_FIRST, 0);
    word[0] |= (uint64_t)p.s.b.source << SPEC_INV_PRESP_SID_SHIFT;
    testdev_set(&p.s.b.dev, TD_PAGE_DATA0, data[0]);
    testdev_set(&p.s.b.dev, TD_PAGE_DATA1, data[1]);
    pri_ask(&p, SM_PASID, VA, RD | LAST | DATA | TD_REQUEST_GROUP(5));
    expect(&p, SM_PASID, VA, RD | LAST | TD_REQUEST_GROUP(5), data);
    guest_queue_push_wide(&p.s.b.queue, word);
    board_sync(&p.s.b);
    g_assert_cmphex(pri_get(&p, TD_RESPONSE), ==,
                    TD_RESPONSE_CAME | TD_RESPONSE_PASID | TD_RESPONSE_DATA |
                    (uint64_t)SM_PASID << 32 | 5 << 16);
    g_assert_cmphex(pri_get(&p, TD_RESPONSE_DATA0), ==, data[0]);
    g_assert_cmphex(pri_get(&p, TD_RESPONSE_DATA1), ==, data[1]);
    sm_end(&p.s);
}

/* Two endpoints, one queue: each request and response has its source. */
static void test_two_endpoints(void)
{
    Testdev devs[2];
    Pri p;

    start_two(&p, devs);
    for (unsigned i = 0; i < 2; i++) {
        p.s.b.dev = devs[i];
        pri_ask(&p, SM_PASID, VA + i, RD | LAST | TD_REQUEST_GROUP(9));
    }
    for (unsigned i = 0; i < 2; i++) {
        p.s.b.source = pci_source(&devs[i].pci);
        expect(&p, SM_PASID, VA, RD | LAST | TD_REQUEST_GROUP(9), NULL);
    }
    /* answered in the other order */
    for (unsigned i = 2; i-- > 0;) {
        p.s.b.dev = devs[i];
        p.s.b.source = pci_source(&devs[i].pci);
        g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 1);
        pri_respond(&p, SM_PASID, 9, SPEC_PRESP_SUCCESS);
        g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 0);
        g_assert_cmpuint(testdev_get(&devs[!i], TD_PAGE_UNEXPECTED), ==, 0);
    }
    sm_end(&p.s);
}

/* The drain: all requests that came before are in the queue [VTD 7.10]. */
static void test_drain(void)
{
    Pri p;

    pri_start(&p, SPEC_PGTT_FIRST, 0);
    for (unsigned i = 0; i < ALLOCATION; i++) {
        pri_ask(&p, SM_PASID, VA, RD | LAST | TD_REQUEST_GROUP(i));
        if (i % 4 == 0) {
            guest_queue_drain(&p.s.b.queue);
            guest_queue_ring(&p.s.b.queue);
            g_assert_true(qtest_wait(p.s.b.q, p.s.b.queue.status, 4,
                                     UINT32_MAX, p.s.b.queue.sequence));
            g_assert_cmphex(board_reg64(&p.s.b, SPEC_PQT), ==, 32 * (i + 1));
        }
    }
    g_assert_cmphex(board_reg32(&p.s.b, SPEC_FSTS), ==, 0);
    sm_end(&p.s);
}

int main(int argc, char **argv)
{
    gpointer first = GUINT_TO_POINTER(SPEC_PGTT_FIRST);
    gpointer second = GUINT_TO_POINTER(SPEC_PGTT_SECOND);
    gpointer nested = GUINT_TO_POINTER(SPEC_PGTT_NESTED);

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/page-requests/descriptors", test_descriptors);
    g_test_add_func("/page-requests/wrap", test_wrap);
    g_test_add_func("/page-requests/event", test_event);
    g_test_add_data_func("/page-requests/resume/first", first, test_resume);
    g_test_add_data_func("/page-requests/resume/second", second,
                         test_resume);
    g_test_add_data_func("/page-requests/resume/nested", nested,
                         test_resume);
    g_test_add_func("/page-requests/many-pages", test_many_pages);
    g_test_add_func("/page-requests/waiting", test_waiting);
    g_test_add_func("/page-requests/again", test_again);
    g_test_add_func("/page-requests/refused", test_refused);
    g_test_add_func("/page-requests/group", test_group);
    g_test_add_func("/page-requests/private-data", test_private_data);
    g_test_add_func("/page-requests/two-endpoints", test_two_endpoints);
    g_test_add_func("/page-requests/drain", test_drain);
    return g_test_run();
}
