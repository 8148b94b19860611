/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VT-d as the specification has it: registers, table entries, descriptors,
 * fault reasons.  Each field is declared once.  [VTD 9.3] is section 9.3 of
 * revision 4.1 of the specification.
 */
#ifndef HW_IOMMU_VTD_DEFS_H
#define HW_IOMMU_VTD_DEFS_H

#include "hw/iommu/common/bits.h"

#define VTD_PAGE_SHIFT 12
#define VTD_PAGE_SIZE  (UINT64_C(1) << VTD_PAGE_SHIFT)

/* --- Registers [VTD 11.4] ----------------------------------------------- */

#define VTD_VERSION_1_0         0x10
#define VTD_IOTLB_OFFSET        0xf0    /* where ECAP.IRO points */
#define VTD_FRCD_OFFSET         0x220   /* where CAP.FRO points, ... */
#define VTD_FRCD_OFFSET_MANY    0x1000  /* ... and with many records */
#define VTD_FRCD_FEW            190     /* so many fit below VCMD */

static const ViommuField VTD_CAP_ND = { 0, 3 };
#define VTD_CAP_PLMR            (UINT64_C(1) << 5)
#define VTD_CAP_PHMR            (UINT64_C(1) << 6)
#define VTD_CAP_CM              (UINT64_C(1) << 7)
static const ViommuField VTD_CAP_SAGAW = { 8, 5 };
static const ViommuField VTD_CAP_MGAW = { 16, 6 };
static const ViommuField VTD_CAP_FRO = { 24, 10 };
static const ViommuField VTD_CAP_SSLPS = { 34, 4 };
#define VTD_CAP_PSI             (UINT64_C(1) << 39)
static const ViommuField VTD_CAP_NFR = { 40, 8 };
static const ViommuField VTD_CAP_MAMV = { 48, 6 };
#define VTD_CAP_DWD             (UINT64_C(1) << 54)
#define VTD_CAP_DRD             (UINT64_C(1) << 55)
#define VTD_CAP_FS1GP           (UINT64_C(1) << 56)
#define VTD_CAP_PI              (UINT64_C(1) << 59)
#define VTD_CAP_FS5LP           (UINT64_C(1) << 60)
#define VTD_CAP_ESIRTPS         (UINT64_C(1) << 62)
#define VTD_CAP_ESRTPS          (UINT64_C(1) << 63)

#define VTD_ECAP_C              (UINT64_C(1) << 0)
#define VTD_ECAP_QI             (UINT64_C(1) << 1)
#define VTD_ECAP_DT             (UINT64_C(1) << 2)
#define VTD_ECAP_IR             (UINT64_C(1) << 3)
#define VTD_ECAP_EIM            (UINT64_C(1) << 4)
#define VTD_ECAP_PT             (UINT64_C(1) << 6)
#define VTD_ECAP_SC             (UINT64_C(1) << 7)
static const ViommuField VTD_ECAP_IRO = { 8, 10 };
static const ViommuField VTD_ECAP_MHMV = { 20, 4 };
#define VTD_MHMV                15
#define VTD_ECAP_MTS            (UINT64_C(1) << 25)
#define VTD_ECAP_NEST           (UINT64_C(1) << 26)
#define VTD_ECAP_PRS            (UINT64_C(1) << 29)
#define VTD_ECAP_ERS            (UINT64_C(1) << 30)
#define VTD_ECAP_SRS            (UINT64_C(1) << 31)
#define VTD_ECAP_EAFS           (UINT64_C(1) << 34)
static const ViommuField VTD_ECAP_PSS = { 35, 5 };
#define VTD_ECAP_PASID          (UINT64_C(1) << 40)
#define VTD_ECAP_PDS            (UINT64_C(1) << 42)
#define VTD_ECAP_SMTS           (UINT64_C(1) << 43)
#define VTD_ECAP_VCS            (UINT64_C(1) << 44)
#define VTD_ECAP_SSADS          (UINT64_C(1) << 45)
#define VTD_ECAP_SSTS           (UINT64_C(1) << 46)
#define VTD_ECAP_SMPWCS         (UINT64_C(1) << 48)
#define VTD_ECAP_RPS            (UINT64_C(1) << 49)
#define VTD_ECAP_FSTS           (UINT64_C(1) << 47)
#define VTD_ECAP_ADMS           (UINT64_C(1) << 52)
#define VTD_ECAP_RPRIVS         (UINT64_C(1) << 53)

