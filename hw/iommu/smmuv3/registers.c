/* SPDX-License-Identifier: BSD-3-Clause */
/* The register table, and what a write to each register does. */
#include "hw/iommu/common/queue.h"
#include "hw/iommu/smmuv3/stall.h"
#include "hw/iommu/smmuv3/unit.h"

/*
 * CR0 [SMMU 6.3.9]: a new value is in force at once, for transactions and for
 * queues.  CR0ACK follows when nobody goes by the old value any more
 * [SMMU 6.3.10].
 */
static void cr0_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    SmmuUnit *u = smmu_unit(unit);
    uint64_t cr0 = *smmu_reg(u, SMMU_REG_CR0), changed = old ^ cr0;

    (void)mask;
    if (changed) {
        viommu_work_switch(unit, SMMU_WORK_SWITCH,
                           changed & (SMMU_CR0_SMMUEN | SMMU_CR0_ATSCHK));
    }
    /* No stalled transaction outlives SMMUEN [SMMU 3.12.2.2]. */
    if (changed & ~cr0 & SMMU_CR0_SMMUEN) {
        smmu_stall_terminate(u, VIOMMU_ANY);
    }
    if (changed & SMMU_CR0_CMDQEN) {
        viommu_queue_switched(unit);
    }
    if (changed & SMMU_CR0_EVENTQEN) {
        smmu_event_queue_set_up(u);
        u->common.work.todo |= SMMU_WORK_STALLS;
    }
    smmu_registers_publish(u);
}

static void published_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    (void)mask;
    smmu_registers_publish(smmu_unit(unit));
}

/* Only a write that sets Update changes GBPA [SMMU 6.3.15].  The bit stays
 * until nobody goes by the old value any more. */
static void gbpa_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    SmmuUnit *u = smmu_unit(unit);
    uint64_t *gbpa = smmu_reg(u, SMMU_REG_GBPA);

    if (*gbpa & mask & SMMU_GBPA_UPDATE) {
        viommu_work_switch(unit, SMMU_WORK_SWITCH, true);
        smmu_registers_publish(u);
    } else {
        *gbpa = old;
    }
}

/* [SMMU 6.3.10] [SMMU 6.3.15] */
void smmu_switched(SmmuUnit *u)
{
    uint64_t cr0 = *smmu_reg(u, SMMU_REG_CR0);

    *smmu_reg(u, SMMU_REG_CR0ACK) = cr0;
    *smmu_reg(u, SMMU_REG_GBPA) &= ~(uint64_t)SMMU_GBPA_UPDATE;
    if (cr0 & SMMU_CR0_CMDQEN) {
        u->common.work.todo |= SMMU_WORK_QUEUE;
    }
}

void smmu_registers_derive(SmmuUnit *u)
{
    if (*smmu_reg(u, SMMU_REG_CR0ACK) != *smmu_reg(u, SMMU_REG_CR0) ||
        (*smmu_reg(u, SMMU_REG_GBPA) & SMMU_GBPA_UPDATE)) {
        viommu_work_switch(&u->common, SMMU_WORK_SWITCH, true);
    }
    if (!u->raising) {
        smmu_irq_ctrl_follows(u);
    }
    smmu_registers_publish(u);
}

/* IRQ_CTRLACK waits for interrupts that are being raised by the old value of
 * IRQ_CTRL [SMMU 6.3.17]; see smmu_irq(). */
static void irq_ctrl_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    SmmuUnit *u = smmu_unit(unit);

    (void)old;
    (void)mask;
    if (!u->raising) {
        smmu_irq_ctrl_follows(u);
    }
}

/* A queue goes on when software acknowledges its error [SMMU 7.5]
 * [SMMU 6.3.20]. */
static void gerrorn_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    SmmuUnit *u = smmu_unit(unit);
    uint64_t changed = old ^ *smmu_reg(u, SMMU_REG_GERRORN);

    (void)mask;
    if (changed & SMMU_GERROR_CMDQ) {
        u->common.work.todo |= SMMU_WORK_QUEUE;
    }
    if (changed & SMMU_GERROR_EVENTQ_ABT) {
        u->common.work.todo |= SMMU_WORK_STALLS;
    }
}

static void cmdq_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    (void)mask;
    unit->work.todo |= SMMU_WORK_QUEUE;
}

/* There may be room again for events of stalled transactions. */
static void eventq_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    (void)mask;
    smmu_event_queue_taken(smmu_unit(unit));
    unit->work.todo |= SMMU_WORK_STALLS;
}

