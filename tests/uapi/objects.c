/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of objects: identifiers, and when something can be destroyed. */
#include <errno.h>
#include <string.h>

#include "hw/iommu/host/abi/iommufd.h"
#include "tests/uapi/uapi.h"

/* [UAPI 004 "destroy any object"] */
static void test_ids(Uapi *u)
{
    int fd = uapi_iommu(u), other = uapi_iommu(u);
    uint32_t a = uapi_ioas(u, fd), b = uapi_ioas(u, fd);
    uint32_t c = uapi_ioas(u, fd);

    uapi_expect(u, a, 1, "the first ID");
    uapi_expect(u, b, 2, "the second ID");
    uapi_expect(u, c, 3, "the third ID");
    uapi_expect(u, uapi_ioas(u, other), 1, "the first ID of another file");
    uapi_expect(u, uapi_destroy(u, fd, b), 0, "destroy");
    uapi_expect(u, uapi_destroy(u, fd, b), -ENOENT, "destroy it twice");
    uapi_expect(u, uapi_ioas(u, fd), b, "the lowest free ID");
    uapi_expect(u, uapi_destroy(u, fd, 0), -ENOENT, "destroy 0");
    uapi_expect(u, uapi_destroy(u, fd, 4), -ENOENT, "destroy what never was");
    uapi_expect(u, uapi_destroy(u, fd, UINT32_MAX), -ENOENT,
                "destroy the last ID");
    uapi_close(u, fd);
    uapi_expect(u, uapi_destroy(u, other, 1), 0,
                "destroy after the other file has been closed");
    uapi_close(u, other);
}

static void test_ioas_alloc(Uapi *u)
{
    IommufdIoasAlloc cmd = { .size = sizeof(cmd), .flags = 1 };
    int fd = uapi_iommu(u);

    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOC, &cmd), -EOPNOTSUPP,
                "a flag");
    cmd.flags = 1u << 31;
    uapi_expect(u, uapi_ioctl(u, fd, IOMMUFD_IOAS_ALLOC, &cmd), -EOPNOTSUPP,
                "the last flag");
    uapi_expect(u, uapi_ioas(u, fd), 1, "an ID after two errors");
    uapi_close(u, fd);
}

const UapiTest uapi_objects_tests[] = {
    { "objects/ids", test_ids },
    { "objects/ioas-alloc", test_ioas_alloc },
    { NULL, NULL },
};
