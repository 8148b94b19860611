/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Behind an SMMUv3: the user's stream table entries and context descriptors,
 * commands, events, and transactions that wait.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "tests/guest/testdev.h"
#include "tests/uapi/device.h"

#define BASE    UINT64_C(0x40000000)    /* of the guest's memory */
#define TABLES  16
#define CDS     TABLES                  /* the page of context descriptors */
#define DATA    (TABLES + 1)
#define SIZE    ((DATA + 16) * PAGE)
#define VA      UINT64_C(0x30000000)
#define VSID    0x2345u

/* Stream table entries (IHI 0070, 5.2) */
#define STE_V           UINT64_C(1)
#define STE_ABORT       STE_V
#define STE_BYPASS      (STE_V | UINT64_C(4) << 1)
#define STE_S1          (STE_V | UINT64_C(5) << 1)
#define STE_CDMAX(n)    ((uint64_t)(n) << 59)
#define STE_S1DSS_SSID0 UINT64_C(2)
#define STE_S1STALLD    (UINT64_C(1) << 27)
#define STE_EATS(n)     ((uint64_t)(n) << 28)
/* A context descriptor (5.4): 48 bits, 4 KiB, no TTB1; V, AA64, R, A, ASET;
 * 48-bit output */
#define CD_COMMON       (UINT64_C(16) | UINT64_C(1) << 30 | \
                         UINT64_C(1) << 31 | UINT64_C(5) << 32 | \
                         UINT64_C(1) << 41 | UINT64_C(7) << 45)
#define CD_STALL        (UINT64_C(1) << 44)
#define CD_ASID(n)      ((uint64_t)(n) << 48)
/* Commands (4) */
#define CFGI_STE        UINT64_C(0x03)
#define CFGI_CD         UINT64_C(0x05)
#define CFGI_CD_ALL     UINT64_C(0x06)
#define TLBI_NH_ALL     UINT64_C(0x10)
#define TLBI_NH_ASID    UINT64_C(0x11)
#define TLBI_NH_VA      UINT64_C(0x12)
#define TLBI_NH_VAA     UINT64_C(0x13)
#define TLBI_EL2_ALL    UINT64_C(0x20)
#define TLBI_S12_VMALL  UINT64_C(0x28)
#define TLBI_NSNH_ALL   UINT64_C(0x30)
#define ATC_INV         UINT64_C(0x40)
#define RESUME          UINT64_C(0x44)
#define SYNC            UINT64_C(0x46)
#define CMD_SID(sid)    ((uint64_t)(sid) << 32)
#define CMD_SSEC        (UINT64_C(1) << 10)
/* Events (7.3) */
#define C_BAD_CD        0x0a
#define F_TRANSLATION   0x10

typedef struct Smmu {
    UapiDevice d;
    uint8_t *memory;
    uint32_t ioas, parent, viommu;
    UapiTables tables;
} Smmu;

static int viommu_alloc(Smmu *s, uint32_t type, uint32_t hwpt, uint32_t *id)
{
    IommufdViommuAlloc alloc = {
        .size = sizeof(alloc), .type = type, .dev_id = s->d.id,
        .hwpt_id = hwpt,
    };
    int ret = uapi_iommu_ioctl(&s->d, IOMMUFD_VIOMMU_ALLOC, &alloc);

    *id = alloc.out_viommu_id;
    return ret;
}

static int vdevice_alloc(UapiDevice *d, uint32_t viommu, uint64_t virt_id,
                         uint32_t *id)
{
    IommufdVdeviceAlloc alloc = {
        .size = sizeof(alloc), .viommu_id = viommu, .dev_id = d->id,
        .virt_id = virt_id,
    };
    int ret = uapi_iommu_ioctl(d, IOMMUFD_VDEVICE_ALLOC, &alloc);

    *id = alloc.out_vdevice_id;
    return ret;
}

