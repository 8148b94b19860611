/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3 as the specification (Arm IHI 0070) has it: registers, stream table
 * entries, context descriptors, translation table descriptors, commands,
 * events.  Each field stands here once.
 */
#ifndef HW_IOMMU_SMMUV3_DEFS_H
#define HW_IOMMU_SMMUV3_DEFS_H

#include "hw/iommu/common/bits.h"

/* --- Registers [SMMU 6.3] ------------------------------------------------ */

#define SMMU_PAGE1              0x10000     /* the second 64 KiB page */
#define SMMU_WINDOW             0x20000

static const ViommuField SMMU_IDR0_TTF = { 2, 2 };
#define SMMU_IDR0_S2P           (1u << 0)
#define SMMU_IDR0_S1P           (1u << 1)
#define SMMU_IDR0_COHACC        (1u << 4)
static const ViommuField SMMU_IDR0_HTTU = { 6, 2 };
#define SMMU_IDR0_HTTU_MASK     (3u << 6)
#define SMMU_IDR0_HYP           (1u << 9)
#define SMMU_IDR0_ATS           (1u << 10)
#define SMMU_IDR0_ASID16        (1u << 12)
#define SMMU_IDR0_MSI           (1u << 13)
#define SMMU_IDR0_SEV           (1u << 14)
#define SMMU_IDR0_ATOS          (1u << 15)
#define SMMU_IDR0_PRI           (1u << 16)
#define SMMU_IDR0_VMID16        (1u << 18)
#define SMMU_IDR0_CD2L          (1u << 19)
static const ViommuField SMMU_IDR0_TTENDIAN = { 21, 2 };
static const ViommuField SMMU_IDR0_STALL_MODEL = { 24, 2 };
#define SMMU_IDR0_TERM_MODEL    (1u << 26)
static const ViommuField SMMU_IDR0_ST_LEVEL = { 27, 2 };
enum { SMMU_TTF_AARCH64 = 2,
       SMMU_TTENDIAN_LITTLE = 2, SMMU_TTENDIAN_BIG = 3,
       SMMU_STALL_MODEL_BOTH = 0, SMMU_STALL_MODEL_NONE = 1 };

static const ViommuField SMMU_IDR1_SIDSIZE = { 0, 6 };
static const ViommuField SMMU_IDR1_SSIDSIZE = { 6, 5 };
#define SMMU_IDR1_SSIDSIZE_MASK (0x1fu << 6)
static const ViommuField SMMU_IDR1_PRIQS = { 11, 5 };
static const ViommuField SMMU_IDR1_EVENTQS = { 16, 5 };
static const ViommuField SMMU_IDR1_CMDQS = { 21, 5 };
#define SMMU_IDR1_ATTR_PERMS_OVR (1u << 26)

#define SMMU_IDR3_HAD           (1u << 2)
#define SMMU_IDR3_XNX           (1u << 4)
#define SMMU_IDR3_FWB           (1u << 8)
#define SMMU_IDR3_RIL           (1u << 10)
static const ViommuField SMMU_IDR3_BBML = { 11, 2 };
#define SMMU_IDR3_BBML_MASK     (3u << 11)

static const ViommuField SMMU_IDR5_OAS = { 0, 3 };
#define SMMU_IDR5_OAS_MASK      (7u << 0)
#define SMMU_IDR5_GRAN4K        (1u << 4)
#define SMMU_IDR5_GRAN16K       (1u << 5)
#define SMMU_IDR5_GRAN64K       (1u << 6)
static const ViommuField SMMU_IDR5_VAX = { 10, 2 };
#define SMMU_IDR5_VAX_MASK      (3u << 10)
static const ViommuField SMMU_IDR5_STALL_MAX = { 16, 16 };

/** Bits of an address size by its code: IDR5.OAS, CD.IPS, STE.S2PS; the
 *  reserved code is as 52 [SMMU 6.3.6] [SMMU 5.2]. */
static const uint8_t SMMU_SIZES[8] = { 32, 36, 40, 42, 44, 48, 52, 52 };
enum { SMMU_SIZE_CODES = 7 };

static inline unsigned smmu_size_bits(unsigned code)
{
    return SMMU_SIZES[code % 8];
}

/** The code of a size, or -1. */
static inline int smmu_encoded_size(unsigned bits)
{
    for (int i = 0; i < SMMU_SIZE_CODES; i++) {
        if (SMMU_SIZES[i] == bits) {
            return i;
        }
    }
    return -1;
}

