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
        TESTDEV_CONTROL_IRQ | 0xffull << TESTDEV_CONTROL_VECTOR_SHIFT,
    [TESTDEV_PASID] = TESTDEV_PASID_ENABLE | TESTDEV_PASID_VALUE,
    [TESTDEV_LOOP_COUNT] = UINT64_MAX,
    [TESTDEV_LOOP_BYTES] = UINT64_MAX,
    [TESTDEV_LOOP_STRIDE] = UINT64_MAX,
    [TESTDEV_LOOP_FLAGS] = TESTDEV_LOOP_WRITE | TESTDEV_LOOP_RANDOM,
    [TESTDEV_SG_ADDR] = UINT64_MAX,
    [TESTDEV_SG_COUNT] = UINT64_MAX,
};

/*
 * An endpoint's DMA can reach the registers of another one.  If it could
 * start a command there, each of 2^28 accesses of a loop could start a loop:
 * so one thread runs one command at a time.
 */
static _Thread_local bool testdev_running;

ViommuTestdev *viommu_testdev_new(const ViommuTestdevConfig *config,
                                  const ViommuTestdevOps *ops, void *opaque,
                                  GError **error)
{
    ViommuTestdev *dev = g_new0(ViommuTestdev, 1);

    (void)config;
    (void)error;
    dev->ops = *ops;
    dev->opaque = opaque;
    viommu_testdev_reset(dev);
    return dev;
}

void viommu_testdev_free(ViommuTestdev *dev)
{
    g_free(dev);
}

void viommu_testdev_reset(ViommuTestdev *dev)
{
    memset(dev->regs, 0, sizeof(dev->regs));
    memset(dev->buffer, 0, sizeof(dev->buffer));
    dev->regs[TESTDEV_ID] = TESTDEV_ID_VALUE;
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
    if (start && !testdev_running) {
        testdev_running = true;
        dev->busy = true;
        testdev_run(dev, command);
        dev->busy = false;
        testdev_running = false;
    }
}

/* The extended capabilities come with the endpoint's device-TLB. */
uint32_t viommu_testdev_config_read(ViommuTestdev *dev, unsigned offset,
                                    unsigned size)
{
    (void)dev;
    (void)offset;
    (void)size;
    return 0;
}

void viommu_testdev_config_write(ViommuTestdev *dev, unsigned offset,
                                 uint32_t value, unsigned size)
{
    (void)dev;
    (void)offset;
    (void)value;
    (void)size;
}

bool viommu_testdev_invalidate(ViommuTestdev *dev,
                               const ViommuInvalidation *inv)
{
    (void)dev;
    (void)inv;
    return true;
}

void viommu_testdev_page_response(ViommuTestdev *dev,
                                  const ViommuPageResponse *response)
{
    (void)dev;
    (void)response;
}

void viommu_testdev_run(ViommuTestdev *dev)
{
    (void)dev;
}
