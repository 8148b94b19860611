/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupt remapping: formats, fields, validation of the source, and each
 * fault reason (chapter 5).
 */
#include "tests/qtest/board.h"

#define INDEX 0x23
/* 2^(7 + 1) entries */
#define SIZE_FIELD 7
#define ENTRIES    256u

static void start(Board *b, const char *options, bool eime)
{
    board_start(b, options);
    board_remap(b, SIZE_FIELD, eime);
    board_queue(b, 0);
    pci_msix_enable(&b->dev.pci);
}

/* IRTEs may be cached. */
static void flush(Board *b)
{
    guest_queue_iec(&b->queue, true, 0, 0);
    board_sync(b);
}

static void request(Board *b, uint64_t addr, uint32_t data)
{
    sink_clear(b->q);
    pci_msix_set(&b->dev.pci, 0, addr, data);
    testdev_interrupt(&b->dev, 0);
}

static void expect_message(Board *b, uint64_t addr, uint32_t data)
{
    /* "assert" says nothing about an edge */
    const uint32_t level = SPEC_MSI_DATA_LEVEL;
    SinkMessage msg;

    g_assert_true(sink_pop(b->q, &msg));
    g_assert_cmphex(msg.addr, ==, addr);
    g_assert_cmphex(msg.data & ~level, ==, data & ~level);
    g_assert_cmpuint(sink_count(b->q), ==, 0);
    board_no_fault(b);
}

/* Blocked, with this reason in exactly one record. */
static void expect_blocked(Board *b, uint8_t reason, int index)
{
    Fault fault = board_take_fault(b);

    g_assert_cmpuint(sink_count(b->q), ==, 0);
    g_assert_cmphex(fault.reason, ==, reason);
    g_assert_cmphex(fault.source, ==, b->source);
    if (index >= 0) {
        g_assert_cmphex(fault.info, ==,
                        (uint64_t)index << SPEC_FRCD_LO_INDEX_SHIFT);
    }
    g_assert_cmphex(fault.rest, ==, 0);
    board_no_fault(b);
}

static uint64_t dest_bits(uint32_t dest)
{
    return (uint64_t)(dest & 0xff) << SPEC_MSI_DEST_SHIFT |
           (uint64_t)(dest >> 8) << 40;
}

/* --- Fields -------------------------------------------------------------- */

static void test_off(void)
{
    Board b;

    board_start(&b, "intremap=on");
    pci_msix_enable(&b.dev.pci);
    request(&b, 0xfee01004, 0x4123);
    expect_message(&b, 0xfee01004, 0x4123);
    board_end(&b);

    board_start(&b, "intremap=off");
    pci_msix_enable(&b.dev.pci);
    request(&b, 0xfee0500c, 0x31);
    expect_message(&b, 0xfee0500c, 0x31);
    board_end(&b);
}

static void check_fields(Board *b, const GuestIrte *irte)
{
    guest_irte_set(&b->mem, b->irt, INDEX, irte);
    flush(b);
    request(b, guest_msi_addr(INDEX, false), 0);
    expect_message(b, SPEC_MSI_BASE | dest_bits(irte->dest) |
                   (irte->rh ? SPEC_MSI_RH : 0) |
                   (irte->dm ? SPEC_MSI_DM : 0),
                   irte->vector |
                   (uint32_t)irte->dlm << SPEC_MSI_DATA_DLM_SHIFT |
                   (irte->tm ? (uint32_t)SPEC_MSI_DATA_TRIGGER : 0));
}

static void test_fields(void)
{
    static const uint8_t modes[] = { 0, 1, 2, 4, 5, 7 };
    Board b;

    start(&b, "intremap=on", false);
    for (unsigned i = 0; i < 8; i++) {
        GuestIrte irte = {
            .vector = 0x30 + i, .dest = 0x11 * i,
            .dm = i & 1, .rh = i & 2, .tm = i & 4,
        };

        check_fields(&b, &irte);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        GuestIrte irte = { .vector = 0xfe, .dest = 0xff, .dlm = modes[i] };

        check_fields(&b, &irte);
    }
    board_end(&b);
}

