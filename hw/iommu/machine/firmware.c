/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table that tells software where the units are.  Nobody puts it into
 * memory here, because there is no firmware; -machine dump-dmar shows it.
 */
#include "hw/iommu/machine/board.h"

/* No address is wider. */
#define HAW_MAX 52

const ViommuAcpiHeader board_acpi_header = {
    .oem_id = "VIOMMU",
    .oem_table_id = "MACHINE",
    .creator_id = "VIOM",
    .oem_revision = 1,
    .creator_revision = 1,
};

/* A table in the making. */
typedef struct Table {
    Board *board;
    const MachineOptions *options;
    /* what scope entries point to */
    GPtrArray *paths;
    /* GArray of ViommuDmarScope, and GPtrArray of ViommuReservedRegion */
    GPtrArray *scopes;
    GPtrArray *regions;
    GArray *drhds;
    GArray *rmrrs;
} Table;

static GArray *scopes_new(Table *t)
{
    GArray *scopes = g_array_new(false, true, sizeof(ViommuDmarScope));

    g_ptr_array_add(t->scopes, scopes);
    return scopes;
}

/*
 * From the root bus, which has number 0, through the bridges to @fn; a bridge
 * stands for all that is behind it.
 */
static void scopes_add(Table *t, GArray *scopes, const PciFunction *fn)
{
    GByteArray *path = g_byte_array_new();
    ViommuDmarScope scope = {
        .type = fn->secondary ? VIOMMU_SCOPE_BRIDGE : VIOMMU_SCOPE_ENDPOINT,
    };

    for (const PciFunction *at = fn; at; at = at->bus->bridge) {
        g_byte_array_prepend(path, &at->devfn, 1);
    }
    scope.path = path->data;
    scope.n_path = path->len;
    g_ptr_array_add(t->paths, path);
    g_array_append_val(scopes, scope);
}

static void add_unit(Table *t, const Unit *unit)
{
    ViommuDmarDrhd drhd = {
        .include_pci_all = unit->takes_rest,
        .base = unit->window.base,
        .size = unit->window.size,
    };
    GArray *scopes = scopes_new(t);

    for (unsigned devfn = 0; !unit->takes_rest && devfn < PCI_FUNCTIONS;
         devfn++) {
        const PciFunction *fn = t->board->pci.root.function[devfn];

        if (fn && t->board->unit_of[devfn] == unit) {
            scopes_add(t, scopes, fn);
        }
    }
    drhd.scopes = (const ViommuDmarScope *)scopes->data;
    drhd.n_scopes = scopes->len;
    g_array_append_val(t->drhds, drhd);
}

/* The unit that takes the rest comes last (8.3). */
static void add_units(Table *t)
{
    for (unsigned last = 0; last <= 1; last++) {
        for (unsigned i = 0; i < t->board->n_units; i++) {
            if (t->board->unit[i].takes_rest == last) {
                add_unit(t, &t->board->unit[i]);
            }
        }
    }
}

/*
 * The function that a user means, or NULL.  By address it can be on the root
 * bus only: the others have no numbers yet.
 */
static const PciFunction *find_function(Table *t,
                                        const ViommuReservedDevice *device)
{
    unsigned endpoint = 0;
    PciBus *behind;

    if (!device->id) {
        return device->bus ? NULL
                           : t->board->pci.root.function[device->devfn];
    }
    for (guint i = 0; i < t->options->devices->len; i++) {
        const DeviceOptions *o = g_ptr_array_index(t->options->devices, i);
        const PciFunction *fn;

        if (o->kind != DEVICE_TESTDEV) {
            continue;
        }
        fn = g_ptr_array_index(t->board->endpoints, endpoint++);
        if (!g_strcmp0(o->id, device->id)) {
            return fn;
        }
    }
    /* a bridge has its bus's name */
    behind = pci_root_bus(&t->board->pci, device->id, NULL);
    return behind ? behind->bridge : NULL;
}

static bool add_region(Table *t, const ViommuReservedRegion *region,
                       GError **error)
{
    GArray *scopes = scopes_new(t);
    ViommuDmarRmrr rmrr = { .base = region->base, .limit = region->limit };

    for (size_t i = 0; i < region->n_devices; i++) {
        const ViommuReservedDevice *device = &region->devices[i];
        const PciFunction *fn = find_function(t, device);

        if (!fn && device->id) {
            g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                        "reserved-regions: there is no PCI device '%s'",
                        device->id);
            return false;
        }
        if (!fn) {
            g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                        "reserved-regions: there is no device at "
                        "%02x:%02x.%x", device->bus, device->devfn >> 3,
                        device->devfn & 7);
            return false;
        }
        scopes_add(t, scopes, fn);
    }
    rmrr.scopes = (const ViommuDmarScope *)scopes->data;
    rmrr.n_scopes = scopes->len;
    g_array_append_val(t->rmrrs, rmrr);
    return true;
}

