/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who keeps translations beside the unit, in QEMU: vhost, which asks for those
 * that it needs, and VFIO, which mirrors all of them in the host's IOMMU.
 * What the guest has invalidated is not there any more when its wait has
 * completed, however the translation came about.
 */
#include <string.h>

#include "tests/qtest/sm.h"

#define IOVA UINT64_C(0x40000)

/* Endpoint 0's DMA through one of them, with what the unit needs for it. */
typedef struct Keeper {
    const char *name, *endpoint, *unit;
} Keeper;

static const Keeper keepers[] = {
    { "itself", "", "caching-mode=on" },
    { "vhost", ",x-vhost=on", "" },
    { "vhost in caching mode", ",x-vhost=on", "caching-mode=on" },
    { "vhost with a device-TLB", ",x-vhost=on,ats=on", "device-iotlb=on" },
    { "vfio", ",x-mirror=on", "caching-mode=on" },
};

static bool skipped(void)
{
    if (!qtest_is_qemu()) {
        g_test_skip("nobody keeps translations");
    }
    return !qtest_is_qemu();
}

/* --- Between translated and not ------------------------------------------ */

typedef struct Turn {
    const char *name;
    void (*direct)(Board *b);
    void (*back)(Board *b);
} Turn;

static void set_type(Board *b, unsigned tt)
{
    const GuestContext ctx = {
        .tt = tt, .levels = 4, .table = b->table, .domain = BOARD_DOMAIN,
    };

    g_assert_true(guest_context_set(&b->alloc, b->root, b->source, &ctx));
    guest_queue_context(&b->queue, SPEC_GRAN_PAGE, BOARD_DOMAIN, b->source,
                        0);
    guest_queue_iotlb(&b->queue, SPEC_GRAN_DOMAIN, BOARD_DOMAIN, 0, 0, false);
    board_sync(b);
}

static void pass(Board *b)
{
    set_type(b, SPEC_TT_PASS);
}

static void translate(Board *b)
{
    set_type(b, SPEC_TT_MULTI);
}

static void switch_off(Board *b)
{
    board_command(b, 0, SPEC_GCMD_TE);
}

static void switch_on(Board *b)
{
    board_command(b, SPEC_GCMD_TE, 0);
}

static void reset(Board *b)
{
    board_reset(b);
}

static void start_again(Board *b)
{
    g_assert_true(guest_set_root(&b->regs, b->root));
    board_flush(b);
    board_command(b, SPEC_GCMD_TE, 0);
    board_queue(b, 0);
}

static const Turn turns[] = {
    { "the context entry", pass, translate },
    { "translation off", switch_off, switch_on },
    { "reset", reset, start_again },
};

static void check_reaches(Board *b, uint64_t iova, uint64_t pa)
{
    static uint64_t value = 0x1000;

    for (unsigned i = 0; i < 2; i++) {
        uint64_t got = 0;

        value++;
        g_assert_cmpint(testdev_dma_write(&b->dev, iova, &value, 8).why, ==,
                        TD_OK);
        g_assert_cmphex(board_get64(b, pa), ==, value);
        g_assert_cmpint(testdev_dma_read(&b->dev, iova, &got, 8).why, ==,
                        TD_OK);
        g_assert_cmphex(got, ==, value);
    }
}

static void check_turn(const Keeper *k, const Turn *t)
{
    uint64_t page;
    Board b;

    g_test_message("%s: %s", k->name, t->name);
    board_start_with(&b, k->unit, k->endpoint);
    board_translate(&b, 4);
    board_queue(&b, 0);
    page = board_pages(&b, 1);
    board_map(&b, IOVA, page, BOARD_RW);
    guest_queue_iotlb(&b.queue, SPEC_GRAN_DOMAIN, BOARD_DOMAIN, 0, 0, false);
    board_sync(&b);
    for (unsigned i = 0; i < 2; i++) {
        check_reaches(&b, IOVA, page);
        t->direct(&b);
        check_reaches(&b, IOVA, IOVA);
        t->back(&b);
    }
    check_reaches(&b, IOVA, page);
    board_end(&b);
}

static void test_turns(void)
{
    if (skipped()) {
        return;
    }
    for (size_t k = 0; k < G_N_ELEMENTS(keepers); k++) {
        for (size_t t = 0; t < G_N_ELEMENTS(turns); t++) {
            check_turn(&keepers[k], &turns[t]);
        }
    }
}

