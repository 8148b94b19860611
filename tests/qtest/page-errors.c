/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page requests that nobody can be asked about: a full queue, none, one that
 * is not memory, endpoints that may not ask; responses that nobody waits for.
 * The endpoint is always answered, and other DMA goes on.
 */
#include "tests/qtest/pri.h"

#define VA         UINT64_C(0x7f0000400000)
#define ENTRIES    128u         /* in a page */

#define RD   TD_REQUEST_READ
#define WR   TD_REQUEST_WRITE
#define LAST TD_REQUEST_LAST
#define GROUP(g) TD_REQUEST_GROUP(g)

static void start(Pri *p, unsigned pqs)
{
    pri_start(p, SPEC_PGTT_FIRST, pqs);
    /* at VA - 0x1000, for DMA that goes on */
    p->page = board_pages(&p->s.b, 1);
    sm_map(&p->s, VA - 0x1000, p->page, 1);
}

static void ask(Pri *p, uint32_t pasid, uint32_t request)
{
    pri_ask(p, pasid, VA, request);
}

/* The last request was answered at once, and is not in the queue. */
static void expect_answer(Pri *p, uint32_t pasid, unsigned group,
                          unsigned code)
{
    g_assert_cmphex(pri_get(p, TD_RESPONSE), ==,
                    pri_response(pasid, group, code));
    g_assert_cmpuint(pri_get(p, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(pri_get(p, TD_PAGE_UNEXPECTED), ==, 0);
}

/* The response failure of before is over. */
static void clear_failure(Pri *p)
{
    PciDev *pci = &p->s.b.dev.pci;

    pci_config_write(pci, pci_find_extended(pci, TD_CAP_PRI) + TD_PRI_STATUS,
                     TD_PRI_RF | TD_PRI_UPRGI, 2);
}

static unsigned pri_status(Pri *p)
{
    PciDev *pci = &p->s.b.dev.pci;

    return pci_config_read(pci, pci_find_extended(pci, TD_CAP_PRI) +
                           TD_PRI_STATUS, 2);
}

static void expect_going_on(Pri *p)
{
    sm_good(&p->s, SM_PASID, VA - 0x1000, p->page);
    sm_good(&p->s, SM_NONE, VA - 0x1000, p->page);
}

/* --- A full queue -------------------------------------------------------- */

/* All entries but one; software answers, but does not take them out. */
static void fill(Pri *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        ask(p, SM_PASID, RD | LAST | GROUP(i % 512));
        pri_respond(p, SM_PASID, i % 512, SPEC_PRESP_SUCCESS);
    }
    g_assert_cmphex(pri_prs(p), ==, SPEC_PRS_PPR);
    g_assert_cmphex(board_reg64(&p->s.b, SPEC_PQT), ==, 32 * n);
}

/* [VTD 7.4.1] [VTD 11.4.11.4] */
static void test_full(void)
{
    for (unsigned pqs = 0; pqs < 2; pqs++) {
        unsigned n = (ENTRIES << pqs) - 1;
        uint64_t word[4];
        Pri p;

        start(&p, pqs);
        fill(&p, n);
        board_expect_event(&p.s.b, PRI_EVENT_ADDR, PRI_EVENT_DATA);
        /* one more is answered: Success, and the endpoint may look again */
        ask(&p, SM_PASID, WR | LAST | GROUP(0x1ab));
        expect_answer(&p, SM_PASID, 0x1ab, SPEC_PRESP_SUCCESS);
        g_assert_cmphex(pri_prs(&p), ==, SPEC_PRS_PPR | SPEC_PRS_PRO);
        g_assert_cmphex(board_reg64(&p.s.b, SPEC_PQT), ==, 32 * n);
        /* PPR has raised the event already */
        g_assert_cmpuint(sink_count(p.s.b.q), ==, 0);
        /* one that is not the last is lost */
        ask(&p, SM_NONE, RD | GROUP(0x55));
        g_assert_cmphex(pri_get(&p, TD_RESPONSE), ==,
                        pri_response(SM_PASID, 0x1ab, SPEC_PRESP_SUCCESS));
        ask(&p, SM_NONE, RD | LAST | GROUP(0x55));
        expect_answer(&p, SM_NONE, 0x55, SPEC_PRESP_SUCCESS);
        /* room does not help before software has seen the overflow */
        g_assert_true(guest_page_queue_pop(&p.queue, word));
        ask(&p, SM_PASID, RD | LAST | GROUP(7));
        expect_answer(&p, SM_PASID, 7, SPEC_PRESP_SUCCESS);
        g_assert_cmphex(board_reg64(&p.s.b, SPEC_PQT), ==, 32 * n);
        board_set32(&p.s.b, SPEC_PRS, SPEC_PRS_PPR | SPEC_PRS_PRO);
        g_assert_cmphex(pri_prs(&p), ==, 0);
        ask(&p, SM_PASID, RD | LAST | GROUP(8));
        g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 1);
        g_assert_cmphex(board_reg64(&p.s.b, SPEC_PQT), ==, 0);
        g_assert_cmphex(pri_prs(&p), ==, SPEC_PRS_PPR);
        board_expect_event(&p.s.b, PRI_EVENT_ADDR, PRI_EVENT_DATA);
        pri_respond(&p, SM_PASID, 8, SPEC_PRESP_SUCCESS);
        /* full again: overflow alone is an event, too */
        board_set32(&p.s.b, SPEC_PRS, SPEC_PRS_PPR);
        ask(&p, SM_PASID, RD | LAST | GROUP(9));
        expect_answer(&p, SM_PASID, 9, SPEC_PRESP_SUCCESS);
        g_assert_cmphex(pri_prs(&p), ==, SPEC_PRS_PRO);
        board_expect_event(&p.s.b, PRI_EVENT_ADDR, PRI_EVENT_DATA);
        expect_going_on(&p);
        sm_end(&p.s);
    }
}

