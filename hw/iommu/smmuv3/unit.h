/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One SMMUv3.  How its files divide the work:
 *
 *   config.c       options, ID registers, creation
 *   registers.c    the register table and its handlers
 *   tables.c       decoders of stream table entries and context descriptors
 *   context.h      what these say about a stream
 *   descriptor.h   the decoder of translation table descriptors
 *   permissions.h  what is needed and what is granted
 *   context.c      from StreamID and SubstreamID to a context, and its cache
 *   walk.c         the walk of one stage (VMSAv8-64)
 *   iotlb.c        cached translations
 *   paging_cache.c cached tables
 *   translate.c    a transaction from arrival to answer; both stages, nested
 *   invalidation.c what each invalidation removes from the caches
 *   queue.c        the command queue
 *   events.c       the event queue, global errors, interrupts
 *   stall.c        transactions that wait for software
 *   page_request.c the PRI queue and its responses
 *   gatos.c        address translation operations
 *   state.c        reset, save and load
 *   forward.c         what all that means for host devices
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

/** Index of a register in the register file; same order as the table. */
typedef enum SmmuRegId {
    SMMU_REG_IDR0, SMMU_REG_IDR1, SMMU_REG_IDR2, SMMU_REG_IDR3,
    SMMU_REG_IDR4, SMMU_REG_IDR5, SMMU_REG_IIDR, SMMU_REG_AIDR,
    SMMU_REG_CR0, SMMU_REG_CR0ACK, SMMU_REG_CR1, SMMU_REG_CR2,
    SMMU_REG_STATUSR, SMMU_REG_GBPA, SMMU_REG_AGBPA, SMMU_REG_IRQ_CTRL,
    SMMU_REG_IRQ_CTRLACK, SMMU_REG_GERROR, SMMU_REG_GERRORN,
    SMMU_REG_GERROR_CFG0, SMMU_REG_GERROR_CFG1, SMMU_REG_GERROR_CFG2,
    SMMU_REG_STRTAB_BASE, SMMU_REG_STRTAB_BASE_CFG, SMMU_REG_CMDQ_BASE,
    SMMU_REG_CMDQ_PROD, SMMU_REG_CMDQ_CONS, SMMU_REG_EVENTQ_BASE,
    SMMU_REG_EVENTQ_PROD, SMMU_REG_EVENTQ_CONS, SMMU_REG_EVENTQ_CFG0,
    SMMU_REG_EVENTQ_CFG1, SMMU_REG_EVENTQ_CFG2, SMMU_REG_PRIQ_BASE,
    SMMU_REG_PRIQ_PROD, SMMU_REG_PRIQ_CONS, SMMU_REG_PRIQ_CFG0,
    SMMU_REG_PRIQ_CFG1, SMMU_REG_PRIQ_CFG2, SMMU_REG_GATOS_CTRL,
    SMMU_REG_GATOS_SID, SMMU_REG_GATOS_ADDR, SMMU_REG_GATOS_PAR,
    SMMU_REG_PIDR4, SMMU_REG_PIDR0, SMMU_REG_PIDR1, SMMU_REG_PIDR2,
    SMMU_REG_CIDR0, SMMU_REG_CIDR1, SMMU_REG_CIDR2, SMMU_REG_CIDR3,
    SMMU_REGS
} SmmuRegId;

/** Work that is done outside the lock, by smmu_run(). */
enum {
    SMMU_WORK_SWITCH = 1 << 0,  /* something was switched: tell, drain */
    SMMU_WORK_GATOS = 1 << 1,
    SMMU_WORK_STALLS = 1 << 2,  /* events of stalls; who is to be told */
    SMMU_WORK_QUEUE = 1 << 3,
    SMMU_WORK_HOST = 1 << 4,    /* host devices: what no CMD_SYNC has brought */
    SMMU_WORK_RESUME = 1 << 5,  /* tell endpoints of their stalls; the last */
};

#define SMMU_VMIDS 65536
#define SMMU_ASID_GENS 4096

/** A fault on its way to the event queue, or to the one who asked. */
typedef struct SmmuFault {
    SmmuEventId id;         /* SMMU_EVENT_NONE: no fault */
    uint8_t class;
    bool s2;
    bool table_read;        /* stage 2 denied a read of stage 1's table */
    uint64_t ipa;           /* with s2; of fetch faults, the fetched address */
} SmmuFault;

/* --- A unit -------------------------------------------------------------- */

