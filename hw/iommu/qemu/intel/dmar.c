/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the DMAR table, which scripts/qemu-build makes QEMU ask for
 * in place of its own, and the reserved regions in it.
 */
#include "qemu/osdep.h"
#include "hw/viommu/intel/intel.h"
#include "hw/acpi/aml-build.h"
#include "hw/i386/acpi-common.h"
#include "hw/i386/e820_memory_layout.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_host.h"
#include "hw/pci/pcie.h"
#include "hw/sysbus.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/host-utils.h"
#include <hw/iommu/viommu-firmware.h>

/* How stock QEMU's table is signed. */
#define VTD_ACPI_REVISION 1

/* No address is wider. */
#define VTD_HAW_MAX 52

/* Extended capabilities start here, in bytes; each has four at least. */
#define VTD_EXT_CAP_FIRST 0x100
#define VTD_EXT_CAP_END   0x1000

/* A table in the making. */
typedef struct VtdTable {
    GPtrArray *paths;           /* what scope entries point to */
    GPtrArray *arrays;          /* GArray of ViommuDmarScope */
    GArray *drhds;
    GArray *rmrrs;
} VtdTable;

/* --- Device scopes ------------------------------------------------------- */

static GArray *vtd_scopes_new(VtdTable *t)
{
    GArray *scopes = g_array_new(false, true, sizeof(ViommuDmarScope));

    g_ptr_array_add(t->arrays, scopes);
    return scopes;
}

/* @n devfns in @path, which is copied. */
static void vtd_scope_add(VtdTable *t, GArray *scopes,
                          ViommuDmarScopeType type, uint8_t id, uint8_t bus,
                          const uint8_t *path, size_t n)
{
    const ViommuDmarScope scope = {
        .type = type,
        .enumeration_id = id,
        .bus = bus,
        .path = g_memdup2(path, n),
        .n_path = n,
    };

    g_ptr_array_add(t->paths, (void *)scope.path);
    g_array_append_val(scopes, scope);
}

/* From the root bus through the bridges to @dev. */
static void vtd_scope_add_device(VtdTable *t, GArray *scopes, PCIDevice *dev)
{
    PCIBus *bus = pci_get_bus(dev);
    uint8_t path[VIOMMU_DMAR_PATH_MAX];
    size_t at = sizeof(path);

    path[--at] = dev->devfn;
    while (!pci_bus_is_root(bus) && at > 0) {
        path[--at] = bus->parent_dev->devfn;
        bus = pci_get_bus(bus->parent_dev);
    }
    vtd_scope_add(t, scopes,
                  object_dynamic_cast(OBJECT(dev), TYPE_PCI_BRIDGE) ?
                  VIOMMU_SCOPE_BRIDGE : VIOMMU_SCOPE_ENDPOINT, 0,
                  pci_bus_num(bus), path + at, sizeof(path) - at);
}

typedef struct VtdWalk {
    VtdTable *t;
    GArray *scopes;
    bool (*wanted)(PCIDevice *dev, const void *opaque);
    const void *opaque;
} VtdWalk;

static void vtd_walk_device(PCIBus *bus, PCIDevice *dev, void *opaque)
{
    VtdWalk *walk = opaque;

    if (walk->wanted(dev, walk->opaque)) {
        vtd_scope_add_device(walk->t, walk->scopes, dev);
    }
}

static int vtd_walk_host(Object *obj, void *opaque)
{
    PCIHostState *host = (PCIHostState *)
        object_dynamic_cast(obj, TYPE_PCI_HOST_BRIDGE);

    if (host && host->bus && !pci_bus_bypass_iommu(host->bus)) {
        pci_for_each_device_under_bus(host->bus, vtd_walk_device, opaque);
    }
    return 0;
}

/* The functions on all root buses, in the order of stock QEMU's table. */
static void vtd_scopes_of_roots(VtdTable *t, GArray *scopes,
                                bool (*wanted)(PCIDevice *dev,
                                               const void *opaque),
                                const void *opaque)
{
    VtdWalk walk = { t, scopes, wanted, opaque };

    object_child_foreach_recursive(object_get_root(), vtd_walk_host, &walk);
}

/* --- Structures ---------------------------------------------------------- */

static bool vtd_is_behind(PCIDevice *dev, const void *unit)
{
    return vtd_unit_of_device(dev) == unit;
}

