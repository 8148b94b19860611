/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vSVA user API: what is legal.  Each structure with callers that know
 * less, as much and more than the kernel; each flag; PASIDs of all kinds.
 */
#include <errno.h>
#include <string.h>

#include "tests/uapi/vsva.h"

/* --- PASIDs -------------------------------------------------------------- */

typedef struct PasidCase {
    const char *what;
    uint32_t argsz, flags;
    uint32_t min, max;
    int want;
} PasidCase;

static const PasidCase pasid_cases[] = {
    { "a caller that knows less", 19, VSVA_PASID_ALLOC, 1, 99, -EINVAL },
    { "the same", 20, VSVA_PASID_ALLOC, 1, 99, 0 },
    { "more", 28, VSVA_PASID_ALLOC, 1, 99, 0 },
    { "nearly nothing", 8, VSVA_PASID_ALLOC, 1, 99, -EINVAL },
    { "nothing", 0, VSVA_PASID_ALLOC, 1, 99, -EINVAL },
    { "no flag", 20, 0, 1, 99, -EINVAL },
    { "both flags", 20, 3, 1, 99, -EINVAL },
    { "an unknown flag", 20, 4, 1, 99, -EINVAL },
    { "with a known one", 20, VSVA_PASID_ALLOC | 4, 1, 99, -EINVAL },
    { "one PASID", 20, VSVA_PASID_ALLOC, 77, 77, 0 },
    { "the last one", 20, VSVA_PASID_ALLOC, 0xfffff, 0xfffff, 0 },
    { "beyond the last", 20, VSVA_PASID_ALLOC, 1, 0x100000, -EINVAL },
    { "from behind to before", 20, VSVA_PASID_ALLOC, 9, 8, -EINVAL },
    { "the host's own", 20, VSVA_PASID_ALLOC, 0, 0, -ENOSPC },
    { "not the host's own", 20, VSVA_PASID_ALLOC, 0, 1000, 0 },
};

/* [UAPI 003 "vfio_iommu_type1_pasid_request"] */
static void test_pasids(Uapi *u)
{
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    for (size_t i = 0; i < COUNT(pasid_cases); i++) {
        const PasidCase *p = &pasid_cases[i];
        struct {
            VsvaPasidRequest req;
            uint32_t newer[2];
        } arg = {
            .req = {
                .argsz = p->argsz, .flags = p->flags,
                .alloc = { p->min, p->max, 0 },
            },
            .newer = { 1, 1 },
        };
        uint32_t got;

        uapi_expect(u, uapi_ioctl(u, v.c.fd, VSVA_PASID_REQUEST, &arg),
                    p->want, "%s", p->what);
        got = arg.req.alloc.result;
        if (!p->want) {
            uapi_check(u, got >= p->min && got <= p->max && got &&
                       got != v.pasid, "%s: the PASID is %u", p->what, got);
            uapi_expect(u, pasid_free(&v.c, got), 0, "free after: %s",
                        p->what);
        }
    }
    uapi_expect(u, uapi_ioctl(u, v.c.fd, VSVA_PASID_REQUEST, NULL), -EFAULT,
                "no memory");
    vsva_close(&v);
}

static void test_pasid_free(Uapi *u)
{
    static const struct {
        const char *what;
        uint32_t argsz;
        int want;
    } cases[] = {
        { "less", 11, -EINVAL }, { "the same", 12, 0 }, { "more", 20, 0 },
    };
    uint32_t pasid;
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    for (size_t i = 0; i < COUNT(cases); i++) {
        VsvaPasidRequest req = {
            .argsz = cases[i].argsz, .flags = VSVA_PASID_FREE,
        };

        uapi_expect(u, pasid_alloc(&v.c, 500, 600, &pasid), 0, "alloc");
        req.free = pasid;
        uapi_expect(u, uapi_ioctl(u, v.c.fd, VSVA_PASID_REQUEST, &req),
                    cases[i].want, "a caller that knows %s", cases[i].what);
        uapi_expect(u, pasid_free(&v.c, pasid), cases[i].want ? 0 : -ENOENT,
                    "free again");
    }
    uapi_expect(u, pasid_free(&v.c, 0), -EINVAL, "the host's own");
    uapi_expect(u, pasid_free(&v.c, 0x100000), -EINVAL, "beyond the last");
    uapi_expect(u, pasid_free(&v.c, 0xfffff), -ENOENT, "nobody's");
    uapi_expect(u, vsva_simple(&v.c, VSVA_BIND_GUEST_PGTBL, v.pasid,
                               VSVA_GPA), 0, "bind");
    uapi_expect(u, pasid_free(&v.c, v.pasid), -EBUSY, "one that is bound");
    vsva_close(&v);
}

