/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whatever is written to the registers, into tables and into the queue: the
 * machine stays alive, answers in bounded time, and works again after a
 * reset.  The sequences are pseudo-random with fixed seeds; a number in
 * VIOMMU_QTEST_SEED gives others.
 */
#include <string.h>

#include "tests/qtest/board.h"
#include "tests/lib/vtd-scalable.h"

#define WINDOW 4096

static const char all_options[] =
    "aw-bits=57,intremap=on,eim=on,posted-interrupts=on,device-iotlb=on,"
    "pmr=on,esrtps=on,fault-records=8,snoop-control=on,x-scalable-mode=on,"
    "x-flts=on,nested=on,pasid-bits=20,dirty-tracking=on,"
    "extended-access=on,pri=on";

static GRand *new_rand(uint32_t seed)
{
    const char *other = g_getenv("VIOMMU_QTEST_SEED");

    seed += other ? (uint32_t)g_ascii_strtoull(other, NULL, 0) * 1000 : 0;
    return g_rand_new_with_seed(seed);
}

static uint64_t rand64(GRand *rand)
{
    return (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
}

/* Values that more often mean something than plain noise does */
static uint64_t value(GRand *rand, uint64_t heap)
{
    uint64_t page = heap + 4096ull * g_rand_int_range(rand, 0, 32);

    switch (g_rand_int_range(rand, 0, 12)) {
    case 0:
        return 0;
    case 1:
        return ~0ull;
    case 2:
        return SPEC_BIT(g_rand_int_range(rand, 0, 64));
    case 3:
        return page | (g_rand_int(rand) & 0xfff);
    case 4:
        return page | 3;
    case 5:
        return BOARD_UNIT + g_rand_int_range(rand, 0, WINDOW);
    case 6:
        return BOARD_RAM - g_rand_int_range(rand, 0, 16);
    case 7:
        return BOARD_HOLE;
    case 8:
        return g_rand_int_range(rand, 0, 512);
    case 9:
        return g_rand_int_range(rand, 0, 256) * 16;
    case 10:
        return rand64(rand) & SPEC_BITS(31, 23);
    default:
        return rand64(rand);
    }
}

static uint64_t some_offset(GRand *rand)
{
    static const uint16_t known[] = {
        SPEC_GCMD, SPEC_RTADDR, SPEC_CCMD, SPEC_CCMD + 4, SPEC_FSTS,
        SPEC_FECTL, SPEC_FEDATA, SPEC_FEADDR, SPEC_PMEN, SPEC_PLMBASE,
        SPEC_PLMLIMIT, SPEC_PHMBASE, SPEC_PHMLIMIT, SPEC_IQT, SPEC_IQA,
        SPEC_ICS, SPEC_IECTL, SPEC_IEDATA, SPEC_IEADDR, SPEC_IRTA, SPEC_PQH,
        SPEC_PQT, SPEC_PQA, SPEC_PRS, SPEC_PECTL, SPEC_PEADDR, SPEC_VCMD,
        0xf0, 0xf8, 0xfc, 0x22c,
    };

    if (g_rand_int_range(rand, 0, 4)) {
        return known[g_rand_int_range(rand, 0, G_N_ELEMENTS(known))];
    }
    return g_rand_int_range(rand, 0, WINDOW - 8);
}

static void random_access(Board *b, GRand *rand, uint64_t heap)
{
    unsigned size = 1u << g_rand_int_range(rand, 0, 4);
    uint64_t addr = BOARD_UNIT + some_offset(rand);

    if (g_rand_int_range(rand, 0, 5)) {
        qtest_write(b->q, addr, value(rand, heap), size);
    } else {
        qtest_read(b->q, addr, size);
    }
}

static void random_dma(Board *b, GRand *rand, uint64_t heap)
{
    /* reads only: writes would make what the next run meets differ */
    testdev_set(&b->dev, TD_PASID, g_rand_int_range(rand, 0, 3) ? 0 :
                SPEC_BIT(31) | g_rand_int_range(rand, 0, 100));
    testdev_set(&b->dev, TD_SRC, value(rand, heap));
    testdev_set(&b->dev, TD_LENGTH, g_rand_int_range(rand, 1, 9000));
    testdev_run(&b->dev, TD_READ);
}

/* Translation on, and much that the tables in use lead to. */
static void random_dmas(Board *b, GRand *rand, uint64_t heap)
{
    board_flush(b);
    board_command(b, SPEC_GCMD_TE, 0);
    for (unsigned i = 0; i < 60; i++) {
        random_dma(b, rand, heap);
    }
    board_command(b, 0, SPEC_GCMD_TE);
    for (unsigned i = 0; i < 8; i++) {
        board_clear_fault(b, i);
    }
    board_set32(b, SPEC_FSTS, SPEC_FSTS_PFO);
}

static void random_interrupt(Board *b, GRand *rand)
{
    pci_msix_set(&b->dev.pci, 0,
                 SPEC_MSI_BASE | (rand64(rand) & SPEC_BITS(19, 2)),
                 g_rand_int(rand) & (g_rand_boolean(rand) ? 0xffff : ~0u));
    testdev_interrupt(&b->dev, 0);
}

/* It still answers, and after a reset all is well. */
static void expect_alive(Board *b)
{
    const uint64_t iova = 0x1234567000;
    uint64_t page;

    g_assert_cmphex(board_reg32(b, SPEC_VER), ==, 0x10);
    board_reset(b);
    g_assert_cmphex(board_reg32(b, SPEC_GSTS), ==, 0);
    page = board_pages(b, 1);
    board_translate(b, 4);
    board_map(b, iova, page, BOARD_RW);
    board_dma_good(b, iova, page);
    board_queue(b, 0);
    board_sync(b);
    sink_clear(b->q);
}

static void end_alive(Board *b, GRand *rand)
{
    expect_alive(b);
    g_rand_free(rand);
    board_end(b);
}

static void fill_random(Board *b, GRand *rand, uint64_t addr, unsigned pages,
                        uint64_t heap)
{
    const unsigned n = pages * 512;
    g_autofree uint64_t *words = g_new(uint64_t, n);

    for (unsigned i = 0; i < n; i++) {
        words[i] = GUINT64_TO_LE(value(rand, heap));
    }
    qtest_memwrite(b->q, addr, words, 4096ul * pages);
}

static void test_registers(void)
{
    Board b;

    board_start(&b, all_options);
    pci_msix_enable(&b.dev.pci);
    for (unsigned seed = 1; seed <= 6; seed++) {
        GRand *rand = new_rand(seed);
        uint64_t heap = board_pages(&b, 32);

        fill_random(&b, rand, heap, 32, heap);
        for (unsigned i = 0; i < 3000; i++) {
            random_access(&b, rand, heap);
            if (i % 8 == 0) {
                random_dma(&b, rand, heap);
            }
            if (i % 16 == 0) {
                random_interrupt(&b, rand);
            }
        }
        expect_alive(&b);
        pci_msix_enable(&b.dev.pci);
        g_rand_free(rand);
    }
    board_end(&b);
}

/* Each offset, each size, all ones: several commands at once, too. */
static void test_every_offset(void)
{
    Board b;

    board_start(&b, all_options);
    for (unsigned at = 0; at < WINDOW; at++) {
        for (unsigned size = 1; size <= 8 && at + size <= WINDOW; size *= 2) {
            qtest_write(b.q, BOARD_UNIT + at, ~0ull, size);
        }
    }
    for (unsigned at = WINDOW; at-- > 0;) {
        qtest_write(b.q, BOARD_UNIT + at, 0xff, 1);
    }
    g_assert_cmphex(board_reg32(&b, SPEC_VER), ==, 0x10);
    expect_alive(&b);
    board_end(&b);
}

/* Random entries in tables that are in use. */
static void test_tables(void)
{
    GRand *rand = new_rand(99);
    Board b;

    board_start(&b, all_options);
    for (unsigned round = 0; round < 40; round++) {
        uint64_t heap = board_pages(&b, 32);

        fill_random(&b, rand, heap, 32, heap);
        if (round % 2) {
            /* a root and a context that lead somewhere */
            board_put64(&b, heap, (heap + 4096) | SPEC_ROOT_P);
            board_put64(&b, heap + 8, 0);
            board_put64(&b, heap + 4096 + b.source * 16,
                        (heap + 8192) | SPEC_CTX_P);
            board_put64(&b, heap + 4096 + b.source * 16 + 8,
                        SPEC_AW_39 + round % 3);
        }
        g_assert_true(guest_set_root(&b.regs, heap));
        random_dmas(&b, rand, heap);
    }
    end_alive(&b, rand);
}

/*
 * The same with scalable tables: in each round one page of each kind, and
 * half of the pointers that lead there are right.
 */
static void test_scalable_tables(void)
{
    GRand *rand = new_rand(101);
    Board b;

    board_start(&b, all_options);
    for (unsigned round = 0; round < 40; round++) {
        uint64_t heap = board_pages(&b, 32);
        uint64_t ctx = heap + 4096 + b.source * SPEC_SM_CTX_SIZE;
        unsigned depth = round % 4;

        fill_random(&b, rand, heap, 32, heap);
        board_put64(&b, heap, (heap + 4096) | SPEC_ROOT_P);
        if (depth > 0) {
            board_put64(&b, ctx, (heap + 8192) | SPEC_SM_CTX_P |
                        SPEC_SM_CTX_PASIDE);
            board_put64(&b, ctx + 8, 0);
            board_put64(&b, ctx + 16, 0);
            board_put64(&b, ctx + 24, 0);
        }
        if (depth > 1) {
            board_put64(&b, heap + 8192, (heap + 12288) | SPEC_DIR_P);
            board_put64(&b, heap + 8200, (heap + 16384) | SPEC_DIR_P);
        }
        for (unsigned i = 0; depth > 2 && i < 64; i++) {
            uint64_t at = heap + 12288 + SPEC_PASID_SIZE * i;

            qtest_memset(b.q, at, 0, SPEC_PASID_SIZE);
            board_put64(&b, at, (heap + 20480) | SPEC_PASID_P |
                        (1 + i % 3) << SPEC_PASID_PGTT_SHIFT |
                        SPEC_AW_48 << SPEC_PASID_AW_SHIFT);
            board_put64(&b, at + 8, i);
            board_put64(&b, at + 16, heap + 24576 + 4096 * (i % 2));
        }
        g_assert_true(guest_set_root(&b.regs, heap |
                                     SPEC_TTM_SCALABLE <<
                                     SPEC_RTADDR_TTM_SHIFT));
        random_dmas(&b, rand, heap);
    }
    end_alive(&b, rand);
}

static uint64_t random_descriptor(GRand *rand, uint64_t heap)
{
    uint64_t lo = value(rand, heap);

    if (g_rand_int_range(rand, 0, 8)) {
        /* of a known type, few reserved bits */
        lo = (lo & 0xffffffffffff0030ull) | g_rand_int_range(rand, 1, 10);
    }
    return lo;
}

static void random_queue(Board *b, GRand *rand)
{
    uint64_t heap = board_pages(b, 32);

    for (unsigned i = 0; i < 6000; i++) {
        uint64_t lo = random_descriptor(rand, heap);
        uint64_t hi = value(rand, heap);

        if ((lo & SPEC_INV_TYPE) == SPEC_INV_WAIT) {
            hi = heap + g_rand_int_range(rand, 0, 32 * 1024) * 4;
        }
        guest_queue_push(&b->queue, lo, hi);
        if (i % 32 == 31) {
            guest_queue_ring(&b->queue);
            /* errors are cleared until it has eaten everything */
            for (unsigned k = 0; k < 40; k++) {
                uint64_t head = board_reg64(b, SPEC_IQH);

                if (head == b->queue.tail) {
                    break;
                }
                board_put64(b, b->queue.addr + head, SPEC_INV_WAIT);
                board_put64(b, b->queue.addr + head + 8, 0);
                board_set32(b, SPEC_FSTS, SPEC_FSTS_IQE | SPEC_FSTS_ICE |
                            SPEC_FSTS_ITE);
            }
            g_assert_true(qtest_wait(b->q, BOARD_UNIT + SPEC_IQH, 8, ~0ull,
                                     b->queue.tail));
        }
    }
}

static void test_queue(void)
{
    GRand *rand = new_rand(7);
    Board b;

    board_start(&b, all_options);
    board_queue(&b, 1);
    random_queue(&b, rand);
    end_alive(&b, rand);
}

/* Wide descriptors, while tables are scalable ones. */
static void test_wide_queue(void)
{
    GRand *rand = new_rand(8);
    Board b;

    board_start(&b, all_options);
    g_assert_true(guest_set_root(&b.regs, board_pages(&b, 1) |
                                 SPEC_TTM_SCALABLE << SPEC_RTADDR_TTM_SHIFT));
    g_assert_true(guest_queue_init_wide(&b.queue, &b.alloc, &b.regs, 1));
    random_queue(&b, rand);
    end_alive(&b, rand);
}

static void test_interrupts(void)
{
    GRand *rand = new_rand(31);
    uint64_t heap;
    Board b;

    board_start(&b, all_options);
    board_remap(&b, 7, true);
    board_queue(&b, 0);
    pci_msix_enable(&b.dev.pci);
    heap = board_pages(&b, 32);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 256; i++) {
            uint64_t lo = value(rand, heap) | SPEC_IRTE_P;
            uint64_t hi = value(rand, heap);

            if (i % 2) {
                lo &= ~SPEC_IRTE_RSVD;
                hi &= SPEC_BITS(17, 0);
            }
            if (lo & SPEC_IRTE_IM) {
                /* descriptors in the heap, not anywhere */
                lo &= ~SPEC_IRTE_PDAL;
                lo |= (heap + 64 * i) << 32 & SPEC_IRTE_PDAL;
                hi &= UINT32_MAX;
            }
            guest_irte_set_raw(&b.mem, b.irt, i, lo, hi);
        }
        guest_queue_iec(&b.queue, true, 0, 0);
        board_sync(&b);
        for (unsigned i = 0; i < 300; i++) {
            pci_msix_set(&b.dev.pci, 0, guest_msi_addr(i, i % 3 == 0),
                         i % 5 ? 0 : g_rand_int(rand));
            testdev_interrupt(&b.dev, 0);
        }
    }
    end_alive(&b, rand);
}

