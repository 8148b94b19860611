/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Constants of Arm's SMMUv3 specification (IHI 0070) for tests.
 *
 * Written from the specification alone and never shared with the model, so
 * that a wrong constant there shows up as a failing test.
 *
 * A field of an entry, a descriptor or a register is its lowest bit and its
 * width, for FIELD_PUT(), FIELD_GET() and FIELD_MASK().  A field of a command
 * is a macro with its value.
 */
#ifndef TESTS_LIB_SMMU_SPEC_H
#define TESTS_LIB_SMMU_SPEC_H

#include <stdint.h>

#define FIELD_ONES_(low, width) (~UINT64_C(0) >> (64 - (width)))
#define FIELD_PUT_(n, low, width) ((uint64_t)(n) << (low))
#define FIELD_GET_(word, low, width) \
    ((uint64_t)(word) >> (low) & FIELD_ONES_(low, width))
#define FIELD_MASK_(low, width) (FIELD_ONES_(low, width) << (low))
/** @n in the field; the field of a word; all bits of the field. */
#define FIELD_PUT(n, ...)       FIELD_PUT_(n, __VA_ARGS__)
#define FIELD_GET(word, ...)    FIELD_GET_(word, __VA_ARGS__)
#define FIELD_MASK(...)         FIELD_MASK_(__VA_ARGS__)

/* --- Registers [SMMU 6.2] ------------------------------------------------ */

#define SMMUV3_IDR0             0x00
#define SMMUV3_IDR1             0x04
#define SMMUV3_IDR2             0x08
#define SMMUV3_IDR3             0x0c
#define SMMUV3_IDR4             0x10
#define SMMUV3_IDR5             0x14
#define SMMUV3_IIDR             0x18
#define SMMUV3_AIDR             0x1c
#define SMMUV3_CR0              0x20
#define SMMUV3_CR0ACK           0x24
#define SMMUV3_CR1              0x28
#define SMMUV3_CR2              0x2c
#define SMMUV3_STATUSR          0x40
#define SMMUV3_GBPA             0x44
#define SMMUV3_AGBPA            0x48
#define SMMUV3_IRQ_CTRL         0x50
#define SMMUV3_IRQ_CTRLACK      0x54
#define SMMUV3_GERROR           0x60
#define SMMUV3_GERRORN          0x64
#define SMMUV3_GERROR_IRQ_CFG0  0x68
#define SMMUV3_GERROR_IRQ_CFG1  0x70
#define SMMUV3_GERROR_IRQ_CFG2  0x74
#define SMMUV3_STRTAB_BASE      0x80
#define SMMUV3_STRTAB_BASE_CFG  0x88
#define SMMUV3_CMDQ_BASE        0x90
#define SMMUV3_CMDQ_PROD        0x98
#define SMMUV3_CMDQ_CONS        0x9c
#define SMMUV3_EVENTQ_BASE      0xa0
#define SMMUV3_EVENTQ_IRQ_CFG0  0xb0
#define SMMUV3_EVENTQ_IRQ_CFG1  0xb8
#define SMMUV3_EVENTQ_IRQ_CFG2  0xbc
#define SMMUV3_PRIQ_BASE        0xc0
#define SMMUV3_PRIQ_IRQ_CFG0    0xd0
#define SMMUV3_PRIQ_IRQ_CFG1    0xd8
#define SMMUV3_PRIQ_IRQ_CFG2    0xdc
#define SMMUV3_GATOS_CTRL       0x100
#define SMMUV3_GATOS_SID        0x108
#define SMMUV3_GATOS_ADDR       0x110
#define SMMUV3_GATOS_PAR        0x118
/* in the second page */
#define SMMUV3_EVENTQ_PROD      0x100a8
#define SMMUV3_EVENTQ_CONS      0x100ac
#define SMMUV3_PRIQ_PROD        0x100c8
#define SMMUV3_PRIQ_CONS        0x100cc

/* --- ID registers [SMMU 6.3.1] to [SMMU 6.3.8] --------------------------- */

