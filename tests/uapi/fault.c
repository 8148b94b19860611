/* SPDX-License-Identifier: BSD-3-Clause */
/* Fault queues: groups, cookies, answers, and who answers when nobody does. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/guest/testdev.h"
#include "tests/uapi/device.h"

#define BASE    0x20000000u
#define TABLES  16
#define SIZE    ((TABLES + 4) * PAGE)

/* of the endpoint: docs/testdev.md */
#define CMD_PAGE_REQUEST    10
#define RESPONSE            0x0e8
#define OUTSTANDING         0x118
#define REQUEST_LAST        (1u << 4)
#define REQUEST_GROUP(g)    ((uint64_t)(g) << 16)
#define RESPONSE_CODE       0xfu
#define RESPONSE_CAME       (UINT64_C(1) << 63)

#define FLAGS (IOMMUFD_PGFAULT_PASID_VALID | IOMMUFD_PGFAULT_LAST_PAGE)

typedef struct Faults {
    UapiDevice d;
    uint8_t *memory;
    uint32_t ioas, parent, nested, queue;
    int fd;
    UapiTables tables;
} Faults;

static int queue_alloc(Uapi *u, int iommu, uint32_t *id, int *fd)
{
    IommufdFaultQueueAlloc alloc = { .size = sizeof(alloc) };
    int ret = uapi_ioctl(u, iommu, IOMMUFD_FAULT_QUEUE_ALLOC, &alloc);

    *id = alloc.out_fault_id;
    *fd = alloc.out_fault_fd;
    return ret;
}

/** False: no device, or none that can do it. */
static bool faults_open(Uapi *u, Faults *f)
{
    int ret;

    memset(f, 0, sizeof(*f));
    if (!uapi_device_open(u, 0, &f->d)) {
        return false;
    }
    f->memory = uapi_memory(SIZE);
    f->ioas = uapi_ioas(u, f->d.iommu);
    uapi_expect(u, uapi_map(&f->d, f->ioas, f->memory, SIZE, BASE), 0, "map");
    ret = uapi_hwpt(&f->d, IOMMUFD_HWPT_NEST_PARENT | IOMMUFD_HWPT_PASID,
                    f->ioas, &f->parent);
    uapi_expect(u, queue_alloc(u, f->d.iommu, &f->queue, &f->fd), 0,
                "FAULT_QUEUE_ALLOC");
    uapi_tables_init(&f->tables, f->memory, BASE, TABLES);
    if (!ret) {
        ret = uapi_nested(&f->d, IOMMUFD_HWPT_FAULT_ID | IOMMUFD_HWPT_PASID,
                          f->parent, BASE, f->queue, &f->nested);
    }
    if (!ret) {
        ret = uapi_attach(&f->d, 3, f->nested);
    }
    if (ret == -EOPNOTSUPP) {
        uapi_skip(u, "no page requests");
        uapi_close(u, f->fd);
        uapi_device_close(&f->d);
        uapi_memory_free(f->memory, SIZE);
        return false;
    }
    uapi_expect(u, ret, 0, "nested, attached");
    return true;
}

static void faults_close(Faults *f)
{
    uapi_device_close(&f->d);
    uapi_memory_free(f->memory, SIZE);
}

static void request(Faults *f, uint64_t addr, unsigned group, bool last)
{
    uapi_set_reg(&f->d, TESTDEV_PASID, TESTDEV_PASID_VALID | 3);
    uapi_set_reg(&f->d, TESTDEV_SRC, addr);
    uapi_set_reg(&f->d, TESTDEV_REQUEST, TESTDEV_REQUEST_RW |
                 REQUEST_GROUP(group) | (last ? REQUEST_LAST : 0));
    uapi_set_reg(&f->d, TESTDEV_COMMAND, CMD_PAGE_REQUEST);
    uapi_expect(f->d.u, uapi_status(&f->d), UAPI_DONE, "PAGE_REQUEST");
}

static ssize_t take(Faults *f, IommufdPgfault *list, unsigned n)
{
    return f->d.u->calls.read(f->d.u->calls.opaque, f->fd, list,
                              n * sizeof(*list));
}

