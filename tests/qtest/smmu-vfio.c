/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine's vfio-pci behind an SMMUv3, on a system that has such devices
 * behind one of its own: the guest's tables and commands go through Linux to
 * it, its events come back, and the data are compared.  $VIOMMU_VFIO names
 * two viommu-testdev: the first one can wait, the second one has a device-TLB;
 * tests/guest/run has a guest with them.  Without it, the simulated host of
 * viommu-machine must do the same.
 */

#include "tests/qtest/smmu-vfio.h"

#define UNIT        "stage=1,ssidsize=8,stall=on,ats=on"

/* Options of host-testdev, so that they are like the devices. */
#define FIRST       ",pasid-bits=8,stall=on"
#define SECOND      ",pasid-bits=8,ats=on"

/* Where Linux puts interrupt messages of devices: a megabyte that the guest's
 * tables must leave where it is. */
#define WINDOW      UINT64_C(0x08000000)
#define WINDOW_SIZE UINT64_C(0x00100000)

/* RESUME's Ac and Ab; a range's fields */

#define WAIT_TRIES  5000

/* --- The machine --------------------------------------------------------- */

static void expect_bound(SmmuBoard *b, unsigned n)
{
    if (!vfio_first) {
        g_assert_cmpuint(qtest_usage(b->q, "bound"), ==, n);
    }
}

static void expect_no_event(SmmuBoard *b)
{
    uint64_t word[4];

    g_assert_false(smmu_event(b, word));
}

void smmu_vfio_choose(SmmuBoard *b, unsigned nth)
{
    testdev_init(&b->dev, &b->bus, nth);
    b->sid = pci_source(&b->dev.pci);
}

static void use(SmmuBoard *b, unsigned ssid)
{
    testdev_set(&b->dev, TD_PASID, ssid ? TD_PASID_ENABLE | ssid : 0);
}

void smmu_vfio_take(SmmuBoard *b, unsigned nth)
{
    smmu_vfio_choose(b, nth);
    testdev_enable(&b->dev, 0);
    /* a host's device may have registers of the test before */
    use(b, 0);
    testdev_set(&b->dev, TD_CONTROL, 0);
    smmu_put_ste(b);
}

const char *smmu_vfio_unit(void)
{
    return qtest_is_qemu() ? UNIT ",nesting=on" : UNIT;
}

void smmu_vfio_start(SmmuBoard *b, const char *options)
{
    g_autofree char *first = vfio_device(vfio_first, FIRST);
    g_autofree char *second = vfio_device(vfio_second, SECOND);
    g_autofree char *more = g_strdup_printf(
        "%s -device %s,addr=4,id=d0 -device %s,addr=5%s", vfio_objects(),
        first, second, options);

    smmu_start_stream(b, smmu_vfio_unit(), more, SMMUV3_S1);
    b->ste.s1cdmax = 4;
    b->ste.s1dss = S1DSS_SSID0;
    smmu_vfio_take(b, 1);
}

static void start(SmmuBoard *b)
{
    smmu_vfio_start(b, "");
}

/* Change what a page is mapped to, unbeknown to the unit. */
static void remap(SmmuBoard *b, uint64_t va, uint64_t to)
{
    smmu_put64(b, guest_tables_entry(&b->s1, va, 3),
               to ? to | 3 | SMMUV3_PAGE_S1 : 0);
}

/* --- Translation --------------------------------------------------------- */

static void test_dma(void)
{
    uint64_t page;
    SmmuBoard b;

    start(&b);
    page = smmu_pages(&b, 1);
    smmu_map(&b, VA, page);
    smmu_dma_good(&b, VA, page);
    expect_bound(&b, 1);
    smmu_put_cd(&b, 5);
    use(&b, 5);
    smmu_dma_good(&b, VA + 8, page + 8);
    use(&b, 6);
    smmu_dma_blocked(&b, VA, false);
    use(&b, 0);
    smmu_dma_good(&b, VA, page);

    b.ste.config = SMMUV3_BYPASS;
    smmu_put_ste(&b);
    smmu_dma_good(&b, page, page);
    b.ste.config = SMMUV3_ABORT;
    smmu_put_ste(&b);
    smmu_dma_blocked(&b, page, true);
    expect_bound(&b, 0);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_CMDQEN);
    smmu_dma_good(&b, page, page);
    smmu_end(&b);
}

