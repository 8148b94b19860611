/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Behind an SMMUv3: the user's stream table entries and context descriptors,
 * and commands.
 */
#include <errno.h>
#include <string.h>

#include "tests/guest/testdev.h"
#include "tests/uapi/smmu.h"

/* --- Stream table entries ------------------------------------------------ */

static void test_hw_info(Uapi *u)
{
    IommufdHwInfoSmmuv3 data = { 0 };
    IommufdHwInfo info = {
        .size = sizeof(info), .data_len = sizeof(data),
        .data = (uintptr_t)&data,
    };
    Smmu s;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    info.dev_id = s.d.id;
    uapi_expect(u, uapi_iommu_ioctl(&s.d, IOMMUFD_GET_HW_INFO, &info), 0,
                "GET_HW_INFO");
    uapi_expect(u, info.data_len, 40, "bytes of it");
    uapi_expect(u, data.idr[0] & 3, 3, "both stages (IDR0)");
    uapi_check(u, (data.idr[0] >> 2 & 3) >= 2, "no AArch64 tables (IDR0)");
    uapi_check(u, data.idr[1] & 0x3f, "no StreamIDs (IDR1)");
    info.flags = IOMMUFD_HW_INFO_INPUT_TYPE;
    info.data_type = IOMMUFD_HW_INFO_INTEL_VTD;
    uapi_expect(u, uapi_iommu_ioctl(&s.d, IOMMUFD_GET_HW_INFO, &info),
                -EOPNOTSUPP, "VT-d's registers");
    smmu_close(&s);
}

/** A HWPT that is not to stay. */
static void expect_hwpt(Smmu *s, IommufdHwptAlloc alloc, uint64_t ste0,
                        uint64_t ste1, int wanted, const char *what)
{
    uint32_t hwpt;
    int ret = smmu_nested_alloc(s, &alloc, ste0, ste1, &hwpt);

    uapi_expect(s->d.u, ret, wanted, "%s", what);
    if (!ret) {
        uapi_expect(s->d.u, uapi_destroy(s->d.u, s->d.iommu, hwpt), 0,
                    "destroy");
    }
}

static void test_entries(Uapi *u)
{
    const IommufdHwptAlloc plain = { 0 };
    uint64_t s1 = STE_S1 | (BASE + CDS * PAGE);
    IommufdHwptAlloc other;
    uint32_t hwpt;
    Smmu s;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    expect_hwpt(&s, plain, s1 | STE_CDMAX(2) | 1u << 4, UINT64_C(0x80000ff),
                0, "stage 1 with all of its fields");
    expect_hwpt(&s, plain, s1, STE_EATS(1), 0, "ATS");
    expect_hwpt(&s, plain, s1, STE_EATS(2), -EIO, "split ATS");
    expect_hwpt(&s, plain, STE_BYPASS, 0, 0, "bypass");
    expect_hwpt(&s, plain, STE_ABORT, 0, 0, "abort");
    expect_hwpt(&s, plain, 0, 0, 0, "no entry");
    expect_hwpt(&s, plain, ~STE_V, UINT64_MAX, 0, "V is 0, whatever follows");
    expect_hwpt(&s, plain, STE_V | 6u << 1, 0, -EIO, "stage 2");
    expect_hwpt(&s, plain, STE_V | 7u << 1, 0, -EIO, "both stages");
    expect_hwpt(&s, plain, STE_V | 1u << 1, 0, -EIO, "a reserved Config");
    expect_hwpt(&s, plain, s1 | UINT64_C(1) << 52, 0, -EIO, "a reserved bit");
    expect_hwpt(&s, plain, s1, UINT64_C(2) << 30, -EIO, "EL2 (STRW)");
    expect_hwpt(&s, plain, s1, UINT64_C(1) << 44, -EIO, "SHCFG");
    expect_hwpt(&s, plain, s1, UINT64_C(2) << 48, -EIO, "PRIVCFG");
    expect_hwpt(&s, plain, s1, UINT64_C(1) << 25, -EIO, "S2FWB");
    other = (IommufdHwptAlloc) { .pt_id = s.parent };
    expect_hwpt(&s, other, s1, 0, -EOPNOTSUPP, "without a vIOMMU");
    other = (IommufdHwptAlloc) { .flags = IOMMUFD_HWPT_PASID };
    expect_hwpt(&s, other, s1, 0, -EOPNOTSUPP, "for a PASID");
    other = (IommufdHwptAlloc) { .flags = IOMMUFD_HWPT_NEST_PARENT };
    expect_hwpt(&s, other, s1, 0, -EOPNOTSUPP, "a nested parent");
    uapi_expect(u, uapi_hwpt(&s.d, IOMMUFD_HWPT_NEST_PARENT |
                             IOMMUFD_HWPT_PASID, s.ioas, &hwpt), -EOPNOTSUPP,
                "a parent for PASIDs");
    uapi_expect(u, uapi_hwpt(&s.d, IOMMUFD_HWPT_NEST_PARENT |
                             IOMMUFD_HWPT_DIRTY_TRACKING, s.ioas, &hwpt),
                -EOPNOTSUPP, "a parent that tracks dirty pages");
    smmu_close(&s);
}

