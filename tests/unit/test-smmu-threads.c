/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: endpoints on their own threads against one that changes tables,
 * invalidates and waits (as test-threads does for VT-d), and walks that are
 * overtaken by a change of what they have read (as test-overtaken).
 */
#include <string.h>

#include "smmu.h"

#define ENDPOINTS   3
#define ADDRESSES   16
#define PAGES       (ADDRESSES + 4)
#define DATA        (UINT64_C(1) << 20)
#define POISON      UINT64_C(0xdeadbeefdeadbeef)
#define OUTSIDE     (FIXTURE_RAM * 2)
#define IPAS        UINT64_C(0x8000000000)
#define TAGS        ((uint64_t)SMMU_TEST_VMID << 32 | \
                     (uint64_t)SMMU_TEST_ASID << 48)

/* --- Endpoints -------------------------------------------------------- */

typedef struct World {
    Smmu *s;
    unsigned kind;
    int stop;                   /* atomic, as are all counters */
    unsigned uses, stale, strange, denied;
    uint64_t page_of[ADDRESSES], spare[PAGES];
    unsigned spares;
} World;

typedef struct Endpoint {
    World *w;
    guint32 seed;
    unsigned sections;
    GThread *thread;
} Endpoint;

static uint64_t address(unsigned i)
{
    return (uint64_t)(i / 4) << 21 | (uint64_t)(i % 4) << 12;
}

static uint64_t *word_of(World *w, uint64_t page)
{
    return (uint64_t *)(void *)(w->s->f->ram.host + page);
}

static void count(unsigned *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void use(World *w, unsigned i, uint64_t page, unsigned reads,
                GRand *rand)
{
    while (reads--) {
        uint64_t word = __atomic_load_n(word_of(w, page), __ATOMIC_ACQUIRE);

        count(&w->uses);
        if (word == POISON) {
            count(&w->stale);
        } else if (word != i) {
            count(&w->strange);
        }
        if (g_rand_int(rand) % 64 == 0) {
            g_thread_yield();
        }
    }
}

static void *endpoint_main(void *opaque)
{
    Endpoint *e = opaque;
    World *w = e->w;
    GRand *rand = g_rand_new_with_seed(e->seed);

    while (!g_atomic_int_get(&w->stop)) {
        unsigned i = (unsigned)g_rand_int(rand) % ADDRESSES;
        unsigned reads = 1 + (unsigned)g_rand_int(rand) % 20;
        ViommuReply reply;

        viommu_dma_begin();
        if (smmu_test_dma(w->s, address(i), VIOMMU_READ, &reply) !=
            VIOMMU_OK) {
            count(&w->denied);
        } else if (reply.addr < DATA ||
                   reply.addr >= DATA + PAGES * UINT64_C(4096)) {
            count(&w->strange);
        } else {
            use(w, i, reply.addr, reads, rand);
        }
        viommu_dma_end();
        count(&e->sections);
    }
    g_rand_free(rand);
    return NULL;
}

static void sync_commands(World *w)
{
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    guest_smmu_command(&w->s->commands, 0x46, 0);
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
    uint64_t vmid = (uint64_t)SMMU_TEST_VMID << 32;

    if (g_test_rand_int_range(0, 8) == 0) {
        guest_smmu_command(q, 0x04, 31);
    }
    if (w->kind != SMMUV3_S1) {
        if (way < 3) {
            guest_smmu_command(q, 0x2a | vmid, IPAS + address(i));
            guest_smmu_command(q, 0x10 | vmid, 0);
        } else {
            guest_smmu_command(q, way == 3 ? 0x30 : 0x28 | vmid, 0);
        }
    } else if (way < 3) {
        guest_smmu_command(q, 0x12 | TAGS, address(i) | (way & 1));
    } else if (way == 3) {
        guest_smmu_command(q, 0x13 | vmid, address(i));
    } else {
        guest_smmu_command(q, way == 4 ? 0x11 | TAGS : 0x10 | vmid, 0);
    }
    sync_commands(w);
}

static void move(World *w, unsigned i)
{
    uint64_t old = w->page_of[i], page = w->spare[0];

    memmove(&w->spare[0], &w->spare[1], (w->spares - 1) * sizeof(uint64_t));
    __atomic_store_n(word_of(w, page), i, __ATOMIC_RELEASE);
    map(w, i, page);
    invalidate(w, i);
    __atomic_store_n(word_of(w, old), POISON, __ATOMIC_RELEASE);
    w->page_of[i] = page;
    w->spare[w->spares - 1] = old;
}

static void world_init(World *w, unsigned kind)
{
    ViommuSmmuv3Config config;

    memset(w, 0, sizeof(*w));
    smmu_test_config(&config);
    config.iotlb_bits = 6;
    w->kind = kind;
    w->s = smmu_test_new(&config, kind);
    for (unsigned i = 0; i < PAGES; i++) {
        uint64_t page = DATA + i * UINT64_C(4096);

        if (i < ADDRESSES) {
            *word_of(w, page) = i;
            w->page_of[i] = page;
            if (kind == SMMUV3_NESTED) {
                g_assert_true(guest_tables_map(&w->s->s1, address(i),
                                               IPAS + address(i), 3,
                                               SMMUV3_PAGE_S1));
            }
            map(w, i, page);
        } else {
            *word_of(w, page) = POISON;
            w->spare[w->spares++] = page;
        }
    }
}

static void test_no_stale_use(gconstpointer data)
{
    World w;
    Endpoint e[ENDPOINTS];
    unsigned rounds = 300 * fixture_scale();

    world_init(&w, GPOINTER_TO_UINT(data));
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        e[i] = (Endpoint) { .w = &w, .seed = (guint32)g_test_rand_int() };
        e[i].thread = g_thread_new("endpoint", endpoint_main, &e[i]);
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
    g_atomic_int_set(&w.stop, 1);
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        g_thread_join(e[i].thread);
    }
    g_test_message("%u moves, %u uses", rounds, w.uses);
    g_assert_cmpuint(w.stale, ==, 0);
    g_assert_cmpuint(w.strange, ==, 0);
    g_assert_cmpuint(w.denied, ==, 0);
    g_assert_cmpuint(w.uses, >, rounds / 8);
    smmu_test_free(w.s);
}