/* Largest address mask of a page-selective invalidation (CAP.MAMV). */
#define VTD_MAMV 18

/* GCMD and GSTS have their bits at the same places. */
#define VTD_GCMD_TE             (UINT64_C(1) << 31)
#define VTD_GCMD_SRTP           (UINT64_C(1) << 30)
#define VTD_GCMD_SFL            (UINT64_C(1) << 29)
#define VTD_GCMD_EAFL           (UINT64_C(1) << 28)
#define VTD_GCMD_WBF            (UINT64_C(1) << 27)
#define VTD_GCMD_QIE            (UINT64_C(1) << 26)
#define VTD_GCMD_IRE            (UINT64_C(1) << 25)
#define VTD_GCMD_SIRTP          (UINT64_C(1) << 24)
#define VTD_GCMD_CFI            (UINT64_C(1) << 23)

static const ViommuField VTD_RTADDR_TTM = { 10, 2 };
/** Translation table modes. */
enum { VTD_TTM_LEGACY = 0, VTD_TTM_SCALABLE = 1,
       VTD_TTM_RESERVED = 2, VTD_TTM_ABORT = 3 };

#define VTD_CCMD_ICC            (UINT64_C(1) << 63)
static const ViommuField VTD_CCMD_CIRG = { 61, 2 };
static const ViommuField VTD_CCMD_CAIG = { 59, 2 };
static const ViommuField VTD_CCMD_FM = { 32, 2 };
static const ViommuField VTD_CCMD_SID = { 16, 16 };
static const ViommuField VTD_CCMD_DID = { 0, 16 };

#define VTD_FSTS_PFO            (UINT64_C(1) << 0)
#define VTD_FSTS_PPF            (UINT64_C(1) << 1)
#define VTD_FSTS_IQE            (UINT64_C(1) << 4)
#define VTD_FSTS_ICE            (UINT64_C(1) << 5)
#define VTD_FSTS_ITE            (UINT64_C(1) << 6)
static const ViommuField VTD_FSTS_FRI = { 8, 8 };

/* FECTL, IECTL and PECTL are alike. */
#define VTD_EVENT_IM            (UINT64_C(1) << 31)
#define VTD_EVENT_IP            (UINT64_C(1) << 30)

#define VTD_PMEN_EPM            (UINT64_C(1) << 31)
#define VTD_PMEN_PRS            (UINT64_C(1) << 0)
/* Bases and limits count in units of 2^20 bytes. */
#define VTD_PMR_SHIFT           20

static const ViommuField VTD_IQ_INDEX = { 4, 15 };  /* IQH and IQT */
static const ViommuField VTD_IQA_QS = { 0, 3 };
/* 2^8 descriptors of 128 bits in a page; IQA.QS is log2 of the pages. */
#define VTD_IQ_ENTRIES_SHIFT    8

/* 256-bit descriptors, in scalable mode */
#define VTD_IQA_DW              (UINT64_C(1) << 11)

#define VTD_ICS_IWC             (UINT64_C(1) << 0)

static const ViommuField VTD_IQERCD_IQEI = { 0, 4 };
static const ViommuField VTD_IQERCD_ITESID = { 32, 16 };
static const ViommuField VTD_IQERCD_ICESID = { 48, 16 };
/** Reason in IQERCD why the queue stopped with FSTS.IQE [VTD 11.4.9.9]. */
typedef enum VtdQueueError {
    VTD_IQEI_NONE = 0,
    VTD_IQEI_TAIL = 1,          /* IQT points outside the queue */
    VTD_IQEI_FETCH = 2,         /* the descriptor could not be read */
    VTD_IQEI_TYPE = 3,
    VTD_IQEI_RESERVED = 4,
    VTD_IQEI_WIDTH = 5,         /* narrow descriptors in scalable mode */
    VTD_IQEI_MISALIGNED = 6,    /* IQT in the middle of a wide descriptor */
    VTD_IQEI_TABLE_MODE = 7,    /* RTADDR.TTM is the reserved one */
} VtdQueueError;

