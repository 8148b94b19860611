/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An embedder with accesses outside of DMA sections: no invalidation completes
 * while they go on, and none is forgotten.
 */
#include "tests/lib/unit/fixture.h"

#define SOURCE 0x0120
#define DOMAIN 7
/* The embedder says "no" so often. */
#define ROUNDS 5

static Fixture *start(void)
{
    ViommuVtdConfig config;
    Simple simple;
    Fixture *f;

    fixture_config(&config);
    f = fixture_new(&config);
    fixture_simple(f, &simple, SOURCE, DOMAIN, 4);
    fixture_wait(f);
    f->asked = 0;
    return f;
}

static unsigned invalidations(Fixture *f)
{
    unsigned n = f->invalidations->len;

    g_array_set_size(f->invalidations, 0);
    return n;
}

static bool wait_drained(Fixture *f)
{
    g_assert_false(guest_queue_done(&f->queue));
    return f->asked > ROUNDS;
}

/* [VTD 6.5] */
static void test_wait(void)
{
    Fixture *f = start();

    fixture_wait(f);
    /* nothing was invalidated */
    g_assert_cmpuint(f->asked, ==, 0);

    invalidations(f);
    f->drained = wait_drained;
    guest_queue_iotlb(&f->queue, SPEC_GRAN_DOMAIN, DOMAIN, 0, 0, false);
    fixture_wait(f);
    g_assert_cmpuint(f->asked, ==, ROUNDS + 1);
    g_assert_cmpuint(invalidations(f), ==, 1);
    /* once is enough */
    fixture_wait(f);
    g_assert_cmpuint(f->asked, ==, ROUNDS + 1);
    fixture_free(f);
}

static bool ccmd_drained(Fixture *f)
{
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_CCMD) & SPEC_CCMD_ICC, !=, 0);
    return f->asked > ROUNDS;
}

static bool iotlb_drained(Fixture *f)
{
    uint64_t iotlb = guest_iva_offset(&f->regs) + SPEC_IOTLB_FROM_IRO;

    g_assert_cmphex(guest_reg64(&f->regs, iotlb) & SPEC_IOTLB_IVT, !=, 0);
    return f->asked > ROUNDS;
}

/* [VTD 6.5.1] */
static void test_registers(void)
{
    Fixture *f = start();

    invalidations(f);
    f->drained = ccmd_drained;
    g_assert_true(guest_ccmd(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, NULL));
    g_assert_cmpuint(f->asked, ==, ROUNDS + 1);
    g_assert_cmpuint(invalidations(f), ==, 1);

    f->asked = 0;
    f->drained = iotlb_drained;
    g_assert_true(guest_iotlb(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false,
                              NULL));
    g_assert_cmpuint(f->asked, ==, ROUNDS + 1);
    g_assert_cmpuint(invalidations(f), ==, 1);
    /* the same command again is a new one */
    for (unsigned i = 0; i < 2; i++) {
        f->asked = 0;
        g_assert_true(guest_iotlb(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false,
                                  NULL));
        g_assert_cmpuint(invalidations(f), ==, 1);
    }
    fixture_free(f);
}

/* The queue is switched off while a wait is put off: QIES stays until what the
 * queue has invalidated is used no more. */
static bool off_drained(Fixture *f)
{
    if (f->asked == 1) {
        guest_set_reg32(&f->regs, SPEC_GCMD, SPEC_GCMD_TE);
    }
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_GSTS) & SPEC_GSTS_QIES, !=, 0);
    return f->asked > ROUNDS;
}

static void test_switched_off(void)
{
    Fixture *f = start();

    f->drained = off_drained;
    guest_queue_iotlb(&f->queue, SPEC_GRAN_DOMAIN, DOMAIN, 0, 0, false);
    g_assert_false(guest_queue_wait(&f->queue));
    g_assert_cmpuint(f->asked, ==, ROUNDS + 1);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_GSTS) & SPEC_GSTS_QIES, ==, 0);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_IQH), ==, 0);
    f->drained = NULL;
    g_assert_true(guest_queue_init(&f->queue, &f->alloc, &f->regs, 0));
    fixture_wait(f);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/drained/wait", test_wait);
    g_test_add_func("/drained/registers", test_registers);
    g_test_add_func("/drained/switched-off", test_switched_off);
    return g_test_run();
}
