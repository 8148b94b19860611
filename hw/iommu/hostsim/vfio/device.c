/* SPDX-License-Identifier: BSD-3-Clause */
/* A device's file: what it tells of itself, and its regions. */
#include <errno.h>
#include <string.h>

#include "hw/iommu/hostsim/vfio/chain.h"
#include "hw/iommu/hostsim/vfio/device.h"
#include "hw/iommu/hostsim/vfio/vsva.h"

/* As vfio-pci lays regions out in the file. */
#define REGION_SHIFT 40
#define REGION_MASK  ((UINT64_C(1) << REGION_SHIFT) - 1)

/* The MSI-X table, which the kernel keeps to itself. */
#define MSIX_TABLE_SIZE (SIM_VECTORS_MAX * 16)

#define COMMAND         0x04
#define COMMAND_MEMORY  0x02

static unsigned region_count(const SimDevice *device)
{
    return VFIO_ABI_REGION_NUM + (device->faults ? SIM_VSVA_REGIONS : 0);
}

static int get_info(SimDevice *device, void *arg)
{
    size_t min = offsetof(VfioDeviceInfo, cap_offset);
    VfioDeviceInfo info = { 0 };
    int ret = sim_copy_in(&info, arg, min);

    if (ret) {
        return ret;
    }
    if (info.argsz < min) {
        return -EINVAL;
    }
    info.flags = VFIO_ABI_DEVICE_FLAG_PCI | VFIO_ABI_DEVICE_FLAG_RESET;
    info.num_regions = region_count(device);
    info.num_irqs = device->faults ? SIM_IRQS : SIM_IRQ_FAULT;
    return sim_copy_out(arg, &info, MIN(info.argsz, sizeof(info)));
}

static uint64_t region_size(const SimDevice *device, unsigned index)
{
    if (index >= VFIO_ABI_REGION_NUM) {
        return index < region_count(device)
               ? sim_vsva_region_size(device, index - VFIO_ABI_REGION_NUM) : 0;
    }
    switch (index) {
    case VFIO_ABI_REGION_BAR0:
        return VIOMMU_TESTDEV_BAR0_SIZE;
    case VFIO_ABI_REGION_BAR0 + 1:
        return SIM_PAGE;
    case VFIO_ABI_REGION_CONFIG:
        return SIM_CONFIG_SIZE;
    default:
        return 0;
    }
}

static int get_region_info(SimDevice *device, void *arg)
{
    VfioRegionInfo info;
    int ret = sim_copy_in(&info, arg, sizeof(info));

    if (ret) {
        return ret;
    }
    if (info.argsz < sizeof(info) || info.index >= region_count(device) ||
        info.index == VFIO_ABI_REGION_VGA) {
        return -EINVAL;
    }
    info.size = region_size(device, info.index);
    info.offset = (uint64_t)info.index << REGION_SHIFT;
    info.flags = info.size ? VFIO_ABI_REGION_READ | VFIO_ABI_REGION_WRITE : 0;
    if (info.index >= VFIO_ABI_REGION_NUM) {
        GByteArray *chain;

        if (!sim_may_allocate(device->sim, SIM_PAGE)) {
            return -ENOMEM;
        }
        chain = g_byte_array_new();

        info.flags |= VFIO_ABI_REGION_MMAP | VFIO_ABI_REGION_CAPS;
        sim_vsva_region_caps(device, info.index - VFIO_ABI_REGION_NUM, chain);
        ret = sim_chain_out(chain, arg, sizeof(info), &info.argsz,
                            &info.cap_offset);
    }
    return ret ? ret : sim_copy_out(arg, &info, sizeof(info));
}