#define IDR0_S2P                0, 1
#define IDR0_S1P                1, 1
#define IDR0_TTF                2, 2
#define IDR0_COHACC             4, 1
#define IDR0_HTTU               6, 2
#define IDR0_HYP                9, 1
#define IDR0_ATS                10, 1
#define IDR0_NS1ATS             11, 1
#define IDR0_ASID16             12, 1
#define IDR0_MSI                13, 1
#define IDR0_ATOS               15, 1
#define IDR0_PRI                16, 1
#define IDR0_VMW                17, 1
#define IDR0_VMID16             18, 1
#define IDR0_CD2L               19, 1
#define IDR0_VATOS              20, 1
#define IDR0_TTENDIAN           21, 2
#define IDR0_ATSRECERR          23, 1
#define IDR0_STALL_MODEL        24, 2
#define IDR0_TERM_MODEL         26, 1
#define IDR0_ST_LEVEL           27, 2
#define IDR0_FROM_3_3           29, 3       /* RME and others */
#define IDR1_SIDSIZE            0, 6
#define IDR1_SSIDSIZE           6, 5
#define IDR1_PRIQS              11, 5
#define IDR1_EVENTQS            16, 5
#define IDR1_CMDQS              21, 5
#define IDR1_ATTR_PERMS_OVR     26, 1
#define IDR3_HAD                2, 1
#define IDR3_XNX                4, 1
#define IDR3_FWB                8, 1
#define IDR3_RIL                10, 1
#define IDR3_BBML               11, 2
#define IDR3_FROM_3_3           5, 2        /* PPS and others */
#define IDR5_OAS                0, 3
#define IDR5_RESERVED_3         3, 1
#define IDR5_GRAN4K             4, 1
#define IDR5_GRAN16K            5, 1
#define IDR5_GRAN64K            6, 1
#define IDR5_DS                 7, 1
#define IDR5_FROM_3_3           8, 2        /* D128 and others */
#define IDR5_VAX                10, 2
#define IDR5_RESERVED_12        12, 4
#define IDR5_STALL_MAX          16, 16
enum { TTF_AARCH64 = 2, TTENDIAN_MIXED = 0, TTENDIAN_LITTLE = 2,
       OAS_44 = 4, OAS_52 = 6,
       STALL_MODEL_BOTH = 0, STALL_MODEL_NONE = 1, STALL_MODEL_FORCED = 2 };

/* --- Other registers [SMMU 6.3] ------------------------------------------ */

#define SMMUV3_CR0_SMMUEN       0x01u
#define SMMUV3_CR0_PRIQEN       0x02u
#define SMMUV3_CR0_EVENTQEN     0x04u
#define SMMUV3_CR0_CMDQEN       0x08u
#define SMMUV3_CR0_ATSCHK       0x10u
#define SMMUV3_CR0_QUEUES       (SMMUV3_CR0_EVENTQEN | SMMUV3_CR0_CMDQEN)
#define SMMUV3_CR0_ALL          0x1fu

#define SMMUV3_CR2_E2H          0x01u
#define SMMUV3_CR2_RECINVSID    0x02u

#define SMMUV3_GBPA_ABORT       (1u << 20)
#define SMMUV3_GBPA_UPDATE      (1u << 31)

#define SMMUV3_IRQ_GERROR       0x01u
#define SMMUV3_IRQ_PRIQ         0x02u
#define SMMUV3_IRQ_EVENTQ       0x04u

#define SMMUV3_GERROR_CMDQ      0x01u
#define SMMUV3_GERROR_EVENTQ    0x04u
#define SMMUV3_GERROR_PRIQ      0x08u
#define SMMUV3_GERROR_MSI_CMDQ  0x10u
#define SMMUV3_GERROR_MSI_EVENTQ 0x20u
#define SMMUV3_GERROR_MSI_PRIQ  0x40u
#define SMMUV3_GERROR_MSI_GERROR 0x80u

/* CMDQ_CONS, and the codes in it */
#define SMMUV3_CONS_INDEX       0xfffffu
#define SMMUV3_CONS_ERR(cons)   ((unsigned)((cons) >> 24 & 0x7f))
#define SMMUV3_CERROR_ILL       1u
#define SMMUV3_CERROR_ABT       2u
#define SMMUV3_CERROR_ATC       3u

/* the overflow flag of PROD and CONS */
#define SMMUV3_OVERFLOW         0x80000000u
/* a base's allocation hint */
#define SMMUV3_BASE_HINT        (UINT64_C(1) << 62)
#define SMMUV3_PRIQ_CFG2_LO     0x80000000u

/* STRTAB_BASE_CFG */
#define STRTAB_LOG2SIZE         0, 6
#define STRTAB_SPLIT            6, 5
#define STRTAB_FMT              16, 2
enum { FMT_LINEAR = 0, FMT_2LVL = 1 };
/* the same of a linear table, and of two levels */
#define STRTAB_LINEAR(log2)     ((uint32_t)(log2))
#define STRTAB_2LVL(log2, split) \
    (1u << 16 | (uint32_t)(split) << 6 | (uint32_t)(log2))

