/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VMM that breaks the contract of the public headers: calls that wait for DMA
 * sections, from inside of one, would wait for themselves.  Each is named, and
 * stops; each other function does its work there.
 */
#include "tests/lib/unit/fixture.h"
#include "tests/lib/unit/misuse.h"

#include <libfdt.h>

#include <hw/iommu/viommu-firmware.h>
#include <hw/iommu/viommu-smmuv3.h>
#include <hw/iommu/viommu-testdev.h>

#define SOURCE  0x0120
#define BUS     "/pcie"

typedef struct World {
    Fixture *f;
    ViommuTestdev *dev;
    ViommuSink *sink;
    uint8_t fdt[4096];
} World;

static ViommuDmaResult no_target(void *opaque, const ViommuTestdevAccess *access,
                                 uint8_t *reason)
{
    (void)opaque;
    (void)access;
    (void)reason;
    return VIOMMU_DMA_NO_TARGET;
}

static void no_interrupt(void *opaque, unsigned vector)
{
    (void)opaque;
    (void)vector;
}

static int64_t no_clock(void *opaque)
{
    (void)opaque;
    return 0;
}

static const ViommuTestdevOps testdev_ops = {
    .dma = no_target, .interrupt = no_interrupt, .clock_ns = no_clock,
};
static const ViommuTestdevConfig testdev_config;

static void *start(void)
{
    World *w = g_new0(World, 1);
    ViommuVtdConfig config;
    GError *error = NULL;

    fixture_config(&config);
    w->f = fixture_new(&config);
    w->dev = viommu_testdev_new(&testdev_config, &testdev_ops, NULL, &error);
    g_assert_no_error(error);
    w->sink = viommu_sink_new();
    return w;
}

static void end(void *world)
{
    World *w = world;

    viommu_sink_free(w->sink);
    viommu_testdev_free(w->dev);
    fixture_free(w->f);
    g_free(w);
}

static Viommu *unit_of(void *world)
{
    const World *w = world;

    return w->f->unit;
}

static ViommuTestdev *dev_of(void *world)
{
    const World *w = world;

    return w->dev;
}

/* --- Stopped ------------------------------------------------------------- */

static void call_set_ram(void *world)
{
    (void)viommu_set_ram(unit_of(world), NULL, 0);
}

static void call_run(void *world)
{
    viommu_run(unit_of(world));
}

static void call_load(void *world)
{
    (void)viommu_load(unit_of(world), "", 0, NULL);
}

static void call_reset(void *world)
{
    viommu_reset(unit_of(world));
}

static void call_free(void *world)
{
    viommu_free(unit_of(world));
}

static const Call stopped[] = {
    { "viommu_set_ram", call_set_ram },
    { "viommu_run", call_run },
    { "viommu_load", call_load },
    { "viommu_reset", call_reset },
    { "viommu_free", call_free },
};

/* --- Allowed: units ------------------------------------------------------ */

static void call_sections(void *world)
{
    (void)world;
    viommu_dma_begin();
    viommu_dma_end();
}

static void call_new(void *world)
{
    const World *w = world;
    ViommuVtdConfig vtd;
    ViommuSmmuv3Config smmu;

    viommu_vtd_config_init(&vtd);
    viommu_smmuv3_config_init(&smmu);
    vtd.aw_bits = 1;
    smmu.iotlb_bits = 1;
    g_assert_null(viommu_vtd_new(&vtd, fixture_ops(), w->f, NULL));
    g_assert_null(viommu_smmuv3_new(&smmu, fixture_ops(), w->f, NULL));
}

static void call_mmio(void *world)
{
    Viommu *unit = unit_of(world);

    g_assert_cmphex(viommu_mmio_size(unit), >=, 4096);
    g_assert_cmphex(viommu_mmio_read(unit, 0, 4), !=, 0);
    /* a command, whose wait comes later */
    viommu_mmio_write(unit, SPEC_GCMD, SPEC_GCMD_SRTP, 4);
}

static void call_translate(void *world)
{
    const ViommuRequest req = {
        .source = SOURCE, .pasid = VIOMMU_NO_PASID, .access = VIOMMU_READ,
    };
    ViommuReply reply;

    (void)viommu_translate(unit_of(world), &req, &reply);
}

static void call_page_request(void *world)
{
    const ViommuPageRequest req = {
        .source = SOURCE, .pasid = VIOMMU_NO_PASID, .access = VIOMMU_READ,
        .last = true,
    };

    viommu_page_request(unit_of(world), &req);
}

