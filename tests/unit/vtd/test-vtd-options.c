/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Combinations of options (tests/lib/vtd-options.py): each one either is refused
 * with the option and what it needs, or gives a unit that a driver can use: one
 * whose CAP and ECAP are what Linux's drivers/iommu/intel asks for.
 */
#include <string.h>

#include "tests/lib/unit/fixture.h"

typedef struct Combination {
    ViommuVtdConfig config;
    const char *text;
    /* refused with a message about these; NULL: accepted */
    const char *option, *needs;
} Combination;

#include "vtd-options-table.h"

#define REACH   UINT64_C(0x2000)    /* from one unit's registers to the next */

/* Of a mask of SAGAW's kind: bit n is a table of n + 2 levels. */
#define LEVELS_3    SPEC_BIT(1)
#define LEVELS_4    SPEC_BIT(2)
#define LEVELS_5    SPEC_BIT(3)

typedef struct Caps {
    uint64_t cap, ecap;
} Caps;

static bool has(uint64_t reg, uint64_t bits)
{
    return (reg & bits) == bits;
}

/* @from is never announced without all of @to. */
static void implies(uint64_t from_reg, uint64_t from, uint64_t to_reg,
                    uint64_t to, const char *what)
{
    if (has(from_reg, from) && !has(to_reg, to)) {
        g_error("%s", what);
    }
}

/* The bits themselves, whatever a driver wants [VTD 11.4.2] [VTD 11.4.3]. */
static void check_consistent(const Caps *c)
{
    const uint64_t e = c->ecap, k = c->cap;

    g_assert_true(has(e, SPEC_ECAP_QI));
    implies(e, SPEC_ECAP_EIM, e, SPEC_ECAP_IR, "EIM without IR");
    implies(k, SPEC_CAP_PI, e, SPEC_ECAP_IR, "PI without IR");
    implies(k, SPEC_CAP_ESIRTPS, e, SPEC_ECAP_IR, "ESIRTPS without IR");
    implies(e, SPEC_ECAP_SMTS, k, SPEC_CAP_DRD | SPEC_CAP_DWD,
            "scalable mode without draining");
    implies(e, SPEC_ECAP_FSTS, e, SPEC_ECAP_SMTS, "FSTS without SMTS");
    implies(e, SPEC_ECAP_SSTS, e, SPEC_ECAP_SMTS, "SSTS without SMTS");
    g_assert_true(!has(e, SPEC_ECAP_SMTS) ||
                  (e & (SPEC_ECAP_FSTS | SPEC_ECAP_SSTS)));
    implies(e, SPEC_ECAP_NEST, e, SPEC_ECAP_FSTS | SPEC_ECAP_SSTS,
            "nesting of a stage that is not there");
    implies(e, SPEC_ECAP_SSADS, e, SPEC_ECAP_SSTS, "SSADS without SSTS");
    implies(e, SPEC_ECAP_EAFS, e, SPEC_ECAP_FSTS, "EAFS without FSTS");
    implies(k, SPEC_CAP_FS1GP, e, SPEC_ECAP_FSTS, "FS1GP without FSTS");
    implies(k, SPEC_CAP_FS5LP, e, SPEC_ECAP_FSTS, "FS5LP without FSTS");
    implies(e, SPEC_ECAP_PASID, e, SPEC_ECAP_SMTS, "PASID without SMTS");
    implies(e, SPEC_ECAP_VCS, e, SPEC_ECAP_PASID, "VCS without PASID");
    implies(e, SPEC_ECAP_RPS, e, SPEC_ECAP_SMTS, "RPS without SMTS");
    implies(e, SPEC_ECAP_RPRIVS, e, SPEC_ECAP_SMTS | SPEC_ECAP_SRS,
            "RPRIVS without supervisor requests");
    implies(e, SPEC_ECAP_PRS, e, SPEC_ECAP_SMTS | SPEC_ECAP_DT,
            "page requests without device-TLBs");
    /* Linux takes page requests only if it can drain them. */
    implies(e, SPEC_ECAP_PRS, e, SPEC_ECAP_PDS, "PRS without PDS");
    g_assert_cmpuint((e & SPEC_ECAP_PSS) >> SPEC_ECAP_PSS_SHIFT, <=, 19);
    g_assert_true(has(e, SPEC_ECAP_PASID) || !(e & SPEC_ECAP_PSS));
    g_assert_true(has(e, SPEC_ECAP_IR) == ((e & SPEC_ECAP_MHMV) != 0));
}

/* map_iommu(): all registers are within what firmware's table announces. */
static void check_registers(const Caps *c, Viommu *unit)
{
    uint64_t frcd = ((c->cap & SPEC_CAP_FRO) >> SPEC_CAP_FRO_SHIFT) * 16;
    uint64_t n = ((c->cap & SPEC_CAP_NFR) >> SPEC_CAP_NFR_SHIFT) + 1;
    uint64_t iotlb = ((c->ecap & SPEC_ECAP_IRO) >> SPEC_ECAP_IRO_SHIFT) * 16;

    g_assert_cmpuint(frcd + n * SPEC_FRCD_STRIDE, <=, viommu_mmio_size(unit));
    g_assert_cmpuint(iotlb + 16, <=, viommu_mmio_size(unit));
    g_assert_cmpuint(viommu_mmio_size(unit), <=, REACH);
}

