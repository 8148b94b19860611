/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client of the qtest protocol: starts a machine (viommu-machine or QEMU)
 * and drives its memory, ports and clock.
 *
 * The machine is $QTEST_QEMU_BINARY, else $VIOMMU_MACHINE.  What a test did
 * not expect (the machine dies, does not answer, refuses a command) ends the
 * test program with one line that says what happened, after the machine's
 * own messages.
 */
#ifndef TESTS_LIB_QTEST_H
#define TESTS_LIB_QTEST_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One running machine.  Opaque. */
typedef struct QTest QTest;

/** Is the machine under test a QEMU (which takes longer to start)? */
bool qtest_is_qemu(void);

/**
 * The processor's architecture of machines that are started from now on, as
 * QEMU's names have it: "x86_64" (which it is at first) or "aarch64".  Of a
 * QEMU, the one beside $QTEST_QEMU_BINARY is taken.
 */
void qtest_set_target(const char *target);
/** Machines that are started from now on are talked to by TCP, or by a socket
 *  in the file system, as they are at first (where the system has those). */
void qtest_set_tcp(bool on);

/**
 * Start a machine with the options that printf() makes of @format, split as
 * a shell does.  The options that connect it to the test are added.
 */
QTest *qtest_start(const char *format, ...) G_GNUC_PRINTF(1, 2);

/** What it has written to stderr, for g_free(). */
char *qtest_said(QTest *q);

/** Stop the machine; it must not have died before. */
void qtest_end(QTest *q);

/**
 * Start a machine with options that it must refuse: it must end by itself
 * with exit status 1.  Returns what it wrote to stderr, for g_free().
 */
char *qtest_start_refused(const char *format, ...) G_GNUC_PRINTF(1, 2);

/** End the test program with this message and the machine's own. */
G_NORETURN void qtest_fail(QTest *q, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/** Access an I/O port. */
uint32_t qtest_in(QTest *q, uint16_t port, unsigned size);
void qtest_out(QTest *q, uint16_t port, uint32_t value, unsigned size);

/** Access guest-physical memory with one access of @size 1, 2, 4 or 8. */
uint64_t qtest_read(QTest *q, uint64_t addr, unsigned size);
void qtest_write(QTest *q, uint64_t addr, uint64_t value, unsigned size);

static inline uint32_t qtest_readl(QTest *q, uint64_t addr)
{
    return qtest_read(q, addr, 4);
}

static inline uint64_t qtest_readq(QTest *q, uint64_t addr)
{
    return qtest_read(q, addr, 8);
}

static inline void qtest_writel(QTest *q, uint64_t addr, uint32_t value)
{
    qtest_write(q, addr, value, 4);
}

static inline void qtest_writeq(QTest *q, uint64_t addr, uint64_t value)
{
    qtest_write(q, addr, value, 8);
}

/** Copy a piece of guest memory; any size. */
void qtest_memread(QTest *q, uint64_t addr, void *buf, size_t size);
void qtest_memwrite(QTest *q, uint64_t addr, const void *buf, size_t size);
void qtest_memset(QTest *q, uint64_t addr, uint8_t value, size_t size);

/** A command of viommu-machine's own.  Returns the answer behind its OK, for
 *  g_free(). */
char *qtest_special(QTest *q, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/** A number of what viommu-machine tells of its host ("viommu-host usage"). */
uint64_t qtest_usage(QTest *q, const char *name);

/** Let @ns nanoseconds of the virtual clock pass; 0: to its next timer. */
void qtest_clock_step(QTest *q, int64_t ns);

/**
 * Wait until the @size bytes at @addr, masked by @mask, are @value.  Time
 * passes for the machine meanwhile.  False after some seconds.
 */
bool qtest_wait(QTest *q, uint64_t addr, unsigned size, uint64_t mask,
                uint64_t value);

/**
 * Ask for a reset through port 0xcf9.  The machine resets after the command
 * was answered: wait for a register to show it.
 */
void qtest_ask_reset(QTest *q);

#endif
