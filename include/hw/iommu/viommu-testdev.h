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
} ViommuDmaResult;

/** What the endpoint asks of its embedder.  All are required. */
typedef struct ViommuTestdevOps {
    /**
     * One DMA access of @size bytes at @addr, which does not cross a 4 KiB
     * boundary.  @pasid is VIOMMU_NO_PASID or a PASID.  With
     * VIOMMU_DMA_BLOCKED, *@reason is the architecture's fault reason when
     * it is known, else 0.
     */
    ViommuDmaResult (*dma)(void *opaque, uint32_t pasid, uint64_t addr,
                           void *buf, size_t size, bool write,
                           uint8_t *reason);
    /** Raise interrupt @vector (MSI-X if enabled, else MSI). */
    void (*interrupt)(void *opaque, unsigned vector);
    /** A clock in nanoseconds that runs while the host does (loop mode). */
    int64_t (*clock_ns)(void *opaque);
} ViommuTestdevOps;

/** A new endpoint after reset; free with viommu_testdev_free(). */
ViommuTestdev *viommu_testdev_new(const ViommuTestdevOps *ops, void *opaque);
void viommu_testdev_free(ViommuTestdev *dev);
void viommu_testdev_reset(ViommuTestdev *dev);

/**
 * Access BAR 0 with @size 1 .. 8 bytes.  Commands run to their end inside
 * viommu_testdev_write().  Not re-entrant: a DMA that reaches the endpoint's
 * own BAR 0 reads zero and its writes are ignored.
 */
uint64_t viommu_testdev_read(ViommuTestdev *dev, uint64_t offset,
                             unsigned size);
void viommu_testdev_write(ViommuTestdev *dev, uint64_t offset,
                          uint64_t value, unsigned size);

/* --- The sink: interrupt messages that a test can read -------------------- */

/** Where the sink's window stands on every machine, and its size in bytes. */
#define VIOMMU_SINK_BASE     0xfed98000
#define VIOMMU_SINK_SIZE     0x1000
/** Messages that are kept; further ones only count as overflow. */
#define VIOMMU_SINK_MESSAGES 1024
/** The source of messages of remapping unit number 0, 1, ... is this plus
 *  the number; those of endpoints have source-ids (bus[15:8] devfn[7:0]). */
#define VIOMMU_SINK_UNIT     0x80000000u

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
