/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO's containers: the address space, and what it holds.
 */
#include <errno.h>

#include "hw/iommu/host/type1/container.h"
#include "hw/iommu/host/type1/info.h"

#define DIRTY_PAGE  4096    /* that a bit stands for */
/* No hardware translates more bits. */
#define SPACE_SIZE      (UINT64_C(1) << 63)

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

int type1_map_memory(ViommuHost *common, uint64_t addr, uint64_t size,
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

int type1_unmap_memory(ViommuHost *common, uint64_t addr, uint64_t size)
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
