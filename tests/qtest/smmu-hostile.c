/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: a guest that does what no driver would. The machine lives on, and
 * DMA of an endpoint that is set up properly works all the time.
 */
#include <string.h>

#include "tests/qtest/smmu.h"

#define VA   UINT64_C(0x7f1234567000)
#define IPA  UINT64_C(0x8123456000)
#define PA   (SMMU_RAM + UINT64_C(0x08000000))

#define ALL_OPTIONS \
    "stage=nested,ats=on,pri=on,ssidsize=8,stall=on,httu=2,msi=on," \
    "hyp=on,attr-perms-ovr=on,atos=on"

/* Endpoint 0 is the victim. The bystander's stream bypasses. */
typedef struct Hostile {
    SmmuBoard b;
    Testdev bystander;
    uint32_t sid;
} Hostile;

static void start(Hostile *h, unsigned kind)
{
    SmmuBoard *b = &h->b;
    GuestSte ste = { .config = SMMUV3_BYPASS };
    uint64_t word[8];

    smmu_start_stream(b, ALL_OPTIONS, ",ats=on,pri=on,pasid-bits=8 "
                      "-device viommu-testdev,addr=5", kind);
    testdev_enable(&b->dev, 8);
    testdev_init(&h->bystander, &b->bus, 1);
    h->sid = pci_source(&h->bystander.pci);
    guest_ste_encode(&ste, word);
    guest_write_words(&b->mem, b->strtab + h->sid * SMMUV3_STE_SIZE, word, 8);
    smmu_command(b, CMD_CFGI_STE | CMD_SID(h->sid), CMD_LEAF);
    smmu_sync(b);
}

static void expect_bystander(Hostile *h)
{
    uint32_t value = g_test_rand_int(), got = 0;

    g_assert_cmpint(testdev_dma_write(&h->bystander, PA + 0x40, &value,
                                      4).why, ==, TD_OK);
    g_assert_cmpint(testdev_dma_read(&h->bystander, PA + 0x40, &got, 4).why,
                    ==, TD_OK);
    g_assert_cmphex(got, ==, value);
}

static void drain_events(SmmuBoard *b)
{
    uint64_t word[4];

    while (smmu_event(b, word)) {
        if (EVENT_STALL(word)) {
            smmu_command(b, CMD_RESUME | CMD_SID(EVENT_SID(word)) | CMD_ABORT,
                         EVENT_STAG(word));
            smmu_sync(b);
        }
    }
    smmu_set(b, SMMUV3_EVENTQ_CONS,
             (smmu_reg(b, SMMUV3_EVENTQ_CONS) & ~SMMUV3_OVERFLOW) |
             (smmu_reg(b, SMMUV3_EVENTQ_PROD) & SMMUV3_OVERFLOW));
}

/* DMA of all kinds, whatever comes of it; what waits is given up. */
static void prod(Hostile *h)
{
    static const uint64_t places[] = { VA, IPA, PA, 0, UINT64_MAX - 0xfff };
    SmmuBoard *b = &h->b;

    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        unsigned how = g_test_rand_int_range(0, 6);
        uint32_t value = 0;

        testdev_set(&b->dev, TD_PASID,
                    how & 1 ? TD_PASID_ENABLE | g_test_rand_int_range(0, 9)
                            : 0);
        testdev_set(&b->dev, TD_CONTROL, how < 2 ? 0
                    : how < 4 ? TD_CONTROL_ATS : TD_CONTROL_RAW);
        if (testdev_dma_write(&b->dev, places[i], &value, 4).why ==
            TD_WAITS) {
            testdev_run(&b->dev, TD_ABORT);
        }
        testdev_translate(&b->dev, places[i], true);
    }
    testdev_run(&b->dev, TD_FLUSH);
    testdev_set(&b->dev, TD_PASID, 0);
    testdev_set(&b->dev, TD_CONTROL, 0);
    drain_events(b);
}

