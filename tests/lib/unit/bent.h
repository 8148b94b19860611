/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host between the simulated one and the library: single system calls answer
 * what a test says, as other kernels, older ones or broken ones do.
 */
#ifndef TESTS_LIB_UNIT_BENT_H
#define TESTS_LIB_UNIT_BENT_H

#include "type1.h"

typedef struct Bent Bent;
struct Bent {
    const ViommuSyscalls *below;
    ViommuSyscalls sys;
    /* In place of the calls below, or NULL.  They may ask those. */
    int (*ioctl)(Bent *b, int fd, unsigned long request, void *arg);
    ssize_t (*read)(Bent *b, int fd, void *buf, size_t size);
    ssize_t (*write)(Bent *b, int fd, const void *buf, size_t size);
    ssize_t (*pread)(Bent *b, int fd, void *buf, size_t size,
                     uint64_t offset);
    ssize_t (*pwrite)(Bent *b, int fd, const void *buf, size_t size,
                      uint64_t offset);
    void *opaque;
    unsigned count;         /* the test's own */
};

/** From now on h->sys goes through @b, all of which is set here. */
void bent_install(Bent *b, Host *h);

/** host_start() through @b: iommufd, and device 0 behind a nesting unit. */
void bent_start(Host *h, Bent *b);
/** type1_start() through @b, but no PASID is bound. */
void bent_start_type1(Type1 *t, Bent *b, HostsimVsva form);

int bent_ioctl(Bent *b, int fd, unsigned long request, void *arg);
ssize_t bent_read(Bent *b, int fd, void *buf, size_t size);
ssize_t bent_write(Bent *b, int fd, const void *buf, size_t size);
ssize_t bent_pread(Bent *b, int fd, void *buf, size_t size, uint64_t offset);
ssize_t bent_pwrite(Bent *b, int fd, const void *buf, size_t size,
                    uint64_t offset);

#endif
