/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device tree nodes (bindings "arm,smmu-v3", "pci-iommu" and "iommu"), made
 * with libfdt in a tree of the embedder's.
 */
#include <libfdt.h>
#include <stdio.h>

#include "hw/iommu/firmware/acpi.h"

/* Cells of an interrupt of the GIC: shared, on a rising edge. */
#define GIC_SPI  0
#define GIC_EDGE 1

#define LINES    4

static bool fdt_fail(GError **error, const char *what, int code)
{
    return acpi_fail(error, "device tree, %s: %s", what, fdt_strerror(code));
}

static bool set_cells(void *fdt, int node, const char *name,
                      const uint32_t *cells, unsigned n, GError **error)
{
    fdt32_t value[3 * LINES];
    int ret;

    for (unsigned i = 0; i < n; i++) {
        value[i] = cpu_to_fdt32(cells[i]);
    }
    ret = fdt_setprop(fdt, node, name, value, n * sizeof(value[0]));
    return !ret || fdt_fail(error, name, ret);
}

static bool set_bytes(void *fdt, int node, const char *name,
                      const void *bytes, size_t size, GError **error)
{
    int ret = fdt_setprop(fdt, node, name, bytes, size);

    return !ret || fdt_fail(error, name, ret);
}

/* Binding "msi-parent". */
static bool set_msi_parent(void *fdt, int node, const ViommuFdtSmmu *smmu,
                           GError **error)
{
    const uint32_t cells[] = { smmu->msi_parent, smmu->device_id };

    return !smmu->msi_parent ||
           set_cells(fdt, node, "msi-parent", cells, 1 + smmu->msi_cells,
                     error);
}

bool viommu_fdt_add_smmuv3(void *fdt, const ViommuFdtSmmu *smmu,
                           GError **error)
{
    static const char names[] = "eventq\0priq\0cmdq-sync\0gerror";
    const uint32_t window[] = {
        smmu->base >> 32, smmu->base, smmu->size >> 32, smmu->size,
    };
    const uint32_t one = 1;
    uint32_t lines[3 * LINES];
    char name[32];
    int node;

    if (smmu->msi_cells > 1) {
        return acpi_fail(error, "device tree: %u msi-cells: allowed are 0 "
                         "and 1", smmu->msi_cells);
    }
    snprintf(name, sizeof(name), "smmuv3@%" G_GINT64_MODIFIER "x",
             smmu->base);
    node = fdt_add_subnode(fdt, 0, name);
    if (node < 0) {
        return fdt_fail(error, name, node);
    }
    for (unsigned i = 0; i < LINES; i++) {
        lines[3 * i] = GIC_SPI;
        lines[3 * i + 1] = smmu->spi + i;
        lines[3 * i + 2] = GIC_EDGE;
    }
    return set_bytes(fdt, node, "compatible", "arm,smmu-v3",
                     sizeof("arm,smmu-v3"), error) &&
           set_cells(fdt, node, "reg", window, G_N_ELEMENTS(window),
                     error) &&
           set_cells(fdt, node, "interrupts", lines, G_N_ELEMENTS(lines),
                     error) &&
           set_bytes(fdt, node, "interrupt-names", names, sizeof(names),
                     error) &&
           (!smmu->coherent ||
            set_bytes(fdt, node, "dma-coherent", "", 0, error)) &&
           set_msi_parent(fdt, node, smmu, error) &&
           set_cells(fdt, node, "#iommu-cells", &one, 1, error) &&
           set_cells(fdt, node, "phandle", &smmu->phandle, 1, error);
}

bool viommu_fdt_link_pcie(void *fdt, const char *path, uint32_t phandle,
                          bool ats, GError **error)
{
    /* RequesterIDs from 0, the unit, StreamIDs from 0, all of them */
    const uint32_t map[] = { 0, phandle, 0, 0x10000 };
    int node = fdt_path_offset(fdt, path);

    if (node < 0) {
        return fdt_fail(error, path, node);
    }
    return set_cells(fdt, node, "iommu-map", map, G_N_ELEMENTS(map),
                     error) &&
           (!ats || set_bytes(fdt, node, "ats-supported", "", 0, error));
}

bool viommu_fdt_add_stalling(void *fdt, const char *path, uint8_t devfn,
                             unsigned pasid_bits, GError **error)
{
    /* a PCI address: configuration space, the function's */
    const uint32_t reg[] = { (uint32_t)devfn << 8, 0, 0, 0, 0 };
    const uint32_t bits = pasid_bits;
    int node = fdt_path_offset(fdt, path);
    char name[32];

    if (node < 0) {
        return fdt_fail(error, path, node);
    }
    snprintf(name, sizeof(name), devfn & 7 ? "device@%x,%x" : "device@%x",
             devfn >> 3, devfn & 7);
    node = fdt_add_subnode(fdt, node, name);
    if (node < 0) {
        return fdt_fail(error, name, node);
    }
    return set_cells(fdt, node, "reg", reg, G_N_ELEMENTS(reg), error) &&
           set_bytes(fdt, node, "dma-can-stall", "", 0, error) &&
           (!bits || set_cells(fdt, node, "pasid-num-bits", &bits, 1,
                               error));
}
