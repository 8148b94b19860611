/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu: one emulated remapping unit, as an embedder (a VMM) sees it.
 *
 * An embedder creates a unit from a configuration struct (viommu-vtd.h) and
 * a table of callbacks, then forwards what the guest does to it (MMIO) and
 * what endpoints do through it (DMA, interrupts).  The unit never sleeps,
 * never calls exit or abort on anything that a guest did, and allocates
 * nothing after creation except what viommu_save() returns.
 *
 * Threads.  Each function says from where it may be called:
 *   "any thread"     at any time, concurrently with everything but
 *                    viommu_free();
 *   "control thread" the calls are serialised by the unit itself, so any
 *                    thread may make them, but never from inside a DMA
 *                    section (viommu_dma_begin()) unless stated: such a call
 *                    would wait for itself, so it names itself on standard
 *                    error and aborts.
 * Callbacks are called without any of the unit's locks held, on the thread
 * that caused them.
 *
 * Growth.  Callbacks, configurations, capabilities and statistics get new
 * members at their end.  Where a caller fills or receives one of them, it says
 * how large its own is: that is what a function whose name ends with "_sized"
 * takes, and the macro without that end gives it sizeof.  A caller may be older
 * than the library: what it does not know has its default.  It may be newer:
 * what the library does not know must be zero, or is refused (or, of what it
 * receives, is zero).
 */
#ifndef HW_IOMMU_VIOMMU_H
#define HW_IOMMU_VIOMMU_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS
#pragma GCC visibility push(default)

#define VIOMMU_ERROR (viommu_error_quark())

/** Error codes in the domain VIOMMU_ERROR. */
typedef enum ViommuError {
    VIOMMU_ERROR_CONFIG,    /* an option's value, or a contradiction of two */
    VIOMMU_ERROR_STREAM,    /* a saved state is damaged or too new */
    VIOMMU_ERROR_HOST,      /* the host refused something, or lacks it */
} ViommuError;

GQuark viommu_error_quark(void);

/** One remapping unit.  Opaque. */
typedef struct Viommu Viommu;

/* --- Requests and answers ------------------------------------------------ */

/** What a DMA request wants to do; a bit mask. */
enum {
    VIOMMU_READ  = 1 << 0,
    VIOMMU_WRITE = 1 << 1,
    VIOMMU_EXEC  = 1 << 2,  /* execute requested (with PASID only) */
    VIOMMU_PRIV  = 1 << 3,  /* privileged mode requested (with PASID only) */
};

/** Kinds of requests: PCIe's AT field. */
typedef enum ViommuKind {
    VIOMMU_UNTRANSLATED,
    VIOMMU_TRANSLATION,     /* an ATS translation request */
    VIOMMU_TRANSLATED,
} ViommuKind;

/** Requests that are no accesses. */
typedef enum ViommuProbe {
    /** look only: record no fault, set no accessed or dirty bit */
    VIOMMU_PROBE = 1,
    /**
     * record no fault, but set these bits as the access would: for a VMM that
     * lets an endpoint use the answer where the unit does not see it, as a
     * mirror of the tables in a host's IOMMU does
     */
    VIOMMU_PROBE_AND_MARK = 2,
} ViommuProbe;

/** ViommuRequest.pasid of a request without a PASID. */
#define VIOMMU_NO_PASID UINT32_MAX

typedef struct ViommuRequest {
    /** segment[31:16] bus[15:8] devfn[7:0], or an SMMU's StreamID */
    uint32_t source;
    /** 0 .. 2^20-1, or VIOMMU_NO_PASID */
    uint32_t pasid;
    /** the address that the endpoint put on the bus */
    uint64_t addr;
    /** VIOMMU_READ and so on; at least one of read and write */
    uint8_t access;
    /** a ViommuKind */
    uint8_t kind;
    /** 0, or a ViommuProbe */
    uint8_t probe;
} ViommuRequest;

