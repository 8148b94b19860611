/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups that are open: whose file it is, and which devices are in one. */
#include "hw/iommu/hostsim/vfio/container.h"

SimDevice *sim_group_device(const SimGroup *group, const SimDevice *last)
{
    const GPtrArray *devices = group->sim->devices;
    bool found = !last;

    for (guint i = 0; i < devices->len; i++) {
        SimDevice *device = g_ptr_array_index(devices, i);

        if (found && device->group == group->number) {
            return device;
        }
        found = found || device == last;
    }
    return NULL;
}

bool sim_group_is_open(Hostsim *sim, unsigned number)
{
    for (guint i = 0; i < sim->groups->len; i++) {
        const SimGroup *group = g_ptr_array_index(sim->groups, i);

        if (group->number == number) {
            return true;
        }
    }
    return false;
}

SimGroup *sim_group_of(const SimFile *file)
{
    const GPtrArray *groups = file->sim->groups;

    for (guint i = 0; i < groups->len; i++) {
        SimGroup *group = g_ptr_array_index(groups, i);

        if (group->file == file) {
            return group;
        }
    }
    return NULL;
}

void sim_group_use(SimGroup *group)
{
    group->users++;
    sim_file_ref(group->file);
}

void sim_group_unuse(SimGroup *group)
{
    group->users--;
    sim_file_unref(group->file);
}