/** Structures of other sizes and types. */
static void test_data(Uapi *u)
{
    uint64_t data[4] = { STE_BYPASS };
    IommufdHwptAlloc alloc = {
        .size = sizeof(alloc), .data_type = IOMMUFD_HWPT_DATA_ARM_SMMUV3,
        .data_len = 15, .data = (uintptr_t)data,
    };
    Smmu s;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    alloc.dev_id = s.d.id;
    alloc.pt_id = s.viommu;
    uapi_expect(u, uapi_iommu_ioctl(&s.d, IOMMUFD_HWPT_ALLOC, &alloc),
                -EINVAL, "too small");
    alloc.data_len = 24;
    /* a driver's structures do not grow */
    uapi_expect(u, uapi_iommu_ioctl(&s.d, IOMMUFD_HWPT_ALLOC, &alloc),
                -EINVAL, "larger, with zeroes");
    alloc.data_len = 16;
    alloc.data_type = IOMMUFD_HWPT_DATA_VTD_S1;
    uapi_expect(u, uapi_iommu_ioctl(&s.d, IOMMUFD_HWPT_ALLOC, &alloc),
                -EINVAL, "VT-d's data");
    alloc.data_len = 0;
    uapi_expect(u, uapi_iommu_ioctl(&s.d, IOMMUFD_HWPT_ALLOC, &alloc),
                -EINVAL, "no data");
    smmu_close(&s);
}

/* --- vIOMMUs and vDEVICEs ------------------------------------------------ */

static void test_viommu(Uapi *u)
{
    uint32_t hwpt, id;
    Smmu s;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    uapi_expect(u, smmu_viommu_alloc(&s, 0, s.parent, &id), -EOPNOTSUPP,
                "no type");
    uapi_expect(u, smmu_viommu_alloc(&s, 77, s.parent, &id), -EOPNOTSUPP,
                "a type that there is not");
    uapi_expect(u, smmu_viommu_alloc(&s, 1, s.ioas, &id), -ENOENT,
                "on an IOAS");
    uapi_expect(u, smmu_viommu_alloc(&s, 1, 999, &id), -ENOENT, "on nothing");
    uapi_expect(u, uapi_hwpt(&s.d, 0, s.ioas, &hwpt), 0, "a plain HWPT");
    uapi_expect(u, smmu_viommu_alloc(&s, 1, hwpt, &id), -EINVAL, "on that");
    uapi_expect(u, uapi_destroy(u, s.d.iommu, s.parent), -EBUSY,
                "destroy the parent");
    uapi_expect(u, smmu_nested(&s, STE_BYPASS, 0, &hwpt), 0, "nested");
    uapi_expect(u, uapi_destroy(u, s.d.iommu, s.viommu), -EBUSY,
                "destroy the vIOMMU");
    uapi_expect(u, uapi_destroy(u, s.d.iommu, hwpt), 0, "destroy");
    uapi_expect(u, uapi_destroy(u, s.d.iommu, s.viommu), 0, "destroy");
    uapi_expect(u, uapi_destroy(u, s.d.iommu, s.viommu), -ENOENT, "again");
    uapi_expect(u, uapi_destroy(u, s.d.iommu, s.parent), 0, "destroy");
    smmu_close(&s);
}

static void test_vdevice(Uapi *u)
{
    uint32_t s1, bypass, id, other_id;
    UapiDevice other;
    Smmu s;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    uapi_expect(u, smmu_nested_s1(&s, &s1), 0, "stage 1");
    uapi_expect(u, smmu_nested(&s, STE_BYPASS, 0, &bypass), 0, "bypass");
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, s1), -ENOENT,
                "stage 1 without a name");
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, bypass), 0,
                "bypass without a name");
    uapi_expect(u, smmu_vdevice_alloc(&s.d, 999, VSID, &id), -ENOENT,
                "of nothing");
    uapi_expect(u, smmu_vdevice_alloc(&s.d, s.parent, VSID, &id), -ENOENT,
                "of a HWPT");
    uapi_expect(u, smmu_vdevice_alloc(&s.d, s.viommu, VSID, &id), 0,
                "VDEVICE_ALLOC");
    uapi_expect(u, smmu_vdevice_alloc(&s.d, s.viommu, VSID + 1, &other_id),
                -EEXIST, "a second name");
    if (uapi_device_open_with(u, 1, s.d.iommu, &other)) {
        uapi_expect(u, smmu_vdevice_alloc(&other, s.viommu, VSID, &other_id),
                    -EEXIST, "the same name");
        uapi_expect(u, smmu_vdevice_alloc(&other, s.viommu, VSID + 1,
                                          &other_id),
                    0, "another one");
        uapi_close(u, other.fd);
    }
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, s1), 0, "stage 1");
    uapi_expect(u, uapi_attach(&s.d, 1, s1), -EINVAL, "with a PASID");
    uapi_expect(u, uapi_detach(&s.d, NO_PASID), 0, "detach");
    uapi_expect(u, uapi_destroy(u, s.d.iommu, id), 0, "destroy");
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, s1), -ENOENT,
                "the name has gone");
    smmu_close(&s);
}

