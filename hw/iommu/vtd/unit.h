/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One VT-d unit.  How its files divide the work; a header has the name of its
 * file.
 *
 *   config.c         options, creation
 *   capabilities.c   CAP and ECAP
 *   registers.c      the register table and its handlers
 *   queue.c          the invalidation queue, and its register interface
 *   invalidation.c   what each invalidation removes from the caches
 *
 *   translate.c      a DMA request: the short way, through the caches
 *   request.c        a DMA request: the long way, through everything
 *   context_cache.c  contexts, from their cache or from tables
 *   scalable.c       scalable mode: from source-id and PASID to a context
 *   tables.c         decoders of root, context and second-stage entries
 *   first_stage.c    the first-stage walk, alone and nested
 *   second_stage.c   the second-stage walk
 *   permissions.c    what a translation lets a request do
 *   iotlb.c          cached translations
 *   paging_cache.c   cached tables of both stages
 *
 *   faults.c         fault recording, and event interrupts
 *   page_request.c   the page request queue and its responses
 *   virtual_command.c  PASIDs that software asks the unit for
 *   interrupt.c      interrupt remapping and posting
 *   forward.c        what the guest's tables and commands mean for host devices
 *   state.c          reset, save and load
 *
 * Headers alone: defs.h has what the specification defines, address.h the rules
 * about addresses, context.h what tables say about a requester, translation.h
 * what look-ups take and give, tags.h which cached entries an invalidation
 * voids, stages.h both walks.
 */
#ifndef HW_IOMMU_VTD_UNIT_H
#define HW_IOMMU_VTD_UNIT_H

#include <hw/iommu/viommu-vtd.h>

#include "hw/iommu/common/tlb.h"
#include "hw/iommu/common/regs.h"
#include "hw/iommu/common/unit.h"
#include "hw/iommu/common/word.h"
#include "hw/iommu/vtd/defs.h"

/** Index of a register in the register file; same order as the table. */
typedef enum VtdRegId {
    VTD_REG_VER, VTD_REG_CAP, VTD_REG_ECAP, VTD_REG_GCMD, VTD_REG_GSTS,
    VTD_REG_RTADDR, VTD_REG_CCMD, VTD_REG_FSTS, VTD_REG_FECTL,
    VTD_REG_FEDATA, VTD_REG_FEADDR, VTD_REG_FEUADDR, VTD_REG_AFLOG,
    VTD_REG_PMEN, VTD_REG_PLMBASE, VTD_REG_PLMLIMIT, VTD_REG_PHMBASE,
    VTD_REG_PHMLIMIT, VTD_REG_IQH, VTD_REG_IQT, VTD_REG_IQA, VTD_REG_ICS,
    VTD_REG_IECTL, VTD_REG_IEDATA, VTD_REG_IEADDR, VTD_REG_IEUADDR,
    VTD_REG_IQERCD, VTD_REG_IRTA, VTD_REG_PQH, VTD_REG_PQT, VTD_REG_PQA,
    VTD_REG_PRS, VTD_REG_PECTL, VTD_REG_PEDATA, VTD_REG_PEADDR,
    VTD_REG_PEUADDR, VTD_REG_IVA, VTD_REG_IOTLB, VTD_REG_MTRRCAP,
    VTD_REG_MTRRDEF,
    VTD_REG_FIXED           /* MTRRs, fault records and VCMD are behind */
} VtdRegId;

/** Work that is done outside the lock, by vtd_run(). */
enum {
    VTD_WORK_SWITCH = 1 << 0,   /* GCMD or PMEN: viommu_work_switched() */
    VTD_WORK_CCMD = 1 << 1,     /* the context command register */
    VTD_WORK_IOTLB = 1 << 2,    /* the IOTLB invalidate register */
    VTD_WORK_QUEUE = 1 << 3,
    VTD_WORK_HOST = 1 << 4,     /* host devices: notes that no wait settles */
    VTD_WORK_VCMD = 1 << 5,     /* a virtual command, for the host */
};

#define VTD_DOMAINS 65536
#define VTD_PASID_GENS 4096

