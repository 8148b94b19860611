/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a device's DMA goes: paging tables, nested ones, none. */
#include <errno.h>
#include <string.h>

#include "tests/guest/testdev.h"
#include "tests/uapi/device.h"

#define SIZE    (4 * PAGE)
#define IOVA    0x10000000u
#define BASE    0x20000000u     /* of the guest's memory, in the parent */

static void test_blocked(Uapi *u)
{
    uint8_t *memory = uapi_memory(SIZE);
    UapiDevice d;
    uint32_t ioas;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA, SIZE, 1), TESTDEV_BLOCKED,
                "DMA without a table");
    ioas = uapi_ioas(u, d.iommu);
    uapi_expect(u, uapi_map(&d, ioas, memory, SIZE, IOVA), 0, "map");
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA, SIZE, 1), TESTDEV_BLOCKED,
                "DMA before the attachment");
    uapi_expect(u, uapi_attach(&d, NO_PASID, ioas), 0, "attach");
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA, SIZE, 1), UAPI_DONE, "DMA");
    uapi_check(u, uapi_is_filled(memory, SIZE, 1), "it went elsewhere");
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA + SIZE, PAGE, 1),
                TESTDEV_BLOCKED, "DMA behind the mapping");
    uapi_expect(u, uapi_unmap(&d, ioas, IOVA, SIZE), 0, "unmap");
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA, SIZE, 2), TESTDEV_BLOCKED,
                "DMA after unmap");
    uapi_expect(u, uapi_map(&d, ioas, memory, SIZE, IOVA), 0, "map again");
    uapi_expect(u, uapi_verify(&d, NO_PASID, IOVA, SIZE, 1), UAPI_DONE,
                "DMA after the second map");
    uapi_expect(u, uapi_detach(&d, NO_PASID), 0, "detach");
    uapi_expect(u, uapi_fill(&d, NO_PASID, IOVA, SIZE, 2), TESTDEV_BLOCKED,
                "DMA after detach");
    uapi_device_close(&d);
    uapi_memory_free(memory, SIZE);
}

static void test_large(Uapi *u)
{
    uint64_t size = UINT64_C(8) << 20;
    uint8_t *memory = uapi_memory(size);
    UapiDevice d;
    uint32_t ioas;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    ioas = uapi_ioas(u, d.iommu);
    uapi_expect(u, uapi_attach(&d, NO_PASID, ioas), 0, "attach");
    /* as large pages go, and as they do not */
    for (unsigned i = 0; i < 2; i++) {
        uint64_t iova = (uintptr_t)memory % (UINT64_C(2) << 20) +
                        UINT64_C(0x100000000) + i * PAGE;

        uapi_expect(u, uapi_map(&d, ioas, memory, size, iova), 0, "map");
        uapi_expect(u, uapi_fill(&d, NO_PASID, iova, size, i), UAPI_DONE,
                    "DMA");
        uapi_check(u, uapi_is_filled(memory, size, i), "it went elsewhere");
        uapi_expect(u, uapi_unmap(&d, ioas, iova, size), 0, "unmap");
    }
    uapi_device_close(&d);
    uapi_memory_free(memory, size);
}

/** The guest's memory: tables, then data. */
typedef struct Nest {
    UapiDevice d;
    uint8_t *memory;
    uint8_t *data;
    uint64_t data_base;
    uint32_t ioas, parent, nested;
    UapiTables tables;
} Nest;

#define TABLES 16
#define NEST_SIZE ((TABLES + 16) * PAGE)

