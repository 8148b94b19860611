/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: what a unit asks for.  It calls back on whatever thread
 * translates.  Without the BQL, the event waits here for the main loop.
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/common.h"
#include "qemu/main-loop.h"
#include "system/runstate.h"

static void events_bh(void *opaque)
{
    viommu_events_flush(opaque);
}

static void run_bh(void *opaque)
{
    ViommuGlue *glue = opaque;

    viommu_run(glue->unit);
}

/* Before a machine goes on, such as one that was loaded. */
static void vm_state_changed(void *opaque, bool running, RunState state)
{
    /* a number of steps that shadow.c bounds */
    while (running && !viommu_shadows_step(opaque)) {
    }
}

void viommu_events_init(ViommuGlue *glue)
{
    qemu_mutex_init(&glue->lock);
    glue->events = qemu_bh_new(events_bh, glue);
    glue->run = qemu_bh_new(run_bh, glue);
    /* before all devices, whose priorities are not negative */
    qemu_add_vm_change_state_handler_prio(vm_state_changed, glue, INT_MIN);
}

void viommu_events_forget(ViommuGlue *glue)
{
    qemu_mutex_lock(&glue->lock);
    glue->msi_count = 0;
    glue->lines = 0;
    qemu_mutex_unlock(&glue->lock);
}

static void pulse_lines(ViommuGlue *glue, unsigned lines)
{
    for (unsigned i = 0; lines; i++, lines >>= 1) {
        if (lines & 1) {
            glue->kind->pulse(glue, i);
        }
    }
}

void viommu_events_flush(ViommuGlue *glue)
{
    ViommuMsi msis[VIOMMU_EVENTS_MAX];
    unsigned count, lines;
    bool all_changed, spaces_changed;

    qemu_mutex_lock(&glue->lock);
    count = glue->msi_count;
    memcpy(msis, glue->msis, count * sizeof(msis[0]));
    lines = glue->lines;
    all_changed = glue->all_changed;
    spaces_changed = glue->spaces_changed;
    glue->msi_count = 0;
    glue->lines = 0;
    glue->all_changed = false;
    glue->spaces_changed = false;
    qemu_mutex_unlock(&glue->lock);

    if (all_changed) {
        viommu_glue_all_changed(glue);
    } else if (spaces_changed) {
        viommu_spaces_update(glue, VIOMMU_ANY, 0);
    }
    for (unsigned i = 0; i < count; i++) {
        glue->kind->deliver(glue, &msis[i]);
    }
    pulse_lines(glue, lines);
}

void viommu_glue_send_msi(void *opaque, const ViommuMsi *msi)
{
    ViommuGlue *glue = opaque;
    bool known = false;

    if (bql_locked()) {
        glue->kind->deliver(glue, msi);
        return;
    }
    qemu_mutex_lock(&glue->lock);
    /* A message that is pending already says it all: they are edges. */
    for (unsigned i = 0; i < glue->msi_count && !known; i++) {
        known = glue->msis[i].addr == msi->addr &&
                glue->msis[i].data == msi->data;
    }
    /*
     * The unit has a few message registers, so the list overflows only
     * when the guest rewrites them faster than the main loop runs; what it
     * loses then are messages to places that it has given up.
     */
    if (!known && glue->msi_count < VIOMMU_EVENTS_MAX) {
        glue->msis[glue->msi_count++] = *msi;
    }
    qemu_mutex_unlock(&glue->lock);
    qemu_bh_schedule(glue->events);
}

/* The lines are pulsed: a falling edge tells nothing. */
void viommu_glue_set_line(void *opaque, unsigned line, bool level)
{
    ViommuGlue *glue = opaque;

    if (!level) {
        return;
    }
    if (bql_locked()) {
        glue->kind->pulse(glue, line);
        return;
    }
    qemu_mutex_lock(&glue->lock);
    glue->lines |= 1u << line;
    qemu_mutex_unlock(&glue->lock);
    qemu_bh_schedule(glue->events);
}

static void notify_routes(ViommuGlue *glue, const ViommuInvalidation *inv)
{
    if (glue->kind->routes_changed) {
        glue->kind->routes_changed(glue, inv);
    }
}

void viommu_glue_invalidate(void *opaque, const ViommuInvalidation *inv)
{
    ViommuGlue *glue = opaque;

    viommu_hits_drop(glue);
    viommu_threads_forget(glue);
    if (!bql_locked()) {
        qemu_mutex_lock(&glue->lock);
        glue->all_changed = true;
        qemu_mutex_unlock(&glue->lock);
        qemu_bh_schedule(glue->events);
        return;
    }
    switch (inv->what) {
    case VIOMMU_INV_ALL:
        viommu_glue_all_changed(glue);
        break;
    case VIOMMU_INV_CONTEXT:
        viommu_spaces_update(glue, inv->source, inv->source_mask);
        viommu_notify_invalidation(glue, inv);
        break;
    case VIOMMU_INV_IOTLB:
    case VIOMMU_INV_DEVTLB:
        viommu_notify_invalidation(glue, inv);
        break;
    case VIOMMU_INV_INTERRUPT:
        notify_routes(glue, inv);
        break;
    }
}

void viommu_glue_all_changed(ViommuGlue *glue)
{
    const ViommuInvalidation contexts = {
        .what = VIOMMU_INV_CONTEXT, .source = VIOMMU_ANY,
    };
    const ViommuInvalidation interrupts = {
        .what = VIOMMU_INV_INTERRUPT,
    };

    viommu_hits_drop(glue);
    viommu_spaces_update(glue, VIOMMU_ANY, 0);
    viommu_notify_invalidation(glue, &contexts);
    notify_routes(glue, &interrupts);
}

void viommu_spaces_update_later(ViommuGlue *glue)
{
    qemu_mutex_lock(&glue->lock);
    glue->spaces_changed = true;
    qemu_mutex_unlock(&glue->lock);
    qemu_bh_schedule(glue->events);
}

/*
 * Threads go on with what they have; mirrors are not yet what the tables are.
 * Without the BQL, nothing of that can be looked at: the unit asks again.
 */
bool viommu_glue_drained(void *opaque)
{
    ViommuGlue *glue = opaque;
    bool mirrored = bql_locked() && viommu_shadows_step(glue);

    return viommu_threads_drained(glue) && mirrored;
}

void viommu_glue_run_later(void *opaque)
{
    ViommuGlue *glue = opaque;

    qemu_bh_schedule(glue->run);
}
