/* SPDX-License-Identifier: BSD-3-Clause */
/* Options, files as memory, vIOMMUs, and the end of everything at once. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/uapi/device.h"

static int option(Uapi *u, int fd, IommufdOption *cmd)
{
    cmd->size = sizeof(*cmd);
    return uapi_ioctl(u, fd, IOMMUFD_OPTION, cmd);
}

static void test_options(Uapi *u)
{
    int fd = uapi_iommu(u);
    IommufdOption cmd = {
        .option_id = IOMMUFD_OPTION_RLIMIT_MODE,
        .op = IOMMUFD_OPTION_OP_GET, .val64 = 7,
    };

    uapi_expect(u, option(u, fd, &cmd), 0, "get the limit's mode");
    uapi_expect(u, cmd.val64, 0, "it");
    cmd.reserved = 1;
    uapi_expect(u, option(u, fd, &cmd), -EOPNOTSUPP, "the reserved word");
    cmd.reserved = 0;
    cmd.object_id = 1;
    uapi_expect(u, option(u, fd, &cmd), -EOPNOTSUPP, "an object");
    cmd.object_id = 0;
    cmd.op = 2;
    uapi_expect(u, option(u, fd, &cmd), -EOPNOTSUPP, "no such operation");
    cmd.op = IOMMUFD_OPTION_OP_SET;
    cmd.val64 = 2;
    uapi_expect(u, option(u, fd, &cmd), -EINVAL, "no such mode");
    cmd.val64 = 1;
    uapi_expect(u, option(u, fd, &cmd), 0, "set it");
    cmd.op = IOMMUFD_OPTION_OP_GET;
    cmd.val64 = 0;
    uapi_expect(u, option(u, fd, &cmd), 0, "get it");
    uapi_expect(u, cmd.val64, 1, "it");
    uapi_ioas(u, fd);
    cmd.op = IOMMUFD_OPTION_OP_SET;
    uapi_expect(u, option(u, fd, &cmd), -EBUSY, "set it with objects");
    cmd.option_id = 2;
    uapi_expect(u, option(u, fd, &cmd), -EOPNOTSUPP, "no such option");

    cmd = (IommufdOption) {
        .option_id = IOMMUFD_OPTION_HUGE_PAGES, .object_id = 1,
        .op = IOMMUFD_OPTION_OP_GET,
    };
    uapi_expect(u, option(u, fd, &cmd), 0, "get huge pages");
    uapi_expect(u, cmd.val64, 1, "them");
    cmd.op = IOMMUFD_OPTION_OP_SET;
    cmd.val64 = 2;
    uapi_expect(u, option(u, fd, &cmd), -EINVAL, "neither on nor off");
    cmd.val64 = 0;
    uapi_expect(u, option(u, fd, &cmd), 0, "off");
    cmd.object_id = 99;
    uapi_expect(u, option(u, fd, &cmd), -ENOENT, "no such IOAS");
    cmd.object_id = 1;
    cmd.op = 3;
    uapi_expect(u, option(u, fd, &cmd), -EOPNOTSUPP, "no such operation");
    uapi_close(u, fd);
}

static void test_small_pages(Uapi *u)
{
    uint64_t size = UINT64_C(4) << 20;
    uint8_t *memory = uapi_memory(size);
    IommufdOption cmd = { .option_id = IOMMUFD_OPTION_HUGE_PAGES };
    UapiDevice d;
    uint32_t ioas;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    ioas = uapi_ioas(u, d.iommu);
    cmd.object_id = ioas;
    uapi_expect(u, option(u, d.iommu, &cmd), 0, "off");
    uapi_expect(u, uapi_map(&d, ioas, memory, 100, 0x1000), -EINVAL,
                "odd bytes");
    uapi_expect(u, uapi_attach(&d, NO_PASID, ioas), 0, "attach");
    uapi_expect(u, uapi_map(&d, ioas, memory, size, 0x40000000), 0, "map");
    uapi_expect(u, uapi_fill(&d, NO_PASID, 0x40000000, size, 4), UAPI_DONE,
                "DMA");
    uapi_check(u, uapi_is_filled(memory, size, 4), "it went elsewhere");
    cmd.op = IOMMUFD_OPTION_OP_SET;
    cmd.val64 = 1;
    uapi_expect(u, option(u, d.iommu, &cmd), 0, "on");
    cmd.val64 = 0;
    uapi_expect(u, option(u, d.iommu, &cmd), -EINVAL,
                "off when something is mapped");
    uapi_device_close(&d);
    uapi_memory_free(memory, size);
}

static int map_file(UapiDevice *d, uint32_t ioas, int fd, uint64_t start,
                    uint64_t size, uint64_t iova)
{
    IommufdIoasMapFile cmd = {
        .size = sizeof(cmd), .ioas_id = ioas, .fd = fd, .start = start,
        .length = size, .iova = iova,
        .flags = IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE |
                 IOMMUFD_MAP_WRITEABLE,
    };

    return uapi_iommu_ioctl(d, IOMMUFD_IOAS_MAP_FILE, &cmd);
}

static void test_map_file(Uapi *u)
{
    IommufdIoasChangeProcess change = { .size = sizeof(change) };
    uint8_t *memory;
    UapiDevice d;
    uint32_t ioas;
    int fd;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    fd = memfd_create("uapi", MFD_CLOEXEC);
    uapi_expect(u, ftruncate(fd, 4 * PAGE), 0, "ftruncate");
    memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ioas = uapi_ioas(u, d.iommu);
    uapi_expect(u, map_file(&d, ioas, 1000000, 0, PAGE, 0x1000), -EBADF,
                "no file");
    uapi_expect(u, map_file(&d, ioas, fd, 0, 0, 0x1000), -EINVAL, "no bytes");
    uapi_expect(u, map_file(&d, ioas, fd, UINT64_MAX, 2, 0x1000), -EOVERFLOW,
                "a range that wraps");
    uapi_expect(u, map_file(&d, 99, fd, 0, PAGE, 0x1000), -ENOENT,
                "no such IOAS");
    uapi_expect(u, map_file(&d, ioas, fd, PAGE, 2 * PAGE, 0x10000), 0,
                "the two pages in the middle");
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_IOAS_CHANGE_PROCESS,
                                    &change), 0, "CHANGE_PROCESS");
    uapi_expect(u, uapi_attach(&d, NO_PASID, ioas), 0, "attach");
    uapi_expect(u, map_file(&d, ioas, fd, 3 * PAGE, 2 * PAGE, 0x20000),
                -EINVAL, "behind the end");
    close(fd);
    uapi_expect(u, uapi_fill(&d, NO_PASID, 0x10000, 2 * PAGE, 8), UAPI_DONE,
                "DMA to the closed file");
    uapi_check(u, uapi_is_filled(memory + PAGE, 2 * PAGE, 8),
               "it went elsewhere");
    uapi_expect(u, uapi_map(&d, ioas, memory, PAGE, 0x30000), 0, "map");
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_IOAS_CHANGE_PROCESS,
                                    &change), -EINVAL,
                "CHANGE_PROCESS with memory of no file");
    change.reserved = 1;
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_IOAS_CHANGE_PROCESS,
                                    &change), -EOPNOTSUPP,
                "the reserved word");
    uapi_device_close(&d);
    uapi_memory_free(memory, 4 * PAGE);
}

/** Where the devices have an IOMMU before them, nobody has a use for physical
 *  addresses, and a kernel that knows no others does not tell any. */
