/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What guests in the wild do against the specification: let pass and counted,
 * or refused by a strict unit.
 */
#include <string.h>

#include <hw/iommu/viommu-smmuv3.h>

#include "tests/lib/unit/scalable.h"

#define SOURCE  0x0108
#define IOAPIC  0xff00
#define INDEX   5
#define VA      UINT64_C(0x7f0000400000)
#define PA      UINT64_C(0x200000)

typedef struct Ir {
    Fixture *f;
    uint64_t table;
    bool strict;
} Ir;

static void ir_start(Ir *ir, bool strict, bool eime)
{
    ViommuVtdConfig config;
    Simple s;

    fixture_config(&config);
    config.strict = strict;
    ir->strict = strict;
    ir->f = fixture_new(&config);
    fixture_simple(ir->f, &s, SOURCE, 1, 4);
    ir->table = guest_alloc_pages(&ir->f->alloc, 1);
    g_assert_true(guest_set_irta(&ir->f->regs, ir->table, 7, eime));
    g_assert_true(guest_command(&ir->f->regs, SPEC_GCMD_IRE, 0));
}

/* Write the entry, and ask with it: the reason of the fault, or 0. */
static unsigned ask(Ir *ir, uint32_t source, bool ioapic, bool probe,
                    uint64_t lo, uint64_t hi, ViommuMsi *out)
{
    const GuestRegs *regs = &ir->f->regs;
    ViommuMsi in = { .addr = guest_msi_addr(INDEX, false) };
    uint64_t at = guest_frcd_offset(regs, 0), record;
    ViommuMsiResult result;

    guest_irte_set_raw(&ir->f->mem, ir->table, INDEX, lo, hi);
    guest_queue_iec(&ir->f->queue, true, 0, 0);
    fixture_wait(ir->f);
    result = (ioapic ? viommu_remap_ioapic_msi : viommu_remap_msi)(
        ir->f->unit, source, &in, probe, out);
    if (result == VIOMMU_MSI_DELIVER) {
        g_assert_cmphex(guest_reg32(regs, SPEC_FSTS) & SPEC_FSTS_PPF, ==, 0);
        return 0;
    }
    g_assert_cmpint(result, ==, VIOMMU_MSI_BLOCKED);
    if (probe) {
        return 0xff;
    }
    at = guest_frcd_offset(regs, (guest_reg32(regs, SPEC_FSTS) &
                                  SPEC_FSTS_FRI) >> SPEC_FSTS_FRI_SHIFT);
    record = guest_reg64(regs, at + 8);
    g_assert_true(record & SPEC_FRCD_HI_F);
    g_assert_cmphex(record & SPEC_FRCD_HI_SID, ==, source);
    guest_set_reg64(regs, at + 8, SPEC_FRCD_HI_F);
    return (record & SPEC_FRCD_HI_FR) >> SPEC_FRCD_HI_FR_SHIFT;
}

static uint64_t found(Fixture *f, ViommuFinding finding)
{
    ViommuStats stats;
    uint64_t sum = 0;

    for (unsigned i = 0; viommu_finding_name(i); i++) {
        sum += viommu_finding_count(f->unit, i);
    }
    viommu_get_stats(f->unit, &stats);
    g_assert_cmpuint(stats.findings, ==, sum);
    return viommu_finding_count(f->unit, finding);
}