/* [VTD 11.4.10] */
static void test_fields_x2apic(void)
{
    static const uint32_t dests[] = {
        0, 1, 0xff, 0x100, 0x12345678, 0xffffffff,
    };
    Board b;

    start(&b, "intremap=on,eim=on", true);
    for (unsigned i = 0; i < G_N_ELEMENTS(dests); i++) {
        GuestIrte irte = {
            .vector = 0x50 + i, .dest = dests[i], .eim = true, .dm = i & 1,
        };

        check_fields(&b, &irte);
    }
    board_end(&b);
}

/*
 * Each index leads to its own entry; with SHV the data adds to it [VTD 5.1.3].
 */
static void test_handles(void)
{
    static const uint16_t handles[] = {
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xabcd, 0xffff,
    };
    Board b;

    board_start(&b, "intremap=on");
    board_remap(&b, 15, false);
    board_queue(&b, 0);
    pci_msix_enable(&b.dev.pci);
    for (unsigned i = 0; i < G_N_ELEMENTS(handles); i++) {
        GuestIrte irte = { .vector = 0x20 + i, .dest = i };

        guest_irte_set(&b.mem, b.irt, handles[i], &irte);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(handles); i++) {
        uint64_t want = SPEC_MSI_BASE | dest_bits(i);

        request(&b, guest_msi_addr(handles[i], false), 0);
        expect_message(&b, want, 0x20 + i);
        /* without SHV, the data does not count */
        request(&b, guest_msi_addr(handles[i], false), 0xffffffff);
        expect_message(&b, want, 0x20 + i);
        request(&b, guest_msi_addr(handles[i], true), 0);
        expect_message(&b, want, 0x20 + i);
        request(&b, guest_msi_addr(0, true), handles[i]);
        expect_message(&b, want, 0x20 + i);
        if (handles[i] >= 2) {
            request(&b, guest_msi_addr(handles[i] - 2, true), 2);
            expect_message(&b, want, 0x20 + i);
        }
    }
    board_end(&b);
}

/* MSI instead of MSI-X: the vectors are subhandles. */
static void test_msi(void)
{
    Board b;

    board_start(&b, "intremap=on");
    board_remap(&b, SIZE_FIELD, false);
    for (unsigned i = 0; i < 8; i++) {
        GuestIrte irte = { .vector = 0x60 + i, .dest = 8 - i };

        guest_irte_set(&b.mem, b.irt, 16 + i, &irte);
    }
    pci_msi_enable(&b.dev.pci, guest_msi_addr(16, true), 0, 3);
    for (unsigned i = 0; i < 8; i++) {
        sink_clear(b.q);
        testdev_interrupt(&b.dev, i);
        expect_message(&b, SPEC_MSI_BASE | dest_bits(8 - i), 0x60 + i);
    }
    board_end(&b);
}

/* A DMA write to the interrupt range is an interrupt, whatever the tables
 * say about that address. */
static void test_dma_write(void)
{
    GuestIrte irte = { .vector = 0x77, .dest = 3 };
    uint32_t data = 0;
    uint64_t page;
    Board b;

    start(&b, "intremap=on", false);
    board_translate(&b, 4);
    page = board_pages(&b, 1);
    board_map(&b, SPEC_MSI_BASE, page, BOARD_RW);
    guest_irte_set(&b.mem, b.irt, INDEX, &irte);
    sink_clear(b.q);
    g_assert_cmpint(testdev_dma_write(&b.dev, guest_msi_addr(INDEX, false),
                                      &data, 4).why, ==, TD_OK);
    expect_message(&b, SPEC_MSI_BASE | dest_bits(3), 0x77);
    g_assert_cmphex(board_get64(&b, page), ==, 0);
    board_end(&b);
}

/* --- Compatibility format ------------------------------------------------ */