/* Each command that a guest has, as the only one that tells of a change. */
static void test_invalidation(void)
{
    const struct {
        uint64_t low, high;
    } commands[] = {
        { CMD_NH_VA | CMD_ASID(SMMU_ASID), VA | 1 },
        { CMD_NH_VA | CMD_ASID(SMMU_ASID), VA },
        { CMD_NH_VA | CMD_ASID(SMMU_ASID) | CMD_NUM(3),
          (VA - PAGE) | CMD_TG_4K },
        { CMD_NH_VAA, VA | 1 },
        { CMD_NH_VAA | CMD_NUM(1), VA | CMD_TG_4K | 1 },
        { CMD_NH_ASID | CMD_ASID(SMMU_ASID), 0 },
        { CMD_NH_ALL, 0 },
        { CMD_NSNH_ALL, 0 },
    };
    uint64_t page, word[4];
    SmmuBoard b;

    start(&b);
    page = smmu_pages(&b, 2);
    smmu_map(&b, VA, page);
    smmu_dma_good(&b, VA, page);
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        uint64_t to = page + (i & 1 ? 0 : PAGE);

        g_test_message("command %u", i);
        remap(&b, VA, to);
        smmu_command(&b, commands[i].low, commands[i].high);
        smmu_sync(&b);
        smmu_dma_good(&b, VA, to);
        remap(&b, VA, 0);
        smmu_command(&b, commands[i].low, commands[i].high);
        smmu_sync(&b);
        smmu_dma_fault(&b, VA, i & 1, SMMUV3_F_TRANSLATION, word);
        remap(&b, VA, to);
        smmu_dma_good(&b, VA, to);
    }
    smmu_end(&b);
}

/* Descriptors that change: another one's tables. */
static void test_descriptors(void)
{
    GuestTables other;
    uint64_t page;
    SmmuBoard b;

    start(&b);
    page = smmu_pages(&b, 2);
    smmu_map(&b, VA, page);
    g_assert_true(guest_tables_init(&other, &b.alloc, 12, 48, 0));
    g_assert_true(guest_tables_map(&other, VA, page + PAGE, 3,
                                   SMMUV3_PAGE_S1));
    for (unsigned ssid = 0; ssid < 8; ssid += 7) {
        b.cd.ttb[0] = b.s1.ttb;
        b.cd.asid = SMMU_ASID;
        smmu_put_cd(&b, ssid);
        use(&b, ssid);
        smmu_dma_good(&b, VA, page);
        b.cd.ttb[0] = other.ttb;
        b.cd.asid = SMMU_ASID + 1;
        smmu_put_cd(&b, ssid);
        smmu_dma_good(&b, VA, page + PAGE);
    }
    smmu_end(&b);
}

/* An emulated endpoint and two of the host's, with the same tables. */
static void test_mixed(void)
{
    uint64_t page, word[4];
    SmmuBoard b;

    start(&b);
    page = smmu_pages(&b, 2);
    smmu_map(&b, VA, page);
    for (unsigned i = 0; i < 3; i++) {
        smmu_vfio_take(&b, i);
        smmu_dma_good(&b, VA, page);
    }
    expect_bound(&b, 2);
    remap(&b, VA, page + PAGE);
    smmu_command(&b, CMD_NH_VA | CMD_ASID(SMMU_ASID), VA | 1);
    smmu_sync(&b);
    for (unsigned i = 0; i < 3; i++) {
        smmu_vfio_choose(&b, i);
        smmu_dma_good(&b, VA, page + PAGE);
        smmu_dma_fault(&b, VA + PAGE, false, SMMUV3_F_TRANSLATION, word);
    }
    /* one of them goes its own way */
    b.ste.config = SMMUV3_ABORT;
    smmu_vfio_choose(&b, 1);
    smmu_put_ste(&b);
    smmu_dma_blocked(&b, VA, false);
    for (unsigned i = 0; i < 3; i += 2) {
        smmu_vfio_choose(&b, i);
        smmu_dma_good(&b, VA, page + PAGE);
    }
    smmu_end(&b);
}

/* Translations that the device keeps, until it is told. */
static void test_device_tlb(void)
{
    uint64_t page;
    TestdevTranslation t;
    SmmuBoard b;

    start(&b);
    b.ste.eats = EATS_FULL;
    smmu_vfio_take(&b, 2);
    page = smmu_pages(&b, 2);
    smmu_map(&b, VA, page);
    t = testdev_translate(&b.dev, VA, true);
    g_assert_cmpint(t.result.why, ==, TD_OK);
    g_assert_cmphex(t.flags, ==, TD_TRANS_ANSWER | TD_TRANS_R | TD_TRANS_W);
    g_assert_cmphex(t.size, ==, PAGE);
    testdev_set(&b.dev, TD_CONTROL, TD_CONTROL_ATS);
    smmu_dma_good(&b, VA, page);
    remap(&b, VA, page + PAGE);
    smmu_command(&b, CMD_NH_VA | CMD_ASID(SMMU_ASID), VA | 1);
    smmu_sync(&b);
    /* the unit's own cache is not the device's */
    smmu_dma_good(&b, VA, page);
    smmu_command(&b, CMD_ATC_INV | CMD_SID(b.sid), VA);
    smmu_sync(&b);
    smmu_dma_good(&b, VA, page + PAGE);
    expect_no_event(&b);
    smmu_end(&b);
}

