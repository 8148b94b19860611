/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices behind an SMMUv3: entries, descriptors, tables and commands at
 * random.  What a device of the host meets is what an emulated endpoint with
 * the same entry meets: data, faults, and each word of their events.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/qtest/smmu-vfio.h"

enum { STREAMS = 3, TABLES = 2, PAGES = 4, SSIDS = 4 };

/* Linux in an emulated processor takes its time. */
enum { STEPS = 400, STEPS_ON_LINUX = 100 };

/* No SubstreamID. */
#define NONE        SSIDS

/* A range of one page more than the one that is meant. */

typedef struct World {
    SmmuBoard b;
    GRand *rand;
    Testdev dev[STREAMS];       /* number 0 is the emulated one */
    GuestTables tables[TABLES];
    uint64_t data;              /* PAGES pages */
    uint64_t value;             /* written last */
} World;

static unsigned pick(World *w, unsigned n)
{
    return g_rand_int_range(w->rand, 0, n);
}

static void start(World *w)
{
    memset(w, 0, sizeof(*w));
    smmu_vfio_start(&w->b, "");
    w->rand = g_rand_new_with_seed(g_test_rand_int());
    w->data = smmu_pages(&w->b, PAGES);
    for (unsigned i = 0; i < TABLES; i++) {
        g_assert_true(guest_tables_init(&w->tables[i], &w->b.alloc, 12, 48,
                                        0));
    }
    for (unsigned i = 0; i < STREAMS; i++) {
        smmu_vfio_take(&w->b, i);
        w->dev[i] = w->b.dev;
    }
}

static void end(World *w)
{
    g_rand_free(w->rand);
    smmu_end(&w->b);
}

/* The same command about each stream. */
static void for_streams(World *w, uint64_t command, uint64_t high)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        smmu_command(&w->b, command | CMD_SID(pci_source(&w->dev[i].pci)),
                     high);
    }
}

/* --- What software changes ----------------------------------------------- */

