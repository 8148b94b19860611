/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's qtest protocol: lines with a command, each answered by one line.
 */
#ifndef HW_IOMMU_MACHINE_QTEST_H
#define HW_IOMMU_MACHINE_QTEST_H

#include <stdio.h>

#include "hw/iommu/machine/board.h"
#include "hw/iommu/machine/channel.h"

/* Bytes that one read or write command can move. */
#define QTEST_DATA_MAX   (16u << 20)
/* Bytes that one memset command can set. */
#define QTEST_MEMSET_MAX (4ull << 30)

typedef struct Qtest {
    Board *board;
    /* the virtual clock in nanoseconds; it moves on command only */
    int64_t clock;
} Qtest;

/* Carry out the command in @line, which is changed, and append the answer,
 * one line with its end, to @out. */
void qtest_command(Qtest *qtest, char *line, GString *out);

/* Serve clients of @channel until there is none.  @log may be NULL. */
void qtest_serve(Board *board, Channel *channel, FILE *log);

#endif