/* --- DMA and commands ---------------------------------------------------- */

/** Each command makes a change of the first page's entry seen. */
static void expect_seen(Smmu *s, uint32_t pasid, uint64_t low, uint64_t high)
{
    static unsigned turn;
    unsigned page = DATA + ++turn % 8;

    uapi_expect(s->d.u, uapi_fill(&s->d, pasid, VA, PAGE, turn), UAPI_DONE,
                "before");
    uapi_tables_map(&s->tables, VA, BASE + page * PAGE);
    memset(s->memory + page * PAGE, 0, PAGE);
    smmu_expect_command(s, low, high, 0);
    uapi_expect(s->d.u, uapi_fill(&s->d, pasid, VA, PAGE, turn), UAPI_DONE,
                "after");
    uapi_check(s->d.u, uapi_is_filled(s->memory + page * PAGE, PAGE, turn),
               "an old translation after command %llx",
               (unsigned long long)low);
}

static void test_dma(Uapi *u)
{
    uint32_t hwpt;
    Smmu s;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    smmu_start(&s, &hwpt);
    expect_seen(&s, NO_PASID, TLBI_NSNH_ALL, 0);
    expect_seen(&s, NO_PASID, TLBI_NH_ALL | CMD_SID(7), 0);
    expect_seen(&s, NO_PASID, TLBI_NH_ASID | CD_ASID(1), 0);
    expect_seen(&s, NO_PASID, TLBI_NH_VA | CD_ASID(1), VA | 1);
    expect_seen(&s, NO_PASID, TLBI_NH_VAA, VA | 1);
    uapi_expect(u, uapi_verify(&s.d, NO_PASID, VA + PAGE, PAGE, 0),
                TESTDEV_BLOCKED, "a page that is not there");
    if (uapi_fill(&s.d, 1, VA, PAGE, 3) == UAPI_DONE) {
        expect_seen(&s, 1, TLBI_NH_ASID | CD_ASID(2), 0);
        expect_seen(&s, 1, TLBI_NH_VA | CD_ASID(2), VA | 1);
        uapi_expect(u, uapi_fill(&s.d, 2, VA, PAGE, 3), TESTDEV_BLOCKED,
                    "a substream without a descriptor");
        smmu_put_cd(&s, 2, 0);
        smmu_expect_command(&s, CFGI_CD | CMD_SID(VSID) | 2u << 12, 1, 0);
        uapi_expect(u, uapi_fill(&s.d, 2, VA, PAGE, 3), UAPI_DONE,
                    "a substream with one");
        *smmu_cd(&s, 2) = 0;
        smmu_expect_command(&s, CFGI_CD_ALL | CMD_SID(VSID), 0, 0);
        uapi_expect(u, uapi_fill(&s.d, 2, VA, PAGE, 3), TESTDEV_BLOCKED,
                    "a descriptor that has gone");
    }
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, s.parent), 0, "the parent");
    uapi_expect(u, uapi_fill(&s.d, NO_PASID, BASE + DATA * PAGE, PAGE, 4),
                UAPI_DONE, "by the parent");
    uapi_expect(u, uapi_fill(&s.d, NO_PASID, VA, PAGE, 4), TESTDEV_BLOCKED,
                "by stage 1, which has gone");
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, hwpt), 0, "stage 1 again");
    uapi_expect(u, uapi_fill(&s.d, NO_PASID, VA, PAGE, 5), UAPI_DONE, "DMA");
    uapi_expect(u, uapi_unmap(&s.d, s.ioas, BASE, SIZE), 0, "unmap");
    uapi_expect(u, uapi_fill(&s.d, NO_PASID, VA, PAGE, 5), TESTDEV_BLOCKED,
                "without the parent's memory");
    smmu_close(&s);
}

