/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stall model: a transaction that faults waits until software has looked
 * at its event and resumes it.  The number of transactions that wait is
 * bounded (IDR5.STALL_MAX); further ones are terminated.
 *
 * Software can decide about a transaction before the endpoint knows its tag:
 * the event is in the queue before viommu_translate() returns, and
 * CMD_STALL_TERM needs no tag.  So the endpoint is told of a decision when each
 * DMA section has ended that was under way at the decision: the endpoint's own
 * access is in one of them.
 */
#include <string.h>

#include "hw/iommu/smmuv3/stall.h"

#include "hw/iommu/common/embedder.h"
#include "hw/iommu/common/work.h"
#include "hw/iommu/smmuv3/unit.h"

static SmmuStall *free_slot(SmmuUnit *u)
{
    for (unsigned i = 0; i < SMMU_STALLS; i++) {
        if (!u->stalls[i].used) {
            return &u->stalls[i];
        }
    }
    return NULL;
}

/* Record the event of @stall, with Stall and STAG [SMMU 7.3].  *@at: where it
 * stands, if stall->recorded.  Locked, and in a read-side section. */
static void fill_slot(SmmuUnit *u, SmmuStall *stall, uint32_t source,
                      const SmmuEvent *event, int group, uint64_t *at)
{
    *stall = (SmmuStall) {
        .used = true, .source = source, .event = *event,
        .host = group != SMMU_NO_GROUP, .group = (uint16_t)group,
    };
    stall->event.word[1] = viommu_put(stall->event.word[1] |
                                      SMMU_EVENT_STALL, SMMU_EVENT_STAG,
                                      stall - u->stalls);
    stall->recorded = smmu_event_append(u, &stall->event, at) == SMMU_QUEUED;
}

/* [SMMU 3.12.2] [SMMU 6.3.6] */
SmmuStalled smmu_stall(SmmuUnit *u, uint32_t source, const SmmuEvent *event,
                       int group, const bool *over, uint16_t *tag)
{
    SmmuStalled result = SMMU_STALL_ENDED;
    bool recorded = false;
    SmmuStall *stall;
    uint64_t at = 0;

    viommu_read_lock();
    viommu_unit_lock(&u->common);
    /* No transaction becomes stalled after SMMUEN was cleared, also none that
     * has begun before [SMMU 6.3.9.6]. */
    if ((*smmu_reg(u, SMMU_REG_CR0) & SMMU_CR0_SMMUEN) &&
        !viommu_is_over(over)) {
        stall = free_slot(u);
        result = stall ? SMMU_STALLED : SMMU_STALL_NO_ROOM;
        if (stall) {
            *tag = stall - u->stalls;
            fill_slot(u, stall, source, event, group, &at);
            recorded = stall->recorded;
        }
    }
    viommu_read_unlock();
    viommu_unit_unlock(&u->common);
    if (recorded) {
        viommu_count(&u->common.stats.faults_recorded);
        viommu_ram_written(&u->common, at, SMMU_EVENT_SIZE);
    }
    smmu_raise_irqs(u);
    return result;
}

/* CMD_RESUME does nothing with a tag that no transaction has, that another
 * stream's has, or that no event has told of yet [SMMU 4.7.1]. */
void smmu_stall_resume(SmmuUnit *u, uint32_t source, uint16_t tag,
                       unsigned action)
{
    viommu_unit_lock(&u->common);
    if (tag < SMMU_STALLS) {
        SmmuStall *stall = &u->stalls[tag];

        if (stall->used && stall->recorded && !stall->answered &&
            stall->source == source) {
            stall->answered = true;
            stall->action = action;
            u->common.work.todo |= SMMU_WORK_STALLS;
        }
    }
    viommu_unit_unlock(&u->common);
}

/* [SMMU 4.7.2] [SMMU 3.12.2.2] */
void smmu_stall_terminate(SmmuUnit *u, uint32_t source)
{
    for (unsigned i = 0; i < SMMU_STALLS; i++) {
        SmmuStall *stall = &u->stalls[i];

        if (stall->used && !stall->answered &&
            (source == VIOMMU_ANY || stall->source == source)) {
            stall->answered = true;
            stall->action = VIOMMU_RESUME_ABORT;
            u->common.work.todo |= SMMU_WORK_STALLS;
        }
    }
}

/* The first word of a transaction in saved state; the others are its event. */
static const ViommuField STALL_SOURCE = { 0, 32 };
static const ViommuField STALL_USED = { 32, 1 };
static const ViommuField STALL_RECORDED = { 33, 1 };
static const ViommuField STALL_ANSWERED = { 34, 1 };
static const ViommuField STALL_ACTION = { 35, 2 };
#define STALL_WORD_BITS 37
_Static_assert(SMMU_STALL_WORDS == 1 + sizeof(SmmuEvent) / 8, "no more");

void smmu_stalls_save(const SmmuUnit *u, uint64_t *words)
{
    for (unsigned i = 0; i < SMMU_STALLS; i++, words += SMMU_STALL_WORDS) {
        const SmmuStall *stall = &u->stalls[i];

        memset(words, 0, SMMU_STALL_WORDS * sizeof(*words));
        if (!stall->used || stall->host) {
            continue;
        }
        words[0] = viommu_put(0, STALL_SOURCE, stall->source);
        words[0] = viommu_put(words[0], STALL_USED, 1);
        words[0] = viommu_put(words[0], STALL_RECORDED, stall->recorded);
        words[0] = viommu_put(words[0], STALL_ANSWERED, stall->answered);
        words[0] = viommu_put(words[0], STALL_ACTION, stall->action);
        memcpy(words + 1, stall->event.word, sizeof(stall->event.word));
    }
}