/** An event as it goes to the queue. */
typedef struct SmmuEvent {
    uint64_t word[4];
} SmmuEvent;

#define SMMU_STALLS     64

/** A transaction that waits.  Its STAG is its index. */
typedef struct SmmuStall {
    bool used;
    bool recorded;          /* its event is, or was, in the queue; else it is
                             * to arrive again when there is a place */
    bool answered;          /* the endpoint is to be told, ... */
    bool leaving;           /* ... as soon as it knows the tag */
    uint8_t action;         /* a ViommuResume */
    bool host;              /* a host device's, which calls it ... */
    uint16_t group;
    uint32_t source;
    SmmuEvent event;
} SmmuStall;

/** A cached context: a cache line; see context.c. */
typedef struct SmmuContextSlot {
    uint64_t sequence;
    uint64_t key;
    uint64_t stamp;
    uint64_t tags;          /* flags, vmid, asid */
    uint64_t base[SMMU_BASES];
} __attribute__((aligned(64))) SmmuContextSlot;

#define SMMU_CONTEXT_BITS 12

typedef struct SmmuUnit {
    Viommu common;              /* first */
    ViommuSmmuv3Config cfg;

    /* What endpoints' threads look at, each word atomically; written under
     * the lock. */
    uint64_t cr0;
    uint64_t gbpa;
    uint64_t strtab_base;
    uint64_t strtab_cfg;
    uint64_t cr2;

    /* State beside the registers; under the lock. */
    uint64_t atc_timeout;       /* an ATC, or a host, did not do what it was
                                 * told: the next SYNC fails */
    uint64_t irqs;              /* bits of SmmuIrq, to be raised */
    SmmuStall stalls[SMMU_STALLS];

    /* Work; under the lock. */
    uint64_t raising;           /* so many threads are raising an interrupt */
    uint64_t queue_life;        /* advances when the queue is switched */
    uint64_t resume_later;      /* endpoints are told of stalls in the next
                                 * run, not in this one */
    SmmuEvent last_event;       /* the newest, while software has it before
                                 * it; else its number is 0 */

    SmmuContextSlot *contexts;
    ViommuTlb tlb;              /* tag: VMID; stage 1's ASID and regime */
    uint64_t context_gen;
    uint64_t iotlb_gen;
    uint64_t *vmid_gens;        /* all of a VMID; the last one of EL2 */
    uint64_t *nested_gens;      /* by VMID: second stage under a first one */
    uint64_t *asid_gens;        /* by a hash of VMID and ASID */
    uint64_t cut_sizes;         /* bit n: pages of 2^n of stage 1 that lie in
                                 * smaller pieces */
} SmmuUnit;

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
    M(SmmuUnit, queue_life, LIFE)           \
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

/* --- config.c ------------------------------------------------------------ */

/** Bits of an address size as the tables encode it (OAS, IPS, PS). */
unsigned smmu_size_bits(unsigned encoded);

/* --- registers.c --------------------------------------------------------- */

void smmu_registers_init(SmmuUnit *u);
/** All registers have other values: a switch that was under way goes on, and
 *  endpoints see it.  Locked. */
void smmu_registers_settle(SmmuUnit *u);
/** Publish to endpoints what the registers say.  Locked. */
void smmu_registers_publish(SmmuUnit *u);
/** What was switched is so for everybody: CR0ACK and GBPA say it.  Locked. */
void smmu_switched(SmmuUnit *u);
/** IRQ_CTRLACK says what IRQ_CTRL does.  Locked. */
void smmu_irq_ctrl_follows(SmmuUnit *u);
uint64_t smmu_mmio_size(const Viommu *unit);
uint64_t smmu_mmio_unalias(uint64_t offset);

/* --- tables.c ------------------------------------------------------------ */

/** A stream table entry as far as contexts need it. */
typedef struct SmmuSte {
    uint8_t config;
    uint8_t s1fmt;
    uint8_t s1dss;
    uint8_t s1cdmax;
    uint64_t s1contextptr;
    SmmuContext context;        /* without stage 1's tables */
} SmmuSte;

/** False: C_BAD_STE. */
bool smmu_decode_ste(const SmmuUnit *u, const uint64_t word[8], SmmuSte *ste);
/** Fill in stage 1.  False: C_BAD_CD. */
bool smmu_decode_cd(const SmmuUnit *u, const uint64_t word[8],
                    SmmuContext *context);

/* --- context.c ----------------------------------------------------------- */

