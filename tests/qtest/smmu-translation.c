/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: DMA through stage 1, stage 2, both, and substreams. */
#include "tests/qtest/smmu.h"

#define VA   UINT64_C(0x7f1234567000)
#define IPA  UINT64_C(0x8123456000)
#define PA   (SMMU_RAM + UINT64_C(0x08000000))

/* A page, then its neighbour that is not there [SMMU 3.3] [SMMU 7.3.13]. */
static void test_stage(gconstpointer data)
{
    unsigned kind = GPOINTER_TO_UINT(data);
    uint64_t addr = kind == SMMUV3_S2 ? IPA : VA, word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested", "", kind);
    if (kind == SMMUV3_NESTED) {
        smmu_map(&b, addr, IPA);
        g_assert_true(guest_tables_map(&b.s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    } else {
        smmu_map(&b, addr, PA);
    }
    smmu_dma_good(&b, addr, PA);
    smmu_dma_good(&b, addr + 0xff8, PA + 0xff8);
    smmu_dma_fault(&b, addr + 0x1000, true, SMMUV3_F_TRANSLATION, word);
    g_assert_cmphex(word[2], ==, addr + 0x1000);
    g_assert_cmphex(EVENT_READ(word), ==, 0);
    g_assert_cmphex(EVENT_CLASS(word), ==, 2);
    g_assert_cmphex(EVENT_S2(word), ==, kind == SMMUV3_S2);
    smmu_end(&b);
}

/* The command's bytes move whole, across pages that lie apart. */
static void test_long(void)
{
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    for (unsigned i = 0; i < 16; i++) {
        smmu_map(&b, VA + i * 0x1000, PA + (15 - i) * 0x1000);
    }
    g_assert_cmpint(testdev_fill(&b.dev, VA + 0x10, 0xffe0, 5).why, ==, TD_OK);
    g_assert_cmpint(testdev_verify(&b.dev, VA + 0x10, 0xffe0, 5).why, ==,
                    TD_OK);
    g_assert_cmphex(smmu_get64(&b, PA + 0xf010), ==, testdev_pattern(5, 0));
    g_assert_cmphex(smmu_get64(&b, PA + 0xe000), ==,
                    testdev_pattern(5, 0xff0 / 8));
    smmu_end(&b);
}

/* [SMMU 5.2] */
static void test_bypass_and_abort(void)
{
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_BYPASS);
    smmu_dma_good(&b, PA, PA);
    smmu_dma_fault(&b, UINT64_C(1) << 44, false, SMMUV3_F_ADDR_SIZE, word);
    b.ste.config = SMMUV3_ABORT;
    smmu_put_ste(&b);
    smmu_dma_blocked(&b, PA, false);
    g_assert_false(smmu_event(&b, word));
    smmu_end(&b);
}

/* Pages and blocks of each granule [ARM D8.2] [ARM D8.3]. */
static void test_granules(void)
{
    static const struct {
        unsigned granule, tg, level;
        uint64_t size;
    } cases[] = {
        { 12, 0, 3, 0x1000 }, { 12, 0, 2, 0x200000 },
        { 12, 0, 1, 0x40000000 }, { 14, 2, 3, 0x4000 },
        { 14, 2, 2, 0x2000000 }, { 16, 1, 3, 0x10000 },
        { 16, 1, 2, 0x20000000 },
    };
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t size = cases[i].size, to = PA & -size;
        uint64_t va = VA & -size, word[4];

        g_assert_true(guest_tables_init(&b.s1, &b.alloc, cases[i].granule, 48,
                                        0));
        b.cd.ttb[0] = b.s1.ttb;
        b.cd.tg[0] = cases[i].tg;
        smmu_put_cd(&b, 0);
        smmu_command(&b, CMD_NSNH_ALL, 0);
        smmu_sync(&b);
        g_assert_true(guest_tables_map(&b.s1, va, to, cases[i].level,
                                       SMMUV3_PAGE_S1));
        smmu_dma_good(&b, va + (PA - to) + 0xff8, PA + 0xff8);
        smmu_dma_fault(&b, va + size, false, SMMUV3_F_TRANSLATION, word);
    }
    smmu_end(&b);
}