static ssize_t answer(Faults *f, uint32_t cookie, uint32_t code)
{
    IommufdPageResponse response = { cookie, code };

    return f->d.u->calls.write(f->d.u->calls.opaque, f->fd, &response,
                               sizeof(response));
}

/** Whether there is something to read; events may take a moment. */
static bool readable(Faults *f, bool wanted)
{
    struct pollfd poll_fd = { .fd = f->fd, .events = POLLIN };

    return poll(&poll_fd, 1, wanted ? UAPI_PATIENCE_MS : 0) == 1 &&
           (poll_fd.revents & POLLIN);
}

static void expect_response(Faults *f, uint64_t code, const char *what)
{
    uint64_t response = 0;

    for (unsigned i = 0; i < UAPI_PATIENCE_MS / 10; i++) {
        response = uapi_reg(&f->d, RESPONSE);
        if ((response & RESPONSE_CAME) && !uapi_reg(&f->d, OUTSTANDING)) {
            break;
        }
        usleep(10000);
    }
    uapi_check(f->d.u, response & RESPONSE_CAME, "%s: no response", what);
    uapi_expect(f->d.u, response & RESPONSE_CODE, code, "%s: its code", what);
}

static void test_alloc(Uapi *u)
{
    IommufdFaultQueueAlloc alloc = { .size = sizeof(alloc), .flags = 1 };
    int iommu = uapi_iommu(u), fd;
    IommufdPgfault fault;
    uint32_t id;

    uapi_expect(u, uapi_ioctl(u, iommu, IOMMUFD_FAULT_QUEUE_ALLOC, &alloc),
                -EOPNOTSUPP, "a flag");
    uapi_expect(u, queue_alloc(u, iommu, &id, &fd), 0, "alloc");
    uapi_expect(u, uapi_destroy(u, iommu, id), -EBUSY,
                "destroy while its descriptor is open");
    uapi_expect(u, u->calls.read(u->calls.opaque, fd, &fault,
                                 sizeof(fault) - 1), -ESPIPE, "odd read");
    uapi_expect(u, u->calls.read(u->calls.opaque, fd, &fault, sizeof(fault)),
                0, "read of nothing");
    uapi_expect(u, u->calls.write(u->calls.opaque, fd, &fault, 7), -ESPIPE,
                "odd write");
    memset(&fault, 0, sizeof(fault));
    uapi_expect(u, u->calls.write(u->calls.opaque, fd, &fault, 8), -EINVAL,
                "an answer to nothing");
    uapi_expect(u, u->calls.ioctl(u->calls.opaque, fd, IOMMUFD_DESTROY,
                                  &alloc), -ENOTTY, "ioctl");
    uapi_close(u, fd);
    uapi_expect(u, uapi_destroy(u, iommu, id), 0, "destroy");
    /* the descriptor outlives the file that it came from */
    uapi_expect(u, queue_alloc(u, iommu, &id, &fd), 0, "alloc");
    uapi_close(u, iommu);
    uapi_expect(u, u->calls.read(u->calls.opaque, fd, &fault, sizeof(fault)),
                0, "read behind the end");
    uapi_close(u, fd);
}

