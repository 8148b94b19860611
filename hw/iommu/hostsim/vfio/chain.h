/* SPDX-License-Identifier: BSD-3-Clause */
/* Chains of capabilities, which VFIO's "get info" calls append. */
#ifndef HW_IOMMU_HOSTSIM_VFIO_CHAIN_H
#define HW_IOMMU_HOSTSIM_VFIO_CHAIN_H

#include "hw/iommu/host/abi/vfio.h"
#include "hw/iommu/hostsim/kernel/sim.h"

/** Append a capability of @size bytes, version 1; @header is its first
 *  member, and set here.  Offsets count from the chain's start so far. */
void sim_chain_add(GByteArray *chain, VfioCapHeader *header, uint16_t id,
                   uint32_t size);

/**
 * Hand the chain over behind a structure of @known bytes at @user, which has
 * room for *@argsz: 0 with *@cap_offset, or with 0 there and in *@argsz what
 * is needed; or -EFAULT.  Frees the chain.
 */
int sim_chain_out(GByteArray *chain, void *user, uint32_t known,
                  uint32_t *argsz, uint32_t *cap_offset);

#endif
