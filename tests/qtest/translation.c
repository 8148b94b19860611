/* SPDX-License-Identifier: BSD-3-Clause */
/* Legacy-mode translation: table depths, page sizes, permissions, types. */
#include <stdio.h>
#include <string.h>

#include "tests/qtest/board.h"

/* The same low 30 bits, so that pages of each size fit. */
static uint64_t iova_of(unsigned levels, unsigned nth)
{
    unsigned bits = 12 + 9 * levels;

    switch (nth) {
    case 0:
        return 0;
    case 1:
        return UINT64_C(1) << (bits - 1);
    default:
        return (UINT64_C(1) << bits) - (UINT64_C(1) << 30);
    }
}

static void check_depth(unsigned aw_bits, unsigned levels)
{
    char options[32];
    Board b;

    snprintf(options, sizeof(options), "aw-bits=%u", aw_bits);
    board_start(&b, options);
    board_translate(&b, levels);
    for (unsigned nth = 0; nth < 3; nth++) {
        uint64_t base = iova_of(levels, nth);
        uint64_t page = board_pages(&b, 1);
        uint64_t big = board_pages(&b, 512);

        g_test_message("aw %u, %u levels, %#" G_GINT64_MODIFIER "x", aw_bits,
                       levels, base);
        /* 1 GiB leaf: the offset inside is the physical address */
        board_map_leaf(&b, base, 0, 3, BOARD_RW);
        board_dma_good(&b, base + page + 0x128, page + 0x128);
        board_put64(&b, board_entry(&b, base, 3), 0);
        board_flush(&b);
        board_map_leaf(&b, base + 0x200000, big, 2, BOARD_RW);
        board_map(&b, base + 0x5000, page, BOARD_RW);
        board_dma_good(&b, base + 0x200000, big);
        board_dma_good(&b, base + 0x3ffff8, big + 0x1ffff8);
        board_dma_good(&b, base + 0x5000, page);
        board_dma_good(&b, base + 0x5ff8, page + 0xff8);
        board_dma_fault(&b, base + 0x6000, false, SPEC_FR_READ);
        board_dma_fault(&b, base + 0x4ff8, true, SPEC_FR_WRITE);
    }
    board_end(&b);
}

/* [VTD 3.4.2] [VTD 3.5] */
static void test_depths(void)
{
    check_depth(39, 3);
    check_depth(48, 3);
    check_depth(48, 4);
    check_depth(57, 3);
    check_depth(57, 4);
    check_depth(57, 5);
}

/* The first and the last address that a width has [VTD 3.5]. */
static void test_widths(void)
{
    for (unsigned levels = 3; levels <= 5; levels++) {
        uint64_t top = UINT64_C(1) << (12 + 9 * levels);
        uint64_t page;
        Board b;

        board_start(&b, "aw-bits=57");
        board_translate(&b, levels);
        page = board_pages(&b, 1);
        board_map(&b, top - 4096, page, BOARD_RW);
        board_dma_good(&b, top - 8, page + 0xff8);
        board_dma_fault(&b, top, false, SPEC_FR_ADDR_TOO_WIDE);
        board_dma_fault(&b, top, true, SPEC_FR_ADDR_TOO_WIDE);
        board_dma_fault(&b, UINT64_C(0xffffffffffff0000), false,
                        SPEC_FR_ADDR_TOO_WIDE);
        board_end(&b);
    }
}

static void check_access(Board *b, uint64_t iova, uint64_t page,
                         uint64_t flags)
{
    if (flags & SPEC_SS_R) {
        board_dma_reads(b, iova, page);
    } else {
        board_dma_fault(b, iova, false, SPEC_FR_READ);
    }
    if (flags & SPEC_SS_W) {
        board_dma_writes(b, iova, page);
    } else {
        board_dma_fault(b, iova, true, SPEC_FR_WRITE);
    }
}

/* Read and write must be allowed at each level on the way [VTD 3.7.1]. */
static void test_permissions(void)
{
    const uint64_t iova = 0x123456000;
    uint64_t page;
    Board b;

    board_start(&b, "");
    board_translate(&b, 4);
    page = board_pages(&b, 1);
    board_map(&b, iova, page, BOARD_RW);
    for (unsigned level = 1; level <= 4; level++) {
        uint64_t at = board_entry(&b, iova, level);
        uint64_t entry = board_get64(&b, at);

        for (unsigned flags = 0; flags <= 3; flags++) {
            g_test_message("level %u, permissions %u", level, flags);
            board_put64(&b, at, (entry & ~BOARD_RW) | flags);
            board_flush(&b);
            check_access(&b, iova, page, flags);
            /* and again with what is cached now */
            check_access(&b, iova, page, flags);
        }
        board_put64(&b, at, entry);
    }
    /* read from one level, write from another: nothing is left */
    board_put64(&b, board_entry(&b, iova, 1), page | SPEC_SS_R);
    board_put64(&b, board_entry(&b, iova, 2),
                (board_get64(&b, board_entry(&b, iova, 2)) & ~BOARD_RW) |
                SPEC_SS_W);
    board_flush(&b);
    check_access(&b, iova, page, 0);
    board_end(&b);
}

