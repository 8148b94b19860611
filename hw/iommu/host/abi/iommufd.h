/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ABI of Linux's /dev/iommu (iommufd): numbers and layouts, under names of
 * our own, so that one file may include this and <linux/iommufd.h>.  Each
 * structure begins with its own size.  A kernel answers
 *
 *   ENOTTY      no such ioctl
 *   E2BIG       bytes behind the end of what it knows, and not zero
 *   EOPNOTSUPP  a known field with a value that is not supported
 *   EINVAL      a field that is not correct
 *   ENOENT      no such ID or IOVA
 *   ENOMEM, EOVERFLOW
 *
 * Members called "data" and "*_list" are addresses of the caller's memory.
 */
#ifndef HW_IOMMU_HOST_ABI_IOMMUFD_H
#define HW_IOMMU_HOST_ABI_IOMMUFD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define IOMMUFD_ABI_IO(n)           _IO(';', n)
#define IOMMUFD_DESTROY             IOMMUFD_ABI_IO(0x80)
#define IOMMUFD_IOAS_ALLOC          IOMMUFD_ABI_IO(0x81)
#define IOMMUFD_IOAS_ALLOW_IOVAS    IOMMUFD_ABI_IO(0x82)
#define IOMMUFD_IOAS_COPY           IOMMUFD_ABI_IO(0x83)
#define IOMMUFD_IOAS_IOVA_RANGES    IOMMUFD_ABI_IO(0x84)
#define IOMMUFD_IOAS_MAP            IOMMUFD_ABI_IO(0x85)
#define IOMMUFD_IOAS_UNMAP          IOMMUFD_ABI_IO(0x86)
#define IOMMUFD_OPTION              IOMMUFD_ABI_IO(0x87)
#define IOMMUFD_VFIO_IOAS           IOMMUFD_ABI_IO(0x88)
#define IOMMUFD_HWPT_ALLOC          IOMMUFD_ABI_IO(0x89)
#define IOMMUFD_GET_HW_INFO         IOMMUFD_ABI_IO(0x8a)
#define IOMMUFD_HWPT_SET_DIRTY_TRACKING IOMMUFD_ABI_IO(0x8b)
#define IOMMUFD_HWPT_GET_DIRTY_BITMAP   IOMMUFD_ABI_IO(0x8c)
#define IOMMUFD_HWPT_INVALIDATE     IOMMUFD_ABI_IO(0x8d)
#define IOMMUFD_FAULT_QUEUE_ALLOC   IOMMUFD_ABI_IO(0x8e)
#define IOMMUFD_IOAS_MAP_FILE       IOMMUFD_ABI_IO(0x8f)
#define IOMMUFD_VIOMMU_ALLOC        IOMMUFD_ABI_IO(0x90)
#define IOMMUFD_VDEVICE_ALLOC       IOMMUFD_ABI_IO(0x91)
#define IOMMUFD_IOAS_CHANGE_PROCESS IOMMUFD_ABI_IO(0x92)
#define IOMMUFD_VEVENTQ_ALLOC       IOMMUFD_ABI_IO(0x93)
#define IOMMUFD_HW_QUEUE_ALLOC      IOMMUFD_ABI_IO(0x94)
#define IOMMUFD_IOAS_NOIOMMU_GET_PA IOMMUFD_ABI_IO(0x95)

typedef struct IommufdDestroy {
    uint32_t size;
    uint32_t id;
} IommufdDestroy;
_Static_assert(sizeof(IommufdDestroy) == 8, "layout");

/* --- I/O address spaces -------------------------------------------------- */

typedef struct IommufdIoasAlloc {
    uint32_t size;
    uint32_t flags;             /* 0 */
    uint32_t out_ioas_id;
} IommufdIoasAlloc;
_Static_assert(sizeof(IommufdIoasAlloc) == 12, "layout");

typedef struct IommufdIovaRange {
    uint64_t start;
    uint64_t last;              /* inclusive */
} IommufdIovaRange;
_Static_assert(sizeof(IommufdIovaRange) == 16, "layout");

typedef struct IommufdIoasIovaRanges {
    uint32_t size;
    uint32_t ioas_id;
    uint32_t num_iovas;         /* in: of the array; out: in all */
    uint32_t reserved;
    uint64_t allowed_list;      /* IommufdIovaRange */
    uint64_t out_iova_alignment;
} IommufdIoasIovaRanges;
_Static_assert(sizeof(IommufdIoasIovaRanges) == 32 &&
               offsetof(IommufdIoasIovaRanges, allowed_list) == 16, "layout");