/* [VTD 5.1.4] */
static void test_compatibility(void)
{
    Board b;

    start(&b, "intremap=on", false);
    request(&b, 0xfee01000, 0x45);
    expect_blocked(&b, SPEC_FR_IR_COMPAT, -1);
    board_command(&b, SPEC_GCMD_CFI, 0);
    request(&b, 0xfee0100c, 0x45);
    expect_message(&b, 0xfee0100c, 0x45);
    board_command(&b, 0, SPEC_GCMD_CFI);
    request(&b, 0xfee01000, 0x45);
    expect_blocked(&b, SPEC_FR_IR_COMPAT, -1);
    board_end(&b);

    /* in extended mode CFI does not count */
    start(&b, "intremap=on,eim=on", true);
    request(&b, 0xfee01000, 0x45);
    expect_blocked(&b, SPEC_FR_IR_COMPAT, -1);
    board_set32(&b, SPEC_GCMD,
                (board_reg32(&b, SPEC_GSTS) & ~SPEC_GCMD_SIRTP) |
                SPEC_GCMD_CFI);
    request(&b, 0xfee01000, 0x45);
    expect_blocked(&b, SPEC_FR_IR_COMPAT, -1);
    board_end(&b);
}

/* --- Faults -------------------------------------------------------------- */

static void set_raw(Board *b, uint64_t lo, uint64_t hi)
{
    guest_irte_set_raw(&b->mem, b->irt, INDEX, lo, hi);
    flush(b);
}

static void request_index(Board *b)
{
    request(b, guest_msi_addr(INDEX, false), 0);
}

#define GOOD_LO (SPEC_IRTE_P | UINT64_C(0x66) << SPEC_IRTE_V_SHIFT | \
                 UINT64_C(2) << SPEC_IRTE_XDST_SHIFT)

#define GOOD_ADDR (SPEC_MSI_BASE | UINT64_C(2) << SPEC_MSI_DEST_SHIFT)
#define GOOD_DATA 0x66

/* QEMU's I/O APIC, and what firmware's table says of it */
#define IOAPIC        UINT64_C(0xfec00000)
#define IOAPIC_WINDOW (IOAPIC + 0x10)
#define IOAPIC_SOURCE 0xff00u

static void expect_good(Board *b)
{
    request_index(b);
    expect_message(b, GOOD_ADDR, GOOD_DATA);
}

/* [VTD 5.1.4] */
static void test_request_faults(void)
{
    Board b;

    start(&b, "intremap=on", false);
    set_raw(&b, GOOD_LO, 0);
    expect_good(&b);
    /* with SHV, the data's upper half is reserved */
    request(&b, guest_msi_addr(INDEX, true), 0x10000);
    expect_blocked(&b, SPEC_FR_IR_RESERVED, -1);
    request(&b, guest_msi_addr(INDEX, true), 0x80000000);
    expect_blocked(&b, SPEC_FR_IR_RESERVED, -1);
    /* behind the table's end */
    request(&b, guest_msi_addr(ENTRIES, false), 0);
    expect_blocked(&b, SPEC_FR_IR_INDEX, ENTRIES);
    request(&b, guest_msi_addr(0xffff, false), 0);
    expect_blocked(&b, SPEC_FR_IR_INDEX, 0xffff);
    request(&b, guest_msi_addr(ENTRIES - 1, true), 1);
    expect_blocked(&b, SPEC_FR_IR_INDEX, ENTRIES);
    /* the sum does not wrap around to a good index */
    request(&b, guest_msi_addr(0xffff, true), INDEX + 1);
    expect_blocked(&b, SPEC_FR_IR_INDEX, -1);
    request(&b, guest_msi_addr(ENTRIES - 1, false), 0);
    expect_blocked(&b, SPEC_FR_IR_NOT_PRESENT, ENTRIES - 1);
    board_end(&b);
}

