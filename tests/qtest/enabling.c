/* SPDX-License-Identifier: BSD-3-Clause */
/* GCMD and GSTS: what each command does, and when pointers take effect. */
#include "tests/qtest/board.h"

static const char all_options[] = "intremap=on,eim=on,pmr=on";

/* [VTD 11.4.4.1] [VTD 11.4.4.2] */
static void test_switches(void)
{
    static const uint32_t switches[] = {
        SPEC_GCMD_TE, SPEC_GCMD_QIE, SPEC_GCMD_IRE,
    };
    Board b;

    board_start(&b, all_options);
    for (size_t i = 0; i < G_N_ELEMENTS(switches); i++) {
        board_set32(&b, SPEC_GCMD, switches[i]);
        g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, switches[i]);
        g_assert_cmphex(board_reg32(&b, SPEC_GCMD), ==, 0);
        board_set32(&b, SPEC_GCMD, 0);
        g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, 0);
    }
    /* one after the other, each keeps those before */
    board_command(&b, SPEC_GCMD_QIE, 0);
    board_command(&b, SPEC_GCMD_IRE, 0);
    board_command(&b, SPEC_GCMD_CFI, 0);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==,
                    SPEC_GSTS_QIES | SPEC_GSTS_IRES | SPEC_GSTS_CFIS);
    board_command(&b, 0, SPEC_GCMD_CFI);
    board_command(&b, 0, SPEC_GCMD_IRE);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, SPEC_GSTS_QIES);
    board_command(&b, 0, SPEC_GCMD_QIE);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, 0);
    board_end(&b);
}

/* Commands that are done at once; what is not supported does nothing. */
static void test_one_shot(void)
{
    Board b;

    board_start(&b, all_options);
    board_set32(&b, SPEC_GCMD, SPEC_GCMD_WBF);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, 0);
    /* CAP.AFL is clear */
    board_set32(&b, SPEC_GCMD, SPEC_GCMD_SFL);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, 0);
    board_set32(&b, SPEC_GCMD, SPEC_GCMD_EAFL);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, 0);
    /* bits 22:0 are reserved */
    board_set32(&b, SPEC_GCMD, SPEC_BITS(22, 0));
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, 0);

    board_set32(&b, SPEC_GCMD, SPEC_GCMD_SRTP);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, SPEC_GSTS_RTPS);
    board_set32(&b, SPEC_GCMD, SPEC_GCMD_SIRTP);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==,
                    SPEC_GSTS_RTPS | SPEC_GSTS_IRTPS);
    /* a write without them does not take the status away */
    board_set32(&b, SPEC_GCMD, 0);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==,
                    SPEC_GSTS_RTPS | SPEC_GSTS_IRTPS);
    board_end(&b);
}

/* A write of some bytes leaves the commands in the others as they are, and
 * does not give the one-shot ones again. */
static void test_partial(void)
{
    const uint64_t iova = 0x12345000;
    uint64_t page;
    Board b;

    board_start(&b, all_options);
    page = board_pages(&b, 1);
    board_translate(&b, 4);
    board_map(&b, iova, page, BOARD_RW);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==,
                    SPEC_GSTS_TES | SPEC_GSTS_RTPS);
    board_set32(&b, SPEC_GCMD, SPEC_GCMD_TE | SPEC_GCMD_SRTP);
    board_set64(&b, SPEC_RTADDR, BOARD_HOLE);
    /* CFI stands in the third byte */
    qtest_write(b.q, BOARD_UNIT + SPEC_GCMD + 2, SPEC_GCMD_CFI >> 16, 1);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==,
                    SPEC_GSTS_TES | SPEC_GSTS_RTPS | SPEC_GSTS_CFIS);
    qtest_write(b.q, BOARD_UNIT + SPEC_GCMD, 0, 2);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==,
                    SPEC_GSTS_TES | SPEC_GSTS_RTPS | SPEC_GSTS_CFIS);
    board_flush(&b);
    board_dma_good(&b, iova, page);
    qtest_write(b.q, BOARD_UNIT + SPEC_GCMD + 3, 0, 1);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==,
                    SPEC_GSTS_RTPS | SPEC_GSTS_CFIS);
    board_end(&b);
}