/* Whether @word is an event that a stall can have: only faults of a translation
 * stall [SMMU 3.12.2]. */
static bool is_stall_event(const uint64_t word[4], uint32_t source,
                           unsigned tag)
{
    unsigned id = viommu_get(word[0], SMMU_EVENT_ID);

    return smmu_is_translation_fault(id) &&
           viommu_get(word[0], SMMU_EVENT_SID) == source &&
           (word[1] & SMMU_EVENT_STALL) &&
           viommu_get(word[1], SMMU_EVENT_STAG) == tag;
}

bool smmu_stalls_valid(const SmmuUnit *u, const uint64_t *words)
{
    for (unsigned i = 0; i < SMMU_STALLS; i++, words += SMMU_STALL_WORDS) {
        uint32_t source = viommu_get(words[0], STALL_SOURCE);

        if (viommu_get(words[0], STALL_USED) &&
            (!u->cfg.stall || words[0] >> STALL_WORD_BITS ||
             (u->cfg.sid_bits < 32 && source >> u->cfg.sid_bits) ||
             viommu_get(words[0], STALL_ACTION) > VIOMMU_RESUME_ABORT ||
             !is_stall_event(words + 1, source, i))) {
            return false;
        }
    }
    return true;
}

/* No transaction waits while SMMUEN is clear [SMMU 3.12.2.2]. */
void smmu_stalls_replace(SmmuUnit *u, const uint64_t *words)
{
    memset(u->stalls, 0, sizeof(u->stalls));
    for (unsigned i = 0; words && i < SMMU_STALLS;
         i++, words += SMMU_STALL_WORDS) {
        SmmuStall *stall = &u->stalls[i];

        if (viommu_get(words[0], STALL_USED)) {
            stall->used = true;
            stall->recorded = viommu_get(words[0], STALL_RECORDED);
            stall->answered = viommu_get(words[0], STALL_ANSWERED);
            stall->action = viommu_get(words[0], STALL_ACTION);
            stall->source = viommu_get(words[0], STALL_SOURCE);
            memcpy(stall->event.word, words + 1, sizeof(stall->event.word));
        }
    }
    if (!(*smmu_reg(u, SMMU_REG_CR0) & SMMU_CR0_SMMUEN)) {
        smmu_stall_terminate(u, VIOMMU_ANY);
    }
}

/*
 * The event of a stall is never lost [SMMU 7.2.1].  A transaction whose event
 * found no place waits until there is one; then it arrives anew, because the
 * fault may be another one by now.
 *
 * Endpoints are told in the next run, and commands do not wait for that
 * [SMMU 4.7.2].  So a thread that writes a register does not wait for an
 * endpoint's access because of a stall.
 */
void smmu_stalls_choose(SmmuUnit *u)
{
    bool chosen = false, fresh = false;

    viommu_unit_lock(&u->common);
    for (unsigned i = 0; i < SMMU_STALLS; i++) {
        SmmuStall *stall = &u->stalls[i];

        if (stall->used && !stall->answered && !stall->recorded &&
            smmu_event_writable(u)) {
            stall->answered = true;
            stall->action = VIOMMU_RESUME_RETRY;
        }
        if (stall->used && stall->answered && !stall->leaving) {
            stall->leaving = true;
            chosen = true;
            fresh |= !stall->host;
        }
    }
    if (chosen && !(u->common.work.todo & SMMU_WORK_RESUME)) {
        u->common.work.todo |= SMMU_WORK_RESUME;
        u->resume_later = fresh;
    }
    viommu_unit_unlock(&u->common);
    if (fresh) {
        u->common.work.undrained = true;
    }
}

static bool put_off(SmmuUnit *u, bool drained)
{
    bool later;

    viommu_unit_lock(&u->common);
    later = u->resume_later || !drained;
    u->resume_later = false;
    if (later) {
        u->common.work.todo |= SMMU_WORK_RESUME;
        u->common.work.put_off = true;
    }
    viommu_unit_unlock(&u->common);
    return later;
}

void smmu_stall_tell_host(SmmuUnit *u, uint32_t source, uint16_t group,
                          unsigned action)
{
    const ViommuHooks *hooks = __atomic_load_n(&u->common.hooks,
                                               __ATOMIC_ACQUIRE);
    const ViommuPageResponse response = {
        .source = source, .pasid = VIOMMU_NO_PASID, .group = group,
        .code = action == VIOMMU_RESUME_RETRY ? VIOMMU_PAGE_SUCCESS
                                              : VIOMMU_PAGE_INVALID,
    };

    if (hooks) {
        hooks->page_response(&u->common, &response);
    }
}

void smmu_stalls_tell(SmmuUnit *u)
{
    if (put_off(u, true) || put_off(u, viommu_work_drain(&u->common))) {
        return;
    }
    for (unsigned i = 0; i < SMMU_STALLS; i++) {
        SmmuStall *stall = &u->stalls[i], told = { 0 };

        viommu_unit_lock(&u->common);
        if (stall->used && stall->leaving) {
            told = *stall;
            stall->used = false;
        }
        viommu_unit_unlock(&u->common);
        if (told.host) {
            smmu_stall_tell_host(u, told.source, told.group, told.action);
        } else if (told.used && u->common.ops.stall_resume) {
            u->common.ops.stall_resume(u->common.opaque, told.source, i,
                                       told.action);
        }
    }
}

void smmu_stalls_end(SmmuUnit *u)
{
    viommu_unit_lock(&u->common);
    u->resume_later = false;
    viommu_unit_unlock(&u->common);
    smmu_stalls_tell(u);
}
