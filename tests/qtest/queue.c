/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The invalidation queue as a queue: sizes, wrap-around, waits, errors and
 * how it goes on after them [VTD 6.5.2] [VTD 11.4.9].
 */
#include "tests/qtest/board.h"

#define IOVA       UINT64_C(0x40000000)
#define EVENT_ADDR 0xfee03000u
#define EVENT_DATA 0x52u

static uint64_t wait_word(uint64_t flags, uint32_t status)
{
    return SPEC_INV_WAIT | flags |
           (uint64_t)status << SPEC_INV_WAIT_DATA_SHIFT;
}

static uint32_t status_at(Board *b, uint64_t addr)
{
    return qtest_readl(b->q, addr);
}

static void expect_status(Board *b, uint64_t addr, uint32_t value)
{
    g_assert_true(qtest_wait(b->q, addr, 4, UINT32_MAX, value));
}

/* The queue has taken all that it was given. */
static void expect_empty(Board *b)
{
    g_assert_true(qtest_wait(b->q, BOARD_UNIT + SPEC_IQH, 8, ~0ull,
                             board_reg64(b, SPEC_IQT)));
}

/* --- Sizes --------------------------------------------------------------- */

static void check_size(unsigned qs)
{
    unsigned slots = 256u << qs;
    Board b;

    g_test_message("size %u", qs);
    board_start(&b, "");
    board_queue(&b, qs);
    g_assert_cmphex(board_reg64(&b, SPEC_IQA), ==, b.queue.addr | qs);
    /* fill all but one slot at once, then go over the end */
    for (int round = 0; round < 3; round++) {
        g_autofree uint64_t *words = g_new0(uint64_t, 2 * slots);

        for (unsigned i = 0; i < slots; i++) {
            words[2 * i] = GUINT64_TO_LE(SPEC_INV_IOTLB |
                               (uint64_t)SPEC_GRAN_GLOBAL <<
                               SPEC_INV_G_SHIFT);
        }
        qtest_memwrite(b.q, b.queue.addr, words, 16 * slots);
        b.queue.tail = (b.queue.tail + 16 * (slots - 2)) % b.queue.bytes;
        board_sync(&b);
        expect_empty(&b);
        g_assert_cmphex(board_reg64(&b, SPEC_IQH), ==, b.queue.tail);
        g_assert_cmphex(board_reg32(&b, SPEC_FSTS), ==, 0);
    }
    board_end(&b);
}

/* [VTD 6.5.2] */
static void test_sizes(void)
{
    for (unsigned qs = 0; qs <= 7; qs++) {
        check_size(qs);
    }
}

/* Descriptors one by one, three times around. */
static void test_wrap(void)
{
    Board b;

    board_start(&b, "");
    board_queue(&b, 0);
    for (unsigned i = 0; i < 256 * 3 + 5; i++) {
        board_sync(&b);
        g_assert_cmphex(board_reg64(&b, SPEC_IQH), ==, (i + 1) % 256 * 16);
    }
    board_end(&b);
}

/* A tail that is written while the queue is off starts nothing. */
static void test_early_tail(void)
{
    uint64_t queue, status;
    Board b;

    board_start(&b, "");
    queue = board_pages(&b, 1);
    status = board_pages(&b, 1);
    board_put64(&b, queue, wait_word(SPEC_INV_WAIT_SW, 0x77));
    board_put64(&b, queue + 8, status);
    board_set64(&b, SPEC_IQA, queue);
    /* disabled: the tail moves nothing */
    board_set64(&b, SPEC_IQT, 16);
    g_assert_cmphex(status_at(&b, status), ==, 0);
    g_assert_cmphex(board_reg64(&b, SPEC_IQH), ==, 0);
    board_set64(&b, SPEC_IQT, 0);
    board_command(&b, SPEC_GCMD_QIE, 0);
    g_assert_cmphex(status_at(&b, status), ==, 0);
    board_set64(&b, SPEC_IQT, 16);
    expect_status(&b, status, 0x77);
    board_end(&b);
}

/* --- Waits --------------------------------------------------------------- */

