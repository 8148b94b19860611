/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev: the device-TLB, which PCIe calls an address translation
 * cache.  It is bounded, and searched from end to end: it is there to be
 * checked, not to be fast.
 *
 * An access with a translation is on its way between testdev_atc_begin() or
 * testdev_atc_fill() and testdev_atc_done(); an invalidation that concerns it
 * is not completed before [PCIe 10.3.2].  An answer to a translation request
 * that an invalidation has overtaken is dropped.
 */
#include "testdev.h"

static uint64_t range_last(const TestdevRange *range)
{
    return range->addr + (range->size - 1);
}

static bool range_has(const TestdevRange *range, uint64_t addr)
{
    return addr - range->addr <= range->size - 1;
}

/* Whether the invalidation of @inv concerns a translation of @range.  The
 * global ones do not belong to a PASID, so only a global one removes them. */
static bool covers(const TestdevRange *inv, const TestdevRange *range)
{
    return inv->addr <= range_last(range) && range->addr <= range_last(inv) &&
           (inv->global || (!range->global && inv->pasid == range->pasid));
}

/* Whether one of the invalidations since number @from covers @range; if they
 * are too many to be remembered, one may. */
static bool covered_since(const TestdevAtc *atc, uint64_t from,
                          const TestdevRange *range)
{
    if (atc->completed - from > TESTDEV_ATC_LOG) {
        return true;
    }
    for (; from < atc->completed; from++) {
        if (covers(&atc->log[from % TESTDEV_ATC_LOG], range)) {
            return true;
        }
    }
    return false;
}

static bool matches(const TestdevTranslation *entry, const TestdevRun *run,
                    uint64_t addr)
{
    return entry->valid && range_has(&entry->range, addr) &&
           entry->privileged == !!(run->reads & VIOMMU_PRIV) &&
           (entry->range.pasid == run->pasid ||
            (entry->range.global && run->pasid != VIOMMU_NO_PASID));
}

/* The entry for @addr, the last hit first.  Locked. */
static TestdevTranslation *find(ViommuTestdev *dev, uint64_t addr)
{
    TestdevAtc *atc = &dev->atc;

    if (matches(&atc->entries[atc->recent], &dev->run, addr)) {
        return &atc->entries[atc->recent];
    }
    for (unsigned i = 0; i < TESTDEV_ATC_ENTRIES; i++) {
        if (matches(&atc->entries[i], &dev->run, addr)) {
            atc->recent = i;
            return &atc->entries[i];
        }
    }
    return NULL;
}

bool testdev_permits(const TestdevTranslation *t, uint8_t access)
{
    uint8_t wanted = access & (VIOMMU_READ | VIOMMU_WRITE | VIOMMU_EXEC);

    return (t->access & wanted) == wanted;
}

/* An access with @entry's translation starts.  Locked. */
static void use(TestdevAtc *atc, const TestdevTranslation *entry)
{
    atc->stale_uses += entry->stale && !entry->untranslated;
    atc->in_use = true;
    atc->used = entry->range;
    atc->uses++;
}

bool testdev_atc_begin(ViommuTestdev *dev, uint64_t addr, uint8_t access,
                       TestdevTranslation *found, uint64_t *ticket)
{
    TestdevAtc *atc = &dev->atc;
    TestdevTranslation *entry;
    bool hit;

    pthread_mutex_lock(&dev->lock);
    entry = find(dev, addr);
    hit = entry && testdev_permits(entry, access);
    if (hit) {
        atc->hits++;
        use(atc, entry);
        *found = *entry;
    } else {
        atc->misses++;
        atc->requests++;
        *ticket = atc->completed;
    }
    pthread_mutex_unlock(&dev->lock);
    return hit;
}

void testdev_atc_done(ViommuTestdev *dev)
{
    pthread_mutex_lock(&dev->lock);
    dev->atc.in_use = false;
    pthread_cond_broadcast(&dev->atc.idle);
    pthread_mutex_unlock(&dev->lock);
}

/* Put @answer in the place of what answered for @addr until now, or of the
 * next victim.  Locked. */
