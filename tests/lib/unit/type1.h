/* SPDX-License-Identifier: BSD-3-Clause */
/* A device of a simulated host in a VFIO container, behind a VT-d unit. */
#ifndef TESTS_LIB_UNIT_TYPE1_H
#define TESTS_LIB_UNIT_TYPE1_H

#include "host-world.h"
#include "hw/iommu/host/abi/vsva.h"

#define TYPE1_PLAIN 31u         /* number of a device without PASIDs */

typedef struct Type1 {
    Host h;
    unsigned number;        /* of the device; its descriptor is the first */
    int container, group;
    uint32_t pasid;         /* the guest's, by a virtual command */
} Type1;

/** The unit's options: all that tables of PASIDs want. */
void type1_config(ViommuVtdConfig *config);
/** A simulated host and a guest: requests without PASID pass through, nothing
 *  else is in the guest's tables.  A container with device 0's group. */
void type1_start_sides(Type1 *t, const HostsimConfig *sim,
                       const ViommuVtdConfig *config);
/** The host, with RAM, and the device.  False with @error; type1_end() is
 *  good then, too. */
bool type1_connect(Type1 *t, GError **error);
/** Everything but the attachment. */
void type1_prepare(Type1 *t, const HostsimConfig *sim,
                   const ViommuVtdConfig *config);
/** The same with the device that has no PASIDs. */
void type1_prepare_plain(Type1 *t, const HostsimConfig *sim,
                         const ViommuVtdConfig *config);
void type1_attach(Type1 *t, ViommuNesting nesting);
/** All of it, with a PASID of the host's that is bound. */
void type1_start(Type1 *t, HostsimVsva form);
/** A container as Linux has it, where everything is shadowed. */
void type1_start_shadowed(Type1 *t);
void type1_end(Type1 *t);

/** A virtual command's response. */
uint64_t type1_command(Type1 *t, uint64_t vcmd);
uint32_t type1_allocate(Type1 *t);
/** The status. */
unsigned type1_give_back(Type1 *t, uint32_t pasid);

/** Ring for what is in the queue and a wait, which does not complete: the
 *  device timed out. */
void type1_wait_refused(Host *h);
void type1_pasid_cache(Type1 *t, uint32_t pasid);
/** The same, but the host does not do what that takes: the device answers
 *  with a time-out. */
void type1_pasid_cache_refused(Type1 *t, uint32_t pasid);
void type1_bind(Type1 *t, uint32_t pasid);
void type1_unbind(Type1 *t, uint32_t pasid);

/** Add a test for each form; its argument is a HostsimVsva. */
void type1_add(const char *name, void (*test)(gconstpointer form));

#endif
