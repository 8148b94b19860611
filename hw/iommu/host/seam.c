/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices of a unit: what they are bound to, and what of the guest's
 * commands has still to reach the host (seam.h).
 */
#include <errno.h>

#include "hw/iommu/host/seam.h"

/* Of one step, for one device. */
#define LOOKS_MAX       64      /* PASIDs */
#define CALLS_MAX       64      /* bindings with invalidations */

/* PASIDs with a look of their own; beyond, all get one. */
#define LOOK_LIST_MAX   64

static ViommuSeam *seam_of(const Viommu *unit)
{
    return __atomic_load_n(&unit->seam, __ATOMIC_ACQUIRE);
}

static void lock(ViommuSeam *seam)
{
    pthread_mutex_lock(&seam->lock);
}

static void unlock(ViommuSeam *seam)
{
    pthread_mutex_unlock(&seam->lock);
}

static void host_lock(ViommuHostDevice *device)
{
    pthread_mutex_lock(&device->host->lock);
}

static void host_unlock(ViommuHostDevice *device)
{
    pthread_mutex_unlock(&device->host->lock);
}

static void set_busy(ViommuSeam *seam, bool busy)
{
    __atomic_store_n(&seam->busy, busy, __ATOMIC_RELEASE);
}

static ViommuHostDevice *nth(const ViommuSeam *seam, guint i)
{
    return g_ptr_array_index(seam->devices, i);
}

static ViommuHostDevice *find_device(const ViommuSeam *seam, uint32_t source)
{
    for (guint i = 0; i < seam->devices->len; i++) {
        if (nth(seam, i)->source == source) {
            return nth(seam, i);
        }
    }
    return NULL;
}

/* --- Notes --------------------------------------------------------------- */

bool viommu_seam_has(Viommu *unit, uint32_t source)
{
    ViommuSeam *seam = seam_of(unit);
    bool has = false;

    if (seam) {
        lock(seam);
        has = find_device(seam, source) != NULL;
        unlock(seam);
    }
    return has;
}

static void look_at_all(ViommuHostDevice *device)
{
    device->look_phase = VIOMMU_LOOK_START;
    g_array_set_size(device->look, 0);
}

void viommu_seam_look_source(Viommu *unit, uint32_t source, uint32_t mask)
{
    ViommuSeam *seam = seam_of(unit);

    if (!seam) {
        return;
    }
    lock(seam);
    for (guint i = 0; i < seam->devices->len; i++) {
        if (source == VIOMMU_ANY ||
            !((nth(seam, i)->source ^ source) & ~mask)) {
            look_at_all(nth(seam, i));
            set_busy(seam, true);
        }
    }
    unlock(seam);
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

static void look_at(ViommuHostDevice *device, uint32_t pasid)
{
    if (device->look_phase == VIOMMU_LOOK_START ||
        is_listed(device->look, pasid)) {
        return;
    }
    if (device->look->len >= LOOK_LIST_MAX) {
        look_at_all(device);
    } else {
        g_array_append_val(device->look, pasid);
    }
}

void viommu_seam_look_pasid(Viommu *unit, uint32_t pasid)
{
    ViommuSeam *seam = seam_of(unit);

    if (!seam) {
        return;
    }
    lock(seam);
    for (guint i = 0; i < seam->devices->len; i++) {
        look_at(nth(seam, i), VIOMMU_NO_PASID);
        look_at(nth(seam, i), pasid);
        set_busy(seam, true);
    }
    unlock(seam);
}

static void add_to_device(ViommuSeam *seam, ViommuHostDevice *device,
                          const ViommuSeamWhich *which,
                          const ViommuHostInvalidation *inv)
{
    if (inv->device_tlb && viommu_host_device_gone(device)) {
        /* Nobody answers any more. */
        viommu_seam_fail(device, -ENODEV);
        set_busy(seam, true);
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
            set_busy(seam, true);
        } else if (binding->shadow && !inv->device_tlb) {
            bool all = inv->all ||
                       (which->shadows_only && binding->table.two_stages);

            viommu_shadow_add(binding->shadow, all ? 0 : inv->addr,
                              all ? 0 : inv->size);
            set_busy(seam, true);
        }
    }
}

void viommu_seam_add(Viommu *unit, const ViommuSeamWhich *which,
                     const ViommuHostInvalidation *inv)
{
    ViommuHostInvalidation whole = *inv;
    ViommuSeam *seam = seam_of(unit);

    if (!seam) {
        return;
    }
    whole.all |= !inv->size;
    lock(seam);
    for (guint i = 0; i < seam->devices->len; i++) {
        if (which->source == VIOMMU_ANY ||
            which->source == nth(seam, i)->source) {
            add_to_device(seam, nth(seam, i), which, &whole);
        }
    }
    unlock(seam);
}

