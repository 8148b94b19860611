/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One SMMUv3.  How its files divide the work:
 *
 *   defs.h          fields and codes of the specification
 *   regs.h          the registers by name
 *   config.c        options, creation
 *   capabilities.c  the ID registers, by the options
 *   registers.c     the register table, and what a write to each does
 *   state.c         reset, save and load
 *
 *   lookup.h        all that finds translations:
 *   translate.c     - a transaction from its arrival to its answer
 *   context.c       - from StreamID and SubstreamID to a context; its cache
 *   context.h       - what a context is
 *   tables.c        - decoders of stream table entries and context descriptors
 *   walk.c          - walks of translation tables, of either stage or both
 *   descriptor.h    - the decoder of translation table descriptors
 *   permissions.h   - what is needed and what is granted
 *   iotlb.c         - cached translations
 *   paging_cache.c  - cached tables
 *   gatos.c         address translation operations
 *
 *   queue.c         the command queue
 *   invalidation.c  what each invalidation removes from the caches
 *   events.c        the event queue, global errors, interrupts
 *   stall.c         transactions that wait for software
 *   page_request.c  the PRI queue and its responses
 *   forward.c       host devices: what they make of all that
 */
#ifndef HW_IOMMU_SMMUV3_UNIT_H
#define HW_IOMMU_SMMUV3_UNIT_H

#include <hw/iommu/viommu-smmuv3.h>

#include "hw/iommu/common/tlb.h"
#include "hw/iommu/common/regs.h"
#include "hw/iommu/common/unit.h"
#include "hw/iommu/common/word.h"
#include "hw/iommu/smmuv3/context.h"
#include "hw/iommu/smmuv3/permissions.h"
#include "hw/iommu/smmuv3/stall.h"

/** Work that is done outside the lock, by smmu_run(). */
enum {
    SMMU_WORK_SWITCH = 1 << 0,  /* software has switched something: tell the
                                 * embedder, and drain */
    SMMU_WORK_GATOS = 1 << 1,   /* an address translation operation */
    SMMU_WORK_STALLS = 1 << 2,  /* smmu_stalls_choose() */
    SMMU_WORK_QUEUE = 1 << 3,   /* commands */
    SMMU_WORK_HOST = 1 << 4,    /* notes for the host that no CMD_SYNC has
                                 * carried out */
    SMMU_WORK_RESUME = 1 << 5,  /* smmu_stalls_tell(); the last of a run */
};

#define SMMU_VMIDS 65536
#define SMMU_ASID_GENS 4096

/* --- A unit -------------------------------------------------------------- */

/** A cached context: a cache line; see context.c. */
typedef struct SmmuContextSlot {
    uint64_t sequence;
    uint64_t key;
    uint64_t stamp;
    uint64_t tags;          /* flags, vmid, asid */
    uint64_t base[SMMU_BASES];
} __attribute__((aligned(64))) SmmuContextSlot;

#define SMMU_CONTEXT_BITS 12

struct SmmuUnit {
    Viommu common;              /* first, so that a Viommu is a unit */
    ViommuSmmuv3Config cfg;

    /* Copies of registers for endpoints' threads, which read each one
     * atomically; written under the lock. */
    uint64_t cr0;
    uint64_t gbpa;
    uint64_t strtab_base;
    uint64_t strtab_cfg;
    uint64_t cr2;

    /* State beside the registers; under the lock. */
    uint64_t atc_timeout;       /* an endpoint, or a host, has not done what a
                                 * command told it: the next CMD_SYNC fails */
    uint64_t irqs;              /* bits of SmmuIrq, to be raised */
    SmmuStall stalls[SMMU_STALLS];

    /* Work; under the lock. */
    uint64_t raising;           /* so many threads are raising an interrupt */
    uint64_t resume_later;      /* endpoints are told of stalls in the next
                                 * run, not in this one */
    SmmuEvent last_event;       /* the newest, while software can still read
                                 * it; else its number is 0 */

    /* Caches, and the generations of their entries */
    SmmuContextSlot *contexts;
    ViommuTlb tlb;              /* translations and tables; see smmu_tags() */
    uint64_t context_gen;       /* of all contexts */
    uint64_t iotlb_gen;         /* of all translations and tables */
    uint64_t *vmid_gens;        /* of one VMID; the last one is EL2's */
    uint64_t *nested_gens;      /* of nested ones of one VMID */
    uint64_t *asid_gens;        /* by a hash of VMID and ASID */
    uint64_t cut_sizes;         /* bit n: stage 2 has cut pages of stage 1 of
                                 * 2^n bytes in pieces */
};

