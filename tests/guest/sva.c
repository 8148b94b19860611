/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "sva SEED": the endpoint works in this process's own address space, by its
 * PASID, and asks the kernel for pages that are not there, or waits for them.
 * The processor's page tables are the unit's first stage then.  One line for
 * each check,
 *
 *     sva NAME ok|fail|skip TEXT
 *
 * and at the end "sva-end count=N".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "vfio.h"

#define SVA_FILE    "/dev/viommu-sva"
#define FILE_PATH   "/bin/busybox"
#define MISSING     64u

static uint64_t at(const void *memory)
{
    return (uintptr_t)memory;
}

static uint8_t *pages(size_t n)
{
    void *memory = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

/* Gives @name this process's address space; the file, or -1. */
static int bind_self(Vfio *v, const char *name)
{
    char text[16] = "";
    int fd = open(SVA_FILE, O_RDWR);

    if (fd < 0 || write(fd, name, strlen(name)) < 0 ||
        pread(fd, text, sizeof(text) - 1, 0) <= 0) {
        int error = errno;

        wrong(v, SVA_FILE ": %s", strerror(error));
        if (fd >= 0) {
            close(fd);
        }
        errno = error;
        return -1;
    }
    v->pasid = atoi(text);
    found(v, "PASID %" PRIu32 " for the process", v->pasid);
    return fd;
}

static bool fill(Vfio *v, void *memory, uint64_t size)
{
    uint64_t status = vfio_dma(v, TESTDEV_CMD_FILL, 0, at(memory), size);

    if (!dma_done(status) || !memory_written(memory)) {
        wrong(v, "write: status 0x%" PRIx64, status);
        return false;
    }
    return true;
}

/* Must the command end because the kernel has no such page? */
static bool refused(Vfio *v, unsigned command, const void *memory)
{
    uint64_t status = vfio_dma(v, command, at(memory), at(memory), PAGE);

    if (!dma_page_refused(v, status)) {
        wrong(v, "status 0x%" PRIx64, status);
        return false;
    }
    return true;
}

static Outcome sva_present(Vfio *v)
{
    uint8_t *memory = pages(1);

    memory_fill(v, memory, 1);
    if (!dma_reads(v, at(memory), 1) || !fill(v, memory, PAGE)) {
        return OUTCOME_FAIL;
    }
    return found(v, "a page of the process read and written, PASID %" PRIu32,
                 v->pasid);
}

/* How many of the pages are in memory? */
static unsigned resident(void *memory, unsigned n)
{
    unsigned char there[MISSING];
    unsigned count = 0;

    if (mincore(memory, n * PAGE, there)) {
        return n;
    }
    for (unsigned i = 0; i < n; i++) {
        count += there[i] & 1;
    }
    return count;
}

static Outcome sva_missing(Vfio *v)
{
    uint8_t *memory = pages(MISSING);
    uint64_t before = dma_page_requests(v), requests;

    if (resident(memory, MISSING)) {
        return wrong(v, "there are pages already");
    }
    if (!fill(v, memory, MISSING * PAGE) || !memory_written(memory)) {
        return OUTCOME_FAIL;
    }
    requests = dma_page_requests(v) - before;
    if (v->stalls ? requests : requests < MISSING) {
        return wrong(v, "%" PRIu64 " requests for %u pages", requests,
                     MISSING);
    }
    return found(v, "%u pages that were never touched: %" PRIu64
                 " page requests, all written", MISSING, requests);
}

static Outcome sva_file(Vfio *v)
{
    int fd = open(FILE_PATH, O_RDONLY);
    uint8_t *data = pages(2);
    const uint8_t *file = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    uint64_t status;

    if (file == MAP_FAILED ||
        pread(fd, data + PAGE, PAGE, 2 * PAGE) != (ssize_t)PAGE) {
        return wrong(v, FILE_PATH ": %s", strerror(errno));
    }
    status = vfio_dma(v, TESTDEV_CMD_COPY, at(file + 2 * PAGE), at(data),
                      PAGE);
    if (!dma_done(status) || memcmp(data, data + PAGE, PAGE)) {
        return wrong(v, "copy: status 0x%" PRIx64, status);
    }
    status = vfio_dma(v, TESTDEV_CMD_FILL, 0, at(file + 2 * PAGE), PAGE);
    close(fd);
    if (!dma_page_refused(v, status)) {
        return wrong(v, "write of it: status 0x%" PRIx64, status);
    }
    return found(v, "a page of a mapped file copied; a write of it refused");
}

/* A write to memory shared with a child must make the parent's own copy. */
static Outcome sva_cow(Vfio *v)
{
    uint8_t *memory = pages(1);
    int go[2], status;
    pid_t child;
    char byte = 0;

    memory_fill(v, memory, 3);
    if (!dma_reads(v, at(memory), 3) || pipe(go)) {
        return OUTCOME_FAIL;
    }
    child = fork();
    if (child == 0) {
        uint8_t *want = pages(1);

        memory_fill(v, want, 3);
        _exit(read(go[0], &byte, 1) != 1 || memcmp(memory, want, PAGE));
    }
    if (child < 0 || !fill(v, memory, PAGE) || write(go[1], &byte, 1) != 1 ||
        waitpid(child, &status, 0) != child) {
        return OUTCOME_FAIL;
    }
    close(go[0]);
    close(go[1]);
    if (status) {
        return wrong(v, "the child saw the parent's write");
    }
    return found(v, "after fork, a write of the endpoint is the parent's "
                 "only");
}

static Outcome sva_protect(Vfio *v)
{
    uint8_t *memory = pages(1), *want = pages(1);

    memory_fill(v, memory, 4);
    memory_fill(v, want, 4);
    /* a write first, so that the permission to write is cached */
    if (!fill(v, memory, PAGE)) {
        return OUTCOME_FAIL;
    }
    memory_fill(v, memory, 4);
    if (mprotect(memory, PAGE, PROT_READ)) {
        return wrong(v, "mprotect: %s", strerror(errno));
    }
    if (!refused(v, TESTDEV_CMD_FILL, memory)) {
        return OUTCOME_FAIL;
    }
    if (memcmp(memory, want, PAGE)) {
        return wrong(v, "the page was written");
    }
    if (!dma_reads(v, at(memory), 4)) {
        return OUTCOME_FAIL;
    }
    return found(v, "made read-only: a write refused, a read not");
}

static Outcome sva_unmap(Vfio *v)
{
    uint8_t *memory = pages(1);

    memory_fill(v, memory, 5);
    if (!dma_reads(v, at(memory), 5) || munmap(memory, PAGE)) {
        return OUTCOME_FAIL;
    }
    if (!refused(v, TESTDEV_CMD_READ, memory)) {
        return OUTCOME_FAIL;
    }
    if (mmap(memory, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
             MAP_ANONYMOUS | MAP_FIXED, -1, 0) != memory) {
        return wrong(v, "mmap: %s", strerror(errno));
    }
    memory_fill(v, memory, 6);
    if (!dma_reads(v, at(memory), 6)) {
        return OUTCOME_FAIL;
    }
    return found(v, "unmapped: refused; mapped anew: the new page");
}

/* Pages given back and asked for again: first the page of zeros, read-only,
 * then one of their own. */
static Outcome sva_churn(Vfio *v)
{
    const unsigned rounds = 50;
    uint8_t *memory = pages(4);

    for (unsigned i = 0; i < rounds; i++) {
        uint8_t *page = memory + i % 4 * PAGE;

        if (!fill(v, page, PAGE) || madvise(page, PAGE, MADV_DONTNEED) ||
            !dma_reads_zeros(v, at(page)) || !fill(v, page, PAGE)) {
            return OUTCOME_FAIL;
        }
    }
    return found(v, "%u times: written, given back, read as zeros, written",
                 rounds);
}

/* A process that ends without closing takes its address space with it. */
static Outcome sva_exit(Vfio *v, const char *name)
{
    uint8_t *memory = pages(1);
    uint32_t own = v->pasid;
    uint64_t status;
    int answer[2], child_status;
    uint32_t pasid = 0;
    pid_t child;

    memory_fill(v, memory, 7);
    if (pipe(answer)) {
        return wrong(v, "pipe: %s", strerror(errno));
    }
    child = fork();
    if (child == 0) {
        memory_fill(v, memory, 8);
        if (bind_self(v, name) < 0 || v->pasid == own ||
            !dma_reads(v, at(memory), 8)) {
            _exit(1);
        }
        _exit(write(answer[1], &v->pasid, 4) != 4);
    }
    if (child < 0 || waitpid(child, &child_status, 0) != child ||
        child_status || read(answer[0], &pasid, 4) != 4) {
        return wrong(v, "the child's DMA failed");
    }
    close(answer[0]);
    close(answer[1]);
    v->pasid = pasid;
    v->pri = false;
    status = vfio_dma(v, TESTDEV_CMD_READ, at(memory), 0, PAGE);
    v->pri = true;
    v->pasid = own;
    if (!dma_blocked(status)) {
        return wrong(v, "PASID %" PRIu32 " of a process that has ended: "
                     "status 0x%" PRIx64, pasid, status);
    }
    if (!dma_reads(v, at(memory), 7)) {
        return OUTCOME_FAIL;
    }
    return found(v, "PASID %" PRIu32 " of a child read the child's page; "
                 "when it had ended, blocked", pasid);
}

static void report(const Vfio *v, const char *name, Outcome outcome)
{
    printf("sva %s %s %s\n", name, outcome_words[outcome], v->text);
    fflush(stdout);
}

int cmd_sva(int argc, char **argv)
{
    static const struct {
        const char *name;
        Outcome (*run)(Vfio *v);
        bool faults;
    } checks[] = {
        { "sva-present", sva_present, false },
        { "sva-missing", sva_missing, true }, { "sva-file", sva_file, true },
        { "sva-cow", sva_cow, true }, { "sva-protect", sva_protect, true },
        { "sva-unmap", sva_unmap, true }, { "sva-churn", sva_churn, true },
    };
    Vfio v = {
        .seed = parse_number("SEED", argv[0]), .pri = true,
        .text = "no viommu-testdev",
    };
    unsigned n = sizeof(checks) / sizeof(checks[0]), more = 3;
    char name[64];
    uint64_t status;
    int fd;

    (void)argc;
    v.bar = testdev_map(name, sizeof(name));
    if (v.bar) {
        vfio_find_out(&v, name);
        /* accesses through the device-TLB do not stall */
        v.ats = v.has_ats && !(v.stalls && v.can_fault);
    }
    fd = v.bar ? bind_self(&v, name) : -1;
    /* without what it needs, Linux says EINVAL */
    report(&v, "sva-bind", fd >= 0 ? OUTCOME_OK
                           : errno == EINVAL ? OUTCOME_SKIP : lacking(&v));
    if (fd < 0) {
        printf("sva-end count=1\n");
        return 1;
    }
    for (unsigned i = 0; i < n; i++) {
        if (checks[i].faults && !v.can_fault) {
            found(&v, "the endpoint has no faults that this kernel takes");
            report(&v, checks[i].name, OUTCOME_SKIP);
        } else {
            report(&v, checks[i].name, checks[i].run(&v));
        }
    }
    report(&v, "sva-exit", sva_exit(&v, name));
    if (v.ats) {
        report(&v, "sva-stale", check_stale(&v));
        more++;
    }
    close(fd);
    v.pri = false;
    status = vfio_dma(&v, TESTDEV_CMD_READ, at(&v), 0, PAGE);
    report(&v, "sva-closed", dma_blocked(status)
           ? found(&v, "after the end of the bond: blocked")
           : wrong(&v, "after the end of the bond: status 0x%" PRIx64,
                   status));
    printf("sva-end count=%u\n", n + more);
    return 0;
}
