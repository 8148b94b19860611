/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /dev/iommu: one table says of each ioctl how large its structure is, and
 * how much of it must be there.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hw/iommu/hostsim/iommufd/iommufd.h"

#define COMMAND_MAX 48

typedef struct SimIoctl {
    unsigned long request;
    uint32_t size;
    uint32_t min_size;
    int (*execute)(SimCommand *c);
} SimIoctl;

static int destroy_object(SimCommand *c)
{
    const IommufdDestroy *cmd = c->cmd;

    return sim_object_destroy(c->context, cmd->id);
}

/** What a kernel says whose devices all have an IOMMU before them. */
static int no_noiommu(SimCommand *c)
{
    (void)c;
    return -EOPNOTSUPP;
}

static const SimIoctl ioctls[] = {
    { IOMMUFD_DESTROY, sizeof(IommufdDestroy), 8, destroy_object },
    { IOMMUFD_IOAS_ALLOC, sizeof(IommufdIoasAlloc), 12, sim_ioas_alloc },
    { IOMMUFD_IOAS_ALLOW_IOVAS, sizeof(IommufdIoasAllowIovas), 24,
      sim_ioas_allow_iovas },
    { IOMMUFD_IOAS_COPY, sizeof(IommufdIoasCopy), 40, sim_ioas_copy },
    { IOMMUFD_IOAS_IOVA_RANGES, sizeof(IommufdIoasIovaRanges), 32,
      sim_ioas_iova_ranges },
    { IOMMUFD_IOAS_MAP, sizeof(IommufdIoasMap), 40, sim_ioas_map },
    { IOMMUFD_IOAS_UNMAP, sizeof(IommufdIoasUnmap), 24, sim_ioas_unmap },
    { IOMMUFD_OPTION, sizeof(IommufdOption), 24, sim_option },
    { IOMMUFD_VFIO_IOAS, sizeof(IommufdVfioIoas), 12, sim_vfio_ioas },
    /* what is behind the reserved words is optional */
    { IOMMUFD_HWPT_ALLOC, sizeof(IommufdHwptAlloc), 24, sim_hwpt_alloc },
    { IOMMUFD_GET_HW_INFO, sizeof(IommufdHwInfo), 32, sim_get_hw_info },
    { IOMMUFD_HWPT_SET_DIRTY_TRACKING, sizeof(IommufdHwptSetDirty), 16,
      sim_hwpt_set_dirty },
    { IOMMUFD_HWPT_GET_DIRTY_BITMAP, sizeof(IommufdHwptGetDirty), 48,
      sim_hwpt_get_dirty },
    { IOMMUFD_HWPT_INVALIDATE, sizeof(IommufdHwptInvalidate), 32,
      sim_hwpt_invalidate },
    { IOMMUFD_FAULT_QUEUE_ALLOC, sizeof(IommufdFaultQueueAlloc), 16,
      sim_fault_alloc },
    { IOMMUFD_IOAS_MAP_FILE, sizeof(IommufdIoasMapFile), 40,
      sim_ioas_map_file },
    { IOMMUFD_VIOMMU_ALLOC, sizeof(IommufdViommuAlloc), 24,
      sim_viommu_alloc },
    { IOMMUFD_VDEVICE_ALLOC, sizeof(IommufdVdeviceAlloc), 24,
      sim_vdevice_alloc },
    { IOMMUFD_IOAS_CHANGE_PROCESS, sizeof(IommufdIoasChangeProcess), 8,
      sim_ioas_change_process },
    { IOMMUFD_VEVENTQ_ALLOC, sizeof(IommufdVeventqAlloc), 28,
      sim_veventq_alloc },
    { IOMMUFD_HW_QUEUE_ALLOC, sizeof(IommufdHwQueueAlloc), 40,
      sim_hw_queue_alloc },
    { IOMMUFD_IOAS_NOIOMMU_GET_PA, sizeof(IommufdIoasNoiommuGetPa), 40,
      no_noiommu },
};

static const SimIoctl *find_ioctl(unsigned long request)
{
    for (size_t i = 0; i < G_N_ELEMENTS(ioctls); i++) {
        if (ioctls[i].request == request) {
            return &ioctls[i];
        }
    }
    return NULL;
}

/** Is there an ioctl of this number, whatever else @request says? */
static bool has_number(unsigned long request)
{
    return _IOC_NR(request) >= _IOC_NR(IOMMUFD_DESTROY) &&
           _IOC_NR(request) <= _IOC_NR(IOMMUFD_IOAS_NOIOMMU_GET_PA);
}

static int iommufd_ioctl(SimFile *file, unsigned long request, void *arg)
{
    const SimIoctl *ioctl = find_ioctl(request);
    uint64_t buf[COMMAND_MAX / 8];
    SimCommand c = { .context = file->priv, .cmd = buf, .user = arg };
    int ret;

    if (!has_number(request)) {
        return file->sim->ops->other_ioctl(file, request, arg);
    }
    ret = sim_copy_in(&c.user_size, arg, sizeof(c.user_size));
    if (!ret && !ioctl) {
        ret = -ENOTTY;
    }
    if (!ret) {
        ret = sim_copy_struct(buf, ioctl->size, ioctl->min_size, arg,
                              c.user_size);
    }
    return ret ? ret : ioctl->execute(&c);
}

static void iommufd_release(SimFile *file)
{
    sim_context_free(file->priv);
}

static const SimFileOps iommufd_ops = {
    .name = "iommufd",
    .ioctl = iommufd_ioctl,
    .release = iommufd_release,
};

SimContext *sim_context_of(SimFile *file)
{
    return file->ops == &iommufd_ops ? file->priv : NULL;
}

int sim_open_iommu(Hostsim *sim, unsigned number, SimFile **file)
{
    SimContext *context = sim_context_new(sim);

    (void)number;
    if (!context) {
        return -ENOMEM;
    }
    *file = sim_file_new(sim, &iommufd_ops, context);
    if (!*file) {
        sim_context_free(context);
        return -ENOMEM;
    }
    context->file = *file;
    return 0;
}
