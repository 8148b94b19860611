/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev: the commands.  Every loop here is bounded by a register
 * that was checked against a limit of testdev.h before.
 */
#include <string.h>

#include "testdev.h"

#define FNV_OFFSET   0xcbf29ce484222325ull
#define FNV_PRIME    0x00000100000001b3ull
#define PATTERN_STEP 0x9e3779b97f4a7c15ull
#define XORSHIFT_MUL 0x2545f4914f6cdd1dull

/* A command while it runs; the registers get the results at its end. */
typedef struct Run {
    ViommuTestdev *dev;
    uint32_t pasid;
    uint64_t done;
    uint64_t checksum;
    uint64_t failures;
    uint64_t loop_ns;
    /* the first failure; why 0 is none */
    unsigned why;
    uint8_t reason;
    bool write;
    uint64_t fault_addr;
} Run;

static void run_fail(Run *run, unsigned why, uint8_t reason, uint64_t addr,
                     bool write)
{
    if (!run->why) {
        run->why = why;
        run->reason = reason;
        run->fault_addr = addr;
        run->write = write;
    }
}

static void run_bad(Run *run)
{
    run_fail(run, TESTDEV_WHY_BAD_COMMAND, 0, 0, false);
}

static void run_checksum(Run *run, const uint8_t *buf, size_t size)
{
    uint64_t sum = run->checksum;

    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ buf[i]) * FNV_PRIME;
    }
    run->checksum = sum;
}

/* Bytes from @addr to the end of its page. */
static uint64_t page_rest(uint64_t addr)
{
    return TESTDEV_PAGE - (addr & (TESTDEV_PAGE - 1));
}

/* One access inside a page. */
static bool run_dma(Run *run, uint64_t addr, void *buf, size_t size,
                    bool write)
{
    ViommuTestdev *dev = run->dev;
    uint8_t reason = 0;
    ViommuTestdevAccess access = {
        .pasid = run->pasid,
        .access = write ? VIOMMU_WRITE : VIOMMU_READ,
        .kind = VIOMMU_UNTRANSLATED,
        .addr = addr,
        .buf = buf,
        .size = size,
    };
    ViommuDmaResult result = dev->ops.dma(dev->opaque, &access, &reason);

    if (result != VIOMMU_DMA_OK) {
        run_fail(run, result, reason, addr, write);
        return false;
    }
    return true;
}

/* One access that may cross pages.  Returns the bytes moved. */
static size_t run_dma_split(Run *run, uint64_t addr, uint8_t *buf,
                            size_t size, bool write)
{
    size_t done = 0;

    while (done < size) {
        size_t n = MIN(size - done, page_rest(addr + done));

        if (!run_dma(run, addr + done, buf + done, n, write)) {
            break;
        }
        done += n;
    }
    return done;
}

/* Whether @length bytes at @addr are allowed: at most @max, no wrap-around. */
static bool run_range(Run *run, uint64_t addr, uint64_t length, uint64_t max)
{
    if (length < 1 || length > max || length - 1 > UINT64_MAX - addr) {
        run_bad(run);
        return false;
    }
    return true;
}

/* Bytes @from .. @from + @size - 1 of the pattern. */
static void pattern_bytes(uint64_t seed, uint64_t from, uint8_t *buf,
                          size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint64_t at = from + i;
        uint64_t word = seed + at / 8 * PATTERN_STEP;

        buf[i] = word >> (8 * (at & 7));
    }
}

/* READ and WRITE: between the bus and the buffer. */
static void run_buffer(Run *run, bool write)
{
    ViommuTestdev *dev = run->dev;
    uint64_t addr = dev->regs[write ? TESTDEV_DST : TESTDEV_SRC];
    uint64_t length = dev->regs[TESTDEV_LENGTH];

    if (!run_range(run, addr, length, TESTDEV_BUFFER_SIZE)) {
        return;
    }
    run->done = run_dma_split(run, addr, dev->buffer, length, write);
    if (!write) {
        run_checksum(run, dev->buffer, run->done);
    }
}

