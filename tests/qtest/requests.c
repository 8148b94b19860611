/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a unit refuses, it refuses once: a request of an endpoint makes one
 * fault or one event, however long it is, on each machine and with each way
 * in which a device reaches memory.  And each later request makes its own.
 */
#include <string.h>

#include "tests/qtest/board.h"
#include "tests/qtest/smmu.h"
#include "tests/qtest/virtio-blk.h"

#define PAGE        UINT64_C(4096)
/* What edu reaches: 28 bits. */
#define VA          UINT64_C(0x08000000)
#define DATA        (VA + 0x100000)
#define STREAM      "stage=1"

/* --- An endpoint that cuts its DMA into requests itself ------------------ */

static const struct { unsigned at, size; } sizes[] = {
    { 0, 1 }, { 0, 2 }, { 0, 4 }, { 0, 8 }, { 0, 64 }, { 0, 4096 },
    { 3, 1 }, { 1, 2 }, { 2, 4 }, { 5, 7 }, { 0x7fe, 5 }, { 1, 4095 },
    { 4095, 1 }, { 4092, 4 }, { 4080, 16 },
};

static TestdevWhy testdev_access(Testdev *dev, uint64_t addr, unsigned size,
                                 bool write)
{
    uint8_t bytes[4096] = { 0 };

    return (write ? testdev_dma_write(dev, addr, bytes, size)
                  : testdev_dma_read(dev, addr, bytes, size)).why;
}

/* The events are of these pages, in order, and there are no others. */
static void expect_events(SmmuBoard *b, const uint64_t *pages, unsigned n)
{
    uint64_t word[4];

    for (unsigned i = 0; i < n; i++) {
        if (!smmu_event(b, word)) {
            g_error("event %u of %u is missing", i + 1, n);
        }
        g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_TRANSLATION);
        g_assert_cmphex(EVENT_SID(word), ==, b->sid);
        g_assert_cmphex(word[2] & -PAGE, ==, pages[i]);
    }
    if (smmu_event(b, word)) {
        g_error("one more event, at %#" G_GINT64_MODIFIER "x", word[2]);
    }
}

static void test_sizes(void)
{
    const uint64_t page = VA;
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, STREAM, "", SMMUV3_S1);
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes) * 2; i++) {
        unsigned at = sizes[i / 2].at, size = sizes[i / 2].size;
        bool write = i % 2;

        /* twice: the second is another request */
        for (unsigned n = 0; n < 2; n++) {
            g_assert_cmpint(testdev_access(&b.dev, VA + at, size, write), ==,
                            TD_BLOCKED);
            g_assert_true(smmu_event(&b, word));
            g_assert_cmphex(word[2], ==, VA + at);
            g_assert_cmphex(EVENT_READ(word), ==, !write);
            expect_events(&b, NULL, 0);
        }
    }
    /* none of the events is another one's */
    for (unsigned i = 0; i < 3; i++) {
        testdev_access(&b.dev, VA + 64 * i, 64, false);
    }
    expect_events(&b, (uint64_t[]) { page, page, page }, 3);
    smmu_end(&b);
}

/* A translation that is kept lets reads pass and no write: with a PASID and
 * without, each refused write is an event, and no read is. */
static void test_kept(void)
{
    uint64_t pa, word[4];
    SmmuBoard b;

    smmu_start_stream(&b, STREAM ",ssidsize=8", ",pasid-bits=8", SMMUV3_S1);
    testdev_enable(&b.dev, 0);
    b.ste.s1cdmax = 8;
    b.ste.s1dss = 2;
    smmu_put_ste(&b);
    smmu_put_cd(&b, 5);
    pa = smmu_pages(&b, 1);
    g_assert_true(guest_tables_map(&b.s1, VA, pa, 3,
                                   SMMUV3_PAGE_S1 | SMMUV3_PTE_RDONLY));
    for (unsigned i = 0; i < 8; i++) {
        testdev_set(&b.dev, TD_PASID, i & 1 ? TD_PASID_ENABLE | 5 : 0);
        g_assert_cmpint(testdev_access(&b.dev, VA, 4096, false), ==, TD_OK);
        expect_events(&b, NULL, 0);
        g_assert_cmpint(testdev_access(&b.dev, VA, 4096, true), ==,
                        TD_BLOCKED);
        g_assert_true(smmu_event(&b, word));
        g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_PERMISSION);
        g_assert_cmphex(EVENT_SSV(word), ==, i & 1);
        g_assert_cmphex(word[2], ==, VA);
        expect_events(&b, NULL, 0);
    }
    smmu_end(&b);
}