/** False: no device @n, or one that cannot nest here. */
static bool smmu_open(Uapi *u, unsigned n, Smmu *s)
{
    int ret;

    memset(s, 0, sizeof(*s));
    if (!uapi_device_open(u, n, &s->d)) {
        return false;
    }
    s->memory = uapi_memory(SIZE);
    s->ioas = uapi_ioas(u, s->d.iommu);
    uapi_expect(u, uapi_map(&s->d, s->ioas, s->memory, SIZE, BASE), 0, "map");
    ret = uapi_hwpt(&s->d, IOMMUFD_HWPT_NEST_PARENT, s->ioas, &s->parent);
    if (!ret) {
        ret = viommu_alloc(s, IOMMUFD_VIOMMU_ARM_SMMUV3, s->parent,
                           &s->viommu);
    }
    if (!ret) {
        uapi_tables_init(&s->tables, s->memory, BASE, TABLES);
        uapi_tables_arm(&s->tables);
        return true;
    }
    uapi_expect(u, ret, -EOPNOTSUPP, "a parent and a vIOMMU");
    uapi_skip(u, "no SMMUv3 that nests");
    uapi_device_close(&s->d);
    uapi_memory_free(s->memory, SIZE);
    return false;
}

static void smmu_close(Smmu *s)
{
    uapi_device_close(&s->d);
    uapi_memory_free(s->memory, SIZE);
}

static uint64_t *cd(Smmu *s, unsigned ssid)
{
    return (uint64_t *)(void *)(s->memory + CDS * PAGE) + ssid * 8;
}

/** The descriptor of @ssid, with the tables. */
static void put_cd(Smmu *s, unsigned ssid, uint64_t more)
{
    uint64_t *word = cd(s, ssid);

    word[1] = BASE;
    word[3] = 0xff;
    __atomic_store_n(&word[0], CD_COMMON | CD_ASID(ssid + 1) | more,
                     __ATOMIC_RELEASE);
}

static int nested_alloc(Smmu *s, IommufdHwptAlloc *alloc, uint64_t ste0,
                        uint64_t ste1, uint32_t *hwpt)
{
    IommufdHwptSmmuv3 ste = { { ste0, ste1 } };
    int ret;

    alloc->size = sizeof(*alloc);
    alloc->dev_id = s->d.id;
    alloc->pt_id = alloc->pt_id ? alloc->pt_id : s->viommu;
    alloc->data_type = IOMMUFD_HWPT_DATA_ARM_SMMUV3;
    alloc->data_len = sizeof(ste);
    alloc->data = (uintptr_t)&ste;
    ret = uapi_iommu_ioctl(&s->d, IOMMUFD_HWPT_ALLOC, alloc);
    *hwpt = alloc->out_hwpt_id;
    return ret;
}

static int nested(Smmu *s, uint64_t ste0, uint64_t ste1, uint32_t *hwpt)
{
    IommufdHwptAlloc alloc = { 0 };

    return nested_alloc(s, &alloc, ste0, ste1, hwpt);
}

/** A stage 1 of four context descriptors. */
static int nested_s1(Smmu *s, uint32_t *hwpt)
{
    return nested(s, STE_S1 | (BASE + CDS * PAGE) | STE_CDMAX(2),
                  STE_S1DSS_SSID0 | STE_S1STALLD, hwpt);
}

static int invalidate(Smmu *s, const uint64_t (*cmds)[2], unsigned n,
                      unsigned *done)
{
    IommufdHwptInvalidate inv = {
        .size = sizeof(inv), .hwpt_id = s->viommu, .data = (uintptr_t)cmds,
        .data_type = IOMMUFD_INVALIDATE_ARM_SMMUV3,
        .entry_len = sizeof(cmds[0]), .entry_num = n,
    };
    int ret = uapi_iommu_ioctl(&s->d, IOMMUFD_HWPT_INVALIDATE, &inv);

    *done = inv.entry_num;
    return ret;
}

