/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event queue, global errors and interrupts.
 *
 * The indices of a queue, PROD and CONS, have one bit more than they need, the
 * wrap bit.  The queue is empty when the indices are equal, and full when they
 * are equal but for the wrap bit.  When an event is lost because the queue is
 * full, the overflow flag of PROD becomes unlike that of CONS, until software
 * makes them equal.
 */
#include "hw/iommu/common/embedder.h"
#include "hw/iommu/smmuv3/unit.h"

static const SmmuOutQueue event_queue = {
    .base = SMMU_REG_EVENTQ_BASE, .prod = SMMU_REG_EVENTQ_PROD,
    .cons = SMMU_REG_EVENTQ_CONS, .enable = SMMU_CR0_EVENTQEN,
    .abort = SMMU_GERROR_EVENTQ_ABT, .words = SMMU_EVENT_SIZE / 8,
};

/* --- Queues that the unit writes ----------------------------------------- */

/* Whether a global error is raised that software has not acknowledged
 * [SMMU 7.5]. */
static bool gerror_active(SmmuUnit *u, uint32_t bit)
{
    return (*smmu_reg(u, SMMU_REG_GERROR) ^
            *smmu_reg(u, SMMU_REG_GERRORN)) & bit;
}

/* [SMMU 7.4] [SMMU 8.1] */
void smmu_queue_overflow(SmmuUnit *u, const SmmuOutQueue *q)
{
    uint64_t *prod = smmu_reg(u, q->prod);

    if (!((*prod ^ *smmu_reg(u, q->cons)) & SMMU_QUEUE_OVERFLOW)) {
        *prod ^= SMMU_QUEUE_OVERFLOW;
    }
}

/* More than IDR1 announces is as much as it announces [SMMU 6.3.2]. */
static unsigned queue_log2(SmmuUnit *u, const SmmuOutQueue *q)
{
    return MIN(viommu_get(*smmu_reg(u, q->base), SMMU_QUEUE_LOG2SIZE),
               SMMU_QUEUE_LOG2_MAX);
}

/* Whether a record could be written now, or why not [SMMU 7.2.1]
 * [SMMU 8.2]. */
static SmmuQueued queue_state(SmmuUnit *u, const SmmuOutQueue *q)
{
    uint64_t size = UINT64_C(1) << queue_log2(u, q);
    uint64_t differ = *smmu_reg(u, q->prod) ^ *smmu_reg(u, q->cons);

    if (!(*smmu_reg(u, SMMU_REG_CR0) & q->enable)) {
        return SMMU_QUEUE_OFF;
    }
    if (gerror_active(u, q->abort)) {
        return SMMU_QUEUE_ABORTED;
    }
    if ((differ & (2 * size - 1)) == size ||
        (q->overflow_stops && (differ & SMMU_QUEUE_OVERFLOW))) {
        return SMMU_QUEUE_FULL;
    }
    return SMMU_QUEUED;
}

/* [SMMU 3.5.1]: the base of a queue is aligned to its size. */
SmmuQueued smmu_queue_append(SmmuUnit *u, const SmmuOutQueue *q,
                             const uint64_t *words, bool *raise,
                             uint64_t *at)
{
    unsigned log2 = queue_log2(u, q);
    uint64_t mask = (UINT64_C(2) << log2) - 1;
    uint64_t size = (uint64_t)q->words * 8;
    uint64_t *prod_reg = smmu_reg(u, q->prod);
    uint64_t prod = *prod_reg & mask, cons = *smmu_reg(u, q->cons) & mask;
    uint64_t index = prod & (mask >> 1);
    SmmuQueued state = queue_state(u, q);

    if (state != SMMU_QUEUED) {
        return state;
    }
    *at = (*smmu_reg(u, q->base) & SMMU_QUEUE_ADDR & ~((size << log2) - 1)) +
          index * size;
    if (viommu_ram_store64(&u->common, *at, words, q->words)) {
        return SMMU_QUEUE_ABORTED;
    }
    *raise = prod == cons;
    *prod_reg = (*prod_reg & SMMU_QUEUE_OVERFLOW) | ((prod + 1) & mask);
    return SMMU_QUEUED;
}

