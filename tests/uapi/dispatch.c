/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all of iommufd's ioctls have in common: sizes that are too small or
 * larger than what the kernel knows, memory that is not there, and numbers
 * that are no ioctls.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/iommu/host/abi/iommufd.h"
#include "tests/uapi/uapi.h"

typedef struct Ioctl {
    const char *name;
    unsigned long request;
    uint32_t size;
    uint32_t min_size;
} Ioctl;

static const Ioctl ioctls[] = {
    { "DESTROY", IOMMUFD_DESTROY, 8, 8 },
    { "IOAS_ALLOC", IOMMUFD_IOAS_ALLOC, 12, 12 },
    { "IOAS_ALLOW_IOVAS", IOMMUFD_IOAS_ALLOW_IOVAS, 24, 24 },
    { "IOAS_COPY", IOMMUFD_IOAS_COPY, 40, 40 },
    { "IOAS_IOVA_RANGES", IOMMUFD_IOAS_IOVA_RANGES, 32, 32 },
    { "IOAS_MAP", IOMMUFD_IOAS_MAP, 40, 40 },
    { "IOAS_UNMAP", IOMMUFD_IOAS_UNMAP, 24, 24 },
    { "OPTION", IOMMUFD_OPTION, 24, 24 },
    { "VFIO_IOAS", IOMMUFD_VFIO_IOAS, 12, 12 },
    { "HWPT_ALLOC", IOMMUFD_HWPT_ALLOC, 48, 24 },
    { "GET_HW_INFO", IOMMUFD_GET_HW_INFO, 40, 32 },
    { "HWPT_SET_DIRTY_TRACKING", IOMMUFD_HWPT_SET_DIRTY_TRACKING, 16, 16 },
    { "HWPT_GET_DIRTY_BITMAP", IOMMUFD_HWPT_GET_DIRTY_BITMAP, 48, 48 },
    { "HWPT_INVALIDATE", IOMMUFD_HWPT_INVALIDATE, 32, 32 },
    { "FAULT_QUEUE_ALLOC", IOMMUFD_FAULT_QUEUE_ALLOC, 16, 16 },
    { "IOAS_MAP_FILE", IOMMUFD_IOAS_MAP_FILE, 40, 40 },
    { "VIOMMU_ALLOC", IOMMUFD_VIOMMU_ALLOC, 40, 24 },
    { "VDEVICE_ALLOC", IOMMUFD_VDEVICE_ALLOC, 24, 24 },
    { "IOAS_CHANGE_PROCESS", IOMMUFD_IOAS_CHANGE_PROCESS, 8, 8 },
    { "VEVENTQ_ALLOC", IOMMUFD_VEVENTQ_ALLOC, 32, 28 },
    { "HW_QUEUE_ALLOC", IOMMUFD_HW_QUEUE_ALLOC, 40, 40 },
    { "IOAS_NOIOMMU_GET_PA", IOMMUFD_IOAS_NOIOMMU_GET_PA, 40, 40 },
};

#define N_IOCTLS (sizeof(ioctls) / sizeof(ioctls[0]))
#define LARGE 8192

/** With nothing but a size; what is made by it is destroyed. */
static int run(Uapi *u, int fd, const Ioctl *ioctl, uint8_t *buf,
               uint32_t size)
{
    int ret;

    memset(buf, 0, ioctl->size);
    memcpy(buf, &size, sizeof(size));
    ret = uapi_ioctl(u, fd, ioctl->request, buf);
    if (!ret && ioctl->request == IOMMUFD_IOAS_ALLOC) {
        uapi_expect(u, uapi_destroy(u, fd, ((uint32_t *)(void *)buf)[2]), 0,
                    "destroy the IOAS");
    }
    if (!ret && ioctl->request == IOMMUFD_FAULT_QUEUE_ALLOC) {
        uapi_close(u, ((int *)(void *)buf)[3]);
        uapi_expect(u, uapi_destroy(u, fd, ((uint32_t *)(void *)buf)[2]), 0,
                    "destroy the fault queue");
    }
    return ret;
}

