/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices of a unit: what is noted is carried out, in steps (forward.h).
 * Each runs with the unit's work in hand, and without its lock.
 */
#include <errno.h>

#include "hw/iommu/host/unit/bind.h"
#include "hw/iommu/host/unit/commands.h"
#include "hw/iommu/host/unit/forward-step.h"
#include "hw/iommu/host/unit/groups.h"
#include "hw/iommu/host/unit/pasids.h"
#include "hw/iommu/host/unit/shadow-walk.h"

/* Of one step, for one device. */
#define LOOKS_MAX       64      /* PASIDs */
#define CALLS_MAX       64      /* bindings with invalidations */

static ViommuHostDevice *nth(const ViommuForward *forward, guint i)
{
    return g_ptr_array_index(forward->devices, i);
}

/* --- Looks --------------------------------------------------------------- */

/* How far the look at all PASIDs is. */
typedef struct Look {
    unsigned turn, phase;
    uint32_t next;
    GArray *list;           /* without such a look: PASIDs */
} Look;

static Look take_look(ViommuForward *forward, ViommuHostDevice *device)
{
    Look look;

    viommu_forward_lock(forward);
    look = (Look) {
        .turn = device->look_turn, .phase = device->look_phase,
        .next = device->look_next,
    };
    if (look.phase == VIOMMU_LOOK_NONE) {
        look.list = device->look;
        device->look = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    }
    viommu_forward_unlock(forward);
    return look;
}

/* Unless another one was asked for meanwhile. */
static void put_look(ViommuForward *forward, ViommuHostDevice *device,
                     const Look *look)
{
    viommu_forward_lock(forward);
    if (device->look_turn == look->turn) {
        device->look_phase = look->phase;
        device->look_next = look->next;
    }
    viommu_forward_unlock(forward);
}

/* Each bound PASID from look->next on, as many as a step has. */
static void look_at_bound(Viommu *unit, const ViommuForwardModel *model,
                          ViommuHostDevice *device, Look *look)
{
    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        guint at = viommu_binding_position(device, look->next);
        uint32_t pasid;

        if (at >= device->bindings->len) {
            look->phase = VIOMMU_LOOK_SCAN;
            look->next = 0;
            return;
        }
        pasid = viommu_binding_nth(device, at)->pasid;
        look->next = pasid + 1;
        model->look(unit, device, pasid);
    }
}

/* Returns whether there is more to look at. */
static bool look(Viommu *unit, const ViommuForwardModel *model,
                 ViommuHostDevice *device)
{
    ViommuForward *forward = viommu_forward_of(unit);
    Look look = take_look(forward, device);

    switch (look.phase) {
    case VIOMMU_LOOK_START:
        model->look(unit, device, VIOMMU_NO_PASID);
        look.phase = VIOMMU_LOOK_BOUND;
        look.next = 0;
        break;
    case VIOMMU_LOOK_BOUND:
        look_at_bound(unit, model, device, &look);
        break;
    case VIOMMU_LOOK_SCAN:
        look.next = model->scan(unit, device, look.next);
        if (look.next == VIOMMU_NO_PASID) {
            look.phase = VIOMMU_LOOK_NONE;
        }
        break;
    default:
        /* as many as the list may have */
        for (guint i = 0; i < look.list->len; i++) {
            model->look(unit, device, g_array_index(look.list, uint32_t, i));
        }
        g_array_free(look.list, TRUE);
        return false;
    }
    put_look(forward, device, &look);
    return true;
}

/* --- The rest ------------------------------------------------------------ */

static void look_again(ViommuForward *forward, ViommuHostDevice *device,
                       uint32_t pasid)
{
    viommu_forward_lock(forward);
    viommu_forward_note_look(device, pasid);
    viommu_forward_ask_step(forward);
    viommu_forward_unlock(forward);
}

/* Returns whether there is more. */
static bool flush(ViommuHostDevice *device)
{
    unsigned calls = 0;

    for (guint i = 0; i < device->bindings->len; i++) {
        if (viommu_binding_flush(device, viommu_binding_nth(device, i)) &&
            ++calls == CALLS_MAX) {
            return true;
        }
    }
    return false;
}

static bool step_shadows(ViommuForward *forward, ViommuHostDevice *device)
{
    bool more = false;

    for (guint i = 0; i < device->bindings->len && !more; i++) {
        ViommuBinding *binding = viommu_binding_nth(device, i);
        int ret;

        if (!binding->shadow) {
            continue;
        }
        viommu_binding_take(device, binding);
        ret = viommu_shadow_step(binding->shadow, binding->table.width);
        if (ret < 0) {
            viommu_forward_note_error(device, ret);
        }
        more = ret != 0;
        if (viommu_shadow_lost(binding->shadow)) {
            uint32_t pasid = binding->pasid;

            viommu_binding_remove(device, binding);
            look_again(forward, device, pasid);
        }
    }
    return more;
}

