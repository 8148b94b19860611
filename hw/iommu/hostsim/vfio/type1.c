/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A container's address space: one paging domain, and mappings of the
 * caller's memory in it.
 */
#include <errno.h>
#include <string.h>

#include "hw/iommu/hostsim/vfio/container.h"
#include "hw/iommu/hostsim/vfio/vsva.h"

bool sim_type1_has(Hostsim *sim, unsigned long type)
{
    switch (type) {
    case VFIO_ABI_TYPE1:
    case VFIO_ABI_TYPE1V2:
        return true;
    case VFIO_ABI_TYPE1_NESTING:
        return sim_vsva_possible(sim);
    default:
        return false;
    }
}

int sim_type1_new(SimContainer *container, unsigned long type,
                  SimType1 **result)
{
    Hostsim *sim = container->sim;
    bool nesting = type == VFIO_ABI_TYPE1_NESTING;
    SimType1 *type1;
    SimDomain *domain;
    int ret;

    ret = sim->phys->domain_new(sim, nesting ? SIM_DOMAIN_NEST_PARENT |
                                               SIM_DOMAIN_PASID : 0,
                                &domain);
    if (ret) {
        return ret;
    }
    type1 = sim_alloc(sim, sizeof(*type1));
    if (type1 && nesting) {
        type1->vsva = sim_vsva_new(sim, type1);
    }
    if (!type1 || (nesting && !type1->vsva)) {
        g_free(type1);
        sim->phys->domain_free(domain);
        return -ENOMEM;
    }
    type1->sim = sim;
    type1->container = container;
    type1->v2 = type != VFIO_ABI_TYPE1;
    type1->domain = domain;
    type1->mappings = g_array_new(FALSE, FALSE, sizeof(SimMapping));
    type1->available = sim->config.mapping_limit;
    *result = type1;
    return 0;
}

/* --- Mappings ------------------------------------------------------------ */

static uint64_t mapping_size(const SimMapping *mapping)
{
    return mapping->last - mapping->iova + 1;
}

static void set_unsettled(SimType1 *type1, guint i, bool unsettled)
{
    SimMapping *mapping = sim_mapping_at(type1, i);

    type1->unsettled += unsettled - mapping->unsettled;
    mapping->unsettled = unsettled;
}

static void remove_mapping(SimType1 *type1, guint i)
{
    SimMapping mapping = *sim_mapping_at(type1, i);
    Hostsim *sim = type1->sim;

    set_unsettled(type1, i, false);
    g_array_remove_index(type1->mappings, i);
    type1->available++;
    sim->phys->unmap(type1->domain, mapping.iova, mapping_size(&mapping));
    sim_unpin(sim, mapping.memory, mapping_size(&mapping),
              mapping.access & VIOMMU_WRITE);
}

static bool in_ranges(const SimType1 *type1, uint64_t iova, uint64_t last)
{
    VfioIovaRange ranges[SIM_TYPE1_RANGES_MAX];
    unsigned n = sim_type1_ranges(type1, ranges);

    for (unsigned i = 0; i < n; i++) {
        if (iova >= ranges[i].start && last <= ranges[i].end) {
            return true;
        }
    }
    return false;
}

/** The mapping's memory is at another address of the process's from now on:
 *  it was and stays pinned, and that is all that the host needs. */
static int settle(SimType1 *type1, const VfioDmaMap *map)
{
    uint64_t last = map->iova + map->size - 1;
    guint i = sim_type1_find(type1, map->iova);
    const SimMapping *m = i < type1->mappings->len ? sim_mapping_at(type1, i)
                                                   : NULL;

    if (!m || m->iova > last) {
        return -ENOENT;
    }
    if (!m->unsettled || m->iova != map->iova || m->last != last) {
        return -EINVAL;
    }
    set_unsettled(type1, i, false);
    return 0;
}

/** What any kind of mapping asks for. */
static int check_map(const VfioDmaMap *map)
{
    bool access = map->flags & (VFIO_ABI_MAP_READ | VFIO_ABI_MAP_WRITE);
    bool settles = map->flags & VFIO_ABI_MAP_VADDR;
    uint64_t last = map->iova + map->size - 1;

    if (!map->size) {
        return -EINVAL;
    }
    if (last < map->iova || map->vaddr + map->size - 1 < map->vaddr) {
        return -EOVERFLOW;
    }
    return access == settles ||
           (map->size | map->iova | map->vaddr) & (SIM_PAGE - 1) ? -EINVAL : 0;
}