static bool add_regions(Table *t, const DeviceOptions *options,
                        GError **error)
{
    const char *text = options->reserved_regions;
    GPtrArray *regions = viommu_reserved_regions_parse(text ? text : "",
                                                       error);

    if (!regions) {
        return false;
    }
    g_ptr_array_add(t->regions, regions);
    for (guint i = 0; i < regions->len; i++) {
        if (!add_region(t, g_ptr_array_index(regions, i), error)) {
            return false;
        }
    }
    return true;
}

/* Integrated endpoints with a device-TLB. */
static GArray *scopes_of_ats(Table *t)
{
    GArray *scopes = scopes_new(t);
    unsigned endpoint = 0;

    for (guint i = 0; i < t->options->devices->len; i++) {
        const DeviceOptions *o = g_ptr_array_index(t->options->devices, i);
        const PciFunction *fn;

        if (o->kind != DEVICE_TESTDEV) {
            continue;
        }
        fn = g_ptr_array_index(t->board->endpoints, endpoint++);
        if (o->testdev.ats && !fn->bus->bridge) {
            scopes_add(t, scopes, fn);
        }
    }
    return scopes;
}

static bool check_options(const DeviceOptions *o, GError **error)
{
    const char *option = NULL;
    const char *need = NULL;

    if (o->satc && !o->vtd.device_iotlb) {
        option = "satc=on";
        need = "device-iotlb=on";
    } else if (o->atc_required && !o->satc) {
        option = "atc-required=on";
        need = "satc=on";
    } else if (o->x2apic_opt_out && o->intremap == ON_OFF_AUTO_OFF) {
        option = "x2apic-opt-out=on";
        need = "intremap=on";
    }
    if (option) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "%s: allowed with %s only", option, need);
        return false;
    }
    return true;
}

/* The table has one word for all units. */
static bool add_options(Table *t, const DeviceOptions *o, ViommuDmar *dmar,
                        ViommuDmarSatc *satc, GError **error)
{
    unsigned bits = o->vtd.haw_bits ? o->vtd.haw_bits
                                    : MIN(o->vtd.aw_bits, HAW_MAX);

    if (!check_options(o, error) || !add_regions(t, o, error)) {
        return false;
    }
    dmar->address_bits = MAX(dmar->address_bits, bits);
    dmar->interrupt_remapping |= o->intremap != ON_OFF_AUTO_OFF;
    dmar->x2apic_opt_out |= o->x2apic_opt_out;
    dmar->dma_control_opt_in |= o->dma_control_opt_in;
    dmar->n_atsrs |= o->vtd.device_iotlb;
    dmar->n_satcs |= o->satc;
    satc->atc_required |= o->atc_required;
    return true;
}

static bool describe(Table *t, GByteArray **table, GError **error)
{
    const ViommuDmarAtsr atsr = { .all_ports = true };
    ViommuDmarSatc satc = { 0 };
    ViommuDmar dmar = {
        .header = board_acpi_header,
        .atsrs = &atsr,
        .satcs = &satc,
    };
    GArray *scopes = scopes_of_ats(t);

    for (guint i = 0; i < t->options->devices->len; i++) {
        const DeviceOptions *o = g_ptr_array_index(t->options->devices, i);

        if (o->kind == DEVICE_VTD &&
            !add_options(t, o, &dmar, &satc, error)) {
            g_prefix_error(error, "-device %s: ", o->text);
            return false;
        }
    }
    add_units(t);
    satc.scopes = (const ViommuDmarScope *)scopes->data;
    satc.n_scopes = scopes->len;
    dmar.n_satcs = dmar.n_satcs && scopes->len;
    dmar.drhds = (const ViommuDmarDrhd *)t->drhds->data;
    dmar.n_drhds = t->drhds->len;
    dmar.rmrrs = (const ViommuDmarRmrr *)t->rmrrs->data;
    dmar.n_rmrrs = t->rmrrs->len;
    *table = viommu_dmar_build(&dmar, error);
    if (!*table) {
        g_prefix_error(error, "-device intel-iommu: ");
    }
    return *table != NULL;
}

bool board_make_dmar(Board *board, const MachineOptions *options,
                     GError **error)
{
    Table t = {
        .board = board,
        .options = options,
        .paths = g_ptr_array_new_with_free_func(
            (GDestroyNotify)g_byte_array_unref),
        .scopes = g_ptr_array_new_with_free_func(
            (GDestroyNotify)g_array_unref),
        .regions = g_ptr_array_new_with_free_func(
            (GDestroyNotify)g_ptr_array_unref),
        .drhds = g_array_new(false, false, sizeof(ViommuDmarDrhd)),
        .rmrrs = g_array_new(false, false, sizeof(ViommuDmarRmrr)),
    };
    bool ok = true;

    if (board->n_units) {
        ok = describe(&t, &board->table, error);
    }
    g_array_unref(t.drhds);
    g_array_unref(t.rmrrs);
    g_ptr_array_unref(t.regions);
    g_ptr_array_unref(t.scopes);
    g_ptr_array_unref(t.paths);
    return ok;
}