/** Why a request was not granted; the unit has recorded the details. */
typedef enum ViommuStatus {
    VIOMMU_OK = 0,
    VIOMMU_FAULT,           /* blocked; the answer's reason tells why */
    VIOMMU_STALLED,         /* the request waits for software (SMMU stall) */
} ViommuStatus;

typedef struct ViommuReply {
    /** the translation of the request's address */
    uint64_t addr;
    /**
     * Bytes of the naturally aligned range around the request's address that
     * this answer holds for: a power of two, or 0 for 2^64; a fault's, too.
     * It is the largest one that the entry of a table, the address's width,
     * or a region tells of, at least 4096: holes are as large as they are.
     */
    uint64_t size;
    /** granted access: a mask of VIOMMU_READ and so on */
    uint8_t access;
    /** the access must snoop the processor's caches */
    bool snoop;
    /**
     * The address is in the unit's interrupt range, so a write there is an
     * interrupt request: give it to viommu_remap_msi().
     */
    bool interrupt;
    /** the mapping is shared by all PASIDs (ATS completion, Global) */
    bool global;
    /** ATS completion, Priv: the answer is for privileged requests */
    bool privileged;
    /** ATS completion, U: only untranslated requests may go to this address */
    bool untranslated_only;
    /** with VIOMMU_FAULT, the architecture's fault reason, else 0 */
    uint8_t reason;
    /** with VIOMMU_STALLED, what ViommuOps.stall_resume will name, at the
     *  earliest after the DMA section */
    uint16_t stall_tag;
} ViommuReply;

/** An interrupt message: the address and data of a 32-bit memory write. */
typedef struct ViommuMsi {
    uint64_t addr;
    uint32_t data;
} ViommuMsi;

/** ViommuInvalidation.what */
typedef enum ViommuInvalidationType {
    VIOMMU_INV_CONTEXT,     /* all translations of a source may have changed */
    VIOMMU_INV_IOTLB,       /* translations of a domain have changed */
    VIOMMU_INV_DEVTLB,      /* ATS invalidation request to one endpoint */
    VIOMMU_INV_INTERRUPT,   /* interrupt remapping entries have changed */
    VIOMMU_INV_ALL,         /* translation was switched on, off or over */
} ViommuInvalidationType;

/**
 * ViommuInvalidation.stage: the tables that have changed.  With nested
 * translation, a request's address is the first stage's, and what this leads
 * to is the second stage's, so that an address of the latter does not tell
 * which of a requester's translations have gone.
 */
typedef enum ViommuStage {
    VIOMMU_STAGES,          /* of either stage; what addr and size say of a
                             * request's addresses holds for all requests */
    VIOMMU_STAGE_1,
    VIOMMU_STAGE_2,
} ViommuStage;

/** ViommuInvalidation.domain or .source when each of them is concerned. */
#define VIOMMU_ANY UINT32_MAX

/**
 * Something that an endpoint (or whoever keeps translations for it) must
 * drop before the callback returns.  Which members say something:
 *   CONTEXT    source and source_mask, or source VIOMMU_ANY
 *   IOTLB      domain or VIOMMU_ANY; stage, whose addresses addr and size
 *              are; pasid, of first-stage tables, or VIOMMU_NO_PASID for those
 *              of any.  (Requests without a PASID have tables of one, too:
 *              VT-d's RID_PASID.)
 *   DEVTLB     source, pasid or global, addr, size
 *   INTERRUPT  index and count; count 0 is each of them
 * viommu_invalidation_concerns() tells what that means for a requester.
 */
typedef struct ViommuInvalidation {
    ViommuInvalidationType what;
    uint32_t source;
    uint32_t source_mask;   /* bits of source to ignore */
    uint32_t domain;
    uint32_t pasid;
    uint64_t addr;
    uint64_t size;          /* bytes, a power of two; 0 is 2^64 */
    uint32_t index;
    uint32_t count;
    bool leaf_only;         /* only last-level entries have changed */
    bool global;            /* for all PASIDs and without; pasid says nothing */
    ViommuStage stage;
} ViommuInvalidation;

