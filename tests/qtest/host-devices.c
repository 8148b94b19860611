/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices on viommu-machine that come, go and fail: what the guest sees of
 * it, options that are refused, an emulated endpoint beside them.
 */
#include <string.h>

#include "tests/qtest/sm.h"

#define VA          UINT64_C(0x7f0000400000)
#define PAGE        UINT64_C(0x1000)
#define ENDPOINT    ",id=d0,pasid-bits=20,ats=on,pri=on"
#define SECOND      " -device host-testdev,addr=4,id=d1,pasid-bits=20,ats=on"
/* Numbers of Linux's calls. */
#define HWPT_ALLOC      0x3b89
#define HWPT_INVALIDATE 0x3b8d
#define ATTACH_PT       0x3b77
#define IOAS_MAP        0x3b85

static void special(Board *b, const char *what)
{
    g_free(qtest_special(b->q, "viommu-host %s", what));
}

static void start(Sm *s, const char *endpoint)
{
    sm_start_with(s, SM_ATS_OPTIONS ",caching-mode=on", endpoint,
                  SPEC_PGTT_FIRST, 4);
    s->ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
    sm_put_context(s);
    sm_flush(s);
}

static void push_piotlb(Sm *s, uint64_t va)
{
    guest_queue_piotlb(&s->b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, SM_PASID, va,
                       0, false);
}

/* A wait that is given up because this source does not answer; then the queue
 * goes on. */
static void times_out(Board *b, uint16_t source)
{
    guest_queue_push_wide(&b->queue, (uint64_t[4]) { SPEC_INV_WAIT });
    guest_queue_ring(&b->queue);
    g_assert_true(qtest_wait(b->q, b->unit + SPEC_FSTS, 4, 0xff,
                             SPEC_FSTS_ITE));
    g_assert_cmphex(board_reg64(b, SPEC_IQERCD) >> 32 & 0xffff, ==, source);
    board_set32(b, SPEC_FSTS, SPEC_FSTS_ITE);
    board_sync(b);
}

static void fail(Board *b, unsigned request, const char *error)
{
    g_autofree char *what = g_strdup_printf("fail ioctl:0x%x:%s:0:1",
                                            request, error);

    special(b, what);
}

/* The host refuses an invalidation, or a table. */
static void test_refused_calls(void)
{
    static const char *const errors[] = { "EIO", "EINVAL", "ENOMEM", "ENOENT",
                                          "EBUSY", "E2BIG" };
    Sm s;
    uint64_t page;

    start(&s, ENDPOINT);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    push_piotlb(&s, VA);
    board_sync(&s.b);
    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        fail(&s.b, HWPT_INVALIDATE, errors[i]);
        push_piotlb(&s, VA);
        times_out(&s.b, s.b.source);
        push_piotlb(&s, VA);
        board_sync(&s.b);
        sm_good(&s, SM_PASID, VA, page);

        fail(&s.b, i & 1 ? ATTACH_PT : HWPT_ALLOC, errors[i]);
        sm_put_pasid(&s, 0x77);
        guest_queue_pasid_cache(&s.b.queue, SPEC_INV_PASID_GRAN_PASID,
                                SM_DOMAIN, 0x77);
        times_out(&s.b, s.b.source);
        sm_use(&s, 0x77);
        board_dma_blocked(&s.b, VA, false);
        sm_good(&s, SM_PASID, VA, page);
        /* the guest tries again */
        guest_queue_pasid_cache(&s.b.queue, SPEC_INV_PASID_GRAN_PASID,
                                SM_DOMAIN, 0x77);
        board_sync(&s.b);
        sm_good(&s, 0x77, VA, page);
        board_put64(&s.b, guest_pasid_addr(&s.b.alloc, s.dir, 0x77), 0);
        guest_queue_pasid_cache(&s.b.queue, SPEC_INV_PASID_GRAN_PASID,
                                SM_DOMAIN, 0x77);
        board_sync(&s.b);
    }
    sm_end(&s);
}

