/* SPDX-License-Identifier: BSD-3-Clause */
/* Each fault reason of legacy mode, and which of two conditions wins. */
#include "tests/qtest/board.h"

#define IOVA UINT64_C(0x123456000)

static uint64_t root_entry(Board *b)
{
    return b->root + (b->source >> 8) * 16;
}

/* Both a read and a write meet it. */
static void expect_both(Board *b, uint8_t reason)
{
    board_flush(b);
    board_dma_fault(b, IOVA, false, reason);
    board_dma_fault(b, IOVA, true, reason);
}

static uint64_t start_mapped(Board *b, const char *options)
{
    uint64_t page;

    board_start(b, options);
    board_translate(b, 4);
    page = board_pages(b, 1);
    board_map(b, IOVA, page, BOARD_RW);
    board_dma_good(b, IOVA, page);
    return page;
}

/* [VTD 7.1.3] [VTD 9.1] [VTD 8.1] */
static void test_root_entry(void)
{
    uint64_t entry, page;
    Board b;

    page = start_mapped(&b, "haw-bits=46");
    entry = board_get64(&b, root_entry(&b));

    board_put64(&b, root_entry(&b), entry & ~SPEC_ROOT_P);
    expect_both(&b, SPEC_FR_ROOT_NOT_PRESENT);
    board_put64(&b, root_entry(&b), 0);
    expect_both(&b, SPEC_FR_ROOT_NOT_PRESENT);
    /* reserved bits of what is not present do not count */
    board_put64(&b, root_entry(&b), SPEC_ROOT_RSVD);
    board_put64(&b, root_entry(&b) + 8, ~0ull);
    expect_both(&b, SPEC_FR_ROOT_NOT_PRESENT);
    board_put64(&b, root_entry(&b) + 8, 0);

    for (unsigned bit = 1; bit < 12; bit++) {
        board_put64(&b, root_entry(&b), entry | SPEC_BIT(bit));
        expect_both(&b, SPEC_FR_ROOT_RESERVED);
    }
    /* addresses end at the host address width */
    board_put64(&b, root_entry(&b), entry | SPEC_BIT(46));
    expect_both(&b, SPEC_FR_ROOT_RESERVED);
    board_put64(&b, root_entry(&b), entry | SPEC_BIT(63));
    expect_both(&b, SPEC_FR_ROOT_RESERVED);
    board_put64(&b, root_entry(&b), entry);
    board_put64(&b, root_entry(&b) + 8, 1);
    expect_both(&b, SPEC_FR_ROOT_RESERVED);
    board_put64(&b, root_entry(&b) + 8, SPEC_BIT(63));
    expect_both(&b, SPEC_FR_ROOT_RESERVED);
    board_put64(&b, root_entry(&b) + 8, 0);
    board_flush(&b);
    board_dma_good(&b, IOVA, page);
    board_end(&b);
}

static void test_root_access(void)
{
    Board b;

    start_mapped(&b, "");
    g_assert_true(guest_set_root(&b.regs, BOARD_HOLE));
    expect_both(&b, SPEC_FR_ROOT_ACCESS);
    g_assert_true(guest_set_root(&b.regs, b.root));
    board_put64(&b, root_entry(&b), BOARD_HOLE | SPEC_ROOT_P);
    expect_both(&b, SPEC_FR_CTX_ACCESS);
    /* the unit's own registers are no place for a table */
    board_put64(&b, root_entry(&b), BOARD_UNIT | SPEC_ROOT_P);
    expect_both(&b, SPEC_FR_CTX_ACCESS);
    g_assert_true(guest_set_root(&b.regs, BOARD_UNIT));
    expect_both(&b, SPEC_FR_ROOT_ACCESS);
    board_end(&b);
}

