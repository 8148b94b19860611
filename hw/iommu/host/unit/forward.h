/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forwarding: the unit's side of host devices.  What the guest does to its
 * tables goes to the host.
 *
 * The model notes what the guest does as it happens (viommu_forward_note_*()).
 * viommu_forward_step() carries the notes out later, before the guest's wait
 * completes: binds first, then invalidations, gathered into as few calls as
 * the host's API allows.  Each step is bounded, whatever the guest wrote.
 *
 * There are two locks.  A thread that carries notes out, attaches or detaches
 * holds "work", while it calls the host and reads guest memory, which may be
 * the embedder's to answer.  A thread that notes, or finds a device for an
 * answer, holds "lock", and calls and waits for nobody meanwhile.  They are
 * taken in this order: work, the host's lock, lock.
 */
#ifndef HW_IOMMU_HOST_UNIT_FORWARD_H
#define HW_IOMMU_HOST_UNIT_FORWARD_H

#include "hw/iommu/common/unit.h"
#include "hw/iommu/host/backend.h"

/** What a model does for its unit's host devices. */
typedef struct ViommuForwardModel {
    /** Can @caps do what the unit needs for @nesting?  *@nested tells how. */
    bool (*check)(Viommu *unit, const ViommuHostCaps *caps,
                  ViommuNesting nesting, bool *nested, GError **error);
    /** A device was attached. */
    void (*attached)(Viommu *unit);
    /** There is something for a step: run as if the guest had invalidated. */
    void (*run)(Viommu *unit);
    /** What the guest's tables make of requests of @device with @pasid: bind
     *  or unbind it. */
    void (*look)(Viommu *unit, ViommuHostDevice *device, uint32_t pasid);
    /** All PASIDs of @device from @first on, as many as is quick: each one
     *  that is present in the guest's tables gets a look.  Returns where to
     *  go on, or VIOMMU_NO_PASID. */
    uint32_t (*scan)(Viommu *unit, ViommuHostDevice *device, uint32_t first);
    /** A fault or event that the host reports.  Not locked. */
    void (*fault)(Viommu *unit, const ViommuHostFault *fault);
} ViommuForwardModel;

/** Of one unit; Viommu.forward, which is NULL before the first device. */
struct ViommuForward {
    pthread_mutex_t work;   /* one step at a time */
    /* A thread that changes the rest, or what belongs to the unit in its
     * devices, holds the lock.  Devices and their bindings come and go with
     * "work" held as well, so that a thread that holds "work" may look at
     * them. */
    pthread_mutex_t lock;
    pthread_cond_t released;    /* a device's holds are none */
    GPtrArray *devices;     /* ViommuHostDevice */
    unsigned noted;         /* counts notes */
    GArray *commands;       /* ViommuHostCommand, or NULL; before them, ... */
    ViommuHostCommand first;
    bool has_first;
    bool busy;              /* there is something for a step; atomic */
    bool gives_pasids;      /* a device's host does; atomic */
    GArray *dropped;        /* uint32_t: PASIDs to be given back when nothing
                             * is bound to them any more */
};

/** What a device's step looks at next. */
enum { VIOMMU_LOOK_NONE, VIOMMU_LOOK_START, VIOMMU_LOOK_BOUND,
       VIOMMU_LOOK_SCAN };

/** Is there a host device?  Costs a load.  Any thread. */
static inline bool viommu_forward_active(const Viommu *unit)
{
    return __atomic_load_n(&unit->forward, __ATOMIC_ACQUIRE) != NULL;
}

/** Is something noted that a step has to carry out? */
static inline bool viommu_forward_busy(const Viommu *unit)
{
    const ViommuForward *forward = __atomic_load_n(&unit->forward,
                                                   __ATOMIC_ACQUIRE);

    return forward && __atomic_load_n(&forward->busy, __ATOMIC_ACQUIRE);
}

/** Is @source a host device's?  Not locked. */
bool viommu_forward_has(Viommu *unit, uint32_t source);

/*
 * Notes.  Not locked; each does nothing when there is no host device.
 */

/** Tables of @source (but for bits in @mask; or VIOMMU_ANY) may be others. */
void viommu_forward_note_source(Viommu *unit, uint32_t source, uint32_t mask);
/** Those of one PASID, of each device.  Requests without one may use it. */
void viommu_forward_note_pasid(Viommu *unit, uint32_t pasid);

/** Which bindings an invalidation concerns. */
typedef struct ViommuForwardWhich {
    uint32_t source;        /* or VIOMMU_ANY, as are domain and tag */
    uint32_t domain;
    uint32_t tag;
    bool one_pasid;         /* of the requests: pasid, or VIOMMU_NO_PASID */
    uint32_t pasid;
    bool shadows_only;      /* those with tables of the guest's stage 1 do not
                             * use what has changed */
} ViommuForwardWhich;

/** Translations are gone; inv->pasid says nothing.  Size 0 is 2^64 bytes. */
void viommu_forward_note_invalidation(Viommu *unit,
                                      const ViommuForwardWhich *which,
                                      const ViommuHostInvalidation *inv);

/** A shadow, or an answer, waits for a step.  Not locked, and the unit
 *  stays. */
void viommu_forward_wake(Viommu *unit);

/* --- forward.c: the unit's lock, of a device that is attached ------------- */

static inline ViommuForward *viommu_forward_of(const Viommu *unit)
{
    return __atomic_load_n(&unit->forward, __ATOMIC_ACQUIRE);
}

static inline void viommu_forward_lock(ViommuForward *forward)
{
    pthread_mutex_lock(&forward->lock);
}

static inline void viommu_forward_unlock(ViommuForward *forward)
{
    pthread_mutex_unlock(&forward->lock);
}

/* With the lock: */

/** There is something for a step. */
void viommu_forward_ask_step(ViommuForward *forward);
ViommuHostDevice *viommu_forward_find(const ViommuForward *forward,
                                      uint32_t source);
void viommu_forward_note_look(ViommuHostDevice *device, uint32_t pasid);
void viommu_forward_note_all(ViommuHostDevice *device);
/** The device stays until viommu_forward_release(), also without the lock. */
void viommu_forward_hold(ViommuHostDevice *device);
/* Not locked: */
void viommu_forward_release(ViommuForward *forward, ViommuHostDevice *device);

#endif
