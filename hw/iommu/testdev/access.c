/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev: one access on the bus through a translation, and what is
 * done to get one.
 */
#include "testdev.h"

/*
 * The rules of PCIe that an answer breaks [PCIe 10.2.3].  Without permission
 * to read and to write, only its size means something.
 */
static uint64_t broken_rules(const ViommuTestdev *dev,
                             const ViommuTestdevAccess *asked,
                             const ViommuReply *reply)
{
    uint64_t size = reply->size, rules = 0;
    uint64_t least = (uint64_t)TESTDEV_PAGE
                     << (dev->caps.ats_control & TESTDEV_ATS_CTRL_STU);

    if ((size & (size - 1)) || (size && size < least)) {
        return TESTDEV_BAD_SIZE;
    }
    if (reply->access & VIOMMU_EXEC) {
        rules |= asked->access & VIOMMU_EXEC ? 0 : TESTDEV_BAD_X;
        rules |= reply->access & VIOMMU_READ ? 0 : TESTDEV_BAD_X_ONLY;
    }
    if (!(reply->access & (VIOMMU_READ | VIOMMU_WRITE))) {
        return rules;
    }
    if (reply->global && asked->pasid == VIOMMU_NO_PASID) {
        /* of all PASIDs, where there is none */
        rules |= TESTDEV_BAD_GLOBAL;
    }
    if (reply->privileged && !(asked->access & VIOMMU_PRIV)) {
        rules |= TESTDEV_BAD_PRIV;
    }
    if (!reply->untranslated_only && !reply->interrupt &&
        ((reply->addr ^ asked->addr) & (size - 1))) {
        rules |= TESTDEV_BAD_ALIGNED;
    }
    return rules;
}

/* An answer may be anything; one that breaks the rules permits nothing, and
 * what is for users says nothing of the privileged [PCIe 10.2.3]. */
static void answer_decode(const TestdevRun *run, uint64_t addr,
                          const ViommuReply *reply, uint64_t broken,
                          TestdevTranslation *t)
{
    uint64_t size = broken & TESTDEV_BAD_SIZE ? TESTDEV_PAGE : reply->size;
    bool privileged = run->reads & VIOMMU_PRIV;
    /* (Global without a PASID is but ignored.) */
    bool useful = !(broken & ~TESTDEV_BAD_GLOBAL) &&
                  reply->privileged == privileged;

    *t = (TestdevTranslation) {
        .privileged = privileged,
        .untranslated = reply->untranslated_only || reply->interrupt,
        .access = useful ? reply->access : 0,
        .range = {
            .addr = addr & ~(size - 1),
            .size = size,
            .pasid = run->pasid,
            .global = reply->global && run->pasid != VIOMMU_NO_PASID,
        },
    };
    t->to = reply->addr - (addr - t->range.addr);
}

/* A translation request is for a page (the capability says that they are
 * aligned), and has no way to ask for writing alone. */
static ViommuDmaResult request(ViommuTestdev *dev, uint64_t addr,
                               uint8_t access, ViommuReply *reply,
                               uint64_t *broken)
{
    uint64_t offset = addr & (TESTDEV_PAGE - 1);
    ViommuTestdevAccess asked = {
        .pasid = dev->run.pasid,
        .access = access | VIOMMU_READ,
        .kind = VIOMMU_TRANSLATION,
        .addr = addr - offset,
    };
    ViommuDmaResult result;

    *reply = (ViommuReply) { 0 };
    result = dev->ops.translate(dev->opaque, &asked, reply);
    *broken = result == VIOMMU_DMA_OK ? broken_rules(dev, &asked, reply) : 0;
    testdev_atc_bad(dev, *broken);
    reply->addr += offset;
    return result;
}

/*
 * Get the translation of @addr.  TESTDEV_OK when it permits the @access,
 * which is on its way then; TESTDEV_WAITS when it does not.
 */
static TestdevOutcome find(ViommuTestdev *dev, uint64_t addr, uint8_t access,
                           bool write, TestdevTranslation *t)
{
    TestdevRun *run = &dev->run;

    for (unsigned i = 0; i < TESTDEV_ATC_TRIES; i++) {
        ViommuDmaResult result;
        ViommuReply reply;
        uint64_t ticket, broken;

        if (!testdev_ats_enabled(dev)) {
            testdev_fail(run, TESTDEV_WHY_NOT_ENABLED, 0, addr, write);
            return TESTDEV_FAILED;
        }
        if (testdev_atc_begin(dev, addr, access, t, &ticket)) {
            return TESTDEV_OK;
        }
        result = request(dev, addr, access, &reply, &broken);
        if (result != VIOMMU_DMA_OK) {
            testdev_fail(run, result, reply.reason, addr, write);
            return TESTDEV_FAILED;
        }
        answer_decode(run, addr, &reply, broken, t);
        if (testdev_atc_fill(dev, t, addr, access, ticket)) {
            return testdev_permits(t, access) ? TESTDEV_OK : TESTDEV_WAITS;
        }
    }
    testdev_fail(run, TESTDEV_WHY_TRIES, 0, addr, write);
    return TESTDEV_FAILED;
}