static int device_ioctl(SimFile *file, unsigned long request, void *arg)
{
    SimVfioFile *f = file->priv;
    SimDevice *device = f->device;

    if (device->gone) {
        return -ENODEV;
    }
    if (request == VFIO_ABI_DEVICE_BIND_IOMMUFD) {
        return sim_vfio_bind(f, arg);
    }
    if (!f->granted) {
        return -EINVAL;
    }
    switch (request) {
    case VFIO_ABI_DEVICE_ATTACH_PT:
        return f->by_group ? -ENOTTY : sim_vfio_attach(f, arg);
    case VFIO_ABI_DEVICE_DETACH_PT:
        return f->by_group ? -ENOTTY : sim_vfio_detach(f, arg);
    case VFIO_ABI_DEVICE_GET_INFO:
        return get_info(device, arg);
    case VFIO_ABI_DEVICE_GET_REGION_INFO:
        return get_region_info(device, arg);
    case VFIO_ABI_DEVICE_GET_IRQ_INFO:
        return sim_vfio_irq_info(device, arg);
    case VFIO_ABI_DEVICE_SET_IRQS:
        return sim_vfio_set_irqs(device, arg);
    case VFIO_ABI_DEVICE_RESET:
        return sim_vfio_reset(device);
    case VFIO_ABI_DEVICE_GET_HOT_RESET_INFO:
        return sim_vfio_hot_reset_info(f, arg);
    case VFIO_ABI_DEVICE_HOT_RESET:
        return sim_vfio_hot_reset(f, arg);
    case VFIO_ABI_DEVICE_IOEVENTFD:
        return sim_vfio_ioeventfd(device, arg);
    case VFIO_ABI_DEVICE_FEATURE:
        return sim_vfio_feature(device, arg);
    default:
        return -ENOTTY;
    }
}

/* --- Regions ------------------------------------------------------------- */

/** How much of an access goes to the device at once. */
static unsigned width_at(uint64_t offset, size_t size)
{
    unsigned width = 8;

    while (width > size || offset % width) {
        width /= 2;
    }
    return width;
}

/** BAR 0: the endpoint's registers, without Hostsim.lock, as their commands
 *  may take long. */
static ssize_t bar0_access(SimDevice *device, void *user, size_t size,
                           uint64_t offset, bool write)
{
    size_t done = 0;
    int ret = 0;

    sim_unlock(device->sim);
    while (!ret && done < size) {
        unsigned width = width_at(offset + done, size - done);
        void *at = sim_user_at(user, done);
        uint64_t value = 0;

        if (write) {
            ret = sim_copy_in(&value, at, width);
            if (!ret) {
                sim_endpoint_write(device, offset + done,
                                   GUINT64_FROM_LE(value), width);
            }
        } else {
            value = GUINT64_TO_LE(sim_endpoint_read(device, offset + done,
                                                    width));
            ret = sim_copy_out(at, &value, width);
        }
        done += width;
    }
    sim_lock(device->sim);
    return ret ? ret : (ssize_t)size;
}

static ssize_t bar1_access(SimDevice *device, void *user, size_t size,
                           uint64_t offset, bool write)
{
    int ret = 0;

    for (size_t i = 0; !ret && i < size; i++) {
        void *at = sim_user_at(user, i);
        uint8_t value = 0xff;

        if (offset + i >= MSIX_TABLE_SIZE) {
            value = device->bar1[offset + i];
        }
        /* the table and the pending bits are not for the user to write */
        ret = write ? sim_copy_in(&value, at, 1)
                    : sim_copy_out(at, &value, 1);
    }
    return ret ? ret : (ssize_t)size;
}

static ssize_t config_access(SimDevice *device, void *user, size_t size,
                             uint64_t offset, bool write)
{
    int ret = 0;

    if (offset >= SIM_CONFIG_SIZE || size > SIM_CONFIG_SIZE - offset) {
        return -EFAULT;
    }
    for (size_t done = 0; !ret && done < size; ) {
        unsigned width = MIN(width_at(offset + done, size - done), 4);
        void *at = sim_user_at(user, done);
        uint8_t bytes[4];

        if (write) {
            ret = sim_copy_in(bytes, at, width);
            if (!ret) {
                sim_config_write(device, offset + done, bytes, width);
            }
        } else {
            sim_config_read(device, offset + done, bytes, width);
            ret = sim_copy_out(at, bytes, width);
        }
        done += width;
    }
    return ret ? ret : (ssize_t)size;
}

static ssize_t vsva_access(SimDevice *device, unsigned region, void *user,
                           size_t size, uint64_t offset, bool write)
{
    return write ? sim_vsva_region_write(device, region, user, size, offset)
                 : sim_vsva_region_read(device, region, user, size, offset);
}

