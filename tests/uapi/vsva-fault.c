/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vSVA user API: faults of a device's tables, and answers to its page
 * requests, through regions of the device.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/guest/testdev.h"
#include "tests/uapi/vsva.h"

#define CMD_PAGE_REQUEST    10
#define REQUEST_LAST        (1u << 4)
#define REQUEST_GROUP(g)    ((uint64_t)(g) << 16)
#define OUTSTANDING         0x118       /* docs/testdev.md */
#define RESPONSE            0x0e8

#define FAULTS      9       /* the first region beyond PCI's */
#define RESPONSES   10
#define INTERRUPT   5       /* the first interrupt beyond PCI's */
#define ENTRIES     512u

typedef struct Region {
    uint64_t at, size;
    uint8_t *entries;
} Region;

typedef struct Faults {
    Vsva v;
    UapiDevice d;           /* fd is the container's device */
    Region faults, responses;
    uint32_t head;          /* of the responses */
} Faults;

static void find_region(Faults *f, uint32_t index, Region *region)
{
    VfioRegionInfo info = { .argsz = sizeof(info), .index = index };
    Uapi *u = f->v.c.u;
    void *map = NULL;

    uapi_expect(u, uapi_dev_ioctl(&f->d, VFIO_ABI_DEVICE_GET_REGION_INFO,
                                  &info), 0, "GET_REGION_INFO %u", index);
    region->at = info.offset;
    region->size = info.size;
    uapi_expect(u, u->calls.mmap(u->calls.opaque, &map, info.size - PAGE,
                                 PROT_READ | PROT_WRITE, MAP_SHARED, f->d.fd,
                                 info.offset + PAGE), 0, "mmap");
    region->entries = map;
}

/** A table without entries is behind the PASID. */
static bool faults_open(Uapi *u, Faults *f)
{
    memset(f, 0, sizeof(*f));
    if (!vsva_open(u, &f->v)) {
        return false;
    }
    f->d = (UapiDevice) { .u = u, .fd = f->v.c.device, .iommu = -1 };
    uapi_device_enable(&f->d);
    find_region(f, FAULTS, &f->faults);
    find_region(f, RESPONSES, &f->responses);
    uapi_expect(u, vsva_simple(&f->v.c, VSVA_BIND_GUEST_PGTBL, f->v.pasid,
                               VSVA_GPA), 0, "bind");
    return true;
}

static void faults_close(Faults *f)
{
    munmap(f->faults.entries, f->faults.size - PAGE);
    munmap(f->responses.entries, f->responses.size - PAGE);
    vsva_close(&f->v);
}

/** The five words of a ring's head. */
static void read_head(Faults *f, const Region *region, uint32_t head[5])
{
    Uapi *u = f->v.c.u;

    uapi_expect(u, u->calls.pread(u->calls.opaque, f->d.fd, head, 20,
                                  region->at), 20, "read a ring's head");
}

static long write_index(Faults *f, const Region *region, uint32_t index)
{
    Uapi *u = f->v.c.u;

    return u->calls.pwrite(u->calls.opaque, f->d.fd, &index, sizeof(index),
                           region->at);
}

/** The next record; false when there is none. */
static bool take(Faults *f, VsvaFault *fault)
{
    uint32_t head[5];

    memset(fault, 0, sizeof(*fault));
    read_head(f, &f->faults, head);
    if (head[0] == head[4]) {
        return false;
    }
    memcpy(fault, f->faults.entries + (size_t)head[0] * 64, sizeof(*fault));
    uapi_expect(f->v.c.u, write_index(f, &f->faults,
                                      (head[0] + 1) % ENTRIES), 4,
                "move the tail");
    return true;
}

static void page_request(Faults *f, uint64_t addr, uint64_t bits)
{
    uapi_set_reg(&f->d, TESTDEV_PASID, TESTDEV_PASID_VALID | f->v.pasid);
    uapi_set_reg(&f->d, TESTDEV_SRC, addr);
    uapi_set_reg(&f->d, TESTDEV_REQUEST, bits);
    uapi_set_reg(&f->d, TESTDEV_COMMAND, CMD_PAGE_REQUEST);
    uapi_expect(f->v.c.u, uapi_status(&f->d), UAPI_DONE, "PAGE_REQUEST");
}

