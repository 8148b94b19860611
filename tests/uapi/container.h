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
/** Close the three files in one of their orders.  While the device's is open,
 *  it answers; with @group_stays, it keeps the group from being opened. */
#define CONTAINER_ORDERS    6
void container_close_in_order(Container *c, unsigned order, bool group_stays);

/** What a group tells of itself. */
uint32_t group_flags(Uapi *u, int group);
/** Put a group into what @fd is. */
int group_set(Uapi *u, int group, int32_t fd);
/** The device that the container's group calls @name. */
int group_device(const Container *c, const char *name);

/** MAP_DMA in any form: @vaddr is added to the memory's address. */
typedef struct ContainerMap {
    const char *what;
    uint32_t argsz, flags;
    uint64_t vaddr, iova, size;
    int want;
} ContainerMap;
#define MAP_SIZE    sizeof(VfioDmaMap)
#define MAP_RW      (VFIO_ABI_MAP_READ | VFIO_ABI_MAP_WRITE)

void container_try_map(const Container *c, const ContainerMap *m,
                       const void *memory);
int container_map(const Container *c, uint64_t iova, const void *memory,
                  uint64_t size);
/** *@size: in and out. */
int container_unmap(const Container *c, uint64_t iova, uint64_t *size);

/** Is there a group to use?  Else the test is skipped. */
bool have_group(Uapi *u);

#endif