/** With @flags of both.  False: no such device, or no VT-d. */
static bool nest_open(Uapi *u, Nest *n, uint32_t flags)
{
    int ret;

    memset(n, 0, sizeof(*n));
    if (!uapi_device_open(u, 0, &n->d)) {
        return false;
    }
    n->memory = uapi_memory(NEST_SIZE);
    n->data = n->memory + TABLES * PAGE;
    n->data_base = BASE + TABLES * PAGE;
    n->ioas = uapi_ioas(u, n->d.iommu);
    uapi_expect(u, uapi_map(&n->d, n->ioas, n->memory, NEST_SIZE, BASE), 0,
                "map");
    uapi_tables_init(&n->tables, n->memory, BASE, TABLES);
    ret = uapi_hwpt(&n->d, IOMMUFD_HWPT_NEST_PARENT | flags, n->ioas,
                    &n->parent);
    if (!ret) {
        ret = uapi_nested(&n->d, flags, n->parent, BASE, 0, &n->nested);
    }
    if (ret == -EOPNOTSUPP) {
        uapi_skip(u, "no VT-d that nests");
        uapi_device_close(&n->d);
        uapi_memory_free(n->memory, NEST_SIZE);
        return false;
    }
    uapi_expect(u, ret, 0, "nested");
    return true;
}

static void nest_close(Nest *n)
{
    uapi_device_close(&n->d);
    uapi_memory_free(n->memory, NEST_SIZE);
}

static int invalidate(Nest *n, uint64_t addr, uint64_t npages)
{
    IommufdVtdS1Invalidate entry = { .addr = addr, .npages = npages };
    IommufdHwptInvalidate inv = {
        .size = sizeof(inv), .hwpt_id = n->nested, .data = (uintptr_t)&entry,
        .data_type = IOMMUFD_INVALIDATE_VTD_S1, .entry_len = sizeof(entry),
        .entry_num = 1,
    };
    int ret = uapi_iommu_ioctl(&n->d, IOMMUFD_HWPT_INVALIDATE, &inv);

    uapi_expect(n->d.u, inv.entry_num, !ret, "entries done");
    return ret;
}

static void check_nested(Uapi *u, Nest *n, uint32_t pasid)
{
    uint64_t addr = UINT64_C(0x7f0000000000);

    uapi_expect(u, uapi_attach(&n->d, pasid, n->nested), 0, "attach");
    uapi_tables_map(&n->tables, addr, n->data_base);
    uapi_tables_map(&n->tables, addr + PAGE, n->data_base + 2 * PAGE);
    uapi_expect(u, invalidate(n, addr, 2), 0, "invalidate");
    uapi_expect(u, uapi_fill(&n->d, pasid, addr, 2 * PAGE, 5), UAPI_DONE,
                "nested DMA");
    uapi_check(u, uapi_is_filled(n->data, PAGE, 5), "the first page");
    uapi_expect(u, uapi_verify(&n->d, pasid, addr, 2 * PAGE, 5), UAPI_DONE,
                "read it back");
    uapi_expect(u, uapi_fill(&n->d, pasid, addr + 2 * PAGE, PAGE, 5),
                TESTDEV_BLOCKED, "behind the table's pages");

    /* another page in its place, told of */
    memset(n->data + 5 * PAGE, 0, PAGE);
    uapi_tables_map(&n->tables, addr, n->data_base + 5 * PAGE);
    uapi_expect(u, invalidate(n, addr, 1), 0, "invalidate one page");
    uapi_expect(u, uapi_fill(&n->d, pasid, addr, PAGE, 6), UAPI_DONE, "DMA");
    uapi_check(u, uapi_is_filled(n->data + 5 * PAGE, PAGE, 6),
               "it went to the old page");
    uapi_tables_map(&n->tables, addr, 0);
    uapi_expect(u, invalidate(n, 0, UINT64_MAX), 0, "invalidate everything");
    uapi_expect(u, uapi_fill(&n->d, pasid, addr, PAGE, 6), TESTDEV_BLOCKED,
                "DMA to a page that has gone");

    /* beyond what the parent has */
    uapi_tables_map(&n->tables, addr, BASE + NEST_SIZE);
    uapi_expect(u, invalidate(n, addr, 1), 0, "invalidate");
    uapi_expect(u, uapi_fill(&n->d, pasid, addr, PAGE, 6), TESTDEV_BLOCKED,
                "DMA beyond the parent");

    /* the parent takes the memory away */
    uapi_expect(u, uapi_unmap(&n->d, n->ioas, BASE, NEST_SIZE), 0, "unmap");
    uapi_expect(u, uapi_fill(&n->d, pasid, addr + PAGE, PAGE, 6),
                TESTDEV_BLOCKED, "DMA without a parent's memory");
    uapi_expect(u, uapi_map(&n->d, n->ioas, n->memory, NEST_SIZE, BASE), 0,
                "map");
    uapi_expect(u, uapi_detach(&n->d, pasid), 0, "detach");
    uapi_expect(u, uapi_fill(&n->d, pasid, addr + PAGE, PAGE, 6),
                TESTDEV_BLOCKED, "DMA after detach");
}

