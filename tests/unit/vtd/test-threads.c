/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Endpoints on their own threads, against a control thread that changes
 * tables and invalidates; see poison.h.
 */
#include "tests/lib/unit/poison.h"

#define ENDPOINTS   3
#define ADDRESSES   16
#define SOURCE      0x0100

typedef struct World {
    Poison p;
    Fixture *f;
    Simple s;
} World;

/* Two 4 KiB pages of one table, two of a second, and so on. */
static uint64_t iova(unsigned i)
{
    return (uint64_t)(i / 4) << 21 | (uint64_t)(i % 4) << 12;
}

static ViommuStatus translate(PoisonEndpoint *e, unsigned i, GRand *rand,
                              ViommuReply *reply)
{
    ViommuRequest req = {
        .source = e->source, .pasid = VIOMMU_NO_PASID, .addr = iova(i),
        .access = VIOMMU_READ,
    };

    (void)rand;
    return viommu_translate(e->p->f->unit, &req, reply);
}

static void world_init(World *w, bool caching_mode)
{
    ViommuVtdConfig config;

    fixture_config(&config);
    config.caching_mode = caching_mode;
    config.iotlb_bits = 6;
    w->f = fixture_new(&config);
    fixture_simple(w->f, &w->s, SOURCE, 1, 4);
    for (unsigned i = 1; i < ENDPOINTS; i++) {
        GuestContext ctx = { .levels = 4, .domain = 1, .table = w->s.table };

        g_assert_true(guest_context_set(&w->f->alloc, w->s.root,
                                        (uint16_t)(SOURCE + i), &ctx));
    }
    guest_queue_context(&w->f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    fixture_wait(w->f);
    poison_init(&w->p, w->f, ADDRESSES);
    for (unsigned i = 0; i < ADDRESSES; i++) {
        g_assert_true(guest_ss_map(&w->f->alloc, w->s.table, 4, iova(i),
                                   w->p.page_of[i], 1,
                                   SPEC_SS_R | SPEC_SS_W));
    }
    guest_queue_iotlb(&w->f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    fixture_wait(w->f);
}

static void endpoint_start(World *w, PoisonEndpoint *e, uint16_t source,
                           guint32 seed)
{
    *e = (PoisonEndpoint) {
        .p = &w->p, .source = source, .translate = translate, .reads = 20,
        .seed = seed,
    };
    poison_start(e);
}

static void endpoints_start(World *w, PoisonEndpoint *e)
{
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        endpoint_start(w, &e[i], (uint16_t)(SOURCE + i),
                       (guint32)g_test_rand_int());
    }
    /* a busy host may take its time to start them */
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        poison_wait(&e[i].sections, 10);
    }
}

