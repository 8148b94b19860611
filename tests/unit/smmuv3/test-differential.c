/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An SMMUv3 with its caches against the reference without any: random
 * tables, entries, streams, invalidations of every kind, then transactions,
 * each with its answer, its event and the bits that it leaves in memory.
 */
#include "tests/lib/unit/smmu-differential.h"

#include <inttypes.h>
#include <string.h>

#define STEPS       150
#define REQUESTS    24

static void print_words(const char *what, const uint64_t word[4])
{
    g_printerr("# %s: %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 "\n",
               what, word[0], word[1], word[2], word[3]);
}

static void mismatch(SmmuWorld *w, const char *what,
                     const SmmuRefRequest *req, const SmmuRefAnswer *ref,
                     ViommuStatus status, const ViommuReply *reply)
{
    print_words("expected event", ref->word);
    g_error("%s: sid %#x ssid %d/%#x address %#" PRIx64 " r%d w%d x%d p%d "
            "kind %d (step %u, after %s; oas %u httu %u s1 %d s2 %d)\n"
            "# expected: ok %d address %#" PRIx64 " r%d w%d x%d event %#x "
            "recorded %d stall %d\n"
            "# answered: status %d address %#" PRIx64 " access %#x size %#"
            PRIx64 " reason %#x",
            what, req->sid, req->ssv, req->ssid, req->addr, req->read,
            req->write, req->inst, req->priv, req->kind, w->step, w->last,
            w->config.oas_bits, w->config.httu, w->config.stage1,
            w->config.stage2, ref->ok, ref->addr, ref->read, ref->write,
            ref->exec, ref->event, ref->recorded, ref->stall, status,
            reply->addr, reply->access, reply->size, reply->reason);
}

/* Take an event out of the queue. */
static bool take_event(SmmuWorld *w, uint64_t word[4])
{
    const GuestRegs *regs = &w->f->regs;
    uint32_t prod = guest_reg32(regs, SMMUV3_EVENTQ_PROD);
    uint32_t cons = guest_reg32(regs, SMMUV3_EVENTQ_CONS);

    if (prod == cons) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        word[i] = guest_read64(&w->f->mem, w->events + (cons & 15) * 32 +
                               8 * i);
    }
    guest_set_reg32(regs, SMMUV3_EVENTQ_CONS, (cons + 1) & 31);
    return true;
}

/* Software ends a stalled transaction. */
static void end_stall(SmmuWorld *w, const SmmuRefRequest *req,
                      const uint64_t word[4], const ViommuReply *reply)
{
    FixtureResume resume;

    g_assert_cmpuint(EVENT_STAG(word), ==, reply->stall_tag);
    fixture_forget(w->f);
    if (smmu_chance(w, 50)) {
        smmu_world_command(w, CMD_RESUME | CMD_ABORT | CMD_SID(req->sid),
                           EVENT_STAG(word));
    } else {
        smmu_world_command(w, CMD_STALL_TERM | CMD_SID(req->sid), 0);
    }
    smmu_world_sync(w);
    g_assert_cmpuint(w->f->resumes->len, ==, 1);
    resume = g_array_index(w->f->resumes, FixtureResume, 0);
    g_assert_cmpuint(resume.tag, ==, reply->stall_tag);
    g_assert_cmpint(resume.action, ==, VIOMMU_RESUME_ABORT);
}

static void check_event(SmmuWorld *w, const SmmuRefRequest *req,
                        const SmmuRefAnswer *ref, ViommuStatus status,
                        const ViommuReply *reply)
{
    uint64_t word[4];
    bool recorded = take_event(w, word);

    if (recorded != (!ref->ok && ref->recorded)) {
        if (recorded) {
            print_words("event", word);
        }
        mismatch(w, recorded ? "recorded" : "not recorded", req, ref, status,
                 reply);
    }
    if (!recorded) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        if ((word[i] ^ ref->word[i]) & ref->known[i]) {
            print_words("event", word);
            mismatch(w, "another event", req, ref, status, reply);
        }
    }
    if (ref->stall) {
        w->stalled++;
        end_stall(w, req, word, reply);
    }
}

/* Accessed and dirty bits, and nothing else. */
static void check_memory(SmmuWorld *w, const SmmuRefRequest *req,
                         const SmmuRefAnswer *ref, ViommuStatus status,
                         const ViommuReply *reply)
{
    for (unsigned i = 0; i < ref->leaves; i++) {
        uint64_t word = guest_read64(&w->f->mem, ref->leaf[i].addr);

        if (word != ref->leaf[i].value && !(word & SMMUV3_PTE_CONT)) {
            g_printerr("# at %#" PRIx64 ": %#" PRIx64 ", expected %#" PRIx64
                       "\n", ref->leaf[i].addr, word, ref->leaf[i].value);
            mismatch(w, "memory", req, ref, status, reply);
        }
    }
}

