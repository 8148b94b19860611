/* SPDX-License-Identifier: BSD-3-Clause */
/* Address spaces: what may be mapped where, and what may be unmapped. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/uapi/device.h"

#define FIXED (IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE | \
               IOMMUFD_MAP_WRITEABLE)
#define ALL UINT64_MAX

static int map(Uapi *u, int fd, uint32_t ioas, uint32_t flags, uint64_t va,
               uint64_t size, uint64_t *iova)
{
    IommufdIoasMap cmd = {
        .size = sizeof(cmd), .flags = flags, .ioas_id = ioas, .user_va = va,
        .length = size, .iova = *iova,
    };
    int ret = uapi_ioctl(u, fd, IOMMUFD_IOAS_MAP, &cmd);

    *iova = cmd.iova;
    return ret;
}

static int map_at(Uapi *u, int fd, uint32_t ioas, uint64_t va, uint64_t size,
                  uint64_t iova)
{
    return map(u, fd, ioas, FIXED, va, size, &iova);
}

static int unmap(Uapi *u, int fd, uint32_t ioas, uint64_t iova,
                 uint64_t size, uint64_t *unmapped)
{
    IommufdIoasUnmap cmd = {
        .size = sizeof(cmd), .ioas_id = ioas, .iova = iova, .length = size,
    };
    int ret = uapi_ioctl(u, fd, IOMMUFD_IOAS_UNMAP, &cmd);

    *unmapped = cmd.length;
    return ret;
}

static void test_map_errors(Uapi *u)
{
    int fd = uapi_iommu(u);
    uint32_t ioas = uapi_ioas(u, fd);
    uint64_t va = (uintptr_t)uapi_memory(16 * PAGE), iova = 0;
    IommufdIoasMap cmd = {
        .size = sizeof(cmd), .flags = FIXED, .ioas_id = ioas, .user_va = va,
        .length = PAGE, .iova = PAGE, .reserved = 1,
    };

    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_MAP, &cmd), -EOPNOTSUPP,
                "the reserved word");
    iova = PAGE;
    uapi_expect(u, map(u, fd, ioas, FIXED | 8, va, PAGE, &iova), -EOPNOTSUPP,
                "an unknown flag");
    uapi_expect(u, map(u, fd, ioas, IOMMUFD_MAP_FIXED_IOVA, va, PAGE, &iova),
                -EINVAL, "neither read nor write");
    uapi_expect(u, map_at(u, fd, ioas + 1, va, PAGE, 0), -ENOENT,
                "no such IOAS");
    uapi_expect(u, map_at(u, fd, ioas, va, 0, 0), -EINVAL, "no bytes");
    uapi_expect(u, map_at(u, fd, ioas, va, PAGE, ALL), -EOVERFLOW,
                "IOVA at the end");
    uapi_expect(u, map_at(u, fd, ioas, va, ALL, 0), -EOVERFLOW,
                "the longest length");
    uapi_expect(u, map_at(u, fd, ioas, ~UINT64_C(0xfff), 2 * PAGE, 0),
                -EOVERFLOW, "memory that wraps");
    uapi_expect(u, map_at(u, fd, ioas, 0, ~UINT64_C(0xfff), 0), -EINVAL,
                "all memory");
    uapi_expect(u, map_at(u, fd, ioas, va, 2 * PAGE, ~UINT64_C(0xfff)),
                -EOVERFLOW, "IOVAs that wrap");
    uapi_expect(u, map_at(u, fd, ioas, va, PAGE, PAGE), 0, "map");
    uapi_expect(u, map_at(u, fd, ioas, va, PAGE, PAGE), -EEXIST, "twice");
    uapi_expect(u, map_at(u, fd, ioas, va, 3 * PAGE, 0), -EEXIST, "around");
    /* without a device nothing has to be aligned, nor be there */
    uapi_expect(u, map_at(u, fd, ioas, va + 1, 3, 0x10001), 0, "odd bytes");
    uapi_expect(u, map_at(u, fd, ioas, 0x1000, PAGE, 0x20000), 0,
                "memory that is not there");
    uapi_close(u, fd);
    uapi_memory_free((void *)(uintptr_t)va, 16 * PAGE);
}

