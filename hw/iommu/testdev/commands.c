/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev: the commands.  Every loop here is bounded by a register
 * that was checked against a limit of testdev.h before.
 *
 * A command whose access waits for a page returns TESTDEV_WAITS from all its
 * functions and is called again later.  So what it has done stands in `run`,
 * and each function finds its place there: it starts with run->at at 0.
 */
#include "testdev.h"

#define FNV_PRIME    0x00000100000001b3ull
#define PATTERN_STEP 0x9e3779b97f4a7c15ull
#define XORSHIFT_MUL 0x2545f4914f6cdd1dull

static void run_checksum(TestdevRun *run, const uint8_t *buf, size_t size)
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
static TestdevOutcome run_dma(ViommuTestdev *dev, uint64_t addr, void *buf,
                              size_t size, bool write)
{
    TestdevRun *run = &dev->run;
    uint8_t reason = 0;
    uint16_t tag = 0;
    ViommuTestdevAccess access = {
        .pasid = run->pasid,
        .access = write ? run->writes : run->reads,
        .stall_tag = &tag,
        .kind = run->kind,
        .addr = addr,
        .buf = buf,
        .size = size,
        .can_stall = true,
    };
    ViommuDmaResult result;

    if (G_UNLIKELY(run->ats | run->resumed)) {
        TestdevOutcome outcome =
            run->ats ? testdev_access_ats(dev, addr, buf, size, write)
                     : testdev_stall_resumed(dev, addr, buf, size, write);

        if (run->ats || outcome != TESTDEV_WAITS) {
            return outcome;
        }
    }
    result = dev->ops.dma(dev->opaque, &access, &reason);
    if (G_UNLIKELY(result == VIOMMU_DMA_STALLED)) {
        return testdev_stall(dev, addr, tag);
    }
    if (result != VIOMMU_DMA_OK) {
        testdev_fail(run, result, reason, addr, write);
        return TESTDEV_FAILED;
    }
    return TESTDEV_OK;
}

/* One access that may cross pages.  *@moved is the bytes moved, unless it
 * waits. */
static TestdevOutcome run_dma_split(ViommuTestdev *dev, uint64_t addr,
                                    uint8_t *buf, size_t size, bool write,
                                    size_t *moved)
{
    size_t done = dev->run.part;
    TestdevOutcome outcome = TESTDEV_OK;

    dev->run.part = 0;
    while (done < size) {
        size_t n = MIN(size - done, page_rest(addr + done));

        outcome = run_dma(dev, addr + done, buf + done, n, write);
        if (outcome != TESTDEV_OK) {
            break;
        }
        done += n;
    }
    if (outcome == TESTDEV_WAITS) {
        dev->run.part = done;
    }
    *moved = done;
    return outcome;
}