/* [VTD 7.1.3] [VTD 9.3] */
static void test_context_entry(void)
{
    uint64_t lo, hi, page;
    Board b;

    page = start_mapped(&b, "haw-bits=46");
    lo = board_context_lo(&b);
    hi = board_context_hi(&b);

    board_context(&b, 0, 0);
    expect_both(&b, SPEC_FR_CTX_NOT_PRESENT);
    board_context(&b, ~SPEC_CTX_P & ~SPEC_CTX_FPD, ~0ull);
    expect_both(&b, SPEC_FR_CTX_NOT_PRESENT);

    for (unsigned bit = 4; bit < 12; bit++) {
        board_context(&b, lo | SPEC_BIT(bit), hi);
        expect_both(&b, SPEC_FR_CTX_RESERVED);
    }
    board_context(&b, lo | SPEC_BIT(46), hi);
    expect_both(&b, SPEC_FR_CTX_RESERVED);
    board_context(&b, lo, hi | SPEC_BIT(7));
    expect_both(&b, SPEC_FR_CTX_RESERVED);
    for (unsigned bit = 24; bit < 64; bit += 3) {
        board_context(&b, lo, hi | SPEC_BIT(bit));
        expect_both(&b, SPEC_FR_CTX_RESERVED);
    }
    /* for software */
    board_context(&b, lo, hi | SPEC_CTX_HI_IGNORED);
    board_flush(&b);
    board_dma_good(&b, IOVA, page);
    board_end(&b);
}

/* Values of AW and TT that are not offered [VTD 9.3]. */
static void test_context_invalid(void)
{
    static const struct {
        const char *options;
        unsigned aw, tt;
    } cases[] = {
        { "aw-bits=39", SPEC_AW_48, SPEC_TT_MULTI },
        { "aw-bits=39", SPEC_AW_57, SPEC_TT_MULTI },
        { "aw-bits=48", SPEC_AW_57, SPEC_TT_MULTI },
        { "aw-bits=48", 0, SPEC_TT_MULTI },
        { "aw-bits=57", 4, SPEC_TT_MULTI },
        { "aw-bits=57", 5, SPEC_TT_MULTI },
        { "aw-bits=57", 6, SPEC_TT_MULTI },
        { "aw-bits=57", 7, SPEC_TT_MULTI },
        { "pt=off", SPEC_AW_48, SPEC_TT_PASS },
        { "pt=on", SPEC_AW_48, 3 },
        { "device-iotlb=off", SPEC_AW_48, SPEC_TT_DEVTLB },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Board b;

        g_test_message("%s, AW %u, TT %u", cases[i].options, cases[i].aw,
                       cases[i].tt);
        board_start(&b, cases[i].options);
        board_translate(&b, 3);
        board_context(&b, board_context_lo(&b) |
                      cases[i].tt << SPEC_CTX_TT_SHIFT,
                      (board_context_hi(&b) & ~SPEC_CTX_HI_AW) |
                      cases[i].aw);
        expect_both(&b, SPEC_FR_CTX_INVALID);
        board_end(&b);
    }
}

static void test_paging_access(void)
{
    uint64_t page;
    Board b;

    page = start_mapped(&b, "");
    board_context(&b, SPEC_CTX_P | BOARD_HOLE, board_context_hi(&b));
    expect_both(&b, SPEC_FR_SS_ACCESS);
    board_context(&b, SPEC_CTX_P | BOARD_UNIT, board_context_hi(&b));
    expect_both(&b, SPEC_FR_SS_ACCESS);
    board_context(&b, board_context_lo(&b), board_context_hi(&b));
    for (unsigned level = 2; level <= 4; level++) {
        uint64_t at = board_entry(&b, IOVA, level);
        uint64_t entry = board_get64(&b, at);

        board_put64(&b, at, BOARD_HOLE | BOARD_RW);
        expect_both(&b, SPEC_FR_SS_ACCESS);
        board_put64(&b, at, entry);
    }
    board_flush(&b);
    board_dma_good(&b, IOVA, page);
    board_no_fault(&b);
    board_end(&b);
}

static void reserved_bit(Board *b, unsigned level, unsigned bit)
{
    uint64_t at = board_entry(b, IOVA, level);
    uint64_t entry = board_get64(b, at);

    g_test_message("level %u, bit %u", level, bit);
    board_put64(b, at, entry | SPEC_BIT(bit));
    expect_both(b, SPEC_FR_SS_RESERVED);
    /* found before a missing permission is, */
    board_put64(b, at, (entry & ~SPEC_SS_W) | SPEC_BIT(bit));
    expect_both(b, SPEC_FR_SS_RESERVED);
    /* but an entry that allows nothing is not present */
    board_put64(b, at, (entry & ~BOARD_RW) | SPEC_BIT(bit));
    board_flush(b);
    board_dma_fault(b, IOVA, false, SPEC_FR_READ);
    board_dma_fault(b, IOVA, true, SPEC_FR_WRITE);
    board_put64(b, at, entry);
}