/* Page request queue: descriptors of 32 bytes, PQA.PQS is log2 of pages. */
static const ViommuField VTD_PQA_PQS = { 0, 3 };
static const ViommuField VTD_PQ_OFFSET = { 5, 14 };     /* PQH and PQT */
#define VTD_PQ_ENTRY_SIZE       32
#define VTD_PRS_PPR             (UINT64_C(1) << 0)
#define VTD_PRS_PRO             (UINT64_C(1) << 1)

#define VTD_IRTA_EIME           (UINT64_C(1) << 11)
static const ViommuField VTD_IRTA_S = { 0, 4 };

#define VTD_IOTLB_IVT           (UINT64_C(1) << 63)
static const ViommuField VTD_IOTLB_IIRG = { 60, 2 };
static const ViommuField VTD_IOTLB_IAIG = { 57, 2 };
static const ViommuField VTD_IOTLB_DID = { 32, 16 };
#define VTD_IVA_IH              (UINT64_C(1) << 6)
static const ViommuField VTD_IVA_AM = { 0, 6 };

/* Granularities of CCMD, IOTLB and the descriptors. */
enum {
    VTD_GRAN_RESERVED = 0,
    VTD_GRAN_GLOBAL = 1,
    VTD_GRAN_DOMAIN = 2,
    VTD_GRAN_DEVICE = 3,        /* of contexts */
    VTD_GRAN_PAGES = 3,         /* of translations */
};

/* Virtual commands: VCCAP, VCMD, VCRSP. */
#define VTD_VCCAP_PAS           (UINT64_C(1) << 0)
static const ViommuField VTD_VCMD_COMMAND = { 0, 8 };
static const ViommuField VTD_VCMD_PASID = { 16, 20 };
enum { VTD_VCMD_NULL = 0, VTD_VCMD_ALLOCATE = 1, VTD_VCMD_FREE = 2 };
#define VTD_VCRSP_IP            (UINT64_C(1) << 0)  /* in progress */
static const ViommuField VTD_VCRSP_STATUS = { 1, 7 };
static const ViommuField VTD_VCRSP_PASID = { 16, 20 };
enum {
    VTD_VC_SUCCESS = 0,
    VTD_VC_UNDEFINED = 1,       /* no such command */
    VTD_VC_NO_PASID = 16,       /* no PASID is left */
    VTD_VC_INVALID_PASID = 16,  /* the PASID was not given out */
};

/* Fault recording registers: the high word; the low one is the address. */
#define VTD_FRCD_F              (UINT64_C(1) << 63)
#define VTD_FRCD_T1_READ        (UINT64_C(1) << 62)
static const ViommuField VTD_FRCD_AT = { 60, 2 };
static const ViommuField VTD_FRCD_PV = { 40, 20 };
static const ViommuField VTD_FRCD_FR = { 32, 8 };
#define VTD_FRCD_PP             (UINT64_C(1) << 31)
#define VTD_FRCD_EXE            (UINT64_C(1) << 30)
#define VTD_FRCD_PRIV           (UINT64_C(1) << 29)
/* T2, of a page request, whose T1 is clear */
#define VTD_FRCD_T2_PAGE        (UINT64_C(1) << 28)
static const ViommuField VTD_FRCD_SID = { 0, 16 };
/* all fields of the high word */
#define VTD_FRCD_ALL \
    (VTD_FRCD_F | VTD_FRCD_T1_READ | UINT64_C(0x3fffffff00000000) | \
     VTD_FRCD_PP | VTD_FRCD_EXE | VTD_FRCD_PRIV | VTD_FRCD_T2_PAGE | 0xffff)
/* Interrupt faults have the entry's index in the low word. */
static const ViommuField VTD_FRCD_INDEX = { 48, 16 };

/* --- Fault reasons [VTD 7.1.3] ------------------------------------------ */