/* GATOS_SID, _ADDR and _PAR [SMMU 6.3.38] to [SMMU 6.3.40] */
#define GATOS_SSID(n)           (UINT64_C(1) << 52 | (uint64_t)(n) << 32)
#define GATOS_TYPE(n)           ((uint64_t)(n) << 10)
#define GATOS_READ              (UINT64_C(1) << 8)
#define PAR_ADDR                UINT64_C(0x000ffffffffff000)
#define PAR_FAULT               UINT64_C(1)
#define PAR_CODE(par)           ((unsigned)((par) >> 4 & 0xff))
#define PAR_ATTR(par)           ((unsigned)((par) >> 56))

/* --- Stream table [SMMU 5.1] [SMMU 5.2] ---------------------------------- */

#define SMMUV3_STE_SIZE         64
#define L1STD_SPAN              0, 5

/* Config */
#define SMMUV3_ABORT            0u
#define SMMUV3_BYPASS           4u
#define SMMUV3_S1               5u
#define SMMUV3_S2               6u
#define SMMUV3_NESTED           7u

/* first word */
#define STE_V                   0, 1
#define STE_CONFIG              1, 3
#define STE_S1FMT               4, 2
#define STE_S1CDMAX             59, 5
/* second */
#define STE_S1DSS               0, 2
#define STE_PPAR                18, 1
#define STE_MEV                 19, 1
#define STE_S2FWB               25, 1
#define STE_S1STALLD            27, 1
#define STE_EATS                28, 2
#define STE_STRW                30, 2
#define STE_SHCFG               44, 2
#define STE_PRIVCFG             48, 2
#define STE_INSTCFG             50, 2
enum { S1DSS_TERMINATE, S1DSS_BYPASS, S1DSS_SSID0 };
enum { EATS_NONE, EATS_FULL, EATS_SPLIT };
enum { STRW_EL1 = 0, STRW_EL2 = 2 };
enum { SHCFG_INCOMING = 1 };
/* third */
#define STE_S2VMID              0, 16
#define STE_S2T0SZ              32, 6
#define STE_S2SL0               38, 2
#define STE_S2TG                46, 2
#define STE_S2PS                48, 3
#define STE_S2AA64              51, 1
#define STE_S2ENDI              52, 1
#define STE_S2AFFD              53, 1
#define STE_S2PTW               54, 1
#define STE_S2HD                55, 1
#define STE_S2HA                56, 1
#define STE_S2S                 57, 1
#define STE_S2R                 58, 1

/* --- Context descriptors [SMMU 5.3] [SMMU 5.4] --------------------------- */

#define SMMUV3_CD_SIZE          64
#define SMMUV3_L1CD_V           UINT64_C(1)

#define CD_T0SZ                 0, 6
#define CD_TG0                  6, 2
#define CD_EPD0                 14, 1
#define CD_ENDI                 15, 1
#define CD_T1SZ                 16, 6
#define CD_TG1                  22, 2
#define CD_EPD1                 30, 1
#define CD_V                    31, 1
#define CD_IPS                  32, 3
#define CD_AFFD                 35, 1
#define CD_WXN                  36, 1
#define CD_UWXN                 37, 1
#define CD_TBI0                 38, 1
#define CD_TBI1                 39, 1
#define CD_PAN                  40, 1
#define CD_AA64                 41, 1
#define CD_HD                   42, 1
#define CD_HA                   43, 1
#define CD_S                    44, 1
#define CD_R                    45, 1
#define CD_A                    46, 1
#define CD_ASET                 47, 1
#define CD_ASID                 48, 16
/* second and third word */
#define CD_HAD                  1, 1

/* --- Commands [SMMU 4.1] ------------------------------------------------- */

