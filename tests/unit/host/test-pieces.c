/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shadows: of how many pieces they are made, what becomes of those that the
 * guest changes in part, and how much a guest can have of them.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hw/iommu/host/abi/iommufd.h"
#include "tests/lib/unit/bent.h"

#define KIB4    HOST_PAGE
#define MIB2    (UINT64_C(2) << 20)
#define GIB1    (UINT64_C(1) << 30)
#define IOVA    UINT64_C(0x1240000000)
/* guest memory beside the unit's RAM */
#define MORE    (UINT64_C(4) << 30)

static void start(Host *h)
{
    host_start_of(h, SPEC_PGTT_SECOND, VIOMMU_NESTING_AUTO);
    /* one table, one shadow */
    guest_write64(&h->f->mem, guest_pasid_addr(h->s->alloc, h->s->dir,
                                               PRI_PASID), 0);
    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            PRI_PASID);
    fixture_wait(h->f);
}

/* One invalidation of all of the domain. */
static void all(Host *h)
{
    guest_queue_iotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    fixture_wait(h->f);
}

static void page(Host *h, uint64_t iova)
{
    guest_queue_iotlb(h->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, iova, 0, false);
    fixture_wait(h->f);
}

static void map_with(Host *h, uint64_t iova, uint64_t to, uint64_t size,
                     uint64_t page_size, uint64_t rights)
{
    unsigned leaf = page_size == GIB1 ? 3 : page_size == MIB2 ? 2 : 1;

    for (uint64_t at = 0; at < size; at += page_size) {
        g_assert_true(guest_ss_map(h->s->alloc, h->s->ss, h->s->ss_levels,
                                   iova + at, to + at, leaf, rights));
    }
}

static void map(Host *h, uint64_t iova, uint64_t to, uint64_t size,
                uint64_t page_size)
{
    map_with(h, iova, to, size, page_size, SPEC_SS_R | SPEC_SS_W);
}

static void unmap(Host *h, uint64_t iova, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += KIB4) {
        guest_write64(&h->f->mem, guest_ss_entry(h->s->alloc, h->s->ss,
                                                 h->s->ss_levels, iova + at,
                                                 1), 0);
    }
}

/* So many calls of the host since @before, which is what it is now then. */
static void calls(Host *h, ViommuHostStats *before, unsigned maps,
                  unsigned unmaps)
{
    ViommuHostStats now = host_stats(h);

    g_assert_cmpuint(now.shadow_maps - before->shadow_maps, ==, maps);
    g_assert_cmpuint(now.shadow_unmaps - before->shadow_unmaps, ==, unmaps);
    g_assert_cmpuint(now.errors, ==, before->errors);
    *before = now;
}

/* Neighbours are one piece, within one table of the guest's. */
static void test_merged(void)
{
    ViommuHostStats stats;
    Host h;

    start(&h);
    stats = host_stats(&h);
    map(&h, IOVA, HOST_DATA, MIB2, KIB4);
    all(&h);
    calls(&h, &stats, 1, 0);
    host_good(&h, 0, SM_NONE, IOVA, HOST_DATA);
    host_good(&h, 0, SM_NONE, IOVA + MIB2 - 8, HOST_DATA + MIB2 - 8);
    host_blocked(&h, 0, SM_NONE, IOVA + MIB2);

    /* over the end of a table */
    map(&h, IOVA + 3 * MIB2 / 2 + MIB2, HOST_DATA, MIB2, KIB4);
    all(&h);
    calls(&h, &stats, 2, 0);
    host_good(&h, 0, SM_NONE, IOVA + 3 * MIB2 - 8,
              HOST_DATA + MIB2 / 2 - 8);
    host_good(&h, 0, SM_NONE, IOVA + 3 * MIB2, HOST_DATA + MIB2 / 2);

    /* large pages; one of another size next to them */
    map(&h, IOVA + 16 * MIB2, HOST_DATA, 3 * MIB2, MIB2);
    map(&h, IOVA + 19 * MIB2, HOST_DATA + 3 * MIB2, 2 * KIB4, KIB4);
    all(&h);
    calls(&h, &stats, 2, 0);
    host_good(&h, 0, SM_NONE, IOVA + 18 * MIB2 + 8, HOST_DATA + 2 * MIB2 + 8);
    host_good(&h, 0, SM_NONE, IOVA + 19 * MIB2, HOST_DATA + 3 * MIB2);

    /* other memory, other rights, a gap */
    map(&h, IOVA + 32 * MIB2, HOST_DATA, 2 * KIB4, KIB4);
    map(&h, IOVA + 32 * MIB2 + 2 * KIB4, HOST_DATA + MIB2, 2 * KIB4, KIB4);
    map_with(&h, IOVA + 32 * MIB2 + 4 * KIB4, HOST_DATA + MIB2 + 2 * KIB4,
             2 * KIB4, KIB4, SPEC_SS_R);
    map_with(&h, IOVA + 32 * MIB2 + 7 * KIB4, HOST_DATA + MIB2 + 5 * KIB4,
             2 * KIB4, KIB4, SPEC_SS_R);
    all(&h);
    calls(&h, &stats, 4, 0);
    host_good(&h, 0, SM_NONE, IOVA + 32 * MIB2 + 2 * KIB4, HOST_DATA + MIB2);
    host_blocked(&h, 0, SM_NONE, IOVA + 32 * MIB2 + 6 * KIB4);

    /* what is there is left alone */
    map(&h, IOVA + 40 * MIB2, HOST_DATA, KIB4, KIB4);
    page(&h, IOVA + 40 * MIB2);
    map(&h, IOVA + 40 * MIB2 + KIB4, HOST_DATA + KIB4, KIB4, KIB4);
    page(&h, IOVA + 40 * MIB2 + KIB4);
    calls(&h, &stats, 2, 0);
    all(&h);
    calls(&h, &stats, 0, 0);
    host_end(&h);
}

