/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices of a unit come and go (seam.h).
 */
#include <errno.h>

#include "hw/iommu/host/unit/seam.h"

static void host_lock(ViommuHostDevice *device)
{
    pthread_mutex_lock(&device->host->lock);
}

static void host_unlock(ViommuHostDevice *device)
{
    pthread_mutex_unlock(&device->host->lock);
}

/* It is found no more, and nobody uses it: false when it was not there. */
static bool take_out(ViommuSeam *seam, ViommuHostDevice *device)
{
    bool removed;

    viommu_seam_lock(seam);
    removed = g_ptr_array_remove(seam->devices, device);
    viommu_seam_find_giver(seam);
    while (removed && device->holds) {
        pthread_cond_wait(&seam->released, &seam->lock);
    }
    viommu_seam_unlock(seam);
    return removed;
}

static void detach(ViommuSeam *seam, ViommuHostDevice *device)
{
    ViommuHost *host = device->host;

    pthread_mutex_lock(&host->run_lock);
    pthread_mutex_lock(&seam->work);
    if (take_out(seam, device)) {
        viommu_bindings_drop(device);
        host_lock(device);
        viommu_host_drop_all_groups(device);
        viommu_host_forget_answers(device, true, 0);
        device->unit = NULL;
        device->error = 0;
        if (host->backend->detached) {
            host->backend->detached(device);
        }
        host_unlock(device);
    }
    pthread_mutex_unlock(&seam->work);
    pthread_mutex_unlock(&host->run_lock);
}

static void seam_free(Viommu *unit)
{
    ViommuSeam *seam = viommu_seam_of(unit);

    while (seam->devices->len) {
        detach(seam, g_ptr_array_index(seam->devices, 0));
    }
    unit->hooks = NULL;
    unit->seam = NULL;
    viommu_commands_forget(seam);
    g_ptr_array_free(seam->devices, TRUE);
    g_array_free(seam->dropped, TRUE);
    pthread_cond_destroy(&seam->released);
    pthread_mutex_destroy(&seam->lock);
    pthread_mutex_destroy(&seam->work);
    g_free(seam);
}

static const ViommuHooks hooks = {
    .page_response = viommu_seam_page_response,
    .free = seam_free,
};

static ViommuSeam *make_seam(Viommu *unit)
{
    ViommuSeam *seam;

    viommu_unit_lock(unit);
    seam = unit->seam;
    if (!seam) {
        seam = g_new0(ViommuSeam, 1);
        pthread_mutex_init(&seam->work, NULL);
        pthread_mutex_init(&seam->lock, NULL);
        pthread_cond_init(&seam->released, NULL);
        seam->devices = g_ptr_array_new();
        seam->dropped = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        __atomic_store_n(&unit->seam, seam, __ATOMIC_RELEASE);
        __atomic_store_n(&unit->hooks, &hooks, __ATOMIC_RELEASE);
    }
    viommu_unit_unlock(unit);
    return seam;
}

static bool refuse(GError **error, const char *why)
{
    g_set_error_literal(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST, why);
    return false;
}

/* What the host has to do before the guest sees the device. */
static int prepare(ViommuHostDevice *device, const Viommu *unit, bool nested)
{
    const ViommuHostBackend *backend = device->host->backend;

    if (device->passed) {
        backend->unbind(device, VIOMMU_NO_PASID);
        device->passed = false;
    }
    return nested && backend->attached ? backend->attached(device, unit) : 0;
}

/* The unit's work is in hand. */
static bool attach(Viommu *unit, uint32_t source, ViommuHostDevice *device,
                   bool nested, GError **error)
{
    ViommuSeam *seam = viommu_seam_of(unit);
    const char *why = NULL;
    int ret = 0;

    viommu_seam_lock(seam);
    if (viommu_seam_find(seam, source)) {
        why = "the unit has a host device there already";
    }
    viommu_seam_unlock(seam);
    host_lock(device);
    if (device->unit) {
        why = "the device is behind a unit already";
    } else if (!viommu_host_has_group(device)) {
        why = "the device is in an IOMMU group with another one that is in "
              "use, and would have its tables";
    }
    if (!why) {
        ret = prepare(device, unit, nested);
    }
    if (!why && !ret) {
        device->unit = unit;
        device->source = source;
        device->nested = nested;
    }
    host_unlock(device);
    if (why) {
        return refuse(error, why);
    }
    if (ret) {
        return viommu_host_refused(error, "a parent for one more unit", ret);
    }
    viommu_seam_lock(seam);
    g_ptr_array_add(seam->devices, device);
    viommu_seam_find_giver(seam);
    viommu_seam_look_at_all(device);
    viommu_seam_note(seam);
    viommu_seam_unlock(seam);
    return true;
}

bool viommu_attach_host(Viommu *unit, uint32_t source,
                        ViommuHostDevice *device, ViommuNesting nesting,
                        GError **error)
{
    const ViommuSeamModel *model = unit->model->seam;
    ViommuSeam *seam;
    bool nested = false, done;

    viommu_outside_sections(__func__);
    if (!model) {
        return refuse(error, "this kind of unit takes no host devices");
    }
    if (!model->check(unit, &device->caps, nesting, &nested, error)) {
        return false;
    }
    seam = make_seam(unit);
    pthread_mutex_lock(&seam->work);
    done = attach(unit, source, device, nested, error);
    pthread_mutex_unlock(&seam->work);
    if (done) {
        model->attached(unit);
    }
    return done;
}

void viommu_detach_host(Viommu *unit, uint32_t source)
{
    ViommuSeam *seam = viommu_seam_of(unit);
    ViommuHostDevice *device;

    viommu_outside_sections(__func__);
    if (!seam) {
        return;
    }
    viommu_seam_lock(seam);
    device = viommu_seam_find(seam, source);
    viommu_seam_unlock(seam);
    if (device) {
        detach(seam, device);
    }
}
