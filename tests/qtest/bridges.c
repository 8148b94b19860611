/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Endpoints behind bridges: their source-ids follow the bus numbers that
 * software writes; what comes from a conventional bus bears the bridge's
 * (PCI Express to PCI/X bridge specification, 2.3).
 */
#include "tests/qtest/board.h"
#include "tests/qtest/monitor.h"

#define PORT_SLOT 5
#define WINDOW    UINT64_C(0xe8000000)
#define IOVA      UINT64_C(0x40000)

enum {
    CFG_VENDOR  = 0x00,
    CFG_COMMAND = 0x04,
    CFG_MEMORY  = 0x20,
};

typedef struct Setup {
    Board b;
    PciDev port;
    Testdev dev;        /* behind it */
    uint64_t page;
} Setup;

static void enable_endpoint(Setup *s, unsigned bus, unsigned devfn)
{
    s->dev.pci = (PciDev) { .q = s->b.q, .bus = bus, .devfn = devfn };
    g_assert_cmphex(pci_config_read(&s->dev.pci, CFG_VENDOR, 4), ==,
                    0x76d01234);
    s->b.bus.next_bar = WINDOW;
    pci_enable(&s->b.bus, &s->dev.pci);
    s->dev.base = s->dev.pci.bar[0];
    g_assert_cmphex(testdev_get(&s->dev, TD_ID) & UINT32_MAX, ==, 0x4d4f4956);
}

/* A page at IOVA, for endpoint 0 so far. */
static void start(Setup *s, const char *unit, const char *more)
{
    g_autofree char *options =
        g_strdup_printf("-device pcie-root-port,id=rp,addr=%x,chassis=1,"
                        "slot=1 %s", PORT_SLOT, more);

    board_start_with(&s->b, unit, options);
    s->port = (PciDev) { .q = s->b.q, .devfn = PORT_SLOT << 3 };
    board_translate(&s->b, 4);
    board_queue(&s->b, 0);
    s->page = board_pages(&s->b, 1);
    board_map(&s->b, IOVA, s->page, BOARD_RW);
}

static void allow(Setup *s, uint16_t source, bool on, unsigned tt)
{
    GuestContext ctx = {
        .tt = tt,
        .levels = 4,
        .table = s->b.table,
        .domain = BOARD_DOMAIN,
    };

    if (on) {
        g_assert_true(guest_context_set(&s->b.alloc, s->b.root, source,
                                        &ctx));
    } else {
        g_assert_true(guest_context_clear(&s->b.alloc, s->b.root, source));
    }
    board_flush(&s->b);
}

/* The endpoint's DMA is that of @source, and of nobody else. */
static void check_source(Setup *s, uint16_t source)
{
    const uint64_t value = 0x1122334455667788ull + source;
    Fault fault;

    g_assert_cmpint(testdev_dma_write(&s->dev, IOVA, &value, 8).why, ==,
                    TD_BLOCKED);
    fault = board_take_fault(&s->b);
    g_assert_cmphex(fault.source, ==, source);
    allow(s, source, true, SPEC_TT_MULTI);
    g_assert_cmpint(testdev_dma_write(&s->dev, IOVA, &value, 8).why, ==,
                    TD_OK);
    g_assert_cmphex(board_get64(&s->b, s->page), ==, value);
    allow(s, source, false, 0);
    g_assert_cmpint(testdev_dma_write(&s->dev, IOVA, &value, 8).why, ==,
                    TD_BLOCKED);
    board_take_fault(&s->b);
}

static void test_root_port(void)
{
    static const unsigned buses[] = { 1, 2, 0x7f, 0xff };
    Setup s;

    start(&s, "", "-device viommu-testdev,bus=rp");
    for (size_t i = 0; i < G_N_ELEMENTS(buses); i++) {
        pci_set_bridge(&s.port, buses[i], buses[i], WINDOW);
        enable_endpoint(&s, buses[i], 0);
        check_source(&s, buses[i] << 8);
    }
    /* nobody is on the bus that it had before */
    s.dev.pci.bus = 2;
    g_assert_cmphex(pci_config_read(&s.dev.pci, CFG_VENDOR, 4), ==,
                    UINT32_MAX);
    board_end(&s.b);
}

