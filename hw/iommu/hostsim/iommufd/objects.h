/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd's object table: one for each open /dev/iommu.  Identifiers are from
 * 1, the lowest one that is free.  An object counts its users; the table is
 * one of them, and only an object without others can be destroyed.
 */
#ifndef HW_IOMMU_HOSTSIM_IOMMUFD_OBJECTS_H
#define HW_IOMMU_HOSTSIM_IOMMUFD_OBJECTS_H

#include "hw/iommu/hostsim/kernel/sim.h"

typedef enum SimObjectType {
    SIM_ANY,            /* only to look for */
    SIM_DEVICE,
    SIM_IOAS,
    SIM_HWPT_PAGING,
    SIM_HWPT_NESTED,
    SIM_FAULT,
    SIM_VIOMMU,
    SIM_VDEVICE,
    SIM_VEVENTQ,
} SimObjectType;

typedef struct SimContext {
    Hostsim *sim;
    SimFile *file;
    GPtrArray *groups;          /* SimIommufdGroup */
    GPtrArray *objects;         /* [id - 1]: SimObject, &sim_tombstone, NULL */
    bool account_process;       /* IOMMU_OPTION_RLIMIT_MODE */
    uint32_t vfio_ioas;         /* id, or 0 */
} SimContext;

typedef struct SimObject SimObject;

/** What the table knows of a kind of object. */
typedef struct SimObjectOps {
    SimObjectType type;
    /** Undoes what the object's maker did, as far as it got. */
    void (*destroy)(SimObject *object);
} SimObjectOps;

/** First member of each object. */
struct SimObject {
    SimContext *context;
    const SimObjectOps *ops;
    uint32_t id;
    unsigned users;
    bool finished;              /* visible to the caller */
    SimFile *file;              /* its own, from sim_object_open(); or NULL */
};

/** Or NULL. */
SimContext *sim_context_new(Hostsim *sim);
/** Destroys what is still there, the leaves first. */
void sim_context_free(SimContext *context);
/** The context behind a file, or NULL. */
SimContext *sim_context_of(SimFile *file);

/** Objects that there are now. */
unsigned sim_context_objects(const SimContext *context);

/** An object of @size bytes, all zero but its head, with a reserved id; or
 *  NULL. */
void *sim_object_new(SimContext *context, size_t size,
                     const SimObjectOps *ops);
/** From now on the caller sees it. */
void sim_object_finish(void *object);
/** Give up an object that is not finished: undoes what its maker did. */
void sim_object_abort(void *object);
/** The finished object, or NULL. */
void *sim_object_get(SimContext *context, uint32_t id, SimObjectType type);
/** 0; -ENOENT; -EBUSY when others use it. */
int sim_object_destroy(SimContext *context, uint32_t id);
/** The table's and one more user go: for what ends with its file. */
void sim_object_destroy_held(void *object);
/** Destroy it and keep its id from being used again. */
void sim_object_bury(void *object);

/** A file of the object's own, with a descriptor, whose number is returned
 *  (or a negative errno).  The object and its context stay until it is closed;
 *  its operations have sim_object_release(). */
int sim_object_open(void *object, const SimFileOps *ops);
void sim_object_release(SimFile *file);

void sim_object_ref(void *object);
void sim_object_unref(void *object);

#endif
