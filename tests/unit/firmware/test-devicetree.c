/* SPDX-License-Identifier: BSD-3-Clause */
/* The device tree's nodes, as dtc reads them, and what is refused. */
#include <libfdt.h>
#include <string.h>

#include <glib/gstdio.h>
#include <hw/iommu/viommu-firmware.h>

#define SIZE 4096

static const ViommuFdtSmmu smmu = {
    .base = 0x1009050000, .size = 0x20000, .phandle = 0x8003,
    .coherent = true, .spi = 74,
};

/* With messages of its own, of an ITS and of a frame without IDs. */
static const ViommuFdtSmmu with_its = {
    .base = 0xc000000, .size = 0x20000, .phandle = 0x8004, .spi = 112,
    .msi_parent = 0x8001, .msi_cells = 1, .device_id = 5,
};
static const ViommuFdtSmmu with_frame = {
    .base = 0xc020000, .size = 0x20000, .phandle = 0x8005, .spi = 116,
    .msi_parent = 0x8002, .device_id = 6,
};

/* What two functions leave in place; the first one has a node already. */
static const ViommuFdtReserved reserved = {
    .base = 0x8000000, .size = 0x100000, .phandle = 0x8006,
};

/* A tree with a host bridge, in memory of its own. */
static void *tree_new(size_t size)
{
    void *fdt = g_malloc0(size);
    int node;

    g_assert_cmpint(fdt_create_empty_tree(fdt, (int)size), ==, 0);
    node = fdt_add_subnode(fdt, 0, "pcie@10000000");
    if (node >= 0) {
        fdt_setprop_string(fdt, node, "device_type", "pci");
        fdt_setprop_u32(fdt, node, "#address-cells", 3);
        fdt_setprop_u32(fdt, node, "#size-cells", 2);
    }
    return fdt;
}

static void *full_tree(void)
{
    void *fdt = tree_new(SIZE);
    GError *error = NULL;

    fdt_setprop_u32(fdt, 0, "#address-cells", 2);
    fdt_setprop_u32(fdt, 0, "#size-cells", 2);
    g_assert_true(viommu_fdt_add_smmuv3(fdt, &smmu, &error));
    g_assert_true(viommu_fdt_add_smmuv3(fdt, &with_its, &error));
    g_assert_true(viommu_fdt_add_smmuv3(fdt, &with_frame, &error));
    g_assert_true(viommu_fdt_link_pcie(fdt, "/pcie@10000000", smmu.phandle,
                                       true, &error));
    g_assert_true(viommu_fdt_add_stalling(fdt, "/pcie@10000000", 3 << 3, 16,
                                          &error));
    g_assert_true(viommu_fdt_add_stalling(fdt, "/pcie@10000000", 4 << 3 | 1,
                                          0, &error));
    g_assert_true(viommu_fdt_reserve(fdt, &reserved, "/pcie@10000000", 3 << 3,
                                     0x8007, &error));
    g_assert_true(viommu_fdt_reserve(fdt, &reserved, "/pcie@10000000", 5 << 3,
                                     0x8008, &error));
    g_assert_no_error(error);
    return fdt;
}

static const char *const lines[] = {
    "device@4,1 {", "dma-can-stall;", "reg = <0x2100 0x00 0x00 0x00 0x00>;",
    "device@3 {", "pasid-num-bits = <0x10>;", "dma-can-stall;",
    "reg = <0x1800 0x00 0x00 0x00 0x00>;",
    "smmuv3@1009050000 {", "phandle = <0x8003>;", "#iommu-cells = <0x01>;",
    "dma-coherent;",
    "interrupt-names = \"eventq\\0priq\\0cmdq-sync\\0gerror\";",
    ("interrupts = <0x00 0x4a 0x01 0x00 0x4b 0x01 0x00 0x4c 0x01 0x00 0x4d "
     "0x01>;"),
    "reg = <0x10 0x9050000 0x00 0x20000>;", "compatible = \"arm,smmu-v3\";",
    "smmuv3@c000000 {", "msi-parent = <0x8001 0x05>;",
    "smmuv3@c020000 {", "msi-parent = <0x8002>;",
    "ats-supported;", "iommu-map = <0x00 0x8003 0x00 0x10000>;",
    "reserved-memory {", "#address-cells = <0x02>;", "#size-cells = <0x02>;",
    "ranges;", "iommu@8000000 {", "reg = <0x00 0x8000000 0x00 0x100000>;",
    "phandle = <0x8006>;",
    ("iommu-addresses = <0x8007 0x2000000 0x00 0x8000000 0x00 0x100000 "
     "0x8008 0x2000000 0x00 0x8000000 0x00 0x100000>;"),
    "device@5 {", "reg = <0x2800 0x00 0x00 0x00 0x00>;",
    "memory-region = <0x8006>;", "phandle = <0x8007>;", "phandle = <0x8008>;",
};

