/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of the vSVA user API in either form.  A request is written in
 * fields of no form, and put into bytes as the host's form has it.
 */
#ifndef TESTS_UAPI_VSVA_H
#define TESTS_UAPI_VSVA_H

#include "hw/iommu/host/abi/vsva.h"
#include "tests/uapi/container.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** Sizes of what is inside of a request, by form. */
typedef struct VsvaSizes {
    uint32_t bind, bind_min;            /* with VT-d's part, and without */
    uint32_t domain, pasid, addr;       /* invalidations by granularity */
    uint32_t response;
} VsvaSizes;

const VsvaSizes *vsva_sizes(const Uapi *u);

typedef struct BindRequest {
    uint32_t flags;             /* of the ioctl */
    uint32_t outer;             /* argsz of the ioctl; 0: as it should be */
    uint32_t argsz;             /* of the data; likewise */
    uint32_t version;
    uint32_t format;
    uint32_t addr_width;
    uint64_t data_flags;
    uint64_t gpgd, hpasid, gpasid;
    int padding;                /* a byte of it that is not 0, or -1 */
    uint64_t vtd_flags;
    uint32_t pat, emt;
} BindRequest;

/** A good one. */
BindRequest bind_request(uint64_t pasid, uint64_t gpgd);
int vsva_bind(const Container *c, const BindRequest *req);
/** A good one; @flags of VSVA_(UN)BIND_GUEST_PGTBL. */
int vsva_simple(const Container *c, uint32_t flags, uint64_t pasid,
                uint64_t gpgd);

typedef struct InvalidateRequest {
    uint32_t flags;             /* of the ioctl */
    uint32_t outer;             /* argsz of the ioctl; 0: as it should be */
    uint32_t argsz;             /* of the data; likewise */
    uint32_t version;
    uint8_t cache, granularity;
    int padding;                /* a byte of it that is not 0, or -1 */
    uint32_t data_flags;
    uint32_t archid;
    uint64_t pasid;
    uint64_t addr, granule, n;
} InvalidateRequest;

/** A good one. */
InvalidateRequest invalidate_request(uint8_t granularity, uint64_t pasid);
int vsva_invalidate(const Container *c, const InvalidateRequest *req);

int pasid_alloc(const Container *c, uint32_t min, uint32_t max,
                uint32_t *pasid);
int pasid_free(const Container *c, uint32_t pasid);

/** A container with nesting, a mapped page of memory and one PASID. */
typedef struct Vsva {
    Container c;
    uint8_t *memory;        /* VSVA_PAGES, at the same guest-physical ... */
    uint32_t pasid;
} Vsva;
#define VSVA_PAGES  64u
#define VSVA_GPA    UINT64_C(0x40000000)        /* ... address as this */

/** False when the test is skipped, or has failed. */
bool vsva_open(Uapi *u, Vsva *v);
void vsva_close(Vsva *v);

#endif