/* The ways to invalidate one page, narrow to broad. */
static void invalidate(World *w, unsigned way, uint64_t addr)
{
    Fixture *f = w->f;

    switch (way) {
    case 0:
        guest_queue_iotlb(&f->queue, SPEC_GRAN_PAGE, 1, addr, 0, true);
        fixture_wait_long(w->f);
        break;
    case 1:
        guest_queue_iotlb(&f->queue, SPEC_GRAN_PAGE, 1,
                          addr & ~UINT64_C(0x3fff), 2, false);
        fixture_wait_long(w->f);
        break;
    case 2:
        guest_queue_iotlb(&f->queue, SPEC_GRAN_DOMAIN, 1, 0, 0, false);
        fixture_wait_long(w->f);
        break;
    case 3:
        guest_queue_iotlb(&f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
        fixture_wait_long(w->f);
        break;
    case 4:
        g_assert_true(guest_iotlb(&f->regs, SPEC_GRAN_PAGE, 1, addr, 0, true,
                                  NULL));
        break;
    case 5:
        g_assert_true(guest_iotlb(&f->regs, SPEC_GRAN_DOMAIN, 1, 0, 0, false,
                                  NULL));
        break;
    default:
        g_assert_true(guest_iotlb(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false,
                                  NULL));
        break;
    }
}

/*
 * Give address @i another page.  With @table, the last-level table is
 * replaced by a copy, too, so that the upper entry changes.
 */
static void move(World *w, unsigned i, bool table)
{
    Fixture *f = w->f;
    uint64_t page = poison_move(&w->p, i);
    uint64_t spare_table = 0;

    if (table) {
        uint64_t upper = guest_ss_entry(&f->alloc, w->s.table, 4, iova(i), 2);
        uint64_t now = guest_read64(&f->mem, upper) & SPEC_SS_ADDR;

        spare_table = guest_alloc_pages(&f->alloc, 1);
        g_assert_cmpuint(spare_table, !=, 0);
        for (unsigned k = 0; k < 4; k++) {
            guest_write64(&f->mem, spare_table + k * 8,
                          guest_read64(&f->mem, now + k * 8));
        }
        guest_write64(&f->mem, spare_table + (i % 4) * 8,
                      page | SPEC_SS_R | SPEC_SS_W);
        guest_write64(&f->mem, upper, spare_table | SPEC_SS_R | SPEC_SS_W);
        guest_queue_iotlb(&f->queue, SPEC_GRAN_PAGE, 1,
                          iova(i) & ~UINT64_C(0x1fffff), 9, false);
        fixture_wait_long(w->f);
        /* nobody may walk through the old table any more */
        for (unsigned k = 0; k < 4; k++) {
            guest_write64(&f->mem, now + k * 8,
                          (POISON_DATA - 4096) | SPEC_SS_R | SPEC_SS_W);
        }
    } else {
        g_assert_true(guest_ss_map(&f->alloc, w->s.table, 4, iova(i), page, 1,
                                   SPEC_SS_R | SPEC_SS_W));
        invalidate(w, (unsigned)g_test_rand_int_range(0, 7), iova(i));
    }
    poison_moved(&w->p, i, page);
}

static void test_no_stale_use(const void *data)
{
    World w;
    PoisonEndpoint e[ENDPOINTS];
    unsigned rounds = 300 * fixture_scale();

    world_init(&w, GPOINTER_TO_INT(data) != 0);
    endpoints_start(&w, e);
    for (unsigned i = 0; i < rounds; i++) {
        bool table = i % 8 == 0 && w.f->alloc.end - w.f->alloc.next > 65536;

        move(&w, (unsigned)g_test_rand_int_range(0, ADDRESSES), table);
        if (i % 16 == 0) {
            for (unsigned k = 0; k < ENDPOINTS; k++) {
                poison_wait(&e[k].sections, 1);
            }
        }
    }
    poison_stop(&w.p, e, ENDPOINTS);
    g_test_message("%u moves, %u uses", rounds, w.p.uses);
    poison_check(&w.p);
    /* each section that was waited for has used its page */
    g_assert_cmpuint(w.p.uses, >=, (rounds + 15) / 16 * ENDPOINTS);
    fixture_free(w.f);
}

/* The same for a context entry: an endpoint moves between two domains. */
static void test_context_moves(void)
{
    World w;
    PoisonEndpoint e;
    Fixture *f;
    uint64_t tables[2];
    unsigned rounds = 100 * fixture_scale(), now = 0;

    world_init(&w, false);
    f = w.f;
    tables[0] = w.s.table;
    tables[1] = guest_ss_new(&f->alloc);
    /* the second domain has the same addresses at other pages */
    for (unsigned i = 0; i < ADDRESSES; i++) {
        uint64_t page = POISON_DATA +
                        (ADDRESSES + POISON_SPARES + i) * UINT64_C(4096);

        *poison_word(&w.p, page) = i;
        g_assert_true(guest_ss_map(&f->alloc, tables[1], 4, iova(i), page, 1,
                                   SPEC_SS_R));
    }
    /* only to count: these other pages are "strange" */
    endpoint_start(&w, &e, SOURCE, 0);
    poison_wait(&e.sections, 10);
    for (unsigned r = 0; r < rounds; r++) {
        uint64_t at = guest_context_addr(&f->alloc, w.s.root, SOURCE);
        unsigned strange;

        now ^= 1;
        /* one word at a time: the domain stays, the table changes */
        guest_write64(&f->mem, at, tables[now] | SPEC_CTX_P);
        guest_queue_context(&f->queue, SPEC_GRAN_DEVICE, 1, SOURCE, 0);
        guest_queue_iotlb(&f->queue, SPEC_GRAN_DOMAIN, 1, 0, 0, false);
        fixture_wait_long(f);
        /* from here on each use is of the new domain */
        strange = __atomic_load_n(&w.p.strange, __ATOMIC_SEQ_CST);
        if (now == 0) {
            poison_wait(&e.sections, 3);
            g_assert_cmpuint(__atomic_load_n(&w.p.strange, __ATOMIC_SEQ_CST),
                             ==, strange);
        }
    }
    poison_stop(&w.p, &e, 1);
    g_assert_cmpuint(w.p.stale, ==, 0);
    g_assert_cmpuint(w.p.denied, ==, 0);
    fixture_free(w.f);
}

/*
 * The first translation of a page size, while its first invalidation runs.
 * Whoever keeps account of what sizes there are must not lose this one; only a
 * fresh unit has a first time, so there are many of them.
 */
typedef struct First {
    Fixture *f;
    uint64_t iova;
    uint64_t *old_word;
    uint64_t old_page;
    int go, stop;
    unsigned sections, stale;
} First;

static void *first_main(void *opaque)
{
    First *t = opaque;
    ViommuRequest req = {
        .source = SOURCE, .pasid = VIOMMU_NO_PASID, .addr = t->iova,
        .access = VIOMMU_READ,
    };

    while (!g_atomic_int_get(&t->go)) {
    }
    while (!g_atomic_int_get(&t->stop)) {
        ViommuReply reply;

        viommu_dma_begin();
        if (viommu_translate(t->f->unit, &req, &reply) == VIOMMU_OK &&
            reply.addr == t->old_page &&
            __atomic_load_n(t->old_word, __ATOMIC_ACQUIRE) == POISON) {
            poison_count(&t->stale);
        }
        viommu_dma_end();
        poison_count(&t->sections);
    }
    return NULL;
}

static void test_first_use(void)
{
    unsigned rounds = 120 * fixture_scale();

    for (unsigned r = 0; r < rounds; r++) {
        First t = { .iova = UINT64_C(0x40000000) };
        ViommuVtdConfig config;
        unsigned leaf = 1 + r % 2;
        Simple s;
        GThread *thread;
        volatile unsigned spin = (unsigned)g_test_rand_int_range(0, 3000);

        fixture_config(&config);
        config.iotlb_bits = 4;
        t.f = fixture_new(&config);
        fixture_simple(t.f, &s, SOURCE, 1, 4);
        t.old_page = UINT64_C(2) << 20;
        t.old_word = (uint64_t *)(void *)(t.f->ram.host + t.old_page);
        g_assert_true(guest_ss_map(&t.f->alloc, s.table, 4, t.iova,
                                   t.old_page, leaf, SPEC_SS_R));
        thread = g_thread_new("first", first_main, &t);
        g_atomic_int_set(&t.go, 1);
        while (spin) {
            spin--;
        }
        g_assert_true(guest_ss_map(&t.f->alloc, s.table, 4, t.iova,
                                   UINT64_C(4) << 20, leaf, SPEC_SS_R));
        g_assert_true(guest_iotlb(&t.f->regs, SPEC_GRAN_PAGE, 1, t.iova,
                                  9 * (leaf - 1), true, NULL));
        __atomic_store_n(t.old_word, POISON, __ATOMIC_RELEASE);
        poison_wait(&t.sections, 3);
        g_atomic_int_set(&t.stop, 1);
        g_thread_join(thread);
        g_assert_cmpuint(t.stale, ==, 0);
        fixture_free(t.f);
    }
}

/* An endpoint writes the tail register itself, inside its DMA section. */
static void test_wait_in_section(void)
{
    World w;
    Fixture *f;

    world_init(&w, false);
    f = w.f;
    viommu_dma_begin();
    viommu_dma_begin();
    f->queue.sequence++;
    guest_queue_iotlb(&f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    guest_queue_push(&f->queue,
                     SPEC_INV_WAIT | SPEC_INV_WAIT_SW |
                         (uint64_t)f->queue.sequence <<
                             SPEC_INV_WAIT_DATA_SHIFT,
                     f->queue.status);
    viommu_mmio_write(f->unit, SPEC_IQT, f->queue.tail, 8);
    g_assert_false(guest_queue_done(&f->queue));
    (void)viommu_mmio_read(f->unit, SPEC_IQH, 8);
    viommu_dma_end();
    g_assert_false(guest_queue_done(&f->queue));
    viommu_dma_end();
    g_assert_true(g_atomic_int_get(&f->run_wanted));
    fixture_run(f);
    g_assert_true(guest_queue_done(&f->queue));
    fixture_free(f);
}

/* --- Everything at once -------------------------------------------------- */

static void *watcher_main(void *opaque)
{
    World *w = opaque;
    Fixture *f = w->f;

    while (!g_atomic_int_get(&w->p.stop)) {
        ViommuStats stats;
        GString *text = g_string_new(NULL);
        GBytes *stream = viommu_save(f->unit);
        uint32_t domain;

        viommu_get_stats(f->unit, &stats);
        viommu_dump(f->unit, text);
        viommu_source_domain(f->unit, SOURCE, &domain);
        (void)viommu_mmio_read(f->unit, SPEC_FSTS, 4);
        g_string_free(text, TRUE);
        g_bytes_unref(stream);
        g_thread_yield();
    }
    return NULL;
}

/* Nothing to compare: the process lives, and a thread checker is content. */
static void test_storm(void)
{
    World w;
    PoisonEndpoint e[ENDPOINTS];
    GThread *watcher;
    unsigned rounds = 150 * fixture_scale();

    world_init(&w, true);
    endpoints_start(&w, e);
    watcher = g_thread_new("watcher", watcher_main, &w);
    for (unsigned i = 0; i < rounds; i++) {
        Fixture *f = w.f;
        unsigned at = (unsigned)g_test_rand_int_range(0, ADDRESSES);

        switch (g_test_rand_int_range(0, 8)) {
        case 0:
            fixture_set_ram(f);
            break;
        case 1:
            guest_command(&f->regs, 0, SPEC_GCMD_TE);
            guest_command(&f->regs, SPEC_GCMD_TE, 0);
            break;
        case 2:
            /* faults, recorded by several threads */
            guest_ss_unmap(&f->alloc, w.s.table, 4, iova(at), 1);
            invalidate(&w, 4, iova(at));
            g_thread_yield();
            guest_ss_map(&f->alloc, w.s.table, 4, iova(at), w.p.page_of[at], 1,
                         SPEC_SS_R | SPEC_SS_W);
            invalidate(&w, 5, 0);
            break;
        case 3:
            for (unsigned k = 0; k < 8; k++) {
                guest_set_reg64(&f->regs, guest_frcd_offset(&f->regs, k) + 8,
                                SPEC_FRCD_HI_F);
            }
            guest_set_reg32(&f->regs, SPEC_FSTS, SPEC_FSTS_PFO);
            guest_set_reg32(&f->regs, SPEC_FECTL,
                            i & 1 ? (uint32_t)SPEC_ECTL_IM : 0);
            break;
        case 4:
            guest_set_root(&f->regs, w.s.root);
            break;
        case 5: {
            GBytes *stream = viommu_save(f->unit);

            g_assert_true(viommu_load(f->unit,
                                      g_bytes_get_data(stream, NULL),
                                      g_bytes_get_size(stream), NULL));
            fixture_run(f);
            g_bytes_unref(stream);
            break;
        }
        default:
            move(&w, at, false);
            break;
        }
    }
    poison_stop(&w.p, e, ENDPOINTS);
    g_thread_join(watcher);
    g_assert_cmpuint(w.p.stale, ==, 0);
    fixture_free(w.f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/threads/no-stale-use/plain", GINT_TO_POINTER(0),
                         test_no_stale_use);
    g_test_add_data_func("/threads/no-stale-use/caching-mode",
                         GINT_TO_POINTER(1), test_no_stale_use);
    g_test_add_func("/threads/context-moves", test_context_moves);
    g_test_add_func("/threads/first-use", test_first_use);
    g_test_add_func("/threads/wait-in-section", test_wait_in_section);
    g_test_add_func("/threads/storm", test_storm);
    return g_test_run();
}
