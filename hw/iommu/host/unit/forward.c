/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is noted of the guest's commands, for the unit's host devices
 * (forward.h).  Nothing here calls or waits.
 */
#include <errno.h>

#include "hw/iommu/host/unit/bindings.h"
#include "hw/iommu/host/unit/forward.h"

/* PASIDs with a look of their own; beyond, all get one. */
#define LOOK_LIST_MAX   64

static ViommuHostDevice *nth(const ViommuForward *forward, guint i)
{
    return g_ptr_array_index(forward->devices, i);
}

void viommu_forward_ask_step(ViommuForward *forward)
{
    forward->noted++;
    __atomic_store_n(&forward->busy, true, __ATOMIC_RELEASE);
}

ViommuHostDevice *viommu_forward_find(const ViommuForward *forward,
                                      uint32_t source)
{
    for (guint i = 0; i < forward->devices->len; i++) {
        if (nth(forward, i)->source == source) {
            return nth(forward, i);
        }
    }
    return NULL;
}

void viommu_forward_hold(ViommuHostDevice *device)
{
    device->holds++;
}

void viommu_forward_release(ViommuForward *forward, ViommuHostDevice *device)
{
    viommu_forward_lock(forward);
    if (!--device->holds) {
        pthread_cond_broadcast(&forward->released);
    }
    viommu_forward_unlock(forward);
}

/* --- Notes --------------------------------------------------------------- */

bool viommu_forward_has(Viommu *unit, uint32_t source)
{
    ViommuForward *forward = viommu_forward_of(unit);
    bool has = false;

    if (forward) {
        viommu_forward_lock(forward);
        has = viommu_forward_find(forward, source) != NULL;
        viommu_forward_unlock(forward);
    }
    return has;
}

void viommu_forward_note_all(ViommuHostDevice *device)
{
    device->look_turn++;
    device->look_phase = VIOMMU_LOOK_START;
    g_array_set_size(device->look, 0);
}

void viommu_forward_note_source(Viommu *unit, uint32_t source, uint32_t mask)
{
    ViommuForward *forward = viommu_forward_of(unit);

    if (!forward) {
        return;
    }
    viommu_forward_lock(forward);
    for (guint i = 0; i < forward->devices->len; i++) {
        if (source == VIOMMU_ANY ||
            !((nth(forward, i)->source ^ source) & ~mask)) {
            viommu_forward_note_all(nth(forward, i));
            viommu_forward_ask_step(forward);
        }
    }
    viommu_forward_unlock(forward);
}

static bool is_listed(const GArray *list, uint32_t pasid)
{
    for (guint i = 0; i < list->len; i++) {
        if (g_array_index(list, uint32_t, i) == pasid) {
            return true;
        }
    }
    return false;
}

void viommu_forward_note_look(ViommuHostDevice *device, uint32_t pasid)
{
    if (device->look_phase == VIOMMU_LOOK_START ||
        is_listed(device->look, pasid)) {
        return;
    }
    if (device->look->len >= LOOK_LIST_MAX) {
        viommu_forward_note_all(device);
    } else {
        g_array_append_val(device->look, pasid);
    }
}

void viommu_forward_note_pasid(Viommu *unit, uint32_t pasid)
{
    ViommuForward *forward = viommu_forward_of(unit);

    if (!forward) {
        return;
    }
    viommu_forward_lock(forward);
    for (guint i = 0; i < forward->devices->len; i++) {
        viommu_forward_note_look(nth(forward, i), VIOMMU_NO_PASID);
        viommu_forward_note_look(nth(forward, i), pasid);
        viommu_forward_ask_step(forward);
    }
    viommu_forward_unlock(forward);
}

static void add_to_device(ViommuForward *forward, ViommuHostDevice *device,
                          const ViommuForwardWhich *which,
                          const ViommuHostInvalidation *inv)
{
    if (inv->device_tlb && viommu_host_device_gone(device)) {
        /* The device does not answer any more. */
        viommu_forward_note_error(device, -ENODEV);
        viommu_forward_ask_step(forward);
    }
    for (guint i = 0; i < device->bindings->len; i++) {
        ViommuBinding *binding = viommu_binding_nth(device, i);

        if ((which->one_pasid && which->pasid != binding->pasid) ||
            (which->domain != VIOMMU_ANY &&
             which->domain != binding->domain) ||
            (which->tag != VIOMMU_ANY && which->tag != binding->tag)) {
            continue;
        }
        if (binding->table.type == VIOMMU_HOST_NESTED &&
            !which->shadows_only) {
            viommu_binding_note(binding, inv);
            viommu_forward_ask_step(forward);
        } else if (binding->table.type == VIOMMU_HOST_SHADOW &&
                   !inv->device_tlb) {
            ViommuHostInvalidation all = *inv;

            all.all |= which->shadows_only && binding->table.two_stages;
            viommu_binding_note(binding, &all);
            viommu_forward_ask_step(forward);
        }
    }
}

void viommu_forward_note_invalidation(Viommu *unit,
                                      const ViommuForwardWhich *which,
                     const ViommuHostInvalidation *inv)
{
    ViommuHostInvalidation whole = *inv;
    ViommuForward *forward = viommu_forward_of(unit);

    if (!forward) {
        return;
    }
    whole.all |= !inv->size;
    viommu_forward_lock(forward);
    for (guint i = 0; i < forward->devices->len; i++) {
        if (which->source == VIOMMU_ANY ||
            which->source == nth(forward, i)->source) {
            add_to_device(forward, nth(forward, i), which, &whole);
        }
    }
    viommu_forward_unlock(forward);
}

void viommu_forward_wake(Viommu *unit)
{
    ViommuForward *forward = viommu_forward_of(unit);

    if (forward) {
        viommu_forward_lock(forward);
        viommu_forward_ask_step(forward);
        viommu_forward_unlock(forward);
        unit->model->forward->run(unit);
    }
}
