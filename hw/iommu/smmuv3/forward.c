/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices behind the unit (host/unit/forward.h): what the host is told of
 * the guest's tables and commands, and what the guest is told of the host's
 * faults.
 *
 *   stream table entry                                   in the host
 *   --------------------------------------------------------------------------
 *   SMMUEN is clear, GBPA lets transactions pass         all of memory
 *   bypass                                               all of memory
 *   stage 1                                              nested tables
 *   SMMUEN is clear, GBPA.ABORT is set                   blocked
 *   abort, C_BAD_STE, C_BAD_STREAMID and so on           blocked
 *
 * The unit must have stage 1 alone, whose tables the host walks.  Tables cannot
 * be shadowed: a guest does not tell an SMMU of entries that become valid.
 * Stage 2 is the host's, which puts all of the guest under one VMID.
 *
 * Commands are gathered, and reach the host before a CMD_SYNC completes.  When
 * the host refuses one, the CMD_SYNC ends with CERROR_ATC_INV_SYNC, as with an
 * endpoint that does not answer.  That is the one error which says that an
 * earlier command is not complete; the CMD_SYNC is done again when software
 * has acknowledged the error.
 */
#include "hw/iommu/common/embedder.h"
#include "hw/iommu/host/unit/bind.h"
#include "hw/iommu/host/unit/commands.h"
#include "hw/iommu/host/unit/forward-step.h"
#include "hw/iommu/smmuv3/forward.h"
#include "hw/iommu/smmuv3/lookup.h"
#include "hw/iommu/smmuv3/stall.h"

/* At most so many steps make room for a command; each step is bounded. */
#define STEPS_MAX 1000

/* --- What the host must be able to do ------------------------------------ */

static bool refuse(GError **error, const char *format, const char *what)
{
    g_autofree char *text = g_strdup_printf(format, what);

    g_set_error_literal(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST, text);
    return false;
}

/* Whether the host's API knows what the unit shows to its guest. */
static bool check_unit(const SmmuUnit *u, ViommuNesting nesting,
                       GError **error)
{
    if (nesting == VIOMMU_NESTING_OFF) {
        return refuse(error, "host devices need %s behind an SMMUv3: a guest "
                      "does not tell of translations that it adds",
                      "nesting");
    }
    if (!u->cfg.stage1 || u->cfg.stage2) {
        return refuse(error, "host devices need %s: stage 2 is the host's",
                      "stage=1");
    }
    if (u->cfg.attr_perms_ovr) {
        return refuse(error, "host devices need %s: the host's user API has "
                      "no place for it", "attr-perms-ovr=off");
    }
    return true;
}

/* A field of an ID register: the host's must be as great as the unit's. */
typedef struct Need {
    unsigned idr;
    uint32_t mask;
    const char *name;
} Need;

static const Need needs[] = {
    { 0, SMMU_IDR0_S1P, "stage 1 (IDR0.S1P)" },
    { 0, SMMU_IDR0_COHACC, "coherent table walks (IDR0.COHACC)" },
    { 0, SMMU_IDR0_HTTU_MASK, "hardware updates of flags (IDR0.HTTU)" },
    { 0, SMMU_IDR0_ATS, "ATS (IDR0.ATS)" },
    { 0, SMMU_IDR0_ASID16, "16-bit ASIDs (IDR0.ASID16)" },
    { 0, SMMU_IDR0_CD2L, "two-level tables of descriptors (IDR0.CD2L)" },
    { 1, SMMU_IDR1_SSIDSIZE_MASK, "enough SubstreamIDs (IDR1.SSIDSIZE)" },
    { 3, SMMU_IDR3_HAD, "hierarchical attribute disable (IDR3.HAD)" },
    { 3, SMMU_IDR3_RIL, "range invalidation (IDR3.RIL)" },
    { 3, SMMU_IDR3_BBML_MASK, "changes of block sizes (IDR3.BBML)" },
    { 5, SMMU_IDR5_OAS_MASK,
      "output addresses that are wide enough (IDR5.OAS)" },
    { 5, SMMU_IDR5_GRAN4K, "4 KiB pages (IDR5.GRAN4K)" },
    { 5, SMMU_IDR5_GRAN16K, "16 KiB pages (IDR5.GRAN16K)" },
    { 5, SMMU_IDR5_GRAN64K, "64 KiB pages (IDR5.GRAN64K)" },
    { 5, SMMU_IDR5_VAX_MASK, "52-bit input addresses (IDR5.VAX)" },
};

