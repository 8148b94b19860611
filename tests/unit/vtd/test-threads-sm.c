/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * As the first of test-threads, for first-stage and nested translation with a
 * PASID: each address has a page that says which address it belongs to, and
 * a page that was taken away is poisoned after the guest's wait.
 */
#include "tests/lib/unit/poison.h"
#include "tests/lib/unit/scalable.h"

#define ENDPOINTS   2
#define ADDRESSES   8
#define IPA         UINT64_C(0x4000000000)  /* nested, by 4 KiB pages */
#define PASID       0x1234u

typedef struct World {
    Scalable *s;
    bool nested;
    GuestFs roots[2];           /* both map the same */
    Poison p;
} World;

/* Two pages of one table, two of a second, and so on. */
static uint64_t va(unsigned i)
{
    return UINT64_C(0x7f0000000000) + ((uint64_t)(i / 2) << 21 |
                                       (uint64_t)(i % 2) << 12);
}

static ViommuStatus translate(PoisonEndpoint *e, unsigned i, GRand *rand,
                              ViommuReply *reply)
{
    ViommuRequest req = {
        .source = SM_SOURCE, .pasid = PASID, .addr = va(i),
        .access = g_rand_int(rand) % 4 ? VIOMMU_READ : VIOMMU_WRITE,
    };

    return viommu_translate(e->p->f->unit, &req, reply);
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
    poison_init(&w->p, w->s->f, ADDRESSES);
    for (unsigned i = 0; i < ADDRESSES; i++) {
        map(w, i, w->p.page_of[i]);
    }
}

static void test_no_stale_use(gconstpointer data)
{
    unsigned rounds = 1000 * fixture_scale();
    PoisonEndpoint e[ENDPOINTS];
    World w;

    world_init(&w, GPOINTER_TO_INT(data) != 0);
    for (unsigned k = 0; k < ENDPOINTS; k++) {
        e[k] = (PoisonEndpoint) {
            .p = &w.p, .translate = translate, .reads = 10, .yields = true,
            .seed = (guint32)g_test_rand_int(),
        };
        poison_start(&e[k]);
    }
    poison_wait(&w.p.uses, 100);
    for (unsigned r = 0; r < rounds; r++) {
        unsigned i = (unsigned)g_test_rand_int_range(0, ADDRESSES);
        uint64_t page = poison_move(&w.p, i);

        map(&w, i, page);
        invalidate(&w, (unsigned)g_test_rand_int_range(0, 5), i);
        poison_moved(&w.p, i, page);
        if (r % 8 == 0) {
            switch_root(&w, r / 8 % 2);
        }
        poison_wait(&w.p.uses, 20);
    }
    poison_stop(&w.p, e, ENDPOINTS);
    g_test_message("%u moves, %u uses", rounds, w.p.uses);
    poison_check(&w.p);
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