/* --- Steps --------------------------------------------------------------- */

/* Each bound PASID from device->look_next on, as many as a step has. */
static void look_at_bound(Viommu *unit, const ViommuSeamModel *model,
                          ViommuHostDevice *device)
{
    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        guint at = viommu_binding_position(device, device->look_next);
        uint32_t pasid;

        if (at >= device->bindings->len) {
            device->look_phase = VIOMMU_LOOK_SCAN;
            device->look_next = 0;
            return;
        }
        pasid = viommu_binding_nth(device, at)->pasid;
        device->look_next = pasid + 1;
        model->look(unit, device, pasid);
    }
}

/* Returns whether there is more to look at. */
static bool look(Viommu *unit, const ViommuSeamModel *model,
                 ViommuHostDevice *device)
{
    switch (device->look_phase) {
    case VIOMMU_LOOK_START:
        model->look(unit, device, VIOMMU_NO_PASID);
        device->look_phase = VIOMMU_LOOK_BOUND;
        device->look_next = 0;
        return true;
    case VIOMMU_LOOK_BOUND:
        look_at_bound(unit, model, device);
        return true;
    case VIOMMU_LOOK_SCAN:
        device->look_next = model->scan(unit, device, device->look_next);
        if (device->look_next == VIOMMU_NO_PASID) {
            device->look_phase = VIOMMU_LOOK_NONE;
        }
        return true;
    default:
        break;
    }
    /* at most LOOK_LIST_MAX */
    for (guint i = 0; i < device->look->len; i++) {
        model->look(unit, device, g_array_index(device->look, uint32_t, i));
    }
    g_array_set_size(device->look, 0);
    return false;
}

/* Returns whether there is more. */
static bool flush(ViommuHostDevice *device)
{
    unsigned calls = 0;

    for (guint i = 0; i < device->bindings->len; i++) {
        ViommuBinding *binding = viommu_binding_nth(device, i);

        if (!binding->pending_all && !binding->pending) {
            continue;
        }
        if (calls++ == CALLS_MAX) {
            return true;
        }
        viommu_binding_flush(device, binding);
    }
    return false;
}

static bool step_shadows(ViommuHostDevice *device)
{
    bool more = false;

    for (guint i = 0; i < device->bindings->len && !more; i++) {
        ViommuBinding *binding = viommu_binding_nth(device, i);

        if (binding->shadow) {
            int ret = viommu_shadow_step(binding->shadow,
                                         binding->table.width);

            if (ret < 0) {
                viommu_seam_fail(device, ret);
            }
            if (viommu_shadow_lost(binding->shadow)) {
                uint32_t pasid = binding->pasid;

                viommu_binding_remove(device, binding);
                look_at(device, pasid);
            }
            more = ret != 0;
        }
    }
    return more;
}

static void drop_device(ViommuHostDevice *device)
{
    while (device->bindings->len) {
        viommu_binding_remove(device,
                              viommu_binding_nth(device,
                                                 device->bindings->len - 1));
    }
    device->look_phase = VIOMMU_LOOK_NONE;
    g_array_set_size(device->look, 0);
}

static bool step_device(Viommu *unit, const ViommuSeamModel *model,
                        ViommuHostDevice *device)
{
    bool more;

    if (viommu_host_device_gone(device)) {
        drop_device(device);
        return false;
    }
    more = look(unit, model, device) || flush(device) || step_shadows(device);
    if (viommu_host_device_gone(device)) {
        drop_device(device);
        return false;
    }
    return more;
}

bool viommu_seam_step(Viommu *unit, const ViommuSeamModel *model,
                      uint32_t *failed)
{
    ViommuSeam *seam = seam_of(unit);
    bool more = false;

    *failed = VIOMMU_ANY;
    if (!seam) {
        return false;
    }
    lock(seam);
    for (guint i = 0; i < seam->devices->len; i++) {
        ViommuHostDevice *device = nth(seam, i);

        more |= step_device(unit, model, device);
    }
    if (!more) {
        viommu_commands_flush(seam, unit);    /* behind all binds */
    }
    for (guint i = 0; i < seam->devices->len; i++) {
        ViommuHostDevice *device = nth(seam, i);

        if (device->error && *failed == VIOMMU_ANY) {
            *failed = device->source;
            device->error = 0;
        } else if (device->error) {
            more = true;    /* one at a time */
        }
    }
    if (!more) {
        viommu_seam_free_dropped(seam);
    }
    set_busy(seam, more);
    unlock(seam);
    return more;
}

