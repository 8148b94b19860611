/* SPDX-License-Identifier: BSD-3-Clause */
/* Hardware page tables: allocation, invalidation, hardware information. */
#include <errno.h>
#include <string.h>

#include "tests/uapi/device.h"

#define BASE    0x20000000u
#define SIZE    (8 * PAGE)
#define ROOM    64

/* VT-d [VTD 11.4.3] */
#define ECAP_NEST UINT64_C(26)

static int hw_info(UapiDevice *d, IommufdHwInfo *info)
{
    info->size = sizeof(*info);
    return uapi_iommu_ioctl(d, IOMMUFD_GET_HW_INFO, info);
}

static void test_hw_info(Uapi *u)
{
    uint8_t data[ROOM];
    IommufdHwInfoVtd *vtd = (IommufdHwInfoVtd *)(void *)data;
    IommufdHwInfo info = { .flags = 2 };
    UapiDevice d;
    uint32_t type, size;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    info.dev_id = d.id;
    uapi_expect(u, hw_info(&d, &info), -EOPNOTSUPP, "an unknown flag");
    info.flags = 0;
    info.reserved[2] = 1;
    uapi_expect(u, hw_info(&d, &info), -EOPNOTSUPP, "a reserved byte");
    info.reserved[2] = 0;
    info.dev_id = d.id + 1;
    uapi_expect(u, hw_info(&d, &info), -ENOENT, "no such device");
    info.dev_id = d.id;
    /* an input type without its flag says nothing */
    info.data_type = 77;
    uapi_expect(u, hw_info(&d, &info), 0, "no room");
    type = info.data_type;
    size = info.data_len;
    uapi_expect(u, type, u->arch == UAPI_VTD ? IOMMUFD_HW_INFO_INTEL_VTD :
                IOMMUFD_HW_INFO_ARM_SMMUV3, "type");
    uapi_check(u, info.out_max_pasid_log2 <= 20, "%u bits of PASIDs",
               info.out_max_pasid_log2);
    memset(data, 0xaa, sizeof(data));
    info.data_len = ROOM;
    info.data = (uintptr_t)data;
    uapi_expect(u, hw_info(&d, &info), 0, "plenty of room");
    uapi_expect(u, info.data_len, size, "the length");
    for (unsigned i = size; i < ROOM; i++) {
        uapi_check(u, !data[i], "byte %u behind the end is not zero", i);
    }
    if (type == IOMMUFD_HW_INFO_INTEL_VTD) {
        uapi_check(u, vtd->cap_reg &&
                   (vtd->ecap_reg >> ECAP_NEST & 1) == !u->flat,
                   "CAP %#llx, ECAP %#llx", (unsigned long long)vtd->cap_reg,
                   (unsigned long long)vtd->ecap_reg);
    }
    memset(data, 0xaa, sizeof(data));
    info.data_len = 4;
    uapi_expect(u, hw_info(&d, &info), 0, "little room");
    uapi_expect(u, info.data_len, size, "the length, again");
    uapi_expect(u, data[4], 0xaa, "a byte behind the room");
    info.data = 64;
    info.data_len = 8;
    uapi_expect(u, hw_info(&d, &info), -EFAULT, "no memory");
    info.data = (uintptr_t)data;
    info.flags = IOMMUFD_HW_INFO_INPUT_TYPE;
    info.data_type = type;
    uapi_expect(u, hw_info(&d, &info), 0, "the type that it is");
    info.data_type = IOMMUFD_HW_INFO_AMD;
    uapi_expect(u, hw_info(&d, &info), -EOPNOTSUPP, "another type");
    uapi_device_close(&d);
}

static int alloc(UapiDevice *d, IommufdHwptAlloc *cmd)
{
    cmd->size = sizeof(*cmd);
    return uapi_iommu_ioctl(d, IOMMUFD_HWPT_ALLOC, cmd);
}