/* The answer claims to hold for reply->size bytes: ask for another one. */
static void check_range(SmmuWorld *w, const SmmuRefRequest *req,
                        const SmmuRefAnswer *ref, ViommuStatus status,
                        const ViommuReply *reply)
{
    uint64_t mask = reply->size - 1;
    SmmuRefRequest other = *req;
    SmmuRefAnswer answer;

    other.addr = (req->addr & ~mask) | (smmu_random(w) & mask);
    smmu_ref_translate(&w->ref, &other, &answer);
    if (!answer.ok || answer.addr - ref->addr != other.addr - req->addr) {
        g_printerr("# other address %#" PRIx64 ": ok %d, %#" PRIx64 "\n",
                   other.addr, answer.ok, answer.addr);
        mismatch(w, "the size covers an address with another answer", req,
                 ref, status, reply);
    }
}

static unsigned granted_access(const SmmuRefAnswer *ref)
{
    return (ref->read ? VIOMMU_READ : 0) | (ref->write ? VIOMMU_WRITE : 0) |
           (ref->exec ? VIOMMU_EXEC : 0);
}

/* What is granted exactly, but that a request which will not write may be told
 * nothing of writing [SMMU 13.7]; and never Global [SMMU 3.9.1]. */
static void check_completion(SmmuWorld *w, const SmmuRefRequest *req,
                             const SmmuRefAnswer *ref, ViommuStatus status,
                             const ViommuReply *reply)
{
    unsigned access = granted_access(ref), differ = reply->access ^ access;

    if (!req->write && !(reply->access & ~access)) {
        differ &= ~VIOMMU_WRITE;
    }
    if (differ || reply->privileged != ref->priv || reply->global ||
        reply->reason || reply->untranslated_only || reply->interrupt ||
        (reply->access && reply->addr != ref->addr)) {
        mismatch(w, "completion", req, ref, status, reply);
    }
    if (reply->access) {
        check_memory(w, req, ref, status, reply);
        check_range(w, req, ref, status, reply);
    }
}

static void check_answer(SmmuWorld *w, const SmmuRefRequest *req,
                         const SmmuRefAnswer *ref, ViommuStatus status,
                         const ViommuReply *reply)
{
    unsigned access = granted_access(ref);
    unsigned asked = (req->read ? VIOMMU_READ : 0) |
                     (req->write ? VIOMMU_WRITE : 0);

    if (status != (ref->ok ? VIOMMU_OK : ref->stall ? VIOMMU_STALLED
                                                    : VIOMMU_FAULT)) {
        mismatch(w, "result", req, ref, status, reply);
    }
    if (!ref->ok) {
        w->faulted++;
        if (status == VIOMMU_FAULT &&
            (reply->access || reply->reason != ref->event)) {
            mismatch(w, "fault", req, ref, status, reply);
        }
        return;
    }
    w->granted++;
    if (req->kind == SMMU_REF_TRANSLATION) {
        check_completion(w, req, ref, status, reply);
        return;
    }
    if (reply->addr != ref->addr || (asked & ~reply->access) ||
        (reply->access & ~(access | asked)) || reply->reason) {
        mismatch(w, "translation", req, ref, status, reply);
    }
    check_memory(w, req, ref, status, reply);
    check_range(w, req, ref, status, reply);
}

static void compare(SmmuWorld *w, const SmmuRefRequest *req)
{
    static const uint8_t kinds[] = {
        VIOMMU_UNTRANSLATED, VIOMMU_TRANSLATION, VIOMMU_TRANSLATED,
    };
    ViommuRequest request = {
        .source = req->sid, .pasid = req->ssv ? req->ssid : VIOMMU_NO_PASID,
        .addr = req->addr, .kind = kinds[req->kind],
        .access = (uint8_t)((req->read ? VIOMMU_READ : 0) |
                            (req->write ? VIOMMU_WRITE : 0) |
                            (req->inst ? VIOMMU_EXEC : 0) |
                            (req->priv ? VIOMMU_PRIV : 0)),
    };
    SmmuRefAnswer ref;
    ViommuReply reply;
    ViommuStatus status;

    smmu_ref_translate(&w->ref, req, &ref);
    memset(&reply, 0xa5, sizeof(reply));
    viommu_dma_begin();
    status = viommu_translate(w->f->unit, &request, &reply);
    viommu_dma_end();
    w->compared++;
    check_answer(w, req, &ref, status, &reply);
    check_event(w, req, &ref, status, &reply);
    if (status == VIOMMU_OK && req->kind == SMMU_REF_UNTRANSLATED) {
        w->kept[keeper_keep(&w->keeper, &request, &reply)] = *req;
    }
}