/** As many as a process may have; all are free again after its container. */
static void test_pasid_quota(Uapi *u)
{
    uint32_t pasid;
    Vsva v;
    int ret = 0;
    unsigned n;

    for (unsigned round = 0; round < 2; round++) {
        if (!vsva_open(u, &v)) {
            return;
        }
        for (n = 1; n <= 1000 && !ret; n++) {
            ret = pasid_alloc(&v.c, 1, 0xfffff, &pasid);
        }
        uapi_expect(u, ret, -ENOSPC, "PASID %u", n - 1);
        uapi_expect(u, n - 1, 1000, "PASIDs of one process");
        ret = 0;
        vsva_close(&v);
    }
}

/** PASIDs are the process's: what one container got, another can bind. */
static void test_pasid_owner(Uapi *u)
{
    uint32_t pasid;
    Container other;
    Vsva v;
    int32_t fd;

    if (!vsva_open(u, &v)) {
        return;
    }
    other = (Container) { .u = u, .device = -1 };
    other.fd = uapi_open(u, "/dev/vfio/vfio");
    other.group = uapi_open(u, u->group[1]);
    fd = other.fd;
    uapi_expect(u, uapi_ioctl(u, other.group, VFIO_ABI_GROUP_SET_CONTAINER,
                              &fd), 0, "SET_CONTAINER");
    uapi_expect(u, uapi_ioctl(u, other.fd, VFIO_ABI_SET_IOMMU,
                              (void *)VFIO_ABI_TYPE1_NESTING), 0,
                "SET_IOMMU");
    uapi_expect(u, pasid_alloc(&other, v.pasid, v.pasid, &pasid), -ENOSPC,
                "the same PASID");
    uapi_expect(u, vsva_simple(&v.c, VSVA_BIND_GUEST_PGTBL, v.pasid,
                               VSVA_GPA), 0, "bind here");
    uapi_expect(u, vsva_simple(&other, VSVA_BIND_GUEST_PGTBL, v.pasid,
                               VSVA_GPA), 0, "bind there");
    uapi_expect(u, vsva_simple(&v.c, VSVA_UNBIND_GUEST_PGTBL, v.pasid, 0), 0,
                "unbind here");
    uapi_expect(u, pasid_free(&v.c, v.pasid), -EBUSY, "bound there");
    uapi_expect(u, vsva_simple(&other, VSVA_UNBIND_GUEST_PGTBL, v.pasid, 0),
                0, "unbind there");
    /* it outlives the container that it was allocated with */
    vsva_close(&v);
    uapi_expect(u, pasid_alloc(&other, v.pasid, v.pasid, &pasid), -ENOSPC,
                "the same PASID, later");
    uapi_expect(u, pasid_free(&other, v.pasid), 0, "free");
    uapi_expect(u, pasid_alloc(&other, v.pasid, v.pasid, &pasid), 0,
                "the same PASID, free");
    container_close(&other);
}

/* --- Binding: structures ------------------------------------------------- */

/** Binds as @req says, and unbinds if that worked. */
static void expect_bind(Uapi *u, Vsva *v, const BindRequest *req, int want,
                        const char *what, uint64_t detail)
{
    uapi_expect(u, vsva_bind(&v->c, req), want, "%s (%#lx)", what,
                (long)detail);
    if (!want) {
        uapi_expect(u, vsva_simple(&v->c, VSVA_UNBIND_GUEST_PGTBL, v->pasid,
                                   0), 0, "unbind after: %s (%#lx)", what,
                    (long)detail);
    }
}

