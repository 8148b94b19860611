/* SPDX-License-Identifier: BSD-3-Clause */
/* Protected memory regions [VTD 11.4.8] and caching mode. */
#include "tests/qtest/board.h"

#define LOW_BASE  0x04000000u
#define LOW_LIMIT 0x06000000u       /* first byte behind */

/* The lowest bit of an address that a region's registers hold. */
static uint64_t granularity(Board *b)
{
    uint32_t ones;

    board_set32(b, SPEC_PLMBASE, ~0u);
    ones = board_reg32(b, SPEC_PLMBASE);
    board_set32(b, SPEC_PLMBASE, 0);
    g_assert_cmphex(ones, !=, 0);
    /* contiguous up to bit 31, and the same for limits */
    g_assert_cmphex(ones | (ones - 1), ==, ~0u);
    return ones & -ones;
}

static void enable(Board *b)
{
    board_set32(b, SPEC_PMEN, SPEC_PMEN_EPM);
    g_assert_cmphex(board_reg32(b, SPEC_PMEN), ==,
                    SPEC_PMEN_EPM | SPEC_PMEN_PRS);
}

static void disable(Board *b)
{
    board_set32(b, SPEC_PMEN, 0);
    g_assert_cmphex(board_reg32(b, SPEC_PMEN), ==, 0);
}

static void low_region(Board *b, uint64_t base, uint64_t end)
{
    board_set32(b, SPEC_PLMBASE, base);
    board_set32(b, SPEC_PLMLIMIT, end - 1);
}

/* Out of the way: a limit below the base is no region. */
static void no_regions(Board *b)
{
    uint64_t step = granularity(b);

    board_set32(b, SPEC_PLMBASE, step);
    board_set32(b, SPEC_PLMLIMIT, 0);
    board_set64(b, SPEC_PHMBASE, step);
    board_set64(b, SPEC_PHMLIMIT, 0);
}

/* These are not remapping faults: nothing is recorded. */
static void expect_protected(Board *b, uint64_t addr)
{
    board_dma_blocked(b, addr, false);
    board_dma_blocked(b, addr, true);
    board_no_fault(b);
}

/* [VTD 11.4.8.1] */
static void test_untranslated(void)
{
    uint64_t step;
    Board b;

    board_start(&b, "pmr=on");
    step = granularity(&b);
    g_assert_cmphex(step, <=, 0x01000000);
    no_regions(&b);
    low_region(&b, LOW_BASE, LOW_LIMIT);
    /* not before it is enabled */
    board_dma_good(&b, LOW_BASE, LOW_BASE);
    board_put64(&b, LOW_BASE, 0x1111);
    enable(&b);
    expect_protected(&b, LOW_BASE);
    expect_protected(&b, LOW_BASE + 0x12345678 % (LOW_LIMIT - LOW_BASE) / 8
                     * 8);
    expect_protected(&b, LOW_LIMIT - 8);
    board_dma_good(&b, LOW_BASE - 8, LOW_BASE - 8);
    board_dma_good(&b, LOW_LIMIT, LOW_LIMIT);
    g_assert_cmphex(board_get64(&b, LOW_BASE), ==, 0x1111);
    disable(&b);
    board_dma_good(&b, LOW_BASE, LOW_BASE);
    board_end(&b);
}

/*
 * Base and limit are whole steps: a limit includes its last step [VTD 11.4.8].
 */
static void test_granularity(void)
{
    uint64_t step;
    Board b;

    board_start(&b, "pmr=on");
    step = granularity(&b);
    no_regions(&b);
    board_set32(&b, SPEC_PLMBASE, LOW_BASE);
    board_set32(&b, SPEC_PLMLIMIT, LOW_BASE);
    enable(&b);
    expect_protected(&b, LOW_BASE);
    expect_protected(&b, LOW_BASE + step - 8);
    board_dma_good(&b, LOW_BASE + step, LOW_BASE + step);
    board_dma_good(&b, LOW_BASE - 8, LOW_BASE - 8);
    board_end(&b);
}

static void test_high(void)
{
    Board b;

    board_start(&b, "pmr=on");
    no_regions(&b);
    /* the high region may stand anywhere */
    board_set64(&b, SPEC_PHMBASE, LOW_BASE);
    board_set64(&b, SPEC_PHMLIMIT, LOW_LIMIT - 1);
    enable(&b);
    expect_protected(&b, LOW_BASE);
    expect_protected(&b, LOW_LIMIT - 8);
    board_dma_good(&b, LOW_LIMIT, LOW_LIMIT);
    disable(&b);
    no_regions(&b);
    board_set64(&b, SPEC_PHMBASE, UINT64_C(0x100000000));
    board_set64(&b, SPEC_PHMLIMIT, UINT64_C(0x1ffffffff));
    enable(&b);
    board_dma_good(&b, LOW_BASE, LOW_BASE);
    expect_protected(&b, UINT64_C(0x123456780));
    board_end(&b);
}

/*
 * With translation on, pass-through requests are still checked; for those
 * that tables translate the architecture leaves it open, and the unit's own
 * reads of tables are never checked.
 */