static int check_room(const SimType1 *type1, const VfioDmaMap *map)
{
    uint64_t last = map->iova + map->size - 1;
    guint i;

    i = sim_type1_find(type1, map->iova);
    if (i < type1->mappings->len && sim_mapping_at(type1, i)->iova <= last) {
        return -EEXIST;
    }
    if (!type1->available) {
        return -ENOSPC;
    }
    return in_ranges(type1, map->iova, last) ? 0 : -EINVAL;
}

static int map_dma(SimType1 *type1, const void *arg)
{
    Hostsim *sim = type1->sim;
    SimMapping mapping;
    VfioDmaMap map;
    int ret;

    if (sim_copy_in(&map, arg, sizeof(map))) {
        return -EFAULT;
    }
    if (map.argsz < sizeof(map) ||
        map.flags & ~(VFIO_ABI_MAP_READ | VFIO_ABI_MAP_WRITE |
                      VFIO_ABI_MAP_VADDR)) {
        return -EINVAL;
    }
    ret = check_map(&map);
    if (!ret && (map.flags & VFIO_ABI_MAP_VADDR)) {
        return settle(type1, &map);
    }
    if (!ret) {
        ret = check_room(type1, &map);
    }
    if (ret) {
        return ret;
    }
    mapping = (SimMapping) {
        .iova = map.iova,
        .last = map.iova + map.size - 1,
        .memory = sim_user_ptr(map.vaddr),
        .access = sim_vfio_access(map.flags),
    };
    if (!sim_may_allocate(sim, sizeof(mapping))) {
        return -ENOMEM;
    }
    ret = sim_pin(sim, mapping.memory, map.size,
                  mapping.access & VIOMMU_WRITE);
    if (ret) {
        return ret;
    }
    ret = sim->phys->map(type1->domain, map.iova, mapping.memory, map.size,
                         mapping.access);
    if (ret) {
        sim_unpin(sim, mapping.memory, map.size,
                  mapping.access & VIOMMU_WRITE);
        return ret;
    }
    g_array_insert_val(type1->mappings, sim_type1_find(type1, map.iova),
                       mapping);
    type1->available--;
    return 0;
}

static int check_unmap(const SimType1 *type1, const VfioDmaUnmap *unmap,
                       uint64_t *last)
{
    bool all = unmap->flags & VFIO_ABI_UNMAP_ALL_FLAG;

    if (all) {
        *last = UINT64_MAX;
        return unmap->iova || unmap->size ? -EINVAL : 0;
    }
    if (!unmap->size || (unmap->iova | unmap->size) & (SIM_PAGE - 1)) {
        return -EINVAL;
    }
    *last = unmap->iova + unmap->size - 1;
    if (*last < unmap->iova) {
        return -EOVERFLOW;
    }
    return type1->v2 && sim_type1_cuts(type1, unmap->iova, *last) ? -EINVAL
                                                                  : 0;
}

static int take_unmap(const SimType1 *type1, const void *arg,
                      VfioDmaUnmap *unmap, VfioBitmap *bitmap)
{
    /* kernels that vSVA was proposed for did not know the younger flags */
    uint32_t known = VFIO_ABI_UNMAP_GET_DIRTY_BITMAP |
                     (type1->vsva ? 0 : VFIO_ABI_UNMAP_ALL_FLAG |
                                        VFIO_ABI_UNMAP_VADDR);
    bool dirty;

    if (sim_copy_in(unmap, arg, sizeof(*unmap))) {
        return -EFAULT;
    }
    dirty = unmap->flags & VFIO_ABI_UNMAP_GET_DIRTY_BITMAP;
    if (unmap->argsz < sizeof(*unmap) ||
        unmap->flags & ~known ||
        (dirty && (unmap->flags & (VFIO_ABI_UNMAP_ALL_FLAG |
                                   VFIO_ABI_UNMAP_VADDR) ||
                   unmap->argsz < sizeof(*unmap) + sizeof(*bitmap)))) {
        return -EINVAL;
    }
    if (!dirty) {
        return 0;
    }
    if (sim_copy_in(bitmap, sim_user_at(arg, sizeof(*unmap)),
                    sizeof(*bitmap))) {
        return -EFAULT;
    }
    return type1->dirty ? sim_type1_check_bitmap(bitmap, unmap->size)
                        : -EINVAL;
}