/* Each line is there; their order is libfdt's affair. */
static void test_dtc(void)
{
    g_autofree char *folder = g_dir_make_tmp("viommu-fdt-XXXXXX", NULL);
    g_autofree char *dtb = g_build_filename(folder, "tree.dtb", NULL);
    char *argv[] = { (char *)"dtc", (char *)"-q", (char *)"-I",
                     (char *)"dtb", (char *)"-O", (char *)"dts", dtb, NULL };
    g_autofree char *said = NULL;
    g_autofree char *complained = NULL;
    void *fdt = full_tree();
    GError *error = NULL;
    int status;

    g_assert_true(g_file_set_contents(dtb, fdt, fdt_totalsize(fdt), NULL));
    if (!g_spawn_sync(folder, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                      &said, &complained, &status, &error)) {
        g_test_skip("dtc is not installed");
        g_clear_error(&error);
    } else {
        g_assert_cmpint(status, ==, 0);
        for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
            if (!strstr(said, lines[i])) {
                g_error("dtc shows no '%s' in\n%s", lines[i], said);
            }
        }
    }
    g_free(fdt);
    g_unlink(dtb);
    g_rmdir(folder);
}

static void test_refused(void)
{
    void *fdt = tree_new(SIZE);
    GError *error = NULL;
    ViommuFdtSmmu wide;

    g_assert_false(viommu_fdt_link_pcie(fdt, "/nowhere", 1, false, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
    g_assert_nonnull(strstr(error->message, "/nowhere"));
    g_clear_error(&error);
    g_assert_false(viommu_fdt_add_stalling(fdt, "/nowhere", 0, 0, &error));
    g_clear_error(&error);
    g_assert_false(viommu_fdt_reserve(fdt, &reserved, "/nowhere", 0, 1,
                                      &error));
    g_assert_nonnull(strstr(error->message, "/nowhere"));
    g_clear_error(&error);
    /* the same function, or unit, twice */
    g_assert_true(viommu_fdt_add_stalling(fdt, "/pcie@10000000", 8, 0,
                                          &error));
    g_assert_false(viommu_fdt_add_stalling(fdt, "/pcie@10000000", 8, 0,
                                           &error));
    g_assert_nonnull(strstr(error->message, "device@1"));
    g_clear_error(&error);
    g_assert_true(viommu_fdt_add_smmuv3(fdt, &smmu, &error));
    g_assert_false(viommu_fdt_add_smmuv3(fdt, &smmu, &error));
    g_clear_error(&error);
    wide = with_its;
    wide.msi_cells = 2;
    g_assert_false(viommu_fdt_add_smmuv3(fdt, &wide, &error));
    g_assert_nonnull(strstr(error->message, "2 msi-cells"));
    g_clear_error(&error);
    g_free(fdt);

}

static bool add_unit(void *fdt, GError **error)
{
    return viommu_fdt_add_smmuv3(fdt, &smmu, error);
}

static bool add_reserved(void *fdt, GError **error)
{
    return viommu_fdt_reserve(fdt, &reserved, "/pcie@10000000", 8, 0x8007,
                              error);
}

/* Trees with less and less room: an error, and nothing beyond the end. */
static void test_small(void)
{
    static bool (*const add[])(void *fdt, GError **error) = {
        add_unit, add_reserved,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(add); i++) {
        for (size_t size = 200; size < 800; size += 4) {
            void *fdt = tree_new(size);
            GError *error = NULL;

            if (add[i](fdt, &error)) {
                g_assert_no_error(error);
                g_assert_cmpuint(size, >, 400);
            } else {
                g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
                g_clear_error(&error);
                g_assert_cmpuint(size, <, 700);
            }
            g_free(fdt);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/devicetree/dtc", test_dtc);
    g_test_add_func("/devicetree/refused", test_refused);
    g_test_add_func("/devicetree/small", test_small);
    return g_test_run();
}
