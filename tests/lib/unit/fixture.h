/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VT-d unit with memory of this process behind it, and a record of what it
 * asks of its embedder.
 */
#ifndef TESTS_LIB_UNIT_FIXTURE_H
#define TESTS_LIB_UNIT_FIXTURE_H

#include <pthread.h>

#include <hw/iommu/viommu-vtd.h>

#include "tests/lib/vtd-spec.h"
#include "tests/lib/vtd-tables.h"

/** Guest RAM is [0, FIXTURE_RAM). */
#define FIXTURE_RAM     (UINT64_C(64) << 20)
/** The tables' allocator starts here; below, tests place what they want. */
#define FIXTURE_TABLES  (UINT64_C(16) << 20)

/** What stall_resume was told. */
typedef struct FixtureResume {
    uint32_t source;
    uint16_t tag;
    ViommuResume action;
} FixtureResume;

typedef struct Fixture {
    Viommu *unit;
    GuestRam ram;
    GuestMem mem;
    GuestAlloc alloc;
    GuestRegs regs;
    GuestQueue queue;

    /* what the unit asked for */
    pthread_mutex_t lock;
    GArray *msis;               /* ViommuMsi */
    GArray *invalidations;      /* ViommuInvalidation */
    GArray *responses;          /* ViommuPageResponse */
    GArray *resumes;            /* FixtureResume */
    int pulses[4];              /* of wired interrupts; atomic */
    int run_wanted;             /* atomic */
    /* what mem_read and mem_write answer beside RAM */
    int outside_result;
    uint64_t outside_value;
    /* or, when set, this answers reads */
    int (*outside_read)(struct Fixture *f, uint64_t addr, void *buf,
                        size_t size);
    void *outside_opaque;
    /* when set, told of invalidations */
    void (*invalidated)(struct Fixture *f, const ViommuInvalidation *inv);
    void *keeper;
    /* when set, told of messages */
    void (*msi)(struct Fixture *f, const ViommuMsi *msi);
    /* when set, told of the unit's writes to RAM */
    void (*ram_written)(struct Fixture *f, uint64_t addr, uint64_t size);
    /* when set, answers whether accesses outside of DMA sections have ended */
    bool (*drained)(struct Fixture *f);
    unsigned asked;             /* how often */
    /* an endpoint's device-TLB and page requests; each may be NULL */
    bool (*devtlb)(struct Fixture *f, const ViommuInvalidation *inv);
    void (*page_response)(struct Fixture *f,
                          const ViommuPageResponse *response);
    void *endpoint;
    /* endpoints do not answer invalidations of their device-TLB; atomic */
    int device_silent;
} Fixture;

/** Options as tests like them; then fixture_new() with changes. */
void fixture_config(ViommuVtdConfig *config);
Fixture *fixture_new(const ViommuVtdConfig *config);
/** The same with another kind of unit. */
typedef Viommu *FixtureMake(const void *config, const ViommuOps *ops,
                            void *opaque, GError **error);
Fixture *fixture_new_of(FixtureMake *make, const void *config);
void fixture_free(Fixture *f);
/** The fixture's callbacks, for units that a test makes itself. */
const ViommuOps *fixture_ops(void);

/** viommu_run() until nothing is wanted. */
void fixture_run(Fixture *f);
/** Wait through the queue; fails the test when it does not come back. */
void fixture_wait(Fixture *f);

/** The same for a queue that other threads may have made slower. */
void fixture_wait_long(Fixture *f);

/** Set RAM to what the fixture has. */
void fixture_set_ram(Fixture *f);

/** Ask for a translation, in a DMA section. */
ViommuStatus fixture_ask(Fixture *f, const ViommuRequest *req,
                         ViommuReply *reply);
/** A request without PASID. */
ViommuStatus fixture_translate(Fixture *f, uint16_t source, uint64_t addr,
                               unsigned access, ViommuReply *reply);
ViommuStatus fixture_request(Fixture *f, uint16_t source, uint64_t addr,
                             unsigned access, ViommuKind kind, bool probe,
                             ViommuReply *reply);

unsigned fixture_msis(Fixture *f);
/** The message number @i; all zero when there is none. */
ViommuMsi fixture_msi(Fixture *f, unsigned i);
void fixture_forget(Fixture *f);

/** The usual: a root table, one domain for @source, translation on. */
typedef struct Simple {
    uint64_t root;
    uint64_t table;
    unsigned levels;
} Simple;

void fixture_simple(Fixture *f, Simple *s, uint16_t source, uint16_t domain,
                    unsigned levels);

/** Environment variable VIOMMU_TEST_SCALE multiplies how long random tests
 *  run; 1 when it is not set. */
unsigned fixture_scale(void);

#endif
