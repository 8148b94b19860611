/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PASIDs that a host gives out, for units whose guests ask for them with
 * virtual commands.  They are common to the hosts of a process: each of the
 * unit's devices that has such a host will do.
 */
#include <errno.h>

#include "hw/iommu/host/unit/pasids.h"

/* The forward's lock is held. */
static ViommuHostDevice *giver(const ViommuForward *forward)
{
    for (guint i = 0; i < forward->devices->len; i++) {
        ViommuHostDevice *device = g_ptr_array_index(forward->devices, i);

        if (device->nested && device->host->backend->alloc_pasid) {
            return device;
        }
    }
    return NULL;
}

void viommu_forward_find_giver(ViommuForward *forward)
{
    __atomic_store_n(&forward->gives_pasids, giver(forward) != NULL,
                     __ATOMIC_RELEASE);
}

bool viommu_forward_gives_pasids(const Viommu *unit)
{
    const ViommuForward *forward = viommu_forward_of(unit);

    return forward && __atomic_load_n(&forward->gives_pasids, __ATOMIC_ACQUIRE);
}

/* The device of a host that gives PASIDs, which stays; or NULL. */
static ViommuHostDevice *hold_giver(ViommuForward *forward)
{
    ViommuHostDevice *device;

    viommu_forward_lock(forward);
    device = giver(forward);
    if (device) {
        viommu_forward_hold(device);
    }
    viommu_forward_unlock(forward);
    return device;
}

int viommu_forward_alloc_pasid(Viommu *unit, uint32_t min, uint32_t max,
                               uint32_t *pasid)
{
    ViommuForward *forward = viommu_forward_of(unit);
    ViommuHostDevice *device = hold_giver(forward);
    int ret;

    if (!device) {
        return -ENODEV;
    }
    viommu_host_lock(device->host);
    ret = viommu_host_note(device, device->host->backend->alloc_pasid(
                                       device->host, min, max, pasid));
    viommu_host_unlock(device->host);
    viommu_forward_release(forward, device);
    return ret;
}

static int give_back(ViommuForward *forward, uint32_t pasid)
{
    ViommuHostDevice *device = hold_giver(forward);
    int ret;

    if (!device) {
        return 0;       /* they went with the last of these hosts */
    }
    viommu_host_lock(device->host);
    ret = device->host->backend->free_pasid(device->host, pasid);
    viommu_host_unlock(device->host);
    viommu_forward_release(forward, device);
    return ret == -ENOENT ? 0 : ret;
}

int viommu_forward_free_pasid(Viommu *unit, uint32_t pasid)
{
    return give_back(viommu_forward_of(unit), pasid);
}

void viommu_forward_note_dropped_pasids(Viommu *unit, const uint64_t *words,
                                        size_t n)
{
    ViommuForward *forward = viommu_forward_of(unit);

    if (!forward) {
        return;
    }
    pthread_mutex_lock(&forward->lock);
    for (size_t i = 0; i < n; i++) {
        uint64_t left = words[i];

        while (left) {  /* at most 64 */
            uint32_t pasid = i * 64 + (unsigned)__builtin_ctzll(left);

            left &= left - 1;
            g_array_append_val(forward->dropped, pasid);
        }
    }
    pthread_mutex_unlock(&forward->lock);
}

void viommu_forward_free_dropped(ViommuForward *forward)
{
    g_autoptr(GArray) dropped = NULL;

    viommu_forward_lock(forward);
    dropped = forward->dropped;
    forward->dropped = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    viommu_forward_unlock(forward);
    for (guint i = 0; i < dropped->len; i++) {
        (void)give_back(forward, g_array_index(dropped, uint32_t, i));
    }
}
