/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tables may lie in: what the machine's DMA takes for memory is memory
 * for the unit, too, and what a device answers for, the device answers.
 * viommu-machine has RAM only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/qtest/board.h"
#include "tests/qtest/monitor.h"

#define IOVA        UINT64_C(0x40000)
/* Where memory that is plugged comes to stand, behind all RAM. */
#define PLUGGED     UINT64_C(0x100000000)
#define PLUGGED_SIZE (64u << 20)
/* Firmware ends below 4 GiB. */
#define ROM_SIZE    0x20000u
#define ROM_BASE    (PLUGGED - ROM_SIZE)

/* Tables come from this memory; the page that they lead to is RAM. */
static void check_tables_in(Board *b, uint64_t base, uint64_t size)
{
    GuestAlloc ram = b->alloc;
    uint64_t page = board_pages(b, 1);

    board_put64(b, base, 0x1234);
    g_assert_cmphex(board_get64(b, base), ==, 0x1234);
    guest_alloc_init(&b->alloc, &b->mem, base, size);
    board_translate(b, 4);
    board_map(b, IOVA, page, BOARD_RW);
    board_dma_good(b, IOVA, page);
    board_dma_fault(b, IOVA + 0x1000, false, SPEC_FR_READ);
    /* the queue, and where waits write */
    board_queue(b, 0);
    guest_queue_iotlb(&b->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    board_sync(b);
    board_dma_good(b, IOVA, page);
    b->alloc = ram;
}

#define SLOTS " -m 256M,slots=2,maxmem=2G" \
    " -object memory-backend-ram,id=m0,size=64M"

static void test_plugged(void)
{
    static const char *const more[] = {
        SLOTS " -device pc-dimm,memdev=m0",
        SLOTS " -machine nvdimm=on -device nvdimm,memdev=m0",
        /* that says of itself that it would not survive: still memory */
        SLOTS " -machine nvdimm=on -device nvdimm,memdev=m0,unarmed=on",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(more); i++) {
        Board b;

        board_start_with(&b, "", more[i]);
        check_tables_in(&b, PLUGGED, PLUGGED_SIZE);
        board_end(&b);
    }
}

/* Memory that comes while the unit translates; and goes. */
static void test_hot_plugged(void)
{
    static const char *const types[] = { "pc-dimm", "nvdimm" };

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autofree char *command = g_strdup_printf(
            "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"%s\","
            "\"memdev\":\"m0\",\"id\":\"d0\"}}", types[i]);
        g_autofree char *more = NULL;
        Monitor m;
        Board b;

        more = g_strconcat(SLOTS " -machine nvdimm=on", monitor_options(&m),
                           NULL);
        board_start_with(&b, "", more);
        monitor_accept(&m);
        board_translate(&b, 4);
        board_dma_fault(&b, IOVA, false, SPEC_FR_READ);
        /* the tables are where no memory is yet */
        g_assert_true(guest_set_root(&b.regs, PLUGGED));
        board_flush(&b);
        board_dma_fault(&b, IOVA, false, SPEC_FR_ROOT_ACCESS);
        monitor_command(&m, command, "\"return\"");
        board_dma_fault(&b, IOVA, false, SPEC_FR_ROOT_NOT_PRESENT);
        board_command(&b, 0, SPEC_GCMD_TE);
        check_tables_in(&b, PLUGGED, PLUGGED_SIZE);
        board_end(&b);
        monitor_end(&m);
    }
}

/* --- Memory that nobody writes ------------------------------------------- */

/* All tables of endpoint 0, at the place that firmware has. */
static char *write_rom(const GuestContext *ctx, uint16_t source,
                       uint64_t page, uint64_t *root)
{
    GuestRam ram = { .base = ROM_BASE, .size = ROM_SIZE };
    g_autofree uint8_t *bytes = g_malloc0(ROM_SIZE);
    GuestContext with_table = *ctx;
    GuestAlloc alloc;
    GuestMem mem;
    char *path = NULL;
    int fd;

    ram.host = bytes;
    mem = guest_mem_from_ram(&ram);
    guest_alloc_init(&alloc, &mem, ROM_BASE, ROM_SIZE);
    with_table.table = guest_ss_new(&alloc);
    *root = guest_root_new(&alloc);
    g_assert_true(guest_context_set(&alloc, *root, source, &with_table));
    g_assert_true(guest_ss_map(&alloc, with_table.table, ctx->levels, IOVA,
                               page, 1, BOARD_RW));
    fd = g_file_open_tmp("viommu-rom-XXXXXX", &path, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, ROM_SIZE), ==, ROM_SIZE);
    close(fd);
    return path;
}