/* The access itself. */
static TestdevOutcome move(ViommuTestdev *dev, const TestdevTranslation *t,
                           ViommuTestdevAccess *access, bool write)
{
    TestdevRun *run = &dev->run;
    ViommuDmaResult result;
    uint64_t addr = access->addr;
    uint8_t reason = 0;

    if (!t->untranslated) {
        /* A PASID, and what comes with it, is for untranslated requests. */
        access->kind = VIOMMU_TRANSLATED;
        access->pasid = VIOMMU_NO_PASID;
        access->access &= VIOMMU_READ | VIOMMU_WRITE;
        access->addr = t->to + (addr - t->range.addr);
    }
    result = dev->ops.dma(dev->opaque, access, &reason);
    testdev_atc_done(dev);
    if (result != VIOMMU_DMA_OK) {
        testdev_fail(run, result, reason, addr, write);
        return TESTDEV_FAILED;
    }
    return TESTDEV_OK;
}

/* Whether the response that came lets the access be tried again. */
static bool retry(TestdevRun *run, uint64_t addr, bool write)
{
    run->answered = false;
    if (run->code == VIOMMU_PAGE_SUCCESS) {
        return true;
    }
    testdev_fail(run, run->code == VIOMMU_PAGE_INVALID
                      ? TESTDEV_WHY_PAGE_INVALID : TESTDEV_WHY_PAGE_FAILURE,
                 0, addr, write);
    return false;
}

static TestdevOutcome ask(ViommuTestdev *dev, uint64_t addr, uint8_t access,
                          bool write)
{
    TestdevRun *run = &dev->run;
    unsigned why;

    if (!run->pri || !(dev->caps.pri_control & TESTDEV_PRI_CTRL_ENABLE)) {
        why = TESTDEV_WHY_NOT_PERMITTED;
    } else if (run->tries == TESTDEV_PAGE_TRIES) {
        why = TESTDEV_WHY_TRIES;
    } else {
        run->tries++;
        why = testdev_page_ask(dev, addr, access);
    }
    if (why) {
        testdev_fail(run, why, 0, addr, write);
        return TESTDEV_FAILED;
    }
    return run->waiting ? TESTDEV_WAITS : TESTDEV_OK;
}

TestdevOutcome testdev_access_ats(ViommuTestdev *dev, uint64_t addr,
                                  void *buf, size_t size, bool write)
{
    TestdevRun *run = &dev->run;
    ViommuTestdevAccess access = {
        .pasid = run->pasid,
        .access = write ? run->writes : run->reads,
        .kind = VIOMMU_UNTRANSLATED,
        .addr = addr,
        .buf = buf,
        .size = size,
    };
    TestdevOutcome outcome = TESTDEV_FAILED;
    TestdevTranslation t;

    /* each turn but the last has sent a page request */
    while (!run->answered || retry(run, addr, write)) {
        outcome = find(dev, addr, access.access, write, &t);
        if (outcome == TESTDEV_OK) {
            outcome = move(dev, &t, &access, write);
            break;
        }
        if (outcome == TESTDEV_FAILED) {
            break;
        }
        outcome = ask(dev, addr, access.access, write);
        if (outcome != TESTDEV_OK) {
            break;
        }
        outcome = TESTDEV_FAILED;
    }
    if (outcome != TESTDEV_WAITS) {
        run->tries = 0;
    }
    return outcome;
}

TestdevOutcome testdev_translate(ViommuTestdev *dev)
{
    TestdevRun *run = &dev->run;
    uint64_t addr = run->regs[TESTDEV_SRC];
    bool write = run->regs[TESTDEV_REQUEST] & TESTDEV_REQUEST_WRITE;
    uint64_t *regs = dev->regs;
    ViommuDmaResult result;
    ViommuReply reply;
    uint64_t broken;

    regs[TESTDEV_TRANS_ADDR] = 0;
    regs[TESTDEV_TRANS_SIZE] = 0;
    regs[TESTDEV_TRANS_FLAGS] = 0;
    if (!testdev_ats_enabled(dev)) {
        testdev_fail(run, TESTDEV_WHY_NOT_ENABLED, 0, addr, write);
        return TESTDEV_FAILED;
    }
    pthread_mutex_lock(&dev->lock);
    dev->atc.requests++;
    pthread_mutex_unlock(&dev->lock);
    result = request(dev, addr, run->reads | (write ? VIOMMU_WRITE : 0),
                     &reply, &broken);
    if (result != VIOMMU_DMA_OK) {
        testdev_fail(run, result, reply.reason, addr, write);
        return TESTDEV_FAILED;
    }
    regs[TESTDEV_TRANS_ADDR] = reply.addr;
    regs[TESTDEV_TRANS_SIZE] = reply.size;
    regs[TESTDEV_TRANS_FLAGS] =
        TESTDEV_TRANS_ANSWER |
        (reply.access & VIOMMU_READ ? TESTDEV_TRANS_R : 0) |
        (reply.access & VIOMMU_WRITE ? TESTDEV_TRANS_W : 0) |
        (reply.access & VIOMMU_EXEC ? TESTDEV_TRANS_X : 0) |
        (reply.snoop ? TESTDEV_TRANS_N : 0) |
        (reply.untranslated_only ? TESTDEV_TRANS_U : 0) |
        (reply.privileged ? TESTDEV_TRANS_PRIV : 0) |
        (reply.global ? TESTDEV_TRANS_GLOBAL : 0) |
        (reply.interrupt ? TESTDEV_TRANS_INTERRUPT : 0);
    return TESTDEV_OK;
}