/* --- Events -------------------------------------------------------------- */

/* Whether an event has the fields InputAddr and RnW [SMMU 7.3]. */
static bool has_input(SmmuEventId id)
{
    return smmu_is_translation_fault(id) || id == SMMU_F_WALK_EABT ||
           id == SMMU_F_TRANSL_FORBIDDEN || id == SMMU_F_UUT;
}

/* Whether an event has the field FetchAddr [SMMU 7.3]. */
static bool has_fetch_address(SmmuEventId id)
{
    return id == SMMU_F_STE_FETCH || id == SMMU_F_CD_FETCH ||
           id == SMMU_F_WALK_EABT;
}

/* The first word.  C_BAD_SUBSTREAMID has no SSV, because it is always about a
 * SubstreamID [SMMU 7.3.9]. */
static uint64_t ids_of(const ViommuRequest *req, SmmuEventId id)
{
    uint64_t word = viommu_put(id, SMMU_EVENT_SID, req->source);

    if (req->pasid == VIOMMU_NO_PASID || req->kind == VIOMMU_TRANSLATED) {
        return word;
    }
    word = viommu_put(word, SMMU_EVENT_SSID, req->pasid);
    return id == SMMU_C_BAD_SUBSTREAMID ? word : word | SMMU_EVENT_SSV;
}

/* The second word of an event with InputAddr [SMMU 7.3]; that of
 * F_TRANSL_FORBIDDEN has RnW alone [SMMU 7.3.8]. */
static uint64_t input_of(uint8_t access, const SmmuFault *fault)
{
    bool write = access & VIOMMU_WRITE;
    uint64_t word = write ? 0 : SMMU_EVENT_RNW;

    if (fault->id == SMMU_F_TRANSL_FORBIDDEN) {
        return word;
    }
    word |= ((access & VIOMMU_EXEC) && !write ? SMMU_EVENT_IND : 0) |
            (access & VIOMMU_PRIV ? SMMU_EVENT_PNU : 0) |
            (fault->s2 ? SMMU_EVENT_S2 : 0) |
            (fault->table_read ? SMMU_EVENT_TTRNW : 0);
    return viommu_put(word, SMMU_EVENT_CLASS, fault->class);
}

/* The second word of F_BAD_ATS_TREQ: what the request asks for, without the
 * stream table entry's overrides.  A request is for one translation, and
 * always for reads [SMMU 7.3.6]. */
static uint64_t ats_request_of(const ViommuRequest *req)
{
    uint8_t asked = smmu_ats_asked(req);

    return viommu_put(SMMU_EVENT_R, SMMU_EVENT_SPAN, 1) |
           (asked & VIOMMU_WRITE ? SMMU_EVENT_W : 0) |
           (asked & VIOMMU_EXEC ? SMMU_EVENT_X : 0) |
           (asked & VIOMMU_PRIV ? SMMU_EVENT_PRIV : 0);
}

SmmuEvent smmu_event_of(const ViommuRequest *req, uint8_t access,
                        const SmmuFault *fault)
{
    SmmuEvent e = { { ids_of(req, fault->id) } };

    if (has_input(fault->id)) {
        e.word[1] = input_of(access, fault);
        e.word[2] = req->addr;
    } else if (fault->id == SMMU_F_BAD_ATS_TREQ) {
        e.word[1] = ats_request_of(req);
        e.word[2] = req->addr & ~viommu_bits(11, 0);
    }
    if (has_fetch_address(fault->id)) {
        e.word[3] = fault->ipa & SMMU_EVENT_FETCH_ADDR;
    } else if (fault->s2) {
        e.word[3] = fault->ipa & SMMU_EVENT_IPA;
    }
    return e;
}

bool smmu_event_writable(SmmuUnit *u)
{
    return queue_state(u, &event_queue) == SMMU_QUEUED;
}