/* --- VT-d, where repeated faults are merged ------------------------------ */

/* Interrupt messages are doublewords [VTD 3.14]: longer writes, and reads, are
 * none, however they are aligned. */
static void test_messages(void)
{
    static const struct { unsigned at, size; } none[] = {
        { 0, 8 }, { 0, 64 }, { 0, 4096 }, { 0, 2 }, { 0, 1 }, { 2, 4 },
        { 4, 8 }, { 4, 12 }, { 0, 5 }, { 8, 6 },
    };
    Board b;

    qtest_set_target("x86_64");
    board_start(&b, "intremap=on,fault-records=64");
    board_remap(&b, 7, false);
    board_translate(&b, 4);
    sink_clear(b.q);
    for (unsigned i = 0; i < G_N_ELEMENTS(none) * 2; i++) {
        g_assert_cmpint(testdev_access(&b.dev, SPEC_MSI_BASE + 0x10 +
                                       none[i / 2].at, none[i / 2].size,
                                       i % 2), !=, TD_OK);
        board_no_fault(&b);
        g_assert_cmpuint(sink_count(b.q), ==, 0);
    }
    /* and these are, each with a fault of its own: no entry is present */
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpint(testdev_access(&b.dev, guest_msi_addr(i, false), 4,
                                       true), ==, TD_BLOCKED);
        g_assert_cmphex(board_take_fault(&b).info, ==,
                        (uint64_t)i << SPEC_FRCD_LO_INDEX_SHIFT);
        board_no_fault(&b);
    }
    board_end(&b);
}

/* --- edu: QEMU cuts ------------------------------------------------------ */

#define EDU_VENDOR  0x1234
#define EDU_DEVICE  0x11e8
#define EDU_SRC     0x80
#define EDU_DST     0x88
#define EDU_COUNT   0x90
#define EDU_COMMAND 0x98
#define EDU_START   1
#define EDU_TO_RAM  2
#define EDU_BUFFER  0x40000
#define EDU_NS      200000000

static void edu_dma(PciDev *edu, uint64_t addr, unsigned size, bool to_ram)
{
    uint64_t base = edu->bar[0];

    qtest_writeq(edu->q, base + EDU_SRC, to_ram ? EDU_BUFFER : addr);
    qtest_writeq(edu->q, base + EDU_DST, to_ram ? addr : EDU_BUFFER);
    qtest_writeq(edu->q, base + EDU_COUNT, size);
    qtest_writeq(edu->q, base + EDU_COMMAND,
                 EDU_START | (to_ram ? EDU_TO_RAM : 0));
    qtest_clock_step(edu->q, EDU_NS);
    g_assert_cmphex(qtest_readq(edu->q, base + EDU_COMMAND) & EDU_START, ==,
                    0);
}

static void edu_find(PciDev *edu, PciBus *bus)
{
    g_assert_true(pci_find(bus, EDU_VENDOR, EDU_DEVICE, 0, edu));
    pci_enable(bus, edu);
}

/* DMA of a page from the middle of one to the middle of the next: what is good
 * of it passes, and what is not is refused once [PCIe 2.2.7]. */