static void eventq_set_up(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)old;
    (void)mask;
    smmu_event_queue_set_up(smmu_unit(unit));
}

/* RUN stays set until the operation is complete.  To write 0 does nothing, and
 * neither does it to set RUN while SMMUEN is clear [SMMU 6.3.37]. */
static void gatos_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    SmmuUnit *u = smmu_unit(unit);
    uint64_t *ctrl = smmu_reg(u, SMMU_REG_GATOS_CTRL);

    (void)mask;
    if ((*ctrl & ~old & SMMU_GATOS_RUN) &&
        (*smmu_reg(u, SMMU_REG_CR0) & SMMU_CR0_SMMUEN)) {
        u->common.work.todo |= SMMU_WORK_GATOS;
    } else {
        *ctrl = old;
    }
}

/* The operands of an operation do not change before it is complete
 * [SMMU 9.1]. */
static void keep_while_running(SmmuUnit *u, SmmuRegId id, uint64_t old)
{
    if (*smmu_reg(u, SMMU_REG_GATOS_CTRL) & SMMU_GATOS_RUN) {
        *smmu_reg(u, id) = old;
    }
}

static void gatos_sid_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)mask;
    keep_while_running(smmu_unit(unit), SMMU_REG_GATOS_SID, old);
}

static void gatos_addr_written(Viommu *unit, uint64_t old, uint64_t mask)
{
    (void)mask;
    keep_while_running(smmu_unit(unit), SMMU_REG_GATOS_ADDR, old);
}

/* PROD and CONS of the queues whose indices have aliases */
#define EVENTQ_PROD_AT  0xa8
#define PRIQ_PROD_AT    0xc8
#define INDICES_SIZE    8