static void test_unmap(Uapi *u)
{
    int fd = uapi_iommu(u);
    uint32_t ioas = uapi_ioas(u, fd);
    uint64_t va = (uintptr_t)uapi_memory(16 * PAGE), n;

    uapi_expect(u, unmap(u, fd, ioas + 1, 0, PAGE, &n), -ENOENT,
                "no such IOAS");
    uapi_expect(u, unmap(u, fd, ioas, 0, PAGE, &n), -ENOENT, "nothing there");
    uapi_expect(u, unmap(u, fd, ioas, 0, 0, &n), -EINVAL, "no bytes");
    uapi_expect(u, unmap(u, fd, ioas, PAGE, ALL, &n), -EOVERFLOW,
                "the longest length, but not from 0");
    uapi_expect(u, unmap(u, fd, ioas, ALL, 1, &n), -EOVERFLOW, "the end");
    uapi_expect(u, unmap(u, fd, ioas, 2 * PAGE, ALL - PAGE, &n), -EOVERFLOW,
                "a range that wraps");
    uapi_expect(u, unmap(u, fd, ioas, 0, ALL, &n), 0, "everything of nothing");
    uapi_expect(u, n, 0, "bytes of nothing");
    for (unsigned i = 0; i < 4; i++) {
        uapi_expect(u, map_at(u, fd, ioas, va + 2 * i * PAGE, 2 * PAGE,
                              0x100000 + i * 4 * PAGE), 0, "map %u", i);
    }
    uapi_expect(u, unmap(u, fd, ioas, 0x100000, PAGE, &n), -ENOENT,
                "the first half");
    uapi_expect(u, unmap(u, fd, ioas, 0x100000 + PAGE, PAGE, &n), -ENOENT,
                "the second half");
    uapi_expect(u, unmap(u, fd, ioas, 0x100000, 2 * PAGE, &n), 0, "one area");
    uapi_expect(u, n, 2 * PAGE, "its bytes");
    uapi_expect(u, unmap(u, fd, ioas, 0x100000, 9 * PAGE, &n), -ENOENT,
                "an area and half of one");
    uapi_expect(u, unmap(u, fd, ioas, 0x100000 + 4 * PAGE, 2 * PAGE, &n),
                -ENOENT, "that area has gone with it");
    uapi_expect(u, unmap(u, fd, ioas, 0, 0x40000000, &n), 0, "the rest");
    uapi_expect(u, n, 4 * PAGE, "its bytes");
    uapi_close(u, fd);
    uapi_memory_free((void *)(uintptr_t)va, 16 * PAGE);
}

static void test_place(Uapi *u)
{
    int fd = uapi_iommu(u);
    uint32_t ioas = uapi_ioas(u, fd);
    uint8_t *memory = uapi_memory(16 * PAGE);
    uint64_t va = (uintptr_t)memory, a = 0, b = 0, c = 0;
    uint32_t rw = IOMMUFD_MAP_READABLE | IOMMUFD_MAP_WRITEABLE;
    IommufdIovaRange range = { 0x40000000, 0x40000000 + 8 * PAGE - 1 };
    IommufdIoasAllowIovas allow = {
        .size = sizeof(allow), .ioas_id = ioas, .num_iovas = 1,
        .allowed_list = (uintptr_t)&range,
    };

    uapi_expect(u, map(u, fd, ioas, rw, va, PAGE, &a), 0, "map");
    uapi_expect(u, a, PAGE, "the first place, which is not 0");
    uapi_expect(u, map(u, fd, ioas, rw, va + PAGE, PAGE, &b), 0, "map");
    uapi_check(u, b != a && b % PAGE == 0, "the second place %#llx",
               (unsigned long long)b);
    uapi_expect(u, map(u, fd, ioas, rw, va + 10, 20, &c), 0, "map odd bytes");
    uapi_expect(u, c % PAGE, 10, "the offset in the page");
    uapi_expect(u, map(u, fd, ioas, rw, va, UINT64_C(1) << 63, &c),
                -EOVERFLOW, "half of everything");
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOW_IOVAS, &allow), 0,
                "ALLOW_IOVAS");
    uapi_expect(u, map(u, fd, ioas, rw, va, 4 * PAGE, &c), 0, "map");
    uapi_check(u, c >= range.start && c + 4 * PAGE - 1 <= range.last,
               "%#llx is not allowed", (unsigned long long)c);
    uapi_expect(u, map(u, fd, ioas, rw, va, 8 * PAGE, &c), -ENOSPC,
                "more than is left");
    uapi_close(u, fd);
    uapi_memory_free(memory, 16 * PAGE);
}

