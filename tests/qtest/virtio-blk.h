/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver for virtio-blk-pci of QEMU's, behind an IOMMU: one queue, one
 * request at a time (Virtual I/O Device 1.2, 2.7, 4.1, 5.2).
 */
#ifndef TESTS_QTEST_VIRTIO_BLK_H
#define TESTS_QTEST_VIRTIO_BLK_H

#include "tests/lib/pci.h"

/** Entries of its queue, and the sizes of the queue's parts. */
#define VIRTIO_QUEUE    16
#define VIRTIO_DESC     16

/** Where the device finds things, and where they are in memory. */
typedef struct VirtioPlace {
    uint64_t iova;
    uint64_t pa;
} VirtioPlace;

typedef struct VirtioBlk {
    PciDev pci;
    uint64_t common;            /* of registers */
    uint64_t notify;
    VirtioPlace desc, avail, used;
    unsigned requests;
} VirtioBlk;

/** Find and enable the first one, without its queue. */
void virtio_blk_init(VirtioBlk *v, PciBus *bus);
/** Start: v->desc and so on are where the queue is. */
void virtio_blk_start(VirtioBlk *v);
/** Ask for @size bytes at @data, with head and status in a page @head. */
void virtio_blk_ask(VirtioBlk *v, bool write, VirtioPlace head,
                    uint64_t data, uint32_t size);
/** Wait for the answer, which must come; false: the request has failed. */
bool virtio_blk_answer(VirtioBlk *v, VirtioPlace head);
/** The device has given up and wants a reset. */
bool virtio_blk_is_broken(VirtioBlk *v);

#endif