/* The entry that the host refuses is left out, and the rest goes on. */
static void test_part(void)
{
    Sm s;
    uint64_t page, at[2];

    start(&s, ENDPOINT);
    page = board_pages(&s.b, 4);
    for (unsigned i = 0; i < 2; i++) {
        sm_map(&s, VA + i * PAGE, page + i * PAGE, 1);
        push_piotlb(&s, VA + i * PAGE);
        at[i] = sm_fs_at(&s, VA + i * PAGE, 1);
    }
    board_sync(&s.b);
    for (unsigned i = 0; i < 2; i++) {
        sm_good(&s, SM_PASID, VA + i * PAGE, page + i * PAGE);
        board_put64(&s.b, at[i], (page + (2 + i) * PAGE) | SM_LEAF);
        push_piotlb(&s, VA + i * PAGE);
    }
    fail(&s.b, HWPT_INVALIDATE, "EIO");
    times_out(&s.b, s.b.source);
    sm_good(&s, SM_PASID, VA + PAGE, page + 3 * PAGE);
    push_piotlb(&s, VA);
    board_sync(&s.b);
    sm_good(&s, SM_PASID, VA, page + 2 * PAGE);
    sm_end(&s);
}

/* Two devices, and an emulated endpoint: one of the two vanishes. */
static void test_pull(void)
{
    Sm s;
    Testdev devs[2];
    Board *b = &s.b;
    uint64_t page;

    start(&s, ENDPOINT SECOND);
    page = board_pages(b, 1);
    devs[0] = b->dev;
    testdev_init(&devs[1], &b->bus, 1);
    g_assert_true(guest_sm_context_set(&b->alloc, b->root,
                                       pci_source(&devs[1].pci), s.ctx));
    sm_map(&s, VA, page, 1);
    sm_flush(&s);
    for (unsigned i = 0; i < 2; i++) {
        b->dev = devs[i];
        sm_good(&s, SM_PASID, VA, page);
    }
    special(b, "pull d0");
    sm_put_pasid(&s, 0x77);
    guest_queue_pasid_cache(&b->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            0x77);
    times_out(b, b->source);
    /* its registers read as ones, what it is told goes nowhere */
    g_assert_cmphex(testdev_get(&devs[0], TD_ID), ==, UINT64_MAX);
    testdev_set(&devs[0], TD_COMMAND, TD_READ);
    sm_good(&s, SM_PASID, VA, page);
    push_piotlb(&s, VA);
    board_sync(b);
    special(b, "unplug d0");
    sm_good(&s, SM_PASID, VA, page);
    push_piotlb(&s, VA);
    sm_flush(&s);
    sm_good(&s, SM_NONE, VA, page);
    sm_end(&s);
}

static void test_unplug(void)
{
    g_autofree char *usage = NULL;
    Sm s;
    Board *b = &s.b;
    uint64_t page;
    PciDev gone;

    start(&s, ENDPOINT SECOND);
    page = board_pages(b, 1);
    sm_map(&s, VA, page, 1);
    sm_flush(&s);
    sm_good(&s, SM_PASID, VA, page);
    special(b, "unplug d1");
    sm_good(&s, SM_PASID, VA, page);
    special(b, "unplug d0");
    g_assert_false(pci_find(&b->bus, 0x1234, 0x76d0, 0, &gone));
    sm_flush(&s);
    usage = qtest_special(b->q, "viommu-host usage");
    g_assert_nonnull(strstr(usage, "bound=0"));
    /* the address space and the fault queue */
    g_assert_nonnull(strstr(usage, "objects=2"));
    sm_end(&s);
}

/* Beside an emulated endpoint behind the same unit. */
static void test_mixed(void)
{
    Sm s;
    Board *b = &s.b;
    Testdev host, emulated;
    uint64_t page, at;

    start(&s, ENDPOINT " -device viommu-testdev,addr=5,pasid-bits=20,ats=on");
    page = board_pages(b, 2);
    host = b->dev;
    testdev_init(&emulated, &b->bus, 1);
    testdev_enable(&emulated, 8);
    g_assert_true(guest_sm_context_set(&b->alloc, b->root,
                                       pci_source(&emulated.pci), s.ctx));
    sm_map(&s, VA, page, 1);
    sm_flush(&s);
    at = sm_fs_at(&s, VA, 1);
    for (unsigned i = 0; i < 2; i++) {
        b->dev = host;
        sm_good(&s, SM_PASID, VA, page + i * PAGE);
        b->dev = emulated;
        sm_good(&s, SM_PASID, VA, page + i * PAGE);
        board_put64(b, at, (page + PAGE) | SM_LEAF);
        push_piotlb(&s, VA);
        board_sync(b);
    }
    /* device-TLBs of both, and of nobody */
    guest_queue_devtlb(&b->queue, pci_source(&host.pci), VA, PAGE);
    guest_queue_devtlb(&b->queue, pci_source(&emulated.pci), VA, PAGE);
    board_sync(b);
    guest_queue_devtlb(&b->queue, 0x00f8, VA, PAGE);
    times_out(b, 0x00f8);
    sm_end(&s);
}