static void test_ioapic(gconstpointer data)
{
    /* the entry's source, and what is said of it when it is validated */
    static const struct {
        uint64_t hi;
        uint8_t reason;
    } cases[] = {
        { IOAPIC, 0 },
        { IOAPIC | SPEC_SVT_SID << SPEC_IRTE_HI_SVT_SHIFT, 0 },
        { 0xfeff | SPEC_SVT_BUS << SPEC_IRTE_HI_SVT_SHIFT, 0 },
        { (IOAPIC ^ 1) | SPEC_SVT_SID << SPEC_IRTE_HI_SVT_SHIFT,
          SPEC_FR_IR_SOURCE },
        { (IOAPIC ^ 4) | 1 << SPEC_IRTE_HI_SQ_SHIFT |
              SPEC_SVT_SID << SPEC_IRTE_HI_SVT_SHIFT, 0 },
        { 0x0008 | SPEC_SVT_SID << SPEC_IRTE_HI_SVT_SHIFT,
          SPEC_FR_IR_SOURCE },
        { 0x00fe | SPEC_SVT_BUS << SPEC_IRTE_HI_SVT_SHIFT,
          SPEC_FR_IR_SOURCE },
        { IOAPIC | 3 << SPEC_IRTE_HI_SVT_SHIFT, SPEC_FR_IR_IRTE_RESERVED },
    };
    const uint64_t lo = SPEC_IRTE_P | UINT64_C(0x41) << SPEC_IRTE_V_SHIFT;
    bool strict = GPOINTER_TO_UINT(data);
    uint64_t expected = 0;
    ViommuMsi out;
    Ir ir;

    ir_start(&ir, strict, false);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint8_t reason = cases[i].reason;

        /* nobody else is let pass */
        g_assert_cmphex(ask(&ir, IOAPIC, false, false, lo, cases[i].hi, &out),
                        ==, reason);
        /* a question is no finding */
        g_assert_cmpint(ask(&ir, IOAPIC, true, true, lo, cases[i].hi, &out) !=
                        0, ==, strict && reason);
        g_assert_cmpuint(found(ir.f, VIOMMU_FINDING_IOAPIC_SOURCE), ==,
                         expected);
        g_assert_cmphex(ask(&ir, IOAPIC, true, false, lo, cases[i].hi, &out),
                        ==, strict ? reason : 0);
        if (!strict && reason) {
            expected++;
        }
        if (!strict || !reason) {
            g_assert_cmphex(out.data & SPEC_MSI_DATA_VECTOR, ==, 0x41);
        }
        g_assert_cmpuint(found(ir.f, VIOMMU_FINDING_IOAPIC_SOURCE), ==,
                         expected);
        /* only its source goes unlooked at */
        g_assert_cmphex(ask(&ir, IOAPIC, true, false, lo | SPEC_BIT(24),
                            cases[i].hi & ~SPEC_IRTE_HI_SVT, &out), ==,
                        SPEC_FR_IR_IRTE_RESERVED);
        g_assert_cmphex(ask(&ir, IOAPIC, true, false, lo & ~SPEC_IRTE_P,
                            cases[i].hi, &out), ==, SPEC_FR_IR_NOT_PRESENT);
    }
    fixture_free(ir.f);
}

static void test_wide_destination(gconstpointer data)
{
    const uint64_t lo = SPEC_IRTE_P | UINT64_C(0x41) << SPEC_IRTE_V_SHIFT |
                        UINT64_C(0x12) << SPEC_IRTE_XDST_SHIFT;
    bool strict = GPOINTER_TO_UINT(data);
    uint64_t expected = 0;
    ViommuMsi out;
    Ir ir;

    ir_start(&ir, strict, false);
    for (unsigned bit = 32; bit < 64; bit++) {
        if (bit >= 40 && bit <= 47) {
            continue;
        }
        g_assert_cmphex(ask(&ir, SOURCE, bit & 1, false, lo | SPEC_BIT(bit),
                            0, &out), ==,
                        strict ? SPEC_FR_IR_IRTE_RESERVED : 0);
        if (!strict) {
            expected++;
            g_assert_cmphex(out.addr, ==, SPEC_MSI_BASE |
                                          0x12 << SPEC_MSI_DEST_SHIFT);
        }
        g_assert_cmpuint(found(ir.f, VIOMMU_FINDING_WIDE_DESTINATION), ==,
                         expected);
    }
    /* these have always been reserved */
    for (unsigned bit = 24; bit < 32; bit++) {
        g_assert_cmphex(ask(&ir, SOURCE, false, false, lo | SPEC_BIT(bit) |
                            SPEC_BIT(32), 0, &out), ==,
                        SPEC_FR_IR_IRTE_RESERVED);
    }
    g_assert_cmpuint(found(ir.f, VIOMMU_FINDING_WIDE_DESTINATION), ==,
                     expected);
    fixture_free(ir.f);

    ir_start(&ir, strict, true);
    g_assert_cmphex(ask(&ir, SOURCE, false, false, lo | SPEC_BIT(32) |
                        SPEC_BIT(63), 0, &out), ==, 0);
    g_assert_cmphex(out.addr >> 40, ==, 0x800012);
    g_assert_cmpuint(found(ir.f, VIOMMU_FINDING_WIDE_DESTINATION), ==, 0);
    fixture_free(ir.f);
}