/* A command that meets a full queue gives up after a while, and works when
 * the page is there. */
static void test_full_dma(void)
{
    uint64_t page, value = 0;
    Pri p;

    start(&p, 0);
    fill(&p, ENTRIES - 1);
    page = board_pages(&p.s.b, 1);
    testdev_set(&p.s.b.dev, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
    sm_use(&p.s, SM_PASID);
    testdev_dma_write(&p.s.b.dev, VA, &value, 8);
    g_assert_cmpint(testdev_finish(&p.s.b.dev).why, ==, TD_TRIES);
    g_assert_cmphex(pri_prs(&p), ==, SPEC_PRS_PPR | SPEC_PRS_PRO);
    sm_map(&p.s, VA, page, 1);
    sm_good(&p.s, SM_PASID, VA, page);
    sm_end(&p.s);
}

/* --- No queue ------------------------------------------------------------ */

/* Not memory: the endpoint is told that page requests are over. */
static void test_not_ram(void)
{
    Pri p;

    start(&p, 0);
    for (unsigned i = 0; i < 5; i++) {
        const uint64_t places[5] = {
            BOARD_HOLE, BOARD_UNIT, 0xfed98000, p.s.b.dev.base, 0xfee00000,
        };

        g_test_message("%#" G_GINT64_MODIFIER "x", places[i]);
        board_set64(&p.s.b, SPEC_PQH, 0);
        board_set64(&p.s.b, SPEC_PQT, 0);
        board_set64(&p.s.b, SPEC_PQA, places[i]);
        for (unsigned n = 0; n < 2; n++) {
            ask(&p, n ? SM_NONE : SM_PASID, RD | LAST | GROUP(i));
            expect_answer(&p, n ? SM_NONE : SM_PASID, i, SPEC_PRESP_FAILURE);
            g_assert_cmphex(pri_status(&p) & TD_PRI_RF, ==, TD_PRI_RF);
            clear_failure(&p);
        }
        g_assert_cmphex(board_reg64(&p.s.b, SPEC_PQT), ==, 0);
        expect_going_on(&p);
    }
    board_no_fault(&p.s.b);
    g_assert_cmpuint(sink_count(p.s.b.q), ==, 0);
    /* with a good one all is well */
    g_assert_true(guest_page_queue_init(&p.queue, &p.s.b.alloc, &p.s.b.regs,
                                        0));
    ask(&p, SM_PASID, RD | LAST);
    g_assert_cmphex(board_reg64(&p.s.b, SPEC_PQT), ==, 32);
    sm_end(&p.s);
}

static void test_no_queue(void)
{
    Pri p;

    start(&p, 0);
    board_set64(&p.s.b, SPEC_PQA, 0);
    ask(&p, SM_PASID, RD | LAST | GROUP(3));
    expect_answer(&p, SM_PASID, 3, SPEC_PRESP_INVALID);
    /* translation off: there are no tables that could allow it */
    board_set64(&p.s.b, SPEC_PQA, p.queue.addr);
    board_command(&p.s.b, 0, SPEC_GCMD_TE);
    ask(&p, SM_NONE, RD | LAST | GROUP(4));
    expect_answer(&p, SM_NONE, 4, SPEC_PRESP_INVALID);
    board_command(&p.s.b, SPEC_GCMD_TE, 0);
    sm_set_mode(&p.s, SPEC_TTM_ABORT);
    ask(&p, SM_NONE, RD | LAST | GROUP(5));
    expect_answer(&p, SM_NONE, 5, SPEC_PRESP_INVALID);
    board_no_fault(&p.s.b);
    g_assert_cmphex(pri_prs(&p), ==, 0);
    sm_end(&p.s);
}

/* Head and tail wherever software puts them: inside the queue all the same. */
static void test_wild_pointers(void)
{
    static const uint64_t values[] = { ~0ull, 0x7ffe0, 0x1000, 0xfe0, 0x1f };
    uint64_t guard;
    Pri p;

    start(&p, 0);
    guard = board_pages(&p.s.b, 1);
    g_assert_cmphex(guard, >, p.queue.addr);
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        for (size_t n = 0; n < G_N_ELEMENTS(values); n++) {
            board_set64(&p.s.b, SPEC_PQH, values[i]);
            board_set64(&p.s.b, SPEC_PQT, values[n]);
            board_set32(&p.s.b, SPEC_PRS, SPEC_PRS_PPR | SPEC_PRS_PRO);
            ask(&p, SM_PASID, RD | LAST | GROUP(n));
            g_assert_cmphex(board_reg64(&p.s.b, SPEC_PQT) & ~0x7ffe0ull, ==,
                            0);
            if (pri_get(&p, TD_PAGE_OUTSTANDING)) {
                g_assert_cmphex(board_reg64(&p.s.b, SPEC_PQT), <, 4096);
                pri_respond(&p, SM_PASID, n, SPEC_PRESP_SUCCESS);
            }
        }
    }
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(board_get64(&p.s.b, guard + 8 * i), ==, 0);
    }
    expect_going_on(&p);
    sm_end(&p.s);
}