/* Bits that hardware ignores in legacy mode, at each level. */
static void test_ignored_bits(void)
{
    const uint64_t iova = 0x123456000;
    const uint64_t leaf = SPEC_BITS(6, 2) | SPEC_BITS(10, 8) |
                          SPEC_BITS(61, 52) | SPEC_BIT(63);
    const uint64_t table = SPEC_BITS(6, 2) | SPEC_BITS(10, 8) |
                           SPEC_BITS(61, 52) | SPEC_BIT(63);
    uint64_t page, at;
    Board b;

    board_start(&b, "");
    board_translate(&b, 4);
    page = board_pages(&b, 1);
    /* bit 7 is a page size at levels 2 and 3 only */
    board_map(&b, iova, page, BOARD_RW | leaf | SPEC_SS_PS);
    for (unsigned level = 2; level <= 4; level++) {
        at = board_entry(&b, iova, level);
        board_put64(&b, at, board_get64(&b, at) | table);
    }
    board_dma_good(&b, iova, page);
    /* accessed and dirty are not written */
    g_assert_cmphex(board_get64(&b, board_entry(&b, iova, 1)), ==,
                    page | BOARD_RW | leaf | SPEC_SS_PS);
    at = board_pages(&b, 512);
    board_map_leaf(&b, iova + 0x40000000, 0, 3, BOARD_RW | leaf);
    board_dma_good(&b, (iova & ~UINT64_C(0x3fffffff)) + 0x40000000 + at, at);
    board_end(&b);
}

/* DMA that goes over pages which lie apart, and one of them missing. */
static void test_spans(void)
{
    const uint64_t iova = 0x7ffff000;
    const unsigned n = 17;
    const uint64_t seed = 0x1234;
    TestdevResult result;
    uint64_t pages;
    Board b;

    board_start(&b, "");
    board_translate(&b, 4);
    pages = board_pages(&b, 2 * n);
    for (unsigned i = 0; i < n; i++) {
        board_map(&b, iova + 4096 * i, pages + 8192 * (n - 1 - i), BOARD_RW);
    }
    result = testdev_fill(&b.dev, iova + 0x230, 4096 * (n - 1), seed);
    g_assert_cmpint(result.why, ==, TD_OK);
    g_assert_cmpuint(result.done, ==, 4096 * (n - 1));
    /* word 0 is in the first page, the last one in the last */
    g_assert_cmphex(board_get64(&b, pages + 8192 * (n - 1) + 0x230), ==,
                    testdev_pattern(seed, 0));
    g_assert_cmphex(board_get64(&b, pages + 0x228), ==,
                    testdev_pattern(seed, 512 * (n - 1) - 1));
    g_assert_cmphex(board_get64(&b, pages + 0x230), ==, 0);
    result = testdev_verify(&b.dev, iova + 0x230, 4096 * (n - 1), seed);
    g_assert_cmpint(result.why, ==, TD_OK);

    board_map(&b, iova + 4096 * 3, 0, 0);
    board_flush(&b);
    result = testdev_verify(&b.dev, iova, 4096 * n, seed);
    g_assert_cmpint(result.why, !=, TD_OK);
    result = testdev_fill(&b.dev, iova + 0x230, 4096 * (n - 1), seed);
    g_assert_cmpint(result.why, ==, TD_BLOCKED);
    g_assert_cmphex(result.fault_addr, ==, iova + 4096 * 3);
    g_assert_cmpuint(result.done, ==, 4096 * 3 - 0x230);
    board_end(&b);
}

static void test_pass_through(void)
{
    uint64_t page;
    Board b;

    board_start(&b, "pt=on");
    board_translate(&b, 4);
    page = board_pages(&b, 1);
    board_context(&b, SPEC_CTX_P | SPEC_TT_PASS << SPEC_CTX_TT_SHIFT,
                  board_context_hi(&b));
    board_flush(&b);
    board_dma_good(&b, page, page);
    board_dma_good(&b, page + 0xff8, page + 0xff8);
    board_no_fault(&b);
    /* its table pointer is not looked at */
    board_context(&b, SPEC_CTX_P | SPEC_TT_PASS << SPEC_CTX_TT_SHIFT |
                  BOARD_HOLE, board_context_hi(&b));
    board_flush(&b);
    board_dma_good(&b, page, page);
    /* back to tables */
    board_context(&b, board_context_lo(&b), board_context_hi(&b));
    board_flush(&b);
    board_dma_fault(&b, page, true, SPEC_FR_WRITE);
    board_end(&b);
}

