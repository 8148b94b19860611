/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev: page requests and their responses [PCIe 10.4].
 *
 * A response may come on any thread, also before the embedder's
 * page_request() returns.
 */
#include "testdev.h"

#define RESPONSE_DATA       (1ull << 4)
#define RESPONSE_PASID      (1ull << 5)
#define RESPONSE_UNEXPECTED (1ull << 6)
#define RESPONSE_CAME       (1ull << 63)
#define RESPONSE_GROUP_SHIFT 16
#define RESPONSE_PASID_SHIFT 32

void testdev_page_clear(ViommuTestdev *dev)
{
    for (unsigned i = 0; i < VIOMMU_PAGE_GROUPS; i++) {
        dev->pri.groups[i].requests = 0;
    }
    dev->pri.outstanding = 0;
}

void testdev_page_reset(ViommuTestdev *dev)
{
    TestdevPri *pri = &dev->pri;

    testdev_page_clear(dev);
    pri->next = 0;
    pri->waiting = false;
    pri->sent = 0;
    pri->responses = 0;
    pri->unexpected = 0;
    pri->last = 0;
    pri->last_data[0] = 0;
    pri->last_data[1] = 0;
}

/* A stop marker gets no response [PCIe 10.4.1]. */
static bool is_marker(const ViommuPageRequest *req)
{
    return req->last && !(req->access & (VIOMMU_READ | VIOMMU_WRITE));
}

/* Why a page request cannot be sent, or 0.  Locked. */
static unsigned refusal(const ViommuTestdev *dev,
                        const ViommuPageRequest *req)
{
    const TestdevCaps *caps = &dev->caps;

    if (!(caps->pri_control & TESTDEV_PRI_CTRL_ENABLE)) {
        return TESTDEV_WHY_NOT_ENABLED;
    }
    if (caps->pri_status & TESTDEV_PRI_STATUS_RF) {
        return TESTDEV_WHY_PAGE_FAILURE;
    }
    if (!is_marker(req) &&
        dev->pri.outstanding >= MIN(caps->pri_allocation,
                                    TESTDEV_PAGE_CAPACITY)) {
        return TESTDEV_WHY_NO_CREDIT;
    }
    return 0;
}

/* Book one more request of @req's group, before it goes out.  Locked. */
static void book(TestdevPri *pri, const ViommuPageRequest *req)
{
    pri->sent++;
    if (!is_marker(req)) {
        pri->groups[req->group].requests++;
        pri->groups[req->group].pasid = req->pasid;
        pri->outstanding++;
    }
}

/* Nobody took the request.  Locked. */
static void unbook(TestdevPri *pri, const ViommuPageRequest *req)
{
    pri->sent--;
    if (!is_marker(req) && pri->groups[req->group].requests) {
        pri->groups[req->group].requests--;
        pri->outstanding--;
    }
}

unsigned testdev_page_send(ViommuTestdev *dev, ViommuPageRequest *req)
{
    unsigned why;

    pthread_mutex_lock(&dev->lock);
    why = refusal(dev, req);
    if (!why) {
        book(&dev->pri, req);
    }
    pthread_mutex_unlock(&dev->lock);
    if (!why && !dev->ops.page_request(dev->opaque, req)) {
        pthread_mutex_lock(&dev->lock);
        unbook(&dev->pri, req);
        pthread_mutex_unlock(&dev->lock);
        why = VIOMMU_DMA_NO_TARGET;
    }
    return why;
}

/* A group without requests; there are more than requests can be
 * outstanding.  Locked. */
static uint16_t free_group(TestdevPri *pri)
{
    while (pri->groups[pri->next].requests) {
        pri->next = (pri->next + 1) % VIOMMU_PAGE_GROUPS;
    }
    return pri->next;
}

G_STATIC_ASSERT(TESTDEV_PAGE_CAPACITY < VIOMMU_PAGE_GROUPS);

