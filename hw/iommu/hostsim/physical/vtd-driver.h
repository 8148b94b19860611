/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VT-d as a driver knows it, from the specification (revision 4.1): the
 * simulated host's own, so that a wrong number in the model shows.
 */
#ifndef HW_IOMMU_HOSTSIM_PHYSICAL_VTD_DRIVER_H
#define HW_IOMMU_HOSTSIM_PHYSICAL_VTD_DRIVER_H

/* 11.4: registers */
#define DMAR_CAP        0x08
#define DMAR_ECAP       0x10
#define DMAR_GCMD       0x18
#define DMAR_GSTS       0x1c
#define DMAR_RTADDR     0x20
#define DMAR_FSTS       0x34
#define DMAR_FECTL      0x38
#define DMAR_FEDATA     0x3c
#define DMAR_FEADDR     0x40
#define DMAR_IQH        0x80
#define DMAR_IQT        0x88
#define DMAR_IQA        0x90
#define DMAR_PQH        0xc0
#define DMAR_PQT        0xc8
#define DMAR_PQA        0xd0
#define DMAR_PRS        0xdc
#define DMAR_PECTL      0xe0
#define DMAR_PEDATA     0xe4
#define DMAR_PEADDR     0xe8

#define GCMD_TE         (1u << 31)
#define GCMD_SRTP       (1u << 30)
#define GCMD_QIE        (1u << 26)
#define RTADDR_SCALABLE (UINT64_C(1) << 10)
#define FSTS_PFO        (1u << 0)
#define FSTS_PPF        (1u << 1)
#define FSTS_IQE        (1u << 4)
#define FSTS_ICE        (1u << 5)
#define FSTS_ITE        (1u << 6)
#define IQA_WIDE        (UINT64_C(1) << 11)
#define PRS_PPR         (1u << 0)
#define PRS_PRO         (1u << 1)

/* 11.4.2, 11.4.3 */
#define CAP_CM          (UINT64_C(1) << 7)
#define CAP_FRO(cap)    ((unsigned)((cap) >> 24 & 0x3ff) * 16)
#define CAP_NFR(cap)    ((unsigned)((cap) >> 40 & 0xff) + 1)
#define CAP_SAGAW(cap)  ((unsigned)((cap) >> 8 & 0x1f))
#define CAP_SSLPS(cap)  ((unsigned)((cap) >> 34 & 0xf))
#define CAP_MAMV(cap)   ((unsigned)((cap) >> 48 & 0x3f))
#define CAP_FS5LP       (UINT64_C(1) << 60)
#define ECAP_DT         (UINT64_C(1) << 2)
#define ECAP_MTS        (UINT64_C(1) << 25)
#define ECAP_NEST       (UINT64_C(1) << 26)
#define ECAP_PRS        (UINT64_C(1) << 29)
#define ECAP_SRS        (UINT64_C(1) << 31)
#define ECAP_EAFS       (UINT64_C(1) << 34)
#define ECAP_PSS(ecap)  ((unsigned)((ecap) >> 35 & 0x1f))
#define ECAP_PASID      (UINT64_C(1) << 40)
#define ECAP_SMTS       (UINT64_C(1) << 43)
#define ECAP_SSADS      (UINT64_C(1) << 45)
#define ECAP_SSTS       (UINT64_C(1) << 46)
#define ECAP_SMPWCS     (UINT64_C(1) << 48)

/* 11.4.14: fault records, two words */
#define FRCD_F          (UINT64_C(1) << 63)
#define FRCD_READ       (UINT64_C(1) << 62)
#define FRCD_PASID(high)    ((uint32_t)((high) >> 40 & 0xfffff))
#define FRCD_REASON(high)   ((uint8_t)((high) >> 32))
#define FRCD_HAS_PASID  (UINT64_C(1) << 31)
#define FRCD_SOURCE(high)   ((uint16_t)(high))

/* 9.4, 9.6: scalable-mode context and PASID table entries */
#define CONTEXT_P       UINT64_C(1)
#define CONTEXT_DTE     (UINT64_C(1) << 2)
#define CONTEXT_PASIDE  (UINT64_C(1) << 3)
#define CONTEXT_PRE     (UINT64_C(1) << 4)
#define CONTEXT_PDTS_SHIFT  9
#define PASID_P         UINT64_C(1)
#define PASID_AW_SHIFT  2
#define PASID_PGTT_SECOND   (UINT64_C(2) << 6)
#define PASID_PGTT_NESTED   (UINT64_C(3) << 6)
#define PASID_SSADE     (UINT64_C(1) << 9)
/* second word */
#define PASID_PWSNP     (UINT64_C(1) << 23)
#define PASID_CD        (UINT64_C(1) << 25)
#define PASID_EMTE      (UINT64_C(1) << 26)
#define PASID_PAT_SHIFT 32
/* third word */
#define PASID_SRE       UINT64_C(1)
#define PASID_FSPM_5    (UINT64_C(1) << 2)
#define PASID_WPE       (UINT64_C(1) << 4)
#define PASID_EAFE      (UINT64_C(1) << 7)

/* 9.8: second-stage entries */
#define SS_R            UINT64_C(1)
#define SS_W            (UINT64_C(1) << 1)
#define SS_PS           (UINT64_C(1) << 7)
#define SS_D            (UINT64_C(1) << 9)
#define SS_ADDR         UINT64_C(0x000ffffffffff000)

/* 6.5.2: descriptors, by their first word */
#define DESC_CONTEXT    UINT64_C(0x1)
#define DESC_IOTLB      UINT64_C(0x2)
#define DESC_DEVTLB     UINT64_C(0x3)
#define DESC_WAIT       UINT64_C(0x5)
#define DESC_PIOTLB     UINT64_C(0x6)
#define DESC_PASID      UINT64_C(0x7)
#define DESC_PDEVTLB    UINT64_C(0x8)
#define DESC_RESPONSE   UINT64_C(0x9)
#define DESC_GLOBAL     (UINT64_C(1) << 4)
#define DESC_DOMAIN     (UINT64_C(2) << 4)
#define DESC_PAGES      (UINT64_C(3) << 4)
#define DESC_DEVICE     (UINT64_C(3) << 4)
#define DESC_PASID_ONE  (UINT64_C(1) << 4)
#define DESC_PASID_ALL  (UINT64_C(3) << 4)
#define DESC_DID_SHIFT  16
#define DESC_PASID_SHIFT    32
#define DESC_WAIT_WRITE (UINT64_C(1) << 5)
#define DESC_IH         (UINT64_C(1) << 6)  /* second word */

/* 7.4.1: page requests */
#define PREQ_PP         (UINT64_C(1) << 8)
#define PREQ_PDP        (UINT64_C(1) << 9)
#define PREQ_EXE        (UINT64_C(1) << 52)
#define PREQ_PRIV       (UINT64_C(1) << 53)
#define PREQ_READ       UINT64_C(1)     /* second word */
#define PREQ_WRITE      (UINT64_C(1) << 1)
#define PREQ_LAST       (UINT64_C(1) << 2)

#endif
