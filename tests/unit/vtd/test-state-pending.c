/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is under way when a VT-d unit is saved, loaded or reset: what the guest
 * is still to hear of goes on in the unit that takes the state, and nothing of
 * the one that was there does.
 */
#include <string.h>

#include "tests/lib/unit/blow.h"

#define SOURCE  0x0120
#define DOMAIN  7

static Fixture *vtd_start(void)
{
    ViommuVtdConfig config;
    Simple simple;
    Fixture *f;

    fixture_config(&config);
    f = fixture_new(&config);
    fixture_simple(f, &simple, SOURCE, DOMAIN, 4);
    fixture_wait(f);
    return f;
}

static unsigned invalidations(Fixture *f, ViommuInvalidationType what)
{
    unsigned n = 0;

    for (guint i = 0; i < f->invalidations->len; i++) {
        n += g_array_index(f->invalidations, ViommuInvalidation, i).what ==
             what;
    }
    g_array_set_size(f->invalidations, 0);
    return n;
}

static void enable_queue(Fixture *f)
{
    g_assert_true(guest_command(&f->regs, 0, SPEC_GCMD_QIE));
    guest_set_reg64(&f->regs, SPEC_IQT, 0);
    guest_set_reg64(&f->regs, SPEC_IQA, f->queue.addr);
    f->queue.tail = 0;
    g_assert_true(guest_command(&f->regs, SPEC_GCMD_QIE, 0));
}

/* A command that waits is not taken for the same one of another life. */
static void test_registers(gconstpointer opaque)
{
    Fixture *f = vtd_start();
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };

    test_stream_save(&blow.stream, f->unit);
    f->drained = blow_never;
    /* not through f->regs, which would run the unit until it is done */
    viommu_mmio_write(f->unit, SPEC_CCMD, SPEC_CCMD_ICC |
                      (uint64_t)SPEC_GRAN_GLOBAL << SPEC_CCMD_CIRG_SHIFT, 8);
    viommu_mmio_write(f->unit, 0xf8, SPEC_IOTLB_IVT |
                      (uint64_t)SPEC_GRAN_GLOBAL << SPEC_IOTLB_IIRG_SHIFT, 8);
    viommu_run(f->unit);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_CCMD) & SPEC_CCMD_ICC, !=, 0);
    g_assert_cmphex(guest_reg64(&f->regs, 0xf8) & SPEC_IOTLB_IVT, !=, 0);
    blow_strike(&blow, f->unit);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_CCMD), ==, 0);
    g_assert_cmphex(guest_reg64(&f->regs, 0xf8), ==, 0);
    f->drained = blow_always;
    fixture_run(f);
    invalidations(f, VIOMMU_INV_ALL);
    g_assert_true(guest_ccmd(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, NULL));
    g_assert_cmpuint(invalidations(f, VIOMMU_INV_CONTEXT), ==, 1);
    g_assert_true(guest_iotlb(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false,
                              NULL));
    g_assert_cmpuint(invalidations(f, VIOMMU_INV_IOTLB), ==, 1);
    test_stream_free(&blow.stream);
    fixture_free(f);
}

/* One that is carried out at this moment says nothing in the new life. */
static void test_struck_command(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Fixture *f = vtd_start();

    test_stream_save(&blow.stream, f->unit);
    f->outside_opaque = &blow;
    f->drained = blow_when_asked;
    guest_set_reg64(&f->regs, SPEC_CCMD, SPEC_CCMD_ICC |
                    (uint64_t)SPEC_GRAN_GLOBAL << SPEC_CCMD_CIRG_SHIFT);
    g_assert_cmpuint(blow.struck, ==, 1);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_CCMD), ==, 0);

    f->drained = blow_when_asked;
    guest_set_reg64(&f->regs, 0xf8, SPEC_IOTLB_IVT |
                    (uint64_t)SPEC_GRAN_GLOBAL << SPEC_IOTLB_IIRG_SHIFT);
    g_assert_cmpuint(blow.struck, ==, 2);
    g_assert_cmphex(guest_reg64(&f->regs, 0xf8), ==, 0);

    /* a wait of the old queue does not write into the new life's memory */
    enable_queue(f);
    f->drained = blow_when_asked;
    guest_queue_iotlb(&f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    g_assert_false(guest_queue_wait(&f->queue));
    g_assert_cmpuint(blow.struck, ==, 3);
    test_stream_free(&blow.stream);
    fixture_free(f);
}