/* [UAPI 000 "argsz"] [UAPI 003 "vfio_iommu_type1_bind"] */
static void test_bind_sizes(Uapi *u)
{
    const VsvaSizes *sizes;
    BindRequest req;
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    sizes = vsva_sizes(u);
    req = bind_request(v.pasid, VSVA_GPA);
    for (uint32_t size = 4; size < sizes->bind; size += 4) {
        req.argsz = size;
        expect_bind(u, &v, &req, -EINVAL, "a caller that knows less", size);
    }
    req.argsz = sizes->bind - 1;
    expect_bind(u, &v, &req, -EINVAL, "a byte less", req.argsz);
    req.argsz = sizes->bind;
    expect_bind(u, &v, &req, 0, "as much", req.argsz);
    for (uint32_t size = sizes->bind + 8; size <= 256; size += 8) {
        req.argsz = size;
        expect_bind(u, &v, &req, 0, "a caller that knows more", size);
    }
    /* what is around it */
    req.argsz = 0;
    for (uint32_t size = 1; size < 8 + sizes->bind; size++) {
        req.outer = size;
        expect_bind(u, &v, &req, -EINVAL, "an ioctl with little room", size);
    }
    req.outer = 8 + sizes->bind + 64;
    expect_bind(u, &v, &req, 0, "an ioctl with much room", req.outer);
    uapi_expect(u, uapi_ioctl(u, v.c.fd, VSVA_BIND, NULL), -EFAULT,
                "no memory");
    vsva_close(&v);
}

static void test_unbind_sizes(Uapi *u)
{
    const VsvaSizes *sizes;
    BindRequest req;
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    sizes = vsva_sizes(u);
    for (uint32_t size = 4; size <= sizes->bind + 8; size += 4) {
        uapi_expect(u, vsva_simple(&v.c, VSVA_BIND_GUEST_PGTBL, v.pasid,
                                   VSVA_GPA), 0, "bind");
        req = bind_request(v.pasid, 0);
        req.flags = VSVA_UNBIND_GUEST_PGTBL;
        req.argsz = size;
        /* it needs no part for an architecture */
        uapi_expect(u, vsva_bind(&v.c, &req),
                    size < sizes->bind_min ? -EINVAL : 0, "size %u", size);
        if (size < sizes->bind_min) {
            uapi_expect(u, vsva_simple(&v.c, VSVA_UNBIND_GUEST_PGTBL,
                                       v.pasid, 0), 0, "unbind");
        }
    }
    vsva_close(&v);
}

/* [UAPI 000 "checks content of the UAPI data for non-zero"] */
static void test_bind_fields(Uapi *u)
{
    static const uint32_t widths[] = { 0, 39, 47, 49, 57, 64, UINT32_MAX };
    BindRequest good, req;
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    good = bind_request(v.pasid, VSVA_GPA);
    for (unsigned version = 0; version < 4; version++) {
        req = good;
        req.version = version;
        expect_bind(u, &v, &req, version == 1 ? 0 : -EINVAL, "version",
                    version);
        req = good;
        req.format = version;
        expect_bind(u, &v, &req, version == 1 ? 0 : -EINVAL, "format",
                    version);
    }
    for (int i = 0; i < 12; i++) {
        req = good;
        req.padding = i;
        expect_bind(u, &v, &req, -EINVAL, "padding", i);
    }
    for (size_t i = 0; i < COUNT(widths); i++) {
        req = good;
        req.addr_width = widths[i];
        expect_bind(u, &v, &req, -EINVAL, "width", widths[i]);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        req = good;
        req.data_flags = UINT64_C(1) << bit;
        expect_bind(u, &v, &req, bit ? -EINVAL : 0, "flag", bit);
        req = good;
        req.vtd_flags = UINT64_C(1) << bit;
        req.pat = 0x00070406;
        req.emt = 6;
        expect_bind(u, &v, &req, bit < 6 ? 0 : -EINVAL, "flag for VT-d",
                    bit);
        req = good;
        req.flags = bit < 32 ? 1u << bit : 3;
        if (req.flags != VSVA_UNBIND_GUEST_PGTBL) {
            expect_bind(u, &v, &req, bit ? -EINVAL : 0,
                        "flag of the ioctl", bit);
        }
    }
    req = good;
    req.flags = 0;
    expect_bind(u, &v, &req, -EINVAL, "no flag of the ioctl", 0);
    req = good;
    req.vtd_flags = VSVA_VTD_FLAGS;
    expect_bind(u, &v, &req, 0, "all flags for VT-d", 0);
    req = good;
    req.data_flags = 0;
    req.gpasid = UINT64_MAX;
    expect_bind(u, &v, &req, 0, "no guest PASID", 0);
    vsva_close(&v);
}

