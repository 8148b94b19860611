/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu-testdev and the sink, against docs/testdev.md: the other tests rely
 * on them. */
#include <string.h>

#include "tests/qtest/board.h"

#define BUFFER_SIZE 0x8000u

static void start(Board *b)
{
    board_start(b, "");
}

static void test_registers(void)
{
    static const uint16_t rw[] = {
        TD_SRC, TD_DST, TD_PATTERN, TD_SG_ADDR,
    };
    static const uint16_t ro[] = {
        TD_ID, TD_STATUS, TD_FAULT_ADDR, TD_DONE, TD_CHECKSUM, TD_LOOP_NS,
        TD_LOOP_FAILURES, TD_COMMANDS,
    };
    const uint64_t value = 0x123456789abcdef0ull;
    Board b;

    start(&b);
    for (size_t i = 0; i < G_N_ELEMENTS(rw); i++) {
        testdev_set(&b.dev, rw[i], value);
        g_assert_cmphex(testdev_get(&b.dev, rw[i]), ==, value);
        for (unsigned n = 0; n < 8; n++) {
            g_assert_cmphex(qtest_read(b.q, b.dev.base + rw[i] + n, 1), ==,
                            value >> (8 * n) & 0xff);
        }
        qtest_writel(b.q, b.dev.base + rw[i], 0x11223344);
        qtest_write(b.q, b.dev.base + rw[i] + 4, 0x5566, 2);
        g_assert_cmphex(testdev_get(&b.dev, rw[i]), ==, 0x1234556611223344);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(ro); i++) {
        uint64_t before = testdev_get(&b.dev, ro[i]);

        testdev_set(&b.dev, ro[i], ~0ull);
        g_assert_cmphex(testdev_get(&b.dev, ro[i]), ==, before);
    }
    g_assert_cmphex(testdev_get(&b.dev, TD_COMMAND), ==, 0);
    board_end(&b);
}

/* FNV-1a, 64 bits */
static uint64_t checksum(const uint8_t *bytes, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325ull;

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3ull;
    }
    return hash;
}

static void test_buffer(void)
{
    g_autofree uint8_t *data = g_malloc(BUFFER_SIZE);
    g_autofree uint8_t *got = g_malloc(BUFFER_SIZE);
    static const uint32_t sizes[] = { 1, 2, 7, 64, 4095, 4097, BUFFER_SIZE };
    uint64_t pages;
    Board b;

    start(&b);
    pages = board_pages(&b, 16);
    for (unsigned i = 0; i < BUFFER_SIZE; i++) {
        data[i] = i * 131 + (i >> 8);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        uint32_t size = sizes[i];
        uint64_t at = pages + 0x123;

        qtest_memset(b.q, pages, 0xee, 16 * 4096);
        g_assert_cmpint(testdev_dma_write(&b.dev, at, data, size).why, ==,
                        TD_OK);
        qtest_memread(b.q, at, got, size);
        g_assert_cmpmem(got, size, data, size);
        g_assert_cmphex(qtest_read(b.q, at - 1, 1), ==, 0xee);
        g_assert_cmphex(qtest_read(b.q, at + size, 1), ==, 0xee);
        qtest_memset(b.q, b.dev.base + TD_BUFFER, 0, BUFFER_SIZE);
        memset(got, 0, size);
        g_assert_cmpint(testdev_dma_read(&b.dev, at, got, size).why, ==,
                        TD_OK);
        g_assert_cmpmem(got, size, data, size);
        g_assert_cmphex(testdev_get(&b.dev, TD_CHECKSUM), ==,
                        checksum(data, size));
        g_assert_cmpuint(testdev_get(&b.dev, TD_DONE), ==, size);
    }
    board_end(&b);
}

static void test_patterns(void)
{
    const uint64_t seed = 0xfeedfacecafef00dull;
    TestdevResult result;
    uint64_t from, to;
    Board b;

    start(&b);
    from = board_pages(&b, 16);
    to = board_pages(&b, 16);
    g_assert_cmpint(testdev_fill(&b.dev, from + 4, 50003, seed).why, ==,
                    TD_OK);
    for (unsigned i = 0; i < 50000 / 8; i += 97) {
        g_assert_cmphex(qtest_readq(b.q, from + 4 + 8 * i), ==,
                        testdev_pattern(seed, i));
    }
    testdev_set(&b.dev, TD_SRC, from + 4);
    testdev_set(&b.dev, TD_DST, to + 99);
    testdev_set(&b.dev, TD_LENGTH, 50003);
    g_assert_cmpint(testdev_run(&b.dev, TD_COPY).why, ==, TD_OK);
    g_assert_cmpint(testdev_verify(&b.dev, to + 99, 50003, seed).why, ==,
                    TD_OK);
    /* one bit */
    qtest_write(b.q, to + 99 + 41234,
                qtest_read(b.q, to + 99 + 41234, 1) ^ 0x10, 1);
    result = testdev_verify(&b.dev, to + 99, 50003, seed);
    g_assert_cmpint(result.why, ==, TD_DIFFERENT);
    g_assert_cmpuint(result.done, <=, 41234);
    board_end(&b);
}

