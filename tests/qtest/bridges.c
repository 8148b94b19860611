/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Endpoints behind bridges: their source-ids follow the bus numbers that
 * software writes; what comes from a conventional bus bears the bridge's
 * (PCI Express to PCI/X bridge specification, 2.3).
 */
#include "tests/qtest/board.h"

#define PORT_SLOT 5
#define WINDOW    UINT64_C(0xe8000000)
#define IOVA      UINT64_C(0x40000)

enum {
    CFG_VENDOR  = 0x00,
    CFG_COMMAND = 0x04,
    CFG_BUSES   = 0x18,
    CFG_MEMORY  = 0x20,
};

/* Buses and the memory window of a bridge; memory and bus mastering on. */
static void set_bridge(PciDev *bridge, unsigned secondary,
                       unsigned subordinate)
{
    uint32_t first = WINDOW >> 16, last = first + 0xf0;

    pci_config_write(bridge, CFG_BUSES, subordinate << 16 | secondary << 8 |
                     bridge->bus, 4);
    pci_config_write(bridge, CFG_MEMORY, last << 16 | first, 4);
    pci_config_write(bridge, CFG_COMMAND, 6, 2);
}

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
        set_bridge(&s.port, buses[i], buses[i]);
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
    set_bridge(&s.port, 1, 1);
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
        set_bridge(&s.port, bus, bus + 1);
        bridge = (PciDev) { .q = s.b.q, .bus = bus };
        set_bridge(&bridge, bus + 1, bus + 1);
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
    set_bridge(&s.port, 3, 3);
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
    set_bridge(&s.port, 4, 4);
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

    set_bridge(&s.port, 5, 5);
    guest_queue_devtlb(&s.b.queue, 0x400, IOVA, 4096);
    g_assert_false(guest_queue_wait(&s.b.queue));
    g_assert_true(qtest_wait(s.b.q, BOARD_UNIT + SPEC_FSTS, 4, SPEC_FSTS_ITE,
                             SPEC_FSTS_ITE));
    board_end(&s.b);
}

/* A scope holds what is behind its bridges. */
static void test_scope(void)
{
    const uint64_t value = 0x77;
    Setup s;

    start(&s, "scope=5", "-device viommu-testdev,bus=rp -device intel-iommu");
    set_bridge(&s.port, 6, 6);
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
    return g_test_run();
}
