/* SPDX-License-Identifier: BSD-3-Clause */
/* Posted interrupts: the descriptor in memory and its notification
 * [VTD 5.2] [VTD 9.11]. */
#include "tests/qtest/board.h"

#define INDEX  9
#define NOTIFY 0xf2u
#define DEST   0x21u

static uint64_t start(Board *b, bool eime)
{
    uint64_t pid;

    board_start(b, eime ? "intremap=on,eim=on,posted-interrupts=on"
                        : "intremap=on,posted-interrupts=on");
    board_remap(b, 7, eime);
    board_queue(b, 0);
    pci_msix_enable(&b->dev.pci);
    pci_msix_set(&b->dev.pci, 0, guest_msi_addr(INDEX, false), 0);
    pid = board_pages(b, 1) + 0x40;
    sink_clear(b->q);
    return pid;
}

static void entry(Board *b, uint8_t vector, uint64_t pid, bool urgent)
{
    guest_irte_set_posted(&b->mem, b->irt, INDEX, vector, pid, urgent, 0);
    guest_queue_iec(&b->queue, true, 0, 0);
    board_sync(b);
}

static uint64_t control(Board *b, uint64_t pid)
{
    return board_get64(b, pid + SPEC_PID_CONTROL);
}

static void set_control(Board *b, uint64_t pid, uint64_t flags)
{
    board_put64(b, pid + SPEC_PID_CONTROL,
                flags | (uint64_t)NOTIFY << SPEC_PID_NV_SHIFT |
                (uint64_t)DEST << SPEC_PID_XNDST_SHIFT);
}

static bool posted(Board *b, uint64_t pid, uint8_t vector)
{
    return board_get64(b, pid + vector / 64 * 8) >> (vector % 64) & 1;
}

static void raise_interrupt(Board *b)
{
    testdev_interrupt(&b->dev, 0);
}

static void expect_notification(Board *b)
{
    SinkMessage msg;

    g_assert_true(sink_pop(b->q, &msg));
    g_assert_cmphex(msg.addr, ==,
                    SPEC_MSI_BASE | (uint64_t)DEST << SPEC_MSI_DEST_SHIFT);
    g_assert_cmphex(msg.data & ~SPEC_MSI_DATA_LEVEL, ==, NOTIFY);
    g_assert_cmpuint(sink_count(b->q), ==, 0);
}

static void expect_quiet(Board *b)
{
    g_assert_cmpuint(sink_count(b->q), ==, 0);
}

/* [VTD 5.2] [VTD 9.11] */
static void test_post(void)
{
    static const uint8_t vectors[] = { 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xff };
    uint64_t pid;
    Board b;

    pid = start(&b, false);
    for (unsigned i = 0; i < G_N_ELEMENTS(vectors); i++) {
        set_control(&b, pid, 0);
        entry(&b, vectors[i], pid, false);
        g_assert_false(posted(&b, pid, vectors[i]));
        raise_interrupt(&b);
        g_assert_true(posted(&b, pid, vectors[i]));
        g_assert_cmphex(control(&b, pid) & 3, ==, SPEC_PID_ON);
        expect_notification(&b);
        /* the earlier ones are still there */
        g_assert_true(posted(&b, pid, vectors[0]));
    }
    /* beside it nothing was written */
    g_assert_cmphex(board_get64(&b, pid - 8), ==, 0);
    g_assert_cmphex(board_get64(&b, pid + 40), ==, 0);
    g_assert_cmphex(board_get64(&b, pid + 64), ==, 0);
    board_no_fault(&b);
    board_end(&b);
}

/* A notification is outstanding until software clears ON [VTD 5.2.3]. */
static void test_outstanding(void)
{
    uint64_t pid;
    Board b;

    pid = start(&b, false);
    set_control(&b, pid, 0);
    entry(&b, 0x31, pid, false);
    raise_interrupt(&b);
    expect_notification(&b);
    entry(&b, 0x32, pid, false);
    raise_interrupt(&b);
    expect_quiet(&b);
    g_assert_true(posted(&b, pid, 0x32));
    set_control(&b, pid, 0);
    raise_interrupt(&b);
    expect_notification(&b);
    board_end(&b);
}

/* [VTD 5.2.3] */
static void test_suppress(void)
{
    uint64_t pid;
    Board b;

    pid = start(&b, false);
    set_control(&b, pid, SPEC_PID_SN);
    entry(&b, 0x31, pid, false);
    raise_interrupt(&b);
    expect_quiet(&b);
    g_assert_true(posted(&b, pid, 0x31));
    g_assert_cmphex(control(&b, pid) & 3, ==, SPEC_PID_SN);
    /* urgent ones are told all the same */
    entry(&b, 0x33, pid, true);
    raise_interrupt(&b);
    expect_notification(&b);
    g_assert_true(posted(&b, pid, 0x33));
    g_assert_cmphex(control(&b, pid) & 3, ==, SPEC_PID_SN | SPEC_PID_ON);
    /* once */
    raise_interrupt(&b);
    expect_quiet(&b);
    board_end(&b);
}

