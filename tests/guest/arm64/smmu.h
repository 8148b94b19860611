/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3 as a guest sees it through iommufd (IHI 0070): entries of the stream
 * table and context descriptors of the program's own, commands, events.
 */
#ifndef TESTS_GUEST_ARM64_SMMU_H
#define TESTS_GUEST_ARM64_SMMU_H

#include "vfio-nested.h"

/* The guest's StreamID: unlike the one of the machine. */
#define VSID            0x5a07u
#define ASID            1u
#define CD_BITS         5u      /* 32 context descriptors ... */
#define CD_PAGE         8u      /* ... in this page of the arena */
#define OTHER_TABLES    9u      /* four pages of tables for another CD */

/* Stream table entries [SMMU 5.2], first word */
#define STE_VALID       (1ull << 0)
#define STE_ABORT       (0ull << 1)
#define STE_BYPASS      (4ull << 1)
#define STE_S1          (5ull << 1)
#define STE_S2          (6ull << 1)
#define STE_NESTED      (7ull << 1)
#define STE_S1CDMAX(n)  ((uint64_t)(n) << 59)
/* second word */
enum { S1DSS_TERMINATE, S1DSS_BYPASS, S1DSS_SSID0 };
#define STE_CACHED      (1ull << 2 | 1ull << 4 | 3ull << 6)
#define STE_EATS_FULL   (1ull << 28)
#define STE_EATS_SPLIT  (2ull << 28)
#define STE_STRW_EL2    (2ull << 30)
#define STE_RESERVED    (1ull << 63)

/* Context descriptors [SMMU 5.4], first word */
#define CD_T0SZ_48      16ull
#define CD_CACHED       (1ull << 8 | 1ull << 10 | 3ull << 12)
#define CD_EPD1         (1ull << 30)
#define CD_VALID        (1ull << 31)
#define CD_IPS(n)       ((uint64_t)(n) << 32)
#define CD_AA64         (1ull << 41)
#define CD_HD           (1ull << 42)
#define CD_HA           (1ull << 43)
#define CD_STALL        (1ull << 44)
#define CD_RECORD       (1ull << 45)
#define CD_ABORT        (1ull << 46)
#define CD_ASET         (1ull << 47)
#define CD_ASID(n)      ((uint64_t)(n) << 48)
#define CD_MAIR         0xffull     /* fourth word: normal memory */
#define CD_WORDS        8u

/* VMSAv8-64, stage 1 */
#define PTE_VALID       (1ull << 0)
#define PTE_PAGE        (1ull << 1)     /* or a table */
#define PTE_USER        (1ull << 6)
#define PTE_READ_ONLY   (1ull << 7)
#define PTE_SHARED      (3ull << 8)
#define PTE_AF          (1ull << 10)
#define PTE_NOT_GLOBAL  (1ull << 11)
#define PTE_DBM         (1ull << 51)

/* Commands [SMMU 4.1] */
#define CMD_CFGI_STE    0x03ull
#define CMD_CFGI_CD     0x05ull
#define CMD_CFGI_CD_ALL 0x06ull
#define CMD_NH_ALL      0x10ull
#define CMD_NH_ASID     0x11ull
#define CMD_NH_VA       0x12ull
#define CMD_NH_VAA      0x13ull
#define CMD_NSNH_ALL    0x30ull
#define CMD_ATC_INV     0x40ull
#define CMD_SYNC        0x46ull
#define CMD_SSEC        (1ull << 10)
#define CMD_SSV         (1ull << 11)
#define CMD_SSID(n)     ((uint64_t)(n) << 12)
#define CMD_SID(n)      ((uint64_t)(n) << 32)
#define CMD_ASID(n)     ((uint64_t)(n) << 48)
#define CMD_NUM(n)      ((uint64_t)(n) << 12)
#define CMD_LEAF        1ull            /* second word */
#define CMD_TG_4K       (1ull << 10)    /* second word */
#define CMD_ATC_ALL     52ull           /* second word */

/* Events [SMMU 7.3] */
#define EVENT_ID(e)     ((unsigned)((e)->word[0] & 0xff))
#define EVENT_SSV(e)    ((unsigned)((e)->word[0] >> 11 & 1))
#define EVENT_SSID(e)   ((unsigned)((e)->word[0] >> 12 & 0xfffff))
#define EVENT_SID(e)    ((uint32_t)((e)->word[0] >> 32))
#define EVENT_READ(e)   ((unsigned)((e)->word[1] >> 35 & 1))
#define EVENT_S2(e)     ((unsigned)((e)->word[1] >> 39 & 1))
#define EVENT_CLASS(e)  ((unsigned)((e)->word[1] >> 40 & 3))
#define EVENT_ADDR(e)   ((e)->word[2])
enum {
    C_BAD_STE = 0x04, F_STREAM_DISABLED = 0x06, C_BAD_SUBSTREAMID = 0x08,
    C_BAD_CD = 0x0a, F_TRANSLATION = 0x10, F_PERMISSION = 0x13,
};
#define CLASS_INPUT     2u

/* A parent and a guest's SMMU with this device; no first stage yet. */
Outcome smmu_begin(Vfio *v, Nested *n);
/* The object of a stream table entry; 0 after an error. */
uint32_t smmu_hwpt(Vfio *v, const Nested *n, uint64_t word0, uint64_t word1,
                   uint32_t fault);
/* Descriptor number @ssid with tables at page @tables of the arena. */
void smmu_put_cd(Vfio *v, unsigned ssid, unsigned tables, unsigned asid,
                 uint64_t more);
/* Words of an entry with the table of descriptors. */
uint64_t smmu_ste0(bool substreams);
uint64_t smmu_ste1(const Vfio *v, unsigned s1dss);
/* Commands; true when all of them were carried out. */
bool smmu_commands(Vfio *v, const Nested *n, const SmmuCommand *commands,
                   unsigned count);
bool smmu_command(Vfio *v, const Nested *n, uint64_t word0, uint64_t word1);
/* The endpoint's translations, when it has any. */
bool smmu_atc_inv(Vfio *v, const Nested *n);
/* ID registers, as IOMMU_GET_HW_INFO has them. */
bool smmu_info(Vfio *v, HwInfoSmmuv3 *info);

Outcome smmu_check_substreams(Vfio *v);
Outcome smmu_check_descriptors(Vfio *v);
Outcome smmu_check_commands(Vfio *v);
Outcome smmu_check_entries(Vfio *v);
Outcome smmu_check_events(Vfio *v);
Outcome smmu_check_refusals(Vfio *v);

#endif
