/* SPDX-License-Identifier: BSD-3-Clause */
/* Eventfds that stand for a write to a device, and features. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hw/iommu/host/abi/vfio.h"
#include "hw/iommu/hostsim/vfio/device.h"

#define IOEVENTFDS_MAX 1000

static void count(Hostsim *sim, unsigned more)
{
    __atomic_fetch_add(&sim->n_ioeventfds, more, __ATOMIC_RELAXED);
}

void sim_ioeventfds_free(SimDevice *device)
{
    for (guint i = 0; i < device->ioeventfds->len; i++) {
        close(g_array_index(device->ioeventfds, SimIoeventfd, i).fd);
    }
    count(device->sim, -device->ioeventfds->len);
    g_array_set_size(device->ioeventfds, 0);
}

/*
 * The kernel makes the write when the eventfd is signalled.  Here that is
 * found out at the end of a system call.
 */
void sim_ioeventfds_run(SimDevice *device)
{
    for (guint i = 0; i < device->ioeventfds->len; i++) {
        const SimIoeventfd *e = &g_array_index(device->ioeventfds,
                                               SimIoeventfd, i);
        struct pollfd ready = { .fd = e->fd, .events = POLLIN };
        eventfd_t value;

        if (poll(&ready, 1, 0) == 1 && !eventfd_read(e->fd, &value)) {
            sim_endpoint_write(device, e->offset, e->data, e->size);
        }
    }
}

static int find(const SimDevice *device, const SimIoeventfd *wanted)
{
    for (guint i = 0; i < device->ioeventfds->len; i++) {
        const SimIoeventfd *e = &g_array_index(device->ioeventfds,
                                               SimIoeventfd, i);

        if (e->offset == wanted->offset && e->data == wanted->data &&
            e->size == wanted->size) {
            return i;
        }
    }
    return -1;
}

static int ioeventfd(SimDevice *device, SimIoeventfd *e, int fd)
{
    int at = find(device, e);

    if (fd < 0) {
        if (at < 0) {
            return -ENODEV;
        }
        close(g_array_index(device->ioeventfds, SimIoeventfd, at).fd);
        g_array_remove_index(device->ioeventfds, at);
        count(device->sim, -1u);
        return 0;
    }
    if (at >= 0) {
        return -EEXIST;
    }
    if (device->ioeventfds->len >= IOEVENTFDS_MAX) {
        return -ENOSPC;
    }
    if (!sim_may_allocate(device->sim, sizeof(*e))) {
        return -ENOMEM;
    }
    e->fd = sim_eventfd_get(device->sim, fd);
    if (e->fd < 0) {
        return e->fd;
    }
    g_array_append_val(device->ioeventfds, *e);
    count(device->sim, 1);
    return 0;
}

int sim_vfio_ioeventfd(SimDevice *device, void *arg)
{
    size_t min = offsetof(VfioIoeventfd, reserved);
    VfioIoeventfd io = { 0 };
    SimIoeventfd e;
    int ret = sim_copy_in(&io, arg, min);

    if (ret) {
        return ret;
    }
    e = (SimIoeventfd) {
        .offset = io.offset, .data = io.data,
        .size = io.flags & VFIO_ABI_IOEVENTFD_SIZE_MASK,
    };
    if (io.argsz < min || (io.flags & ~VFIO_ABI_IOEVENTFD_SIZE_MASK) ||
        !e.size || (e.size & (e.size - 1)) || io.fd < -1) {
        return -EINVAL;
    }
    /* only registers of BARs; the MSI-X table is the kernel's */
    if (io.offset >> 40) {
        return -EINVAL;
    }
    if (e.offset >= VIOMMU_TESTDEV_BAR0_SIZE ||
        e.size > VIOMMU_TESTDEV_BAR0_SIZE - e.offset) {
        return -EINVAL;
    }
    return ioeventfd(device, &e, io.fd);
}

int sim_vfio_feature(SimDevice *device, void *arg)
{
    const uint32_t both = VFIO_ABI_FEATURE_GET | VFIO_ABI_FEATURE_SET;
    VfioDeviceFeature feature;
    int ret = sim_copy_in(&feature, arg, sizeof(feature));

    (void)device;
    if (ret) {
        return ret;
    }
    if (feature.argsz < sizeof(feature) ||
        (feature.flags & ~(VFIO_ABI_FEATURE_MASK | both |
                           VFIO_ABI_FEATURE_PROBE)) ||
        (!(feature.flags & VFIO_ABI_FEATURE_PROBE) &&
         (feature.flags & both) == both)) {
        return -EINVAL;
    }
    /* no migration, no low power, no tokens: none that vfio-pci would have
     * for this device */
    return -ENOTTY;
}
