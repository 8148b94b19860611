/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a unit's members are, and what reset, save and load do with each.
 *
 * A model lists the members of its unit once, in order, each with its kind:
 *
 *     #define VTD_UNIT_MEMBERS(M) M(common, OTHERS) M(cfg, CONFIG) ...
 *
 * VIOMMU_MEMBERS_COMPLETE() refuses to compile when the structure has
 * a member that the list lacks.  (Only a small one could hide, in a gap between
 * others; so members are words, as a rule.)
 */
#ifndef HW_IOMMU_COMMON_MEMBERS_H
#define HW_IOMMU_COMMON_MEMBERS_H

#include <stddef.h>
#include <stdint.h>

typedef enum ViommuMemberKind {
    /** Follows from the options, or is the embedder's: neither reset nor load
     *  changes it, and no stream has it. */
    VIOMMU_MEMBER_CONFIG,
    /** State, as 64-bit words: in the stream as they are, checked by the
     *  model when they are loaded, and 0 after reset. */
    VIOMMU_MEMBER_STATE,
    /** State that the model itself puts into words and takes out again. */
    VIOMMU_MEMBER_CODED,
    /** Made from state, after reset and after load alike. */
    VIOMMU_MEMBER_DERIVED,
    /** How far something is that is under way.  It starts anew, or is gone: 0
     *  after reset and load. */
    VIOMMU_MEMBER_TRANSIENT,
    /** A 64-bit number that advances, so that what began before is void. */
    VIOMMU_MEMBER_LIFE,
    /** Caches and their generations: empty after reset and load, because
     *  generations advance. */
    VIOMMU_MEMBER_CACHE,
    /** Has members of its own, or belongs to who works; not for the functions
     *  below. */
    VIOMMU_MEMBER_OTHERS,
} ViommuMemberKind;

typedef struct ViommuMember {
    uint32_t offset;
    uint32_t size;
    ViommuMemberKind kind;
} ViommuMember;

/* An entry of a table of ViommuMember. */
#define VIOMMU_MEMBER(type, name, kind) \
    { offsetof(type, name), sizeof(((type *)0)->name), \
      VIOMMU_MEMBER_##kind },

/* A member of a structure that has the listed members and no other. */
#define VIOMMU_MEMBER_AGAIN(type, name) \
    __typeof__(((type *)0)->name) name;
#define VIOMMU_MEMBER_SAME(type, name) \
    _Static_assert(offsetof(type, name) == offsetof(type##Listed, name), \
                   #type ": a member before " #name " has no kind");
#define VIOMMU_MEMBERS_COMPLETE(type) \
    _Static_assert(sizeof(type) == sizeof(type##Listed), \
                   #type ": its last members have no kind")
/* Bytes of a member in the stream; those of all members add up. */
#define VIOMMU_MEMBER_BYTES(type, name, kind) \
    + (VIOMMU_MEMBER_##kind == VIOMMU_MEMBER_STATE \
       ? sizeof(((type *)0)->name) : 0)
/* Is it whole words, if that is asked of its kind?  Likewise: 0. */
#define VIOMMU_MEMBER_UNEVEN(type, name, kind) \
    + (VIOMMU_MEMBER_##kind == VIOMMU_MEMBER_STATE || \
       VIOMMU_MEMBER_##kind == VIOMMU_MEMBER_TRANSIENT || \
       VIOMMU_MEMBER_##kind == VIOMMU_MEMBER_LIFE \
       ? sizeof(((type *)0)->name) % sizeof(uint64_t) : 0)

/** Copy them.  Locked. */
void viommu_members_save(const void *unit, const ViommuMember *members,
                         size_t n, uint64_t *words);
/** Set them, or with NULL to 0; and do with members of the other kinds what is
 *  said above.  Locked.  Threads may look at them at the same time. */
void viommu_members_replace(void *unit, const ViommuMember *members,
                            size_t n, const uint64_t *words);

#endif