/* Both halves of the address space: TTB0 and TTB1 [SMMU 3.4.1] [SMMU 5.4]. */
static void test_halves(void)
{
    uint64_t high = UINT64_C(0xffff812345678000), word[4];
    GuestTables upper;
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    smmu_dma_fault(&b, high, false, SMMUV3_F_TRANSLATION, word);
    g_assert_true(guest_tables_init(&upper, &b.alloc, 12, 48, 0));
    b.cd.ttb[1] = upper.ttb;
    b.cd.epd[1] = false;
    smmu_put_cd(&b, 0);
    g_assert_true(guest_tables_map(&upper, high & 0xffffffffffff, PA, 3,
                                   SMMUV3_PAGE_S1));
    smmu_dma_good(&b, high, PA);
    /* between the halves */
    smmu_dma_fault(&b, UINT64_C(1) << 52, false, SMMUV3_F_TRANSLATION, word);
    smmu_end(&b);
}

/* Read-only pages, and those that nobody has accessed yet [ARM D8.4]. */
static void test_rights(void)
{
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    g_assert_true(guest_tables_map(&b.s1, VA, PA, 3,
                                   SMMUV3_PAGE_S1 | SMMUV3_PTE_RDONLY));
    smmu_dma_reads(&b, VA, PA);
    smmu_dma_fault(&b, VA, true, SMMUV3_F_PERMISSION, word);
    g_assert_true(guest_tables_map(&b.s1, VA + 0x1000, PA, 3,
                                   SMMUV3_PAGE_S1 & ~SMMUV3_PTE_AF));
    smmu_dma_fault(&b, VA + 0x1000, false, SMMUV3_F_ACCESS, word);
    smmu_end(&b);
}

/* Accessed and dirty, by the unit, in both stages [SMMU 3.13] [ARM D8.5]. */
static void test_flags(gconstpointer data)
{
    unsigned kind = GPOINTER_TO_UINT(data);
    bool s1 = kind == SMMUV3_S1;
    uint64_t addr = s1 ? VA : IPA, entry;
    uint64_t readonly = s1 ? SMMUV3_PTE_RDONLY : 0;
    uint64_t attributes = SMMUV3_PTE_DBM |
                          (s1 ? SMMUV3_PTE_USER | SMMUV3_PTE_NG | readonly
                              : SMMUV3_PTE_S2R);
    GuestTables *tables;
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested,httu=2", "", kind);
    tables = s1 ? &b.s1 : &b.s2;
    b.cd.ha = b.cd.hd = true;
    b.ste.s2ha = b.ste.s2hd = true;
    smmu_put_cd(&b, 0);
    smmu_put_ste(&b);
    g_assert_true(guest_tables_map(tables, addr, PA, 3, attributes));
    entry = guest_tables_entry(tables, addr, 3);
    smmu_dma_reads(&b, addr, PA);
    g_assert_cmphex(smmu_get64(&b, entry), ==,
                    PA | attributes | 3 | SMMUV3_PTE_AF);
    smmu_dma_good(&b, addr, PA);
    g_assert_cmphex(smmu_get64(&b, entry) &
                    (SMMUV3_PTE_S2R | SMMUV3_PTE_S2W), ==,
                    s1 ? SMMUV3_PTE_USER : SMMUV3_PTE_S2R | SMMUV3_PTE_S2W);
    smmu_end(&b);
}

static void set_pasid(SmmuBoard *b, uint32_t pasid)
{
    testdev_set(&b->dev, TD_PASID, TD_PASID_ENABLE | pasid);
}