/* --- Page requests (PCIe PRI) -------------------------------------------- */

/** ViommuPageRequest.group is below this. */
#define VIOMMU_PAGE_GROUPS 512

/** An endpoint asks software to make a page available. */
typedef struct ViommuPageRequest {
    uint32_t source;
    /** or VIOMMU_NO_PASID */
    uint32_t pasid;
    /** of the page; bits 11:0 are ignored */
    uint64_t addr;
    /** VIOMMU_READ and so on; with none of read and write, and last, it is a
     *  stop marker: the endpoint uses the PASID no more */
    uint8_t access;
    /** the last request of its group: a response is due */
    bool last;
    /** page request group index, which the response repeats */
    uint16_t group;
    /** private_data means something; the response repeats it */
    bool has_private_data;
    uint64_t private_data[2];
} ViommuPageRequest;

/** ViommuPageResponse.code, as PCIe and VT-d have them. */
typedef enum ViommuPageResponseCode {
    VIOMMU_PAGE_SUCCESS = 0,
    VIOMMU_PAGE_INVALID = 1,        /* the page cannot be had */
    VIOMMU_PAGE_FAILURE = 15,       /* and page requests are over */
} ViommuPageResponseCode;

/** The answer to a group of page requests. */
typedef struct ViommuPageResponse {
    uint32_t source;
    uint32_t pasid;
    uint16_t group;
    /** of four bits; reserved codes count as a failure (PCIe 10.4.2.1) */
    uint8_t code;
    bool has_private_data;
    uint64_t private_data[2];
} ViommuPageResponse;

/* --- Stalled transactions (SMMU) ----------------------------------------- */

/** What software decides about a stalled transaction. */
typedef enum ViommuResume {
    VIOMMU_RESUME_TERMINATE = 0,    /* it ends as if it had been done */
    VIOMMU_RESUME_RETRY = 1,        /* translate it again */
    VIOMMU_RESUME_ABORT = 2,        /* it fails */
} ViommuResume;

/* --- What a unit asks of its embedder ------------------------------------ */

/** A piece of guest RAM. */
typedef struct ViommuRam {
    uint64_t addr;          /* guest-physical, any alignment */
    uint64_t size;          /* bytes, > 0, without wrap-around */
    void *host;             /* where it is mapped; aligned as addr, mod 8 */
    bool readonly;
} ViommuRam;

/**
 * The unit's only way out.  Every member may be NULL unless it says otherwise.
 * The functions may be called on any thread that calls the unit.
 */
