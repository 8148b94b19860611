/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks of "vfio" that only a guest's SMMUv3 has: a table of context
 * descriptors, entries of the stream table, raw commands, an event queue.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "smmu.h"

#define A               TABLE_PAGES
#define B               (TABLE_PAGES + 1)
#define EVENT_WAIT_MS   3000
#define QUEUE_DEPTH     4u

/* A second set of tables, in which @va is page @page of the arena. */
static void other_tables(Vfio *v, uint64_t va, unsigned page)
{
    for (unsigned n = 0; n < 4; n++) {
        uint64_t *table = (uint64_t *)arena_page(v, OTHER_TABLES + n);
        unsigned index = va >> (12 + 9 * (3 - n)) & 0x1ff;

        table[index] = n == 3 ? nested_leaf(v, page)
                              : (NESTED_GPA + (OTHER_TABLES + n + 1) * PAGE) |
                                nested_table_bits;
    }
}

/* Two descriptors, 3 and 4, whose tables have @va on different pages. */
static Outcome two_spaces(Vfio *v, Nested *n, unsigned s1dss)
{
    Outcome outcome = smmu_begin(v, n);

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, A, 1);
    arena_fill(v, B, 2);
    *nested_entry(v, nested_va(v)) = nested_leaf(v, A);
    other_tables(v, nested_va(v), B);
    smmu_put_cd(v, 3, 0, 3, 0);
    smmu_put_cd(v, 4, OTHER_TABLES, 4, 0);
    n->hwpt = smmu_hwpt(v, n, smmu_ste0(true), smmu_ste1(v, s1dss), 0);
    return n->hwpt && nested_attach(v, n) ? OUTCOME_OK : lacking(v);
}

static bool reads_as(Vfio *v, uint32_t pasid, uint64_t iova, unsigned tag)
{
    v->pasid = pasid;
    return dma_reads(v, iova, tag);
}

static bool blocked_as(Vfio *v, uint32_t pasid, uint64_t iova)
{
    uint64_t status;

    v->pasid = pasid;
    status = vfio_dma(v, TESTDEV_CMD_READ, iova, 0, PAGE);
    if (!dma_blocked(status)) {
        wrong(v, "PASID 0x%" PRIx32 ": status 0x%" PRIx64, pasid, status);
        return false;
    }
    return true;
}

/* Requests without PASID: ended, by stage 2 alone, by descriptor 0. */
Outcome smmu_check_substreams(Vfio *v)
{
    const uint64_t va = nested_va(v);
    Nested n;
    Outcome outcome = two_spaces(v, &n, S1DSS_TERMINATE);

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    if (!reads_as(v, 3, va, 1) || !reads_as(v, 4, va, 2) ||
        !blocked_as(v, NO_PASID, va) || !blocked_as(v, 5, va) ||
        !blocked_as(v, 1u << CD_BITS, va)) {
        return OUTCOME_FAIL;
    }
    n.hwpt = smmu_hwpt(v, &n, smmu_ste0(true), smmu_ste1(v, S1DSS_BYPASS),
                       0);
    if (!n.hwpt || !nested_attach(v, &n) || !reads_as(v, 3, va, 1) ||
        !reads_as(v, NO_PASID, NESTED_GPA + B * PAGE, 2)) {
        return OUTCOME_FAIL;
    }
    smmu_put_cd(v, 0, OTHER_TABLES, 5, 0);
    n.hwpt = smmu_hwpt(v, &n, smmu_ste0(true), smmu_ste1(v, S1DSS_SSID0), 0);
    if (!n.hwpt || !nested_attach(v, &n) || !reads_as(v, 3, va, 1) ||
        !reads_as(v, NO_PASID, va, 2) || !blocked_as(v, 0, va)) {
        return OUTCOME_FAIL;
    }
    return found(v, "PASIDs 3 and 4 in spaces of their own, 5 and %u "
                 "blocked; without PASID blocked, stage 2 alone, descriptor "
                 "0", 1u << CD_BITS);
}

