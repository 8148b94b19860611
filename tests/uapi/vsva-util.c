/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "tests/uapi/vsva.h"

/* from the merged kernels, and from the proposal before */
static const VsvaSizes merged_sizes = {
    .bind = 72, .bind_min = 56, .domain = 16, .pasid = 32, .addr = 56,
    .response = 24,
};

static const VsvaSizes versioned_sizes = {
    .bind = 72, .bind_min = 72, .domain = 48, .pasid = 48, .addr = 48,
    .response = 20,
};

const VsvaSizes *vsva_sizes(const Uapi *u)
{
    return u->vsva == UAPI_VSVA_MERGED ? &merged_sizes : &versioned_sizes;
}

/* The request's bytes; what a newer caller adds is not zero. */
#define ROOM 512

typedef struct Bytes {
    uint8_t data[ROOM];
} Bytes;

static void put(Bytes *b, unsigned at, uint64_t value, unsigned size)
{
    memcpy(b->data + at, &value, size);     /* little-endian hosts only */
}

static void put_outer(Bytes *b, uint32_t argsz, uint32_t flags)
{
    memset(b->data, 0xee, sizeof(b->data));
    put(b, 0, argsz, 4);
    put(b, 4, flags, 4);
}

/* --- Binding ------------------------------------------------------------- */

BindRequest bind_request(uint64_t pasid, uint64_t gpgd)
{
    return (BindRequest) {
        .flags = VSVA_BIND_GUEST_PGTBL,
        .version = 1, .format = VSVA_FORMAT_INTEL_VTD, .addr_width = 48,
        .data_flags = VSVA_BIND_GPASID_VALID,
        .gpgd = gpgd, .hpasid = pasid, .gpasid = pasid, .padding = -1,
    };
}

int vsva_bind(const Container *c, const BindRequest *req)
{
    bool merged = c->u->vsva == UAPI_VSVA_MERGED;
    uint32_t argsz = req->argsz ? req->argsz : vsva_sizes(c->u)->bind;
    unsigned pad = merged ? 48 : 44, pad_size = merged ? 8 : 12;
    Bytes b;

    put_outer(&b, req->outer ? req->outer : 8 + argsz, req->flags);
    if (merged) {
        put(&b, 8 + 0, argsz, 4);
        put(&b, 8 + 4, req->version, 4);
        put(&b, 8 + 8, req->format, 4);
        put(&b, 8 + 12, req->addr_width, 4);
        put(&b, 8 + 16, req->data_flags, 8);
        put(&b, 8 + 24, req->gpgd, 8);
        put(&b, 8 + 32, req->hpasid, 8);
        put(&b, 8 + 40, req->gpasid, 8);
    } else {
        put(&b, 8 + 0, req->version, 4);
        put(&b, 8 + 4, req->format, 4);
        put(&b, 8 + 8, req->data_flags, 8);
        put(&b, 8 + 16, req->gpgd, 8);
        put(&b, 8 + 24, req->hpasid, 8);
        put(&b, 8 + 32, req->gpasid, 8);
        put(&b, 8 + 40, req->addr_width, 4);
    }
    memset(b.data + 8 + pad, 0, pad_size);
    if (req->padding >= 0) {
        b.data[8 + pad + req->padding % pad_size] = 1;
    }
    put(&b, 8 + 56, req->vtd_flags, 8);
    put(&b, 8 + 64, req->pat, 4);
    put(&b, 8 + 68, req->emt, 4);
    return uapi_ioctl(c->u, c->fd, VSVA_BIND, b.data);
}

int vsva_simple(const Container *c, uint32_t flags, uint64_t pasid,
                uint64_t gpgd)
{
    BindRequest req = bind_request(pasid, gpgd);

    req.flags = flags;
    return vsva_bind(c, &req);
}

/* --- Invalidation -------------------------------------------------------- */

InvalidateRequest invalidate_request(uint8_t granularity, uint64_t pasid)
{
    bool addr = granularity == VSVA_GRANU_ADDR;

    return (InvalidateRequest) {
        .version = 1, .cache = VSVA_CACHE_IOTLB, .granularity = granularity,
        .padding = -1, .data_flags = VSVA_INVALIDATE_PASID, .pasid = pasid,
        .granule = addr ? PAGE : 0, .n = addr,
    };
}

int vsva_invalidate(const Container *c, const InvalidateRequest *req)
{
    const VsvaSizes *sizes = vsva_sizes(c->u);
    bool merged = c->u->vsva == UAPI_VSVA_MERGED;
    uint32_t argsz = req->argsz ? req->argsz :
        req->granularity == VSVA_GRANU_DOMAIN ? sizes->domain :
        req->granularity == VSVA_GRANU_PASID ? sizes->pasid : sizes->addr;
    unsigned at = 8, pad_size = merged ? 6 : 2;
    Bytes b;

    put_outer(&b, req->outer ? req->outer : 8 + argsz, req->flags);
    if (merged) {
        put(&b, at, argsz, 4);
        at += 4;
    }
    put(&b, at, req->version, 4);
    put(&b, at + 4, req->cache, 1);
    put(&b, at + 5, req->granularity, 1);
    memset(b.data + at + 6, 0, pad_size);
    if (req->padding >= 0) {
        b.data[at + 6 + req->padding % pad_size] = 1;
    }
    at += 6 + pad_size;
    put(&b, at, req->data_flags, 4);
    put(&b, at + 4, req->archid, 4);
    put(&b, at + 8, req->pasid, 8);
    put(&b, at + 16, req->addr, 8);
    put(&b, at + 24, req->granule, 8);
    put(&b, at + 32, req->n, 8);
    return uapi_ioctl(c->u, c->fd, VSVA_CACHE_INVALIDATE, b.data);
}

/* --- PASIDs -------------------------------------------------------------- */

int pasid_alloc(const Container *c, uint32_t min, uint32_t max,
                uint32_t *pasid)
{
    VsvaPasidRequest req = {
        .argsz = sizeof(req), .flags = VSVA_PASID_ALLOC,
        .alloc = { .min = min, .max = max },
    };
    int ret = uapi_ioctl(c->u, c->fd, VSVA_PASID_REQUEST, &req);

    *pasid = req.alloc.result;
    return ret;
}

int pasid_free(const Container *c, uint32_t pasid)
{
    VsvaPasidRequest req = {
        .argsz = sizeof(req), .flags = VSVA_PASID_FREE, .free = pasid,
    };

    return uapi_ioctl(c->u, c->fd, VSVA_PASID_REQUEST, &req);
}

/* --- A container with nesting -------------------------------------------- */

bool vsva_open(Uapi *u, Vsva *v)
{
    if (u->vsva == UAPI_NO_VSVA) {
        uapi_skip(u, "no kernel has the vSVA ioctls");
        return false;
    }
    if (!container_open_device(u, &v->c, VFIO_ABI_TYPE1_NESTING)) {
        return false;
    }
    v->memory = uapi_memory(VSVA_PAGES * PAGE);
    uapi_expect(u, container_map(&v->c, VSVA_GPA, v->memory,
                                 VSVA_PAGES * PAGE), 0, "MAP_DMA");
    uapi_expect(u, pasid_alloc(&v->c, 1, 1000, &v->pasid), 0, "a PASID");
    return true;
}

void vsva_close(Vsva *v)
{
    container_close(&v->c);
    uapi_memory_free(v->memory, VSVA_PAGES * PAGE);
}
