/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices of a unit come and go (forward.h).
 */
#include <errno.h>

#include "hw/iommu/common/embedder.h"
#include "hw/iommu/host/unit/bind.h"
#include "hw/iommu/host/unit/commands.h"
#include "hw/iommu/host/unit/forward.h"
#include "hw/iommu/host/unit/groups.h"
#include "hw/iommu/host/unit/pasids.h"

/* From now on the device is not found, and no call uses it.  False: it was not
 * there. */
static bool take_out(ViommuForward *forward, ViommuHostDevice *device)
{
    bool removed;

    viommu_forward_lock(forward);
    removed = g_ptr_array_remove(forward->devices, device);
    viommu_forward_find_giver(forward);
    while (removed && device->holds) {
        pthread_cond_wait(&forward->released, &forward->lock);
    }
    viommu_forward_unlock(forward);
    return removed;
}

static void detach(ViommuForward *forward, ViommuHostDevice *device)
{
    ViommuHost *host = device->host;

    pthread_mutex_lock(&host->run_lock);
    pthread_mutex_lock(&forward->work);
    if (take_out(forward, device)) {
        viommu_bindings_drop(device);
        viommu_host_lock(device->host);
        viommu_host_drop_all_groups(device);
        viommu_host_forget_answers(device, true, 0);
        device->unit = NULL;
        device->error = 0;
        if (host->backend->detached) {
            host->backend->detached(device);
        }
        viommu_host_unlock(device->host);
    }
    pthread_mutex_unlock(&forward->work);
    pthread_mutex_unlock(&host->run_lock);
}

static void forward_free(Viommu *unit)
{
    ViommuForward *forward = viommu_forward_of(unit);

    while (forward->devices->len) {
        detach(forward, g_ptr_array_index(forward->devices, 0));
    }
    unit->hooks = NULL;
    unit->forward = NULL;
    viommu_commands_forget(forward);
    g_ptr_array_free(forward->devices, TRUE);
    g_array_free(forward->dropped, TRUE);
    pthread_cond_destroy(&forward->released);
    pthread_mutex_destroy(&forward->lock);
    pthread_mutex_destroy(&forward->work);
    g_free(forward);
}

static const ViommuHooks hooks = {
    .page_response = viommu_forward_page_response,
    .free = forward_free,
};

static ViommuForward *make_forward(Viommu *unit)
{
    ViommuForward *forward;

    viommu_unit_lock(unit);
    forward = unit->forward;
    if (!forward) {
        forward = g_new0(ViommuForward, 1);
        pthread_mutex_init(&forward->work, NULL);
        pthread_mutex_init(&forward->lock, NULL);
        pthread_cond_init(&forward->released, NULL);
        forward->devices = g_ptr_array_new();
        forward->dropped = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        __atomic_store_n(&unit->forward, forward, __ATOMIC_RELEASE);
        __atomic_store_n(&unit->hooks, &hooks, __ATOMIC_RELEASE);
    }
    viommu_unit_unlock(unit);
    return forward;
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
    ViommuForward *forward = viommu_forward_of(unit);
    const char *why = NULL;
    int ret = 0;

    viommu_forward_lock(forward);
    if (viommu_forward_find(forward, source)) {
        why = "the unit has a host device there already";
    }
    viommu_forward_unlock(forward);
    viommu_host_lock(device->host);
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
    viommu_host_unlock(device->host);
    if (why) {
        return refuse(error, why);
    }
    if (ret) {
        return viommu_host_refused(error, "a parent for one more unit", ret);
    }
    viommu_forward_lock(forward);
    g_ptr_array_add(forward->devices, device);
    viommu_forward_find_giver(forward);
    viommu_forward_note_all(device);
    viommu_forward_ask_step(forward);
    viommu_forward_unlock(forward);
    return true;
}

bool viommu_attach_host(Viommu *unit, uint32_t source,
                        ViommuHostDevice *device, ViommuNesting nesting,
                        GError **error)
{
    const ViommuForwardModel *model = unit->model->forward;
    ViommuForward *forward;
    bool nested = false, done;

    viommu_outside_sections(__func__);
    if (!model) {
        return refuse(error, "this kind of unit takes no host devices");
    }
    if (!model->check(unit, &device->caps, nesting, &nested, error)) {
        return false;
    }
    forward = make_forward(unit);
    pthread_mutex_lock(&forward->work);
    done = attach(unit, source, device, nested, error);
    pthread_mutex_unlock(&forward->work);
    if (done) {
        model->attached(unit);
    }
    return done;
}

void viommu_detach_host(Viommu *unit, uint32_t source)
{
    ViommuForward *forward = viommu_forward_of(unit);
    ViommuHostDevice *device;

    viommu_outside_sections(__func__);
    if (!forward) {
        return;
    }
    viommu_forward_lock(forward);
    device = viommu_forward_find(forward, source);
    viommu_forward_unlock(forward);
    if (device) {
        detach(forward, device);
    }
}