/* [VTD 9.9] */
static void test_entry_faults(void)
{
    Board b;

    start(&b, "intremap=on", false);
    set_raw(&b, 0, 0);
    request_index(&b);
    expect_blocked(&b, SPEC_FR_IR_NOT_PRESENT, INDEX);
    /* reserved bits of what is not present do not count */
    set_raw(&b, SPEC_IRTE_RSVD, SPEC_IRTE_HI_RSVD);
    request_index(&b);
    expect_blocked(&b, SPEC_FR_IR_NOT_PRESENT, INDEX);

    for (unsigned bit = 12; bit < 32; bit++) {
        /* bit 15, posted, is not offered here */
        if (bit < 16 || bit > 23) {
            g_test_message("bit %u", bit);
            set_raw(&b, GOOD_LO | SPEC_BIT(bit), 0);
            request_index(&b);
            expect_blocked(&b, SPEC_FR_IR_IRTE_RESERVED, INDEX);
        }
    }
    for (unsigned bit = 20; bit < 64; bit++) {
        g_test_message("bit %u", 64 + bit);
        set_raw(&b, GOOD_LO, SPEC_BIT(bit));
        request_index(&b);
        expect_blocked(&b, SPEC_FR_IR_IRTE_RESERVED, INDEX);
    }
    /* for software: bits 11:8 */
    set_raw(&b, GOOD_LO | SPEC_BITS(11, 8), 0);
    expect_good(&b);
    board_end(&b);
}

/* Without extended mode, the destination has eight bits.  What stands beside
 * them is ignored, since guests put an x2APIC destination there. */
static void test_wide_destination(void)
{
    Board b;

    start(&b, "intremap=on,strict=on", false);
    for (unsigned bit = 32; bit < 64; bit++) {
        if (bit < 40 || bit > 47) {
            set_raw(&b, GOOD_LO | SPEC_BIT(bit), 0);
            request_index(&b);
            expect_blocked(&b, SPEC_FR_IR_IRTE_RESERVED, INDEX);
        }
    }
    board_end(&b);

    start(&b, "intremap=on", false);
    set_raw(&b, (GOOD_LO & ~SPEC_IRTE_DST) |
                (SPEC_IRTE_DST & ~SPEC_IRTE_XDST) |
                UINT64_C(0x12) << SPEC_IRTE_XDST_SHIFT, 0);
    request_index(&b);
    expect_message(&b, SPEC_MSI_BASE | dest_bits(0x12), GOOD_DATA);
    board_end(&b);
}

static void test_table_access(void)
{
    Board b;

    start(&b, "intremap=on", false);
    g_assert_true(guest_set_irta(&b.regs, BOARD_HOLE, SIZE_FIELD, false));
    flush(&b);
    request_index(&b);
    expect_blocked(&b, SPEC_FR_IR_ACCESS, INDEX);
    g_assert_true(guest_set_irta(&b.regs, BOARD_UNIT, SIZE_FIELD, false));
    flush(&b);
    request_index(&b);
    expect_blocked(&b, SPEC_FR_IR_ACCESS, INDEX);
    board_end(&b);
}

/* --- Validation of the source -------------------------------------------- */

static void check_source(Board *b, unsigned svt, unsigned sq, uint16_t sid,
                         bool good)
{
    g_test_message("SVT %u, SQ %u, SID %#x", svt, sq, sid);
    set_raw(b, GOOD_LO, sid | (uint64_t)sq << SPEC_IRTE_HI_SQ_SHIFT |
            (uint64_t)svt << SPEC_IRTE_HI_SVT_SHIFT);
    if (good) {
        expect_good(b);
    } else {
        request_index(b);
        expect_blocked(b, SPEC_FR_IR_SOURCE, INDEX);
    }
}

