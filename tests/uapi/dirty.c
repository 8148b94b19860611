/* SPDX-License-Identifier: BSD-3-Clause */
/* Dirty tracking: pages that a device has written to. */
#include <errno.h>
#include <string.h>

#include "tests/uapi/device.h"

#define PAGES   16
#define SIZE    (PAGES * PAGE)
#define IOVA    0x10000000u

static int set(UapiDevice *d, uint32_t hwpt, uint32_t flags)
{
    IommufdHwptSetDirty cmd = {
        .size = sizeof(cmd), .hwpt_id = hwpt, .flags = flags,
    };

    return uapi_iommu_ioctl(d, IOMMUFD_HWPT_SET_DIRTY_TRACKING, &cmd);
}

static int get(UapiDevice *d, uint32_t hwpt, uint32_t flags, uint64_t iova,
               uint64_t length, uint64_t page, uint64_t *bitmap)
{
    IommufdHwptGetDirty cmd = {
        .size = sizeof(cmd), .hwpt_id = hwpt, .flags = flags, .iova = iova,
        .length = length, .page_size = page, .data = (uintptr_t)bitmap,
    };

    return uapi_iommu_ioctl(d, IOMMUFD_HWPT_GET_DIRTY_BITMAP, &cmd);
}

/** False: no device, or none that tracks. */
static bool dirty_open(Uapi *u, UapiDevice *d, uint32_t *ioas, uint32_t *hwpt)
{
    int ret;

    if (!uapi_device_open(u, 0, d)) {
        return false;
    }
    *ioas = uapi_ioas(u, d->iommu);
    ret = uapi_hwpt(d, IOMMUFD_HWPT_DIRTY_TRACKING, *ioas, hwpt);
    if (ret == -EOPNOTSUPP) {
        uapi_skip(u, "no dirty tracking");
        uapi_device_close(d);
        return false;
    }
    uapi_expect(u, ret, 0, "HWPT with dirty tracking");
    return true;
}

static void test_errors(Uapi *u)
{
    uint64_t bits[4] = { 0 };
    UapiDevice d;
    uint32_t ioas, hwpt, plain;

    if (!dirty_open(u, &d, &ioas, &hwpt)) {
        return;
    }
    uapi_expect(u, uapi_hwpt(&d, 0, ioas, &plain), 0, "HWPT without");
    uapi_expect(u, set(&d, hwpt, 2), -EOPNOTSUPP, "an unknown flag");
    uapi_expect(u, set(&d, ioas, 1), -ENOENT, "an IOAS");
    uapi_expect(u, set(&d, plain, 1), -EOPNOTSUPP, "one without");
    uapi_expect(u, get(&d, hwpt, 2, IOVA, SIZE, PAGE, bits), -EOPNOTSUPP,
                "an unknown flag");
    uapi_expect(u, get(&d, ioas, 0, IOVA, SIZE, PAGE, bits), -ENOENT,
                "an IOAS");
    uapi_expect(u, get(&d, plain, 0, IOVA, SIZE, PAGE, bits), -EOPNOTSUPP,
                "one without");
    uapi_expect(u, get(&d, hwpt, 0, IOVA, 0, PAGE, bits), -EINVAL,
                "no bytes");
    uapi_expect(u, get(&d, hwpt, 0, IOVA, UINT64_MAX, PAGE, bits),
                -EOVERFLOW, "a range that wraps");
    uapi_expect(u, get(&d, hwpt, 0, IOVA + 8, SIZE, PAGE, bits), -EINVAL,
                "an odd address");
    uapi_expect(u, get(&d, hwpt, 0, IOVA, SIZE + 8, PAGE, bits), -EINVAL,
                "an odd length");
    uapi_expect(u, get(&d, hwpt, 0, IOVA, SIZE, 0, bits), -EINVAL,
                "pages of no bytes");
    uapi_expect(u, get(&d, hwpt, 0, IOVA + PAGE, SIZE, 2 * PAGE, bits),
                -EINVAL, "an odd address for larger pages");
    uapi_expect(u, get(&d, hwpt, 0, IOVA, SIZE, PAGE, bits), 0,
                "what is not mapped");
    uapi_expect(u, set(&d, hwpt, 1), 0, "on");
    uapi_expect(u, set(&d, hwpt, 1), 0, "on twice");
    uapi_expect(u, set(&d, hwpt, 0), 0, "off");
    uapi_device_close(&d);
}