/* What somebody keeps is what the tables say. */
static void compare_kept(SmmuWorld *w)
{
    const KeeperEntry *e;

    for (unsigned i = 0; (e = keeper_next(&w->keeper, &i)); i++) {
        SmmuRefAnswer ref;

        smmu_ref_translate(&w->ref, &w->kept[i], &ref);
        if (!ref.ok || ref.addr != e->reply.addr) {
            mismatch(w, "kept in spite of an invalidation", &w->kept[i],
                     &ref, VIOMMU_OK, &e->reply);
        }
    }
}

static uint64_t draw_address(SmmuWorld *w, const SmmuStream *s)
{
    uint64_t addr = s->config == SMMUV3_S2 || smmu_chance(w, 5)
                    ? w->ipas[smmu_below(w, SMMU_ADDRESSES)]
                    : w->addresses[smmu_below(w, SMMU_ADDRESSES)];

    addr += smmu_chance(w, 90) ? smmu_below(w, 4096)
                               : smmu_below(w, 0x400000);
    if (smmu_chance(w, 5)) {
        addr ^= UINT64_C(1) << (40 + smmu_below(w, 24));
    }
    return addr;
}

static void world_compare(SmmuWorld *w)
{
    static const uint32_t ssids[] = { 0, 1, 2, 63, 64, 69, 200 };

    for (unsigned i = 0; i < REQUESTS; i++) {
        const SmmuStream *s = &w->streams[smmu_below(w, SMMU_STREAMS)];
        SmmuRefRequest req = { .sid = s->sid };
        unsigned access = 1 + smmu_below(w, 3);

        if (smmu_chance(w, 2)) {
            req.sid = smmu_chance(w, 50) ? (uint32_t)smmu_random(w)
                                         : smmu_below(w, 1024);
        }
        req.ssv = smmu_chance(w, s->max ? 60 : 3);
        req.ssid = req.ssv ? ssids[smmu_below(w, G_N_ELEMENTS(ssids))] : 0;
        req.read = access & 1;
        req.write = access & 2;
        req.inst = smmu_chance(w, 20);
        req.priv = smmu_chance(w, 30);
        req.addr = draw_address(w, s);
        if (w->config.ats && smmu_chance(w, 30)) {
            req.kind = SMMU_REF_TRANSLATION + smmu_below(w, 2);
            req.read |= req.kind == SMMU_REF_TRANSLATION;
        }
        compare(w, &req);
    }
}

static void test_worlds(void)
{
    unsigned n = 60 * fixture_scale();
    uint64_t compared = 0, granted = 0, faulted = 0, stalled = 0;
    uint64_t kept = 0, kept_compared = 0;
    const char *one = g_getenv("VIOMMU_TEST_WORLD");

    for (unsigned i = 0; i < n; i++) {
        /* The quick run has the same worlds each time. */
        guint32 seed = fixture_scale() > 1 ? (guint32)g_test_rand_int()
                                           : 0x5eed0000u + i;
        SmmuWorld world, *w = &world;

        if (one) {
            seed = (guint32)g_ascii_strtoull(one, NULL, 0);
        }
        g_test_message("world %#x", seed);
        smmu_world_init(w, seed);
        for (w->step = 0; w->step < STEPS; w->step++) {
            smmu_world_change(w);
            smmu_world_change(w);
            compare_kept(w);
            world_compare(w);
        }
        kept += w->keeper.kept;
        kept_compared += w->keeper.compared;
        compared += w->compared;
        granted += w->granted;
        faulted += w->faulted;
        stalled += w->stalled;
        smmu_world_free(w);
    }
    g_test_message("%u worlds: %" PRIu64 " requests, %" PRIu64 " granted, %"
                   PRIu64 " refused, of which %" PRIu64 " stalled", n,
                   compared, granted, faulted, stalled);
    g_assert_cmpuint(granted, >, compared / 20);
    g_assert_cmpuint(faulted, >, compared / 20);
    g_assert_cmpuint(kept_compared, >, kept / 5);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-differential/worlds", test_worlds);
    return g_test_run();
}
