/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA that a guest sends where no driver would: to the unit's own registers,
 * to its queues, to the tables that translate it, to endpoints' registers.
 * All of it ends, and the machine answers and works afterwards.
 */
#include <string.h>

#include "tests/qtest/sm.h"

#define VA UINT64_C(0x7f0000400000)

/* How the endpoint sends it; each reaches an address as it is. */
typedef struct How {
    const char *name;
    uint32_t pasid;
    uint32_t control;
} How;

static const How hows[] = {
    { "without PASID", SM_NONE, 0 },
    { "with PASID", SM_PASID, 0 },
    { "translated", SM_NONE, TD_CONTROL_RAW },
    { "by ATS", SM_PASID, TD_CONTROL_ATS },
};

static TestdevWhy dma_write(Sm *s, const How *how, uint64_t addr,
                            uint64_t value, unsigned size)
{
    uint64_t bytes = GUINT64_TO_LE(value);
    TestdevResult result;

    sm_use(s, how->pasid);
    testdev_set(&s->b.dev, TD_CONTROL, how->control);
    result = testdev_dma_write(&s->b.dev, addr, &bytes, size);
    testdev_set(&s->b.dev, TD_CONTROL, 0);
    return result.why;
}

/* Registers are a target of DMA as good as any, on each board. */
static void reached(TestdevWhy why)
{
    g_assert_cmpint(why, ==, TD_OK);
}

static void expect_alive(Sm *s)
{
    uint64_t page = board_pages(&s->b, 1);

    g_assert_cmphex(board_reg32(&s->b, SPEC_VER), ==, 0x10);
    sm_flush(s);
    testdev_set(&s->b.dev, TD_CONTROL, 0);
    sm_good(s, SM_PASID, page, page);
    sm_good(s, SM_NONE, page, page);
}

/* The tail of the invalidation queue: a wait drains the very DMA that has
 * started it. */
static void test_queue_tail(void)
{
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_PASS);
    for (size_t i = 0; i < G_N_ELEMENTS(hows); i++) {
        GuestQueue *queue = &s.b.queue;

        g_test_message("%s", hows[i].name);
        sm_drop(&s, SM_PASID, 0, 0);
        guest_queue_iotlb(queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
        queue->sequence++;
        guest_queue_push(queue, SPEC_INV_WAIT | SPEC_INV_WAIT_SW |
                         SPEC_INV_WAIT_FN | SPEC_INV_WAIT_PD |
                         (uint64_t)queue->sequence <<
                         SPEC_INV_WAIT_DATA_SHIFT, queue->status);
        reached(dma_write(&s, &hows[i], BOARD_UNIT + SPEC_IQT, queue->tail,
                          4));
        g_assert_true(qtest_wait(s.b.q, queue->status, 4, UINT32_MAX,
                                 queue->sequence));
        g_assert_cmphex(board_reg32(&s.b, SPEC_FSTS), ==, 0);
        expect_alive(&s);
    }
    sm_end(&s);
}

/* Commands by DMA: invalidations, another root, translation off and on. */
static void test_commands(void)
{
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_PASS);
    for (size_t i = 0; i < G_N_ELEMENTS(hows); i++) {
        const How *how = &hows[i];
        uint64_t iva = guest_iva_offset(&s.b.regs);
        uint32_t gsts = board_reg32(&s.b, SPEC_GSTS) & ~SPEC_GCMD_SRTP;

        g_test_message("%s", how->name);
        reached(dma_write(&s, how, BOARD_UNIT + SPEC_CCMD,
                          SPEC_CCMD_ICC | UINT64_C(1) <<
                          SPEC_CCMD_CIRG_SHIFT, 8));
        g_assert_true(qtest_wait(s.b.q, BOARD_UNIT + SPEC_CCMD, 8,
                                 SPEC_CCMD_ICC, 0));
        reached(dma_write(&s, how, BOARD_UNIT + iva + 8,
                          SPEC_IOTLB_IVT | UINT64_C(1) <<
                          SPEC_IOTLB_IIRG_SHIFT, 8));
        g_assert_true(qtest_wait(s.b.q, BOARD_UNIT + iva + 8, 8,
                                 SPEC_IOTLB_IVT, 0));
        reached(dma_write(&s, how, BOARD_UNIT + SPEC_GCMD,
                          gsts | SPEC_GCMD_SRTP, 4));
        reached(dma_write(&s, how, BOARD_UNIT + SPEC_GCMD,
                          gsts & ~SPEC_GCMD_TE, 4));
        g_assert_true(qtest_wait(s.b.q, BOARD_UNIT + SPEC_GSTS, 4,
                                 SPEC_GSTS_TES, 0));
        board_command(&s.b, SPEC_GCMD_TE, 0);
        /* the queue goes while it works */
        reached(dma_write(&s, how, BOARD_UNIT + SPEC_GCMD,
                          gsts & ~SPEC_GCMD_QIE, 4));
        board_command(&s.b, 0, SPEC_GCMD_QIE);
        g_assert_true(guest_queue_init_wide(&s.b.queue, &s.b.alloc,
                                            &s.b.regs, 0));
        expect_alive(&s);
    }
    sm_end(&s);
}

