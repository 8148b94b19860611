/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3 for tests: constants written from the architecture specification
 * (IHI 0070), apart from the model's.
 */
#ifndef TESTS_LIB_SMMU_SPEC_H
#define TESTS_LIB_SMMU_SPEC_H

/* Registers */
#define SMMUV3_IDR0             0x00
#define SMMUV3_IDR1             0x04
#define SMMUV3_IDR3             0x0c
#define SMMUV3_IDR5             0x14
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
#define SMMUV3_STRTAB_BASE      0x80
#define SMMUV3_STRTAB_BASE_CFG  0x88
#define SMMUV3_CMDQ_BASE        0x90
#define SMMUV3_CMDQ_PROD        0x98
#define SMMUV3_CMDQ_CONS        0x9c
#define SMMUV3_EVENTQ_BASE      0xa0
#define SMMUV3_EVENTQ_IRQ_CFG0  0xb0
#define SMMUV3_EVENTQ_IRQ_CFG1  0xb8
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

#define SMMUV3_CR0_SMMUEN       0x01u
#define SMMUV3_CR0_PRIQEN       0x02u
#define SMMUV3_CR0_EVENTQEN     0x04u
#define SMMUV3_CR0_CMDQEN       0x08u
#define SMMUV3_CR0_ATSCHK       0x10u

#define SMMUV3_GERROR_CMDQ      0x01u
#define SMMUV3_GERROR_EVENTQ    0x04u
#define SMMUV3_CERROR_ILL       1u
#define SMMUV3_CERROR_ABT       2u
#define SMMUV3_CERROR_ATC       3u

#define SMMUV3_STE_SIZE         64
#define SMMUV3_CD_SIZE          64
#define SMMUV3_EVENT_SIZE       32
#define SMMUV3_PPR_SIZE         16

/* STE.Config */
#define SMMUV3_ABORT            0u
#define SMMUV3_BYPASS           4u
#define SMMUV3_S1               5u
#define SMMUV3_S2               6u
#define SMMUV3_NESTED           7u

/* Events */
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

/* Descriptors */
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
/* a page for everybody, not global, accessed */
#define SMMUV3_PAGE_S1          (SMMUV3_PTE_USER | SMMUV3_PTE_AF | \
                                 SMMUV3_PTE_NG)
#define SMMUV3_PAGE_S2          (SMMUV3_PTE_S2R | SMMUV3_PTE_S2W | \
                                 SMMUV3_PTE_AF | SMMUV3_PTE_MEMATTR)

#endif