static unsigned stall_model(uint32_t idr0)
{
    return viommu_get(idr0, SMMU_IDR0_STALL_MODEL);
}

/* Whether the host has each feature that the unit announces to its guest
 * [SMMU 6.3]: the host walks the guest's tables by its own rules. */
static bool check_host(const SmmuUnit *u, const ViommuHostCaps *caps,
                       GError **error)
{
    const ViommuReg *table = u->common.regs.table;
    uint32_t idr0 = caps->smmu_idr[0];

    if (caps->kind != VIOMMU_HOST_SMMUV3) {
        return refuse(error, "nesting needs %s in the host", "an SMMUv3");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(needs); i++) {
        uint32_t mask = needs[i].mask;

        if ((caps->smmu_idr[needs[i].idr] & mask) <
            (table[SMMU_REG_IDR0 + needs[i].idr].reset & mask)) {
            return refuse(error, "the host's IOMMU lacks %s", needs[i].name);
        }
    }
    if (!(viommu_get(idr0, SMMU_IDR0_TTF) & SMMU_TTF_AARCH64) ||
        viommu_get(idr0, SMMU_IDR0_TTENDIAN) == SMMU_TTENDIAN_BIG) {
        return refuse(error, "the host's IOMMU lacks %s",
                      "little-endian AArch64 tables (IDR0.TTF, TTENDIAN)");
    }
    if (u->cfg.stall ? stall_model(idr0) != SMMU_STALL_MODEL_BOTH
                     : stall_model(idr0) > SMMU_STALL_MODEL_NONE) {
        return refuse(error, "the host's IOMMU lacks %s",
                      u->cfg.stall ? "the stall model (IDR0.STALL_MODEL)"
                                   : "terminations (IDR0.STALL_MODEL)");
    }
    if (!caps->nesting) {
        return refuse(error, "the host's user API lacks %s",
                      "vIOMMUs of an SMMUv3");
    }
    return true;
}

static bool check(Viommu *unit, const ViommuHostCaps *caps,
                  ViommuNesting nesting, bool *nested, GError **error)
{
    const SmmuUnit *u = smmu_unit(unit);

    *nested = true;
    return check_unit(u, nesting, error) && check_host(u, caps, error);
}

/* --- What the guest's tables say ----------------------------------------- */

/*
 * The words of a stream table entry for the host, which refuses bits that it
 * does not know.  So fields that say nothing in this unit are 0, and reserved
 * values of S1Fmt and S1DSS become those that they stand for [SMMU 5.2].
 */
static void words_of(const SmmuUnit *u, const uint64_t word[8],
                     const SmmuSte *ste, uint64_t out[2])
{
    bool ats = u->cfg.ats &&
               viommu_get(word[1], SMMU_STE_EATS) == SMMU_EATS_FULL;

    out[0] = SMMU_STE_V | ste->s1contextptr;
    out[0] = viommu_put(out[0], SMMU_STE_CONFIG, ste->config);
    if (ste->s1cdmax) {
        out[0] = viommu_put(out[0], SMMU_STE_S1FMT,
                            ste->s1fmt % SMMU_S1FMT_RESERVED);
        out[0] = viommu_put(out[0], SMMU_STE_S1CDMAX, ste->s1cdmax);
    }
    out[1] = word[1] & SMMU_STE_S1_ATTRIBUTES;
    out[1] = viommu_put(out[1], SMMU_STE_S1DSS,
                        ste->s1dss % SMMU_S1DSS_RESERVED);
    out[1] = viommu_put(out[1], SMMU_STE_EATS,
                        ats ? SMMU_EATS_FULL : SMMU_EATS_ABORT);
    /* In a unit without the stall model, CD.S is ILLEGAL [SMMU 5.4.2]; in a
     * host that has it, S1STALLD makes it so. */
    out[1] |= u->cfg.stall ? word[1] & SMMU_STE_S1STALLD : SMMU_STE_S1STALLD;
}