/* All registers, read and written in one sweep. */
static void test_sweep(void)
{
    Sm s;

    for (size_t i = 0; i < G_N_ELEMENTS(hows); i++) {
        uint8_t bytes[4096];

        g_test_message("%s", hows[i].name);
        sm_start_ats(&s, SPEC_PGTT_PASS);
        sm_use(&s, hows[i].pasid);
        testdev_set(&s.b.dev, TD_CONTROL, hows[i].control);
        testdev_dma_read(&s.b.dev, BOARD_UNIT, bytes, sizeof(bytes));
        testdev_dma_read(&s.b.dev, s.b.dev.base, bytes, sizeof(bytes));
        memset(bytes, 0xff, sizeof(bytes));
        testdev_dma_write(&s.b.dev, BOARD_UNIT, bytes, sizeof(bytes));
        /* the endpoint's own registers are out of its reach */
        testdev_dma_write(&s.b.dev, s.b.dev.base, bytes, 64);
        board_reset(&s.b);
        g_assert_cmphex(board_reg32(&s.b, SPEC_VER), ==, 0x10);
        g_assert_cmphex(board_reg32(&s.b, SPEC_GSTS), ==, 0);
        sm_end(&s);
    }
}

/* A page request whose queue is where the endpoint writes, too. */
static void test_page_queue(void)
{
    GuestPageQueue queue;
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_PASS);
    g_assert_true(guest_page_queue_init(&queue, &s.b.alloc, &s.b.regs, 0));
    for (unsigned i = 0; i < 8; i++) {
        uint64_t word[4];

        sm_use(&s, SM_PASID);
        g_assert_cmpint(testdev_page_request(&s.b.dev, VA, TD_REQUEST_READ |
                                             TD_REQUEST_LAST |
                                             TD_REQUEST_GROUP(i)).why, ==,
                        TD_OK);
        /* over the descriptor, and then the head by DMA */
        dma_write(&s, &hows[i % 4], queue.addr + 32 * i, ~0ull, 8);
        g_assert_true(guest_page_queue_pop(&queue, word));
        g_assert_cmphex(word[0], ==, ~0ull);
        reached(dma_write(&s, &hows[i % 4], BOARD_UNIT + SPEC_PQH,
                          32 * (i + 1), 8));
        guest_queue_page_response(&s.b.queue, s.b.source, SM_PASID, i,
                                  SPEC_PRESP_SUCCESS);
        board_sync(&s.b);
    }
    g_assert_cmpuint(testdev_get(&s.b.dev, TD_PAGE_OUTSTANDING), ==, 0);
    expect_alive(&s);
    sm_end(&s);
}

/* Messages to the interrupt range with a PASID are no interrupts. */
static void test_interrupt_range(void)
{
    Sm s;

    sm_start_ats(&s, SPEC_PGTT_PASS);
    sink_clear(s.b.q);
    sm_fault(&s, SM_PASID, 0xfee01000, true, SPEC_FR_SM_OUT_INTERRUPT);
    sm_fault(&s, SM_PASID, 0xfee01000, false, SPEC_FR_SM_OUT_INTERRUPT);
    g_assert_cmpint(dma_write(&s, &hows[2], 0xfee01000, 0x55, 4), ==,
                    TD_BLOCKED);
    board_no_fault(&s.b);
    g_assert_cmpuint(sink_count(s.b.q), ==, 0);
    /* without one they are */
    g_assert_cmpint(dma_write(&s, &hows[0], 0xfee01000, 0x55, 4), ==, TD_OK);
    g_assert_cmpuint(sink_count(s.b.q), ==, 1);
    expect_alive(&s);
    sm_end(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hostile-dma/queue-tail", test_queue_tail);
    g_test_add_func("/hostile-dma/commands", test_commands);
    g_test_add_func("/hostile-dma/sweep", test_sweep);
    g_test_add_func("/hostile-dma/page-queue", test_page_queue);
    g_test_add_func("/hostile-dma/interrupt-range", test_interrupt_range);
    return g_test_run();
}