/* [VTD 7.1.3] [VTD 9.8] */
static void test_paging_reserved(void)
{
    uint64_t page, at;
    Board b;

    page = start_mapped(&b, "haw-bits=46");
    for (unsigned level = 1; level <= 4; level++) {
        for (unsigned bit = 46; bit < 52; bit++) {
            reserved_bit(&b, level, bit);
        }
    }
    /* no pages of 512 GiB */
    reserved_bit(&b, 4, 7);

    /* address bits inside a large page */
    at = board_entry(&b, IOVA, 2);
    for (unsigned bit = 12; bit < 21; bit++) {
        board_put64(&b, at, BOARD_RW | SPEC_SS_PS | SPEC_BIT(bit));
        expect_both(&b, SPEC_FR_SS_RESERVED);
    }
    at = board_entry(&b, IOVA, 3);
    for (unsigned bit = 12; bit < 30; bit++) {
        board_put64(&b, at, BOARD_RW | SPEC_SS_PS | SPEC_BIT(bit));
        expect_both(&b, SPEC_FR_SS_RESERVED);
    }
    /* the large page itself works */
    board_put64(&b, at, BOARD_RW | SPEC_SS_PS);
    board_flush(&b);
    board_dma_good(&b, (IOVA & ~UINT64_C(0x3fffffff)) + page, page);
    board_end(&b);
}

/* Level 5 has no pages either. */
static void test_level5_reserved(void)
{
    uint64_t page, at;
    Board b;

    board_start(&b, "aw-bits=57");
    board_translate(&b, 5);
    page = board_pages(&b, 1);
    board_map(&b, IOVA, page, BOARD_RW);
    at = board_entry(&b, IOVA, 5);
    board_put64(&b, at, board_get64(&b, at) | SPEC_SS_PS);
    expect_both(&b, SPEC_FR_SS_RESERVED);
    board_put64(&b, at, board_get64(&b, at) & ~SPEC_SS_PS);
    board_flush(&b);
    board_dma_good(&b, IOVA, page);
    board_end(&b);
}

/* Translated into the interrupt range. */
static void test_output_interrupt(void)
{
    Board b;

    start_mapped(&b, "");
    board_map(&b, IOVA, 0xfee00000, BOARD_RW);
    expect_both(&b, SPEC_FR_OUT_INTERRUPT);
    board_map(&b, IOVA, 0xfeeff000, BOARD_RW);
    expect_both(&b, SPEC_FR_OUT_INTERRUPT);
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    board_end(&b);
}

/* A page outside of RAM translates; nothing answers there, and that is no
 *  remapping fault. */
static void test_no_target(void)
{
    uint64_t value = 0;
    Board b;

    start_mapped(&b, "");
    board_map(&b, IOVA, BOARD_HOLE, BOARD_RW);
    board_flush(&b);
    g_assert_cmpint(testdev_dma_read(&b.dev, IOVA, &value, 8).why, !=,
                    TD_BLOCKED);
    board_no_fault(&b);
    board_end(&b);
}

/* --- Fault processing disable -------------------------------------------- */

static void expect_silent(Board *b, uint64_t iova)
{
    board_flush(b);
    board_dma_blocked(b, iova, false);
    board_dma_blocked(b, iova, true);
    board_no_fault(b);
}