/* --- Binding: PASIDs and states ------------------------------------------ */

static void test_bind_pasids(Uapi *u)
{
    uint64_t bad[] = {
        0, 0xffffe, 0x100000, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX,
        0,      /* the last one is the good one with a bit beyond */
    };
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    bad[COUNT(bad) - 1] = UINT64_C(1) << 32 | v.pasid;
    for (size_t i = 0; i < COUNT(bad); i++) {
        int want = bad[i] == 0xffffe ? -ENOENT : -EINVAL;

        uapi_expect(u, vsva_simple(&v.c, VSVA_BIND_GUEST_PGTBL, bad[i],
                                   VSVA_GPA), want, "bind %#lx",
                    (long)bad[i]);
        uapi_expect(u, vsva_simple(&v.c, VSVA_UNBIND_GUEST_PGTBL, bad[i], 0),
                    want, "unbind %#lx", (long)bad[i]);
    }
    uapi_expect(u, vsva_simple(&v.c, VSVA_UNBIND_GUEST_PGTBL, v.pasid, 0),
                -ENOENT, "unbind what is not bound");
    uapi_expect(u, vsva_simple(&v.c, VSVA_BIND_GUEST_PGTBL, v.pasid,
                               VSVA_GPA), 0, "bind");
    uapi_expect(u, vsva_simple(&v.c, VSVA_BIND_GUEST_PGTBL, v.pasid,
                               VSVA_GPA + PAGE), -EBUSY, "bind again");
    uapi_expect(u, vsva_simple(&v.c, VSVA_UNBIND_GUEST_PGTBL, v.pasid, 0), 0,
                "unbind");
    uapi_expect(u, vsva_simple(&v.c, VSVA_UNBIND_GUEST_PGTBL, v.pasid, 0),
                -ENOENT, "unbind again");
    vsva_close(&v);
}

/** Files are closed while tables are bound, in each order. */
static void test_bind_left(Uapi *u)
{
    for (unsigned order = 0; order < 6; order++) {
        uint32_t pasid;
        Vsva v;
        int *fd[3];

        if (!vsva_open(u, &v)) {
            return;
        }
        for (unsigned i = 0; i < 8; i++) {
            uapi_expect(u, pasid_alloc(&v.c, 1, 0xfffff, &pasid), 0, "alloc");
            uapi_expect(u, vsva_simple(&v.c, VSVA_BIND_GUEST_PGTBL, pasid,
                                       VSVA_GPA), 0, "bind");
        }
        fd[order / 2] = &v.c.fd;
        fd[(order / 2 + 1 + order % 2) % 3] = &v.c.group;
        fd[(order / 2 + 2 - order % 2) % 3] = &v.c.device;
        for (unsigned i = 0; i < 3; i++) {
            uapi_close(u, *fd[i]);
            *fd[i] = -1;
        }
        vsva_close(&v);
    }
}

/** A group that leaves loses what is bound; the others keep it. */
static void test_group_leaves(Uapi *u)
{
    int32_t fd;
    int second;
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    second = uapi_open(u, u->group[1]);
    fd = v.c.fd;
    uapi_expect(u, uapi_ioctl(u, second, VFIO_ABI_GROUP_SET_CONTAINER, &fd),
                0, "a second group");
    uapi_expect(u, vsva_simple(&v.c, VSVA_BIND_GUEST_PGTBL, v.pasid,
                               VSVA_GPA), 0, "bind");
    uapi_close(u, second);
    uapi_expect(u, vsva_simple(&v.c, VSVA_UNBIND_GUEST_PGTBL, v.pasid, 0), 0,
                "unbind");
    vsva_close(&v);
}