static void test_groups(Uapi *u)
{
    IommufdPgfault list[4];
    Faults f;

    if (!faults_open(u, &f)) {
        return;
    }
    uapi_check(u, !readable(&f, false), "readable from the beginning");
    request(&f, 0x1000, 5, false);
    request(&f, 0x2000, 5, false);
    uapi_check(u, !readable(&f, false), "half a group can be read");
    request(&f, 0x3000, 5, true);
    uapi_check(u, readable(&f, true), "a group cannot be read");
    uapi_expect(u, take(&f, list, 2), -EINVAL, "read of less than the group");
    uapi_expect(u, take(&f, list, 0), -EINVAL, "read of no bytes");
    uapi_expect(u, u->calls.read(u->calls.opaque, f.fd, (void *)64,
                                 sizeof(list)), -EFAULT, "read to no memory");
    uapi_expect(u, take(&f, list, 4), 3 * sizeof(list[0]), "read the group");
    uapi_check(u, !readable(&f, false), "readable when all has been read");
    for (unsigned i = 0; i < 3; i++) {
        uapi_expect(u, list[i].addr, (i + 1) * 0x1000, "address %u", i);
        uapi_expect(u, list[i].dev_id, f.d.id, "device %u", i);
        uapi_expect(u, list[i].pasid, 3, "PASID %u", i);
        uapi_expect(u, list[i].grpid, 5, "group %u", i);
        uapi_expect(u, list[i].perm, IOMMUFD_PGFAULT_READ |
                    IOMMUFD_PGFAULT_WRITE, "permissions %u", i);
        /* Linux shows a flag of its own, too */
        uapi_expect(u, list[i].flags & FLAGS, IOMMUFD_PGFAULT_PASID_VALID |
                    (i == 2 ? IOMMUFD_PGFAULT_LAST_PAGE : 0), "flags %u", i);
        uapi_expect(u, list[i].cookie, list[2].cookie, "cookie %u", i);
    }
    uapi_expect(u, u->calls.write(u->calls.opaque, f.fd, (void *)64, 8),
                -EFAULT, "an answer from no memory");
    uapi_expect(u, answer(&f, list[2].cookie, 2), -EINVAL, "a bad code");
    uapi_expect(u, answer(&f, list[2].cookie, 0), 8, "answer");
    uapi_expect(u, answer(&f, list[2].cookie, 0), -EINVAL, "answer twice");
    expect_response(&f, 0, "success");
    request(&f, 0x5000, 6, true);
    uapi_expect(u, take(&f, list, 1), sizeof(list[0]), "read");
    uapi_expect(u, answer(&f, list[0].cookie, 1), 8, "answer");
    expect_response(&f, 1, "invalid");
    uapi_close(u, f.fd);
    faults_close(&f);
}

static void test_several(Uapi *u)
{
    IommufdPgfault list[8];
    unsigned n = 0;
    Faults f;

    if (!faults_open(u, &f)) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        request(&f, (i + 1) * 0x1000, i, true);
    }
    uapi_check(u, readable(&f, true), "nothing to read");
    /* a kernel may bring them one by one, and never more than fit */
    while (n < 4 && readable(&f, true)) {
        ssize_t got = take(&f, list + n, n == 0 ? 3 : 4 - n);

        uapi_check(u, got > 0 && got % (ssize_t)sizeof(list[0]) == 0 &&
                   got <= 3 * (ssize_t)sizeof(list[0]), "read some");
        if (got <= 0) {
            break;
        }
        n += (unsigned)got / sizeof(list[0]);
    }
    uapi_expect(u, n, 4, "read all");
    /* out of order */
    for (unsigned i = 4; i--; ) {
        uapi_expect(u, list[i].grpid, i, "group");
        uapi_expect(u, answer(&f, list[i].cookie, 0), 8, "answer %u", i);
    }
    expect_response(&f, 0, "the last of them");
    uapi_close(u, f.fd);
    faults_close(&f);
}

/** A command that waits for its page goes on. */
static void test_wait(Uapi *u)
{
    uint64_t addr = 0x40000000;
    IommufdVtdS1Invalidate entry = { .addr = addr, .npages = 1 };
    IommufdHwptInvalidate inv = {
        .size = sizeof(inv), .data = (uintptr_t)&entry,
        .entry_len = sizeof(entry), .entry_num = 1,
    };
    IommufdPgfault fault;
    Faults f;

    if (!faults_open(u, &f)) {
        return;
    }
    uapi_set_reg(&f.d, TESTDEV_CONTROL, TESTDEV_CONTROL_ATS |
                 TESTDEV_CONTROL_PRI);
    uapi_expect(u, uapi_fill(&f.d, 3, addr, PAGE, 9), UAPI_BUSY,
                "DMA to no page");
    uapi_check(u, readable(&f, true), "no page request");
    uapi_expect(u, take(&f, &fault, 1), sizeof(fault), "read");
    uapi_expect(u, fault.addr, addr, "its address");
    uapi_tables_map(&f.tables, addr, BASE + TABLES * PAGE);
    /* in caching mode, that there was no page may have been kept */
    inv.hwpt_id = f.nested;
    uapi_expect(u, uapi_iommu_ioctl(&f.d, IOMMUFD_HWPT_INVALIDATE, &inv), 0,
                "invalidate");
    uapi_expect(u, answer(&f, fault.cookie, 0), 8, "answer");
    uapi_expect(u, uapi_status_later(&f.d), UAPI_DONE, "the command");
    uapi_check(u, uapi_is_filled(f.memory + TABLES * PAGE, PAGE, 9),
               "it went elsewhere");
    uapi_close(u, f.fd);
    faults_close(&f);
}