void viommu_seam_reset(Viommu *unit)
{
    ViommuSeam *seam = seam_of(unit);

    if (!seam) {
        return;
    }
    lock(seam);
    for (guint i = 0; i < seam->devices->len; i++) {
        ViommuHostDevice *device = nth(seam, i);

        host_lock(device);
        viommu_host_drop_all_groups(device);
        host_unlock(device);
        device->error = 0;
        look_at_all(device);
        for (guint k = 0; k < device->bindings->len; k++) {
            viommu_binding_renew(viommu_binding_nth(device, k));
        }
    }
    viommu_commands_forget(seam);
    set_busy(seam, true);
    unlock(seam);
}

void viommu_seam_wake(Viommu *unit)
{
    ViommuSeam *seam = seam_of(unit);

    if (seam) {
        lock(seam);
        set_busy(seam, true);
        unlock(seam);
        unit->model->seam->attached(unit);
    }
}

/* --- Devices come and go ------------------------------------------------- */

static bool page_response(Viommu *unit, const ViommuPageResponse *response)
{
    ViommuSeam *seam = seam_of(unit);
    ViommuHostDevice *device;

    lock(seam);
    device = find_device(seam, response->source);
    if (device) {
        viommu_host_answer(device, response);
    }
    unlock(seam);
    return device;
}

static void detach(ViommuSeam *seam, ViommuHostDevice *device)
{
    ViommuHost *host = device->host;

    pthread_mutex_lock(&host->run_lock);
    lock(seam);
    if (g_ptr_array_remove(seam->devices, device)) {
        drop_device(device);
        viommu_seam_find_giver(seam);
        host_lock(device);
        viommu_host_drop_all_groups(device);
        device->unit = NULL;
        device->error = 0;
        if (host->backend->detached) {
            host->backend->detached(device);
        }
        host_unlock(device);
    }
    unlock(seam);
    pthread_mutex_unlock(&host->run_lock);
}

static void seam_free(Viommu *unit)
{
    ViommuSeam *seam = seam_of(unit);

    while (seam->devices->len) {
        detach(seam, nth(seam, 0));
    }
    unit->hooks = NULL;
    unit->seam = NULL;
    viommu_commands_forget(seam);
    g_ptr_array_free(seam->devices, TRUE);
    g_array_free(seam->dropped, TRUE);
    pthread_mutex_destroy(&seam->lock);
    g_free(seam);
}

static const ViommuHooks hooks = {
    .page_response = page_response,
    .free = seam_free,
};

static ViommuSeam *make_seam(Viommu *unit)
{
    ViommuSeam *seam;

    viommu_unit_lock(unit);
    seam = unit->seam;
    if (!seam) {
        seam = g_new0(ViommuSeam, 1);
        pthread_mutex_init(&seam->lock, NULL);
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

bool viommu_attach_host(Viommu *unit, uint32_t source,
                        ViommuHostDevice *device, ViommuNesting nesting,
                        GError **error)
{
    const ViommuSeamModel *model = unit->model->seam;
    bool nested = false, free;
    ViommuSeam *seam;
    int ret = 0;

    if (!model) {
        return refuse(error, "this kind of unit takes no host devices");
    }
    if (!model->check(unit, &device->caps, nesting, &nested, error)) {
        return false;
    }
    seam = make_seam(unit);
    lock(seam);
    free = !find_device(seam, source);
    host_lock(device);
    if (free && !device->unit && device->passed) {
        device->host->backend->unbind(device, VIOMMU_NO_PASID);
        device->passed = false;
    }
    if (free && !device->unit && nested && device->host->backend->attached) {
        ret = device->host->backend->attached(device, unit);
    }
    if (free && !device->unit && !ret) {
        device->unit = unit;
        device->source = source;
        device->nested = nested;
        g_ptr_array_add(seam->devices, device);
        viommu_seam_find_giver(seam);
        look_at_all(device);
        set_busy(seam, true);
        host_unlock(device);
        unlock(seam);
        model->attached(unit);
        return true;
    }
    host_unlock(device);
    unlock(seam);
    if (ret) {
        return viommu_host_refused(error, "a parent for one more unit", ret);
    }
    return refuse(error, free ? "the device is behind a unit already"
                              : "the unit has a host device there already");
}

void viommu_detach_host(Viommu *unit, uint32_t source)
{
    ViommuSeam *seam = seam_of(unit);
    ViommuHostDevice *device;

    if (!seam) {
        return;
    }
    lock(seam);
    device = find_device(seam, source);
    unlock(seam);
    if (device) {
        detach(seam, device);
    }
}
