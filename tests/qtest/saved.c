/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine that is loaded goes on where it was saved, on QEMU: the numbers of
 * buses, which decide what is whose DMA, are loaded, too.
 */
#include <unistd.h>

#include "tests/qtest/board.h"
#include "tests/qtest/monitor.h"

#define PORT_SLOT 5
#define WINDOW    UINT64_C(0xe8000000)
#define IOVA      UINT64_C(0x40000)
#define HEAP      UINT64_C(0x01000000)
#define SOURCE    0x0100u       /* behind the port */

/* QEMU's "edu", an endpoint that can be saved. */
enum {
    EDU_ID      = 0x11e81234,
    EDU_SRC     = 0x80,
    EDU_DST     = 0x88,
    EDU_COUNT   = 0x90,
    EDU_COMMAND = 0x98,
    EDU_BUFFER  = 0x40000,
    EDU_TO_RAM  = 3,
};

typedef struct Saved {
    QTest *q;
    Monitor monitor;
    GuestMem mem;
    GuestRegs regs;
    GuestAlloc alloc;
    PciDev edu;
    uint64_t page;
} Saved;

static void mem_read(void *q, uint64_t addr, void *buf, size_t size)
{
    qtest_memread(q, addr, buf, size);
}

static void mem_write(void *q, uint64_t addr, const void *buf, size_t size)
{
    qtest_memwrite(q, addr, buf, size);
}

static uint64_t reg_read(void *q, uint64_t offset, unsigned size)
{
    return qtest_read(q, BOARD_UNIT + offset, size);
}

static void reg_write(void *q, uint64_t offset, uint64_t value, unsigned size)
{
    qtest_write(q, BOARD_UNIT + offset, value, size);
}

static void start(Saved *s, const char *more)
{
    s->q = qtest_start("-machine q35 -m 256M -device intel-iommu "
                       "-device pcie-root-port,id=rp,addr=%x,chassis=1,slot=1 "
                       "-device edu,bus=rp%s%s", PORT_SLOT,
                       monitor_options(&s->monitor), more);
    monitor_accept(&s->monitor);
    s->mem = (GuestMem) { mem_read, mem_write, s->q };
    s->regs = (GuestRegs) { reg_read, reg_write, s->q };
}

static void end(Saved *s)
{
    qtest_end(s->q);
    monitor_end(&s->monitor);
}

static void set_port(Saved *s, unsigned bus)
{
    PciDev port = { .q = s->q, .devfn = PORT_SLOT << 3 };

    pci_set_bridge(&port, bus, bus, WINDOW);
}

/* Of the function behind the port, and of the one that it is while its bus has
 * no number; 0: no entry. */
static void set_tables(Saved *s, unsigned tt, unsigned tt_unnumbered)
{
    GuestContext ctx = { .levels = 4, .domain = 1 };
    uint64_t root;

    guest_alloc_init(&s->alloc, &s->mem, HEAP, HEAP);
    s->page = guest_alloc_pages(&s->alloc, 1);
    root = guest_root_new(&s->alloc);
    ctx.table = guest_ss_new(&s->alloc);
    g_assert_true(guest_ss_map(&s->alloc, ctx.table, 4, IOVA, s->page, 1,
                               BOARD_RW));
    ctx.tt = tt;
    g_assert_true(guest_context_set(&s->alloc, root, SOURCE, &ctx));
    if (tt_unnumbered) {
        ctx.tt = tt_unnumbered;
        g_assert_true(guest_context_set(&s->alloc, root, 0, &ctx));
    }
    g_assert_true(guest_set_root(&s->regs, root));
    g_assert_true(guest_command(&s->regs, SPEC_GCMD_TE, 0));
}

/* Of its own, nothing is saved. */
static void enable_edu(Saved *s)
{
    PciBus bus;

    s->edu = (PciDev) { .q = s->q, .bus = SOURCE >> 8 };
    g_assert_cmphex(pci_config_read(&s->edu, 0, 4), ==, EDU_ID);
    pci_bus_init(&bus, s->q);
    bus.next_bar = WINDOW;
    pci_enable(&bus, &s->edu);
}

/* It writes to IOVA, which leads to @pa, or with 0 nowhere. */
static void check(Saved *s, uint64_t pa)
{
    const uint64_t bar = s->edu.bar[0], marks[] = { IOVA, s->page };

    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
        qtest_writeq(s->q, marks[i], 0x1111);
    }
    qtest_writeq(s->q, bar + EDU_SRC, EDU_BUFFER);
    qtest_writeq(s->q, bar + EDU_DST, IOVA);
    qtest_writeq(s->q, bar + EDU_COUNT, 8);
    qtest_writeq(s->q, bar + EDU_COMMAND, EDU_TO_RAM);
    /* it takes 100 ms */
    qtest_clock_step(s->q, 200000000);
    g_assert_cmphex(qtest_readq(s->q, bar + EDU_COMMAND) & 1, ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
        g_assert_cmphex(qtest_readq(s->q, marks[i]), ==,
                        marks[i] == pa ? 0 : 0x1111);
    }
}

static void save(Saved *s, const char *path)
{
    g_autofree char *command = g_strdup_printf(
        "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"file:%s\"}}",
        path);

    monitor_command(&s->monitor, command, "\"STOP\"");
    while (!monitor_says(&s->monitor, "{\"execute\":\"query-migrate\"}",
                         "\"completed\"")) {
        g_usleep(1000);
    }
    end(s);
}

static void load(Saved *s, const char *path)
{
    g_autofree char *option = g_strdup_printf(" -incoming file:%s", path);

    start(s, option);
    while (!monitor_says(&s->monitor, "{\"execute\":\"query-status\"}",
                         "\"running\": true")) {
        g_usleep(1000);
    }
    enable_edu(s);
}

static void test_sources(void)
{
    for (unsigned passes = 0; passes < 2; passes++) {
        g_autofree char *path = NULL;
        Saved first, second;
        int fd;

        fd = g_file_open_tmp("viommu-saved-XXXXXX", &path, NULL);
        g_assert_cmpint(fd, >=, 0);
        close(fd);
        start(&first, "");
        set_port(&first, SOURCE >> 8);
        enable_edu(&first);
        if (passes) {
            set_tables(&first, SPEC_TT_PASS, 0);
        } else {
            set_tables(&first, SPEC_TT_MULTI, SPEC_TT_PASS);
        }
        check(&first, passes ? IOVA : first.page);
        save(&first, path);

        load(&second, path);
        second.page = first.page;
        check(&second, passes ? IOVA : second.page);
        /* the number that it had before it was loaded */
        set_port(&second, 0);
        check(&second, passes ? 0 : IOVA);
        set_port(&second, SOURCE >> 8);
        check(&second, passes ? IOVA : second.page);
        end(&second);
        unlink(path);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!qtest_is_qemu()) {
        g_print("1..0 # SKIP machines are saved by QEMU\n");
        return 0;
    }
    g_test_add_func("/saved/sources", test_sources);
    return g_test_run();
}
