/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO's containers: the connection, dirty pages.
 */
#include <errno.h>

#include "hw/iommu/common/ram.h"
#include "hw/iommu/host/type1/container.h"
#include "hw/iommu/host/type1/device.h"
#include "hw/iommu/host/type1/faults.h"
#include "hw/iommu/host/type1/info.h"
#include "hw/iommu/host/type1/pasids.h"
#include "hw/iommu/host/type1/tables.h"

/* --- Dirty pages --------------------------------------------------------- */

static int dirty_pages(Type1Host *host, uint32_t flags)
{
    VfioDirtyBitmap args = { .argsz = sizeof(args), .flags = flags };

    return type1_call(host, VFIO_ABI_DIRTY_PAGES, &args);
}

static int set_dirty(ViommuHost *common, bool on)
{
    Type1Host *host = type1_host(common);
    int ret = dirty_pages(host, on ? VFIO_ABI_DIRTY_START
                                   : VFIO_ABI_DIRTY_STOP);

    if (ret) {
        common->stats.errors++;
        return ret;
    }
    return 0;
}

static int get_dirty(ViommuHost *common, uint64_t addr, uint64_t size,
                     ViommuHostMemory *memory, uint64_t *bits)
{
    Type1Host *host = type1_host(common);
    int ret;

    (void)addr;
    (void)size;
    (void)bits;
    if (host->space != TYPE1_PARENT) {
        return 0;
    }
    ret = type1_get_dirty(host, memory->addr, memory->size, memory->dirty);
    common->stats.errors += ret != 0;
    return ret;
}

/* --- The connection ------------------------------------------------------ */

static void type1_free(ViommuHost *common)
{
    Type1Host *host = type1_host(common);

    /* the container is its owner's, and clean for the next device */
    viommu_host_lock(common);
    if (common->dirty) {
        (void)dirty_pages(host, VFIO_ABI_DIRTY_STOP);
        common->dirty = false;
    }
    (void)type1_set_space(host, TYPE1_EMPTY);
    viommu_host_unlock(common);
    g_array_free(host->memory, TRUE);
    viommu_host_destroy(common);
    g_free(host);
}

/* What both kinds of container have. */
#define TYPE1_OPERATIONS                            \
    .free = type1_free,                             \
    .device_new = type1_device_new,                 \
    .device_free = type1_device_free,               \
    .map = type1_map_memory,                        \
    .unmap = type1_unmap_memory,                    \
    .set_dirty = set_dirty,                         \
    .get_dirty = get_dirty,                         \
    .bind = type1_bind,                             \
    .unbind = type1_unbind,                         \
    .shadow_map = type1_shadow_map,                 \
    .shadow_unmap = type1_shadow_unmap,             \
    .shadow_dirty = type1_shadow_dirty,             \
    .invalidate = type1_invalidate,                 \
    .fds = type1_fds,                               \
    .next_fault = type1_next_fault,                 \
    .respond = type1_respond

static const ViommuHostBackend plain = {
    .name = "type1",
    TYPE1_OPERATIONS,
};

static const ViommuHostBackend with_vsva = {
    .name = "type1 with vSVA",
    TYPE1_OPERATIONS,
    .alloc_pasid = type1_alloc_pasid,
    .free_pasid = type1_free_pasid,
};

/* --- What the container can do ------------------------------------------- */

/** Is there what guests' tables need?  NULL, or what is not. */
static const char *lacks_for_nesting(Type1Host *host)
{
    VsvaIommuCapNesting nesting;
    int ret = type1_iommu_capability(host, VSVA_IOMMU_CAP_NESTING, &nesting,
                                     sizeof(nesting));

    return ret == -EIO ? "VFIO_IOMMU_GET_INFO" :
           ret ? "VFIO_IOMMU_TYPE1_INFO_CAP_NESTING" :
           !(nesting.nesting_capabilities & VSVA_NESTING_PASID_REQS)
           ? "VFIO_IOMMU_PASID_REQS" :
           !(nesting.stage1_formats & VSVA_STAGE1_INTEL_VTD)
           ? "IOMMU_PASID_FORMAT_INTEL_VTD" : NULL;
}

/* The first word is the size in one form, the version in the other
 * [UAPI 000 "argsz"] [UAPI 003 "IOMMU_UAPI_VERSION"]: the kernel refuses what
 * is not its own form, and what it takes does no harm. */
static int find_form(Type1Host *host)
{
    int ret;

    host->merged = true;
    ret = type1_invalidate_all(host);
    if (ret == -EINVAL) {
        host->merged = false;
        ret = type1_invalidate_all(host);
    }
    return ret;
}

static int extension(Type1Host *host, uintptr_t number)
{
    return type1_call(host, VFIO_ABI_CHECK_EXTENSION, (void *)number);
}

static bool start(Type1Host *host, GError **error)
{
    int ret = type1_call(host, VFIO_ABI_GET_API_VERSION, NULL);
    const char *lacks;
    uintptr_t type;

    if (ret != VFIO_ABI_VERSION) {
        return viommu_host_refused(error, "VFIO_GET_API_VERSION",
                                   ret < 0 ? ret : -EPROTO);
    }
    host->nesting = extension(host, VFIO_ABI_TYPE1_NESTING) > 0 &&
                    extension(host, VSVA_EXTENSION_UAPI) == VSVA_VERSION;
    type = host->nesting ? VFIO_ABI_TYPE1_NESTING : VFIO_ABI_TYPE1V2;
    ret = type1_call(host, VFIO_ABI_SET_IOMMU, (void *)type);
    if (ret) {
        return viommu_host_refused(error, "VFIO_SET_IOMMU", ret);
    }
    if (!host->nesting) {
        return true;
    }
    lacks = lacks_for_nesting(host);
    if (lacks) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST,
                    "a container with nesting, but without %s", lacks);
        return false;
    }
    ret = find_form(host);
    return !ret || viommu_host_refused(error, "VFIO_IOMMU_CACHE_INVALIDATE",
                                       ret);
}

ViommuHost *viommu_host_type1_new(const ViommuSyscalls *sys, int container,
                                  uint64_t vtd_cap, GError **error)
{
    Type1Host *host = g_new0(Type1Host, 1);

    viommu_outside_sections(__func__);
    viommu_host_init(&host->common, &plain, sys);
    host->fd = container;
    host->vtd_cap = vtd_cap;
    host->memory = g_array_new(FALSE, FALSE, sizeof(Type1Memory));
    if (!start(host, error)) {
        type1_free(&host->common);
        return NULL;
    }
    if (host->nesting) {
        host->common.backend = &with_vsva;
    }
    return &host->common;
}
