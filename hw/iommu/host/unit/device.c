/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of a host, whatever the API: they come, go and vanish.
 */
#include <errno.h>

#include "hw/iommu/common/abi.h"
#include "hw/iommu/host/unit/forward.h"
#include "hw/iommu/host/abi/vfio.h"

/* PCI's command register */
#define COMMAND         0x04
#define COMMAND_MASTER  0x0004u

static void lock(ViommuHost *host)
{
    pthread_mutex_lock(&host->lock);
}

static void unlock(ViommuHost *host)
{
    pthread_mutex_unlock(&host->lock);
}

/* --- For backends -------------------------------------------------------- */

void viommu_host_device_init(ViommuHostDevice *device, ViommuHost *host)
{
    device->host = host;
    device->groups = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL,
                                           viommu_host_group_free);
    device->bindings = g_ptr_array_new();
    device->look = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    device->unsent = viommu_host_answers_new();
}

void viommu_host_device_destroy(ViommuHostDevice *device)
{
    g_hash_table_destroy(device->groups);
    g_ptr_array_free(device->bindings, TRUE);
    g_array_free(device->look, TRUE);
    g_array_free(device->unsent, TRUE);
}

int viommu_host_note(ViommuHostDevice *device, int ret)
{
    if (ret < 0) {
        device->host->stats.errors++;
    }
    if ((ret == -ENODEV || ret == -EBADF) && !device->gone) {
        __atomic_store_n(&device->gone, true, __ATOMIC_RELEASE);
        device->host->stats.devices_gone++;
    }
    return ret;
}

/* Of configuration space, where VFIO has it. */
static void end_bus_mastering(ViommuHost *host, int fd)
{
    VfioRegionInfo info = {
        .argsz = sizeof(info), .index = VFIO_ABI_REGION_CONFIG,
    };
    uint16_t command;

    if (viommu_host_ioctl(host, fd, VFIO_ABI_DEVICE_GET_REGION_INFO, &info) ||
        host->sys->pread(host->sys->opaque, fd, &command, sizeof(command),
                         info.offset + COMMAND) != sizeof(command)) {
        return;
    }
    command = GUINT16_TO_LE(GUINT16_FROM_LE(command) & ~COMMAND_MASTER);
    (void)!host->sys->pwrite(host->sys->opaque, fd, &command, sizeof(command),
                             info.offset + COMMAND);
}

void viommu_host_stop(ViommuHostDevice *device, int fd)
{
    if (device->gone) {
        return;
    }
    end_bus_mastering(device->host, fd);
    (void)viommu_host_ioctl(device->host, fd, VFIO_ABI_DEVICE_RESET, NULL);
    viommu_host_note(device, -ENODEV);
}

/* --- Devices ------------------------------------------------------------- */

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
    lock(host);
    device = take_in(host, host->backend->device_new(host, fd, error), error);
    unlock(host);
    return device;
}

ViommuHostDevice *viommu_host_device_adopt(ViommuHost *host, int fd,
                                           uint32_t id, GError **error)
{
    ViommuHostDevice *device = NULL;

    viommu_outside_sections(__func__);
    lock(host);
    if (host->backend->device_adopt) {
        device = take_in(host, host->backend->device_adopt(host, fd, id,
                                                           error), error);
    } else {
        viommu_host_refused(error, host->backend->name, -EOPNOTSUPP);
    }
    unlock(host);
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
    lock(host);
    unit = device->unit;
    unlock(host);
    if (unit) {
        viommu_detach_host(unit, device->source);
    }
    pthread_mutex_lock(&host->run_lock);
    lock(host);
    g_ptr_array_remove(host->devices, device);
    viommu_host_drop_all_groups(device);
    host->backend->device_free(device);
    unlock(host);
    pthread_mutex_unlock(&host->run_lock);
}

void viommu_host_device_get_caps_sized(ViommuHostDevice *device,
                                       ViommuHostCaps *caps, size_t size)
{
    viommu_abi_give(caps, size, &device->caps, sizeof(device->caps));
}

void (viommu_host_device_get_caps)(ViommuHostDevice *device,
                                   ViommuHostCaps *caps)
{
    viommu_host_device_get_caps_sized(device, caps,
                                      VIOMMU_ABI_FIRST(ViommuHostCaps,
                                                       smmu_idr));
}

bool viommu_host_device_gone(ViommuHostDevice *device)
{
    return __atomic_load_n(&device->gone, __ATOMIC_ACQUIRE);
}

bool viommu_host_has_group(const ViommuHostDevice *device)
{
    const ViommuHost *host = device->host;

    for (guint i = 0; i < host->devices->len; i++) {
        const ViommuHostDevice *other = g_ptr_array_index(host->devices, i);

        if (other != device && other->group == device->group &&
            (other->unit || other->passed)) {
            return false;
        }
    }
    return true;
}

int viommu_host_device_pass_through(ViommuHostDevice *device)
{
    const ViommuHostTable table = { .type = VIOMMU_HOST_PARENT };
    int ret;

    viommu_outside_sections(__func__);
    lock(device->host);
    ret = device->unit || !viommu_host_has_group(device)
          ? -EBUSY : device->host->backend->bind(device, VIOMMU_NO_PASID,
                                                 &table);
    device->passed |= !ret;
    unlock(device->host);
    return ret;
}

bool viommu_host_device_nested(ViommuHostDevice *device)
{
    bool nested;

    viommu_outside_sections(__func__);
    lock(device->host);
    nested = device->unit && device->nested;
    unlock(device->host);
    return nested;
}
