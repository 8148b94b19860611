/* SPDX-License-Identifier: BSD-3-Clause */
/* The physical SMMUv3's queues: commands and events. */
#include <errno.h>
#include <string.h>

#include "hw/iommu/hostsim/physical/smmu.h"

/* Where the unit's own messages go, which is no memory. */
#define MESSAGE_ADDR 0x8020000u

/* A full queue takes fewer rounds of viommu_run() than this. */
#define RUNS_MAX 100000

#define COMMANDS    (1u << SMMU_CMDQ_LOG2)
#define EVENTS      (1u << SMMU_EVTQ_LOG2)
#define EVENT_PAGES (EVENTS * 32 / SIM_PAGE)

static uint32_t read_reg(Hostsim *sim, unsigned offset)
{
    return viommu_mmio_read(sim->unit, offset, 4);
}

static void write_reg(Hostsim *sim, unsigned offset, uint32_t value)
{
    viommu_mmio_write(sim->unit, offset, value, 4);
}

int smmu_queues_init(Hostsim *sim)
{
    SmmuDriver *smmu = smmu_driver(sim);

    smmu->commands = sim_pages_alloc(sim, 1);
    smmu->events = sim_pages_alloc(sim, EVENT_PAGES);
    if (!smmu->commands || !smmu->events) {
        return -ENOMEM;
    }
    viommu_mmio_write(sim->unit, SMMU_CMDQ_BASE,
                      (uintptr_t)smmu->commands | SMMU_CMDQ_LOG2, 8);
    viommu_mmio_write(sim->unit, SMMU_EVTQ_BASE,
                      (uintptr_t)smmu->events | SMMU_EVTQ_LOG2, 8);
    viommu_mmio_write(sim->unit, SMMU_EVTQ_CFG0, MESSAGE_ADDR, 8);
    write_reg(sim, SMMU_EVTQ_CFG1, 0);
    write_reg(sim, SMMU_IRQ_CTRL, IRQ_EVTQ);
    write_reg(sim, SMMU_CR0, CR0_CMDQEN | CR0_EVTQEN);
    return 0;
}

void smmu_queues_exit(Hostsim *sim)
{
    SmmuDriver *smmu = smmu_driver(sim);

    sim_pages_free(sim, smmu->commands, 1);
    sim_pages_free(sim, smmu->events, EVENT_PAGES);
}

/* --- Commands ------------------------------------------------------------ */

static void put(SmmuDriver *smmu, const SmmuCmd *cmd)
{
    uint64_t *at = smmu->commands + smmu->prod % COMMANDS * 2;

    at[0] = GUINT64_TO_LE(cmd->word[0]);
    at[1] = GUINT64_TO_LE(cmd->word[1]);
    smmu->prod = (smmu->prod + 1) % (2 * COMMANDS);
}

/** The queue has stopped: what for, and let it go on if that was a CMD_SYNC
 *  which stands for an endpoint that did not answer. */
static int take_error(Hostsim *sim)
{
    uint32_t gerror = read_reg(sim, SMMU_GERROR);

    if (CMDQ_ERR(read_reg(sim, SMMU_CMDQ_CONS)) != CERROR_ATC_INV_SYNC) {
        return -EIO;
    }
    write_reg(sim, SMMU_GERRORN,
              (read_reg(sim, SMMU_GERRORN) & ~GERROR_CMDQ) |
              (gerror & GERROR_CMDQ));
    return 0;
}

/** Less than the queue has room for, behind what has completed before. */
static int submit_part(Hostsim *sim, const SmmuCmd *commands, unsigned n)
{
    static const SmmuCmd sync = { { CMD_SYNC, 0 } };
    SmmuDriver *smmu = smmu_driver(sim);

    for (unsigned i = 0; i < n; i++) {
        put(smmu, &commands[i]);
    }
    put(smmu, &sync);
    write_reg(sim, SMMU_CMDQ_PROD, smmu->prod);
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        if ((read_reg(sim, SMMU_GERROR) ^ read_reg(sim, SMMU_GERRORN)) &
            GERROR_CMDQ) {
            int ret = take_error(sim);

            if (ret) {
                return ret;
            }
        }
        if (read_reg(sim, SMMU_CMDQ_CONS) % (2 * COMMANDS) == smmu->prod) {
            return 0;
        }
        viommu_run(sim->unit);
    }
    return -EIO;
}

int smmu_submit(Hostsim *sim, const SmmuCmd *commands, unsigned n)
{
    int ret = 0;

    while (!ret && n) {
        unsigned part = MIN(n, COMMANDS / 2);

        ret = submit_part(sim, commands, part);
        commands += part;
        n -= part;
    }
    return ret;
}