/* --- Who may not ask ----------------------------------------------------- */

static void expect_fault(Pri *p, uint32_t pasid, uint8_t reason)
{
    Board *b = &p->s.b;
    uint32_t fsts = board_reg32(b, SPEC_FSTS);
    unsigned record = (fsts & SPEC_FSTS_FRI) >> SPEC_FSTS_FRI_SHIFT;
    uint64_t offset = guest_frcd_offset(&b->regs, record);
    uint64_t want = SPEC_FRCD_HI_F | SPEC_FRCD_HI_T2 | b->source |
                    (uint64_t)reason << SPEC_FRCD_HI_FR_SHIFT;

    if (pasid != SM_NONE) {
        want |= SPEC_FRCD_HI_PP | (uint64_t)pasid << SPEC_FRCD_HI_PN_SHIFT;
    }
    g_assert_cmphex(fsts & 0xff, ==, SPEC_FSTS_PPF);
    g_assert_cmphex(board_reg64(b, offset), ==, VA);
    g_assert_cmphex(board_reg64(b, offset + 8), ==, want);
    board_clear_fault(b, record);
    board_no_fault(b);
}

static void test_not_allowed(void)
{
    static const struct {
        const char *name;
        unsigned word;
        uint64_t clear, set;
        uint32_t pasid;
        uint8_t reason;
        unsigned code;
    } table[] = {
        { "PRE", 0, SPEC_SM_CTX_PRE, 0, SM_PASID, SPEC_FR_SM_PRE,
          SPEC_PRESP_INVALID },
        { "PRE", 0, SPEC_SM_CTX_PRE, 0, SM_NONE, SPEC_FR_SM_PRE,
          SPEC_PRESP_INVALID },
        { "PASIDE", 0, SPEC_SM_CTX_PASIDE, 0, SM_PASID, SPEC_FR_SM_PASIDE,
          SPEC_PRESP_INVALID },
        { "range", 0, 0, 0, 0x4000, SPEC_FR_SM_PASID_RANGE,
          SPEC_PRESP_INVALID },
        { "not present", 0, SPEC_SM_CTX_P, 0, SM_PASID, SPEC_FR_SM_CTX_P,
          SPEC_PRESP_FAILURE },
        { "reserved", 0, 0, SPEC_BIT(5), SM_NONE, SPEC_FR_SM_CTX_RSVD,
          SPEC_PRESP_FAILURE },
        { "reserved", 3, 0, 1, SM_PASID, SPEC_FR_SM_CTX_RSVD,
          SPEC_PRESP_FAILURE },
    };
    Pri p;

    start(&p, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        uint64_t before = p.s.ctx[table[i].word];

        for (unsigned fpd = 0; fpd < 2; fpd++) {
            g_test_message("%s, FPD %u", table[i].name, fpd);
            p.s.ctx[table[i].word] &= ~table[i].clear;
            p.s.ctx[table[i].word] |= table[i].set;
            p.s.ctx[0] |= fpd ? SPEC_SM_CTX_FPD : 0;
            sm_put_context(&p.s);
            sm_flush(&p.s);
            ask(&p, table[i].pasid, RD | LAST | GROUP(i));
            expect_answer(&p, table[i].pasid, i, table[i].code);
            if (fpd) {
                board_no_fault(&p.s.b);
            } else {
                expect_fault(&p, table[i].pasid, table[i].reason);
            }
            clear_failure(&p);
            p.s.ctx[0] &= ~SPEC_SM_CTX_FPD;
            p.s.ctx[table[i].word] = before;
        }
    }
    sm_put_context(&p.s);
    sm_flush(&p.s);
    g_assert_cmphex(pri_prs(&p), ==, 0);
    expect_going_on(&p);
    /* legacy tables know no page requests */
    sm_set_mode(&p.s, SPEC_TTM_LEGACY);
    ask(&p, SM_NONE, RD | LAST | GROUP(1));
    expect_answer(&p, SM_NONE, 1, SPEC_PRESP_INVALID);
    expect_fault(&p, SM_NONE, SPEC_FR_SM_ROOT_TTM_PAGE);
    sm_end(&p.s);
}