static void expect_recovered(Hostile *h)
{
    SmmuBoard *b = &h->b;

    smmu_put_cd(b, 0);
    smmu_put_ste(b);
    smmu_command(b, CMD_NSNH_ALL, 0);
    smmu_sync(b);
    smmu_map(b, VA, PA);
    smmu_dma_good(b, VA, PA);
    expect_bystander(h);
}

/* Each bit of the stream's entry and its descriptor turned over. */
static void test_bits(gconstpointer data)
{
    unsigned kind = GPOINTER_TO_UINT(data) & 0xff;
    bool cd = GPOINTER_TO_UINT(data) & 0x100;
    uint64_t ste[8], desc[8], at, *word;
    Hostile h;
    SmmuBoard *b = &h.b;

    start(&h, kind);
    smmu_map(b, kind == SMMUV3_S2 ? IPA : VA, PA);
    guest_ste_encode(&b->ste, ste);
    guest_cd_encode(&b->cd, desc);
    word = cd ? desc : ste;
    at = cd ? b->cds : b->strtab + b->sid * SMMUV3_STE_SIZE;
    for (unsigned bit = 0; bit < 512; bit += 1 + (bit >= 256)) {
        uint64_t turned = word[bit / 64] ^ UINT64_C(1) << bit % 64;

        smmu_put64(b, at + bit / 64 * 8, turned);
        smmu_command(b, CMD_CFGI_STE | CMD_SID(b->sid), CMD_LEAF);
        smmu_command(b, CMD_NSNH_ALL, 0);
        smmu_sync(b);
        prod(&h);
        smmu_put64(b, at + bit / 64 * 8, word[bit / 64]);
    }
    if (kind != SMMUV3_S2) {
        expect_recovered(&h);
    }
    expect_bystander(&h);
    smmu_end(b);
}

/* All bits at once, at random. */
static void test_random(void)
{
    Hostile h;
    SmmuBoard *b = &h.b;

    start(&h, SMMUV3_S1);
    for (unsigned i = 0; i < 150; i++) {
        uint64_t ste[8], cd[8];

        guest_ste_encode(&b->ste, ste);
        guest_cd_encode(&b->cd, cd);
        for (unsigned k = 0; k < 8; k++) {
            uint64_t noise = (uint64_t)g_test_rand_int() << 32 |
                             g_test_rand_int();

            ste[k] ^= noise & ((uint64_t)g_test_rand_int() << 32) & 7ull << 40;
            cd[k] ^= i & 1 ? noise : noise & g_test_rand_int();
            if (i % 3 == 0) {
                ste[k] ^= noise << 8;
            }
        }
        ste[0] = (ste[0] & ~UINT64_C(0xf)) | 9 | (i % 4) << 1;
        guest_write_words(&b->mem, b->cds, cd, 8);
        guest_write_words(&b->mem, b->strtab + b->sid * SMMUV3_STE_SIZE, ste,
                          8);
        smmu_command(b, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
        smmu_command(b, CMD_NSNH_ALL, 0);
        smmu_sync(b);
        prod(&h);
    }
    expect_recovered(&h);
    smmu_end(b);
}

/* Tables that lead back to themselves, or to registers. */
static void test_places(gconstpointer data)
{
    unsigned kind = GPOINTER_TO_UINT(data);
    uint64_t addr = kind == SMMUV3_S2 ? IPA : VA;
    Hostile h;
    SmmuBoard *b = &h.b;
    GuestTables *tables;

    start(&h, kind);
    tables = kind == SMMUV3_S2 ? &b->s2 : &b->s1;
    g_assert_true(guest_tables_map(tables, addr, PA, 3, SMMUV3_PAGE_S1));
    for (unsigned level = tables->start; level <= 3; level++) {
        uint64_t entry = guest_tables_entry(tables, addr, level);
        uint64_t was = smmu_get64(b, entry);
        const uint64_t places[] = {
            entry & ~UINT64_C(0xfff), tables->ttb, SMMU_UNIT, SMMU_HOLE,
            b->dev.base, SMMU_UNIT + 0x10000, b->strtab, b->cds,
            SMMU_RAM + SMMU_RAM_SIZE - 0x1000, SMMU_RAM + SMMU_RAM_SIZE,
            UINT64_C(0xfffffffff000),
        };

        for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
            smmu_put64(b, entry, places[i] | SMMUV3_PAGE_S1 |
                                 SMMUV3_PTE_S2W | 3);
            smmu_command(b, CMD_NSNH_ALL, 0);
            smmu_sync(b);
            testdev_dma_read(&b->dev, addr, NULL, 4);
            drain_events(b);
        }
        smmu_put64(b, entry, was);
        smmu_command(b, CMD_NSNH_ALL, 0);
        smmu_sync(b);
    }
    smmu_dma_reads(b, addr, PA);
    expect_bystander(&h);
    smmu_end(b);
}