/* The endpoint's PASID is the SubstreamID [SMMU 3.9]. */
static void test_substreams(void)
{
    uint64_t word[4];
    GuestTables other;
    SmmuBoard b;

    smmu_start_stream(&b, "ssidsize=16", ",pasid-bits=16", SMMUV3_S1);
    testdev_enable(&b.dev, 0);
    b.ste.s1cdmax = 8;
    smmu_put_ste(&b);
    smmu_map(&b, VA, PA);
    b.cd.asid = 9;
    smmu_put_cd(&b, 5);
    g_assert_true(guest_tables_init(&other, &b.alloc, 12, 48, 0));
    g_assert_true(guest_tables_map(&other, VA, PA + 0x1000, 3,
                                   SMMUV3_PAGE_S1));
    b.cd.ttb[0] = other.ttb;
    b.cd.asid = 10;
    smmu_put_cd(&b, 200);

    set_pasid(&b, 5);
    smmu_dma_good(&b, VA, PA);
    set_pasid(&b, 200);
    smmu_dma_good(&b, VA, PA + 0x1000);
    smmu_dma_fault(&b, VA + 0x1000, false, SMMUV3_F_TRANSLATION, word);
    g_assert_cmphex(EVENT_SSV(word), ==, 1);
    g_assert_cmphex(EVENT_SSID(word), ==, 200);
    /* beyond the table, and a descriptor that is not valid */
    set_pasid(&b, 256);
    smmu_dma_fault(&b, VA, false, SMMUV3_C_BAD_SUBSTREAMID, word);
    g_assert_cmphex(EVENT_SSID(word), ==, 256);
    set_pasid(&b, 6);
    smmu_dma_fault(&b, VA, false, SMMUV3_C_BAD_CD, word);
    g_assert_cmphex(EVENT_SSID(word), ==, 6);

    /* S1DSS: terminate, bypass, substream 0. */
    testdev_set(&b.dev, TD_PASID, 0);
    smmu_dma_fault(&b, VA, false, SMMUV3_F_STREAM_DISABLED, word);
    g_assert_cmphex(EVENT_SSV(word), ==, 0);
    b.ste.s1dss = S1DSS_BYPASS;
    smmu_put_ste(&b);
    smmu_dma_good(&b, PA, PA);
    b.ste.s1dss = S1DSS_SSID0;
    smmu_put_ste(&b);
    smmu_dma_good(&b, VA, PA);
    set_pasid(&b, 0);
    smmu_dma_fault(&b, VA, false, SMMUV3_F_STREAM_DISABLED, word);
    smmu_end(&b);
}

/* Two-level descriptor tables: leaves of 4 and of 64 KiB [SMMU 5.3]
 * [SMMU 3.3.2]. */
static void test_descriptor_levels(gconstpointer data)
{
    unsigned fmt = GPOINTER_TO_UINT(data), split = fmt == 1 ? 6 : 10;
    uint64_t level1, leaf, word[8], event[4];
    SmmuBoard b;

    smmu_start_stream(&b, "ssidsize=16", ",pasid-bits=16", SMMUV3_S1);
    testdev_enable(&b.dev, 0);
    smmu_map(&b, VA, PA);
    level1 = smmu_pages(&b, 16);
    leaf = smmu_pages(&b, fmt == 1 ? 1 : 16);
    smmu_put64(&b, level1 + 3 * 8, leaf | 1);
    guest_cd_encode(&b.cd, word);
    guest_write_words(&b.mem, leaf + 7 * SMMUV3_CD_SIZE, word, 8);
    b.ste.s1fmt = fmt;
    b.ste.s1cdmax = 16;
    b.ste.cd_table = level1;
    smmu_put_ste(&b);
    set_pasid(&b, 3 << split | 7);
    smmu_dma_good(&b, VA, PA);
    set_pasid(&b, 2 << split | 7);
    smmu_dma_fault(&b, VA, false, SMMUV3_C_BAD_SUBSTREAMID, event);
    set_pasid(&b, 3 << split | 8);
    smmu_dma_fault(&b, VA, false, SMMUV3_C_BAD_CD, event);
    smmu_end(&b);
}

/* A stream table of two levels [SMMU 5.1] [SMMU 3.3.1]. */
static void test_stream_levels(void)
{
    uint64_t level1, word[8], event[4];
    SmmuBoard b;

    smmu_start_stream(&b, "", "-device viommu-testdev,addr=8", SMMUV3_S1);
    smmu_map(&b, VA, PA);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_QUEUES);
    level1 = smmu_pages(&b, 2);
    smmu_set64(&b, SMMUV3_STRTAB_BASE, level1);
    smmu_set(&b, SMMUV3_STRTAB_BASE_CFG, STRTAB_2LVL(16, 6));
    /* streams 0 to 31 of the first 64 */
    guest_ste_encode(&b.ste, word);
    b.strtab = smmu_pages(&b, 1);
    smmu_put64(&b, level1, b.strtab | 6);
    guest_write_words(&b.mem, b.strtab + b.sid * 64, word, 8);
    smmu_set(&b, SMMUV3_CR2, 2);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_QUEUES | SMMUV3_CR0_SMMUEN);
    smmu_command(&b, CMD_CFGI_STE_RANGE, 31);
    smmu_sync(&b);
    smmu_dma_good(&b, VA, PA);
    /* Slot 8 is stream 0x40, whose first level is not there. */
    testdev_init(&b.dev, &b.bus, 1);
    b.sid = pci_source(&b.dev.pci);
    g_assert_cmphex(b.sid, ==, 0x40);
    smmu_dma_fault(&b, VA, false, SMMUV3_C_BAD_STREAMID, event);
    smmu_end(&b);
}

