/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An iommufd in the place of a container: the ioctls of type1 on one of its
 * address spaces, which a group makes when it comes, or which
 * IOMMU_VFIO_IOAS names.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/hostsim/vfio/chain.h"
#include "hw/iommu/hostsim/vfio/compat.h"
#include "hw/iommu/hostsim/vfio/container.h"

SimIoas *sim_compat_ioas(SimContext *context)
{
    return context->vfio_ioas
           ? sim_object_get(context, context->vfio_ioas, SIM_IOAS) : NULL;
}

bool sim_compat_ioas_need(SimContext *context)
{
    SimIoas *ioas;

    if (sim_compat_ioas(context)) {
        return true;
    }
    ioas = sim_ioas_new(context);
    if (!ioas) {
        return false;
    }
    sim_object_finish(ioas);
    context->vfio_ioas = ioas->object.id;
    return true;
}

static int check_extension(SimContext *context, unsigned long extension)
{
    switch (extension) {
    case VFIO_ABI_TYPE1:
    case VFIO_ABI_TYPE1V2:
    case VFIO_ABI_UNMAP_ALL:
        return 1;
    case VFIO_ABI_DMA_CC:
        return sim_compat_ioas(context) ? 1 : -ENODEV;
    default:
        return 0;
    }
}

/** The old type may unmap a part of what was mapped. */
static int set_iommu(SimContext *context, unsigned long type)
{
    SimIoas *ioas = sim_compat_ioas(context);

    if (type != VFIO_ABI_TYPE1 && type != VFIO_ABI_TYPE1V2) {
        return -EINVAL;
    }
    if (!ioas) {
        return -ENODEV;
    }
    return type == VFIO_ABI_TYPE1 ? sim_ioas_set_small_pages(ioas) : 0;
}

static int map_dma(SimContext *context, const void *arg)
{
    SimIoas *ioas = sim_compat_ioas(context);
    SimPages *pages;
    VfioDmaMap map;
    int ret;

    if (sim_copy_in(&map, arg, sizeof(map))) {
        return -EFAULT;
    }
    if (map.argsz < sizeof(map) ||
        map.flags & ~(VFIO_ABI_MAP_READ | VFIO_ABI_MAP_WRITE)) {
        return -EINVAL;
    }
    if (!ioas) {
        return -ENODEV;
    }
    ret = sim_pages_new_user(context->sim, sim_user_ptr(map.vaddr), map.size,
                             map.flags & VFIO_ABI_MAP_WRITE, &pages);
    if (ret) {
        return ret;
    }
    ret = sim_area_map(ioas, pages, map.vaddr % SIM_PAGE, map.size, &map.iova,
                       sim_vfio_access(map.flags), false);
    sim_pages_unref(pages);
    return ret;
}

/** What reaches over the ends of a range is cut there. */
static int cut(SimIoas *ioas, const VfioDmaUnmap *unmap)
{
    int ret = sim_area_cut(ioas, unmap->iova + unmap->size - 1);

    return !ret && unmap->iova ? sim_area_cut(ioas, unmap->iova - 1) : ret;
}

static int unmap_range(SimIoas *ioas, const VfioDmaUnmap *unmap,
                       uint64_t *unmapped)
{
    if (!unmap->size) {
        return -EINVAL;
    }
    if (unmap->size - 1 > UINT64_MAX - unmap->iova) {
        return -EOVERFLOW;
    }
    return sim_area_unmap(ioas, unmap->iova, unmap->iova + (unmap->size - 1),
                          unmapped);
}

static int unmap_dma(SimContext *context, void *arg)
{
    SimIoas *ioas = sim_compat_ioas(context);
    uint64_t unmapped = 0;
    VfioDmaUnmap unmap;
    bool all;
    int ret;

    if (sim_copy_in(&unmap, arg, sizeof(unmap))) {
        return -EFAULT;
    }
    if (unmap.argsz < sizeof(unmap) ||
        unmap.flags & ~VFIO_ABI_UNMAP_ALL_FLAG) {
        return -EINVAL;
    }
    if (!ioas) {
        return -ENODEV;
    }
    all = unmap.flags & VFIO_ABI_UNMAP_ALL_FLAG;
    if (all && (unmap.iova || unmap.size)) {
        return -EINVAL;
    }
    ret = !all && ioas->small_pages ? cut(ioas, &unmap) : 0;
    if (ret) {
        return ret;
    }
    /* what has been unmapped is told even if that is not all */
    ret = all ? sim_area_unmap(ioas, 0, UINT64_MAX, &unmapped)
              : unmap_range(ioas, &unmap, &unmapped);
    unmap.size = unmapped;
    return sim_copy_out(arg, &unmap, sizeof(unmap)) ? -EFAULT : ret;
}

/** How many mappings, and which addresses. */
static GByteArray *capabilities(SimIoas *ioas)
{
    GByteArray *chain = g_byte_array_new();
    VfioIommuCapDmaAvail avail = { .avail = UINT32_MAX };
    GArray *holes = sim_ioas_holes(ioas);
    uint32_t size = (uint32_t)(sizeof(VfioIommuCapIovaRange) +
                               holes->len * sizeof(VfioIovaRange));
    g_autofree VfioIommuCapIovaRange *iova = g_malloc0(size);

    _Static_assert(sizeof(VfioIovaRange) == sizeof(IommufdIovaRange),
                   "both are the first and the last one");
    sim_chain_add(chain, &avail.header, VFIO_ABI_IOMMU_CAP_DMA_AVAIL,
                  sizeof(avail));
    iova->nr_iovas = holes->len;
    memcpy(iova->ranges, holes->data, holes->len * sizeof(VfioIovaRange));
    sim_chain_add(chain, &iova->header, VFIO_ABI_IOMMU_CAP_IOVA_RANGE, size);
    g_array_unref(holes);
    return chain;
}

int sim_compat_ioctl(SimContext *context, unsigned long request, void *arg)
{
    SimIoas *ioas;

    switch (request) {
    case VFIO_ABI_GET_API_VERSION:
        return VFIO_ABI_VERSION;
    case VFIO_ABI_CHECK_EXTENSION:
        return check_extension(context, (uintptr_t)arg);
    case VFIO_ABI_SET_IOMMU:
        return set_iommu(context, (uintptr_t)arg);
    case VFIO_ABI_MAP_DMA:
        return map_dma(context, arg);
    case VFIO_ABI_UNMAP_DMA:
        return unmap_dma(context, arg);
    case VFIO_ABI_IOMMU_GET_INFO:
        ioas = sim_compat_ioas(context);
        if (ioas && !sim_may_allocate(context->sim, SIM_PAGE)) {
            return -ENOMEM;
        }
        return sim_iommu_info(ioas ? capabilities(ioas) : NULL, arg);
    default:
        return -ENOTTY;
    }
}
