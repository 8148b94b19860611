/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * As the first of test-threads, for first-stage and nested translation with a
 * PASID: each address has a page that says which address it belongs to, and
 * a page that was taken away is poisoned after the guest's wait.
 */
#include <string.h>

#include "scalable.h"

#define ENDPOINTS   2
#define ADDRESSES   8
#define PAGES       (ADDRESSES + 4)
#define DATA        (UINT64_C(1) << 20)     /* guest-physical */
#define IPA         UINT64_C(0x4000000000)  /* nested, by 4 KiB pages */
#define POISON      UINT64_C(0xdeadbeefdeadbeef)
#define PASID       0x1234u

typedef struct World {
    Scalable *s;
    bool nested;
    GuestFs roots[2];           /* both map the same */
    int stop;                   /* atomic, as are all counters */
    unsigned uses, stale, strange, denied;
    uint64_t page_of[ADDRESSES];
    uint64_t spare[PAGES - ADDRESSES];
} World;

typedef struct Endpoint {
    World *w;
    guint32 seed;
    GThread *thread;
} Endpoint;

/* Two pages of one table, two of a second, and so on. */
static uint64_t va(unsigned i)
{
    return UINT64_C(0x7f0000000000) + ((uint64_t)(i / 2) << 21 |
                                       (uint64_t)(i % 2) << 12);
}

static uint64_t *word_of(World *w, uint64_t page)
{
    return (uint64_t *)(void *)(w->s->f->ram.host + page);
}

