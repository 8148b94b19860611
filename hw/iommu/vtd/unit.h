/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One VT-d unit.  How its files divide the work:
 *
 *   config.c       options, creation
 *   capabilities.c CAP and ECAP
 *   registers.c    the register table and its handlers
 *   tables.c       decoders of root, context and second-stage entries
 *   scalable.c     scalable mode: from source-id and PASID to a context
 *   context.c      contexts and their cache
 *   walk.c         the second-stage walk
 *   paging_cache.c the paging-structure cache of both stages
 *   iotlb.c        cached translations
 *   first_stage.c  the first-stage walk, alone and nested
 *   translate.c    a DMA request from arrival to answer
 *   invalidation.c what each invalidation removes from the caches
 *   queue.c        the invalidation queue and the register interface
 *   page_request.c the page request queue and its responses
 *   virtual_command.c  PASIDs that software asks the unit for
 *   faults.c       fault recording and event interrupts
 *   interrupt.c    interrupt remapping and posting
 *   state.c        reset, save and load
 *   forward.c      what the guest's tables and commands mean for host devices
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
    uint64_t queue_life;        /* advances when GCMD.QIE changes */
    /* the register command that only a drain keeps from its end, or 0 */
    uint64_t ccmd_undrained;
    uint64_t iotlb_undrained;

    /* Caches; see cache.h for generations and epochs. */
    ViommuCache contexts;       /* key: source, PASID; see context.h */
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
    M(VtdUnit, queue_life, LIFE)            \
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

/* --- registers.c --------------------------------------------------------- */

void vtd_registers_init(VtdUnit *u, uint64_t cap, uint64_t ecap);
/** The value that u->root takes when SRTP is set and RTADDR is @rtaddr. */
uint64_t vtd_latched_root(const VtdUnit *u, uint64_t rtaddr);
/** All registers have got new values, by a reset or a load: update what follows
 *  from them, go on with a switch that was under way, and publish.  Locked. */
void vtd_registers_settle(VtdUnit *u);
/** Copy registers to the words that endpoints' threads read.  Locked. */
void vtd_registers_publish(VtdUnit *u);
/** A switch has ended: GSTS and PMEN show it.  Locked. */
void vtd_switched(VtdUnit *u);
uint64_t vtd_mmio_size(const Viommu *unit);

/* --- tables.c ------------------------------------------------------------ */

/**
 * What the tables say about the requests of a source, or of a source and a
 * PASID.  In legacy mode, all of it comes from the context entry [VTD 9.3]; in
 * scalable mode, from the context entry [VTD 9.4] and the PASID table entry
 * [VTD 9.6].
 */
typedef struct VtdContext {
    bool scalable;
    bool entry_read;        /* the walk got as far as the context entry */
    bool fpd;               /* faults are not recorded */
    bool ats;               /* translated and translation requests allowed */
    uint8_t pgtt;           /* VTD_PGTT_... */
    uint8_t ss_levels;      /* 3, 4, 5 */
    uint8_t fs_levels;      /* 4, 5 */
    uint16_t did;
    uint32_t pasid;         /* tag of first-stage translations */
    uint64_t ss_table;
    uint64_t fs_table;
    bool ssade;             /* second stage has accessed and dirty bits */
    bool privileged;        /* requests without PASID are (RID_PRIV) */
    bool sre, ere, wpe, nxe, eafe;
    uint64_t memory_types;      /* as in the entry; not cached */
    bool snoop;
} VtdContext;

static inline bool vtd_has_first_stage(const VtdContext *context)
{
    return context->pgtt == VTD_PGTT_FIRST ||
           context->pgtt == VTD_PGTT_NESTED;
}

typedef struct VtdSsEntry {
    bool leaf;
    bool snoop;
    uint8_t access;         /* VIOMMU_READ, VIOMMU_WRITE */
    uint64_t addr;          /* the next table, or the page */
} VtdSsEntry;