/* 3.1, which may have features of 3.2 [SMMU 2.9]. */
#define SMMU_AIDR_3_1           0x1

/* CR0 and CR0ACK */
#define SMMU_CR0_SMMUEN         (1u << 0)
#define SMMU_CR0_PRIQEN         (1u << 1)
#define SMMU_CR0_EVENTQEN       (1u << 2)
#define SMMU_CR0_CMDQEN         (1u << 3)
#define SMMU_CR0_ATSCHK         (1u << 4)

/* memory attributes of tables and queues */
#define SMMU_CR1_FIELDS         0x00000fffu

#define SMMU_CR2_E2H            (1u << 0)
#define SMMU_CR2_RECINVSID      (1u << 1)

#define SMMU_GBPA_UPDATE        (1u << 31)
#define SMMU_GBPA_ABORT         (1u << 20)
#define SMMU_GBPA_FIELDS        0x001f3f1fu
/* "use incoming" attributes */
#define SMMU_GBPA_RESET         0x00001000u

/* IRQ_CTRL and IRQ_CTRLACK */
#define SMMU_IRQ_GERROR         (1u << 0)
#define SMMU_IRQ_PRIQ           (1u << 1)
#define SMMU_IRQ_EVENTQ         (1u << 2)

/* GERROR toggles against GERRORN. */
#define SMMU_GERROR_CMDQ        (1u << 0)
#define SMMU_GERROR_EVENTQ_ABT  (1u << 2)
#define SMMU_GERROR_PRIQ_ABT    (1u << 3)
#define SMMU_GERROR_MSI_CMDQ    (1u << 4)
#define SMMU_GERROR_MSI_EVENTQ  (1u << 5)
#define SMMU_GERROR_MSI_PRIQ    (1u << 6)
#define SMMU_GERROR_MSI_GERROR  (1u << 7)

/* the allocation hint of tables and queues (RA, WA) */
#define SMMU_BASE_HINT          (UINT64_C(1) << 62)

static const ViommuField SMMU_STRTAB_LOG2SIZE = { 0, 6 };
static const ViommuField SMMU_STRTAB_SPLIT = { 6, 5 };
static const ViommuField SMMU_STRTAB_FMT = { 16, 2 };
enum { SMMU_STRTAB_LINEAR = 0, SMMU_STRTAB_2LVL = 1 };
#define SMMU_STRTAB_CFG_FIELDS  0x000307ffu
#define SMMU_STRTAB_ADDR        viommu_bits(51, 6)
#define SMMU_STRTAB_ADDR_LOW    6

static const ViommuField SMMU_QUEUE_LOG2SIZE = { 0, 5 };
#define SMMU_QUEUE_ADDR         viommu_bits(51, 5)
#define SMMU_QUEUE_ADDR_LOW     5
/* the largest queue that IDR1 can announce */
#define SMMU_QUEUE_LOG2_MAX     19
/* indices with a wrap bit above log2size bits, and the overflow flag */
#define SMMU_QUEUE_INDEX        0xfffffu
#define SMMU_QUEUE_OVERFLOW     (1u << 31)
static const ViommuField SMMU_CMDQ_CONS_ERR = { 24, 7 };

#define SMMU_MSI_ADDR           viommu_bits(51, 2)
#define SMMU_MSI_ADDR_LOW       2
#define SMMU_MSI_ATTRIBUTES     0x3fu       /* MEMATTR, SH */
#define SMMU_PRIQ_CFG2_LO       (1u << 31)  /* interrupts of "last" only */

/* GATOS [SMMU 9] */
#define SMMU_GATOS_RUN          (UINT64_C(1) << 0)
static const ViommuField SMMU_GATOS_SID = { 0, 32 };
static const ViommuField SMMU_GATOS_SSID = { 32, 20 };
#define SMMU_GATOS_SSID_VALID   (UINT64_C(1) << 52)
#define SMMU_GATOS_ADDR         viommu_bits(63, 12)
#define SMMU_GATOS_ADDR_FIELDS  viommu_bits(63, 6)
#define SMMU_GATOS_ADDR_HTTUI   (UINT64_C(1) << 6)
#define SMMU_GATOS_ADDR_IND     (UINT64_C(1) << 7)
#define SMMU_GATOS_ADDR_RNW     (UINT64_C(1) << 8)
#define SMMU_GATOS_ADDR_PNU     (UINT64_C(1) << 9)
static const ViommuField SMMU_GATOS_ADDR_TYPE = { 10, 2 };
#define SMMU_PAR_FAULT          (UINT64_C(1) << 0)
static const ViommuField SMMU_PAR_REASON = { 1, 2 };
static const ViommuField SMMU_PAR_FAULTCODE = { 4, 8 };
/* without FAULT: a page; with FAULT: the IPA that stage 2 refused */
#define SMMU_PAR_ADDR           viommu_bits(51, 12)
enum { SMMU_PAR_INTERNAL_ERR = 0xfd, SMMU_PAR_INV_STAGE = 0xfe,
       SMMU_PAR_INV_REQ = 0xff };
