/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ABI of Linux's VFIO, as far as PCI devices and type1 containers go:
 * numbers and layouts, under names of our own, so that one file may include
 * this and <linux/vfio.h>.  Each structure begins with argsz, the size that
 * the caller knows; flags say which members count.
 *
 * A "get info" call with a capability chain that does not fit sets argsz to
 * what it needs and cap_offset to 0, and succeeds.  Offsets in the chain are
 * from the start of the info structure.
 */
#ifndef HW_IOMMU_HOST_ABI_VFIO_H
#define HW_IOMMU_HOST_ABI_VFIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define VFIO_ABI_VERSION            0
#define VFIO_ABI_IO(n)              _IO(';', 100 + (n))

typedef struct VfioCapHeader {
    uint16_t id;
    uint16_t version;
    uint32_t next;              /* offset of the next one, or 0 */
} VfioCapHeader;
_Static_assert(sizeof(VfioCapHeader) == 8, "layout");

/* --- /dev/vfio/vfio, a container ----------------------------------------- */

#define VFIO_ABI_GET_API_VERSION    VFIO_ABI_IO(0)
#define VFIO_ABI_CHECK_EXTENSION    VFIO_ABI_IO(1)  /* arg: an extension */
#define VFIO_ABI_SET_IOMMU          VFIO_ABI_IO(2)  /* arg: a type */

/* extensions, of which 1, 3, 6 and 8 are types, too */
enum {
    VFIO_ABI_TYPE1 = 1,
    VFIO_ABI_TYPE1V2 = 3,
    VFIO_ABI_DMA_CC = 4,
    VFIO_ABI_EEH = 5,
    VFIO_ABI_TYPE1_NESTING = 6,     /* reserved in today's Linux */
    VFIO_ABI_NOIOMMU = 8,
    VFIO_ABI_UNMAP_ALL = 9,
    VFIO_ABI_UPDATE_VADDR = 10,
};

/* --- /dev/vfio/GROUP ----------------------------------------------------- */

#define VFIO_ABI_GROUP_GET_STATUS       VFIO_ABI_IO(3)
#define VFIO_ABI_GROUP_SET_CONTAINER    VFIO_ABI_IO(4)  /* arg: int32_t * */
#define VFIO_ABI_GROUP_UNSET_CONTAINER  VFIO_ABI_IO(5)
#define VFIO_ABI_GROUP_GET_DEVICE_FD    VFIO_ABI_IO(6)  /* arg: its name */

#define VFIO_ABI_GROUP_VIABLE           (1u << 0)
#define VFIO_ABI_GROUP_CONTAINER_SET    (1u << 1)

typedef struct VfioGroupStatus {
    uint32_t argsz;
    uint32_t flags;
} VfioGroupStatus;
_Static_assert(sizeof(VfioGroupStatus) == 8, "layout");

/* --- A device ------------------------------------------------------------ */

#define VFIO_ABI_DEVICE_GET_INFO        VFIO_ABI_IO(7)
#define VFIO_ABI_DEVICE_GET_REGION_INFO VFIO_ABI_IO(8)
#define VFIO_ABI_DEVICE_GET_IRQ_INFO    VFIO_ABI_IO(9)
#define VFIO_ABI_DEVICE_SET_IRQS        VFIO_ABI_IO(10)
#define VFIO_ABI_DEVICE_RESET           VFIO_ABI_IO(11)
#define VFIO_ABI_DEVICE_GET_HOT_RESET_INFO  VFIO_ABI_IO(12)
#define VFIO_ABI_DEVICE_HOT_RESET       VFIO_ABI_IO(13)
#define VFIO_ABI_DEVICE_IOEVENTFD       VFIO_ABI_IO(16)
#define VFIO_ABI_DEVICE_FEATURE         VFIO_ABI_IO(17)
#define VFIO_ABI_DEVICE_BIND_IOMMUFD    VFIO_ABI_IO(18)
#define VFIO_ABI_DEVICE_ATTACH_PT       VFIO_ABI_IO(19)
#define VFIO_ABI_DEVICE_DETACH_PT       VFIO_ABI_IO(20)

