/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3 as a driver knows it, from the specification (IHI 0070): the
 * simulated host's own, so that a wrong number in the model shows.
 */
#ifndef HW_IOMMU_HOSTSIM_PHYSICAL_SMMU_DRIVER_H
#define HW_IOMMU_HOSTSIM_PHYSICAL_SMMU_DRIVER_H

/* 6.3: registers */
#define SMMU_IDR(n)         (0x00 + 4 * (n))
#define SMMU_IIDR           0x18
#define SMMU_AIDR           0x1c
#define SMMU_CR0            0x20
#define SMMU_CR1            0x28
#define SMMU_CR2            0x2c
#define SMMU_IRQ_CTRL       0x50
#define SMMU_GERROR         0x60
#define SMMU_GERRORN        0x64
#define SMMU_STRTAB_BASE    0x80
#define SMMU_STRTAB_CFG     0x88
#define SMMU_CMDQ_BASE      0x90
#define SMMU_CMDQ_PROD      0x98
#define SMMU_CMDQ_CONS      0x9c
#define SMMU_EVTQ_BASE      0xa0
#define SMMU_EVTQ_CFG0      0xb0
#define SMMU_EVTQ_CFG1      0xb8
#define SMMU_EVTQ_PROD      0x100a8
#define SMMU_EVTQ_CONS      0x100ac

#define IDR0_S2P            (1u << 0)
#define IDR0_S1P            (1u << 1)
#define IDR0_HTTU(idr)      ((idr) >> 6 & 3)
#define IDR0_ATS            (1u << 10)
#define IDR0_ASID16         (1u << 12)
#define IDR0_STALL(idr)     ((idr) >> 24 & 3)
#define IDR1_SIDSIZE(idr)   ((idr) & 0x3f)
#define IDR1_SSIDSIZE(idr)  ((idr) >> 6 & 0x1f)
#define IDR3_RIL            (1u << 10)
#define IDR5_OAS(idr)       ((idr) & 7)

#define CR0_SMMUEN          (1u << 0)
#define CR0_EVTQEN          (1u << 2)
#define CR0_CMDQEN          (1u << 3)
#define CR2_RECINVSID       (1u << 1)
#define CR2_PTM             (1u << 2)
#define IRQ_EVTQ            (1u << 2)
#define GERROR_CMDQ         (1u << 0)
#define CMDQ_ERR(cons)      ((cons) >> 24 & 0x7f)
#define CERROR_ATC_INV_SYNC 3
#define STRTAB_2LVL         (1u << 16)
#define QUEUE_OVERFLOW      (1u << 31)

/* 5.2: stream table entries.  First word */
#define STE_V               UINT64_C(1)
#define STE_CONFIG(ste)     ((ste) >> 1 & 7)
#define STE_CONFIG_MASK     (UINT64_C(7) << 1)
#define STE_ABORT           (UINT64_C(0) << 1)
#define STE_BYPASS          (UINT64_C(4) << 1)
#define STE_S1              (UINT64_C(5) << 1)
#define STE_S2              (UINT64_C(6) << 1)
#define STE_NESTED          (UINT64_C(7) << 1)
#define STE_S1FMT_MASK      (UINT64_C(3) << 4)
#define STE_S1FMT_64K       (UINT64_C(2) << 4)
#define STE_S1CTXPTR        UINT64_C(0x000fffffffffffc0)
#define STE_S1CDMAX_SHIFT   59
/* second word */
#define STE_S1DSS_BYPASS    UINT64_C(1)
#define STE_S1DSS_SSID0     UINT64_C(2)
#define STE_S1DSS_MASK      UINT64_C(3)
#define STE_S1C_WB          (UINT64_C(1) << 2 | UINT64_C(1) << 4)
#define STE_S1C_MASK        (UINT64_C(0xf) << 2)
#define STE_S1CSH_INNER     (UINT64_C(3) << 6)
#define STE_MEV             (UINT64_C(1) << 19)
#define STE_S1STALLD        (UINT64_C(1) << 27)
#define STE_EATS_MASK       (UINT64_C(3) << 28)
#define STE_EATS_FULL       (UINT64_C(1) << 28)
/* third word */
#define STE_S2T0SZ_SHIFT    32
#define STE_S2SL0_SHIFT     38
#define STE_S2_WB           (UINT64_C(1) << 40 | UINT64_C(1) << 42)
#define STE_S2SH_INNER      (UINT64_C(3) << 44)
#define STE_S2PS_SHIFT      48
#define STE_S2AA64          (UINT64_C(1) << 51)
#define STE_S2PTW           (UINT64_C(1) << 54)
#define STE_S2S             (UINT64_C(1) << 57)
#define STE_S2R             (UINT64_C(1) << 58)