static int ranges(Uapi *u, int fd, uint32_t ioas, IommufdIovaRange *list,
                  uint32_t *n, uint64_t *alignment)
{
    IommufdIoasIovaRanges cmd = {
        .size = sizeof(cmd), .ioas_id = ioas, .num_iovas = *n,
        .allowed_list = (uintptr_t)list,
    };
    int ret = uapi_ioctl(u, fd, IOMMUFD_IOAS_IOVA_RANGES, &cmd);

    *n = cmd.num_iovas;
    *alignment = cmd.out_iova_alignment;
    return ret;
}

static void test_ranges(Uapi *u)
{
    IommufdIovaRange list[16];
    int fd = uapi_iommu(u);
    uint32_t ioas = uapi_ioas(u, fd), n = 0;
    uint64_t alignment;
    IommufdIoasIovaRanges cmd = {
        .size = sizeof(cmd), .ioas_id = ioas, .reserved = 1,
    };

    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_IOVA_RANGES, &cmd),
                -EOPNOTSUPP, "the reserved word");
    uapi_expect(u, ranges(u, fd, ioas + 1, list, &n, &alignment), -ENOENT,
                "no such IOAS");
    n = 0;
    uapi_expect(u, ranges(u, fd, ioas, list, &n, &alignment), -EMSGSIZE,
                "no room");
    uapi_expect(u, n, 1, "ranges");
    uapi_expect(u, alignment, 1, "alignment");
    uapi_expect(u, ranges(u, fd, ioas, NULL, &n, &alignment), -EFAULT,
                "no memory");
    n = 16;
    uapi_expect(u, ranges(u, fd, ioas, list, &n, &alignment), 0, "all");
    uapi_expect(u, n, 1, "ranges");
    uapi_check(u, list[0].start == 0 && list[0].last == ALL, "not all");
    uapi_close(u, fd);
}

static void test_allow(Uapi *u)
{
    IommufdIovaRange list[2] = { { 0x1000, 0x1fff }, { 0x1800, 0x2fff } };
    int fd = uapi_iommu(u);
    IommufdIoasAllowIovas cmd = {
        .size = sizeof(cmd), .ioas_id = uapi_ioas(u, fd), .num_iovas = 2,
        .allowed_list = (uintptr_t)list, .reserved = 1,
    };

    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOW_IOVAS, &cmd),
                -EOPNOTSUPP, "the reserved word");
    cmd.reserved = 0;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOW_IOVAS, &cmd),
                -EINVAL, "ranges that overlap");
    list[1] = (IommufdIovaRange) { 0x5000, 0x5000 };
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOW_IOVAS, &cmd),
                -EINVAL, "a range of one byte");
    list[1].last = 0x5fff;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOW_IOVAS, &cmd), 0,
                "two ranges");
    cmd.allowed_list = 64;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOW_IOVAS, &cmd),
                -EFAULT, "no memory");
    cmd.num_iovas = 0;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOW_IOVAS, &cmd), 0,
                "none");
    cmd.ioas_id++;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOW_IOVAS, &cmd),
                -ENOENT, "no such IOAS");
    uapi_close(u, fd);
}

static int copy(Uapi *u, int fd, uint32_t from, uint32_t to, uint64_t src,
                uint64_t size, uint64_t dst)
{
    IommufdIoasCopy cmd = {
        .size = sizeof(cmd), .flags = FIXED, .dst_ioas_id = to,
        .src_ioas_id = from, .length = size, .dst_iova = dst, .src_iova = src,
    };

    return uapi_ioctl(u, fd, IOMMUFD_IOAS_COPY, &cmd);
}

