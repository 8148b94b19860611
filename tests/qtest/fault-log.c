/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How faults are recorded and signalled: records in turn, overflow, pending
 * and mask bits, the fault event message [VTD 7.2] [VTD 11.4.7].
 */
#include <stdio.h>

#include "tests/qtest/board.h"

#define IOVA       UINT64_C(0x40000000)
#define EVENT_ADDR 0xfee02000u
#define EVENT_DATA 0x41u
#define MAX_DEVS   10

typedef struct Many {
    Board b;
    Testdev dev[MAX_DEVS];
    unsigned n;
} Many;

/* @n endpoints, none of which has a mapping. */
static void start_many(Many *m, const char *options, unsigned n)
{
    g_autoptr(GString) more = g_string_new(NULL);

    g_assert_cmpuint(n, <=, MAX_DEVS);
    for (unsigned i = 1; i < n; i++) {
        g_string_append_printf(more, "-device viommu-testdev,addr=%x ",
                               3 + i);
    }
    board_start_with(&m->b, options, more->str);
    m->n = n;
    m->dev[0] = m->b.dev;
    for (unsigned i = 1; i < n; i++) {
        testdev_init(&m->dev[i], &m->b.bus, i);
    }
    board_translate(&m->b, 4);
}

/* A fault by endpoint @i; it has no context entry except for number 0. */
static void make_fault(Many *m, unsigned i, bool write)
{
    uint64_t value = 0;
    TestdevResult result = write
        ? testdev_dma_write(&m->dev[i], IOVA, &value, 8)
        : testdev_dma_read(&m->dev[i], IOVA, &value, 8);

    g_assert_cmpint(result.why, ==, TD_BLOCKED);
}

static void expect_record(Many *m, unsigned record, unsigned dev)
{
    Fault fault = board_fault(&m->b, record);

    g_test_message("record %u is of endpoint %u", record, dev);
    g_assert_true(fault.valid);
    g_assert_cmphex(fault.source, ==, pci_source(&m->dev[dev].pci));
    g_assert_cmphex(fault.reason, ==, dev ? SPEC_FR_CTX_NOT_PRESENT
                                          : SPEC_FR_READ);
    g_assert_cmphex(fault.info, ==, IOVA);
}

static uint32_t fsts(Many *m)
{
    return board_reg32(&m->b, SPEC_FSTS);
}

static unsigned fri(Many *m)
{
    return (fsts(m) & SPEC_FSTS_FRI) >> SPEC_FSTS_FRI_SHIFT;
}

/* [VTD 11.4.7.1] */
static void test_overflow_of_one(void)
{
    Many m;

    start_many(&m, "fault-records=1", 3);
    make_fault(&m, 1, false);
    g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PPF);
    expect_record(&m, 0, 1);
    make_fault(&m, 2, false);
    g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PPF | SPEC_FSTS_PFO);
    /* the first one stays */
    expect_record(&m, 0, 1);
    /* neither bit goes away by writing to FSTS what is not its own */
    board_set32(&m.b, SPEC_FSTS, SPEC_FSTS_PPF);
    g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PPF | SPEC_FSTS_PFO);
    board_clear_fault(&m.b, 0);
    g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PFO);
    /* while PFO is set nothing is recorded */
    make_fault(&m, 2, false);
    g_assert_false(board_fault(&m.b, 0).valid);
    g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PFO);
    board_set32(&m.b, SPEC_FSTS, SPEC_FSTS_PFO);
    board_no_fault(&m.b);
    make_fault(&m, 2, false);
    g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PPF);
    expect_record(&m, 0, 2);
    board_end(&m.b);
}

static void test_overflow_of_eight(void)
{
    Many m;

    start_many(&m, "fault-records=8", 10);
    for (unsigned i = 0; i < 8; i++) {
        make_fault(&m, i, false);
        g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PPF);
    }
    make_fault(&m, 8, false);
    g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PPF | SPEC_FSTS_PFO);
    for (unsigned i = 0; i < 8; i++) {
        expect_record(&m, i, i);
    }
    /* PPF stands as long as one record does, and FRI with it */
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PPF | SPEC_FSTS_PFO);
        board_clear_fault(&m.b, i);
    }
    g_assert_cmphex(fsts(&m) & SPEC_FSTS_PPF, ==, 0);
    board_set32(&m.b, SPEC_FSTS, SPEC_FSTS_PFO);
    make_fault(&m, 9, false);
    g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PPF);
    expect_record(&m, 0, 9);
    board_end(&m.b);
}

