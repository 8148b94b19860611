/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Constants of Intel's VT-d specification, revision 4.1, for tests.
 *
 * Written from the specification alone and never shared with the model, so
 * that a wrong constant there shows up as a failing test.  A field is given
 * by its lowest bit (_SHIFT) and its mask in place (no suffix).
 */
#ifndef TESTS_LIB_VTD_SPEC_H
#define TESTS_LIB_VTD_SPEC_H

#include <stdint.h>

#define SPEC_BIT(n)         (UINT64_C(1) << (n))
/* bits hi:lo, both included */
#define SPEC_BITS(hi, lo)   ((~UINT64_C(0) >> (63 - (hi) + (lo))) << (lo))

/* --- Registers [VTD 11.4] ------------------------------------------------ */

#define SPEC_VER            0x000   /* 32 bits */
#define SPEC_CAP            0x008
#define SPEC_ECAP           0x010
#define SPEC_GCMD           0x018   /* 32 */
#define SPEC_GSTS           0x01c   /* 32 */
#define SPEC_RTADDR         0x020
#define SPEC_CCMD           0x028
#define SPEC_FSTS           0x034   /* 32 */
#define SPEC_FECTL          0x038   /* 32 */
#define SPEC_FEDATA         0x03c   /* 32 */
#define SPEC_FEADDR         0x040   /* 32 */
#define SPEC_FEUADDR        0x044   /* 32 */
#define SPEC_AFLOG          0x058
#define SPEC_PMEN           0x064   /* 32 */
#define SPEC_PLMBASE        0x068   /* 32 */
#define SPEC_PLMLIMIT       0x06c   /* 32 */
#define SPEC_PHMBASE        0x070
#define SPEC_PHMLIMIT       0x078
#define SPEC_IQH            0x080
#define SPEC_IQT            0x088
#define SPEC_IQA            0x090
#define SPEC_ICS            0x09c   /* 32 */
#define SPEC_IECTL          0x0a0   /* 32 */
#define SPEC_IEDATA         0x0a4   /* 32 */
#define SPEC_IEADDR         0x0a8   /* 32 */
#define SPEC_IEUADDR        0x0ac   /* 32 */
#define SPEC_IQERCD         0x0b0
#define SPEC_IRTA           0x0b8
#define SPEC_PQH            0x0c0
#define SPEC_PQT            0x0c8
#define SPEC_PQA            0x0d0
#define SPEC_PRS            0x0dc   /* 32 */
#define SPEC_PECTL          0x0e0   /* 32 */
#define SPEC_PEDATA         0x0e4   /* 32 */
#define SPEC_PEADDR         0x0e8   /* 32 */
#define SPEC_PEUADDR        0x0ec   /* 32 */
#define SPEC_MTRRCAP        0x100
#define SPEC_MTRRDEF        0x108
#define SPEC_MTRR_FIX64K_00000  0x120
#define SPEC_MTRR_FIX16K_80000  0x128
#define SPEC_MTRR_FIX16K_A0000  0x130
#define SPEC_MTRR_FIX4K_C0000   0x138   /* eight of them, to 0x170 */
#define SPEC_MTRR_FIX4K_F8000   0x170
#define SPEC_MTRR_PHYSBASE0     0x180   /* base and mask in turn, ten pairs */
#define SPEC_MTRR_PHYSMASK9     0x218
#define SPEC_VCMD           0xe00
#define SPEC_VCRSP          0xe10
#define SPEC_VCCAP          0xe30

/* Where these stand is reported in CAP.FRO and ECAP.IRO (16-byte units). */
#define SPEC_IVA_FROM_IRO   0x0
#define SPEC_IOTLB_FROM_IRO 0x8
#define SPEC_FRCD_STRIDE    16