/* [VTD 9.9] */
static void test_source(void)
{
    /* bits of the function number that SQ leaves out */
    static const uint16_t masks[] = { 0, 4, 6, 7 };
    Board b;

    start(&b, "intremap=on", false);
    check_source(&b, SPEC_SVT_NONE, 0, 0xffff, true);
    check_source(&b, SPEC_SVT_NONE, 3, 0, true);
    for (unsigned sq = 0; sq < 4; sq++) {
        check_source(&b, SPEC_SVT_SID, sq, b.source, true);
        for (unsigned bit = 0; bit < 16; bit++) {
            check_source(&b, SPEC_SVT_SID, sq, b.source ^ (1u << bit),
                         masks[sq] >> bit & 1);
        }
    }
    /* the endpoint is on bus 0 */
    check_source(&b, SPEC_SVT_BUS, 0, 0x0000, true);
    check_source(&b, SPEC_SVT_BUS, 0, 0x00ff, true);
    check_source(&b, SPEC_SVT_BUS, 0, 0x0105, false);
    check_source(&b, SPEC_SVT_BUS, 0, 0xff00, false);
    board_end(&b);
}

/*
 * QEMU's I/O APIC, whose source firmware's table gives.  Guests in the wild put
 * another one into its entries.
 */
static void test_ioapic_source(void)
{
    static const struct {
        uint64_t hi;
        uint8_t reason;     /* of a strict unit; 0: none */
    } cases[] = {
        { IOAPIC_SOURCE | SPEC_SVT_SID << SPEC_IRTE_HI_SVT_SHIFT, 0 },
        { 0x0008 | SPEC_SVT_SID << SPEC_IRTE_HI_SVT_SHIFT,
          SPEC_FR_IR_SOURCE },
        { 0x0102 | SPEC_SVT_BUS << SPEC_IRTE_HI_SVT_SHIFT,
          SPEC_FR_IR_SOURCE },
        { 3u << SPEC_IRTE_HI_SVT_SHIFT, SPEC_FR_IR_IRTE_RESERVED },
    };

    for (unsigned strict = 0; strict < 2; strict++) {
        Board b;

        start(&b, strict ? "intremap=on,strict=on" : "intremap=on", false);
        /* pin 16: the entry's number, and "remappable" */
        qtest_writel(b.q, IOAPIC, 0x10 + 2 * 16 + 1);
        qtest_writel(b.q, IOAPIC_WINDOW, INDEX << 17 | 1 << 16);
        qtest_writel(b.q, IOAPIC, 0x10 + 2 * 16);
        qtest_writel(b.q, IOAPIC_WINDOW, GOOD_DATA);
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
            g_test_message("strict %u, case %u", strict, i);
            set_raw(&b, GOOD_LO, cases[i].hi);
            sink_clear(b.q);
            for (unsigned level = 2; level-- > 0;) {
                g_free(qtest_special(b.q, "set_irq_in /machine/q35/ioapic "
                                     "unnamed-gpio-in 16 %u", level));
            }
            if (strict && cases[i].reason) {
                Fault fault = board_take_fault(&b);

                g_assert_cmpuint(sink_count(b.q), ==, 0);
                g_assert_cmphex(fault.reason, ==, cases[i].reason);
                g_assert_cmphex(fault.source, ==, IOAPIC_SOURCE);
            } else {
                expect_message(&b, GOOD_ADDR, GOOD_DATA);
            }
        }
        board_end(&b);
    }
}

/* SVT 3 is reserved: blocked, as a bad entry or as a bad source. */
static void test_source_reserved(void)
{
    Fault fault;
    Board b;

    start(&b, "intremap=on", false);
    set_raw(&b, GOOD_LO, b.source | 3u << SPEC_IRTE_HI_SVT_SHIFT);
    request_index(&b);
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    fault = board_take_fault(&b);
    g_assert_true(fault.reason == SPEC_FR_IR_IRTE_RESERVED ||
                  fault.reason == SPEC_FR_IR_SOURCE);
    board_end(&b);
}

/* --- Fault processing disable -------------------------------------------- */

static void expect_silent(Board *b)
{
    request_index(b);
    g_assert_cmpuint(sink_count(b->q), ==, 0);
    board_no_fault(b);
}

