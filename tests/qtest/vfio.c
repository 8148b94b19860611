/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine's vfio-pci behind the unit, on a system that has such a device:
 * the guest's tables and commands go through Linux to a real (or emulated)
 * IOMMU, and the data are compared.  $VIOMMU_VFIO is the address of a
 * viommu-testdev in the hands of Linux's vfio-pci, like 0000:02:00.0, or of two
 * with a comma between them; tests/guest/run has a guest with them.  Without
 * it, the simulated host of viommu-machine must do the same.
 */
#include <string.h>
#include <unistd.h>

#include "tests/qtest/vfio.h"
#include "tests/qtest/vfio-host.h"

/* The host has no tables of 5 levels. */
#define SHADOWED    OPTIONS ",aw-bits=57"
#define WINDOW      UINT64_C(0xe8000000)

/* Options of host-testdev, so that it is like the device. */
#define SIMULATED   ",pasid-bits=20,ats=on,pri=on"

/*
 * Split @options into those of the unit and ",nesting=..." of the device, where
 * the machine has it there.
 */
static char *split_options(const char *options, char **unit)
{
    const char *nesting = strstr(options, ",nesting=");
    size_t n = nesting ? 1 + strcspn(nesting + 1, ",") : 0;

    if (qtest_is_qemu() || !nesting) {
        *unit = g_strdup(options);
        return g_strdup("");
    }
    *unit = g_strdup_printf("%.*s%s", (int)(nesting - options), options,
                            nesting + n);
    return g_strndup(nesting, n);
}

/* The unit's options, and what follows endpoint 0, with a device at slot 4 for
 * @second. */
static char *more_options(const char *options, bool second, char **unit)
{
    g_autofree char *nesting = split_options(options, unit);
    g_autofree char *device = vfio_device(vfio_second, SIMULATED);

    return g_strdup_printf("%s,id=d0%s%s%s%s%s", vfio_first ? "" : SIMULATED,
                           nesting, vfio_objects(),
                           second ? " -device " : "", second ? device : "",
                           second ? ",addr=4" : "");
}

static void start_board(Board *b, const char *options)
{
    g_autofree char *unit = NULL;
    g_autofree char *more = more_options(options, false, &unit);

    board_start_with(b, unit, more);
}

void vfio_start(Sm *s, const char *options, unsigned pgtt)
{
    g_autofree char *unit = NULL;
    g_autofree char *more = more_options(options, false, &unit);

    passed_start(s, unit, more, pgtt);
}

uint64_t vfio_usage(Sm *s, const char *name)
{
    return qtest_usage(s->b.q, name);
}

void vfio_end(Sm *s)
{
    if (!qtest_is_qemu()) {
        g_assert_cmpuint(vfio_usage(s, "errors"), ==, 0);
    }
    sm_end(s);
}

static void start(Sm *s)
{
    vfio_start(s, NESTED, SPEC_PGTT_FIRST);
}

/* --- Translation --------------------------------------------------------- */

static void check_legacy(const char *options)
{
    Board b;

    start_board(&b, options);
    passed_legacy(&b);
    board_end(&b);
}

static void test_legacy(void)
{
    check_legacy("caching-mode=on,nesting=auto");
}

/* As without the library: VFIO mirrors what the unit tells it. */
static void test_off(void)
{
    check_legacy("caching-mode=on,nesting=off");
}

static void test_second_stage(void)
{
    Sm s;

    vfio_start(&s, OPTIONS ",nesting=auto", SPEC_PGTT_SECOND);
    passed_second_stage(&s);
    vfio_end(&s);
}

static void test_first_stage(void)
{
    Sm s;

    start(&s);
    passed_first_stage(&s);
    vfio_end(&s);
}

/* A unit that promises more than the host has: shadows of its first stage. */
static void test_shadows(void)
{
    Sm s;

    vfio_start(&s, SHADOWED ",nesting=auto", SPEC_PGTT_FIRST);
    passed_first_stage(&s);
    vfio_end(&s);
    vfio_start(&s, SHADOWED ",nesting=auto", SPEC_PGTT_FIRST);
    passed_invalidation(&s);
    vfio_end(&s);
}

static void test_invalidation(void)
{
    Sm s;

    start(&s);
    passed_invalidation(&s);
    vfio_end(&s);
}

