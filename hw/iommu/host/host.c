/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts, whatever the API: a connection, and guest memory in it.
 */
#include <errno.h>

#include "hw/iommu/host/seam.h"

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
    host->memory = g_array_new(FALSE, FALSE, sizeof(ViommuHostMemory));
}

void viommu_host_destroy(ViommuHost *host)
{
    g_array_free(host->memory, TRUE);
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
    if (host) {
        while (host->devices->len) {
            viommu_host_device_free(g_ptr_array_index(host->devices, 0));
        }
        host->backend->free(host);
    }
}

/* The first one that ends behind @addr. */
static guint memory_position(const ViommuHost *host, uint64_t addr)
{
    guint low = 0, high = host->memory->len;

    while (low < high) {
        guint middle = (low + high) / 2;
        const ViommuHostMemory *m = &g_array_index(host->memory,
                                                   ViommuHostMemory, middle);

        if (m->addr + (m->size - 1) < addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool viommu_host_find_memory(ViommuHost *host, uint64_t *addr, uint64_t *size)
{
    uint64_t last = *addr + (*size - 1);

    for (guint i = memory_position(host, *addr); i < host->memory->len; i++) {
        const ViommuHostMemory *m = &g_array_index(host->memory,
                                                   ViommuHostMemory, i);
        uint64_t first = MAX(*addr, m->addr);

        if (m->addr > last) {
            return false;
        }
        if (!m->readonly) {
            *size = MIN(last, m->addr + (m->size - 1)) - first + 1;
            *addr = first;
            return true;
        }
    }
    return false;
}

int viommu_host_map_file(ViommuHost *host, uint64_t addr, uint64_t size,
                         int fd, uint64_t offset, void *memory,
                         bool readonly)
{
    const ViommuHostMemory new = {
        .addr = addr, .size = size, .readonly = readonly,
    };
    int ret = 0;
    guint at;

    if (!size || addr + (size - 1) < addr) {
        return -EINVAL;
    }
    lock(host);
    at = memory_position(host, addr);
    if (at < host->memory->len &&
        g_array_index(host->memory, ViommuHostMemory, at).addr <=
        addr + (size - 1)) {
        ret = -EEXIST;
    } else {
        ret = host->backend->map(host, addr, size, memory, fd, offset,
                                 readonly);
    }
    if (!ret) {
        g_array_insert_val(host->memory, at, new);
    }
    unlock(host);
    return ret;
}

int viommu_host_map(ViommuHost *host, uint64_t addr, uint64_t size,
                    void *memory, bool readonly)
{
    return viommu_host_map_file(host, addr, size, -1, 0, memory, readonly);
}

int viommu_host_unmap(ViommuHost *host, uint64_t addr, uint64_t size)
{
    uint64_t last = addr + (size - 1);
    int ret = -ENOENT;
    guint at, end;

    if (!size || last < addr) {
        return -EINVAL;
    }
    lock(host);
    at = memory_position(host, addr);
    for (end = at; end < host->memory->len; end++) {
        const ViommuHostMemory *m = &g_array_index(host->memory,
                                                   ViommuHostMemory, end);

        if (m->addr > last) {
            break;
        }
        ret = m->addr < addr || m->addr + (m->size - 1) > last ? -ENOENT :
              m->readonly ? 0 :
              host->backend->unmap(host, m->addr, m->size);
        if (ret) {
            break;
        }
    }
    if (end > at) {
        g_array_remove_range(host->memory, at, end - at);
    }
    unlock(host);
    return ret;
}

int viommu_host_set_dirty_tracking(ViommuHost *host, bool on)
{
    int ret;

    lock(host);
    ret = host->backend->set_dirty(host, on);
    unlock(host);
    return ret;
}

int viommu_host_get_dirty(ViommuHost *host, uint64_t addr, uint64_t size,
                          uint64_t page_size, uint64_t *bitmap)
{
    int ret;

    if (!size || addr + (size - 1) < addr || !page_size ||
        (page_size & (page_size - 1))) {
        return -EINVAL;
    }
    lock(host);
    ret = host->backend->get_dirty(host, addr, size, page_size, bitmap);
    unlock(host);
    return ret;
}

unsigned viommu_host_fds(ViommuHost *host, struct pollfd *fds, unsigned max)
{
    unsigned n;

    lock(host);
    n = host->backend->fds(host, fds, max);
    unlock(host);
    return n;
}

void viommu_host_get_stats(ViommuHost *host, ViommuHostStats *stats)
{
    lock(host);
    *stats = host->stats;
    unlock(host);
}