#define REG(id, off, w, rst, rw, handler) \
    [SMMU_REG_##id] = { #id, off, w, rst, rw, 0, 0, handler, 0 }

/* By number of SmmuRegId [SMMU 6.2]. */
static const ViommuReg register_table[SMMU_REGS] = {
    REG(IDR0,      0x00, 4, 0, 0, NULL),
    REG(IDR1,      0x04, 4, 0, 0, NULL),
    REG(IDR2,      0x08, 4, 0, 0, NULL),
    REG(IDR3,      0x0c, 4, 0, 0, NULL),
    REG(IDR4,      0x10, 4, 0, 0, NULL),
    REG(IDR5,      0x14, 4, 0, 0, NULL),
    REG(IIDR,      0x18, 4, 0, 0, NULL),
    REG(AIDR,      0x1c, 4, SMMU_AIDR_3_1, 0, NULL),
    REG(CR0,       0x20, 4, 0, SMMU_CR0_SMMUEN | SMMU_CR0_EVENTQEN |
        SMMU_CR0_CMDQEN, cr0_written),
    REG(CR0ACK,    0x24, 4, 0, 0, NULL),
    REG(CR1,       0x28, 4, 0, SMMU_CR1_FIELDS, NULL),
    REG(CR2,       0x2c, 4, 0, SMMU_CR2_RECINVSID, published_written),
    REG(STATUSR,   0x40, 4, 0, 0, NULL),
    REG(GBPA,      0x44, 4, SMMU_GBPA_RESET,
        SMMU_GBPA_FIELDS | SMMU_GBPA_UPDATE, gbpa_written),
    REG(AGBPA,     0x48, 4, 0, 0, NULL),
    REG(IRQ_CTRL,  0x50, 4, 0, SMMU_IRQ_GERROR | SMMU_IRQ_EVENTQ,
        irq_ctrl_written),
    REG(IRQ_CTRLACK, 0x54, 4, 0, 0, NULL),
    REG(GERROR,    0x60, 4, 0, 0, NULL),
    REG(GERRORN,   0x64, 4, 0, 0, gerrorn_written),
    REG(GERROR_CFG0, 0x68, 8, 0, 0, NULL),
    REG(GERROR_CFG1, 0x70, 4, 0, 0, NULL),
    REG(GERROR_CFG2, 0x74, 4, 0, 0, NULL),
    REG(STRTAB_BASE, 0x80, 8, 0, 0, published_written),
    REG(STRTAB_BASE_CFG, 0x88, 4, 0, SMMU_STRTAB_CFG_FIELDS,
        published_written),
    REG(CMDQ_BASE, 0x90, 8, 0, 0, NULL),
    REG(CMDQ_PROD, 0x98, 4, 0, SMMU_QUEUE_INDEX, cmdq_written),
    REG(CMDQ_CONS, 0x9c, 4, 0, SMMU_QUEUE_INDEX, NULL),
    REG(EVENTQ_BASE, 0xa0, 8, 0, 0, eventq_set_up),
    REG(EVENTQ_PROD, EVENTQ_PROD_AT, 4, 0,
        SMMU_QUEUE_INDEX | SMMU_QUEUE_OVERFLOW, eventq_set_up),
    REG(EVENTQ_CONS, 0xac, 4, 0, SMMU_QUEUE_INDEX | SMMU_QUEUE_OVERFLOW,
        eventq_written),
    REG(EVENTQ_CFG0, 0xb0, 8, 0, 0, NULL),
    REG(EVENTQ_CFG1, 0xb8, 4, 0, 0, NULL),
    REG(EVENTQ_CFG2, 0xbc, 4, 0, 0, NULL),
    REG(PRIQ_BASE, 0xc0, 8, 0, 0, NULL),
    REG(PRIQ_PROD, PRIQ_PROD_AT, 4, 0, 0, NULL),
    REG(PRIQ_CONS, 0xcc, 4, 0, 0, NULL),
    REG(PRIQ_CFG0, 0xd0, 8, 0, 0, NULL),
    REG(PRIQ_CFG1, 0xd8, 4, 0, 0, NULL),
    REG(PRIQ_CFG2, 0xdc, 4, 0, 0, NULL),
    REG(GATOS_CTRL, 0x100, 4, 0, 0, gatos_written),
    REG(GATOS_SID, 0x108, 8, 0, 0, gatos_sid_written),
    REG(GATOS_ADDR, 0x110, 8, 0, 0, gatos_addr_written),
    REG(GATOS_PAR, 0x118, 8, 0, 0, NULL),
    REG(PIDR4,     0xfd0, 4, 0x04, 0, NULL),
    REG(PIDR0,     0xfe0, 4, 0x83, 0, NULL),
    REG(PIDR1,     0xfe4, 4, 0xb4, 0, NULL),
    REG(PIDR2,     0xfe8, 4, 0x0b, 0, NULL),
    REG(CIDR0,     0xff0, 4, 0x0d, 0, NULL),
    REG(CIDR1,     0xff4, 4, 0xf0, 0, NULL),
    REG(CIDR2,     0xff8, 4, 0x05, 0, NULL),
    REG(CIDR3,     0xffc, 4, 0xb1, 0, NULL),
};

/* The global errors that can arise [SMMU 6.3.19]; service failure (SFM)
 * cannot. */
static uint32_t global_errors(const SmmuUnit *u)
{
    const uint32_t messages = SMMU_GERROR_MSI_CMDQ | SMMU_GERROR_MSI_EVENTQ |
                              SMMU_GERROR_MSI_GERROR;

    return SMMU_GERROR_CMDQ | SMMU_GERROR_EVENTQ_ABT |
           (u->cfg.msi ? messages : 0) |
           (u->cfg.pri ? SMMU_GERROR_PRIQ_ABT : 0) |
           (u->cfg.pri && u->cfg.msi ? SMMU_GERROR_MSI_PRIQ : 0);
}

/*
 * The bits that the unit itself sets and clears.  All others are as software
 * has written them, or never change.  A state that is loaded can have no others
 * set.
 */
static void set_own(SmmuUnit *u)
{
    ViommuReg *table = u->common.regs.table;

    table[SMMU_REG_CR0ACK].own = table[SMMU_REG_CR0].writable;
    table[SMMU_REG_IRQ_CTRLACK].own = table[SMMU_REG_IRQ_CTRL].writable;
    table[SMMU_REG_GERROR].own = global_errors(u);
    table[SMMU_REG_CMDQ_CONS].own = viommu_field_mask(SMMU_CMDQ_CONS_ERR);
    if (u->cfg.atos) {
        table[SMMU_REG_GATOS_PAR].own = SMMU_PAR_FIELDS;
    }
}

static void allow(SmmuUnit *u, SmmuRegId id, uint64_t bits)
{
    u->common.regs.table[id].writable |= bits;
}

/* Bits of an address above OAS are RES0 [SMMU 3.4.3]. */
static uint64_t addr_bits(const SmmuUnit *u, unsigned low)
{
    return viommu_bits(u->cfg.oas_bits - 1, low);
}

static void allow_queue(SmmuUnit *u, SmmuRegId base)
{
    allow(u, base, SMMU_BASE_HINT | addr_bits(u, SMMU_QUEUE_ADDR_LOW) |
                   viommu_field_mask(SMMU_QUEUE_LOG2SIZE));
}

/* The three registers of an interrupt: address, data, attributes. */
static void allow_msi(SmmuUnit *u, SmmuRegId cfg0)
{
    allow(u, cfg0, addr_bits(u, SMMU_MSI_ADDR_LOW));
    allow(u, cfg0 + 1, UINT32_MAX);
    allow(u, cfg0 + 2, SMMU_MSI_ATTRIBUTES);
}

static void allow_pri(SmmuUnit *u)
{
    allow(u, SMMU_REG_CR0, SMMU_CR0_PRIQEN);
    allow(u, SMMU_REG_IRQ_CTRL, SMMU_IRQ_PRIQ);
    allow_queue(u, SMMU_REG_PRIQ_BASE);
    allow(u, SMMU_REG_PRIQ_PROD, SMMU_QUEUE_INDEX | SMMU_QUEUE_OVERFLOW);
    allow(u, SMMU_REG_PRIQ_CONS, SMMU_QUEUE_INDEX | SMMU_QUEUE_OVERFLOW);
    /* LO is about interrupts by wire, too, so it does not depend on IDR0.MSI
     * [SMMU 6.3.1]. */
    allow(u, SMMU_REG_PRIQ_CFG2, SMMU_PRIQ_CFG2_LO);
}

static void allow_atos(SmmuUnit *u)
{
    const ViommuSmmuv3Config *cfg = &u->cfg;
    const unsigned low = SMMU_GATOS_SSID.shift;
    uint64_t sid = viommu_bits(cfg->sid_bits - 1, 0);

    if (cfg->ssid_bits) {
        sid |= SMMU_GATOS_SSID_VALID |
               viommu_bits(low + cfg->ssid_bits - 1, low);
    }
    allow(u, SMMU_REG_GATOS_CTRL, SMMU_GATOS_RUN);
    allow(u, SMMU_REG_GATOS_SID, sid);
    allow(u, SMMU_REG_GATOS_ADDR, SMMU_GATOS_ADDR_FIELDS);
}

/* Each field that an ID register makes RES0 takes no value [SMMU 6.3]. */
void smmu_registers_init(SmmuUnit *u)
{
    viommu_regs_init(&u->common.regs, register_table, SMMU_REGS);
    allow(u, SMMU_REG_STRTAB_BASE,
          SMMU_BASE_HINT | addr_bits(u, SMMU_STRTAB_ADDR_LOW));
    allow_queue(u, SMMU_REG_CMDQ_BASE);
    allow_queue(u, SMMU_REG_EVENTQ_BASE);
    allow(u, SMMU_REG_GERRORN, global_errors(u));
    if (u->cfg.hyp) {
        allow(u, SMMU_REG_CR2, SMMU_CR2_E2H);
    }
    if (u->cfg.ats) {
        allow(u, SMMU_REG_CR0, SMMU_CR0_ATSCHK);
    }
    if (u->cfg.pri) {
        allow_pri(u);
    }
    if (u->cfg.atos) {
        allow_atos(u);
    }
    if (u->cfg.msi) {
        allow_msi(u, SMMU_REG_GERROR_CFG0);
        allow_msi(u, SMMU_REG_EVENTQ_CFG0);
    }
    if (u->cfg.msi && u->cfg.pri) {
        allow_msi(u, SMMU_REG_PRIQ_CFG0);
    }
    set_own(u);
    viommu_regs_reset(&u->common.regs);
}

void smmu_registers_publish(SmmuUnit *u)
{
    viommu_publish(&u->cr0, *smmu_reg(u, SMMU_REG_CR0));
    viommu_publish(&u->cr2, *smmu_reg(u, SMMU_REG_CR2));
    viommu_publish(&u->gbpa, *smmu_reg(u, SMMU_REG_GBPA));
    viommu_publish(&u->strtab_base, *smmu_reg(u, SMMU_REG_STRTAB_BASE));
    viommu_publish(&u->strtab_cfg, *smmu_reg(u, SMMU_REG_STRTAB_BASE_CFG));
}

uint64_t smmu_mmio_size(const Viommu *unit)
{
    (void)unit;
    return SMMU_WINDOW;
}

/* The indices of the event and PRI queues are in page 1; the same offsets of
 * page 0 are the same registers [SMMU 6.2]. */
uint64_t smmu_mmio_unalias(uint64_t offset)
{
    uint64_t low = offset - SMMU_PAGE1;

    return (low >= EVENTQ_PROD_AT && low < EVENTQ_PROD_AT + INDICES_SIZE) ||
           (low >= PRIQ_PROD_AT && low < PRIQ_PROD_AT + INDICES_SIZE)
           ? low : offset;
}