static ssize_t region_access(SimVfioFile *f, void *user, size_t size,
                             uint64_t offset, bool write)
{
    SimDevice *device = f->device;
    unsigned index = offset >> REGION_SHIFT;
    uint64_t end = region_size(device, index);

    offset &= REGION_MASK;
    if (device->gone) {
        return -ENODEV;
    }
    if (!f->granted) {
        return -EINVAL;
    }
    if (!size) {
        return 0;
    }
    if (index == VFIO_ABI_REGION_CONFIG) {
        return config_access(device, user, size, offset, write);
    }
    if (offset >= end) {
        return -EINVAL;
    }
    if (index >= VFIO_ABI_REGION_NUM) {
        return vsva_access(device, index - VFIO_ABI_REGION_NUM, user, size,
                           offset, write);
    }
    if (!(device->config[COMMAND] & COMMAND_MEMORY) ||
        sim_config_is_asleep(device)) {
        return -EIO;
    }
    size = MIN(size, end - offset);
    return index == VFIO_ABI_REGION_BAR0
           ? bar0_access(device, user, size, offset, write)
           : bar1_access(device, user, size, offset, write);
}

static ssize_t device_pread(SimFile *file, void *buf, size_t size,
                            uint64_t offset)
{
    return region_access(file->priv, buf, size, offset, false);
}

/** True when an ioeventfd stands for this write. */
static ssize_t device_pwrite(SimFile *file, const void *buf, size_t size,
                             uint64_t offset)
{
    return region_access(file->priv, (void *)(uintptr_t)buf, size, offset,
                         true);
}

static int device_mmap(SimFile *file, void **map, size_t size, int prot,
                       int flags, uint64_t offset)
{
    SimVfioFile *f = file->priv;
    SimDevice *device = f->device;
    unsigned index = offset >> REGION_SHIFT;

    if (device->gone) {
        return -ENODEV;
    }
    /* nothing of the endpoint is memory */
    return f->granted && index >= VFIO_ABI_REGION_NUM &&
           index < region_count(device)
           ? sim_vsva_region_mmap(device, index - VFIO_ABI_REGION_NUM, map,
                                  size, prot, flags, offset & REGION_MASK)
           : -EINVAL;
}

static void device_release(SimFile *file)
{
    SimVfioFile *f = file->priv;

    if (f->bound) {
        sim_vfio_unbind(f);
    }
    if (f->by_group) {
        if (f->device->opens == 1) {
            sim_vsva_faults_close(f->device);
        }
        sim_vfio_unuse(f->device);
    }
    if (f->by_group && !f->device->opens && f->device->by_group) {
        sim_vfio_unbind_compat(f->device);
    }
    if (f->group) {
        sim_group_unuse(f->group);
    }
    g_free(f);
}

static const SimFileOps device_ops = {
    .name = "vfio-device",
    .ioctl = device_ioctl,
    .pread = device_pread,
    .pwrite = device_pwrite,
    .mmap = device_mmap,
    .release = device_release,
};

int sim_vfio_device_open(SimDevice *device, SimGroup *group, SimFile **file)
{
    SimVfioFile *f = sim_alloc(device->sim, sizeof(*f));
    int ret = 0;

    *file = f ? sim_file_new(device->sim, &device_ops, f) : NULL;
    if (!*file) {
        ret = -ENOMEM;
    } else if (group && !device->opens) {
        ret = group->iommufd ? sim_vfio_bind_compat(device, group->iommufd) :
              sim_vsva_of(device) && sim_vsva_faults_open(device) ? -ENOMEM
                                                                  : 0;
    }
    if (ret) {
        sim_file_discard(*file);
        g_free(f);
        return ret;
    }
    if (group) {
        sim_vfio_use(device);
    }
    f->device = device;
    f->by_group = f->granted = group != NULL;
    if (group && group->container) {
        /* an iommufd keeps itself */
        f->group = group;
        sim_group_use(group);
    }
    return 0;
}

int sim_open_device(Hostsim *sim, unsigned number, SimFile **file)
{
    SimDevice *device = sim_device_by_number(sim, number);

    return device ? sim_vfio_device_open(device, NULL, file) : -ENOENT;
}