/* Everything at work while the machine is reset again and again. */
static void test_resets(void)
{
    GRand *rand = new_rand(5);
    Board b;

    board_start(&b, all_options);
    for (unsigned round = 0; round < 20; round++) {
        uint64_t heap = board_pages(&b, 32);

        board_translate(&b, 3 + round % 3);
        board_queue(&b, round % 8);
        for (unsigned i = 0; i < 200; i++) {
            guest_queue_iotlb(&b.queue, 1 + i % 3, i, i * 4096, 0, false);
        }
        guest_queue_ring(&b.queue);
        for (unsigned i = 0; i < 20; i++) {
            random_access(&b, rand, heap);
        }
        board_reset(&b);
        g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, 0);
        g_assert_cmphex(board_reg64(&b, SPEC_IQH), ==, 0);
    }
    end_alive(&b, rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/robust/registers", test_registers);
    g_test_add_func("/robust/every-offset", test_every_offset);
    g_test_add_func("/robust/tables", test_tables);
    g_test_add_func("/robust/scalable-tables", test_scalable_tables);
    g_test_add_func("/robust/queue", test_queue);
    g_test_add_func("/robust/wide-queue", test_wide_queue);
    g_test_add_func("/robust/interrupts", test_interrupts);
    g_test_add_func("/robust/resets", test_resets);
    return g_test_run();
}
