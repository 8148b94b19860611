/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the guest program uses of Linux's /dev/iommu (iommufd) and of the
 * device files of VFIO: numbers and layouts as the kernel documents them.
 * The build host's headers are too old to have them.
 */
#ifndef TESTS_GUEST_UAPI_H
#define TESTS_GUEST_UAPI_H

#include <stdint.h>
#include <sys/ioctl.h>

/* --- iommufd: each structure begins with its own size -------------------- */

#define IOMMUFD_IO(n)               _IO(';', 0x80 + (n))
#define IOMMUFD_DESTROY             IOMMUFD_IO(0x00)
#define IOMMUFD_IOAS_ALLOC          IOMMUFD_IO(0x01)
#define IOMMUFD_IOAS_MAP            IOMMUFD_IO(0x05)
#define IOMMUFD_IOAS_UNMAP          IOMMUFD_IO(0x06)
#define IOMMUFD_OPTION              IOMMUFD_IO(0x07)
#define IOMMUFD_HWPT_ALLOC          IOMMUFD_IO(0x09)
#define IOMMUFD_GET_HW_INFO         IOMMUFD_IO(0x0a)
#define IOMMUFD_SET_DIRTY_TRACKING  IOMMUFD_IO(0x0b)
#define IOMMUFD_GET_DIRTY_BITMAP    IOMMUFD_IO(0x0c)
#define IOMMUFD_HWPT_INVALIDATE     IOMMUFD_IO(0x0d)
#define IOMMUFD_FAULT_QUEUE_ALLOC   IOMMUFD_IO(0x0e)
#define IOMMUFD_VIOMMU_ALLOC        IOMMUFD_IO(0x10)
#define IOMMUFD_VDEVICE_ALLOC       IOMMUFD_IO(0x11)
#define IOMMUFD_VEVENTQ_ALLOC       IOMMUFD_IO(0x13)

typedef struct IommufdDestroy {
    uint32_t size;
    uint32_t id;
} IommufdDestroy;
_Static_assert(sizeof(IommufdDestroy) == 8, "layout");

typedef struct IoasAlloc {
    uint32_t size;
    uint32_t flags;
    uint32_t out_ioas_id;
} IoasAlloc;
_Static_assert(sizeof(IoasAlloc) == 12, "layout");

#define IOAS_MAP_FIXED_IOVA         (1u << 0)
#define IOAS_MAP_WRITEABLE          (1u << 1)
#define IOAS_MAP_READABLE           (1u << 2)

typedef struct IoasMap {
    uint32_t size;
    uint32_t flags;
    uint32_t ioas_id;
    uint32_t reserved;
    uint64_t user_va;
    uint64_t length;
    uint64_t iova;
} IoasMap;
_Static_assert(sizeof(IoasMap) == 40, "layout");

typedef struct IoasUnmap {
    uint32_t size;
    uint32_t ioas_id;
    uint64_t iova;
    uint64_t length;
} IoasUnmap;
_Static_assert(sizeof(IoasUnmap) == 24, "layout");

#define IOAS_OPTION_HUGE_PAGES      1

typedef struct IoasOption {
    uint32_t size;
    uint32_t option_id;
    uint16_t op;            /* 0: set */
    uint16_t reserved;
    uint32_t object_id;
    uint64_t value;
} IoasOption;
_Static_assert(sizeof(IoasOption) == 24, "layout");

#define HWPT_NEST_PARENT            (1u << 0)
#define HWPT_DIRTY_TRACKING         (1u << 1)
#define HWPT_FAULT_ID_VALID         (1u << 2)
#define HWPT_PASID                  (1u << 3)
#define HWPT_DATA_NONE              0
#define HWPT_DATA_VTD_S1            1
#define HWPT_DATA_ARM_SMMUV3        2

typedef struct HwptAlloc {
    uint32_t size;
    uint32_t flags;
    uint32_t dev_id;
    uint32_t pt_id;
    uint32_t out_hwpt_id;
    uint32_t reserved;
    uint32_t data_type;
    uint32_t data_len;
    uint64_t data;
    uint32_t fault_id;
    uint32_t reserved2;
} HwptAlloc;
_Static_assert(sizeof(HwptAlloc) == 48, "layout");

