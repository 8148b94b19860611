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

    for (size_t i = 0; i < G_N_ELEMENTS(endpoints); i++) {
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

    for (size_t i = 0; i < G_N_ELEMENTS(keepers) * 2; i++) {
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

    for (size_t i = 0; i < G_N_ELEMENTS(keepers) * 2; i++) {
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

/* --- Accessed and dirty bits --------------------------------------------- */

#define VA_RO   (VA + 0x1000)

typedef struct Bits {
    unsigned pgtt;
    uint64_t accessed, dirty, writable, readable;
    uint64_t (*at)(Sm *s, uint64_t addr, unsigned level);
} Bits;

static const Bits stages[] = {
    { SPEC_PGTT_SECOND, SPEC_SS_A, SPEC_SS_D, BOARD_RW, SPEC_SS_R,
      sm_ss_at },
    { SPEC_PGTT_FIRST, SPEC_FS_A, SPEC_FS_D, SM_LEAF, SPEC_FS_P | SPEC_FS_US,
      sm_fs_at },
};

/* Both entries say so; then software clears that, and invalidates. */
static void check_bits(Sm *s, const Keeper *k, const Bits *bits)
{
    static const uint64_t pages[] = { VA, VA_RO };

    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
        uint64_t at = bits->at(s, pages[i], 1), entry = board_get64(&s->b, at);

        g_assert_cmphex(entry & bits->accessed, ==, bits->accessed);
        g_assert_cmphex(entry & bits->dirty, ==,
                        pages[i] == VA ? bits->dirty : 0);
        board_put64(&s->b, at, entry & ~(bits->accessed | bits->dirty));
        if (bits->pgtt == SPEC_PGTT_FIRST) {
            guest_queue_piotlb(&s->b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, 0,
                               pages[i], 0, false);
        } else {
            guest_queue_iotlb(&s->b.queue, SPEC_GRAN_PAGE, SM_DOMAIN,
                              pages[i], 0, false);
        }
        if (strstr(k->endpoint, "ats")) {
            sm_drop(s, SM_NONE, pages[i], 4096);
        }
    }
    board_sync(&s->b);
}

/*
 * Software that reads and clears these bits (a hypervisor that migrates its
 * guest) finds each page that was written since.
 */
static void test_dirty(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keepers) * 2; i++) {
        const Keeper *k = &keepers[i / 2];
        const Bits *bits = &stages[i % 2];
        g_autofree char *unit = g_strconcat(
            "x-scalable-mode=on,x-flts=on,nested=on,dirty-tracking=on,"
            "pasid-bits=20,fault-records=8,", k->unit, NULL);
        uint64_t page[2], value;
        Sm s;

        g_test_message("%s: type %u", k->name, bits->pgtt);
        sm_start_with(&s, unit, k->endpoint, bits->pgtt, 4);
        if (bits->pgtt == SPEC_PGTT_SECOND) {
            s.entry.flags0 |= SPEC_PASID_SSADE;
            sm_put_pasid(&s, 0);
        }
        page[0] = board_pages(&s.b, 1);
        page[1] = board_pages(&s.b, 1);
        sm_map_flags(&s, VA, page[0], 1, bits->writable);
        sm_map_flags(&s, VA_RO, page[1], 1, bits->readable);
        sm_flush(&s);
        for (unsigned round = 0; round < 3; round++) {
            g_assert_cmpint(testdev_dma_read(&s.b.dev, VA, &value, 8).why, ==,
                            TD_OK);
            check_reaches(&s.b, VA, page[0]);
            g_assert_cmpint(testdev_dma_read(&s.b.dev, VA_RO, &value, 8).why,
                            ==, TD_OK);
            if (!strstr(k->endpoint, "vhost")) {
                /* QEMU tells vhost of pages, not of rights */
                board_dma_blocked(&s.b, VA_RO, true);
            }
            check_bits(&s, k, bits);
        }
        /* and what may be written only now */
        sm_map_flags(&s, VA_RO, page[1], 1, bits->writable);
        sm_flush(&s);
        check_reaches(&s.b, VA_RO, page[1]);
        g_assert_cmphex(board_get64(&s.b, bits->at(&s, VA_RO, 1)) &
                        bits->dirty, ==, bits->dirty);
        sm_end(&s);
    }
}

/* --- How long a mirror takes --------------------------------------------- */

static const Keeper *const mirror = &keepers[G_N_ELEMENTS(keepers) - 1];

static uint64_t queue_head(Board *b)
{
    return board_reg64(b, SPEC_IQH);
}

/* The wait that was pushed has completed. */
static void await(Board *b)
{
    for (unsigned i = 0; !guest_queue_done(&b->queue); i++) {
        g_assert_cmpuint(i, <, 1000000);
    }
}

/*
 * A table whose entries lead to itself: as many mappings as there are pages.
 * The machine goes on meanwhile, and the wait does not complete before all
 * that is mirrored has been found; software may end that by its own commands.
 */
static void test_self_reference(void)
{
    uint64_t head, page;
    Board b;

    board_start_with(&b, mirror->unit, mirror->endpoint);
    board_translate(&b, 4);
    board_queue(&b, 0);
    page = board_pages(&b, 1);
    for (unsigned i = 0; i < 512; i++) {
        board_put64(&b, b.table + 8 * i, b.table | BOARD_RW);
    }
    guest_queue_iotlb(&b.queue, SPEC_GRAN_DOMAIN, BOARD_DOMAIN, 0, 0, false);
    head = queue_head(&b);
    g_assert_false(guest_queue_wait(&b.queue));
    head += 16;
    for (unsigned i = 0; i < 100; i++) {
        g_assert_cmphex(queue_head(&b), ==, head);
        g_assert_false(guest_queue_done(&b.queue));
    }
    /* other tables, of which the same wait waits */
    for (unsigned i = 0; i < 512; i++) {
        board_put64(&b, b.table + 8 * i, 0);
    }
    switch_off(&b);
    await(&b);
    check_reaches(&b, IOVA, IOVA);
    switch_on(&b);
    board_map(&b, IOVA, page, BOARD_RW);
    guest_queue_iotlb(&b.queue, SPEC_GRAN_DOMAIN, BOARD_DOMAIN, 0, 0, false);
    board_sync(&b);
    check_reaches(&b, IOVA, page);
    board_end(&b);
}

