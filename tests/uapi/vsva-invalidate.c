/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vSVA user API: which invalidations are legal.  Each pair of cache and
 * granularity, each structure, flag and range.
 */
#include <errno.h>
#include <string.h>

#include "tests/uapi/vsva.h"

static void expect_invalidate(Uapi *u, const Vsva *v,
                              const InvalidateRequest *req, int want,
                              const char *what, uint64_t detail)
{
    uapi_expect(u, vsva_invalidate(&v->c, req), want,
                "%s (%#lx), granularity %u", what, (long)detail,
                req->granularity);
}

/** The table of the API: caches down, granularities across
 * [UAPI 003 "cache/granularity"]. */
static void test_pairs(Uapi *u)
{
    static const struct {
        uint8_t cache;
        bool legal[3];      /* domain, PASID, address */
    } table[] = {
        { 1 << 0, { true, true, true } },       /* IOTLB */
        { 1 << 1, { false, true, true } },      /* device TLBs */
        { 1 << 2, { true, true, false } },      /* PASID cache */
    };
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    for (unsigned bound = 0; bound < 2; bound++) {
        for (unsigned caches = 0; caches < 256; caches++) {
            for (unsigned granularity = 0; granularity < 5; granularity++) {
                InvalidateRequest req = invalidate_request(granularity,
                                                           v.pasid);
                /* several at a time must all be legal */
                bool legal = caches && caches < 8 && granularity < 3;

                for (unsigned i = 0; i < COUNT(table); i++) {
                    legal = legal && (!(caches & table[i].cache) ||
                                      table[i].legal[granularity]);
                }
                req.cache = caches;
                expect_invalidate(u, &v, &req, legal ? 0 : -EINVAL, "caches",
                                  caches);
            }
        }
        if (!bound) {
            uapi_expect(u, vsva_simple(&v.c, VSVA_BIND_GUEST_PGTBL, v.pasid,
                                       VSVA_GPA), 0, "bind");
        }
    }
    vsva_close(&v);
}

/* [UAPI 003 "vfio_iommu_type1_cache_invalidate"] */
static void test_invalidate_sizes(Uapi *u)
{
    const VsvaSizes *sizes;
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    sizes = vsva_sizes(u);
    for (unsigned granularity = 0; granularity < 3; granularity++) {
        InvalidateRequest req = invalidate_request(granularity, v.pasid);
        uint32_t need = granularity == 0 ? sizes->domain :
                        granularity == 1 ? sizes->pasid : sizes->addr;

        for (uint32_t size = 4; size < need; size++) {
            req.argsz = size;
            expect_invalidate(u, &v, &req, -EINVAL,
                              "a caller that knows less", size);
        }
        req.argsz = need;
        expect_invalidate(u, &v, &req, 0, "as much", need);
        for (uint32_t size = need + 1; size <= 256; size++) {
            req.argsz = size;
            expect_invalidate(u, &v, &req, 0, "more", size);
        }
        req.argsz = 0;
        for (uint32_t size = 1; size < 8 + need; size++) {
            req.outer = size;
            expect_invalidate(u, &v, &req, -EINVAL,
                              "an ioctl with little room", size);
        }
        req.outer = 300;
        expect_invalidate(u, &v, &req, 0, "an ioctl with much room", 300);
    }
    uapi_expect(u, uapi_ioctl(u, v.c.fd, VSVA_CACHE_INVALIDATE, NULL),
                -EFAULT, "no memory");
    vsva_close(&v);
}

/** All bits of a domain's arguments are ignored: it takes none
 * [UAPI 003 "don't take any argument other than"]. */
