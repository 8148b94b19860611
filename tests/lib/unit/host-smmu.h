/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of a simulated host behind an SMMUv3 of the guest's; the host's
 * IOMMU is one, too.
 */
#ifndef TESTS_LIB_UNIT_HOST_SMMU_H
#define TESTS_LIB_UNIT_HOST_SMMU_H

#include "host-world.h"
#include "smmu.h"

/** StreamIDs of the devices, and what a page of each substream's leads to. */
#define HOST_SID(i)     (SMMU_TEST_SID + 8 * (i))
#define HOST_SSID       5u

typedef struct HostSmmu {
    Host h;             /* h.f is the guest's */
    Smmu *s;
    unsigned later;     /* commands that the unit has not heard of */
} HostSmmu;

/** The unit's options: all that nesting has. */
void host_smmu_config(ViommuSmmuv3Config *config);
/** A simulated host; a guest, in which each device's stream has stage 1 with
 *  descriptors for no substream and HOST_SSID; HOST_VA leads to HOST_DATA.
 *  Not connected. */
void host_smmu_begin(HostSmmu *t, const ViommuSmmuv3Config *config);
/** And connected, with device @i behind the unit at HOST_SID(i). */
void host_smmu_start(HostSmmu *t, unsigned i);
/** Put it there. */
bool host_smmu_attach(HostSmmu *t, unsigned i, GError **error);
void host_smmu_end(HostSmmu *t);

/** Write t->s->ste as the stream's entry; and invalidate. */
void host_smmu_write_ste(HostSmmu *t, uint32_t sid);
void host_smmu_put_ste(HostSmmu *t, uint32_t sid);
void host_smmu_command(HostSmmu *t, uint64_t low, uint64_t high);
/** The same for commands that the unit hears of together. */
void host_smmu_later(HostSmmu *t, uint64_t low, uint64_t high);
void host_smmu_ring(HostSmmu *t);
/** HOST_VA + @page pages leads to @to; 0: to nothing. */
void host_smmu_map(HostSmmu *t, unsigned page, uint64_t to);
/** TLBI_NH_VA of that page; in the queue. */
void host_smmu_tlbi(HostSmmu *t, unsigned page);

#endif