/* --- Overtaken -------------------------------------------------------- */

#define IOVA    UINT64_C(0x1000)

/* A page of memory outside of RAM, where a reader is held up. */
typedef struct Scene {
    Smmu *s;
    uint64_t words[512];
    uint64_t hold, result;
    int held, release, done;
    uint64_t command;
    uint64_t operand;
} Scene;

static int outside_read(Fixture *f, uint64_t addr, void *buf, size_t size)
{
    Scene *s = f->outside_opaque;
    uint64_t index = (addr - OUTSIDE) / 8;

    if (addr < OUTSIDE || size % 8 || index + size / 8 > 512) {
        return -1;
    }
    for (size_t i = 0; i < size / 8; i++) {
        uint64_t word = GUINT64_TO_LE(__atomic_load_n(&s->words[index + i],
                                                      __ATOMIC_ACQUIRE));
        memcpy((uint8_t *)buf + 8 * i, &word, 8);
    }
    if (__atomic_load_n(&s->hold, __ATOMIC_ACQUIRE) == addr) {
        __atomic_store_n(&s->hold, 0, __ATOMIC_RELEASE);
        g_atomic_int_set(&s->held, 1);
        while (!g_atomic_int_get(&s->release)) {
            g_usleep(50);
        }
    }
    return 0;
}

static void *walker_main(void *opaque)
{
    Scene *s = opaque;
    ViommuReply reply;

    smmu_test_dma(s->s, IOVA, VIOMMU_READ, &reply);
    s->result = reply.addr;
    return NULL;
}

static void *control_main(void *opaque)
{
    Scene *s = opaque;

    guest_smmu_command(&s->s->commands, s->command, s->operand);
    smmu_test_sync(s->s);
    g_atomic_int_set(&s->done, 1);
    return NULL;
}

/* Hold a walker where it reads word @index, make that word @after, and
 * invalidate by a command: then IOVA must lead to @to. */