/* __iommu_calculate_sagaw(): tables of which levels are taken? */
static uint64_t usable_levels(const Caps *c, bool scalable)
{
    uint64_t first = LEVELS_4 | (c->cap & SPEC_CAP_FS5LP ? LEVELS_5 : 0);
    uint64_t second = (c->cap & SPEC_CAP_SAGAW) >> SPEC_CAP_SAGAW_SHIFT;

    if (!scalable || !has(c->ecap, SPEC_ECAP_FSTS)) {
        return second;
    }
    return has(c->ecap, SPEC_ECAP_SSTS) ? first & second : first;
}

/* compute_vasz_lg2_ss(): the widest table that MGAW and SAGAW allow. */
static unsigned second_stage_width(const Caps *c)
{
    unsigned mgaw = (unsigned)((c->cap & SPEC_CAP_MGAW) >>
                               SPEC_CAP_MGAW_SHIFT) + 1;
    uint64_t sagaw = (c->cap & SPEC_CAP_SAGAW) >> SPEC_CAP_SAGAW_SHIFT;

    return mgaw > 48 && sagaw >= LEVELS_5 ? MIN(57, mgaw) :
           mgaw > 39 && sagaw >= LEVELS_4 ? MIN(48, mgaw) :
           mgaw > 30 && sagaw >= LEVELS_3 ? MIN(39, mgaw) : 0;
}

/* alloc_iommu(), and what comes after it; with sm_on or sm_off. */
static void check_driver(const Caps *c, const ViommuVtdConfig *config,
                         Fixture *f, bool sm_on)
{
    bool smts = has(c->ecap, SPEC_ECAP_SMTS), scalable = sm_on && smts;
    bool first = scalable && has(c->ecap, SPEC_ECAP_FSTS);
    bool second = !scalable || has(c->ecap, SPEC_ECAP_SSTS);
    uint64_t levels = usable_levels(c, scalable);
    uint32_t bits = SPEC_GCMD_TE;

    if (!(c->cap & SPEC_CAP_SAGAW) &&
        (!smts || has(c->ecap, SPEC_ECAP_SSTS))) {
        /* "No supported address widths": it leaves translation off. */
        g_assert_false(config->dma_translation);
        return;
    }
    g_assert_true(config->dma_translation);
    /* "Cannot get a valid agaw" */
    g_assert_cmphex(levels & (LEVELS_3 | LEVELS_4 | LEVELS_5), !=, 0);
    g_assert_true(first || second);
    if (second) {
        unsigned width = second_stage_width(c);

        g_assert_cmpuint(width, >=, 39);
        /* the level of the context's address width is announced */
        g_assert_true((c->cap & SPEC_CAP_SAGAW) >> SPEC_CAP_SAGAW_SHIFT &
                      SPEC_BIT((width - 30) / 9));
    }
    /* iommu_enable_translation() waits, and panics if nothing comes. */
    g_assert_true(guest_command(&f->regs, bits, 0));
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_GSTS) & bits, ==, bits);
    g_assert_true(guest_command(&f->regs, 0, bits));
    if (has(c->ecap, SPEC_ECAP_IR)) {
        g_assert_true(guest_command(&f->regs, SPEC_GCMD_IRE, 0));
        g_assert_true(guest_command(&f->regs, 0, SPEC_GCMD_IRE));
    }
}

static void test_combination(const Combination *one)
{
    GError *error = NULL;
    Fixture *f;
    Caps c;

    g_test_message("%s", one->text);
    if (one->option) {
        Viommu *unit = viommu_vtd_new(&one->config, fixture_ops(), NULL,
                                      &error);

        g_assert_null(unit);
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, one->option));
        g_assert_nonnull(strstr(error->message, one->needs));
        g_assert_nonnull(strstr(error->message, "allowed"));
        g_assert_null(strchr(error->message, '\n'));
        g_error_free(error);
        return;
    }
    f = fixture_new(&one->config);
    c = (Caps) { guest_reg64(&f->regs, SPEC_CAP),
                 guest_reg64(&f->regs, SPEC_ECAP) };
    check_consistent(&c);
    check_registers(&c, f->unit);
    check_driver(&c, &one->config, f, false);
    check_driver(&c, &one->config, f, true);
    fixture_free(f);
}

static void test_accepted(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(combinations); i++) {
        if (!combinations[i].option) {
            test_combination(&combinations[i]);
            n++;
        }
    }
    g_assert_cmpuint(n, >, 10);
}

static void test_refused(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(combinations); i++) {
        if (combinations[i].option) {
            test_combination(&combinations[i]);
            n++;
        }
    }
    g_assert_cmpuint(n, >, 10);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vtd-options/accepted", test_accepted);
    g_test_add_func("/vtd-options/refused", test_refused);
    return g_test_run();
}