/* Protected memory takes what passed through away, and gives it back. */
static void test_protected(void)
{
    static const char *const endpoints[] = { "", ",x-vhost=on" };

    for (size_t i = 0; i < G_N_ELEMENTS(endpoints) && !skipped(); i++) {
        const uint64_t value = 1;
        Board b;

        board_start_with(&b, "pmr=on", endpoints[i]);
        board_translate(&b, 4);
        board_queue(&b, 0);
        pass(&b);
        check_reaches(&b, IOVA, IOVA);
        board_set32(&b, SPEC_PLMBASE, 0);
        board_set32(&b, SPEC_PLMLIMIT, 0x00ffffff);
        board_set32(&b, SPEC_PMEN, SPEC_PMEN_EPM);
        g_assert_cmpint(testdev_dma_write(&b.dev, IOVA, &value, 8).why, ==,
                        TD_BLOCKED);
        board_set32(&b, SPEC_PMEN, 0);
        check_reaches(&b, IOVA, IOVA);
        board_end(&b);
    }
}

/* --- Nested translation -------------------------------------------------- */

#define VA      UINT64_C(0x7000)
/* What it is for the first stage: outside of the pages of SM_BIAS. */
#define GPA     (SM_BIAS + UINT64_C(0x10000000))

static void start_nested(Sm *s, const Keeper *k, unsigned pgtt)
{
    g_autofree char *unit = g_strconcat(
        "x-scalable-mode=on,x-flts=on,nested=on,pasid-bits=20,fault-records=8,",
        k->unit, NULL);

    g_test_message("%s: type %u", k->name, pgtt);
    sm_start_with(s, unit, k->endpoint, pgtt, 4);
}

/* What a page-selective command names is gone, for a device-TLB as well. */
static void gone(Sm *s, const Keeper *k)
{
    if (strstr(k->endpoint, "ats")) {
        sm_drop(s, SM_NONE, VA, 4096);
    }
    board_sync(&s->b);
}

static void put_second(Sm *s, const Keeper *k, uint64_t gpa, uint64_t pa)
{
    if (pa) {
        g_assert_true(guest_ss_map(&s->b.alloc, s->ss, s->ss_levels, gpa, pa,
                                   1, BOARD_RW));
    } else {
        g_assert_true(guest_ss_unmap(&s->b.alloc, s->ss, s->ss_levels, gpa,
                                     1));
    }
    guest_queue_iotlb(&s->b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, gpa, 0, false);
    gone(s, k);
}

/* A page of the second stage is moved, and taken away, by its own address. */
static void test_second_stage(void)
{
    static const unsigned types[] = { SPEC_PGTT_NESTED, SPEC_PGTT_SECOND };

    for (size_t i = 0; i < G_N_ELEMENTS(keepers) * 2 && !skipped(); i++) {
        const Keeper *k = &keepers[i / 2];
        bool nested = i % 2 == 0;
        uint64_t gpa = nested ? GPA : VA, one, other;
        Sm s;

        start_nested(&s, k, types[i % 2]);
        one = board_pages(&s.b, 1);
        other = board_pages(&s.b, 1);
        if (nested) {
            g_assert_true(guest_fs_map(&s.fs, &s.b.alloc, VA, GPA, 1,
                                       SM_LEAF));
        }
        put_second(&s, k, gpa, one);
        sm_flush(&s);
        check_reaches(&s.b, VA, one);
        put_second(&s, k, gpa, other);
        check_reaches(&s.b, VA, other);
        put_second(&s, k, gpa, 0);
        board_dma_blocked(&s.b, VA, true);
        put_second(&s, k, gpa, one);
        check_reaches(&s.b, VA, one);
        sm_end(&s);
    }
}

/* The same of the first stage, which is named by the PASID that requests
 * without one have. */
static void test_first_stage(void)
{
    static const unsigned types[] = { SPEC_PGTT_NESTED, SPEC_PGTT_FIRST };

    for (size_t i = 0; i < G_N_ELEMENTS(keepers) * 2 && !skipped(); i++) {
        const Keeper *k = &keepers[i / 2];
        uint64_t page[2];
        Sm s;

        start_nested(&s, k, types[i % 2]);
        for (unsigned n = 0; n < 2; n++) {
            page[n] = board_pages(&s.b, 1);
        }
        sm_map(&s, VA, page[0], 1);
        sm_flush(&s);
        check_reaches(&s.b, VA, page[0]);
        sm_map(&s, VA, page[1], 1);
        guest_queue_piotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, 0, VA, 0,
                           false);
        gone(&s, k);
        check_reaches(&s.b, VA, page[1]);
        board_put64(&s.b, sm_fs_at(&s, VA, 1), 0);
        guest_queue_piotlb(&s.b.queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, 0,
                           false);
        gone(&s, k);
        board_dma_blocked(&s.b, VA, true);
        sm_end(&s);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keepers/turns", test_turns);
    g_test_add_func("/keepers/protected", test_protected);
    g_test_add_func("/keepers/second-stage", test_second_stage);
    g_test_add_func("/keepers/first-stage", test_first_stage);
    return g_test_run();
}