typedef struct HwptVtdS1 {
    uint64_t flags;
    uint64_t table;         /* an address in the parent's address space */
    uint32_t addr_width;
    uint32_t reserved;
} HwptVtdS1;
_Static_assert(sizeof(HwptVtdS1) == 24, "layout");

typedef struct HwptArmSmmuv3 {
    uint64_t ste[2];        /* of an entry of the stream table, no more */
} HwptArmSmmuv3;
_Static_assert(sizeof(HwptArmSmmuv3) == 16, "layout");

#define HW_INFO_INTEL_VTD           1
#define HW_INFO_ARM_SMMUV3          2
#define HW_CAP_DIRTY_TRACKING       (1u << 0)

typedef struct HwInfo {
    uint32_t size;
    uint32_t flags;
    uint32_t dev_id;
    uint32_t data_len;
    uint64_t data;
    uint32_t out_data_type;
    uint8_t out_max_pasid_log2;
    uint8_t reserved[3];
    uint64_t out_capabilities;
} HwInfo;
_Static_assert(sizeof(HwInfo) == 40, "layout");

typedef struct HwInfoVtd {
    uint32_t flags;
    uint32_t reserved;
    uint64_t cap;
    uint64_t ecap;
} HwInfoVtd;
_Static_assert(sizeof(HwInfoVtd) == 24, "layout");

typedef struct HwInfoSmmuv3 {
    uint32_t flags;
    uint32_t reserved;
    uint32_t idr[6];
    uint32_t iidr;
    uint32_t aidr;
} HwInfoSmmuv3;
_Static_assert(sizeof(HwInfoSmmuv3) == 40, "layout");

typedef struct HwptSetDirty {
    uint32_t size;
    uint32_t flags;         /* 1: on */
    uint32_t hwpt_id;
    uint32_t reserved;
} HwptSetDirty;
_Static_assert(sizeof(HwptSetDirty) == 16, "layout");

typedef struct HwptGetDirty {
    uint32_t size;
    uint32_t hwpt_id;
    uint32_t flags;
    uint32_t reserved;
    uint64_t iova;
    uint64_t length;
    uint64_t page_size;
    uint64_t data;
} HwptGetDirty;
_Static_assert(sizeof(HwptGetDirty) == 48, "layout");

typedef struct HwptInvalidate {
    uint32_t size;
    uint32_t hwpt_id;
    uint64_t data;
    uint32_t data_type;     /* 0: entries are HwptVtdS1Invalidate */
    uint32_t entry_len;
    uint32_t entry_num;     /* out: how many were carried out */
    uint32_t reserved;
} HwptInvalidate;
_Static_assert(sizeof(HwptInvalidate) == 32, "layout");

#define VTD_S1_INVALIDATE_LEAF      (1u << 0)

typedef struct HwptVtdS1Invalidate {
    uint64_t addr;
    uint64_t npages;        /* all ones, with addr 0: everything */
    uint32_t flags;
    uint32_t reserved;
} HwptVtdS1Invalidate;
_Static_assert(sizeof(HwptVtdS1Invalidate) == 24, "layout");

#define VIOMMU_INVALIDATE_SMMUV3    1   /* data_type; entries are commands */

typedef struct SmmuCommand {
    uint64_t word[2];
} SmmuCommand;
_Static_assert(sizeof(SmmuCommand) == 16, "layout");

#define VIOMMU_TYPE_ARM_SMMUV3      1

typedef struct ViommuAlloc {
    uint32_t size;
    uint32_t flags;
    uint32_t type;
    uint32_t dev_id;
    uint32_t hwpt_id;       /* the parent */
    uint32_t out_viommu_id;
    uint32_t data_len;
    uint32_t reserved;
    uint64_t data;
} ViommuAlloc;
_Static_assert(sizeof(ViommuAlloc) == 40, "layout");

