/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3's part of the checks of "vfio": what IOMMU_GET_HW_INFO tells, and
 * first-stage tables.  Linux takes an entry of the guest's stream table, with
 * a table of context descriptors in the guest's memory, which is one for all
 * PASIDs; and the guest's own commands.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"
#include "smmu.h"

#define UNITS           "/sys/class/iommu"
#define UNIT_PREFIX     "smmu3."
#define REG_IDR0        0x00
#define REG_IIDR        0x18
#define REG_AIDR        0x1c

static Outcome smmu_parent(Vfio *v, Nested *n)
{
    Outcome outcome = nested_space(v, n, 0);
    ViommuAlloc viommu = {
        .size = sizeof(viommu), .type = VIOMMU_TYPE_ARM_SMMUV3,
        .dev_id = v->dev_id, .hwpt_id = n->parent,
    };

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    if (!vfio_call(v, "IOMMU_VIOMMU_ALLOC", IOMMUFD_VIOMMU_ALLOC, &viommu)) {
        return lacking(v);
    }
    n->viommu = viommu.out_viommu_id;
    vfio_own_object(v, n->viommu);
    return OUTCOME_OK;
}

Outcome smmu_begin(Vfio *v, Nested *n)
{
    Outcome outcome = smmu_parent(v, n);
    VdeviceAlloc vdevice = {
        .size = sizeof(vdevice), .viommu_id = n->viommu,
        .dev_id = v->dev_id, .virt_id = VSID,
    };

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    if (!vfio_call(v, "IOMMU_VDEVICE_ALLOC", IOMMUFD_VDEVICE_ALLOC,
                   &vdevice)) {
        return lacking(v);
    }
    vfio_own_object(v, vdevice.out_vdevice_id);
    return OUTCOME_OK;
}

uint32_t smmu_hwpt(Vfio *v, const Nested *n, uint64_t word0, uint64_t word1,
                   uint32_t fault)
{
    const HwptArmSmmuv3 entry = { .ste = { word0, word1 } };

    return vfio_hwpt_s1(v, n->viommu, 0, HWPT_DATA_ARM_SMMUV3, &entry,
                        sizeof(entry), fault);
}

/* --- the unit ------------------------------------------------------------ */

bool smmu_info(Vfio *v, HwInfoSmmuv3 *smmu)
{
    HwInfo info = {
        .size = sizeof(info), .dev_id = v->dev_id,
        .data_len = sizeof(*smmu), .data = (uintptr_t)smmu,
    };

    memset(smmu, 0, sizeof(*smmu));
    if (!vfio_call(v, "IOMMU_GET_HW_INFO", IOMMUFD_GET_HW_INFO, &info)) {
        return false;
    }
    if (info.out_data_type != HW_INFO_ARM_SMMUV3) {
        wrong(v, "type %" PRIu32, info.out_data_type);
        return false;
    }
    return true;
}

/* The address is in the unit's name. */
static uint64_t unit_address(void)
{
    DIR *dir = opendir(UNITS);
    struct dirent *entry;
    uint64_t addr = 0;

    while (dir && (entry = readdir(dir))) {
        if (!strncmp(entry->d_name, UNIT_PREFIX, strlen(UNIT_PREFIX))) {
            addr = strtoull(entry->d_name + strlen(UNIT_PREFIX), NULL, 16);
        }
    }
    if (dir) {
        closedir(dir);
    }
    return addr;
}

static bool unit_registers(HwInfoSmmuv3 *smmu)
{
    uint64_t addr = unit_address();
    volatile uint8_t *regs = addr ? registers_map(addr) : NULL;

    memset(smmu, 0, sizeof(*smmu));
    if (!regs) {
        return false;
    }
    for (unsigned i = 0; i < 6; i++) {
        smmu->idr[i] = *(volatile uint32_t *)(regs + REG_IDR0 + 4 * i);
    }
    smmu->iidr = *(volatile uint32_t *)(regs + REG_IIDR);
    smmu->aidr = *(volatile uint32_t *)(regs + REG_AIDR);
    munmap((void *)regs, PAGE);
    return true;
}

