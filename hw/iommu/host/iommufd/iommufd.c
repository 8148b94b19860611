/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd: the connection, the parent address space, dirty bits.
 */
#include <errno.h>
#include <fcntl.h>

#include "hw/iommu/common/ram.h"
#include "hw/iommu/host/iommufd/device.h"
#include "hw/iommu/host/iommufd/faults.h"
#include "hw/iommu/host/iommufd/tables.h"
#include "hw/iommu/host/iommufd/viommu.h"

#define IOMMUFD_PATH "/dev/iommu"

static uint32_t map_flags(bool readonly)
{
    return IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE |
           (readonly ? 0 : IOMMUFD_MAP_WRITEABLE);
}

static int map_file(IommufdHost *host, uint64_t addr, uint64_t size, int fd,
                    uint64_t offset)
{
    IommufdIoasMapFile args = {
        .size = sizeof(args), .flags = map_flags(false),
        .ioas_id = host->ioas, .fd = fd, .start = offset, .length = size,
        .iova = addr,
    };

    return iommufd_call(host, IOMMUFD_IOAS_MAP_FILE, &args);
}

static int map_memory(IommufdHost *host, uint64_t addr, uint64_t size,
                      void *memory)
{
    IommufdIoasMap args = {
        .size = sizeof(args), .flags = map_flags(false),
        .ioas_id = host->ioas, .user_va = (uintptr_t)memory, .length = size,
        .iova = addr,
    };

    return iommufd_call(host, IOMMUFD_IOAS_MAP, &args);
}

static int map(ViommuHost *common, uint64_t addr, uint64_t size,
               void *memory, int fd, uint64_t offset, bool readonly)
{
    IommufdHost *host = iommufd_host(common);
    int ret = -ENOTTY;

    if (readonly) {
        return 0;       /* see viommu_host_map() */
    }
    if (fd >= 0) {
        ret = map_file(host, addr, size, fd, offset);
    }
    /* Older kernels lack the call, or take memfds only. */
    if ((ret == -ENOTTY || ret == -EINVAL || ret == -EBADF) && memory) {
        ret = map_memory(host, addr, size, memory);
    }
    common->stats.errors += ret != 0;
    return ret;
}

static int unmap(ViommuHost *common, uint64_t addr, uint64_t size)
{
    IommufdHost *host = iommufd_host(common);
    IommufdIoasUnmap args = {
        .size = sizeof(args), .ioas_id = host->ioas, .iova = addr,
        .length = size,
    };
    int ret = iommufd_call(host, IOMMUFD_IOAS_UNMAP, &args);

    common->stats.errors += ret != 0;
    return ret;
}

/* --- Dirty bits ---------------------------------------------------------- */

static const IommufdParent *nth_parent(const IommufdHost *host, guint i)
{
    return &g_array_index(host->parents, IommufdParent, i);
}

static int set_dirty_everywhere(IommufdHost *host, bool on)
{
    int ret = 0;

    for (guint i = 0; i < host->parents->len && !ret; i++) {
        const IommufdParent *parent = nth_parent(host, i);

        ret = parent->flags & IOMMUFD_HWPT_DIRTY_TRACKING
              ? iommufd_set_dirty(host, parent->id, on)
              : on ? -EOPNOTSUPP : 0;
    }
    for (guint i = 0; i < host->common.devices->len && !ret; i++) {
        ret = iommufd_shadows_set_dirty(
            iommufd_device(g_ptr_array_index(host->common.devices, i)), on);
    }
    return ret;
}

static int set_dirty(ViommuHost *common, bool on)
{
    IommufdHost *host = iommufd_host(common);
    int ret = set_dirty_everywhere(host, on);

    if (ret) {
        common->stats.errors++;
        if (on) {
            (void)set_dirty_everywhere(host, false);
        }
    }
    return ret;
}

