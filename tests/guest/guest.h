/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parts of the test program that runs in the guest (as "disk", "net", "edu",
 * "dma", "ats", "regs", "sva", "vfio") and on the host ("check", "serve").
 * Each part prints report lines of the form "NAME key=value ...", and returns
 * the exit status.
 */
#ifndef TESTS_GUEST_GUEST_H
#define TESTS_GUEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses a number (decimal or 0x...); ends the program if it is not one. */
uint64_t parse_number(const char *what, const char *text);

/* Milliseconds of a clock that only runs forward. */
uint64_t now_ms(void);

/* Reads or writes all of @size; false at an error or the end of file. */
bool read_all(int fd, void *buf, size_t size);
bool write_all(int fd, const void *buf, size_t size);

/* Has the kernel switched ATS on, on the PCI device @name? */
bool ats_enabled(const char *name);

/* BAR 0 of viommu-testdev, switched on; NULL without one.  @name: its own. */
volatile uint8_t *testdev_map(char *name, size_t size);

/* A page of a unit's registers, to be read; NULL without it (errno). */
volatile uint8_t *registers_map(uint64_t addr);

int cmd_disk(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_net(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_dma(int argc, char **argv);
int cmd_edu(int argc, char **argv);
int cmd_ats(int argc, char **argv);
int cmd_regs(int argc, char **argv);
int cmd_smmu(int argc, char **argv);
int cmd_sva(int argc, char **argv);
int cmd_vfio(int argc, char **argv);

#endif
