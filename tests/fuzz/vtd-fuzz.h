/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VT-d fuzz target: bytes are decoded into a sequence of things that a
 * guest and its endpoints do.  The same entry point serves libFuzzer and the
 * replay program.
 */
#ifndef TESTS_FUZZ_VTD_FUZZ_H
#define TESTS_FUZZ_VTD_FUZZ_H

#include <hw/iommu/viommu-vtd.h>

#include "input.h"
#include "tests/lib/vtd-ref.h"
#include "tests/lib/vtd-spec.h"
#include "tests/lib/vtd-tables.h"

/** Small, so that random pointers hit it. */
#define FUZZ_RAM        (UINT64_C(256) << 10)
/** Beside RAM, something that answers through the callbacks. */
#define FUZZ_DEVICE     (UINT64_C(1) << 20)
#define FUZZ_DEVICE_END (FUZZ_DEVICE + (UINT64_C(64) << 10))

uint64_t fuzz_take_page(FuzzInput *in);
/** Few sources, so that tables and requests meet. */
uint16_t fuzz_take_source(FuzzInput *in);
/** Addresses whose table indexes are small numbers, mostly. */
uint64_t fuzz_take_address(FuzzInput *in);

/** One unit, kept from input to input. */
typedef struct FuzzUnit {
    Viommu *unit;
    ViommuVtdConfig config;
    GuestRam ram;
    GuestMem mem;
    GuestRegs regs;
    uint64_t cap, ecap;
    bool run_wanted;
    unsigned section;       /* DMA sections that are open */
    uint32_t queue_tail;
    unsigned checks;        /* comparisons made for this input */
    const ViommuPageRequest *asking;    /* a page request is under way */
    unsigned answers;       /* that it got */
} FuzzUnit;

/** Read the device: a pattern.  False beside it. */
bool fuzz_device_read(uint64_t addr, void *buf, size_t size);

/** Run one input against @u: reset, all its operations, final checks. */
void fuzz_run(FuzzUnit *u, FuzzInput *in);

/* checks; each ends the process when what must hold does not */
void fuzz_check_reply(const ViommuRequest *req, ViommuStatus status,
                      const ViommuReply *reply);
void fuzz_check_msi(const ViommuMsi *in, ViommuMsiResult result,
                    const ViommuMsi *out);
void fuzz_check_invalidation(const ViommuInvalidation *inv);
void fuzz_check_response(FuzzUnit *u, const ViommuPageResponse *response);
void fuzz_check_registers(FuzzUnit *u);
/** Empty the caches, then compare @n translations around @addr with the
 *  reference walker. */
void fuzz_check_reference(FuzzUnit *u, uint64_t root, uint16_t source,
                          uint64_t addr, unsigned access);

/* operations of units with scalable mode */
void fuzz_op_scalable(FuzzUnit *u, FuzzInput *in);
void fuzz_op_wide_queue(FuzzUnit *u, FuzzInput *in);
void fuzz_op_wide_descriptor(FuzzUnit *u, FuzzInput *in);
void fuzz_op_pasid_translate(FuzzUnit *u, FuzzInput *in);

/* operations of units with page requests and virtual commands */
void fuzz_op_page_queue(FuzzUnit *u, FuzzInput *in);
void fuzz_op_page_request(FuzzUnit *u, FuzzInput *in);
void fuzz_op_page_response(FuzzUnit *u, FuzzInput *in);
void fuzz_op_virtual_command(FuzzUnit *u, FuzzInput *in);

/** PASIDs in one table of 64, at its ends, and too large ones. */
uint32_t fuzz_take_pasid(FuzzInput *in);
/** Four words into the next slot of a wide queue. */
void fuzz_push_wide(FuzzUnit *u, const uint64_t word[4], bool ring);

#endif