typedef struct VtdUnit {
    Viommu common;              /* first */
    ViommuVtdConfig cfg;
    size_t frcd;                /* index of the first fault record's low word */
    size_t vcmd;                /* index of VCMD; VCRSP and VCCAP follow */

    /*
     * State beside the registers; written under the lock.  Endpoints' threads
     * read root, irta and timed_out atomically.
     */
    uint64_t root;              /* RTADDR when SRTP was set; see
                                 * vtd_latched_root() */
    uint64_t irta;              /* IRTA when SIRTP was set */
    uint64_t next_frcd;         /* index of the record for the next fault */
    uint64_t vcmd_running;      /* the command, while VCRSP.IP is set */
    uint64_t timed_out;         /* 1 + the source that did not answer, or 0 */
    /* A bit for each PASID that a virtual command has given out, or that none
     * gives out; under the lock.  NULL without virtual commands. */
    uint64_t *pasids;

    /* Copies of registers, which endpoints' threads read atomically. */
    uint64_t enabled;           /* GCMD; GSTS may follow later */
    uint64_t pmr[4];            /* low base, low end, high base, high end */
    uint64_t pmr_on;

    /* Work; under the lock. */
    size_t pasids_full;         /* so many words of pasids have no clear bit */
    /* the register command that only a drain keeps from its end, or 0 */
    uint64_t ccmd_undrained;
    uint64_t iotlb_undrained;

    /* Caches; see cache.h for generations and epochs. */
    ViommuCache contexts;       /* key: source, PASID; see context_cache.h */
    ViommuTlb tlb;              /* tag: domain; PASID of a first stage */
    ViommuCache irtes;          /* key: index */
    uint64_t context_gen;
    uint64_t iotlb_gen;
    uint64_t irte_gen;
    uint64_t *iotlb_gens;       /* by domain */
    uint64_t *nested_gens;      /* by domain: second stage under a first one */
    uint64_t *pasid_gens;       /* by a hash of domain and PASID */
} VtdUnit;

/* What reset, save and load do with each member (common/members.h). */
#define VTD_UNIT_MEMBERS(M)                 \
    M(VtdUnit, common, OTHERS)              \
    M(VtdUnit, cfg, CONFIG)                 \
    M(VtdUnit, frcd, CONFIG)                \
    M(VtdUnit, vcmd, CONFIG)                \
    M(VtdUnit, root, STATE)                 \
    M(VtdUnit, irta, STATE)                 \
    M(VtdUnit, next_frcd, STATE)            \
    M(VtdUnit, vcmd_running, STATE)         \
    M(VtdUnit, timed_out, STATE)            \
    M(VtdUnit, pasids, CODED)               \
    M(VtdUnit, enabled, DERIVED)            \
    M(VtdUnit, pmr, DERIVED)                \
    M(VtdUnit, pmr_on, DERIVED)             \
    M(VtdUnit, pasids_full, DERIVED)        \
    M(VtdUnit, ccmd_undrained, TRANSIENT)   \
    M(VtdUnit, iotlb_undrained, TRANSIENT)  \
    M(VtdUnit, contexts, CACHE)             \
    M(VtdUnit, tlb, CACHE)                  \
    M(VtdUnit, irtes, CACHE)                \
    M(VtdUnit, context_gen, CACHE)          \
    M(VtdUnit, iotlb_gen, CACHE)            \
    M(VtdUnit, irte_gen, CACHE)             \
    M(VtdUnit, iotlb_gens, CACHE)           \
    M(VtdUnit, nested_gens, CACHE)          \
    M(VtdUnit, pasid_gens, CACHE)

static inline VtdUnit *vtd_unit(Viommu *unit)
{
    return (VtdUnit *)unit;
}

/** A register's value; under the lock. */
static inline uint64_t *vtd_reg(VtdUnit *u, VtdRegId id)
{
    return &u->common.regs.values[id];
}

/** RTADDR.TTM, as it was when SRTP was set. */
static inline unsigned vtd_table_mode(const VtdUnit *u)
{
    return viommu_get(viommu_acquire(&u->root), VTD_RTADDR_TTM);
}

#endif