static void overtake(Scene *s, unsigned index, uint64_t at, uint64_t after,
                     uint64_t command, uint64_t operand, uint64_t to)
{
    GThread *walker, *control;

    s->held = s->release = s->done = 0;
    s->command = command;
    s->operand = operand;
    __atomic_store_n(&s->hold, at, __ATOMIC_RELEASE);
    walker = g_thread_new("walker", walker_main, s);
    while (!g_atomic_int_get(&s->held)) {
        g_usleep(50);
    }
    __atomic_store_n(&s->words[index], after, __ATOMIC_RELEASE);
    control = g_thread_new("control", control_main, s);
    g_usleep(20000);
    g_atomic_int_set(&s->release, 1);
    g_thread_join(walker);
    g_thread_join(control);
    g_assert_true(g_atomic_int_get(&s->done));
    for (unsigned i = 0; i < 2; i++) {
        walker_main(s);
        g_assert_cmphex(s->result, ==, to);
    }
}

static Scene *scene_new(unsigned kind)
{
    Scene *s = g_new0(Scene, 1);
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    s->s = smmu_test_new(&config, kind);
    s->s->f->outside_read = outside_read;
    s->s->f->outside_opaque = s;
    return s;
}

static void scene_free(Scene *s)
{
    smmu_test_free(s->s);
    g_free(s);
}

/* The last table of either stage: each TLBI. */
static void test_overtaken_page(void)
{
    static const struct { unsigned kind; uint64_t command; } cases[] = {
        { SMMUV3_S1, 0x12 | TAGS }, { SMMUV3_S1, 0x13 | TAGS },
        { SMMUV3_S1, 0x11 | TAGS }, { SMMUV3_S1, 0x10 | TAGS },
        { SMMUV3_S1, 0x30 }, { SMMUV3_S2, 0x2a | TAGS },
        { SMMUV3_S2, 0x28 | TAGS }, { SMMUV3_S2, 0x30 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        bool one = cases[i].kind == SMMUV3_S1;
        uint64_t attributes = (one ? SMMUV3_PAGE_S1 : SMMUV3_PAGE_S2) | 3;
        Scene *s = scene_new(cases[i].kind);
        GuestTables *t = one ? &s->s->s1 : &s->s->s2;

        guest_write64(&s->s->f->mem, guest_tables_entry(t, IOVA, 2),
                      OUTSIDE | 3);
        s->words[1] = 0x5000 | attributes;
        overtake(s, 1, OUTSIDE + 8, 0x8000 | attributes, cases[i].command,
                 IOVA, 0x8000);
        scene_free(s);
    }
}

/* The context descriptor: a new table, with a new ASID so that only the
 * descriptor is stale. */
static void test_overtaken_config(void)
{
    Scene *s = scene_new(SMMUV3_S1);
    GuestTables other;

    smmu_test_map(s->s, IOVA, 0x5000);
    g_assert_true(guest_tables_init(&other, s->s->alloc, 12, 48, 0));
    g_assert_true(guest_tables_map(&other, IOVA, 0x8000, 3, SMMUV3_PAGE_S1));
    guest_cd_encode(&s->s->cd, s->words);
    s->s->ste.cd_table = OUTSIDE;
    smmu_test_put_ste(s->s);
    /* TTB1 stays off; all of the descriptor is read before it is held. */
    s->words[1] = other.ttb;
    overtake(s, 0, OUTSIDE, s->words[0] ^ UINT64_C(1) << 48,
             0x05 | (uint64_t)SMMU_TEST_SID << 32, 1, 0x8000);
    /* And one that is made bad meanwhile. */
    guest_smmu_command(&s->s->commands, 0x04, 31);
    smmu_test_sync(s->s);
    overtake(s, 0, OUTSIDE, 0, 0x06 | (uint64_t)SMMU_TEST_SID << 32, 0, 0);
    scene_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/smmu-threads/stage1", GUINT_TO_POINTER(SMMUV3_S1),
                         test_no_stale_use);
    g_test_add_data_func("/smmu-threads/nested",
                         GUINT_TO_POINTER(SMMUV3_NESTED), test_no_stale_use);
    g_test_add_func("/smmu-threads/overtaken-page", test_overtaken_page);
    g_test_add_func("/smmu-threads/overtaken-config", test_overtaken_config);
    return g_test_run();
}
