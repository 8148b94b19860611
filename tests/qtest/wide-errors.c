/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors of the queue with 256-bit descriptors [VTD 6.5.2.10]
 * [VTD 11.4.9.9]: each reserved bit of each descriptor, types, granularities,
 * tails, and how the queue goes on.
 */
#include <string.h>

#include "tests/qtest/sm.h"

#define OPTIONS SM_OPTIONS ",device-iotlb=on,pri=on,intremap=on"

/* A good descriptor, and the bits of it that may be set. */
typedef struct Descriptor {
    const char *name;
    uint64_t word[4];
    uint64_t may[4];
} Descriptor;

#define TYPE     (SPEC_INV_TYPE | SPEC_INV_TYPE_HIGH)
#define G(g)     ((uint64_t)(g) << SPEC_INV_G_SHIFT)
#define DID      ((uint64_t)SM_DOMAIN << SPEC_INV_DID_SHIFT)
#define ADDR_AM  (SPEC_BITS(63, 12) | SPEC_BITS(6, 0))
#define PASID    SPEC_BITS(51, 32)

static const Descriptor descriptors[] = {
    { "context", { SPEC_INV_CONTEXT | G(1) },
      { TYPE | SPEC_BITS(5, 4) | SPEC_BITS(49, 16) } },
    { "IOTLB", { SPEC_INV_IOTLB | G(1) },
      { TYPE | SPEC_BITS(7, 4) | SPEC_BITS(31, 16), ADDR_AM } },
    { "interrupt", { SPEC_INV_IEC },
      { TYPE | SPEC_BIT(4) | SPEC_BITS(47, 27) } },
    { "wait", { SPEC_INV_WAIT },
      { TYPE | SPEC_BITS(7, 4) | SPEC_BITS(63, 32), SPEC_BITS(63, 2) } },
    { "PASID IOTLB", { SPEC_INV_PASID_IOTLB | G(2) | DID },
      { TYPE | SPEC_BITS(5, 4) | SPEC_BITS(31, 16) | PASID, ADDR_AM } },
    { "PASID cache", { SPEC_INV_PASID_CACHE | DID },
      { TYPE | SPEC_BITS(5, 4) | SPEC_BITS(31, 16) | PASID } },
    /* bits 15:12 and 63:48 tell of a physical function: not announced */
    { "device-TLB", { SPEC_INV_DEVTLB },
      { TYPE | SPEC_BITS(20, 16) | SPEC_BITS(47, 32),
        SPEC_BITS(63, 12) | SPEC_BIT(0) } },
    { "PASID device-TLB", { SPEC_INV_PASID_DEVTLB },
      { TYPE | SPEC_BITS(8, 4) | SPEC_BITS(31, 16) | PASID,
        SPEC_BITS(63, 11) | SPEC_BIT(0) } },
    /* words 3 and 4 are private data, when the descriptor says so */
    { "page response", { SPEC_INV_PAGE_RESPONSE },
      { TYPE | SPEC_BITS(5, 4) | SPEC_BITS(15, 12) | SPEC_BITS(31, 16) |
        PASID, SPEC_BITS(11, 2) } },
};

static unsigned iqei(Board *b)
{
    return board_reg64(b, SPEC_IQERCD) & SPEC_IQERCD_IQEI;
}

static void write_at(Board *b, uint64_t at, const uint64_t word[4])
{
    for (unsigned i = 0; i < 4; i++) {
        board_put64(b, b->queue.addr + at + 8 * i, word[i]);
    }
}

/* This descriptor stops the queue; mended, the queue goes on. */
static void expect_error(Sm *s, const uint64_t word[4], unsigned error)
{
    static const uint64_t nothing[4] = { SPEC_INV_WAIT };
    Board *b = &s->b;
    uint64_t at = b->queue.tail;

    guest_queue_push_wide(&b->queue, word);
    guest_queue_ring(&b->queue);
    g_assert_true(qtest_wait(b->q, BOARD_UNIT + SPEC_FSTS, 4, SPEC_FSTS_IQE,
                             SPEC_FSTS_IQE));
    g_assert_cmpuint(iqei(b), ==, error);
    g_assert_cmphex(board_reg64(b, SPEC_IQH), ==, at);
    write_at(b, at, nothing);
    board_set32(b, SPEC_FSTS, SPEC_FSTS_IQE);
    board_sync(b);
    g_assert_cmphex(board_reg32(b, SPEC_FSTS) & SPEC_FSTS_IQE, ==, 0);
}

