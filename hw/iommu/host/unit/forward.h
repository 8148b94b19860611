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
#include "hw/iommu/host/unit/pieces.h"

/** Bounds on what a guest can make grow, for each device. */
#define VIOMMU_FORWARD_BINDINGS    4096
#define VIOMMU_FORWARD_PENDING     256     /* invalidations of one binding */
#define VIOMMU_FORWARD_GROUPS      4096    /* page requests that wait */
/* and of the unit */
#define VIOMMU_FORWARD_COMMANDS    256

typedef struct ViommuShadow ViommuShadow;

/** What requests of a device with one PASID are behind.  What is not bound
 *  is blocked. */
typedef struct ViommuBinding {
    uint32_t pasid;         /* or VIOMMU_NO_PASID, which comes first */
    ViommuHostTable table;
    /* by what name the guest's invalidations call it */
    uint32_t domain;
    uint32_t tag;
    bool renew;             /* a table that is the same is another one */
    bool pending_all;       /* also of a shadow */
    GArray *pending;        /* ViommuHostInvalidation, or NULL */
    ViommuShadow *shadow;   /* with VIOMMU_HOST_SHADOW; of who works */
} ViommuBinding;

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
    /* Of the rest, and of what belongs to the unit in its devices: who changes
     * it holds the lock.  Devices and their bindings come and go with "work"
     * held as well, so that who holds that may look at them. */
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

/**
 * SMMUv3: a command for all nested tables; or one for each host device whose
 * StreamID is @source but for bits in @mask (or VIOMMU_ANY), which is put
 * into it.  False: there is no room before a step.
 */
bool viommu_forward_note_command(Viommu *unit, uint64_t low, uint64_t high);
bool viommu_forward_note_command_for(Viommu *unit, uint32_t source,
                                     uint32_t mask, uint64_t low,
                                     uint64_t high);

/** One for which there is always room, in place of the last such one.  It goes
 *  out before all that is gathered, but behind binds. */
void viommu_forward_note_command_first(Viommu *unit, uint64_t low,
                                       uint64_t high);

/**
 * Carry out some of what was noted.  Returns whether there is more.  With
 * *@failed, the host has refused something of that source.  Not locked, and
 * not in a DMA section.
 */
bool viommu_forward_step(Viommu *unit, const ViommuForwardModel *model,
                         uint32_t *failed);
/** Forget what was noted: everything will be looked at, and bound anew. */
void viommu_forward_reset(Viommu *unit);
/** A shadow, or an answer, waits for a step.  Not locked, and the unit
 *  stays. */
void viommu_forward_wake(Viommu *unit);

/*
 * For ViommuForwardModel.look().
 */

/** The device's requests with @pasid are behind @table from now on, and known
 *  by @domain and @tag. */
void viommu_forward_bind(ViommuHostDevice *device, uint32_t pasid,
                         const ViommuHostTable *table, uint32_t domain,
                         uint32_t tag);

/* --- bindings.c ---------------------------------------------------------- */

ViommuBinding *viommu_binding_nth(const ViommuHostDevice *device, guint i);
/** Where the binding of @pasid is, or would be. */
guint viommu_binding_position(const ViommuHostDevice *device, uint32_t pasid);
/** Block what is bound. */
void viommu_binding_remove(ViommuHostDevice *device, ViommuBinding *binding);
/** Nested tables have lost translations. */
void viommu_binding_note(ViommuBinding *binding,
                         const ViommuHostInvalidation *inv);
/** What it leads to may be something else, although it looks the same: the next
 *  look binds it anew, or looks all of it through. */
void viommu_binding_note_renewal(ViommuBinding *binding);
/** Tell the host what it has still to hear of: false when that is nothing.
 *  What it refuses is left out, and the rest goes on behind it. */
bool viommu_binding_flush(ViommuHostDevice *device, ViommuBinding *binding);
/** Note what a shadow has still to look at: false when that is nothing. */
bool viommu_binding_take(ViommuHostDevice *device, ViommuBinding *binding);
/** Take all away, with the unit's work in hand. */
void viommu_bindings_drop(ViommuHostDevice *device);
/** What the guest has not heard of yet; the first one is enough. */
void viommu_forward_note_error(ViommuHostDevice *device, int error);

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
bool viommu_forward_page_response(Viommu *unit,
                                  const ViommuPageResponse *response);
void viommu_forward_release(ViommuForward *forward, ViommuHostDevice *device);

/* --- pasids.c ------------------------------------------------------------ */

/** Do PASIDs come from a host?  Any thread. */
bool viommu_forward_gives_pasids(const Viommu *unit);
/** One in [@min, @max]; there is such a host, or was.  0 or a negative errno.
 *  Not locked, and not in a DMA section. */