static void test_pasids(void)
{
    Sm s;

    start(&s);
    passed_pasids_come(&s, NULL);
    passed_pasids_go(&s);
    vfio_end(&s);
}

/* --- Faults -------------------------------------------------------------- */

static void start_pri(Pri *p)
{
    start(&p->s);
    g_assert_true(guest_page_queue_init(&p->queue, &p->s.b.alloc,
                                        &p->s.b.regs, 0));
}

/* A page request comes to the guest, and its answer to the device. */
static void test_page_requests(void)
{
    Pri p;

    start_pri(&p);
    for (unsigned code = 0; code < 2; code++) {
        passed_ask(&p, SM_PASID, VA + PASSED_PAGE);
        board_set32(&p.s.b, SPEC_PRS, SPEC_PRS_PPR);
        pri_respond(&p, SM_PASID, 5, code);
        passed_answered(&p);
        g_assert_cmphex(pri_get(&p, TD_RESPONSE), ==,
                        pri_response(SM_PASID, 5, code));
    }
    vfio_end(&p.s);
}

static void ask_now(Pri *p)
{
    testdev_set(&p->s.b.dev, TD_COMMAND, TD_PAGE_REQUEST);
}

/* It comes while the client asks the machine nothing. */
static void test_silence(void)
{
    Testdev *dev;
    Pri p;

    start_pri(&p);
    dev = &p.s.b.dev;
    sm_use(&p.s, SM_PASID);
    testdev_set(dev, TD_SRC, VA);
    testdev_set(dev, TD_REQUEST, TD_REQUEST_READ | TD_REQUEST_LAST |
                TD_REQUEST_GROUP(7));
    passed_silence(&p, ask_now, passed_page_heard, passed_page_undo);
    vfio_end(&p.s);
}

static void test_demand(void)
{
    Pri p;

    start_pri(&p);
    passed_demand(&p);
    vfio_end(&p.s);
}

/* --- The machine --------------------------------------------------------- */

static void test_reset(void)
{
    Sm s;
    uint64_t page;

    start(&s);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    passed_piotlb(&s, 0, VA);
    sm_good(&s, SM_NONE, VA, page);
    board_reset(&s.b);
    sm_use(&s, SM_NONE);
    board_dma_good(&s.b, page, page);
    vfio_end(&s);
}

/* viommu-machine's host device can be reset alone, which the host carries out,
 * and sleeps; QEMU's vfio-pci leaves both to Linux. */
static void test_function_reset(void)
{
    unsigned at;
    PciDev *dev;
    Board b;

    start_board(&b, "caching-mode=on,nesting=auto");
    dev = &b.dev.pci;
    at = pci_find_capability(dev, 0x10);
    g_assert_cmphex(pci_config_read(dev, at + 4, 4) & 0x10000000, !=, 0);
    testdev_set(&b.dev, TD_PATTERN, 0x77);
    pci_config_write(dev, at + 8, 0x8000 | pci_config_read(dev, at + 8, 2),
                     2);
    g_assert_cmphex(pci_config_read(dev, at + 8, 2), ==, 0x2000);
    g_assert_cmphex(pci_config_read(dev, 0x04, 2) & 6, ==, 0);
    b.bus.next_bar = UINT64_C(0xe1000000);
    pci_enable(&b.bus, dev);
    b.dev.base = dev->bar[0];
    testdev_enable(&b.dev, 32);
    g_assert_cmphex(testdev_get(&b.dev, TD_PATTERN), ==, 0);
    passed_interrupt(&b);
    board_end(&b);
}

static void test_power(void)
{
    unsigned at;
    PciDev *dev;
    Board b;

    start_board(&b, "caching-mode=on,nesting=auto");
    dev = &b.dev.pci;
    at = pci_find_capability(dev, 0x01);
    g_assert_cmpuint(at, !=, 0);
    testdev_set(&b.dev, TD_PATTERN, 0x77);
    pci_config_write(dev, at + 4, 3, 2);
    g_assert_cmpuint(pci_config_read(dev, at + 4, 2) & 3, ==, 3);
    g_assert_cmphex(testdev_get(&b.dev, TD_PATTERN), !=, 0x77);
    pci_config_write(dev, at + 4, 0, 2);
    g_assert_cmphex(testdev_get(&b.dev, TD_PATTERN), ==, 0x77);
    passed_interrupt(&b);
    board_end(&b);
}

