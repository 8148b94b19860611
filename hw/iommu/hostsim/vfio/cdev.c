/* SPDX-License-Identifier: BSD-3-Clause */
/* A device's own file and iommufd: bind, attach, detach. */
#include <errno.h>

#include "hw/iommu/host/abi/vfio.h"
#include "hw/iommu/hostsim/vfio/compat.h"
#include "hw/iommu/hostsim/vfio/device.h"

#define COMMAND         0x04
#define COMMAND_MEMORY  0x02

void sim_vfio_use(SimDevice *device)
{
    if (!device->opens++) {
        sim_config_reset(device);
        sim_endpoint_reset(device);
        device->config[COMMAND] |= COMMAND_MEMORY;
    }
}

void sim_vfio_unuse(SimDevice *device)
{
    if (--device->opens) {
        return;
    }
    __atomic_store_n(&device->master, false, __ATOMIC_RELEASE);
    sim_irqs_reset(device);
    sim_ioeventfds_free(device);
    sim_config_reset(device);
    sim_endpoint_reset(device);
}

int sim_vfio_bind(SimVfioFile *f, void *arg)
{
    size_t min = offsetof(VfioBindIommufd, token);
    SimDevice *device = f->device;
    VfioBindIommufd bind;
    SimIommufdDevice *bound;
    SimContext *context;
    SimFile *iommufd;
    uint32_t size;
    int ret = sim_copy_in(&size, arg, sizeof(size));

    if (!ret) {
        ret = sim_copy_struct(&bind, sizeof(bind), min, arg, size);
    }
    if (ret) {
        return ret;
    }
    /* tokens are for virtual functions */
    if (bind.iommufd < 0 || (bind.flags & ~VFIO_ABI_BIND_TOKEN) ||
        f->granted || (bind.flags & VFIO_ABI_BIND_TOKEN)) {
        return -EINVAL;
    }
    iommufd = sim_file_get(device->sim, bind.iommufd);
    context = iommufd ? sim_context_of(iommufd) : NULL;
    if (!context) {
        return iommufd || sim_fd_is_open(bind.iommufd) ? -EBADFD : -EBADF;
    }
    if (sim_group_is_open(device->sim, device->group)) {
        return -EBUSY;
    }
    if (device->opens) {
        return -EINVAL;
    }
    ret = sim_iommufd_bind(context, device, &bound);
    if (ret) {
        return ret;
    }
    ret = sim_copy_out(sim_user_at(arg, offsetof(VfioBindIommufd, out_devid)),
                       &bound->object.id, sizeof(uint32_t));
    if (ret) {
        sim_iommufd_unbind(bound);
        return ret;
    }
    sim_vfio_use(device);
    device->iommufd = bound;
    f->bound = bound;
    f->granted = true;
    return 0;
}

void sim_vfio_unbind(SimVfioFile *f)
{
    SimDevice *device = f->device;

    sim_vfio_unuse(device);
    sim_iommufd_unbind(f->bound);
    device->iommufd = NULL;
    f->bound = NULL;
    f->granted = false;
}

int sim_vfio_bind_compat(SimDevice *device, SimContext *context)
{
    SimIommufdDevice *bound;
    SimIoas *ioas;
    int ret = sim_iommufd_bind(context, device, &bound);
    uint32_t id;

    if (ret) {
        return ret;
    }
    ioas = sim_compat_ioas(context);
    id = ioas ? ioas->object.id : 0;
    ret = ioas ? sim_iommufd_attach(bound, VIOMMU_NO_PASID, &id) : -ENODEV;
    if (ret) {
        sim_iommufd_unbind(bound);
        return ret;
    }
    device->iommufd = bound;
    device->by_group = true;
    return 0;
}

void sim_vfio_unbind_compat(SimDevice *device)
{
    sim_iommufd_unbind(device->iommufd);
    device->iommufd = NULL;
    device->by_group = false;
}

/** Linux's number for requests without PASID is 0. */
static uint32_t pasid_of(uint32_t pasid)
{
    return pasid ? pasid : VIOMMU_NO_PASID;
}

int sim_vfio_attach(SimVfioFile *f, void *arg)
{
    size_t min = offsetof(VfioAttachPt, pasid);
    VfioAttachPt attach = { 0 };
    int ret = sim_copy_in(&attach, arg, min);

    if (ret) {
        return ret;
    }
    if (attach.argsz < min || (attach.flags & ~VFIO_ABI_PT_PASID)) {
        return -EINVAL;
    }
    if (attach.flags & VFIO_ABI_PT_PASID) {
        if (attach.argsz < sizeof(attach)) {
            return -EINVAL;
        }
        ret = sim_copy_in(&attach, arg, sizeof(attach));
    }
    if (!ret) {
        ret = sim_iommufd_attach(f->bound, pasid_of(attach.pasid),
                                 &attach.pt_id);
    }
    if (ret) {
        return ret;
    }
    ret = sim_copy_out(sim_user_at(arg, offsetof(VfioAttachPt, pt_id)),
                       &attach.pt_id, sizeof(attach.pt_id));
    if (ret) {
        sim_iommufd_detach(f->bound, pasid_of(attach.pasid));
    }
    return ret;
}

int sim_vfio_detach(SimVfioFile *f, void *arg)
{
    size_t min = offsetof(VfioDetachPt, pasid);
    VfioDetachPt detach = { 0 };
    int ret = sim_copy_in(&detach, arg, min);

    if (ret) {
        return ret;
    }
    if (detach.argsz < min || (detach.flags & ~VFIO_ABI_PT_PASID)) {
        return -EINVAL;
    }
    if (detach.flags & VFIO_ABI_PT_PASID) {
        if (detach.argsz < sizeof(detach)) {
            return -EINVAL;
        }
        ret = sim_copy_in(&detach, arg, sizeof(detach));
    }
    if (!ret) {
        sim_iommufd_detach(f->bound, pasid_of(detach.pasid));
    }
    return ret;
}