static void test_translated(void)
{
    const uint64_t iova = 0x123000;
    uint64_t page;
    Board b;

    board_start(&b, "pmr=on,pt=on");
    no_regions(&b);
    board_translate(&b, 4);
    page = board_pages(&b, 1);
    board_map(&b, iova, page, BOARD_RW);
    /* all of the tables in it, the page not */
    low_region(&b, 0x01000000, page & ~UINT64_C(0xffffff));
    if ((page & ~UINT64_C(0xffffff)) <= 0x01000000) {
        /* in one step: put the data elsewhere */
        page = LOW_LIMIT;
        board_map(&b, iova, page, BOARD_RW);
        low_region(&b, 0x01000000, 0x02000000);
    }
    enable(&b);
    board_flush(&b);
    board_dma_good(&b, iova, page);
    board_context(&b, SPEC_CTX_P | SPEC_TT_PASS << SPEC_CTX_TT_SHIFT,
                  board_context_hi(&b));
    board_flush(&b);
    board_dma_good(&b, page, page);
    expect_protected(&b, 0x01000000);
    /* off at once, without an invalidation */
    disable(&b);
    board_dma_reads(&b, 0x01fff000, 0x01fff000);
    enable(&b);
    expect_protected(&b, 0x01fff000);
    board_end(&b);
}

static void test_absent(void)
{
    Board b;

    board_start(&b, "pmr=off");
    low_region(&b, LOW_BASE, LOW_LIMIT);
    board_set32(&b, SPEC_PMEN, SPEC_PMEN_EPM);
    g_assert_cmphex(board_reg32(&b, SPEC_PMEN), ==, 0);
    board_dma_good(&b, LOW_BASE, LOW_BASE);
    board_end(&b);
}

static void test_reset(void)
{
    Board b;

    board_start(&b, "pmr=on");
    low_region(&b, LOW_BASE, LOW_LIMIT);
    enable(&b);
    expect_protected(&b, LOW_BASE);
    board_reset(&b);
    g_assert_cmphex(board_reg32(&b, SPEC_PMEN), ==, 0);
    g_assert_cmphex(board_reg32(&b, SPEC_PLMBASE), ==, 0);
    board_dma_good(&b, LOW_BASE, LOW_BASE);
    board_end(&b);
}

/* --- Caching mode -------------------------------------------------------- */

/*
 * In caching mode, what is not present may be remembered until it is
 * invalidated.  Each of the changes is followed by the invalidation that it
 * then needs, and must be seen after it [VTD 6.1].
 */
static void test_caching_mode(void)
{
    const uint64_t iova = 0x40000000;
    uint64_t page, lo, hi;
    Board b;

    board_start(&b, "caching-mode=on");
    board_translate(&b, 4);
    board_queue(&b, 0);
    page = board_pages(&b, 1);
    for (unsigned ways = 0; ways < 3; ways++) {
        board_dma_fault(&b, iova, false, SPEC_FR_READ);
        board_dma_fault(&b, iova, true, SPEC_FR_WRITE);
        board_map(&b, iova, page, BOARD_RW);
        guest_queue_iotlb(&b.queue, ways == 0 ? SPEC_GRAN_PAGE :
                          ways == 1 ? SPEC_GRAN_DOMAIN : SPEC_GRAN_GLOBAL,
                          BOARD_DOMAIN, iova, 0, ways == 0);
        board_sync(&b);
        board_dma_good(&b, iova, page);
        board_map(&b, iova, 0, 0);
        guest_queue_iotlb(&b.queue, SPEC_GRAN_PAGE, BOARD_DOMAIN, iova, 0,
                          true);
        board_sync(&b);
    }
    board_dma_fault(&b, iova, true, SPEC_FR_WRITE);

    /* context entries that are not present are in domain 0 */
    lo = board_context_lo(&b);
    hi = board_context_hi(&b);
    board_context(&b, 0, 0);
    guest_queue_context(&b.queue, SPEC_GRAN_DEVICE, BOARD_DOMAIN, b.source,
                        0);
    guest_queue_iotlb(&b.queue, SPEC_GRAN_DOMAIN, BOARD_DOMAIN, 0, 0, false);
    board_sync(&b);
    board_dma_fault(&b, iova, true, SPEC_FR_CTX_NOT_PRESENT);
    board_map(&b, iova, page, BOARD_RW);
    board_context(&b, lo, hi);
    guest_queue_context(&b.queue, SPEC_GRAN_DEVICE, 0, b.source, 0);
    guest_queue_iotlb(&b.queue, SPEC_GRAN_DOMAIN, BOARD_DOMAIN, 0, 0, false);
    board_sync(&b);
    board_dma_good(&b, iova, page);
    board_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/protection/untranslated", test_untranslated);
    g_test_add_func("/protection/granularity", test_granularity);
    g_test_add_func("/protection/high", test_high);
    g_test_add_func("/protection/translated", test_translated);
    g_test_add_func("/protection/absent", test_absent);
    g_test_add_func("/protection/reset", test_reset);
    g_test_add_func("/protection/caching-mode", test_caching_mode);
    return g_test_run();
}