#define VFIO_ABI_DEVICE_FLAG_RESET      (1u << 0)
#define VFIO_ABI_DEVICE_FLAG_PCI        (1u << 1)
#define VFIO_ABI_DEVICE_FLAG_CAPS       (1u << 7)

typedef struct VfioDeviceInfo {
    uint32_t argsz;
    uint32_t flags;
    uint32_t num_regions;
    uint32_t num_irqs;
    uint32_t cap_offset;        /* argsz 16, without it, is good */
    uint32_t pad;
} VfioDeviceInfo;
_Static_assert(sizeof(VfioDeviceInfo) == 24 &&
               offsetof(VfioDeviceInfo, cap_offset) == 16, "layout");

#define VFIO_ABI_DEVICE_CAP_ATOMIC_COMP 5

typedef struct VfioDeviceCapAtomicComp {
    VfioCapHeader header;
    uint32_t flags;             /* bits 0, 1, 2: 32, 64, 128 bits */
    uint32_t reserved;
} VfioDeviceCapAtomicComp;
_Static_assert(sizeof(VfioDeviceCapAtomicComp) == 16, "layout");

/* PCI devices have these; beyond are regions with a type capability */
enum {
    VFIO_ABI_REGION_BAR0 = 0,
    VFIO_ABI_REGION_ROM = 6,
    VFIO_ABI_REGION_CONFIG = 7,
    VFIO_ABI_REGION_VGA = 8,
    VFIO_ABI_REGION_NUM = 9,
};

#define VFIO_ABI_REGION_READ        (1u << 0)
#define VFIO_ABI_REGION_WRITE       (1u << 1)
#define VFIO_ABI_REGION_MMAP        (1u << 2)
#define VFIO_ABI_REGION_CAPS        (1u << 3)

typedef struct VfioRegionInfo {
    uint32_t argsz;
    uint32_t flags;
    uint32_t index;
    uint32_t cap_offset;
    uint64_t size;
    uint64_t offset;            /* of the device's descriptor */
} VfioRegionInfo;
_Static_assert(sizeof(VfioRegionInfo) == 32 &&
               offsetof(VfioRegionInfo, size) == 16 &&
               offsetof(VfioRegionInfo, offset) == 24, "layout");

#define VFIO_ABI_REGION_CAP_SPARSE_MMAP     1
#define VFIO_ABI_REGION_CAP_TYPE            2
#define VFIO_ABI_REGION_CAP_MSIX_MAPPABLE   3

typedef struct VfioSparseMmapArea {
    uint64_t offset;
    uint64_t size;
} VfioSparseMmapArea;
_Static_assert(sizeof(VfioSparseMmapArea) == 16, "layout");

typedef struct VfioRegionCapSparseMmap {
    VfioCapHeader header;
    uint32_t nr_areas;
    uint32_t reserved;
    VfioSparseMmapArea areas[];
} VfioRegionCapSparseMmap;
_Static_assert(sizeof(VfioRegionCapSparseMmap) == 16 &&
               offsetof(VfioRegionCapSparseMmap, areas) == 16, "layout");

typedef struct VfioRegionCapType {
    VfioCapHeader header;
    uint32_t type;
    uint32_t subtype;
} VfioRegionCapType;
_Static_assert(sizeof(VfioRegionCapType) == 16, "layout");

enum {
    VFIO_ABI_IRQ_INTX = 0,
    VFIO_ABI_IRQ_MSI = 1,
    VFIO_ABI_IRQ_MSIX = 2,
    VFIO_ABI_IRQ_ERR = 3,
    VFIO_ABI_IRQ_REQ = 4,
    VFIO_ABI_IRQ_NUM = 5,
};

#define VFIO_ABI_IRQ_EVENTFD        (1u << 0)
#define VFIO_ABI_IRQ_MASKABLE       (1u << 1)
#define VFIO_ABI_IRQ_AUTOMASKED     (1u << 2)
#define VFIO_ABI_IRQ_NORESIZE       (1u << 3)