static int get_dirty(ViommuHost *common, uint64_t addr, uint64_t size,
                     ViommuHostMemory *memory, uint64_t *bits)
{
    IommufdHost *host = iommufd_host(common);

    (void)memory;
    for (guint i = 0; i < host->parents->len; i++) {
        int ret = iommufd_get_dirty(host, nth_parent(host, i)->id, addr, size,
                                    bits);

        if (ret) {
            common->stats.errors++;
            return ret;
        }
    }
    return 0;
}

/* --- The connection ------------------------------------------------------ */

static void close_fd(IommufdHost *host, int fd)
{
    host->common.stats.calls++;
    host->common.sys->close(host->common.sys->opaque, fd);
}

static void iommufd_free(ViommuHost *common)
{
    IommufdHost *host = iommufd_host(common);

    viommu_host_lock(common);
    iommufd_faults_stop(host);
    if (host->ioas) {
        iommufd_collect(host);
        iommufd_destroy(host, host->ioas);
    }
    if (host->owns_fd) {
        close_fd(host, host->fd);
    }
    viommu_host_unlock(common);
    g_array_free(host->parents, TRUE);
    g_ptr_array_free(host->viommus, TRUE);
    g_array_free(host->garbage, TRUE);
    g_free(host->reports);
    viommu_host_destroy(common);
    g_free(host);
}

static const ViommuHostBackend backend = {
    .name = "iommufd",
    .free = iommufd_free,
    .device_new = iommufd_device_new,
    .device_adopt = iommufd_device_adopt,
    .device_free = iommufd_device_free,
    .map = map,
    .unmap = unmap,
    .set_dirty = set_dirty,
    .get_dirty = get_dirty,
    .bind = iommufd_bind,
    .unbind = iommufd_unbind,
    .shadow_map = iommufd_shadow_map,
    .shadow_unmap = iommufd_shadow_unmap,
    .shadow_dirty = iommufd_shadow_dirty,
    .invalidate = iommufd_invalidate,
    .commands = iommufd_commands,
    .check_group = iommufd_check_group,
    .attached = iommufd_attached,
    .detached = iommufd_detached,
    .fds = iommufd_fds,
    .next_fault = iommufd_next_fault,
    .respond = iommufd_respond,
};

/* Pages of guest memory may be large ones of the host's tables. */
static void allow_huge_pages(IommufdHost *host)
{
    IommufdOption args = {
        .size = sizeof(args), .option_id = IOMMUFD_OPTION_HUGE_PAGES,
        .op = IOMMUFD_OPTION_OP_SET, .object_id = host->ioas, .val64 = 1,
    };

    /* It is the default, so that a kernel without this is fine. */
    (void)iommufd_call(host, IOMMUFD_OPTION, &args);
}

static bool start(IommufdHost *host, GError **error)
{
    IommufdIoasAlloc args = { .size = sizeof(args) };
    int ret;

    if (host->owns_fd) {
        host->common.stats.calls++;
        host->fd = host->common.sys->open(host->common.sys->opaque,
                                          IOMMUFD_PATH, O_RDWR);
        if (host->fd < 0) {
            ret = host->fd;
            host->owns_fd = false;
            return viommu_host_refused(error, IOMMUFD_PATH, ret);
        }
    }
    ret = iommufd_call(host, IOMMUFD_IOAS_ALLOC, &args);
    if (ret) {
        return viommu_host_refused(error, "IOMMU_IOAS_ALLOC", ret);
    }
    host->ioas = args.out_ioas_id;
    allow_huge_pages(host);
    return true;
}

ViommuHost *viommu_host_iommufd_new(const ViommuSyscalls *sys, int fd,
                                    GError **error)
{
    IommufdHost *host = g_new0(IommufdHost, 1);

    viommu_outside_sections(__func__);
    viommu_host_init(&host->common, &backend, sys);
    host->fd = fd;
    host->owns_fd = fd < 0;
    host->fault_fd = -1;
    host->viommus = g_ptr_array_new();
    host->parents = g_array_new(FALSE, FALSE, sizeof(IommufdParent));
    host->garbage = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    if (!start(host, error)) {
        iommufd_free(&host->common);
        return NULL;
    }
    return &host->common;
}