static void expect_fine(Sm *s, const uint64_t word[4])
{
    guest_queue_push_wide(&s->b.queue, word);
    board_sync(&s->b);
    g_assert_cmphex(board_reg32(&s->b, SPEC_FSTS) & SPEC_FSTS_IQE, ==, 0);
}

static void test_reserved(void)
{
    Sm s;

    sm_start(&s, OPTIONS, SPEC_PGTT_FIRST, 4);
    for (size_t i = 0; i < G_N_ELEMENTS(descriptors); i++) {
        const Descriptor *d = &descriptors[i];

        g_test_message("%s", d->name);
        if (!strstr(d->name, "device-TLB")) {
            /* which would not be answered: there is no device-TLB */
            expect_fine(&s, d->word);
        }
        for (unsigned bit = 0; bit < 256; bit++) {
            uint64_t word[4] = {
                d->word[0], d->word[1], d->word[2], d->word[3],
            };

            if (d->may[bit / 64] & SPEC_BIT(bit % 64)) {
                continue;
            }
            word[bit / 64] |= SPEC_BIT(bit % 64);
            expect_error(&s, word, SPEC_IQEI_RESERVED);
        }
    }
    sm_end(&s);
}

static void test_types(void)
{
    static const uint64_t good[] = {
        SPEC_INV_CONTEXT, SPEC_INV_IOTLB, SPEC_INV_DEVTLB, SPEC_INV_IEC,
        SPEC_INV_WAIT, SPEC_INV_PASID_IOTLB, SPEC_INV_PASID_CACHE,
        SPEC_INV_PASID_DEVTLB, SPEC_INV_PAGE_RESPONSE,
    };
    Sm s;

    sm_start(&s, OPTIONS, SPEC_PGTT_FIRST, 4);
    for (unsigned type = 0; type < 128; type++) {
        uint64_t word[4] = {
            (type & 15) | (uint64_t)(type >> 4) << 9 | G(2),
        };

        if (type < good[0] || type > G_N_ELEMENTS(good)) {
            expect_error(&s, word, SPEC_IQEI_TYPE);
        }
    }
    sm_end(&s);
}

static void test_granularities(void)
{
    static const uint64_t bad[][2] = {
        { SPEC_INV_CONTEXT | G(0), 0 },
        { SPEC_INV_IOTLB | G(0), 0 },
        { SPEC_INV_IOTLB | G(3), 19 },      /* above CAP.MAMV */
        { SPEC_INV_IOTLB | G(3), 63 },
        { SPEC_INV_PASID_IOTLB | G(0), 0 },
        { SPEC_INV_PASID_IOTLB | G(1), 0 },
        { SPEC_INV_PASID_CACHE | G(2), 0 },
        { SPEC_INV_IEC | SPEC_INV_IEC_G |   /* above ECAP.MHMV */
          UINT64_C(16) << SPEC_INV_IEC_IM_SHIFT, 0 },
    };
    static const uint64_t good[][2] = {
        { SPEC_INV_IOTLB | G(3), 18 },
        /* CAP.MAMV is not for these */
        { SPEC_INV_PASID_IOTLB | G(3), 19 },
        { SPEC_INV_PASID_IOTLB | G(3), 63 },
        { SPEC_INV_PASID_IOTLB | G(3) | PASID | DID, 0xfffffffffffff03f },
        { SPEC_INV_PASID_CACHE | G(3) | PASID | DID, 0 },
        { SPEC_INV_PASID_CACHE | G(1) | PASID | DID, 0 },
        { SPEC_INV_CONTEXT | G(2) | DID, 0 },
        { SPEC_INV_IEC | SPEC_INV_IEC_G |
          UINT64_C(15) << SPEC_INV_IEC_IM_SHIFT, 0 },
    };
    Sm s;

    sm_start(&s, OPTIONS, SPEC_PGTT_FIRST, 4);
    g_assert_cmphex(board_reg64(&s.b, SPEC_CAP) & SPEC_CAP_MAMV, ==,
                    UINT64_C(18) << SPEC_CAP_MAMV_SHIFT);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        const uint64_t word[4] = { bad[i][0], bad[i][1] };

        g_test_message("%#" G_GINT64_MODIFIER "x", bad[i][0]);
        expect_error(&s, word, SPEC_IQEI_RESERVED);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        const uint64_t word[4] = { good[i][0], good[i][1] };

        expect_fine(&s, word);
    }
    sm_end(&s);
}