static void test_bypass(Uapi *u)
{
    uint32_t bypass, abort_entry, none;
    uint64_t data = BASE + DATA * PAGE;
    Smmu s;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    uapi_expect(u, smmu_nested(&s, STE_BYPASS, 0, &bypass), 0, "bypass");
    uapi_expect(u, smmu_nested(&s, STE_ABORT, 0, &abort_entry), 0, "abort");
    uapi_expect(u, smmu_nested(&s, 0, 0, &none), 0, "no entry");
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, bypass), 0, "attach");
    uapi_expect(u, uapi_fill(&s.d, NO_PASID, data, PAGE, 1), UAPI_DONE,
                "bypass");
    uapi_check(u, uapi_is_filled(s.memory + DATA * PAGE, PAGE, 1),
               "it went elsewhere");
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, abort_entry), 0, "attach");
    uapi_expect(u, uapi_fill(&s.d, NO_PASID, data, PAGE, 2), TESTDEV_BLOCKED,
                "abort");
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, none), 0, "attach");
    uapi_expect(u, uapi_fill(&s.d, NO_PASID, data, PAGE, 2), TESTDEV_BLOCKED,
                "no entry");
    smmu_close(&s);
}

static void test_refused(Uapi *u)
{
    const uint64_t list[][2] = {
        { TLBI_NSNH_ALL, 0 }, { SYNC, 0 }, { TLBI_NSNH_ALL, 0 },
    };
    IommufdHwptInvalidate inv = {
        .size = sizeof(inv), .data = (uintptr_t)list,
        .data_type = IOMMUFD_INVALIDATE_ARM_SMMUV3,
        .entry_len = sizeof(list[0]),
    };
    unsigned done;
    uint32_t hwpt;
    Smmu s;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    smmu_start(&s, &hwpt);
    smmu_expect_command(&s, CFGI_STE | CMD_SID(VSID), 0, -EIO);
    smmu_expect_command(&s, SYNC, 0, -EIO);
    smmu_expect_command(&s, RESUME | CMD_SID(VSID), 0, -EIO);
    smmu_expect_command(&s, TLBI_S12_VMALL, 0, -EIO);
    smmu_expect_command(&s, TLBI_EL2_ALL, 0, -EIO);
    smmu_expect_command(&s, CFGI_CD_ALL | CMD_SID(VSID + 1), 0, -EIO);
    uapi_expect(u, smmu_invalidate(&s, list, 3, &done), -EIO, "one is bad");
    uapi_expect(u, done, 1, "commands before it");
    inv.hwpt_id = s.viommu;
    uapi_expect(u, uapi_iommu_ioctl(&s.d, IOMMUFD_HWPT_INVALIDATE, &inv),
                -EINVAL, "no commands");
    inv.entry_num = 1;
    inv.data_type = IOMMUFD_INVALIDATE_VTD_S1;
    uapi_expect(u, uapi_iommu_ioctl(&s.d, IOMMUFD_HWPT_INVALIDATE, &inv),
                -EINVAL, "VT-d's data");
    uapi_expect(u, inv.entry_num, 0, "commands done");
    inv.data_type = IOMMUFD_INVALIDATE_ARM_SMMUV3;
    inv.hwpt_id = hwpt;
    inv.entry_num = 1;
    uapi_expect(u, uapi_iommu_ioctl(&s.d, IOMMUFD_HWPT_INVALIDATE, &inv),
                -EOPNOTSUPP, "of a HWPT");
    smmu_close(&s);
}

/** Fields that are not the user's, as newer kernels check them. */
static void test_fields(Uapi *u)
{
    uint32_t hwpt;
    Smmu s;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    smmu_start(&s, &hwpt);
    smmu_expect_command(&s, TLBI_NSNH_ALL | CMD_SID(1), 0, -EIO);
    smmu_expect_command(&s, TLBI_NH_ALL | CMD_SSEC, 0, -EIO);
    smmu_expect_command(&s, TLBI_NH_ALL | CD_ASID(1), 0, -EIO);
    smmu_expect_command(&s, TLBI_NH_ASID, 1, -EIO);
    smmu_expect_command(&s, TLBI_NH_VAA | CD_ASID(1), VA, -EIO);
    smmu_expect_command(&s, CFGI_CD | CMD_SID(VSID) | CMD_SSEC, 1, -EIO);
    smmu_expect_command(&s, CFGI_CD_ALL | CMD_SID(VSID), 1, -EIO);
    smmu_expect_command(&s, ATC_INV | CMD_SID(VSID), 53, -EIO);
    smmu_close(&s);
}

const UapiTest uapi_smmu_tests[] = {
    { "smmu/hw-info", test_hw_info },
    { "smmu/entries", test_entries },
    { "smmu/data", test_data },
    { "smmu/viommu", test_viommu },
    { "smmu/vdevice", test_vdevice },
    { "smmu/dma", test_dma },
    { "smmu/bypass", test_bypass },
    { "smmu/refused", test_refused },
    { "smmu/fields", test_fields },
    { NULL, NULL },
};