/* Descriptors that change under translations in use. */
Outcome smmu_check_descriptors(Vfio *v)
{
    const uint64_t va = nested_va(v);
    Nested n;
    Outcome outcome = two_spaces(v, &n, S1DSS_TERMINATE);
    uint64_t *cd = (uint64_t *)arena_page(v, CD_PAGE) + 3 * CD_WORDS;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    n.pasid = 3;
    if (!reads_as(v, 3, va, 1)) {
        return OUTCOME_FAIL;
    }
    smmu_put_cd(v, 3, OTHER_TABLES, 6, 0);
    if (!smmu_command(v, &n, CMD_CFGI_CD | CMD_SID(VSID) | CMD_SSID(3),
                      CMD_LEAF) ||
        !smmu_atc_inv(v, &n) || !reads_as(v, 3, va, 2)) {
        return OUTCOME_FAIL;
    }
    cd[0] &= ~CD_VALID;
    if (!smmu_command(v, &n, CMD_CFGI_CD_ALL | CMD_SID(VSID), 0) ||
        !smmu_atc_inv(v, &n) || !blocked_as(v, 3, va)) {
        return OUTCOME_FAIL;
    }
    smmu_put_cd(v, 3, 0, 7, 0);
    if (!smmu_command(v, &n, CMD_CFGI_CD_ALL | CMD_SID(VSID), 0) ||
        !reads_as(v, 3, va, 1) || !reads_as(v, 4, va, 2)) {
        return OUTCOME_FAIL;
    }
    return found(v, "CFGI_CD and CFGI_CD_ALL: other tables, not valid, the "
                 "first tables again");
}

/* Every command that invalidates translations. */
Outcome smmu_check_commands(Vfio *v)
{
    const uint64_t va = nested_va(v);
    const struct {
        const char *name;
        SmmuCommand command;
        bool ranges;
    } kinds[] = {
        { "TLBI_NH_VA", { { CMD_NH_VA | CMD_ASID(3), va } }, false },
        { "TLBI_NH_VA of a leaf",
          { { CMD_NH_VA | CMD_ASID(3), va | CMD_LEAF } }, false },
        { "TLBI_NH_VAA", { { CMD_NH_VAA, va } }, false },
        { "TLBI_NH_ASID", { { CMD_NH_ASID | CMD_ASID(3), 0 } }, false },
        { "TLBI_NH_ALL", { { CMD_NH_ALL, 0 } }, false },
        { "TLBI_NSNH_ALL", { { CMD_NSNH_ALL, 0 } }, false },
        { "TLBI_NH_VA of 8 pages",
          { { CMD_NH_VA | CMD_ASID(3) | CMD_NUM(7),
              (va - 4 * PAGE) | CMD_TG_4K } }, true },
        { "TLBI_NH_VAA of 8 pages",
          { { CMD_NH_VAA | CMD_NUM(7), (va - 4 * PAGE) | CMD_TG_4K } },
          true },
    };
    const unsigned count = sizeof(kinds) / sizeof(kinds[0]);
    HwInfoSmmuv3 info;
    Nested n;
    Outcome outcome = two_spaces(v, &n, S1DSS_TERMINATE);
    unsigned done = 0;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    if (!smmu_info(v, &info) || !reads_as(v, 3, va, 1)) {
        return OUTCOME_FAIL;
    }
    n.pasid = 3;
    for (unsigned i = 0; i < count; i++) {
        /* IDR3.RIL */
        if (kinds[i].ranges && !(info.idr[3] >> 10 & 1)) {
            continue;
        }
        *nested_entry(v, va) = nested_leaf(v, i & 1 ? A : B);
        if (!smmu_commands(v, &n, &kinds[i].command, 1) ||
            !smmu_atc_inv(v, &n)) {
            return OUTCOME_FAIL;
        }
        if (!reads_as(v, 3, va, i & 1 ? 1 : 2)) {
            char text[256];

            memcpy(text, v->text, sizeof(text) - 1);
            text[sizeof(text) - 1] = 0;
            return wrong(v, "after %s: %s", kinds[i].name, text);
        }
        done++;
    }
    return found(v, "another page is seen after each of %u commands%s", done,
                 done < count ? " (no ranges)" : "");
}

