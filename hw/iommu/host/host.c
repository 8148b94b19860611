/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts, whatever the API: a connection, and guest memory in it.
 */
#include <errno.h>

#include "hw/iommu/common/abi.h"
#include "hw/iommu/host/unit/forward.h"

static void lock(ViommuHost *host)
{
    pthread_mutex_lock(&host->lock);
}

static void unlock(ViommuHost *host)
{
    pthread_mutex_unlock(&host->lock);
}

/* --- For backends -------------------------------------------------------- */

void viommu_host_init(ViommuHost *host, const ViommuHostBackend *backend,
                      const ViommuSyscalls *sys)
{
    host->backend = backend;
    host->sys = sys ? sys : viommu_syscalls();
    pthread_mutex_init(&host->lock, NULL);
    pthread_mutex_init(&host->run_lock, NULL);
    host->devices = g_ptr_array_new();
    host->pieces_max = UINT64_MAX;
    viommu_host_memory_init(host);
}

void viommu_host_destroy(ViommuHost *host)
{
    viommu_host_memory_destroy(host);
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

/* --- Hosts --------------------------------------------------------------- */

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

unsigned viommu_host_fds(ViommuHost *host, struct pollfd *fds, unsigned max)
{
    unsigned n;

    viommu_outside_sections(__func__);
    lock(host);
    n = host->backend->fds(host, fds, max);
    unlock(host);
    return n;
}

void viommu_host_get_stats_sized(ViommuHost *host, ViommuHostStats *stats,
                                 size_t size)
{
    viommu_outside_sections(__func__);
    lock(host);
    viommu_abi_give(stats, size, &host->stats, sizeof(host->stats));
    unlock(host);
}

void (viommu_host_get_stats)(ViommuHost *host, ViommuHostStats *stats)
{
    viommu_host_get_stats_sized(host, stats,
                                VIOMMU_ABI_FIRST(ViommuHostStats,
                                                 devices_gone));
}