/* CAP */
#define SPEC_CAP_ND         SPEC_BITS(2, 0)
#define SPEC_CAP_AFL        SPEC_BIT(3)
#define SPEC_CAP_RWBF       SPEC_BIT(4)
#define SPEC_CAP_PLMR       SPEC_BIT(5)
#define SPEC_CAP_PHMR       SPEC_BIT(6)
#define SPEC_CAP_CM         SPEC_BIT(7)
#define SPEC_CAP_SAGAW      SPEC_BITS(12, 8)
#define SPEC_CAP_SAGAW_SHIFT 8
#define SPEC_CAP_SAGAW_39   SPEC_BIT(9)
#define SPEC_CAP_SAGAW_48   SPEC_BIT(10)
#define SPEC_CAP_SAGAW_57   SPEC_BIT(11)
#define SPEC_CAP_MGAW       SPEC_BITS(21, 16)   /* width - 1 */
#define SPEC_CAP_MGAW_SHIFT 16
#define SPEC_CAP_ZLR        SPEC_BIT(22)
#define SPEC_CAP_FRO        SPEC_BITS(33, 24)
#define SPEC_CAP_FRO_SHIFT  24
#define SPEC_CAP_SSLPS      SPEC_BITS(37, 34)
#define SPEC_CAP_SSLPS_2M   SPEC_BIT(34)
#define SPEC_CAP_SSLPS_1G   SPEC_BIT(35)
#define SPEC_CAP_PSI        SPEC_BIT(39)
#define SPEC_CAP_NFR        SPEC_BITS(47, 40)   /* number - 1 */
#define SPEC_CAP_NFR_SHIFT  40
#define SPEC_CAP_MAMV       SPEC_BITS(53, 48)
#define SPEC_CAP_MAMV_SHIFT 48
#define SPEC_CAP_DWD        SPEC_BIT(54)
#define SPEC_CAP_DRD        SPEC_BIT(55)
#define SPEC_CAP_FS1GP      SPEC_BIT(56)
#define SPEC_CAP_PI         SPEC_BIT(59)
#define SPEC_CAP_FS5LP      SPEC_BIT(60)
#define SPEC_CAP_ECMDS      SPEC_BIT(61)
#define SPEC_CAP_ESIRTPS    SPEC_BIT(62)
#define SPEC_CAP_ESRTPS     SPEC_BIT(63)

/* ECAP */
#define SPEC_ECAP_C         SPEC_BIT(0)
#define SPEC_ECAP_QI        SPEC_BIT(1)
#define SPEC_ECAP_DT        SPEC_BIT(2)
#define SPEC_ECAP_IR        SPEC_BIT(3)
#define SPEC_ECAP_EIM       SPEC_BIT(4)
#define SPEC_ECAP_PT        SPEC_BIT(6)
#define SPEC_ECAP_SC        SPEC_BIT(7)
#define SPEC_ECAP_IRO       SPEC_BITS(17, 8)
#define SPEC_ECAP_IRO_SHIFT 8
#define SPEC_ECAP_MHMV      SPEC_BITS(23, 20)
#define SPEC_ECAP_MHMV_SHIFT 20
#define SPEC_ECAP_MTS       SPEC_BIT(25)
#define SPEC_ECAP_NEST      SPEC_BIT(26)
#define SPEC_ECAP_PRS       SPEC_BIT(29)
#define SPEC_ECAP_ERS       SPEC_BIT(30)
#define SPEC_ECAP_SRS       SPEC_BIT(31)
#define SPEC_ECAP_NWFS      SPEC_BIT(33)
#define SPEC_ECAP_EAFS      SPEC_BIT(34)
#define SPEC_ECAP_PSS       SPEC_BITS(39, 35)
#define SPEC_ECAP_PSS_SHIFT 35
#define SPEC_ECAP_PASID     SPEC_BIT(40)
#define SPEC_ECAP_DIT       SPEC_BIT(41)
#define SPEC_ECAP_PDS       SPEC_BIT(42)
#define SPEC_ECAP_SMTS      SPEC_BIT(43)
#define SPEC_ECAP_VCS       SPEC_BIT(44)
#define SPEC_ECAP_SSADS     SPEC_BIT(45)
#define SPEC_ECAP_SSTS      SPEC_BIT(46)
#define SPEC_ECAP_FSTS      SPEC_BIT(47)
#define SPEC_ECAP_SMPWCS    SPEC_BIT(48)
#define SPEC_ECAP_RPS       SPEC_BIT(49)
#define SPEC_ECAP_ADMS      SPEC_BIT(52)
#define SPEC_ECAP_RPRIVS    SPEC_BIT(53)

/* GCMD; GSTS has the status of each at the same bit */
#define SPEC_GCMD_TE        SPEC_BIT(31)
#define SPEC_GCMD_SRTP      SPEC_BIT(30)
#define SPEC_GCMD_SFL       SPEC_BIT(29)
#define SPEC_GCMD_EAFL      SPEC_BIT(28)
#define SPEC_GCMD_WBF       SPEC_BIT(27)
#define SPEC_GCMD_QIE       SPEC_BIT(26)
#define SPEC_GCMD_IRE       SPEC_BIT(25)
#define SPEC_GCMD_SIRTP     SPEC_BIT(24)
#define SPEC_GCMD_CFI       SPEC_BIT(23)

#define SPEC_GSTS_TES       SPEC_BIT(31)
#define SPEC_GSTS_RTPS      SPEC_BIT(30)
#define SPEC_GSTS_FLS       SPEC_BIT(29)
#define SPEC_GSTS_AFLS      SPEC_BIT(28)
#define SPEC_GSTS_WBFS      SPEC_BIT(27)
#define SPEC_GSTS_QIES      SPEC_BIT(26)
#define SPEC_GSTS_IRES      SPEC_BIT(25)
#define SPEC_GSTS_IRTPS     SPEC_BIT(24)
#define SPEC_GSTS_CFIS      SPEC_BIT(23)

