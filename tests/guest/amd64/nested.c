/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VT-d's part of the checks of "vfio": what IOMMU_GET_HW_INFO tells, and
 * first-stage tables, which Linux takes one by one for each PASID.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "guest.h"
#include "vfio-nested.h"

#define UNIT            "/sys/class/iommu/dmar0/intel-iommu/address"

/* VT-d 9.7 */
#define FS_PRESENT  (1ull << 0)
#define FS_WRITE    (1ull << 1)
#define FS_USER     (1ull << 2)
#define FS_ACCESSED (1ull << 5)
#define FS_DIRTY    (1ull << 6)
#define FS_LARGE    (1ull << 7)

bool arch_stalls(void)
{
    return false;
}

bool arch_can_fault(const Vfio *v, const char *name)
{
    (void)v;
    (void)name;
    return true;
}

/* CAP and ECAP as the processor reads them at the unit. */
static bool unit_registers(uint64_t *cap, uint64_t *ecap)
{
    FILE *f = fopen(UNIT, "r");
    uint64_t addr = 0;
    volatile uint8_t *regs;

    if (f && fscanf(f, "%" SCNx64, &addr) != 1) {
        addr = 0;
    }
    if (f) {
        fclose(f);
    }
    regs = addr ? registers_map(addr) : NULL;
    if (!regs) {
        return false;
    }
    *cap = *(volatile uint64_t *)(regs + 0x08);
    *ecap = *(volatile uint64_t *)(regs + 0x10);
    munmap((void *)regs, PAGE);
    return true;
}

Outcome check_hw_info(Vfio *v)
{
    HwInfoVtd vtd = { 0 };
    HwInfo info = {
        .size = sizeof(info), .dev_id = v->dev_id, .data_len = sizeof(vtd),
        .data = (uintptr_t)&vtd,
    };
    uint64_t cap, ecap;

    if (!vfio_call(v, "IOMMU_GET_HW_INFO", IOMMUFD_GET_HW_INFO, &info)) {
        return OUTCOME_FAIL;
    }
    if (info.out_data_type != HW_INFO_INTEL_VTD) {
        return wrong(v, "type %" PRIu32, info.out_data_type);
    }
    if (!unit_registers(&cap, &ecap)) {
        return wrong(v, "the unit's registers: %s", strerror(errno));
    }
    if (vtd.cap != cap || vtd.ecap != ecap) {
        return wrong(v, "cap 0x%" PRIx64 " ecap 0x%" PRIx64 ", the unit's "
                     "are 0x%" PRIx64 " 0x%" PRIx64, vtd.cap, vtd.ecap, cap,
                     ecap);
    }
    return found(v, "cap 0x%" PRIx64 ", ecap 0x%" PRIx64 ": the unit's; "
                 "PASIDs of %u bits, dirty tracking %s", cap, ecap,
                 info.out_max_pasid_log2,
                 info.out_capabilities & HW_CAP_DIRTY_TRACKING ? "yes" : "no");
}

bool arch_forget_dirty(Vfio *v, uint32_t hwpt)
{
    (void)v;
    (void)hwpt;
    return true;
}

/* --- tables -------------------------------------------------------------- */

const uint64_t nested_table_bits = FS_PRESENT | FS_WRITE | FS_USER;

uint64_t nested_small(const Vfio *v, uint64_t gpa)
{
    (void)v;
    return gpa | FS_PRESENT | FS_WRITE | FS_USER;
}

uint64_t nested_large(const Vfio *v, uint64_t gpa)
{
    return nested_small(v, gpa) | FS_LARGE;
}

uint64_t nested_read_only(const Vfio *v, unsigned page)
{
    return nested_leaf(v, page) & ~FS_WRITE;
}

bool nested_flags_right(Vfio *v, const Nested *n, uint64_t va, bool written)
{
    (void)n;
    for (unsigned level = v->levels; level >= 1; level--) {
        uint64_t e = *nested_entry_of_level(v, va, level);
        uint64_t want = FS_ACCESSED | (level == 1 && written ? FS_DIRTY : 0);

        if ((e & (FS_ACCESSED | FS_DIRTY)) != want) {
            wrong(v, "entry of level %u for 0x%" PRIx64 " is 0x%" PRIx64,
                  level, va, e);
            return false;
        }
    }
    return true;
}

Outcome nested_begin(Vfio *v, Nested *n, uint32_t pasid, uint32_t fault)
{
    const HwptVtdS1 s1 = {
        .table = NESTED_GPA, .addr_width = v->levels == 5 ? 57 : 48,
    };
    uint32_t flags = pasid == NO_PASID ? 0 : HWPT_PASID;
    Outcome outcome = nested_space(v, n, flags);

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    n->pasid = pasid;
    n->hwpt = vfio_hwpt_s1(v, n->parent, flags, HWPT_DATA_VTD_S1, &s1,
                           sizeof(s1), fault);
    return n->hwpt ? OUTCOME_OK : lacking(v);
}