/** What the write of the index says. */
static int respond(Faults *f, const VsvaPageResponse *response)
{
    Uapi *u = f->v.c.u;
    uint32_t size = vsva_sizes(u)->response;
    uint8_t *entry = f->responses.entries + (size_t)f->head * size;
    long ret;

    /* the versioned form is the merged one without its first word */
    memcpy(entry, (const uint8_t *)response + (sizeof(*response) - size),
           size);
    f->head = (f->head + 1) % ENTRIES;
    ret = write_index(f, &f->responses, f->head);
    return ret == 4 ? 0 : (int)ret;
}

/* --- Tests --------------------------------------------------------------- */

static void test_regions(Uapi *u)
{
    static const uint32_t subtypes[] = { 1, 2 };
    static const uint16_t version_caps[] = { 6, 7 };
    uint32_t entry_sizes[] = { 64, vsva_sizes(u)->response };
    uint64_t room[32];
    Faults f;

    if (!faults_open(u, &f)) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        const Region *region = i ? &f.responses : &f.faults;
        VfioRegionInfo *info = (VfioRegionInfo *)(void *)room;
        bool type = false, version = false, sparse = false;
        uint32_t head[5], seen = 0;
        void *map;

        *info = (VfioRegionInfo) { .argsz = sizeof(*info),
                                   .index = FAULTS + i };
        uapi_expect(u, uapi_dev_ioctl(&f.d, VFIO_ABI_DEVICE_GET_REGION_INFO,
                                      info), 0, "no room for the chain");
        uapi_expect(u, info->cap_offset, 0, "cap_offset");
        uapi_expect(u, info->flags, 15, "flags");
        uapi_check(u, info->argsz > sizeof(*info) &&
                   info->argsz <= sizeof(room), "argsz %u", info->argsz);
        uapi_expect(u, uapi_dev_ioctl(&f.d, VFIO_ABI_DEVICE_GET_REGION_INFO,
                                      info), 0, "the chain");
        for (uint32_t at = info->cap_offset; at && seen < 8; seen++) {
            const uint32_t *w = (const uint32_t *)(const void *)room + at / 4;
            uint16_t id = w[0] & 0xffff;

            type = type || (id == 2 && w[2] == 2 && w[3] == subtypes[i]);
            version = version || (id == version_caps[i] && w[2] == 1);
            sparse = sparse || (id == 1 && w[2] == 1 && w[4] == PAGE);
            at = w[1];
        }
        uapi_check(u, type && version && sparse, "region %u: %d %d %d", i,
                   type, version, sparse);
        read_head(&f, region, head);
        uapi_check(u, head[0] == 0 && head[1] == entry_sizes[i] &&
                   head[2] == ENTRIES && head[3] == PAGE && head[4] == 0,
                   "the head is %u %u %u %u %u", head[0], head[1], head[2],
                   head[3], head[4]);
        uapi_expect(u, write_index(&f, region, ENTRIES), -EINVAL,
                    "an index beyond the end");
        uapi_expect(u, u->calls.pwrite(u->calls.opaque, f.d.fd, head, 8,
                                       region->at), -EINVAL, "two words");
        uapi_expect(u, u->calls.pwrite(u->calls.opaque, f.d.fd, head, 4,
                                       region->at + 4), -EINVAL,
                    "another word");
        uapi_expect(u, u->calls.pread(u->calls.opaque, f.d.fd, head, 4,
                                      region->at + region->size), -EINVAL,
                    "behind the end");
        uapi_expect(u, u->calls.mmap(u->calls.opaque, &map, PAGE, PROT_READ,
                                     MAP_SHARED, f.d.fd, region->at),
                    -EINVAL, "map the head");
        uapi_expect(u, u->calls.mmap(u->calls.opaque, &map, region->size,
                                     PROT_READ, MAP_SHARED, f.d.fd,
                                     region->at + PAGE), -EINVAL,
                    "map more than there is");
    }
    faults_close(&f);
}