static void call_remap(void *world)
{
    const ViommuMsi in = { .addr = 0xfee00000 };
    ViommuMsi out;

    (void)viommu_remap_msi(unit_of(world), SOURCE, &in, false, &out);
    (void)viommu_remap_ioapic_msi(unit_of(world), SOURCE, &in, false, &out);
}

static void call_domain(void *world)
{
    uint32_t domain;

    g_assert_false(viommu_source_domain(unit_of(world), SOURCE, &domain));
}

static void call_concerns(void *world)
{
    const ViommuInvalidation inv = { .what = VIOMMU_INV_ALL };
    uint64_t addr, size;

    g_assert_true(viommu_invalidation_concerns(unit_of(world), &inv, SOURCE,
                                               VIOMMU_NO_PASID, &addr,
                                               &size));
}

static void call_completion(void *world)
{
    viommu_unexpected_completion(unit_of(world), SOURCE);
}

static void call_save(void *world)
{
    GBytes *state = viommu_save(unit_of(world));

    g_assert_cmpuint(g_bytes_get_size(state), >, 0);
    g_bytes_unref(state);
}

static void call_counters(void *world)
{
    g_autoptr(GString) out = g_string_new(NULL);
    ViommuStats stats;

    viommu_get_stats(unit_of(world), &stats);
    g_assert_nonnull(viommu_finding_name(0));
    g_assert_cmpuint(viommu_finding_count(unit_of(world), 0), ==, 0);
    viommu_dump(unit_of(world), out);
    g_assert_cmpuint(out->len, >, 0);
    g_assert_cmpuint(viommu_error_quark(), !=, 0);
}

/* --- Allowed: firmware --------------------------------------------------- */

static void call_tables(void *world)
{
    const ViommuDmarDrhd drhd = {
        .include_pci_all = true, .base = 0xfed90000, .size = 4096,
    };
    const ViommuDmar dmar = {
        .address_bits = 48, .drhds = &drhd, .n_drhds = 1,
    };
    const ViommuIort iort = { .its = true };
    GByteArray *table = viommu_dmar_build(&dmar, NULL);

    (void)world;
    g_assert_nonnull(table);
    g_byte_array_unref(table);
    table = viommu_iort_build(&iort, NULL);
    g_assert_nonnull(table);
    g_byte_array_unref(table);
    g_assert_null(viommu_reserved_regions_parse("no region", NULL));
}

static void make_fdt(World *w)
{
    g_assert_cmpint(fdt_create_empty_tree(w->fdt, sizeof(w->fdt)), ==, 0);
    g_assert_cmpint(fdt_add_subnode(w->fdt, 0, &BUS[1]), >, 0);
    g_assert_cmpint(fdt_setprop_u32(w->fdt, 0, "#address-cells", 2), ==, 0);
    g_assert_cmpint(fdt_setprop_u32(w->fdt, 0, "#size-cells", 2), ==, 0);
}

static void call_fdt(void *world)
{
    World *w = world;
    const ViommuFdtSmmu smmu = {
        .base = 0x9050000, .size = 0x20000, .phandle = 1,
    };
    const ViommuFdtReserved reserved = {
        .base = 0x8000000, .size = 0x100000, .phandle = 2,
    };
    GError *error = NULL;

    make_fdt(w);
    (void)(viommu_fdt_add_smmuv3(w->fdt, &smmu, &error) &&
           viommu_fdt_link_pcie(w->fdt, BUS, 1, true, &error) &&
           viommu_fdt_add_stalling(w->fdt, BUS, 8, 0, &error) &&
           viommu_fdt_reserve(w->fdt, &reserved, BUS, 8, 3, &error));
    g_assert_no_error(error);
}

/* --- Allowed: the endpoint for tests, and the sink ------------------------ */

static void call_testdev_life(void *world)
{
    ViommuTestdev *dev = viommu_testdev_new(&testdev_config, &testdev_ops,
                                            world, NULL);

    g_assert_nonnull(dev);
    viommu_testdev_reset(dev);
    viommu_testdev_free(dev);
}

static void call_testdev_registers(void *world)
{
    ViommuTestdev *dev = dev_of(world);

    g_assert_cmphex(viommu_testdev_read(dev, 0, 4), !=, 0);
    viommu_testdev_write(dev, 0, 0, 4);
    g_assert_cmphex(viommu_testdev_config_read(dev, 0, 4), ==, 0);
    viommu_testdev_config_write(dev, 0, 0, 4);
    viommu_testdev_run(dev);
}

