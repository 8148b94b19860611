/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user API for shared virtual addressing in guests (vSVA), of the time
 * before iommufd: ioctls of a VFIO container with nesting, which carry
 * structures of the IOMMU user API.  No released kernel has the ioctls; the
 * structures were in Linux from 5.2 on and are gone.  They exist in two forms:
 *
 *   versioned  "version" is the first word, as it was proposed with the ioctls
 *              [UAPI 003 "IOMMU_UAPI_VERSION"].
 *   merged     "argsz" comes first, the size that the caller knows: at least
 *              what the flags ask for, else EINVAL; a newer caller's is larger
 *              [UAPI 000 "argsz"].
 *
 * In both, unknown versions and flags, and padding that is not zero, are
 * EINVAL [UAPI 000 "checks content of the UAPI data for non-zero"].  A kernel
 * speaks one form.
 */
#ifndef HW_IOMMU_HOST_ABI_VSVA_H
#define HW_IOMMU_HOST_ABI_VSVA_H

#include "hw/iommu/host/abi/vfio.h"

#define VSVA_VERSION                1

/* --- VFIO ---------------------------------------------------------------- */

/* An extension of containers: the IOMMU user API's version
 * [UAPI 003 "VFIO_NESTING_IOMMU_UAPI"].  In today's Linux the same number is
 * VFIO_ABI_UNMAP_ALL. */
#define VSVA_EXTENSION_UAPI         9

/* In a container with nesting, in place of VFIO_ABI_IOMMU_CAP_MIGRATION
 * [UAPI 003 "VFIO_IOMMU_TYPE1_INFO_CAP_NESTING"]. */
#define VSVA_IOMMU_CAP_NESTING      2
#define VSVA_NESTING_PASID_REQS     (1u << 0)
#define VSVA_STAGE1_INTEL_VTD       (1u << 1)   /* 1 << VSVA_FORMAT_... */

typedef struct VsvaIommuCapNesting {
    VfioCapHeader header;
    uint32_t nesting_capabilities;
    uint32_t stage1_formats;
} VsvaIommuCapNesting;
_Static_assert(sizeof(VsvaIommuCapNesting) == 16 &&
               offsetof(VsvaIommuCapNesting, stage1_formats) == 12, "layout");

#define VSVA_PASID_REQUEST          VFIO_ABI_IO(22)
#define VSVA_BIND                   VFIO_ABI_IO(23)
#define VSVA_CACHE_INVALIDATE       VFIO_ABI_IO(24)

/* [UAPI 003 "vfio_iommu_type1_pasid_request"] */
#define VSVA_PASID_ALLOC            (1u << 0)
#define VSVA_PASID_FREE             (1u << 1)

typedef struct VsvaPasidRequest {
    uint32_t argsz;             /* 12 is enough for VSVA_PASID_FREE */
    uint32_t flags;             /* one of the two */
    union {
        struct {
            uint32_t min;
            uint32_t max;       /* inclusive */
            uint32_t result;
        } alloc;
        uint32_t free;
    };
} VsvaPasidRequest;
_Static_assert(sizeof(VsvaPasidRequest) == 20 &&
               offsetof(VsvaPasidRequest, alloc.min) == 8 &&
               offsetof(VsvaPasidRequest, alloc.result) == 16 &&
               offsetof(VsvaPasidRequest, free) == 8, "layout");

#define VSVA_BIND_GUEST_PGTBL       (1u << 0)
#define VSVA_UNBIND_GUEST_PGTBL     (1u << 1)

/* The data is a VsvaBindData or a VsvaBindDataV
 * [UAPI 003 "vfio_iommu_type1_bind"]. */
typedef struct VsvaBind {
    uint32_t argsz;             /* with data */
    uint32_t flags;             /* one of the two */
    uint8_t data[];
} VsvaBind;
_Static_assert(sizeof(VsvaBind) == 8, "layout");

/* The data is a VsvaInvalidateInfo or a VsvaInvalidateInfoV
 * [UAPI 003 "vfio_iommu_type1_cache_invalidate"]. */
