/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The disk test.  The guest writes the data with O_DIRECT, so that each
 * transfer is DMA from and to this program's pages, then reads it back into
 * other pages.  The host compares the image afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"
#include "pattern.h"

#define MIB        (1024 * 1024)
#define WORDS(n)   ((n) / sizeof(uint64_t))
#define BIG        (1 * MIB)
#define SMALL      4096

typedef struct Disk {
    const char *label;
    int fd;
    uint64_t size;
    uint64_t seed;
    uint64_t *buf;
    uint64_t wrong;
    uint64_t sum_written;
    uint64_t sum_read;
} Disk;

static bool fail(const Disk *d, const char *what)
{
    printf("disk %s error=%s-%s\n", d->label, what,
           errno ? strerror(errno) : "short");
    return false;
}

static bool write_range(Disk *d, uint64_t offset, size_t size)
{
    pattern_fill(d->buf, WORDS(size), d->seed, WORDS(offset));
    errno = 0;
    if (pwrite(d->fd, d->buf, size, offset) != (ssize_t)size) {
        return fail(d, "write");
    }
    return true;
}

static bool read_range(Disk *d, uint64_t offset, size_t size)
{
    /* What the buffer held before must not pass for what was read. */
    memset(d->buf, 0xa5, size);
    errno = 0;
    if (pread(d->fd, d->buf, size, offset) != (ssize_t)size) {
        return fail(d, "read");
    }
    d->wrong += pattern_differences(d->buf, WORDS(size), d->seed,
                                    WORDS(offset));
    return true;
}

/*
 * The last MiB goes in single pages in a scattered order: one mapping each,
 * which is what wears on translation caches and invalidation.
 */
static bool small_transfers(Disk *d, bool write)
{
    uint64_t base = d->size - BIG;
    unsigned pages = BIG / SMALL;

    for (unsigned i = 0; i < pages; i++) {
        uint64_t offset = base + (uint64_t)(i * 37 % pages) * SMALL;

        if (!(write ? write_range(d, offset, SMALL)
                    : read_range(d, offset, SMALL))) {
            return false;
        }
    }
    return true;
}

static bool transfer(Disk *d)
{
    uint64_t end = d->size - BIG;

    for (uint64_t at = 0; at < end; at += BIG) {
        if (!write_range(d, at, BIG)) {
            return false;
        }
    }
    if (!small_transfers(d, true)) {
        return false;
    }
    errno = 0;
    if (fsync(d->fd)) {
        return fail(d, "flush");
    }
    for (uint64_t at = 0; at < end; at += BIG) {
        if (!read_range(d, at, BIG)) {
            return false;
        }
    }
    return small_transfers(d, false);
}

/* The checksum of the whole range, from the disk and from the generator. */
static bool sums(Disk *d)
{
    d->sum_read = d->sum_written = PATTERN_SUM_START;
    for (uint64_t at = 0; at < d->size; at += BIG) {
        if (!read_range(d, at, BIG)) {
            return false;
        }
        d->sum_read = pattern_sum(d->sum_read, d->buf, WORDS(BIG));
        pattern_fill(d->buf, WORDS(BIG), d->seed, WORDS(at));
        d->sum_written = pattern_sum(d->sum_written, d->buf, WORDS(BIG));
    }
    return true;
}

static uint64_t *buffer(void)
{
    uint64_t *buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return buf == MAP_FAILED ? NULL : buf;
}

int cmd_disk(int argc, char **argv)
{
    Disk d = { .label = argv[0] };
    uint64_t start = now_ms();

    (void)argc;
    d.size = parse_number("MIB", argv[2]) * MIB;
    d.seed = parse_number("SEED", argv[3]);
    d.buf = buffer();
    if (!d.buf || d.size < BIG) {
        fail(&d, "memory");
        return 1;
    }
    d.fd = open(argv[1], O_RDWR | O_DIRECT);
    if (d.fd < 0) {
        fail(&d, "open");
        return 1;
    }
    if (!transfer(&d) || !sums(&d)) {
        return 1;
    }
    printf("disk %s bytes=%" PRIu64 " wrong=%" PRIu64 " written=%016" PRIx64
           " read=%016" PRIx64 " ms=%" PRIu64 "\n", d.label, d.size, d.wrong,
           d.sum_written, d.sum_read, now_ms() - start);
    close(d.fd);
    return d.wrong ? 1 : 0;
}

/* On the host: does the image hold the data, and what is its checksum? */
int cmd_check(int argc, char **argv)
{
    uint64_t size = parse_number("MIB", argv[1]) * MIB;
    uint64_t seed = parse_number("SEED", argv[2]);
    uint64_t sum = PATTERN_SUM_START, wrong = 0;
    uint64_t *buf = buffer();
    int fd = open(argv[0], O_RDONLY);

    (void)argc;
    if (fd < 0 || !buf) {
        fprintf(stderr, "viommu-guest: cannot read '%s': %s\n", argv[0],
                strerror(errno));
        return 1;
    }
    for (uint64_t at = 0; at < size; at += BIG) {
        if (!read_all(fd, buf, BIG)) {
            fprintf(stderr, "viommu-guest: '%s' is too short\n", argv[0]);
            return 1;
        }
        wrong += pattern_differences(buf, WORDS(BIG), seed, WORDS(at));
        sum = pattern_sum(sum, buf, WORDS(BIG));
    }
    printf("check bytes=%" PRIu64 " wrong=%" PRIu64 " sum=%016" PRIx64 "\n",
           size, wrong, sum);
    close(fd);
    return wrong ? 1 : 0;
}