/** Address width in bits that tables of @levels levels translate. */
static inline unsigned vtd_levels_width(unsigned levels)
{
    return VTD_PAGE_SHIFT + VTD_LEVEL_BITS * levels;
}

/** The bits of an address beyond the host address width. */
uint64_t vtd_beyond_haw(const VtdUnit *u);
/** Whether CAP announces second-stage tables of @levels levels. */
bool vtd_levels_supported(const VtdUnit *u, unsigned levels);
VtdReason vtd_decode_root(const VtdUnit *u, const uint64_t word[2],
                          uint64_t *table);
/** context->fpd is valid with each reason. */
VtdReason vtd_decode_context(const VtdUnit *u, const uint64_t word[2],
                             VtdContext *context);
/** Decode an entry of a second-stage table of @level; all entries of level 1
 *  are leaves.  An entry without permissions is not present: access 0, and the
 *  rest has no meaning. */
VtdReason vtd_decode_ss(const VtdUnit *u, const VtdContext *context,
                        unsigned level, uint64_t word, VtdSsEntry *entry);

/* --- scalable.c ---------------------------------------------------------- */

/** The context of requests of @source with @pasid (or VIOMMU_NO_PASID), from
 *  the tables at @root, in the format of RTADDR. */
VtdReason vtd_scalable_context(VtdUnit *u, uint64_t root, uint16_t source,
                               uint32_t pasid, VtdContext *context);

typedef struct VtdScanned {
    unsigned n;
    uint32_t pasid[1u << VTD_PASID_TABLE_BITS];
} VtdScanned;

/** Find PASIDs from @first on that have an entry, of one table, within a bound
 *  on what is read.  Returns the PASID to go on with, or VIOMMU_NO_PASID at
 *  the end.  Read-side section. */
uint32_t vtd_scalable_scan(VtdUnit *u, uint16_t source, uint32_t first,
                           VtdScanned *scanned);
/** What the tables say about a page request; *@fpd is valid with each
 *  reason.  Read-side section. */
VtdReason vtd_page_request_context(VtdUnit *u, uint16_t source,
                                   uint32_t pasid, bool *fpd);

/* --- iotlb.c, paging_cache.c, walk.c, first_stage.c ---------------------- */

/* VtdMapping.flags.  VIOMMU_READ and VIOMMU_WRITE among them are what the
 * second stage grants.  All of them fit in the low bits of a page's address. */
enum {
    VTD_MAP_RW = 1 << 2,        /* first stage: writable */
    VTD_MAP_US = 1 << 3,        /* first stage: for user requests */
    VTD_MAP_NX = 1 << 4,
    VTD_MAP_GLOBAL = 1 << 5,
    VTD_MAP_DIRTY = 1 << 6,     /* a write needs no update of the tables */
    VTD_MAP_SNOOP = 1 << 7,
    /* what a first stage can grant; all of it where there is none */
    VTD_MAP_FS_RIGHTS = VTD_MAP_RW | VTD_MAP_US,
};

typedef struct VtdMapping {
    uint64_t page;          /* output address of the page */
    uint8_t shift;          /* log2 of the size that the mapping is valid for */
    uint16_t flags;
} VtdMapping;

/** What a look-up is for, and which traces it may leave. */
typedef struct VtdWanted {
    uint8_t access;         /* VIOMMU_READ and so on */
    bool probe;             /* set no accessed and dirty bits */
    bool look;              /* do not fill the IOTLB, where each missing page
                             * would take an entry of its own */
    bool missed;            /* the IOTLB was looked at, and lacks it */
    bool inner;             /* second stage of a nested walk */
    /* Taken before the first word of any table was read: when software changes
     * a context entry and then invalidates, a translation that was found
     * through the old entry is not filled in. */
    ViommuTlbSeen seen;
} VtdWanted;

/** log2 of what an entry of a table of @level maps, level 0 being a page. */
static inline unsigned vtd_level_shift(unsigned level)
{
    return VTD_PAGE_SHIFT + VTD_LEVEL_BITS * level;
}

