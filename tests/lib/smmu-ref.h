/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reference for SMMUv3: what a transaction must lead to, computed anew from
 * guest memory each time, without any cache.
 *
 * Written from the specification (IHI 0070; for translation tables, VMSAv8-64
 * of the Arm ARM) and from nothing of the model, so that both agreeing means
 * something.
 */
#ifndef TESTS_LIB_SMMU_REF_H
#define TESTS_LIB_SMMU_REF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the unit can do, and how it is programmed. */
typedef struct SmmuRef {
    /** Guest memory; false where there is none. */
    bool (*read)(void *opaque, uint64_t addr, void *buf, size_t size);
    void *opaque;
    uint32_t idr0, idr1, idr3, idr5;    /* the registers' values */
    uint32_t cr0, cr2, gbpa;
    uint64_t strtab_base;
    uint32_t strtab_cfg;
} SmmuRef;

typedef enum SmmuRefKind {
    SMMU_REF_UNTRANSLATED,
    SMMU_REF_TRANSLATION,       /* an ATS translation request */
    SMMU_REF_TRANSLATED,
} SmmuRefKind;

typedef struct SmmuRefRequest {
    uint32_t sid, ssid;
    bool ssv;
    bool read, write, inst, priv;
    uint64_t addr;
    SmmuRefKind kind;
} SmmuRefRequest;

/** A descriptor that the translation has used, with the value that it has
 *  afterwards. */
typedef struct SmmuRefLeaf {
    uint64_t addr, value;
} SmmuRefLeaf;

/* A page of stage 1, and one of stage 2 for it, for each table of stage 1
 * (read, and written) and for the fetches of a context descriptor. */
#define SMMU_REF_LEAVES 24

typedef struct SmmuRefAnswer {
    bool ok;
    uint64_t addr;              /* with ok */
    /** With ok, what is granted; for a translation request perhaps
     *  nothing. */
    bool read, write, exec;
    /** The same of a translation request's completion: to the
     *  privileged. */
    bool priv;
    /** Without ok: an event's number; 0 for none. */
    unsigned event;
    bool recorded, stall;
    /** The event record, but for STAG; bits that are UNKNOWN are 0 in
     *  known. */
    uint64_t word[4], known[4];
    /** With ok. */
    SmmuRefLeaf leaf[SMMU_REF_LEAVES];
    unsigned leaves;
} SmmuRefAnswer;

void smmu_ref_translate(const SmmuRef *ref, const SmmuRefRequest *req,
                        SmmuRefAnswer *answer);

#endif
