/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/iommu in the place of a container: type1's ioctls on one of its address
 * spaces, and groups that are put into it. */
#include <errno.h>
#include <string.h>

#include "tests/uapi/container.h"

#define IOVA UINT64_C(0x100000)

static int extension(Uapi *u, int fd, uintptr_t number)
{
    return uapi_ioctl(u, fd, VFIO_ABI_CHECK_EXTENSION, (void *)number);
}

static int set_iommu(Uapi *u, int fd, uintptr_t type)
{
    return uapi_ioctl(u, fd, VFIO_ABI_SET_IOMMU, (void *)type);
}

/** The address space of the ioctls is this one: of @op GET, it is returned. */
static uint32_t vfio_ioas(Uapi *u, int fd, uint16_t op, uint32_t id)
{
    IommufdVfioIoas cmd = { .size = sizeof(cmd), .op = op, .ioas_id = id };

    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VFIO_IOAS, &cmd), 0,
                "VFIO_IOAS %u", op);
    return cmd.ioas_id;
}

/** A container that is /dev/iommu with an address space for it. */
static uint32_t open_compat(Uapi *u, Container *c)
{
    uint32_t ioas;

    *c = (Container) { .u = u, .fd = uapi_iommu(u), .group = -1,
                       .device = -1 };
    ioas = uapi_ioas(u, c->fd);
    vfio_ioas(u, c->fd, IOMMUFD_VFIO_IOAS_SET, ioas);
    return ioas;
}

static void test_without(Uapi *u)
{
    VfioIommuInfo info = { .argsz = sizeof(info) };
    VfioDmaMap map = { .argsz = sizeof(map), .flags = VFIO_ABI_MAP_READ };
    VfioDmaUnmap unmap = { .argsz = sizeof(unmap) };
    VfioDirtyBitmap dirty = { .argsz = sizeof(dirty) };
    int fd = uapi_iommu(u);

    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_GET_API_VERSION, NULL),
                VFIO_ABI_VERSION, "GET_API_VERSION");
    uapi_expect(u, extension(u, fd, VFIO_ABI_TYPE1), 1, "type1");
    uapi_expect(u, extension(u, fd, VFIO_ABI_TYPE1V2), 1, "type1v2");
    uapi_expect(u, extension(u, fd, VFIO_ABI_UNMAP_ALL), 1, "unmap all");
    uapi_expect(u, extension(u, fd, VFIO_ABI_TYPE1_NESTING), 0, "nesting");
    uapi_expect(u, extension(u, fd, VFIO_ABI_UPDATE_VADDR), 0,
                "other addresses of the process's");
    uapi_expect(u, extension(u, fd, 12345), 0, "an unknown one");
    uapi_expect(u, extension(u, fd, VFIO_ABI_DMA_CC), -ENODEV, "coherent");
    uapi_expect(u, set_iommu(u, fd, VFIO_ABI_TYPE1V2), -ENODEV, "type1v2");
    uapi_expect(u, set_iommu(u, fd, VFIO_ABI_TYPE1_NESTING), -EINVAL,
                "nesting");
    uapi_expect(u, set_iommu(u, fd, 77), -EINVAL, "an unknown type");
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_IOMMU_GET_INFO, &info), -ENODEV,
                "GET_INFO");
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_MAP_DMA, &map), -ENODEV,
                "MAP_DMA");
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_UNMAP_DMA, &unmap), -ENODEV,
                "UNMAP_DMA");
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_MAP_DMA, NULL), -EFAULT,
                "MAP_DMA of nothing");
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_UNMAP_DMA, NULL), -EFAULT,
                "UNMAP_DMA of nothing");
    uapi_expect(u, uapi_ioctl(u, fd, VFIO_ABI_DIRTY_PAGES, &dirty), -ENOTTY,
                "DIRTY_PAGES");
    uapi_close(u, fd);
}

/* --- Mappings ------------------------------------------------------------ */

/* two pages at IOVA are mapped */
static const ContainerMap map_cases[] = {
    { "little room", MAP_SIZE - 1, MAP_RW, 0, 0x1000, PAGE, -EINVAL },
    { "more room", MAP_SIZE + 8, MAP_RW, 0, 0x1000, PAGE, 0 },
    { "an unknown flag", MAP_SIZE, MAP_RW | 8, 0, 0x1000, PAGE, -EINVAL },
    { "another address", MAP_SIZE, VFIO_ABI_MAP_VADDR, 0, IOVA, 2 * PAGE,
      -EINVAL },
    { "no access", MAP_SIZE, 0, 0, 0x1000, PAGE, 0 },
    { "nothing", MAP_SIZE, MAP_RW, 0, 0x1000, 0, -EINVAL },
    /* nothing is in an IOMMU's tables yet */
    { "half a page", MAP_SIZE, MAP_RW, 0, 0x1800, PAGE / 2, 0 },
    { "the end of addresses", MAP_SIZE, MAP_RW, 0, UINT64_MAX - PAGE + 1,
      2 * PAGE, -EOVERFLOW },
    { "its end", MAP_SIZE, MAP_RW, 0, IOVA + PAGE, 2 * PAGE, -EEXIST },
    { "behind it", MAP_SIZE, MAP_RW, 0, IOVA + 2 * PAGE, PAGE, 0 },
};

