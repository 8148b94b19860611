/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual commands: PASIDs from the unit's allocator [VTD 11.4]. */
#include "tests/lib/unit/scalable.h"

#include <stdio.h>

static void config_vc(ViommuVtdConfig *config, unsigned pasid_bits)
{
    fixture_config(config);
    config->scalable_mode = true;
    config->pasid_bits = (uint8_t)pasid_bits;
    config->virtual_commands = true;
}

static Fixture *start(unsigned pasid_bits)
{
    ViommuVtdConfig config;

    config_vc(&config, pasid_bits);
    return fixture_new(&config);
}

static uint64_t command(Fixture *f, uint64_t vcmd)
{
    guest_set_reg64(&f->regs, SPEC_VCMD, vcmd);
    return guest_reg64(&f->regs, SPEC_VCRSP);
}

/* The PASID, or 0 when there is none left. */
static uint32_t allocate(Fixture *f)
{
    uint64_t response = command(f, SPEC_VCMD_ALLOCATE);
    unsigned status = (response & SPEC_VCRSP_SC) >> SPEC_VCRSP_SC_SHIFT;
    uint32_t pasid = (uint32_t)((response & SPEC_VCRSP_PASID) >>
                                SPEC_VCRSP_PASID_SHIFT);

    g_assert_cmphex(response & ~(SPEC_VCRSP_SC | SPEC_VCRSP_PASID), ==, 0);
    if (status) {
        g_assert_cmpuint(status, ==, SPEC_VC_NO_PASID);
        g_assert_cmpuint(pasid, ==, 0);
    } else {
        g_assert_cmpuint(pasid, !=, 0);
    }
    return pasid;
}

static unsigned give_back(Fixture *f, uint64_t operand)
{
    uint64_t response = command(f, SPEC_VCMD_FREE |
                                   operand << SPEC_VCMD_PASID_SHIFT);

    g_assert_cmphex(response & ~SPEC_VCRSP_SC, ==, 0);
    return (unsigned)(response >> SPEC_VCRSP_SC_SHIFT);
}

static void test_off(void)
{
    ViommuVtdConfig config;
    Fixture *f;

    config_vc(&config, 20);
    config.virtual_commands = false;
    f = fixture_new(&config);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_ECAP) & SPEC_ECAP_VCS, ==, 0);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_VCCAP), ==, 0);
    g_assert_cmphex(command(f, SPEC_VCMD_ALLOCATE), ==, 0);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_VCMD), ==, 0);
    fixture_free(f);
}

static void test_commands(void)
{
    Fixture *f = start(20);
    uint32_t one, two;

    g_assert_cmphex(guest_reg64(&f->regs, SPEC_ECAP) & SPEC_ECAP_VCS, ==,
                    SPEC_ECAP_VCS);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_VCCAP), ==, SPEC_VCCAP_PAS);
    guest_set_reg64(&f->regs, SPEC_VCCAP, 0);
    guest_set_reg64(&f->regs, SPEC_VCRSP, UINT64_MAX);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_VCCAP), ==, SPEC_VCCAP_PAS);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_VCRSP), ==, 0);

    one = allocate(f);
    two = allocate(f);
    g_assert_cmpuint(one, !=, two);
    g_assert_cmphex(command(f, SPEC_VCMD_NULL), ==, 0);
    g_assert_cmpuint(give_back(f, one), ==, SPEC_VC_SUCCESS);
    g_assert_cmpuint(give_back(f, one), ==, SPEC_VC_INVALID_PASID);
    g_assert_cmpuint(give_back(f, two), ==, SPEC_VC_SUCCESS);
    /* never given out, and none */
    g_assert_cmpuint(give_back(f, 0), ==, SPEC_VC_INVALID_PASID);
    g_assert_cmpuint(give_back(f, 0xfffff), ==, SPEC_VC_INVALID_PASID);
    g_assert_cmpuint(give_back(f, 12345), ==, SPEC_VC_INVALID_PASID);
    for (unsigned c = 3; c < 256; c++) {
        g_assert_cmphex(command(f, c | UINT64_C(0xffffffff0000)), ==,
                        SPEC_VC_UNDEFINED << SPEC_VCRSP_SC_SHIFT);
    }
    fixture_free(f);
}