/** Only with nesting. */
static void test_no_regions(Uapi *u)
{
    VfioDeviceInfo info = { .argsz = sizeof(info) };
    VfioRegionInfo region = { .argsz = sizeof(region), .index = FAULTS };
    VfioIrqInfo irq = { .argsz = sizeof(irq), .index = INTERRUPT };
    Container c;

    if (!have_group(u) ||
        !container_open_device(u, &c, VFIO_ABI_TYPE1V2)) {
        return;
    }
    uapi_expect(u, uapi_ioctl(u, c.device, VFIO_ABI_DEVICE_GET_INFO, &info),
                0, "GET_INFO");
    uapi_expect(u, info.num_regions, 9, "regions");
    uapi_expect(u, info.num_irqs, 5, "interrupts");
    uapi_expect(u, uapi_ioctl(u, c.device, VFIO_ABI_DEVICE_GET_REGION_INFO,
                              &region), -EINVAL, "the region");
    uapi_expect(u, uapi_ioctl(u, c.device, VFIO_ABI_DEVICE_GET_IRQ_INFO,
                              &irq), -EINVAL, "the interrupt");
    container_close(&c);
}

static bool signalled(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    uint64_t count;

    return poll(&poll_fd, 1, 0) == 1 && read(fd, &count, 8) == 8;
}

static void test_interrupt(Uapi *u)
{
    uint64_t room[16] = { 0 };
    VsvaIrqInfo *info = (VsvaIrqInfo *)(void *)room;
    const VsvaIrqCapType *type;
    struct {
        uint32_t argsz, flags, index, start, count;
        int32_t fd;
    } set = {
        .argsz = sizeof(set), .flags = 1u << 2 | 1u << 5, .index = INTERRUPT,
        .count = 1, .fd = eventfd(0, EFD_NONBLOCK),
    };
    VsvaFault fault;
    Faults f;

    if (!faults_open(u, &f)) {
        close(set.fd);
        return;
    }
    info->info.argsz = 16;
    info->info.index = INTERRUPT;
    uapi_expect(u, uapi_dev_ioctl(&f.d, VFIO_ABI_DEVICE_GET_IRQ_INFO, info),
                0, "a caller that knows no chain");
    uapi_expect(u, info->info.count, 1, "interrupts");
    info->info.argsz = sizeof(room);
    uapi_expect(u, uapi_dev_ioctl(&f.d, VFIO_ABI_DEVICE_GET_IRQ_INFO, info),
                0, "GET_IRQ_INFO");
    type = (const VsvaIrqCapType *)(const void *)((uint8_t *)room +
                                                  info->cap_offset);
    uapi_check(u, info->cap_offset && type->header.id == 3 &&
               type->type == 1 && type->subtype == 1, "the type");
    uapi_expect(u, uapi_dev_ioctl(&f.d, VFIO_ABI_DEVICE_SET_IRQS, &set), 0,
                "SET_IRQS");
    uapi_check(u, !signalled(set.fd), "a fault before there was one");
    uapi_expect(u, uapi_fill(&f.d, f.v.pasid, 0x1000, 8, 1), TESTDEV_BLOCKED,
                "DMA");
    uapi_check(u, signalled(set.fd), "no word of the fault");
    uapi_check(u, take(&f, &fault), "no record");
    uapi_check(u, fault.type == 1 &&
               fault.event.reason == VSVA_REASON_PTE_FETCH &&
               fault.event.flags == 3 && fault.event.pasid == f.v.pasid &&
               fault.event.perm == VSVA_PERM_WRITE &&
               fault.event.addr == 0x1000, "the record: reason %u, flags %#x",
               fault.event.reason, fault.event.flags);
    uapi_check(u, !take(&f, &fault), "a second record");
    close(set.fd);
    faults_close(&f);
}

typedef struct ResponseCase {
    const char *what;
    uint32_t argsz, version, flags;
    uint32_t pasid, group;  /* added to the right ones */
    uint32_t code;
    int want;
    bool merged;            /* of this form only */
} ResponseCase;

static const ResponseCase response_cases[] = {
    { "a caller that knows less", 23, 1, 1, 0, 0, 0, -EINVAL, true },
    { "nothing", 0, 1, 1, 0, 0, 0, -EINVAL, true },
    { "version 0", 24, 0, 1, 0, 0, 0, -EINVAL, false },
    { "version 2", 24, 2, 1, 0, 0, 0, -EINVAL, false },
    { "an unknown flag", 24, 1, 3, 0, 0, 0, -EINVAL, false },
    { "the last flag", 24, 1, 1u << 31, 0, 0, 0, -EINVAL, false },
    { "an unknown code", 24, 1, 1, 0, 0, 3, -EINVAL, false },
    { "no PASID", 24, 1, 0, 0, 0, 0, -ENOENT, false },
    { "another PASID", 24, 1, 1, 1, 0, 0, -ENOENT, false },
    { "another group", 24, 1, 1, 0, 1, 0, -ENOENT, false },
    { "a group beyond the last", 24, 1, 1, 0, 0x10000, 0, -ENOENT, false },
    { "success", 24, 1, 1, 0, 0, 0, 0, false },
    { "invalid", 24, 1, 1, 0, 0, 1, 0, false },
    { "a caller that knows more", 32, 1, 1, 0, 0, 0, 0, true },
    /* the last one: page requests are over after it */
    { "failure", 24, 1, 1, 0, 0, 2, 0, false },
};