typedef struct IommufdIoasAllowIovas {
    uint32_t size;
    uint32_t ioas_id;
    uint32_t num_iovas;
    uint32_t reserved;
    uint64_t allowed_list;      /* IommufdIovaRange */
} IommufdIoasAllowIovas;
_Static_assert(sizeof(IommufdIoasAllowIovas) == 24 &&
               offsetof(IommufdIoasAllowIovas, allowed_list) == 16, "layout");

/* flags of map, map file and copy */
#define IOMMUFD_MAP_FIXED_IOVA      (1u << 0)
#define IOMMUFD_MAP_WRITEABLE       (1u << 1)
#define IOMMUFD_MAP_READABLE        (1u << 2)

typedef struct IommufdIoasMap {
    uint32_t size;
    uint32_t flags;
    uint32_t ioas_id;
    uint32_t reserved;
    uint64_t user_va;
    uint64_t length;
    uint64_t iova;              /* out without IOMMUFD_MAP_FIXED_IOVA */
} IommufdIoasMap;
_Static_assert(sizeof(IommufdIoasMap) == 40 &&
               offsetof(IommufdIoasMap, user_va) == 16 &&
               offsetof(IommufdIoasMap, iova) == 32, "layout");

typedef struct IommufdIoasMapFile {
    uint32_t size;
    uint32_t flags;
    uint32_t ioas_id;
    int32_t fd;
    uint64_t start;
    uint64_t length;
    uint64_t iova;
} IommufdIoasMapFile;
_Static_assert(sizeof(IommufdIoasMapFile) == 40 &&
               offsetof(IommufdIoasMapFile, start) == 16, "layout");

typedef struct IommufdIoasCopy {
    uint32_t size;
    uint32_t flags;
    uint32_t dst_ioas_id;
    uint32_t src_ioas_id;
    uint64_t length;
    uint64_t dst_iova;
    uint64_t src_iova;
} IommufdIoasCopy;
_Static_assert(sizeof(IommufdIoasCopy) == 40 &&
               offsetof(IommufdIoasCopy, length) == 16 &&
               offsetof(IommufdIoasCopy, src_iova) == 32, "layout");

/* iova 0 and length UINT64_MAX: everything */
typedef struct IommufdIoasUnmap {
    uint32_t size;
    uint32_t ioas_id;
    uint64_t iova;
    uint64_t length;            /* out: what has been unmapped */
} IommufdIoasUnmap;
_Static_assert(sizeof(IommufdIoasUnmap) == 24 &&
               offsetof(IommufdIoasUnmap, iova) == 8, "layout");

typedef struct IommufdIoasChangeProcess {
    uint32_t size;
    uint32_t reserved;
} IommufdIoasChangeProcess;
_Static_assert(sizeof(IommufdIoasChangeProcess) == 8, "layout");

typedef struct IommufdIoasNoiommuGetPa {
    uint32_t size;
    uint32_t flags;             /* 0 */
    uint32_t ioas_id;
    uint32_t reserved;
    uint64_t iova;
    uint64_t length;            /* out: contiguous bytes */
    uint64_t out_phys;
} IommufdIoasNoiommuGetPa;
_Static_assert(sizeof(IommufdIoasNoiommuGetPa) == 40 &&
               offsetof(IommufdIoasNoiommuGetPa, iova) == 16, "layout");

enum {
    IOMMUFD_OPTION_RLIMIT_MODE = 0, /* object_id 0 */
    IOMMUFD_OPTION_HUGE_PAGES = 1,  /* object_id of an IOAS */
};

enum {
    IOMMUFD_OPTION_OP_SET = 0,
    IOMMUFD_OPTION_OP_GET = 1,
};

typedef struct IommufdOption {
    uint32_t size;
    uint32_t option_id;
    uint16_t op;
    uint16_t reserved;
    uint32_t object_id;
    uint64_t val64;
} IommufdOption;
_Static_assert(sizeof(IommufdOption) == 24 &&
               offsetof(IommufdOption, object_id) == 12 &&
               offsetof(IommufdOption, val64) == 16, "layout");

enum {
    IOMMUFD_VFIO_IOAS_GET = 0,
    IOMMUFD_VFIO_IOAS_SET = 1,
    IOMMUFD_VFIO_IOAS_CLEAR = 2,
};

typedef struct IommufdVfioIoas {
    uint32_t size;
    uint32_t ioas_id;
    uint16_t op;
    uint16_t reserved;
} IommufdVfioIoas;
_Static_assert(sizeof(IommufdVfioIoas) == 12 &&
               offsetof(IommufdVfioIoas, op) == 8, "layout");