/* RTADDR */
#define SPEC_RTADDR_TTM         SPEC_BITS(11, 10)
#define SPEC_RTADDR_TTM_SHIFT   10
#define SPEC_TTM_LEGACY         0
#define SPEC_TTM_SCALABLE       1
#define SPEC_TTM_RESERVED       2
#define SPEC_TTM_ABORT          3

/* CCMD */
#define SPEC_CCMD_ICC           SPEC_BIT(63)
#define SPEC_CCMD_CIRG_SHIFT    61
#define SPEC_CCMD_CIRG          SPEC_BITS(62, 61)
#define SPEC_CCMD_CAIG_SHIFT    59
#define SPEC_CCMD_CAIG          SPEC_BITS(60, 59)
#define SPEC_CCMD_FM_SHIFT      32
#define SPEC_CCMD_FM            SPEC_BITS(33, 32)
#define SPEC_CCMD_SID_SHIFT     16
#define SPEC_CCMD_SID           SPEC_BITS(31, 16)
#define SPEC_CCMD_DID           SPEC_BITS(15, 0)

/* IOTLB */
#define SPEC_IOTLB_IVT          SPEC_BIT(63)
#define SPEC_IOTLB_IIRG_SHIFT   60
#define SPEC_IOTLB_IIRG         SPEC_BITS(61, 60)
#define SPEC_IOTLB_IAIG_SHIFT   57
#define SPEC_IOTLB_IAIG         SPEC_BITS(58, 57)
#define SPEC_IOTLB_DR           SPEC_BIT(49)
#define SPEC_IOTLB_DW           SPEC_BIT(48)
#define SPEC_IOTLB_DID_SHIFT    32
#define SPEC_IOTLB_DID          SPEC_BITS(47, 32)

/* Granularities, the same numbers in registers and descriptors */
#define SPEC_GRAN_GLOBAL        1
#define SPEC_GRAN_DOMAIN        2
#define SPEC_GRAN_DEVICE        3   /* context cache */
#define SPEC_GRAN_PAGE          3   /* IOTLB */

/* IVA */
#define SPEC_IVA_ADDR           SPEC_BITS(63, 12)
#define SPEC_IVA_IH             SPEC_BIT(6)
#define SPEC_IVA_AM             SPEC_BITS(5, 0)

/* FSTS */
#define SPEC_FSTS_PFO           SPEC_BIT(0)
#define SPEC_FSTS_PPF           SPEC_BIT(1)
#define SPEC_FSTS_AFO           SPEC_BIT(2)
#define SPEC_FSTS_APF           SPEC_BIT(3)
#define SPEC_FSTS_IQE           SPEC_BIT(4)
#define SPEC_FSTS_ICE           SPEC_BIT(5)
#define SPEC_FSTS_ITE           SPEC_BIT(6)
#define SPEC_FSTS_FRI           SPEC_BITS(15, 8)
#define SPEC_FSTS_FRI_SHIFT     8

/* FECTL, IECTL, PECTL */
#define SPEC_ECTL_IM            SPEC_BIT(31)
#define SPEC_ECTL_IP            SPEC_BIT(30)

/* PMEN */
#define SPEC_PMEN_EPM           SPEC_BIT(31)
#define SPEC_PMEN_PRS           SPEC_BIT(0)

/* IQH, IQT, IQA, ICS */
#define SPEC_IQ_OFFSET          SPEC_BITS(18, 4)
#define SPEC_IQA_ADDR           SPEC_BITS(63, 12)
#define SPEC_IQA_DW             SPEC_BIT(11)    /* 256-bit descriptors */
#define SPEC_IQA_QS             SPEC_BITS(2, 0) /* 2^QS pages */
#define SPEC_ICS_IWC            SPEC_BIT(0)

/* IQERCD */
#define SPEC_IQERCD_IQEI        SPEC_BITS(3, 0)
#define SPEC_IQERCD_ITESID      SPEC_BITS(47, 32)
#define SPEC_IQERCD_ITESID_SHIFT 32
#define SPEC_IQERCD_ICESID      SPEC_BITS(63, 48)
#define SPEC_IQERCD_ICESID_SHIFT 48
#define SPEC_IQEI_TAIL          1
#define SPEC_IQEI_FETCH         2
#define SPEC_IQEI_TYPE          3
#define SPEC_IQEI_RESERVED      4
#define SPEC_IQEI_WIDTH         5
#define SPEC_IQEI_ALIGN         6   /* tail inside a wide descriptor */
#define SPEC_IQEI_TTM           7   /* reserved table mode */