static void test_copy(Uapi *u)
{
    int fd = uapi_iommu(u);
    uint32_t a = uapi_ioas(u, fd), b = uapi_ioas(u, fd);
    uint8_t *memory = uapi_memory(8 * PAGE);
    uint64_t va = (uintptr_t)memory, n, iova = 0x100000;
    IommufdIoasCopy cmd = { .size = sizeof(cmd), .flags = 8 };

    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_COPY, &cmd), -EOPNOTSUPP,
                "an unknown flag");
    cmd.flags = IOMMUFD_MAP_FIXED_IOVA;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_COPY, &cmd), -EINVAL,
                "neither read nor write");
    uapi_expect(u, map(u, fd, a, FIXED & ~IOMMUFD_MAP_WRITEABLE, va, 2 * PAGE,
                       &iova), 0, "map, to read");
    uapi_expect(u, map_at(u, fd, a, va + 2 * PAGE, 2 * PAGE,
                          0x100000 + 2 * PAGE), 0, "map behind it");
    uapi_expect(u, copy(u, fd, 99, b, 0x100000, PAGE, 0), -ENOENT, "from");
    uapi_expect(u, copy(u, fd, a, 99, 0x102000, PAGE, 0), -ENOENT, "to");
    uapi_expect(u, copy(u, fd, a, b, 0x100000, 0, 0), -EINVAL, "no bytes");
    uapi_expect(u, copy(u, fd, a, b, ALL, PAGE, 0), -EOVERFLOW, "the end");
    uapi_expect(u, copy(u, fd, a, b, 0x100000, PAGE, ALL), -EOVERFLOW,
                "to the end");
    uapi_expect(u, copy(u, fd, a, b, 0x100000, ALL, 0), -EOVERFLOW,
                "everything");
    uapi_expect(u, copy(u, fd, a, b, 0x100000, 5 * PAGE, 0), -ENOENT,
                "more than there is");
    uapi_expect(u, copy(u, fd, a, b, 0x100000, PAGE, 0), -EPERM,
                "to write what was mapped to read");
    uapi_expect(u, copy(u, fd, a, b, 0x102000, 2 * PAGE, 0x1000), 0, "copy");
    uapi_expect(u, copy(u, fd, a, b, 0x102000, PAGE, 0x2000), -EEXIST,
                "copy onto it");
    uapi_expect(u, copy(u, fd, a, b, 0x103000, PAGE, 0x8000), 0, "a part");
    uapi_expect(u, copy(u, fd, b, b, 0x1000, 2 * PAGE, 0x10000), 0,
                "in the same IOAS");
    uapi_expect(u, uapi_destroy(u, fd, a), 0, "destroy the source");
    uapi_expect(u, unmap(u, fd, b, 0, ALL, &n), 0, "unmap");
    uapi_expect(u, n, 5 * PAGE, "bytes");
    uapi_close(u, fd);
    uapi_memory_free(memory, 8 * PAGE);
}

/** What a device behind the address space changes. */
static void test_device(Uapi *u)
{
    IommufdIovaRange list[16];
    uint8_t *memory = uapi_memory(8 * PAGE);
    uint64_t va = (uintptr_t)memory, alignment;
    uint32_t ioas, n = 16, other, hwpt;
    UapiDevice d;
    bool msi = false;
    uint64_t messages, size;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    messages = uapi_messages(u, &size);
    ioas = uapi_ioas(u, d.iommu);
    uapi_expect(u, uapi_map(&d, ioas, memory, PAGE, PAGE), 0, "map before");
    uapi_expect(u, uapi_attach(&d, NO_PASID, ioas), 0, "attach");
    uapi_expect(u, ranges(u, d.iommu, ioas, list, &n, &alignment), 0,
                "IOVA_RANGES");
    uapi_expect(u, alignment, PAGE, "alignment");
    uapi_check(u, n >= 2, "%u ranges", n);
    for (unsigned i = 0; i < n; i++) {
        msi = msi || (list[i].start <= messages && list[i].last >= messages);
    }
    uapi_check(u, !msi, "interrupt messages' addresses are in the ranges");
    uapi_expect(u, map_at(u, d.iommu, ioas, va, PAGE, messages), -EINVAL,
                "map where interrupts go");
    uapi_expect(u, map_at(u, d.iommu, ioas, va, PAGE, UINT64_C(1) << 60),
                -EINVAL, "map beyond the tables");
    uapi_expect(u, map_at(u, d.iommu, ioas, va, 100, 0x100000), -EINVAL,
                "odd size");
    uapi_expect(u, map_at(u, d.iommu, ioas, va, PAGE, 0x100010), -EINVAL,
                "odd IOVA");
    uapi_expect(u, map_at(u, d.iommu, ioas, va + 16, PAGE, 0x100000),
                -EINVAL, "odd memory");
    munmap(memory + 4 * PAGE, PAGE);
    uapi_expect(u, map_at(u, d.iommu, ioas, va + 3 * PAGE, 2 * PAGE,
                          0x100000), -EFAULT, "memory with a hole");
    mprotect(memory + 5 * PAGE, PAGE, PROT_READ);
    uapi_expect(u, map_at(u, d.iommu, ioas, va + 5 * PAGE, PAGE, 0x100000),
                -EFAULT, "memory that cannot be written");
    uapi_expect(u, map_at(u, d.iommu, ioas, va, PAGE, 0x100000), 0,
                "the IOVA is still free");

    /* what is there must suit a device that comes */
    other = uapi_ioas(u, d.iommu);
    uapi_expect(u, map_at(u, d.iommu, other, va, PAGE, messages), 0,
                "map where interrupts go, of no device");
    uapi_expect(u, uapi_attach(&d, NO_PASID, other), -EADDRINUSE, "attach");
    uapi_expect(u, uapi_unmap(&d, other, messages, PAGE), 0, "unmap");
    uapi_expect(u, map_at(u, d.iommu, other, va, 8, 0x1000), 0, "odd bytes");
    uapi_expect(u, uapi_hwpt(&d, 0, other, &hwpt), -EADDRINUSE,
                "HWPT of odd bytes");
    uapi_expect(u, uapi_unmap(&d, other, 0x1000, 8), 0, "unmap");
    uapi_expect(u, map_at(u, d.iommu, other, va + 4 * PAGE, PAGE, 0x1000), 0,
                "map a hole");
    uapi_expect(u, uapi_hwpt(&d, 0, other, &hwpt), -EFAULT,
                "HWPT of a hole");
    uapi_device_close(&d);
    uapi_memory_free(memory, 4 * PAGE);
    uapi_memory_free(memory + 5 * PAGE, 3 * PAGE);
}

