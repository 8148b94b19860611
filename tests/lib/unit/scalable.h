/* SPDX-License-Identifier: BSD-3-Clause */
/* A unit in scalable mode, with one source and any number of PASIDs. */
#ifndef TESTS_LIB_UNIT_SCALABLE_H
#define TESTS_LIB_UNIT_SCALABLE_H

#include "fixture.h"
#include "tests/lib/vtd-scalable.h"

#define SM_SOURCE   0x0198      /* in the upper half of its bus */
#define SM_DOMAIN   0x0123
#define SM_PDTS     1u
#define SM_NONE     VIOMMU_NO_PASID
/** The nested tests' second stage has RAM here, in 2 MiB pages. */
#define SM_BIAS     UINT64_C(0x40000000)
#define SM_R        VIOMMU_READ
#define SM_W        VIOMMU_WRITE
#define SM_X        VIOMMU_EXEC
#define SM_P        VIOMMU_PRIV
/** A first-stage leaf for everybody. */
#define SM_LEAF     (SPEC_FS_P | SPEC_FS_RW | SPEC_FS_US)

typedef struct Scalable {
    Fixture *f;
    GuestAlloc *alloc;
    GuestQueue *queue;
    uint64_t root;
    uint64_t ctx[4];
    uint64_t dir;
    unsigned ss_levels;
    uint64_t ss;
    GuestFs fs;
    GuestPasid entry;       /* of each PASID that a test sets */
} Scalable;

/** Options: all that scalable mode has, 48 bits. */
void scalable_config(ViommuVtdConfig *config);
/** Tables of @pgtt for PASIDs 0 and @pasid, translation on. */
Scalable *scalable_new(const ViommuVtdConfig *config, unsigned pgtt,
                       unsigned levels, uint32_t pasid);
void scalable_free(Scalable *s);
void scalable_put_context(Scalable *s);
void scalable_put_pasid(Scalable *s, uint32_t pasid);
/** All caches, and wait. */
void scalable_flush(Scalable *s);

ViommuStatus scalable_ask(Scalable *s, uint32_t pasid, uint64_t addr,
                          unsigned access, bool probe, ViommuReply *reply);
/** Granted, to @to. */
void scalable_ok(Scalable *s, uint32_t pasid, uint64_t addr, unsigned access,
                 uint64_t to);
/** A fault with exactly this record, which is then cleared. */
void scalable_fault(Scalable *s, uint32_t pasid, uint64_t addr,
                    unsigned access, unsigned reason);
/** A fault that leaves no record. */
void scalable_silent(Scalable *s, uint32_t pasid, uint64_t addr,
                     unsigned access);

/** Map in the first stage (output biased when nested) or the second. */
void scalable_map(Scalable *s, uint64_t va, uint64_t pa, unsigned leaf);
uint64_t scalable_fs_word(Scalable *s, uint64_t va, unsigned level);
uint64_t scalable_ss_word(Scalable *s, uint64_t va, unsigned level);

#endif
