/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A unit with a history is, after reset, as a new one is; and after it has
 * loaded a state, as a new one that has loaded it.  Both are then used in the
 * same way, at random, and nothing may tell them apart.
 */
#include "tests/lib/unit/twins.h"

#define STEPS       600
#define ROUNDS      30

static const TwinsModel *const models[] = { &twins_vtd, &twins_smmu };

static void use(const TwinsModel *m, Twins *t, const char *when)
{
    for (unsigned i = 0; i < STEPS; i++) {
        m->step(t);
        twins_compare(t, when);
    }
    twins_compare_all(t);
}

/* Something that happens to a unit before. */
static void live(const TwinsModel *m, GRand *rand, Fixture *f)
{
    Twins alone;

    twins_init(&alone, rand);
    twins_add(&alone, f);
    use(m, &alone, "a history");
    twins_free(&alone);
}

static void test_reset(const TwinsModel *m, GRand *rand, unsigned variant)
{
    Fixture *old = m->make(variant), *new = m->make(variant);
    Twins t;

    live(m, rand, old);
    m->remap(old);
    viommu_reset(old->unit);
    fixture_forget(old);
    g_array_set_size(old->resumes, 0);
    twins_init(&t, rand);
    twins_add(&t, new);
    twins_add(&t, old);
    twins_copy_memory(&t.of[0], &t.of[1]);
    g_atomic_int_set(&old->run_wanted, 0);
    twins_forget(&t);
    twins_compare_all(&t);
    use(m, &t, "reset");
    twins_free(&t);
    fixture_free(old);
    fixture_free(new);
}

/* The unit that was saved goes on as well, having loaded its own state. */
static void test_load(const TwinsModel *m, GRand *rand, unsigned variant)
{
    Fixture *f[3];
    GBytes *stream;
    Twins t;

    for (unsigned i = 0; i < 3; i++) {
        f[i] = m->make(variant);
    }
    live(m, rand, f[1]);
    live(m, rand, f[2]);
    stream = viommu_save(f[2]->unit);
    m->remap(f[2]);
    twins_init(&t, rand);
    for (unsigned i = 0; i < 3; i++) {
        GError *error = NULL;

        twins_add(&t, f[i]);
        viommu_load(f[i]->unit, g_bytes_get_data(stream, NULL),
                    g_bytes_get_size(stream), &error);
        g_assert_no_error(error);
        fixture_forget(f[i]);
        g_array_set_size(f[i]->resumes, 0);
    }
    twins_copy_memory(&t.of[0], &t.of[2]);
    twins_copy_memory(&t.of[1], &t.of[2]);
    twins_forget(&t);
    twins_compare_all(&t);
    use(m, &t, "load");
    g_bytes_unref(stream);
    twins_free(&t);
    for (unsigned i = 0; i < 3; i++) {
        fixture_free(f[i]);
    }
}

typedef void Test(const TwinsModel *m, GRand *rand, unsigned variant);

static void test_all(const TwinsModel *m, Test *test)
{
    for (unsigned i = 0; i < ROUNDS * fixture_scale(); i++) {
        guint32 seed = (guint32)g_test_rand_int();
        GRand *rand = g_rand_new_with_seed(seed);

        g_test_message("round %u: variant %u, seed %u", i, i % m->variants,
                       seed);
        test(m, rand, i % m->variants);
        g_rand_free(rand);
    }
}

static void test_reset_of(gconstpointer model)
{
    test_all(model, test_reset);
}

static void test_load_of(gconstpointer model)
{
    test_all(model, test_load);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        g_autofree char *reset = g_strdup_printf("/state-same/%s/reset",
                                                 models[i]->name);
        g_autofree char *load = g_strdup_printf("/state-same/%s/load",
                                                models[i]->name);

        g_test_add_data_func(reset, models[i], test_reset_of);
        g_test_add_data_func(load, models[i], test_load_of);
    }
    return g_test_run();
}
