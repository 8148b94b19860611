/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the unit tells software: events and other records in queues, global
 * errors, interrupts.
 */
#ifndef HW_IOMMU_SMMUV3_EVENTS_H
#define HW_IOMMU_SMMUV3_EVENTS_H

#include <hw/iommu/viommu.h>

#include "hw/iommu/smmuv3/defs.h"
#include "hw/iommu/smmuv3/regs.h"

typedef struct SmmuUnit SmmuUnit;

/** A fault on its way to the event queue, or to GATOS_PAR. */
typedef struct SmmuFault {
    SmmuEventId id;         /* SMMU_EVENT_NONE: no fault */
    uint8_t class;
    bool s2;
    bool table_read;        /* stage 2 denied a read of stage 1's table */
    uint64_t ipa;           /* with s2, the input of stage 2; of a fetch that
                             * failed, its address */
} SmmuFault;

/** An event as it goes to the queue. */
typedef struct SmmuEvent {
    uint64_t word[4];
} SmmuEvent;

/** What became of a record for a queue. */
typedef enum SmmuQueued {
    SMMU_QUEUED,
    SMMU_QUEUE_OFF,
    SMMU_QUEUE_FULL,
    SMMU_QUEUE_ABORTED,     /* the queue's memory does not answer */
} SmmuQueued;

/** Write an event to the queue; with @merge, not when the newest one is the
 *  same.  Not locked. */
void smmu_event_record(SmmuUnit *u, const SmmuEvent *event, bool merge);
/** The same without counts, an overflow and a merge, which are the caller's
 *  to decide; *@at is where the event stands.  Locked, and in a read-side
 *  section. */
SmmuQueued smmu_event_append(SmmuUnit *u, const SmmuEvent *event,
                             uint64_t *at);
/** The host has lost events of the guest's: the queue has overflowed.  Not
 *  locked. */
void smmu_events_lost(SmmuUnit *u);
/** Software has set the queue up, or has taken events out of it.  No event is
 *  merged with one that software cannot read any more.  Locked. */
void smmu_event_queue_set_up(SmmuUnit *u);
void smmu_event_queue_taken(SmmuUnit *u);
/** Whether there is a place for an event.  Locked. */
bool smmu_event_writable(SmmuUnit *u);
/** The event of @fault, which @req has met.  @access is the request's after
 *  the stream table entry's overrides. */
SmmuEvent smmu_event_of(const ViommuRequest *req, uint8_t access,
                        const SmmuFault *fault);

/** A queue that the unit writes: the event or the PRI queue. */
typedef struct SmmuOutQueue {
    SmmuRegId base, prod, cons;
    uint32_t enable;        /* in CR0 */
    uint32_t abort;         /* in GERROR */
    unsigned words;         /* of a record */
    bool overflow_stops;    /* after an overflow, nothing is written before
                             * software has acknowledged it */
} SmmuOutQueue;

/** Append a record.  *@raise: the queue was empty; *@at: where the record
 *  stands.  Locked, and in a read-side section. */
SmmuQueued smmu_queue_append(SmmuUnit *u, const SmmuOutQueue *queue,
                             const uint64_t *words, bool *raise,
                             uint64_t *at);
/** Set a queue's overflow flag, unless it is set already.  Locked. */
void smmu_queue_overflow(SmmuUnit *u, const SmmuOutQueue *queue);
/** Raise global errors.  Locked. */
void smmu_gerror(SmmuUnit *u, uint32_t bits);

typedef enum SmmuIrq {
    SMMU_IRQ_OF_EVENTQ, SMMU_IRQ_OF_PRIQ, SMMU_IRQ_OF_SYNC, SMMU_IRQ_OF_GERROR
} SmmuIrq;
/** Raise an interrupt, by message or by wire, if it is enabled.  Not
 *  locked. */
void smmu_irq(SmmuUnit *u, SmmuIrq irq);
/** Send a message; @abort is the global error when its memory refuses it.
 *  Not locked. */
void smmu_send_msi(SmmuUnit *u, uint64_t addr, uint32_t data, uint32_t abort);
/** Raise the interrupts in SmmuUnit.irqs.  Not locked. */
void smmu_raise_irqs(SmmuUnit *u);
/** IRQ_CTRLACK becomes what IRQ_CTRL is.  Locked. */
void smmu_irq_ctrl_follows(SmmuUnit *u);

#endif