static void test_pages(Uapi *u)
{
    uint8_t *memory = uapi_memory(SIZE);
    uint64_t bits[4] = { 0 };
    UapiDevice d;
    uint32_t ioas, hwpt;

    if (!dirty_open(u, &d, &ioas, &hwpt)) {
        uapi_memory_free(memory, SIZE);
        return;
    }
    uapi_expect(u, uapi_map(&d, ioas, memory, SIZE, IOVA), 0, "map");
    uapi_expect(u, uapi_attach(&d, NO_PASID, hwpt), 0, "attach");
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA, PAGE, 1), UAPI_DONE,
                "write before it is on");
    uapi_expect(u, set(&d, hwpt, 1), 0, "on");
    uapi_expect(u, get(&d, hwpt, 0, IOVA, SIZE, PAGE, bits), 0, "get");
    uapi_expect(u, bits[0], 0, "dirty pages of before");
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA + 3 * PAGE, 2 * PAGE, 1),
                UAPI_DONE, "write");
    uapi_expect(u, uapi_verify(&d, NO_PASID, IOVA + 3 * PAGE, PAGE, 1),
                UAPI_DONE, "read");
    bits[0] = 1u << 15;
    uapi_expect(u, get(&d, hwpt, IOMMUFD_HWPT_DIRTY_NO_CLEAR, IOVA, SIZE,
                       PAGE, bits), 0, "get without clearing");
    uapi_expect(u, bits[0], 1u << 15 | 3u << 3, "bits, beside what was there");
    bits[0] = 0;
    uapi_expect(u, get(&d, hwpt, 0, IOVA, SIZE, PAGE, bits), 0, "get");
    uapi_expect(u, bits[0], 3u << 3, "bits");
    bits[0] = 0;
    uapi_expect(u, get(&d, hwpt, 0, IOVA, SIZE, PAGE, bits), 0, "get again");
    uapi_expect(u, bits[0], 0, "bits after they have been cleared");
    /* pages that have not been written to yet */
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA + 8 * PAGE, PAGE, 3),
                UAPI_DONE, "write");
    uapi_expect(u, get(&d, hwpt, 0, IOVA, SIZE, PAGE, NULL), 0,
                "get into memory that is not there");
    uapi_expect(u, get(&d, hwpt, 0, IOVA, SIZE, PAGE, bits), 0, "get again");
    uapi_expect(u, bits[0], 0, "bits that went there");
    /* The same page, after its translation has been cached as dirty: Linux
     * does not tell an SMMUv3 that the flag has been cleared (a range without
     * a page size is not invalidated). */
    if (u->arch == UAPI_SMMUV3) {
        uapi_device_close(&d);
        uapi_memory_free(memory, SIZE);
        return;
    }
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA + 3 * PAGE, PAGE, 2),
                UAPI_DONE, "write");
    uapi_expect(u, get(&d, hwpt, 0, IOVA, SIZE, 4 * PAGE, bits), 0,
                "get for larger pages");
    uapi_expect(u, bits[0], 1, "bits of larger pages");
    uapi_expect(u, set(&d, hwpt, 0), 0, "off");
    uapi_device_close(&d);
    uapi_memory_free(memory, SIZE);
}

const UapiTest uapi_dirty_tests[] = {
    { "dirty/errors", test_errors },
    { "dirty/pages", test_pages },
    { NULL, NULL },
};