/* Type 01 translates untranslated requests as type 00 does. */
static void test_device_tlb_type(void)
{
    const uint64_t iova = 0x5000;
    uint64_t page;
    Board b;

    board_start(&b, "device-iotlb=on");
    board_translate(&b, 4);
    page = board_pages(&b, 1);
    board_map(&b, iova, page, BOARD_RW);
    board_context(&b, board_context_lo(&b) |
                  SPEC_TT_DEVTLB << SPEC_CTX_TT_SHIFT, board_context_hi(&b));
    board_flush(&b);
    board_dma_good(&b, iova, page);
    board_dma_fault(&b, page, false, SPEC_FR_READ);
    board_end(&b);
}

static void test_snoop(void)
{
    const uint64_t iova = 0x40200000;
    uint64_t page;
    Board b;

    board_start(&b, "snoop-control=on");
    board_translate(&b, 4);
    page = board_pages(&b, 512);
    board_map(&b, iova, page, BOARD_RW | SPEC_SS_SNP);
    board_map_leaf(&b, iova + 0x200000, page, 2, BOARD_RW | SPEC_SS_SNP);
    board_dma_good(&b, iova, page);
    board_dma_good(&b, iova + 0x200000 + 0x7000, page + 0x7000);
    board_end(&b);

    /* reserved without snoop control */
    board_start(&b, "snoop-control=off");
    board_translate(&b, 4);
    page = board_pages(&b, 1);
    board_map(&b, iova, page, BOARD_RW | SPEC_SS_SNP);
    board_dma_fault(&b, iova, false, SPEC_FR_SS_RESERVED);
    board_end(&b);
}

static void test_transient_mapping(void)
{
    const uint64_t iova = 0x40200000;
    uint64_t page;
    Board b;

    board_start(&b, "");
    board_translate(&b, 4);
    page = board_pages(&b, 1);
    board_map(&b, iova, page, BOARD_RW | SPEC_SS_TM);
    board_dma_fault(&b, iova, true, SPEC_FR_SS_RESERVED);
    board_end(&b);

    board_start(&b, "device-iotlb=on,stale-tm=on");
    board_translate(&b, 4);
    page = board_pages(&b, 1);
    board_map(&b, iova, page, BOARD_RW | SPEC_SS_TM);
    board_dma_good(&b, iova, page);
    board_end(&b);
}

/* Two endpoints: each its own table, then both the same one [VTD 3.4]. */
static void test_endpoints(void)
{
    const uint64_t iova = 0x80000000;
    GuestContext ctx = { .levels = 3, .domain = 77 };
    uint64_t page[2], value = 0;
    TestdevResult result;
    Testdev other;
    Board b;

    board_start_with(&b, "", "-device viommu-testdev,addr=5");
    testdev_init(&other, &b.bus, 1);
    g_assert_cmphex(pci_source(&other.pci), !=, b.source);
    board_translate(&b, 4);
    page[0] = board_pages(&b, 1);
    page[1] = board_pages(&b, 1);
    board_map(&b, iova, page[0], BOARD_RW);
    ctx.table = guest_ss_new(&b.alloc);
    g_assert_true(guest_ss_map(&b.alloc, ctx.table, 3, iova, page[1], 1,
                               BOARD_RW));
    g_assert_true(guest_context_set(&b.alloc, b.root,
                                    pci_source(&other.pci), &ctx));
    board_put64(&b, page[1], 0x1111);
    board_dma_good(&b, iova, page[0]);
    result = testdev_dma_read(&other, iova, &value, 8);
    g_assert_cmpint(result.why, ==, TD_OK);
    g_assert_cmphex(GUINT64_FROM_LE(value), ==, 0x1111);

    g_assert_true(guest_context_set_raw(&b.alloc, b.root,
                                        pci_source(&other.pci),
                                        board_context_lo(&b),
                                        board_context_hi(&b)));
    board_flush(&b);
    board_put64(&b, page[0], 0x2222);
    result = testdev_dma_read(&other, iova, &value, 8);
    g_assert_cmpint(result.why, ==, TD_OK);
    g_assert_cmphex(GUINT64_FROM_LE(value), ==, 0x2222);
    board_dma_good(&b, iova, page[0]);
    board_end(&b);
}

/* A table may point back at itself; a walk still ends. */
static void test_self_reference(void)
{
    Board b;

    board_start(&b, "");
    board_translate(&b, 4);
    board_put64(&b, b.table, b.table | BOARD_RW);
    /* the "page" is the top table itself */
    board_dma_reads(&b, 8 * 100, b.table + 8 * 100);
    board_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/translation/depths", test_depths);
    g_test_add_func("/translation/widths", test_widths);
    g_test_add_func("/translation/permissions", test_permissions);
    g_test_add_func("/translation/ignored-bits", test_ignored_bits);
    g_test_add_func("/translation/spans", test_spans);
    g_test_add_func("/translation/pass-through", test_pass_through);
    g_test_add_func("/translation/device-tlb-type", test_device_tlb_type);
    g_test_add_func("/translation/snoop", test_snoop);
    g_test_add_func("/translation/transient-mapping", test_transient_mapping);
    g_test_add_func("/translation/endpoints", test_endpoints);
    g_test_add_func("/translation/self-reference", test_self_reference);
    return g_test_run();
}