/** What the user wants for sure, and what a device does not let it have. */
static void test_allow_device(Uapi *u)
{
    uint64_t size, messages = uapi_messages(u, &size);
    IommufdIovaRange list[16], want = { messages, messages + 0xfff };
    IommufdIoasAllowIovas cmd = {
        .size = sizeof(cmd), .num_iovas = 1,
        .allowed_list = (uintptr_t)&want,
    };
    uint64_t alignment;
    uint32_t n = 16, with;
    UapiDevice d;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    cmd.ioas_id = uapi_ioas(u, d.iommu);
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_IOAS_ALLOW_IOVAS, &cmd), 0,
                "allow where interrupts go");
    uapi_expect(u, uapi_attach(&d, NO_PASID, cmd.ioas_id), -EADDRINUSE,
                "attach a device");
    want.start = UINT64_C(1) << 62;
    want.last = want.start + 0xffff;
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_IOAS_ALLOW_IOVAS, &cmd), 0,
                "allow beyond any table");
    uapi_expect(u, uapi_attach(&d, NO_PASID, cmd.ioas_id), -EADDRINUSE,
                "attach a device");
    want.start = 0x1000;
    want.last = 0x1fff;
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_IOAS_ALLOW_IOVAS, &cmd), 0,
                "allow a page");
    uapi_expect(u, uapi_attach(&d, NO_PASID, cmd.ioas_id), 0, "attach");
    want.start = messages;
    want.last = messages + 0xfff;
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_IOAS_ALLOW_IOVAS, &cmd),
                -EADDRINUSE, "allow where interrupts go");
    uapi_expect(u, ranges(u, d.iommu, cmd.ioas_id, list, &n, &alignment), 0,
                "IOVA_RANGES");
    with = n;
    n = 1;
    uapi_expect(u, ranges(u, d.iommu, cmd.ioas_id, list, &n, &alignment),
                -EMSGSIZE, "room for one");
    uapi_expect(u, n, with, "the number that there are");
    uapi_expect(u, uapi_detach(&d, NO_PASID), 0, "detach");
    n = 16;
    uapi_expect(u, ranges(u, d.iommu, cmd.ioas_id, list, &n, &alignment), 0,
                "IOVA_RANGES");
    uapi_expect(u, n, 1, "everything is free again");
    uapi_check(u, list[0].start == 0 && list[0].last == ALL, "but not all");
    uapi_device_close(&d);
}

const UapiTest uapi_ioas_tests[] = {
    { "ioas/map-errors", test_map_errors },
    { "ioas/unmap", test_unmap },
    { "ioas/place", test_place },
    { "ioas/ranges", test_ranges },
    { "ioas/allow", test_allow },
    { "ioas/copy", test_copy },
    { "ioas/device", test_device },
    { "ioas/allow-device", test_allow_device },
    { NULL, NULL },
};
