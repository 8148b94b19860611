/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: endpoints on their own threads against one that changes tables,
 * invalidates and waits (as test-threads does for VT-d), and walks that are
 * overtaken by a change of what they have read (as test-overtaken).
 */
#include "tests/lib/unit/overtaken.h"
#include "tests/lib/unit/poison.h"
#include "tests/lib/unit/smmu.h"

#include <string.h>

#define ENDPOINTS   3
#define ADDRESSES   16
#define IPAS        UINT64_C(0x8000000000)
#define TAGS        (CMD_VMID(SMMU_TEST_VMID) | \
                     CMD_ASID(SMMU_TEST_ASID))

/* --- Endpoints -------------------------------------------------------- */

typedef struct World {
    Smmu *s;
    unsigned kind;
    Poison p;
} World;

static uint64_t address(unsigned i)
{
    return (uint64_t)(i / 4) << 21 | (uint64_t)(i % 4) << 12;
}

static ViommuStatus read_address(PoisonEndpoint *e, unsigned i, GRand *rand,
                                 ViommuReply *reply)
{
    const World *w = e->world;

    (void)rand;
    return smmu_test_dma(w->s, address(i), VIOMMU_READ, reply);
}

static void sync_commands(World *w)
{
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    guest_smmu_command(&w->s->commands, CMD_SYNC, 0);
    while (!guest_smmu_commands_done(&w->s->commands)) {
        fixture_run(w->s->f);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_thread_yield();
    }
}

/* Stage 1 gives each address an IPA of its own, or stage 2 does. */
static uint64_t entry_of(World *w, unsigned i)
{
    if (w->kind == SMMUV3_S1) {
        return guest_tables_entry(&w->s->s1, address(i), 3);
    }
    return guest_tables_entry(&w->s->s2, IPAS + address(i), 3);
}

static void map(World *w, unsigned i, uint64_t page)
{
    uint64_t attributes = w->kind == SMMUV3_S1 ? SMMUV3_PAGE_S1
                                               : SMMUV3_PAGE_S2;

    guest_write64(&w->s->f->mem, entry_of(w, i), page | attributes | 3);
}

static void invalidate(World *w, unsigned i)
{
    GuestSmmuCommands *q = &w->s->commands;
    unsigned way = (unsigned)g_test_rand_int_range(0, 6);
    uint64_t vmid = CMD_VMID(SMMU_TEST_VMID);

    if (g_test_rand_int_range(0, 8) == 0) {
        guest_smmu_command(q, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    }
    if (w->kind != SMMUV3_S1) {
        if (way < 3) {
            guest_smmu_command(q, CMD_S2_IPA | vmid, IPAS + address(i));
            guest_smmu_command(q, CMD_NH_ALL | vmid, 0);
        } else {
            guest_smmu_command(q, way == 3 ? 0x30 : 0x28 | vmid, 0);
        }
    } else if (way < 3) {
        guest_smmu_command(q, CMD_NH_VA | TAGS, address(i) | (way & 1));
    } else if (way == 3) {
        guest_smmu_command(q, CMD_NH_VAA | vmid, address(i));
    } else {
        guest_smmu_command(q, way == 4 ? 0x11 | TAGS : 0x10 | vmid, 0);
    }
    sync_commands(w);
}

static void move(World *w, unsigned i)
{
    uint64_t page = poison_move(&w->p, i);

    map(w, i, page);
    invalidate(w, i);
    poison_moved(&w->p, i, page);
}

static void world_init(World *w, unsigned kind)
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    config.iotlb_bits = 6;
    w->kind = kind;
    w->s = smmu_test_new(&config, kind);
    poison_init(&w->p, w->s->f, ADDRESSES);
    for (unsigned i = 0; i < ADDRESSES; i++) {
        if (kind == SMMUV3_NESTED) {
            g_assert_true(guest_tables_map(&w->s->s1, address(i),
                                           IPAS + address(i), 3,
                                           SMMUV3_PAGE_S1));
        }
        map(w, i, w->p.page_of[i]);
    }
}

