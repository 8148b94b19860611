/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the device tree nodes and the IORT of SMMUv3s, which
 * scripts/qemu-build makes the virt machine ask for in place of its own.
 */
#include "qemu/osdep.h"
#include "hw/viommu/arm/arm_smmuv3.h"
#include "hw/viommu/core/passthrough.h"
#include "hw/acpi/aml-build.h"
#include "hw/arm/virt.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pci_host.h"
#include "hw/platform-bus.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "system/device_tree.h"
#include <hw/iommu/viommu-firmware.h>

/* Called by the machine; it knows them by prototypes of its own. */
void viommu_smmu_place(DeviceState *dev, hwaddr base, int spi,
                       uint32_t phandle);
void viommu_smmu_add_nodes(VirtMachineState *vms);
bool viommu_build_iort(GArray *tables, VirtMachineState *vms);

/* Where the interrupt numbers of shared peripherals start. */
#define SMMU_SPI_BASE 32

/*
 * Linux, the host, has interrupt messages of devices there (of guest-physical
 * addresses): they are DMA of the device, which the guest's tables must leave
 * where it is.
 */
#define SMMU_MESSAGES_BASE 0x08000000ULL
#define SMMU_MESSAGES_SIZE 0x00100000ULL

static SmmuState *smmu_number(unsigned i)
{
    return VIOMMU_SMMUV3(viommu_units[i]->dev);
}

static void smmu_firmware_failed(GError *error)
{
    error_report("arm-smmuv3: %s", error->message);
    exit(1);
}

/* --- Places -------------------------------------------------------------- */

/* The machine's own unit has one that the machine chose. */
void viommu_smmu_place(DeviceState *dev, hwaddr base, int spi,
                       uint32_t phandle)
{
    SmmuState *s = VIOMMU_SMMUV3(dev);

    s->base = base;
    s->spi = spi;
    s->phandle = phandle;
}

/* The others are on the platform bus, whose lines it gave out in order. */
static void smmu_find_place(SmmuState *s, VirtMachineState *vms)
{
    PlatformBusDevice *bus = PLATFORM_BUS_DEVICE(vms->platform_bus_dev);
    SysBusDevice *dev = SYS_BUS_DEVICE(s);
    int line = platform_bus_get_irqn(bus, dev, 0);

    for (int i = 1; i < VIOMMU_SMMUV3_LINES; i++) {
        if (platform_bus_get_irqn(bus, dev, i) != line + i) {
            error_report("arm-smmuv3: the platform bus has no %d interrupt "
                         "lines side by side", VIOMMU_SMMUV3_LINES);
            exit(1);
        }
    }
    s->base = vms->memmap[VIRT_PLATFORM_BUS].base +
              platform_bus_get_mmio_addr(bus, dev, 0);
    s->spi = vms->irqmap[VIRT_PLATFORM_BUS] + line;
    s->phandle = qemu_fdt_alloc_phandle(MACHINE(vms)->fdt);
}

static bool smmu_has_its(const VirtMachineState *vms)
{
    return vms->msi_controller == VIRT_MSI_CTRL_ITS;
}

/* --- Device tree --------------------------------------------------------- */

typedef struct SmmuTree {
    void *fdt;
    const char *bridge;
    const SmmuState *smmu;
} SmmuTree;

/*
 * An endpoint whose accesses may be stalled says so; for a PCI function that is
 * a node below its bus.  Only those of the root bus have an address when QEMU
 * makes the tree.
 */
static void smmu_add_stalling(PCIBus *bus, PCIDevice *dev, void *opaque)
{
    const SmmuTree *tree = opaque;
    GError *error = NULL;

    if (viommu_endpoint_core(dev) &&
        !viommu_fdt_add_stalling(tree->fdt, tree->bridge, dev->devfn,
                                 tree->smmu->ssid_bits, &error)) {
        smmu_firmware_failed(error);
    }
}