#define SMMU_PAR_SIZE           (UINT64_C(1) << 11)
static const ViommuField SMMU_PAR_SH = { 8, 2 };
static const ViommuField SMMU_PAR_ATTR = { 56, 8 };
#define SMMU_PAR_FIELDS         (viommu_bits(63, 56) | viommu_bits(51, 4) | \
                                 viommu_bits(2, 0))
/* inner shareable, write-back, as in MAIR */
enum { SMMU_PAR_SH_INNER = 3, SMMU_PAR_ATTR_WB = 0xff };

/* --- Stream table [SMMU 5.1] [SMMU 5.2] ---------------------------------- */

#define SMMU_L1STD_SIZE         8
#define SMMU_L1STD_LOG2         3
static const ViommuField SMMU_L1STD_SPAN = { 0, 5 };

#define SMMU_STE_SIZE           64
#define SMMU_STE_LOG2           6
#define SMMU_STE_V              (UINT64_C(1) << 0)
static const ViommuField SMMU_STE_CONFIG = { 1, 3 };
/* of Config: not abort; its two stages */
enum { SMMU_CONFIG_ON = 4, SMMU_CONFIG_S1 = 1, SMMU_CONFIG_S2 = 2 };
static const ViommuField SMMU_STE_S1FMT = { 4, 2 };
/* The reserved value is as 0; likewise of S1DSS. */
enum { SMMU_S1FMT_LINEAR = 0, SMMU_S1FMT_4K = 1, SMMU_S1FMT_64K = 2,
       SMMU_S1FMT_RESERVED = 3 };
#define SMMU_STE_S1CONTEXTPTR   viommu_bits(51, 6)
static const ViommuField SMMU_STE_S1CDMAX = { 59, 5 };
/* second word */
static const ViommuField SMMU_STE_S1DSS = { 0, 2 };
enum { SMMU_S1DSS_TERMINATE = 0, SMMU_S1DSS_BYPASS = 1, SMMU_S1DSS_SSID0 = 2,
       SMMU_S1DSS_RESERVED = 3 };
#define SMMU_STE_S1_ATTRIBUTES  viommu_bits(7, 2)   /* S1CIR, S1COR, S1CSH */
#define SMMU_STE_PPAR           (UINT64_C(1) << 18)
#define SMMU_STE_MEV            (UINT64_C(1) << 19)
#define SMMU_STE_S2FWB          (UINT64_C(1) << 25)
#define SMMU_STE_S1STALLD       (UINT64_C(1) << 27)
static const ViommuField SMMU_STE_EATS = { 28, 2 };
enum { SMMU_EATS_ABORT = 0, SMMU_EATS_FULL = 1, SMMU_EATS_SPLIT = 2 };
static const ViommuField SMMU_STE_STRW = { 30, 2 };
/* 1 and 3 are reserved: that bit. */
enum { SMMU_STRW_EL1 = 0, SMMU_STRW_EL2 = 2, SMMU_STRW_RESERVED = 1 };
static const ViommuField SMMU_STE_PRIVCFG = { 48, 2 };
static const ViommuField SMMU_STE_INSTCFG = { 50, 2 };
/* third word */
static const ViommuField SMMU_STE_S2VMID = { 0, 16 };
static const ViommuField SMMU_STE_S2T0SZ = { 32, 6 };
static const ViommuField SMMU_STE_S2SL0 = { 38, 2 };
enum { SMMU_SL0_RESERVED = 3 };
static const ViommuField SMMU_STE_S2TG = { 46, 2 };
static const ViommuField SMMU_STE_S2PS = { 48, 3 };
#define SMMU_STE_S2AA64         (UINT64_C(1) << 51)
#define SMMU_STE_S2ENDI         (UINT64_C(1) << 52)
#define SMMU_STE_S2AFFD         (UINT64_C(1) << 53)
#define SMMU_STE_S2PTW          (UINT64_C(1) << 54)
#define SMMU_STE_S2HD           (UINT64_C(1) << 55)
#define SMMU_STE_S2HA           (UINT64_C(1) << 56)
#define SMMU_STE_S2S            (UINT64_C(1) << 57)
#define SMMU_STE_S2R            (UINT64_C(1) << 58)
/* fourth word */
#define SMMU_STE_S2TTB          viommu_bits(51, 4)