/* Each PASID once, then none, however few there are. */
static void test_all(void)
{
    static const unsigned bits[] = { 1, 3, 6, 7, 10 };

    for (size_t i = 0; i < G_N_ELEMENTS(bits); i++) {
        Fixture *f = start(bits[i]);
        unsigned n = 1u << bits[i];
        g_autofree bool *seen = g_new0(bool, n);

        for (unsigned k = 1; k < n; k++) {
            uint32_t pasid = allocate(f);

            g_assert_cmpuint(pasid, >, 0);
            g_assert_cmpuint(pasid, <, n);
            g_assert_false(seen[pasid]);
            seen[pasid] = true;
        }
        g_assert_cmpuint(allocate(f), ==, 0);
        g_assert_cmpuint(allocate(f), ==, 0);
        /* not one of this unit's */
        g_assert_cmpuint(give_back(f, n), ==, SPEC_VC_INVALID_PASID);
        g_assert_cmpuint(give_back(f, 0), ==, SPEC_VC_INVALID_PASID);
        g_assert_cmpuint(allocate(f), ==, 0);
        g_assert_cmpuint(give_back(f, n / 2), ==, SPEC_VC_SUCCESS);
        g_assert_cmpuint(allocate(f), ==, n / 2);
        g_assert_cmpuint(allocate(f), ==, 0);
        /* a reset takes them back */
        viommu_reset(f->unit);
        g_assert_cmphex(guest_reg64(&f->regs, SPEC_VCRSP), ==, 0);
        for (unsigned k = 1; k < n; k++) {
            g_assert_cmpuint(allocate(f), !=, 0);
        }
        g_assert_cmpuint(allocate(f), ==, 0);
        fixture_free(f);
    }
}

/* Two halves: the upper one first, since the lower one starts it. */
static void test_halves(void)
{
    Fixture *f = start(20);
    uint32_t pasid = 0;

    while (pasid < 0x10) {
        pasid = allocate(f);
    }
    guest_set_reg32(&f->regs, SPEC_VCMD + 4, 0);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_VCRSP), ==,
                    pasid << SPEC_VCRSP_PASID_SHIFT);
    guest_set_reg32(&f->regs, SPEC_VCMD,
                    SPEC_VCMD_FREE | pasid << SPEC_VCMD_PASID_SHIFT);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_VCRSP), ==, 0);
    g_assert_cmpuint(give_back(f, pasid), ==, SPEC_VC_INVALID_PASID);
    /* bytes beside the command start nothing */
    for (unsigned at = 1; at < 8; at++) {
        viommu_mmio_write(f->unit, SPEC_VCMD + at, 0xff, 1);
    }
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_VCRSP), ==,
                    SPEC_VC_INVALID_PASID << SPEC_VCRSP_SC_SHIFT);
    fixture_free(f);
}

/* Beside many fault records, the registers stand before them in the table. */
static void test_many_records(void)
{
    ViommuVtdConfig config;
    Fixture *f;

    config_vc(&config, 20);
    config.fault_records = 256;
    f = fixture_new(&config);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_VCCAP), ==, SPEC_VCCAP_PAS);
    g_assert_cmpuint(allocate(f), !=, 0);
    fixture_free(f);
}