/* An interrupt message is a write like others. */
static void test_messages(void)
{
    uint64_t word[4];
    SinkMessage msg;
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    smmu_map(&b, VA, SMMU_MESSAGES);
    pci_msi_enable(&b.dev.pci, VA + 0x40, 0x1234, 0);
    testdev_interrupt(&b.dev, 0);
    g_assert_true(sink_pop(b.q, &msg));
    g_assert_cmphex(msg.source, ==, b.sid);
    g_assert_cmphex(msg.addr, ==, SMMU_MESSAGES + 0x40);
    g_assert_cmphex(msg.data, ==, 0x1234);
    g_assert_false(smmu_event(&b, word));
    /* nothing is mapped there */
    pci_msi_enable(&b.dev.pci, VA + 0x1040, 0x1234, 0);
    testdev_interrupt(&b.dev, 0);
    g_assert_true(smmu_event(&b, word));
    g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_TRANSLATION);
    g_assert_cmphex(EVENT_SID(word), ==, b.sid);
    g_assert_cmphex(EVENT_READ(word), ==, 0);
    g_assert_cmphex(word[2], ==, VA + 0x1040);
    g_assert_true(sink_pop(b.q, &msg));
    g_assert_cmphex(msg.source, ==, SINK_LINE);
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    /* without an SMMU in the way */
    smmu_set(&b, SMMUV3_CR0, 0);
    pci_msi_enable(&b.dev.pci, SMMU_MESSAGES + 0x80, 0x55, 0);
    testdev_interrupt(&b.dev, 0);
    g_assert_true(sink_pop(b.q, &msg));
    g_assert_cmphex(msg.source, ==, b.sid);
    g_assert_cmphex(msg.addr, ==, SMMU_MESSAGES + 0x80);
    smmu_end(&b);
}

/* What GATOS says of an address for reading; @type 1 is stage 1, 2 is stage 2,
 * 3 is both. */
static uint64_t gatos(SmmuBoard *b, uint64_t addr, unsigned type)
{
    smmu_set64(b, SMMUV3_GATOS_SID, b->sid);
    smmu_set64(b, SMMUV3_GATOS_ADDR, addr | GATOS_TYPE(type) | GATOS_READ);
    smmu_set(b, SMMUV3_GATOS_CTRL, 1);
    g_assert_true(qtest_wait(b->q, SMMU_UNIT + SMMUV3_GATOS_CTRL, 4, 1, 0));
    return smmu_reg64(b, SMMUV3_GATOS_PAR);
}

/* Software asks for translations, by stage 1, by stage 2, by both [SMMU 9.1]
 * [SMMU 6.3.40]. */