/* --- Events -------------------------------------------------------------- */

static uint8_t access_of(const uint64_t evt[4])
{
    return (evt[1] & EVT_READ ? VIOMMU_READ : VIOMMU_WRITE) |
           (evt[1] & EVT_EXEC ? VIOMMU_EXEC : 0) |
           (evt[1] & EVT_PRIV ? VIOMMU_PRIV : 0);
}

static uint32_t pasid_of(const uint64_t evt[4])
{
    return evt[0] & EVT_SSV ? EVT_SSID(evt[0]) : VIOMMU_NO_PASID;
}

static void resume(SimDevice *device, uint16_t tag, uint64_t action)
{
    SmmuCmd cmd = { {
        CMD_RESUME | (uint64_t)device->source << CMD_SID_SHIFT | action, tag,
    } };

    smmu_submit(device->sim, &cmd, 1);
}

/** A transaction that waits: a page request whose group is its tag. */
static void take_stall(SimDevice *device, const uint64_t evt[4])
{
    ViommuPageRequest req = {
        .source = device->source,
        .pasid = pasid_of(evt),
        .addr = evt[2],
        .access = access_of(evt),
        .last = true,
        .group = EVT_STAG(evt[1]),
    };

    if (device->stall) {
        sim_page_request(device->sim, &req);
    } else {
        /* Linux, which has not asked for it, leaves it waiting. */
        resume(device, req.group, CMD_RESUME_ABORT);
    }
}

/** Is it one that concerns the user of a vIOMMU? */
static bool is_users(const uint64_t evt[4])
{
    switch (EVT_ID(evt[0])) {
    case EVT_C_BAD_STE:
    case EVT_F_STREAM_DISABLED:
    case EVT_C_BAD_SSID:
    case EVT_C_BAD_CD:
    case EVT_F_TRANSLATION:
    case EVT_F_ADDR_SIZE:
    case EVT_F_ACCESS:
    case EVT_F_PERMISSION:
        return !(evt[1] & EVT_S2);
    default:
        return false;
    }
}

static void take_event(Hostsim *sim, const uint64_t evt[4])
{
    SimDevice *device = sim_device_by_source(sim, EVT_SID(evt[0]));
    SmmuDevice *own = device ? smmu_device(device) : NULL;
    SimFault fault = {
        .source = EVT_SID(evt[0]), .pasid = pasid_of(evt), .addr = evt[2],
        .access = access_of(evt), .reason = EVT_ID(evt[0]),
    };
    IommufdVeventSmmuv3 user;

    if (own && (evt[1] & EVT_STALL)) {
        take_stall(device, evt);
    } else if (own && own->vmaster && is_users(evt)) {
        user.evt[0] = GUINT64_TO_LE((evt[0] & ~EVT_SID_MASK) |
                                    own->vmaster_vsid << 32);
        for (unsigned i = 1; i < 4; i++) {
            user.evt[i] = GUINT64_TO_LE(evt[i]);
        }
        own->vmaster->base.event(&own->vmaster->base, &user, sizeof(user));
    } else {
        sim_dma_fault(sim, &fault);
    }
}

void smmu_interrupt(Hostsim *sim)
{
    SmmuDriver *smmu = smmu_driver(sim);
    uint32_t prod = read_reg(sim, SMMU_EVTQ_PROD);
    uint32_t cons = read_reg(sim, SMMU_EVTQ_CONS) % (2 * EVENTS);

    for (unsigned n = 0; n < 64 * EVENTS &&
         cons != prod % (2 * EVENTS); n++) {
        const uint64_t *at = smmu->events + cons % EVENTS * 4;
        uint64_t evt[4];

        for (unsigned i = 0; i < 4; i++) {
            evt[i] = smmu_load(&at[i]);
        }
        cons = (cons + 1) % (2 * EVENTS);
        /* with the overflow flag acknowledged */
        write_reg(sim, SMMU_EVTQ_CONS, cons | (prod & QUEUE_OVERFLOW));
        take_event(sim, evt);
        prod = read_reg(sim, SMMU_EVTQ_PROD);
    }
}

/* --- Answers to stalls --------------------------------------------------- */

void smmu_page_response(SimDevice *device, const ViommuPageResponse *response)
{
    resume(device, response->group,
           response->code == VIOMMU_PAGE_SUCCESS ? CMD_RESUME_RETRY
                                                 : CMD_RESUME_ABORT);
}