typedef enum VtdReason {
    VTD_FR_NONE = 0,
    VTD_FR_ROOT_NOT_PRESENT = 0x1,
    VTD_FR_CONTEXT_NOT_PRESENT = 0x2,
    VTD_FR_CONTEXT_INVALID = 0x3,
    VTD_FR_BEYOND_MGAW = 0x4,
    VTD_FR_WRITE = 0x5,
    VTD_FR_READ = 0x6,
    VTD_FR_PAGING_ACCESS = 0x7,
    VTD_FR_ROOT_ACCESS = 0x8,
    VTD_FR_CONTEXT_ACCESS = 0x9,
    VTD_FR_ROOT_RESERVED = 0xa,
    VTD_FR_CONTEXT_RESERVED = 0xb,
    VTD_FR_PAGING_RESERVED = 0xc,
    VTD_FR_TYPE_BLOCKED = 0xd,
    VTD_FR_INTERRUPT_ADDRESS = 0xe,     /* the output is an interrupt's */
    VTD_FR_TTM_RESERVED = 0x30,
    VTD_FR_LEGACY_PASID = 0x31,         /* a PASID, and legacy mode */
    VTD_FR_LEGACY_PAGE_REQUEST = 0x32,
    VTD_FR_SM_ROOT_ACCESS = 0x38,
    VTD_FR_SM_ROOT_NOT_PRESENT = 0x39,
    VTD_FR_SM_ROOT_RESERVED = 0x3a,
    VTD_FR_SM_CONTEXT_ACCESS = 0x40,
    VTD_FR_SM_CONTEXT_NOT_PRESENT = 0x41,
    VTD_FR_SM_CONTEXT_RESERVED = 0x42,
    VTD_FR_SM_DTE_CLEAR = 0x44,
    VTD_FR_SM_PASIDE_CLEAR = 0x45,
    VTD_FR_SM_PASID_TOO_LARGE = 0x46,
    VTD_FR_SM_PRE_CLEAR = 0x47,
    VTD_FR_SM_RID_PASID = 0x48,
    VTD_FR_SM_DIR_ACCESS = 0x50,
    VTD_FR_SM_DIR_NOT_PRESENT = 0x51,
    VTD_FR_SM_DIR_RESERVED = 0x52,
    VTD_FR_SM_PASID_ACCESS = 0x58,
    VTD_FR_SM_PASID_NOT_PRESENT = 0x59,
    VTD_FR_SM_PASID_RESERVED = 0x5a,
    VTD_FR_SM_PASID_INVALID = 0x5b,
    VTD_FR_SM_ERE_CLEAR = 0x5c,
    VTD_FR_SM_SRE_CLEAR = 0x5d,
    VTD_FR_FS_ACCESS = 0x70,
    VTD_FR_FS_NOT_PRESENT = 0x71,
    VTD_FR_FS_RESERVED = 0x72,
    VTD_FR_FS_POINTER = 0x73,           /* the top table's entry */
    VTD_FR_FS_TABLE_BEYOND = 0x74,      /* nested: a table's address */
    VTD_FR_FS_TOP_READ = 0x75,          /* nested: the top table, by stage 2 */
    VTD_FR_FS_TABLE_READ = 0x76,        /* nested: a table, by stage 2 */
    VTD_FR_FS_TABLE_WRITE = 0x77,       /* nested: accessed and dirty bits */
    VTD_FR_SS_ACCESS = 0x78,
    VTD_FR_SS_NOT_PRESENT = 0x79,
    VTD_FR_SS_RESERVED = 0x7a,
    VTD_FR_SS_POINTER = 0x7b,
    VTD_FR_SM_NOT_CANONICAL = 0x80,
    VTD_FR_SM_PRIVILEGE = 0x81,
    VTD_FR_SM_NO_EXECUTE = 0x82,
    VTD_FR_SM_BEYOND_MGAW = 0x83,
    VTD_FR_SM_SS_BEYOND = 0x84,         /* nested: what stage 1 gives */
    VTD_FR_SM_WRITE = 0x85,
    VTD_FR_SM_READ = 0x86,
    VTD_FR_SM_INTERRUPT_ADDRESS = 0x87,
    VTD_FR_FS_UPDATE_FAILED = 0x91,
    VTD_FR_IR_REQUEST_RESERVED = 0x20,
    VTD_FR_IR_INDEX = 0x21,
    VTD_FR_IR_NOT_PRESENT = 0x22,
    VTD_FR_IR_ACCESS = 0x23,
    VTD_FR_IR_RESERVED = 0x24,
    VTD_FR_IR_COMPAT_BLOCKED = 0x25,
    VTD_FR_IR_SOURCE = 0x26,
    VTD_FR_IR_PID_ACCESS = 0x27,
    VTD_FR_IR_PID_RESERVED = 0x28,
} VtdReason;