/* --- Hardware ------------------------------------------------------------ */

enum {
    IOMMUFD_HW_INFO_NONE = 0,       /* asked for: the default */
    IOMMUFD_HW_INFO_INTEL_VTD = 1,
    IOMMUFD_HW_INFO_ARM_SMMUV3 = 2,
    IOMMUFD_HW_INFO_TEGRA241_CMDQV = 3,
    IOMMUFD_HW_INFO_AMD = 4,
};

/* out_capabilities */
#define IOMMUFD_HW_CAP_DIRTY_TRACKING   (1u << 0)
#define IOMMUFD_HW_CAP_PASID_EXEC       (1u << 1)
#define IOMMUFD_HW_CAP_PASID_PRIV       (1u << 2)
#define IOMMUFD_HW_CAP_NO_ATS           (1u << 3)

#define IOMMUFD_HW_INFO_INPUT_TYPE      (1u << 0)

typedef struct IommufdHwInfo {
    uint32_t size;
    uint32_t flags;
    uint32_t dev_id;
    uint32_t data_len;          /* out: what the kernel has */
    uint64_t data;
    uint32_t data_type;         /* in with IOMMUFD_HW_INFO_INPUT_TYPE; out */
    uint8_t out_max_pasid_log2; /* 0: no PASIDs */
    uint8_t reserved[3];
    uint64_t out_capabilities;
} IommufdHwInfo;
_Static_assert(sizeof(IommufdHwInfo) == 40 &&
               offsetof(IommufdHwInfo, data) == 16 &&
               offsetof(IommufdHwInfo, data_type) == 24 &&
               offsetof(IommufdHwInfo, out_max_pasid_log2) == 28 &&
               offsetof(IommufdHwInfo, out_capabilities) == 32, "layout");

/* no read-only mappings in a parent of nested tables */
#define IOMMUFD_HW_INFO_VTD_ERRATA_772415   (1u << 0)

typedef struct IommufdHwInfoVtd {
    uint32_t flags;
    uint32_t reserved;
    uint64_t cap_reg;
    uint64_t ecap_reg;
} IommufdHwInfoVtd;
_Static_assert(sizeof(IommufdHwInfoVtd) == 24 &&
               offsetof(IommufdHwInfoVtd, cap_reg) == 8, "layout");

/* TLBI and CFGI commands are to be given twice */
#define IOMMUFD_HW_INFO_SMMUV3_ERRATA_REPEAT    (1u << 0)

typedef struct IommufdHwInfoSmmuv3 {
    uint32_t flags;
    uint32_t reserved;
    uint32_t idr[6];
    uint32_t iidr;
    uint32_t aidr;
} IommufdHwInfoSmmuv3;
_Static_assert(sizeof(IommufdHwInfoSmmuv3) == 40 &&
               offsetof(IommufdHwInfoSmmuv3, idr) == 8 &&
               offsetof(IommufdHwInfoSmmuv3, iidr) == 32, "layout");

/* --- Hardware page tables ------------------------------------------------ */

#define IOMMUFD_HWPT_NEST_PARENT    (1u << 0)
#define IOMMUFD_HWPT_DIRTY_TRACKING (1u << 1)
#define IOMMUFD_HWPT_FAULT_ID       (1u << 2)   /* fault_id is valid */
#define IOMMUFD_HWPT_PASID          (1u << 3)

enum {
    IOMMUFD_HWPT_DATA_NONE = 0,
    IOMMUFD_HWPT_DATA_VTD_S1 = 1,
    IOMMUFD_HWPT_DATA_ARM_SMMUV3 = 2,
    IOMMUFD_HWPT_DATA_AMD_GUEST = 3,
};

typedef struct IommufdHwptAlloc {
    uint32_t size;
    uint32_t flags;
    uint32_t dev_id;
    uint32_t pt_id;             /* IOAS, or for a nested one HWPT or vIOMMU */
    uint32_t out_hwpt_id;
    uint32_t reserved;
    uint32_t data_type;
    uint32_t data_len;
    uint64_t data;
    uint32_t fault_id;
    uint32_t reserved2;
} IommufdHwptAlloc;
_Static_assert(sizeof(IommufdHwptAlloc) == 48 &&
               offsetof(IommufdHwptAlloc, data_type) == 24 &&
               offsetof(IommufdHwptAlloc, data) == 32 &&
               offsetof(IommufdHwptAlloc, fault_id) == 40, "layout");