static void test_fpd(void)
{
    uint64_t lo, hi, entry, at;
    Board b;

    start_mapped(&b, "");
    lo = board_context_lo(&b) | SPEC_CTX_FPD;
    hi = board_context_hi(&b);

    /* 2, 3, 0xb: FPD counts even when P is clear */
    board_context(&b, SPEC_CTX_FPD, 0);
    expect_silent(&b, IOVA);
    board_context(&b, lo, (hi & ~SPEC_CTX_HI_AW) | 7);
    expect_silent(&b, IOVA);
    board_context(&b, lo | SPEC_BIT(5), hi);
    expect_silent(&b, IOVA);
    /* 4, 5, 6 */
    board_context(&b, lo, hi);
    expect_silent(&b, SPEC_BIT(48));
    expect_silent(&b, IOVA + 4096);
    /* 7 */
    board_context(&b, SPEC_CTX_P | SPEC_CTX_FPD | BOARD_HOLE, hi);
    expect_silent(&b, IOVA);
    board_context(&b, lo, hi);
    /* 0xc */
    at = board_entry(&b, IOVA, 4);
    entry = board_get64(&b, at);
    board_put64(&b, at, entry | SPEC_SS_PS);
    expect_silent(&b, IOVA);
    board_put64(&b, at, entry);
    /* the context entry is not reached: 1, 0xa, 8, 9 are always told */
    at = root_entry(&b);
    entry = board_get64(&b, at);
    board_put64(&b, at, 0);
    expect_both(&b, SPEC_FR_ROOT_NOT_PRESENT);
    board_put64(&b, at, entry | SPEC_BIT(1));
    expect_both(&b, SPEC_FR_ROOT_RESERVED);
    board_put64(&b, at, SPEC_ROOT_P | BOARD_HOLE);
    expect_both(&b, SPEC_FR_CTX_ACCESS);
    board_put64(&b, at, entry);
    /* and with FPD taken away, everything is */
    board_context(&b, lo & ~SPEC_CTX_FPD, hi);
    board_flush(&b);
    board_dma_fault(&b, IOVA + 4096, true, SPEC_FR_WRITE);
    board_end(&b);
}

/* --- Which condition wins ------------------------------------------------ */

static void test_priority(void)
{
    const uint64_t wide = SPEC_BIT(48);
    uint64_t lo, hi;
    Board b;

    start_mapped(&b, "");
    lo = board_context_lo(&b);
    hi = board_context_hi(&b);
    /* the root entry comes before the context entry before the address */
    board_put64(&b, root_entry(&b) + 8, 1);
    board_context(&b, lo | SPEC_BIT(4), hi);
    board_flush(&b);
    board_dma_fault(&b, wide, false, SPEC_FR_ROOT_RESERVED);
    board_put64(&b, root_entry(&b) + 8, 0);
    board_flush(&b);
    board_dma_fault(&b, wide, false, SPEC_FR_CTX_RESERVED);
    board_context(&b, lo, (hi & ~SPEC_CTX_HI_AW) | SPEC_AW_57);
    board_flush(&b);
    board_dma_fault(&b, wide, false, SPEC_FR_CTX_INVALID);
    /* the address before the tables */
    board_context(&b, SPEC_CTX_P | BOARD_HOLE, hi);
    board_flush(&b);
    board_dma_fault(&b, wide, true, SPEC_FR_ADDR_TOO_WIDE);
    board_end(&b);
}

/*
 * The record of a request in the middle of a page says the page [VTD 11.4.7.6].
 */
static void test_record_address(void)
{
    uint64_t value = 0;
    TestdevResult result;
    Fault fault;
    Board b;

    start_mapped(&b, "");
    result = testdev_dma_read(&b.dev, IOVA + 0x2abc, &value, 4);
    g_assert_cmpint(result.why, ==, TD_BLOCKED);
    fault = board_take_fault(&b);
    g_assert_cmphex(fault.info, ==, IOVA + 0x2000);
    g_assert_cmphex(fault.reason, ==, SPEC_FR_READ);
    g_assert_cmphex(fault.source, ==, b.source);
    board_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/faults/root-entry", test_root_entry);
    g_test_add_func("/faults/table-access", test_root_access);
    g_test_add_func("/faults/context-entry", test_context_entry);
    g_test_add_func("/faults/context-invalid", test_context_invalid);
    g_test_add_func("/faults/paging-access", test_paging_access);
    g_test_add_func("/faults/paging-reserved", test_paging_reserved);
    g_test_add_func("/faults/level5-reserved", test_level5_reserved);
    g_test_add_func("/faults/output-interrupt", test_output_interrupt);
    g_test_add_func("/faults/no-target", test_no_target);
    g_test_add_func("/faults/fpd", test_fpd);
    g_test_add_func("/faults/priority", test_priority);
    g_test_add_func("/faults/record-address", test_record_address);
    return g_test_run();
}