/* Stream tables, descriptors, and queues in places where none can be. */
static void test_bases(void)
{
    static const uint64_t places[] = {
        SMMU_UNIT, SMMU_UNIT + 0x10000, SMMU_HOLE, 0, 0x08000000,
        SMMU_PCI_MMIO, UINT64_C(0xfffffffffffc0), UINT64_MAX,
        SMMU_RAM + SMMU_RAM_SIZE - 0x40, SMMU_ECAM_HIGH,
    };
    Hostile h;
    SmmuBoard *b = &h.b;

    start(&h, SMMUV3_S1);
    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        for (unsigned log2 = 0; log2 < 32; log2 += 5) {
            smmu_set(b, SMMUV3_CR0, 0);
            smmu_set64(b, SMMUV3_STRTAB_BASE, places[i]);
            smmu_set(b, SMMUV3_STRTAB_BASE_CFG,
                     FIELD_PUT(i & 3, STRTAB_FMT) |
                     FIELD_PUT(i * 7 & 31, STRTAB_SPLIT) | log2);
            smmu_set64(b, SMMUV3_CMDQ_BASE, places[i] | log2);
            smmu_set64(b, SMMUV3_EVENTQ_BASE, places[i] | log2);
            smmu_set64(b, SMMUV3_PRIQ_BASE, places[i] | log2);
            smmu_set(b, SMMUV3_EVENTQ_PROD, g_test_rand_int());
            smmu_set(b, SMMUV3_PRIQ_PROD, g_test_rand_int());
            smmu_set(b, SMMUV3_CR0, SMMUV3_CR0_ALL);
            smmu_set(b, SMMUV3_CMDQ_PROD, g_test_rand_int());
            testdev_dma_read(&b->dev, VA, NULL, 4);
            testdev_translate(&b->dev, VA, false);
            testdev_page_request(&b->dev, VA,
                                 TD_REQUEST_READ | TD_REQUEST_LAST);
            /* all errors away, so that the next round has its own */
            smmu_set(b, SMMUV3_GERRORN, smmu_reg(b, SMMUV3_GERROR));
            smmu_set64(b, SMMUV3_GATOS_SID, g_test_rand_int());
            smmu_set64(b, SMMUV3_GATOS_ADDR, VA | GATOS_TYPE(3));
            smmu_set(b, SMMUV3_GATOS_CTRL, 1);
        }
    }
    smmu_end(b);
}