/* --- Root and context entries [VTD 9.1] [VTD 9.3] ----------------------- */

/* The address of a table or a page, in all entries; what of it is beyond the
 * host address width is reserved, too. */
#define VTD_ADDR                viommu_bits(51, VTD_PAGE_SHIFT)

#define VTD_ROOT_P              (UINT64_C(1) << 0)
#define VTD_ROOT_RESERVED       viommu_bits(11, 1)
#define VTD_CONTEXT_P           (UINT64_C(1) << 0)
#define VTD_CONTEXT_FPD         (UINT64_C(1) << 1)
static const ViommuField VTD_CONTEXT_TT = { 2, 2 };
static const ViommuField VTD_CONTEXT_AW = { 0, 3 };     /* high word */
static const ViommuField VTD_CONTEXT_DID = { 8, 16 };   /* high word */
#define VTD_CONTEXT_RESERVED    viommu_bits(11, 4)
#define VTD_CONTEXT_HIGH_RESERVED (viommu_bits(63, 24) | viommu_bits(7, 7))

/** Translation types [VTD 9.3]. */
enum {
    VTD_TT_UNTRANSLATED = 0,    /* only untranslated requests */
    VTD_TT_ALL = 1,             /* translated and translation requests too */
    VTD_TT_PASS_THROUGH = 2,
};

/* --- Scalable-mode entries [VTD 9.2] [VTD 9.4] [VTD 9.5] [VTD 9.6] ------ */

/* A root entry is two pointers: for devices 0 to 15, and 16 to 31. */
#define VTD_SM_CONTEXT_SIZE     32
#define VTD_SM_CONTEXT_DTE      (UINT64_C(1) << 2)
#define VTD_SM_CONTEXT_PASIDE   (UINT64_C(1) << 3)
#define VTD_SM_CONTEXT_PRE      (UINT64_C(1) << 4)
static const ViommuField VTD_SM_CONTEXT_PDTS = { 9, 3 };
#define VTD_SM_CONTEXT_RESERVED viommu_bits(8, 5)
/* second word */
static const ViommuField VTD_SM_CONTEXT_RID_PASID = { 0, 20 };
#define VTD_SM_CONTEXT_RID_PRIV (UINT64_C(1) << 20)
#define VTD_SM_CONTEXT_HIGH_RESERVED viommu_bits(63, 21)

/* A directory entry stands for a table of 64 PASIDs. */
#define VTD_PASID_TABLE_BITS    6
#define VTD_PASID_BITS_MAX      20
#define VTD_PASID_DIR_RESERVED  viommu_bits(11, 2)
#define VTD_PASID_ENTRY_SIZE    64
#define VTD_PASID_P             (UINT64_C(1) << 0)
#define VTD_PASID_FPD           (UINT64_C(1) << 1)
static const ViommuField VTD_PASID_AW = { 2, 3 };
static const ViommuField VTD_PASID_PGTT = { 6, 3 };
#define VTD_PASID_SSADE         (UINT64_C(1) << 9)
#define VTD_PASID_RESERVED_0    (viommu_bits(11, 10) | viommu_bits(5, 5))
/* second word */
static const ViommuField VTD_PASID_DID = { 0, 16 };
#define VTD_PASID_PWSNP         (UINT64_C(1) << 23)
#define VTD_PASID_PGSNP         (UINT64_C(1) << 24)
#define VTD_PASID_CD            (UINT64_C(1) << 25)
#define VTD_PASID_EMTE          (UINT64_C(1) << 26)
static const ViommuField VTD_PASID_PAT = { 32, 32 };
#define VTD_PASID_MEMORY_TYPES  (viommu_bits(26, 25) | viommu_bits(63, 32))
#define VTD_PASID_RESERVED_1    (viommu_bits(63, 25) | viommu_bits(22, 16))
/* third word */
#define VTD_PASID_SRE           (UINT64_C(1) << 0)
#define VTD_PASID_ERE           (UINT64_C(1) << 1)
static const ViommuField VTD_PASID_FSPM = { 2, 2 };
#define VTD_PASID_WPE           (UINT64_C(1) << 4)
#define VTD_PASID_NXE           (UINT64_C(1) << 5)
#define VTD_PASID_EAFE          (UINT64_C(1) << 7)
#define VTD_PASID_RESERVED_2    viommu_bits(11, 8)