typedef struct ViommuOps {
    /** Deliver an interrupt message of the unit's own.  Required. */
    void (*send_msi)(void *opaque, const ViommuMsi *msi);

    /** Set a wired line (SMMU), named by the model's own number. */
    void (*set_line)(void *opaque, unsigned line, bool level);

    /** See ViommuInvalidation. Must not call viommu_mmio_write(). */
    void (*invalidate)(void *opaque, const ViommuInvalidation *inv);

    /**
     * VIOMMU_INV_DEVTLB as an ATS invalidation request: returns true when the
     * endpoint completed it, false when it never will, which the unit
     * reports as a time-out (VT-d: FSTS.ITE).  When NULL, such an invalidation
     * goes to invalidate() and counts as completed.
     */
    bool (*devtlb_invalidate)(void *opaque, const ViommuInvalidation *inv);

    /**
     * Software, or the unit in its place, answers page requests of an
     * endpoint.  Called from viommu_run(), viommu_mmio_write() and
     * viommu_page_request(), perhaps before the latter returns: software may
     * have seen the request by then.  Must not call these; a new request goes
     * out later.
     */
    void (*page_response)(void *opaque, const ViommuPageResponse *response);

    /**
     * A transaction that viommu_translate() answered with VIOMMU_STALLED
     * goes on; @tag is from its answer.  Called like page_response, with the
     * same restrictions, but never before the DMA section has ended in which
     * the answer came, nor before drained() says so, whatever software does
     * meanwhile: the embedder takes note of the tag inside of that section.
     */
    void (*stall_resume)(void *opaque, uint32_t source, uint16_t tag,
                         ViommuResume action);

    /**
     * Call viommu_run() on the same unit soon, outside the current call and
     * outside every DMA section.  Required.
     */
    void (*run_later)(void *opaque);

    /**
     * For an embedder with accesses outside of DMA sections: have all those
     * ended that use an answer from before the last invalidation, and have
     * all copies of tables been brought up to date?  When not,
     * the guest's wait does not complete, and the status of what it has
     * switched (VT-d: GSTS, PMEN.PRS; SMMUv3: CR0ACK, GBPA.Update) does not
     * follow, before a later viommu_run(), in which this is asked again; the
     * unit has called run_later().  Guests poll a status with a time-out, so
     * both must come soon.  When NULL, all accesses are in sections.
     */
    bool (*drained)(void *opaque);

    /**
     * Access guest-physical memory that is in no ViommuRam.  Called inside a
     * DMA section.  Must not block on a lock that is held around a call into
     * the unit.  When NULL, such accesses fail as an unsupported request does.
     * 0, or a negative errno.  Software may replace 16 aligned bytes of a
     * table by one exchange: a read of as many, or more, must not see half of
     * it.
     */
    int (*mem_read)(void *opaque, uint64_t addr, void *buf, size_t size);
    int (*mem_write)(void *opaque, uint64_t addr, const void *buf,
                     size_t size);

    /** The unit wrote to RAM through a ViommuRam.host (dirty logging). */
    void (*ram_written)(void *opaque, uint64_t addr, uint64_t size);
} ViommuOps;

/* --- Life ---------------------------------------------------------------- */

/**
 * Free @unit.  Control thread; no other call may be running or follow.
 * NULL is allowed.
 */
void viommu_free(Viommu *unit);

/**
 * Put @unit into the state after power-on.  When this returns, no DMA section
 * goes by what was before.  Accesses outside of sections may: a reset is not
 * put off until ViommuOps.drained() says that they have ended, since there is
 * no software that waits for it.  An embedder that resets a machine resets the
 * endpoints, too, and so waits for their accesses itself.  The first thing that
 * software waits for then asks drained() in any case.  Control thread.
 */
void viommu_reset(Viommu *unit);

/**
 * Tell @unit what guest RAM is: @n ranges in @ram, which is copied; they may
 * stand in any order but must not overlap.  When this returns, no pointer of
 * the previous list is in use any more.  Control thread.
 *
 * Returns 0; -EINVAL for an empty, wrapping, overlapping or misaligned range
 * (the previous list stays).
 */
int viommu_set_ram(Viommu *unit, const ViommuRam *ram, size_t n);

/* --- Registers ----------------------------------------------------------- */

/** Size of the register window in bytes: a multiple of 4096.  Any thread. */
uint64_t viommu_mmio_size(const Viommu *unit);

/**
 * Read @size bytes (1 .. 8) at byte @offset of the register window.  What is
 * not a register reads as zero, as do offsets outside the window.  The value
 * is little-endian: byte 0 is the one at @offset.  Control thread; may be
 * called from inside a DMA section.
 */
uint64_t viommu_mmio_read(Viommu *unit, uint64_t offset, unsigned size);

/**
 * Write @size bytes (1 .. 8) of @value.  What is not writable is ignored.
 * Commands take effect before the call returns, but long queues go on in
 * viommu_run().  Control thread; from inside a DMA section too, where queue
 * processing is put off to viommu_run().
 */
void viommu_mmio_write(Viommu *unit, uint64_t offset, uint64_t value,
                       unsigned size);

/**
 * Go on with work that was put off (ViommuOps.run_later).  A call without
 * need does nothing.  Control thread, outside DMA sections.
 */
void viommu_run(Viommu *unit);

/* --- Endpoints ----------------------------------------------------------- */