/* [SMMU 3.17] */
static void test_no_stale_use(gconstpointer data)
{
    World w;
    PoisonEndpoint e[ENDPOINTS];
    unsigned rounds = 300 * fixture_scale();

    world_init(&w, GPOINTER_TO_UINT(data));
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        e[i] = (PoisonEndpoint) {
            .p = &w.p, .world = &w, .translate = read_address, .reads = 20,
            .seed = (guint32)g_test_rand_int(),
        };
        poison_start(&e[i]);
    }
    for (unsigned i = 0; i < rounds; i++) {
        unsigned from = __atomic_load_n(&e[i % ENDPOINTS].sections,
                                        __ATOMIC_SEQ_CST);

        move(&w, (unsigned)g_test_rand_int_range(0, ADDRESSES));
        while (i % 8 == 0 &&
               __atomic_load_n(&e[i % ENDPOINTS].sections,
                               __ATOMIC_SEQ_CST) == from) {
            g_usleep(50);
        }
    }
    poison_stop(&w.p, e, ENDPOINTS);
    g_test_message("%u moves, %u uses", rounds, w.p.uses);
    poison_check(&w.p);
    /* each section that was waited for has used its page */
    g_assert_cmpuint(w.p.uses, >=, (rounds + 7) / 8);
    smmu_test_free(w.s);
}

/* --- Overtaken -------------------------------------------------------- */

#define IOVA    UINT64_C(0x1000)

/* What happens while the walker is held: a word changes, then a command. */
typedef struct Held {
    Scene scene;                /* first */
    unsigned index;
    uint64_t at, after;
    uint64_t command, operand;
} Held;

static void translate(Scene *s)
{
    ViommuReply reply;

    smmu_test_dma(s->smmu, IOVA, VIOMMU_READ, &reply);
    s->result = reply.addr;
}

static void change(Scene *s)
{
    const Held *h = (const Held *)s;

    __atomic_store_n(&s->words[h->index], h->after, __ATOMIC_RELEASE);
}

/* The descriptor of the table above, which is in RAM. */
static void change_above(Scene *s)
{
    const Held *h = (const Held *)s;

    guest_write64(&s->f->mem, h->at, h->after);
}

static void command(Scene *s)
{
    const Held *h = (const Held *)s;

    guest_smmu_command(&s->smmu->commands, h->command, h->operand);
    smmu_test_sync(s->smmu);
}

static Held *held_new(unsigned kind)
{
    Held *h = g_new0(Held, 1);
    Scene *s = &h->scene;
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    s->smmu = smmu_test_new(&config, kind);
    scene_init(s, s->smmu->f);
    s->act = translate;
    s->change = change;
    s->invalidate = command;
    return h;
}

static void held_free(Held *h)
{
    smmu_test_free(h->scene.smmu);
    g_free(h);
}

