/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO's containers: the connection, the address space, dirty pages.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/common/ram.h"
#include "hw/iommu/host/type1/type1.h"

#define DIRTY_PAGE  4096    /* that a bit stands for */
/* No hardware translates more bits. */
#define SPACE_SIZE      (UINT64_C(1) << 63)

/* --- The address space --------------------------------------------------- */

int type1_map(Type1Host *host, uint64_t iova, uint64_t size, void *memory,
              uint32_t flags)
{
    VfioDmaMap args = {
        .argsz = sizeof(args), .flags = flags, .vaddr = (uintptr_t)memory,
        .iova = iova, .size = size,
    };

    return iova >= SPACE_SIZE || size > SPACE_SIZE - iova
           ? -EINVAL : type1_call(host, VFIO_ABI_MAP_DMA, &args);
}

int type1_unmap(Type1Host *host, uint64_t iova, uint64_t size)
{
    VfioDmaUnmap args = {
        .argsz = sizeof(args), .iova = iova, .size = size,
    };

    return type1_call(host, VFIO_ABI_UNMAP_DMA, &args);
}

static const Type1Memory *nth(const Type1Host *host, guint i)
{
    return &g_array_index(host->memory, Type1Memory, i);
}

/*
 * By its range, which all kernels know.  (VFIO_DMA_UNMAP_FLAG_ALL is younger
 * than what vSVA was proposed for.)  The upper half stays out of use, so that
 * no kernel meets the end of 64 bits.
 */
static int unmap_everything(Type1Host *host)
{
    int ret = -EIO;

    for (unsigned i = 0; i < TYPE1_TRIES && ret; i++) {
        ret = type1_unmap(host, 0, SPACE_SIZE);
        host->common.stats.errors += ret != 0;
    }
    return ret;
}

static int map_memory(Type1Host *host, const Type1Memory *m)
{
    return type1_map(host, m->addr, m->size, m->memory,
                     VFIO_ABI_MAP_READ | VFIO_ABI_MAP_WRITE);
}

/* What the device could write to until now, before the kernel forgets it. */
static void keep_dirty(Type1Host *host)
{
    const GPtrArray *devices = host->common.devices;

    if (host->space == TYPE1_PARENT) {
        /* all of it is pinned, which is all that the kernel knows */
        viommu_dirty_mark_all(&host->common);
    }
    for (guint i = 0; i < devices->len; i++) {
        viommu_host_retire(g_ptr_array_index(devices, i), VIOMMU_NO_PASID);
    }
}

/* The container is empty: how many pieces it has room for.  A kernel before
 * VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL does not say, and answers ENOSPC. */
static void find_room(Type1Host *host)
{
    VfioIommuCapDmaAvail cap;
    int ret = type1_iommu_capability(host, VFIO_ABI_IOMMU_CAP_DMA_AVAIL, &cap,
                                     sizeof(cap));

    host->common.pieces_max = ret ? UINT64_MAX : cap.avail;
}

int type1_set_space(Type1Host *host, Type1Space space)
{
    int ret = 0;

    if (host->space == space) {
        return 0;
    }
    if (host->space != TYPE1_EMPTY) {
        keep_dirty(host);
        ret = unmap_everything(host);
        if (ret) {
            return ret;     /* all of it is there, or some */
        }
        host->space = TYPE1_EMPTY;
    }
    if (space == TYPE1_SHADOW) {
        find_room(host);
    }
    for (guint i = 0; !ret && space == TYPE1_PARENT && i < host->memory->len;
         i++) {
        ret = map_memory(host, nth(host, i));
    }
    if (!ret || unmap_everything(host)) {
        host->space = space;
    }
    return ret;
}

static int map(ViommuHost *common, uint64_t addr, uint64_t size,
               void *memory, int fd, uint64_t offset, bool readonly)
{
    Type1Host *host = type1_host(common);
    const Type1Memory new = { addr, size, memory };
    int ret = 0;

    (void)fd;
    (void)offset;
    if (readonly) {
        return 0;       /* see viommu_host_map() */
    }
    if (!memory) {
        return -EINVAL;
    }
    if (host->space == TYPE1_PARENT) {
        ret = map_memory(host, &new);
    }
    if (ret) {
        common->stats.errors++;
    } else {
        g_array_append_val(host->memory, new);
    }
    return ret;
}

static int unmap(ViommuHost *common, uint64_t addr, uint64_t size)
{
    Type1Host *host = type1_host(common);
    int ret = 0;

    for (guint i = 0; i < host->memory->len; i++) {
        if (nth(host, i)->addr == addr && nth(host, i)->size == size) {
            if (host->space == TYPE1_PARENT) {
                ret = type1_unmap(host, addr, size);
            }
            if (ret) {
                common->stats.errors++;
            } else {
                g_array_remove_index_fast(host->memory, i);
            }
            return ret;
        }
    }
    return -ENOENT;
}

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

int type1_get_dirty(Type1Host *host, uint64_t iova, uint64_t size,
                    uint64_t *bits)
{
    struct {
        uint32_t argsz, flags;
        VfioDirtyGet get;
    } args = {
        .argsz = sizeof(args),
        .flags = VFIO_ABI_DIRTY_GET_BITMAP,
        .get = {
            .iova = iova, .size = size,
            .bitmap = {
                .pgsize = DIRTY_PAGE,
                .size = viommu_dirty_words(size) * 8,
                .data = (uintptr_t)bits,
            },
        },
    };

    return type1_call(host, VFIO_ABI_DIRTY_PAGES, &args);
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
    .map = map,                                     \
    .unmap = unmap,                                 \
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

/* Each form is nonsense in the other: the kernel refuses what is not its own,
 * and what it takes does no harm. */
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
