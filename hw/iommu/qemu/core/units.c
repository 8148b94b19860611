/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the units of a machine, and their registers.
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/common.h"
#include "hw/viommu/core/ram.h"
#include "hw/pci/pci_device.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "system/system.h"

ViommuGlue *viommu_units[VIOMMU_UNITS_MAX];
unsigned viommu_unit_count;

const ViommuOps viommu_glue_ops = {
    .send_msi = viommu_glue_send_msi,
    .set_line = viommu_glue_set_line,
    .invalidate = viommu_glue_invalidate,
    .devtlb_invalidate = viommu_glue_devtlb_invalidate,
    .page_response = viommu_glue_page_response,
    .stall_resume = viommu_glue_stall_resume,
    .drained = viommu_glue_drained,
    .run_later = viommu_glue_run_later,
    .mem_read = viommu_memory_read,
    .mem_write = viommu_memory_write,
    .ram_written = viommu_ram_written_to,
};

/* --- Devices that were there before the first unit ------------------------ */

/*
 * Those who take an address space for good when they are made.  Others are
 * given theirs when the whole machine is there.
 */
static GPtrArray *early_devices;

static int early_collect(Object *child, void *unused)
{
    bool takes = object_dynamic_cast(child, "vfio-pci") ||
                 (object_dynamic_cast(child, "viommu-testdev") &&
                  object_property_get_bool(child, "x-mirror", NULL));

    if (takes && DEVICE(child)->realized) {
        g_ptr_array_add(early_devices, child);
    }
    return 0;
}

static void early_check(Notifier *notifier, void *unused)
{
    for (guint i = 0; i < early_devices->len; i++) {
        PCIDevice *dev = g_ptr_array_index(early_devices, i);
        ViommuSpace *space = viommu_space_of(dev);

        if (space && space->glue->nesting == ON_OFF_AUTO_ON) {
            error_report("%s: nesting=on: give the unit before the %s device "
                         "behind it", space->glue->kind->name, dev->name);
            exit(1);
        } else if (space) {
            warn_report("%s: DMA of the %s device at %02x.%x goes past it: "
                        "give the unit before the device",
                        space->glue->kind->name, dev->name,
                        PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn));
        }
    }
}

static void early_init(void)
{
    static Notifier done = { .notify = early_check };

    early_devices = g_ptr_array_new();
    object_child_foreach_recursive(object_get_root(), early_collect, NULL);
    if (early_devices->len) {
        qemu_add_machine_init_done_notifier(&done);
    }
}

/* --- Units --------------------------------------------------------------- */

ViommuGlue *viommu_glue_new(const ViommuGlueKind *kind, DeviceState *dev,
                            Error **errp)
{
    ViommuGlue *glue;

    if (viommu_unit_count == VIOMMU_UNITS_MAX) {
        error_setg(errp, "there can be %d units at most", VIOMMU_UNITS_MAX);
        return NULL;
    }
    glue = g_new0(ViommuGlue, 1);
    glue->kind = kind;
    glue->dev = dev;
    glue->index = viommu_unit_count;
    glue->nesting = ON_OFF_AUTO_OFF;
    if (!viommu_unit_count) {
        early_init();
    }
    viommu_units[viommu_unit_count++] = glue;
    viommu_events_init(glue);
    viommu_spaces_init(glue);
    return glue;
}

/*
 * Must the guest's system leave bus numbers as firmware has given them?  Called
 * where ACPI's host bridges are made, which know it by a prototype of their own.
 */
bool viommu_bus_numbers_stay(void);

bool viommu_bus_numbers_stay(void)
{
    for (unsigned i = 0; i < viommu_unit_count; i++) {
        if (viommu_units[i]->numbers_stay) {
            return true;
        }
    }
    return false;
}

bool viommu_is_unit(const Object *obj)
{
    for (unsigned i = 0; i < viommu_unit_count; i++) {
        if (OBJECT(viommu_units[i]->dev) == obj) {
            return true;
        }
    }
    return false;
}

static uint64_t unit_read(void *opaque, hwaddr addr, unsigned size)
{
    ViommuGlue *glue = opaque;

    return viommu_mmio_read(glue->unit, addr, size);
}

static void unit_write(void *opaque, hwaddr addr, uint64_t value,
                       unsigned size)
{
    ViommuGlue *glue = opaque;

    viommu_mmio_write(glue->unit, addr, value, size);
    if (glue->kind->written) {
        glue->kind->written(glue, addr, size);
    }
}

static const MemoryRegionOps unit_ops = {
    .read = unit_read,
    .write = unit_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

void viommu_glue_start(ViommuGlue *glue, MemoryRegion *registers,
                       const char *name)
{
    memory_region_init_io(registers, OBJECT(glue->dev), &unit_ops, glue, name,
                          viommu_mmio_size(glue->unit));
    viommu_ram_follow(glue->unit);
}

void viommu_glue_reset(ViommuGlue *glue)
{
    viommu_reset(glue->unit);
    viommu_events_forget(glue);
    viommu_glue_all_changed(glue);
}
