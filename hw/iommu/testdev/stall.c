/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev: accesses that an IOMMU holds until software has decided
 * about them (SMMUv3: the stall model).
 */
#include <string.h>

#include "testdev.h"

void viommu_testdev_stalled(ViommuTestdev *dev, uint16_t tag)
{
    pthread_mutex_lock(&dev->lock);
    dev->stall = (TestdevStall) { .waiting = true, .tag = tag };
    pthread_mutex_unlock(&dev->lock);
}

/* It may have been decided about by now.  An embedder that knows no
 * viommu_testdev_stalled() has named it @tag. */
TestdevOutcome testdev_stall(ViommuTestdev *dev, uint64_t addr, uint16_t tag)
{
    pthread_mutex_lock(&dev->lock);
    if (!dev->stall.waiting) {
        dev->stall = (TestdevStall) { .waiting = true, .tag = tag };
    }
    dev->stall.addr = addr;
    pthread_mutex_unlock(&dev->lock);
    dev->run.waiting = true;
    return TESTDEV_WAITS;
}

bool testdev_stall_answer(ViommuTestdev *dev)
{
    bool answered;

    pthread_mutex_lock(&dev->lock);
    answered = dev->stall.waiting && dev->stall.answered;
    if (answered) {
        dev->stall.waiting = false;
        dev->run.resumed = true;
        dev->run.action = dev->stall.action;
    }
    pthread_mutex_unlock(&dev->lock);
    return answered;
}

void testdev_stall_forget(ViommuTestdev *dev)
{
    pthread_mutex_lock(&dev->lock);
    dev->stall.waiting = false;
    pthread_mutex_unlock(&dev->lock);
}

TestdevOutcome testdev_stall_resumed(ViommuTestdev *dev, uint64_t addr,
                                     void *buf, size_t size, bool write)
{
    TestdevRun *run = &dev->run;

    run->resumed = false;
    switch (run->action) {
    case VIOMMU_RESUME_RETRY:
        return TESTDEV_WAITS;
    case VIOMMU_RESUME_TERMINATE:
        /* As if it had been done: reads are zero. */
        if (!write) {
            memset(buf, 0, size);
        }
        return TESTDEV_OK;
    default:
        testdev_fail(run, VIOMMU_DMA_BLOCKED, 0, addr, write);
        return TESTDEV_FAILED;
    }
}

void viommu_testdev_resume(ViommuTestdev *dev, uint16_t tag,
                           ViommuResume action)
{
    bool later;

    pthread_mutex_lock(&dev->lock);
    later = dev->stall.waiting && !dev->stall.answered &&
            dev->stall.tag == tag;
    if (later) {
        dev->stall.answered = true;
        dev->stall.action = action;
    }
    pthread_mutex_unlock(&dev->lock);
    if (later) {
        dev->ops.run_later(dev->opaque);
    }
}
