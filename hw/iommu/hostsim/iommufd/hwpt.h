/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd's hardware page tables and devices, and how the two are put
 * together.  Devices of one group share what they are attached to.
 */
#ifndef HW_IOMMU_HOSTSIM_IOMMUFD_HWPT_H
#define HW_IOMMU_HOSTSIM_IOMMUFD_HWPT_H

#include "hw/iommu/hostsim/iommufd/ioas.h"

typedef struct SimFaultQueue SimFaultQueue;
typedef struct SimViommuObject SimViommuObject;

/** A paging one, or a nested one. */
typedef struct SimHwpt {
    SimObject object;
    SimDomain *domain;
    SimFaultQueue *fault;       /* or NULL */
    bool pasid;                 /* may stand beside others of other PASIDs */
    /* paging */
    SimIoas *ioas;
    bool nest_parent;
    bool automatic;             /* goes with its last attachment */
    /* nested */
    struct SimHwpt *parent;
    SimViommuObject *viommu;    /* or NULL */
} SimHwpt;

/** What a group's devices are behind, with one PASID. */
typedef struct SimAttach {
    SimHwpt *hwpt;
    GPtrArray *devices;         /* SimIommufdDevice */
} SimAttach;

/** A group as one context sees it. */
typedef struct SimIommufdGroup {
    unsigned number;
    unsigned refs;
    GHashTable *attached;       /* PASID -> SimAttach */
} SimIommufdGroup;

/** A device that has been bound. */
typedef struct SimIommufdDevice {
    SimObject object;
    SimDevice *device;
    SimIommufdGroup *group;
    GHashTable *pasids;         /* the set of those that are attached */
    struct SimVdevice *vdevice;
} SimIommufdDevice;

/** Bind: 0 with the object finished; -EBUSY when another context has the
 *  device's group. */
int sim_iommufd_bind(SimContext *context, SimDevice *device,
                     SimIommufdDevice **bound);
/** Everything is detached. */
void sim_iommufd_unbind(SimIommufdDevice *bound);
/** *@pt_id is an IOAS or a HWPT; out: the HWPT. */
int sim_iommufd_attach(SimIommufdDevice *bound, uint32_t pasid,
                       uint32_t *pt_id);
void sim_iommufd_detach(SimIommufdDevice *bound, uint32_t pasid);

/** Locked to the caller until it is finished or aborted. */
int sim_hwpt_new_paging(SimIommufdDevice *bound, SimIoas *ioas,
                        uint32_t flags, const SimUserData *data,
                        SimHwpt **hwpt);
/** One user less; an automatic one goes with the last. */
void sim_hwpt_put(SimHwpt *hwpt);

/* --- Fault queues (fault.c) ---------------------------------------------- */

/** @hwpt's page requests go to the queue. */
void sim_fault_connect(SimFaultQueue *queue, SimHwpt *hwpt);
/** Answers what came from that attachment. */
void sim_fault_detach(SimFaultQueue *queue, SimDevice *device,
                      uint32_t pasid);
/** The device has gone: its partial groups are dropped. */
void sim_fault_forget(SimDevice *device);

/* --- vIOMMUs (viommu-objects.c) ---------------------------------------- */

SimViommu *sim_viommu_of(SimViommuObject *viommu);
SimHwpt *sim_viommu_parent(SimViommuObject *viommu);
/** The device is unbound: its virtual device goes, and leaves its ID. */
void sim_vdevice_bury(SimIommufdDevice *bound);

#endif