/* Drivers invalidate by PASID whatever the stages are that the unit has. */
static void test_second_stage_only(void)
{
    const uint64_t all[4] = { SPEC_INV_PASID_IOTLB | G(2) | DID };
    const uint64_t page[4] = { SPEC_INV_PASID_IOTLB | G(3) | DID, 0x1000 };
    Sm s;

    sm_start(&s, "x-scalable-mode=on,pasid-bits=20", SPEC_PGTT_SECOND, 4);
    expect_fine(&s, all);
    expect_fine(&s, page);
    sm_end(&s);
}

/* What is not announced has no descriptor; nor a bit in the wait. */
static void test_not_announced(void)
{
    static const uint64_t types[] = {
        SPEC_INV_DEVTLB, SPEC_INV_PASID_DEVTLB, SPEC_INV_PAGE_RESPONSE,
        SPEC_INV_IEC,
    };
    const uint64_t wait[4] = { SPEC_INV_WAIT | SPEC_INV_WAIT_PD };
    Sm s;

    sm_start(&s, SM_OPTIONS ",intremap=off", SPEC_PGTT_FIRST, 4);
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        const uint64_t word[4] = { types[i] };

        expect_error(&s, word, SPEC_IQEI_TYPE);
    }
    expect_error(&s, wait, SPEC_IQEI_RESERVED);
    sm_end(&s);
}

static void expect_iqe(Board *b, unsigned error)
{
    g_assert_true(qtest_wait(b->q, BOARD_UNIT + SPEC_FSTS, 4, SPEC_FSTS_IQE,
                             SPEC_FSTS_IQE));
    g_assert_cmpuint(iqei(b), ==, error);
    g_assert_cmphex(board_reg64(b, SPEC_IQH), ==, 0);
}

/* 128-bit descriptors are for legacy tables, and types up to 5 only; a mode
 * of the tables that does not exist stops the queue. */
static void test_modes(void)
{
    uint64_t word;
    Board *b;
    Sm s;

    sm_start(&s, OPTIONS, SPEC_PGTT_FIRST, 4);
    b = &s.b;
    board_command(b, 0, SPEC_GCMD_QIE);
    g_assert_true(guest_queue_init(&b->queue, &b->alloc, &b->regs, 0));
    guest_queue_wait(&b->queue);
    expect_iqe(b, SPEC_IQEI_WIDTH);
    /* with other tables the same queue goes on */
    sm_set_mode(&s, SPEC_TTM_LEGACY);
    board_set32(b, SPEC_FSTS, SPEC_FSTS_IQE);
    board_sync(b);
    g_assert_cmphex(board_reg32(b, SPEC_FSTS), ==, 0);

    board_command(b, 0, SPEC_GCMD_QIE);
    g_assert_true(guest_queue_init_wide(&b->queue, &b->alloc, &b->regs, 0));
    board_sync(b);
    for (word = SPEC_INV_PASID_IOTLB; word <= SPEC_INV_PAGE_RESPONSE;
         word++) {
        const uint64_t words[4] = { word | G(2) };

        expect_error(&s, words, SPEC_IQEI_TYPE);
    }
    board_command(b, 0, SPEC_GCMD_QIE);
    sm_set_mode(&s, SPEC_TTM_RESERVED);
    g_assert_true(guest_queue_init_wide(&b->queue, &b->alloc, &b->regs, 0));
    guest_queue_wait(&b->queue);
    expect_iqe(b, SPEC_IQEI_TTM);
    sm_set_mode(&s, SPEC_TTM_ABORT);
    board_set32(b, SPEC_FSTS, SPEC_FSTS_IQE);
    board_sync(b);
    guest_queue_pasid_cache(&b->queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    board_sync(b);
    g_assert_cmphex(board_reg32(b, SPEC_FSTS), ==, 0);
    sm_end(&s);
}

/* Tails in the middle of a descriptor, and outside the queue. */
static void test_tails(void)
{
    static const struct {
        uint64_t tail;
        unsigned error;
    } bad[] = {
        { 0x30, SPEC_IQEI_ALIGN }, { 0xff0, SPEC_IQEI_ALIGN },
        { 0x10, SPEC_IQEI_ALIGN }, { 0x1000, SPEC_IQEI_TAIL },
        { 0x7ffe0, SPEC_IQEI_TAIL },
    };
    Sm s;

    sm_start(&s, OPTIONS, SPEC_PGTT_FIRST, 4);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        Board *b = &s.b;
        uint64_t head = board_reg64(b, SPEC_IQH);

        g_test_message("tail %#" G_GINT64_MODIFIER "x", bad[i].tail);
        board_set64(b, SPEC_IQT, bad[i].tail);
        g_assert_true(qtest_wait(b->q, BOARD_UNIT + SPEC_FSTS, 4,
                                 SPEC_FSTS_IQE, SPEC_FSTS_IQE));
        g_assert_cmpuint(iqei(b), ==, bad[i].error);
        /* nothing was carried out */
        g_assert_cmphex(board_reg64(b, SPEC_IQH), ==, head);
        board_set64(b, SPEC_IQT, head);
        board_set32(b, SPEC_FSTS, SPEC_FSTS_IQE);
        board_sync(b);
        g_assert_cmphex(board_reg32(b, SPEC_FSTS), ==, 0);
    }
    sm_end(&s);
}