static void test_small(Uapi *u)
{
    uint8_t *buf = calloc(1, LARGE);
    int fd = uapi_iommu(u);

    for (size_t i = 0; i < N_IOCTLS; i++) {
        const Ioctl *ioctl = &ioctls[i];

        for (uint32_t size = 0; size < ioctl->min_size; size++) {
            uapi_expect(u, run(u, fd, ioctl, buf, size), -EINVAL,
                        "%s with size %u", ioctl->name, size);
        }
        uapi_check(u, run(u, fd, ioctl, buf, ioctl->min_size) ==
                   run(u, fd, ioctl, buf, ioctl->size),
                   "%s: the smallest size makes a difference", ioctl->name);
    }
    uapi_close(u, fd);
    free(buf);
}

static void test_large(Uapi *u)
{
    static const uint32_t more[] = { 1, 8, 4096 };
    uint8_t *buf = calloc(1, LARGE);
    int fd = uapi_iommu(u);

    for (size_t i = 0; i < N_IOCTLS; i++) {
        const Ioctl *ioctl = &ioctls[i];
        int equal = run(u, fd, ioctl, buf, ioctl->size);

        for (size_t k = 0; k < sizeof(more) / sizeof(more[0]); k++) {
            uint32_t size = ioctl->size + more[k];

            uapi_expect(u, run(u, fd, ioctl, buf, size), equal,
                        "%s with %u more bytes of zero", ioctl->name,
                        more[k]);
            buf[size - 1] = 1;
            uapi_expect(u, run(u, fd, ioctl, buf, size), -E2BIG,
                        "%s with %u more bytes, one not zero", ioctl->name,
                        more[k]);
            buf[size - 1] = 0;
        }
    }
    uapi_close(u, fd);
    free(buf);
}

static void test_memory(Uapi *u)
{
    int fd = uapi_iommu(u);

    for (size_t i = 0; i < N_IOCTLS; i++) {
        uapi_expect(u, uapi_ioctl(u, fd, ioctls[i].request, (void *)64),
                    -EFAULT, "%s at no memory", ioctls[i].name);
        uapi_expect(u, uapi_ioctl(u, fd, ioctls[i].request, NULL), -EFAULT,
                    "%s at NULL", ioctls[i].name);
    }
    uapi_close(u, fd);
}

static void test_numbers(Uapi *u)
{
    uint32_t buf[32] = { sizeof(buf) };
    int fd = uapi_iommu(u);

    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_ABI_IO(0x80 + 0x7f), buf),
                -ENOTTY, "an ioctl far behind the last one");
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_ABI_IO(0x7f), buf), -ENOTTY,
                "an ioctl before the first one");
    uapi_expect(u, uapi_ioctl(u, fd, _IO('<', 0x80), buf), -ENOTTY,
                "DESTROY with another type");
    uapi_expect(u, uapi_ioctl(u, fd, _IO('<', 0x80), NULL), -EFAULT,
                "the same at NULL: its size comes first");
    uapi_expect(u, uapi_ioctl(u, fd, _IOWR(';', 0x81, IommufdIoasAlloc), buf),
                -ENOTTY, "IOAS_ALLOC with a direction");
    uapi_expect(u, u->calls.read(u->calls.opaque, fd, buf, 8), -EINVAL,
                "read");
    uapi_expect(u, u->calls.write(u->calls.opaque, fd, buf, 8), -EINVAL,
                "write");
    uapi_close(u, fd);
}

const UapiTest uapi_dispatch_tests[] = {
    { "dispatch/small", test_small },
    { "dispatch/large", test_large },
    { "dispatch/memory", test_memory },
    { "dispatch/numbers", test_numbers },
    { NULL, NULL },
};