static void run_copy(Run *run, uint64_t src, uint64_t dst, uint64_t length)
{
    uint8_t buf[TESTDEV_PAGE];

    if (!run_range(run, src, length, TESTDEV_LENGTH_MAX) ||
        !run_range(run, dst, length, TESTDEV_LENGTH_MAX)) {
        return;
    }
    for (uint64_t at = 0; at < length;) {
        size_t n = MIN(length - at,
                       MIN(page_rest(src + at), page_rest(dst + at)));

        if (!run_dma(run, src + at, buf, n, false)) {
            return;
        }
        run_checksum(run, buf, n);
        if (!run_dma(run, dst + at, buf, n, true)) {
            return;
        }
        at += n;
        run->done += n;
    }
}

static void run_fill(Run *run, uint64_t dst, uint64_t length)
{
    uint64_t seed = run->dev->regs[TESTDEV_PATTERN];
    uint8_t buf[TESTDEV_PAGE];

    if (!run_range(run, dst, length, TESTDEV_LENGTH_MAX)) {
        return;
    }
    for (uint64_t at = 0; at < length;) {
        size_t n = MIN(length - at, page_rest(dst + at));

        pattern_bytes(seed, at, buf, n);
        if (!run_dma(run, dst + at, buf, n, true)) {
            return;
        }
        at += n;
        run->done += n;
    }
}

static void run_verify(Run *run, uint64_t src, uint64_t length)
{
    uint64_t seed = run->dev->regs[TESTDEV_PATTERN];
    uint8_t buf[TESTDEV_PAGE], expected[TESTDEV_PAGE];

    if (!run_range(run, src, length, TESTDEV_LENGTH_MAX)) {
        return;
    }
    for (uint64_t at = 0; at < length;) {
        size_t n = MIN(length - at, page_rest(src + at));

        if (!run_dma(run, src + at, buf, n, false)) {
            return;
        }
        run_checksum(run, buf, n);
        pattern_bytes(seed, at, expected, n);
        for (size_t i = 0; i < n; i++) {
            if (buf[i] != expected[i]) {
                run_fail(run, TESTDEV_WHY_DIFFERENT, 0, src + at + i, false);
                return;
            }
            run->done++;
        }
        at += n;
    }
}