#define CMD_PREFETCH_CONFIG     UINT64_C(0x01)
#define CMD_PREFETCH_ADDR       UINT64_C(0x02)
#define CMD_CFGI_STE            UINT64_C(0x03)
#define CMD_CFGI_STE_RANGE      UINT64_C(0x04)
#define CMD_CFGI_CD             UINT64_C(0x05)
#define CMD_CFGI_CD_ALL         UINT64_C(0x06)
#define CMD_CFGI_VMS_PIDM       UINT64_C(0x07)
#define CMD_NH_ALL              UINT64_C(0x10)
#define CMD_NH_ASID             UINT64_C(0x11)
#define CMD_NH_VA               UINT64_C(0x12)
#define CMD_NH_VAA              UINT64_C(0x13)
#define CMD_EL2_ALL             UINT64_C(0x20)
#define CMD_EL2_ASID            UINT64_C(0x21)
#define CMD_EL2_VA              UINT64_C(0x22)
#define CMD_EL2_VAA             UINT64_C(0x23)
#define CMD_S12_VMALL           UINT64_C(0x28)
#define CMD_S2_IPA              UINT64_C(0x2a)
#define CMD_NSNH_ALL            UINT64_C(0x30)
#define CMD_ATC_INV             UINT64_C(0x40)
#define CMD_PRI_RESP            UINT64_C(0x41)
#define CMD_RESUME              UINT64_C(0x44)
#define CMD_STALL_TERM          UINT64_C(0x45)
#define CMD_SYNC                UINT64_C(0x46)
/* no command's */
#define CMD_NONE                UINT64_C(0x00)
#define CMD_UNKNOWN             UINT64_C(0xff)

#define CMD_SSEC                (UINT64_C(1) << 10)
#define CMD_SSV                 (UINT64_C(1) << 11)
#define CMD_SSID(n)             ((uint64_t)(n) << 12)
#define CMD_WITH_SSID(n)        (CMD_SSV | CMD_SSID(n))
#define CMD_SID(n)              ((uint64_t)(n) << 32)
/* CFGI, second word */
#define CMD_RANGE_ALL           UINT64_C(31)
/* CFGI and TLBI, second word */
#define CMD_LEAF                UINT64_C(1)
/* TLBI */
#define CMD_NUM(n)              ((uint64_t)(n) << 12)
#define CMD_SCALE(n)            ((uint64_t)(n) << 20)
#define CMD_VMID(n)             ((uint64_t)(n) << 32)
#define CMD_ASID(n)             ((uint64_t)(n) << 48)
/* second word */
#define CMD_TTL(n)              ((uint64_t)(n) << 8)
#define CMD_TG(n)               ((uint64_t)(n) << 10)
#define CMD_TG_4K               CMD_TG(1)
/* ATC_INV */
#define CMD_GLOBAL              (UINT64_C(1) << 9)
#define CMD_ATC_ALL             UINT64_C(52)    /* second word: Size */
/* PRI_RESP, second word */
#define CMD_PRI_CODE(n)         ((uint64_t)(n) << 12)
enum { PRI_FAILURE, PRI_INVALID, PRI_SUCCESS, PRI_RESERVED };
/* RESUME: Ac, Ab; second word: STAG */
#define CMD_RETRY               (UINT64_C(1) << 12)
#define CMD_ABORT               (UINT64_C(1) << 13)
/* SYNC */
#define CMD_CS(n)               ((uint64_t)(n) << 12)
#define CMD_SYNC_IRQ            (CMD_SYNC | CMD_CS(1))
#define CMD_SYNC_SEV            (CMD_SYNC | CMD_CS(2))
#define CMD_SYNC_RESERVED       (CMD_SYNC | CMD_CS(3))
#define CMD_MSI_ATTRIBUTES      (UINT64_C(0x3f) << 22)
#define CMD_MSI_DATA(n)         ((uint64_t)(n) << 32)

/* --- Events [SMMU 7.3] --------------------------------------------------- */

#define SMMUV3_EVENT_SIZE       32

#define SMMUV3_C_BAD_STREAMID   0x02u
#define SMMUV3_F_STE_FETCH      0x03u
#define SMMUV3_C_BAD_STE        0x04u
#define SMMUV3_F_BAD_ATS_TREQ   0x05u
#define SMMUV3_F_STREAM_DISABLED 0x06u
#define SMMUV3_F_TRANSL_FORBIDDEN 0x07u
#define SMMUV3_C_BAD_SUBSTREAMID 0x08u
#define SMMUV3_F_CD_FETCH       0x09u
#define SMMUV3_C_BAD_CD         0x0au
#define SMMUV3_F_WALK_EABT      0x0bu
#define SMMUV3_F_TRANSLATION    0x10u
#define SMMUV3_F_ADDR_SIZE      0x11u
#define SMMUV3_F_ACCESS         0x12u
#define SMMUV3_F_PERMISSION     0x13u

