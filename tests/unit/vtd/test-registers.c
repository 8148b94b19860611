/* SPDX-License-Identifier: BSD-3-Clause */
/* The register window as an embedder sees it: odd accesses, the dump. */
#include "tests/lib/unit/fixture.h"

static void test_odd_accesses(void)
{
    ViommuVtdConfig config;
    Fixture *f;
    uint64_t size, cap;
    ViommuStats before, after;

    fixture_config(&config);
    f = fixture_new(&config);
    size = viommu_mmio_size(f->unit);
    cap = viommu_mmio_read(f->unit, SPEC_CAP, 8);
    viommu_get_stats(f->unit, &before);
    g_assert_cmphex(viommu_mmio_read(f->unit, size, 8), ==, 0);
    g_assert_cmphex(viommu_mmio_read(f->unit, UINT64_MAX, 1), ==, 0);
    g_assert_cmphex(viommu_mmio_read(f->unit, UINT64_MAX, 8), ==, 0);
    g_assert_cmphex(viommu_mmio_read(f->unit, UINT64_MAX - 3, 8), ==, 0);
    viommu_mmio_write(f->unit, size, UINT64_MAX, 8);
    viommu_mmio_write(f->unit, UINT64_MAX, UINT64_MAX, 8);
    viommu_mmio_write(f->unit, UINT64_MAX - 3, UINT64_MAX, 8);
    viommu_get_stats(f->unit, &after);
    g_assert_cmpuint(after.bad_accesses, ==, before.bad_accesses + 7);
    /* sizes that no bus has */
    (void)viommu_mmio_read(f->unit, 0, 0);
    (void)viommu_mmio_read(f->unit, 0, 9);
    viommu_mmio_write(f->unit, SPEC_FEDATA, 1, 0);
    viommu_mmio_write(f->unit, SPEC_FEDATA, 1, 100);
    g_assert_cmphex(viommu_mmio_read(f->unit, SPEC_FEDATA, 4), ==, 0);

    /* any piece of a register */
    for (unsigned at = 0; at < 8; at++) {
        for (unsigned n = 1; n + at <= 8; n++) {
            uint64_t mask = n == 8 ? UINT64_MAX : SPEC_BITS(8 * n - 1, 0);

            g_assert_cmphex(viommu_mmio_read(f->unit, SPEC_CAP + at, n), ==,
                            (cap >> (8 * at)) & mask);
        }
    }
    /* across two: CAP's upper and ECAP's lower half */
    g_assert_cmphex(viommu_mmio_read(f->unit, SPEC_CAP + 4, 8), ==,
                    cap >> 32 |
                        viommu_mmio_read(f->unit, SPEC_ECAP, 4) << 32);
    fixture_free(f);
}

typedef struct Named {
    uint64_t offset;
    const char *name;
    unsigned size;
} Named;

#define NAMED(name, size) { SPEC_##name, #name, size }

static const Named registers[] = {
    NAMED(VER, 4), NAMED(CAP, 8), NAMED(ECAP, 8), NAMED(GCMD, 4),
    NAMED(GSTS, 4), NAMED(RTADDR, 8), NAMED(CCMD, 8), NAMED(FSTS, 4),
    NAMED(FECTL, 4), NAMED(FEDATA, 4), NAMED(FEADDR, 4), NAMED(FEUADDR, 4),
    NAMED(AFLOG, 8), NAMED(PMEN, 4), NAMED(PLMBASE, 4), NAMED(PLMLIMIT, 4),
    NAMED(PHMBASE, 8), NAMED(PHMLIMIT, 8), NAMED(IQH, 8), NAMED(IQT, 8),
    NAMED(IQA, 8), NAMED(ICS, 4), NAMED(IECTL, 4), NAMED(IEDATA, 4),
    NAMED(IEADDR, 4), NAMED(IEUADDR, 4), NAMED(IQERCD, 8), NAMED(IRTA, 8),
    NAMED(PQH, 8), NAMED(PQT, 8), NAMED(PQA, 8), NAMED(PRS, 4),
    NAMED(PECTL, 4), NAMED(PEDATA, 4), NAMED(PEADDR, 4), NAMED(PEUADDR, 4),
};

/* Each register is listed with its offset, name and value. */
static void test_dump(void)
{
    ViommuVtdConfig config;
    Fixture *f;
    GString *text = g_string_new(NULL);
    GHashTable *lines = g_hash_table_new_full(g_direct_hash, NULL, NULL,
                                              (GDestroyNotify)g_strfreev);
    gchar **split;

    fixture_config(&config);
    config.fault_records = 3;
    f = fixture_new(&config);
    guest_set_reg32(&f->regs, SPEC_FEDATA, 0x1234);
    guest_set_reg64(&f->regs, SPEC_RTADDR, 0x123456000);
    viommu_dump(f->unit, text);
    split = g_strsplit(text->str, "\n", -1);
    for (unsigned i = 0; split[i]; i++) {
        gchar **words;

        if (!*split[i]) {
            continue;
        }
        g_strdelimit(split[i], " ", ' ');
        words = g_regex_split_simple(" +", split[i], 0, 0);
        g_assert_cmpuint(g_strv_length(words), ==, 3);
        g_hash_table_insert(lines, GUINT_TO_POINTER(
            (guint)g_ascii_strtoull(words[0], NULL, 16)), words);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(registers); i++) {
        const Named *r = &registers[i];
        gchar **words = g_hash_table_lookup(lines,
                                            GUINT_TO_POINTER(r->offset));

        if (!words) {
            g_error("%s is not in the dump", r->name);
        }
        g_assert_cmpstr(words[1], ==, r->name);
        if (r->offset != SPEC_GCMD) {   /* write-only */
            g_assert_cmphex(g_ascii_strtoull(words[2], NULL, 16), ==,
                            viommu_mmio_read(f->unit, r->offset, r->size));
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        uint64_t at = guest_frcd_offset(&f->regs, i);

        g_assert_nonnull(g_hash_table_lookup(lines, GUINT_TO_POINTER(at)));
        g_assert_nonnull(g_hash_table_lookup(lines,
                                             GUINT_TO_POINTER(at + 8)));
    }
    g_assert_nonnull(g_hash_table_lookup(
        lines, GUINT_TO_POINTER(guest_iva_offset(&f->regs))));
    g_strfreev(split);
    g_hash_table_unref(lines);
    g_string_free(text, TRUE);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registers/odd", test_odd_accesses);
    g_test_add_func("/registers/dump", test_dump);
    return g_test_run();
}
