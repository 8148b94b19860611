/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev: what its register file and its DMA engine share.
 */
#ifndef HW_IOMMU_TESTDEV_TESTDEV_H
#define HW_IOMMU_TESTDEV_TESTDEV_H

#include "hw/iommu/viommu-testdev.h"

#define TESTDEV_BUFFER       0x8000
#define TESTDEV_BUFFER_SIZE  0x8000
/* No access of the engine crosses such a boundary. */
#define TESTDEV_PAGE         4096
#define TESTDEV_LENGTH_MAX   (16ull << 20)
#define TESTDEV_SG_MAX       4096
#define TESTDEV_SG_ENTRY     32
/* A list as a whole, so that one command stays short. */
#define TESTDEV_SG_TOTAL_MAX (64ull << 20)
#define TESTDEV_LOOP_MAX     (1ull << 28)
#define TESTDEV_LOOP_SIZE    64
#define TESTDEV_LOOP_RANGE   (1ull << 32)

/* Registers, as their offset divided by 8. */
enum {
    TESTDEV_ID,
    TESTDEV_COMMAND,
    TESTDEV_STATUS,
    TESTDEV_SRC,
    TESTDEV_DST,
    TESTDEV_LENGTH,
    TESTDEV_PATTERN,
    TESTDEV_CONTROL,
    TESTDEV_PASID,
    TESTDEV_FAULT_ADDR,
    TESTDEV_DONE,
    TESTDEV_CHECKSUM,
    TESTDEV_LOOP_COUNT,
    TESTDEV_LOOP_BYTES,
    TESTDEV_LOOP_STRIDE,
    TESTDEV_LOOP_FLAGS,
    TESTDEV_LOOP_NS,
    TESTDEV_LOOP_FAILURES,
    TESTDEV_SG_ADDR,
    TESTDEV_SG_COUNT,
    TESTDEV_COMMANDS,
    TESTDEV_REGS,
};

#define TESTDEV_ID_VALUE       0x000000024d4f4956ull

#define TESTDEV_CONTROL_IRQ    0x0001ull
#define TESTDEV_CONTROL_VECTOR_SHIFT 8
#define TESTDEV_PASID_ENABLE   (1ull << 31)
#define TESTDEV_PASID_VALUE    0xfffffull
#define TESTDEV_LOOP_WRITE     0x1ull
#define TESTDEV_LOOP_RANDOM    0x2ull
/* A scatter list entry with this source fills. */
#define TESTDEV_SG_FILL        UINT64_MAX

enum {
    TESTDEV_CMD_READ = 1,
    TESTDEV_CMD_WRITE,
    TESTDEV_CMD_COPY,
    TESTDEV_CMD_FILL,
    TESTDEV_CMD_VERIFY,
    TESTDEV_CMD_LOOP,
    TESTDEV_CMD_SG,
    TESTDEV_CMD_INTERRUPT,
};

/* STATUS */
enum {
    TESTDEV_STATE_IDLE = 0,
    TESTDEV_STATE_DONE = 2,
    TESTDEV_STATE_FAILED = 3,
};

/* STATUS bits 15:8, beside ViommuDmaResult */
enum {
    TESTDEV_WHY_BAD_COMMAND = 4,
    TESTDEV_WHY_DIFFERENT = 5,
};

struct ViommuTestdev {
    ViommuTestdevOps ops;
    void *opaque;
    /* a command runs; everything that reaches BAR 0 now is ignored */
    bool busy;
    uint64_t regs[TESTDEV_REGS];
    uint8_t buffer[TESTDEV_BUFFER_SIZE];
};

/* Run @command to its end and set the result registers. */
void testdev_run(ViommuTestdev *dev, uint64_t command);

#endif