unsigned testdev_page_ask(ViommuTestdev *dev, uint64_t addr, uint8_t access)
{
    TestdevPri *pri = &dev->pri;
    TestdevRun *run = &dev->run;
    ViommuPageRequest req = {
        .pasid = run->pasid,
        .addr = addr & ~(TESTDEV_PAGE - 1ull),
        .access = access,
        .last = true,
    };
    unsigned why;

    pthread_mutex_lock(&dev->lock);
    req.group = free_group(pri);
    pri->next = (req.group + 1) % VIOMMU_PAGE_GROUPS;
    pri->waiting = true;
    pri->answered = false;
    pri->sending = true;
    pri->group = req.group;
    pri->page = req.addr;
    pthread_mutex_unlock(&dev->lock);

    why = testdev_page_send(dev, &req);

    pthread_mutex_lock(&dev->lock);
    pri->sending = false;
    if (pri->answered || why) {
        pri->waiting = false;
        run->answered = pri->answered && !why;
        run->code = pri->code;
    }
    run->waiting = pri->waiting;
    pthread_mutex_unlock(&dev->lock);
    return why;
}

bool testdev_page_answer(ViommuTestdev *dev)
{
    TestdevPri *pri = &dev->pri;
    bool answered;

    pthread_mutex_lock(&dev->lock);
    answered = pri->waiting && pri->answered;
    if (answered) {
        pri->waiting = false;
        dev->run.answered = true;
        dev->run.code = pri->code;
    }
    pthread_mutex_unlock(&dev->lock);
    return answered;
}

void testdev_page_forget(ViommuTestdev *dev)
{
    pthread_mutex_lock(&dev->lock);
    dev->pri.waiting = false;
    pthread_mutex_unlock(&dev->lock);
}

/* Whether a request is outstanding that @response answers.  Locked. */
static bool expected(const ViommuTestdev *dev,
                     const ViommuPageResponse *response)
{
    const TestdevGroup *group;

    if (response->group >= VIOMMU_PAGE_GROUPS) {
        return false;
    }
    group = &dev->pri.groups[response->group];
    return group->requests &&
           (!dev->config.pasid_bits || group->pasid == response->pasid);
}

static void note(TestdevPri *pri, const ViommuPageResponse *response,
                 bool unexpected)
{
    pri->last = RESPONSE_CAME | (response->code & 0xf) |
        (uint64_t)response->group << RESPONSE_GROUP_SHIFT |
        (unexpected ? RESPONSE_UNEXPECTED : 0);
    pri->last_data[0] = 0;
    pri->last_data[1] = 0;
    if (response->has_private_data) {
        pri->last |= RESPONSE_DATA;
        pri->last_data[0] = response->private_data[0];
        pri->last_data[1] = response->private_data[1];
    }
    if (response->pasid != VIOMMU_NO_PASID) {
        pri->last |= RESPONSE_PASID | (response->pasid & TESTDEV_PASID_VALUE)
                     << RESPONSE_PASID_SHIFT;
    }
}

/* The group is answered.  Returns true if the command waited for that.
 * Locked. */
static bool settle(ViommuTestdev *dev, const ViommuPageResponse *response)
{
    TestdevPri *pri = &dev->pri;
    TestdevGroup *group = &pri->groups[response->group];
    bool failure = response->code != VIOMMU_PAGE_SUCCESS &&
                   response->code != VIOMMU_PAGE_INVALID;

    pri->responses++;
    pri->outstanding -= group->requests;
    group->requests = 0;
    if (failure) {
        /* No response is expected any more, whatever was asked. */
        dev->caps.pri_status |= TESTDEV_PRI_STATUS_RF;
        testdev_page_clear(dev);
    }
    if (!pri->waiting || pri->answered ||
        (!failure && pri->group != response->group)) {
        return false;
    }
    pri->answered = true;
    pri->code = response->code;
    return !pri->sending;
}

void viommu_testdev_page_response(ViommuTestdev *dev,
                                  const ViommuPageResponse *response)
{
    bool later = false, found;

    pthread_mutex_lock(&dev->lock);
    found = expected(dev, response);
    note(&dev->pri, response, !found);
    if (found) {
        later = settle(dev, response);
    } else {
        dev->pri.unexpected++;
        /* after a failure, responses are ignored */
        if (dev->config.pri &&
            !(dev->caps.pri_status & TESTDEV_PRI_STATUS_RF)) {
            dev->caps.pri_status |= TESTDEV_PRI_STATUS_UPRGI;
        }
    }
    pthread_mutex_unlock(&dev->lock);
    if (later) {
        dev->ops.run_later(dev->opaque);
    }
}