static void test_nested(Uapi *u)
{
    Nest n;

    if (nest_open(u, &n, 0)) {
        check_nested(u, &n, NO_PASID);
        nest_close(&n);
    }
}

static void test_nested_pasid(Uapi *u)
{
    Nest n;

    if (nest_open(u, &n, IOMMUFD_HWPT_PASID)) {
        check_nested(u, &n, 1);
        check_nested(u, &n, 4321);
        nest_close(&n);
    }
}

/** The parent and a nested one at the same time, and one in the other's
 *  place. */
static void test_replace(Uapi *u)
{
    uint64_t addr = 0x30000000;
    Nest n;

    if (!nest_open(u, &n, IOMMUFD_HWPT_PASID)) {
        return;
    }
    uapi_tables_map(&n.tables, addr, n.data_base);
    uapi_expect(u, uapi_attach(&n.d, NO_PASID, n.parent), 0, "the parent");
    uapi_expect(u, uapi_attach(&n.d, 7, n.nested), 0, "nested, PASID 7");
    uapi_expect(u, uapi_fill(&n.d, NO_PASID, n.data_base, PAGE, 1), UAPI_DONE,
                "by the parent");
    uapi_expect(u, uapi_verify(&n.d, 7, addr, PAGE, 1), UAPI_DONE,
                "by PASID 7");
    uapi_expect(u, uapi_verify(&n.d, 8, addr, PAGE, 1), TESTDEV_BLOCKED,
                "by PASID 8");
    uapi_expect(u, uapi_attach(&n.d, 7, n.parent), 0, "replace");
    uapi_expect(u, uapi_verify(&n.d, 7, addr, PAGE, 1), TESTDEV_BLOCKED,
                "by the table that is not there any more");
    uapi_expect(u, uapi_verify(&n.d, 7, n.data_base, PAGE, 1), UAPI_DONE,
                "by the new one");
    uapi_expect(u, uapi_attach(&n.d, NO_PASID, n.nested), 0, "replace");
    uapi_expect(u, uapi_verify(&n.d, NO_PASID, addr, PAGE, 1), UAPI_DONE,
                "nested without PASID");
    uapi_expect(u, uapi_destroy(u, n.d.iommu, n.nested), -EBUSY,
                "destroy what is attached");
    uapi_expect(u, uapi_destroy(u, n.d.iommu, n.ioas), -EBUSY,
                "destroy the IOAS");
    uapi_expect(u, uapi_destroy(u, n.d.iommu, n.d.id), -EBUSY,
                "destroy the device");
    uapi_expect(u, uapi_detach(&n.d, NO_PASID), 0, "detach");
    uapi_expect(u, uapi_destroy(u, n.d.iommu, n.parent), -EBUSY,
                "destroy a parent");
    uapi_expect(u, uapi_destroy(u, n.d.iommu, n.nested), 0, "destroy");
    uapi_expect(u, uapi_destroy(u, n.d.iommu, n.parent), -EBUSY,
                "destroy what PASID 7 has");
    nest_close(&n);
}

/** With translations in the device: what goes away goes away there, too.
 *  False when the host has not switched ATS on. */
static bool ats_on(UapiDevice *d)
{
    IommufdHwInfo info = { .size = sizeof(info), .dev_id = d->id };

    uapi_expect(d->u, uapi_iommu_ioctl(d, IOMMUFD_GET_HW_INFO, &info), 0,
                "GET_HW_INFO");
    if (info.out_capabilities & IOMMUFD_HW_CAP_NO_ATS) {
        uapi_skip(d->u, "no ATS");
        return false;
    }
    uapi_set_reg(d, TESTDEV_CONTROL, TESTDEV_CONTROL_ATS);
    return true;
}