/* Messages of the host's devices; the tree has functions of the root bus. */
static void smmu_reserve_messages(SmmuState *s, VirtMachineState *vms)
{
    ViommuFdtReserved reserved = {
        .base = SMMU_MESSAGES_BASE, .size = SMMU_MESSAGES_SIZE,
    };
    void *fdt = MACHINE(vms)->fdt;
    GError *error = NULL;
    ViommuPassed *p;

    QLIST_FOREACH(p, &s->glue->passed, next) {
        if (pci_get_bus(p->dev) != vms->bus) {
            smmu_check_told(p->dev);
            continue;
        }
        if (!reserved.phandle) {
            reserved.phandle = qemu_fdt_alloc_phandle(fdt);
        }
        if (!viommu_fdt_reserve(fdt, &reserved, vms->pciehb_nodename,
                                p->dev->devfn, qemu_fdt_alloc_phandle(fdt),
                                &error)) {
            smmu_firmware_failed(error);
        }
    }
}

/*
 * The one host bridge of the tree is the machine's.  Further root buses are in
 * ACPI's tables only.
 */
static void smmu_link_bridge(SmmuState *s, VirtMachineState *vms)
{
    SmmuTree tree = {
        .fdt = MACHINE(vms)->fdt, .bridge = vms->pciehb_nodename, .smmu = s,
    };
    GError *error = NULL;

    if (!viommu_fdt_link_pcie(tree.fdt, tree.bridge, s->phandle, s->ats,
                              &error)) {
        smmu_firmware_failed(error);
    }
    if (s->stall) {
        pci_for_each_device_under_bus(vms->bus, smmu_add_stalling, &tree);
    }
}

/* Once all devices are there, before the tree is used. */
void viommu_smmu_add_nodes(VirtMachineState *vms)
{
    for (unsigned i = 0; i < viommu_unit_count; i++) {
        SmmuState *s = smmu_number(i);
        GError *error = NULL;
        ViommuFdtSmmu smmu;

        smmu_check_kept(s);
        if (!s->base) {
            smmu_find_place(s, vms);
        }
        smmu = (ViommuFdtSmmu) {
            .base = s->base, .size = memory_region_size(&s->registers),
            .phandle = s->phandle, .coherent = true, .spi = s->spi,
            .msi_parent = s->msi ? vms->msi_phandle : 0,
            .msi_cells = smmu_has_its(vms), .device_id = i,
        };
        if (!viommu_fdt_add_smmuv3(MACHINE(vms)->fdt, &smmu, &error)) {
            smmu_firmware_failed(error);
        }
        if (s->primary_bus == vms->bus && !vms->default_bus_bypass_iommu) {
            smmu_link_bridge(s, vms);
        }
        smmu_reserve_messages(s, vms);
    }
}

/* --- ACPI ---------------------------------------------------------------- */

/* A root bus and what is below it. */
typedef struct SmmuRoot {
    const SmmuState *smmu;      /* or NULL */
    unsigned first, last;       /* bus numbers */
} SmmuRoot;

static int smmu_add_root(Object *obj, void *opaque)
{
    GArray *roots = opaque;
    SmmuRoot root;
    PCIBus *bus;

    if (!object_dynamic_cast(obj, TYPE_PCI_HOST_BRIDGE)) {
        return 0;
    }
    bus = PCI_HOST_BRIDGE(obj)->bus;
    if (!bus) {
        return 0;
    }
    root.smmu = pci_bus_bypass_iommu(bus) ? NULL : smmu_unit_of(bus);
    root.first = root.last = pci_bus_num(bus);
    for (unsigned devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        PCIDevice *dev = bus->devices[devfn];

        if (dev && IS_PCI_BRIDGE(dev)) {
            root.last = MAX(root.last, dev->config[PCI_SUBORDINATE_BUS]);
        }
    }
    g_array_append_val(roots, root);
    return 0;
}

static int smmu_compare(gconstpointer a, gconstpointer b)
{
    const SmmuRoot *first = a, *second = b;

    return first->first < second->first ? -1 : first->first > second->first;
}

/* Buses behind a unit that may have devices of the host. */
static void smmu_add_streams(GArray *streams, unsigned first, unsigned end,
                             const SmmuState *smmu)
{
    const ViommuIortStreams some = {
        .smmu = smmu->glue->index, .first = first << 8,
        .count = (end - first) << 8,
    };

    if (first < end && smmu->nesting != ON_OFF_AUTO_OFF) {
        g_array_append_val(streams, some);
    }
}

static void smmu_add_mapping(GArray *mappings, unsigned first, unsigned end,
                             unsigned to)
{
    const ViommuIortMapping mapping = {
        .input_base = first << 8, .output_base = first << 8,
        .count = (end - first) << 8, .to = to,
    };

    if (first < end) {
        g_array_append_val(mappings, mapping);
    }
}