static void count(unsigned *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void *endpoint_main(void *opaque)
{
    Endpoint *e = opaque;
    World *w = e->w;
    GRand *rand = g_rand_new_with_seed(e->seed);

    while (!g_atomic_int_get(&w->stop)) {
        unsigned i = (unsigned)g_rand_int(rand) % ADDRESSES;
        unsigned reads = 1 + (unsigned)g_rand_int(rand) % 10;
        ViommuRequest req = {
            .source = SM_SOURCE, .pasid = PASID, .addr = va(i),
            .access = g_rand_int(rand) % 4 ? VIOMMU_READ : VIOMMU_WRITE,
        };
        ViommuReply reply;

        viommu_dma_begin();
        if (viommu_translate(w->s->f->unit, &req, &reply) != VIOMMU_OK) {
            count(&w->denied);
        } else if (reply.addr < DATA ||
                   reply.addr >= DATA + PAGES * UINT64_C(4096)) {
            count(&w->strange);
        } else {
            while (reads--) {
                uint64_t word = __atomic_load_n(word_of(w, reply.addr),
                                                __ATOMIC_ACQUIRE);

                count(&w->uses);
                if (word == POISON) {
                    count(&w->stale);
                } else if (word != i) {
                    count(&w->strange);
                }
            }
        }
        viommu_dma_end();
        g_thread_yield();
    }
    g_rand_free(rand);
    return NULL;
}

/* Where the first stage says that address @i is, @page in the end. */
static void map(World *w, unsigned i, uint64_t page)
{
    Scalable *s = w->s;
    uint64_t out = w->nested ? IPA + i * UINT64_C(4096) : page;

    for (unsigned k = 0; k < 2; k++) {
        g_assert_true(guest_fs_map(&w->roots[k], s->alloc, va(i), out, 1,
                                   SM_LEAF));
    }
    if (w->nested) {
        g_assert_true(guest_ss_map(s->alloc, s->ss, s->ss_levels, out, page,
                                   1, SPEC_SS_R | SPEC_SS_W));
    }
}

static void invalidate(World *w, unsigned way, unsigned i)
{
    GuestQueue *q = w->s->queue;

    switch (way) {
    case 0:
        guest_queue_iotlb(q, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
        break;
    case 1:
        guest_queue_iotlb(q, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
        break;
    case 2:
        if (w->nested) {
            guest_queue_iotlb(q, SPEC_GRAN_PAGE, SM_DOMAIN,
                              IPA + i * UINT64_C(4096), 0, false);
        } else {
            guest_queue_piotlb(q, SPEC_GRAN_DOMAIN, SM_DOMAIN, PASID, 0, 0,
                               false);
        }
        break;
    default:
        if (w->nested) {
            guest_queue_iotlb(q, SPEC_GRAN_PAGE, SM_DOMAIN,
                              IPA + i * UINT64_C(4096), 0, true);
        } else {
            guest_queue_piotlb(q, SPEC_GRAN_PAGE, SM_DOMAIN, PASID, va(i), 0,
                               way == 3);
        }
        break;
    }
    fixture_wait_long(w->s->f);
}

/* The PASID gets the other root, which maps the same. */
static void switch_root(World *w, unsigned to)
{
    Scalable *s = w->s;
    uint64_t at = guest_pasid_addr(s->alloc, s->dir, PASID);

    guest_write64(&s->f->mem, at + 16, w->roots[to].table + s->fs.bias);
    guest_queue_pasid_cache(s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            PASID);
    guest_queue_piotlb(s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, PASID, 0, 0,
                       false);
    fixture_wait_long(w->s->f);
}

static void world_init(World *w, bool nested)
{
    ViommuVtdConfig config;

    memset(w, 0, sizeof(*w));
    scalable_config(&config);
    config.iotlb_bits = 6;
    w->nested = nested;
    w->s = scalable_new(&config, nested ? SPEC_PGTT_NESTED : SPEC_PGTT_FIRST,
                        4, PASID);
    w->s->entry.flags0 = nested ? SPEC_PASID_SSADE : 0;
    scalable_put_pasid(w->s, PASID);
    scalable_flush(w->s);
    w->roots[0] = w->s->fs;
    g_assert_true(guest_fs_init(&w->roots[1], w->s->alloc, 4,
                                w->s->fs.bias));
    for (unsigned i = 0; i < PAGES; i++) {
        uint64_t page = DATA + i * UINT64_C(4096);

        if (i < ADDRESSES) {
            *word_of(w, page) = i;
            w->page_of[i] = page;
            map(w, i, page);
        } else {
            *word_of(w, page) = POISON;
            w->spare[i - ADDRESSES] = page;
        }
    }
}

/* Let the endpoints make @n uses. */
static void wait_uses(World *w, unsigned n)
{
    unsigned from = __atomic_load_n(&w->uses, __ATOMIC_SEQ_CST);
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    while (__atomic_load_n(&w->uses, __ATOMIC_SEQ_CST) - from < n) {
        if (g_get_monotonic_time() > end) {
            g_error("an endpoint's thread makes no progress");
        }
        g_thread_yield();
    }
}

static void test_no_stale_use(gconstpointer data)
{
    unsigned rounds = 1000 * fixture_scale(), last = PAGES - ADDRESSES - 1;
    Endpoint e[ENDPOINTS];
    World w;

    world_init(&w, GPOINTER_TO_INT(data) != 0);
    for (unsigned k = 0; k < ENDPOINTS; k++) {
        e[k] = (Endpoint) { &w, (guint32)g_test_rand_int(), NULL };
        e[k].thread = g_thread_new("endpoint", endpoint_main, &e[k]);
    }
    wait_uses(&w, 100);
    for (unsigned r = 0; r < rounds; r++) {
        unsigned i = (unsigned)g_test_rand_int_range(0, ADDRESSES);
        uint64_t old = w.page_of[i], page = w.spare[0];

        /* the page that was poisoned longest ago */
        memmove(&w.spare[0], &w.spare[1], last * sizeof(w.spare[0]));
        __atomic_store_n(word_of(&w, page), i, __ATOMIC_RELEASE);
        map(&w, i, page);
        invalidate(&w, (unsigned)g_test_rand_int_range(0, 5), i);
        __atomic_store_n(word_of(&w, old), POISON, __ATOMIC_RELEASE);
        w.page_of[i] = page;
        w.spare[last] = old;
        if (r % 8 == 0) {
            switch_root(&w, r / 8 % 2);
        }
        wait_uses(&w, 20);
    }
    g_atomic_int_set(&w.stop, 1);
    for (unsigned k = 0; k < ENDPOINTS; k++) {
        g_thread_join(e[k].thread);
    }
    g_test_message("%u moves, %u uses", rounds, w.uses);
    g_assert_cmpuint(w.stale, ==, 0);
    g_assert_cmpuint(w.strange, ==, 0);
    g_assert_cmpuint(w.denied, ==, 0);
    scalable_free(w.s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/threads-sm/first", GINT_TO_POINTER(0),
                         test_no_stale_use);
    g_test_add_data_func("/threads-sm/nested", GINT_TO_POINTER(1),
                         test_no_stale_use);
    return g_test_run();
}
