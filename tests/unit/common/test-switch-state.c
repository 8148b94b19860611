/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the guest has switched is under way when the unit is reset, saved or
 * loaded (test-switch.c has the rest).
 */
#include <string.h>

#include "tests/lib/unit/switch.h"

static void test_reset(gconstpointer data)
{
    const SwitchKind *kind = data;

    for (size_t i = 0; i < kind->n; i++) {
        Fixture *f = switch_under_way(kind, i), *fresh = kind->another();
        unsigned asked = f->asked;

        viommu_reset(f->unit);
        fixture_run(f);
        g_assert_cmpuint(f->asked, ==, asked);
        g_assert_cmphex(guest_reg32(&f->regs, switch_current->status), ==,
                        guest_reg32(&fresh->regs, switch_current->status));
        /* the unit goes on from there */
        f->drained = NULL;
        switch_write(f, switch_current);
        fixture_run(f);
        g_assert_true(switch_done(f, switch_current));
        fixture_free(f);
        fixture_free(fresh);
    }
}

/* Nothing of the reset waits for the embedder's own accesses, but the first
 * thing that software waits for then does (viommu_reset()). */
static bool few_times(Fixture *f)
{
    return f->asked > SWITCH_ROUNDS;
}

static void test_reset_wait_vtd(void)
{
    Fixture *f = switch_vtd.start();

    f->drained = few_times;
    f->asked = 0;
    viommu_reset(f->unit);
    g_assert_cmpuint(f->asked, ==, 0);
    viommu_mmio_write(f->unit, SPEC_IQA, f->queue.addr, 8);
    viommu_mmio_write(f->unit, SPEC_GCMD, SPEC_GCMD_QIE, 4);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_GSTS), ==, 0);
    fixture_run(f);
    g_assert_cmpuint(f->asked, ==, SWITCH_ROUNDS + 1);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_GSTS), ==, SPEC_GSTS_QIES);
    fixture_free(f);
}

static void test_reset_wait_smmu(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);

    s->f->drained = few_times;
    s->f->asked = 0;
    viommu_reset(s->f->unit);
    g_assert_cmpuint(s->f->asked, ==, 0);
    viommu_mmio_write(s->f->unit, SMMUV3_CR0, SMMUV3_CR0_CMDQEN, 4);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_CR0ACK), ==, 0);
    fixture_run(s->f);
    g_assert_cmpuint(s->f->asked, ==, SWITCH_ROUNDS + 1);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_CR0ACK), ==,
                    SMMUV3_CR0_CMDQEN);
    smmu_test_free(s);
}

static bool resets(Fixture *f)
{
    viommu_reset(f->unit);
    return true;
}

/* The reset comes while the embedder is being asked. */
static void test_reset_inside(gconstpointer data)
{
    const SwitchKind *kind = data;
    Fixture *f = kind->start(), *fresh = kind->another();
    uint64_t status;

    switch_begin(f, &kind->ways[0], resets);
    status = switch_current->status;
    switch_write(f, switch_current);
    f->drained = NULL;
    fixture_run(f);
    g_assert_cmpuint(f->asked, ==, 1);
    g_assert_cmphex(guest_reg32(&f->regs, status), ==,
                    guest_reg32(&fresh->regs, status));
    fixture_free(f);
    fixture_free(fresh);
}

static void load(Fixture *to, Fixture *from, GBytes *stream)
{
    GError *error = NULL;

    memcpy(to->ram.host, from->ram.host, FIXTURE_RAM);
    g_assert_true(viommu_load(to->unit, g_bytes_get_data(stream, NULL),
                              g_bytes_get_size(stream), &error));
    g_assert_no_error(error);
}

/* The stream says what is under way, and the loaded unit finishes it. */
static void test_load(gconstpointer data)
{
    const SwitchKind *kind = data;

    for (size_t i = 0; i < kind->n; i++) {
        Fixture *f = switch_under_way(kind, i), *g = kind->another();
        GBytes *stream = viommu_save(f->unit);

        switch_begin(g, switch_current, switch_slowly);
        load(g, f, stream);
        g_assert_true(!switch_current->told || !switch_done(g, switch_current));
        fixture_run(g);
        g_assert_true(switch_done(g, switch_current));
        g_assert_cmpuint(g->asked, ==,
                         switch_current->told ? SWITCH_ROUNDS + 1 : 0);
        /* so does the one that was saved */
        f->drained = NULL;
        viommu_run(f->unit);
        g_assert_true(switch_done(f, switch_current));
        g_bytes_unref(stream);
        fixture_free(f);
        fixture_free(g);
    }
}

/* What is under way when another state is loaded, is over. */
static void test_load_over(gconstpointer data)
{
    const SwitchKind *kind = data;
    Fixture *quiet = kind->start();
    GBytes *stream = viommu_save(quiet->unit);

    for (size_t i = 0; i < kind->n; i++) {
        Fixture *f = switch_under_way(kind, i);

        switch_begin(f, switch_current, switch_never);
        load(f, quiet, stream);
        fixture_run(f);
        g_assert_cmpuint(f->asked, ==, 0);
        g_assert_cmphex(guest_reg32(&f->regs, switch_current->status), ==,
                        guest_reg32(&quiet->regs, switch_current->status));
        fixture_free(f);
    }
    g_bytes_unref(stream);
    fixture_free(quiet);
}

/* --- All ------------------------------------------------------------------ */

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(gconstpointer data);
    } tests[] = {
        { "reset", test_reset },
        { "reset-inside", test_reset_inside },
        { "load", test_load },
        { "load-over", test_load_over },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *vtd = g_strdup_printf("/switch-state/vtd/%s",
                                               tests[i].name);
        g_autofree char *smmu = g_strdup_printf("/switch-state/smmu/%s",
                                                tests[i].name);

        g_test_add_data_func(vtd, &switch_vtd, tests[i].test);
        g_test_add_data_func(smmu, &switch_smmu, tests[i].test);
    }
    g_test_add_func("/switch-state/vtd/reset-wait", test_reset_wait_vtd);
    g_test_add_func("/switch-state/smmu/reset-wait", test_reset_wait_smmu);
    return g_test_run();
}