static void test_x2apic(void)
{
    SinkMessage msg;
    uint64_t pid;
    Board b;

    pid = start(&b, true);
    board_put64(&b, pid + SPEC_PID_CONTROL,
                (uint64_t)NOTIFY << SPEC_PID_NV_SHIFT |
                UINT64_C(0x12345678) << SPEC_PID_NDST_SHIFT);
    entry(&b, 0x99, pid, false);
    raise_interrupt(&b);
    g_assert_true(posted(&b, pid, 0x99));
    g_assert_true(sink_pop(b.q, &msg));
    g_assert_cmphex(msg.addr, ==, SPEC_MSI_BASE | 0x78 << 12 |
                    UINT64_C(0x123456) << 40);
    g_assert_cmphex(msg.data & ~SPEC_MSI_DATA_LEVEL, ==, NOTIFY);
    board_end(&b);
}

/* --- Faults -------------------------------------------------------------- */

static void expect_blocked(Board *b, uint8_t reason)
{
    Fault fault;

    raise_interrupt(b);
    expect_quiet(b);
    fault = board_take_fault(b);
    g_assert_cmphex(fault.reason, ==, reason);
    g_assert_cmphex(fault.source, ==, b->source);
    g_assert_cmphex(fault.info, ==,
                    (uint64_t)INDEX << SPEC_FRCD_LO_INDEX_SHIFT);
    board_no_fault(b);
}

static void set_raw(Board *b, uint64_t lo, uint64_t hi)
{
    guest_irte_set_raw(&b->mem, b->irt, INDEX, lo, hi);
    guest_queue_iec(&b->queue, true, 0, 0);
    board_sync(b);
}

/* [VTD 9.10] */
static void test_faults(void)
{
    uint64_t pid, at, lo;
    Board b;

    pid = start(&b, false);
    entry(&b, 0x44, BOARD_HOLE, false);
    expect_blocked(&b, SPEC_FR_IR_PID_ACCESS);
    entry(&b, 0x44, BOARD_UNIT, false);
    expect_blocked(&b, SPEC_FR_IR_PID_ACCESS);

    entry(&b, 0x44, pid, false);
    for (unsigned bit = 2; bit < 16; bit++) {
        g_test_message("bit %u", bit);
        set_control(&b, pid, SPEC_BIT(bit));
        expect_blocked(&b, SPEC_FR_IR_PID_RESERVED);
        g_assert_false(posted(&b, pid, 0x44));
    }
    for (unsigned bit = 24; bit < 32; bit++) {
        set_control(&b, pid, SPEC_BIT(bit));
        expect_blocked(&b, SPEC_FR_IR_PID_RESERVED);
    }
    set_control(&b, pid, 0);
    /* the last 24 bytes */
    for (unsigned word = 5; word < 8; word++) {
        board_put64(&b, pid + 8 * word, SPEC_BIT(9 * word));
        expect_blocked(&b, SPEC_FR_IR_PID_RESERVED);
        board_put64(&b, pid + 8 * word, 0);
    }
    raise_interrupt(&b);
    expect_notification(&b);

    /* reserved bits of the entry in this format */
    at = b.irt + INDEX * 16;
    lo = board_get64(&b, at);
    for (unsigned bit = 2; bit < 38; bit++) {
        if (!(SPEC_IRTE_PRSVD & SPEC_BIT(bit))) {
            continue;
        }
        g_test_message("entry, bit %u", bit);
        set_raw(&b, lo | SPEC_BIT(bit), 0);
        expect_blocked(&b, SPEC_FR_IR_IRTE_RESERVED);
    }
    for (unsigned bit = 20; bit < 32; bit++) {
        set_raw(&b, lo, SPEC_BIT(bit));
        expect_blocked(&b, SPEC_FR_IR_IRTE_RESERVED);
    }
    board_end(&b);
}

static void test_source(void)
{
    uint64_t pid;
    Board b;

    pid = start(&b, false);
    set_control(&b, pid, 0);
    guest_irte_set_posted(&b.mem, b.irt, INDEX, 0x44, pid, false,
                          b.source ^ 0x10);
    expect_blocked(&b, SPEC_FR_IR_SOURCE);
    g_assert_false(posted(&b, pid, 0x44));
    guest_irte_set_posted(&b.mem, b.irt, INDEX, 0x44, pid, false, b.source);
    guest_queue_iec(&b.queue, true, 0, 0);
    board_sync(&b);
    raise_interrupt(&b);
    expect_notification(&b);
    board_end(&b);
}

static void test_fpd(void)
{
    uint64_t pid, lo;
    Board b;

    pid = start(&b, false);
    entry(&b, 0x44, BOARD_HOLE, false);
    lo = board_get64(&b, b.irt + INDEX * 16);
    set_raw(&b, lo | SPEC_IRTE_FPD, 0);
    raise_interrupt(&b);
    expect_quiet(&b);
    board_no_fault(&b);
    entry(&b, 0x44, pid, false);
    set_control(&b, pid, SPEC_BIT(5));
    lo = board_get64(&b, b.irt + INDEX * 16);
    set_raw(&b, lo | SPEC_IRTE_FPD, 0);
    raise_interrupt(&b);
    expect_quiet(&b);
    board_no_fault(&b);
    board_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/posted/post", test_post);
    g_test_add_func("/posted/outstanding", test_outstanding);
    g_test_add_func("/posted/suppress", test_suppress);
    g_test_add_func("/posted/x2apic", test_x2apic);
    g_test_add_func("/posted/faults", test_faults);
    g_test_add_func("/posted/source", test_source);
    g_test_add_func("/posted/fpd", test_fpd);
    return g_test_run();
}
