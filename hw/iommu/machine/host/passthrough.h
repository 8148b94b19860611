/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices on the board: a small VMM's part of passthrough.
 *
 * A device is reached as VFIO shows it, through a table of system calls: the
 * system's own ones, or those of a simulated host (hostsim) in this process,
 * whose devices are viommu-testdevs behind a physical IOMMU of its own.
 */
#ifndef HW_IOMMU_MACHINE_HOST_PASSTHROUGH_H
#define HW_IOMMU_MACHINE_HOST_PASSTHROUGH_H

#include <hw/iommu/viommu-host.h>

#include "hw/iommu/hostsim/hostsim.h"
#include "hw/iommu/machine/board.h"

/* Of a board that has host devices, else board->passthrough is NULL. */
typedef struct Passthrough Passthrough;

/* An endpoint with the host device that @options names. */
PciFunction *passthrough_add(Board *board, const PciBus *bus,
                             const DeviceOptions *options, GError **error);
/* Once all units are there: put host devices behind them. */
bool passthrough_start(Board *board, GError **error);
/* Append what to wait for to @fds, struct pollfd: hosts and their devices. */
void passthrough_fds(Board *board, GArray *fds);
/* Take in what the host has to say; returns whether there was something. */
bool passthrough_run(Board *board);
/* After all functions are gone. */
void passthrough_free(Board *board);

/* Commands of a test; NULL, or what is wrong with it. */
const char *passthrough_fail(Board *board, const char *what);
const char *passthrough_pull(Board *board, const char *id);
const char *passthrough_unplug(Board *board, const char *id);
const char *passthrough_late(Board *board, const char *id, const char *ms);
const char *passthrough_usage(Board *board, GString *out);

/* "ioctl:REQUEST:ERROR:AFTER:TIMES" and so on. */
bool passthrough_failure_ok(const char *what);

/* --- Between passthrough.c and commands.c ---------------------------- */

/* A host, as a user of its API has it. */
typedef struct Connection {
    const ViommuSyscalls *sys;
    ViommuHost *host;
    /* of VFIO's type1, or -1 */
    int container, group;
    bool more;              /* reports, which no descriptor tells of */
} Connection;

struct Passthrough {
    Hostsim *sim;           /* NULL: no host-testdev */
    /* one iommufd of each host for all devices; for type1, of which a
     * container takes one device, a connection each */
    Connection *sim_iommufd, *real_iommufd;
    GPtrArray *connections; /* all of them */
    GPtrArray *functions;   /* HostFunction */
    unsigned n_sims;        /* devices of sim so far */
    int ready;              /* always readable */
};

/* The name that device @number has in the simulated host. */
void passthrough_sim_name(unsigned number, char name[13]);

/* --- function.c ----------------------------------------------------- */

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
/* Interrupts of the device: what to wait for, as passthrough_fds(); and take
 * them in, which returns whether there were some. */
void host_function_fds(HostFunction *function, GArray *fds);
bool host_function_run(HostFunction *function);
/* The next write to a BAR reaches the device @ms milliseconds later. */
void host_function_set_late(HostFunction *function, unsigned ms);

#endif