static void test_map(Uapi *u)
{
    uint8_t *memory = uapi_memory(2 * PAGE);
    Container c;

    open_compat(u, &c);
    uapi_expect(u, set_iommu(u, c.fd, VFIO_ABI_TYPE1V2), 0, "SET_IOMMU");
    uapi_expect(u, set_iommu(u, c.fd, VFIO_ABI_TYPE1V2), 0, "and again");
    uapi_check(u, (unsigned)extension(u, c.fd, VFIO_ABI_DMA_CC) <= 1,
               "coherent: neither 0 nor 1");
    uapi_expect(u, container_map(&c, IOVA, memory, 2 * PAGE), 0, "MAP_DMA");
    for (size_t i = 0; i < sizeof(map_cases) / sizeof(map_cases[0]); i++) {
        const ContainerMap *m = &map_cases[i];
        uint64_t size = m->size;

        container_try_map(&c, m, memory);
        if (!m->want) {
            uapi_expect(u, container_unmap(&c, m->iova, &size), 0,
                        "unmap after: %s", m->what);
            uapi_expect(u, size, m->size, "its size: %s", m->what);
        }
    }
    container_close(&c);
    uapi_memory_free(memory, 2 * PAGE);
}

static int unmap(const Container *c, uint32_t flags, uint64_t iova,
                 uint64_t *size)
{
    VfioDmaUnmap arg = {
        .argsz = sizeof(arg), .flags = flags, .iova = iova, .size = *size,
    };
    int ret = uapi_ioctl(c->u, c->fd, VFIO_ABI_UNMAP_DMA, &arg);

    *size = arg.size;
    return ret;
}

typedef struct UnmapCase {
    const char *what;
    uint32_t flags;
    uint64_t iova, size;
    int want;
    uint64_t unmapped;
} UnmapCase;

/* 0x1000 .. 0x3fff and 0x8000 .. 0x8fff are mapped */
static const UnmapCase v2_cases[] = {
    { "the first one", 0, 0x1000, 0x3000, 0, 0x3000 },
    { "both, and more", 0, 0, 0x10000, 0, 0x4000 },
    { "a hole", 0, 0x5000, 0x1000, 0, 0 },
    { "its middle", 0, 0x2000, 0x1000, -ENOENT, 0 },
    { "its start", 0, 0x1000, 0x1000, -ENOENT, 0 },
    /* what comes first is gone then */
    { "it, and half of the other", 0, 0x1000, 0x7800, -ENOENT, 0x3000 },
    { "nothing", 0, 0x1000, 0, -EINVAL, 0 },
    { "beyond the end", 0, UINT64_MAX - 0xfff, 0x2000, -EOVERFLOW, 0 },
    { "an unknown flag", 8, 0x1000, 0x3000, -EINVAL, 0x3000 },
    { "dirty pages", VFIO_ABI_UNMAP_GET_DIRTY_BITMAP, 0x1000, 0x3000, -EINVAL,
      0x3000 },
    { "another address", VFIO_ABI_UNMAP_VADDR, 0x1000, 0x3000, -EINVAL,
      0x3000 },
    { "all", VFIO_ABI_UNMAP_ALL_FLAG, 0, 0, 0, 0x4000 },
    { "all, and an address", VFIO_ABI_UNMAP_ALL_FLAG, 0x1000, 0, -EINVAL, 0 },
};

/* with the old type, mappings are cut */
static const UnmapCase v1_cases[] = {
    { "its middle", 0, 0x2000, 0x1000, 0, 0x1000 },
    { "its start", 0, 0x1000, 0x1000, 0, 0x1000 },
    { "its end, and more", 0, 0x3000, 0x2000, 0, 0x1000 },
    { "within a page", 0, 0x1800, 0x1000, -EINVAL, 0x1000 },
    { "the first page that there is", 0, 0, 0x2000, 0, 0x1000 },
};