/* A queue that cannot be read. */
static void test_fetch(void)
{
    static const uint64_t places[] = {
        BOARD_HOLE, BOARD_UNIT, UINT64_C(0xfee00000), SPEC_BIT(51),
    };
    Sm s;

    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        Board *b = &s.b;

        sm_start(&s, OPTIONS, SPEC_PGTT_FIRST, 4);
        board_command(b, 0, SPEC_GCMD_QIE);
        board_set64(b, SPEC_IQT, 0);
        board_set64(b, SPEC_IQA, places[i] | SPEC_IQA_DW);
        board_command(b, SPEC_GCMD_QIE, 0);
        board_set64(b, SPEC_IQT, 64);
        g_assert_true(qtest_wait(b->q, BOARD_UNIT + SPEC_FSTS, 4,
                                 SPEC_FSTS_IQE, SPEC_FSTS_IQE));
        g_assert_cmpuint(iqei(b), ==, SPEC_IQEI_FETCH);
        g_assert_cmphex(board_reg64(b, SPEC_IQH), ==, 0);
        board_command(b, 0, SPEC_GCMD_QIE);
        board_set32(b, SPEC_FSTS, SPEC_FSTS_IQE);
        g_assert_true(guest_queue_init_wide(&b->queue, &b->alloc, &b->regs,
                                            0));
        sm_flush(&s);
        sm_end(&s);
    }
}

/* An error says so once, by the fault event. */
static void test_event(void)
{
    const uint32_t addr = 0xfee01000, data = 0x61;
    const uint64_t bad[4] = { SPEC_INV_PASID_CACHE, 0, 1 };
    Sm s;

    sm_start(&s, OPTIONS, SPEC_PGTT_FIRST, 4);
    board_set32(&s.b, SPEC_FEDATA, data);
    board_set32(&s.b, SPEC_FEADDR, addr);
    board_set32(&s.b, SPEC_FECTL, 0);
    sink_clear(s.b.q);
    for (unsigned i = 0; i < 3; i++) {
        expect_error(&s, bad, SPEC_IQEI_RESERVED);
        board_expect_event(&s.b, addr, data);
    }
    sm_end(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wide-errors/reserved", test_reserved);
    g_test_add_func("/wide-errors/types", test_types);
    g_test_add_func("/wide-errors/granularities", test_granularities);
    g_test_add_func("/wide-errors/second-stage-only", test_second_stage_only);
    g_test_add_func("/wide-errors/not-announced", test_not_announced);
    g_test_add_func("/wide-errors/modes", test_modes);
    g_test_add_func("/wide-errors/tails", test_tails);
    g_test_add_func("/wide-errors/fetch", test_fetch);
    g_test_add_func("/wide-errors/event", test_event);
    return g_test_run();
}
