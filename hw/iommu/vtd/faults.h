/* SPDX-License-Identifier: BSD-3-Clause */
/* Fault records, FSTS, and the events of all kinds. */
#ifndef HW_IOMMU_VTD_FAULTS_H
#define HW_IOMMU_VTD_FAULTS_H

#include "hw/iommu/vtd/unit.h"

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
void vtd_faults_derive(VtdUnit *u);

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

#endif