/*
 * To units what is below their root buses; the rest goes to the ITS as it is,
 * if there is one.  The guest has given the bridges any bus numbers, or none
 * yet, so a root bus ends where the next begins whatever its bridges say.
 */
static void smmu_add_mappings(GArray *mappings, GArray *streams, bool its)
{
    g_autoptr(GArray) roots = g_array_new(false, true, sizeof(SmmuRoot));
    unsigned next = 0;

    object_child_foreach_recursive(object_get_root(), smmu_add_root, roots);
    g_array_sort(roots, smmu_compare);
    for (guint i = 0; i < roots->len; i++) {
        const SmmuRoot *root = &g_array_index(roots, SmmuRoot, i);
        unsigned end = root->last + 1;

        if (i + 1 < roots->len) {
            end = MIN(end, g_array_index(roots, SmmuRoot, i + 1).first);
        }
        if (root->smmu) {
            smmu_add_mapping(mappings, its ? next : root->first, root->first,
                             VIOMMU_IORT_ITS);
            smmu_add_mapping(mappings, root->first, end,
                             root->smmu->glue->index);
            smmu_add_streams(streams, root->first, end, root->smmu);
            next = end;
        }
    }
    smmu_add_mapping(mappings, its ? next : 0x100, 0x100, VIOMMU_IORT_ITS);
}

static ViommuIortSmmu smmu_describe(const SmmuState *s,
                                    const VirtMachineState *vms)
{
    uint32_t line = s->spi + SMMU_SPI_BASE;

    return (ViommuIortSmmu) {
        .base = s->base, .coherent = true, .httu = s->httu,
        .event_gsiv = line + VIOMMU_SMMUV3_LINE_EVENTQ,
        .pri_gsiv = line + VIOMMU_SMMUV3_LINE_PRIQ,
        .sync_gsiv = line + VIOMMU_SMMUV3_LINE_CMD_SYNC,
        .gerror_gsiv = line + VIOMMU_SMMUV3_LINE_GERROR,
        .streams = 0x10000,
        .msi = s->msi && smmu_has_its(vms),
        .device_id = s->glue->index,
    };
}

/* False: there is no SMMU. */
bool viommu_build_iort(GArray *tables, VirtMachineState *vms)
{
    g_autoptr(GArray) mappings = g_array_new(false, true,
                                             sizeof(ViommuIortMapping));
    g_autoptr(GArray) streams = g_array_new(false, true,
                                            sizeof(ViommuIortStreams));
    ViommuIortSmmu smmus[VIOMMU_UNITS_MAX];
    ViommuIortRoot root = { 0 };
    ViommuIortReserved messages = {
        .base = SMMU_MESSAGES_BASE, .size = SMMU_MESSAGES_SIZE,
    };
    ViommuIort iort = {
        .header = {
            .oem_id = vms->oem_id, .oem_table_id = vms->oem_table_id,
            .creator_id = "BXPC", .oem_revision = 1, .creator_revision = 1,
        },
        .its = smmu_has_its(vms), .smmus = smmus, .n_smmus = viommu_unit_count,
        .roots = &root, .n_roots = 1, .reserved = &messages,
    };
    GError *error = NULL;
    GByteArray *table;

    /* one segment, whose attributes are those of any unit */
    for (unsigned i = 0; i < viommu_unit_count; i++) {
        const SmmuState *s = smmu_number(i);

        smmus[i] = smmu_describe(s, vms);
        root.ats |= s->ats;
        root.pri |= s->pri;
        root.pasid_bits = MAX(root.pasid_bits, s->ssid_bits);
    }
    if (!viommu_unit_count) {
        return false;
    }
    root.pasid = root.pasid_bits;
    smmu_add_mappings(mappings, streams, iort.its);
    root.mappings = (const ViommuIortMapping *)mappings->data;
    root.n_mappings = mappings->len;
    messages.streams = (const ViommuIortStreams *)streams->data;
    messages.n_streams = streams->len;
    iort.n_reserved = streams->len > 0;
    table = viommu_iort_build(&iort, &error);
    if (!table) {
        smmu_firmware_failed(error);
    }
    g_array_append_vals(tables, table->data, table->len);
    g_byte_array_unref(table);
    return true;
}
