/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices of a unit: what is noted of the guest's commands, and who a
 * response is for (seam.h).  Nobody is called or waited for here.
 */
#include <errno.h>

#include "hw/iommu/host/unit/seam.h"

/* PASIDs with a look of their own; beyond, all get one. */
#define LOOK_LIST_MAX   64

static ViommuHostDevice *nth(const ViommuSeam *seam, guint i)
{
    return g_ptr_array_index(seam->devices, i);
}

void viommu_seam_note(ViommuSeam *seam)
{
    seam->noted++;
    __atomic_store_n(&seam->busy, true, __ATOMIC_RELEASE);
}

ViommuHostDevice *viommu_seam_find(const ViommuSeam *seam, uint32_t source)
{
    for (guint i = 0; i < seam->devices->len; i++) {
        if (nth(seam, i)->source == source) {
            return nth(seam, i);
        }
    }
    return NULL;
}

void viommu_seam_hold(ViommuHostDevice *device)
{
    device->holds++;
}

void viommu_seam_release(ViommuSeam *seam, ViommuHostDevice *device)
{
    viommu_seam_lock(seam);
    if (!--device->holds) {
        pthread_cond_broadcast(&seam->released);
    }
    viommu_seam_unlock(seam);
}

/* --- Notes --------------------------------------------------------------- */

bool viommu_seam_has(Viommu *unit, uint32_t source)
{
    ViommuSeam *seam = viommu_seam_of(unit);
    bool has = false;

    if (seam) {
        viommu_seam_lock(seam);
        has = viommu_seam_find(seam, source) != NULL;
        viommu_seam_unlock(seam);
    }
    return has;
}

void viommu_seam_look_at_all(ViommuHostDevice *device)
{
    device->look_turn++;
    device->look_phase = VIOMMU_LOOK_START;
    g_array_set_size(device->look, 0);
}

void viommu_seam_look_source(Viommu *unit, uint32_t source, uint32_t mask)
{
    ViommuSeam *seam = viommu_seam_of(unit);

    if (!seam) {
        return;
    }
    viommu_seam_lock(seam);
    for (guint i = 0; i < seam->devices->len; i++) {
        if (source == VIOMMU_ANY ||
            !((nth(seam, i)->source ^ source) & ~mask)) {
            viommu_seam_look_at_all(nth(seam, i));
            viommu_seam_note(seam);
        }
    }
    viommu_seam_unlock(seam);
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

void viommu_seam_look_at(ViommuHostDevice *device, uint32_t pasid)
{
    if (device->look_phase == VIOMMU_LOOK_START ||
        is_listed(device->look, pasid)) {
        return;
    }
    if (device->look->len >= LOOK_LIST_MAX) {
        viommu_seam_look_at_all(device);
    } else {
        g_array_append_val(device->look, pasid);
    }
}

void viommu_seam_look_pasid(Viommu *unit, uint32_t pasid)
{
    ViommuSeam *seam = viommu_seam_of(unit);

    if (!seam) {
        return;
    }
    viommu_seam_lock(seam);
    for (guint i = 0; i < seam->devices->len; i++) {
        viommu_seam_look_at(nth(seam, i), VIOMMU_NO_PASID);
        viommu_seam_look_at(nth(seam, i), pasid);
        viommu_seam_note(seam);
    }
    viommu_seam_unlock(seam);
}

static void add_to_device(ViommuSeam *seam, ViommuHostDevice *device,
                          const ViommuSeamWhich *which,
                          const ViommuHostInvalidation *inv)
{
    if (inv->device_tlb && viommu_host_device_gone(device)) {
        /* Nobody answers any more. */
        viommu_seam_fail(device, -ENODEV);
        viommu_seam_note(seam);
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
            viommu_binding_add(binding, inv);
            viommu_seam_note(seam);
        } else if (binding->table.type == VIOMMU_HOST_SHADOW &&
                   !inv->device_tlb) {
            ViommuHostInvalidation all = *inv;

            all.all |= which->shadows_only && binding->table.two_stages;
            viommu_binding_add(binding, &all);
            viommu_seam_note(seam);
        }
    }
}

void viommu_seam_add(Viommu *unit, const ViommuSeamWhich *which,
                     const ViommuHostInvalidation *inv)
{
    ViommuHostInvalidation whole = *inv;
    ViommuSeam *seam = viommu_seam_of(unit);

    if (!seam) {
        return;
    }
    whole.all |= !inv->size;
    viommu_seam_lock(seam);
    for (guint i = 0; i < seam->devices->len; i++) {
        if (which->source == VIOMMU_ANY ||
            which->source == nth(seam, i)->source) {
            add_to_device(seam, nth(seam, i), which, &whole);
        }
    }
    viommu_seam_unlock(seam);
}

/* Answers to page requests of devices that are not the host's go on at once:
 * no call of a host's is under way with the lock. */
bool viommu_seam_page_response(Viommu *unit,
                               const ViommuPageResponse *response)
{
    ViommuSeam *seam = viommu_seam_of(unit);
    ViommuHostDevice *device;

    viommu_seam_lock(seam);
    device = viommu_seam_find(seam, response->source);
    if (device) {
        viommu_seam_hold(device);
    }
    viommu_seam_unlock(seam);
    if (device) {
        viommu_host_answer(device, response);
        viommu_seam_release(seam, device);
    }
    return device;
}
