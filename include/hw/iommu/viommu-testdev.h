/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev: the core of a PCIe endpoint for testing IOMMUs.  The
 * embedder owns PCI configuration space, BAR decoding and interrupt
 * delivery; this core owns the registers of BAR 0 and the DMA engine.
 * docs/testdev.md has the register map.
 */
#ifndef HW_IOMMU_VIOMMU_TESTDEV_H
#define HW_IOMMU_VIOMMU_TESTDEV_H

#include <hw/iommu/viommu.h>

G_BEGIN_DECLS
#pragma GCC visibility push(default)

/** One endpoint. Opaque. */
typedef struct ViommuTestdev ViommuTestdev;

/** PCI identity; the same on every machine. */
#define VIOMMU_TESTDEV_VENDOR_ID 0x1234
#define VIOMMU_TESTDEV_DEVICE_ID 0x76d0
#define VIOMMU_TESTDEV_CLASS     0xff00
/** Size of BAR 0 in bytes (32-bit memory, not prefetchable). */
#define VIOMMU_TESTDEV_BAR0_SIZE 0x10000
/** MSI and MSI-X vectors; the MSI-X table and PBA are in BAR 1. */
#define VIOMMU_TESTDEV_VECTORS   8

/** How one DMA access ended; the values appear in the STATUS register. */
typedef enum ViommuDmaResult {
    VIOMMU_DMA_OK = 0,
    VIOMMU_DMA_BLOCKED = 1,     /* the IOMMU refused it */
    VIOMMU_DMA_NO_TARGET = 2,   /* nothing answers at the address */
    VIOMMU_DMA_NO_MASTER = 3,   /* bus mastering is off */
    /* it waits in the IOMMU; never seen in the STATUS register */
    VIOMMU_DMA_STALLED = 0x80,
} ViommuDmaResult;

/** One request of the endpoint on the bus. */
typedef struct ViommuTestdevAccess {
    uint32_t pasid;         /* or VIOMMU_NO_PASID */
    uint8_t access;         /* VIOMMU_READ or VIOMMU_WRITE; EXEC, PRIV */
    uint64_t addr;
    /** of memory accesses; they do not cross a 4 KiB boundary */
    void *buf;
    size_t size;            /* bytes */
    /** of memory accesses that can wait: where an embedder that was written
     *  before viommu_testdev_stalled() puts the tag; too late for software
     *  that decides at once */
    uint16_t *stall_tag;
    uint8_t kind;           /* a ViommuKind */
    /** of memory accesses: whether VIOMMU_DMA_STALLED, after
     *  viommu_testdev_stalled(), may be the answer */
    bool can_stall;
} ViommuTestdevAccess;

/**
 * What the endpoint asks of its embedder.  All are required but translate,
 * page_request and run_later, which an endpoint without ATS does not use.
 * None of the endpoint's locks is held around them.
 */
typedef struct ViommuTestdevOps {
    /**
     * One DMA access, untranslated or translated.  With VIOMMU_DMA_BLOCKED,
     * *@reason is the architecture's fault reason when it is known, else 0.
     */
    ViommuDmaResult (*dma)(void *opaque, const ViommuTestdevAccess *access,
                           uint8_t *reason);
    /**
     * An ATS translation request for access->addr.  VIOMMU_DMA_OK with
     * *@reply, which may grant nothing; VIOMMU_DMA_BLOCKED with
     * reply->reason; VIOMMU_DMA_NO_TARGET when there is no unit;
     * VIOMMU_DMA_NO_MASTER.
     */
    ViommuDmaResult (*translate)(void *opaque,
                                 const ViommuTestdevAccess *access,
                                 ViommuReply *reply);
    /**
     * A page request; the embedder fills in req->source.  False when there
     * is no unit, or bus mastering is off.  The answer comes by
     * viommu_testdev_page_response(), perhaps before this returns.
     */
    bool (*page_request)(void *opaque, ViommuPageRequest *req);
    /** Call viommu_testdev_run() soon, outside of any other call. */
    void (*run_later)(void *opaque);
    /** Raise interrupt @vector (MSI-X if enabled, else MSI). */
    void (*interrupt)(void *opaque, unsigned vector);
    /** A clock in nanoseconds that runs while the host does (loop mode). */
    int64_t (*clock_ns)(void *opaque);
} ViommuTestdevOps;

/** What the endpoint can do beyond plain DMA: its extended capabilities. */
typedef struct ViommuTestdevConfig {
    bool ats;
    bool pri;               /* needs ats */
    uint8_t pasid_bits;     /* 0: no PASID capability; 1 .. 20 */
} ViommuTestdevConfig;

/*
 * Threads: the embedder makes calls for one endpoint one at a time, but for
 * viommu_testdev_invalidate(), viommu_testdev_page_response() and
 * viommu_testdev_resume(), which any thread may call at any time, also from
 * inside a callback.  None of them waits for DMA sections, so that an endpoint's
 * access may reach another endpoint's BAR inside of one.
 */

/** A new endpoint after reset; free with viommu_testdev_free().  NULL with
 *  @error (VIOMMU_ERROR_CONFIG) that names the option. */
ViommuTestdev *viommu_testdev_new_sized(const ViommuTestdevConfig *config,
                                        size_t config_size,
                                        const ViommuTestdevOps *ops,
                                        size_t ops_size, void *opaque,
                                        GError **error);
