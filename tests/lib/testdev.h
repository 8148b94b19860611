/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drivers for viommu-testdev and for the interrupt sink, written from
 * docs/testdev.md.
 */
#ifndef TESTS_LIB_TESTDEV_H
#define TESTS_LIB_TESTDEV_H

#include "tests/lib/pci.h"

/** Offsets of the endpoint's registers. */
enum {
    TD_ID            = 0x000,
    TD_COMMAND       = 0x008,
    TD_STATUS        = 0x010,
    TD_SRC           = 0x018,
    TD_DST           = 0x020,
    TD_LENGTH        = 0x028,
    TD_PATTERN       = 0x030,
    TD_CONTROL       = 0x038,
    TD_PASID         = 0x040,
    TD_FAULT_ADDR    = 0x048,
    TD_DONE          = 0x050,
    TD_CHECKSUM      = 0x058,
    TD_LOOP_COUNT    = 0x060,
    TD_LOOP_SIZE     = 0x068,
    TD_LOOP_STRIDE   = 0x070,
    TD_LOOP_FLAGS    = 0x078,
    TD_LOOP_NS       = 0x080,
    TD_LOOP_FAILURES = 0x088,
    TD_SG_ADDR       = 0x090,
    TD_SG_COUNT      = 0x098,
    TD_COMMANDS      = 0x0a0,
    TD_BUFFER        = 0x8000,
};

typedef enum TestdevCommand {
    TD_READ = 1,
    TD_WRITE,
    TD_COPY,
    TD_FILL,
    TD_VERIFY,
    TD_LOOP,
    TD_SG,
    TD_INTERRUPT,
} TestdevCommand;

/** Why a command failed. */
typedef enum TestdevWhy {
    TD_OK = 0,
    TD_BLOCKED,
    TD_NO_TARGET,
    TD_NO_MASTER,
    TD_BAD_COMMAND,
    TD_DIFFERENT,
} TestdevWhy;

typedef struct Testdev {
    PciDev pci;
    uint64_t base;
} Testdev;

/** How a command ended. */
typedef struct TestdevResult {
    TestdevWhy why;
    uint8_t reason;         /* the fault reason, 0 when not known */
    bool write;             /* the failing access was a write */
    uint64_t fault_addr;
    uint64_t done;          /* bytes before the end or the failure */
} TestdevResult;

/** Find and enable endpoint number @nth. */
void testdev_init(Testdev *dev, PciBus *bus, unsigned nth);

/** Put the endpoint back in use after a reset of the machine. */
void testdev_reinit(Testdev *dev, PciBus *bus, unsigned nth);

uint64_t testdev_get(Testdev *dev, unsigned offset);
void testdev_set(Testdev *dev, unsigned offset, uint64_t value);

/** Run a command with the registers as they are. */
TestdevResult testdev_run(Testdev *dev, TestdevCommand command);

/** DMA between guest memory at @addr and the caller's buffer. */
TestdevResult testdev_dma_read(Testdev *dev, uint64_t addr, void *buf,
                               size_t size);
TestdevResult testdev_dma_write(Testdev *dev, uint64_t addr, const void *buf,
                                size_t size);

/** Fill or verify with the pattern of @seed. */
TestdevResult testdev_fill(Testdev *dev, uint64_t addr, uint64_t size,
                           uint64_t seed);
TestdevResult testdev_verify(Testdev *dev, uint64_t addr, uint64_t size,
                             uint64_t seed);

/** Raise interrupt @vector. */
void testdev_interrupt(Testdev *dev, unsigned vector);

/** The pattern's word number @i. */
static inline uint64_t testdev_pattern(uint64_t seed, uint64_t i)
{
    return seed + i * 0x9e3779b97f4a7c15ull;
}

/* --- The sink ------------------------------------------------------------ */

/** Source of messages of remapping unit 0, 1, ...: this plus the number. */
#define SINK_UNIT 0x80000000u

typedef struct SinkMessage {
    uint64_t addr;
    uint32_t data;
    uint32_t source;
} SinkMessage;

unsigned sink_count(QTest *q);
/** Take the oldest message out; false when there is none. */
bool sink_pop(QTest *q, SinkMessage *msg);
/** Drop all messages. */
void sink_clear(QTest *q);

#endif
