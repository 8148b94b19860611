/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A command queue in guest memory, as both models have one: a command is
 * fetched, carried out without the lock, and then consumed, unless the guest
 * has switched the queue meanwhile.  A command that waits for all before it is
 * consumed when these are done: when the host has carried them out, and no
 * endpoint uses any more what they have invalidated.
 */
#ifndef HW_IOMMU_COMMON_QUEUE_H
#define HW_IOMMU_COMMON_QUEUE_H

#include "hw/iommu/common/embedder.h"
#include "hw/iommu/common/work.h"

typedef struct ViommuCommand {
    uint64_t at;            /* its guest-physical address */
    unsigned words;         /* of 64 bits */
    uint64_t next;          /* the queue's index behind it */
    uint64_t word[4];       /* those that it does not have are 0 */
} ViommuCommand;

/** What a model says of its queue.  Errors are the model's numbers; 0: none. */
typedef struct ViommuCommandQueue {
    /** Where the next command is.  False when there is none, or when the queue
     *  stands still, perhaps by an error that this call has reported.
     *  Locked. */
    bool (*next)(Viommu *unit, ViommuCommand *command);
    /** Whether the command waits for all before it. */
    bool (*waits)(const ViommuCommand *command);
    /** Let the host carry out a part of what is before it; whether that was
     *  all.  Not locked. */
    bool (*settle)(Viommu *unit);
    /** Carry it out, but for the wait.  Not locked. */
    int (*execute)(Viommu *unit, const ViommuCommand *command);
    /** All before the command that waits is done.  Not locked. */
    int (*waited)(Viommu *unit, const ViommuCommand *command);
    /** It is consumed: the index goes on, and software hears of it.  Called
     *  locked, and returns locked. */
    void (*consume)(Viommu *unit, const ViommuCommand *command);
    /** The queue stops because of it.  Locked. */
    void (*stop)(Viommu *unit, const ViommuCommand *command, int error);
    /** The error of a command that cannot be read. */
    int unreadable;
} ViommuCommandQueue;

/** The guest has switched the queue off or on: a command that is being carried
 *  out is none of the queue's any more.  Locked. */
static inline void viommu_queue_switched(Viommu *unit)
{
    unit->work.queue_life++;
}

static inline bool viommu_queue_fetch(Viommu *unit, ViommuCommand *command)
{
    bool ok;

    command->word[2] = command->word[3] = 0;
    viommu_read_lock();
    ok = !viommu_load64(unit, command->at, command->word, command->words);
    viommu_read_unlock();
    return ok;
}

/* Not locked.  *@settled is false when the host is not done with what is before
 * the command. */
static inline int viommu_queue_carry_out(Viommu *unit,
                                         const ViommuCommandQueue *queue,
                                         ViommuCommand *command, bool *waits,
                                         bool *settled)
{
    int error;

    if (!viommu_queue_fetch(unit, command)) {
        return queue->unreadable;
    }
    *waits = queue->waits(command);
    if (*waits && !queue->settle(unit)) {
        *settled = false;
        return 0;
    }
    error = queue->execute(unit, command);
    if (!error && *waits && viommu_work_drain(unit)) {
        error = queue->waited(unit, command);
    }
    return error;
}

/**
 * The next command, if there is one.  A step of work: called locked, and
 * returns locked.  It is inline so that a model's table, which is constant,
 * costs no calls by pointer: guests wait for each command.
 */
static inline ViommuCommandState
viommu_queue_step(Viommu *unit, const ViommuCommandQueue *queue)
{
    uint64_t life = unit->work.queue_life;
    bool waits = false, settled = true;
    ViommuCommand command;
    int error;

    if (!queue->next(unit, &command)) {
        return VIOMMU_COMMAND_IDLE;
    }
    viommu_unit_unlock(unit);
    error = viommu_queue_carry_out(unit, queue, &command, &waits, &settled);
    viommu_unit_lock(unit);

    if (!settled) {
        return VIOMMU_COMMAND_DRAINING;
    }
    if (unit->work.queue_life != life) {
        /* Switched off, and perhaps on again: another command is the next. */
        return VIOMMU_COMMAND_DONE;
    }
    if (error) {
        queue->stop(unit, &command, error);
        return VIOMMU_COMMAND_IDLE;
    }
    if (waits && unit->work.undrained) {
        unit->work.put_off = true;
        return VIOMMU_COMMAND_DRAINING;
    }
    viommu_count(&unit->stats.commands);
    queue->consume(unit, &command);
    return VIOMMU_COMMAND_DONE;
}

#endif