static void test_alloc(Uapi *u)
{
    IommufdHwptAlloc cmd;
    UapiDevice d;
    uint32_t ioas, hwpt, parent;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    ioas = uapi_ioas(u, d.iommu);
    cmd = (IommufdHwptAlloc) { .dev_id = d.id, .pt_id = ioas, .reserved = 1 };
    uapi_expect(u, alloc(&d, &cmd), -EOPNOTSUPP, "the reserved word");
    cmd.reserved = 0;
    cmd.data_len = 8;
    uapi_expect(u, alloc(&d, &cmd), -EINVAL, "a length, but no type");
    cmd.data_len = 0;
    cmd.data_type = IOMMUFD_HWPT_DATA_VTD_S1;
    uapi_expect(u, alloc(&d, &cmd), -EINVAL, "a type, but no length");
    cmd.data_type = 0;
    cmd.dev_id = ioas;
    uapi_expect(u, alloc(&d, &cmd), -ENOENT, "an IOAS as device");
    cmd.dev_id = d.id;
    cmd.pt_id = d.id;
    uapi_expect(u, alloc(&d, &cmd), -EINVAL, "a device as IOAS");
    cmd.pt_id = 99;
    uapi_expect(u, alloc(&d, &cmd), -EINVAL, "no such IOAS");
    cmd.pt_id = ioas;
    cmd.flags = 1u << 4;
    uapi_expect(u, alloc(&d, &cmd), -EOPNOTSUPP, "an unknown flag");
    cmd.flags = 0;
    uapi_expect(u, alloc(&d, &cmd), 0, "alloc");
    hwpt = cmd.out_hwpt_id;
    cmd.flags = IOMMUFD_HWPT_NEST_PARENT;
    uapi_expect(u, alloc(&d, &cmd), u->flat ? -EOPNOTSUPP : 0, "a parent");
    if (!u->flat) {
        uapi_expect(u, uapi_destroy(u, d.iommu, cmd.out_hwpt_id), 0,
                    "destroy it");
    }
    uapi_expect(u, uapi_destroy(u, d.iommu, ioas), -EBUSY,
                "destroy its IOAS");
    uapi_expect(u, uapi_hwpt(&d, 0, hwpt, &parent), -EOPNOTSUPP,
                "nested without data");
    /* an SMMUv3's nested tables are made from vIOMMUs only */
    uapi_expect(u, uapi_nested(&d, 0, hwpt, BASE, 0, &parent),
                u->arch == UAPI_VTD ? -EINVAL : -EOPNOTSUPP,
                "nested on what is no parent");
    uapi_expect(u, uapi_attach(&d, NO_PASID, hwpt), 0, "attach");
    uapi_expect(u, uapi_destroy(u, d.iommu, hwpt), -EBUSY, "destroy it");
    uapi_expect(u, uapi_detach(&d, NO_PASID), 0, "detach");
    uapi_expect(u, uapi_destroy(u, d.iommu, hwpt), 0, "destroy it");
    uapi_expect(u, uapi_destroy(u, d.iommu, hwpt), -ENOENT, "twice");
    uapi_expect(u, uapi_destroy(u, d.iommu, ioas), 0, "destroy the IOAS");
    uapi_device_close(&d);
}

static void test_automatic(Uapi *u)
{
    VfioAttachPt attach = { .argsz = sizeof(attach) };
    UapiDevice d;
    uint32_t a, b, first;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    a = uapi_ioas(u, d.iommu);
    b = uapi_ioas(u, d.iommu);
    attach.pt_id = a;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_ATTACH_PT, &attach), 0,
                "attach an IOAS");
    first = attach.pt_id;
    uapi_check(u, first != a && first != d.id, "the HWPT's ID is %u", first);
    uapi_expect(u, uapi_destroy(u, d.iommu, first), -EBUSY, "destroy it");
    attach.pt_id = a;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_ATTACH_PT, &attach), 0,
                "attach the same again");
    uapi_expect(u, attach.pt_id, first, "the same HWPT");
    attach.pt_id = b;
    uapi_expect(u, uapi_dev_ioctl(&d, VFIO_ABI_DEVICE_ATTACH_PT, &attach), 0,
                "replace it by another");
    uapi_expect(u, uapi_destroy(u, d.iommu, first), -ENOENT,
                "the first one has gone");
    uapi_expect(u, uapi_destroy(u, d.iommu, a), 0, "and its IOAS is free");
    uapi_expect(u, uapi_detach(&d, NO_PASID), 0, "detach");
    uapi_expect(u, uapi_destroy(u, d.iommu, attach.pt_id), -ENOENT,
                "the second one has gone");
    uapi_expect(u, uapi_destroy(u, d.iommu, b), 0, "its IOAS");
    uapi_device_close(&d);
}

/** False: no VT-d. */
static bool parent_of(Uapi *u, UapiDevice *d, uint32_t *parent,
                      uint32_t *nested)
{
    uint32_t ioas;
    int ret;

    if (!uapi_device_open(u, 0, d)) {
        return false;
    }
    ioas = uapi_ioas(u, d->iommu);
    uapi_expect(u, uapi_hwpt(d, IOMMUFD_HWPT_NEST_PARENT, ioas, parent), 0,
                "parent");
    ret = uapi_nested(d, 0, *parent, BASE, 0, nested);
    if (ret == -EOPNOTSUPP) {
        uapi_skip(u, "no VT-d that nests");
        uapi_device_close(d);
        return false;
    }
    uapi_expect(u, ret, 0, "nested");
    return true;
}