/* --- Context descriptors [SMMU 5.3] [SMMU 5.4] --------------------------- */

#define SMMU_L1CD_SIZE          8
#define SMMU_L1CD_V             (UINT64_C(1) << 0)
#define SMMU_L1CD_ADDR          viommu_bits(51, 12)

#define SMMU_CD_SIZE            64
static const ViommuField SMMU_CD_T0SZ = { 0, 6 };
static const ViommuField SMMU_CD_TG0 = { 6, 2 };
#define SMMU_CD_EPD0            (UINT64_C(1) << 14)
#define SMMU_CD_ENDI            (UINT64_C(1) << 15)
static const ViommuField SMMU_CD_T1SZ = { 16, 6 };
static const ViommuField SMMU_CD_TG1 = { 22, 2 };
#define SMMU_CD_EPD1            (UINT64_C(1) << 30)
#define SMMU_CD_V               (UINT64_C(1) << 31)
static const ViommuField SMMU_CD_IPS = { 32, 3 };
#define SMMU_CD_AFFD            (UINT64_C(1) << 35)
#define SMMU_CD_WXN             (UINT64_C(1) << 36)
#define SMMU_CD_UWXN            (UINT64_C(1) << 37)
#define SMMU_CD_TBI0            (UINT64_C(1) << 38)
#define SMMU_CD_TBI1            (UINT64_C(1) << 39)
#define SMMU_CD_PAN             (UINT64_C(1) << 40)
#define SMMU_CD_AA64            (UINT64_C(1) << 41)
#define SMMU_CD_HD              (UINT64_C(1) << 42)
#define SMMU_CD_HA              (UINT64_C(1) << 43)
#define SMMU_CD_S               (UINT64_C(1) << 44)
#define SMMU_CD_R               (UINT64_C(1) << 45)
#define SMMU_CD_A               (UINT64_C(1) << 46)
#define SMMU_CD_ASET            (UINT64_C(1) << 47)
static const ViommuField SMMU_CD_ASID = { 48, 16 };
/* second and third word */
#define SMMU_CD_HAD             (UINT64_C(1) << 1)
#define SMMU_CD_TTB             viommu_bits(51, 4)

/* --- Translation table descriptors, VMSAv8-64 [ARM D8.3] ----------------- */

#define SMMU_PTE_SIZE           8
#define SMMU_PTE_VALID          (UINT64_C(1) << 0)
#define SMMU_PTE_TABLE          (UINT64_C(1) << 1)  /* or, at level 3, a page */
#define SMMU_PTE_AP1            (UINT64_C(1) << 6)  /* stage 1: for user */
#define SMMU_PTE_AP2            (UINT64_C(1) << 7)  /* stage 1: read-only */
/* stage 2's MemAttr: any of these set is Normal memory; with S2FWB, bit 4 */
#define SMMU_PTE_S2_NORMAL      (UINT64_C(3) << 4)
#define SMMU_PTE_S2_NORMAL_FWB  (UINT64_C(1) << 4)
#define SMMU_PTE_S2_READ        (UINT64_C(1) << 6)
#define SMMU_PTE_S2_WRITE       (UINT64_C(1) << 7)
#define SMMU_PTE_AF             (UINT64_C(1) << 10)
#define SMMU_PTE_NG             (UINT64_C(1) << 11)
#define SMMU_PTE_DBM            (UINT64_C(1) << 51)
#define SMMU_PTE_CONTIGUOUS     (UINT64_C(1) << 52)
#define SMMU_PTE_PXN            (UINT64_C(1) << 53)
#define SMMU_PTE_UXN            (UINT64_C(1) << 54)
static const ViommuField SMMU_PTE_S2_XN = { 53, 2 };
/* bits 51:48 of an address with 64 KiB pages stand in 15:12 */
static const ViommuField SMMU_PTE_ADDR_51_48 = { 12, 4 };
/* of table descriptors */
#define SMMU_TABLE_PXN          (UINT64_C(1) << 59)
#define SMMU_TABLE_UXN          (UINT64_C(1) << 60)
#define SMMU_TABLE_AP0          (UINT64_C(1) << 61) /* no user access */
#define SMMU_TABLE_AP1          (UINT64_C(1) << 62) /* read-only */
#define SMMU_LAST_LEVEL         3