static void test_scatter(void)
{
    const uint64_t seed = 0x55;
    uint64_t list, pages;
    Board b;

    start(&b);
    list = board_pages(&b, 1);
    pages = board_pages(&b, 8);
    /* fill the first page, copy it to the second and that to the third */
    for (unsigned i = 0; i < 3; i++) {
        board_put64(&b, list + 32 * i,
                    i ? pages + 4096 * (i - 1) : ~0ull);
        board_put64(&b, list + 32 * i + 8, pages + 4096 * i);
        board_put64(&b, list + 32 * i + 16, 4096);
        board_put64(&b, list + 32 * i + 24, 0);
    }
    testdev_set(&b.dev, TD_PATTERN, seed);
    testdev_set(&b.dev, TD_SG_ADDR, list);
    testdev_set(&b.dev, TD_SG_COUNT, 3);
    g_assert_cmpint(testdev_run(&b.dev, TD_SG).why, ==, TD_OK);
    g_assert_cmpint(testdev_verify(&b.dev, pages + 8192, 4096, seed).why, ==,
                    TD_OK);
    testdev_set(&b.dev, TD_SG_COUNT, 4097);
    g_assert_cmpint(testdev_run(&b.dev, TD_SG).why, ==, TD_BAD_COMMAND);
    board_end(&b);
}

static void test_loop(void)
{
    uint64_t pages;
    Board b;

    start(&b);
    pages = board_pages(&b, 4);
    testdev_set(&b.dev, TD_SRC, pages);
    testdev_set(&b.dev, TD_LENGTH, 4 * 4096);
    testdev_set(&b.dev, TD_PATTERN, 0x1122334455667788ull);
    testdev_set(&b.dev, TD_LOOP_COUNT, 4);
    testdev_set(&b.dev, TD_LOOP_SIZE, 8);
    testdev_set(&b.dev, TD_LOOP_STRIDE, 4096);
    testdev_set(&b.dev, TD_LOOP_FLAGS, 1);
    g_assert_cmpint(testdev_run(&b.dev, TD_LOOP).why, ==, TD_OK);
    g_assert_cmpuint(testdev_get(&b.dev, TD_LOOP_FAILURES), ==, 0);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(qtest_readq(b.q, pages + 4096 * i), ==,
                        0x1122334455667788ull);
        g_assert_cmphex(qtest_readq(b.q, pages + 4096 * i + 8), ==, 0);
    }
    /* with translation on and only two of four pages: half of them fail */
    board_translate(&b, 4);
    board_map(&b, pages, pages, BOARD_RW);
    board_map(&b, pages + 8192, pages, BOARD_RW);
    testdev_set(&b.dev, TD_LOOP_COUNT, 1000);
    testdev_set(&b.dev, TD_LOOP_FLAGS, 0);
    testdev_run(&b.dev, TD_LOOP);
    g_assert_cmpuint(testdev_get(&b.dev, TD_LOOP_FAILURES), ==, 500);
    testdev_set(&b.dev, TD_LOOP_FLAGS, 2);
    testdev_run(&b.dev, TD_LOOP);
    g_assert_cmpuint(testdev_get(&b.dev, TD_LOOP_FAILURES), >, 300);
    g_assert_cmpuint(testdev_get(&b.dev, TD_LOOP_FAILURES), <, 700);
    board_end(&b);
}

static void expect_bad(Board *b, unsigned reg, uint64_t value, unsigned run)
{
    uint64_t good = testdev_get(&b->dev, reg);

    testdev_set(&b->dev, reg, value);
    g_test_message("register %#x = %#" G_GINT64_MODIFIER "x, command %u",
                   reg, value, run);
    g_assert_cmpint(testdev_run(&b->dev, run).why, ==, TD_BAD_COMMAND);
    testdev_set(&b->dev, reg, good);
}