/* --- Events -------------------------------------------------------------- */

static void test_events(void)
{
    uint64_t page, word[4];
    SmmuBoard b;

    start(&b);
    page = smmu_pages(&b, 1);
    smmu_dma_fault(&b, VA, false, SMMUV3_F_TRANSLATION, word);
    g_assert_cmphex(word[2], ==, VA);
    g_assert_cmpuint(EVENT_READ(word), ==, 1);
    g_assert_cmpuint(EVENT_SSV(word), ==, 0);
    smmu_expect_line(&b, LINE_EVENTQ);
    g_assert_true(guest_tables_map(&b.s1, VA, page, 3, SMMUV3_PAGE_S1 |
                                   SMMUV3_PTE_RDONLY));
    smmu_dma_reads(&b, VA, page);
    smmu_dma_fault(&b, VA, true, SMMUV3_F_PERMISSION, word);
    g_assert_cmphex(word[2], ==, VA);
    g_assert_cmpuint(EVENT_READ(word), ==, 0);
    use(&b, 7);
    smmu_dma_fault(&b, VA, true, SMMUV3_C_BAD_CD, word);
    g_assert_cmpuint(EVENT_SSV(word), ==, 1);
    g_assert_cmpuint(EVENT_SSID(word), ==, 7);
    smmu_end(&b);
}

/* The event of an access to VA that waits; its tag. */
static unsigned waits(SmmuBoard *b)
{
    uint64_t word[4];

    g_assert_true(smmu_await_event(b, word));
    g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_TRANSLATION);
    g_assert_cmphex(EVENT_SID(word), ==, b->sid);
    g_assert_cmpuint(EVENT_STALL(word), ==, 1);
    g_assert_cmphex(word[2] & -PAGE, ==, VA);
    return EVENT_STAG(word);
}

static void resume(SmmuBoard *b, unsigned tag, uint64_t action)
{
    smmu_command(b, CMD_RESUME | CMD_SID(b->sid) | action, tag);
    smmu_sync(b);
}

/* A host's device may take its time. */
static TestdevWhy ended(SmmuBoard *b)
{
    TestdevWhy why = testdev_finish(&b->dev).why;

    for (unsigned i = 0; i < WAIT_TRIES && why == TD_WAITS; i++) {
        g_usleep(1000);
        why = testdev_finish(&b->dev).why;
    }
    return why;
}

static void test_stall(void)
{
    uint64_t page;
    unsigned tag;
    SmmuBoard b;

    start(&b);
    b.cd.stall = true;
    smmu_put_cd(&b, 0);
    page = smmu_pages(&b, 1);
    smmu_put64(&b, page, 0x1122334455667788);
    g_assert_cmpint(testdev_dma_read(&b.dev, VA, NULL, 8).why, ==, TD_WAITS);
    resume(&b, waits(&b), CMD_ABORT);
    g_assert_cmpint(ended(&b), ==, TD_BLOCKED);
    /* while the page is missing, it comes back */
    g_assert_cmpint(testdev_dma_read(&b.dev, VA, NULL, 8).why, ==, TD_WAITS);
    resume(&b, waits(&b), CMD_RETRY);
    tag = waits(&b);
    smmu_map(&b, VA, page);
    resume(&b, tag, CMD_RETRY);
    g_assert_cmpint(ended(&b), ==, TD_OK);
    g_assert_cmphex(testdev_get(&b.dev, TD_BUFFER), ==, 0x1122334455667788);
    expect_no_event(&b);
    smmu_end(&b);
}

/* --- The machine --------------------------------------------------------- */

/* The host's message is DMA of the device; without the window it is lost. */
static void window(SmmuBoard *b)
{
    uint64_t word[4];

    testdev_interrupt(&b->dev, 3);
    g_assert_true(smmu_await_event(b, word));
    g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_TRANSLATION);
    g_assert_cmphex(EVENT_SID(word), ==, b->sid);
    g_assert_cmpuint(EVENT_READ(word), ==, 0);
    g_assert_cmphex(word[2] - WINDOW, <, WINDOW_SIZE);
    smmu_expect_line(b, LINE_EVENTQ);
    for (uint64_t at = WINDOW; at < WINDOW + WINDOW_SIZE; at += PAGE) {
        smmu_map(b, at, at);
    }
}