static void test_vtd_s1(Uapi *u)
{
    struct {
        IommufdHwptVtdS1 s1;
        uint8_t more[8];
    } data = { .s1 = { .pgtbl_addr = BASE, .addr_width = 48 } };
    IommufdHwptAlloc cmd;
    UapiDevice d;
    uint32_t parent, nested;

    if (!parent_of(u, &d, &parent, &nested)) {
        return;
    }
    cmd = (IommufdHwptAlloc) {
        .dev_id = d.id, .pt_id = parent,
        .data_type = IOMMUFD_HWPT_DATA_VTD_S1, .data_len = 24,
        .data = (uintptr_t)&data,
    };
    cmd.data_len = 23;
    uapi_expect(u, alloc(&d, &cmd), -EINVAL, "data too small");
    cmd.data_len = 32;
    /* unlike the ioctls' own structures, a driver's do not grow */
    uapi_expect(u, alloc(&d, &cmd), -EINVAL, "data larger, with zeroes");
    data.more[7] = 1;
    uapi_expect(u, alloc(&d, &cmd), -EINVAL, "data larger, not zero");
    cmd.data_len = 24;
    cmd.data = 64;
    uapi_expect(u, alloc(&d, &cmd), -EFAULT, "data at no memory");
    cmd.data = (uintptr_t)&data;
    cmd.data_type = IOMMUFD_HWPT_DATA_ARM_SMMUV3;
    uapi_expect(u, alloc(&d, &cmd), -EOPNOTSUPP, "another architecture's");
    cmd.data_type = IOMMUFD_HWPT_DATA_VTD_S1;
    cmd.flags = IOMMUFD_HWPT_NEST_PARENT;
    uapi_expect(u, alloc(&d, &cmd), -EOPNOTSUPP, "a parent on a parent");
    cmd.flags = IOMMUFD_HWPT_DIRTY_TRACKING;
    uapi_expect(u, alloc(&d, &cmd), -EOPNOTSUPP, "dirty tracking");
    cmd.flags = 0;
    cmd.pt_id = nested;
    uapi_expect(u, alloc(&d, &cmd), -EINVAL, "nested on nested");
    /* what the hardware cannot do shows when it is attached */
    cmd.pt_id = parent;
    data.s1.addr_width = 39;
    uapi_expect(u, alloc(&d, &cmd), 0, "39 bits");
    uapi_expect(u, uapi_attach(&d, NO_PASID, nested), 0, "attach 48 bits");
    uapi_expect(u, uapi_attach(&d, NO_PASID, cmd.out_hwpt_id), -EINVAL,
                "attach 39 bits");
    uapi_expect(u, uapi_destroy(u, d.iommu, nested), -EBUSY,
                "the old one is still attached");
    uapi_device_close(&d);
}

static int invalidate(UapiDevice *d, uint32_t id, uint32_t type, void *data,
                      uint32_t len, uint32_t *n)
{
    IommufdHwptInvalidate cmd = {
        .size = sizeof(cmd), .hwpt_id = id, .data = (uintptr_t)data,
        .data_type = type, .entry_len = len, .entry_num = *n,
    };
    int ret = uapi_iommu_ioctl(d, IOMMUFD_HWPT_INVALIDATE, &cmd);

    *n = cmd.entry_num;
    return ret;
}