/* Whether @length bytes at @addr are allowed: at most @max, no wrap-around. */
static bool in_range(uint64_t addr, uint64_t length, uint64_t max)
{
    return length >= 1 && length <= max && length - 1 <= UINT64_MAX - addr;
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
static TestdevOutcome run_buffer(ViommuTestdev *dev, bool write)
{
    TestdevRun *run = &dev->run;
    uint64_t addr = write ? run->dst : run->src;

    if (!in_range(addr, run->length, TESTDEV_BUFFER_SIZE)) {
        return testdev_bad(run);
    }
    while (run->at < run->length) {
        size_t n = MIN(run->length - run->at, page_rest(addr + run->at));
        uint8_t *buf = dev->buffer + run->at;
        TestdevOutcome outcome = run_dma(dev, addr + run->at, buf, n, write);

        if (outcome != TESTDEV_OK) {
            return outcome;
        }
        if (!write) {
            run_checksum(run, buf, n);
        }
        run->at += n;
        run->done += n;
    }
    return TESTDEV_OK;
}

static TestdevOutcome run_copy(ViommuTestdev *dev)
{
    TestdevRun *run = &dev->run;

    if (!in_range(run->src, run->length, TESTDEV_LENGTH_MAX) ||
        !in_range(run->dst, run->length, TESTDEV_LENGTH_MAX)) {
        return testdev_bad(run);
    }
    while (run->at < run->length) {
        uint64_t src = run->src + run->at, dst = run->dst + run->at;
        size_t n = MIN(run->length - run->at,
                       MIN(page_rest(src), page_rest(dst)));
        TestdevOutcome outcome;

        if (!run->half) {
            outcome = run_dma(dev, src, dev->data, n, false);
            if (outcome != TESTDEV_OK) {
                return outcome;
            }
            run_checksum(run, dev->data, n);
            run->half = true;
        }
        outcome = run_dma(dev, dst, dev->data, n, true);
        if (outcome != TESTDEV_OK) {
            return outcome;
        }
        run->half = false;
        run->at += n;
        run->done += n;
    }
    return TESTDEV_OK;
}

static TestdevOutcome run_fill(ViommuTestdev *dev)
{
    TestdevRun *run = &dev->run;

    if (!in_range(run->dst, run->length, TESTDEV_LENGTH_MAX)) {
        return testdev_bad(run);
    }
    while (run->at < run->length) {
        uint64_t dst = run->dst + run->at;
        size_t n = MIN(run->length - run->at, page_rest(dst));
        TestdevOutcome outcome;

        pattern_bytes(run->regs[TESTDEV_PATTERN], run->at, dev->data, n);
        outcome = run_dma(dev, dst, dev->data, n, true);
        if (outcome != TESTDEV_OK) {
            return outcome;
        }
        run->at += n;
        run->done += n;
    }
    return TESTDEV_OK;
}

static TestdevOutcome run_verify(ViommuTestdev *dev)
{
    TestdevRun *run = &dev->run;
    uint8_t expected[TESTDEV_PAGE];

    if (!in_range(run->src, run->length, TESTDEV_LENGTH_MAX)) {
        return testdev_bad(run);
    }
    while (run->at < run->length) {
        uint64_t src = run->src + run->at;
        size_t n = MIN(run->length - run->at, page_rest(src));
        TestdevOutcome outcome = run_dma(dev, src, dev->data, n, false);

        if (outcome != TESTDEV_OK) {
            return outcome;
        }
        run_checksum(run, dev->data, n);
        pattern_bytes(run->regs[TESTDEV_PATTERN], run->at, expected, n);
        for (size_t i = 0; i < n; i++) {
            if (dev->data[i] != expected[i]) {
                testdev_fail(run, TESTDEV_WHY_DIFFERENT, 0, src + i, false);
                return TESTDEV_FAILED;
            }
            run->done++;
        }
        run->at += n;
    }
    return TESTDEV_OK;
}

static uint64_t le64(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

/* Read the next entry of the scatter list. */
static TestdevOutcome scatter_load(ViommuTestdev *dev, uint64_t addr)
{
    TestdevRun *run = &dev->run;
    const uint8_t *entry = dev->data;
    TestdevOutcome outcome;
    size_t moved;

    outcome = run_dma_split(dev, addr, dev->data, TESTDEV_SG_ENTRY, false,
                            &moved);
    if (outcome != TESTDEV_OK) {
        return outcome;
    }
    run->src = le64(entry);
    run->dst = le64(entry + 8);
    run->length = le64(entry + 16);
    if (le64(entry + 24) ||
        run->length > TESTDEV_SG_TOTAL_MAX - run->total) {
        return testdev_bad(run);
    }
    run->total += run->length;
    run->at = 0;
    run->loaded = true;
    return TESTDEV_OK;
}

static TestdevOutcome run_scatter(ViommuTestdev *dev)
{
    TestdevRun *run = &dev->run;
    uint64_t list = run->regs[TESTDEV_SG_ADDR];
    uint64_t count = run->regs[TESTDEV_SG_COUNT];

    if (count > TESTDEV_SG_MAX ||
        !in_range(list, count * TESTDEV_SG_ENTRY,
                  TESTDEV_SG_MAX * TESTDEV_SG_ENTRY)) {
        return testdev_bad(run);
    }
    while (run->entry < count) {
        TestdevOutcome outcome = TESTDEV_OK;

        if (!run->loaded) {
            outcome = scatter_load(dev, list + run->entry * TESTDEV_SG_ENTRY);
        }
        if (outcome == TESTDEV_OK) {
            outcome = run->src == TESTDEV_SG_FILL ? run_fill(dev)
                                                  : run_copy(dev);
        }
        if (outcome != TESTDEV_OK) {
            return outcome;
        }
        run->loaded = false;
        run->entry++;
    }
    return TESTDEV_OK;
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

/* From loop->k on; its members are kept in registers meanwhile. */
static TestdevOutcome loop_accesses(ViommuTestdev *dev, TestdevLoop *loop)
{
    TestdevRun *run = &dev->run;
    uint64_t base = run->src, length = run->length;
    uint64_t count = run->regs[TESTDEV_LOOP_COUNT];
    uint64_t size = run->regs[TESTDEV_LOOP_BYTES];
    bool write = run->regs[TESTDEV_LOOP_FLAGS] & TESTDEV_LOOP_WRITE;
    bool random = run->regs[TESTDEV_LOOP_FLAGS] & TESTDEV_LOOP_RANDOM;
    uint64_t stride = run->regs[TESTDEV_LOOP_STRIDE] % length;
    uint64_t slots = MAX(length / size, 1);
    uint64_t offset = loop->offset, state = loop->random;
    uint8_t buf[TESTDEV_LOOP_SIZE];

    for (unsigned i = 0; i < sizeof(buf); i++) {
        buf[i] = run->regs[TESTDEV_PATTERN] >> (8 * (i & 7));
    }
    for (uint64_t k = loop->k; k < count; k++) {
        uint64_t want;
        size_t got;

        /* an access that has waited is at the place it was drawn for */
        if (random && !run->half) {
            offset = next_slot(&state, slots) * size;
        }
        want = MIN(size, length - offset);
        if (run_dma_split(dev, base + offset, buf, want, write, &got) ==
            TESTDEV_WAITS) {
            loop->k = k;
            loop->offset = offset;
            loop->random = state;
            run->half = true;
            return TESTDEV_WAITS;
        }
        run->half = false;
        run->done += got;
        run->failures += got < want;
        if (!random) {
            offset += stride;
            offset -= offset >= length ? length : 0;
        }
    }
    return TESTDEV_OK;
}

static TestdevOutcome run_loop(ViommuTestdev *dev)
{
    TestdevRun *run = &dev->run;
    uint64_t size = run->regs[TESTDEV_LOOP_BYTES];

    if (run->regs[TESTDEV_LOOP_COUNT] > TESTDEV_LOOP_MAX ||
        size < 1 || size > TESTDEV_LOOP_SIZE ||
        !in_range(run->src, run->length, TESTDEV_LOOP_RANGE)) {
        return testdev_bad(run);
    }
    if (!run->begun) {
        run->begun = true;
        run->loop = (TestdevLoop) {
            .random = run->regs[TESTDEV_PATTERN] | 1,
            .start = dev->ops.clock_ns(dev->opaque),
        };
    }
    if (loop_accesses(dev, &run->loop) == TESTDEV_WAITS) {
        return TESTDEV_WAITS;
    }
    run->loop_ns = dev->ops.clock_ns(dev->opaque) - run->loop.start;
    /* A loop goes on after failures, so it ends well. */
    return TESTDEV_OK;
}

static TestdevOutcome run_page_request(ViommuTestdev *dev)
{
    TestdevRun *run = &dev->run;
    uint64_t request = run->regs[TESTDEV_REQUEST];
    ViommuPageRequest req = {
        .pasid = run->pasid,
        .addr = run->src & ~(TESTDEV_PAGE - 1ull),
        .access = (request & TESTDEV_REQUEST_READ ? VIOMMU_READ : 0) |
                  (request & TESTDEV_REQUEST_WRITE ? VIOMMU_WRITE : 0) |
                  (run->reads & (VIOMMU_EXEC | VIOMMU_PRIV)),
        .last = request & TESTDEV_REQUEST_LAST,
        .group = request >> TESTDEV_REQUEST_GROUP_SHIFT &
                 TESTDEV_REQUEST_GROUP,
        .has_private_data = request & TESTDEV_REQUEST_DATA,
    };
    unsigned why;

    if (req.has_private_data) {
        req.private_data[0] = run->regs[TESTDEV_PAGE_DATA0];
        req.private_data[1] = run->regs[TESTDEV_PAGE_DATA1];
    }
    why = testdev_page_send(dev, &req);
    if (why) {
        testdev_fail(run, why, 0, run->src, false);
    }
    return why ? TESTDEV_FAILED : TESTDEV_OK;
}

TestdevOutcome testdev_command(ViommuTestdev *dev)
{
    switch (dev->run.command) {
    case TESTDEV_CMD_READ:
        return run_buffer(dev, false);
    case TESTDEV_CMD_WRITE:
        return run_buffer(dev, true);
    case TESTDEV_CMD_COPY:
        return run_copy(dev);
    case TESTDEV_CMD_FILL:
        return run_fill(dev);
    case TESTDEV_CMD_VERIFY:
        return run_verify(dev);
    case TESTDEV_CMD_LOOP:
        return run_loop(dev);
    case TESTDEV_CMD_SG:
        return run_scatter(dev);
    case TESTDEV_CMD_INTERRUPT:
        return TESTDEV_OK;
    case TESTDEV_CMD_TRANSLATE:
        return testdev_translate(dev);
    case TESTDEV_CMD_PAGE_REQUEST:
        return run_page_request(dev);
    case TESTDEV_CMD_FLUSH:
        pthread_mutex_lock(&dev->lock);
        testdev_atc_flush(dev);
        pthread_mutex_unlock(&dev->lock);
        return TESTDEV_OK;
    default:
        return testdev_bad(&dev->run);
    }
}