static void test_interrupt(void)
{
    SinkMessage msg = { 0 };
    SmmuBoard b;

    start(&b);
    smmu_map(&b, VA, SMMU_MESSAGES);
    pci_msix_enable(&b.dev.pci);
    pci_msix_set(&b.dev.pci, 3, VA + 0x40, 0x4321);
    if (vfio_first) {
        window(&b);
    }
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    testdev_interrupt(&b.dev, 3);
    for (unsigned i = 0; i < WAIT_TRIES && !sink_pop(b.q, &msg); i++) {
        g_usleep(1000);
    }
    g_assert_cmphex(msg.addr, ==, SMMU_MESSAGES + 0x40);
    g_assert_cmphex(msg.data, ==, 0x4321);
    g_assert_cmphex(msg.source, ==, b.sid);
    expect_no_event(&b);
    smmu_end(&b);
}

/* PASIDs of both devices, and the device-TLB of the one that has one. */
static void test_capabilities(void)
{
    /* QEMU shows what the unit announces, too */
    const unsigned bits = qtest_is_qemu() || !vfio_first ? 8 : 16;
    SmmuBoard b;

    start(&b);
    for (unsigned i = 1; i < 3; i++) {
        unsigned at;

        smmu_vfio_choose(&b, i);
        g_assert_cmpint(pci_find_extended(&b.dev.pci, TD_CAP_ATS) != 0, ==,
                        i == 2);
        g_assert_cmpuint(pci_find_extended(&b.dev.pci, TD_CAP_PRI), ==, 0);
        at = pci_find_extended(&b.dev.pci, TD_CAP_PASID);
        g_assert_cmpuint(at, !=, 0);
        g_assert_cmphex(pci_config_read(&b.dev.pci, at + TD_PASID_CAP, 2) &
                        0x1f00, ==, bits << 8);
    }
    smmu_end(&b);
}

/* What a machine leaves behind when it ends with everything bound: nothing. */
static void test_again(void)
{
    uint64_t page;
    SmmuBoard b;

    for (unsigned i = 0; i < 2; i++) {
        start(&b);
        page = smmu_pages(&b, 1);
        smmu_dma_blocked(&b, VA, false);
        smmu_vfio_take(&b, 2);
        smmu_map(&b, VA, page);
        smmu_dma_good(&b, VA, page);
        smmu_vfio_choose(&b, 1);
        smmu_dma_good(&b, VA, page);
        smmu_end(&b);
    }
}

/* What the unit promises and the host lacks, or what it lacks itself. */
static void test_refused(void)
{
    static const struct {
        const char *unit, *says;
    } cases[] = {
        { "stage=2", "stage=1" },
        { "stage=nested", "stage=1" },
        { "stage=1,hyp=on", "stage=nested" },
        { "stage=1,attr-perms-ovr=on", "attr-perms-ovr=off" },
        { "stage=1,oas=52", "IDR5.OAS" },
    };
    g_autofree char *device = vfio_device(vfio_first, FIRST);

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) words = g_strsplit(cases[i].unit, ",", -1);
        g_autofree char *unit = g_strjoinv(" -global arm-smmuv3.", words);
        g_autofree char *options = g_strdup_printf(
            MACHINE "-global arm-smmuv3.%s%s -device %s", unit,
            qtest_is_qemu() ? " -global arm-smmuv3.nesting=on" : "", device);

        vfio_refused(options, cases[i].says);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_set_target("aarch64");
    if (!vfio_find_devices()) {
        return 0;
    }
    g_test_add_func("/smmu-vfio/dma", test_dma);
    g_test_add_func("/smmu-vfio/invalidation", test_invalidation);
    g_test_add_func("/smmu-vfio/descriptors", test_descriptors);
    g_test_add_func("/smmu-vfio/mixed", test_mixed);
    g_test_add_func("/smmu-vfio/device-tlb", test_device_tlb);
    g_test_add_func("/smmu-vfio/events", test_events);
    g_test_add_func("/smmu-vfio/stall", test_stall);
    g_test_add_func("/smmu-vfio/interrupt", test_interrupt);
    g_test_add_func("/smmu-vfio/capabilities", test_capabilities);
    g_test_add_func("/smmu-vfio/again", test_again);
    g_test_add_func("/smmu-vfio/refused", test_refused);
    smmu_vfio_add_random_tests();
    if (qtest_is_qemu()) {
        smmu_vfio_add_qemu_tests();
    }
    return g_test_run();
}
