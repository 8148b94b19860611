/* SPDX-License-Identifier: BSD-3-Clause */
/* The register table [VTD 11.4], and what writing each register does. */
#include "hw/iommu/vtd/registers.h"

#include "hw/iommu/common/queue.h"
#include "hw/iommu/vtd/faults.h"
#include "hw/iommu/vtd/invalidation.h"
#include "hw/iommu/vtd/page_request.h"
#include "hw/iommu/vtd/tables.h"
#include "hw/iommu/vtd/virtual_command.h"

#define ADDR_MASK (~UINT64_C(0xfff))

#define GCMD_LEVEL \
    (VTD_GCMD_TE | VTD_GCMD_QIE | VTD_GCMD_IRE | VTD_GCMD_CFI)
#define GCMD_POINTERS (VTD_GCMD_SRTP | VTD_GCMD_SIRTP)

/*
 * A root table mode that ECAP does not announce is a reserved one
 * [VTD 11.4.5], whatever software reads back.
 */
uint64_t vtd_latched_root(const VtdUnit *u, uint64_t rtaddr)
{
    unsigned mode = viommu_get(rtaddr, VTD_RTADDR_TTM);

    if ((mode == VTD_TTM_SCALABLE && !u->cfg.scalable_mode) ||
        (mode == VTD_TTM_ABORT && !u->cfg.abort_dma)) {
        mode = VTD_TTM_RESERVED;
    }
    return viommu_put(rtaddr, VTD_RTADDR_TTM, mode);
}

/*
 * GCMD [VTD 11.4.4.1].  Requests follow it at once.  The status in GSTS follows
 * later (vtd_switched()): when no access uses the old state any more, and host
 * devices are behind the new tables.
 *
 * The register file keeps the level bits, so that a partial write leaves the
 * others alone.  It keeps a pointer command until its status follows; so the
 * registers say what is under way, to a loaded unit, too.  GCMD itself reads
 * as zero.
 */
static void gcmd_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    VtdUnit *u = vtd_unit(unit);
    uint64_t *gcmd = vtd_reg(u, VTD_REG_GCMD);
    uint64_t changed = (old ^ *gcmd) & GCMD_LEVEL;
    uint64_t pointers = *gcmd & mask & GCMD_POINTERS;

    *gcmd |= old & GCMD_POINTERS;
    *vtd_reg(u, VTD_REG_GSTS) &= ~pointers;
    if (pointers & VTD_GCMD_SRTP) {
        viommu_publish(&u->root,
                       vtd_latched_root(u, *vtd_reg(u, VTD_REG_RTADDR)));
        if (u->cfg.enhanced_set_pointer) {
            /* CAP.ESRTPS: the command also invalidates globally [VTD 6.6]. */
            vtd_forget_translations(u);
        }
    }
    if (pointers & VTD_GCMD_SIRTP) {
        viommu_publish(&u->irta, *vtd_reg(u, VTD_REG_IRTA));
        if (u->cfg.enhanced_set_pointer) {
            /* CAP.ESIRTPS, likewise [VTD 6.7]. */
            vtd_forget_irtes(u);
        }
    }
    if (changed & VTD_GCMD_QIE) {
        viommu_queue_switched(unit);
        if (!(*gcmd & VTD_GCMD_QIE)) {
            *vtd_reg(u, VTD_REG_IQH) = 0;   /* [VTD 11.4.9.1] */
        }
    }
    if (changed | pointers) {
        viommu_work_switch(unit, VTD_WORK_SWITCH,
                           (changed & ~(uint64_t)VTD_GCMD_QIE) | pointers);
    }
    vtd_registers_publish(u);
}

/* The status bits of GSTS [VTD 11.4.4.2] and PMEN [VTD 11.4.8.1].  The queue
 * begins to run with QIES [VTD 6.5.2]. */
