/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reference for VT-d: what a request must lead to, computed anew from guest
 * memory each time, without any cache.
 *
 * Written from the specification (chapters 3, 7 and 9) and from nothing of
 * the model, so that both agreeing means something.
 */
#ifndef TESTS_LIB_VTD_REF_H
#define TESTS_LIB_VTD_REF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VTD_REF_READ    1u
#define VTD_REF_WRITE   2u
#define VTD_REF_EXEC    4u      /* these two with PASID only */
#define VTD_REF_PRIV    8u

#define VTD_REF_NO_PASID    UINT32_MAX

/** What the unit can do, and how it is programmed. */
typedef struct VtdRef {
    /** Guest memory; false where there is none. */
    bool (*read)(void *opaque, uint64_t addr, void *buf, size_t size);
    void *opaque;

    uint64_t cap;           /* the registers' values */
    uint64_t ecap;
    uint32_t gsts;
    uint64_t rtaddr;        /* as of the last SRTP */
    uint32_t pmen;
    uint32_t plmbase, plmlimit;
    uint64_t phmbase, phmlimit;
    unsigned pmr_align;     /* log2 of the protected regions' alignment */

    unsigned haw_bits;      /* physical addresses are below 2^haw_bits */
    bool tm_allowed;        /* bit 62 of second-stage leaves is ignored */
    bool strict;            /* what guests in the wild do is refused */
} VtdRef;

/** A table entry that a walk in scalable mode looks at. */
typedef struct VtdRefTouch {
    uint64_t addr;
    uint64_t may;           /* accessed and dirty bits that may be set, ... */
    uint64_t must;          /* that are set afterwards */
    /** A second-stage entry of the page that has a first-stage table: this bit
     *  is set exactly when an entry in the table was written, else 0. */
    uint64_t if_written;
    /** A first-stage entry in nested mode: the touch with if_written. */
    int via;
} VtdRefTouch;

/** Five first-stage tables and the page, each through five tables. */
#define VTD_REF_TOUCHES 40

/** What must happen to a request. */
typedef struct VtdRefAnswer {
    bool ok;
    /** The specification leaves open what happens. */
    bool unspecified;
    /** The address is in the interrupt range: not translated. */
    bool interrupt;
    /** Protected memory: blocked without a fault record. */
    bool protected_memory;
    /** With !ok, a set: bit n of word m is set when fault reason 64m + n is
     *  right.  More than one when a request breaks several rules of which none
     *  goes first. */
    uint64_t reasons[3];
    /** A context, directory or PASID entry says not to record. */
    bool fpd;

    /* with ok */
    uint64_t addr;
    uint64_t page;          /* bytes that the leaf maps, 0 for no leaf */
    unsigned access;        /* what the tables allow */
    bool snoop;
    bool snoop_open;        /* ... or not */
    /* from the context entry, once one was valid */
    bool has_domain;
    uint16_t domain;
    bool translated;        /* by tables */

    /* scalable mode: what the request may do to tables */
    VtdRefTouch touch[VTD_REF_TOUCHES];
    unsigned touches;
    /** Each dirty bit that a write through this page needs is set. */
    bool dirty;
} VtdRefAnswer;

/** Fault reason @reason is right. */
bool vtd_ref_allows(const VtdRefAnswer *answer, unsigned reason);

/** An untranslated request without PASID; @access is a mask. */
void vtd_ref_translate(const VtdRef *ref, uint16_t source, uint64_t addr,
                       unsigned access, VtdRefAnswer *answer);

/** An untranslated request, by tables of either mode. */
void vtd_ref_request(const VtdRef *ref, uint16_t source, uint32_t pasid,
                     uint64_t addr, unsigned access, VtdRefAnswer *answer);

/** @addr is in the processor's interrupt address range [VTD 3.14]. */
bool vtd_ref_is_interrupt(uint64_t addr);

#endif
