/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev: the register file and the buffer in BAR 0.
 */
#include <string.h>

#include "testdev.h"

/* The bits that software can write; what is not here is read-only. */
static const uint64_t testdev_writable[TESTDEV_REGS] = {
    [TESTDEV_SRC] = UINT64_MAX,
    [TESTDEV_DST] = UINT64_MAX,
    [TESTDEV_LENGTH] = UINT64_MAX,
    [TESTDEV_PATTERN] = UINT64_MAX,
    [TESTDEV_CONTROL] =
        TESTDEV_CONTROL_IRQ | TESTDEV_CONTROL_ATS | TESTDEV_CONTROL_PRI |
        TESTDEV_CONTROL_RAW | TESTDEV_CONTROL_IGNORE | TESTDEV_CONTROL_KEEP |
        0xffull << TESTDEV_CONTROL_VECTOR_SHIFT,
    [TESTDEV_PASID] = TESTDEV_PASID_ENABLE | TESTDEV_PASID_PRIV |
                      TESTDEV_PASID_EXEC | TESTDEV_PASID_VALUE,
    [TESTDEV_LOOP_COUNT] = UINT64_MAX,
    [TESTDEV_LOOP_BYTES] = UINT64_MAX,
    [TESTDEV_LOOP_STRIDE] = UINT64_MAX,
    [TESTDEV_LOOP_FLAGS] = TESTDEV_LOOP_WRITE | TESTDEV_LOOP_RANDOM,
    [TESTDEV_SG_ADDR] = UINT64_MAX,
    [TESTDEV_SG_COUNT] = UINT64_MAX,
    [TESTDEV_REQUEST] =
        TESTDEV_REQUEST_READ | TESTDEV_REQUEST_WRITE | TESTDEV_REQUEST_LAST |
        TESTDEV_REQUEST_DATA |
        TESTDEV_REQUEST_GROUP << TESTDEV_REQUEST_GROUP_SHIFT,
    [TESTDEV_PAGE_DATA0] = UINT64_MAX,
    [TESTDEV_PAGE_DATA1] = UINT64_MAX,
};

/* Bring the registers that are made when they are read up to date. */
static void testdev_refresh(ViommuTestdev *dev)
{
    const TestdevAtc *atc = &dev->atc;
    const TestdevPri *pri = &dev->pri;
    uint64_t *regs = dev->regs;

    pthread_mutex_lock(&dev->lock);
    regs[TESTDEV_PAGE_WAIT] =
        pri->waiting ? pri->page | (uint64_t)pri->group << 1 | 1 : 0;
    regs[TESTDEV_RESPONSE] = pri->last;
    regs[TESTDEV_RESPONSE_DATA0] = pri->last_data[0];
    regs[TESTDEV_RESPONSE_DATA1] = pri->last_data[1];
    regs[TESTDEV_PAGE_REQUESTS] = pri->sent;
    regs[TESTDEV_PAGE_RESPONSES] = pri->responses;
    regs[TESTDEV_PAGE_UNEXPECTED] = pri->unexpected;
    regs[TESTDEV_PAGE_OUTSTANDING] = pri->outstanding;
    regs[TESTDEV_ATC_COUNT] = testdev_atc_count(dev);
    regs[TESTDEV_ATC_HITS] = atc->hits;
    regs[TESTDEV_ATC_MISSES] = atc->misses;
    regs[TESTDEV_ATC_REQUESTS] = atc->requests;
    regs[TESTDEV_ATC_INVALIDATIONS] = atc->invalidations;
    regs[TESTDEV_STALE_USES] = atc->stale_uses;
    regs[TESTDEV_BAD_ANSWERS] = atc->bad_answers;
    pthread_mutex_unlock(&dev->lock);
}

/* CONTROL's fault injection acts at once, on other threads too. */
static void testdev_inject(ViommuTestdev *dev)
{
    pthread_mutex_lock(&dev->lock);
    dev->atc.inject = dev->regs[TESTDEV_CONTROL] &
                      (TESTDEV_CONTROL_IGNORE | TESTDEV_CONTROL_KEEP);
    pthread_mutex_unlock(&dev->lock);
}

static uint8_t testdev_read_byte(const ViommuTestdev *dev, uint64_t offset)
{
    if (offset < TESTDEV_REGS * 8) {
        return dev->regs[offset / 8] >> (8 * (offset & 7));
    }
    if (offset >= TESTDEV_BUFFER &&
        offset < TESTDEV_BUFFER + TESTDEV_BUFFER_SIZE) {
        return dev->buffer[offset - TESTDEV_BUFFER];
    }
    return 0;
}

static void testdev_write_byte(ViommuTestdev *dev, uint64_t offset,
                               uint8_t value)
{
    if (offset < TESTDEV_REGS * 8) {
        uint64_t *reg = &dev->regs[offset / 8];
        unsigned shift = 8 * (offset & 7);
        uint64_t mask = testdev_writable[offset / 8] & 0xffull << shift;

        *reg = (*reg & ~mask) | ((uint64_t)value << shift & mask);
    } else if (offset >= TESTDEV_BUFFER &&
               offset < TESTDEV_BUFFER + TESTDEV_BUFFER_SIZE) {
        dev->buffer[offset - TESTDEV_BUFFER] = value;
    }
}

/* Offsets are checked here, so that the sums below cannot wrap around. */
static bool testdev_accessible(const ViommuTestdev *dev, uint64_t offset,
                               unsigned size)
{
    return !dev->busy && size >= 1 && size <= 8 &&
           offset < VIOMMU_TESTDEV_BAR0_SIZE;
}

uint64_t viommu_testdev_read(ViommuTestdev *dev, uint64_t offset,
                             unsigned size)
{
    uint64_t value = 0;

    if (!testdev_accessible(dev, offset, size)) {
        return 0;
    }
    if (offset + size > TESTDEV_LIVE * 8 && offset < TESTDEV_REGS * 8) {
        testdev_refresh(dev);
    }
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)testdev_read_byte(dev, offset + i) << (8 * i);
    }
    return value;
}

void viommu_testdev_write(ViommuTestdev *dev, uint64_t offset,
                          uint64_t value, unsigned size)
{
    const uint64_t at = TESTDEV_COMMAND * 8;
    uint64_t command = 0;
    bool start = false;

    if (!testdev_accessible(dev, offset, size)) {
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = value >> (8 * i);

        if (offset + i >= at && offset + i < at + 8) {
            command |= (uint64_t)byte << (8 * (offset + i - at));
            start |= offset + i == at;
        } else {
            testdev_write_byte(dev, offset + i, byte);
        }
    }
    if (offset / 8 <= TESTDEV_CONTROL &&
        (offset + size - 1) / 8 >= TESTDEV_CONTROL) {
        testdev_inject(dev);
    }
    if (start) {
        testdev_start(dev, command);
    }
}
