/* SPDX-License-Identifier: BSD-3-Clause */
/* Behind an SMMUv3: events, and transactions that wait. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "tests/guest/testdev.h"
#include "tests/uapi/smmu.h"

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

    return poll(&poll_fd, 1, UAPI_PATIENCE_MS) == 1 && (poll_fd.revents & POLLIN);
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
    *smmu_cd(&s, 0) = 0;
    smmu_expect_command(&s, CFGI_CD | CMD_SID(VSID), 1, 0);
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

enum { DEPTH = 2, ROUND = 5 };

/* Bytes at @told as number @next of a round; their size, 0 when not one. */
static size_t event_number(Uapi *u, const uint8_t *told, size_t size,
                           uint32_t *next, bool *lost)
{
    bool header;
    Event e = { 0 };

    memcpy(&e, told, size < sizeof(e) ? size : sizeof(e));
    header = e.header.flags == IOMMUFD_VEVENT_LOST_EVENTS;
    if (size < (header ? sizeof(e.header) : sizeof(e)) ||
        (!header && e.header.flags) || e.header.sequence < *next ||
        e.header.sequence / ROUND != *next / ROUND) {
        uapi_check(u, false, "%zu bytes, flags 0x%x, number %u, wanted %u",
                   size, e.header.flags, e.header.sequence, *next);
        return 0;
    }
    uapi_check(u, header || e.evt[2] ==
               VA + (1 + e.header.sequence % ROUND) * PAGE,
               "number %u is another address", e.header.sequence);
    *lost |= header || e.header.sequence != *next;
    *next = e.header.sequence + 1;
    return header ? sizeof(e.header) : sizeof(e);
}

/*
 * Takes what is told of the round of events that begins at number @next: 1
 * when some are lost, -1 when something is wrong.  Each event has its number,
 * a lost one as well.  The header of lost events goes, and leaves a gap in the
 * numbers, when a further event finds room.
 */
static int take_round(Smmu *s, int fd, uint32_t next)
{
    uint8_t told[DEPTH * sizeof(Event) + sizeof(IommufdVeventHeader)];
    const uint32_t end = next + ROUND;
    bool lost = false;

    while (next != end) {
        ssize_t size = readable(fd) ? take(s, fd, told, sizeof(told)) : 0;

        uapi_check(s->d.u, size > 0, "no event");
        for (ssize_t at = 0; at < size; ) {
            size_t step = event_number(s->d.u, told + at, (size_t)(size - at),
                                       &next, &lost);
            if (!step) {
                return -1;
            }
            at += (ssize_t)step;
        }
        if (size <= 0) {
            return -1;
        }
    }
    return lost;
}

/*
 * Linux's thread reports when it gets the processor, which may be while
 * the events are read: then again, and with more time for it.
 */
static void test_lost(Uapi *u)
{
    struct { Event event[2]; IommufdVeventHeader lost; } got;
    uint32_t hwpt, id, next = 0;
    int fd, lost = 0;
    Smmu s;

    if (!smmu_open(u, 0, &s)) {
        return;
    }
    uapi_expect(u, veventq(&s, 1, DEPTH, &id, &fd), 0, "VEVENTQ_ALLOC");
    smmu_start(&s, &hwpt);
    for (int pause_ms = 0; !lost && pause_ms < UAPI_PATIENCE_MS;
         pause_ms += pause_ms + 1) {
        for (unsigned i = 1; i <= ROUND; i++) {
            uapi_fill(&s.d, NO_PASID, VA + i * PAGE, 8, 1);
        }
        poll(NULL, 0, pause_ms);
        lost = take_round(&s, fd, next);
        next += ROUND;
    }
    uapi_check(u, lost == 1, "no word of lost events");
    uapi_fill(&s.d, NO_PASID, VA + 6 * PAGE, 8, 1);
    uapi_check(u, readable(fd), "no event");
    uapi_expect(u, take(&s, fd, &got, sizeof(got)), sizeof(got.event[0]),
                "the next");
    uapi_expect(u, got.event[0].header.sequence, next, "its number");
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
    smmu_expect_command(s, TLBI_NSNH_ALL, 0, 0);
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
    smmu_expect_command(s, TLBI_NSNH_ALL, 0, 0);
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
    smmu_put_cd(&s, 0, CD_STALL);
    smmu_put_cd(&s, 1, CD_STALL);
    uapi_tables_map(&s.tables, VA, BASE + DATA * PAGE);
    uapi_expect(u, smmu_vdevice_alloc(&s.d, s.viommu, VSID, &id), 0,
                "VDEVICE_ALLOC");
    uapi_expect(u, smmu_nested_alloc(&s, &alloc, STE_S1 | (BASE + CDS * PAGE) |
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

const UapiTest uapi_smmu_event_tests[] = {
    { "smmu/events", test_events },
    { "smmu/lost", test_lost },
    { "smmu/stall", test_stall },
    { NULL, NULL },
};