typedef struct VdeviceAlloc {
    uint32_t size;
    uint32_t viommu_id;
    uint32_t dev_id;
    uint32_t out_vdevice_id;
    uint64_t virt_id;       /* StreamID of the guest's */
} VdeviceAlloc;
_Static_assert(sizeof(VdeviceAlloc) == 24, "layout");

#define VEVENTQ_ARM_SMMUV3          1
#define VEVENTQ_LOST_EVENTS         (1u << 0)

typedef struct VeventqAlloc {
    uint32_t size;
    uint32_t flags;
    uint32_t viommu_id;
    uint32_t type;
    uint32_t depth;
    uint32_t out_veventq_id;
    uint32_t out_veventq_fd;
    uint32_t reserved;
} VeventqAlloc;
_Static_assert(sizeof(VeventqAlloc) == 32, "layout");

/* read from an event queue; without the event when events were lost */
typedef struct SmmuVevent {
    uint32_t flags;
    uint32_t sequence;
    uint64_t word[4];
} SmmuVevent;
_Static_assert(sizeof(SmmuVevent) == 40, "layout");

typedef struct FaultQueueAlloc {
    uint32_t size;
    uint32_t flags;
    uint32_t out_fault_id;
    uint32_t out_fault_fd;
} FaultQueueAlloc;
_Static_assert(sizeof(FaultQueueAlloc) == 16, "layout");

#define PGFAULT_PASID_VALID         (1u << 0)
#define PGFAULT_LAST_PAGE           (1u << 1)
#define PGFAULT_READ                (1u << 0)
#define PGFAULT_WRITE               (1u << 1)

/* read from a fault queue */
typedef struct PageFault {
    uint32_t flags;
    uint32_t dev_id;
    uint32_t pasid;
    uint32_t grpid;
    uint32_t perm;
    uint32_t reserved;
    uint64_t addr;
    uint32_t length;
    uint32_t cookie;
} PageFault;
_Static_assert(sizeof(PageFault) == 40, "layout");

#define PAGE_ANSWER_SUCCESS         0
#define PAGE_ANSWER_INVALID         1

/* written to a fault queue */
typedef struct PageAnswer {
    uint32_t cookie;
    uint32_t code;
} PageAnswer;
_Static_assert(sizeof(PageAnswer) == 8, "layout");

/* --- VFIO ---------------------------------------------------------------- */

#define VFIO_IO(n)                  _IO(';', 100 + (n))
#define VFIO_GET_REGION_INFO        VFIO_IO(8)
#define VFIO_BIND_IOMMUFD           VFIO_IO(18)
#define VFIO_ATTACH_PT              VFIO_IO(19)
#define VFIO_DETACH_PT              VFIO_IO(20)

#define VFIO_REGION_BAR0            0
#define VFIO_REGION_CONFIG          7

typedef struct VfioRegionInfo {
    uint32_t argsz;
    uint32_t flags;
    uint32_t index;
    uint32_t cap_offset;
    uint64_t size;
    uint64_t offset;
} VfioRegionInfo;
_Static_assert(sizeof(VfioRegionInfo) == 32, "layout");

/* as in the first kernels that had it; later ones accept it */
typedef struct VfioBind {
    uint32_t argsz;
    uint32_t flags;
    int32_t iommufd;
    uint32_t out_devid;
} VfioBind;
_Static_assert(sizeof(VfioBind) == 16, "layout");

#define VFIO_PT_PASID               (1u << 0)

/* without VFIO_PT_PASID, argsz may leave the PASID out */
typedef struct VfioAttach {
    uint32_t argsz;
    uint32_t flags;
    uint32_t pt_id;
    uint32_t pasid;
} VfioAttach;
_Static_assert(sizeof(VfioAttach) == 16, "layout");

typedef struct VfioDetach {
    uint32_t argsz;
    uint32_t flags;
    uint32_t pasid;
} VfioDetach;
_Static_assert(sizeof(VfioDetach) == 12, "layout");

#endif
