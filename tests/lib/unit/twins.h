/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two units with the same memory that are used in the same way, at random.
 * Whatever a guest, an endpoint or an embedder sees of one, it must see of the
 * other.
 */
#ifndef TESTS_LIB_UNIT_TWINS_H
#define TESTS_LIB_UNIT_TWINS_H

#include "fixture.h"

/** Where random pointers lead, and nothing else is. */
#define TWINS_SCRATCH   UINT64_C(0x10000)
#define TWINS_PAGES     16u

typedef struct Twin {
    Fixture *f;
    GString *seen;          /* by whoever uses it; a line each */
    unsigned not_drained;   /* so often the embedder says "not yet" */
} Twin;

/** One to three units that get the same. */
typedef struct Twins {
    GRand *rand;
    Twin of[3];
    unsigned n;
} Twins;

/** What is different about a model: how a unit is made, and used. */
typedef struct TwinsModel {
    const char *name;
    unsigned variants;
    /** A new unit, and memory with tables, the same each time. */
    Fixture *(*make)(unsigned variant);
    /** A step of whoever uses it. */
    void (*step)(Twins *t);
    /** The pages are somewhere else from now on. */
    void (*remap)(Fixture *f);
} TwinsModel;

extern const TwinsModel twins_vtd, twins_smmu;

/** Another unit, which nothing has happened to, in the fixture's memory. */
void twins_renew(Fixture *f, FixtureMake *make, const void *config);

void twins_init(Twins *t, GRand *rand);
void twins_add(Twins *t, Fixture *f);
/** Each has seen the same since this was called last. */
void twins_compare(Twins *t, const char *after);
/** So have its memory, its registers, and who saves it. */
void twins_compare_all(Twins *t);
/** Forget what was seen. */
void twins_forget(Twins *t);
void twins_copy_memory(Twin *to, const Twin *from);
void twins_free(Twins *t);

uint32_t twins_below(Twins *t, uint32_t end);
uint64_t twins_word(Twins *t);
/** A page that holds nothing. */
uint64_t twins_page(Twins *t);
/** Anything, but mostly what a pointer register takes. */
uint64_t twins_value(Twins *t);

/* Each does the same with all units, and notes what is seen. */
void twins_write(Twins *t, uint64_t offset, uint64_t value, unsigned size);
void twins_read(Twins *t, uint64_t offset, unsigned size);
void twins_ask(Twins *t, const ViommuRequest *req);
void twins_msi(Twins *t, uint32_t source, const ViommuMsi *msi);
void twins_page_request(Twins *t, const ViommuPageRequest *req);
/** Something that neither registers nor endpoints do. */
void twins_embedder(Twins *t);

#endif