static void call_testdev_told(void *world)
{
    const ViommuInvalidation inv = { .what = VIOMMU_INV_DEVTLB };
    const ViommuPageResponse response = { .source = SOURCE };
    ViommuTestdev *dev = dev_of(world);

    g_assert_false(viommu_testdev_invalidate(dev, &inv));
    viommu_testdev_page_response(dev, &response);
    viommu_testdev_resume(dev, 1, VIOMMU_RESUME_RETRY);
}

static void call_testdev_stalled(void *world)
{
    viommu_testdev_stalled(dev_of(world), 1);
}

static void call_sink(void *world)
{
    const World *w = world;
    const ViommuMsi msi = { .addr = 0xfee00000 };
    ViommuSink *sink = viommu_sink_new();

    viommu_sink_push(sink, SOURCE, &msi);
    g_assert_true(viommu_sink_pop(sink, NULL, NULL));
    viommu_sink_write(w->sink, 0, 0, 4);
    (void)viommu_sink_read(w->sink, 0, 4);
    viommu_sink_reset(sink);
    viommu_sink_free(sink);
}

static const Call allowed[] = {
    { "viommu_dma_begin", call_sections },
    { "viommu_dma_end", call_sections },
    { "viommu_vtd_config_init_sized", call_new },
    { "viommu_vtd_new_sized", call_new },
    { "viommu_smmuv3_config_init_sized", call_new },
    { "viommu_smmuv3_new_sized", call_new },
    { "viommu_mmio_size", call_mmio },
    { "viommu_mmio_read", call_mmio },
    { "viommu_mmio_write", call_mmio },
    { "viommu_translate", call_translate },
    { "viommu_page_request", call_page_request },
    { "viommu_remap_msi", call_remap },
    { "viommu_remap_ioapic_msi", call_remap },
    { "viommu_source_domain", call_domain },
    { "viommu_invalidation_concerns", call_concerns },
    { "viommu_unexpected_completion", call_completion },
    { "viommu_save", call_save },
    { "viommu_get_stats_sized", call_counters },
    { "viommu_finding_name", call_counters },
    { "viommu_finding_count", call_counters },
    { "viommu_dump", call_counters },
    { "viommu_error_quark", call_counters },
    { "viommu_dmar_build", call_tables },
    { "viommu_iort_build", call_tables },
    { "viommu_reserved_regions_parse", call_tables },
    { "viommu_fdt_add_smmuv3", call_fdt },
    { "viommu_fdt_link_pcie", call_fdt },
    { "viommu_fdt_add_stalling", call_fdt },
    { "viommu_fdt_reserve", call_fdt },
    { "viommu_testdev_new_sized", call_testdev_life },
    { "viommu_testdev_reset", call_testdev_life },
    { "viommu_testdev_free", call_testdev_life },
    { "viommu_testdev_read", call_testdev_registers },
    { "viommu_testdev_write", call_testdev_registers },
    { "viommu_testdev_config_read", call_testdev_registers },
    { "viommu_testdev_config_write", call_testdev_registers },
    { "viommu_testdev_run", call_testdev_registers },
    { "viommu_testdev_invalidate", call_testdev_told },
    { "viommu_testdev_page_response", call_testdev_told },
    { "viommu_testdev_resume", call_testdev_told },
    { "viommu_testdev_stalled", call_testdev_stalled },
    { "viommu_sink_new", call_sink },
    { "viommu_sink_free", call_sink },
    { "viommu_sink_reset", call_sink },
    { "viommu_sink_push", call_sink },
    { "viommu_sink_pop", call_sink },
    { "viommu_sink_read", call_sink },
    { "viommu_sink_write", call_sink },
};

#ifndef NDEBUG
/* Only a build with assertions looks: a release's hit pays nothing. */
static void test_end_without_begin(void)
{
    if (g_test_subprocess()) {
        viommu_dma_begin();
        viommu_dma_end();
        viommu_dma_end();
        return;
    }
    g_test_trap_subprocess(NULL, 60 * G_USEC_PER_SEC,
                           G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*viommu_dma_end(): no DMA section has begun*");
}
#endif

int main(int argc, char **argv)
{
    static const Calls calls = {
        .prefix = "/misuse", .start = start, .end = end,
        .stopped = stopped, .n_stopped = G_N_ELEMENTS(stopped),
        .allowed = allowed, .n_allowed = G_N_ELEMENTS(allowed),
    };

    g_test_init(&argc, &argv, NULL);
    misuse_add(&calls);
#ifndef NDEBUG
    g_test_add_func("/misuse/end-without-begin", test_end_without_begin);
#endif
    return g_test_run();
}