typedef struct VfioIrqInfo {
    uint32_t argsz;
    uint32_t flags;
    uint32_t index;
    uint32_t count;
} VfioIrqInfo;
_Static_assert(sizeof(VfioIrqInfo) == 16, "layout");

#define VFIO_ABI_IRQ_DATA_NONE      (1u << 0)
#define VFIO_ABI_IRQ_DATA_BOOL      (1u << 1)
#define VFIO_ABI_IRQ_DATA_EVENTFD   (1u << 2)
#define VFIO_ABI_IRQ_DATA_MASK      0x7u
#define VFIO_ABI_IRQ_ACTION_MASK    (1u << 3)
#define VFIO_ABI_IRQ_ACTION_UNMASK  (1u << 4)
#define VFIO_ABI_IRQ_ACTION_TRIGGER (1u << 5)
#define VFIO_ABI_IRQ_ACTIONS_MASK   0x38u

typedef struct VfioIrqSet {
    uint32_t argsz;
    uint32_t flags;
    uint32_t index;
    uint32_t start;
    uint32_t count;
    uint8_t data[];             /* count bools (8 bits) or int32_t eventfds */
} VfioIrqSet;
_Static_assert(sizeof(VfioIrqSet) == 20 && offsetof(VfioIrqSet, data) == 20,
               "layout");

#define VFIO_ABI_HOT_RESET_DEV_ID       (1u << 0)   /* id is a devid */
#define VFIO_ABI_HOT_RESET_DEV_ID_OWNED (1u << 1)
#define VFIO_ABI_DEVID_OWNED            0u
#define VFIO_ABI_DEVID_NOT_OWNED        UINT32_MAX

typedef struct VfioDependentDevice {
    uint32_t id;                /* group or devid */
    uint16_t segment;
    uint8_t bus;
    uint8_t devfn;
} VfioDependentDevice;
_Static_assert(sizeof(VfioDependentDevice) == 8, "layout");

typedef struct VfioHotResetInfo {
    uint32_t argsz;
    uint32_t flags;
    uint32_t count;
    VfioDependentDevice devices[];
} VfioHotResetInfo;
_Static_assert(sizeof(VfioHotResetInfo) == 12, "layout");

typedef struct VfioHotReset {
    uint32_t argsz;
    uint32_t flags;
    uint32_t count;
    int32_t group_fds[];
} VfioHotReset;
_Static_assert(sizeof(VfioHotReset) == 12, "layout");

#define VFIO_ABI_IOEVENTFD_8        (1u << 0)
#define VFIO_ABI_IOEVENTFD_16       (1u << 1)
#define VFIO_ABI_IOEVENTFD_32       (1u << 2)
#define VFIO_ABI_IOEVENTFD_64       (1u << 3)
#define VFIO_ABI_IOEVENTFD_SIZE_MASK    0xfu

typedef struct VfioIoeventfd {
    uint32_t argsz;
    uint32_t flags;
    uint64_t offset;
    uint64_t data;
    int32_t fd;                 /* -1: undo */
    uint32_t reserved;
} VfioIoeventfd;
_Static_assert(sizeof(VfioIoeventfd) == 32 &&
               offsetof(VfioIoeventfd, fd) == 24, "layout");

#define VFIO_ABI_FEATURE_MASK       0xffffu
#define VFIO_ABI_FEATURE_GET        (1u << 16)
#define VFIO_ABI_FEATURE_SET        (1u << 17)
#define VFIO_ABI_FEATURE_PROBE      (1u << 18)

