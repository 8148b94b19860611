/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest memory in a simulated host's address space, and who has written to
 * it. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/unit/host-world.h"

/* Guest memory comes and goes, of files too; read-only memory is not there. */
static void test_memory(void)
{
    uint64_t size = 4 << 20, at = FIXTURE_RAM, value;
    int fd = memfd_create("host-memory", MFD_CLOEXEC);
    HostsimUsage before;
    uint8_t *memory;
    Host h;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, (off_t)size), ==, 0);
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(memory != MAP_FAILED);
    host_start(&h);
    g_assert_true(guest_command(&h.f->regs, 0, SPEC_GCMD_TE));
    host_blocked(&h, 0, SM_NONE, at + HOST_PAGE);
    before = host_usage(&h);
    g_assert_cmpint(viommu_host_map_file(h.host, at, size - HOST_PAGE, fd,
                                         HOST_PAGE, memory + HOST_PAGE,
                                         false), ==, 0);
    g_assert_cmpuint(host_usage(&h).pinned, ==, before.pinned + size -
                     HOST_PAGE);
    memcpy(memory + 2 * HOST_PAGE, "file's", 7);
    g_assert_cmpint(host_read(&h, 0, SM_NONE, at + HOST_PAGE), ==, TD_OK);
    value = GUINT64_TO_LE(host_get(&h, 0, TD_BUFFER));
    g_assert_cmpint(memcmp(&value, "file's", 7), ==, 0);

    /* overlaps, pieces, nothing */
    g_assert_cmpint(viommu_host_map(h.host, at + HOST_PAGE, HOST_PAGE, memory,
                                    false), ==, -EEXIST);
    g_assert_cmpint(viommu_host_map(h.host, at - HOST_PAGE, size, memory,
                                    false), ==, -EEXIST);
    g_assert_cmpint(viommu_host_map(h.host, at, 0, memory, false), ==,
                    -EINVAL);
    g_assert_cmpint(viommu_host_map(h.host, UINT64_MAX - HOST_PAGE + 1,
                                    2 * HOST_PAGE, memory, false), ==,
                    -EINVAL);
    g_assert_cmpint(viommu_host_unmap(h.host, at + HOST_PAGE, HOST_PAGE), ==,
                    -ENOENT);
    g_assert_cmpint(viommu_host_unmap(h.host, at + 2 * size, HOST_PAGE), ==,
                    -ENOENT);
    g_assert_cmpint(viommu_host_unmap(h.host, at, size), ==, 0);
    g_assert_cmpuint(host_usage(&h).pinned, ==, before.pinned);
    host_blocked(&h, 0, SM_NONE, at + HOST_PAGE);
    g_assert_cmpint(viommu_host_map(h.host, at, size, memory, true), ==, 0);
    host_blocked(&h, 0, SM_NONE, at + HOST_PAGE);
    g_assert_cmpint(viommu_host_unmap(h.host, at, size), ==, 0);
    host_end(&h);
    munmap(memory, size);
    close(fd);
}

static void test_dirty(void)
{
    uint64_t bitmap[FIXTURE_RAM / 4096 / 64] = { 0 };
    uint64_t page = HOST_DATA / HOST_PAGE;
    Host h;

    host_start(&h);
    g_assert_cmpint(viommu_host_set_dirty_tracking(h.host, true), ==, 0);
    g_assert_cmpint(viommu_host_get_dirty(h.host, 0, FIXTURE_RAM, 4096,
                                          bitmap), ==, 0);
    memset(bitmap, 0, sizeof(bitmap));
    host_set(&h, 0, TD_PASID, TD_PASID_ENABLE | PRI_PASID);
    host_set(&h, 0, TD_DST, HOST_VA);
    host_set(&h, 0, TD_LENGTH, 8);
    g_assert_cmpint(host_command(&h, 0, TD_WRITE), ==, TD_OK);
    g_assert_cmpint(viommu_host_get_dirty(h.host, 0, FIXTURE_RAM, 4096,
                                          bitmap), ==, 0);
    g_assert_cmphex(bitmap[page / 64] >> (page % 64) & 1, ==, 1);
    /* the host may have large pages; the next one was not written to */
    g_assert_cmphex(bitmap[page / 64 + 16], ==, 0);
    memset(bitmap, 0, sizeof(bitmap));
    g_assert_cmpint(viommu_host_get_dirty(h.host, 0, FIXTURE_RAM, 4096,
                                          bitmap), ==, 0);
    g_assert_cmphex(bitmap[page / 64], ==, 0);
    g_assert_cmpint(viommu_host_get_dirty(h.host, 0, FIXTURE_RAM, 4095,
                                          bitmap), ==, -EINVAL);
    g_assert_cmpint(viommu_host_set_dirty_tracking(h.host, false), ==, 0);
    host_end(&h);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-memory/ranges", test_memory);
    g_test_add_func("/host-memory/dirty", test_dirty);
    return g_test_run();
}
