/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UAPI_TEST_HOSTSIM_H
#define TESTS_UAPI_TEST_HOSTSIM_H

#include "hw/iommu/hostsim/hostsim.h"
#include "tests/uapi/device.h"

/** A host of its own for a test, with two devices in one group. */
typedef struct Host {
    Uapi *u;
    Hostsim *sim;
} Host;

void host_open(Uapi *u, Host *h, uint64_t pin_limit);
void host_open_with(Uapi *u, Host *h, const HostsimConfig *config);
void host_usage(Host *h, HostsimUsage *usage);
/** Nothing may be left. */
void host_close(Host *h);

extern const UapiTest host_thread_tests[];

#endif
