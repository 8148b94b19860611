/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts and their devices, whatever the API, as far as they need nothing of a
 * unit.
 */
#include <errno.h>

#include "hw/iommu/common/abi.h"
#include "hw/iommu/common/ram.h"
#include "hw/iommu/host/abi/vfio.h"
#include "hw/iommu/host/backend.h"

/* PCI's command register */
#define COMMAND         0x04
#define COMMAND_MASTER  0x0004u

/* Reads of a queue that fail in a row, before it is not waited for. */
#define FAILURES_MAX 64

/* --- For backends -------------------------------------------------------- */

static void memory_clear(gpointer memory)
{
    g_free(((ViommuHostMemory *)memory)->dirty);
}

void viommu_host_init(ViommuHost *host, const ViommuHostBackend *backend,
                      const ViommuSyscalls *sys)
{
    host->backend = backend;
    host->sys = sys ? sys : viommu_syscalls();
    pthread_mutex_init(&host->lock, NULL);
    pthread_mutex_init(&host->run_lock, NULL);
    host->devices = g_ptr_array_new();
    host->pieces_max = UINT64_MAX;
    host->memory = g_array_new(FALSE, FALSE, sizeof(ViommuHostMemory));
    g_array_set_clear_func(host->memory, memory_clear);
    host->shadows = g_ptr_array_new();
}

void viommu_host_destroy(ViommuHost *host)
{
    g_array_free(host->memory, TRUE);
    g_ptr_array_free(host->shadows, TRUE);
    g_ptr_array_free(host->devices, TRUE);
    pthread_mutex_destroy(&host->run_lock);
    pthread_mutex_destroy(&host->lock);
}

int viommu_host_ioctl(ViommuHost *host, int fd, unsigned long request,
                      void *arg)
{
    host->stats.calls++;
    return host->sys->ioctl(host->sys->opaque, fd, request, arg);
}

bool viommu_host_refused(GError **error, const char *call, int ret)
{
    g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST, "%s: %s", call,
                g_strerror(-ret));
    return false;
}

void viommu_host_device_init(ViommuHostDevice *device, ViommuHost *host)
{
    device->host = host;
    device->bindings = g_ptr_array_new();
    device->look = g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

void viommu_host_device_destroy(ViommuHostDevice *device)
{
    g_clear_pointer(&device->groups, g_hash_table_destroy);
    g_ptr_array_free(device->bindings, TRUE);
    g_array_free(device->look, TRUE);
    g_clear_pointer(&device->unsent, g_array_unref);
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

bool viommu_host_queue_read(ViommuHost *host, ViommuHostQueue *queue,
                            ssize_t ret)
{
    if (ret >= 0 || ret == -EAGAIN || ret == -EINTR) {
        queue->failures = 0;
        return ret >= 0;
    }
    host->stats.errors++;
    queue->over |= ret == -ENODEV || ret == -EBADF;
    if (queue->failures < FAILURES_MAX) {
        queue->failures++;
    }
    return false;
}

bool viommu_host_queue_waits(const ViommuHostQueue *queue)
{
    return !queue->over && queue->failures < FAILURES_MAX;
}

/* --- Hosts --------------------------------------------------------------- */

unsigned viommu_host_fds(ViommuHost *host, struct pollfd *fds, unsigned max)
{
    unsigned n;

    viommu_outside_sections(__func__);
    viommu_host_lock(host);
    n = host->backend->fds(host, fds, max);
    viommu_host_unlock(host);
    return n;
}

void viommu_host_get_stats_sized(ViommuHost *host, ViommuHostStats *stats,
                                 size_t size)
{
    viommu_outside_sections(__func__);
    viommu_host_lock(host);
    viommu_abi_give(stats, size, &host->stats, sizeof(host->stats));
    viommu_host_unlock(host);
}

void (viommu_host_get_stats)(ViommuHost *host, ViommuHostStats *stats)
{
    viommu_host_get_stats_sized(host, stats,
                                VIOMMU_ABI_FIRST(ViommuHostStats,
                                                 devices_gone));
}

/* --- Devices ------------------------------------------------------------- */

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

bool viommu_host_device_nested(ViommuHostDevice *device)
{
    bool nested;

    viommu_outside_sections(__func__);
    viommu_host_lock(device->host);
    nested = device->unit && device->nested;
    viommu_host_unlock(device->host);
    return nested;
}