/* The table at the top of this file [SMMU 5.2] [SMMU 6.3.15]. */
static ViommuHostTable table_of(SmmuUnit *u, uint32_t source)
{
    ViommuHostTable table = { .type = VIOMMU_HOST_BLOCKED };
    uint64_t word[8];
    SmmuSte ste;

    if (!(viommu_acquire(&u->cr0) & SMMU_CR0_SMMUEN)) {
        if (!(viommu_acquire(&u->gbpa) & SMMU_GBPA_ABORT)) {
            table.type = VIOMMU_HOST_PARENT;
        }
        return table;
    }
    if (smmu_read_ste(u, source, word, &ste) ||
        !(ste.config & SMMU_CONFIG_ON)) {
        return table;
    }
    table.type = VIOMMU_HOST_PARENT;
    if (ste.config & SMMU_CONFIG_S1) {
        table.type = VIOMMU_HOST_NESTED;
        words_of(u, word, &ste, table.smmu.ste);
    }
    return table;
}

/* Bind the device as a whole: the host finds the tables of substreams by
 * itself. */
static void look(Viommu *unit, ViommuHostDevice *device, uint32_t pasid)
{
    ViommuHostTable table;

    if (pasid == VIOMMU_NO_PASID) {
        viommu_read_lock();
        table = table_of(smmu_unit(unit), device->source);
        viommu_read_unlock();
        viommu_forward_bind(device, pasid, &table, 0, 0);
    }
}

static uint32_t scan(Viommu *unit, ViommuHostDevice *device, uint32_t first)
{
    (void)unit;
    (void)device;
    (void)first;
    return VIOMMU_NO_PASID;
}

/* --- What the guest does ------------------------------------------------- */

static void forward(SmmuUnit *u, uint64_t low, uint64_t high)
{
    for (unsigned i = 0; i < STEPS_MAX &&
         !viommu_forward_note_command(&u->common, low, high); i++) {
        smmu_host_settle(u);
    }
}

static void forward_for(SmmuUnit *u, uint32_t source, uint32_t mask,
                        uint64_t low, uint64_t high)
{
    for (unsigned i = 0; i < STEPS_MAX &&
         !viommu_forward_note_command_for(&u->common, source, mask, low,
                                          high); i++) {
        smmu_host_settle(u);
    }
}

void smmu_host_note_config(SmmuUnit *u, const uint64_t d[2], uint32_t source,
                           uint32_t mask)
{
    uint64_t ssid = viommu_put(0, SMMU_CMD_SSID,
                               viommu_get(d[0], SMMU_CMD_SSID));

    if (!viommu_forward_active(&u->common)) {
        return;
    }
    switch (viommu_get(d[0], SMMU_CMD_OPCODE)) {
    case SMMU_CMD_CFGI_CD:
        forward_for(u, source, mask,
                    SMMU_CMD_CFGI_CD | (u->cfg.ssid_bits ? ssid : 0),
                    d[1] & SMMU_CMD_LEAF);
        break;
    case SMMU_CMD_CFGI_CD_ALL:
        forward_for(u, source, mask, SMMU_CMD_CFGI_CD_ALL, 0);
        break;
    default:
        /* To invalidate an entry is to invalidate its context descriptors
         * [SMMU 4.3.1], also when the entry itself has not changed. */
        viommu_forward_note_source(&u->common, source, mask);
        forward_for(u, source, mask, SMMU_CMD_CFGI_CD_ALL, 0);
        break;
    }
}