/** Mappings @i and further ones up to @last stay, and wait for another address
 *  of the process's; none of them, if one does already. */
static int unsettle(SimType1 *type1, guint i, uint64_t last, uint64_t *size)
{
    guint first = i;

    for (; i < type1->mappings->len && sim_mapping_at(type1, i)->iova <= last;
         i++) {
        if (sim_mapping_at(type1, i)->unsettled) {
            while (i-- > first) {
                set_unsettled(type1, i, false);
            }
            return -EINVAL;
        }
        set_unsettled(type1, i, true);
        *size += mapping_size(sim_mapping_at(type1, i));
    }
    return 0;
}

/** v1 unmaps each mapping whose start is in the range, all of it; the rest of
 *  the range need not hold any. */
static int unmap_dma(SimType1 *type1, void *arg)
{
    VfioDmaUnmap unmap;
    VfioBitmap bitmap;
    uint64_t last;
    guint i;
    int ret = take_unmap(type1, arg, &unmap, &bitmap);

    if (!ret) {
        ret = check_unmap(type1, &unmap, &last);
    }
    if (ret) {
        return ret;
    }
    i = sim_type1_find(type1, unmap.iova);
    unmap.size = 0;
    if (i < type1->mappings->len &&
        sim_mapping_at(type1, i)->iova < unmap.iova) {
        /* v1 alone gets here */
        last = 0;
    }
    if (unmap.flags & VFIO_ABI_UNMAP_VADDR) {
        ret = unsettle(type1, i, last, &unmap.size);
        return ret ? ret : sim_copy_out(arg, &unmap, sizeof(unmap));
    }
    while (i < type1->mappings->len && sim_mapping_at(type1, i)->iova <= last) {
        if (unmap.flags & VFIO_ABI_UNMAP_GET_DIRTY_BITMAP) {
            ret = sim_type1_report_dirty(sim_mapping_at(type1, i), unmap.iova,
                                         &bitmap);
            if (ret) {
                return ret;
            }
        }
        unmap.size += mapping_size(sim_mapping_at(type1, i));
        remove_mapping(type1, i);
    }
    return sim_copy_out(arg, &unmap, sizeof(unmap));
}

/* --- Groups -------------------------------------------------------------- */

void sim_type1_detach(SimType1 *type1, SimGroup *group)
{
    SimDevice *device = NULL;

    while ((device = sim_group_device(group, device))) {
        if (type1->vsva) {
            sim_vsva_detach(type1->vsva, device);
        }
        if (sim_domain_of(device, VIOMMU_NO_PASID) == type1->domain) {
            type1->sim->phys->attach(device, VIOMMU_NO_PASID, NULL);
        }
    }
}

int sim_type1_attach(SimType1 *type1, SimGroup *group)
{
    SimDevice *device = NULL;
    int ret;

    /* memory might have to be pinned, whose address is not known */
    if (type1->unsettled) {
        return -EBUSY;
    }
    while ((device = sim_group_device(group, device))) {
        ret = type1->sim->phys->attach(device, VIOMMU_NO_PASID,
                                       type1->domain);
        if (!ret && type1->vsva) {
            ret = sim_vsva_attach(type1->vsva, device);
        }
        if (ret) {
            sim_type1_detach(type1, group);
            return ret;
        }
    }
    return 0;
}

void sim_type1_free(SimType1 *type1)
{
    sim_vsva_free(type1->vsva);
    while (type1->mappings->len) {
        remove_mapping(type1, type1->mappings->len - 1);
    }
    type1->sim->phys->domain_free(type1->domain);
    g_array_unref(type1->mappings);
    g_free(type1);
}

int sim_type1_ioctl(SimType1 *type1, unsigned long request, void *arg)
{
    switch (request) {
    case VFIO_ABI_IOMMU_GET_INFO:
        return sim_type1_get_info(type1, arg);
    case VFIO_ABI_MAP_DMA:
        return map_dma(type1, arg);
    case VFIO_ABI_UNMAP_DMA:
        return unmap_dma(type1, arg);
    case VFIO_ABI_DIRTY_PAGES:
        return sim_type1_dirty_pages(type1, arg);
    case VSVA_PASID_REQUEST:
    case VSVA_BIND:
    case VSVA_CACHE_INVALIDATE:
        return type1->vsva ? sim_vsva_ioctl(type1->vsva, request, arg)
                           : -ENOTTY;
    default:
        return -ENOTTY;
    }
}