/* BAR accesses go through the bridge's window and nowhere else. */
static void test_window(void)
{
    Setup s;

    start(&s, "", "-device viommu-testdev,bus=rp");
    pci_set_bridge(&s.port, 1, 1, WINDOW);
    enable_endpoint(&s, 1, 0);
    pci_config_write(&s.port, CFG_COMMAND, 4, 2);
    g_assert_cmphex(testdev_get(&s.dev, TD_ID) & UINT32_MAX, !=, 0x4d4f4956);
    pci_config_write(&s.port, CFG_COMMAND, 6, 2);
    g_assert_cmphex(testdev_get(&s.dev, TD_ID) & UINT32_MAX, ==, 0x4d4f4956);
    pci_config_write(&s.port, CFG_MEMORY, 0xe7f0e7f0, 4);
    g_assert_cmphex(testdev_get(&s.dev, TD_ID) & UINT32_MAX, !=, 0x4d4f4956);
    board_end(&s.b);
}

static void test_conventional(void)
{
    PciDev bridge;
    Setup s;

    start(&s, "", "-device pcie-pci-bridge,id=br,bus=rp "
          "-device viommu-testdev,bus=br,addr=2");
    for (unsigned bus = 2; bus < 200; bus += 90) {
        pci_set_bridge(&s.port, bus, bus + 1, WINDOW);
        bridge = (PciDev) { .q = s.b.q, .bus = bus };
        pci_set_bridge(&bridge, bus + 1, bus + 1, WINDOW);
        enable_endpoint(&s, bus + 1, 2 << 3);
        check_source(&s, (bus + 1) << 8);
    }
    /* conventional functions have no extended configuration space */
    g_assert_cmphex(pci_config_read(&s.dev.pci, 0x100, 4), ==, UINT32_MAX);
    board_end(&s.b);
}

/* Interrupt messages bear the same source. */
static void test_messages(void)
{
    SinkMessage msg;
    Setup s;

    start(&s, "", "-device viommu-testdev,bus=rp");
    pci_set_bridge(&s.port, 3, 3, WINDOW);
    enable_endpoint(&s, 3, 0);
    pci_msi_enable(&s.dev.pci, 0xfee01000, 0x41, 0);
    sink_clear(s.b.q);
    testdev_interrupt(&s.dev, 0);
    g_assert_true(sink_pop(s.b.q, &msg));
    g_assert_cmphex(msg.addr, ==, 0xfee01000);
    g_assert_cmphex(msg.source, ==, 0x300);
    board_end(&s.b);
}

/* Invalidation requests find the endpoint where its bus is now. */
static void test_device_tlb(void)
{
    const uint64_t value = 0x5a5a;
    Setup s;

    start(&s, "device-iotlb=on", "-device viommu-testdev,bus=rp,ats=on");
    pci_set_bridge(&s.port, 4, 4, WINDOW);
    enable_endpoint(&s, 4, 0);
    pci_config_write(&s.dev.pci, pci_find_extended(&s.dev.pci, TD_CAP_ATS) +
                     6, 0x8000, 2);
    allow(&s, 0x400, true, SPEC_TT_DEVTLB);
    testdev_set(&s.dev, TD_CONTROL, 2);
    g_assert_cmpint(testdev_dma_write(&s.dev, IOVA, &value, 8).why, ==,
                    TD_OK);
    g_assert_cmphex(board_get64(&s.b, s.page), ==, value);
    g_assert_cmpuint(testdev_get(&s.dev, TD_ATC_ENTRIES), ==, 1);
    guest_queue_devtlb(&s.b.queue, 0x400, IOVA, 4096);
    board_sync(&s.b);
    g_assert_cmpuint(testdev_get(&s.dev, TD_ATC_ENTRIES), ==, 0);
    g_assert_cmphex(board_reg32(&s.b, SPEC_FSTS), ==, 0);

    pci_set_bridge(&s.port, 5, 5, WINDOW);
    guest_queue_devtlb(&s.b.queue, 0x400, IOVA, 4096);
    g_assert_false(guest_queue_wait(&s.b.queue));
    g_assert_true(qtest_wait(s.b.q, BOARD_UNIT + SPEC_FSTS, 4, SPEC_FSTS_ITE,
                             SPEC_FSTS_ITE));
    board_end(&s.b);
}