bool nested_attach(Vfio *v, const Nested *n)
{
    if (n->pasid != NO_PASID && !vfio_attach(v, n->parent, NO_PASID)) {
        return false;
    }
    return vfio_attach(v, n->hwpt, n->pasid);
}

bool nested_detach(Vfio *v, const Nested *n)
{
    return vfio_detach(v, n->pasid);
}

bool nested_invalidate(Vfio *v, const Nested *n, uint64_t va, uint64_t pages)
{
    HwptVtdS1Invalidate entry = { .addr = va, .npages = pages };
    HwptInvalidate inv = {
        .size = sizeof(inv), .hwpt_id = n->hwpt, .data = (uintptr_t)&entry,
        .entry_len = sizeof(entry), .entry_num = 1,
    };

    if (pages != ~0ull) {
        entry.flags = VTD_S1_INVALIDATE_LEAF;
    }
    if (!vfio_call(v, "IOMMU_HWPT_INVALIDATE", IOMMUFD_HWPT_INVALIDATE,
                   &inv)) {
        return false;
    }
    if (inv.entry_num != 1) {
        wrong(v, "IOMMU_HWPT_INVALIDATE did %" PRIu32 " entries",
              inv.entry_num);
        return false;
    }
    return true;
}

/* A fault makes the unit look again. */
bool nested_permit(Vfio *v, const Nested *n, uint64_t va)
{
    (void)v;
    (void)n;
    (void)va;
    return true;
}

/* --- refusals ------------------------------------------------------------ */

/* An invalidation that must end in @error after @done of its entries. */
static bool refuses(Vfio *v, HwptInvalidate *inv, const char *what, int error,
                    uint32_t done)
{
    uint32_t before = inv->entry_num;

    if (vfio_call(v, "IOMMU_HWPT_INVALIDATE", IOMMUFD_HWPT_INVALIDATE, inv)) {
        wrong(v, "%s: accepted", what);
        return false;
    }
    if (errno != error || (inv->entry_num != done &&
                           inv->entry_num != before)) {
        wrong(v, "%s: %s, %" PRIu32 " entries done; wanted %s, %" PRIu32,
              what, strerror(errno), inv->entry_num, strerror(error), done);
        return false;
    }
    inv->entry_num = before;
    return true;
}

static Outcome check_nested_refusals(Vfio *v)
{
    HwptVtdS1Invalidate e[2] = { { .addr = nested_va(v), .npages = 1 } };
    HwptVtdS1 bad = { .table = NESTED_GPA, .addr_width = 40 };
    HwptInvalidate inv = {
        .size = sizeof(inv), .data = (uintptr_t)e, .entry_len = sizeof(e[0]),
        .entry_num = 1,
    };
    Nested n;
    Outcome outcome = nested_begin(v, &n, NO_PASID, 0);
    uint32_t odd;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, TABLE_PAGES, 1);
    *nested_entry(v, nested_va(v)) = nested_leaf(v, TABLE_PAGES);
    inv.hwpt_id = n.hwpt;
    if (!nested_attach(v, &n) || !dma_reads(v, nested_va(v), 1)) {
        return OUTCOME_FAIL;
    }
    inv.data_type = 77;
    if (!refuses(v, &inv, "an unknown type", EINVAL, 0)) {
        return OUTCOME_FAIL;
    }
    inv.data_type = 0;
    e[0].addr += 8;
    if (!refuses(v, &inv, "an address inside a page", EINVAL, 0)) {
        return OUTCOME_FAIL;
    }
    e[0].addr -= 8;
    e[1] = (HwptVtdS1Invalidate){ .flags = 2 };
    inv.entry_num = 2;
    if (!refuses(v, &inv, "an unknown flag", EOPNOTSUPP, 1)) {
        return OUTCOME_FAIL;
    }
    /* a table of 40 bits does not exist; what is attached stays */
    odd = vfio_hwpt_s1(v, n.parent, 0, HWPT_DATA_VTD_S1, &bad, sizeof(bad),
                       0);
    if (odd && vfio_attach(v, odd, NO_PASID)) {
        return wrong(v, "a first stage of 40 bits was attached");
    }
    return found(v, "unknown type, address and flag, and a table of 40 bits "
                 "refused");
}

const Check arch_checks[] = {
    { "nested-refusals", check_nested_refusals, PLAIN, 0 },
    { "nested-57", check_nested, PLAIN, 5 },
    { "nested-57-change", check_nested_change, PLAIN, 5 },
    { "ats-nested-57", check_nested, ATS, 5 },
    { NULL, NULL, PLAIN, 0 },
};