static void test_noiommu(Uapi *u)
{
    int fd = uapi_iommu(u);
    IommufdIoasNoiommuGetPa cmd = {
        .size = sizeof(cmd), .ioas_id = uapi_ioas(u, fd), .length = PAGE,
    };

    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_NOIOMMU_GET_PA, &cmd),
                -EOPNOTSUPP, "NOIOMMU_GET_PA");
    uapi_close(u, fd);
}

static void test_vfio_ioas(Uapi *u)
{
    int fd = uapi_iommu(u);
    IommufdVfioIoas cmd = { .size = sizeof(cmd), .op = 3 };

    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VFIO_IOAS, &cmd), -EOPNOTSUPP,
                "no such operation");
    cmd.op = IOMMUFD_VFIO_IOAS_GET;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VFIO_IOAS, &cmd), -ENODEV,
                "get none");
    cmd.op = IOMMUFD_VFIO_IOAS_SET;
    cmd.ioas_id = 1;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VFIO_IOAS, &cmd), -ENOENT,
                "set one that is not there");
    cmd.ioas_id = uapi_ioas(u, fd);
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VFIO_IOAS, &cmd), 0, "set");
    cmd.op = IOMMUFD_VFIO_IOAS_GET;
    cmd.ioas_id = 0;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VFIO_IOAS, &cmd), 0, "get");
    uapi_expect(u, cmd.ioas_id, 1, "it");
    uapi_expect(u, uapi_destroy(u, fd, 1), 0, "destroy it");
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VFIO_IOAS, &cmd), -ENODEV,
                "get what has gone");
    cmd.op = IOMMUFD_VFIO_IOAS_CLEAR;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VFIO_IOAS, &cmd), 0, "clear");
    uapi_close(u, fd);
}