/** Each way to go away answers what is outstanding, read or not. */
static void test_ends(Uapi *u)
{
    static const char *const ways[] = { "detach", "replace", "close" };
    IommufdPgfault fault;
    Faults f;

    for (unsigned way = 0; way < 3; way++) {
        if (!faults_open(u, &f)) {
            return;
        }
        request(&f, 0x1000, 1, true);
        uapi_check(u, readable(&f, true), "nothing to read");
        uapi_expect(u, take(&f, &fault, 1), sizeof(fault), "read");
        request(&f, 0x2000, 2, true);
        uapi_check(u, readable(&f, true), "nothing to read");
        if (way == 0) {
            uapi_expect(u, uapi_detach(&f.d, 3), 0, "detach");
        } else if (way == 1) {
            uapi_expect(u, uapi_attach(&f.d, 3, f.parent), 0, "replace");
        }
        if (way < 2) {
            expect_response(&f, 1, ways[way]);
            uapi_expect(u, answer(&f, fault.cookie, 0), -EINVAL,
                        "an answer too late");
            uapi_check(u, !readable(&f, false), "requests are left");
        }
        uapi_expect(u, uapi_destroy(u, f.d.iommu, f.queue), -EBUSY,
                    "destroy the queue of a table");
        uapi_close(u, f.fd);
        faults_close(&f);
    }
}

/** Without a queue the kernel answers itself. */
static void test_none(Uapi *u)
{
    uint32_t plain;
    Faults f;

    if (!faults_open(u, &f)) {
        return;
    }
    uapi_expect(u, uapi_detach(&f.d, 3), 0, "detach");
    uapi_expect(u, uapi_nested(&f.d, IOMMUFD_HWPT_PASID, f.parent, BASE, 0,
                               &plain), 0, "nested");
    uapi_expect(u, uapi_attach(&f.d, 3, plain), 0, "attach");
    uapi_set_reg(&f.d, TESTDEV_CONTROL, TESTDEV_CONTROL_ATS |
                 TESTDEV_CONTROL_PRI);
    uapi_fill(&f.d, 3, 0x40000000, PAGE, 9);
    uapi_expect(u, uapi_status_later(&f.d), TESTDEV_PAGE_INVALID,
                "the kernel's answer");
    uapi_expect(u, uapi_hwpt(&f.d, IOMMUFD_HWPT_FAULT_ID |
                             IOMMUFD_HWPT_NEST_PARENT, f.ioas, &plain),
                -EOPNOTSUPP, "a parent with a queue");
    uapi_expect(u, uapi_nested(&f.d, IOMMUFD_HWPT_FAULT_ID, f.parent, BASE,
                               f.ioas, &plain), -ENOENT, "an IOAS as queue");
    uapi_close(u, f.fd);
    faults_close(&f);
}

const UapiTest uapi_fault_tests[] = {
    { "fault/alloc", test_alloc },
    { NULL, NULL },
};

const UapiTest uapi_fault_vtd_tests[] = {
    { "fault/groups", test_groups },
    { "fault/several", test_several },
    { "fault/wait", test_wait },
    { "fault/ends", test_ends },
    { "fault/none", test_none },
    { NULL, NULL },
};
