/* SPDX-License-Identifier: BSD-3-Clause */
/* Which devices there are. */
#include <string.h>

#include "hw/iommu/hostsim/physical/device.h"

/* With Hostsim.lock, or on an endpoint's thread without it. */
static SimDevice *find_device(Hostsim *sim, const char *name,
                              const unsigned *number, const uint32_t *source)
{
    SimDevice *found = NULL;

    pthread_rwlock_rdlock(&sim->devices_lock);
    for (guint i = 0; !found && i < sim->devices->len; i++) {
        SimDevice *device = g_ptr_array_index(sim->devices, i);

        if (!__atomic_load_n(&device->gone, __ATOMIC_ACQUIRE) &&
            (!name || !strcmp(device->name, name)) &&
            (!number || device->number == *number) &&
            (!source || device->source == *source)) {
            found = device;
        }
    }
    pthread_rwlock_unlock(&sim->devices_lock);
    return found;
}

SimDevice *sim_device_by_name(Hostsim *sim, const char *name)
{
    return find_device(sim, name, NULL, NULL);
}

SimDevice *sim_device_by_number(Hostsim *sim, unsigned number)
{
    return find_device(sim, NULL, &number, NULL);
}

SimDevice *sim_device_by_source(Hostsim *sim, uint32_t source)
{
    return find_device(sim, NULL, NULL, &source);
}