/** What every architecture says. */
static void test_viommu_errors(Uapi *u)
{
    IommufdViommuAlloc viommu = { .size = sizeof(viommu), .flags = 1 };
    IommufdVdeviceAlloc vdevice = { .size = sizeof(vdevice), .viommu_id = 1 };
    IommufdVeventqAlloc queue = {
        .size = sizeof(queue), .viommu_id = 1, .veventq_depth = 1,
    };
    IommufdHwQueueAlloc hw = { .size = sizeof(hw), .length = PAGE };
    int fd = uapi_iommu(u);

    uapi_ioas(u, fd);
    viommu.type = IOMMUFD_VIOMMU_ARM_SMMUV3;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VIOMMU_ALLOC, &viommu),
                -EOPNOTSUPP, "vIOMMU: a flag");
    viommu.flags = 0;
    viommu.type = IOMMUFD_VIOMMU_DEFAULT;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VIOMMU_ALLOC, &viommu),
                -EOPNOTSUPP, "vIOMMU: the reserved type");
    viommu.type = IOMMUFD_VIOMMU_ARM_SMMUV3;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VIOMMU_ALLOC, &viommu), -ENOENT,
                "vIOMMU: no device");
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VDEVICE_ALLOC, &vdevice),
                -ENOENT, "vDEVICE: an IOAS");
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VEVENTQ_ALLOC, &queue),
                -EOPNOTSUPP, "vEVENTQ: the reserved type");
    queue.type = IOMMUFD_VEVENTQ_ARM_SMMUV3;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VEVENTQ_ALLOC, &queue), -ENOENT,
                "vEVENTQ: an IOAS");
    queue.veventq_depth = 0;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VEVENTQ_ALLOC, &queue), -EINVAL,
                "vEVENTQ: no depth");
    queue.veventq_depth = (1u << 19) + 1;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VEVENTQ_ALLOC, &queue), -EINVAL,
                "vEVENTQ: too deep");
    queue.veventq_depth = 1;
    queue.reserved = 1;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_VEVENTQ_ALLOC, &queue),
                -EOPNOTSUPP, "vEVENTQ: the reserved word");
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_HW_QUEUE_ALLOC, &hw),
                -EOPNOTSUPP, "HW_QUEUE: the reserved type");
    hw.type = IOMMUFD_HW_QUEUE_TEGRA241_CMDQV;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_HW_QUEUE_ALLOC, &hw), -ENOENT,
                "HW_QUEUE: no vIOMMU");
    hw.length = 0;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_HW_QUEUE_ALLOC, &hw), -EINVAL,
                "HW_QUEUE: no bytes");
    hw.length = PAGE;
    hw.nesting_parent_iova = ~UINT64_C(0) - 10;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_HW_QUEUE_ALLOC, &hw),
                -EOVERFLOW, "HW_QUEUE: a range that wraps");
    uapi_close(u, fd);
}

