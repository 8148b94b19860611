/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks of "vfio" in which the endpoint asks for pages that the first stage
 * does not have: the kernel hands the requests on through a fault queue, the
 * program enters the pages in its tables and answers.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vfio-nested.h"

#define RW              (IOAS_MAP_READABLE | IOAS_MAP_WRITEABLE)
#define DATA_PAGE       16u     /* of the arena: the first behind the tables */
#define FAULT_WAIT_MS   3000

typedef struct Faults {
    Nested nested;
    uint32_t id;
    int fd;
} Faults;

static bool queue_begin(Vfio *v, Faults *f)
{
    FaultQueueAlloc alloc = { .size = sizeof(alloc) };

    if (!vfio_call(v, "IOMMU_FAULT_QUEUE_ALLOC", IOMMUFD_FAULT_QUEUE_ALLOC,
                   &alloc)) {
        return false;
    }
    f->id = alloc.out_fault_id;
    f->fd = alloc.out_fault_fd;
    vfio_own_object(v, f->id);
    vfio_own_file(v, f->fd);
    v->pri = true;
    return true;
}

static Outcome faults_begin(Vfio *v, Faults *f, uint32_t pasid)
{
    if (!queue_begin(v, f)) {
        return lacking(v);
    }
    return nested_begin(v, &f->nested, pasid, f->id);
}

/* Waits for a request for @va and says what it must be. */
static bool fault_is(Vfio *v, const Faults *f, uint64_t va, uint32_t perm,
                     uint32_t pasid, PageFault *fault)
{
    struct pollfd wait = { .fd = f->fd, .events = POLLIN };
    const uint32_t known = PGFAULT_LAST_PAGE | PGFAULT_PASID_VALID;
    uint32_t flags = PGFAULT_LAST_PAGE;
    uint64_t status;

    if (poll(&wait, 1, FAULT_WAIT_MS) != 1) {
        vfio_dma_state(v, &status);
        wrong(v, "no page fault within %d ms, status 0x%" PRIx64,
              FAULT_WAIT_MS, status);
        return false;
    }
    if (read(f->fd, fault, sizeof(*fault)) != sizeof(*fault)) {
        wrong(v, "read of the fault queue: %s", strerror(errno));
        return false;
    }
    if (pasid != NO_PASID) {
        flags |= PGFAULT_PASID_VALID;
    }
    /* Linux lets a flag of its own through: the response needs a PASID */
    if ((fault->flags & known) != flags || fault->dev_id != v->dev_id ||
        fault->addr != va || fault->perm != perm ||
        (pasid != NO_PASID && fault->pasid != pasid)) {
        wrong(v, "page fault of device %" PRIu32 ": flags 0x%" PRIx32
              " PASID %" PRIu32 " perm 0x%" PRIx32 " address 0x%" PRIx64
              ", wanted 0x%" PRIx32 " 0x%" PRIx32 " 0x%" PRIx64,
              fault->dev_id, fault->flags, fault->pasid, fault->perm,
              fault->addr, flags, perm, va);
        return false;
    }
    return true;
}

static bool answer(Vfio *v, const Faults *f, const PageFault *fault,
                   uint32_t code)
{
    PageAnswer a = { .cookie = fault->cookie, .code = code };

    if (write(f->fd, &a, sizeof(a)) != sizeof(a)) {
        wrong(v, "answer to a page fault: %s", strerror(errno));
        return false;
    }
    return true;
}

/* A command that asks for the page at @va, gets it, and ends well. */
static bool with_page(Vfio *v, const Faults *f, bool write, uint64_t va,
                      unsigned page)
{
    PageFault fault;
    uint64_t status;

    vfio_dma_start(v, write ? TESTDEV_CMD_FILL : TESTDEV_CMD_READ, va, va,
                   PAGE);
    if (!fault_is(v, f, va, write ? PGFAULT_WRITE : PGFAULT_READ, v->pasid,
                  &fault)) {
        return false;
    }
    *nested_entry(v, va) = nested_leaf(v, page);
    if (!nested_permit(v, &f->nested, va) ||
        !answer(v, f, &fault, PAGE_ANSWER_SUCCESS)) {
        return false;
    }
    if (!vfio_dma_ended(v, &status) || !dma_done(status)) {
        wrong(v, "after the answer: status 0x%" PRIx64, status);
        return false;
    }
    return true;
}

/* A copy for which the source and the target are missing, then there. */
static bool copy_with_pages(Vfio *v, const Faults *f)
{
    const uint64_t from = nested_va(v) + 8 * PAGE;
    const uint64_t to = nested_va(v) + 9 * PAGE;
    PageFault fault;
    uint64_t status;

    arena_fill(v, DATA_PAGE + 8, 8);
    vfio_dma_start(v, TESTDEV_CMD_COPY, from, to, PAGE);
    if (!fault_is(v, f, from, PGFAULT_READ, v->pasid, &fault)) {
        return false;
    }
    *nested_entry(v, from) = nested_leaf(v, DATA_PAGE + 8);
    if (!answer(v, f, &fault, PAGE_ANSWER_SUCCESS) ||
        !fault_is(v, f, to, PGFAULT_WRITE, v->pasid, &fault)) {
        return false;
    }
    *nested_entry(v, to) = nested_leaf(v, DATA_PAGE + 9);
    if (!answer(v, f, &fault, PAGE_ANSWER_SUCCESS)) {
        return false;
    }
    if (!vfio_dma_ended(v, &status) || !dma_done(status) ||
        memcmp(arena_page(v, DATA_PAGE + 8), arena_page(v, DATA_PAGE + 9),
               PAGE)) {
        wrong(v, "copy between two pages asked for: status 0x%" PRIx64,
              status);
        return false;
    }
    return true;
}