typedef struct VsvaInvalidate {
    uint32_t argsz;             /* with data */
    uint32_t flags;             /* 0 */
    uint8_t data[];
} VsvaInvalidate;
_Static_assert(sizeof(VsvaInvalidate) == 8, "layout");

/* --- Guest tables -------------------------------------------------------- */

#define VSVA_FORMAT_INTEL_VTD       1

#define VSVA_BIND_GPASID_VALID      (1u << 0)   /* gpasid is valid */

#define VSVA_VTD_SRE                (1u << 0)
#define VSVA_VTD_EAFE               (1u << 1)
#define VSVA_VTD_PCD                (1u << 2)
#define VSVA_VTD_PWT                (1u << 3)
#define VSVA_VTD_EMTE               (1u << 4)
#define VSVA_VTD_CD                 (1u << 5)
#define VSVA_VTD_FLAGS              0x3fu

typedef struct VsvaBindVtd {
    uint64_t flags;
    uint32_t pat;
    uint32_t emt;
} VsvaBindVtd;
_Static_assert(sizeof(VsvaBindVtd) == 16, "layout");

/* merged */
typedef struct VsvaBindData {
    uint32_t argsz;             /* up to the end of the format's member */
    uint32_t version;
    uint32_t format;
    uint32_t addr_width;
    uint64_t flags;
    uint64_t gpgd;              /* guest-physical */
    uint64_t hpasid;
    uint64_t gpasid;
    uint8_t padding[8];
    union {
        VsvaBindVtd vtd;
    };
} VsvaBindData;
_Static_assert(sizeof(VsvaBindData) == 72 &&
               offsetof(VsvaBindData, flags) == 16 &&
               offsetof(VsvaBindData, gpasid) == 40 &&
               offsetof(VsvaBindData, padding) == 48 &&
               offsetof(VsvaBindData, vtd) == 56, "layout");

/* versioned */
typedef struct VsvaBindDataV {
    uint32_t version;
    uint32_t format;
    uint64_t flags;
    uint64_t gpgd;
    uint64_t hpasid;
    uint64_t gpasid;
    uint32_t addr_width;
    uint8_t padding[12];
    union {
        uint8_t dummy[128];
        VsvaBindVtd vtd;
    };
} VsvaBindDataV;
_Static_assert(sizeof(VsvaBindDataV) == 184 &&
               offsetof(VsvaBindDataV, flags) == 8 &&
               offsetof(VsvaBindDataV, addr_width) == 40 &&
               offsetof(VsvaBindDataV, vtd) == 56, "layout");

/* --- Invalidation -------------------------------------------------------- */

#define VSVA_CACHE_IOTLB            (1u << 0)
#define VSVA_CACHE_DEV_IOTLB        (1u << 1)
#define VSVA_CACHE_PASID            (1u << 2)

/* Which granularity goes with which cache [UAPI 003 "cache/granularity"]:
 *
 *               DEV_IOTLB  IOTLB  PASID cache
 *   DOMAIN          -        y        y
 *   PASID           y        y        y
 *   ADDR            y        y        -
 */
enum {
    VSVA_GRANU_DOMAIN = 0,
    VSVA_GRANU_PASID = 1,
    VSVA_GRANU_ADDR = 2,
};

#define VSVA_INVALIDATE_PASID       (1u << 0)   /* pasid is valid */
#define VSVA_INVALIDATE_ARCHID      (1u << 1)   /* archid is valid */
#define VSVA_INVALIDATE_LEAF        (1u << 2)   /* of addresses only */

typedef struct VsvaInvalidatePasid {
    uint32_t flags;
    uint32_t archid;
    uint64_t pasid;
} VsvaInvalidatePasid;
_Static_assert(sizeof(VsvaInvalidatePasid) == 16 &&
               offsetof(VsvaInvalidatePasid, pasid) == 8, "layout");