/* --- Commands [SMMU 4.1] ------------------------------------------------- */

#define SMMU_CMD_SIZE           16
static const ViommuField SMMU_CMD_OPCODE = { 0, 8 };
enum {
    SMMU_CMD_PREFETCH_CONFIG = 0x01,
    SMMU_CMD_PREFETCH_ADDR = 0x02,
    SMMU_CMD_CFGI_STE = 0x03,
    SMMU_CMD_CFGI_STE_RANGE = 0x04,
    SMMU_CMD_CFGI_CD = 0x05,
    SMMU_CMD_CFGI_CD_ALL = 0x06,
    SMMU_CMD_CFGI_VMS_PIDM = 0x07,
    SMMU_CMD_TLBI_NH_ALL = 0x10,
    SMMU_CMD_TLBI_NH_ASID = 0x11,
    SMMU_CMD_TLBI_NH_VA = 0x12,
    SMMU_CMD_TLBI_NH_VAA = 0x13,
    SMMU_CMD_TLBI_EL2_ALL = 0x20,
    SMMU_CMD_TLBI_EL2_ASID = 0x21,
    SMMU_CMD_TLBI_EL2_VA = 0x22,
    SMMU_CMD_TLBI_EL2_VAA = 0x23,
    SMMU_CMD_TLBI_S12_VMALL = 0x28,
    SMMU_CMD_TLBI_S2_IPA = 0x2a,
    SMMU_CMD_TLBI_NSNH_ALL = 0x30,
    SMMU_CMD_ATC_INV = 0x40,
    SMMU_CMD_PRI_RESP = 0x41,
    SMMU_CMD_RESUME = 0x44,
    SMMU_CMD_STALL_TERM = 0x45,
    SMMU_CMD_SYNC = 0x46,
};
#define SMMU_CMD_SSEC           (UINT64_C(1) << 10)
#define SMMU_CMD_SSV            (UINT64_C(1) << 11)
static const ViommuField SMMU_CMD_SSID = { 12, 20 };
static const ViommuField SMMU_CMD_SID = { 32, 32 };
#define SMMU_CMD_LEAF           (UINT64_C(1) << 0)  /* second word */
static const ViommuField SMMU_CMD_RANGE = { 0, 5 }; /* second word */
#define SMMU_CMD_ADDR           viommu_bits(63, 12) /* second word */
/* TLBI */
static const ViommuField SMMU_CMD_NUM = { 12, 5 };
/* six bits with IDR5.DS */
static const ViommuField SMMU_CMD_SCALE = { 20, 5 };
static const ViommuField SMMU_CMD_VMID = { 32, 16 };
static const ViommuField SMMU_CMD_ASID = { 48, 16 };
static const ViommuField SMMU_CMD_TTL = { 8, 2 };   /* second word */
static const ViommuField SMMU_CMD_TG = { 10, 2 };   /* second word */
/* ATC_INV */
#define SMMU_CMD_GLOBAL         (UINT64_C(1) << 9)
static const ViommuField SMMU_CMD_ATC_SIZE = { 0, 6 };
#define SMMU_ATC_SIZE_ALL       52
/* PRI_RESP, second word */
static const ViommuField SMMU_CMD_PRG = { 0, 9 };
static const ViommuField SMMU_CMD_PRI_RESP_CODE = { 12, 2 };
enum { SMMU_PRI_FAILURE = 0, SMMU_PRI_INVALID = 1, SMMU_PRI_SUCCESS = 2 };
/* RESUME */
#define SMMU_CMD_RETRY          (UINT64_C(1) << 12) /* Ac; Ab is ignored */
static const ViommuField SMMU_CMD_STAG = { 0, 16 };
/* SYNC */
static const ViommuField SMMU_CMD_CS = { 12, 2 };
enum { SMMU_CS_NONE = 0, SMMU_CS_IRQ = 1, SMMU_CS_SEV = 2 };
static const ViommuField SMMU_CMD_MSI_DATA = { 32, 32 };

typedef enum SmmuCommandError {
    SMMU_CERROR_NONE = 0,
    SMMU_CERROR_ILL = 1,
    SMMU_CERROR_ABT = 2,
    SMMU_CERROR_ATC_INV_SYNC = 3,
} SmmuCommandError;

/* --- Events [SMMU 7.3] --------------------------------------------------- */