/** PASID granular translation types. */
enum {
    VTD_PGTT_FIRST = 1,
    VTD_PGTT_SECOND = 2,
    VTD_PGTT_NESTED = 3,
    VTD_PGTT_PASS_THROUGH = 4,
};

/* --- First-stage paging entries [VTD 9.7] ------------------------------- */

#define VTD_FS_P                (UINT64_C(1) << 0)
#define VTD_FS_RW               (UINT64_C(1) << 1)
#define VTD_FS_US               (UINT64_C(1) << 2)
#define VTD_FS_A                (UINT64_C(1) << 5)
#define VTD_FS_D                (UINT64_C(1) << 6)
#define VTD_FS_PS               (UINT64_C(1) << 7)
#define VTD_FS_G                (UINT64_C(1) << 8)
#define VTD_FS_EA               (UINT64_C(1) << 10)
#define VTD_FS_XD               (UINT64_C(1) << 63)
/* In an entry of a large page, bit 12 is PAT, and reserved bits begin here. */
#define VTD_FS_LARGE_RESERVED   13

/* --- Second-stage paging entries [VTD 9.8] ------------------------------ */

#define VTD_SS_R                (UINT64_C(1) << 0)
#define VTD_SS_W                (UINT64_C(1) << 1)
#define VTD_SS_PS               (UINT64_C(1) << 7)
#define VTD_SS_A                (UINT64_C(1) << 8)
#define VTD_SS_D                (UINT64_C(1) << 9)
#define VTD_SS_SNP              (UINT64_C(1) << 11)
#define VTD_SS_TM               (UINT64_C(1) << 62)
#define VTD_LEVEL_BITS          9
#define VTD_MAX_LEVEL           5

/* --- Invalidation descriptors [VTD 6.5.2] ------------------------------- */

static const ViommuField VTD_DESC_TYPE_LOW = { 0, 4 };
static const ViommuField VTD_DESC_TYPE_HIGH = { 9, 3 };
enum {
    VTD_DESC_CONTEXT = 1,
    VTD_DESC_IOTLB = 2,
    VTD_DESC_DEVTLB = 3,
    VTD_DESC_IEC = 4,
    VTD_DESC_WAIT = 5,
    VTD_DESC_PIOTLB = 6,
    VTD_DESC_PASID = 7,
    VTD_DESC_PDEVTLB = 8,
    VTD_DESC_PAGE_RESPONSE = 9,
};

/* Reserved bits of each type; the words that are not here are all reserved. */
#define VTD_DESC_CONTEXT_RESERVED \
    (viommu_bits(63, 50) | viommu_bits(15, 12) | viommu_bits(8, 6))
#define VTD_DESC_IOTLB_RESERVED \
    (viommu_bits(63, 32) | viommu_bits(15, 12) | viommu_bits(8, 8))
#define VTD_DESC_IOTLB_HIGH_RESERVED viommu_bits(11, 7)
/* Both device-TLB descriptors: PFSID (bits 63:48 or 63:52, and 15:12) needs
 * ECAP.DIT.  MIP, the endpoint's limit of invalidations under way, is
 * ignored. */
#define VTD_DESC_DEVTLB_RESERVED \
    (viommu_bits(63, 48) | viommu_bits(31, 21) | viommu_bits(15, 12) | \
     viommu_bits(8, 4))