static void run_unmap(Uapi *u, uintptr_t type, const UnmapCase *cases,
                      size_t n)
{
    uint8_t *memory = uapi_memory(3 * PAGE);

    for (size_t i = 0; i < n; i++) {
        uint64_t size = cases[i].size, rest = 0;
        Container c;

        open_compat(u, &c);
        uapi_expect(u, set_iommu(u, c.fd, type), 0, "SET_IOMMU");
        uapi_expect(u, container_map(&c, 0x1000, memory, 3 * PAGE), 0, "map");
        uapi_expect(u, container_map(&c, 0x8000, memory, PAGE), 0, "map");
        uapi_expect(u, unmap(&c, cases[i].flags, cases[i].iova, &size),
                    cases[i].want, "%s", cases[i].what);
        uapi_expect(u, size, cases[i].unmapped, "size of: %s", cases[i].what);
        uapi_expect(u, unmap(&c, VFIO_ABI_UNMAP_ALL_FLAG, 0, &rest), 0,
                    "the rest of: %s", cases[i].what);
        if (!cases[i].want) {
            uapi_expect(u, rest, 4 * PAGE - cases[i].unmapped,
                        "size of the rest of: %s", cases[i].what);
        }
        container_close(&c);
    }
    uapi_memory_free(memory, 3 * PAGE);
}

static void test_unmap(Uapi *u)
{
    run_unmap(u, VFIO_ABI_TYPE1V2, v2_cases,
              sizeof(v2_cases) / sizeof(v2_cases[0]));
    run_unmap(u, VFIO_ABI_TYPE1, v1_cases,
              sizeof(v1_cases) / sizeof(v1_cases[0]));
}

static void test_info(Uapi *u)
{
    union {
        VfioIommuInfo info;
        uint8_t room[4096];
    } buf = { .info = { .argsz = offsetof(VfioIommuInfo, cap_offset) - 1 } };
    const VfioIommuCapDmaAvail *avail;
    const VfioIommuCapIovaRange *iova;
    Container c;

    open_compat(u, &c);
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_IOMMU_GET_INFO, &buf),
                -EINVAL, "little room");
    buf.info.argsz = sizeof(buf.info);
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_IOMMU_GET_INFO, &buf), 0,
                "no room for the chain");
    uapi_expect(u, buf.info.cap_offset, 0, "cap_offset without room");
    uapi_check(u, buf.info.argsz > sizeof(buf.info), "no chain");
    uapi_check(u, buf.info.iova_pgsizes & PAGE, "no pages of 4 KiB");
    buf.info.argsz = sizeof(buf);
    uapi_expect(u, uapi_ioctl(u, c.fd, VFIO_ABI_IOMMU_GET_INFO, &buf), 0,
                "GET_INFO");
    avail = (const void *)(buf.room + buf.info.cap_offset);
    uapi_expect(u, avail->header.id, VFIO_ABI_IOMMU_CAP_DMA_AVAIL,
                "the first capability");
    uapi_expect(u, avail->avail, UINT32_MAX, "mappings available");
    iova = (const void *)(buf.room + avail->header.next);
    uapi_expect(u, iova->header.id, VFIO_ABI_IOMMU_CAP_IOVA_RANGE,
                "the second capability");
    uapi_check(u, iova->nr_iovas == 1 && !iova->ranges[0].start &&
               iova->ranges[0].end == UINT64_MAX, "addresses before a device");
    container_close(&c);
}

/* --- Groups -------------------------------------------------------------- */

/** A group in an iommufd. */
static bool open_group(Uapi *u, Container *c)
{
    if (!have_group(u)) {
        return false;
    }
    *c = (Container) {
        .u = u, .fd = uapi_iommu(u), .group = uapi_open(u, u->group[0]),
        .device = -1,
    };
    uapi_expect(u, group_set(u, c->group, c->fd), 0, "SET_CONTAINER");
    return true;
}

static void test_group(Uapi *u)
{
    Container c;
    int other, second;
    uint32_t ioas;

    if (!open_group(u, &c)) {
        return;
    }
    uapi_expect(u, group_flags(u, c.group),
                VFIO_ABI_GROUP_VIABLE | VFIO_ABI_GROUP_CONTAINER_SET,
                "flags with an iommufd");
    ioas = vfio_ioas(u, c.fd, IOMMUFD_VFIO_IOAS_GET, 0);
    uapi_check(u, ioas != 0, "no address space has been made");
    other = uapi_open(u, "/dev/vfio/vfio");
    uapi_expect(u, group_set(u, c.group, c.fd), -EINVAL, "set twice");
    uapi_expect(u, group_set(u, c.group, other), -EINVAL,
                "a container as well");
    uapi_close(u, other);
    /* a second one takes the address space that is there */
    second = uapi_open(u, u->group[1]);
    uapi_expect(u, group_set(u, second, c.fd), 0, "a second group");
    uapi_expect(u, vfio_ioas(u, c.fd, IOMMUFD_VFIO_IOAS_GET, 0), ioas,
                "the address space");
    uapi_close(u, second);
    uapi_expect(u, uapi_ioctl(u, c.group, VFIO_ABI_GROUP_UNSET_CONTAINER,
                              NULL), 0, "UNSET_CONTAINER");
    uapi_expect(u, uapi_ioctl(u, c.group, VFIO_ABI_GROUP_UNSET_CONTAINER,
                              NULL), -EINVAL, "UNSET_CONTAINER again");
    uapi_expect(u, group_flags(u, c.group), VFIO_ABI_GROUP_VIABLE,
                "flags outside");
    uapi_expect(u, group_device(&c, u->name[0]), -EINVAL, "a device outside");
    container_close(&c);
}