/* PQH, PQT, PQA, PRS */
#define SPEC_PQ_OFFSET          SPEC_BITS(18, 5)
#define SPEC_PQA_ADDR           SPEC_BITS(63, 12)
#define SPEC_PQA_PQS            SPEC_BITS(2, 0) /* 2^PQS pages */
#define SPEC_PRS_PPR            SPEC_BIT(0)
#define SPEC_PRS_PRO            SPEC_BIT(1)

/* page request descriptor: 32 bytes; first word */
#define SPEC_PREQ_SIZE          32
#define SPEC_PREQ_TYPE          SPEC_BITS(7, 0)
#define SPEC_PREQ_TYPE_PAGE     1
#define SPEC_PREQ_PP            SPEC_BIT(8)
#define SPEC_PREQ_PDP           SPEC_BIT(9)
#define SPEC_PREQ_SID_SHIFT     16
#define SPEC_PREQ_SID           SPEC_BITS(31, 16)
#define SPEC_PREQ_PASID_SHIFT   32
#define SPEC_PREQ_PASID         SPEC_BITS(51, 32)
#define SPEC_PREQ_EXE           SPEC_BIT(52)
#define SPEC_PREQ_PRIV          SPEC_BIT(53)
/* second word; the third and fourth are private data */
#define SPEC_PREQ_HI_READ       SPEC_BIT(0)
#define SPEC_PREQ_HI_WRITE      SPEC_BIT(1)
#define SPEC_PREQ_HI_LPIG       SPEC_BIT(2)
#define SPEC_PREQ_HI_PRGI_SHIFT 3
#define SPEC_PREQ_HI_PRGI       SPEC_BITS(11, 3)
#define SPEC_PREQ_HI_ADDR       SPEC_BITS(63, 12)

/* response codes */
#define SPEC_PRESP_SUCCESS      0
#define SPEC_PRESP_INVALID      1
#define SPEC_PRESP_FAILURE      15

/* VCMD, VCRSP, VCCAP */
#define SPEC_VCCAP_PAS          SPEC_BIT(0)
#define SPEC_VCMD_COMMAND       SPEC_BITS(7, 0)
#define SPEC_VCMD_NULL          0
#define SPEC_VCMD_ALLOCATE      1
#define SPEC_VCMD_FREE          2
#define SPEC_VCMD_PASID_SHIFT   16
#define SPEC_VCRSP_IP           SPEC_BIT(0)
#define SPEC_VCRSP_SC           SPEC_BITS(7, 1)
#define SPEC_VCRSP_SC_SHIFT     1
#define SPEC_VCRSP_PASID        SPEC_BITS(35, 16)
#define SPEC_VCRSP_PASID_SHIFT  16
#define SPEC_VC_SUCCESS         0
#define SPEC_VC_UNDEFINED       1
#define SPEC_VC_NO_PASID        16
#define SPEC_VC_INVALID_PASID   16

/* IRTA */
#define SPEC_IRTA_ADDR          SPEC_BITS(63, 12)
#define SPEC_IRTA_EIME          SPEC_BIT(11)
#define SPEC_IRTA_S             SPEC_BITS(3, 0) /* 2^(S + 1) entries */

/* FRCD: two 64-bit words */
#define SPEC_FRCD_LO_FI         SPEC_BITS(63, 12)
#define SPEC_FRCD_LO_INDEX_SHIFT 48 /* of an interrupt fault */
#define SPEC_FRCD_HI_F          SPEC_BIT(63)
#define SPEC_FRCD_HI_T1         SPEC_BIT(62)
#define SPEC_FRCD_HI_AT         SPEC_BITS(61, 60)
#define SPEC_FRCD_HI_AT_SHIFT   60
#define SPEC_AT_UNTRANSLATED    0
#define SPEC_AT_TRANSLATION     1   /* request */
#define SPEC_AT_TRANSLATED      2
#define SPEC_FRCD_HI_PN         SPEC_BITS(59, 40)
#define SPEC_FRCD_HI_PN_SHIFT   40
#define SPEC_FRCD_HI_FR         SPEC_BITS(39, 32)
#define SPEC_FRCD_HI_FR_SHIFT   32
#define SPEC_FRCD_HI_PP         SPEC_BIT(31)
#define SPEC_FRCD_HI_EXE        SPEC_BIT(30)
#define SPEC_FRCD_HI_PRIV       SPEC_BIT(29)
#define SPEC_FRCD_HI_T2         SPEC_BIT(28)
#define SPEC_FRCD_HI_SID        SPEC_BITS(15, 0)

/* --- Fault reasons (chapter 7) ------------------------------------------- */