/** As @ssid: what the stream table entry says, without stage 1's tables. */
#define SMMU_STE_ONLY (VIOMMU_NO_PASID - 1)

/** A stream's entry, from memory.  Read-side section. */
SmmuEventId smmu_read_ste(SmmuUnit *u, uint32_t sid, uint64_t word[8],
                          SmmuSte *ste);
/** The context of a stream; with SMMU_EVENT_NONE it is valid.  Read-side
 *  section. */
SmmuEventId smmu_context(SmmuUnit *u, uint32_t sid, uint32_t ssid,
                         SmmuContext *context, SmmuFault *fault);

/** The cached context; false: not cached.  What *@stamp makes of it is good
 *  until smmu_context_stamp() has changed. */
bool smmu_context_find(SmmuUnit *u, uint32_t sid, uint32_t ssid,
                       uint64_t *stamp, SmmuContext *context);
/** The stamp of contexts that are cached now; never 0. */
static inline uint64_t smmu_context_stamp(const SmmuUnit *u)
{
    return viommu_acquire(&u->context_gen) + 1;
}

/* --- walk.c -------------------------------------------------------------- */

typedef struct SmmuMapping {
    uint64_t page;
    uint8_t shift;          /* log2 of the size that it is valid for */
    uint8_t flags;
    uint8_t cut;            /* log2 of stage 1's page, cut by stage 2; or 0 */
} SmmuMapping;

/** Of entries that are made now: those of the ASID, or of stage 2; and those
 *  that all ASIDs have. */
typedef struct SmmuTags {
    ViommuTag own;
    ViommuTag global;
} SmmuTags;

/** Both stages as the context says; from the tables.  False with *@fault. */
bool smmu_walk(SmmuUnit *u, const SmmuContext *context, const SmmuTags *tags,
               uint64_t addr, const SmmuWanted *wanted, SmmuMapping *mapping,
               SmmuFault *fault);
/** The address between the stages, with what both grant (split-stage ATS,
 *  13.6.3). */
bool smmu_walk_split(SmmuUnit *u, const SmmuContext *context, uint64_t addr,
                     const SmmuWanted *wanted, SmmuMapping *mapping,
                     SmmuFault *fault);
/** Stage 1 alone, whose tables are found through stage 2 when nested. */
bool smmu_walk_first(SmmuUnit *u, const SmmuContext *context, uint64_t addr,
                     const SmmuWanted *wanted, SmmuMapping *mapping,
                     SmmuFault *fault);
/** Stage 2 alone, for fetches of context descriptors: *@addr is replaced.
 *  @seen is from before the stream table entry was read. */
bool smmu_walk_for_cd(SmmuUnit *u, const SmmuContext *context, uint64_t *addr,
                      const ViommuTlbSeen *seen, SmmuFault *fault);

/* --- iotlb.c ------------------------------------------------------------- */

/* In keys, with the VMID: */
#define SMMU_KEY_EL2    (UINT64_C(1) << 23)
#define SMMU_KEY_STAGE2 (UINT64_C(1) << 24)

static inline uint64_t smmu_stage1_key(const SmmuContext *c, bool global)
{
    return c->vmid | (c->flags & SMMU_CTX_EL2 ? SMMU_KEY_EL2 : 0) |
           (global ? VIOMMU_TAG_GLOBAL : (uint64_t)c->asid << 32);
}

/** Index of u->vmid_gens. */
static inline uint32_t smmu_world(const SmmuContext *c)
{
    return c->flags & SMMU_CTX_EL2 ? SMMU_VMIDS : c->vmid;
}

static inline unsigned smmu_asid_hash(uint32_t world, uint16_t asid)
{
    /* EL2 is not VMID 0. */
    return ((world + (world >> 16)) * 0x9e5u + asid) % SMMU_ASID_GENS;
}

/*
 * The counters only grow, so a sum of the same counters stays the same only
 * while none changes: all entries with one key have the same sum.  Only nested
 * ones must die with stage 2's, but the key does not tell which they are.
 * Global entries outlive their ASID (4.4.2).
 */
static inline ViommuTag smmu_stage2_tag(const SmmuUnit *u, uint16_t vmid)
{
    return (ViommuTag) {
        viommu_acquire(&u->iotlb_gen) +
        viommu_acquire(&u->vmid_gens[vmid]) + 1, vmid | SMMU_KEY_STAGE2,
    };
}

