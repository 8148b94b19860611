/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the units of a machine, and their registers.
 */
#include "qemu/osdep.h"
#include "common.h"
#include "ram.h"
#include "qapi/error.h"

ViommuGlue *viommu_units[VIOMMU_UNITS_MAX];
unsigned viommu_unit_count;

const ViommuOps viommu_glue_ops = {
    .send_msi = viommu_glue_send_msi,
    .set_line = viommu_glue_set_line,
    .invalidate = viommu_glue_invalidate,
    .devtlb_invalidate = viommu_glue_devtlb_invalidate,
    .page_response = viommu_glue_page_response,
    .stall_resume = viommu_glue_stall_resume,
    .drained = viommu_threads_drained,
    .run_later = viommu_glue_run_later,
    .mem_read = viommu_memory_read,
    .mem_write = viommu_memory_write,
    .ram_written = viommu_ram_written_to,
};

ViommuGlue *viommu_glue_new(const ViommuGlueKind *kind, DeviceState *dev,
                            Error **errp)
{
    ViommuGlue *glue;

    if (viommu_unit_count == VIOMMU_UNITS_MAX) {
        error_setg(errp, "%s: there can be %d units at most", kind->name,
                   VIOMMU_UNITS_MAX);
        return NULL;
    }
    glue = g_new0(ViommuGlue, 1);
    glue->kind = kind;
    glue->dev = dev;
    glue->index = viommu_unit_count;
    glue->nesting = ON_OFF_AUTO_OFF;
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