static void test_invalidate_fields(Uapi *u)
{
    /* flags that a granularity knows */
    static const uint32_t known[] = { 0, 3, 7 };
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    for (unsigned granularity = 0; granularity < 3; granularity++) {
        InvalidateRequest good = invalidate_request(granularity, v.pasid);
        InvalidateRequest req;

        for (unsigned version = 0; version < 4; version++) {
            req = good;
            req.version = version;
            expect_invalidate(u, &v, &req, version == 1 ? 0 : -EINVAL,
                              "version", version);
        }
        for (int i = 0; i < 6; i++) {
            req = good;
            req.padding = i;
            expect_invalidate(u, &v, &req, -EINVAL, "padding", i);
        }
        for (unsigned bit = 0; bit < 32; bit++) {
            bool ok = granularity == 0 || (known[granularity] >> bit & 1);

            req = good;
            req.flags = 1u << bit;
            expect_invalidate(u, &v, &req, -EINVAL, "flag of the ioctl", bit);
            req = good;
            req.data_flags = 1u << bit;
            expect_invalidate(u, &v, &req, ok ? 0 : -EINVAL, "flag", bit);
        }
        req = good;
        req.data_flags = 0;
        /* by address without a PASID: everybody's */
        expect_invalidate(u, &v, &req, granularity == 1 ? -EINVAL : 0,
                          "no flag", 0);
    }
    vsva_close(&v);
}

static void test_invalidate_pasids(Uapi *u)
{
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    for (unsigned granularity = 1; granularity < 3; granularity++) {
        InvalidateRequest req = invalidate_request(granularity, 0);

        expect_invalidate(u, &v, &req, -EINVAL, "PASID", req.pasid);
        req.pasid = 0xffffe;
        expect_invalidate(u, &v, &req, -ENOENT, "PASID", req.pasid);
        req.pasid = 0x100000;
        expect_invalidate(u, &v, &req, -EINVAL, "PASID", req.pasid);
        req.pasid = UINT64_C(1) << 32 | v.pasid;
        expect_invalidate(u, &v, &req, -EINVAL, "PASID", req.pasid);
        req.data_flags = VSVA_INVALIDATE_ARCHID;
        expect_invalidate(u, &v, &req, 0, "PASID that does not count",
                          req.pasid);
    }
    vsva_close(&v);
}

typedef struct RangeCase {
    const char *what;
    uint64_t addr, granule, n;
    int want;
} RangeCase;

static const RangeCase range_cases[] = {
    { "a page", 0x1000, 0x1000, 1, 0 },
    { "many", 0x1000, 0x1000, 12345, 0 },
    { "large ones", 0x200000, 0x200000, 3, 0 },
    { "all", 0, 0x1000, UINT64_C(1) << 52, 0 },
    { "the upper half", UINT64_C(0xffff800000000000), 0x1000, 8, 0 },
    { "the last page", UINT64_C(0xfffffffffffff000), 0x1000, 1, 0 },
    { "and beyond", UINT64_C(0xfffffffffffff000), 0x1000, 2, -EINVAL },
    { "more than all", 0, 0x1000, (UINT64_C(1) << 52) + 1, -EINVAL },
    { "none", 0x1000, 0x1000, 0, -EINVAL },
    { "of nothing", 0x1000, 0, 1, -EINVAL },
    { "of 2 KiB", 0x1000, 0x800, 1, -EINVAL },
    { "of 12 KiB", 0x1000, 0x3000, 1, -EINVAL },
    { "between pages", 0x1800, 0x1000, 1, -EINVAL },
    { "numbers that overflow", 0, UINT64_C(1) << 63, UINT64_MAX, -EINVAL },
};

static void test_invalidate_ranges(Uapi *u)
{
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    uapi_expect(u, vsva_simple(&v.c, VSVA_BIND_GUEST_PGTBL, v.pasid,
                               VSVA_GPA), 0, "bind");
    for (size_t i = 0; i < COUNT(range_cases); i++) {
        const RangeCase *r = &range_cases[i];
        InvalidateRequest req = invalidate_request(VSVA_GRANU_ADDR, v.pasid);

        req.addr = r->addr;
        req.granule = r->granule;
        req.n = r->n;
        expect_invalidate(u, &v, &req, r->want, r->what, r->addr);
    }
    vsva_close(&v);
}

const UapiTest uapi_vsva_invalidate_tests[] = {
    { "vsva: each cache and granularity", test_pairs },
    { "vsva: invalidate, older and newer callers", test_invalidate_sizes },
    { "vsva: invalidate, each field and flag", test_invalidate_fields },
    { "vsva: invalidate, bad PASIDs", test_invalidate_pasids },
    { "vsva: invalidate, ranges", test_invalidate_ranges },
    { NULL, NULL },
};