static Outcome faults_served(Vfio *v, const Faults *f)
{
    const uint64_t va = nested_va(v);

    arena_fill(v, DATA_PAGE, 1);
    if (!with_page(v, f, false, va, DATA_PAGE)) {
        return OUTCOME_FAIL;
    }
    v->pri = false;
    if (!dma_reads(v, va, 1)) {
        return OUTCOME_FAIL;
    }
    v->pri = true;
    if (!with_page(v, f, true, va + PAGE, DATA_PAGE + 1)) {
        return OUTCOME_FAIL;
    }
    if (!dma_written(v, DATA_PAGE + 1)) {
        return wrong(v, "the page asked for was not written");
    }
    /* there, but read-only: the write asks for it */
    *nested_entry(v, va + 2 * PAGE) = nested_read_only(v, DATA_PAGE + 2);
    if (!with_page(v, f, true, va + 2 * PAGE, DATA_PAGE + 2)) {
        return OUTCOME_FAIL;
    }
    if (!dma_written(v, DATA_PAGE + 2)) {
        return wrong(v, "the page made writable was not written");
    }
    if (!copy_with_pages(v, f)) {
        return OUTCOME_FAIL;
    }
    return found(v, "five requests%s read from the fault queue and answered: "
                 "a read, a write, a write of a read-only page, both ends of "
                 "a copy; each DMA then ended well",
                 v->pasid == NO_PASID ? "" : " with PASID");
}

Outcome check_fault(Vfio *v)
{
    Faults f;
    Outcome outcome = faults_begin(v, &f, NO_PASID);

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    if (!nested_attach(v, &f.nested)) {
        return OUTCOME_FAIL;
    }
    return faults_served(v, &f);
}

Outcome check_fault_pasid(Vfio *v)
{
    Faults f;
    Outcome outcome = faults_begin(v, &f, 9);

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    if (!nested_attach(v, &f.nested)) {
        return lacking(v);
    }
    v->pasid = 9;
    outcome = faults_served(v, &f);
    if (!nested_detach(v, &f.nested)) {
        return OUTCOME_FAIL;
    }
    return outcome;
}

Outcome check_fault_refused(Vfio *v)
{
    const uint64_t va = nested_va(v);
    Faults f;
    PageFault fault, never = { .cookie = 0x7777 };
    Outcome outcome = faults_begin(v, &f, NO_PASID);
    uint64_t status;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, DATA_PAGE, 1);
    *nested_entry(v, va + PAGE) = nested_leaf(v, DATA_PAGE);
    if (!nested_attach(v, &f.nested)) {
        return OUTCOME_FAIL;
    }
    vfio_dma_start(v, TESTDEV_CMD_READ, va, 0, PAGE);
    if (!fault_is(v, &f, va, PGFAULT_READ, NO_PASID, &fault)) {
        return OUTCOME_FAIL;
    }
    if (answer(v, &f, &never, PAGE_ANSWER_SUCCESS) || errno != EINVAL) {
        return wrong(v, "an answer to a fault that never was: accepted");
    }
    if (!answer(v, &f, &fault, PAGE_ANSWER_INVALID)) {
        return OUTCOME_FAIL;
    }
    if (!vfio_dma_ended(v, &status) || !dma_page_refused(v, status)) {
        return wrong(v, "after the refusal: status 0x%" PRIx64, status);
    }
    if (!dma_reads(v, va + PAGE, 1)) {
        return OUTCOME_FAIL;
    }
    return found(v, "answered with Invalid Request: the DMA ended so; an "
                 "answer to nothing is EINVAL; the next DMA works");
}

/* Linux's own tables: the page asked for is mapped through iommufd. */
Outcome check_fault_map(Vfio *v)
{
    Faults f;
    PageFault fault;
    uint32_t ioas = vfio_ioas(v), hwpt;
    uint64_t status;

    if (!queue_begin(v, &f)) {
        return lacking(v);
    }
    hwpt = ioas ? vfio_hwpt(v, ioas, 0, f.id) : 0;
    if (!hwpt) {
        return lacking(v);
    }
    arena_fill(v, 1, 1);
    if (!vfio_attach(v, hwpt, NO_PASID)) {
        return OUTCOME_FAIL;
    }
    vfio_dma_start(v, TESTDEV_CMD_READ, NESTED_GPA, 0, PAGE);
    if (!fault_is(v, &f, NESTED_GPA, PGFAULT_READ, NO_PASID, &fault) ||
        !vfio_map(v, ioas, arena_page(v, 1), NESTED_GPA, PAGE, RW) ||
        !answer(v, &f, &fault, PAGE_ANSWER_SUCCESS)) {
        return OUTCOME_FAIL;
    }
    if (!vfio_dma_ended(v, &status) || !dma_done(status)) {
        return wrong(v, "after the answer: status 0x%" PRIx64, status);
    }
    v->pri = false;
    if (!dma_reads(v, NESTED_GPA, 1)) {
        return OUTCOME_FAIL;
    }
    return found(v, "a page mapped with IOMMU_IOAS_MAP when it was asked for");
}