/* --- Numbers that change ------------------------------------------------- */

/* Who does the endpoint's DMA: itself, or in QEMU one that keeps translations
 * elsewhere. */
static const char *const kinds[] = { "", ",x-vhost=on", ",x-mirror=on" };

static size_t n_kinds(void)
{
    return qtest_is_qemu() ? G_N_ELEMENTS(kinds) : 1;
}

static void start_kind(Setup *s, size_t kind, const char *unit)
{
    g_autofree char *more = g_strdup_printf(
        "-device viommu-testdev,bus=rp%s%s", kinds[kind],
        *unit ? " -device intel-iommu,caching-mode=on" : "");
    g_autofree char *options = g_strconcat("caching-mode=on", unit, NULL);

    start(s, options, more);
}

static void renumber(Setup *s, unsigned bus)
{
    pci_set_bridge(&s->port, bus, bus, WINDOW);
    enable_endpoint(s, bus, 0);
}

/* A write at @iova reaches @pa. */
static void check_reaches(Setup *s, uint64_t iova, uint64_t pa)
{
    static uint64_t value = 0x1000;

    value++;
    g_assert_cmpint(testdev_dma_write(&s->dev, iova, &value, 8).why, ==,
                    TD_OK);
    g_assert_cmphex(board_get64(&s->b, pa), ==, value);
}

static void check_blocked(Setup *s, uint64_t iova, uint64_t pa)
{
    const uint64_t value = 0xbad, before = board_get64(&s->b, pa);

    g_assert_cmpint(testdev_dma_write(&s->dev, iova, &value, 8).why, ==,
                    TD_BLOCKED);
    g_assert_cmphex(board_get64(&s->b, pa), ==, before);
}

/* What was allowed as one function is not as another. */
static void test_renumbered(void)
{
    static const char *const units[] = { "", ",scope=5" };

    for (size_t i = 0; i < n_kinds() * G_N_ELEMENTS(units); i++) {
        uint64_t page;
        Setup s;

        start_kind(&s, i / 2, units[i % 2]);
        page = s.page;
        renumber(&s, 1);
        allow(&s, 0x100, true, SPEC_TT_PASS);
        check_reaches(&s, page, page);
        renumber(&s, 2);
        check_blocked(&s, page, page);
        check_blocked(&s, IOVA, page);
        renumber(&s, 1);
        check_reaches(&s, page, page);
        allow(&s, 0x200, true, SPEC_TT_MULTI);
        renumber(&s, 2);
        check_reaches(&s, IOVA, page);
        check_blocked(&s, page, page);
        renumber(&s, 3);
        check_blocked(&s, IOVA, page);
        renumber(&s, 1);
        check_reaches(&s, page, page);
        board_end(&s.b);
    }
}

/* Another table for each number. */
static void test_other_tables(void)
{
    for (size_t i = 0; i < n_kinds(); i++) {
        GuestContext ctx = {
            .tt = SPEC_TT_MULTI, .levels = 4, .domain = BOARD_DOMAIN + 1,
        };
        uint64_t other;
        Setup s;

        start_kind(&s, i, "");
        other = board_pages(&s.b, 1);
        allow(&s, 0x100, true, SPEC_TT_MULTI);
        ctx.table = guest_ss_new(&s.b.alloc);
        g_assert_true(guest_ss_map(&s.b.alloc, ctx.table, 4, IOVA, other, 1,
                                   BOARD_RW));
        g_assert_true(guest_context_set(&s.b.alloc, s.b.root, 0x200, &ctx));
        board_flush(&s.b);
        renumber(&s, 1);
        check_reaches(&s, IOVA, s.page);
        renumber(&s, 2);
        check_reaches(&s, IOVA, other);
        renumber(&s, 1);
        check_reaches(&s, IOVA, s.page);
        board_end(&s.b);
    }
}

/*
 * Before its bus has a number, a function is 00:00.0, which passes through.
 * An entry that becomes present needs no invalidation.
 */