static void expect_command(Smmu *s, uint64_t low, uint64_t high, int wanted)
{
    const uint64_t cmd[1][2] = { { low, high } };
    unsigned done;

    uapi_expect(s->d.u, invalidate(s, cmd, 1, &done), wanted,
                "command %llx %llx", (unsigned long long)low,
                (unsigned long long)high);
    uapi_expect(s->d.u, done, !wanted, "commands done");
}

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
    int ret = nested_alloc(s, &alloc, ste0, ste1, &hwpt);

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
    uapi_expect(u, viommu_alloc(&s, 0, s.parent, &id), -EOPNOTSUPP,
                "no type");
    uapi_expect(u, viommu_alloc(&s, 77, s.parent, &id), -EOPNOTSUPP,
                "a type that there is not");
    uapi_expect(u, viommu_alloc(&s, 1, s.ioas, &id), -ENOENT, "on an IOAS");
    uapi_expect(u, viommu_alloc(&s, 1, 999, &id), -ENOENT, "on nothing");
    uapi_expect(u, uapi_hwpt(&s.d, 0, s.ioas, &hwpt), 0, "a plain HWPT");
    uapi_expect(u, viommu_alloc(&s, 1, hwpt, &id), -EINVAL, "on that");
    uapi_expect(u, uapi_destroy(u, s.d.iommu, s.parent), -EBUSY,
                "destroy the parent");
    uapi_expect(u, nested(&s, STE_BYPASS, 0, &hwpt), 0, "nested");
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
    uapi_expect(u, nested_s1(&s, &s1), 0, "stage 1");
    uapi_expect(u, nested(&s, STE_BYPASS, 0, &bypass), 0, "bypass");
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, s1), -ENOENT,
                "stage 1 without a name");
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, bypass), 0,
                "bypass without a name");
    uapi_expect(u, vdevice_alloc(&s.d, 999, VSID, &id), -ENOENT,
                "of nothing");
    uapi_expect(u, vdevice_alloc(&s.d, s.parent, VSID, &id), -ENOENT,
                "of a HWPT");
    uapi_expect(u, vdevice_alloc(&s.d, s.viommu, VSID, &id), 0,
                "VDEVICE_ALLOC");
    uapi_expect(u, vdevice_alloc(&s.d, s.viommu, VSID + 1, &other_id),
                -EEXIST, "a second name");
    if (uapi_device_open_with(u, 1, s.d.iommu, &other)) {
        uapi_expect(u, vdevice_alloc(&other, s.viommu, VSID, &other_id),
                    -EEXIST, "the same name");
        uapi_expect(u, vdevice_alloc(&other, s.viommu, VSID + 1, &other_id),
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

static void smmu_start(Smmu *s, uint32_t *hwpt)
{
    uint32_t id;

    put_cd(s, 0, 0);
    put_cd(s, 1, 0);
    uapi_tables_map(&s->tables, VA, BASE + DATA * PAGE);
    uapi_expect(s->d.u, vdevice_alloc(&s->d, s->viommu, VSID, &id), 0,
                "VDEVICE_ALLOC");
    uapi_expect(s->d.u, nested_s1(s, hwpt), 0, "stage 1");
    uapi_expect(s->d.u, uapi_attach(&s->d, NO_PASID, *hwpt), 0, "attach");
}

/** Each command makes a change of the first page's entry seen. */
static void expect_seen(Smmu *s, uint32_t pasid, uint64_t low, uint64_t high)
{
    static unsigned turn;
    unsigned page = DATA + ++turn % 8;

    uapi_expect(s->d.u, uapi_fill(&s->d, pasid, VA, PAGE, turn), UAPI_DONE,
                "before");
    uapi_tables_map(&s->tables, VA, BASE + page * PAGE);
    memset(s->memory + page * PAGE, 0, PAGE);
    expect_command(s, low, high, 0);
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
        put_cd(&s, 2, 0);
        expect_command(&s, CFGI_CD | CMD_SID(VSID) | 2u << 12, 1, 0);
        uapi_expect(u, uapi_fill(&s.d, 2, VA, PAGE, 3), UAPI_DONE,
                    "a substream with one");
        *cd(&s, 2) = 0;
        expect_command(&s, CFGI_CD_ALL | CMD_SID(VSID), 0, 0);
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
    uapi_expect(u, nested(&s, STE_BYPASS, 0, &bypass), 0, "bypass");
    uapi_expect(u, nested(&s, STE_ABORT, 0, &abort_entry), 0, "abort");
    uapi_expect(u, nested(&s, 0, 0, &none), 0, "no entry");
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
    expect_command(&s, CFGI_STE | CMD_SID(VSID), 0, -EIO);
    expect_command(&s, SYNC, 0, -EIO);
    expect_command(&s, RESUME | CMD_SID(VSID), 0, -EIO);
    expect_command(&s, TLBI_S12_VMALL, 0, -EIO);
    expect_command(&s, TLBI_EL2_ALL, 0, -EIO);
    expect_command(&s, CFGI_CD_ALL | CMD_SID(VSID + 1), 0, -EIO);
    uapi_expect(u, invalidate(&s, list, 3, &done), -EIO, "one is bad");
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
    expect_command(&s, TLBI_NSNH_ALL | CMD_SID(1), 0, -EIO);
    expect_command(&s, TLBI_NH_ALL | CMD_SSEC, 0, -EIO);
    expect_command(&s, TLBI_NH_ALL | CD_ASID(1), 0, -EIO);
    expect_command(&s, TLBI_NH_ASID, 1, -EIO);
    expect_command(&s, TLBI_NH_VAA | CD_ASID(1), VA, -EIO);
    expect_command(&s, CFGI_CD | CMD_SID(VSID) | CMD_SSEC, 1, -EIO);
    expect_command(&s, CFGI_CD_ALL | CMD_SID(VSID), 1, -EIO);
    expect_command(&s, ATC_INV | CMD_SID(VSID), 53, -EIO);
    smmu_close(&s);
}

/* --- Events -------------------------------------------------------------- */

typedef struct Event {
    IommufdVeventHeader header;
    uint64_t evt[4];
} Event;

static int veventq(Smmu *s, uint32_t type, uint32_t depth, uint32_t *id,
                   int *fd)
{
    IommufdVeventqAlloc alloc = {
        .size = sizeof(alloc), .viommu_id = s->viommu, .type = type,
        .veventq_depth = depth,
    };
    int ret = uapi_iommu_ioctl(&s->d, IOMMUFD_VEVENTQ_ALLOC, &alloc);

    *id = alloc.out_veventq_id;
    *fd = (int)alloc.out_veventq_fd;
    return ret;
}

static bool readable(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    return poll(&poll_fd, 1, 2000) == 1 && (poll_fd.revents & POLLIN);
}

static ssize_t take(Smmu *s, int fd, void *buf, size_t size)
{
    return s->d.u->calls.read(s->d.u->calls.opaque, fd, buf, size);
}

static void test_events(Uapi *u)
{
    uint32_t hwpt, id, other;
    int fd, other_fd;
    Event e = { 0 };
    Smmu s;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    uapi_expect(u, veventq(&s, 0, 8, &id, &fd), -EOPNOTSUPP, "no type");
    uapi_expect(u, veventq(&s, 1, 0, &id, &fd), -EINVAL, "no depth");
    uapi_expect(u, veventq(&s, 1, 8, &id, &fd), 0, "VEVENTQ_ALLOC");
    uapi_expect(u, veventq(&s, 1, 8, &other, &other_fd), -EEXIST,
                "a second one");
    smmu_start(&s, &hwpt);
    uapi_expect(u, uapi_fill(&s.d, NO_PASID, VA + 2 * PAGE + 8, 8, 1),
                TESTDEV_BLOCKED, "DMA to a page that is not there");
    uapi_check(u, readable(fd), "no event");
    uapi_expect(u, take(&s, fd, &e, sizeof(e.header)), -EINVAL,
                "no room for it");
    uapi_expect(u, take(&s, fd, &e, sizeof(e)), sizeof(e), "an event");
    uapi_expect(u, e.header.flags, 0, "flags");
    uapi_expect(u, e.header.sequence, 0, "the first number");
    uapi_expect(u, e.evt[0] & 0xff, F_TRANSLATION, "what it says");
    uapi_expect(u, e.evt[0] >> 32, VSID, "the StreamID");
    uapi_check(u, e.evt[2] == VA + 2 * PAGE + 8, "the address");
    *cd(&s, 0) = 0;
    expect_command(&s, CFGI_CD | CMD_SID(VSID), 1, 0);
    uapi_expect(u, uapi_fill(&s.d, NO_PASID, VA, 8, 1), TESTDEV_BLOCKED,
                "DMA without a context descriptor");
    uapi_check(u, readable(fd), "no event");
    uapi_expect(u, take(&s, fd, &e, sizeof(e)), sizeof(e), "an event");
    uapi_expect(u, e.header.sequence, 1, "the second number");
    uapi_expect(u, e.evt[0] & 0xff, C_BAD_CD, "what it says");
    uapi_expect(u, uapi_destroy(u, s.d.iommu, id), -EBUSY,
                "destroy the queue while it is open");
    uapi_close(u, fd);
    uapi_expect(u, uapi_destroy(u, s.d.iommu, id), 0, "destroy the queue");
    smmu_close(&s);
}

static void test_lost(Uapi *u)
{
    struct { Event event[2]; IommufdVeventHeader lost; } got;
    uint32_t hwpt, id;
    Smmu s;
    int fd;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    uapi_expect(u, veventq(&s, 1, 2, &id, &fd), 0, "VEVENTQ_ALLOC");
    smmu_start(&s, &hwpt);
    for (unsigned i = 1; i <= 5; i++) {
        uapi_fill(&s.d, NO_PASID, VA + i * PAGE, 8, 1);
    }
    uapi_check(u, readable(fd), "no event");
    memset(&got, 0xee, sizeof(got));
    uapi_expect(u, take(&s, fd, &got, sizeof(got)), sizeof(got), "all");
    uapi_expect(u, got.event[0].header.sequence, 0, "the first");
    uapi_expect(u, got.event[1].header.sequence, 1, "the second");
    uapi_expect(u, got.lost.flags, IOMMUFD_VEVENT_LOST_EVENTS, "the third");
    uapi_expect(u, got.lost.sequence, 4, "the last that is lost");
    uapi_fill(&s.d, NO_PASID, VA + 6 * PAGE, 8, 1);
    uapi_check(u, readable(fd), "no event");
    uapi_expect(u, take(&s, fd, &got, sizeof(got)), sizeof(got.event[0]),
                "the next");
    uapi_expect(u, got.event[0].header.sequence, 5, "its number");
    uapi_close(u, fd);
    smmu_close(&s);
}

/* --- Transactions that wait ---------------------------------------------- */

static ssize_t respond(Smmu *s, int fd, uint32_t cookie, uint32_t code)
{
    IommufdPageResponse response = { cookie, code };

    return s->d.u->calls.write(s->d.u->calls.opaque, fd, &response,
                               sizeof(response));
}

static void check_stall(Smmu *s, int fd, uint32_t pasid)
{
    IommufdPgfault fault = { 0 };
    uint64_t addr = VA + 3 * PAGE;
    Uapi *u = s->d.u;

    uapi_tables_map(&s->tables, addr, 0);
    expect_command(s, TLBI_NSNH_ALL, 0, 0);
    if (uapi_fill(&s->d, pasid, addr + 16, 64, 9) != UAPI_BUSY) {
        return;         /* a device that cannot wait */
    }
    uapi_check(u, readable(fd), "no fault");
    uapi_expect(u, take(s, fd, &fault, sizeof(fault)), sizeof(fault),
                "a fault");
    uapi_expect(u, fault.flags & (IOMMUFD_PGFAULT_LAST_PAGE |
                                  IOMMUFD_PGFAULT_PASID_VALID),
                IOMMUFD_PGFAULT_LAST_PAGE |
                (pasid == NO_PASID ? 0 : IOMMUFD_PGFAULT_PASID_VALID),
                "flags");
    uapi_expect(u, fault.dev_id, s->d.id, "device");
    uapi_expect(u, fault.pasid, pasid == NO_PASID ? 0 : pasid, "PASID");
    uapi_expect(u, fault.perm, IOMMUFD_PGFAULT_WRITE, "access");
    uapi_check(u, fault.addr == addr + 16, "address");
    uapi_tables_map(&s->tables, addr, BASE + (DATA + 9) * PAGE);
    uapi_expect(u, respond(s, fd, fault.cookie, IOMMUFD_RESPONSE_SUCCESS),
                sizeof(IommufdPageResponse), "answer");
    uapi_expect(u, uapi_status_later(&s->d), UAPI_DONE, "it goes on");
    uapi_check(u, uapi_is_filled(s->memory + (DATA + 9) * PAGE + 16, 64, 9),
               "it went elsewhere");
    uapi_expect(u, respond(s, fd, fault.cookie, IOMMUFD_RESPONSE_SUCCESS),
                -EINVAL, "answer again");
    uapi_tables_map(&s->tables, addr, 0);
    expect_command(s, TLBI_NSNH_ALL, 0, 0);
    uapi_expect(u, uapi_fill(&s->d, pasid, addr, 64, 9), UAPI_BUSY, "wait");
    uapi_expect(u, take(s, fd, &fault, sizeof(fault)), sizeof(fault),
                "a fault");
    uapi_expect(u, respond(s, fd, fault.cookie, IOMMUFD_RESPONSE_INVALID),
                sizeof(IommufdPageResponse), "answer");
    uapi_expect(u, uapi_status_later(&s->d), TESTDEV_BLOCKED,
                "it is refused");
}

static void test_stall(Uapi *u)
{
    IommufdFaultQueueAlloc queue = { .size = sizeof(queue) };
    IommufdHwptAlloc alloc = { .flags = IOMMUFD_HWPT_FAULT_ID };
    uint32_t hwpt, id;
    Smmu s;

    if (!smmu_open(u, 1, &s)) {
        return;
    }
    uapi_expect(u, uapi_iommu_ioctl(&s.d, IOMMUFD_FAULT_QUEUE_ALLOC, &queue),
                0, "FAULT_QUEUE_ALLOC");
    alloc.fault_id = queue.out_fault_id;
    put_cd(&s, 0, CD_STALL);
    put_cd(&s, 1, CD_STALL);
    uapi_tables_map(&s.tables, VA, BASE + DATA * PAGE);
    uapi_expect(u, vdevice_alloc(&s.d, s.viommu, VSID, &id), 0,
                "VDEVICE_ALLOC");
    uapi_expect(u, nested_alloc(&s, &alloc, STE_S1 | (BASE + CDS * PAGE) |
                                STE_CDMAX(2), STE_S1DSS_SSID0, &hwpt), 0,
                "stage 1");
    uapi_expect(u, uapi_attach(&s.d, NO_PASID, hwpt), 0, "attach");
    check_stall(&s, queue.out_fault_fd, NO_PASID);
    check_stall(&s, queue.out_fault_fd, 1);
    /* what waits is refused when its table goes */
    if (uapi_fill(&s.d, 1, VA + 3 * PAGE, 64, 9) == UAPI_BUSY) {
        uapi_expect(u, uapi_detach(&s.d, NO_PASID), 0, "detach");
        uapi_expect(u, uapi_status_later(&s.d), TESTDEV_BLOCKED,
                    "it is refused");
    }
    uapi_close(u, (int)queue.out_fault_fd);
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
    { "smmu/events", test_events },
    { "smmu/lost", test_lost },
    { "smmu/stall", test_stall },
    { NULL, NULL },
};
