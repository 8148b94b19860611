/* SPDX-License-Identifier: BSD-3-Clause */
/* What the requests of a host device are bound to, as it is noted. */
#ifndef HW_IOMMU_HOST_UNIT_BINDINGS_H
#define HW_IOMMU_HOST_UNIT_BINDINGS_H

#include "hw/iommu/host/backend.h"

/** Bounds on what a guest can make grow. */
#define VIOMMU_FORWARD_BINDINGS 4096    /* of a device */
#define VIOMMU_FORWARD_PENDING  256     /* invalidations of one binding */

typedef struct ViommuShadow ViommuShadow;

/** What requests of a device with one PASID are behind.  What is not bound
 *  is blocked. */
typedef struct ViommuBinding {
    uint32_t pasid;         /* or VIOMMU_NO_PASID, which comes first */
    ViommuHostTable table;
    /* the names of the table in the guest's invalidations */
    uint32_t domain;
    uint32_t tag;
    bool renew;             /* the next look binds it anew, also when the table
                             * looks the same */
    bool pending_all;       /* also of a shadow */
    GArray *pending;        /* ViommuHostInvalidation, or NULL */
    ViommuShadow *shadow;   /* with VIOMMU_HOST_SHADOW; the unit's work is in
                             * hand when it is used */
} ViommuBinding;

/* With the unit's lock, or with its work in hand: */

ViommuBinding *viommu_binding_nth(const ViommuHostDevice *device, guint i);
/** Where the binding of @pasid is, or would be. */
guint viommu_binding_position(const ViommuHostDevice *device, uint32_t pasid);
/** That of @pasid, or NULL. */
ViommuBinding *viommu_binding_find(const ViommuHostDevice *device,
                                   uint32_t pasid);
/** No invalidation is pending. */
void viommu_binding_forget(ViommuBinding *binding);
/** Nested tables have lost translations. */
void viommu_binding_note(ViommuBinding *binding,
                         const ViommuHostInvalidation *inv);
/** What it leads to may be something else, although it looks the same: the next
 *  look binds it anew, or looks all of it through. */
void viommu_binding_note_renewal(ViommuBinding *binding);
/** What the guest has not heard of yet; the first one is enough. */
void viommu_forward_note_error(ViommuHostDevice *device, int error);

#endif
