/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the guest switches on, off or over, of both kinds of units: tables that
 * tests go through.
 */
#ifndef TESTS_LIB_UNIT_SWITCH_H
#define TESTS_LIB_UNIT_SWITCH_H

#include "smmu.h"

#define SWITCH_SOURCE   0x0120
/** The embedder says "no" so often. */
#define SWITCH_ROUNDS   5

/** One thing that is switched. */
typedef struct SwitchWay {
    const char *name;
    uint64_t offset;        /* of the register, */
    uint32_t set, clear;    /* and what is written there */
    uint64_t status;        /* the register that tells, */
    uint32_t mask, wanted;  /* and what it says at the end */
    bool told;              /* answers may be others */
} SwitchWay;

/** A kind of unit, that is on. */
typedef struct SwitchKind {
    const SwitchWay *ways;
    size_t n;
    Fixture *(*start)(void);
    Fixture *(*another)(void);      /* as after power-on */
} SwitchKind;

extern const SwitchKind switch_vtd, switch_smmu;

/** What the guest writes for @way: it does not read what it polls. */
uint32_t switch_value(Fixture *f, const SwitchWay *way);
void switch_write(Fixture *f, const SwitchWay *way);
/** Does the status say so? */
bool switch_done(Fixture *f, const SwitchWay *way);
/** How often the embedder was told that all translations may be others. */
unsigned switch_told(Fixture *f);

/** The next way; @drained is Fixture.drained. */
extern const SwitchWay *switch_current;
void switch_begin(Fixture *f, const SwitchWay *way,
                  bool (*drained)(Fixture *f));
/** Fixture.drained: "yes" after SWITCH_ROUNDS times, when the status is still
 *  the old one; or never. */
bool switch_slowly(Fixture *f);
bool switch_never(Fixture *f);
/** Up to @upto, each is carried out; then that one is under way. */
Fixture *switch_under_way(const SwitchKind *kind, size_t upto);

#endif
