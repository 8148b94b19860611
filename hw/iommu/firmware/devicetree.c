/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device tree nodes (bindings "arm,smmu-v3", "pci-iommu", "iommu" and
 * "reserved-memory"), made with libfdt in a tree of the embedder's.
 */
#include <libfdt.h>
#include <stdio.h>

#include "hw/iommu/firmware/acpi.h"

/* Cells of an interrupt of the GIC: shared, on a rising edge. */
#define GIC_SPI  0
#define GIC_EDGE 1

#define LINES    4

/* A PCI address in 32-bit memory space, of any bus. */
#define PCI_MEMORY 0x02000000u

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

/* A new node of @parent, with @cells in its property "reg".  Negative with
 * @error. */
static int add_node(void *fdt, int parent, const char *name,
                    const uint32_t *cells, unsigned n, GError **error)
{
    int node = fdt_add_subnode(fdt, parent, name);

    if (node < 0) {
        fdt_fail(error, name, node);
    } else if (n && !set_cells(fdt, node, "reg", cells, n, error)) {
        return -1;
    }
    return node;
}

static void function_name(uint8_t devfn, char name[32])
{
    snprintf(name, 32, devfn & 7 ? "device@%x,%x" : "device@%x", devfn >> 3,
             devfn & 7);
}

/* A function's node, below its bus. */
static int add_function(void *fdt, int bus, uint8_t devfn, GError **error)
{
    /* a PCI address: configuration space, the function's */
    const uint32_t reg[] = { (uint32_t)devfn << 8, 0, 0, 0, 0 };
    char name[32];

    function_name(devfn, name);
    return add_node(fdt, bus, name, reg, G_N_ELEMENTS(reg), error);
}

bool viommu_fdt_add_stalling(void *fdt, const char *path, uint8_t devfn,
                             unsigned pasid_bits, GError **error)
{
    const uint32_t bits = pasid_bits;
    int bus = fdt_path_offset(fdt, path);
    int node;

    if (bus < 0) {
        return fdt_fail(error, path, bus);
    }
    node = add_function(fdt, bus, devfn, error);
    return node >= 0 &&
           set_bytes(fdt, node, "dma-can-stall", "", 0, error) &&
           (!bits || set_cells(fdt, node, "pasid-num-bits", &bits, 1,
                               error));
}

/* --- Memory that stays where it is --------------------------------------- */

/* /reserved-memory, whose addresses are those of the root. */
static int reserved_memory(void *fdt, GError **error)
{
    static const char name[] = "reserved-memory";
    const uint32_t two = 2;
    int node = fdt_subnode_offset(fdt, 0, name);

    if (node >= 0) {
        return node;
    }
    node = add_node(fdt, 0, name, NULL, 0, error);
    return node >= 0 &&
           set_cells(fdt, node, "#address-cells", &two, 1, error) &&
           set_cells(fdt, node, "#size-cells", &two, 1, error) &&
           set_bytes(fdt, node, "ranges", "", 0, error) ? node : -1;
}

static int reserved_node(void *fdt, const ViommuFdtReserved *reserved,
                         GError **error)
{
    const uint32_t range[] = {
        reserved->base >> 32, reserved->base, reserved->size >> 32,
        reserved->size,
    };
    int parent = reserved_memory(fdt, error);
    char name[40];
    int node;

    if (parent < 0) {
        return parent;
    }
    snprintf(name, sizeof(name), "iommu@%" G_GINT64_MODIFIER "x",
             reserved->base);
    node = fdt_subnode_offset(fdt, parent, name);
    if (node >= 0) {
        return node;
    }
    node = add_node(fdt, parent, name, range, G_N_ELEMENTS(range), error);
    return node >= 0 &&
           set_cells(fdt, node, "phandle", &reserved->phandle, 1,
                     error) ? node : -1;
}

/* One more function for which the range's addresses are its own. */
static bool add_user(void *fdt, const ViommuFdtReserved *reserved,
                     uint32_t user, GError **error)
{
    const fdt32_t cells[] = {
        cpu_to_fdt32(user), cpu_to_fdt32(PCI_MEMORY),
        cpu_to_fdt32(reserved->base >> 32), cpu_to_fdt32(reserved->base),
        cpu_to_fdt32(reserved->size >> 32), cpu_to_fdt32(reserved->size),
    };
    int node = reserved_node(fdt, reserved, error);
    int ret;

    if (node < 0) {
        return false;
    }
    ret = fdt_appendprop(fdt, node, "iommu-addresses", cells, sizeof(cells));
    return !ret || fdt_fail(error, "iommu-addresses", ret);
}

bool viommu_fdt_reserve(void *fdt, const ViommuFdtReserved *reserved,
                        const char *path, uint8_t devfn, uint32_t phandle,
                        GError **error)
{
    int bus = fdt_path_offset(fdt, path);
    char name[32];
    int node;

    if (bus < 0) {
        return fdt_fail(error, path, bus);
    }
    function_name(devfn, name);
    node = fdt_subnode_offset(fdt, bus, name);
    if (node < 0) {
        node = add_function(fdt, bus, devfn, error);
    }
    return node >= 0 &&
           set_cells(fdt, node, "memory-region", &reserved->phandle, 1,
                     error) &&
           set_cells(fdt, node, "phandle", &phandle, 1, error) &&
           add_user(fdt, reserved, phandle, error);
}
