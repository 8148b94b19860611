/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of a simulated host behind a VT-d unit of the guest's, all in this
 * process.
 */
#ifndef TESTS_LIB_UNIT_HOST_WORLD_H
#define TESTS_LIB_UNIT_HOST_WORLD_H

#include <hw/iommu/viommu-host.h>

#include "hw/iommu/hostsim/hostsim.h"
#include "pri.h"
#include "tests/lib/testdev.h"

#define HOST_DEVICES    3
/** With an SMMUv3, the device whose transactions can wait. */
#define HOST_STALLS     2
#define HOST_VA         UINT64_C(0x7f0000400000)
#define HOST_PAGE       UINT64_C(0x1000)
/** Guest memory for data, below the tables. */
#define HOST_DATA       UINT64_C(0x800000)

typedef struct Host {
    Scalable *s;
    Fixture *f;
    Hostsim *sim;
    const ViommuSyscalls *sys;
    ViommuHost *host;
    int fd[HOST_DEVICES];
    ViommuHostDevice *device[HOST_DEVICES];
    GuestPageQueue queue;
} Host;

/** The unit's options: all that nesting wants. */
void host_config(ViommuVtdConfig *config);
/** A simulated host with HOST_DEVICES devices, none of them open. */
void host_start_sim(Host *h, const HostsimConfig *config);
/** A unit, and tables of @pgtt for SM_SOURCE with and without PRI_PASID; in the
 *  first stage, HOST_VA leads to HOST_DATA. */
void host_start_guest(Host *h, const ViommuVtdConfig *config, unsigned pgtt);
/** Connect, map RAM.  False with @error; then host_end() still works. */
bool host_connect(Host *h, GError **error);
/** Open device @i and take it in. */
bool host_open(Host *h, unsigned i, GError **error);
/** All of it, and device 0 behind the unit at SM_SOURCE. */
void host_start_of(Host *h, unsigned pgtt, ViommuNesting nesting);
/** The same, first stage and nested. */
void host_start(Host *h);
/** Free what there is, in the right order. */
void host_close(Host *h, unsigned i);
void host_end(Host *h);
/** Everything is closed: nothing is left in the host. */
void host_nothing_left(Host *h);
HostsimUsage host_usage(Host *h);
ViommuHostStats host_stats(Host *h);
/** Take in reports until there are none. */
void host_run(Host *h);
/** The same with @failure, which does not end, until no descriptor is waited
 *  for any more.  They are again, once it is over. */
void host_run_failing(Host *h, const HostsimFailure *failure);

/** What a device's driver would do; STATUS as a TestdevWhy. */
uint64_t host_get(Host *h, unsigned i, unsigned reg);
void host_set(Host *h, unsigned i, unsigned reg, uint64_t value);
unsigned host_command(Host *h, unsigned i, TestdevCommand command);
/** Memory space and bus mastering. */
void host_enable(Host *h, unsigned i);
/** 8 bytes of DMA. */
unsigned host_read(Host *h, unsigned i, uint32_t pasid, uint64_t addr);
/** STATUS of the command that was the last one. */
unsigned host_result(Host *h, unsigned i);
/** Reads and writes @to. */
void host_good(Host *h, unsigned i, uint32_t pasid, uint64_t addr,
               uint64_t to);
void host_blocked(Host *h, unsigned i, uint32_t pasid, uint64_t addr);
void host_page_request(Host *h, unsigned i, uint32_t pasid, uint64_t addr,
                       uint32_t request);

#endif
