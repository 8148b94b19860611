/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the SMMUv3s of a machine, and the functions behind each: all
 * below its root bus.  A StreamID is the requester's bus, device and function.
 */
#include "qemu/osdep.h"
#include "hw/viommu/arm/arm_smmuv3.h"
#include "exec/address-spaces.h"
#include "hw/arm/virt.h"
#include "hw/pci/pci_device.h"
#include "qapi/error.h"
#include "qemu/error-report.h"

PCIDevice *smmu_find_device(ViommuGlue *glue, uint32_t sid)
{
    PCIBus *bus = VIOMMU_SMMUV3(glue->dev)->primary_bus;

    return sid > UINT16_MAX ? NULL
                            : pci_find_device(bus, PCI_BUS_NUM(sid),
                                              sid & 0xff);
}

static AddressSpace *smmu_get_address_space(PCIBus *bus, void *opaque,
                                            int devfn)
{
    return viommu_space_get(opaque, bus, devfn);
}

/* ACPI's tables have all streams, which firmware gives to the guest. */
void smmu_check_told(PCIDevice *dev)
{
    VirtMachineState *vms = VIRT_MACHINE(qdev_get_machine());

    if (!virt_is_acpi_enabled(vms) || !vms->bootinfo.firmware_loaded) {
        warn_report("arm-smmuv3: interrupt messages of %s do not arrive "
                    "behind tables of the guest: without firmware (-bios) "
                    "and ACPI it hears of those of devices that are on "
                    "pcie.0 from the start", dev->name);
    }
}

static bool smmu_set_iommu_device(PCIBus *bus, void *opaque, int devfn,
                                  HostIOMMUDevice *hiod, Error **errp)
{
    PCIDevice *dev = bus->devices[devfn];

    if (!viommu_passed_add(opaque, dev, hiod, errp)) {
        return false;
    }
    if (DEVICE(dev)->hotplugged) {
        smmu_check_told(dev);
    }
    return true;
}

static void smmu_unset_iommu_device(PCIBus *bus, void *opaque, int devfn)
{
    viommu_passed_remove(opaque, bus->devices[devfn]);
}

static const PCIIOMMUOps smmu_pci_ops = {
    .get_address_space = smmu_get_address_space,
    .set_iommu_device = smmu_set_iommu_device,
    .unset_iommu_device = smmu_unset_iommu_device,
};

static SmmuState *smmu_unit_at(const PCIBus *bus)
{
    for (unsigned i = 0; i < viommu_unit_count; i++) {
        SmmuState *s = VIOMMU_SMMUV3(viommu_units[i]->dev);

        if (s->primary_bus == bus) {
            return s;
        }
    }
    return NULL;
}

/* A further root bus without a unit is behind that of its own device. */
SmmuState *smmu_unit_of(PCIBus *bus)
{
    SmmuState *s = smmu_unit_at(bus);

    while (!s && bus->parent_dev) {
        bus = pci_get_bus(bus->parent_dev);
        s = smmu_unit_at(bus);
    }
    return s;
}

/* Who has got an address space of another unit keeps it. */
static bool smmu_check_used(SmmuState *s, Error **errp)
{
    SmmuState *other = smmu_unit_of(s->primary_bus);

    for (unsigned i = 0; other && i < other->glue->spaces->len; i++) {
        ViommuSpace *space = g_ptr_array_index(other->glue->spaces, i);
        PCIBus *bus = space->bus;

        while (!pci_bus_is_root(bus)) {
            bus = pci_get_bus(bus->parent_dev);
        }
        if (bus == s->primary_bus) {
            error_setg(errp, "primary-bus=%s: a device behind the unit is in "
                       "use already, give the unit before it",
                       BUS(bus)->name);
            return false;
        }
    }
    return true;
}

static bool smmu_check_bus(SmmuState *s, Error **errp)
{
    Object *machine = qdev_get_machine();
    PCIBus *bus = s->primary_bus;
    SmmuState *other;

    if (object_dynamic_cast(machine, TYPE_VIRT_MACHINE) &&
        VIRT_MACHINE(machine)->iommu == VIRT_IOMMU_VIRTIO) {
        /* Firmware's tables tell of one kind, on any bus. */
        error_setg(errp, "the machine has a virtio-iommu already, and can "
                   "have IOMMUs of one kind only");
        return false;
    }
    if (!bus) {
        error_setg(errp, "primary-bus is needed: the root bus that the unit "
                   "is in front of, such as pcie.0");
        return false;
    }
    other = smmu_unit_at(bus);
    if (!pci_bus_is_root(bus)) {
        error_setg(errp, "primary-bus=%s: allowed are root buses (pcie.0, and "
                   "those of pxb-pcie devices)", BUS(bus)->name);
    } else if (other) {
        error_setg(errp, "primary-bus=%s: SMMU %u is in front of this bus "
                   "already", BUS(bus)->name, other->glue->index);
    } else if (bus->iommu_ops) {
        error_setg(errp, "primary-bus=%s: another IOMMU is in front of this "
                   "bus already", BUS(bus)->name);
    } else {
        return smmu_check_used(s, errp);
    }
    return false;
}

/*
 * The machine lets a virtio-iommu-device take any bus, unlike those that are
 * PCI functions.  That is seen once all devices are there.
 */
void smmu_check_kept(SmmuState *s)
{
    if (s->primary_bus->iommu_ops != &smmu_pci_ops ||
        s->primary_bus->iommu_opaque != s->glue) {
        error_report("arm-smmuv3: primary-bus=%s: another IOMMU was given for "
                     "this bus, too", BUS(s->primary_bus)->name);
        exit(1);
    }
}

bool smmu_unit_add(SmmuState *s, const ViommuGlueKind *kind, Error **errp)
{
    if (!smmu_check_bus(s, errp)) {
        return false;
    }
    s->glue = viommu_glue_new(kind, DEVICE(s), errp);
    if (s->glue) {
        s->glue->nesting = s->nesting;
        /* for StreamIDs of which firmware tells */
        s->glue->numbers_stay = s->nesting != ON_OFF_AUTO_OFF;
    }
    return s->glue != NULL;
}

void smmu_unit_start(SmmuState *s)
{
    Object *machine = qdev_get_machine();

    if (object_dynamic_cast(machine, TYPE_VIRT_MACHINE)) {
        /* from now on it refuses another kind of IOMMU */
        VIRT_MACHINE(machine)->iommu = VIRT_IOMMU_SMMUV3;
    }
    /* what passes through has an answer about all addresses of the output */
    s->glue->direct_bits = s->oas_bits;
    s->glue->pass_size = 1ull << s->oas_bits;
    pci_setup_iommu(s->primary_bus, &smmu_pci_ops, s->glue);
    viommu_can_stall |= s->stall;
}