#define SPEC_FR_ROOT_NOT_PRESENT    0x01
#define SPEC_FR_CTX_NOT_PRESENT     0x02
#define SPEC_FR_CTX_INVALID         0x03
#define SPEC_FR_ADDR_TOO_WIDE       0x04
#define SPEC_FR_WRITE               0x05
#define SPEC_FR_READ                0x06
#define SPEC_FR_SS_ACCESS           0x07
#define SPEC_FR_ROOT_ACCESS         0x08
#define SPEC_FR_CTX_ACCESS          0x09
#define SPEC_FR_ROOT_RESERVED       0x0a
#define SPEC_FR_CTX_RESERVED        0x0b
#define SPEC_FR_SS_RESERVED         0x0c
#define SPEC_FR_ATS_BLOCKED         0x0d
#define SPEC_FR_OUT_INTERRUPT       0x0e    /* output in the 0xfee range */

#define SPEC_FR_IR_RESERVED         0x20
#define SPEC_FR_IR_INDEX            0x21
#define SPEC_FR_IR_NOT_PRESENT      0x22
#define SPEC_FR_IR_ACCESS           0x23
#define SPEC_FR_IR_IRTE_RESERVED    0x24
#define SPEC_FR_IR_COMPAT           0x25
#define SPEC_FR_IR_SOURCE           0x26
#define SPEC_FR_IR_PID_ACCESS       0x27
#define SPEC_FR_IR_PID_RESERVED     0x28

/* scalable mode */
#define SPEC_FR_SM_ROOT_TTM         0x30    /* reserved mode */
#define SPEC_FR_SM_ROOT_TTM_PASID   0x31    /* legacy mode, with a PASID */
#define SPEC_FR_SM_ROOT_TTM_PAGE    0x32    /* legacy mode, page request */
#define SPEC_FR_SM_ROOT_ACCESS      0x38
#define SPEC_FR_SM_ROOT_P           0x39
#define SPEC_FR_SM_ROOT_RSVD        0x3a
#define SPEC_FR_SM_CTX_ACCESS       0x40
#define SPEC_FR_SM_CTX_P            0x41
#define SPEC_FR_SM_CTX_RSVD         0x42
#define SPEC_FR_SM_CTX_INVALID      0x43
#define SPEC_FR_SM_DTE              0x44
#define SPEC_FR_SM_PASIDE           0x45
#define SPEC_FR_SM_PASID_RANGE      0x46
#define SPEC_FR_SM_PRE              0x47
#define SPEC_FR_SM_RID_PASID        0x48
#define SPEC_FR_SM_DIR_ACCESS       0x50
#define SPEC_FR_SM_DIR_P            0x51
#define SPEC_FR_SM_DIR_RSVD         0x52
#define SPEC_FR_SM_PASID_ACCESS     0x58
#define SPEC_FR_SM_PASID_P          0x59
#define SPEC_FR_SM_PASID_RSVD       0x5a
#define SPEC_FR_SM_PASID_INVALID    0x5b
#define SPEC_FR_SM_ERE              0x5c
#define SPEC_FR_SM_SRE              0x5d
#define SPEC_FR_SM_FS_ACCESS        0x70
#define SPEC_FR_SM_FS_P             0x71
#define SPEC_FR_SM_FS_RSVD          0x72
#define SPEC_FR_SM_FS_TOP_ACCESS    0x73
#define SPEC_FR_SM_FS_BEYOND        0x74    /* nested: a table's address */
#define SPEC_FR_SM_FS_TOP_READ      0x75    /* nested: no read by stage 2 */
#define SPEC_FR_SM_FS_READ          0x76
#define SPEC_FR_SM_FS_WRITE         0x77    /* nested: A/D update */
#define SPEC_FR_SM_SS_ACCESS        0x78
#define SPEC_FR_SM_SS_RW            0x79
#define SPEC_FR_SM_SS_RSVD          0x7a
#define SPEC_FR_SM_SS_TOP_ACCESS    0x7b
#define SPEC_FR_SM_CANONICAL        0x80
#define SPEC_FR_SM_USER             0x81
#define SPEC_FR_SM_EXECUTE          0x82
#define SPEC_FR_SM_WIDTH            0x83
#define SPEC_FR_SM_SS_WIDTH         0x84    /* nested: stage 1's output */
#define SPEC_FR_SM_WRITE            0x85
#define SPEC_FR_SM_READ             0x86
#define SPEC_FR_SM_OUT_INTERRUPT    0x87
#define SPEC_FR_SM_FS_UPDATE        0x91

/* --- Scalable mode [VTD 9.2] [VTD 9.4] [VTD 9.5] [VTD 9.6] [VTD 9.7] ----- */

/* root entry: two pointers like a legacy one, devices 0-15 and 16-31 */
#define SPEC_SM_CTX_SIZE            32
#define SPEC_SM_CTX_P               SPEC_BIT(0)
#define SPEC_SM_CTX_FPD             SPEC_BIT(1)
#define SPEC_SM_CTX_DTE             SPEC_BIT(2)
#define SPEC_SM_CTX_PASIDE          SPEC_BIT(3)
#define SPEC_SM_CTX_PRE             SPEC_BIT(4)
#define SPEC_SM_CTX_PDTS_SHIFT      9   /* 2^(PDTS + 7) directory entries */
#define SPEC_SM_CTX_DIR             SPEC_BITS(63, 12)
#define SPEC_SM_CTX1_RID_PASID      SPEC_BITS(19, 0)
#define SPEC_SM_CTX1_RID_PRIV       SPEC_BIT(20)

