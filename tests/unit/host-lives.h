/* SPDX-License-Identifier: BSD-3-Clause */
/* Lives of devices of a simulated host, in each of which a call fails. */
#ifndef TESTS_UNIT_HOST_LIVES_H
#define TESTS_UNIT_HOST_LIVES_H

#include "hw/iommu/hostsim/hostsim.h"

/** What the host answers. */
#define HOST_ERRORS 9
extern const int host_errors[HOST_ERRORS];
/** Whether a queue that answers with this (0: a short read, whose rest is lost)
 *  has its reports nevertheless, and later. */
bool host_error_passes(int error);

typedef struct HostLives {
    const unsigned long *requests;
    size_t n_requests;
    /** How often a life without errors makes this call (0: any). */
    unsigned (*count)(unsigned long request);
    /** One of two devices; returns how many were left without any error. */
    unsigned (*live)(const HostsimFailure *failure);
} HostLives;

/** Each single call of each kind, with each error; every third of these
 *  combinations unless there is more time. */
void host_lives_each(const HostLives *lives);
/** From one call on, all fail. */
void host_lives_from_then_on(const HostLives *lives);

#endif