SmmuQueued smmu_event_append(SmmuUnit *u, const SmmuEvent *event,
                             uint64_t *at)
{
    bool raise = false;
    SmmuQueued done = smmu_queue_append(u, &event_queue, event->word, &raise,
                                        at);

    if (raise) {
        u->irqs |= 1u << SMMU_IRQ_OF_EVENTQ;
    }
    if (done == SMMU_QUEUED) {
        u->last_event = *event;
    }
    if (done == SMMU_QUEUE_ABORTED) {
        smmu_gerror(u, SMMU_GERROR_EVENTQ_ABT);
    }
    return done;
}

void smmu_raise_irqs(SmmuUnit *u)
{
    unsigned irqs;

    viommu_unit_lock(&u->common);
    irqs = u->irqs;
    u->irqs = 0;
    viommu_unit_unlock(&u->common);
    for (unsigned i = SMMU_IRQ_OF_EVENTQ; i <= SMMU_IRQ_OF_GERROR; i++) {
        if (irqs & (1u << i)) {
            smmu_irq(u, i);
        }
    }
}

void smmu_event_queue_set_up(SmmuUnit *u)
{
    u->last_event = (SmmuEvent) { { SMMU_EVENT_NONE } };
}

/* Software takes the newest event last, so it has taken that one when the queue
 * is empty.  Indices that are further apart than the queue is long make no
 * sense, and leave no event for software either. */
void smmu_event_queue_taken(SmmuUnit *u)
{
    uint64_t size = UINT64_C(1) << queue_log2(u, &event_queue);
    uint64_t waiting = (*smmu_reg(u, SMMU_REG_EVENTQ_PROD) -
                        *smmu_reg(u, SMMU_REG_EVENTQ_CONS)) & (2 * size - 1);

    if (!waiting || waiting > size) {
        u->last_event = (SmmuEvent) { { SMMU_EVENT_NONE } };
    }
}

/*
 * Whether the newest event, which software can still read, is the same but for
 * the offset in the page [SMMU 7.3.1].  The event of a stall never is, because
 * a transaction of its own waits behind it.  Locked.
 */
static bool is_repeated(const SmmuUnit *u, const SmmuEvent *event)
{
    uint64_t differ = (event->word[2] ^ u->last_event.word[2]) &
                      ~viommu_bits(11, 0);

    for (unsigned i = 0; i < 4; i++) {
        differ |= i == 2 ? 0 : event->word[i] ^ u->last_event.word[i];
    }
    return !differ;
}

/* [SMMU 7.2.1] [SMMU 7.4] */
void smmu_event_record(SmmuUnit *u, const SmmuEvent *event, bool merge)
{
    SmmuQueued done;
    uint64_t at;

    viommu_read_lock();
    viommu_unit_lock(&u->common);
    if (merge && is_repeated(u, event)) {
        viommu_read_unlock();
        viommu_unit_unlock(&u->common);
        return;
    }
    done = smmu_event_append(u, event, &at);
    switch (done) {
    case SMMU_QUEUED:
        viommu_count(&u->common.stats.faults_recorded);
        break;
    case SMMU_QUEUE_FULL:
        smmu_queue_overflow(u, &event_queue);
        /* fall through */
    default:
        viommu_count(&u->common.stats.faults_lost);
        break;
    }
    viommu_read_unlock();
    viommu_unit_unlock(&u->common);
    if (done == SMMU_QUEUED) {
        viommu_ram_written(&u->common, at, SMMU_EVENT_SIZE);
    }
    smmu_raise_irqs(u);
}

void smmu_events_lost(SmmuUnit *u)
{
    viommu_unit_lock(&u->common);
    if (*smmu_reg(u, SMMU_REG_CR0) & SMMU_CR0_EVENTQEN) {
        smmu_queue_overflow(u, &event_queue);
        u->irqs |= 1u << SMMU_IRQ_OF_EVENTQ;
    }
    viommu_unit_unlock(&u->common);
    viommu_count(&u->common.stats.faults_lost);
    smmu_raise_irqs(u);
}

/* --- Global errors and interrupts ---------------------------------------- */

