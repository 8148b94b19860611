/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu-testdev: from the write to COMMAND to the interrupt. */
#include <string.h>

#include "testdev.h"

/* What the PASID capability lets the command's requests carry.  Without the
 * capability, each PASID, but no flags. */
static bool run_pasid(ViommuTestdev *dev)
{
    TestdevRun *run = &dev->run;
    uint64_t value = run->regs[TESTDEV_PASID];
    uint16_t control = dev->caps.pasid_control;

    if (!(value & TESTDEV_PASID_ENABLE)) {
        run->pasid = VIOMMU_NO_PASID;
        return true;
    }
    run->pasid = value & TESTDEV_PASID_VALUE;
    if (!dev->config.pasid_bits) {
        return true;
    }
    if (!(control & TESTDEV_PASID_CTRL_ENABLE)) {
        testdev_fail(run, TESTDEV_WHY_NOT_ENABLED, 0, 0, false);
        return false;
    }
    if (run->pasid >> dev->config.pasid_bits) {
        testdev_bad(run);
        return false;
    }
    if ((value & TESTDEV_PASID_PRIV) && (control & TESTDEV_PASID_CTRL_PRIV)) {
        run->reads |= VIOMMU_PRIV;
        run->writes |= VIOMMU_PRIV;
    }
    if ((value & TESTDEV_PASID_EXEC) && (control & TESTDEV_PASID_CTRL_EXEC)) {
        run->reads |= VIOMMU_EXEC;
    }
    return true;
}

/* Take the registers over.  False when they contradict themselves. */
static bool run_prepare(ViommuTestdev *dev, uint64_t command)
{
    TestdevRun *run = &dev->run;
    uint64_t control = dev->regs[TESTDEV_CONTROL];

    *run = (TestdevRun) {
        .command = command,
        .vector = control >> TESTDEV_CONTROL_VECTOR_SHIFT & 0xff,
        .interrupt = control & TESTDEV_CONTROL_IRQ ||
                     command == TESTDEV_CMD_INTERRUPT,
        .reads = VIOMMU_READ,
        .writes = VIOMMU_WRITE,
        .kind = control & TESTDEV_CONTROL_RAW ? VIOMMU_TRANSLATED
                                              : VIOMMU_UNTRANSLATED,
        .ats = control & TESTDEV_CONTROL_ATS,
        .pri = control & TESTDEV_CONTROL_PRI,
        .checksum = TESTDEV_CHECKSUM_START,
        .src = dev->regs[TESTDEV_SRC],
        .dst = dev->regs[TESTDEV_DST],
        .length = dev->regs[TESTDEV_LENGTH],
    };
    memcpy(run->regs, dev->regs, sizeof(run->regs));
    if (run->interrupt && run->vector >= VIOMMU_TESTDEV_VECTORS) {
        run->interrupt = false;
        testdev_bad(run);
        return false;
    }
    if (run->ats ? run->kind == VIOMMU_TRANSLATED : run->pri) {
        testdev_bad(run);
        return false;
    }
    return run_pasid(dev);
}

/* Run the command from where it stands.  It has just begun with @prepared. */
static void run_on(ViommuTestdev *dev, bool prepared)
{
    uint64_t resets = dev->resets;
    TestdevOutcome outcome = TESTDEV_FAILED;

    if (prepared) {
        outcome = testdev_command(dev);
    }
    if (dev->resets != resets) {
        /* out of the command's own DMA: nothing of it may be left */
        viommu_testdev_reset(dev);
    } else if (outcome == TESTDEV_WAITS) {
        dev->regs[TESTDEV_STATUS] = TESTDEV_STATE_BUSY;
    } else {
        testdev_finish(dev, outcome == TESTDEV_FAILED);
    }
}

static void engine_enter(ViommuTestdev *dev)
{
    testdev_thread_set(true);
    dev->busy = true;
}

static void engine_leave(ViommuTestdev *dev)
{
    dev->busy = false;
    testdev_thread_set(false);
}

void testdev_start(ViommuTestdev *dev, uint64_t command)
{
    if (testdev_thread_runs()) {
        return;
    }
    if (command == TESTDEV_CMD_ABORT) {
        testdev_end(dev, TESTDEV_WHY_ABORTED);
        return;
    }
    if (dev->run.waiting) {
        dev->regs[TESTDEV_REFUSED]++;
        return;
    }
    engine_enter(dev);
    run_on(dev, run_prepare(dev, command));
    engine_leave(dev);
}

void viommu_testdev_run(ViommuTestdev *dev)
{
    if (dev->busy || !dev->run.waiting) {
        return;
    }
    if (testdev_thread_runs()) {
        dev->ops.run_later(dev->opaque);
        return;
    }
    if (testdev_page_answer(dev) || testdev_stall_answer(dev)) {
        engine_enter(dev);
        dev->run.waiting = false;
        run_on(dev, true);
        engine_leave(dev);
    }
}