static void test_bad_values(void)
{
    uint64_t page, value = 0;
    Board b;

    start(&b);
    page = board_pages(&b, 1);
    testdev_set(&b.dev, TD_SRC, page);
    testdev_set(&b.dev, TD_DST, page);
    testdev_set(&b.dev, TD_LENGTH, 64);
    testdev_set(&b.dev, TD_LOOP_COUNT, 1);
    testdev_set(&b.dev, TD_LOOP_SIZE, 4);
    expect_bad(&b, TD_LENGTH, 0, TD_COPY);
    expect_bad(&b, TD_LENGTH, (16 << 20) + 1, TD_FILL);
    expect_bad(&b, TD_LENGTH, ~0ull, TD_VERIFY);
    expect_bad(&b, TD_LENGTH, BUFFER_SIZE + 1, TD_READ);
    expect_bad(&b, TD_LENGTH, BUFFER_SIZE + 1, TD_WRITE);
    expect_bad(&b, TD_LOOP_SIZE, 0, TD_LOOP);
    expect_bad(&b, TD_LOOP_SIZE, 65, TD_LOOP);
    expect_bad(&b, TD_LOOP_COUNT, (1 << 28) + 1, TD_LOOP);
    expect_bad(&b, TD_SG_ADDR, page, TD_FLUSH + 1);
    expect_bad(&b, TD_SG_ADDR, page, 0xffffffff);
    /* nobody answers there */
    g_assert_cmpint(testdev_dma_read(&b.dev, BOARD_HOLE, &value, 8).why, ==,
                    TD_NO_TARGET);
    pci_set_bus_master(&b.dev.pci, false);
    g_assert_cmpint(testdev_dma_read(&b.dev, page, &value, 8).why, ==,
                    TD_NO_MASTER);
    pci_set_bus_master(&b.dev.pci, true);
    g_assert_cmpint(testdev_dma_read(&b.dev, page, &value, 8).why, ==, TD_OK);
    board_end(&b);
}

/* --- Interrupts ---------------------------------------------------------- */

static void expect_message(Board *b, uint64_t addr, uint32_t data)
{
    SinkMessage msg;

    g_assert_true(sink_pop(b->q, &msg));
    g_assert_cmphex(msg.addr, ==, addr);
    g_assert_cmphex(msg.data, ==, data);
    g_assert_cmphex(msg.source, ==, b->source);
}

static void test_interrupts(void)
{
    PciDev *pci;
    Board b;

    start(&b);
    pci = &b.dev.pci;
    g_assert_cmpuint(pci->msix_vectors, ==, 8);
    /* neither is on: nothing to send */
    testdev_interrupt(&b.dev, 0);
    g_assert_cmpuint(sink_count(b.q), ==, 0);

    pci_msi_enable(pci, 0xfee01000, 0x40, 3);
    for (unsigned i = 0; i < 8; i++) {
        testdev_interrupt(&b.dev, i);
        expect_message(&b, 0xfee01000, 0x40 + i);
    }
    pci_msi_disable(pci);

    pci_msix_enable(pci);
    for (unsigned i = 0; i < 8; i++) {
        pci_msix_set(pci, i, 0xfee00000 + 0x1000 * i, 0x50 + i);
    }
    for (unsigned i = 0; i < 8; i++) {
        testdev_interrupt(&b.dev, 7 - i);
        expect_message(&b, 0xfee00000 + 0x1000 * (7 - i), 0x57 - i);
    }
    /* masked: pending until it is unmasked */
    qtest_writel(b.q, pci->msix_table + 16 * 3 + 12, 1);
    testdev_interrupt(&b.dev, 3);
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    g_assert_cmphex(qtest_readq(b.q, pci->msix_pba), ==, 1 << 3);
    qtest_writel(b.q, pci->msix_table + 16 * 3 + 12, 0);
    expect_message(&b, 0xfee03000, 0x53);
    g_assert_cmphex(qtest_readq(b.q, pci->msix_pba), ==, 0);
    /* at the end of a command */
    testdev_set(&b.dev, TD_SRC, board_pages(&b, 1));
    testdev_set(&b.dev, TD_LENGTH, 8);
    testdev_set(&b.dev, TD_CONTROL, 1 | 5 << 8);
    g_assert_cmpint(testdev_run(&b.dev, TD_READ).why, ==, TD_OK);
    expect_message(&b, 0xfee05000, 0x55);
    testdev_set(&b.dev, TD_CONTROL, 5 << 8);
    g_assert_cmpint(testdev_run(&b.dev, TD_READ).why, ==, TD_OK);
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    board_end(&b);
}

static void test_sink(void)
{
    const uint64_t overflow = 0xfed98020;
    SinkMessage msg;
    Board b;

    start(&b);
    g_assert_false(sink_pop(b.q, &msg));
    pci_msix_enable(&b.dev.pci);
    for (unsigned i = 0; i < 1030; i++) {
        pci_msix_set(&b.dev.pci, 0, 0xfee00000, i);
        testdev_interrupt(&b.dev, 0);
    }
    g_assert_cmpuint(sink_count(b.q), ==, 1024);
    g_assert_cmpuint(qtest_readq(b.q, overflow), ==, 6);
    for (unsigned i = 0; i < 1024; i++) {
        expect_message(&b, 0xfee00000, i);
    }
    g_assert_false(sink_pop(b.q, &msg));
    board_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/endpoint/registers", test_registers);
    g_test_add_func("/endpoint/buffer", test_buffer);
    g_test_add_func("/endpoint/patterns", test_patterns);
    g_test_add_func("/endpoint/scatter", test_scatter);
    g_test_add_func("/endpoint/loop", test_loop);
    g_test_add_func("/endpoint/bad-values", test_bad_values);
    g_test_add_func("/endpoint/interrupts", test_interrupts);
    g_test_add_func("/endpoint/sink", test_sink);
    return g_test_run();
}
