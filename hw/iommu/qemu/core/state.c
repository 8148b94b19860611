/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: migration.  The library's own stream travels as a block of
 * bytes; it is checked there when it is loaded.
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/common.h"
#include "qemu/error-report.h"

/* More than any unit's state: its registers and what it has in flight. */
#define SAVED_MAX (1u << 20)

static void state_drop(ViommuGlue *glue)
{
    g_clear_pointer(&glue->saved, g_free);
    glue->saved_size = 0;
}

static int state_pre_save(void *opaque)
{
    ViommuGlue *glue = opaque;
    GBytes *bytes;
    size_t size;

    /* what is on its way goes to the processors, not into the state */
    viommu_events_flush(glue);
    state_drop(glue);
    bytes = viommu_save(glue->unit);
    glue->saved = g_bytes_unref_to_data(bytes, &size);
    glue->saved_size = size;
    return 0;
}

static int state_post_save(void *opaque)
{
    state_drop(opaque);
    return 0;
}

static int state_pre_load(void *opaque)
{
    state_drop(opaque);
    /* what is on its way is of another life */
    viommu_events_forget(opaque);
    return 0;
}

static int state_post_load(void *opaque, int version)
{
    ViommuGlue *glue = opaque;
    g_autoptr(GError) error = NULL;
    bool ok = viommu_load(glue->unit, glue->saved, glue->saved_size, &error);

    state_drop(glue);
    if (!ok) {
        error_report("%s: %s", glue->kind->name, error->message);
        return -EINVAL;
    }
    viommu_glue_all_changed(glue);
    /* a queue may have been interrupted */
    viommu_glue_run_later(glue);
    return 0;
}

static bool state_size_valid(void *opaque, int version)
{
    ViommuGlue *glue = opaque;

    return glue->saved_size <= SAVED_MAX;
}

const VMStateDescription viommu_glue_vmstate = {
    .name = "viommu-unit",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = state_pre_save,
    .post_save = state_post_save,
    .pre_load = state_pre_load,
    .post_load = state_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(saved_size, ViommuGlue),
        VMSTATE_VALIDATE("size of the unit's state", state_size_valid),
        VMSTATE_VBUFFER_ALLOC_UINT32(saved, ViommuGlue, 0, NULL, saved_size),
        VMSTATE_END_OF_LIST()
    }
};