/** Key of a first-stage tag.  (The key of a second-stage tag is the domain.) */
static inline uint64_t vtd_pasid_key(uint16_t did, uint32_t pasid)
{
    return did | 1u << 23 | (uint64_t)pasid << 24;
}

/* In the second word of an IOTLB entry: a cached fault, in caching mode. */
static const ViommuField VTD_TLB_REASON = { 8, 8 };

/** The cached translation of @addr, a page of any size. */
static inline bool vtd_iotlb_lookup(const VtdUnit *u, const ViommuTag *tag,
                                    uint64_t addr, VtdMapping *m,
                                    VtdReason *reason)
{
    ViommuCacheEntry e;
    unsigned shift;

    if (!viommu_tlb_find(&u->tlb, tag, addr, &e, &shift)) {
        return false;
    }
    m->page = e.value[0] & ~(VTD_PAGE_SIZE - 1);
    m->flags = e.value[0] & (VTD_PAGE_SIZE - 1);
    m->shift = shift;
    *reason = viommu_get(e.value[1], VTD_TLB_REASON);
    return true;
}

/** A cached translation of @addr that settles what is wanted; in caching mode
 *  perhaps a cached fault, in *@reason.  False: a walk is needed. */
bool vtd_iotlb_find(VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    const VtdWanted *wanted, const VtdContext *context,
                    VtdMapping *mapping, VtdReason *reason);
void vtd_iotlb_fill(VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    const VtdWanted *wanted, const VtdMapping *mapping,
                    VtdReason reason);

/** A table that a walk goes through. */
typedef struct VtdTable {
    unsigned level;
    uint64_t addr;
    uint16_t flags;         /* the walker's own, below the page size */
} VtdTable;

/** The lowest cached table on the way from the table @top to @addr. */
bool vtd_table_find(const VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    uint64_t top, VtdTable *t);
/** Keep a table, if it is of a level that is kept. */
void vtd_table_fill(VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    uint64_t top, const VtdWanted *wanted, const VtdTable *t);

/**
 * The second stage's translation of @addr, from the IOTLB or the tables; of a
 * nested walk, from the tables.  VTD_FR_NONE with a mapping, or a reason.  A
 * mapping that grants nothing is not present; its shift says for how many
 * addresses that holds.  Read-side section.
 */
VtdReason vtd_second_stage(VtdUnit *u, const VtdContext *context,
                           uint64_t addr, const VtdWanted *wanted,
                           VtdMapping *mapping);
/** The first stage's translation, through the second stage when nested. */
VtdReason vtd_first_stage(VtdUnit *u, const VtdContext *context,
                          uint64_t addr, const VtdWanted *wanted,
                          VtdMapping *mapping);
VtdReason vtd_check_all(const VtdContext *context, uint8_t access,
                        uint16_t flags);

/** The part of read and write that a mapping with these flags grants to each
 *  request, whatever the context. */
static inline uint8_t vtd_granted_to_all(uint16_t flags)
{
    return !(flags & VTD_MAP_US) ? 0 :
           (flags & VTD_MAP_RW) ? flags & (VIOMMU_READ | VIOMMU_WRITE)
                                : flags & VIOMMU_READ;
}

/** The one check of permissions.  VTD_FR_NONE when @access is granted. */
static inline VtdReason vtd_check(const VtdContext *context, uint8_t access,
                                  uint16_t flags)
{
    if (!(access & ~VIOMMU_PRIV & ~vtd_granted_to_all(flags))) {
        return VTD_FR_NONE;
    }
    return vtd_check_all(context, access, flags);
}

/* --- translate.c --------------------------------------------------------- */

ViommuStatus vtd_translate(Viommu *unit, const ViommuRequest *req,
                           ViommuReply *reply);
bool vtd_tables(Viommu *unit, uint32_t source, uint32_t pasid,
                ViommuTables *tables);

/* --- invalidation.c ------------------------------------------------------ */

/* Stamps of cache entries that are made now; never 0. */
static inline uint64_t vtd_context_stamp(const VtdUnit *u)
{
    return viommu_acquire(&u->context_gen) + 1;
}