static void test_interrupt(void)
{
    Board b;

    start_board(&b, "caching-mode=on,nesting=auto");
    passed_interrupt(&b);
    board_end(&b);
}

/* Two devices with one iommufd; false, and skipped, when there is one. */
static bool start_two(Sm *s, Testdev *second)
{
    g_autofree char *unit = NULL;
    g_autofree char *more = more_options(NESTED, true, &unit);

    if (vfio_first && !vfio_second) {
        g_test_skip("VIOMMU_VFIO names one device only");
        return false;
    }
    passed_start(s, unit, more, SPEC_PGTT_FIRST);
    testdev_init(second, &s->b.bus, 1);
    return true;
}

/* Each of them has its own entry. */
static void test_two(void)
{
    uint64_t page, entry[4] = { 0 };
    Testdev second;
    Sm s;

    if (!start_two(&s, &second)) {
        return;
    }
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    passed_piotlb(&s, 0, VA);
    sm_good(&s, SM_NONE, VA, page);
    testdev_expect_blocked(&second, VA, 8, false);
    g_assert_true(guest_sm_context_set(&s.b.alloc, s.b.root,
                                       pci_source(&second.pci), s.ctx));
    sm_flush(&s);
    testdev_expect_read(&second, VA, page);
    testdev_expect_write(&second, VA, page);
    sm_good(&s, SM_NONE, VA, page);
    /* one invalidation for both */
    board_put64(&s.b, sm_fs_at(&s, VA, 1), 0);
    passed_piotlb(&s, 0, VA);
    testdev_expect_blocked(&second, VA, 8, false);
    passed_blocked(&s, SM_NONE, VA, false);
    board_put64(&s.b, sm_fs_at(&s, VA, 1), page | SM_LEAF);
    g_assert_true(guest_sm_context_set(&s.b.alloc, s.b.root,
                                       pci_source(&second.pci), entry));
    sm_flush(&s);
    sm_good(&s, SM_NONE, VA, page);
    testdev_expect_blocked(&second, VA, 8, true);
    vfio_end(&s);
}

/* One device's registers are not in the other's reach: not where it passes
 * through, nor where the guest's tables say so. */
static void test_peer(void)
{
    GuestPasid pass = { .pgtt = SPEC_PGTT_PASS, .domain = SM_DOMAIN + 1 };
    uint64_t page, bar;
    Testdev second;
    Sm s;

    if (!start_two(&s, &second)) {
        return;
    }
    bar = second.base;
    testdev_set(&second, TD_PATTERN, 0x1122334455667788);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, bar, 1);
    sm_map(&s, VA + PASSED_PAGE, page, 1);
    passed_piotlb(&s, SM_PASID, VA);
    passed_blocked(&s, SM_PASID, VA, false);
    passed_blocked(&s, SM_PASID, VA, true);
    sm_good(&s, SM_PASID, VA + PASSED_PAGE, page);
    g_assert_true(guest_pasid_set(&s.b.alloc, s.dir, 0, &pass));
    passed_pasid_cache(&s, 0);
    passed_blocked(&s, SM_NONE, bar, false);
    passed_blocked(&s, SM_NONE, bar, true);
    sm_good(&s, SM_NONE, page, page);
    g_assert_cmphex(testdev_get(&second, TD_PATTERN), ==,
                    0x1122334455667788);
    vfio_end(&s);
}

/* The capabilities that the unit announces, and those alone. */
static void check_capabilities(const char *options, bool ats, bool pri,
                               unsigned pasid_bits)
{
    unsigned at;
    Board b;

    start_board(&b, options);
    at = pci_find_extended(&b.dev.pci, TD_CAP_ATS);
    g_assert_cmpint(at != 0, ==, ats);
    if (at) {
        g_assert_cmphex(pci_config_read(&b.dev.pci, at + TD_ATS_CTRL, 2), ==,
                        0);
        pci_config_write(&b.dev.pci, at + TD_ATS_CTRL, TD_ATS_ENABLE, 2);
        g_assert_cmphex(pci_config_read(&b.dev.pci, at + TD_ATS_CTRL, 2), ==,
                        TD_ATS_ENABLE);
    }
    at = pci_find_extended(&b.dev.pci, TD_CAP_PRI);
    g_assert_cmpint(at != 0, ==, pri);
    if (at) {
        /* control off; status: stopped */
        g_assert_cmphex(pci_config_read(&b.dev.pci, at + 4, 4) & 0x1030003,
                        ==, 0x1000000);
    }
    at = pci_find_extended(&b.dev.pci, TD_CAP_PASID);
    g_assert_cmpint(at != 0, ==, pasid_bits != 0);
    if (at) {
        /* off; the width is the smaller one of the unit's and the device's */
        g_assert_cmphex(pci_config_read(&b.dev.pci, at + 4, 4) & 0x1ff00, ==,
                        pasid_bits << 8);
    }
    board_end(&b);
}