/**
 * Begin and end a DMA section: what viommu_translate() answers inside may be
 * used until its end, and an invalidation that the guest waits for does not
 * complete before.  Sections nest, never block, and must be short: no lock may
 * be taken inside that is held while calling a control-thread function.
 * Each begin has its end on the same thread; a library built with assertions
 * aborts at an end without a begin.  Any thread.
 */
void viommu_dma_begin(void);
void viommu_dma_end(void);

/**
 * Translate one address.  The answer holds for viommu reply->size bytes.  Takes
 * no lock when the translation is cached.  Faults are recorded (and signalled)
 * as the architecture says before this returns.  Any thread, inside a DMA
 * section if the answer is used for an access.
 *
 * VT-d: sections 3 and 6 of the specification (revision 4.1).
 *
 * Returns VIOMMU_OK with @reply filled in, or VIOMMU_FAULT with reply->reason
 * and reply->size; reply->access is 0 then.
 */
ViommuStatus viommu_translate(Viommu *unit, const ViommuRequest *req,
                              ViommuReply *reply);

/**
 * A page request of an endpoint: queued for software, or answered at once by
 * ViommuOps.page_response when it cannot be (VT-d: section 7.4 and 7.5).
 * Control thread; from inside a DMA section too.
 */
void viommu_page_request(Viommu *unit, const ViommuPageRequest *req);

/** What became of an interrupt request; see viommu_remap_msi(). */
typedef enum ViommuMsiResult {
    VIOMMU_MSI_DELIVER,     /* *out is the message to deliver */
    VIOMMU_MSI_POSTED,      /* recorded in memory; nothing to deliver */
    VIOMMU_MSI_BLOCKED,     /* the fault is recorded */
} ViommuMsiResult;

/**
 * Remap the interrupt message @in of @source (as in ViommuRequest).  With @probe
 * nothing is recorded, posted or signalled, and a posted-format entry gives
 * VIOMMU_MSI_POSTED.  Any thread.  VT-d: section 5.
 *
 * With 32-bit destinations, bits 31:8 of the destination are in bits 63:40 of
 * out->addr.
 */
ViommuMsiResult viommu_remap_msi(Viommu *unit, uint32_t source,
                                 const ViommuMsi *in, bool probe,
                                 ViommuMsi *out);

/**
 * The same for a message of an I/O APIC, whose @source is the one that firmware
 * tables give it.  Unless the unit is strict, guests may name another one in
 * the interrupt entry (VIOMMU_FINDING_IOAPIC_SOURCE).
 */
ViommuMsiResult viommu_remap_ioapic_msi(Viommu *unit, uint32_t source,
                                        const ViommuMsi *in, bool probe,
                                        ViommuMsi *out);

/**
 * The domain that DMA of @source without PASID is in now.  For an embedder
 * that must know whether an IOTLB invalidation concerns an endpoint.
 *
 * Returns true with *domain, or false when the source's requests are
 * blocked or not translated.  Any thread.
 */
bool viommu_source_domain(Viommu *unit, uint32_t source, uint32_t *domain);

/**
 * For who keeps translations of an endpoint: what of those of @source, with
 * @pasid or VIOMMU_NO_PASID, does @inv take away?  The tables are looked at
 * as they are now; what they were before is what an earlier invalidation of
 * contexts has taken away.
 *
 * Returns true with *addr and *size, of the addresses in requests (size 0 is
 * 2^64): each answer (ViommuReply.size) that a part of is in there is gone as
 * a whole.  False when it is none.  Any thread; from ViommuOps.invalidate too.
 */
bool viommu_invalidation_concerns(Viommu *unit, const ViommuInvalidation *inv,
                                  uint32_t source, uint32_t pasid,
                                  uint64_t *addr, uint64_t *size);

/**
 * The endpoint @source sent an ATS invalidation completion that nobody waits
 * for.  VT-d: FSTS.ICE, and IQERCD.ICESID (6.5.2.10).  Control thread; from
 * inside a DMA section too.
 */