/* Entries without a first stage. */
Outcome smmu_check_entries(Vfio *v)
{
    const uint64_t gpa = NESTED_GPA + A * PAGE;
    const uint64_t none[] = { STE_VALID | STE_ABORT, 0 };
    Nested n;
    Outcome outcome = smmu_begin(v, &n);

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    arena_fill(v, A, 1);
    n.hwpt = smmu_hwpt(v, &n, STE_VALID | STE_BYPASS, 0, 0);
    if (!n.hwpt || !nested_attach(v, &n) || !dma_reads(v, gpa, 1) ||
        !blocked_as(v, NO_PASID, NESTED_GPA - PAGE)) {
        return OUTCOME_FAIL;
    }
    for (unsigned i = 0; i < 2; i++) {
        n.hwpt = smmu_hwpt(v, &n, none[i], 0, 0);
        if (!n.hwpt || !nested_attach(v, &n) ||
            !blocked_as(v, NO_PASID, gpa)) {
            return OUTCOME_FAIL;
        }
    }
    return found(v, "bypass: the second stage alone; abort, and an entry "
                 "that is not valid: blocked");
}

/* --- events -------------------------------------------------------------- */

static int event_queue(Vfio *v, const Nested *n)
{
    VeventqAlloc alloc = {
        .size = sizeof(alloc), .viommu_id = n->viommu,
        .type = VEVENTQ_ARM_SMMUV3, .depth = QUEUE_DEPTH,
    };

    if (!vfio_call(v, "IOMMU_VEVENTQ_ALLOC", IOMMUFD_VEVENTQ_ALLOC, &alloc)) {
        return -1;
    }
    vfio_own_object(v, alloc.out_veventq_id);
    vfio_own_file(v, alloc.out_veventq_fd);
    return alloc.out_veventq_fd;
}

static bool take_event(Vfio *v, int fd, uint32_t sequence, SmmuVevent *event)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    ssize_t size;

    if (poll(&wait, 1, EVENT_WAIT_MS) != 1) {
        wrong(v, "no event within %d ms", EVENT_WAIT_MS);
        return false;
    }
    size = read(fd, event, sizeof(*event));
    if (size != sizeof(*event) || event->flags ||
        event->sequence != sequence) {
        wrong(v, "%zd bytes from the event queue, flags 0x%" PRIx32
              ", sequence %" PRIu32 ", wanted %" PRIu32, size, event->flags,
              event->sequence, sequence);
        return false;
    }
    return true;
}

/* A read that is blocked, and the event that tells of it. */
static bool event_is(Vfio *v, int fd, uint32_t *sequence, uint32_t pasid,
                     uint64_t addr, unsigned id)
{
    bool input = id == F_TRANSLATION || id == F_PERMISSION;
    SmmuVevent e;

    if (!blocked_as(v, pasid, addr) || !take_event(v, fd, *sequence, &e)) {
        return false;
    }
    ++*sequence;
    if (EVENT_ID(&e) != id || EVENT_SID(&e) != VSID ||
        /* [SMMU 7.3.9]: that one has the number alone */
        EVENT_SSV(&e) != (pasid != NO_PASID && id != C_BAD_SUBSTREAMID) ||
        EVENT_SSID(&e) != (pasid != NO_PASID ? pasid : 0) ||
        (input && (EVENT_ADDR(&e) != addr || !EVENT_READ(&e) ||
                   EVENT_S2(&e) || EVENT_CLASS(&e) != CLASS_INPUT))) {
        wrong(v, "wanted event 0x%02x of 0x%" PRIx64 "; got 0x%016" PRIx64
              " 0x%016" PRIx64 " 0x%016" PRIx64 " 0x%016" PRIx64, id, addr,
              e.word[0], e.word[1], e.word[2], e.word[3]);
        return false;
    }
    return true;
}

/*
 * What the queue tells next, up to event number @end: an event of its own, or
 * a header that says how many are lost.  Linux takes that header back when a
 * further event finds room, and leaves a gap in the numbers.
 */