/* Nor does an endpoint that was asked in the life before. */
static void test_struck_endpoint(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Fixture *f = vtd_start();

    test_stream_save(&blow.stream, f->unit);
    f->outside_opaque = &blow;
    f->devtlb = blow_in_endpoint;
    guest_queue_devtlb(&f->queue, SOURCE, 0x1000, 0x1000);
    guest_queue_ring(&f->queue);
    g_assert_cmpuint(blow.struck, ==, 1);
    f->devtlb = NULL;
    enable_queue(f);
    fixture_wait(f);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_FSTS), ==, 0);
    test_stream_free(&blow.stream);
    fixture_free(f);
}

/* The guest learns at its next wait that an endpoint did not answer. */
static void test_timeout(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Fixture *f = vtd_start(), *g = vtd_start();

    g_atomic_int_set(&f->device_silent, 1);
    guest_queue_devtlb(&f->queue, SOURCE, 0x1000, 0x1000);
    guest_queue_ring(&f->queue);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_FSTS), ==, 0);
    test_stream_save(&blow.stream, f->unit);
    memcpy(g->ram.host, f->ram.host, FIXTURE_RAM);
    if (blow.fate == LOAD) {
        test_stream_must_load(&blow.stream, g->unit);
        fixture_run(g);
        g->queue.tail = f->queue.tail;
        g_assert_false(guest_queue_wait(&g->queue));
        g_assert_cmphex(guest_reg32(&g->regs, SPEC_FSTS), ==, SPEC_FSTS_ITE);
        g_assert_cmphex((guest_reg64(&g->regs, SPEC_IQERCD) &
                         SPEC_IQERCD_ITESID) >> SPEC_IQERCD_ITESID_SHIFT, ==,
                        SOURCE);
        guest_set_reg32(&g->regs, SPEC_FSTS, SPEC_FSTS_ITE);
        fixture_wait(g);
    } else {
        viommu_reset(f->unit);
        enable_queue(f);
        fixture_wait(f);
    }
    test_stream_free(&blow.stream);
    fixture_free(f);
    fixture_free(g);
}

/* Everything was forgotten, so the next wait is for everybody. */
static void test_drained(gconstpointer opaque)
{
    Blow blow = { .fate = GPOINTER_TO_UINT(opaque) };
    Fixture *f = vtd_start();

    test_stream_save(&blow.stream, f->unit);
    blow_strike(&blow, f->unit);
    f->drained = blow_never;
    if (blow.fate == RESET) {
        viommu_mmio_write(f->unit, SPEC_IQA, f->queue.addr, 8);
        viommu_mmio_write(f->unit, SPEC_GCMD, SPEC_GCMD_QIE, 4);
        f->queue.tail = 0;
    }
    guest_queue_push(&f->queue, SPEC_INV_WAIT | SPEC_INV_WAIT_SW |
                     UINT64_C(5) << SPEC_INV_WAIT_DATA_SHIFT, 0x3000);
    viommu_mmio_write(f->unit, SPEC_IQT, f->queue.tail, 8);
    for (unsigned i = 0; i < 3; i++) {
        viommu_run(f->unit);
        g_assert_cmphex(guest_read32(&f->mem, 0x3000), ==, 0);
    }
    f->drained = blow_always;
    viommu_run(f->unit);
    g_assert_cmphex(guest_read32(&f->mem, 0x3000), ==, 5);
    test_stream_free(&blow.stream);
    fixture_free(f);
}

/* --- Virtual commands ----------------------------------------------------- */

/* Words of a stream, from its end: PASIDs, then members of the unit. */
#define PASID_WORDS     4u
#define WORD_TIMED_OUT(s)   ((s)->words - PASID_WORDS - 1)
#define WORD_RUNNING(s)     ((s)->words - PASID_WORDS - 2)