#define VTD_DESC_DEVTLB_HIGH_RESERVED viommu_bits(11, 1)
#define VTD_DESC_PDEVTLB_RESERVED (viommu_bits(63, 52) | viommu_bits(15, 12))
#define VTD_DESC_PDEVTLB_HIGH_RESERVED viommu_bits(10, 1)
#define VTD_DESC_IEC_RESERVED \
    (viommu_bits(63, 48) | viommu_bits(26, 12) | viommu_bits(8, 5))
#define VTD_DESC_PASID_RESERVED \
    (viommu_bits(63, 52) | viommu_bits(15, 12) | viommu_bits(8, 6))
#define VTD_DESC_PIOTLB_RESERVED VTD_DESC_PASID_RESERVED
#define VTD_DESC_PIOTLB_HIGH_RESERVED VTD_DESC_IOTLB_HIGH_RESERVED
#define VTD_DESC_PRESP_RESERVED (viommu_bits(63, 52) | viommu_bits(8, 6))
#define VTD_DESC_PRESP_HIGH_RESERVED (viommu_bits(63, 12) | viommu_bits(1, 0))
#define VTD_DESC_WAIT_RESERVED  (viommu_bits(31, 12) | viommu_bits(8, 8))
#define VTD_DESC_WAIT_HIGH_RESERVED viommu_bits(1, 0)

static const ViommuField VTD_DESC_G = { 4, 2 };
static const ViommuField VTD_DESC_DID = { 16, 16 };
static const ViommuField VTD_DESC_PASID_FIELD = { 32, 20 };
/* granularities of the PASID-cache descriptor */
enum { VTD_PASID_GRAN_DOMAIN = 0, VTD_PASID_GRAN_PASID = 1,
       VTD_PASID_GRAN_GLOBAL = 3 };
/* PASID-based device-TLB */
static const ViommuField VTD_DESC_PDEVTLB_SID = { 16, 16 };
#define VTD_DESC_PDEVTLB_G      (UINT64_C(1) << 0)  /* high word */
#define VTD_DESC_PDEVTLB_S      (UINT64_C(1) << 11) /* high word */
static const ViommuField VTD_DESC_SID = { 32, 16 };
static const ViommuField VTD_DESC_FM = { 48, 2 };
/* IOTLB, high word */
static const ViommuField VTD_DESC_AM = { 0, 6 };
#define VTD_DESC_IH             (UINT64_C(1) << 6)
/* device-TLB, high word */
#define VTD_DESC_S              (UINT64_C(1) << 0)
/* interrupt entry cache */
#define VTD_DESC_IEC_INDEXED    (UINT64_C(1) << 4)
static const ViommuField VTD_DESC_IM = { 27, 5 };
static const ViommuField VTD_DESC_IIDX = { 32, 16 };
/* wait */
#define VTD_DESC_IF             (UINT64_C(1) << 4)
#define VTD_DESC_SW             (UINT64_C(1) << 5)
#define VTD_DESC_FN             (UINT64_C(1) << 6)
#define VTD_DESC_PD             (UINT64_C(1) << 7)
static const ViommuField VTD_DESC_STATUS = { 32, 32 };

/* page group response */
#define VTD_DESC_PRESP_PP       (UINT64_C(1) << 4)
#define VTD_DESC_PRESP_PDP      (UINT64_C(1) << 5)
static const ViommuField VTD_DESC_PRESP_CODE = { 12, 4 };
static const ViommuField VTD_DESC_PRESP_SID = { 16, 16 };
/* high word; bit 2 ("last in group") is not in the endpoint's message */
static const ViommuField VTD_DESC_PRESP_GROUP = { 3, 9 };

/* --- Page request descriptors [VTD 7.4.1] ------------------------------- */

#define VTD_PREQ_TYPE           UINT64_C(1)
#define VTD_PREQ_PP             (UINT64_C(1) << 8)
#define VTD_PREQ_PDP            (UINT64_C(1) << 9)
static const ViommuField VTD_PREQ_SID = { 16, 16 };
static const ViommuField VTD_PREQ_PASID = { 32, 20 };
#define VTD_PREQ_EXE            (UINT64_C(1) << 52)
#define VTD_PREQ_PRIV           (UINT64_C(1) << 53)
/* second word; the page's address is in bits 63:12 */
#define VTD_PREQ_READ           (UINT64_C(1) << 0)
#define VTD_PREQ_WRITE          (UINT64_C(1) << 1)
#define VTD_PREQ_LAST           (UINT64_C(1) << 2)
static const ViommuField VTD_PREQ_GROUP = { 3, 9 };