/* Of what all ASIDs have. */
static inline uint64_t smmu_global_stamp(const SmmuUnit *u,
                                         const SmmuContext *c)
{
    uint64_t stamp = viommu_acquire(&u->iotlb_gen) +
                     viommu_acquire(&u->vmid_gens[smmu_world(c)]) + 1;

    return c->flags & SMMU_CTX_EL2
           ? stamp : stamp + viommu_acquire(&u->nested_gens[c->vmid]);
}

static inline uint64_t smmu_asid_gen(const SmmuUnit *u, const SmmuContext *c)
{
    return viommu_acquire(&u->asid_gens[smmu_asid_hash(smmu_world(c),
                                                       c->asid)]);
}

/** SmmuTags.own.stamp of now: while it stays, so do both tags. */
static inline uint64_t smmu_own_stamp(const SmmuUnit *u, const SmmuContext *c)
{
    return c->flags & SMMU_CTX_S1
           ? smmu_global_stamp(u, c) + smmu_asid_gen(u, c)
           : smmu_stage2_tag(u, c->vmid).stamp;
}

static inline SmmuTags smmu_tags(const SmmuUnit *u, const SmmuContext *c)
{
    uint64_t stamp;

    if (!(c->flags & SMMU_CTX_S1)) {
        return (SmmuTags) { .own = smmu_stage2_tag(u, c->vmid) };
    }
    stamp = smmu_global_stamp(u, c);
    return (SmmuTags) {
        .own = { stamp + smmu_asid_gen(u, c), smmu_stage1_key(c, false) },
        .global = { stamp, smmu_stage1_key(c, true) },
    };
}

/** A cached translation that grants what is needed. */
static inline bool smmu_iotlb_find(const SmmuUnit *u, const SmmuTags *tags,
                                   uint64_t addr, uint8_t needs,
                                   SmmuMapping *m)
{
    ViommuCacheEntry e;
    unsigned shift;

    if (!viommu_tlb_find(&u->tlb, &tags->own, addr, &e, &shift) &&
        ((tags->own.key & SMMU_KEY_STAGE2) ||
         !viommu_tlb_find(&u->tlb, &tags->global, addr, &e, &shift))) {
        return false;
    }
    m->flags = e.value[0] & 0xff;
    m->page = e.value[0] & ~UINT64_C(0xfff);
    m->shift = shift;
    return !(needs & ~m->flags);
}

void smmu_iotlb_fill(SmmuUnit *u, const SmmuTags *tags, uint64_t addr,
                     const SmmuWanted *wanted, const SmmuMapping *mapping);
/** Remove what touches @size bytes at @addr: translations, or the tables of
 *  upper levels, and these first.  The caller bounds their number and has
 *  advanced the epochs. */
void smmu_iotlb_remove(SmmuUnit *u, const SmmuContext *context, uint64_t addr,
                       uint64_t size);
void smmu_tables_remove(SmmuUnit *u, const SmmuContext *context,
                        uint64_t addr, uint64_t size);

/* --- paging_cache.c ------------------------------------------------------ */

/* Of a cached table's flags, besides SMMU_MAP_..., which is what the tables
 * above it leave: its address is still an input of stage 2. */
#define SMMU_TABLE_IPA (1u << 6)

/** The cached table of the deepest level on the way from @top (an id) to
 *  @addr; *@level is its level. */
bool smmu_table_find(const SmmuUnit *u, const ViommuTag *tag,
                     const SmmuTable *stage, uint64_t top, uint64_t addr,
                     ViommuTable *t, unsigned *level);
/** The same, of the last level only. */
static inline bool smmu_last_table_find(const SmmuUnit *u,
                                        const ViommuTag *tag,
                                        const SmmuTable *stage, uint64_t top,
                                        uint64_t addr, ViommuTable *t)
{
    unsigned span = smmu_table_span(stage, SMMU_LAST_LEVEL);

    return viommu_tlb_find_table(&u->tlb, UINT64_C(1) << span, tag, addr,
                                 top, t);
}
/** Keep a table of @level, if such are kept. */
void smmu_table_fill(SmmuUnit *u, const ViommuTag *tag,
                     const SmmuTable *stage, uint64_t top, uint64_t addr,
                     unsigned level, uint64_t table, uint16_t flags,
                     const SmmuWanted *wanted);

/**
 * A stage 1 address without its top byte when that is ignored (TBI), sign
 * extended: that is how tables and invalidations find it.
 */
