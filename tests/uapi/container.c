/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/vfio/vfio and groups: who is in what, and in which order it ends. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/uapi/container.h"

static void test_version(Uapi *u)
{
    int fd = uapi_open(u, "/dev/vfio/vfio");

    if (!have_group(u)) {
        return;
    }
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_GET_API_VERSION, NULL),
                VFIO_ABI_VERSION, "GET_API_VERSION");
    uapi_close(u, fd);
}

static int check_extension(Uapi *u, int fd, uintptr_t extension)
{
    return uapi_ioctl(u, fd, VFIO_ABI_CHECK_EXTENSION, (void *)extension);
}

static void test_extensions(Uapi *u)
{
    Container c;
    int fd;

    if (!have_group(u)) {
        return;
    }
    fd = uapi_open(u, "/dev/vfio/vfio");
    uapi_expect(u, check_extension(u, fd, VFIO_ABI_TYPE1), 1, "type1");
    uapi_expect(u, check_extension(u, fd, VFIO_ABI_TYPE1V2), 1, "type1v2");
    uapi_expect(u, check_extension(u, fd, VFIO_ABI_TYPE1_NESTING),
                u->vsva != UAPI_NO_VSVA, "nesting");
    uapi_expect(u, check_extension(u, fd, VFIO_ABI_UNMAP_ALL), 1, "unmap all");
    uapi_expect(u, check_extension(u, fd, VFIO_ABI_DMA_CC), 0,
                "coherent, without an IOMMU");
    uapi_expect(u, check_extension(u, fd, 2), 0, "SPAPR");
    uapi_expect(u, check_extension(u, fd, 12345), 0, "an unknown one");
    uapi_close(u, fd);
    if (container_open(u, &c, VFIO_ABI_TYPE1V2)) {
        /* can it be made coherent whatever a device asks for? */
        uapi_check(u, (unsigned)check_extension(u, c.fd, VFIO_ABI_DMA_CC) <=
                   1, "coherent: neither 0 nor 1");
        container_close(&c);
    }
}

static void test_status(Uapi *u)
{
    VfioGroupStatus status = { .argsz = sizeof(status) - 1 };
    Container c;

    if (!have_group(u) || !container_open(u, &c, 0)) {
        return;
    }
    uapi_expect(u, group_flags(u, c.group),
                VFIO_ABI_GROUP_VIABLE | VFIO_ABI_GROUP_CONTAINER_SET,
                "flags in a container");
    uapi_expect(u, uapi_ioctl(u, c.group, VFIO_ABI_GROUP_UNSET_CONTAINER,
                              NULL), 0, "UNSET_CONTAINER");
    uapi_expect(u, group_flags(u, c.group), VFIO_ABI_GROUP_VIABLE,
                "flags outside");
    uapi_expect(u, uapi_ioctl(u, c.group, VFIO_ABI_GROUP_UNSET_CONTAINER,
                              NULL), -EINVAL, "UNSET_CONTAINER again");
    uapi_expect(u, uapi_ioctl(u, c.group, VFIO_ABI_GROUP_GET_STATUS, &status),
                -EINVAL, "GET_STATUS with little room");
    uapi_expect(u, uapi_ioctl(u, c.group, VFIO_ABI_GROUP_GET_STATUS, NULL),
                -EFAULT, "GET_STATUS without memory");
    uapi_expect(u, uapi_ioctl(u, c.group, VFIO_ABI_MAP_DMA, &status), -ENOTTY,
                "a container's ioctl");
    container_close(&c);
}

static void test_set_container(Uapi *u)
{
    Container c;
    int second;

    if (!have_group(u) || !container_open(u, &c, 0)) {
        return;
    }
    uapi_expect(u, uapi_open(u, u->group[0]), -EBUSY, "a group opened twice");
    uapi_expect(u, group_set(u, c.group, c.fd), -EINVAL, "set twice");
    second = uapi_open(u, u->group[1]);
    uapi_check(u, second >= 0, "%s: %s", u->group[1], strerror(-second));
    uapi_expect(u, group_set(u, second, -1), -EBADF, "no descriptor");
    uapi_expect(u, group_set(u, second, c.group), -EBADFD, "no container");
    uapi_expect(u, group_set(u, second, c.fd), 0, "a second group");
    uapi_close(u, second);
    container_close(&c);
}