static void test_page_snoop(gconstpointer data)
{
    bool strict = GPOINTER_TO_UINT(data);

    for (unsigned control = 0; control < 2; control++) {
        bool let_pass = !strict && !control;
        ViommuVtdConfig config;
        ViommuReply reply;
        Scalable *s;

        scalable_config(&config);
        config.strict = strict;
        config.snoop_control = control;
        s = scalable_new(&config, SPEC_PGTT_FIRST, 4, SM_NONE);
        scalable_map(s, VA, PA, 1);
        s->entry.flags1 = SPEC_PASID1_PGSNP;
        scalable_put_pasid(s, 0);
        scalable_flush(s);
        if (strict && !control) {
            scalable_fault(s, SM_NONE, VA, SM_R, SPEC_FR_SM_PASID_RSVD);
        } else {
            scalable_ok(s, SM_NONE, VA, SM_R, PA);
            g_assert_cmpint(scalable_ask(s, SM_NONE, VA, SM_R, false, &reply),
                            ==, VIOMMU_OK);
            /* what is not announced does nothing */
            g_assert_cmpint(reply.snoop, ==, control);
        }
        g_assert_cmpint(found(s->f, VIOMMU_FINDING_PAGE_SNOOP) > 0, ==,
                        let_pass);
        /* a bit that is reserved for all */
        s->entry.flags1 |= SPEC_BIT(22);
        scalable_put_pasid(s, 0);
        scalable_flush(s);
        scalable_fault(s, SM_NONE, VA, SM_R, SPEC_FR_SM_PASID_RSVD);
        scalable_free(s);
    }
}

static void test_names(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    ViommuSmmuv3Config smmu;
    ViommuMsi out;
    unsigned n = 0;
    Viommu *unit;
    Ir ir;

    while (viommu_finding_name(n)) {
        for (unsigned i = 0; i < n; i++) {
            g_assert_cmpstr(viommu_finding_name(i), !=,
                            viommu_finding_name(n));
        }
        n++;
    }
    g_assert_cmpuint(n, ==, 3);
    g_assert_null(viommu_finding_name(UINT_MAX));

    ir_start(&ir, false, false);
    viommu_dump(ir.f->unit, text);
    g_assert_null(strstr(text->str, "finding"));
    ask(&ir, SOURCE, false, false, SPEC_IRTE_P | SPEC_BIT(32), 0, &out);
    ask(&ir, SOURCE, false, false, SPEC_IRTE_P | SPEC_BIT(32), 0, &out);
    viommu_dump(ir.f->unit, text);
    g_assert_nonnull(strstr(text->str, "\nfinding wide-destination 2\n"));
    /* since creation: a reset is the guest's */
    viommu_reset(ir.f->unit);
    g_assert_cmpuint(found(ir.f, VIOMMU_FINDING_WIDE_DESTINATION), ==, 2);
    g_assert_cmpuint(viommu_finding_count(ir.f->unit, n), ==, 0);
    fixture_free(ir.f);

    viommu_smmuv3_config_init(&smmu);
    unit = viommu_smmuv3_new(&smmu, fixture_ops(), NULL, NULL);
    for (unsigned i = 0; i <= n; i++) {
        g_assert_cmpuint(viommu_finding_count(unit, i), ==, 0);
    }
    viommu_free(unit);
}

/* Options that no register shows are still configuration. */
static void test_state(void)
{
    for (unsigned from = 0; from < 4; from++) {
        for (unsigned to = 0; to < 4; to++) {
            g_autoptr(GError) error = NULL;
            ViommuVtdConfig config;
            GBytes *state;
            Fixture *f;

            fixture_config(&config);
            config.device_iotlb = true;
            config.strict = from & 1;
            config.stale_tm = from & 2;
            f = fixture_new(&config);
            state = viommu_save(f->unit);
            fixture_free(f);
            config.strict = to & 1;
            config.stale_tm = to & 2;
            f = fixture_new(&config);
            g_assert_cmpint(viommu_load(f->unit, g_bytes_get_data(state, NULL),
                                        g_bytes_get_size(state), &error), ==,
                            from == to);
            g_assert_cmpint(error != NULL, ==, from != to);
            g_bytes_unref(state);
            fixture_free(f);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc run;
    } tests[] = {
        { "ioapic", test_ioapic },
        { "wide-destination", test_wide_destination },
        { "page-snoop", test_page_snoop },
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf(
            "/findings/%s/%s", tests[i / 2].name,
            i % 2 ? "strict" : "let-pass");

        g_test_add_data_func(path, GUINT_TO_POINTER(i % 2), tests[i / 2].run);
    }
    g_test_add_func("/findings/names", test_names);
    g_test_add_func("/findings/state", test_state);
    return g_test_run();
}