static inline uint64_t smmu_effective(const SmmuContext *c, uint64_t addr)
{
    bool upper = addr >> 55 & 1;

    if (!(c->flags & SMMU_CTX_S1) || !viommu_get(c->base[upper], SMMU_BASE_TBI)) {
        return addr;
    }
    return upper ? addr | viommu_bits(63, 56) : addr & viommu_bits(55, 0);
}

/* --- translate.c --------------------------------------------------------- */

ViommuStatus smmu_translate(Viommu *unit, const ViommuRequest *req,
                            ViommuReply *reply);
bool smmu_tables(Viommu *unit, uint32_t source, uint32_t pasid,
                 ViommuTables *tables);
ViommuMsiResult smmu_remap_msi(Viommu *unit, uint32_t source, bool ioapic,
                               const ViommuMsi *in, bool probe,
                               ViommuMsi *out);

/* --- invalidation.c ------------------------------------------------------ */

/** Which translations a TLBI means. */
typedef struct SmmuTlbi {
    bool by_vmid, by_asid, by_addr;
    bool stage2;            /* addr is an IPA */
    bool el2;
    uint16_t vmid, asid;
    uint64_t addr;
    uint64_t size;          /* bytes */
    bool leaf;
    /* the range as the command has it; all 0: a page of unknown size */
    uint8_t num, scale, tg;
} SmmuTlbi;

void smmu_forget_all(SmmuUnit *u);
/** Not locked, not in a read-side section; each tells the embedder too. */
void smmu_invalidate_all(SmmuUnit *u);
void smmu_invalidate_config(SmmuUnit *u, uint32_t source, uint32_t mask);
void smmu_invalidate_tlb(SmmuUnit *u, const SmmuTlbi *tlbi);

/* --- queue.c ------------------------------------------------------------- */

/** Do the work, as much as a batch holds.  Not locked. */
void smmu_run(Viommu *unit);
/** What the registers ask for, when nobody has begun yet.  Locked. */
unsigned smmu_work_wanted(SmmuUnit *u);
/** An endpoint, or a host, did not do what it was told: the next CMD_SYNC
 *  fails.  In a step, not locked. */
void smmu_endpoint_silent(SmmuUnit *u);
void smmu_unexpected_completion(Viommu *unit, uint32_t source);

/* --- events.c ------------------------------------------------------------ */

/** What became of a record that was to be queued. */
typedef enum SmmuQueued {
    SMMU_QUEUED,
    SMMU_QUEUE_OFF,
    SMMU_QUEUE_FULL,
    SMMU_QUEUE_ABORTED,     /* its memory does not answer */
} SmmuQueued;

/** Write an event to the queue; with @merge not beside its like.  Not
 *  locked. */
void smmu_event_record(SmmuUnit *u, const SmmuEvent *event, bool merge);
/** The same, but what becomes of it is the caller's business; *@at is where it
 *  stands.  Locked, and in a read-side section. */
SmmuQueued smmu_event_append(SmmuUnit *u, const SmmuEvent *event,
                             uint64_t *at);
/** Events that were not written: the queue has overflowed.  Not locked. */
void smmu_events_lost(SmmuUnit *u);
/** Software has set the queue up, or has taken events out of it: no event is
 *  merged with one that software cannot read any more.  Locked. */
void smmu_event_queue_set_up(SmmuUnit *u);
void smmu_event_queue_taken(SmmuUnit *u);
/** Whether there is a place for an event.  Locked. */
bool smmu_event_writable(SmmuUnit *u);
/** Words of an event of @req. */
SmmuEvent smmu_event_of(const ViommuRequest *req, uint8_t access,
                        const SmmuFault *fault);

/** A queue that the unit writes: the event or the PRI queue. */
typedef struct SmmuOutQueue {
    SmmuRegId base, prod, cons;
    uint32_t enable;        /* in CR0 */
    uint32_t abort;         /* in GERROR */
    unsigned words;         /* of a record */
    bool overflow_stops;    /* nothing is written before it is acknowledged */
} SmmuOutQueue;

/** Append a record.  *@raise: the queue is no longer empty; *@at: where the
 *  record stands.  Locked, and in a read-side section. */
SmmuQueued smmu_queue_append(SmmuUnit *u, const SmmuOutQueue *queue,
                             const uint64_t *words, bool *raise,
                             uint64_t *at);
/** Set a queue's overflow flag, unless it is set already.  Locked. */
void smmu_queue_overflow(SmmuUnit *u, const SmmuOutQueue *queue);
/** A global error has become active.  Locked. */
void smmu_gerror(SmmuUnit *u, uint32_t bits);

