/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: migration.  The library's own stream travels as a block of
 * bytes; it is checked there when it is loaded.
 */
#include "qemu/osdep.h"
#include "glue.h"
#include "migration/vmstate.h"
#include "qemu/error-report.h"

/* More than any unit's state: its registers and what it has in flight. */
#define VTD_SAVED_MAX (1u << 20)

static void vtd_drop_saved(IntelIOMMUState *s)
{
    g_clear_pointer(&s->saved, g_free);
    s->saved_size = 0;
}

static int vtd_pre_save(void *opaque)
{
    IntelIOMMUState *s = opaque;
    GBytes *bytes;
    size_t size;

    /* messages that are on their way go to the APICs, not into the state */
    vtd_events_flush(s);
    vtd_drop_saved(s);
    bytes = viommu_save(s->unit);
    s->saved = g_bytes_unref_to_data(bytes, &size);
    s->saved_size = size;
    return 0;
}

static int vtd_post_save(void *opaque)
{
    vtd_drop_saved(opaque);
    return 0;
}

static int vtd_pre_load(void *opaque)
{
    vtd_drop_saved(opaque);
    return 0;
}

static int vtd_post_load(void *opaque, int version)
{
    IntelIOMMUState *s = opaque;
    g_autoptr(GError) error = NULL;
    bool ok = viommu_load(s->unit, s->saved, s->saved_size, &error);

    vtd_drop_saved(s);
    if (!ok) {
        error_report("intel-iommu: %s", error->message);
        return -EINVAL;
    }
    vtd_all_changed(s);
    /* a queue may have been interrupted */
    vtd_run_later(s);
    return 0;
}

static bool vtd_saved_size_valid(void *opaque, int version)
{
    IntelIOMMUState *s = opaque;

    return s->saved_size <= VTD_SAVED_MAX;
}

const VMStateDescription vtd_vmstate = {
    /* not the stock model's name: the contents differ */
    .name = "viommu-vtd",
    .version_id = 1,
    .minimum_version_id = 1,
    .priority = MIG_PRI_IOMMU,
    .pre_save = vtd_pre_save,
    .post_save = vtd_post_save,
    .pre_load = vtd_pre_load,
    .post_load = vtd_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(saved_size, IntelIOMMUState),
        VMSTATE_VALIDATE("size of the unit's state", vtd_saved_size_valid),
        VMSTATE_VBUFFER_ALLOC_UINT32(saved, IntelIOMMUState, 0, NULL,
                                     saved_size),
        VMSTATE_END_OF_LIST()
    }
};