static TestdevTranslation *insert(ViommuTestdev *dev,
                                  const TestdevTranslation *answer,
                                  uint64_t addr)
{
    TestdevAtc *atc = &dev->atc;
    TestdevTranslation *place = NULL;

    for (unsigned i = 0; i < TESTDEV_ATC_ENTRIES; i++) {
        TestdevTranslation *entry = &atc->entries[i];

        if (matches(entry, &dev->run, addr)) {
            entry->valid = false;
        }
        if (!entry->valid && !place) {
            place = entry;
        }
    }
    if (!place) {
        place = &atc->entries[atc->next];
        atc->next = (atc->next + 1) % TESTDEV_ATC_ENTRIES;
    }
    *place = *answer;
    atc->recent = place - atc->entries;
    return place;
}

bool testdev_atc_fill(ViommuTestdev *dev, TestdevTranslation *answer,
                      uint64_t addr, uint8_t access, uint64_t ticket)
{
    TestdevAtc *atc = &dev->atc;
    bool valid;

    pthread_mutex_lock(&dev->lock);
    valid = testdev_ats_enabled(dev) &&
            !covered_since(atc, ticket, &answer->range);
    if (valid) {
        if (answer->access & (VIOMMU_READ | VIOMMU_WRITE)) {
            answer->valid = true;
            insert(dev, answer, addr);
        }
        if (testdev_permits(answer, access)) {
            use(atc, answer);
        }
    }
    pthread_mutex_unlock(&dev->lock);
    return valid;
}

void testdev_atc_flush(ViommuTestdev *dev)
{
    for (unsigned i = 0; i < TESTDEV_ATC_ENTRIES; i++) {
        dev->atc.entries[i].valid = false;
    }
}

void testdev_atc_reset(ViommuTestdev *dev)
{
    TestdevAtc *atc = &dev->atc;

    testdev_atc_flush(dev);
    atc->inject = 0;
    atc->hits = 0;
    atc->misses = 0;
    atc->requests = 0;
    atc->invalidations = 0;
    atc->stale_uses = 0;
    atc->bad_answers = 0;
}

void testdev_atc_bad(ViommuTestdev *dev, uint64_t rules)
{
    TestdevAtc *atc = &dev->atc;

    if (rules) {
        pthread_mutex_lock(&dev->lock);
        atc->bad_answers = (atc->bad_answers + 1) | rules;
        pthread_mutex_unlock(&dev->lock);
    }
}

unsigned testdev_atc_count(const ViommuTestdev *dev)
{
    unsigned n = 0;

    for (unsigned i = 0; i < TESTDEV_ATC_ENTRIES; i++) {
        n += dev->atc.entries[i].valid;
    }
    return n;
}

/* Drop what @inv covers; or @keep it, against the rules. */
static void drop(TestdevAtc *atc, const TestdevRange *inv, bool keep)
{
    for (unsigned i = 0; i < TESTDEV_ATC_ENTRIES; i++) {
        TestdevTranslation *entry = &atc->entries[i];

        if (entry->valid && covers(inv, &entry->range)) {
            entry->valid = keep;
            entry->stale = true;
        }
    }
}

bool viommu_testdev_invalidate(ViommuTestdev *dev,
                               const ViommuInvalidation *inv)
{
    TestdevAtc *atc = &dev->atc;
    TestdevRange range = {
        .addr = inv->addr & ~(inv->size - 1),
        .size = inv->size,
        .pasid = inv->pasid,
        .global = inv->global,
    };
    bool completed = false;

    if (inv->what != VIOMMU_INV_DEVTLB) {
        return true;
    }
    pthread_mutex_lock(&dev->lock);
    atc->invalidations++;
    /* also while ATS is off: Linux invalidates first, then switches it on */
    if (dev->config.ats && !(atc->inject & TESTDEV_CONTROL_IGNORE)) {
        uint64_t uses = atc->uses;

        completed = true;
        drop(atc, &range, atc->inject & TESTDEV_CONTROL_KEEP);
        atc->log[atc->completed % TESTDEV_ATC_LOG] = range;
        atc->completed++;
        /*
         * The access that is on its way; later ones do not find the
         * translation.  If it is this very thread's, or that of another
         * endpoint which has caused all this, it is on the bus already, and
         * waiting for it would be for ever.
         */
        while (atc->in_use && atc->uses == uses &&
               covers(&range, &atc->used) && !testdev_thread_runs()) {
            pthread_cond_wait(&atc->idle, &dev->lock);
        }
    }
    pthread_mutex_unlock(&dev->lock);
    return completed;
}
