/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/vfio/GROUP: devices that the hardware cannot keep apart. */
#include <errno.h>
#include <string.h>

#include "hw/iommu/hostsim/vfio/compat.h"
#include "hw/iommu/hostsim/vfio/container.h"
#include "hw/iommu/hostsim/vfio/device.h"

static int get_status(const SimGroup *group, void *arg)
{
    VfioGroupStatus status;

    if (sim_copy_in(&status, arg, sizeof(status))) {
        return -EFAULT;
    }
    if (status.argsz < sizeof(status)) {
        return -EINVAL;
    }
    /* only VFIO has devices here: no other driver is in the way */
    status.flags = VFIO_ABI_GROUP_VIABLE;
    if (group->container || group->iommufd) {
        status.flags |= VFIO_ABI_GROUP_CONTAINER_SET;
    }
    return sim_copy_out(arg, &status, sizeof(status));
}

static int set_container(SimGroup *group, const void *arg)
{
    SimContainer *container;
    SimContext *context;
    SimFile *file;
    int32_t fd;

    if (sim_copy_in(&fd, arg, sizeof(fd))) {
        return -EFAULT;
    }
    file = sim_file_get(group->sim, fd);
    if (!file) {
        return -EBADF;
    }
    if (group->container || group->iommufd) {
        return -EINVAL;
    }
    container = sim_container_of(file);
    if (container) {
        return sim_container_add(container, group);
    }
    context = sim_context_of(file);
    if (!context) {
        return -EBADFD;
    }
    if (!sim_compat_ioas_need(context)) {
        return -ENOMEM;
    }
    sim_file_ref(context->file);
    group->iommufd = context;
    return 0;
}

/** Devices that are bound to it stay so. */
static void leave_iommufd(SimGroup *group)
{
    sim_file_unref(group->iommufd->file);
    group->iommufd = NULL;
}

static int unset_container(SimGroup *group)
{
    if (group->iommufd) {
        leave_iommufd(group);
        return 0;
    }
    if (!group->container) {
        return -EINVAL;
    }
    if (group->users) {
        return -EBUSY;
    }
    sim_container_remove(group->container, group);
    return 0;
}

/** The caller's string, byte by byte: what is behind it may not be there. */
static int take_name(char *name, size_t size, const char *user)
{
    for (size_t i = 0; i < size; i++) {
        if (sim_copy_in(&name[i], sim_user_at(user, i), 1)) {
            return -EFAULT;
        }
        if (!name[i]) {
            return 0;
        }
    }
    return -EINVAL;
}

static int get_device_fd(SimGroup *group, const void *arg)
{
    SimDevice *device = NULL;
    SimFile *file;
    char name[64];
    int ret = take_name(name, sizeof(name), arg);

    if (ret) {
        return ret;
    }
    while ((device = sim_group_device(group, device)) &&
           (device->gone || strcmp(device->name, name))) {
    }
    if (!device) {
        return -ENODEV;
    }
    if (!group->iommufd &&
        (!group->container || !group->container->type1)) {
        return -EINVAL;
    }
    ret = sim_vfio_device_open(device, group, &file);
    if (ret) {
        return ret;
    }
    ret = sim_file_install(file);
    if (ret < 0) {
        sim_file_unref(file);
    }
    return ret;
}

static int group_ioctl(SimFile *file, unsigned long request, void *arg)
{
    SimGroup *group = file->priv;

    switch (request) {
    case VFIO_ABI_GROUP_GET_STATUS:
        return get_status(group, arg);
    case VFIO_ABI_GROUP_SET_CONTAINER:
        return set_container(group, arg);
    case VFIO_ABI_GROUP_UNSET_CONTAINER:
        return unset_container(group);
    case VFIO_ABI_GROUP_GET_DEVICE_FD:
        return get_device_fd(group, arg);
    default:
        return -ENOTTY;
    }
}

static void group_release(SimFile *file)
{
    SimGroup *group = file->priv;

    if (group->container) {
        sim_container_remove(group->container, group);
    }
    if (group->iommufd) {
        leave_iommufd(group);
    }
    g_ptr_array_remove(group->sim->groups, group);
    g_free(group);
}

static const SimFileOps group_ops = {
    .name = "group",
    .ioctl = group_ioctl,
    .release = group_release,
};

int sim_open_group(Hostsim *sim, unsigned number, SimFile **file)
{
    SimGroup wanted = { .sim = sim, .number = number };
    SimDevice *device = NULL;
    SimGroup *group;
    bool any = false;

    if (sim_group_is_open(sim, number)) {
        return -EBUSY;
    }
    while ((device = sim_group_device(&wanted, device))) {
        if (device->iommufd && !device->by_group) {
            return -EBUSY;
        }
        any = any || !device->gone;
    }
    if (!any) {
        return -ENOENT;
    }
    group = sim_alloc(sim, sizeof(*group));
    *file = group ? sim_file_new(sim, &group_ops, group) : NULL;
    if (!*file) {
        g_free(group);
        return -ENOMEM;
    }
    *group = wanted;
    group->file = *file;
    g_ptr_array_add(sim->groups, group);
    return 0;
}