ViommuTestdev *viommu_testdev_new(const ViommuTestdevConfig *config,
                                  const ViommuTestdevOps *ops, void *opaque,
                                  GError **error);
#define viommu_testdev_new(config, ops, opaque, error) \
    viommu_testdev_new_sized(config, sizeof(ViommuTestdevConfig), ops, \
                             sizeof(ViommuTestdevOps), opaque, error)
void viommu_testdev_free(ViommuTestdev *dev);
void viommu_testdev_reset(ViommuTestdev *dev);

/**
 * The extended capabilities (ATS, PRI, PASID) as part of PCI Express
 * configuration space: the embedder passes accesses to bytes
 * VIOMMU_TESTDEV_CONFIG_BASE .. + VIOMMU_TESTDEV_CONFIG_SIZE - 1 on, with
 * @offset from the base and @size 1, 2 or 4.  With nothing in
 * ViommuTestdevConfig, all of it reads zero.
 */
#define VIOMMU_TESTDEV_CONFIG_BASE 0x100
#define VIOMMU_TESTDEV_CONFIG_SIZE 0x100
uint32_t viommu_testdev_config_read(ViommuTestdev *dev, unsigned offset,
                                    unsigned size);
void viommu_testdev_config_write(ViommuTestdev *dev, unsigned offset,
                                 uint32_t value, unsigned size);

/**
 * An ATS invalidation request: translations of inv->size bytes at inv->addr
 * must not be used any more when this returns true.  False when the endpoint
 * will never complete it (ATS is not there or not enabled, or a test wants
 * it so).  Waits for an access on another thread that uses one of them, so
 * ViommuTestdevOps.dma must not wait for a lock that is held around this.
 * From ViommuOps.devtlb_invalidate.
 */
bool viommu_testdev_invalidate(ViommuTestdev *dev,
                               const ViommuInvalidation *inv);

/** Software's answer to page requests; from ViommuOps.page_response. */
void viommu_testdev_page_response(ViommuTestdev *dev,
                                  const ViommuPageResponse *response);

/**
 * The access that ViommuTestdevOps.dma is about waits in the IOMMU, which has
 * named it @tag.  From that callback, which returns VIOMMU_DMA_STALLED after
 * it, and inside the DMA section of viommu_translate(): software may decide
 * about the access as soon as that section has ended.
 */
void viommu_testdev_stalled(ViommuTestdev *dev, uint16_t tag);

/**
 * Software's decision about an access of viommu_testdev_stalled(); from
 * ViommuOps.stall_resume.  A tag that no access has is ignored.  Any thread.
 */
void viommu_testdev_resume(ViommuTestdev *dev, uint16_t tag,
                           ViommuResume action);

/** Go on with a command that waited; see ViommuTestdevOps.  A
 *  call without need does nothing. */
void viommu_testdev_run(ViommuTestdev *dev);

/**
 * Access BAR 0 with @size 1 .. 8 bytes.  Commands run to their end inside
 * viommu_testdev_write(), but for those that wait for page responses.  Not
 * re-entrant: a DMA that reaches the endpoint's own BAR 0 reads zero and its
 * writes are ignored.
 */
uint64_t viommu_testdev_read(ViommuTestdev *dev, uint64_t offset,
                             unsigned size);
void viommu_testdev_write(ViommuTestdev *dev, uint64_t offset,
                          uint64_t value, unsigned size);

/* --- The sink: interrupt messages that a test can read ------------------- */

/** Where the sink's window stands on every machine, and its size in bytes. */
#define VIOMMU_SINK_BASE     0xfed98000
#define VIOMMU_SINK_SIZE     0x1000
/** Messages that are kept; further ones only count as overflow. */
#define VIOMMU_SINK_MESSAGES 1024
/** The source of messages of remapping unit number 0, 1, ... is this plus
 *  the number; those of endpoints have source-ids (bus[15:8] devfn[7:0]). */
#define VIOMMU_SINK_UNIT     0x80000000u
/** A wired interrupt of remapping unit number 0, 1, ... is a message, too:
 *  its source is this plus the number, its address 0, its data the line. */
#define VIOMMU_SINK_LINE     0x90000000u

/** A bounded queue of interrupt messages with a register window. Opaque. */
typedef struct ViommuSink ViommuSink;

/** A new, empty sink; free with viommu_sink_free().  NULL may be freed. */
ViommuSink *viommu_sink_new(void);
void viommu_sink_free(ViommuSink *sink);
/** Drop all messages and the overflow count.  Any thread. */
void viommu_sink_reset(ViommuSink *sink);

/** Record the message @msi of @source as it is delivered.  Any thread, inside
 *  a DMA section too. */
void viommu_sink_push(ViommuSink *sink, uint32_t source,
                      const ViommuMsi *msi);

/**
 * Take the oldest message out.  @source and @msi may be NULL.  Returns
 * false when there is none.  Any thread.
 */
bool viommu_sink_pop(ViommuSink *sink, uint32_t *source, ViommuMsi *msi);

/** Access the window with @size bytes, 1 .. 8.  Any thread.  The registers
 *  are in docs/testdev.md. */
uint64_t viommu_sink_read(ViommuSink *sink, uint64_t offset, unsigned size);
void viommu_sink_write(ViommuSink *sink, uint64_t offset, uint64_t value,
                       unsigned size);

#pragma GCC visibility pop
G_END_DECLS

#endif