#define IOMMUFD_VTD_S1_SRE          (1u << 0)
#define IOMMUFD_VTD_S1_EAFE         (1u << 1)
#define IOMMUFD_VTD_S1_WPE          (1u << 2)

typedef struct IommufdHwptVtdS1 {
    uint64_t flags;
    uint64_t pgtbl_addr;        /* in the parent's address space */
    uint32_t addr_width;
    uint32_t reserved;
} IommufdHwptVtdS1;
_Static_assert(sizeof(IommufdHwptVtdS1) == 24 &&
               offsetof(IommufdHwptVtdS1, addr_width) == 16, "layout");

/* words 0 and 1 of the guest's STE, little-endian; only
 * V, Config, S1Fmt, S1ContextPtr, S1CDMax,
 * EATS, S1DSS, S1CIR, S1COR, S1CSH, S1STALLD, else EIO */
typedef struct IommufdHwptSmmuv3 {
    uint64_t ste[2];
} IommufdHwptSmmuv3;
_Static_assert(sizeof(IommufdHwptSmmuv3) == 16, "layout");

#define IOMMUFD_HWPT_DIRTY_TRACKING_ENABLE  (1u << 0)

typedef struct IommufdHwptSetDirty {
    uint32_t size;
    uint32_t flags;
    uint32_t hwpt_id;
    uint32_t reserved;
} IommufdHwptSetDirty;
_Static_assert(sizeof(IommufdHwptSetDirty) == 16, "layout");

#define IOMMUFD_HWPT_DIRTY_NO_CLEAR         (1u << 0)

typedef struct IommufdHwptGetDirty {
    uint32_t size;
    uint32_t hwpt_id;
    uint32_t flags;
    uint32_t reserved;
    uint64_t iova;
    uint64_t length;
    uint64_t page_size;
    uint64_t data;              /* a bit per page, words of 64 bits */
} IommufdHwptGetDirty;
_Static_assert(sizeof(IommufdHwptGetDirty) == 48 &&
               offsetof(IommufdHwptGetDirty, iova) == 16 &&
               offsetof(IommufdHwptGetDirty, data) == 40, "layout");

enum {
    IOMMUFD_INVALIDATE_VTD_S1 = 0,
    IOMMUFD_INVALIDATE_ARM_SMMUV3 = 1,  /* of a vIOMMU */
};

typedef struct IommufdHwptInvalidate {
    uint32_t size;
    uint32_t hwpt_id;           /* or the ID of a vIOMMU */
    uint64_t data;
    uint32_t data_type;
    uint32_t entry_len;
    uint32_t entry_num;         /* out: so many have been carried out */
    uint32_t reserved;
} IommufdHwptInvalidate;
_Static_assert(sizeof(IommufdHwptInvalidate) == 32 &&
               offsetof(IommufdHwptInvalidate, data) == 8 &&
               offsetof(IommufdHwptInvalidate, entry_num) == 24, "layout");

#define IOMMUFD_VTD_INVALIDATE_LEAF (1u << 0)

/* addr 0 and npages UINT64_MAX: everything of the table */
typedef struct IommufdVtdS1Invalidate {
    uint64_t addr;
    uint64_t npages;            /* of 4 KiB */
    uint32_t flags;
    uint32_t reserved;
} IommufdVtdS1Invalidate;
_Static_assert(sizeof(IommufdVtdS1Invalidate) == 24 &&
               offsetof(IommufdVtdS1Invalidate, flags) == 16, "layout");

/* a command as the guest wrote it, little-endian */
typedef struct IommufdSmmuv3Invalidate {
    uint64_t cmd[2];
} IommufdSmmuv3Invalidate;
_Static_assert(sizeof(IommufdSmmuv3Invalidate) == 16, "layout");

/* --- Page requests ------------------------------------------------------- */

typedef struct IommufdFaultQueueAlloc {
    uint32_t size;
    uint32_t flags;             /* 0 */
    uint32_t out_fault_id;
    uint32_t out_fault_fd;
} IommufdFaultQueueAlloc;
_Static_assert(sizeof(IommufdFaultQueueAlloc) == 16, "layout");

#define IOMMUFD_PGFAULT_PASID_VALID (1u << 0)
#define IOMMUFD_PGFAULT_LAST_PAGE   (1u << 1)

#define IOMMUFD_PGFAULT_READ        (1u << 0)
#define IOMMUFD_PGFAULT_WRITE       (1u << 1)
#define IOMMUFD_PGFAULT_EXEC        (1u << 2)
#define IOMMUFD_PGFAULT_PRIV        (1u << 3)

