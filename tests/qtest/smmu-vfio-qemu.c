/* SPDX-License-Identifier: BSD-3-Clause */
/* Host devices behind an SMMUv3: what only QEMU's machine has. */
#include <string.h>
#include <unistd.h>

#include "tests/qtest/smmu-vfio.h"

/* Streams of 8 buses; memory below a port; a device tree's first bytes. */
#define STREAMS_LOG2 11
#define BELOW_PORT   UINT64_C(0x20000000)
#define TREE_SIZE    0x10000

/* Registers, and what is bound, are as at the start. */
static void test_reset(void)
{
    uint64_t page;
    SmmuBoard b;
    int fd;

    smmu_vfio_start(&b, QMP_OPTIONS);
    fd = qmp_open();
    page = smmu_pages(&b, 1);
    smmu_map(&b, VA, page);
    for (unsigned i = 1; i < 3; i++) {
        smmu_vfio_take(&b, i);
        smmu_dma_good(&b, VA, page);
    }
    qmp(fd, "{\"execute\":\"system_reset\"}", "RESET");
    g_assert_true(qtest_wait(b.q, SMMU_UNIT + SMMUV3_CR0, 4, ~0u, 0));
    pci_bus_init_at(&b.bus, b.q, b.bus.ecam, SMMU_PCI_MMIO);
    for (unsigned i = 1; i < 3; i++) {
        smmu_vfio_choose(&b, i);
        smmu_dma_good(&b, page, page);
    }
    smmu_dma_blocked(&b, VA, false);
    close(fd);
    smmu_end(&b);
}

/* Streams of other buses than 0. */
static void more_streams(SmmuBoard *b)
{
    smmu_set(b, SMMUV3_CR0, SMMUV3_CR0_CMDQEN | SMMUV3_CR0_EVENTQEN);
    b->strtab = smmu_pages(b, (SMMUV3_STE_SIZE << STREAMS_LOG2) / PAGE);
    smmu_set64(b, SMMUV3_STRTAB_BASE, b->strtab);
    smmu_set(b, SMMUV3_STRTAB_BASE_CFG, STREAMS_LOG2);
    smmu_command(b, CMD_CFGI_STE_RANGE, 31);
    smmu_sync(b);
    smmu_set(b, SMMUV3_CR0, SMMUV3_CR0_CMDQEN | SMMUV3_CR0_EVENTQEN |
                            SMMUV3_CR0_SMMUEN);
}

/* Does QEMU warn that the guest will not hear of the device's window? */
static void expect_warning(SmmuBoard *b, bool expected)
{
    g_autofree char *said = qtest_said(b->q);

    g_assert_cmpint(strstr(said, "interrupt messages of vfio-pci do not "
                           "arrive") != NULL, ==, expected);
}

/* The device below the port, whose bus has this number. */
static void find_plugged(SmmuBoard *b, unsigned bus)
{
    b->dev.pci = (PciDev) { .q = b->q, .ecam = b->bus.ecam, .bus = bus };
    b->bus.next_bar = BELOW_PORT;
    pci_enable(&b->bus, &b->dev.pci);
    b->dev.base = b->dev.pci.bar[0];
    g_assert_cmphex(testdev_get(&b->dev, TD_ID) & UINT32_MAX, ==,
                    0x4d4f4956);
    b->sid = pci_source(&b->dev.pci);
    g_assert_cmphex(b->sid, ==, bus << 8);
    smmu_put_ste(b);
}

/* A device leaves and comes back, under another bus number. */
static void test_plug(void)
{
    uint64_t page, word[4];
    SmmuBoard b;
    PciDev port;
    int fd;

    smmu_start_stream(&b, smmu_vfio_unit(),
                      "-object iommufd,id=i0 -device pcie-root-port,id=rp,"
                      "addr=5,chassis=1,slot=1" QMP_OPTIONS, SMMUV3_S1);
    more_streams(&b);
    smmu_put_ste(&b);
    port = (PciDev) { .q = b.q, .ecam = b.bus.ecam, .devfn = 5 << 3 };
    fd = qmp_open();
    page = smmu_pages(&b, 1);
    smmu_map(&b, VA, page);
    smmu_dma_good(&b, VA, page);
    expect_warning(&b, false);
    for (unsigned bus = 1; bus < 4; bus++) {
        vfio_plug(fd, &port);
        expect_warning(&b, true);
        pci_set_bridge(&port, bus, bus, BELOW_PORT);
        find_plugged(&b, bus);
        smmu_dma_good(&b, VA, page);
        /* renumbered while it is there */
        pci_set_bridge(&port, bus + 4, bus + 4, BELOW_PORT);
        find_plugged(&b, bus + 4);
        smmu_dma_good(&b, VA, page);
        smmu_dma_fault(&b, VA + PAGE, false, SMMUV3_F_TRANSLATION, word);
        vfio_unplug(fd, &port);
    }
    close(fd);
    smmu_end(&b);
}

/* The device tree says that the window stays, for both devices. */
static void test_tree(void)
{
    static const uint8_t cells[] = {
        0x02, 0, 0, 0, 0, 0, 0, 0, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0,
    };
    static const char names[] = "iommu-addresses";
    g_autofree uint8_t *tree = g_malloc(TREE_SIZE);
    const uint8_t *at;
    SmmuBoard b;

    smmu_vfio_start(&b, "");
    qtest_memread(b.q, SMMU_RAM, tree, TREE_SIZE);
    g_assert_cmphex(GUINT32_FROM_BE(*(uint32_t *)(void *)tree), ==,
                    0xd00dfeed);
    g_assert_nonnull(memmem(tree, TREE_SIZE, names, sizeof(names)));
    at = memmem(tree, TREE_SIZE, cells, sizeof(cells));
    g_assert_nonnull(at);
    /* behind the other one's phandle */
    g_assert_cmpmem(at + sizeof(cells) + 4, sizeof(cells), cells,
                    sizeof(cells));
    expect_warning(&b, false);
    smmu_end(&b);
}

/* What firmware has not told the guest of, nobody can plug in later. */
static void test_plug_refused(void)
{
    SmmuBoard b;
    int fd;

    smmu_start(&b, "", "-object iommufd,id=i0 -device pcie-root-port,id=rp,"
               "addr=5,chassis=1,slot=1" QMP_OPTIONS);
    fd = qmp_open();
    vfio_plug_refused(fd, "needs nesting=on of arm-smmuv3");
    close(fd);
    smmu_end(&b);
}

/* Nobody can mirror what a guest does not tell of. */
static void test_mirrored(void)
{
    g_autofree char *with = g_strdup_printf(
        MACHINE "-device vfio-pci,host=%s,iommufd=i0", vfio_first);
    g_autofree char *without = g_strdup_printf(
        MACHINE "-global arm-smmuv3.nesting=auto -device vfio-pci,host=%s",
        vfio_first);

    vfio_refused(with, "needs nesting=on of arm-smmuv3");
    vfio_refused(without, "needs iommufd=, because of nesting=auto");
}

void smmu_vfio_add_qemu_tests(void)
{
    g_test_add_func("/smmu-vfio/reset", test_reset);
    g_test_add_func("/smmu-vfio/plug", test_plug);
    g_test_add_func("/smmu-vfio/plug-refused", test_plug_refused);
    g_test_add_func("/smmu-vfio/tree", test_tree);
    g_test_add_func("/smmu-vfio/mirrored", test_mirrored);
}
