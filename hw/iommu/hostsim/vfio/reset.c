/* SPDX-License-Identifier: BSD-3-Clause */
/* Resets: of a device alone, and of all devices on its bus. */
#include <errno.h>

#include "hw/iommu/hostsim/vfio/container.h"
#include "hw/iommu/hostsim/vfio/device.h"

/* The kernel saves configuration and interrupts and gives them back. */
int sim_vfio_reset(SimDevice *device)
{
    sim_endpoint_reset(device);
    return 0;
}

/** Is @other reset with @device? */
static bool same_bus(const SimDevice *device, const SimDevice *other)
{
    return !other->gone && device->source >> 8 == other->source >> 8;
}

/** As the owner of @f sees it. */
static uint32_t devid_of(const SimVfioFile *f, const SimDevice *device)
{
    SimContext *context = f->bound->object.context;

    if (device->iommufd && device->iommufd->object.context == context) {
        return device->iommufd->object.id;
    }
    for (guint i = 0; i < context->groups->len; i++) {
        SimIommufdGroup *group = g_ptr_array_index(context->groups, i);

        if (group->number == device->group) {
            return VFIO_ABI_DEVID_OWNED;
        }
    }
    return VFIO_ABI_DEVID_NOT_OWNED;
}

static void fill(const SimVfioFile *f, const SimDevice *device,
                 VfioHotResetInfo *info, GArray *list)
{
    VfioDependentDevice d = {
        .id = f->bound ? devid_of(f, device) : device->group,
        .segment = device->source >> 16,
        .bus = device->source >> 8,
        .devfn = device->source,
    };

    if (f->bound && d.id == VFIO_ABI_DEVID_NOT_OWNED) {
        info->flags &= ~VFIO_ABI_HOT_RESET_DEV_ID_OWNED;
    }
    g_array_append_val(list, d);
}

int sim_vfio_hot_reset_info(SimVfioFile *f, void *arg)
{
    GPtrArray *devices = f->device->sim->devices;
    VfioHotResetInfo info;
    uint32_t room;
    GArray *list;
    int ret = sim_copy_in(&info, arg, sizeof(info));

    if (ret) {
        return ret;
    }
    if (info.argsz < sizeof(info)) {
        return -EINVAL;
    }
    room = (info.argsz - sizeof(info)) / sizeof(VfioDependentDevice);
    info.flags = f->bound ? VFIO_ABI_HOT_RESET_DEV_ID |
                            VFIO_ABI_HOT_RESET_DEV_ID_OWNED : 0;
    list = g_array_new(FALSE, FALSE, sizeof(VfioDependentDevice));
    for (guint i = 0; i < devices->len; i++) {
        SimDevice *device = g_ptr_array_index(devices, i);

        if (same_bus(f->device, device)) {
            fill(f, device, &info, list);
        }
    }
    info.count = list->len;
    if (list->len > room) {
        info.flags = 0;
        ret = -ENOSPC;
    } else {
        ret = sim_copy_out(sim_user_at(arg, sizeof(info)), list->data,
                           list->len * sizeof(VfioDependentDevice));
    }
    if ((!ret || ret == -ENOSPC) && sim_copy_out(arg, &info, sizeof(info))) {
        ret = -EFAULT;
    }
    g_array_unref(list);
    return ret;
}

/** The groups that the caller names: those of their open files. */
static int take_groups(SimVfioFile *f, const VfioHotReset *reset, void *arg,
                       GArray *groups)
{
    GPtrArray *devices = f->device->sim->devices;
    uint32_t affected = 0;

    for (guint i = 0; i < devices->len; i++) {
        affected += same_bus(f->device, g_ptr_array_index(devices, i));
    }
    if (reset->count > affected) {
        return -EINVAL;
    }
    for (uint32_t i = 0; i < reset->count; i++) {
        SimFile *file;
        SimGroup *group;
        int32_t fd;
        int ret = sim_copy_in(&fd, sim_user_at(arg, sizeof(*reset) +
                                               (uint64_t)i * sizeof(fd)),
                              sizeof(fd));

        if (ret) {
            return ret;
        }
        file = sim_file_get(f->device->sim, fd);
        group = file ? sim_group_of(file) : NULL;
        if (!group) {
            return file || sim_fd_is_open(fd) ? -EINVAL : -EBADF;
        }
        g_array_append_val(groups, group->number);
    }
    return 0;
}

static bool owned(const SimVfioFile *f, const SimDevice *device,
                  const GArray *groups)
{
    if (f->bound) {
        return devid_of(f, device) != VFIO_ABI_DEVID_NOT_OWNED;
    }
    for (guint i = 0; i < groups->len; i++) {
        if (g_array_index(groups, unsigned, i) == device->group) {
            return true;
        }
    }
    return false;
}

/** All devices on the bus must be the caller's. */
static int reset_bus(SimVfioFile *f, const GArray *groups)
{
    GPtrArray *devices = f->device->sim->devices;

    for (guint i = 0; i < devices->len; i++) {
        SimDevice *device = g_ptr_array_index(devices, i);

        if (same_bus(f->device, device) && !owned(f, device, groups)) {
            return -EINVAL;
        }
    }
    for (guint i = 0; i < devices->len; i++) {
        SimDevice *device = g_ptr_array_index(devices, i);

        if (same_bus(f->device, device)) {
            sim_vfio_reset(device);
        }
    }
    return 0;
}

int sim_vfio_hot_reset(SimVfioFile *f, void *arg)
{
    VfioHotReset reset;
    GArray *groups;
    int ret = sim_copy_in(&reset, arg, sizeof(reset));

    if (ret) {
        return ret;
    }
    /* without groups the devices' owner shows by its own file */
    if (reset.argsz < sizeof(reset) || reset.flags ||
        (reset.count != 0) == (f->bound != NULL)) {
        return -EINVAL;
    }
    if (reset.count &&
        !sim_may_allocate(f->device->sim, sizeof(unsigned))) {
        return -ENOMEM;
    }
    groups = g_array_new(FALSE, FALSE, sizeof(unsigned));
    ret = take_groups(f, &reset, arg, groups);
    if (!ret) {
        ret = reset_bus(f, groups);
    }
    g_array_unref(groups);
    return ret;
}