static bool take_number(Vfio *v, int fd, uint32_t *next, uint32_t end,
                        bool *lost, SmmuVevent *event)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    ssize_t size;
    bool header;

    if (poll(&wait, 1, EVENT_WAIT_MS) != 1) {
        wrong(v, "events up to %" PRIu32 " of %" PRIu32 " within %d ms",
              *next, end, EVENT_WAIT_MS);
        return false;
    }
    size = read(fd, event, sizeof(*event));
    header = size == 2 * sizeof(uint32_t) &&
             event->flags == VEVENTQ_LOST_EVENTS;
    if ((!header && (size != sizeof(*event) || event->flags)) ||
        event->sequence < *next || event->sequence >= end) {
        wrong(v, "%zd bytes from the event queue, flags 0x%" PRIx32
              ", sequence %" PRIu32 ", wanted %" PRIu32 " to %" PRIu32, size,
              event->flags, event->sequence, *next, end - 1);
        return false;
    }
    *lost |= header || event->sequence != *next;
    *next = event->sequence + 1;
    event->word[0] = header ? 0 : event->word[0];
    return true;
}

/*
 * More events than the queue holds.  A thread of Linux's puts them there when
 * it gets the processor, which may be while they are read: then again, and
 * with more time for it.  Each event has its number, a lost one as well.
 */
static bool events_lost(Vfio *v, int fd, uint32_t next, uint64_t addr)
{
    const uint32_t begin = next, round = QUEUE_DEPTH + 2;
    bool lost = false;
    SmmuVevent e;

    for (unsigned pause_ms = 0; !lost; pause_ms += pause_ms + 1) {
        if (pause_ms > EVENT_WAIT_MS) {
            wrong(v, "no word of lost events");
            return false;
        }
        for (unsigned i = 0; i < round; i++) {
            if (!blocked_as(v, 3, addr + i * PAGE)) {
                return false;
            }
        }
        poll(NULL, 0, pause_ms);
        for (uint32_t end = next + round; next != end; ) {
            if (!take_number(v, fd, &next, end, &lost, &e)) {
                return false;
            }
            if (EVENT_ID(&e) &&
                EVENT_ADDR(&e) != addr + (next - 1 - begin) % round * PAGE) {
                wrong(v, "event %" PRIu32 " of 0x%" PRIx64, next - 1,
                      EVENT_ADDR(&e));
                return false;
            }
        }
    }
    return true;
}

Outcome smmu_check_events(Vfio *v)
{
    const uint64_t va = nested_va(v);
    Nested n;
    Outcome outcome = two_spaces(v, &n, S1DSS_TERMINATE);
    uint64_t *cd = (uint64_t *)arena_page(v, CD_PAGE) + 6 * CD_WORDS;
    uint32_t sequence = 0;
    int fd;

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    fd = event_queue(v, &n);
    if (fd < 0) {
        return lacking(v);
    }
    smmu_put_cd(v, 6, 0, 6, 0);
    cd[0] &= ~CD_AA64;
    if (!event_is(v, fd, &sequence, 3, va + PAGE, F_TRANSLATION) ||
        !event_is(v, fd, &sequence, NO_PASID, va, F_STREAM_DISABLED) ||
        !event_is(v, fd, &sequence, 1u << CD_BITS, va, C_BAD_SUBSTREAMID) ||
        !event_is(v, fd, &sequence, 5, va, C_BAD_CD) ||
        !event_is(v, fd, &sequence, 6, va, C_BAD_CD) ||
        !events_lost(v, fd, sequence, va + 2 * PAGE)) {
        return OUTCOME_FAIL;
    }
    return found(v, "F_TRANSLATION, F_STREAM_DISABLED, C_BAD_SUBSTREAMID and "
                 "C_BAD_CD with the guest's StreamID 0x%x; of %u events in a "
                 "queue of %u, the rest reported as lost", VSID,
                 QUEUE_DEPTH + 2, QUEUE_DEPTH);
}

/* --- refusals ------------------------------------------------------------ */

static bool refuses_entry(Vfio *v, const Nested *n, const char *what,
                          uint32_t type, uint32_t size, uint64_t word0,
                          uint64_t word1, int error)
{
    const HwptArmSmmuv3 entry = { .ste = { word0, word1 } };

    if (vfio_hwpt_s1(v, n->viommu, 0, type, &entry, size, 0)) {
        wrong(v, "%s: accepted", what);
        return false;
    }
    if (errno != error) {
        wrong(v, "%s: %s, wanted %s", what, strerror(errno),
              strerror(error));
        return false;
    }
    return true;
}

