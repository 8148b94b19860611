/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PASIDs that a host gives out, for units whose guests ask for them with
 * virtual commands.  They are common to the hosts of a process: each of the
 * unit's devices that has such a host will do.
 */
#include <errno.h>

#include "hw/iommu/host/unit/seam.h"

/* The seam's lock is held. */
static ViommuHostDevice *giver(const ViommuSeam *seam)
{
    for (guint i = 0; i < seam->devices->len; i++) {
        ViommuHostDevice *device = g_ptr_array_index(seam->devices, i);

        if (device->nested && device->host->backend->alloc_pasid) {
            return device;
        }
    }
    return NULL;
}

void viommu_seam_find_giver(ViommuSeam *seam)
{
    __atomic_store_n(&seam->gives_pasids, giver(seam) != NULL,
                     __ATOMIC_RELEASE);
}

bool viommu_seam_gives_pasids(const Viommu *unit)
{
    const ViommuSeam *seam = viommu_seam_of(unit);

    return seam && __atomic_load_n(&seam->gives_pasids, __ATOMIC_ACQUIRE);
}

/* The device of a host that gives PASIDs, which stays; or NULL. */
static ViommuHostDevice *hold_giver(ViommuSeam *seam)
{
    ViommuHostDevice *device;

    viommu_seam_lock(seam);
    device = giver(seam);
    if (device) {
        viommu_seam_hold(device);
    }
    viommu_seam_unlock(seam);
    return device;
}

int viommu_seam_alloc_pasid(Viommu *unit, uint32_t min, uint32_t max,
                            uint32_t *pasid)
{
    ViommuSeam *seam = viommu_seam_of(unit);
    ViommuHostDevice *device = hold_giver(seam);
    int ret;

    if (!device) {
        return -ENODEV;
    }
    pthread_mutex_lock(&device->host->lock);
    ret = viommu_host_note(device, device->host->backend->alloc_pasid(
                                       device->host, min, max, pasid));
    pthread_mutex_unlock(&device->host->lock);
    viommu_seam_release(seam, device);
    return ret;
}

static int give_back(ViommuSeam *seam, uint32_t pasid)
{
    ViommuHostDevice *device = hold_giver(seam);
    int ret;

    if (!device) {
        return 0;       /* they went with the last of these hosts */
    }
    pthread_mutex_lock(&device->host->lock);
    ret = device->host->backend->free_pasid(device->host, pasid);
    pthread_mutex_unlock(&device->host->lock);
    viommu_seam_release(seam, device);
    return ret == -ENOENT ? 0 : ret;
}

int viommu_seam_free_pasid(Viommu *unit, uint32_t pasid)
{
    return give_back(viommu_seam_of(unit), pasid);
}

void viommu_seam_drop_pasids(Viommu *unit, const uint64_t *words, size_t n)
{
    ViommuSeam *seam = viommu_seam_of(unit);

    if (!seam) {
        return;
    }
    pthread_mutex_lock(&seam->lock);
    for (size_t i = 0; i < n; i++) {
        uint64_t left = words[i];

        while (left) {  /* at most 64 */
            uint32_t pasid = i * 64 + (unsigned)__builtin_ctzll(left);

            left &= left - 1;
            g_array_append_val(seam->dropped, pasid);
        }
    }
    pthread_mutex_unlock(&seam->lock);
}

void viommu_seam_free_dropped(ViommuSeam *seam)
{
    g_autoptr(GArray) dropped = NULL;

    viommu_seam_lock(seam);
    dropped = seam->dropped;
    seam->dropped = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    viommu_seam_unlock(seam);
    for (guint i = 0; i < dropped->len; i++) {
        (void)give_back(seam, g_array_index(dropped, uint32_t, i));
    }
}