/* A mirror of so many pages takes more than one step. */
#define PAGES   4096u
#define BASE    UINT64_C(0x40000000)

static void check_pages(Board *b, uint64_t first)
{
    for (unsigned i = 0; i < PAGES; i += 511) {
        uint64_t got = 0;

        board_put64(b, first + i * 4096u, i + 1);
        g_assert_cmpint(testdev_dma_read(&b->dev, BASE + i * 4096u, &got,
                                         8).why, ==, TD_OK);
        g_assert_cmphex(got, ==, i + 1);
    }
}

/* Whatever is in a mirror when its wait completes is what the tables say. */
static void test_steps(void)
{
    uint64_t one, other;
    Board b;

    board_start_with(&b, mirror->unit, mirror->endpoint);
    board_translate(&b, 4);
    board_queue(&b, 0);
    one = board_pages(&b, PAGES);
    other = board_pages(&b, PAGES);
    g_assert_true(guest_ss_map_range(&b.alloc, b.table, 4, BASE, one,
                                     PAGES * 4096u, BOARD_RW));
    /* (many commands are one look at all of it) */
    for (unsigned i = 0; i < 60; i++) {
        guest_queue_iotlb(&b.queue, SPEC_GRAN_DOMAIN, BOARD_DOMAIN, 0, 0,
                          false);
    }
    guest_queue_wait(&b.queue);
    await(&b);
    check_pages(&b, one);
    /* each command's own pages, more of them than are remembered apart */
    g_assert_true(guest_ss_map_range(&b.alloc, b.table, 4, BASE, other,
                                     PAGES * 4096u, BOARD_RW));
    for (unsigned i = 0; i < PAGES; i += 32) {
        guest_queue_iotlb(&b.queue, SPEC_GRAN_PAGE, BOARD_DOMAIN,
                          BASE + i * 4096u, 4, false);
        guest_queue_iotlb(&b.queue, SPEC_GRAN_PAGE, BOARD_DOMAIN,
                          BASE + (PAGES - i - 16) * 4096u, 4, false);
    }
    guest_queue_wait(&b.queue);
    await(&b);
    check_pages(&b, other);
    /* through the registers, and without any queue */
    g_assert_true(guest_ss_map_range(&b.alloc, b.table, 4, BASE, one,
                                     PAGES * 4096u, BOARD_RW));
    board_command(&b, 0, SPEC_GCMD_QIE);
    board_flush(&b);
    check_pages(&b, one);
    board_end(&b);
}

/* Large pages that are cut, and become large again. */
static void test_cut(void)
{
    uint64_t big, other;
    Board b;

    board_start_with(&b, mirror->unit, mirror->endpoint);
    board_translate(&b, 4);
    board_queue(&b, 0);
    big = board_pages(&b, 512);
    other = board_pages(&b, 1);
    board_map_leaf(&b, BASE, big, 2, BOARD_RW);
    guest_queue_iotlb(&b.queue, SPEC_GRAN_PAGE, BOARD_DOMAIN, BASE, 9, false);
    board_sync(&b);
    check_reaches(&b, BASE + 0x1f0000, big + 0x1f0000);
    board_put64(&b, board_entry(&b, BASE, 2), 0);
    g_assert_true(guest_ss_map_range(&b.alloc, b.table, 4, BASE, big,
                                     0x200000, BOARD_RW));
    board_map(&b, BASE + 0x5000, other, BOARD_RW);
    /* one page of it is named, but the large one is gone */
    guest_queue_iotlb(&b.queue, SPEC_GRAN_PAGE, BOARD_DOMAIN, BASE + 0x5000,
                      0, false);
    board_sync(&b);
    check_reaches(&b, BASE + 0x5000, other);
    check_reaches(&b, BASE, big);
    check_reaches(&b, BASE + 0x6000, big + 0x6000);
    check_reaches(&b, BASE + 0x1ff000, big + 0x1ff000);
    board_map_leaf(&b, BASE, big, 2, BOARD_RW);
    guest_queue_iotlb(&b.queue, SPEC_GRAN_PAGE, BOARD_DOMAIN, BASE + 0x7000,
                      0, false);
    board_sync(&b);
    check_reaches(&b, BASE + 0x5000, big + 0x5000);
    check_reaches(&b, BASE + 0x1ff000, big + 0x1ff000);
    board_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!qtest_is_qemu()) {
        g_print("1..0 # SKIP who keeps translations is QEMU's\n");
        return 0;
    }
    g_test_add_func("/keepers/turns", test_turns);
    g_test_add_func("/keepers/protected", test_protected);
    g_test_add_func("/keepers/second-stage", test_second_stage);
    g_test_add_func("/keepers/first-stage", test_first_stage);
    g_test_add_func("/keepers/dirty", test_dirty);
    g_test_add_func("/keepers/self-reference", test_self_reference);
    g_test_add_func("/keepers/steps", test_steps);
    g_test_add_func("/keepers/cut", test_cut);
    return g_test_run();
}