/* Two PASIDs may share a generation: an invalidation of one then removes the
 * other's translations too. */
static inline uint64_t *vtd_pasid_gen(const VtdUnit *u, uint16_t did,
                                      uint32_t pasid)
{
    return &u->pasid_gens[(did * 0x9e5u + pasid) % VTD_PASID_GENS];
}

/*
 * A stamp is a sum of generations.  Generations only grow, so that the sum
 * stays the same only while none of them changes.  All entries with one key
 * sum up the same generations.
 *
 * First-stage translations also die with their PASID, and with each
 * page-selective invalidation of the domain's second stage.  Only nested ones
 * must die with the latter, but the key does not say which of them are nested
 * [VTD 6.5.2.3].
 */
static inline ViommuTag vtd_second_tag(const VtdUnit *u, uint16_t did)
{
    return (ViommuTag) {
        viommu_acquire(&u->iotlb_gen) +
        viommu_acquire(&u->iotlb_gens[did]) + 1, did,
    };
}

static inline ViommuTag vtd_first_tag(const VtdUnit *u, uint16_t did,
                                      uint32_t pasid)
{
    return (ViommuTag) {
        viommu_acquire(&u->iotlb_gen) +
        viommu_acquire(&u->iotlb_gens[did]) + 1 +
        viommu_acquire(vtd_pasid_gen(u, did, pasid)) +
        viommu_acquire(&u->nested_gens[did]),
        vtd_pasid_key(did, pasid),
    };
}

static inline uint64_t vtd_irte_stamp(const VtdUnit *u)
{
    return viommu_acquire(&u->irte_gen) + 1;
}

/** Empty all caches.  Locked or not. */
void vtd_forget_translations(VtdUnit *u);
void vtd_forget_irtes(VtdUnit *u);

/* Not locked, and not in a read-side section.  Each of these also tells the
 * embedder. */
void vtd_invalidate_all(VtdUnit *u);
void vtd_invalidate_context(VtdUnit *u, unsigned granularity, uint16_t did,
                            uint16_t source, unsigned function_mask);
void vtd_invalidate_iotlb(VtdUnit *u, unsigned granularity, uint16_t did,
                          uint64_t addr, unsigned am, bool leaf_only);
void vtd_invalidate_pasid_cache(VtdUnit *u, unsigned granularity,
                                uint32_t pasid);
/** PASID-based: a whole address space, or with @paged 2^@am pages. */
void vtd_invalidate_piotlb(VtdUnit *u, uint16_t did, uint32_t pasid,
                           bool paged, uint64_t addr, unsigned am,
                           bool leaf_only);
void vtd_invalidate_irtes(VtdUnit *u, bool indexed, uint32_t index,
                          unsigned mask_bits);

/* --- queue.c ------------------------------------------------------------- */

/** Do a batch of work (viommu_work_run()).  Not locked. */
void vtd_run(Viommu *unit);
/** The work that the registers ask for; after reset and load.  Locked. */
unsigned vtd_work_wanted(VtdUnit *u);
void vtd_unexpected_completion(Viommu *unit, uint32_t source);

/* --- page_request.c ------------------------------------------------------ */

void vtd_page_request(Viommu *unit, const ViommuPageRequest *req);
/** PRS was written.  Locked. */
void vtd_page_requests_seen(VtdUnit *u);

/* --- virtual_command.c --------------------------------------------------- */

/** Words of u->pasids; 0 without virtual commands. */
size_t vtd_pasid_words(const ViommuVtdConfig *cfg);
/** Make all PASIDs free.  Locked. */
void vtd_pasids_reset(VtdUnit *u);
/** Likewise; set a bit in @forgotten for each PASID that the guest had. */
void vtd_pasids_forget(VtdUnit *u, uint64_t *forgotten);
/** VCMD was written.  Locked. */
void vtd_virtual_command(VtdUnit *u);
/** Carry out a command that is in progress.  Locked; may unlock for a while. */
void vtd_virtual_command_go_on(VtdUnit *u);