/* The last table of either stage: each TLBI [SMMU 3.17] [SMMU 4.4]. */
static void test_overtaken_page(void)
{
    static const struct { unsigned kind; uint64_t command; } cases[] = {
        { SMMUV3_S1, CMD_NH_VA | TAGS }, { SMMUV3_S1, CMD_NH_VAA | TAGS },
        { SMMUV3_S1, CMD_NH_ASID | TAGS }, { SMMUV3_S1, CMD_NH_ALL | TAGS },
        { SMMUV3_S1, 0x30 }, { SMMUV3_S2, CMD_S2_IPA | TAGS },
        { SMMUV3_S2, CMD_S12_VMALL | TAGS }, { SMMUV3_S2, 0x30 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        bool one = cases[i].kind == SMMUV3_S1;
        uint64_t attributes = (one ? SMMUV3_PAGE_S1 : SMMUV3_PAGE_S2) | 3;
        Held *h = held_new(cases[i].kind);
        Smmu *s = h->scene.smmu;
        GuestTables *t = one ? &s->s1 : &s->s2;

        guest_write64(&s->f->mem, guest_tables_entry(t, IOVA, 2),
                      OUTSIDE | 3);
        h->scene.words[1] = 0x5000 | attributes;
        h->index = 1;
        h->after = 0x8000 | attributes;
        h->command = cases[i].command;
        h->operand = IOVA;
        overtake(&h->scene, OUTSIDE + 8, 0x8000);
        held_free(h);
    }
}

/* A table like the one at OUTSIDE, of @level, with IOVA at @to. */
static uint64_t other_table(GuestTables *t, unsigned level, uint64_t to,
                            uint64_t attributes)
{
    uint64_t at = guest_tables_entry(t, IOVA, level - 1), table;

    guest_write64(&t->alloc->mem, at, 0);
    g_assert_true(guest_tables_map(t, IOVA, to, 3, attributes));
    table = guest_read64(&t->alloc->mem, at);
    guest_write64(&t->alloc->mem, at, 0);
    return table;
}

/*
 * Upper levels, which are cached: the walker has read the descriptor of a table
 * of level 2 or 3, which changes; or it has come by a cached table, and the
 * descriptor of that one changes [SMMU 3.17] [SMMU 4.4].
 */
static void test_overtaken_table(void)
{
    static const struct { unsigned kind; uint64_t command; } cases[] = {
        { SMMUV3_S1, CMD_NH_VA | TAGS }, { SMMUV3_S1, CMD_NH_VAA | TAGS },
        { SMMUV3_S1, CMD_NH_ASID | TAGS }, { SMMUV3_S1, CMD_NH_ALL | TAGS },
        { SMMUV3_S1, CMD_S12_VMALL | TAGS }, { SMMUV3_S1, 0x30 },
        /* a range of 16 pages */
        { SMMUV3_S1, CMD_NH_VA | TAGS | CMD_NUM(15) },
        { SMMUV3_S2, CMD_S2_IPA | TAGS }, { SMMUV3_S2, CMD_S12_VMALL | TAGS },
        { SMMUV3_S2, 0x30 },
    };

    for (unsigned i = 0; i < 3 * G_N_ELEMENTS(cases); i++) {
        unsigned kind = cases[i / 3].kind, way = i % 3;
        bool one = kind == SMMUV3_S1;
        /* of the table outside; stage 2's tables begin with level 1 */
        unsigned level = way == 1 && one ? 1 : 2;
        uint64_t attributes = one ? SMMUV3_PAGE_S1 : SMMUV3_PAGE_S2;
        Held *h = held_new(kind);
        Smmu *s = h->scene.smmu;
        GuestTables *t = one ? &s->s1 : &s->s2;
        uint64_t old = other_table(t, level + 1, 0x5000, attributes);
        uint64_t new = other_table(t, level + 1, 0x8000, attributes);

        h->scene.words[0] = h->scene.words[1] = old;
        h->at = guest_tables_entry(t, IOVA, level - 1);
        guest_write64(&s->f->mem, h->at, OUTSIDE | 3);
        h->after = new;
        if (way == 2) {
            ViommuReply reply;

            /* The table outside is cached, by another page's walk. */
            smmu_test_dma(s, IOVA + 0x200000, VIOMMU_READ, &reply);
            g_assert_cmphex(reply.addr, ==, 0x5000);
            h->scene.change = change_above;
            h->after = other_table(t, level, 0x8000, attributes);
            guest_write64(&s->f->mem, h->at, OUTSIDE | 3);
        }
        h->command = cases[i / 3].command;
        h->operand = IOVA | (cases[i / 3].command & CMD_NUM(15) ? CMD_TG_4K
                                                                 : 0);
        overtake(&h->scene, OUTSIDE, 0x8000);
        held_free(h);
    }
}

/* The context descriptor: a new table, with a new ASID so that only the
 * descriptor is stale [SMMU 4.3] [SMMU 3.21.3]. */
static void test_overtaken_config(void)
{
    Held *h = held_new(SMMUV3_S1);
    Smmu *s = h->scene.smmu;
    uint64_t *words = h->scene.words;
    GuestTables other;

    smmu_test_map(s, IOVA, 0x5000);
    g_assert_true(guest_tables_init(&other, s->alloc, 12, 48, 0));
    g_assert_true(guest_tables_map(&other, IOVA, 0x8000, 3, SMMUV3_PAGE_S1));
    guest_cd_encode(&s->cd, words);
    s->ste.cd_table = OUTSIDE;
    smmu_test_put_ste(s);
    /* TTB1 stays off; all of the descriptor is read before it is held. */
    words[1] = other.ttb;
    h->after = words[0] ^ FIELD_PUT(1, CD_ASID);
    h->command = 0x05 | CMD_SID(SMMU_TEST_SID);
    h->operand = 1;
    overtake(&h->scene, OUTSIDE, 0x8000);
    /* And one that is made bad meanwhile. */
    guest_smmu_command(&s->commands, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    smmu_test_sync(s);
    h->after = 0;
    h->command = 0x06 | CMD_SID(SMMU_TEST_SID);
    h->operand = 0;
    overtake(&h->scene, OUTSIDE, 0);
    held_free(h);
}

/* Commands that nobody waits for yet. */
static void without_sync(Scene *s)
{
    const uint64_t stream = CMD_SID(SMMU_TEST_SID);

    guest_smmu_command(&s->smmu->commands, CMD_CFGI_STE | stream, CMD_LEAF);
    guest_smmu_command(&s->smmu->commands, CMD_S12_VMALL | TAGS, 0);
    fixture_run(s->f);
}

/*
 * The stream's entry becomes invalid, and its VMID is invalidated, when the
 * walker has read the entry, and is on its way to the descriptor through stage
 * 2.  Nothing that it finds there stays: the VMID may be used anew, with a
 * table at the same place [SMMU 3.21.3].
 */
static void test_overtaken_stage2_of_config(void)
{
    const uint64_t block = UINT64_C(0x200000), copy = FIXTURE_RAM - block;
    Held *h = held_new(SMMUV3_NESTED);
    Smmu *s = h->scene.smmu;
    uint64_t *ste = &h->scene.words[SMMU_TEST_SID * 8];
    uint64_t at, table, leaf, v;

    g_assert_true(guest_tables_map(&s->s2, 0, 0, 2, SMMUV3_PAGE_S2));
    g_assert_true(guest_tables_map(&s->s1, IOVA, 0x5000, 3, SMMUV3_PAGE_S1));
    guest_ste_encode(&s->ste, ste);
    v = ste[0];
    guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG, 6);
    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, OUTSIDE);
    guest_smmu_command(&s->commands, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    guest_smmu_command(&s->commands, CMD_S12_VMALL | TAGS, 0);
    smmu_test_sync(s);
    h->index = SMMU_TEST_SID * 8;
    h->after = 0;
    h->scene.invalidate = without_sync;
    overtake(&h->scene, OUTSIDE + SMMU_TEST_SID * SMMUV3_STE_SIZE, 0);
    smmu_test_sync(s);

    /* another table of level 2, by which all of stage 1's are elsewhere */
    g_assert_cmphex(s->alloc->next, <, FIXTURE_TABLES + block - 0x10000);
    at = guest_tables_entry(&s->s2, FIXTURE_TABLES, 1);
    table = guest_alloc_pages(s->alloc, 1);
    for (unsigned i = 0; i < 512; i++) {
        uint64_t word = guest_read64(&s->f->mem, (guest_read64(&s->f->mem, at) &
                                                  UINT64_C(0xfffffffff000)) +
                                                 8 * i);

        if (i == FIXTURE_TABLES / block) {
            word += copy - FIXTURE_TABLES;
        }
        guest_write64(&s->f->mem, table + 8 * i, word);
    }
    leaf = guest_tables_entry(&s->s1, IOVA, 3);
    memcpy((uint8_t *)s->f->ram.host + copy,
           (uint8_t *)s->f->ram.host + FIXTURE_TABLES, block);
    guest_write64(&s->f->mem, leaf - FIXTURE_TABLES + copy,
                  guest_read64(&s->f->mem, leaf) + 0x3000);
    guest_write64(&s->f->mem, at, table | 3);
    __atomic_store_n(ste, v, __ATOMIC_RELEASE);
    guest_smmu_command(&s->commands, CMD_CFGI_STE | CMD_SID(SMMU_TEST_SID),
                       CMD_LEAF);
    smmu_test_sync(s);
    translate(&h->scene);
    g_assert_cmphex(h->scene.result, ==, 0x8000);
    held_free(h);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/smmu-threads/stage1", GUINT_TO_POINTER(SMMUV3_S1),
                         test_no_stale_use);
    g_test_add_data_func("/smmu-threads/nested",
                         GUINT_TO_POINTER(SMMUV3_NESTED), test_no_stale_use);
    g_test_add_func("/smmu-threads/overtaken-page", test_overtaken_page);
    g_test_add_func("/smmu-threads/overtaken-table", test_overtaken_table);
    g_test_add_func("/smmu-threads/overtaken-config", test_overtaken_config);
    g_test_add_func("/smmu-threads/overtaken-config/stage2",
                    test_overtaken_stage2_of_config);
    return g_test_run();
}