static void test_ats(Uapi *u)
{
    uint64_t size = UINT64_C(2) << 20;
    uint8_t *memory = uapi_memory(size);
    UapiDevice d;
    uint32_t ioas;

    if (!uapi_device_open(u, 0, &d)) {
        return;
    }
    if (!ats_on(&d)) {
        uapi_device_close(&d);
        return;
    }
    ioas = uapi_ioas(u, d.iommu);
    uapi_expect(u, uapi_attach(&d, NO_PASID, ioas), 0, "attach");
    /* ranges of many sizes, at even and odd places */
    for (uint64_t pages = 1; pages <= 512; pages *= 2) {
        uint64_t iova = IOVA + (pages & 0x54 ? PAGE : 0);

        uapi_expect(u, uapi_map(&d, ioas, memory, pages * PAGE, iova), 0,
                    "map");
        uapi_expect(u, uapi_fill(&d, NO_PASID, iova, pages * PAGE, pages),
                    UAPI_DONE, "%d pages", (int)pages);
        uapi_check(u, uapi_is_filled(memory, pages * PAGE, pages),
                   "it went elsewhere");
        uapi_expect(u, uapi_unmap(&d, ioas, iova, pages * PAGE), 0, "unmap");
        uapi_check(u, uapi_fill(&d, NO_PASID, iova, PAGE, 0) != UAPI_DONE,
                   "the first of %d pages is still there", (int)pages);
        uapi_check(u, uapi_fill(&d, NO_PASID, iova + (pages - 1) * PAGE, PAGE,
                                0) != UAPI_DONE,
                   "the last of %d pages is still there", (int)pages);
    }
    uapi_expect(u, uapi_reg(&d, TESTDEV_STALE_USES), 0, "stale uses");
    uapi_device_close(&d);
    uapi_memory_free(memory, size);
}

static void test_nested_ats(Uapi *u)
{
    uint64_t addr = 0x40000000;
    Nest n;

    if (!nest_open(u, &n, IOMMUFD_HWPT_PASID)) {
        return;
    }
    if (!ats_on(&n.d)) {
        nest_close(&n);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        uint32_t pasid = i ? 77 : NO_PASID;

        uapi_expect(u, uapi_attach(&n.d, pasid, n.nested), 0, "attach");
        for (unsigned k = 0; k < 8; k++) {
            uapi_tables_map(&n.tables, addr + k * PAGE,
                            n.data_base + k * PAGE);
        }
        uapi_expect(u, invalidate(&n, addr, 8), 0, "invalidate");
        uapi_expect(u, uapi_fill(&n.d, pasid, addr, 8 * PAGE, 2), UAPI_DONE,
                    "DMA");
        uapi_tables_map(&n.tables, addr + 3 * PAGE, 0);
        uapi_expect(u, invalidate(&n, addr + 3 * PAGE, 1), 0, "one page");
        uapi_check(u, uapi_fill(&n.d, pasid, addr + 3 * PAGE, PAGE, 2) !=
                   UAPI_DONE, "the page is still there");
        uapi_expect(u, uapi_verify(&n.d, pasid, addr + 4 * PAGE, PAGE,
                                   2 + 4 * (PAGE / 8) *
                                   UINT64_C(0x9e3779b97f4a7c15)), UAPI_DONE,
                    "the next one");
        /* the parent's change is one of all its children's */
        uapi_expect(u, uapi_unmap(&n.d, n.ioas, BASE, NEST_SIZE), 0, "unmap");
        uapi_check(u, uapi_fill(&n.d, pasid, addr, PAGE, 2) != UAPI_DONE,
                   "the parent's memory is still there");
        uapi_expect(u, uapi_map(&n.d, n.ioas, n.memory, NEST_SIZE, BASE), 0,
                    "map");
        uapi_expect(u, uapi_verify(&n.d, pasid, addr, PAGE, 2), UAPI_DONE,
                    "DMA after it has come back");
        uapi_expect(u, uapi_detach(&n.d, pasid), 0, "detach");
        uapi_check(u, uapi_fill(&n.d, pasid, addr, PAGE, 2) != UAPI_DONE,
                   "DMA after detach");
    }
    uapi_expect(u, uapi_reg(&n.d, TESTDEV_STALE_USES), 0, "stale uses");
    nest_close(&n);
}