void vtd_switched(VtdUnit *u)
{
    uint64_t *gcmd = vtd_reg(u, VTD_REG_GCMD);
    uint64_t *gsts = vtd_reg(u, VTD_REG_GSTS);
    uint64_t *pmen = vtd_reg(u, VTD_REG_PMEN);

    *gsts = (*gsts & ~GCMD_LEVEL) | *gcmd;
    *gcmd &= GCMD_LEVEL;
    *pmen = *pmen & VTD_PMEN_EPM ? *pmen | VTD_PMEN_PRS
                                 : *pmen & ~VTD_PMEN_PRS;
    if (*gsts & VTD_GCMD_QIE) {
        u->common.work.todo |= VTD_WORK_QUEUE;
    }
}

static void go_on_switching(VtdUnit *u)
{
    uint64_t gcmd = *vtd_reg(u, VTD_REG_GCMD);
    uint64_t gsts = *vtd_reg(u, VTD_REG_GSTS);
    uint64_t pmen = *vtd_reg(u, VTD_REG_PMEN);

    if (((gcmd ^ gsts) & GCMD_LEVEL) || (gcmd & GCMD_POINTERS) ||
        !(pmen & VTD_PMEN_EPM) != !(pmen & VTD_PMEN_PRS)) {
        viommu_work_switch(&u->common, VTD_WORK_SWITCH, true);
    }
}

/* A command starts with the write of the byte that has its start bit. */
static void start(VtdUnit *u, VtdRegId id, uint64_t mask, unsigned work)
{
    if (mask & *vtd_reg(u, id) & VTD_CCMD_ICC) {
        u->common.work.todo |= work;
    }
}

/* CCMD.ICC [VTD 11.4.6.1]. */
static void ccmd_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    start(vtd_unit(unit), VTD_REG_CCMD, mask, VTD_WORK_CCMD);
}

/* IOTLB.IVT [VTD 11.4.6.3]. */
static void iotlb_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    _Static_assert(VTD_IOTLB_IVT == VTD_CCMD_ICC, "same start bit");
    (void)old;
    start(vtd_unit(unit), VTD_REG_IOTLB, mask, VTD_WORK_IOTLB);
}

/* FSTS [VTD 11.4.7.1].  With IQE or ITE cleared, the queue goes on where it
 * stopped [VTD 6.5.2.10]; with IQE, IQERCD.IQEI is cleared too
 * [VTD 11.4.9.9]. */
static void fsts_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    VtdUnit *u = vtd_unit(unit);
    uint64_t cleared = old & ~*vtd_reg(u, VTD_REG_FSTS);

    (void)mask;
    if (cleared & (VTD_FSTS_IQE | VTD_FSTS_ITE)) {
        u->common.work.todo |= VTD_WORK_QUEUE;
    }
    if (cleared & VTD_FSTS_IQE) {
        uint64_t *iqercd = vtd_reg(u, VTD_REG_IQERCD);

        *iqercd = viommu_put(*iqercd, VTD_IQERCD_IQEI, VTD_IQEI_NONE);
    }
    vtd_fsts_update(u);
}

/* FECTL [VTD 11.4.7.2]. */
static void fectl_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    (void)mask;
    vtd_event_unmask(vtd_unit(unit), &vtd_event_fault);
}

/* IECTL [VTD 11.4.9.5]. */
static void iectl_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    (void)mask;
    vtd_event_unmask(vtd_unit(unit), &vtd_event_invalidation);
}

/* PECTL [VTD 11.4.11.5]. */
static void pectl_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    (void)mask;
    vtd_event_unmask(vtd_unit(unit), &vtd_event_page_request);
}

/* PRS [VTD 11.4.11.4]. */
static void prs_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    (void)mask;
    vtd_page_requests_seen(vtd_unit(unit));
}

/* ICS [VTD 11.4.9.4].  With IWC cleared, no event is pending any more
 * [VTD 11.4.9.5]. */
static void ics_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    VtdUnit *u = vtd_unit(unit);

    (void)old;
    (void)mask;
    if (!(*vtd_reg(u, VTD_REG_ICS) & VTD_ICS_IWC)) {
        *vtd_reg(u, VTD_REG_IECTL) &= ~VTD_EVENT_IP;
    }
}

/* The F bit of a fault record [VTD 11.4.7.6]. */
static void frcd_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    (void)mask;
    vtd_fsts_update(vtd_unit(unit));
}