/* PRE goes away while a command waits: software's answer still counts, and
 * the next request is refused. */
static void test_revoked(void)
{
    uint64_t page, value = 0;
    unsigned group;
    Pri p;

    start(&p, 0);
    page = board_pages(&p.s.b, 1);
    testdev_set(&p.s.b.dev, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
    sm_use(&p.s, SM_PASID);
    g_assert_cmpint(testdev_dma_write(&p.s.b.dev, VA, &value, 8).why, ==,
                    TD_WAITS);
    group = pri_get(&p, TD_PAGE_WAIT) >> 1 & 0x1ff;
    p.s.ctx[0] &= ~SPEC_SM_CTX_PRE;
    sm_put_context(&p.s);
    sm_flush(&p.s);
    sm_map(&p.s, VA, page, 1);
    pri_respond(&p, SM_PASID, group, SPEC_PRESP_SUCCESS);
    g_assert_cmpint(testdev_finish(&p.s.b.dev).why, ==, TD_OK);
    sm_use(&p.s, SM_PASID);
    testdev_dma_write(&p.s.b.dev, VA + 0x1000, &value, 8);
    g_assert_cmpint(testdev_finish(&p.s.b.dev).why, ==, TD_PAGE_INVALID);
    sm_end(&p.s);
}

/* --- Responses ----------------------------------------------------------- */

/* Answers to what was never asked. */
static void test_unexpected(void)
{
    Pri p;

    start(&p, 0);
    for (unsigned i = 0; i < 600; i++) {
        guest_queue_page_response(&p.s.b.queue, p.s.b.source,
                                  i % 3 ? SM_PASID : SM_NONE, i % 512,
                                  i % 16);
        if (i % 64 == 63) {
            board_sync(&p.s.b);
        }
    }
    /* to who is not there */
    guest_queue_page_response(&p.s.b.queue, 0x1234, SM_PASID, 1, 0);
    guest_queue_page_response(&p.s.b.queue, 0xffff, SM_NONE, 1, 15);
    board_sync(&p.s.b);
    g_assert_cmphex(board_reg32(&p.s.b, SPEC_FSTS), ==, 0);
    g_assert_cmpuint(pri_get(&p, TD_PAGE_UNEXPECTED), ==, 600);
    g_assert_cmpuint(pri_get(&p, TD_PAGE_RESPONSES), ==, 0);
    g_assert_cmphex(pri_status(&p) & (TD_PRI_RF | TD_PRI_UPRGI), ==,
                    TD_PRI_UPRGI);
    clear_failure(&p);
    /* the wrong PASID or group is no answer; the right one is, once */
    ask(&p, SM_PASID, RD | LAST | GROUP(5));
    pri_respond(&p, SM_PASID, 6, SPEC_PRESP_SUCCESS);
    pri_respond(&p, SM_PASID + 1, 5, SPEC_PRESP_SUCCESS);
    pri_respond(&p, SM_NONE, 5, SPEC_PRESP_SUCCESS);
    g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 1);
    pri_respond(&p, SM_PASID, 5, SPEC_PRESP_SUCCESS);
    g_assert_cmpuint(pri_get(&p, TD_PAGE_OUTSTANDING), ==, 0);
    pri_respond(&p, SM_PASID, 5, SPEC_PRESP_SUCCESS);
    g_assert_cmpuint(pri_get(&p, TD_PAGE_UNEXPECTED), ==, 604);
    expect_going_on(&p);
    sm_end(&p.s);
}