/* GERROR toggles against GERRORN; an error that software has not acknowledged
 * is raised already [SMMU 7.5]. */
void smmu_gerror(SmmuUnit *u, uint32_t bits)
{
    uint64_t *gerror = smmu_reg(u, SMMU_REG_GERROR);
    uint64_t quiet = ~(*gerror ^ *smmu_reg(u, SMMU_REG_GERRORN));

    if (bits & quiet) {
        *gerror ^= bits & quiet;
        /* The message about global errors that was refused is not sent again
         * because of that [SMMU 7.5.1]. */
        if (bits & quiet & ~SMMU_GERROR_MSI_GERROR) {
            u->irqs |= 1u << SMMU_IRQ_OF_GERROR;
        }
    }
}

/* [SMMU 6.3.18] */
void smmu_irq_ctrl_follows(SmmuUnit *u)
{
    *smmu_reg(u, SMMU_REG_IRQ_CTRLACK) = *smmu_reg(u, SMMU_REG_IRQ_CTRL);
}

/* [SMMU 3.18].  IRQ_CTRLACK follows IRQ_CTRL when no interrupt is being raised
 * by what that said before [SMMU 6.3.17]. */
void smmu_irq(SmmuUnit *u, SmmuIrq irq)
{
    static const struct {
        SmmuRegId cfg0;
        uint32_t enable;
        uint32_t abort;
    } source[] = {
        { SMMU_REG_EVENTQ_CFG0, SMMU_IRQ_EVENTQ, SMMU_GERROR_MSI_EVENTQ },
        { SMMU_REG_PRIQ_CFG0, SMMU_IRQ_PRIQ, SMMU_GERROR_MSI_PRIQ },
        /* CMD_SYNC has no register: its message is in the command. */
        { SMMU_REG_EVENTQ_CFG0, 0, 0 },
        { SMMU_REG_GERROR_CFG0, SMMU_IRQ_GERROR, SMMU_GERROR_MSI_GERROR },
    };
    bool enabled = true;
    uint64_t addr = 0;
    uint32_t data = 0;

    if (irq != SMMU_IRQ_OF_SYNC) {
        viommu_unit_lock(&u->common);
        enabled = *smmu_reg(u, SMMU_REG_IRQ_CTRL) & source[irq].enable;
        addr = *smmu_reg(u, source[irq].cfg0) & SMMU_MSI_ADDR;
        data = *smmu_reg(u, source[irq].cfg0 + 1);
        u->raising += enabled;
        viommu_unit_unlock(&u->common);
    }
    if (!enabled) {
        return;
    }
    if (addr) {
        smmu_send_msi(u, addr, data, source[irq].abort);
    }
    if (u->common.ops.set_line) {
        /* Edge-triggered: a pulse, whether or not there is a message. */
        u->common.ops.set_line(u->common.opaque, irq, true);
        u->common.ops.set_line(u->common.opaque, irq, false);
    }
    if (irq != SMMU_IRQ_OF_SYNC) {
        viommu_unit_lock(&u->common);
        u->raising--;
        if (!u->raising) {
            smmu_irq_ctrl_follows(u);
        }
        viommu_unit_unlock(&u->common);
    }
}

/*
 * An interrupt message of an SMMU is a write of 32 bits to any address: to
 * memory that software polls as well as to an interrupt translation service
 * [SMMU 3.18].
 */
void smmu_send_msi(SmmuUnit *u, uint64_t addr, uint32_t data, uint32_t abort)
{
    ViommuMsi msi = { .addr = addr, .data = data };
    int ret;

    viommu_count(&u->common.stats.msis_sent);
    viommu_read_lock();
    ret = viommu_ram_store32(&u->common, addr, data);
    viommu_read_unlock();
    if (ret == -EFAULT) {
        u->common.ops.send_msi(u->common.opaque, &msi);
    } else if (ret) {
        viommu_count(&u->common.stats.msis_dropped);
        viommu_unit_lock(&u->common);
        smmu_gerror(u, abort);
        viommu_unit_unlock(&u->common);
    }
}