/* read from a fault queue's descriptor */
typedef struct IommufdPgfault {
    uint32_t flags;
    uint32_t dev_id;
    uint32_t pasid;
    uint32_t grpid;
    uint32_t perm;
    uint32_t reserved;
    uint64_t addr;
    uint32_t length;
    uint32_t cookie;
} IommufdPgfault;
_Static_assert(sizeof(IommufdPgfault) == 40 &&
               offsetof(IommufdPgfault, addr) == 24 &&
               offsetof(IommufdPgfault, cookie) == 36, "layout");

enum {
    IOMMUFD_RESPONSE_SUCCESS = 0,
    IOMMUFD_RESPONSE_INVALID = 1,
};

/* written to it */
typedef struct IommufdPageResponse {
    uint32_t cookie;
    uint32_t code;
} IommufdPageResponse;
_Static_assert(sizeof(IommufdPageResponse) == 8, "layout");

/* --- Virtual IOMMUs ------------------------------------------------------ */

enum {
    IOMMUFD_VIOMMU_DEFAULT = 0,         /* reserved */
    IOMMUFD_VIOMMU_ARM_SMMUV3 = 1,
    IOMMUFD_VIOMMU_TEGRA241_CMDQV = 2,
};

typedef struct IommufdViommuAlloc {
    uint32_t size;
    uint32_t flags;             /* 0 */
    uint32_t type;
    uint32_t dev_id;
    uint32_t hwpt_id;           /* a parent of nested tables */
    uint32_t out_viommu_id;
    uint32_t data_len;
    uint32_t reserved;
    uint64_t data;
} IommufdViommuAlloc;
_Static_assert(sizeof(IommufdViommuAlloc) == 40 &&
               offsetof(IommufdViommuAlloc, data) == 32, "layout");

typedef struct IommufdVdeviceAlloc {
    uint32_t size;
    uint32_t viommu_id;
    uint32_t dev_id;
    uint32_t out_vdevice_id;
    uint64_t virt_id;           /* the guest's StreamID */
} IommufdVdeviceAlloc;
_Static_assert(sizeof(IommufdVdeviceAlloc) == 24 &&
               offsetof(IommufdVdeviceAlloc, virt_id) == 16, "layout");

enum {
    IOMMUFD_VEVENTQ_DEFAULT = 0,        /* reserved */
    IOMMUFD_VEVENTQ_ARM_SMMUV3 = 1,
    IOMMUFD_VEVENTQ_TEGRA241_CMDQV = 2,
};

typedef struct IommufdVeventqAlloc {
    uint32_t size;
    uint32_t flags;             /* 0 */
    uint32_t viommu_id;
    uint32_t type;
    uint32_t veventq_depth;
    uint32_t out_veventq_id;
    uint32_t out_veventq_fd;
    uint32_t reserved;
} IommufdVeventqAlloc;
_Static_assert(sizeof(IommufdVeventqAlloc) == 32 &&
               offsetof(IommufdVeventqAlloc, veventq_depth) == 16, "layout");

/* nothing follows this header */
#define IOMMUFD_VEVENT_LOST_EVENTS  (1u << 0)

/* read from an event queue's descriptor, before each record */
typedef struct IommufdVeventHeader {
    uint32_t flags;
    uint32_t sequence;          /* 0 .. INT32_MAX, then 0 */
} IommufdVeventHeader;
_Static_assert(sizeof(IommufdVeventHeader) == 8, "layout");

/* little-endian; the StreamID is the guest's */
typedef struct IommufdVeventSmmuv3 {
    uint64_t evt[4];
} IommufdVeventSmmuv3;
_Static_assert(sizeof(IommufdVeventSmmuv3) == 32, "layout");

enum {
    IOMMUFD_HW_QUEUE_DEFAULT = 0,       /* reserved */
    IOMMUFD_HW_QUEUE_TEGRA241_CMDQV = 1,
};

typedef struct IommufdHwQueueAlloc {
    uint32_t size;
    uint32_t flags;             /* 0 */
    uint32_t viommu_id;
    uint32_t type;
    uint32_t index;
    uint32_t out_hw_queue_id;
    uint64_t nesting_parent_iova;
    uint64_t length;
} IommufdHwQueueAlloc;
_Static_assert(sizeof(IommufdHwQueueAlloc) == 40 &&
               offsetof(IommufdHwQueueAlloc, nesting_parent_iova) == 24,
               "layout");

#endif