#define SPEC_DIR_P                  SPEC_BIT(0)
#define SPEC_DIR_FPD                SPEC_BIT(1)
#define SPEC_DIR_TABLE              SPEC_BITS(63, 12)
#define SPEC_PASID_SIZE             64
#define SPEC_PASIDS_PER_TABLE       64
#define SPEC_PASID_P                SPEC_BIT(0)
#define SPEC_PASID_FPD              SPEC_BIT(1)
#define SPEC_PASID_AW_SHIFT         2
#define SPEC_PASID_PGTT_SHIFT       6
#define SPEC_PASID_SSADE            SPEC_BIT(9)
#define SPEC_PASID1_DID             SPEC_BITS(15, 0)
#define SPEC_PASID1_PWSNP           SPEC_BIT(23)
#define SPEC_PASID1_PGSNP           SPEC_BIT(24)
#define SPEC_PASID2_SRE             SPEC_BIT(0)
#define SPEC_PASID2_ERE             SPEC_BIT(1)
#define SPEC_PASID2_FSPM_SHIFT      2
#define SPEC_PASID2_WPE             SPEC_BIT(4)
#define SPEC_PASID2_NXE             SPEC_BIT(5)
#define SPEC_PASID2_EAFE            SPEC_BIT(7)
#define SPEC_PGTT_FIRST             1
#define SPEC_PGTT_SECOND            2
#define SPEC_PGTT_NESTED            3
#define SPEC_PGTT_PASS              4

#define SPEC_FS_P                   SPEC_BIT(0)
#define SPEC_FS_RW                  SPEC_BIT(1)
#define SPEC_FS_US                  SPEC_BIT(2)
#define SPEC_FS_A                   SPEC_BIT(5)
#define SPEC_FS_D                   SPEC_BIT(6)
#define SPEC_FS_PS                  SPEC_BIT(7)
#define SPEC_FS_G                   SPEC_BIT(8)
#define SPEC_FS_EA                  SPEC_BIT(10)
#define SPEC_FS_ADDR                SPEC_BITS(51, 12)
#define SPEC_FS_XD                  SPEC_BIT(63)

/* PASID cache and PASID-based IOTLB: first word */
#define SPEC_INV_PASID_SHIFT        32
#define SPEC_INV_PASID_GRAN_DOMAIN  0   /* PASID cache */
#define SPEC_INV_PASID_GRAN_PASID   1
#define SPEC_INV_PASID_GRAN_GLOBAL  3
/* PASID-based device-TLB */
#define SPEC_INV_PDEVTLB_SID_SHIFT  16
#define SPEC_INV_PDEVTLB_HI_G       SPEC_BIT(0)
#define SPEC_INV_PDEVTLB_HI_S       SPEC_BIT(11)

/* --- Invalidation descriptors, 128 bits [VTD 6.5.2] ---------------------- */

#define SPEC_INV_TYPE               SPEC_BITS(3, 0)
#define SPEC_INV_TYPE_HIGH          SPEC_BITS(11, 9)
#define SPEC_INV_CONTEXT            1
#define SPEC_INV_IOTLB              2
#define SPEC_INV_DEVTLB             3
#define SPEC_INV_IEC                4
#define SPEC_INV_WAIT               5
#define SPEC_INV_PASID_IOTLB        6
#define SPEC_INV_PASID_CACHE        7
#define SPEC_INV_PASID_DEVTLB       8
#define SPEC_INV_PAGE_RESPONSE      9