typedef struct VsvaInvalidateAddr {
    uint32_t flags;
    uint32_t archid;
    uint64_t pasid;
    uint64_t addr;
    uint64_t granule_size;
    uint64_t nb_granules;
} VsvaInvalidateAddr;
_Static_assert(sizeof(VsvaInvalidateAddr) == 40 &&
               offsetof(VsvaInvalidateAddr, addr) == 16, "layout");

/* merged */
typedef struct VsvaInvalidateInfo {
    uint32_t argsz;             /* up to the end of the granularity's member */
    uint32_t version;
    uint8_t cache;
    uint8_t granularity;
    uint8_t padding[6];
    union {
        VsvaInvalidatePasid pasid_info;
        VsvaInvalidateAddr addr_info;
    };
} VsvaInvalidateInfo;
_Static_assert(sizeof(VsvaInvalidateInfo) == 56 &&
               offsetof(VsvaInvalidateInfo, cache) == 8 &&
               offsetof(VsvaInvalidateInfo, padding) == 10 &&
               offsetof(VsvaInvalidateInfo, pasid_info) == 16, "layout");

/* versioned */
typedef struct VsvaInvalidateInfoV {
    uint32_t version;
    uint8_t cache;
    uint8_t granularity;
    uint8_t padding[2];
    union {
        VsvaInvalidatePasid pasid_info;
        VsvaInvalidateAddr addr_info;
    };
} VsvaInvalidateInfoV;
_Static_assert(sizeof(VsvaInvalidateInfoV) == 48 &&
               offsetof(VsvaInvalidateInfoV, granularity) == 5 &&
               offsetof(VsvaInvalidateInfoV, pasid_info) == 8, "layout");

/* --- Faults -------------------------------------------------------------- */

/* [UAPI 003 "iommu_fault_type"] */
enum {
    VSVA_FAULT_UNRECOVERABLE = 1,
    VSVA_FAULT_PAGE_REQUEST = 2,
};

/* [UAPI 003 "iommu_fault_reason"] */
enum {
    VSVA_REASON_UNKNOWN = 0,
    VSVA_REASON_PASID_FETCH = 1,
    VSVA_REASON_BAD_PASID_ENTRY = 2,
    VSVA_REASON_PASID_INVALID = 3,
    VSVA_REASON_WALK_EABT = 4,
    VSVA_REASON_PTE_FETCH = 5,
    VSVA_REASON_PERMISSION = 6,
    VSVA_REASON_ACCESS = 7,
    VSVA_REASON_OOR_ADDRESS = 8,
};

#define VSVA_PERM_READ              (1u << 0)
#define VSVA_PERM_WRITE             (1u << 1)
#define VSVA_PERM_EXEC              (1u << 2)
#define VSVA_PERM_PRIV              (1u << 3)

#define VSVA_UNRECOV_PASID_VALID    (1u << 0)
#define VSVA_UNRECOV_ADDR_VALID     (1u << 1)
#define VSVA_UNRECOV_FETCH_ADDR_VALID   (1u << 2)

typedef struct VsvaFaultUnrecoverable {
    uint32_t reason;
    uint32_t flags;
    uint32_t pasid;
    uint32_t perm;
    uint64_t addr;
    uint64_t fetch_addr;
} VsvaFaultUnrecoverable;
_Static_assert(sizeof(VsvaFaultUnrecoverable) == 32 &&
               offsetof(VsvaFaultUnrecoverable, addr) == 16, "layout");

#define VSVA_PAGE_REQUEST_PASID_VALID   (1u << 0)
#define VSVA_PAGE_REQUEST_LAST_PAGE     (1u << 1)
#define VSVA_PAGE_REQUEST_PRIV_DATA     (1u << 2)
/* of the merged form: the answer must carry the PASID */
#define VSVA_PAGE_REQUEST_NEEDS_PASID   (1u << 3)

typedef struct VsvaFaultPageRequest {
    uint32_t flags;
    uint32_t pasid;
    uint32_t grpid;
    uint32_t perm;
    uint64_t addr;
    uint64_t private_data[2];
} VsvaFaultPageRequest;
_Static_assert(sizeof(VsvaFaultPageRequest) == 40 &&
               offsetof(VsvaFaultPageRequest, addr) == 16 &&
               offsetof(VsvaFaultPageRequest, private_data) == 24, "layout");