int viommu_forward_alloc_pasid(Viommu *unit, uint32_t min, uint32_t max,
                               uint32_t *pasid);
/** The opposite; what the host does not know is given back already. */
int viommu_forward_free_pasid(Viommu *unit, uint32_t pasid);
/** The guest has forgotten those with a bit in @words: they are given back
 *  later, by viommu_forward_step().  Not locked. */
void viommu_forward_note_dropped_pasids(Viommu *unit, const uint64_t *words,
                                        size_t n);

/** With the lock: devices have changed. */
void viommu_forward_find_giver(ViommuForward *forward);
/** With work in hand: nothing is left to look at. */
void viommu_forward_free_dropped(ViommuForward *forward);

/* --- commands.c ---------------------------------------------------------- */

/** Hand what is gathered to the hosts, with work in hand; or drop it, with the
 *  lock. */
void viommu_commands_flush(ViommuForward *forward, const Viommu *unit);
void viommu_commands_forget(ViommuForward *forward);

/* --- shadow.c ------------------------------------------------------------ */

/** All of it is to be looked at. */
ViommuShadow *viommu_shadow_new(ViommuHostDevice *device, uint32_t pasid);
/** The host has forgotten all of it. */
void viommu_shadow_free(ViommuShadow *shadow);
/** @size bytes at @addr may be others; 0 is 2^64. */
void viommu_shadow_note_range(ViommuShadow *shadow, uint64_t addr,
                              uint64_t size);
/** Look at some.  1 when there is more, 0, or a negative errno. */
int viommu_shadow_step(ViommuShadow *shadow, uint8_t width);
/** The host has not done what it was told: the device's requests are blocked,
 *  and need to be bound anew. */
bool viommu_shadow_lost(ViommuShadow *shadow);

/* With the host's lock: */

/** Memory goes: no shadow has any of it any more. */
void viommu_shadows_drop_memory(ViommuHost *host, uint64_t addr,
                                uint64_t size);
/** Memory has come: shadows look again for what they did not find. */
void viommu_shadows_note_memory(ViommuHost *host, uint64_t addr,
                                uint64_t size);
/** Is there a shadow of @unit (NULL: of any) that waits for a step? */
bool viommu_shadows_wait(const ViommuHost *host, const Viommu *unit);
/** What the host knows of memory in [@addr, @last] that was written to is
 *  marked.  0, or a negative errno. */
int viommu_shadows_read_dirty(ViommuHost *host, uint64_t addr, uint64_t last);

/* --- memory.c, with the host's lock -------------------------------------- */

void viommu_host_memory_init(ViommuHost *host);
void viommu_host_memory_destroy(ViommuHost *host);
/** The part of guest memory that begins in [*@addr, *@addr + *@size) first,
 *  and what it is a part of: NULL when there is none. */
const ViommuHostMemory *viommu_host_find_memory(const ViommuHost *host,
                                                uint64_t *addr,
                                                uint64_t *size);
/** Is all of that in one range of it? */
bool viommu_host_has_memory(const ViommuHost *host, uint64_t addr,
                            uint64_t size);

/** A bit of a bitmap of dirty pages stands for 4 KiB. */
#define VIOMMU_DIRTY_SHIFT  12
/** Guest memory was written to. */
void viommu_dirty_mark(ViommuHost *host, uint64_t addr, uint64_t size);
/** That which has a bit in @bits, of which bit @first is that of @addr.  All
 *  of it is in one range of memory. */
void viommu_dirty_mark_bits(ViommuHost *host, uint64_t addr, uint64_t size,
                            const uint64_t *bits, uint64_t first);

/* --- reports.c ----------------------------------------------------------- */

/** ViommuHostDevice.unsent. */
GArray *viommu_host_answers_new(void);
/** The end of an element of ViommuHostDevice.groups. */
void viommu_host_group_free(gpointer group);
/** Forget page requests that wait for the guest, of one PASID (or none), or
 *  of all: the host gets an answer.  Its lock is held. */
void viommu_host_drop_groups(ViommuHostDevice *device, uint32_t pasid);
void viommu_host_drop_all_groups(ViommuHostDevice *device);
/** The guest's answer to a group.  Not locked. */
void viommu_host_answer(ViommuHostDevice *device,
                        const ViommuPageResponse *response);
/** Answers that the host has not taken are tried again: returns whether there
 *  are more.  One that it does not take at all ends with its table: *@pasid is
 *  to be bound anew, else VIOMMU_ANY.  Not locked. */
bool viommu_host_answer_again(ViommuHostDevice *device, uint32_t *pasid);
/** Of tables that are gone: the host has answered.  Its lock is held. */
void viommu_host_forget_answers(ViommuHostDevice *device, bool all,
                                uint32_t pasid);

#endif