typedef enum SmmuIrq {
    SMMU_IRQ_OF_EVENTQ, SMMU_IRQ_OF_PRIQ, SMMU_IRQ_OF_SYNC, SMMU_IRQ_OF_GERROR
} SmmuIrq;
/** Raise an interrupt, by message or by wire, if it is enabled.  Not
 *  locked. */
void smmu_irq(SmmuUnit *u, SmmuIrq irq);
/** A message; @abort is the global error when its memory refuses it.  Not
 *  locked. */
void smmu_send_msi(SmmuUnit *u, uint64_t addr, uint32_t data, uint32_t abort);
/** Raise what smmu_gerror() and others asked for.  Not locked. */
void smmu_raise_irqs(SmmuUnit *u);

/* --- stall.c ------------------------------------------------------------- */

/** What becomes of a transaction that is to wait. */
typedef enum SmmuStalled {
    SMMU_STALLED,
    SMMU_STALL_NO_ROOM,     /* it is terminated */
    SMMU_STALL_ENDED,       /* so are all: translation is switched off */
} SmmuStalled;

/** Make a transaction wait, and record that.  @group is a host device's name
 *  for it, or SMMU_NO_GROUP.  Not locked. */
#define SMMU_NO_GROUP (-1)
SmmuStalled smmu_stall(SmmuUnit *u, uint32_t source, const SmmuEvent *event,
                       int group, uint16_t *tag);
void smmu_stall_resume(SmmuUnit *u, uint32_t source, uint16_t tag,
                       unsigned action);
/** What transactions that wait are, in words: of host devices none, who tell of
 *  them anew.  Locked. */
#define SMMU_STALL_WORDS 5
void smmu_stalls_save(const SmmuUnit *u, uint64_t *words);
/** Are these words what a unit may have saved? */
bool smmu_stalls_valid(const SmmuUnit *u, const uint64_t *words);
/** Those of valid words, or with NULL none, and none of those there were.
 *  Locked. */
void smmu_stalls_replace(SmmuUnit *u, const uint64_t *words);
/** Terminate those of @source, or of all with VIOMMU_ANY.  Locked. */
void smmu_stall_terminate(SmmuUnit *u, uint32_t source);
/** Look which stalls are decided; and tell their endpoints, or be called again
 *  later.  Each is called by who works, not locked. */
void smmu_stalls_choose(SmmuUnit *u);
void smmu_stalls_tell(SmmuUnit *u);
/** The same at once, for a switch, which waits for endpoints anyway. */
void smmu_stalls_end(SmmuUnit *u);

/* --- page_request.c ------------------------------------------------------ */

void smmu_page_request(Viommu *unit, const ViommuPageRequest *req);

/* --- gatos.c ------------------------------------------------------------- */

void smmu_gatos_run(SmmuUnit *u);

/* --- forward.c -------------------------------------------------------------- */

extern const struct ViommuSeamModel smmu_seam_model;

/*
 * Notes of what the guest does, each of which costs a load without host
 * devices; smmu_host_settle() carries them out.  Not locked.
 */
void smmu_host_streams(SmmuUnit *u, uint32_t source, uint32_t mask);
/** A CFGI of streams @source but for bits in @mask; a TLBI. */
void smmu_host_config(SmmuUnit *u, const uint64_t d[2], uint32_t source,
                      uint32_t mask);
void smmu_host_tlbi(SmmuUnit *u, const SmmuTlbi *tlbi);
/** False when the device is not the host's. */
bool smmu_host_atc_inv(SmmuUnit *u, const uint64_t d[2]);
/** As if everything had been invalidated. */
void smmu_host_reset(SmmuUnit *u, bool later);
/** Carry out a bounded part of it, with the host's acknowledgement.  Returns
 *  whether that was all. */
bool smmu_host_settle(SmmuUnit *u);
/** ViommuModel.switch_began, switch_settle */
void smmu_host_switched(Viommu *unit);
bool smmu_host_switch_settle(Viommu *unit);
/** What software has decided about a host device's transaction. */
void smmu_host_resume(SmmuUnit *u, uint32_t source, uint16_t group,
                      unsigned action);

/* --- state.c ------------------------------------------------------------- */

void smmu_reset(Viommu *unit);
GBytes *smmu_save(Viommu *unit);
bool smmu_load_state(Viommu *unit, const void *data, size_t size,
                     GError **error);

#endif