typedef enum SmmuEventId {
    SMMU_EVENT_NONE = 0,
    SMMU_F_UUT = 0x01,
    SMMU_C_BAD_STREAMID = 0x02,
    SMMU_F_STE_FETCH = 0x03,
    SMMU_C_BAD_STE = 0x04,
    SMMU_F_BAD_ATS_TREQ = 0x05,
    SMMU_F_STREAM_DISABLED = 0x06,
    SMMU_F_TRANSL_FORBIDDEN = 0x07,
    SMMU_C_BAD_SUBSTREAMID = 0x08,
    SMMU_F_CD_FETCH = 0x09,
    SMMU_C_BAD_CD = 0x0a,
    SMMU_F_WALK_EABT = 0x0b,
    SMMU_F_TRANSLATION = 0x10,
    SMMU_F_ADDR_SIZE = 0x11,
    SMMU_F_ACCESS = 0x12,
    SMMU_F_PERMISSION = 0x13,
    SMMU_F_TLB_CONFLICT = 0x20,
    SMMU_F_CFG_CONFLICT = 0x21,
    SMMU_E_PAGE_REQUEST = 0x24,
    SMMU_F_VMS_FETCH = 0x25,
} SmmuEventId;

/** The faults of a translation, which software may mend: a transaction may
 *  stall, and a translation request gets an answer [SMMU 3.12.2]
 *  [SMMU 3.9.1.2]. */
static inline bool smmu_is_translation_fault(unsigned id)
{
    return id >= SMMU_F_TRANSLATION && id <= SMMU_F_PERMISSION;
}

#define SMMU_EVENT_SIZE         32
static const ViommuField SMMU_EVENT_ID = { 0, 8 };
#define SMMU_EVENT_SSV          (UINT64_C(1) << 11)
static const ViommuField SMMU_EVENT_SSID = { 12, 20 };
static const ViommuField SMMU_EVENT_SID = { 32, 32 };
/* second word */
static const ViommuField SMMU_EVENT_STAG = { 0, 16 };
static const ViommuField SMMU_EVENT_REASON = { 0, 16 };
#define SMMU_EVENT_STALL        (UINT64_C(1) << 31)
#define SMMU_EVENT_PNU          (UINT64_C(1) << 33)
#define SMMU_EVENT_IND          (UINT64_C(1) << 34)
#define SMMU_EVENT_RNW          (UINT64_C(1) << 35)
#define SMMU_EVENT_S2           (UINT64_C(1) << 39)
#define SMMU_EVENT_TTRNW        (UINT64_C(1) << 44)
static const ViommuField SMMU_EVENT_CLASS = { 40, 2 };
enum { SMMU_CLASS_CD = 0, SMMU_CLASS_TT = 1, SMMU_CLASS_IN = 2 };
/* fourth word: the address of a fetch, or the IPA of a fault of stage 2 */
#define SMMU_EVENT_FETCH_ADDR   viommu_bits(51, 3)
#define SMMU_EVENT_IPA          viommu_bits(51, 12)
/* the second word of F_BAD_ATS_TREQ: what was asked for [SMMU 7.3.6] */
static const ViommuField SMMU_EVENT_SPAN = { 0, 4 };
#define SMMU_EVENT_PRIV         (UINT64_C(1) << 28)
#define SMMU_EVENT_X            (UINT64_C(1) << 29)
#define SMMU_EVENT_W            (UINT64_C(1) << 30)
#define SMMU_EVENT_R            (UINT64_C(1) << 31)

/* --- Page requests [SMMU 8.1] -------------------------------------------- */

#define SMMU_PRIQ_ENTRY_SIZE    16
static const ViommuField SMMU_PRIQ_SID = { 0, 32 };
static const ViommuField SMMU_PRIQ_SSID = { 32, 20 };
#define SMMU_PRIQ_PRIV          (UINT64_C(1) << 58)
#define SMMU_PRIQ_EXEC          (UINT64_C(1) << 59)
#define SMMU_PRIQ_READ          (UINT64_C(1) << 60)
#define SMMU_PRIQ_WRITE         (UINT64_C(1) << 61)
#define SMMU_PRIQ_LAST          (UINT64_C(1) << 62)
#define SMMU_PRIQ_SSV           (UINT64_C(1) << 63)
/* second word */
static const ViommuField SMMU_PRIQ_PRG = { 0, 9 };
#define SMMU_PRIQ_ADDR          viommu_bits(63, 12)

#endif
