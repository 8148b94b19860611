/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Permissions: what a transaction says of itself, what the stream table entry
 * makes of that, which permissions of the tables it then needs, and what the
 * answer grants.  The result of each function here depends on its arguments
 * alone.
 */
#ifndef HW_IOMMU_SMMUV3_PERMISSIONS_H
#define HW_IOMMU_SMMUV3_PERMISSIONS_H

#include <hw/iommu/viommu.h>

#include "hw/iommu/smmuv3/context.h"

/* What a translation grants to users (U) and to the privileged (P), in the low
 * bits of an output address. */
enum {
    SMMU_MAP_UR = 1 << 0, SMMU_MAP_UW = 1 << 1, SMMU_MAP_UX = 1 << 2,
    SMMU_MAP_PR = 1 << 3, SMMU_MAP_PW = 1 << 4, SMMU_MAP_PX = 1 << 5,
    SMMU_MAP_ALL = 0x3f,
    SMMU_MAP_WRITE = SMMU_MAP_UW | SMMU_MAP_PW,
    SMMU_MAP_GLOBAL = 1 << 6,
};

_Static_assert((int)SMMU_MAP_UR == (int)VIOMMU_READ &&
               (int)SMMU_MAP_UW == (int)VIOMMU_WRITE &&
               (int)SMMU_MAP_UX == (int)VIOMMU_EXEC,
               "the bits for users are those of a request");
#define SMMU_MAP_PRIV 3     /* shift from users to the privileged */

/** What is wanted of a translation. */
typedef struct SmmuWanted {
    uint8_t needs;          /* SMMU_MAP_...: all of them, or at least one */
    bool any;               /* at least one */
    uint8_t dirties;        /* a grant of one of these marks a page dirty */
    bool probe;             /* change neither memory nor the IOTLB */
    ViommuTlbSeen seen;     /* the snapshot of before the first table is read */
} SmmuWanted;

/** Whether @flags of a translation are what is wanted. */
static inline bool smmu_suffices(const SmmuWanted *w, uint8_t flags)
{
    return w->any ? w->needs & flags : !(w->needs & ~flags);
}

/** The flags that @access needs. */
static inline uint8_t smmu_needs(uint8_t access)
{
    return (access & (SMMU_MAP_UR | SMMU_MAP_UW | SMMU_MAP_UX)) <<
           (access & VIOMMU_PRIV ? SMMU_MAP_PRIV : 0);
}

static inline SmmuWanted smmu_wanted(uint8_t access, bool probe)
{
    uint8_t needs = smmu_needs(access);

    return (SmmuWanted) {
        .needs = needs, .dirties = needs & SMMU_MAP_WRITE, .probe = probe,
    };
}

/* --- What the stream's entry makes of a transaction ---------------------- */

/** STE.PRIVCFG goes before the transaction's own word [SMMU 13.1.4]. */
static inline bool smmu_privileged(uint64_t context_flags, uint8_t access)
{
    return context_flags & SMMU_CTX_FORCE_PRIV ? true :
           context_flags & SMMU_CTX_FORCE_USER ? false
                                               : access & VIOMMU_PRIV;
}

/** A transaction is a write, the fetch of an instruction, or a read of data;
 *  STE.INSTCFG makes all reads one or the other [SMMU 13.1.4]. */
static inline uint8_t smmu_effective_access(uint64_t context_flags,
                                            uint8_t access)
{
    uint8_t mode = smmu_privileged(context_flags, access) ? VIOMMU_PRIV : 0;

    if (access & VIOMMU_WRITE) {
        /* A write is one of data, whatever INSTCFG says. */
        return mode | (access & (VIOMMU_READ | VIOMMU_WRITE));
    }
    if ((context_flags & SMMU_CTX_FORCE_INST) ||
        (!(context_flags & SMMU_CTX_FORCE_DATA) && (access & VIOMMU_EXEC))) {
        return mode | VIOMMU_EXEC;
    }
    return mode | VIOMMU_READ;
}

/** What a translation with @flags grants to this stream.  Where INSTCFG makes
 *  each read a fetch, or none, one of the two permissions stands for both
 *  [SMMU 13.7.1]. */
static inline uint8_t smmu_granted(uint64_t context_flags, bool privileged,
                                   uint8_t flags)
{
    uint8_t access = flags >> (privileged ? SMMU_MAP_PRIV : 0) &
                     (VIOMMU_READ | VIOMMU_WRITE | VIOMMU_EXEC);

    if (context_flags & SMMU_CTX_FORCE_INST) {
        return (access & ~VIOMMU_READ) |
               (access & VIOMMU_EXEC ? VIOMMU_READ : 0);
    }
    if (context_flags & SMMU_CTX_FORCE_DATA) {
        return (access & ~VIOMMU_EXEC) |
               (access & VIOMMU_READ ? VIOMMU_EXEC : 0);
    }
    return access;
}

/* --- ATS translation requests -------------------------------------------- */

/** The access that a translation request asks for: without a PASID, PCIe has
 *  no bits for execution and privilege [SMMU 13.7] [PCIe 10.2.2]. */
static inline uint8_t smmu_ats_asked(const ViommuRequest *req)
{
    return req->pasid == VIOMMU_NO_PASID
           ? req->access & ~(VIOMMU_EXEC | VIOMMU_PRIV) : req->access;
}

/**
 * A completion tells which permissions there are, so one of reading and
 * writing is enough [SMMU 3.9.1.2] [SMMU 13.7.1].  Only a request that is to
 * write (No Write clear) makes a page dirty [SMMU 3.13.7.1].
 */
static inline SmmuWanted smmu_ats_wanted(uint64_t context_flags,
                                         const ViommuRequest *req)
{
    uint8_t asked = smmu_ats_asked(req);
    uint8_t mode = smmu_privileged(context_flags, asked) ? VIOMMU_PRIV : 0;

    return (SmmuWanted) {
        .needs = smmu_needs(mode | VIOMMU_WRITE |
                            (context_flags & SMMU_CTX_FORCE_INST
                             ? VIOMMU_EXEC : VIOMMU_READ)),
        .any = true,
        .dirties = asked & VIOMMU_WRITE ? smmu_needs(mode | VIOMMU_WRITE) : 0,
        .probe = viommu_only_looks(req),
    };
}

/**
 * What the completion of @req grants [SMMU 13.7.1].  *@privileged is as the
 * request has it, whatever PRIVCFG says.  Execution is granted to a request
 * that asks for it, on pages that can be read, too.
 */
static inline uint8_t smmu_ats_granted(uint64_t context_flags,
                                       const ViommuRequest *req,
                                       uint8_t flags, bool *privileged)
{
    uint8_t asked = smmu_ats_asked(req);
    uint8_t access = smmu_granted(context_flags,
                                  smmu_privileged(context_flags, asked),
                                  flags);

    *privileged = asked & VIOMMU_PRIV;
    if (!(asked & VIOMMU_EXEC) || !(access & VIOMMU_READ)) {
        access &= ~VIOMMU_EXEC;
    }
    return access;
}

#endif