/* What reset, save and load do with each member (common/members.h). */
#define SMMU_UNIT_MEMBERS(M)                \
    M(SmmuUnit, common, OTHERS)             \
    M(SmmuUnit, cfg, CONFIG)                \
    M(SmmuUnit, cr0, DERIVED)               \
    M(SmmuUnit, gbpa, DERIVED)              \
    M(SmmuUnit, strtab_base, DERIVED)       \
    M(SmmuUnit, strtab_cfg, DERIVED)        \
    M(SmmuUnit, cr2, DERIVED)               \
    M(SmmuUnit, atc_timeout, STATE)         \
    M(SmmuUnit, irqs, STATE)                \
    M(SmmuUnit, stalls, CODED)              \
    M(SmmuUnit, raising, OTHERS)            \
    M(SmmuUnit, resume_later, TRANSIENT)    \
    M(SmmuUnit, last_event, TRANSIENT)      \
    M(SmmuUnit, contexts, CACHE)            \
    M(SmmuUnit, tlb, CACHE)                 \
    M(SmmuUnit, context_gen, CACHE)         \
    M(SmmuUnit, iotlb_gen, CACHE)           \
    M(SmmuUnit, vmid_gens, CACHE)           \
    M(SmmuUnit, nested_gens, CACHE)         \
    M(SmmuUnit, asid_gens, CACHE)           \
    M(SmmuUnit, cut_sizes, CACHE)

static inline SmmuUnit *smmu_unit(Viommu *unit)
{
    return (SmmuUnit *)unit;
}

/** A register's value; under the lock. */
static inline uint64_t *smmu_reg(SmmuUnit *u, SmmuRegId id)
{
    return &u->common.regs.values[id];
}

/* --- capabilities.c ------------------------------------------------------ */

/** The ID registers have these values from the next reset on; and reset the
 *  registers. */
void smmu_capabilities_init(SmmuUnit *u);

/* --- registers.c --------------------------------------------------------- */

/** The register table, by the options. */
void smmu_registers_init(SmmuUnit *u);
/** After reset or load, all registers have other values: go on with a switch
 *  that they say is under way, and publish them.  Locked. */
void smmu_registers_derive(SmmuUnit *u);
/** Copy registers to where endpoints' threads read them.  Locked. */
void smmu_registers_publish(SmmuUnit *u);
/** A switch is in force for everybody: CR0ACK and GBPA say so.  Locked. */
void smmu_switched(SmmuUnit *u);
/** ViommuModel.mmio_size, mmio_unalias */
uint64_t smmu_mmio_size(const Viommu *unit);
uint64_t smmu_mmio_unalias(uint64_t offset);

/* --- invalidation.c ------------------------------------------------------ */

/** A CMD_TLBI_..., decoded: which translations it names. */
typedef struct SmmuTlbi {
    bool by_vmid, by_asid, by_addr;
    bool stage2;            /* addr is an IPA */
    bool el2;               /* of the EL2 regimes, not EL1's */
    uint16_t vmid, asid;
    uint64_t addr;
    uint64_t size;          /* bytes */
    bool leaf;              /* not the tables on the way to the addresses */
    /* the range as the command has it; all are 0 for one page whose size the
     * command does not tell */
    uint8_t num, scale, tg;
} SmmuTlbi;

/** Void all caches, without a word to the embedder. */
void smmu_forget_all(SmmuUnit *u);

/* Each tells the embedder, too.  Not locked, not in a read-side section. */

void smmu_invalidate_all(SmmuUnit *u);
/** Contexts of the streams @source but for bits in @mask. */
void smmu_invalidate_config(SmmuUnit *u, uint32_t source, uint32_t mask);
void smmu_invalidate_tlb(SmmuUnit *u, const SmmuTlbi *tlbi);

/** An endpoint, or a host, has not done what a command told it: the next
 *  CMD_SYNC fails.  In a step, not locked. */
void smmu_endpoint_silent(SmmuUnit *u);

/* --- queue.c ------------------------------------------------------------- */

/** ViommuModel.run: do the work, as much as a batch holds.  Not locked. */
void smmu_run(Viommu *unit);
/** The work that the registers ask for after reset or load.  Locked. */
unsigned smmu_work_wanted(SmmuUnit *u);
/** ViommuModel.unexpected_completion */
void smmu_unexpected_completion(Viommu *unit, uint32_t source);

/* --- page_request.c ------------------------------------------------------ */

/** ViommuModel.page_request */
void smmu_page_request(Viommu *unit, const ViommuPageRequest *req,
                       const bool *over);

/* --- gatos.c ------------------------------------------------------------- */

/** Carry out the operation in the registers GATOS_....  In a step, not
 *  locked. */
void smmu_gatos_run(SmmuUnit *u);

/* --- state.c ------------------------------------------------------------- */

/** ViommuModel.reset, save, load */
void smmu_reset(Viommu *unit);
GBytes *smmu_save(Viommu *unit);
bool smmu_load_state(Viommu *unit, const void *data, size_t size,
                     GError **error);

#endif
