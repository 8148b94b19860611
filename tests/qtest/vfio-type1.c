/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host device that comes out of its group, in a container: everything that
 * translates is shadowed, and there are no PASIDs.  On Linux, that is its own
 * type1 driver.
 */
#include "tests/qtest/vfio.h"

#define PAGE    PASSED_PAGE
#define LARGE   (UINT64_C(2) << 20)
#define IOVA    UINT64_C(0x40000000)
#define TYPE1   ",id=d0,backend=type1,nesting=off"

/* The host has refused nothing. */
static void end(Board *b)
{
    g_assert_cmpuint(qtest_usage(b->q, "errors"), ==, 0);
    board_end(b);
}

static void test_legacy(void)
{
    Board b;

    board_start_with(&b, "caching-mode=on", TYPE1);
    passed_legacy(&b);
    end(&b);
}

static void test_second_stage(void)
{
    Sm s;

    passed_start(&s, OPTIONS, TYPE1, SPEC_PGTT_SECOND);
    passed_second_stage(&s);
    vfio_end(&s);
}

/* Of requests without PASID; those with one are blocked, whatever the guest's
 * tables say. */
static void test_first_stage(void)
{
    uint64_t page, at;
    Sm s;

    passed_start(&s, OPTIONS, TYPE1, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 2);
    sm_map(&s, VA, page, 1);
    passed_piotlb(&s, 0, VA);
    sm_good(&s, SM_NONE, VA, page);
    at = sm_fs_at(&s, VA, 1);
    board_put64(&s.b, at, (page + PAGE) | SM_LEAF);
    passed_piotlb(&s, 0, VA);
    sm_good(&s, SM_NONE, VA, page + PAGE);
    board_put64(&s.b, at, 0);
    passed_piotlb(&s, 0, VA);
    passed_blocked(&s, SM_NONE, VA, true);
    vfio_end(&s);
}

/* What a page of the device's addresses leads to, in the test's book. */
typedef struct Book {
    Board b;
    GRand *rand;
    uint64_t base;          /* 32 pages of memory */
    uint64_t to[16];        /* of the pages from IOVA on; 0: nothing */
} Book;

static void invalidate(Book *k, unsigned page, unsigned am)
{
    guest_queue_iotlb(&k->b.queue, SPEC_GRAN_PAGE, BOARD_DOMAIN,
                      IOVA + ((page >> am) << am) * PAGE, am, false);
    board_sync(&k->b);
}

static void change(Book *k)
{
    unsigned first = (unsigned)g_rand_int_range(k->rand, 0, 16);
    unsigned n = 1u << g_rand_int_range(k->rand, 0, 3), am = 0;

    first &= ~(n - 1);
    while (1u << am < n) {
        am++;
    }
    for (unsigned i = first; i < first + n; i++) {
        k->to[i] = g_rand_int_range(k->rand, 0, 3)
                   ? k->base + (uint64_t)g_rand_int_range(k->rand, 0, 32) *
                               PAGE : 0;
        board_put64(&k->b, board_entry(&k->b, IOVA + i * PAGE, 1),
                    k->to[i] ? k->to[i] | BOARD_RW : 0);
    }
    invalidate(k, first, am + (unsigned)g_rand_int_range(k->rand, 0, 2));
}

/* Pages come and go, some of them in a large one: mappings are given back as
 * they were made, and others are made around them. */
static void test_any(void)
{
    uint32_t seed = g_test_rand_int();
    Book k = { .rand = g_rand_new_with_seed(seed) };

    g_test_message("seed %u", seed);
    board_start_with(&k.b, "caching-mode=on", TYPE1);
    board_translate(&k.b, 4);
    board_queue(&k.b, 0);
    k.base = board_pages(&k.b, 32);
    for (unsigned i = 0; i < 16; i++) {
        board_map(&k.b, IOVA + i * PAGE, k.base, BOARD_RW);
        k.to[i] = k.base;
    }
    board_flush(&k.b);
    for (unsigned i = 0; i < 60; i++) {
        unsigned page = (unsigned)g_rand_int_range(k.rand, 0, 16);

        change(&k);
        if (k.to[page]) {
            board_dma_good(&k.b, IOVA + page * PAGE, k.to[page]);
        } else {
            board_dma_blocked(&k.b, IOVA + page * PAGE, i & 1);
        }
    }
    /* all of it becomes one large page, with other memory */
    board_put64(&k.b, board_entry(&k.b, IOVA, 2),
                (k.base & ~(LARGE - 1)) | SPEC_SS_PS | BOARD_RW);
    board_flush(&k.b);
    board_dma_good(&k.b, IOVA + (k.base & (LARGE - 1)), k.base);
    g_rand_free(k.rand);
    end(&k.b);
}

static void test_reset(void)
{
    uint64_t page;
    Board b;

    board_start_with(&b, "caching-mode=on", TYPE1);
    page = board_pages(&b, 1);
    board_translate(&b, 4);
    board_map(&b, IOVA, page, BOARD_RW);
    board_flush(&b);
    board_dma_good(&b, IOVA, page);
    board_reset(&b);
    testdev_reinit(&b.dev, &b.bus, 0);
    board_dma_good(&b, page, page);
    end(&b);
}

static void test_interrupt(void)
{
    Board b;

    board_start_with(&b, "caching-mode=on", TYPE1);
    passed_interrupt(&b);
    end(&b);
}

void vfio_add_type1_tests(void)
{
    g_test_add_func("/vfio/type1-legacy", test_legacy);
    g_test_add_func("/vfio/type1-second-stage", test_second_stage);
    g_test_add_func("/vfio/type1-first-stage", test_first_stage);
    g_test_add_func("/vfio/type1-any", test_any);
    g_test_add_func("/vfio/type1-reset", test_reset);
    g_test_add_func("/vfio/type1-interrupt", test_interrupt);
}