/* Bases and limits of protected memory [VTD 11.4.8]. */
static void pmr_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    (void)mask;
    vtd_registers_publish(vtd_unit(unit));
}

/* PMEN [VTD 11.4.8.1].  Its status PRS follows as GSTS does. */
static void pmen_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    VtdUnit *u = vtd_unit(unit);

    (void)mask;
    if ((old ^ *vtd_reg(u, VTD_REG_PMEN)) & VTD_PMEN_EPM) {
        viommu_work_switch(unit, VTD_WORK_SWITCH, true);
    }
    vtd_registers_publish(u);
}

/* IQT [VTD 11.4.9.2]. */
static void iqt_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    (void)mask;
    unit->work.todo |= VTD_WORK_QUEUE;
}

/* VCMD [VTD 11.4]: a write of the byte with the command starts it. */
static void vcmd_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    if (mask & viommu_field_mask(VTD_VCMD_COMMAND)) {
        vtd_virtual_command(vtd_unit(unit));
    }
}

#define REG(id, off, w, rst, rw, w1c, rz, handler) \
    [VTD_REG_##id] = { #id, off, w, rst, rw, w1c, rz, handler, 0 }

/* Writable bits that depend on the configuration are added at creation. */
static const ViommuReg fixed_registers[VTD_REG_FIXED] = {
    REG(VER,      0x00, 4, VTD_VERSION_1_0, 0, 0, 0, NULL),
    REG(CAP,      0x08, 8, 0, 0, 0, 0, NULL),
    REG(ECAP,     0x10, 8, 0, 0, 0, 0, NULL),
    REG(GCMD,     0x18, 4, 0, VTD_GCMD_SRTP | VTD_GCMD_QIE, 0, UINT64_MAX,
        gcmd_written),
    REG(GSTS,     0x1c, 4, 0, 0, 0, 0, NULL),
    REG(RTADDR,   0x20, 8, 0, ADDR_MASK, 0, 0, NULL),
    REG(CCMD,     0x28, 8, 0, UINT64_C(0xe0000003ffffffff), 0,
        UINT64_C(0x3ffff0000), ccmd_written),
    REG(FSTS,     0x34, 4, 0, 0,
        VTD_FSTS_PFO | VTD_FSTS_IQE | VTD_FSTS_ICE | VTD_FSTS_ITE, 0,
        fsts_written),
    REG(FECTL,    0x38, 4, VTD_EVENT_IM, VTD_EVENT_IM, 0, 0, fectl_written),
    REG(FEDATA,   0x3c, 4, 0, 0xffff, 0, 0, NULL),
    REG(FEADDR,   0x40, 4, 0, 0xfffffffc, 0, 0, NULL),
    REG(FEUADDR,  0x44, 4, 0, 0, 0, 0, NULL),
    REG(AFLOG,    0x58, 8, 0, 0, 0, 0, NULL),
    REG(PMEN,     0x64, 4, 0, 0, 0, 0, pmen_written),
    REG(PLMBASE,  0x68, 4, 0, 0, 0, 0, pmr_written),
    REG(PLMLIMIT, 0x6c, 4, 0, 0, 0, 0, pmr_written),
    REG(PHMBASE,  0x70, 8, 0, 0, 0, 0, pmr_written),
    REG(PHMLIMIT, 0x78, 8, 0, 0, 0, 0, pmr_written),
    REG(IQH,      0x80, 8, 0, 0, 0, 0, NULL),
    REG(IQT,      0x88, 8, 0, 0x7fff0, 0, 0, iqt_written),
    REG(IQA,      0x90, 8, 0, ADDR_MASK | 7, 0, 0, NULL),
    REG(ICS,      0x9c, 4, 0, 0, VTD_ICS_IWC, 0, ics_written),
    REG(IECTL,    0xa0, 4, VTD_EVENT_IM, VTD_EVENT_IM, 0, 0, iectl_written),
    REG(IEDATA,   0xa4, 4, 0, 0xffff, 0, 0, NULL),
    REG(IEADDR,   0xa8, 4, 0, 0xfffffffc, 0, 0, NULL),
    REG(IEUADDR,  0xac, 4, 0, 0, 0, 0, NULL),
    REG(IQERCD,   0xb0, 8, 0, 0, 0, 0, NULL),
    REG(IRTA,     0xb8, 8, 0, 0, 0, 0, NULL),
    REG(PQH,      0xc0, 8, 0, 0, 0, 0, NULL),
    REG(PQT,      0xc8, 8, 0, 0, 0, 0, NULL),
    REG(PQA,      0xd0, 8, 0, 0, 0, 0, NULL),
    REG(PRS,      0xdc, 4, 0, 0, 0, 0, prs_written),
    REG(PECTL,    0xe0, 4, 0, 0, 0, 0, pectl_written),
    REG(PEDATA,   0xe4, 4, 0, 0, 0, 0, NULL),
    REG(PEADDR,   0xe8, 4, 0, 0, 0, 0, NULL),
    REG(PEUADDR,  0xec, 4, 0, 0, 0, 0, NULL),
    REG(IVA,      VTD_IOTLB_OFFSET, 8, 0, UINT64_C(0xfffffffffffff07f), 0,
        UINT64_MAX, NULL),
    REG(IOTLB,    VTD_IOTLB_OFFSET + 8, 8, 0, UINT64_C(0xb003ffff00000000),
        0, 0, iotlb_written),
    REG(MTRRCAP,  0x100, 8, 0, 0, 0, 0, NULL),
    REG(MTRRDEF,  0x108, 8, 0, 0, 0, 0, NULL),
};

/*
 * The bits that the unit itself sets and clears.  Other bits are as software
 * has written them, or never change, so that a load takes none of them from a
 * stream.
 */
static const struct {
    VtdRegId id;
    uint64_t own;
} changed_by_unit[] = {
    { VTD_REG_CCMD, UINT64_C(3) << 59 },     /* CAIG */
    { VTD_REG_FSTS, VTD_FSTS_PPF | 0xff00 }, /* FRI */
    { VTD_REG_FECTL, VTD_EVENT_IP },
    { VTD_REG_IQH, 0x7fff0 },
    { VTD_REG_IECTL, VTD_EVENT_IP },
    { VTD_REG_IQERCD, UINT64_C(0xffffffff0000000f) },
    { VTD_REG_IOTLB, UINT64_C(3) << 57 },    /* IAIG */
};

static const ViommuReg frcd_registers[2] = {
    { "FRCD", 0, 8, 0, 0, 0, 0, NULL, 0 },
    { "FRCD_HI", 8, 8, 0, 0, VTD_FRCD_F, 0, frcd_written, 0 },
};

/* MTRRs from FIX64K_00000 to PHYSMASK9 [VTD 11.4.12].  The unit has no memory
 * types, so that they read as zero. */
static const ViommuReg mtrr = { "MTRR", 0x120, 8, 0, 0, 0, 0, NULL, 0 };
enum { MTRRS = 32 };

/* VCMD and the two registers behind it; VtdUnit.vcmd is the first one's
 * index. */
static const ViommuReg virtual_command_registers[] = {
    { "VCMD", 0xe00, 8, 0, 0, 0, 0, NULL, 0 },
    { "VCRSP", 0xe10, 8, 0, 0, 0, 0, NULL, 0 },
    { "VCCAP", 0xe30, 8, 0, 0, 0, 0, NULL, 0 },
};

static void allow(VtdUnit *u, VtdRegId id, uint64_t bits)
{
    u->common.regs.table[id].writable |= bits;
}

static void set_own(VtdUnit *u, size_t index, uint64_t bits)
{
    u->common.regs.table[index].own |= bits;
}

/* The page request queue's registers [VTD 11.4.11]. */
static void allow_page_requests(VtdUnit *u)
{
    set_own(u, VTD_REG_PECTL, VTD_EVENT_IP);
    allow(u, VTD_REG_PQH, viommu_field_mask(VTD_PQ_OFFSET));
    allow(u, VTD_REG_PQT, viommu_field_mask(VTD_PQ_OFFSET));
    allow(u, VTD_REG_PQA, ADDR_MASK | viommu_field_mask(VTD_PQA_PQS));
    u->common.regs.table[VTD_REG_PRS].write1_clear = VTD_PRS_PPR | VTD_PRS_PRO;
    u->common.regs.table[VTD_REG_PECTL].reset = VTD_EVENT_IM;
    allow(u, VTD_REG_PECTL, VTD_EVENT_IM);
    allow(u, VTD_REG_PEDATA, 0xffff);
    allow(u, VTD_REG_PEADDR, 0xfffffffc);
    if (u->cfg.extended_interrupt_mode) {
        allow(u, VTD_REG_PEUADDR, UINT32_MAX);
    }
}

/* The virtual command registers [VTD 11.4]. */
static void allow_virtual_commands(VtdUnit *u)
{
    ViommuReg *vcmd = &u->common.regs.table[u->vcmd];

    vcmd->writable = viommu_field_mask(VTD_VCMD_COMMAND) |
                     viommu_bits(63, VTD_VCMD_PASID.shift);
    vcmd->written = vcmd_written;
    set_own(u, u->vcmd + 1, VTD_VCRSP_IP | viommu_field_mask(VTD_VCRSP_STATUS) |
                            viommu_field_mask(VTD_VCRSP_PASID));
    vcmd[2].reset = VTD_VCCAP_PAS;
}

static void add_repeated(GArray *table, const ViommuReg *reg, unsigned n,
                         uint32_t stride, uint32_t base)
{
    ViommuReg r = *reg;

    r.offset += base;
    for (unsigned i = 0; i < n; i++) {
        g_array_append_val(table, r);
        r.offset += stride;
    }
}

static void set_all_own(VtdUnit *u)
{
    for (size_t i = 0; i < G_N_ELEMENTS(changed_by_unit); i++) {
        ViommuReg *r = &u->common.regs.table[changed_by_unit[i].id];

        r->own |= changed_by_unit[i].own;
    }
    /* Each writable bit of GCMD has a status in GSTS. */
    set_own(u, VTD_REG_GSTS, u->common.regs.table[VTD_REG_GCMD].writable);
    for (size_t i = 0; i < u->cfg.fault_records; i++) {
        set_own(u, u->frcd + 2 * i, ADDR_MASK);
        set_own(u, u->frcd + 2 * i + 1, VTD_FRCD_ALL);
    }
}

static void add_virtual_commands(VtdUnit *u, GArray *table)
{
    u->vcmd = table->len;
    g_array_append_vals(table, virtual_command_registers,
                        G_N_ELEMENTS(virtual_command_registers));
}

/* The table, in the order of offsets; many fault records are behind VCMD. */
static void make_table(VtdUnit *u, uint32_t frcd)
{
    GArray *table = g_array_new(FALSE, FALSE, sizeof(ViommuReg));
    bool many = frcd > virtual_command_registers[0].offset;

    g_array_append_vals(table, fixed_registers, VTD_REG_FIXED);
    add_repeated(table, &mtrr, MTRRS, 8, 0);
    if (many) {
        add_virtual_commands(u, table);
    }
    u->frcd = table->len;
    for (unsigned i = 0; i < u->cfg.fault_records; i++) {
        add_repeated(table, &frcd_registers[0], 1, 0, frcd + 16 * i);
        add_repeated(table, &frcd_registers[1], 1, 0, frcd + 16 * i);
    }
    if (!many) {
        add_virtual_commands(u, table);
    }
    viommu_regs_init(&u->common.regs, (ViommuReg *)(void *)table->data,
                     table->len);
    g_array_free(table, TRUE);
}

/* The protected memory registers [VTD 11.4.8]. */
static void allow_protected_memory(VtdUnit *u)
{
    uint64_t units = UINT64_MAX << VTD_PMR_SHIFT;

    set_own(u, VTD_REG_PMEN, VTD_PMEN_PRS);
    allow(u, VTD_REG_PMEN, VTD_PMEN_EPM);
    allow(u, VTD_REG_PLMBASE, units & UINT32_MAX);
    allow(u, VTD_REG_PLMLIMIT, units & UINT32_MAX);
    allow(u, VTD_REG_PHMBASE, units & ~vtd_beyond_haw(u));
    allow(u, VTD_REG_PHMLIMIT, units & ~vtd_beyond_haw(u));
}

/* The registers of interrupt remapping [VTD 11.4.10], and wide destinations
 * of the unit's own messages [VTD 5.1.6]. */
static void allow_interrupt_remapping(VtdUnit *u)
{
    allow(u, VTD_REG_GCMD, VTD_GCMD_IRE | VTD_GCMD_SIRTP | VTD_GCMD_CFI);
    allow(u, VTD_REG_IRTA, ADDR_MASK | viommu_field_mask(VTD_IRTA_S));
    if (u->cfg.extended_interrupt_mode) {
        allow(u, VTD_REG_IRTA, VTD_IRTA_EIME);
        allow(u, VTD_REG_FEUADDR, UINT32_MAX);
        allow(u, VTD_REG_IEUADDR, UINT32_MAX);
    }
}

void vtd_registers_init(VtdUnit *u, uint64_t cap, uint64_t ecap)
{
    const ViommuVtdConfig *cfg = &u->cfg;

    make_table(u, viommu_get(cap, VTD_CAP_FRO) * 16);
    u->common.regs.table[VTD_REG_CAP].reset = cap;
    u->common.regs.table[VTD_REG_ECAP].reset = ecap;
    if (cfg->dma_translation) {
        allow(u, VTD_REG_GCMD, VTD_GCMD_TE);
    }
    if (cfg->scalable_mode || cfg->abort_dma) {
        allow(u, VTD_REG_RTADDR, viommu_field_mask(VTD_RTADDR_TTM));
    }
    if (cfg->scalable_mode) {
        allow(u, VTD_REG_IQA, VTD_IQA_DW);
    }
    if (cfg->interrupt_remapping) {
        allow_interrupt_remapping(u);
    }
    if (cfg->page_requests) {
        allow_page_requests(u);
    }
    if (cfg->virtual_commands) {
        allow_virtual_commands(u);
    }
    if (cfg->protected_memory) {
        allow_protected_memory(u);
    }
    set_all_own(u);
    viommu_regs_reset(&u->common.regs);
}

void vtd_registers_derive(VtdUnit *u)
{
    go_on_switching(u);
    vtd_faults_derive(u);
    if (!(*vtd_reg(u, VTD_REG_FSTS) & VTD_FSTS_IQE)) {
        uint64_t *iqercd = vtd_reg(u, VTD_REG_IQERCD);

        *iqercd = viommu_put(*iqercd, VTD_IQERCD_IQEI, VTD_IQEI_NONE);
    }
    vtd_registers_publish(u);
}

/* Limits of protected memory are inclusive, and their low bits count as ones
 * [VTD 11.4.8]. */
void vtd_registers_publish(VtdUnit *u)
{
    uint64_t last = (UINT64_C(1) << VTD_PMR_SHIFT) - 1;

    viommu_publish(&u->enabled, *vtd_reg(u, VTD_REG_GCMD));
    viommu_publish(&u->pmr[0], *vtd_reg(u, VTD_REG_PLMBASE));
    viommu_publish(&u->pmr[1], *vtd_reg(u, VTD_REG_PLMLIMIT) | last);
    viommu_publish(&u->pmr[2], *vtd_reg(u, VTD_REG_PHMBASE));
    viommu_publish(&u->pmr[3], *vtd_reg(u, VTD_REG_PHMLIMIT) | last);
    viommu_publish(&u->pmr_on, *vtd_reg(u, VTD_REG_PMEN) & VTD_PMEN_EPM);
}

uint64_t vtd_mmio_size(const Viommu *unit)
{
    const VtdUnit *u = (const VtdUnit *)unit;
    const ViommuReg *last = &u->common.regs.table[u->common.regs.n - 1];
    uint64_t end = last->offset + last->width;

    return (end + VTD_PAGE_SIZE - 1) & ~(VTD_PAGE_SIZE - 1);
}