/* --- faults.c ------------------------------------------------------------ */

typedef struct VtdFault {
    VtdReason reason;
    uint16_t source;
    bool write;
    uint8_t at;             /* a ViommuKind */
    uint32_t pasid;         /* or VIOMMU_NO_PASID */
    bool execute;
    bool privileged;
    bool page_request;
    uint64_t info;          /* the record's low word */
} VtdFault;

/** Record a fault and raise its event.  Not locked, and not in a read-side
 *  section of the library's own. */
void vtd_fault_report(VtdUnit *u, const VtdFault *fault);

/** Set status bits of FSTS and raise the fault event.  Locked. */
void vtd_fsts_set(VtdUnit *u, uint64_t bits);
/** Derive FSTS.PPF and FECTL.IP from the conditions that are left.  Locked. */
void vtd_fsts_update(VtdUnit *u);

/** The device-TLB of @source did not answer: the next wait ends with a
 *  time-out.  In a step, not locked. */
void vtd_source_silent(VtdUnit *u, uint16_t source);

/** Whether the unit could have written this record. */
bool vtd_fault_record_valid(const uint64_t word[2]);
/** Registers have been loaded: derive PPF and the pending bits of all events
 *  from the others.  Locked. */
void vtd_faults_settle(VtdUnit *u);

/** Event interrupts: fault, invalidation completion, page requests. */
typedef struct VtdEvent {
    VtdRegId ctl, data, addr, uaddr;
} VtdEvent;
extern const VtdEvent vtd_event_fault;
extern const VtdEvent vtd_event_invalidation;
extern const VtdEvent vtd_event_page_request;
/** An interrupt condition has arisen.  Locked. */
void vtd_event_raise(VtdUnit *u, const VtdEvent *event);
/** The control register was written.  Locked. */
void vtd_event_unmask(VtdUnit *u, const VtdEvent *event);

/* --- interrupt.c --------------------------------------------------------- */

ViommuMsiResult vtd_remap_msi(Viommu *unit, uint32_t source, bool ioapic,
                              const ViommuMsi *in, bool probe,
                              ViommuMsi *out);

/* --- forward.c ----------------------------------------------------------- */

extern const struct ViommuSeamModel vtd_seam_model;

/*
 * Notes for host devices of what the guest invalidates.  vtd_host_settle()
 * carries them out.  Without host devices, each costs a load.  Not locked.
 */
void vtd_host_context(VtdUnit *u, bool all, uint16_t source, uint16_t mask);
void vtd_host_pasid(VtdUnit *u, bool all, uint32_t pasid);
void vtd_host_iotlb(VtdUnit *u, const ViommuInvalidation *inv, bool paged);
void vtd_host_piotlb(VtdUnit *u, const ViommuInvalidation *inv);
/** False when the device of inv->source is not a host device. */
bool vtd_host_devtlb(VtdUnit *u, const ViommuInvalidation *inv);
/** After reset and load: all tables may be others.  With @later, the host is
 *  told in a later run. */
void vtd_host_reset(VtdUnit *u, bool later);
/** The guest has lost the PASIDs with a bit in @words.  Not locked. */
void vtd_host_pasids_gone(VtdUnit *u, const uint64_t *words, size_t n);
/** Whether there are notes that no step has carried out. */
bool vtd_host_busy(const VtdUnit *u);
/** Carry out a bounded part of the notes; the host has acknowledged them when
 *  this returns.  Returns whether none is left.  Not locked, outside of DMA
 *  sections. */
bool vtd_host_settle(VtdUnit *u);
/** ViommuModel.switch_began, switch_settle */
void vtd_host_switched(Viommu *unit);
bool vtd_host_switch_settle(Viommu *unit);

/* --- state.c ------------------------------------------------------------- */

void vtd_reset(Viommu *unit);
GBytes *vtd_save(Viommu *unit);
bool vtd_load_state(Viommu *unit, const void *data, size_t size,
                    GError **error);

#endif
