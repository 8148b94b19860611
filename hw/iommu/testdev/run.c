/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu-testdev: how a command ends. */
#include "testdev.h"

static _Thread_local bool testdev_running;

bool testdev_thread_runs(void)
{
    return testdev_running;
}

void testdev_thread_set(bool runs)
{
    testdev_running = runs;
}

/* The results, then the interrupt. */
void testdev_finish(ViommuTestdev *dev, bool failed)
{
    const TestdevRun *run = &dev->run;
    uint64_t *regs = dev->regs;

    regs[TESTDEV_STATUS] =
        (failed ? TESTDEV_STATE_FAILED : TESTDEV_STATE_DONE) |
        (uint64_t)run->why << 8 | (uint64_t)run->reason << 16 |
        (uint64_t)run->write << 24;
    regs[TESTDEV_FAULT_ADDR] = run->fault_addr;
    regs[TESTDEV_DONE] = run->done;
    regs[TESTDEV_CHECKSUM] = run->checksum;
    regs[TESTDEV_LOOP_NS] = run->loop_ns;
    regs[TESTDEV_LOOP_FAILURES] = run->failures;
    regs[TESTDEV_COMMANDS]++;
    if (run->interrupt) {
        dev->ops.interrupt(dev->opaque, run->vector);
    }
}

void testdev_end(ViommuTestdev *dev, unsigned why)
{
    TestdevRun *run = &dev->run;

    if (dev->busy || !run->waiting) {
        return;
    }
    testdev_page_forget(dev);
    run->waiting = false;
    /* more than what a loop met before */
    run->why = why;
    run->reason = 0;
    run->write = false;
    run->fault_addr = dev->stall.waiting ? dev->stall.addr : dev->pri.page;
    testdev_stall_forget(dev);
    dev->busy = true;
    testdev_finish(dev, true);
    dev->busy = false;
}
