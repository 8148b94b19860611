/* SPDX-License-Identifier: BSD-3-Clause */
/* What tests of VFIO's groups and containers share. */
#ifndef TESTS_UAPI_CONTAINER_H
#define TESTS_UAPI_CONTAINER_H

#include "tests/uapi/device.h"

typedef struct Container {
    Uapi *u;
    int fd;
    int group;
    int device;             /* or -1 */
} Container;

/** A container of @type with the first device's group.  False, with a
 *  complaint, when that fails. */
bool container_open(Uapi *u, Container *c, unsigned long type);
/** The same with the device open as well. */
bool container_open_device(Uapi *u, Container *c, unsigned long type);
void container_close(Container *c);

int container_map(const Container *c, uint64_t iova, const void *memory,
                  uint64_t size);
/** *@size: in and out. */
int container_unmap(const Container *c, uint64_t iova, uint64_t *size);

/** Is there a group to use?  Else the test is skipped. */
bool have_group(Uapi *u);

#endif