static void test_index(void)
{
    Many m;

    start_many(&m, "fault-records=8", 3);
    make_fault(&m, 1, false);
    make_fault(&m, 2, false);
    g_assert_cmpuint(fri(&m), ==, 0);
    /* the first pending one is what FRI keeps telling */
    board_clear_fault(&m.b, 0);
    g_assert_cmphex(fsts(&m) & SPEC_FSTS_PPF, ==, SPEC_FSTS_PPF);
    board_clear_fault(&m.b, 1);
    g_assert_cmphex(fsts(&m) & SPEC_FSTS_PPF, ==, 0);
    make_fault(&m, 1, false);
    g_assert_cmpuint(fri(&m), ==, 2);
    expect_record(&m, 2, 1);
    board_end(&m.b);
}

/* Each record is used in turn, up to the last and around. */
static void check_rotation(unsigned records)
{
    char options[32];
    Many m;

    snprintf(options, sizeof(options), "fault-records=%u", records);
    start_many(&m, options, 1);
    g_assert_cmpuint(guest_frcd_count(&m.b.regs), ==, records);
    for (unsigned i = 0; i < 2 * records + 3; i++) {
        make_fault(&m, 0, false);
        g_assert_cmphex(fsts(&m) & SPEC_FSTS_PPF, ==, SPEC_FSTS_PPF);
        g_assert_cmphex(fsts(&m) & SPEC_FSTS_PFO, ==, 0);
        g_assert_cmpuint(fri(&m), ==, i % records);
        expect_record(&m, i % records, 0);
        board_clear_fault(&m.b, i % records);
    }
    board_no_fault(&m.b);
    board_end(&m.b);
}

/* [VTD 7.2.1] */
static void test_rotation(void)
{
    check_rotation(1);
    check_rotation(8);
    check_rotation(256);
}

/*
 * Repeats of a source with a pending record take no further ones [VTD 7.2.1].
 */
static void test_repeats(void)
{
    Many m;

    start_many(&m, "fault-records=8", 2);
    for (unsigned i = 0; i < 20; i++) {
        make_fault(&m, 0, false);
        make_fault(&m, 1, false);
    }
    g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PPF);
    expect_record(&m, 0, 0);
    expect_record(&m, 1, 1);
    g_assert_false(board_fault(&m.b, 2).valid);
    /* a served one is told again */
    board_clear_fault(&m.b, 0);
    make_fault(&m, 0, false);
    expect_record(&m, 2, 0);
    board_end(&m.b);
}

/* F is cleared by an access of any size, and by nothing but a one
 * [VTD 11.4.7.6]. */
static void test_clear_sizes(void)
{
    Many m;
    uint64_t hi;

    start_many(&m, "", 1);
    hi = guest_frcd_offset(&m.b.regs, 0) + 8;
    make_fault(&m, 0, true);
    board_set64(&m.b, hi, ~SPEC_FRCD_HI_F);
    board_set64(&m.b, hi - 8, ~0ull);
    board_set32(&m.b, hi + 4, 0);
    g_assert_true(board_fault(&m.b, 0).valid);
    g_assert_false(board_fault(&m.b, 0).read);
    board_set64(&m.b, hi, SPEC_FRCD_HI_F);
    board_no_fault(&m.b);
    make_fault(&m, 0, true);
    board_set32(&m.b, hi + 4, SPEC_BIT(31));
    board_no_fault(&m.b);
    make_fault(&m, 0, true);
    qtest_write(m.b.q, BOARD_UNIT + hi + 6, 0x8000, 2);
    board_no_fault(&m.b);
    make_fault(&m, 0, true);
    qtest_write(m.b.q, BOARD_UNIT + hi + 7, 0x80, 1);
    board_no_fault(&m.b);
    board_end(&m.b);
}

/* --- The fault event ----------------------------------------------------- */

static void set_event(Board *b)
{
    board_set32(b, SPEC_FEDATA, EVENT_DATA);
    board_set32(b, SPEC_FEADDR, EVENT_ADDR);
    board_set32(b, SPEC_FEUADDR, 0);
    sink_clear(b->q);
}

static void expect_quiet(Board *b)
{
    g_assert_cmpuint(sink_count(b->q), ==, 0);
}

/* [VTD 7.3] */
static void test_event(void)
{
    Many m;
    Board *b = &m.b;

    start_many(&m, "fault-records=4", 4);
    set_event(b);
    board_set32(b, SPEC_FECTL, 0);
    g_assert_cmphex(board_reg32(b, SPEC_FECTL), ==, 0);
    expect_quiet(b);
    make_fault(&m, 0, false);
    board_expect_event(b, EVENT_ADDR, EVENT_DATA);
    g_assert_cmphex(board_reg32(b, SPEC_FECTL), ==, 0);
    /* a further fault while one is pending is no new condition */
    make_fault(&m, 1, false);
    expect_quiet(b);
    board_clear_fault(b, 0);
    make_fault(&m, 2, false);
    expect_quiet(b);
    /* all served: the next one is */
    board_clear_fault(b, 1);
    board_clear_fault(b, 2);
    make_fault(&m, 3, false);
    board_expect_event(b, EVENT_ADDR, EVENT_DATA);
    board_end(b);
}

