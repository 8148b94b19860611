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
    TD_REFUSED       = 0x0a8,
    TD_REQUEST       = 0x0b0,
    TD_PAGE_DATA0    = 0x0b8,
    TD_PAGE_DATA1    = 0x0c0,
    TD_TRANS_ADDR    = 0x0c8,
    TD_TRANS_SIZE    = 0x0d0,
    TD_TRANS_FLAGS   = 0x0d8,
    TD_PAGE_WAIT     = 0x0e0,
    TD_RESPONSE      = 0x0e8,
    TD_RESPONSE_DATA0 = 0x0f0,
    TD_RESPONSE_DATA1 = 0x0f8,
    TD_PAGE_REQUESTS = 0x100,
    TD_PAGE_RESPONSES = 0x108,
    TD_PAGE_UNEXPECTED = 0x110,
    TD_PAGE_OUTSTANDING = 0x118,
    TD_ATC_ENTRIES   = 0x120,
    TD_ATC_HITS      = 0x128,
    TD_ATC_MISSES    = 0x130,
    TD_ATC_REQUESTS  = 0x138,
    TD_ATC_INVALIDATIONS = 0x140,
    TD_STALE_USES    = 0x148,
    TD_BAD_ANSWERS   = 0x150,
    TD_BUFFER        = 0x8000,
};

/** Bits of CONTROL, PASID, REQUEST, TRANS_FLAGS and RESPONSE. */
#define TD_CONTROL_IRQ      (1u << 0)
#define TD_CONTROL_ATS      (1u << 1)
#define TD_CONTROL_PRI      (1u << 2)
#define TD_CONTROL_RAW      (1u << 3)
#define TD_CONTROL_IGNORE   (1u << 4)
#define TD_CONTROL_KEEP     (1u << 5)

#define TD_PASID_EXEC       (1u << 29)
#define TD_PASID_PRIV       (1u << 30)
#define TD_PASID_ENABLE     (1u << 31)

#define TD_REQUEST_READ     (1u << 0)
#define TD_REQUEST_WRITE    (1u << 1)
#define TD_REQUEST_LAST     (1u << 4)
#define TD_REQUEST_DATA     (1u << 5)
#define TD_REQUEST_GROUP(g) ((uint32_t)(g) << 16)

#define TD_TRANS_R          (1u << 0)
#define TD_TRANS_W          (1u << 1)
#define TD_TRANS_X          (1u << 2)
#define TD_TRANS_N          (1u << 3)
#define TD_TRANS_U          (1u << 4)
#define TD_TRANS_PRIV       (1u << 5)
#define TD_TRANS_GLOBAL     (1u << 6)
#define TD_TRANS_INTERRUPT  (1u << 7)
#define TD_TRANS_ANSWER     (1u << 31)

/* BAD_ANSWERS, above the number */
#define TD_BAD_GLOBAL       (1ull << 32)
#define TD_BAD_PRIV         (1ull << 33)
#define TD_BAD_X            (1ull << 34)
#define TD_BAD_X_ONLY       (1ull << 35)
#define TD_BAD_SIZE         (1ull << 36)
#define TD_BAD_ALIGNED      (1ull << 37)

#define TD_RESPONSE_DATA    (1ull << 4)
#define TD_RESPONSE_PASID   (1ull << 5)
#define TD_RESPONSE_UNEXPECTED (1ull << 6)
#define TD_RESPONSE_CAME    (1ull << 63)

/** Extended capabilities (PCI Express 7.8.9, 10.5). */
enum {
    TD_CAP_ATS       = 0x0f,
    TD_CAP_PRI       = 0x13,
    TD_CAP_PASID     = 0x1b,

    TD_ATS_CAP       = 4,
    TD_ATS_CTRL      = 6,
    TD_ATS_ENABLE    = 0x8000,

    TD_PRI_CTRL      = 4,
    TD_PRI_ENABLE    = 0x0001,
    TD_PRI_RESET     = 0x0002,
    TD_PRI_STATUS    = 6,
    TD_PRI_RF        = 0x0001,
    TD_PRI_UPRGI     = 0x0002,
    TD_PRI_STOPPED   = 0x0100,
    TD_PRI_PASID     = 0x8000,
    TD_PRI_CAPACITY  = 8,
    TD_PRI_ALLOCATION = 12,

    TD_PASID_CAP     = 4,
    TD_PASID_CTRL    = 6,
    TD_PASID_CTRL_ENABLE = 1,
    TD_PASID_CTRL_EXEC = 2,
    TD_PASID_CTRL_PRIV = 4,
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
    TD_TRANSLATE,
    TD_PAGE_REQUEST,
    TD_ABORT,
    TD_FLUSH,
} TestdevCommand;

/** Why a command failed. */
typedef enum TestdevWhy {
    TD_OK = 0,
    TD_BLOCKED,
    TD_NO_TARGET,
    TD_NO_MASTER,
    TD_BAD_COMMAND,
    TD_DIFFERENT,
    TD_NOT_ENABLED,
    TD_NOT_PERMITTED,
    TD_PAGE_INVALID,
    TD_PAGE_FAILURE,
    TD_TRIES,
    TD_ABORTED,
    TD_NO_CREDIT,
    TD_WAITS = 0x100,       /* it has not ended: it waits for a page */
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

/** Run a command with the registers as they are.  One that waits for a page
 *  gives TD_WAITS; then testdev_finish(). */
TestdevResult testdev_run(Testdev *dev, TestdevCommand command);

/** How the last command ended, or TD_WAITS. */
TestdevResult testdev_result(Testdev *dev);

/** The same, after giving the machine time to go on with the command; for
 *  when its page request has been answered. */
TestdevResult testdev_finish(Testdev *dev);

/** Enable capabilities as a driver does: PASID with all its flags, ATS, PRI
 *  with @allocation requests.  Those that are not there are left out. */
void testdev_enable(Testdev *dev, unsigned allocation);

/** The answer to a translation request for @addr. */
typedef struct TestdevTranslation {
    TestdevResult result;
    uint64_t addr;
    uint64_t size;
    uint32_t flags;         /* TD_TRANS_* */
} TestdevTranslation;

TestdevTranslation testdev_translate(Testdev *dev, uint64_t addr, bool write);

/** Send one page request; @request has TD_REQUEST_*. */
TestdevResult testdev_page_request(Testdev *dev, uint64_t addr,
                                   uint32_t request);

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
/** The same of wired interrupts, whose data is the line. */
#define SINK_LINE 0x90000000u

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

/*
 * For tests whose endpoint must get through: it reads, and it writes, a value
 * of its own at @addr, which is at @pa in memory.
 */
void testdev_expect_read(Testdev *dev, uint64_t addr, uint64_t pa);
void testdev_expect_write(Testdev *dev, uint64_t addr, uint64_t pa);
/** @size bytes, a page at most, are blocked; what the endpoint is told of the
 *  reason. */
uint8_t testdev_expect_blocked(Testdev *dev, uint64_t addr, size_t size,
                               bool write);

#endif