/* [VTD 6.5.2.8] */
static void test_status_write(void)
{
    static const uint32_t values[] = { 1, 0, 0xffffffff, 0x80000000, 0x1234 };
    uint64_t page;
    Board b;

    board_start(&b, "");
    board_queue(&b, 0);
    page = board_pages(&b, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        qtest_memset(b.q, page, 0x5a, 4096);
        guest_queue_push(&b.queue, wait_word(SPEC_INV_WAIT_SW, values[i]),
                         page + 0x24);
        guest_queue_ring(&b.queue);
        expect_status(&b, page + 0x24, values[i]);
        /* four bytes, no more */
        g_assert_cmphex(status_at(&b, page + 0x20), ==, 0x5a5a5a5a);
        g_assert_cmphex(status_at(&b, page + 0x28), ==, 0x5a5a5a5a);
    }
    /* without SW and IF a wait does nothing that one sees */
    qtest_memset(b.q, page, 0x5a, 4096);
    guest_queue_push(&b.queue, wait_word(0, 1), 0);
    guest_queue_push(&b.queue, wait_word(SPEC_INV_WAIT_FN, 1), 0);
    board_sync(&b);
    g_assert_cmphex(status_at(&b, page), ==, 0x5a5a5a5a);
    g_assert_cmphex(board_reg32(&b, SPEC_ICS), ==, 0);
    board_end(&b);
}

/* A status address where nothing is: the queue goes on. */
static void test_status_nowhere(void)
{
    Board b;

    board_start(&b, "");
    board_queue(&b, 0);
    guest_queue_push(&b.queue, wait_word(SPEC_INV_WAIT_SW, 1), BOARD_HOLE);
    guest_queue_push(&b.queue, wait_word(SPEC_INV_WAIT_SW, 0x80000000),
                     BOARD_UNIT + SPEC_GCMD);
    guest_queue_push(&b.queue, wait_word(SPEC_INV_WAIT_SW, 1),
                     UINT64_C(0xfffffffffffffffc));
    board_sync(&b);
    /* nothing was enabled through the unit's own window */
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, SPEC_GSTS_QIES);
    board_end(&b);
}

static void set_event(Board *b, uint32_t control)
{
    board_set32(b, SPEC_IEDATA, EVENT_DATA);
    board_set32(b, SPEC_IEADDR, EVENT_ADDR);
    board_set32(b, SPEC_IEUADDR, 0);
    board_set32(b, SPEC_IECTL, control);
    sink_clear(b->q);
}

static void push_interrupt(Board *b)
{
    guest_queue_push(&b->queue, wait_word(SPEC_INV_WAIT_IF, 0), 0);
    board_sync(b);
    g_assert_cmphex(board_reg32(b, SPEC_ICS), ==, SPEC_ICS_IWC);
}

/* [VTD 6.5.2.9] [VTD 11.4.9.4] */
static void test_interrupt(void)
{
    Board b;

    board_start(&b, "");
    board_queue(&b, 0);
    set_event(&b, 0);
    push_interrupt(&b);
    board_expect_event(&b, EVENT_ADDR, EVENT_DATA);
    /* IWC still set: no new condition */
    push_interrupt(&b);
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    board_set32(&b, SPEC_ICS, 0);
    g_assert_cmphex(board_reg32(&b, SPEC_ICS), ==, SPEC_ICS_IWC);
    board_set32(&b, SPEC_ICS, SPEC_ICS_IWC);
    g_assert_cmphex(board_reg32(&b, SPEC_ICS), ==, 0);
    push_interrupt(&b);
    board_expect_event(&b, EVENT_ADDR, EVENT_DATA);
    board_end(&b);
}

/* One wait may do both, and two write to two places. */
static void test_interrupt_and_status(void)
{
    uint64_t page;
    Board b;

    board_start(&b, "");
    board_queue(&b, 0);
    page = board_pages(&b, 1);
    set_event(&b, 0);
    guest_queue_push(&b.queue,
                     wait_word(SPEC_INV_WAIT_IF | SPEC_INV_WAIT_SW |
                               SPEC_INV_WAIT_FN, 0x11), page);
    guest_queue_push(&b.queue, wait_word(SPEC_INV_WAIT_SW, 0x22), page + 64);
    guest_queue_ring(&b.queue);
    expect_status(&b, page + 64, 0x22);
    g_assert_cmphex(status_at(&b, page), ==, 0x11);
    g_assert_cmphex(board_reg32(&b, SPEC_ICS), ==, SPEC_ICS_IWC);
    board_expect_event(&b, EVENT_ADDR, EVENT_DATA);
    board_end(&b);
}

