/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu-testdev's registers: docs/testdev.md. */
#ifndef TESTS_GUEST_TESTDEV_H
#define TESTS_GUEST_TESTDEV_H

#define TESTDEV_PCI_ID      0x76d01234u
#define TESTDEV_BAR_SIZE    0x10000
#define TESTDEV_ID          0x000
#define TESTDEV_COMMAND     0x008
#define TESTDEV_STATUS      0x010
#define TESTDEV_SRC         0x018
#define TESTDEV_DST         0x020
#define TESTDEV_LENGTH      0x028
#define TESTDEV_PATTERN     0x030
#define TESTDEV_CONTROL     0x038
#define TESTDEV_CONTROL_ATS (1u << 1)
#define TESTDEV_CONTROL_PRI (1u << 2)
#define TESTDEV_PASID       0x040
#define TESTDEV_PASID_VALID (1u << 31)
#define TESTDEV_FAULT_ADDR  0x048
#define TESTDEV_DONE        0x050
#define TESTDEV_REQUEST     0x0b0
#define TESTDEV_REQUEST_RW  0x3
#define TESTDEV_TRANS_SIZE  0x0d0
#define TESTDEV_TRANS_FLAGS 0x0d8
#define TESTDEV_TRANS_RW    0x3         /* in TRANS_FLAGS */
#define TESTDEV_PAGE_REQUESTS 0x100
#define TESTDEV_ATC_REQUESTS 0x138
#define TESTDEV_STALE_USES  0x148
#define TESTDEV_BAD_ANSWERS 0x150
#define TESTDEV_BUFFER      0x8000
#define TESTDEV_MAGIC       0x4d4f4956u

#define TESTDEV_CMD_READ    1
#define TESTDEV_CMD_WRITE   2
#define TESTDEV_CMD_COPY    3
#define TESTDEV_CMD_FILL    4
#define TESTDEV_CMD_VERIFY  5
#define TESTDEV_CMD_TRANSLATE 9

#define TESTDEV_STATE       0x3         /* in STATUS: */
#define TESTDEV_STATE_BUSY  1
#define TESTDEV_STATE_DONE  2
#define TESTDEV_STATE_FAILED 3
#define TESTDEV_WHY_SHIFT   8
#define TESTDEV_BLOCKED     1
#define TESTDEV_NOT_PERMITTED 7     /* by a translation's answer */
#define TESTDEV_PAGE_INVALID 8      /* said a page response */
#define TESTDEV_REASON_SHIFT 16

#endif