/** Two devices behind one table. */
static void test_shared(Uapi *u)
{
    uint64_t addr = 0x40000000;
    UapiDevice e;
    Nest n;

    if (!nest_open(u, &n, IOMMUFD_HWPT_PASID)) {
        return;
    }
    if (!uapi_device_open_with(u, 1, n.d.iommu, &e)) {
        nest_close(&n);
        return;
    }
    ats_on(&e);
    uapi_tables_map(&n.tables, addr, n.data_base);
    uapi_expect(u, uapi_attach(&n.d, 1, n.nested), 0, "attach the first");
    uapi_expect(u, uapi_attach(&e, 2, n.nested), 0, "attach the second");
    uapi_expect(u, uapi_fill(&n.d, 1, addr, PAGE, 1), UAPI_DONE, "DMA");
    uapi_expect(u, uapi_verify(&e, 2, addr, PAGE, 1), UAPI_DONE, "DMA");
    uapi_tables_map(&n.tables, addr, n.data_base + PAGE);
    uapi_expect(u, invalidate(&n, addr, 1), 0, "invalidate");
    uapi_expect(u, uapi_fill(&e, 2, addr, PAGE, 8), UAPI_DONE, "DMA");
    uapi_check(u, uapi_is_filled(n.data + PAGE, PAGE, 8),
               "the second device went to the old page");
    uapi_expect(u, uapi_verify(&n.d, 1, addr, PAGE, 8), UAPI_DONE,
                "the first one");
    uapi_expect(u, uapi_detach(&n.d, 1), 0, "detach the first");
    uapi_expect(u, uapi_verify(&e, 2, addr, PAGE, 8), UAPI_DONE,
                "the second goes on");
    uapi_close(u, e.fd);
    nest_close(&n);
}

/** An erratum of VT-d that Linux is careful about. */
static void test_read_only(Uapi *u)
{
    IommufdIoasMap map = {
        .size = sizeof(map), .length = PAGE, .iova = IOVA,
        .flags = IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_READABLE,
    };
    uint8_t *memory = uapi_memory(PAGE);
    uint32_t ioas, hwpt;
    Nest n;

    if (!nest_open(u, &n, 0)) {
        return;
    }
    map.user_va = (uintptr_t)memory;
    map.ioas_id = n.ioas;
    uapi_expect(u, uapi_iommu_ioctl(&n.d, IOMMUFD_IOAS_MAP, &map), -EINVAL,
                "a parent's memory that can be read only");
    ioas = uapi_ioas(u, n.d.iommu);
    map.ioas_id = ioas;
    uapi_expect(u, uapi_iommu_ioctl(&n.d, IOMMUFD_IOAS_MAP, &map), 0,
                "the same in another address space");
    uapi_expect(u, uapi_hwpt(&n.d, IOMMUFD_HWPT_NEST_PARENT, ioas, &hwpt),
                -EINVAL, "which then has no parent");
    uapi_expect(u, uapi_attach(&n.d, NO_PASID, ioas), 0, "attach");
    uapi_expect(u, uapi_fill(&n.d, NO_PASID, IOVA, 8, 1), TESTDEV_BLOCKED,
                "a write");
    uapi_expect(u, uapi_verify(&n.d, NO_PASID, IOVA, 8, 0), UAPI_DONE,
                "a read");
    nest_close(&n);
    uapi_memory_free(memory, PAGE);
}

const UapiTest uapi_dma_tests[] = {
    { "dma/blocked", test_blocked },
    { "dma/large", test_large },
    { "dma/ats", test_ats },
    { NULL, NULL },
};

const UapiTest uapi_dma_vtd_tests[] = {
    { "dma/nested", test_nested },
    { "dma/nested-pasid", test_nested_pasid },
    { "dma/replace", test_replace },
    { "dma/nested-ats", test_nested_ats },
    { "dma/shared", test_shared },
    { "dma/read-only", test_read_only },
    { NULL, NULL },
};
