/* SPDX-License-Identifier: BSD-3-Clause */
/* Lives of two devices of a simulated host, in each of which a call fails. */
#ifndef TESTS_LIB_UNIT_HOST_LIVES_H
#define TESTS_LIB_UNIT_HOST_LIVES_H

#include "host-world.h"

/** What the host answers. */
#define HOST_ERRORS 9
extern const int host_errors[HOST_ERRORS];
/** Whether a queue that answers with this (0: a short read, whose rest is lost)
 *  has its reports nevertheless, and later. */
bool host_error_passes(int error);

/** A kind of guest, and what it does with its devices. */
typedef struct HostLives {
    /** Ioctls that fail. */
    const unsigned long *requests;
    size_t n_requests;
    /** Names of the devices, and who makes requests besides no PASID. */
    uint32_t source[2];
    uint32_t pasid;
    /** A host and a guest, which are not connected; *@h is theirs. */
    void *(*begin)(Host **h);
    /** Wait for the unit; an invalidation that fails is no failure. */
    void (*settle)(void *guest);
    /** Each kind of table, and invalidations. */
    void (*live)(void *guest);
    /** All that a guest can do when it has lost trust in its device. */
    void (*recover)(void *guest);
    void (*end)(void *guest);
} HostLives;

typedef struct HostLife {
    const HostLives *kind;
    void *guest;
    Host *h;
    bool attached[2];
} HostLife;

void host_life_begin(HostLife *l, const HostLives *kind);
/** Open device @i and put it behind the unit, if the host lets us. */
void host_life_attach(HostLife *l, unsigned i);
/** Does what the guest set up work now? */
void host_life_check(HostLife *l, unsigned i);
void host_life_end(HostLife *l);

/** Tests NAME/each, with each single call of each kind and each error (every
 *  third of these combinations unless there is more time), NAME/from-then-on
 *  (from one call on, all fail), and NAME/open, with files. */
void host_lives_add(const char *name, const HostLives *kind);

#endif