/* Memory of the host's in several ranges, without a gap for the guest. */
static void test_ranges(void)
{
    uint8_t *memory = mmap(NULL, 4 * MIB2, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ViommuHostStats stats;
    Host h;

    g_assert_true(memory != MAP_FAILED);
    start(&h);
    g_assert_cmpint(viommu_host_map(h.host, MORE, MIB2 / 2, memory, false), ==,
                    0);
    g_assert_cmpint(viommu_host_map(h.host, MORE + MIB2 / 2, MIB2 / 2,
                                    memory + 2 * MIB2, false), ==, 0);
    stats = host_stats(&h);
    map(&h, IOVA, MORE, MIB2, KIB4);
    all(&h);
    calls(&h, &stats, 2, 0);
    g_assert_cmpint(host_read(&h, 0, SM_NONE, IOVA + MIB2 / 2 - 8), ==, TD_OK);
    g_assert_cmpint(host_read(&h, 0, SM_NONE, IOVA + MIB2 / 2), ==, TD_OK);
    /* and each goes for itself */
    g_assert_cmpint(viommu_host_unmap(h.host, MORE, MIB2 / 2), ==, 0);
    calls(&h, &stats, 0, 1);
    host_blocked(&h, 0, SM_NONE, IOVA + MIB2 / 2 - 8);
    g_assert_cmpint(host_read(&h, 0, SM_NONE, IOVA + MIB2 / 2), ==, TD_OK);
    host_end(&h);
    munmap(memory, 4 * MIB2);
}

/* A part of a piece goes: what is left of it is put back at once, without a
 * look at the guest's tables. */
static void test_cut(void)
{
    ViommuHostStats stats;
    Host h;

    start(&h);
    map(&h, IOVA, HOST_DATA, MIB2, KIB4);
    all(&h);
    stats = host_stats(&h);
    unmap(&h, IOVA + 100 * KIB4, KIB4);
    page(&h, IOVA + 100 * KIB4);
    calls(&h, &stats, 2, 1);
    host_blocked(&h, 0, SM_NONE, IOVA + 100 * KIB4);
    host_good(&h, 0, SM_NONE, IOVA + 100 * KIB4 - 8,
              HOST_DATA + 100 * KIB4 - 8);
    host_good(&h, 0, SM_NONE, IOVA + 101 * KIB4, HOST_DATA + 101 * KIB4);

    /* many pages: one cut for all of them */
    unmap(&h, IOVA + 200 * KIB4, 100 * KIB4);
    all(&h);
    calls(&h, &stats, 2, 1);
    host_blocked(&h, 0, SM_NONE, IOVA + 299 * KIB4);
    host_good(&h, 0, SM_NONE, IOVA + 199 * KIB4, HOST_DATA + 199 * KIB4);
    host_good(&h, 0, SM_NONE, IOVA + 300 * KIB4, HOST_DATA + 300 * KIB4);

    /* the rest of what is put back says what it said, not what the guest has
     * written since and not invalidated */
    unmap(&h, IOVA + 310 * KIB4, 2 * KIB4);
    page(&h, IOVA + 310 * KIB4);
    calls(&h, &stats, 2, 1);
    host_blocked(&h, 0, SM_NONE, IOVA + 310 * KIB4);
    host_good(&h, 0, SM_NONE, IOVA + 311 * KIB4, HOST_DATA + 311 * KIB4);
    page(&h, IOVA + 311 * KIB4);
    host_blocked(&h, 0, SM_NONE, IOVA + 311 * KIB4);

    /* the first and the last page; everything */
    stats = host_stats(&h);
    unmap(&h, IOVA, KIB4);
    unmap(&h, IOVA + MIB2 - KIB4, KIB4);
    all(&h);
    calls(&h, &stats, 2, 2);
    host_good(&h, 0, SM_NONE, IOVA + KIB4, HOST_DATA + KIB4);
    host_good(&h, 0, SM_NONE, IOVA + MIB2 - 2 * KIB4,
              HOST_DATA + MIB2 - 2 * KIB4);
    unmap(&h, IOVA, MIB2);
    all(&h);
    calls(&h, &stats, 0, 4);
    host_blocked(&h, 0, SM_NONE, IOVA + KIB4);
    host_end(&h);
}

/* The host refuses one page of what would be a piece (it is reserved there):
 * the others are there nevertheless. */
static void test_parts(void)
{
    const HostsimFailure failure = {
        .call = HOSTSIM_IOCTL, .request = IOMMUFD_IOAS_COPY, .times = 1,
        .error = EINVAL,
    };
    ViommuHostStats before, after;
    Host h;

    start(&h);
    before = host_stats(&h);
    map(&h, IOVA, HOST_DATA, 8 * KIB4, KIB4);
    hostsim_fail(h.sim, &failure);
    all(&h);
    after = host_stats(&h);
    g_assert_cmpuint(after.shadow_maps - before.shadow_maps, ==, 8);
    g_assert_cmpuint(after.errors, ==, before.errors);
    for (unsigned i = 0; i < 8; i++) {
        host_good(&h, 0, SM_NONE, IOVA + i * KIB4, HOST_DATA + i * KIB4);
    }
    host_end(&h);
}

/* --- Much of it ---------------------------------------------------------- */

/* 1 GiB of the process's, of which 2 MiB are memory. */
static uint8_t *sparse_new(uint8_t **room)
{
    int fd = memfd_create("host-pieces", MFD_CLOEXEC);
    uint8_t *memory;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, (off_t)MIB2), ==, 0);
    *room = mmap(NULL, 2 * GIB1, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    g_assert_true(*room != MAP_FAILED);
    memory = *room + (-(uintptr_t)*room & (GIB1 - 1));
    for (uint64_t at = 0; at < GIB1; at += MIB2) {
        g_assert_true(mmap(memory + at, MIB2, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
    }
    close(fd);
    return memory;
}

static void map_memory(Host *h, uint8_t *memory, unsigned gibs)
{
    for (unsigned i = 0; i < gibs; i++) {
        g_assert_cmpint(viommu_host_map(h->host, MORE + i * GIB1, GIB1,
                                        memory, false), ==, 0);
    }
}

static void reaches(Host *h, uint64_t iova, const uint8_t *memory)
{
    uint64_t value;

    g_assert_cmpint(host_read(h, 0, SM_NONE, iova), ==, TD_OK);
    value = GUINT64_TO_LE(host_get(h, 0, TD_BUFFER));
    g_assert_cmpint(memcmp(&value, memory, 8), ==, 0);
}

/* Each table of leaves leads on where the one before ended, so that @gibs GiB
 * need tables of one. */
static void map_gib_again(Host *h, uint64_t first, unsigned gibs)
{
    uint64_t word = guest_read64(&h->f->mem,
                                 guest_ss_entry(h->s->alloc, h->s->ss,
                                                h->s->ss_levels, first, 3));

    for (unsigned i = 1; i < gibs; i++) {
        guest_write64(&h->f->mem,
                      guest_ss_entry_make(h->s->alloc, h->s->ss,
                                          h->s->ss_levels, first + i * GIB1,
                                          3), word);
    }
}

/* 64 GiB without a gap, in pages of 2 MiB. */
static void test_contiguous(void)
{
    uint8_t *room, *memory = sparse_new(&room);
    ViommuHostStats stats;
    Host h;

    start(&h);
    map_memory(&h, memory, 2);
    stats = host_stats(&h);
    for (unsigned i = 0; i < 64; i += 2) {
        map(&h, IOVA + i * GIB1, MORE, 2 * GIB1, MIB2);
    }
    all(&h);
    calls(&h, &stats, 64, 0);
    memcpy(memory + 0x1230, "sparse!", 8);
    reaches(&h, IOVA + 0x1230, memory + 0x1230);
    reaches(&h, IOVA + 63 * GIB1 + 511 * MIB2 + 0x1230, memory + 0x1230);
    host_end(&h);
    munmap(room, 2 * GIB1);
}

/* Nothing is next to what follows it in memory. */
static void scatter(Host *h, uint64_t size)
{
    uint64_t n = size / KIB4;

    for (uint64_t i = 0; i < n; i++) {
        g_assert_true(guest_ss_map(h->s->alloc, h->s->ss, h->s->ss_levels,
                                   IOVA + i * KIB4,
                                   MORE + i * 12345 % n * KIB4, 1,
                                   SPEC_SS_R | SPEC_SS_W));
    }
}

static void run_scattered(uint64_t size, unsigned gibs)
{
    uint8_t *room, *memory = sparse_new(&room);
    ViommuHostStats stats;
    uint64_t n;
    Host h;

    start(&h);
    map_memory(&h, memory, gibs);
    scatter(&h, size);
    if (size == GIB1) {
        map_gib_again(&h, IOVA, gibs);
        size = gibs * GIB1;
    }
    n = size / KIB4;
    stats = host_stats(&h);
    all(&h);
    g_assert_cmpuint(host_stats(&h).shadow_maps - stats.shadow_maps, ==, n);
    g_assert_cmpuint(host_stats(&h).errors, ==, stats.errors);
    memcpy(memory + 12345 % 512 * KIB4, "number 1", 8);
    reaches(&h, IOVA + KIB4, memory + 12345 % 512 * KIB4);
    g_assert_cmpint(host_read(&h, 0, SM_NONE, IOVA + size - 8), ==, TD_OK);
    host_blocked(&h, 0, SM_NONE, IOVA + size);
    host_end(&h);
    munmap(room, 2 * GIB1);
}

static void test_scattered(void)
{
    run_scattered(GIB1 / 16 * 5, 1);
}

/* --- Those that take minutes: with VIOMMU_TEST_SCALE above 1 ------------- */

static void test_long_scattered(void)
{
    run_scattered(GIB1, 64);
}

/* 64 GiB, as 64 times the same one, in pages of 4 KiB. */
static void test_long_contiguous(void)
{
    uint8_t *room, *memory;
    ViommuHostStats stats;
    Host h;

    memory = sparse_new(&room);
    start(&h);
    map_memory(&h, memory, 64);
    stats = host_stats(&h);
    map(&h, IOVA, MORE, GIB1, KIB4);
    map_gib_again(&h, IOVA, 64);
    all(&h);
    calls(&h, &stats, 64 * 512, 0);
    memcpy(memory + 0x1230, "sparse!", 8);
    reaches(&h, IOVA + 63 * GIB1 + 511 * MIB2 + 0x1230, memory + 0x1230);
    host_end(&h);
    munmap(room, 2 * GIB1);
}

/* --- Limits -------------------------------------------------------------- */

/* The wait does not complete: the device timed out.  Then it does. */
static void refused(Host *h)
{
    guest_queue_iotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    type1_wait_refused(h);
    fixture_run(h->f);
}

/* How many mappings a container takes, the kernel tells, or answers when there
 * is no room for one more. */
static unsigned no_room;
static bool tells;

static void hide_room(void *arg)
{
    uint8_t *info = arg;
    VfioIommuInfo head;
    uint32_t at;

    memcpy(&head, info, offsetof(VfioIommuInfo, cap_offset));
    if (head.argsz < sizeof(head)) {
        return;
    }
    memcpy(&head, info, sizeof(head));
    for (at = head.cap_offset; at; ) {
        VfioCapHeader *header = (void *)(info + at);

        if (header->id == VFIO_ABI_IOMMU_CAP_DMA_AVAIL) {
            header->id = 0x7777;
        }
        at = header->next;
    }
}

static int container_ioctl(Bent *b, int fd, unsigned long request, void *arg)
{
    int ret = bent_ioctl(b, fd, request, arg);

    if (request == VFIO_ABI_IOMMU_GET_INFO && !ret && !tells) {
        hide_room(arg);
    }
    no_room += request == VFIO_ABI_MAP_DMA && ret == -ENOSPC;
    return ret;
}

static void start_container(Type1 *t, Bent *b, unsigned limit)
{
    GError *error = NULL;
    ViommuVtdConfig config;
    HostsimConfig sim;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    sim.vsva = HOSTSIM_VSVA_NONE;
    sim.mapping_limit = limit;
    type1_config(&config);
    type1_start_sides(t, &sim, &config);
    bent_install(b, &t->h);
    b->ioctl = container_ioctl;
    no_room = 0;
    type1_connect(t, &error);
    g_assert_no_error(error);
    type1_attach(t, VIOMMU_NESTING_AUTO);
}

static void test_container(gconstpointer told)
{
    const unsigned limit = 40;
    Type1 t;
    Bent b;
    Host *h = &t.h;

    tells = told;
    start_container(&t, &b, limit);
    h->s->entry.pgtt = SPEC_PGTT_SECOND;
    scalable_put_pasid(h->s, 0);
    type1_pasid_cache(&t, 0);
    for (unsigned i = 0; i < limit + 1; i++) {
        map(h, IOVA + 2 * i * KIB4, HOST_DATA + 2 * i * KIB4, KIB4, KIB4);
    }
    refused(h);
    host_good(h, 0, SM_NONE, IOVA + 2 * (limit - 1) * KIB4,
              HOST_DATA + 2 * (limit - 1) * KIB4);
    host_blocked(h, 0, SM_NONE, IOVA + 2 * limit * KIB4);
    /* a kernel that has said so is not asked */
    g_assert_cmpint(no_room != 0, ==, !tells);
    /* less than that: all of it */
    unmap(h, IOVA, KIB4);
    all(h);
    host_blocked(h, 0, SM_NONE, IOVA);
    for (unsigned i = 1; i < limit + 1; i++) {
        host_good(h, 0, SM_NONE, IOVA + 2 * i * KIB4,
                  HOST_DATA + 2 * i * KIB4);
    }
    /* as neighbours, many more than that */
    unmap(h, IOVA, 2 * limit * KIB4);
    map(h, IOVA, HOST_DATA, 2 * MIB2, KIB4);
    all(h);
    host_good(h, 0, SM_NONE, IOVA, HOST_DATA);
    host_good(h, 0, SM_NONE, IOVA + 2 * MIB2 - 8, HOST_DATA + 2 * MIB2 - 8);
    type1_end(&t);
}

/* Tables that lead to themselves: 2^36 pages in four levels. */
static void test_endless(void)
{
    uint64_t word;
    Host h;

    start(&h);
    word = h.s->ss | SPEC_SS_R | SPEC_SS_W;
    for (unsigned i = 0; i < 512; i++) {
        guest_write64(&h.f->mem, h.s->ss + 8 * i, word);
    }
    refused(&h);
    g_assert_cmpuint(host_stats(&h).shadow_maps, <=,
                     (UINT64_C(1) << 16) + 2 * FIXTURE_RAM / KIB4);
    /* and with tables of sense again, everything is right */
    for (unsigned i = 0; i < 512; i++) {
        guest_write64(&h.f->mem, h.s->ss + 8 * i, 0);
    }
    all(&h);
    map(&h, IOVA, HOST_DATA, KIB4, KIB4);
    all(&h);
    host_good(&h, 0, SM_NONE, IOVA, HOST_DATA);
    host_end(&h);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-pieces/merged", test_merged);
    g_test_add_func("/host-pieces/ranges", test_ranges);
    g_test_add_func("/host-pieces/cut", test_cut);
    g_test_add_func("/host-pieces/parts", test_parts);
    if (sizeof(void *) > 4) {       /* room for so much memory */
        g_test_add_func("/host-pieces/contiguous", test_contiguous);
        g_test_add_func("/host-pieces/scattered", test_scattered);
    }
    g_test_add_data_func("/host-pieces/container/told", "told",
                         test_container);
    g_test_add_data_func("/host-pieces/container/not-told", NULL,
                         test_container);
    g_test_add_func("/host-pieces/endless", test_endless);
    if (fixture_scale() > 1 && sizeof(void *) > 4) {
        g_test_add_func("/host-pieces/long/scattered", test_long_scattered);
        g_test_add_func("/host-pieces/long/contiguous", test_long_contiguous);
    }
    return g_test_run();
}