/* [UAPI 003 "iommu_page_response_code"] */
static void test_responses(Uapi *u)
{
    static const uint32_t pcie_codes[] = { 0, 1, 15 };
    VsvaFault fault;
    Faults f;

    if (!faults_open(u, &f)) {
        return;
    }
    for (size_t i = 0; i < COUNT(response_cases); i++) {
        const ResponseCase *r = &response_cases[i];
        VsvaPageResponse response = {
            .argsz = r->argsz, .version = r->version, .flags = r->flags,
            .pasid = f.v.pasid + r->pasid, .grpid = 33 + r->group,
            .code = r->code,
        };
        VsvaPageResponse good = {
            .argsz = 24, .version = 1, .flags = 1, .pasid = f.v.pasid,
            .grpid = 33,
        };

        if (r->merged && u->vsva != UAPI_VSVA_MERGED) {
            continue;
        }
        page_request(&f, 0x7000, TESTDEV_REQUEST_RW | REQUEST_LAST |
                                 REQUEST_GROUP(33));
        uapi_check(u, take(&f, &fault) && fault.type == 2 &&
                   fault.prm.pasid == f.v.pasid && fault.prm.grpid == 33 &&
                   fault.prm.perm == 3 && fault.prm.addr == 0x7000 &&
                   (fault.prm.flags & 7) == 3, "%s: the request", r->what);
        uapi_expect(u, respond(&f, &response), r->want, "%s", r->what);
        uapi_expect(u, uapi_reg(&f.d, OUTSTANDING), r->want != 0,
                    "%s: requests that wait", r->what);
        if (!r->want) {
            uapi_expect(u, uapi_reg(&f.d, RESPONSE) & 0xf,
                        pcie_codes[r->code], "%s: the answer", r->what);
        }
        /* bad ones have changed nothing */
        uapi_expect(u, respond(&f, &good), r->want ? 0 : -ENOENT,
                    "a good one after: %s", r->what);
    }
    faults_close(&f);
}

/** Several at once; a bad one does not stop those behind it. */
static void test_several_responses(Uapi *u)
{
    uint32_t size;
    Faults f;

    if (!faults_open(u, &f)) {
        return;
    }
    size = vsva_sizes(u)->response;
    for (unsigned i = 0; i < 4; i++) {
        VsvaPageResponse response = {
            .argsz = 24, .version = i == 1 ? 7 : 1, .flags = 1,
            .pasid = f.v.pasid, .grpid = i,
        };

        page_request(&f, 0x7000, TESTDEV_REQUEST_RW | REQUEST_LAST |
                                 REQUEST_GROUP(i));
        memcpy(f.responses.entries + (size_t)i * size,
               (uint8_t *)&response + (sizeof(response) - size), size);
    }
    uapi_expect(u, uapi_reg(&f.d, OUTSTANDING), 4, "requests that wait");
    uapi_expect(u, write_index(&f, &f.responses, 4), -EINVAL,
                "three good ones and a bad one");
    uapi_expect(u, uapi_reg(&f.d, OUTSTANDING), 1, "requests that wait");
    /* which the end of the table answers */
    uapi_expect(u, vsva_simple(&f.v.c, VSVA_UNBIND_GUEST_PGTBL, f.v.pasid,
                               0), 0, "unbind");
    uapi_expect(u, uapi_reg(&f.d, OUTSTANDING), 0, "requests that wait");
    faults_close(&f);
}

const UapiTest uapi_vsva_fault_tests[] = {
    { "vsva: regions of faults and answers", test_regions },
    { "vsva: no such regions without nesting", test_no_regions },
    { "vsva: the interrupt, and blocked DMA", test_interrupt },
    { "vsva: page responses, each field", test_responses },
    { "vsva: several page responses", test_several_responses },
    { NULL, NULL },
};