static void test_fpd(void)
{
    Board b;

    start(&b, "intremap=on", false);
    set_raw(&b, SPEC_IRTE_FPD, 0);
    expect_silent(&b);
    set_raw(&b, GOOD_LO | SPEC_IRTE_FPD | SPEC_BIT(24), 0);
    expect_silent(&b);
    set_raw(&b, GOOD_LO | SPEC_IRTE_FPD,
            (b.source ^ 8) | SPEC_SVT_SID << SPEC_IRTE_HI_SVT_SHIFT);
    expect_silent(&b);
    /* a good entry is not touched by it */
    set_raw(&b, GOOD_LO | SPEC_IRTE_FPD, 0);
    expect_good(&b);
    board_end(&b);
}

/* --- Invalidation -------------------------------------------------------- */

/* [VTD 6.4] [VTD 6.5.2.7] */
static void test_invalidation(void)
{
    static const struct {
        bool global;
        uint16_t index;
        unsigned im;
    } cases[] = {
        { true, 0, 0 }, { false, INDEX, 0 }, { false, INDEX & ~3, 2 },
        { false, 0, 8 }, { false, INDEX, 8 }, { false, 0, 15 },
    };
    Board b;

    start(&b, "intremap=on", false);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        set_raw(&b, GOOD_LO, 0);
        expect_good(&b);
        guest_irte_set_raw(&b.mem, b.irt, INDEX,
                           GOOD_LO ^ SPEC_IRTE_DM, 0);
        guest_queue_iec(&b.queue, cases[i].global, cases[i].index,
                        cases[i].im);
        board_sync(&b);
        request_index(&b);
        expect_message(&b, SPEC_MSI_BASE | dest_bits(2) | SPEC_MSI_DM, 0x66);
        guest_irte_set_raw(&b.mem, b.irt, INDEX, 0, 0);
        guest_queue_iec(&b.queue, cases[i].global, cases[i].index,
                        cases[i].im);
        board_sync(&b);
        request_index(&b);
        expect_blocked(&b, SPEC_FR_IR_NOT_PRESENT, INDEX);
        /* not present is not cached */
        guest_irte_set_raw(&b.mem, b.irt, INDEX, GOOD_LO, 0);
        expect_good(&b);
    }
    board_end(&b);
}

/* Switched off, messages pass as they are; on again, they are remapped
 * [VTD 5.1]. */
static void test_switch(void)
{
    Board b;

    start(&b, "intremap=on", false);
    set_raw(&b, GOOD_LO, 0);
    expect_good(&b);
    board_command(&b, 0, SPEC_GCMD_IRE);
    request(&b, 0xfee07000, 0x99);
    expect_message(&b, 0xfee07000, 0x99);
    board_command(&b, SPEC_GCMD_IRE, 0);
    expect_good(&b);
    board_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/interrupts/off", test_off);
    g_test_add_func("/interrupts/fields", test_fields);
    g_test_add_func("/interrupts/fields-x2apic", test_fields_x2apic);
    g_test_add_func("/interrupts/handles", test_handles);
    g_test_add_func("/interrupts/msi", test_msi);
    g_test_add_func("/interrupts/dma-write", test_dma_write);
    g_test_add_func("/interrupts/compatibility", test_compatibility);
    g_test_add_func("/interrupts/request-faults", test_request_faults);
    g_test_add_func("/interrupts/entry-faults", test_entry_faults);
    g_test_add_func("/interrupts/wide-destination", test_wide_destination);
    g_test_add_func("/interrupts/table-access", test_table_access);
    g_test_add_func("/interrupts/source", test_source);
    g_test_add_func("/interrupts/source-reserved", test_source_reserved);
    if (qtest_is_qemu()) {
        g_test_add_func("/interrupts/ioapic-source", test_ioapic_source);
    }
    g_test_add_func("/interrupts/fpd", test_fpd);
    g_test_add_func("/interrupts/invalidation", test_invalidation);
    g_test_add_func("/interrupts/switch", test_switch);
    return g_test_run();
}