/* Which register's word differs between two streams. */
static unsigned word_that_changes(Fixture *f, uint64_t offset, uint64_t value)
{
    TestStream before, after;
    unsigned found = UINT_MAX;

    test_stream_save(&before, f->unit);
    guest_set_reg64(&f->regs, offset, value);
    test_stream_save(&after, f->unit);
    for (unsigned i = 0; i < before.words; i++) {
        if (test_stream_word(&before, i) != test_stream_word(&after, i)) {
            g_assert_cmpuint(found, ==, UINT_MAX);
            found = i;
        }
    }
    test_stream_free(&before);
    test_stream_free(&after);
    g_assert_cmpuint(found, !=, UINT_MAX);
    return found;
}

/*
 * A command that is in progress goes on, although software has written another
 * one into the register meanwhile; version 1 knew only the register.
 */
static void test_virtual_command(void)
{
    ViommuVtdConfig config;
    TestStream s;
    Fixture *f;
    unsigned at;

    fixture_config(&config);
    config.scalable_mode = true;
    config.pasid_bits = 8;
    config.virtual_commands = true;
    f = fixture_new(&config);
    at = word_that_changes(f, SPEC_VCMD, UINT64_C(9) << 16);
    for (unsigned version = 1; version <= 2; version++) {
        uint64_t response;

        viommu_reset(f->unit);
        test_stream_save(&s, f->unit);
        test_stream_set(&s, at + 1, SPEC_VCRSP_IP);
        test_stream_set(&s, version == 1 ? at : WORD_RUNNING(&s),
                        SPEC_VCMD_ALLOCATE);
        if (version == 1) {
            test_stream_age(&s, WORD_RUNNING(&s), 2);
        }
        test_stream_must_load(&s, f->unit);
        g_assert_cmphex(guest_reg64(&f->regs, SPEC_VCRSP), ==, SPEC_VCRSP_IP);
        fixture_run(f);
        response = guest_reg64(&f->regs, SPEC_VCRSP);
        g_assert_cmphex(response & ~SPEC_VCRSP_PASID, ==, 0);
        g_assert_cmphex(response & SPEC_VCRSP_PASID, !=, 0);
        test_stream_free(&s);
    }
    viommu_reset(f->unit);
    test_stream_save(&s, f->unit);
    /* no such command can be in progress */
    test_stream_set(&s, at + 1, SPEC_VCRSP_IP);
    g_assert_false(test_stream_load(&s, f->unit));
    test_stream_set(&s, WORD_RUNNING(&s), 7);
    g_assert_false(test_stream_load(&s, f->unit));
    /* nor can a PASID be given out, or a source time out, that is too large */
    test_stream_set(&s, at + 1, UINT64_C(256) << SPEC_VCRSP_PASID_SHIFT);
    g_assert_false(test_stream_load(&s, f->unit));
    test_stream_set(&s, at + 1, 0);
    test_stream_set(&s, WORD_TIMED_OUT(&s), 65537);
    g_assert_false(test_stream_load(&s, f->unit));
    test_stream_set(&s, WORD_TIMED_OUT(&s), 65536);
    g_assert_true(test_stream_load(&s, f->unit));
    test_stream_free(&s);
    fixture_free(f);
}

/* What the version before has written is taken. */
static void test_version_1(void)
{
    Fixture *f = vtd_start();
    g_autofree char *before = test_dump(f->unit), *after = NULL;
    TestStream stream;

    test_stream_save(&stream, f->unit);
    test_stream_age(&stream, stream.words - 2, 2);
    viommu_reset(f->unit);
    test_stream_must_load(&stream, f->unit);
    after = test_dump(f->unit);
    g_assert_cmpstr(before, ==, after);
    fixture_wait(f);
    test_stream_free(&stream);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    blow_add("state-pending", "registers", test_registers);
    blow_add("state-pending", "struck-command", test_struck_command);
    blow_add("state-pending", "struck-endpoint", test_struck_endpoint);
    blow_add("state-pending", "time-out", test_timeout);
    blow_add("state-pending", "drained", test_drained);
    g_test_add_func("/state-pending/virtual-command", test_virtual_command);
    g_test_add_func("/state-pending/version-1", test_version_1);
    return g_test_run();
}