static void test_unsupported(void)
{
    uint64_t page;
    Board b;

    board_start(&b, "intremap=off");
    board_set32(&b, SPEC_GCMD, SPEC_GCMD_SIRTP);
    board_set32(&b, SPEC_GCMD, SPEC_GCMD_IRE);
    board_set32(&b, SPEC_GCMD, SPEC_GCMD_CFI);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, 0);
    board_end(&b);

    board_start(&b, "dma-translation=off");
    page = board_pages(&b, 1);
    board_set32(&b, SPEC_GCMD, SPEC_GCMD_TE);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, 0);
    board_dma_good(&b, page, page);
    board_end(&b);
}

static void test_translation_switch(void)
{
    const uint64_t iova = 0x40000000;
    uint64_t page;
    Board b;

    board_start(&b, "");
    page = board_pages(&b, 1);
    /* off: addresses are physical */
    board_dma_good(&b, page, page);
    board_translate(&b, 4);
    board_map(&b, iova, page, BOARD_RW);
    board_dma_good(&b, iova, page);
    board_dma_fault(&b, page, false, SPEC_FR_READ);
    board_command(&b, 0, SPEC_GCMD_TE);
    board_dma_good(&b, page, page);
    board_no_fault(&b);
    board_command(&b, SPEC_GCMD_TE, 0);
    board_dma_good(&b, iova, page);
    board_end(&b);
}

/* Another root table, with a context entry for endpoint 0 that leads to
 *  another page.  Returns the root's address. */
static uint64_t other_root(Board *b, uint64_t iova, uint64_t page)
{
    uint64_t root = guest_root_new(&b->alloc);
    GuestContext ctx = {
        .tt = SPEC_TT_MULTI,
        .levels = 4,
        .table = guest_ss_new(&b->alloc),
        .domain = BOARD_DOMAIN,
    };

    g_assert_true(guest_context_set(&b->alloc, root, b->source, &ctx));
    g_assert_true(guest_ss_map(&b->alloc, ctx.table, 4, iova, page, 1,
                               BOARD_RW));
    return root;
}

/* [VTD 11.4.5] */
static void test_root_latched(void)
{
    const uint64_t iova = 0x12345000;
    uint64_t first, second, root;
    Board b;

    board_start(&b, "");
    board_translate(&b, 4);
    first = board_pages(&b, 1);
    second = board_pages(&b, 1);
    board_map(&b, iova, first, BOARD_RW);
    board_dma_good(&b, iova, first);

    root = other_root(&b, iova, second);
    board_set64(&b, SPEC_RTADDR, root);
    board_flush(&b);
    board_dma_good(&b, iova, first);

    board_command(&b, SPEC_GCMD_SRTP, 0);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS) & SPEC_GSTS_TES, ==,
                    SPEC_GSTS_TES);
    board_flush(&b);
    board_dma_good(&b, iova, second);
    board_end(&b);
}

/* With ESRTPS the set-pointer command invalidates by itself [VTD 6.6]. */
static void test_enhanced_root(void)
{
    const uint64_t iova = 0x12345000;
    uint64_t first, second;
    Board b;

    board_start(&b, "esrtps=on");
    board_translate(&b, 4);
    first = board_pages(&b, 1);
    second = board_pages(&b, 1);
    board_map(&b, iova, first, BOARD_RW);
    board_dma_good(&b, iova, first);
    g_assert_true(guest_set_root(&b.regs, other_root(&b, iova, second)));
    board_dma_good(&b, iova, second);
    board_end(&b);
}

static void expect_vector(Board *b, uint8_t vector)
{
    SinkMessage msg;

    sink_clear(b->q);
    testdev_interrupt(&b->dev, 0);
    g_assert_true(sink_pop(b->q, &msg));
    g_assert_cmphex(msg.data & SPEC_MSI_DATA_VECTOR, ==, vector);
    g_assert_cmpuint(sink_count(b->q), ==, 0);
}

static void remapped_interrupt(Board *b, const char *options, uint8_t vector)
{
    GuestIrte irte = { .vector = vector, .dest = 1 };

    board_start(b, options);
    board_remap(b, 7, false);
    guest_irte_set(&b->mem, b->irt, 3, &irte);
    pci_msix_enable(&b->dev.pci);
    pci_msix_set(&b->dev.pci, 0, guest_msi_addr(3, false), 0);
    expect_vector(b, vector);
}

static uint64_t other_irt(Board *b, uint8_t vector)
{
    GuestIrte irte = { .vector = vector, .dest = 1 };
    uint64_t irt = board_pages(b, 1);

    guest_irte_set(&b->mem, irt, 3, &irte);
    return irt;
}