static void test_cut(gconstpointer data)
{
    bool stall = GPOINTER_TO_INT(data);
    SmmuBoard b;
    PciDev edu;
    uint64_t pa;

    smmu_start_stream(&b, stall ? STREAM ",stall=on" : STREAM,
                      "-device edu,addr=4", SMMUV3_S1);
    edu_find(&edu, &b.bus);
    b.sid = pci_source(&edu);
    b.cd.stall = stall;
    smmu_put_cd(&b, 0);
    smmu_put_ste(&b);
    pa = smmu_pages(&b, 2);
    for (unsigned good = 0; good < 4; good++) {
        uint64_t at = VA + good * 0x10000, bad[2];
        unsigned n = 0;

        for (unsigned i = 0; i < 2; i++) {
            if (good & 1u << i) {
                smmu_map(&b, at + i * PAGE, pa + i * PAGE);
            } else {
                bad[n++] = at + i * PAGE;
            }
        }
        for (unsigned to_ram = 0; to_ram < 2; to_ram++) {
            smmu_put64(&b, pa + PAGE - 8, 1);
            smmu_put64(&b, pa + PAGE, 1);
            edu_dma(&edu, at + PAGE / 2, PAGE, to_ram);
            g_assert_cmphex(smmu_get64(&b, pa + PAGE - 8), ==,
                            !(to_ram && (good & 1)));
            g_assert_cmphex(smmu_get64(&b, pa + PAGE), ==,
                            !(to_ram && (good & 2)));
            expect_events(&b, bad, n);
            /* again: later requests are their own, and cut elsewhere */
            edu_dma(&edu, at + 1, PAGE, to_ram);
            expect_events(&b, bad, n);
            edu_dma(&edu, at + PAGE - 4, 8, to_ram);
            expect_events(&b, bad, n);
        }
    }
    smmu_end(&b);
}

/* The same in VT-d's registers: a record for each page, in order. */
static void test_cut_vtd(void)
{
    Fault fault;
    PciDev edu;
    Board b;

    qtest_set_target("x86_64");
    board_start_with(&b, "fault-records=8", "-device edu,addr=7");
    board_translate(&b, 4);
    edu_find(&edu, &b.bus);
    /* no context entry of its own: each page is refused */
    for (unsigned to_ram = 0; to_ram < 2; to_ram++) {
        edu_dma(&edu, VA + PAGE / 2, PAGE, to_ram);
        for (unsigned i = 0; i < 2; i++) {
            fault = board_fault(&b, 2 * to_ram + i);
            g_assert_true(fault.valid);
            g_assert_cmphex(fault.source, ==, pci_source(&edu));
            g_assert_cmphex(fault.info, ==, VA + i * PAGE);
            g_assert_cmpint(fault.read, ==, !to_ram);
            board_clear_fault(&b, 2 * to_ram + i);
        }
        board_no_fault(&b);
    }
    board_end(&b);
}

/* --- virtio-blk: mapped memory, cached queues, other threads ------------- */

typedef struct Disk {
    SmmuBoard b;
    VirtioBlk v;
    VirtioPlace head;
    uint64_t pa;            /* of three pages of data, at DATA */
} Disk;

static VirtioPlace mapped(SmmuBoard *b, uint64_t iova)
{
    VirtioPlace place = { iova, smmu_pages(b, 1) };

    smmu_map(b, place.iova, place.pa);
    return place;
}

static void disk_start(Disk *d, bool thread)
{
    g_autofree char *options = g_strdup_printf(
        "%s -blockdev null-co,node-name=disk,size=1048576,read-zeroes=on "
        "-device virtio-blk-pci,drive=disk,addr=4,iommu_platform=on,"
        "disable-legacy=on,x-max-bounce-buffer-size=65536%s",
        thread ? "-object iothread,id=io" : "", thread ? ",iothread=io" : "");

    smmu_start_stream(&d->b, STREAM, options, SMMUV3_S1);
    virtio_blk_init(&d->v, &d->b.bus);
    d->b.sid = pci_source(&d->v.pci);
    smmu_put_ste(&d->b);
    d->v.desc = mapped(&d->b, VA);
    d->v.avail = mapped(&d->b, VA + PAGE);
    d->v.used = mapped(&d->b, VA + 2 * PAGE);
    d->head = mapped(&d->b, VA + 3 * PAGE);
    d->pa = smmu_pages(&d->b, 3);
}

/* Three pages, each of them good or not: 8 KiB from the middle of the first
 * on, so that neighbours are mapped as one where they can be. */
