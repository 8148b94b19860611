/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all models share: the unit behind `Viommu`, its lock, and the way out
 * to the embedder.
 *
 * The lock serialises registers, fault records and commands.  No callback is
 * called with it held: interrupt messages that arise under the lock wait in
 * a small outbox and are sent by viommu_unit_unlock().
 */
#ifndef HW_IOMMU_COMMON_UNIT_H
#define HW_IOMMU_COMMON_UNIT_H

#include <hw/iommu/viommu.h>
#include <pthread.h>

#include "hw/iommu/common/ram.h"
#include "hw/iommu/common/regs.h"

/** What a model provides; the public functions of viommu.h call these. */
/** The tables that requests go through. */
typedef struct ViommuTables {
    bool stage1, stage2;
    uint32_t domain;
    uint32_t pasid;         /* the first stage's, as invalidations name it */
    bool aliases;           /* some bits of addresses are ignored */
    uint64_t cut;           /* the largest page of the first stage that answers
                             * are pieces of, or 0 */
} ViommuTables;

typedef struct ViommuModel {
    /** What it does for host devices (host/unit/forward.h), or NULL. */
    const struct ViommuForwardModel *forward;
    void (*free)(Viommu *unit);
    void (*reset)(Viommu *unit);
    uint64_t (*mmio_size)(const Viommu *unit);
    /* Where the register table has what is at @offset; may be NULL. */
    uint64_t (*mmio_unalias)(uint64_t offset);
    void (*run)(Viommu *unit);
    /* Of a switch, not locked: each host device may be behind other tables
     * now; and carry out a part of what that means, returning whether that
     * was all.  See viommu_work_switched(). */
    void (*switch_began)(Viommu *unit);
    bool (*switch_settle)(Viommu *unit);
    ViommuStatus (*translate)(Viommu *unit, const ViommuRequest *req,
                              ViommuReply *reply);
    ViommuMsiResult (*remap_msi)(Viommu *unit, uint32_t source, bool ioapic,
                                 const ViommuMsi *in, bool probe,
                                 ViommuMsi *out);
    /** False: requests are blocked, or pass through. */
    bool (*tables)(Viommu *unit, uint32_t source, uint32_t pasid,
                   ViommuTables *tables);
    /* @over: see viommu_unit_page_request(). */
    void (*page_request)(Viommu *unit, const ViommuPageRequest *req,
                         const bool *over);
    void (*unexpected_completion)(Viommu *unit, uint32_t source);
    GBytes *(*save)(Viommu *unit);
    bool (*load)(Viommu *unit, const void *data, size_t size, GError **error);
} ViommuModel;

/** Whether a request changes neither memory nor caches. */
static inline bool viommu_only_looks(const ViommuRequest *req)
{
    return req->probe == VIOMMU_PROBE;
}

/** What a unit does outside its lock, one thread at a time; see work.c. */
typedef struct ViommuWork {
    unsigned todo;          /* the model's bits; under the lock */
    bool busy;              /* somebody is in viommu_work_run(); likewise */
    bool tell;              /* of a switch; likewise */
    bool forgotten;         /* all caches, by reset or load; likewise */
    uint64_t switches;      /* advances with each, and when all work is
                             * forgotten; likewise */
    uint64_t queue_life;    /* advances when the command queue is switched, and
                             * when all work is forgotten; likewise */
    /* of whoever is busy */
    bool put_off;           /* until the embedder's own accesses end */
    bool undrained;         /* invalidated, and not drained since */
    uint64_t life;          /* of the unit, when the step began */
} ViommuWork;

/** Host devices behind the unit, and what they add to it:
 *  host/unit/forward.h. */
typedef struct ViommuForward ViommuForward;
typedef struct ViommuHooks {
    /** Takes a response to a host device; false for another's. */
    bool (*page_response)(Viommu *unit, const ViommuPageResponse *response);
    /** Detach all.  Nothing of the unit has been freed yet. */
    void (*free)(Viommu *unit);
} ViommuHooks;

/** So many findings have a name. */
#define VIOMMU_FINDINGS (VIOMMU_FINDING_PAGE_SNOOP + 1)

/** More than can arise between one lock and its unlock. */
#define VIOMMU_OUTBOX_SIZE 16

struct Viommu {
    const ViommuModel *model;
    ViommuOps ops;
    void *opaque;
    ViommuRamMap *ram;      /* published; see ram.h */
    pthread_mutex_t lock;   /* POSIX's, which ThreadSanitizer understands */
    pthread_mutex_t ram_lock;   /* serialises viommu_set_ram() */
    ViommuRegFile regs;     /* under the lock */
    ViommuWork work;
    uint64_t life;          /* advances with reset and load; under the lock */
    ViommuMsi outbox[VIOMMU_OUTBOX_SIZE];
    size_t outbox_n;
    /* published; NULL before there is a host device */
    ViommuForward *forward;
    const ViommuHooks *hooks;
    ViommuStats stats;      /* each member changed by viommu_count() */
    uint64_t findings[VIOMMU_FINDINGS];     /* by viommu_found() */
};

/* What reset, save and load do with each member (members.h).  The outbox is
 * empty whenever nobody has the lock. */
#define VIOMMU_MEMBERS(M)           \
    M(Viommu, model, CONFIG)        \
    M(Viommu, ops, CONFIG)          \
    M(Viommu, opaque, CONFIG)       \
    M(Viommu, ram, CONFIG)          \
    M(Viommu, lock, CONFIG)         \
    M(Viommu, ram_lock, CONFIG)     \
    M(Viommu, regs, CODED)          \
    M(Viommu, work, OTHERS)         \
    M(Viommu, life, LIFE)           \
    M(Viommu, outbox, CONFIG)       \
    M(Viommu, outbox_n, CONFIG)     \
    M(Viommu, forward, CONFIG)      \
    M(Viommu, hooks, CONFIG)        \
    M(Viommu, stats, CONFIG)        \
    M(Viommu, findings, CONFIG)
#define VIOMMU_WORK_MEMBERS(M)          \
    M(ViommuWork, todo, DERIVED)        \
    M(ViommuWork, busy, OTHERS)         \
    M(ViommuWork, tell, DERIVED)        \
    M(ViommuWork, forgotten, DERIVED)   \
    M(ViommuWork, switches, LIFE)       \
    M(ViommuWork, queue_life, LIFE)     \
    M(ViommuWork, put_off, OTHERS)      \
    M(ViommuWork, undrained, OTHERS)    \
    M(ViommuWork, life, OTHERS)

/** Add one to a member of unit->stats.  For paths that are slow anyway. */
static inline void viommu_count(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/** Software does something that is let pass.  For slow paths, too. */
static inline void viommu_found(Viommu *unit, ViommuFinding finding)
{
    viommu_count(&unit->findings[finding]);
    viommu_count(&unit->stats.findings);
}

/** viommu_count() where a locked instruction would be felt: two threads that count
 *  at the same time may count one. */
static inline void viommu_count_roughly(uint64_t *counter)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1,
                     __ATOMIC_RELAXED);
}

/** A plain answer.  Each member: of a zeroed whole, gcc makes a "rep stos" that
 *  takes longer than all the rest of a cached translation. */
static inline void viommu_put_reply(ViommuReply *reply, uint64_t addr,
                                    uint64_t size, uint8_t access)
{
    reply->addr = addr;
    reply->size = size;
    reply->access = access;
    reply->snoop = false;
    reply->interrupt = false;
    reply->global = false;
    reply->privileged = false;
    reply->untranslated_only = false;
    reply->reason = 0;
    reply->stall_tag = 0;
}

#endif