/* 5.4: context descriptors */
#define CD_WB               (UINT64_C(1) << 8 | UINT64_C(1) << 10)
#define CD_SH_INNER         (UINT64_C(3) << 12)
#define CD_EPD1             (UINT64_C(1) << 30)
#define CD_V                (UINT64_C(1) << 31)
#define CD_IPS_SHIFT        32
#define CD_AA64             (UINT64_C(1) << 41)
#define CD_HD               (UINT64_C(1) << 42)
#define CD_HA               (UINT64_C(1) << 43)
#define CD_S                (UINT64_C(1) << 44)
#define CD_R                (UINT64_C(1) << 45)
#define CD_A                (UINT64_C(1) << 46)
#define CD_ASET             (UINT64_C(1) << 47)
#define CD_ASID_SHIFT       48
#define CD_L1_V             UINT64_C(1)
#define MAIR_NORMAL         UINT64_C(0xff)

/* VMSAv8-64 descriptors */
#define PTE_VALID           UINT64_C(1)
#define PTE_TABLE           UINT64_C(2)     /* or a page of the last level */
#define PTE_S1_USER         (UINT64_C(1) << 6)
#define PTE_S1_READONLY     (UINT64_C(1) << 7)
#define PTE_S2_NORMAL       (UINT64_C(0xf) << 2)
#define PTE_S2_READ         (UINT64_C(1) << 6)
#define PTE_S2_WRITE        (UINT64_C(1) << 7)
#define PTE_SH_INNER        (UINT64_C(3) << 8)
#define PTE_AF              (UINT64_C(1) << 10)
#define PTE_S1_NG           (UINT64_C(1) << 11)
#define PTE_DBM             (UINT64_C(1) << 51)
#define PTE_ADDR            UINT64_C(0x0000fffffffff000)

/* 4: commands, by their first word */
#define CMD_OP              UINT64_C(0xff)
#define CMD_CFGI_STE        UINT64_C(0x03)
#define CMD_CFGI_ALL        UINT64_C(0x04)
#define CMD_CFGI_CD         UINT64_C(0x05)
#define CMD_CFGI_CD_ALL     UINT64_C(0x06)
#define CMD_TLBI_NH_ALL     UINT64_C(0x10)
#define CMD_TLBI_NH_ASID    UINT64_C(0x11)
#define CMD_TLBI_NH_VA      UINT64_C(0x12)
#define CMD_TLBI_NH_VAA     UINT64_C(0x13)
#define CMD_TLBI_S12_VMALL  UINT64_C(0x28)
#define CMD_TLBI_S2_IPA     UINT64_C(0x2a)
#define CMD_TLBI_NSNH_ALL   UINT64_C(0x30)
#define CMD_ATC_INV         UINT64_C(0x40)
#define CMD_RESUME          UINT64_C(0x44)
#define CMD_SYNC            UINT64_C(0x46)
#define CMD_SSV             (UINT64_C(1) << 11)
#define CMD_SSID_SHIFT      12
#define CMD_SSID            (UINT64_C(0xfffff) << 12)
#define CMD_SID_SHIFT       32
#define CMD_SID             (UINT64_C(0xffffffff) << 32)
#define CMD_NUM             (UINT64_C(0x1f) << 12)
#define CMD_SCALE           (UINT64_C(0x3f) << 20)
#define CMD_SCALE_TOP       (UINT64_C(1) << 25)
#define CMD_VMID_SHIFT      32
#define CMD_VMID            (UINT64_C(0xffff) << 32)
#define CMD_ASID_SHIFT      48
#define CMD_ASID            (UINT64_C(0xffff) << 48)
#define CMD_GLOBAL          (UINT64_C(1) << 9)
#define CMD_RESUME_RETRY    (UINT64_C(1) << 12)
#define CMD_RESUME_ABORT    (UINT64_C(2) << 12)
/* second word */
#define CMD_LEAF            UINT64_C(1)
#define CMD_RANGE_ALL       UINT64_C(31)
#define CMD_TTL             (UINT64_C(3) << 8)
#define CMD_TG              (UINT64_C(3) << 10)
#define CMD_ADDR            UINT64_C(0xfffffffffffff000)
#define CMD_ATC_SIZE        UINT64_C(0x3f)
#define CMD_ATC_SIZE_ALL    52

/* 7.3: events.  First word */
#define EVT_ID(evt)         ((unsigned)((evt) & 0xff))
#define EVT_SSV             (UINT64_C(1) << 11)
#define EVT_SSID(evt)       ((uint32_t)((evt) >> 12 & 0xfffff))
#define EVT_SID(evt)        ((uint32_t)((evt) >> 32))
#define EVT_SID_MASK        (UINT64_C(0xffffffff) << 32)
#define EVT_C_BAD_STE       0x04
#define EVT_F_STREAM_DISABLED   0x06
#define EVT_C_BAD_SSID      0x08
#define EVT_C_BAD_CD        0x0a
#define EVT_F_TRANSLATION   0x10
#define EVT_F_ADDR_SIZE     0x11
#define EVT_F_ACCESS        0x12
#define EVT_F_PERMISSION    0x13
/* second word */
#define EVT_STAG(evt)       ((uint16_t)(evt))
#define EVT_STALL           (UINT64_C(1) << 31)
#define EVT_PRIV            (UINT64_C(1) << 33)
#define EVT_EXEC            (UINT64_C(1) << 34)
#define EVT_READ            (UINT64_C(1) << 35)
#define EVT_S2              (UINT64_C(1) << 39)

#endif
