/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices on the board: a small VMM's part of passthrough.
 *
 * A device is reached as VFIO shows it, through a table of system calls: the
 * system's own ones, or those of a simulated host (hostsim) in this process,
 * whose devices are viommu-testdevs behind a physical IOMMU of its own.
 */
#ifndef HW_IOMMU_MACHINE_PASSTHROUGH_H
#define HW_IOMMU_MACHINE_PASSTHROUGH_H

#include <hw/iommu/viommu-host.h>

#include "hw/iommu/machine/board.h"

/* Of a board that has host devices, else board->passthrough is NULL. */
typedef struct Passthrough Passthrough;

/* An endpoint with the host device that @options names. */
PciFunction *passthrough_add(Board *board, const PciBus *bus,
                             const DeviceOptions *options, GError **error);
/* Once all units are there: put host devices behind them. */
bool passthrough_start(Board *board, GError **error);
/* Take in what the host has to say; returns whether there was something. */
bool passthrough_run(Board *board);
/* After all functions are gone. */
void passthrough_free(Board *board);

/* Commands of a test; NULL, or what is wrong with it. */
const char *passthrough_fail(Board *board, const char *what);
const char *passthrough_pull(Board *board, const char *id);
const char *passthrough_unplug(Board *board, const char *id);
const char *passthrough_usage(Board *board, GString *out);

/* "ioctl:REQUEST:ERROR:AFTER:TIMES" and so on. */
bool passthrough_failure_ok(const char *what);

/* --- host-function.c ----------------------------------------------------- */

typedef struct HostFunction HostFunction;

/* @fd is the device's file, which the function takes over; @number is for
 * host_function_number(). */
HostFunction *host_function_new(Board *board, const PciBus *bus,
                                const DeviceOptions *options,
                                const ViommuSyscalls *sys, ViommuHost *host,
                                int fd, unsigned number, GError **error);
const DeviceOptions *host_function_options(const HostFunction *function);
unsigned host_function_number(const HostFunction *function);
PciFunction *host_function_pci(HostFunction *function);
bool host_function_attach(HostFunction *function, GError **error);
/* Interrupts of the device; returns whether there were some. */
bool host_function_run(HostFunction *function);

#endif