/* A queue full of nonsense, each command acknowledged with its error. */
static void test_commands(void)
{
    Hostile h;
    SmmuBoard *b = &h.b;

    start(&h, SMMUV3_S1);
    for (unsigned i = 0; i < 400; i++) {
        uint64_t w0 = (uint64_t)g_test_rand_int() << 32 | g_test_rand_int();
        uint64_t w1 = (uint64_t)g_test_rand_int() << 32 | g_test_rand_int();

        if (i & 1) {
            /* one that exists */
            static const uint8_t known[] = {
                CMD_PREFETCH_CONFIG, CMD_PREFETCH_ADDR, CMD_CFGI_STE,
                CMD_CFGI_STE_RANGE, CMD_CFGI_CD, CMD_CFGI_CD_ALL, CMD_NH_ALL,
                CMD_NH_ASID, CMD_NH_VA, CMD_NH_VAA, CMD_EL2_ALL,
                CMD_EL2_ASID, CMD_EL2_VA, CMD_EL2_VAA, CMD_S12_VMALL,
                CMD_S2_IPA, CMD_NSNH_ALL, CMD_ATC_INV, CMD_PRI_RESP,
                CMD_RESUME, CMD_STALL_TERM,
            };

            w0 = (w0 & ~UINT64_C(0x4ff)) |
                 known[g_test_rand_int_range(0, G_N_ELEMENTS(known))];
        }
        smmu_command(b, w0, w1);
        if (smmu_reg(b, SMMUV3_GERROR) != smmu_reg(b, SMMUV3_GERRORN)) {
            uint64_t cons = smmu_reg(b, SMMUV3_CMDQ_CONS) & 63;

            smmu_put64(b, b->commands.base + cons * 16, CMD_SYNC);
            smmu_set(b, SMMUV3_GERRORN, smmu_reg(b, SMMUV3_GERROR));
        }
    }
    /* An ATC_INV to nobody may have left its mark for the next CMD_SYNC. */
    smmu_command(b, CMD_SYNC, 0);
    smmu_set(b, SMMUV3_GERRORN, smmu_reg(b, SMMUV3_GERROR));
    smmu_sync(b);
    expect_recovered(&h);
    smmu_end(b);
}

/* Faults without end: the queue overflows, and that is all. */
static void test_storm(void)
{
    Hostile h;
    SmmuBoard *b = &h.b;

    start(&h, SMMUV3_S1);
    testdev_set(&b->dev, TD_SRC, VA);
    testdev_set(&b->dev, TD_LENGTH, 0x100000);
    testdev_set(&b->dev, TD_LOOP_COUNT, 20000);
    testdev_set(&b->dev, TD_LOOP_SIZE, 4);
    testdev_set(&b->dev, TD_LOOP_STRIDE, 0x1000);
    testdev_run(&b->dev, TD_LOOP);
    g_assert_cmphex(testdev_get(&b->dev, TD_LOOP_FAILURES), ==, 20000);
    g_assert_cmphex(smmu_reg(b, SMMUV3_EVENTQ_PROD), ==,
                    SMMUV3_OVERFLOW | 0x40);
    drain_events(b);
    expect_recovered(&h);
    smmu_end(b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/smmu-hostile/ste-1", GUINT_TO_POINTER(SMMUV3_S1),
                         test_bits);
    g_test_add_data_func("/smmu-hostile/ste-2", GUINT_TO_POINTER(SMMUV3_S2),
                         test_bits);
    g_test_add_data_func("/smmu-hostile/ste-nested",
                         GUINT_TO_POINTER(SMMUV3_NESTED), test_bits);
    g_test_add_data_func("/smmu-hostile/cd",
                         GUINT_TO_POINTER(0x100 | SMMUV3_S1), test_bits);
    g_test_add_func("/smmu-hostile/random", test_random);
    g_test_add_data_func("/smmu-hostile/places-1",
                         GUINT_TO_POINTER(SMMUV3_S1), test_places);
    g_test_add_data_func("/smmu-hostile/places-2",
                         GUINT_TO_POINTER(SMMUV3_S2), test_places);
    g_test_add_func("/smmu-hostile/bases", test_bases);
    g_test_add_func("/smmu-hostile/commands", test_commands);
    g_test_add_func("/smmu-hostile/storm", test_storm);
    return g_test_run();
}