Outcome check_hw_info(Vfio *v)
{
    HwInfoSmmuv3 said, regs;

    if (!smmu_info(v, &said)) {
        return OUTCOME_FAIL;
    }
    if (!unit_registers(&regs)) {
        return wrong(v, "the unit's registers: %s", strerror(errno));
    }
    for (unsigned i = 0; i < 6; i++) {
        if (said.idr[i] != regs.idr[i]) {
            return wrong(v, "IDR%u 0x%" PRIx32 ", the unit's is 0x%" PRIx32,
                         i, said.idr[i], regs.idr[i]);
        }
    }
    if (memcmp(&said, &regs, sizeof(said))) {
        return wrong(v, "IIDR 0x%" PRIx32 ", AIDR 0x%" PRIx32 ", flags 0x%"
                     PRIx32 ", wanted 0x%" PRIx32 " 0x%" PRIx32 " 0",
                     said.iidr, said.aidr, said.flags, regs.iidr, regs.aidr);
    }
    return found(v, "IDR0 0x%" PRIx32 ", IDR1 0x%" PRIx32 ", IDR3 0x%" PRIx32
                 ", IDR5 0x%" PRIx32 ": the unit's", said.idr[0],
                 said.idr[1], said.idr[3], said.idr[5]);
}

/* Linux takes stalls, and no page requests, of an SMMUv3. */
bool arch_stalls(void)
{
    return true;
}

/* Firmware says which endpoints can wait. */
bool arch_can_fault(const Vfio *v, const char *name)
{
    char path[320];

    (void)v;
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/of_node/"
             "dma-can-stall", name);
    return !access(path, F_OK);
}

/*
 * Linux's driver makes the pages clean, but when it comes to invalidate them
 * it finds that no page size was gathered (arm_smmu_iotlb_sync), and does
 * nothing: the unit writes on through what it keeps.  To attach anew
 * invalidates.
 */
bool arch_forget_dirty(Vfio *v, uint32_t hwpt)
{
    return vfio_detach(v, NO_PASID) && vfio_attach(v, hwpt, NO_PASID);
}

/* --- tables -------------------------------------------------------------- */

const uint64_t nested_table_bits = PTE_VALID | PTE_PAGE;

/* Does the unit keep the flags?  Then pages begin without them. */
static bool by_hardware(void)
{
    static int httu = -1;
    HwInfoSmmuv3 regs;

    if (httu < 0) {
        httu = unit_registers(&regs) ? regs.idr[0] >> 6 & 3 : 0;
    }
    return httu >= 2;
}

static uint64_t leaf(uint64_t gpa, uint64_t kind)
{
    return gpa | PTE_VALID | kind | PTE_USER | PTE_SHARED | PTE_NOT_GLOBAL |
           (by_hardware() ? PTE_DBM | PTE_READ_ONLY : PTE_AF);
}

uint64_t nested_small(const Vfio *v, uint64_t gpa)
{
    (void)v;
    return leaf(gpa, PTE_PAGE);
}

uint64_t nested_large(const Vfio *v, uint64_t gpa)
{
    (void)v;
    return leaf(gpa, 0);
}

uint64_t nested_read_only(const Vfio *v, unsigned page)
{
    return (nested_leaf(v, page) | PTE_READ_ONLY) & ~PTE_DBM;
}

bool nested_flags_right(Vfio *v, const Nested *n, uint64_t va, bool written)
{
    uint64_t e = *nested_entry(v, va);
    uint64_t want = PTE_AF | (written || !by_hardware() ? 0 : PTE_READ_ONLY);

    (void)n;
    if ((e & (PTE_AF | PTE_READ_ONLY)) != want) {
        wrong(v, "descriptor for 0x%" PRIx64 " is 0x%" PRIx64, va, e);
        return false;
    }
    return true;
}

void smmu_put_cd(Vfio *v, unsigned ssid, unsigned tables, unsigned asid,
                 uint64_t more)
{
    uint64_t *cd = (uint64_t *)arena_page(v, CD_PAGE) + ssid * CD_WORDS;

    cd[1] = NESTED_GPA + tables * PAGE;
    cd[2] = 0;
    cd[3] = CD_MAIR;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    /* addresses of 44 bits are enough for the arena */
    cd[0] = CD_T0SZ_48 | CD_CACHED | CD_EPD1 | CD_VALID | CD_IPS(4) |
            CD_AA64 | (by_hardware() ? CD_HA | CD_HD : 0) | CD_RECORD |
            CD_ABORT | CD_ASET | CD_ASID(asid) | more;
}

uint64_t smmu_ste0(bool substreams)
{
    return STE_VALID | STE_S1 | (NESTED_GPA + CD_PAGE * PAGE) |
           STE_S1CDMAX(substreams ? CD_BITS : 0);
}