static void test_first_number(void)
{
    Setup s;

    start(&s, "", "-device viommu-testdev,bus=rp");
    allow(&s, 0x000, true, SPEC_TT_PASS);
    renumber(&s, 1);
    check_blocked(&s, IOVA, IOVA);
    board_take_fault(&s.b);
    board_put64(&s.b, IOVA, 0);
    g_assert_true(guest_context_set(&s.b.alloc, s.b.root, 0x100,
                                    &(GuestContext) {
        .tt = SPEC_TT_MULTI, .levels = 4, .table = s.b.table,
        .domain = BOARD_DOMAIN,
    }));
    check_reaches(&s, IOVA, s.page);
    g_assert_cmphex(board_get64(&s.b, IOVA), ==, 0);
    board_end(&s.b);
}

/* The slot's power and its indicator (slot control, 7.5.3.10), on or off. */
static void set_power(PciDev *port, bool on)
{
    unsigned at = pci_find_capability(port, 0x10) + 0x18;
    unsigned control = pci_config_read(port, at, 2) & ~0x700u;

    pci_config_write(port, at, control | (on ? 0x100 : 0x700), 2);
}

static void plug(Setup *s, Monitor *m)
{
    monitor_command(m, "{\"execute\":\"device_add\",\"arguments\":{"
                    "\"driver\":\"viommu-testdev\",\"id\":\"d1\","
                    "\"bus\":\"rp\"}}", "\"return\"");
    set_power(&s->port, true);
}

static void unplug(Setup *s, Monitor *m)
{
    monitor_command(m, "{\"execute\":\"device_del\",\"arguments\":{"
                    "\"id\":\"d1\"}}", "\"return\"");
    set_power(&s->port, false);
    monitor_await(m, "DEVICE_DELETED");
}

/* By the port, not by ACPI. */
#define NATIVE_HOTPLUG \
    "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"

/* Who is plugged in finds its bus as it is then. */
static void test_plugged(void)
{
    g_autofree char *more = NULL;
    Monitor m;
    Setup s;

    more = g_strconcat(NATIVE_HOTPLUG, monitor_options(&m), NULL);
    start(&s, "", more);
    monitor_accept(&m);
    allow(&s, 0x100, true, SPEC_TT_PASS);
    pci_set_bridge(&s.port, 1, 1, WINDOW);
    plug(&s, &m);
    enable_endpoint(&s, 1, 0);
    check_reaches(&s, s.page, s.page);
    unplug(&s, &m);
    pci_set_bridge(&s.port, 2, 2, WINDOW);
    plug(&s, &m);
    enable_endpoint(&s, 2, 0);
    check_blocked(&s, s.page, s.page);
    board_take_fault(&s.b);
    board_end(&s.b);
    monitor_end(&m);
}

/* A scope holds what is behind its bridges. */
static void test_scope(void)
{
    const uint64_t value = 0x77;
    Setup s;

    start(&s, "scope=5", "-device viommu-testdev,bus=rp -device intel-iommu");
    pci_set_bridge(&s.port, 6, 6, WINDOW);
    enable_endpoint(&s, 6, 0);
    check_source(&s, 0x600);
    /* endpoint 0 is behind the other unit, which does not translate */
    g_assert_cmpint(testdev_dma_write(&s.b.dev, s.page, &value, 8).why, ==,
                    TD_OK);
    g_assert_cmphex(board_get64(&s.b, s.page), ==, value);
    board_end(&s.b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bridges/root-port", test_root_port);
    g_test_add_func("/bridges/window", test_window);
    g_test_add_func("/bridges/conventional", test_conventional);
    g_test_add_func("/bridges/messages", test_messages);
    g_test_add_func("/bridges/device-tlb", test_device_tlb);
    g_test_add_func("/bridges/scope", test_scope);
    g_test_add_func("/bridges/renumbered", test_renumbered);
    g_test_add_func("/bridges/other-tables", test_other_tables);
    g_test_add_func("/bridges/first-number", test_first_number);
    if (qtest_is_qemu()) {
        g_test_add_func("/bridges/plugged", test_plugged);
    }
    return g_test_run();
}