/* The addresses of a TLBI for the host [SMMU 4.4.1].  TTL is a hint, which the
 * host does without; one page of an unknown size has no range. */
static void put_range(const SmmuTlbi *t, uint64_t out[2])
{
    out[1] = t->addr | (t->leaf ? SMMU_CMD_LEAF : 0);
    if (t->num || t->scale) {
        out[0] = viommu_put(out[0], SMMU_CMD_NUM, t->num);
        out[0] = viommu_put(out[0], SMMU_CMD_SCALE, t->scale);
        out[1] = viommu_put(out[1], SMMU_CMD_TG, t->tg);
    }
}

static unsigned opcode_of(const SmmuTlbi *t)
{
    if (t->by_addr) {
        return t->by_asid ? SMMU_CMD_TLBI_NH_VA : SMMU_CMD_TLBI_NH_VAA;
    }
    if (t->by_asid) {
        return SMMU_CMD_TLBI_NH_ASID;
    }
    return t->by_vmid ? SMMU_CMD_TLBI_NH_ALL : SMMU_CMD_TLBI_NSNH_ALL;
}

/* The host has no translations of EL2, and no stage 2 of the guest's.  It puts
 * in the VMID itself. */
void smmu_host_note_tlbi(SmmuUnit *u, const SmmuTlbi *t)
{
    uint64_t out[2] = { opcode_of(t), 0 };

    if (!viommu_forward_active(&u->common) || t->el2 || t->stage2) {
        return;
    }
    if (t->by_asid) {
        out[0] = viommu_put(out[0], SMMU_CMD_ASID, t->asid);
    }
    if (t->by_addr) {
        put_range(t, out);
    }
    forward(u, out[0], out[1]);
}

bool smmu_host_note_atc_inv(SmmuUnit *u, const uint64_t d[2])
{
    uint32_t source = viommu_get(d[0], SMMU_CMD_SID);
    unsigned size = MIN(viommu_get(d[1], SMMU_CMD_ATC_SIZE),
                        SMMU_ATC_SIZE_ALL);
    uint64_t low = SMMU_CMD_ATC_INV;

    if (!viommu_forward_active(&u->common) ||
        !viommu_forward_has(&u->common, source)) {
        return false;
    }
    if ((d[0] & SMMU_CMD_SSV) && u->cfg.ssid_bits) {
        low = viommu_put(low | SMMU_CMD_SSV | (d[0] & SMMU_CMD_GLOBAL),
                         SMMU_CMD_SSID, viommu_get(d[0], SMMU_CMD_SSID));
    }
    forward_for(u, source, 0, low, (d[1] & SMMU_CMD_ADDR) | size);
    return true;
}

/* Stalled transactions that the clearing of SMMUEN terminates are over before
 * CR0ACK says so [SMMU 6.3.9.6].  The host ends those of host devices. */
void smmu_host_switched(Viommu *unit)
{
    smmu_stalls_choose(smmu_unit(unit));
    viommu_forward_note_source(unit, VIOMMU_ANY, 0);
}

bool smmu_host_switch_settle(Viommu *unit)
{
    SmmuUnit *u = smmu_unit(unit);

    smmu_stalls_end(u);
    return smmu_host_settle(u);
}

static void run_host(SmmuUnit *u, bool later)
{
    viommu_unit_lock(&u->common);
    u->common.work.todo |= SMMU_WORK_HOST;
    viommu_unit_unlock(&u->common);
    if (later) {
        viommu_unit_run_later(&u->common);
    } else {
        u->common.model->run(&u->common);
    }
}

/* The host drops all translations that it has cached for the guest. */
static void forget_translations(SmmuUnit *u)
{
    viommu_forward_note_command_first(&u->common, SMMU_CMD_TLBI_NSNH_ALL, 0);
}