/* [VTD 11.4.9.5] */
static void test_interrupt_masked(void)
{
    Board b;

    board_start(&b, "");
    board_queue(&b, 0);
    set_event(&b, SPEC_ECTL_IM);
    push_interrupt(&b);
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    g_assert_cmphex(board_reg32(&b, SPEC_IECTL), ==,
                    SPEC_ECTL_IM | SPEC_ECTL_IP);
    board_set32(&b, SPEC_IECTL, 0);
    board_expect_event(&b, EVENT_ADDR, EVENT_DATA);
    g_assert_cmphex(board_reg32(&b, SPEC_IECTL), ==, 0);

    /* served while masked: nothing left to send */
    board_set32(&b, SPEC_IECTL, SPEC_ECTL_IM);
    board_set32(&b, SPEC_ICS, SPEC_ICS_IWC);
    push_interrupt(&b);
    g_assert_cmphex(board_reg32(&b, SPEC_IECTL), ==,
                    SPEC_ECTL_IM | SPEC_ECTL_IP);
    board_set32(&b, SPEC_ICS, SPEC_ICS_IWC);
    g_assert_cmphex(board_reg32(&b, SPEC_IECTL), ==, SPEC_ECTL_IM);
    board_set32(&b, SPEC_IECTL, 0);
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    board_end(&b);
}

/*
 * Each wait of a batch reports in turn; a later one never before [VTD 6.5.2.8].
 */