static void change_entries(World *w)
{
    static const unsigned configs[] = {
        SMMUV3_S1, SMMUV3_S1, SMMUV3_S1, SMMUV3_BYPASS, SMMUV3_ABORT,
    };
    uint64_t word[8];

    w->b.ste.config = configs[pick(w, G_N_ELEMENTS(configs))];
    w->b.ste.s1dss = pick(w, 3);
    w->b.ste.s1cdmax = pick(w, 4) ? 2 : 0;
    guest_ste_encode(&w->b.ste, word);
    for (unsigned i = 0; i < STREAMS; i++) {
        guest_write_words(&w->b.mem, w->b.strtab + SMMUV3_STE_SIZE *
                          pci_source(&w->dev[i].pci), word, 8);
    }
    if (pick(w, 2)) {
        for_streams(w, CMD_CFGI_STE, CMD_LEAF);
    } else {
        smmu_command(&w->b, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    }
}

/* Each table has its own ASID. */
static void change_descriptor(World *w)
{
    unsigned ssid = pick(w, SSIDS), table = pick(w, TABLES);
    uint64_t word[8] = { 0 };

    w->b.cd.ttb[0] = w->tables[table].ttb;
    w->b.cd.asid = SMMU_ASID + table;
    if (pick(w, 5)) {
        guest_cd_encode(&w->b.cd, word);
    }
    guest_write_words(&w->b.mem, w->b.cds + ssid * SMMUV3_CD_SIZE, word, 8);
    if (pick(w, 2)) {
        for_streams(w, CMD_CFGI_CD | CMD_SSID(ssid), CMD_LEAF);
    } else {
        for_streams(w, CMD_CFGI_CD_ALL, 0);
    }
}

static void change_page(World *w)
{
    unsigned table = pick(w, TABLES);
    uint64_t va = VA + pick(w, PAGES) * PAGE, asid = SMMU_ASID + table;
    const uint64_t to = (w->data + pick(w, PAGES) * PAGE) | 3;
    const uint64_t leaves[] = {
        0, to | SMMUV3_PAGE_S1, to | SMMUV3_PAGE_S1,
        to | SMMUV3_PAGE_S1 | SMMUV3_PTE_RDONLY,
        to | (SMMUV3_PAGE_S1 & ~SMMUV3_PTE_AF),
    };
    const uint64_t commands[][2] = {
        { CMD_NH_VA | CMD_ASID(asid), va | 1 },
        { CMD_NH_VA | CMD_ASID(asid), va },
        { CMD_NH_VA | CMD_ASID(asid) | CMD_NUM(1), va | CMD_TG_4K | 1 },
        { CMD_NH_VAA, va | 1 },
        { CMD_NH_ASID | CMD_ASID(asid), 0 },
        { CMD_NH_ALL, 0 },
        { CMD_NSNH_ALL, 0 },
    };
    unsigned command = pick(w, G_N_ELEMENTS(commands));
    uint64_t at = guest_tables_entry(&w->tables[table], va, 3);

    smmu_put64(&w->b, at, leaves[pick(w, G_N_ELEMENTS(leaves))]);
    smmu_command(&w->b, commands[command][0], commands[command][1]);
}

static void change(World *w)
{
    switch (pick(w, 8)) {
    case 0:
        change_entries(w);
        break;
    case 1:
    case 2:
        change_descriptor(w);
        break;
    default:
        change_page(w);
        break;
    }
    smmu_sync(&w->b);
}

/* --- What devices meet --------------------------------------------------- */

typedef struct Access {
    uint64_t addr;
    unsigned ssid;
    bool write;
} Access;

typedef struct Met {
    TestdevResult result;
    uint32_t value;
    bool event;
    uint64_t word[4];
} Met;

/* Where stage 1 is left out, addresses are those of memory; PASIDs have no
 * place there. */
static Access any_access(World *w)
{
    const GuestSte *ste = &w->b.ste;
    unsigned page = pick(w, PAGES);
    Access a = { .ssid = pick(w, SSIDS + 1), .write = pick(w, 2) };

    if (ste->config != SMMUV3_S1) {
        a.ssid = NONE;
    }
    a.addr = VA + page * PAGE;
    if (ste->config == SMMUV3_BYPASS ||
        (ste->s1cdmax && ste->s1dss == 1 && a.ssid == NONE)) {
        a.addr = w->data + page * PAGE;
    }
    return a;
}

static Met make_access(World *w, unsigned stream, const Access *a,
                       bool await)
{
    Testdev *dev = &w->dev[stream];
    uint32_t value = (uint32_t)++w->value;
    Met met = { .value = value };

    testdev_set(dev, TD_PASID,
                a->ssid == NONE ? 0 : TD_PASID_ENABLE | a->ssid);
    value = GUINT32_TO_LE(value);
    met.result = a->write ? testdev_dma_write(dev, a->addr, &value, 4)
                          : testdev_dma_read(dev, a->addr, &met.value, 4);
    met.event = await ? smmu_await_event(&w->b, met.word)
                      : smmu_event(&w->b, met.word);
    return met;
}

static void expect_same(const World *w, const Met *want, const Met *got,
                        const Access *a)
{
    bool same = got->event == want->event &&
                got->result.why == want->result.why &&
                (a->write || want->result.why != TD_OK ||
                 got->value == want->value);

    for (unsigned i = 0; i < 4 && want->event; i++) {
        uint64_t mask = i ? UINT64_MAX : UINT32_MAX;    /* without StreamID */

        same &= !((got->word[i] ^ want->word[i]) & mask);
    }
    if (!same) {
        g_error("config %u, s1dss %u, s1cdmax %u, %s at 0x%" PRIx64
                ", substream %d: %d, 0x%x, event %d: 0x%" PRIx64 " 0x%" PRIx64
                " 0x%" PRIx64 ", not %d, 0x%x, %d: 0x%" PRIx64 " 0x%" PRIx64
                " 0x%" PRIx64, w->b.ste.config, w->b.ste.s1dss,
                w->b.ste.s1cdmax, a->write ? "write" : "read", a->addr,
                a->ssid == NONE ? -1 : (int)a->ssid, got->result.why,
                got->value, got->event, got->word[0], got->word[1],
                got->word[2], want->result.why, want->value, want->event,
                want->word[0], want->word[1], want->word[2]);
    }
}

static void compare(World *w)
{
    Access a = any_access(w);
    unsigned stream = 1 + pick(w, STREAMS - 1);
    Met want = make_access(w, 0, &a, false);
    Met got = make_access(w, stream, &a, want.event);

    expect_same(w, &want, &got, &a);
    if (a.write && want.result.why == TD_OK) {
        Met read;

        /* what the host's device has written */
        a.write = false;
        read = make_access(w, 0, &a, false);
        g_assert_cmpint(read.result.why, ==, TD_OK);
        g_assert_cmphex(GUINT32_FROM_LE(read.value), ==, got.value);
    }
}

static void test_random(void)
{
    const unsigned steps = vfio_first ? STEPS_ON_LINUX : STEPS;
    World w;

    start(&w);
    for (unsigned i = 0; i < steps; i++) {
        change(&w);
        compare(&w);
        compare(&w);
    }
    end(&w);
}

void smmu_vfio_add_random_tests(void)
{
    g_test_add_func("/smmu-vfio/random", test_random);
}