uint64_t smmu_ste1(const Vfio *v, unsigned s1dss)
{
    return s1dss | STE_CACHED | (v->ats ? STE_EATS_FULL : 0);
}

Outcome nested_begin(Vfio *v, Nested *n, uint32_t pasid, uint32_t fault)
{
    bool substreams = pasid != NO_PASID;
    Outcome outcome = smmu_begin(v, n);

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    n->pasid = pasid;
    smmu_put_cd(v, substreams ? pasid : 0, 0, ASID, fault ? CD_STALL : 0);
    n->hwpt = smmu_hwpt(v, n, smmu_ste0(substreams),
                        smmu_ste1(v, substreams ? S1DSS_BYPASS
                                                : S1DSS_SSID0), fault);
    return n->hwpt ? OUTCOME_OK : lacking(v);
}

/* The stream's entry stands for all of its PASIDs. */
bool nested_attach(Vfio *v, const Nested *n)
{
    return vfio_attach(v, n->hwpt, NO_PASID);
}

bool nested_detach(Vfio *v, const Nested *n)
{
    (void)n;
    return vfio_detach(v, NO_PASID);
}

/* --- invalidation -------------------------------------------------------- */

bool smmu_commands(Vfio *v, const Nested *n, const SmmuCommand *commands,
                   unsigned count)
{
    HwptInvalidate inv = {
        .size = sizeof(inv), .hwpt_id = n->viommu,
        .data = (uintptr_t)commands, .data_type = VIOMMU_INVALIDATE_SMMUV3,
        .entry_len = sizeof(*commands), .entry_num = count,
    };

    if (!vfio_call(v, "IOMMU_HWPT_INVALIDATE", IOMMUFD_HWPT_INVALIDATE,
                   &inv)) {
        return false;
    }
    if (inv.entry_num != count) {
        wrong(v, "IOMMU_HWPT_INVALIDATE did %" PRIu32 " of %u commands",
              inv.entry_num, count);
        return false;
    }
    return true;
}

bool smmu_command(Vfio *v, const Nested *n, uint64_t word0, uint64_t word1)
{
    const SmmuCommand command = { { word0, word1 } };

    return smmu_commands(v, n, &command, 1);
}

bool smmu_atc_inv(Vfio *v, const Nested *n)
{
    uint64_t ssid = n->pasid == NO_PASID ? 0 : CMD_SSV | CMD_SSID(n->pasid);

    return !v->ats || smmu_command(v, n, CMD_ATC_INV | CMD_SID(VSID) | ssid,
                                   CMD_ATC_ALL);
}

bool nested_invalidate(Vfio *v, const Nested *n, uint64_t va, uint64_t pages)
{
    uint64_t ssid = n->pasid == NO_PASID ? 0 : CMD_SSV | CMD_SSID(n->pasid);
    SmmuCommand c[2] = { { { CMD_NH_ALL, 0 } } };

    if (pages == 1) {
        c[0] = (SmmuCommand){ { CMD_NH_VA | CMD_ASID(ASID), va | CMD_LEAF } };
        c[1] = (SmmuCommand){ { CMD_ATC_INV | CMD_SID(VSID) | ssid, va } };
        return smmu_commands(v, n, c, v->ats ? 2 : 1);
    }
    if (pages != ~0ull) {
        c[0].word[0] = CMD_NH_ASID | CMD_ASID(ASID);
    }
    return smmu_commands(v, n, c, 1) && smmu_atc_inv(v, n);
}

/* What the unit keeps does not go away by itself. */
bool nested_permit(Vfio *v, const Nested *n, uint64_t va)
{
    return nested_invalidate(v, n, va, 1);
}

const Check arch_checks[] = {
    { "nested-substreams", smmu_check_substreams, PLAIN, 0 },
    { "nested-descriptors", smmu_check_descriptors, PLAIN, 0 },
    { "nested-commands", smmu_check_commands, PLAIN, 0 },
    { "nested-entries", smmu_check_entries, PLAIN, 0 },
    { "nested-events", smmu_check_events, PLAIN, 0 },
    { "nested-refusals", smmu_check_refusals, PLAIN, 0 },
    { "ats-nested-substreams", smmu_check_substreams, ATS, 0 },
    { "ats-nested-descriptors", smmu_check_descriptors, ATS, 0 },
    { "ats-nested-commands", smmu_check_commands, ATS, 0 },
    { NULL, NULL, PLAIN, 0 },
};