/** DMA through what the container's ioctls map, or iommufd's own. */
static void test_device(Uapi *u)
{
    uint8_t *memory = uapi_memory(2 * PAGE);
    VfioAttachPt attach = { .argsz = offsetof(VfioAttachPt, pasid) };
    UapiDevice d = { .u = u };
    uint64_t size = PAGE;
    Container c;
    uint32_t ioas;

    if (!open_group(u, &c)) {
        uapi_memory_free(memory, 2 * PAGE);
        return;
    }
    ioas = vfio_ioas(u, c.fd, IOMMUFD_VFIO_IOAS_GET, 0);
    /* SET_IOMMU is not asked for */
    c.device = group_device(&c, u->name[0]);
    uapi_check(u, c.device >= 0, "GET_DEVICE_FD: %s", strerror(-c.device));
    d.iommu = c.fd;
    d.fd = c.device;
    uapi_device_enable(&d);
    uapi_expect(u, container_map(&c, IOVA, memory, PAGE), 0, "MAP_DMA");
    uapi_expect(u, uapi_map(&d, ioas, memory + PAGE, PAGE, IOVA + PAGE), 0,
                "IOAS_MAP");
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA, 2 * PAGE, 9), UAPI_DONE,
                "DMA");
    uapi_check(u, uapi_is_filled(memory, 2 * PAGE, 9), "it went elsewhere");
    uapi_expect(u, container_unmap(&c, IOVA, &size), 0, "UNMAP_DMA");
    uapi_check(u, uapi_fill(&d, NO_PASID, IOVA, PAGE, 9) != UAPI_DONE,
               "DMA to what is unmapped");
    uapi_expect(u, uapi_destroy(u, c.fd, ioas), -EBUSY,
                "DESTROY of what the device is behind");
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_ATTACH_PT, &attach),
                -ENOTTY, "ATTACH_PT of a group's file");
    /* other than a container, it lets go of a group that is in use */
    uapi_expect(u, uapi_ioctl(u, c.group, VFIO_ABI_GROUP_UNSET_CONTAINER,
                              NULL), 0, "UNSET_CONTAINER");
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA + PAGE, PAGE, 3), UAPI_DONE,
                "DMA after that");
    container_close(&c);
    uapi_memory_free(memory, 2 * PAGE);
}

/** The address space that a device would be put behind has gone. */
static void test_no_space(Uapi *u)
{
    Container c;

    if (!open_group(u, &c)) {
        return;
    }
    vfio_ioas(u, c.fd, IOMMUFD_VFIO_IOAS_CLEAR, 0);
    uapi_expect(u, group_device(&c, u->name[0]), -ENODEV, "GET_DEVICE_FD");
    container_close(&c);
}

/** Files may be closed in any order; the device's keeps what it needs. */
static void test_order(Uapi *u)
{
    for (unsigned i = 0; i < CONTAINER_ORDERS; i++) {
        Container c;

        if (!open_group(u, &c)) {
            return;
        }
        c.device = group_device(&c, u->name[0]);
        uapi_check(u, c.device >= 0, "GET_DEVICE_FD: %s",
                   strerror(-c.device));
        container_close_in_order(&c, i, false);
    }
}

/** The group's file is not kept by the device's, other than in a container. */
static void test_reopen(Uapi *u)
{
    Container c;

    if (!open_group(u, &c)) {
        return;
    }
    c.device = group_device(&c, u->name[0]);
    uapi_close(u, c.group);
    c.group = uapi_open(u, u->group[0]);
    uapi_check(u, c.group >= 0, "%s: %s", u->group[0], strerror(-c.group));
    container_close(&c);
}

const UapiTest uapi_compat_tests[] = {
    { "compat: without an address space", test_without },
    { "compat: mapping", test_map },
    { "compat: unmapping, in both ways", test_unmap },
    { "compat: what it tells", test_info },
    { "compat: a group into an iommufd, and out", test_group },
    { "compat: a device", test_device },
    { "compat: no address space for a device", test_no_space },
    { "compat: closed in any order", test_order },
    { "compat: a group opened again", test_reopen },
    { NULL, NULL },
};