static void test_read_only(void)
{
    static const char *const how[] = {
        "-bios %s",
        /* flash, which its own registers can turn into something else */
        "-drive if=pflash,format=raw,readonly=on,file=%s",
    };
    const GuestContext ctx = {
        .tt = SPEC_TT_MULTI, .levels = 4, .domain = BOARD_DOMAIN,
    };
    const uint64_t page = 0x00800000;

    for (size_t i = 0; i < G_N_ELEMENTS(how); i++) {
        uint64_t root;
        g_autofree char *path = write_rom(&ctx, 3 << 3, page, &root);
        g_autoptr(GString) more = g_string_new(how[i]);
        Board b;

        g_string_replace(more, "%s", path, 1);
        board_start_with(&b, "", more->str);
        g_assert_cmphex(b.source, ==, 3 << 3);
        g_assert_true(guest_set_root(&b.regs, root));
        board_flush(&b);
        board_command(&b, SPEC_GCMD_TE, 0);
        board_dma_good(&b, IOVA, page);
        board_dma_fault(&b, IOVA + 0x1000, false, SPEC_FR_READ);
        /* a queue can be read there, but no wait writes */
        board_queue(&b, 0);
        guest_queue_push(&b.queue, SPEC_INV_WAIT | SPEC_INV_WAIT_SW |
                         UINT64_C(0x55) << 32, ROM_BASE);
        guest_queue_ring(&b.queue);
        board_sync(&b);
        g_assert_cmphex(board_get64(&b, ROM_BASE) & UINT32_MAX, !=, 0x55);
        board_end(&b);
        unlink(path);
    }
}

/* --- Registers ----------------------------------------------------------- */

/* A table in a device's registers: what it answers is the entry. */
static void test_registers(void)
{
    uint64_t page, table;
    Board b;

    board_start(&b, "");
    board_translate(&b, 4);
    page = board_pages(&b, 1);
    /* the MSI-X table's first entry is that of IOVA 0, the next but one is
     * that of 0x2000 */
    table = b.dev.pci.bar[1];
    board_map(&b, 0x200000, page, BOARD_RW);
    board_put64(&b, board_entry(&b, 0, 2), table | BOARD_RW);
    qtest_writel(b.q, table, (uint32_t)page | BOARD_RW);
    qtest_writel(b.q, table + 4, page >> 32);
    board_flush(&b);
    board_dma_good(&b, 0, page);
    board_dma_fault(&b, 0x2000, false, SPEC_FR_READ);
    /* waits write there, too: message data */
    board_queue(&b, 0);
    guest_queue_push(&b.queue, SPEC_INV_WAIT | SPEC_INV_WAIT_SW |
                     UINT64_C(0x5a) << 32, table + 8);
    board_sync(&b);
    g_assert_cmphex(qtest_readl(b.q, table + 8), ==, 0x5a);
    board_end(&b);
}

/* A unit's own window, or another's, is no place for tables. */
static void test_own_window(void)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t window = BOARD_UNIT + i * BOARD_STRIDE;
        Board b;

        board_start_with(&b, "", "-device intel-iommu,scope=5");
        board_translate(&b, 4);
        g_assert_true(guest_set_root(&b.regs, window));
        board_flush(&b);
        board_dma_fault(&b, IOVA, false, SPEC_FR_ROOT_ACCESS);
        board_queue(&b, 0);
        guest_queue_push(&b.queue, SPEC_INV_WAIT | SPEC_INV_WAIT_SW |
                         UINT64_C(0xfee01000) << 32, window + SPEC_FEADDR);
        board_sync(&b);
        g_assert_cmphex(qtest_readl(b.q, window + SPEC_FEADDR), ==, 0);
        board_end(&b);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (qtest_is_qemu()) {
        g_test_add_func("/memory/plugged", test_plugged);
        g_test_add_func("/memory/hot-plugged", test_hot_plugged);
        g_test_add_func("/memory/read-only", test_read_only);
        g_test_add_func("/memory/registers", test_registers);
    }
    g_test_add_func("/memory/own-window", test_own_window);
    return g_test_run();
}