/* context cache, IOTLB: first word */
#define SPEC_INV_G_SHIFT            4
#define SPEC_INV_G                  SPEC_BITS(5, 4)
#define SPEC_INV_DID_SHIFT          16
#define SPEC_INV_DID                SPEC_BITS(31, 16)
/* context cache */
#define SPEC_INV_CTX_SID_SHIFT      32
#define SPEC_INV_CTX_SID            SPEC_BITS(47, 32)
#define SPEC_INV_CTX_FM_SHIFT       48
#define SPEC_INV_CTX_FM             SPEC_BITS(49, 48)
/* IOTLB: first word */
#define SPEC_INV_IOTLB_DW           SPEC_BIT(6)
#define SPEC_INV_IOTLB_DR           SPEC_BIT(7)
/* IOTLB: second word */
#define SPEC_INV_IOTLB_HI_AM        SPEC_BITS(5, 0)
#define SPEC_INV_IOTLB_HI_IH        SPEC_BIT(6)
#define SPEC_INV_IOTLB_HI_ADDR      SPEC_BITS(63, 12)
/* device-TLB: first word */
#define SPEC_INV_DEVTLB_MIP_SHIFT   16
#define SPEC_INV_DEVTLB_MIP         SPEC_BITS(20, 16)
#define SPEC_INV_DEVTLB_SID_SHIFT   32
#define SPEC_INV_DEVTLB_SID         SPEC_BITS(47, 32)
/* device-TLB: second word */
#define SPEC_INV_DEVTLB_HI_S        SPEC_BIT(0)
#define SPEC_INV_DEVTLB_HI_ADDR     SPEC_BITS(63, 12)
/* page group response: first word */
#define SPEC_INV_PRESP_PP           SPEC_BIT(4)
#define SPEC_INV_PRESP_PDP          SPEC_BIT(5)
#define SPEC_INV_PRESP_CODE_SHIFT   12
#define SPEC_INV_PRESP_CODE         SPEC_BITS(15, 12)
#define SPEC_INV_PRESP_SID_SHIFT    16
#define SPEC_INV_PRESP_SID          SPEC_BITS(31, 16)
#define SPEC_INV_PRESP_PASID_SHIFT  32
#define SPEC_INV_PRESP_PASID        SPEC_BITS(51, 32)
/* page group response: second word */
#define SPEC_INV_PRESP_HI_LPIG      SPEC_BIT(2)
#define SPEC_INV_PRESP_HI_PRGI_SHIFT 3
#define SPEC_INV_PRESP_HI_PRGI      SPEC_BITS(11, 3)
/* interrupt entry cache: first word */
#define SPEC_INV_IEC_G              SPEC_BIT(4)     /* 1: by index */
#define SPEC_INV_IEC_IM_SHIFT       27
#define SPEC_INV_IEC_IM             SPEC_BITS(31, 27)
#define SPEC_INV_IEC_IIDX_SHIFT     32
#define SPEC_INV_IEC_IIDX           SPEC_BITS(47, 32)
/* wait: first word; the second is the status address, bits 63:2 */
#define SPEC_INV_WAIT_IF            SPEC_BIT(4)
#define SPEC_INV_WAIT_SW            SPEC_BIT(5)
#define SPEC_INV_WAIT_FN            SPEC_BIT(6)
#define SPEC_INV_WAIT_PD            SPEC_BIT(7)
#define SPEC_INV_WAIT_DATA_SHIFT    32

/* --- Translation structures (chapter 9) ---------------------------------- */

/* root entry: 128 bits, the second word is reserved */
#define SPEC_ROOT_P                 SPEC_BIT(0)
#define SPEC_ROOT_RSVD              SPEC_BITS(11, 1)
#define SPEC_ROOT_CTP               SPEC_BITS(63, 12)

/* context entry, first word */
#define SPEC_CTX_P                  SPEC_BIT(0)
#define SPEC_CTX_FPD                SPEC_BIT(1)
#define SPEC_CTX_TT_SHIFT           2
#define SPEC_CTX_TT                 SPEC_BITS(3, 2)
#define SPEC_CTX_RSVD               SPEC_BITS(11, 4)
#define SPEC_CTX_SSPTPTR            SPEC_BITS(63, 12)
#define SPEC_TT_MULTI               0   /* untranslated requests only */
#define SPEC_TT_DEVTLB              1   /* and translation, translated ones */
#define SPEC_TT_PASS                2
/* context entry, second word */
#define SPEC_CTX_HI_AW              SPEC_BITS(2, 0)
#define SPEC_CTX_HI_IGNORED         SPEC_BITS(6, 3)
#define SPEC_CTX_HI_DID_SHIFT       8
#define SPEC_CTX_HI_DID             SPEC_BITS(23, 8)
#define SPEC_CTX_HI_RSVD            (SPEC_BIT(7) | SPEC_BITS(63, 24))
#define SPEC_AW_39                  1
#define SPEC_AW_48                  2
#define SPEC_AW_57                  3

/* second-stage entry */
#define SPEC_SS_R                   SPEC_BIT(0)
#define SPEC_SS_W                   SPEC_BIT(1)
#define SPEC_SS_X                   SPEC_BIT(2)
#define SPEC_SS_PS                  SPEC_BIT(7)
#define SPEC_SS_A                   SPEC_BIT(8)
#define SPEC_SS_D                   SPEC_BIT(9)
#define SPEC_SS_SNP                 SPEC_BIT(11)
#define SPEC_SS_ADDR                SPEC_BITS(51, 12)
#define SPEC_SS_TM                  SPEC_BIT(62)

/* --- Interrupt remapping [VTD 5.1] [VTD 9.9] [VTD 9.10] [VTD 9.11] ------- */