static void vtd_add_unit(VtdTable *t, IntelIOMMUState *s)
{
    static const uint8_t ioapic[] = { VTD_IOAPIC_SOURCE & 0xff };
    GArray *scopes = vtd_scopes_new(t);
    ViommuDmarDrhd drhd = {
        .base = vtd_unit_base(s),
        .size = pow2ceil(viommu_mmio_size(s->glue->unit)),
    };

    if (s == vtd_unit_of_ioapic()) {
        vtd_scope_add(t, scopes, VIOMMU_SCOPE_IOAPIC, ACPI_BUILD_IOAPIC_ID,
                      VTD_IOAPIC_SOURCE >> 8, ioapic, 1);
    }
    vtd_scopes_of_roots(t, scopes, vtd_is_behind, s);
    drhd.scopes = (const ViommuDmarScope *)scopes->data;
    drhd.n_scopes = scopes->len;
    g_array_append_val(t->drhds, drhd);
}

/* NULL with @errp, or without when the guest may still number its bus. */
static PCIDevice *vtd_reserved_device(const ViommuReservedDevice *named,
                                      Error **errp)
{
    Object *obj;

    if (!named->id) {
        PCIDevice *dev = vtd_find_device(NULL,
                                         named->bus << 8 | named->devfn);

        if (!dev && named->bus == 0) {
            error_setg(errp, "reserved-regions: there is no device at "
                       "00:%02x.%x", PCI_SLOT(named->devfn),
                       PCI_FUNC(named->devfn));
        }
        return dev;
    }
    obj = OBJECT(qdev_find_recursive(sysbus_get_default(), named->id));
    if (!obj || !object_dynamic_cast(obj, TYPE_PCI_DEVICE)) {
        error_setg(errp, "reserved-regions: there is no PCI device '%s'",
                   named->id);
        return NULL;
    }
    return PCI_DEVICE(obj);
}

static bool vtd_add_region(VtdTable *t, const ViommuReservedRegion *region,
                           Error **errp)
{
    ERRP_GUARD();
    GArray *scopes = vtd_scopes_new(t);
    ViommuDmarRmrr rmrr = { .base = region->base, .limit = region->limit };

    for (size_t i = 0; i < region->n_devices; i++) {
        PCIDevice *dev = vtd_reserved_device(&region->devices[i], errp);

        if (*errp) {
            return false;
        }
        if (dev) {
            vtd_scope_add_device(t, scopes, dev);
        }
    }
    /* nobody, before the guest has numbered its buses */
    if (scopes->len) {
        rmrr.scopes = (const ViommuDmarScope *)scopes->data;
        rmrr.n_scopes = scopes->len;
        g_array_append_val(t->rmrrs, rmrr);
    }
    return true;
}

/* An endpoint of the root complex that has a device-TLB. */
static bool vtd_has_ats(PCIDevice *dev, const void *unused)
{
    uint32_t at = VTD_EXT_CAP_FIRST;
    unsigned left = (VTD_EXT_CAP_END - VTD_EXT_CAP_FIRST) / 4;

    if (!pci_is_express(dev) ||
        object_dynamic_cast(OBJECT(dev), TYPE_PCI_BRIDGE)) {
        return false;
    }
    /* as software sees it: some devices keep their capabilities apart */
    while (at >= VTD_EXT_CAP_FIRST && left--) {
        uint32_t header = dev->config_read(dev, at, 4);

        if (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_ATS) {
            return true;
        }
        at = PCI_EXT_CAP_NEXT(header);
    }
    return false;
}

/* The table has one word for all units. */
static bool vtd_add_options(VtdTable *t, IntelIOMMUState *s, ViommuDmar *dmar,
                            ViommuDmarSatc *satc, Error **errp)
{
    X86IOMMUState *x86 = X86_IOMMU_DEVICE(s);

    dmar->address_bits = MAX(dmar->address_bits,
                             s->haw_bits ?: MIN(s->aw_bits, VTD_HAW_MAX));
    dmar->interrupt_remapping |= x86_iommu_ir_supported(x86);
    dmar->x2apic_opt_out |= s->x2apic_opt_out;
    dmar->dma_control_opt_in |= s->dma_control_opt_in;
    dmar->n_atsrs |= x86->dt_supported;
    dmar->n_satcs |= s->satc;
    satc->atc_required |= s->atc_required;
    vtd_add_unit(t, s);
    for (guint i = 0; i < s->regions->len; i++) {
        if (!vtd_add_region(t, g_ptr_array_index(s->regions, i), errp)) {
            return false;
        }
    }
    return true;
}

