/* SPDX-License-Identifier: BSD-3-Clause */
/* A device behind an SMMUv3 with a vIOMMU of its own, and tables and
 * descriptors in memory that stands for a guest's. */
#ifndef TESTS_UAPI_SMMU_H
#define TESTS_UAPI_SMMU_H

#include "tests/uapi/device.h"

#define BASE    UINT64_C(0x40000000)    /* of the guest's memory */
#define TABLES  16
#define CDS     TABLES                  /* the page of context descriptors */
#define DATA    (TABLES + 1)
#define SIZE    ((DATA + 16) * PAGE)
#define VA      UINT64_C(0x30000000)
#define VSID    0x2345u

/* Stream table entries (IHI 0070, 5.2) */
#define STE_V           UINT64_C(1)
#define STE_ABORT       STE_V
#define STE_BYPASS      (STE_V | UINT64_C(4) << 1)
#define STE_S1          (STE_V | UINT64_C(5) << 1)
#define STE_CDMAX(n)    ((uint64_t)(n) << 59)
#define STE_S1DSS_SSID0 UINT64_C(2)
#define STE_S1STALLD    (UINT64_C(1) << 27)
#define STE_EATS(n)     ((uint64_t)(n) << 28)
/* A context descriptor [SMMU 5.4]: 48 bits, 4 KiB, no TTB1; V, AA64, R, A,
 * ASET; 48-bit output */
#define CD_COMMON       (UINT64_C(16) | UINT64_C(1) << 30 | \
                         UINT64_C(1) << 31 | UINT64_C(5) << 32 | \
                         UINT64_C(1) << 41 | UINT64_C(7) << 45)
#define CD_STALL        (UINT64_C(1) << 44)
#define CD_ASID(n)      ((uint64_t)(n) << 48)
/* Commands (4) */
#define CFGI_STE        UINT64_C(0x03)
#define CFGI_CD         UINT64_C(0x05)
#define CFGI_CD_ALL     UINT64_C(0x06)
#define TLBI_NH_ALL     UINT64_C(0x10)
#define TLBI_NH_ASID    UINT64_C(0x11)
#define TLBI_NH_VA      UINT64_C(0x12)
#define TLBI_NH_VAA     UINT64_C(0x13)
#define TLBI_EL2_ALL    UINT64_C(0x20)
#define TLBI_S12_VMALL  UINT64_C(0x28)
#define TLBI_NSNH_ALL   UINT64_C(0x30)
#define ATC_INV         UINT64_C(0x40)
#define RESUME          UINT64_C(0x44)
#define SYNC            UINT64_C(0x46)
#define CMD_SID(sid)    ((uint64_t)(sid) << 32)
#define CMD_SSEC        (UINT64_C(1) << 10)
/* Events [SMMU 7.3] */
#define C_BAD_CD        0x0a
#define F_TRANSLATION   0x10

typedef struct Smmu {
    UapiDevice d;
    uint8_t *memory;
    uint32_t ioas, parent, viommu;
    UapiTables tables;
} Smmu;

int smmu_viommu_alloc(Smmu *s, uint32_t type, uint32_t hwpt, uint32_t *id);
int smmu_vdevice_alloc(UapiDevice *d, uint32_t viommu, uint64_t virt_id,
                       uint32_t *id);
/** False: no device @n, or one that cannot nest here. */
bool smmu_open(Uapi *u, unsigned n, Smmu *s);
void smmu_close(Smmu *s);
/** Its words, in memory. */
uint64_t *smmu_cd(Smmu *s, unsigned ssid);
/** The descriptor of @ssid, with the tables. */
void smmu_put_cd(Smmu *s, unsigned ssid, uint64_t more);
/** With what of @alloc is not the entry; pt_id 0: the vIOMMU. */
int smmu_nested_alloc(Smmu *s, IommufdHwptAlloc *alloc, uint64_t ste0,
                      uint64_t ste1, uint32_t *hwpt);
int smmu_nested(Smmu *s, uint64_t ste0, uint64_t ste1, uint32_t *hwpt);
/** A stage 1 of four context descriptors. */
int smmu_nested_s1(Smmu *s, uint32_t *hwpt);
/** *@done of them have been carried out. */
int smmu_invalidate(Smmu *s, const uint64_t (*cmds)[2], unsigned n,
                    unsigned *done);
/** One command gives @wanted. */
void smmu_expect_command(Smmu *s, uint64_t low, uint64_t high, int wanted);
/** Descriptors without a PASID and with 1, a page at VA, a name; attached. */
void smmu_start(Smmu *s, uint32_t *hwpt);

#endif
