/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Endpoints that do not answer invalidation requests, or answer ones that
 * nobody made [VTD 6.5.2.10].
 */
#include "tests/lib/unit/fixture.h"

#define SOURCE 0x0120

static Fixture *start(void)
{
    ViommuVtdConfig config;
    Fixture *f;

    fixture_config(&config);
    config.device_iotlb = true;
    f = fixture_new(&config);
    g_assert_true(guest_queue_init(&f->queue, &f->alloc, &f->regs, 0));
    g_assert_true(guest_queue_wait(&f->queue));
    return f;
}

static uint32_t fsts(Fixture *f)
{
    return guest_reg32(&f->regs, SPEC_FSTS);
}

static void test_answered(void)
{
    Fixture *f = start();
    const ViommuInvalidation *inv;

    fixture_forget(f);
    g_array_set_size(f->invalidations, 0);
    guest_queue_devtlb(&f->queue, SOURCE, 0x40000, 0x4000);
    g_assert_true(guest_queue_wait(&f->queue));
    g_assert_cmphex(fsts(f), ==, 0);
    g_assert_cmpuint(f->invalidations->len, ==, 1);
    inv = &g_array_index(f->invalidations, ViommuInvalidation, 0);
    g_assert_cmpint(inv->what, ==, VIOMMU_INV_DEVTLB);
    g_assert_cmphex(inv->source, ==, SOURCE);
    g_assert_cmphex(inv->addr, ==, 0x40000);
    g_assert_cmphex(inv->size, ==, 0x4000);
    fixture_free(f);
}

/* The wait behind the request is dropped, and the queue stands still. */
static void test_timeout(void)
{
    Fixture *f = start();
    uint64_t iqh;

    guest_set_reg32(&f->regs, SPEC_FEADDR, 0xfee01000);
    guest_set_reg32(&f->regs, SPEC_FEDATA, 0x41);
    guest_set_reg32(&f->regs, SPEC_FECTL, 0);
    fixture_forget(f);
    g_atomic_int_set(&f->device_silent, 1);
    guest_queue_devtlb(&f->queue, SOURCE, 0, 4096);
    guest_queue_devtlb(&f->queue, SOURCE + 8, 0, 4096);
    g_assert_false(guest_queue_wait(&f->queue));
    g_assert_cmphex(fsts(f) & SPEC_FSTS_ITE, ==, SPEC_FSTS_ITE);
    g_assert_cmphex((guest_reg64(&f->regs, SPEC_IQERCD) &
                     SPEC_IQERCD_ITESID) >> SPEC_IQERCD_ITESID_SHIFT, ==,
                    SOURCE);
    g_assert_cmpuint(fixture_msis(f), ==, 1);
    g_assert_cmphex(fixture_msi(f, 0).addr, ==, 0xfee01000);

    /* later descriptors wait until software has cleared the error */
    g_atomic_int_set(&f->device_silent, 0);
    iqh = guest_reg64(&f->regs, SPEC_IQH);
    g_assert_cmphex(iqh, ==, guest_reg64(&f->regs, SPEC_IQT));
    g_assert_false(guest_queue_wait(&f->queue));
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_IQH), ==, iqh);
    guest_set_reg32(&f->regs, SPEC_FSTS, SPEC_FSTS_ITE);
    g_assert_true(guest_queue_done(&f->queue));
    g_assert_cmphex(fsts(f), ==, 0);
    fixture_free(f);
}

static void test_unexpected_completion(void)
{
    Fixture *f = start();

    viommu_unexpected_completion(f->unit, SOURCE);
    g_assert_cmphex(fsts(f), ==, SPEC_FSTS_ICE);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_IQERCD) >>
                    SPEC_IQERCD_ICESID_SHIFT, ==, SOURCE);
    /* the queue goes on */
    g_assert_true(guest_queue_wait(&f->queue));
    guest_set_reg32(&f->regs, SPEC_FSTS, SPEC_FSTS_ICE);
    g_assert_cmphex(fsts(f), ==, 0);
    fixture_free(f);
}

/* A reset forgets a time-out that no wait descriptor has met. */
static void test_reset(void)
{
    Fixture *f = start();

    g_atomic_int_set(&f->device_silent, 1);
    guest_queue_devtlb(&f->queue, SOURCE, 0, 4096);
    guest_queue_ring(&f->queue);
    viommu_reset(f->unit);
    g_atomic_int_set(&f->device_silent, 0);
    g_assert_true(guest_queue_init(&f->queue, &f->alloc, &f->regs, 0));
    g_assert_true(guest_queue_wait(&f->queue));
    g_assert_cmphex(fsts(f), ==, 0);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/device-tlb/answered", test_answered);
    g_test_add_func("/device-tlb/time-out", test_timeout);
    g_test_add_func("/device-tlb/unexpected-completion",
                    test_unexpected_completion);
    g_test_add_func("/device-tlb/reset", test_reset);
    return g_test_run();
}