static bool refuses_command(Vfio *v, const Nested *n, const char *what,
                            uint64_t word0, uint64_t word1)
{
    /* the first one is good, and done */
    const SmmuCommand c[2] = {
        { { CMD_NH_ALL, 0 } }, { { word0, word1 } },
    };

    if (smmu_commands(v, n, c, 2)) {
        wrong(v, "%s: accepted", what);
        return false;
    }
    if (errno != EIO) {
        wrong(v, "%s: %s, wanted %s", what, strerror(errno), strerror(EIO));
        return false;
    }
    return true;
}

static bool refuses_objects(Vfio *v, const Nested *n)
{
    ViommuAlloc viommu = {
        .size = sizeof(viommu), .type = 77, .dev_id = v->dev_id,
        .hwpt_id = n->parent,
    };
    VdeviceAlloc again = {
        .size = sizeof(again), .viommu_id = n->viommu, .dev_id = v->dev_id,
        .virt_id = VSID + 1,
    };
    VeventqAlloc queue = {
        .size = sizeof(queue), .viommu_id = n->viommu,
        .type = VEVENTQ_ARM_SMMUV3,
    };

    if (vfio_call(v, "", IOMMUFD_VIOMMU_ALLOC, &viommu) ||
        errno != EOPNOTSUPP) {
        wrong(v, "IOMMU_VIOMMU_ALLOC of type 77: %s", strerror(errno));
        return false;
    }
    if (vfio_call(v, "", IOMMUFD_VDEVICE_ALLOC, &again) || errno != EEXIST) {
        wrong(v, "a second IOMMU_VDEVICE_ALLOC: %s", strerror(errno));
        return false;
    }
    if (vfio_call(v, "", IOMMUFD_VEVENTQ_ALLOC, &queue) ||
        errno != EINVAL) {
        wrong(v, "IOMMU_VEVENTQ_ALLOC of no depth: %s", strerror(errno));
        return false;
    }
    return true;
}

Outcome smmu_check_refusals(Vfio *v)
{
    const uint64_t va = nested_va(v), ste0 = smmu_ste0(true);
    const uint32_t type = HWPT_DATA_ARM_SMMUV3, size = sizeof(HwptArmSmmuv3);
    Nested n;
    Outcome outcome = two_spaces(v, &n, S1DSS_TERMINATE);

    if (outcome != OUTCOME_OK) {
        return outcome;
    }
    if (!refuses_entry(v, &n, "stage 2 of the guest's", type, size,
                       STE_VALID | STE_S2, 0, EIO) ||
        !refuses_entry(v, &n, "both stages of the guest's", type, size,
                       ste0 | STE_NESTED, 0, EIO) ||
        !refuses_entry(v, &n, "split-stage ATS", type, size, ste0,
                       STE_EATS_SPLIT, EIO) ||
        !refuses_entry(v, &n, "STRW", type, size, ste0,
                       STE_STRW_EL2, EIO) ||
        !refuses_entry(v, &n, "a reserved bit", type, size, ste0,
                       STE_RESERVED, EIO) ||
        !refuses_entry(v, &n, "VT-d's data", HWPT_DATA_VTD_S1, size, ste0, 0,
                       EINVAL) ||
        !refuses_entry(v, &n, "half an entry", type, 8, ste0, 0, EINVAL)) {
        return OUTCOME_FAIL;
    }
    if (!refuses_command(v, &n, "CFGI_STE", CMD_CFGI_STE | CMD_SID(VSID),
                         0) ||
        !refuses_command(v, &n, "CMD_SYNC", CMD_SYNC, 0) ||
        !refuses_command(v, &n, "a secure stream",
                         CMD_CFGI_CD | CMD_SSEC | CMD_SID(VSID), 0) ||
        !refuses_command(v, &n, "a StreamID of nobody",
                         CMD_CFGI_CD_ALL | CMD_SID(VSID + 1), 0) ||
        !refuses_command(v, &n, "command 0", 0, 0)) {
        return OUTCOME_FAIL;
    }
    if (!refuses_objects(v, &n) || !reads_as(v, 3, va, 1)) {
        return OUTCOME_FAIL;
    }
    return found(v, "entries with a second stage, split-stage ATS, STRW or "
                 "reserved bits, other data; CFGI_STE, CMD_SYNC, foreign "
                 "streams; a second vDEVICE, types that are not there");
}
