/* SPDX-License-Identifier: BSD-3-Clause */
/* Several units: each translates, remaps and reports for its own functions. */
#include "tests/qtest/board.h"

#define IOVA  0x40000000u
#define INDEX 3

#define UNITS " -device intel-iommu,scope=4:5.0" \
              " -device viommu-testdev,addr=4" \
              " -device viommu-testdev,addr=5"

/* Unit 0 with the endpoint in slot 3, unit 1 with that in slot 4. */
static void start(Board *zero, Board *one, const char *more)
{
    board_start_with(zero, "", more);
    board_further(one, zero, 1, 1);
    g_assert_cmphex(zero->source, ==, 3 << 3);
    g_assert_cmphex(one->source, ==, 4 << 3);
    g_assert_cmphex(board_reg32(one, SPEC_VER), ==, 0x10);
}

/* One unit's tables are no other's. */
static void test_translation(void)
{
    uint64_t pa, pb;
    Board a, b;

    start(&a, &b, UNITS);
    pa = board_pages(&a, 1);
    pb = board_pages(&b, 1);
    board_translate(&b, 4);
    board_map(&b, IOVA, pb, BOARD_RW);
    board_dma_good(&b, IOVA, pb);
    /* unit 0 translates nothing yet */
    board_dma_good(&a, pa, pa);

    board_translate(&a, 3);
    board_map(&a, IOVA, pa, BOARD_RW);
    board_dma_good(&a, IOVA, pa);
    board_dma_good(&b, IOVA, pb);
    board_dma_fault(&a, IOVA + 0x1000, false, SPEC_FR_READ);
    board_no_fault(&b);
    board_dma_fault(&b, IOVA + 0x2000, true, SPEC_FR_WRITE);
    board_no_fault(&a);

    /* and one's commands not either */
    board_command(&b, 0, SPEC_GCMD_TE);
    board_dma_good(&b, pb, pb);
    board_dma_good(&a, IOVA, pa);
    board_end(&a);
}

/* A slot's other functions, and what no unit names, are unit 0's. */
static void test_scope(void)
{
    Board a, b, c;

    start(&a, &b, UNITS);
    board_further(&c, &a, 1, 2);
    g_assert_cmphex(c.source, ==, 5 << 3);
    board_translate(&a, 4);
    /* unit 1 is off: both of its functions pass */
    board_dma_good(&b, 0x2000000, 0x2000000);
    board_dma_good(&c, 0x2000000, 0x2000000);
    board_dma_blocked(&a, 0x2000000, false);
    board_end(&a);

    /* now slot 3 is the one, and the rest comes first */
    start(&a, &b, " -device intel-iommu,scope=4.1:5 "
          "-device viommu-testdev,addr=4 -device viommu-testdev,addr=5");
    board_further(&c, &a, 1, 2);
    board_translate(&a, 4);
    board_dma_blocked(&b, 0x2000000, false);
    board_dma_good(&c, 0x2000000, 0x2000000);
    board_end(&a);
}

/* Each has its fault event, which is not the other's. */
static void test_events(void)
{
    Board a, b;

    start(&a, &b, UNITS);
    board_set32(&a, SPEC_FEADDR, 0xfee01000);
    board_set32(&a, SPEC_FEDATA, 0x41);
    board_set32(&a, SPEC_FECTL, 0);
    board_set32(&b, SPEC_FEADDR, 0xfee02000);
    board_set32(&b, SPEC_FEDATA, 0x42);
    board_set32(&b, SPEC_FECTL, 0);
    board_translate(&a, 4);
    board_translate(&b, 4);
    sink_clear(a.q);
    board_dma_blocked(&b, IOVA, false);
    board_expect_event(&b, 0xfee02000, 0x42);
    board_no_fault(&a);
    board_take_fault(&b);
    board_dma_blocked(&a, IOVA, false);
    board_expect_event(&a, 0xfee01000, 0x41);
    board_no_fault(&b);
    board_end(&a);
}

static void request(Board *b, uint64_t addr, uint32_t data)
{
    sink_clear(b->q);
    pci_msix_set(&b->dev.pci, 0, addr, data);
    testdev_interrupt(&b->dev, 0);
}

static void expect_vector(Board *b, unsigned vector)
{
    SinkMessage msg;

    g_assert_true(sink_pop(b->q, &msg));
    g_assert_cmphex(msg.source, ==, b->source);
    g_assert_cmphex(msg.data & 0xff, ==, vector);
    g_assert_cmpuint(sink_count(b->q), ==, 0);
}

static void test_interrupts(void)
{
    const GuestIrte first = { .vector = 0x51 };
    const GuestIrte second = { .vector = 0x62 };
    Board a, b;

    start(&a, &b, UNITS);
    pci_msix_enable(&a.dev.pci);
    pci_msix_enable(&b.dev.pci);
    board_remap(&b, 7, false);
    guest_irte_set(&b.mem, b.irt, INDEX, &second);
    request(&b, guest_msi_addr(INDEX, false), 0);
    expect_vector(&b, 0x62);
    /* unit 0 does not remap yet */
    request(&a, 0xfee01000, 0x33);
    expect_vector(&a, 0x33);

    board_remap(&a, 7, false);
    guest_irte_set(&a.mem, a.irt, INDEX, &first);
    request(&a, guest_msi_addr(INDEX, false), 0);
    expect_vector(&a, 0x51);
    request(&b, guest_msi_addr(INDEX, false), 0);
    expect_vector(&b, 0x62);
    /* an entry that only the other has */
    request(&a, guest_msi_addr(INDEX + 1, false), 0);
    g_assert_cmpuint(sink_count(a.q), ==, 0);
    g_assert_cmphex(board_take_fault(&a).source, ==, a.source);
    board_no_fault(&b);
    board_end(&a);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scopes/translation", test_translation);
    g_test_add_func("/scopes/scope", test_scope);
    g_test_add_func("/scopes/events", test_events);
    g_test_add_func("/scopes/interrupts", test_interrupts);
    return g_test_run();
}
