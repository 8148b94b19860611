/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A simulated host without memory: of each system call, each allocation fails
 * in turn, alone and with all that follow, before the call is made as it was
 * meant.  Each time the answer is
 * -ENOMEM, and there is no more, nor less, in the host than before.
 */
#ifndef TESTS_UAPI_SCARCE_H
#define TESTS_UAPI_SCARCE_H

#include "hw/iommu/hostsim/hostsim.h"
#include "tests/uapi/uapi.h"

/** Before hostsim_new(). */
void scarce_prepare(HostsimConfig *config);
/** hostsim_new(), and hostsim_add_device(), after all of their failures. */
Hostsim *scarce_new(const HostsimConfig *config, GError **error);
bool scarce_add_device(Hostsim *sim, const HostsimDevice *device,
                       GError **error);
/** Between the program and its host. */
void scarce_calls(Uapi *u, Hostsim *sim);
/** How many failures there were. */
uint64_t scarce_failures(void);

#endif