/* --- Interrupt requests [VTD 5.1] [VTD 9.9] [VTD 9.10] [VTD 9.11] ------- */

#define VTD_INTR_BASE           UINT64_C(0xfee00000)
#define VTD_INTR_SIZE           UINT64_C(0x00100000)

#define VTD_MSI_REMAPPABLE      (UINT64_C(1) << 4)
#define VTD_MSI_SHV             (UINT64_C(1) << 3)
#define VTD_MSI_HANDLE_15       (UINT64_C(1) << 2)
static const ViommuField VTD_MSI_HANDLE = { 5, 15 };
/* a message to a processor */
#define VTD_MSI_DM              (UINT64_C(1) << 2)
#define VTD_MSI_RH              (UINT64_C(1) << 3)
static const ViommuField VTD_MSI_DEST = { 12, 8 };
static const ViommuField VTD_MSI_DEST_HIGH = { 40, 24 };
static const ViommuField VTD_MSI_DATA_VECTOR = { 0, 8 };
static const ViommuField VTD_MSI_DATA_DLM = { 8, 3 };
#define VTD_MSI_DATA_ASSERT     (UINT64_C(1) << 14)
#define VTD_MSI_DATA_LEVEL      (UINT64_C(1) << 15)

#define VTD_IRTE_P              (UINT64_C(1) << 0)
#define VTD_IRTE_FPD            (UINT64_C(1) << 1)
#define VTD_IRTE_DM             (UINT64_C(1) << 2)
#define VTD_IRTE_RH             (UINT64_C(1) << 3)
#define VTD_IRTE_TM             (UINT64_C(1) << 4)
static const ViommuField VTD_IRTE_DLM = { 5, 3 };
#define VTD_IRTE_IM_POSTED      (UINT64_C(1) << 15)
static const ViommuField VTD_IRTE_V = { 16, 8 };
#define VTD_IRTE_RESERVED       (viommu_bits(31, 24) | viommu_bits(14, 12))
static const ViommuField VTD_IRTE_DST = { 32, 32 };
static const ViommuField VTD_IRTE_DST_XAPIC = { 40, 8 };
/* of DST, without IRTA.EIME */
#define VTD_IRTE_DST_RESERVED   (viommu_bits(63, 48) | viommu_bits(39, 32))
/* posted format */
#define VTD_IRTE_URG            (UINT64_C(1) << 14)
static const ViommuField VTD_IRTE_PDA_LOW = { 38, 26 };
static const ViommuField VTD_IRTE_PDA_HIGH = { 32, 32 };    /* high word */
#define VTD_IRTE_POSTED_RESERVED \
    (viommu_bits(37, 24) | viommu_bits(13, 12) | viommu_bits(7, 2))
/* high word, both formats */
static const ViommuField VTD_IRTE_SID = { 0, 16 };
static const ViommuField VTD_IRTE_SQ = { 16, 2 };
static const ViommuField VTD_IRTE_SVT = { 18, 2 };
#define VTD_IRTE_HIGH_RESERVED  viommu_bits(63, 20)
#define VTD_IRTE_POSTED_HIGH_RESERVED viommu_bits(31, 20)
enum { VTD_SVT_NONE = 0, VTD_SVT_SID = 1, VTD_SVT_BUS = 2, VTD_SVT_RSVD = 3 };

/* Posted-interrupt descriptor: the word behind the 256 request bits. */
#define VTD_PID_CONTROL_OFFSET  32
#define VTD_PID_SIZE            64
#define VTD_PID_ON              (UINT64_C(1) << 0)
#define VTD_PID_SN              (UINT64_C(1) << 1)
#define VTD_PID_RESERVED        (viommu_bits(31, 24) | viommu_bits(15, 2))
static const ViommuField VTD_PID_NV = { 16, 8 };
static const ViommuField VTD_PID_NDST = { 32, 32 };
static const ViommuField VTD_PID_NDST_XAPIC = { 40, 8 };

#endif