static int set_iommu(const Container *c, uintptr_t type)
{
    return uapi_ioctl(c->u, c->fd, VFIO_ABI_SET_IOMMU, (void *)type);
}

static void test_set_iommu(Uapi *u)
{
    VfioDmaMap map = { .argsz = sizeof(map) };
    Container c = { .u = u };

    if (!have_group(u)) {
        return;
    }
    c.fd = uapi_open(u, "/dev/vfio/vfio");
    uapi_expect(u, set_iommu(&c, VFIO_ABI_TYPE1), -EINVAL, "without a group");
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_MAP_DMA, &map), -EINVAL,
                "MAP_DMA without a type");
    uapi_close(u, c.fd);
    if (!container_open(u, &c, 0)) {
        return;
    }
    uapi_expect(u, set_iommu(&c, 2), -ENODEV, "SPAPR");
    uapi_expect(u, set_iommu(&c, 77), -ENODEV, "an unknown type");
    if (u->vsva == UAPI_NO_VSVA) {
        uapi_expect(u, set_iommu(&c, VFIO_ABI_TYPE1_NESTING), -ENODEV,
                    "nesting");
    }
    uapi_expect(u, set_iommu(&c, VFIO_ABI_TYPE1V2), 0, "type1v2");
    uapi_expect(u, set_iommu(&c, VFIO_ABI_TYPE1V2), -EINVAL, "again");
    /* the last group takes the type with it */
    uapi_expect(u, uapi_ioctl(u, c.group, VFIO_ABI_GROUP_UNSET_CONTAINER,
                              NULL), 0, "UNSET_CONTAINER");
    uapi_expect(u, group_set(u, c.group, c.fd), 0, "back");
    uapi_expect(u, set_iommu(&c, VFIO_ABI_TYPE1), 0, "another type");
    uapi_expect(u, uapi_ioctl(u, c.fd, _IO(';', 200), NULL), -ENOTTY,
                "an unknown ioctl");
    container_close(&c);
}

static void test_device_fd(Uapi *u)
{
    char *endless;
    Container c;

    if (!have_group(u) || !container_open(u, &c, 0)) {
        return;
    }
    uapi_expect(u, group_device(&c, u->name[0]), -EINVAL, "without a type");
    uapi_expect(u, set_iommu(&c, VFIO_ABI_TYPE1V2), 0, "SET_IOMMU");
    uapi_expect(u, group_device(&c, "0000:ff:1f.7"), -ENODEV, "no such device");
    uapi_expect(u, group_device(&c, u->name[1]), -ENODEV, "another group's");
    uapi_expect(u, group_device(&c, NULL), -EFAULT, "no name");
    endless = uapi_memory(2 * PAGE);
    memset(endless, 'x', 2 * PAGE);
    uapi_expect(u, group_device(&c, endless), -EINVAL, "an endless name");
    uapi_memory_free(endless, 2 * PAGE);
    c.device = group_device(&c, u->name[0]);
    uapi_check(u, c.device >= 0, "GET_DEVICE_FD: %s", strerror(-c.device));
    uapi_expect(u, uapi_ioctl(u, c.group, VFIO_ABI_GROUP_UNSET_CONTAINER,
                              NULL), -EBUSY, "the device is in use");
    uapi_expect(u, uapi_ioctl(u, c.device, VFIO_ABI_DEVICE_BIND_IOMMUFD,
                              &(VfioBindIommufd){ .argsz = 16 }), -EINVAL,
                "BIND_IOMMUFD of a group's file");
    container_close(&c);
}