void smmu_host_reset(SmmuUnit *u, bool later)
{
    viommu_forward_reset(&u->common);
    forget_translations(u);
    if (viommu_forward_busy(&u->common)) {
        run_host(u, later);
    }
}

static void run_unit(Viommu *unit)
{
    run_host(smmu_unit(unit), false);
}

static void attached(Viommu *unit)
{
    forget_translations(smmu_unit(unit));
    run_unit(unit);
}

bool smmu_host_settle(SmmuUnit *u)
{
    uint32_t failed;
    bool more;

    if (!viommu_forward_busy(&u->common)) {
        return true;
    }
    more = viommu_forward_step(&u->common, &smmu_forward_model, &failed);
    if (failed != VIOMMU_ANY) {
        smmu_endpoint_silent(u);
    }
    return !more;
}

/* --- What the host reports ----------------------------------------------- */

/* The host does not tell which fault stalls a transaction: the guest's tables
 * do. */
static SmmuEventId fault_of(Viommu *unit, const ViommuRequest *req)
{
    ViommuReply reply = { 0 };

    if (smmu_translate(unit, req, &reply) != VIOMMU_OK &&
        smmu_is_translation_fault(reply.reason)) {
        return reply.reason;
    }
    return SMMU_F_TRANSLATION;
}

static void stall(SmmuUnit *u, const ViommuHostFault *host)
{
    const ViommuPageRequest *page = &host->request;
    ViommuRequest req = {
        .source = page->source, .pasid = page->pasid, .addr = page->addr,
        .access = page->access, .kind = VIOMMU_UNTRANSLATED, .probe = true,
    };
    SmmuFault fault = { .class = SMMU_CLASS_IN };
    SmmuEvent event;
    uint16_t tag;

    fault.id = fault_of(&u->common, &req);
    event = smmu_event_of(&req, req.access, &fault);
    viommu_count(&u->common.stats.faults);
    if (smmu_stall(u, page->source, &event, page->group, host->over,
                   &tag) != SMMU_STALLED) {
        smmu_stall_tell_host(u, page->source, page->group,
                             VIOMMU_RESUME_ABORT);
    }
}

/* An event of the host that is about the guest's tables [SMMU 7.3].  Events
 * about stage 2 are the host's own. */
static void event(SmmuUnit *u, const ViommuHostFault *host)
{
    SmmuEvent e = { { host->event[0], host->event[1], host->event[2],
                      host->event[3] } };
    unsigned id = viommu_get(e.word[0], SMMU_EVENT_ID);
    SmmuContext context;
    SmmuFault fault;
    SmmuEventId none;

    if (!smmu_is_translation_fault(id) && id != SMMU_C_BAD_STE &&
        id != SMMU_C_BAD_CD && id != SMMU_C_BAD_SUBSTREAMID &&
        id != SMMU_F_STREAM_DISABLED) {
        return;
    }
    e.word[0] = viommu_put(e.word[0], SMMU_EVENT_SID, host->request.source);
    e.word[1] &= ~SMMU_EVENT_STALL;
    viommu_count(&u->common.stats.faults);
    viommu_read_lock();
    none = smmu_context(u, host->request.source, SMMU_STE_ONLY, &context,
                        &fault);
    viommu_read_unlock();
    smmu_event_record(u, &e, !none && (context.flags & SMMU_CTX_MEV));
}

static void fault(Viommu *unit, const ViommuHostFault *host)
{
    SmmuUnit *u = smmu_unit(unit);

    switch (host->type) {
    case VIOMMU_HOST_FAULT_STALL:
        stall(u, host);
        break;
    case VIOMMU_HOST_FAULT_EVENT:
        event(u, host);
        break;
    case VIOMMU_HOST_FAULT_LOST:
        smmu_events_lost(u);
        break;
    default:
        break;
    }
}

const ViommuForwardModel smmu_forward_model = {
    .check = check,
    .attached = attached,
    .run = run_unit,
    .look = look,
    .scan = scan,
    .fault = fault,
};