static uint64_t le64(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static void run_scatter(Run *run)
{
    const uint64_t *regs = run->dev->regs;
    uint64_t list = regs[TESTDEV_SG_ADDR];
    uint64_t count = regs[TESTDEV_SG_COUNT];
    uint64_t total = 0;

    if (count > TESTDEV_SG_MAX ||
        !run_range(run, list, count * TESTDEV_SG_ENTRY,
                   TESTDEV_SG_MAX * TESTDEV_SG_ENTRY)) {
        run_bad(run);
        return;
    }
    for (uint64_t i = 0; i < count && !run->why; i++) {
        uint8_t entry[TESTDEV_SG_ENTRY];
        uint64_t src, dst, length;

        if (run_dma_split(run, list + i * sizeof(entry), entry,
                          sizeof(entry), false) < sizeof(entry)) {
            return;
        }
        src = le64(entry);
        dst = le64(entry + 8);
        length = le64(entry + 16);
        if (le64(entry + 24) || length > TESTDEV_SG_TOTAL_MAX - total) {
            run_bad(run);
            return;
        }
        total += length;
        if (src == TESTDEV_SG_FILL) {
            run_fill(run, dst, length);
        } else {
            run_copy(run, src, dst, length);
        }
    }
}

/* Draw the next place of a random loop out of @slots. */
static uint64_t next_slot(uint64_t *state, uint64_t slots)
{
    uint64_t x = *state;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    /* slots <= 2^32, so the product does not overflow */
    return ((x * XORSHIFT_MUL) >> 32) * slots >> 32;
}

static void run_loop(Run *run)
{
    ViommuTestdev *dev = run->dev;
    const uint64_t *regs = dev->regs;
    uint64_t base = regs[TESTDEV_SRC];
    uint64_t length = regs[TESTDEV_LENGTH];
    uint64_t count = regs[TESTDEV_LOOP_COUNT];
    uint64_t size = regs[TESTDEV_LOOP_BYTES];
    bool write = regs[TESTDEV_LOOP_FLAGS] & TESTDEV_LOOP_WRITE;
    bool random = regs[TESTDEV_LOOP_FLAGS] & TESTDEV_LOOP_RANDOM;
    uint64_t state = regs[TESTDEV_PATTERN] | 1;
    uint8_t buf[TESTDEV_LOOP_SIZE];
    uint64_t stride, slots, offset = 0;
    int64_t start;

    if (count > TESTDEV_LOOP_MAX || size < 1 || size > TESTDEV_LOOP_SIZE ||
        !run_range(run, base, length, TESTDEV_LOOP_RANGE)) {
        run_bad(run);
        return;
    }
    for (unsigned i = 0; i < sizeof(buf); i++) {
        buf[i] = regs[TESTDEV_PATTERN] >> (8 * (i & 7));
    }
    stride = regs[TESTDEV_LOOP_STRIDE] % length;
    slots = MAX(length / size, 1);

    start = dev->ops.clock_ns(dev->opaque);
    for (uint64_t k = 0; k < count; k++) {
        uint64_t addr, want, got;

        if (random) {
            offset = next_slot(&state, slots) * size;
        }
        addr = base + offset;
        want = MIN(size, length - offset);
        got = run_dma_split(run, addr, buf, want, write);
        run->done += got;
        run->failures += got < want;
        if (!random) {
            offset += stride;
            offset -= offset >= length ? length : 0;
        }
    }
    run->loop_ns = dev->ops.clock_ns(dev->opaque) - start;
}

static void run_command(Run *run, uint64_t command)
{
    const uint64_t *regs = run->dev->regs;

    switch (command) {
    case TESTDEV_CMD_READ:
        run_buffer(run, false);
        break;
    case TESTDEV_CMD_WRITE:
        run_buffer(run, true);
        break;
    case TESTDEV_CMD_COPY:
        run_copy(run, regs[TESTDEV_SRC], regs[TESTDEV_DST],
                 regs[TESTDEV_LENGTH]);
        break;
    case TESTDEV_CMD_FILL:
        run_fill(run, regs[TESTDEV_DST], regs[TESTDEV_LENGTH]);
        break;
    case TESTDEV_CMD_VERIFY:
        run_verify(run, regs[TESTDEV_SRC], regs[TESTDEV_LENGTH]);
        break;
    case TESTDEV_CMD_LOOP:
        run_loop(run);
        break;
    case TESTDEV_CMD_SG:
        run_scatter(run);
        break;
    case TESTDEV_CMD_INTERRUPT:
        break;
    default:
        run_bad(run);
        break;
    }
}

void testdev_run(ViommuTestdev *dev, uint64_t command)
{
    uint64_t control = dev->regs[TESTDEV_CONTROL];
    unsigned vector = control >> TESTDEV_CONTROL_VECTOR_SHIFT & 0xff;
    bool interrupt = control & TESTDEV_CONTROL_IRQ ||
                     command == TESTDEV_CMD_INTERRUPT;
    uint64_t pasid = dev->regs[TESTDEV_PASID];
    /* A loop goes on after failures, so it ends well. */
    bool failed;
    Run run = {
        .dev = dev,
        .pasid = pasid & TESTDEV_PASID_ENABLE ? pasid & TESTDEV_PASID_VALUE
                                              : VIOMMU_NO_PASID,
        .checksum = FNV_OFFSET,
    };

    if (interrupt && vector >= VIOMMU_TESTDEV_VECTORS) {
        run_bad(&run);
        interrupt = false;
    } else {
        run_command(&run, command);
    }
    failed = run.why && !run.failures;

    dev->regs[TESTDEV_STATUS] =
        (failed ? TESTDEV_STATE_FAILED : TESTDEV_STATE_DONE) |
        (uint64_t)run.why << 8 | (uint64_t)run.reason << 16 |
        (uint64_t)run.write << 24;
    dev->regs[TESTDEV_FAULT_ADDR] = run.fault_addr;
    dev->regs[TESTDEV_DONE] = run.done;
    dev->regs[TESTDEV_CHECKSUM] = run.checksum;
    dev->regs[TESTDEV_LOOP_NS] = run.loop_ns;
    dev->regs[TESTDEV_LOOP_FAILURES] = run.failures;
    dev->regs[TESTDEV_COMMANDS]++;
    if (interrupt) {
        dev->ops.interrupt(dev->opaque, vector);
    }
}