/* --- VFIO's type1, with the vSVA API ------------------------------------- */

/* Tables as sm_start() has them, but for a host that gives out PASIDs and does
 * not nest requests without one.  Returns the PASID. */
static uint32_t start_type1(Sm *s)
{
    Board *b = &s->b;
    uint64_t response;
    uint32_t pasid;

    memset(s, 0, sizeof(*s));
    board_start_with(b, SM_ATS_OPTIONS ",caching-mode=on,virtual-commands=on",
                     ENDPOINT ",backend=type1");
    b->root = guest_root_new(&b->alloc);
    s->dir = guest_pasid_dir_new(&b->alloc, SM_PDTS);
    s->ctx[0] = s->dir | SPEC_SM_CTX_P | SPEC_SM_CTX_PASIDE |
                SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE |
                SM_PDTS << SPEC_SM_CTX_PDTS_SHIFT;
    sm_put_context(s);
    s->entry = (GuestPasid) { .pgtt = SPEC_PGTT_PASS, .domain = SM_DOMAIN };
    sm_put_pasid(s, 0);
    sm_set_mode(s, SPEC_TTM_SCALABLE);
    g_assert_true(guest_queue_init_wide(&b->queue, &b->alloc, &b->regs, 0));
    sm_flush(s);
    board_command(b, SPEC_GCMD_TE, 0);
    board_set64(b, SPEC_VCMD, SPEC_VCMD_ALLOCATE);
    response = board_reg64(b, SPEC_VCRSP);
    g_assert_cmphex(response & (SPEC_VCRSP_SC | 1), ==, 0);
    pasid = (uint32_t)((response & SPEC_VCRSP_PASID) >>
                       SPEC_VCRSP_PASID_SHIFT);
    g_assert_true(guest_fs_init(&s->fs, &b->alloc, 4, 0));
    s->entry = (GuestPasid) {
        .pgtt = SPEC_PGTT_FIRST, .domain = SM_DOMAIN, .fs = s->fs.table,
        .fs_levels = 4,
    };
    sm_put_pasid(s, pasid);
    guest_queue_pasid_cache(&b->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            pasid);
    board_sync(b);
    return pasid;
}

/* What the host's IOMMU blocks is in the guest's fault log, as the guest's
 * device with the guest's PASID. */
static void test_fault_log(void)
{
    Sm s;
    uint32_t pasid = start_type1(&s);
    uint64_t page = board_pages(&s.b, 1);
    SmRecord want = { .reason = SPEC_FR_SM_FS_P };

    sm_map(&s, VA, page, 1);
    guest_queue_piotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, pasid, VA, 0,
                       false);
    board_sync(&s.b);
    sm_good(&s, pasid, VA, page);
    sm_good(&s, SM_NONE, page, page);
    sm_use(&s, pasid);
    for (unsigned i = 0; i < 2; i++) {
        want.write = i;
        board_dma_blocked(&s.b, VA + 5 * PAGE, want.write);
        sm_take_record(&s, pasid, VA + 5 * PAGE, &want);
    }
    sm_good(&s, pasid, VA, page);
    sm_end(&s);
}

typedef struct Bad {
    const char *options;
    const char *says;
} Bad;