/* Answers that the host did not take. */
static bool answer_again(ViommuForward *forward, ViommuHostDevice *device)
{
    uint32_t pasid;
    bool more = viommu_host_answer_again(device, &pasid);

    if (pasid == VIOMMU_ANY) {
        return more;
    }
    /* A new table in the old one's place ends what waits for it. */
    viommu_forward_lock(forward);
    for (guint i = 0; i < device->bindings->len; i++) {
        if (viommu_binding_nth(device, i)->pasid == pasid) {
            viommu_binding_note_renewal(viommu_binding_nth(device, i));
        }
    }
    viommu_forward_unlock(forward);
    look_again(forward, device, pasid);
    return true;
}

static bool step_device(Viommu *unit, const ViommuForwardModel *model,
                        ViommuHostDevice *device)
{
    ViommuForward *forward = viommu_forward_of(unit);
    bool more;

    if (viommu_host_device_gone(device)) {
        viommu_bindings_drop(device);
        return false;
    }
    more = answer_again(forward, device) || look(unit, model, device) ||
           flush(device) || step_shadows(forward, device);
    if (viommu_host_device_gone(device)) {
        viommu_bindings_drop(device);
        return false;
    }
    return more;
}

static bool has_error(const ViommuHostDevice *device)
{
    return __atomic_load_n(&device->error, __ATOMIC_ACQUIRE) != 0;
}

static bool take_error(ViommuHostDevice *device)
{
    return __atomic_exchange_n(&device->error, 0, __ATOMIC_ACQ_REL) != 0;
}

bool viommu_forward_step(Viommu *unit, const ViommuForwardModel *model,
                         uint32_t *failed)
{
    ViommuForward *forward = viommu_forward_of(unit);
    bool more = false;
    unsigned noted;

    *failed = VIOMMU_ANY;
    if (!forward) {
        return false;
    }
    pthread_mutex_lock(&forward->work);
    viommu_forward_lock(forward);
    noted = forward->noted;
    viommu_forward_unlock(forward);
    for (guint i = 0; i < forward->devices->len; i++) {
        more |= step_device(unit, model, nth(forward, i));
    }
    if (!more) {
        viommu_commands_flush(forward, unit);    /* behind all binds */
    }
    for (guint i = 0; i < forward->devices->len; i++) {
        if (*failed != VIOMMU_ANY) {
            more |= has_error(nth(forward, i));     /* one at a time */
        } else if (take_error(nth(forward, i))) {
            *failed = nth(forward, i)->source;
        }
    }
    if (!more) {
        viommu_forward_free_dropped(forward);
    }
    viommu_forward_lock(forward);
    more |= forward->noted != noted;
    __atomic_store_n(&forward->busy, more, __ATOMIC_RELEASE);
    viommu_forward_unlock(forward);
    pthread_mutex_unlock(&forward->work);
    return more;
}

/* --- Other reasons for a step -------------------------------------------- */

/* Call @func for each device, which stays meanwhile, without the lock. */
static void for_each(ViommuForward *forward, void (*func)(ViommuHostDevice *))
{
    g_autoptr(GPtrArray) held = g_ptr_array_new();

    viommu_forward_lock(forward);
    for (guint i = 0; i < forward->devices->len; i++) {
        viommu_forward_hold(nth(forward, i));
        g_ptr_array_add(held, nth(forward, i));
    }
    viommu_forward_unlock(forward);
    for (guint i = 0; i < held->len; i++) {
        func(g_ptr_array_index(held, i));
        viommu_forward_release(forward, g_ptr_array_index(held, i));
    }
}

static void drop_groups(ViommuHostDevice *device)
{
    viommu_host_lock(device->host);
    viommu_host_drop_all_groups(device);
    viommu_host_unlock(device->host);
}

void viommu_forward_reset(Viommu *unit)
{
    ViommuForward *forward = viommu_forward_of(unit);

    if (!forward) {
        return;
    }
    for_each(forward, drop_groups);
    viommu_forward_lock(forward);
    for (guint i = 0; i < forward->devices->len; i++) {
        ViommuHostDevice *device = nth(forward, i);

        (void)take_error(device);
        viommu_forward_note_all(device);
        for (guint k = 0; k < device->bindings->len; k++) {
            viommu_binding_note_renewal(viommu_binding_nth(device, k));
        }
    }
    viommu_commands_forget(forward);
    viommu_forward_ask_step(forward);
    viommu_forward_unlock(forward);
}