/* [VTD 11.4.7.2] */
static void test_event_masked(void)
{
    Many m;
    Board *b = &m.b;

    start_many(&m, "fault-records=4", 4);
    set_event(b);
    make_fault(&m, 0, false);
    expect_quiet(b);
    g_assert_cmphex(board_reg32(b, SPEC_FECTL), ==,
                    SPEC_ECTL_IM | SPEC_ECTL_IP);
    /* IP is read-only */
    board_set32(b, SPEC_FECTL, SPEC_ECTL_IM);
    g_assert_cmphex(board_reg32(b, SPEC_FECTL), ==,
                    SPEC_ECTL_IM | SPEC_ECTL_IP);
    board_set32(b, SPEC_FECTL, 0);
    board_expect_event(b, EVENT_ADDR, EVENT_DATA);
    g_assert_cmphex(board_reg32(b, SPEC_FECTL), ==, 0);
    /* sent once */
    board_set32(b, SPEC_FECTL, SPEC_ECTL_IM);
    board_set32(b, SPEC_FECTL, 0);
    expect_quiet(b);

    /* what was served while masked is not sent later */
    board_clear_fault(b, 0);
    board_set32(b, SPEC_FECTL, SPEC_ECTL_IM);
    make_fault(&m, 1, false);
    g_assert_cmphex(board_reg32(b, SPEC_FECTL), ==,
                    SPEC_ECTL_IM | SPEC_ECTL_IP);
    board_clear_fault(b, 1);
    g_assert_cmphex(board_reg32(b, SPEC_FECTL), ==, SPEC_ECTL_IM);
    board_set32(b, SPEC_FECTL, 0);
    expect_quiet(b);
    board_end(b);
}

/* PFO alone holds the pending event, too. */
static void test_event_overflow(void)
{
    Many m;
    Board *b = &m.b;

    start_many(&m, "fault-records=1", 3);
    set_event(b);
    make_fault(&m, 1, false);
    make_fault(&m, 2, false);
    g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PPF | SPEC_FSTS_PFO);
    board_clear_fault(b, 0);
    g_assert_cmphex(board_reg32(b, SPEC_FECTL), ==,
                    SPEC_ECTL_IM | SPEC_ECTL_IP);
    board_set32(b, SPEC_FSTS, SPEC_FSTS_PFO);
    g_assert_cmphex(board_reg32(b, SPEC_FECTL), ==, SPEC_ECTL_IM);
    board_set32(b, SPEC_FECTL, 0);
    expect_quiet(b);
    board_end(b);
}

/* With x2APIC, the destination's upper bits are in FEUADDR [VTD 5.1.6]. */
static void test_event_upper(void)
{
    SinkMessage msg;
    Many m;

    start_many(&m, "intremap=on,eim=on", 1);
    set_event(&m.b);
    board_set32(&m.b, SPEC_FEUADDR, 0x00012300);
    board_set32(&m.b, SPEC_FECTL, 0);
    make_fault(&m, 0, false);
    g_assert_true(sink_pop(m.b.q, &msg));
    g_assert_cmphex(msg.addr, ==, 0x0001230000000000ull | EVENT_ADDR);
    g_assert_cmphex(msg.data, ==, EVENT_DATA);
    board_end(&m.b);
}

/* A message register that points at memory writes nothing there. */
static void test_event_elsewhere(void)
{
    uint64_t page;
    Many m;

    start_many(&m, "", 1);
    page = board_pages(&m.b, 1);
    set_event(&m.b);
    board_set32(&m.b, SPEC_FEADDR, page);
    board_set32(&m.b, SPEC_FECTL, 0);
    make_fault(&m, 0, false);
    g_assert_cmphex(fsts(&m), ==, SPEC_FSTS_PPF);
    g_assert_cmphex(board_get64(&m.b, page), ==, 0);
    board_end(&m.b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fault-log/overflow-of-one", test_overflow_of_one);
    g_test_add_func("/fault-log/overflow-of-eight", test_overflow_of_eight);
    g_test_add_func("/fault-log/index", test_index);
    g_test_add_func("/fault-log/rotation", test_rotation);
    g_test_add_func("/fault-log/repeats", test_repeats);
    g_test_add_func("/fault-log/clear-sizes", test_clear_sizes);
    g_test_add_func("/fault-log/event", test_event);
    g_test_add_func("/fault-log/event-masked", test_event_masked);
    g_test_add_func("/fault-log/event-overflow", test_event_overflow);
    g_test_add_func("/fault-log/event-upper", test_event_upper);
    g_test_add_func("/fault-log/event-elsewhere", test_event_elsewhere);
    return g_test_run();
}
