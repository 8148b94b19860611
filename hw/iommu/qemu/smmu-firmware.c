/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the device tree nodes and the IORT of an SMMUv3, which
 * scripts/qemu-build makes the virt machine ask for in place of its own.
 */
#include "qemu/osdep.h"
#include "arm_smmuv3.h"
#include "endpoint.h"
#include "hw/acpi/aml-build.h"
#include "hw/arm/virt.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pci_host.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include <hw/iommu/viommu-firmware.h>

/* Called by the machine; it knows them by prototypes of its own. */
void viommu_smmu_add_node(void *fdt, DeviceState *dev, hwaddr base,
                          hwaddr size, int spi, uint32_t phandle);
void viommu_smmu_link_node(void *fdt, const char *bridge, uint32_t phandle);
void viommu_build_iort(GArray *tables, BIOSLinker *linker,
                       VirtMachineState *vms);

/* Where the interrupt numbers of shared peripherals start. */
#define SMMU_SPI_BASE 32

static SmmuState *the_smmu;
static void *the_tree;
static char *the_bridge;

static void smmu_firmware_failed(GError *error)
{
    error_report("arm-smmuv3: %s", error->message);
    exit(1);
}

/* --- Device tree --------------------------------------------------------- */

void viommu_smmu_add_node(void *fdt, DeviceState *dev, hwaddr base,
                          hwaddr size, int spi, uint32_t phandle)
{
    const ViommuFdtSmmu smmu = {
        .base = base, .size = size, .phandle = phandle, .coherent = true,
        .spi = spi,
    };
    GError *error = NULL;

    the_smmu = VIOMMU_SMMUV3(dev);
    if (!viommu_fdt_add_smmuv3(fdt, &smmu, &error)) {
        smmu_firmware_failed(error);
    }
}

/*
 * An endpoint whose accesses may be stalled says so in the device tree; for a
 * PCI function that is a node below its bus.  Only those of the root bus have
 * an address when QEMU makes the tree.
 */
static void smmu_endpoint_added(PCIDevice *dev)
{
    GError *error = NULL;

    if (the_smmu->stall && pci_bus_is_root(pci_get_bus(dev)) &&
        !viommu_fdt_add_stalling(the_tree, the_bridge, dev->devfn,
                                 the_smmu->ssid_bits, &error)) {
        smmu_firmware_failed(error);
    }
}

void viommu_smmu_link_node(void *fdt, const char *bridge, uint32_t phandle)
{
    GError *error = NULL;

    the_tree = fdt;
    the_bridge = g_strdup(bridge);
    viommu_endpoint_added = smmu_endpoint_added;
    if (!viommu_fdt_link_pcie(fdt, bridge, phandle, the_smmu->ats, &error)) {
        smmu_firmware_failed(error);
    }
}

/* --- ACPI ---------------------------------------------------------------- */

/* The buses of a host bridge that is behind the unit. */
static int smmu_add_bridge(Object *obj, void *opaque)
{
    GArray *mappings = opaque;
    PCIBus *bus;
    int first, last;

    if (!object_dynamic_cast(obj, TYPE_PCI_HOST_BRIDGE)) {
        return 0;
    }
    bus = PCI_HOST_BRIDGE(obj)->bus;
    if (bus && !pci_bus_bypass_iommu(bus)) {
        ViommuIortMapping mapping = { 0 };

        pci_bus_range(bus, &first, &last);
        mapping.input_base = mapping.output_base = (uint32_t)first << 8;
        mapping.count = (uint32_t)(last - first + 1) << 8;
        g_array_append_val(mappings, mapping);
    }
    return 0;
}

static int smmu_compare(gconstpointer a, gconstpointer b)
{
    const ViommuIortMapping *first = a, *second = b;

    return first->input_base < second->input_base ? -1 :
           first->input_base > second->input_base;
}

/* What no mapping takes goes to the ITS as it is. */
static void smmu_add_rest(GArray *mappings)
{
    guint n = mappings->len;
    uint32_t next = 0;

    for (guint i = 0; i <= n; i++) {
        const ViommuIortMapping *m =
            i < n ? &g_array_index(mappings, ViommuIortMapping, i) : NULL;
        uint32_t end = m ? m->input_base : 0x10000;
        ViommuIortMapping rest = {
            .input_base = next, .output_base = next, .count = end - next,
            .to = VIOMMU_IORT_ITS,
        };

        next = m ? m->input_base + m->count : end;
        if (rest.count) {
            g_array_append_val(mappings, rest);
        }
    }
}

void viommu_build_iort(GArray *tables, BIOSLinker *linker,
                       VirtMachineState *vms)
{
    g_autoptr(GArray) mappings = g_array_new(false, true,
                                             sizeof(ViommuIortMapping));
    int line = vms->irqmap[VIRT_SMMU] + SMMU_SPI_BASE;
    const ViommuIortSmmu smmu = {
        .base = vms->memmap[VIRT_SMMU].base, .coherent = true,
        .httu = the_smmu->httu, .event_gsiv = line,
        .pri_gsiv = line + 1, .sync_gsiv = line + 2,
        .gerror_gsiv = line + 3, .streams = 0x10000,
    };
    ViommuIortRoot root = {
        .ats = the_smmu->ats, .pri = the_smmu->pri,
        .pasid = the_smmu->ssid_bits, .pasid_bits = the_smmu->ssid_bits,
    };
    const ViommuIort iort = {
        .header = {
            .oem_id = vms->oem_id, .oem_table_id = vms->oem_table_id,
            .creator_id = "BXPC", .oem_revision = 1, .creator_revision = 1,
        },
        .its = true, .smmus = &smmu, .n_smmus = 1, .roots = &root,
        .n_roots = 1,
    };
    GError *error = NULL;
    GByteArray *table;

    object_child_foreach_recursive(object_get_root(), smmu_add_bridge,
                                   mappings);
    g_array_sort(mappings, smmu_compare);
    smmu_add_rest(mappings);
    root.mappings = (const ViommuIortMapping *)mappings->data;
    root.n_mappings = mappings->len;
    table = viommu_iort_build(&iort, &error);
    if (!table) {
        smmu_firmware_failed(error);
    }
    g_array_append_vals(tables, table->data, table->len);
    g_byte_array_unref(table);
}