/* [VTD 11.4.10] */
static void test_irta_latched(void)
{
    uint64_t irt;
    Board b;

    remapped_interrupt(&b, "intremap=on", 0x31);
    board_queue(&b, 0);
    irt = other_irt(&b, 0x42);
    board_set64(&b, SPEC_IRTA, irt | 7);
    guest_queue_iec(&b.queue, true, 0, 0);
    board_sync(&b);
    expect_vector(&b, 0x31);
    board_command(&b, SPEC_GCMD_SIRTP, 0);
    guest_queue_iec(&b.queue, true, 0, 0);
    board_sync(&b);
    expect_vector(&b, 0x42);
    board_end(&b);
}

/* [VTD 6.7] */
static void test_enhanced_irta(void)
{
    Board b;

    remapped_interrupt(&b, "intremap=on,esrtps=on", 0x31);
    g_assert_true(guest_set_irta(&b.regs, other_irt(&b, 0x42), 7, false));
    expect_vector(&b, 0x42);
    board_end(&b);
}

/* Disabling the queue takes its head back to zero [VTD 11.4.9.1]. */
static void test_queue_switch(void)
{
    Board b;

    board_start(&b, "");
    board_queue(&b, 0);
    for (int i = 0; i < 3; i++) {
        board_sync(&b);
    }
    g_assert_cmphex(board_reg64(&b, SPEC_IQH), ==, 3 * 16);
    board_command(&b, 0, SPEC_GCMD_QIE);
    g_assert_cmphex(board_reg64(&b, SPEC_IQH), ==, 0);
    board_queue(&b, 1);
    board_sync(&b);
    g_assert_cmphex(board_reg64(&b, SPEC_IQH), ==, 16);
    board_end(&b);
}

/* A reset in the middle of everything leaves the state after power-on. */
static void test_reset(void)
{
    const uint64_t iova = 0x40000000;
    uint64_t page;
    Board b;

    board_start(&b, "intremap=on,pmr=on");
    page = board_pages(&b, 1);
    board_translate(&b, 4);
    board_map(&b, iova, page, BOARD_RW);
    board_dma_good(&b, iova, page);
    board_dma_blocked(&b, page, true);
    board_queue(&b, 0);
    guest_queue_push(&b.queue, 15, 0);
    guest_queue_ring(&b.queue);
    board_remap(&b, 7, false);
    board_set32(&b, SPEC_PMEN, SPEC_PMEN_EPM);
    g_assert_cmphex(board_reg32(&b, SPEC_FSTS) & SPEC_FSTS_PPF, !=, 0);

    board_reset(&b);
    g_assert_cmphex(board_reg32(&b, SPEC_GSTS), ==, 0);
    g_assert_cmphex(board_reg32(&b, SPEC_FSTS), ==, 0);
    g_assert_cmphex(board_reg32(&b, SPEC_PMEN), ==, 0);
    g_assert_cmphex(board_reg64(&b, SPEC_IQH), ==, 0);
    g_assert_cmphex(board_reg64(&b, SPEC_IQT), ==, 0);
    g_assert_cmphex(board_reg64(&b, SPEC_RTADDR), ==, 0);
    board_no_fault(&b);
    board_dma_good(&b, page, page);

    /* nothing of before is remembered by a later enabling */
    board_translate(&b, 4);
    board_dma_fault(&b, iova, false, SPEC_FR_READ);
    board_map(&b, iova, page, BOARD_RW);
    board_dma_good(&b, iova, page);
    board_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/enabling/switches", test_switches);
    g_test_add_func("/enabling/one-shot", test_one_shot);
    g_test_add_func("/enabling/partial", test_partial);
    g_test_add_func("/enabling/unsupported", test_unsupported);
    g_test_add_func("/enabling/translation", test_translation_switch);
    g_test_add_func("/enabling/root-latched", test_root_latched);
    g_test_add_func("/enabling/enhanced-root", test_enhanced_root);
    g_test_add_func("/enabling/irta-latched", test_irta_latched);
    g_test_add_func("/enabling/enhanced-irta", test_enhanced_irta);
    g_test_add_func("/enabling/queue", test_queue_switch);
    g_test_add_func("/enabling/reset", test_reset);
    return g_test_run();
}