static void test_capabilities(void)
{
    check_capabilities(NESTED, true, true, 20);
    if (!qtest_is_qemu()) {
        /* which shows what the device has, whatever the unit's options say */
        return;
    }
    check_capabilities("x-scalable-mode=on,x-flts=on,caching-mode=on,"
                       "nesting=on,pasid-bits=12", false, false, 12);
    check_capabilities("x-scalable-mode=on,caching-mode=on,nesting=auto,"
                       "device-iotlb=on", true, false, 0);
}

/* What the unit promises and the host lacks, or what it lacks itself. */
static void test_refused(void)
{
    static const struct {
        const char *unit, *says;
    } cases[] = {
        { "caching-mode=on,nesting=on", "x-scalable-mode=on" },
        { "x-scalable-mode=on,x-flts=on,nesting=on", "caching-mode=on" },
        { OPTIONS ",memory-types=on,nesting=on", "ECAP.MTS" },
        { NESTED ",pmr=on", "pmr=off" },
        { SHADOWED ",nesting=on", "CAP.FS5LP" },
    };
    g_autofree char *device = vfio_device(vfio_first, SIMULATED);

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *unit = NULL;
        g_autofree char *nesting = split_options(cases[i].unit, &unit);
        g_autofree char *both = g_strdup_printf("-machine q35 -m 256M "
                                                "-device intel-iommu,%s "
                                                "-device %s%s", unit, device,
                                                nesting);

        vfio_refused(both, cases[i].says);
    }
}

/* What only QEMU has to refuse. */
static void test_refused_by_qemu(void)
{
    static const char unit[] = "-machine q35 -m 256M "
                               "-device intel-iommu," NESTED;
    static const char memory[] =
        "-m 256M,maxmem=1G,slots=1 "
        "-object memory-backend-ram,id=m0,size=128M "
        "-device virtio-mem-pci,memdev=m0,requested-size=64M";
    g_autofree char *device = vfio_device(vfio_first, "");
    g_autofree char *late = g_strdup_printf(
        "-machine q35 -m 256M -device %s -device intel-iommu,%s", device,
        NESTED);
    g_autofree char *group = g_strdup_printf("%s -device vfio-pci,host=%s",
                                             unit, vfio_first);
    g_autofree char *before = g_strdup_printf("%s %s -device %s", unit,
                                              memory, device);
    g_autofree char *behind = g_strdup_printf("%s -device %s %s", unit,
                                              device, memory);

    vfio_refused(late, "give the unit before");
    vfio_refused(group, "nesting=on: the device needs the option iommufd=");
    /* memory that is to be given back, whoever comes first */
    vfio_refused(before, "virtio-mem?");
    vfio_refused(behind, "Discarding RAM is disabled");
}

/* Without iommufd=, nesting=auto is as off: VFIO's own container. */
static void test_group(void)
{
    g_autofree char *endpoint = g_strdup_printf("vfio-pci,host=%s",
                                                vfio_first);
    g_autofree char *usual = vfio_device(vfio_first, "");
    Board b;

    board_set_endpoint(endpoint);
    board_start(&b, "caching-mode=on,nesting=auto");
    passed_legacy(&b);
    board_end(&b);
    board_set_endpoint(usual);
}

/* What a machine leaves behind when it ends with everything bound: nothing. */
static void test_again(void)
{
    Sm s;

    for (unsigned i = 0; i < 2; i++) {
        start(&s);
        passed_blocked(&s, SM_NONE, VA, false);
        passed_blocked(&s, SM_PASID, VA, false);
        passed_first_stage(&s);
        vfio_end(&s);
    }
}