void viommu_unexpected_completion(Viommu *unit, uint32_t source);

/* --- State --------------------------------------------------------------- */

/**
 * The architectural state as a byte stream, for viommu_load() of a unit with
 * the same configuration, on a host of any endianness.  Control thread; from
 * inside a DMA section too.
 */
GBytes *viommu_save(Viommu *unit);

/**
 * Replace the state by a saved one.  Caches start empty, and what was under way
 * is forgotten: transactions that wait (ViommuOps.stall_resume) are those of
 * the stream, as after viommu_reset() there are none.  Control thread.
 *
 * The stream need not come from a unit: registers that software cannot change
 * stay as the configuration says, and what makes no sense is refused.
 *
 * Returns true; false with @error (VIOMMU_ERROR_STREAM) for a stream that is
 * damaged, makes no sense, or is of a newer version or of another
 * configuration: the unit is unchanged then.
 */
bool viommu_load(Viommu *unit, const void *data, size_t size,
                 GError **error);

/**
 * Counters since creation.  Hits are not counted, because counting would
 * make endpoints share a cache line.
 */
typedef struct ViommuStats {
    /* These two are a little low when several threads walk at once. */
    uint64_t walks;             /* translations that read tables */
    uint64_t table_reads;       /* table entries read from memory */
    uint64_t context_reads;     /* context entries read from memory */
    uint64_t faults;            /* faults found, recorded or not */
    uint64_t faults_recorded;
    uint64_t faults_lost;       /* overflow, or merged with a pending one */
    uint64_t interrupts_remapped;
    uint64_t interrupts_posted;
    uint64_t interrupts_blocked;
    uint64_t msis_sent;
    uint64_t msis_dropped;      /* own messages outside the interrupt range */
    uint64_t commands;          /* queue entries completed */
    uint64_t command_errors;
    uint64_t bad_accesses;      /* MMIO that met no register */
    uint64_t page_requests;     /* that arrived */
    uint64_t page_requests_lost;        /* neither queued nor answered */
    uint64_t page_responses;    /* sent to endpoints, ... */
    uint64_t page_responses_automatic;  /* ... of them without software */
    uint64_t findings;          /* see ViommuFinding; all of them together */
} ViommuStats;

/** Copy the counters to *@stats, of @size bytes.  Any thread. */
void viommu_get_stats_sized(Viommu *unit, ViommuStats *stats, size_t size);
void viommu_get_stats(Viommu *unit, ViommuStats *stats);
#define viommu_get_stats(unit, stats) \
    viommu_get_stats_sized(unit, stats, sizeof(ViommuStats))

/**
 * What software does against the architecture, and a unit lets pass unless it
 * is strict, because guests in the wild rely on it.  There may be more in
 * later versions.
 */
typedef enum ViommuFinding {
    /** VT-d: an I/O APIC's message uses an interrupt entry for another
     *  source, or with the reserved way of validating it. */
    VIOMMU_FINDING_IOAPIC_SOURCE,
    /** VT-d: a message uses an interrupt entry with an x2APIC destination
     *  outside of extended interrupt mode. */
    VIOMMU_FINDING_WIDE_DESTINATION,
    /** VT-d: a PASID entry asks for snooping (PGSNP) without ECAP.SC. */
    VIOMMU_FINDING_PAGE_SNOOP,
} ViommuFinding;

/** A word for @finding, such as "ioapic-source"; NULL behind the last one, so
 *  that a loop finds all.  Any thread. */
const char *viommu_finding_name(ViommuFinding finding);

/** How often the unit has met @finding since its creation.  Any thread. */
uint64_t viommu_finding_count(Viommu *unit, ViommuFinding finding);

/**
 * Append a listing of all registers (name, offset, value; a line each) to
 * @out, then "finding NAME COUNT" for each finding there has been.  Control
 * thread; from inside a DMA section too.
 */
void viommu_dump(Viommu *unit, GString *out);

#pragma GCC visibility pop
G_END_DECLS

#endif