static void test_state(void)
{
    Fixture *f = start(10), *g;
    uint32_t pasids[100];
    GBytes *stream;
    GError *error = NULL;

    for (unsigned i = 0; i < 100; i++) {
        pasids[i] = allocate(f);
    }
    for (unsigned i = 0; i < 100; i += 3) {
        g_assert_cmpuint(give_back(f, pasids[i]), ==, SPEC_VC_SUCCESS);
    }
    stream = viommu_save(f->unit);
    fixture_free(f);

    g = start(10);
    g_assert_cmpuint(allocate(g), !=, 0);
    g_assert_true(viommu_load(g->unit, g_bytes_get_data(stream, NULL),
                              g_bytes_get_size(stream), &error));
    for (unsigned i = 0; i < 100; i++) {
        g_assert_cmpuint(give_back(g, pasids[i]), ==,
                         i % 3 ? SPEC_VC_SUCCESS : SPEC_VC_INVALID_PASID);
    }
    for (unsigned k = 1; k < 1024; k++) {
        g_assert_cmpuint(allocate(g), !=, 0);
    }
    g_assert_cmpuint(allocate(g), ==, 0);
    fixture_free(g);

    /* another width of PASIDs is another configuration */
    g = start(11);
    g_assert_false(viommu_load(g->unit, g_bytes_get_data(stream, NULL),
                               g_bytes_get_size(stream), &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_STREAM);
    g_clear_error(&error);
    fixture_free(g);
    g_bytes_unref(stream);
}

/* --- Address spaces that come and go ------------------------------------- */

#define VA      UINT64_C(0x7f0000400000)
#define PA      UINT64_C(0x200000)

static unsigned long resident_pages(void)
{
    g_autofree char *text = NULL;
    unsigned long pages = 0;

    if (g_file_get_contents("/proc/self/statm", &text, NULL, NULL)) {
        g_assert_cmpint(sscanf(text, "%*u %lu", &pages), ==, 1);
    }
    return pages;
}

/* One PASID's life: asked for, used, taken away, given back. */
static void cycle(Scalable *s, uint32_t pasid)
{
    uint32_t given = allocate(s->f);
    uint64_t at = guest_pasid_addr(s->alloc, s->dir, pasid);

    g_assert_cmpuint(given, !=, 0);
    scalable_put_pasid(s, pasid);
    scalable_ok(s, pasid, VA, SM_R, PA);
    guest_write64(&s->f->mem, at, 0);
    guest_queue_pasid_cache(s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            pasid);
    guest_queue_piotlb(s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, pasid, 0, 0,
                       false);
    fixture_wait(s->f);
    g_array_set_size(s->f->invalidations, 0);
    g_assert_cmpuint(give_back(s->f, given), ==, SPEC_VC_SUCCESS);
}

/*
 * Memory does not grow with the PASIDs that a guest makes and drops, nor does
 * the state.  VIOMMU_TEST_SCALE=10 makes a million.
 */
static void test_cycles(void)
{
    unsigned n = 100000 * fixture_scale();
    unsigned long before = 0, after;
    ViommuVtdConfig config;
    GBytes *stream[2];
    Scalable *s;

    scalable_config(&config);
    config.virtual_commands = true;
    s = scalable_new(&config, SPEC_PGTT_FIRST, 4, SM_NONE);
    scalable_map(s, VA, PA, 1);
    stream[0] = viommu_save(s->f->unit);
    for (unsigned i = 0; i < n + n / 10; i++) {
        if (i == n / 10) {      /* the tables and caches are there by now */
            before = resident_pages();
        }
        cycle(s, 1 + i * 7919u % ((1u << (SM_PDTS + 13)) - 1));
    }
    after = resident_pages();
    stream[1] = viommu_save(s->f->unit);
    g_test_message("%u cycles: %lu pages before, %lu after", n, before,
                   after);
    g_assert_cmpuint(after, <, before + 512);       /* 2 MiB */
    g_assert_cmpuint(g_bytes_get_size(stream[0]), ==,
                     g_bytes_get_size(stream[1]));
    g_bytes_unref(stream[0]);
    g_bytes_unref(stream[1]);
    scalable_free(s);
}

static void test_config(void)
{
    ViommuVtdConfig config;
    GError *error = NULL;

    config_vc(&config, 0);
    g_assert_null(viommu_vtd_new(&config, fixture_ops(), NULL, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
    g_assert_cmpstr(error->message, ==,
                    "virtual-commands=on: allowed with pasid-bits only");
    g_clear_error(&error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtual-command/off", test_off);
    g_test_add_func("/virtual-command/commands", test_commands);
    g_test_add_func("/virtual-command/all", test_all);
    g_test_add_func("/virtual-command/halves", test_halves);
    g_test_add_func("/virtual-command/many-records", test_many_records);
    g_test_add_func("/virtual-command/state", test_state);
    g_test_add_func("/virtual-command/cycles", test_cycles);
    g_test_add_func("/virtual-command/config", test_config);
    return g_test_run();
}
