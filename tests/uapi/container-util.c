/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "tests/uapi/container.h"

bool have_group(Uapi *u)
{
    if (!u->group[0]) {
        uapi_skip(u, "no group of VFIO");
    }
    return u->group[0];
}

uint32_t group_flags(Uapi *u, int group)
{
    VfioGroupStatus status = { .argsz = sizeof(status) };

    uapi_expect(u, uapi_ioctl(u, group, VFIO_ABI_GROUP_GET_STATUS, &status),
                0, "GET_STATUS");
    return status.flags;
}

int group_set(Uapi *u, int group, int32_t fd)
{
    return uapi_ioctl(u, group, VFIO_ABI_GROUP_SET_CONTAINER, &fd);
}

int group_device(const Container *c, const char *name)
{
    return uapi_ioctl(c->u, c->group, VFIO_ABI_GROUP_GET_DEVICE_FD,
                      (void *)(uintptr_t)name);
}

bool container_open(Uapi *u, Container *c, unsigned long type)
{
    unsigned before = u->failures;

    c->u = u;
    c->device = -1;
    c->fd = uapi_open(u, "/dev/vfio/vfio");
    c->group = uapi_open(u, u->group[0]);
    uapi_check(u, c->fd >= 0, "/dev/vfio/vfio: %s", strerror(-c->fd));
    uapi_check(u, c->group >= 0, "%s: %s", u->group[0], strerror(-c->group));
    uapi_expect(u, group_set(u, c->group, c->fd), 0, "SET_CONTAINER");
    if (type) {
        uapi_expect(u, uapi_ioctl(u, c->fd, VFIO_ABI_SET_IOMMU,
                                  (void *)(uintptr_t)type), 0,
                    "SET_IOMMU %lu", type);
    }
    if (u->failures != before) {
        container_close(c);
        return false;
    }
    return true;
}

bool container_open_device(Uapi *u, Container *c, unsigned long type)
{
    if (!container_open(u, c, type)) {
        return false;
    }
    c->device = group_device(c, u->name[0]);
    uapi_check(u, c->device >= 0, "GET_DEVICE_FD: %s",
               strerror(-c->device));
    if (c->device < 0) {
        container_close(c);
    }
    return c->device >= 0;
}

static void close_one(Uapi *u, int *fd)
{
    if (*fd >= 0) {
        uapi_close(u, *fd);
        *fd = -1;
    }
}

void container_close(Container *c)
{
    close_one(c->u, &c->device);
    close_one(c->u, &c->group);
    close_one(c->u, &c->fd);
}

void container_close_in_order(Container *c, unsigned order, bool group_stays)
{
    static const unsigned orders[CONTAINER_ORDERS][3] = {
        { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
        { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
    };
    VfioDeviceInfo info = { .argsz = sizeof(info) };
    int *fd[] = { &c->fd, &c->group, &c->device };
    Uapi *u = c->u;

    for (unsigned k = 0; k < 3; k++) {
        close_one(u, fd[orders[order][k]]);
        if (c->device < 0) {
            continue;
        }
        uapi_expect(u, uapi_ioctl(u, c->device, VFIO_ABI_DEVICE_GET_INFO,
                                  &info), 0, "GET_INFO, order %u.%u", order,
                    k);
        if (group_stays) {
            uapi_expect(u, uapi_open(u, u->group[0]), -EBUSY,
                        "the group, order %u.%u", order, k);
        }
    }
}

void container_try_map(const Container *c, const ContainerMap *m,
                       const void *memory)
{
    struct {
        VfioDmaMap map;
        uint64_t newer;
    } arg = {
        .map = {
            .argsz = m->argsz, .flags = m->flags, .iova = m->iova,
            .vaddr = (uintptr_t)memory + m->vaddr, .size = m->size,
        },
        .newer = UINT64_MAX,
    };

    uapi_expect(c->u, uapi_ioctl(c->u, c->fd, VFIO_ABI_MAP_DMA, &arg),
                m->want, "%s", m->what);
}

int container_map(const Container *c, uint64_t iova, const void *memory,
                  uint64_t size)
{
    VfioDmaMap map = {
        .argsz = sizeof(map),
        .flags = VFIO_ABI_MAP_READ | VFIO_ABI_MAP_WRITE,
        .vaddr = (uintptr_t)memory,
        .iova = iova,
        .size = size,
    };

    return uapi_ioctl(c->u, c->fd, VFIO_ABI_MAP_DMA, &map);
}

int container_unmap(const Container *c, uint64_t iova, uint64_t *size)
{
    VfioDmaUnmap unmap = {
        .argsz = sizeof(unmap), .iova = iova, .size = *size,
    };
    int ret = uapi_ioctl(c->u, c->fd, VFIO_ABI_UNMAP_DMA, &unmap);

    *size = unmap.size;
    return ret;
}
