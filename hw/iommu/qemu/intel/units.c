/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the units of a machine, and who is behind which.
 */
#include "qemu/osdep.h"
#include "hw/viommu/intel/intel.h"
#include "hw/i386/pc.h"
#include "hw/pci/pci_bus.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/units.h"

IntelIOMMUState *vtd_units[VTD_UNITS_MAX];
unsigned vtd_unit_count;

/* The machine has one kind of IOMMU; only ours can be several units. */
bool viommu_is_further_unit(DeviceState *first, DeviceState *dev)
{
    return first &&
           object_dynamic_cast(OBJECT(first), TYPE_INTEL_IOMMU_DEVICE) &&
           object_dynamic_cast(OBJECT(dev), TYPE_INTEL_IOMMU_DEVICE);
}

/* The one that has what no other has, or NULL. */
static IntelIOMMUState *vtd_unit_of_rest(void)
{
    for (unsigned i = 0; i < vtd_unit_count; i++) {
        if (!vtd_units[i]->scope) {
            return vtd_units[i];
        }
    }
    return NULL;
}

IntelIOMMUState *vtd_unit_of_ioapic(void)
{
    return vtd_unit_of_rest() ?: vtd_units[0];
}

/* A scope is about the first root bus, and about all below its functions. */
IntelIOMMUState *vtd_unit_of(PCIBus *bus, int devfn)
{
    if (vtd_unit_count == 1 && !vtd_units[0]->scope) {
        return vtd_units[0];
    }
    while (!pci_bus_is_root(bus)) {
        devfn = bus->parent_dev->devfn;
        bus = pci_get_bus(bus->parent_dev);
    }
    for (unsigned i = 0; i < vtd_unit_count; i++) {
        if (vtd_units[i]->scope && test_bit(devfn, vtd_units[i]->functions) &&
            bus == PC_MACHINE(qdev_get_machine())->pcibus) {
            return vtd_units[i];
        }
    }
    return vtd_unit_of_rest();
}

IntelIOMMUState *vtd_unit_of_device(PCIDevice *dev)
{
    return vtd_unit_of(pci_get_bus(dev), dev->devfn);
}

/* SLOT[.FUNCTION], hexadecimal. */
static bool vtd_parse_address(const char *text, unsigned *slot, int *function)
{
    const char *end;
    uint64_t value;

    if (!g_ascii_isxdigit(*text) ||
        qemu_strtou64(text, &end, 16, &value) < 0 || value > 31) {
        return false;
    }
    *slot = value;
    *function = -1;
    if (*end == '.') {
        *function = end[1] - '0';
        return end[1] >= '0' && end[1] <= '7' && !end[2];
    }
    return !*end;
}

static bool vtd_parse_scope(IntelIOMMUState *s, Error **errp)
{
    g_auto(GStrv) parts = g_strsplit(s->scope, ":", -1);

    for (unsigned i = 0; parts[i]; i++) {
        unsigned slot;
        int function;

        if (!vtd_parse_address(parts[i], &slot, &function)) {
            break;
        }
        bitmap_set(s->functions, PCI_DEVFN(slot, MAX(function, 0)),
                   function < 0 ? 8 : 1);
        if (!parts[i + 1]) {
            return true;
        }
    }
    error_setg(errp, "Property 'scope' expects SLOT[.FUNCTION]"
               "[:SLOT[.FUNCTION]...], hexadecimal, to 1f.7, not '%s'",
               s->scope);
    return false;
}

/* Who has got an address space of another unit keeps it. */
static bool vtd_check_used(IntelIOMMUState *s, Error **errp)
{
    for (unsigned i = 0; i < vtd_unit_count; i++) {
        GPtrArray *spaces = vtd_units[i]->glue->spaces;

        for (unsigned k = 0; k < spaces->len; k++) {
            ViommuSpace *space = g_ptr_array_index(spaces, k);

            if (space->bus && vtd_units[i] != s &&
                vtd_unit_of(space->bus, space->devfn) == s) {
                error_setg(errp, "scope=%s: a device behind the unit is in use "
                           "already, give the unit before it", s->scope);
                return false;
            }
        }
    }
    return true;
}

bool vtd_unit_add(IntelIOMMUState *s, const ViommuGlueKind *kind,
                  Error **errp)
{
    IntelIOMMUState *rest = vtd_unit_of_rest();

    if (vtd_unit_count == VTD_UNITS_MAX) {
        error_setg(errp, "there can be %d units at most", VTD_UNITS_MAX);
        return false;
    }
    if (!s->scope && rest) {
        error_setg(errp, "only one unit can be without 'scope', which is unit "
                   "%u", rest->glue->index);
        return false;
    }
    if (s->scope && !vtd_parse_scope(s, errp)) {
        return false;
    }
    for (unsigned i = 0; i < vtd_unit_count; i++) {
        if (bitmap_intersects(s->functions, vtd_units[i]->functions,
                              PCI_DEVFN_MAX)) {
            error_setg(errp, "scope=%s: unit %u has a function of it already",
                       s->scope, i);
            return false;
        }
    }
    s->glue = viommu_glue_new(kind, DEVICE(s), errp);
    if (!s->glue) {
        return false;
    }
    s->glue->direct_bits = s->aw_bits;
    /* up to the addresses of interrupt messages */
    s->glue->pass_size = 2 * GiB;
    s->glue->mirrors = s->caching_mode;
    s->glue->nesting = s->nesting;
    vtd_units[vtd_unit_count++] = s;
    return vtd_check_used(s, errp);
}

/* --- Address spaces ------------------------------------------------------ */

static AddressSpace *vtd_get_address_space(PCIBus *bus, void *opaque,
                                           int devfn)
{
    IntelIOMMUState *s = vtd_unit_of(bus, devfn);

    return s ? viommu_space_get(s->glue, bus, devfn) : &address_space_memory;
}

static bool vtd_set_iommu_device(PCIBus *bus, void *opaque, int devfn,
                                 HostIOMMUDevice *hiod, Error **errp)
{
    IntelIOMMUState *s = vtd_unit_of(bus, devfn);

    return !s || viommu_passed_add(s->glue, bus->devices[devfn], hiod, errp);
}

static void vtd_unset_iommu_device(PCIBus *bus, void *opaque, int devfn)
{
    IntelIOMMUState *s = vtd_unit_of(bus, devfn);

    if (s) {
        viommu_passed_remove(s->glue, bus->devices[devfn]);
    }
}

static const PCIIOMMUOps vtd_pci_ops = {
    .get_address_space = vtd_get_address_space,
    .set_iommu_device = vtd_set_iommu_device,
    .unset_iommu_device = vtd_unset_iommu_device,
};

PCIDevice *vtd_find_device(ViommuGlue *unused, uint32_t source)
{
    return pci_find_device(PC_MACHINE(qdev_get_machine())->pcibus,
                           source >> 8 & 0xff, source & 0xff);
}

void vtd_unit_start(IntelIOMMUState *s)
{
    static const uint8_t ioapic_bus = VTD_IOAPIC_SOURCE >> 8;
    MachineState *ms = MACHINE(qdev_get_machine());
    ViommuSpace *ioapic;

    pci_setup_iommu(PC_MACHINE(ms)->pcibus, &vtd_pci_ops, NULL);
    if (s == vtd_unit_of_ioapic()) {
        ioapic = viommu_space_new(s->glue, NULL, &ioapic_bus,
                                  VTD_IOAPIC_SOURCE & 0xff);
        X86_MACHINE(ms)->ioapic_as = &ioapic->as;
    }
}
