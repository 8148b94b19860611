/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of a host come and go, and the host at last.
 */
#include <errno.h>

#include "hw/iommu/host/unit/groups.h"

/* Which devices the host moves together: none of the others, or one of them.
 * -EBUSY: one that is in use. */
static int find_group(ViommuHost *host, ViommuHostDevice *device)
{
    int ret;

    device->group = ++host->groups;
    if (!host->backend->check_group || !host->devices->len) {
        return 0;
    }
    ret = host->backend->check_group(device, NULL);
    for (guint i = 0; !ret && i < host->devices->len; i++) {
        ViommuHostDevice *other = g_ptr_array_index(host->devices, i);

        if (other->gone || other->unit || other->passed) {
            continue;
        }
        ret = host->backend->check_group(device, other);
        if (ret == -EBUSY) {
            device->group = other->group;
            return 0;
        }
    }
    return ret;
}

/* @device, or NULL, is what the backend has made. */
static ViommuHostDevice *take_in(ViommuHost *host, ViommuHostDevice *device,
                                 GError **error)
{
    int ret = device ? find_group(host, device) : 0;

    if (device) {
        viommu_groups_init(device);
    }
    if (ret) {
        viommu_host_refused(error, ret == -EBUSY
                            ? "another device of the same IOMMU group is in "
                              "use" : "to find the device's IOMMU group",
                            ret);
        host->backend->device_free(device);
        return NULL;
    }
    if (device) {
        g_ptr_array_add(host->devices, device);
    }
    return device;
}

ViommuHostDevice *viommu_host_device_new(ViommuHost *host, int fd,
                                         GError **error)
{
    ViommuHostDevice *device;

    viommu_outside_sections(__func__);
    viommu_host_lock(host);
    device = take_in(host, host->backend->device_new(host, fd, error), error);
    viommu_host_unlock(host);
    return device;
}

ViommuHostDevice *viommu_host_device_adopt(ViommuHost *host, int fd,
                                           uint32_t id, GError **error)
{
    ViommuHostDevice *device = NULL;

    viommu_outside_sections(__func__);
    viommu_host_lock(host);
    if (host->backend->device_adopt) {
        device = take_in(host, host->backend->device_adopt(host, fd, id,
                                                           error), error);
    } else {
        viommu_host_refused(error, host->backend->name, -EOPNOTSUPP);
    }
    viommu_host_unlock(host);
    return device;
}

void viommu_host_device_free(ViommuHostDevice *device)
{
    ViommuHost *host;
    Viommu *unit;

    viommu_outside_sections(__func__);
    if (!device) {
        return;
    }
    host = device->host;
    viommu_host_lock(host);
    unit = device->unit;
    viommu_host_unlock(host);
    if (unit) {
        viommu_detach_host(unit, device->source);
    }
    pthread_mutex_lock(&host->run_lock);
    viommu_host_lock(host);
    g_ptr_array_remove(host->devices, device);
    viommu_host_drop_all_groups(device);
    host->backend->device_free(device);
    viommu_host_unlock(host);
    pthread_mutex_unlock(&host->run_lock);
}

int viommu_host_device_pass_through(ViommuHostDevice *device)
{
    const ViommuHostTable table = { .type = VIOMMU_HOST_PARENT };
    int ret;

    viommu_outside_sections(__func__);
    viommu_host_lock(device->host);
    ret = device->unit || !viommu_host_has_group(device)
          ? -EBUSY : device->host->backend->bind(device, VIOMMU_NO_PASID,
                                                 &table);
    device->passed |= !ret;
    viommu_host_unlock(device->host);
    return ret;
}

void viommu_host_free(ViommuHost *host)
{
    viommu_outside_sections(__func__);
    if (host) {
        while (host->devices->len) {
            viommu_host_device_free(g_ptr_array_index(host->devices, 0));
        }
        host->backend->free(host);
    }
}
