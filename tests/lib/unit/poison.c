/* SPDX-License-Identifier: BSD-3-Clause */
#include "poison.h"

#include <string.h>

#define PAGE UINT64_C(4096)

bool poison_has(const Poison *p, uint64_t page)
{
    return page >= POISON_DATA &&
           page < POISON_DATA + (p->addresses + POISON_SPARES) * PAGE;
}

uint64_t *poison_word(const Poison *p, uint64_t page)
{
    return (uint64_t *)(void *)(p->f->ram.host + page);
}

void poison_init(Poison *p, Fixture *f, unsigned addresses)
{
    *p = (Poison) { .f = f, .addresses = addresses };
    g_assert_cmpuint(addresses, <=, POISON_ADDRESSES);
    for (unsigned i = 0; i < addresses; i++) {
        p->page_of[i] = POISON_DATA + i * PAGE;
        *poison_word(p, p->page_of[i]) = i;
    }
    for (unsigned i = 0; i < POISON_SPARES; i++) {
        p->spare[i] = POISON_DATA + (addresses + i) * PAGE;
        *poison_word(p, p->spare[i]) = POISON;
    }
}

uint64_t poison_move(Poison *p, unsigned i)
{
    uint64_t page = p->spare[0];

    memmove(&p->spare[0], &p->spare[1],
            (POISON_SPARES - 1) * sizeof(p->spare[0]));
    __atomic_store_n(poison_word(p, page), i, __ATOMIC_RELEASE);
    return page;
}

void poison_moved(Poison *p, unsigned i, uint64_t page)
{
    uint64_t old = p->page_of[i];

    __atomic_store_n(poison_word(p, old), POISON, __ATOMIC_RELEASE);
    p->page_of[i] = page;
    p->spare[POISON_SPARES - 1] = old;
}

void poison_count(unsigned *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

void poison_wait(unsigned *counter, unsigned n)
{
    unsigned from = __atomic_load_n(counter, __ATOMIC_SEQ_CST);
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) - from < n) {
        if (g_get_monotonic_time() > end) {
            g_error("an endpoint's thread makes no progress");
        }
        g_usleep(50);
    }
}

/* Use a page for a while, as a device does in a burst. */
static void use(Poison *p, unsigned i, uint64_t page, int reads, GRand *rand)
{
    while (reads--) {
        uint64_t word = __atomic_load_n(poison_word(p, page),
                                        __ATOMIC_ACQUIRE);

        poison_count(&p->uses);
        if (word == POISON) {
            poison_count(&p->stale);
        } else if (word != i) {
            poison_count(&p->strange);
        }
        if (g_rand_int(rand) % 64 == 0) {
            g_thread_yield();
        }
    }
}

static void *endpoint_main(void *opaque)
{
    PoisonEndpoint *e = opaque;
    Poison *p = e->p;
    GRand *rand = g_rand_new_with_seed(e->seed);

    while (!g_atomic_int_get(&p->stop)) {
        unsigned i = (unsigned)g_rand_int(rand) % p->addresses;
        int reads = g_rand_int_range(rand, 1, e->reads + 1);
        ViommuReply reply;

        viommu_dma_begin();
        if (e->translate(e, i, rand, &reply) != VIOMMU_OK) {
            poison_count(&p->denied);
        } else if (!poison_has(p, reply.addr)) {
            poison_count(&p->strange);
        } else {
            use(p, i, reply.addr, reads, rand);
        }
        viommu_dma_end();
        poison_count(&e->sections);
        if (e->yields) {
            g_thread_yield();
        }
    }
    g_rand_free(rand);
    return NULL;
}

void poison_start(PoisonEndpoint *e)
{
    e->thread = g_thread_new("endpoint", endpoint_main, e);
}

void poison_stop(Poison *p, PoisonEndpoint *e, unsigned n)
{
    g_atomic_int_set(&p->stop, 1);
    for (unsigned i = 0; i < n; i++) {
        g_thread_join(e[i].thread);
    }
}

void poison_check(const Poison *p)
{
    g_assert_cmpuint(p->stale, ==, 0);
    g_assert_cmpuint(p->strange, ==, 0);
    g_assert_cmpuint(p->denied, ==, 0);
}