/* of an event's words */
#define EVENT_ID(w)             ((unsigned)((w)[0] & 0xff))
#define EVENT_SSV(w)            ((unsigned)((w)[0] >> 11 & 1))
#define EVENT_SSID(w)           ((unsigned)((w)[0] >> 12 & 0xfffff))
#define EVENT_SID(w)            ((uint32_t)((w)[0] >> 32))
#define EVENT_STAG(w)           ((unsigned)((w)[1] & 0xffff))
#define EVENT_STALL(w)          ((unsigned)((w)[1] >> 31 & 1))
#define EVENT_READ(w)           ((unsigned)((w)[1] >> 35 & 1))
#define EVENT_S2(w)             ((unsigned)((w)[1] >> 39 & 1))
#define EVENT_CLASS(w)          ((unsigned)((w)[1] >> 40 & 3))
/* first word */
#define EVENT_WORD0(id, sid)    ((uint64_t)(id) | (uint64_t)(sid) << 32)
#define EVENT_IN_SSV            (UINT64_C(1) << 11)
#define EVENT_IN_SSID(n)        ((uint64_t)(n) << 12)
/* second word */
#define EVENT_IN_STAG           UINT64_C(0xffff)
#define EVENT_IN_STALL          (UINT64_C(1) << 31)
#define EVENT_IN_PNU            (UINT64_C(1) << 33)
#define EVENT_IN_IND            (UINT64_C(1) << 34)
#define EVENT_IN_RNW            (UINT64_C(1) << 35)
#define EVENT_IN_S2             (UINT64_C(1) << 39)
#define EVENT_IN_CLASS(n)       ((uint64_t)(n) << 40)
#define EVENT_IN_TTRNW          (UINT64_C(1) << 44)
enum { CLASS_CD, CLASS_TT, CLASS_IN };
/* the same of F_BAD_ATS_TREQ [SMMU 7.3.6] */
#define TREQ_SPAN(n)            ((uint64_t)(n))
#define TREQ_PRIV               (UINT64_C(1) << 28)
#define TREQ_X                  (UINT64_C(1) << 29)
#define TREQ_W                  (UINT64_C(1) << 30)
#define TREQ_R                  (UINT64_C(1) << 31)

/* --- Page requests [SMMU 8.1] -------------------------------------------- */

#define SMMUV3_PPR_SIZE         16
#define PPR_SSID(n)             (UINT64_C(1) << 63 | (uint64_t)(n) << 32)
#define PPR_PRIV                (UINT64_C(1) << 58)
#define PPR_EXEC                (UINT64_C(1) << 59)
#define PPR_READ                (UINT64_C(1) << 60)
#define PPR_WRITE               (UINT64_C(1) << 61)
#define PPR_LAST                (UINT64_C(1) << 62)

/* --- Translation table descriptors [ARM D8.3] ---------------------------- */

#define SMMUV3_PTE_VALID        0x1ull
#define SMMUV3_PTE_TABLE        0x2ull
#define SMMUV3_PTE_USER         0x40ull         /* stage 1, AP[1] */
#define SMMUV3_PTE_RDONLY       0x80ull         /* stage 1, AP[2] */
#define SMMUV3_PTE_S2R          0x40ull
#define SMMUV3_PTE_S2W          0x80ull
#define SMMUV3_PTE_MEMATTR      0x3cull         /* stage 2; all set is Normal,
                                                 * 0 is Device */
#define SMMUV3_PTE_AF           0x400ull
#define SMMUV3_PTE_NG           0x800ull
#define SMMUV3_PTE_DBM          (1ull << 51)
#define SMMUV3_PTE_CONT         (1ull << 52)
#define SMMUV3_PTE_PXN          (1ull << 53)
#define SMMUV3_PTE_UXN          (1ull << 54)
#define PTE_S2_XN               53, 2
/* with pages of 64 KiB */
#define PTE_ADDR_51_48          12, 4
/* a table descriptor's */
#define SMMUV3_TABLE_PXN        (1ull << 59)
#define SMMUV3_TABLE_UXN        (1ull << 60)
#define SMMUV3_TABLE_NO_USER    (1ull << 61)    /* APTable[0] */
#define SMMUV3_TABLE_RDONLY     (1ull << 62)    /* APTable[1] */
/* a page for everybody, not global, accessed */
#define SMMUV3_PAGE_S1          (SMMUV3_PTE_USER | SMMUV3_PTE_AF | \
                                 SMMUV3_PTE_NG)
#define SMMUV3_PAGE_S2          (SMMUV3_PTE_S2R | SMMUV3_PTE_S2W | \
                                 SMMUV3_PTE_AF | SMMUV3_PTE_MEMATTR)

#endif