#define SPEC_MSI_BASE               UINT64_C(0xfee00000)
#define SPEC_MSI_MASK               UINT64_C(0xfff00000)
/* address of a request in remappable format */
#define SPEC_MSI_HANDLE_SHIFT       5
#define SPEC_MSI_HANDLE             SPEC_BITS(19, 5)    /* handle 14:0 */
#define SPEC_MSI_REMAPPABLE         SPEC_BIT(4)
#define SPEC_MSI_SHV                SPEC_BIT(3)
#define SPEC_MSI_HANDLE_15          SPEC_BIT(2)         /* handle 15 */
/* data, with SHV */
#define SPEC_MSI_SUBHANDLE          SPEC_BITS(15, 0)
/* message that a processor's interrupt controller takes */
#define SPEC_MSI_DEST_SHIFT         12
#define SPEC_MSI_DEST               SPEC_BITS(19, 12)
#define SPEC_MSI_RH                 SPEC_BIT(3)
#define SPEC_MSI_DM                 SPEC_BIT(2)
#define SPEC_MSI_DATA_VECTOR        SPEC_BITS(7, 0)
#define SPEC_MSI_DATA_DLM_SHIFT     8
#define SPEC_MSI_DATA_DLM           SPEC_BITS(10, 8)
#define SPEC_MSI_DATA_LEVEL         SPEC_BIT(14)
#define SPEC_MSI_DATA_TRIGGER       SPEC_BIT(15)

/* entry, first word, both formats */
#define SPEC_IRTE_P                 SPEC_BIT(0)
#define SPEC_IRTE_FPD               SPEC_BIT(1)
#define SPEC_IRTE_IM                SPEC_BIT(15)    /* 1: posted */
#define SPEC_IRTE_V_SHIFT           16
#define SPEC_IRTE_V                 SPEC_BITS(23, 16)
/* remapped */
#define SPEC_IRTE_DM                SPEC_BIT(2)
#define SPEC_IRTE_RH                SPEC_BIT(3)
#define SPEC_IRTE_TM                SPEC_BIT(4)
#define SPEC_IRTE_DLM_SHIFT         5
#define SPEC_IRTE_DLM               SPEC_BITS(7, 5)
#define SPEC_IRTE_RSVD              (SPEC_BITS(14, 12) | SPEC_BITS(31, 24))
#define SPEC_IRTE_DST_SHIFT         32              /* x2APIC */
#define SPEC_IRTE_DST               SPEC_BITS(63, 32)
#define SPEC_IRTE_XDST_SHIFT        40              /* xAPIC */
#define SPEC_IRTE_XDST              SPEC_BITS(47, 40)
/* posted */
#define SPEC_IRTE_URG               SPEC_BIT(14)
#define SPEC_IRTE_PRSVD             (SPEC_BITS(7, 2) | SPEC_BITS(13, 12) | \
                                     SPEC_BITS(37, 24))
#define SPEC_IRTE_PDAL              SPEC_BITS(63, 38)   /* address 31:6 */
#define SPEC_IRTE_PDAL_SHIFT        38
/* second word */
#define SPEC_IRTE_HI_SID            SPEC_BITS(15, 0)
#define SPEC_IRTE_HI_SQ_SHIFT       16
#define SPEC_IRTE_HI_SQ             SPEC_BITS(17, 16)
#define SPEC_IRTE_HI_SVT_SHIFT      18
#define SPEC_IRTE_HI_SVT            SPEC_BITS(19, 18)
#define SPEC_IRTE_HI_RSVD           SPEC_BITS(63, 20)
#define SPEC_IRTE_HI_PRSVD          SPEC_BITS(31, 20)
#define SPEC_IRTE_HI_PDAH           SPEC_BITS(63, 32)   /* address 63:32 */
#define SPEC_SVT_NONE               0
#define SPEC_SVT_SID                1   /* SID under the mask of SQ */
#define SPEC_SVT_BUS                2   /* SID 15:8 <= bus <= SID 7:0 */

/* posted-interrupt descriptor: 64 bytes; byte offsets, bits of the word */
#define SPEC_PID_SIZE               64
#define SPEC_PID_PIR                0       /* 256 bits */
#define SPEC_PID_CONTROL            32      /* 64 bits */
#define SPEC_PID_ON                 SPEC_BIT(0)
#define SPEC_PID_SN                 SPEC_BIT(1)
#define SPEC_PID_RSVD               (SPEC_BITS(15, 2) | SPEC_BITS(31, 24))
#define SPEC_PID_NV_SHIFT           16
#define SPEC_PID_NV                 SPEC_BITS(23, 16)
#define SPEC_PID_NDST_SHIFT         32              /* x2APIC */
#define SPEC_PID_NDST               SPEC_BITS(63, 32)
#define SPEC_PID_XNDST_SHIFT        40              /* xAPIC */

#endif