static void test_mapped(gconstpointer thread)
{
    Disk d;

    disk_start(&d, GPOINTER_TO_INT(thread));
    virtio_blk_start(&d.v);
    for (unsigned good = 0; good < 8; good++) {
        uint64_t at = DATA + good * 0x10000, bad[3];
        unsigned n = 0;

        for (unsigned i = 0; i < 3; i++) {
            if (good & 1u << i) {
                smmu_map(&d.b, at + i * PAGE, d.pa + i * PAGE);
            } else {
                bad[n++] = at + i * PAGE;
            }
        }
        for (unsigned write = 0; write < 2; write++) {
            for (unsigned i = 0; i < 3; i++) {
                smmu_put64(&d.b, d.pa + i * PAGE + 0x800, 1);
            }
            virtio_blk_ask(&d.v, write, d.head, at + 0x800, 2 * PAGE);
            g_assert_true(virtio_blk_answer(&d.v, d.head));
            expect_events(&d.b, bad, n);
            for (unsigned i = 0; i < 2; i++) {
                g_assert_cmphex(smmu_get64(&d.b, d.pa + i * PAGE + 0x800), ==,
                                write || !(good & 1u << i));
            }
        }
    }
    smmu_end(&d.b);
}

/* The table of descriptors is not there: one read of one descriptor. */
static void test_descriptors(gconstpointer thread)
{
    Disk d;

    disk_start(&d, GPOINTER_TO_INT(thread));
    d.v.desc.iova = DATA;
    virtio_blk_start(&d.v);
    virtio_blk_ask(&d.v, false, d.head, DATA, PAGE);
    g_assert_true(virtio_blk_is_broken(&d.v));
    expect_events(&d.b, (uint64_t[]) { DATA }, 1);
    smmu_end(&d.b);
}

/* An entry of the used ring is in two pages, of which the second is not there:
 * that half of it is one request, and the first half arrives. */
static void test_used(gconstpointer thread)
{
    Disk d;

    disk_start(&d, GPOINTER_TO_INT(thread));
    /* what follows in memory is not what follows for the device */
    d.v.used = (VirtioPlace) { DATA - PAGE - 8, smmu_pages(&d.b, 2) };
    smmu_map(&d.b, DATA - 2 * PAGE, d.v.used.pa);
    d.v.used.pa += PAGE - 8;
    smmu_put64(&d.b, d.v.used.pa, UINT64_C(0x5a5a5a5a00000000));
    smmu_put64(&d.b, d.v.used.pa + 8, 0x5a5a5a5a);
    smmu_map(&d.b, DATA, d.pa);
    virtio_blk_start(&d.v);
    virtio_blk_ask(&d.v, false, d.head, DATA, PAGE);
    g_assert_true(virtio_blk_answer(&d.v, d.head));
    expect_events(&d.b, (uint64_t[]) { DATA - PAGE }, 1);
    g_assert_cmphex(qtest_readl(d.b.q, d.v.used.pa + 4), ==, 0);
    g_assert_cmphex(smmu_get64(&d.b, d.v.used.pa + 8), ==, 0x5a5a5a5a);
    smmu_end(&d.b);
}

static void add_disk(const char *name, GTestDataFunc function)
{
    g_autofree char *here = g_strdup_printf("/requests/%s", name);
    g_autofree char *thread = g_strdup_printf("/requests/%s-thread", name);

    g_test_add_data_func(here, GINT_TO_POINTER(false), function);
    g_test_add_data_func(thread, GINT_TO_POINTER(true), function);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/requests/sizes", test_sizes);
    g_test_add_func("/requests/kept", test_kept);
    g_test_add_func("/requests/messages", test_messages);
    if (qtest_is_qemu()) {
        g_test_add_data_func("/requests/cut", GINT_TO_POINTER(false),
                             test_cut);
        g_test_add_data_func("/requests/cut-stalled", GINT_TO_POINTER(true),
                             test_cut);
        g_test_add_func("/requests/cut-vtd", test_cut_vtd);
        add_disk("mapped", test_mapped);
        add_disk("descriptors", test_descriptors);
        add_disk("used", test_used);
    }
    return g_test_run();
}