/** VT-d has no vIOMMUs of its own. */
static void test_viommu_vtd(Uapi *u)
{
    IommufdViommuAlloc viommu = { .size = sizeof(viommu) };
    UapiDevice d;
    uint32_t ioas, parent;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    ioas = uapi_ioas(u, d.iommu);
    uapi_expect(u, uapi_hwpt(&d, IOMMUFD_HWPT_NEST_PARENT, ioas, &parent), 0,
                "parent");
    viommu.type = IOMMUFD_VIOMMU_ARM_SMMUV3;
    viommu.dev_id = d.id;
    viommu.hwpt_id = parent;
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_VIOMMU_ALLOC, &viommu),
                -EOPNOTSUPP, "a vIOMMU of SMMUv3");
    uapi_device_close(&d);
}

/** In each order, with everything still in use. */
static void test_close(Uapi *u)
{
    uint8_t *memory = uapi_memory(4 * PAGE);

    for (unsigned order = 0; order < 2; order++) {
        IommufdFaultQueueAlloc queue = { .size = sizeof(queue) };
        UapiDevice d, e;
        uint32_t ioas, hwpt;

        if (!uapi_device_open(u, 0, &d)) {
            break;
        }
        ioas = uapi_ioas(u, d.iommu);
        uapi_expect(u, uapi_map(&d, ioas, memory, 4 * PAGE, PAGE), 0, "map");
        uapi_expect(u, uapi_hwpt(&d, IOMMUFD_HWPT_PASID, ioas, &hwpt), 0,
                    "HWPT");
        uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_FAULT_QUEUE_ALLOC,
                                        &queue), 0, "FAULT_QUEUE_ALLOC");
        uapi_expect(u, uapi_attach(&d, NO_PASID, hwpt), 0, "attach");
        uapi_attach(&d, 5, hwpt);
        if (uapi_device_open_with(u, 1, d.iommu, &e)) {
            uapi_expect(u, uapi_attach(&e, NO_PASID, ioas), 0, "attach");
            uapi_expect(u, uapi_fill(&e, NO_PASID, PAGE, PAGE, 1), UAPI_DONE,
                        "DMA of the second device");
        }
        if (order == 0) {
            uapi_close(u, d.iommu);
            uapi_expect(u, uapi_fill(&d, NO_PASID, PAGE, PAGE, 2), UAPI_DONE,
                        "DMA without the iommufd's descriptor");
            uapi_close(u, d.fd);
        } else {
            uapi_close(u, d.fd);
            uapi_expect(u, uapi_destroy(u, d.iommu, hwpt), 0,
                        "destroy what a closed device had");
            uapi_close(u, d.iommu);
        }
        if (e.fd >= 0) {
            uapi_close(u, e.fd);
        }
        uapi_close(u, queue.out_fault_fd);
    }
    uapi_memory_free(memory, 4 * PAGE);
}

const UapiTest uapi_misc_tests[] = {
    { "misc/options", test_options },
    { "misc/small-pages", test_small_pages },
    { "misc/map-file", test_map_file },
    { "misc/noiommu", test_noiommu },
    { "misc/vfio-ioas", test_vfio_ioas },
    { "misc/viommu-errors", test_viommu_errors },
    { "misc/close", test_close },
    { NULL, NULL },
};

const UapiTest uapi_misc_vtd_tests[] = {
    { "misc/viommu-vtd", test_viommu_vtd },
    { NULL, NULL },
};