/** The device's own file, and the group's. */
static void test_either_file(Uapi *u)
{
    VfioBindIommufd bind = { .argsz = 16 };
    Container c;
    int fd;

    if (!have_group(u) || !u->device[0]) {
        return;
    }
    bind.iommufd = uapi_iommu(u);
    if (!container_open(u, &c, 0)) {
        return;
    }
    fd = uapi_open(u, u->device[0]);
    uapi_check(u, fd >= 0, "%s: %s", u->device[0], strerror(-fd));
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_DEVICE_BIND_IOMMUFD, &bind),
                -EBUSY, "the group is open");
    container_close(&c);
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_DEVICE_BIND_IOMMUFD, &bind), 0,
                "the group is closed");
    uapi_expect(u, uapi_open(u, u->group[0]), -EBUSY, "the device is bound");
    uapi_close(u, fd);
    uapi_close(u, bind.iommufd);
}

/** Files may be closed in any order; what they stand for ends with the last
 *  one that needs it. */
static void test_order(Uapi *u)
{
    if (!have_group(u)) {
        return;
    }
    for (unsigned i = 0; i < CONTAINER_ORDERS; i++) {
        void *memory = uapi_memory(PAGE);
        Container c;

        if (!container_open_device(u, &c, VFIO_ABI_TYPE1V2)) {
            return;
        }
        uapi_expect(u, container_map(&c, 0x10000, memory, PAGE), 0,
                    "MAP_DMA");
        container_close_in_order(&c, i, true);
        uapi_memory_free(memory, PAGE);
    }
}

/** With the files of the groups that are reset. */
static void test_hot_reset(Uapi *u)
{
    /* a VfioHotReset with two groups; a VfioHotResetInfo with room */
    int32_t reset[5] = { sizeof(reset), 0, 1 };
    uint32_t info[3 + 2 * 64] = { sizeof(info) };
    int other = eventfd(0, 0);
    Container c;
    int ret;

    if (!container_open_device(u, &c, VFIO_ABI_TYPE1V2)) {
        close(other);
        return;
    }
    ret = uapi_ioctl(u, c.device, VFIO_ABI_DEVICE_GET_HOT_RESET_INFO, info);
    if (ret == -ENODEV) {
        uapi_skip(u, "a bus that cannot be reset");
        container_close(&c);
        close(other);
        return;
    }
    uapi_expect(u, ret, 0, "what is reset");
    uapi_expect(u, info[1], 0, "it is told by groups");
    reset[3] = c.group;
    if (info[2] == 1) {
        uapi_expect(u, uapi_ioctl(u, c.device, VFIO_ABI_DEVICE_HOT_RESET,
                                  reset), 0, "the device's group");
    }
    reset[2] = 0;
    uapi_expect(u, uapi_ioctl(u, c.device, VFIO_ABI_DEVICE_HOT_RESET, reset),
                -EINVAL, "no group");
    reset[2] = info[2] + 1;
    uapi_expect(u, uapi_ioctl(u, c.device, VFIO_ABI_DEVICE_HOT_RESET, reset),
                -EINVAL, "more groups than devices");
    reset[2] = 1;
    reset[3] = other;
    uapi_expect(u, uapi_ioctl(u, c.device, VFIO_ABI_DEVICE_HOT_RESET, reset),
                -EINVAL, "another file");
    reset[3] = 1000000;
    uapi_expect(u, uapi_ioctl(u, c.device, VFIO_ABI_DEVICE_HOT_RESET, reset),
                -EBADF, "a closed descriptor");
    container_close(&c);
    close(other);
}

const UapiTest uapi_container_tests[] = {
    { "container: version", test_version },
    { "container: extensions", test_extensions },
    { "group: status", test_status },
    { "group: into a container, and out", test_set_container },
    { "container: types", test_set_iommu },
    { "group: devices", test_device_fd },
    { "group: or the device's own file", test_either_file },
    { "group: hot reset", test_hot_reset },
    { "container, group, device: closed in any order", test_order },
    { NULL, NULL },
};