enum {
    VFIO_ABI_FEATURE_PCI_VF_TOKEN = 0,
    VFIO_ABI_FEATURE_MIGRATION = 1,
    VFIO_ABI_FEATURE_MIG_DEVICE_STATE = 2,
    VFIO_ABI_FEATURE_LOW_POWER_ENTRY = 3,
    VFIO_ABI_FEATURE_LOW_POWER_ENTRY_WAKEUP = 4,
    VFIO_ABI_FEATURE_LOW_POWER_EXIT = 5,
    VFIO_ABI_FEATURE_DMA_LOGGING_START = 6,
    VFIO_ABI_FEATURE_DMA_LOGGING_STOP = 7,
    VFIO_ABI_FEATURE_DMA_LOGGING_REPORT = 8,
    VFIO_ABI_FEATURE_MIG_DATA_SIZE = 9,
    VFIO_ABI_FEATURE_BUS_MASTER = 10,
};

typedef struct VfioDeviceFeature {
    uint32_t argsz;
    uint32_t flags;
    uint8_t data[];
} VfioDeviceFeature;
_Static_assert(sizeof(VfioDeviceFeature) == 8, "layout");

typedef struct VfioDmaLoggingControl {
    uint64_t page_size;
    uint32_t num_ranges;
    uint32_t reserved;
    uint64_t ranges;            /* VfioDmaLoggingRange */
} VfioDmaLoggingControl;
_Static_assert(sizeof(VfioDmaLoggingControl) == 24 &&
               offsetof(VfioDmaLoggingControl, ranges) == 16, "layout");

typedef struct VfioDmaLoggingRange {
    uint64_t iova;
    uint64_t length;
} VfioDmaLoggingRange;
_Static_assert(sizeof(VfioDmaLoggingRange) == 16, "layout");

typedef struct VfioDmaLoggingReport {
    uint64_t iova;
    uint64_t length;
    uint64_t page_size;
    uint64_t bitmap;
} VfioDmaLoggingReport;
_Static_assert(sizeof(VfioDmaLoggingReport) == 32, "layout");

#define VFIO_ABI_BIND_TOKEN         (1u << 0)

/* of a device's own file only; argsz 16 is good without the token */
typedef struct VfioBindIommufd {
    uint32_t argsz;
    uint32_t flags;
    int32_t iommufd;
    uint32_t out_devid;
    uint64_t token;
} VfioBindIommufd;
_Static_assert(sizeof(VfioBindIommufd) == 24 &&
               offsetof(VfioBindIommufd, out_devid) == 12 &&
               offsetof(VfioBindIommufd, token) == 16, "layout");

/* pasid is valid; without it argsz may leave it out */
#define VFIO_ABI_PT_PASID           (1u << 0)

typedef struct VfioAttachPt {
    uint32_t argsz;
    uint32_t flags;
    uint32_t pt_id;             /* in: IOAS or HWPT; out: IOAS or HWPT */
    uint32_t pasid;
} VfioAttachPt;
_Static_assert(sizeof(VfioAttachPt) == 16 &&
               offsetof(VfioAttachPt, pasid) == 12, "layout");

typedef struct VfioDetachPt {
    uint32_t argsz;
    uint32_t flags;
    uint32_t pasid;
} VfioDetachPt;
_Static_assert(sizeof(VfioDetachPt) == 12 &&
               offsetof(VfioDetachPt, pasid) == 8, "layout");

/* --- A container of type1 ------------------------------------------------ */

#define VFIO_ABI_IOMMU_GET_INFO     VFIO_ABI_IO(12)
#define VFIO_ABI_MAP_DMA            VFIO_ABI_IO(13)
#define VFIO_ABI_UNMAP_DMA          VFIO_ABI_IO(14)
#define VFIO_ABI_DIRTY_PAGES        VFIO_ABI_IO(17)

#define VFIO_ABI_IOMMU_INFO_PGSIZES (1u << 0)
#define VFIO_ABI_IOMMU_INFO_CAPS    (1u << 1)

typedef struct VfioIommuInfo {
    uint32_t argsz;
    uint32_t flags;
    uint64_t iova_pgsizes;
    uint32_t cap_offset;        /* argsz 16, without it, is good */
    uint32_t pad;
} VfioIommuInfo;
_Static_assert(sizeof(VfioIommuInfo) == 24 &&
               offsetof(VfioIommuInfo, cap_offset) == 16, "layout");