static void test_operations(void)
{
    uint64_t par, word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested,atos=on", "", SMMUV3_NESTED);
    smmu_map(&b, VA, IPA);
    g_assert_true(guest_tables_map(&b.s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    g_assert_cmphex(gatos(&b, VA, 1) & (PAR_ADDR | PAR_FAULT), ==, IPA);
    g_assert_cmphex(gatos(&b, IPA, 2) & (PAR_ADDR | PAR_FAULT), ==, PA);
    g_assert_cmphex(gatos(&b, VA, 3) & (PAR_ADDR | PAR_FAULT), ==, PA);
    par = gatos(&b, VA + 0x1000, 3);
    g_assert_cmphex(par & 1, ==, 1);
    g_assert_cmphex(PAR_CODE(par), ==, SMMUV3_F_TRANSLATION);
    /* Nobody hears of those. */
    g_assert_false(smmu_event(&b, word));
    smmu_end(&b);
}

/* --- Numbers that change ------------------------------------------------- */

#define PORT_WINDOW 0x20000000u

/* The bus below the port, with its window. */
static void set_port(SmmuBoard *b, unsigned bus)
{
    PciDev port = b->dev.pci;

    port.devfn = 5 << 3;
    pci_set_bridge(&port, bus, bus, PORT_WINDOW);
}

/* The endpoint below it writes to @addr, which leads to @pa. */
static void check_behind(SmmuBoard *b, Testdev *dev, uint64_t addr,
                         uint64_t pa, bool allowed)
{
    static uint64_t value = 0x2000;
    const uint64_t before = smmu_get64(b, pa);

    value++;
    g_assert_cmpint(testdev_dma_write(dev, addr, &value, 8).why, ==,
                    allowed ? TD_OK : TD_BLOCKED);
    g_assert_cmphex(smmu_get64(b, pa), ==, allowed ? value : before);
}

/* What was allowed as one function is not as another: the one that it is while
 * its bus has no number, and one without an entry. */
static void test_renumbered(void)
{
    static const char *const kinds[] = { "", ",x-vhost=on" };

    for (size_t i = 0; i < (qtest_is_qemu() ? G_N_ELEMENTS(kinds) : 1); i++) {
        g_autofree char *more = g_strdup_printf(
            "-device pcie-root-port,id=rp,addr=5,chassis=1,slot=1 "
            "-device viommu-testdev,bus=rp%s", kinds[i]);
        Testdev behind = { 0 };
        SmmuBoard b;

        smmu_start_stream(&b, "", more, SMMUV3_S1);
        set_port(&b, 1);
        behind.pci = (PciDev) {
            .q = b.q, .ecam = b.dev.pci.ecam, .bus = 1,
        };
        b.bus.next_bar = PORT_WINDOW;
        pci_enable(&b.bus, &behind.pci);
        behind.base = behind.pci.bar[0];
        smmu_map(&b, VA, PA);

        b.sid = 0;
        b.ste.config = SMMUV3_BYPASS;
        smmu_put_ste(&b);
        check_behind(&b, &behind, PA, PA, false);
        set_port(&b, 0);
        check_behind(&b, &behind, PA, PA, true);
        smmu_put_ste(&b);
        check_behind(&b, &behind, PA, PA, true);
        set_port(&b, 1);
        check_behind(&b, &behind, PA, PA, false);

        b.ste.config = SMMUV3_S1;
        smmu_put_ste(&b);
        set_port(&b, 0);
        check_behind(&b, &behind, VA, PA, true);
        set_port(&b, 1);
        check_behind(&b, &behind, VA, PA, false);
        smmu_end(&b);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/smmu-translation/stage-1",
                         GUINT_TO_POINTER(SMMUV3_S1), test_stage);
    g_test_add_data_func("/smmu-translation/stage-2",
                         GUINT_TO_POINTER(SMMUV3_S2), test_stage);
    g_test_add_data_func("/smmu-translation/nested",
                         GUINT_TO_POINTER(SMMUV3_NESTED), test_stage);
    g_test_add_func("/smmu-translation/long", test_long);
    g_test_add_func("/smmu-translation/bypass-and-abort",
                    test_bypass_and_abort);
    g_test_add_func("/smmu-translation/granules", test_granules);
    g_test_add_func("/smmu-translation/halves", test_halves);
    g_test_add_func("/smmu-translation/rights", test_rights);
    g_test_add_data_func("/smmu-translation/flags-1",
                         GUINT_TO_POINTER(SMMUV3_S1), test_flags);
    g_test_add_data_func("/smmu-translation/flags-2",
                         GUINT_TO_POINTER(SMMUV3_S2), test_flags);
    g_test_add_func("/smmu-translation/substreams", test_substreams);
    g_test_add_data_func("/smmu-translation/descriptors-4k",
                         GUINT_TO_POINTER(1), test_descriptor_levels);
    g_test_add_data_func("/smmu-translation/descriptors-64k",
                         GUINT_TO_POINTER(2), test_descriptor_levels);
    g_test_add_func("/smmu-translation/stream-levels", test_stream_levels);
    g_test_add_func("/smmu-translation/messages", test_messages);
    g_test_add_func("/smmu-translation/operations", test_operations);
    g_test_add_func("/smmu-translation/renumbered", test_renumbered);
    return g_test_run();
}