/* --- The rest ------------------------------------------------------------ */

/** Structures of the other form are not taken for one's own
 * [UAPI 003 "IOMMU_UAPI_VERSION"]. */
static void test_other_form(Uapi *u)
{
    VsvaSizes sizes;
    BindRequest bind;
    InvalidateRequest inv;
    Uapi other = *u;
    Container c;
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    other.vsva = u->vsva == UAPI_VSVA_MERGED ? UAPI_VSVA_VERSIONED
                                             : UAPI_VSVA_MERGED;
    c = v.c;
    c.u = &other;
    sizes = *vsva_sizes(&other);
    bind = bind_request(v.pasid, VSVA_GPA);
    bind.outer = 8 + sizes.bind + 64;
    uapi_expect(u, vsva_bind(&c, &bind), -EINVAL, "bind");
    inv = invalidate_request(VSVA_GRANU_DOMAIN, 0);
    inv.outer = 8 + sizes.addr + 64;
    uapi_expect(u, vsva_invalidate(&c, &inv), -EINVAL, "invalidate");
    vsva_close(&v);
}

/** Only containers with nesting have it
 * [UAPI 003 "VFIO_NESTING_IOMMU_UAPI"]. */
static void test_only_nesting(Uapi *u)
{
    static const unsigned long requests[] = {
        VSVA_PASID_REQUEST, VSVA_BIND, VSVA_CACHE_INVALIDATE,
    };
    uint8_t room[256] = { 0 };
    Container c;

    if (!have_group(u) || !container_open(u, &c, VFIO_ABI_TYPE1V2)) {
        return;
    }
    for (size_t i = 0; i < COUNT(requests); i++) {
        uapi_expect(u, uapi_ioctl(u, c.fd, requests[i], room), -ENOTTY,
                    "ioctl %zu", i);
    }
    container_close(&c);
}

/* [UAPI 003 "VFIO_IOMMU_TYPE1_INFO_CAP_NESTING"] */
static void test_nesting_info(Uapi *u)
{
    uint64_t room[128];
    VfioIommuInfo *info = (VfioIommuInfo *)(void *)room;
    const VsvaIommuCapNesting *nesting = NULL;
    Vsva v;

    if (!vsva_open(u, &v)) {
        return;
    }
    info->argsz = sizeof(room);
    uapi_expect(u, uapi_ioctl(u, v.c.fd, VFIO_ABI_IOMMU_GET_INFO, info), 0,
                "GET_INFO");
    for (uint32_t at = info->cap_offset; at && at < sizeof(room) && !nesting;) {
        const VfioCapHeader *header =
            (const VfioCapHeader *)(const void *)((uint8_t *)room + at);

        nesting = header->id == VSVA_IOMMU_CAP_NESTING ?
                  (const VsvaIommuCapNesting *)(const void *)header : NULL;
        at = header->next;
    }
    uapi_check(u, nesting && nesting->nesting_capabilities == 1 &&
               nesting->stage1_formats == 1u << 1, "the nesting capability");
    vsva_close(&v);
}

const UapiTest uapi_vsva_tests[] = {
    { "vsva: PASIDs, by size, flag and range", test_pasids },
    { "vsva: PASIDs given back", test_pasid_free },
    { "vsva: as many PASIDs as a process gets", test_pasid_quota },
    { "vsva: PASIDs and two containers", test_pasid_owner },
    { "vsva: bind, older and newer callers", test_bind_sizes },
    { "vsva: unbind, older and newer callers", test_unbind_sizes },
    { "vsva: bind, each field and flag", test_bind_fields },
    { "vsva: bind, bad PASIDs and states", test_bind_pasids },
    { "vsva: closed with tables bound", test_bind_left },
    { "vsva: a group leaves", test_group_leaves },
    { "vsva: the other form", test_other_form },
    { "vsva: containers without nesting", test_only_nesting },
    { "vsva: what a container with nesting tells", test_nesting_info },
    { NULL, NULL },
};