#define VFIO_ABI_IOMMU_CAP_IOVA_RANGE   1
#define VFIO_ABI_IOMMU_CAP_MIGRATION    2
#define VFIO_ABI_IOMMU_CAP_DMA_AVAIL    3

typedef struct VfioIovaRange {
    uint64_t start;
    uint64_t end;               /* inclusive */
} VfioIovaRange;
_Static_assert(sizeof(VfioIovaRange) == 16, "layout");

typedef struct VfioIommuCapIovaRange {
    VfioCapHeader header;
    uint32_t nr_iovas;
    uint32_t reserved;
    VfioIovaRange ranges[];
} VfioIommuCapIovaRange;
_Static_assert(sizeof(VfioIommuCapIovaRange) == 16 &&
               offsetof(VfioIommuCapIovaRange, ranges) == 16, "layout");

/* As a 64-bit kernel lays it out, for a 32-bit program, too: its compat ioctl
 * changes nothing. */
typedef struct VfioIommuCapMigration {
    VfioCapHeader header;
    uint32_t flags;
    _Alignas(8) uint64_t pgsize_bitmap;
    uint64_t max_dirty_bitmap_size;     /* bytes */
} VfioIommuCapMigration;
_Static_assert(sizeof(VfioIommuCapMigration) == 32 &&
               offsetof(VfioIommuCapMigration, pgsize_bitmap) == 16 &&
               offsetof(VfioIommuCapMigration, max_dirty_bitmap_size) == 24,
               "layout");

typedef struct VfioIommuCapDmaAvail {
    VfioCapHeader header;
    uint32_t avail;
} VfioIommuCapDmaAvail;
_Static_assert(sizeof(VfioIommuCapDmaAvail) == 12, "layout");

#define VFIO_ABI_MAP_READ           (1u << 0)
#define VFIO_ABI_MAP_WRITE          (1u << 1)
#define VFIO_ABI_MAP_VADDR          (1u << 2)

typedef struct VfioDmaMap {
    uint32_t argsz;
    uint32_t flags;
    uint64_t vaddr;
    uint64_t iova;
    uint64_t size;
} VfioDmaMap;
_Static_assert(sizeof(VfioDmaMap) == 32 && offsetof(VfioDmaMap, iova) == 16,
               "layout");

typedef struct VfioBitmap {
    uint64_t pgsize;
    uint64_t size;              /* bytes */
    uint64_t data;              /* an address; words of 64 bits */
} VfioBitmap;
_Static_assert(sizeof(VfioBitmap) == 24, "layout");

#define VFIO_ABI_UNMAP_GET_DIRTY_BITMAP (1u << 0)   /* a VfioBitmap follows */
#define VFIO_ABI_UNMAP_ALL_FLAG     (1u << 1)
#define VFIO_ABI_UNMAP_VADDR        (1u << 2)

typedef struct VfioDmaUnmap {
    uint32_t argsz;
    uint32_t flags;
    uint64_t iova;
    uint64_t size;              /* out: what has been unmapped */
    uint8_t data[];
} VfioDmaUnmap;
_Static_assert(sizeof(VfioDmaUnmap) == 24 &&
               offsetof(VfioDmaUnmap, data) == 24, "layout");

#define VFIO_ABI_DIRTY_START        (1u << 0)
#define VFIO_ABI_DIRTY_STOP         (1u << 1)
#define VFIO_ABI_DIRTY_GET_BITMAP   (1u << 2)   /* a VfioDirtyGet follows */

typedef struct VfioDirtyBitmap {
    uint32_t argsz;
    uint32_t flags;
    uint8_t data[];
} VfioDirtyBitmap;
_Static_assert(sizeof(VfioDirtyBitmap) == 8, "layout");

typedef struct VfioDirtyGet {
    uint64_t iova;
    uint64_t size;
    VfioBitmap bitmap;
} VfioDirtyGet;
_Static_assert(sizeof(VfioDirtyGet) == 40 &&
               offsetof(VfioDirtyGet, bitmap) == 16, "layout");

#endif