static GByteArray *vtd_describe(VtdTable *t, const char *oem_id,
                                const char *oem_table_id, Error **errp)
{
    g_autoptr(GError) error = NULL;
    ViommuDmarAtsr atsr = { .all_ports = true };
    ViommuDmarSatc satc = { 0 };
    ViommuDmar dmar = {
        .header = {
            .oem_id = oem_id,
            .oem_table_id = oem_table_id,
            .creator_id = "BXPC",
            .oem_revision = VTD_ACPI_REVISION,
            .creator_revision = VTD_ACPI_REVISION,
        },
        .atsrs = &atsr,
        .satcs = &satc,
    };
    GByteArray *table;

    for (unsigned i = 0; i < vtd_unit_count; i++) {
        if (!vtd_add_options(t, vtd_units[i], &dmar, &satc, errp)) {
            return NULL;
        }
    }
    if (dmar.n_satcs) {
        GArray *scopes = vtd_scopes_new(t);

        vtd_scopes_of_roots(t, scopes, vtd_has_ats, NULL);
        satc.scopes = (const ViommuDmarScope *)scopes->data;
        satc.n_scopes = scopes->len;
        dmar.n_satcs = scopes->len != 0;
    }
    dmar.drhds = (const ViommuDmarDrhd *)t->drhds->data;
    dmar.n_drhds = t->drhds->len;
    dmar.rmrrs = (const ViommuDmarRmrr *)t->rmrrs->data;
    dmar.n_rmrrs = t->rmrrs->len;
    table = viommu_dmar_build(&dmar, &error);
    if (!table) {
        error_setg(errp, "%s", error->message);
    }
    return table;
}

static GByteArray *vtd_make_table(const char *oem_id,
                                  const char *oem_table_id, Error **errp)
{
    VtdTable t = {
        .paths = g_ptr_array_new_with_free_func(g_free),
        .arrays = g_ptr_array_new_with_free_func(
            (GDestroyNotify)g_array_unref),
        .drhds = g_array_new(false, false, sizeof(ViommuDmarDrhd)),
        .rmrrs = g_array_new(false, false, sizeof(ViommuDmarRmrr)),
    };
    GByteArray *table = vtd_describe(&t, oem_id, oem_table_id, errp);

    g_array_unref(t.drhds);
    g_array_unref(t.rmrrs);
    g_ptr_array_unref(t.arrays);
    g_ptr_array_unref(t.paths);
    return table;
}

/*
 * QEMU builds its tables before the guest starts, and again when firmware,
 * which has numbered the buses then, reads them.  The first time, an error is
 * the user's; after that it is the guest's, which then gets the table before.
 */
void viommu_build_dmar(GArray *tables, const char *oem_id,
                       const char *oem_table_id)
{
    /* the table is kept with the first unit */
    IntelIOMMUState *s = vtd_units[0];
    Error *error = NULL;
    GByteArray *table = vtd_make_table(oem_id, oem_table_id, &error);

    if (!table && !s->dmar) {
        error_reportf_err(error, "intel-iommu: ");
        exit(1);
    }
    if (table) {
        g_clear_pointer(&s->dmar, g_byte_array_unref);
        s->dmar = table;
    } else {
        error_free(error);
    }
    g_array_append_vals(tables, s->dmar->data, s->dmar->len);
}

bool vtd_regions_init(IntelIOMMUState *s, Error **errp)
{
    g_autoptr(GError) error = NULL;

    if (s->reserved_regions && !*s->reserved_regions) {
        error_setg(errp, "Property 'reserved-regions' expects something, not "
                   "''");
        return false;
    }
    s->regions = viommu_reserved_regions_parse(s->reserved_regions ?: "",
                                               &error);
    if (!s->regions) {
        error_setg(errp, "%s", error->message);
        return false;
    }
    /* The guest must not use them as its memory. */
    for (guint i = 0; i < s->regions->len; i++) {
        const ViommuReservedRegion *region = g_ptr_array_index(s->regions, i);

        e820_add_entry(region->base, region->limit - region->base + 1,
                       E820_RESERVED);
    }
    return true;
}