static void test_options(void)
{
    static const Bad bad[] = {
        { "-device intel-iommu -device host-testdev", "caching-mode=on" },
        { "-device intel-iommu,caching-mode=on,pmr=on -device host-testdev",
          "pmr=off" },
        { "-device intel-iommu,caching-mode=on "
          "-device host-testdev,nesting=on", "x-scalable-mode=on" },
        { "-device intel-iommu,caching-mode=on,x-scalable-mode=on "
          "-device host-testdev,nesting=on", "x-flts" },
        { "-device host-testdev,backend=other", "backend=other" },
        { "-device host-testdev,nesting=maybe", "nesting" },
        { "-device host-testdev,fail=ioctl:1:EIO", "fail=ioctl:1:EIO" },
        { "-device host-testdev,fail=ioctl:1:EPERM:0:1", "fail=" },
        { "-device host-testdev,fail=sleep:EIO:0:1", "fail=sleep" },
        { "-device host-testdev,fail=ioctl:0x3b85:ENOMEM:0:1",
          "IOAS_MAP of RAM: Cannot allocate memory" },
        { "-device host-testdev,fail=open:ENODEV:0:1", "/dev/iommu" },
        { "-device host-testdev,pri=on", "pri" },
        { "-device host-testdev,pasid-bits=21", "pasid-bits" },
        { "-device pcie-root-port,id=rp -device host-testdev,bus=rp",
          "pcie.0" },
        { "-machine virt -device host-testdev,backend=type1", "q35" },
        { "-device intel-iommu,caching-mode=on -device host-testdev,addr=2 "
          "-device host-testdev,addr=2", "not available" },
        { "-device host-testdev,nesting=on", "nesting=on: there is no unit" },
        { "-device intel-iommu,caching-mode=on,scope=4 "
          "-device host-testdev,addr=3,nesting=on",
          "nesting=on: there is no unit" },
        { "-device vfio-pci", "host=DDDD:BB:DD.F" },
        { "-device vfio-pci,host=ffff:ff:1f.7", "is not vfio-pci" },
        { "-device vfio-pci,host=ffff:ff:1f.7,backend=type1",
          "no IOMMU before it" },
        { "-device vfio-pci,host=ffff:ff:1f.7,backend=hostsim",
          "allowed are iommufd and type1" },
        { "-machine virt -device vfio-pci,host=ffff:ff:1f.7,backend=type1",
          "q35" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *message =
            qtest_start_refused("%s-m 64M %s",
                                strstr(bad[i].options, "-machine")
                                ? "" : "-machine q35 ", bad[i].options);

        g_strchomp(message);
        g_assert_null(strchr(message, '\n'));
        if (!strstr(message, bad[i].says)) {
            g_test_message("%s: %s", bad[i].options, message);
        }
        g_assert_nonnull(strstr(message, bad[i].says));
    }
}

/* Without a unit before it, a host device reaches all of memory, which is
 * said. */
static void test_no_unit(void)
{
    QTest *q = qtest_start("-machine q35 -m 64M -device viommu-sink "
                           "-device host-testdev,addr=3");
    g_autofree char *said = qtest_said(q);
    PciBus bus;
    Testdev dev;
    uint64_t value = 0x1122334455667788, got = 0;

    g_assert_nonnull(strstr(said, "-device host-testdev,addr=3: there is no "
                            "unit in front of it"));
    g_assert_true(strchr(said, '\n') == said + strlen(said) - 1);
    pci_bus_init(&bus, q);
    testdev_init(&dev, &bus, 0);
    qtest_writeq(q, 0x100000, value);
    g_assert_cmpint(testdev_dma_read(&dev, 0x100000, &got, 8).why, ==, TD_OK);
    g_assert_cmphex(got, ==, value);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (qtest_is_qemu()) {
        g_print("1..0 # SKIP host-testdev is viommu-machine's\n");
        return 0;
    }
    board_set_endpoint("host-testdev");
    g_test_add_func("/host-devices/refused-calls", test_refused_calls);
    g_test_add_func("/host-devices/part", test_part);
    g_test_add_func("/host-devices/pull", test_pull);
    g_test_add_func("/host-devices/unplug", test_unplug);
    g_test_add_func("/host-devices/mixed", test_mixed);
    g_test_add_func("/host-devices/fault-log", test_fault_log);
    g_test_add_func("/host-devices/options", test_options);
    g_test_add_func("/host-devices/no-unit", test_no_unit);
    return g_test_run();
}