static void test_order(void)
{
    const unsigned n = 100;
    uint64_t page;
    Board b;

    board_start(&b, "");
    board_queue(&b, 0);
    page = board_pages(&b, 1);
    for (unsigned i = 0; i < n; i++) {
        guest_queue_iotlb(&b.queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
        guest_queue_push(&b.queue,
                         wait_word(SPEC_INV_WAIT_SW |
                                   (i % 2 ? SPEC_INV_WAIT_FN : 0), i),
                         page);
    }
    guest_queue_ring(&b.queue);
    expect_status(&b, page, n - 1);
    expect_empty(&b);
    board_end(&b);
}

/* Thousands in flight, given in one go. */
static void test_flood(void)
{
    const unsigned n = 8000;
    g_autofree uint64_t *words = g_new0(uint64_t, 2 * n);
    uint64_t page[2];
    Board b;

    board_start(&b, "");
    board_translate(&b, 4);
    board_queue(&b, 5);
    page[0] = board_pages(&b, 1);
    page[1] = board_pages(&b, 1);
    board_map(&b, IOVA, page[0], BOARD_RW);
    board_dma_good(&b, IOVA, page[0]);
    for (unsigned i = 0; i < n; i++) {
        uint64_t addr = i == n - 1 ? IOVA : 0x100000000 + 4096ull * i;

        words[2 * i] = GUINT64_TO_LE(SPEC_INV_IOTLB |
                           (uint64_t)SPEC_GRAN_PAGE << SPEC_INV_G_SHIFT |
                           (uint64_t)BOARD_DOMAIN << SPEC_INV_DID_SHIFT);
        words[2 * i + 1] = GUINT64_TO_LE(addr);
    }
    qtest_memwrite(b.q, b.queue.addr, words, 16 * n);
    b.queue.tail = 16 * n;
    board_map(&b, IOVA, page[1], BOARD_RW);
    board_sync(&b);
    board_dma_good(&b, IOVA, page[1]);
    board_end(&b);
}

/* --- Errors -------------------------------------------------------------- */

typedef struct BadDescriptor {
    const char *name;
    uint64_t lo, hi;
    unsigned reason;
} BadDescriptor;

#define CTX(g)   (SPEC_INV_CONTEXT | (uint64_t)(g) << SPEC_INV_G_SHIFT)
#define IOTLB(g) (SPEC_INV_IOTLB | (uint64_t)(g) << SPEC_INV_G_SHIFT)

static const BadDescriptor bad_descriptors[] = {
    { "type 0", 0, 0, SPEC_IQEI_TYPE },
    { "type 10", 10, 0, SPEC_IQEI_TYPE },
    { "type 15", 15, 0, SPEC_IQEI_TYPE },
    { "high type", SPEC_BIT(9) | 15, 0, SPEC_IQEI_TYPE },
    /* of scalable mode, which is off */
    { "PASID IOTLB", SPEC_INV_PASID_IOTLB, 0, SPEC_IQEI_TYPE },
    { "PASID cache", SPEC_INV_PASID_CACHE, 0, SPEC_IQEI_TYPE },
    { "page response", SPEC_INV_PAGE_RESPONSE, 0, SPEC_IQEI_TYPE },
    { "context, granularity 0", CTX(0), 0, SPEC_IQEI_RESERVED },
    { "context, bit 6", CTX(1) | SPEC_BIT(6), 0, SPEC_IQEI_RESERVED },
    { "context, bit 50", CTX(1) | SPEC_BIT(50), 0, SPEC_IQEI_RESERVED },
    { "context, high word", CTX(1), SPEC_BIT(63), SPEC_IQEI_RESERVED },
    { "IOTLB, granularity 0", IOTLB(0), 0, SPEC_IQEI_RESERVED },
    { "IOTLB, bit 32", IOTLB(1) | SPEC_BIT(32), 0, SPEC_IQEI_RESERVED },
    { "IOTLB, bit 63", IOTLB(2) | SPEC_BIT(63), 0, SPEC_IQEI_RESERVED },
    { "IOTLB, address mask 19", IOTLB(3), 19, SPEC_IQEI_RESERVED },
    { "IOTLB, address bit 7", IOTLB(3), SPEC_BIT(7), SPEC_IQEI_RESERVED },
    { "interrupt, bit 5", SPEC_INV_IEC | SPEC_BIT(5), 0,
      SPEC_IQEI_RESERVED },
    { "interrupt, bit 48", SPEC_INV_IEC | SPEC_BIT(48), 0,
      SPEC_IQEI_RESERVED },
    { "interrupt, high word", SPEC_INV_IEC, 1, SPEC_IQEI_RESERVED },
    { "wait, bit 8", SPEC_INV_WAIT | SPEC_BIT(8), 0, SPEC_IQEI_RESERVED },
    { "wait, bit 12", SPEC_INV_WAIT | SPEC_BIT(12), 0, SPEC_IQEI_RESERVED },
    { "wait, address bit 0", SPEC_INV_WAIT | SPEC_INV_WAIT_SW, 1,
      SPEC_IQEI_RESERVED },
};

static unsigned iqei(Board *b)
{
    return board_reg64(b, SPEC_IQERCD) & SPEC_IQERCD_IQEI;
}

static void check_bad(Board *b, const BadDescriptor *bad)
{
    uint64_t status = b->queue.status + 0x800;
    uint64_t at = b->queue.tail;

    g_test_message("%s", bad->name);
    qtest_writel(b->q, status, 0);
    guest_queue_push(&b->queue, bad->lo, bad->hi);
    guest_queue_push(&b->queue, wait_word(SPEC_INV_WAIT_SW, 0x99), status);
    guest_queue_ring(&b->queue);
    g_assert_true(qtest_wait(b->q, BOARD_UNIT + SPEC_FSTS, 4, SPEC_FSTS_IQE,
                             SPEC_FSTS_IQE));
    g_assert_cmpuint(iqei(b), ==, bad->reason);
    /* stopped at the descriptor, with or without a new tail */
    g_assert_cmphex(board_reg64(b, SPEC_IQH), ==, at);
    guest_queue_ring(&b->queue);
    qtest_clock_step(b->q, 1000000);
    g_assert_cmphex(board_reg64(b, SPEC_IQH), ==, at);
    g_assert_cmphex(status_at(b, status), ==, 0);
    g_assert_cmphex(board_reg32(b, SPEC_FSTS), ==, SPEC_FSTS_IQE);
    /* software mends it, and clears the bit */
    board_put64(b, b->queue.addr + at, wait_word(0, 0));
    board_put64(b, b->queue.addr + at + 8, 0);
    board_set32(b, SPEC_FSTS, SPEC_FSTS_IQE);
    expect_status(b, status, 0x99);
    g_assert_cmphex(board_reg32(b, SPEC_FSTS), ==, 0);
    g_assert_cmphex(board_reg64(b, SPEC_IQH), ==, b->queue.tail);
}

/* [VTD 6.5.2.10] [VTD 11.4.9.9] */
static void test_bad_descriptors(void)
{
    Board b;

    board_start(&b, "intremap=on");
    board_queue(&b, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(bad_descriptors); i++) {
        check_bad(&b, &bad_descriptors[i]);
    }
    board_end(&b);
}

/* Without device-TLBs and interrupt remapping their descriptors are of no
 *  known type; with them, they are checked. */
static void test_optional_descriptors(void)
{
    static const BadDescriptor off[] = {
        { "device-TLB", SPEC_INV_DEVTLB, 0, SPEC_IQEI_TYPE },
        { "interrupt", SPEC_INV_IEC, 0, SPEC_IQEI_TYPE },
    };
    static const BadDescriptor on[] = {
        { "device-TLB, bit 1", SPEC_INV_DEVTLB, SPEC_BIT(1),
          SPEC_IQEI_RESERVED },
        { "device-TLB, address bit 11", SPEC_INV_DEVTLB, SPEC_BIT(11),
          SPEC_IQEI_RESERVED },
        { "device-TLB, bit 4", SPEC_INV_DEVTLB | SPEC_BIT(4), 0,
          SPEC_IQEI_RESERVED },
        { "device-TLB, bit 31", SPEC_INV_DEVTLB | SPEC_BIT(31), 0,
          SPEC_IQEI_RESERVED },
    };
    Board b;

    board_start(&b, "device-iotlb=off,intremap=off");
    board_queue(&b, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(off); i++) {
        check_bad(&b, &off[i]);
    }
    board_end(&b);

    board_start(&b, "device-iotlb=on");
    board_queue(&b, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(on); i++) {
        check_bad(&b, &on[i]);
    }
    board_end(&b);
}

/* Switch the device-TLB of an endpoint without PASIDs on: byte 0x106 of its
 * configuration space, which only q35's memory window reaches. */
static void enable_ats(Board *b, uint16_t source)
{
    const uint64_t ecam = 0xb0000000;

    qtest_out(b->q, 0xcf8, 0x80000060, 4);
    qtest_out(b->q, 0xcfc, ecam | 1, 4);
    qtest_write(b->q, ecam + ((uint32_t)source << 12) + 0x106, 0x8000, 2);
}

/* Who has a device-TLB completes; where nobody is, nobody does. */
static void test_device_tlb(void)
{
    static const uint16_t nobody[] = { 0xfff8, 0x0021, 0x0000 };
    const uint16_t source = 4 << 3;
    Board b;

    board_start_with(&b, "device-iotlb=on",
                     "-device viommu-testdev,addr=4,ats=on");
    enable_ats(&b, source);
    board_queue(&b, 0);
    guest_queue_devtlb(&b.queue, source, 0x1000, 4096);
    guest_queue_devtlb(&b.queue, source, 0, 1 << 20);
    board_sync(&b);
    g_assert_cmphex(board_reg32(&b, SPEC_FSTS), ==, 0);
    g_assert_cmphex(board_reg64(&b, SPEC_IQERCD), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(nobody); i++) {
        guest_queue_devtlb(&b.queue, nobody[i], 0, 1 << 20);
        g_assert_false(guest_queue_wait(&b.queue));
        g_assert_true(qtest_wait(b.q, BOARD_UNIT + SPEC_FSTS, 4,
                                 SPEC_FSTS_ITE, SPEC_FSTS_ITE));
        g_assert_cmphex((board_reg64(&b, SPEC_IQERCD) & SPEC_IQERCD_ITESID) >>
                        SPEC_IQERCD_ITESID_SHIFT, ==, nobody[i]);
        board_set32(&b, SPEC_FSTS, SPEC_FSTS_ITE);
    }
    board_sync(&b);
    g_assert_cmphex(board_reg32(&b, SPEC_FSTS), ==, 0);
    board_end(&b);
}

/* The error is an event, like a fault. */
static void test_error_event(void)
{
    SinkMessage msg;
    Board b;

    board_start(&b, "");
    board_translate(&b, 4);
    board_queue(&b, 0);
    board_set32(&b, SPEC_FEDATA, EVENT_DATA);
    board_set32(&b, SPEC_FEADDR, EVENT_ADDR);
    board_set32(&b, SPEC_FECTL, 0);
    sink_clear(b.q);
    check_bad(&b, &bad_descriptors[0]);
    board_expect_event(&b, EVENT_ADDR, EVENT_DATA);
    check_bad(&b, &bad_descriptors[1]);
    board_expect_event(&b, EVENT_ADDR, EVENT_DATA);
    board_set32(&b, SPEC_FECTL, SPEC_ECTL_IM);
    check_bad(&b, &bad_descriptors[2]);
    /* served before it was unmasked */
    board_set32(&b, SPEC_FECTL, 0);
    g_assert_false(sink_pop(b.q, &msg));
    /* no event of its own while a fault is pending */
    board_dma_blocked(&b, IOVA, false);
    board_expect_event(&b, EVENT_ADDR, EVENT_DATA);
    guest_queue_push(&b.queue, 0, 0);
    guest_queue_ring(&b.queue);
    g_assert_true(qtest_wait(b.q, BOARD_UNIT + SPEC_FSTS, 4, SPEC_FSTS_IQE,
                             SPEC_FSTS_IQE));
    g_assert_false(sink_pop(b.q, &msg));
    board_end(&b);
}

/* [VTD 11.4.9.2] */
static void test_bad_tail(void)
{
    Board b;

    board_start(&b, "");
    board_queue(&b, 0);
    board_sync(&b);
    /* behind the end of one page */
    board_set64(&b, SPEC_IQT, 4096);
    g_assert_true(qtest_wait(b.q, BOARD_UNIT + SPEC_FSTS, 4, SPEC_FSTS_IQE,
                             SPEC_FSTS_IQE));
    g_assert_cmpuint(iqei(&b), ==, SPEC_IQEI_TAIL);
    g_assert_cmphex(board_reg64(&b, SPEC_IQH), ==, 16);
    board_set64(&b, SPEC_IQT, 16);
    board_set32(&b, SPEC_FSTS, SPEC_FSTS_IQE);
    g_assert_cmphex(board_reg32(&b, SPEC_FSTS), ==, 0);
    board_sync(&b);
    board_end(&b);
}

static void check_bad_queue(uint64_t addr)
{
    Board b;

    g_test_message("queue at %#" G_GINT64_MODIFIER "x", addr);
    board_start(&b, "");
    board_set64(&b, SPEC_IQA, addr);
    board_command(&b, SPEC_GCMD_QIE, 0);
    g_assert_cmphex(board_reg32(&b, SPEC_FSTS), ==, 0);
    board_set64(&b, SPEC_IQT, 32);
    g_assert_true(qtest_wait(b.q, BOARD_UNIT + SPEC_FSTS, 4, SPEC_FSTS_IQE,
                             SPEC_FSTS_IQE));
    g_assert_cmpuint(iqei(&b), ==, SPEC_IQEI_FETCH);
    g_assert_cmphex(board_reg64(&b, SPEC_IQH), ==, 0);
    /* off and on with a good one */
    board_command(&b, 0, SPEC_GCMD_QIE);
    board_set32(&b, SPEC_FSTS, SPEC_FSTS_IQE);
    board_queue(&b, 0);
    board_sync(&b);
    g_assert_cmphex(board_reg32(&b, SPEC_FSTS), ==, 0);
    board_end(&b);
}

static void test_bad_queue(void)
{
    check_bad_queue(BOARD_HOLE);
    check_bad_queue(BOARD_UNIT);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/queue/sizes", test_sizes);
    g_test_add_func("/queue/wrap", test_wrap);
    g_test_add_func("/queue/early-tail", test_early_tail);
    g_test_add_func("/queue/status-write", test_status_write);
    g_test_add_func("/queue/status-nowhere", test_status_nowhere);
    g_test_add_func("/queue/interrupt", test_interrupt);
    g_test_add_func("/queue/interrupt-and-status",
                    test_interrupt_and_status);
    g_test_add_func("/queue/interrupt-masked", test_interrupt_masked);
    g_test_add_func("/queue/order", test_order);
    g_test_add_func("/queue/flood", test_flood);
    g_test_add_func("/queue/bad-descriptors", test_bad_descriptors);
    g_test_add_func("/queue/optional-descriptors",
                    test_optional_descriptors);
    g_test_add_func("/queue/device-tlb", test_device_tlb);
    g_test_add_func("/queue/error-event", test_error_event);
    g_test_add_func("/queue/bad-tail", test_bad_tail);
    g_test_add_func("/queue/bad-queue", test_bad_queue);
    return g_test_run();
}