typedef struct VsvaFault {
    uint32_t type;
    uint32_t padding;
    union {
        VsvaFaultUnrecoverable event;
        VsvaFaultPageRequest prm;
        uint8_t padding2[56];
    };
} VsvaFault;
_Static_assert(sizeof(VsvaFault) == 64 && offsetof(VsvaFault, prm) == 8,
               "layout");

/* [UAPI 003 "iommu_page_response_code"] */
enum {
    VSVA_RESPONSE_SUCCESS = 0,
    VSVA_RESPONSE_INVALID = 1,
    VSVA_RESPONSE_FAILURE = 2,
};

#define VSVA_RESPONSE_PASID_VALID   (1u << 0)

/* merged */
typedef struct VsvaPageResponse {
    uint32_t argsz;
    uint32_t version;
    uint32_t flags;
    uint32_t pasid;
    uint32_t grpid;
    uint32_t code;
} VsvaPageResponse;
_Static_assert(sizeof(VsvaPageResponse) == 24 &&
               offsetof(VsvaPageResponse, code) == 20, "layout");

/* versioned */
typedef struct VsvaPageResponseV {
    uint32_t version;
    uint32_t flags;
    uint32_t pasid;
    uint32_t grpid;
    uint32_t code;
} VsvaPageResponseV;
_Static_assert(sizeof(VsvaPageResponseV) == 20 &&
               offsetof(VsvaPageResponseV, code) == 16, "layout");

/* Faults come through a region of the device with a ring: the kernel moves
 * head, the user tail.  Answers go through a second one, where the user moves
 * head and the kernel tail.  The first word is what the user writes, and the
 * only one; the entries, at offset, are mapped. */
#define VSVA_REGION_TYPE_NESTED             2
#define VSVA_REGION_SUBTYPE_DMA_FAULT       1
#define VSVA_REGION_SUBTYPE_FAULT_RESPONSE  2
#define VSVA_REGION_CAP_DMA_FAULT           6
#define VSVA_REGION_CAP_FAULT_RESPONSE      7

typedef struct VsvaRegionCapFault {
    VfioCapHeader header;
    uint32_t version;           /* of the records */
} VsvaRegionCapFault;
_Static_assert(sizeof(VsvaRegionCapFault) == 12, "layout");

typedef struct VsvaFaultRing {
    uint32_t tail;
    uint32_t entry_size;
    uint32_t nb_entries;
    uint32_t offset;
    uint32_t head;
} VsvaFaultRing;
_Static_assert(sizeof(VsvaFaultRing) == 20 &&
               offsetof(VsvaFaultRing, head) == 16, "layout");

typedef struct VsvaResponseRing {
    uint32_t head;
    uint32_t entry_size;
    uint32_t nb_entries;
    uint32_t offset;
    uint32_t tail;
} VsvaResponseRing;
_Static_assert(sizeof(VsvaResponseRing) == 20 &&
               offsetof(VsvaResponseRing, tail) == 16, "layout");

/* The interrupt that tells of faults: one behind the five of PCI devices, with
 * a capability chain that VfioIrqInfo itself has no member for. */
#define VSVA_IRQ_INFO_CAPS          (1u << 4)
#define VSVA_IRQ_CAP_TYPE           3
#define VSVA_IRQ_TYPE_NESTED        1
#define VSVA_IRQ_SUBTYPE_DMA_FAULT  1

typedef struct VsvaIrqInfo {
    VfioIrqInfo info;
    uint32_t cap_offset;
} VsvaIrqInfo;
_Static_assert(sizeof(VsvaIrqInfo) == 20 &&
               offsetof(VsvaIrqInfo, cap_offset) == 16, "layout");

typedef struct VsvaIrqCapType {
    VfioCapHeader header;
    uint32_t type;
    uint32_t subtype;
} VsvaIrqCapType;
_Static_assert(sizeof(VsvaIrqCapType) == 16, "layout");

#endif