/* --- Registers ----------------------------------------------------------- */

/* [VTD 11.4.11] */
static void test_registers(void)
{
    static const struct {
        unsigned offset, size;
        uint64_t mask, reset;
    } table[] = {
        { SPEC_PQH, 8, SPEC_BITS(18, 5), 0 },
        { SPEC_PQT, 8, SPEC_BITS(18, 5), 0 },
        { SPEC_PQA, 8, SPEC_BITS(63, 12) | 7, 0 },
        { SPEC_PECTL, 4, SPEC_ECTL_IM, SPEC_ECTL_IM },
        { SPEC_PEDATA, 4, 0xffff, 0 },
        { SPEC_PEADDR, 4, 0xfffffffc, 0 },
        { SPEC_PRS, 4, 0, 0 },
    };
    Board b;

    for (unsigned on = 0; on < 2; on++) {
        board_start(&b, on ? SM_ATS_OPTIONS : SM_OPTIONS ",device-iotlb=on");
        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
            uint64_t at = BOARD_UNIT + table[i].offset;
            unsigned size = table[i].size;

            g_assert_cmphex(qtest_read(b.q, at, size), ==,
                            on ? table[i].reset : 0);
            qtest_write(b.q, at, ~0ull, size);
            g_assert_cmphex(qtest_read(b.q, at, size) &
                            (table[i].offset == SPEC_PQA ? SPEC_BITS(38, 0)
                                                         : ~0ull), ==,
                            on ? table[i].mask &
                            (table[i].offset == SPEC_PQA ? SPEC_BITS(38, 0)
                                                         : ~0ull) : 0);
            qtest_write(b.q, at, 0, size);
            g_assert_cmphex(qtest_read(b.q, at, size), ==, 0);
        }
        board_reset(&b);
        g_assert_cmphex(board_reg32(&b, SPEC_PECTL), ==,
                        on ? SPEC_ECTL_IM : 0);
        board_end(&b);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/page-errors/full", test_full);
    g_test_add_func("/page-errors/full-dma", test_full_dma);
    g_test_add_func("/page-errors/not-ram", test_not_ram);
    g_test_add_func("/page-errors/no-queue", test_no_queue);
    g_test_add_func("/page-errors/wild-pointers", test_wild_pointers);
    g_test_add_func("/page-errors/not-allowed", test_not_allowed);
    g_test_add_func("/page-errors/revoked", test_revoked);
    g_test_add_func("/page-errors/unexpected", test_unexpected);
    g_test_add_func("/page-errors/registers", test_registers);
    return g_test_run();
}