static void test_invalidate(Uapi *u)
{
    IommufdVtdS1Invalidate list[4] = { { .npages = 1 }, { .npages = 1 },
                                       { .npages = 1 }, { .npages = 1 } };
    uint8_t large[2][32] = { { 0 } };
    IommufdHwptInvalidate cmd = {
        .size = sizeof(cmd), .reserved = 1, .entry_num = 3,
    };
    UapiDevice d;
    uint32_t parent, nested, n = 0;

    if (!parent_of(u, &d, &parent, &nested)) {
        return;
    }
    cmd.hwpt_id = nested;
    uapi_expect(u, uapi_iommu_ioctl(&d, IOMMUFD_HWPT_INVALIDATE, &cmd),
                -EOPNOTSUPP, "the reserved word");
    uapi_expect(u, cmd.entry_num, 0, "its entries");
    uapi_expect(u, invalidate(&d, nested, 0, NULL, 0, &n), 0, "no entries");
    uapi_expect(u, invalidate(&d, nested, 1, NULL, 0, &n), -EINVAL,
                "no entries of another type");
    n = 1;
    uapi_expect(u, invalidate(&d, nested, 0, NULL, 24, &n), -EINVAL,
                "no array");
    n = 1;
    uapi_expect(u, invalidate(&d, nested, 0, list, 0, &n), -EINVAL,
                "no length");
    n = 1;
    uapi_expect(u, invalidate(&d, nested, 0, list, 4097, &n), -EINVAL,
                "entries that are too large");
    n = 1;
    uapi_expect(u, invalidate(&d, 99, 0, list, 24, &n), -ENOENT, "no HWPT");
    n = 1;
    uapi_expect(u, invalidate(&d, parent, 0, list, 24, &n), -EINVAL,
                "the parent");
    n = 1;
    uapi_expect(u, invalidate(&d, nested, 0, list, 23, &n), -EINVAL,
                "entries that are too small");
    uapi_expect(u, n, 0, "done of that");
    n = 4;
    uapi_expect(u, invalidate(&d, nested, 0, list, 24, &n), 0, "four");
    uapi_expect(u, n, 4, "done of four");
    list[2].flags = 2;
    uapi_expect(u, invalidate(&d, nested, 0, list, 24, &n), -EOPNOTSUPP,
                "an unknown flag in the third");
    uapi_expect(u, n, 2, "done before it");
    n = 4;
    list[2].flags = IOMMUFD_VTD_INVALIDATE_LEAF;
    list[1].reserved = 1;
    uapi_expect(u, invalidate(&d, nested, 0, list, 24, &n), -EOPNOTSUPP,
                "a reserved word in the second");
    uapi_expect(u, n, 1, "done before it");
    n = 4;
    list[1].reserved = 0;
    list[3].addr = 8;
    uapi_expect(u, invalidate(&d, nested, 0, list, 24, &n), -EINVAL,
                "an odd address in the fourth");
    uapi_expect(u, n, 3, "done before it");
    n = 4;
    list[3] = (IommufdVtdS1Invalidate) { PAGE, UINT64_MAX, 0, 0 };
    uapi_expect(u, invalidate(&d, nested, 0, list, 24, &n), -EINVAL,
                "everything, but from a page on");
    n = 1;
    uapi_expect(u, invalidate(&d, nested, 0, (void *)64, 24, &n), -EFAULT,
                "an array at no memory");
    n = 2;
    uapi_expect(u, invalidate(&d, nested, 0, large, 32, &n), -EINVAL,
                "larger entries, with zeroes");
    uapi_expect(u, n, 0, "done of them");
    n = (1u << 19) + 1;
    uapi_expect(u, invalidate(&d, nested, 0, list, 24, &n), -EINVAL,
                "too many");
    uapi_device_close(&d);
}

/** What may stand beside PASIDs. */
static void test_pasid(Uapi *u)
{
    IommufdHwInfo info = { 0 };
    UapiDevice d;
    uint32_t ioas, plain, with;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    info.dev_id = d.id;
    uapi_expect(u, hw_info(&d, &info), 0, "GET_HW_INFO");
    if (!info.out_max_pasid_log2) {
        uapi_skip(u, "no PASIDs");
        uapi_device_close(&d);
        return;
    }
    ioas = uapi_ioas(u, d.iommu);
    uapi_expect(u, uapi_hwpt(&d, 0, ioas, &plain), 0, "plain");
    uapi_expect(u, uapi_hwpt(&d, IOMMUFD_HWPT_PASID, ioas, &with), 0, "with");
    uapi_expect(u, uapi_attach(&d, 1, plain), -EINVAL, "plain to a PASID");
    uapi_expect(u, uapi_attach(&d, NO_PASID, plain), 0, "plain, no PASID");
    uapi_expect(u, uapi_attach(&d, 1, with), -EINVAL, "beside a plain one");
    uapi_expect(u, uapi_detach(&d, NO_PASID), 0, "detach");
    uapi_expect(u, uapi_attach(&d, 1, with), 0, "alone");
    uapi_expect(u, uapi_attach(&d, NO_PASID, plain), -EINVAL,
                "plain beside it");
    uapi_expect(u, uapi_attach(&d, NO_PASID, with), 0, "twice the same");
    uapi_expect(u, uapi_attach(&d, 1u << info.out_max_pasid_log2, with),
                -EINVAL, "a PASID that the device has not");
    uapi_expect(u, uapi_attach(&d, (1u << info.out_max_pasid_log2) - 1, with),
                0, "the last PASID");
    uapi_expect(u, uapi_detach(&d, 2), 0, "detach what is not attached");
    uapi_expect(u, uapi_attach(&d, NO_PASID, plain), -EINVAL,
                "replace by a plain one");
    uapi_device_close(&d);
}

const UapiTest uapi_hwpt_tests[] = {
    { "hwpt/hw-info", test_hw_info },
    { "hwpt/alloc", test_alloc },
    { "hwpt/automatic", test_automatic },
    { "hwpt/pasid", test_pasid },
    { NULL, NULL },
};

const UapiTest uapi_hwpt_vtd_tests[] = {
    { "hwpt/vtd-s1", test_vtd_s1 },
    { "hwpt/invalidate", test_invalidate },
    { NULL, NULL },
};