/* --- Hot-plug ------------------------------------------------------------ */

typedef struct Plug {
    Sm s;
    PciDev port;
    int qmp;
} Plug;

static void enable_endpoint(Plug *p, unsigned bus)
{
    Testdev *dev = &p->s.b.dev;

    dev->pci = (PciDev) { .q = p->s.b.q, .bus = bus };
    p->s.b.bus.next_bar = WINDOW;
    pci_enable(&p->s.b.bus, &dev->pci);
    dev->base = dev->pci.bar[0];
    g_assert_cmphex(testdev_get(dev, TD_ID) & UINT32_MAX, ==, 0x4d4f4956);
    p->s.b.source = bus << 8;
    sm_put_context(&p->s);
    sm_flush(&p->s);
}

/* The device leaves and comes back, under another bus number. */
static void test_plug(void)
{
    static const char more[] =
        ",id=d0 -object iommufd,id=i0 "
        "-device pcie-root-port,id=rp,addr=5,chassis=1,slot=1 "
        "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"
        QMP_OPTIONS;
    Plug p = { .qmp = -1 };
    uint64_t page;

    /* endpoint 0 is an emulated one here */
    board_set_endpoint("viommu-testdev");
    sm_start_with(&p.s, NESTED, more, SPEC_PGTT_FIRST, 4);
    p.port = (PciDev) { .q = p.s.b.q, .devfn = 5 << 3 };
    p.qmp = qmp_open();
    page = board_pages(&p.s.b, 1);
    sm_map(&p.s, VA, page, 1);
    passed_piotlb(&p.s, 0, VA);
    sm_good(&p.s, SM_NONE, VA, page);
    for (unsigned bus = 1; bus < 4; bus++) {
        vfio_plug(p.qmp, &p.port);
        pci_set_bridge(&p.port, bus, bus, WINDOW);
        enable_endpoint(&p, bus);
        sm_good(&p.s, SM_NONE, VA, page);
        /* renumbered while it is there */
        pci_set_bridge(&p.port, bus + 4, bus + 4, WINDOW);
        p.s.b.dev.pci.bus = bus + 4;
        p.s.b.source = (bus + 4) << 8;
        sm_put_context(&p.s);
        sm_flush(&p.s);
        sm_good(&p.s, SM_NONE, VA, page);
        vfio_unplug(p.qmp, &p.port);
    }
    close(p.qmp);
    sm_end(&p.s);
}

int main(int argc, char **argv)
{
    g_autofree char *endpoint = NULL;

    g_test_init(&argc, &argv, NULL);
    if (!vfio_find_devices()) {
        return 0;
    }
    /* the options come later, with nesting= */
    endpoint = vfio_device(vfio_first, "");
    board_set_endpoint(endpoint);
    g_test_add_func("/vfio/legacy", test_legacy);
    g_test_add_func("/vfio/off", test_off);
    g_test_add_func("/vfio/first-stage", test_first_stage);
    g_test_add_func("/vfio/second-stage", test_second_stage);
    g_test_add_func("/vfio/shadows", test_shadows);
    g_test_add_func("/vfio/invalidation", test_invalidation);
    g_test_add_func("/vfio/pasids", test_pasids);
    g_test_add_func("/vfio/page-requests", test_page_requests);
    g_test_add_func("/vfio/silence", test_silence);
    g_test_add_func("/vfio/demand", test_demand);
    g_test_add_func("/vfio/two", test_two);
    g_test_add_func("/vfio/capabilities", test_capabilities);
    g_test_add_func("/vfio/reset", test_reset);
    if (!qtest_is_qemu()) {
        g_test_add_func("/vfio/function-reset", test_function_reset);
        g_test_add_func("/vfio/power", test_power);
    }
    g_test_add_func("/vfio/interrupt", test_interrupt);
    g_test_add_func("/vfio/refused", test_refused);
    g_test_add_func("/vfio/again", test_again);
    vfio_add_table_tests();
    g_test_add_func("/vfio/peer", test_peer);
    if (qtest_is_qemu()) {
        g_test_add_func("/vfio/plug", test_plug);
        g_test_add_func("/vfio/group", test_group);
        g_test_add_func("/vfio/refused-by-qemu", test_refused_by_qemu);
    } else {
        vfio_add_type1_tests();
    }
    return g_test_run();
}
